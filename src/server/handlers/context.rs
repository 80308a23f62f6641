//! `context/*`.

use std::sync::Arc;

use super::session::{engine as named, find};
use crate::context::{self, ContextError};
use crate::engine::{self, Engine};
use crate::ids::ContextId;
use crate::protocol::ProtocolError;
use crate::protocol::catalogue::Done;
use crate::protocol::context::{
    CompleteParams, CompleteResult, CompletionMatch, Context, ContextCreateParams, ContextListParams,
    ContextListResult, ContextRef, InspectParams, InspectResult, Variable, VariablesParams, VariablesResult,
};
use crate::server::connection::Connection;
use crate::server::notifier::Notifier;
use crate::server::{cells, fault};
use crate::session::{NewContext, Session, SessionError};

/// Names of TypeScript.
const TYPESCRIPT: &[&str] = &["typescript", "ts"];

fn known(connection: &Connection, id: String) -> Result<(Arc<Session>, Arc<context::Context>), ProtocolError> {
    connection.daemon().sessions.context(&ContextId::from(id)).map_err(fault::of_session)
}

/// What a client wants an interpreter of, and whether its cells are TypeScript: that is a word of Node's too, though
/// another engine runs its files.
fn interpreter(id: Option<&str>, language: Option<&str>) -> Result<(Option<&'static Engine>, bool), ProtocolError> {
    let is_typescript =
        language.is_some_and(|language| TYPESCRIPT.iter().any(|name| name.eq_ignore_ascii_case(language)));
    match id {
        None | Some("node") if is_typescript => Ok((engine::by_id("node"), true)),
        _ => Ok((named(id, language)?, false)),
    }
}

pub(in crate::server) async fn create(
    connection: &Connection,
    params: ContextCreateParams,
) -> Result<Context, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let (engine, typescript) = interpreter(params.engine.as_deref(), params.language.as_deref())?;
    let watcher = Arc::new(Notifier { outbox: connection.outbox().clone(), streaming: None, progress: None });
    let wanted = NewContext { engine, typescript, cwd: params.cwd, env: params.env.0 };
    // What is given up half-way would leave an interpreter that nobody knows.
    let created = tokio::spawn(async move { session.create_context(wanted, watcher).await });
    let failed = || ContextError::NotReady("the daemon failed to start it".to_owned());
    let created = created.await.unwrap_or_else(|_| Err(SessionError::Context(failed())));
    Ok(cells::context(&created.map_err(fault::of_session)?))
}

pub(in crate::server) async fn list(
    connection: &Connection,
    params: ContextListParams,
) -> Result<ContextListResult, ProtocolError> {
    let sessions = match params.session_id {
        Some(id) => vec![find(connection, &id).await?],
        None => connection.daemon().sessions.list(),
    };
    let contexts = sessions.iter().flat_map(|session| session.contexts());
    Ok(ContextListResult { contexts: contexts.map(|context| cells::context(&context)).collect() })
}

pub(in crate::server) async fn delete(connection: &Connection, params: ContextRef) -> Result<Done, ProtocolError> {
    let (session, context) = known(connection, params.context_id)?;
    session.delete_context(&context.id).await.map_err(fault::of_session)?;
    Ok(Done {})
}

pub(in crate::server) async fn restart(connection: &Connection, params: ContextRef) -> Result<Context, ProtocolError> {
    let (_, context) = known(connection, params.context_id)?;
    context.restart().await.map_err(fault::of_context)?;
    Ok(cells::context(&context))
}

pub(in crate::server) async fn complete(
    connection: &Connection,
    params: CompleteParams,
) -> Result<CompleteResult, ProtocolError> {
    let (_, context) = known(connection, params.context_id)?;
    let found = context.complete(&params.code, params.cursor).await.map_err(fault::of_context)?;
    let (start, end) = (found.start, found.end);
    let matches = found.matches().map(|(text, kind)| CompletionMatch { text, kind }).collect();
    Ok(CompleteResult { matches, start, end })
}

pub(in crate::server) async fn inspect(
    connection: &Connection,
    params: InspectParams,
) -> Result<InspectResult, ProtocolError> {
    let (_, context) = known(connection, params.context_id)?;
    let inspected = context.inspect(&params.code, params.cursor, params.detail).await.map_err(fault::of_context)?;
    let (found, line, uri) = (inspected.found, inspected.line, inspected.origin.as_ref().and_then(cells::uri));
    let [name, kind, signature, doc, value, sandbox_path] = inspected.texts();
    Ok(InspectResult { found, name, kind, signature, doc, value, uri, sandbox_path, line })
}

pub(in crate::server) async fn variables(
    connection: &Connection,
    params: VariablesParams,
) -> Result<VariablesResult, ProtocolError> {
    let (_, context) = known(connection, params.context_id)?;
    let found = context.variables(params.start, params.count).await.map_err(fault::of_context)?;
    let total = found.total;
    let variables = found.all().map(|variable| {
        let (size, expandable) = (variable.size, variable.expandable);
        let [name, kind, value] = variable.texts();
        Variable { name, kind, value, size, expandable }
    });
    Ok(VariablesResult { variables: variables.collect(), total })
}
