//! Code that a program is started ahead of, and waits for.
//!
//! Where the code will be lies a pipe. The program opens it as it would open the code, and finds nothing to read and
//! no end of it. When the code comes it is put in the pipe's place as a file, and into the pipe: whoever has opened the
//! one reads it there, and whoever looks later finds the other. Until then nothing is known of the code.

use std::os::fd::{AsFd, OwnedFd};

use codebeaker_agent::wire::{Awaited, FileReply, MAX_AWAITED_BYTES};

use super::describe;
use super::path::Root;
use super::pipe::{self, Pipe};
use crate::agent::sys::{self, Errno, Result, files};

/// How many names at the top of the workspace are looked at; with more, programs don't wait.
const MOST_NAMES: usize = 2000;

/// A pipe that stands for code. Dropped before the code came, it is at its end: who waits must be gone by then.
pub(crate) struct Held {
    fifo: OwnedFd,
    /// `None` once the code is there.
    pipe: Option<Pipe>,
    absent: Vec<String>,
}

/// Makes the pipe.
pub(super) fn hold(workspace: &Root, code: &Root, awaited: Awaited) -> Result<Held> {
    let Awaited { path, absent } = awaited;
    check(workspace, &absent)?;
    let (fifo, pipe) = pipe::make(code, &path, 0o400)?;
    Ok(Held { fifo, pipe: Some(pipe), absent })
}

impl Held {
    /// Puts the code there; the program goes on when `self` is dropped, and not before.
    pub(super) fn release(&mut self, workspace: &Root, code: &[u8]) -> Result<FileReply> {
        if code.len() > MAX_AWAITED_BYTES {
            return Err(Errno(libc::EFBIG));
        }
        check(workspace, &self.absent)?;
        let pipe = self.pipe.take().ok_or(Errno(libc::EALREADY))?;
        // A pipe takes less where the user's pipes hold much already.
        if !code.is_empty() && sys::write(self.fifo.as_fd(), code)? < code.len() {
            return Err(Errno(libc::ENOBUFS));
        }
        let stat = pipe.become_file(code)?;
        Ok(FileReply::Made { stat: describe(&stat), created: true })
    }
}

/// Refuses when something at the top of the workspace has one of these names.
fn check(workspace: &Root, absent: &[String]) -> Result<()> {
    let dir = workspace.open(b"", libc::O_RDONLY | libc::O_DIRECTORY)?;
    let mut records = [0; 8192];
    let mut seen = 0;
    loop {
        let length = files::read_directory(dir.as_fd(), &mut records)?;
        if length == 0 {
            return Ok(());
        }
        for name in files::names(&records[..length]) {
            seen += 1;
            if seen > MOST_NAMES || absent.iter().any(|absent| is_of(name.bytes, absent.as_bytes())) {
                return Err(Errno(libc::EEXIST));
            }
        }
    }
}

/// Whether `name` is `stem`, with or without extensions.
fn is_of(name: &[u8], stem: &[u8]) -> bool {
    name.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest[0] == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_with_and_without_its_extensions() {
        for name in [&b"site"[..], b"site.py", b"site.cpython-311-x86_64-linux-gnu.so"] {
            assert!(is_of(name, b"site"));
        }
        for name in [&b"sites"[..], b"site_a.py", b"my.site", b""] {
            assert!(!is_of(name, b"site"));
        }
    }
}
