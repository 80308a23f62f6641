//! Tells a client what cells do beside printing: what they show, what they ask for, what becomes of interpreters.
//!
//! What they show goes by the data lane, in order with what they print. What they ask for overtakes that: the prompt
//! says what it is about, and the answer is waited for.

use std::sync::Arc;

use async_trait::async_trait;
use lsp_types::Url;
use serde::Serialize;

use super::notifier::Notifier;
use crate::context::{Context, State, Watcher};
use crate::execution::{
    Display, DisplayKind, Execution, Frame, Gap, Observer, Origin, Output, Question, Raised, Summary,
};
use crate::protocol::context::{
    CellError, CellFrame, ContextState, ContextStateNotice, DisplayBundle, DisplayNotice, InputAnswer, InputRequest,
};
use crate::protocol::handshake::Features;
use crate::protocol::{self, parse};
use crate::transport::Message;

/// Tells one client of one cell.
pub(super) struct CellNotifier {
    pub(super) notifier: Notifier,
    pub(super) features: Features,
}

impl CellNotifier {
    async fn send<P: Serialize>(&self, method: &str, params: &P) {
        let message = Message::notification(method, params).expect("a notice can be written as JSON");
        // A client that is gone needs to know nothing more.
        self.notifier.outbox.data(message).await.map(drop).unwrap_or_default();
    }
}

#[async_trait]
impl Observer for CellNotifier {
    async fn started(&self, execution: &Execution) {
        self.notifier.started(execution).await;
    }

    async fn output(&self, execution: &Execution, output: Output) {
        self.notifier.output(execution, output).await;
    }

    async fn gap(&self, execution: &Execution, gap: Gap) {
        self.notifier.gap(execution, gap).await;
    }

    async fn displayed(&self, execution: &Execution, display: &Display) {
        let notice = DisplayNotice {
            session_id: execution.session.to_string(),
            execution_id: execution.id.to_string(),
            bundle: bundle(display),
        };
        self.send("execution/display", &notice).await;
    }

    async fn asked(&self, execution: &Execution, question: &Question) -> Option<String> {
        let offer = self.features.input_request?;
        // What would be seen is not asked for.
        if question.password && !offer.password {
            return None;
        }
        let request = InputRequest {
            session_id: execution.session.to_string(),
            execution_id: execution.id.to_string(),
            prompt: question.prompt.clone(),
            password: question.password,
        };
        let answer = self.notifier.outbox.ask_for_now("execution/inputRequest", &request).await;
        let answer = answer.map_err(|error| error.to_string());
        match answer.and_then(|answer| parse::<InputAnswer>(Some(answer)).map_err(|error| error.to_string())) {
            Ok(answer) => answer.value,
            Err(error) => {
                tracing::debug!(error, "what a cell asked for got no answer");
                None
            }
        }
    }

    async fn exited(&self, execution: &Execution, summary: &Summary) {
        self.notifier.exited(execution, summary).await;
    }
}

#[async_trait]
impl Watcher for Notifier {
    async fn changed(&self, context: &Context, state: &State) {
        let (state, reason) = self::state(state);
        let notice = ContextStateNotice {
            session_id: context.session.to_string(),
            context_id: context.id.to_string(),
            state,
            reason,
        };
        let message = Message::notification("context/stateChanged", &notice).expect("a notice can be written as JSON");
        self.outbox.control(message);
    }
}

fn state(state: &State) -> (ContextState, Option<String>) {
    match state {
        State::Starting => (ContextState::Starting, None),
        State::Idle => (ContextState::Idle, None),
        State::Busy => (ContextState::Busy, None),
        State::Crashed(why) => (ContextState::Crashed, Some(why.clone())),
        State::Closed => (ContextState::Closed, None),
    }
}

pub(super) fn context(context: &Arc<Context>) -> protocol::context::Context {
    let (state, reason) = state(&context.state());
    protocol::context::Context {
        context_id: context.id.to_string(),
        session_id: context.session.to_string(),
        engine: context.engine.id.to_owned(),
        language: context.language.to_owned(),
        version: context.version(),
        state,
        reason,
        pid: context.pid(),
        load: context.load() as u64,
        created_at: super::convert::time(&context.created_at),
    }
}

pub(super) fn bundle(display: &Display) -> DisplayBundle {
    let all = |map: &serde_json::Map<_, _>| map.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    DisplayBundle {
        kind: match display.kind {
            DisplayKind::Result => protocol::context::DisplayKind::Result,
            DisplayKind::Display => protocol::context::DisplayKind::Display,
            DisplayKind::Update => protocol::context::DisplayKind::Update,
        },
        display_id: display.id.clone(),
        data: all(&display.data),
        metadata: all(&display.metadata),
        omitted: display.omitted.clone(),
    }
}

pub(super) fn error(raised: &Raised) -> CellError {
    let frames = raised.frames.iter().map(frame).collect();
    CellError { name: raised.name.clone(), message: raised.message.clone(), frames }
}

fn frame(frame: &Frame) -> CellFrame {
    CellFrame {
        uri: uri(&frame.origin),
        line: frame.line,
        column: frame.column,
        function: frame.function.clone(),
        sandbox_path: frame.file.clone(),
    }
}

pub(super) fn uri(origin: &Origin) -> Option<String> {
    match origin {
        Origin::Document(uri) => Some(uri.clone()),
        Origin::Host(path) => Url::from_file_path(path).ok().map(String::from),
        Origin::Inside => None,
    }
}
