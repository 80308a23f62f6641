//! From the domain's types to the protocol's, and back.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use super::handlers::network::network;
use super::{cells, selection};
use crate::agent::plan::WORKSPACE;
use crate::agent::wire::{Copied, FileEntry, FileKind, FileTag};
use crate::engine::language_name;
use crate::execution::{self, Execution, OutputStream, Phase, Summary};
use crate::protocol::execution::{Ending, ExecutionState, Outcome, Stage, StageEnding, Stream, StreamSummary};
use crate::protocol::files::{FsCopied, FsEntry, FsEntryType, Permissions, path_on_wire};
use crate::protocol::limits::{EffectiveLimit, EffectiveLimits, Enforcer};
use crate::protocol::session::{
    ExecutionCounts, Isolation, Persist, SessionDetails, SessionState, SessionWorkspace, StandingBy, StateReason,
    WorkspaceMode,
};
use crate::protocol::{self, ProtocolError, signal_name};
use crate::runtime;
use crate::session::{Session, State, Why};

pub(super) fn time(at: &Timestamp) -> String {
    format!("{at:.3}")
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn stream(stream: OutputStream) -> Stream {
    match stream {
        OutputStream::Stdout => Stream::Stdout,
        OutputStream::Stderr => Stream::Stderr,
        OutputStream::Pty => Stream::Pty,
    }
}

fn stage(stage: execution::Stage) -> Stage {
    match stage {
        execution::Stage::Compile => Stage::Compile,
        execution::Stage::Run => Stage::Run,
    }
}

/// A stage that is not the one that every execution has.
pub(super) fn special_stage(of: execution::Stage) -> Option<Stage> {
    (of != execution::Stage::Run).then(|| stage(of))
}

fn stage_ending(summary: &execution::StageSummary) -> StageEnding {
    StageEnding {
        stage: stage(summary.stage),
        exit_code: summary.exit_code,
        signal: summary.signal.map(signal_name),
        started_at: summary.started_at.as_ref().map(time),
        duration_ms: millis(summary.duration),
        cpu_ms: millis(summary.cpu.unwrap_or_default()),
        peak_memory_bytes: summary.peak_memory_bytes.unwrap_or_default(),
    }
}

/// The result of an execution, as it travels.
#[must_use]
pub fn ending(summary: &Summary, has_terminal: bool) -> Ending {
    let written = |written: execution::Written| StreamSummary { bytes: written.bytes, truncated: written.truncated };
    let shown = written(summary.stdout);
    Ending {
        outcome: match summary.outcome {
            execution::Outcome::Ok => Outcome::Ok,
            execution::Outcome::Error => Outcome::Error,
            execution::Outcome::Timeout => Outcome::Timeout,
            execution::Outcome::Killed => Outcome::Killed,
            execution::Outcome::OutOfMemory => Outcome::OutOfMemory,
            execution::Outcome::Cancelled => Outcome::Cancelled,
            execution::Outcome::OutputLimit => Outcome::OutputLimit,
            execution::Outcome::Lost => Outcome::Lost,
        },
        stage: summary.stages.last().map(|last| stage(last.stage)),
        exit_code: summary.exit_code,
        signal: summary.signal.map(signal_name),
        started_at: summary.started_at.as_ref().map(time),
        duration_ms: millis(summary.duration),
        queue_ms: millis(summary.queued),
        cpu_ms: millis(summary.cpu.unwrap_or_default()),
        peak_memory_bytes: summary.peak_memory_bytes.unwrap_or_default(),
        stdout: if has_terminal { StreamSummary::default() } else { shown },
        stderr: written(summary.stderr),
        pty: has_terminal.then_some(shown),
        stages: summary.stages.iter().map(stage_ending).collect(),
        error: summary.raised.as_ref().map(cells::error),
        context_lost: summary.context_lost,
        displays: Vec::new(),
        displays_omitted: 0,
    }
}

/// The same, with what it has shown.
pub(super) fn full_ending(execution: &Execution, summary: &Summary) -> Ending {
    let shown = execution.displayed();
    Ending {
        displays: shown.kept.iter().map(|display| cells::bundle(display)).collect(),
        displays_omitted: shown.left_out,
        ..ending(summary, execution.has_terminal)
    }
}

pub(super) fn execution(execution: &Execution) -> protocol::execution::Execution {
    let (state, ending) = match execution.phase() {
        Phase::Queued => (ExecutionState::Queued, None),
        Phase::Running => (ExecutionState::Running, None),
        Phase::Ended(summary) => (ExecutionState::Ended, Some(full_ending(execution, &summary))),
        Phase::Refused(_) => (ExecutionState::Ended, None),
    };
    protocol::execution::Execution {
        execution_id: execution.id.to_string(),
        session_id: execution.session.to_string(),
        state,
        argv: execution.argv.clone(),
        context_id: execution.context.as_ref().map(ToString::to_string),
        queued_at: time(&execution.created_at),
        pid: execution.pid(),
        ending,
    }
}

pub(super) fn state(state: State) -> SessionState {
    match state {
        State::Active => SessionState::Active,
        State::Idle => SessionState::Idle,
        State::Closing => SessionState::Closing,
        State::Closed => SessionState::Closed,
    }
}

pub(super) fn why(why: &Why) -> (StateReason, Option<String>) {
    match why {
        Why::Used => (StateReason::Used, None),
        Why::Unused => (StateReason::Unused, None),
        Why::ClosedByClient => (StateReason::Requested, None),
        Why::IdleTimeout => (StateReason::IdleTimeout, None),
        Why::Lifetime => (StateReason::MaxLifetime, None),
        Why::RuntimeLost(how) => (StateReason::RuntimeLost, Some(how.clone())),
        Why::DaemonStopping => (StateReason::Shutdown, None),
    }
}

pub(super) fn session(session: &Session) -> protocol::session::Session {
    let snapshot = session.snapshot();
    let mut executions = ExecutionCounts::default();
    for execution in session.executions() {
        match execution.phase() {
            Phase::Queued => executions.queued += 1,
            Phase::Running => executions.running += 1,
            Phase::Ended(_) | Phase::Refused(_) => executions.ended += 1,
        }
    }
    protocol::session::Session {
        session_id: session.id.to_string(),
        state: state(snapshot.state),
        language: session.engine.map(|engine| language_name(engine, session.language.as_deref()).to_owned()),
        workspace: workspace(session),
        network: network(&session.network.policy()),
        persist: if session.persist { Persist::UntilClosed } else { Persist::Connection },
        created_at: time(&session.created_at),
        last_used_at: time(&snapshot.last_used_at),
        expires_at: time(&snapshot.expires_at),
        idle_timeout_ms: millis(snapshot.idle_timeout),
        max_lifetime_ms: millis(snapshot.max_lifetime),
        executions,
        labels: snapshot.labels,
    }
}

fn workspace(session: &Session) -> SessionWorkspace {
    let mode = match session.workspace {
        runtime::Workspace::None => WorkspaceMode::None,
        runtime::Workspace::Copy { .. } => WorkspaceMode::Copy,
        runtime::Workspace::Bind { writable: false, .. } => WorkspaceMode::BindRo,
        runtime::Workspace::Bind { writable: true, .. } => WorkspaceMode::BindRw,
        runtime::Workspace::Overlay { .. } => WorkspaceMode::Overlay,
    };
    let uri = session.workspace_path().map(|path| file_uri(path));
    SessionWorkspace { mode, uri, path: WORKSPACE.to_owned() }
}

pub(super) fn details(of: &Session) -> SessionDetails {
    SessionDetails {
        session: session(of),
        selection: selection::of_session(of),
        effective_limits: effective_limits(of),
        ahead: of.standing_by().map(|(engine, id, bytes)| StandingBy {
            engine: engine.id.to_owned(),
            execution_id: id.to_string(),
            memory_bytes: bytes,
        }),
    }
}

pub(super) fn isolation(isolation: runtime::Isolation) -> Isolation {
    match isolation {
        runtime::Isolation::Process => Isolation::Process,
        runtime::Isolation::Namespaces => Isolation::Namespaces,
        runtime::Isolation::Container => Isolation::Container,
        runtime::Isolation::Kernel => Isolation::Kernel,
        runtime::Isolation::Vm => Isolation::Vm,
    }
}

pub(super) fn isolation_floor(isolation: Isolation) -> runtime::Isolation {
    match isolation {
        Isolation::Process => runtime::Isolation::Process,
        Isolation::Namespaces => runtime::Isolation::Namespaces,
        Isolation::Container => runtime::Isolation::Container,
        Isolation::Kernel => runtime::Isolation::Kernel,
        Isolation::Vm => runtime::Isolation::Vm,
    }
}

fn effective_limits(session: &Session) -> EffectiveLimits {
    let limits = session.snapshot().limits;
    let by = |limit: runtime::Limit| {
        let enforcement = session.enforcement.iter().find(|enforcement| enforcement.limit == limit);
        let enforcer = enforcement.map_or(Enforcer::Nobody, |enforcement| enforcer(enforcement.enforcer));
        (enforcer, enforcement.and_then(|enforcement| enforcement.remark.map(str::to_owned)))
    };
    let whole = |value: u64, (enforced_by, note)| EffectiveLimit { value: Some(value), enforced_by, note };
    let daemon = |value: u64| EffectiveLimit { value: Some(value), enforced_by: Enforcer::Daemon, note: None };
    let (enforced_by, note) = by(runtime::Limit::Cpu);
    EffectiveLimits {
        memory_bytes: whole(limits.memory_bytes, by(runtime::Limit::Memory)),
        cpu: EffectiveLimit { value: limits.cpu, enforced_by, note },
        pids: whole(limits.pids, by(runtime::Limit::Pids)),
        disk_bytes: whole(limits.disk_bytes, by(runtime::Limit::Disk)),
        output_bytes: daemon(limits.output_bytes),
        open_files: whole(limits.open_files, by(runtime::Limit::OpenFiles)),
        execution_timeout_ms: daemon(millis(limits.execution_timeout)),
    }
}

fn enforcer(enforcer: runtime::Enforcer) -> Enforcer {
    match enforcer {
        runtime::Enforcer::CgroupV1 => Enforcer::CgroupV1,
        runtime::Enforcer::CgroupV2 => Enforcer::CgroupV2,
        runtime::Enforcer::Rlimit => Enforcer::Rlimit,
        runtime::Enforcer::Tmpfs => Enforcer::Tmpfs,
        runtime::Enforcer::Affinity => Enforcer::Affinity,
        runtime::Enforcer::Agent => Enforcer::Watchdog,
        runtime::Enforcer::None => Enforcer::Nobody,
    }
}

/// An entry of a listing of `directory`, which is relative to the workspace.
pub(super) fn entry(directory: &[u8], entry: &FileEntry) -> FsEntry {
    let mut whole = directory.to_vec();
    if !whole.is_empty() {
        whole.push(b'/');
    }
    whole.extend_from_slice(&entry.path);
    let (path, path_base64) = path_on_wire(&whole);
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let modified = Timestamp::from_nanosecond(i128::from(entry.stat.tag.modified_nanos));
    FsEntry {
        name,
        path,
        path_base64,
        kind: match entry.stat.kind {
            FileKind::File => FsEntryType::File,
            FileKind::Directory => FsEntryType::Directory,
            FileKind::Symlink => FsEntryType::Symlink,
            FileKind::Other => FsEntryType::Other,
        },
        size: entry.stat.tag.size,
        modified_at: time(&modified.unwrap_or(Timestamp::UNIX_EPOCH)),
        permissions: Permissions(entry.stat.mode),
    }
}

pub(super) fn copied(copied: Copied) -> FsCopied {
    FsCopied { entries: copied.entries, bytes: copied.bytes, skipped: copied.skipped }
}

pub(super) fn etag(tag: FileTag) -> String {
    format!("{:x}-{:x}-{:x}", tag.inode, tag.size, tag.modified_nanos)
}

pub(super) fn tag(etag: &str) -> Result<FileTag, ProtocolError> {
    let read = || {
        let mut parts = etag.splitn(3, '-');
        let mut next = || u64::from_str_radix(parts.next()?, 16).ok();
        Some(FileTag { inode: next()?, size: next()?, modified_nanos: next()?.cast_signed() })
    };
    read().ok_or_else(|| ProtocolError::invalid_params("ifMatch", "ifMatch: no `etag` of this daemon looks like that"))
}

/// The directory that a `file:` URI names.
pub(super) fn file_path(uri: &str, path: &str) -> Result<PathBuf, ProtocolError> {
    let refuse = |why: &str| ProtocolError::invalid_params(path, format!("{path}: {why}"));
    let url = lsp_types::Url::parse(uri).map_err(|error| refuse(&format!("not a URI: {error}")))?;
    if url.scheme() != "file" {
        return Err(refuse("only `file:` URIs name a directory of this machine"));
    }
    url.to_file_path().map_err(|()| refuse("it names no path of this machine"))
}

fn file_uri(path: &std::path::Path) -> String {
    lsp_types::Url::from_directory_path(path)
        .map_or_else(|()| path.display().to_string(), |url| url.as_str().trim_end_matches('/').to_owned())
}
