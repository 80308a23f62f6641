//! Two-way streams against an agent that the test plays.

use codebeaker_agent::frame::{self, Channel, HEADER_BYTES};
use codebeaker_agent::wire::{Exited, FromAgent, MAX_CONDUITS, Ready, VERSION};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::*;
use crate::agent::link::Program;
use crate::agent::process::Process;

/// The agent's end of a link.
struct Agent(DuplexStream);

impl Agent {
    async fn linked() -> (Link, Self) {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let mut agent = Self(theirs);
        agent.say(&FromAgent::Ready(Ready { version: VERSION, ..Ready::default() })).await;
        let (reader, writer) = tokio::io::split(ours);
        (Link::open(reader, writer).await.unwrap().0, agent)
    }

    async fn send(&mut self, kind: Kind, channel: Channel, payload: &[u8]) {
        let mut bytes = Vec::new();
        frame::append(&mut bytes, kind, channel, payload);
        self.0.write_all(&bytes).await.unwrap();
    }

    async fn say(&mut self, message: &FromAgent) {
        self.send(Kind::Control, Channel::CONTROL, &postcard::to_stdvec(message).unwrap()).await;
    }

    async fn data(&mut self, number: u32, bytes: &[u8]) {
        for piece in bytes.chunks(MAX_DATA_BYTES) {
            self.send(Kind::Data, Channel::of(number, Stream::Side), piece).await;
        }
    }

    async fn end(&mut self, number: u32) {
        self.send(Kind::End, Channel::of(number, Stream::Side), &[]).await;
    }

    /// The next frame that the daemon sent.
    async fn frame(&mut self) -> (Kind, Channel, Vec<u8>) {
        let mut bytes = vec![0; HEADER_BYTES];
        self.0.read_exact(&mut bytes).await.unwrap();
        let length = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
        bytes.resize(HEADER_BYTES + length, 0);
        self.0.read_exact(&mut bytes[HEADER_BYTES..]).await.unwrap();
        let (frame, _) = frame::decode(&bytes).unwrap().unwrap();
        (frame.kind, frame.channel, frame.payload.to_vec())
    }

    async fn asked(&mut self) -> ToAgent {
        let (kind, _, payload) = self.frame().await;
        assert_eq!(kind, Kind::Control);
        postcard::from_bytes(&payload).unwrap()
    }

    /// Has a conduit made.
    async fn connects(&mut self, link: &Link) -> (u32, Conduit) {
        let (conduit, number) = tokio::join!(link.connect(Endpoint::Port(80)), async {
            let ToAgent::Connect { conduit, .. } = self.asked().await else { panic!("a conduit was asked for") };
            self.say(&FromAgent::Connected { conduit }).await;
            conduit
        });
        (number, conduit.unwrap())
    }

    /// Has a program started that has a stream beside.
    async fn starts(&mut self, link: &Link) -> (u32, Process) {
        let mut program = Program::new(vec!["true".to_owned()], Vec::new());
        program.side = true;
        let (process, number) = tokio::join!(link.spawn(program), async {
            let ToAgent::Spawn(spawn) = self.asked().await else { panic!("a program was asked for") };
            assert!(spawn.side);
            self.say(&FromAgent::Started { execution: spawn.execution, pid: 2 }).await;
            spawn.execution
        });
        (number, process.unwrap())
    }

    async fn exits(&mut self, execution: u32) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            self.send(Kind::End, Channel::of(execution, stream), &[]).await;
        }
        let exited = Exited { execution, code: Some(0), ..Exited::default() };
        self.say(&FromAgent::Exited(exited)).await;
    }
}

fn conduits(link: &Link) -> usize {
    link.shared.table().conduits.len()
}

#[tokio::test]
async fn both_ways_are_read_and_written_as_a_socket_is() {
    let (link, mut agent) = Agent::linked().await;
    let (number, mut conduit) = agent.connects(&link).await;
    agent.data(number, b"hello").await;
    agent.end(number).await;
    let mut heard = Vec::new();
    conduit.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"hello");
    conduit.write_all(b"bye").await.unwrap();
    conduit.shutdown().await.unwrap();
    assert_eq!(conduit.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    drop(conduit);
    let channel = Channel::of(number, Stream::Side);
    assert_eq!(agent.frame().await, (Kind::Data, channel, b"bye".to_vec()));
    assert_eq!(agent.frame().await, (Kind::End, channel, Vec::new()));
    assert_eq!(agent.asked().await, ToAgent::Disconnect { conduit: number });
    assert_eq!(conduits(&link), 0);
}

#[tokio::test]
async fn a_writer_waits_for_room_and_a_reader_makes_some() {
    let (link, mut agent) = Agent::linked().await;
    let (number, conduit) = agent.connects(&link).await;
    let (mut reader, mut writer) = tokio::io::split(conduit);
    let writing = tokio::spawn(async move { writer.write_all(&vec![7; 3 * STREAM_WINDOW as usize]).await });
    let (mut came, mut left) = (0, 3 * STREAM_WINDOW as usize);
    while left > 0 {
        let (kind, _, payload) = agent.frame().await;
        assert_eq!(kind, Kind::Data);
        came += payload.len();
        left -= payload.len();
        assert!(came <= STREAM_WINDOW as usize, "{came} bytes came without credit");
        if came == STREAM_WINDOW as usize {
            came = 1000;
            agent.send(Kind::Credit, Channel::of(number, Stream::Side), &(STREAM_WINDOW - 1000).to_le_bytes()).await;
        }
    }
    writing.await.unwrap().unwrap();
    // All that may be under way; then as much again for as much as was granted.
    let mut granted = 0;
    agent.data(number, &vec![7; STREAM_WINDOW as usize]).await;
    let mut bytes = vec![0; STREAM_WINDOW as usize];
    reader.read_exact(&mut bytes).await.unwrap();
    while granted < STREAM_WINDOW as usize / 2 {
        let (kind, _, payload) = agent.frame().await;
        assert_eq!(kind, Kind::Credit);
        granted += u32::from_le_bytes(payload.try_into().unwrap()) as usize;
    }
    agent.data(number, &vec![8; granted]).await;
    reader.read_exact(&mut bytes[..granted]).await.unwrap();
    assert_eq!(bytes[granted - 1], 8);
}

#[tokio::test]
async fn what_was_not_granted_or_not_asked_for_ends_the_link() {
    for breach in 0..8 {
        let (link, mut agent) = Agent::linked().await;
        let (number, conduit) = agent.connects(&link).await;
        let channel = Channel::of(number, Stream::Side);
        match breach {
            0 => agent.data(number, &vec![0; STREAM_WINDOW as usize + 1]).await,
            1 => agent.data(number + 1, b"x").await,
            2 => agent.end(number + 1).await,
            3 => agent.say(&FromAgent::Connected { conduit: number }).await,
            4 => agent.send(Kind::Credit, channel, &1u32.to_le_bytes()).await,
            5 => agent.say(&FromAgent::NotConnected { conduit: number, step: "connect".to_owned(), errno: 1 }).await,
            6 => {
                agent.end(number).await;
                agent.end(number).await;
            }
            _ => {
                agent.end(number).await;
                agent.data(number, b"x").await;
            }
        }
        assert!(link.lost().await.to_string().contains("broke the protocol"), "{breach}");
        drop(conduit);
    }
}

#[tokio::test]
async fn nothing_comes_before_it_stands() {
    for end in [false, true] {
        let (link, mut agent) = Agent::linked().await;
        let connecting = link.connect(Endpoint::Port(80));
        let (connected, ()) = tokio::join!(connecting, async {
            let ToAgent::Connect { conduit, .. } = agent.asked().await else { panic!("a conduit was asked for") };
            if end { agent.end(conduit).await } else { agent.data(conduit, b"x").await }
        });
        assert!(matches!(connected, Err(LinkError::Lost(_))));
    }
}

#[tokio::test]
async fn a_refusal_says_why_and_leaves_nothing() {
    let (link, mut agent) = Agent::linked().await;
    let (refused, ()) = tokio::join!(link.connect(Endpoint::Port(80)), async {
        let ToAgent::Connect { conduit, .. } = agent.asked().await else { panic!("a conduit was asked for") };
        agent.say(&FromAgent::NotConnected { conduit, step: "connect\n".to_owned(), errno: 111 }).await;
    });
    let Err(LinkError::NotConnected { step, errno: 111 }) = refused else { panic!("{refused:?}") };
    assert_eq!(step, "connect\u{FFFD}");
    assert_eq!(conduits(&link), 0);
}

#[tokio::test]
async fn who_gives_up_waiting_leaves_nothing_behind() {
    let (link, mut agent) = Agent::linked().await;
    let connecting = tokio::spawn({
        let link = link.clone();
        async move { link.connect(Endpoint::Unix(b"/tmp/x".to_vec())).await }
    });
    let ToAgent::Connect { conduit, .. } = agent.asked().await else { panic!("a conduit was asked for") };
    connecting.abort();
    assert_eq!(agent.asked().await, ToAgent::Disconnect { conduit });
    // The agent had connected before it heard that.
    agent.say(&FromAgent::Connected { conduit }).await;
    agent.data(conduit, b"unheard").await;
    agent.end(conduit).await;
    let (number, _conduit) = agent.connects(&link).await;
    assert_eq!((number, conduits(&link)), (conduit + 1, 1));
}

#[tokio::test]
async fn there_is_an_end_to_how_many_an_agent_may_keep() {
    let (link, mut agent) = Agent::linked().await;
    for _ in 0..MAX_CONDUITS {
        // Let go of, but the agent never says that it is done with them.
        drop(agent.connects(&link).await);
        assert!(matches!(agent.asked().await, ToAgent::Disconnect { .. }));
    }
    assert!(matches!(link.connect(Endpoint::Port(80)).await, Err(LinkError::NotConnected { errno: 24, .. })));
    agent.end(1).await;
    while conduits(&link) == MAX_CONDUITS {
        tokio::task::yield_now().await;
    }
    assert_eq!(agent.connects(&link).await.0, MAX_CONDUITS as u32 + 1);
}

#[tokio::test]
async fn a_sandbox_that_goes_is_an_error_at_both_ends() {
    let (link, mut agent) = Agent::linked().await;
    let (number, conduit) = agent.connects(&link).await;
    let (mut reader, mut writer) = tokio::io::split(conduit);
    agent.data(number, b"last").await;
    let writing = tokio::spawn(async move { writer.write_all(&vec![7; 3 * STREAM_WINDOW as usize]).await });
    let mut last = [0; 4];
    reader.read_exact(&mut last).await.unwrap();
    let reading = tokio::spawn(async move { reader.read(&mut [0; 9]).await });
    tokio::task::yield_now().await;
    link.close("the test has seen enough");
    for error in [writing.await.unwrap().unwrap_err(), reading.await.unwrap().unwrap_err()] {
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
        assert!(error.to_string().contains("the test has seen enough"), "{error}");
    }
}

#[tokio::test]
async fn the_stream_beside_ends_with_its_program() {
    let (link, mut agent) = Agent::linked().await;
    let (number, mut process) = agent.starts(&link).await;
    let mut side = process.side().expect("it was asked for");
    assert!(process.side().is_none(), "there is one");
    agent.data(number, b"last").await;
    agent.exits(number).await;
    assert_eq!(process.ended().await.unwrap().code, Some(0));
    agent.end(number).await;
    let mut heard = Vec::new();
    side.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"last");
    assert_eq!(side.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    // Credit that was on its way.
    agent.send(Kind::Credit, Channel::of(number, Stream::Side), &5u32.to_le_bytes()).await;
    drop((side, process));
    assert_eq!(agent.connects(&link).await.0, number + 1);
}

#[tokio::test]
async fn a_stream_beside_that_nobody_wants_is_closed_while_the_program_runs() {
    let (link, mut agent) = Agent::linked().await;
    let (number, mut process) = agent.starts(&link).await;
    drop(process.side());
    assert_eq!(agent.asked().await, ToAgent::Disconnect { conduit: number });
    agent.data(number, b"unheard").await;
    agent.end(number).await;
    agent.exits(number).await;
    assert_eq!(process.ended().await.unwrap().code, Some(0));
    assert_eq!(conduits(&link), 0);
}
