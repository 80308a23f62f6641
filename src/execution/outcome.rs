//! What came of an execution.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use super::stage::{Stage, StageSummary};
use crate::agent::Ended;
use crate::agent::wire::Cause;

/// How an execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The program exited with code 0.
    Ok,
    /// The program exited with another code.
    Error,
    /// Its time was up.
    Timeout,
    /// A signal ended it.
    Killed,
    /// Its memory was up.
    OutOfMemory,
    /// The client cancelled it.
    Cancelled,
    /// It printed more than its limit, and was to be ended for that.
    OutputLimit,
    /// The sandbox went first.
    Lost,
}

/// Why the daemon ended an execution, the first reason counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    Timeout,
    Cancelled,
    Killed,
    OutputLimit,
}

/// What a program wrote to one stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Every byte, those not passed on included.
    pub bytes: u64,
    /// Whether bytes were not passed on.
    pub truncated: bool,
}

/// The result of an execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// How it ended.
    pub outcome: Outcome,
    /// The exit code, when the program exited.
    pub exit_code: Option<i32>,
    /// The signal that ended the program.
    pub signal: Option<i32>,
    /// When the program was started; `None` when it never was.
    pub started_at: Option<Timestamp>,
    /// From then until all of it was gone.
    pub duration: Duration,
    /// How long it waited for others.
    pub queued: Duration,
    /// Processor time of all its processes; `None` when the sandbox went.
    pub cpu: Option<Duration>,
    /// The most memory it had; `None` when the sandbox went.
    pub peak_memory_bytes: Option<u64>,
    /// Standard output, or all that its terminal showed.
    pub stdout: Written,
    /// Standard error.
    pub stderr: Written,
    /// What a cell ended with, where its language has a word for that.
    pub raised: Option<Raised>,
    /// The interpreter of the cell went with it.
    pub context_lost: bool,
    /// Its stages in order, the last being the one in which it ended; empty where it has but one.
    pub stages: Vec<StageSummary>,
}

/// An error of a cell's language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raised {
    /// Its kind, as the language names it.
    pub name: String,
    /// What it says.
    pub message: String,
    /// The calls that led to it, the innermost last.
    pub frames: Vec<Frame>,
}

/// One call on the way to an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The file, as the interpreter names it.
    pub file: String,
    /// What a client calls that.
    pub origin: Origin,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: Option<u32>,
    /// The function.
    pub function: String,
}

/// Where code came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A document that a client named so.
    Document(String),
    /// A file of this machine.
    Host(PathBuf),
    /// Nowhere but the sandbox.
    Inside,
}

impl Summary {
    /// The stage in which it ended.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stages.last().map_or(Stage::Run, |last| last.stage)
    }

    /// Tells apart what the exit status alone does not: `oom_kill` says whether the kernel killed a process
    /// of the session for its memory while this execution ran.
    pub(super) fn decide(ended: Option<&Ended>, stop: Option<StopReason>, oom_kill: bool) -> Outcome {
        let Some(ended) = ended else { return Outcome::Lost };
        let failed = ended.code != Some(0);
        match stop {
            _ if ended.cause == Some(Cause::Memory) => Outcome::OutOfMemory,
            None if oom_kill && failed => Outcome::OutOfMemory,
            Some(StopReason::Timeout) => Outcome::Timeout,
            Some(StopReason::Cancelled) => Outcome::Cancelled,
            Some(StopReason::Killed) => Outcome::Killed,
            Some(StopReason::OutputLimit) => Outcome::OutputLimit,
            None if ended.signal.is_some() => Outcome::Killed,
            None if failed => Outcome::Error,
            None => Outcome::Ok,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(code: Option<i32>, signal: Option<i32>, cause: Option<Cause>) -> Ended {
        Ended { execution: 1, code, signal, cause, cpu_micros: 0, peak_memory_bytes: 0, oom_kills: None }
    }

    #[test]
    fn the_reasons_of_a_death_by_signal_are_told_apart() {
        let killed = ended(None, Some(9), None);
        assert_eq!(Summary::decide(Some(&killed), None, false), Outcome::Killed);
        assert_eq!(Summary::decide(Some(&killed), None, true), Outcome::OutOfMemory);
        assert_eq!(Summary::decide(Some(&killed), Some(StopReason::Timeout), false), Outcome::Timeout);
        assert_eq!(Summary::decide(Some(&killed), Some(StopReason::Timeout), true), Outcome::Timeout);
        let watched = ended(None, Some(9), Some(Cause::Memory));
        assert_eq!(Summary::decide(Some(&watched), None, false), Outcome::OutOfMemory);
        assert_eq!(Summary::decide(None, Some(StopReason::Cancelled), false), Outcome::Lost);
    }

    #[test]
    fn a_program_that_ends_well_while_another_runs_out_of_memory_ended_well() {
        assert_eq!(Summary::decide(Some(&ended(Some(0), None, None)), None, true), Outcome::Ok);
        assert_eq!(Summary::decide(Some(&ended(Some(3), None, None)), None, false), Outcome::Error);
    }
}
