//! The methods of sessions.

use super::super::command::{BatchParams, BatchResult};
use super::super::error::ErrorKind::*;
use super::super::execution::{ExecuteParams, ExecuteResult};
use super::super::session::{
    CloseParams, CloseResult, CreateParams, KeepAliveResult, SessionDetails, SessionListParams, SessionListResult,
    SessionRef, UpdateParams,
};
use super::{Method, SANDBOX, SESSION, method};

pub(super) const METHODS: &[Method] = &[
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
        NetworkDenied,
        FileNotFound,
        NotADirectory,
        PermissionDenied,
        DiskFull,
    ]),
    method::<SessionRef, SessionDetails>("session/get", "A session as it is now").shares(SESSION),
    method::<SessionListParams, SessionListResult>("session/list", "The sessions of this connection"),
    method::<UpdateParams, SessionDetails>("session/update", "Changes time-outs, labels, environment or limits")
        .graceful()
        .shares(SESSION)
        .errors(&[NotSupportedByRuntime, ValidationFailed]),
    method::<SessionRef, KeepAliveResult>("session/keepAlive", "Counts as a use of the session").shares(SESSION),
    method::<CloseParams, CloseResult>("session/close", "Ends a session and everything in it")
        .graceful()
        .shares(SESSION),
    method::<ExecuteParams, ExecuteResult>("session/execute", "Runs code, a file or a program")
        .graceful()
        .progress()
        .shares(SANDBOX)
        .errors(&[
            FeatureNotNegotiated,
            LanguageUnsupported,
            ContextNotFound,
            QueueFull,
            RateLimited,
            ProgramNotStarted,
            DiskFull,
        ]),
    method::<BatchParams, BatchResult>("session/batch", "Does several typed commands, one after the other")
        .graceful()
        .shares(SANDBOX),
];
