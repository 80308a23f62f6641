//! `server/*`: what this daemon is, and what would mend what it can't use.

use std::collections::BTreeMap;

use super::catalogue::{engine_infos, offer, runtime_infos};
use super::files;
use crate::engine::ENGINES;
use crate::engine::adapters::ADAPTERS;
use crate::protocol::ProtocolError;
use crate::protocol::catalogue::{EngineInfo, NoParams, RuntimeInfo};
use crate::protocol::handshake::PROTOCOL_VERSIONS;
use crate::protocol::server::{Check, CheckStatus, DoctorResult, Fix, Platform, ServerInfoResult, ServerLimits};
use crate::server::connection::Connection;
use crate::server::{convert, transport_options};
use crate::session::Sessions;

pub(in crate::server) async fn info(connection: &Connection, _: NoParams) -> Result<ServerInfoResult, ProtocolError> {
    let daemon = connection.daemon();
    let probed = daemon.sessions.host().glanced().await;
    let (runtimes, engines) = (runtime_infos(&probed), engine_infos(&daemon.sessions, &probed));
    let system = rustix::system::uname();
    Ok(ServerInfoResult {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol_version: PROTOCOL_VERSIONS[0].to_owned(),
        instance_id: daemon.instance.to_string(),
        pid: std::process::id(),
        started_at: convert::time(&daemon.started_at),
        uptime_ms: convert::millis(daemon.started.elapsed()),
        open_sessions: daemon.sessions.list().len() as u64,
        platform: Platform {
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            kernel: system.release().to_string_lossy().into_owned(),
        },
        limits: limits(connection),
        unavailable: unavailable(&runtimes, &engines),
    })
}

pub(in crate::server) fn limits(connection: &Connection) -> ServerLimits {
    let settings = connection.daemon().sessions.settings();
    let transport = transport_options();
    ServerLimits {
        max_message_bytes: transport.max_message_bytes as u64,
        max_in_flight: transport.max_in_flight as u64,
        max_sessions: settings.max_sessions as u64,
        max_running: settings.max_running as u64,
        max_queued: settings.max_queued as u64,
        session_executions_per_minute: settings.rates.session.map(|most| most.get() as u64),
        executions_per_minute: settings.rates.daemon.map(|most| most.get() as u64),
        max_contexts: settings.max_contexts as u64,
        max_remembered: settings.max_remembered as u64,
        kept_output_bytes: settings.kept_output_bytes as u64,
        max_read_bytes: files::MAX_READ_BYTES,
    }
}

pub(in crate::server) async fn doctor(connection: &Connection, _: NoParams) -> Result<DoctorResult, ProtocolError> {
    Ok(examine(&connection.daemon().sessions).await)
}

/// Looks at everything that running code needs on this machine.
pub async fn examine(sessions: &Sessions) -> DoctorResult {
    let host = sessions.host();
    let mut checks = Vec::new();
    let probed = host.probed().await;
    let any_works = probed.iter().any(|(_, probe)| probe.available);
    for (runtime, probe) in &probed {
        let status = match probe.available {
            true => CheckStatus::Ok,
            // Code can be run all the same.
            false if any_works => CheckStatus::Warning,
            false => CheckStatus::Failed,
        };
        let summary = match status {
            CheckStatus::Ok => format!("sandboxes can be made (isolation: {})", runtime.isolation()),
            _ => "sandboxes can't be made".to_owned(),
        };
        checks.push(Check {
            id: format!("runtime.{}", runtime.id()),
            status,
            summary,
            reason: probe.reason.clone(),
            fix: probe.fix.clone().map(|fix| Fix { description: fix, command: None }),
        });
        checks.extend(probe.remarks.iter().map(|remark| Check {
            id: format!("runtime.{}", runtime.id()),
            status: CheckStatus::Warning,
            summary: remark.clone(),
            reason: None,
            fix: None,
        }));
    }
    let versions = sessions.versions().await;
    for engine in ENGINES {
        let id = format!("engine.{}", engine.id);
        let elsewhere = probed.iter().filter(|(runtime, probe)| {
            probe.available && !runtime.has_host_programs() && offer(&**runtime, Some(engine)).is_some()
        });
        let elsewhere: Vec<&str> = elsewhere.map(|(runtime, _)| runtime.id()).collect();
        checks.push(match versions.get(engine.id) {
            Some(Ok(version)) => {
                Check { id, status: CheckStatus::Ok, summary: version.clone(), reason: None, fix: None }
            }
            Some(Err(reason)) => Check {
                id,
                status: CheckStatus::Warning,
                summary: "installed, but it does not run in a sandbox".to_owned(),
                reason: Some(reason.clone()),
                fix: None,
            },
            None if !elsewhere.is_empty() => {
                let summary = format!("in images of {}", elsewhere.join(", "));
                Check { id, status: CheckStatus::Ok, summary, reason: None, fix: None }
            }
            None => Check {
                id,
                status: CheckStatus::Warning,
                summary: "not installed".to_owned(),
                reason: None,
                fix: Some(Fix { description: "install it".to_owned(), command: Some(engine.install.to_owned()) }),
            },
        });
    }
    checks.extend(ADAPTERS.iter().map(|adapter| {
        let (id, languages) = (format!("debugger.{}", adapter.id), adapter.languages[0]);
        match host.adapter(adapter) {
            Some(_) => {
                let summary = format!("installed: debugs {languages}");
                Check { id, status: CheckStatus::Ok, summary, reason: None, fix: None }
            }
            None => Check {
                id,
                status: CheckStatus::Warning,
                summary: format!("not installed: {languages} can't be debugged"),
                reason: None,
                fix: Some(Fix { description: adapter.install.to_owned(), command: None }),
            },
        }
    }));
    let works =
        |prefix: &str| checks.iter().any(|check| check.id.starts_with(prefix) && check.status == CheckStatus::Ok);
    DoctorResult { healthy: works("runtime.") && works("engine."), checks }
}

pub(in crate::server) fn unavailable(runtimes: &[RuntimeInfo], engines: &[EngineInfo]) -> BTreeMap<String, String> {
    let reason = |reason: &Option<String>| reason.clone().unwrap_or_default();
    let runtimes = runtimes
        .iter()
        .filter(|runtime| !runtime.available)
        .map(|runtime| (format!("runtime.{}", runtime.id), reason(&runtime.reason)));
    let engines = engines
        .iter()
        .filter(|engine| !engine.available)
        .map(|engine| (format!("engine.{}", engine.id), reason(&engine.reason)));
    runtimes.chain(engines).collect()
}
