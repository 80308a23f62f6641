//! `textDocument/codeLens`: *Run* and *Debug* above what can be run and debugged here, and above its cells the same.
//!
//! The commands say by themselves what they are about, so that a client needs to know nothing of them.

use lsp_types::{CodeLens, CodeLensParams, Command, Position, Range};
use serde_json::{Value, json};

use super::cells::comment;
use super::place::Subject;
use crate::documents::cells::Lines;
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
    let lens = |line: u32, title: &str, command: &str, argument: Value| {
        let place = Position::new(line, 0);
        let command = Command::new(title.to_owned(), command.to_owned(), Some(vec![argument]));
        CodeLens { range: Range::new(place, place), command: Some(command), data: None }
    };
    let is_debugged = usable.iter().any(|info| info.debug) && connection.features().has(Feature::Debug);
    let mut lenses = vec![lens(0, "▶ Run", editor::RUN, json!({"uri": uri}))];
    if is_debugged {
        lenses.push(lens(0, "Debug", editor::DEBUG, json!({"uri": uri})));
    }
    let is_live = usable.iter().any(|info| info.contexts) && connection.features().has(Feature::Contexts);
    let (Some(text), true) = (&subject.text, is_live) else { return lenses };
    let cells = Lines::of(text).cells(comment(subject.engines[0]));
    if !cells.iter().any(|cell| cell.is_marked) {
        return lenses;
    }
    for (index, cell) in cells.iter().enumerate().filter(|(_, cell)| cell.is_code) {
        let scoped = |scope: &str| json!({"uri": uri, "line": cell.first, "scope": scope});
        lenses.push(lens(cell.first, "▶ Run cell", editor::RUN_CELL, json!({"uri": uri, "line": cell.first})));
        if is_debugged {
            let argument = json!({"uri": uri, "cellLine": cell.first});
            lenses.push(lens(cell.first, "Debug cell", editor::DEBUG, argument));
        }
        if cells[..index].iter().any(|cell| cell.is_code) {
            lenses.push(lens(cell.first, "Run above", editor::RUN_CELL, scoped("above")));
        }
        if cells[index + 1..].iter().any(|cell| cell.is_code) {
            lenses.push(lens(cell.first, "Run below", editor::RUN_CELL, scoped("below")));
        }
    }
    lenses
}
