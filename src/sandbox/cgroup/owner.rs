//! Whose a cgroup is, written into its name.
//!
//! Daemons in different containers can share a tree of cgroups and must leave each other's alone.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::processes::{own_pid_namespace, start_time};

/// How every cgroup of ours begins.
const PREFIX: &str = "codebeaker";

/// A daemon, told from every other that runs or ran since the machine started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Inode number of its pid namespace.
    pid_namespace: u64,
    pid: u32,
    /// In clock ticks since the machine started.
    start_time: u64,
}

impl Owner {
    /// This process.
    ///
    /// # Errors
    /// When `/proc` doesn't tell.
    pub fn current() -> io::Result<Self> {
        let pid = std::process::id();
        Ok(Self { pid_namespace: own_pid_namespace()?, pid, start_time: start_time(pid)? })
    }

    /// Whether the process still runs. One of another pid namespace always seems to: it can't be known.
    #[must_use]
    pub fn may_be_alive(&self) -> bool {
        let foreign = own_pid_namespace().map_or(true, |own| own != self.pid_namespace);
        foreign
            || match start_time(self.pid) {
                Ok(start_time) => start_time == self.start_time,
                Err(error) => error.kind() != io::ErrorKind::NotFound,
            }
    }

    /// A name for a cgroup that no other cgroup of this process has or had.
    #[must_use]
    pub fn new_cgroup_name(&self) -> String {
        static NAMED: AtomicU64 = AtomicU64::new(0);
        self.cgroup_name(NAMED.fetch_add(1, Ordering::Relaxed))
    }

    fn cgroup_name(&self, number: u64) -> String {
        let Self { pid_namespace, pid, start_time } = self;
        format!("{PREFIX}-{pid_namespace}-{pid}-{start_time}-{number}")
    }

    /// Whose the cgroup with this name is; `None` when it is none of ours.
    #[must_use]
    pub fn of_cgroup(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix(PREFIX)?.strip_prefix('-')?.split('-');
        let owner = Self {
            pid_namespace: parts.next()?.parse().ok()?,
            pid: parts.next()?.parse().ok()?,
            start_time: parts.next()?.parse().ok()?,
        };
        let _number: u64 = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_it_is() {
        let owner = Owner { pid_namespace: 4_026_531_836, pid: 12, start_time: 345 };
        assert_eq!(Owner::of_cgroup(&owner.cgroup_name(7)), Some(owner));
        for other in ["codebeaker", "codebeaker-1-2-3", "codebeaker-1-2-3-4-5", "codebeaker-1-x-3-4", "user.slice"] {
            assert_eq!(Owner::of_cgroup(other), None, "{other}");
        }
    }

    #[test]
    fn a_process_is_told_from_a_later_one_with_its_id() {
        let current = Owner::current().unwrap();
        assert!(current.may_be_alive());
        assert!(!Owner { start_time: current.start_time + 1, ..current.clone() }.may_be_alive());
        assert!(Owner { pid_namespace: 1, start_time: 0, ..current }.may_be_alive(), "what can't be known");
    }
}
