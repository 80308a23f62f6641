//! Named pipes in the code directory, by which programs tell the daemon something.

use std::os::fd::{AsFd, OwnedFd};

use super::path::{Place, Root};
use crate::agent::sys::{Errno, Result, files};

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

/// Makes a pipe, and opens it so that it is never at its end, whoever comes and goes at the other.
pub(super) fn make(root: &Root, path: &[u8]) -> Result<(OwnedFd, Pipe)> {
    let place = root.place(path, true)?;
    files::make_fifo(place.dir.as_fd(), &place.name, 0o600)?;
    let pipe = Pipe { place };
    let (dir, name) = (pipe.place.dir.as_fd(), &pipe.place.name);
    let fifo = files::openat(dir, name, libc::O_RDWR | libc::O_NONBLOCK | libc::O_NOFOLLOW, 0)?;
    if files::fstat(fifo.as_fd())?.st_mode & libc::S_IFMT != libc::S_IFIFO {
        return Err(Errno(libc::EEXIST));
    }
    // Programs are of the same user. None of them shall read what others say to the daemon, and they can't
    // change this, where they see the directory read-only.
    files::chmod(fifo.as_fd(), 0o200)?;
    Ok((fifo, pipe))
}
