//! One thing that is debugged, a process's main thread or a worker: what is known of it, and the controls.
//!
//! What V8 names, objects and frames, never leaves: others get handles, which end when the program goes on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use tokio::sync::{mpsc, watch};

use super::breakpoints::Breakpoints;
use super::budget::Message;
use super::channel::Channel;
use super::frames::Pause;
use super::remote::RemoteObject;
use super::scripts::{Script, Scripts};
use super::stepping::{Movement, PATIENT_PAUSE, PAUSES};
use crate::debug::backend::{Choice, FunctionBreakpoint};
use crate::debug::backend::{
    Completion, DebugEvent, Debugger, ExceptionBreakpoint, ExceptionFilter, ExceptionInfo, Fault, Handle,
    LineBreakpoint, Page, Place, Placed, Position, Purpose, Scope, Shown, Stack, Step, ThreadInfo, Variable,
};
use crate::debug::ground::Ground;

/// Values that may be open at one time.
const MAX_VALUES: usize = 200_000;

/// How long it takes at most to go on.
const GOING_ON: Duration = Duration::from_secs(2);

/// The longest text of a script that is handed on.
const MAX_SOURCE_BYTES: usize = 32 << 20;

/// The group by which V8 keeps what was evaluated.
pub(super) const GROUP: &str = "codebeaker";

/// How a target is debugged.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    /// The name of its thread.
    pub(super) name: String,
    /// It stops at the first line of this file.
    pub(super) entry: Option<String>,
    /// Where the user's own code is; empty for everywhere.
    pub(super) just_my_code: Vec<String>,
    /// The directory of the bootloader.
    pub(super) directory: String,
    /// Source maps are followed.
    pub(super) source_maps: bool,
    /// Workers and processes that it starts are debugged too.
    pub(super) children: bool,
    /// The program was running before the debugger came.
    pub(super) attached: bool,
    /// The program has what log messages are printed by: the bootloader brings it, or the debugger that comes late.
    pub(super) logs: bool,
}

/// A value that was handed out.
#[derive(Debug, Clone)]
pub(super) enum Held {
    /// An object.
    Object {
        object: Arc<RemoteObject>,
        /// The expression that has it as value.
        expression: Option<String>,
    },
    /// A property that is computed.
    Getter { object: String, name: String, expression: Option<String> },
    /// Values that stand beside each other.
    List(Arc<Vec<(String, RemoteObject)>>),
}

/// What changes while the program runs.
#[derive(Default)]
pub(super) struct State {
    pub(super) scripts: Scripts,
    /// Where it is stopped.
    pub(super) pause: Option<Arc<Pause>>,
    /// Counts how often the program went on.
    pub(super) generation: u64,
    /// Where it was sent when it last went on.
    pub(super) movement: Movement,
    /// V8 was asked to stop, and has not told since that it did.
    asked_to_stop: bool,
    /// The exception filters that are on.
    pub(super) filters: Vec<ExceptionBreakpoint>,
    values: Vec<Held>,
    /// Something was evaluated since it stopped.
    pub(super) evaluated: bool,
    /// It has not come to its first statement yet, where it is to stop.
    pub(super) entry_ahead: bool,
    /// The number of the bootloader among the scripts.
    pub(super) bootloader: Option<String>,
    /// What its workers say goes here.
    pub(super) workers: HashMap<String, mpsc::Sender<Message>>,
}

/// Whether V8 can be asked to stop.
struct Stoppable {
    /// It is stopped, as far as it has told.
    held_up: bool,
    /// It has compiled something that is neither its own nor the debugger's.
    has_code: bool,
}

impl Stoppable {
    fn is_it(&self) -> bool {
        self.has_code && !self.held_up
    }
}

/// One thing that is debugged.
pub(super) struct Target {
    pub(super) channel: Channel,
    pub(super) ground: Arc<dyn Ground>,
    events: Mutex<Option<mpsc::Sender<DebugEvent>>>,
    pub(super) options: Options,
    pub(super) breakpoints: tokio::sync::Mutex<Breakpoints>,
    stoppable: watch::Sender<Stoppable>,
    state: Mutex<State>,
}

impl Target {
    /// A target of which nothing is known yet.
    pub(super) fn new(
        channel: Channel,
        ground: Arc<dyn Ground>,
        events: mpsc::Sender<DebugEvent>,
        options: Options,
    ) -> Self {
        let events = Mutex::new(Some(events));
        let stoppable = Stoppable { held_up: false, has_code: options.attached };
        Self {
            channel,
            ground,
            events,
            options,
            breakpoints: tokio::sync::Mutex::default(),
            state: Mutex::default(),
            stoppable: watch::Sender::new(stoppable),
        }
    }

    /// What changes. Never held over an `await`.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks V8 to stop, once it goes on: while it is still about to, it takes itself for stopped, and before there
    /// is code of the program's, it forgets that it was asked. Where it was asked and has not stopped yet, it would
    /// stop twice.
    pub(super) async fn ask_to_stop(&self) -> Result<(), Fault> {
        let mut stoppable = self.stoppable.subscribe();
        let _ = tokio::time::timeout(GOING_ON, stoppable.wait_for(Stoppable::is_it)).await;
        if std::mem::replace(&mut self.state().asked_to_stop, true) {
            return Ok(());
        }
        self.channel.tell("Debugger.pause", json!({})).await
    }

    /// V8 has told that it is stopped, or goes on: what it was asked before, it has done or forgotten.
    pub(super) fn note_held_up(&self, held_up: bool) {
        self.state().asked_to_stop = false;
        self.stoppable.send_modify(|stoppable| stoppable.held_up = held_up);
    }

    /// There is code of the program's.
    pub(super) fn note_code(&self) {
        self.stoppable.send_modify(|stoppable| stoppable.has_code = true);
    }

    /// Tells the adapter of something, once it has room for it.
    pub(super) async fn emit(&self, event: DebugEvent) {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(events) = events {
            let _ = events.send(event).await;
        }
    }

    /// Tells the adapter of something, if it has room for it now.
    pub(super) fn offer(&self, event: DebugEvent) {
        if let Some(events) = &*self.events.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = events.try_send(event);
        }
    }

    /// Nothing more happens.
    pub(super) fn end(&self) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.state().workers.clear();
        self.channel.close();
    }

    /// It is to stop at its first statement, wherever that is.
    pub(super) async fn await_entry(&self) -> Result<(), Fault> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Set {
            breakpoint_id: String,
        }
        self.state().entry_ahead = true;
        let params = json!({"instrumentation": "beforeScriptExecution"});
        let set: Set = self.channel.call("Debugger.setInstrumentationBreakpoint", params).await?;
        self.breakpoints.lock().await.entry.push(set.breakpoint_id);
        Ok(())
    }

    /// Its only thread.
    pub(super) fn thread(&self) -> Handle {
        Handle::new("main").unwrap_or_else(|| unreachable!("a short text is a handle"))
    }

    /// Where it is stopped.
    pub(super) fn pause(&self) -> Result<Arc<Pause>, Fault> {
        self.state().pause.clone().ok_or(Fault::NotStopped)
    }

    /// It goes on: what was handed out means nothing any more.
    pub(super) async fn let_go(&self, movement: Movement) -> Result<(), Fault> {
        let evaluated = {
            let mut state = self.state();
            if state.pause.take().is_none() {
                return Err(Fault::NotStopped);
            }
            state.forget(movement)
        };
        if evaluated {
            self.channel.tell("Runtime.releaseObjectGroup", json!({"objectGroup": GROUP})).await?;
        }
        Ok(())
    }

    /// Keeps a value, so that it can be opened.
    pub(super) fn hold(&self, held: Held) -> Option<Handle> {
        let mut state = self.state();
        if state.values.len() >= MAX_VALUES {
            return None;
        }
        state.values.push(held);
        Handle::new(&format!("v{}.{}", state.generation, state.values.len() - 1))
    }

    /// What was kept under this handle.
    pub(super) fn held(&self, handle: &Handle) -> Result<Held, Fault> {
        let state = self.state();
        let (generation, at) = numbers(handle.as_str().strip_prefix('v').ok_or(Fault::Stale)?)?;
        if generation != state.generation {
            return Err(Fault::Stale);
        }
        state.values.get(at).cloned().ok_or(Fault::Stale)
    }

    /// The map of a script, loaded when it is asked for first.
    pub(super) async fn load_map(&self, script: &Script) {
        if !self.options.source_maps {
            return;
        }
        let load = async {
            let address = script.map_address.as_deref()?;
            super::maps::SourceMap::load(address, &script.url, &*self.ground, self.channel.budget()).await
        };
        script.map.get_or_init(|| load).await;
    }

    /// A file is the user's own.
    pub(super) fn is_own(&self, place: &Place) -> bool {
        let Place::File(path) = place else { return false };
        let own = &self.options.just_my_code;
        own.is_empty()
            || (own.iter().any(|root| path.strip_prefix(root.as_str()).is_some_and(|rest| rest.starts_with('/')))
                && !path.contains("/node_modules/"))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.channel.close();
    }
}

impl State {
    /// Forgets what was handed out, and says whether something was evaluated.
    pub(super) fn forget(&mut self, movement: Movement) -> bool {
        self.generation += 1;
        self.values.clear();
        self.movement = movement;
        std::mem::take(&mut self.evaluated)
    }
}

/// The numbers of a handle: `1.2`.
pub(super) fn numbers(text: &str) -> Result<(u64, usize), Fault> {
    let (generation, at) = text.split_once('.').ok_or(Fault::Stale)?;
    Ok((generation.parse().map_err(|_| Fault::Stale)?, at.parse().map_err(|_| Fault::Stale)?))
}

#[async_trait]
impl Debugger for Target {
    async fn start(&self) -> Result<(), Fault> {
        self.channel.tell("Runtime.runIfWaitingForDebugger", json!({})).await
    }

    async fn set_breakpoints(&self, place: &Place, wanted: Vec<LineBreakpoint>) -> Result<Vec<Placed>, Fault> {
        Self::replace_breakpoints(self, place, wanted).await
    }

    async fn set_function_breakpoints(&self, wanted: Vec<FunctionBreakpoint>) -> Result<Vec<Placed>, Fault> {
        if wanted.is_empty() { Ok(Vec::new()) } else { Err(Fault::Unsupported("a function breakpoint")) }
    }

    async fn set_exception_breakpoints(&self, wanted: Vec<ExceptionBreakpoint>) -> Result<Vec<Placed>, Fault> {
        let state = match wanted.iter().map(|one| one.filter == ExceptionFilter::Raised).max() {
            None => "none",
            Some(true) => "all",
            Some(false) => "uncaught",
        };
        let mut placed = Vec::new();
        for one in &wanted {
            let fault = match &one.condition {
                Some(condition) => self.syntax_fault(condition).await?,
                None => None,
            };
            placed.push(Placed { verified: fault.is_none(), at: Position::default(), message: fault });
        }
        self.state().filters = wanted;
        self.channel.tell("Debugger.setPauseOnExceptions", json!({"state": state})).await?;
        Ok(placed)
    }

    async fn breakpoint_locations(&self, place: &Place, from: Position, to: Position) -> Result<Vec<Position>, Fault> {
        Self::possible_positions(self, place, from, to).await
    }

    async fn threads(&self) -> Result<Vec<ThreadInfo>, Fault> {
        Ok(vec![ThreadInfo { handle: self.thread(), name: self.options.name.clone() }])
    }

    async fn stack(&self, _: &Handle, start: u32, count: Option<u32>) -> Result<Stack, Fault> {
        Self::frames(self, start, count).await
    }

    async fn scopes(&self, frame: &Handle) -> Result<Vec<Scope>, Fault> {
        Self::scopes_of(self, frame)
    }

    async fn variables(&self, of: &Handle, page: Page) -> Result<Vec<Variable>, Fault> {
        Self::children(self, of, page).await
    }

    async fn set_variable(&self, of: &Handle, name: &str, value: &str, hex: bool) -> Result<Shown, Fault> {
        Self::assign_child(self, of, name, value, hex).await
    }

    async fn set_expression(
        &self,
        frame: Option<&Handle>,
        expression: &str,
        value: &str,
        hex: bool,
    ) -> Result<Shown, Fault> {
        let assignment = format!("{expression} = ({value}\n)");
        let result = Self::evaluate_in(self, frame, &assignment, Purpose::Watch).await?;
        Ok(self.shown(result, Some(expression.to_owned()), hex))
    }

    async fn evaluate(
        &self,
        frame: Option<&Handle>,
        expression: &str,
        purpose: Purpose,
        hex: bool,
    ) -> Result<Shown, Fault> {
        let result = Self::evaluate_in(self, frame, expression, purpose).await?;
        if purpose == Purpose::Clipboard {
            return self.whole(result).await;
        }
        Ok(self.shown(result, Some(expression.to_owned()), hex))
    }

    async fn interrupt(&self) {
        // Each evaluation has its time, after which V8 ends it; sooner it hears nothing.
    }

    async fn completions(
        &self,
        frame: Option<&Handle>,
        text: &str,
        line: u32,
        column: u32,
    ) -> Result<Vec<Completion>, Fault> {
        Self::complete(self, frame, text, line, column).await
    }

    async fn exception_info(&self, _: &Handle) -> Result<ExceptionInfo, Fault> {
        Self::about_exception(self)
    }

    async fn resume(&self, _: &Handle, _: bool) -> Result<(), Fault> {
        self.let_go(Movement::Free).await?;
        self.channel.tell("Debugger.resume", json!({})).await
    }

    async fn step(&self, _: &Handle, step: Step, _: bool) -> Result<(), Fault> {
        Self::move_on(self, step).await
    }

    async fn pause(&self, _: &Handle) -> Result<(), Fault> {
        if self.state().pause.is_some() {
            return Ok(());
        }
        {
            let mut state = self.state();
            state.movement = Movement::Pausing { again: PAUSES, left: PATIENT_PAUSE };
            state.asked_to_stop = false;
        }
        self.ask_to_stop().await
    }

    async fn step_in_targets(&self, frame: &Handle) -> Result<Vec<Choice>, Fault> {
        Self::calls_ahead(self, frame).await
    }

    async fn restart_frame(&self, frame: &Handle) -> Result<(), Fault> {
        Self::begin_anew(self, frame).await
    }

    async fn loaded_sources(&self) -> Result<Vec<Place>, Fault> {
        let state = self.state();
        let mut places = Vec::new();
        for script in state.scripts.all().filter(|script| !script.is_internal() && !script.url.is_empty()) {
            let sources = script.loaded_map().map_or(0, |map| map.sources.len());
            places.extend((0..sources).filter_map(|source| script.source_place(source)));
            if sources == 0 && !script.url.starts_with(&format!("file://{}/", self.options.directory)) {
                places.push(script.place());
            }
        }
        Ok(places)
    }

    async fn source(&self, place: &Place) -> Result<String, Fault> {
        let no_source = || Fault::Refused("there is no such source".to_owned());
        let (id, source) = match place {
            Place::Text { handle, .. } => match handle.as_str().split_once(':') {
                Some((id, source)) => (id.to_owned(), Some(source.parse::<usize>().map_err(|_| no_source())?)),
                None => (handle.as_str().to_owned(), None),
            },
            Place::File(_) => {
                let made = self.state().scripts.made_of(place);
                let (script, source) = made.into_iter().next().ok_or_else(no_source)?;
                (script.id.clone(), source)
            }
        };
        let script = self.state().scripts.get(&id).ok_or_else(no_source)?;
        if let Some(source) = source {
            let source = script.loaded_map().and_then(|map| map.sources.get(source));
            return source.and_then(|source| source.text.clone()).ok_or_else(no_source);
        }
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Text {
            script_source: String,
        }
        let text: Text = self.channel.call("Debugger.getScriptSource", json!({"scriptId": id})).await?;
        if text.script_source.len() > MAX_SOURCE_BYTES {
            return Err(Fault::Refused("the source is too long".to_owned()));
        }
        Ok(text.script_source)
    }

    async fn detach(&self) {
        for (method, params) in [
            ("Debugger.setBreakpointsActive", json!({"active": false})),
            ("Debugger.setPauseOnExceptions", json!({"state": "none"})),
            ("Debugger.disable", json!({})),
            ("Runtime.runIfWaitingForDebugger", json!({})),
        ] {
            let _ = self.channel.tell(method, params).await;
        }
        self.channel.close();
    }
}
