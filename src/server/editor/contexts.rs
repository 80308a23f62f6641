//! The live interpreter of a document: made for its first cell, kept until the document is closed.
//!
//! It is in the session that `codebeaker.newSession` has opened, else in one of its own. Where that session ends, or
//! another takes its place, or the document's language changes, the next cell gets another interpreter, which knows nothing of what
//! the one before held. With the document goes its interpreter, with all that runs in it, and a session of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::place::{Subject, given};
use super::run::{Own, Unwatched, watcher};
use crate::agent::plan::WORKSPACE;
use crate::context::{Context, State, Watcher};
use crate::engine::Engine;
use crate::protocol::editor::{OwnSession, RestartCommand};
use crate::protocol::{self, ErrorKind, ProtocolError};
use crate::server::connection::Connection;
use crate::server::notifier::Notifier;
use crate::server::{cells, fault};
use crate::session::{NewContext, Session, SessionError, Why};

/// What a document has.
#[derive(Debug, Clone)]
pub(super) struct Interpreter {
    pub(super) session: Arc<Session>,
    pub(super) context: Arc<Context>,
    /// The session is there for it alone.
    is_own: bool,
}

/// The place of a document's interpreter. Who makes it or ends it holds it.
pub(super) type Seat = Arc<tokio::sync::Mutex<Option<Interpreter>>>;

impl Interpreter {
    /// Ends it, and all that was there for it alone.
    async fn end(self) {
        if self.is_own {
            self.session.close(Why::ClosedByClient).await;
        } else if let Err(error) = self.session.delete_context(&self.context.id).await {
            // With its session it has ended too.
            tracing::debug!(%error, "an interpreter was gone already");
        }
    }
}

#[async_trait::async_trait]
impl Watcher for Unwatched {
    async fn changed(&self, _: &Context, _: &State) {}
}

/// The interpreter of a document. `own` is what a session of its own is to be, if one has to be made.
pub(super) async fn obtain(
    connection: &Connection,
    subject: &Subject,
    asked: Option<&str>,
    own: Option<OwnSession>,
) -> Result<Interpreter, ProtocolError> {
    let (engine, typescript) = subject.interpreter(connection)?;
    let given = if own.is_some() { None } else { given(connection, asked).await? };
    let uri = subject.uri.to_string();
    let seat = Arc::clone(connection.editor().interpreters().entry(uri.clone()).or_default());
    let mut held = seat.lock().await;
    if let Some(kept) = held.clone() {
        let is_there = match &given {
            Some(session) => kept.session.id == session.id,
            None => kept.is_own,
        };
        let language = if typescript { "typescript" } else { engine.languages[0] };
        let is_alike = kept.context.engine == engine && kept.context.language == language;
        let is_alive = kept.session.why().is_none() && kept.context.state() != State::Closed;
        if is_there && is_alike && is_alive {
            if matches!(kept.context.state(), State::Crashed(_)) {
                kept.context.restart().await.map_err(fault::of_context)?;
            }
            return Ok(kept);
        }
        // It keeps its place until it is gone: whoever gives up waiting for that leaves nothing behind.
        kept.end().await;
        *held = None;
    }
    let (session, is_own) = match given {
        Some(session) => (session, false),
        None => subject.session(connection, None, own, watcher(connection)).await?,
    };
    // Closed unless it is kept: also when the command is given up.
    let mut unkept = Own(is_own.then(|| Arc::clone(&session)));
    let context = start(connection, subject, &session, engine, typescript).await?;
    unkept.0 = None;
    let made = Interpreter { session, context, is_own };
    *held = Some(made.clone());
    drop(held);
    let is_wanted = {
        let documents = connection.editor().documents();
        let is_open = documents.get(&uri).is_ok_and(|document| document.is_some());
        is_open && connection.editor().interpreters().get(&uri).is_some_and(|now| Arc::ptr_eq(now, &seat))
    };
    if !is_wanted {
        close(connection, &uri);
        made.end().await;
        return Err(ProtocolError::new(ErrorKind::ValidationFailed, "the document was closed meanwhile").at("uri"));
    }
    Ok(made)
}

async fn start(
    connection: &Connection,
    subject: &Subject,
    session: &Arc<Session>,
    engine: &'static Engine,
    typescript: bool,
) -> Result<Arc<Context>, ProtocolError> {
    let notifier = Notifier { outbox: connection.outbox().clone(), streaming: None, progress: None };
    let watcher: Arc<dyn Watcher> =
        if connection.editor().facts().plain { Arc::new(Unwatched) } else { Arc::new(notifier) };
    // What lies beside the document is imported from there, as when the document runs.
    let directory = subject.inside(session).and_then(|path| Some(path.rsplit_once('/')?.0.to_owned()));
    let env = engine
        .module_path
        .zip(directory)
        .map(|(name, directory)| (name.to_owned(), format!("{WORKSPACE}/{directory}:{WORKSPACE}")));
    let wanted = NewContext { engine: Some(engine), typescript, cwd: None, env: BTreeMap::from_iter(env) };
    let created = session.create_context(wanted, watcher).await;
    created.map_err(|error| match error {
        SessionError::Context(error) => fault::of_context(error),
        error => fault::of_session(error),
    })
}

/// A document is closed.
pub(in crate::server) fn close(connection: &Connection, uri: &str) {
    let Some(seat) = connection.editor().interpreters().remove(uri) else { return };
    tokio::spawn(async move {
        if let Some(kept) = seat.lock().await.take() {
            kept.end().await;
        }
    });
}

/// `codebeaker.restartContext`. Starts one where there is none yet.
pub(super) async fn restart(
    connection: &Connection,
    command: RestartCommand,
) -> Result<protocol::context::Context, ProtocolError> {
    let subject = Subject::find(connection, &command.uri, None, None)?;
    subject.open_text()?;
    let seat = connection.editor().interpreters().get(subject.uri.as_str()).cloned();
    let kept = match seat {
        Some(seat) => seat.lock().await.clone(),
        None => None,
    };
    let context = match kept.filter(|kept| kept.session.why().is_none()) {
        Some(kept) => {
            kept.session.use_now().map_err(fault::of_session)?;
            kept.context.restart().await.map_err(fault::of_context)?;
            kept.context
        }
        None => obtain(connection, &subject, None, None).await?.context,
    };
    Ok(cells::context(&context))
}
