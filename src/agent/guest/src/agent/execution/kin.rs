//! Which processes are an execution's. Below its shim all are; where nothing but the agent adopts orphans, they are
//! known by their sessions.

use codebeaker_agent::wire::Cause;

use crate::agent::execution::{Execution, Phase};
use crate::agent::processes::Table;

impl Execution {
    /// Kills what the table shows of this execution.
    pub(crate) fn press(&self, table: &Table) {
        if let Some(shim) = self.live_shim() {
            table.kill(&self.tree(table), |group| group == shim);
        }
    }

    /// Its processes, as far as they can be told, orphans last.
    pub(super) fn tree(&self, table: &Table) -> Vec<i32> {
        let mut tree = self.live_shim().map(|shim| table.descendants(shim)).unwrap_or_default();
        if let Some(sessions) = &self.sessions {
            tree.extend(table.children_in(std::process::id() as i32, sessions));
        }
        tree
    }

    /// Its processes; their sessions are remembered, by which what they orphan will be known.
    pub(crate) fn follow(&mut self, table: &Table) -> Vec<i32> {
        let tree = self.tree(table);
        let shim = self.live_shim();
        if let Some(sessions) = &mut self.sessions {
            *sessions = table.sessions(&tree);
            if let Phase::Running { program } | Phase::Ended { program, .. } = self.phase {
                sessions.insert(program);
            }
            // Until it is a program's own, a process is in the session of its shim, who is no orphan.
            if let Some(shim) = shim {
                sessions.remove(&shim);
            }
        }
        tree
    }

    /// Whether it is over but for orphans.
    pub(crate) fn is_clearing(&self) -> bool {
        self.clearing
    }

    /// Whether it has, or may have, processes that are no orphans.
    pub(crate) fn is_under_way(&self) -> bool {
        self.phase != Phase::Over && !self.clearing
    }

    /// Its orphans, as far as they can be told.
    pub(crate) fn orphans(&self, table: &Table) -> Vec<i32> {
        self.sessions.iter().flat_map(|sessions| table.children_in(std::process::id() as i32, sessions)).collect()
    }

    /// It was killed for the number of its processes. Of so many, some were orphaned between two passes, which can't
    /// tell whose they are.
    pub(crate) fn is_bomb(&self) -> bool {
        self.cause == Some(Cause::Processes)
    }
}
