//! Sessions and executions, with what the stream promises checked on the way.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Client, Wire};

/// An execution whose answer has come, with everything that was sent about it.
#[derive(Debug)]
pub(crate) struct Execution {
    /// The result of `session/execute`.
    pub(crate) result: Value,
    /// The methods of its notifications, in the order in which they came.
    pub(crate) methods: Vec<String>,
    /// What came out, stream by stream; what a gap stands for is missing.
    pub(crate) output: HashMap<String, Vec<u8>>,
    /// Bytes that gaps stand for, stream by stream.
    pub(crate) lost: HashMap<String, u64>,
    /// Parameters of its `execution/output` and `execution/outputGap`.
    pub(crate) pieces: Vec<Value>,
}

impl Execution {
    pub(crate) fn id(&self) -> &str {
        self.result["executionId"].as_str().expect("every execution has an id")
    }

    pub(crate) fn outcome(&self) -> &str {
        self.result["outcome"].as_str().expect("every execution has an outcome")
    }

    pub(crate) fn exit_code(&self) -> Option<i64> {
        self.result["exitCode"].as_i64()
    }

    pub(crate) fn bytes(&self, stream: &str) -> &[u8] {
        self.output.get(stream).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(self.bytes("stdout")).into_owned()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(self.bytes("stderr")).into_owned()
    }

    pub(crate) fn pty(&self) -> String {
        String::from_utf8_lossy(self.bytes("pty")).into_owned()
    }
}

impl Client {
    /// Makes a session and returns its id.
    pub(crate) fn create_session(&mut self, params: Value) -> String {
        let session = self.request("session/create", params);
        session["sessionId"].as_str().expect("every session has an id").to_owned()
    }

    /// Runs something to its end: `session/execute` with this source.
    pub(crate) fn execute(&mut self, session: &str, source: Value) -> Execution {
        self.execute_with(json!({"sessionId": session, "source": source}))
    }

    /// Begins something, and waits until its program runs. Returns the ids of the request and of the execution.
    pub(crate) fn begin(&mut self, params: Value) -> (i64, String) {
        let is_start = |message: &Value| message["method"] == "execution/started";
        let id_of = |message: &Value| message["params"]["executionId"].clone();
        let known: Vec<_> =
            self.unclaimed(|received| is_start(&received.message)).map(|received| id_of(&received.message)).collect();
        let id = self.send_request("session/execute", params);
        let started =
            self.wait_for("execution/started", |message| is_start(message) && !known.contains(&id_of(message)));
        (id, id_of(&started).as_str().expect("every execution has an id").to_owned())
    }

    /// Waits until the output of an execution contains this.
    pub(crate) fn wait_for_output(&mut self, execution: &str, text: &str) {
        // A program's line may come in several pieces.
        self.wait_until(text, |messages| {
            let pieces = messages.iter().map(|received| &received.message).filter(|message| {
                message["method"] == "execution/output" && message["params"]["executionId"] == execution
            });
            pieces.filter_map(|message| message["params"]["data"].as_str()).collect::<String>().contains(text)
        });
    }

    /// Runs something to its end: `session/execute` with these parameters.
    pub(crate) fn execute_with(&mut self, params: Value) -> Execution {
        let id = self.send_request("session/execute", params);
        self.finished(id)
    }
}

impl Wire {
    /// Waits for the answer to a `session/execute` and takes everything that belongs to it.
    pub(crate) fn finished(&mut self, id: i64) -> Execution {
        let (index, answer) = self.received_response(id);
        let result = answer.unwrap_or_else(|error| panic!("session/execute: {error}"));
        let own = result["executionId"].clone();
        // What comes after the answer stays unclaimed, and so fails the test at its end.
        let messages = self.claim_all(|received| {
            received.index < index
                && received.message["params"]["executionId"] == own
                && received.message["method"].as_str().is_some_and(|method| method.starts_with("execution/"))
        });
        collect(result, messages.into_iter().map(|received| received.message))
    }
}

/// Puts the output together. Panics where order, numbers or positions are not what they should be.
fn collect(result: Value, messages: impl Iterator<Item = Value>) -> Execution {
    let mut execution =
        Execution { result, methods: Vec::new(), output: HashMap::new(), lost: HashMap::new(), pieces: Vec::new() };
    for mut message in messages {
        let method = message["method"].as_str().expect("it is a notification").to_owned();
        if method.starts_with("execution/output") {
            let piece = message["params"].take();
            take_piece(&mut execution, &method, &piece);
            execution.pieces.push(piece);
        }
        execution.methods.push(method);
    }
    let started = execution.methods.iter().position(|method| method == "execution/started");
    assert!(matches!(started, None | Some(0)), "{:?}", execution.methods);
    if started.is_some() {
        let last = execution.methods.last().map(String::as_str);
        assert_eq!(last, Some("execution/exited"), "{:?}", execution.methods);
    }
    for stream in ["stdout", "stderr", "pty"] {
        if let Some(total) = execution.result[stream]["bytes"].as_u64() {
            let lost = execution.lost.get(stream).copied().unwrap_or(0);
            assert_eq!(execution.bytes(stream).len() as u64 + lost, total, "{stream} is not whole");
        }
    }
    execution
}

fn take_piece(execution: &mut Execution, method: &str, piece: &Value) {
    assert_eq!(piece["seq"], execution.pieces.len(), "{piece:.300?}");
    let stream = piece["stream"].as_str().expect("a piece names its stream").to_owned();
    let lost = execution.lost.entry(stream.clone()).or_default();
    let output = execution.output.entry(stream).or_default();
    assert_eq!(piece["offset"], output.len() as u64 + *lost, "{piece:.300?}");
    if method == "execution/outputGap" {
        *lost += piece["lostBytes"].as_u64().expect("a gap has a size");
        return;
    }
    let data = piece["data"].as_str().expect("output has data");
    match piece["encoding"].as_str() {
        Some("utf8") => output.extend_from_slice(data.as_bytes()),
        Some("base64") => output.extend(STANDARD.decode(data).expect("it says that it is base64")),
        other => panic!("{other:?} is no encoding"),
    }
}
