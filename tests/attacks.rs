//! Attacks on sandboxes, from inside. Each test first shows that its attack works with the protection
//! left out that is to stop it, and then that it fails with all of them.
//!
//! Whether an attack worked is decided outside the sandbox, by the canaries of [`host`]; what the
//! hostile program says of itself only tells what to look at. Every attack is made twice, as root and
//! as an ordinary user: see [`actor`]. The programs are in `tests/attacks/programs`, and
//! `docs/security.md` says which guarantee each test holds up.

// A test says what its attack tried and what came of it, for whoever has to understand a failure.
#![allow(clippy::print_stdout)]

#[path = "attacks/actor.rs"]
mod actor;
#[path = "attacks/agent.rs"]
mod agent;
#[path = "attacks/daemon.rs"]
mod daemon;
#[path = "attacks/ending.rs"]
mod ending;
#[path = "attacks/files.rs"]
mod files;
#[path = "attacks/host.rs"]
mod host;
#[path = "attacks/kernel.rs"]
mod kernel;
#[path = "attacks/lab.rs"]
mod lab;
#[path = "attacks/network.rs"]
mod network;
#[path = "attacks/processes.rs"]
mod processes;
#[path = "attacks/reader.rs"]
mod reader;
#[path = "attacks/resources.rs"]
mod resources;
#[path = "attacks/secrets.rs"]
mod secrets;
#[path = "harness/skip.rs"]
mod skip;
#[path = "attacks/survivors.rs"]
mod survivors;
#[path = "attacks/workspace.rs"]
mod workspace;
