//! Control messages, encoded with postcard on channel 0.
//!
//! The daemon numbers executions, conduits, file requests and write handles; the agent only echoes them.
//! Each execution gets exactly one of [`FromAgent::NotStarted`] or [`FromAgent::Started`], and after
//! `Started` exactly one [`FromAgent::Exited`], which is sent when every process of the execution is
//! gone. Its output channels are complete when their `End` frames have come, before or after `Exited`:
//! control frames overtake data.
//!
//! A conduit gets exactly one of [`FromAgent::NotConnected`] or [`FromAgent::Connected`], and after
//! `Connected` exactly one `End` of its channel: when the other side has no more to say, or when the
//! daemon disconnects. It exists until the daemon disconnects. The side stream of an execution is such
//! a channel too, connected by `Started`; after the execution's end it is complete as its outputs are,
//! whoever inherited the descriptor.

mod files;
pub mod find;
mod run;
pub mod watch;

use serde::{Deserialize, Serialize};

pub use files::{
    Area, Copied, End, Existing, FileEntry, FileFault, FileKind, FileOp, FileReply, FileStat, FileTag, Transfer,
    TransferFault, WriteTarget,
};

/// Both ends must have been built with the same number; the agent travels inside the daemon, so a
/// mismatch means a broken build.
pub const VERSION: u16 = 7;

/// The most conduits that one sandbox has at a time.
pub const MAX_CONDUITS: usize = 256;

/// The most bytes that an execution's name has.
pub const MAX_NAME_BYTES: usize = 1024;

/// The most bytes that the agent keeps for the next daemon.
pub const MAX_KEPT_BYTES: usize = 64 * 1024;

/// The most bytes of a file that one [`FileOp::Read`] answers or one write message carries.
pub const FILE_CHUNK_BYTES: usize = 256 * 1024;

/// The most bytes of paths that one listing has, so that deep directories with long names can't make
/// its few entries long; what is beyond is left out as if it were beyond the number asked for.
pub const LISTING_PATH_BYTES: usize = 4 * 1024 * 1024;

/// What the daemon asks of the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToAgent {
    /// Start a program.
    Spawn(Spawn),
    /// Deliver a signal to a running execution. Without effect when it has ended.
    Signal {
        /// Which execution.
        execution: u32,
        /// The signal's number.
        signal: i32,
        /// Who gets it.
        reach: Reach,
    },
    /// Change the size of an execution's terminal. Without effect when it has none.
    Resize {
        /// Which execution.
        execution: u32,
        /// The new size.
        size: TerminalSize,
    },
    /// Connect to something in the sandbox; answered by [`FromAgent::Connected`] or
    /// [`FromAgent::NotConnected`]. The bytes are those of the conduit's [`crate::frame::Stream::Side`].
    Connect {
        /// Names the conduit; of one numbering with executions, and never used twice.
        conduit: u32,
        /// To what.
        endpoint: Endpoint,
    },
    /// Let go of a conduit, or of the side stream of an execution. What was not passed on is dropped;
    /// without effect on one that is gone.
    Disconnect {
        /// The number of the conduit or of the execution.
        conduit: u32,
    },
    /// Do something with files; answered by [`FromAgent::File`].
    File {
        /// Echoed in the answer.
        request: u32,
        /// What to do.
        op: FileOp,
    },
    /// Give up a copy or a move, which is then answered with `ECANCELED`, once all that it had made is gone.
    /// Without effect on one that is about to be answered, and on anything else.
    GiveUp {
        /// The number of its request.
        request: u32,
    },
    /// Stop a [`FileOp::Find`], which is still answered. Without effect when it has ended.
    StopFind {
        /// The number of the request.
        request: u32,
    },
    /// The daemon has joined, and heard [`FromAgent::Ready`]. One that never says anything is let go.
    Joined,
    /// Keep this for the next daemon, in place of what was kept. Without effect where there will be none.
    Keep {
        /// The daemon's own words, at most [`MAX_KEPT_BYTES`].
        #[serde(with = "run")]
        notes: Vec<u8>,
        /// With no daemon for so long, in milliseconds, the agent ends.
        alone_ms: u64,
    },
}

/// Which processes of an execution a signal goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    /// What Ctrl+C reaches: the foreground process group of the terminal where there is one, else the
    /// process group of the program itself.
    Foreground,
    /// Every process of the execution, those included that left its process group. `SIGKILL` with this
    /// reach ends the execution for certain.
    Tree,
}

/// A program to start. It runs in a session and process group of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spawn {
    /// Names the execution and its channels; never used twice.
    pub execution: u32,
    /// Program and arguments, never interpreted by a shell. A program without a slash is looked for in
    /// the `PATH` of `env`.
    pub argv: Vec<String>,
    /// The whole environment, nothing is inherited.
    pub env: Vec<(String, String)>,
    /// An absolute directory inside the sandbox.
    pub cwd: String,
    /// Whether standard input is a channel; otherwise it is `/dev/null`. A terminal always has one.
    pub stdin: bool,
    /// Run in a pseudo-terminal of this size; its output is the stdout channel.
    pub terminal: Option<TerminalSize>,
    /// Whether the program has a two-way stream beside the usual ones: a connected unix stream socket as
    /// descriptor 3, which it inherits open.
    pub side: bool,
    /// Tighter limits than the sandbox's own.
    pub limits: ExecutionLimits,
    /// The daemon's own name for it, told to a later daemon; at most [`MAX_NAME_BYTES`].
    pub name: String,
    /// Its code is still to come: it is started ahead of that, and waits.
    pub awaits: Option<Awaited>,
}

/// Code that a program is to wait for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// A path of [`Area::Code`], where the program finds a pipe that says nothing until [`FileOp::Release`].
    pub path: Vec<u8>,
    /// Names that nothing at the top of the workspace may have, with or without an extension, before the program is
    /// started and when its code comes (`EEXIST`): what else it would have read there meanwhile.
    pub absent: Vec<String>,
}

/// The most bytes of code that a program can wait for: what a pipe takes at once.
pub const MAX_AWAITED_BYTES: usize = 60 * 1024;

/// Something in the sandbox that the agent connects to the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Endpoint {
    /// A TCP port that a program listens on, on the sandbox's own loopback.
    Port(u16),
    /// A unix socket that a program listens on; a first byte of 0 means an abstract name.
    Unix(Vec<u8>),
    /// A FIFO that the agent makes at this path of [`Area::Code`], and reads: what programs write there comes
    /// out, and nothing goes in.
    Fifo(Vec<u8>),
    /// A TCP port at which the agent listens, on the sandbox's own loopback, until the conduit is let go of. The
    /// conduit itself carries nothing.
    Listener(u16),
    /// The next program that connects to the listener of this number. It stands when there is one, however long
    /// that takes; without a caller's conduit nobody is let in.
    Caller(u32),
    /// A process that tells what changes in a directory; nothing goes in.
    Watch(watch::Watch),
}

/// Columns and rows of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Characters in a row.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

/// Limits of one execution; `None` leaves the sandbox's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionLimits {
    /// Resident memory of all its processes, watched by the agent, which kills the tree and says
    /// [`Cause::Memory`].
    pub memory_bytes: Option<u64>,
    /// How many processes and threads it may have beside those that run already (`RLIMIT_NPROC`); where
    /// that would count others' as well, the agent counts, kills the tree and says [`Cause::Processes`].
    pub processes: Option<u64>,
    /// Open descriptors of each process (`RLIMIT_NOFILE`).
    pub open_files: Option<u64>,
    /// Size of any file it writes (`RLIMIT_FSIZE`).
    pub file_bytes: Option<u64>,
    /// How many processors it may run on (affinity).
    pub processors: Option<u32>,
}

/// What the agent tells the daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromAgent {
    /// The sandbox stands, and the agent inside it reads. Always the first message.
    Ready(Ready),
    /// A step of the set-up failed; nothing was left running. The first message and the last.
    SetupFailed {
        /// What was attempted, with its operand: `mount proc`, `write uid_map`.
        step: String,
        /// The kernel's error number; 0 when it was not the kernel that refused.
        errno: i32,
    },
    /// The program runs.
    Started {
        /// Which execution.
        execution: u32,
        /// Its process id, as the sandbox sees it.
        pid: u32,
    },
    /// The program could not be started.
    NotStarted {
        /// Which execution.
        execution: u32,
        /// What was attempted: `find program`, `enter directory`, `fork` …
        step: String,
        /// The kernel's error number.
        errno: i32,
    },
    /// The program and everything it left behind are gone.
    Exited(Exited),
    /// The conduit stands.
    Connected {
        /// Which conduit.
        conduit: u32,
    },
    /// The conduit could not be made, and is forgotten.
    NotConnected {
        /// Which conduit.
        conduit: u32,
        /// What was attempted: `open socket`, `connect`, `make pipe` …
        step: String,
        /// The kernel's error number; `ECANCELED` when the daemon disconnected first.
        errno: i32,
    },
    /// The answer to [`ToAgent::File`]. [`FileReply::Entries`] and [`FileReply::Found`] may come in
    /// several parts.
    File {
        /// The number of the request.
        request: u32,
        /// What came of it.
        result: Result<FileReply, FileFault>,
    },
    /// Another daemon has joined this sandbox, and who hears this is not let in. The first message and the last.
    Occupied,
}

/// What the sandbox turned out to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// [`VERSION`] of the agent.
    pub version: u16,
    /// The Landlock ABI in force; 0 when the kernel has none.
    pub landlock_abi: u32,
    /// The highest number that an execution or a conduit has had; 0 in a new sandbox.
    pub highest: u32,
    /// What runs, or has ended and was not told, where another daemon had this sandbox before. None of it has
    /// credit, and the daemon none for its inputs until the agent grants it.
    pub running: Vec<Running>,
    /// What [`ToAgent::Keep`] said last.
    #[serde(with = "run")]
    pub kept: Vec<u8>,
}

/// An execution that another daemon had started. [`FromAgent::Exited`] and the ends of its channels follow in
/// their turn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Which execution.
    pub execution: u32,
    /// Its process id; 0 when it was just being started.
    pub pid: u32,
    /// How long ago it was asked for, in milliseconds.
    pub age_ms: u64,
    /// What [`Spawn::name`] said.
    pub name: String,
    /// Its standard input can still be written to.
    pub stdin: bool,
    /// It has a terminal.
    pub terminal: bool,
    /// How many bytes of its standard output were sent until now, to whomever.
    pub stdout_sent: u64,
    /// As of its standard error.
    pub stderr_sent: u64,
}

/// How an execution ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exited {
    /// Which execution.
    pub execution: u32,
    /// The exit code of the program itself, when it exited.
    pub code: Option<i32>,
    /// The signal that ended the program itself, when one did.
    pub signal: Option<i32>,
    /// Why the agent ended it, when it did.
    pub cause: Option<Cause>,
    /// Processor time of all its processes.
    pub cpu_micros: u64,
    /// The most resident memory its processes had: of the largest one, or of all together where the
    /// agent watched them.
    pub peak_memory_bytes: u64,
    /// How many processes of the sandbox the kernel killed for want of memory while it ran; `None` where
    /// that doesn't show inside.
    pub oom_kills: Option<u64>,
}

/// Why the agent killed an execution on its own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// It went over its memory limit or its sandbox's.
    Memory,
    /// It had too many processes, or its sandbox had and it the most of them.
    Processes,
}
