//! The client's side of an adapter: what a door holds.
//!
//! What is sent waits in a bounded queue; an adapter whose every [`Client`] is dropped ends.

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::ids::DebugId;

/// Messages to the client, whole and numbered, in order. Their end means that the adapter is gone.
pub type Messages = mpsc::Receiver<Value>;

/// Requests that may wait to be read by the adapter.
const QUEUE: usize = 64;

/// The adapter is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the debug adapter is gone")]
pub struct Gone;

/// Sends to one adapter. The adapter ends when the last of its clones is dropped.
#[derive(Debug, Clone)]
pub struct Client {
    /// The adapter's name.
    pub id: DebugId,
    inbox: mpsc::Sender<Inbound>,
    ending: CancellationToken,
    over: CancellationToken,
}

/// What the register holds, so that it keeps no adapter alive.
#[derive(Debug)]
pub(super) struct WeakClient {
    id: DebugId,
    inbox: mpsc::WeakSender<Inbound>,
    ending: CancellationToken,
    over: CancellationToken,
}

/// What reaches an adapter.
#[derive(Debug)]
pub(super) enum Inbound {
    /// A message of the client's.
    Message(Value),
    /// A request whose answer goes to whoever made it, and not to the client's stream.
    Aside {
        /// What is asked for.
        command: String,
        /// With what.
        arguments: Value,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<Value, String>>,
    },
}

/// The adapter's end of the pair.
#[derive(Debug)]
pub(super) struct Requests {
    /// What comes in; `None` when every client is dropped.
    pub(super) inbox: mpsc::Receiver<Inbound>,
    /// The adapter shall end, with all that it launched.
    pub(super) ending: CancellationToken,
    /// Cancelled when the adapter has ended.
    pub(super) over: CancellationToken,
}

pub(super) fn pair(id: DebugId) -> (Client, Requests) {
    let (inbox, requests) = mpsc::channel(QUEUE);
    let (ending, over) = (CancellationToken::new(), CancellationToken::new());
    let client = Client { id, inbox, ending: ending.clone(), over: over.clone() };
    (client, Requests { inbox: requests, ending, over })
}

impl Client {
    /// Hands one DAP message of the client's over: a request, or the answer to one of the adapter's. Waits
    /// while the adapter has too many.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn send(&self, message: Value) -> Result<(), Gone> {
        self.inbox.send(Inbound::Message(message)).await.map_err(|_| Gone)
    }

    /// Makes one request and waits for its answer, which does not go to the client's stream; what happens
    /// because of it does.
    ///
    /// # Errors
    /// Why it was not done, as a line for a person.
    pub async fn request(&self, command: &str, arguments: Value) -> Result<Value, String> {
        let (answer, answered) = oneshot::channel();
        let aside = Inbound::Aside { command: command.to_owned(), arguments, answer };
        self.inbox.send(aside).await.map_err(|_| Gone.to_string())?;
        answered.await.unwrap_or_else(|_| Err(Gone.to_string()))
    }

    /// Ends the adapter and what it launched, and waits until that is done.
    pub async fn terminate(&self) {
        self.ending.cancel();
        self.over.cancelled().await;
    }

    /// Resolves when the adapter has ended.
    pub async fn over(&self) {
        self.over.cancelled().await;
    }

    pub(super) fn downgrade(&self) -> WeakClient {
        let Self { id, inbox, ending, over } = self;
        WeakClient { id: id.clone(), inbox: inbox.downgrade(), ending: ending.clone(), over: over.clone() }
    }
}

impl WeakClient {
    pub(super) fn upgrade(&self) -> Option<Client> {
        let inbox = self.inbox.upgrade().filter(|_| !self.over.is_cancelled())?;
        Some(Client { id: self.id.clone(), inbox, ending: self.ending.clone(), over: self.over.clone() })
    }
}
