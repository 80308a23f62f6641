//! Numbers that a client gets for what a back end names by handles.
//!
//! A number is never used twice, so that one which a client kept too long is told from one that never was.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Numbers stay below what the protocol allows for references.
const LAST: u32 = i32::MAX as u32;

/// Why a number names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// It did.
    Stale,
    /// It never did.
    Unknown,
}

/// Things that live until their thread goes on.
#[derive(Debug)]
pub(super) struct Perishable<T> {
    last: u32,
    most: usize,
    live: BTreeMap<u32, (Option<u32>, T)>,
}

impl<T: Clone> Perishable<T> {
    /// Holds at most so many; the oldest go first.
    pub(super) fn new(most: usize) -> Self {
        Self { last: 0, most, live: BTreeMap::new() }
    }

    /// A number for something of a thread, or of nobody in particular. `None` when numbers have run out.
    pub(super) fn mint(&mut self, thread: Option<u32>, thing: T) -> Option<u32> {
        if self.last >= LAST {
            return None;
        }
        self.last += 1;
        self.live.insert(self.last, (thread, thing));
        if self.live.len() > self.most {
            self.live.pop_first();
        }
        Some(self.last)
    }

    /// What a number names, and whose it is.
    pub(super) fn get(&self, number: u64) -> Result<(Option<u32>, T), Missing> {
        let known = u32::try_from(number).ok().filter(|number| (1..=self.last).contains(number));
        let number = known.ok_or(Missing::Unknown)?;
        self.live.get(&number).cloned().ok_or(Missing::Stale)
    }

    /// The number of the last one that was minted.
    pub(super) fn mark(&self) -> u32 {
        self.last
    }

    /// Forgets what was minted up to a mark: a thread's own and what is nobody's, or all.
    pub(super) fn forget(&mut self, mark: u32, thread: Option<u32>) {
        self.live
            .retain(|number, (owner, _)| *number > mark || (thread.is_some() && owner.is_some() && *owner != thread));
    }
}

/// Things that live as long as the program, each with one number.
#[derive(Debug)]
pub(super) struct Lasting<K> {
    last: u32,
    most: usize,
    numbers: HashMap<K, u32>,
    things: BTreeMap<u32, K>,
}

impl<K: Clone + Eq + Hash> Lasting<K> {
    /// Holds at most so many; more get no number.
    pub(super) fn new(most: usize) -> Self {
        Self { last: 0, most, numbers: HashMap::new(), things: BTreeMap::new() }
    }

    /// The number of a thing, and whether it is new. `None` when there are too many.
    pub(super) fn number(&mut self, thing: &K) -> Option<(u32, bool)> {
        if let Some(number) = self.numbers.get(thing) {
            return Some((*number, false));
        }
        if self.things.len() >= self.most || self.last >= LAST {
            return None;
        }
        self.last += 1;
        self.numbers.insert(thing.clone(), self.last);
        self.things.insert(self.last, thing.clone());
        Some((self.last, true))
    }

    /// The thing of a number.
    pub(super) fn get(&self, number: u64) -> Result<K, Missing> {
        let known = u32::try_from(number).ok().filter(|number| (1..=self.last).contains(number));
        let number = known.ok_or(Missing::Unknown)?;
        self.things.get(&number).cloned().ok_or(Missing::Stale)
    }

    /// Forgets one, and says what its number was.
    pub(super) fn remove(&mut self, thing: &K) -> Option<u32> {
        let number = self.numbers.remove(thing)?;
        self.things.remove(&number);
        Some(number)
    }

    /// Forgets all; says what the numbers were.
    pub(super) fn clear(&mut self) -> Vec<u32> {
        self.numbers.clear();
        std::mem::take(&mut self.things).into_keys().collect()
    }

    /// The number that was given out last and is still good.
    pub(super) fn newest(&self) -> Option<u32> {
        self.things.keys().next_back().copied()
    }

    /// The first number that is still good.
    pub(super) fn oldest(&self) -> Option<u32> {
        self.things.keys().next().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_stale_when_its_thread_went_on_and_unknown_when_it_never_was() {
        let mut frames = Perishable::new(10);
        let (mine, yours, nobodys) =
            (frames.mint(Some(1), "a").unwrap(), frames.mint(Some(2), "b").unwrap(), frames.mint(None, "c").unwrap());
        let mark = frames.mark();
        let later = frames.mint(Some(1), "d").unwrap();
        frames.forget(mark, Some(1));
        assert_eq!(frames.get(mine.into()), Err(Missing::Stale));
        assert_eq!(frames.get(yours.into()), Ok((Some(2), "b")));
        assert_eq!(frames.get(nobodys.into()), Err(Missing::Stale));
        assert_eq!(frames.get(later.into()), Ok((Some(1), "d")));
        assert_eq!(frames.get(99), Err(Missing::Unknown));
        assert_eq!(frames.get(0), Err(Missing::Unknown));
        frames.forget(frames.mark(), None);
        assert_eq!(frames.get(yours.into()), Err(Missing::Stale));
    }

    #[test]
    fn there_are_never_more_than_there_may_be() {
        let mut values = Perishable::new(2);
        let first = values.mint(None, 1).unwrap();
        values.mint(None, 2).unwrap();
        values.mint(None, 3).unwrap();
        assert_eq!(values.get(first.into()), Err(Missing::Stale));
        let mut threads = Lasting::new(1);
        assert_eq!(threads.number(&"a"), Some((1, true)));
        assert_eq!(threads.number(&"b"), None);
        assert_eq!(threads.remove(&"a"), Some(1));
        assert_eq!(threads.number(&"b"), Some((2, true)));
        assert_eq!(threads.get(1), Err(Missing::Stale));
    }
}
