//! Control groups: one for each session, below the daemon's own, in either version of the interface.
//!
//! A session's cgroup counts and bounds the memory, processes and processor time of everything in its
//! sandbox. Its name says which daemon made it ([`owner`]), so that a later daemon can tell what was
//! left behind from what is in use. The launcher removes it when the sandbox has ended; this module
//! does where the launcher could not.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::limits::{CgroupVersion, Counted};

pub mod owner;
mod place;
mod survivors;

pub use place::NoCgroups;
pub(crate) use survivors::remove_with_survivors;

use owner::Owner;
use place::Place;

/// The period in which processor time is counted, in microseconds.
const CPU_PERIOD_MICROS: u64 = 100_000;

/// The kernel refuses a smaller share of the period, in microseconds.
const MIN_CPU_QUOTA_MICROS: u64 = 1_000;

/// What files of several numbers are shorter than, in bytes: the longest, `memory.events`, has six.
const MAX_COUNTERS_BYTES: usize = 512;

/// Why a session has no cgroup.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// It can't be made.
    #[error("the cgroup {path} can't be made")]
    Make {
        /// Where.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// One of its limits can't be set.
    #[error("the limit {path} can't be set to {value}")]
    Limit {
        /// The file of the limit.
        path: PathBuf,
        /// What was written to it.
        value: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// Where this daemon makes its cgroups.
#[derive(Debug)]
pub struct Cgroups {
    place: Arc<Place>,
    owner: Owner,
}

/// Limits of a session's cgroup.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Memory, files in memory included.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub pids: u64,
    /// Processors; may be a fraction. `None` for no limit.
    pub cpu: Option<f64>,
}

impl Cgroups {
    /// Finds out by trying.
    ///
    /// # Errors
    /// With the reason why there is no place.
    pub fn find() -> Result<Self, NoCgroups> {
        let owner = Owner::current().map_err(NoCgroups::Unreadable)?;
        let place = Place::find(&owner)?;
        Ok(Self { place: Arc::new(place), owner })
    }

    /// The directories below which cgroups are made.
    pub fn parents(&self) -> impl Iterator<Item = &Path> {
        self.place.parents()
    }

    /// Who this daemon is, in the names of its cgroups.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// A name for the cgroup of a session. Nothing is made yet.
    #[must_use]
    pub fn reserve(&self) -> Reserved {
        Reserved { place: Arc::clone(&self.place), name: self.owner.new_cgroup_name() }
    }
}

/// Where a session's cgroup will be.
#[derive(Debug)]
pub struct Reserved {
    place: Arc<Place>,
    name: String,
}

impl Reserved {
    /// The directories it may consist of.
    #[must_use]
    pub fn directories(&self) -> Vec<PathBuf> {
        self.place.parents().map(|parent| parent.join(&self.name)).collect()
    }

    /// Makes it.
    ///
    /// # Errors
    /// When it can't be made as wanted; nothing is left then.
    pub fn make(self, wanted: &Wanted) -> Result<Session, CgroupError> {
        let name = self.name;
        let mut session =
            Session { directories: Vec::new(), counted: Counted::default(), readings: Readings::default() };
        match &*self.place {
            Place::V1(trees) => {
                session.counted.version = Some(CgroupVersion::V1);
                if let Some(memory) = &trees.memory {
                    let directory = session.make(memory, &name)?;
                    set(&directory, "memory.limit_in_bytes", wanted.memory_bytes)?;
                    // Only where the kernel counts swap; without it, what is over the limit is killed, too.
                    set_if_there(&directory, "memory.memsw.limit_in_bytes", wanted.memory_bytes)?;
                    session.counted.memory = true;
                    session.readings.oom_kills = Some(Counter::new(directory.join("memory.oom_control"), "oom_kill"));
                    session.readings.memory_now = Some(directory.join("memory.usage_in_bytes"));
                    session.readings.memory_peak = Some(directory.join("memory.max_usage_in_bytes"));
                }
                if let Some(pids) = &trees.pids {
                    let directory = session.make(pids, &name)?;
                    set(&directory, "pids.max", wanted.pids)?;
                    session.counted.pids = true;
                    session.readings.processes = Some(directory.join("pids.current"));
                }
                if let (Some(tree), Some(cpu)) = (&trees.cpu, wanted.cpu) {
                    let directory = session.make(tree, &name)?;
                    set(&directory, "cpu.cfs_period_us", CPU_PERIOD_MICROS)?;
                    set(&directory, "cpu.cfs_quota_us", cpu_quota(cpu))?;
                    session.counted.cpu = true;
                }
            }
            Place::V2(parent) => {
                session.counted = Counted { version: Some(CgroupVersion::V2), memory: true, pids: true, cpu: false };
                let directory = session.make(parent, &name)?;
                set(&directory, "memory.max", wanted.memory_bytes)?;
                set_if_there(&directory, "memory.swap.max", 0)?;
                set(&directory, "pids.max", wanted.pids)?;
                if let Some(cpu) = wanted.cpu.filter(|_| directory.join("cpu.max").exists()) {
                    set(&directory, "cpu.max", format!("{} {CPU_PERIOD_MICROS}", cpu_quota(cpu)))?;
                    session.counted.cpu = true;
                }
                session.readings = Readings {
                    oom_kills: Some(Counter::new(directory.join("memory.events"), "oom_kill")),
                    memory_now: Some(directory.join("memory.current")),
                    memory_peak: Some(directory.join("memory.peak")),
                    processes: Some(directory.join("pids.current")),
                };
            }
        }
        Ok(session)
    }
}

fn cpu_quota(cpu: f64) -> u64 {
    // A float that is out of range becomes the nearest number there is.
    ((cpu * CPU_PERIOD_MICROS as f64) as u64).max(MIN_CPU_QUOTA_MICROS)
}

fn set(directory: &Path, file: &str, value: impl ToString) -> Result<(), CgroupError> {
    let (path, value) = (directory.join(file), value.to_string());
    fs::write(&path, &value).map_err(|source| CgroupError::Limit { path, value, source })
}

fn set_if_there(directory: &Path, file: &str, value: u64) -> Result<(), CgroupError> {
    if directory.join(file).exists() { set(directory, file, value) } else { Ok(()) }
}

/// The cgroup of one session; in version 1 a directory for each controller.
#[derive(Debug)]
pub struct Session {
    directories: Vec<PathBuf>,
    counted: Counted,
    readings: Readings,
}

#[derive(Debug, Default)]
struct Readings {
    oom_kills: Option<Counter>,
    memory_now: Option<PathBuf>,
    memory_peak: Option<PathBuf>,
    processes: Option<PathBuf>,
}

/// A number in a file of several. The file is kept open: it is read before and after every execution, and opening one
/// costs more than reading it.
#[derive(Debug)]
struct Counter {
    path: PathBuf,
    /// What is before the number.
    name: &'static str,
    file: OnceLock<File>,
}

impl Counter {
    fn new(path: PathBuf, name: &'static str) -> Self {
        Self { path, name, file: OnceLock::new() }
    }

    fn read(&self) -> Option<u64> {
        let file = match self.file.get() {
            Some(file) => file,
            None => {
                let opened = File::open(&self.path).ok()?;
                self.file.get_or_init(|| opened)
            }
        };
        let mut text = [0; MAX_COUNTERS_BYTES];
        let length = file.read_at(&mut text, 0).ok()?;
        std::str::from_utf8(&text[..length]).ok()?.lines().find_map(|line| {
            let (key, number) = line.split_once(' ')?;
            if key == self.name { number.trim().parse().ok() } else { None }
        })
    }
}

/// What a session uses, as far as its cgroup counts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory now, files in memory included.
    pub memory_bytes: Option<u64>,
    /// The most memory so far.
    pub peak_memory_bytes: Option<u64>,
    /// Processes and threads now, the agent included.
    pub processes: Option<u64>,
}

impl Session {
    fn make(&mut self, parent: &Path, name: &str) -> Result<PathBuf, CgroupError> {
        let path = parent.join(name);
        // Controllers may share a tree.
        if !self.directories.contains(&path) {
            fs::create_dir(&path).map_err(|source| CgroupError::Make { path: path.clone(), source })?;
            self.directories.push(path.clone());
        }
        Ok(path)
    }

    /// What it bounds.
    #[must_use]
    pub fn counted(&self) -> Counted {
        self.counted
    }

    /// Its directories.
    #[must_use]
    pub fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    /// The cgroup in which a process can be made, which no process enters as quickly.
    #[must_use]
    pub fn birthplace(&self) -> Option<PathBuf> {
        let directory = self.directories.first().filter(|_| self.counted.version == Some(CgroupVersion::V2));
        directory.cloned()
    }

    /// The files through which a process of a single thread enters it.
    #[must_use]
    pub fn entrances(&self) -> Vec<PathBuf> {
        // A thread that moves itself alone doesn't wait until no other process of the system forks, which takes
        // some 12 ms. Version 2 has no such way into a cgroup that limits memory.
        let file = if self.counted.version == Some(CgroupVersion::V1) { "tasks" } else { "cgroup.procs" };
        self.directories.iter().map(|directory| directory.join(file)).collect()
    }

    /// How many processes the kernel has killed for want of memory; `None` when that isn't counted, or
    /// no longer.
    #[must_use]
    pub fn oom_kills(&self) -> Option<u64> {
        self.readings.oom_kills.as_ref()?.read()
    }

    /// What the session uses now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let read = |path: &Option<PathBuf>| fs::read_to_string(path.as_ref()?).ok()?.trim().parse().ok();
        Usage {
            memory_bytes: read(&self.readings.memory_now),
            peak_memory_bytes: read(&self.readings.memory_peak),
            processes: read(&self.readings.processes),
        }
    }

    /// Removes it, and what is still in it. Blocks for up to two seconds. Whether it is gone.
    #[must_use]
    pub fn remove(&self) -> bool {
        let mut all_gone = true;
        for directory in &self.directories {
            all_gone &= remove_with_survivors(directory);
        }
        all_gone
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for directory in &self.directories {
            // Gone already, or not empty yet: then its launcher removes it.
            let _busy = fs::remove_dir(directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_a_processor_is_a_share_of_the_period() {
        assert_eq!(cpu_quota(1.5), 150_000);
        assert_eq!(cpu_quota(0.0), MIN_CPU_QUOTA_MICROS);
        assert_eq!(cpu_quota(f64::NAN), MIN_CPU_QUOTA_MICROS);
    }

    #[test]
    fn version_2_is_told_every_limit_in_one_place() {
        let tree = tempfile::tempdir().unwrap();
        let place = Arc::new(Place::V2(tree.path().to_path_buf()));
        let reserved = Cgroups { place, owner: Owner::current().unwrap() }.reserve();
        let announced = reserved.directories();
        let session = reserved.make(&Wanted { memory_bytes: 4096, pids: 7, cpu: Some(0.5) }).unwrap();
        assert_eq!(session.directories(), announced);
        let [directory] = session.directories() else { panic!("{session:?}") };
        let read = |file: &str| fs::read_to_string(directory.join(file)).unwrap();
        assert_eq!((read("memory.max"), read("pids.max")), ("4096".to_owned(), "7".to_owned()));
        // No file of the kernel's is there to say that processor time can be limited.
        assert_eq!(
            session.counted(),
            Counted { version: Some(CgroupVersion::V2), memory: true, pids: true, cpu: false }
        );
        fs::write(directory.join("memory.events"), "low 0\noom 3\noom_kill 2\noom_group_kill 0\n").unwrap();
        fs::write(directory.join("memory.current"), "123\n").unwrap();
        assert_eq!(session.oom_kills(), Some(2));
        assert_eq!(session.usage().memory_bytes, Some(123));
    }

    #[test]
    fn a_session_without_readings_claims_nothing() {
        let session = Session { directories: Vec::new(), counted: Counted::default(), readings: Readings::default() };
        assert_eq!(session.oom_kills(), None);
        assert_eq!(session.usage(), Usage::default());
        assert!(session.remove());
    }
}
