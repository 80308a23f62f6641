//! What a session's programs may reach, what they asked for, and the question whether they may.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::session::{Network, NetworkMode};

/// How many decisions `net/log` answers unless more are asked for.
pub const DEFAULT_LOG_LIMIT: u32 = 100;

fn default_log_limit() -> u32 {
    DEFAULT_LOG_LIMIT
}

/// Parameters of `net/policy/get`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetPolicyGetParams {
    /// Which session.
    pub session_id: String,
}

/// Parameters of `net/policy/set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetPolicySetParams {
    /// Which session.
    pub session_id: String,
    /// Which destinations.
    pub mode: NetworkMode,
    /// With `allowlist`: the hosts, in place of those that were allowed before.
    #[serde(default)]
    pub allow: Vec<String>,
}

/// Result of `net/policy/get` and `net/policy/set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetPolicyResult {
    /// Which session.
    pub session_id: String,
    /// What its programs may reach.
    #[serde(flatten)]
    pub network: Network,
    /// Where programs find the proxy, inside the sandbox. Absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Whether the editor is asked about hosts that no rule allows.
    pub asks: bool,
}

/// Parameters of `net/log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetLogParams {
    /// Which session.
    pub session_id: String,
    /// Only decisions after the one of this number.
    #[serde(default)]
    pub since: u64,
    /// How many at most, from 1 to 1000.
    #[serde(default)]
    #[schemars(extend("default" = default_log_limit()))]
    pub limit: Option<NonZeroU32>,
}

/// Result of `net/log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetLogResult {
    /// The decisions, the oldest first. Of a session's last 1000, older ones are forgotten.
    pub decisions: Vec<NetDecision>,
    /// The number of the last decision that there is; 0 where there is none.
    pub last: u64,
}

/// One decision about a host that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetDecision {
    /// Its number: 1 is the first of a session.
    pub number: u64,
    /// When it fell.
    pub at: String,
    /// Who asked.
    pub by: NetAsker,
    /// The host, in the form in which it was compared. Empty where none could be read.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How it was asked for.
    pub way: NetWay,
    /// Whether it was let through.
    pub allowed: bool,
    /// The rule that allowed it, or why nothing did.
    pub why: String,
    /// Bytes sent to the host until now.
    pub sent_bytes: u64,
    /// Bytes that came from it until now.
    pub received_bytes: u64,
    /// Whether the connection stands.
    pub open: bool,
}

/// Who asked for a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NetAsker {
    /// A program of the session.
    Program,
    /// What installs packages.
    Installer,
}

/// How a host is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NetWay {
    /// A tunnel, of which the proxy sees no more than how much goes through.
    Connect,
    /// One request of plain HTTP.
    Http,
}

/// Parameters of `net/ask`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetAskParams {
    /// Whose programs want it.
    pub session_id: String,
    /// Which host. What it is called is the program's choice: show it as text, and nothing else.
    pub host: String,
    /// At which port.
    pub port: u16,
    /// How.
    pub way: NetWay,
}

/// Result of `net/ask`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetAskResult {
    /// What the person says.
    pub answer: NetAnswer,
}

/// What a person says to `net/ask`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NetAnswer {
    /// This connection alone.
    Once,
    /// This host at this port, until the session ends or its policy is set.
    Always,
    /// No. The same is not asked again for a minute.
    Deny,
}
