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

/// Names a thread, a frame or a value to the back end that made it. Means nothing to anybody else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle(Box<str>);

impl Handle {
    /// The longest handle there is.
    pub const MAX_BYTES: usize = 512;

    /// `None` for a text that is too long.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (text.len() <= Self::MAX_BYTES).then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

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
    #[error("the thread is not stopped")]
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

/// Where a frame, a breakpoint or a text is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// A file, by its absolute path inside the sandbox.
    File(String),
    /// A text that is no file: evaluated code, what a source map carries, a part of the interpreter.
    Text {
        /// Gets the text from [`Debugger::source`].
        handle: Handle,
        /// What it goes by: `<string>`, `node:internal/timers`.
        name: String,
    },
}

/// A line and, where known, a column; both count from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// Line; 0 for unknown.
    pub line: u32,
    /// Column, in UTF-16 units; `None` for unknown.
    pub column: Option<u32>,
}

/// How often a breakpoint has to be met: `5`, `== 5`, `>= 5`, `> 5`, `<= 5`, `< 5`, `% 5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HitCondition {
    /// The n-th time alone.
    Equal(u64),
    /// From the n-th time on.
    AtLeast(u64),
    /// After the n-th time.
    MoreThan(u64),
    /// Up to the n-th time.
    AtMost(u64),
    /// Before the n-th time.
    LessThan(u64),
    /// Every n-th time.
    Multiple(u64),
}

/// A part of a log message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogPart {
    /// As it stands.
    Text(String),
    /// The value of this expression.
    Expression(String),
}

/// What makes a breakpoint stop, or speak instead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// It counts only where this expression is true.
    pub condition: Option<String>,
    /// It stops only at these times.
    pub hit: Option<HitCondition>,
    /// It prints this and does not stop.
    pub log: Option<Vec<LogPart>>,
}

/// A breakpoint at a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineBreakpoint {
    /// The adapter's number for it.
    pub id: u32,
    /// Where it is wanted.
    pub at: Position,
    /// When it stops.
    pub terms: Terms,
}

/// A breakpoint at the start of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionBreakpoint {
    /// The adapter's number for it.
    pub id: u32,
    /// The function's name, qualified or not.
    pub name: String,
    /// When it stops.
    pub terms: Terms,
}

/// What became of a breakpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placed {
    /// It stands at a place where the program can stop.
    pub verified: bool,
    /// Where it stands.
    pub at: Position,
    /// Why it does not stand, or what is odd about it.
    pub message: Option<String>,
}

/// Which exceptions stop the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ExceptionFilter {
    /// Each when it is raised.
    Raised,
    /// Those that nobody catches.
    Uncaught,
    /// Those that leave the user's own code.
    UserUncaught,
}

/// An exception filter that is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionBreakpoint {
    /// Which.
    pub filter: ExceptionFilter,
    /// It counts only where this is true; for Python also a list of exception names.
    pub condition: Option<String>,
}

/// A thread, or a child that is shown as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadInfo {
    /// Which.
    pub handle: Handle,
    /// What people call it.
    pub name: String,
}

/// A part of a call stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stack {
    /// The frames asked for, the innermost first.
    pub frames: Vec<Frame>,
    /// How many there are in all, when that is known.
    pub total: Option<u32>,
}

/// How a frame is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FrameHint {
    /// As code of the user's.
    #[default]
    Normal,
    /// Greyed: not the user's own code.
    Subtle,
    /// A heading: `await in main`. It has no place and no variables.
    Label,
}

/// A frame of a call stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Which; valid until its thread goes on.
    pub handle: Handle,
    /// The function's name.
    pub name: String,
    /// Where it is.
    pub place: Option<Place>,
    /// Where in it.
    pub at: Position,
    /// The module that it is of, as [`Module::handle`].
    pub module: Option<Handle>,
    /// How it is shown.
    pub hint: FrameHint,
    /// [`Debugger::restart_frame`] works on it.
    pub restartable: bool,
}

/// What a scope holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeKind {
    /// Local variables.
    Locals,
    /// Arguments alone.
    Arguments,
    /// Variables of enclosing functions.
    Closure,
    /// Global variables.
    Globals,
    /// What a function is about to return, or an exception.
    ReturnValue,
    /// Something else.
    Other,
}

/// Variables of a frame that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// What people call it.
    pub name: String,
    /// What it holds.
    pub kind: ScopeKind,
    /// Gets its variables.
    pub handle: Handle,
    /// How many it has, when that is known.
    pub named: Option<u32>,
    /// Not to be opened unless asked for.
    pub expensive: bool,
}

/// Something a variable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quality {
    /// It can't be changed.
    ReadOnly,
    /// It holds a function.
    Method,
    /// It belongs to a class.
    Class,
    /// Not for others: a name with an underscore, a private field.
    Private,
    /// Not of the program: `__name__`, `[[Prototype]]`.
    Internal,
    /// A text that is worth showing as such.
    RawString,
    /// It is computed when asked for, with what effects that may have: it is shown as a button first.
    Lazy,
}

/// A value, as it is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// In one line.
    pub text: String,
    /// Its type's name.
    pub type_name: Option<String>,
    /// Gets what is in it; `None` when there is nothing to open.
    pub handle: Option<Handle>,
    /// How many named children it has, when that is known.
    pub named: Option<u32>,
    /// How many numbered children it has, when that is known.
    pub indexed: Option<u32>,
    /// What it is besides.
    pub qualities: Vec<Quality>,
}

/// A value with a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variable {
    /// Its name, or its place in brackets.
    pub name: String,
    /// The expression that has this value in the frame.
    pub evaluate_name: Option<String>,
    /// Its value.
    pub value: Shown,
}

/// Which children are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Which {
    /// All.
    #[default]
    All,
    /// Those with names.
    Named,
    /// Those with numbers.
    Indexed,
}

/// A part of a value's children.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Page {
    /// Which.
    pub which: Which,
    /// The first, from 0.
    pub start: u32,
    /// How many; `None` for all, up to what the adapter takes.
    pub count: Option<u32>,
    /// Whole numbers in hexadecimal.
    pub hex: bool,
}

/// Who evaluates, which decides what an expression may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The mouse rests on a name: nothing may change.
    Hover,
    /// A watched expression.
    Watch,
    /// A line of the debug console: anything goes, and the language's own debugger's commands too.
    Console,
    /// The whole value as text.
    Clipboard,
}

/// How far a step goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// To the next line, into calls. A target is one of [`Debugger::step_in_targets`].
    Into(Option<Handle>),
    /// To the next line of this function, or out of it.
    Over,
    /// Out of this function.
    Out,
}

/// Something to choose from: where to step into, where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Which.
    pub handle: Handle,
    /// What people read.
    pub label: String,
    /// Where it is.
    pub at: Position,
}

/// What kind of thing a completion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompletionKind {
    /// A function or method.
    Function,
    /// A class.
    Class,
    /// A module.
    Module,
    /// An attribute or property.
    Property,
    /// A word of the language.
    Keyword,
    /// Any other name.
    Variable,
}

/// A proposal to complete what is being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// What is shown and inserted.
    pub label: String,
    /// What it is.
    pub kind: CompletionKind,
    /// How many UTF-16 units before the cursor it replaces.
    pub replaces: u32,
}

/// What a thread stopped for that is an exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionInfo {
    /// Its type's name, qualified.
    pub id: String,
    /// What it says.
    pub description: String,
    /// Whether it was caught, as far as is known.
    pub filter: ExceptionFilter,
    /// The traceback as the language prints it.
    pub stack: Option<String>,
    /// The expression that has it as value.
    pub evaluate_name: Option<String>,
}

/// A module of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Which.
    pub handle: Handle,
    /// Its name.
    pub name: String,
    /// Where it is from.
    pub place: Option<Place>,
    /// It is the user's own.
    pub user: bool,
}

/// Why a thread stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The end of a step.
    Step,
    /// A breakpoint at a line, or one in the program's own text.
    Breakpoint,
    /// A breakpoint at a function.
    FunctionBreakpoint,
    /// An exception.
    Exception,
    /// It was asked to.
    Pause,
    /// The start of the program, where it was to stop.
    Entry,
    /// It was moved by [`Debugger::go_to`].
    Goto,
    /// A frame was begun anew.
    Restart,
}

/// Where output of the debugger's own goes; that of the program is taken from its streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// Of the debugger: a log message, a condition that failed.
    Console,
    /// Something that must not be missed.
    Important,
}

/// A stream of the program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputOf {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
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
