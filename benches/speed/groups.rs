//! What is measured: the rows of the table, group by group.

mod ahead;
mod contexts;
mod debugging;
mod engines;
mod files;
mod large;
mod places;
mod runs;
mod selection;
mod sessions;
mod streams;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::contest::Row;
use crate::peers::{self, Assistant, Peers};
use crate::programs::{Program, Shelf};

/// Measures the rows of a group.
pub(crate) type Group = fn(&Setting<'_>) -> Result<Vec<Row>>;

/// The groups, by the names that `--only` takes.
pub(crate) const GROUPS: &[(&str, Group)] = &[
    ("start", sessions::start),
    ("session", sessions::session),
    ("sessions", sessions::at_once),
    ("select", selection::select),
    ("run", runs::run),
    ("ahead", ahead::ahead),
    ("engines", engines::engines),
    ("first-byte", runs::first_byte),
    ("cancel", runs::cancel),
    ("stream", streams::stream),
    ("context", contexts::contexts),
    ("file", files::file),
    ("large", large::large),
    ("memory", sessions::memory),
    ("places", places::places),
    ("debug-python", debugging::python),
    ("debug-node", debugging::node),
];

/// What every group needs.
pub(crate) struct Setting<'a> {
    pub(crate) binary: &'a Path,
    pub(crate) peers: &'a Peers,
    pub(crate) shelf: Shelf,
    /// This executable, which is also the program that prints.
    pub(crate) printer: PathBuf,
    quick: bool,
}

impl<'a> Setting<'a> {
    pub(crate) fn new(binary: &'a Path, peers: &'a Peers, quick: bool) -> Result<Self> {
        Ok(Self { binary, peers, shelf: Shelf::new()?, printer: std::env::current_exe()?, quick })
    }

    /// How many samples to take of what takes so many in a full run.
    pub(crate) fn rounds(&self, full: usize) -> usize {
        if self.quick { (full / 10).max(3) } else { full }
    }

    /// What measures ipykernel, when that is there.
    pub(crate) fn kernel(&self) -> Result<Option<Assistant>> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/speed/kernel.py");
        let python = self.peers.ipykernel.as_ref().ok();
        python.map(|python| Assistant::start(Command::new(python).arg(script))).transpose()
    }

    /// What measures a client of container engines, when that is there.
    pub(crate) fn container_client(&self, python: Option<&PathBuf>, image: &str) -> Result<Option<Assistant>> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/speed/places.py");
        python.map(|python| Assistant::start(Command::new(python).arg(script).arg(image))).transpose()
    }

    /// The same program in bubblewrap's sandbox, when that is there.
    pub(crate) fn in_bubblewrap(&self, program: &Program) -> Option<Program> {
        self.peers.bubblewrap.as_ref().ok().map(|bubblewrap| bubblewrap.wrap(program, Some(self.shelf.path())))
    }

    /// What runs programs in the sandbox of sandbox-runtime, when that is there.
    pub(crate) fn sandbox_runtime(&self) -> Result<Option<Assistant>> {
        let tools = self.peers.sandbox_runtime.as_ref().ok();
        tools.map(|tools| Assistant::start(&mut peers::node(tools))).transpose()
    }

    /// The same program in a container that is there, when one is.
    pub(crate) fn in_docker(&self, program: &Program) -> Option<Program> {
        self.peers.docker.as_ref().ok().map(|container| container.wrap(program))
    }
}
