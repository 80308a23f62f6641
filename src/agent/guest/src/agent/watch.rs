//! The watch over memory and processes, where the kernel doesn't hold those limits.
//!
//! Looks at all processes from time to time, more often when much of a limit is used, and never while nothing
//! has a limit or nothing runs. What goes over its limit is killed. Between two looks a program can
//! overshoot; the limit per process (`RLIMIT_DATA`) bounds by how much memory.

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

/// What all executions may have together.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) processes: Option<u64>,
}

/// Who may have how much.
pub(crate) struct Watch {
    session: Limits,
    /// The limits that executions have on their processes are held here.
    counts_processes: bool,
    watches_memory: bool,
    /// Looks even where nothing has a limit, so that orphans can be told apart.
    follows_orphans: bool,
    next: Option<Instant>,
    /// No close look before this.
    next_close_look: Option<Instant>,
}

/// What one execution has.
struct Tree {
    number: u32,
    pids: Vec<i32>,
    bytes: u64,
    threads: u64,
}

impl Watch {
    /// `watches_memory` is false only where an attack test leaves this protection out.
    pub(crate) fn new(session: Limits, counts_processes: bool, watches_memory: bool, follows_orphans: bool) -> Self {
        let session = Limits { memory_bytes: session.memory_bytes.filter(|_| watches_memory), ..session };
        Watch { session, counts_processes, watches_memory, follows_orphans, next: None, next_close_look: None }
    }

    /// Something has started.
    pub(crate) fn note_start(&mut self, execution: &Execution) {
        if self.next.is_none() && self.concerns(execution) {
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
        let counts_memory = self.watches_memory;
        for (number, execution) in executions.iter_mut() {
            if execution.live_shim().is_none() || execution.is_held() {
                continue;
            }
            watched |= self.concerns(execution);
            let pids = execution.follow(table);
            let bytes = if counts_memory { pids.iter().map(|pid| table.resident(*pid)).sum() } else { 0 };
            let tree = Tree { number: *number, threads: table.threads_of(&pids), pids, bytes };
            if let Some(limit) = execution.limits().memory_bytes {
                alert |= tree.bytes > limit / 2;
                if tree.bytes > limit && self.is_really_over(limit, tree.bytes, &tree.pids, table) {
                    execution.kill(Some(Cause::Memory));
                    killed = true;
                }
            }
            if let Some(limit) = execution.limits().processes.filter(|_| self.counts_processes) {
                alert |= tree.threads > limit / 2;
                if tree.threads > limit {
                    execution.kill(Some(Cause::Processes));
                    killed = true;
                }
            }
            execution.note_memory(bytes);
            trees.push(tree);
        }
        if !killed && let Some((number, cause)) = self.over_together(&trees, table, &mut alert) {
            executions.get_mut(&number).into_iter().for_each(|execution| execution.kill(Some(cause)));
            killed = true;
        }
        self.next = watched.then(|| Instant::now() + if alert { ALERT } else { CALM });
        killed
    }

    /// The execution that has to go because all of them have too much, and why.
    fn over_together(&mut self, trees: &[Tree], table: &Table, alert: &mut bool) -> Option<(u32, Cause)> {
        if let Some(limit) = self.session.processes {
            // All there are, also those whose execution nobody can tell.
            let threads = table.threads();
            *alert |= threads > limit / 2;
            if threads > limit {
                return trees.iter().max_by_key(|tree| tree.threads).map(|tree| (tree.number, Cause::Processes));
            }
        }
        let limit = self.session.memory_bytes?;
        let bytes = trees.iter().map(|tree| tree.bytes).sum::<u64>();
        *alert |= bytes > limit / 2;
        let all: Vec<i32> = trees.iter().flat_map(|tree| &tree.pids).copied().collect();
        let over = bytes > limit && self.is_really_over(limit, bytes, &all, table);
        let largest = trees.iter().max_by_key(|tree| tree.bytes).filter(|_| over);
        largest.map(|tree| (tree.number, Cause::Memory))
    }

    fn concerns(&self, execution: &Execution) -> bool {
        let own = execution.limits();
        let limits =
            [self.session.memory_bytes, self.session.processes, own.memory_bytes.filter(|_| self.watches_memory)];
        self.follows_orphans || limits.iter().any(Option::is_some) || (self.counts_processes && own.processes.is_some())
    }

    /// A fork shares its memory with its parent, and the sum over processes counts it for both. Before
    /// something is killed, shared memory is divided among those that share it.
    fn is_really_over(&mut self, limit: u64, sum: u64, tree: &[i32], table: &Table) -> bool {
        if let Some(all) = table.anonymous() {
            return sum.min(all) > limit;
        }
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
