//! What the adapter needs of a debugger, in words that belong to no language and no protocol.
//!
//! A back end controls one debuggee (or one child of one) inside a sandbox. It speaks of files as the
//! sandbox names them, and of threads, frames and values by handles of its own making. What it says comes
//! from a process that the debuggee shares: the back end checks its shape, and the adapter lets none of its
//! names, numbers and lengths reach a client as they came.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

pub use super::model::*;

/// Events that may wait for the adapter; a back end whose events nobody takes waits.
pub const EVENT_QUEUE: usize = 256;

/// A debugger that is connected to its debuggee, which waits for [`Debugger::start`].
pub struct Attachment {
    /// Its controls.
    pub debugger: Arc<dyn Debugger>,
    /// What happens, in order. The end of the channel means that the debugger is gone.
    pub events: mpsc::Receiver<DebugEvent>,
}

/// Why a debugger did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// This debugger can't do it.
    #[error("{0} is not supported for this language")]
    Unsupported(&'static str),
    /// The thread runs.
    #[error("the thread is not stopped: pause it first")]
    NotStopped,
    /// What the handle named is gone: the program has run on since.
    #[error("the program has run on since; ask again")]
    Stale,
    /// The program or its interpreter said no, in these words: what an expression raised, say.
    #[error("{0}")]
    Refused(String),
    /// The debuggee did not answer in time.
    #[error("the program did not answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The debuggee is gone, or broke its protocol.
    #[error("the debugged program is gone: {0}")]
    Gone(String),
}

/// What happened.
pub enum DebugEvent {
    /// A thread stopped.
    Stopped {
        /// Which.
        thread: Handle,
        /// Why.
        reason: StopReason,
        /// The adapter's numbers of the breakpoints that it met.
        breakpoints: Vec<u32>,
        /// One line about it; the exception's type and message.
        text: Option<String>,
        /// All other threads are stopped too, or about to be.
        all_threads: bool,
    },
    /// A thread goes on although nobody asked for it.
    Continued {
        /// Which; `None` for all.
        thread: Option<Handle>,
    },
    /// There is a new thread, or one with a new name.
    ThreadStarted(ThreadInfo),
    /// A thread is gone.
    ThreadEnded(Handle),
    /// The debugger has something to say.
    Output {
        /// To whom.
        category: Category,
        /// What, with its line end.
        text: String,
        /// Where in the program.
        place: Option<(Place, Position)>,
    },
    /// From this byte on, a stream's output is printed from here. Sent before the bytes are.
    Printing {
        /// Which stream.
        stream: OutputOf,
        /// From which byte on, counted from the start of the stream.
        offset: u64,
        /// By which line.
        place: Place,
        /// Where in it.
        at: Position,
    },
    /// A breakpoint stands elsewhere, or stands at last.
    BreakpointMoved {
        /// The adapter's number of it.
        id: u32,
        /// What became of it.
        placed: Placed,
    },
    /// There is a new source.
    SourceLoaded(Place),
    /// There is a new module.
    ModuleLoaded(Module),
    /// The program started another that waits to be debugged.
    Child {
        /// What people call it.
        name: String,
        /// Its process id inside the sandbox, where it is a process.
        pid: Option<u32>,
        /// Its debugger. Dropped, the child runs undebugged.
        attachment: Attachment,
    },
    /// The program is about to end by itself; its exit code comes from elsewhere.
    Ending,
}

/// A debugger. Calls may come in any number at one time; each is answered or fails, never hangs: a back end
/// bounds its own waiting by [`PATIENCE`], but for [`Debugger::evaluate`] and the setting of values, which
/// the adapter bounds and gives up by dropping the future and calling [`Debugger::interrupt`].
#[async_trait]
pub trait Debugger: Send + Sync {
    /// Lets the program begin, once all is configured.
    async fn start(&self) -> Result<(), Fault>;

    /// Replaces the line breakpoints of a file. Answers one for each, in order.
    async fn set_breakpoints(&self, place: &Place, wanted: Vec<LineBreakpoint>) -> Result<Vec<Placed>, Fault>;

    /// Replaces all function breakpoints.
    async fn set_function_breakpoints(&self, wanted: Vec<FunctionBreakpoint>) -> Result<Vec<Placed>, Fault> {
        drop(wanted);
        Err(Fault::Unsupported("a function breakpoint"))
    }

    /// Replaces all exception filters. Answers one for each, in order.
    async fn set_exception_breakpoints(&self, wanted: Vec<ExceptionBreakpoint>) -> Result<Vec<Placed>, Fault>;

    /// Where breakpoints can stand, from one position to another; both lines included.
    async fn breakpoint_locations(&self, place: &Place, from: Position, to: Position) -> Result<Vec<Position>, Fault>;

    /// The threads.
    async fn threads(&self) -> Result<Vec<ThreadInfo>, Fault>;

    /// The call stack of a thread that is stopped: `count` frames from `start`, all when `None`.
    async fn stack(&self, thread: &Handle, start: u32, count: Option<u32>) -> Result<Stack, Fault>;

    /// The scopes of a frame.
    async fn scopes(&self, frame: &Handle) -> Result<Vec<Scope>, Fault>;

    /// Children of a scope or value, never more than asked for.
    async fn variables(&self, of: &Handle, page: Page) -> Result<Vec<Variable>, Fault>;

    /// Gives a child of a scope or value another value.
    async fn set_variable(&self, of: &Handle, name: &str, value: &str, hex: bool) -> Result<Shown, Fault>;

    /// Assigns to an expression.
    async fn set_expression(
        &self,
        frame: Option<&Handle>,
        expression: &str,
        value: &str,
        hex: bool,
    ) -> Result<Shown, Fault>;

    /// Evaluates in a frame, or globally.
    async fn evaluate(
        &self,
        frame: Option<&Handle>,
        expression: &str,
        purpose: Purpose,
        hex: bool,
    ) -> Result<Shown, Fault>;

    /// Interrupts evaluations that run. Best effort.
    async fn interrupt(&self);

    /// What could complete `text` before `column` (UTF-16 units from 0) of its line `line` (from 0).
    async fn completions(
        &self,
        frame: Option<&Handle>,
        text: &str,
        line: u32,
        column: u32,
    ) -> Result<Vec<Completion>, Fault>;

    /// About the exception that a thread stopped for.
    async fn exception_info(&self, thread: &Handle) -> Result<ExceptionInfo, Fault>;

    /// Lets a thread go on; all of them unless `alone`.
    async fn resume(&self, thread: &Handle, alone: bool) -> Result<(), Fault>;

    /// Steps; the other threads go on meanwhile unless `alone`.
    async fn step(&self, thread: &Handle, step: Step, alone: bool) -> Result<(), Fault>;

    /// Stops a thread at its next line.
    async fn pause(&self, thread: &Handle) -> Result<(), Fault>;

    /// What a step into could step into.
    async fn step_in_targets(&self, frame: &Handle) -> Result<Vec<Choice>, Fault> {
        let _ = frame;
        Err(Fault::Unsupported("choosing what to step into"))
    }

    /// Where the program could go on instead.
    async fn goto_targets(&self, place: &Place, at: Position) -> Result<Vec<Choice>, Fault> {
        let _ = (place, at);
        Err(Fault::Unsupported("setting the next statement"))
    }

    /// Moves a thread to where [`Debugger::goto_targets`] said.
    async fn go_to(&self, thread: &Handle, target: &Handle) -> Result<(), Fault> {
        let _ = (thread, target);
        Err(Fault::Unsupported("setting the next statement"))
    }

    /// Begins a frame anew.
    async fn restart_frame(&self, frame: &Handle) -> Result<(), Fault> {
        let _ = frame;
        Err(Fault::Unsupported("restarting a frame"))
    }

    /// The modules loaded so far.
    async fn modules(&self) -> Result<Vec<Module>, Fault> {
        Err(Fault::Unsupported("listing modules"))
    }

    /// The sources loaded so far.
    async fn loaded_sources(&self) -> Result<Vec<Place>, Fault>;

    /// The text of a source.
    async fn source(&self, place: &Place) -> Result<String, Fault>;

    /// Lets go of the program, which runs on undebugged.
    async fn detach(&self);
}

/// How long a back end waits for its debuggee, where the program's own code is not what takes the time.
pub const PATIENCE: Duration = Duration::from_secs(20);
