//! The way of a client to a child whose adapter is in another process.
//!
//! A client that starts its adapters as processes starts another one for a child, which knows nothing of it. The
//! child's configuration says behind which socket its adapter is; the second process answers until it has read
//! that, says there again what it was told, and becomes a pipe.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};

use super::children::{CHILD, DOOR};
use super::numbers::{Numbers, refusal, weight};
use super::socket::{SocketFault, dial};
use super::stream::{Incoming, Outgoing};

/// What a client has said before it said whom it wants.
#[derive(Debug, Default)]
pub(super) struct Said {
    messages: Vec<Value>,
    bytes: usize,
}

impl Said {
    /// The most messages that are kept to be said again elsewhere.
    pub(super) const MOST: usize = 16;
    /// The most bytes.
    const MOST_BYTES: usize = 1 << 20;

    /// Keeps a message. False once it is settled that nothing has to be said again.
    pub(super) fn note(&mut self, message: Value) -> bool {
        self.bytes += weight(&message);
        let is_choice = matches!(message["command"].as_str(), Some("launch" | "attach"));
        self.messages.push(message);
        !is_choice && self.messages.len() < Self::MOST && self.bytes < Self::MOST_BYTES
    }
}

/// A client that is to go on with the adapter of another process.
#[derive(Debug)]
pub struct Detour<R, W> {
    pub(super) path: PathBuf,
    pub(super) said: Said,
    /// Requests that have their answer already.
    pub(super) answered: Vec<i64>,
    pub(super) incoming: Incoming<R>,
    pub(super) outgoing: Outgoing<W>,
    pub(super) numbers: Arc<Numbers>,
}

/// Why a client can't be taken to the adapter that it wants.
#[derive(Debug, thiserror::Error)]
pub enum NoDetour {
    /// There is no way to it.
    #[error("the program that started this child is no longer debugged")]
    Unreachable(#[source] SocketFault),
    /// The way broke off.
    #[error("the connection to the debugged program's adapter broke")]
    Broken(#[source] std::io::Error),
}

/// Where a message wants to go, if not here.
pub(super) fn wanted(message: &Value) -> Option<PathBuf> {
    let arguments = message.get("arguments").filter(|_| message["command"] == "attach")?;
    arguments.get(CHILD)?.as_str()?;
    let path = Path::new(arguments.get(DOOR)?.as_str()?);
    path.is_absolute().then(|| path.to_owned())
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Detour<R, W> {
    /// Says again there what was said here, and carries messages until one side ends.
    ///
    /// # Errors
    /// [`NoDetour`]; the client has an answer to what it asked for.
    pub async fn follow(mut self) -> Result<(), NoDetour> {
        let stream = match dial(&self.path).await {
            Ok(stream) => stream,
            Err(fault) => {
                self.refuse().await;
                return Err(NoDetour::Unreachable(fault));
            }
        };
        let (far_reader, far_writer) = stream.into_split();
        let (mut from_far, mut to_far) = (Incoming::new(far_reader), Outgoing::new(far_writer));
        for mut message in self.said.messages {
            strip(&mut message);
            to_far.put(&message).map_err(NoDetour::Broken)?;
        }
        to_far.flush().await.map_err(NoDetour::Broken)?;
        let there = async {
            while let Some(mut message) = self.incoming.next().await {
                if self.numbers.incoming(&mut message) {
                    to_far.put(&message)?;
                    to_far.flush().await?;
                }
            }
            Ok(())
        };
        let back = async {
            while let Some(mut message) = from_far.next().await {
                let answers =
                    message["request_seq"].as_i64().and_then(|seq| self.answered.iter().position(|at| *at == seq));
                if let Some(place) = answers {
                    self.answered.swap_remove(place);
                    continue;
                }
                self.numbers.outgoing(&mut message);
                self.outgoing.put(&message)?;
                self.outgoing.flush().await?;
            }
            Ok(())
        };
        let ended: std::io::Result<()> = tokio::select! { ended = there => ended, ended = back => ended };
        ended.map_err(NoDetour::Broken)
    }

    /// Answers what has no answer yet.
    async fn refuse(&mut self) {
        let why = "the program that started this child is no longer debugged";
        for message in &self.said.messages {
            let is_open = message["seq"].as_i64().is_some_and(|seq| !self.answered.contains(&seq));
            if let Some(mut answer) = refusal(message, why).filter(|_| is_open) {
                self.numbers.outgoing(&mut answer);
                // Who does not read it does not need it.
                drop(self.outgoing.put(&answer));
            }
        }
        drop(self.outgoing.flush().await);
    }
}

/// The way to a child is not the adapter's business.
fn strip(message: &mut Value) {
    if let Some(arguments) = message.get_mut("arguments").and_then(Value::as_object_mut) {
        arguments.shift_remove(DOOR);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_child_is_sent_elsewhere() {
        let wanted = |command: &str, arguments: Value| {
            wanted(&json!({"seq": 2, "type": "request", "command": command, "arguments": arguments}))
        };
        assert_eq!(wanted("attach", json!({CHILD: "x", DOOR: "/private/door"})), Some(PathBuf::from("/private/door")));
        assert_eq!(wanted("launch", json!({CHILD: "x", DOOR: "/private/door"})), None);
        assert_eq!(wanted("attach", json!({DOOR: "/private/door"})), None);
        assert_eq!(wanted("attach", json!({CHILD: "x", DOOR: "door"})), None);
        assert_eq!(wanted("attach", json!({CHILD: "x", DOOR: 1})), None);
    }

    #[test]
    fn what_was_said_is_kept_until_it_is_settled_whom_the_client_wants() {
        let mut said = Said::default();
        assert!(said.note(json!({"seq": 1, "type": "request", "command": "initialize"})));
        assert!(!said.note(json!({"seq": 2, "type": "request", "command": "launch"})));
        let mut flood = Said::default();
        assert!((0..Said::MOST).map(|_| flood.note(json!({"command": "x"}))).any(|goes_on| !goes_on));
        assert!(!Said::default().note(json!({"command": "x".repeat(2 << 20)})));
    }
}
