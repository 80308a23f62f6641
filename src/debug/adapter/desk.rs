//! The numbers that a client was given for threads, frames, values and sources, and which threads are stopped.
//!
//! Frames and values are forgotten when their thread goes on. An answer that was asked for before that and
//! comes after it gets no numbers any more: it tells of a past that nobody can look into.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::refusal::Refusal;
use crate::debug::backend::{Handle, Place};
use crate::debug::handles::{Lasting, Perishable};

/// Threads that are shown.
pub(super) const MAX_THREADS: usize = 4096;

/// Frames and values that have a number at one time.
const MAX_PERISHABLE: usize = 100_000;

/// Sources and modules that have a number.
const MAX_LASTING: usize = 20_000;

/// Something whose children can be asked for.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) handle: Handle,
    /// True names of children whose names were changed to be shown.
    pub(super) renamed: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Container {
    pub(super) fn new(handle: Handle) -> Self {
        Self { handle, renamed: Arc::default() }
    }
}

/// When something was asked for, in terms of which threads went on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp(u64);

/// All numbers of one client.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) threads: Lasting<Handle>,
    pub(super) frames: Perishable<Handle>,
    pub(super) values: Perishable<Container>,
    pub(super) choices: Perishable<Handle>,
    pub(super) sources: Lasting<Place>,
    pub(super) modules: Lasting<Handle>,
    stopped: BTreeSet<u32>,
    all_stopped: bool,
    last_stopped: Option<u32>,
    moment: u64,
    all_went: u64,
    went: BTreeMap<u32, u64>,
}

/// A thread was told to go on.
#[derive(Debug)]
pub(super) struct Going {
    thread: Option<u32>,
    marks: (u32, u32, u32),
    before: (BTreeSet<u32>, bool),
    moment: u64,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            threads: Lasting::new(MAX_THREADS),
            frames: Perishable::new(MAX_PERISHABLE),
            values: Perishable::new(MAX_PERISHABLE),
            choices: Perishable::new(MAX_PERISHABLE),
            sources: Lasting::new(MAX_LASTING),
            modules: Lasting::new(MAX_LASTING),
            stopped: BTreeSet::new(),
            all_stopped: false,
            last_stopped: None,
            moment: 0,
            all_went: 0,
            went: BTreeMap::new(),
        }
    }
}

impl Desk {
    /// Now.
    pub(super) fn stamp(&self) -> Stamp {
        Stamp(self.moment)
    }

    /// Fails when the thread has gone on since the stamp; any thread when it is nobody's.
    pub(super) fn fresh(&self, stamp: Stamp, thread: Option<u32>) -> Result<(), Refusal> {
        let went = match thread {
            Some(thread) => self.went.get(&thread).copied().unwrap_or(0).max(self.all_went),
            None => self.moment,
        };
        if went <= stamp.0 { Ok(()) } else { Err(Refusal::Stale) }
    }

    /// The handle of a thread that the client named.
    pub(super) fn thread(&self, number: u64) -> Result<(u32, Handle), Refusal> {
        let handle = self.threads.get(number).map_err(|missing| match missing {
            crate::debug::handles::Missing::Stale => Refusal::State("the thread has ended"),
            missing => Refusal::missing(missing, "thread", number),
        })?;
        Ok((u32::try_from(number).unwrap_or(u32::MAX), handle))
    }

    /// The frame that the client named, with its thread.
    pub(super) fn frame(&self, number: u64) -> Result<(Option<u32>, Handle), Refusal> {
        self.frames.get(number).map_err(|missing| Refusal::missing(missing, "frame", number))
    }

    /// The scope or value that the client named, with its thread.
    pub(super) fn container(&self, number: u32) -> Result<(Option<u32>, Container), Refusal> {
        let number = u64::from(number);
        self.values.get(number).map_err(|missing| Refusal::missing(missing, "variablesReference", number))
    }

    /// The thread that is meant when none is named.
    pub(super) fn likely_thread(&self) -> Option<u32> {
        let known = |thread: &u32| self.threads.get((*thread).into()).is_ok();
        self.last_stopped.filter(known).or_else(|| self.threads.oldest())
    }

    /// Whether any thread is stopped.
    pub(super) fn is_stopped(&self) -> bool {
        self.all_stopped || !self.stopped.is_empty()
    }

    /// A thread stopped. Whether another was stopped already.
    pub(super) fn stop(&mut self, thread: Option<u32>, all: bool) -> bool {
        let was = self.is_stopped();
        self.stopped.extend(thread);
        self.all_stopped |= all;
        self.last_stopped = thread.or(self.last_stopped);
        was
    }

    /// A thread is about to go on, or all are.
    pub(super) fn go(&mut self, thread: Option<u32>) -> Going {
        self.moment += 1;
        let before = (self.stopped.clone(), self.all_stopped);
        match thread {
            Some(thread) => {
                self.went.insert(thread, self.moment);
                self.stopped.remove(&thread);
                if self.all_stopped {
                    // The others stay where they are.
                    self.all_stopped = self.threads.newest().is_some_and(|newest| newest != thread)
                        || self.threads.oldest().is_some_and(|oldest| oldest != thread);
                }
            }
            None => {
                self.all_went = self.moment;
                self.went.clear();
                self.stopped.clear();
                self.all_stopped = false;
            }
        }
        let marks = (self.frames.mark(), self.values.mark(), self.choices.mark());
        Going { thread, marks, before, moment: self.moment }
    }

    /// It did go on: what was known of it is gone.
    pub(super) fn gone(&mut self, going: &Going) {
        let (frames, values, choices) = going.marks;
        self.frames.forget(frames, going.thread);
        self.values.forget(values, going.thread);
        self.choices.forget(choices, going.thread);
    }

    /// It did not go on after all.
    pub(super) fn stayed(&mut self, going: Going) {
        if self.moment == going.moment {
            self.stopped.extend(going.before.0);
            self.all_stopped |= going.before.1;
        }
    }

    /// A thread is gone; its number, if it had one.
    pub(super) fn thread_ended(&mut self, handle: &Handle) -> Option<u32> {
        let number = self.threads.remove(handle)?;
        self.stopped.remove(&number);
        self.went.remove(&number);
        Some(number)
    }

    /// The program is gone; says what threads it had.
    pub(super) fn clear(&mut self) -> Vec<u32> {
        let going = self.go(None);
        self.gone(&going);
        self.sources.clear();
        self.modules.clear();
        self.last_stopped = None;
        self.threads.clear()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_comes_after_its_thread_went_on_gets_no_numbers() {
        let mut desk = Desk::default();
        let handle = |name: &str| Handle::new(name).unwrap();
        let (one, _) = desk.threads.number(&handle("1")).unwrap();
        let (two, _) = desk.threads.number(&handle("2")).unwrap();
        desk.stop(Some(one), true);
        let stamp = desk.stamp();
        let frame = desk.frames.mint(Some(two), handle("f")).unwrap();
        let going = desk.go(Some(one));
        desk.gone(&going);
        assert!(desk.is_stopped());
        assert!(desk.fresh(stamp, Some(one)).is_err() && desk.fresh(stamp, None).is_err());
        assert!(desk.fresh(stamp, Some(two)).is_ok() && desk.frame(frame.into()).is_ok());
        let going = desk.go(None);
        desk.gone(&going);
        assert!(!desk.is_stopped());
        assert!(matches!(desk.frame(frame.into()), Err(Refusal::Stale)));
    }

    #[test]
    fn a_thread_that_could_not_go_on_is_stopped_still() {
        let mut desk = Desk::default();
        desk.stop(Some(1), false);
        let going = desk.go(None);
        assert!(!desk.is_stopped());
        desk.stayed(going);
        assert!(desk.is_stopped());
    }
}
