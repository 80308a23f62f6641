//! Tells a client what happens: output as it comes, changes of state, progress.
//!
//! All that belongs to one execution goes by the data lane, in order; the last call waits until nothing
//! can overtake it any more, so that the answer to the request, which takes the control lane, comes last.

use std::borrow::Cow;
use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;

use super::convert;
use crate::execution::{Execution, Gap, Missing, Observer, Output, Summary};
use crate::protocol::encoding::to_base64;
use crate::protocol::handshake::StreamingOffer;
use crate::protocol::notification::{
    ExitedNotice, GapReason, OutputGapNotice, OutputNotice, StartedNotice, StateChangedNotice,
};
use crate::protocol::{Encoding, ProgressToken};
use crate::session::{Session, StateChange, Watcher};
use crate::transport::{Message, Outbox, Ticket};

/// How long a report stands: people can't follow more.
const BETWEEN_REPORTS: Duration = Duration::from_millis(100);

/// The longest title of progress.
const MAX_TITLE_CHARS: usize = 200;

/// Tells one client.
#[derive(Debug, Clone)]
pub(super) struct Notifier {
    pub(super) outbox: Outbox,
    /// How the client takes output as it comes, if it does.
    pub(super) streaming: Option<StreamingOffer>,
    /// Where to report the progress of the request that this is about.
    pub(super) progress: Option<ProgressToken>,
}

impl Notifier {
    /// Sends in order; `None` when the client is gone, who then needs to know nothing more.
    async fn send<P: Serialize>(&self, method: &str, params: &P) -> Option<Ticket> {
        let message = Message::notification(method, params).expect("a notice can be written as JSON");
        self.outbox.data(message).await.ok()
    }

    /// Begins to report progress, where the client wants that. Waits for nobody, as there is nothing yet
    /// that it must come after.
    pub(super) fn begin(&self, title: &str) -> Progress {
        self.begin_with(json!({"kind": "begin", "title": shortened(title), "cancellable": true}))
    }

    /// The same, where it is going to be told how much is done.
    pub(super) fn begin_measured(&self, title: &str) -> Progress {
        self.begin_with(json!({"kind": "begin", "title": shortened(title), "cancellable": true, "percentage": 0}))
    }

    fn begin_with(&self, value: serde_json::Value) -> Progress {
        if let Some(begin) = self.progress(&value) {
            self.outbox.control(begin);
        }
        Progress { notifier: Some(self.clone()) }
    }

    async fn end(&self, message: &str) {
        if let Some(end) = self.progress(&json!({"kind": "end", "message": message})) {
            self.settle(self.outbox.data(end).await.ok()).await;
        }
    }

    fn progress(&self, value: &serde_json::Value) -> Option<Message> {
        let params = json!({"token": self.progress.as_ref()?, "value": value});
        Some(Message::notification("$/progress", &params).expect("a notice can be written as JSON"))
    }

    async fn settle(&self, ticket: Option<Ticket>) {
        if let Some(ticket) = ticket {
            // A client that is gone waits for no answer either.
            self.outbox.flushed(ticket).await.unwrap_or_default();
        }
    }
}

fn shortened(title: &str) -> String {
    title.chars().take(MAX_TITLE_CHARS).collect()
}

/// Progress that was begun, and ends in any case: also when the request is given up.
pub(super) struct Progress {
    /// Taken when the end is told.
    notifier: Option<Notifier>,
}

impl Progress {
    /// Tells how far it is, and waits while the client reads nothing.
    pub(super) async fn report(&self, message: &str, percentage: Option<u8>) {
        let Some(notifier) = &self.notifier else { return };
        let mut value = json!({"kind": "report", "message": message});
        if let Some(percentage) = percentage {
            value["percentage"] = percentage.into();
        }
        if let Some(report) = notifier.progress(&value) {
            // A client that is gone wants no reports.
            notifier.outbox.data(report).await.map(drop).unwrap_or_default();
        }
    }

    /// Does the work, and tells how far it is, in words and of a hundred, as often as that changes and people can follow.
    /// Both end when the request is given up.
    pub(super) async fn through<S: Clone, T, E>(
        self,
        mut told: watch::Receiver<S>,
        said: impl Fn(&S) -> (String, Option<u8>),
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let telling = async {
            while told.changed().await.is_ok() {
                let state = told.borrow_and_update().clone();
                let (message, percentage) = said(&state);
                self.report(&message, percentage).await;
                tokio::time::sleep(BETWEEN_REPORTS).await;
            }
            std::future::pending().await
        };
        let done = tokio::select! {
            done = work => done,
            never = telling => never,
        };
        self.end(if done.is_ok() { "done" } else { "failed" }).await;
        done
    }

    /// Tells the end at once, where no output comes before it. A request that is given up can't be so
    /// between what it did and its answer then.
    pub(super) fn end_now(mut self, message: &str) {
        let Some(notifier) = self.notifier.take() else { return };
        if let Some(end) = notifier.progress(&json!({"kind": "end", "message": message})) {
            notifier.outbox.control(end);
        }
    }

    /// Tells the end after all output, and before the answer to the request.
    pub(super) async fn end(mut self, message: &str) {
        if let Some(notifier) = self.notifier.take() {
            notifier.end(message).await;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(notifier) = self.notifier.take().filter(|notifier| notifier.progress.is_some()) {
            tokio::spawn(async move { notifier.end("given up").await });
        }
    }
}

#[async_trait]
impl Observer for Notifier {
    async fn started(&self, execution: &Execution) {
        let notice = StartedNotice {
            session_id: execution.session.to_string(),
            execution_id: execution.id.to_string(),
            stage: execution.stage().and_then(|(stage, _)| convert::special_stage(stage)),
            pid: execution.pid().unwrap_or_default(),
            started_at: execution.stage().map(|(_, at)| convert::time(&at)).unwrap_or_default(),
        };
        self.send("execution/started", &notice).await;
    }

    async fn output(&self, execution: &Execution, output: Output) {
        let Some(streaming) = &self.streaming else { return };
        let takes_text = output.chunk.is_text && streaming.encodings.contains(&Encoding::Utf8);
        let text = std::str::from_utf8(&output.chunk.bytes).ok().filter(|_| takes_text);
        let (data, encoding) = match text {
            Some(text) => (Cow::Borrowed(text), Encoding::Utf8),
            None => (Cow::Owned(to_base64(&output.chunk.bytes)), Encoding::Base64),
        };
        let notice = OutputNotice {
            session_id: Cow::Borrowed(execution.session.as_str()),
            execution_id: Cow::Borrowed(execution.id.as_str()),
            seq: output.seq,
            stage: convert::special_stage(output.stage),
            stream: convert::stream(output.stream),
            offset: output.offset,
            data,
            encoding,
        };
        self.send("execution/output", &notice).await;
    }

    async fn gap(&self, execution: &Execution, gap: Gap) {
        if self.streaming.is_none() {
            return;
        }
        let notice = OutputGapNotice {
            session_id: execution.session.to_string(),
            execution_id: execution.id.to_string(),
            seq: gap.seq,
            stream: convert::stream(gap.stream),
            offset: gap.offset,
            lost_bytes: gap.bytes,
            reason: match gap.why {
                Missing::OverLimit => GapReason::OutputLimit,
                Missing::AnotherDaemon => GapReason::DaemonEnded,
            },
        };
        self.send("execution/outputGap", &notice).await;
    }

    async fn exited(&self, execution: &Execution, summary: &Summary) {
        let notice = ExitedNotice {
            session_id: execution.session.to_string(),
            execution_id: execution.id.to_string(),
            ending: convert::ending(summary, execution.has_terminal),
        };
        let ticket = self.send("execution/exited", &notice).await;
        self.settle(ticket).await;
    }
}

#[async_trait]
impl Watcher for Notifier {
    async fn changed(&self, session: &Session, change: StateChange) {
        let (reason, message) = convert::why(&change.why);
        let notice = StateChangedNotice {
            session_id: session.id.to_string(),
            from: convert::state(change.from),
            to: convert::state(change.to),
            reason,
            message,
        };
        let message = Message::notification("session/stateChanged", &notice).expect("a notice can be written as JSON");
        self.outbox.control(message);
    }
}
