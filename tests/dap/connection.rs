//! A client's end of a DAP connection, strict about what it receives.
//!
//! The framing must be exact, the numbers must rise by one, and every response must answer a request that
//! waits for one. What breaks a rule is kept as a fault, so that a test sees it whatever it was looking for.
#![allow(dead_code, reason = "each test takes the part that it needs")]

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stream::{collect, framed, read_message};

/// How long anything may take. Far more than it does, also on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// Why a message did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// There was none until the deadline.
    Late,
    /// The adapter closed its output.
    Closed,
}

/// A connection to an adapter, which may be a process of its own.
pub(crate) struct Connection {
    child: Option<Child>,
    writer: Option<Box<dyn Write + Send>>,
    incoming: Receiver<io::Result<Value>>,
    seq: i64,
    last_seq: i64,
    /// The requests that wait for their answers.
    pending: BTreeMap<i64, String>,
    /// What came and was not taken.
    pub(crate) unclaimed: Vec<Value>,
    /// Everything that came.
    pub(crate) record: Vec<Value>,
    /// What broke a rule.
    pub(crate) faults: Vec<String>,
    closed: bool,
    log: Arc<Mutex<Vec<u8>>>,
}

impl Connection {
    /// Starts an adapter that speaks on its standard streams.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdin = child.stdin.take().expect("it is a pipe");
        let stdout = child.stdout.take().expect("it is a pipe");
        let log = collect(child.stderr.take().expect("it is a pipe"));
        Self::new(stdout, stdin, Some(child), log)
    }

    /// Connects to an adapter that listens on this port.
    pub(crate) fn dial(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the adapter listens");
        let reader = stream.try_clone().expect("a socket can be duplicated");
        Self::new(reader, stream, None, Arc::default())
    }

    /// Connects to an adapter that listens on this socket.
    pub(crate) fn connect(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        let reader = stream.try_clone()?;
        Ok(Self::new(reader, stream, None, Arc::default()))
    }

    fn new(
        reader: impl Read + Send + 'static,
        writer: impl Write + Send + 'static,
        child: Option<Child>,
        log: Arc<Mutex<Vec<u8>>>,
    ) -> Self {
        // What nobody takes stays in the pipe, so that a flood meets a client that is slow, as editors are.
        let (messages, incoming) = sync_channel(1024);
        std::thread::spawn(move || {
            let mut reader = BufReader::with_capacity(64 << 10, reader);
            while let Some(message) = read_message(&mut reader).transpose() {
                let broken = message.is_err();
                if messages.send(message).is_err() || broken {
                    return;
                }
            }
        });
        Self {
            child,
            writer: Some(Box::new(writer)),
            incoming,
            seq: 0,
            last_seq: 0,
            pending: BTreeMap::new(),
            unclaimed: Vec::new(),
            record: Vec::new(),
            faults: Vec::new(),
            closed: false,
            log,
        }
    }

    /// The adapter's process.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// What the adapter has logged so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&self.log.lock().expect("nobody panics with it locked")).into_owned()
    }

    /// Sends a request and gives its number.
    pub(crate) fn send(&mut self, command: &str, arguments: Option<&Value>) -> i64 {
        self.seq += 1;
        let mut message = json!({"seq": self.seq, "type": "request", "command": command});
        if let Some(arguments) = arguments {
            message["arguments"] = arguments.clone();
        }
        self.pending.insert(self.seq, command.to_owned());
        self.send_body(message.to_string().as_bytes());
        self.seq
    }

    /// Sends any message, under a number of ours.
    pub(crate) fn send_message(&mut self, mut message: Value) -> i64 {
        self.seq += 1;
        message["seq"] = json!(self.seq);
        if message["type"] == "request" {
            self.pending.insert(self.seq, message["command"].as_str().unwrap_or_default().to_owned());
        }
        self.send_body(message.to_string().as_bytes());
        self.seq
    }

    /// Frames a body, which need not be JSON.
    pub(crate) fn send_body(&mut self, body: &[u8]) {
        self.send_raw(&framed(body));
    }

    /// Writes these bytes as they are. An adapter that has ended doesn't take them, which is told by what
    /// it doesn't answer.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        if let Some(writer) = &mut self.writer {
            let _ = writer.write_all(bytes).and_then(|()| writer.flush());
        }
    }

    /// The requests that have no answer yet.
    pub(crate) fn unanswered(&self) -> &BTreeMap<i64, String> {
        &self.pending
    }

    /// Waits for one more message, which becomes the last of the unclaimed.
    pub(crate) fn receive(&mut self, deadline: Instant) -> Result<(), Absent> {
        if self.closed {
            return Err(Absent::Closed);
        }
        match self.incoming.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Ok(message)) => {
                self.take_in(message);
                Ok(())
            }
            Ok(Err(error)) => {
                self.faults.push(format!("the framing is broken: {error}"));
                self.closed = true;
                Err(Absent::Closed)
            }
            Err(RecvTimeoutError::Timeout) => Err(Absent::Late),
            Err(RecvTimeoutError::Disconnected) => {
                self.closed = true;
                Err(Absent::Closed)
            }
        }
    }

    fn take_in(&mut self, message: Value) {
        let seq = message["seq"].as_i64().unwrap_or_default();
        if seq != self.last_seq + 1 {
            self.faults.push(format!("after number {} comes {message:.300}", self.last_seq));
        }
        self.last_seq = seq;
        if message["type"] == "response" {
            let answered = message["request_seq"].as_i64().and_then(|seq| self.pending.remove(&seq));
            if answered.is_none() || message["command"].as_str() != answered.as_deref() {
                self.faults.push(format!("an answer to nothing that waits for one: {message}"));
            }
        }
        self.record.push(message.clone());
        self.unclaimed.push(message);
    }

    /// Takes the first message that fits, which may be still to come.
    pub(crate) fn take(&mut self, fits: impl Fn(&Value) -> bool) -> Result<Value, Absent> {
        let deadline = Instant::now() + PATIENCE;
        let mut looked_at = 0;
        loop {
            if let Some(index) = self.unclaimed[looked_at..].iter().position(&fits) {
                return Ok(self.unclaimed.remove(looked_at + index));
            }
            looked_at = self.unclaimed.len();
            self.receive(deadline)?;
        }
    }

    /// Waits for the answer to the request with this number.
    pub(crate) fn answer(&mut self, seq: i64) -> Result<Value, Absent> {
        self.take(|message| message["type"] == "response" && message["request_seq"] == seq)
    }

    /// Sends a request and waits for the body of its answer.
    ///
    /// # Panics
    /// When there is none, or it says that the request failed.
    pub(crate) fn request(&mut self, command: &str, arguments: Value) -> Value {
        let seq = self.send(command, Some(&arguments));
        let mut answer = self.answer(seq).unwrap_or_else(|why| panic!("{command}: {why:?}; {}", self.state()));
        assert!(answer["success"] == true, "{command} {arguments}: {answer}");
        answer["body"].take()
    }

    /// Sends a request and waits for its answer, whatever it says.
    pub(crate) fn call(&mut self, command: &str, arguments: Value) -> Value {
        let seq = self.send(command, Some(&arguments));
        self.answer(seq).unwrap_or_else(|why| panic!("{command}: {why:?}; {}", self.state()))
    }

    /// Waits for an event and gives its body.
    ///
    /// # Panics
    /// When it doesn't come.
    pub(crate) fn event(&mut self, name: &str) -> Value {
        let event = self.take(|message| message["type"] == "event" && message["event"] == name);
        event.unwrap_or_else(|why| panic!("no event {name}: {why:?}; {}", self.state()))["body"].take()
    }

    /// All that is known when something went wrong.
    pub(crate) fn state(&self) -> String {
        let unclaimed: Vec<String> = self.unclaimed.iter().map(|message| format!("  {message:.600}")).collect();
        let log = self.log();
        let log = &log[log.len() - log.len().min(4000)..];
        format!("faults: {:?}\nunclaimed:\n{}\nthe adapter's log:\n{log}", self.faults, unclaimed.join("\n"))
    }

    /// Ends the adapter's input, takes all that it still says, and waits for its end.
    pub(crate) fn end(&mut self) -> Result<Option<ExitStatus>, String> {
        self.writer = None;
        let deadline = Instant::now() + PATIENCE;
        if self.child.is_none() {
            return Ok(None);
        }
        loop {
            match self.receive(deadline) {
                Ok(()) => {}
                Err(Absent::Closed) => break,
                Err(Absent::Late) => return Err("the adapter doesn't close its output".to_owned()),
            }
        }
        let Some(child) = &mut self.child else { return Ok(None) };
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(Some(status)),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
                Ok(None) => return Err("the adapter doesn't end".to_owned()),
                Err(error) => return Err(format!("the adapter can't be waited for: {error}")),
            }
        }
    }

    /// Ends it, and insists that it ends as it should.
    pub(crate) fn end_well(&mut self) {
        let status = self.end().unwrap_or_else(|why| panic!("{why}; {}", self.state()));
        if let Some(status) = status {
            assert!(status.success(), "{status}, signal {:?}; {}", status.signal(), self.state());
        }
        assert!(self.faults.is_empty(), "{:#?}", self.faults);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A test that failed leaves no adapter behind. One that has ended already can't be killed.
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
