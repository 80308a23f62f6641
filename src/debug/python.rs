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
mod values;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::json;
use tokio::sync::mpsc;

use super::backend::{Attachment, DebugEvent, Fault, PATIENCE};
use super::ground::{Backend, Conduit, Ground, Preparation, Target, What};
use crate::dap::types::{Capabilities, ExceptionBreakpointsFilter};
use channel::{LineReader, parse};
use events::Ready;

/// Where the helper lies in the execution's directory.
const PACKAGE: &str = "codebeaker_debug";
/// The descriptor that the helper speaks over.
const DESCRIPTOR: u32 = 3;
/// The longest first line.
const MAX_READY_BYTES: usize = 4096;

/// The files of the helper.
const HELPER: &[(&str, &str)] = &[];

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
        let mut files: Vec<_> = HELPER
            .iter()
            .map(|&(name, text)| (format!("{PACKAGE}/{name}"), Bytes::from_static(text.as_bytes())))
            .collect();
        let mut options = json!({
            "fd": DESCRIPTOR,
            "stopOnEntry": target.stop_on_entry,
            "justMyCode": target.just_my_code,
        });
        if target.children {
            options["children"] = json!(format!("{directory}/{}", children::FIFO));
        }
        let program = match &target.what {
            What::File(path) => vec![path.clone()],
            What::Module(name) => vec!["-m".to_owned(), name.clone()],
            What::Code { name, text } => {
                let name = safe_name(name)?;
                files.push((name.to_owned(), text.clone()));
                vec![format!("{directory}/{name}")]
            }
        };
        // Frozen modules have no lines to stop at, nor names of files.
        let mut args = vec!["-X".to_owned(), "frozen_modules=off".to_owned()];
        args.extend(target.engine_args.iter().cloned());
        args.push(format!("{directory}/{PACKAGE}/__main__.py"));
        args.push(options.to_string());
        args.extend(program);
        args.extend(target.args.iter().cloned());
        Ok(Preparation { files, args, env: BTreeMap::new(), side: true })
    }

    async fn connect(&self, target: &Target, ground: Arc<dyn Ground>) -> Result<Attachment, Fault> {
        let announced = if target.children { Some(children::listen(&ground).await?) } else { None };
        let gone = {
            let ground = Arc::clone(&ground);
            async move { ground.gone().await }
        };
        let (attachment, events) = greet(ground.side().await?, gone).await?;
        if let Some(announced) = announced {
            drop(tokio::spawn(children::attend(announced, ground, events)));
        }
        Ok(attachment)
    }

    /// Only a program that was prepared to be debugged has the helper in it; it waits for us then.
    async fn attach(&self, target: &Target, ground: Arc<dyn Ground>) -> Result<Attachment, Fault> {
        self.connect(target, ground).await
    }
}

/// A file name that code can go by, beside the helper.
fn safe_name(name: &str) -> Result<&str, Fault> {
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
