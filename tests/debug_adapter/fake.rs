//! A debugger that does as its test says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use codebeaker::dap::types::{Capabilities, ExceptionBreakpointsFilter};
use codebeaker::debug::backend::*;
use codebeaker::debug::ground::{Backend, Ground, Preparation, Target, What};
use tokio::sync::{Notify, mpsc};

/// What a test sees and decides.
#[derive(Default)]
pub(crate) struct Script {
    /// Calls, in order, as text.
    pub(crate) calls: Mutex<Vec<String>>,
    /// The events' sender of each debugger that was connected, in order.
    pub(crate) events: Mutex<Vec<mpsc::Sender<DebugEvent>>>,
    /// Programs that are run in place of a debugger, in order; the last one stays.
    pub(crate) programs: Mutex<VecDeque<String>>,
    /// The frames of every thread.
    pub(crate) frames: Mutex<Vec<Frame>>,
    /// The variables of everything.
    pub(crate) variables: Mutex<Vec<Variable>>,
    /// The threads there are.
    pub(crate) threads: Mutex<Vec<ThreadInfo>>,
    /// Evaluations never end.
    pub(crate) hangs: std::sync::atomic::AtomicBool,
    /// What evaluations are refused with, where they are.
    pub(crate) refuses: Mutex<Option<Fault>>,
    /// Wakes those who wait for a call.
    called: Notify,
}

impl Script {
    pub(crate) fn call(&self, what: impl Into<String>) {
        self.calls.lock().unwrap().push(what.into());
        self.called.notify_waiters();
    }

    /// Waits for a call that begins so.
    pub(crate) async fn wait_for(&self, beginning: &str) -> String {
        let found = async {
            loop {
                let called = self.called.notified();
                tokio::pin!(called);
                called.as_mut().enable();
                let calls = self.calls.lock().unwrap().clone();
                if let Some(call) = calls.into_iter().find(|call| call.starts_with(beginning)) {
                    return call;
                }
                called.await;
            }
        };
        tokio::time::timeout(super::lab::DEADLINE, found).await.unwrap_or_else(|_| panic!("no call {beginning:?}"))
    }

    /// Speaks for the debugger that was connected last.
    pub(crate) async fn say(&self, event: DebugEvent) {
        let events = self.events.lock().unwrap().last().cloned().expect("a debugger is connected");
        events.send(event).await.ok();
    }

    /// As [`Script::say`], where a debugger is connected and there is room.
    pub(crate) fn try_say(&self, event: DebugEvent) {
        let events = self.events.lock().unwrap().last().cloned();
        drop(events.map(|events| events.try_send(event)));
    }

    /// The debuggers that were connected so far are gone, as their programs are.
    pub(crate) fn hang_up(&self) {
        self.events.lock().unwrap().clear();
    }

    /// A thread stops.
    pub(crate) async fn stop(&self, thread: &str, reason: StopReason, breakpoints: Vec<u32>) {
        let stopped =
            DebugEvent::Stopped { thread: handle(thread), reason, breakpoints, text: None, all_threads: true };
        self.say(stopped).await;
    }
}

pub(crate) fn handle(text: &str) -> Handle {
    Handle::new(text).expect("a short handle")
}

pub(crate) fn frame(name: &str, file: &str, line: u32) -> Frame {
    Frame {
        handle: handle(name),
        name: name.to_owned(),
        place: Some(Place::File(file.to_owned())),
        at: Position { line, column: None },
        module: None,
        hint: FrameHint::Normal,
        restartable: false,
    }
}

fn stopped(thread: &Handle, reason: StopReason) -> DebugEvent {
    DebugEvent::Stopped { thread: thread.clone(), reason, breakpoints: Vec::new(), text: None, all_threads: true }
}

/// The back end: it starts the script's program and connects to nothing.
pub(crate) struct FakeBackend(pub(crate) Arc<Script>);

pub(crate) struct FakeDebugger(pub(crate) Arc<Script>);

#[async_trait]
impl Backend for FakeBackend {
    fn capabilities(&self) -> Capabilities {
        let filter = ExceptionBreakpointsFilter {
            condition_description: None,
            default: Some(true),
            description: None,
            filter: "uncaught".to_owned(),
            label: "Uncaught".to_owned(),
            supports_condition: None,
        };
        Capabilities {
            supports_goto_targets_request: Some(true),
            exception_breakpoint_filters: Some(vec![filter]),
            ..Capabilities::default()
        }
    }

    fn prepare(&self, target: &Target, directory: &str) -> Result<Preparation, Fault> {
        assert!(directory.starts_with("/run/codebeaker/exe_"), "{directory}");
        self.0.call(format!("prepare {target:?}"));
        let mut programs = self.0.programs.lock().unwrap();
        let program = if programs.len() > 1 { programs.pop_front() } else { programs.front().cloned() };
        let program = program.unwrap_or_else(|| "import time; time.sleep(600)".to_owned());
        let files = match &target.what {
            What::Code { name, text } => vec![(name.clone(), text.clone())],
            _ => Vec::new(),
        };
        Ok(Preparation { files, args: vec!["-c".to_owned(), program], ..Preparation::default() })
    }

    async fn connect(&self, _: &Target, ground: Arc<dyn Ground>) -> Result<Attachment, Fault> {
        let program = self.0.programs.lock().unwrap().front().cloned().unwrap_or_default();
        if program.contains("never connects") {
            return Err(Fault::Gone(ground.gone().await));
        }
        Ok(attachment(&self.0))
    }

    async fn attach(&self, _: &Target, _: Arc<dyn Ground>) -> Result<Attachment, Fault> {
        self.0.call("attach");
        Ok(attachment(&self.0))
    }
}

pub(crate) fn attachment(script: &Arc<Script>) -> Attachment {
    let (sender, events) = mpsc::channel(EVENT_QUEUE);
    script.events.lock().unwrap().push(sender);
    Attachment { debugger: Arc::new(FakeDebugger(Arc::clone(script))), events }
}

fn shown(text: &str) -> Shown {
    Shown { text: text.to_owned(), type_name: Some("int".to_owned()), ..Shown::default() }
}

impl Drop for FakeDebugger {
    fn drop(&mut self) {
        self.0.call("dropped");
    }
}

#[async_trait]
impl Debugger for FakeDebugger {
    async fn start(&self) -> Result<(), Fault> {
        self.0.call("start");
        Ok(())
    }

    async fn set_breakpoints(&self, place: &Place, wanted: Vec<LineBreakpoint>) -> Result<Vec<Placed>, Fault> {
        self.0.call(format!("setBreakpoints {place:?} {wanted:?}"));
        Ok(wanted.iter().map(|wanted| Placed { verified: true, at: wanted.at, message: None }).collect())
    }

    async fn set_exception_breakpoints(&self, wanted: Vec<ExceptionBreakpoint>) -> Result<Vec<Placed>, Fault> {
        self.0.call(format!("setExceptionBreakpoints {wanted:?}"));
        Ok(wanted.iter().map(|_| Placed { verified: true, ..Placed::default() }).collect())
    }

    async fn breakpoint_locations(&self, _: &Place, from: Position, to: Position) -> Result<Vec<Position>, Fault> {
        Ok((from.line..=to.line.saturating_add(1).min(from.line.saturating_add(5)))
            .map(|line| Position { line, column: None })
            .collect())
    }

    async fn threads(&self) -> Result<Vec<ThreadInfo>, Fault> {
        let threads = self.0.threads.lock().unwrap().clone();
        if threads.is_empty() {
            return Ok(vec![ThreadInfo { handle: handle("main"), name: "MainThread".to_owned() }]);
        }
        Ok(threads)
    }

    async fn stack(&self, thread: &Handle, start: u32, count: Option<u32>) -> Result<Stack, Fault> {
        self.0.call(format!("stack {} {start} {count:?}", thread.as_str()));
        let frames = self.0.frames.lock().unwrap().clone();
        let total = u32::try_from(frames.len()).ok();
        Ok(Stack { frames: frames.into_iter().skip(start as usize).collect(), total })
    }

    async fn scopes(&self, frame: &Handle) -> Result<Vec<Scope>, Fault> {
        Ok(vec![Scope {
            name: "Locals".to_owned(),
            kind: ScopeKind::Locals,
            handle: handle(&format!("locals of {}", frame.as_str())),
            named: None,
            expensive: false,
        }])
    }

    async fn variables(&self, of: &Handle, page: Page) -> Result<Vec<Variable>, Fault> {
        self.0.call(format!("variables {} {page:?}", of.as_str()));
        Ok(self.0.variables.lock().unwrap().clone())
    }

    async fn set_variable(&self, of: &Handle, name: &str, value: &str, hex: bool) -> Result<Shown, Fault> {
        self.0.call(format!("setVariable {} {name} {value} {hex}", of.as_str()));
        Ok(shown(value))
    }

    async fn set_expression(&self, _: Option<&Handle>, _: &str, value: &str, _: bool) -> Result<Shown, Fault> {
        Ok(shown(value))
    }

    async fn evaluate(&self, frame: Option<&Handle>, text: &str, purpose: Purpose, _: bool) -> Result<Shown, Fault> {
        self.0.call(format!("evaluate {text} {purpose:?} {:?}", frame.map(Handle::as_str)));
        if text == "panic" {
            panic!("a back end fails");
        }
        if self.0.hangs.load(std::sync::atomic::Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let refusal = self.0.refuses.lock().unwrap().clone();
        match refusal {
            Some(fault) => Err(fault),
            None => Ok(shown(text)),
        }
    }

    async fn interrupt(&self) {
        self.0.call("interrupt");
    }

    async fn completions(
        &self,
        _: Option<&Handle>,
        text: &str,
        line: u32,
        column: u32,
    ) -> Result<Vec<Completion>, Fault> {
        self.0.call(format!("completions {text} {line} {column}"));
        Ok(vec![Completion { label: "append".to_owned(), kind: CompletionKind::Function, replaces: 2 }])
    }

    async fn exception_info(&self, _: &Handle) -> Result<ExceptionInfo, Fault> {
        Ok(ExceptionInfo {
            id: "builtins.ValueError".to_owned(),
            description: "no".to_owned(),
            filter: ExceptionFilter::Uncaught,
            stack: None,
            evaluate_name: None,
        })
    }

    async fn resume(&self, thread: &Handle, alone: bool) -> Result<(), Fault> {
        self.0.call(format!("resume {} {alone}", thread.as_str()));
        Ok(())
    }

    async fn step(&self, thread: &Handle, step: Step, alone: bool) -> Result<(), Fault> {
        self.0.call(format!("step {} {step:?} {alone}", thread.as_str()));
        // It stops again before the answer is on its way.
        self.0.try_say(stopped(thread, StopReason::Step));
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(())
    }

    async fn pause(&self, thread: &Handle) -> Result<(), Fault> {
        self.0.try_say(stopped(thread, StopReason::Pause));
        Ok(())
    }

    async fn loaded_sources(&self) -> Result<Vec<Place>, Fault> {
        Ok(vec![Place::File("/workspace/main.py".to_owned()), Place::File("/etc/shadow".to_owned())])
    }

    async fn source(&self, place: &Place) -> Result<String, Fault> {
        Ok(format!("the text of {place:?}"))
    }

    async fn detach(&self) {
        self.0.call("detach");
    }
}
