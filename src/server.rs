//! What clients reach: routes their requests to sessions, executions and files, and tells them what
//! happens there.
//!
//! One [`Daemon`] is shared by all connections; each connection has a service of its own ([`service`]),
//! which holds what was negotiated on it. Domain code below never sees JSON-RPC, and the transport never
//! sees sessions: the two meet here.

mod cells;
mod connection;
mod convert;
mod debugging;
mod editor;
mod fault;
mod handlers;
mod handshake;
mod lost;
mod notifier;
mod router;
mod selection;
mod watches;

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tower_lsp::LspService;

use crate::debug::Debugs;
use crate::ids::InstanceId;
use crate::protocol::methods;
use crate::protocol::notification::{ShutdownReason, ShuttingDownNotice};
use crate::protocol::{Cancel, ErrorKind, ProtocolError};
use crate::runtime::images::{ImageError, Images};
use crate::session::{SessionError, Sessions};
use crate::transport::{Message, Options, Outbox, Refusal};

pub use connection::{ClientProcess, Connection};
pub use convert::ending;
pub use handlers::image::image_listing;
pub use handlers::info::examine;

/// What all connections share.
#[derive(Debug)]
pub struct Daemon {
    /// The sessions.
    pub sessions: Arc<Sessions>,
    /// What is debugged.
    pub debugs: Arc<Debugs>,
    /// The images of container engines.
    pub images: Images,
    instance: InstanceId,
    started_at: Timestamp,
    started: Instant,
}

impl Daemon {
    /// A daemon that keeps these sessions and these images.
    #[must_use]
    pub fn new(sessions: Arc<Sessions>, images: Images) -> Self {
        let debugs = Arc::new(Debugs::new(Arc::clone(&sessions)));
        let (instance, started_at, started) = (InstanceId::random(), Timestamp::now(), Instant::now());
        Self { sessions, debugs, images, instance, started_at, started }
    }
}

/// The service of one connection, which sends by `outbox`, and the process that its client will name as
/// its own.
#[must_use]
pub fn service(daemon: Arc<Daemon>, outbox: Outbox) -> (LspService<Connection>, ClientProcess) {
    let (client, process) = connection::client_process();
    (router::build(move || Connection::new(daemon, outbox, client)), process)
}

/// How the transport is to treat our methods.
#[must_use]
pub fn transport_options() -> Options {
    let kind = ErrorKind::Overloaded;
    let error = ProtocolError::new(kind, "too many requests are in flight")
        .hint("wait for answers before sending more")
        .retry_after_ms(100);
    let data = serde_json::to_value(&error.data).expect("error data can be written as JSON");
    let overloaded = Refusal { code: kind.code(), message: error.message.into(), data: Some(Box::new(data)) };
    Options {
        graceful: |name| {
            // A command may call any method, and ends as that does.
            name == "workspace/executeCommand"
                || methods::find(name).is_some_and(|method| method.cancel == Cancel::Graceful)
        },
        wants_object: |name| methods::find(name).is_some(),
        hint_for_unknown: |name| methods::not_found(name).data.hint,
        ..Options::new(overloaded)
    }
}

/// Tells a client that the daemon is about to end.
pub fn announce_end(daemon: &Daemon, outbox: &Outbox, reason: ShutdownReason) {
    let grace_ms = convert::millis(daemon.sessions.settings().stop_grace);
    let notice = ShuttingDownNotice { reason, grace_ms };
    outbox.control(Message::notification("server/shuttingDown", &notice).expect("a notice can be written as JSON"));
}

/// An error of an image as clients get it, with the hint that goes with it.
#[must_use]
pub fn image_refusal(error: ImageError) -> ProtocolError {
    fault::of_image(error)
}

/// An error of a session as clients get it, with the hint that goes with it.
#[must_use]
pub fn refusal(error: SessionError) -> ProtocolError {
    fault::of_session(error)
}
