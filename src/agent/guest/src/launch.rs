//! The launcher: builds one sandbox from a plan, starts the agent in it, and stays outside as the one
//! who clears up.
//!
//! It is a process of its own, with a single thread, because namespaces belong to threads and a
//! daemon full of threads can't enter one safely. It forks PID 1, which makes the sandbox around
//! itself ([`init`]) and becomes the agent; the launcher waits until that process and with it every
//! other one of the sandbox is gone ([`watch`]), removes the sandbox's cgroups and ends.
//!
//! Every step either succeeds or ends the sandbox with [`codebeaker_agent::wire::FromAgent::SetupFailed`]. No program of a
//! user has run before the last step.

mod copy;
mod devices;
mod filesystem;
mod host;
mod identity;
mod init;
mod namespaces;
mod proc;
mod root;
mod tree;
mod watch;
mod workspace;

use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

use codebeaker_agent::plan::{Cleanup, Identity, Plan, Workspace};
use rustix::thread::UnshareFlags;

use crate::failure::{Failure, Step};
use crate::handover;

/// Builds the sandbox that the plan on standard input describes. Returns when it is gone.
pub(crate) fn run() -> ExitCode {
    let Ok(stream) = take_stream() else {
        // Without a stream there is nobody to tell.
        return ExitCode::FAILURE;
    };
    match launch(&stream) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            handover::report(stream.as_fd(), failure);
            ExitCode::FAILURE
        }
    }
}

fn launch(stream: &OwnedFd) -> Result<(), Failure> {
    host::leave_callers_session()?;
    let stop = watch::StopSignal::catch()?;
    let cleanup: Cleanup = handover::read_plan(stream.as_fd())?;
    let gone = build(stream, stop);
    host::remove_cgroups(&cleanup.cgroup_dirs);
    gone
}

/// Builds the sandbox, and returns when it is gone.
fn build(stream: &OwnedFd, stop: watch::StopSignal) -> Result<(), Failure> {
    let plan: Plan = handover::read_plan(stream.as_fd())?;
    let owner = owner_namespace(&plan)?;
    match plan.identity {
        // The user namespace comes first: it is what gives an ordinary user the right to the others.
        Identity::Caller => {
            let caller = identity::caller();
            namespaces::unshare(UnshareFlags::NEWUSER, "unshare user namespace")?;
            identity::map_caller(caller)?;
        }
        // The user namespace comes last, in PID 1, so that all others belong to the host's.
        Identity::Unowned(_) => {}
    }
    namespaces::unshare(UnshareFlags::NEWPID, "unshare pid namespace")?;
    let (ours, theirs) = identity::rendezvous()?;
    let born_inside = plan.cgroup_birthplace.as_deref().and_then(|cgroup| namespaces::fork_into_cgroup(cgroup).ok());
    let is_inside = born_inside.is_some();
    match born_inside.map_or_else(namespaces::fork, Ok).step("fork PID 1")? {
        None => {
            drop(ours);
            let stream = stream.try_clone().step("duplicate stream")?;
            let entrances = if is_inside { &[][..] } else { &plan.cgroup_entrances };
            init::run(&plan, entrances, stream, theirs, stop, owner)
        }
        Some(pid) => {
            drop((theirs, owner));
            watch::until_gone(pid, stream.as_fd(), ours, stop, plan.identity)
        }
    }
}

/// A user namespace that says whom a host directory belongs to, where one has to be shown as the
/// sandbox's own. The launcher makes it, because it must be named in the host's `/proc`.
fn owner_namespace(plan: &Plan) -> Result<Option<OwnedFd>, Failure> {
    match (&plan.workspace, plan.identity) {
        (Workspace::Bind { source, .. } | Workspace::Overlay { source }, Identity::Unowned(id)) => {
            identity::owner_namespace(source, id).map(Some)
        }
        _ => Ok(None),
    }
}

/// Moves the stream away from standard input, and leaves nothing else open: what the daemon might
/// have let slip must not reach a sandbox.
fn take_stream() -> Result<OwnedFd, Failure> {
    let stream = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3).step("duplicate stream")?;
    handover::close_all_but(&[stream.as_fd()])?;
    handover::standard_streams_to_null("/dev/null")?;
    Ok(stream)
}
