//! The system calls that exist in a sandbox.
//!
//! An allow-list: what is not on it is refused with `EPERM`. For calls that are newer than the list, and
//! for `clone3`, whose flags lie in memory where no filter sees them, the answer is `ENOSYS`: libraries
//! then fall back to older calls. The interfaces of other processors, which number calls differently, are
//! closed.
//!
//! The agent is bound by the same filter, so the list has what it needs, too. For container engines there is
//! the same in their own form ([`oci`]).

use std::collections::BTreeMap;
use std::ffi::c_long;
use std::sync::OnceLock;

use program::{Answer, Condition, Instruction, Rule, Test};

mod calls;
pub mod oci;
mod program;

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
    Architecture(&'static str),
    /// The rules don't fit into a filter.
    #[error("the system-call filter is too long")]
    TooLong,
}

/// The filters of `profile`, packed as [`codebeaker_agent::plan::Plan::seccomp`] wants them.
///
/// # Errors
/// On a processor whose calls are not known.
pub fn filters(profile: Profile) -> Result<Vec<Vec<u64>>, SeccompError> {
    static COMPILED: [OnceLock<Vec<u64>>; 4] = [const { OnceLock::new() }; 4];
    let slot = &COMPILED[usize::from(profile.counted_memory) + 2 * usize::from(profile.writes_host_files)];
    if let Some(filter) = slot.get() {
        return Ok(vec![filter.clone()]);
    }
    let compiled = pack(&compile(profile)?);
    Ok(vec![slot.get_or_init(|| compiled).clone()])
}

/// This processor in the words of the kernel (`AUDIT_ARCH_*`).
fn audit_arch() -> Result<u32, SeccompError> {
    match std::env::consts::ARCH {
        "x86_64" => Ok(0xC000_003E),
        "aarch64" => Ok(0xC000_00B7),
        other => Err(SeccompError::Architecture(other)),
    }
}

fn compile(profile: Profile) -> Result<Vec<Instruction>, SeccompError> {
    let answers: Vec<(c_long, Answer)> = answers(profile).into_iter().collect();
    program::compile(audit_arch()?, &answers).ok_or(SeccompError::TooLong)
}

fn answers(profile: Profile) -> BTreeMap<c_long, Answer> {
    let mut answers = BTreeMap::new();
    let unknown = calls::UNKNOWN.calls.iter().map(|call| call.number).chain(calls::NEWER);
    answers.extend(unknown.map(|call| (call, Answer::Refuse(libc::ENOSYS))));
    let unowned_memory = profile.counted_memory.then_some(&calls::UNOWNED_MEMORY);
    for group in calls::ALWAYS.into_iter().chain(unowned_memory) {
        answers.extend(group.calls.iter().map(|call| (call.number, Answer::Allow)));
    }
    answers.insert(libc::SYS_ioctl, Answer::AllowIf(vec![ioctls()]));
    answers.insert(libc::SYS_clone, Answer::AllowIf(vec![vec![lacks(0, NEW_NAMESPACES)]]));
    answers.insert(libc::SYS_socket, Answer::AllowIf(sockets()));
    // It makes its sockets as `socket` does, and so loads the module of any family that it is asked for.
    answers.insert(libc::SYS_socketpair, Answer::AllowIf(vec![vec![is(0, libc::AF_UNIX)]]));
    answers.insert(libc::SYS_personality, Answer::AllowIf(personalities()));
    // The agent is of the same user: a program that took its limits away could start no more, nor could any other.
    answers.insert(libc::SYS_prlimit64, Answer::AllowIf(vec![vec![is(0, 0)]]));
    answers.insert(libc::SYS_setpriority, Answer::AllowIf(vec![vec![is(1, 0)]]));
    if profile.writes_host_files {
        for (call, mode) in calls::WITH_MODE {
            answers.insert(*call, Answer::AllowIf(vec![vec![lacks(*mode, IDENTITY_BITS)]]));
        }
        for (call, flags, mode) in calls::WITH_FLAGS_AND_MODE {
            let makes_nothing = vec![lacks(*flags, MAKES_A_FILE)];
            let plain = vec![lacks(*mode, IDENTITY_BITS)];
            answers.insert(*call, Answer::AllowIf(vec![makes_nothing, plain]));
        }
    }
    answers
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

/// All but those that type into a terminal as if a person had (`TIOCSTI`, `TIOCLINUX`), that redirect
/// the console (`TIOCCONS`), or that load a line discipline (`TIOCSETD`).
fn ioctls() -> Rule {
    [libc::TIOCSTI, libc::TIOCLINUX, libc::TIOCCONS, libc::TIOCSETD]
        .map(|request| Condition { argument: 1, test: Test::IsNot(request as u32) })
        .into()
}

/// Unix sockets, the common protocols of IPv4 and IPv6, and the routing questions that name resolution
/// asks. Every other family or protocol is kernel code that few programs use and that may be loaded as
/// a module only because a program asked for it.
fn sockets() -> Vec<Rule> {
    let mut rules = vec![vec![is(0, libc::AF_UNIX)]];
    for family in [libc::AF_INET, libc::AF_INET6] {
        for protocol in [0, libc::IPPROTO_TCP, libc::IPPROTO_UDP, libc::IPPROTO_ICMP, libc::IPPROTO_ICMPV6] {
            rules.push(vec![is(0, family), is(2, protocol)]);
        }
    }
    rules.push(vec![is(0, libc::AF_NETLINK), is(2, libc::NETLINK_ROUTE)]);
    rules
}

/// To read it, to have the ordinary one, and to turn off address randomisation, as debuggers do.
fn personalities() -> Vec<Rule> {
    [0, -1, libc::ADDR_NO_RANDOMIZE].map(|personality| vec![is(0, personality)]).into()
}

fn is(argument: u8, value: i32) -> Condition {
    Condition { argument, test: Test::Is(value as u32) }
}

fn lacks(argument: u8, bits: i32) -> Condition {
    Condition { argument, test: Test::Lacks(bits as u32) }
}

fn pack(program: &[Instruction]) -> Vec<u64> {
    let packed = program.iter().map(|instruction| {
        u64::from(instruction.code)
            | u64::from(instruction.if_true) << 16
            | u64::from(instruction.if_false) << 24
            | u64::from(instruction.operand) << 32
    });
    packed.collect()
}

#[cfg(test)]
mod tests {
    use super::program::tests::run;
    use super::*;

    const PROFILES: [Profile; 4] = [
        Profile { counted_memory: false, writes_host_files: false },
        Profile { counted_memory: true, writes_host_files: false },
        Profile { counted_memory: false, writes_host_files: true },
        Profile { counted_memory: true, writes_host_files: true },
    ];

    /// Whether a call with these arguments is allowed, or the error it is refused with.
    fn answer(profile: Profile, call: c_long, arguments: [u64; 6]) -> Result<(), i32> {
        let program = compile(profile).unwrap();
        match run(&program, audit_arch().unwrap(), call as u32, arguments) {
            program::ALLOW => Ok(()),
            refused => {
                assert_eq!(refused & !0xffff, program::ERRNO);
                Err((refused & 0xffff) as i32)
            }
        }
    }

    #[test]
    fn what_reaches_out_of_a_sandbox_is_refused() {
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
            libc::SYS_read | 0x4000_0000,
        ];
        for (profile, call) in PROFILES.into_iter().flat_map(|profile| reaching.map(|call| (profile, call))) {
            assert_eq!(answer(profile, call, [0; 6]), Err(libc::EPERM), "system call {call}");
        }
    }

    #[test]
    fn what_the_list_does_not_know_is_said_not_to_exist() {
        for call in [libc::SYS_clone3, 470, 511] {
            assert_eq!(answer(PROFILES[1], call, [0; 6]), Err(libc::ENOSYS), "system call {call}");
        }
        assert_eq!(answer(PROFILES[1], 512, [0; 6]), Err(libc::EPERM));
    }

    #[test]
    fn memory_without_an_owner_needs_a_cgroup_that_counts_it() {
        assert_eq!(answer(PROFILES[1], libc::SYS_memfd_create, [0; 6]), Ok(()));
        assert_eq!(answer(PROFILES[0], libc::SYS_memfd_create, [0; 6]), Err(libc::EPERM));
    }

    #[test]
    fn arguments_decide_where_they_must() {
        let refused = Err(libc::EPERM);
        let upper_bit = 1 << 32;
        for (call, arguments, expected) in [
            (libc::SYS_clone, [libc::SIGCHLD as u64, 0, 0], Ok(())),
            (libc::SYS_clone, [(libc::SIGCHLD | libc::CLONE_NEWUSER) as u64, 0, 0], refused),
            (libc::SYS_clone, [libc::CLONE_NEWNS as u64 | upper_bit, 0, 0], refused),
            (libc::SYS_ioctl, [0, libc::TCGETS, 0], Ok(())),
            (libc::SYS_ioctl, [0, libc::TIOCSTI, 0], refused),
            (libc::SYS_ioctl, [0, libc::TIOCSTI | upper_bit, 0], refused),
            (libc::SYS_socket, [libc::AF_UNIX as u64, 1, 0], Ok(())),
            (libc::SYS_socket, [libc::AF_INET6 as u64, 1, libc::IPPROTO_TCP as u64], Ok(())),
            (libc::SYS_socket, [libc::AF_INET as u64, 1, libc::IPPROTO_SCTP as u64], refused),
            (libc::SYS_socket, [libc::AF_NETLINK as u64, 3, libc::NETLINK_ROUTE as u64], Ok(())),
            (libc::SYS_socket, [libc::AF_NETLINK as u64, 3, libc::NETLINK_AUDIT as u64], refused),
            (libc::SYS_socket, [libc::AF_VSOCK as u64, 1, 0], refused),
            (libc::SYS_socket, [libc::AF_ALG as u64, 5, 0], refused),
            (libc::SYS_prlimit64, [0, libc::RLIMIT_NOFILE as u64, 0x7000], Ok(())),
            (libc::SYS_prlimit64, [1, libc::RLIMIT_NOFILE as u64, 0x7000], refused),
            (libc::SYS_setpriority, [libc::PRIO_PROCESS as u64, 0, 19], Ok(())),
            (libc::SYS_setpriority, [libc::PRIO_PROCESS as u64, 1, 19], refused),
            (libc::SYS_personality, [0xffff_ffff, 0, 0], Ok(())),
            (libc::SYS_personality, [libc::READ_IMPLIES_EXEC as u64, 0, 0], refused),
        ] {
            let [first, second, third] = arguments;
            let got = answer(PROFILES[0], call, [first, second, third, 0, 0, 0]);
            assert_eq!(got, expected, "system call {call} with {arguments:?}");
        }
    }

    #[test]
    fn only_where_programs_write_to_the_host_a_file_can_not_give_its_owners_identity_away() {
        let open = |profile, flags: i32, mode| answer(profile, libc::SYS_openat, [0, 0, flags as u64, mode, 0, 0]);
        let chmod = |profile, mode| answer(profile, libc::SYS_fchmodat, [0, 0, mode, 0, 0, 0]);
        let (host, memory) = (PROFILES[2], PROFILES[0]);
        assert_eq!((chmod(host, 0o755), chmod(host, 0o4755), chmod(host, 0o2755)), (Ok(()), Err(1), Err(1)));
        assert_eq!(chmod(memory, 0o4755), Ok(()));
        assert_eq!(open(host, libc::O_CREAT, 0o4755), Err(libc::EPERM));
        assert_eq!(open(host, libc::O_TMPFILE, 0o4755), Err(libc::EPERM));
        assert_eq!(open(host, libc::O_CREAT, 0o755), Ok(()));
        assert_eq!(open(host, libc::O_DIRECTORY, 0o7777), Ok(()), "a mode that is not looked at");
    }
}
