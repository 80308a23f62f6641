//! Where the program is stopped: the stack, those that led to it asynchronously included, and the scopes.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::paths::cut;
use super::remote::RemoteObject;
use super::scripts::Location;
use super::target::{Held, Target, numbers};
use crate::debug::backend::{
    ExceptionFilter, ExceptionInfo, Fault, Frame, FrameHint, Handle, Position, Scope, ScopeKind, Stack,
};

/// Frames of one stack that are told apart.
const MAX_FRAMES: usize = 20_000;

/// Stacks that led to one another.
const MAX_ASYNC: usize = 32;

/// A stop.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Paused {
    pub(super) call_frames: Vec<CallFrame>,
    pub(super) reason: String,
    pub(super) data: Option<Value>,
    pub(super) hit_breakpoints: Vec<String>,
    async_stack_trace: Option<Box<AsyncStack>>,
}

/// A call.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallFrame {
    pub(super) call_frame_id: String,
    #[serde(default)]
    function_name: String,
    pub(super) location: Location,
    #[serde(default)]
    pub(super) scope_chain: Vec<V8Scope>,
    #[serde(default)]
    pub(super) this: RemoteObject,
    return_value: Option<RemoteObject>,
    #[serde(default)]
    can_be_restarted: bool,
}

/// A scope.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct V8Scope {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) object: RemoteObject,
    name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AsyncStack {
    description: Option<String>,
    call_frames: Vec<AsyncFrame>,
    parent: Option<Box<AsyncStack>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AsyncFrame {
    function_name: String,
    script_id: String,
    url: String,
    line_number: u32,
    column_number: u32,
}

/// A stop, as it is kept until the program goes on.
#[derive(Debug, Default)]
pub(super) struct Pause {
    /// Counts how often the program has gone on before.
    pub(super) generation: u64,
    pub(super) frames: Vec<CallFrame>,
    asynchronous: Option<Box<AsyncStack>>,
    /// What it stopped for.
    pub(super) exception: Option<RemoteObject>,
    /// Nobody catches that.
    pub(super) uncaught: bool,
    /// The room that it takes.
    _kept: Option<OwnedSemaphorePermit>,
}

impl Pause {
    /// What is kept of a stop.
    pub(super) fn new(generation: u64, mut paused: Paused, kept: OwnedSemaphorePermit) -> Self {
        let is_exception = matches!(paused.reason.as_str(), "exception" | "promiseRejection");
        let data = paused.data.take().filter(|_| is_exception);
        let uncaught = data.as_ref().and_then(|data| data.get("uncaught")).and_then(Value::as_bool);
        paused.call_frames.truncate(MAX_FRAMES);
        Self {
            generation,
            frames: paused.call_frames,
            asynchronous: paused.async_stack_trace,
            exception: data.and_then(|data| serde_json::from_value(data).ok()),
            uncaught: uncaught.unwrap_or(false),
            _kept: Some(kept),
        }
    }

    /// The frame of a handle.
    pub(super) fn frame(&self, handle: &Handle) -> Result<&CallFrame, Fault> {
        let (generation, at) = numbers(handle.as_str().strip_prefix('f').ok_or(Fault::Stale)?)?;
        if generation != self.generation {
            return Err(Fault::Stale);
        }
        // A heading and what stands below it have no variables.
        self.frames.get(at).ok_or_else(|| Fault::Refused("this frame has returned already".to_owned()))
    }

    /// The scope of a handle: its frame, its number in that, and itself.
    pub(super) fn scope(&self, handle: &Handle) -> Result<(&CallFrame, usize, &V8Scope), Fault> {
        let text = handle.as_str().strip_prefix('s').ok_or(Fault::Stale)?;
        let (frame, scope) = text.rsplit_once('.').ok_or(Fault::Stale)?;
        let frame = Handle::new(&format!("f{frame}")).ok_or(Fault::Stale)?;
        let frame = self.frame(&frame)?;
        let number: usize = scope.parse().map_err(|_| Fault::Stale)?;
        Ok((frame, number, frame.scope_chain.get(number).ok_or(Fault::Stale)?))
    }
}

/// A row of a stack, before it is looked up where it is.
enum Row<'a> {
    Call(&'a CallFrame),
    Heading(String),
    Past(&'a AsyncFrame),
}

/// Everything but calls in the bootloader, which nobody made.
fn rows<'a>(pause: &'a Pause, bootloader: Option<&str>) -> Vec<(usize, Row<'a>)> {
    let calls = pause.frames.iter().enumerate();
    let calls = calls.filter(|(_, frame)| Some(frame.location.script_id.as_str()) != bootloader);
    let mut rows: Vec<_> = calls.map(|(at, frame)| (at, Row::Call(frame))).collect();
    let mut number = pause.frames.len()..;
    let mut next = pause.asynchronous.as_deref();
    for _ in 0..MAX_ASYNC {
        let Some(stack) = next else { break };
        let frames = stack.call_frames.iter().filter(|frame| !frame.url.starts_with("node:"));
        let frames = frames.filter(|frame| Some(frame.script_id.as_str()) != bootloader);
        let frames: Vec<_> = frames.map(Row::Past).collect();
        if !frames.is_empty() && rows.len() < MAX_FRAMES {
            let description = stack.description.as_deref().filter(|text| !text.is_empty()).unwrap_or("async");
            let heading = Row::Heading(cut(description, 100).to_owned());
            rows.extend(number.by_ref().zip(std::iter::once(heading).chain(frames)));
        }
        next = stack.parent.as_deref();
    }
    rows
}

impl Target {
    /// A part of the stack.
    pub(super) async fn frames(&self, start: u32, count: Option<u32>) -> Result<Stack, Fault> {
        let pause = self.pause()?;
        let rows = rows(&pause, self.state().bootloader.as_deref());
        let total = rows.len();
        let count = count.map_or(usize::MAX, |count| count as usize);
        let mut scripts = HashMap::new();
        let mut frames = Vec::new();
        for (at, row) in rows.iter().skip(start as usize).take(count) {
            let Some(handle) = Handle::new(&format!("f{}.{at}", pause.generation)) else { continue };
            let (name, id, line, column) = match row {
                Row::Heading(name) => {
                    frames.push(heading(handle, name.clone()));
                    continue;
                }
                Row::Call(frame) => {
                    let Location { script_id, line_number, column_number } = &frame.location;
                    (&frame.function_name, script_id, *line_number, *column_number)
                }
                Row::Past(frame) => (&frame.function_name, &frame.script_id, frame.line_number, frame.column_number),
            };
            if !scripts.contains_key(id) {
                let script = self.state().scripts.get(id);
                if let Some(script) = &script {
                    self.load_map(script).await;
                }
                scripts.insert(id.clone(), script);
            }
            let script = scripts.get(id).and_then(Option::as_ref);
            let shown = script.map(|script| script.shown(line, column));
            let own = shown.as_ref().is_some_and(|(place, _)| self.is_own(place));
            let subtle = script.is_none_or(|script| script.is_internal()) || !own;
            let (place, position) = shown.unzip();
            let name = if name.is_empty() { "<anonymous>" } else { cut(name, 512) };
            frames.push(Frame {
                handle,
                name: name.to_owned(),
                place,
                at: position.unwrap_or_default(),
                module: None,
                hint: if subtle { FrameHint::Subtle } else { FrameHint::Normal },
                restartable: matches!(row, Row::Call(frame) if frame.can_be_restarted),
            });
        }
        Ok(Stack { frames, total: u32::try_from(total).ok() })
    }

    /// The scopes of a frame.
    pub(super) fn scopes_of(&self, handle: &Handle) -> Result<Vec<Scope>, Fault> {
        let pause = self.pause()?;
        let frame = pause.frame(handle)?;
        let mut scopes = Vec::new();
        if let Some(value) = &frame.return_value {
            let list = vec![("return value".to_owned(), value.clone())];
            if let Some(handle) = self.hold(Held::List(list.into())) {
                let name = "Return value".to_owned();
                scopes.push(Scope { name, kind: ScopeKind::ReturnValue, handle, named: Some(1), expensive: false });
            }
        }
        if let Some(error) = pause.exception.as_ref().filter(|_| handle.as_str().ends_with(".0")) {
            let list = vec![("exception".to_owned(), error.clone())];
            if let Some(handle) = self.hold(Held::List(list.into())) {
                let name = "Exception".to_owned();
                scopes.push(Scope { name, kind: ScopeKind::Other, handle, named: Some(1), expensive: false });
            }
        }
        let own = handle.as_str().strip_prefix('f').ok_or(Fault::Stale)?;
        for (number, scope) in frame.scope_chain.iter().enumerate().take(256) {
            let (name, kind) = match scope.kind.as_str() {
                "local" => ("Local", ScopeKind::Locals),
                "block" => ("Block", ScopeKind::Locals),
                "catch" => ("Catch", ScopeKind::Locals),
                "closure" => ("Closure", ScopeKind::Closure),
                "module" => ("Module", ScopeKind::Globals),
                "script" => ("Script", ScopeKind::Globals),
                "global" => ("Global", ScopeKind::Globals),
                "with" => ("With", ScopeKind::Other),
                "eval" => ("Eval", ScopeKind::Other),
                _ => ("Scope", ScopeKind::Other),
            };
            let of = scope.name.as_deref().filter(|name| kind == ScopeKind::Closure && !name.is_empty());
            let name = of.map_or_else(|| name.to_owned(), |of| format!("{name} ({})", cut(of, 100)));
            let Some(handle) = Handle::new(&format!("s{own}.{number}")) else { continue };
            scopes.push(Scope { name, kind, handle, named: None, expensive: scope.kind == "global" });
        }
        Ok(scopes)
    }

    /// About the exception that it stopped for.
    pub(super) fn about_exception(&self) -> Result<ExceptionInfo, Fault> {
        let pause = self.pause()?;
        let refuse = || Fault::Refused("it did not stop for an exception".to_owned());
        let exception = pause.exception.as_ref().ok_or_else(refuse)?;
        let text = exception.description.clone().or_else(|| exception.string().map(str::to_owned));
        let text = text.unwrap_or_else(|| exception.text(false));
        let is_error = exception.subtype.as_deref() == Some("error");
        let first = text.split("\n    at ").next().unwrap_or_default();
        let id = exception.type_name();
        let description = first.strip_prefix(&id).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(first);
        Ok(ExceptionInfo {
            id,
            description: cut(description, 8192).to_owned(),
            filter: if pause.uncaught { ExceptionFilter::Uncaught } else { ExceptionFilter::Raised },
            stack: is_error.then(|| cut(&text, 64 << 10).to_owned()),
            evaluate_name: None,
        })
    }
}

fn heading(handle: Handle, name: String) -> Frame {
    Frame {
        handle,
        name,
        place: None,
        at: Position::default(),
        module: None,
        hint: FrameHint::Label,
        restartable: false,
    }
}
