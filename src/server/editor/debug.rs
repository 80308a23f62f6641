//! `codebeaker.debug`: an adapter that waits for the client's debugger, and knows already what to launch.

use lsp_types::{MessageType, ShowMessageParams};
use serde_json::{Map, Value, json};

use super::cells::comment;
use super::place::{Subject, existing, given};
use crate::documents::cells::Lines;
use crate::engine::Engine;
use crate::protocol::ProtocolError;
use crate::protocol::debug::{DebugStartParams, DebugTransport};
use crate::protocol::editor::{DebugCommand, DebugReady};
use crate::server::connection::Connection;
use crate::server::handlers::debug;
use crate::transport::Message;

/// The largest file that is compared with an open document, in bytes.
const MAX_COMPARED: u64 = crate::documents::MAX_DOCUMENT_BYTES as u64;

pub(super) async fn ready(connection: &Connection, command: DebugCommand) -> Result<DebugReady, ProtocolError> {
    let subject = Subject::find(connection, &command.uri, command.language.as_deref(), command.engine.as_deref())?;
    let session = given(connection, command.session_id.as_deref()).await?;
    let engine = subject.debugged(connection, session.as_deref());
    let mut configuration = Map::new();
    let mut set = |name: &str, value: Value| drop(configuration.insert(name.to_owned(), value));
    set("name", json!(subject.name()));
    set("type", json!(engine.id));
    set("request", json!("launch"));
    set("language", json!(engine.id));
    match &subject.path {
        Some(path) => set("program", json!(path.to_string_lossy())),
        None => set("uri", json!(subject.uri)),
    }
    // A document that is as it was saved is debugged where it lies, among the files that it imports.
    match (&subject.text, command.cell_line) {
        (_, Some(line)) => set("code", json!(cell(&subject, engine, line)?)),
        (Some(text), None) if !is_saved(&subject, text).await => set("code", json!(text)),
        _ => {}
    }
    if session.is_none()
        && let Some(folder) = existing(subject.folder(connection)).await
    {
        set("cwd", json!(folder.to_string_lossy()));
    }
    if !command.args.is_empty() {
        set("args", json!(command.args));
    }
    if command.stop_on_entry {
        set("stopOnEntry", json!(true));
    }
    let params = DebugStartParams {
        session_id: session.map(|session| session.id.to_string()),
        transport: command.transport.unwrap_or(DebugTransport::Socket),
        configuration: Some(configuration.clone()),
    };
    let started = debug::start(connection, params).await?;
    if let (true, Some(socket)) = (connection.editor().facts().plain, &started.socket) {
        let message = format!("{}: a debugger can connect to {socket}, and launch it", subject.name());
        let message = ShowMessageParams { typ: MessageType::INFO, message };
        connection.outbox().control(Message::notification("window/showMessage", &message).expect("it is all text"));
    }
    // What the client has already need not travel again.
    configuration.remove("code");
    Ok(DebugReady { debug_id: started.debug_id, socket: started.socket, configuration })
}

/// The cell that a line is in, by itself and where it is.
fn cell(subject: &Subject, engine: &Engine, line: u32) -> Result<String, ProtocolError> {
    let lines = Lines::of(subject.open_text()?);
    let cells = lines.cells(comment(engine));
    let cell = cells.iter().rfind(|cell| cell.first <= line).unwrap_or(&cells[0]);
    Ok(lines.alone(cell.first, cell.end))
}

/// Whether the file has this text.
async fn is_saved(subject: &Subject, text: &str) -> bool {
    let Some(path) = subject.path.clone() else { return false };
    let length = text.len() as u64;
    let read = tokio::task::spawn_blocking(move || {
        let found = std::fs::metadata(&path).ok()?;
        let is_alike = found.is_file() && found.len() == length && length <= MAX_COMPARED;
        if is_alike { std::fs::read(&path).ok() } else { None }
    });
    read.await.ok().flatten().is_some_and(|saved| saved == text.as_bytes())
}
