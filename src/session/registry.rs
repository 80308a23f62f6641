//! The sessions of a daemon: making them, finding them, ending them all.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, OnceCell, OwnedSemaphorePermit, Semaphore, TryAcquireError, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::adoption::Recall;
use super::ahead::{Ahead, Ledger};
use super::bounds::{check_env, check_lifetimes, check_limits};
use super::contexts::Contexts;
use super::host::Host;
use super::life::{self, State, Why};
use super::notes::Notes;
use super::rate::{Pace, Rate, Whose};
use super::select::{self, Question, Selection, Wish};
use super::standing::{Standing, check_age};
use super::toolbox::{Toolbox, Toolboxes};
use super::versions::Versions;
use super::{Changeable, Session, SessionError, Watcher};
use crate::causes;
use crate::config::{Limits, Settings};
use crate::engine::Engine;
use crate::execution::Execution;
use crate::ids::{ExecutionId, SessionId};
use crate::network::{Asker, Mode, Network, Policy};
use crate::runtime::{Outlives, Programs, Runtime, SandboxSpec, Workspace};

/// Sessions that ended and whose end is remembered.
const REMEMBERED_ENDS: usize = 100;

/// What a new session is to be.
#[derive(Default)]
pub struct NewSession {
    /// Where it may run, and by which engine code whose language nobody names.
    pub wish: Wish,
    /// What its workspace is.
    pub workspace: Workspace,
    /// Variables of all its executions.
    pub env: BTreeMap<String, String>,
    /// Names and values for the client's own use.
    pub labels: BTreeMap<String, String>,
    /// Makes the request repeatable: the same token gives the same session.
    pub client_token: Option<String>,
    /// Its limits; the settings' own where absent.
    pub limits: Option<Limits>,
    /// Unused for so long, it is closed.
    pub idle_timeout: Option<Duration>,
    /// At this age it is closed.
    pub max_lifetime: Option<Duration>,
    /// It outlives the daemon, until it is closed or its time is up.
    pub persist: bool,
    /// The name of the client that it is for: what it leaves is for later daemons of clients of the same name.
    pub client: Option<String>,
    /// What its programs may reach.
    pub network: Policy,
    /// Who is asked about hosts that nothing allows.
    pub asker: Option<Arc<dyn Asker>>,
}

/// The sessions of a daemon.
pub struct Sessions {
    pub(super) settings: Arc<Settings>,
    host: Arc<Host>,
    pub(super) places: Arc<Semaphore>,
    /// Of all sessions together.
    pub(super) rate: Arc<Rate>,
    table: Mutex<BTreeMap<SessionId, Arc<Session>>>,
    /// The last sessions that ended, and why.
    ended: Mutex<VecDeque<(SessionId, Option<Why>)>>,
    pub(super) versions: OnceCell<Versions>,
    pub(super) toolboxes: Toolboxes,
    host_tools: Arc<Toolbox>,
    /// Client tokens of sessions that are being made.
    claimed: Mutex<HashSet<String>>,
    pub(super) recall: Recall,
    /// Sessions that are being made.
    creating: TaskTracker,
    stopping: CancellationToken,
    /// Interpreters that stand by.
    pub(super) ahead: Arc<Ledger>,
    /// By then everything ends, once that has begun.
    stop_by: OnceLock<tokio::time::Instant>,
}

/// What a client token turned out to be.
enum Claim<'a> {
    /// The token of a session that exists.
    Taken(Arc<Session>),
    /// Held until the session is made or not.
    Free(Option<TokenClaim<'a>>),
}

struct TokenClaim<'a> {
    sessions: &'a Sessions,
    token: String,
}

impl Drop for TokenClaim<'_> {
    fn drop(&mut self) {
        self.sessions.claimed().remove(&self.token);
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").field("open", &self.table().len()).finish_non_exhaustive()
    }
}

impl Sessions {
    /// No sessions yet.
    #[must_use]
    pub fn new(settings: Settings, host: Host) -> Self {
        let places = Arc::new(Semaphore::new(settings.max_sessions));
        let rate = Arc::new(Rate::new(Whose::Daemon, settings.rates.daemon));
        Self {
            ahead: Arc::new(Ledger::new(settings.ahead)),
            settings: Arc::new(settings),
            host_tools: Arc::new(Toolbox::of_host(&host)),
            host: Arc::new(host),
            toolboxes: Toolboxes::default(),
            places,
            rate,
            table: Mutex::default(),
            ended: Mutex::default(),
            claimed: Mutex::default(),
            recall: Recall::default(),
            creating: TaskTracker::new(),
            stopping: CancellationToken::new(),
            stop_by: OnceLock::new(),
            versions: OnceCell::new(),
        }
    }

    /// The daemon's settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What this machine has.
    #[must_use]
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// What sandboxes have that show this host's programs.
    #[must_use]
    pub fn host_tools(&self) -> &Arc<Toolbox> {
        &self.host_tools
    }

    /// Which runtime and engine a session would get, by what is known now. Makes nothing.
    ///
    /// # Errors
    /// Those that making it would begin with.
    pub async fn select(&self, wish: &Wish, workspace: &Workspace, persist: bool) -> Result<Selection, SessionError> {
        self.choose(&Question { wish, workspace, outlives: persist }).await.map(|(_, selection)| selection)
    }

    /// A workspace that shows this directory and leaves it as it is: an overlay; a copy, where nothing that suits the
    /// wish has overlays.
    pub async fn unchanged(&self, wish: &Wish, path: PathBuf) -> Workspace {
        let overlay = Workspace::Overlay { path };
        match (self.select(wish, &overlay, false).await, overlay) {
            (Err(_), Workspace::Overlay { path }) => Workspace::Copy { path, exclude: Vec::new() },
            (_, overlay) => overlay,
        }
    }

    async fn choose(&self, question: &Question<'_>) -> Result<(Arc<dyn Runtime>, Selection), SessionError> {
        self.host.check_named(question.wish.runtime.as_deref())?;
        let probed = self.host.probed_for(question.wish).await;
        let is_installed = |engine| self.host.installation(engine).is_some();
        let (runtime, selection) = select::select(&probed, &is_installed, question)
            .map_err(|considered| SessionError::NoRuntime { considered })?;
        Ok((Arc::clone(runtime), selection))
    }

    /// Makes a session, which lives until it is closed, times out or loses its sandbox.
    ///
    /// # Errors
    /// See [`SessionError`]; nothing is left behind then.
    pub async fn create(
        self: &Arc<Self>,
        wanted: NewSession,
        watcher: Arc<dyn Watcher>,
    ) -> Result<Arc<Session>, SessionError> {
        let _creating = self.creating.token();
        // With the future goes what it has made.
        self.stopping.run_until_cancelled(self.make(wanted, watcher)).await.unwrap_or(Err(SessionError::Stopping))
    }

    async fn make(
        self: &Arc<Self>,
        wanted: NewSession,
        watcher: Arc<dyn Watcher>,
    ) -> Result<Arc<Session>, SessionError> {
        let _token = match self.claim_token(wanted.client_token.as_deref())? {
            Claim::Taken(session) => return Ok(session),
            Claim::Free(token) => token,
        };
        let limits = wanted.limits.unwrap_or(self.settings.limits);
        check_limits(&limits, &self.settings.ceiling)?;
        check_env("env", Some(&wanted.env))?;
        check_lifetimes(wanted.idle_timeout, wanted.max_lifetime)?;
        Network::check(&wanted.network, &self.settings.network)?;
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|error| match error {
            TryAcquireError::NoPermits => SessionError::TooMany(self.settings.max_sessions),
            TryAcquireError::Closed => SessionError::Stopping,
        })?;
        let question = Question { wish: &wanted.wish, workspace: &wanted.workspace, outlives: wanted.persist };
        let (runtime, selection) = self.choose(&question).await?;
        let (id, created_at) = (SessionId::random(), Timestamp::now());
        let idle_timeout = wanted.idle_timeout.unwrap_or(self.settings.idle_timeout);
        let max_lifetime = wanted.max_lifetime.unwrap_or(self.settings.max_lifetime);
        let times = (idle_timeout, max_lifetime);
        let outlives = wanted.persist.then(|| Outlives {
            session: id.clone(),
            notes: Notes::new(&wanted, selection.engine, &limits, times, created_at).written(),
            alone: idle_timeout,
        });
        let spec = SandboxSpec {
            engine: selection.engine,
            image: wanted.wish.image.clone(),
            outlives,
            ..self.spec(limits, wanted.workspace.clone())
        };
        let brought_up = async {
            let standing = self.bring_up(&*runtime, spec).await?;
            check_age(standing, selection.engine, wanted.wish.language.as_deref()).await
        };
        let standing = tokio::time::timeout(self.settings.create_timeout, brought_up)
            .await
            .map_err(|_| SessionError::TooSlow(self.settings.create_timeout))??;
        let Standing { link, toolbox, machine, enforcement, keeper, programs } = standing;
        if let (Some(engine), Programs::Image { .. }, None) = (selection.engine, &programs, &wanted.wish.image) {
            self.toolboxes.note(engine, selection.runtime, &toolbox);
        }
        let network = Network::new(id.clone(), self.settings.network.clone(), wanted.asker);
        let session = Arc::new(Session {
            id,
            created_at,
            network,
            own_python: OnceLock::new(),
            own_gems: OnceLock::new(),
            ports: Arc::default(),
            client_token: wanted.client_token,
            engine: selection.engine,
            language: wanted.wish.language,
            selection,
            machine,
            container: keeper.container(),
            toolbox,
            persist: wanted.persist,
            workspace: wanted.workspace,
            enforcement,
            age: Duration::ZERO,
            link,
            keeper: Arc::new(tokio::sync::Mutex::new(keeper)),
            settings: Arc::clone(&self.settings),
            turns: Arc::new(Semaphore::new(self.settings.max_running)),
            pace: Pace::new(self.settings.rates.session, &self.rate),
            changeable: Mutex::new(Changeable {
                env: wanted.env,
                labels: wanted.labels,
                limits,
                idle_timeout,
                max_lifetime,
                last_used: tokio::time::Instant::now(),
                last_used_at: Timestamp::now(),
                unnoted: false,
            }),
            executions: Mutex::default(),
            contexts: Contexts::new(self.settings.max_contexts),
            ahead: Ahead::new(&self.ahead),
            state: watch::Sender::new(State::Active),
            touched: Notify::new(),
            ending: CancellationToken::new(),
            why: OnceLock::new(),
        });
        if wanted.network.mode != Mode::None {
            let set = session.network.set(wanted.network, &session.link).await;
            if let Err(error) = set {
                session.link.close("its network could not be had");
                session.keeper.lock().await.destroy().await;
                return Err(error.into());
            }
        }
        if session.persist {
            session.note_inside().await;
        }
        if !self.admit(&session) {
            session.link.close("the daemon stops");
            session.keeper.lock().await.destroy().await;
            return Err(SessionError::Stopping);
        }
        self.enliven(&session, place, watcher);
        Ok(session)
    }

    /// Has a session that was admitted live, which gives its place back at its end.
    pub(super) fn enliven(
        self: &Arc<Self>,
        session: &Arc<Session>,
        place: OwnedSemaphorePermit,
        watcher: Arc<dyn Watcher>,
    ) {
        let (sessions, living) = (Arc::clone(self), Arc::clone(session));
        tokio::spawn(async move {
            let bury = || {
                sessions.bury(&living);
                drop(place);
            };
            life::live(Arc::clone(&living), watcher, bury).await;
        });
    }

    /// Has sandboxes made ready for sessions of these engines that ask for nothing else, up to so many of each.
    pub async fn prewarm(&self, engines: &[&'static Engine], count: usize) {
        for &engine in engines {
            let wish = Wish { engines: vec![engine], ..Wish::default() };
            if let Err(error) = self.prewarm_for(&wish, count).await {
                tracing::warn!(engine = engine.id, error = causes::in_full(&error), "nothing is made ready for it");
            }
        }
    }

    /// Has up to so many sandboxes made ready for sessions that ask for this and nothing else. Says what those would
    /// get, and whether any is held ready for it.
    ///
    /// # Errors
    /// Those that making such a session would begin with.
    pub async fn prewarm_for(&self, wish: &Wish, count: usize) -> Result<(Selection, bool), SessionError> {
        let question = Question { wish, workspace: &Workspace::None, outlives: false };
        let warmed = async {
            let (runtime, selection) = self.choose(&question).await?;
            let spec = SandboxSpec {
                engine: selection.engine,
                image: wish.image.clone(),
                ..self.spec(self.settings.limits, Workspace::None)
            };
            let begun = runtime.prewarm(&spec, count).await?;
            Ok((selection, begun))
        };
        self.stopping.run_until_cancelled(warmed).await.unwrap_or(Err(SessionError::Stopping))
    }

    /// How many interpreters stand by in all sessions, and what memory those have that were weighed.
    #[must_use]
    pub fn standing_by(&self) -> (usize, u64) {
        self.ahead.standing()
    }

    /// Puts a session on the table, unless those there are being ended: this one would be overlooked.
    pub(super) fn admit(&self, session: &Arc<Session>) -> bool {
        let mut table = self.table();
        let admitted = !self.places.is_closed();
        if admitted {
            table.insert(session.id.clone(), Arc::clone(session));
        }
        admitted
    }

    fn claim_token(&self, token: Option<&str>) -> Result<Claim<'_>, SessionError> {
        let Some(token) = token else { return Ok(Claim::Free(None)) };
        // Held over the look at the table, into which a session goes before its claim is given up.
        let mut claimed = self.claimed();
        let is_taken = |session: &&Arc<Session>| {
            session.client_token.as_deref() == Some(token)
                && matches!(session.state(), State::Active | State::Idle)
                && session.why().is_none()
        };
        let taken = self.table().values().find(is_taken).cloned();
        if let Some(session) = taken {
            return Ok(Claim::Taken(session));
        }
        if !claimed.insert(token.to_owned()) {
            return Err(SessionError::Busy);
        }
        Ok(Claim::Free(Some(TokenClaim { sessions: self, token: token.to_owned() })))
    }

    fn claimed(&self) -> MutexGuard<'_, HashSet<String>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session of this name.
    ///
    /// # Errors
    /// [`SessionError::Closed`] with the reason, as long as it is remembered; else [`SessionError::NotFound`].
    pub fn get(&self, id: &SessionId) -> Result<Arc<Session>, SessionError> {
        if let Some(session) = self.table().get(id) {
            return Ok(Arc::clone(session));
        }
        let ended = self.ended();
        let why = ended.iter().find(|(ended, _)| ended == id).map(|(_, why)| why.clone());
        Err(match why {
            Some(why) => SessionError::Closed { id: id.clone(), why },
            None => SessionError::NotFound(id.clone()),
        })
    }

    /// Takes a session that has ended off the table.
    fn bury(&self, session: &Session) {
        let mut ended = self.ended();
        ended.truncate(REMEMBERED_ENDS - 1);
        ended.push_front((session.id.clone(), session.why()));
        self.table().remove(&session.id);
    }

    fn ended(&self) -> MutexGuard<'_, VecDeque<(SessionId, Option<Why>)>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every session, the oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Session>> {
        let mut sessions: Vec<_> = self.table().values().cloned().collect();
        sessions.sort_by_key(|session| session.created_at);
        sessions
    }

    /// The execution of this name, in whatever session.
    #[must_use]
    pub fn execution(&self, id: &ExecutionId) -> Option<Arc<Execution>> {
        self.table().values().find_map(|session| session.execution(id))
    }

    /// Ends every session and makes no more, and waits until nothing is left of them or of what runtimes keep
    /// besides, as long as the settings allow. The time counts from the first call.
    pub async fn close_all(&self) {
        self.places.close();
        self.stopping.cancel();
        self.creating.close();
        let all = async {
            let sessions = self.list();
            let ends = sessions.iter().map(|session| session.close(Why::DaemonStopping));
            tokio::join!(futures::future::join_all(ends), self.creating.wait());
            futures::future::join_all(self.host.runtimes.iter().map(|runtime| runtime.close())).await;
        };
        let by = *self.stop_by.get_or_init(|| tokio::time::Instant::now() + self.settings.stop_grace);
        if tokio::time::timeout_at(by, all).await.is_err() {
            tracing::warn!("not all sandboxes ended in time; they end with the daemon");
        }
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<SessionId, Arc<Session>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
