//! Whether a machine answers: what is concluded from what was seen of it, and when to look again.
//!
//! Every request is evidence, not pings alone. A machine that failed once is suspect and asked again at
//! once; when that fails too it is down, and whoever has sandboxes there is told. From its last answer to
//! that moment less than ten seconds pass ([`PING_EVERY`], [`PING_DEADLINE`] and [`SETTLE`] are such).
//!
//! Nothing here waits or has a clock of its own; [`watch`] does what it says. A machine on which nothing runs
//! and that nobody wanted lately is never looked at, so that an idle daemon stays idle.

use std::time::{Duration, Instant};

pub mod watch;

/// From an answer of a machine with sessions to the next ping.
pub const PING_EVERY: Duration = Duration::from_secs(3);

/// How long a machine may take to answer a ping.
pub const PING_DEADLINE: Duration = Duration::from_millis(2500);

/// From a machine's first failure to the ping that settles it. Failures in between are of the same mishap:
/// requests that were under way together fail together.
pub const SETTLE: Duration = Duration::from_millis(500);

/// The longest time between two pings of a machine that is down.
pub const MAX_BACK_OFF: Duration = Duration::from_secs(5);

/// For so long after somebody wanted it, a machine that is down is looked at.
pub const WANTED_FOR: Duration = Duration::from_secs(600);

const FIRST_BACK_OFF: Duration = Duration::from_secs(1);

/// What is thought of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It answered last time.
    Healthy,
    /// Nobody has asked it yet, or not for long.
    Unknown,
    /// It failed once, after it had answered.
    Suspect,
    /// It doesn't answer.
    Down,
}

/// What a request or a ping showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// It answered, whatever it said.
    Answered,
    /// It could not be reached, or did not answer in time; with the reason.
    Failed(String),
}

/// What evidence changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It answers, after it had been unknown or down.
    Up,
    /// It is down now: what runs there is lost.
    Down,
}

/// What is known of one machine.
#[derive(Debug, Clone)]
pub struct Health {
    standing: Standing,
    /// Why it failed last, as long as it fails.
    why: Option<String>,
    /// Failures in a row.
    failures: u32,
    /// The last evidence.
    seen: Option<Instant>,
    /// When it became suspect.
    suspect_since: Option<Instant>,
    /// When somebody last wanted it.
    wanted: Option<Instant>,
}

impl Default for Health {
    fn default() -> Self {
        Self { standing: Standing::Unknown, why: None, failures: 0, seen: None, suspect_since: None, wanted: None }
    }
}

impl Health {
    /// What is thought of it.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Why it failed last; `None` when it answered.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// Somebody would use it.
    pub fn want(&mut self, now: Instant) {
        self.wanted = Some(now);
    }

    /// Takes evidence in, and says what it changed.
    pub fn note(&mut self, evidence: Evidence, now: Instant) -> Option<Change> {
        match evidence {
            Evidence::Answered => {
                let was = self.standing;
                *self = Self {
                    standing: Standing::Healthy,
                    why: None,
                    failures: 0,
                    seen: Some(now),
                    suspect_since: None,
                    wanted: self.wanted,
                };
                matches!(was, Standing::Unknown | Standing::Down).then_some(Change::Up)
            }
            Evidence::Failed(why) => {
                self.why = Some(why);
                match self.standing {
                    Standing::Healthy => {
                        self.standing = Standing::Suspect;
                        self.suspect_since = Some(now);
                        self.failures = 1;
                        self.seen = Some(now);
                        None
                    }
                    Standing::Suspect if self.suspect_since.is_some_and(|since| now < since + SETTLE) => None,
                    Standing::Unknown | Standing::Suspect => {
                        self.standing = Standing::Down;
                        self.failures = 1;
                        self.seen = Some(now);
                        // Who loses sessions there, or was refused one, will want another.
                        self.wanted = Some(now);
                        Some(Change::Down)
                    }
                    Standing::Down => {
                        self.failures = self.failures.saturating_add(1);
                        self.seen = Some(now);
                        None
                    }
                }
            }
        }
    }

    /// When to ping it next, with so many sessions on it; `None` for as long as nothing else happens.
    #[must_use]
    pub fn next_ping(&self, sessions: usize) -> Option<Instant> {
        let seen = self.seen?;
        match self.standing {
            Standing::Healthy if sessions > 0 => Some(seen + PING_EVERY),
            Standing::Healthy | Standing::Unknown => None,
            Standing::Suspect => Some(seen + SETTLE),
            Standing::Down => {
                let next = seen + self.back_off();
                let is_wanted = self.wanted.is_some_and(|wanted| next <= wanted + WANTED_FOR);
                (sessions > 0 || is_wanted).then_some(next)
            }
        }
    }

    /// Whether it is worth asking a machine that is down out of turn: not right after it failed.
    #[must_use]
    pub fn may_ask(&self, now: Instant) -> bool {
        self.seen.is_none_or(|seen| now >= seen + SETTLE)
    }

    /// A machine that is down and that nobody looks at any more isn't known to be down for ever.
    pub fn forget(&mut self, sessions: usize) {
        if self.standing == Standing::Down && self.next_ping(sessions).is_none() {
            *self = Self { wanted: self.wanted, ..Self::default() };
        }
    }

    fn back_off(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(8);
        (FIRST_BACK_OFF * (1 << doublings)).min(MAX_BACK_OFF)
    }
}

#[cfg(test)]
mod tests;
