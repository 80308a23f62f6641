//! Why a request was not done, as its client reads it.

use std::time::Duration;

use crate::debug::backend::Fault;
use crate::debug::handles::Missing;
use crate::execution::ExecutionError;
use crate::session::SessionError;

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// There is no such request.
    #[error("unsupported command {0:?}")]
    Unsupported(String),
    /// Its arguments are wrong.
    #[error("{0}")]
    Arguments(String),
    /// It comes too early or too late; with what to do.
    #[error("{0}")]
    State(&'static str),
    /// What it names is gone.
    #[error("the program has run on since; ask again")]
    Stale,
    /// What it names never was.
    #[error("there is no {what} {number}")]
    Unknown {
        /// What it would be.
        what: &'static str,
        /// As the client named it.
        number: u64,
    },
    /// Its client gave it up, or the debug session ended first.
    #[error("cancelled")]
    Cancelled,
    /// It took too long.
    #[error("cancelled: it took longer than {} s", .0.as_secs_f32())]
    TooSlow(Duration),
    /// Too many wait.
    #[error("too many requests wait already")]
    Crowded,
    /// The debugger did not do it.
    #[error(transparent)]
    Debugger(#[from] Fault),
    /// The session did not do it.
    #[error("{}", with_fix(.0))]
    Session(#[from] SessionError),
    /// The execution did not do it.
    #[error(transparent)]
    Execution(#[from] ExecutionError),
    /// The program ended before it could be debugged.
    #[error("the program ended before it could be debugged: {0}")]
    EndedEarly(String),
    /// We failed.
    #[error("the debug adapter failed at this, which is a bug in it")]
    Bug,
}

/// In full, with what would mend it: nothing else of it reaches whoever reads this.
fn with_fix(error: &SessionError) -> String {
    let message = crate::causes::in_full(error);
    match error.fix() {
        Some(fix) => format!("{message}; {fix}"),
        None => message,
    }
}

impl Refusal {
    /// What a number that names nothing comes to.
    pub(super) fn missing(missing: Missing, what: &'static str, number: u64) -> Self {
        match missing {
            Missing::Stale => Self::Stale,
            Missing::Unknown => Self::Unknown { what, number },
        }
    }
}
