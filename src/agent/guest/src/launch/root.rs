//! The sandbox's root file system: what of the host is shown, and what is its own.
//!
//! The new root is a small memory-backed file system mounted over `/`, so that the host's tree stays
//! reachable under the process's own root until `pivot_root` leaves it for good.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use codebeaker_agent::plan::{Bind, CODE, Identity, Plan, Protection, TEMPORARY, WORKSPACE};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, UnmountFlags};

use super::filesystem::{self, GUARDED, READ_ONLY, Reach, Tmpfs};
use super::tree::Tree;
use super::{devices, proc, workspace};
use crate::failure::{Failure, Step};

/// Room for the directories, links and small files of the root itself.
const ROOT_BYTES: u64 = 8 << 20;
const ROOT_INODES: u64 = 8192;

/// What stays open of the tree for the agent.
pub(crate) struct Opened {
    /// `/workspace`, with `O_PATH`.
    pub(crate) workspace: OwnedFd,
    /// The code directory, through a mount of its own that can be written.
    pub(crate) code: OwnedFd,
    /// Where programs have what need not last.
    pub(crate) temporary: OwnedFd,
}

/// Builds the root in the process's new mount namespace and makes it the only one there is.
pub(crate) fn build_and_enter(plan: &Plan, owner: Option<OwnedFd>) -> Result<Opened, Failure> {
    // Nothing that is mounted from here on may show in the host's namespace.
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .step("make mounts private")?;
    let root = Tmpfs { mode: "0755", limits: Some((ROOT_BYTES, ROOT_INODES)), owner: None, attributes: GUARDED };
    let root = root.create()?;
    let over = rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).step("open /")?;
    filesystem::attach(root.as_fd(), over.as_fd(), "new root")?;
    let tree = Tree::new(root);

    proc::mount(plan, &tree)?;
    devices::mount(plan, &tree)?;
    temporary(plan, &tree)?;
    let code = code(plan, &tree)?;
    // After what they may lie in: an engine can be installed below /tmp.
    for bind in &plan.binds {
        show(plan, &tree, bind)?;
    }
    for (path, to) in &plan.links {
        tree.link(path, to)?;
    }
    for (path, contents) in &plan.files {
        tree.file(path, contents)?;
    }
    workspace::mount(plan, &tree, owner)?;
    if !plan.without.contains(&Protection::ReadOnlyRoot) {
        filesystem::set_attributes(tree.root(), Reach::Mount, READ_ONLY, "/")?;
    }
    enter(&tree)?;
    let open = |path: &str| {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat2(tree.root(), path, flags, Mode::empty(), ResolveFlags::IN_ROOT)
            .step(format_args!("open {path}"))
    };
    Ok(Opened { workspace: open(WORKSPACE)?, code, temporary: open(TEMPORARY)? })
}

/// Shows one host path.
fn show(plan: &Plan, tree: &Tree, bind: &Bind) -> Result<(), Failure> {
    let step = format_args!("look at {}", bind.source.display());
    let kind = match rustix::fs::statat(CWD, &bind.source, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => FileType::from_raw_mode(stat.st_mode),
        // A path that the caller may not look at is none that it could show.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) if bind.optional => return Ok(()),
        Err(errno) => return Err(errno).step(step),
    };
    if kind == FileType::Symlink {
        let to = std::fs::read_link(&bind.source).step(step)?;
        return tree.link(&bind.target, &to);
    }
    let mount = filesystem::clone_host(&bind.source)?;
    let attributes = if plan.without.contains(&Protection::ReadOnlyRoot) { GUARDED } else { READ_ONLY };
    filesystem::set_attributes(mount.as_fd(), Reach::Tree, attributes, &bind.source.to_string_lossy())?;
    match kind {
        FileType::Directory => tree.mount_directory(mount.as_fd(), &bind.target),
        _ => tree.mount_file(mount.as_fd(), &bind.target),
    }
}

/// Places that any program may write to and that end with the sandbox.
fn temporary(plan: &Plan, tree: &Tree) -> Result<(), Failure> {
    for (path, bytes) in [(TEMPORARY, plan.sizes.tmp_bytes), ("/dev/shm", plan.sizes.shm_bytes)] {
        let tmpfs = Tmpfs { mode: "1777", limits: limits(plan, bytes), owner: None, attributes: GUARDED };
        tree.mount_directory(tmpfs.create()?.as_fd(), Path::new(path))?;
    }
    Ok(())
}

/// The code directory: read-only where programs see it, writable through the mount that is returned.
fn code(plan: &Plan, tree: &Tree) -> Result<OwnedFd, Failure> {
    let tmpfs = Tmpfs {
        mode: "0755",
        limits: limits(plan, plan.sizes.code_bytes),
        owner: writable_by(plan),
        attributes: GUARDED,
    };
    let writable = tmpfs.create()?;
    let visible = filesystem::clone_tree(writable.as_fd(), Path::new(""))?;
    filesystem::set_attributes(visible.as_fd(), Reach::Mount, READ_ONLY, CODE)?;
    tree.mount_directory(visible.as_fd(), Path::new(CODE))?;
    Ok(writable)
}

/// Bytes and inodes of a memory-backed file system; `None` where a test left the limits out.
pub(crate) fn limits(plan: &Plan, bytes: u64) -> Option<(u64, u64)> {
    (!plan.without.contains(&Protection::TmpfsSizes)).then_some((bytes, plan.sizes.inodes))
}

/// The owner of a directory that programs may write to, as named where the root is built: a caller's
/// user namespace makes it theirs anyway.
pub(crate) fn writable_by(plan: &Plan) -> Option<u32> {
    match plan.identity {
        Identity::Caller => None,
        Identity::Unowned(id) => Some(id),
    }
}

/// Leaves the host's tree.
fn enter(tree: &Tree) -> Result<(), Failure> {
    rustix::process::fchdir(tree.root()).step("enter new root")?;
    // Both at the same place: the old root ends up on top of the new one, and is taken away from there.
    rustix::process::pivot_root(".", ".").step("pivot_root")?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).step("unmount old root")?;
    rustix::process::chdir("/").step("enter new root")
}
