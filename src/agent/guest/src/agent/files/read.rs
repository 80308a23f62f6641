//! Reading a file, and looking at what a path names.

use std::os::fd::AsFd;

use codebeaker_agent::wire::{FILE_CHUNK_BYTES, FileKind, FileReply};

use super::path::Root;
use super::{describe, must_be_file};
use crate::agent::sys::{Result, files};

/// Up to `max` bytes of a regular file, from `offset`.
pub(super) fn read(root: &Root, path: &[u8], offset: u64, max: u32) -> Result<FileReply> {
    let file = root.open(path, libc::O_RDONLY)?;
    must_be_file(&files::fstat(file.as_fd())?)?;
    let mut data = vec![0; FILE_CHUNK_BYTES.min(max as usize)];
    let mut length = 0;
    while length < data.len() {
        // Beyond what the kernel can express lies the end of every file.
        let Ok(at) = i64::try_from(offset.saturating_add(length as u64)) else { break };
        match files::pread(file.as_fd(), &mut data[length..], at)? {
            0 => break,
            more => length += more,
        }
    }
    data.truncate(length);
    Ok(FileReply::Data { data, stat: describe(&files::fstat(file.as_fd())?) })
}

/// What a path names; a link at its end is looked at itself.
pub(super) fn stat(root: &Root, path: &[u8]) -> Result<FileReply> {
    let found = root.open(path, libc::O_PATH | libc::O_NOFOLLOW)?;
    let stat = describe(&files::fstat(found.as_fd())?);
    let target = if stat.kind == FileKind::Symlink { Some(files::readlink(found.as_fd(), b"")?) } else { None };
    Ok(FileReply::Stat { stat, target })
}
