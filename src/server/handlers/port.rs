//! `port/*`: what listens in a sandbox, reached from this machine.

use std::num::NonZeroU16;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;

use super::session::find;
use crate::ids::{PortId, SessionId};
use crate::network::ports::{self, PortWatcher, Reached, Shut, To};
use crate::protocol::catalogue::Done;
use crate::protocol::port::{
    OpenPort, PortCloseParams, PortClosedNotice, PortClosedReason, PortExposeParams, PortListParams, PortListResult,
    PortTo,
};
use crate::protocol::{ErrorKind, ProtocolError};
use crate::server::connection::Connection;
use crate::server::fault;
use crate::transport::{Message, Outbox};

/// Tells a client that a port is shut.
struct Teller {
    outbox: Outbox,
    session: SessionId,
}

impl Teller {
    fn tell<P: Serialize>(&self, method: &str, params: &P) {
        self.outbox.control(Message::notification(method, params).expect("a notice can be written as JSON"));
    }
}

#[async_trait]
impl PortWatcher for Teller {
    async fn shut(&self, port: &ports::OpenPort, why: Shut) {
        let reason = match why {
            Shut::Requested => PortClosedReason::Requested,
            Shut::SessionEnded => PortClosedReason::SessionEnded,
        };
        let (port_id, session_id) = (port.id.to_string(), self.session.to_string());
        self.tell("port/closed", &PortClosedNotice { port_id, session_id, reason });
    }
}

pub(in crate::server) async fn expose(
    connection: &Connection,
    params: PortExposeParams,
) -> Result<OpenPort, ProtocolError> {
    let to = match (params.to, params.host_port) {
        (PortTo::Socket, None) => To::Socket,
        (PortTo::Loopback, port) => To::Loopback(port.map_or(0, NonZeroU16::get)),
        (PortTo::Socket, Some(_)) => {
            let message = "hostPort: a socket has no port";
            return Err(ProtocolError::invalid_params("hostPort", message).hint("say `to: \"loopback\"`"));
        }
    };
    let session = find(connection, &params.session_id).await?;
    let teller = Arc::new(Teller { outbox: connection.outbox().clone(), session: session.id.clone() });
    let watcher = Arc::clone(&teller) as Arc<dyn PortWatcher>;
    let opened = session.expose(params.port.get(), to, watcher).await.map_err(fault::of_port)?;
    let opened = told(&session.id, &opened);
    teller.tell("port/opened", &opened);
    Ok(opened)
}

pub(in crate::server) async fn list(
    connection: &Connection,
    params: PortListParams,
) -> Result<PortListResult, ProtocolError> {
    let sessions = match &params.session_id {
        Some(id) => vec![find(connection, id).await?],
        None => connection.daemon().sessions.list(),
    };
    let all = sessions.iter().flat_map(|session| {
        let open = session.ports.list();
        open.iter().map(|port| told(&session.id, port)).collect::<Vec<_>>()
    });
    Ok(PortListResult { ports: all.collect() })
}

pub(in crate::server) async fn close(connection: &Connection, params: PortCloseParams) -> Result<Done, ProtocolError> {
    let id = PortId::from(params.port_id);
    for session in connection.daemon().sessions.list() {
        if session.ports.shut(&id).await {
            return Ok(Done {});
        }
    }
    let message = format!("there is no open port {id}");
    Err(ProtocolError::new(ErrorKind::PortNotFound, message).hint("`port/list` names those that are open"))
}

fn told(session: &SessionId, port: &ports::OpenPort) -> OpenPort {
    let (port_id, session_id) = (port.id.to_string(), session.to_string());
    let open = OpenPort {
        port_id,
        session_id,
        port: port.port,
        to: PortTo::Socket,
        path: None,
        host_port: None,
        token: None,
        url: None,
    };
    match &port.reached {
        Reached::Socket(path) => OpenPort { path: Some(path.display().to_string()), ..open },
        Reached::Loopback { port, token } => OpenPort {
            to: PortTo::Loopback,
            host_port: Some(*port),
            url: Some(format!("http://127.0.0.1:{port}/?codebeaker-token={token}")),
            token: Some(token.clone()),
            ..open
        },
    }
}
