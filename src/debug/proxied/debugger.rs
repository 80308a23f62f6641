//! The controls of a debuggee whose debugger is an adapter itself.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{fault, words};
use crate::dap::ToClient;
use crate::debug::backend::{
    Choice, Completion, CompletionKind, Debugger, ExceptionBreakpoint, ExceptionFilter, ExceptionInfo, Fault,
    FunctionBreakpoint, Handle, LineBreakpoint, Module, PATIENCE, Page, Place, Placed, Position, Purpose, Scope, Shown,
    Stack, Step, ThreadInfo, Variable, Which,
};
use crate::debug::proxy::{Proxy, Refusal};

/// Places that have breakpoints, all functions together being one.
const MAX_PLACES: usize = 4096;

type Launching = JoinHandle<Result<Value, Refusal>>;

/// A debugger that is spoken to.
pub(super) struct Proxied {
    proxy: Proxy,
    /// What it says that it can do.
    can: Value,
    /// The answer to `launch`, until somebody has taken it.
    launching: Mutex<Option<Launching>>,
    /// The debugger's numbers of breakpoints, and the adapter's; by what they were set for.
    breakpoints: Mutex<HashMap<Set, Vec<(u64, u32)>>>,
    last_stopped: Mutex<Option<Handle>>,
}

/// Breakpoints that are replaced together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Set {
    At(Place),
    Functions,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxied {
    pub(super) fn new(proxy: Proxy, can: Value, launching: Launching) -> Self {
        let launching = Mutex::new(Some(launching));
        Self { proxy, can, launching, breakpoints: Mutex::default(), last_stopped: Mutex::default() }
    }

    /// Waits until the debugger can be told of breakpoints.
    pub(super) async fn ready(&mut self, heard: &mut mpsc::Receiver<ToClient>) -> Result<(), Fault> {
        let mut launching = lock(&self.launching).take();
        loop {
            let answer = async {
                match &mut launching {
                    Some(launching) => launching.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                message = heard.recv() => match message {
                    Some(ToClient::Event { event, .. }) if event == "initialized" => break,
                    // What it says while it builds the program is told when the launch fails.
                    Some(_) => {}
                    None => return Err(fault(Refusal::Gone)),
                },
                answer = answer => {
                    launching = None;
                    answer.unwrap_or(Err(Refusal::Gone)).map_err(fault)?;
                }
            }
        }
        *lock(&self.launching) = launching;
        Ok(())
    }

    /// The adapter's number of a breakpoint.
    pub(super) fn breakpoint(&self, id: &Value) -> Option<u32> {
        let id = id.as_u64()?;
        let breakpoints = lock(&self.breakpoints);
        breakpoints.values().flatten().find(|(theirs, _)| *theirs == id).map(|(_, ours)| *ours)
    }

    /// The thread that an event is about; one that names none is about the last that stopped.
    pub(super) fn stopped_thread(&self, thread: &Value) -> Option<Handle> {
        let mut last = lock(&self.last_stopped);
        *last = words::handle(thread).or_else(|| last.take());
        last.clone()
    }

    /// Lets the debugger end, with the program or without.
    pub(super) async fn let_go(&self, with_program: bool) {
        // It may be gone already, which is as well.
        drop(self.proxy.control("disconnect", json!({"terminateDebuggee": with_program})).await);
    }

    fn can(&self, capability: &str, what: &'static str) -> Result<(), Fault> {
        if self.can[capability] == true { Ok(()) } else { Err(Fault::Unsupported(what)) }
    }

    async fn ask(&self, command: &str, arguments: Value) -> Result<Value, Fault> {
        self.proxy.request(command, arguments).await.map_err(fault)
    }

    /// Notes what became of breakpoints that were set together; one for each that was wanted.
    fn note(&self, set: Set, wanted: &[u32], body: &Value) -> Vec<Placed> {
        let answers: Vec<&Value> = words::list(&body["breakpoints"]).take(wanted.len()).collect();
        let ids = answers.iter().zip(wanted).filter_map(|(answer, id)| Some((answer["id"].as_u64()?, *id)));
        let ids: Vec<_> = ids.collect();
        let mut known = lock(&self.breakpoints);
        if ids.is_empty() {
            known.remove(&set);
        } else if known.len() < MAX_PLACES || known.contains_key(&set) {
            known.insert(set, ids);
        }
        let unanswered = || Placed { message: Some("the debugger says nothing of it".to_owned()), ..Placed::default() };
        let placed = answers.into_iter().map(words::placed);
        placed.chain(std::iter::repeat_with(unanswered)).take(wanted.len()).collect()
    }

    fn format(&self, hex: bool) -> Value {
        if hex && self.can["supportsValueFormattingOptions"] == true { json!({"hex": true}) } else { Value::Null }
    }

    fn filter(&self, filter: ExceptionFilter) -> Option<&str> {
        let known = words::list(&self.can["exceptionBreakpointFilters"]).filter_map(|known| known["filter"].as_str());
        known.into_iter().find(|known| words::filter_names(filter).contains(known))
    }
}

/// Arguments without those that are not given.
fn given(mut arguments: Value) -> Value {
    if let Some(fields) = arguments.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    arguments
}

#[async_trait]
impl Debugger for Proxied {
    async fn start(&self) -> Result<(), Fault> {
        self.proxy.control("configurationDone", json!({})).await.map_err(fault)?;
        let launching = lock(&self.launching).take();
        match launching {
            Some(launching) => launching.await.unwrap_or(Err(Refusal::Gone)).map(drop).map_err(fault),
            None => Ok(()),
        }
    }

    async fn set_breakpoints(&self, place: &Place, wanted: Vec<LineBreakpoint>) -> Result<Vec<Placed>, Fault> {
        let breakpoints: Vec<Value> = wanted
            .iter()
            .map(|wanted| {
                let at = given(json!({"line": wanted.at.line, "column": wanted.at.column}));
                words::terms(at, &wanted.terms)
            })
            .collect();
        let arguments = json!({"source": words::source(place), "breakpoints": breakpoints});
        let body = self.ask("setBreakpoints", arguments).await?;
        let ids: Vec<u32> = wanted.iter().map(|wanted| wanted.id).collect();
        Ok(self.note(Set::At(place.clone()), &ids, &body))
    }

    async fn set_function_breakpoints(&self, wanted: Vec<FunctionBreakpoint>) -> Result<Vec<Placed>, Fault> {
        if wanted.is_empty() && self.can["supportsFunctionBreakpoints"] != true {
            return Ok(Vec::new());
        }
        self.can("supportsFunctionBreakpoints", "a function breakpoint")?;
        let breakpoints: Vec<Value> =
            wanted.iter().map(|wanted| words::terms(json!({"name": wanted.name}), &wanted.terms)).collect();
        let body = self.ask("setFunctionBreakpoints", json!({"breakpoints": breakpoints})).await?;
        let ids: Vec<u32> = wanted.iter().map(|wanted| wanted.id).collect();
        Ok(self.note(Set::Functions, &ids, &body))
    }

    async fn set_exception_breakpoints(&self, wanted: Vec<ExceptionBreakpoint>) -> Result<Vec<Placed>, Fault> {
        let filters: Vec<&str> = wanted.iter().filter_map(|wanted| self.filter(wanted.filter)).collect();
        self.ask("setExceptionBreakpoints", json!({"filters": filters})).await?;
        let placed = wanted.iter().map(|wanted| {
            let message = match self.filter(wanted.filter) {
                None => Some("the debugger has no such filter".to_owned()),
                Some(_) if wanted.condition.is_some() => Some("the debugger knows no condition for it".to_owned()),
                Some(_) => None,
            };
            Placed { verified: self.filter(wanted.filter).is_some(), message, ..Placed::default() }
        });
        Ok(placed.collect())
    }

    async fn breakpoint_locations(&self, place: &Place, from: Position, to: Position) -> Result<Vec<Position>, Fault> {
        self.can("supportsBreakpointLocationsRequest", "listing places for breakpoints")?;
        let arguments = json!({
            "source": words::source(place), "line": from.line, "column": from.column, "endLine": to.line,
            "endColumn": to.column,
        });
        let body = self.ask("breakpointLocations", given(arguments)).await?;
        Ok(words::list(&body["breakpoints"]).map(words::position).collect())
    }

    async fn threads(&self) -> Result<Vec<ThreadInfo>, Fault> {
        let body = self.ask("threads", json!({})).await?;
        let threads = words::list(&body["threads"]);
        let info = |thread: &Value| {
            Some(ThreadInfo { handle: words::handle(&thread["id"])?, name: words::text(&thread["name"]) })
        };
        Ok(threads.filter_map(info).collect())
    }

    async fn stack(&self, thread: &Handle, start: u32, count: Option<u32>) -> Result<Stack, Fault> {
        let arguments = given(json!({"threadId": words::of(thread), "startFrame": start, "levels": count}));
        let body = self.ask("stackTrace", arguments).await?;
        let most = count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
        let frames = words::list(&body["stackFrames"]).take(most).filter_map(words::frame).collect();
        Ok(Stack { frames, total: words::number(&body["totalFrames"]) })
    }

    async fn scopes(&self, frame: &Handle) -> Result<Vec<Scope>, Fault> {
        let body = self.ask("scopes", json!({"frameId": words::of(frame)})).await?;
        Ok(words::list(&body["scopes"]).filter_map(words::scope).collect())
    }

    async fn variables(&self, of: &Handle, page: Page) -> Result<Vec<Variable>, Fault> {
        let filter = match page.which {
            Which::All => Value::Null,
            Which::Named => json!("named"),
            Which::Indexed => json!("indexed"),
        };
        // A debugger that pages what it should not pages nothing when it is not asked to.
        let start = if page.count.is_some() { json!(page.start) } else { Value::Null };
        let arguments = json!({
            "variablesReference": words::of(of), "filter": filter, "start": start, "count": page.count,
            "format": self.format(page.hex),
        });
        let body = self.ask("variables", given(arguments)).await?;
        Ok(words::list(&body["variables"]).map(words::variable).collect())
    }

    async fn set_variable(&self, of: &Handle, name: &str, value: &str, hex: bool) -> Result<Shown, Fault> {
        self.can("supportsSetVariable", "setting a variable")?;
        let arguments = json!({
            "variablesReference": words::of(of), "name": name, "value": value, "format": self.format(hex),
        });
        let body = self.ask("setVariable", given(arguments)).await?;
        Ok(words::shown(&body, "value"))
    }

    async fn set_expression(
        &self,
        frame: Option<&Handle>,
        expression: &str,
        value: &str,
        hex: bool,
    ) -> Result<Shown, Fault> {
        self.can("supportsSetExpression", "assigning to an expression")?;
        let arguments = json!({
            "frameId": frame.map(words::of), "expression": expression, "value": value, "format": self.format(hex),
        });
        let body = self.ask("setExpression", given(arguments)).await?;
        Ok(words::shown(&body, "value"))
    }

    async fn evaluate(
        &self,
        frame: Option<&Handle>,
        expression: &str,
        purpose: Purpose,
        hex: bool,
    ) -> Result<Shown, Fault> {
        let context = match purpose {
            Purpose::Hover => "hover",
            Purpose::Watch => "watch",
            Purpose::Console => "repl",
            Purpose::Clipboard if self.can["supportsClipboardContext"] == true => "clipboard",
            Purpose::Clipboard => "watch",
        };
        let arguments = json!({
            "frameId": frame.map(words::of), "expression": expression, "context": context,
            "format": self.format(hex),
        });
        let body = self.ask("evaluate", given(arguments)).await?;
        Ok(words::shown(&body, "result"))
    }

    async fn interrupt(&self) {
        // DAP has no word for it that all debuggers know; each bounds its own evaluations.
    }

    async fn completions(
        &self,
        frame: Option<&Handle>,
        text: &str,
        line: u32,
        column: u32,
    ) -> Result<Vec<Completion>, Fault> {
        self.can("supportsCompletionsRequest", "completing")?;
        let arguments = json!({"frameId": frame.map(words::of), "text": text, "line": line + 1, "column": column + 1});
        let body = self.ask("completions", given(arguments)).await?;
        let completion = |target: &Value| Completion {
            label: words::text(if target["text"].is_string() { &target["text"] } else { &target["label"] }),
            kind: match target["type"].as_str() {
                Some("method" | "function" | "constructor") => CompletionKind::Function,
                Some("class" | "interface" | "enum") => CompletionKind::Class,
                Some("module") => CompletionKind::Module,
                Some("field" | "property") => CompletionKind::Property,
                Some("keyword") => CompletionKind::Keyword,
                _ => CompletionKind::Variable,
            },
            replaces: words::number(&target["length"]).unwrap_or_default(),
        };
        Ok(words::list(&body["targets"]).map(completion).collect())
    }

    async fn exception_info(&self, thread: &Handle) -> Result<ExceptionInfo, Fault> {
        self.can("supportsExceptionInfoRequest", "telling of exceptions")?;
        let body = self.ask("exceptionInfo", json!({"threadId": words::of(thread)})).await?;
        let details = &body["details"];
        Ok(ExceptionInfo {
            id: words::text(&body["exceptionId"]),
            description: words::text(if body["description"].is_string() {
                &body["description"]
            } else {
                &details["message"]
            }),
            filter: match body["breakMode"].as_str() {
                Some("always") => ExceptionFilter::Raised,
                Some("userUnhandled") => ExceptionFilter::UserUncaught,
                _ => ExceptionFilter::Uncaught,
            },
            stack: details["stackTrace"].as_str().map(str::to_owned),
            evaluate_name: details["evaluateName"].as_str().map(str::to_owned),
        })
    }

    async fn resume(&self, thread: &Handle, alone: bool) -> Result<(), Fault> {
        self.go("continue", json!({"threadId": words::of(thread)}), alone).await
    }

    async fn step(&self, thread: &Handle, step: Step, alone: bool) -> Result<(), Fault> {
        let thread = words::of(thread);
        match step {
            Step::Into(None) => self.go("stepIn", json!({"threadId": thread}), alone).await,
            Step::Into(Some(target)) => {
                self.can("supportsStepInTargetsRequest", "choosing what to step into")?;
                self.go("stepIn", json!({"threadId": thread, "targetId": words::of(&target)}), alone).await
            }
            Step::Over => self.go("next", json!({"threadId": thread}), alone).await,
            Step::Out => self.go("stepOut", json!({"threadId": thread}), alone).await,
        }
    }

    async fn pause(&self, thread: &Handle) -> Result<(), Fault> {
        self.ask("pause", json!({"threadId": words::of(thread)})).await.map(drop)
    }

    async fn step_in_targets(&self, frame: &Handle) -> Result<Vec<Choice>, Fault> {
        self.can("supportsStepInTargetsRequest", "choosing what to step into")?;
        let body = self.ask("stepInTargets", json!({"frameId": words::of(frame)})).await?;
        Ok(choices(&body))
    }

    async fn goto_targets(&self, place: &Place, at: Position) -> Result<Vec<Choice>, Fault> {
        self.can("supportsGotoTargetsRequest", "setting the next statement")?;
        let arguments = json!({"source": words::source(place), "line": at.line, "column": at.column});
        Ok(choices(&self.ask("gotoTargets", given(arguments)).await?))
    }

    async fn go_to(&self, thread: &Handle, target: &Handle) -> Result<(), Fault> {
        self.can("supportsGotoTargetsRequest", "setting the next statement")?;
        let arguments = json!({"threadId": words::of(thread), "targetId": words::of(target)});
        self.ask("goto", arguments).await.map(drop)
    }

    async fn restart_frame(&self, frame: &Handle) -> Result<(), Fault> {
        self.can("supportsRestartFrame", "restarting a frame")?;
        self.ask("restartFrame", json!({"frameId": words::of(frame)})).await.map(drop)
    }

    async fn modules(&self) -> Result<Vec<Module>, Fault> {
        self.can("supportsModulesRequest", "listing modules")?;
        let body = self.ask("modules", json!({})).await?;
        Ok(words::list(&body["modules"]).filter_map(words::module).collect())
    }

    async fn loaded_sources(&self) -> Result<Vec<Place>, Fault> {
        self.can("supportsLoadedSourcesRequest", "listing sources")?;
        let body = self.ask("loadedSources", json!({})).await?;
        Ok(words::list(&body["sources"]).filter_map(words::place).collect())
    }

    async fn source(&self, place: &Place) -> Result<String, Fault> {
        let source = words::source(place);
        let reference = source.get("sourceReference").cloned().unwrap_or(json!(0));
        let body = self.ask("source", json!({"source": source, "sourceReference": reference})).await?;
        Ok(words::text(&body["content"]))
    }

    async fn detach(&self) {
        // What does not answer is not waited for: it goes with its execution.
        drop(tokio::time::timeout(PATIENCE, self.let_go(false)).await);
    }
}

impl Proxied {
    async fn go(&self, command: &str, mut arguments: Value, alone: bool) -> Result<(), Fault> {
        if alone {
            self.can("supportsSingleThreadExecutionRequests", "letting one thread go on alone")?;
            arguments["singleThread"] = json!(true);
        }
        self.ask(command, arguments).await.map(drop)
    }
}

fn choices(body: &Value) -> Vec<Choice> {
    let choice = |target: &Value| {
        Some(Choice {
            handle: words::handle(&target["id"])?,
            label: words::text(&target["label"]),
            at: words::position(target),
        })
    };
    words::list(&body["targets"]).filter_map(choice).collect()
}
