//! The agent's children that are neither shims nor a program's: which of them live, and how they ended.
//!
//! Whatever else is a child of the agent is taken for what a killed shim left behind, and killed.

use std::collections::BTreeMap;

use crate::agent::sys::{self, Waited};

/// Those that were forked and are not settled.
#[derive(Default)]
pub(crate) struct Helpers(BTreeMap<i32, State>);

enum State {
    Running,
    /// Reaped, with this wait status.
    Ended(i32),
    /// Nobody asks how it ended.
    Abandoned,
}

impl Helpers {
    /// One was forked.
    pub(crate) fn note(&mut self, pid: i32) {
        self.0.insert(pid, State::Running);
    }

    /// Whether this is one of them.
    pub(crate) fn has(&self, pid: i32) -> bool {
        matches!(self.0.get(&pid), Some(State::Running | State::Abandoned))
    }

    /// A child was reaped. Returns whether it was one of them.
    pub(crate) fn lost(&mut self, waited: &Waited) -> bool {
        match self.0.get_mut(&waited.pid) {
            Some(State::Abandoned) => self.0.remove(&waited.pid).is_some(),
            Some(state @ State::Running) => {
                *state = State::Ended(waited.status);
                true
            }
            _ => false,
        }
    }

    /// Kills one that was not reaped.
    pub(crate) fn kill(&self, pid: i32) {
        if self.has(pid) {
            sys::kill(pid, libc::SIGKILL);
        }
    }

    /// Kills one, and forgets it once it is reaped.
    pub(crate) fn abandon(&mut self, pid: i32) {
        self.kill(pid);
        match self.0.get_mut(&pid) {
            Some(state @ State::Running) => *state = State::Abandoned,
            _ => drop(self.0.remove(&pid)),
        }
    }

    /// How one ended that is at its end: its descriptors are closed. `None` when that can't be told.
    pub(crate) fn end_of(&mut self, pid: i32) -> Option<i32> {
        match self.0.remove(&pid)? {
            State::Ended(status) => Some(status),
            State::Running | State::Abandoned => sys::wait(pid, 0).ok().flatten().map(|waited| waited.status),
        }
    }
}
