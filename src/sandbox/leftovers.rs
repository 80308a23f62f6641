//! Removes what a daemon that was killed together with its launchers left behind.
//!
//! A launcher survives its daemon and clears up, so only cgroups of daemons whose launchers were
//! killed, too, are ever found here. A cgroup whose daemon may still run is never touched.

use std::fs;
use std::path::PathBuf;

use super::cgroup::{self, Cgroups, owner::Owner};

/// What was found and what became of it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Cgroups that are gone now, with all that ran in them.
    pub removed: Vec<PathBuf>,
    /// Cgroups that could not be emptied in time.
    pub stuck: Vec<PathBuf>,
}

/// Removes cgroups of daemons that are gone, killing what still runs in them. Blocks.
#[must_use]
pub fn recover(cgroups: &Cgroups) -> Recovered {
    let mut recovered = Recovered::default();
    for parent in cgroups.parents() {
        // A directory that can't be read has nothing that could be removed.
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let owner = entry.file_name().to_str().and_then(Owner::of_cgroup);
            if owner.is_none_or(|owner| owner.may_be_alive()) {
                continue;
            }
            let path = entry.path();
            if cgroup::remove_with_survivors(&path) {
                recovered.removed.push(path);
            } else {
                recovered.stuck.push(path);
            }
        }
    }
    recovered
}
