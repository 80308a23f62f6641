use codebeaker_agent::frame::{self, Channel, HEADER_BYTES, Kind, Stream};
use codebeaker_agent::wire::{Exited, FromAgent, Reach, Ready, ToAgent, VERSION};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::super::{Gap, Outcome, Output};
use super::*;
use crate::ids::{ExecutionId, SessionId};

/// An agent that does what a test says, at the other end of a link.
struct Agent(DuplexStream);

impl Agent {
    async fn connect() -> (Link, Self) {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let mut agent = Self(theirs);
        agent.say(&FromAgent::Ready(Ready { version: VERSION, ..Ready::default() })).await;
        let (reader, writer) = tokio::io::split(ours);
        (Link::open(reader, writer).await.unwrap().0, agent)
    }

    async fn say(&mut self, message: &FromAgent) {
        let mut bytes = Vec::new();
        frame::append(&mut bytes, Kind::Control, Channel::CONTROL, &postcard::to_stdvec(message).unwrap());
        self.0.write_all(&bytes).await.unwrap();
    }

    async fn hear(&mut self) -> ToAgent {
        let mut header = [0; HEADER_BYTES];
        self.0.read_exact(&mut header).await.unwrap();
        let mut payload = vec![0; u32::from_le_bytes(header[..4].try_into().unwrap()) as usize];
        self.0.read_exact(&mut payload).await.unwrap();
        postcard::from_bytes(&payload).unwrap()
    }

    /// Starts the program that is asked for.
    async fn start(&mut self) {
        let ToAgent::Spawn(spawn) = self.hear().await else { panic!("a program is asked for first") };
        self.say(&FromAgent::Started { execution: spawn.execution, pid: 7 }).await;
    }

    async fn end(&mut self, signal: i32) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let mut bytes = Vec::new();
            frame::append(&mut bytes, Kind::End, Channel::of(1, stream), &[]);
            self.0.write_all(&bytes).await.unwrap();
        }
        let signal = Some(signal);
        let exited = Exited {
            execution: 1,
            code: None,
            signal,
            cause: None,
            cpu_micros: 0,
            peak_memory_bytes: 0,
            oom_kills: None,
        };
        self.say(&FromAgent::Exited(exited)).await;
    }
}

/// A client that takes what it is told only when it is let go.
struct Listener {
    hears: Semaphore,
    fails: bool,
}

impl Listener {
    fn new() -> Self {
        Self { hears: Semaphore::new(0), fails: false }
    }
}

#[async_trait::async_trait]
impl Observer for Listener {
    async fn started(&self, _: &Execution) {
        assert!(!self.fails, "it fails");
        drop(self.hears.acquire().await);
    }
    async fn output(&self, _: &Execution, _: Output) {}
    async fn gap(&self, _: &Execution, _: Gap) {}
    async fn exited(&self, _: &Execution, _: &Summary) {}
}

fn order(timeout: Duration) -> Order {
    Order {
        program: Program::new(vec!["sleep".to_owned()], Vec::new()),
        compiler: None,
        named: None,
        code: None,
        early: None,
        gone_first: Vec::new(),
        input: None,
        input_ends: false,
        terms: Terms {
            timeout,
            output_bytes: 1000,
            stop_at_output_limit: false,
            max_chunk_bytes: 1000,
            cancel_grace: Duration::from_millis(10),
            kill_patience: Duration::from_millis(50),
        },
    }
}

fn drive_it(link: &Link, order: Order, listener: &Arc<Listener>) -> Arc<Execution> {
    let argv = order.program.argv.clone();
    let execution = Arc::new(Execution::new(ExecutionId::random(), SessionId::random(), argv, false, 1000));
    let turns = Arc::new(Semaphore::new(1));
    let place = Place { link: link.clone(), turn: join_queue(&turns), oom_kills: Box::new(|| None) };
    let (driven, listener) = (Arc::clone(&execution), Arc::clone(listener));
    tokio::spawn(async move { drive(&driven, order, place, &*listener).await });
    execution
}

#[tokio::test]
async fn time_is_up_also_for_a_program_whose_start_nobody_takes_note_of() {
    let (link, mut agent) = Agent::connect().await;
    let listener = Arc::new(Listener::new());
    let execution = drive_it(&link, order(Duration::from_millis(20)), &listener);
    agent.start().await;
    assert!(matches!(agent.hear().await, ToAgent::Signal { signal: SIGKILL, reach: Reach::Tree, .. }));
    agent.end(SIGKILL).await;
    listener.hears.add_permits(1);
    assert_eq!(execution.ended().await.unwrap().outcome, Outcome::Timeout);
}

#[tokio::test]
async fn a_program_that_is_never_known_to_run_has_its_time_too() {
    let (link, mut agent) = Agent::connect().await;
    let execution = drive_it(&link, order(Duration::from_millis(20)), &Arc::new(Listener::new()));
    agent.hear().await;
    let summary = execution.ended().await.unwrap();
    assert_eq!((summary.outcome, summary.started_at), (Outcome::Timeout, None));
    assert!(matches!(agent.hear().await, ToAgent::Signal { signal: SIGKILL, reach: Reach::Tree, .. }));
}

#[tokio::test]
async fn a_sandbox_ends_with_a_program_that_can_not_be_ended() {
    let (link, mut agent) = Agent::connect().await;
    let listener = Arc::new(Listener::new());
    listener.hears.add_permits(1);
    let execution = drive_it(&link, order(Duration::from_millis(20)), &listener);
    agent.start().await;
    assert_eq!(execution.ended().await.unwrap().outcome, Outcome::Lost);
    assert!(link.lost().await.to_string().contains("could not be ended"));
}

#[tokio::test]
async fn who_waits_is_woken_also_when_the_daemon_fails() {
    let (link, mut agent) = Agent::connect().await;
    let execution =
        drive_it(&link, order(Duration::from_secs(60)), &Arc::new(Listener { fails: true, ..Listener::new() }));
    agent.start().await;
    assert!(matches!(execution.ended().await, Err(ExecutionError::Abandoned(_))));
    assert!(matches!(agent.hear().await, ToAgent::Signal { signal: SIGKILL, reach: Reach::Tree, .. }), "it goes on");
}
