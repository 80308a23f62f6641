//! `textDocument/codeLens`: *Run* and *Debug* above what can be run and debugged here.
//!
//! The commands say by themselves what they are about, so that a client needs to know nothing of them.

use lsp_types::{CodeLens, CodeLensParams, Command, Position, Range};
use serde_json::json;

use super::place::Subject;
use crate::protocol::editor;
use crate::protocol::handshake::Feature;
use crate::server::connection::Connection;
use crate::server::handlers::catalogue::engine_infos;

pub(in crate::server) async fn lenses(connection: &Connection, params: &CodeLensParams) -> Vec<CodeLens> {
    let uri = &params.text_document.uri;
    // What nothing runs has no lens, which is no error.
    let Ok(subject) = Subject::find(connection, uri.as_str(), None, None) else { return Vec::new() };
    let sessions = &connection.daemon().sessions;
    let probed = sessions.host().glanced().await;
    let infos = engine_infos(sessions, &probed);
    let is_one = |id: &str| subject.engines.iter().any(|engine| engine.id == id);
    let usable: Vec<_> = infos.into_iter().filter(|info| info.available && is_one(&info.id)).collect();
    if usable.is_empty() {
        return Vec::new();
    }
    let top = Range::new(Position::new(0, 0), Position::new(0, 0));
    let lens = |title: &str, command: &str| CodeLens {
        range: top,
        command: Some(Command::new(title.to_owned(), command.to_owned(), Some(vec![json!({"uri": uri})]))),
        data: None,
    };
    let mut lenses = vec![lens("▶ Run", editor::RUN)];
    if usable.iter().any(|info| info.debug) && connection.features().has(Feature::Debug) {
        lenses.push(lens("Debug", editor::DEBUG));
    }
    lenses
}
