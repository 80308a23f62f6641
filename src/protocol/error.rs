//! What the daemon answers when it did not do what was asked.
//!
//! A program that fails is not an error: that is an [`super::Outcome`]. An error means that the daemon
//! did not do the thing, and its text says what to do about it. Codes below zero are those of JSON-RPC
//! and LSP; ours are positive and never reused. Nothing here knows how an answer travels.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::change::PatchFailure;

macro_rules! kinds {
    ($($(#[doc = $meaning:literal])+ $name:ident = $code:literal $(, $retryable:ident)?;)+) => {
        /// Every error of the protocol.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum ErrorKind {
            $($(#[doc = $meaning])+ $name,)+
        }

        impl ErrorKind {
            /// All of them, in the order of their families.
            pub const ALL: &'static [ErrorKind] = &[$(Self::$name,)+];

            /// The number that travels as `error.code`.
            #[must_use]
            pub const fn code(self) -> i64 {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// The name that travels as `error.data.kind`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// When it is answered, in one sentence or two.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($meaning),+).trim_ascii(),)+
                }
            }

            /// Whether the same request may succeed later, perhaps in a new session or with a new daemon.
            #[must_use]
            pub const fn retryable(self) -> bool {
                match self {
                    $(Self::$name => false $(|| kinds!(@$retryable))?,)+
                }
            }
        }
    };
    (@retryable) => { true };
}

kinds! {
    /// The message is not JSON, or nested too deep, or its framing is broken.
    ParseError = -32700;
    /// The message is JSON but no request, or comes at the wrong time, or is too long.
    InvalidRequest = -32600;
    /// There is no such method.
    MethodNotFound = -32601;
    /// The parameters are not those of the method. `data.path` says where.
    InvalidParams = -32602;
    /// The daemon failed. This is a bug in it.
    InternalError = -32603;
    /// `initialize` has to come first.
    ServerNotInitialized = -32002;
    /// The client cancelled the request, and what it asked for was not done.
    RequestCancelled = -32800;

    /// The method or value belongs to a feature that was not negotiated. `data.feature` names it.
    FeatureNotNegotiated = 1001;
    /// Client and daemon have no protocol version in common. `data.supported` lists the daemon's.
    ProtocolVersionUnsupported = 1002;
    /// Something that the client requires can't be had here. `data.unmet` lists what.
    RequirementUnmet = 1003;

    /// There is no such session, or it belongs to another client.
    SessionNotFound = 1100;
    /// The session was closed. The message says why.
    SessionClosed = 1101;
    /// A session with this `clientToken` is being created at this moment.
    SessionBusy = 1102, retryable;
    /// No more sessions can be open at one time.
    SessionLimit = 1103, retryable;

    /// The runtime can't be used here. The message says why, the hint how to mend it.
    RuntimeUnavailable = 1200;
    /// No engine runs this language.
    LanguageUnsupported = 1201;
    /// No usable runtime isolates as strictly as was asked for.
    IsolationUnsatisfied = 1202;
    /// There is no such image, neither on the machine nor where it was to be fetched. The hint says how to get one.
    ImageNotFound = 1203;
    /// The image could not be fetched. The message has the words of the engine.
    ImagePullFailed = 1204, retryable;
    /// The sandbox came to an end of which nobody gave notice. Files that were only in it are gone.
    RuntimeLost = 1205, retryable;
    /// The chosen runtime can't do this. The hint says what it can.
    NotSupportedByRuntime = 1206;
    /// The image could not be built. The message has the words of the engine.
    ImageBuildFailed = 1207;
    /// Something uses the image, or it has other names. The hint says what to do.
    ImageInUse = 1208;
    /// The daemon's settings do not allow this image to be fetched.
    ImageNotAllowed = 1209;

    /// There is no such execution, or it is no longer remembered.
    ExecutionNotFound = 1300;
    /// The execution has ended, or has not begun.
    NotRunning = 1301;
    /// The program's standard input is closed, or was never open.
    StdinClosed = 1302;
    /// There is no such context, or its interpreter is gone: `context/restart` starts another then.
    ContextNotFound = 1303;
    /// Too many executions wait in this session, or in this context.
    QueueFull = 1304, retryable;
    /// The program could not be started: it is missing, not executable, or its directory is missing.
    ProgramNotStarted = 1305;
    /// Something runs in the context, or the interpreter takes its time. What was asked may be asked again.
    ContextBusy = 1306, retryable;
    /// As many contexts are open in the session as can be.
    ContextLimit = 1307, retryable;

    /// A value is of the right type but out of range, or does not go with another.
    ValidationFailed = 1400;
    /// The path leads out of the workspace.
    PathOutsideWorkspace = 1401;
    /// More executions have begun within the last minute than the daemon's settings allow. `data.retryAfterMs` says when one more may.
    RateLimited = 1405, retryable;
    /// The daemon's settings do not let a session reach that much. The hint says which.
    NetworkDenied = 1407;
    /// No port is open under this name, or no longer.
    PortNotFound = 1420;
    /// As many ports of the session are open as can be.
    PortLimit = 1421;
    /// Nothing can be listened at on this machine: the port is taken, or may not be had. The message says why.
    PortNotOpened = 1422;

    /// There is no such file or directory.
    FileNotFound = 1500;
    /// The file is already there.
    AlreadyExists = 1501;
    /// A directory was needed, and this is none.
    NotADirectory = 1502;
    /// A file was needed, and this is a directory.
    IsADirectory = 1503;
    /// The directory is not empty.
    NotEmpty = 1504;
    /// The sandbox's user may not do this, or the workspace is read-only.
    PermissionDenied = 1505;
    /// More than one answer can carry, or than a limit allows.
    TooLarge = 1506;
    /// The file is not in the state that `ifMatch` names, or was written to while it was read.
    FileChanged = 1507;
    /// The workspace is full.
    DiskFull = 1508;
    /// The patch does not fit, or could not be written. `data.patch` says what became of each file. Unless it names what
    /// is left, the workspace is as it was.
    PatchFailed = 1509;
    /// Neither a file nor a directory: a pipe, socket or device.
    NotARegularFile = 1510;
    /// No more can be watched. The message says of what there is too much.
    WatchLimit = 1514;
    /// What looked for files, or watched them, was killed in the sandbox, by a program or for want of memory.
    SearchKilled = 1515, retryable;

    /// The tool that installs is not in the sandbox. The hint says what brings it.
    PackageToolMissing = 1600;
    /// What was named is no package of a registry's. `data.path` says which.
    PackageNameRefused = 1601;
    /// The tool ran and failed. The message has its last words.
    PackageToolFailed = 1602;
    /// There is no lock file.
    PackageNotLocked = 1603;
    /// What this machine says of registries can't be used, and nothing else is asked in their place. The message says what is wrong.
    PackageRegistryUnusable = 1604;

    /// Nothing is debugged under this name, or no longer.
    DebugNotFound = 1700;
    /// Nothing here can be debugged. The hint says what to install.
    DebuggerUnavailable = 1701;
    /// As much is debugged as can be at one time.
    DebugLimit = 1702, retryable;
    /// The socket for the Debug Adapter Protocol can't be made. The message says why.
    DebugSocketFailed = 1703;

    /// Too many requests are in flight.
    Overloaded = 1900, retryable;
    /// The daemon is about to end.
    ShuttingDown = 1901, retryable;
}

/// What rides along as `error.data`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorData {
    /// Name of the error, for programs that would rather not know numbers.
    pub kind: ErrorKind,
    /// Whether the same request may succeed later, perhaps in a new session or with a new daemon.
    pub retryable: bool,
    /// How long to wait before trying again, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// What to do about it, for a person to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The session that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The execution that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_id: Option<String>,
    /// Where in the parameters: `limits.memoryByte`, `source.args[2]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// With `FeatureNotNegotiated`: the feature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature: Option<String>,
    /// With `ProtocolVersionUnsupported`: the versions that the daemon speaks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supported: Vec<String>,
    /// With `RequirementUnmet`: the requirements that can't be met, as the client wrote them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmet: Vec<String>,
    /// With `PatchFailed`: what became of each file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Box<PatchFailure>>,
}

/// An answer that says no: the `error` member of a response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{message}")]
pub struct ProtocolError {
    /// The number of the error; see [`ErrorKind::code`].
    pub code: i64,
    /// What went wrong, for a person to read. Never holds a value of the environment.
    pub message: String,
    /// The same for programs.
    pub data: Box<ErrorData>,
}

impl ProtocolError {
    /// An error of this kind.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            code: kind.code(),
            message: message.into(),
            data: Box::new(ErrorData {
                kind,
                retryable: kind.retryable(),
                retry_after_ms: None,
                hint: None,
                session_id: None,
                execution_id: None,
                path: None,
                feature: None,
                supported: Vec::new(),
                unmet: Vec::new(),
                patch: None,
            }),
        }
    }

    /// Wrong parameters, at this place in them.
    #[must_use]
    pub fn invalid_params(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidParams, message).at(path)
    }

    /// Which error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.data.kind
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.data.hint = Some(hint.into());
        self
    }

    /// Says where in the parameters it is.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.data.path = Some(path.into());
        self
    }

    /// Says which session it is about.
    #[must_use]
    pub fn session(mut self, id: impl Into<String>) -> Self {
        self.data.session_id = Some(id.into());
        self
    }

    /// Says which execution it is about.
    #[must_use]
    pub fn execution(mut self, id: impl Into<String>) -> Self {
        self.data.execution_id = Some(id.into());
        self
    }

    /// Says when to try again, in milliseconds from now.
    #[must_use]
    pub fn retry_after_ms(mut self, milliseconds: u64) -> Self {
        self.data.retry_after_ms = Some(milliseconds);
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_errors_share_a_code_or_a_name() {
        let codes: HashSet<i64> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
        let names: HashSet<&str> = ErrorKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(codes.len(), ErrorKind::ALL.len());
        assert_eq!(names.len(), ErrorKind::ALL.len());
    }

    #[test]
    fn an_error_travels_with_its_name_and_without_what_it_does_not_say() {
        let error = ProtocolError::new(ErrorKind::QueueFull, "64 executions wait already").session("ses_1");
        assert_eq!(
            serde_json::to_value(&error).unwrap(),
            serde_json::json!({
                "code": 1304,
                "message": "64 executions wait already",
                "data": {"kind": "QueueFull", "retryable": true, "sessionId": "ses_1"},
            })
        );
    }
}
