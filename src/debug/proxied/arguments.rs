//! What debuggers want to be told when a debuggee is launched, and what each of them can do.
//!
//! Paths here are the sandbox's.

use serde_json::{Value, json};

use super::Dialect;
use crate::dap::types::{Capabilities, ExceptionBreakpointsFilter};
use crate::debug::ground::{Target, What};

/// How debuggers are greeted. They can ask nothing of us, whatever they are told.
pub(super) fn initialize(dialect: &Dialect) -> Value {
    let adapter = match dialect {
        Dialect::Delve => "go",
        Dialect::Netcoredbg => "coreclr",
        Dialect::Own(configuration) => configuration["type"].as_str().unwrap_or("adapter"),
    };
    json!({
        "clientID": "codebeaker", "adapterID": adapter, "pathFormat": "path", "linesStartAt1": true,
        "columnsStartAt1": true, "supportsVariableType": true, "supportsVariablePaging": true,
        "supportsRunInTerminalRequest": false, "supportsStartDebuggingRequest": false,
        "supportsProgressReporting": false, "supportsMemoryReferences": false,
    })
}

/// The arguments of `launch`. `directory` is the execution's own.
pub(super) fn launch(dialect: &Dialect, target: &Target, directory: &str) -> Value {
    let program = match &target.what {
        What::File(path) => path.clone(),
        What::Code { name, .. } => format!("{directory}/{name}"),
        What::Module(name) => name.clone(),
    };
    let (args, cwd) = (&target.args, &target.cwd);
    match dialect {
        Dialect::Delve => json!({
            "request": "launch", "mode": "debug", "program": program, "args": args, "cwd": cwd,
            "stopOnEntry": target.stop_on_entry, "output": format!("/tmp/debuggee-{}", last(directory)),
            "buildFlags": build_flags(&target.engine_args), "stackTraceDepth": 200,
        }),
        Dialect::Netcoredbg => json!({
            "request": "launch", "program": program, "args": args, "cwd": cwd,
            "stopAtEntry": target.stop_on_entry, "justMyCode": !target.just_my_code.is_empty(),
        }),
        Dialect::Own(configuration) => {
            let mut arguments = configuration.clone();
            arguments["request"] = json!("launch");
            for (name, value) in [("program", json!(program)), ("args", json!(args)), ("cwd", json!(cwd))] {
                arguments[name] = value;
            }
            arguments
        }
    }
}

/// Delve builds all packages without optimisation. Those of the language itself are left as they are
/// installed, unless somebody says otherwise: building them takes longer than all else.
fn build_flags(engine_args: &[String]) -> String {
    if engine_args.is_empty() { "-gcflags=std=".to_owned() } else { engine_args.join(" ") }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What a client may know before the debugger is there to ask.
pub(super) fn capabilities(dialect: &Dialect) -> Capabilities {
    let filter = |filter: &str, label: &str| ExceptionBreakpointsFilter {
        filter: filter.to_owned(),
        label: label.to_owned(),
        description: None,
        default: None,
        supports_condition: None,
        condition_description: None,
    };
    let some = Some(true);
    let common = Capabilities {
        supports_configuration_done_request: some,
        supports_conditional_breakpoints: some,
        supports_function_breakpoints: some,
        supports_evaluate_for_hovers: some,
        supports_set_variable: some,
        supports_exception_info_request: some,
        ..Capabilities::default()
    };
    match dialect {
        Dialect::Delve => Capabilities {
            supports_hit_conditional_breakpoints: some,
            supports_log_points: some,
            supports_clipboard_context: some,
            supports_delayed_stack_trace_loading: some,
            ..common
        },
        Dialect::Netcoredbg => Capabilities {
            exception_breakpoint_filters: Some(vec![
                filter("raised", "Raised Exceptions"),
                filter("userUncaught", "User-Uncaught Exceptions"),
            ]),
            ..common
        },
        Dialect::Own(_) => Capabilities {
            supports_hit_conditional_breakpoints: some,
            supports_log_points: some,
            supports_delayed_stack_trace_loading: some,
            exception_breakpoint_filters: Some(vec![
                filter("raised", "Raised Exceptions"),
                filter("uncaught", "Uncaught Exceptions"),
                filter("userUncaught", "User-Uncaught Exceptions"),
            ]),
            ..common
        },
    }
}
