//! The requests that look at a program: its stacks, its variables, its sources.

use serde_json::{Value, json};

use super::refusal::Refusal;
use super::requests::body;
use super::{Adapter, render};
use crate::dap::types::{
    ExceptionBreakMode, ExceptionDetails, ExceptionInfoArguments, ExceptionInfoResponse, LoadedSourcesResponse,
    ModulesArguments, ModulesResponse, ScopesArguments, ScopesResponse, SetVariableArguments, SetVariableResponse,
    SourceArguments, SourceResponse, StackTraceArguments, StackTraceResponse, VariablesArguments,
    VariablesArgumentsFilter, VariablesResponse,
};
use crate::debug::backend::{ExceptionFilter, Page, Which};
use crate::text::{Keep, NAME, VALUE, WHOLE, clean};

/// Frames in one answer.
const MAX_FRAMES: u32 = 1_000;

/// Variables in one answer.
const MAX_VARIABLES: u32 = 10_000;

/// Bytes of all values in one answer.
const MAX_VARIABLE_BYTES: usize = 4 << 20;

/// Scopes of a frame.
const MAX_SCOPES: usize = 256;

/// Sources and modules in one answer.
const MAX_LISTED: usize = 10_000;

impl Adapter {
    /// `stackTrace`.
    pub(super) async fn stack_trace(&self, arguments: StackTraceArguments) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        let (stamp, (number, handle)) = {
            let desk = self.desk();
            (desk.stamp(), desk.thread(arguments.thread_id)?)
        };
        let start = u32::try_from(arguments.start_frame.unwrap_or(0)).unwrap_or(u32::MAX);
        let levels = arguments.levels.filter(|levels| *levels > 0);
        let count = levels.map_or(MAX_FRAMES, |levels| u32::try_from(levels).unwrap_or(u32::MAX)).min(MAX_FRAMES);
        let stack = debuggee.debugger.stack(&handle, start, Some(count)).await?;
        let habits = self.habits();
        let mut desk = self.desk();
        desk.fresh(stamp, Some(number))?;
        let frames = stack.frames.into_iter().take(count as usize);
        let stack_frames: Vec<_> =
            frames.filter_map(|frame| render::frame(frame, number, &debuggee, &mut desk, &habits)).collect();
        drop(desk);
        let seen = u64::from(start) + stack_frames.len() as u64;
        let total_frames = Some(stack.total.map_or(seen, |total| u64::from(total).max(seen)));
        body(StackTraceResponse { stack_frames, total_frames })
    }

    /// `scopes`.
    pub(super) async fn scopes(&self, arguments: ScopesArguments) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        let (stamp, (thread, frame)) = {
            let desk = self.desk();
            (desk.stamp(), desk.frame(arguments.frame_id)?)
        };
        let scopes = debuggee.debugger.scopes(&frame).await?;
        let mut desk = self.desk();
        desk.fresh(stamp, thread)?;
        let scopes = scopes.into_iter().take(MAX_SCOPES);
        let scopes = scopes.filter_map(|scope| render::scope(scope, thread, &mut desk)).collect();
        drop(desk);
        body(ScopesResponse { scopes })
    }

    /// `variables`.
    pub(super) async fn variables(&self, arguments: VariablesArguments) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        let (stamp, (thread, container)) = {
            let desk = self.desk();
            (desk.stamp(), desk.container(arguments.variables_reference)?)
        };
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let count = arguments.count.filter(|count| *count > 0).map_or(MAX_VARIABLES, narrow).min(MAX_VARIABLES);
        let page = Page {
            which: match arguments.filter {
                None => Which::All,
                Some(VariablesArgumentsFilter::Named) => Which::Named,
                Some(VariablesArgumentsFilter::Indexed) => Which::Indexed,
            },
            start: arguments.start.map_or(0, narrow),
            count: Some(count),
            hex: arguments.format.is_some_and(|format| format.hex == Some(true)),
        };
        let found = debuggee.debugger.variables(&container.handle, page).await?;
        let habits = self.habits();
        let mut desk = self.desk();
        desk.fresh(stamp, thread)?;
        let mut bytes = 0;
        let mut variables = Vec::with_capacity(found.len().min(count as usize));
        for variable in found.into_iter().take(count as usize) {
            let variable = render::variable(variable, &container, thread, &mut desk, &habits);
            bytes += variable.value.len() + variable.name.len();
            variables.push(variable);
            if bytes > MAX_VARIABLE_BYTES {
                break;
            }
        }
        drop(desk);
        body(VariablesResponse { variables })
    }

    /// `setVariable`.
    pub(super) async fn set_variable(&self, arguments: SetVariableArguments) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        let (stamp, (thread, container)) = {
            let desk = self.desk();
            (desk.stamp(), desk.container(arguments.variables_reference)?)
        };
        let name = super::lock(&container.renamed).get(&arguments.name).cloned().unwrap_or(arguments.name);
        let hex = arguments.format.is_some_and(|format| format.hex == Some(true));
        let shown = debuggee.debugger.set_variable(&container.handle, &name, &arguments.value, hex).await?;
        let value = self.rendered(shown, stamp, thread, VALUE)?;
        body(SetVariableResponse {
            indexed_variables: value.indexed,
            memory_reference: None,
            named_variables: value.named,
            ty: value.type_name,
            value: value.text,
            value_location_reference: None,
            variables_reference: Some(value.reference),
        })
    }

    /// `exceptionInfo`.
    pub(super) async fn exception_info(&self, arguments: ExceptionInfoArguments) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        let (_, handle) = self.desk().thread(arguments.thread_id)?;
        let info = debuggee.debugger.exception_info(&handle).await?;
        let id = clean(&info.id, Keep::OneLine, NAME);
        let description = clean(&info.description, Keep::Lines, VALUE);
        let details = ExceptionDetails {
            evaluate_name: info.evaluate_name.filter(|name| clean(name, Keep::OneLine, NAME) == *name),
            full_type_name: Some(id.clone()),
            inner_exception: None,
            message: Some(description.clone()),
            stack_trace: info.stack.map(|stack| clean(&stack, Keep::Lines, VALUE)),
            type_name: Some(id.rsplit('.').next().unwrap_or(&id).to_owned()),
        };
        body(ExceptionInfoResponse {
            break_mode: match info.filter {
                ExceptionFilter::Raised => ExceptionBreakMode::Always,
                ExceptionFilter::Uncaught => ExceptionBreakMode::Unhandled,
                ExceptionFilter::UserUncaught => ExceptionBreakMode::UserUnhandled,
            },
            description: Some(description),
            details: Some(details),
            exception_id: id,
        })
    }

    /// `modules`.
    pub(super) async fn modules(&self, arguments: ModulesArguments) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        let modules = debuggee.debugger.modules().await?;
        let total_modules = Some(modules.len() as u64);
        let narrow = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let start = arguments.start_module.map_or(0, narrow);
        let count = arguments.module_count.filter(|count| *count > 0).map_or(MAX_LISTED, narrow).min(MAX_LISTED);
        let habits = self.habits();
        let mut desk = self.desk();
        let page = modules.iter().skip(start).take(count);
        let modules = page.filter_map(|module| render::module(module, &debuggee.mounts, &mut desk, &habits)).collect();
        drop(desk);
        body(ModulesResponse { modules, total_modules })
    }

    /// `loadedSources`.
    pub(super) async fn loaded_sources(&self) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        let places = debuggee.debugger.loaded_sources().await?;
        let habits = self.habits();
        let mut desk = self.desk();
        let places = places.iter().take(MAX_LISTED);
        let sources = places.filter_map(|place| debuggee.source(place, &mut desk, &habits)).collect();
        drop(desk);
        body(LoadedSourcesResponse { sources })
    }

    /// `source`.
    pub(super) async fn source(&self, arguments: SourceArguments) -> Result<Value, Refusal> {
        let debuggee = self.debuggee()?;
        let mut source = arguments.source.unwrap_or_default();
        if source.source_reference.is_none_or(|number| number == 0) {
            source.source_reference = Some(arguments.source_reference).filter(|number| *number > 0);
        }
        let place = self.place_of(&debuggee, &source)?;
        let content = debuggee.debugger.source(&place).await?;
        body(SourceResponse { content: clean(&content, Keep::Lines, WHOLE), mime_type: None })
    }

    /// Interrupts what the program evaluates for us.
    pub(super) async fn interrupt(&self) {
        const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);
        if let Ok(debuggee) = self.debuggee() {
            drop(tokio::time::timeout(PATIENCE, debuggee.debugger.interrupt()).await);
        }
    }
}

/// The answer to a line of the debug console that went to the program's input.
pub(super) fn written(what: &str) -> Value {
    json!({"result": what, "variablesReference": 0})
}
