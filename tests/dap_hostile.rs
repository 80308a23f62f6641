//! Debuggees that turn against their debugger and its user.
//!
//! A debuggee shares its process with the helper and finds its channel: it can say whatever it likes there.
//! Each test lets one do so, sees that it did, and insists that the client got nothing of its making: no
//! request, no path, no number, no size; and that the exit code is the true one. The tests are named for
//! the traps that the design names.

#[path = "dap/connection.rs"]
mod connection;
#[path = "dap_hostile/floods.rs"]
mod floods;
#[path = "dap_hostile/forgeries.rs"]
mod forgeries;
#[path = "dap_hostile/inspected.rs"]
mod inspected;
#[path = "dap_hostile/lab.rs"]
mod lab;
#[path = "dap_hostile/others.rs"]
mod others;
#[path = "dap/schema.rs"]
mod schema;
#[path = "harness/skip.rs"]
mod skip;
#[path = "dap/stand.rs"]
mod stand;
#[path = "harness/stream.rs"]
mod stream;
#[path = "dap_hostile/surroundings.rs"]
mod surroundings;
