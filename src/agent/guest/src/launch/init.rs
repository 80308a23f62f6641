//! PID 1 before it is the agent: makes the sandbox around itself, in an order that matters.
//!
//! Cgroups are entered first, so that all that follows is charged to the session. The root is built
//! and entered while the process still has its privileges. Then they are given up, the widest first;
//! the system-call filter comes last, because it forbids what the steps before it need.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::exit;

use codebeaker_agent::plan::{Identity, Plan, Protection};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::Mode;
use rustix::process::Signal;

use super::watch::StopSignal;
use super::{identity, namespaces, root};
use crate::agent::{self, Daemon, Surroundings};
use crate::confine::{self, landlock, seccomp};
use crate::failure::{Failure, Step};
use crate::handover;

/// Becomes the agent, or says which step failed and ends. `cgroups` are the files by which to enter those
/// that it is not in yet.
pub(crate) fn run(
    plan: &Plan,
    cgroups: &[PathBuf],
    stream: OwnedFd,
    launcher: UnixStream,
    stop: StopSignal,
    owner: Option<OwnedFd>,
) -> ! {
    match prepare(plan, cgroups, launcher, stop, owner) {
        Ok((opened, landlock_abi)) => agent::run(Surroundings {
            daemon: Daemon::over(stream),
            workspace: opened.workspace,
            code: opened.code,
            temporary: opened.temporary,
            watched_memory_bytes: plan.watched_memory_bytes,
            watched_processes: None,
            own_user: true,
            alone: None,
            landlock_abi,
            without: plan.without.clone(),
        }),
        Err(failure) => {
            use std::os::fd::AsFd;
            handover::report(stream.as_fd(), failure);
            exit(1)
        }
    }
}

fn prepare(
    plan: &Plan,
    cgroups: &[PathBuf],
    mut launcher: UnixStream,
    stop: StopSignal,
    owner: Option<OwnedFd>,
) -> Result<(root::Opened, u32), Failure> {
    stop.release()?;
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    rustix::process::setsid().map(drop).step("start session in sandbox")?;
    enter_cgroups(cgroups)?;
    if let Some(processors) = plan.processors {
        confine::keep_to_processors(processors)?;
    }
    namespaces::enter(plan)?;
    let opened = root::build_and_enter(plan, owner)?;
    if matches!(plan.identity, Identity::Unowned(_)) {
        if plan.without.contains(&Protection::Capabilities) {
            confine::keep_capabilities_across_ids()?;
        }
        identity::become_unowned(&mut launcher)?;
    }
    // The kernel forgets this request when ids change, so it comes after them.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).step("ask for parent's death signal")?;
    end_if_orphaned(&launcher)?;
    drop(launcher);
    handover::standard_streams_to_null("/dev/null")?;
    if !plan.without.contains(&Protection::Rlimits) {
        confine::limit_resources(&plan.rlimits)?;
    }
    let landlock_abi = give_up_privileges(plan)?;
    Ok((opened, landlock_abi))
}

/// The filter may only be installed by a process that can gain nothing any more, or by a privileged
/// one: without `no_new_privs` it has to come before the capabilities go.
fn give_up_privileges(plan: &Plan) -> Result<u32, Failure> {
    let has = |protection| !plan.without.contains(&protection);
    if !has(Protection::NoNewPrivileges) {
        let abi = landlock::scope(has(Protection::Landlock))?;
        install_filters(plan)?;
        confine::drop_capabilities(has(Protection::Capabilities))?;
        confine::hide_from_programs(has(Protection::UndumpableAgent))?;
        return Ok(abi);
    }
    confine::drop_capabilities(has(Protection::Capabilities))?;
    rustix::thread::set_no_new_privs(true).step("set no_new_privs")?;
    let abi = landlock::scope(has(Protection::Landlock))?;
    confine::hide_from_programs(has(Protection::UndumpableAgent))?;
    install_filters(plan)?;
    Ok(abi)
}

fn install_filters(plan: &Plan) -> Result<(), Failure> {
    if plan.without.contains(&Protection::Seccomp) { Ok(()) } else { seccomp::install(&plan.seccomp) }
}

fn enter_cgroups(entrances: &[PathBuf]) -> Result<(), Failure> {
    for entrance in entrances {
        let mut file = OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
            .open(entrance)
            .step(format_args!("open {}", entrance.display()))?;
        file.write_all(b"0").step(format_args!("enter cgroup {}", entrance.display()))?;
    }
    Ok(())
}

/// A launcher that died before its death signal was asked for sends none; but its end of the stream
/// is closed then.
fn end_if_orphaned(launcher: &UnixStream) -> Result<(), Failure> {
    let mut polled = [PollFd::new(launcher, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    match rustix::event::poll(&mut polled, Some(&now)).step("look for launcher")? {
        0 => Ok(()),
        _ => exit(1),
    }
}
