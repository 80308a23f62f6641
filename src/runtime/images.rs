//! Images of container engines: listed, fetched, built and removed, on each of the machines in the settings.
//!
//! To fetch an image or to build one is to bring code of others onto an engine's machine. A build's own commands
//! have no network, and the settings say which names may be fetched at all ([`DockerSettings::allow`]).
//! Whatever is begun here ends when its future is dropped, with the engine too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::config::{DockerSettings, MachineSettings};
use crate::container::address::{Address, AddressError, Environment, candidates};
use crate::container::delivery::tar;
use crate::container::engine::{BuildOrder, ContainerEngine, ImageInfo};
use crate::container::{ContainerError, labels};
use crate::engine::{ENGINES, Engine};
use crate::runtime::docker::Machines;

mod doing;
mod error;
mod names;
mod recipes;

pub use doing::Doing;
use doing::{Building, Pulling};
pub use error::ImageError;

/// What the only machine is called that nobody has given a name.
pub const LOCAL: &str = "local";

/// The label of an image that was built here, with the engine's id.
const ENGINE: &str = "codebeaker.engine";

/// How long containers that were ready in an image, or whose sessions have ended, may take to be gone; and when those that
/// stay are none of these: for so long nothing was on its way out.
const RELEASE_PATIENCE: Duration = Duration::from_secs(20);
const RELEASE_PAUSES: Duration = Duration::from_secs(1);
const RELEASE_PAUSE: Duration = Duration::from_millis(100);

/// Where it is told what is being done; only the latest counts.
pub type Teller = watch::Sender<Doing>;

/// An image on a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The machine, by its name in the settings.
    pub machine: String,
    /// What tells its contents from all others.
    pub id: String,
    /// Its names with tags.
    pub tags: Vec<String>,
    /// Its size on the engine's disk.
    pub bytes: u64,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// The engines whose sessions run in it when they name no other image, by id.
    pub engines: Vec<&'static str>,
}

/// What the machines have, with those that didn't say so.
#[derive(Debug, Default)]
pub struct Listing {
    /// All images that have a name, machine by machine.
    pub images: Vec<Image>,
    /// Machines that can't be asked, with the reason.
    pub silent: Vec<(String, ImageError)>,
}

/// What is to be built.
#[derive(Debug, Clone)]
pub struct Build {
    /// The engine that it is for.
    pub engine: &'static Engine,
    /// The image to build upon, in place of that of its Dockerfile.
    pub base: Option<String>,
    /// Its name, in place of the one that sessions of this engine look for.
    pub tag: Option<String>,
}

/// The images of all machines.
#[derive(Debug, Clone, Default)]
pub struct Images {
    settings: DockerSettings,
    /// Those who choose images for sessions, and have to hear of changes.
    sessions: Option<Arc<Machines>>,
}

/// A machine that has answered.
struct Place {
    name: String,
    engine: ContainerEngine,
}

impl Images {
    /// By these settings. Nothing is asked yet.
    #[must_use]
    pub fn new(settings: DockerSettings) -> Self {
        Self { settings, sessions: None }
    }

    /// The same, where sessions are made on these machines: what changes counts for the next of them.
    #[must_use]
    pub fn with_sessions_on(self, machines: Arc<Machines>) -> Self {
        Self { sessions: Some(machines), ..self }
    }

    /// The images that have a name, on this machine or on all.
    ///
    /// # Errors
    /// When no machine can be asked, or there is none of this name.
    pub async fn list(&self, machine: Option<&str>) -> Result<Listing, ImageError> {
        let machines = self.machines(machine)?;
        let answers = futures::future::join_all(machines.iter().map(|machine| self.on(machine))).await;
        let mut listing = Listing::default();
        for (machine, answer) in machines.iter().zip(answers) {
            match answer {
                Ok(images) => listing.images.extend(images),
                Err(error) => listing.silent.push((machine.name.clone(), error)),
            }
        }
        if listing.silent.len() == machines.len() {
            return Err(listing.silent.swap_remove(0).1);
        }
        Ok(listing)
    }

    async fn on(&self, machine: &MachineSettings) -> Result<Vec<Image>, ImageError> {
        let place = reach(machine).await?;
        let images = place.engine.images().await?;
        let named = images.into_iter().filter(|image| !image.tags.is_empty());
        Ok(named.map(|image| self.known(&place.name, image)).collect())
    }

    /// Fetches an image, on this machine or on all, one after the other.
    ///
    /// # Errors
    /// When it may not or can't be fetched.
    pub async fn pull(&self, name: &str, machine: Option<&str>, tell: &Teller) -> Result<Vec<Image>, ImageError> {
        let name = checked(name)?;
        self.admit(&name)?;
        let mut pulled = Vec::new();
        for place in self.reach_all(machine).await? {
            let mut pulling = Pulling::default();
            let mut follow = |progress| teach(tell, pulling.take(&progress));
            let fetched = place.engine.pull(&name, &mut follow).await;
            fetched.map_err(|source| ImageError::of_pull(&name, &place.name, source))?;
            self.changed_on(&place).await;
            pulled.push(self.found(&place, &name).await?);
        }
        Ok(pulled)
    }

    /// Builds an engine's image from the Dockerfile that comes along, on this machine or on all, one after the
    /// other.
    ///
    /// # Errors
    /// When its base may not be fetched, or a step fails.
    pub async fn build(&self, build: &Build, machine: Option<&str>, tell: &Teller) -> Result<Vec<Image>, ImageError> {
        let id = build.engine.id;
        let dockerfile = recipes::of(id).ok_or(ImageError::NoRecipe { engine: id })?;
        let base = build.base.as_deref().or_else(|| recipes::base(dockerfile));
        let base = checked(base.ok_or(ImageError::NoRecipe { engine: id })?)?;
        let tag = checked(build.tag.as_deref().unwrap_or(&self.settings.image_of(id)))?;
        let mut built = Vec::new();
        for place in self.reach_all(machine).await? {
            if place.engine.image(&base).await?.is_none() {
                self.admit(&base)?;
            }
            let order = BuildOrder {
                context: tar::of_file("Dockerfile", dockerfile.as_bytes()).into(),
                dockerfile: "Dockerfile".to_owned(),
                tag: tag.clone(),
                args: BTreeMap::from([("BASE".to_owned(), base.clone())]),
                labels: BTreeMap::from([
                    (labels::MANAGED.to_owned(), "true".to_owned()),
                    (labels::VERSION.to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
                    (ENGINE.to_owned(), id.to_owned()),
                ]),
                // The Dockerfiles fetch nothing, and what a base brings along has nobody to talk to.
                network: Some("none".to_owned()),
            };
            let mut building = Building::default();
            let mut follow = |progress| teach(tell, building.take(&progress));
            let made = place.engine.build(order, &mut follow).await;
            made.map_err(|source| ImageError::of_build(id, &base, &place.name, source, building.last_lines()))?;
            self.changed_on(&place).await;
            built.push(self.found(&place, &tag).await?);
        }
        Ok(built)
    }

    /// Removes an image, or this one of its names, from this machine or from all that have it. Which did.
    ///
    /// # Errors
    /// When none has it, or it is in use.
    pub async fn remove(&self, name: &str, force: bool, machine: Option<&str>) -> Result<Vec<String>, ImageError> {
        let name = checked(name)?;
        let mut removed = Vec::new();
        for place in self.reach_all(machine).await? {
            let outcome = self.remove_from(&place, &name, force).await;
            self.changed_on(&place).await;
            match outcome {
                Ok(()) => removed.push(place.name),
                Err(ContainerError::NoImage { .. }) => {}
                Err(ContainerError::Conflict { message }) => {
                    return Err(ImageError::InUse { image: name, machine: place.name, message });
                }
                Err(error) => return Err(error.into()),
            }
        }
        if removed.is_empty() { Err(ImageError::Missing { image: name }) } else { Ok(removed) }
    }

    /// What is only kept ready in an image, or is on its way out, doesn't keep the image.
    async fn remove_from(&self, place: &Place, name: &str, force: bool) -> Result<(), ContainerError> {
        let outcome = place.engine.remove_image(name, force).await;
        let (Some(sessions), Err(ContainerError::Conflict { .. })) = (&self.sessions, &outcome) else { return outcome };
        sessions.release_image(&place.name, name);
        let begun = Instant::now();
        let mut busy = begun;
        loop {
            if sessions.is_busy(&place.name) {
                busy = Instant::now();
            }
            let may_change = busy.elapsed() < RELEASE_PAUSES && begun.elapsed() < RELEASE_PATIENCE;
            tokio::time::sleep(RELEASE_PAUSE).await;
            match place.engine.remove_image(name, force).await {
                Err(ContainerError::Conflict { .. }) if may_change => {}
                outcome => return outcome,
            }
        }
    }

    async fn changed_on(&self, place: &Place) {
        if let Some(sessions) = &self.sessions {
            sessions.images_changed(&place.name).await;
        }
    }

    fn admit(&self, name: &str) -> Result<(), ImageError> {
        if self.settings.allows(name) {
            return Ok(());
        }
        Err(ImageError::NotAllowed { image: name.to_owned() })
    }

    async fn found(&self, place: &Place, name: &str) -> Result<Image, ImageError> {
        let image = place.engine.image(name).await?;
        let image = image.ok_or_else(|| ImageError::Missing { image: name.to_owned() })?;
        Ok(self.known(&place.name, image))
    }

    fn known(&self, machine: &str, image: ImageInfo) -> Image {
        let names: Vec<String> = image.tags.iter().map(|tag| names::in_full(tag)).collect();
        let is_for = |id: &str| names.contains(&names::in_full(&self.settings.image_of(id)));
        Image {
            machine: machine.to_owned(),
            engines: ENGINES.iter().map(|engine| engine.id).filter(|id| is_for(id)).collect(),
            created: moment(&image.created),
            id: image.id,
            tags: image.tags,
            bytes: image.bytes,
        }
    }

    /// The machine of this name, or all.
    fn machines(&self, name: Option<&str>) -> Result<Vec<MachineSettings>, ImageError> {
        if !self.settings.enabled {
            return Err(ImageError::Off);
        }
        let mut machines = self.settings.machines.clone();
        if machines.is_empty() {
            machines.push(MachineSettings { name: LOCAL.to_owned(), address: String::new(), weight: 1, tls: None });
        }
        let Some(name) = name else { return Ok(machines) };
        let known: Vec<String> = machines.iter().map(|machine| machine.name.clone()).collect();
        machines.retain(|machine| machine.name == name);
        if machines.is_empty() {
            return Err(ImageError::NoMachine { name: name.to_owned(), known: known.join(", ") });
        }
        Ok(machines)
    }

    async fn reach_all(&self, machine: Option<&str>) -> Result<Vec<Place>, ImageError> {
        let machines = self.machines(machine)?;
        futures::future::try_join_all(machines.iter().map(reach)).await
    }
}

/// Connects to a machine's engine; without an address, to the first that answers of those that Docker's own
/// client would take.
async fn reach(machine: &MachineSettings) -> Result<Place, ImageError> {
    let addresses = match (machine.address.as_str(), &machine.tls) {
        ("", _) => candidates(None, &Environment::current())?.into_iter().map(|found| found.address).collect(),
        (address, None) => vec![address.parse()?],
        (address, Some(tls)) => match address.parse()? {
            Address::Tcp { host_port } | Address::Tls { host_port, .. } => {
                vec![Address::Tls { host_port, ca: tls.ca.clone(), cert: tls.cert.clone(), key: tls.key.clone() }]
            }
            Address::Unix(_) | Address::Ssh { .. } => {
                let reason = "certificates are for addresses that begin with tcp://";
                return Err(AddressError::Text { text: address.to_owned(), reason }.into());
            }
        },
    };
    let mut first = None;
    for address in &addresses {
        match ContainerEngine::connect(address).await {
            Ok(engine) => return Ok(Place { name: machine.name.clone(), engine }),
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    Err(first.map_or(ImageError::Off, ImageError::from))
}

/// Only what is new is worth a message.
fn teach(tell: &Teller, doing: Doing) {
    tell.send_if_modified(|told| {
        let is_new = *told != doing;
        *told = doing;
        is_new
    });
}

fn checked(name: &str) -> Result<String, ImageError> {
    if !names::is_name(name) {
        return Err(ImageError::NoName { name: name.to_owned() });
    }
    // An id has no tag.
    let is_id = name.starts_with("sha256:") || (name.len() >= 12 && name.bytes().all(|b| b.is_ascii_hexdigit()));
    Ok(if is_id { name.to_owned() } else { names::with_tag(name) })
}

/// An engine's date, or its seconds.
fn moment(created: &str) -> Option<Timestamp> {
    match created.parse::<i64>() {
        Ok(seconds) => Timestamp::from_second(seconds).ok(),
        Err(_) => created.parse().ok(),
    }
}
