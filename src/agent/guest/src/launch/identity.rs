//! Who the sandbox's one user is on the host.
//!
//! An ordinary user maps itself, in the launcher, before anything else. A privileged daemon gives each
//! sandbox a host id that owns nothing: PID 1 enters the user namespace last and asks the launcher,
//! which stayed outside with its privileges, to write the map.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use codebeaker_agent::plan::{Identity, SANDBOX_ID};
use rustix::process::{Pid, Signal, WaitOptions};
use rustix::thread::{Gid, Uid, UnshareFlags};

use super::namespaces;
use crate::failure::{Failure, Step};

/// A stream between launcher and PID 1, for the map and for noticing the launcher's death.
pub(crate) fn rendezvous() -> Result<(UnixStream, UnixStream), Failure> {
    UnixStream::pair().step("make socket pair")
}

/// The ids that the launcher runs with. To be asked before a user namespace is entered, in which
/// they have no name.
pub(crate) fn caller() -> (Uid, Gid) {
    (rustix::process::geteuid(), rustix::process::getegid())
}

/// Maps the caller to the sandbox's user, from within the new user namespace.
pub(crate) fn map_caller((uid, gid): (Uid, Gid)) -> Result<(), Failure> {
    let (uid, gid) = (uid.as_raw(), gid.as_raw());
    fs::write("/proc/self/setgroups", "deny").step("write setgroups")?;
    fs::write("/proc/self/uid_map", format!("{SANDBOX_ID} {uid} 1\n")).step("write uid_map")?;
    fs::write("/proc/self/gid_map", format!("{SANDBOX_ID} {gid} 1\n")).step("write gid_map")
}

/// In PID 1: enters the user namespace and becomes its only user.
pub(crate) fn become_unowned(launcher: &mut UnixStream) -> Result<(), Failure> {
    rustix::thread::set_thread_groups(&[]).step("clear supplementary groups")?;
    namespaces::unshare(UnshareFlags::NEWUSER, "unshare user namespace")?;
    launcher.write_all(b"m").step("ask for uid_map")?;
    let mut errno = [0; 4];
    launcher.read_exact(&mut errno).step("wait for uid_map")?;
    match i32::from_le_bytes(errno) {
        0 => {}
        errno => return Err(Failure { step: "write uid_map".to_owned(), errno }),
    }
    let (uid, gid) = (Uid::from_raw(SANDBOX_ID), Gid::from_raw(SANDBOX_ID));
    rustix::thread::set_thread_res_gid(gid, gid, gid).step("set gid")?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).step("set uid")
}

/// In the launcher: answers PID 1's request for its map. If PID 1 has closed its end instead, it has
/// failed before it came to that, and says so itself.
pub(crate) fn answer(pid: Pid, identity: Identity, init: &mut UnixStream) -> Result<(), Failure> {
    if init.read(&mut [0]).step("read request of PID 1")? == 0 {
        return Ok(());
    }
    let errno = match identity {
        Identity::Unowned(id) => match write_maps(pid, SANDBOX_ID, SANDBOX_ID, id) {
            Ok(()) => 0,
            Err(failure) => failure.errno.max(1),
        },
        Identity::Caller => libc::EPERM,
    };
    init.write_all(&errno.to_le_bytes()).step("answer PID 1")
}

/// A user namespace in which the owner of `directory` is the sandbox's host id: laid over a mount, it
/// makes the owner's files the sandbox's, and what the sandbox writes the owner's.
pub(crate) fn owner_namespace(directory: &Path, host_id: u32) -> Result<OwnedFd, Failure> {
    let owner = fs::metadata(directory).step(format_args!("look at {}", directory.display()))?;
    let (mut ours, mut theirs) = rendezvous()?;
    let Some(holder) = namespaces::fork().step("fork holder of owner's namespace")? else {
        drop(ours);
        hold_namespace(&mut theirs)
    };
    drop(theirs);
    let namespace = (|| {
        let mut errno = [0; 4];
        ours.read_exact(&mut errno).step("wait for owner's namespace")?;
        match i32::from_le_bytes(errno) {
            0 => {}
            errno => return Err(Failure { step: "unshare owner's user namespace".to_owned(), errno }),
        }
        write_maps(holder, owner.uid(), owner.gid(), host_id)?;
        let path = format!("/proc/{holder}/ns/user", holder = holder.as_raw_nonzero());
        fs::File::open(path).step("open owner's user namespace").map(OwnedFd::from)
    })();
    rustix::process::kill_process(holder, Signal::KILL).step("end holder of owner's namespace")?;
    rustix::process::waitpid(Some(holder), WaitOptions::empty()).step("reap holder of owner's namespace")?;
    namespace
}

/// Keeps a new user namespace alive until the launcher has opened it.
fn hold_namespace(launcher: &mut UnixStream) -> ! {
    let errno = namespaces::unshare(UnshareFlags::NEWUSER, "").map_or_else(|failure| failure.errno, |()| 0);
    let told = launcher.write_all(&errno.to_le_bytes());
    // The launcher kills this process; if it died instead, the stream ends.
    let ended = told.and_then(|()| launcher.read(&mut [0]));
    std::process::exit(i32::from(ended.is_err()))
}

fn write_maps(pid: Pid, inside_uid: u32, inside_gid: u32, host_id: u32) -> Result<(), Failure> {
    let pid = pid.as_raw_nonzero();
    fs::write(format!("/proc/{pid}/uid_map"), format!("{inside_uid} {host_id} 1\n")).step("write uid_map")?;
    fs::write(format!("/proc/{pid}/gid_map"), format!("{inside_gid} {host_id} 1\n")).step("write gid_map")
}
