//! A port of the loopback, for clients that know nothing else. Every user of the machine can connect to it, so
//! that it is never without a token ([`super::Gate::Token`]).

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};

use super::socket::BREATH;

/// Why there is no port.
#[derive(Debug, thiserror::Error)]
pub enum PortFault {
    /// Other machines could connect to it.
    #[error("{0} is not of the loopback: say 127.0.0.1 or [::1]")]
    NotLoopback(SocketAddr),
    /// The kernel refused.
    #[error("{0} can't be listened on")]
    Kernel(SocketAddr, #[source] io::Error),
}

/// A port that is listened on.
#[derive(Debug)]
pub struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

impl Port {
    /// Listens at this address; port 0 is any that is free.
    ///
    /// # Errors
    /// [`PortFault`].
    pub async fn bind(address: SocketAddr) -> Result<Self, PortFault> {
        if !address.ip().is_loopback() {
            return Err(PortFault::NotLoopback(address));
        }
        let listener = TcpListener::bind(address).await.map_err(|error| PortFault::Kernel(address, error))?;
        let address = listener.local_addr().map_err(|error| PortFault::Kernel(address, error))?;
        Ok(Self { listener, address })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next client.
    pub async fn accept(&self) -> TcpStream {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    // Messages are small, and each is waited for.
                    drop(stream.set_nodelay(true));
                    return stream;
                }
                Err(error) => {
                    tracing::warn!(port = %self.address, %error, "a client could not be accepted");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    }
}
