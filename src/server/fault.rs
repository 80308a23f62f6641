//! From the errors of the domain to those of the protocol: one exhaustive match for each.
//!
//! The text says what went wrong, the hint what to do about it.

use std::io;

use rustix::io::Errno;
use tower_lsp::jsonrpc;

use crate::agent::LinkError;
use crate::agent::wire::End;
use crate::agent::wire::find::Part;
use crate::causes::in_full;
use crate::context::ContextError;
use crate::debug::DebugError;
use crate::debug::attachable::NotDebuggable;
use crate::execution::ExecutionError;
use crate::files::find::FindError;
use crate::files::{CopyError, ExportError, FilesError, TransferError, WatchError};
use crate::network::NetworkError;
use crate::network::ports::PortError;
use crate::protocol::{ErrorKind, ProtocolError};
use crate::runtime::images::ImageError;
use crate::runtime::{Lack, RuntimeError};
use crate::server::convert;
use crate::session::{Bar, Candidate, ExposeError, SessionError};

/// What brings an interpreter back.
const RESTART: &str = "`context/restart` starts another interpreter, with nothing of what this one held";

/// Where to find out what a runtime lacks.
const DOCTOR: &str = "run `codebeaker doctor`, which says what would mend it";

/// How the service carries a protocol error.
pub(super) fn to_rpc(error: ProtocolError) -> jsonrpc::Error {
    let data = serde_json::to_value(&error.data).ok();
    jsonrpc::Error { code: jsonrpc::ErrorCode::from(error.code), message: error.message.into(), data }
}

/// What is refused because a runtime lacks something for it.
fn of_lack(lack: Lack, message: &str, fix: Option<String>) -> ProtocolError {
    let (kind, path) = match lack {
        Lack::Image => (ErrorKind::ImageNotFound, Some("image")),
        Lack::Workspace => (ErrorKind::NotSupportedByRuntime, Some("workspace.mode")),
        Lack::Persistence => (ErrorKind::NotSupportedByRuntime, Some("persist")),
        Lack::Machine => (ErrorKind::RuntimeUnavailable, None),
    };
    let mut error = ProtocolError::new(kind, message).hint(fix.unwrap_or_else(|| DOCTOR.to_owned()));
    error.data.path = path.map(str::to_owned);
    error
}

pub(super) fn of_session(error: SessionError) -> ProtocolError {
    let message = in_full(&error);
    let new = |kind| ProtocolError::new(kind, message.clone());
    let fix = error.fix();
    match error {
        SessionError::NotFound(id) => {
            new(ErrorKind::SessionNotFound).session(id.as_str()).hint("`session/list` names those that there are")
        }
        SessionError::Closed { id, .. } => {
            new(ErrorKind::SessionClosed).session(id.as_str()).hint("open another with `session/create`")
        }
        SessionError::Busy => new(ErrorKind::SessionBusy).retry_after_ms(50),
        SessionError::TooMany(_) => {
            new(ErrorKind::SessionLimit).hint("close a session, or start the daemon with a higher --max-sessions")
        }
        SessionError::Stopping => new(ErrorKind::ShuttingDown).hint("start another daemon"),
        SessionError::Invalid { field, .. } => new(ErrorKind::ValidationFailed).at(field),
        SessionError::UnknownLanguage(_) => {
            new(ErrorKind::LanguageUnsupported).hint("`engine/list` names the engines and their languages")
        }
        SessionError::EngineMissing { .. } | SessionError::NotInImage { .. } | SessionError::EngineTooOld { .. } => {
            new(ErrorKind::LanguageUnsupported).hint(fix.unwrap_or_default())
        }
        SessionError::NoRuntime { considered } => of_no_runtime(&message, &considered, fix),
        SessionError::UnknownRuntime(_) => new(ErrorKind::RuntimeUnavailable)
            .at("runtime")
            .hint("`runtime/list` and `codebeaker doctor` name those that there are"),
        SessionError::Runtime(error) => of_runtime(error),
        SessionError::SetUp { step, errno } if step.contains("workspace") => of_workspace_set_up(&message, errno),
        SessionError::SetUp { .. } => new(ErrorKind::RuntimeUnavailable).hint(DOCTOR),
        SessionError::Died { .. } | SessionError::TooSlow(_) => new(ErrorKind::RuntimeLost).retry_after_ms(1000),
        SessionError::Copy(error) => of_copy(error, &message),
        SessionError::Network(error) => of_network(&error, &message),
        SessionError::Rate(error) => {
            // A client that waits so long is not refused again, so the rest of a millisecond is one.
            let wait = convert::millis(error.wait).saturating_add(1);
            new(ErrorKind::RateLimited).retry_after_ms(wait).hint(format!(
                "wait for `retryAfterMs`, or raise `{}` in the settings file of the daemon",
                error.whose.key()
            ))
        }
        SessionError::Execution(error) => of_execution(error),
        SessionError::Context(error) => of_context(error),
    }
}

/// The reason that is closest to a session decides what kind of error it is; what would mend the others is told too.
fn of_no_runtime(message: &str, considered: &[Candidate], hint: Option<String>) -> ProtocolError {
    let bars = || considered.iter().filter_map(|candidate| Some(candidate.rejection.as_ref()?.bar));
    let is_any = |bar: Bar| bars().any(|one| one == bar);
    if is_any(Bar::EngineMissing) {
        return ProtocolError::new(ErrorKind::LanguageUnsupported, message).hint(hint.unwrap_or_default());
    }
    for lack in [Lack::Workspace, Lack::Image, Lack::Machine, Lack::Persistence] {
        if is_any(Bar::Lacks(lack)) {
            return of_lack(lack, message, hint);
        }
    }
    if is_any(Bar::TooWeak) && !is_any(Bar::Unavailable) {
        let hint = "ask for a weaker `minIsolation`, or for another runtime: `runtime/list` names them";
        return ProtocolError::new(ErrorKind::IsolationUnsatisfied, message).hint(hint);
    }
    ProtocolError::new(ErrorKind::RuntimeUnavailable, message).hint(hint.unwrap_or_else(|| DOCTOR.to_owned()))
}

fn of_runtime(error: RuntimeError) -> ProtocolError {
    let message = in_full(&error);
    let (kind, path) = match &error {
        RuntimeError::Workspace { source, .. } => {
            let kind = match source.kind() {
                std::io::ErrorKind::NotFound => ErrorKind::FileNotFound,
                std::io::ErrorKind::NotADirectory => ErrorKind::NotADirectory,
                std::io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
                _ => ErrorKind::ValidationFailed,
            };
            return ProtocolError::new(kind, message).at("workspace.uri");
        }
        RuntimeError::Refused(refusal) => return of_lack(refusal.lack, &message, refusal.fix.clone()),
        RuntimeError::Unavailable { .. } | RuntimeError::Launch(_) | RuntimeError::Stream(_) => {
            (ErrorKind::RuntimeUnavailable, "runtime")
        }
    };
    ProtocolError::new(kind, message).at(path).hint(DOCTOR)
}

fn of_network(error: &NetworkError, message: &str) -> ProtocolError {
    let new = |kind| ProtocolError::new(kind, message);
    match error {
        NetworkError::FullIsOff => new(ErrorKind::NetworkDenied).at("network.mode").hint(
            "list the hosts with `mode: \"allowlist\"`, or say `full = true` below `[network]` in the settings file",
        ),
        NetworkError::HostsWithoutList => {
            new(ErrorKind::ValidationFailed).at("network.mode").hint("say `mode: \"allowlist\"`")
        }
        NetworkError::TooManyHosts => {
            new(ErrorKind::ValidationFailed).at("network.allow").hint("name hosts together, as in \"*.example.org\"")
        }
        NetworkError::Door(_) => new(ErrorKind::RuntimeLost).hint("try again in a new session"),
    }
}

pub(super) fn of_port(error: ExposeError) -> ProtocolError {
    let message = in_full(&error);
    match error {
        ExposeError::Session(error) => of_session(error),
        ExposeError::Port(PortError::TooMany) => {
            ProtocolError::new(ErrorKind::PortLimit, message).hint("shut one with `port/close`")
        }
        ExposeError::Port(PortError::NotOpened(_)) => ProtocolError::new(ErrorKind::PortNotOpened, message)
            .hint("leave `hostPort` out, which takes one that is free"),
    }
}

fn of_copy(error: CopyError, message: &str) -> ProtocolError {
    let (kind, hint) = match error {
        CopyError::Target(FilesError::DiskFull(_)) => {
            (ErrorKind::DiskFull, "raise `limits.diskBytes`, or leave things out with `workspace.exclude`")
        }
        CopyError::Target(FilesError::Lost(_)) => (ErrorKind::RuntimeLost, "try again"),
        CopyError::Target(_) => (ErrorKind::NotSupportedByRuntime, "leave it out with `workspace.exclude`"),
        CopyError::NotAFile { .. } => (ErrorKind::NotARegularFile, "name a directory"),
        CopyError::TooDeep { .. } => (ErrorKind::ValidationFailed, "leave it out with `workspace.exclude`"),
        CopyError::Source { source, .. } => {
            let kind = match source.kind() {
                std::io::ErrorKind::NotFound => ErrorKind::FileNotFound,
                std::io::ErrorKind::NotADirectory => ErrorKind::NotADirectory,
                _ => ErrorKind::PermissionDenied,
            };
            (kind, "name a directory that the daemon's user may read, or leave things out with `workspace.exclude`")
        }
    };
    ProtocolError::new(kind, message).at("workspace").hint(hint)
}

pub(super) fn of_import(error: CopyError) -> ProtocolError {
    match error {
        CopyError::Target(why @ FilesError::AlreadyExists(_)) => of_files(why).hint("`overwrite: true` replaces it"),
        CopyError::Target(why) => of_files(why),
        other => {
            let message = in_full(&other);
            let hint = "name a file or directory that the daemon's user may read, or leave things out with `exclude`";
            of_copy(other, &message).at("uri").hint(hint)
        }
    }
}

pub(super) fn of_export(error: ExportError) -> ProtocolError {
    let message = in_full(&error);
    let too_large = |at: &str| ProtocolError::new(ErrorKind::TooLarge, message.clone()).at(at);
    match error {
        ExportError::Source(why) => of_files(why),
        ExportError::TooManyBytes(_) => too_large("maxBytes").hint("raise it, or leave things out with `exclude`"),
        ExportError::TooManyEntries(_) => too_large("maxEntries").hint("raise it, or leave things out with `exclude`"),
        ExportError::TooDeep(_) => ProtocolError::new(ErrorKind::TooLarge, message).hint("leave it out with `exclude`"),
        ExportError::Target { source, .. } => {
            let (kind, hint) = match source.kind() {
                io::ErrorKind::NotFound => {
                    (ErrorKind::FileNotFound, "name a directory that exists, or set `createParents`")
                }
                io::ErrorKind::AlreadyExists => (ErrorKind::AlreadyExists, "`overwrite: true` merges into it"),
                io::ErrorKind::NotADirectory => {
                    (ErrorKind::NotADirectory, "a directory is merged into a directory alone; links are not followed")
                }
                io::ErrorKind::IsADirectory => {
                    (ErrorKind::IsADirectory, "a directory is not replaced by a file or a link")
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    (ErrorKind::DiskFull, "make room on this machine")
                }
                _ => (ErrorKind::PermissionDenied, "name a place that the daemon's user may write to"),
            };
            ProtocolError::new(kind, message).at("uri").hint(hint)
        }
    }
}

pub(super) fn of_watch(error: WatchError) -> ProtocolError {
    let message = error.to_string();
    let (kind, hint) = match error {
        WatchError::Files(why) => return of_files(why),
        WatchError::Gone => (ErrorKind::FileNotFound, "it was there a moment ago"),
        WatchError::TooLarge => (ErrorKind::WatchLimit, "leave directories out with `exclude`, or watch one of them"),
        WatchError::NoWatches => {
            (ErrorKind::WatchLimit, "end watches, or raise `fs.inotify.max_user_instances` and `max_user_watches`")
        }
        WatchError::Killed => (ErrorKind::SearchKilled, "try again; does a program kill what it has not started?"),
    };
    ProtocolError::new(kind, message).hint(hint)
}

fn of_workspace_set_up(message: &str, errno: i32) -> ProtocolError {
    if is_full(errno) {
        let hint = "raise `limits.diskBytes`, or leave things out with `workspace.exclude`";
        return ProtocolError::new(ErrorKind::DiskFull, message).at("workspace").hint(hint);
    }
    let (kind, hint) = match errno_named(errno) {
        Errno::NOENT => (ErrorKind::FileNotFound, "name a directory that exists"),
        Errno::NOTDIR => (ErrorKind::NotADirectory, "name a directory"),
        Errno::ACCESS | Errno::PERM => (
            ErrorKind::PermissionDenied,
            "name a directory that the daemon's user may use, or use `workspace.mode` copy",
        ),
        _ => (ErrorKind::NotSupportedByRuntime, "use another `workspace.mode`: copy works with every file system"),
    };
    ProtocolError::new(kind, message).at("workspace").hint(hint)
}

/// Anything but a number of Linux is taken for an input and output error.
fn errno_named(errno: i32) -> Errno {
    if (1..4096).contains(&errno) { Errno::from_raw_os_error(errno) } else { Errno::IO }
}

fn is_full(errno: i32) -> bool {
    [Errno::NOSPC, Errno::DQUOT, Errno::FBIG].contains(&errno_named(errno))
}

pub(super) fn of_execution(error: ExecutionError) -> ProtocolError {
    let message = in_full(&error);
    let new = |kind| ProtocolError::new(kind, message.clone());
    match error {
        ExecutionError::NotFound(id) => {
            new(ErrorKind::ExecutionNotFound).execution(id.as_str()).hint("`execution/list` names those remembered")
        }
        ExecutionError::Left(id) => new(ErrorKind::ShuttingDown)
            .execution(id.as_str())
            .hint("start another daemon: `execution/list` has it there, and its output from then on"),
        ExecutionError::NotRunning(id) => new(ErrorKind::NotRunning).execution(id.as_str()),
        ExecutionError::StdinClosed(id) => new(ErrorKind::StdinClosed)
            .execution(id.as_str())
            .hint("run it with `stdin: \"stream\"` or `\"pty\"` to write to it"),
        ExecutionError::QueueFull { .. } => {
            new(ErrorKind::QueueFull).hint("wait until some have ended, or open another session").retry_after_ms(500)
        }
        ExecutionError::NotStarted { errno, .. } if Errno::TOOBIG.raw_os_error() == errno => {
            new(ErrorKind::ProgramNotStarted).hint("pass large data by a file or by standard input")
        }
        ExecutionError::NotStarted { step, .. } => new(ErrorKind::ProgramNotStarted).hint(match step.as_str() {
            "find program" => "the sandbox shows the host's /usr and the engines of `engine/list`; is it installed?",
            "enter directory" => "`cwd` must be a directory of the sandbox",
            _ => "does it exist in the sandbox, and is it executable?",
        }),
        ExecutionError::Code(error) => match error {
            LinkError::File { errno } if is_full(errno) => {
                new(ErrorKind::DiskFull).hint("the code is too large; put it into a file of the workspace")
            }
            LinkError::File { .. } => {
                new(ErrorKind::ProgramNotStarted).hint("put the code into a file of the workspace")
            }
            _ => new(ErrorKind::RuntimeLost).hint("open another session"),
        },
        ExecutionError::NoInterpreter { .. } => new(ErrorKind::ContextNotFound).hint(RESTART),
        ExecutionError::Abandoned(id) => new(ErrorKind::InternalError).execution(id.as_str()),
        ExecutionError::Lost(_) => new(ErrorKind::RuntimeLost).hint("open another session"),
    }
}

pub(super) fn of_context(error: ContextError) -> ProtocolError {
    let message = in_full(&error);
    let new = |kind| ProtocolError::new(kind, message.clone());
    match error {
        ContextError::NotFound(_) => new(ErrorKind::ContextNotFound).hint("`context/list` names those that there are"),
        ContextError::Gone { .. } => new(ErrorKind::ContextNotFound).hint(RESTART),
        ContextError::TooMany(_) => {
            new(ErrorKind::ContextLimit).hint("end one with `context/delete`, or open another session")
        }
        ContextError::NoDriver { .. } => new(ErrorKind::LanguageUnsupported)
            .hint("`engine/list` says of each engine whether it has `contexts`; run it without `contextId` otherwise"),
        ContextError::NoTypeScript { .. } => {
            new(ErrorKind::LanguageUnsupported).hint("install Node 22.13 or later, or use `language: \"javascript\"`")
        }
        ContextError::Busy(_) | ContextError::TooSlow(_) => new(ErrorKind::ContextBusy).retry_after_ms(500),
        ContextError::QueueFull { .. } => {
            new(ErrorKind::QueueFull).hint("wait until some have ended, or create another context").retry_after_ms(500)
        }
        ContextError::TooLong(_) => new(ErrorKind::ValidationFailed)
            .at("code")
            .hint("put it into a file of the workspace, and have the cell read that"),
        ContextError::NotStarted(LinkError::NotStarted { step, errno }) => {
            of_execution(ExecutionError::NotStarted { step, errno })
        }
        ContextError::NotStarted(error @ LinkError::File { .. }) => of_execution(ExecutionError::Code(error)),
        ContextError::NotStarted(error) => of_execution(ExecutionError::Lost(error)),
        ContextError::NotReady(_) => new(ErrorKind::ProgramNotStarted)
            .hint("does the interpreter run in this sandbox? It may be too old, or be short of memory"),
        ContextError::NoAnswer(_) => new(ErrorKind::ValidationFailed),
    }
}

pub(super) fn of_image(error: ImageError) -> ProtocolError {
    let (kind, path) = match &error {
        ImageError::Off | ImageError::Address(_) | ImageError::Engine(_) => (ErrorKind::RuntimeUnavailable, None),
        ImageError::NoMachine { .. } => (ErrorKind::ValidationFailed, Some("machine")),
        ImageError::NoName { .. } => (ErrorKind::ValidationFailed, None),
        ImageError::NoRecipe { .. } => (ErrorKind::ValidationFailed, Some("engine")),
        ImageError::NotAllowed { .. } => (ErrorKind::ImageNotAllowed, None),
        ImageError::Missing { .. } | ImageError::NotFetched { is_unknown: true, .. } => {
            (ErrorKind::ImageNotFound, None)
        }
        ImageError::GivenUp { .. } => (ErrorKind::RequestCancelled, None),
        ImageError::InUse { .. } => (ErrorKind::ImageInUse, None),
        ImageError::NotFetched { .. } => (ErrorKind::ImagePullFailed, None),
        ImageError::NotBuilt { .. } => (ErrorKind::ImageBuildFailed, None),
    };
    let mut message = in_full(&error);
    // Why a build failed is seldom in the engine's own words.
    if !error.printed().is_empty() {
        message = format!("{message}\n{}", error.printed().join("\n"));
    }
    let mut protocol = ProtocolError::new(kind, message);
    protocol.data.hint = error.fix();
    protocol.data.path = path.map(str::to_owned);
    protocol
}

pub(super) fn of_debug(error: DebugError) -> ProtocolError {
    let new = |kind| ProtocolError::new(kind, in_full(&error));
    match &error {
        DebugError::NotFound(_) => new(ErrorKind::DebugNotFound).hint("`debug/list` names what is debugged"),
        DebugError::TooMany(_) => new(ErrorKind::DebugLimit).hint("end one with `debug/terminate`"),
        DebugError::Stopping => new(ErrorKind::ShuttingDown).hint("start another daemon"),
        DebugError::Invalid { field, .. } => new(ErrorKind::ValidationFailed).at(format!("set.{field}")),
    }
}

pub(super) fn of_debuggable(error: NotDebuggable) -> ProtocolError {
    ProtocolError::invalid_params("debuggable", format!("debuggable: {}", in_full(&error)))
}

pub(super) fn of_files(error: FilesError) -> ProtocolError {
    let kind = match &error {
        FilesError::NotFound(_) => ErrorKind::FileNotFound,
        FilesError::AlreadyExists(_) => ErrorKind::AlreadyExists,
        FilesError::NotADirectory(_) => ErrorKind::NotADirectory,
        FilesError::IsADirectory(_) => ErrorKind::IsADirectory,
        FilesError::NotEmpty(_) => ErrorKind::NotEmpty,
        FilesError::PermissionDenied { .. } => ErrorKind::PermissionDenied,
        FilesError::NotARegularFile(_) => ErrorKind::NotARegularFile,
        FilesError::OutsideWorkspace(_) => ErrorKind::PathOutsideWorkspace,
        FilesError::TooLarge(_) => ErrorKind::TooLarge,
        FilesError::DiskFull(_) => ErrorKind::DiskFull,
        FilesError::Changed(_) => ErrorKind::FileChanged,
        FilesError::BadPath { .. } => ErrorKind::ValidationFailed,
        FilesError::Refused { .. } | FilesError::Remains { .. } => ErrorKind::PermissionDenied,
        FilesError::GivenUp(_) => ErrorKind::RequestCancelled,
        FilesError::Lost(_) => ErrorKind::RuntimeLost,
    };
    let hint = match &error {
        FilesError::OutsideWorkspace(_) => Some("paths are relative to the workspace, or start with /workspace/"),
        FilesError::NotEmpty(_) => Some("`recursive: true` removes it with all that is in it"),
        FilesError::DiskFull(_) => Some("remove files, or open a session with more `limits.diskBytes`"),
        FilesError::TooLarge(_) => Some("read or write it in parts, with `offset` and `length`"),
        FilesError::Changed(_) => Some("read it again"),
        FilesError::Remains { .. } => Some("change its permissions, then remove it"),
        _ => None,
    };
    let path = matches!(kind, ErrorKind::ValidationFailed).then_some("path");
    let mut protocol = ProtocolError::new(kind, error.to_string());
    protocol.data.hint = hint.map(str::to_owned);
    protocol.data.path = path.map(str::to_owned);
    protocol
}

/// As [`of_files`], where there are two paths.
pub(super) fn of_transfer(error: TransferError) -> ProtocolError {
    let TransferError { why, end } = error;
    let taken = matches!(why, FilesError::AlreadyExists(_));
    let mut protocol = of_files(why);
    protocol.data.path = protocol.data.path.map(|_| if end == End::Source { "from" } else { "to" }.to_owned());
    if taken { protocol.hint("`overwrite: true` replaces it") } else { protocol }
}

pub(super) fn of_find(error: FindError) -> ProtocolError {
    let message = error.to_string();
    match error {
        FindError::Files(error) => of_files(error),
        FindError::Refused { part, .. } => {
            let path = match part {
                Part::Pattern => "pattern".to_owned(),
                Part::Patterns(number) => format!("patterns[{number}]"),
                Part::Exclude(number) => format!("exclude[{number}]"),
                Part::Include(number) => format!("include[{number}]"),
            };
            let message = format!("{path}: {message}");
            ProtocolError::invalid_params(&path, message)
        }
        FindError::Busy => ProtocolError::new(ErrorKind::Overloaded, message).retry_after_ms(500),
        FindError::Killed => {
            let hint = "try again; does a program kill what it has not started, or is the session short of memory?";
            ProtocolError::new(ErrorKind::SearchKilled, message).hint(hint)
        }
    }
}
