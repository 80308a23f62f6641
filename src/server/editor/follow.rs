//! Follows a run that a command has begun to its end: progress while it runs, what came of it when it has ended.

use std::sync::Arc;
use std::time::Duration;

use lsp_types::{NumberOrString, WorkDoneProgressCreateParams};
use tokio::time::MissedTickBehavior;

use super::problems::{SourceMap, publish};
use super::report::{Reporter, verdict};
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

/// A run.
pub(super) struct Followed {
    /// What a person calls it.
    pub(super) name: String,
    /// The token of its progress, by which the editor knows it.
    pub(super) token: String,
    pub(super) execution: Arc<Execution>,
    pub(super) reporter: Arc<Reporter>,
    pub(super) source_map: SourceMap,
    /// The session that it has for itself.
    pub(super) own: Option<Arc<Session>>,
}

/// Returns when all is told and nothing is left of the run.
pub(super) async fn follow(connection: Connection, run: Followed) {
    let (ended, progress) = shown(&connection, &run).await;
    connection.editor().running().remove(&run.token);
    let told = ended.as_ref().map_or_else(|_| "was not run".to_owned(), verdict);
    if let Some(progress) = progress {
        progress.end(&told).await;
    }
    // Also what a program says that ends itself by a signal, as assertions of C do.
    if ended.as_ref().is_ok_and(|summary| matches!(summary.outcome, Outcome::Error | Outcome::Killed)) {
        publish(&connection, &run);
    }
    run.reporter.conclude(&run.name, &ended.map_err(|error| in_full(&error))).await;
    if let Some(session) = run.own {
        session.close(Why::ClosedByClient).await;
    }
}

/// Waits for the end, and shows how it goes where the client wants to see that.
async fn shown(connection: &Connection, run: &Followed) -> (Result<Summary, ExecutionError>, Option<Progress>) {
    let ended = run.execution.ended();
    tokio::pin!(ended);
    let progress = tokio::select! {
        biased;
        ended = &mut ended => return (ended, None),
        progress = begin(connection, run) => progress,
    };
    let Some(progress) = progress else { return (ended.await, None) };
    let mut glimpses = tokio::time::interval(GLIMPSES);
    glimpses.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            ended = &mut ended => return (ended, Some(progress)),
            _ = glimpses.tick() => {
                if let Some(line) = run.reporter.glimpse() {
                    progress.report(&line, None).await;
                }
            }
        }
    }
}

async fn begin(connection: &Connection, run: &Followed) -> Option<Progress> {
    if !connection.editor().facts().progress {
        return None;
    }
    let token = NumberOrString::String(run.token.clone());
    let create = WorkDoneProgressCreateParams { token };
    let asked = connection.outbox().ask("window/workDoneProgress/create", &create);
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(_)) => {
            let progress = Some(ProgressToken::String(run.token.clone()));
            let notifier = Notifier { outbox: connection.outbox().clone(), streaming: None, progress };
            Some(notifier.begin(&format!("Running {}", run.name)))
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "no progress is shown");
            None
        }
        Err(_) => None,
    }
}
