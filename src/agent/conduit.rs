//! Two-way streams into a sandbox: conduits to what listens there, and the side streams of programs.
//!
//! A [`Conduit`] reads and writes as a socket would. What it holds is bounded by the windows of its two ways,
//! it holds up nothing but itself, and when it is dropped the other end sees it closed. It ends with an error
//! when the sandbox goes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes, BytesMut};
use codebeaker_agent::frame::{Kind, MAX_DATA_BYTES, STREAM_WINDOW, Stream};
use codebeaker_agent::wire::{Endpoint, ToAgent};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio_util::sync::PollSender;

use super::link::{Link, LinkError, Shared, channel, raw_frame};

/// How much is read before the agent is granted as much again.
const GRANT_BYTES: u32 = STREAM_WINDOW / 4;

/// What the link keeps of one two-way stream.
#[derive(Debug)]
pub(super) struct Ends {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Who waits for the connection to stand.
    connecting: Option<oneshot::Sender<Result<(), LinkError>>>,
    bytes: BytesMut,
    /// What the agent may still send; nothing until it stands.
    credit: u32,
    /// What the agent will still take.
    room: u32,
    /// The agent will send no more.
    ended: bool,
    /// Nobody reads it any more: bytes are dropped as they come, and no more are asked for.
    disconnected: bool,
    /// The agent has nothing of it any more.
    over: bool,
    lost: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl State {
    fn open(&mut self) {
        (self.credit, self.room) = (STREAM_WINDOW, STREAM_WINDOW);
    }

    fn wake(&mut self) {
        [self.reader.take(), self.writer.take()].into_iter().flatten().for_each(Waker::wake);
    }
}

impl Ends {
    /// Of a program that is about to start.
    pub(super) fn open() -> Arc<Self> {
        let mut state = State::default();
        state.open();
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// Of a conduit that is about to be asked for, and how that went.
    fn connecting() -> (Arc<Self>, oneshot::Receiver<Result<(), LinkError>>) {
        let (sender, connected) = oneshot::channel();
        let state = State { connecting: Some(sender), ..State::default() };
        (Arc::new(Self { state: Mutex::new(state) }), connected)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` when something was told already.
    pub(super) fn connected(&self) -> Option<()> {
        let mut state = self.state();
        let waiting = state.connecting.take()?;
        state.open();
        // Whoever waited may have given up, which the dropped conduit takes care of.
        drop(waiting.send(Ok(())));
        Some(())
    }

    /// `None` when something was told already.
    pub(super) fn refused(&self, error: LinkError) -> Option<()> {
        let mut state = self.state();
        let waiting = state.connecting.take()?;
        state.over = true;
        drop(waiting.send(Err(error)));
        Some(())
    }

    /// `None` when the bytes exceed the credit or follow the end.
    pub(super) fn push(&self, bytes: &[u8]) -> Option<()> {
        let mut state = self.state();
        let credit = state.credit.checked_sub(u32::try_from(bytes.len()).ok()?)?;
        if state.ended {
            return None;
        }
        state.credit = credit;
        if !state.disconnected {
            state.bytes.extend_from_slice(bytes);
            if let Some(reader) = state.reader.take() {
                reader.wake();
            }
        }
        Some(())
    }

    /// The agent sends no more. `None` when it had said so or nothing stands yet; otherwise whether there is
    /// nothing left that it could say.
    pub(super) fn end(&self) -> Option<bool> {
        let mut state = self.state();
        if state.connecting.is_some() || std::mem::replace(&mut state.ended, true) {
            return None;
        }
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
        Some(state.disconnected)
    }

    /// Whether the agent has said that it sends no more.
    pub(super) fn is_ended(&self) -> bool {
        self.state().ended
    }

    /// `None` when the credit would exceed the window, or nothing stands yet.
    pub(super) fn grant(&self, bytes: u32) -> Option<()> {
        let mut state = self.state();
        let room = state.room.checked_add(bytes).filter(|room| *room <= STREAM_WINDOW)?;
        if state.connecting.is_some() {
            return None;
        }
        state.room = room;
        if let Some(writer) = state.writer.take() {
            writer.wake();
        }
        Some(())
    }

    /// The program that it belonged to is gone.
    pub(super) fn finish(&self) {
        let mut state = self.state();
        state.over = true;
        state.ended = true;
        state.wake();
    }

    pub(super) fn lose(&self) {
        let mut state = self.state();
        state.lost = true;
        state.over = true;
        state.connecting = None;
        state.wake();
    }
}

impl Link {
    /// Connects to something in the sandbox. Who gives up waiting leaves nothing behind.
    ///
    /// # Errors
    /// [`LinkError::NotConnected`], [`LinkError::TooLong`] or [`LinkError::Lost`].
    pub async fn connect(&self, endpoint: Endpoint) -> Result<Conduit, LinkError> {
        let (ends, connected) = Ends::connecting();
        let number = self.shared.expect_conduit(&ends)?;
        let mut conduit = Conduit::new(number, Arc::clone(&self.shared), ends);
        self.shared.ask(&ToAgent::Connect { conduit: number, endpoint }).await?;
        conduit.was_asked_for();
        match connected.await {
            Ok(Ok(())) => Ok(conduit),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(self.shared.lost()),
        }
    }

    /// Waits for the next program that connects to a listener ([`Endpoint::Listener`]). Who gives up waiting leaves
    /// nothing behind.
    ///
    /// # Errors
    /// As [`Link::connect`]; also when the listener is let go of meanwhile.
    pub async fn accept(&self, listener: &Conduit) -> Result<Conduit, LinkError> {
        self.connect(Endpoint::Caller(listener.number)).await
    }
}

/// A two-way stream into a sandbox. Dropped, it is closed.
///
/// The end of what is read is the other side's end of writing; [`AsyncWrite::poll_shutdown`] is ours. What the
/// other side doesn't take any more is dropped: only a program that is gone, or a sandbox, makes writing fail.
pub struct Conduit {
    number: u32,
    shared: Arc<Shared>,
    ends: Arc<Ends>,
    bulk: PollSender<Bytes>,
    /// What was read and not yet granted again.
    owed: u32,
    /// Our end was told.
    shut: bool,
    /// The agent knows of it.
    asked_for: bool,
}

impl std::fmt::Debug for Conduit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conduit").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Conduit {
    pub(super) fn new(number: u32, shared: Arc<Shared>, ends: Arc<Ends>) -> Self {
        let bulk = PollSender::new(shared.bulk.clone());
        Self { number, shared, ends, bulk, owed: 0, shut: false, asked_for: false }
    }

    /// From here on the agent has to be told when nobody wants it any more.
    pub(super) fn was_asked_for(&mut self) {
        self.asked_for = true;
    }

    fn lost(&self) -> io::Error {
        io::Error::new(io::ErrorKind::ConnectionAborted, self.shared.lost())
    }

    /// Grants what was read, once it is worth a frame.
    fn give_back(&mut self) {
        if self.owed < GRANT_BYTES {
            return;
        }
        let owed = std::mem::take(&mut self.owed);
        // Before the agent can know of it.
        self.ends.state().credit += owed;
        let channel = channel(self.number, Stream::Side);
        if !self.shared.try_grant(channel, owed)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // The lane is full. A place in its queue must not depend on whether this is read on, and there are no
            // more of these than grants in a window.
            let shared = Arc::clone(&self.shared);
            // Where it fails the sandbox is gone, which the next read says.
            runtime.spawn(async move { drop(shared.grant(channel, owed).await) });
        }
    }
}

impl AsyncRead for Conduit {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut state = this.ends.state();
        if state.bytes.is_empty() {
            if state.ended || buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if state.lost {
                drop(state);
                return Poll::Ready(Err(this.lost()));
            }
            state.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let length = state.bytes.len().min(buffer.remaining());
        buffer.put_slice(&state.bytes[..length]);
        state.bytes.advance(length);
        let has_more_to_come = !state.ended;
        drop(state);
        if has_more_to_come {
            // Never more than the window.
            this.owed += length as u32;
            this.give_back();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Conduit {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.shut {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut state = this.ends.state();
        if state.lost {
            drop(state);
            return Poll::Ready(Err(this.lost()));
        }
        if state.over {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let length = bytes.len().min(state.room as usize).min(MAX_DATA_BYTES);
        if length == 0 && !bytes.is_empty() {
            state.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        drop(state);
        match this.bulk.poll_reserve(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(_)) => return Poll::Ready(Err(this.lost())),
            Poll::Ready(Ok(())) => {}
        }
        // Only we take room, so it is still there.
        this.ends.state().room -= length as u32;
        let data = raw_frame(Kind::Data, channel(this.number, Stream::Side), &bytes[..length]);
        match this.bulk.send_item(data) {
            Ok(()) => Poll::Ready(Ok(length)),
            Err(_) => Poll::Ready(Err(this.lost())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.shut || this.ends.state().over {
            return Poll::Ready(Ok(()));
        }
        match this.bulk.poll_reserve(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(_)) => Poll::Ready(Err(this.lost())),
            Poll::Ready(Ok(())) => {
                this.shut = true;
                let end = raw_frame(Kind::End, channel(this.number, Stream::Side), &[]);
                Poll::Ready(this.bulk.send_item(end).map_err(|_| this.lost()))
            }
        }
    }
}

impl Drop for Conduit {
    fn drop(&mut self) {
        if !self.asked_for {
            self.shared.table().conduits.remove(&self.number);
            return;
        }
        let ended = {
            let mut state = self.ends.state();
            if state.over {
                return;
            }
            state.disconnected = true;
            state.bytes = BytesMut::new();
            state.ended
        };
        if ended {
            self.shared.table().conduits.remove(&self.number);
        }
        // Without a runtime the stream's tasks are gone too, and the sandbox with them.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (shared, conduit) = (Arc::clone(&self.shared), self.number);
        // Behind what was written. Where it fails the sandbox is gone.
        runtime.spawn(async move { drop(shared.ask_in_bulk(&ToAgent::Disconnect { conduit }).await) });
    }
}

#[cfg(test)]
mod tests;
