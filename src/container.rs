//! Container engines: Docker and what answers like it. How one is found, and all that is asked of it.
//!
//! `address` says where an engine is, `engine` is the conversation with it, `labels` tells whose a
//! container is, `delivery` brings the agent into containers of any image. What a container shall be
//! is a [`ContainerSpec`]; nothing in it is left to an engine's or an image's defaults that would weaken it.
//!
//! An engine is believed in what it says of containers. What comes out of a container's stream is not:
//! that is the agent's, and is checked where all agents' is. Nothing here knows of sessions.

use std::collections::BTreeMap;
use std::path::PathBuf;

use codebeaker_agent::plan::Protection;

pub mod address;
pub mod delivery;
pub mod engine;
mod error;
pub mod labels;

pub use error::{Cause, ContainerError};

/// A container to be made, in which the agent is PID 1.
#[derive(Debug, Clone, Default)]
pub struct ContainerSpec {
    /// Its name with the engine; unique there.
    pub name: String,
    /// Its image, by id or by name and tag.
    pub image: String,
    /// The OCI runtime that is to run it, by the engine's name for it; the engine's default when `None`.
    pub oci_runtime: Option<String>,
    /// The volume that holds the agent, which is shown read-only; see `delivery`.
    pub agent_volume: String,
    /// The agent's arguments.
    pub arguments: Vec<String>,
    /// User and group id of everything in it.
    pub user: (u32, u32),
    /// Host name inside.
    pub hostname: String,
    /// Labels, by which it is found again.
    pub labels: BTreeMap<String, String>,
    /// File systems in memory.
    pub tmpfs: Vec<Tmpfs>,
    /// Directories of the engine's own machine.
    pub binds: Vec<BindMount>,
    /// What it may use.
    pub bounds: Bounds,
    /// Its system-call filter, as a profile in Docker's own JSON; none at all when `None`.
    pub seccomp: Option<String>,
    /// Protections left out; empty except in attack tests.
    pub without: Vec<Protection>,
}

/// A file system in memory, `nosuid` and `nodev`, owned by the container's user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tmpfs {
    /// Where.
    pub path: PathBuf,
    /// Its size; `None` leaves it unbounded, for attack tests.
    pub bytes: Option<u64>,
    /// How many files it may hold; `None` as above.
    pub inodes: Option<u64>,
}

/// A directory of the engine's machine, shown in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindMount {
    /// On the engine's machine.
    pub source: PathBuf,
    /// In the container.
    pub target: PathBuf,
    /// Whether programs may change it.
    pub writable: bool,
}

/// What a container may use; `None` is unbounded, for attack tests and for engines that can't count it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bounds {
    /// Memory, that of its file systems in memory included; it gets no swap beside it.
    pub memory_bytes: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
    /// Processors; may be a fraction.
    pub cpu: Option<f64>,
    /// Size of `/dev/shm`.
    pub shm_bytes: Option<u64>,
    /// Open descriptors of each process.
    pub open_files: Option<u64>,
}
