//! Everything that one connection sends, on its way to the one task that writes it.
//!
//! Two lanes: *control* (answers, and what must not wait) and *data* (output). Each lane keeps its
//! order; control goes before data at the next message boundary. The data lane is bounded in bytes,
//! and whoever sends into it waits, first come first served. A client that stops reading therefore
//! stops the programs whose output it doesn't read, and neither the reading of its requests nor the
//! growth of the daemon's memory depends on it.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::Value;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, Semaphore, watch};

use super::asked::{Answer, AskError, Asked};
use super::message::Message;

/// What the data lane holds, in bytes. One message may exceed it if it is alone.
const DATA_BYTES: usize = 1 << 20;

/// From here on the control lane asks for no more input, in bytes.
const CONTROL_BYTES: usize = 1 << 20;

/// What is written at once, in bytes: as much as a control message may have to wait for.
const BATCH_BYTES: usize = 64 << 10;

/// The connection is gone, and with it whatever was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection is closed")]
pub struct Closed;

/// The place of a message in the data lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// The sending end of a connection; clones are the same outbox.
#[derive(Debug, Clone)]
pub struct Outbox {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    lanes: Mutex<Lanes>,
    /// Free bytes of the data lane.
    space: Semaphore,
    /// Something is there to be written, or nothing ever will be.
    work: Notify,
    /// The control lane became shorter.
    drained: Notify,
    progress: watch::Sender<Progress>,
    asked: Asked,
}

#[derive(Debug, Default)]
struct Lanes {
    control: VecDeque<Message>,
    control_bytes: usize,
    data: VecDeque<Message>,
    /// Data messages taken in so far.
    issued: u64,
    /// Data messages given to the writer so far.
    handed: u64,
    /// Nothing more is taken in.
    finishing: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    handed: u64,
    closed: bool,
}

/// Takes a request back when it is dropped, unless that was answered.
struct Revocation<'a> {
    outbox: &'a Outbox,
    id: Option<String>,
}

impl Drop for Revocation<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            let params = serde_json::json!({"id": id});
            let message = Message::notification("$/cancelRequest", &params);
            self.outbox.control(message.expect("a notice can be written as JSON"));
        }
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Outbox {
    /// An outbox that nothing was sent to.
    #[must_use]
    pub fn new() -> Self {
        let shared = Shared {
            lanes: Mutex::default(),
            space: Semaphore::new(DATA_BYTES),
            work: Notify::new(),
            drained: Notify::new(),
            progress: watch::Sender::default(),
            asked: Asked::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Sends before all data that is still waiting. For answers and for what is rare: nothing but
    /// the number of requests in flight bounds this lane. Once the outbox is closed it does nothing.
    pub fn control(&self, message: Message) {
        let mut lanes = self.lanes();
        if lanes.finishing {
            return;
        }
        lanes.control_bytes += message.as_bytes().len();
        lanes.control.push_back(message);
        drop(lanes);
        self.shared.work.notify_one();
    }

    /// Sends in the order of the data lane; waits until the lane has room.
    ///
    /// # Errors
    ///
    /// [`Closed`] where the message was not taken.
    pub async fn data(&self, message: Message) -> Result<Ticket, Closed> {
        self.shared.space.acquire_many(space_for(&message)).await.map_err(|_| Closed)?.forget();
        let mut lanes = self.lanes();
        if lanes.finishing {
            return Err(Closed);
        }
        lanes.data.push_back(message);
        lanes.issued += 1;
        let ticket = Ticket(lanes.issued);
        drop(lanes);
        self.shared.work.notify_one();
        Ok(ticket)
    }

    /// Sends a request before all data that is still waiting, and waits for the client's answer: as long as the caller
    /// wants.
    ///
    /// # Errors
    ///
    /// [`AskError`] where there is no answer, or none that says yes.
    pub async fn ask<P: Serialize>(&self, method: &str, params: &P) -> Result<Value, AskError> {
        let mut waiting = self.shared.asked.begin()?;
        let message = Message::request(&waiting.id(), method, params).expect("a request can be written as JSON");
        self.control(message);
        waiting.answer().await
    }

    /// The same, and who gives up waiting takes the request back: the client is told that nobody wants an answer.
    ///
    /// # Errors
    ///
    /// As [`Outbox::ask`].
    pub async fn ask_for_now<P: Serialize>(&self, method: &str, params: &P) -> Result<Value, AskError> {
        let mut waiting = self.shared.asked.begin()?;
        let message = Message::request(&waiting.id(), method, params).expect("a request can be written as JSON");
        let mut revocation = Revocation { outbox: self, id: Some(waiting.id()) };
        self.control(message);
        let answer = waiting.answer().await;
        revocation.id = None;
        answer
    }

    /// Takes the client's answer to a request; false where there is no such request.
    pub(super) fn answered(&self, id: &Value, answer: Answer) -> bool {
        self.shared.asked.answered(id, answer)
    }

    /// Waits until this message, and all before it, can't be overtaken: a control message that is
    /// sent afterwards is written afterwards.
    ///
    /// # Errors
    ///
    /// [`Closed`] where the connection ended before.
    pub async fn flushed(&self, ticket: Ticket) -> Result<(), Closed> {
        let progress = self.progress_where(|progress| progress.handed >= ticket.0).await;
        if progress.handed >= ticket.0 { Ok(()) } else { Err(Closed) }
    }

    /// Waits until nothing that is sent arrives any more.
    pub async fn closed(&self) {
        self.progress_where(|_| false).await;
    }

    /// Waits until few enough control messages are unread that a request for more may be taken in.
    pub(super) async fn control_room(&self) {
        loop {
            let drained = self.shared.drained.notified();
            if self.lanes().control_bytes < CONTROL_BYTES {
                return;
            }
            drained.await;
        }
    }

    /// Takes nothing more in; what is there is still written.
    pub(super) fn finish(&self) {
        self.lanes().finishing = true;
        self.shared.space.close();
        self.shared.work.notify_one();
    }

    /// Drops what is there and takes nothing more in.
    pub(super) fn close(&self) {
        let mut lanes = self.lanes();
        lanes.finishing = true;
        lanes.control.clear();
        lanes.control_bytes = 0;
        lanes.data.clear();
        drop(lanes);
        self.shared.space.close();
        self.shared.asked.close();
        self.shared.work.notify_one();
        self.shared.drained.notify_waiters();
        self.shared.progress.send_modify(|progress| progress.closed = true);
    }

    /// Writes everything until the outbox is finished or a write fails, and closes it then. One task
    /// of a connection runs this, and nobody else writes.
    pub(super) async fn write_to<W: AsyncWrite + Unpin>(&self, mut writer: W) -> io::Result<()> {
        let _closed_whatever_happens = CloseOnDrop(self);
        let mut scratch = Vec::with_capacity(BATCH_BYTES);
        loop {
            let batch = self.take_batch();
            match batch.as_slice() {
                [] => {
                    writer.flush().await?;
                    // A message may have come during the flush; the permit of `work` remembers it.
                    if self.is_finished() {
                        return Ok(());
                    }
                    self.shared.work.notified().await;
                }
                [message] => writer.write_all(message.as_bytes()).await?,
                messages => {
                    scratch.clear();
                    messages.iter().for_each(|message| scratch.extend_from_slice(message.as_bytes()));
                    writer.write_all(&scratch).await?;
                }
            }
        }
    }

    /// Takes what is to be written next: control first, and never much at once.
    fn take_batch(&self) -> Vec<Message> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut freed = 0;
        let mut lanes = self.lanes();
        while let Some(message) = take_if_fits(&mut lanes.control, bytes) {
            bytes += message.as_bytes().len();
            lanes.control_bytes -= message.as_bytes().len();
            batch.push(message);
        }
        if lanes.control.is_empty() {
            while let Some(message) = take_if_fits(&mut lanes.data, bytes) {
                bytes += message.as_bytes().len();
                freed += space_for(&message) as usize;
                lanes.handed += 1;
                batch.push(message);
            }
        }
        let handed = lanes.handed;
        drop(lanes);
        if freed > 0 {
            self.shared.space.add_permits(freed);
            self.shared.progress.send_modify(|progress| progress.handed = handed);
        }
        self.shared.drained.notify_waiters();
        batch
    }

    fn is_finished(&self) -> bool {
        let lanes = self.lanes();
        lanes.finishing && lanes.control.is_empty() && lanes.data.is_empty()
    }

    async fn progress_where(&self, enough: impl Fn(&Progress) -> bool) -> Progress {
        let mut progress = self.shared.progress.subscribe();
        let reached = progress.wait_for(|progress| progress.closed || enough(progress)).await;
        // The sender lives as long as `self`, so there is always a value.
        reached.map_or(Progress { handed: 0, closed: true }, |progress| *progress)
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.shared.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The share of the data lane that a message takes.
fn space_for(message: &Message) -> u32 {
    u32::try_from(message.as_bytes().len().min(DATA_BYTES)).unwrap_or(u32::MAX)
}

fn take_if_fits(lane: &mut VecDeque<Message>, taken: usize) -> Option<Message> {
    let fits = taken == 0 || taken + lane.front()?.as_bytes().len() <= BATCH_BYTES;
    if fits { lane.pop_front() } else { None }
}

struct CloseOnDrop<'a>(&'a Outbox);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests;
