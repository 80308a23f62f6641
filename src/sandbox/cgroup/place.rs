//! Finds where in the host's cgroups this daemon may make its own.
//!
//! In version 1 that is below its own cgroup in the tree of each controller, which takes root. In
//! version 2 it is the nearest cgroup from the daemon's own upwards that its user may divide: a scope
//! that the daemon was given for itself, or for an ordinary user what the user's service manager was given.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::owner::Owner;

/// The controllers without which version 2 isn't worth using.
const NEEDED: [&str; 2] = ["memory", "pids"];

/// Why no cgroups can be made.
#[derive(Debug, thiserror::Error)]
pub enum NoCgroups {
    /// `/proc` doesn't say where this process is.
    #[error("this process's cgroups can't be read")]
    Unreadable(#[source] io::Error),
    /// No hierarchy is mounted in which this process has a place.
    #[error("no cgroup file system is mounted")]
    NotMounted,
    /// The places there are belong to others.
    #[error("no cgroup may be made below {path}")]
    NotOurs {
        /// Where it was tried.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Version 2 doesn't offer what is needed there.
    #[error("the cgroup {path} has no controllers for memory and processes")]
    NoControllers {
        /// Which cgroup.
        path: PathBuf,
    },
}

/// Where cgroups are made.
#[derive(Debug)]
pub(crate) enum Place {
    V1(Trees),
    V2(PathBuf),
}

/// The parent directories in the trees of version 1, as far as they can be used.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Trees {
    pub(crate) memory: Option<PathBuf>,
    pub(crate) pids: Option<PathBuf>,
    pub(crate) cpu: Option<PathBuf>,
}

impl Place {
    pub(crate) fn find(owner: &Owner) -> Result<Self, NoCgroups> {
        let read = |path: &str| fs::read_to_string(path).map_err(NoCgroups::Unreadable);
        let located = Located::parse(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?);
        let unified = match &located.unified {
            Some(unified) => match delegated(unified, owner) {
                Ok(parent) => return Ok(Self::V2(parent)),
                Err(reason) => Some(reason),
            },
            None => None,
        };
        let mut refused = None;
        let mut usable = |tree: Option<PathBuf>| {
            let tree = tree?;
            match try_making_one(&tree, owner) {
                Ok(()) => Some(tree),
                Err(source) => {
                    refused = Some(NoCgroups::NotOurs { path: tree, source });
                    None
                }
            }
        };
        let trees = Trees {
            memory: usable(located.trees.memory),
            pids: usable(located.trees.pids),
            cpu: usable(located.trees.cpu),
        };
        if trees == Trees::default() {
            return Err(refused.or(unified).unwrap_or(NoCgroups::NotMounted));
        }
        Ok(Self::V1(trees))
    }

    pub(crate) fn parents(&self) -> impl Iterator<Item = &Path> {
        let all = match self {
            Self::V1(trees) => [trees.memory.as_deref(), trees.pids.as_deref(), trees.cpu.as_deref()],
            Self::V2(parent) => [Some(parent.as_path()), None, None],
        };
        all.into_iter().flatten()
    }
}

fn try_making_one(parent: &Path, owner: &Owner) -> io::Result<()> {
    let path = parent.join(owner.new_cgroup_name());
    fs::create_dir(&path)?;
    fs::remove_dir(&path)
}

/// The place in version 2: the nearest cgroup from the daemon's own upwards in which cgroups with
/// controllers can be made.
fn delegated(unified: &Unified, owner: &Owner) -> Result<PathBuf, NoCgroups> {
    let mut refused = None;
    for parent in unified.own.ancestors().take_while(|parent| parent.starts_with(&unified.mount)) {
        // Whoever moves a process must be allowed to change the cgroup above both places.
        if let Err(errno) = rustix::fs::access(parent.join("cgroup.procs"), Access::WRITE_OK) {
            return Err(refused.unwrap_or(NoCgroups::NotOurs { path: parent.to_path_buf(), source: errno.into() }));
        }
        match turn_controllers_on(parent, owner) {
            Ok(()) => return Ok(parent.to_path_buf()),
            // The reason closest to the daemon is the one that a person can do something about.
            Err(reason) => refused = refused.or(Some(reason)),
        }
    }
    Err(refused.unwrap_or(NoCgroups::NotMounted))
}

fn turn_controllers_on(parent: &Path, owner: &Owner) -> Result<(), NoCgroups> {
    let refused = |source| NoCgroups::NotOurs { path: parent.to_path_buf(), source };
    let list = |file: &str| fs::read_to_string(parent.join(file)).unwrap_or_default();
    let offered = list("cgroup.controllers");
    let has = |list: &str, controller: &str| list.split_whitespace().any(|entry| entry == controller);
    if !NEEDED.iter().all(|controller| has(&offered, controller)) {
        return Err(NoCgroups::NoControllers { path: parent.to_path_buf() });
    }
    let on = list("cgroup.subtree_control");
    let switch = parent.join("cgroup.subtree_control");
    for controller in NEEDED.into_iter().filter(|controller| !has(&on, controller)) {
        let mut turned_on = fs::write(&switch, format!("+{controller}"));
        if turned_on.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ResourceBusy) {
            // A cgroup with processes of its own can't have controllers below it.
            step_aside(parent, owner).map_err(refused)?;
            turned_on = fs::write(&switch, format!("+{controller}"));
        }
        turned_on.map_err(refused)?;
    }
    if has(&offered, "cpu") && !has(&on, "cpu") {
        // Without it processor time is limited otherwise, and said to be.
        let _unlimited = fs::write(&switch, "+cpu");
    }
    try_making_one(parent, owner).map_err(refused)
}

/// Moves this process out of `parent` into a cgroup below it, if it is the only one there: another
/// program's processes are not ours to move. The cgroup stays until a later daemon finds it empty.
fn step_aside(parent: &Path, owner: &Owner) -> io::Result<()> {
    let processes = fs::read_to_string(parent.join("cgroup.procs"))?;
    if processes.trim() != std::process::id().to_string() {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    let own = parent.join(owner.new_cgroup_name());
    fs::create_dir(&own)?;
    fs::write(own.join("cgroup.procs"), "0")
}

/// Where this process is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Located {
    trees: Trees,
    unified: Option<Unified>,
}

#[derive(Debug, PartialEq, Eq)]
struct Unified {
    mount: PathBuf,
    own: PathBuf,
}

impl Located {
    /// From `/proc/self/mountinfo` and `/proc/self/cgroup`.
    fn parse(mountinfo: &str, cgroups: &str) -> Self {
        let mut located = Self::default();
        for mount in mountinfo.lines().filter_map(CgroupMount::parse) {
            for line in cgroups.lines() {
                let mut fields = line.splitn(3, ':').skip(1);
                let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
                    continue;
                };
                let Some(own) = mount.directory(path) else {
                    continue;
                };
                if mount.version_2 {
                    if controllers.is_empty() {
                        located.unified = Some(Unified { mount: mount.point.clone(), own });
                    }
                    continue;
                }
                for controller in controllers.split(',').filter(|name| mount.has(name)) {
                    match controller {
                        "memory" => located.trees.memory = Some(own.clone()),
                        "pids" => located.trees.pids = Some(own.clone()),
                        "cpu" => located.trees.cpu = Some(own.clone()),
                        _ => {}
                    }
                }
            }
        }
        located
    }
}

struct CgroupMount<'a> {
    version_2: bool,
    /// The cgroup that is shown at `point`.
    root: &'a str,
    point: PathBuf,
    options: &'a str,
}

impl<'a> CgroupMount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (root, point) = (mount.next()?, mount.next()?);
        let mut file_system = file_system.split(' ');
        let (kind, _source, options) = (file_system.next()?, file_system.next()?, file_system.next()?);
        let version_2 = match kind {
            "cgroup" => false,
            "cgroup2" => true,
            _ => return None,
        };
        Some(Self { version_2, root, point: PathBuf::from(point), options })
    }

    fn has(&self, controller: &str) -> bool {
        self.options.split(',').any(|option| option == controller)
    }

    /// Where the cgroup `path` is shown, if it is.
    fn directory(&self, path: &str) -> Option<PathBuf> {
        let below = Path::new(path).strip_prefix(self.root).ok()?;
        // A process outside of its cgroup namespace's root is at "/..", which no mount shows.
        (!path.split('/').any(|part| part == "..")).then(|| self.point.join(below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_is_found_in_the_tree_of_each_controller() {
        let mountinfo = "\
22 27 0:21 / /proc rw - proc proc rw
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory
39 31 0:36 /docker/abc /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
";
        let cgroups = "8:pids:/docker/abc/x\n4:memory:/jobs/7\n1:cpu,cpuacct:/\n0::/\n";
        let located = Located::parse(mountinfo, cgroups);
        assert_eq!(located.trees.memory.as_deref(), Some(Path::new("/sys/fs/cgroup/memory/jobs/7")));
        assert_eq!(located.trees.pids.as_deref(), Some(Path::new("/sys/fs/cgroup/pids/x")));
        assert_eq!(located.trees.cpu.as_deref(), Some(Path::new("/sys/fs/cgroup/cpu,cpuacct/")));
        assert_eq!(located.unified, None);
    }

    #[test]
    fn version_2_is_found_in_its_one_tree() {
        let mountinfo = "30 20 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let located = Located::parse(mountinfo, "0::/user.slice/user-1000.slice/session-2.scope\n");
        let unified = located.unified.unwrap();
        assert_eq!(unified.own, Path::new("/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope"));
        assert_eq!(located.trees, Trees::default());
    }

    /// A directory that looks like a cgroup with these controllers.
    fn cgroup(parent: &Path, name: &str, controllers: &str) -> PathBuf {
        let path = parent.join(name);
        fs::create_dir(&path).unwrap();
        for (file, contents) in
            [("cgroup.procs", ""), ("cgroup.controllers", controllers), ("cgroup.subtree_control", "")]
        {
            fs::write(path.join(file), contents).unwrap();
        }
        path
    }

    #[test]
    fn the_nearest_cgroup_with_controllers_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let mount = cgroup(directory.path(), "mount", "cpu memory pids");
        let slice = cgroup(&mount, "slice", "cpu io memory pids");
        let own = cgroup(&slice, "scope", "io");
        let owner = Owner::current().unwrap();
        let found = delegated(&Unified { mount: mount.clone(), own: own.clone() }, &owner).unwrap();
        assert_eq!(found, slice);
        // A plain file keeps the last of what is written to it: the wish for the last controller.
        assert_eq!(fs::read_to_string(slice.join("cgroup.subtree_control")).unwrap(), "+cpu");
        assert_eq!(fs::read_to_string(mount.join("cgroup.subtree_control")).unwrap(), "");

        fs::write(slice.join("cgroup.controllers"), "io").unwrap();
        fs::write(mount.join("cgroup.controllers"), "memory").unwrap();
        let reason = delegated(&Unified { mount, own: own.clone() }, &owner).unwrap_err();
        assert!(matches!(reason, NoCgroups::NoControllers { path } if path == own));
    }

    #[test]
    fn a_cgroup_outside_of_the_namespace_has_no_place() {
        let mountinfo = "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(Located::parse(mountinfo, "0::/../../elsewhere\n").unified, None);
    }
}
