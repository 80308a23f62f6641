//! Whether a daemon is there, and what becomes of a sandbox that may be without one.
//!
//! Such a sandbox waits at an abstract socket for the next daemon. Whoever connects is asked by the kernel who
//! it is: programs are of one user and can become no other, so none of them passes for a daemon.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use codebeaker_agent::plan::{JOIN_NAME, JOINER_ID};

use crate::agent::sys::{self, Epoll, stream};

/// How many are looked at before others have their turn.
const MOST_AT_A_TIME: usize = 16;

/// How a sandbox does without a daemon.
pub(crate) struct Alone {
    door: OwnedFd,
    most: Duration,
    /// When it ends, while nobody is there.
    until: Option<Instant>,
}

impl Alone {
    /// Opens the door. Before any program runs, none of which can have the name then.
    pub(crate) fn new(most: Duration, epoll: &Epoll, token: u64) -> sys::Result<Self> {
        let door = stream::listen(JOIN_NAME)?;
        epoll.add(door.as_fd(), libc::EPOLLIN, token)?;
        Ok(Alone { door, most, until: None })
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
    pub(crate) fn admit(&mut self) -> Option<OwnedFd> {
        let mut admitted = None;
        for _ in 0..MOST_AT_A_TIME {
            let Ok(peer) = stream::accept(self.door.as_fd()) else { break };
            if stream::peer_user(peer.as_fd()) == Ok(JOINER_ID) {
                admitted = Some(peer);
            }
        }
        admitted
    }
}
