//! Which runtime and engine a session gets: what a client may say to that, and what it is told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::session::{Isolation, Persist, Workspace};

/// Parameters of `runtime/select`: those of `session/create` that bear on where it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SelectParams {
    /// Language of code and files whose execution names none.
    pub language: Option<String>,
    /// The engine that runs it, by its id in `engine/list`.
    pub engine: Option<String>,
    /// Where it is isolated, by its id in `runtime/list`.
    pub runtime: Option<String>,
    /// The image to take, by name and tag.
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
    /// How long the session outlives its client.
    #[serde(default)]
    pub persist: Persist,
}

/// What decides between runtimes that would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Preference {
    /// The strictest isolation. The others count only where two isolate alike.
    #[default]
    Security,
    /// Above all the shortest start.
    Speed,
    /// Above all the least memory.
    Memory,
    /// Something of each.
    Balanced,
}

/// What happens when what was asked for can't be had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Fallback {
    /// The session is refused, with the reason.
    #[default]
    Refuse,
    /// Another runtime is taken that isolates at least as strictly as `minIsolation`.
    Allow,
}

/// Which runtime and engine a session got, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Selection {
    /// The runtime, by its id in `runtime/list`.
    pub runtime: String,
    /// The engine of the session's language; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// How strictly it isolates.
    pub isolation: Isolation,
    /// The machine that the session is on, where its runtime has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// The container that the session is in, by its engine's id; absent where it is in none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The runtime that was asked for, where this one had to be taken in its place (`fallback`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_place_of: Option<String>,
    /// Every pair that was considered, the chosen one first.
    pub considered: Vec<Candidate>,
}

/// A runtime and an engine that were considered for a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// The runtime.
    pub runtime: String,
    /// The engine; absent when the session has no language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// How strictly the runtime isolates.
    pub isolation: Isolation,
    /// From 0 to 1, higher is better; 0 for what was rejected.
    pub score: f64,
    /// Why it can't be taken; absent when it could.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected_because: Option<String>,
    /// What would mend that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
