//! What the launcher does to itself and to the host: descriptors, its session, and the cgroups that
//! it takes away at the end.

use std::fs::OpenOptions;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use super::failure::{Failure, Step, checked};

/// How often a cgroup that still counts a dying process is tried again.
const REMOVE_ATTEMPTS: u32 = 400;

/// The pause between two attempts.
const REMOVE_PAUSE: Duration = Duration::from_millis(5);

/// Keys typed into the daemon's terminal are not meant for the sandbox.
pub(crate) fn leave_callers_session() -> Result<(), Failure> {
    rustix::process::setsid().map(drop).step("start session")
}

/// Closes every descriptor above the standard streams except `kept`.
pub(crate) fn close_all_but(kept: BorrowedFd<'_>) -> Result<(), Failure> {
    let kept = kept.as_raw_fd() as libc::c_uint;
    for (first, last) in [(3, kept - 1), (kept + 1, libc::c_uint::MAX)] {
        if first <= last {
            // SAFETY: a system call on numbers. No owner of a descriptor in this range exists yet: the
            // process has opened nothing but `kept`.
            checked(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).step("close descriptors")?;
        }
    }
    Ok(())
}

/// Points the standard streams at the null device under `path`.
pub(crate) fn standard_streams_to_null(path: &str) -> Result<(), Failure> {
    let null = OpenOptions::new().read(true).write(true).custom_flags(libc::O_CLOEXEC).open(path).step(path)?;
    rustix::stdio::dup2_stdin(&null).step("redirect stdin")?;
    rustix::stdio::dup2_stdout(&null).step("redirect stdout")?;
    rustix::stdio::dup2_stderr(&null).step("redirect stderr")
}

/// Removes the session's cgroups. One that can't be removed is left to the daemon, which looks for
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
