//! Runtimes: places in which code is isolated.
//!
//! A runtime says whether it can be used here ([`Runtime::probe`]) and makes sandboxes
//! ([`Runtime::create`]). A sandbox is a stream to the agent inside it; all that users see is done
//! through that stream, and is the same whatever the runtime.

use std::fmt;
use std::io;
use std::path::PathBuf;

use std::time::Duration;

use async_trait::async_trait;
use codebeaker_agent::plan::Protection;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::config::Limits;
use crate::engine::Engine;
use crate::ids::SessionId;
use crate::sandbox::blueprint::BlueprintError;
use crate::sandbox::launcher::LaunchError;

pub mod docker;
pub mod images;
mod left;
pub mod native;

pub use left::{Left, TakeUpError, TakenUp};

pub use crate::sandbox::cgroup::Usage;
pub use crate::sandbox::limits::{Enforcement, Enforcer, Limit};

/// How strongly a runtime isolates, from weak to strong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isolation {
    /// A process of the host with less than its user's rights.
    Process,
    /// Namespaces of the host's kernel, system calls filtered.
    Namespaces,
    /// A container of a container engine.
    Container,
    /// A kernel of its own in user space.
    Kernel,
    /// A virtual machine.
    Vm,
}

impl Isolation {
    /// The name as clients see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Namespaces => "namespaces",
            Self::Container => "container",
            Self::Kernel => "kernel",
            Self::Vm => "vm",
        }
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a runtime can be used here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// A sandbox really came up.
    pub available: bool,
    /// Why not, in a sentence.
    pub reason: Option<String>,
    /// What a person should do about it: commands where there are any.
    pub fix: Option<String>,
    /// What works, but less well than it could, and why.
    pub remarks: Vec<String>,
}

/// What a sandbox shall be.
#[derive(Debug, Clone, Default)]
pub struct SandboxSpec {
    /// What it may use.
    pub limits: Limits,
    /// What `/workspace` is.
    pub workspace: Workspace,
    /// Installations of engines that are not where the system keeps its programs: absolute paths, shown
    /// read-only under the same names.
    pub engine_roots: Vec<PathBuf>,
    /// The engine that its session is made for; a runtime that has an image for each takes this one's.
    pub engine: Option<&'static Engine>,
    /// The image to take in place of the engine's; for runtimes that have images alone.
    pub image: Option<String>,
    /// Host name inside.
    pub hostname: String,
    /// Given where the sandbox is to outlive the daemon that makes it.
    pub outlives: Option<Outlives>,
    /// Protections left out. For the attack tests, which link this library: nothing that a client sends
    /// ends up here.
    pub without: Vec<Protection>,
}

/// What a sandbox that outlives its daemon carries for the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlives {
    /// The session that it is.
    pub session: SessionId,
    /// What else the next daemon has to know of the session, in the session's own words.
    pub notes: String,
    /// With no daemon for so long, it ends by itself.
    pub alone: Duration,
}

/// What `/workspace` is. Paths are absolute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Workspace {
    /// Empty, in memory.
    #[default]
    None,
    /// A copy of a directory, in memory.
    Copy {
        /// The directory.
        path: PathBuf,
        /// Names that are left out at every level; `*` stands for any run of characters.
        exclude: Vec<String>,
    },
    /// The directory itself.
    Bind {
        /// The directory.
        path: PathBuf,
        /// Whether programs may change it.
        writable: bool,
    },
    /// The directory, with changes kept in memory.
    Overlay {
        /// The directory.
        path: PathBuf,
    },
}

/// What a session would need of a runtime.
#[derive(Debug, Clone, Copy)]
pub struct Want<'a> {
    /// The engine that shall run in it; `None` when any program may.
    pub engine: Option<&'static Engine>,
    /// This image and no other.
    pub image: Option<&'a str>,
    /// What its workspace is.
    pub workspace: &'a Workspace,
    /// Whether it has to outlive its daemon.
    pub outlives: bool,
}

/// What a runtime has for a [`Want`], as it was measured on this machine; `None` before it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Offer {
    /// From the wish for a sandbox to one that stands.
    pub start: Option<Duration>,
    /// What one takes before anything runs in it, in bytes.
    pub memory_bytes: Option<u64>,
}

/// A machine that a runtime makes sandboxes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineState {
    /// Its name in the settings.
    pub name: String,
    /// Why it can't be used now; `None` when it can.
    pub reason: Option<String>,
    /// What a person should do about it: commands where there are any.
    pub fix: Option<String>,
    /// How many sessions it takes beside those of others.
    pub weight: u32,
    /// Sandboxes of sessions on it, whichever runtime made them.
    pub sessions: usize,
    /// Sandboxes of this runtime that wait there for sessions.
    pub ready: usize,
    /// What memory those take, as far as it is known, in bytes.
    pub ready_bytes: u64,
}

/// What of a [`Want`] a runtime has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lack {
    /// An image: the one that was named, or any for the engine.
    Image,
    /// A workspace of this kind.
    Workspace,
    /// Sandboxes that outlive their daemon.
    Persistence,
    /// A machine that could take one more sandbox now.
    Machine,
}

/// Why a runtime has nothing for a [`Want`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What it lacks.
    pub lack: Lack,
    /// In a sentence without a full stop.
    pub reason: String,
    /// What a person should do about it: commands where there are any.
    pub fix: Option<String>,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The runtime can't be used at all.
    #[error("{reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// It has nothing for this wish after all, whatever it offered before.
    #[error("{}", .0.reason)]
    Refused(Refusal),
    /// The workspace is no directory that can be shown.
    #[error("the workspace {path} can't be used")]
    Workspace {
        /// What was asked for.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The sandbox could not be started.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The stream to the sandbox can't be watched.
    #[error("the stream to the sandbox can't be used")]
    Stream(#[source] io::Error),
}

impl From<BlueprintError> for RuntimeError {
    fn from(error: BlueprintError) -> Self {
        Self::Launch(error.into())
    }
}

/// A place in which code is isolated.
#[async_trait]
pub trait Runtime: Send + Sync {
    /// Its name as clients see it.
    fn id(&self) -> &'static str;

    /// How strongly it isolates.
    fn isolation(&self) -> Isolation;

    /// Whether programs of its sandboxes are this host's: an engine has to be installed here to be in them. Else
    /// [`Runtime::offer`] tells which engines it has.
    fn has_host_programs(&self) -> bool {
        false
    }

    /// Whether it can be used here. What that takes, such as making a sandbox, is done once and its outcome
    /// kept; where the outcome can change by itself, the runtime keeps it true.
    async fn probe(&self) -> Probe;

    /// What it has for this wish, by what is known without waiting: selecting costs microseconds.
    ///
    /// # Errors
    /// The reason why it has nothing, and what would mend that.
    fn offer(&self, want: &Want<'_>) -> Result<Offer, Refusal>;

    /// Makes a sandbox. That it was started doesn't say that it stands: the first message on its stream
    /// does, or says which step failed.
    ///
    /// # Errors
    /// When it can't even be started; nothing is left then.
    async fn create(&self, spec: SandboxSpec) -> Result<Sandbox, RuntimeError>;

    /// The next sandbox that a daemon of this user, which is gone, had left when this one started. Each is told of
    /// once; `None` when all were that are on machines which answer.
    async fn left(&self) -> Option<Left> {
        None
    }

    /// As [`Runtime::left`], on machines that did not answer then; waits as long as those are asked again.
    async fn left_late(&self) -> Option<Left> {
        None
    }

    /// Takes it up. `spec` says which limits and which workspace it was made with.
    ///
    /// # Errors
    /// Why it can't be had; it is left as it was then.
    async fn take_up(&self, _left: &Left, _spec: &SandboxSpec) -> Result<TakenUp, TakeUpError> {
        Err(TakeUpError::Gone)
    }

    /// The machines that it makes sandboxes on, as far as is known without waiting; none where that is this one alone.
    fn machines(&self) -> Vec<MachineState> {
        Vec::new()
    }

    /// Has up to so many sandboxes made ready for sessions like this one, where it keeps any ready; says whether it does.
    ///
    /// # Errors
    /// When it would not make such a sandbox.
    async fn prewarm(&self, _: &SandboxSpec, _: usize) -> Result<bool, RuntimeError> {
        Ok(false)
    }

    /// Makes no more sandboxes from now on, and waits until nothing is left of those that nobody holds: those that are
    /// being made, that are kept ready, that are being removed. Who can't wait so long drops this.
    async fn close(&self) {}
}

/// What a sandbox's agent is heard by.
pub type Reader = Box<dyn AsyncRead + Send + Unpin>;

/// What a sandbox's agent is told by. Dropping both ends the sandbox.
pub type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// Where the programs of a sandbox come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Programs {
    /// From this host: they are where they are here.
    Host,
    /// From an image. Two sandboxes of one image have the same programs.
    Image {
        /// What tells it from all others.
        id: String,
        /// Directories in which it finds programs by their names, as it says itself: absolute, and none that
        /// programs can change.
        path: Vec<String>,
    },
}

/// A sandbox that is being made, or stands, or failed: its stream tells.
pub struct Sandbox {
    /// From the agent. Nothing has been read yet.
    pub reader: Reader,
    /// To the agent, which has its plan already.
    pub writer: Writer,
    /// Where its programs come from.
    pub programs: Programs,
    /// The machine that it is on, where that is one of several: the name from the settings.
    pub machine: Option<String>,
    /// A workspace that the runtime can't fill by itself, and that who made the sandbox fills through the
    /// stream before anything else; [`Workspace::None`] otherwise.
    pub unfilled: Workspace,
    /// Who enforces each limit.
    pub enforcement: Vec<Enforcement>,
    /// What holds it.
    pub keeper: Box<dyn Keeper>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("enforcement", &self.enforcement).finish_non_exhaustive()
    }
}

/// What a sandbox is held by from outside. Dropping it ends the sandbox without waiting, unless it was
/// [left](Keeper::leave).
#[async_trait]
pub trait Keeper: Send + Sync {
    /// How many processes the kernel has killed in it for want of memory; `None` when that isn't
    /// counted.
    fn oom_kills(&self) -> Option<u64>;

    /// The container that it is, by its engine's id; `None` for what is none.
    fn container(&self) -> Option<String>;

    /// What it uses, as far as that is counted.
    fn usage(&self) -> Usage;

    /// How it came to its end, once its stream has ended by itself: a sentence without a full stop, or `None`
    /// when there is nothing to add to that. Answers within a few seconds.
    async fn fate(&mut self) -> Option<String> {
        None
    }

    /// Leaves a sandbox that was made to outlive its daemon to the next one: from now on dropping this ends nothing.
    /// Whether it did; every other sandbox still ends with this.
    fn leave(&mut self) -> bool {
        false
    }

    /// Ends every process of the sandbox and waits until they are gone, for about three seconds. Whether they
    /// are. Once true it stays so. What else was made for them may go later; [`Runtime::close`] waits for that.
    async fn destroy(&mut self) -> bool;
}
