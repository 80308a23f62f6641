//! The adapter of one client: what it knows, shared by all that serve it.
//!
//! [`line`] takes requests in and sees that each is answered exactly once; [`requests`] has them done; [`events`]
//! tells the client what happens; [`launch`] and [`ending`] bring a debuggee up and down. Nothing here waits for
//! a client to read while it holds a lock, and nothing that the debuggee sends reaches the client as it came.

mod attach;
mod book;
mod capabilities;
mod configuration;
mod console;
mod debuggee;
mod desk;
mod ending;
mod events;
mod habits;
mod inspect;
mod launch;
mod line;
mod outbox;
mod output;
mod place_breakpoints;
mod plan;
mod refusal;
mod render;
mod requests;
mod run_control;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::attachable::Claim;
use super::client::{Messages, Requests};
use super::{Debugs, Opening, Overview, Stage};
use crate::execution::Execution;
use crate::ids::DebugId;
use crate::session::{Session, Watcher};
use book::Book;
use debuggee::Debuggee;
use desk::Desk;
use habits::Habits;
use outbox::Outbox;
use refusal::Refusal;

/// Where the dialogue with the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It has not said who it is.
    Fresh,
    /// Nothing is debugged yet.
    Ready,
    /// A program is being brought up.
    Starting,
    /// The program waits for the end of the configuration.
    Configuring,
    /// The program runs.
    Running,
    /// The program is gone, or debugged no more.
    Ended,
}

/// What is debugged and what it takes up.
struct Held {
    phase: Phase,
    debuggee: Option<Arc<Debuggee>>,
    /// The session, and whether the adapter made it.
    session: Option<(Arc<Session>, bool)>,
    /// The execution, from before its debugger is connected.
    execution: Option<Arc<Execution>>,
    /// What makes it this adapter's and no other's, where it was attached to.
    claim: Option<Claim>,
    /// The arguments of the launch, for a restart.
    launched: Option<Value>,
    /// Gives a launch up that is going on.
    launching: CancellationToken,
    /// What was said that the adapter can do.
    said: Map<String, Value>,
}

/// One client's adapter.
struct Adapter {
    debugs: Arc<Debugs>,
    id: DebugId,
    outbox: Outbox,
    given: Option<Arc<Session>>,
    configuration: Value,
    watcher: Arc<dyn Watcher>,
    overview: Arc<Mutex<Overview>>,
    habits: Mutex<Arc<Habits>>,
    desk: Mutex<Desk>,
    book: Mutex<Book>,
    held: Mutex<Held>,
    /// Held for reading from a request to its answer, and for writing while the client is told what followed
    /// from it: so that the answer to `continue` comes before the next stop.
    gate: tokio::sync::RwLock<()>,
    /// Children that were offered to the client, by the number of the offer, with their tokens.
    offers: Mutex<HashMap<i64, String>>,
    /// No request is worked on any more.
    closing: CancellationToken,
    /// The client was told that all is over.
    finished: CancellationToken,
}

/// Starts the adapter of a client.
pub(super) fn spawn(
    debugs: Arc<Debugs>,
    opening: Opening,
    overview: Arc<Mutex<Overview>>,
    requests: Requests,
) -> Messages {
    let (outbox, messages) = Outbox::new();
    let id = lock(&overview).id.clone();
    let adapter = Arc::new(Adapter {
        debugs,
        id,
        outbox,
        given: opening.session,
        configuration: opening.configuration.unwrap_or_default(),
        watcher: opening.watcher,
        overview,
        habits: Mutex::default(),
        desk: Mutex::default(),
        book: Mutex::default(),
        held: Mutex::new(Held {
            phase: Phase::Fresh,
            debuggee: None,
            session: None,
            execution: None,
            claim: None,
            launched: None,
            launching: CancellationToken::new(),
            said: Map::new(),
        }),
        gate: tokio::sync::RwLock::default(),
        offers: Mutex::default(),
        closing: CancellationToken::new(),
        finished: CancellationToken::new(),
    });
    tokio::spawn(async move {
        let _over = requests.over.clone().drop_guard();
        line::serve(&adapter, requests).await;
        adapter.debugs.forget(&adapter.id);
    });
    messages
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Adapter {
    fn habits(&self) -> Arc<Habits> {
        Arc::clone(&lock(&self.habits))
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        lock(&self.desk)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        lock(&self.held)
    }

    /// Notes what was made for a debuggee; fails when the adapter ends, which takes back what it knows of.
    fn hold(&self, note: impl FnOnce(&mut Held)) -> Result<(), Refusal> {
        note(&mut self.held());
        if self.closing.is_cancelled() { Err(Refusal::Cancelled) } else { Ok(()) }
    }

    /// The debuggee, when there is one to talk to.
    fn debuggee(&self) -> Result<Arc<Debuggee>, Refusal> {
        let held = self.held();
        match (held.phase, &held.debuggee) {
            (Phase::Configuring | Phase::Running, Some(debuggee)) => Ok(Arc::clone(debuggee)),
            (Phase::Ended, _) => Err(Refusal::State("the program has ended")),
            _ => Err(Refusal::State("nothing is debugged yet: `launch` or `attach` first")),
        }
    }

    /// Notes for those who list what is debugged.
    fn note(&self, change: impl FnOnce(&mut Overview)) {
        change(&mut lock(&self.overview));
    }

    fn note_stage(&self, stage: Stage) {
        self.note(|overview| overview.stage = stage);
    }

    /// Notes whether a thread is stopped, while the program runs.
    fn note_stops(&self) {
        if self.held().phase == Phase::Running {
            let stage = if self.desk().is_stopped() { Stage::Stopped } else { Stage::Running };
            self.note_stage(stage);
        }
    }
}
