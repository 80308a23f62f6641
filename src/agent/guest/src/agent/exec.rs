//! From a fork to a program: what happens between `clone` and `exec`.
//!
//! The child shares the shim's memory until it is the program, so it makes system calls and nothing
//! else. Whatever fails is told to the shim, which waits for that; no half-made program runs.

use std::ffi::c_void;
use std::os::fd::RawFd;

use crate::agent::program::{Failure, Program, Step};
use crate::agent::sys::{self, Errno};
use crate::agent::witness;
use crate::handover::HIGHEST_DESCRIPTOR;

/// Where the child runs; it has the shim's memory but must not have its stack.
const STACK_BYTES: usize = 64 * 1024;

/// What the child finds in the memory it shares with the shim.
struct Launch<'a> {
    program: &'a Program,
    failure: Option<Failure>,
}

/// Starts the program, and returns when it has been executed, or when that failed.
pub(crate) fn spawn(program: &Program) -> Result<i32, Failure> {
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
        let [terminal, .., waits] = program.streams;
        if program.terminal && libc::ioctl(terminal, libc::TIOCSCTTY as _, 0) < 0 {
            return failed(Step::TakeTerminal);
        }
        if program.witness
            && let Err(errno) = witness::leave(terminal, waits)
        {
            return Step::TakeTerminal.failed(errno);
        }
        let count = if program.side { 4 } else { 3 };
        // The last number may be one that a stream came under. By its turn that stream is where it belongs, and
        // if it is the last itself it only has to stay open.
        for (target, source) in program.streams.iter().take(count).enumerate() {
            let target = target as RawFd;
            if libc::dup2(*source, target) < 0 || (*source == target && libc::fcntl(target, libc::F_SETFD, 0) < 0) {
                return failed(Step::ConnectStreams);
            }
        }
        if libc::close_range(count as u32, HIGHEST_DESCRIPTOR, 0) < 0 {
            return failed(Step::CloseDescriptors);
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
