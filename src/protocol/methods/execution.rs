//! The methods of executions.

use super::super::catalogue::Done;
use super::super::error::ErrorKind::*;
use super::super::execution::{
    Execution, ExecutionListParams, ExecutionListResult, ExecutionReadParams, ExecutionReadResult, ExecutionRef,
    ResizeParams, SignalParams, StdinParams, StdinResult, WaitParams, WaitResult,
};
use super::super::handshake::Feature;
use super::{Method, SESSION, method};

pub(super) const METHODS: &[Method] =
    &[
        method::<ExecutionListParams, ExecutionListResult>("execution/list", "Executions that wait, run or have ended")
            .shares(SESSION),
        method::<ExecutionRef, Execution>("execution/get", "An execution as it is now").errors(&[ExecutionNotFound]),
        method::<WaitParams, WaitResult>("execution/wait", "Waits for the end of an execution").errors(&[
            RuntimeLost,
            ExecutionNotFound,
            ContextNotFound,
            ProgramNotStarted,
            DiskFull,
        ]),
        method::<ExecutionReadParams, ExecutionReadResult>("execution/read", "Fetches output by its position")
            .errors(&[ExecutionNotFound, ValidationFailed]),
        method::<StdinParams, StdinResult>("execution/stdin", "Writes to a program's standard input")
            .needs(Feature::Stdin)
            .graceful()
            .errors(&[ExecutionNotFound, NotRunning, StdinClosed]),
        method::<SignalParams, Done>("execution/signal", "Sends a signal to every process of an execution")
            .errors(&[ExecutionNotFound, NotRunning]),
        method::<ExecutionRef, Done>("execution/interrupt", "Does what Ctrl+C does")
            .errors(&[ExecutionNotFound, NotRunning]),
        method::<ExecutionRef, Done>("execution/kill", "Ends an execution and all its processes at once")
            .errors(&[ExecutionNotFound, NotRunning]),
        method::<ResizeParams, Done>("execution/resizePty", "Tells a terminal its new size")
            .needs(Feature::Pty)
            .errors(&[ExecutionNotFound, NotRunning, ValidationFailed]),
    ];
