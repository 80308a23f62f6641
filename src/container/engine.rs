//! The conversation with a container engine, over Docker's own interface.
//!
//! A [`ContainerEngine`] is one engine that has answered. Every call has a deadline, and an engine's words are
//! kept in what it refuses. This module and those below it are the only ones that know how the interface is
//! spoken; what a container shall be is decided elsewhere, and [`ContainerEngine::create`] adds nothing to it
//! but what no container of ours is ever without.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use bollard::models::{SystemInfo, SystemInfoCgroupVersionEnum};

use super::ContainerError;
use super::address::Address;

mod attach;
mod containers;
mod create;
mod dial;
mod events;
mod fault;
mod images;
mod volumes;

pub use attach::{Attached, Complaint};
pub use containers::{ContainerState, ContainerUsage, Listed};
pub use events::{ContainerEvent, ContainerEvents, EventKind};
pub use images::{BuildOrder, ImageInfo, Progress};
pub use volumes::VolumeInfo;

/// The oldest version of the interface that we speak: that of Docker 20.10.
pub const OLDEST_API: ApiVersion = ApiVersion { major: 1, minor: 41 };

/// The newest version of the interface that we know; a newer engine speaks it too.
pub const NEWEST_API: ApiVersion = ApiVersion { major: 1, minor: 47 };

/// How long an engine may take to answer at all.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// How long an engine may take for what needs no work.
const ANSWER_PATIENCE: Duration = Duration::from_secs(15);

/// How long an engine may take for what changes containers or images.
const WORK_PATIENCE: Duration = Duration::from_secs(60);

/// A container's id with its engine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerId(String);

impl ContainerId {
    /// The id as the engine gave it; a container's name does as well in every call.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// As the engine writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A version of the engine's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion {
    /// The first number.
    pub major: u32,
    /// The second.
    pub minor: u32,
}

impl ApiVersion {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.trim().split_once('.')?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What an engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFacts {
    /// Its version, such as `20.10.24`.
    pub version: String,
    /// The version of the interface that is spoken with it.
    pub api_version: ApiVersion,
    /// What tells it from every other engine, and stays when it is restarted.
    pub id: String,
    /// The host name of its machine.
    pub host: String,
    /// Its operating system, such as `linux`.
    pub os: String,
    /// Its machine's architecture, such as `x86_64`.
    pub arch: String,
    /// The version of control groups that it uses; 0 where it has none.
    pub cgroup_version: u8,
    /// Names of the OCI runtimes that it offers, in order.
    pub oci_runtimes: Vec<String>,
    /// Whether it runs as an ordinary user.
    pub rootless: bool,
    /// Whether its containers' users are others outside.
    pub user_namespaces: bool,
    /// Whether it can bound memory, processes and processor time, in this order.
    pub can_bound: (bool, bool, bool),
    /// Processors of its machine.
    pub processors: Option<u32>,
    /// Memory of its machine, in bytes.
    pub memory_bytes: Option<u64>,
}

/// A container engine that has answered. A clone is the same engine.
#[derive(Clone)]
pub struct ContainerEngine {
    docker: Docker,
    known: Arc<Known>,
}

/// What was learnt when the engine first answered.
struct Known {
    address: Address,
    version: String,
    api_version: ApiVersion,
    cgroup_version: u8,
    image_volumes: create::ImageVolumes,
}

impl fmt::Debug for ContainerEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerEngine").field("address", &self.known.address).finish_non_exhaustive()
    }
}

impl ContainerEngine {
    /// Finds out whether an engine answers there, and agrees with it on a version of the interface. Takes no
    /// longer than a few seconds.
    ///
    /// # Errors
    /// When nobody answers in time, or no version suits both.
    pub async fn connect(address: &Address) -> Result<Self, ContainerError> {
        let connecting = Self::agree(address);
        tokio::time::timeout(CONNECT_PATIENCE, connecting).await.unwrap_or_else(|_| {
            let source = std::io::Error::from(std::io::ErrorKind::TimedOut);
            Err(ContainerError::Unreachable { address: address.to_string(), source: source.into() })
        })
    }

    async fn agree(address: &Address) -> Result<Self, ContainerError> {
        let unreachable = |error| fault::connecting(address, error);
        let docker = dial::client(address)?;
        let answer = docker.version().await.map_err(unreachable)?;
        let version = answer.version.unwrap_or_default();
        let spoken = answer.api_version.as_deref().and_then(ApiVersion::parse);
        let spoken = spoken.ok_or(ContainerError::Incomplete { what: "the version of its interface" })?;
        if spoken < OLDEST_API {
            return Err(ContainerError::TooOld { engine: version, spoken, needed: OLDEST_API });
        }
        let oldest = answer.min_api_version.as_deref().and_then(ApiVersion::parse);
        if let Some(oldest) = oldest.filter(|oldest| *oldest > NEWEST_API) {
            return Err(ContainerError::TooNew { engine: version, spoken: oldest, known: NEWEST_API });
        }
        let api_version = spoken.min(NEWEST_API);
        let docker = dial::speaking(docker, api_version);
        let info = docker.info().await.map_err(unreachable)?;
        let cgroup_version = cgroup_version(&info);
        let image_volumes = create::ImageVolumes::default();
        let known = Known { address: address.clone(), version, api_version, cgroup_version, image_volumes };
        Ok(Self { docker, known: Arc::new(known) })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.known.address
    }

    /// Whether it answers, within a few seconds.
    ///
    /// # Errors
    /// When it doesn't.
    pub async fn ping(&self) -> Result<(), ContainerError> {
        self.ask("answer", CONNECT_PATIENCE, self.docker.ping()).await.map(drop)
    }

    /// What it says of itself now.
    ///
    /// # Errors
    /// When it doesn't answer.
    pub async fn facts(&self) -> Result<EngineFacts, ContainerError> {
        let info = self.info().await?;
        let security = info.security_options.as_deref().unwrap_or_default();
        let secured_by = |name: &str| security.iter().any(|option| option.split(',').any(|part| part == name));
        let mut oci_runtimes: Vec<String> = info.runtimes.iter().flatten().map(|(name, _)| name.clone()).collect();
        oci_runtimes.sort_unstable();
        let can = |able: Option<bool>| able.unwrap_or(false);
        Ok(EngineFacts {
            version: self.known.version.clone(),
            api_version: self.known.api_version,
            cgroup_version: cgroup_version(&info),
            rootless: secured_by("name=rootless"),
            user_namespaces: secured_by("name=userns"),
            can_bound: (can(info.memory_limit), can(info.pids_limit), can(info.cpu_cfs_quota)),
            processors: info.ncpu.and_then(|count| u32::try_from(count).ok()),
            memory_bytes: info.mem_total.and_then(|bytes| u64::try_from(bytes).ok()),
            id: info.id.unwrap_or_default(),
            host: info.name.unwrap_or_default(),
            os: info.os_type.unwrap_or_default(),
            arch: info.architecture.unwrap_or_default(),
            oci_runtimes,
        })
    }

    async fn info(&self) -> Result<SystemInfo, ContainerError> {
        self.ask("tell what it is", ANSWER_PATIENCE, self.docker.info()).await
    }

    /// Asks with a deadline.
    async fn ask<T>(
        &self,
        asked: &'static str,
        patience: Duration,
        answer: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, ContainerError> {
        match tokio::time::timeout(patience, answer).await {
            Ok(answer) => answer.map_err(|error| self.fault(asked, error)),
            Err(_) => Err(ContainerError::Deadline { asked, after: patience }),
        }
    }

    fn fault(&self, asked: &'static str, error: bollard::errors::Error) -> ContainerError {
        fault::asking(&self.known.address, asked, error)
    }
}

fn cgroup_version(info: &SystemInfo) -> u8 {
    match info.cgroup_version {
        Some(SystemInfoCgroupVersionEnum::_1) => 1,
        Some(SystemInfoCgroupVersionEnum::_2) => 2,
        _ => 0,
    }
}

/// A filter for what has every one of these labels; one without a value stands for any.
fn by_labels(labels: &[(&str, Option<&str>)]) -> HashMap<String, Vec<String>> {
    let labels = labels.iter().map(|(name, value)| match value {
        Some(value) => format!("{name}={value}"),
        None => (*name).to_owned(),
    });
    HashMap::from([("label".to_owned(), labels.collect())])
}

fn in_order(map: Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    map.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let [nine, older, newer] = ["1.9", "1.41", "1.53"].map(|text| ApiVersion::parse(text).unwrap());
        assert!(nine < older && older < newer && older == OLDEST_API);
        assert_eq!(older.to_string(), "1.41");
        assert_eq!(["", "1", "1.x", "1.41.2"].map(ApiVersion::parse), [None; 4]);
    }
}
