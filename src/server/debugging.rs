//! What one connection debugs: the messages that travel in it, the sockets that were opened for it.
//!
//! All of it ends with the connection. A client's messages wait in a bounded queue, so that a debug adapter that
//! is busy stops nothing else of the connection; what does not fit is refused as the Debug Adapter Protocol has it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::AbortHandle;

use crate::dap;
use crate::debug::door::socket::Socket;
use crate::debug::door::{Conversation, Door, Numbers, Reception, weight};
use crate::debug::{Client, Messages};
use crate::ids::DebugId;
use crate::protocol::debug::{DebugEnd, DebugMessage, DebugTerminatedNotice, DebugTransport, Object};
use crate::transport::{Message, Outbox};

/// Messages of a client that may wait for its debug adapter.
const MAX_WAITING: usize = 256;

/// What they may take together, in bytes. One may exceed it if it is alone.
const MAX_WAITING_BYTES: usize = 8 << 20;

/// How long a debug adapter may take to end.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Everything that a connection debugs.
#[derive(Debug)]
pub(super) struct Debugging {
    outbox: Outbox,
    table: Mutex<HashMap<DebugId, Entry>>,
}

#[derive(Debug)]
struct Entry {
    way: Way,
    /// `debug/terminate` was asked for.
    terminated: bool,
    task: AbortHandle,
}

#[derive(Debug)]
enum Way {
    Tunnel(Tunnel),
    Socket(Arc<Socket>),
}

/// The client's end of a tunnel.
#[derive(Debug, Clone)]
struct Tunnel {
    queue: mpsc::Sender<(Value, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
    numbers: Arc<Numbers>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        // At once, and not when the task is: the process may end before.
        if let Way::Socket(socket) = &self.way {
            socket.close();
        }
        self.task.abort();
    }
}

impl Debugging {
    pub(super) fn new(outbox: Outbox) -> Arc<Self> {
        Arc::new(Self { outbox, table: Mutex::default() })
    }

    /// Carries the messages of a debug adapter in this connection.
    pub(super) fn tunnel(self: &Arc<Self>, client: Client, messages: Messages) {
        let id = client.id.clone();
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        let numbers = Arc::new(Numbers::default());
        let tunnel = Tunnel { queue, room: Arc::new(Semaphore::new(MAX_WAITING_BYTES)), numbers: Arc::clone(&numbers) };
        let outbox = self.outbox.clone();
        self.keep(id.clone(), Way::Tunnel(tunnel), async move {
            tokio::select! {
                () = tell(&outbox, &id, messages, &numbers) => {}
                () = hear(&client, waiting) => {}
            }
        });
    }

    /// Serves a debug adapter by a socket, and its children by the same.
    pub(super) fn serve(self: &Arc<Self>, socket: Socket, first: Conversation, reception: Reception) {
        let id = first.client.id.clone();
        let socket = Arc::new(socket);
        let door = Door::Socket(Arc::clone(&socket));
        self.keep(id, Way::Socket(socket), async move { reception.attend(&door, first).await });
    }

    /// Keeps what is debugged until `until` has ended, and tells the client then.
    fn keep(self: &Arc<Self>, id: DebugId, way: Way, until: impl Future<Output = ()> + Send + 'static) {
        let mut table = self.lock();
        let task = tokio::spawn({
            let (debugging, id) = (Arc::downgrade(self), id.clone());
            async move {
                until.await;
                Self::finish(&debugging, &id).await;
            }
        });
        table.insert(id, Entry { way, terminated: false, task: task.abort_handle() });
    }

    async fn finish(debugging: &Weak<Self>, id: &DebugId) {
        let Some(this) = debugging.upgrade() else { return };
        let terminated = this.lock().get(id).is_some_and(|entry| entry.terminated);
        let reason = if terminated { DebugEnd::Terminated } else { DebugEnd::Disconnected };
        let outbox = this.outbox.clone();
        drop(this);
        // A client that is gone needs to know nothing more.
        outbox.data(ended(id, reason)).await.map(|_| ()).unwrap_or_default();
        // This drops the entry, and so would end a task that still had something to do.
        if let Some(this) = debugging.upgrade() {
            this.lock().remove(id);
        }
    }

    /// The transport of what this connection debugs; `None` for what was let in by a socket.
    pub(super) fn transport(&self, id: &DebugId) -> DebugTransport {
        match self.lock().get(id).map(|entry| &entry.way) {
            Some(Way::Tunnel(_)) => DebugTransport::Tunnel,
            _ => DebugTransport::Socket,
        }
    }

    /// Ends something because the client asked for it.
    pub(super) async fn terminate(&self, client: &Client) {
        if let Some(entry) = self.lock().get_mut(&client.id) {
            entry.terminated = true;
        }
        if tokio::time::timeout(LAST_WORDS, client.terminate()).await.is_ok() {
            return;
        }
        // A client that reads nothing keeps the adapter from ending: it hears no more of it.
        let entry = self.lock().remove(&client.id);
        if entry.is_some() {
            self.outbox.control(ended(&client.id, DebugEnd::Terminated));
        }
        drop(entry);
    }

    /// Takes a message of the client's.
    pub(super) fn message(&self, DebugMessage { debug_id, message }: DebugMessage) {
        let id = DebugId::from(debug_id);
        let tunnel = match self.lock().get(&id).map(|entry| &entry.way) {
            Some(Way::Tunnel(tunnel)) => Some(tunnel.clone()),
            _ => None,
        };
        let Some(tunnel) = tunnel else {
            tracing::warn!("a message to what is not debugged here was dropped");
            return self.outbox.control(ended(&id, DebugEnd::Unknown));
        };
        let Err(refused) = tunnel.take(message) else { return };
        match refusal(&refused) {
            Some(mut answer) => {
                tunnel.numbers.outgoing(&mut answer);
                self.outbox.control(carried(&id, answer));
            }
            None => tracing::warn!("an answer of the client's was dropped: too much waits for the debug adapter"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DebugId, Entry>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tunnel {
    /// Queues a message, or gives it back.
    fn take(&self, message: Object) -> Result<(), Value> {
        let mut message = Value::Object(message);
        let share = u32::try_from(weight(&message).min(MAX_WAITING_BYTES)).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(share) else { return Err(message) };
        if !self.numbers.incoming(&mut message) {
            tracing::debug!("an answer to no question of the debug adapter's was dropped");
            return Ok(());
        }
        // It is closed only when the adapter is gone, and the client is about to be told so.
        self.queue.try_send((message, room)).map_err(|error| match error {
            mpsc::error::TrySendError::Full((message, _)) | mpsc::error::TrySendError::Closed((message, _)) => message,
        })
    }
}

fn refusal(message: &Value) -> Option<Value> {
    let Ok(dap::FromClient::Request(request)) = dap::read(message.clone()) else { return None };
    let why = "too many requests wait for the debug adapter".to_owned();
    let response = dap::Response { request_seq: request.seq, command: request.command, result: Err(why) };
    Some(dap::ToClient::Response(response).into_message(0))
}

/// Passes on what the adapter says, until it ends.
async fn tell(outbox: &Outbox, id: &DebugId, mut messages: Messages, numbers: &Numbers) {
    while let Some(mut message) = messages.recv().await {
        numbers.outgoing(&mut message);
        if outbox.data(carried(id, message)).await.is_err() {
            return;
        }
    }
}

/// Passes on what the client says; ends never, since only the adapter's own end is one.
async fn hear(client: &Client, mut waiting: mpsc::Receiver<(Value, OwnedSemaphorePermit)>) {
    while let Some((message, room)) = waiting.recv().await {
        if client.send(message).await.is_err() {
            break;
        }
        drop(room);
    }
    std::future::pending().await
}

fn carried(id: &DebugId, message: Value) -> Message {
    let params = serde_json::json!({"debugId": id.as_str(), "message": message});
    Message::notification("debug/message", &params).expect("a message can be written as JSON")
}

fn ended(id: &DebugId, reason: DebugEnd) -> Message {
    let notice = DebugTerminatedNotice { debug_id: id.to_string(), reason };
    Message::notification("debug/terminated", &notice).expect("a notice can be written as JSON")
}
