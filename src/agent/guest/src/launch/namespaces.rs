//! Namespaces: entering new ones, and making the network of one usable.

use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use codebeaker_agent::plan::{Plan, Protection};
use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::Pid;
use rustix::thread::UnshareFlags;

use crate::failure::{Failure, Step, checked};

/// Of `clone3`: make the child in the cgroup that is named.
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// Enters new namespaces of the kinds in `flags`.
pub(crate) fn unshare(flags: UnshareFlags, step: &str) -> Result<(), Failure> {
    // SAFETY: the process has a single thread, and `flags` never holds `FILES`, so no descriptor that
    // another thread owns can change its meaning.
    unsafe { rustix::thread::unshare_unsafe(flags) }.step(step)
}

/// Forks. `None` in the child, its process id in the parent.
pub(crate) fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: the process has a single thread, so the child is a whole copy of it and may do anything.
    let pid = checked(libc::c_long::from(unsafe { libc::fork() }))?;
    Ok(Pid::from_raw(pid as i32))
}

/// Forks a child that is in a cgroup of version 2 from its beginning. To enter one later would make it
/// wait until no other process of the system forks.
///
/// # Errors
/// Whatever the reason: old kernels can't, and a container's filter may forbid it.
pub(crate) fn fork_into_cgroup(directory: &Path) -> io::Result<Option<Pid>> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::open(directory, flags, Mode::empty())?;
    // SAFETY: `clone_args` is plain numbers, and zero asks for nothing.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.exit_signal = libc::SIGCHLD as u64;
    arguments.cgroup = directory.as_raw_fd() as u64;
    // SAFETY: as for `fork`. The child goes on with a copy of this stack, because no other is named; what the C
    // library does beside the system call is for processes with threads.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<libc::clone_args>()) };
    Ok(Pid::from_raw(checked(pid)? as i32))
}

/// Enters every namespace that PID 1 makes for itself, and names the host.
pub(crate) fn enter(plan: &Plan) -> Result<(), Failure> {
    let mut flags = UnshareFlags::NEWNS | UnshareFlags::NEWCGROUP;
    let own = |protection| !plan.without.contains(&protection);
    flags.set(UnshareFlags::NEWNET, own(Protection::Network));
    flags.set(UnshareFlags::NEWIPC, own(Protection::Ipc));
    flags.set(UnshareFlags::NEWUTS, own(Protection::Uts));
    unshare(flags, "unshare mount, network, ipc, uts and cgroup namespaces")?;
    if flags.contains(UnshareFlags::NEWUTS) {
        rustix::system::sethostname(plan.hostname.as_bytes()).step("set host name")?;
    }
    if flags.contains(UnshareFlags::NEWNET) {
        bring_loopback_up()?;
    }
    Ok(())
}

/// Programs talk to themselves over 127.0.0.1; there is no other interface.
fn bring_loopback_up() -> Result<(), Failure> {
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
        .step("open socket for lo")?;
    // SAFETY: an `ifreq` of zeros is a valid one: numbers, arrays of numbers, null pointers.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the kernel reads an `ifreq` behind the pointer, which lives through the call.
    let returned = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    checked(libc::c_long::from(returned)).map(drop).step("bring lo up")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::process::{Signal, WaitOptions};

    use super::*;

    /// Where version 2 is mounted.
    fn unified() -> Option<String> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let mount = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"))?;
        mount.split(' ').nth(1).map(str::to_owned)
    }

    #[test]
    fn a_child_is_in_its_cgroup_from_the_beginning() {
        let name = format!("codebeaker-test-{}", std::process::id());
        let made = unified().ok_or("no cgroups of version 2 are mounted".to_owned()).and_then(|mount| {
            let directory = Path::new(&mount).join(&name);
            fs::create_dir(&directory).map(|()| directory).map_err(|error| error.to_string())
        });
        let directory = match made {
            Ok(directory) => directory,
            Err(why) => {
                assert!(std::env::var_os("CODEBEAKER_REQUIRE_ALL").is_none(), "{why}");
                return eprintln!("skipped: {why}");
            }
        };
        let Some(child) = fork_into_cgroup(&directory).unwrap() else {
            loop {
                // SAFETY: a system call without arguments.
                unsafe { libc::pause() };
            }
        };
        let cgroups = fs::read_to_string(format!("/proc/{}/cgroup", child.as_raw_nonzero())).unwrap();
        rustix::process::kill_process(child, Signal::KILL).unwrap();
        rustix::process::waitpid(Some(child), WaitOptions::empty()).unwrap();
        fs::remove_dir(&directory).unwrap();
        assert!(cgroups.lines().any(|line| line.starts_with("0::") && line.ends_with(&name)), "{cgroups}");
    }
}
