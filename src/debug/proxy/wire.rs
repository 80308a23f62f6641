//! DAP's framing on a stream into a sandbox, and what of the messages there is listened to at all.
//!
//! A debugger in a sandbox may answer what it was asked, and tell of events. That is all: requests of its
//! own, which would have the client run commands on its machine, and messages of any other type are dropped
//! here, whoever sent them. Everything is bounded: a message's size and depth, how many wait, and how many
//! come in a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::clean;
use crate::dap::MAX_MESSAGE_BYTES;
use crate::transport::{Decoder, Event as Piece};

/// Messages that wait to be looked at.
const INBOUND: usize = 64;

/// Messages that wait to be written. A debugger that reads none of them is asked nothing more.
pub(super) const OUTBOUND: usize = 64;

/// Messages that may come at once, and from then on in a second: far more than a program that is debugged
/// by a person makes. One that sends more is read more slowly.
const BURST: u32 = 10_000;
const RATE: u32 = 10_000;

/// Drops that are written to the log; more are counted alone.
const LOGGED: u64 = 16;

/// What a debugger may say.
#[derive(Debug)]
pub(super) enum Said {
    /// It answers.
    Response { request_seq: i64, result: Result<Value, String> },
    /// Something happened.
    Event { event: String, body: Value },
}

/// Counts what is dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct Dropped(Arc<AtomicU64>);

impl Dropped {
    /// Notes that something was dropped. `what` is ours: nothing of the sandbox's gets into the log.
    pub(super) fn note(&self, what: &'static str) {
        if self.0.fetch_add(1, Ordering::Relaxed) < LOGGED {
            tracing::warn!(what, "dropped what a debugger in a sandbox sent");
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Reads messages until the stream ends or nobody takes them any more.
pub(super) async fn listen(mut stream: impl AsyncRead + Unpin, to: mpsc::Sender<Said>, dropped: Dropped) {
    let mut decoder = Decoder::new(MAX_MESSAGE_BYTES);
    let mut piece = vec![0; 64 << 10];
    let mut pace = Pace::new();
    loop {
        let length = tokio::select! {
            read = stream.read(&mut piece) => read.unwrap_or(0),
            () = to.closed() => 0,
        };
        if length == 0 {
            return;
        }
        decoder.feed(&piece[..length]);
        while let Some(found) = decoder.next_event() {
            pace.wait().await;
            let said = match found {
                Piece::Body(body) => read(&body),
                Piece::Fault(_) => Err("bytes that are no message, or one that is too long"),
            };
            match said {
                Ok(said) => {
                    if to.send(said).await.is_err() {
                        return;
                    }
                }
                Err(what) => dropped.note(what),
            }
        }
    }
}

/// A queue of messages for [`listen`] to fill.
pub(super) fn inbound() -> (mpsc::Sender<Said>, mpsc::Receiver<Said>) {
    mpsc::channel(INBOUND)
}

/// What a message says, or why it is not listened to.
fn read(body: &[u8]) -> Result<Said, &'static str> {
    if !clean::is_shallow(body) {
        return Err("a message that nests too deep");
    }
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else {
        return Err("a message that is no object");
    };
    match fields.get("type").and_then(Value::as_str) {
        Some("event") => {
            let Some(Value::String(event)) = fields.shift_remove("event") else {
                return Err("an event without a name");
            };
            Ok(Said::Event { event, body: fields.shift_remove("body").unwrap_or_default() })
        }
        Some("response") => {
            let request_seq = fields.get("request_seq").and_then(Value::as_i64);
            let request_seq = request_seq.ok_or("a response to nothing")?;
            let body = fields.shift_remove("body").unwrap_or_default();
            let result = match fields.get("success").and_then(Value::as_bool) {
                Some(true) => Ok(body),
                _ => Err(complaint(&body, fields.get("message"))),
            };
            Ok(Said::Response { request_seq, result })
        }
        Some("request") => Err("a request of the debugger's"),
        _ => Err("a message of unknown type"),
    }
}

/// Why a request failed, in the debugger's words.
fn complaint(body: &Value, message: Option<&Value>) -> String {
    let error = &body["error"];
    let format = error["format"].as_str().map(|format| fill_in(format, &error["variables"]));
    let mut text = format.or_else(|| message?.as_str().map(str::to_owned)).unwrap_or_default();
    if text.is_empty() {
        "the debugger refused, and did not say why".clone_into(&mut text);
    }
    clean::clean_text(&mut text, clean::MAX_LINE);
    text
}

/// Puts the values of `variables` where `format` has their names in braces.
fn fill_in(format: &str, variables: &Value) -> String {
    let mut text = String::new();
    let mut rest = format;
    // What is longer is cut off anyway; without an end to it, a short message could make a long one.
    while let Some((before, after)) = rest.split_once('{').filter(|_| text.len() <= clean::MAX_LINE) {
        text.push_str(before);
        match after.split_once('}').and_then(|(name, after)| Some((variables.get(name)?.as_str()?, after))) {
            Some((value, after)) => {
                text.push_str(value);
                rest = after;
            }
            None => {
                text.push('{');
                rest = after;
            }
        }
    }
    text + rest
}

/// Writes messages until there are no more, or the stream takes none.
pub(super) async fn speak(mut stream: impl AsyncWrite + Unpin, mut from: mpsc::Receiver<Value>) {
    while let Some(message) = from.recv().await {
        let body = message.to_string();
        let framed = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(framed.as_bytes()).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
    // The end of the stream tells the debugger that nobody will ask again. It may be gone already.
    drop(stream.shutdown().await);
}

/// Slows a sender down that says too much.
struct Pace {
    left: u32,
    since: Instant,
}

impl Pace {
    fn new() -> Self {
        Self { left: BURST, since: Instant::now() }
    }

    async fn wait(&mut self) {
        if self.left == 0 {
            let earned = self.since.elapsed().as_millis().saturating_mul(u128::from(RATE)) / 1000;
            self.left = u32::try_from(earned).unwrap_or(BURST).min(BURST);
            if self.left == 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                self.left = RATE / 20;
            }
            self.since = Instant::now();
        }
        self.left -= 1;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(message: &Value) -> Result<Said, &'static str> {
        read(message.to_string().as_bytes())
    }

    #[test]
    fn requests_and_what_is_no_message_are_not_listened_to() {
        for message in [
            json!({"seq": 1, "type": "request", "command": "runInTerminal", "arguments": {"args": ["true"]}}),
            json!({"seq": 1, "type": "request", "command": "startDebugging"}),
            json!({"seq": 1, "type": "reverseRequest", "command": "runInTerminal"}),
            json!({"seq": 1, "type": "event"}),
            json!({"seq": 1, "type": "response", "success": true}),
            json!({"seq": 1, "type": "response", "request_seq": "1", "success": true}),
            json!([1]),
            json!({}),
        ] {
            assert!(words(&message).is_err(), "{message}");
        }
        assert!(read(b"{").is_err());
        let deep = format!("{{\"type\":\"event\",\"event\":\"x\",\"body\":{}1{}}}", "[".repeat(64), "]".repeat(64));
        assert!(read(deep.as_bytes()).is_err());
    }

    #[test]
    fn a_refusal_is_told_in_the_debuggers_words() {
        let said = words(&json!({
            "type": "response", "request_seq": 3, "success": false, "message": "short",
            "body": {"error": {"id": 1, "format": "no {what}\u{1b}, {else} {", "variables": {"what": "file"}}},
        }));
        let Ok(Said::Response { request_seq: 3, result: Err(why) }) = said else { panic!("{said:?}") };
        assert_eq!(why, "no file\u{fffd}, {else} {");
        let said = words(&json!({"type": "response", "request_seq": 3, "message": "short"}));
        assert!(matches!(said, Ok(Said::Response { result: Err(why), .. }) if why == "short"));
    }

    #[test]
    fn a_short_message_makes_no_long_text() {
        let text = fill_in(&"{a}".repeat(1 << 16), &json!({"a": "b".repeat(1 << 16)}));
        assert!(text.len() < 1 << 20, "{}", text.len());
    }
}
