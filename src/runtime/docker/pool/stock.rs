//! What is in the pool, what is to be made for it and what is to go: bookkeeping alone, without a clock, without
//! waiting, and without knowledge of what lies on its shelves.
//!
//! Each thing is handed out once ([`Stock::take`]) and is never known here again. There are never more than
//! [`Bounds`] say, those under way counted.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const MAX_BACK_OFF: Duration = Duration::from_secs(60);

/// How much a pool may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Of one kind.
    pub per_key: usize,
    /// Of all kinds together.
    pub total: usize,
    /// Memory of all that wait, in bytes. What is over is not kept.
    pub bytes: u64,
    /// A kind that nobody used for so long is given up.
    pub unused: Duration,
    /// From a session's wish to the making of the next one, which would slow down what that session does first.
    pub rest: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            per_key: 2,
            total: 4,
            bytes: 512 << 20,
            unused: Duration::from_secs(300),
            rest: Duration::from_millis(300),
        }
    }
}

/// Names one thing on a shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number(u64);

/// What is held ready, by kind.
#[derive(Debug)]
pub struct Stock<K, T> {
    bounds: Bounds,
    shelves: HashMap<K, Shelf<T>>,
    last_number: u64,
    /// Of all kinds, also of those that were given up since they were ordered.
    making: usize,
    closed: bool,
}

#[derive(Debug)]
struct Shelf<T> {
    waiting: VecDeque<Item<T>>,
    making: usize,
    /// How many there should be.
    goal: usize,
    used: Instant,
    failures: u32,
    not_before: Instant,
}

#[derive(Debug)]
struct Item<T> {
    number: Number,
    bytes: u64,
    thing: T,
}

impl<T> Shelf<T> {
    fn new(now: Instant) -> Self {
        Self { waiting: VecDeque::new(), making: 0, goal: 0, used: now, failures: 0, not_before: now }
    }

    fn held(&self) -> usize {
        self.waiting.len() + self.making
    }

    fn bytes(&self) -> u64 {
        self.waiting.iter().map(|item| item.bytes).sum()
    }

    fn fail(&mut self, now: Instant) {
        let back_off = (FIRST_BACK_OFF * (1 << self.failures.min(8))).min(MAX_BACK_OFF);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now + back_off;
    }
}

impl<K, T> Stock<K, T> {
    /// Gives everything up, and takes nothing more.
    pub fn close(&mut self) -> Vec<T> {
        self.closed = true;
        let shelves = std::mem::take(&mut self.shelves);
        shelves.into_values().flat_map(|shelf| shelf.waiting).map(|item| item.thing).collect()
    }
}

impl<K: Clone + Eq + Hash, T> Stock<K, T> {
    /// Nothing, bounded so.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, shelves: HashMap::new(), last_number: 0, making: 0, closed: false }
    }

    /// A session of this kind is made: from now on, some are held ready. Takes the one that waits longest.
    pub fn take(&mut self, key: &K, now: Instant) -> Option<T> {
        let was_short = self.shelves.get(key).is_some_and(|shelf| shelf.held() < shelf.goal);
        self.want(key, self.bounds.per_key, now);
        let shelf = self.shelves.get_mut(key)?;
        // The rest is not begun anew by each of many sessions, or they would all wait for their engine.
        if !was_short {
            shelf.not_before = shelf.not_before.max(now + self.bounds.rest);
        }
        let item = shelf.waiting.pop_front()?;
        // What it was good for is proven.
        shelf.failures = 0;
        Some(item.thing)
    }

    /// So many of this kind are to be held ready, as far as the bounds allow.
    pub fn want(&mut self, key: &K, count: usize, now: Instant) {
        let goal = count.min(self.bounds.per_key);
        if self.closed || goal == 0 {
            return;
        }
        let shelf = self.shelves.entry(key.clone()).or_insert_with(|| Shelf::new(now));
        shelf.goal = shelf.goal.max(goal);
        shelf.used = now;
    }

    /// The kind of which one is to be made now, and what has to go for it. Whoever asks makes it, and tells
    /// [`put`](Self::put) or [`failed`](Self::failed).
    pub fn order(&mut self, now: Instant) -> Option<(K, Option<T>)> {
        if self.bounds.total == 0 {
            return None;
        }
        let full = self.waiting() + self.making >= self.bounds.total || self.bytes() >= self.bounds.bytes;
        let due = self.shelves.iter().filter(|(_, shelf)| shelf.held() < shelf.goal && shelf.not_before <= now);
        // The kind that has least comes first, of those the one that was used last.
        let (key, shelf) = due.min_by_key(|(_, shelf)| (shelf.held(), Reverse(shelf.used)))?;
        let (key, held, used) = (key.clone(), shelf.held(), shelf.used);
        let mut gone = None;
        if full {
            // A kind in use makes room for itself at the cost of one that has more and was used before it.
            let richer = self.shelves.values_mut().filter(|other| other.used < used && other.held() > held);
            let oldest = richer.filter(|other| !other.waiting.is_empty()).min_by_key(|other| other.used)?;
            oldest.goal = oldest.held() - 1;
            gone = oldest.waiting.pop_front().map(|item| item.thing);
        }
        self.shelves.get_mut(&key)?.making += 1;
        self.making += 1;
        Some((key, gone))
    }

    /// One that was ordered stands.
    ///
    /// # Errors
    /// The thing itself when it is not wanted any more.
    pub fn put(&mut self, key: &K, thing: T, bytes: u64) -> Result<Number, T> {
        self.making = self.making.saturating_sub(1);
        let room = self.bounds.bytes.saturating_sub(self.bytes());
        let Some(shelf) = self.shelves.get_mut(key).filter(|shelf| shelf.making > 0) else {
            return Err(thing);
        };
        shelf.making -= 1;
        if bytes > room {
            shelf.goal = shelf.held();
            return Err(thing);
        }
        self.last_number += 1;
        let number = Number(self.last_number);
        shelf.waiting.push_back(Item { number, bytes, thing });
        Ok(number)
    }

    /// One that was ordered could not be made: the next is made later.
    pub fn failed(&mut self, key: &K, now: Instant) {
        self.making = self.making.saturating_sub(1);
        if let Some(shelf) = self.shelves.get_mut(key) {
            shelf.making = shelf.making.saturating_sub(1);
            shelf.fail(now);
        }
    }

    /// One that waited has died: another is made later.
    pub fn died(&mut self, key: &K, number: Number, now: Instant) -> Option<T> {
        let shelf = self.shelves.get_mut(key)?;
        let index = shelf.waiting.iter().position(|item| item.number == number)?;
        shelf.fail(now);
        shelf.waiting.remove(index).map(|item| item.thing)
    }

    /// Gives up the kinds that were not used for long.
    pub fn give_up_unused(&mut self, now: Instant) -> Vec<T> {
        let unused = self.bounds.unused;
        self.give_up_shelves(|_, shelf| now >= shelf.used + unused)
    }

    /// Gives up these kinds.
    pub fn give_up(&mut self, which: impl Fn(&K) -> bool) -> Vec<T> {
        self.give_up_shelves(|key, _| which(key))
    }

    /// Whether it takes nothing more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// When there will be something to do that is not due yet, if nothing happens before.
    #[must_use]
    pub fn next_due(&self, now: Instant) -> Option<Instant> {
        let dues = self.shelves.values().flat_map(|shelf| {
            let again = (shelf.held() < shelf.goal).then_some(shelf.not_before);
            [Some(shelf.used + self.bounds.unused), again]
        });
        dues.flatten().filter(|due| *due > now).min()
    }

    /// How many wait, of all kinds.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shelves.values().map(|shelf| shelf.waiting.len()).sum()
    }

    /// How many wait, of those kinds.
    #[must_use]
    pub fn waiting_of(&self, which: impl Fn(&K) -> bool) -> usize {
        self.shelves.iter().filter(|(key, _)| which(key)).map(|(_, shelf)| shelf.waiting.len()).sum()
    }

    /// What those that wait take, of those kinds.
    #[must_use]
    pub fn bytes_of(&self, which: impl Fn(&K) -> bool) -> u64 {
        self.shelves.iter().filter(|(key, _)| which(key)).map(|(_, shelf)| shelf.bytes()).sum()
    }

    /// Whether the bounds allow anything.
    #[must_use]
    pub fn holds_any(&self) -> bool {
        self.bounds.per_key > 0 && self.bounds.total > 0 && self.bounds.bytes > 0
    }

    /// How many are being made.
    #[must_use]
    pub fn making(&self) -> usize {
        self.making
    }

    /// What those that wait take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shelves.values().map(Shelf::bytes).sum()
    }

    fn give_up_shelves(&mut self, which: impl Fn(&K, &Shelf<T>) -> bool) -> Vec<T> {
        let gone = self.shelves.extract_if(|key, shelf| which(key, shelf));
        gone.flat_map(|(_, shelf)| shelf.waiting).map(|item| item.thing).collect()
    }
}

#[cfg(test)]
mod tests;
