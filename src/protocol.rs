//! The wire types of the front: what clients and the daemon say to each other, and nothing of how it is
//! carried or done.
//!
//! One table ([`METHODS`], [`ASKED`], [`NOTIFICATIONS`]) names everything; parameters are read strictly
//! ([`parse`]), errors have one shape ([`ProtocolError`]), and the doc comments of the fields are what
//! `protocol.md` shows. Field names are camelCase, times are whole milliseconds, sizes are bytes, ids are
//! opaque strings and moments are RFC 3339 in UTC. Nothing here knows of transports, sessions or sandboxes.

pub mod catalogue;
pub mod change;
pub mod command;
pub mod context;
pub mod debug;
pub mod document;
pub mod editor;
pub mod encoding;
mod error;
pub mod execution;
pub mod files;
pub mod find;
pub mod handshake;
pub mod image;
pub mod limits;
pub mod methods;
pub mod network;
pub mod notification;
mod offer;
pub mod packages;
pub mod port;
pub mod selection;
pub mod server;
pub mod session;
mod signal;
pub mod source;
mod strict;
pub mod watch;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use encoding::{Encoding, WantedEncoding};
pub use error::{ErrorData, ErrorKind, ProtocolError};
pub use methods::{ASKED, Cancel, METHODS, Method, NOTIFICATIONS, Notification};
pub use offer::Offer;
pub use signal::{Signal, signal_name};
pub use strict::{parse, refuse};

/// Names a series of progress reports; chosen by the client.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ProgressToken {
    /// A number.
    Number(i64),
    /// A string.
    String(String),
}
