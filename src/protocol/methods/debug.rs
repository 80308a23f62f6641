//! The methods of debugging.

use super::super::catalogue::{Done, NoParams};
use super::super::debug::{
    Breakpoints, DebugBreakpointsParams, DebugListResult, DebugRef, DebugSendParams, DebugSendResult, DebugStartParams,
    DebugStartResult,
};
use super::super::error::ErrorKind::*;
use super::super::handshake::Feature;
use super::{Method, SESSION, method};

pub(super) const METHODS: &[Method] = &[
    method::<DebugStartParams, DebugStartResult>("debug/start", "Makes a debug adapter")
        .needs(Feature::Debug)
        .graceful()
        .shares(SESSION)
        .errors(&[DebuggerUnavailable, DebugLimit, DebugSocketFailed]),
    method::<DebugSendParams, DebugSendResult>(
        "debug/send",
        "One request of the Debug Adapter Protocol, and its answer",
    )
    .needs(Feature::Debug)
    .errors(&[DebugNotFound]),
    method::<NoParams, DebugListResult>("debug/list", "What is debugged").needs(Feature::Debug),
    method::<DebugRef, Done>("debug/terminate", "Ends a debug adapter and the program that it launched")
        .needs(Feature::Debug)
        .graceful()
        .errors(&[DebugNotFound]),
    method::<DebugBreakpointsParams, Breakpoints>("debug/breakpoints", "Breakpoints that outlive a program")
        .needs(Feature::Debug)
        .shares(SESSION)
        .errors(&[ValidationFailed]),
];
