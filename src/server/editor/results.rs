//! What came of the code beside the code: `textDocument/inlayHint`, and more of it by `textDocument/hover`.
//!
//! For plain clients alone: others show results as they like. A result is at the end of what ran, moves with the lines
//! above it, and goes when the text that it is of changes, or runs again. All of it is text out of a sandbox, made fit
//! to be shown, and never taken for Markdown.

use std::collections::BTreeMap;
use std::time::Duration;

use lsp_types::{
    Hover, HoverContents, HoverParams, InlayHint, InlayHintLabel, InlayHintParams, InlayHintTooltip, MarkupContent,
    MarkupKind, Position, Range, TextDocumentContentChangeEvent,
};
use serde_json::Value;

use super::report::{Reporter, raised_in_words, verdict};
use crate::execution::{Outcome, Summary};
use crate::server::connection::Connection;

/// Results that one document shows; the oldest go.
const MAX_SHOWN: usize = 1000;

/// How long a client may take to say that it will ask again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lines of a document that run or have run, from 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The first.
    pub(super) first: u32,
    /// The line that is not of it any more.
    pub(super) end: u32,
    /// The one at whose end the result is.
    pub(super) at: u32,
}

/// A result, or that of what runs now.
#[derive(Debug)]
struct Result {
    id: u64,
    place: Place,
    told: Option<Told>,
}

#[derive(Debug, Clone)]
struct Told {
    label: String,
    detail: String,
}

/// The results of all documents.
#[derive(Debug, Default)]
pub(super) struct Results {
    documents: BTreeMap<String, Vec<Result>>,
    last: u64,
}

impl Results {
    /// Something begins to run: what came of these lines before is no more. Its name, and whether something has gone.
    fn begin(&mut self, uri: &str, place: Place) -> (u64, bool) {
        self.last += 1;
        let of_document = self.documents.entry(uri.to_owned()).or_default();
        let before = of_document.len();
        of_document.retain(|one| one.place.end <= place.first || place.end <= one.place.first);
        let has_gone = of_document.len() < before;
        if of_document.len() >= MAX_SHOWN {
            of_document.remove(0);
        }
        of_document.push(Result { id: self.last, place, told: None });
        (self.last, has_gone)
    }

    /// What came of it; nothing where there is nothing to tell. Whether that is to be seen.
    fn fill(&mut self, uri: &str, id: u64, told: Option<Told>) -> bool {
        let Some(of_document) = self.documents.get_mut(uri) else { return false };
        let Some(index) = of_document.iter().position(|one| one.id == id) else { return false };
        match told {
            Some(told) => of_document[index].told = Some(told),
            None => drop(of_document.remove(index)),
        }
        true
    }

    /// A document was edited.
    pub(super) fn edited(&mut self, uri: &str, changes: &[TextDocumentContentChangeEvent]) {
        let Some(of_document) = self.documents.get_mut(uri) else { return };
        for change in changes {
            match change.range {
                None => of_document.clear(),
                Some(range) => of_document.retain_mut(|one| one.place.survives(range, &change.text)),
            }
        }
    }

    /// A document was closed.
    pub(super) fn forget(&mut self, uri: &str) {
        self.documents.remove(uri);
    }

    fn told(&self, uri: &str) -> impl Iterator<Item = (u32, &Told)> {
        let of_document = self.documents.get(uri).into_iter().flatten();
        of_document.filter_map(|one| Some((one.place.at, one.told.as_ref()?)))
    }
}

impl Place {
    /// Moves with an edit of other lines; false for one of its own.
    fn survives(&mut self, Range { start, end }: Range, text: &str) -> bool {
        if start.line >= self.end {
            return true;
        }
        // What ends where its first line begins is above it, if that still begins a line.
        let touches = end.line == self.first && end.character == 0;
        let keeps_line = text.ends_with(['\n', '\r']) || (text.is_empty() && start.character == 0);
        if end.line >= self.first && !(touches && keeps_line) {
            return false;
        }
        let (added, removed) = (breaks(text), end.line.saturating_sub(start.line));
        for line in [&mut self.first, &mut self.end, &mut self.at] {
            *line = line.saturating_add(added).saturating_sub(removed);
        }
        true
    }
}

/// How many lines a text ends.
fn breaks(text: &str) -> u32 {
    let feeds = text.matches('\n').count();
    let alone = text.matches('\r').count() - text.matches("\r\n").count();
    u32::try_from(feeds + alone).unwrap_or(u32::MAX)
}

/// Something of a document begins to run. Its name, where its result is to be shown.
pub(super) fn begin(connection: &Connection, uri: &str, place: Place) -> Option<u64> {
    if !connection.editor().facts().plain {
        return None;
    }
    let (id, has_gone) = connection.editor().results().begin(uri, place);
    if has_gone {
        refresh(connection);
    }
    Some(id)
}

/// It has ended; without a summary, it was not run.
pub(super) fn end(connection: &Connection, uri: &str, id: u64, ended: Option<(&Summary, &Reporter)>, detail: String) {
    let told = ended.map(|(summary, reporter)| Told { label: label(summary, reporter), detail });
    if connection.editor().results().fill(uri, id, told) {
        refresh(connection);
    }
}

fn label(summary: &Summary, reporter: &Reporter) -> String {
    let took = match summary.duration {
        short if short < Duration::from_secs(1) => format!("{} ms", short.as_millis()),
        long => format!("{:.1} s", long.as_secs_f64()),
    };
    match (summary.outcome, &summary.raised) {
        (Outcome::Ok, _) => match reporter.last_line(true) {
            Some(line) => format!("✓ {line} · {took}"),
            None => format!("✓ {took}"),
        },
        (Outcome::Error, Some(raised)) => format!("✗ {} · {took}", raised_in_words(raised)),
        (Outcome::Error, None) => match reporter.last_line(false) {
            Some(line) => format!("✗ {line} · {took}"),
            None => format!("✗ {}", verdict(summary)),
        },
        _ => format!("✗ {}", verdict(summary)),
    }
}

/// Has the client ask again, where it can.
fn refresh(connection: &Connection) {
    if !connection.editor().facts().refreshes {
        return;
    }
    let connection = connection.clone();
    tokio::spawn(async move {
        let asked = connection.outbox().ask("workspace/inlayHint/refresh", &Value::Null);
        if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, asked).await {
            tracing::debug!(%error, "the client does not ask again for what came of the code");
        }
    });
}

/// `textDocument/inlayHint`.
pub(in crate::server) fn hints(connection: &Connection, params: &InlayHintParams) -> Vec<InlayHint> {
    let uri = params.text_document.uri.as_str();
    let told: Vec<(u32, Told)> = {
        let results = connection.editor().results();
        let within = |line: u32| params.range.start.line <= line && line <= params.range.end.line;
        results.told(uri).filter(|(line, _)| within(*line)).map(|(line, told)| (line, told.clone())).collect()
    };
    let hint = |(line, Told { label, detail }): (u32, Told)| {
        let (_, end) = extent(connection, uri, line)?;
        Some(InlayHint {
            position: Position::new(line, end),
            label: InlayHintLabel::String(label),
            kind: None,
            text_edits: None,
            tooltip: Some(InlayHintTooltip::String(detail)),
            padding_left: Some(true),
            padding_right: None,
            data: None,
        })
    };
    told.into_iter().filter_map(hint).collect()
}

/// `textDocument/hover`: in the line of a result.
pub(in crate::server) fn hover(connection: &Connection, params: &HoverParams) -> Option<Hover> {
    let at = &params.text_document_position_params;
    let (uri, line) = (at.text_document.uri.as_str(), at.position.line);
    let detail = {
        let results = connection.editor().results();
        let (_, told) = results.told(uri).find(|(of, _)| *of == line)?;
        told.detail.clone()
    };
    let (start, end) = extent(connection, uri, line)?;
    Some(Hover {
        contents: HoverContents::Markup(MarkupContent { kind: MarkupKind::PlainText, value: detail }),
        range: Some(Range::new(Position::new(line, start), Position::new(line, end))),
    })
}

/// From where to where a line has text.
fn extent(connection: &Connection, uri: &str, line: u32) -> Option<(u32, u32)> {
    let encoding = connection.editor().facts().encoding;
    connection.editor().documents().get(uri).ok().flatten()?.line(line, encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "file:///a.py";

    fn edit(from: (u32, u32), to: (u32, u32), text: &str) -> TextDocumentContentChangeEvent {
        let range = Some(Range::new(Position::new(from.0, from.1), Position::new(to.0, to.1)));
        TextDocumentContentChangeEvent { range, range_length: None, text: text.to_owned() }
    }

    fn after(change: TextDocumentContentChangeEvent) -> Option<u32> {
        let mut results = Results::default();
        let (id, _) = results.begin(URI, Place { first: 4, end: 8, at: 6 });
        results.edited(URI, &[change]);
        results.fill(URI, id, Some(Told { label: String::new(), detail: String::new() }));
        results.told(URI).next().map(|(line, _)| line)
    }

    #[test]
    fn a_result_moves_with_the_lines_above_it_and_goes_with_its_own() {
        for (change, expected) in [
            (edit((0, 0), (0, 0), "a\nb\r\nc\r"), Some(9)),
            (edit((1, 3), (3, 0), ""), Some(4)),
            (edit((3, 0), (4, 0), ""), Some(5)),
            (edit((4, 0), (4, 0), "x\n"), Some(7)),
            (edit((8, 0), (9, 0), ""), Some(6)),
            // The lines themselves, and what joins them to others.
            (edit((4, 0), (4, 0), "x"), None),
            (edit((3, 2), (4, 0), ""), None),
            (edit((3, 2), (4, 1), ""), None),
            (edit((7, 0), (7, 0), "x"), None),
            (edit((0, 0), (9, 0), ""), None),
            (TextDocumentContentChangeEvent { range: None, range_length: None, text: String::new() }, None),
        ] {
            assert_eq!(after(change.clone()), expected, "{change:?}");
        }
    }

    #[test]
    fn what_runs_again_has_no_result_until_it_has_ended() {
        let told = || Some(Told { label: "x".to_owned(), detail: String::new() });
        let mut results = Results::default();
        let (one, _) = results.begin(URI, Place { first: 0, end: 2, at: 1 });
        let (other, _) = results.begin(URI, Place { first: 2, end: 4, at: 3 });
        assert!(results.fill(URI, one, told()) && results.fill(URI, other, told()));
        assert_eq!(results.told(URI).count(), 2);
        let (again, has_gone) = results.begin(URI, Place { first: 1, end: 2, at: 1 });
        assert!(has_gone && !results.fill(URI, one, told()));
        assert_eq!(results.told(URI).count(), 1);
        assert!(results.fill(URI, again, None));
        for line in 0..2 * u32::try_from(MAX_SHOWN).unwrap() {
            results.begin(URI, Place { first: line, end: line + 1, at: line });
        }
        assert_eq!(results.documents[URI].len(), MAX_SHOWN);
        results.forget(URI);
        assert_eq!(results.told(URI).count(), 0);
    }
}
