//! A session's life: active, idle, closing, closed; and the task that brings each change about.
//!
//! Activity makes a session active; unused for a while it is idle, unused for its idle time-out or at the
//! end of its lifetime it closes. A running execution is use. A sandbox that goes by itself closes its
//! session too. Nothing leads out of closed, and no edge is skipped on the way there.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Session, Watcher, standing};
use crate::agent::LinkError;
use crate::execution::{Execution, Phase};

/// How long executions that are killed with their session may take to report.
const LAST_WORDS: Duration = Duration::from_millis(1000);

/// Where a session is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// In use.
    Active,
    /// Unused for a while.
    Idle,
    /// It ends.
    Closing,
    /// It has ended, and nothing is left of it.
    Closed,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Idle => "idle",
            Self::Closing => "closing",
            Self::Closed => "closed",
        })
    }
}

/// Why a session's state changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It was used.
    Used,
    /// It was not used for a while.
    Unused,
    /// Its client closed it.
    ClosedByClient,
    /// It was not used for its idle time-out.
    IdleTimeout,
    /// It reached its age.
    Lifetime,
    /// Its sandbox went by itself.
    RuntimeLost(String),
    /// The daemon stops.
    DaemonStopping,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Used => f.write_str("it was used"),
            Self::Unused => f.write_str("it was not used for a while"),
            Self::ClosedByClient => f.write_str("its client closed it"),
            Self::IdleTimeout => f.write_str("it was not used for its idle time-out"),
            Self::Lifetime => f.write_str("it reached its greatest age"),
            Self::RuntimeLost(how) => f.write_str(how),
            Self::DaemonStopping => f.write_str("the daemon stops"),
        }
    }
}

/// One change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// What it was.
    pub from: State,
    /// What it is.
    pub to: State,
    /// Why.
    pub why: Why,
}

/// Lives a session's life to its end. When all of it is gone and before anybody hears so, it is buried:
/// who hears of it finds its name and its place free.
pub(super) async fn live(session: Arc<Session>, watcher: Arc<dyn Watcher>, bury: impl FnOnce()) {
    let why = until_the_end(&session, &*watcher).await;
    drop(session.why.set(why));
    let why = session.why.get().cloned().unwrap_or(Why::DaemonStopping);
    if why == Why::DaemonStopping && session.persist && session.keeper.lock().await.leave() {
        // It goes on, with what runs in it: nobody is told that it ended. What live interpreters hold is lost.
        end_contexts(&session).await;
        leave_executions(&session).await;
        bury();
        session.state.send_replace(State::Closed);
        return;
    }
    session.ahead.close();
    change(&session, &*watcher, State::Closing, why.clone()).await;
    end_executions(&session).await;
    end_contexts(&session).await;
    session.link.close("its session ended");
    if !session.keeper.lock().await.destroy().await {
        tracing::warn!(session = %session.id, "a part of the sandbox outlived its session; it is removed later");
    }
    bury();
    change(&session, &*watcher, State::Closed, why).await;
}

async fn until_the_end(session: &Session, watcher: &dyn Watcher) -> Why {
    let born = Instant::now();
    let lost = session.link.lost();
    tokio::pin!(lost);
    loop {
        let (idle_at, ends) = deadlines(session, born);
        let due = match (session.state(), idle_at) {
            (State::Active, Some(idle_at)) => idle_at.min(ends.0),
            _ => ends.0,
        };
        tokio::select! {
            biased;
            () = session.ending.cancelled() => return session.why.get().cloned().unwrap_or(Why::ClosedByClient),
            error = &mut lost => return lost_by(session, &error).await,
            () = session.touched.notified() => {}
            () = tokio::time::sleep_until(due) => {}
        }
        note(session).await;
        let now = Instant::now();
        let (idle_at, ends) = deadlines(session, born);
        if now >= ends.0 {
            return ends.1;
        }
        match (session.state(), idle_at) {
            (State::Active, Some(idle_at)) if now >= idle_at => {
                change(session, watcher, State::Idle, Why::Unused).await;
            }
            (State::Idle, idle_at) if idle_at.is_none_or(|idle_at| now < idle_at) => {
                change(session, watcher, State::Active, Why::Used).await;
            }
            _ => {}
        }
    }
}

/// Has what changed noted inside, where a later daemon finds it. A sandbox that doesn't take it holds up nothing.
async fn note(session: &Session) {
    if session.takes_note() {
        tokio::select! {
            biased;
            () = session.ending.cancelled() => {}
            () = tokio::time::sleep(LAST_WORDS) => {}
            () = session.note_inside() => {}
        }
    }
}

/// Why a sandbox went by itself, with what its runtime knows of that.
async fn lost_by(session: &Session, error: &LinkError) -> Why {
    let fate = standing::fate(&mut **session.keeper.lock().await).await;
    Why::RuntimeLost(fate.map_or_else(|| error.to_string(), |fate| format!("{error}: {fate}")))
}

/// When it turns idle, if it is not busy, and when and why it ends.
fn deadlines(session: &Session, born: Instant) -> (Option<Instant>, (Instant, Why)) {
    let (last_used, idle_timeout, max_lifetime) = {
        let changeable = session.changeable();
        (changeable.last_used, changeable.idle_timeout, changeable.max_lifetime)
    };
    let old = (born + max_lifetime.saturating_sub(session.age), Why::Lifetime);
    if session.is_busy() {
        return (None, old);
    }
    let unused = (last_used + idle_timeout, Why::IdleTimeout);
    let notice = session.settings.idle_notice.min(idle_timeout / 2);
    (Some(last_used + notice), if unused.0 < old.0 { unused } else { old })
}

async fn change(session: &Session, watcher: &dyn Watcher, to: State, why: Why) {
    let from = session.state.send_replace(to);
    tracing::debug!(session = %session.id, %from, %to, ?why, "session state changed");
    watcher.changed(session, StateChange { from, to, why }).await;
}

/// Lets go of what runs, which goes on, and gives it a moment to pass on what it printed until now. What waits for
/// its turn never starts.
async fn leave_executions(session: &Session) {
    let all: Vec<_> = session.executions().into_iter().filter(|execution| !execution.is_over()).collect();
    let (queued, running): (Vec<_>, Vec<_>) =
        all.iter().partition(|execution| matches!(execution.phase(), Phase::Queued));
    // One that is just being started would run on, though its client is told that it never did.
    queued.iter().for_each(|execution| execution.leave());
    all_over(&queued).await;
    running.iter().for_each(|execution| execution.leave());
    session.link.close("its daemon stops");
    all_over(&running).await;
}

async fn all_over(executions: &[&Arc<Execution>]) {
    let ends = futures::future::join_all(executions.iter().map(|execution| execution.ended()));
    if tokio::time::timeout(LAST_WORDS, ends).await.is_err() {
        tracing::debug!("executions that go on took long to be let go of");
    }
}

/// Ends the live interpreters; those that take long end with the sandbox.
async fn end_contexts(session: &Session) {
    if tokio::time::timeout(LAST_WORDS, session.close_contexts()).await.is_err() {
        tracing::debug!(session = %session.id, "live interpreters did not end before their session");
    }
}

/// Kills what runs, and gives it a moment to report what it printed.
async fn end_executions(session: &Session) {
    let running: Vec<_> = session.executions().into_iter().filter(|execution| !execution.is_over()).collect();
    for execution in &running {
        execution.kill();
    }
    let all = futures::future::join_all(running.iter().map(|execution| execution.ended()));
    if tokio::time::timeout(LAST_WORDS, all).await.is_err() {
        tracing::debug!(session = %session.id, "executions did not report before their session ended");
    }
}
