//! Sandboxes on several container engines, with engines of the test's own: spread by weight, lost with their
//! machine and told so, on machines far away, and made ready before anybody asks.
//!
//! Each test starts what it needs below a directory of its own, and leaves nothing of it.

#[path = "docker_fleet/agents.rs"]
mod agents;
#[path = "docker_fleet/engine.rs"]
mod engine;
#[path = "docker_fleet/loss.rs"]
mod loss;
#[path = "docker_fleet/ready.rs"]
mod ready;
#[path = "docker_fleet/remote.rs"]
mod remote;
#[path = "docker_fleet/sandbox.rs"]
mod sandbox;
#[path = "harness/skip.rs"]
mod skip;
