//! The lists of system calls, group by group with the reason for each.
//!
//! Left out on purpose, among what container engines commonly allow: `io_uring` and `aio` (large, and
//! unneeded by anything that falls back), key rings, `userfaultfd`, `memfd_secret`, `vmsplice`, file
//! handles, `process_vm_*` and `pidfd_getfd` (ptrace does, and is checked), `sync` (it stalls the
//! host's disks), NUMA placement, `modify_ldt`, `kcmp`, everything about mounts, namespaces, modules,
//! quotas, tracing and the kernel's log.

use std::ffi::c_long;
use std::ops::Range;

/// A system call.
pub(super) struct Call {
    pub(super) number: c_long,
    constant: &'static str,
}

impl Call {
    /// What the kernel calls it.
    pub(super) fn name(&self) -> &'static str {
        self.constant.trim_start_matches("SYS_")
    }
}

/// Calls that are allowed for one reason.
pub(super) struct Group {
    pub(super) calls: &'static [Call],
}

/// The numbers by their names.
#[allow(non_upper_case_globals)]
mod numbers {
    pub(super) use libc::*;

    use super::c_long;

    // Not all of these are in the library, which is why they are all here. The numbers are those of every processor.
    pub(super) const SYS_futex_waitv: c_long = 449;
    pub(super) const SYS_cachestat: c_long = 451;
    pub(super) const SYS_fchmodat2: c_long = 452;
    pub(super) const SYS_map_shadow_stack: c_long = 453;
    pub(super) const SYS_futex_wake: c_long = 454;
    pub(super) const SYS_futex_wait: c_long = 455;
    pub(super) const SYS_futex_requeue: c_long = 456;
    pub(super) const SYS_statmount: c_long = 457;
    pub(super) const SYS_listmount: c_long = 458;
    pub(super) const SYS_lsm_get_self_attr: c_long = 459;
    pub(super) const SYS_lsm_set_self_attr: c_long = 460;
    pub(super) const SYS_lsm_list_modules: c_long = 461;
    pub(super) const SYS_mseal: c_long = 462;
    pub(super) const SYS_setxattrat: c_long = 463;
    pub(super) const SYS_getxattrat: c_long = 464;
    pub(super) const SYS_listxattrat: c_long = 465;
    pub(super) const SYS_removexattrat: c_long = 466;
}

macro_rules! calls {
    ($($name:ident),* $(,)?) => {
        &[$(Call { number: numbers::$name, constant: stringify!($name) }),*]
    };
}

/// Starting, waiting for, signalling and tracing processes. Tracing reaches the session's own alone: its
/// pid namespace holds no others, and the agent is closed to it.
const PROCESSES: Group = Group {
    calls: calls![
        SYS_execve,
        SYS_execveat,
        SYS_exit,
        SYS_exit_group,
        SYS_wait4,
        SYS_waitid,
        SYS_kill,
        SYS_tkill,
        SYS_tgkill,
        SYS_rt_sigqueueinfo,
        SYS_rt_tgsigqueueinfo,
        SYS_pidfd_open,
        SYS_pidfd_send_signal,
        SYS_process_mrelease,
        SYS_ptrace,
        SYS_prctl,
        SYS_restart_syscall,
        SYS_set_tid_address,
        SYS_set_robust_list,
        SYS_get_robust_list,
        SYS_rseq,
        SYS_futex,
        SYS_membarrier,
        SYS_futex_waitv,
        SYS_futex_wake,
        SYS_futex_wait,
        SYS_futex_requeue,
    ],
};

/// Who a process is. With no capability, the calls that change it change nothing.
const IDENTITY: Group = Group {
    calls: calls![
        SYS_getpid,
        SYS_getppid,
        SYS_gettid,
        SYS_getpgid,
        SYS_setpgid,
        SYS_getsid,
        SYS_setsid,
        SYS_getuid,
        SYS_geteuid,
        SYS_getgid,
        SYS_getegid,
        SYS_getresuid,
        SYS_getresgid,
        SYS_getgroups,
        SYS_setuid,
        SYS_setgid,
        SYS_setreuid,
        SYS_setregid,
        SYS_setresuid,
        SYS_setresgid,
        SYS_setfsuid,
        SYS_setfsgid,
        SYS_setgroups,
        SYS_capget,
        SYS_capset,
    ],
};

/// A process's share of the machine, which it may only lower.
const SHARES: Group = Group {
    calls: calls![
        SYS_getrlimit,
        SYS_setrlimit,
        SYS_getrusage,
        SYS_times,
        SYS_getpriority,
        SYS_ioprio_get,
        SYS_ioprio_set,
        SYS_getcpu,
        SYS_sched_yield,
        SYS_sched_getaffinity,
        SYS_sched_setaffinity,
        SYS_sched_getparam,
        SYS_sched_setparam,
        SYS_sched_getscheduler,
        SYS_sched_setscheduler,
        SYS_sched_getattr,
        SYS_sched_setattr,
        SYS_sched_get_priority_max,
        SYS_sched_get_priority_min,
        SYS_sched_rr_get_interval,
    ],
};

/// A process's own memory.
const MEMORY: Group = Group {
    calls: calls![
        SYS_brk,
        SYS_mmap,
        SYS_munmap,
        SYS_mremap,
        SYS_mprotect,
        SYS_madvise,
        SYS_msync,
        SYS_mincore,
        SYS_mlock,
        SYS_mlock2,
        SYS_munlock,
        SYS_mlockall,
        SYS_munlockall,
        SYS_pkey_alloc,
        SYS_pkey_free,
        SYS_pkey_mprotect,
        SYS_remap_file_pages,
        SYS_get_mempolicy,
        SYS_map_shadow_stack,
        SYS_mseal,
    ],
};

/// Signals to oneself.
const SIGNALS: Group = Group {
    calls: calls![
        SYS_rt_sigaction,
        SYS_rt_sigprocmask,
        SYS_rt_sigreturn,
        SYS_rt_sigpending,
        SYS_rt_sigsuspend,
        SYS_rt_sigtimedwait,
        SYS_sigaltstack,
        SYS_signalfd4,
        SYS_setitimer,
        SYS_getitimer,
    ],
};

/// Clocks and timers; nothing that sets a clock.
const TIME: Group = Group {
    calls: calls![
        SYS_clock_gettime,
        SYS_clock_getres,
        SYS_clock_nanosleep,
        SYS_nanosleep,
        SYS_gettimeofday,
        SYS_timer_create,
        SYS_timer_delete,
        SYS_timer_getoverrun,
        SYS_timer_gettime,
        SYS_timer_settime,
        SYS_timerfd_create,
        SYS_timerfd_gettime,
        SYS_timerfd_settime,
    ],
};

/// Open files.
const OPEN_FILES: Group = Group {
    calls: calls![
        SYS_openat,
        SYS_openat2,
        SYS_close,
        SYS_close_range,
        SYS_dup,
        SYS_dup3,
        SYS_fcntl,
        SYS_flock,
        SYS_lseek,
        SYS_read,
        SYS_write,
        SYS_readv,
        SYS_writev,
        SYS_pread64,
        SYS_pwrite64,
        SYS_preadv,
        SYS_pwritev,
        SYS_preadv2,
        SYS_pwritev2,
        SYS_sendfile,
        SYS_splice,
        SYS_tee,
        SYS_copy_file_range,
        SYS_fsync,
        SYS_fdatasync,
        SYS_syncfs,
        SYS_sync_file_range,
        SYS_fadvise64,
        SYS_readahead,
        SYS_ftruncate,
        SYS_fallocate,
        SYS_fstat,
        SYS_fstatfs,
        SYS_getdents64,
        SYS_cachestat,
    ],
};

/// The tree of files. Making a device needs a capability that nobody has.
const TREE: Group = Group {
    calls: calls![
        SYS_newfstatat,
        SYS_statx,
        SYS_statfs,
        SYS_faccessat,
        SYS_faccessat2,
        SYS_truncate,
        SYS_getcwd,
        SYS_chdir,
        SYS_fchdir,
        SYS_mkdirat,
        SYS_mknodat,
        SYS_linkat,
        SYS_symlinkat,
        SYS_readlinkat,
        SYS_unlinkat,
        SYS_renameat,
        SYS_renameat2,
        SYS_fchmod,
        SYS_fchmodat,
        SYS_fchmodat2,
        SYS_fchown,
        SYS_fchownat,
        SYS_utimensat,
        SYS_umask,
    ],
};

/// Attributes of files. Those that mean something to the kernel need capabilities.
const ATTRIBUTES: Group = Group {
    calls: calls![
        SYS_getxattr,
        SYS_lgetxattr,
        SYS_fgetxattr,
        SYS_setxattr,
        SYS_lsetxattr,
        SYS_fsetxattr,
        SYS_listxattr,
        SYS_llistxattr,
        SYS_flistxattr,
        SYS_removexattr,
        SYS_lremovexattr,
        SYS_fremovexattr,
        SYS_setxattrat,
        SYS_getxattrat,
        SYS_listxattrat,
        SYS_removexattrat,
    ],
};

/// Waiting for many things at once, and pipes.
const WAITING: Group = Group {
    calls: calls![
        SYS_ppoll,
        SYS_pselect6,
        SYS_epoll_create1,
        SYS_epoll_ctl,
        SYS_epoll_pwait,
        SYS_epoll_pwait2,
        SYS_eventfd2,
        SYS_pipe2,
        SYS_inotify_init1,
        SYS_inotify_add_watch,
        SYS_inotify_rm_watch,
    ],
};

/// Sockets, once `socket` has agreed to their family.
const SOCKETS: Group = Group {
    calls: calls![
        SYS_bind,
        SYS_listen,
        SYS_accept,
        SYS_accept4,
        SYS_connect,
        SYS_shutdown,
        SYS_getsockname,
        SYS_getpeername,
        SYS_getsockopt,
        SYS_setsockopt,
        SYS_sendto,
        SYS_sendmsg,
        SYS_sendmmsg,
        SYS_recvfrom,
        SYS_recvmsg,
        SYS_recvmmsg,
    ],
};

/// What the machine is, and random numbers.
const MACHINE: Group = Group { calls: calls![SYS_uname, SYS_sysinfo, SYS_getrandom] };

/// Confining oneself further, as browsers and test suites do.
const CONFINING: Group = Group {
    calls: calls![SYS_seccomp, SYS_landlock_create_ruleset, SYS_landlock_add_rule, SYS_landlock_restrict_self,],
};

/// Older forms of the calls above, which this processor's programs still make.
#[cfg(target_arch = "x86_64")]
const OLDER: Group = Group {
    calls: calls![
        SYS_fork,
        SYS_vfork,
        SYS_arch_prctl,
        SYS_open,
        SYS_creat,
        SYS_stat,
        SYS_lstat,
        SYS_access,
        SYS_readlink,
        SYS_rename,
        SYS_mkdir,
        SYS_rmdir,
        SYS_link,
        SYS_symlink,
        SYS_unlink,
        SYS_chmod,
        SYS_chown,
        SYS_lchown,
        SYS_mknod,
        SYS_utime,
        SYS_utimes,
        SYS_futimesat,
        SYS_dup2,
        SYS_pipe,
        SYS_select,
        SYS_poll,
        SYS_epoll_create,
        SYS_epoll_wait,
        SYS_epoll_pwait,
        SYS_eventfd,
        SYS_signalfd,
        SYS_inotify_init,
        SYS_alarm,
        SYS_pause,
        SYS_time,
        SYS_getpgrp,
        SYS_getdents,
    ],
};

#[cfg(not(target_arch = "x86_64"))]
const OLDER: Group = Group { calls: calls![] };

/// Calls that are allowed in every sandbox, whatever their arguments.
pub(super) const ALWAYS: [&Group; 14] = [
    &PROCESSES,
    &IDENTITY,
    &SHARES,
    &MEMORY,
    &SIGNALS,
    &TIME,
    &OPEN_FILES,
    &TREE,
    &ATTRIBUTES,
    &WAITING,
    &SOCKETS,
    &MACHINE,
    &CONFINING,
    &OLDER,
];

/// Memory that belongs to no process, so that only a cgroup can count it, and System V's and POSIX's
/// queues and semaphores, which live in the kernel's memory.
pub(super) const UNOWNED_MEMORY: Group = Group {
    calls: calls![
        SYS_memfd_create,
        SYS_shmget,
        SYS_shmat,
        SYS_shmdt,
        SYS_shmctl,
        SYS_semget,
        SYS_semop,
        SYS_semtimedop,
        SYS_semctl,
        SYS_msgget,
        SYS_msgsnd,
        SYS_msgrcv,
        SYS_msgctl,
        SYS_mq_open,
        SYS_mq_unlink,
        SYS_mq_timedsend,
        SYS_mq_timedreceive,
        SYS_mq_notify,
        SYS_mq_getsetattr,
    ],
};

/// Calls that set a file's mode, and which argument is the mode.
#[cfg(target_arch = "x86_64")]
pub(super) const WITH_MODE: &[(c_long, u8)] = &[
    (libc::SYS_chmod, 1),
    (libc::SYS_creat, 1),
    (libc::SYS_fchmod, 1),
    (libc::SYS_fchmodat, 2),
    (numbers::SYS_fchmodat2, 2),
    (libc::SYS_mknod, 1),
    (libc::SYS_mknodat, 2),
];
/// Calls that set a file's mode, and which argument is the mode.
#[cfg(not(target_arch = "x86_64"))]
pub(super) const WITH_MODE: &[(c_long, u8)] =
    &[(libc::SYS_fchmod, 1), (libc::SYS_fchmodat, 2), (numbers::SYS_fchmodat2, 2), (libc::SYS_mknodat, 2)];

/// Calls that set a mode if their flags say that they make a file: which arguments are flags and mode.
/// `openat2` is not among them, as its mode lies in memory. A file it makes with such a bit is empty,
/// and the kernel takes the bit away when anything is written to it.
#[cfg(target_arch = "x86_64")]
pub(super) const WITH_FLAGS_AND_MODE: &[(c_long, u8, u8)] = &[(libc::SYS_open, 1, 2), (libc::SYS_openat, 2, 3)];
/// Calls that set a mode if their flags say that they make a file: which arguments are flags and mode.
#[cfg(not(target_arch = "x86_64"))]
pub(super) const WITH_FLAGS_AND_MODE: &[(c_long, u8, u8)] = &[(libc::SYS_openat, 2, 3)];

/// Calls whose answer depends on their arguments alone; the rules are with the profile.
pub(super) const BY_ARGUMENTS: Group = Group {
    calls: calls![SYS_ioctl, SYS_clone, SYS_socket, SYS_socketpair, SYS_personality, SYS_prlimit64, SYS_setpriority],
};

/// Calls that libraries try first and can do without, if they are told that the kernel has none.
pub(super) const UNKNOWN: Group = Group {
    calls: calls![
        SYS_clone3,
        SYS_statmount,
        SYS_listmount,
        SYS_lsm_get_self_attr,
        SYS_lsm_set_self_attr,
        SYS_lsm_list_modules,
    ],
};

/// Calls that came after these lists. The numbers are the same on all processors from 424 on; those
/// from 512 on belong to the x32 interface.
pub(super) const NEWER: Range<c_long> = 467..512;
