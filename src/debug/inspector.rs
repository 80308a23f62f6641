//! The debugger for what runs on V8, by the inspector that V8 brings along.
//!
//! A program is reached by the DevTools protocol, over a WebSocket to its inspector on the sandbox's own
//! loopback. The inspector lives in the program's process: what it says is bounded in number, length and
//! depth, and believed in nothing but what it shows.

mod breakpoints;
mod budget;
mod channel;
mod completion;
mod deno;
mod evaluation;
mod events;
mod frames;
mod launch;
mod maps;
mod paths;
mod remote;
mod scripts;
mod socket;
mod stepping;
mod target;
mod terms;
#[cfg(test)]
mod tests;
mod values;
mod workers;

use std::sync::Arc;

pub use deno::Deno;

use async_trait::async_trait;
use serde_json::json;

use super::backend::{Attachment, Fault};
use super::ground::{Backend, Ground, Preparation, Target};
use crate::dap::types::Capabilities;

/// The debugger for programs of Node.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inspector;

#[async_trait]
impl Backend for Inspector {
    fn capabilities(&self) -> Capabilities {
        let capabilities = json!({
            "supportsConditionalBreakpoints": true,
            "supportsHitConditionalBreakpoints": true,
            "supportsLogPoints": true,
            "supportsBreakpointLocationsRequest": true,
            "supportsEvaluateForHovers": true,
            "supportsSetVariable": true,
            "supportsSetExpression": true,
            "supportsRestartFrame": true,
            "supportsStepInTargetsRequest": true,
            "supportsCompletionsRequest": true,
            "completionTriggerCharacters": ["."],
            "supportsExceptionInfoRequest": true,
            "supportsExceptionFilterOptions": true,
            "supportsDelayedStackTraceLoading": true,
            "supportsLoadedSourcesRequest": true,
            "supportsClipboardContext": true,
            "supportsValueFormattingOptions": true,
            "exceptionBreakpointFilters": [
                {"filter": "raised", "label": "Caught Exceptions", "default": false, "supportsCondition": true,
                 "description": "Stops for every exception, where it is thrown.",
                 "conditionDescription": "an expression in which the exception is `error`"},
                {"filter": "uncaught", "label": "Uncaught Exceptions", "default": true, "supportsCondition": true,
                 "description": "Stops for exceptions that nothing catches, where they are thrown.",
                 "conditionDescription": "an expression in which the exception is `error`"},
            ],
        });
        serde_json::from_value(capabilities).unwrap_or_default()
    }

    fn prepare(&self, target: &Target, directory: &str) -> Result<Preparation, Fault> {
        launch::prepare(target, directory)
    }

    async fn connect(&self, target: &Target, ground: Arc<dyn Ground>) -> Result<Attachment, Fault> {
        launch::connect(target, ground).await
    }

    async fn attach(&self, target: &Target, ground: Arc<dyn Ground>) -> Result<Attachment, Fault> {
        launch::attach(target, ground).await
    }
}
