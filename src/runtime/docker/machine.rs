//! One machine with a container engine: how it is reached, and what is known of it.
//!
//! Nothing is asked before somebody wants to know. What was learnt is kept, so that a wish for a sandbox is answered
//! from memory ([`Machine::offer`]), and is learnt anew in the background as it grows old. The time that a sandbox
//! takes to stand is that of the last one that was made.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use super::Oci;
use super::health::Standing;
use super::health::watch::Watched;
use super::images::{self, Choice};
use super::watch::Watch;
use super::works::Works;
use crate::causes;
use crate::config::DockerSettings;
use crate::container::ContainerError;
use crate::container::address::Found;
use crate::container::delivery::{self, Delivered};
use crate::container::engine::{ContainerEngine, EngineFacts, ImageInfo};
use crate::runtime::{Lack, Offer, Refusal, Want, Workspace};
use crate::sandbox::executable;
use crate::sandbox::probe::Cause;

/// What is known of an engine is asked for again when somebody uses it after this time.
const FRESH: Duration = Duration::from_secs(10);

/// Images of which more is remembered than that they are there.
const MAX_REMEMBERED_IMAGES: usize = 256;

/// What a person may do instead of having a directory bound or overlaid.
pub(super) const COPY_INSTEAD: &str =
    "have the workspace copied: `workspace.mode` \"copy\", or `--workspace-mode copy`";

/// A machine with a container engine.
#[derive(Debug)]
pub struct Machine {
    name: String,
    /// Where its engine may be, the likeliest place first.
    places: Result<Vec<Found>, Cause>,
    settings: Arc<DockerSettings>,
    /// The connection, once it was made, and whoever makes one.
    engine: tokio::sync::Mutex<Option<ContainerEngine>>,
    known: RwLock<Known>,
    looking: tokio::sync::Mutex<()>,
    agent_volume: tokio::sync::Mutex<Option<String>>,
    /// Whether its engine sees this host's files under their own names.
    pub(super) shares_files: OnceCell<bool>,
    /// What images ask for, by their ids.
    asked_by_images: Mutex<HashMap<String, Arc<AskedByImage>>>,
    measured: Mutex<[Offer; 2]>,
    tried: [AtomicBool; 2],
    pub(super) watch: Arc<Watch>,
    pub(super) works: Works,
    /// Whether its engine answers, and who is there.
    pub(super) watched: Arc<Watched>,
}

/// What is known of a machine's engine.
#[derive(Debug, Clone)]
pub enum Known {
    /// Nobody has asked yet.
    Nothing,
    /// It answered.
    Up(Arc<Seen>),
    /// It did not, or can't be used.
    Down(Cause),
}

/// What an image asks of whoever runs it, as far as it gets that.
#[derive(Debug)]
pub(super) struct AskedByImage {
    /// Directories for which it demands volumes.
    pub(super) volumes: Vec<String>,
    /// Directories in which programs are found by their names, as in [`crate::runtime::Programs::Image`].
    pub(super) path: Vec<String>,
}

/// What an engine said of itself.
#[derive(Debug)]
pub struct Seen {
    /// What it is.
    pub facts: EngineFacts,
    /// The images that it had.
    pub images: Vec<ImageInfo>,
    /// When.
    pub at: Instant,
}

impl Machine {
    /// A machine whose engine is in one of these places, or why there are none. Nothing is asked yet.
    #[must_use]
    pub fn new(name: String, places: Result<Vec<Found>, Cause>, settings: Arc<DockerSettings>) -> Self {
        Self {
            name,
            places,
            settings,
            engine: tokio::sync::Mutex::default(),
            known: RwLock::new(Known::Nothing),
            looking: tokio::sync::Mutex::default(),
            agent_volume: tokio::sync::Mutex::default(),
            shares_files: OnceCell::new(),
            asked_by_images: Mutex::default(),
            measured: Mutex::default(),
            tried: Default::default(),
            watch: Arc::default(),
            works: Works::default(),
            watched: Arc::default(),
        }
    }

    /// Its name in the settings.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The engine, connected to when this is first asked.
    ///
    /// # Errors
    /// Why it can't be used.
    pub async fn engine(&self) -> Result<ContainerEngine, Cause> {
        let places = self.places.as_ref().map_err(Cause::clone)?;
        let mut engine = self.engine.lock().await;
        if let Some(engine) = &*engine {
            return Ok(engine.clone());
        }
        let mut first = None;
        for Found { address, .. } in places {
            let connected = ContainerEngine::connect(address).await;
            self.heard(&connected);
            match connected {
                Ok(connected) => return Ok(engine.insert(connected).clone()),
                // What the likeliest place lacks is what is to be mended.
                Err(error) => first = first.or_else(|| Some(cause_of(&error))),
            }
        }
        Err(first.unwrap_or_else(not_asked))
    }

    /// Whether its engine answers.
    ///
    /// # Errors
    /// Why it doesn't, in a sentence without a full stop.
    pub async fn ping(&self) -> Result<(), String> {
        let engine = self.engine().await.map_err(|cause| cause.reason)?;
        engine.ping().await.map_err(|error| causes::in_full(&error))
    }

    /// Asks the engine what it is and which images it has, and keeps what it says. Whoever asks meanwhile gets the
    /// same answer.
    pub async fn look(&self) -> Known {
        let asked = Instant::now();
        let _looking = self.looking.lock().await;
        if let Known::Up(seen) = self.known()
            && seen.at >= asked
        {
            return Known::Up(seen);
        }
        let known = match self.ask().await {
            Ok(seen) => Known::Up(Arc::new(seen)),
            Err(cause) => Known::Down(cause),
        };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known.clone();
        known
    }

    async fn ask(&self) -> Result<Seen, Cause> {
        let engine = self.engine().await?;
        let away = |error: ContainerError| cause_of(&error);
        let (facts, images) = tokio::join!(engine.facts(), engine.images());
        self.heard(&facts);
        let seen = Seen { facts: facts.map_err(away)?, images: images.map_err(away)?, at: Instant::now() };
        match unusable(&seen.facts) {
            Some(cause) => Err(cause),
            None => Ok(seen),
        }
    }

    /// Asks, unless what is known is fresh.
    pub async fn look_if_old(&self) {
        if !self.is_fresh() {
            self.look().await;
        }
    }

    fn is_fresh(&self) -> bool {
        matches!(self.known(), Known::Up(seen) if seen.at.elapsed() < FRESH)
    }

    /// Asks anew in the background, if what is known is not fresh. Must be called within a Tokio runtime.
    pub fn look_soon(self: &Arc<Self>) {
        if self.is_fresh() || self.looking.try_lock().is_err() {
            return;
        }
        let machine = Arc::clone(self);
        tokio::spawn(async move { machine.look().await });
    }

    /// What is known of its engine.
    #[must_use]
    pub fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the engine said of itself last; asks it if it never did.
    ///
    /// # Errors
    /// Why it can't be used.
    pub(super) async fn seen(&self) -> Result<Arc<Seen>, Cause> {
        let known = match self.known() {
            Known::Up(seen) => return Ok(seen),
            Known::Nothing | Known::Down(_) => self.look().await,
        };
        match known {
            Known::Up(seen) => Ok(seen),
            Known::Down(cause) => Err(cause),
            Known::Nothing => Err(not_asked()),
        }
    }

    /// Whether it has containers of this kind, by what is known.
    ///
    /// # Errors
    /// Why not.
    pub fn can(&self, oci: Oci) -> Result<Arc<Seen>, Cause> {
        match self.known() {
            Known::Up(seen) => lacks(&seen.facts, oci).map_or(Ok(seen), Err),
            Known::Down(cause) => Err(cause),
            Known::Nothing => Err(not_asked()),
        }
    }

    /// What it has for this wish, by what is known.
    ///
    /// # Errors
    /// The reason why it has nothing, and what would mend that.
    pub fn offer(&self, want: &Want<'_>, oci: Oci) -> Result<Offer, Refusal> {
        let seen = self.can(oci).map_err(|Cause { reason, fix }| Refusal { lack: Lack::Machine, reason, fix })?;
        self.check_workspace(want.workspace)?;
        self.choose(&seen, want.engine.map(|engine| engine.id), want.image)?;
        Ok(self.measured()[oci as usize])
    }

    /// The image for a sandbox.
    pub(super) fn choose(
        &self,
        seen: &Seen,
        engine: Option<&'static str>,
        image: Option<&str>,
    ) -> Result<Choice, Refusal> {
        images::choose(&self.settings, &seen.images, engine, image)
    }

    pub(super) fn check_workspace(&self, workspace: &Workspace) -> Result<(), Refusal> {
        match workspace {
            Workspace::None | Workspace::Copy { .. } => Ok(()),
            Workspace::Overlay { .. } => {
                Err(copy_instead("its containers can't keep changes of a directory in memory"))
            }
            Workspace::Bind { .. } if self.may_share_files() => Ok(()),
            Workspace::Bind { .. } => Err(copy_instead("its engine doesn't see this machine's directories")),
        }
    }

    /// Whether its engine may see this host's files, as far as is known.
    fn may_share_files(&self) -> bool {
        let is_here = self.places.as_ref().is_ok_and(|places| places.iter().all(|found| found.address.is_local()));
        is_here && self.shares_files.get().copied().unwrap_or(true)
    }

    /// The volume that has the agent, put there by the first who asks.
    pub(super) async fn agent_volume(
        self: &Arc<Self>,
        engine: &ContainerEngine,
        image: &str,
    ) -> Result<Delivered, ContainerError> {
        if let Some(volume) = &*self.agent_volume.lock().await {
            return Ok(Delivered { volume: volume.clone(), was_there: true });
        }
        let (machine, engine, image) = (Arc::clone(self), engine.clone(), image.to_owned());
        // A container is made for it. Whoever asks may give up; this goes on, so that it is removed again.
        let delivering = self.works.begin(async move {
            let mut volume = machine.agent_volume.lock().await;
            if let Some(volume) = &*volume {
                return Ok(Delivered { volume: volume.clone(), was_there: true });
            }
            let delivered = delivery::agent_volume(&engine, executable::bytes(), &image).await?;
            *volume = Some(delivered.volume.clone());
            Ok(delivered)
        });
        delivering.await.unwrap_or(Err(ContainerError::Incomplete { what: "the agent's volume" }))
    }

    /// Whether the agent had gone from the engine, which has it again now.
    pub(super) async fn had_lost_agent(self: &Arc<Self>, engine: &ContainerEngine, image: &str) -> bool {
        !self.works.is_stopped()
            && self.watched.standing() == Standing::Healthy
            && self.agent_volume(engine, image).await.is_ok_and(|delivered| !delivered.was_there)
    }

    /// Removes from its engine the agents of other versions that nothing uses and that are older than this. Which were.
    pub async fn remove_old_agents(&self, age: Duration) -> Vec<String> {
        let Ok(engine) = self.engine().await else { return Vec::new() };
        delivery::remove_old(&engine, executable::bytes(), age).await.unwrap_or_default()
    }

    /// Its engine doesn't answer: whatever comes back in its place is looked at anew.
    pub(super) fn is_down(&self, why: &str) {
        let cause = Cause { reason: why.to_owned(), fix: None };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Known::Down(cause);
        // Whoever holds these is about to find out by itself.
        if let Ok(mut engine) = self.engine.try_lock() {
            *engine = None;
        }
        if let Ok(mut volume) = self.agent_volume.try_lock() {
            *volume = None;
        }
    }

    /// The volume is to be looked at again: it may be gone, or not what it was.
    pub(super) async fn doubt_agent_volume(&self) {
        *self.agent_volume.lock().await = None;
    }

    /// What an image asks for. It never changes, so each is looked at once.
    pub(super) async fn asked_by(
        &self,
        engine: &ContainerEngine,
        image: &str,
    ) -> Result<Arc<AskedByImage>, ContainerError> {
        let all = || self.asked_by_images.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asked) = all().get(image) {
            return Ok(Arc::clone(asked));
        }
        let found = engine.image(image).await?.ok_or_else(|| ContainerError::NoImage { image: image.to_owned() })?;
        let path = images::own_directories(found.path.as_deref().unwrap_or_default());
        let asked = Arc::new(AskedByImage { volumes: found.volumes, path });
        let mut all = all();
        if all.len() >= MAX_REMEMBERED_IMAGES {
            all.clear();
        }
        all.insert(image.to_owned(), Arc::clone(&asked));
        Ok(asked)
    }

    /// Takes in what a sandbox took.
    pub(super) fn measure(&self, oci: Oci, start: Option<Duration>, memory_bytes: Option<u64>) {
        let measured = &mut self.measured()[oci as usize];
        measured.start = start.or(measured.start);
        measured.memory_bytes = memory_bytes.or(measured.memory_bytes);
    }

    /// Whether the caller is to be the one who tries out a sandbox here.
    pub(super) fn begin_trial(&self, oci: Oci) -> bool {
        !self.tried[oci as usize].swap(true, Ordering::Relaxed)
    }

    pub(super) fn measured(&self) -> MutexGuard<'_, [Offer; 2]> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_asked() -> Cause {
    Cause { reason: "its engine has not answered yet".to_owned(), fix: Some("try again in a moment".to_owned()) }
}

pub(super) fn copy_instead(reason: &str) -> Refusal {
    Refusal { lack: Lack::Workspace, reason: reason.to_owned(), fix: Some(COPY_INSTEAD.to_owned()) }
}

/// An engine's error for people.
pub(super) fn cause_of(error: &ContainerError) -> Cause {
    Cause { reason: causes::in_full(error), fix: error.fix() }
}

/// Why no container of ours runs on an engine.
fn unusable(facts: &EngineFacts) -> Option<Cause> {
    let because = |reason| Some(Cause { reason, fix: None });
    if facts.os != "linux" {
        return because(format!("its engine runs containers of {:?}, and only those of Linux can be used", facts.os));
    }
    let own = std::env::consts::ARCH;
    if facts.arch != own {
        return because(format!("its machine is of type {:?}, and the agent is made for {own}", facts.arch));
    }
    None
}

/// What keeps an engine from making containers of this kind.
fn lacks(facts: &EngineFacts, oci: Oci) -> Option<Cause> {
    let name = oci.named().filter(|name| !facts.oci_runtimes.iter().any(|known| known == name))?;
    Some(Cause {
        reason: format!("the container engine has no OCI runtime {name}"),
        fix: Some(format!("install gVisor, then `sudo {name} install && sudo systemctl reload docker`")),
    })
}
