//! The launcher after the fork: waits for the sandbox to end, and ends it when nobody wants it.
//!
//! Three things end a sandbox: PID 1 by itself; `SIGTERM` to the launcher, at once; and the death of
//! the daemon, seen as a hang-up of the stream, after a grace in which the agent may end by itself. A
//! `kill -9` of the daemon therefore leaves nothing, and a `kill -9` of the launcher neither: PID 1 has
//! asked for its parent's death signal.

use std::fs::File;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use codebeaker_agent::plan::Identity;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};

use super::identity;
use crate::failure::{Failure, Step, checked};

/// What the agent gets, from the daemon's death to its own.
const GRACE: Duration = Duration::from_millis(200);

/// `SIGTERM`, held back from the process and readable instead.
pub(crate) struct StopSignal {
    signals: File,
}

impl StopSignal {
    /// To be called before the fork, so that no signal can fall between.
    pub(crate) fn catch() -> Result<Self, Failure> {
        let set = signal_set(&[libc::SIGTERM]);
        set_signal_mask(&set)?;
        // SAFETY: the set lives through the call, and -1 asks for a new descriptor.
        let returned = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC) };
        let descriptor = checked(libc::c_long::from(returned)).step("catch SIGTERM")?;
        // SAFETY: the kernel has just given this descriptor to nobody else.
        let owned = unsafe { OwnedFd::from_raw_fd(descriptor as i32) };
        Ok(Self { signals: File::from(owned) })
    }

    /// In PID 1: gives the signal its ordinary meaning back.
    pub(crate) fn release(self) -> Result<(), Failure> {
        set_signal_mask(&signal_set(&[]))
    }
}

fn signal_set(signals: &[libc::c_int]) -> libc::sigset_t {
    // SAFETY: `sigset_t` is plain numbers, and `sigemptyset` makes a valid set of them.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is a live local.
    unsafe { libc::sigemptyset(&raw mut set) };
    for signal in signals {
        // SAFETY: as above; a number that is no signal would be refused, not misused.
        unsafe { libc::sigaddset(&raw mut set, *signal) };
    }
    set
}

fn set_signal_mask(set: &libc::sigset_t) -> Result<(), Failure> {
    // SAFETY: the set lives through the call, and the old mask is not asked for.
    let returned = unsafe { libc::sigprocmask(libc::SIG_SETMASK, set, std::ptr::null_mut()) };
    checked(libc::c_long::from(returned)).map(drop).step("set signal mask")
}

/// Waits until PID 1, and so every process of the sandbox, is gone.
pub(crate) fn until_gone(
    pid: Pid,
    stream: BorrowedFd<'_>,
    init: UnixStream,
    stop: StopSignal,
    identity: Identity,
) -> Result<(), Failure> {
    let watched = match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
        Ok(ended) => Watch { pid, ended, stop, init, identity }.until_ended(stream),
        Err(errno) => Err(errno).step("watch PID 1"),
    };
    if watched.is_err() {
        // It may be gone already: then there is nothing to kill.
        let _gone = rustix::process::kill_process(pid, Signal::KILL);
    }
    rustix::process::waitpid(Some(pid), WaitOptions::empty()).step("wait for PID 1")?;
    watched
}

struct Watch {
    pid: Pid,
    /// Readable when PID 1 has ended.
    ended: OwnedFd,
    stop: StopSignal,
    init: UnixStream,
    identity: Identity,
}

/// What the launcher waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    Ended,
    Stop,
    WantsMap,
    DaemonGone,
}

impl Watch {
    fn until_ended(mut self, stream: BorrowedFd<'_>) -> Result<(), Failure> {
        let mut awaited = vec![Event::Ended, Event::Stop, Event::DaemonGone];
        if matches!(self.identity, Identity::Unowned(_)) {
            awaited.push(Event::WantsMap);
        }
        let mut deadline = None;
        loop {
            match self.next(&awaited, stream, deadline)? {
                Some(Event::Ended) => return Ok(()),
                Some(Event::WantsMap) => {
                    identity::answer(self.pid, self.identity, &mut self.init)?;
                    awaited.retain(|event| *event != Event::WantsMap);
                }
                Some(Event::DaemonGone) => {
                    awaited.retain(|event| *event != Event::DaemonGone);
                    deadline = Some(Instant::now() + GRACE);
                }
                Some(Event::Stop) | None => {
                    rustix::process::pidfd_send_signal(&self.ended, Signal::KILL).step("kill PID 1")?;
                    awaited = vec![Event::Ended];
                    deadline = None;
                }
            }
        }
    }

    /// The first of `awaited` that has come; `None` when the deadline has.
    fn next(
        &self,
        awaited: &[Event],
        stream: BorrowedFd<'_>,
        deadline: Option<Instant>,
    ) -> Result<Option<Event>, Failure> {
        loop {
            let mut polled: Vec<PollFd<'_>> = awaited
                .iter()
                .map(|event| match event {
                    Event::Ended => PollFd::new(&self.ended, PollFlags::IN),
                    Event::Stop => PollFd::new(&self.stop.signals, PollFlags::IN),
                    Event::WantsMap => PollFd::new(&self.init, PollFlags::IN),
                    // A hang-up is told without being asked for; bytes are none of the launcher's business.
                    Event::DaemonGone => PollFd::from_borrowed_fd(stream, PollFlags::empty()),
                })
                .collect();
            let timeout = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let timeout = timeout.and_then(|left| Timespec::try_from(left).ok());
            match rustix::event::poll(&mut polled, timeout.as_ref()) {
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno).step("watch sandbox"),
                Ok(0) => return Ok(None),
                Ok(_) => {
                    let come = awaited.iter().zip(&polled).find(|(_, polled)| !polled.revents().is_empty());
                    return Ok(come.map(|(event, _)| *event));
                }
            }
        }
    }
}
