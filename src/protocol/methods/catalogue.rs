//! What may be asked of the daemon itself, its runtimes and its engines.

use super::super::catalogue::{EngineListResult, NoParams, PrewarmParams, PrewarmResult, RuntimeListResult};
use super::super::error::ErrorKind::*;
use super::super::selection::{SelectParams, Selection};
use super::super::server::{DoctorResult, ServerInfoResult};
use super::{Method, SESSION, method};

pub(super) const METHODS: &[Method] = &[
    method::<NoParams, ServerInfoResult>("server/info", "What this daemon is and what its limits are"),
    method::<NoParams, DoctorResult>("server/doctor", "What can be used here, what can't, why, and what would mend it"),
    method::<NoParams, RuntimeListResult>("runtime/list", "Where code can be isolated"),
    method::<SelectParams, Selection>("runtime/select", "Which runtime and engine a session would get, and why")
        .errors(&[RuntimeUnavailable, LanguageUnsupported, IsolationUnsatisfied, ImageNotFound, NotSupportedByRuntime]),
    method::<PrewarmParams, PrewarmResult>(
        "runtime/prewarm",
        "Has an interpreter stand by in a session, or sandboxes made ready for sessions to come",
    )
    .shares(SESSION)
    .errors(&[
        RuntimeUnavailable,
        LanguageUnsupported,
        IsolationUnsatisfied,
        ImageNotFound,
        NotSupportedByRuntime,
        ValidationFailed,
        RuntimeLost,
    ]),
    method::<NoParams, EngineListResult>("engine/list", "What can run code, and in which languages"),
];
