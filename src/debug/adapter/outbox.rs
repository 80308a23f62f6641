//! The way to the client: one queue, in which messages are numbered as they enter.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::mpsc;

use crate::dap::ToClient;
use crate::debug::client::Messages;

/// Messages that may wait to be read by the client; whoever has more to say waits.
const CAPACITY: usize = 64;

/// Sends to the client.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    messages: mpsc::Sender<Value>,
    last: Arc<Mutex<i64>>,
}

impl Outbox {
    pub(super) fn new() -> (Self, Messages) {
        let (messages, read) = mpsc::channel(CAPACITY);
        (Self { messages, last: Arc::default() }, read)
    }

    /// Sends a message, once there is room for it, and says its number. A client that reads no more needs to
    /// know nothing more.
    pub(super) async fn send(&self, message: ToClient) -> Option<i64> {
        let room = self.messages.reserve().await.ok()?;
        // Numbered and sent under one lock, so that numbers rise in the order of the queue.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last += 1;
        room.send(message.into_message(*last));
        Some(*last)
    }

    /// Sends an event.
    pub(super) async fn event(&self, event: &str, body: Value) {
        self.send(ToClient::event(event, body)).await;
    }
}
