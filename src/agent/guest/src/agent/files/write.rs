//! Writing files, in one message or many.
//!
//! A write that replaces a file goes to a new one beside it, under a name nobody can guess, which then
//! takes its place at one stroke. A link at the end of a path is followed, but no further than the root.
//! The first fault of a write is its answer, whatever comes after it.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use codebeaker_agent::wire::{Existing, FileReply, FileTag, WriteTarget};

use super::path::{Place, Root, through_link, unguessable_name};
use super::{describe, must_be_file, rename, tag};
use crate::agent::sys::{self, Errno, Result, files};

/// How many writes may be under way; each holds two descriptors.
const MOST_WRITES: usize = 64;

/// How many failed ones are remembered until their last message.
const MOST_FAILURES: usize = 1024;

/// A write that nobody went on with for this long is given up.
const ABANDONED: Duration = Duration::from_secs(60);

/// As many links are followed as the kernel would.
const MOST_LINKS: u32 = 40;

/// The writes that are under way, by the handles that the daemon chose.
#[derive(Default)]
pub(super) struct Writes {
    all: BTreeMap<u32, Begun>,
}

struct Begun {
    write: Result<Write>,
    touched: Instant,
}

impl Writes {
    /// Begins a write. `Some` is the answer to the whole of it.
    pub(super) fn create(
        &mut self,
        root: &Root,
        handle: u32,
        target: &WriteTarget,
        data: &[u8],
        last: bool,
    ) -> Option<Result<FileReply>> {
        // A handle that is used again was abandoned.
        self.all.remove(&handle);
        let open = self.all.values().filter(|begun| begun.write.is_ok()).count();
        let write = if open < MOST_WRITES { Write::begin(root, target) } else { Err(Errno(libc::EMFILE)) };
        self.advance(handle, write, data, last)
    }

    /// Goes on with a write. `Some` is the answer to the whole of it.
    pub(super) fn go_on(&mut self, handle: u32, data: &[u8], last: bool) -> Option<Result<FileReply>> {
        let write = self.all.remove(&handle).map_or(Err(Errno(libc::EBADF)), |begun| begun.write);
        self.advance(handle, write, data, last)
    }

    fn advance(&mut self, handle: u32, write: Result<Write>, data: &[u8], last: bool) -> Option<Result<FileReply>> {
        let write = write.and_then(|mut write| write.append(data).map(|()| write));
        if last {
            return Some(write.and_then(Write::finish));
        }
        if write.is_ok() || self.all.len() < MOST_FAILURES {
            self.all.insert(handle, Begun { write, touched: Instant::now() });
        }
        None
    }

    /// Gives up what nobody went on with.
    pub(super) fn forget_abandoned(&mut self) {
        if !self.all.is_empty() {
            self.all.retain(|_, begun| begun.touched.elapsed() < ABANDONED);
        }
    }

    /// When [`Writes::forget_abandoned`] may have something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.all.values().map(|begun| begun.touched + ABANDONED).min()
    }
}

/// One file that is being written.
struct Write {
    file: OwnedFd,
    place: Place,
    /// Where the next bytes go; `None` to the end.
    offset: Option<u64>,
    /// The file is not in its place yet.
    staged: Option<Staged>,
    created: bool,
}

/// A file beside the one that it will become.
struct Staged {
    name: Vec<u8>,
    mode: u32,
    /// What must still be in its place then.
    if_match: Option<FileTag>,
    /// Nothing may be in its place then.
    refuse: bool,
}

impl Write {
    fn begin(root: &Root, target: &WriteTarget) -> Result<Self> {
        if target.path.last() == Some(&b'/') {
            return Err(Errno(libc::EISDIR));
        }
        let refuse = target.existing == Existing::Refuse;
        let (place, found) = find(root, &target.path, target.parents, !refuse)?;
        if refuse && found.is_some() {
            return Err(Errno(libc::EEXIST));
        }
        if let Some(found) = &found {
            must_be_file(found)?;
        }
        check_match(target.if_match, found.as_ref())?;
        let created = found.is_none();
        let offset = match target.existing {
            Existing::Append => None,
            Existing::PatchAt(offset) => Some(offset),
            Existing::Replace | Existing::Refuse => {
                let kept = found.map_or(0o644, |found| found.st_mode & 0o777);
                return Self::stage(place, target, target.mode.map_or(kept, |mode| mode & 0o777), created);
            }
        };
        let append = if offset.is_none() { libc::O_APPEND } else { 0 };
        let create = if created { libc::O_CREAT } else { 0 };
        let flags = libc::O_WRONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY | append | create;
        let mode = target.mode.unwrap_or(0o644) & 0o777;
        let file = files::openat(place.dir.as_fd(), &place.name, flags, mode)?;
        // Once more: a program may have put something else there meanwhile.
        let opened = files::fstat(file.as_fd())?;
        must_be_file(&opened)?;
        if created {
            files::chmod(file.as_fd(), mode)?;
        } else {
            check_match(target.if_match, Some(&opened))?;
        }
        Ok(Write { file, place, offset, staged: None, created })
    }

    fn stage(place: Place, target: &WriteTarget, mode: u32, created: bool) -> Result<Self> {
        let name = unguessable_name()?;
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
        let file = files::openat(place.dir.as_fd(), &name, flags, 0o600)?;
        let refuse = target.existing == Existing::Refuse;
        let staged = Some(Staged { name, mode, if_match: target.if_match, refuse });
        Ok(Write { file, place, offset: None, staged, created })
    }

    fn append(&mut self, mut data: &[u8]) -> Result<()> {
        while !data.is_empty() {
            let length = match &mut self.offset {
                None => sys::write(self.file.as_fd(), data)?,
                Some(offset) => {
                    let at = i64::try_from(*offset).map_err(|_| Errno(libc::EFBIG))?;
                    let length = files::pwrite(self.file.as_fd(), data, at)?;
                    *offset += length as u64;
                    length
                }
            };
            if length == 0 {
                return Err(Errno(libc::EIO));
            }
            data = &data[length..];
        }
        Ok(())
    }

    fn finish(mut self) -> Result<FileReply> {
        if let Some(staged) = &self.staged {
            files::chmod(self.file.as_fd(), staged.mode)?;
            let dir = self.place.dir.as_fd();
            if staged.refuse {
                rename::to_free((dir, &staged.name), (dir, &self.place.name), false)?;
            } else {
                if staged.if_match.is_some() {
                    check_match(staged.if_match, files::lstat(dir, &self.place.name).ok().as_ref())?;
                }
                files::rename((dir, &staged.name), (dir, &self.place.name))?;
            }
            self.staged = None;
        }
        let stat = describe(&files::fstat(self.file.as_fd())?);
        Ok(FileReply::Written { stat, created: self.created })
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        if let Some(staged) = &self.staged {
            // It may be gone: programs can remove it as well.
            let _ = files::unlink(self.place.dir.as_fd(), &staged.name, 0);
        }
    }
}

/// The place that `path` means, links at its end followed, and what is there.
fn find(root: &Root, path: &[u8], make: bool, follow: bool) -> Result<(Place, Option<libc::stat>)> {
    let mut path = path.to_vec();
    for _ in 0..MOST_LINKS {
        let place = root.place(&path, make)?;
        match files::lstat(place.dir.as_fd(), &place.name) {
            Err(Errno(libc::ENOENT)) => return Ok((place, None)),
            Err(errno) => return Err(errno),
            Ok(found) if follow && found.st_mode & libc::S_IFMT == libc::S_IFLNK => {
                path = through_link(&path, &files::readlink(place.dir.as_fd(), &place.name)?)?;
            }
            Ok(found) => return Ok((place, Some(found))),
        }
    }
    Err(Errno(libc::ELOOP))
}

fn check_match(wanted: Option<FileTag>, found: Option<&libc::stat>) -> Result<()> {
    match wanted {
        Some(wanted) if found.map(tag) != Some(wanted) => Err(Errno(libc::ESTALE)),
        _ => Ok(()),
    }
}
