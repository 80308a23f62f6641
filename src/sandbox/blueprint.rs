//! From what a sandbox shall be to the plan that its launcher follows.

use std::path::PathBuf;

use codebeaker_agent::plan::{Identity, Plan, Protection, Workspace};

use super::cgroup::{CgroupError, Cgroups, Reserved, Session, Wanted};
use super::limits::{self, Counted, Enforcement, UserKind};
use super::privilege::{self, Privilege};
use super::root::{self, RootError};
use super::seccomp::{self, Profile, SeccompError};
use crate::config::Limits;

/// What is the same for every sandbox of this daemon.
#[derive(Debug)]
pub struct Site {
    /// What the daemon's user may do.
    pub privilege: Privilege,
    /// Where it may make cgroups; `None` where it may not.
    pub cgroups: Option<Cgroups>,
}

/// What one sandbox shall be.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// What it may use.
    pub limits: Limits,
    /// What its workspace is.
    pub workspace: Workspace,
    /// Installations that are shown beside the system's own.
    pub engine_roots: Vec<PathBuf>,
    /// Host name inside.
    pub hostname: String,
    /// Protections left out; empty except in attack tests.
    pub without: Vec<Protection>,
}

/// What was decided while a plan was made, and what has to be undone.
#[derive(Debug)]
pub struct Drawn {
    /// The sandbox's cgroups, which end with this.
    pub cgroups: Option<Session>,
    /// Who enforces each limit.
    pub enforcement: Vec<Enforcement>,
}

/// Why no plan can be made.
#[derive(Debug, thiserror::Error)]
pub enum BlueprintError {
    /// An installation can't be shown.
    #[error(transparent)]
    Root(#[from] RootError),
    /// There is no system-call filter.
    #[error(transparent)]
    Seccomp(#[from] SeccompError),
    /// The sandbox's cgroups can't be made.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
}

impl Blueprint {
    /// Names for the sandbox's cgroups; `None` where it has none.
    #[must_use]
    pub fn reserve(&self, site: &Site) -> Option<Reserved> {
        let has_cgroups = !self.without.contains(&Protection::Cgroups);
        site.cgroups.as_ref().filter(|_| has_cgroups).map(Cgroups::reserve)
    }

    /// Makes the plan for the launcher with this process id, and the cgroups that are [reserved](Self::reserve).
    ///
    /// # Errors
    /// When something it needs can't be had; nothing is left then.
    pub fn draw(&self, site: &Site, launcher: u32, cgroups: Option<Reserved>) -> Result<(Plan, Drawn), BlueprintError> {
        let has = |protection| !self.without.contains(&protection);
        let sizes = limits::tmpfs_sizes(&self.limits, &self.workspace);
        let view = root::view(&self.hostname, &self.engine_roots, has(Protection::MinimalRoot))?;
        let wanted = Wanted {
            memory_bytes: limits::cgroup_memory_bytes(&self.limits, &sizes),
            pids: limits::cgroup_pids(&self.limits),
            cpu: self.limits.cpu,
        };
        let cgroups = cgroups.map(|reserved| reserved.make(&wanted)).transpose()?;
        let counted = cgroups.as_ref().map_or_else(Counted::default, Session::counted);
        let profile = Profile {
            counted_memory: counted.memory,
            writes_host_files: matches!(self.workspace, Workspace::Bind { writable: true, .. }),
        };
        let plan = Plan {
            identity: match site.privilege {
                Privilege::Ordinary => Identity::Caller,
                Privilege::Administrator => Identity::Unowned(privilege::unowned_id(launcher)),
            },
            binds: view.binds,
            links: view.links,
            files: view.files,
            workspace: self.workspace.clone(),
            sizes,
            hostname: self.hostname.clone(),
            cgroup_birthplace: cgroups.as_ref().and_then(Session::birthplace),
            cgroup_entrances: cgroups.as_ref().map(Session::entrances).unwrap_or_default(),
            rlimits: limits::rlimits(&self.limits, counted),
            // A cgroup charges the file systems in memory too, so its limit is above that of the processes.
            watched_memory_bytes: Some(self.limits.memory_bytes),
            processors: limits::processors(&self.limits, counted),
            seccomp: seccomp::filters(profile)?,
            without: self.without.clone(),
        };
        let user = match plan.identity {
            Identity::Caller if privilege::is_hosts_root() => UserKind::Exempt,
            Identity::Caller | Identity::Unowned(_) => UserKind::Bounded,
        };
        let enforcement = limits::enforcement(&self.limits, counted, user, &self.workspace);
        Ok((plan, Drawn { cgroups, enforcement }))
    }
}
