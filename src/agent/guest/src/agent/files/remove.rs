//! Removing files and whole trees.
//!
//! Names are removed from directories that were entered beneath the root, so a removal stays where it
//! began, whatever is moved about meanwhile. What can't be removed is left, the rest goes on; the first
//! fault is the answer.

use std::collections::VecDeque;
use std::os::fd::AsFd;

use codebeaker_agent::wire::{FileReply, FileTag};

use super::path::{Place, Root};
use super::tree::Walk;
use super::{Slice, must_be_file, tag};
use crate::agent::sys::{Errno, Result, files};

/// How often a directory is read again because it was not empty after all.
const MOST_PASSES: u32 = 64;

/// Below this depth directories are read in small pieces, so that a chain of any depth takes little
/// memory.
const DEEP: usize = 64;

const DIRECTORY: libc::c_int = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_NONBLOCK;

/// Removes a file that is in this state.
pub(super) fn file(root: &Root, path: &[u8], if_match: FileTag) -> Result<FileReply> {
    let place = root.place(path, false)?;
    let found = files::lstat(place.dir.as_fd(), &place.name)?;
    must_be_file(&found)?;
    if tag(&found) != if_match {
        return Err(Errno(libc::ESTALE));
    }
    files::unlink(place.dir.as_fd(), &place.name, 0)?;
    Ok(FileReply::Removed { count: 1 })
}

/// A removal that is being made.
pub(super) struct Removal {
    place: Place,
    /// `None` when it is done but for the answer.
    walk: Option<Walk<Level>>,
    count: u64,
    fault: Option<Errno>,
    /// Directories that are closed to us are opened first.
    force: bool,
}

/// How far a directory is emptied.
#[derive(Default)]
struct Level {
    /// Where reading goes on.
    position: i64,
    subdirectories: VecDeque<Vec<u8>>,
    /// Something in it can't be removed.
    stuck: bool,
    passes: u32,
}

impl Removal {
    /// Removes a file, link or empty directory, or begins to empty a directory.
    pub(super) fn start(root: &Root, path: &[u8], recursive: bool) -> Result<Self> {
        Self::begin(root.place(path, false)?, recursive, false)
    }

    /// As [`Removal::start`], of all that is there.
    pub(super) fn of_tree(place: Place) -> Result<Self> {
        Self::begin(place, true, false)
    }

    /// As [`Removal::of_tree`], whatever the permissions of its directories.
    pub(super) fn of_all(place: Place) -> Result<Self> {
        Self::begin(place, true, true)
    }

    fn begin(place: Place, recursive: bool, force: bool) -> Result<Self> {
        let is_directory = place.stat()?.st_mode & libc::S_IFMT == libc::S_IFDIR;
        let flags = if is_directory { libc::AT_REMOVEDIR } else { 0 };
        match files::unlink(place.dir.as_fd(), &place.name, flags) {
            Ok(()) => Ok(Removal { place, walk: None, count: 1, fault: None, force }),
            Err(Errno(libc::ENOTEMPTY | libc::EEXIST)) if is_directory && recursive => {
                let top = files::openat(place.dir.as_fd(), &place.name, DIRECTORY, 0)?;
                let mut walk = Walk::new(top, Level::default())?;
                open_up(&mut walk, force);
                Ok(Removal { place, walk: Some(walk), count: 0, fault: None, force })
            }
            Err(errno) => Err(errno),
        }
    }

    /// Goes on for a slice. `Some` is the answer.
    pub(super) fn go_on(&mut self, slice: &Slice) -> Option<Result<FileReply>> {
        while let Some(walk) = &mut self.walk {
            if slice.is_over() {
                return None;
            }
            match step(walk, &mut self.count, &mut self.fault, self.force) {
                Ok(true) => {}
                Ok(false) => {
                    if self.remove_top() {
                        self.walk = None;
                    }
                }
                // The way back is gone: what is left of the tree is no longer the one to be removed.
                Err(errno) => {
                    self.fault = self.fault.or(Some(errno));
                    self.walk = None;
                }
            }
        }
        Some(match self.fault {
            None => Ok(FileReply::Removed { count: self.count }),
            Some(errno) => Err(errno),
        })
    }

    /// Removes the directory at which it all began, now that it should be empty. False when it has to be
    /// read once more.
    fn remove_top(&mut self) -> bool {
        let Some(Ok((dir, level))) = self.walk.as_mut().map(Walk::here) else { return true };
        if level.stuck {
            return true;
        }
        match files::unlink(self.place.dir.as_fd(), &self.place.name, libc::AT_REMOVEDIR) {
            Ok(()) => self.count += 1,
            Err(Errno(libc::ENOENT)) => {}
            Err(Errno(libc::ENOTEMPTY | libc::EEXIST)) if level.passes < MOST_PASSES => {
                level.passes += 1;
                return files::seek(dir, 0).is_err();
            }
            Err(errno) => self.fault = self.fault.or(Some(errno)),
        }
        true
    }
}

/// Does a little; false when the top is read to its end.
fn step(walk: &mut Walk<Level>, count: &mut u64, fault: &mut Option<Errno>, force: bool) -> Result<bool> {
    let deep = walk.depth() > DEEP;
    let (dir, level) = walk.here()?;
    if let Some(name) = level.subdirectories.pop_front() {
        let entered = match files::unlink(dir, &name, libc::AT_REMOVEDIR) {
            Ok(()) => {
                *count += 1;
                Ok(())
            }
            Err(Errno(libc::ENOTEMPTY | libc::EEXIST)) => {
                walk.enter(name, Level::default()).map(|()| open_up(walk, force))
            }
            Err(errno) => Err(errno),
        };
        note(walk, entered, fault)?;
        return Ok(true);
    }
    let mut records = [0; 8 * 1024];
    let room = if deep { 512 } else { records.len() };
    let length = match files::read_directory(dir, &mut records[..room]) {
        Ok(length) => length,
        Err(errno) => {
            note(walk, Err(errno), fault)?;
            0
        }
    };
    for name in files::names(&records[..length]) {
        let (dir, level) = walk.here()?;
        level.position = name.next;
        let removed = match files::unlink(dir, name.bytes, 0) {
            Ok(()) => {
                *count += 1;
                Ok(())
            }
            Err(Errno(libc::EISDIR)) => {
                level.subdirectories.push_back(name.bytes.to_vec());
                Ok(())
            }
            Err(errno) => Err(errno),
        };
        note(walk, removed, fault)?;
    }
    if length > 0 {
        return Ok(true);
    }
    let Some(left) = walk.leave()? else { return Ok(false) };
    let (dir, level) = walk.here()?;
    if left.reopened {
        files::seek(dir, level.position)?;
    }
    let removed = match files::unlink(dir, &left.name, libc::AT_REMOVEDIR) {
        Ok(()) => {
            *count += 1;
            Ok(())
        }
        // What is stuck in it was noted there.
        Err(_) if left.data.stuck => {
            level.stuck = true;
            Ok(())
        }
        Err(Errno(libc::ENOTEMPTY | libc::EEXIST)) if left.data.passes < MOST_PASSES => {
            walk.enter(left.name, Level { passes: left.data.passes + 1, ..Level::default() })
        }
        Err(errno) => Err(errno),
    };
    note(walk, removed, fault)?;
    Ok(true)
}

/// Lets us into the current directory. Where that fails, what follows does too, and says so.
fn open_up(walk: &mut Walk<Level>, force: bool) {
    if force && let Ok((dir, _)) = walk.here() {
        let _ = files::chmod(dir, 0o700);
    }
}

/// Remembers that something in the current directory can't be removed. What is gone already is none.
fn note(walk: &mut Walk<Level>, result: Result<()>, fault: &mut Option<Errno>) -> Result<()> {
    match result {
        Ok(()) | Err(Errno(libc::ENOENT)) => Ok(()),
        Err(errno) => {
            fault.get_or_insert(errno);
            walk.here()?.1.stuck = true;
            Ok(())
        }
    }
}
