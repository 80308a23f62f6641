//! What the daemon tells of itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Result of `server/info`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerInfoResult {
    /// `codebeaker`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The version of the protocol on this connection.
    pub protocol_version: String,
    /// Names this run of the daemon.
    pub instance_id: String,
    /// Its process id.
    pub pid: u32,
    /// When it started.
    pub started_at: String,
    /// How long it runs.
    pub uptime_ms: u64,
    /// Sessions that are open, of all connections.
    pub open_sessions: u64,
    /// What it runs on.
    pub platform: Platform,
    /// Its limits.
    pub limits: ServerLimits,
    /// What can't be had here, and why.
    pub unavailable: BTreeMap<String, String>,
}

/// What the daemon runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Platform {
    /// Operating system: `linux`.
    pub os: String,
    /// Architecture: `x86_64`, `aarch64` …
    pub arch: String,
    /// Release of the kernel.
    pub kernel: String,
}

/// Limits of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerLimits {
    /// The longest message that it reads.
    pub max_message_bytes: u64,
    /// Requests of one connection that it works on at a time; more are refused (1900).
    pub max_in_flight: u64,
    /// Open sessions.
    pub max_sessions: u64,
    /// Executions of one session that run at a time; more wait.
    pub max_running: u64,
    /// Executions of one session that wait; more are refused (1304).
    pub max_queued: u64,
    /// Executions of one session that may begin within a minute; more are refused (1405). Absent where any number may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_executions_per_minute: Option<u64>,
    /// The same of all sessions together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executions_per_minute: Option<u64>,
    /// Live interpreters of one session; more are refused (1307).
    pub max_contexts: u64,
    /// Ended executions that a session remembers.
    pub max_remembered: u64,
    /// Output of each stream of an execution that is kept for `execution/read`.
    pub kept_output_bytes: u64,
    /// The most bytes of a file that `fs/read` answers at once.
    pub max_read_bytes: u64,
}

/// Result of `server/doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoctorResult {
    /// Whether sessions can be created here.
    pub healthy: bool,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Names the check, the same in every version: `runtime.native`, `limits.memory`, `engine.python` …
    pub id: String,
    /// What came of it.
    pub status: CheckStatus,
    /// What was found, in one line.
    pub summary: String,
    /// Why it is so, where it is not `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What would mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CheckStatus {
    /// All is as it should be.
    Ok,
    /// It works, but less well than it could.
    Warning,
    /// Something can't be used.
    Failed,
}

/// How to mend something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fix {
    /// What it does, for a person to read.
    pub description: String,
    /// A command that does it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}
