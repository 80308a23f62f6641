//! What the daemon says before there is an agent, and what it is told when there will be none.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use codebeaker_agent::frame::{self, Channel, Kind};
use codebeaker_agent::plan::MAX_PLAN_BYTES;
use codebeaker_agent::wire::FromAgent;
use serde::de::DeserializeOwned;

use crate::failure::{Failure, Step, checked};

/// The last number that `close_range` is given: gVisor reads a higher one as below zero.
pub(crate) const HIGHEST_DESCRIPTOR: libc::c_uint = libc::c_int::MAX as libc::c_uint;

/// Reads a plan: exactly that and no byte more, for what follows belongs to the agent.
pub(crate) fn read_plan<P: DeserializeOwned>(stream: BorrowedFd<'_>) -> Result<P, Failure> {
    let mut stream = std::fs::File::from(stream.try_clone_to_owned().step("duplicate stream")?);
    let mut length = [0; 4];
    stream.read_exact(&mut length).step("read plan")?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_PLAN_BYTES {
        return Err(Failure::refused(format_args!("read plan: {length} bytes are too many")));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).step("read plan")?;
    postcard::from_bytes(&bytes).map_err(|error| Failure::refused(format_args!("decode plan: {error}")))
}

/// Tells the daemon which step failed. A daemon that no longer reads can't be told.
pub(crate) fn report(stream: BorrowedFd<'_>, failure: Failure) {
    let message = FromAgent::SetupFailed { step: failure.step, errno: failure.errno };
    let Ok(payload) = postcard::to_stdvec(&message) else {
        return;
    };
    let mut bytes = Vec::new();
    frame::append(&mut bytes, Kind::Control, Channel::CONTROL, &payload);
    if let Ok(stream) = stream.try_clone_to_owned() {
        let _unread = std::fs::File::from(stream).write_all(&bytes);
    }
}

/// Closes every descriptor above the standard streams except `kept`, which are in ascending order.
pub(crate) fn close_all_but(kept: &[BorrowedFd<'_>]) -> Result<(), Failure> {
    let mut first: libc::c_uint = 3;
    let ends = kept.iter().map(|kept| kept.as_raw_fd() as libc::c_uint).map(|kept| (kept - 1, kept + 1));
    for (last, next) in ends.chain([(HIGHEST_DESCRIPTOR, 0)]) {
        if first <= last {
            // SAFETY: a system call on numbers. No owner of a descriptor in this range exists yet: the process
            // has opened nothing but those that are kept.
            checked(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).step("close descriptors")?;
        }
        first = next;
    }
    Ok(())
}

/// Points the standard streams at the null device under `path`.
pub(crate) fn standard_streams_to_null(path: &str) -> Result<(), Failure> {
    let null = OpenOptions::new().read(true).write(true).custom_flags(libc::O_CLOEXEC).open(path).step(path)?;
    rustix::stdio::dup2_stdin(&null).step("redirect stdin")?;
    rustix::stdio::dup2_stdout(&null).step("redirect stdout")?;
    rustix::stdio::dup2_stderr(&null).step("redirect stderr")
}
