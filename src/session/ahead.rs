//! Interpreters that are started ahead of the code that they will run.
//!
//! One at most stands by in a session: of the engine that ran code last, started just as that was. It has done all that
//! it does before it reads its code, and waits for it where the code will be. The next code gets it only where nothing
//! but the code differs; anything else is started as ever. It runs one piece of code, and then it is gone.
//!
//! Nothing of the sandbox's user runs while one stands by: it is started when the last program of the session is gone
//! with all that it left, and ended before the next begins, unless it becomes that itself. Nor is anything of the
//! workspace read at its start: where that would happen none is started, and none that stands by is used. So nobody
//! can have had a hand in it. It takes nothing from other programs, as there are none.

mod fitness;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::fitness::{is_fit, is_harmless, is_short_of_memory, is_writable, only_code};
use super::launch::{Run, Source};
use super::{Session, SessionError, State};
use crate::agent::plan::{CODE, WORKSPACE};
use crate::agent::wire::{Awaited, ExecutionLimits, Reach};
use crate::agent::{Link, Process, Program};
use crate::config::AheadSettings;
use crate::engine::{Ahead as How, Engine};
use crate::execution::drive::{Early, Order};
use crate::ids::ExecutionId;

const SIGKILL: i32 = 9;

/// From the start of one to its weighing, by when it has read what it reads beforehand.
const SETTLED: Duration = Duration::from_millis(200);

/// From the end of what is no code to the start of one, if nothing else runs until then.
const REST: Duration = Duration::from_millis(300);

/// How often is looked whether this machine still has memory to spare.
const LOOK: Duration = Duration::from_secs(5);

/// All interpreters that stand by, in whatever session.
#[derive(Debug)]
pub(super) struct Ledger {
    places: Arc<Semaphore>,
    bytes: AtomicU64,
    settings: AheadSettings,
}

impl Ledger {
    pub(super) fn new(settings: AheadSettings) -> Self {
        let places = Arc::new(Semaphore::new(settings.interpreters.min(Semaphore::MAX_PERMITS)));
        Self { places, bytes: AtomicU64::new(0), settings }
    }

    /// How many stand by, and what memory those have that were weighed.
    pub(super) fn standing(&self) -> (usize, u64) {
        let count = self.settings.interpreters.saturating_sub(self.places.available_permits());
        (count, self.bytes.load(Ordering::Relaxed))
    }
}

/// What stands by in a session.
pub(super) struct Ahead {
    ledger: Arc<Ledger>,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    /// How the last code was run.
    last: Option<Template>,
    standing: Option<Standing>,
    closed: bool,
}

/// How code is run, whatever it is.
#[derive(Clone)]
struct Template {
    engine: &'static Engine,
    how: &'static How,
    /// What its file is called.
    name: String,
    /// With the name of the execution that it was of.
    program: Program,
    id: ExecutionId,
}

impl Template {
    /// The same for another execution.
    fn program_for(&self, id: &ExecutionId) -> Program {
        let (old, new) = (format!("{CODE}/{}/", self.id), format!("{CODE}/{id}/"));
        let argv = self.program.argv.iter();
        let argv = argv.map(|arg| arg.strip_prefix(&old).map_or_else(|| arg.clone(), |name| format!("{new}{name}")));
        Program { argv: argv.collect(), ..self.program.clone() }
    }
}

/// An interpreter that stands by, and its place among all. Dropped, it is ended.
pub(super) struct Standing {
    id: ExecutionId,
    engine: &'static Engine,
    program: Program,
    name: String,
    process: Option<JoinHandle<Option<Process>>>,
    link: Link,
    bytes: u64,
    ledger: Arc<Ledger>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.ledger.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        if let (Some(process), Ok(runtime)) = (self.process.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(end(process, self.link.clone(), self.id.to_string()));
        }
    }
}

/// Ends an interpreter, and waits until it is gone. Where that fails its sandbox is gone.
async fn end(starting: JoinHandle<Option<Process>>, link: Link, directory: String) {
    if let Ok(Some(mut process)) = starting.await {
        drop(process.signals().send(SIGKILL, Reach::Tree).await);
        drop(process.ended().await);
    }
    drop(link.remove_code(&directory).await);
}

impl Standing {
    /// Whether it is just what this order would start.
    fn suits(&self, order: &Order) -> bool {
        let Some((name, text)) = only_code(order) else { return false };
        let how = self.engine.ahead.as_ref();
        self.program == order.program && self.name == *name && how.is_some_and(|how| is_fit(how, text))
    }

    /// Ends it; what is returned is over when it is gone.
    pub(super) fn end(mut self) -> JoinHandle<()> {
        let (process, link, directory) = (self.process.take(), self.link.clone(), self.id.to_string());
        tokio::spawn(async move {
            if let Some(process) = process {
                end(process, link, directory).await;
            }
        })
    }

    /// What is to run the code.
    pub(super) fn into_early(mut self) -> Option<Early> {
        self.process.take()
    }
}

impl Ahead {
    pub(super) fn new(ledger: &Arc<Ledger>) -> Self {
        Self { ledger: Arc::clone(ledger), slot: Mutex::default() }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What stands by, which nobody else gets then.
    pub(super) fn take(&self) -> Option<Standing> {
        self.slot().standing.take()
    }

    /// Ends what stands by, and lets nothing else do so.
    pub(super) fn close(&self) {
        let mut slot = self.slot();
        slot.closed = true;
        let gone = slot.standing.take();
        drop(slot);
        drop(gone);
    }

    /// One of this name was weighed. Returns whether it may go on standing by.
    fn weighed(&self, id: &ExecutionId, bytes: u64) -> bool {
        let mut slot = self.slot();
        let Some(standing) = slot.standing.as_mut().filter(|standing| standing.id == *id) else { return false };
        standing.bytes = bytes;
        let all = self.ledger.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        all <= self.ledger.settings.memory_bytes
    }

    /// Ends the one of this name, if it still stands by.
    fn give_up(&self, id: &ExecutionId) {
        let gone = self.slot().standing.take_if(|standing| standing.id == *id);
        drop(gone);
    }
}

impl Session {
    /// The engine of what stands by, the execution that it will be, and what memory it has once that was weighed.
    #[must_use]
    pub fn standing_by(&self) -> Option<(&'static Engine, ExecutionId, Option<u64>)> {
        let slot = self.ahead.slot();
        let standing = slot.standing.as_ref()?;
        Some((standing.engine, standing.id.clone(), (standing.bytes > 0).then_some(standing.bytes)))
    }

    /// Has an interpreter stand by for code of this engine, else of the session's own, that asks for nothing else. Says
    /// of which engine one does then, which is none where something runs or there is no room.
    ///
    /// # Errors
    /// As running such code.
    pub fn prewarm(self: &Arc<Self>, engine: Option<&'static Engine>) -> Result<Option<&'static Engine>, SessionError> {
        self.use_now()?;
        let id = ExecutionId::random();
        let run = Run::of_code(engine);
        let command = self.command(&run, &id)?;
        let engine = command.engine;
        let order = self.order(run.clone(), command, &id);
        let Some(template) = self.template(&run, engine, &order, &id) else { return Ok(None) };
        {
            let mut slot = self.ahead.slot();
            let other = slot.standing.take_if(|standing| standing.program != template.program_for(&standing.id));
            slot.last = Some(template);
            drop(slot);
            drop(other);
        }
        Ok(self.stand_by())
    }

    /// Notes how code is run, where an interpreter can be started like that ahead of it. Says how long is to be waited
    /// after this run until that: among other programs one would be ended as soon as it stands.
    pub(super) fn note_template(
        &self,
        run: &Run,
        engine: Option<&'static Engine>,
        order: &Order,
        id: &ExecutionId,
    ) -> Duration {
        let template = self.template(run, engine, order, id);
        let pause = if template.is_some() { Duration::ZERO } else { REST };
        if let Some(template) = template {
            self.ahead.slot().last = Some(template);
        }
        pause
    }

    fn template(
        &self,
        run: &Run,
        engine: Option<&'static Engine>,
        order: &Order,
        id: &ExecutionId,
    ) -> Option<Template> {
        let engine = engine?;
        let how = engine.ahead.as_ref()?;
        let (name, _) = only_code(order)?;
        let Program { argv, terminal, side, limits, cwd, .. } = &order.program;
        let given = self.changeable().env.clone();
        let can_be = matches!(run.source, Source::Code { .. })
            // Whoever named it may look at it before it runs.
            && run.id.is_none()
            // They may name code of their own, which would run now, or files that change.
            && run.engine_args.is_empty()
            // Another daemon would not know what it is.
            && !self.persist
            && terminal.is_none()
            && !side
            && *limits == ExecutionLimits::default()
            // Another directory may be renamed, or be another by then.
            && cwd == WORKSPACE
            // What lies where programs write may change as well.
            && argv.first().is_some_and(|program| !is_writable(program))
            && given.iter().chain(&run.env).all(|(variable, value)| is_harmless(how, variable, value));
        can_be.then(|| Template { engine, how, name: name.clone(), program: order.program.clone(), id: id.clone() })
    }

    /// Ends what stands by, and waits until it is gone: something of the user's is about to run.
    pub(super) async fn stand_down(&self) {
        let standing = self.ahead.take();
        if let Some(standing) = standing {
            drop(standing.end().await);
        }
    }

    /// As [`Session::stand_by`], after a pause.
    pub(super) async fn stand_by_after(self: Arc<Self>, pause: Duration) {
        if !pause.is_zero() {
            if self.ahead.slot().last.is_none() {
                return;
            }
            let session = Arc::downgrade(&self);
            drop(self);
            tokio::time::sleep(pause).await;
            if let Some(session) = session.upgrade() {
                session.stand_by();
            }
            return;
        }
        self.stand_by();
    }

    /// Has an interpreter stand by for the next code, where nothing runs now and there is room. Says of which engine.
    pub(super) fn stand_by(self: &Arc<Self>) -> Option<&'static Engine> {
        let mut slot = self.ahead.slot();
        if slot.closed || !matches!(self.state(), State::Active | State::Idle) {
            return None;
        }
        if let Some(standing) = &slot.standing {
            return Some(standing.engine);
        }
        // Whoever begins to run something is on the list, or has its place, before it looks at what stands by.
        if self.is_busy() || self.contexts.any() {
            return None;
        }
        let template = slot.last.clone()?;
        let ledger = &self.ahead.ledger;
        if is_short_of_memory() {
            return None;
        }
        let place = Arc::clone(&ledger.places).try_acquire_owned().ok()?;
        let id = ExecutionId::random();
        let program = template.program_for(&id);
        let absent = template.how.absent.iter().map(|name| (*name).to_owned()).collect();
        let awaited = Awaited { path: format!("{id}/{}", template.name).into_bytes(), absent };
        let process = tokio::spawn({
            let (link, program, id, session) = (self.link.clone(), program.clone(), id.clone(), Arc::downgrade(self));
            async move {
                match link.spawn_ahead(program, awaited).await {
                    Ok(process) => {
                        tokio::spawn(attend(session, id, process.scale()));
                        Some(process)
                    }
                    Err(error) => {
                        tracing::debug!(%error, "no interpreter stands by");
                        None
                    }
                }
            }
        });
        slot.standing = Some(Standing {
            id,
            engine: template.engine,
            program,
            name: template.name,
            process: Some(process),
            link: self.link.clone(),
            bytes: 0,
            ledger: Arc::clone(ledger),
            _place: place,
        });
        Some(template.engine)
    }
}

/// Weighs an interpreter that stands by, and ends it when nobody needs it or its memory is needed.
async fn attend(session: Weak<Session>, id: ExecutionId, scale: crate::agent::Scale) {
    tokio::time::sleep(SETTLED).await;
    let Ok(bytes) = scale.weigh().await else { return };
    let by = {
        let Some(session) = session.upgrade() else { return };
        if !session.ahead.weighed(&id, bytes) {
            return session.ahead.give_up(&id);
        }
        Instant::now() + session.ahead.ledger.settings.unused
    };
    loop {
        tokio::time::sleep_until(by.min(Instant::now() + LOOK)).await;
        let Some(session) = session.upgrade() else { return };
        if session.ahead.slot().standing.as_ref().is_none_or(|standing| standing.id != id) {
            return;
        }
        if Instant::now() >= by || is_short_of_memory() {
            return session.ahead.give_up(&id);
        }
    }
}

/// An order, and the engine that it is for.
type DrawnUp = (Option<&'static Engine>, Order);

/// What this run is called and orders, where what stands by is just what that would start.
pub(super) fn suited(
    run: &Run,
    standing: Option<&Standing>,
    drawn_up: &dyn Fn(&ExecutionId) -> Result<DrawnUp, SessionError>,
) -> Result<Option<(ExecutionId, DrawnUp)>, SessionError> {
    let may = run.id.is_none() && matches!(run.source, Source::Code { .. });
    let Some(standing) = standing.filter(|_| may) else { return Ok(None) };
    let (engine, order) = drawn_up(&standing.id)?;
    Ok(standing.suits(&order).then(|| (standing.id.clone(), (engine, order))))
}
