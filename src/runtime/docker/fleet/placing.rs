//! Brings a sandbox to a machine: one that waits there where there is one, a new one else; and to the next machine
//! where one can't, which is safe as long as nothing of a session has run.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;

use super::seated;
use crate::causes;
use crate::container::ContainerError;
use crate::runtime::docker::health::watch::Watchee;
use crate::runtime::docker::health::{Change, Evidence, PING_DEADLINE, Standing};
use crate::runtime::docker::images::Choice;
use crate::runtime::docker::machine::{Known, Machine};
use crate::runtime::docker::pool::Maker;
use crate::runtime::docker::pool::kind::Kind;
use crate::runtime::docker::{Machines, Oci, PATIENCE};
use crate::runtime::{Lack, MachineState, Offer, Refusal, RuntimeError, Sandbox, SandboxSpec, Want, Workspace};
use crate::sandbox::probe::Cause;

impl Machines {
    /// Every machine, in the order of the settings, as it is for containers of this kind.
    pub(in crate::runtime::docker) fn states(&self, oci: Oci) -> Vec<MachineState> {
        let state = |member: &super::Member<Machine>| {
            let usable = member.stands().and_then(|()| member.machine.can(oci).map(drop).map_err(of_machine));
            let (reason, fix) = usable.err().map_or((None, None), |refusal| (Some(refusal.reason), refusal.fix));
            MachineState {
                name: member.name.clone(),
                reason,
                fix,
                weight: member.weight,
                sessions: member.watched.sessions(),
                ready: self.pool.waiting_of(|kind| kind.machine() == member.name && kind.oci() == oci),
                ready_bytes: self.pool.bytes_of(|kind| kind.machine() == member.name && kind.oci() == oci),
            }
        };
        self.fleet.members().iter().map(state).collect()
    }

    /// Makes no more sandboxes, ends what waits for sessions, and waits until whatever was being made is gone, and
    /// whatever was being removed.
    pub async fn close(&self) {
        self.all().iter().for_each(|machine| machine.works.stop());
        self.pool.close().await;
        futures::future::join_all(self.all().iter().map(|machine| machine.works.done())).await;
    }

    /// An image of this machine was fetched, built or removed. From now on sessions are chosen by what it has now.
    pub(in crate::runtime) async fn images_changed(&self, machine: &str) {
        if let Some(member) = self.fleet.member(machine) {
            member.machine.look().await;
        }
    }

    /// Gives up what waits in this image on this machine, which would be in the way of its removal.
    pub(in crate::runtime) fn release_image(&self, machine: &str, image: &str) {
        let member = self.fleet.member(machine);
        if let Some(image) = member.and_then(|member| chosen(&member.machine, None, Some(image))) {
            self.pool.give_up(|kind| kind.machine() == machine && kind.image_id() == image.id);
        }
    }

    /// Whether containers are made or removed on this machine just now.
    pub(in crate::runtime) fn is_busy(&self, machine: &str) -> bool {
        self.pool.is_making() || self.fleet.member(machine).is_some_and(|member| member.machine.works.is_busy())
    }

    /// What the first machine that would do has, by what is known.
    pub(in crate::runtime::docker) fn offer(&self, want: &Want<'_>, oci: Oci) -> Result<Offer, Refusal> {
        let (name, image, offer) = self.fleet.suits(|machine| {
            let offer = machine.offer(want, oci)?;
            let image = chosen(machine, want.engine.map(|engine| engine.id), want.image);
            Ok((machine.name().to_owned(), image, offer))
        })?;
        let waits = |kind: &Kind| {
            kind.machine() == name
                && kind.oci() == oci
                && image.as_ref().is_some_and(|image| image.id == kind.image_id())
        };
        let warm = self.warm().filter(|_| !want.outlives && self.pool.waiting_of(waits) > 0);
        Ok(Offer { start: warm.or(offer.start), ..offer })
    }

    /// Makes a sandbox, or takes one that waits.
    pub(in crate::runtime::docker) async fn create(
        &self,
        spec: &SandboxSpec,
        oci: Oci,
    ) -> Result<Sandbox, RuntimeError> {
        let want = want(spec);
        let suits = |machine: &Machine| machine.offer(&want, oci).map(drop);
        let mut search = self.fleet.search();
        let mut has_asked = false;
        loop {
            let Some((member, seat)) = search.next(suits) else {
                if has_asked || search.has_tried() {
                    return Err(RuntimeError::Refused(search.refusal(suits)));
                }
                // What is known may be old: an engine was started, an image was built.
                self.ask().await;
                has_asked = true;
                continue;
            };
            let line = member.watched.line();
            match self.create_on(&member.machine, spec, oci).await {
                Ok(sandbox) => return Ok(seated::seat(sandbox, member, seat, line)),
                Err(error) => match elsewhere(error) {
                    Ok(refusal) => {
                        // One that doesn't answer is known by its health.
                        if member.watched.standing() == Standing::Healthy {
                            member.watched.crowd();
                        }
                        search.failed(refusal);
                    }
                    Err(error) => return Err(error),
                },
            }
        }
    }

    /// Has so many sandboxes made ready for sessions like this one, as far as the settings allow, on the machine
    /// that would take it now.
    ///
    /// # Errors
    /// When no machine would take it.
    pub(in crate::runtime::docker) async fn prewarm(
        &self,
        spec: &SandboxSpec,
        oci: Oci,
        count: usize,
    ) -> Result<bool, RuntimeError> {
        let want = want(spec);
        let suits = |machine: &Machine| machine.offer(&want, oci).map(drop);
        let mut search = self.fleet.search();
        let found = match search.next(suits) {
            Some(found) => Some(found),
            None => {
                self.ask().await;
                search.next(suits)
            }
        };
        // Its seat goes with this: nobody sits there yet.
        let (member, _seat) = found.ok_or_else(|| RuntimeError::Refused(search.refusal(suits)))?;
        let kind = self.kind(&member.machine, spec, oci).await?;
        kind.iter().for_each(|kind| self.pool.prewarm(kind, count));
        Ok(kind.is_some() && self.pool.holds_any())
    }

    async fn create_on(&self, machine: &Arc<Machine>, spec: &SandboxSpec, oci: Oci) -> Result<Sandbox, RuntimeError> {
        let asked = Instant::now();
        if let Some(kind) = self.kind(machine, spec, oci).await?
            && let Some(sandbox) = self.pool.take(&kind).await
        {
            self.measure_warm(asked.elapsed());
            let unfilled = match &spec.workspace {
                copy @ Workspace::Copy { .. } => copy.clone(),
                _ => Workspace::None,
            };
            return Ok(Sandbox { unfilled, ..sandbox });
        }
        machine.create(spec, oci).await
    }

    /// Which kind a sandbox is of, by what its image's name means now; `None` where none of its kind may wait.
    async fn kind(&self, machine: &Arc<Machine>, spec: &SandboxSpec, oci: Oci) -> Result<Option<Kind>, RuntimeError> {
        let engine = spec.engine.map(|engine| engine.id);
        let Some(mut image) = chosen(machine, engine, spec.image.as_deref()) else { return Ok(None) };
        if !machine.is_image_current(&image).await.map_err(RuntimeError::Refused)? {
            machine.look().await;
            let Some(current) = chosen(machine, engine, spec.image.as_deref()) else { return Ok(None) };
            image = current;
        }
        self.pool.give_up(|kind| kind.is_superseded_by(machine.name(), &image));
        Ok(Kind::of(machine.name(), oci, &image, spec))
    }

    /// Asks all machines anew, for no longer than engines may take.
    async fn ask(&self) {
        self.fleet.ask().await;
        let looks = self.all().iter().map(|machine| tokio::time::timeout(PATIENCE, machine.look()));
        drop(futures::future::join_all(looks).await);
    }
}

impl Machine {
    /// Takes in what a request showed of its engine.
    pub(in crate::runtime::docker) fn heard<T>(&self, answer: &Result<T, ContainerError>) {
        match answer {
            Ok(_) => self.note(Evidence::Answered),
            Err(error) => self.failed(error),
        }
    }

    /// As [`heard`](Self::heard), for an error.
    pub(in crate::runtime::docker) fn failed(&self, error: &ContainerError) {
        let why = || causes::in_full(error);
        self.note(if error.is_away() { Evidence::Failed(why()) } else { Evidence::Answered });
    }

    fn note(&self, evidence: Evidence) {
        if let Some(change) = self.watched.note(evidence) {
            Watchee::changed(self, change);
        }
    }

    /// Whether an image's name still means the image that it meant. Also shows in time that the engine answers:
    /// making a container may take much longer than that.
    async fn is_image_current(&self, image: &Choice) -> Result<bool, Refusal> {
        let refusal = |reason, fix| Refusal { lack: Lack::Machine, reason, fix };
        let engine = self.engine().await.map_err(|cause| refusal(cause.reason, cause.fix))?;
        let asked = engine.image(&image.name);
        let Ok(answer) = tokio::time::timeout(PING_DEADLINE, asked).await else {
            let why = format!("its engine did not answer within {:.1} s", PING_DEADLINE.as_secs_f32());
            self.note(Evidence::Failed(why.clone()));
            return Err(refusal(why, None));
        };
        self.heard(&answer);
        let found = answer.map_err(|error| refusal(causes::in_full(&error), error.fix()))?;
        Ok(found.is_some_and(|found| found.id == image.id))
    }
}

#[async_trait]
impl Watchee for Machine {
    async fn ping(&self) -> Result<(), String> {
        Machine::ping(self).await?;
        // One that comes back may not be what it was, nor be ready for more than a ping.
        if matches!(self.known(), Known::Up(_)) {
            return Ok(());
        }
        match self.look().await {
            Known::Down(cause) => Err(cause.reason),
            Known::Up(_) | Known::Nothing => Ok(()),
        }
    }

    fn changed(&self, change: Change) {
        let name = self.name();
        match change {
            Change::Up => tracing::info!(name, "the container engine answers"),
            Change::Down => {
                let why = self.watched.why().unwrap_or_default();
                // Many a machine has an engine that its user may not use, and never wanted to.
                match self.known() {
                    Known::Up(_) => tracing::warn!(name, why, "the container engine no longer answers"),
                    Known::Nothing | Known::Down(_) => tracing::info!(name, why, "no container engine answers"),
                }
                self.is_down(&why);
            }
        }
    }
}

/// Makes what waits.
pub(in crate::runtime::docker) struct Ahead(pub(in crate::runtime::docker) Vec<Arc<Machine>>);

#[async_trait]
impl Maker<Kind> for Ahead {
    async fn make(&self, kind: &Kind) -> Result<Sandbox, String> {
        let machine = self.0.iter().find(|machine| machine.name() == kind.machine());
        let machine = machine.ok_or("there is no such machine any more")?;
        if machine.watched.standing() == Standing::Down {
            return Err("its machine is down".to_owned());
        }
        machine.create(&kind.spec(), kind.oci()).await.map_err(|error| causes::in_full(&error))
    }
}

fn of_machine(Cause { reason, fix }: Cause) -> Refusal {
    Refusal { lack: Lack::Machine, reason, fix }
}

fn want(spec: &SandboxSpec) -> Want<'_> {
    Want {
        engine: spec.engine,
        image: spec.image.as_deref(),
        workspace: &spec.workspace,
        outlives: spec.outlives.is_some(),
    }
}

fn chosen(machine: &Machine, engine: Option<&'static str>, image: Option<&str>) -> Option<Choice> {
    let Known::Up(seen) = machine.known() else { return None };
    machine.choose(&seen, engine, image).ok()
}

/// What a machine has against a sandbox that another may make.
fn elsewhere(error: RuntimeError) -> Result<Refusal, RuntimeError> {
    match error {
        RuntimeError::Refused(refusal) => Ok(refusal),
        RuntimeError::Stream(source) => {
            let reason = format!("the connection to its engine broke: {}", causes::in_full(&source));
            Ok(Refusal { lack: Lack::Machine, reason, fix: None })
        }
        error => Err(error),
    }
}
