//! Labels of our containers, and whose a container is.
//!
//! A daemon that finds a container has to know whether the daemon that made it still runs. It knows only of
//! its own machine, since that machine's last start; of others it knows nothing, and leaves their containers
//! alone. Of labels that an image brings along it believes nothing: see `seal`.

use std::fmt;
use std::fs;
use std::io;
use std::str::FromStr;

pub(in crate::container) mod seal;

use crate::processes::{own_pid_namespace, start_time};

/// On everything of ours with an engine: containers, volumes and images that we have built.
pub const MANAGED: &str = "codebeaker.managed";

/// Whose a container is: an [`Owner`].
pub const OWNER: &str = "codebeaker.owner";

/// The session that a container is, where it is to outlive its daemon.
pub const SESSION: &str = "codebeaker.session";

/// What the next daemon has to know of that session.
pub const NOTES: &str = "codebeaker.notes";

/// The runtime that it is a sandbox of, by our name for it.
pub const RUNTIME: &str = "codebeaker.runtime";

/// What a container was made ready for that has no session yet.
pub const POOL: &str = "codebeaker.pool";

/// The version of codebeaker that made it.
pub const VERSION: &str = "codebeaker.version";

/// A daemon, told from every other on any machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The machine, by its own id or, where it has none, its host name.
    machine: String,
    /// The machine's start, by the kernel's id for it.
    boot: String,
    /// The inode number of its pid namespace.
    pid_namespace: u64,
    pid: u32,
    /// In clock ticks since the machine started.
    start_time: u64,
    uid: u32,
}

/// Whether a daemon still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It does.
    Alive,
    /// It does not, and never will again.
    Gone,
    /// It is another machine's, or in a container of its own: it can't be known here.
    Elsewhere,
}

impl Owner {
    /// This process.
    ///
    /// # Errors
    /// When `/proc` doesn't tell.
    pub fn current() -> io::Result<Self> {
        let pid = std::process::id();
        Ok(Self {
            machine: machine()?,
            boot: boot()?,
            pid_namespace: own_pid_namespace()?,
            pid,
            start_time: start_time(pid)?,
            uid: rustix::process::getuid().as_raw(),
        })
    }

    /// Whether it still runs, as far as that can be known on this machine.
    #[must_use]
    pub fn is_alive_here(&self) -> Liveness {
        let (Ok(machine), Ok(boot), Ok(namespace)) = (machine(), boot(), own_pid_namespace()) else {
            return Liveness::Elsewhere;
        };
        if machine != self.machine {
            return Liveness::Elsewhere;
        }
        if boot != self.boot {
            return Liveness::Gone;
        }
        if namespace != self.pid_namespace {
            return Liveness::Elsewhere;
        }
        match start_time(self.pid) {
            Ok(start_time) if start_time == self.start_time => Liveness::Alive,
            Ok(_) => Liveness::Gone,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Liveness::Gone,
            Err(_) => Liveness::Elsewhere,
        }
    }

    /// Whether it was run by this user of this machine, so that the user's next daemon may take over what it
    /// left.
    #[must_use]
    pub fn is_same_user(&self, other: &Self) -> bool {
        self.machine == other.machine && self.uid == other.uid
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machine, boot, pid_namespace, pid, start_time, uid } = self;
        write!(f, "{machine}/{boot}/{pid_namespace}/{pid}/{start_time}/{uid}")
    }
}

/// The text is no [`Owner`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the owner of a container is not written as codebeaker writes it")]
pub struct NoOwner;

impl FromStr for Owner {
    type Err = NoOwner;

    fn from_str(text: &str) -> Result<Self, NoOwner> {
        let parts: Vec<&str> = text.split('/').collect();
        let [machine, boot, pid_namespace, pid, start_time, uid] = parts[..] else { return Err(NoOwner) };
        if machine.is_empty() || boot.is_empty() {
            return Err(NoOwner);
        }
        Ok(Self {
            machine: machine.to_owned(),
            boot: boot.to_owned(),
            pid_namespace: pid_namespace.parse().map_err(|_| NoOwner)?,
            pid: pid.parse().map_err(|_| NoOwner)?,
            start_time: start_time.parse().map_err(|_| NoOwner)?,
            uid: uid.parse().map_err(|_| NoOwner)?,
        })
    }
}

/// The host name goes with the id: copies of one machine often share the latter.
fn machine() -> io::Result<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let id = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    Ok(format!("{}@{}", id.trim(), name).replace('/', "_"))
}

fn boot() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_read_as_it_was_written() {
        let owner = Owner::current().unwrap();
        assert_eq!(owner.to_string().parse(), Ok(owner.clone()));
        for wrong in ["", "a/b/1/2/3", "a/b/1/2/3/4/5", "a/b/1/2/x/4", "/b/1/2/3/4"] {
            assert_eq!(wrong.parse::<Owner>(), Err(NoOwner), "{wrong}");
        }
    }

    #[test]
    fn a_daemon_is_told_from_a_later_one_with_its_process_id() {
        let own = Owner::current().unwrap();
        assert_eq!(own.is_alive_here(), Liveness::Alive);
        assert_eq!(Owner { start_time: own.start_time + 1, ..own.clone() }.is_alive_here(), Liveness::Gone);
        assert_eq!(Owner { pid: u32::MAX, ..own.clone() }.is_alive_here(), Liveness::Gone);
        assert_eq!(Owner { boot: "before".to_owned(), ..own }.is_alive_here(), Liveness::Gone);
    }

    #[test]
    fn what_runs_elsewhere_is_not_judged() {
        let own = Owner::current().unwrap();
        let other = Owner { machine: "other".to_owned(), boot: "before".to_owned(), ..own.clone() };
        assert_eq!(other.is_alive_here(), Liveness::Elsewhere);
        assert_eq!(Owner { pid_namespace: 1, start_time: 0, ..own.clone() }.is_alive_here(), Liveness::Elsewhere);
        assert!(own.is_same_user(&own) && !own.is_same_user(&other));
    }
}
