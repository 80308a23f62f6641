//! Named pipes in the code directory, by which programs tell the daemon something.

use std::os::fd::{AsFd, OwnedFd};

use super::path::{Place, Root, unguessable_name};
use crate::agent::sys::{self, Errno, Result, files};

/// The name of a pipe, which goes when this is dropped.
pub(crate) struct Pipe {
    place: Place,
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // It may be gone, with the directory that it was in.
        let _ = files::unlink(self.place.dir.as_fd(), &self.place.name, 0);
    }
}

impl Pipe {
    /// Puts a file in its place, at one stroke.
    pub(super) fn become_file(self, content: &[u8]) -> Result<libc::stat> {
        let staged = unguessable_name()?;
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
        let dir = self.place.dir.as_fd();
        let file = files::openat(dir, &staged, flags, 0o600)?;
        let put = || {
            // A regular file takes all there is room for.
            if sys::write(file.as_fd(), content)? < content.len() {
                return Err(Errno(libc::ENOSPC));
            }
            files::chmod(file.as_fd(), 0o444)?;
            files::rename((dir, &staged), (dir, &self.place.name))?;
            files::fstat(file.as_fd())
        };
        match put() {
            Ok(stat) => {
                // The name is the file's now.
                std::mem::forget(self);
                Ok(stat)
            }
            Err(errno) => {
                let _ = files::unlink(dir, &staged, 0);
                Err(errno)
            }
        }
    }
}

/// Makes a pipe with these permissions, and opens it so that it is never at its end, whoever comes and goes at the
/// other.
pub(super) fn make(root: &Root, path: &[u8], mode: libc::mode_t) -> Result<(OwnedFd, Pipe)> {
    let place = root.place(path, true)?;
    files::make_fifo(place.dir.as_fd(), &place.name, 0o600)?;
    let pipe = Pipe { place };
    let (dir, name) = (pipe.place.dir.as_fd(), &pipe.place.name);
    let fifo = files::openat(dir, name, libc::O_RDWR | libc::O_NONBLOCK | libc::O_NOFOLLOW, 0)?;
    if files::fstat(fifo.as_fd())?.st_mode & libc::S_IFMT != libc::S_IFIFO {
        return Err(Errno(libc::EEXIST));
    }
    // Programs are of the same user. They can't change this, where they see the directory read-only.
    files::chmod(fifo.as_fd(), mode)?;
    Ok((fifo, pipe))
}
