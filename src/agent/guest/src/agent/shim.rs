//! The shim: one small process between the agent and each program, which outlives all of the program.
//!
//! It is the reaper of everything the program starts: whatever is orphaned below it, by double forks or
//! `setsid`, becomes its child. It tells the agent how the program ended at once, kills what the program
//! left behind until nothing is left, says so, and ends. It never touches the program's streams, holds
//! nothing of the agent's, and does not rely on being left alone: programs run under the same user and
//! may kill or stop it, and the agent makes up for both.

use std::ffi::c_void;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use crate::agent::processes::{Table, prefer_as_victim};
use crate::agent::program::{Failure, Program, Step};
use crate::agent::sys::{self, Errno, Usage};

/// Where the child runs between `clone` and `exec`; it has the shim's memory but must not have its stack.
const STACK_BYTES: usize = 64 * 1024;

/// What a shim tells the agent, in this order: `NotStarted`; or `Started`, `Ended`, `Swept`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// The program runs under this number.
    Started { pid: i32 },
    /// It could not be started, and nothing is left of the attempt.
    NotStarted(Failure),
    /// The program itself ended, with this wait status.
    Ended { status: i32, usage: Usage },
    /// Nothing of the program is left; this is what all of it used.
    Swept { usage: Usage },
}

impl Report {
    /// The length of every report, far below what a pipe takes at one stroke.
    pub(crate) const BYTES: usize = 28;

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let (kind, first, second, usage) = match self {
            Report::Started { pid } => (1, pid, 0, Usage::default()),
            Report::NotStarted(failure) => (2, failure.step as i32, failure.errno.0, Usage::default()),
            Report::Ended { status, usage } => (3, status, 0, usage),
            Report::Swept { usage } => (4, 0, 0, usage),
        };
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&i32::to_le_bytes(kind));
        bytes[4..8].copy_from_slice(&first.to_le_bytes());
        bytes[8..12].copy_from_slice(&second.to_le_bytes());
        bytes[12..20].copy_from_slice(&usage.cpu_micros.to_le_bytes());
        bytes[20..].copy_from_slice(&usage.peak_bytes.to_le_bytes());
        bytes
    }

    /// Reads a report back; `None` for bytes that are none.
    pub(crate) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let word = |at: usize| i32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let long = |at: usize| u64::from(word(at) as u32) | u64::from(word(at + 4) as u32) << 32;
        let usage = Usage { cpu_micros: long(12), peak_bytes: long(20) };
        Some(match word(0) {
            1 => Report::Started { pid: word(4) },
            2 => Report::NotStarted(Step::from_number(word(4) as u32)?.failed(Errno(word(8)))),
            3 => Report::Ended { status: word(4), usage },
            4 => Report::Swept { usage },
            _ => return None,
        })
    }
}

/// Forks a shim that starts `program` and reports through `status`. `sweep` is false only where an
/// attack test leaves that protection out.
pub(crate) fn fork(program: &Program, status: &OwnedFd, sweep: bool) -> sys::Result<i32> {
    // SAFETY: the agent has one thread, so the child may do whatever the parent could; it touches none of
    // the buffers that a fork leaves out, and never returns from here.
    match sys::check(unsafe { libc::fork() })? {
        0 => Shim { status: status.as_raw_fd(), sweep }.run(program),
        pid => Ok(pid),
    }
}

struct Shim {
    status: RawFd,
    sweep: bool,
}

impl Shim {
    fn run(&self, program: &Program) -> ! {
        match self.start(program) {
            Err(failure) => self.report(&[Report::NotStarted(failure)]),
            Ok(pid) => {
                // A program whose file nobody may read is closed to us as well and keeps the default;
                // one that has already ended needs none. Neither is a reason not to run it.
                let _ = prefer_as_victim(pid);
                self.report(&[Report::Started { pid }]);
                self.outlive(pid);
            }
        }
        sys::exit(0)
    }

    fn start(&self, program: &Program) -> Result<i32, Failure> {
        // SAFETY: no pointers.
        sys::check(unsafe { libc::setsid() }).map_err(|errno| Step::Supervise.failed(errno))?;
        if self.sweep {
            // SAFETY: no pointers.
            sys::check(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) })
                .map_err(|errno| Step::Supervise.failed(errno))?;
        }
        let mut keep = [program.streams[0], program.streams[1], program.streams[2], self.status];
        close_all_but(&mut keep).map_err(|errno| Step::CloseDescriptors.failed(errno))?;
        let started = spawn(program);
        // While the shim held these, no reader would see the end of the program's streams.
        close_all_but(&mut [self.status]).map_err(|errno| Step::CloseDescriptors.failed(errno))?;
        started
    }

    /// Reaps until the program has ended, then until there is nothing left to reap.
    fn outlive(&self, program: i32) {
        let ended = loop {
            let Ok(pid) = sys::await_child() else { return };
            if pid == program && self.sweep {
                // While the program is not reaped its number still names its group, and no other.
                sys::kill(-program, libc::SIGKILL);
            }
            if let Ok(Some(waited)) = sys::wait(pid, 0)
                && pid == program
            {
                break Report::Ended { status: waited.status, usage: waited.usage };
            }
        };
        if !self.sweep || sys::wait(-1, libc::WNOHANG).is_err() {
            // The usual case: it left nothing behind.
            self.report(&[ended, Report::Swept { usage: sys::usage_of_children() }]);
        } else {
            self.report(&[ended]);
            sweep();
            self.report(&[Report::Swept { usage: sys::usage_of_children() }]);
        }
    }

    fn report(&self, reports: &[Report]) {
        let bytes: Vec<u8> = reports.iter().flat_map(|report| report.to_bytes()).collect();
        // SAFETY: the descriptor was made for this shim and stays open until it ends.
        let status = unsafe { BorrowedFd::borrow_raw(self.status) };
        if sys::write(status, &bytes).is_err() {
            // The agent is gone, and so are we in a moment.
            sys::exit(1);
        }
    }
}

/// Kills all descendants of this process and reaps them, until there is none.
fn sweep() {
    let own = std::process::id() as i32;
    loop {
        let mut descendants = Vec::new();
        if let Ok(table) = Table::take() {
            descendants = table.descendants(own);
            table.kill(&descendants, |group| group == own);
        }
        // One child at least was seen and killed, so its end will come; those it orphaned meanwhile are
        // found by the next pass. A pass that saw nobody proves nothing: look again.
        let flags = if descendants.is_empty() { libc::WNOHANG } else { 0 };
        match sys::wait(-1, flags) {
            Err(_) => return,
            Ok(None) => sys::sleep(Duration::from_millis(1)),
            Ok(Some(_)) => while matches!(sys::wait(-1, libc::WNOHANG), Ok(Some(_))) {},
        }
    }
}

/// Closes every descriptor except these.
fn close_all_but(keep: &mut [RawFd]) -> sys::Result<()> {
    keep.sort_unstable();
    let mut first = 0;
    for fd in keep.iter().map(|fd| *fd as u32) {
        if fd > first {
            close_range(first, fd - 1)?;
        }
        first = fd + 1;
    }
    close_range(first, u32::MAX)
}

fn close_range(first: u32, last: u32) -> sys::Result<()> {
    // SAFETY: the shim uses none of these descriptors again; it never runs an owner's destructor.
    sys::check(unsafe { libc::close_range(first, last, 0) }).map(drop)
}

/// What the child finds in the memory it shares with the shim.
struct Launch<'a> {
    program: &'a Program,
    failure: Option<Failure>,
}

/// Starts the program, and returns when it has been executed, or when that failed.
fn spawn(program: &Program) -> Result<i32, Failure> {
    let mut stack = vec![0_u128; STACK_BYTES / size_of::<u128>()];
    let mut launch = Launch { program, failure: None };
    // SAFETY: the child borrows this process's memory, on a stack of its own that grows down from the end
    // of `stack`, while CLONE_VFORK suspends us; it leaves by `execve` or `_exit` alone.
    let pid = sys::check(unsafe {
        libc::clone(
            child,
            stack.as_mut_ptr_range().end.cast(),
            libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD,
            (&raw mut launch).cast(),
        )
    })
    .map_err(|errno| Step::Fork.failed(errno))?;
    // SAFETY: the child has written it through the pointer above, and is done.
    match unsafe { (&raw const launch.failure).read_volatile() } {
        None => Ok(pid),
        Some(failure) => {
            // What it ended with says less than the failure.
            drop(sys::wait(pid, 0));
            Err(failure)
        }
    }
}

extern "C" fn child(launch: *mut c_void) -> libc::c_int {
    let launch = launch.cast::<Launch<'_>>();
    // SAFETY: `spawn` passed a `Launch` and is suspended until we are done with it.
    unsafe {
        let failure = execute((*launch).program);
        (&raw mut (*launch).failure).write_volatile(Some(failure));
    }
    sys::exit(127)
}

/// Turns this process into the program. Allocates nothing: the memory belongs to the shim.
fn execute(program: &Program) -> Failure {
    let failed = |step: Step| step.failed(Errno::last());
    // SAFETY: none of these calls has a precondition beyond pointers that `program` keeps valid.
    unsafe {
        if libc::setsid() < 0 {
            return failed(Step::OwnSession);
        }
        for (target, source) in program.streams.iter().enumerate() {
            if libc::dup2(*source, target as RawFd) < 0 {
                return failed(Step::ConnectStreams);
            }
        }
        if libc::close_range(3, u32::MAX, 0) < 0 {
            return failed(Step::CloseDescriptors);
        }
        if program.terminal && libc::ioctl(0, libc::TIOCSCTTY as _, 0) < 0 {
            return failed(Step::TakeTerminal);
        }
        for (resource, limit) in &program.limits {
            if libc::setrlimit(*resource, limit) < 0 {
                return failed(Step::Limit);
            }
        }
        if let Some(set) = &program.processors
            && libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), set) < 0
        {
            return failed(Step::ChooseProcessors);
        }
        // After the descriptors are closed: a path through /proc/self/fd leads nowhere.
        if libc::chdir(program.cwd.as_ptr()) < 0 {
            return failed(Step::EnterDirectory);
        }
        sys::unblock_signals();
        let mut failure = Step::FindProgram.failed(Errno(libc::ENOENT));
        for candidate in program.candidates.strings() {
            libc::execve(candidate.as_ptr(), program.argv.as_ptr(), program.env.as_ptr());
            match Errno::last().0 {
                // There but not to be run, or its interpreter is missing; a later directory may do better.
                libc::ENOENT | libc::ENOTDIR if libc::access(candidate.as_ptr(), libc::F_OK) < 0 => {}
                errno @ (libc::ENOENT | libc::ENOTDIR | libc::EACCES) => {
                    failure = Step::Execute.failed(Errno(errno));
                }
                errno => return Step::Execute.failed(Errno(errno)),
            }
        }
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_survives_the_pipe() {
        let usage = Usage { cpu_micros: 0x1_8000_0003, peak_bytes: u64::MAX };
        for report in [
            Report::Started { pid: 7 },
            Report::NotStarted(Step::EnterDirectory.failed(Errno(libc::ENOTDIR))),
            Report::Ended { status: 0x8b, usage },
            Report::Swept { usage },
        ] {
            assert_eq!(Report::from_bytes(&report.to_bytes()), Some(report));
        }
        assert_eq!(Report::from_bytes(&[0; Report::BYTES]), None);
    }
}
