//! The doors by which DAP clients come in: a stream of bytes, a unix socket, a port of the loopback.
//!
//! A door carries messages between a client and an adapter, cuts and frames them, and numbers those that
//! go out. It decides who may come in ([`Gate`], [`socket`], [`tcp`]) and nothing of what is debugged. What a
//! client sends never ends more than its own connection; a request that a door does not let through is
//! answered by the door. A door that is dropped takes its connections and its socket with it.

mod children;
mod detour;
mod gate;
mod numbers;
mod reception;
pub mod socket;
mod stream;
pub mod tcp;

pub use children::{CHILD, Children, DOOR, OpenDoor, hold_with_children};
pub use detour::{Detour, NoDetour};
pub use gate::{Gate, TOKEN, Token, TokenFault};
pub use numbers::{Numbers, weight};
pub use reception::{Door, Reception};
pub use stream::{Conversation, Ending};

#[cfg(test)]
mod tests;
