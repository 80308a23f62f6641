//! What happens to a debuggee, from the words of its debugger to those of back ends.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::debugger::Proxied;
use super::words;
use crate::dap::ToClient;
use crate::debug::backend::{Category, DebugEvent, Handle, ThreadInfo};

/// Passes events on until the debugger is gone or nobody listens.
pub(super) async fn pass_on(debugger: Arc<Proxied>, mut heard: mpsc::Receiver<ToClient>, to: mpsc::Sender<DebugEvent>) {
    loop {
        let message = tokio::select! {
            message = heard.recv() => message,
            () = to.closed() => None,
        };
        // Answers have other ways.
        let Some(message) = message else { return };
        let ToClient::Event { event, body } = message else { continue };
        if event == "terminated" {
            // It waits to be let go of; then its execution ends, which is what counts.
            let debugger = Arc::clone(&debugger);
            tokio::spawn(async move { debugger.let_go(true).await });
        }
        if let Some(event) = translate(&debugger, &event, &body)
            && to.send(event).await.is_err()
        {
            return;
        }
    }
}

fn translate(debugger: &Proxied, event: &str, body: &Value) -> Option<DebugEvent> {
    Some(match event {
        "stopped" => DebugEvent::Stopped {
            thread: debugger.stopped_thread(&body["threadId"])?,
            reason: words::reason(body["reason"].as_str()?),
            breakpoints: words::list(&body["hitBreakpointIds"]).filter_map(|id| debugger.breakpoint(id)).collect(),
            text: ["text", "description"].iter().find_map(|name| body[*name].as_str().map(str::to_owned)),
            all_threads: body["allThreadsStopped"] != json!(false),
        },
        "continued" => DebugEvent::Continued {
            thread: words::handle(&body["threadId"]).filter(|_| body["allThreadsContinued"] == json!(false)),
        },
        "thread" => {
            let handle = words::handle(&body["threadId"])?;
            match body["reason"].as_str()? {
                "exited" => DebugEvent::ThreadEnded(handle),
                _ => DebugEvent::ThreadStarted(ThreadInfo { name: thread_name(&handle), handle }),
            }
        }
        "output" => {
            let place = words::place(&body["source"]).map(|place| (place, words::position(body)));
            let category = match body["category"].as_str() {
                Some("important") => Category::Important,
                _ => Category::Console,
            };
            DebugEvent::Output { category, text: words::text(&body["output"]), place }
        }
        "breakpoint" => {
            let breakpoint = &body["breakpoint"];
            let id = debugger.breakpoint(&breakpoint["id"])?;
            let mut placed = words::placed(breakpoint);
            placed.verified &= body["reason"] != "removed";
            DebugEvent::BreakpointMoved { id, placed }
        }
        "module" if body["reason"] != "removed" => DebugEvent::ModuleLoaded(words::module(&body["module"])?),
        "loadedSource" if body["reason"] != "removed" => DebugEvent::SourceLoaded(words::place(&body["source"])?),
        "terminated" => DebugEvent::Ending,
        _ => return None,
    })
}

/// A thread's name until somebody lists the threads.
fn thread_name(handle: &Handle) -> String {
    format!("Thread {}", handle.as_str())
}
