//! Follows what a command has begun to its end: progress while it runs, what came of it when it has ended.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use lsp_types::{NumberOrString, WorkDoneProgressCreateParams};
use tokio::time::MissedTickBehavior;

use super::problems::{SourceMap, publish};
use super::report::{Reporter, verdict};
use super::results;
use crate::causes::in_full;
use crate::execution::{Execution, ExecutionError, Outcome, Summary};
use crate::protocol::ProgressToken;
use crate::server::connection::Connection;
use crate::server::notifier::{Notifier, Progress};
use crate::session::{Session, Why};

/// How long a client may take to say that it will show progress; then there is none.
const PATIENCE: Duration = Duration::from_secs(10);

/// The last line is shown so often at most.
const GLIMPSES: Duration = Duration::from_millis(250);

/// What is being followed: a document, or one of its cells.
pub(super) struct Piece {
    /// What a person calls it.
    pub(super) name: String,
    pub(super) execution: Arc<Execution>,
    pub(super) reporter: Arc<Reporter>,
    pub(super) source_map: SourceMap,
    /// The document, and the name of its result there.
    pub(super) result: Option<(String, u64)>,
}

impl Piece {
    /// Shows what came of it beside the code.
    pub(super) fn note(&self, connection: &Connection, ended: &Result<Summary, ExecutionError>) {
        let Some((uri, id)) = &self.result else { return };
        let told = ended.clone().map_err(|error| in_full(&error));
        let detail = self.reporter.words(&self.name, &told);
        results::end(connection, uri, *id, ended.as_ref().ok().map(|summary| (summary, &*self.reporter)), detail);
    }

    /// Marks what it says of itself, and tells a plain client what came of it.
    pub(super) async fn conclude(&self, connection: &Connection, ended: Result<Summary, ExecutionError>) {
        // Also what a program says that ends itself by a signal, as assertions of C do.
        if let Ok(summary) = &ended
            && matches!(summary.outcome, Outcome::Error | Outcome::Killed)
        {
            publish(connection, self, summary.raised.as_ref());
        }
        self.reporter.conclude(&self.name, &ended.map_err(|error| in_full(&error))).await;
    }
}

/// What came of it, in words.
pub(super) fn told(ended: &Result<Summary, ExecutionError>) -> String {
    ended.as_ref().map_or_else(|_| "was not run".to_owned(), verdict)
}

/// Follows a run. Returns when all is told and nothing is left of it. `own` is the session that it has for itself.
pub(super) async fn follow(connection: Connection, token: String, piece: Piece, own: Option<Arc<Session>>) {
    let mut screen = Screen::new(&connection, &token, format!("Running {}", piece.name));
    let ended = screen.show(&piece, "").await;
    connection.editor().running().remove(&token);
    screen.clear(&told(&ended)).await;
    piece.note(&connection, &ended);
    piece.conclude(&connection, ended).await;
    if let Some(session) = own {
        session.close(Why::ClosedByClient).await;
    }
}

/// The progress of one command, where the client wants to see it.
pub(super) struct Screen {
    /// The client is being asked to show it: once, however many pieces end meanwhile.
    beginning: Option<BoxFuture<'static, Option<Progress>>>,
    progress: Option<Progress>,
}

impl Screen {
    pub(super) fn new(connection: &Connection, token: &str, title: String) -> Self {
        let beginning = begin(connection.clone(), token.to_owned(), title).boxed();
        Self { beginning: Some(beginning), progress: None }
    }

    /// Waits for the end, and shows how it goes: the last line that was printed, after `head`.
    pub(super) async fn show(&mut self, piece: &Piece, head: &str) -> Result<Summary, ExecutionError> {
        let ended = piece.execution.ended();
        tokio::pin!(ended);
        if let Some(beginning) = &mut self.beginning {
            self.progress = tokio::select! {
                biased;
                ended = &mut ended => return ended,
                progress = beginning => progress,
            };
            self.beginning = None;
        }
        let Some(progress) = &self.progress else { return ended.await };
        if !head.is_empty() {
            progress.report(head, None).await;
        }
        let mut glimpses = tokio::time::interval(GLIMPSES);
        glimpses.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                ended = &mut ended => return ended,
                _ = glimpses.tick() => {
                    if let Some(line) = piece.reporter.glimpse() {
                        progress.report(&format!("{head}{line}"), None).await;
                    }
                }
            }
        }
    }

    /// It is over.
    pub(super) async fn clear(self, told: &str) {
        if let Some(progress) = self.progress {
            progress.end(told).await;
        }
    }
}

/// Asks the client to show progress.
async fn begin(connection: Connection, token: String, title: String) -> Option<Progress> {
    if !connection.editor().facts().progress {
        return None;
    }
    let create = WorkDoneProgressCreateParams { token: NumberOrString::String(token.clone()) };
    let asked = connection.outbox().ask("window/workDoneProgress/create", &create);
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(_)) => {
            let progress = Some(ProgressToken::String(token));
            Some(Notifier { outbox: connection.outbox().clone(), streaming: None, progress }.begin(&title))
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "no progress is shown");
            None
        }
        Err(_) => None,
    }
}
