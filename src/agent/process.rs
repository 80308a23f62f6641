//! A program that runs in a sandbox: its streams, its input, and its end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use codebeaker_agent::frame::{MAX_DATA_BYTES, STREAM_WINDOW, Stream};
use codebeaker_agent::wire::{Exited, Reach, TerminalSize, ToAgent};
use tokio::sync::{Notify, Semaphore, oneshot};

use super::conduit::{Conduit, Ends};
use super::link::{LinkError, Shared, channel};

const SIGKILL: i32 = 9;

/// How an execution ended, as the agent saw it.
pub type Ended = Exited;

/// Why input can't be written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StdinError {
    /// The program has none, closed it or ended.
    #[error("the program's input is closed")]
    Closed,
    /// The sandbox is gone.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// What the link keeps of one execution while it runs.
#[derive(Debug)]
pub(super) struct Entry {
    state: Mutex<State>,
    stdout: Notify,
    stderr: Notify,
    /// Bytes of input that the agent will still take.
    input: Semaphore,
    /// The stream on descriptor 3.
    side: Option<Arc<Ends>>,
}

#[derive(Debug)]
struct State {
    started: Option<oneshot::Sender<Result<u32, LinkError>>>,
    exited: Option<oneshot::Sender<Ended>>,
    stdout: Buffer,
    stderr: Buffer,
    lost: bool,
    /// Nobody reads the streams any more: their bytes are dropped as they come.
    unclaimed: bool,
}

#[derive(Debug, Default)]
struct Buffer {
    bytes: BytesMut,
    /// What the agent may still send.
    credit: u32,
    ended: bool,
}

/// What a started execution will tell.
pub(super) struct Events {
    pub(super) started: oneshot::Receiver<Result<u32, LinkError>>,
    pub(super) exited: oneshot::Receiver<Ended>,
}

impl Entry {
    pub(super) fn new(stdin: bool, terminal: bool, side: Option<Arc<Ends>>) -> (Arc<Self>, Events) {
        let (started_sender, started) = oneshot::channel();
        let (exited_sender, exited) = oneshot::channel();
        let open = || Buffer { credit: STREAM_WINDOW, ..Buffer::default() };
        let state = State {
            started: Some(started_sender),
            exited: Some(exited_sender),
            stdout: open(),
            // A terminal has one stream for all it shows.
            stderr: if terminal { Buffer { ended: true, ..Buffer::default() } } else { open() },
            lost: false,
            unclaimed: false,
        };
        let input = Semaphore::new(if stdin { STREAM_WINDOW as usize } else { 0 });
        if !stdin {
            input.close();
        }
        let entry = Self { state: Mutex::new(state), stdout: Notify::new(), stderr: Notify::new(), input, side };
        (Arc::new(entry), Events { started, exited })
    }

    /// Of an execution that runs already, and has no credit.
    pub(super) fn adopted(stdin: bool, terminal: bool) -> (Arc<Self>, oneshot::Receiver<Ended>) {
        let (exited_sender, exited) = oneshot::channel();
        let stderr = Buffer { ended: terminal, ..Buffer::default() };
        let (stdout, started, exited_sender) = (Buffer::default(), None, Some(exited_sender));
        let state = State { started, exited: exited_sender, stdout, stderr, lost: false, unclaimed: false };
        let input = Semaphore::new(0);
        if !stdin {
            input.close();
        }
        let (stdout, stderr) = (Notify::new(), Notify::new());
        (Arc::new(Self { state: Mutex::new(state), stdout, stderr, input, side: None }), exited)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notify(&self, stream: Stream) -> &Notify {
        if stream == Stream::Stderr { &self.stderr } else { &self.stdout }
    }

    /// `None` when it was told already.
    pub(super) fn start(&self, started: Result<u32, LinkError>) -> Option<()> {
        // The caller of `spawn` may have been cancelled, which its dropped process takes care of.
        self.state().started.take().map(|waiting| drop(waiting.send(started)))
    }

    /// The program was not started, and nothing will come of it. `None` when something else was told.
    pub(super) fn refuse(&self, error: LinkError) -> Option<()> {
        self.input.close();
        let mut state = self.state();
        let waiting = state.started.take()?;
        self.finish_side();
        state.exited = None;
        state.stdout.ended = true;
        state.stderr.ended = true;
        drop(state);
        // As in [`Entry::start`].
        drop(waiting.send(Err(error)));
        Some(())
    }

    /// Whether it was told that the program runs.
    pub(super) fn is_started(&self) -> bool {
        self.state().started.is_none()
    }

    /// `None` when it was told already.
    pub(super) fn exit(&self, ended: Ended) -> Option<()> {
        self.input.close();
        self.state().exited.take().map(|waiting| drop(waiting.send(ended)))
    }

    /// Whether the agent will say nothing more of this execution.
    pub(super) fn is_over(&self) -> bool {
        self.state().is_over() && self.side.as_ref().is_none_or(|side| side.is_ended())
    }

    /// The agent has nothing of the program any more.
    pub(super) fn finish_side(&self) {
        if let Some(side) = &self.side {
            side.finish();
        }
    }

    /// `None` when the bytes exceed the credit or follow the end.
    pub(super) fn push_output(&self, stream: Stream, bytes: &[u8]) -> Option<()> {
        let mut state = self.state();
        let unclaimed = state.unclaimed;
        let buffer = state.buffer(stream);
        let length = u32::try_from(bytes.len()).ok()?;
        if buffer.ended || (length > buffer.credit && !unclaimed) {
            return None;
        }
        if unclaimed {
            return Some(());
        }
        buffer.credit -= length;
        buffer.bytes.extend_from_slice(bytes);
        drop(state);
        self.notify(stream).notify_one();
        Some(())
    }

    /// `None` when it had ended already.
    pub(super) fn end_output(&self, stream: Stream) -> Option<()> {
        if std::mem::replace(&mut self.state().buffer(stream).ended, true) {
            return None;
        }
        self.notify(stream).notify_one();
        Some(())
    }

    /// `None` when the credit would exceed the window.
    pub(super) fn grant_input(&self, bytes: u32) -> Option<()> {
        let total = self.input.available_permits() + bytes as usize;
        (total <= STREAM_WINDOW as usize).then(|| self.input.add_permits(bytes as usize))
    }

    pub(super) fn lose(&self) {
        self.input.close();
        let mut state = self.state();
        state.lost = true;
        state.started = None;
        state.exited = None;
        drop(state);
        self.stdout.notify_one();
        self.stderr.notify_one();
    }
}

impl State {
    fn is_over(&self) -> bool {
        self.exited.is_none() && self.stdout.ended && self.stderr.ended
    }

    fn buffer(&mut self, stream: Stream) -> &mut Buffer {
        if stream == Stream::Stderr { &mut self.stderr } else { &mut self.stdout }
    }
}

/// A running program. Dropped before its end, it is killed.
#[derive(Debug)]
pub struct Process {
    /// Process id inside the sandbox.
    pub pid: u32,
    execution: u32,
    shared: Arc<Shared>,
    entry: Arc<Entry>,
    exited: Option<oneshot::Receiver<Ended>>,
    /// The agent knows of it.
    asked_for: bool,
    side: Option<Conduit>,
}

impl Process {
    pub(super) fn new(
        execution: u32,
        shared: Arc<Shared>,
        entry: Arc<Entry>,
        exited: oneshot::Receiver<Ended>,
        side: Option<Conduit>,
    ) -> Self {
        Self { pid: 0, execution, shared, entry, exited: Some(exited), asked_for: false, side }
    }

    /// From here on the agent has to be told when nobody wants the program any more.
    pub(super) fn was_asked_for(&mut self) {
        self.asked_for = true;
        if let Some(side) = &mut self.side {
            side.was_asked_for();
        }
    }

    /// One output stream. Each stream has one reader: two would share its bytes between them.
    #[must_use]
    pub fn output(&self, stream: Stream) -> ByteStream {
        ByteStream {
            execution: self.execution,
            stream,
            shared: Arc::clone(&self.shared),
            entry: Arc::clone(&self.entry),
        }
    }

    /// The program's input.
    #[must_use]
    pub fn stdin(&self) -> StdinWriter {
        StdinWriter { execution: self.execution, shared: Arc::clone(&self.shared), entry: Arc::clone(&self.entry) }
    }

    /// The other end of its descriptor 3, when it has one and nobody took it before.
    #[must_use]
    pub fn side(&mut self) -> Option<Conduit> {
        self.side.take()
    }

    /// What names it to its agent.
    pub(super) fn handle(&self) -> Handle {
        Handle { execution: self.execution, shared: Arc::clone(&self.shared) }
    }

    /// A handle that delivers signals, also while somebody waits for the end.
    #[must_use]
    pub fn signals(&self) -> Signals {
        Signals { execution: self.execution, shared: Arc::clone(&self.shared) }
    }

    /// Waits until the program and all it left behind are gone. Output may still be unread.
    ///
    /// # Errors
    /// [`LinkError::Lost`] when the sandbox went first.
    pub async fn ended(&mut self) -> Result<Ended, LinkError> {
        let Some(exited) = &mut self.exited else { return Err(self.shared.lost()) };
        let ended = exited.await;
        self.exited = None;
        ended.map_err(|_| self.shared.lost())
    }
}

/// Names an execution to its agent, whether or not it is there any more.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    pub(super) execution: u32,
    pub(super) shared: Arc<Shared>,
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.asked_for {
            self.shared.table().forget_execution(self.execution);
            return;
        }
        let mut state = self.entry.state();
        // What nobody took of the stream beside is dropped with this, and so disconnected.
        if state.lost || state.is_over() {
            return;
        }
        state.unclaimed = true;
        let unread = [Stream::Stdout, Stream::Stderr].map(|stream| {
            let buffer = state.buffer(stream);
            buffer.bytes = BytesMut::new();
            (stream, !buffer.ended)
        });
        drop(state);
        // Without a runtime the stream's tasks are gone too, and the sandbox with them.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (signals, shared, execution) = (self.signals(), Arc::clone(&self.shared), self.execution);
        runtime.spawn(async move {
            // Where these fail the sandbox is gone.
            drop(signals.send(SIGKILL, Reach::Tree).await);
            for (stream, _) in unread.into_iter().filter(|(_, unread)| *unread) {
                // What it printed until its end is dropped as it comes, and nothing must hold that end up.
                drop(shared.grant(channel(execution, stream), u32::MAX).await);
            }
        });
    }
}

/// Delivers signals to one execution.
#[derive(Debug, Clone)]
pub struct Signals {
    execution: u32,
    shared: Arc<Shared>,
}

impl Signals {
    /// Delivers a signal; without effect when the execution has ended.
    ///
    /// # Errors
    /// [`LinkError::Lost`].
    pub async fn send(&self, signal: i32, reach: Reach) -> Result<(), LinkError> {
        self.shared.ask(&ToAgent::Signal { execution: self.execution, signal, reach }).await
    }

    /// Changes the size of the terminal; without effect when there is none.
    ///
    /// # Errors
    /// [`LinkError::Lost`].
    pub async fn resize(&self, size: TerminalSize) -> Result<(), LinkError> {
        self.shared.ask(&ToAgent::Resize { execution: self.execution, size }).await
    }
}

/// The reading end of an output stream.
#[derive(Debug)]
pub struct ByteStream {
    execution: u32,
    stream: Stream,
    shared: Arc<Shared>,
    entry: Arc<Entry>,
}

impl ByteStream {
    /// Waits for bytes and takes all there are, at most [`STREAM_WINDOW`]; `None` at the end. The program
    /// can write no more than the window until [`ByteStream::grant`] gives room back. Dropping the future
    /// loses nothing.
    ///
    /// # Errors
    /// [`LinkError::Lost`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, LinkError> {
        loop {
            {
                let mut state = self.entry.state();
                let lost = state.lost;
                let buffer = state.buffer(self.stream);
                if !buffer.bytes.is_empty() {
                    return Ok(Some(buffer.bytes.split().freeze()));
                }
                if buffer.ended {
                    return Ok(None);
                }
                if lost {
                    return Err(self.shared.lost());
                }
            }
            self.entry.notify(self.stream).notified().await;
        }
    }

    /// Lets the program write so many more bytes: those that were taken and passed on.
    ///
    /// # Errors
    /// [`LinkError::Lost`].
    pub async fn grant(&mut self, bytes: usize) -> Result<(), LinkError> {
        {
            let mut state = self.entry.state();
            let unclaimed = state.unclaimed;
            let buffer = state.buffer(self.stream);
            if buffer.ended || unclaimed || bytes == 0 {
                return Ok(());
            }
            buffer.credit += bytes as u32;
            debug_assert!(buffer.credit <= STREAM_WINDOW, "more was granted than taken");
        }
        self.shared.grant(channel(self.execution, self.stream), bytes as u32).await
    }
}

/// The writing end of a program's input. Writers that share it don't mix within one [`StdinWriter::write`]
/// of up to [`MAX_DATA_BYTES`].
#[derive(Debug, Clone)]
pub struct StdinWriter {
    execution: u32,
    shared: Arc<Shared>,
    entry: Arc<Entry>,
}

impl StdinWriter {
    /// Hands bytes over, waiting as long as the program doesn't read.
    ///
    /// # Errors
    /// [`StdinError::Closed`] when the program has no input, closed it or ended.
    pub async fn write(&self, bytes: &[u8]) -> Result<(), StdinError> {
        if self.entry.input.is_closed() {
            return Err(StdinError::Closed);
        }
        for chunk in bytes.chunks(MAX_DATA_BYTES) {
            let room = self.entry.input.acquire_many(chunk.len() as u32).await.map_err(|_| StdinError::Closed)?;
            self.shared.send_input(channel(self.execution, Stream::Stdin), chunk).await?;
            // Only now: who gives up while waiting has sent nothing, and must not use up the room for it.
            room.forget();
        }
        Ok(())
    }

    /// Ends the input: the program reads an end of file.
    ///
    /// # Errors
    /// [`StdinError::Closed`] when it had ended already.
    pub async fn close(&self) -> Result<(), StdinError> {
        if self.entry.input.is_closed() {
            return Err(StdinError::Closed);
        }
        self.entry.input.close();
        Ok(self.shared.end_input(channel(self.execution, Stream::Stdin)).await?)
    }
}

#[cfg(test)]
mod tests;
