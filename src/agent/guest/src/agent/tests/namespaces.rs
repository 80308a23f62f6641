//! The namespaces that a sandbox for one test consists of, from the inside.

use std::os::fd::{FromRawFd, OwnedFd};

use super::sandbox::Setup;
use crate::agent::{Daemon, Surroundings, run, sys};

/// What a step yields, or which one failed.
pub(super) type Step<T> = Result<T, (&'static str, sys::Errno)>;

fn step(name: &'static str, result: i32) -> Step<i32> {
    sys::check(result).map_err(|errno| (name, errno))
}

/// Makes the namespaces, and returns in the process that is to become the agent.
pub(super) fn enter() -> Step<OwnedFd> {
    // SAFETY: calls on numbers and NUL-terminated literals.
    unsafe {
        step("die with the test", libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
        let stream = step("take the stream", libc::fcntl(0, libc::F_DUPFD_CLOEXEC, 3))?;
        let null = step("open null", libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC))?;
        step("let go of the stream", libc::dup2(null, 0))?;
        let (uid, gid) = (libc::geteuid(), libc::getegid());
        if uid != 0 {
            step("unshare user", libc::unshare(libc::CLONE_NEWUSER))?;
            for (file, text) in [
                ("/proc/self/setgroups", "deny".to_owned()),
                ("/proc/self/uid_map", format!("1000 {uid} 1")),
                ("/proc/self/gid_map", format!("1000 {gid} 1")),
            ] {
                std::fs::write(file, text)
                    .map_err(|error| ("map ids", sys::Errno(error.raw_os_error().unwrap_or(0))))?;
            }
        }
        // A user of its own for each sandbox: the kernel counts processes by user.
        let own = 1_000_000 + std::process::id();
        step("unshare", libc::unshare(libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWIPC))?;
        match step("fork", libc::fork())? {
            0 => {}
            agent => {
                libc::close(stream);
                libc::close(2);
                let mut status = 0;
                libc::waitpid(agent, &raw mut status, 0);
                sys::exit(if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 200 });
            }
        }
        let mount = |kind: &std::ffi::CStr, target: &std::ffi::CStr, flags| {
            step("mount", libc::mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, std::ptr::null()))
        };
        mount(c"none", c"/", libc::MS_REC | libc::MS_PRIVATE)?;
        mount(c"proc", c"/proc", libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC)?;
        mount(c"tmpfs", c"/tmp", libc::MS_NOSUID | libc::MS_NODEV)?;
        for dir in [c"/tmp/workspace", c"/tmp/code"] {
            step("mkdir", libc::mkdir(dir.as_ptr(), 0o755))?;
        }
        if uid == 0 {
            for dir in [c"/tmp", c"/tmp/workspace", c"/tmp/code"] {
                step("chown", libc::chown(dir.as_ptr(), own, own))?;
            }
            step("leave groups", libc::setgroups(0, std::ptr::null()))?;
            step("change group", libc::setresgid(own, own, own))?;
            step("change user", libc::setresuid(own, own, own))?;
        }
        // Only now: a change of user would clear it.
        step("die with the test", libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
        step("no new privileges", libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
        step("be undumpable", libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0))?;
        Ok(OwnedFd::from_raw_fd(stream))
    }
}

/// Is the agent from here on.
pub(super) fn become_agent(stream: OwnedFd, setup: Setup) -> ! {
    let open = |path: &std::ffi::CStr, flags| sys::open_device(path, flags | libc::O_DIRECTORY);
    let (Ok(workspace), Ok(code), Ok(temporary)) =
        (open(c"/tmp/workspace", libc::O_PATH), open(c"/tmp/code", libc::O_RDONLY), open(c"/tmp", libc::O_PATH))
    else {
        sys::exit(201)
    };
    if let Some((soft, hard)) = setup.processes
        && sys::set_limit(libc::RLIMIT_NPROC, libc::rlimit { rlim_cur: soft, rlim_max: hard }).is_err()
    {
        sys::exit(202);
    }
    // SAFETY: no pointers; closing the last copy tells the test that the sandbox stands.
    unsafe { libc::close(2) };
    run(Surroundings {
        daemon: Daemon::over(stream),
        workspace,
        code,
        temporary,
        watched_memory_bytes: setup.watched_memory_bytes,
        watched_processes: None,
        own_user: true,
        alone: None,
        landlock_abi: 0,
        without: setup.without,
    })
}
