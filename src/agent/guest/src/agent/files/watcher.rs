//! The watcher: a process of the agent's own that tells what changes in a directory of the workspace.
//!
//! It is forked and not executed, as a finder is, so that neither a large tree nor a program that changes files all the
//! time takes anything of the agent's loop. It tells no faster than the daemon takes it; what can't be kept meanwhile is
//! told to be missing. It changes nothing, follows no link, and ends when nobody holds the other end of its pipe.

mod pending;
mod tree;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use codebeaker_agent::wire::watch::{Change, WATCHED_BYTES, Watch, WatchEnd, Watched};

use self::pending::Pending;
use self::tree::{Heard, Tree};
use super::aside;
use super::path::Root;
use crate::agent::sys::{self, Errno, Result, files, inotify};

/// So many bytes of paths are told at a time.
const PART_BYTES: usize = WATCHED_BYTES / 4;

/// How long one half of a move is waited for after the other.
const MOVE_PATIENCE: Duration = Duration::from_millis(20);

/// Begins to watch: the pipe by which is told what changes, and the process.
pub(super) fn begin(root: &Root, watch: &Watch) -> Result<(OwnedFd, i32)> {
    let top = root.open(&watch.path, libc::O_RDONLY | libc::O_DIRECTORY)?;
    let above = above(root, &top);
    let (pipe, theirs) = sys::pipe()?;
    sys::set_nonblocking(pipe.as_fd())?;
    // SAFETY: the agent has one thread, so the child may do whatever the parent could; it touches none
    // of the buffers that a fork leaves out, and never returns from here.
    match sys::check(unsafe { libc::fork() })? {
        0 => be(top, above, watch, theirs),
        pid => Ok((pipe, pid)),
    }
}

/// The directory that it is in, where it is not the workspace itself. A directory that is held open says nothing of its
/// own end.
fn above(root: &Root, top: &OwnedFd) -> Option<OwnedFd> {
    let id = |fd: BorrowedFd<'_>| files::fstat(fd).map(|stat| (stat.st_dev, stat.st_ino));
    let workspace = root.open(b"", libc::O_PATH | libc::O_DIRECTORY).ok()?;
    if id(workspace.as_fd()) == id(top.as_fd()) {
        return None;
    }
    files::openat(top.as_fd(), b"..", libc::O_RDONLY | libc::O_DIRECTORY, 0).ok()
}

/// Is the watcher, from the fork to its end.
fn be(top: OwnedFd, above: Option<OwnedFd>, watch: &Watch, out: OwnedFd) -> ! {
    let mut keep: Vec<_> = [&top, &out].into_iter().chain(&above).map(AsRawFd::as_raw_fd).collect();
    if aside::settle(&mut keep).is_err() || sys::set_nonblocking(out.as_fd()).is_err() {
        sys::exit(1);
    }
    let mut pipe = Pipe { out, unsent: Vec::new(), sent: 0 };
    let mut pending = Pending::new(Duration::from_millis(watch.window_ms.into()));
    let (notices, mut tree) = match inotify::new() {
        Err(_) => pipe.end(WatchEnd::NoWatches),
        Ok(notices) => match notices.try_clone() {
            Ok(same) => (notices, Tree::new(same, top, watch)),
            Err(_) => pipe.end(WatchEnd::NoWatches),
        },
    };
    if let Err(end) = tree.begin(above) {
        pipe.end(end);
    }
    pipe.say(&Watched::Ready);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        pipe.send();
        if pipe.is_empty() && pending.is_due() {
            tree.forget_lost_moves(&mut pending, MOVE_PATIENCE);
            let (changes, overflow) = pending.take(PART_BYTES);
            tree.remind(&mut pending);
            if overflow || !changes.is_empty() {
                pipe.say(&Watched::Changes { changes, overflow });
                continue;
            }
        }
        let until = if pipe.is_empty() { pending.due() } else { None };
        let has_news = match wait(&notices, &pipe, until) {
            Ok(has_news) => has_news,
            Err(_) => sys::exit(0),
        };
        if !has_news {
            continue;
        }
        match sys::read(notices.as_fd(), &mut buffer) {
            Ok(length) => {
                for heard in inotify::events(&buffer[..length]) {
                    match tree.hear(&heard, &mut pending) {
                        Ok(Heard::Noted) => {}
                        Ok(Heard::Missed) => pending.overflow(),
                        Err(end) => pipe.end(end),
                    }
                }
            }
            Err(Errno(libc::EAGAIN)) => {}
            Err(_) => sys::exit(1),
        }
    }
}

/// Waits for news, for room in the pipe, or for the time to tell. An error when nobody wants to know any more.
fn wait(notices: &OwnedFd, pipe: &Pipe, until: Option<Instant>) -> Result<bool> {
    let room = if pipe.is_empty() { 0 } else { libc::POLLOUT };
    let mut both = [(notices.as_fd(), libc::POLLIN, 0), (pipe.out.as_fd(), room, 0)];
    inotify::poll(&mut both, until)?;
    let [(_, _, news), (_, _, out)] = both;
    if out & (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) != 0 {
        return Err(Errno(libc::EPIPE));
    }
    Ok(news & libc::POLLIN != 0)
}

/// The way to the daemon.
struct Pipe {
    out: OwnedFd,
    unsent: Vec<u8>,
    sent: usize,
}

impl Pipe {
    fn is_empty(&self) -> bool {
        self.unsent.is_empty()
    }

    fn say(&mut self, watched: &Watched) {
        let start = self.unsent.len();
        self.unsent.extend_from_slice(&[0; 4]);
        let Ok(mut bytes) = postcard::to_extend(watched, std::mem::take(&mut self.unsent)) else { sys::exit(3) };
        let length = (bytes.len() - start - 4) as u32;
        bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
        self.unsent = bytes;
    }

    /// Writes what the pipe takes.
    fn send(&mut self) {
        while self.sent < self.unsent.len() {
            match sys::write(self.out.as_fd(), &self.unsent[self.sent..]) {
                Ok(written) => self.sent += written,
                Err(Errno(libc::EAGAIN)) => return,
                // Nobody wants to know.
                Err(_) => sys::exit(0),
            }
        }
        self.unsent.clear();
        self.sent = 0;
    }

    /// Says the last word, and waits until it is taken.
    fn end(&mut self, end: WatchEnd) -> ! {
        self.say(&Watched::Ended(end));
        loop {
            self.send();
            if self.is_empty() {
                sys::exit(0);
            }
            let mut out = [(self.out.as_fd(), libc::POLLOUT, 0)];
            if inotify::poll(&mut out, None).is_err() || out[0].2 & libc::POLLOUT == 0 {
                sys::exit(0);
            }
        }
    }
}

/// What a change takes in a message beside its paths.
const CHANGE_BYTES: usize = 16;

fn cost(change: &Change) -> usize {
    use codebeaker_agent::wire::watch::ChangeKind;
    let from = if let ChangeKind::Renamed(from) = &change.kind { from.len() } else { 0 };
    CHANGE_BYTES + change.path.len() + from
}
