//! The front's transport: JSON-RPC with the Language Server Protocol's framing, around
//! `tower_lsp::LspService`.
//!
//! It promises that no bytes a client sends end the connection, that requests start in the order in
//! which they came, that each is answered exactly once, that all it holds in memory is bounded, and
//! that one task alone writes. `tower_lsp::Server` and `tower_lsp::Client` keep none of these
//! promises and carry none of our traffic. It knows nothing of sessions, and it never ends the
//! process: [`serve`] says why it ended and leaves the rest to its caller.

mod asked;
mod connection;
mod framing;
mod in_flight;
mod lane;
mod message;
mod outbox;
mod parent;
mod request;
mod stdio;

pub use asked::AskError;
pub use connection::{Cause, Exit, Options, serve};
pub use framing::{Decoder, Event, Fault, MAX_HEADER_BYTES};
pub use message::{Message, Refusal, code};
pub use outbox::{Closed, Outbox, Ticket};
pub use parent::death_of;
pub use request::{Current, current};
pub use stdio::{Stdin, Stdout, stdin, stdout};
