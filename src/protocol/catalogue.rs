//! What there is to choose from: runtimes (where code is isolated) and engines (what runs it).

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::session::Isolation;

/// Parameters of a method that has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoParams {}

/// Result of a method that has nothing to say but that it is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {}

/// Result of `runtime/list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeListResult {
    /// All runtimes that the daemon knows, usable here or not.
    pub runtimes: Vec<RuntimeInfo>,
    /// Interpreters that stand by in sessions, for code to come.
    pub ahead: AheadInfo,
}

/// Interpreters that stand by in sessions, whichever runtime these are in, and how much they may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AheadInfo {
    /// How many there are.
    pub interpreters: u64,
    /// Memory of their own, of those that were weighed: each is, soon after its start.
    pub memory_bytes: u64,
    /// The most that there may be.
    pub max_interpreters: u64,
    /// The most memory that they may have: one that is beyond it is given up.
    pub max_memory_bytes: u64,
}

/// Parameters of `runtime/prewarm`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrewarmParams {
    /// The session in which an interpreter is to stand by; without it, sandboxes are made ready for sessions to come.
    pub session_id: Option<String>,
    /// Of which language, in a session its own when absent.
    pub language: Option<String>,
    /// Of which engine, by its id in `engine/list`. Not in a session.
    pub engine: Option<String>,
    /// The runtime of sandboxes to come, by its id; the one that a session would get when absent. Not in a session.
    pub runtime: Option<String>,
    /// Their image. Not in a session.
    pub image: Option<String>,
    /// How many sandboxes, within what the settings allow; 1 when absent. Not in a session.
    pub count: Option<NonZeroU32>,
}

/// Result of `runtime/prewarm`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrewarmResult {
    /// The runtime in question.
    pub runtime: String,
    /// The engine in question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Whether it has begun: an interpreter stands by in the session, or sandboxes are made or are ready. Not where the
    /// engine can't wait for code, something runs in the session, the settings leave no room, or the runtime has
    /// no need of it, as its sandboxes take milliseconds.
    pub begun: bool,
}

/// A place where code can be isolated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeInfo {
    /// Its name in `session/create`.
    pub id: String,
    /// How strictly it isolates.
    pub isolation: Isolation,
    /// Whether it can be used here.
    pub available: bool,
    /// Why it can't be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What would mend that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// How long a sandbox of it takes to stand; absent until that was measured here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_ms: Option<u64>,
    /// What a sandbox of it takes before anything runs in it; absent until that was measured here, and where it is not
    /// counted, as with gVisor when it leaves control groups alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The machines whose engines run its containers; absent for a runtime of this machine alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub machines: Vec<MachineInfo>,
}

/// A machine with an engine of containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachineInfo {
    /// Its name in the settings; `local` where they name none.
    pub name: String,
    /// Whether it can be used now.
    pub available: bool,
    /// Why it can't be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What would mend that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// How many sessions it takes beside the others.
    pub weight: u32,
    /// This daemon's sessions on it, in whatever runtime.
    pub sessions: u64,
    /// Sandboxes of this runtime that are ready there for sessions to come.
    pub ready: u64,
    /// Memory that those take, as far as it is known.
    pub ready_memory_bytes: u64,
}

/// Result of `engine/list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EngineListResult {
    /// All engines that the daemon knows, usable here or not.
    pub engines: Vec<EngineInfo>,
}

/// Something that runs code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EngineInfo {
    /// Its name in `session/create`.
    pub id: String,
    /// The languages it runs, every name that is understood.
    pub languages: Vec<String>,
    /// Extensions of files that it runs, without the dot.
    pub extensions: Vec<String>,
    /// Languages that it runs from some version on, and why it does not here is told when one is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later_languages: Vec<String>,
    /// Whether it makes a program of the code first: its executions have a stage `compile`.
    pub compiles: bool,
    /// The least memory that a session of it needs for small programs.
    pub min_memory_bytes: u64,
    /// The least processes and threads that a session of it needs for small programs.
    pub min_pids: u64,
    /// Whether it can be used here.
    pub available: bool,
    /// Its version on this machine, else the one of the first runtime for which that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Why it can't be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What would mend that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The runtimes in which it can be used.
    pub runtimes: Vec<String>,
    /// Its version in each of these, as far as that is known: of an image it is, once a session was made of that.
    pub versions: BTreeMap<String, String>,
    /// Whether it can be a live interpreter ([`context/create`](#contextcreate)).
    pub contexts: bool,
    /// Whether its programs can be debugged: where a debugger has to be in an image, once a session was made of that.
    pub debug: bool,
}
