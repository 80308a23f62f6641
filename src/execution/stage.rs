//! The stages of an execution: code of some languages is compiled before it runs.
//!
//! Both are one execution with one time limit, one order of output and one end. What is typed into it goes to the
//! program, never to its compiler.

use std::time::Duration;

use jiff::Timestamp;

/// A part of an execution, with a process of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Stage {
    /// A compiler makes the program.
    Compile,
    /// The program runs.
    #[default]
    Run,
}

/// How a stage ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageSummary {
    /// Which.
    pub stage: Stage,
    /// The exit code, when its process exited.
    pub exit_code: Option<i32>,
    /// The signal that ended its process.
    pub signal: Option<i32>,
    /// When it was started; `None` when it never was.
    pub started_at: Option<Timestamp>,
    /// From then until all of it was gone.
    pub duration: Duration,
    /// Processor time of all its processes; `None` when the sandbox went.
    pub cpu: Option<Duration>,
    /// The most memory it had; `None` when the sandbox went.
    pub peak_memory_bytes: Option<u64>,
}
