//! Sessions: long-lived sandboxes in which programs and files are used many times.
//!
//! [`Sessions`] creates, finds and ends them; a [`Session`] runs executions and hands out its link for
//! files. A session ends exactly once, for one reason, and when it has ended nothing of its sandbox is
//! left. What a client gets to see of all this is the business of the layer above.

mod adoption;
mod ahead;
mod bounds;
mod command;
mod contexts;
mod host;
mod inside;
mod launch;
mod life;
mod notes;
mod rate;
mod reach;
mod registry;
mod select;
mod standing;
mod toolbox;
mod versions;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::agent::{Conduit, Endpoint, Link, LinkError};
use crate::config::{Limits, Settings};
use crate::context::ContextError;
use crate::engine::Engine;
use crate::execution::{Execution, ExecutionError};
use crate::files::CopyError;
use crate::ids::{ExecutionId, SessionId};
use crate::network::ports::Ports;
use crate::network::{Network, NetworkError};
use crate::runtime::{Enforcement, Keeper, RuntimeError, Workspace};

pub use adoption::Audience;
pub use contexts::{CellRun, NewContext};
pub use host::Host;
pub use launch::{Run, RunLimits, Source, Stdin};
pub use life::{State, StateChange, Why};
pub use notes::Notes;
pub use rate::{RateError, Whose};
pub use reach::ExposeError;
pub use registry::{NewSession, Sessions};
pub use select::{Bar, Candidate, Fallback, Preference, Question, Rejection, Selection, Wish, select};
pub use toolbox::Toolbox;
pub use versions::{Usable, Versions};

/// Why something can't be done with a session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Nothing of this name is known.
    #[error("there is no session {0}")]
    NotFound(SessionId),
    /// It has ended.
    #[error("session {id} was closed: {}", .why.as_ref().map_or_else(String::new, Why::to_string))]
    Closed {
        /// Which session.
        id: SessionId,
        /// Why it ended.
        why: Option<Why>,
    },
    /// A session with the same client token is being made at this moment.
    #[error("a session with this client token is being created")]
    Busy,
    /// There are as many as the settings allow.
    #[error("there are {0} sessions already, which is the limit")]
    TooMany(usize),
    /// The daemon is about to end.
    #[error("the daemon is about to end")]
    Stopping,
    /// A limit is over what the settings allow, or makes no sense.
    #[error("{field}: {why}")]
    Invalid {
        /// The parameter, as a path.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// No engine runs this language.
    #[error("no engine runs {0:?}")]
    UnknownLanguage(String),
    /// The engine is not installed here.
    #[error("{engine} is not installed on this machine")]
    EngineMissing {
        /// Which engine.
        engine: &'static str,
        /// The command that installs it.
        install: &'static str,
    },
    /// The image that the sandbox was made of has no such engine.
    #[error("the image of this session has no {engine}")]
    NotInImage {
        /// Which engine.
        engine: &'static str,
        /// The command that would install it in an image of Debian.
        install: &'static str,
    },
    /// The engine is there, and its version does not run this language yet.
    #[error("{engine} runs {language} from version {}.{} on, and this is {version}", .needed.0, .needed.1)]
    EngineTooOld {
        /// Which engine.
        engine: &'static str,
        /// What it says of itself.
        version: String,
        /// The language.
        language: &'static str,
        /// The first version that does.
        needed: (u32, u32),
    },
    /// Every runtime was ruled out.
    #[error("no runtime can be used: {}", describe(.considered))]
    NoRuntime {
        /// Each with the reason.
        considered: Vec<Candidate>,
    },
    /// The client asked for a runtime that there is not.
    #[error("there is no runtime {0:?}")]
    UnknownRuntime(String),
    /// The sandbox could not be started.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A step of the sandbox's set-up failed.
    #[error("the sandbox could not be set up: {step}{}", reason(*.errno))]
    SetUp {
        /// What was attempted.
        step: String,
        /// The kernel's error number, 0 when it was not the kernel that refused.
        errno: i32,
    },
    /// The sandbox went before it stood.
    #[error("the sandbox ended before it stood{}", .fate.as_ref().map_or_else(String::new, |fate| format!(", as {fate}")))]
    Died {
        /// How it came to its end, as far as its runtime knows.
        fate: Option<String>,
        /// What was heard of it.
        source: LinkError,
    },
    /// The sandbox did not stand in time.
    #[error("the sandbox did not stand within {} s", .0.as_secs())]
    TooSlow(Duration),
    /// Its workspace could not be filled.
    #[error("the workspace could not be copied into the sandbox")]
    Copy(#[from] CopyError),
    /// What its programs are to reach can't be had.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Too many executions have begun in too short a time.
    #[error(transparent)]
    Rate(#[from] RateError),
    /// The execution could not be queued.
    #[error(transparent)]
    Execution(#[from] ExecutionError),
    /// Something of a live interpreter.
    #[error(transparent)]
    Context(#[from] ContextError),
}

/// Why nothing in a sandbox could be connected to.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The session has ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Nobody listens there, or the sandbox is gone.
    #[error(transparent)]
    Link(#[from] LinkError),
}

fn reason(errno: i32) -> String {
    if errno == 0 { String::new() } else { format!(": {}", std::io::Error::from_raw_os_error(errno)) }
}

impl SessionError {
    /// What would mend it, where that lies in what is installed or in what was asked for.
    #[must_use]
    pub fn fix(&self) -> Option<String> {
        match self {
            Self::EngineMissing { install, .. } => Some(format!("install it: {install}")),
            Self::NotInImage { install, .. } => {
                Some(format!("name another image with `image`, or build one that has it (on Debian: {install})"))
            }
            Self::EngineTooOld { engine, language, needed: (major, minor), .. } => {
                let others = crate::engine::all_by_language(language).filter(|other| other.id != *engine);
                let others: Vec<String> = others.map(|other| format!("{} ({})", other.id, other.install)).collect();
                Some(format!("install {engine} {major}.{minor} or later, or another engine: {}", others.join(", ")))
            }
            Self::NoRuntime { considered } => {
                let rejections = considered.iter().filter_map(|candidate| candidate.rejection.as_ref());
                let mut fixes: Vec<&str> = Vec::new();
                for fix in rejections.filter_map(|rejection| rejection.fix.as_deref()) {
                    if !fixes.contains(&fix) {
                        fixes.push(fix);
                    }
                }
                (!fixes.is_empty()).then(|| fixes.join("; "))
            }
            Self::Runtime(RuntimeError::Refused(refusal)) => refusal.fix.clone(),
            _ => None,
        }
    }
}

/// The reasons; those that only follow from what was named, where there are no others.
fn describe(considered: &[Candidate]) -> String {
    let tells = |candidate: &&Candidate| candidate.rejection.as_ref().is_none_or(|one| one.bar != Bar::NotNamed);
    let any_tells = considered.iter().any(|candidate| tells(&candidate));
    let reasons = considered.iter().filter(|candidate| !any_tells || tells(candidate)).map(|candidate| {
        let engine = candidate.engine.map_or_else(String::new, |engine| format!("{} in ", engine.id));
        let because = candidate.rejection.as_ref().map_or("usable", |rejection| rejection.because.as_str());
        format!("{engine}{}: {because}", candidate.runtime)
    });
    reasons.collect::<Vec<_>>().join("; ")
}

/// Who is told how a session's state changes.
#[async_trait]
pub trait Watcher: Send + Sync {
    /// It changed. Called in order, from the session's own task.
    async fn changed(&self, session: &Session, change: StateChange);
}

/// One session.
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// The runtime that isolates it, and why that one.
    pub selection: Selection,
    /// The token that its client made it with; the same token gives the same session.
    pub client_token: Option<String>,
    /// The engine of code whose language nobody names.
    pub engine: Option<&'static Engine>,
    /// Its language, by the name that its client uses; the engine's first when absent.
    pub language: Option<String>,
    /// The machine that it is on, where that is one of several.
    pub machine: Option<String>,
    /// The container that it is in, by its engine's id, where it is in one.
    pub container: Option<String>,
    /// What programs its sandbox has.
    pub toolbox: Arc<Toolbox>,
    /// Whether it outlives the daemon.
    pub persist: bool,
    /// What its workspace is.
    pub workspace: Workspace,
    /// Who holds each limit.
    pub enforcement: Vec<Enforcement>,
    /// What its programs may reach.
    pub network: Network,
    /// The interpreter of its own that packages of Python were installed for.
    own_python: std::sync::OnceLock<String>,
    /// The directory of its own that packages of Ruby were installed in.
    own_gems: std::sync::OnceLock<String>,
    /// Its ports that are open to this machine.
    pub ports: Arc<Ports>,
    /// Its age when this daemon got it: others may have had it before.
    age: Duration,
    link: Link,
    keeper: Arc<tokio::sync::Mutex<Box<dyn Keeper>>>,
    settings: Arc<Settings>,
    turns: Arc<Semaphore>,
    pace: rate::Pace,
    changeable: Mutex<Changeable>,
    executions: Mutex<Vec<Arc<Execution>>>,
    contexts: contexts::Contexts,
    ahead: ahead::Ahead,
    state: watch::Sender<State>,
    /// Wakes the session's own task when its deadlines move.
    touched: Notify,
    ending: CancellationToken,
    why: std::sync::OnceLock<Why>,
}

/// What a client may change of a session.
#[derive(Clone)]
struct Changeable {
    env: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    limits: Limits,
    idle_timeout: Duration,
    max_lifetime: Duration,
    last_used: tokio::time::Instant,
    last_used_at: Timestamp,
    /// The next daemon could not know of a change.
    unnoted: bool,
}

/// A session as it stands.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Where it is in its life.
    pub state: State,
    /// Names and values that a client attached.
    pub labels: BTreeMap<String, String>,
    /// Its limits.
    pub limits: Limits,
    /// Unused for so long, it is closed.
    pub idle_timeout: Duration,
    /// At this age it is closed.
    pub max_lifetime: Duration,
    /// When it was used last.
    pub last_used_at: Timestamp,
    /// When it closes, if nobody uses it before.
    pub expires_at: Timestamp,
}

/// Changes to a session; what is `None` stays.
#[derive(Clone, Default)]
pub struct Update {
    /// Variables of later executions; they replace those that were given before.
    pub env: Option<BTreeMap<String, String>>,
    /// Names and values, which replace those that were given before.
    pub labels: Option<BTreeMap<String, String>>,
    /// Output that one execution passes on, in bytes.
    pub output_bytes: Option<u64>,
    /// Wall time of one execution.
    pub execution_timeout: Option<Duration>,
    /// Unused for so long, it is closed.
    pub idle_timeout: Option<Duration>,
    /// At this age it is closed.
    pub max_lifetime: Option<Duration>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment stays out of every log.
        f.debug_struct("Session").field("id", &self.id).field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Session {
    /// Where it is in its life.
    #[must_use]
    pub fn state(&self) -> State {
        *self.state.borrow()
    }

    /// Why it ended, once it ends.
    #[must_use]
    pub fn why(&self) -> Option<Why> {
        self.why.get().cloned()
    }

    /// All that changes about it, at one moment.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let busy = self.is_busy();
        let mut changeable = self.changeable().clone();
        if busy {
            changeable.last_used_at = Timestamp::now();
        }
        let unused = changeable.last_used_at.saturating_add(changeable.idle_timeout);
        let old = self.created_at.saturating_add(changeable.max_lifetime);
        Snapshot {
            state: self.state(),
            labels: changeable.labels,
            limits: changeable.limits,
            idle_timeout: changeable.idle_timeout,
            max_lifetime: changeable.max_lifetime,
            last_used_at: changeable.last_used_at,
            // Additions of at most a year to a time of ours can't overflow.
            expires_at: unused.unwrap_or(Timestamp::MAX).min(old.unwrap_or(Timestamp::MAX)),
        }
    }

    /// The way to the sandbox's files. Counts as use.
    ///
    /// # Errors
    /// [`SessionError::Closed`].
    pub fn link(&self) -> Result<&Link, SessionError> {
        self.use_now()?;
        Ok(&self.link)
    }

    /// Connects to something that listens in the sandbox, or makes a FIFO that is read. Counts as use.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(&self, endpoint: Endpoint) -> Result<Conduit, ConnectError> {
        self.use_now()?;
        Ok(self.link.connect(endpoint).await?)
    }

    /// Counts as use, so that the idle time-out starts anew.
    ///
    /// # Errors
    /// [`SessionError::Closed`].
    pub fn use_now(&self) -> Result<(), SessionError> {
        let state = self.state();
        if matches!(state, State::Closing | State::Closed) || self.ending.is_cancelled() {
            return Err(SessionError::Closed { id: self.id.clone(), why: self.why() });
        }
        let mut changeable = self.changeable();
        changeable.last_used = tokio::time::Instant::now();
        changeable.last_used_at = Timestamp::now();
        drop(changeable);
        if state == State::Idle {
            self.touched.notify_one();
        }
        Ok(())
    }

    /// Changes what may be changed.
    ///
    /// # Errors
    /// [`SessionError::Closed`], or [`SessionError::Invalid`] with nothing changed.
    pub fn update(&self, update: Update) -> Result<(), SessionError> {
        bounds::check_env("env", update.env.as_ref())?;
        bounds::check_lifetimes(update.idle_timeout, update.max_lifetime)?;
        let Update { env, labels, output_bytes, execution_timeout, idle_timeout, max_lifetime } = update;
        let mut limits = self.changeable().limits;
        limits.output_bytes = output_bytes.unwrap_or(limits.output_bytes);
        limits.execution_timeout = execution_timeout.unwrap_or(limits.execution_timeout);
        bounds::check_limits(&limits, &self.settings.ceiling)?;
        self.use_now()?;
        let mut changeable = self.changeable();
        changeable.limits = limits;
        changeable.env = env.unwrap_or_else(|| std::mem::take(&mut changeable.env));
        changeable.labels = labels.unwrap_or_else(|| std::mem::take(&mut changeable.labels));
        changeable.idle_timeout = idle_timeout.unwrap_or(changeable.idle_timeout);
        changeable.max_lifetime = max_lifetime.unwrap_or(changeable.max_lifetime);
        changeable.unnoted = self.persist;
        drop(changeable);
        self.touched.notify_one();
        Ok(())
    }

    /// Whether something waits or runs in it, which is use.
    fn is_busy(&self) -> bool {
        self.lock_executions().iter().any(|execution| !execution.is_over())
    }

    /// Executions that it remembers, the oldest first.
    #[must_use]
    pub fn executions(&self) -> Vec<Arc<Execution>> {
        self.lock_executions().clone()
    }

    /// One of its executions.
    #[must_use]
    pub fn execution(&self, id: &ExecutionId) -> Option<Arc<Execution>> {
        self.lock_executions().iter().find(|execution| execution.id == *id).cloned()
    }

    /// Ends it, unless it ends already, and waits until nothing is left of it. Says how many executions it
    /// ended with it.
    pub async fn close(&self, why: Why) -> usize {
        let ended = self.lock_executions().iter().filter(|execution| !execution.is_over()).count();
        self.end(why);
        let mut state = self.state.subscribe();
        // The sender lives in the session itself, so the wait can only end with the state.
        drop(state.wait_for(|state| *state == State::Closed).await);
        ended
    }

    fn end(&self, why: Why) {
        // The first reason counts.
        drop(self.why.set(why));
        self.ending.cancel();
    }

    /// The host directory of the workspace, where there is one.
    #[must_use]
    pub fn workspace_path(&self) -> Option<&PathBuf> {
        match &self.workspace {
            Workspace::None => None,
            Workspace::Copy { path, .. } | Workspace::Bind { path, .. } | Workspace::Overlay { path } => Some(path),
        }
    }

    fn changeable(&self) -> MutexGuard<'_, Changeable> {
        self.changeable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_executions(&self) -> MutexGuard<'_, Vec<Arc<Execution>>> {
        self.executions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
