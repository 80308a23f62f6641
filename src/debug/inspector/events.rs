//! What V8 tells of by itself, and what follows from it.
//!
//! Events are read in one task, which never asks V8 anything, and dealt with in order in another, which does:
//! so that no answer ever waits behind the events before it. What waits between them is text, and keeps its share
//! of what may be held of the program's messages.

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::breakpoints::{Set, place_in};
use super::budget::Share;
use super::channel::{Event, QUEUE};
use super::frames::{Pause, Paused};
use super::paths;
use super::remote::RemoteObject;
use super::scripts::{Resolved, Script, ScriptParsed};
use super::stepping::Movement;
use super::target::Target;
use super::terms::{BINDING, LOG_TOKEN};
use super::workers;
use crate::debug::backend::{Category, DebugEvent, ExceptionFilter, OutputOf, Place, Position, StopReason};

/// The script in which the bootloader halts.
const HALT: &str = "codebeaker:halt";

/// The longest log message.
const MAX_LOG_BYTES: usize = 64 << 10;

/// Something to deal with that needs questions to V8.
enum Chore {
    Paused(Event),
    Resumed,
    Resolved(Vec<Resolved>),
    Mapped(Arc<Script>, Vec<Resolved>),
    Log { serial: u64, text: String },
    Ending,
}

/// A chore, and the room of the message that it comes from.
type Waiting = (Chore, Option<Share>);

/// A call of a function that the debugger put into the program.
#[derive(Deserialize)]
struct Called {
    name: String,
    payload: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Destroyed {
    execution_context_id: u64,
}

/// What a program writes to its console.
#[derive(Deserialize)]
struct Said {
    args: Vec<RemoteObject>,
}

/// What the bootloader tells.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Told {
    ending: bool,
    stream: u8,
    offset: u64,
    file: String,
    line: u32,
    column: u32,
}

/// Deals with a target's events until they end or the target is let go of.
pub(super) fn follow(target: &Arc<Target>, events: mpsc::Receiver<Event>) {
    let (chores, todo) = mpsc::channel(QUEUE);
    tokio::spawn(deal(Arc::downgrade(target), todo));
    tokio::spawn(read(Arc::downgrade(target), events, chores));
}

async fn read(target: Weak<Target>, mut events: mpsc::Receiver<Event>, chores: mpsc::Sender<Waiting>) {
    while let Some(event) = events.recv().await {
        let Some(target) = target.upgrade() else { return };
        if let Some(waiting) = target.happened(event).await
            && chores.send(waiting).await.is_err()
        {
            return;
        }
    }
}

async fn deal(target: Weak<Target>, mut todo: mpsc::Receiver<Waiting>) {
    while let Some((chore, share)) = todo.recv().await {
        let Some(target) = target.upgrade() else { return };
        // The answers to what is asked about it may need the room.
        drop(share);
        match chore {
            Chore::Paused(event) => {
                let Some(kept) = event.keep(target.channel.budget()) else {
                    // It goes on undebugged, like one that says more than is read.
                    target.channel.close();
                    continue;
                };
                let paused = event.params::<Paused>();
                drop(event);
                if let Some(paused) = paused {
                    target.paused(paused, kept).await;
                }
            }
            Chore::Resumed => target.resumed().await,
            Chore::Resolved(resolved) => target.all_resolved(&resolved).await,
            Chore::Mapped(script, resolved) => {
                target.remap(&script).await;
                target.all_resolved(&resolved).await;
            }
            Chore::Log { serial, text } => {
                let place = target.breakpoints.lock().await.place_of(serial);
                target.emit(DebugEvent::Output { category: Category::Console, text, place }).await;
            }
            // What it said before was dealt with.
            Chore::Ending => {
                target.channel.end().leave_silently();
                target.emit(DebugEvent::Ending).await;
            }
        }
    }
    if let Some(target) = target.upgrade() {
        target.end();
    }
}

impl Target {
    /// Takes note of an event. Asks nothing.
    async fn happened(self: &Arc<Self>, event: Event) -> Option<Waiting> {
        let chore = match event.method.as_str() {
            "Debugger.scriptParsed" => self.parsed(event.params()?).await?,
            "Debugger.paused" => {
                self.note_held_up(true);
                // It has its room itself, for it is the longest of all and is read at its turn.
                return Some((Chore::Paused(event), None));
            }
            "Debugger.resumed" => {
                self.note_held_up(false);
                Chore::Resumed
            }
            "Debugger.breakpointResolved" => Chore::Resolved(vec![event.params()?]),
            "Runtime.consoleAPICalled" => log(event.params()?)?,
            "Runtime.bindingCalled" => {
                let called: Called = event.params().filter(|called: &Called| called.name == BINDING)?;
                let told: Told = serde_json::from_str(&called.payload).ok()?;
                if !told.ending {
                    self.told(told);
                    return None;
                }
                Chore::Ending
            }
            // The program ends once nobody debugs it any more.
            "NodeRuntime.waitingForDisconnect" => Chore::Ending,
            // That of the program itself; others are the program's own making.
            "Runtime.executionContextDestroyed" if event.params::<Destroyed>()?.execution_context_id == 1 => {
                Chore::Ending
            }
            "NodeWorker.attachedToWorker" => {
                workers::attached(self, event.params()?);
                return None;
            }
            "NodeWorker.receivedMessageFromWorker" => {
                let received = event.params()?;
                // It takes room anew, by what is in it.
                drop(event);
                workers::received(self, received).await;
                return None;
            }
            "NodeWorker.detachedFromWorker" => {
                workers::detached(self, &event.params()?);
                return None;
            }
            _ => return None,
        };
        Some((chore, Some(event.into_share())))
    }

    async fn parsed(&self, mut parsed: ScriptParsed) -> Option<Chore> {
        // Newer V8 tells of breakpoints together with the script that they stand in.
        let resolved = std::mem::take(&mut parsed.resolved_breakpoints);
        let script = self.state().scripts.add(&parsed, self.channel.budget())?;
        if script.is_internal() {
            return None;
        }
        if self.is_machinery(&script) {
            self.state().bootloader = Some(script.id.clone());
            return None;
        }
        self.note_code();
        if !script.url.is_empty() {
            self.emit(DebugEvent::SourceLoaded(script.place())).await;
        }
        if script.map_address.is_some() && self.options.source_maps {
            return Some(Chore::Mapped(script, resolved));
        }
        (!resolved.is_empty()).then_some(Chore::Resolved(resolved))
    }

    fn told(&self, told: Told) {
        let stream = match told.stream {
            1 => OutputOf::Stdout,
            2 => OutputOf::Stderr,
            _ => return,
        };
        let url = if told.file.starts_with('/') { paths::url_of(&told.file) } else { told.file };
        let script = self.state().scripts.with_url(&url);
        let (place, at) = match script {
            Some(script) => script.shown(told.line.saturating_sub(1), told.column.saturating_sub(1)),
            None => match paths::path_of(&url) {
                Some(path) => (Place::File(path), Position { line: told.line, column: Some(told.column) }),
                None => return,
            },
        };
        // It is only an ornament: nothing waits for it.
        self.offer(DebugEvent::Printing { stream, offset: told.offset, place, at });
    }

    async fn all_resolved(&self, resolved: &[Resolved]) {
        for one in resolved {
            self.resolved(one).await;
        }
    }

    async fn resumed(&self) {
        let anew = {
            let mut state = self.state();
            if state.pause.take().is_none() {
                return;
            }
            let movement = std::mem::take(&mut state.movement);
            let anew = matches!(movement, Movement::Anew);
            state.forget(movement);
            anew
        };
        if !anew {
            self.emit(DebugEvent::Continued { thread: Some(self.thread()) }).await;
        }
    }

    async fn paused(&self, mut paused: Paused, kept: OwnedSemaphorePermit) {
        let script = paused.call_frames.first().map(|frame| frame.location.script_id.as_str());
        let script = script.and_then(|id| self.state().scripts.get(id));
        let url = script.as_ref().map_or("", |script| script.url.as_str());
        let hits = std::mem::take(&mut paused.hit_breakpoints);
        let is_entry = {
            let mut breakpoints = self.breakpoints.lock().await;
            let instrumented = paused.reason == "instrumentation";
            let is_entry = !instrumented && hits.iter().any(|hit| breakpoints.entry.contains(hit));
            if is_entry {
                self.forget_entry(&mut breakpoints.entry).await;
            }
            is_entry
        };
        if url == HALT {
            self.arrange_entry(&paused).await;
            return self.pass_by().await;
        }
        if paused.reason == "instrumentation" && !self.reached_entry(url).await {
            return self.pass_by().await;
        }
        // Node stops workers at their start, whoever wants it.
        if paused.reason == "Break on start" && hits.is_empty() {
            return self.pass_by().await;
        }
        // Deno stops by itself at the first statement, where it is to.
        let by_itself = paused.reason == "debugCommand" && hits.is_empty() && self.state().entry_ahead;
        if by_itself {
            let mut breakpoints = self.breakpoints.lock().await;
            self.forget_entry(&mut breakpoints.entry).await;
        }
        // It halts there always, so that breakpoints stand where source maps say before anything runs.
        if paused.reason == "debugCommand" && hits.is_empty() && !by_itself {
            return self.pass_by().await;
        }
        let at_start = is_entry || by_itself || paused.reason == "instrumentation";
        let numbers = self.breakpoints.lock().await.numbers(&hits);
        let generation = self.state().generation;
        let pause = Pause::new(generation, paused, kept);
        let internal = script.as_ref().is_some_and(|script| self.is_machinery(script));
        if let Some(exception) = &pause.exception {
            if internal && !pause.uncaught || !self.is_wanted(exception, pause.uncaught).await {
                return self.pass_by().await;
            }
        } else if numbers.is_empty() && !at_start {
            let through = {
                let mut state = self.state();
                match &mut state.movement {
                    movement @ Movement::To => {
                        *movement = Movement::Into { left: super::stepping::PATIENT_STEPS };
                        Some("Debugger.stepInto")
                    }
                    movement if internal => movement.through(),
                    _ => None,
                }
            };
            if let Some(method) = through {
                self.go(method).await;
                if method == "Debugger.resume" {
                    tokio::time::sleep(super::stepping::PAUSE_AGAIN).await;
                    let _ = self.ask_to_stop().await;
                }
                return;
            }
        }
        let text = pause.exception.as_ref().map(|exception| paths::cut(&exception.text(false), 4096).to_owned());
        let reason = {
            let mut state = self.state();
            let moved = std::mem::take(&mut state.movement);
            state.pause = Some(Arc::new(pause));
            match moved {
                _ if text.is_some() => StopReason::Exception,
                _ if at_start && numbers.is_empty() => StopReason::Entry,
                _ if !numbers.is_empty() => StopReason::Breakpoint,
                Movement::Into { .. } | Movement::Over { .. } | Movement::To => StopReason::Step,
                Movement::Pausing { .. } => StopReason::Pause,
                Movement::Anew => StopReason::Restart,
                // A `debugger` statement.
                Movement::Free => StopReason::Breakpoint,
            }
        };
        let stopped =
            DebugEvent::Stopped { thread: self.thread(), reason, breakpoints: numbers, text, all_threads: true };
        self.emit(stopped).await;
    }

    /// Goes on from where V8 stopped for reasons of ours. If it was asked to stop meanwhile, it took this for that.
    async fn pass_by(&self) {
        self.go("Debugger.resume").await;
        let pausing = matches!(self.state().movement, Movement::Pausing { .. });
        if pausing {
            let _ = self.ask_to_stop().await;
        }
    }

    async fn go(&self, method: &str) {
        let _ = self.channel.tell(method, json!({})).await;
    }

    /// A part of the interpreter or of the debugger, where nobody wants to stop.
    pub(super) fn is_machinery(&self, script: &Script) -> bool {
        let own = &self.options.directory;
        script.is_internal()
            || !own.is_empty() && script.url == paths::url_of(&format!("{own}/{}", super::launch::BOOTLOADER))
    }

    /// The bootloader has halted before a module runs: where that is the program itself, and it is to stop
    /// there, it stops at its first statement.
    async fn arrange_entry(&self, halted: &Paused) {
        if self.options.entry.is_none() || !self.state().entry_ahead {
            return;
        }
        let Some(frame) = halted.call_frames.first() else { return };
        let params = json!({"callFrameId": frame.call_frame_id, "expression": "main", "returnByValue": true});
        #[derive(Deserialize)]
        struct Main {
            result: RemoteObject,
        }
        let main: Result<Main, _> = self.channel.call("Debugger.evaluateOnCallFrame", params).await;
        let Some(path) = main.ok().and_then(|main| Some(main.result.string()?.to_owned())) else { return };
        let Some(script) = self.state().scripts.with_url(&paths::url_of(&path)) else { return };
        let Some(location) = self.first_of_all(&script.id).await else { return };
        let set: Result<Set, _> = self.channel.call("Debugger.setBreakpoint", json!({"location": location})).await;
        if let Ok(set) = set {
            self.breakpoints.lock().await.entry.push(set.breakpoint_id);
        }
    }

    /// The first place of a module that is in none of its functions. V8 tells only which places share one. The
    /// last place of all is where the script itself ends, and the one before it where the function ends that
    /// Node makes of the module: what shares that with it is the module's own.
    async fn first_of_all(&self, script: &str) -> Option<Value> {
        const MAX_FUNCTIONS: usize = 300;
        let all = self.locations_from(script, (0, 0), false).await.ok()?;
        let ends: Vec<_> = all.iter().rev().take(2).copied().collect();
        let mut inside = HashSet::new();
        let mut functions = 0;
        for at in all {
            if inside.contains(&at) {
                continue;
            }
            let together = self.locations_from(script, at, true).await.ok()?;
            functions += 1;
            if ends.iter().any(|end| together.contains(end)) || functions == MAX_FUNCTIONS {
                // Where a class begins, V8 tells a place that can't be stopped at.
                return together.first().map(|first| place_in(script, *first));
            }
            inside.extend(together);
        }
        None
    }

    /// A module is about to run. Says whether it is the program itself, and that is to stop.
    async fn reached_entry(&self, url: &str) -> bool {
        let path = paths::path_of(url);
        if path.is_none() || path != self.options.entry || !self.state().entry_ahead {
            return false;
        }
        let mut breakpoints = self.breakpoints.lock().await;
        self.forget_entry(&mut breakpoints.entry).await;
        true
    }

    async fn forget_entry(&self, entry: &mut Vec<String>) {
        self.state().entry_ahead = false;
        for name in std::mem::take(entry) {
            let _ = self.channel.tell("Debugger.removeBreakpoint", json!({"breakpointId": name})).await;
        }
    }

    /// Some filter asks for this exception.
    async fn is_wanted(&self, exception: &RemoteObject, uncaught: bool) -> bool {
        let filters = self.state().filters.clone();
        for one in filters.iter().filter(|one| uncaught || one.filter == ExceptionFilter::Raised) {
            let Some(condition) = &one.condition else { return true };
            let params = json!({
                "functionDeclaration": format!("function(error) {{ return Boolean({condition}\n); }}"),
                "arguments": [exception.as_argument()], "executionContextId": 1, "silent": true,
            });
            // What can't be evaluated stops, so that somebody sees it.
            let met = tokio::time::timeout(crate::debug::backend::PATIENCE, self.run("Runtime.callFunctionOn", params));
            if met.await.is_ok_and(|met| met.map_or(true, |met| met.is_true())) {
                return true;
            }
        }
        false
    }
}

/// A log message of a breakpoint, if it is one.
fn log(said: Said) -> Option<Chore> {
    let mut said = said.args.iter();
    if said.next()?.string()? != LOG_TOKEN {
        return None;
    }
    let serial = said.next()?.value.as_ref()?.as_u64()?;
    let mut text = String::new();
    for part in said {
        match part.string() {
            Some(part) => text.push_str(part),
            None => text.push_str(&part.text(false)),
        }
        if text.len() > MAX_LOG_BYTES {
            break;
        }
    }
    let mut text = paths::cut(&text, MAX_LOG_BYTES).to_owned();
    text.push('\n');
    Some(Chore::Log { serial, text })
}
