//! The shim: a small process between the agent and a program, which outlives all of the program.
//!
//! It is the reaper of everything the program starts: whatever is orphaned below it, by double forks or
//! `setsid`, becomes its child. It tells the agent how the program ended at once, kills what the program
//! left behind until nothing is left, says so, and waits for the next order: a fork is dear, and a shim
//! without children is as good as new. It never touches the program's streams, holds nothing of the
//! agent's, and does not rely on being left alone: programs run under the same user and may kill or stop
//! it, and the agent makes up for both.

use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::time::Duration;

use codebeaker_agent::wire::Spawn;

use crate::agent::exec;
use crate::agent::processes::{Table, prefer_as_victim};
use crate::agent::program::{Failure, Program, ProgramLimits, Step};
use crate::agent::sys::memory::Flag;
use crate::agent::sys::socket::{self, PASSED};
use crate::agent::sys::{self, Errno, Usage};
use crate::handover::HIGHEST_DESCRIPTOR;

/// The longest order that is sent to a waiting shim.
pub(crate) const MAX_ORDER_BYTES: usize = 64 * 1024;

/// What a shim tells the agent about each order: `NotStarted`; or `Started`, `Ended`, `Swept`.
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
    /// The length of every report.
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

/// What a shim needs to know for all its life.
pub(crate) struct Shim<'a> {
    /// Orders come from here, reports go there.
    pub(crate) link: OwnedFd,
    /// Raised before something is started.
    pub(crate) begun: &'a Flag,
    pub(crate) limits: &'a ProgramLimits,
    /// What is orphaned below it becomes its child; otherwise the agent's, who then sees to it.
    pub(crate) adopts: bool,
    /// Kill what programs leave behind: false only where an attack test leaves that protection out.
    pub(crate) sweep: bool,
}

impl Shim<'_> {
    /// Is the shim, from the fork to its end. A first order is one that the fork itself brought.
    pub(crate) fn be(self, first: Option<(&Spawn, [RawFd; PASSED])>) -> ! {
        let mut keep = vec![self.link.as_raw_fd()];
        keep.extend(first.iter().flat_map(|(_, streams)| streams));
        if let Err(failure) = self.settle(&mut keep) {
            self.report(&[Report::NotStarted(failure)]);
            sys::exit(1);
        }
        if let Some((spawn, streams)) = first {
            self.obey(spawn, streams);
        }
        let mut order = vec![0; MAX_ORDER_BYTES];
        while let Ok(Some((length, streams))) = socket::receive(self.link.as_fd(), &mut order) {
            // Only the agent holds the other end, and it sends what it has just decoded itself.
            let Ok(spawn) = postcard::from_bytes(&order[..length]) else { break };
            self.obey(&spawn, streams.map(IntoRawFd::into_raw_fd));
        }
        sys::exit(0)
    }

    fn settle(&self, keep: &mut [RawFd]) -> Result<(), Failure> {
        // SAFETY: no pointers.
        sys::check(unsafe { libc::setsid() }).map_err(|errno| Step::Supervise.failed(errno))?;
        if self.sweep && self.adopts {
            // SAFETY: no pointers.
            sys::check(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) })
                .map_err(|errno| Step::Supervise.failed(errno))?;
        }
        // No stream that comes with an order may land on the number that it will have in the program.
        close_all_but(keep)
            .and_then(|()| sys::occupy_standard_descriptors())
            .map_err(|errno| Step::CloseDescriptors.failed(errno))
    }

    /// Starts a program, and returns when nothing is left of it.
    fn obey(&self, spawn: &Spawn, streams: [RawFd; PASSED]) {
        let started = Program::prepare(spawn, streams, self.limits).and_then(|program| {
            self.begun.set(true);
            exec::spawn(&program)
        });
        // While the shim held these, no reader would see the end of the program's streams.
        if let Err(errno) = close_all_but(&mut [0, 1, 2, self.link.as_raw_fd()]) {
            self.report(&[Report::NotStarted(Step::CloseDescriptors.failed(errno))]);
            sys::exit(1);
        }
        match started {
            Err(failure) => self.report(&[Report::NotStarted(failure)]),
            Ok(pid) => {
                self.report(&[Report::Started { pid }]);
                // A program whose file nobody may read is closed to us as well and keeps the default;
                // one that has already ended needs none. Neither is a reason not to run it.
                let _ = prefer_as_victim(pid);
                self.outlive(pid);
            }
        }
    }

    /// Reaps until the program has ended, then until there is nothing left to reap.
    fn outlive(&self, program: i32) {
        let mut total = Usage::default();
        let ended = loop {
            // It has a child, so this can't fail; without news of the program there is none to tell.
            let Ok(pid) = sys::await_child() else { sys::exit(1) };
            if pid == program && self.sweep {
                // While the program is not reaped its number still names its group, and no other.
                sys::kill(-program, libc::SIGKILL);
            }
            let Ok(Some(waited)) = sys::wait(pid, 0) else { sys::exit(1) };
            total = total.and(waited.usage);
            if pid == program {
                break Report::Ended { status: waited.status, usage: total };
            }
        };
        if !self.sweep || sys::wait(-1, libc::WNOHANG).is_err() {
            // The usual case: it left nothing behind.
            self.report(&[ended, Report::Swept { usage: total }]);
        } else {
            self.report(&[ended]);
            self.report(&[Report::Swept { usage: total.and(sweep()) }]);
        }
    }

    fn report(&self, reports: &[Report]) {
        let bytes: Vec<u8> = reports.iter().flat_map(|report| report.to_bytes()).collect();
        if sys::write(self.link.as_fd(), &bytes).is_err() {
            // The agent is gone, and so are we in a moment.
            sys::exit(1);
        }
    }
}

/// Kills all descendants of this process and reaps them, until there is none.
fn sweep() -> Usage {
    let own = std::process::id() as i32;
    let mut total = Usage::default();
    loop {
        let mut descendants = Vec::new();
        if let Ok(table) = Table::take() {
            descendants = table.descendants(own);
            table.kill(&descendants, |group| group == own);
        }
        // One child at least was seen and killed, so its end will come; those it orphaned meanwhile are
        // found by the next pass. A pass that saw nobody proves nothing: look again.
        let mut flags = if descendants.is_empty() { libc::WNOHANG } else { 0 };
        loop {
            match sys::wait(-1, flags) {
                Err(_) => return total,
                Ok(None) => break,
                Ok(Some(waited)) => total = total.and(waited.usage),
            }
            flags = libc::WNOHANG;
        }
        if descendants.is_empty() {
            sys::sleep(Duration::from_millis(1));
        }
    }
}

/// Closes every descriptor except these.
pub(super) fn close_all_but(keep: &mut [RawFd]) -> sys::Result<()> {
    keep.sort_unstable();
    let mut first = 0;
    for fd in keep.iter().map(|fd| *fd as u32) {
        if fd > first {
            close_range(first, fd - 1)?;
        }
        first = fd + 1;
    }
    close_range(first, HIGHEST_DESCRIPTOR)
}

fn close_range(first: u32, last: u32) -> sys::Result<()> {
    // SAFETY: the shim uses none of these descriptors again; it never runs an owner's destructor.
    sys::check(unsafe { libc::close_range(first, last, 0) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_survives_the_link() {
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
