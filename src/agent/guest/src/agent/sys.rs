//! System calls, checked: each returns what it yields or the [`Errno`] that the kernel gave.
//!
//! Nothing here decides anything. Descriptors that come out are owned, closed on `exec`, and those the
//! agent itself reads or writes don't block. Nothing is retried but what a stray signal interrupted.

pub(crate) mod files;
pub(crate) mod inotify;
pub(crate) mod memory;
pub(crate) mod socket;
pub(crate) mod stream;

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use libc::c_int;

/// The kernel's error number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

/// What a system call yields.
pub(crate) type Result<T> = std::result::Result<T, Errno>;

impl Errno {
    /// Why the last call failed.
    pub(crate) fn last() -> Self {
        // SAFETY: glibc's errno location is valid for the life of the thread.
        Errno(unsafe { *libc::__errno_location() })
    }
}

/// Turns the -1 of a C call into its errno.
pub(crate) fn check(result: c_int) -> Result<c_int> {
    if result < 0 { Err(Errno::last()) } else { Ok(result) }
}

/// As [`check`], for calls that count bytes.
fn check_size(result: isize) -> Result<usize> {
    usize::try_from(result).map_err(|_| Errno::last())
}

/// Takes a descriptor that a call has just returned.
fn owned(result: c_int) -> Result<OwnedFd> {
    let fd = check(result)?;
    // SAFETY: the kernel has just given us this descriptor, nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Which permission bits new files don't get, in programs too.
pub(crate) fn set_file_mask(mask: libc::mode_t) {
    // SAFETY: no preconditions, and it can't fail.
    unsafe { libc::umask(mask) };
}

/// Processor time that a process has used, all its threads together.
pub(crate) fn processor_micros(pid: libc::pid_t) -> Result<u64> {
    let mut clock = 0;
    // SAFETY: the clock's number is written to a variable of its type.
    match unsafe { libc::clock_getcpuclockid(pid, &mut clock) } {
        0 => {}
        errno => return Err(Errno(errno)),
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is written to a variable of its type.
    check(unsafe { libc::clock_gettime(clock, &mut time) })?;
    Ok(time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000)
}

/// Ends this process at once: no destructor, no buffer, no handler runs.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Reads what there is, at most `buffer.len()` bytes.
pub(crate) fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    loop {
        // SAFETY: the buffer is writable for its length.
        let result = unsafe { libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
        match check_size(result) {
            Err(Errno(libc::EINTR)) => {}
            other => return other,
        }
    }
}

/// Writes what fits.
pub(crate) fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
    loop {
        // SAFETY: the bytes are readable for their length.
        let result = unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
        match check_size(result) {
            Err(Errno(libc::EINTR)) => {}
            other => return other,
        }
    }
}

/// A pipe: the end to read, the end to write. Both block.
pub(crate) fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1; 2];
    // SAFETY: the array has room for both descriptors.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    Ok((owned(ends[0])?, owned(ends[1])?))
}

/// Asks for a pipe's capacity in bytes.
pub(crate) fn set_pipe_capacity(fd: BorrowedFd<'_>, bytes: c_int) -> Result<()> {
    // SAFETY: `F_SETPIPE_SZ` takes an integer.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETPIPE_SZ, bytes) }).map(drop)
}

/// How many bytes a pipe or a socket has to be read.
pub(crate) fn level(fd: BorrowedFd<'_>) -> Result<usize> {
    let mut level: c_int = 0;
    // SAFETY: `FIONREAD` fills in an int.
    unsafe { ioctl(fd, libc::FIONREAD, &mut level) }?;
    Ok(level.try_into().unwrap_or(0))
}

/// Makes reads and writes through this open file return at once.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>) -> Result<()> {
    // No other flag that this call could change is ever set.
    // SAFETY: `F_SETFL` takes an integer.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) }).map(drop)
}

/// Closes the descriptor in programs.
pub(crate) fn set_close_on_exec(fd: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: `F_SETFD` takes an integer.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) }).map(drop)
}

/// Makes sure that descriptors 0, 1 and 2 exist, so that no descriptor made later is one of them.
pub(crate) fn occupy_standard_descriptors() -> Result<()> {
    loop {
        // SAFETY: the path is a NUL-terminated literal.
        let fd = owned(unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) })?;
        if fd.as_raw_fd() > 2 {
            return Ok(());
        }
        std::mem::forget(fd);
    }
}

/// Opens `/dev/null` for a program without standard input.
pub(crate) fn open_null() -> Result<OwnedFd> {
    // SAFETY: the path is a NUL-terminated literal.
    owned(unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) })
}

/// Another descriptor for the same open file.
pub(crate) fn duplicate(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    // SAFETY: `F_DUPFD_CLOEXEC` takes the lowest acceptable number.
    owned(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 3) })
}

/// Opens a device.
pub(crate) fn open_device(path: &std::ffi::CStr, flags: c_int) -> Result<OwnedFd> {
    // SAFETY: the path is NUL-terminated.
    owned(unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC) })
}

/// An `ioctl` that takes or fills in a `T`.
///
/// # Safety
/// `request` must be one whose argument is a pointer to exactly a `T`.
pub(crate) unsafe fn ioctl<T>(fd: BorrowedFd<'_>, request: libc::c_ulong, argument: &mut T) -> Result<c_int> {
    // SAFETY: the caller promises that the kernel expects a `T` there.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), request as _, std::ptr::from_mut(argument)) })
}

/// The other end of a terminal, by way of the master alone, whatever is mounted at `/dev/pts`; by its name
/// there where the kernel, which is gVisor's then, knows no other way.
pub(crate) fn terminal_peer(master: BorrowedFd<'_>) -> Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: `TIOCGPTPEER` takes open flags by value.
    match owned(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER as _, flags) }) {
        Err(Errno(libc::ENOTTY)) => {}
        peer => return peer,
    }
    terminal_by_name(master, libc::O_RDWR)
}

/// As [`terminal_peer`], by its name.
pub(crate) fn terminal_by_name(master: BorrowedFd<'_>, flags: c_int) -> Result<OwnedFd> {
    let mut number: libc::c_uint = 0;
    // SAFETY: `TIOCGPTN` fills in an unsigned int.
    unsafe { ioctl(master, libc::TIOCGPTN, &mut number) }?;
    let path = std::ffi::CString::new(format!("/dev/pts/{number}")).map_err(|_| Errno(libc::EINVAL))?;
    open_device(&path, flags | libc::O_NOCTTY)
}

/// The mode of a terminal, of which the head is what the kernel knows.
pub(crate) fn terminal_mode(terminal: BorrowedFd<'_>) -> Result<libc::termios> {
    // SAFETY: all zeroes is a valid termios.
    let mut mode: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: `TCGETS` fills in the kernel's termios, the head of the library's.
    unsafe { ioctl(terminal, libc::TCGETS, &mut mode) }?;
    Ok(mode)
}

/// Changes the mode of a terminal.
pub(crate) fn set_terminal_mode(terminal: BorrowedFd<'_>, mode: &mut libc::termios) -> Result<()> {
    // SAFETY: `TCSETS` reads the kernel's termios, the head of the library's.
    unsafe { ioctl(terminal, libc::TCSETS, mode) }.map(drop)
}

/// Whether the kernel is gVisor's, which is told by a file that no other has.
pub(crate) fn is_gvisor() -> bool {
    open_device(c"/proc/sentry-meminfo", libc::O_PATH).is_ok()
}

/// Whether a process can adopt what is orphaned below it. Under gVisor only PID 1 does.
pub(crate) fn has_subreapers() -> bool {
    let mut adopts: c_int = 0;
    // SAFETY: the option fills in an int.
    check(unsafe { libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut adopts, 0, 0, 0) }).is_ok()
}

/// An epoll instance; every registration is edge-triggered.
pub(crate) struct Epoll(OwnedFd);

impl Epoll {
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: no pointers.
        owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }).map(Self)
    }

    /// Reports readiness of `fd` for `events` under `token`.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, events: c_int, token: u64) -> Result<()> {
        let mut event = libc::epoll_event { events: (events | libc::EPOLLET) as u32, u64: token };
        // SAFETY: the event outlives the call.
        check(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &raw mut event) })
            .map(drop)
    }

    /// Stops reporting `fd`: needed before closing it, because a shim may still hold the open file.
    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) {
        // SAFETY: `EPOLL_CTL_DEL` ignores the event.
        unsafe {
            libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_DEL, fd.as_raw_fd(), std::ptr::null_mut());
        }
    }

    /// Waits until `deadline`, or for ever, and returns how many events it filled in.
    pub(crate) fn wait(&self, events: &mut [libc::epoll_event], deadline: Option<Instant>) -> usize {
        let millis = match deadline {
            None => -1,
            // Rounded up: waking a moment before the deadline would only wait again.
            Some(at) => at.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000).min(60_000) as c_int,
        };
        // SAFETY: the array is writable for its length.
        let count = unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), events.len() as c_int, millis) };
        count.try_into().unwrap_or(0)
    }
}

/// Blocks every signal and gives each its default disposition, so that none of either is inherited by
/// accident; SIGCHLD is then read from the descriptor that comes back.
pub(crate) fn take_signals() -> Result<OwnedFd> {
    // The kernel's own structures: a mask of one word, and an action that is all zeroes for the default.
    // glibc's calls leave out two signals that it reserves, and those could be ignored in programs.
    const MASK_BYTES: usize = size_of::<u64>();
    let (all, default) = (u64::MAX, [0_u64; 8]);
    // SAFETY: the kernel reads as many bytes as are there, and writes nothing.
    unsafe {
        let none = std::ptr::null_mut::<u64>();
        let blocked = libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const all, none, MASK_BYTES);
        check(blocked as c_int)?;
        for signal in (1..=64).filter(|signal| !matches!(*signal, libc::SIGKILL | libc::SIGSTOP)) {
            check(libc::syscall(libc::SYS_rt_sigaction, signal, &raw const default, none, MASK_BYTES) as c_int)?;
        }
    }
    let mut child = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigemptyset` initialises the set before it is read.
    unsafe {
        libc::sigemptyset(child.as_mut_ptr());
        libc::sigaddset(child.as_mut_ptr(), libc::SIGCHLD);
        owned(libc::signalfd(-1, child.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK))
    }
}

/// Unblocks every signal. Allocates nothing.
pub(crate) fn unblock_signals() {
    let none = 0_u64;
    // SAFETY: the kernel reads one word; the call can't fail.
    unsafe {
        let old = std::ptr::null_mut::<u64>();
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const none, old, size_of::<u64>());
    }
}

/// Sends a signal to a process, or to a process group when `target` is negative. Nobody being there is
/// no error: processes end when they like. 0 and -1, which would mean "everyone", are refused.
pub(crate) fn kill(target: i32, signal: i32) {
    if target == 0 || target == -1 || target == 1 {
        return;
    }
    // SAFETY: no pointers.
    unsafe { libc::kill(target, signal) };
}

/// What `wait4` told about a child.
pub(crate) struct Waited {
    pub(crate) pid: i32,
    pub(crate) status: i32,
    pub(crate) usage: Usage,
}

/// Processor time and the peak of resident memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) cpu_micros: u64,
    pub(crate) peak_bytes: u64,
}

impl Usage {
    /// What both used: processor time adds up, memory was not held at one time.
    pub(crate) fn and(self, other: Usage) -> Usage {
        Usage { cpu_micros: self.cpu_micros + other.cpu_micros, peak_bytes: self.peak_bytes.max(other.peak_bytes) }
    }
}

impl From<libc::rusage> for Usage {
    fn from(usage: libc::rusage) -> Self {
        let micros = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
        Usage { cpu_micros: micros(usage.ru_utime) + micros(usage.ru_stime), peak_bytes: usage.ru_maxrss as u64 * 1024 }
    }
}

/// Waits for `pid`, or any child when it is -1. `Ok(None)` with `WNOHANG` when there are children but
/// none has news; `ECHILD` when there are none.
pub(crate) fn wait(pid: i32, flags: c_int) -> Result<Option<Waited>> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    loop {
        // SAFETY: both pointers are to writable memory of the right type.
        match check(unsafe { libc::wait4(pid, &raw mut status, flags | libc::__WALL, usage.as_mut_ptr()) }) {
            Err(Errno(libc::EINTR)) => {}
            Err(errno) => return Err(errno),
            Ok(0) => return Ok(None),
            // SAFETY: it was zeroed, which is a valid rusage, and the kernel filled it in.
            Ok(pid) => return Ok(Some(Waited { pid, status, usage: unsafe { usage.assume_init() }.into() })),
        }
    }
}

/// Waits until some child has ended, and leaves it to be reaped.
pub(crate) fn await_child() -> Result<i32> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    loop {
        let flags = libc::WEXITED | libc::WNOWAIT | libc::__WALL;
        // SAFETY: the pointer is to writable memory of the right type.
        match check(unsafe { libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), flags) }) {
            Err(Errno(libc::EINTR)) => {}
            Err(errno) => return Err(errno),
            // SAFETY: it was zeroed, and the kernel filled in what a SIGCHLD carries.
            Ok(_) => return Ok(unsafe { info.assume_init().si_pid() }),
        }
    }
}

/// Soft and hard limit of a resource.
pub(crate) fn limit(resource: libc::__rlimit_resource_t) -> Result<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a writable rlimit.
    check(unsafe { libc::getrlimit(resource, &raw mut limit) })?;
    Ok(limit)
}

/// Sets soft and hard limit of a resource.
pub(crate) fn set_limit(resource: libc::__rlimit_resource_t, limit: libc::rlimit) -> Result<()> {
    // SAFETY: the pointer is to an rlimit.
    check(unsafe { libc::setrlimit(resource, &raw const limit) }).map(drop)
}

/// The processors this process may run on.
pub(crate) fn affinity() -> Result<libc::cpu_set_t> {
    let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: the set is writable for the length given, and all zeroes is a valid set.
    unsafe {
        check(libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), set.as_mut_ptr()))?;
        Ok(set.assume_init())
    }
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    // SAFETY: the array is writable for its length.
    let got = check_size(unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), N, 0) })?;
    if got == N { Ok(bytes) } else { Err(Errno(libc::EIO)) }
}

/// Sleeps; a signal may cut it short.
pub(crate) fn sleep(time: Duration) {
    let time = libc::timespec { tv_sec: time.as_secs() as _, tv_nsec: time.subsec_nanos() as _ };
    // SAFETY: the pointer is to a timespec; the remainder is not wanted.
    unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
}
