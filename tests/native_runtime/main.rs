//! Sandboxes of the native runtime, through the library, by real programs in them.
//!
//! What a sandbox promises must hold for root and for an ordinary user, who build them differently.
//! Where these tests run as root, each one runs a second time as an ordinary user ([`boxes::on_both`]).
//! What can't be shown on a machine is skipped and says why; `CODEBEAKER_REQUIRE_ALL=1` makes that a
//! failure.

mod boxes;
mod confinement;
mod endings;
mod probing;
mod relays;
mod resources;
#[path = "../harness/skip.rs"]
mod skip;
mod workspaces;
