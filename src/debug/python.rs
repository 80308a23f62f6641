//! The back end for Python: a helper of ours inside the debugged interpreter, and the daemon's end of the
//! stream to it.
//!
//! The helper is a package of the standard library alone, embedded here and put beside the program. It has
//! one descriptor and opens no port. It lives in the debuggee's process, which is free to speak in its place:
//! this module checks every line that comes, and lets go at the first that is wrong. It never runs anything
//! outside the sandbox and reads no file.

mod channel;
mod children;
mod debugger;
mod events;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
mod values;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::backend::{Attachment, DebugEvent, Fault, PATIENCE};
use super::ground::{Backend, Conduit, Ground, Preparation, Target, What};
use crate::agent::Endpoint;
use crate::dap::types::{Capabilities, ExceptionBreakpointsFilter};
use channel::{LineReader, parse};
use events::Ready;

/// Where the helper lies in the execution's directory.
const PACKAGE: &str = "codebeaker_debug";
/// How often a door is tried that opens soon.
const TRIES: u32 = 100;
/// The longest first line.
const MAX_READY_BYTES: usize = 4096;

/// The files of the helper.
const HELPER: &[(&str, &str)] = &[
    ("__main__.py", include_str!("python/helper/__main__.py")),
    ("assignment.py", include_str!("python/helper/assignment.py")),
    ("breakpoint_commands.py", include_str!("python/helper/breakpoint_commands.py")),
    ("breakpoints.py", include_str!("python/helper/breakpoints.py")),
    ("breaks.py", include_str!("python/helper/breaks.py")),
    ("calls.py", include_str!("python/helper/calls.py")),
    ("channel.py", include_str!("python/helper/channel.py")),
    ("children.py", include_str!("python/helper/children.py")),
    ("completion.py", include_str!("python/helper/completion.py")),
    ("console.py", include_str!("python/helper/console.py")),
    ("contents.py", include_str!("python/helper/contents.py")),
    ("control.py", include_str!("python/helper/control.py")),
    ("debugger.py", include_str!("python/helper/debugger.py")),
    ("dialect.py", include_str!("python/helper/dialect.py")),
    ("door.py", include_str!("python/helper/door.py")),
    ("evaluation.py", include_str!("python/helper/evaluation.py")),
    ("exceptions.py", include_str!("python/helper/exceptions.py")),
    ("forks.py", include_str!("python/helper/forks.py")),
    ("interpreter.py", include_str!("python/helper/interpreter.py")),
    ("interrupts.py", include_str!("python/helper/interrupts.py")),
    ("listening.py", include_str!("python/helper/listening.py")),
    ("lookup.py", include_str!("python/helper/lookup.py")),
    ("monitoring.py", include_str!("python/helper/monitoring.py")),
    ("namespaces.py", include_str!("python/helper/namespaces.py")),
    ("native.py", include_str!("python/helper/native.py")),
    ("operations.py", include_str!("python/helper/operations.py")),
    ("options.py", include_str!("python/helper/options.py")),
    ("places.py", include_str!("python/helper/places.py")),
    ("printing.py", include_str!("python/helper/printing.py")),
    ("program.py", include_str!("python/helper/program.py")),
    ("proposals.py", include_str!("python/helper/proposals.py")),
    ("reading.py", include_str!("python/helper/reading.py")),
    ("rendering.py", include_str!("python/helper/rendering.py")),
    ("session.py", include_str!("python/helper/session.py")),
    ("sources.py", include_str!("python/helper/sources.py")),
    ("stack.py", include_str!("python/helper/stack.py")),
    ("state.py", include_str!("python/helper/state.py")),
    ("stepping.py", include_str!("python/helper/stepping.py")),
    ("tasks.py", include_str!("python/helper/tasks.py")),
    ("threads.py", include_str!("python/helper/threads.py")),
    ("tracing.py", include_str!("python/helper/tracing.py")),
    ("values.py", include_str!("python/helper/values.py")),
];

/// Debugs Python.
#[derive(Debug, Clone, Copy, Default)]
pub struct Python;

fn filter(filter: &str, label: &str, description: &str, default: bool) -> ExceptionBreakpointsFilter {
    ExceptionBreakpointsFilter {
        filter: filter.to_owned(),
        label: label.to_owned(),
        description: Some(description.to_owned()),
        default: Some(default),
        supports_condition: Some(true),
        condition_description: Some("An expression, or names of exceptions: ValueError, os.error".to_owned()),
    }
}

#[async_trait]
impl Backend for Python {
    fn capabilities(&self) -> Capabilities {
        let yes = Some(true);
        Capabilities {
            completion_trigger_characters: Some(vec![".".to_owned()]),
            exception_breakpoint_filters: Some(vec![
                filter("raised", "Raised Exceptions", "Stops whenever an exception is raised.", false),
                filter("uncaught", "Uncaught Exceptions", "Stops when an exception ends the program.", true),
                filter(
                    "userUnhandled",
                    "User Uncaught Exceptions",
                    "Stops when an exception leaves your own code, whoever catches it.",
                    false,
                ),
            ]),
            supports_breakpoint_locations_request: yes,
            supports_clipboard_context: yes,
            supports_completions_request: yes,
            supports_conditional_breakpoints: yes,
            supports_delayed_stack_trace_loading: yes,
            supports_evaluate_for_hovers: yes,
            supports_exception_filter_options: yes,
            supports_exception_info_request: yes,
            supports_function_breakpoints: yes,
            supports_goto_targets_request: yes,
            supports_hit_conditional_breakpoints: yes,
            supports_loaded_sources_request: yes,
            supports_log_points: yes,
            supports_modules_request: yes,
            supports_set_expression: yes,
            supports_set_variable: yes,
            supports_single_thread_execution_requests: yes,
            supports_step_in_targets_request: yes,
            supports_value_formatting_options: yes,
            ..Capabilities::default()
        }
    }

    fn prepare(&self, target: &Target, directory: &str) -> Result<Preparation, Fault> {
        preparation(target, directory, None)
    }

    fn prepare_to_attach(&self, target: &Target, directory: &str) -> Result<Option<Preparation>, Fault> {
        preparation(target, directory, Some(&door_of(directory))).map(Some)
    }

    async fn connect(&self, target: &Target, ground: Arc<dyn Ground>) -> Result<Attachment, Fault> {
        // Once it has its stream it runs, and its directory is there; it starts nothing before it is told to start.
        let side = ground.side().await?;
        let announced = if target.children { Some(children::listen(&ground).await?) } else { None };
        let gone = {
            let ground = Arc::clone(&ground);
            async move { ground.gone().await }
        };
        let (attachment, events) = greet(side, gone).await?;
        if let Some(announced) = announced {
            drop(tokio::spawn(children::attend(announced, ground, events)));
        }
        Ok(attachment)
    }

    /// Only a program that was prepared to be attached to has a door.
    async fn attach(&self, _: &Target, ground: Arc<dyn Ground>) -> Result<Attachment, Fault> {
        let endpoint = Endpoint::Unix(door_of(ground.directory()).into_bytes());
        let mut dialled = ground.dial(endpoint.clone()).await;
        // It may have begun a moment ago.
        for _ in 0..TRIES {
            if dialled.is_ok() {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(PATIENCE / 4 / TRIES) => {}
                why = ground.gone() => return Err(Fault::Gone(why)),
            }
            dialled = ground.dial(endpoint.clone()).await;
        }
        let gone = {
            let ground = Arc::clone(&ground);
            async move { ground.gone().await }
        };
        Ok(greet(dialled?, gone).await?.0)
    }
}

/// How a program is started with the helper: to wait for its debugger, or to be attached to at a door.
fn preparation(target: &Target, directory: &str, door: Option<&str>) -> Result<Preparation, Fault> {
    let mut files: Vec<_> =
        HELPER.iter().map(|&(name, text)| (format!("{PACKAGE}/{name}"), Bytes::from_static(text.as_bytes()))).collect();
    let mut options: Vec<String> = Vec::new();
    let mut option = |name: &str, value: &str| options.extend([name.to_owned(), value.to_owned()]);
    for path in &target.just_my_code {
        option("--user-code", path);
    }
    if let Some(door) = door {
        option("--door", door);
    } else if target.children {
        option("--children", &format!("{directory}/{}", children::FIFO));
    }
    match &target.what {
        What::File(path) => option("--file", path),
        What::Module(name) => option("--module", name),
        What::Code { name, text } => {
            let name = plain_name(name)?;
            files.push((name.to_owned(), text.clone()));
            option("--code", name);
        }
    }
    if target.stop_on_entry {
        options.push("--stop-on-entry".to_owned());
    }
    // Frozen modules have no lines to stop at, nor names of files.
    let mut args = vec!["-X".to_owned(), "frozen_modules=off".to_owned()];
    args.extend(target.engine_args.iter().cloned());
    args.push(format!("{directory}/{PACKAGE}/__main__.py"));
    args.append(&mut options);
    args.push("--".to_owned());
    args.extend(target.args.iter().cloned());
    Ok(Preparation { files, program: None, args, env: BTreeMap::new(), side: door.is_none() })
}

/// Where a program in this directory can be attached to: its own directory is not its to write in.
fn door_of(directory: &str) -> String {
    format!("/tmp/.codebeaker-{}", directory.rsplit('/').next().unwrap_or_default())
}

/// A file name that code can go by, beside the helper.
fn plain_name(name: &str) -> Result<&str, Fault> {
    let plain = !name.is_empty() && name.len() <= 255 && !name.starts_with('.') && !name.contains(['/', '\0']);
    if plain && name != PACKAGE && name != children::FIFO {
        Ok(name)
    } else {
        Err(Fault::Refused(format!("{name:?} can't be the name of a file")))
    }
}

/// Waits for the helper's first words, and is its debugger from then on. `gone` resolves when the program is
/// gone by other evidence.
async fn greet(
    conduit: Conduit,
    gone: impl Future<Output = String> + Send + 'static,
) -> Result<(Attachment, mpsc::WeakSender<DebugEvent>), Fault> {
    let (reading, writing) = tokio::io::split(conduit);
    let mut reader = LineReader::new(reading);
    let mut gone = Box::pin(gone);
    let line = tokio::select! {
        biased;
        line = tokio::time::timeout(PATIENCE, reader.next(MAX_READY_BYTES)) => line,
        why = &mut gone => return Err(Fault::Gone(why)),
    };
    let line = line.map_err(|_| Fault::Timeout(PATIENCE))?;
    let ready: Result<Ready, _> = line.and_then(|line| parse(&line));
    match ready {
        Ok(ready) if ready.event.0 == "ready" => {
            tracing::debug!(version = ready.version.0, engine = ready.engine.0, pid = ready.pid, "debugging Python");
            Ok(debugger::Python::attachment(reader, writing, gone))
        }
        Ok(_) => Err(Fault::Gone(channel::Broken::UnknownEvent.to_string())),
        Err(why) => Err(Fault::Gone(why.to_string())),
    }
}
