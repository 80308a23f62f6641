//! Lets clients in by a door, each to an adapter of its own.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, split};
use tokio::task::JoinSet;

use super::children::Children;
use super::gate::Gate;
use super::socket::Socket;
use super::stream::Conversation;
use super::tcp::Port;
use crate::debug::{Debugs, Opening};

/// Clients at one time that came in by the same door. More are turned away.
const MAX_CLIENTS: usize = 32;

/// What is listened on.
#[derive(Debug)]
pub enum Door {
    /// A unix socket.
    Socket(Arc<Socket>),
    /// A port of the loopback.
    Port(Port),
}

/// A connection.
trait Connected: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connected for T {}

impl Door {
    async fn accept(&self) -> Box<dyn Connected> {
        match self {
            Self::Socket(socket) => Box::new(socket.accept().await),
            Self::Port(port) => Box::new(port.accept().await),
        }
    }
}

/// What clients are let in to.
#[derive(Clone)]
pub struct Reception {
    /// Where their adapters are made.
    pub debugs: Arc<Debugs>,
    /// What a new adapter begins with.
    pub opening: Arc<dyn Fn() -> Opening + Send + Sync>,
    /// Who is let in.
    pub gate: Gate,
    /// How children of what is debugged find their adapters.
    pub children: Children,
}

impl std::fmt::Debug for Reception {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reception").field("gate", &self.gate).finish_non_exhaustive()
    }
}

impl Reception {
    /// Lets clients in for as long as it is polled. Dropped, it ends them all.
    pub async fn receive(&self, door: &Door) -> std::convert::Infallible {
        let mut conversations = JoinSet::new();
        loop {
            let stream = door.accept().await;
            while conversations.try_join_next().is_some() {}
            if conversations.len() >= MAX_CLIENTS {
                tracing::warn!("a debug client was turned away: there are {MAX_CLIENTS} already");
                continue;
            }
            match self.debugs.open((self.opening)()) {
                Ok((client, messages)) => {
                    let (gate, children) = (self.gate.clone(), self.children.clone());
                    let conversation = Conversation { client, messages, gate, children, may_detour: false };
                    let (reader, writer) = split(stream);
                    conversations.spawn(async move {
                        let ending = conversation.hold(reader, writer).await;
                        tracing::debug!(%ending, "a debug client is gone");
                    });
                }
                Err(error) => tracing::warn!(%error, "a debug client was turned away"),
            }
        }
    }

    /// Gives the first client that comes in by the door to an adapter that is there already, and lets in others
    /// for its children until that one is gone.
    pub async fn attend(&self, door: &Door, first: Conversation) {
        let stream = tokio::select! {
            stream = door.accept() => stream,
            () = first.client.over() => return,
        };
        let (reader, writer) = split(stream);
        tokio::select! {
            ending = first.hold(reader, writer) => tracing::debug!(%ending, "a debug client is gone"),
            never = self.receive(door) => match never {},
        }
    }
}
