//! The agent's finders: those that look for files, those that wait for their turn, and what they say.
//!
//! What a finder writes is passed on unread, no faster than the daemon takes it. A finder ends by itself, when its
//! time is over, when nobody wants to know any more, or with the agent; each request gets one end, whatever a
//! program does to the process.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use codebeaker_agent::wire::find::{Find, FindEnd};
use codebeaker_agent::wire::{FileFault, FileReply, FromAgent};

use super::BACKLOG_BYTES;
use super::find::{self, Top};
use super::path::Root;
use crate::agent::executions::Executions;
use crate::agent::outbound::Outbound;
use crate::agent::sys::{self, Epoll, Errno};

/// How many look at a time: each may take a processor, and memory of the sandbox's.
const MOST_AT_WORK: usize = 2;

/// How many may wait for their turn.
const MOST_WAITING: usize = 256;

/// So much is passed on at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// Marks the tokens that epoll reports finders under; the rest of one is the number of the request.
const FINDER: u64 = 1 << 62;

/// The request, when this is a finder's token.
pub(crate) fn finder_of(token: u64) -> Option<u32> {
    (token >> 32 == FINDER >> 32).then_some(token as u32)
}

/// All of them.
#[derive(Default)]
pub(crate) struct Finders {
    at_work: BTreeMap<u32, Finder>,
    waiting: VecDeque<(u32, Find)>,
}

struct Finder {
    pid: i32,
    pipe: OwnedFd,
    /// The pipe may have something to read.
    readable: bool,
    until: Instant,
    /// Why the agent ended it.
    end: Option<FindEnd>,
}

impl Finders {
    /// Has files looked for as soon as there is a place.
    pub(crate) fn ask(&mut self, request: u32, find: Find, outbound: &mut Outbound) {
        if self.waiting.len() >= MOST_WAITING {
            return refuse(request, Errno(libc::EBUSY), outbound);
        }
        self.waiting.push_back((request, find));
    }

    /// Ends one before its time. It is answered all the same.
    pub(crate) fn stop(&mut self, request: u32, executions: &Executions, outbound: &mut Outbound) {
        if let Some(finder) = self.at_work.get_mut(&request) {
            finder.end(FindEnd::Stopped, executions);
        }
        let before = self.waiting.len();
        self.waiting.retain(|(waiting, _)| *waiting != request);
        if self.waiting.len() < before {
            tell(request, Vec::new(), Some(FindEnd::Stopped), outbound);
        }
    }

    /// epoll has news of the pipe.
    pub(crate) fn notice(&mut self, request: u32) {
        if let Some(finder) = self.at_work.get_mut(&request) {
            finder.readable = true;
        }
    }

    /// Passes on what was found, ends what is due, and begins with what waits.
    pub(crate) fn work(&mut self, root: &Root, epoll: &Epoll, executions: &mut Executions, outbound: &mut Outbound) {
        if self.at_work.is_empty() && self.waiting.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut over = Vec::new();
        for (request, finder) in &mut self.at_work {
            if finder.until <= now {
                finder.end(FindEnd::Deadline, executions);
            }
            if finder.readable && outbound.backlog() <= BACKLOG_BYTES && finder.pass_on(*request, outbound) {
                over.push(*request);
            }
        }
        for request in over {
            let Some(finder) = self.at_work.remove(&request) else { continue };
            epoll.remove(finder.pipe.as_fd());
            let status = executions.end_of_helper(finder.pid);
            tell(request, Vec::new(), Some(finder.end.unwrap_or_else(|| end_of(status))), outbound);
        }
        while self.at_work.len() < MOST_AT_WORK
            && let Some((request, find)) = self.waiting.pop_front()
        {
            match Finder::begin(request, &find, root, epoll) {
                Ok(finder) => {
                    executions.note_helper(finder.pid);
                    self.at_work.insert(request, finder);
                }
                Err(errno) => refuse(request, errno, outbound),
            }
        }
    }

    /// Whether [`Finders::work`] would get on with something.
    pub(crate) fn has_work(&self, outbound: &Outbound) -> bool {
        let has_place = !self.waiting.is_empty() && self.at_work.len() < MOST_AT_WORK;
        has_place || (outbound.backlog() <= BACKLOG_BYTES && self.at_work.values().any(|finder| finder.readable))
    }

    /// When one has to be ended.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.at_work.values().filter(|finder| finder.end.is_none()).map(|finder| finder.until).min()
    }

    /// The one who asked is gone.
    pub(crate) fn detach(&mut self, epoll: &Epoll, executions: &mut Executions) {
        self.waiting.clear();
        for finder in std::mem::take(&mut self.at_work).into_values() {
            epoll.remove(finder.pipe.as_fd());
            executions.abandon_helper(finder.pid);
        }
    }
}

impl Finder {
    fn begin(request: u32, find: &Find, root: &Root, epoll: &Epoll) -> sys::Result<Self> {
        let top = Top::open(root, find)?;
        let (pipe, theirs) = sys::pipe()?;
        sys::set_nonblocking(pipe.as_fd())?;
        epoll.add(pipe.as_fd(), libc::EPOLLIN, FINDER | u64::from(request))?;
        // SAFETY: the agent has one thread, so the child may do whatever the parent could; it touches none
        // of the buffers that a fork leaves out, and never returns from here.
        match sys::check(unsafe { libc::fork() }) {
            Ok(0) => find::be(root, top, find, theirs),
            Ok(pid) => {
                let until = Instant::now() + Duration::from_millis(find.millis.into());
                Ok(Finder { pid, pipe, readable: false, until, end: None })
            }
            Err(errno) => {
                epoll.remove(pipe.as_fd());
                Err(errno)
            }
        }
    }

    /// Kills it; why it was killed first is what is told.
    fn end(&mut self, why: FindEnd, executions: &Executions) {
        if self.end.is_none() {
            self.end = Some(why);
            executions.kill_helper(self.pid);
        }
    }

    /// Passes on a piece. True when no more can come.
    fn pass_on(&mut self, request: u32, outbound: &mut Outbound) -> bool {
        let mut data = vec![0; PIECE_BYTES];
        match sys::read(self.pipe.as_fd(), &mut data) {
            Ok(0) => return true,
            Ok(length) => {
                data.truncate(length);
                tell(request, data, None, outbound);
            }
            Err(Errno(libc::EAGAIN)) => self.readable = false,
            Err(_) => return true,
        }
        false
    }
}

fn end_of(status: Option<i32>) -> FindEnd {
    match status {
        Some(status) if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0 => FindEnd::Finished,
        Some(status) if libc::WIFSIGNALED(status) => FindEnd::Died(Some(libc::WTERMSIG(status))),
        _ => FindEnd::Died(None),
    }
}

fn tell(request: u32, data: Vec<u8>, end: Option<FindEnd>, outbound: &mut Outbound) {
    outbound.send(&FromAgent::File { request, result: Ok(FileReply::Found { data, end }) });
}

fn refuse(request: u32, Errno(errno): Errno, outbound: &mut Outbound) {
    outbound.send(&FromAgent::File { request, result: Err(FileFault { errno }) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::part::Part;
    use crate::agent::shims::shim_of;

    #[test]
    fn no_token_is_of_two_kinds() {
        for request in [0, 1, u32::MAX] {
            assert_eq!(finder_of(FINDER | u64::from(request)), Some(request));
            assert_eq!(shim_of(FINDER | u64::from(request)), None);
        }
        assert_eq!(finder_of(1 << 63 | 7), None);
        assert_eq!(finder_of(Part::Side.token(u32::MAX)), None);
        assert_eq!(finder_of(3), None);
    }
}
