//! Commands for `workspace/executeCommand`: what an editor can ask for that knows nothing of codebeaker.
//!
//! Each takes one argument, an object; that is what a code lens carries, so that any client can run it.

use std::num::NonZeroU64;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::context::{CodeRange, Context};
use super::debug::DebugTransport;
use super::execution::{PtySize, StdinMode};
use super::limits::Limits;
use super::methods::{schema_of_params, schema_of_result};
use super::selection::{Fallback, Preference};
use super::session::{CloseResult, CreateParams, Env, Isolation, Network, SessionDetails, Workspace};

/// Argument of `codebeaker.run`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunCommand {
    /// The document. An open one runs as it stands in the editor, saved or not.
    pub uri: String,
    /// Its language. Without it, as the editor says, else as its name tells.
    pub language: Option<String>,
    /// Which engine runs it, by its id in `engine/list`. Without it, the best one for the language.
    pub engine: Option<String>,
    /// Arguments of the program; never interpreted by a shell.
    #[serde(default)]
    pub args: Vec<String>,
    /// Arguments of the engine itself, which its compiler gets where it has one.
    #[serde(default)]
    pub engine_args: Vec<String>,
    /// Environment variables beside those of the session.
    #[serde(default)]
    pub env: Env,
    /// Directory to run in, relative to the workspace. Without it, the workspace itself.
    pub cwd: Option<String>,
    /// Where its standard input comes from. Without it, from `stdinText` where there is that.
    pub stdin: Option<StdinMode>,
    /// With `stdin: text`: the text. With `stdin: stream` or `pty`: what is written before all else.
    pub stdin_text: Option<String>,
    /// With `stdin: pty`: the size of the terminal. Without it, 80 by 24.
    pub pty: Option<PtySize>,
    /// Wall time after which it is ended. Without it, the session's `executionTimeoutMs`.
    pub timeout_ms: Option<NonZeroU64>,
    /// The session to run it in. Without it, the one that `codebeaker.newSession` has opened, else one of its own.
    pub session_id: Option<String>,
    /// Has it run in a session of its own, whatever is open, and says what that is to be. Excludes `sessionId`.
    pub session: Option<OwnSession>,
}

/// A session that one run has for itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnSession {
    /// Where it is isolated, by its id in `runtime/list`. Without it, the best one by `preference`.
    pub runtime: Option<String>,
    /// The image to take, in place of the engine's own; only of runtimes that have images.
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
    /// What is in `/workspace`. Without it, the editor's folder around the document, which programs can't change.
    pub workspace: Option<Workspace>,
    /// Its limits.
    #[serde(default)]
    pub limits: Limits,
    /// What of the network can be reached from inside.
    #[serde(default)]
    pub network: Network,
}

/// Result of `codebeaker.run`: it runs, or waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunStarted {
    /// In which session. One of its own is closed when it has ended.
    pub session_id: String,
    /// Which execution.
    pub execution_id: String,
}

/// Argument of `codebeaker.runCell`. One of `line` and `range` is needed, but for `scope: all`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunCellCommand {
    /// The document, which is open. Its cells run as they stand in the editor.
    pub uri: String,
    /// Its language. Without it, as the editor says, else as its name tells.
    pub language: Option<String>,
    /// A line of the cell that is meant, from 0.
    pub line: Option<u32>,
    /// Lines to run in place of a cell: those that this range touches, with their indentation taken off.
    pub range: Option<CodeRange>,
    /// With `line`: which cells run.
    #[serde(default)]
    pub scope: CellScope,
    /// Wall time after which each is ended. Without it, the session's `executionTimeoutMs`.
    pub timeout_ms: Option<NonZeroU64>,
    /// The session that the document's interpreter is in. Without it, the one that `codebeaker.newSession` has opened, else one of its own.
    pub session_id: Option<String>,
    /// What the interpreter's own session is to be; counts when that is made. Excludes `sessionId`.
    pub session: Option<OwnSession>,
}

/// Which cells of a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CellScope {
    /// The one that is meant.
    #[default]
    Cell,
    /// All before it.
    Above,
    /// It, and all after it.
    Below,
    /// All of the document.
    All,
}

/// Result of `codebeaker.runCell`: the first of the cells runs, or waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CellStarted {
    /// In which session.
    pub session_id: String,
    /// In which interpreter.
    pub context_id: String,
    /// Which execution the first cell is. Each of the others is one too, which begins when the one before has ended well.
    pub execution_id: String,
}

/// Argument of `codebeaker.restartContext`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestartCommand {
    /// The document, which is open.
    pub uri: String,
}

/// Argument of `codebeaker.debug`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DebugCommand {
    /// The document. An open one is debugged as it stands in the editor, saved or not.
    pub uri: String,
    /// Its language. Without it, as the editor says, else as its name tells.
    pub language: Option<String>,
    /// Which engine runs it, by its id in `engine/list`. Without it, the best one for the language.
    pub engine: Option<String>,
    /// Arguments of the program.
    #[serde(default)]
    pub args: Vec<String>,
    /// Whether it is to stop at its first line.
    #[serde(default)]
    pub stop_on_entry: bool,
    /// A line, from 0: only the cell that it is in is debugged, by itself, at the lines that it has in the document.
    pub cell_line: Option<u32>,
    /// The session to debug it in. Without it, the one that `codebeaker.newSession` has opened, else one of its own.
    pub session_id: Option<String>,
    /// How messages of the Debug Adapter Protocol travel. Without it, through a `socket`.
    pub transport: Option<DebugTransport>,
}

/// Result of `codebeaker.debug`: an adapter waits for a debugger to say `initialize` and `launch`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DebugReady {
    /// Names it in `debug/message` and other methods.
    pub debug_id: String,
    /// With `transport: socket`: the path of the unix socket that a debugger connects to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
    /// The arguments of `launch` that the adapter has already; what the debugger gives itself goes over them.
    pub configuration: Map<String, Value>,
}

/// Argument of `codebeaker.stop`. Without any field, all that this client has run by `codebeaker.run` and `codebeaker.runCell` is stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StopCommand {
    /// Only runs of this document.
    pub uri: Option<String>,
    /// Only this execution.
    pub execution_id: Option<String>,
}

/// Result of `codebeaker.stop`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stopped {
    /// What is being ended: each is interrupted first, and killed if that is not heeded.
    pub execution_ids: Vec<String>,
}

/// Argument of `codebeaker.closeSession`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloseCommand {
    /// Which session. Without it, the one that `codebeaker.newSession` has opened.
    pub session_id: Option<String>,
}

/// Argument of `codebeaker.call`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallCommand {
    /// One of the methods of this protocol.
    pub method: String,
    /// Its parameters.
    #[serde(default)]
    pub params: Map<String, Value>,
}

/// Whatever the method answers.
#[derive(Debug, Clone, Copy, JsonSchema)]
pub struct Answered {}

/// A command.
#[derive(Debug, Clone, Copy)]
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// What its argument looks like.
    pub argument: fn() -> Schema,
    /// What its result looks like.
    pub result: fn() -> Schema,
}

const fn command<A: JsonSchema, R: JsonSchema>(name: &'static str, summary: &'static str) -> Command {
    Command { name, summary, argument: schema_of_params::<A>, result: schema_of_result::<R> }
}

/// Runs a document.
pub const RUN: &str = "codebeaker.run";
/// Runs cells of a document.
pub const RUN_CELL: &str = "codebeaker.runCell";
/// Starts the interpreter of a document anew.
pub const RESTART_CONTEXT: &str = "codebeaker.restartContext";
/// Debugs a document.
pub const DEBUG: &str = "codebeaker.debug";
/// Stops what runs.
pub const STOP: &str = "codebeaker.stop";
/// Opens the session that runs go to.
pub const NEW_SESSION: &str = "codebeaker.newSession";
/// Closes it.
pub const CLOSE_SESSION: &str = "codebeaker.closeSession";
/// Calls any method.
pub const CALL: &str = "codebeaker.call";

/// All commands.
pub const COMMANDS: &[Command] = &[
    command::<RunCommand, RunStarted>(RUN, "Runs a document as it stands in the editor"),
    command::<RunCellCommand, CellStarted>(RUN_CELL, "Runs cells of a document in its live interpreter"),
    command::<RestartCommand, Context>(RESTART_CONTEXT, "Starts the live interpreter of a document anew"),
    command::<DebugCommand, DebugReady>(DEBUG, "Makes a debug adapter that knows which document to launch"),
    command::<StopCommand, Stopped>(STOP, "Stops what `codebeaker.run` and `codebeaker.runCell` have begun"),
    command::<CreateParams, SessionDetails>(NEW_SESSION, "Opens the session that documents run in from now on"),
    command::<CloseCommand, CloseResult>(CLOSE_SESSION, "Closes it"),
    command::<CallCommand, Answered>(CALL, "Calls any method of this protocol"),
];
