//! A sandbox for one test: namespaces, an agent in them, and a daemon's end of its stream.
//!
//! What these namespaces lack of a real sandbox (a root of its own, filters) is of no account to what the
//! agent does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use codebeaker_agent::frame::{self, Channel, Kind, Stream};
use codebeaker_agent::plan::Protection;
use codebeaker_agent::wire::{
    Endpoint, ExecutionLimits, Exited, FileFault, FileOp, FileReply, FromAgent, Reach, Spawn, ToAgent,
};

use serde::{Deserialize, Serialize};

use super::namespaces::{become_agent, enter};

/// Carries the [`Setup`] to the process that becomes the agent.
const SETUP: &str = "CODEBEAKER_TEST_SANDBOX";

/// Where programs work.
pub(super) const WORKSPACE: &str = "/tmp/workspace";

/// What a test may choose.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) watched_memory_bytes: Option<u64>,
    pub(super) without: Vec<Protection>,
    /// `RLIMIT_NPROC` of programs, soft, and of the agent, hard.
    pub(super) processes: Option<(u64, u64)>,
}

/// The daemon's end.
pub(super) struct Sandbox {
    stream: UnixStream,
    guardian: Child,
    received: Vec<u8>,
    messages: VecDeque<FromAgent>,
    pub(super) data: BTreeMap<u32, Vec<u8>>,
    pub(super) ended: BTreeSet<u32>,
    terminals: BTreeSet<u32>,
    /// What the agent granted.
    pub(super) credit: BTreeMap<u32, u64>,
    /// Grant for every byte that comes.
    pub(super) generous: bool,
}

/// How an execution went.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) exited: Exited,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

impl Outcome {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// A program without input, in the workspace.
pub(super) fn program(execution: u32, argv: &[&str]) -> Spawn {
    Spawn {
        execution,
        argv: argv.iter().map(|argument| (*argument).to_owned()).collect(),
        env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        cwd: WORKSPACE.to_owned(),
        stdin: false,
        terminal: None,
        side: false,
        limits: ExecutionLimits::default(),
        name: String::new(),
        awaits: None,
    }
}

/// A program that has a stream on descriptor 3.
pub(super) fn with_side(mut spawn: Spawn) -> Spawn {
    spawn.side = true;
    spawn
}

/// A shell script.
pub(super) fn shell(execution: u32, script: &str) -> Spawn {
    program(execution, &["/bin/sh", "-c", script])
}

/// A Python program.
pub(super) fn python(execution: u32, code: &str) -> Spawn {
    program(execution, &["/usr/bin/python3", "-I", "-S", "-c", code])
}

impl Sandbox {
    /// `None`, with the reason printed, where no namespaces are to be had.
    pub(super) fn start(setup: Setup) -> Option<Self> {
        let (daemon, agent) = UnixStream::pair().unwrap();
        // Not a fork of this process: another test's thread may hold a lock that the agent would need.
        let mut guardian = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "agent::tests::sandbox::a_setup_reaches_the_agent", "--nocapture", "--test-threads=1"])
            .env(SETUP, encode(&setup))
            .stdin(OwnedFd::from(agent))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut reason = String::new();
        guardian.stderr.take().unwrap().read_to_string(&mut reason).unwrap();
        daemon.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut sandbox = Sandbox {
            stream: daemon,
            guardian,
            received: Vec::new(),
            messages: VecDeque::new(),
            data: BTreeMap::new(),
            ended: BTreeSet::new(),
            terminals: BTreeSet::new(),
            credit: BTreeMap::new(),
            generous: true,
        };
        if !reason.is_empty() {
            assert!(std::env::var_os("CODEBEAKER_REQUIRE_ALL").is_none(), "no sandbox: {reason}");
            eprintln!("skipped, no sandbox: {reason}");
            return None;
        }
        assert!(matches!(sandbox.message(), FromAgent::Ready(_)));
        Some(sandbox)
    }

    pub(super) fn send_frame(&mut self, kind: Kind, channel: Channel, payload: &[u8]) {
        let mut bytes = Vec::new();
        frame::append(&mut bytes, kind, channel, payload);
        match self.stream.write_all(&bytes) {
            // An agent that has had enough is gone by now, as the next read says.
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {}
            other => other.unwrap(),
        }
    }

    pub(super) fn send(&mut self, message: &ToAgent) {
        let payload = postcard::to_allocvec(message).unwrap();
        self.send_frame(Kind::Control, Channel::CONTROL, &payload);
    }

    pub(super) fn spawn(&mut self, spawn: Spawn) {
        if spawn.terminal.is_some() {
            self.terminals.insert(spawn.execution);
        }
        self.send(&ToAgent::Spawn(spawn));
    }

    pub(super) fn signal(&mut self, execution: u32, signal: i32, reach: Reach) {
        self.send(&ToAgent::Signal { execution, signal, reach });
    }

    pub(super) fn type_in(&mut self, execution: u32, bytes: &[u8]) {
        for piece in bytes.chunks(frame::MAX_DATA_BYTES) {
            self.send_frame(Kind::Data, Channel::of(execution, Stream::Stdin), piece);
        }
    }

    pub(super) fn end_input(&mut self, execution: u32) {
        self.send_frame(Kind::End, Channel::of(execution, Stream::Stdin), &[]);
    }

    /// Takes one frame. False when the agent is gone.
    pub(super) fn step(&mut self) -> bool {
        loop {
            if let Some((frame, used)) = frame::decode(&self.received).unwrap() {
                let (kind, channel, payload) = (frame.kind, frame.channel, frame.payload.to_vec());
                self.received.drain(..used);
                self.take(kind, channel, payload);
                return true;
            }
            let mut bytes = vec![0; 256 * 1024];
            match self.stream.read(&mut bytes) {
                Ok(0) => return false,
                Ok(length) => self.received.extend_from_slice(&bytes[..length]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return false,
                // A time-out makes a read return when the machine was frozen for a moment.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("the agent says nothing: {error}"),
            }
        }
    }

    fn take(&mut self, kind: Kind, channel: Channel, payload: Vec<u8>) {
        match kind {
            Kind::Control => self.messages.push_back(postcard::from_bytes(&payload).unwrap()),
            Kind::Data => {
                assert!(!self.ended.contains(&channel.0), "data after the end");
                assert!(!payload.is_empty() && payload.len() <= frame::MAX_DATA_BYTES);
                self.data.entry(channel.0).or_default().extend_from_slice(&payload);
                if self.generous {
                    self.send_frame(Kind::Credit, channel, &(payload.len() as u32).to_le_bytes());
                }
            }
            Kind::End => assert!(self.ended.insert(channel.0), "two ends"),
            Kind::Credit => {
                let bytes = u32::from_le_bytes(payload.try_into().unwrap());
                *self.credit.entry(channel.0).or_default() += u64::from(bytes);
            }
        }
    }

    /// The next control message.
    pub(super) fn message(&mut self) -> FromAgent {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return message;
            }
            assert!(self.step(), "the agent is gone");
        }
    }

    /// The next message about an execution, whatever comes about others.
    fn message_about(&mut self, number: u32) -> FromAgent {
        let about = |message: &FromAgent| match message {
            FromAgent::Started { execution, .. } | FromAgent::NotStarted { execution, .. } => *execution == number,
            FromAgent::Exited(exited) => exited.execution == number,
            _ => false,
        };
        loop {
            if let Some(at) = self.messages.iter().position(about) {
                return self.messages.remove(at).unwrap();
            }
            assert!(self.step(), "the agent is gone");
        }
    }

    /// How a conduit came off: `None` when it stands, else the step and the error.
    pub(super) fn connect(&mut self, number: u32, endpoint: Endpoint) -> Option<(String, i32)> {
        self.send(&ToAgent::Connect { conduit: number, endpoint });
        self.connected(number)
    }

    /// The answer to a connection that was asked for.
    pub(super) fn connected(&mut self, number: u32) -> Option<(String, i32)> {
        loop {
            let about = |message: &FromAgent| match message {
                FromAgent::Connected { conduit } | FromAgent::NotConnected { conduit, .. } => *conduit == number,
                _ => false,
            };
            if let Some(at) = self.messages.iter().position(about) {
                return match self.messages.remove(at) {
                    Some(FromAgent::NotConnected { step, errno, .. }) => Some((step, errno)),
                    _ => None,
                };
            }
            assert!(self.step(), "the agent is gone");
        }
    }

    /// Says something on a two-way stream.
    pub(super) fn say(&mut self, number: u32, bytes: &[u8]) {
        for piece in bytes.chunks(frame::MAX_DATA_BYTES) {
            self.send_frame(Kind::Data, Channel::of(number, Stream::Side), piece);
        }
    }

    /// Ends the way in of a two-way stream.
    pub(super) fn shut(&mut self, number: u32) {
        self.send_frame(Kind::End, Channel::of(number, Stream::Side), &[]);
    }

    /// Reads a two-way stream until so many bytes have come, and takes them.
    pub(super) fn hear(&mut self, number: u32, length: usize) -> Vec<u8> {
        let channel = Channel::of(number, Stream::Side).0;
        while self.data.get(&channel).map_or(0, Vec::len) < length {
            assert!(self.step(), "the agent is gone");
        }
        let data = self.data.get_mut(&channel).unwrap();
        data.drain(..length).collect()
    }

    /// Everything that is left to come on a two-way stream.
    pub(super) fn hear_out(&mut self, number: u32) -> Vec<u8> {
        let channel = Channel::of(number, Stream::Side).0;
        while !self.ended.contains(&channel) {
            assert!(self.step(), "the agent is gone");
        }
        self.data.remove(&channel).unwrap_or_default()
    }

    /// How much more may be said on a two-way stream on which so much was said.
    pub(super) fn room(&self, number: u32, said: usize) -> usize {
        let granted = self.credit.get(&Channel::of(number, Stream::Side).0).copied().unwrap_or(0) as usize;
        granted + frame::STREAM_WINDOW as usize - said
    }

    /// The number of the program, which has started.
    pub(super) fn started(&mut self, number: u32) -> u32 {
        match self.message_about(number) {
            FromAgent::Started { pid, .. } => pid,
            other => panic!("not started: {other:?}"),
        }
    }

    pub(super) fn not_started(&mut self, number: u32) -> (String, i32) {
        match self.message_about(number) {
            FromAgent::NotStarted { step, errno, .. } => (step, errno),
            other => panic!("not refused: {other:?}"),
        }
    }

    pub(super) fn exited(&mut self, number: u32) -> Exited {
        match self.message_about(number) {
            FromAgent::Exited(exited) => exited,
            other => panic!("not exited: {other:?}"),
        }
    }

    /// Everything that is left to come of an execution that has started.
    pub(super) fn finish(&mut self, execution: u32) -> Outcome {
        let exited = self.exited(execution);
        let [stdout, stderr] = [Stream::Stdout, Stream::Stderr].map(|stream| Channel::of(execution, stream).0);
        let with_stderr = !self.terminals.contains(&execution);
        while !self.ended.contains(&stdout) || (with_stderr && !self.ended.contains(&stderr)) {
            assert!(self.step(), "the agent is gone");
        }
        let [stdout, stderr] = [stdout, stderr].map(|channel| self.data.remove(&channel).unwrap_or_default());
        Outcome { exited, stdout, stderr }
    }

    /// Runs a program from start to end.
    pub(super) fn run(&mut self, spawn: Spawn) -> Outcome {
        let execution = spawn.execution;
        self.spawn(spawn);
        self.started(execution);
        self.finish(execution)
    }

    /// Reads standard output until it contains `text`.
    pub(super) fn await_output(&mut self, execution: u32, text: &str) {
        let channel = Channel::of(execution, Stream::Stdout).0;
        let has = |data: Option<&Vec<u8>>| data.is_some_and(|data| String::from_utf8_lossy(data).contains(text));
        while !has(self.data.get(&channel)) {
            assert!(self.step(), "no {text:?} in {:?}", self.data.get(&channel));
        }
    }

    /// The answer to a request about files; the parts of a listing together.
    pub(super) fn file(&mut self, op: FileOp) -> Result<FileReply, FileFault> {
        self.send(&ToAgent::File { request: 77, op });
        let (mut all, mut found) = (Vec::new(), Vec::new());
        loop {
            match self.message() {
                FromAgent::File { request: 77, result: Ok(FileReply::Entries { entries, last, truncated }) } => {
                    all.extend(entries);
                    if last {
                        return Ok(FileReply::Entries { entries: all, last, truncated });
                    }
                }
                FromAgent::File { request: 77, result: Ok(FileReply::Found { data, end }) } => {
                    found.extend(data);
                    if end.is_some() {
                        return Ok(FileReply::Found { data: found, end });
                    }
                }
                FromAgent::File { request: 77, result } => return result,
                other => panic!("no answer: {other:?}"),
            }
        }
    }

    /// Closes the stream, and says how the agent ended.
    pub(super) fn hang_up(self) -> i32 {
        let Sandbox { stream, guardian, .. } = self;
        drop(stream);
        wait(guardian)
    }

    /// How the agent ended, which it must do by itself.
    pub(super) fn gone(mut self) -> i32 {
        while self.step() {}
        wait(self.guardian)
    }
}

fn wait(mut guardian: Child) -> i32 {
    guardian.wait().unwrap().code().unwrap()
}

/// Also what [`Sandbox::start`] runs in a process of its own, which then is the agent.
#[test]
fn a_setup_reaches_the_agent() {
    let Some(setup) = std::env::var_os(SETUP) else {
        let setup = Setup { without: vec![Protection::Sweep], processes: Some((1, 2)), ..Setup::default() };
        assert_eq!(decode(&encode(&setup)), setup);
        return;
    };
    let setup = decode(setup.to_str().unwrap());
    match enter() {
        Err((step, errno)) => eprint!("{step}: {}", std::io::Error::from_raw_os_error(errno.0)),
        Ok(stream) => become_agent(stream, setup),
    }
}

fn encode(setup: &Setup) -> String {
    postcard::to_allocvec(setup).unwrap().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decode(text: &str) -> Setup {
    let bytes = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap());
    postcard::from_bytes(&bytes.collect::<Vec<u8>>()).unwrap()
}
