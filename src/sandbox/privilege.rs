//! What the daemon's own user may do, which decides how a sandbox is built.

use std::fs;

/// The first of the host ids that sandboxes of a privileged daemon get. They are in a range that no
/// distribution, container manager or directory service assigns.
/// (<https://systemd.io/UIDS-GIDS/>, "Unused" from 0x70000000.)
pub const FIRST_UNOWNED_ID: u32 = 0x7000_0000;

/// The bit of `CAP_SYS_ADMIN` in a capability set.
const CAP_SYS_ADMIN: u64 = 1 << 21;

/// No process id is larger (`PID_MAX_LIMIT`).
const MAX_PID: u32 = 1 << 22;

/// How the daemon may build sandboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// It makes user namespaces first, and its sandboxes run as its own user.
    Ordinary,
    /// It may mount, and give a sandbox a user of its own.
    Administrator,
}

impl Privilege {
    /// Looks at this process. Not at its user id: root in a container lacks the capability, and one
    /// whose user namespace maps few ids can't give any away.
    #[must_use]
    pub fn current() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        let groups = fs::read_to_string("/proc/self/gid_map").unwrap_or_default();
        if is_administrator(&status) && maps_unowned(&map) && maps_unowned(&groups) {
            Self::Administrator
        } else {
            Self::Ordinary
        }
    }
}

/// Whether this process is the host's own root, whom the kernel exempts from limits on processes.
#[must_use]
pub fn is_hosts_root() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    rustix::process::geteuid().is_root() && maps_root_to_itself(&map)
}

fn maps_root_to_itself(map: &str) -> bool {
    map.lines().any(|line| line.split_whitespace().take(2).eq(["0", "0"]))
}

fn is_administrator(status: &str) -> bool {
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    effective.is_some_and(|set| set & CAP_SYS_ADMIN != 0)
}

/// Whether every id that a sandbox might get means something in this user namespace.
fn maps_unowned(map: &str) -> bool {
    map.lines().any(|line| {
        let mut numbers = line.split_whitespace().map_while(|number| number.parse::<u64>().ok());
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(first), Some(_), Some(count)) => {
                first <= u64::from(FIRST_UNOWNED_ID) && u64::from(FIRST_UNOWNED_ID + MAX_PID) <= first + count
            }
            _ => false,
        }
    })
}

/// A host id for the sandbox of a launcher: as launchers that run at one time differ, so do these.
#[must_use]
pub fn unowned_id(launcher: u32) -> u32 {
    FIRST_UNOWNED_ID + (launcher & (MAX_PID - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_without_the_capability_is_ordinary() {
        assert!(is_administrator("Name:\tx\nCapEff:\t000001fffeffffff\n"));
        assert!(!is_administrator("Name:\tx\nCapEff:\t00000000a80425fb\n"));
        assert!(!is_administrator(""));
    }

    #[test]
    fn root_of_a_user_namespace_is_not_the_hosts() {
        assert!(maps_root_to_itself("         0          0 4294967295\n"));
        assert!(!maps_root_to_itself("         0       1000          1\n"));
    }

    #[test]
    fn ids_that_are_not_mapped_can_not_be_given_away() {
        assert!(maps_unowned("         0          0 4294967295\n"));
        assert!(!maps_unowned("         0       1000          1\n         1     100000      65536\n"));
        assert!(!maps_unowned("garbage"));
    }
}
