//! `debug/*`.

use std::sync::Arc;

use serde_json::Value;

use super::catalogue::engine_infos;
use super::session::find;
use crate::causes::in_full;
use crate::debug::door::socket::Socket;
use crate::debug::door::{Children, Conversation, Gate, Reception};
use crate::debug::{Client, KeptBreakpoints, Opening, Stage};
use crate::engine::ENGINES;
use crate::ids::DebugId;
use crate::protocol::catalogue::{Done, NoParams};
use crate::protocol::debug::{
    Breakpoints, DebugBreakpointsParams, DebugInfo, DebugListResult, DebugMessage, DebugRef, DebugSendParams,
    DebugSendResult, DebugStage, DebugStartParams, DebugStartResult, DebugTransport,
};
use crate::protocol::handshake::{Feature, Features};
use crate::protocol::{ErrorKind, ProtocolError};
use crate::server::connection::Connection;
use crate::server::notifier::Notifier;
use crate::server::{convert, fault};

fn known(connection: &Connection, id: String) -> Result<Client, ProtocolError> {
    connection.daemon().debugs.get(&DebugId::from(id)).map_err(fault::of_debug)
}

pub(in crate::server) async fn start(
    connection: &Connection,
    params: DebugStartParams,
) -> Result<DebugStartResult, ProtocolError> {
    let DebugStartParams { session_id, transport, configuration } = params;
    if !connection.features().debugs_by(transport) {
        let what = format!("`transport: \"{}\"`", name(transport));
        return Err(Features::not_negotiated(Feature::Debug, &what));
    }
    let session = match session_id {
        Some(id) => Some(find(connection, &id).await?),
        None => None,
    };
    demand_debugger(connection).await?;
    let daemon = connection.daemon();
    let notifier = Notifier { outbox: connection.outbox().clone(), streaming: None, progress: None };
    let opening =
        Opening { session, configuration: configuration.map(Value::Object), watcher: Arc::new(notifier.clone()) };
    let socket = match transport {
        DebugTransport::Tunnel => None,
        DebugTransport::Socket => Some(Socket::private().map_err(|fault| {
            ProtocolError::new(ErrorKind::DebugSocketFailed, in_full(&fault))
                .hint("`transport: \"tunnel\"` needs no socket")
        })?),
    };
    let (client, messages) = daemon.debugs.open(opening).map_err(fault::of_debug)?;
    let debug_id = client.id.to_string();
    let path = socket.as_ref().map(|socket| socket.path().display().to_string());
    match socket {
        None => connection.debugging().tunnel(client, messages),
        Some(socket) => {
            let first =
                Conversation { client, messages, gate: Gate::Open, children: Children::SameDoor, may_detour: false };
            let reception = Reception {
                debugs: Arc::clone(&daemon.debugs),
                opening: Arc::new(move || Opening {
                    session: None,
                    configuration: None,
                    watcher: Arc::new(notifier.clone()),
                }),
                gate: Gate::Children,
                children: Children::SameDoor,
            };
            connection.debugging().serve(socket, first, reception);
        }
    }
    Ok(DebugStartResult { debug_id, socket: path })
}

fn name(transport: DebugTransport) -> &'static str {
    match transport {
        DebugTransport::Tunnel => "tunnel",
        DebugTransport::Socket => "socket",
    }
}

/// Refuses to debug where nothing is installed that could be.
async fn demand_debugger(connection: &Connection) -> Result<(), ProtocolError> {
    let sessions = &connection.daemon().sessions;
    let probed = sessions.host().glanced().await;
    if !sessions.host().adapters.is_empty() || engine_infos(sessions, &probed).iter().any(|engine| engine.debug) {
        return Ok(());
    }
    let debugged = ENGINES.iter().filter(|engine| engine.debugger.is_some());
    let installs: Vec<&str> = debugged.map(|engine| engine.install).collect();
    Err(ProtocolError::new(ErrorKind::DebuggerUnavailable, "nothing that can be debugged is installed here")
        .hint(format!("install one: {}", installs.join(", or "))))
}

pub(in crate::server) async fn send(
    connection: &Connection,
    params: DebugSendParams,
) -> Result<DebugSendResult, ProtocolError> {
    let client = known(connection, params.debug_id)?;
    let answer = client.request(&params.command, Value::Object(params.arguments.unwrap_or_default())).await;
    Ok(match answer {
        Ok(body) => DebugSendResult { success: true, body: Some(body).filter(|body| !body.is_null()), message: None },
        Err(message) => DebugSendResult { success: false, body: None, message: Some(message) },
    })
}

pub(in crate::server) async fn list(connection: &Connection, _: NoParams) -> Result<DebugListResult, ProtocolError> {
    let debugs = connection.daemon().debugs.list().into_iter().map(|overview| DebugInfo {
        transport: connection.debugging().transport(&overview.id),
        debug_id: overview.id.to_string(),
        stage: match overview.stage {
            Stage::Waiting => DebugStage::Waiting,
            Stage::Starting => DebugStage::Starting,
            Stage::Running => DebugStage::Running,
            Stage::Stopped => DebugStage::Stopped,
            Stage::Ended => DebugStage::Ended,
        },
        name: overview.name,
        session_id: overview.session.map(|id| id.to_string()),
        execution_id: overview.execution.map(|id| id.to_string()),
        parent_id: overview.parent.map(|id| id.to_string()),
        started_at: convert::time(&overview.opened_at),
    });
    Ok(DebugListResult { debugs: debugs.collect() })
}

pub(in crate::server) async fn terminate(connection: &Connection, params: DebugRef) -> Result<Done, ProtocolError> {
    let client = known(connection, params.debug_id)?;
    connection.debugging().terminate(&client).await;
    Ok(Done {})
}

pub(in crate::server) async fn breakpoints(
    connection: &Connection,
    params: DebugBreakpointsParams,
) -> Result<Breakpoints, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let debugs = &connection.daemon().debugs;
    if let Some(set) = params.set {
        debugs.keep_breakpoints(&session.id, read(set)?).map_err(fault::of_debug)?;
    }
    written(&debugs.breakpoints(&session.id))
}

fn read(set: Breakpoints) -> Result<KeptBreakpoints, ProtocolError> {
    let invalid = |path: String, error: serde_json::Error| {
        ProtocolError::new(ErrorKind::ValidationFailed, format!("{path}: {error}")).at(path)
    };
    let mut kept = KeptBreakpoints::default();
    for (index, source) in set.sources.into_iter().enumerate() {
        let source = serde_json::from_value(Value::Object(source));
        kept.sources.push(source.map_err(|error| invalid(format!("set.sources[{index}]"), error))?);
    }
    let functions = set.functions.map(|functions| serde_json::from_value(Value::Object(functions)));
    kept.functions = functions.transpose().map_err(|error| invalid("set.functions".to_owned(), error))?;
    let exceptions = set.exceptions.map(|exceptions| serde_json::from_value(Value::Object(exceptions)));
    kept.exceptions = exceptions.transpose().map_err(|error| invalid("set.exceptions".to_owned(), error))?;
    Ok(kept)
}

fn written(kept: &KeptBreakpoints) -> Result<Breakpoints, ProtocolError> {
    let written = serde_json::to_value(kept).and_then(serde_json::from_value);
    written.map_err(|error| ProtocolError::new(ErrorKind::InternalError, error.to_string()))
}

/// A `debug/message` of the client's.
pub(in crate::server) fn message(connection: &Connection, params: DebugMessage) {
    connection.debugging().message(params);
}
