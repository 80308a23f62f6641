//! What exists on the host for a sandbox while it stands, and is to be gone after it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::harness::DEADLINE;

/// Processes and cgroups of one sandbox or daemon.
#[derive(Debug, Default, Clone)]
pub(crate) struct Made {
    /// Process ids with the time of their start, which tells a process from a later one of the same id.
    processes: Vec<(u32, String)>,
    cgroups: Vec<PathBuf>,
}

struct Entry {
    pid: u32,
    parent: u32,
    start: String,
    state: String,
}

fn entry(pid: u32) -> Option<Entry> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, which may hold anything, ends with the last parenthesis.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Entry { pid, parent: fields[1].parse().ok()?, start: fields[19].into(), state: fields[0].into() })
}

fn table() -> Vec<Entry> {
    let listed = fs::read_dir("/proc").expect("list /proc").flatten();
    listed.filter_map(|listed| entry(listed.file_name().to_str()?.parse().ok()?)).collect()
}

/// The direct children of this process.
pub(crate) fn children() -> Vec<u32> {
    let own = std::process::id();
    table().into_iter().filter(|entry| entry.parent == own).map(|entry| entry.pid).collect()
}

/// A process and all its descendants.
pub(crate) fn family(of: u32) -> Vec<u32> {
    let table = table();
    let mut found = vec![of];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(table.iter().filter(|entry| entry.parent == parent).map(|entry| entry.pid));
        next += 1;
    }
    found
}

impl Made {
    /// What a process made: itself, its descendants, and the cgroups that they are in.
    pub(crate) fn by(process: u32) -> Self {
        let entries = family(process).into_iter().filter_map(entry);
        let processes: Vec<_> = entries.map(|entry| (entry.pid, entry.start)).collect();
        let own = cgroups("self");
        let mut cgroups: Vec<PathBuf> = processes
            .iter()
            .flat_map(|(pid, _)| cgroups(&pid.to_string()))
            .filter(|path| !own.contains(path))
            .collect();
        cgroups.sort();
        cgroups.dedup();
        Self { processes, cgroups }
    }

    /// What an engine made of which this is the first process. gVisor may have no cgroup of its own, and then is in
    /// that of whoever started the engine.
    pub(crate) fn by_engine(first: u32) -> Self {
        let mut made = Self::by(first);
        made.cgroups.retain(|path| path.components().any(|part| part.as_os_str() == "docker"));
        made
    }

    /// How many processes there are.
    pub(crate) fn processes(&self) -> usize {
        self.processes.len()
    }

    /// Those of the processes that `parent` started itself.
    pub(crate) fn children(&self, parent: u32) -> Vec<u32> {
        let entries = self.processes.iter().filter_map(|(pid, _)| entry(*pid));
        entries.filter(|entry| entry.parent == parent).map(|entry| entry.pid).collect()
    }

    /// As [`Made::assert_gone`], for processes alone.
    pub(crate) fn assert_processes_gone(&self) {
        Self { cgroups: Vec::new(), ..self.clone() }.assert_gone();
    }

    /// What is still there.
    fn left(&self) -> Vec<String> {
        let processes = self.processes.iter().filter_map(|(pid, start)| {
            let entry = entry(*pid).filter(|entry| entry.start == *start && entry.state != "Z")?;
            let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default().replace('\0', " ");
            Some(format!("process {pid} ({}, {command})", entry.state))
        });
        let cgroups = self.cgroups.iter().filter(|path| path.exists()).map(|path| format!("cgroup {}", path.display()));
        processes.chain(cgroups).collect()
    }

    /// Waits until all of it is gone, and fails when some is still there after a time that no machine
    /// needs.
    pub(crate) fn assert_gone(&self) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = self.left();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "left behind: {left:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The directories of the cgroups that a process is in.
fn cgroups(process: &str) -> Vec<PathBuf> {
    let membership = fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap_or_default();
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounts: Vec<&str> = mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let (point, kind) = (fields.next()?, fields.next()?);
            kind.starts_with("cgroup").then_some(point)
        })
        .collect();
    let paths = membership.lines().filter_map(|line| line.splitn(3, ':').nth(2)).filter(|path| *path != "/");
    let joined =
        paths.flat_map(|path| mounts.iter().map(move |mount| Path::new(mount).join(path.trim_start_matches('/'))));
    joined.filter(|path| path.is_dir()).collect()
}
