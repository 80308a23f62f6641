//! Making what is no file: directories and links, and setting times.

use std::os::fd::AsFd;

use codebeaker_agent::wire::{FileKind, FileReply};

use super::describe;
use super::path::{Place, Root};
use crate::agent::sys::{Errno, Result, files};

/// Makes a directory. With `parents`, one that is there already is as good.
pub(super) fn directory(root: &Root, path: &[u8], mode: u32, parents: bool) -> Result<FileReply> {
    let place = root.place(path, parents)?;
    let created = match files::mkdir(place.dir.as_fd(), &place.name, 0o700) {
        Ok(()) => {
            let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
            // Whatever the bits, it can be opened now; a program may have put something else there already.
            let made = files::openat(place.dir.as_fd(), &place.name, flags, 0)?;
            files::chmod(made.as_fd(), mode & 0o777)?;
            true
        }
        Err(Errno(libc::EEXIST)) if parents => false,
        Err(errno) => return Err(errno),
    };
    match made(&place, created)? {
        FileReply::Made { stat, .. } if stat.kind != FileKind::Directory => Err(Errno(libc::EEXIST)),
        made => Ok(made),
    }
}

/// Makes a link. What it leads to is of no account here: nothing follows it further than the root.
pub(super) fn link(root: &Root, path: &[u8], target: &[u8]) -> Result<FileReply> {
    let place = root.place(path, false)?;
    files::symlink(target, place.dir.as_fd(), &place.name)?;
    made(&place, true)
}

/// Sets when something was last changed; of a link, the link itself.
pub(super) fn modified(root: &Root, path: &[u8], nanos: i64) -> Result<FileReply> {
    let place = root.place(path, false)?;
    files::set_modified(place.dir.as_fd(), &place.name, nanos)?;
    made(&place, false)
}

fn made(place: &Place, created: bool) -> Result<FileReply> {
    Ok(FileReply::Made { stat: describe(&place.stat()?), created })
}
