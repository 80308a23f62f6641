//! What a sandbox takes of the host before anything runs in it.
//!
//! It is read of the processes themselves, as the kernel counts them: control groups are not there
//! everywhere. Where the kernel tells too little of other processes, nothing is known.

use std::fs;

/// More processes than these are no sandbox that was just made.
const MAX_PROCESSES: usize = 16;

/// Resident memory of a process and of all that it started, in bytes. What several share counts for each.
#[must_use]
pub fn resident(process: u32) -> Option<u64> {
    let mut waiting = vec![process];
    let mut bytes = 0;
    for _ in 0..MAX_PROCESSES {
        let Some(process) = waiting.pop() else { return Some(bytes) };
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        bytes += resident_kib(&status)? * 1024;
        // Each thread knows those that it started itself.
        for task in fs::read_dir(format!("/proc/{process}/task")).ok()? {
            let children = fs::read_to_string(task.ok()?.path().join("children")).ok()?;
            waiting.extend(children.split_ascii_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    None
}

fn resident_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_line_of_the_kernel_is_read_and_no_other() {
        assert_eq!(resident_kib("Name:\tVmRSS: 1 kB\nVmHWM:\t  9 kB\nVmRSS:\t  1234 kB\nThreads:\t1\n"), Some(1234));
        assert_eq!(resident_kib("Name:\tkthread\n"), None);
    }

    #[test]
    fn what_a_process_started_counts_with_it() {
        let mut shell = Command::new("sh");
        // The shell starts one more process, which ends with its input.
        let mut shell = shell.args(["-c", "cat; :"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        let own = |id: u32| fs::read_to_string(format!("/proc/{id}/status")).ok().as_deref().and_then(resident_kib);
        while resident(shell.id()) <= own(shell.id()).map(|kib| kib * 1024) {
            assert!(std::time::Instant::now() < deadline, "its child never counted");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        drop(shell.stdin.take());
        assert!(shell.wait().unwrap().success());
    }
}
