//! A directory of this host as a container's workspace: as which user programs have it, and whether that user can.
//!
//! Programs in containers are never root. What an ordinary user's daemon binds they have as that user. Root's daemon
//! gives them the directory as its owner, where that is an ordinary user; root's own directories they see as any other
//! user does. What they could not use is refused before anything runs, with what to do about it: a program that
//! finds out by itself says much less.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use codebeaker_agent::plan::{JOINER_ID, SANDBOX_ID};
use rustix::process::{getegid, geteuid};

use super::machine::COPY_INSTEAD;
use crate::container::engine::EngineFacts;
use crate::runtime::{Lack, Refusal, RuntimeError};

/// What an access control list is an attribute by.
const ACCESS_LIST: &str = "system.posix_acl_access";

/// A directory that can be bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound {
    /// Where links lead to.
    pub(super) source: PathBuf,
    /// User and group of the container that has it.
    pub(super) user: (u32, u32),
}

/// The directory of this path, as it can be bound on this engine.
///
/// # Errors
/// When it is none, or when programs could not use it.
pub(super) fn bound(path: &Path, writable: bool, facts: &EngineFacts) -> Result<Bound, RuntimeError> {
    let unusable = |source| RuntimeError::Workspace { path: path.to_path_buf(), source };
    let source = path.canonicalize().map_err(unusable)?;
    let seen = source.metadata().map_err(unusable)?;
    if !seen.is_dir() {
        return Err(unusable(std::io::ErrorKind::NotADirectory.into()));
    }
    let daemon = (geteuid().as_raw(), getegid().as_raw());
    let user = user(daemon, (seen.uid(), seen.gid()));
    // Of such an engine's users, none is who has the same number here.
    let is_mapped = facts.rootless || facts.user_namespaces;
    if !may_use(&seen, user, is_mapped, writable) && !has_access_list(&source) {
        return Err(RuntimeError::Refused(refusal(&source, seen.uid(), is_mapped, writable)));
    }
    Ok(Bound { source, user })
}

/// Who programs are that a daemon gives a directory with this owner.
fn user(daemon: (u32, u32), owner: (u32, u32)) -> (u32, u32) {
    let has = if daemon.0 == 0 { owner } else { daemon };
    // The agent believes who joins it by that number.
    let is_ordinary = |id| id != 0 && id != JOINER_ID;
    if !is_ordinary(has.0) {
        return (SANDBOX_ID, SANDBOX_ID);
    }
    (has.0, if is_ordinary(has.1) { has.1 } else { SANDBOX_ID })
}

fn may_use(seen: &Metadata, user: (u32, u32), is_mapped: bool, writable: bool) -> bool {
    let class = match (user.0 == seen.uid(), user.1 == seen.gid()) {
        _ if is_mapped => 0,
        (true, _) => 6,
        (false, true) => 3,
        (false, false) => 0,
    };
    let needed = if writable { 0o7 } else { 0o5 };
    seen.mode() >> class & needed == needed
}

/// Whether more is decided there than the mode tells.
fn has_access_list(path: &Path) -> bool {
    rustix::fs::getxattr(path, ACCESS_LIST, &mut [0u8; 0]).is_ok_and(|length| length > 0)
}

fn refusal(path: &Path, owner: u32, is_mapped: bool, writable: bool) -> Refusal {
    let path = path.display();
    let what = if writable { "write to" } else { "read" };
    let (reason, fix) = if is_mapped {
        let reason = format!("its engine runs containers as other users, who can't {what} {path}");
        (reason, String::new())
    } else if owner == 0 {
        let reason = format!("{path} is root's, and programs in containers are never root: they can't {what} it");
        (reason, format!("give it to an ordinary user (`sudo chown -R USER {path}`), or "))
    } else {
        let reason = format!("programs in containers can't {what} {path}: its mode doesn't let them");
        (reason, format!("let its owner {what} it (`chmod u+rwx {path}`), or "))
    };
    Refusal { lack: Lack::Workspace, reason, fix: Some(fix + COPY_INSTEAD) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_who_owns_the_directory_and_never_root() {
        let alice = (1001, 1002);
        assert_eq!(user(alice, (0, 0)), alice, "an ordinary user's daemon is that user");
        assert_eq!(user((0, 0), alice), alice, "root gives it as its owner");
        let nobody_special = (SANDBOX_ID, SANDBOX_ID);
        assert_eq!(user((0, 0), (0, 0)), nobody_special);
        assert_eq!(user((0, 0), (1001, 0)), (1001, SANDBOX_ID), "nor is the group root's");
        assert_eq!(user((0, 0), (JOINER_ID, 5)), nobody_special);
        assert_eq!(user((JOINER_ID, 5), alice), nobody_special);
    }
}
