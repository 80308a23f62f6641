//! Executions that are started ahead of their code.
//!
//! Until the code comes such a one runs nothing of anybody's, and counts for nothing: nobody waits for it, and what it
//! has used is not told.

use std::time::Instant;

use codebeaker_agent::wire::FileReply;

use super::{Execution, Phase};
use crate::agent::files::Files;
use crate::agent::processes::Table;
use crate::agent::sys::{self, Errno, Result};

impl Execution {
    /// Whether it waits for its code.
    pub(crate) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Gives it its code, or kills it.
    pub(crate) fn release(&mut self, code: &[u8], files: &Files) -> Result<FileReply> {
        let Phase::Running { program } = self.phase else { return Err(Errno(libc::ESRCH)) };
        let mut held = self.held.take().ok_or(Errno(libc::EALREADY))?;
        // Where it can't be told, its start counts.
        self.spent_micros = sys::processor_micros(program).unwrap_or(0);
        self.asked_for = Instant::now();
        files.release(&mut held, code).inspect_err(|_| {
            // Before the pipe is at its end, which to the program would be code too.
            self.kill(None);
        })
    }

    /// What memory it has of its own while it waits.
    pub(crate) fn weigh(&self) -> Result<FileReply> {
        match self.phase {
            Phase::Running { program } if self.is_held() => {
                Ok(FileReply::Weighed { bytes: Table::take()?.resident(program) })
            }
            _ => Err(Errno(libc::ESRCH)),
        }
    }
}
