//! How many executions may begin within a minute, in one session and in all of a daemon together.
//!
//! The minute is any minute, and not one of the clock's: when each began is remembered until that is a minute ago. So
//! two bursts on both sides of an edge are one burst. What is refused counts for nothing, in either.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// More has begun than may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{most} executions of {whose} have begun within the last minute, which is the limit")]
pub struct RateError {
    /// How many may.
    pub most: usize,
    /// Whose they are.
    pub whose: Whose,
    /// One more may begin after this time, if no other does before.
    pub wait: Duration,
}

/// Whose executions are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Those of one session.
    Session,
    /// Those of all sessions.
    Daemon,
}

impl Whose {
    /// The key of the settings file.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Session => "rate.session",
            Self::Daemon => "rate.daemon",
        }
    }
}

impl std::fmt::Display for Whose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Session => "this session",
            Self::Daemon => "all sessions together",
        })
    }
}

/// When executions began, as long as that counts.
#[derive(Debug)]
pub(super) struct Rate {
    whose: Whose,
    most: Option<NonZeroUsize>,
    begun: Mutex<VecDeque<Instant>>,
}

impl Rate {
    /// Lets so many begin; any number where that is `None`.
    pub(super) fn new(whose: Whose, most: Option<NonZeroUsize>) -> Self {
        Self { whose, most, begun: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what is too long ago, and says whether one more may begin.
    fn check(&self, begun: &mut VecDeque<Instant>, now: Instant) -> Result<(), RateError> {
        let Some(most) = self.most.map(NonZeroUsize::get) else { return Ok(()) };
        while begun.front().is_some_and(|at| now.saturating_duration_since(*at) >= MINUTE) {
            begun.pop_front();
        }
        match begun.front() {
            Some(first) if begun.len() >= most => {
                let wait = MINUTE.saturating_sub(now.saturating_duration_since(*first));
                Err(RateError { most, whose: self.whose, wait })
            }
            _ => Ok(()),
        }
    }

    fn count(&self, begun: &mut VecDeque<Instant>, now: Instant) {
        if self.most.is_some() {
            begun.push_back(now);
        }
    }
}

/// What a session's executions are counted in.
#[derive(Debug)]
pub(super) struct Pace {
    session: Rate,
    daemon: Arc<Rate>,
}

impl Pace {
    pub(super) fn new(most: Option<NonZeroUsize>, daemon: &Arc<Rate>) -> Self {
        Self { session: Rate::new(Whose::Session, most), daemon: Arc::clone(daemon) }
    }

    /// Counts one that begins now, in both or in none.
    ///
    /// # Errors
    /// When it may not.
    pub(super) fn begin(&self) -> Result<(), RateError> {
        self.begin_at(Instant::now)
    }

    fn begin_at(&self, clock: impl FnOnce() -> Instant) -> Result<(), RateError> {
        // Both are held from the look to the count, in the order of all sessions.
        let (mut of_daemon, mut of_session) = (self.daemon.lock(), self.session.lock());
        let now = clock();
        let refusals = [self.daemon.check(&mut of_daemon, now), self.session.check(&mut of_session, now)];
        match refusals.into_iter().filter_map(Result::err).max_by_key(|refusal| refusal.wait) {
            Some(refusal) => Err(refusal),
            None => {
                self.daemon.count(&mut of_daemon, now);
                self.session.count(&mut of_session, now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(session: usize, daemon: &Arc<Rate>) -> Pace {
        Pace::new(NonZeroUsize::new(session), daemon)
    }

    fn daemon(most: usize) -> Arc<Rate> {
        Arc::new(Rate::new(Whose::Daemon, NonZeroUsize::new(most)))
    }

    fn refused(most: usize, whose: Whose, seconds: u64) -> Result<(), RateError> {
        Err(RateError { most, whose, wait: Duration::from_secs(seconds) })
    }

    /// D11: the window was that of the clock, so that twice as many passed where two of them meet.
    #[test]
    fn d11_a_burst_across_the_edge_of_a_minute_is_one_burst() {
        let (pace, start) = (pace(60, &daemon(0)), Instant::now());
        let begin = |seconds: u64| pace.begin_at(|| start + Duration::from_secs(seconds));
        assert!((0..60).all(|_| begin(59).is_ok()));
        for (seconds, wait) in [(59, 60), (60, 59), (61, 58), (118, 1)] {
            assert_eq!(begin(seconds), refused(60, Whose::Session, wait));
        }
        // What was refused has not counted.
        assert!((0..60).all(|_| begin(119).is_ok()));
        assert_eq!(begin(120), refused(60, Whose::Session, 59));
    }

    #[test]
    fn places_come_back_one_by_one() {
        let (pace, start) = (pace(3, &daemon(0)), Instant::now());
        let begin = |seconds: u64| pace.begin_at(|| start + Duration::from_secs(seconds));
        assert!([0, 20, 40].into_iter().all(|seconds| begin(seconds).is_ok()));
        assert_eq!(begin(50), refused(3, Whose::Session, 10));
        assert_eq!((begin(60), begin(60)), (Ok(()), refused(3, Whose::Session, 20)));
    }

    #[test]
    fn what_the_daemon_refuses_counts_for_no_session_and_the_other_way_round() {
        let (all, start) = (daemon(3), Instant::now());
        let (one, other) = (pace(2, &all), pace(2, &all));
        let begin = |pace: &Pace, seconds: u64| pace.begin_at(|| start + Duration::from_secs(seconds));
        assert!(begin(&one, 0).is_ok() && begin(&one, 1).is_ok());
        assert_eq!(begin(&one, 2), refused(2, Whose::Session, 58));
        assert!(begin(&other, 2).is_ok());
        assert_eq!(begin(&other, 3), refused(3, Whose::Daemon, 57));
        // The longer of two waits is told.
        assert_eq!(begin(&one, 3), refused(2, Whose::Session, 57));
        assert!(begin(&other, 60).is_ok());
    }

    /// D11: the counter was read and written in two steps.
    #[test]
    fn d11_many_at_once_are_counted_one_by_one() {
        let all = daemon(100);
        let paces: Vec<Pace> = (0..4).map(|_| pace(40, &all)).collect();
        let begun = std::thread::scope(|scope| {
            let threads = (0..8).map(|number| {
                let pace = &paces[number % paces.len()];
                scope.spawn(|| (0..50).filter(|_| pace.begin().is_ok()).count())
            });
            let threads: Vec<_> = threads.collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(begun, 100);
    }

    #[test]
    fn where_nothing_is_said_nothing_is_refused_or_remembered() {
        let pace = pace(0, &daemon(0));
        assert!((0..10_000).all(|_| pace.begin().is_ok()));
        assert!(pace.session.begun.lock().unwrap().is_empty());
    }
}
