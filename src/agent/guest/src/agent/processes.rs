//! Who runs in the sandbox, and who descends from whom.
//!
//! A [`Table`] is one pass over `/proc`. It is out of date as soon as it is read: programs fork and end
//! while it is taken. What is built on it must repeat until a pass finds nothing, and must hold
//! whichever processes a pass missed.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::agent::sys::{self, Result, files};

/// One process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    pid: i32,
    parent: i32,
    group: i32,
    session: i32,
    threads: u64,
}

/// The processes that one pass found, in the order of their numbers.
pub(crate) struct Table {
    proc: OwnedFd,
    processes: Vec<Process>,
}

impl Table {
    /// Takes a pass over `/proc`.
    pub(crate) fn take() -> Result<Self> {
        let here = open_directory()?;
        let mut table = Table { proc: here, processes: Vec::new() };
        let mut records = [0; 4096];
        loop {
            let length = files::read_directory(table.proc.as_fd(), &mut records)?;
            if length == 0 {
                return Ok(table);
            }
            for name in files::names(&records[..length]) {
                let Some(pid) = parse::<i32>(name.bytes) else { continue };
                // A process that ended meanwhile is no longer of interest.
                table.processes.extend(read_process(table.proc.as_fd(), pid));
            }
        }
    }

    /// Every process whose parents lead to `root`, which itself is left out.
    pub(crate) fn descendants(&self, root: i32) -> Vec<i32> {
        self.descendants_past(root, |_| false)
    }

    /// As [`Table::descendants`], leaving out the processes that `stop` names and all below them.
    pub(crate) fn descendants_past(&self, root: i32, stop: impl Fn(i32) -> bool) -> Vec<i32> {
        let mut found = vec![root];
        let mut next = 0;
        while let Some(&parent) = found.get(next) {
            next += 1;
            let children = self.processes.iter().filter(|process| process.parent == parent && !stop(process.pid));
            found.extend(children.map(|process| process.pid));
        }
        found.remove(0);
        found
    }

    /// Those processes, and their descendants, that are children of `root` and in one of `sessions`.
    pub(crate) fn children_in(&self, root: i32, sessions: &BTreeSet<i32>) -> Vec<i32> {
        self.descendants_past(root, |pid| {
            let process = self.processes.iter().find(|process| process.pid == pid);
            process.is_some_and(|process| process.parent == root && !sessions.contains(&process.session))
        })
    }

    /// The sessions that these processes are in.
    pub(crate) fn sessions(&self, pids: &[i32]) -> BTreeSet<i32> {
        let these = self.processes.iter().filter(|process| pids.contains(&process.pid));
        these.map(|process| process.session).collect()
    }

    /// Kills these processes. Their groups first: a group is killed at one stroke, and no fork escapes
    /// it; groups that `spare` names are left alone.
    pub(crate) fn kill(&self, pids: &[i32], spare: impl Fn(i32) -> bool) {
        let victims = self.processes.iter().filter(|process| pids.contains(&process.pid));
        let mut groups: Vec<i32> = victims.map(|process| process.group).collect();
        groups.sort_unstable();
        groups.dedup();
        for group in groups.into_iter().filter(|group| *group > 1 && !spare(*group)) {
            sys::kill(-group, libc::SIGKILL);
        }
        for pid in pids {
            sys::kill(*pid, libc::SIGKILL);
        }
    }

    /// The threads of these processes.
    pub(crate) fn threads_of(&self, pids: &[i32]) -> u64 {
        let pids: BTreeSet<i32> = pids.iter().copied().collect();
        self.processes.iter().filter(|process| pids.contains(&process.pid)).map(|process| process.threads).sum()
    }

    /// All threads of all processes: what `RLIMIT_NPROC` counts where one user owns the sandbox.
    pub(crate) fn threads(&self) -> u64 {
        self.processes.iter().map(|process| process.threads).sum()
    }

    /// Resident memory of a process that is its own, in bytes: anonymous and shared, without mapped
    /// files, which the kernel can drop. Memory that several processes share counts for each.
    pub(crate) fn resident(&self, pid: i32) -> u64 {
        let mut text = [0; 4096];
        let Ok(status) = read_entry(self.proc.as_fd(), pid, "status", &mut text) else { return 0 };
        match kibibytes(status, b"RssAnon:") + kibibytes(status, b"RssShmem:") {
            // gVisor tells them not apart from mapped files.
            0 => kibibytes(status, b"VmRSS:"),
            own => own,
        }
    }

    /// What all processes and the file systems in memory take together, shared memory counted once; `None`
    /// unless the kernel, which is gVisor's then, has nothing to count but this sandbox.
    pub(crate) fn anonymous(&self) -> Option<u64> {
        files::lstat(self.proc.as_fd(), b"sentry-meminfo").ok()?;
        let mut text = [0; 4096];
        let file = files::openat(self.proc.as_fd(), b"meminfo", libc::O_RDONLY, 0).ok()?;
        let length = sys::read(file.as_fd(), &mut text).ok()?;
        Some(kibibytes(&text[..length], b"AnonPages:"))
    }

    /// As [`Table::resident`], but memory that several processes share is divided among them. Slower by
    /// far; `None` for a process that is closed to readers.
    pub(crate) fn proportional(&self, pid: i32) -> Option<u64> {
        let mut text = [0; 4096];
        let rollup = read_entry(self.proc.as_fd(), pid, "smaps_rollup", &mut text).ok()?;
        Some(kibibytes(rollup, b"Pss_Anon:") + kibibytes(rollup, b"Pss_Shmem:"))
    }
}

/// Makes the kernel prefer a program to the agent when memory runs out. The program must have been
/// started: until then its entry in `/proc` is closed even to its own user, as the agent's is.
pub(crate) fn prefer_as_victim(pid: i32) -> Result<()> {
    let proc = open_directory()?;
    let entry = format!("{pid}/oom_score_adj");
    let file = files::openat(proc.as_fd(), entry.as_bytes(), libc::O_WRONLY, 0)?;
    sys::write(file.as_fd(), b"500").map(drop)
}

fn open_directory() -> Result<OwnedFd> {
    sys::open_device(c"/proc", libc::O_RDONLY | libc::O_DIRECTORY)
}

fn read_entry<'a>(proc: BorrowedFd<'_>, pid: i32, name: &str, text: &'a mut [u8]) -> Result<&'a [u8]> {
    let entry = format!("{pid}/{name}");
    let file = files::openat(proc, entry.as_bytes(), libc::O_RDONLY, 0)?;
    let mut length = 0;
    while length < text.len() {
        match sys::read(file.as_fd(), &mut text[length..])? {
            0 => break,
            more => length += more,
        }
    }
    Ok(&text[..length])
}

fn read_process(proc: BorrowedFd<'_>, pid: i32) -> Option<Process> {
    let mut text = [0; 512];
    let stat = read_entry(proc, pid, "stat", &mut text).ok()?;
    // "pid (name) state parent ...": the name is the program's to choose, brackets and newlines included.
    let behind_name = stat.iter().rposition(|byte| *byte == b')')? + 1;
    let mut fields = stat[behind_name..].split(|byte| *byte == b' ').filter(|field| !field.is_empty());
    let parent = parse(fields.nth(1)?)?;
    let group = parse(fields.next()?)?;
    let session = parse(fields.next()?)?;
    let threads = parse(fields.nth(13)?)?;
    Some(Process { pid, parent, group, session, threads })
}

/// The number of kB that a line of `status` or `smaps_rollup` tells, as bytes.
fn kibibytes(text: &[u8], label: &[u8]) -> u64 {
    text.split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(label))
        .and_then(|value| value.split(u8::is_ascii_whitespace).find(|field| !field.is_empty()))
        .and_then(parse::<u64>)
        .map_or(0, |kib| kib.saturating_mul(1024))
}

fn parse<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(processes: &[(i32, i32)]) -> Table {
        let processes = processes
            .iter()
            .map(|&(pid, parent)| Process { pid, parent, group: pid, session: pid, threads: 1 })
            .collect();
        Table { proc: open_directory().unwrap(), processes }
    }

    #[test]
    fn descendants_are_found_whatever_the_order_of_their_numbers() {
        // Numbers wrap: a child may well have a lower one than its parent.
        let table = table(&[(2, 9), (3, 2), (4, 1), (9, 4), (12, 7)]);
        let mut found = table.descendants(4);
        found.sort_unstable();
        assert_eq!(found, [2, 3, 9]);
        assert_eq!(table.descendants_past(1, |pid| pid == 9), [4]);
    }

    #[test]
    fn the_own_entry_is_read_whatever_the_name_says() {
        std::thread::Builder::new()
            .name("a) R 1 (\n".to_owned())
            .spawn(|| {
                let table = Table::take().unwrap();
                let own = std::process::id() as i32;
                let process = table.processes.iter().find(|process| process.pid == own).unwrap();
                assert_eq!(process.parent, std::os::unix::process::parent_id() as i32);
                assert!(process.threads >= 2);
                assert!(table.resident(own) > 0);
                assert!(table.proportional(own).unwrap() > 0);
            })
            .unwrap()
            .join()
            .unwrap();
    }

    #[test]
    fn sizes_are_read_from_their_own_line() {
        let status = b"VmRSS:\t 9 kB\nRssAnon:\t    12 kB\nRssShmem:\t 3 kB\n";
        assert_eq!(kibibytes(status, b"RssAnon:"), 12 * 1024);
        assert_eq!(kibibytes(status, b"RssFile:"), 0);
    }
}
