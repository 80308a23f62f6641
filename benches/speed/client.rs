//! A client of the daemon that does as little as a client can: it writes requests and reads answers,
//! and looks into nothing that it isn't asked for, so that what is measured is the daemon.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::Result;

/// How every notification of output begins, as the daemon writes it.
const OUTPUT: &[u8] = br#"{"jsonrpc":"2.0","method":"execution/output""#;

/// Every notification, likewise.
const NOTIFICATION: &[u8] = br#"{"jsonrpc":"2.0","method":"#;

/// As much of an answer as tells whose it is, and whether it is a good one.
#[derive(Debug, Deserialize)]
pub(crate) struct Head {
    pub(crate) id: u64,
    error: Option<IgnoredAny>,
}

/// A daemon of our own, over real pipes. Dropped, it ends with its client, as it promises to.
pub(crate) struct Daemon {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    body: Vec<u8>,
    last_id: u64,
}

/// What came.
pub(crate) enum Came {
    /// The answer to a request.
    Answer(Head),
    /// A piece of output, which was not looked into.
    Output,
    /// Another notification.
    Notification,
}

impl Daemon {
    /// Starts a daemon and shakes hands.
    pub(crate) fn start(binary: &Path) -> Result<Self> {
        Self::start_with(binary, &[])
    }

    /// The same with more arguments.
    pub(crate) fn start_with(binary: &Path, arguments: &[String]) -> Result<Self> {
        let mut child = Command::new(binary)
            .args(["--max-sessions", "64"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let input = child.stdin.take().ok_or("the daemon has no standard input")?;
        let output = child.stdout.take().ok_or("the daemon has no standard output")?;
        let output = BufReader::with_capacity(256 << 10, output);
        let mut daemon = Self { child, input, output, body: Vec::new(), last_id: 0 };
        daemon.call("initialize", &json!({"processId": std::process::id(), "rootUri": null, "capabilities": {}}))?;
        daemon.send(r#"{"jsonrpc":"2.0","method":"initialized","params":{}}"#)?;
        Ok(daemon)
    }

    /// The process id of the daemon.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a client should.
    pub(crate) fn end(mut self) -> Result<()> {
        self.call("shutdown", &json!(null))?;
        self.send(r#"{"jsonrpc":"2.0","method":"exit"}"#)?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the daemon ended with {status}").into()) }
    }

    /// Asks without waiting for the answer.
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Result<u64> {
        self.ask_raw(method, &params.to_string())
    }

    /// The same with parameters that are JSON already.
    pub(crate) fn ask_raw(&mut self, method: &str, params: &str) -> Result<u64> {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#))?;
        Ok(id)
    }

    /// Cancels a request.
    pub(crate) fn cancel(&mut self, id: u64) -> Result<()> {
        self.send(&format!(r#"{{"jsonrpc":"2.0","method":"$/cancelRequest","params":{{"id":{id}}}}}"#))
    }

    /// Asks, and waits for the answer; what else comes is passed over.
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Result<Value> {
        let id = self.ask(method, params)?;
        self.wait_for(id)?;
        let mut answer: Value = serde_json::from_slice(&self.body)?;
        Ok(answer["result"].take())
    }

    /// Waits for the answer to a request, and gives the number of its bytes.
    pub(crate) fn wait_for(&mut self, id: u64) -> Result<usize> {
        loop {
            match self.next()? {
                Came::Answer(head) if head.id == id && head.error.is_some() => {
                    return Err(format!("the daemon refused: {}", String::from_utf8_lossy(&self.body)).into());
                }
                Came::Answer(head) if head.id == id => return Ok(self.body.len()),
                _ => {}
            }
        }
    }

    /// Waits for the first piece of output.
    pub(crate) fn wait_for_output(&mut self) -> Result<()> {
        while !matches!(self.next()?, Came::Output) {}
        Ok(())
    }

    /// Reads the next message, and nothing beyond its first bytes.
    pub(crate) fn next(&mut self) -> Result<Came> {
        let mut length = None;
        let mut header = String::new();
        loop {
            header.clear();
            if self.output.read_line(&mut header)? == 0 {
                return Err("the daemon is gone".into());
            }
            match header.trim_end().split_once(": ") {
                Some(("Content-Length", bytes)) => length = Some(bytes.parse()?),
                Some(_) => {}
                None => break,
            }
        }
        self.body.resize(length.ok_or("a message without a length")?, 0);
        self.output.read_exact(&mut self.body)?;
        if self.body.starts_with(OUTPUT) {
            return Ok(Came::Output);
        }
        if self.body.starts_with(NOTIFICATION) {
            return Ok(Came::Notification);
        }
        Ok(Came::Answer(serde_json::from_slice(&self.body)?))
    }

    fn send(&mut self, body: &str) -> Result<()> {
        Ok(self.input.write_all(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?)
    }

    /// Waits for sessions that were asked for, and gives their names.
    pub(crate) fn sessions(&mut self, asked: &[u64]) -> Result<Vec<String>> {
        let mut names = Vec::new();
        while names.len() < asked.len() {
            match self.next()? {
                Came::Answer(head) if asked.contains(&head.id) => {
                    let answer: Value = serde_json::from_slice(&self.body)?;
                    let name = answer["result"]["sessionId"].as_str();
                    names.push(name.ok_or_else(|| format!("a session was refused: {answer}"))?.to_owned());
                }
                _ => {}
            }
        }
        Ok(names)
    }

    /// The length of the message that came last.
    pub(crate) fn body_bytes(&self) -> usize {
        self.body.len()
    }

    /// Opens a session and gives its name.
    pub(crate) fn session(&mut self) -> Result<String> {
        self.session_with(&json!({}))
    }

    /// The same of a session that is asked for in particular.
    pub(crate) fn session_with(&mut self, params: &Value) -> Result<String> {
        let session = self.call("session/create", params)?;
        Ok(session["sessionId"].as_str().ok_or("a session without a name")?.to_owned())
    }

    /// Runs something to its end, and insists that it ended well.
    pub(crate) fn execute(&mut self, session: &str, source: &Value) -> Result<Value> {
        let result = self.call("session/execute", &json!({"sessionId": session, "source": source}))?;
        if result["outcome"] == "ok" { Ok(result) } else { Err(format!("it did not end well: {result}").into()) }
    }

    /// The program that the daemon runs a language with, and where that is.
    pub(crate) fn interpreter(&mut self, session: &str, language: &str) -> Result<String> {
        let result = self.execute(session, &json!({"language": language, "code": ""}))?;
        let execution = self.call("execution/get", &json!({"executionId": result["executionId"]}))?;
        Ok(execution["argv"][0].as_str().ok_or("an execution without a program")?.to_owned())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Whatever went wrong: its input ends with us, and it with its input.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
