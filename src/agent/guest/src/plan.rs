//! What the launcher is told: everything about a sandbox that is decided before it exists.
//!
//! The daemon writes its [`Cleanup`] and one plan (each `length: u32 LE`, then postcard) on the stream, the
//! launcher builds the sandbox from the plan, and the frames of [`crate::frame`] follow on the same stream. The
//! plan holds no choice for the launcher to make: what can't be done as written fails the set-up.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the launcher takes away however its sandbox ends, and whether or not there ever is one. It is told of it
/// before the daemon makes any of it, for a daemon can end at every moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleanup {
    /// Directories of cgroups, which are removed in this order once every process of the sandbox is gone. One
    /// may not be there.
    pub cgroup_dirs: Vec<PathBuf>,
}

/// The longest plan a launcher reads.
pub const MAX_PLAN_BYTES: usize = 4 * 1024 * 1024;

/// The user and group id that programs have inside every sandbox.
pub const SANDBOX_ID: u32 = 1000;

/// The user id of a daemon that joins a sandbox which outlived another. Programs can't have it.
pub const JOINER_ID: u32 = 65533;

/// The abstract name of the socket at which an agent that may be alone waits for a daemon.
pub const JOIN_NAME: &[u8] = b"\0codebeaker-agent";

/// Where the workspace is inside every sandbox.
pub const WORKSPACE: &str = "/workspace";

/// Where code that came without a file is put inside every sandbox.
pub const CODE: &str = "/run/codebeaker";

/// Where programs have what need not last, inside every sandbox.
pub const TEMPORARY: &str = "/tmp";

/// A sandbox to be built.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// How the sandbox's one user relates to the host's.
    pub identity: Identity,
    /// Host files shown inside, in this order. All are read-only, `nosuid` and `nodev`.
    pub binds: Vec<Bind>,
    /// Symbolic links to make inside: where, and to what.
    pub links: Vec<(PathBuf, PathBuf)>,
    /// Small files to make inside, such as `/etc/passwd`.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// What `/workspace` is.
    pub workspace: Workspace,
    /// Sizes of the memory-backed file systems.
    pub sizes: TmpfsSizes,
    /// Host name inside.
    pub hostname: String,
    /// The session's cgroup in version 2, in which PID 1 is made by a kernel that can do so.
    pub cgroup_birthplace: Option<PathBuf>,
    /// Files into which PID 1, where it was made elsewhere, writes `0` to enter the session's cgroups;
    /// empty when there are none.
    pub cgroup_entrances: Vec<PathBuf>,
    /// Limits that hold for each process (`setrlimit`).
    pub rlimits: Vec<Rlimit>,
    /// Resident memory of the whole sandbox that the agent watches over; `None` where a cgroup does.
    pub watched_memory_bytes: Option<u64>,
    /// Processors that the sandbox may run on; `None` for all.
    pub processors: Option<u32>,
    /// The seccomp filters as BPF instructions, each packed as `code | jt << 16 | jf << 24 | k << 32`.
    /// All are installed, in this order; the strictest answer counts.
    pub seccomp: Vec<Vec<u64>>,
    /// Protections left out. Always empty in the daemon: only the attack tests, which link the library,
    /// can show that an attack works without the protection that stops it.
    pub without: Vec<Protection>,
}

/// What the agent is told where a container engine has made its sandbox, as the first thing on its stream and
/// in the same encoding as a [`Plan`]: what is left to do once inside. PID 1 has no privileges then; what
/// can't be done fails the set-up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Confinement {
    /// Limits that hold for each process (`setrlimit`).
    pub rlimits: Vec<Rlimit>,
    /// Resident memory of the whole sandbox that the agent watches over.
    pub watched_memory_bytes: Option<u64>,
    /// Processes and threads of the whole sandbox that the agent watches over, where nothing else counts them.
    pub watched_processes: Option<u64>,
    /// Processors that the sandbox may run on; `None` for all.
    pub processors: Option<u32>,
    /// The seccomp filters, as in [`Plan::seccomp`]. They come on top of those that the engine has installed.
    pub seccomp: Vec<Vec<u64>>,
    /// With no daemon for so long, in milliseconds, the agent ends, and with it the sandbox; `None` where it
    /// ends with its stream, as it does everywhere else.
    pub alone_ms: Option<u64>,
    /// As of [`Plan::without`].
    pub without: Vec<Protection>,
}

/// How uid and gid [`SANDBOX_ID`] map to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Identity {
    /// To the user who runs the daemon: an ordinary user has no other choice.
    Caller,
    /// To a host id that owns nothing, chosen by a daemon that has `CAP_SYS_ADMIN`.
    Unowned(u32),
}

/// A host path shown inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// On the host. A symbolic link is shown as the same link.
    pub source: PathBuf,
    /// Inside the sandbox.
    pub target: PathBuf,
    /// Leave it out, without an error, where the host has no such path.
    pub optional: bool,
}

/// What `/workspace` is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Workspace {
    /// Empty and in memory.
    Empty,
    /// A copy in memory of a host directory, made before any program can run; entries whose names match
    /// one of these are left out at every level.
    Copy {
        /// The host directory.
        source: PathBuf,
        /// File or directory names left out; `*` matches any run of characters.
        exclude: Vec<String>,
    },
    /// The host directory itself. What programs write there belongs to its owner on the host.
    Bind {
        /// The host directory.
        source: PathBuf,
        /// Whether programs may change it.
        writable: bool,
    },
    /// The host directory, below a layer in memory that takes every change.
    Overlay {
        /// The host directory.
        source: PathBuf,
    },
}

/// Sizes, in bytes, of what is held in memory, and how many files each may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TmpfsSizes {
    /// `/workspace`, where it is in memory, or the layer above it.
    pub workspace_bytes: u64,
    /// `/tmp`.
    pub tmp_bytes: u64,
    /// `/dev/shm`.
    pub shm_bytes: u64,
    /// [`CODE`].
    pub code_bytes: u64,
    /// Files and directories in each of them.
    pub inodes: u64,
}

/// One `setrlimit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rlimit {
    /// Which resource.
    pub resource: Resource,
    /// Soft limit.
    pub soft: u64,
    /// Hard limit.
    pub hard: u64,
}

/// Resources that `setrlimit` bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resource {
    /// `RLIMIT_DATA`: private writable memory of a process. Never `RLIMIT_AS`, which breaks Node,
    /// WebAssembly and the JVM.
    Data,
    /// `RLIMIT_NPROC`: processes and threads of the sandbox's user in its user namespace.
    Processes,
    /// `RLIMIT_NOFILE`.
    OpenFiles,
    /// `RLIMIT_FSIZE`.
    FileSize,
    /// `RLIMIT_CORE`.
    Core,
}

/// A protection that an attack test may leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protection {
    /// The system-call filter.
    Seccomp,
    /// Landlock's scopes.
    Landlock,
    /// The network namespace of its own.
    Network,
    /// The IPC namespace of its own.
    Ipc,
    /// The UTS namespace of its own.
    Uts,
    /// The read-only root.
    ReadOnlyRoot,
    /// The minimal root: without it the host's whole tree is shown.
    MinimalRoot,
    /// The masks over parts of `/proc`.
    ProcMasks,
    /// The agent being closed to `ptrace` and to readers of its `/proc` entry.
    UndumpableAgent,
    /// Dropping every capability.
    Capabilities,
    /// `no_new_privs`.
    NoNewPrivileges,
    /// Killing what an execution leaves behind.
    Sweep,
    /// The agent's watch over memory.
    MemoryWatch,
    /// `setrlimit`.
    Rlimits,
    /// The session's cgroups.
    Cgroups,
    /// The size limits of the memory-backed file systems.
    TmpfsSizes,
    /// Resolving paths beneath the workspace.
    BeneathWorkspace,
    /// That only the joiner's user is taken for a daemon.
    JoinerIdentity,
}

/// Whether a copy of a directory leaves out what has this name, at whatever level.
#[must_use]
pub fn is_excluded(exclude: &[String], name: &[u8]) -> bool {
    exclude.iter().any(|pattern| matches(pattern.as_bytes(), name))
}

/// Whether `name` matches `pattern`, in which `*` stands for any run of bytes.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    // Where to go on when the last star has to take one byte more.
    let mut retry: Option<(usize, usize)> = None;
    while read < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                retry = Some((at + 1, read));
                at += 1;
            }
            Some(byte) if *byte == name[read] => {
                at += 1;
                read += 1;
            }
            _ => match retry {
                Some((after_star, taken)) => {
                    retry = Some((after_star, taken + 1));
                    (at, read) = (after_star, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_run_of_bytes() {
        for (pattern, name, expected) in [
            ("target", "target", true),
            ("target", "targets", false),
            ("*.pyc", "a.pyc", true),
            ("*.pyc", "a.pyc.py", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "aXbYbc", true),
            ("a*b*c", "aXbYb", false),
            ("**x**", "yyxyy", true),
            (".*", ".git", true),
            ("[a]", "a", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} on {name}");
        }
    }
}
