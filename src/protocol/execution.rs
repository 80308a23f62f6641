//! Executions: one program each, with its streams and its end.

use std::num::{NonZeroU16, NonZeroU64};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ProgressToken;
use super::command::{Command, CommandResult};
use super::context::{CellError, DisplayBundle};
use super::encoding::Encoding;
use super::limits::ExecutionLimits;
use super::signal::Signal;
use super::source::Source;

fn yes() -> bool {
    true
}

/// Parameters of `session/execute`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecuteParams {
    /// In which session.
    pub session_id: String,
    /// What to run. Needed, unless `command` is there.
    pub source: Option<Source>,
    /// A typed command, in place of `source` and of all that goes with that.
    pub command: Option<Command>,
    /// Where its standard input comes from.
    #[serde(default)]
    pub stdin: StdinMode,
    /// With `stdin: text`: the text. With `stdin: stream` or `pty`: what is written before all else.
    pub stdin_text: Option<String>,
    /// With `stdin: pty`: the size of the terminal. Without it, 80 by 24.
    pub pty: Option<PtySize>,
    /// Wall time after which it is ended. Without it, the session's `executionTimeoutMs`.
    pub timeout_ms: Option<NonZeroU64>,
    /// Tighter limits than the session's.
    #[serde(default)]
    pub limits: ExecutionLimits,
    /// Whether to answer when it has ended; otherwise the answer holds `executionId` alone and comes at once.
    #[serde(default = "yes")]
    pub wait: bool,
    /// Whether a debugger can attach to it while it runs, with [`debug/start`](#debugstart); for code and files alone.
    #[serde(default)]
    pub debuggable: bool,
    /// Reports progress under this token.
    pub work_done_token: Option<ProgressToken>,
}

/// Where a program's standard input comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StdinMode {
    /// From nowhere: it is at its end from the start.
    #[default]
    None,
    /// From `stdinText`, and is at its end after it.
    Text,
    /// From `execution/stdin`, until that says `eof`.
    Stream,
    /// From a terminal, into which `execution/stdin` types; output comes from the terminal too.
    Pty,
}

/// The size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PtySize {
    /// Characters in a row.
    pub cols: NonZeroU16,
    /// Rows.
    pub rows: NonZeroU16,
}

/// Result of `session/execute`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecuteResult {
    /// Which execution.
    pub execution_id: String,
    /// How it ended; absent with `wait: false`.
    #[serde(flatten)]
    pub ending: Option<Ending>,
}

/// What `session/execute` answers: of a typed command, what came of that.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ExecuteAnswer {
    /// Of a `source`.
    Execution(Box<ExecuteResult>),
    /// Of a `command`.
    Command(Box<CommandResult>),
}

/// A part of an execution, with a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// A compiler makes the program.
    Compile,
    /// The program runs.
    Run,
}

/// How a stage of an execution ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StageEnding {
    /// Which.
    pub stage: Stage,
    /// Exit code of its process, when that exited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Name of the signal that ended its process, when one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// When it started; absent when it never did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// Wall time from its start to its end.
    pub duration_ms: u64,
    /// Processor time of all its processes; 0 when its sandbox was lost.
    pub cpu_ms: u64,
    /// The most memory it had; 0 when its sandbox was lost.
    pub peak_memory_bytes: u64,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// What came of it.
    pub outcome: Outcome,
    /// With an engine that compiles: the stage in which it ended. Its exit code and signal are those below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Exit code of the program, when it exited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Name of the signal that ended the program, when one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// When the program started; absent when it never did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// Wall time from its start to its end.
    pub duration_ms: u64,
    /// How long it waited for its turn.
    pub queue_ms: u64,
    /// Processor time of all its processes, of a cell that of its interpreter while it ran; 0 when its sandbox or its interpreter was lost.
    pub cpu_ms: u64,
    /// The most memory it had, of a cell the most that its interpreter has had until then; 0 when its sandbox was lost.
    pub peak_memory_bytes: u64,
    /// What it wrote to standard output.
    pub stdout: StreamSummary,
    /// What it wrote to standard error.
    pub stderr: StreamSummary,
    /// With `stdin: pty`: what its terminal showed; the other two are empty then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pty: Option<StreamSummary>,
    /// With an engine that compiles: its stages, as far as it came. All else here is of them together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageEnding>,
    /// Of a cell: the error that it ended with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<CellError>,
    /// Of a cell: whether its context has lost its interpreter with it. `context/restart` starts another.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub context_lost: bool,
    /// Of a cell, with `richOutput`: what it has shown, as much as is kept. Not in `execution/exited`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub displays: Vec<DisplayBundle>,
    /// How much more it has shown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub displays_omitted: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What came of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The program exited with code 0.
    Ok,
    /// The program exited with another code.
    Error,
    /// It ran longer than it may.
    Timeout,
    /// A signal ended it: one that a client sent, or of its own making; or its session was closed.
    Killed,
    /// It needed more memory than it may have.
    OutOfMemory,
    /// Its request was cancelled.
    Cancelled,
    /// It printed more than it may, and was to be killed for it.
    OutputLimit,
    /// Its sandbox came to an end of which nobody gave notice.
    Lost,
}

/// How much came out of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StreamSummary {
    /// Bytes that the program wrote, passed on or not.
    pub bytes: u64,
    /// Whether some were not passed on because of a limit.
    pub truncated: bool,
}

/// A stream of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// What a terminal shows, both in one.
    Pty,
}

/// Names an execution; parameters of `execution/get`, `execution/interrupt` and `execution/kill`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionRef {
    /// Which execution.
    pub execution_id: String,
}

/// An execution as it is now; result of `execution/get`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// Which execution.
    pub execution_id: String,
    /// In which session.
    pub session_id: String,
    /// Whether it waits, runs or has ended.
    pub state: ExecutionState,
    /// The program and its arguments; of a cell, the engine and what the cell is called.
    pub argv: Vec<String>,
    /// The context that it is a cell of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_id: Option<String>,
    /// When it was asked for.
    pub queued_at: String,
    /// Its process id inside the sandbox, while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// How it ended, once it has.
    #[serde(flatten)]
    pub ending: Option<Ending>,
}

/// Where an execution is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ExecutionState {
    /// It waits for its turn.
    Queued,
    /// Its program runs.
    Running,
    /// Its program and everything it left behind are gone.
    Ended,
}

/// Parameters of `execution/list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionListParams {
    /// Only those of this session.
    pub session_id: Option<String>,
}

/// Result of `execution/list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionListResult {
    /// Those that wait, run, or have ended and are still remembered; oldest first.
    pub executions: Vec<Execution>,
}

/// Parameters of `execution/wait`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitParams {
    /// Which execution.
    pub execution_id: String,
    /// How long to wait at most. Without it, until it has ended; 0 asks and does not wait.
    pub timeout_ms: Option<u64>,
}

/// Result of `execution/wait`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitResult {
    /// Which execution.
    pub execution_id: String,
    /// Whether it has not ended yet.
    pub running: bool,
    /// How it ended, once it has.
    #[serde(flatten)]
    pub ending: Option<Ending>,
}

/// The most bytes that `execution/read` answers when it is not told otherwise.
pub const DEFAULT_READ_BYTES: u64 = 65_536;

fn default_read_bytes() -> u64 {
    DEFAULT_READ_BYTES
}

/// Parameters of `execution/read`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionReadParams {
    /// Which execution.
    pub execution_id: String,
    /// Which of its streams.
    pub stream: Stream,
    /// Byte position in the stream to read from.
    #[serde(default)]
    pub offset: u64,
    /// The most bytes to answer; 1048576 and no more.
    #[serde(default = "default_read_bytes")]
    pub max_bytes: u64,
    /// When there is nothing at `offset` yet: how long to wait for something.
    #[serde(default)]
    pub wait_ms: u64,
}

/// Result of `execution/read`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionReadResult {
    /// The output. It never ends within a UTF-8 character.
    pub data: String,
    /// What `data` is.
    pub encoding: Encoding,
    /// Byte position of the first byte of `data`; beyond the `offset` asked for where older output is no longer kept.
    pub offset: u64,
    /// Where to read on.
    pub next_offset: u64,
    /// Whether nothing more will come after `nextOffset`.
    pub eof: bool,
    /// Bytes between the `offset` asked for and the one answered, which are no longer kept.
    pub lost_bytes: u64,
}

/// Parameters of `execution/stdin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StdinParams {
    /// Which execution.
    pub execution_id: String,
    /// What to write.
    #[serde(default)]
    pub data: String,
    /// What `data` is.
    #[serde(default)]
    pub encoding: Encoding,
    /// Whether standard input is at its end after it. A terminal is sent its end-of-file character.
    #[serde(default)]
    pub eof: bool,
}

/// Result of `execution/stdin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StdinResult {
    /// How many bytes were taken on their way to the program: all of them, unless the request was cancelled.
    pub accepted_bytes: u64,
}

/// Parameters of `execution/signal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignalParams {
    /// Which execution.
    pub execution_id: String,
    /// Which signal. Every process of the execution gets it.
    pub signal: Signal,
}

/// Parameters of `execution/resizePty`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResizeParams {
    /// Which execution.
    pub execution_id: String,
    /// Characters in a row.
    pub cols: NonZeroU16,
    /// Rows.
    pub rows: NonZeroU16,
}
