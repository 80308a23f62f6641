//! Sessions: long-lived sandboxes with a workspace of their own.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ProgressToken;
use super::limits::{EffectiveLimits, Limits};
use super::selection::{Fallback, Preference, Selection};
use crate::config::Settings;

fn default_idle_ms() -> u64 {
    u64::try_from(Settings::default().idle_timeout.as_millis()).unwrap_or(u64::MAX)
}

fn default_lifetime_ms() -> u64 {
    u64::try_from(Settings::default().max_lifetime.as_millis()).unwrap_or(u64::MAX)
}

/// Environment variables. How it is printed for a log shows names and no values.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Env(pub BTreeMap<String, String>);

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Parameters of `session/create`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateParams {
    /// Language of code and files whose execution names none: `python`, `javascript`, `bash`, or another name that `engine/list` knows.
    pub language: Option<String>,
    /// The engine that runs it, by its id in `engine/list`. Without it, the best one for the language.
    pub engine: Option<String>,
    /// Where it is isolated, by its id in `runtime/list`. Without it, the best one by `preference`.
    pub runtime: Option<String>,
    /// The image to take, by name and tag, in place of the engine's own; only of runtimes that have images.
    pub image: Option<String>,
    /// What decides between runtimes that would do.
    #[serde(default)]
    pub preference: Preference,
    /// No runtime that isolates less is taken, whatever else is asked for.
    #[serde(default)]
    pub min_isolation: Isolation,
    /// What happens when the `runtime` that was asked for can't be used.
    #[serde(default)]
    pub fallback: Fallback,
    /// What is in `/workspace`.
    #[serde(default)]
    pub workspace: Workspace,
    /// Environment variables of every program in the session, beside the few that make a sandbox usable (`PATH`, `HOME`, `LANG` …). Nothing of the daemon's own environment gets in.
    #[serde(default)]
    pub env: Env,
    /// Limits, together for all that runs in the session.
    #[serde(default)]
    pub limits: Limits,
    /// What of the network can be reached from inside.
    #[serde(default)]
    pub network: Network,
    /// The session is closed when it was not used for so long. An execution that runs is use.
    #[schemars(extend("default" = default_idle_ms()))]
    pub idle_timeout_ms: Option<NonZeroU64>,
    /// The session is closed at this age, used or not.
    #[schemars(extend("default" = default_lifetime_ms()))]
    pub max_lifetime_ms: Option<NonZeroU64>,
    /// How long the session outlives its client.
    #[serde(default)]
    pub persist: Persist,
    /// The client's own notes on the session; the daemon only gives them back.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Makes the request repeatable: while the session that a first `session/create` made with this token lives, a second one answers that session and makes none.
    pub client_token: Option<String>,
    /// Reports progress under this token.
    pub work_done_token: Option<ProgressToken>,
}

/// How strictly a sandbox separates programs from the host; each level includes those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Isolation {
    /// A process with filters on its system calls and file accesses.
    Process,
    /// Namespaces of its own for files, processes, network and users, without capabilities, behind a system-call filter.
    #[default]
    Namespaces,
    /// A container of an engine of containers.
    Container,
    /// A kernel of its own in user space.
    Kernel,
    /// A virtual machine.
    Vm,
}

/// How long a session outlives its client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Persist {
    /// Not at all: it is closed with the connection that made it.
    #[default]
    Connection,
    /// Until it is closed or expires; its sandbox outlives the daemon. A runtime that can't do that is not taken.
    UntilClosed,
}

/// What is in `/workspace`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    /// How the workspace relates to the host.
    #[serde(default)]
    pub mode: WorkspaceMode,
    /// The host directory, as a `file:` URI. Needed by every mode but `none`.
    pub uri: Option<String>,
    /// With `copy`: files and directories of these names are left out at every level; `*` matches any run of characters.
    #[serde(default)]
    pub exclude: Vec<String>,
}

/// How a workspace relates to the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WorkspaceMode {
    /// Empty, in memory, gone with the session.
    #[default]
    None,
    /// A copy of the directory, in memory, gone with the session.
    Copy,
    /// The directory itself, read-only.
    BindRo,
    /// The directory itself: what programs change is changed on the host.
    BindRw,
    /// The directory, below a layer in memory that takes every change and is gone with the session.
    Overlay,
}

/// What of the network can be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Network {
    /// Which destinations.
    #[serde(default)]
    pub mode: NetworkMode,
    /// With `allowlist`: the hosts. `example.org` and `example.org:443` stand for that host, at any port or at one; `*.example.org` for every name below it; an address for itself, in brackets where it has colons.
    #[serde(default)]
    pub allow: Vec<String>,
}

/// Which destinations can be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NetworkMode {
    /// None but the sandbox itself.
    #[default]
    None,
    /// Those of `allow`, through the daemon's proxy, and those that a person allows (`net/ask`).
    Allowlist,
    /// Every public host, through the daemon's proxy. Only where the daemon's settings allow it (1407).
    Full,
}

/// Names a session; parameters of `session/get` and `session/keepAlive`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionRef {
    /// Which session.
    pub session_id: String,
}

/// A session as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Names it from now on.
    pub session_id: String,
    /// What it is up to.
    pub state: SessionState,
    /// Language of code whose execution names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Its workspace.
    pub workspace: SessionWorkspace,
    /// What of the network can be reached.
    pub network: Network,
    /// How long it outlives its client.
    pub persist: Persist,
    /// When it was created.
    pub created_at: String,
    /// When it was last used.
    pub last_used_at: String,
    /// When it will be closed, if it is not used before.
    pub expires_at: String,
    /// It is closed when it was not used for so long.
    pub idle_timeout_ms: u64,
    /// It is closed at this age.
    pub max_lifetime_ms: u64,
    /// Its executions, counted.
    pub executions: ExecutionCounts,
    /// The client's notes.
    pub labels: BTreeMap<String, String>,
}

/// The workspace of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionWorkspace {
    /// How it relates to the host.
    pub mode: WorkspaceMode,
    /// The host directory; absent with `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Where programs see it.
    pub path: String,
}

/// How many executions a session has and had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionCounts {
    /// That wait for their turn.
    pub queued: u64,
    /// That run.
    pub running: u64,
    /// That have ended.
    pub ended: u64,
}

/// What a session is up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SessionState {
    /// It was used just now, or is in use.
    Active,
    /// It was not used for a while and moves towards its idle time-out.
    Idle,
    /// Its programs are being ended and its sandbox taken down.
    Closing,
    /// Nothing is left of it.
    Closed,
}

/// Why a session's state changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StateReason {
    /// It is used again.
    Used,
    /// It was not used for a while.
    Unused,
    /// `session/close`.
    Requested,
    /// It was not used for `idleTimeoutMs`.
    IdleTimeout,
    /// It reached `maxLifetimeMs`.
    MaxLifetime,
    /// Its sandbox came to an end of which nobody gave notice.
    RuntimeLost,
    /// The daemon ends.
    Shutdown,
}

/// A session with everything that was decided when it was made; result of `session/create`, `session/get` and
/// `session/update`, and one of those of `session/list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionDetails {
    /// The session.
    #[serde(flatten)]
    pub session: Session,
    /// Which runtime and engine it got, and why.
    pub selection: Selection,
    /// The limits in force, each with who sees to it.
    pub effective_limits: EffectiveLimits,
    /// The interpreter that stands by for code to come; absent where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ahead: Option<StandingBy>,
}

/// An interpreter that was started ahead of its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StandingBy {
    /// Of which engine.
    pub engine: String,
    /// The execution that it will be, if the next one is just like the last.
    pub execution_id: String,
    /// Memory of its own; absent until it was weighed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

/// Parameters of `session/list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionListParams {
    /// Only sessions that have all these labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// Result of `session/list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionListResult {
    /// The sessions of this connection that are not closed, oldest first; each as `session/get` tells of it.
    pub sessions: Vec<SessionDetails>,
}

/// Parameters of `session/update`. What is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateParams {
    /// Which session.
    pub session_id: String,
    /// The new idle time-out, which begins now.
    pub idle_timeout_ms: Option<NonZeroU64>,
    /// The new greatest age, counted from `createdAt`.
    pub max_lifetime_ms: Option<NonZeroU64>,
    /// New labels, in place of all the old ones.
    pub labels: Option<BTreeMap<String, String>>,
    /// New environment variables of executions to come, in place of all that the session had.
    pub env: Option<Env>,
    /// New limits of executions to come: `outputBytes` and `executionTimeoutMs`. The others are settled when the sandbox is built, and refused (1206).
    #[serde(default)]
    pub limits: Limits,
}

/// Result of `session/keepAlive`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeepAliveResult {
    /// When the session will be closed now, if it is not used before.
    pub expires_at: String,
}

/// Parameters of `session/close`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloseParams {
    /// Which session.
    pub session_id: String,
}

/// Result of `session/close`. When it comes, nothing is left of the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloseResult {
    /// Which session.
    pub session_id: String,
    /// How many executions were under way and were ended.
    pub ended_executions: u64,
}
