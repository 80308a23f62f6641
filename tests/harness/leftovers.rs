//! What a daemon leaves on the machine, told apart from what other daemons of other tests have there.
//!
//! Processes are known by descent: those that were below the daemon while it lived. Cgroups are known
//! by the daemon's process id in their name, containers by the same in a label, mounts and files by the
//! directory that the daemon was given for everything temporary.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::DEADLINE;
use super::engine::Engine;

/// A process, told from a later one with the same id by its start time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    start_time: u64,
}

/// Keeps watch over one daemon.
#[derive(Debug)]
pub(crate) struct Watch {
    daemon: u32,
    directory: PathBuf,
    engine: Option<Engine>,
    seen: HashSet<Process>,
    last_look: Option<Instant>,
}

impl Watch {
    /// Over the daemon with this process id, which has this directory for itself.
    pub(crate) fn new(daemon: u32, directory: &Path) -> Self {
        Self { daemon, directory: directory.to_owned(), engine: None, seen: HashSet::new(), last_look: None }
    }

    /// Over its containers on this engine as well.
    pub(crate) fn with_engine(self, engine: Option<Engine>) -> Self {
        Self { engine, ..self }
    }

    /// Notes the daemon's descendants, if it is a while since that was done.
    pub(crate) fn look_sometimes(&mut self) {
        if self.last_look.is_none_or(|last| last.elapsed() > Duration::from_millis(50)) {
            self.look();
        }
    }

    /// Notes the daemon's descendants.
    pub(crate) fn look(&mut self) {
        self.seen.extend(descendants(self.daemon));
        self.last_look = Some(Instant::now());
    }

    /// The descendants noted so far that still live.
    pub(crate) fn alive(&self) -> Vec<Process> {
        let table = processes();
        self.seen.iter().filter(|process| table.get(&process.pid).is_some_and(|row| row.is(process))).cloned().collect()
    }

    /// Waits until nothing is left, and says what is left at the deadline.
    pub(crate) fn assert_nothing_left(&self) {
        // An engine takes down a container in its own time.
        let patience = if self.engine.is_some() { DEADLINE / 2 } else { DEADLINE / 6 };
        let deadline = Instant::now() + patience;
        loop {
            let left = self.left();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "the daemon left behind:\n{}", left.join("\n"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn left(&self) -> Vec<String> {
        let mut left: Vec<_> = self.alive().iter().map(|process| describe(process.pid)).collect();
        let marker = format!("-{}-", self.daemon);
        let mut cgroups = Vec::new();
        find_cgroups(Path::new("/sys/fs/cgroup"), &marker, &mut cgroups);
        left.extend(cgroups.iter().map(|path| format!("cgroup {}", path.display())));
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc is there");
        let directory = self.directory.to_str().expect("test directories are UTF-8");
        left.extend(mounts.lines().filter(|line| line.contains(directory)).map(|line| format!("mount {line}")));
        if let Some(engine) = &self.engine {
            left.extend(engine.containers_of(self.daemon).iter().map(|name| format!("container {name}")));
        }
        if let Ok(entries) = fs::read_dir(&self.directory) {
            left.extend(entries.flatten().map(|entry| format!("file {}", entry.path().display())));
        }
        left
    }
}

/// The processes below this one.
pub(crate) fn descendants(ancestor: u32) -> Vec<Process> {
    let table = processes();
    let is_below = |pid: u32| {
        let parents = std::iter::successors(Some(pid), |pid| Some(table.get(pid)?.parent)).skip(1);
        parents.take(table.len()).any(|parent| parent == ancestor)
    };
    let below = table.iter().filter(|(pid, _)| is_below(**pid));
    below.map(|(&pid, row)| Process { pid, start_time: row.start_time }).collect()
}

#[derive(Debug)]
struct Row {
    parent: u32,
    start_time: u64,
    is_zombie: bool,
}

impl Row {
    fn is(&self, process: &Process) -> bool {
        self.start_time == process.start_time && !self.is_zombie
    }
}

/// All processes that can be seen from here. One may end while it is looked at, and then is left out.
fn processes() -> HashMap<u32, Row> {
    let entries = fs::read_dir("/proc").expect("/proc is there").flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name in brackets is the process's own choice; the fields are counted from its end.
            let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            let row = Row {
                is_zombie: *fields.first()? == "Z",
                parent: fields.get(1)?.parse().ok()?,
                start_time: fields.get(19)?.parse().ok()?,
            };
            Some((pid, row))
        })
        .collect()
}

fn describe(pid: u32) -> String {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    format!("process {pid}: {}", String::from_utf8_lossy(&command).replace('\0', " "))
}

/// Cgroups whose name begins with ours and holds the marker.
fn find_cgroups(directory: &Path, marker: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with("codebeaker-") && name.contains(marker)) {
            found.push(entry.path());
        }
        find_cgroups(&entry.path(), marker, found);
    }
}
