//! The table of all methods and notifications: what the router serves, what `initialize` advertises and
//! what the documents describe is this, and nothing else.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use super::catalogue::{Done, EngineListResult, NoParams, RuntimeListResult};
use super::change::{FsDiffParams, FsDiffResult, FsPatchParams, FsPatchResult};
use super::debug::{
    Breakpoints, DebugBreakpointsParams, DebugListResult, DebugMessage, DebugRef, DebugSendParams, DebugSendResult,
    DebugStartParams, DebugStartResult, DebugTerminatedNotice,
};
use super::error::ErrorKind::{self, *};
use super::execution::{
    ExecuteParams, ExecuteResult, Execution, ExecutionListParams, ExecutionListResult, ExecutionReadParams,
    ExecutionReadResult, ExecutionRef, ResizeParams, SignalParams, StdinParams, StdinResult, WaitParams, WaitResult,
};
use super::files::{
    FsCopyParams, FsCopyResult, FsImportParams, FsImportResult, FsListParams, FsListResult, FsMkdirParams,
    FsMkdirResult, FsMoveParams, FsMoveResult, FsReadParams, FsReadResult, FsRemoveParams, FsRemoveResult,
    FsStatParams, FsStatResult, FsWriteParams, FsWriteResult,
};
use super::find::{FsGlobParams, FsGlobResult, FsSearchParams, FsSearchResult};
use super::handshake::Feature;
use super::image::{
    ImageBuildParams, ImageListParams, ImageListResult, ImagePullParams, ImageRemoveParams, ImageRemoveResult,
    ImagesResult,
};
use super::notification::{
    ExitedNotice, OutputGapNotice, OutputNotice, ShuttingDownNotice, StartedNotice, StateChangedNotice,
};
use super::selection::{SelectParams, Selection};
use super::server::{DoctorResult, ServerInfoResult};
use super::session::{
    CloseParams, CloseResult, CreateParams, KeepAliveResult, SessionDetails, SessionListParams, SessionListResult,
    SessionRef, UpdateParams,
};

/// A request that a client may send.
#[derive(Debug, Clone, Copy)]
pub struct Method {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// The feature without which it is refused (1001).
    pub feature: Option<Feature>,
    /// What its parameters look like.
    pub params: fn() -> Schema,
    /// What its result looks like.
    pub result: fn() -> Schema,
    /// What `$/cancelRequest` does to it.
    pub cancel: Cancel,
    /// Whether it reports progress under a `workDoneToken`.
    pub progress: bool,
    /// Errors it gives beside those that every method gives ([`COMMON_ERRORS`]).
    pub errors: &'static [ErrorKind],
}

/// What `$/cancelRequest` does to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cancel {
    /// It is given up where it waits and answered with -32800; nothing that it was to do is done.
    Abort,
    /// It is told, ends what it began in good order, and answers by itself.
    Graceful,
}

/// A notification that the daemon sends; some, clients send too.
#[derive(Debug, Clone, Copy)]
pub struct Notification {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it says, in one line.
    pub summary: &'static str,
    /// The feature without which it is not sent.
    pub feature: Option<Feature>,
    /// What its parameters look like.
    pub params: fn() -> Schema,
    /// Whether clients send it too.
    pub both_ways: bool,
}

/// The schema of what is read.
#[must_use]
pub fn schema_of_params<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>()
}

/// The schema of what is sent.
#[must_use]
pub fn schema_of_result<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

/// Of `fs/glob` and `fs/search`.
const FIND_ERRORS: &[ErrorKind] = &[
    SessionNotFound,
    SessionClosed,
    RuntimeLost,
    ValidationFailed,
    PathOutsideWorkspace,
    FileNotFound,
    NotADirectory,
    PermissionDenied,
    NotARegularFile,
    SearchKilled,
];

const fn method<P: JsonSchema, R: JsonSchema>(name: &'static str, summary: &'static str) -> Method {
    Method {
        name,
        summary,
        feature: None,
        params: schema_of_params::<P>,
        result: schema_of_result::<R>,
        cancel: Cancel::Abort,
        progress: false,
        errors: &[],
    }
}

const fn notification<P: JsonSchema>(name: &'static str, summary: &'static str) -> Notification {
    Notification { name, summary, feature: None, params: schema_of_result::<P>, both_ways: false }
}

impl Method {
    const fn needs(mut self, feature: Feature) -> Self {
        self.feature = Some(feature);
        self
    }

    const fn graceful(mut self) -> Self {
        self.cancel = Cancel::Graceful;
        self
    }

    const fn progress(mut self) -> Self {
        self.progress = true;
        self
    }

    const fn errors(mut self, errors: &'static [ErrorKind]) -> Self {
        self.errors = errors;
        self
    }
}

impl Notification {
    const fn needs(mut self, feature: Feature) -> Self {
        self.feature = Some(feature);
        self
    }

    const fn both_ways(mut self) -> Self {
        self.both_ways = true;
        self
    }
}

/// Errors that every method may give.
pub const COMMON_ERRORS: &[ErrorKind] =
    &[InvalidRequest, InvalidParams, InternalError, ServerNotInitialized, RequestCancelled, Overloaded, ShuttingDown];

/// Every method of ours. LSP's own (`initialize`, `shutdown`, `exit` …) are not among them.
pub const METHODS: &[Method] = &[
    method::<NoParams, ServerInfoResult>("server/info", "What this daemon is and what its limits are"),
    method::<NoParams, DoctorResult>("server/doctor", "What can be used here, what can't, why, and what would mend it"),
    method::<NoParams, RuntimeListResult>("runtime/list", "Where code can be isolated"),
    method::<SelectParams, Selection>("runtime/select", "Which runtime and engine a session would get, and why")
        .errors(&[RuntimeUnavailable, LanguageUnsupported, IsolationUnsatisfied, ImageNotFound, NotSupportedByRuntime]),
    method::<NoParams, EngineListResult>("engine/list", "What can run code, and in which languages"),
    method::<ImageListParams, ImageListResult>("image/list", "The images that sessions in containers can run in")
        .errors(&[RuntimeUnavailable, ValidationFailed]),
    method::<ImagePullParams, ImagesResult>("image/pull", "Fetches an image from a registry").progress().errors(&[
        RuntimeUnavailable,
        ImageNotFound,
        ImagePullFailed,
        ImageNotAllowed,
        ValidationFailed,
    ]),
    method::<ImageBuildParams, ImagesResult>("image/build", "Builds the image of an engine").progress().errors(&[
        RuntimeUnavailable,
        ImageNotFound,
        ImageBuildFailed,
        ImageNotAllowed,
        ValidationFailed,
    ]),
    method::<ImageRemoveParams, ImageRemoveResult>("image/remove", "Removes an image, or one of its names")
        .graceful()
        .errors(&[RuntimeUnavailable, ImageNotFound, ImageInUse, ValidationFailed]),
    method::<CreateParams, SessionDetails>("session/create", "Opens a session in a new sandbox").progress().errors(&[
        SessionBusy,
        SessionLimit,
        RuntimeUnavailable,
        LanguageUnsupported,
        IsolationUnsatisfied,
        ImageNotFound,
        RuntimeLost,
        NotSupportedByRuntime,
        ValidationFailed,
        FileNotFound,
        NotADirectory,
        PermissionDenied,
        DiskFull,
    ]),
    method::<SessionRef, SessionDetails>("session/get", "A session as it is now")
        .errors(&[SessionNotFound, SessionClosed]),
    method::<SessionListParams, SessionListResult>("session/list", "The sessions of this connection"),
    method::<UpdateParams, SessionDetails>("session/update", "Changes time-outs, labels, environment or limits")
        .graceful()
        .errors(&[SessionNotFound, SessionClosed, NotSupportedByRuntime, ValidationFailed]),
    method::<SessionRef, KeepAliveResult>("session/keepAlive", "Counts as a use of the session")
        .errors(&[SessionNotFound, SessionClosed]),
    method::<CloseParams, CloseResult>("session/close", "Ends a session and everything in it")
        .graceful()
        .errors(&[SessionNotFound, SessionClosed]),
    method::<ExecuteParams, ExecuteResult>("session/execute", "Runs code, a file or a program")
        .graceful()
        .progress()
        .errors(&[
            FeatureNotNegotiated,
            SessionNotFound,
            SessionClosed,
            LanguageUnsupported,
            RuntimeLost,
            QueueFull,
            ProgramNotStarted,
            ValidationFailed,
            DiskFull,
        ]),
    method::<ExecutionListParams, ExecutionListResult>("execution/list", "Executions that wait, run or have ended")
        .errors(&[SessionNotFound, SessionClosed]),
    method::<ExecutionRef, Execution>("execution/get", "An execution as it is now").errors(&[ExecutionNotFound]),
    method::<WaitParams, WaitResult>("execution/wait", "Waits for the end of an execution").errors(&[
        RuntimeLost,
        ExecutionNotFound,
        ProgramNotStarted,
        DiskFull,
    ]),
    method::<ExecutionReadParams, ExecutionReadResult>("execution/read", "Fetches output by its position")
        .errors(&[ExecutionNotFound, ValidationFailed]),
    method::<StdinParams, StdinResult>("execution/stdin", "Writes to a program's standard input")
        .needs(Feature::Stdin)
        .graceful()
        .errors(&[FeatureNotNegotiated, ExecutionNotFound, NotRunning, StdinClosed]),
    method::<SignalParams, Done>("execution/signal", "Sends a signal to every process of an execution")
        .errors(&[ExecutionNotFound, NotRunning]),
    method::<ExecutionRef, Done>("execution/interrupt", "Does what Ctrl+C does")
        .errors(&[ExecutionNotFound, NotRunning]),
    method::<ExecutionRef, Done>("execution/kill", "Ends an execution and all its processes at once")
        .errors(&[ExecutionNotFound, NotRunning]),
    method::<ResizeParams, Done>("execution/resizePty", "Tells a terminal its new size").needs(Feature::Pty).errors(&[
        FeatureNotNegotiated,
        ExecutionNotFound,
        NotRunning,
        ValidationFailed,
    ]),
    method::<FsReadParams, FsReadResult>("fs/read", "Reads a file of the workspace").errors(&[
        SessionNotFound,
        SessionClosed,
        RuntimeLost,
        ValidationFailed,
        PathOutsideWorkspace,
        FileNotFound,
        NotADirectory,
        IsADirectory,
        PermissionDenied,
        TooLarge,
        FileChanged,
        NotARegularFile,
    ]),
    method::<FsWriteParams, FsWriteResult>("fs/write", "Writes a file of the workspace").graceful().errors(&[
        SessionNotFound,
        SessionClosed,
        RuntimeLost,
        ValidationFailed,
        PathOutsideWorkspace,
        FileNotFound,
        AlreadyExists,
        NotADirectory,
        IsADirectory,
        PermissionDenied,
        TooLarge,
        FileChanged,
        DiskFull,
        NotARegularFile,
    ]),
    method::<FsListParams, FsListResult>("fs/list", "Lists a directory of the workspace").errors(&[
        SessionNotFound,
        SessionClosed,
        RuntimeLost,
        ValidationFailed,
        PathOutsideWorkspace,
        FileNotFound,
        NotADirectory,
        PermissionDenied,
    ]),
    method::<FsStatParams, FsStatResult>("fs/stat", "Looks at one file, link or directory of the workspace").errors(&[
        SessionNotFound,
        SessionClosed,
        RuntimeLost,
        ValidationFailed,
        PathOutsideWorkspace,
        FileNotFound,
        NotADirectory,
        PermissionDenied,
    ]),
    method::<FsMkdirParams, FsMkdirResult>("fs/mkdir", "Makes a directory of the workspace").graceful().errors(&[
        SessionNotFound,
        SessionClosed,
        RuntimeLost,
        ValidationFailed,
        PathOutsideWorkspace,
        FileNotFound,
        AlreadyExists,
        NotADirectory,
        PermissionDenied,
        DiskFull,
    ]),
    method::<FsCopyParams, FsCopyResult>("fs/copy", "Copies a file or directory of the workspace")
        .graceful()
        .errors(TRANSFER_ERRORS),
    method::<FsMoveParams, FsMoveResult>("fs/move", "Moves or renames a file or directory of the workspace")
        .graceful()
        .errors(TRANSFER_ERRORS),
    method::<FsRemoveParams, FsRemoveResult>("fs/remove", "Removes a file or directory of the workspace")
        .graceful()
        .errors(&[
            SessionNotFound,
            SessionClosed,
            RuntimeLost,
            ValidationFailed,
            PathOutsideWorkspace,
            FileNotFound,
            NotADirectory,
            NotEmpty,
            PermissionDenied,
        ]),
    method::<FsDiffParams, FsDiffResult>("fs/diff", "Compares files of the workspace, or texts with them").errors(&[
        SessionNotFound,
        SessionClosed,
        RuntimeLost,
        ValidationFailed,
        PathOutsideWorkspace,
        FileNotFound,
        NotADirectory,
        IsADirectory,
        PermissionDenied,
        TooLarge,
        FileChanged,
        NotARegularFile,
    ]),
    method::<FsPatchParams, FsPatchResult>("fs/patch", "Applies a patch to the workspace, all of it or nothing")
        .graceful()
        .errors(&[
            SessionNotFound,
            SessionClosed,
            RuntimeLost,
            ValidationFailed,
            PathOutsideWorkspace,
            FileNotFound,
            NotADirectory,
            IsADirectory,
            PermissionDenied,
            TooLarge,
            FileChanged,
            PatchFailed,
            NotARegularFile,
        ]),
    method::<FsImportParams, FsImportResult>(
        "fs/import",
        "Copies a file or directory of this machine into the workspace",
    )
    .graceful()
    .progress()
    .errors(TRANSFER_ERRORS),
    method::<FsGlobParams, FsGlobResult>("fs/glob", "Finds files of the workspace by their names").errors(FIND_ERRORS),
    method::<FsSearchParams, FsSearchResult>("fs/search", "Finds lines in the files of the workspace")
        .errors(FIND_ERRORS),
    method::<DebugStartParams, DebugStartResult>("debug/start", "Makes a debug adapter")
        .needs(Feature::Debug)
        .graceful()
        .errors(&[
            FeatureNotNegotiated,
            SessionNotFound,
            SessionClosed,
            DebuggerUnavailable,
            DebugLimit,
            DebugSocketFailed,
        ]),
    method::<DebugSendParams, DebugSendResult>(
        "debug/send",
        "One request of the Debug Adapter Protocol, and its answer",
    )
    .needs(Feature::Debug)
    .errors(&[FeatureNotNegotiated, DebugNotFound]),
    method::<NoParams, DebugListResult>("debug/list", "What is debugged")
        .needs(Feature::Debug)
        .errors(&[FeatureNotNegotiated]),
    method::<DebugRef, Done>("debug/terminate", "Ends a debug adapter and the program that it launched")
        .needs(Feature::Debug)
        .graceful()
        .errors(&[FeatureNotNegotiated, DebugNotFound]),
    method::<DebugBreakpointsParams, Breakpoints>("debug/breakpoints", "Breakpoints that outlive a program")
        .needs(Feature::Debug)
        .errors(&[FeatureNotNegotiated, SessionNotFound, SessionClosed, ValidationFailed]),
];

/// What copying, moving and importing have in common.
const TRANSFER_ERRORS: &[ErrorKind] = &[
    SessionNotFound,
    SessionClosed,
    RuntimeLost,
    ValidationFailed,
    PathOutsideWorkspace,
    FileNotFound,
    AlreadyExists,
    NotADirectory,
    IsADirectory,
    PermissionDenied,
    TooLarge,
    DiskFull,
    NotARegularFile,
];

/// Every notification of ours.
pub const NOTIFICATIONS: &[Notification] = &[
    notification::<StartedNotice>("execution/started", "A program runs"),
    notification::<OutputNotice<'static>>("execution/output", "A program printed something").needs(Feature::Streaming),
    notification::<OutputGapNotice>("execution/outputGap", "Output is not passed on").needs(Feature::Streaming),
    notification::<ExitedNotice>("execution/exited", "A program and everything it left behind are gone"),
    notification::<StateChangedNotice>("session/stateChanged", "A session is used again, idle, closing or closed"),
    notification::<DebugMessage>("debug/message", "A message of the Debug Adapter Protocol; clients send it too")
        .needs(Feature::Debug)
        .both_ways(),
    notification::<DebugTerminatedNotice>("debug/terminated", "Nothing more is heard of something that was debugged")
        .needs(Feature::Debug),
    notification::<ShuttingDownNotice>("server/shuttingDown", "The daemon is about to end"),
];

/// The method of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

/// The answer to a request for a method that there is none of.
#[must_use]
pub fn not_found(name: &str) -> super::ProtocolError {
    let names: Vec<&str> = METHODS.iter().map(|method| method.name).collect();
    let error = super::ProtocolError::new(MethodNotFound, "there is no such method");
    match super::strict::closest(name, &names) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`initialize` answers the list of methods"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_methods_or_notifications_share_a_name() {
        let names: Vec<_> =
            METHODS.iter().map(|method| method.name).chain(NOTIFICATIONS.iter().map(|notice| notice.name)).collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    }

    #[test]
    fn a_method_that_needs_a_feature_can_say_so() {
        for method in METHODS.iter().filter(|method| method.feature.is_some()) {
            assert!(method.errors.contains(&FeatureNotNegotiated), "{}", method.name);
        }
    }

    #[test]
    fn no_method_repeats_what_every_method_may_answer() {
        for method in METHODS {
            assert!(method.errors.iter().all(|kind| !COMMON_ERRORS.contains(kind)), "{}", method.name);
        }
    }

    #[test]
    fn a_misspelled_method_is_recognised() {
        assert_eq!(not_found("session/creat").data.hint.unwrap(), "did you mean `session/create`?");
        assert_eq!(not_found("textDocument/hover").code, -32601);
    }
}
