//! What the launcher does to itself and to the host: its session, and the cgroups that it takes away at
//! the end.

use std::path::PathBuf;
use std::time::Duration;

use crate::failure::{Failure, Step};

/// How often a cgroup that still counts a dying process is tried again.
const REMOVE_ATTEMPTS: u32 = 400;

/// The pause between two attempts.
const REMOVE_PAUSE: Duration = Duration::from_millis(5);

/// Keys typed into the daemon's terminal are not meant for the sandbox.
pub(crate) fn leave_callers_session() -> Result<(), Failure> {
    rustix::process::setsid().map(drop).step("start session")
}

/// Removes the session's cgroups, those that are there. One that can't be removed is left to the daemon, which looks for
/// such when it starts: there is nobody here to tell.
pub(crate) fn remove_cgroups(directories: &[PathBuf]) {
    for directory in directories {
        for _ in 0..REMOVE_ATTEMPTS {
            match std::fs::remove_dir(directory) {
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => std::thread::sleep(REMOVE_PAUSE),
                _ => break,
            }
        }
    }
}
