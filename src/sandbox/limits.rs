//! From what a session may use to what the kernel is told, and who enforces it.

use std::fmt;

use codebeaker_agent::plan::{Resource, Rlimit, TmpfsSizes, Workspace};
use codebeaker_agent::wire::MAX_CONDUITS;

use crate::config::Limits;

/// Processes of ours in a sandbox that a limit of the user's programs must leave room for: PID 1, and
/// one that the agent keeps beside each of the executions that run at one time.
const AGENT_PROCESSES: u64 = 17;

/// What a client should know of the number that bounds processes.
const ROOM_FOR_AGENT: &str = "18 more may exist, which are the agent's own while programs run";

/// Open descriptors that PID 1 needs whatever programs are allowed: three for each conduit, and as many more
/// as it ever had use for.
const AGENT_OPEN_FILES: u64 = 256 + 3 * MAX_CONDUITS as u64;

/// A file system in memory has an inode for so many bytes of its size, and never more than the kernel
/// memory of a million takes.
const BYTES_PER_INODE: u64 = 4096;
const MAX_INODES: u64 = 1 << 20;
const MIN_INODES: u64 = 1024;

/// Who makes sure that a limit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Enforcer {
    /// A control group, version 1.
    CgroupV1,
    /// A control group, version 2.
    CgroupV2,
    /// The agent, which looks from time to time.
    Agent,
    /// The kernel, for each process or user (`setrlimit`).
    Rlimit,
    /// The size of file systems in memory.
    Tmpfs,
    /// The processors that programs may run on.
    Affinity,
    /// Nobody.
    None,
}

impl Enforcer {
    /// The name as clients see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CgroupV1 => "cgroup-v1",
            Self::CgroupV2 => "cgroup-v2",
            Self::Agent => "agent",
            Self::Rlimit => "rlimit",
            Self::Tmpfs => "tmpfs",
            Self::Affinity => "affinity",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Enforcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The limits that are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// [`Limits::memory_bytes`].
    Memory,
    /// [`Limits::cpu`].
    Cpu,
    /// [`Limits::pids`].
    Pids,
    /// [`Limits::disk_bytes`].
    Disk,
    /// [`Limits::open_files`].
    OpenFiles,
}

impl Limit {
    /// The name as clients see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
            Self::Disk => "disk",
            Self::OpenFiles => "openFiles",
        }
    }
}

/// Who enforces one limit of one sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enforcement {
    /// Which limit.
    pub limit: Limit,
    /// Who enforces it.
    pub enforcer: Enforcer,
    /// What it means that nobody better does; absent where the enforcement is complete.
    pub remark: Option<&'static str>,
}

/// Which limits the sandbox's cgroups enforce.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// The version of the interface; `None` when there are no cgroups at all.
    pub version: Option<CgroupVersion>,
    /// Memory is.
    pub memory: bool,
    /// Processes are.
    pub pids: bool,
    /// Processor time is.
    pub cpu: bool,
}

/// Who programs are to the kernel, where it limits a user's processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserKind {
    /// A user whose processes are counted.
    Bounded,
    /// The host's root, whose are not.
    Exempt,
}

/// Versions of the kernel's control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CgroupVersion {
    /// A tree for each controller.
    V1,
    /// One tree.
    V2,
}

impl Counted {
    fn enforcer(self, counted: bool) -> Option<Enforcer> {
        match (counted, self.version) {
            (true, Some(CgroupVersion::V1)) => Some(Enforcer::CgroupV1),
            (true, Some(CgroupVersion::V2)) => Some(Enforcer::CgroupV2),
            _ => None,
        }
    }
}

/// The least size of a file system in memory, for the size 0 would mean that it has no bound.
const LEAST_BYTES: u64 = 4096;

/// Divides what all files may take among the file systems in memory. What a program fills can't take
/// the room of the code that the daemon brings in.
#[must_use]
pub fn tmpfs_sizes(limits: &Limits, workspace: &Workspace) -> TmpfsSizes {
    let disk = limits.disk_bytes;
    let code_bytes = (disk / 16).clamp(1 << 20, 16 << 20).min(disk / 4);
    let shm_bytes = (disk / 16).min(64 << 20);
    let rest = disk.saturating_sub(code_bytes + shm_bytes);
    let (workspace_bytes, tmp_bytes) = match workspace {
        // The workspace is on the host's disk.
        Workspace::Bind { .. } => (0, rest),
        Workspace::Empty | Workspace::Copy { .. } | Workspace::Overlay { .. } => {
            ((rest - rest / 4).max(LEAST_BYTES), rest / 4)
        }
    };
    let inodes = (disk / BYTES_PER_INODE).clamp(MIN_INODES, MAX_INODES);
    TmpfsSizes {
        workspace_bytes,
        tmp_bytes: tmp_bytes.max(LEAST_BYTES),
        shm_bytes: shm_bytes.max(LEAST_BYTES),
        code_bytes: code_bytes.max(LEAST_BYTES),
        inodes,
    }
}

/// What the session's cgroups allow. Files in memory are charged to them, too: without room for those,
/// a full workspace would have every later program killed.
#[must_use]
pub fn cgroup_memory_bytes(limits: &Limits, sizes: &TmpfsSizes) -> u64 {
    let files = sizes.workspace_bytes + sizes.tmp_bytes + sizes.shm_bytes + sizes.code_bytes;
    limits.memory_bytes.saturating_add(files)
}

/// What the session's cgroups allow, the agent's own processes included.
#[must_use]
pub fn cgroup_pids(limits: &Limits) -> u64 {
    limits.pids.saturating_add(AGENT_PROCESSES)
}

/// Open descriptors that PID 1 must be able to give itself.
#[must_use]
pub fn agent_open_files(limits: &Limits) -> u64 {
    limits.open_files.max(AGENT_OPEN_FILES)
}

/// As [`rlimits`], in a container. On the host's kernel its user is also that of other containers, whose processes
/// would be counted with its own. On a kernel of its own they are not: there what forks faster than the agent looks
/// is kept from making it wait.
#[must_use]
pub fn rlimits_in_container(limits: &Limits, counted: Counted, host_kernel: bool) -> Vec<Rlimit> {
    let mut rlimits = rlimits(limits, counted);
    rlimits.retain(|limit| !host_kernel || limit.resource != Resource::Processes);
    rlimits
}

/// The limits that the kernel keeps for each process or user, beside what cgroups count.
#[must_use]
pub fn rlimits(limits: &Limits, counted: Counted) -> Vec<Rlimit> {
    let limit = |resource, value| Rlimit { resource, soft: value, hard: value };
    let mut rlimits = vec![
        // Not 0: where crashes are piped to a program of the host, as many distributions do, the kernel
        // heeds no limit but this one, and then neither pipes nor writes (core(5), "RLIMIT_CORE").
        limit(Resource::Core, 1),
        // PID 1 gives programs the soft one and takes the hard one for itself.
        Rlimit { resource: Resource::OpenFiles, soft: limits.open_files, hard: agent_open_files(limits) },
        // In memory the file systems' sizes say more; on the host's disk this is all there is.
        limit(Resource::FileSize, limits.disk_bytes),
    ];
    if !counted.memory {
        // What a process has mapped is more than what it uses. The agent looks at the latter and says that
        // it was memory; this stops what would be faster than its looks.
        rlimits.push(limit(Resource::Data, limits.memory_bytes.saturating_mul(2)));
    }
    if !counted.pids {
        // The launcher is the sandbox's user, too.
        rlimits.push(limit(Resource::Processes, limits.pids.saturating_add(AGENT_PROCESSES + 1)));
    }
    rlimits
}

/// How many processors a sandbox may run on, where no cgroup counts its time.
#[must_use]
pub fn processors(limits: &Limits, counted: Counted) -> Option<u32> {
    let wanted = limits.cpu.filter(|_| !counted.cpu)?;
    Some(wanted.ceil().clamp(1.0, 4096.0) as u32)
}

/// Who enforces each limit.
#[must_use]
pub fn enforcement(limits: &Limits, counted: Counted, user: UserKind, workspace: &Workspace) -> Vec<Enforcement> {
    let entry = |limit, enforcer, remark| Enforcement { limit, enforcer, remark };
    let memory = match counted.enforcer(counted.memory) {
        Some(enforcer) => {
            let remark = "the agent watches over it; the kernel bounds processes and files in memory together";
            entry(Limit::Memory, enforcer, Some(remark))
        }
        None => {
            let remark =
                "each process is bounded by the kernel, all together by the agent, which looks several times a second";
            entry(Limit::Memory, Enforcer::Agent, Some(remark))
        }
    };
    let cpu = match (limits.cpu, counted.enforcer(counted.cpu)) {
        (None, _) => entry(Limit::Cpu, Enforcer::None, Some("no limit was asked for")),
        (Some(_), Some(enforcer)) => entry(Limit::Cpu, enforcer, None),
        (Some(cpu), None) => {
            let remark = (cpu.fract() != 0.0).then_some("rounded up to whole processors");
            entry(Limit::Cpu, Enforcer::Affinity, remark)
        }
    };
    let pids = match (counted.enforcer(counted.pids), user) {
        (Some(enforcer), _) => entry(Limit::Pids, enforcer, Some(ROOM_FOR_AGENT)),
        (None, UserKind::Bounded) => entry(Limit::Pids, Enforcer::Rlimit, Some(ROOM_FOR_AGENT)),
        (None, UserKind::Exempt) => {
            entry(Limit::Pids, Enforcer::None, Some("programs run as root, whose processes only a cgroup could bound"))
        }
    };
    let disk = match workspace {
        Workspace::Bind { writable: true, .. } => {
            entry(Limit::Disk, Enforcer::Rlimit, Some("in the workspace only the size of each file is bounded"))
        }
        Workspace::Empty | Workspace::Copy { .. } | Workspace::Bind { .. } | Workspace::Overlay { .. } => {
            entry(Limit::Disk, Enforcer::Tmpfs, None)
        }
    };
    vec![memory, cpu, pids, disk, entry(Limit::OpenFiles, Enforcer::Rlimit, None)]
}

/// As [`enforcement`], in a container. `host_kernel` is whether its programs run on the host's own kernel, which then
/// keeps them to some processors where no control group counts their time.
#[must_use]
pub fn enforcement_in_container(
    limits: &Limits,
    counted: Counted,
    host_kernel: bool,
    workspace: &Workspace,
) -> Vec<Enforcement> {
    let mut entries = enforcement(limits, counted, UserKind::Bounded, workspace);
    for entry in &mut entries {
        match (entry.limit, entry.enforcer) {
            (Limit::Pids, Enforcer::Rlimit) => {
                entry.enforcer = Enforcer::Agent;
                entry.remark = Some("the agent looks several times a second, and ends what made too many");
            }
            (Limit::Cpu, Enforcer::Affinity) if !host_kernel => {
                entry.enforcer = Enforcer::None;
                entry.remark =
                    Some("this kernel counts no processor time, and may have been told to leave it uncounted");
            }
            _ => {}
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_together_take_what_files_may() {
        for disk_bytes in [4 << 20, 64 << 20, 1 << 30, 1 << 40] {
            let limits = Limits { disk_bytes, ..Limits::default() };
            let sizes = tmpfs_sizes(&limits, &Workspace::Empty);
            let sum = sizes.workspace_bytes + sizes.tmp_bytes + sizes.shm_bytes + sizes.code_bytes;
            assert_eq!(sum, disk_bytes);
            assert!(sizes.workspace_bytes > disk_bytes / 2);
        }
    }

    #[test]
    fn no_file_system_is_without_bound_however_little_there_is() {
        for disk_bytes in [0, 1, 64 << 10, 1 << 20, (1 << 20) + 1] {
            let limits = Limits { disk_bytes, ..Limits::default() };
            let sizes = tmpfs_sizes(&limits, &Workspace::Empty);
            for bytes in [sizes.workspace_bytes, sizes.tmp_bytes, sizes.shm_bytes, sizes.code_bytes] {
                assert!((LEAST_BYTES..=disk_bytes.max(LEAST_BYTES)).contains(&bytes), "{sizes:?}");
            }
        }
    }

    #[test]
    fn a_full_workspace_leaves_programs_their_memory() {
        let limits = Limits::default();
        let sizes = tmpfs_sizes(&limits, &Workspace::Empty);
        assert_eq!(cgroup_memory_bytes(&limits, &sizes), limits.memory_bytes + limits.disk_bytes);
    }

    #[test]
    fn what_no_cgroup_counts_is_limited_otherwise_and_said() {
        let limits = Limits { cpu: Some(1.5), ..Limits::default() };
        let none = Counted::default();
        let resources: Vec<_> = rlimits(&limits, none).iter().map(|limit| limit.resource).collect();
        assert!(resources.contains(&Resource::Data) && resources.contains(&Resource::Processes));
        assert_eq!(processors(&limits, none), Some(2));
        let memory = &enforcement(&limits, none, UserKind::Bounded, &Workspace::Empty)[0];
        assert_eq!(memory.enforcer, Enforcer::Agent);
        assert!(memory.remark.is_some());
        let pids = &enforcement(&limits, none, UserKind::Exempt, &Workspace::Empty)[2];
        assert_eq!((pids.enforcer, pids.remark.is_some()), (Enforcer::None, true));

        let all = Counted { version: Some(CgroupVersion::V2), memory: true, pids: true, cpu: true };
        assert_eq!(processors(&limits, all), None);
        let enforcers: Vec<_> =
            enforcement(&limits, all, UserKind::Exempt, &Workspace::Empty).iter().map(|entry| entry.enforcer).collect();
        assert_eq!(enforcers[..3], [Enforcer::CgroupV2; 3]);
    }
}
