//! Debugging: what carries the Debug Adapter Protocol, and what programs need that don't speak it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A JSON object that is passed on as it is.
pub type Object = Map<String, Value>;

/// How a client takes debugging.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DebugOffer {
    /// The ways in which the messages of the Debug Adapter Protocol can travel.
    pub transports: Vec<DebugTransport>,
}

impl Default for DebugOffer {
    fn default() -> Self {
        Self { transports: DebugTransport::ALL.to_vec() }
    }
}

/// A way for the messages of the Debug Adapter Protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DebugTransport {
    /// In this connection, each in a `debug/message`.
    #[default]
    Tunnel,
    /// By a unix socket of the daemon's, framed as the protocol has it. Only the daemon's own user can connect to it.
    Socket,
}

impl DebugTransport {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Tunnel, Self::Socket];
}

/// Parameters of `debug/start`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DebugStartParams {
    /// The session whose programs are debugged. Without it, `launch` describes a session of its own, which ends with the program.
    pub session_id: Option<String>,
    /// How the messages travel.
    #[serde(default)]
    pub transport: DebugTransport,
    /// Arguments of `launch` or `attach`, which hold where the request itself gives none.
    pub configuration: Option<Object>,
}

/// Result of `debug/start`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DebugStartResult {
    /// Names it.
    pub debug_id: String,
    /// With `transport: socket`: where to connect to. It is gone when what is debugged is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
}

/// Names something that is debugged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DebugRef {
    /// Which.
    pub debug_id: String,
}

/// Parameters of `debug/send`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DebugSendParams {
    /// To what.
    pub debug_id: String,
    /// A command of the Debug Adapter Protocol: `stackTrace`.
    pub command: String,
    /// Its arguments.
    pub arguments: Option<Object>,
}

/// Result of `debug/send`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DebugSendResult {
    /// Whether it was done.
    pub success: bool,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Why it was not done, for a person to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Result of `debug/list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DebugListResult {
    /// All of them, the oldest first.
    pub debugs: Vec<DebugInfo>,
}

/// Something that is debugged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DebugInfo {
    /// Names it.
    pub debug_id: String,
    /// How its messages travel.
    pub transport: DebugTransport,
    /// Where it is.
    pub stage: DebugStage,
    /// What a person calls it: the program's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The session that it is debugged in, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The execution that is debugged, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_id: Option<String>,
    /// What started it, where it is a child of something that is debugged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// When it was begun.
    pub started_at: String,
}

/// Where something that is debugged is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DebugStage {
    /// Nothing is launched or attached to yet.
    Waiting,
    /// The program is being brought up, or waits for the end of the configuration.
    Starting,
    /// The program runs.
    Running,
    /// A thread of it is stopped.
    Stopped,
    /// The program is gone.
    Ended,
}

/// Parameters of `debug/breakpoints`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DebugBreakpointsParams {
    /// Of which session.
    pub session_id: String,
    /// Takes the place of all that are kept. Without it, nothing is changed.
    pub set: Option<Breakpoints>,
}

/// Breakpoints that a session keeps from one program to the next.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Breakpoints {
    /// Those at lines: the arguments of a `setBreakpoints` for each source, which is named by its `path` on the host.
    #[serde(default)]
    pub sources: Vec<Object>,
    /// Those at functions: the arguments of `setFunctionBreakpoints`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub functions: Option<Object>,
    /// Those at exceptions: the arguments of `setExceptionBreakpoints`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exceptions: Option<Object>,
}

/// Parameters of `debug/message`: one message of the Debug Adapter Protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DebugMessage {
    /// Of what.
    pub debug_id: String,
    /// The message: a request, a response or an event.
    pub message: Object,
}

/// Parameters of `debug/terminated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DebugTerminatedNotice {
    /// What.
    pub debug_id: String,
    /// Why.
    pub reason: DebugEnd,
}

/// Why nothing more is heard of something that was debugged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DebugEnd {
    /// Its client disconnected from it, or went.
    Disconnected,
    /// `debug/terminate` ended it.
    Terminated,
    /// A `debug/message` named what there is not, or is no more, or what has a socket.
    Unknown,
}
