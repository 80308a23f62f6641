//! Namespaces: entering new ones, and making the network of one usable.

use std::io;
use std::os::fd::AsRawFd;

use codebeaker_agent::plan::{Plan, Protection};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::Pid;
use rustix::thread::UnshareFlags;

use super::failure::{Failure, Step, checked};

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
