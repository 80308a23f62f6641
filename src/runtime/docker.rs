//! The runtimes of container engines: `docker`, and `gvisor` where an engine has gVisor's `runsc`.
//!
//! A sandbox is a container whose PID 1 is our agent, and its stream is the container's standard input and output
//! over the engine's connection: one way for engines on this machine and elsewhere, and for both OCI runtimes. Nothing
//! of this host is in such a container but a workspace that is bound on purpose, on an engine that shares this
//! host's files.
//!
//! An engine that isn't there costs nothing, and one that is slow holds up nothing that doesn't need it: what is
//! known of each [`machine`] is kept, and asked for anew in the background.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{
    Isolation, Lack, Left, MachineState, Offer, Probe, Refusal, Runtime, RuntimeError, Sandbox, SandboxSpec,
    TakeUpError, TakenUp, Want,
};
use crate::config::{DockerSettings, MachineSettings};
use crate::container::address::{self, Address, AddressError, Environment, Found};
use crate::container::engine::Listed;
use crate::sandbox::probe::Cause;

mod adoption;
mod bind;
mod create;
mod draft;
pub mod fleet;
pub mod health;
mod images;
mod keeper;
pub mod leftovers;
pub mod machine;
pub mod pool;
mod trial;
mod watch;
mod works;

use adoption::Board;
use fleet::placing::Ahead;
use fleet::{Fleet, Member};
use leftovers::Recovered;
use machine::{Known, Machine};
use pool::Pool;
use pool::kind::Kind;

/// The name of the machine that there is when the settings name none.
const LOCAL: &str = "local";

/// What is to be done about an address that is none.
const NAME_IT: &str = "name the engine with DOCKER_HOST, such as unix:///var/run/docker.sock, with `docker context use`, \
                       or in the settings";

/// How long engines may take to answer before that counts as none.
const PATIENCE: Duration = Duration::from_secs(3);

/// A daemon that is only there to run one program is gone by then, and needs no measurements.
const MEASURE_AFTER: Duration = Duration::from_secs(3);

/// From a daemon's start to its first look for what others have left, and from each look to the next.
const LOOK_FOR_LEFTOVERS_AFTER: [Duration; 4] =
    [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(8), Duration::from_secs(50)];

/// An agent of another version stays on an engine for so long at least.
const OLD_AGENT: Duration = Duration::from_secs(24 * 60 * 60);

/// What makes an engine's containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Oci {
    /// The engine's own choice, which is the host's kernel.
    Default,
    /// gVisor's, a kernel in user space.
    Runsc,
}

impl Oci {
    /// Both.
    const ALL: [Self; 2] = [Self::Default, Self::Runsc];

    /// The name of the runtime that it is to clients.
    #[must_use]
    pub fn runtime(self) -> &'static str {
        match self {
            Self::Default => "docker",
            Self::Runsc => "gvisor",
        }
    }

    /// How strongly it isolates.
    #[must_use]
    pub fn isolation(self) -> Isolation {
        match self {
            Self::Default => Isolation::Container,
            Self::Runsc => Isolation::Kernel,
        }
    }

    /// The engine's name for it, where it has to be named.
    #[must_use]
    pub fn named(self) -> Option<&'static str> {
        match self {
            Self::Default => None,
            Self::Runsc => Some("runsc"),
        }
    }
}

/// The machines that both runtimes have in common.
#[derive(Debug)]
pub struct Machines {
    all: Vec<Arc<Machine>>,
    fleet: Fleet<Machine>,
    pool: Pool<Kind>,
    /// How long the last sandbox took that had been made ready before.
    warm: Mutex<Option<Duration>>,
    recovered: Mutex<Recovered>,
    /// What daemons that are gone had left to this one.
    left: Board,
}

impl Machines {
    /// Those of the settings; without any, the one whose engine Docker's own client would use. Nothing is asked yet.
    #[must_use]
    pub fn of(settings: &DockerSettings, environment: &Environment) -> Self {
        let shared = Arc::new(settings.clone());
        let machine = |name: &str, places: Result<Vec<Found>, AddressError>| {
            let places = places.map_err(|error| Cause { reason: error.to_string(), fix: Some(NAME_IT.to_owned()) });
            Arc::new(Machine::new(name.to_owned(), places, Arc::clone(&shared)))
        };
        let all = if !settings.enabled {
            Vec::new()
        } else if settings.machines.is_empty() {
            vec![machine(LOCAL, address::candidates(None, environment))]
        } else {
            let named = settings.machines.iter();
            named.map(|one| machine(&one.name, places(one, environment))).collect()
        };
        let weight = |name: &str| {
            let machine = settings.machines.iter().find(|machine| machine.name == name);
            machine.map_or(1, |machine| machine.weight)
        };
        let members = all.iter().map(|machine| Member {
            machine: Arc::clone(machine),
            name: machine.name().to_owned(),
            weight: weight(machine.name()),
            watched: Arc::clone(&machine.watched),
        });
        let bounds = pool::Bounds {
            per_key: settings.pool.size,
            total: settings.pool.total,
            bytes: settings.pool.memory_bytes,
            ..pool::Bounds::default()
        };
        Self {
            fleet: Fleet::new(members),
            pool: Pool::new(bounds, Arc::new(Ahead(all.clone()))),
            warm: Mutex::default(),
            all,
            recovered: Mutex::default(),
            left: Board::default(),
        }
    }

    /// How long a sandbox takes that waits, if one was ever taken.
    fn warm(&self) -> Option<Duration> {
        *self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn measure_warm(&self, took: Duration) {
        *self.warm.lock().unwrap_or_else(PoisonError::into_inner) = Some(took);
    }

    /// All of them, in the order of the settings.
    #[must_use]
    pub fn all(&self) -> &[Arc<Machine>] {
        &self.all
    }

    /// What daemons that are gone had left, as far as it was looked for.
    #[must_use]
    pub fn recovered(&self) -> Recovered {
        self.recovered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Removes what daemons that are gone have left. An engine may still be making a container for one that was killed a
    /// moment ago, and a machine may not be up yet: so it is looked for several times.
    async fn recover(&self) {
        for (round, pause) in LOOK_FOR_LEFTOVERS_AFTER.into_iter().enumerate() {
            tokio::time::sleep(pause).await;
            self.recover_now(round == 0).await;
        }
        self.left.give_up();
        for machine in &self.all {
            let removed = machine.remove_old_agents(OLD_AGENT).await;
            if !removed.is_empty() {
                tracing::info!(?removed, "agents of other versions were removed");
            }
        }
    }

    /// Asks every machine for what it is, and removes there what daemons that are gone have left.
    async fn recover_now(&self, is_first: bool) {
        let each = self.all.iter().map(|machine| async {
            let look = self.left.look(machine.name(), is_first);
            machine.look_if_old().await;
            match machine.known() {
                Known::Up(_) => {
                    let tell = |listed: &[Listed]| {
                        if let Some(look) = look {
                            look.has(adoption::left(machine.name(), listed));
                        }
                    };
                    machine.recover_but(tell).await
                }
                Known::Down(cause) => {
                    tracing::debug!(machine = machine.name(), cause.reason, "what was left can't be looked for yet");
                    Recovered::default()
                }
                Known::Nothing => Recovered::default(),
            }
        });
        for Recovered { removed, stuck } in futures::future::join_all(each).await {
            if !(removed.is_empty() && stuck.is_empty()) {
                tracing::info!(?removed, ?stuck, "containers of daemons that are gone were removed");
            }
            let mut all = self.recovered.lock().unwrap_or_else(PoisonError::into_inner);
            all.stuck.retain(|name| !removed.contains(name) && !stuck.contains(name));
            all.stuck.extend(stuck);
            all.removed.extend(removed);
        }
    }
}

/// Where a machine of the settings is.
fn places(machine: &MachineSettings, environment: &Environment) -> Result<Vec<Found>, AddressError> {
    let Some(tls) = &machine.tls else { return address::candidates(Some(&machine.address), environment) };
    let address = match machine.address.parse()? {
        Address::Tcp { host_port } | Address::Tls { host_port, .. } => {
            let (ca, cert, key) = (tls.ca.clone(), tls.cert.clone(), tls.key.clone());
            Address::Tls { host_port, ca, cert, key }
        }
        other => other,
    };
    Ok(vec![Found { address, by: "the settings".to_owned() }])
}

/// Sandboxes that are containers.
#[derive(Debug)]
pub struct Docker {
    oci: Oci,
    machines: Arc<Machines>,
}

impl Docker {
    /// The runtimes of these settings, whose machines are asked in the background from now on. Must be called within
    /// a Tokio runtime.
    #[must_use]
    pub fn start(settings: &DockerSettings, environment: &Environment) -> [Self; 2] {
        let machines = Arc::new(Machines::of(settings, environment));
        machines.left.expect(machines.all.iter().map(|machine| machine.name()));
        let asked = Arc::clone(&machines);
        tokio::spawn(async move { asked.recover().await });
        Oci::ALL.map(|oci| Self { oci, machines: Arc::clone(&machines) })
    }

    /// One of them, with these machines. Nothing is asked yet.
    #[must_use]
    pub fn new(oci: Oci, machines: Arc<Machines>) -> Self {
        Self { oci, machines }
    }

    /// The machines that it has in common with the other.
    #[must_use]
    pub fn shared(&self) -> &Arc<Machines> {
        &self.machines
    }

    /// Measures, once and in the background, what nobody has found out yet.
    fn measure_later(&self, machine: &Arc<Machine>) {
        if machine.measured()[self.oci as usize].memory_bytes.is_some() || !machine.begin_trial(self.oci) {
            return;
        }
        let (trying, oci) = (Arc::clone(machine), self.oci);
        machine.works.begin(async move {
            let machine = &trying;
            let tried = async {
                tokio::time::sleep(MEASURE_AFTER).await;
                machine.try_out(oci).await
            };
            if let Some(Some(Err(cause))) = machine.works.unless_stopped(tried).await {
                tracing::warn!(
                    machine = machine.name(),
                    runtime = oci.runtime(),
                    cause = cause.reason,
                    "no sandbox stands"
                );
            }
        });
    }
}

fn none() -> Refusal {
    let reason = "container engines are turned off".to_owned();
    Refusal {
        lack: Lack::Machine,
        reason,
        fix: Some("set `enabled = true` under `[docker]` in the settings".to_owned()),
    }
}

#[async_trait]
impl Runtime for Docker {
    fn id(&self) -> &'static str {
        self.oci.runtime()
    }

    fn isolation(&self) -> Isolation {
        self.oci.isolation()
    }

    async fn probe(&self) -> Probe {
        let asked = self.machines.all.iter().map(|machine| tokio::time::timeout(PATIENCE, machine.look_if_old()));
        futures::future::join_all(asked).await;
        let mut cause = None;
        for machine in &self.machines.all {
            match machine.can(self.oci) {
                Ok(_) => {
                    self.measure_later(machine);
                    return Probe { available: true, reason: None, fix: None, remarks: Vec::new() };
                }
                Err(other) => cause = cause.or(Some(other)),
            }
        }
        let Cause { reason, fix } = cause.unwrap_or_else(|| {
            let Refusal { reason, fix, .. } = none();
            Cause { reason, fix }
        });
        Probe { available: false, reason: Some(reason), fix, remarks: Vec::new() }
    }

    fn offer(&self, want: &Want<'_>) -> Result<Offer, Refusal> {
        if tokio::runtime::Handle::try_current().is_ok() {
            self.machines.all.iter().for_each(Machine::look_soon);
        }
        self.machines.offer(want, self.oci)
    }

    async fn create(&self, spec: SandboxSpec) -> Result<Sandbox, RuntimeError> {
        self.machines.create(&spec, self.oci).await
    }

    async fn left(&self) -> Option<Left> {
        self.machines.left.next(self.oci).await
    }

    async fn left_late(&self) -> Option<Left> {
        self.machines.left.next_late(self.oci).await
    }

    async fn take_up(&self, left: &Left, spec: &SandboxSpec) -> Result<TakenUp, TakeUpError> {
        self.machines.take_up(left, spec, self.oci).await
    }

    fn machines(&self) -> Vec<MachineState> {
        self.machines.states(self.oci)
    }

    async fn prewarm(&self, spec: &SandboxSpec, count: usize) -> Result<bool, RuntimeError> {
        self.machines.prewarm(spec, self.oci, count).await
    }

    async fn close(&self) {
        self.machines.close().await;
    }
}
