//! Paths, resolved beneath a root: by the kernel, or step by step where it is too old for that.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use libc::c_int;

use super::beneath;
use crate::agent::sys::{self, Errno, Result, files};

/// A path this long is beyond `PATH_MAX`, and resolved piece by piece.
const PIECE_BYTES: usize = libc::PATH_MAX as usize - 64;

/// How often a resolution is tried again that lost a race against a rename.
const ATTEMPTS: u32 = 32;

/// The flags to open a directory that only serves to name what is in it.
const DIRECTORY: c_int = libc::O_PATH | libc::O_DIRECTORY;

/// A directory that no path leads out of.
pub(crate) struct Root {
    dir: OwnedFd,
    beneath: bool,
}

/// A name, and the directory it is in.
pub(super) struct Place {
    pub(super) dir: OwnedFd,
    pub(super) name: Vec<u8>,
}

impl Place {
    pub(super) fn dir_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    pub(super) fn named(&self) -> files::Named<'_> {
        (self.dir.as_fd(), &self.name)
    }

    /// What is there; a link is not followed.
    pub(super) fn stat(&self) -> Result<libc::stat> {
        files::lstat(self.dir.as_fd(), &self.name)
    }

    /// Another name in the same directory.
    pub(super) fn beside(&self, name: Vec<u8>) -> Result<Place> {
        Ok(Place { dir: files::openat(self.dir.as_fd(), b".", DIRECTORY, 0)?, name })
    }
}

impl Root {
    pub(super) fn new(dir: OwnedFd, beneath: bool) -> Self {
        Root { dir, beneath }
    }

    /// The descriptor of the directory itself.
    pub(super) fn as_raw_fd(&self) -> RawFd {
        self.dir.as_raw_fd()
    }

    /// Opens what `path` names; the root itself when it is empty. Never waits for the other end of a
    /// pipe, never takes a terminal.
    pub(super) fn open(&self, path: &[u8], flags: c_int) -> Result<OwnedFd> {
        let mut path = if path.is_empty() { b"." } else { path };
        let mut dir: Option<OwnedFd> = None;
        while path.len() > PIECE_BYTES {
            let end = path[..PIECE_BYTES].iter().rposition(|byte| *byte == b'/').ok_or(Errno(libc::ENAMETOOLONG))?;
            // The slash of an absolute path stays with it, for the kernel to refuse.
            let here = dir.as_ref().unwrap_or(&self.dir).as_fd();
            dir = Some(self.resolve(here, &path[..end.max(1)], DIRECTORY)?);
            path = without_leading_slashes(&path[end..]);
            if path.is_empty() {
                path = b".";
            }
        }
        self.resolve(dir.as_ref().unwrap_or(&self.dir).as_fd(), path, flags)
    }

    /// The directory that `path`'s last name is in. With `make`, the directories that lead there are
    /// made where they are missing.
    pub(super) fn place(&self, path: &[u8], make: bool) -> Result<Place> {
        let (parent, name) = split(path)?;
        let dir = match self.open(parent, DIRECTORY) {
            Err(Errno(libc::ENOENT)) if make && parent.len() <= PIECE_BYTES => self.make(parent)?,
            other => other?,
        };
        Ok(Place { dir, name: name.to_vec() })
    }

    fn make(&self, path: &[u8]) -> Result<OwnedFd> {
        let mut dir = self.open(b"", DIRECTORY)?;
        let ends = (1..path.len()).filter(|at| path[*at] == b'/' && path[at - 1] != b'/').chain([path.len()]);
        for end in ends {
            // From the root each time: `..` and links mean what they would in the whole path.
            let here = &path[..end];
            dir = match self.open(here, DIRECTORY) {
                Err(Errno(libc::ENOENT)) => {
                    let (_, name) = split(here)?;
                    match files::mkdir(dir.as_fd(), name, 0o755) {
                        Ok(()) | Err(Errno(libc::EEXIST)) => self.open(here, DIRECTORY)?,
                        Err(errno) => return Err(errno),
                    }
                }
                other => other?,
            };
        }
        Ok(dir)
    }

    fn resolve(&self, dir: BorrowedFd<'_>, path: &[u8], flags: c_int) -> Result<OwnedFd> {
        let flags = if flags & libc::O_PATH == 0 { flags | libc::O_NONBLOCK | libc::O_NOCTTY } else { flags };
        if !self.beneath {
            return files::openat(dir, path, flags, 0);
        }
        let mut result = Err(Errno(libc::EAGAIN));
        for _ in 0..ATTEMPTS {
            result = files::openat2(dir, path, flags, 0, libc::RESOLVE_BENEATH | libc::RESOLVE_NO_MAGICLINKS);
            match result {
                Err(Errno(libc::EAGAIN)) => {}
                Err(Errno(libc::ENOSYS)) => return beneath::open(dir, path, flags),
                _ => break,
            }
        }
        result
    }
}

/// The directory part and the last name of a path. `EINVAL` when the last part names no entry.
fn split(path: &[u8]) -> Result<(&[u8], &[u8])> {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let path = &path[..end];
    let (parent, name) = match path.iter().rposition(|byte| *byte == b'/') {
        None => (&b""[..], path),
        Some(0) => (&b"/"[..], &path[1..]),
        Some(slash) => (&path[..slash], &path[slash + 1..]),
    };
    match name {
        b"" | b"." | b".." => Err(Errno(libc::EINVAL)),
        name => Ok((parent, name)),
    }
}

/// A name for what is not in its place yet, which nobody can guess and take first.
pub(super) fn unguessable_name() -> Result<Vec<u8>> {
    let mut name = b".codebeaker-".to_vec();
    for byte in sys::random::<16>()? {
        name.extend_from_slice(format!("{byte:02x}").as_bytes());
    }
    Ok(name)
}

/// The path that `target`, found in a link at `path`, means from the root.
pub(super) fn through_link(path: &[u8], target: &[u8]) -> Result<Vec<u8>> {
    let (parent, _) = split(path)?;
    if parent.is_empty() || target.first() == Some(&b'/') {
        return Ok(target.to_vec());
    }
    Ok([parent, b"/", target].concat())
}

fn without_leading_slashes(path: &[u8]) -> &[u8] {
    let start = path.iter().position(|byte| *byte != b'/').unwrap_or(path.len());
    &path[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_ends_in_a_name() {
        assert_eq!(split(b"a/b//c//").unwrap(), (&b"a/b/"[..], &b"c"[..]));
        assert_eq!(split(b"c").unwrap(), (&b""[..], &b"c"[..]));
        assert_eq!(split(b"/c").unwrap(), (&b"/"[..], &b"c"[..]));
        for path in [&b""[..], b"/", b".", b"a/..", b"a/./"] {
            assert_eq!(split(path), Err(Errno(libc::EINVAL)));
        }
    }

    #[test]
    fn a_link_is_read_from_where_it_is() {
        assert_eq!(through_link(b"a/b/link", b"../c").unwrap(), b"a/b/../c");
        assert_eq!(through_link(b"link", b"c").unwrap(), b"c");
        assert_eq!(through_link(b"a/link", b"/etc/passwd").unwrap(), b"/etc/passwd");
    }
}
