//! An agent that says anything at any time: the daemon must not panic, hold more than it granted, or
//! leave anybody waiting.

use std::time::Duration;

use codebeaker_agent::frame::STREAM_WINDOW;
use codebeaker_agent::wire::find::{By, FOUND_BYTES, Find, FindEnd};
use codebeaker_agent::wire::{
    Cause, End, Endpoint, Existing, Exited, FileEntry, FileKind, FileStat, FileTag, FromAgent, TransferFault, VERSION,
};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, WriteHalf};

use super::*;

/// What happens next, on either side.
#[derive(Debug, Clone)]
enum Turn {
    Say(FromAgent),
    Frame(Kind, u32, usize),
    Noise(Vec<u8>),
    Spawn { terminal: bool, side: bool, patient: bool },
    Connect { patient: bool },
    List,
    Find,
    Write(usize),
    GiveUp,
}

fn stat() -> FileStat {
    let tag = FileTag { inode: 1, size: u64::MAX, modified_nanos: i64::MIN };
    FileStat { kind: FileKind::Other, tag, mode: u32::MAX }
}

fn reply() -> impl Strategy<Value = Result<FileReply, FileFault>> {
    let entries = (0usize..6, any::<bool>(), any::<bool>()).prop_map(|(count, last, truncated)| {
        let entry = FileEntry { path: b"../\xff".to_vec(), stat: stat() };
        FileReply::Entries { entries: vec![entry; count], last, truncated }
    });
    prop_oneof![
        prop_oneof![any::<i32>(), 1i32..40].prop_map(|errno| Err(FileFault { errno })),
        entries.prop_map(Ok),
        any::<bool>().prop_map(|created| Ok(FileReply::Written { stat: stat(), created })),
        (0usize..9).prop_map(|length| Ok(FileReply::Data { data: vec![7; length], stat: stat() })),
        any::<u64>().prop_map(|count| Ok(FileReply::Removed { count })),
        any::<i32>().prop_map(|errno| Ok(FileReply::NotTransferred(TransferFault {
            errno,
            end: End::Target,
            below: vec![b'\xff'; 5000],
            done: errno < 0,
        }))),
        (prop::collection::vec(any::<u8>(), 0..40), any::<bool>())
            .prop_map(|(data, last)| { Ok(FileReply::Found { data, end: last.then_some(FindEnd::Finished) }) }),
    ]
}

fn message() -> impl Strategy<Value = FromAgent> {
    let execution = 1u32..4;
    let exited = (execution.clone(), any::<Option<i32>>(), any::<Option<i32>>(), any::<u64>());
    prop_oneof![
        1 => Just(FromAgent::Ready(Ready { version: VERSION, ..Ready::default() })),
        1 => any::<i32>().prop_map(|errno| FromAgent::SetupFailed { step: "\x1b[2J".to_owned(), errno }),
        20 => (execution.clone(), any::<u32>()).prop_map(|(execution, pid)| FromAgent::Started { execution, pid }),
        6 => (execution, 0i32..40, ".{0,20}")
            .prop_map(|(execution, errno, step)| FromAgent::NotStarted { execution, step, errno }),
        6 => exited.prop_map(|(execution, code, signal, number)| FromAgent::Exited(Exited {
            execution, code, signal, cause: Some(Cause::Memory), cpu_micros: number, peak_memory_bytes: number, oom_kills: Some(number),
        })),
        6 => (1u32..6).prop_map(|conduit| FromAgent::Connected { conduit }),
        3 => (1u32..6, 0i32..40, ".{0,20}")
            .prop_map(|(conduit, errno, step)| FromAgent::NotConnected { conduit, step, errno }),
        6 => (1u32..4, reply()).prop_map(|(request, result)| FromAgent::File { request, result }),
    ]
}

fn turn() -> impl Strategy<Value = Turn> {
    let kind = prop::sample::select(vec![Kind::Data, Kind::Data, Kind::Data, Kind::End, Kind::Credit]);
    prop_oneof![
        12 => message().prop_map(Turn::Say),
        12 => (kind, 4u32..24, prop::sample::select(vec![0, 1, 4, 5000, frame::MAX_DATA_BYTES]))
            .prop_map(|(kind, channel, length)| Turn::Frame(kind, channel, length)),
        1 => prop::collection::vec(any::<u8>(), 1..40).prop_map(Turn::Noise),
        6 => (any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(terminal, side, patient)| Turn::Spawn { terminal, side, patient }),
        4 => any::<bool>().prop_map(|patient| Turn::Connect { patient }),
        3 => Just(Turn::List),
        3 => Just(Turn::Find),
        2 => prop::sample::select(vec![0, 10, 2 * wire::FILE_CHUNK_BYTES + 1]).prop_map(Turn::Write),
        1 => Just(Turn::GiveUp),
    ]
}

/// Runs a program as a session would: its streams, its input and its end at the same time.
async fn run(link: Link, terminal: bool, side: bool, patient: bool) {
    let mut program = Program::new(vec!["true".to_owned()], Vec::new());
    program.stdin = true;
    program.side = side;
    program.terminal = terminal.then_some(TerminalSize { cols: 1, rows: 1 });
    let Ok(mut process) = link.spawn(program).await else { return };
    let (stdin, outputs) = (process.stdin(), [Stream::Stdout, Stream::Stderr].map(|stream| process.output(stream)));
    if !patient {
        return;
    }
    let side = process.side().map(relay);
    let side = async {
        if let Some(side) = side {
            side.await;
        }
    };
    let [stdout, stderr] = outputs.map(|mut output| async move {
        while let Ok(Some(bytes)) = output.next().await {
            assert!(bytes.len() <= STREAM_WINDOW as usize, "more than was granted is held");
            if output.grant(bytes.len()).await.is_err() {
                return;
            }
        }
    });
    let feed = async { drop(stdin.write(&vec![0; STREAM_WINDOW as usize + 1]).await) };
    drop(tokio::join!(stdout, stderr, feed, side, process.ended()));
}

/// Uses a two-way stream as an adapter would: both ways at the same time, each to its end.
async fn relay(conduit: Conduit) {
    let (mut reader, mut writer) = tokio::io::split(conduit);
    let hear = async {
        let mut bytes = vec![0; 2 * STREAM_WINDOW as usize];
        while let Ok(length @ 1..) = reader.read(&mut bytes).await {
            assert!(length <= STREAM_WINDOW as usize, "more than was granted is held");
        }
    };
    let speak = async {
        drop(writer.write_all(&vec![0; STREAM_WINDOW as usize + 1]).await);
        drop(writer.shutdown().await);
    };
    tokio::join!(hear, speak);
}

async fn connect(link: Link, patient: bool) {
    let Ok(conduit) = link.connect(Endpoint::Port(9)).await else { return };
    if patient {
        relay(conduit).await;
    }
}

async fn find(link: Link) {
    let by = By::Name { patterns: vec!["*".to_owned()], limit: 4 };
    let find = Find { path: Vec::new(), hidden: true, gitignore: true, exclude: Vec::new(), millis: 1000, by };
    if let Ok((data, _)) = link.find(find).await {
        assert!(data.len() <= FOUND_BYTES, "more than was asked for is held");
    }
}

async fn list(link: Link) {
    let op = FileOp::List { path: Vec::new(), depth: 1, hidden: true, limit: 8 };
    if let Ok(FileReply::Entries { entries, .. }) = link.file(op).await {
        assert!(entries.len() <= 8, "more than was asked for");
    }
}

async fn save(link: Link, length: usize) {
    let target = WriteTarget {
        path: b"x".to_vec(),
        area: Area::Workspace,
        existing: Existing::Replace,
        mode: None,
        parents: false,
        if_match: None,
    };
    drop(link.write_file(target, vec![0; length].into()).await);
}

async fn send(stream: &mut WriteHalf<DuplexStream>, bytes: &[u8]) {
    // A daemon that has had enough doesn't listen any more.
    drop(stream.write_all(bytes).await);
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

async fn play(turns: Vec<Turn>) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (mut heard, mut stream) = tokio::io::split(theirs);
    tokio::spawn(async move { tokio::io::copy(&mut heard, &mut tokio::io::sink()).await });
    let message = |message: &FromAgent| {
        let mut bytes = Vec::new();
        frame::append(&mut bytes, Kind::Control, Channel::CONTROL, &postcard::to_stdvec(message).unwrap());
        bytes
    };
    send(&mut stream, &message(&FromAgent::Ready(Ready { version: VERSION, ..Ready::default() }))).await;
    let (reader, writer) = tokio::io::split(ours);
    let (link, _) = Link::open(reader, writer).await.unwrap();
    let mut waiting = Vec::new();
    for turn in turns {
        match turn {
            Turn::Say(what) => send(&mut stream, &message(&what)).await,
            Turn::Frame(kind, channel, length) => {
                let mut bytes = Vec::new();
                frame::append(&mut bytes, kind, Channel(channel), &vec![1; length]);
                send(&mut stream, &bytes).await;
            }
            Turn::Noise(bytes) => send(&mut stream, &bytes).await,
            Turn::Spawn { terminal, side, patient } => {
                waiting.push(tokio::spawn(run(link.clone(), terminal, side, patient)));
            }
            Turn::Connect { patient } => waiting.push(tokio::spawn(connect(link.clone(), patient))),
            Turn::List => waiting.push(tokio::spawn(list(link.clone()))),
            Turn::Find => waiting.push(tokio::spawn(find(link.clone()))),
            Turn::Write(length) => waiting.push(tokio::spawn(save(link.clone(), length))),
            Turn::GiveUp => drop(waiting.pop().map(|task| task.abort())),
        }
        tokio::task::yield_now().await;
    }
    // Both halves are needed to close a duplex stream, and one is with the task that listens.
    stream.shutdown().await.unwrap_or_default();
    for task in waiting {
        match tokio::time::timeout(Duration::from_secs(10), task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => assert!(error.is_cancelled(), "{error}"),
            Err(_) => panic!("somebody waits for an agent that is gone"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn nobody_waits_for_an_agent_that_says_anything_and_goes(more in prop::collection::vec(turn(), 0..20)) {
        // Most of what is said at random is about the first three of each.
        let mut turns = vec![Turn::Spawn { terminal: false, side: true, patient: true }; 3];
        turns.extend([Turn::Connect { patient: true }, Turn::Connect { patient: true }, Turn::List, Turn::Find, Turn::Write(10)]);
        turns.extend(more);
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(play(turns));
    }
}

#[tokio::test]
async fn an_agent_that_takes_a_start_back_leaves_nobody_waiting() {
    let spawn = Turn::Spawn { terminal: false, side: true, patient: true };
    let started = FromAgent::Started { execution: 1, pid: 2 };
    let not_started = FromAgent::NotStarted { execution: 1, step: "fork".to_owned(), errno: 11 };
    play(vec![spawn.clone(), Turn::Say(started), Turn::Say(not_started)]).await;
    let exited = Exited { execution: 1, code: Some(0), ..Exited::default() };
    let ends = [5, 6].map(|channel| Turn::Frame(Kind::End, channel, 0)).to_vec();
    play([vec![spawn], ends, vec![Turn::Say(FromAgent::Exited(exited))]].concat()).await;
}
