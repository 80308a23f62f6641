//! `runtime/list` and `engine/list`: what there is to choose from, and what each has of the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::{ENGINES, Engine, How};
use crate::protocol::ProtocolError;
use crate::protocol::catalogue::{
    AheadInfo, EngineInfo, EngineListResult, MachineInfo, NoParams, PrewarmParams, PrewarmResult, RuntimeInfo,
    RuntimeListResult,
};
use crate::protocol::selection::SelectParams;
use crate::runtime::{MachineState, Offer, Probe, Runtime, Want, Workspace};
use crate::server::connection::Connection;
use crate::server::convert;
use crate::server::fault;
use crate::server::handlers::session;
use crate::session::{SessionError, Sessions, Usable};

/// The runtimes, each with how it stands with it.
type Probed = [(Arc<dyn Runtime>, Probe)];

pub(in crate::server) async fn runtimes(
    connection: &Connection,
    _: NoParams,
) -> Result<RuntimeListResult, ProtocolError> {
    let probed = connection.daemon().sessions.host().probed().await;
    Ok(RuntimeListResult { runtimes: runtime_infos(&probed), ahead: ahead(&connection.daemon().sessions) })
}

fn ahead(sessions: &Sessions) -> AheadInfo {
    let (interpreters, memory_bytes) = sessions.standing_by();
    let most = sessions.settings().ahead;
    AheadInfo {
        interpreters: interpreters as u64,
        memory_bytes,
        max_interpreters: most.interpreters as u64,
        max_memory_bytes: most.memory_bytes,
    }
}

pub(in crate::server) async fn prewarm(
    connection: &Connection,
    params: PrewarmParams,
) -> Result<PrewarmResult, ProtocolError> {
    let id_of = |engine: &'static Engine| engine.id.to_owned();
    let PrewarmParams { session_id, language, engine, runtime, image, count } = params;
    let Some(id) = session_id else {
        let wanted = SelectParams { language, engine, runtime, image, ..SelectParams::default() };
        let count = count.map_or(1, |count| count.get() as usize);
        let sessions = &connection.daemon().sessions;
        let made = sessions.prewarm_for(&session::wish(wanted)?, count).await.map_err(fault::of_session)?;
        let (selection, begun) = made;
        return Ok(PrewarmResult { runtime: selection.runtime.to_owned(), engine: selection.engine.map(id_of), begun });
    };
    let named = [
        ("engine", engine.is_some()),
        ("runtime", runtime.is_some()),
        ("image", image.is_some()),
        ("count", count.is_some()),
    ];
    if let Some((field, _)) = named.into_iter().find(|(_, is_named)| *is_named) {
        let why = "it is settled in a session".to_owned();
        return Err(fault::of_session(SessionError::Invalid { field, why }));
    }
    let session = session::find(connection, &id).await?;
    let engine = session::engine_in(&session, language.as_deref())?;
    let standing = session.prewarm(engine).map_err(fault::of_session)?;
    let runtime = session.selection.runtime.to_owned();
    Ok(PrewarmResult { runtime, engine: engine.or(session.engine).map(id_of), begun: standing.is_some() })
}

pub(in crate::server) async fn engines(
    connection: &Connection,
    _: NoParams,
) -> Result<EngineListResult, ProtocolError> {
    let sessions = &connection.daemon().sessions;
    let probed = sessions.host().probed().await;
    sessions.versions().await;
    Ok(EngineListResult { engines: engine_infos(sessions, &probed) })
}

/// What a runtime has for a plain session of this engine.
pub(in crate::server) fn offer(runtime: &dyn Runtime, engine: Option<&'static Engine>) -> Option<Offer> {
    runtime.offer(&Want { engine, image: None, workspace: &Workspace::None, outlives: false }).ok()
}

pub(in crate::server) fn runtime_infos(probed: &Probed) -> Vec<RuntimeInfo> {
    let infos = probed.iter().map(|(runtime, probe)| {
        // Where nothing runs without an engine, the first that can be had stands for all.
        let wants = std::iter::once(None).chain(ENGINES.iter().map(Some));
        let measured = wants.filter(|_| probe.available).find_map(|engine| offer(&**runtime, engine));
        let measured = measured.unwrap_or_default();
        RuntimeInfo {
            id: runtime.id().to_owned(),
            isolation: convert::isolation(runtime.isolation()),
            available: probe.available,
            reason: probe.reason.clone(),
            hint: probe.fix.clone(),
            start_ms: measured.start.map(convert::millis),
            memory_bytes: measured.memory_bytes,
            machines: runtime.machines().into_iter().map(machine).collect(),
        }
    });
    infos.collect()
}

fn machine(state: MachineState) -> MachineInfo {
    MachineInfo {
        name: state.name,
        available: state.reason.is_none(),
        reason: state.reason,
        hint: state.fix,
        weight: state.weight,
        sessions: state.sessions as u64,
        ready: state.ready as u64,
        ready_memory_bytes: state.ready_bytes,
    }
}

/// The engines, with the versions that are known so far.
pub(in crate::server) fn engine_infos(sessions: &Sessions, probed: &Probed) -> Vec<EngineInfo> {
    ENGINES.iter().map(|engine| engine_info(sessions, probed, engine)).collect()
}

fn engine_info(sessions: &Sessions, probed: &Probed, engine: &'static Engine) -> EngineInfo {
    let on_host = sessions.usable(engine);
    let is_on_host = matches!(on_host, Usable::Yes { .. });
    let mut runtimes = Vec::new();
    let mut versions = BTreeMap::new();
    let mut debug = false;
    for (runtime, _) in probed.iter().filter(|(_, probe)| probe.available) {
        let has_it = (is_on_host || !runtime.has_host_programs()) && offer(&**runtime, Some(engine)).is_some();
        if has_it {
            runtimes.push(runtime.id().to_owned());
            let version = sessions.version_in(engine, &**runtime);
            debug |= sessions.has_debugger(engine, &**runtime);
            versions.extend(version.map(|version| (runtime.id().to_owned(), version)));
        }
    }
    let available = is_on_host || !runtimes.is_empty();
    let (version, reason, hint) = match on_host {
        Usable::Yes { version } => (version, None, None),
        _ if available => (None, None, None),
        Usable::Broken(reason) => (None, Some(reason), None),
        Usable::Missing => (None, Some("not installed".to_owned()), Some(engine.install.to_owned())),
    };
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    EngineInfo {
        id: engine.id.to_owned(),
        languages: owned(engine.languages),
        extensions: owned(engine.extensions),
        later_languages: owned(engine.since.map_or(&[], |since| since.languages)),
        compiles: matches!(engine.how, How::Compiles { .. }),
        min_memory_bytes: engine.least.memory_bytes,
        min_pids: engine.least.pids,
        available,
        version: version.or_else(|| runtimes.iter().find_map(|runtime| versions.get(runtime).cloned())),
        reason,
        hint,
        runtimes,
        versions,
        contexts: engine.interpreter.is_some(),
        debug,
    }
}
