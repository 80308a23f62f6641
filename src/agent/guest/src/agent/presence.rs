//! Whether a daemon is there, and what becomes of a sandbox that may be without one.
//!
//! Such a sandbox waits at an abstract socket for the next daemon. The kernel says who connects, and says it
//! again with the first byte: programs are of one user and can become no other, so none of them passes for a
//! daemon. gVisor says it with the byte alone.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use codebeaker_agent::plan::{JOIN_NAME, JOINER_ID};

use crate::agent::sys::{self, Epoll, Errno, stream};

/// How many are looked at before others have their turn.
const MOST_AT_A_TIME: usize = 16;

/// How a sandbox does without a daemon.
pub(crate) struct Alone {
    door: OwnedFd,
    most: Duration,
    /// When it ends, while nobody is there.
    until: Option<Instant>,
    /// Those who have not said their first byte.
    silent: VecDeque<OwnedFd>,
    token: u64,
    /// The kernel tells who connected.
    knows_peers: bool,
}

impl Alone {
    /// Opens the door. Before any program runs, none of which can have the name then.
    pub(crate) fn new(most: Duration, epoll: &Epoll, token: u64) -> sys::Result<Self> {
        let door = stream::listen(JOIN_NAME)?;
        epoll.add(door.as_fd(), libc::EPOLLIN, token)?;
        let knows_peers = !sys::is_gvisor();
        Ok(Alone { door, most, until: None, silent: VecDeque::new(), token, knows_peers })
    }

    /// Nobody is there from now on.
    pub(crate) fn begin(&mut self) {
        self.until = Some(Instant::now() + self.most);
    }

    /// Somebody is there.
    pub(crate) fn end(&mut self) {
        self.until = None;
    }

    /// When the sandbox ends.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.until
    }

    /// A daemon that wants to join. The last of several counts.
    pub(crate) fn admit(&mut self, epoll: &Epoll) -> Option<OwnedFd> {
        for _ in 0..MOST_AT_A_TIME {
            let Ok(peer) = stream::accept(self.door.as_fd()) else { break };
            let is_stranger = self.knows_peers && stream::peer_user(peer.as_fd()) != Ok(JOINER_ID);
            if is_stranger || epoll.add(peer.as_fd(), libc::EPOLLIN, self.token).is_err() {
                continue;
            }
            self.silent.push_back(peer);
            if self.silent.len() > MOST_AT_A_TIME {
                self.silent.pop_front();
            }
        }
        let mut admitted = None;
        for peer in std::mem::take(&mut self.silent) {
            match stream::first_word(peer.as_fd()) {
                Ok(JOINER_ID) => {
                    epoll.remove(peer.as_fd());
                    admitted = Some(peer);
                }
                Err(Errno(libc::EAGAIN)) => self.silent.push_back(peer),
                Ok(_) | Err(_) => {}
            }
        }
        admitted
    }
}
