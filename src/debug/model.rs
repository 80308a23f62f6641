//! The nouns of debugging: places, breakpoints, threads, frames and values, as neither a language nor a
//! protocol shapes them.
//!
//! Back ends and adapter exchange these. Texts in them are as the debuggee gave them: the adapter makes them
//! fit to be shown.

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

/// Where a frame, a breakpoint or a text is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// A file, by its absolute path inside the sandbox.
    File(String),
    /// A text that is no file: evaluated code, what a source map carries, a part of the interpreter.
    Text {
        /// Gets the text from [`Debugger::source`](super::backend::Debugger::source).
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
    /// [`Debugger::restart_frame`](super::backend::Debugger::restart_frame) works on it.
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
    /// To the next line, into calls. A target is one of [`Debugger::step_in_targets`](super::backend::Debugger::step_in_targets).
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
    /// It was moved by [`Debugger::go_to`](super::backend::Debugger::go_to).
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
