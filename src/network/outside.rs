//! What the daemon itself reaches for an installer: by the same gate, which looks at each host and notes it.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::Way;
use super::gate::{Denial, Gate};
use super::log::{Asked, Traffic};
use super::proxy::{CONNECTING, over};
use crate::causes;
use crate::config::Host;

/// Why a host is not reached.
#[derive(Debug, thiserror::Error)]
pub enum OutsideError {
    /// The installer may not reach it either.
    #[error("{host}:{port} is not reached: {why}")]
    Denied {
        /// Which.
        host: String,
        /// At which port.
        port: u16,
        /// What the gate said.
        why: String,
    },
    /// It can't be connected to.
    #[error("{host}:{port} can't be connected to")]
    Connect {
        /// Which.
        host: String,
        /// At which port.
        port: u16,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// What may be reached for one installer.
#[derive(Clone)]
pub struct Outside {
    gate: Arc<Gate>,
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside").finish_non_exhaustive()
    }
}

impl Outside {
    pub(super) fn by(gate: Gate) -> Self {
        Self { gate: Arc::new(gate) }
    }

    /// Connects to a host that may be reached.
    ///
    /// # Errors
    /// [`OutsideError`].
    pub async fn connect(&self, host: &Host, port: u16) -> Result<Connection, OutsideError> {
        let name = host.to_string();
        let asked = Asked { by: self.gate.who(), way: Way::Tunnel, host: &name, port };
        let found = match self.gate.judge(host, port, Way::Tunnel).await {
            Ok(rule) => self.gate.addresses(host, port).await.map(|addresses| (rule, addresses)),
            Err(denial) => Err(denial),
        };
        let (rule, addresses) = found.map_err(|denial: Denial| {
            let why = causes::in_full(&denial);
            over(&self.gate.log.note(asked, Err(why.clone())));
            OutsideError::Denied { host: name.clone(), port, why }
        })?;
        let traffic = self.gate.log.note(asked, Ok(rule));
        let connected = tokio::time::timeout(CONNECTING, TcpStream::connect(&addresses[..])).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let connected = connected.and_then(|stream| stream.set_nodelay(true).map(|()| stream));
        match connected {
            Ok(stream) => Ok(Connection { stream, traffic }),
            Err(source) => {
                over(&traffic);
                Err(OutsideError::Connect { host: name, port, source })
            }
        }
    }
}

/// A connection to a host, whose bytes are counted.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    traffic: Arc<Traffic>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        over(&self.traffic);
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.traffic.received.fetch_add((buf.filled().len() - before) as u64, Ordering::Relaxed);
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(length)) = &written {
            self.traffic.sent.fetch_add(*length as u64, Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
