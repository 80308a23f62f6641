//! Reads a directory of this host, piece by piece, and follows no link out of it.

use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use tokio::sync::mpsc;

use super::copy_in::CopyError;
use crate::agent::plan;
use crate::agent::wire::FILE_CHUNK_BYTES;

/// How deep directories may be nested: each level holds a descriptor.
const DEEPEST: usize = 128;

/// Opening neither blocks nor takes a terminal, whatever it is that is opened.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// A piece of the tree. Paths are relative to its top; a directory comes before what is in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    Directory {
        path: Vec<u8>,
        mode: u32,
    },
    Link {
        path: Vec<u8>,
        target: Vec<u8>,
    },
    /// A file and its first bytes.
    File {
        path: Vec<u8>,
        mode: u32,
        modified_nanos: i64,
        data: Vec<u8>,
        last: bool,
    },
    /// More bytes of the file that came last.
    More {
        data: Vec<u8>,
        last: bool,
    },
}

/// A directory to be read, or a file.
pub(super) struct Tree {
    top: PathBuf,
    exclude: Vec<String>,
    is_file: bool,
}

impl Tree {
    pub(super) fn new(top: PathBuf, exclude: Vec<String>) -> Self {
        Tree { top, exclude, is_file: false }
    }

    /// What is read.
    pub(super) fn top(&self) -> &Path {
        &self.top
    }

    /// One file alone, whose path is empty.
    pub(super) fn of_file(path: PathBuf) -> Self {
        Tree { top: path, exclude: Vec::new(), is_file: true }
    }

    /// Reads all of it. Ends early, without an error, when nobody takes the items any more.
    pub(super) fn read(&self, items: &mpsc::Sender<Item>) -> Result<(), CopyError> {
        if self.is_file {
            // The one that was named may be a link; those in a directory are not followed.
            let file = rustix::fs::open(&self.top, FILE, Mode::empty()).map_err(|errno| self.failed(b"", errno))?;
            return match self.contents(file, Vec::new(), items)? {
                None => Err(CopyError::NotAFile { path: self.top.clone() }),
                Some(_) => Ok(()),
            };
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = rustix::fs::open(&self.top, flags, Mode::empty()).map_err(|errno| self.failed(b"", errno))?;
        let mut levels = vec![self.level(top, Vec::new())?];
        while let Some(level) = levels.last_mut() {
            let Some(name) = level.names.pop() else {
                levels.pop();
                continue;
            };
            let path = [&level.path, &b"/"[usize::from(level.path.is_empty())..], name.to_bytes()].concat();
            let at = |errno| self.failed(&path, errno);
            let stat = match rustix::fs::statat(&level.dir, &name, AtFlags::SYMLINK_NOFOLLOW) {
                // Removed since it was listed.
                Err(Errno::NOENT) => continue,
                stat => stat.map_err(at)?,
            };
            let sent = match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => {
                    let dir = rustix::fs::openat(&level.dir, &name, flags | OFlags::NOFOLLOW, Mode::empty());
                    let inside = self.level(dir.map_err(at)?, path.clone())?;
                    if levels.len() == DEEPEST {
                        return Err(CopyError::TooDeep { path: self.shown(&path) });
                    }
                    levels.push(inside);
                    items.blocking_send(Item::Directory { path, mode: permissions(&stat) })
                }
                FileType::Symlink => {
                    let target = rustix::fs::readlinkat(&level.dir, &name, Vec::new()).map_err(at)?;
                    items.blocking_send(Item::Link { path, target: target.into_bytes() })
                }
                FileType::RegularFile => self.file(level.dir.as_fd(), &name, path, items)?,
                _ => Ok(()),
            };
            if sent.is_err() {
                break;
            }
        }
        Ok(())
    }

    fn level(&self, dir: OwnedFd, path: Vec<u8>) -> Result<Level, CopyError> {
        let at = |errno| self.failed(&path, errno);
        let mut names = Vec::new();
        for entry in Dir::read_from(&dir).map_err(at)? {
            let entry = entry.map_err(at)?;
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") && !plan::is_excluded(&self.exclude, name.to_bytes()) {
                names.push(name.to_owned());
            }
        }
        Ok(Level { dir, path, names })
    }

    fn file(
        &self,
        dir: BorrowedFd<'_>,
        name: &CStr,
        path: Vec<u8>,
        items: &mpsc::Sender<Item>,
    ) -> Result<Sent, CopyError> {
        // Whatever takes the file's place meanwhile is not followed.
        let file = rustix::fs::openat(dir, name, FILE | OFlags::NOFOLLOW, Mode::empty());
        let file = file.map_err(|errno| self.failed(&path, errno))?;
        Ok(self.contents(file, path, items)?.unwrap_or(Ok(())))
    }

    /// Sends a regular file; `None` of anything else.
    fn contents(&self, file: OwnedFd, path: Vec<u8>, items: &mpsc::Sender<Item>) -> Result<Option<Sent>, CopyError> {
        let stat = rustix::fs::fstat(&file).map_err(|errno| self.failed(&path, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(None);
        }
        let shown = self.shown(&path);
        let modified_nanos = stat.st_mtime.saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec as i64);
        let mut file = File::from(file);
        let mut read = || chunk(&mut file).map_err(|source| CopyError::Source { path: shown.clone(), source });
        let (data, mut last) = read()?;
        let mode = permissions(&stat);
        let mut sent = items.blocking_send(Item::File { path, mode, modified_nanos, data, last });
        while !last && sent.is_ok() {
            let (data, end) = read()?;
            last = end;
            sent = items.blocking_send(Item::More { data, last });
        }
        Ok(Some(sent))
    }

    fn failed(&self, path: &[u8], errno: Errno) -> CopyError {
        CopyError::Source { path: self.shown(path), source: errno.into() }
    }

    fn shown(&self, path: &[u8]) -> PathBuf {
        if path.is_empty() { self.top.clone() } else { self.top.join(OsStr::from_bytes(path)) }
    }
}

/// Whether somebody takes it.
type Sent = Result<(), mpsc::error::SendError<Item>>;

struct Level {
    dir: OwnedFd,
    path: Vec<u8>,
    /// Those that are still to be looked at.
    names: Vec<CString>,
}

/// The next bytes, and whether they are the last.
fn chunk(file: &mut File) -> io::Result<(Vec<u8>, bool)> {
    let mut data = Vec::new();
    let length = file.by_ref().take(FILE_CHUNK_BYTES as u64).read_to_end(&mut data)?;
    Ok((data, length < FILE_CHUNK_BYTES))
}

fn permissions(stat: &Stat) -> u32 {
    stat.st_mode & 0o777
}
