//! Serves as PID 1 of a sandbox that an engine of containers has made.
//!
//! What a container keeps from its programs is the engine's business, and done by now. What is left is what
//! this process gives up itself, as an ordinary user: the daemon's streams out of the reach of programs,
//! limits, the right to ever gain a privilege, and the system calls that nothing in a sandbox needs. Every
//! step either succeeds or ends the sandbox with [`codebeaker_agent::wire::FromAgent::SetupFailed`]; no
//! program has run before the last.

use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::time::Duration;

use codebeaker_agent::plan::{CODE, Confinement, Protection, TEMPORARY, WORKSPACE};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::agent::{self, Daemon, Surroundings};
use crate::confine::{self, landlock, seccomp};
use crate::failure::{Failure, Step};
use crate::handover;

/// Becomes the agent, or says which step failed.
pub(crate) fn run() -> ExitCode {
    let Ok((input, output)) = take_streams() else {
        // Without a stream there is nobody to tell.
        return ExitCode::FAILURE;
    };
    match prepare(&input) {
        Ok(prepared) => {
            let Prepared { confinement, workspace, code, temporary, landlock_abi } = prepared;
            agent::run(Surroundings {
                daemon: Daemon::between(input, output),
                workspace,
                code,
                temporary,
                watched_memory_bytes: confinement.watched_memory_bytes,
                watched_processes: confinement.watched_processes,
                // An engine's containers share their users with each other, and often with the host.
                own_user: false,
                alone: confinement.alone_ms.map(Duration::from_millis),
                landlock_abi,
                without: confinement.without,
            })
        }
        Err(failure) => {
            handover::report(output.as_fd(), failure);
            ExitCode::FAILURE
        }
    }
}

struct Prepared {
    confinement: Confinement,
    workspace: OwnedFd,
    code: OwnedFd,
    temporary: OwnedFd,
    landlock_abi: u32,
}

/// Moves the daemon's streams away from the standard ones, and leaves nothing else open.
fn take_streams() -> Result<(OwnedFd, OwnedFd), Failure> {
    let input = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3).step("duplicate input")?;
    let output = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3).step("duplicate output")?;
    let mut kept = [input.as_fd(), output.as_fd()];
    kept.sort_by_key(std::os::fd::AsRawFd::as_raw_fd);
    handover::close_all_but(&kept)?;
    handover::standard_streams_to_null("/dev/null")?;
    Ok((input, output))
}

fn prepare(input: &OwnedFd) -> Result<Prepared, Failure> {
    let confinement: Confinement = handover::read_plan(input.as_fd())?;
    let has = |protection| !confinement.without.contains(&protection);
    match rustix::process::setsid() {
        // The engine has made this the leader of its group already.
        Ok(_) | Err(Errno::PERM) => {}
        Err(errno) => return Err(errno).step("start session"),
    }
    // What a killed shim leaves behind comes here, also where this is not PID 1.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).step("become reaper")?;
    if let Some(processors) = confinement.processors {
        confine::keep_to_processors(processors)?;
    }
    if has(Protection::Rlimits) {
        confine::limit_resources(&confinement.rlimits)?;
    }
    let workspace = open(WORKSPACE, OFlags::PATH)?;
    let code = open(CODE, OFlags::RDONLY)?;
    let temporary = open(TEMPORARY, OFlags::PATH)?;
    if has(Protection::NoNewPrivileges) {
        rustix::thread::set_no_new_privs(true).step("set no_new_privs")?;
    }
    if has(Protection::Capabilities) {
        confine::drop_remaining_capabilities()?;
    }
    let landlock_abi = landlock::scope(has(Protection::Landlock))?;
    confine::hide_from_programs(has(Protection::UndumpableAgent))?;
    if agent::is_gvisor() && has(Protection::NoNewPrivileges) {
        seccomp::answer_empty_writes()?;
    }
    if has(Protection::Seccomp) {
        seccomp::install(&confinement.seccomp)?;
    }
    Ok(Prepared { confinement, workspace, code, temporary, landlock_abi })
}

fn open(directory: &str, access: OFlags) -> Result<OwnedFd, Failure> {
    let flags = access | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(directory, flags, Mode::empty()).step(format_args!("open {directory}"))
}
