//! `codebeaker.runCell`: cells of a document, each as an execution in the document's live interpreter.
//!
//! One begins when the one before it has ended well. It answers when the first has its place in the interpreter's queue.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::Running;
use super::contexts::{Interpreter, obtain};
use super::follow::{Piece, Screen, told};
use super::place::Subject;
use super::problems::{self, SourceMap};
use super::report::Reporter;
use super::results::{self, Place};
use super::run::notifier;
use crate::context::{Cell, Document, Rich};
use crate::documents::cells::{self, Lines};
use crate::engine::{Engine, Interpreter as Kind};
use crate::execution::{Observer, Outcome};
use crate::protocol::ProtocolError;
use crate::protocol::context::CodeRange;
use crate::protocol::editor::{CellScope, CellStarted, RunCellCommand};
use crate::server::cells::CellNotifier;
use crate::server::connection::Connection;
use crate::server::fault;
use crate::server::handlers::execution::file_name;
use crate::session::{CellRun, SessionError};

/// Lines of a document that are to run.
struct Chosen {
    place: Place,
    code: String,
}

/// Cells on their way.
struct Batch {
    connection: Connection,
    name: String,
    document: Document,
    interpreter: Interpreter,
    timeout: Option<Duration>,
    token: String,
    subject: Subject,
}

/// What begins a comment, and so a cell.
pub(super) fn comment(engine: &Engine) -> &'static str {
    match engine.id {
        "python" | "ruby" | "bash" => "#",
        _ => "//",
    }
}

pub(super) async fn run(connection: &Connection, command: RunCellCommand) -> Result<CellStarted, ProtocolError> {
    let subject = Subject::find(connection, &command.uri, command.language.as_deref(), None)?;
    if command.session.is_some() && command.session_id.is_some() {
        let message = "session: excludes `sessionId`, which names one that is there";
        return Err(ProtocolError::invalid_params("session", message));
    }
    let mut chosen = chosen(connection, &subject, &command)?;
    let interpreter = obtain(connection, &subject, command.session_id.as_deref(), command.session).await?;
    // What it imports is as the editor shows it too.
    subject.source(connection, &interpreter.session).await?;
    problems::forget(connection, subject.uri.as_str());
    let document = Document {
        uri: subject.uri.to_string(),
        name: file_name(subject.uri.as_str()).unwrap_or_else(|_| subject.name()),
        path: subject.path.clone(),
    };
    let timeout = command.timeout_ms.map(|ms| Duration::from_millis(ms.get()));
    let (name, token) = (subject.name(), String::new());
    let mut batch = Batch { connection: connection.clone(), name, document, interpreter, timeout, token, subject };
    let first =
        chosen.pop_front().ok_or_else(|| ProtocolError::invalid_params("scope", "scope: there is no cell there"))?;
    let piece = batch.begin(first).map_err(fault::of_session)?;
    batch.token = format!("codebeaker/{}", piece.execution.id);
    batch.note(&piece);
    let started = CellStarted {
        session_id: batch.interpreter.session.id.to_string(),
        context_id: batch.interpreter.context.id.to_string(),
        execution_id: piece.execution.id.to_string(),
    };
    tokio::spawn(batch.follow(piece, chosen));
    Ok(started)
}

/// What a command means.
fn chosen(
    connection: &Connection,
    subject: &Subject,
    command: &RunCellCommand,
) -> Result<VecDeque<Chosen>, ProtocolError> {
    let (engine, _) = subject.interpreter(connection)?;
    let lines = Lines::of(subject.open_text()?);
    let line = match (command.line, command.range) {
        (None, Some(CodeRange { start, end })) if command.scope == CellScope::Cell => {
            // A selection of whole lines ends before the first character of the next.
            let is_whole = end.character == 0 && end.line > start.line;
            let (first, end) = (start.line, end.line.saturating_add(u32::from(!is_whole)));
            let code = lines.between(first, end);
            let at = first.saturating_add(Lines::of(&code).last());
            let code = if engine.interpreter == Some(Kind::Python) { cells::dedented(&code) } else { code };
            return Ok(VecDeque::from([Chosen { place: Place { first, end, at }, code }]));
        }
        (Some(line), None) => line,
        (None, None) if command.scope == CellScope::All => 0,
        (None, None) => return Err(ProtocolError::invalid_params("line", "line: missing, and there is no `range`")),
        (_, Some(_)) => {
            let message = "range: goes with neither `line` nor `scope`";
            return Err(ProtocolError::invalid_params("range", message));
        }
    };
    let cells = lines.cells(comment(engine));
    // A line before the first cell means that.
    let at = cells.iter().rposition(|cell| cell.first <= line).unwrap_or(0);
    let meant = match command.scope {
        CellScope::Cell => &cells[at..=at],
        CellScope::Above => &cells[..at],
        CellScope::Below => &cells[at..],
        CellScope::All => &cells[..],
    };
    let code = meant.iter().filter(|cell| cell.is_code);
    let place = |cell: &cells::Cell| Place { first: cell.first, end: cell.end, at: cell.last };
    Ok(code.map(|cell| Chosen { place: place(cell), code: lines.between(cell.first, cell.end) }).collect())
}

impl Batch {
    /// Queues a cell.
    fn begin(&self, chosen: Chosen) -> Result<Piece, SessionError> {
        let (connection, features) = (&self.connection, self.connection.features());
        let is_plain = connection.editor().facts().plain;
        let rich = features.rich_output.as_ref().filter(|_| !is_plain);
        let cell = Cell {
            code: chosen.code,
            document: Some(self.document.clone()),
            line: chosen.place.first.saturating_add(1),
            rich: rich
                .map(|offer| Rich { mimes: offer.mime.clone(), max_inline_bytes: offer.max_inline_bytes as usize }),
            // Who knows LSP alone can't be asked.
            input: features.input_request.is_some() && !is_plain,
        };
        let run = CellRun {
            context: self.interpreter.context.id.clone(),
            cell,
            timeout: self.timeout,
            output_bytes: None,
            stop_at_output_limit: false,
            max_chunk_bytes: connection.streaming().unwrap_or_default().max_chunk_bytes as usize,
        };
        let notified = || Arc::new(CellNotifier { notifier: notifier(connection), features }) as Arc<dyn Observer>;
        let reporter = Arc::new(Reporter::new(connection.outbox().clone(), (!is_plain).then(notified)));
        let source_map = SourceMap::new(connection, &self.subject, &self.interpreter.session, None);
        let execution = self.interpreter.session.execute_cell(run, reporter.clone())?;
        let name = format!("{}, line {}", self.name, chosen.place.first.saturating_add(1));
        let uri = &self.document.uri;
        let result = results::begin(connection, uri, chosen.place).map(|id| (uri.clone(), id));
        Ok(Piece { name, execution, reporter, source_map, result })
    }

    /// Has it known as what runs.
    fn note(&self, piece: &Piece) {
        let running = Running { uri: self.document.uri.clone(), execution: Arc::clone(&piece.execution) };
        self.connection.editor().running().insert(self.token.clone(), running);
    }

    /// Returns when all is told.
    async fn follow(self, mut piece: Piece, mut rest: VecDeque<Chosen>) {
        let count = rest.len() + 1;
        let mut screen = Screen::new(&self.connection, &self.token, format!("Running {}", self.name));
        loop {
            let head = if count > 1 { format!("cell {} of {count} ", count - rest.len()) } else { String::new() };
            let ended = screen.show(&piece, &head).await;
            piece.note(&self.connection, &ended);
            let is_well = ended.as_ref().is_ok_and(|summary| summary.outcome == Outcome::Ok);
            let next = rest.pop_front().filter(|_| is_well).map(|chosen| self.begin(chosen));
            match next {
                Some(Ok(next)) => {
                    self.note(&next);
                    piece = next;
                }
                refused => {
                    self.connection.editor().running().remove(&self.token);
                    screen.clear(&told(&ended)).await;
                    piece.conclude(&self.connection, ended).await;
                    if let Some(Err(error)) = refused {
                        let why = crate::causes::in_full(&error);
                        piece.reporter.conclude(&format!("{}, what comes after it", piece.name), &Err(why)).await;
                    }
                    return;
                }
            }
        }
    }
}
