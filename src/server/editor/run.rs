//! `codebeaker.run`: a document as an execution.
//!
//! It answers when the execution has its place in the queue of its session. A client that shows nothing while a
//! command is pending would else show nothing while a program runs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::Running;
use super::follow::{Piece, follow};
use super::place::Subject;
use super::problems::{self, SourceMap};
use super::report::Reporter;
use super::results::{self, Place};
use crate::documents::cells::Lines;
use crate::execution::Observer;
use crate::protocol::ProtocolError;
use crate::protocol::editor::{RunCommand, RunStarted};
use crate::protocol::execution::StdinMode;
use crate::server::connection::Connection;
use crate::server::fault;
use crate::server::handlers::execution::stdin_of;
use crate::server::notifier::Notifier;
use crate::session::{Run, RunLimits, Session, StateChange, Watcher, Why};

/// A plain client knows no sessions.
pub(super) struct Unwatched;

#[async_trait]
impl Watcher for Unwatched {
    async fn changed(&self, _: &Session, _: StateChange) {}
}

/// Who is told how a session of this client's changes.
pub(super) fn watcher(connection: &Connection) -> Arc<dyn Watcher> {
    if connection.editor().facts().plain { Arc::new(Unwatched) } else { Arc::new(notifier(connection)) }
}

pub(super) fn notifier(connection: &Connection) -> Notifier {
    Notifier { outbox: connection.outbox().clone(), streaming: connection.streaming(), progress: None }
}

/// A session that is closed unless it is handed on: also when the command is given up.
pub(super) struct Own(pub(super) Option<Arc<Session>>);

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            tokio::spawn(async move { session.close(Why::ClosedByClient).await });
        }
    }
}

pub(super) async fn run(connection: &Connection, command: RunCommand) -> Result<RunStarted, ProtocolError> {
    let subject = Subject::find(connection, &command.uri, command.language.as_deref(), command.engine.as_deref())?;
    if command.session.is_some() && command.session_id.is_some() {
        let message = "session: excludes `sessionId`, which names one that is there";
        return Err(ProtocolError::invalid_params("session", message));
    }
    let otherwise = if command.stdin_text.is_some() { StdinMode::Text } else { StdinMode::None };
    let stdin = stdin_of(connection, command.stdin.unwrap_or(otherwise), command.stdin_text, command.pty)?;
    let asked = command.session_id.as_deref();
    let (session, is_own) = subject.session(connection, asked, command.session, watcher(connection)).await?;
    let mut own = Own(is_own.then(|| Arc::clone(&session)));
    let source_map = SourceMap::new(connection, &subject, &session, command.cwd.as_deref());
    problems::forget(connection, subject.uri.as_str());
    let source = subject.source(connection, &session).await?;
    session.know_engine(&source).await.map_err(fault::of_session)?;
    let streaming = connection.streaming().unwrap_or_default();
    let run = Run {
        id: None,
        source,
        args: command.args,
        engine_args: command.engine_args,
        cwd: command.cwd,
        env: command.env.0,
        stdin,
        side: false,
        limits: RunLimits {
            timeout: command.timeout_ms.map(|ms| Duration::from_millis(ms.get())),
            ..RunLimits::default()
        },
        max_chunk_bytes: streaming.max_chunk_bytes as usize,
    };
    let editor = connection.editor();
    let notified = || Arc::new(notifier(connection)) as Arc<dyn Observer>;
    let notifier = (!editor.facts().plain).then(notified);
    let reporter = Arc::new(Reporter::new(connection.outbox().clone(), notifier));
    let execution = session.execute(run, reporter.clone()).map_err(fault::of_session)?;
    let started = RunStarted { session_id: session.id.to_string(), execution_id: execution.id.to_string() };
    let running = Running { uri: subject.uri.to_string(), execution: Arc::clone(&execution) };
    let token = format!("codebeaker/{}", execution.id);
    editor.running().insert(token.clone(), running);
    // Any edit is one of what ran.
    let whole = |text: &String| Place { first: 0, end: u32::MAX, at: Lines::of(text).last() };
    let uri = subject.uri.to_string();
    let result = subject.text.as_ref().and_then(|text| results::begin(connection, &uri, whole(text)));
    let result = result.map(|id| (uri, id));
    let piece = Piece { name: subject.name(), execution, reporter, source_map, result };
    tokio::spawn(follow(connection.clone(), token, piece, own.0.take()));
    Ok(started)
}
