//! The table of requests: how each goes along with others, how long it may take, and who does it.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::habits::Habits;
use super::line::Manner;
use super::refusal::Refusal;
use super::{Adapter, Phase, capabilities};
use crate::dap::types::InitializeRequestArguments;

/// How long a request may take that asks the debugger something; its own patience is shorter.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a request may take that runs code of the program's, unless its client waits by will.
pub(super) const EVALUATION: Duration = Duration::from_secs(5);

/// How a request goes along with others.
pub(super) fn manner(command: &str) -> Manner {
    match command {
        "cancel" | "pause" | "terminate" | "disconnect" => Manner::Urgent,
        "initialize"
        | "launch"
        | "attach"
        | "restart"
        | "configurationDone"
        | "setBreakpoints"
        | "setFunctionBreakpoints"
        | "setExceptionBreakpoints"
        | "continue"
        | "next"
        | "stepIn"
        | "stepOut"
        | "goto"
        | "restartFrame"
        | "setVariable"
        | "setExpression" => Manner::InOrder,
        _ => Manner::Beside,
    }
}

/// Whether what follows from a request is told after its answer.
pub(super) fn is_gated(command: &str) -> bool {
    matches!(
        command,
        "configurationDone"
            | "setBreakpoints"
            | "setFunctionBreakpoints"
            | "continue"
            | "next"
            | "stepIn"
            | "stepOut"
            | "goto"
            | "restartFrame"
            | "pause"
    )
}

/// How long a request may take; `None` for one that bounds itself or may take its time.
pub(super) fn patience(command: &str) -> Option<Duration> {
    match command {
        "evaluate" | "codebeaker/stdin" | "launch" | "attach" | "restart" => None,
        "setVariable" | "setExpression" => Some(EVALUATION),
        _ => Some(PATIENCE),
    }
}

/// Whether `cancel` gives it up. What changes how the program runs is not torn in the middle.
pub(super) fn may_be_cancelled(command: &str) -> bool {
    manner(command) == Manner::Beside || matches!(command, "setVariable" | "setExpression")
}

/// Whether it runs code of the program's, which has to be interrupted when it is given up.
pub(super) fn evaluates(command: &str) -> bool {
    matches!(command, "evaluate" | "setVariable" | "setExpression")
}

/// Reads the arguments of a request.
pub(super) fn read<T: DeserializeOwned>(arguments: Value) -> Result<T, Refusal> {
    serde_json::from_value(arguments).map_err(|error| Refusal::Arguments(format!("the arguments are wrong: {error}")))
}

/// The body of an answer.
pub(super) fn body(answer: impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(answer).map_err(|_| Refusal::Bug)
}

/// Does what is asked for.
pub(super) async fn handle(
    adapter: &Arc<Adapter>,
    command: &str,
    arguments: Value,
    cancel: &CancellationToken,
) -> Result<Value, Refusal> {
    let fresh = adapter.held().phase == Phase::Fresh;
    match command {
        "initialize" if fresh => return adapter.initialize(arguments),
        "initialize" => return Err(Refusal::State("it is initialized already")),
        "disconnect" => return adapter.disconnect(arguments).await,
        "cancel" => return Ok(Value::Null),
        _ if fresh => return Err(Refusal::State("`initialize` first")),
        _ => {}
    }
    match command {
        "launch" => adapter.launch(arguments, cancel).await,
        "attach" => adapter.attach(arguments, cancel).await,
        "restart" => adapter.restart(&arguments).await,
        "terminate" => adapter.terminate().await,
        "configurationDone" => adapter.configuration_done().await,
        "setBreakpoints" => adapter.set_breakpoints(read(arguments)?).await,
        "setFunctionBreakpoints" => adapter.set_function_breakpoints(read(arguments)?).await,
        "setExceptionBreakpoints" => adapter.set_exception_breakpoints(read(arguments)?).await,
        "breakpointLocations" => adapter.breakpoint_locations(read(arguments)?).await,
        "continue" => adapter.resume(read(arguments)?).await,
        "next" | "stepIn" | "stepOut" => adapter.step(command, read(arguments)?).await,
        "pause" => adapter.pause(read(arguments)?).await,
        "stepInTargets" => adapter.step_in_targets(read(arguments)?).await,
        "gotoTargets" => adapter.goto_targets(read(arguments)?).await,
        "goto" => adapter.go_to(read(arguments)?).await,
        "restartFrame" => adapter.restart_frame(read(arguments)?).await,
        "threads" => adapter.threads().await,
        "stackTrace" => adapter.stack_trace(read(arguments)?).await,
        "scopes" => adapter.scopes(read(arguments)?).await,
        "variables" => adapter.variables(read(arguments)?).await,
        "setVariable" => adapter.set_variable(read(arguments)?).await,
        "setExpression" => adapter.set_expression(read(arguments)?).await,
        "evaluate" => adapter.evaluate(read(arguments)?).await,
        "completions" => adapter.completions(read(arguments)?).await,
        "exceptionInfo" => adapter.exception_info(read(arguments)?).await,
        "modules" => adapter.modules(read(arguments)?).await,
        "loadedSources" => adapter.loaded_sources().await,
        "source" => adapter.source(read(arguments)?).await,
        "locations" => Err(Refusal::Unknown {
            what: "location reference",
            number: arguments.get("locationReference").and_then(Value::as_u64).unwrap_or(0),
        }),
        "codebeaker/stdin" => adapter.stdin(read(arguments)?).await,
        other => Err(Refusal::Unsupported(other.to_owned())),
    }
}

impl Adapter {
    fn initialize(&self, arguments: Value) -> Result<Value, Refusal> {
        // Old clients leave the adapter's name out.
        let mut arguments = arguments;
        if arguments.get("adapterID").is_none_or(Value::is_null) {
            arguments["adapterID"] = json!("");
        }
        let arguments: InitializeRequestArguments = read(arguments)?;
        let habits = Arc::new(Habits::new(&arguments));
        let said = capabilities::at_start(&self.debugs.backends, self.debugs.sessions.host_tools(), &habits);
        *super::lock(&self.habits) = habits;
        let mut held = self.held();
        held.phase = Phase::Ready;
        held.said = said.clone();
        Ok(Value::Object(said))
    }
}
