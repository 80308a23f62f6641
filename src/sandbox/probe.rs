//! Whether sandboxes can be made on this machine: found out by making one.
//!
//! Each step of the recipe can be forbidden by another part of a system, and some only show late:
//! where AppArmor restricts user namespaces, for one, they can be made but not used. So the whole
//! recipe is run, and the step that failed is turned into a reason and what to do about it.

use std::io;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use codebeaker_agent::frame;
use codebeaker_agent::plan::Workspace;
use codebeaker_agent::wire::FromAgent;
use rustix::io::Errno;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use super::blueprint::Blueprint;
use super::cgroup::NoCgroups;
use super::executable::ExecutableError;
use super::footprint;
use super::launcher::{LaunchError, Launched, Launcher};
use crate::causes;
use crate::config::Limits;

/// How long the sandbox may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most that is read before a first message.
const MAX_FIRST_MESSAGE: usize = 64 * 1024;

/// Why no sandbox can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// In a sentence.
    pub reason: String,
    /// What a person should do: commands where there are any.
    pub fix: Option<String>,
}

impl Cause {
    fn unexplained(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), fix: None }
    }

    /// There is no executable.
    #[must_use]
    pub fn of_executable(error: &ExecutableError) -> Self {
        Self {
            reason: error.to_string(),
            fix: Some(
                "allow programs to run from memory (sysctl vm.memfd_noexec=0), or set XDG_RUNTIME_DIR to a directory \
                 on a file system that is not mounted noexec"
                    .to_owned(),
            ),
        }
    }

    /// The launcher can't be started.
    #[must_use]
    pub fn of_launch(error: &LaunchError) -> Self {
        Self::unexplained(causes::in_full(error))
    }
}

/// What a sandbox cost that was made to see whether it can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// From the wish for it until it stood.
    pub start: Duration,
    /// Memory that it took before anything ran in it, in bytes; `None` where the kernel doesn't tell.
    pub memory_bytes: Option<u64>,
}

/// Makes a sandbox and ends it.
///
/// # Errors
/// With the cause, when it didn't come up.
pub async fn try_sandbox(launcher: &Launcher) -> Result<Cost, Cause> {
    let wished = Instant::now();
    let limits = Limits { disk_bytes: 4 << 20, ..Limits::default() };
    let hostname = "sandbox".to_owned();
    let blueprint =
        Blueprint { limits, workspace: Workspace::Empty, engine_roots: Vec::new(), hostname, without: Vec::new() };
    let launched = launcher.launch(blueprint).await.map_err(|error| Cause::of_launch(&error))?;
    let Launched { stream, mut process, drawn } = launched;
    // It stands as long as its stream is open.
    let mut standing = UnixStream::from_std(stream);
    let first = match &mut standing {
        Ok(stream) => tokio::time::timeout(PATIENCE, first_message(stream)).await,
        Err(error) => Ok(Err(io::Error::new(error.kind(), error.to_string()))),
    };
    let start = wished.elapsed();
    let memory_bytes = footprint::resident(process.id());
    drop(standing);
    process.end().await;
    drop(drawn);
    match first {
        Ok(Ok(FromAgent::Ready(_))) => Ok(Cost { start, memory_bytes }),
        Ok(Ok(FromAgent::SetupFailed { step, errno })) => Err(explain(&step, errno, &Surroundings::look())),
        Ok(Ok(_)) => Err(Cause::unexplained("the agent began with something other than being ready")),
        Ok(Err(error)) => Err(Cause::unexplained(format!("the sandbox ended without a word: {error}"))),
        Err(_) => Err(Cause::unexplained(format!("the sandbox was not ready after {} seconds", PATIENCE.as_secs()))),
    }
}

async fn first_message(stream: &mut UnixStream) -> io::Result<FromAgent> {
    let mut read = Vec::new();
    loop {
        let invalid = |error: &dyn std::fmt::Display| io::Error::new(ErrorKind::InvalidData, error.to_string());
        if let Some((frame, _)) = frame::decode(&read).map_err(|violation| invalid(&violation))? {
            return postcard::from_bytes(frame.payload).map_err(|error| invalid(&error));
        }
        if read.len() > MAX_FIRST_MESSAGE {
            return Err(invalid(&"its first message is too long"));
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

/// What of the system bears on why a step failed.
#[derive(Debug, Default, Clone, Copy)]
struct Surroundings {
    /// `kernel.unprivileged_userns_clone` is there and 0.
    clone_sysctl_off: bool,
    /// `user.max_user_namespaces` is 0.
    no_user_namespaces: bool,
    /// `kernel.apparmor_restrict_unprivileged_userns` is 1.
    apparmor_restricts: bool,
    /// This process is in a container.
    in_container: bool,
}

impl Surroundings {
    fn look() -> Self {
        let is = |path: &str, value: &str| std::fs::read_to_string(path).is_ok_and(|contents| contents.trim() == value);
        let in_container = ["/.dockerenv", "/run/.containerenv"].iter().any(|path| Path::new(path).exists());
        Self {
            clone_sysctl_off: is("/proc/sys/kernel/unprivileged_userns_clone", "0"),
            no_user_namespaces: is("/proc/sys/user/max_user_namespaces", "0"),
            apparmor_restricts: is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
            in_container,
        }
    }
}

/// The reason and the fix for a step that failed.
fn explain(step: &str, errno: i32, around: &Surroundings) -> Cause {
    let error = Errno::from_raw_os_error(errno);
    let refused = matches!(error, Errno::PERM | Errno::ACCESS);
    let user_namespace = step.contains("user namespace") || step.contains("uid_map") || step.contains("setgroups");
    let known = if refused && around.apparmor_restricts {
        Some(("AppArmor keeps this program from using user namespaces", Some(apparmor_profile())))
    } else if error == Errno::NOSPC && user_namespace {
        let fix = "sudo sysctl user.max_user_namespaces=15000".to_owned();
        Some(("the number of user namespaces is limited to too few", Some(fix)))
    } else if error == Errno::NOSPC && step.contains("namespace") {
        let fix = "raise the limits that `sysctl user` shows as user.max_*_namespaces".to_owned();
        Some(("the number of namespaces is limited to too few", Some(fix)))
    } else if refused && user_namespace && around.clone_sysctl_off {
        let fix = "sudo sysctl kernel.unprivileged_userns_clone=1".to_owned();
        Some(("the kernel gives user namespaces to root alone", Some(fix)))
    } else if refused && around.in_container {
        let fix = "start the container with --security-opt seccomp=unconfined --security-opt systempaths=unconfined";
        Some(("the container in which this runs forbids sandboxes of its own", Some(fix.to_owned())))
    } else if error == Errno::INVAL && user_namespace {
        Some(("the kernel was built without user namespaces", None))
    } else if error == Errno::NOSYS {
        Some(("the kernel is too old: Linux 5.12 or newer is needed", None))
    } else if refused && around.no_user_namespaces {
        let fix = "sudo sysctl user.max_user_namespaces=15000".to_owned();
        Some(("user namespaces are turned off", Some(fix)))
    } else if refused && user_namespace {
        Some(("user namespaces are forbidden here, by a security module or a system-call filter", None))
    } else {
        None
    };
    let happened = if errno == 0 { step.to_owned() } else { format!("{step}: {}", io::Error::from(error)) };
    match known {
        Some((reason, fix)) => Cause { reason: format!("{reason} ({happened})"), fix },
        None => Cause::unexplained(format!("a sandbox can't be set up ({happened})")),
    }
}

/// What gives this program the right that AppArmor keeps from others.
fn apparmor_profile() -> String {
    let program =
        std::env::current_exe().map_or_else(|_| "/path/to/codebeaker".into(), |path| path.display().to_string());
    format!(
        "sudo tee /etc/apparmor.d/codebeaker <<'EOF'\n\
         abi <abi/4.0>,\n\
         include <tunables/global>\n\
         profile codebeaker {program} flags=(unconfined) {{\n  userns,\n}}\n\
         EOF\n\
         sudo apparmor_parser -r /etc/apparmor.d/codebeaker"
    )
}

/// What it means that there are no cgroups.
#[must_use]
pub fn without_cgroups(reason: &NoCgroups) -> String {
    let fix = "run the daemon in a scope of its own: systemd-run --user --scope -p Delegate=yes codebeaker";
    format!("memory and processes are bounded without cgroups, less exactly: {reason}; {fix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPERM: i32 = 1;
    const EACCES: i32 = 13;
    const ENOSPC: i32 = 28;

    #[test]
    fn every_way_to_forbid_user_namespaces_has_its_fix() {
        let nothing = Surroundings::default();
        let cases = [
            ("unshare user namespace", EPERM, Surroundings { clone_sysctl_off: true, ..nothing }, "userns_clone=1"),
            ("unshare user namespace", ENOSPC, nothing, "max_user_namespaces=15000"),
            ("write uid_map", EACCES, Surroundings { apparmor_restricts: true, ..nothing }, "userns,"),
            ("mount proc", EPERM, Surroundings { in_container: true, ..nothing }, "systempaths=unconfined"),
        ];
        for (step, errno, around, fix) in cases {
            let cause = explain(step, errno, &around);
            assert!(cause.fix.as_deref().is_some_and(|text| text.contains(fix)), "{step}: {cause:?}");
            assert!(cause.reason.contains(step), "{cause:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_passed_on() {
        let cause = explain("clone /usr", 5, &Surroundings::default());
        assert!(cause.reason.contains("clone /usr") && cause.fix.is_none(), "{cause:?}");
    }
}
