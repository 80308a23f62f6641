//! `/dev` of the sandbox: the devices without which programs don't run, and terminals of its own.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use codebeaker_agent::plan::{Plan, Protection};
use rustix::mount::MountAttrFlags;

use super::filesystem::{self, READ_ONLY, Reach, Tmpfs};
use super::tree::Tree;
use crate::failure::Failure;

/// Character devices that hold nothing and lead nowhere.
const NODES: [&str; 6] = ["full", "null", "random", "tty", "urandom", "zero"];

/// What every system has in `/dev`, and where it leads.
const LINKS: [(&str, &str); 5] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/ptmx", "pts/ptmx"),
];

/// Terminals at one time. The kernel has few thousands for the whole host.
const MAX_TERMINALS: &str = "64";

const NO_PROGRAMS: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NOEXEC);

/// Builds `/dev`, without `/dev/shm`.
pub(crate) fn mount(plan: &Plan, tree: &Tree) -> Result<(), Failure> {
    let dev = Tmpfs { mode: "0755", limits: Some((64 << 10, 64)), owner: None, attributes: NO_PROGRAMS }.create()?;
    tree.mount_directory(dev.as_fd(), Path::new("/dev"))?;
    for name in NODES {
        tree.mount_file(node(name)?.as_fd(), &Path::new("/dev").join(name))?;
    }
    for (path, to) in LINKS {
        tree.link(Path::new(path), Path::new(to))?;
    }
    let options = [("mode", "0620"), ("ptmxmode", "0666"), ("max", MAX_TERMINALS)];
    let terminals = filesystem::create("devpts", &options, NO_PROGRAMS)?;
    tree.mount_directory(terminals.as_fd(), Path::new("/dev/pts"))?;
    drop(tree.directory(Path::new("/dev/shm"))?);
    if !plan.without.contains(&Protection::ReadOnlyRoot) {
        filesystem::set_attributes(dev.as_fd(), Reach::Mount, READ_ONLY, "/dev")?;
    }
    Ok(())
}

/// A detached mount of one of the host's devices. It can be used, and its mode and times can't be
/// changed, whoever owns it.
pub(crate) fn node(name: &str) -> Result<OwnedFd, Failure> {
    let path = Path::new("/dev").join(name);
    let node = filesystem::clone_host(&path)?;
    let attributes = NO_PROGRAMS | MountAttrFlags::MOUNT_ATTR_RDONLY;
    filesystem::set_attributes(node.as_fd(), Reach::Mount, attributes, &path.to_string_lossy())?;
    Ok(node)
}
