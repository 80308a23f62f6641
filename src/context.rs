//! Live interpreters: each keeps its state from one piece of code to the next.
//!
//! A [`Context`] is one interpreter in a session's sandbox, started with a driver of ours that does what it is told
//! over a stream of its own. Code that is run in it is an [`crate::execution::Execution`] like any other. It promises that what is asked
//! of one context is done one after another, in the order in which it came; that contexts don't wait for each other;
//! and that an interpreter that goes is told of and can be started anew. The driver shares its process with the user's
//! code, so nothing that it says is believed: the first line that can't be true costs the context its interpreter,
//! and nobody else anything.

mod cell;
pub mod driver;
mod interpreter;
mod lines;
mod names;
mod question;
mod talk;
mod wire;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{OwnedMutexGuard, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::agent::{Link, LinkError, Program};
use crate::engine::Engine;
use crate::execution::drive::OomKills;
use crate::ids::{ContextId, SessionId};
use driver::Driver;
use interpreter::Interpreter;
use names::Names;

pub use cell::{Cell, Rich, Ticket};
pub use names::Document;
pub use question::{Completion, Inspection, Variable, Variables};

/// Why something can't be done with a context.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ContextError {
    /// Nothing of this name is known.
    #[error("there is no context {0}")]
    NotFound(ContextId),
    /// There are as many as there may be.
    #[error("there are {0} contexts in this session already, which is the limit")]
    TooMany(usize),
    /// No driver is there for the engine.
    #[error("{engine} has no live interpreters")]
    NoDriver {
        /// Which engine.
        engine: &'static str,
    },
    /// The interpreter can't read that.
    #[error("{engine} {version} runs no TypeScript")]
    NoTypeScript {
        /// Which engine.
        engine: &'static str,
        /// Its version.
        version: String,
    },
    /// Its interpreter is gone.
    #[error("context {id} has no interpreter any more: {why}")]
    Gone {
        /// Which context.
        id: ContextId,
        /// What became of it.
        why: String,
    },
    /// Something runs in it, and went on for longer than is worth waiting for.
    #[error("context {0} is busy")]
    Busy(ContextId),
    /// Too much waits in it.
    #[error("{waiting} requests wait in this context already")]
    QueueFull {
        /// How many.
        waiting: usize,
    },
    /// The code doesn't fit into a line to the driver.
    #[error("the code is larger than {0} bytes")]
    TooLong(usize),
    /// The interpreter could not be started.
    #[error("the interpreter could not be started")]
    NotStarted(#[source] LinkError),
    /// It was started, and is not what it should be.
    #[error("the interpreter did not come up: {0}")]
    NotReady(String),
    /// The driver found no answer.
    #[error("there is no answer: {0}")]
    NoAnswer(String),
    /// The driver took too long.
    #[error("context {0} did not answer in time")]
    TooSlow(ContextId),
}

/// How a context is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Its interpreter starts.
    Starting,
    /// It waits for something to do.
    Idle,
    /// It does something.
    Busy,
    /// Its interpreter is gone, for this reason.
    Crashed(String),
    /// It was deleted.
    Closed,
}

/// Who is told how contexts change.
#[async_trait]
pub trait Watcher: Send + Sync {
    /// Its interpreter is gone, or was started anew.
    async fn changed(&self, context: &Context, state: &State);
}

/// What an interpreter is started from, and anew.
pub struct Recipe {
    /// The sandbox.
    pub link: Link,
    /// The interpreter with everything but its driver.
    pub program: Program,
    /// What drives it.
    pub driver: &'static Driver,
    /// Whether its cells are TypeScript.
    pub typescript: bool,
    /// The directory of this machine that the sandbox's workspace shows or was copied from.
    pub workspace: Option<PathBuf>,
    /// How long it may take to start.
    pub start_patience: Duration,
    /// How long it may take to be gone, once killed; then its whole sandbox is ended.
    pub kill_patience: Duration,
    /// How much may wait in it.
    pub max_queued: usize,
    /// How often the kernel killed for memory in the sandbox so far, where it counts that.
    pub oom_kills: OomKills,
}

/// One live interpreter.
pub struct Context {
    /// Its name.
    pub id: ContextId,
    /// The session that it belongs to.
    pub session: SessionId,
    /// What it is an interpreter of.
    pub engine: &'static Engine,
    /// The language of its cells.
    pub language: &'static str,
    /// When it was asked for.
    pub created_at: Timestamp,
    recipe: Recipe,
    watcher: Arc<dyn Watcher>,
    state: watch::Sender<State>,
    /// The interpreter; held by who has something to do with it, in the order in which they came.
    slot: Arc<tokio::sync::Mutex<Option<Interpreter>>>,
    /// Cancelled when the interpreter that is there now is not wanted any more, nor what waits for it.
    reign: Mutex<CancellationToken>,
    places: Arc<Semaphore>,
    names: Mutex<Names>,
    version: Mutex<Option<String>>,
    /// How many interpreters it has had.
    started: AtomicU32,
}

/// The interpreter, held.
type Held = OwnedMutexGuard<Option<Interpreter>>;

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment stays out of every log.
        f.debug_struct("Context").field("id", &self.id).field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}

impl Context {
    /// Starts an interpreter, and waits until it can be used.
    ///
    /// # Errors
    /// [`ContextError::NotStarted`] or [`ContextError::NotReady`]; nothing is left of it then.
    pub async fn start(
        session: SessionId,
        engine: &'static Engine,
        recipe: Recipe,
        watcher: Arc<dyn Watcher>,
    ) -> Result<Arc<Self>, ContextError> {
        let places = Arc::new(Semaphore::new(recipe.max_queued + 1));
        let context = Arc::new(Self {
            id: ContextId::random(),
            session,
            engine,
            language: if recipe.typescript { "typescript" } else { engine.languages[0] },
            created_at: Timestamp::now(),
            recipe,
            watcher,
            state: watch::Sender::new(State::Starting),
            slot: Arc::default(),
            reign: Mutex::default(),
            places,
            names: Mutex::default(),
            version: Mutex::default(),
            started: AtomicU32::new(0),
        });
        let mut slot = Arc::clone(&context.slot).lock_owned().await;
        context.fill(&mut slot).await?;
        drop(slot);
        Ok(context)
    }

    /// How it is.
    #[must_use]
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// The version of the interpreter, as it says itself.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        self.version.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How much runs or waits in it.
    #[must_use]
    pub fn load(&self) -> usize {
        (self.recipe.max_queued + 1).saturating_sub(self.places.available_permits())
    }

    /// Process id of the interpreter inside the sandbox, where it is not being used.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        Some(self.slot.try_lock().ok()?.as_ref()?.host.pid)
    }

    /// Ends the interpreter, and all that waits for it, and starts another.
    ///
    /// # Errors
    /// As [`Context::start`]: it has no interpreter then. [`ContextError::NotFound`] once it is deleted.
    pub async fn restart(self: &Arc<Self>) -> Result<(), ContextError> {
        // What is given up by the caller half-way would leave no interpreter.
        let context = Arc::clone(self);
        let restarted = tokio::spawn(async move {
            context.reign().cancel();
            let mut slot = Arc::clone(&context.slot).lock_owned().await;
            if context.state() == State::Closed {
                return Err(ContextError::NotFound(context.id.clone()));
            }
            context.empty(&mut slot).await;
            context.names().clear();
            context.fill(&mut slot).await?;
            context.watcher.changed(&context, &State::Idle).await;
            Ok(())
        });
        restarted.await.unwrap_or_else(|_| Err(ContextError::NotReady("the daemon failed to start it".to_owned())))
    }

    /// Ends the interpreter and all that waits for it, for good, and waits until it is gone.
    pub async fn close(&self) {
        self.state.send_replace(State::Closed);
        self.reign().cancel();
        let mut slot = Arc::clone(&self.slot).lock_owned().await;
        self.empty(&mut slot).await;
    }

    /// Starts an interpreter where there is none.
    async fn fill(self: &Arc<Self>, slot: &mut Option<Interpreter>) -> Result<(), ContextError> {
        let reign = CancellationToken::new();
        *self.reign.lock().unwrap_or_else(PoisonError::into_inner) = reign.clone();
        if !self.turn(State::Starting) {
            return Err(ContextError::NotFound(self.id.clone()));
        }
        let serial = self.started.fetch_add(1, Ordering::Relaxed);
        match Interpreter::start(self, serial, reign).await {
            Ok((interpreter, version)) => {
                *self.version.lock().unwrap_or_else(PoisonError::into_inner) = Some(version);
                *slot = Some(interpreter);
                self.turn(State::Idle);
                Ok(())
            }
            Err(error) => {
                self.turn(State::Crashed(crate::causes::in_full(&error)));
                Err(error)
            }
        }
    }

    /// Takes the interpreter away, and waits until it is gone.
    async fn empty(&self, slot: &mut Option<Interpreter>) {
        if let Some(mut interpreter) = slot.take() {
            interpreter.host.kill.cancel();
            interpreter.gone().await;
        }
    }

    /// The interpreter is lost: whoever comes next is told why. Told once, by who finds out first.
    async fn lose(&self, slot: &mut Option<Interpreter>, why: String) {
        let Some(interpreter) = slot.take() else { return };
        interpreter.host.kill.cancel();
        // Where it is not wanted any more, its end is no news.
        if !interpreter.reign.is_cancelled() {
            let state = State::Crashed(why);
            self.turn(state.clone());
            self.watcher.changed(self, &state).await;
        }
    }

    /// Changes the state, unless it is closed.
    fn turn(&self, state: State) -> bool {
        self.state.send_if_modified(|now| {
            let changes = *now != State::Closed;
            if changes {
                *now = state;
            }
            changes
        })
    }

    /// Why there is no interpreter.
    fn fate(&self) -> String {
        match self.state() {
            State::Crashed(why) => why,
            State::Closed => "it was deleted".to_owned(),
            State::Starting | State::Idle | State::Busy => "it ended".to_owned(),
        }
    }

    fn reign(&self) -> CancellationToken {
        self.reign.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
