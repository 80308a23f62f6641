//! Ports of a sandbox that are open to this machine: what a program listens at in there is reached through a unix socket of
//! the user's own, or through a port of the loopback, for which a token is needed.
//!
//! Nothing in the sandbox changes by it: the agent connects to the program for each who comes. An open port is shut when it
//! is asked for, or with its session, and leaves no file.

mod token;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::log::Traffic;
use super::relay::relay;
use crate::agent::{Endpoint, Link};
use crate::ids::{PortId, random_name};
use crate::private::{PrivateDirectory, SOCKET};

/// Open ports of one session.
pub const MAX_PORTS: usize = 16;

/// Connections through one open port.
const MAX_CONNECTIONS: usize = 64;

/// How long who connects may take to show the token.
const TOKEN_PATIENCE: Duration = Duration::from_secs(15);

/// From one failed accept to the next.
const BREATH: Duration = Duration::from_millis(100);

/// Where a port is opened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// A unix socket in a directory of its own, which this user alone can enter.
    Socket,
    /// This port of the loopback; 0 is any that is free.
    Loopback(u16),
}

/// Where an open port is reached.
#[derive(Clone, PartialEq, Eq)]
pub enum Reached {
    /// At this path.
    Socket(PathBuf),
    /// At this port of 127.0.0.1, with this token.
    Loopback {
        /// The port.
        port: u16,
        /// What every connection has to show.
        token: String,
    },
}

/// An open port.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenPort {
    /// Its name.
    pub id: PortId,
    /// The port in the sandbox.
    pub port: u16,
    /// Where it is reached.
    pub reached: Reached,
}

/// Why an open port was shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// Somebody asked for it.
    Requested,
    /// Its session ended.
    SessionEnded,
}

/// Is told when a port is shut.
#[async_trait]
pub trait PortWatcher: Send + Sync {
    /// It is, and nothing of it is left.
    async fn shut(&self, port: &OpenPort, why: Shut);
}

/// Why a port can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// As many are open as can be.
    #[error("{MAX_PORTS} ports of this session are open already")]
    TooMany,
    /// No socket could be made, or the port of this machine is taken.
    #[error("nothing can be listened at on this machine")]
    NotOpened(#[from] io::Error),
}

/// The open ports of one session.
#[derive(Default)]
pub struct Ports {
    open: Mutex<BTreeMap<PortId, Held>>,
}

/// One of them.
struct Held {
    opened: OpenPort,
    /// Has it shut.
    stop: CancellationToken,
    /// Its watcher was told.
    gone: CancellationToken,
}

/// Where clients come from.
enum Listener {
    Socket {
        listener: UnixListener,
        /// Goes with it.
        _directory: PrivateDirectory,
    },
    Loopback(TcpListener),
}

/// What serves an open port.
struct Serving {
    opened: OpenPort,
    listener: Listener,
    link: Link,
    used: Arc<dyn Fn() + Send + Sync>,
}

impl Ports {
    /// Opens a port. `used` is called for each connection that leads inside.
    ///
    /// # Errors
    /// [`PortError`].
    pub async fn open(
        self: &Arc<Self>,
        (port, to): (u16, To),
        link: &Link,
        used: Arc<dyn Fn() + Send + Sync>,
        watcher: Arc<dyn PortWatcher>,
    ) -> Result<OpenPort, PortError> {
        if self.lock().len() >= MAX_PORTS {
            return Err(PortError::TooMany);
        }
        let (listener, reached) = listen(to).await?;
        let opened = OpenPort { id: PortId::random(), port, reached };
        let (stop, gone) = (CancellationToken::new(), CancellationToken::new());
        {
            let mut open = self.lock();
            if open.len() >= MAX_PORTS {
                return Err(PortError::TooMany);
            }
            open.insert(opened.id.clone(), Held { opened: opened.clone(), stop: stop.clone(), gone: gone.clone() });
        }
        let serving = Serving { opened: opened.clone(), listener, link: link.clone(), used };
        let ports = Arc::clone(self);
        tokio::spawn(async move {
            let why = tokio::select! {
                () = stop.cancelled() => Shut::Requested,
                _ = serving.link.lost() => Shut::SessionEnded,
                never = serving.serve(&stop) => never,
            };
            // Connections that stand end with it.
            stop.cancel();
            let Serving { opened, listener, .. } = serving;
            drop(listener);
            ports.lock().remove(&opened.id);
            watcher.shut(&opened, why).await;
            gone.cancel();
        });
        Ok(opened)
    }

    /// Those that are open.
    #[must_use]
    pub fn list(&self) -> Vec<OpenPort> {
        self.lock().values().map(|held| held.opened.clone()).collect()
    }

    /// Shuts one, and waits until nothing is left of it; false where there is none of this name.
    pub async fn shut(&self, id: &PortId) -> bool {
        let held = self.lock().get(id).map(|held| (held.stop.clone(), held.gone.clone()));
        let Some((stop, gone)) = held else { return false };
        stop.cancel();
        gone.cancelled().await;
        true
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PortId, Held>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn listen(to: To) -> io::Result<(Listener, Reached)> {
    match to {
        To::Socket => {
            let directory = PrivateDirectory::create()?;
            let path = directory.path().join(SOCKET);
            let listener = UnixListener::bind(&path)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
            Ok((Listener::Socket { listener, _directory: directory }, Reached::Socket(path)))
        }
        To::Loopback(port) => {
            let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
            let port = listener.local_addr()?.port();
            let token = [random_name(""), random_name("")].concat();
            Ok((Listener::Loopback(listener), Reached::Loopback { port, token }))
        }
    }
}

impl Serving {
    /// Lets in who comes. Never returns.
    async fn serve<T>(&self, stop: &CancellationToken) -> T {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            // Never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { continue };
            let accepted = match &self.listener {
                Listener::Socket { listener, .. } => listener.accept().await.map(|(client, _)| {
                    // The directory keeps others out; the kernel is asked all the same.
                    let ours = rustix::process::geteuid().as_raw();
                    if client.peer_cred().is_ok_and(|peer| peer.uid() == ours || peer.uid() == 0) {
                        self.lead_in(client, stop, place);
                    }
                }),
                Listener::Loopback(listener) => listener.accept().await.map(|(client, _)| {
                    // What is small is waited for.
                    client.set_nodelay(true).unwrap_or_default();
                    self.lead_in(client, stop, place);
                }),
            };
            if let Err(error) = accepted {
                tracing::warn!(port = %self.opened.id, %error, "a connection could not be accepted");
                tokio::time::sleep(BREATH).await;
            }
        }
    }

    fn lead_in<C>(&self, mut client: C, stop: &CancellationToken, place: OwnedSemaphorePermit)
    where
        C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let token = match &self.opened.reached {
            Reached::Socket(_) => None,
            Reached::Loopback { port, token } => Some((*port, token.clone())),
        };
        let (link, port, used, stop) = (self.link.clone(), self.opened.port, Arc::clone(&self.used), stop.clone());
        tokio::spawn(async move {
            let led = async {
                let first = match token {
                    None => Vec::new(),
                    Some((port, token)) => {
                        let shown = token::shown(&mut client, port, &token);
                        match tokio::time::timeout(TOKEN_PATIENCE, shown).await {
                            Ok(Ok(Some(first))) => first,
                            Ok(Ok(None) | Err(_)) | Err(_) => return,
                        }
                    }
                };
                used();
                match link.connect(Endpoint::Port(port)).await {
                    Ok(mut program) => {
                        let passed = async {
                            tokio::io::AsyncWriteExt::write_all(&mut program, &first).await?;
                            relay(client, program, &Traffic::default(), None).await
                        };
                        // Either may go away when it likes.
                        drop(passed.await);
                    }
                    Err(error) => tracing::debug!(port, %error, "nobody listens at a port that is open"),
                }
            };
            stop.run_until_cancelled(led).await.unwrap_or_default();
            drop(place);
        });
    }
}
