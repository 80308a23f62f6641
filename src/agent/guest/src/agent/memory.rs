//! The watch over memory, where no cgroup holds that limit.
//!
//! Looks at the resident memory of all processes from time to time, more often when much of the limit is
//! used, and never while nothing has a limit or nothing runs. What goes over its limit is killed. Between
//! two looks a program can overshoot; the limit per process (`RLIMIT_DATA`) bounds by how much.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use codebeaker_agent::wire::Cause;

use crate::agent::execution::Execution;
use crate::agent::processes::Table;

/// The pause between looks.
const CALM: Duration = Duration::from_millis(50);

/// The pause once something has more than half of what it may have.
const ALERT: Duration = Duration::from_millis(10);

/// A close look takes long; it may cost one part in so many of all time.
const CLOSE_LOOK_SHARE: u32 = 5;

/// Who may have how much.
pub(crate) struct Watch {
    /// What all executions may have together.
    session_limit: Option<u64>,
    enabled: bool,
    next: Option<Instant>,
    /// No close look before this.
    next_close_look: Option<Instant>,
}

impl Watch {
    /// `enabled` is false only where an attack test leaves this protection out.
    pub(crate) fn new(session_limit: Option<u64>, enabled: bool) -> Self {
        Watch { session_limit, enabled, next: None, next_close_look: None }
    }

    /// Something has started; `limited` says whether it has a limit of its own.
    pub(crate) fn note_start(&mut self, limited: bool) {
        if self.enabled && self.next.is_none() && (limited || self.session_limit.is_some()) {
            self.next = Some(Instant::now() + ALERT);
        }
    }

    /// When [`Watch::look`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// Looks, and begins to kill what is over its limit. Returns whether it did.
    pub(crate) fn look(&mut self, executions: &mut BTreeMap<u32, Execution>, table: &Table) -> bool {
        let mut alert = false;
        let mut killed = false;
        let mut watched = false;
        let mut trees = Vec::new();
        for (number, execution) in executions.iter_mut() {
            let Some(shim) = execution.live_shim() else { continue };
            watched |= self.session_limit.is_some() || execution.memory_limit().is_some();
            let tree = table.descendants(shim);
            let bytes = tree.iter().map(|pid| table.resident(*pid)).sum::<u64>();
            if let Some(limit) = execution.memory_limit() {
                alert |= bytes > limit / 2;
                if bytes > limit && self.is_really_over(limit, &tree, table) {
                    execution.kill(Some(Cause::Memory));
                    killed = true;
                }
            }
            execution.note_memory(bytes);
            trees.push((bytes, *number, tree));
        }
        if let Some(limit) = self.session_limit {
            let bytes = trees.iter().map(|(bytes, _, _)| bytes).sum::<u64>();
            alert |= bytes > limit / 2;
            let all: Vec<i32> = trees.iter().flat_map(|(_, _, tree)| tree).copied().collect();
            if bytes > limit
                && !killed
                && self.is_really_over(limit, &all, table)
                && let Some((_, number, _)) = trees.iter().max_by_key(|(bytes, _, _)| *bytes)
                && let Some(execution) = executions.get_mut(number)
            {
                execution.kill(Some(Cause::Memory));
                killed = true;
            }
        }
        self.next = watched.then(|| Instant::now() + if alert { ALERT } else { CALM });
        killed
    }

    /// A fork shares its memory with its parent, and the sum over processes counts it for both. Before
    /// something is killed, shared memory is divided among those that share it.
    fn is_really_over(&mut self, limit: u64, tree: &[i32], table: &Table) -> bool {
        if tree.len() < 2 {
            return true;
        }
        let start = Instant::now();
        if self.next_close_look.is_some_and(|at| start < at) {
            return false;
        }
        let share = |pid: &i32| table.proportional(*pid).unwrap_or_else(|| table.resident(*pid));
        let over = tree.iter().map(share).sum::<u64>() > limit;
        self.next_close_look = (!over).then(|| Instant::now() + start.elapsed() * CLOSE_LOOK_SHARE);
        over
    }
}
