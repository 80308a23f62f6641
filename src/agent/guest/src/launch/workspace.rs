//! `/workspace`: empty, a copy, the host directory itself, or a layer above it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use codebeaker_agent::plan::{Identity, Plan, WORKSPACE, Workspace};
use rustix::fs::{AtFlags, Gid, Mode, Uid};
use rustix::mount::UnmountFlags;

use super::filesystem::{self, GUARDED, READ_ONLY, Reach, Tmpfs};
use super::tree::Tree;
use super::{copy, root};
use crate::failure::{Failure, Step};

/// Where an overlay's layers are mounted while it is put together.
const LAYERS: &str = "/.layers";

/// Mounts the workspace. `owner` is the user namespace that makes a host directory the sandbox's own,
/// where one is needed.
pub(crate) fn mount(plan: &Plan, tree: &Tree, owner: Option<OwnedFd>) -> Result<(), Failure> {
    let owner = owner.as_ref().map(AsFd::as_fd);
    let mount = match &plan.workspace {
        Workspace::Empty => in_memory(plan)?,
        Workspace::Copy { source, exclude } => {
            let memory = in_memory(plan)?;
            copy::tree(source, memory.as_fd(), exclude, root::writable_by(plan))?;
            memory
        }
        Workspace::Bind { source, writable } => shown(source, owner, if *writable { GUARDED } else { READ_ONLY })?,
        Workspace::Overlay { source } => overlay(plan, tree, shown(source, owner, READ_ONLY)?.as_fd())?,
    };
    tree.mount_directory(mount.as_fd(), Path::new(WORKSPACE))
}

fn in_memory(plan: &Plan) -> Result<OwnedFd, Failure> {
    let limits = root::limits(plan, plan.sizes.workspace_bytes);
    Tmpfs { mode: "0755", limits, owner: root::writable_by(plan), attributes: GUARDED }.create()
}

/// The host directory, with its owner's files as the sandbox's.
fn shown(
    source: &Path,
    owner: Option<BorrowedFd<'_>>,
    attributes: rustix::mount::MountAttrFlags,
) -> Result<OwnedFd, Failure> {
    let mount = filesystem::clone_host(source)?;
    let name = source.to_string_lossy();
    filesystem::set_attributes(mount.as_fd(), Reach::Tree, attributes, &name)?;
    if let Some(owner) = owner {
        filesystem::map_owner(mount.as_fd(), owner, &name)?;
    }
    Ok(mount)
}

/// A mount that shows `lower` and keeps every change in memory.
///
/// The layers are mounted for a moment, under short names of our own: overlayfs takes paths, in which
/// a host path with a colon or comma would mean something else.
fn overlay(plan: &Plan, tree: &Tree, lower: BorrowedFd<'_>) -> Result<OwnedFd, Failure> {
    let layers = in_memory(plan)?;
    tree.mount_directory(layers.as_fd(), Path::new(LAYERS))?;
    for name in ["lower", "upper", "work"] {
        rustix::fs::mkdirat(&layers, name, Mode::from_raw_mode(0o755)).step("make overlay layers")?;
    }
    tree.mount_directory(lower, &Path::new(LAYERS).join("lower"))?;
    // The merged directory has the owner and mode of the upper one.
    let mode = rustix::fs::statat(lower, "", AtFlags::EMPTY_PATH).step("look at workspace")?.st_mode & 0o777;
    rustix::fs::chmodat(&layers, "upper", Mode::from_raw_mode(mode), AtFlags::empty())
        .step("set mode of overlay layer")?;
    if let Some(id) = root::writable_by(plan) {
        let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
        rustix::fs::chownat(&layers, "upper", Some(uid), Some(gid), AtFlags::empty()).step("own overlay layer")?;
    }

    rustix::process::fchdir(&layers).step("enter overlay layers")?;
    let mut options = vec![("lowerdir", "lower"), ("upperdir", "upper"), ("workdir", "work")];
    if plan.identity == Identity::Caller {
        // Only the host's root may write the attributes that overlayfs uses otherwise.
        options.push(("userxattr", ""));
    }
    let mount = filesystem::create("overlay", &options, GUARDED)?;
    // The overlay holds its layers by itself; programs have no business in them.
    rustix::mount::unmount(".", UnmountFlags::DETACH).step("unmount overlay layers")?;
    rustix::process::chdir("/").step("leave overlay layers")?;
    rustix::fs::unlinkat(tree.root(), ".layers", AtFlags::REMOVEDIR).step("remove overlay layers")?;
    Ok(mount)
}
