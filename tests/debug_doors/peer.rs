//! A debug client, and a `codebeaker dap` that it may talk to.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::DEADLINE;
use crate::harness::leftovers::Watch;
use crate::harness::stream::{framed, read_message};

/// A debug client. Messages stay unclaimed until a test takes them.
pub(crate) struct Peer {
    writer: Option<Box<dyn Write + Send>>,
    incoming: Receiver<Value>,
    unclaimed: VecDeque<Value>,
    seq: i64,
    heard: i64,
}

impl Peer {
    pub(crate) fn new(reader: impl Read + Send + 'static, writer: impl Write + Send + 'static) -> Self {
        let (messages, incoming) = channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(reader);
            // A peer that is killed may end in the midst of a message.
            while let Ok(Some(message)) = read_message(&mut reader) {
                if messages.send(message).is_err() {
                    return;
                }
            }
        });
        Self { writer: Some(Box::new(writer)), incoming, unclaimed: VecDeque::new(), seq: 0, heard: 0 }
    }

    /// Connects to a socket.
    pub(crate) fn connect(path: impl AsRef<Path>) -> Self {
        let stream = UnixStream::connect(path).expect("the socket takes connections");
        Self::new(stream.try_clone().expect("a socket can be shared"), stream)
    }

    /// Writes these bytes as they are.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        let writer = self.writer.as_mut().expect("nothing is sent after the end of the input");
        // Who was shown out may find nobody there any more.
        drop(writer.write_all(bytes).and_then(|()| writer.flush()));
    }

    /// Sends a request, and returns its number.
    pub(crate) fn send(&mut self, command: &str, arguments: Value) -> i64 {
        self.seq += 1;
        let message = json!({"seq": self.seq, "type": "request", "command": command, "arguments": arguments});
        self.send_raw(&framed(message.to_string()));
        self.seq
    }

    /// Answers a request of the adapter's.
    pub(crate) fn answer(&mut self, request: &Value) {
        self.seq += 1;
        let message = json!({"seq": self.seq, "type": "response", "request_seq": request["seq"], "success": true,
            "command": request["command"]});
        self.send_raw(&framed(message.to_string()));
    }

    /// Waits for the answer to the request of this number.
    pub(crate) fn response(&mut self, seq: i64) -> Value {
        let fits = |message: &Value| message["type"] == "response" && message["request_seq"] == seq;
        self.claim(&format!("the answer to {seq}"), fits)
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn ask(&mut self, command: &str, arguments: Value) -> Value {
        let seq = self.send(command, arguments);
        self.response(seq)
    }

    /// Sends a request and waits for what came of it; a refusal fails the test.
    pub(crate) fn request(&mut self, command: &str, arguments: Value) -> Value {
        let mut answer = self.ask(command, arguments);
        assert_eq!(answer["success"], true, "{command}: {answer}");
        answer["body"].take()
    }

    pub(crate) fn initialize(&mut self) -> Value {
        self.request("initialize", json!({"adapterID": "codebeaker", "supportsStartDebuggingRequest": true}))
    }

    /// Waits for an event, and returns its body.
    pub(crate) fn event(&mut self, event: &str) -> Value {
        self.claim(event, |message| message["type"] == "event" && message["event"] == event)["body"].take()
    }

    /// Waits until the program has printed this, in whatever pieces.
    pub(crate) fn output(&mut self, text: &str) {
        let mut printed = String::new();
        while !printed.contains(text) {
            let event = self.event("output");
            printed.push_str(event["output"].as_str().expect("output is text"));
        }
    }

    /// Waits for a message that fits, and takes it.
    pub(crate) fn claim(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(place) = self.unclaimed.iter().position(&fits) {
                return self.unclaimed.remove(place).expect("it was found there");
            }
            let message = self.incoming.recv_timeout(deadline.saturating_duration_since(Instant::now()));
            let message = message.unwrap_or_else(|why| panic!("{what} didn't come: {why}; {:.2000?}", self.unclaimed));
            self.heard += 1;
            assert_eq!(message["seq"], self.heard, "messages are counted: {message}");
            self.unclaimed.push_back(message);
        }
    }

    /// Launches a program and configures it: these lines of it get breakpoints. Returns when it runs.
    pub(crate) fn launch(&mut self, mut arguments: Value, lines: &[u32]) {
        self.initialize();
        let program = arguments["program"].take();
        arguments["program"] = program.clone();
        let launch = self.send("launch", arguments);
        let begun = self.claim("initialized", |message| {
            message["event"] == "initialized" || (message["request_seq"] == launch && message["success"] == false)
        });
        assert_eq!(begun["event"], "initialized", "{begun}");
        let breakpoints: Vec<Value> = lines.iter().map(|line| json!({"line": line})).collect();
        self.request("setBreakpoints", json!({"source": {"path": program}, "breakpoints": breakpoints}));
        self.request("configurationDone", json!({}));
        let launched = self.response(launch);
        assert_eq!(launched["success"], true, "{launched}");
    }

    /// Says nothing more.
    pub(crate) fn close_input(&mut self) {
        self.writer = None;
    }

    /// Waits until the other side says nothing more, and returns what was left.
    pub(crate) fn rest(&mut self) -> Vec<Value> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.incoming.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(message) => self.unclaimed.push_back(message),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return self.unclaimed.drain(..).collect(),
                Err(_) => panic!("it didn't end; {:.2000?}", self.unclaimed),
            }
        }
    }
}

/// A `codebeaker dap`. Dropping it ends it, and asserts that nothing is left.
pub(crate) struct Dap {
    child: Child,
    watch: Watch,
    /// What it uses for everything temporary; must be empty at the end.
    own: TempDir,
    scratch: TempDir,
    killed: bool,
}

impl Dap {
    /// One on standard streams, and its client.
    pub(crate) fn stdio() -> (Self, Peer) {
        Self::stdio_with(&[])
    }

    /// The same, started with these options.
    pub(crate) fn stdio_with(args: &[&str]) -> (Self, Peer) {
        Self::with(args, directory(), directory())
    }

    /// Another one with the same directories.
    pub(crate) fn again(&self, args: &[impl AsRef<OsStr>]) -> (Child, Peer) {
        let mut child = start(args, self.own.path());
        let peer = Peer::new(child.stdout.take().expect("it is a pipe"), child.stdin.take().expect("it is a pipe"));
        (child, peer)
    }

    fn with(args: &[impl AsRef<OsStr>], scratch: TempDir, own: TempDir) -> (Self, Peer) {
        let mut child = start(args, own.path());
        let (stdin, stdout) = (child.stdin.take().expect("it is a pipe"), child.stdout.take().expect("it is a pipe"));
        let watch = Watch::new(child.id(), own.path());
        (Self { child, watch, own, scratch, killed: false }, Peer::new(stdout, stdin))
    }

    /// One that listens, and where it says that it does.
    pub(crate) fn listen(args: impl FnOnce(&Path) -> Vec<String>) -> (Self, String) {
        let (scratch, own) = (directory(), directory());
        let mut child = start(&args(scratch.path()), own.path());
        let stdout: ChildStdout = child.stdout.take().expect("it is a pipe");
        let watch = Watch::new(child.id(), own.path());
        let dap = Self { child, watch, own, scratch, killed: false };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("it says where");
        (dap, line.trim_end().to_owned())
    }

    /// A directory of the test's own.
    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Where it has its own files.
    pub(crate) fn own(&self) -> &Path {
        self.own.path()
    }

    /// Writes a program, and returns its path.
    pub(crate) fn program(&self, name: &str, text: &str) -> PathBuf {
        let path = self.scratch.path().join(name);
        fs::write(&path, text).expect("the directory is ours");
        path
    }

    pub(crate) fn look(&mut self) -> usize {
        self.watch.look();
        self.watch.alive().len()
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        self.watch.look();
        kill_process(Pid::from_child(&self.child), signal).expect("it is a child of ours");
        self.killed = signal == Signal::KILL;
    }

    /// Waits for its end, and for nothing to be left.
    pub(crate) fn ended(mut self) {
        self.wait();
    }

    fn wait(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        let status = loop {
            self.watch.look_sometimes();
            if let Some(status) = self.child.try_wait().expect("it is a child of ours") {
                break status;
            }
            assert!(Instant::now() < deadline, "it doesn't end");
            std::thread::sleep(std::time::Duration::from_millis(5));
        };
        if self.killed {
            assert_eq!(status.signal(), Some(Signal::KILL.as_raw()));
        } else {
            assert_eq!(status.code(), Some(0));
        }
        self.watch.assert_nothing_left();
    }
}

impl Drop for Dap {
    fn drop(&mut self) {
        // One that has ended can't be killed; nothing else can go wrong.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn directory() -> TempDir {
    tempfile::Builder::new()
        .prefix("doors-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir()
        .expect("a directory can be made")
}

fn start(args: &[impl AsRef<OsStr>], own: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codebeaker"));
    command.arg("dap").args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    for name in ["TMPDIR", "XDG_RUNTIME_DIR", "HOME"] {
        command.env(name, own);
    }
    command.spawn().expect("it can be started")
}
