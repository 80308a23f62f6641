//! The session that an editor's runs go to: `codebeaker.newSession`, `codebeaker.closeSession`; and
//! `codebeaker.stop`.

use serde_json::{Map, Value, json};

use super::place::existing;
use super::run::watcher;
use crate::protocol::editor::{CloseCommand, StopCommand, Stopped};
use crate::protocol::session::{CloseParams, CloseResult, CreateParams, SessionDetails};
use crate::protocol::{ErrorKind, ProtocolError, parse};
use crate::runtime::Workspace;
use crate::server::connection::Connection;
use crate::server::handlers::session::{self, close, find, wish};
use crate::server::selection;
use crate::session::Why;

/// Opens it. Without `workspace` its workspace is the editor's first folder, which programs can't change.
pub(super) async fn new_session(
    connection: &Connection,
    mut argument: Map<String, Value>,
) -> Result<SessionDetails, ProtocolError> {
    if !argument.contains_key("workspace") {
        let asked: CreateParams = parse(Some(Value::Object(argument.clone())))?;
        let first = connection.editor().folders().first().cloned();
        if let Some(folder) = existing(first).await {
            let uri = lsp_types::Url::from_directory_path(&folder).map(String::from).ok();
            let wish = wish(selection::select_params(&asked))?;
            let mode = match connection.daemon().sessions.unchanged(&wish, folder).await {
                Workspace::Overlay { .. } => "overlay",
                _ => "copy",
            };
            argument.insert("workspace".to_owned(), json!({"mode": mode, "uri": uri}));
        }
    }
    let params: CreateParams = parse(Some(Value::Object(argument)))?;
    let details = session::create_for(connection, params, watcher(connection)).await?;
    let id = details.session.session_id.clone().into();
    let before = connection.editor().session().replace(id);
    // The one before may have been the same, by its token.
    if let Some(before) = before.filter(|before| before.as_str() != details.session.session_id)
        && let Ok(before) = connection.daemon().sessions.get(&before)
    {
        before.close(Why::ClosedByClient).await;
    }
    Ok(details)
}

pub(super) async fn close_session(
    connection: &Connection,
    command: CloseCommand,
) -> Result<CloseResult, ProtocolError> {
    let current = connection.editor().session().clone().map(|id| id.to_string());
    let session_id = command.session_id.or_else(|| current.clone()).ok_or_else(|| {
        ProtocolError::new(ErrorKind::SessionNotFound, "no session is open for the documents of this client")
            .hint("`codebeaker.newSession` opens one; without it, each run has one of its own")
    })?;
    find(connection, &session_id).await?;
    if current.as_ref() == Some(&session_id) {
        *connection.editor().session() = None;
    }
    close(connection, CloseParams { session_id }).await
}

pub(super) fn stop(connection: &Connection, command: &StopCommand) -> Stopped {
    let uri =
        command.uri.as_deref().map(|uri| lsp_types::Url::parse(uri).map_or_else(|_| uri.to_owned(), String::from));
    let running = connection.editor().running();
    let meant = running.values().filter(|running| {
        uri.as_ref().is_none_or(|uri| running.uri == *uri)
            && command.execution_id.as_ref().is_none_or(|id| running.execution.id.as_str() == id)
    });
    let stopped = meant.map(|running| {
        running.execution.cancel();
        running.execution.id.to_string()
    });
    Stopped { execution_ids: stopped.collect() }
}
