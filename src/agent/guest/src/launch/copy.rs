//! Copies a host directory into the sandbox's memory, before any program can run.
//!
//! Files, directories and links are copied; sockets, pipes and devices are left out. No link is ever
//! followed, and no path leaves the directory. Bits that give a program another identity are dropped.
//! A file that can't be read fails the copy: a workspace with a hole in it would mislead.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use codebeaker_agent::plan;
use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use crate::failure::{Failure, Step};

/// Copies what is in `source` into the directory `target`, except entries whose names match one of
/// `exclude`. What is made belongs to `owner`, or to the maker.
pub(crate) fn tree(
    source: &Path,
    target: BorrowedFd<'_>,
    exclude: &[String],
    owner: Option<u32>,
) -> Result<(), Failure> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(source, flags, Mode::empty())
        .step(format_args!("copy workspace: open {}", source.display()))?;
    let copy = Copy { source: root.as_fd(), target, exclude, owner };
    let mut directories = vec![PathBuf::from(".")];
    while let Some(directory) = directories.pop() {
        copy.directory(&directory, &mut directories)?;
    }
    Ok(())
}

struct Copy<'a> {
    source: BorrowedFd<'a>,
    target: BorrowedFd<'a>,
    exclude: &'a [String],
    owner: Option<u32>,
}

impl Copy<'_> {
    /// Copies one level, and notes the directories of the next.
    fn directory(&self, path: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
        let from = open_directory(self.source, path)?;
        let to = open_directory(self.target, path)?;
        let entries = Dir::read_from(&from).step(At(path))?;
        for entry in entries {
            let entry = entry.step(At(path))?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") || self.excludes(name) {
                continue;
            }
            let below = path.join(OsStr::from_bytes(name.to_bytes()));
            let stat = match rustix::fs::statat(&from, name, AtFlags::SYMLINK_NOFOLLOW) {
                // Removed since it was listed.
                Err(Errno::NOENT) => continue,
                stat => stat.step(At(&below))?,
            };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => {
                    rustix::fs::mkdirat(&to, name, permissions(&stat)).step(At(&below))?;
                    self.own(&to, name).step(At(&below))?;
                    found.push(below);
                }
                FileType::RegularFile => self.file(&from, &to, name, &below)?,
                FileType::Symlink => {
                    let link = rustix::fs::readlinkat(&from, name, Vec::new()).step(At(&below))?;
                    rustix::fs::symlinkat(&link, &to, name).step(At(&below))?;
                    self.own(&to, name).step(At(&below))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn file(&self, from: &OwnedFd, to: &OwnedFd, name: &CStr, path: &Path) -> Result<(), Failure> {
        // Whatever takes the file's place meanwhile, opening it neither blocks nor follows.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let from = rustix::fs::openat(from, name, flags, Mode::empty()).step(At(path))?;
        let stat = rustix::fs::fstat(&from).step(At(path))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(());
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let made = rustix::fs::openat(to, name, flags, Mode::from_raw_mode(0o600)).step(At(path))?;
        let mut made = File::from(made);
        io::copy(&mut File::from(from), &mut made).step(At(path))?;
        rustix::fs::fchmod(&made, permissions(&stat)).step(At(path))?;
        self.own(to, name).step(At(path))?;
        // Build tools compare times.
        let modified = Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as _ };
        rustix::fs::futimens(&made, &Timestamps { last_access: modified, last_modification: modified }).step(At(path))
    }

    fn own(&self, directory: &OwnedFd, name: &CStr) -> rustix::io::Result<()> {
        let Some(owner) = self.owner else {
            return Ok(());
        };
        let (uid, gid) = (Uid::from_raw(owner), Gid::from_raw(owner));
        rustix::fs::chownat(directory, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
    }

    fn excludes(&self, name: &CStr) -> bool {
        plan::is_excluded(self.exclude, name.to_bytes())
    }
}

/// Names the place in a failure's step.
struct At<'a>(&'a Path);

impl std::fmt::Display for At<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "copy workspace: {}", self.0.strip_prefix(".").unwrap_or(self.0).display())
    }
}

fn open_directory(root: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Failure> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    rustix::fs::openat2(root, path, flags, Mode::empty(), resolve).step(At(path))
}

fn permissions(stat: &Stat) -> Mode {
    Mode::from_raw_mode(stat.st_mode & 0o777)
}
