//! The kernel's mount interface, and the few kinds of mounts that a sandbox is made of.
//!
//! A mount is made detached, given its attributes while nobody can see it, and attached complete:
//! there is no moment at which it is visible with more rights than it should have.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use codebeaker_agent::plan::SANDBOX_ID;
use rustix::fs::CWD;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags};

use crate::failure::{Failure, Step, checked};

/// Attributes of a mount whose files are not to be trusted.
pub(crate) const GUARDED: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NODEV);

/// [`GUARDED`], and nobody can write.
pub(crate) const READ_ONLY: MountAttrFlags = GUARDED.union(MountAttrFlags::MOUNT_ATTR_RDONLY);

/// A new file system of type `kind`, detached.
pub(crate) fn create(kind: &str, options: &[(&str, &str)], attributes: MountAttrFlags) -> Result<OwnedFd, Failure> {
    let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).step(format_args!("open {kind}"))?;
    for (key, value) in options {
        match *value {
            "" => rustix::mount::fsconfig_set_flag(&context, *key),
            value => rustix::mount::fsconfig_set_string(&context, *key, value),
        }
        .step(format_args!("configure {kind} {key}={value}"))?;
    }
    rustix::mount::fsconfig_create(&context).step(format_args!("create {kind}"))?;
    rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes).step(format_args!("mount {kind}"))
}

/// A memory-backed file system to be.
pub(crate) struct Tmpfs<'a> {
    /// Permission bits of its root, in octal.
    pub(crate) mode: &'a str,
    /// The most that its files take, and how many they are; unlimited when absent.
    pub(crate) limits: Option<(u64, u64)>,
    /// Whose it is: the sandbox's user as seen from where the mount is made. The maker's when absent.
    pub(crate) owner: Option<u32>,
    /// Mount attributes.
    pub(crate) attributes: MountAttrFlags,
}

impl Tmpfs<'_> {
    /// Makes it, detached.
    pub(crate) fn create(&self) -> Result<OwnedFd, Failure> {
        let (bytes, inodes) = self.limits.unwrap_or((0, 0));
        let (bytes, inodes) = (bytes.to_string(), inodes.to_string());
        let owner = self.owner.unwrap_or(SANDBOX_ID).to_string();
        // In tmpfs 0 means "no limit" for both.
        let mut options = vec![("mode", self.mode), ("size", bytes.as_str()), ("nr_inodes", inodes.as_str())];
        if self.owner.is_some() {
            options.extend([("uid", owner.as_str()), ("gid", owner.as_str())]);
        }
        create("tmpfs", &options, self.attributes)
    }
}

/// A detached copy of what is mounted at `path` beneath `directory`, with every mount below it.
pub(crate) fn clone_tree(directory: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Failure> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | if path.as_os_str().is_empty() { OpenTreeFlags::AT_EMPTY_PATH } else { OpenTreeFlags::empty() };
    rustix::mount::open_tree(directory, path, flags).step(format_args!("clone {}", path.display()))
}

/// A detached copy of what a host path names.
pub(crate) fn clone_host(path: &Path) -> Result<OwnedFd, Failure> {
    clone_tree(CWD, path)
}

/// Mounts what `mount` holds on `target`, which is an open file or directory.
pub(crate) fn attach(mount: BorrowedFd<'_>, target: BorrowedFd<'_>, step: &str) -> Result<(), Failure> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    rustix::mount::move_mount(mount, "", target, "", flags).step(format_args!("attach {step}"))
}

/// What [`set_attributes`] applies to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Mount,
    /// Also every mount below.
    Tree,
}

/// `struct mount_attr` of the kernel.
#[repr(C)]
#[derive(Default)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// Adds attributes to a mount.
pub(crate) fn set_attributes(
    mount: BorrowedFd<'_>,
    reach: Reach,
    attributes: MountAttrFlags,
    step: &str,
) -> Result<(), Failure> {
    let attributes = MountAttr { set: u64::from(attributes.bits()), ..MountAttr::default() };
    mount_setattr(mount, reach, &attributes).step(format_args!("restrict mount {step}"))
}

/// Shows the files of a detached mount as the user namespace `owner` maps their owners.
pub(crate) fn map_owner(mount: BorrowedFd<'_>, owner: BorrowedFd<'_>, step: &str) -> Result<(), Failure> {
    let attributes = MountAttr {
        set: u64::from(MountAttrFlags::MOUNT_ATTR_IDMAP.bits()),
        user_namespace: owner.as_raw_fd() as u64,
        ..MountAttr::default()
    };
    mount_setattr(mount, Reach::Tree, &attributes).step(format_args!("map owner of {step}"))
}

fn mount_setattr(mount: BorrowedFd<'_>, reach: Reach, attributes: &MountAttr) -> std::io::Result<()> {
    let flags = libc::AT_EMPTY_PATH | if reach == Reach::Tree { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is an empty C string, and the kernel reads exactly the size of `attributes`
    // behind a pointer that lives through the call.
    let returned = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            flags,
            std::ptr::from_ref(attributes),
            size_of::<MountAttr>(),
        )
    };
    checked(returned).map(drop)
}
