use codebeaker_agent::frame::{self, Channel, HEADER_BYTES, Kind};
use codebeaker_agent::wire::{FromAgent, Ready, Spawn, VERSION};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::*;
use crate::agent::link::{Link, Program};

async fn say(agent: &mut DuplexStream, message: &FromAgent) {
    let mut bytes = Vec::new();
    frame::append(&mut bytes, Kind::Control, Channel::CONTROL, &postcard::to_stdvec(message).unwrap());
    agent.write_all(&bytes).await.unwrap();
}

/// The next frame that the daemon sent.
async fn hear(agent: &mut DuplexStream) -> (Kind, Channel, Vec<u8>) {
    let mut bytes = vec![0; HEADER_BYTES];
    agent.read_exact(&mut bytes).await.unwrap();
    let length = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
    bytes.resize(HEADER_BYTES + length, 0);
    agent.read_exact(&mut bytes[HEADER_BYTES..]).await.unwrap();
    let (frame, _) = frame::decode(&bytes).unwrap().unwrap();
    (frame.kind, frame.channel, frame.payload.to_vec())
}

/// A link, the agent's end of it, and a program that runs there. No more than `room` bytes are on their way
/// to the agent at one time.
async fn running(room: usize) -> (Link, DuplexStream, Process) {
    let (ours, mut agent) = tokio::io::duplex(room);
    say(&mut agent, &FromAgent::Ready(Ready { version: VERSION, ..Ready::default() })).await;
    let (reader, writer) = tokio::io::split(ours);
    let (link, _) = Link::open(reader, writer).await.unwrap();
    let mut program = Program::new(vec!["cat".to_owned()], Vec::new());
    program.stdin = true;
    let (process, agent) = tokio::join!(link.spawn(program), async {
        let (_, _, payload) = hear(&mut agent).await;
        let ToAgent::Spawn(Spawn { execution, .. }) = postcard::from_bytes(&payload).unwrap() else {
            panic!("a program was asked for")
        };
        say(&mut agent, &FromAgent::Started { execution, pid: 9 }).await;
        agent
    });
    let process = process.unwrap();
    (link, agent, process)
}

#[tokio::test]
async fn input_that_is_given_up_uses_up_no_room() {
    const PIECE: [u8; 1024] = [b'x'; 1024];
    let (_link, mut agent, process) = running(1024).await;
    let stdin = process.stdin();
    // More often than the program's room has pieces. Most are given up before they are on their way, as
    // the agent takes nothing meanwhile.
    for _ in 0..2 * STREAM_WINDOW as usize / PIECE.len() {
        let write = Box::pin(stdin.write(&PIECE));
        drop(futures::future::select(write, Box::pin(tokio::task::yield_now())).await);
    }
    let heard = async {
        loop {
            let (kind, channel, payload) = hear(&mut agent).await;
            assert_eq!((kind, channel), (Kind::Data, super::channel(1, Stream::Stdin)));
            if payload == b"end" {
                return;
            }
        }
    };
    let both = futures::future::join(stdin.write(b"end"), heard);
    tokio::time::timeout(std::time::Duration::from_secs(30), both).await.expect("there is room").0.unwrap();
}

#[tokio::test]
async fn a_program_that_nobody_wants_is_killed_even_while_the_stream_is_full() {
    let (link, mut agent, process) = running(64).await;
    let signals = process.signals();
    let crowd: Vec<_> = (0..200)
        .map(|_| {
            let signals = signals.clone();
            tokio::spawn(async move { signals.send(1, Reach::Foreground).await })
        })
        .collect();
    tokio::task::yield_now().await;
    drop(process);
    let mut hangups = 0;
    let mut granted = Vec::new();
    let mut killed = false;
    while granted.len() < 2 {
        match hear(&mut agent).await {
            (Kind::Control, _, payload) => match postcard::from_bytes(&payload).unwrap() {
                ToAgent::Signal { signal: 1, .. } => hangups += 1,
                ToAgent::Signal { signal: 9, reach: Reach::Tree, .. } => killed = true,
                other => panic!("{other:?}"),
            },
            (Kind::Credit, channel, _) => granted.push(channel),
            other => panic!("{other:?}"),
        }
    }
    assert!(killed, "after {hangups} other signals");
    for signal in crowd {
        signal.await.unwrap().unwrap();
    }
    drop(link);
}

#[tokio::test]
async fn what_is_longer_than_a_frame_is_refused_and_harms_nothing() {
    let (link, _agent, _process) = running(1 << 20).await;
    let long = "x".repeat(frame::MAX_PAYLOAD_BYTES);
    let refused = link.spawn(Program::new(vec![long], Vec::new())).await;
    assert!(matches!(refused, Err(LinkError::TooLong { .. })), "{refused:?}");
}
