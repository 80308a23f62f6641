//! Signals for the foreground of a terminal, where the kernel tells it to nobody outside the terminal's session.
//!
//! So it is with gVisor's terminals: they answer none but their own session's processes, and make no signals of
//! keys or of a new size. A witness is a process in the session of the program, in a group of its own, that
//! waits at a pipe for the number of a signal and delivers it to whoever is in the foreground then. It is left
//! behind between `clone` and `exec`, an orphan from the start: the program has no child that it doesn't know,
//! and the witness ends with the pipe, or with all else that the execution leaves.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use crate::agent::sys::{self, Errno, Result};
use crate::handover::HIGHEST_DESCRIPTOR;

/// More than a terminal holds of what was typed.
const MOST_UNREAD: usize = 256 * 1024;

/// How a witness is told what to deliver.
pub(crate) struct Witness {
    bell: OwnedFd,
}

impl Witness {
    /// One that is yet to be left behind, and what it will wait at.
    pub(crate) fn new() -> Result<(Witness, OwnedFd)> {
        let (waits, bell) = sys::pipe()?;
        sys::set_nonblocking(bell.as_fd())?;
        Ok((Witness { bell }, waits))
    }

    /// Another way to the same one.
    pub(crate) fn again(&self) -> Result<Witness> {
        sys::duplicate(self.bell.as_fd()).map(|bell| Witness { bell })
    }

    /// Has it deliver a signal. Returns whether it may; one that was killed can't.
    pub(crate) fn deliver(&self, signal: i32) -> bool {
        let number = u8::try_from(signal).unwrap_or(0);
        // A pipe that is full holds thousands of signals already.
        matches!(sys::write(self.bell.as_fd(), &[number]), Ok(_) | Err(Errno(libc::EAGAIN)))
    }
}

/// The keys that make signals where the kernel makes none.
pub(crate) struct Keys {
    witness: Witness,
    /// The program's side of the terminal, which here never waits.
    unread: OwnedFd,
}

impl Keys {
    /// For the terminal that has this master.
    pub(crate) fn new(witness: Witness, master: BorrowedFd<'_>) -> Result<Self> {
        let unread = sys::terminal_by_name(master, libc::O_RDWR | libc::O_NONBLOCK)?;
        Ok(Keys { witness, unread })
    }

    /// How many of these bytes come before one that makes a signal, and which signal that is.
    pub(crate) fn seek(&self, terminal: BorrowedFd<'_>, typed: &[u8]) -> (usize, Option<i32>) {
        let all = (typed.len(), None);
        let Ok(mode) = sys::terminal_mode(terminal) else { return all };
        if mode.c_lflag & libc::ISIG == 0 {
            return all;
        }
        let keys = [(libc::VINTR, libc::SIGINT), (libc::VQUIT, libc::SIGQUIT), (libc::VSUSP, libc::SIGTSTP)];
        let signal = |byte: u8| {
            let key = keys.iter().find(|(key, _)| mode.c_cc[*key] == byte && byte != libc::_POSIX_VDISABLE)?;
            Some(key.1)
        };
        let found = typed.iter().enumerate().find_map(|(at, byte)| Some((at, Some(signal(*byte)?))));
        found.unwrap_or(all)
    }

    /// Does what such a key does. What was typed before it, and can be read, is lost, unless the program wants
    /// to have it.
    pub(crate) fn press(&self, signal: i32) {
        let forgets = sys::terminal_mode(self.unread.as_fd()).is_ok_and(|mode| mode.c_lflag & libc::NOFLSH == 0);
        let mut lost = [0; 1024];
        // No more than a terminal holds, though a program may type to itself.
        for _ in 0..MOST_UNREAD / lost.len() {
            if !forgets || !matches!(sys::read(self.unread.as_fd(), &mut lost), Ok(1..)) {
                break;
            }
        }
        // Without a witness there is nobody who could know of it.
        self.witness.deliver(signal);
    }
}

/// Leaves a witness behind in the session of this process, whose controlling terminal this is. Allocates nothing:
/// the memory is the shim's.
pub(crate) fn leave(terminal: RawFd, waits: RawFd) -> Result<()> {
    let between = fork()?;
    if between == 0 {
        match fork() {
            Ok(0) => wait_and_deliver(terminal, waits),
            other => sys::exit(i32::from(other.is_err())),
        }
    }
    match sys::wait(between, 0)? {
        Some(waited) if waited.status == 0 => Ok(()),
        _ => Err(Errno(libc::EAGAIN)),
    }
}

/// Forks with a copy of the memory, and without what a library does about forks: it has no say in memory that is
/// another process's.
fn fork() -> Result<i32> {
    // SAFETY: the child has a copy of this thread's memory and stack, and makes nothing but system calls.
    sys::check(unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) } as libc::c_int)
}

/// Is the witness. Every signal is blocked, as it was before.
fn wait_and_deliver(terminal: RawFd, waits: RawFd) -> ! {
    // SAFETY: calls on numbers; no descriptor is used again but the two that are kept.
    let session = unsafe {
        libc::setpgid(0, 0);
        libc::dup2(terminal, 0);
        libc::dup2(waits, 1);
        libc::close_range(2, HIGHEST_DESCRIPTOR, 0);
        libc::getsid(0)
    };
    loop {
        let mut number = 0_u8;
        // SAFETY: there is room for the one byte; the descriptor is open.
        let length = unsafe { libc::read(1, (&raw mut number).cast(), 1) };
        match length {
            1 => {}
            -1 if Errno::last().0 == libc::EINTR => continue,
            _ => sys::exit(0),
        }
        let mut group: libc::pid_t = 0;
        // SAFETY: `TIOCGPGRP` fills in a pid_t.
        let told = unsafe { libc::ioctl(0, libc::TIOCGPGRP as _, &raw mut group) } == 0 && group > 1;
        sys::kill(-if told { group } else { session }, i32::from(number));
    }
}
