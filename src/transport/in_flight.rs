//! The requests of one connection that have no answer yet.
//!
//! Whoever takes a request out of the table answers it, so that each is answered exactly once.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use tower_lsp::jsonrpc::Id;

/// One request in the table. Its serial tells it apart from a later one with the same id.
#[derive(Debug, Clone)]
pub(super) struct Admitted {
    pub(super) id: Id,
    pub(super) serial: u64,
    pub(super) graceful: bool,
    pub(super) cancellation: CancellationToken,
}

/// Why a request was not taken into the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAdmitted {
    #[error("the id is in use by a request that has no answer yet")]
    DuplicateId,
    #[error("{0} requests have no answer yet, which is the limit")]
    TooMany(usize),
    #[error("the requests without an answer hold {0} bytes, which is the limit")]
    TooLarge(usize),
}

/// What became of a cancellation.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cancelled {
    /// There is no such request.
    Unknown,
    /// The request's own task will answer.
    Signalled,
    /// It had not started and is out of the table: the caller answers.
    NotStarted,
}

#[derive(Debug)]
struct Entry {
    admitted: Admitted,
    started: bool,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<Id, Entry>,
    bytes: usize,
    next_serial: u64,
}

/// The table. Its limits are a number of requests and the bytes of their bodies together.
#[derive(Debug)]
pub(super) struct InFlight {
    max_requests: usize,
    max_bytes: usize,
    table: Mutex<Table>,
}

impl InFlight {
    pub(super) fn new(max_requests: usize, max_bytes: usize) -> Self {
        Self { max_requests, max_bytes, table: Mutex::default() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a request in whose body has `bytes` bytes. One is taken at any size if it is alone.
    pub(super) fn admit(&self, id: Id, graceful: bool, bytes: usize) -> Result<Admitted, NotAdmitted> {
        let mut guard = self.table();
        let table = &mut *guard;
        let count = table.entries.len();
        let Slot::Vacant(slot) = table.entries.entry(id.clone()) else {
            return Err(NotAdmitted::DuplicateId);
        };
        if count >= self.max_requests {
            return Err(NotAdmitted::TooMany(self.max_requests));
        }
        if count > 0 && table.bytes + bytes > self.max_bytes {
            return Err(NotAdmitted::TooLarge(self.max_bytes));
        }
        let serial = table.next_serial;
        table.next_serial += 1;
        table.bytes += bytes;
        let admitted = Admitted { id, serial, graceful, cancellation: CancellationToken::new() };
        slot.insert(Entry { admitted: admitted.clone(), started: false, bytes });
        Ok(admitted)
    }

    /// Marks a request as started. False where it was cancelled and answered before.
    pub(super) fn start(&self, request: &Admitted) -> bool {
        match self.table().entries.get_mut(&request.id) {
            Some(entry) if entry.admitted.serial == request.serial => {
                entry.started = true;
                true
            }
            _ => false,
        }
    }

    /// Takes a request out. True for whoever must answer it.
    pub(super) fn finish(&self, request: &Admitted) -> bool {
        let mut table = self.table();
        let is_there = table.entries.get(&request.id).is_some_and(|entry| entry.admitted.serial == request.serial);
        if is_there {
            table.remove(&request.id);
        }
        is_there
    }

    /// Cancels the request with this id.
    pub(super) fn cancel(&self, id: &Id) -> Cancelled {
        let mut table = self.table();
        let Some(entry) = table.entries.get(id) else { return Cancelled::Unknown };
        entry.admitted.cancellation.cancel();
        if entry.started || entry.admitted.graceful {
            return Cancelled::Signalled;
        }
        table.remove(id);
        Cancelled::NotStarted
    }
}

impl Table {
    fn remove(&mut self, id: &Id) {
        if let Some(entry) = self.entries.remove(id) {
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_free_again_once_its_request_is_finished() {
        let table = InFlight::new(2, 100);
        let first = table.admit(Id::Number(1), false, 10).unwrap();
        assert_eq!(table.admit(Id::Number(1), false, 10).unwrap_err(), NotAdmitted::DuplicateId);
        assert!(table.finish(&first));
        assert!(!table.finish(&first));
        let second = table.admit(Id::Number(1), false, 10).unwrap();
        assert!(!table.finish(&first), "the earlier request with the same id is another one");
        assert!(table.finish(&second));
    }

    #[test]
    fn the_limits_hold_and_one_request_alone_always_fits() {
        let table = InFlight::new(2, 100);
        let large = table.admit(Id::Number(1), false, 1000).unwrap();
        assert_eq!(table.admit(Id::Number(2), false, 1).unwrap_err(), NotAdmitted::TooLarge(100));
        assert!(table.finish(&large));
        table.admit(Id::Number(1), false, 50).unwrap();
        table.admit(Id::Number(2), false, 50).unwrap();
        assert_eq!(table.admit(Id::Number(3), false, 0).unwrap_err(), NotAdmitted::TooMany(2));
    }

    #[test]
    fn a_cancelled_request_is_answered_by_one_side() {
        let table = InFlight::new(9, 100);
        let waiting = table.admit(Id::Number(1), false, 0).unwrap();
        assert_eq!(table.cancel(&Id::Number(1)), Cancelled::NotStarted);
        assert!(!table.start(&waiting));

        let graceful = table.admit(Id::Number(2), true, 0).unwrap();
        assert_eq!(table.cancel(&Id::Number(2)), Cancelled::Signalled);
        assert!(table.start(&graceful) && graceful.cancellation.is_cancelled());

        let running = table.admit(Id::Number(3), false, 0).unwrap();
        assert!(table.start(&running));
        assert_eq!(table.cancel(&Id::Number(3)), Cancelled::Signalled);
        assert!(table.finish(&running));
        assert_eq!(table.cancel(&Id::Number(3)), Cancelled::Unknown);
    }
}
