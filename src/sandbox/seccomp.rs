//! The system calls that exist in a sandbox.
//!
//! Two filters, because a filter has one answer to what it matches. The first is an allow-list: what
//! is not on it is refused with `EPERM`. The second answers `ENOSYS` for calls that are newer than the
//! list, and for `clone3`, whose flags lie in memory where no filter sees them: libraries then fall
//! back to older calls. Where both refuse, the kernel takes the answer of the one installed last.
//!
//! The agent is bound by the same filters, so the list has what it needs, too.

use std::collections::BTreeMap;
use std::ffi::c_long;
use std::sync::OnceLock;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

mod calls;

/// What differs between the filters of two sandboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Profile {
    /// A cgroup counts the memory of the sandbox, so that calls that make memory which belongs to no
    /// process (`memfd_create`, System V shared memory) need not be refused.
    pub counted_memory: bool,
    /// Programs write to a directory of the host: there they must not make files that give whoever
    /// runs them the identity of their owner.
    pub writes_host_files: bool,
}

/// Why there is no filter.
#[derive(Debug, thiserror::Error)]
pub enum SeccompError {
    /// The processor's system calls are not known here.
    #[error("no system-call filter for processors of type {0}")]
    Architecture(&'static str, #[source] BackendError),
    /// The rules don't fit into a filter.
    #[error("the system-call filter can't be compiled")]
    Compile(#[from] BackendError),
}

/// The filters of `profile`, packed as [`codebeaker_agent::plan::Plan::seccomp`] wants them.
///
/// # Errors
/// On a processor whose calls are not known.
pub fn filters(profile: Profile) -> Result<Vec<Vec<u64>>, SeccompError> {
    static COMPILED: [OnceLock<Vec<Vec<u64>>>; 4] = [const { OnceLock::new() }; 4];
    let slot = &COMPILED[usize::from(profile.counted_memory) + 2 * usize::from(profile.writes_host_files)];
    if let Some(filters) = slot.get() {
        return Ok(filters.clone());
    }
    let compiled = compile(profile)?;
    Ok(slot.get_or_init(|| compiled).clone())
}

fn compile(profile: Profile) -> Result<Vec<Vec<u64>>, SeccompError> {
    let arch = std::env::consts::ARCH;
    let target = TargetArch::try_from(arch).map_err(|error| SeccompError::Architecture(arch, error))?;
    let refuse = |errno: i32| SeccompAction::Errno(errno.unsigned_abs());
    let allowed = SeccompFilter::new(allowed(profile)?, refuse(libc::EPERM), SeccompAction::Allow, target)?;
    let unknown = calls::UNKNOWN.iter().copied().chain(calls::NEWER).map(|call| (call, Vec::new())).collect();
    let unknown = SeccompFilter::new(unknown, SeccompAction::Allow, refuse(libc::ENOSYS), target)?;
    [allowed, unknown]
        .into_iter()
        .map(|filter| Ok(pack(&BpfProgram::try_from(filter)?)))
        .collect::<Result<_, BackendError>>()
        .map_err(SeccompError::from)
}

/// Calls, each with the rules of which one must hold; with none it is always allowed.
type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

fn allowed(profile: Profile) -> Result<Rules, BackendError> {
    let mut rules = Rules::new();
    for group in calls::ALWAYS {
        rules.extend(group.calls.iter().map(|call| (*call, Vec::new())));
    }
    if profile.counted_memory {
        rules.extend(calls::UNOWNED_MEMORY.calls.iter().map(|call| (*call, Vec::new())));
    }
    rules.insert(libc::SYS_ioctl, ioctls()?);
    rules.insert(libc::SYS_clone, vec![rule(vec![masked(0, NEW_NAMESPACES, 0)?])?]);
    rules.insert(libc::SYS_socket, sockets()?);
    // It makes its sockets as `socket` does, and so loads the module of any family that it is asked for.
    rules.insert(libc::SYS_socketpair, vec![rule(vec![equal(0, libc::AF_UNIX)?])?]);
    rules.insert(libc::SYS_personality, personalities()?);
    if profile.writes_host_files {
        for (call, mode) in calls::WITH_MODE {
            rules.insert(*call, vec![rule(vec![masked(*mode, IDENTITY_BITS, 0)?])?]);
        }
        for (call, flags, mode) in calls::WITH_FLAGS_AND_MODE {
            let makes_nothing = rule(vec![masked(*flags, MAKES_A_FILE, 0)?])?;
            let plain = rule(vec![masked(*mode, IDENTITY_BITS, 0)?])?;
            rules.insert(*call, vec![makes_nothing, plain]);
        }
    }
    Ok(rules)
}

/// Every flag of `clone` that makes a namespace: in one of its own, a program would have capabilities,
/// and with them the kernel code that only they reach.
const NEW_NAMESPACES: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;

/// Set-user-id and set-group-id.
const IDENTITY_BITS: i32 = (libc::S_ISUID | libc::S_ISGID) as i32;

/// Only with one of these does `open` look at a mode. `O_TMPFILE` without the directory bit it includes.
const MAKES_A_FILE: i32 = libc::O_CREAT | (libc::O_TMPFILE & !libc::O_DIRECTORY);

/// `TIOCSETD`: libc has it under no common name.
const SET_LINE_DISCIPLINE: u32 = 0x5423;

/// All but those that type into a terminal as if a person had (`TIOCSTI`, `TIOCLINUX`), that redirect
/// the console (`TIOCCONS`), or that load a line discipline. Compared as 32 bits, as the kernel does:
/// a filter that compared 64 could be passed by setting a bit that the kernel ignores.
fn ioctls() -> Result<Vec<SeccompRule>, BackendError> {
    let refused = [libc::TIOCSTI as u32, libc::TIOCLINUX as u32, libc::TIOCCONS as u32, SET_LINE_DISCIPLINE];
    let conditions = refused
        .into_iter()
        .map(|request| SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, u64::from(request)))
        .collect::<Result<_, _>>()?;
    Ok(vec![rule(conditions)?])
}

/// Unix sockets, the common protocols of IPv4 and IPv6, and the routing questions that name resolution
/// asks. Every other family or protocol is kernel code that few programs use and that may be loaded as
/// a module only because a program asked for it.
fn sockets() -> Result<Vec<SeccompRule>, BackendError> {
    let mut rules = vec![rule(vec![equal(0, libc::AF_UNIX)?])?];
    for family in [libc::AF_INET, libc::AF_INET6] {
        for protocol in [0, libc::IPPROTO_TCP, libc::IPPROTO_UDP, libc::IPPROTO_ICMP, libc::IPPROTO_ICMPV6] {
            rules.push(rule(vec![equal(0, family)?, equal(2, protocol)?])?);
        }
    }
    rules.push(rule(vec![equal(0, libc::AF_NETLINK)?, equal(2, libc::NETLINK_ROUTE)?])?);
    Ok(rules)
}

/// To read it, to have the ordinary one, and to turn off address randomisation, as debuggers do.
fn personalities() -> Result<Vec<SeccompRule>, BackendError> {
    [0, -1, libc::ADDR_NO_RANDOMIZE].into_iter().map(|personality| rule(vec![equal(0, personality)?])).collect()
}

fn rule(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions)
}

fn equal(argument: u8, value: i32) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(value as u32))
}

fn masked(argument: u8, mask: i32, value: i32) -> Result<SeccompCondition, BackendError> {
    let masked = SeccompCmpOp::MaskedEq(u64::from(mask as u32));
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, masked, u64::from(value as u32))
}

fn pack(program: &BpfProgram) -> Vec<u64> {
    let packed = program.iter().map(|instruction| {
        u64::from(instruction.code)
            | u64::from(instruction.jt) << 16
            | u64::from(instruction.jf) << 24
            | u64::from(instruction.k) << 32
    });
    packed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILES: [Profile; 4] = [
        Profile { counted_memory: false, writes_host_files: false },
        Profile { counted_memory: true, writes_host_files: false },
        Profile { counted_memory: false, writes_host_files: true },
        Profile { counted_memory: true, writes_host_files: true },
    ];

    #[test]
    fn every_profile_compiles_and_fits() {
        for profile in PROFILES {
            let filters = filters(profile).unwrap();
            assert_eq!(filters.len(), 2);
            assert!(filters.iter().all(|filter| (100..4096).contains(&filter.len())), "{profile:?}");
        }
    }

    #[test]
    fn what_reaches_out_of_a_sandbox_is_on_no_list() {
        let reaching = [
            libc::SYS_bpf,
            libc::SYS_chroot,
            libc::SYS_fsopen,
            libc::SYS_init_module,
            libc::SYS_io_uring_setup,
            libc::SYS_kexec_load,
            libc::SYS_keyctl,
            libc::SYS_mount,
            libc::SYS_mount_setattr,
            libc::SYS_move_mount,
            libc::SYS_name_to_handle_at,
            libc::SYS_open_by_handle_at,
            libc::SYS_open_tree,
            libc::SYS_perf_event_open,
            libc::SYS_pidfd_getfd,
            libc::SYS_pivot_root,
            libc::SYS_process_vm_readv,
            libc::SYS_setns,
            libc::SYS_umount2,
            libc::SYS_unshare,
            libc::SYS_userfaultfd,
        ];
        for profile in PROFILES {
            let rules = allowed(profile).unwrap();
            for call in reaching {
                assert!(!rules.contains_key(&call), "system call {call} is allowed");
            }
        }
    }

    #[test]
    fn memory_without_an_owner_needs_a_cgroup_that_counts_it() {
        let with = |counted_memory| allowed(Profile { counted_memory, writes_host_files: false }).unwrap();
        assert!(with(true).contains_key(&libc::SYS_memfd_create));
        assert!(!with(false).contains_key(&libc::SYS_memfd_create));
    }

    #[test]
    fn no_call_is_both_allowed_and_unknown_except_clone3() {
        let rules = allowed(PROFILES[0]).unwrap();
        for call in calls::UNKNOWN.iter().copied().chain(calls::NEWER) {
            assert!(!rules.contains_key(&call), "system call {call}");
        }
    }
}
