//! Ends what is left in a cgroup, and the cgroup with it.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal};

/// How long a cgroup is tried.
const PATIENCE: Duration = Duration::from_secs(2);

const PAUSE: Duration = Duration::from_millis(2);

/// Kills every process in the cgroup `directory` until it is empty, and removes it. Blocks for up to
/// two seconds. Whether it is gone.
pub(crate) fn remove_with_survivors(directory: &Path) -> bool {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match fs::remove_dir(directory) {
            Ok(()) => return true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return true,
            // It still has processes, or cgroups below it that a program made.
            Err(_) => {}
        }
        if Instant::now() >= deadline {
            return false;
        }
        if fs::write(directory.join("cgroup.kill"), "1").is_err() {
            kill_each(directory);
        }
        thread::sleep(PAUSE);
    }
}

/// Version 1 can't kill a cgroup at once. What is started meanwhile is found at the next turn.
fn kill_each(directory: &Path) {
    let procs = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    for pid in procs.lines().filter_map(|line| line.parse().ok()).filter_map(Pid::from_raw) {
        let Ok(process) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else {
            continue;
        };
        // The id may have gone to another process since the list was read; the descriptor can't.
        if is_in(directory, pid) {
            let _gone = rustix::process::pidfd_send_signal(&process, Signal::KILL);
        }
    }
}

fn is_in(directory: &Path, pid: Pid) -> bool {
    let Some(name) = directory.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    let cgroups = fs::read_to_string(format!("/proc/{}/cgroup", pid.as_raw_nonzero())).unwrap_or_default();
    cgroups.lines().any(|line| line.split('/').any(|part| part == name))
}
