//! The sessions of a daemon: making them, finding them, ending them all.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, OnceCell, Semaphore, TryAcquireError, watch};
use tokio_util::sync::CancellationToken;

use super::life::{self, State, Why};
use super::select::{self, Wish};
use super::versions::Versions;
use super::{Changeable, Session, SessionError, Watcher};
use crate::agent::{Link, LinkError};
use crate::config::{Limits, Settings};
use crate::engine::Engine;
use crate::engine::adapters::AdapterProgram;
use crate::engine::discover::{AdapterInstallation, Installation};
use crate::execution::Execution;
use crate::ids::{ExecutionId, SessionId};
use crate::runtime::{Enforcement, Keeper, Probe, Runtime, Sandbox, SandboxSpec, Workspace};

/// The most bytes of a session's or an execution's environment: both together, with arguments beside them,
/// fit into what a sandbox takes at once.
const MAX_ENV_BYTES: usize = 128 * 1024;

/// Sessions that ended and whose end is remembered.
const REMEMBERED_ENDS: usize = 100;

/// What this machine has to run code with.
pub struct Host {
    /// Where code can be isolated.
    pub runtimes: Vec<Arc<dyn Runtime>>,
    /// What can run it.
    pub installations: Vec<Installation>,
    /// What can debug it, where that is a program of its own.
    pub adapters: Vec<AdapterInstallation>,
    probed: OnceCell<Vec<(Arc<dyn Runtime>, Probe)>>,
}

impl Host {
    /// A host with these runtimes and engines; nothing is probed yet.
    #[must_use]
    pub fn new(runtimes: Vec<Arc<dyn Runtime>>, installations: Vec<Installation>) -> Self {
        Self { runtimes, installations, adapters: Vec::new(), probed: OnceCell::new() }
    }

    /// The same, with these debuggers.
    #[must_use]
    pub fn with_adapters(self, adapters: Vec<AdapterInstallation>) -> Self {
        Self { adapters, ..self }
    }

    /// Where a debugger is installed, if it is.
    #[must_use]
    pub fn adapter(&self, adapter: &AdapterProgram) -> Option<&AdapterInstallation> {
        self.adapters.iter().find(|installation| installation.adapter == adapter)
    }

    /// What each runtime can do here. Probed once.
    pub async fn probed(&self) -> &[(Arc<dyn Runtime>, Probe)] {
        let probe = async {
            let probes = self.runtimes.iter().map(|runtime| async { (Arc::clone(runtime), runtime.probe().await) });
            futures::future::join_all(probes).await
        };
        self.probed.get_or_init(|| probe).await
    }

    pub(super) fn installation(&self, engine: &'static Engine) -> Result<&Installation, SessionError> {
        self.installations
            .iter()
            .find(|installation| installation.engine == engine)
            .ok_or(SessionError::EngineMissing { engine: engine.id, install: engine.install })
    }
}

/// What a new session is to be.
#[derive(Default)]
pub struct NewSession {
    /// The engine of code whose language nobody names.
    pub engine: Option<&'static Engine>,
    /// Where it may run.
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
}

/// The sessions of a daemon.
pub struct Sessions {
    settings: Arc<Settings>,
    host: Arc<Host>,
    places: Arc<Semaphore>,
    table: Mutex<BTreeMap<SessionId, Arc<Session>>>,
    /// The last sessions that ended, and why.
    ended: Mutex<VecDeque<(SessionId, Option<Why>)>>,
    pub(super) versions: OnceCell<Versions>,
    /// Client tokens of sessions that are being made.
    claimed: Mutex<HashSet<String>>,
}

/// A sandbox that stands.
pub(super) struct Standing {
    pub(super) link: Link,
    pub(super) enforcement: Vec<Enforcement>,
    pub(super) keeper: Box<dyn Keeper>,
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
        Self {
            settings: Arc::new(settings),
            host: Arc::new(host),
            places,
            table: Mutex::default(),
            ended: Mutex::default(),
            claimed: Mutex::default(),
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

    /// Makes a session, which lives until it is closed, times out or loses its sandbox.
    ///
    /// # Errors
    /// See [`SessionError`]; nothing is left behind then.
    pub async fn create(
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
        if let Some(engine) = wanted.engine {
            self.host.installation(engine)?;
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|error| match error {
            TryAcquireError::NoPermits => SessionError::TooMany(self.settings.max_sessions),
            TryAcquireError::Closed => SessionError::Stopping,
        })?;
        if let Some(id) = wanted.wish.runtime.as_ref()
            && !self.host.runtimes.iter().any(|runtime| runtime.id() == id)
        {
            return Err(SessionError::UnknownRuntime(id.clone()));
        }
        let (runtime, selection) = select::select(self.host.probed().await, &wanted.wish)
            .map_err(|considered| SessionError::NoRuntime { considered })?;
        let bring_up = self.bring_up(&**runtime, self.spec(limits, wanted.workspace.clone()));
        let standing = tokio::time::timeout(self.settings.create_timeout, bring_up)
            .await
            .map_err(|_| SessionError::TooSlow(self.settings.create_timeout))??;
        let session = Arc::new(Session {
            id: SessionId::random(),
            created_at: Timestamp::now(),
            selection,
            client_token: wanted.client_token,
            engine: wanted.engine,
            workspace: wanted.workspace,
            enforcement: standing.enforcement,
            link: standing.link,
            keeper: Arc::new(tokio::sync::Mutex::new(standing.keeper)),
            host: Arc::clone(&self.host),
            settings: Arc::clone(&self.settings),
            turns: Arc::new(Semaphore::new(self.settings.max_running)),
            changeable: Mutex::new(Changeable {
                env: wanted.env,
                labels: wanted.labels,
                limits,
                idle_timeout: wanted.idle_timeout.unwrap_or(self.settings.idle_timeout),
                max_lifetime: wanted.max_lifetime.unwrap_or(self.settings.max_lifetime),
                last_used: tokio::time::Instant::now(),
                last_used_at: Timestamp::now(),
            }),
            executions: Mutex::default(),
            state: watch::Sender::new(State::Active),
            touched: Notify::new(),
            ending: CancellationToken::new(),
            why: OnceLock::new(),
        });
        if !self.admit(&session) {
            session.link.close("the daemon stops");
            session.keeper.lock().await.destroy().await;
            return Err(SessionError::Stopping);
        }
        let (sessions, living) = (Arc::clone(self), Arc::clone(&session));
        tokio::spawn(async move {
            let bury = || {
                sessions.bury(&living);
                drop(place);
            };
            life::live(Arc::clone(&living), watcher, bury).await;
        });
        Ok(session)
    }

    /// Puts a session on the table, unless those there are being ended: this one would be overlooked.
    fn admit(&self, session: &Arc<Session>) -> bool {
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

    /// Makes a sandbox and waits until it stands.
    pub(super) async fn bring_up(&self, runtime: &dyn Runtime, spec: SandboxSpec) -> Result<Standing, SessionError> {
        let Sandbox { reader, writer, enforcement, mut keeper, .. } = runtime.create(spec).await?;
        match Link::open(reader, writer).await {
            Ok((link, _)) => Ok(Standing { link, enforcement, keeper }),
            Err(error) => {
                keeper.destroy().await;
                Err(match error {
                    LinkError::SetUp { step, errno } => SessionError::SetUp { step, errno },
                    other => SessionError::Died(other),
                })
            }
        }
    }

    /// What a sandbox of this machine shows and may use.
    pub(super) fn spec(&self, limits: Limits, workspace: Workspace) -> SandboxSpec {
        SandboxSpec {
            limits,
            workspace,
            engine_roots: self.engine_roots(),
            hostname: "sandbox".to_owned(),
            ..SandboxSpec::default()
        }
    }

    fn engine_roots(&self) -> Vec<PathBuf> {
        let engines = self.host.installations.iter().map(|installation| &installation.roots);
        let debuggers = self.host.adapters.iter().map(|installation| &installation.roots);
        let mut roots: Vec<PathBuf> = engines.chain(debuggers).flatten().cloned().collect();
        roots.sort();
        roots.dedup();
        roots
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

    /// Ends every session, and waits until nothing is left, as long as the settings allow.
    pub async fn close_all(&self) {
        self.places.close();
        let sessions = self.list();
        let all = futures::future::join_all(sessions.iter().map(|session| session.close(Why::DaemonStopping)));
        if tokio::time::timeout(self.settings.stop_grace, all).await.is_err() {
            tracing::warn!("sessions did not end in time; their sandboxes end with the daemon");
        }
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<SessionId, Arc<Session>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Refuses limits that are over the ceiling or make no sense.
pub(super) fn check_limits(limits: &Limits, ceiling: &Limits) -> Result<(), SessionError> {
    let timeout = |limits: &Limits| u64::try_from(limits.execution_timeout.as_millis()).unwrap_or(u64::MAX);
    let wholes = [
        // Below this neither the agent nor any program starts.
        ("limits.memoryBytes", limits.memory_bytes, 8 << 20, ceiling.memory_bytes),
        ("limits.pids", limits.pids, 1, ceiling.pids),
        ("limits.diskBytes", limits.disk_bytes, 64 << 10, ceiling.disk_bytes),
        ("limits.outputBytes", limits.output_bytes, 0, ceiling.output_bytes),
        ("limits.openFiles", limits.open_files, 16, ceiling.open_files),
        ("limits.executionTimeoutMs", timeout(limits), 1, timeout(ceiling)),
    ];
    for (field, value, least, most) in wholes {
        if value < least || value > most {
            let why = format!("{value} is not between {least} and {most}");
            return Err(SessionError::Invalid { field, why });
        }
    }
    match limits.cpu {
        Some(cpu) if !(cpu.is_finite() && (0.01..=4096.0).contains(&cpu)) => {
            Err(SessionError::Invalid { field: "limits.cpu", why: format!("{cpu} is not between 0.01 and 4096") })
        }
        _ => Ok(()),
    }
}

/// Refuses names and values that can't be in an environment. Values are never repeated in the error.
pub(super) fn check_env(field: &'static str, env: Option<&BTreeMap<String, String>>) -> Result<(), SessionError> {
    let Some(env) = env else { return Ok(()) };
    let invalid = |why: String| Err(SessionError::Invalid { field, why });
    for (name, value) in env {
        if name.is_empty() || name.contains(['=', '\0']) {
            return invalid(format!("{name:?} can't be the name of a variable"));
        }
        if value.contains('\0') {
            return invalid(format!("the value of {name:?} contains NUL"));
        }
    }
    if env.iter().map(|(name, value)| name.len() + value.len() + 2).sum::<usize>() > MAX_ENV_BYTES {
        return invalid(format!("it is larger than {MAX_ENV_BYTES} bytes"));
    }
    Ok(())
}

/// Refuses lifetimes of nothing.
pub(super) fn check_lifetimes(idle: Option<Duration>, lifetime: Option<Duration>) -> Result<(), SessionError> {
    for (field, value) in [("idleTimeoutMs", idle), ("maxLifetimeMs", lifetime)] {
        if value.is_some_and(|value| value.is_zero() || value > Duration::from_secs(366 * 24 * 3600)) {
            return Err(SessionError::Invalid { field, why: "it is not between 1 ms and a year".to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_value_is_not_in_the_error_about_it() {
        let env = BTreeMap::from([("TOKEN".to_owned(), "s3cret\0".to_owned())]);
        let error = check_env("env", Some(&env)).unwrap_err().to_string();
        assert!(error.contains("TOKEN") && !error.contains("s3cret"), "{error}");
    }

    #[test]
    fn a_limit_over_the_ceiling_is_refused_by_its_path() {
        let settings = Settings::default();
        let limits = Limits { pids: settings.ceiling.pids + 1, ..settings.limits };
        let error = check_limits(&limits, &settings.ceiling).unwrap_err();
        assert!(matches!(error, SessionError::Invalid { field: "limits.pids", .. }), "{error}");
        assert!(check_limits(&Limits { cpu: Some(f64::NAN), ..settings.limits }, &settings.ceiling).is_err());
    }
}
