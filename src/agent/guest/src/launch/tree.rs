//! The new root while it is built: directories, files and links in it, and mounts on them.
//!
//! Every path is resolved inside the new root, whatever links it crosses: a link of the host that is
//! shown in the sandbox can't lead the builder back to the host.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::filesystem;
use crate::failure::{Failure, Step};

const RESOLVE: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS);

/// The root directory of the sandbox to be.
pub(crate) struct Tree {
    root: OwnedFd,
}

impl Tree {
    /// Takes a mount that is attached already.
    pub(crate) fn new(root: OwnedFd) -> Self {
        Self { root }
    }

    /// The root itself.
    pub(crate) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Opens what `path` names; a link at its end is followed within the root.
    pub(crate) fn open(&self, path: &Path) -> Result<Option<OwnedFd>, Failure> {
        match rustix::fs::openat2(&self.root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), RESOLVE) {
            Ok(opened) => Ok(Some(opened)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(errno).step(format_args!("open {} in the sandbox", path.display())),
        }
    }

    /// Opens the directory `path`, making it and those above it where they are missing.
    pub(crate) fn directory(&self, path: &Path) -> Result<OwnedFd, Failure> {
        if let Some(directory) = self.open(path)? {
            return Ok(directory);
        }
        let (parent, name) = split(path)?;
        let parent = self.directory(parent)?;
        rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755))
            .step(format_args!("make directory {} in the sandbox", path.display()))?;
        self.open(path)?.ok_or_else(|| Failure::refused(format_args!("{} leads nowhere", path.display())))
    }

    /// Makes a file with `contents`, replacing none.
    pub(crate) fn file(&self, path: &Path, contents: &[u8]) -> Result<(), Failure> {
        let (parent, name) = split(path)?;
        let parent = self.directory(parent)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let step = format_args!("write {} in the sandbox", path.display());
        let file = rustix::fs::openat(&parent, name, flags, Mode::from_raw_mode(0o644)).step(step)?;
        File::from(file).write_all(contents).step(step)
    }

    /// Makes a symbolic link that says `to`.
    pub(crate) fn link(&self, path: &Path, to: &Path) -> Result<(), Failure> {
        let (parent, name) = split(path)?;
        let parent = self.directory(parent)?;
        rustix::fs::symlinkat(to, &parent, name).step(format_args!("link {} in the sandbox", path.display()))
    }

    /// Attaches a detached mount of a directory at `path`, which is made if it is missing.
    pub(crate) fn mount_directory(&self, mount: BorrowedFd<'_>, path: &Path) -> Result<(), Failure> {
        let target = self.directory(path)?;
        filesystem::attach(mount, target.as_fd(), &path.to_string_lossy())
    }

    /// Attaches a detached mount of a file at `path`, which is made if it is missing.
    pub(crate) fn mount_file(&self, mount: BorrowedFd<'_>, path: &Path) -> Result<(), Failure> {
        let target = match self.open(path)? {
            Some(target) => target,
            None => {
                self.file(path, b"")?;
                self.open(path)?.ok_or_else(|| Failure::refused(format_args!("{} leads nowhere", path.display())))?
            }
        };
        filesystem::attach(mount, target.as_fd(), &path.to_string_lossy())
    }
}

/// The directory and the name of `path`, which must name something by a plain name.
fn split(path: &Path) -> Result<(&Path, &OsStr), Failure> {
    match (path.parent(), path.components().next_back()) {
        (Some(parent), Some(Component::Normal(name))) => Ok((parent, name)),
        _ => Err(Failure::refused(format_args!("{} is no place in a sandbox", path.display()))),
    }
}
