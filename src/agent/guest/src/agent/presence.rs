//! Whether a daemon is there, and what becomes of a sandbox that may be without one.
//!
//! Such a sandbox waits at an abstract socket for the next daemon. The kernel says who connects, and says it
//! again with the first byte: programs are of one user and can become no other, so none of them passes for a
//! daemon. gVisor says it with the byte alone.
//!
//! Who joins has made sure that the daemon is gone which made the sandbox, and takes its place though its stream may
//! still seem open. One that has joined keeps its place until its own stream ends: of several that come, the first
//! is admitted, and the others are told so and can do no harm.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use codebeaker_agent::frame::{self, Channel, Kind};
use codebeaker_agent::plan::{JOIN_NAME, JOINER_ID};
use codebeaker_agent::wire::FromAgent;

use crate::agent::sys::{self, Epoll, Errno, stream};

/// How many are looked at before others have their turn.
const MOST_AT_A_TIME: usize = 16;

/// How long one that joined may take to say something: of a connection that is broken, an end may never be heard.
const WORD_PATIENCE: Duration = Duration::from_secs(10);

/// How a sandbox does without a daemon.
pub(crate) struct Alone {
    door: OwnedFd,
    most: Duration,
    company: Company,
    /// Those who have not said their first byte.
    silent: VecDeque<OwnedFd>,
    token: u64,
    /// The kernel tells who connected.
    knows_peers: bool,
    /// Whoever connects is let in: an attack test's choice.
    trusts_all: bool,
}

/// Who is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Company {
    /// The daemon that made the sandbox, as far as its stream shows.
    Maker,
    /// One that joined; until it has said something, no longer than this.
    Joined { silent_until: Option<Instant> },
    /// Nobody, for no longer than this.
    Nobody { until: Instant },
}

/// What is to be done about the time that has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nobody came.
    End,
    /// Who came is as good as nobody.
    LetGo,
}

impl Alone {
    /// Opens the door. Before any program runs, none of which can have the name then.
    pub(crate) fn new(most: Duration, trusts_all: bool, epoll: &Epoll, token: u64) -> sys::Result<Self> {
        let door = stream::listen(JOIN_NAME)?;
        epoll.add(door.as_fd(), libc::EPOLLIN, token)?;
        let knows_peers = !sys::is_gvisor();
        let company = Company::Maker;
        Ok(Alone { door, most, company, silent: VecDeque::new(), token, knows_peers, trusts_all })
    }

    /// How long there may be nobody, from the next time on.
    pub(crate) fn set_most(&mut self, most: Duration) {
        self.most = most;
    }

    /// Nobody is there from now on.
    pub(crate) fn begin(&mut self) {
        // A time that no clock can measure never comes; a year is as good.
        let now = Instant::now();
        let until = now.checked_add(self.most).unwrap_or(now + Duration::from_secs(366 * 24 * 3600));
        self.company = Company::Nobody { until };
    }

    /// Somebody has joined.
    pub(crate) fn end(&mut self) {
        self.company = Company::Joined { silent_until: Some(Instant::now() + WORD_PATIENCE) };
    }

    /// Who is there says something.
    pub(crate) fn hears(&mut self) {
        if let Company::Joined { silent_until } = &mut self.company {
            *silent_until = None;
        }
    }

    /// Whether there is room for one who joins.
    pub(crate) fn has_room(&self) -> bool {
        !matches!(self.company, Company::Joined { .. })
    }

    /// When [`Alone::due`] has something to say.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.company {
            Company::Maker => None,
            Company::Joined { silent_until } => silent_until,
            Company::Nobody { until } => Some(until),
        }
    }

    /// What is to be done now.
    pub(crate) fn due(&self, now: Instant) -> Option<Due> {
        self.deadline().filter(|deadline| *deadline <= now)?;
        Some(if matches!(self.company, Company::Nobody { .. }) { Due::End } else { Due::LetGo })
    }

    /// Daemons that want to join, in the order in which they came.
    pub(crate) fn at_the_door(&mut self, epoll: &Epoll) -> Vec<OwnedFd> {
        for _ in 0..MOST_AT_A_TIME {
            let Ok(peer) = stream::accept(self.door.as_fd()) else { break };
            let is_stranger = self.knows_peers && !self.trusts(stream::peer_user(peer.as_fd()));
            if is_stranger || epoll.add(peer.as_fd(), libc::EPOLLIN, self.token).is_err() {
                continue;
            }
            self.silent.push_back(peer);
            if self.silent.len() > MOST_AT_A_TIME {
                self.silent.pop_front();
            }
        }
        let mut daemons = Vec::new();
        for peer in std::mem::take(&mut self.silent) {
            match stream::first_word(peer.as_fd()) {
                Err(Errno(libc::EAGAIN)) => self.silent.push_back(peer),
                word if self.trusts(word) => {
                    epoll.remove(peer.as_fd());
                    daemons.push(peer);
                }
                Ok(_) | Err(_) => {}
            }
        }
        daemons
    }

    fn trusts(&self, user: sys::Result<libc::uid_t>) -> bool {
        user.is_ok_and(|user| user == JOINER_ID || self.trusts_all)
    }
}

/// Tells one that wanted to join that there is no room. It is let go with this.
pub(crate) fn refuse(peer: &OwnedFd) {
    let mut words = Vec::new();
    if let Ok(occupied) = postcard::to_allocvec(&FromAgent::Occupied) {
        frame::append(&mut words, Kind::Control, Channel::CONTROL, &occupied);
    }
    // A connection that nothing was written to has room for this; one that is gone needs no word.
    let _told = sys::write(peer.as_fd(), &words);
}
