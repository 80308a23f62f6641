//! Holds a container from outside: what it uses, how it came to its end, and its end.
//!
//! A container is ended, and that is waited for: nothing runs in it any more. Its removal takes an engine many times
//! as long and goes on in the background.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::machine::Machine;
use super::watch::{Fate, Followed};
use crate::container::ContainerSpec;
use crate::container::engine::{Complaint, ContainerEngine, ContainerId};
use crate::runtime::{Keeper, Usage};

/// How long a container may take to end, and to be forgotten by its engine, each.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a container may take to end by itself once its stream has ended, before it is killed. An engine that kills
/// one of gVisor's with many processes can be half a minute about it: its shim waits for its own kill, and that for the
/// shim to have counted the dead.
const COURTESY: Duration = Duration::from_secs(1);

/// How often it is looked whether it has.
const PAUSE: Duration = Duration::from_millis(20);

/// After so long each, it is tried again in the background. A container that is left then is found by a later daemon.
const AGAIN: [Duration; 7] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(60),
];

/// How long the engine may take to tell of a container's end after its stream has ended.
const NEWS_PATIENCE: Duration = Duration::from_secs(2);

/// What a container uses is counted anew after this time, when somebody wants to know.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// A program's exit code when it was killed.
const KILLED: i64 = 137;

/// Dropping it has the container removed, without waiting.
#[derive(Debug)]
pub(super) struct ContainerKeeper {
    machine: Arc<Machine>,
    engine: ContainerEngine,
    id: ContainerId,
    followed: Followed,
    complaint: Complaint,
    outlives: bool,
    /// Nothing is left to be ended, or it is another's to end.
    let_go: bool,
    /// Its removal is under way.
    removing: bool,
    /// The container's bound on memory, by which it is known that the engine counts this container and no other.
    memory_bound: Option<u64>,
    counted: Arc<Mutex<Counted>>,
}

#[derive(Debug, Default)]
struct Counted {
    usage: Usage,
    /// When that was begun to be counted.
    at: Option<Instant>,
}

impl ContainerKeeper {
    /// Holds a container that was just made.
    pub(super) fn new(machine: Arc<Machine>, engine: ContainerEngine, id: ContainerId, outlives: bool) -> Self {
        let followed = machine.watch.follow(&engine, &id);
        let (complaint, counted) = (Complaint::default(), Arc::default());
        Self {
            machine,
            engine,
            id,
            followed,
            complaint,
            outlives,
            let_go: false,
            removing: false,
            memory_bound: None,
            counted,
        }
    }

    pub(super) fn engine(&self) -> &ContainerEngine {
        &self.engine
    }

    pub(super) fn id(&self) -> &ContainerId {
        &self.id
    }

    /// What the container was told that it may use. Without that, what it uses isn't known either.
    pub(super) fn bound_memory(&mut self, bytes: Option<u64>) {
        self.memory_bound = bytes;
    }

    /// Where the first program complains.
    pub(super) fn listen_to(&mut self, complaint: Complaint) {
        self.complaint = complaint;
    }
}

#[async_trait]
impl Keeper for ContainerKeeper {
    fn oom_kills(&self) -> Option<u64> {
        // The agent counts them, and tells with each program's end.
        None
    }

    fn container(&self) -> Option<String> {
        Some(self.id.to_string())
    }

    fn usage(&self) -> Usage {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = counted.at.is_none_or(|at| at.elapsed() >= COUNT_EVERY);
        if is_old && let Ok(runtime) = tokio::runtime::Handle::try_current() {
            counted.at = Some(Instant::now());
            let (engine, id, counts) = (self.engine.clone(), self.id.clone(), Arc::clone(&self.counted));
            let bound = self.memory_bound;
            runtime.spawn(async move {
                let Ok(now) = engine.usage(&id).await else { return };
                // Control groups count whole pages.
                let is_own = now.memory_bound.zip(bound).is_some_and(|(counted, own)| counted <= own);
                if !is_own {
                    return;
                }
                let mut counted = counts.lock().unwrap_or_else(PoisonError::into_inner);
                counted.usage.memory_bytes = now.memory_bytes;
                counted.usage.peak_memory_bytes = counted.usage.peak_memory_bytes.max(now.memory_bytes);
                counted.usage.processes = now.pids;
            });
        }
        counted.usage
    }

    async fn fate(&mut self) -> Option<String> {
        let fate = self.followed.ended(NEWS_PATIENCE).await;
        if !fate.ended
            && let Err(why) = self.machine.ping().await
        {
            return Some(why);
        }
        let told = told(&fate)?;
        Some(match self.complaint.text() {
            Some(said) => format!("{told}, after it had said {said:?}"),
            None => told,
        })
    }

    fn leave(&mut self) -> bool {
        self.let_go |= self.outlives;
        self.outlives
    }

    async fn destroy(&mut self) -> bool {
        if !self.let_go {
            self.let_go = self.has_ended().await;
            // What is left then is the engine's bookkeeping, for which nobody has to wait but the daemon's end.
            self.remove();
        }
        self.let_go
    }
}

impl ContainerKeeper {
    /// Waits until the agent has ended the container, and kills it otherwise. Whether no process is left, in time: the
    /// engine says so when the first of them is gone, which all others precede.
    async fn has_ended(&self) -> bool {
        // One that outlives its daemon takes the end of its stream for that.
        if !self.outlives && self.followed.ended(COURTESY).await.ended {
            return true;
        }
        let killed = async {
            loop {
                // An error may be that of a moment.
                if self.engine.kill(&self.id).await.is_ok()
                    && self.engine.state(&self.id).await.is_ok_and(|state| state.is_none_or(|state| !state.running))
                {
                    return true;
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        let told = async { self.followed.ended(PATIENCE).await.ended };
        let ended = async {
            tokio::select! {
                ended = killed => ended,
                ended = told => ended,
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.unwrap_or(false)
    }

    /// Has it removed in the background, whether or not it has ended. Must be called within a Tokio runtime.
    fn remove(&mut self) {
        if !std::mem::replace(&mut self.removing, true) {
            let (machine, engine, id) = (Arc::clone(&self.machine), self.engine.clone(), self.id.clone());
            self.machine.works.begin(async move { remove(&machine, &engine, &id).await });
        }
    }
}

impl Drop for ContainerKeeper {
    fn drop(&mut self) {
        // Where there is no runtime any more, the daemon has ended: with the connection goes the agent, and a later
        // daemon removes what never was started.
        if !self.let_go && tokio::runtime::Handle::try_current().is_ok() {
            self.remove();
        }
    }
}

/// Ends a container and waits until the engine has forgotten it. Whether it has, in time.
pub(super) async fn end(engine: &ContainerEngine, id: &ContainerId) -> bool {
    let gone = async {
        loop {
            // An error may be that of a moment.
            if engine.remove(id).await.is_ok() && matches!(engine.state(id).await, Ok(None)) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.is_ok()
}

/// Removes a container, and tries again where the engine can't now; only once more when the daemon ends.
async fn remove(machine: &Machine, engine: &ContainerEngine, id: &ContainerId) {
    if end(engine, id).await || again(machine, || async { end(engine, id).await.then_some(()) }).await.is_some() {
        return;
    }
    tracing::warn!(container = %id, "a container can't be removed; it is left to a later daemon");
}

/// Removes a container that the engine may have made before it went away, or may make when it comes to itself.
pub(super) async fn remove_unheard_of(machine: &Machine, engine: &ContainerEngine, container: &ContainerSpec) {
    let made = again(machine, || async { engine.made_as(container).await.ok().flatten() }).await;
    if let Some(id) = made {
        remove(machine, engine, &id).await;
    }
}

/// What comes of trying in the background, after longer and longer pauses; the last time when the daemon ends.
async fn again<T, F: Future<Output = Option<T>>>(machine: &Machine, attempt: impl Fn() -> F) -> Option<T> {
    for pause in AGAIN {
        let stopped = machine.works.unless_stopped(tokio::time::sleep(pause)).await.is_none();
        let done = attempt().await;
        if done.is_some() || stopped {
            return done;
        }
    }
    None
}

/// A container's end in a sentence; `None` when nothing is known.
fn told(fate: &Fate) -> Option<String> {
    let sentence = match fate {
        Fate { out_of_memory: true, ended: true, .. } => "the kernel ended its container for want of memory".to_owned(),
        Fate { engine_was_away: true, .. } => "its container went when the container engine was restarted".to_owned(),
        Fate { ended: false, .. } => return None,
        Fate { exit_code: Some(KILLED), .. } => {
            format!("its container was killed from outside (exit code {KILLED})")
        }
        Fate { exit_code: Some(code), .. } => format!("its container ended by itself (exit code {code})"),
        Fate { exit_code: None, .. } => "its container was removed".to_owned(),
    };
    Some(sentence)
}
