//! Walking a directory tree of any depth with few descriptors and without recursion.
//!
//! Directories are entered by name from the one above, never through a link. Those far above the current
//! one are closed, and opened again on the way back: by `..`, which a hostile program can make lead
//! elsewhere, so what comes out is compared with what was entered, and never used when it differs.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::agent::sys::{Errno, Result, files};

/// How many directories above the current one stay open, besides the top.
const OPEN_LEVELS: usize = 24;

const DIRECTORY: libc::c_int = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_NONBLOCK;

/// A walk, each level of which carries a `T`.
pub(super) struct Walk<T> {
    top: Level<T>,
    below: Vec<Level<T>>,
}

struct Level<T> {
    dir: Option<OwnedFd>,
    identity: (u64, u64),
    name: Vec<u8>,
    data: T,
}

/// A level that was left.
pub(super) struct Left<T> {
    /// What it is called in the directory that is now the current one.
    pub(super) name: Vec<u8>,
    pub(super) data: T,
    /// The directory that is now the current one was opened anew, and is read from its beginning.
    pub(super) reopened: bool,
}

impl<T> Walk<T> {
    /// Begins in a directory that is open for reading.
    pub(super) fn new(top: OwnedFd, data: T) -> Result<Self> {
        let identity = identity(top.as_fd())?;
        Ok(Walk { top: Level { dir: Some(top), identity, name: Vec::new(), data }, below: Vec::new() })
    }

    /// How many levels the current directory is below the top.
    pub(super) fn depth(&self) -> usize {
        self.below.len()
    }

    /// The current directory, and what its level carries. `ESTALE` can't come up: it is always open.
    pub(super) fn here(&mut self) -> Result<(BorrowedFd<'_>, &mut T)> {
        let level = self.below.last_mut().unwrap_or(&mut self.top);
        let dir = level.dir.as_ref().ok_or(Errno(libc::ESTALE))?;
        Ok((dir.as_fd(), &mut level.data))
    }

    /// Enters a directory of the current one.
    pub(super) fn enter(&mut self, name: Vec<u8>, data: T) -> Result<()> {
        let dir = files::openat(self.here()?.0, &name, DIRECTORY, 0)?;
        let identity = identity(dir.as_fd())?;
        self.below.push(Level { dir: Some(dir), identity, name, data });
        if let Some(far) = self.below.len().checked_sub(OPEN_LEVELS + 1) {
            self.below[far].dir = None;
        }
        Ok(())
    }

    /// Goes back up; `None` at the top. `ESTALE` when the way back is gone.
    pub(super) fn leave(&mut self) -> Result<Option<Left<T>>> {
        let Some(Level { dir, name, data, .. }) = self.below.pop() else { return Ok(None) };
        let current = self.below.last().unwrap_or(&self.top);
        let reopened = current.dir.is_none();
        if reopened {
            let again = self.again(dir.as_ref())?;
            if let Some(current) = self.below.last_mut() {
                current.dir = Some(again);
            }
        }
        Ok(Some(Left { name, data, reopened }))
    }

    /// Opens the current directory again: from the one just left, or else from the top.
    fn again(&self, left: Option<&OwnedFd>) -> Result<OwnedFd> {
        let wanted = self.below.last().map(|level| level.identity);
        if let Some(dir) = left.and_then(|left| files::openat(left.as_fd(), b"..", DIRECTORY, 0).ok())
            && Some(identity(dir.as_fd())?) == wanted
        {
            return Ok(dir);
        }
        let mut dir: Option<OwnedFd> = None;
        for level in &self.below {
            let above = dir.as_ref().or(self.top.dir.as_ref()).ok_or(Errno(libc::ESTALE))?;
            dir = Some(files::openat(above.as_fd(), &level.name, DIRECTORY, 0).map_err(|_| Errno(libc::ESTALE))?);
        }
        let dir = dir.ok_or(Errno(libc::ESTALE))?;
        if Some(identity(dir.as_fd())?) == wanted { Ok(dir) } else { Err(Errno(libc::ESTALE)) }
    }
}

/// Device and inode: what makes a directory this one.
pub(super) fn identity(dir: BorrowedFd<'_>) -> Result<(u64, u64)> {
    let stat = files::fstat(dir)?;
    Ok((stat.st_dev, stat.st_ino))
}
