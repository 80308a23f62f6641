//! What of DAP goes through the proxy: an allow-list of requests and of events, and where in each of them
//! something stands that has to be translated.
//!
//! What is not in these tables does not exist: a request is refused, an event dropped, a capability not
//! advertised. The tables are data; [`super::translate`] applies them.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::names::Kind;
use crate::dap::types;
use crate::debug::backend::PATIENCE;

/// What stands in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// A number that names something.
    Name(Kind),
    /// A `Source`.
    Source,
    /// The number of a source, beside it.
    SourceReference,
    /// A path of a file; left out where the client has no such file.
    Path,
    /// A path or a name of a program; its last part alone where the client has no such file.
    Program,
}

/// A field by the way to it: `stackFrames[].source`.
pub(super) type Fields = &'static [(&'static str, Field)];

/// A request that goes through.
pub(super) struct Command {
    pub(super) name: &'static str,
    /// The capability that says that it is there; `None` for what each debugger has.
    pub(super) capability: Option<&'static str>,
    pub(super) arguments: Fields,
    pub(super) body: Fields,
    /// Whether a body is one that DAP allows.
    pub(super) is_sound: fn(&Value) -> bool,
    /// How long the debugger may take.
    pub(super) patience: Duration,
    /// The program goes on when it succeeds.
    pub(super) goes_on: bool,
}

/// An event that goes through.
pub(super) struct Event {
    pub(super) name: &'static str,
    pub(super) body: Fields,
    pub(super) is_sound: fn(&Value) -> bool,
    /// It can happen once only.
    pub(super) once: bool,
}

/// How long a debugger may take to run code of the program's.
const LONG: Duration = Duration::from_secs(120);

fn any(_: &Value) -> bool {
    true
}

fn sound<T: DeserializeOwned>(body: &Value) -> bool {
    // Numbers are of 32 bits in DAP's types, and all that a body says is checked by reading it as one.
    T::deserialize(body).is_ok()
}

const THREAD: Fields = &[("threadId", Field::Name(Kind::Thread))];
const FRAME: Fields = &[("frameId", Field::Name(Kind::Frame))];
const VALUES: Fields = &[("variablesReference", Field::Name(Kind::Values))];
const SOURCE: Fields = &[("source", Field::Source)];
const BREAKPOINTS: Fields =
    &[("breakpoints[].id", Field::Name(Kind::Breakpoint)), ("breakpoints[].source", Field::Source)];

const fn command(name: &'static str, arguments: Fields, body: Fields, is_sound: fn(&Value) -> bool) -> Command {
    Command { name, capability: None, arguments, body, is_sound, patience: PATIENCE, goes_on: false }
}

impl Command {
    const fn said_by(self, capability: &'static str) -> Self {
        Self { capability: Some(capability), ..self }
    }

    const fn slow(self) -> Self {
        Self { patience: LONG, ..self }
    }

    const fn goes_on(self) -> Self {
        Self { goes_on: true, ..self }
    }
}

/// Every request that a client's debugger sees of those that the client sends.
pub(super) const COMMANDS: &[Command] = &[
    command("breakpointLocations", SOURCE, &[], sound::<types::BreakpointLocationsResponse>)
        .said_by("supportsBreakpointLocationsRequest"),
    command("cancel", &[], &[], any).said_by("supportsCancelRequest"),
    command("completions", FRAME, &[], sound::<types::CompletionsResponse>).said_by("supportsCompletionsRequest"),
    command("configurationDone", &[], &[], any).slow(),
    command("continue", THREAD, &[], any).goes_on(),
    command(
        "evaluate",
        &[("frameId", Field::Name(Kind::Frame)), ("source", Field::Source)],
        VALUES,
        sound::<types::EvaluateResponse>,
    )
    .slow(),
    command("exceptionInfo", THREAD, &[], sound::<types::ExceptionInfoResponse>)
        .said_by("supportsExceptionInfoRequest"),
    command("goto", &[("threadId", Field::Name(Kind::Thread)), ("targetId", Field::Name(Kind::GotoTarget))], &[], any)
        .said_by("supportsGotoTargetsRequest")
        .goes_on(),
    command(
        "gotoTargets",
        SOURCE,
        &[("targets[].id", Field::Name(Kind::GotoTarget))],
        sound::<types::GotoTargetsResponse>,
    )
    .said_by("supportsGotoTargetsRequest"),
    command("loadedSources", &[], &[("sources[]", Field::Source)], sound::<types::LoadedSourcesResponse>)
        .said_by("supportsLoadedSourcesRequest"),
    command(
        "modules",
        &[],
        &[("modules[].id", Field::Name(Kind::Module)), ("modules[].path", Field::Path)],
        sound::<types::ModulesResponse>,
    )
    .said_by("supportsModulesRequest"),
    command("next", THREAD, &[], any).goes_on(),
    command("pause", THREAD, &[], any),
    command("restartFrame", FRAME, &[], any).said_by("supportsRestartFrame").goes_on(),
    command(
        "scopes",
        FRAME,
        &[("scopes[].variablesReference", Field::Name(Kind::Values)), ("scopes[].source", Field::Source)],
        sound::<types::ScopesResponse>,
    ),
    command("setBreakpoints", SOURCE, BREAKPOINTS, sound::<types::SetBreakpointsResponse>),
    command("setExceptionBreakpoints", &[], BREAKPOINTS, any),
    command("setExpression", FRAME, VALUES, sound::<types::SetExpressionResponse>)
        .said_by("supportsSetExpression")
        .slow(),
    command("setFunctionBreakpoints", &[], BREAKPOINTS, sound::<types::SetFunctionBreakpointsResponse>)
        .said_by("supportsFunctionBreakpoints"),
    command("setVariable", VALUES, VALUES, sound::<types::SetVariableResponse>).said_by("supportsSetVariable").slow(),
    command(
        "source",
        &[("source", Field::Source), ("sourceReference", Field::SourceReference)],
        &[],
        sound::<types::SourceResponse>,
    ),
    command(
        "stackTrace",
        THREAD,
        &[
            ("stackFrames[].id", Field::Name(Kind::Frame)),
            ("stackFrames[].moduleId", Field::Name(Kind::Module)),
            ("stackFrames[].source", Field::Source),
        ],
        sound::<types::StackTraceResponse>,
    ),
    command(
        "stepIn",
        &[("threadId", Field::Name(Kind::Thread)), ("targetId", Field::Name(Kind::StepInTarget))],
        &[],
        any,
    )
    .goes_on(),
    command(
        "stepInTargets",
        FRAME,
        &[("targets[].id", Field::Name(Kind::StepInTarget))],
        sound::<types::StepInTargetsResponse>,
    )
    .said_by("supportsStepInTargetsRequest"),
    command("stepOut", THREAD, &[], any).goes_on(),
    command("terminateThreads", &[("threadIds[]", Field::Name(Kind::Thread))], &[], any)
        .said_by("supportsTerminateThreadsRequest"),
    command("threads", &[], &[("threads[].id", Field::Name(Kind::Thread))], sound::<types::ThreadsResponse>),
    command(
        "variables",
        VALUES,
        &[("variables[].variablesReference", Field::Name(Kind::Values))],
        sound::<types::VariablesResponse>,
    )
    .slow(),
];

/// Requests that only the adapter makes of a debugger. Their arguments are in the sandbox's own terms, and
/// nothing of them is translated.
pub(super) const CONTROLS: &[Command] = &[
    command("attach", &[], &[], any).slow(),
    command("configurationDone", &[], &[], any).slow(),
    command("disconnect", &[], &[], any),
    command("initialize", &[], &[], any),
    command("launch", &[], &[], any).slow(),
    command("terminate", &[], &[], any),
];

const fn event(name: &'static str, body: Fields, is_sound: fn(&Value) -> bool) -> Event {
    Event { name, body, is_sound, once: false }
}

impl Event {
    const fn once(self) -> Self {
        Self { once: true, ..self }
    }
}

/// Every event that a client gets to see of those that its debugger sends.
pub(super) const EVENTS: &[Event] = &[
    event(
        "breakpoint",
        &[("breakpoint.id", Field::Name(Kind::Breakpoint)), ("breakpoint.source", Field::Source)],
        sound::<types::BreakpointEvent>,
    ),
    event("capabilities", &[], sound::<types::CapabilitiesEvent>),
    event("continued", THREAD, sound::<types::ContinuedEvent>),
    event("exited", &[], sound::<types::ExitedEvent>).once(),
    event("initialized", &[], any).once(),
    event(
        "invalidated",
        &[("threadId", Field::Name(Kind::Thread)), ("stackFrameId", Field::Name(Kind::Frame))],
        sound::<types::InvalidatedEvent>,
    ),
    event("loadedSource", SOURCE, sound::<types::LoadedSourceEvent>),
    event(
        "module",
        &[("module.id", Field::Name(Kind::Module)), ("module.path", Field::Path)],
        sound::<types::ModuleEvent>,
    ),
    event(
        "output",
        &[("source", Field::Source), ("variablesReference", Field::Name(Kind::Values))],
        sound::<types::OutputEvent>,
    ),
    event("process", &[("name", Field::Program)], sound::<types::ProcessEvent>).once(),
    event(
        "stopped",
        &[("threadId", Field::Name(Kind::Thread)), ("hitBreakpointIds[]", Field::Name(Kind::Breakpoint))],
        sound::<types::StoppedEvent>,
    ),
    event("terminated", &[], any).once(),
    event("thread", THREAD, sound::<types::ThreadEvent>),
];

/// The request with this name.
pub(super) fn by_name(commands: &'static [Command], name: &str) -> Option<&'static Command> {
    commands.iter().find(|command| command.name == name)
}

/// The event with this name.
pub(super) fn event_by_name(name: &str) -> Option<&'static Event> {
    EVENTS.iter().find(|event| event.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn nothing_is_in_a_table_twice_and_no_request_of_an_adapters_is_an_event() {
        for commands in [COMMANDS, CONTROLS] {
            let names: HashSet<_> = commands.iter().map(|command| command.name).collect();
            assert_eq!(names.len(), commands.len());
            assert!(!names.contains("runInTerminal") && !names.contains("startDebugging"));
        }
        assert_eq!(EVENTS.iter().map(|event| event.name).collect::<HashSet<_>>().len(), EVENTS.len());
    }
}
