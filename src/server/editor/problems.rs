//! Diagnostics from what a run has printed: each error where it came about, with the calls that led there.
//!
//! The output may be made up, so only documents of the editor's folder and the one that ran are ever marked, a
//! bounded number of them, with text that is fit to be shown. A document that was edited since the run began is not
//! marked, because its lines are others; marks go when it is edited, and when what ran runs again.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use lsp_types::{
    Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, Location, NumberOrString, Position,
    PublishDiagnosticsParams, Range, Url,
};

use super::follow::Piece;
use super::place::Subject;
use crate::agent::plan::{CODE, WORKSPACE};
use crate::execution::{Origin, Raised};
use crate::server::connection::Connection;
use crate::session::Session;
use crate::text::{Keep, bare, clean};
use crate::traces::{self, Place, Problem, Severity};
use crate::transport::Message;

/// Who says it.
const SOURCE: &str = "codebeaker";

/// Documents that one run marks.
const MAX_DOCUMENTS: usize = 20;

/// The longest path that is looked at, in bytes.
const MAX_PATH: usize = 4096;

/// The longest message, in bytes.
const MAX_MESSAGE: usize = 2 << 10;

/// The longest name of a kind or of a function, in bytes.
const MAX_NAME: usize = 200;

/// The end of a line whose text is not known: LSP takes what is beyond the end for it.
const FAR: u32 = 10_000;

/// Which document a path of the sandbox is.
pub(super) struct SourceMap {
    /// The document that ran, and its path.
    document: Url,
    path: Option<PathBuf>,
    /// What the workspace shows.
    root: Option<PathBuf>,
    /// Where the program runs, in the sandbox.
    cwd: PathBuf,
    /// What every open document was when the run began.
    revisions: BTreeMap<String, u64>,
}

impl SourceMap {
    pub(super) fn new(connection: &Connection, subject: &Subject, session: &Session, cwd: Option<&str>) -> Self {
        let documents = connection.editor().documents();
        let revisions = documents.iter().map(|(uri, document)| (uri.to_owned(), document.revision));
        Self {
            document: subject.uri.clone(),
            path: subject.path.clone(),
            root: session.workspace_path().cloned(),
            cwd: Path::new(WORKSPACE).join(cwd.unwrap_or_default()),
            revisions: revisions.collect(),
        }
    }

    /// The document; `None` for what is none of the editor's.
    fn document(&self, path: &str, execution: &str) -> Option<Url> {
        if path.len() > MAX_PATH || path.contains('\0') {
            return None;
        }
        let path = match Url::parse(path).ok().filter(|url| url.scheme() == "file") {
            Some(url) => url.to_file_path().ok()?,
            None => self.cwd.join(path),
        };
        // The code of this execution and of no other is the document by itself.
        if path.strip_prefix(Path::new(CODE).join(execution)).is_ok_and(|name| name.components().count() == 1) {
            return Some(self.document.clone());
        }
        let inside = path.strip_prefix(WORKSPACE).ok()?;
        let mut below = inside.components().filter(|part| *part != Component::CurDir).peekable();
        below.peek()?;
        let mut host = self.root.clone()?;
        for part in below {
            let Component::Normal(name) = part else { return None };
            host.push(name);
        }
        self.of_host(host)
    }

    fn of_host(&self, path: PathBuf) -> Option<Url> {
        if self.path.as_ref() == Some(&path) { Some(self.document.clone()) } else { Url::from_file_path(path).ok() }
    }

    /// The document that a call of a cell is in.
    fn origin(&self, origin: &Origin) -> Option<Url> {
        match origin {
            Origin::Document(uri) if *uri == self.document.as_str() => Some(self.document.clone()),
            Origin::Document(uri) => Url::parse(uri).ok(),
            Origin::Host(path) => self.of_host(path.clone()),
            Origin::Inside => None,
        }
    }
}

/// Marks what a run that failed says of itself: the error that its interpreter tells of, else what it has printed.
pub(super) fn publish(connection: &Connection, piece: &Piece, raised: Option<&Raised>) {
    let facts = connection.editor().facts();
    if !facts.diagnostics {
        return;
    }
    let (map, mut marks) = (&piece.source_map, BTreeMap::new());
    match raised {
        Some(raised) => {
            let places = raised.frames.iter().rev().filter_map(|frame| {
                let place = Place { path: String::new(), line: frame.line, function: Some(frame.function.clone()) };
                Some((map.origin(&frame.origin)?, place))
            });
            let told = (Severity::Error, Some(raised.name.as_str()), raised.message.as_str());
            collect(&mut marks, diagnostic(connection, told, places.take(traces::MAX_PLACES)));
        }
        // A program that prints its tracebacks has nothing on the other stream.
        None => {
            for text in piece.reporter.ends() {
                for Problem { severity, kind, message, places } in traces::problems(&bare(&text)) {
                    let execution = piece.execution.id.as_str();
                    let places =
                        places.into_iter().filter_map(|place| Some((map.document(&place.path, execution)?, place)));
                    collect(&mut marks, diagnostic(connection, (severity, kind.as_deref(), &message), places));
                }
                if !marks.is_empty() {
                    break;
                }
            }
        }
    }
    for (name, (uri, diagnostics)) in marks {
        let message = publication(uri, diagnostics);
        // Held, so that an edit comes after this and takes the mark away.
        let documents = connection.editor().documents();
        let now = documents.get(&name).ok().flatten().map(|document| document.revision);
        if now == map.revisions.get(&name).copied() {
            connection.editor().marked().insert(name, map.document.to_string());
            connection.outbox().control(message);
        }
    }
}

/// What is marked, by the names of the documents.
type Marks = BTreeMap<String, (Url, Vec<Diagnostic>)>;

fn collect(marks: &mut Marks, found: Option<(Url, Diagnostic)>) {
    let Some((uri, diagnostic)) = found else { return };
    if marks.len() < MAX_DOCUMENTS || marks.contains_key(uri.as_str()) {
        marks.entry(uri.to_string()).or_insert_with(|| (uri, Vec::new())).1.push(diagnostic);
    }
}

fn diagnostic(
    connection: &Connection,
    (severity, kind, message): (Severity, Option<&str>, &str),
    places: impl Iterator<Item = (Url, Place)>,
) -> Option<(Url, Diagnostic)> {
    let mut mapped = places.map(|(uri, place)| {
        let range = range(connection, &uri, &place);
        (Location { uri, range }, place)
    });
    let (first, _) = mapped.next()?;
    let related = mapped.map(|(location, place)| {
        let function = place.function.as_deref().unwrap_or("here");
        let message = format!("called from {}", clean(function, Keep::OneLine, MAX_NAME));
        DiagnosticRelatedInformation { location, message }
    });
    let related: Vec<_> = related.collect();
    let kind = kind.map(|kind| clean(kind, Keep::OneLine, MAX_NAME));
    let message = clean(message, Keep::OneLine, MAX_MESSAGE);
    let diagnostic = Diagnostic {
        range: first.range,
        severity: Some(match severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        message: match &kind {
            Some(kind) if *kind != message => format!("{kind}: {message}"),
            _ => message,
        },
        code: kind.map(NumberOrString::String),
        source: Some(SOURCE.to_owned()),
        related_information: Some(related).filter(|them| connection.editor().facts().related && !them.is_empty()),
        ..Diagnostic::default()
    };
    Some((first.uri, diagnostic))
}

/// The whole line.
fn range(connection: &Connection, uri: &Url, place: &Place) -> Range {
    let (facts, line) = (connection.editor().facts(), place.line.saturating_sub(1));
    let documents = connection.editor().documents();
    let document = documents.get(uri.as_str()).ok().flatten();
    let (start, end) = document.and_then(|document| document.line(line, facts.encoding)).unwrap_or((0, FAR));
    // What is not in the document is at its end.
    Range::new(Position::new(line.min(i32::MAX as u32), start), Position::new(line.min(i32::MAX as u32), end))
}

/// A document was edited: what was marked in it may be elsewhere now.
pub(in crate::server) fn outdated(connection: &Connection, uri: &str) {
    if connection.editor().marked().remove(uri).is_some() {
        clear(connection, uri);
    }
}

/// A document runs anew: what its last run has marked is forgotten.
pub(super) fn forget(connection: &Connection, document: &str) {
    let mut marked = connection.editor().marked();
    let (old, others) = std::mem::take(&mut *marked).into_iter().partition(|(_, of)| of == document);
    *marked = others;
    drop(marked);
    let old: BTreeMap<String, String> = old;
    for uri in old.keys() {
        clear(connection, uri);
    }
}

fn clear(connection: &Connection, uri: &str) {
    if let Ok(uri) = Url::parse(uri) {
        connection.outbox().control(publication(uri, Vec::new()));
    }
}

fn publication(uri: Url, diagnostics: Vec<Diagnostic>) -> Message {
    let params = PublishDiagnosticsParams { uri, diagnostics, version: None };
    Message::notification("textDocument/publishDiagnostics", &params).expect("diagnostics can be written as JSON")
}
