//! The daemon's end of the agent's stream.
//!
//! [`Link`] is one sandbox's stream: it starts programs, hands out their streams with credit, connects to what
//! listens in the sandbox, and does file operations. It promises that memory stays bounded whatever the agent sends, that one unread
//! stream holds up nothing else, and that every waiter is woken with [`LinkError::Lost`] when the stream
//! ends. It believes the agent in nothing: numbers are checked against what was asked, lengths against
//! the credit that was given, and the first violation ends the stream.

mod asked;
mod conduit;
mod finding;
mod held;
mod inbound;
mod joined;
mod link;
mod process;
mod stream;

pub use asked::Asked;
pub use codebeaker_agent::wire::Endpoint;
pub use codebeaker_agent::{frame, plan, wire};
pub use conduit::Conduit;
pub use held::Scale;
pub use link::{Link, LinkError, Program};
pub use process::{ByteStream, Ended, Process, Signals, StdinError, StdinWriter};
