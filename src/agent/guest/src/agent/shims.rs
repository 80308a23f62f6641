//! The agent's shims: those that are at work, and those that wait for it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use codebeaker_agent::wire::Spawn;

use crate::agent::program::{Failure, ProgramLimits, Step};
use crate::agent::shim::{MAX_ORDER_BYTES, Report, Shim};
use crate::agent::sys::memory::Flag;
use crate::agent::sys::socket::{self, PASSED};
use crate::agent::sys::{self, Epoll, Errno};

/// How many may wait: one makes a program start sooner, more hardly ever do.
const MOST_WAITING: usize = 1;

/// Marks the tokens that epoll reports shims under; the rest of one is the shim's process id.
const SHIM: u64 = 1 << 63;

/// A shim's process id, when this is a shim's token.
pub(crate) fn shim_of(token: u64) -> Option<i32> {
    (token & SHIM != 0).then_some((token & !SHIM) as i32)
}

/// A process that can start a program.
pub(crate) struct Worker {
    pid: i32,
    link: OwnedFd,
    /// Raised by the shim before it starts what it was told.
    begun: Flag,
}

impl Worker {
    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// The reports that have come. None is left out, none comes twice.
    pub(crate) fn reports(&self) -> Vec<Report> {
        let mut all = Vec::new();
        let mut bytes = [0; 4 * Report::BYTES];
        while let Ok(length @ 1..) = sys::read(self.link.as_fd(), &mut bytes) {
            for report in bytes[..length].as_chunks().0 {
                // Only a shim holds the other end, and it is a copy of ourselves.
                let Some(report) = Report::from_bytes(report) else { sys::exit(3) };
                all.push(report);
            }
        }
        all
    }

    /// Whether it may have started something; if not, it can be killed and another be told the same.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.is_raised()
    }
}

/// The shims that wait, and how new ones are made.
pub(crate) struct Shims {
    waiting: Vec<Worker>,
    limits: ProgramLimits,
    adopt: bool,
    sweep: bool,
}

impl Shims {
    /// `sweep` is false only where an attack test leaves that protection out.
    pub(crate) fn new(limits: ProgramLimits, sweep: bool) -> Self {
        Shims { waiting: Vec::new(), limits, adopt: sys::has_subreapers(), sweep }
    }

    /// Has a program started, by a shim that waits or else by a new one.
    pub(crate) fn start(
        &mut self,
        spawn: &Spawn,
        streams: [BorrowedFd<'_>; PASSED],
        epoll: &Epoll,
    ) -> Result<Worker, Failure> {
        while let Some(worker) = self.waiting.pop() {
            // One that was killed may not have been missed yet.
            let is_alive = matches!(sys::wait(worker.pid, libc::WNOHANG), Ok(None));
            if is_alive && order(&worker, spawn, streams).is_ok() {
                return Ok(worker);
            }
        }
        self.fork(Some((spawn, streams)), epoll).map_err(|errno| Step::Fork.failed(errno))
    }

    /// Whether the agent, and no shim, gets what executions orphan, and has to see to it that it ends.
    pub(crate) fn leave_orphans(&self) -> bool {
        self.sweep && !self.adopt
    }

    /// Takes back a shim whose work is done.
    pub(crate) fn release(&mut self, worker: Worker) {
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push(worker);
        }
        // One too many ends when its link closes.
    }

    /// Makes sure that one waits, where there is room for it.
    pub(crate) fn provide(&mut self, epoll: &Epoll) {
        if self.waiting.is_empty() {
            // Without it, the next program starts a little later.
            self.waiting.extend(self.fork(None, epoll).ok());
        }
    }

    /// A child of the agent ended. Returns whether it was one that waited.
    pub(crate) fn lost(&mut self, pid: i32) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|worker| worker.pid != pid);
        self.waiting.len() < before
    }

    /// Whether a shim of this number waits.
    pub(crate) fn is_waiting(&self, pid: i32) -> bool {
        self.waiting.iter().any(|worker| worker.pid == pid)
    }

    fn fork(&self, first: Option<(&Spawn, [BorrowedFd<'_>; PASSED])>, epoll: &Epoll) -> sys::Result<Worker> {
        let (link, theirs) = socket::pair()?;
        let begun = Flag::new()?;
        sys::set_nonblocking(link.as_fd())?;
        // SAFETY: the agent has one thread, so the child may do whatever the parent could; it touches none
        // of the buffers that a fork leaves out, and never returns from here.
        let pid = sys::check(unsafe { libc::fork() })?;
        if pid == 0 {
            let first = first.map(|(spawn, streams)| (spawn, streams.map(|stream| stream.as_raw_fd())));
            Shim { link: theirs, begun: &begun, limits: &self.limits, adopts: self.adopt, sweep: self.sweep }.be(first);
        }
        let worker = Worker { pid, link, begun };
        if let Err(errno) = epoll.add(worker.link.as_fd(), libc::EPOLLIN, SHIM | pid as u64) {
            // Unheard, it is of no use; whatever it has begun ends with it.
            sys::kill(pid, libc::SIGKILL);
            return Err(errno);
        }
        Ok(worker)
    }
}

fn order(worker: &Worker, spawn: &Spawn, streams: [BorrowedFd<'_>; PASSED]) -> sys::Result<()> {
    let bytes = postcard::to_allocvec(spawn).map_err(|_| Errno(libc::EMSGSIZE))?;
    if bytes.len() > MAX_ORDER_BYTES {
        return Err(Errno(libc::EMSGSIZE));
    }
    worker.begun.set(false);
    socket::send(worker.link.as_fd(), &bytes, streams)
}
