//! A step of the set-up that failed, in the words that reach the daemon.

use std::fmt::Display;
use std::io;

/// Which step failed, and the kernel's error number; 0 when it was not the kernel that refused.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) step: String,
    pub(crate) errno: i32,
}

impl Failure {
    /// A refusal of our own.
    pub(crate) fn refused(step: impl Display) -> Self {
        Self { step: step.to_string(), errno: 0 }
    }
}

/// Names the step that a system call belonged to.
pub(crate) trait Step<T> {
    /// Turns an error into the failure of `step`, which is formatted only then.
    fn step(self, step: impl Display) -> Result<T, Failure>;
}

impl<T> Step<T> for io::Result<T> {
    fn step(self, step: impl Display) -> Result<T, Failure> {
        self.map_err(|error| Failure { step: step.to_string(), errno: error.raw_os_error().unwrap_or(0) })
    }
}

impl<T> Step<T> for rustix::io::Result<T> {
    fn step(self, step: impl Display) -> Result<T, Failure> {
        self.map_err(|errno| Failure { step: step.to_string(), errno: errno.raw_os_error() })
    }
}

/// What a raw system call returned, as a result.
pub(crate) fn checked(returned: libc::c_long) -> io::Result<libc::c_long> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(returned) }
}
