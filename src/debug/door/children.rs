//! How the children of what is debugged are found by their clients.
//!
//! An adapter asks its client to open another connection for a child (`startDebugging`), on which the child is
//! named by a token. The door by which the client came knows what that connection needs besides, and puts it into
//! the child's configuration.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::gate::{Gate, TOKEN, Token};
use super::reception::{Door, Reception};
use super::socket::{Socket, SocketFault};
use super::stream::{Conversation, Ending};
use crate::debug::{Client, Messages};

/// The argument of `attach` that names a child.
pub const CHILD: &str = "__codebeakerChild";

/// The argument of `attach` that names the socket behind which the child's adapter is.
pub const DOOR: &str = "__codebeakerDoor";

/// Opens a door, or says where it is open.
pub type OpenDoor = Arc<dyn Fn() -> Result<PathBuf, SocketFault> + Send + Sync>;

/// How the children of what is debugged find their adapters.
#[derive(Clone)]
pub enum Children {
    /// By the door by which their parent's client came, as it is.
    SameDoor,
    /// By the same door, which wants a token.
    WithToken(Token),
    /// By another door, which is opened for the first of them.
    ByDoor(OpenDoor),
}

impl std::fmt::Debug for Children {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SameDoor => "SameDoor",
            Self::WithToken(_) => "WithToken",
            Self::ByDoor(_) => "ByDoor",
        })
    }
}

impl Children {
    /// Puts the way to a child into the message that announces it.
    pub(super) fn mark(&self, message: &mut Value) {
        if message["command"] != "startDebugging" || message["type"] != "request" {
            return;
        }
        let (name, value) = match self {
            Self::SameDoor => return,
            Self::WithToken(token) => (TOKEN, json!(token.text())),
            Self::ByDoor(open) => match open() {
                Ok(path) => (DOOR, json!(path)),
                Err(error) => {
                    tracing::warn!(error = %crate::causes::in_full(&error), "a child can't be reached by its client");
                    return;
                }
            },
        };
        if let Some(configuration) = message.pointer_mut("/arguments/configuration").and_then(Value::as_object_mut) {
            configuration.insert(name.to_owned(), value);
        }
    }
}

/// A private door that is opened when the first child wants it.
#[derive(Debug, Default)]
struct LazyDoor {
    socket: Mutex<Option<Arc<Socket>>>,
}

impl LazyDoor {
    /// Where it is. A socket that is new is sent to whoever lets clients in by it.
    fn open(&self, opened: &mpsc::Sender<Arc<Socket>>) -> Result<PathBuf, SocketFault> {
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(socket) = &*socket {
            return Ok(socket.path().to_owned());
        }
        let new = Arc::new(Socket::private()?);
        let path = new.path().to_owned();
        // There is room for the one that there is; and without a receiver nobody wants it any more.
        drop(opened.try_send(Arc::clone(&new)));
        *socket = Some(new);
        Ok(path)
    }
}

/// Tasks that are dropped later than the conversation hold the door too.
struct CloseOnDrop(Arc<LazyDoor>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        if let Some(socket) = &*self.0.socket.lock().unwrap_or_else(PoisonError::into_inner) {
            socket.close();
        }
    }
}

/// Holds the conversation of a client that starts another process for each child: those find their way here by a
/// private door, for as long as the conversation lasts.
pub async fn hold_with_children<R, W>(
    (client, messages): (Client, Messages),
    reception: &Reception,
    reader: R,
    writer: W,
) -> Ending<R, W>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (opened, mut openings) = mpsc::channel(1);
    let door = Arc::new(LazyDoor::default());
    let _closed = CloseOnDrop(Arc::clone(&door));
    let children = Children::ByDoor(Arc::new(move || door.open(&opened)));
    let of_children = Reception { gate: Gate::Children, children: children.clone(), ..reception.clone() };
    let conversation = Conversation { client, messages, gate: Gate::Open, children, may_detour: true };
    let receiving = async {
        match openings.recv().await {
            Some(socket) => of_children.receive(&Door::Socket(socket)).await,
            None => std::future::pending::<Infallible>().await,
        }
    };
    tokio::select! {
        ending = conversation.hold(reader, writer) => ending,
        never = receiving => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement() -> Value {
        json!({"seq": 1, "type": "request", "command": "startDebugging",
            "arguments": {"request": "attach", "configuration": {"name": "child", CHILD: "x"}}})
    }

    #[test]
    fn a_childs_configuration_says_how_it_is_found() {
        let mut same = announcement();
        Children::SameDoor.mark(&mut same);
        assert_eq!(same, announcement());

        let mut token = announcement();
        Children::WithToken(Token::read("0123456789abcdef").unwrap()).mark(&mut token);
        assert_eq!(token["arguments"]["configuration"][TOKEN], "0123456789abcdef");

        let mut door = announcement();
        Children::ByDoor(Arc::new(|| Ok(PathBuf::from("/private/door")))).mark(&mut door);
        assert_eq!(door["arguments"]["configuration"][DOOR], "/private/door");
    }
}
