//! Takes up what the last daemon left: sessions that were made to outlive it, with all that runs in them.
//!
//! That is begun once a client is there who can be told, and goes on in the background. Who asks for a session
//! meanwhile waits for it, but not for long. Whatever goes wrong with a sandbox before it is this daemon's, it is left
//! as it was: it ends by itself, or another daemon takes it up.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ahead::Ahead;
use super::contexts::Contexts;
use super::inside::{Begun, Kept};
use super::life::State;
use super::notes::Notes;
use super::rate::Pace;
use super::select::{Candidate, Selection};
use super::{Changeable, Session, Sessions, Watcher};
use crate::agent::wire::Running;
use crate::execution::takeover::{TakenOver, take_over};
use crate::execution::{Execution, Observer};
use crate::network::Network;
use crate::runtime::{Left, Programs, Runtime, SandboxSpec, TakeUpError, TakenUp};

/// How long after its beginning somebody waits for what is being taken up.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many sandboxes are taken up at a time.
const AT_A_TIME: usize = 4;

/// More than that was printed by nothing that is still to be counted on.
const MOST_PASSED: u64 = 1 << 52;

/// Who is told what happens in sessions that were taken up.
pub struct Audience {
    /// The name of the client. What was left for clients of another name is let be.
    pub client: Option<String>,
    /// Hears how sessions change.
    pub watcher: Arc<dyn Watcher>,
    /// Hears of executions.
    pub observer: Arc<dyn Observer>,
    /// The longest chunk of output that the client takes.
    pub max_chunk_bytes: usize,
}

/// A sandbox that was left, and what was noted of it.
struct Found {
    runtime: Arc<dyn Runtime>,
    left: Left,
    notes: Notes,
}

impl Found {
    /// How old its session is. A clock that was set back since makes it new.
    fn age(&self) -> Duration {
        Timestamp::now().duration_since(self.notes.created_at()).try_into().unwrap_or_default()
    }
}

/// How far the taking up has come.
#[derive(Debug)]
pub(super) struct Recall(watch::Sender<Progress>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    NotBegun,
    Begun(Instant),
    Done,
}

impl Default for Recall {
    fn default() -> Self {
        Self(watch::Sender::new(Progress::NotBegun))
    }
}

impl Sessions {
    /// Takes up what was left for this client, in the background. Does so once, whoever asks again.
    pub fn recall(self: &Arc<Self>, audience: Audience) {
        let begun = self.recall.0.send_if_modified(|progress| {
            let begins = *progress == Progress::NotBegun;
            if begins {
                *progress = Progress::Begun(Instant::now());
            }
            begins
        });
        if begun {
            let (sessions, audience) = (Arc::clone(self), Arc::new(audience));
            tokio::spawn(async move {
                let runtimes = sessions.host().runtimes.iter();
                let all = |is_late| {
                    let adopt = |runtime: &Arc<dyn Runtime>| {
                        Arc::clone(&sessions).adopt_all(Arc::clone(runtime), Arc::clone(&audience), is_late)
                    };
                    futures::future::join_all(runtimes.clone().map(adopt))
                };
                let old = all(false).await;
                sessions.recall.0.send_replace(Progress::Done);
                // Nobody waits for these.
                let late = all(true).await;
                for one in old.into_iter().chain(late).flatten() {
                    sessions.end_if_old(one).await;
                }
            });
        }
    }

    /// Waits until what was left is taken up, as long as that is worth waiting for.
    pub async fn recalled(&self) {
        let mut progress = self.recall.0.subscribe();
        let Progress::Begun(begun) = *progress.borrow() else { return };
        let done = progress.wait_for(|progress| *progress == Progress::Done);
        drop(tokio::time::timeout_at(begun + PATIENCE, done).await);
    }

    /// Takes up all that a runtime has for this client. What is another's and seems to be over is returned.
    async fn adopt_all(
        self: Arc<Self>,
        runtime: Arc<dyn Runtime>,
        audience: Arc<Audience>,
        is_late: bool,
    ) -> Vec<Found> {
        let turns = Arc::new(Semaphore::new(AT_A_TIME));
        let (mut adoptions, mut old) = (JoinSet::new(), Vec::new());
        while let Some(left) = if is_late { runtime.left_late().await } else { runtime.left().await } {
            let Some(notes) = Notes::read(&left.notes) else {
                let session = &left.session;
                tracing::warn!(%session, "a session was left by a version that this one doesn't know; it ends by itself");
                continue;
            };
            let found = Found { runtime: Arc::clone(&runtime), left, notes };
            if found.notes.client() != audience.client.as_deref() {
                old.extend(Some(found).filter(|found| found.age() >= found.notes.times().1));
                continue;
            }
            // Never closed.
            let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { break };
            let (sessions, audience) = (Arc::clone(&self), Arc::clone(&audience));
            adoptions.spawn(async move {
                sessions.adopt(found, &audience).await;
                drop(turn);
            });
        }
        while adoptions.join_next().await.is_some() {}
        old
    }

    /// Takes up one sandbox, or ends it where its time is over.
    async fn adopt(self: &Arc<Self>, found: Found, audience: &Audience) {
        let id = found.left.session.clone();
        if self.get(&id).is_ok() {
            return;
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::warn!(session = %id, "a session that was left is one too many; it ends by itself");
            return;
        };
        let Some((mut taken, kept)) = self.take_up(&found).await else { return };
        let running = std::mem::take(&mut taken.ready.running);
        let session = Arc::new(self.session_of(found, kept, taken).await);
        if !self.admit(&session) {
            session.keeper.lock().await.leave();
            return session.link.close("the daemon stops");
        }
        for running in running {
            session.adopt_execution(&running, self, audience).await;
        }
        self.enliven(&session, place, Arc::clone(&audience.watcher));
        tracing::info!(session = %id, "a session that was left is taken up");
    }

    /// Ends what was left for another client, if its time is over: nobody else may ever come for it.
    async fn end_if_old(&self, found: Found) {
        if let Some((mut taken, _)) = self.take_up(&found).await {
            taken.keeper.leave();
            taken.link.close("it is another's");
        }
    }

    /// Takes up a sandbox whose time is not over.
    async fn take_up(&self, found: &Found) -> Option<(TakenUp, Option<Kept>)> {
        let Found { runtime, left, notes } = found;
        let id = &left.session;
        let spec = SandboxSpec { limits: notes.limits(), workspace: notes.workspace(), ..SandboxSpec::default() };
        let mut taken = match runtime.take_up(left, &spec).await {
            Ok(taken) => taken,
            Err(TakeUpError::Occupied) => {
                tracing::info!(session = %id, "another daemon has taken up a session that was left");
                return None;
            }
            Err(error @ (TakeUpError::Gone | TakeUpError::Machine { .. } | TakeUpError::NotJoined { .. })) => {
                tracing::warn!(session = %id, %error, "a session that was left can't be taken up");
                return None;
            }
        };
        let kept = Kept::read(&taken.ready.kept, &self.settings);
        let max_lifetime = kept.as_ref().map_or(notes.times(), Kept::times).1;
        if found.age() >= max_lifetime {
            tracing::info!(session = %id, "a session that was left had reached its greatest age; it is ended");
            taken.link.close("it reached its greatest age");
            taken.keeper.destroy().await;
            return None;
        }
        Some((taken, kept))
    }

    async fn session_of(&self, found: Found, kept: Option<Kept>, taken: TakenUp) -> Session {
        let age = found.age();
        let Found { runtime, left, notes } = found;
        let toolbox = match (&kept, &left.programs) {
            (Some(kept), Programs::Image { .. }) => Arc::new(kept.toolbox()),
            (None, Programs::Image { id, path }) => self.toolboxes.of_used(id, path, &taken.link).await,
            (_, Programs::Host) => Arc::clone(self.host_tools()),
        };
        let (engine, runtime, isolation) = (notes.engine(), runtime.id(), runtime.isolation());
        // What else there was to choose from, the daemon knew that chose.
        let chosen = Candidate { runtime, engine, isolation, score: 0.0, rejection: None };
        let (idle_timeout, max_lifetime) = kept.as_ref().map_or(notes.times(), Kept::times);
        // What may be reached is for the client to say anew, whom nobody else can speak for.
        let network = Network::new(left.session.clone(), self.settings.network.clone(), None);
        Session {
            id: left.session,
            network,
            own_python: OnceLock::new(),
            own_gems: OnceLock::new(),
            ports: Arc::default(),
            created_at: notes.created_at(),
            selection: Selection { runtime, engine, isolation, in_place_of: None, considered: vec![chosen] },
            client_token: notes.client_token().map(str::to_owned),
            engine,
            language: notes.language().map(str::to_owned),
            machine: left.machine,
            container: taken.keeper.container(),
            toolbox,
            persist: true,
            workspace: notes.workspace(),
            enforcement: taken.enforcement,
            age,
            link: taken.link,
            keeper: Arc::new(tokio::sync::Mutex::new(taken.keeper)),
            settings: Arc::clone(&self.settings),
            turns: Arc::new(Semaphore::new(self.settings.max_running)),
            pace: Pace::new(self.settings.rates.session, &self.rate),
            changeable: Mutex::new(Changeable {
                env: std::collections::BTreeMap::new(),
                labels: kept.as_ref().map_or_else(|| notes.labels().clone(), |kept| kept.labels.clone()),
                limits: kept.as_ref().map_or_else(|| notes.limits(), |kept| kept.limits(notes.limits())),
                idle_timeout,
                max_lifetime,
                last_used: Instant::now(),
                last_used_at: Timestamp::now(),
                unnoted: kept.is_none(),
            }),
            executions: Mutex::default(),
            contexts: Contexts::new(self.settings.max_contexts),
            ahead: Ahead::new(&self.ahead),
            state: watch::Sender::new(State::Active),
            touched: Notify::new(),
            ending: CancellationToken::new(),
            why: OnceLock::new(),
        }
    }
}

impl Session {
    /// Takes over a program that runs. One that no execution is known for is ended.
    async fn adopt_execution(self: &Arc<Self>, running: &Running, sessions: &Sessions, audience: &Audience) {
        let Ok(Some(process)) = self.link.adopt(running.execution).await else { return };
        let begun = Begun::read(&running.name).filter(|begun| sessions.execution(&begun.id()).is_none());
        // A process that is dropped is killed.
        let Some(begun) = begun else { return };
        let (compiled, printed) = begun.compiler(&self.settings);
        let sent = [running.stdout_sent, running.stderr_sent];
        let passed = [0, 1].map(|stream| sent[stream].saturating_add(printed[stream]).min(MOST_PASSED));
        let kept_bytes = self.settings.kept_output_bytes;
        let (id, argv, at) = (begun.id(), begun.argv.clone(), begun.created_at());
        let execution = Execution::after(id, self.id.clone(), argv, running.terminal, kept_bytes, passed, at);
        let execution = Arc::new(execution);
        self.lock_executions().push(Arc::clone(&execution));
        let keeper = Arc::clone(&self.keeper);
        let taken = TakenOver {
            process,
            stage: begun.stage(),
            compiled,
            age: Duration::from_millis(running.age_ms),
            passed,
            permit: Arc::clone(&self.turns).try_acquire_owned().ok(),
            link: self.link.clone(),
            oom_kills: Box::new(move || keeper.try_lock().ok()?.oom_kills()),
        };
        let terms = begun.terms(&self.settings, audience.max_chunk_bytes);
        let (session, driven, observer) = (Arc::clone(self), Arc::clone(&execution), Arc::clone(&audience.observer));
        tokio::spawn(async move {
            take_over(&driven, terms, taken, &*observer).await;
            drop(session.use_now());
            session.touched.notify_one();
        });
        execution.running().await;
    }
}
