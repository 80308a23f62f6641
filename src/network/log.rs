//! What of a session's programs asked for which host, and what came of it: the last of it, by number.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::Way;

/// Decisions that a session remembers.
const REMEMBERED: usize = 1000;

/// The most characters of a host's name that are kept: also of one that is none.
const MAX_HOST_CHARS: usize = 260;

/// One decision.
#[derive(Debug)]
pub struct Decision {
    /// Its number: the first of a session has 1.
    pub number: u64,
    /// When it fell.
    pub at: Timestamp,
    /// Who asked.
    pub by: Who,
    /// The host, as it was compared; as it was written where it is none.
    pub host: String,
    /// The port, 0 where none was named.
    pub port: u16,
    /// How it was asked for.
    pub way: Way,
    /// Whether it was let through.
    pub allowed: bool,
    /// The rule that decided, or why nothing allowed it.
    pub why: String,
    traffic: Arc<Traffic>,
}

/// Who asks for a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// A program of the session.
    Program,
    /// What installs packages.
    Installer,
}

/// What went through a connection.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) over: AtomicBool,
}

impl Decision {
    /// Bytes to the host until now.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.traffic.sent.load(Ordering::Relaxed)
    }

    /// Bytes from the host until now.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.traffic.received.load(Ordering::Relaxed)
    }

    /// Whether the connection stands.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.allowed && !self.traffic.over.load(Ordering::Relaxed)
    }
}

/// The decisions of one session.
#[derive(Debug, Default)]
pub(super) struct Log {
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    last: u64,
    decisions: VecDeque<Arc<Decision>>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) by: Who,
    pub(super) way: Way,
    pub(super) host: &'a str,
    pub(super) port: u16,
}

impl Log {
    /// Notes a decision, and returns where its bytes are counted.
    pub(super) fn note(&self, asked: Asked<'_>, outcome: Result<String, String>) -> Arc<Traffic> {
        let traffic = Arc::new(Traffic::default());
        let Asked { by, way, host, port } = asked;
        let allowed = outcome.is_ok();
        let why = outcome.unwrap_or_else(|why| why);
        let host = host.chars().take(MAX_HOST_CHARS).collect();
        let mut ring = self.ring();
        ring.last += 1;
        let decision = Decision {
            number: ring.last,
            at: Timestamp::now(),
            by,
            host,
            port,
            way,
            allowed,
            why,
            traffic: Arc::clone(&traffic),
        };
        if ring.decisions.len() >= REMEMBERED {
            ring.decisions.pop_front();
        }
        ring.decisions.push_back(Arc::new(decision));
        traffic
    }

    /// The first decisions after this number, at most so many, the oldest first; and the number of the last of all.
    pub(super) fn after(&self, number: u64, limit: usize) -> (Vec<Arc<Decision>>, u64) {
        let ring = self.ring();
        let later = ring.decisions.iter().filter(|decision| decision.number > number);
        (later.take(limit).cloned().collect(), ring.last)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_decisions_are_kept_and_no_more() {
        let log = Log::default();
        let long = "a".repeat(1 << 20);
        for _ in 0..REMEMBERED + 5 {
            let asked = Asked { by: Who::Program, way: Way::Tunnel, host: &long, port: 1 };
            log.note(asked, Err("no".to_owned()));
        }
        let (first, last) = log.after(0, 2);
        assert_eq!((first[0].number, first.len(), last), (6, 2, REMEMBERED as u64 + 5));
        assert_eq!(first[0].host.len(), MAX_HOST_CHARS);
        assert!(log.after(last, 10).0.is_empty());
    }
}
