//! What the daemon says unasked.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::encoding::Encoding;
use super::execution::{Ending, Stage, Stream};
use super::session::{SessionState, StateReason};

/// Parameters of `execution/started`: the program runs, or its compiler does before that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartedNotice {
    /// In which session.
    pub session_id: String,
    /// Which execution.
    pub execution_id: String,
    /// `compile` for a compiler; absent for the program itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Its process id inside the sandbox.
    pub pid: u32,
    /// When it started.
    pub started_at: String,
}

/// Parameters of `execution/output`: some output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutputNotice<'a> {
    /// In which session.
    pub session_id: Cow<'a, str>,
    /// Which execution.
    pub execution_id: Cow<'a, str>,
    /// 0 for the first `execution/output` or `execution/outputGap` of an execution, and one more for each that follows.
    pub seq: u64,
    /// `compile` for what a compiler says; absent for what the program does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Which stream.
    pub stream: Stream,
    /// Byte position in that stream of the first byte of `data`.
    pub offset: u64,
    /// The output. It never ends within a UTF-8 character.
    pub data: Cow<'a, str>,
    /// What `data` is.
    pub encoding: Encoding,
}

/// Parameters of `execution/outputGap`: output that is not passed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutputGapNotice {
    /// In which session.
    pub session_id: String,
    /// Which execution.
    pub execution_id: String,
    /// Its place in the one order of output and gaps.
    pub seq: u64,
    /// Which stream.
    pub stream: Stream,
    /// Byte position in that stream of the first byte that is missing.
    pub offset: u64,
    /// How many bytes are missing.
    pub lost_bytes: u64,
    /// Why.
    pub reason: GapReason,
}

/// Why output is not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GapReason {
    /// There is more of it than `outputBytes` allows.
    OutputLimit,
    /// It was printed while an earlier daemon had the session, which is gone: it may have been passed on then, or not.
    DaemonEnded,
}

/// Parameters of `execution/exited`: the program and everything it left behind are gone, and all of its output was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExitedNotice {
    /// In which session.
    pub session_id: String,
    /// Which execution.
    pub execution_id: String,
    /// How it ended.
    #[serde(flatten)]
    pub ending: Ending,
}

/// Parameters of `session/stateChanged`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateChangedNotice {
    /// Which session.
    pub session_id: String,
    /// What it was.
    pub from: SessionState,
    /// What it is now.
    pub to: SessionState,
    /// Why.
    pub reason: StateReason,
    /// More about it, for a person to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Parameters of `server/shuttingDown`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShuttingDownNotice {
    /// Why the daemon ends.
    pub reason: ShutdownReason,
    /// How long sessions have to end by themselves.
    pub grace_ms: u64,
}

/// Why a daemon ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ShutdownReason {
    /// It was told to by a signal.
    Signal,
    /// The process that the client named as its own (`processId`) is gone.
    ClientGone,
}
