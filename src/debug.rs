//! Debugging: an adapter that speaks the Debug Adapter Protocol to a client and controls debuggees inside
//! sandboxes.
//!
//! [`Debugs`] is the register of all that are debugged in this daemon. Each DAP connection, whatever door it
//! came in by, has an adapter of its own ([`Debugs::open`]); a child of a debuggee has one too, which the
//! client's second connection finds by a token. Back ends ([`backend`], [`ground`]) know languages and
//! nothing of DAP; the adapter knows DAP and no language. Only the adapter makes requests of a client: nothing
//! that comes out of a sandbox is passed on as it came.

mod adapter;
pub mod attachable;
pub mod backend;
pub mod backends;
mod breakpoints;
mod children;
mod client;
pub mod door;
pub mod ground;
mod handles;
pub mod inspector;
pub mod kept;
pub mod model;
mod paths;
pub mod proxied;
pub mod proxy;
pub mod python;
mod sandbox_ground;
mod undebugged;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::ids::{DebugId, ExecutionId, SessionId};
use crate::session::{Session, Sessions, Watcher};

pub use backends::Backends;
pub use client::{Client, Gone, Messages};
pub use kept::KeptBreakpoints;

/// Adapters at one time in a daemon.
pub const MAX_ADAPTERS: usize = 64;

/// How long adapters may take to end when the daemon stops.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Why something can't be done with what is debugged.
#[derive(Debug, thiserror::Error)]
pub enum DebugError {
    /// Nothing of this name is debugged.
    #[error("nothing is debugged as {0}")]
    NotFound(DebugId),
    /// There are as many adapters as there may be.
    #[error("{0} programs are debugged already, which is the limit")]
    TooMany(usize),
    /// The daemon is about to end.
    #[error("the daemon is about to end")]
    Stopping,
    /// Breakpoints that are to be kept are not what they should be.
    #[error("{field}: {why}")]
    Invalid {
        /// The parameter, as a path.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// What a new adapter begins with.
pub struct Opening {
    /// The session that it debugs in, unless its client names or describes one when it launches.
    pub session: Option<Arc<Session>>,
    /// Arguments of `launch` or `attach` that hold where the request itself gives none.
    pub configuration: Option<Value>,
    /// Who is told how a session changes that the adapter makes.
    pub watcher: Arc<dyn Watcher>,
}

/// Where an adapter is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nothing is launched or attached yet.
    Waiting,
    /// The program is being brought up, or waits for the end of the configuration.
    Starting,
    /// The program runs.
    Running,
    /// A thread of it is stopped.
    Stopped,
    /// The program is gone.
    Ended,
}

/// What is debugged, at one moment.
#[derive(Debug, Clone)]
pub struct Overview {
    /// Its name.
    pub id: DebugId,
    /// What a person calls it: the program's name.
    pub name: Option<String>,
    /// Where its adapter is.
    pub stage: Stage,
    /// The session that it is debugged in, once that is known.
    pub session: Option<SessionId>,
    /// The execution that is debugged, once there is one.
    pub execution: Option<ExecutionId>,
    /// What started it, where it is a child.
    pub parent: Option<DebugId>,
    /// When the adapter was opened.
    pub opened_at: Timestamp,
}

/// All that are debugged in a daemon.
pub struct Debugs {
    sessions: Arc<Sessions>,
    backends: Backends,
    table: Mutex<BTreeMap<DebugId, Entry>>,
    kept: kept::Shelf,
    nursery: children::Nursery,
    attachable: attachable::Register,
    stopping: CancellationToken,
}

/// What the register knows of an adapter.
struct Entry {
    client: client::WeakClient,
    overview: Arc<Mutex<Overview>>,
}

impl std::fmt::Debug for Debugs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Debugs").field("open", &self.table().len()).finish_non_exhaustive()
    }
}

impl Debugs {
    /// Nothing is debugged yet.
    #[must_use]
    pub fn new(sessions: Arc<Sessions>) -> Self {
        Self::with_backends(sessions, Backends::built_in())
    }

    /// As [`Debugs::new`], with back ends of the caller's choice.
    #[must_use]
    pub fn with_backends(sessions: Arc<Sessions>, backends: Backends) -> Self {
        Self {
            sessions,
            backends,
            table: Mutex::default(),
            kept: kept::Shelf::default(),
            nursery: children::Nursery::default(),
            attachable: attachable::Register::default(),
            stopping: CancellationToken::new(),
        }
    }

    /// Makes an adapter for one client. It lives until its client disconnects or drops every [`Client`]; then
    /// [`Messages`] ends, what it launched is ended, and so is a session that it made.
    ///
    /// # Errors
    /// [`DebugError::TooMany`] and [`DebugError::Stopping`].
    pub fn open(self: &Arc<Self>, opening: Opening) -> Result<(Client, Messages), DebugError> {
        let mut table = self.table();
        if self.stopping.is_cancelled() {
            return Err(DebugError::Stopping);
        }
        if table.len() >= MAX_ADAPTERS {
            return Err(DebugError::TooMany(MAX_ADAPTERS));
        }
        let id = DebugId::random();
        let overview = Arc::new(Mutex::new(Overview {
            id: id.clone(),
            name: None,
            stage: Stage::Waiting,
            session: opening.session.as_ref().map(|session| session.id.clone()),
            execution: None,
            parent: None,
            opened_at: Timestamp::now(),
        }));
        let (client, requests) = client::pair(id.clone());
        table.insert(id.clone(), Entry { client: client.downgrade(), overview: Arc::clone(&overview) });
        drop(table);
        let messages = adapter::spawn(Arc::clone(self), opening, overview, requests);
        Ok((client, messages))
    }

    /// What is debugged, the oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Overview> {
        let overview = |entry: &Entry| entry.overview.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut all: Vec<_> = self.table().values().map(overview).collect();
        all.sort_by_key(|overview| overview.opened_at);
        all
    }

    /// The client's side of an adapter.
    ///
    /// # Errors
    /// [`DebugError::NotFound`], also for one that is about to end.
    pub fn get(&self, id: &DebugId) -> Result<Client, DebugError> {
        let client = self.table().get(id).and_then(|entry| entry.client.upgrade());
        client.ok_or_else(|| DebugError::NotFound(id.clone()))
    }

    /// The breakpoints that are kept for a session: its programs have them from their start on.
    #[must_use]
    pub fn breakpoints(&self, session: &SessionId) -> KeptBreakpoints {
        self.kept.get(session)
    }

    /// Keeps these breakpoints for a session, in place of those that were kept. They hold for programs that are
    /// launched from now on.
    ///
    /// # Errors
    /// [`DebugError::Invalid`] when they are too many or name no source.
    pub fn keep_breakpoints(&self, session: &SessionId, breakpoints: KeptBreakpoints) -> Result<(), DebugError> {
        self.kept.replace(session, breakpoints, &self.open_sessions())
    }

    fn open_sessions(&self) -> Vec<SessionId> {
        self.sessions.list().iter().map(|session| session.id.clone()).collect()
    }

    /// Ends every adapter with what it launched, and opens no more.
    pub async fn close_all(&self) {
        self.stopping.cancel();
        let clients: Vec<_> = self.table().values().filter_map(|entry| entry.client.upgrade()).collect();
        let all = futures::future::join_all(clients.iter().map(Client::terminate));
        if tokio::time::timeout(STOP_PATIENCE, all).await.is_err() {
            tracing::warn!("debugged programs did not end in time; they end with their sessions");
        }
    }

    fn forget(&self, id: &DebugId) {
        self.table().remove(id);
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<DebugId, Entry>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
