//! Debugging: an adapter that speaks the Debug Adapter Protocol to a client and controls debuggees inside
//! sandboxes.
//!
//! [`Debugs`] is the register of all that are debugged in this daemon. Each DAP connection, whatever door it
//! came in by, has an adapter of its own ([`Debugs::open`]); a child of a debuggee has one too, which the
//! client's second connection finds by a token. Back ends ([`backend`], [`ground`]) know languages and
//! nothing of DAP; the adapter knows DAP and no language. Only the adapter makes requests of a client: nothing
//! that comes out of a sandbox is passed on as it came.

pub mod backend;
pub mod ground;
pub mod inspector;
pub mod model;
