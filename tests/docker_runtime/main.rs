//! Sandboxes of the runtimes docker and gvisor, through the library, by real programs in real containers.
//!
//! What a sandbox promises must hold for each kind of container that the engine has ([`boxes::on_each`]). Every test
//! ends with the engine having no container of its process left.

mod binds;
mod boxes;
mod confinement;
mod endings;
#[allow(dead_code, reason = "other tests take the other parts")]
#[path = "../harness/engine.rs"]
mod engine;
mod leftovers;
mod offers;
#[path = "../harness/skip.rs"]
#[allow(dead_code, reason = "other tests take the other parts")]
mod skip;
