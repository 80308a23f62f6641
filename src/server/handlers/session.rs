//! `session/*`, but for `session/execute`.

use std::sync::Arc;
use std::time::Duration;

use super::network;
use crate::config::Limits;
use crate::engine::{self, Engine};
use crate::ids::SessionId;
use crate::protocol::limits;
use crate::protocol::selection::{SelectParams, Selection};
use crate::protocol::session::{
    CloseParams, CloseResult, CreateParams, KeepAliveResult, Persist, SessionDetails, SessionListParams,
    SessionListResult, SessionRef, UpdateParams, WorkspaceMode,
};
use crate::protocol::{ErrorKind, ProtocolError};
use crate::runtime::Workspace;
use crate::server::connection::Connection;
use crate::server::notifier::Notifier;
use crate::server::selection;
use crate::server::{convert, fault};
use crate::session::{NewSession, Session, SessionError, Update, Watcher, Why, Wish};

pub(in crate::server) async fn find(connection: &Connection, id: &str) -> Result<Arc<Session>, ProtocolError> {
    let (id, sessions) = (SessionId::from(id.to_owned()), &connection.daemon().sessions);
    let found = match sessions.get(&id) {
        // It may be just being taken up.
        Err(SessionError::NotFound(_)) => {
            connection.recalled().await;
            sessions.get(&id)
        }
        found => found,
    };
    found.map_err(fault::of_session)
}

/// The engine that a client names by itself or by a language.
pub(in crate::server) fn engine(
    engine: Option<&str>,
    language: Option<&str>,
) -> Result<Option<&'static Engine>, ProtocolError> {
    let unknown = |name: &str| fault::of_session(SessionError::UnknownLanguage(name.to_owned()));
    match (engine, language) {
        (Some(id), language) => {
            let engine = engine::by_id(id).ok_or_else(|| unknown(id).at("engine"))?;
            if let Some(language) =
                language.filter(|language| !engine::all_by_language(language).any(|one| one == engine))
            {
                let message = format!("{id} does not run {language:?}");
                return Err(ProtocolError::new(ErrorKind::LanguageUnsupported, message).at("language"));
            }
            Ok(Some(engine))
        }
        (None, Some(language)) => {
            engine::by_language(language).map(Some).ok_or_else(|| unknown(language).at("language"))
        }
        (None, None) => Ok(None),
    }
}

/// The engine for a language in a session.
pub(in crate::server) fn engine_in(
    session: &Session,
    language: Option<&str>,
) -> Result<Option<&'static Engine>, ProtocolError> {
    let Some(language) = language else { return Ok(None) };
    let engine = session.engine_among(engine::all_by_language(language));
    let unknown = || fault::of_session(SessionError::UnknownLanguage(language.to_owned())).at("language");
    engine.map(Some).ok_or_else(unknown)
}

/// Where a client wants its session; the engines that would do for what it names, the preferred first.
pub(in crate::server) fn wish(params: SelectParams) -> Result<Wish, ProtocolError> {
    let (id, language) = (params.engine.as_deref(), params.language.as_deref());
    let named = engine(id, language)?;
    let spoken = language.map(str::to_owned);
    let engines = match (id, language) {
        (None, Some(language)) => engine::all_by_language(language).collect(),
        _ => named.into_iter().collect(),
    };
    Ok(Wish { language: spoken, ..selection::wish(params, engines) })
}

pub(in crate::server) async fn select(
    connection: &Connection,
    params: SelectParams,
) -> Result<Selection, ProtocolError> {
    let workspace = workspace(&params.workspace)?;
    let persist = params.persist == Persist::UntilClosed;
    let wish = wish(params)?;
    let selected = connection.daemon().sessions.select(&wish, &workspace, persist).await;
    Ok(selection::selection(&selected.map_err(fault::of_session)?))
}

pub(in crate::server) async fn create(
    connection: &Connection,
    params: CreateParams,
) -> Result<SessionDetails, ProtocolError> {
    let notifier = Notifier { outbox: connection.outbox().clone(), streaming: None, progress: None };
    create_for(connection, params, Arc::new(notifier)).await
}

/// Creates a session whose changes this watcher is told.
pub(in crate::server) async fn create_for(
    connection: &Connection,
    params: CreateParams,
    watcher: Arc<dyn Watcher>,
) -> Result<SessionDetails, ProtocolError> {
    let wanted = new_session(connection, &params)?;
    if wanted.client_token.is_some() {
        connection.recalled().await;
    }
    let notifier = Notifier { outbox: connection.outbox().clone(), streaming: None, progress: params.work_done_token };
    let progress = notifier.begin("Opening a session");
    let created = connection.daemon().sessions.create(wanted, watcher).await;
    progress.end_now(if created.is_ok() { "open" } else { "refused" });
    Ok(convert::details(&*created.map_err(fault::of_session)?))
}

/// What a client wants its session to be.
pub(in crate::server) fn new_session(
    connection: &Connection,
    params: &CreateParams,
) -> Result<NewSession, ProtocolError> {
    let network = network::policy(params.network.mode, &params.network.allow, "network.")?;
    let settings = connection.daemon().sessions.settings();
    Ok(NewSession {
        wish: wish(selection::select_params(params))?,
        workspace: workspace(&params.workspace)?,
        env: params.env.0.clone(),
        labels: params.labels.clone(),
        client_token: params.client_token.clone(),
        limits: Some(session_limits(&params.limits, settings.limits)),
        idle_timeout: params.idle_timeout_ms.map(|ms| Duration::from_millis(ms.get())),
        max_lifetime: params.max_lifetime_ms.map(|ms| Duration::from_millis(ms.get())),
        persist: params.persist == Persist::UntilClosed,
        client: connection.client_name(),
        network,
        asker: network::asker(connection),
    })
}

fn workspace(asked: &crate::protocol::session::Workspace) -> Result<Workspace, ProtocolError> {
    const URI: &str = "workspace.uri";
    let path = match (&asked.uri, asked.mode) {
        (None, WorkspaceMode::None) => return Ok(Workspace::None),
        (Some(_), WorkspaceMode::None) => {
            let message = "workspace.mode: a directory was named, but not what to do with it";
            return Err(ProtocolError::invalid_params("workspace.mode", message)
                .hint("say \"copy\", \"bindRo\", \"bindRw\" or \"overlay\""));
        }
        (None, _) => {
            return Err(ProtocolError::invalid_params(URI, format!("{URI}: this mode needs a directory")));
        }
        (Some(uri), _) => convert::file_path(uri, URI)?,
    };
    if asked.mode != WorkspaceMode::Copy && !asked.exclude.is_empty() {
        let message = "workspace.exclude: only a copy can leave things out";
        return Err(ProtocolError::invalid_params("workspace.exclude", message));
    }
    Ok(match asked.mode {
        WorkspaceMode::None => Workspace::None,
        WorkspaceMode::Copy => Workspace::Copy { path, exclude: asked.exclude.clone() },
        WorkspaceMode::BindRo => Workspace::Bind { path, writable: false },
        WorkspaceMode::BindRw => Workspace::Bind { path, writable: true },
        WorkspaceMode::Overlay => Workspace::Overlay { path },
    })
}

fn session_limits(asked: &limits::Limits, default: Limits) -> Limits {
    Limits {
        memory_bytes: asked.memory_bytes.map_or(default.memory_bytes, Into::into),
        cpu: asked.cpu.or(default.cpu),
        pids: asked.pids.map_or(default.pids, Into::into),
        disk_bytes: asked.disk_bytes.unwrap_or(default.disk_bytes),
        output_bytes: asked.output_bytes.unwrap_or(default.output_bytes),
        open_files: asked.open_files.map_or(default.open_files, Into::into),
        execution_timeout: asked
            .execution_timeout_ms
            .map_or(default.execution_timeout, |ms| Duration::from_millis(ms.get())),
    }
}

pub(in crate::server) async fn get(
    connection: &Connection,
    params: SessionRef,
) -> Result<SessionDetails, ProtocolError> {
    Ok(convert::details(&*find(connection, &params.session_id).await?))
}

pub(in crate::server) async fn list(
    connection: &Connection,
    params: SessionListParams,
) -> Result<SessionListResult, ProtocolError> {
    connection.recalled().await;
    let sessions = connection.daemon().sessions.list();
    let sessions = sessions
        .iter()
        .map(|session| convert::details(session))
        .filter(|details| params.labels.iter().all(|(name, value)| details.session.labels.get(name) == Some(value)));
    Ok(SessionListResult { sessions: sessions.collect() })
}

pub(in crate::server) async fn update(
    connection: &Connection,
    params: UpdateParams,
) -> Result<SessionDetails, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let limits::Limits { memory_bytes, cpu, pids, disk_bytes, output_bytes, open_files, execution_timeout_ms } =
        params.limits;
    let settled = [
        ("limits.memoryBytes", memory_bytes.is_some()),
        ("limits.cpu", cpu.is_some()),
        ("limits.pids", pids.is_some()),
        ("limits.diskBytes", disk_bytes.is_some()),
        ("limits.openFiles", open_files.is_some()),
    ];
    if let Some((path, _)) = settled.into_iter().find(|(_, asked)| *asked) {
        let message = format!("{path}: settled when the sandbox was built");
        return Err(ProtocolError::new(ErrorKind::NotSupportedByRuntime, message)
            .at(path)
            .hint("open another session, or give tighter limits to an execution"));
    }
    let update = Update {
        env: params.env.map(|env| env.0),
        labels: params.labels,
        output_bytes,
        execution_timeout: execution_timeout_ms.map(|ms| Duration::from_millis(ms.get())),
        idle_timeout: params.idle_timeout_ms.map(|ms| Duration::from_millis(ms.get())),
        max_lifetime: params.max_lifetime_ms.map(|ms| Duration::from_millis(ms.get())),
    };
    session.update(update).map_err(fault::of_session)?;
    Ok(convert::details(&session))
}

pub(in crate::server) async fn keep_alive(
    connection: &Connection,
    params: SessionRef,
) -> Result<KeepAliveResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    session.use_now().map_err(fault::of_session)?;
    Ok(KeepAliveResult { expires_at: convert::time(&session.snapshot().expires_at) })
}

pub(in crate::server) async fn close(
    connection: &Connection,
    params: CloseParams,
) -> Result<CloseResult, ProtocolError> {
    let session = find(connection, &params.session_id).await?;
    let ended = session.close(Why::ClosedByClient).await;
    Ok(CloseResult { session_id: params.session_id, ended_executions: ended as u64 })
}
