//! The executable that builds a sandbox, or finds itself in one, and then is PID 1 in it.
//!
//! `launch` reads a [`codebeaker_agent::plan::Plan`] from standard input, builds what it says, and
//! becomes the agent. `serve` is started by an engine of containers, reads a
//! [`codebeaker_agent::plan::Confinement`], and becomes the agent in the container. `join` relays between a later
//! daemon and that agent. `check` does nothing: the daemon runs it to learn whether the executable can
//! be run the way it is kept. There is nothing here for a person to run.

mod agent;
mod confine;
mod failure;
mod handover;
mod join;
mod launch;
mod serve;

use std::process::ExitCode;

/// What a wrong command line exits with.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    match std::env::args_os().nth(1).as_deref().and_then(std::ffi::OsStr::to_str) {
        Some("launch") => launch::run(),
        Some("serve") => serve::run(),
        Some("join") => join::run(),
        Some("check") => ExitCode::SUCCESS,
        _ => {
            eprintln!("codebeaker starts this program by itself");
            ExitCode::from(USAGE)
        }
    }
}
