//! Contexts: live interpreters, which keep their state from one piece of code to the next.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::session::Env;

/// Parameters of `context/create`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContextCreateParams {
    /// In which session.
    pub session_id: String,
    /// In which language: `python`, `javascript` or `typescript`. Without it and without `engine`, that of the session.
    pub language: Option<String>,
    /// Which engine: one whose `contexts` is true in `engine/list`.
    pub engine: Option<String>,
    /// Directory to start in, relative to the workspace. Without it, the workspace itself.
    pub cwd: Option<String>,
    /// Environment variables beside those of the session, which they override.
    #[serde(default)]
    pub env: Env,
}

/// A context as it is now; result of `context/create` and `context/restart`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// Which context.
    pub context_id: String,
    /// In which session.
    pub session_id: String,
    /// What it is an interpreter of.
    pub engine: String,
    /// Its language.
    pub language: String,
    /// Version of the interpreter, as it says itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How it is.
    pub state: ContextState,
    /// With `crashed`: what became of its interpreter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Process id of the interpreter inside the sandbox, while it is idle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// How many cells and questions run or wait in it.
    pub load: u64,
    /// When it was asked for.
    pub created_at: String,
}

/// How a context is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ContextState {
    /// Its interpreter starts.
    Starting,
    /// It waits for something to do.
    Idle,
    /// A cell runs.
    Busy,
    /// Its interpreter is gone. `context/restart` starts another.
    Crashed,
    /// It was deleted.
    Closed,
}

/// Names a context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContextRef {
    /// Which context.
    pub context_id: String,
}

/// Parameters of `context/list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContextListParams {
    /// Only those of this session.
    pub session_id: Option<String>,
}

/// Result of `context/list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContextListResult {
    /// The contexts, the oldest of each session first.
    pub contexts: Vec<Context>,
}

/// Parameters of `context/stateChanged`: an interpreter is gone, or was started anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContextStateNotice {
    /// In which session.
    pub session_id: String,
    /// Which context.
    pub context_id: String,
    /// `crashed`: its interpreter is gone. `idle`: another was started.
    pub state: ContextState,
    /// With `crashed`: what became of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A place in code, as in LSP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CodePosition {
    /// The line, from 0.
    pub line: u32,
    /// The character in it, from 0, in units of UTF-16.
    pub character: u32,
}

/// A part of a document, as in LSP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CodeRange {
    /// Where it begins.
    pub start: CodePosition,
    /// Where it ends.
    pub end: CodePosition,
}

/// The error that a cell ended with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CellError {
    /// Its kind, as the language names it: `ValueError`. `ContextLost` where the interpreter went.
    pub name: String,
    /// What it says.
    pub message: String,
    /// The calls that led to it, the innermost last; at most 200.
    pub frames: Vec<CellFrame>,
}

/// One call on the way to an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CellFrame {
    /// The document, as the request named it, or the file of this machine that the workspace has; absent for what is only in the sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The line in it, from 1: of a cell with a `range`, the line of the whole document.
    pub line: u32,
    /// The column, from 1, where the language tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The function.
    pub function: String,
    /// The file as the interpreter names it.
    pub sandbox_path: String,
}

/// Why something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DisplayKind {
    /// It is the value of the cell's last expression.
    Result,
    /// The code asked for it.
    Display,
    /// It takes the place of what was shown under the same `displayId`.
    Update,
}

/// One thing that is shown, in several forms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisplayBundle {
    /// Why it is shown.
    pub kind: DisplayKind,
    /// The name by which it can be replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_id: Option<String>,
    /// Its forms by their MIME types: JSON for `application/json` and `+json`, Base64 for what is not text, else text. `text/plain` is always there.
    pub data: BTreeMap<String, Value>,
    /// What the code says of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, Value>,
    /// Forms that it has too, and that are left out: they are too long, or nothing that the client takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub omitted: Vec<String>,
}

/// Parameters of `execution/display`: a cell shows something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisplayNotice {
    /// In which session.
    pub session_id: String,
    /// Which execution.
    pub execution_id: String,
    /// What it shows.
    #[serde(flatten)]
    pub bundle: DisplayBundle,
}

/// Parameters of `execution/inputRequest`: a cell asks for a line of input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InputRequest {
    /// In which session.
    pub session_id: String,
    /// Which execution.
    pub execution_id: String,
    /// What to show to whoever is to answer.
    pub prompt: String,
    /// Whether the answer must not be seen on a screen.
    pub password: bool,
}

/// What the client answers to `execution/inputRequest`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InputAnswer {
    /// The line, without its end. `null`, or an error in place of the answer, is the end of the input.
    pub value: Option<String>,
}

/// Parameters of `context/complete`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompleteParams {
    /// In which context.
    pub context_id: String,
    /// The code around the place.
    pub code: String,
    /// The place in it, from 0, in units of UTF-16.
    pub cursor: u64,
}

/// Result of `context/complete`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompleteResult {
    /// What could stand there, the likeliest first; at most 1000.
    pub matches: Vec<CompletionMatch>,
    /// Where in the code what they replace begins, in units of UTF-16.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
}

/// Something that could stand at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompletionMatch {
    /// The text.
    pub text: String,
    /// What it is: `function`, `class`, `module`, `keyword`, `property`, `variable` and the like.
    pub kind: String,
}

/// Parameters of `context/inspect`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InspectParams {
    /// In which context.
    pub context_id: String,
    /// The code around the place.
    pub code: String,
    /// The place in it, from 0, in units of UTF-16.
    pub cursor: u64,
    /// Whether more is wanted than fits into a few lines.
    #[serde(default)]
    pub detail: bool,
}

/// Result of `context/inspect`. What is not known is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InspectResult {
    /// Whether there is anything to tell.
    pub found: bool,
    /// What stands there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// How it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Its documentation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
    /// Its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Where it was written, as of a frame of an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The file, as the interpreter names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox_path: Option<String>,
    /// The line in it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

fn default_count() -> u64 {
    200
}

/// Parameters of `context/variables`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VariablesParams {
    /// In which context.
    pub context_id: String,
    /// How many to leave out first.
    #[serde(default)]
    pub start: u64,
    /// How many to answer; 1000 and no more.
    #[serde(default = "default_count")]
    pub count: u64,
}

/// Result of `context/variables`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VariablesResult {
    /// What the user's code has defined, in that order. Modules and names that begin with `_` are not among them.
    pub variables: Vec<Variable>,
    /// How many there are in all.
    pub total: u64,
}

/// Something that has a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Variable {
    /// The name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its value, in at most 200 characters.
    pub value: String,
    /// How much is in it, where that can be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Whether there is more in it than the value shows.
    pub expandable: bool,
}
