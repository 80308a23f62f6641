//! Keeps what is known of one machine true, and cuts off what runs there once it is down.
//!
//! Each sandbox's stream ends with [`Severable`] when its machine goes down, although the connection below may
//! stay open for ever. A [`Seat`] is held by each session of a machine: as many as there are, that is its load.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{Change, Evidence, Health, PING_DEADLINE, Standing};

/// For so long after a machine refused a sandbox for want of room, others are asked first.
const CROWDED_FOR: Duration = Duration::from_secs(10);

/// What is watched.
#[async_trait]
pub trait Watchee: Send + Sync + 'static {
    /// Asks whether it is there; why not, as a sentence without a full stop.
    async fn ping(&self) -> Result<(), String>;

    /// Told of every change, without waiting.
    fn changed(&self, change: Change);
}

/// What is known of one machine, shared by whoever uses it.
#[derive(Debug)]
pub struct Watched {
    state: Mutex<State>,
    /// There may be another moment to look at it.
    woken: Notify,
}

#[derive(Debug)]
struct State {
    health: Health,
    sessions: usize,
    /// Ends the streams of those who are there now.
    line: CancellationToken,
    crowded_until: Option<Instant>,
    /// To be asked out of turn.
    ask: bool,
}

impl Default for Watched {
    fn default() -> Self {
        let state = State {
            health: Health::default(),
            sessions: 0,
            line: CancellationToken::new(),
            crowded_until: None,
            ask: false,
        };
        Self { state: Mutex::new(state), woken: Notify::new() }
    }
}

impl Watched {
    /// What is thought of it.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.lock().health.standing()
    }

    /// Why it failed last; `None` when it answered.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        self.lock().health.why().map(str::to_owned)
    }

    /// Sessions that hold a seat.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.lock().sessions
    }

    /// Whether it lately had no room for a sandbox.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.lock().crowded_until.is_some_and(|until| Instant::now() < until)
    }

    /// It had no room for a sandbox.
    pub fn crowd(&self) {
        self.lock().crowded_until = Some(Instant::now() + CROWDED_FOR);
    }

    /// Somebody would use it: one that is down is asked soon, and goes on being asked for a while.
    pub fn want(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        state.health.want(now);
        if state.health.standing() == Standing::Down && state.health.may_ask(now) {
            state.ask = true;
            drop(state);
            self.woken.notify_one();
        }
    }

    /// Takes in what a request showed. One that ends it as down ends the streams of all that is there.
    pub fn note(&self, evidence: Evidence) -> Option<Change> {
        let mut state = self.lock();
        let before = state.health.standing();
        let change = state.health.note(evidence, Instant::now());
        if change == Some(Change::Up) {
            state.crowded_until = None;
        }
        let after = state.health.standing();
        let line = (change == Some(Change::Down)).then(|| std::mem::take(&mut state.line));
        drop(state);
        if let Some(line) = line {
            line.cancel();
        }
        if before != after {
            self.woken.notify_one();
        }
        change
    }

    /// A session comes to it.
    #[must_use]
    pub fn seat(self: &Arc<Self>) -> Seat {
        self.lock().sessions += 1;
        self.woken.notify_one();
        Seat { watched: Arc::clone(self) }
    }

    /// Cancelled when the machine goes down from how it is now.
    #[must_use]
    pub fn line(&self) -> CancellationToken {
        self.lock().line.clone()
    }

    fn next_look(&self) -> Look {
        let mut state = self.lock();
        let sessions = state.sessions;
        state.health.forget(sessions);
        if std::mem::take(&mut state.ask) {
            return Look::Now;
        }
        match state.health.next_ping(sessions) {
            Some(moment) if moment <= Instant::now() => Look::Now,
            Some(moment) => Look::At(moment),
            None => Look::Never,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When to look at a machine, if nothing happens before.
enum Look {
    Now,
    At(Instant),
    Never,
}

/// Counts one session of a machine, until it is dropped.
#[derive(Debug)]
pub struct Seat {
    watched: Arc<Watched>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.watched.lock();
        state.sessions = state.sessions.saturating_sub(1);
    }
}

/// Asks a machine now, within the deadline of pings, and takes in what comes of it.
pub async fn ask(watched: &Watched, machine: &dyn Watchee) {
    let evidence = match tokio::time::timeout(PING_DEADLINE, machine.ping()).await {
        Ok(Ok(())) => Evidence::Answered,
        Ok(Err(why)) => Evidence::Failed(why),
        Err(_) => Evidence::Failed(format!("it did not answer within {:.1} s", PING_DEADLINE.as_secs_f32())),
    };
    if let Some(change) = watched.note(evidence) {
        machine.changed(change);
    }
}

/// Looks at a machine whenever its health says so. Never returns; whoever spawned it ends it.
pub async fn watch(watched: Arc<Watched>, machine: Arc<impl Watchee>) {
    loop {
        match watched.next_look() {
            Look::Now => ask(&watched, &*machine).await,
            Look::Never => watched.woken.notified().await,
            // Evidence may move the moment, so that it is looked up again either way.
            Look::At(moment) => drop(tokio::time::timeout_at(moment.into(), watched.woken.notified()).await),
        }
    }
}

/// One direction of a stream that ends when its machine goes down.
pub struct Severable<T> {
    inner: T,
    severed: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<T> Severable<T> {
    /// `inner`, until `line` is cancelled.
    #[must_use]
    pub fn new(inner: T, line: CancellationToken) -> Self {
        Self { inner, severed: Box::pin(line.cancelled_owned()) }
    }

    fn broken<R>(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if done.is_pending() && self.severed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        done
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Severable<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // What came before the end is still worth reading.
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        if read.is_pending() && self.severed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Severable<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.broken(cx, done)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.inner).poll_flush(cx);
        self.broken(cx, done)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.broken(cx, done)
    }
}

#[cfg(test)]
mod tests;
