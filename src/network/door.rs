//! Where programs of a sandbox reach the proxy: a port of their own loopback, at which the agent listens.

use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::gate::Gate;
use super::proxy;
use crate::agent::{Conduit, Endpoint, Link, LinkError};

/// Connections of one session that are served at a time; more wait.
const MAX_CONNECTIONS: usize = 64;

/// The port that is tried first: the usual one of proxies.
const USUAL_PORT: u16 = 3128;

/// How many others are tried, where a program listens there.
const ATTEMPTS: usize = 16;

/// How long nobody is let in after the sandbox had no room for one more.
const NO_ROOM: Duration = Duration::from_millis(100);

/// A port at which programs are served until this is dropped, together with all that they are connected to.
pub(super) struct Door {
    listener: Arc<Conduit>,
    port: u16,
    serving: Option<DropGuard>,
}

impl Door {
    /// Has the agent listen. Nobody is let in yet.
    pub(super) async fn open(link: &Link) -> Result<Self, LinkError> {
        let mut port = USUAL_PORT;
        for _ in 0..ATTEMPTS {
            match link.connect(Endpoint::Listener(port)).await {
                Ok(listener) => return Ok(Self { listener: Arc::new(listener), port, serving: None }),
                Err(LinkError::NotConnected { errno, .. }) if errno == Errno::ADDRINUSE.raw_os_error() => {
                    port = other_port();
                }
                Err(error) => return Err(error),
            }
        }
        let errno = Errno::ADDRINUSE.raw_os_error();
        Err(LinkError::NotConnected { step: "find a port that no program listens at".to_owned(), errno })
    }

    /// Where programs find it.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Ends all connections, and lets nobody in.
    pub(super) fn stop(&mut self) {
        self.serving = None;
    }

    /// Lets programs in, and serves each.
    pub(super) fn serve(&mut self, link: &Link, gate: Arc<Gate>) {
        let stopped = CancellationToken::new();
        let (link, listener, until) = (link.clone(), Arc::clone(&self.listener), stopped.clone());
        self.serving = Some(stopped.drop_guard());
        tokio::spawn(async move {
            let let_in = let_in(&link, &listener, &gate, &until);
            until.run_until_cancelled(let_in).await.unwrap_or_default();
        });
    }
}

async fn let_in(link: &Link, listener: &Conduit, gate: &Arc<Gate>, until: &CancellationToken) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match link.accept(listener).await {
            Ok(program) => {
                let (gate, until) = (Arc::clone(gate), until.clone());
                tokio::spawn(async move {
                    until.run_until_cancelled(proxy::serve(program, &gate)).await.unwrap_or_default();
                    drop(place);
                });
            }
            Err(LinkError::NotConnected { errno, .. }) if errno == Errno::MFILE.raw_os_error() => {
                tokio::time::sleep(NO_ROOM).await;
            }
            Err(_) => return,
        }
    }
}

/// A port that nothing is usually at.
fn other_port() -> u16 {
    let mut bytes = [0; 2];
    // Without chance the next attempt is at the same port, and the last of them is refused.
    getrandom::fill(&mut bytes).unwrap_or_default();
    20_000 + u16::from_le_bytes(bytes) % 10_000
}
