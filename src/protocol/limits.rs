//! Limits: what a client asks for, and what it got and who sees to it.

use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Settings;

fn default_timeout_ms() -> u64 {
    u64::try_from(Settings::default().limits.execution_timeout.as_millis()).unwrap_or(u64::MAX)
}

/// Limits of a session, together for all that runs in it unless it says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Memory of all processes together.
    #[schemars(extend("default" = Settings::default().limits.memory_bytes))]
    pub memory_bytes: Option<NonZeroU64>,
    /// Processors that may be busy at a time; a fraction is possible where a cgroup enforces it. Without it, all there are.
    pub cpu: Option<f64>,
    /// Processes and threads at a time.
    #[schemars(extend("default" = Settings::default().limits.pids))]
    pub pids: Option<NonZeroU64>,
    /// Bytes that the files of a workspace in memory (`none`, `copy`, `overlay`) may take; where the workspace is a directory of the host, the size of any one file.
    #[schemars(extend("default" = Settings::default().limits.disk_bytes))]
    pub disk_bytes: Option<u64>,
    /// Output that each execution passes on, all its streams together. What comes after is counted and announced as a gap.
    #[schemars(extend("default" = Settings::default().limits.output_bytes))]
    pub output_bytes: Option<u64>,
    /// Open files of each process.
    #[schemars(extend("default" = Settings::default().limits.open_files))]
    pub open_files: Option<NonZeroU64>,
    /// Wall time of an execution that names no `timeoutMs` of its own.
    #[schemars(extend("default" = default_timeout_ms()))]
    pub execution_timeout_ms: Option<NonZeroU64>,
}

/// Limits of one execution. They can only be tighter than those of its session, which hold anyway; but for `outputBytes`, which takes the place of the session's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionLimits {
    /// Memory of all its processes together.
    pub memory_bytes: Option<NonZeroU64>,
    /// Processors it may run on; a fraction is rounded up.
    pub cpu: Option<f64>,
    /// Processes and threads beside those that run in the session already.
    pub pids: Option<NonZeroU64>,
    /// Size of any file that it writes.
    pub disk_bytes: Option<u64>,
    /// Output that it passes on, all streams together. Without it, the session's `outputBytes`.
    pub output_bytes: Option<u64>,
    /// Open files of each process.
    pub open_files: Option<NonZeroU64>,
    /// What happens when it prints more than `outputBytes`.
    #[serde(default)]
    pub on_output_limit: OnOutputLimit,
}

/// What happens to a program that prints more than it may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnOutputLimit {
    /// It runs on; the rest of its output is counted, announced as a gap and thrown away.
    #[default]
    Truncate,
    /// It is killed, and its outcome is `outputLimit`.
    Kill,
}

/// A limit in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveLimit<T> {
    /// The limit; `null` when there is none.
    pub value: Option<T>,
    /// Who sees to it.
    pub enforced_by: Enforcer,
    /// What a reader should know about this way of enforcing it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Who sees to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Enforcer {
    /// The kernel, by a version 2 cgroup of the session.
    CgroupV2,
    /// The kernel, by version 1 cgroups of the session.
    CgroupV1,
    /// The kernel, by `setrlimit`.
    Rlimit,
    /// The kernel, by the size of the file system in memory.
    Tmpfs,
    /// The kernel, by the set of processors that may be used.
    Affinity,
    /// The agent, which looks at intervals and kills what is over; short peaks escape it.
    Watchdog,
    /// The daemon.
    Daemon,
    /// Nobody: there is no limit, or nothing here can enforce it.
    Nobody,
}

/// The limits in force in a session, each with who sees to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveLimits {
    /// Memory of all processes together.
    pub memory_bytes: EffectiveLimit<u64>,
    /// Processors that may be busy at a time.
    pub cpu: EffectiveLimit<f64>,
    /// Processes and threads at a time.
    pub pids: EffectiveLimit<u64>,
    /// Bytes of files.
    pub disk_bytes: EffectiveLimit<u64>,
    /// Output of each execution.
    pub output_bytes: EffectiveLimit<u64>,
    /// Open files of each process.
    pub open_files: EffectiveLimit<u64>,
    /// Wall time of each execution that names no `timeoutMs`.
    pub execution_timeout_ms: EffectiveLimit<u64>,
}
