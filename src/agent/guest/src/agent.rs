//! The agent's loop: says that the sandbox stands, and ends with its stream.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use codebeaker_agent::frame::{self, Channel, Kind};
use codebeaker_agent::plan::Protection;
use codebeaker_agent::wire::{FromAgent, Ready, VERSION};

/// What the launcher hands to the agent.
#[allow(dead_code)]
pub(crate) struct Surroundings {
    /// The stream to the daemon.
    pub(crate) stream: OwnedFd,
    /// `/workspace`, opened with `O_PATH`.
    pub(crate) workspace: OwnedFd,
    /// The code directory, writable, though programs see it read-only.
    pub(crate) code: OwnedFd,
    /// Resident memory that the agent watches over.
    pub(crate) watched_memory_bytes: Option<u64>,
    /// The Landlock ABI in force.
    pub(crate) landlock_abi: u32,
    /// Protections left out.
    pub(crate) without: Vec<Protection>,
}

/// Serves the daemon until its stream ends.
pub(crate) fn run(surroundings: Surroundings) -> ! {
    let mut stream = std::fs::File::from(surroundings.stream);
    let ready = FromAgent::Ready(Ready { version: VERSION, landlock_abi: surroundings.landlock_abi });
    let mut bytes = Vec::new();
    let payload = postcard::to_stdvec(&ready).unwrap_or_default();
    frame::append(&mut bytes, Kind::Control, Channel::CONTROL, &payload);
    let mut rest = [0; 512];
    let served = stream.write_all(&bytes).and_then(|()| {
        while stream.read(&mut rest)? > 0 {}
        Ok(())
    });
    std::process::exit(i32::from(served.is_err()))
}
