//! The lists of system calls, group by group with the reason for each.
//!
//! Left out on purpose, among what container engines commonly allow: `io_uring` and `aio` (large, and
//! unneeded by anything that falls back), key rings, `userfaultfd`, `memfd_secret`, `vmsplice`, file
//! handles, `process_vm_*` and `pidfd_getfd` (ptrace does, and is checked), `sync` (it stalls the
//! host's disks), NUMA placement, `modify_ldt`, `kcmp`, everything about mounts, namespaces, modules,
//! quotas, tracing and the kernel's log.

use std::ffi::c_long;
use std::ops::Range;

/// Calls that are allowed for one reason.
pub(super) struct Group {
    pub(super) calls: &'static [c_long],
}

/// Starting, waiting for, signalling and tracing processes. Tracing reaches the session's own alone: its
/// pid namespace holds no others, and the agent is closed to it.
const PROCESSES: Group = Group {
    calls: &[
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_wait4,
        libc::SYS_waitid,
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_tgkill,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_rt_tgsigqueueinfo,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_send_signal,
        libc::SYS_process_mrelease,
        libc::SYS_ptrace,
        libc::SYS_prctl,
        libc::SYS_restart_syscall,
        libc::SYS_set_tid_address,
        libc::SYS_set_robust_list,
        libc::SYS_get_robust_list,
        libc::SYS_rseq,
        libc::SYS_futex,
        libc::SYS_membarrier,
        449, // futex_waitv
        454, // futex_wake
        455, // futex_wait
        456, // futex_requeue
    ],
};

/// Who a process is. With no capability, the calls that change it change nothing.
const IDENTITY: Group = Group {
    calls: &[
        libc::SYS_getpid,
        libc::SYS_getppid,
        libc::SYS_gettid,
        libc::SYS_getpgid,
        libc::SYS_setpgid,
        libc::SYS_getsid,
        libc::SYS_setsid,
        libc::SYS_getuid,
        libc::SYS_geteuid,
        libc::SYS_getgid,
        libc::SYS_getegid,
        libc::SYS_getresuid,
        libc::SYS_getresgid,
        libc::SYS_getgroups,
        libc::SYS_setuid,
        libc::SYS_setgid,
        libc::SYS_setreuid,
        libc::SYS_setregid,
        libc::SYS_setresuid,
        libc::SYS_setresgid,
        libc::SYS_setfsuid,
        libc::SYS_setfsgid,
        libc::SYS_setgroups,
        libc::SYS_capget,
        libc::SYS_capset,
    ],
};

/// A process's share of the machine, which it may only lower.
const SHARES: Group = Group {
    calls: &[
        libc::SYS_getrlimit,
        libc::SYS_setrlimit,
        libc::SYS_getrusage,
        libc::SYS_times,
        libc::SYS_getpriority,
        libc::SYS_ioprio_get,
        libc::SYS_ioprio_set,
        libc::SYS_getcpu,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_setaffinity,
        libc::SYS_sched_getparam,
        libc::SYS_sched_setparam,
        libc::SYS_sched_getscheduler,
        libc::SYS_sched_setscheduler,
        libc::SYS_sched_getattr,
        libc::SYS_sched_setattr,
        libc::SYS_sched_get_priority_max,
        libc::SYS_sched_get_priority_min,
        libc::SYS_sched_rr_get_interval,
    ],
};

/// A process's own memory.
const MEMORY: Group = Group {
    calls: &[
        libc::SYS_brk,
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        libc::SYS_msync,
        libc::SYS_mincore,
        libc::SYS_mlock,
        libc::SYS_mlock2,
        libc::SYS_munlock,
        libc::SYS_mlockall,
        libc::SYS_munlockall,
        libc::SYS_pkey_alloc,
        libc::SYS_pkey_free,
        libc::SYS_pkey_mprotect,
        libc::SYS_remap_file_pages,
        libc::SYS_get_mempolicy,
        453, // map_shadow_stack
        462, // mseal
    ],
};

/// Signals to oneself.
const SIGNALS: Group = Group {
    calls: &[
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_rt_sigpending,
        libc::SYS_rt_sigsuspend,
        libc::SYS_rt_sigtimedwait,
        libc::SYS_sigaltstack,
        libc::SYS_signalfd4,
        libc::SYS_setitimer,
        libc::SYS_getitimer,
    ],
};

/// Clocks and timers; nothing that sets a clock.
const TIME: Group = Group {
    calls: &[
        libc::SYS_clock_gettime,
        libc::SYS_clock_getres,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_gettimeofday,
        libc::SYS_timer_create,
        libc::SYS_timer_delete,
        libc::SYS_timer_getoverrun,
        libc::SYS_timer_gettime,
        libc::SYS_timer_settime,
        libc::SYS_timerfd_create,
        libc::SYS_timerfd_gettime,
        libc::SYS_timerfd_settime,
    ],
};

/// Open files.
const OPEN_FILES: Group = Group {
    calls: &[
        libc::SYS_openat,
        libc::SYS_openat2,
        libc::SYS_close,
        libc::SYS_close_range,
        libc::SYS_dup,
        libc::SYS_dup3,
        libc::SYS_fcntl,
        libc::SYS_flock,
        libc::SYS_lseek,
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_readv,
        libc::SYS_writev,
        libc::SYS_pread64,
        libc::SYS_pwrite64,
        libc::SYS_preadv,
        libc::SYS_pwritev,
        libc::SYS_preadv2,
        libc::SYS_pwritev2,
        libc::SYS_sendfile,
        libc::SYS_splice,
        libc::SYS_tee,
        libc::SYS_copy_file_range,
        libc::SYS_fsync,
        libc::SYS_fdatasync,
        libc::SYS_syncfs,
        libc::SYS_sync_file_range,
        libc::SYS_fadvise64,
        libc::SYS_readahead,
        libc::SYS_ftruncate,
        libc::SYS_fallocate,
        libc::SYS_fstat,
        libc::SYS_fstatfs,
        libc::SYS_getdents64,
        451, // cachestat
    ],
};

/// The tree of files. Making a device needs a capability that nobody has.
const TREE: Group = Group {
    calls: &[
        libc::SYS_newfstatat,
        libc::SYS_statx,
        libc::SYS_statfs,
        libc::SYS_faccessat,
        libc::SYS_faccessat2,
        libc::SYS_truncate,
        libc::SYS_getcwd,
        libc::SYS_chdir,
        libc::SYS_fchdir,
        libc::SYS_mkdirat,
        libc::SYS_mknodat,
        libc::SYS_linkat,
        libc::SYS_symlinkat,
        libc::SYS_readlinkat,
        libc::SYS_unlinkat,
        libc::SYS_renameat,
        libc::SYS_renameat2,
        libc::SYS_fchmod,
        libc::SYS_fchmodat,
        452, // fchmodat2
        libc::SYS_fchown,
        libc::SYS_fchownat,
        libc::SYS_utimensat,
        libc::SYS_umask,
    ],
};

/// Attributes of files. Those that mean something to the kernel need capabilities.
const ATTRIBUTES: Group = Group {
    calls: &[
        libc::SYS_getxattr,
        libc::SYS_lgetxattr,
        libc::SYS_fgetxattr,
        libc::SYS_setxattr,
        libc::SYS_lsetxattr,
        libc::SYS_fsetxattr,
        libc::SYS_listxattr,
        libc::SYS_llistxattr,
        libc::SYS_flistxattr,
        libc::SYS_removexattr,
        libc::SYS_lremovexattr,
        libc::SYS_fremovexattr,
        463, // setxattrat
        464, // getxattrat
        465, // listxattrat
        466, // removexattrat
    ],
};

/// Waiting for many things at once, and pipes.
const WAITING: Group = Group {
    calls: &[
        libc::SYS_ppoll,
        libc::SYS_pselect6,
        libc::SYS_epoll_create1,
        libc::SYS_epoll_ctl,
        libc::SYS_epoll_pwait,
        libc::SYS_epoll_pwait2,
        libc::SYS_eventfd2,
        libc::SYS_pipe2,
        libc::SYS_inotify_init1,
        libc::SYS_inotify_add_watch,
        libc::SYS_inotify_rm_watch,
    ],
};

/// Sockets, once `socket` has agreed to their family.
const SOCKETS: Group = Group {
    calls: &[
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_accept4,
        libc::SYS_connect,
        libc::SYS_shutdown,
        libc::SYS_getsockname,
        libc::SYS_getpeername,
        libc::SYS_getsockopt,
        libc::SYS_setsockopt,
        libc::SYS_sendto,
        libc::SYS_sendmsg,
        libc::SYS_sendmmsg,
        libc::SYS_recvfrom,
        libc::SYS_recvmsg,
        libc::SYS_recvmmsg,
    ],
};

/// What the machine is, and random numbers.
const MACHINE: Group = Group { calls: &[libc::SYS_uname, libc::SYS_sysinfo, libc::SYS_getrandom] };

/// Confining oneself further, as browsers and test suites do.
const CONFINING: Group = Group {
    calls: &[
        libc::SYS_seccomp,
        libc::SYS_landlock_create_ruleset,
        libc::SYS_landlock_add_rule,
        libc::SYS_landlock_restrict_self,
    ],
};

/// Older forms of the calls above, which this processor's programs still make.
#[cfg(target_arch = "x86_64")]
const OLDER: Group = Group {
    calls: &[
        libc::SYS_fork,
        libc::SYS_vfork,
        libc::SYS_arch_prctl,
        libc::SYS_open,
        libc::SYS_creat,
        libc::SYS_stat,
        libc::SYS_lstat,
        libc::SYS_access,
        libc::SYS_readlink,
        libc::SYS_rename,
        libc::SYS_mkdir,
        libc::SYS_rmdir,
        libc::SYS_link,
        libc::SYS_symlink,
        libc::SYS_unlink,
        libc::SYS_chmod,
        libc::SYS_chown,
        libc::SYS_lchown,
        libc::SYS_mknod,
        libc::SYS_utime,
        libc::SYS_utimes,
        libc::SYS_futimesat,
        libc::SYS_dup2,
        libc::SYS_pipe,
        libc::SYS_select,
        libc::SYS_poll,
        libc::SYS_epoll_create,
        libc::SYS_epoll_wait,
        libc::SYS_epoll_pwait,
        libc::SYS_eventfd,
        libc::SYS_signalfd,
        libc::SYS_inotify_init,
        libc::SYS_alarm,
        libc::SYS_pause,
        libc::SYS_time,
        libc::SYS_getpgrp,
        libc::SYS_getdents,
    ],
};

#[cfg(not(target_arch = "x86_64"))]
const OLDER: Group = Group { calls: &[] };

/// Calls that are allowed in every sandbox, whatever their arguments. `ioctl`, `clone`, `socket`,
/// `socketpair`, `personality`, `prlimit64` and `setpriority` have rules of their own.
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
    calls: &[
        libc::SYS_memfd_create,
        libc::SYS_shmget,
        libc::SYS_shmat,
        libc::SYS_shmdt,
        libc::SYS_shmctl,
        libc::SYS_semget,
        libc::SYS_semop,
        libc::SYS_semtimedop,
        libc::SYS_semctl,
        libc::SYS_msgget,
        libc::SYS_msgsnd,
        libc::SYS_msgrcv,
        libc::SYS_msgctl,
        libc::SYS_mq_open,
        libc::SYS_mq_unlink,
        libc::SYS_mq_timedsend,
        libc::SYS_mq_timedreceive,
        libc::SYS_mq_notify,
        libc::SYS_mq_getsetattr,
    ],
};

/// Calls that set a file's mode, and which argument is the mode.
#[cfg(target_arch = "x86_64")]
pub(super) const WITH_MODE: &[(c_long, u8)] = &[
    (libc::SYS_chmod, 1),
    (libc::SYS_creat, 1),
    (libc::SYS_fchmod, 1),
    (libc::SYS_fchmodat, 2),
    (FCHMODAT2, 2),
    (libc::SYS_mknod, 1),
    (libc::SYS_mknodat, 2),
];
/// Calls that set a file's mode, and which argument is the mode.
#[cfg(not(target_arch = "x86_64"))]
pub(super) const WITH_MODE: &[(c_long, u8)] =
    &[(libc::SYS_fchmod, 1), (libc::SYS_fchmodat, 2), (FCHMODAT2, 2), (libc::SYS_mknodat, 2)];

const FCHMODAT2: c_long = 452;

/// Calls that set a mode if their flags say that they make a file: which arguments are flags and mode.
/// `openat2` is not among them, as its mode lies in memory. A file it makes with such a bit is empty,
/// and the kernel takes the bit away when anything is written to it.
#[cfg(target_arch = "x86_64")]
pub(super) const WITH_FLAGS_AND_MODE: &[(c_long, u8, u8)] = &[(libc::SYS_open, 1, 2), (libc::SYS_openat, 2, 3)];
/// Calls that set a mode if their flags say that they make a file: which arguments are flags and mode.
#[cfg(not(target_arch = "x86_64"))]
pub(super) const WITH_FLAGS_AND_MODE: &[(c_long, u8, u8)] = &[(libc::SYS_openat, 2, 3)];

/// Calls that libraries try first and can do without, if they are told that the kernel has none:
/// `clone3`, `statmount`, `listmount` and the three about security modules.
pub(super) const UNKNOWN: &[c_long] = &[libc::SYS_clone3, 457, 458, 459, 460, 461];

/// Calls that came after these lists. The numbers are the same on all processors from 424 on; those
/// from 512 on belong to the x32 interface.
pub(super) const NEWER: Range<c_long> = 467..512;
