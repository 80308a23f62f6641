//! The framing, over any pair of streams.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use serde_json::{Value, json};

use super::DEADLINE;
pub(crate) use super::stream::framed;
use super::stream::read_message;

/// What came from the daemon, in the order in which it came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Received {
    /// Its place among all messages of the connection.
    pub(crate) index: usize,
    pub(crate) message: Value,
}

/// A client's end of a connection. Messages stay unclaimed until a test takes them.
pub(crate) struct Wire {
    writer: Option<Box<dyn Write + Send>>,
    incoming: Receiver<io::Result<Value>>,
    reading: Arc<Gate>,
    unclaimed: VecDeque<Received>,
    received: usize,
    sent: i64,
    ended: bool,
}

/// Stops the thread that reads, so that the daemon's output finds no reader.
#[derive(Default)]
struct Gate {
    closed: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    fn set(&self, closed: bool) {
        *self.closed.lock().expect("no test panics with it locked") = closed;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let closed = self.closed.lock().expect("no test panics with it locked");
        drop(self.changed.wait_while(closed, |closed| *closed).expect("no test panics with it locked"));
    }
}

struct Gated<R> {
    reader: R,
    gate: Arc<Gate>,
}

impl<R: Read> Read for Gated<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.gate.pass();
        self.reader.read(buffer)
    }
}

impl Wire {
    pub(crate) fn new(reader: impl Read + Send + 'static, writer: impl Write + Send + 'static) -> Self {
        let gate = Arc::new(Gate::default());
        let (messages, incoming) = channel();
        let mut reader = BufReader::with_capacity(64 << 10, Gated { reader, gate: Arc::clone(&gate) });
        std::thread::spawn(move || {
            loop {
                let message = read_message(&mut reader).transpose();
                let Some(message) = message else { return };
                let broken = message.is_err();
                if messages.send(message).is_err() || broken {
                    return;
                }
            }
        });
        Self {
            writer: Some(Box::new(writer)),
            incoming,
            reading: gate,
            unclaimed: VecDeque::new(),
            received: 0,
            sent: 0,
            ended: false,
        }
    }

    /// Writes these bytes as they are. A daemon that has ended doesn't take them, which is no error here.
    pub(crate) fn send_raw(&mut self, bytes: impl AsRef<[u8]>) {
        let writer = self.writer.as_mut().expect("nothing is sent after the end of the input");
        let sent = writer.write_all(bytes.as_ref()).and_then(|()| writer.flush());
        if let Err(error) = sent {
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{error}");
        }
    }

    /// Frames a body, which need not be JSON.
    pub(crate) fn send_body(&mut self, body: impl AsRef<[u8]>) {
        self.send_raw(framed(body));
    }

    /// Frames a message.
    pub(crate) fn send(&mut self, message: &Value) {
        self.send_body(message.to_string());
    }

    /// Sends a request with an id of its own, and returns the id.
    pub(crate) fn send_request(&mut self, method: &str, params: Value) -> i64 {
        self.sent += 1;
        let id = self.sent;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    pub(crate) fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    pub(crate) fn cancel(&mut self, id: i64) {
        self.notify("$/cancelRequest", json!({"id": id}));
    }

    /// Ends the daemon's input.
    pub(crate) fn close_input(&mut self) {
        self.writer = None;
    }

    /// From now on the daemon's output finds no reader.
    pub(crate) fn stop_reading(&self) {
        self.reading.set(true);
    }

    pub(crate) fn resume_reading(&self) {
        self.reading.set(false);
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.send_request(method, params);
        self.response(id)
    }

    /// Sends a request and waits for its result; an error fails the test.
    pub(crate) fn request(&mut self, method: &str, params: Value) -> Value {
        self.call(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Waits for the answer to the request with this id.
    pub(crate) fn response(&mut self, id: impl Into<Value>) -> Result<Value, Value> {
        self.received_response(id).1
    }

    /// The answer to the request with this id, and its place among all messages.
    pub(crate) fn received_response(&mut self, id: impl Into<Value>) -> (usize, Result<Value, Value>) {
        let id = id.into();
        let what = format!("the answer to {id}");
        let received = self.claim(&what, |message| message.get("method").is_none() && message["id"] == id);
        let mut message = received.message;
        let body = match message.get("error") {
            None => Ok(message["result"].take()),
            Some(_) => Err(message["error"].take()),
        };
        (received.index, body)
    }

    /// Waits for the error without an id that broken input gets.
    pub(crate) fn anonymous_error(&mut self) -> Value {
        self.response(Value::Null).expect_err("an answer without id is an error")
    }

    /// Waits for the next notification of this method and returns its parameters.
    pub(crate) fn notification(&mut self, method: &str) -> Value {
        self.claim(method, |message| message["method"] == method).message["params"].take()
    }

    /// Waits for the first unclaimed message that fits, and takes it.
    pub(crate) fn claim(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Received {
        self.try_claim(fits).unwrap_or_else(|why| panic!("{what} didn't come: {why}; {:.2000?}", self.unclaimed))
    }

    fn try_claim(&mut self, fits: impl Fn(&Value) -> bool) -> Result<Received, &'static str> {
        let deadline = Instant::now() + DEADLINE;
        let mut looked_at = 0;
        loop {
            if let Some(place) = self.unclaimed.iter().skip(looked_at).position(|received| fits(&received.message)) {
                return Ok(self.unclaimed.remove(looked_at + place).expect("it was found there"));
            }
            looked_at = self.unclaimed.len();
            if !self.receive(deadline)? {
                return Err("the daemon closed its output");
            }
        }
    }

    /// Waits for a message that fits, and leaves it where it is.
    pub(crate) fn wait_for(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let received = self.claim(what, fits);
        let message = received.message.clone();
        let place = self.unclaimed.partition_point(|other| other.index < received.index);
        self.unclaimed.insert(place, received);
        message
    }

    /// Waits until this is so of the messages that are unclaimed.
    pub(crate) fn wait_until(&mut self, what: &str, is_so: impl Fn(&VecDeque<Received>) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !is_so(&self.unclaimed) {
            let more = self.receive(deadline).unwrap_or_else(|why| panic!("{what}: {why}; {:.2000?}", self.unclaimed));
            assert!(more, "{what}: the daemon closed its output");
        }
    }

    /// The messages that came, are unclaimed and fit.
    pub(crate) fn unclaimed(&self, fits: impl Fn(&Received) -> bool) -> impl Iterator<Item = &Received> {
        self.unclaimed.iter().filter(move |received| fits(received))
    }

    /// Takes all messages that have come and fit.
    pub(crate) fn claim_all(&mut self, fits: impl Fn(&Received) -> bool) -> Vec<Received> {
        let (taken, left) = self.unclaimed.drain(..).partition(fits);
        self.unclaimed = left;
        Vec::from(taken)
    }

    /// What comes from now on may end anywhere, and is thrown away.
    pub(crate) fn ignore_rest(&mut self) {
        self.ended = true;
    }

    /// Waits until the daemon closes its output, and returns everything unclaimed.
    pub(crate) fn rest(&mut self) -> Vec<Value> {
        let deadline = Instant::now() + DEADLINE;
        while self.receive(deadline).unwrap_or_else(|why| panic!("the output didn't end: {why}")) {}
        self.unclaimed.drain(..).map(|received| received.message).collect()
    }

    /// Takes one more message in; false at the end of the daemon's output.
    fn receive(&mut self, deadline: Instant) -> Result<bool, &'static str> {
        if self.ended {
            return Ok(false);
        }
        match self.incoming.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Ok(message)) => {
                assert_eq!(message["jsonrpc"], "2.0", "{message}");
                self.unclaimed.push_back(Received { index: self.received, message });
                self.received += 1;
                Ok(true)
            }
            Ok(Err(error)) => panic!("the daemon breaks the framing: {error}"),
            Err(RecvTimeoutError::Timeout) => Err("nothing came until the deadline"),
            Err(RecvTimeoutError::Disconnected) => {
                self.ended = true;
                Ok(false)
            }
        }
    }
}
