//! The methods of live interpreters.

use super::super::catalogue::Done;
use super::super::context::{
    CompleteParams, CompleteResult, Context, ContextCreateParams, ContextListParams, ContextListResult, ContextRef,
    InputAnswer, InputRequest, InspectParams, InspectResult, VariablesParams, VariablesResult,
};
use super::super::error::ErrorKind::{self, *};
use super::super::handshake::Feature;
use super::{Errors, Method, OF_SESSION, SANDBOX, SESSION, method, question};

/// Of all that ask an interpreter something.
const QUESTION: Errors = &[OF_SESSION, IN_CONTEXT];

const IN_CONTEXT: &[ErrorKind] = &[ContextNotFound, QueueFull, ContextBusy, ValidationFailed];

pub(super) const METHODS: &[Method] = &[
    method::<ContextCreateParams, Context>("context/create", "Starts a live interpreter")
        .needs(Feature::Contexts)
        .graceful()
        .shares(SANDBOX)
        .errors(&[LanguageUnsupported, ProgramNotStarted, ContextLimit, DiskFull]),
    method::<ContextListParams, ContextListResult>("context/list", "The live interpreters that there are")
        .needs(Feature::Contexts)
        .shares(SESSION),
    method::<ContextRef, Done>("context/delete", "Ends a live interpreter and all that waits for it")
        .needs(Feature::Contexts)
        .graceful()
        .shares(SESSION)
        .errors(&[ContextNotFound]),
    method::<ContextRef, Context>("context/restart", "Ends an interpreter, and starts another in its place")
        .needs(Feature::Contexts)
        .graceful()
        .shares(SESSION)
        .errors(&[ContextNotFound, ProgramNotStarted, RuntimeLost, DiskFull]),
    method::<CompleteParams, CompleteResult>("context/complete", "What could stand at a place in code")
        .needs(Feature::Contexts)
        .shares(QUESTION),
    method::<InspectParams, InspectResult>("context/inspect", "What stands at a place in code")
        .needs(Feature::Contexts)
        .shares(QUESTION),
    method::<VariablesParams, VariablesResult>("context/variables", "What the code has defined so far")
        .needs(Feature::Contexts)
        .shares(QUESTION),
];

/// What the daemon asks.
pub(super) const ASKED: &[Method] =
    &[question::<InputRequest, InputAnswer>("execution/inputRequest", "A line of input that a cell waits for")
        .needs(Feature::InputRequest)];
