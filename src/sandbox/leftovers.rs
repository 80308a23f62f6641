//! Removes what a daemon that was killed together with its launchers left behind.
//!
//! A launcher survives its daemon and clears up, so only cgroups of daemons whose launchers were
//! killed, too, are ever found here. A cgroup whose daemon may still run is never touched.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::cgroup::{self, Cgroups, owner::Owner};

/// How many cgroups are looked at in one tree. A daemon that starts must not be held up by a host with
/// very many; what is not found is found by another.
const MAX_LOOKED_AT: usize = 8192;

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
    // The other daemon may have had its own cgroup elsewhere in the tree, so all of it is searched.
    let roots: BTreeSet<&Path> = cgroups.parents().filter_map(root).collect();
    for path in roots.into_iter().flat_map(abandoned) {
        if cgroup::remove_with_survivors(&path) {
            recovered.removed.push(path);
        } else {
            recovered.stuck.push(path);
        }
    }
    recovered
}

/// The root of the tree that a cgroup is in.
fn root(cgroup: &Path) -> Option<&Path> {
    cgroup.ancestors().take_while(|above| above.join("cgroup.procs").exists()).last()
}

/// The cgroups below `root` that belonged to a daemon which is gone.
fn abandoned(root: &Path) -> Vec<PathBuf> {
    let mut abandoned = Vec::new();
    let mut left = MAX_LOOKED_AT;
    let mut unread = vec![root.to_path_buf()];
    while let Some(directory) = unread.pop() {
        // What can't be read can't be removed either.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if left == 0 || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            left -= 1;
            match entry.file_name().to_str().and_then(Owner::of_cgroup) {
                Some(owner) if owner.may_be_alive() => {}
                Some(_) => abandoned.push(entry.path()),
                None => unread.push(entry.path()),
            }
        }
    }
    abandoned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cgroups_of_daemons_that_are_gone_are_abandoned() {
        let tree = tempfile::tempdir().unwrap();
        let own = Owner::current().unwrap().new_cgroup_name();
        // No process has started before the machine did.
        let mut parts: Vec<&str> = own.split('-').collect();
        parts[3] = "0";
        let gone = format!("user.slice/{}", parts.join("-"));
        for path in [own.as_str(), &gone, "codebeaker-notes", "user.slice/other"] {
            fs::create_dir_all(tree.path().join(path)).unwrap();
        }
        assert_eq!(abandoned(tree.path()), [tree.path().join(gone)]);
    }
}
