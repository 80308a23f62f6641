//! Copying a file or a tree, piece by piece, to a name that nothing has.
//!
//! Both trees are walked side by side by what is open in them, and no link is followed: links are copied as links.
//! Permissions and times of change are kept, identities are not: two names of one file become two files. Holes
//! stay holes where the file system tells of them.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use codebeaker_agent::wire::{Copied, End, FileKind};

use super::path::Place;
use super::tree::{Walk, identity};
use super::{NOT_A_FILE, describe, must_be_file};
use crate::agent::sys::{self, Errno, files};

/// How many bytes go at a time.
const PIECE_BYTES: usize = 128 * 1024;

/// Below this depth directories are read in small pieces, so that a chain of any depth takes little memory.
const DEEP: usize = 64;

const DIRECTORY: libc::c_int = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_NONBLOCK;

/// What went wrong, and at which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) errno: Errno,
    pub(super) end: End,
}

pub(super) fn of_source(errno: Errno) -> Fault {
    Fault { errno, end: End::Source }
}

pub(super) fn of_target(errno: Errno) -> Fault {
    Fault { errno, end: End::Target }
}

/// A copy that is being made.
pub(super) struct Copying {
    work: Work,
    buffer: Vec<u8>,
    copied: Copied,
    /// A pipe, socket or device is a fault, and not left out.
    whole: bool,
}

enum Work {
    /// A link, which is copied already.
    Done,
    File(FileCopy),
    Tree(Box<Tree>),
}

impl Copying {
    /// Begins to copy what is at `from` to the free name `to`. With `whole`, nothing may be left out.
    pub(super) fn begin(from: &Place, to: &Place, whole: bool) -> Result<Self, Fault> {
        let stat = from.stat().map_err(of_source)?;
        let (source, target) = (from.dir.as_fd(), to.dir.as_fd());
        let mut copied = Copied { entries: 1, ..Copied::default() };
        let work = match describe(&stat).kind {
            FileKind::File => Work::File(FileCopy::begin((source, &from.name), (target, &to.name))?),
            FileKind::Directory => Work::Tree(Box::new(Tree::begin((source, &from.name), (target, &to.name))?)),
            FileKind::Symlink => {
                copy_link((source, &from.name), (target, &to.name), &stat)?;
                Work::Done
            }
            FileKind::Other => return Err(of_source(NOT_A_FILE)),
        };
        if let Work::File(_) = &work {
            copied.entries = 0;
        }
        Ok(Copying { work, buffer: vec![0; PIECE_BYTES], copied, whole })
    }

    /// Does a little. `Some` is what was copied, all in all.
    pub(super) fn step(&mut self) -> Result<Option<Copied>, Fault> {
        let more = match &mut self.work {
            Work::Done => false,
            Work::File(file) => file.step(&mut self.buffer, &mut self.copied)?,
            Work::Tree(tree) => tree.step(&mut self.buffer, &mut self.copied, self.whole)?,
        };
        Ok((!more).then_some(self.copied))
    }

    /// Where it is, from what is copied; empty for that itself.
    pub(super) fn path(&self) -> &[u8] {
        match &self.work {
            Work::Tree(tree) => &tree.path,
            Work::Done | Work::File(_) => b"",
        }
    }
}

/// One file.
struct FileCopy {
    source: OwnedFd,
    target: OwnedFd,
    offset: i64,
    /// As it was at the beginning: who writes on meanwhile doesn't keep us for ever.
    size: i64,
    mode: u32,
    modified_nanos: i64,
}

impl FileCopy {
    fn begin(from: files::Named<'_>, to: files::Named<'_>) -> Result<Self, Fault> {
        // Whatever has taken the file's place by now, opening it neither blocks nor follows.
        let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
        let source = files::openat(from.0, from.1, flags, 0).map_err(of_source)?;
        let stat = files::fstat(source.as_fd()).map_err(of_source)?;
        must_be_file(&stat).map_err(of_source)?;
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
        let target = files::openat(to.0, to.1, flags, 0o600).map_err(of_target)?;
        let (mode, modified_nanos) = kept(&stat);
        Ok(FileCopy { source, target, offset: 0, size: stat.st_size, mode, modified_nanos })
    }

    /// Copies a piece; false when that was all.
    fn step(&mut self, buffer: &mut [u8], copied: &mut Copied) -> Result<bool, Fault> {
        let Some((start, end)) = self.next_data() else {
            let target = self.target.as_fd();
            files::truncate(target, self.size).map_err(of_target)?;
            files::chmod(target, self.mode).map_err(of_target)?;
            files::set_modified_of(target, self.modified_nanos).map_err(of_target)?;
            copied.entries += 1;
            copied.bytes += self.size.unsigned_abs();
            return Ok(false);
        };
        let length = buffer.len().min(usize::try_from(end - start).unwrap_or(usize::MAX));
        let length = files::pread(self.source.as_fd(), &mut buffer[..length], start).map_err(of_source)?;
        let mut written = 0;
        while written < length {
            let at = start + written as i64;
            written += match files::pwrite(self.target.as_fd(), &buffer[written..length], at).map_err(of_target)? {
                0 => return Err(of_target(Errno(libc::EIO))),
                more => more,
            };
        }
        self.offset = start + length as i64;
        if length == 0 {
            // Cut off meanwhile.
            self.size = start;
        }
        Ok(true)
    }

    /// The next run of data.
    fn next_data(&self) -> Option<(i64, i64)> {
        let find = |offset, what| files::find_next(self.source.as_fd(), offset, what);
        let start = match find(self.offset, libc::SEEK_DATA) {
            Ok(start) => start,
            Err(Errno(libc::ENXIO)) => return None,
            // Not every file system can say.
            Err(_) => self.offset,
        };
        let end = find(start, libc::SEEK_HOLE).unwrap_or(self.size).min(self.size);
        (start < end).then_some((start, end))
    }
}

/// A directory, and what is in it.
struct Tree {
    source: Walk<Level>,
    target: Walk<()>,
    /// The top of the copy, which must not be copied into itself.
    made: (u64, u64),
    file: Option<FileCopy>,
    /// What is looked at, from the top.
    path: Vec<u8>,
}

/// How far a directory is copied.
struct Level {
    names: VecDeque<Vec<u8>>,
    /// Where reading goes on.
    position: i64,
    mode: u32,
    modified_nanos: i64,
    /// The length of its own path.
    path_bytes: usize,
}

impl Level {
    fn of(stat: &libc::stat, path_bytes: usize) -> Self {
        let (mode, modified_nanos) = kept(stat);
        Level { names: VecDeque::new(), position: 0, mode, modified_nanos, path_bytes }
    }
}

impl Tree {
    fn begin(from: files::Named<'_>, to: files::Named<'_>) -> Result<Self, Fault> {
        let source = files::openat(from.0, from.1, DIRECTORY, 0).map_err(of_source)?;
        let level = Level::of(&files::fstat(source.as_fd()).map_err(of_source)?, 0);
        let source = Walk::new(source, level).map_err(of_source)?;
        files::mkdir(to.0, to.1, 0o700).map_err(of_target)?;
        let target = files::openat(to.0, to.1, DIRECTORY, 0).map_err(of_target)?;
        let made = identity(target.as_fd()).map_err(of_target)?;
        let target = Walk::new(target, ()).map_err(of_target)?;
        Ok(Tree { source, target, made, file: None, path: Vec::new() })
    }

    /// Copies a little; false when that was all.
    fn step(&mut self, buffer: &mut [u8], copied: &mut Copied, whole: bool) -> Result<bool, Fault> {
        if let Some(file) = &mut self.file {
            if !file.step(buffer, copied)? {
                self.file = None;
            }
            return Ok(true);
        }
        let deep = self.source.depth() > DEEP;
        let (dir, level) = self.source.here().map_err(of_source)?;
        self.path.truncate(level.path_bytes);
        if let Some(name) = level.names.pop_front() {
            if !self.path.is_empty() {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(&name);
            match self.entry(name, copied, whole) {
                // A program renames things about while they are read, so that one comes up twice or not at all.
                Ok(()) | Err(Fault { errno: Errno(libc::EEXIST), end: End::Target }) => {}
                Err(Fault { errno: Errno(libc::ENOENT), end: End::Source }) => {}
                Err(fault) => return Err(fault),
            }
            return Ok(true);
        }
        let mut records = [0; 8 * 1024];
        let room = if deep { 512 } else { records.len() };
        let length = files::read_directory(dir, &mut records[..room]).map_err(of_source)?;
        for name in files::names(&records[..length]) {
            level.position = name.next;
            level.names.push_back(name.bytes.to_vec());
        }
        if length > 0 { Ok(true) } else { self.leave() }
    }

    /// Copies an entry of the current directory, or begins to.
    fn entry(&mut self, name: Vec<u8>, copied: &mut Copied, whole: bool) -> Result<(), Fault> {
        let (source, _) = self.source.here().map_err(of_source)?;
        let (target, ()) = self.target.here().map_err(of_target)?;
        let stat = files::lstat(source, &name).map_err(of_source)?;
        match describe(&stat).kind {
            FileKind::File => self.file = Some(FileCopy::begin((source, &name), (target, &name))?),
            FileKind::Symlink => {
                copy_link((source, &name), (target, &name), &stat)?;
                copied.entries += 1;
            }
            FileKind::Directory => {
                if (stat.st_dev, stat.st_ino) == self.made {
                    return Err(of_source(Errno(libc::EINVAL)));
                }
                files::mkdir(target, &name, 0o700).map_err(of_target)?;
                self.source.enter(name.clone(), Level::of(&stat, self.path.len())).map_err(of_source)?;
                self.target.enter(name, ()).map_err(of_target)?;
                copied.entries += 1;
            }
            FileKind::Other if whole => return Err(of_source(NOT_A_FILE)),
            FileKind::Other => copied.skipped += 1,
        }
        Ok(())
    }

    /// Goes back up; false at the top.
    fn leave(&mut self) -> Result<bool, Fault> {
        let (_, level) = self.source.here().map_err(of_source)?;
        let (dir, ()) = self.target.here().map_err(of_target)?;
        files::chmod(dir, level.mode).map_err(of_target)?;
        files::set_modified_of(dir, level.modified_nanos).map_err(of_target)?;
        let Some(left) = self.source.leave().map_err(of_source)? else { return Ok(false) };
        if left.reopened {
            let (dir, level) = self.source.here().map_err(of_source)?;
            files::seek(dir, level.position).map_err(of_source)?;
        }
        self.target.leave().map_err(of_target)?;
        Ok(true)
    }
}

/// What a copy keeps: permissions and the time of the last change.
fn kept(stat: &libc::stat) -> (u32, i64) {
    (stat.st_mode & 0o777, describe(stat).tag.modified_nanos)
}

fn copy_link(from: files::Named<'_>, to: files::Named<'_>, stat: &libc::stat) -> Result<(), Fault> {
    let target = files::readlink(from.0, from.1).map_err(of_source)?;
    files::symlink(&target, to.0, to.1).map_err(of_target)?;
    files::set_modified(to.0, to.1, kept(stat).1).map_err(of_target)
}

/// Whether a directory is the one of this identity, or somewhere in it.
pub(super) fn is_within(dir: BorrowedFd<'_>, top: (u64, u64)) -> sys::Result<bool> {
    /// Deeper is not looked: this is one step of the loop.
    const MOST_LEVELS: usize = 4096;
    const UP: libc::c_int = libc::O_PATH | libc::O_DIRECTORY;
    let mut here = files::openat(dir, b".", UP, 0)?;
    for _ in 0..MOST_LEVELS {
        let reached = identity(here.as_fd())?;
        if reached == top {
            return Ok(true);
        }
        // What is closed to us is no directory that we could copy.
        let Ok(above) = files::openat(here.as_fd(), b"..", UP, 0) else { return Ok(false) };
        if identity(above.as_fd())? == reached {
            return Ok(false);
        }
        here = above;
    }
    Err(Errno(libc::ENAMETOOLONG))
}
