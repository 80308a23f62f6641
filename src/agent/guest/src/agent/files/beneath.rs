//! Resolving a path beneath a directory step by step, for kernels without `openat2`.
//!
//! Each step opens one name of a directory that is held open, and never follows a link: a link is read, and
//! its target becomes steps of its own. `..` goes back to the directory that was come from, never to what
//! the file system says is above. So whatever a program moves or replaces meanwhile, only what lay beneath
//! the root is ever opened.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use libc::c_int;

use crate::agent::sys::{Errno, Result, files};

/// As many links are followed as the kernel would.
const MOST_LINKS: u32 = 40;

/// As many names are walked through, those in links included: this bounds the descriptors that a walk holds.
const MOST_STEPS: usize = 256;

/// How often a last step is taken again that lost a race against a rename.
const ATTEMPTS: u32 = 32;

/// Opens what `path` names from `root`. `EXDEV` where it would lead out.
pub(super) fn open(root: BorrowedFd<'_>, path: &[u8], flags: c_int) -> Result<OwnedFd> {
    let mut walk = Walk { root, below: Vec::new(), steps: Vec::new(), links: 0 };
    walk.plan(path)?;
    let directory_asked = path.ends_with(b"/");
    while let Some(step) = walk.steps.pop() {
        if walk.below.len() > MOST_STEPS {
            return Err(Errno(libc::ENAMETOOLONG));
        }
        let last = walk.steps.is_empty();
        match &step[..] {
            b"." => {}
            b".." => walk.below.pop().map(drop).ok_or(Errno(libc::EXDEV))?,
            name if last => {
                let flags = flags | if directory_asked { libc::O_DIRECTORY } else { 0 };
                if let Some(opened) = walk.open_last(name, flags)? {
                    return Ok(opened);
                }
            }
            name => walk.enter(name)?,
        }
    }
    files::openat(walk.here(), b".", flags & !libc::O_NOFOLLOW, 0)
}

struct Walk<'a> {
    root: BorrowedFd<'a>,
    /// The directories that were entered, each in the one before.
    below: Vec<OwnedFd>,
    /// What is still to be walked, the next last.
    steps: Vec<Vec<u8>>,
    links: u32,
}

impl Walk<'_> {
    fn here(&self) -> BorrowedFd<'_> {
        self.below.last().map_or(self.root, AsFd::as_fd)
    }

    fn plan(&mut self, path: &[u8]) -> Result<()> {
        match path.first() {
            None => return Err(Errno(libc::ENOENT)),
            Some(b'/') => return Err(Errno(libc::EXDEV)),
            Some(_) => {}
        }
        self.steps.extend(path.split(|byte| *byte == b'/').filter(|step| !step.is_empty()).rev().map(<[u8]>::to_vec));
        Ok(())
    }

    fn enter(&mut self, name: &[u8]) -> Result<()> {
        let found = files::openat(self.here(), name, libc::O_PATH | libc::O_NOFOLLOW, 0)?;
        match files::fstat(found.as_fd())?.st_mode & libc::S_IFMT {
            libc::S_IFDIR => self.below.push(found),
            libc::S_IFLNK => self.follow(found.as_fd())?,
            _ => return Err(Errno(libc::ENOTDIR)),
        }
        Ok(())
    }

    /// Opens the last name; `None` when it is a link, whose steps are then the next.
    fn open_last(&mut self, name: &[u8], flags: c_int) -> Result<Option<OwnedFd>> {
        for _ in 0..ATTEMPTS {
            if flags & libc::O_NOFOLLOW != 0 {
                return files::openat(self.here(), name, flags, 0).map(Some);
            }
            let found = files::openat(self.here(), name, libc::O_PATH | libc::O_NOFOLLOW, 0)?;
            if files::fstat(found.as_fd())?.st_mode & libc::S_IFMT == libc::S_IFLNK {
                return self.follow(found.as_fd()).map(|()| None);
            }
            // Without `O_PATH`, a link that took its place meanwhile is refused; with it, it would be opened.
            let opened = match files::openat(self.here(), name, flags | libc::O_NOFOLLOW, 0) {
                Err(Errno(libc::ELOOP)) => continue,
                opened => opened?,
            };
            if flags & libc::O_PATH == 0 || files::fstat(opened.as_fd())?.st_mode & libc::S_IFMT != libc::S_IFLNK {
                return Ok(Some(opened));
            }
        }
        Err(Errno(libc::EAGAIN))
    }

    fn follow(&mut self, link: BorrowedFd<'_>) -> Result<()> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(Errno(libc::ELOOP));
        }
        self.plan(&files::readlink(link, b"")?)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_step_leads_out() {
        let top = std::env::temp_dir().join(format!("codebeaker-beneath-{}", std::process::id()));
        let root = top.join("root");
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::write(top.join("outside"), "no").unwrap();
        std::fs::write(root.join("a/b/file"), "yes").unwrap();
        for (target, name) in
            [("a/b", "in"), ("../outside", "out"), ("/etc", "abs"), ("loop", "loop"), ("a/../..", "up")]
        {
            symlink(target, root.join(name)).unwrap();
        }
        let dir = OwnedFd::from(std::fs::File::open(&root).unwrap());
        let open_with = |path: &str, flags| open(dir.as_fd(), path.as_bytes(), flags);
        for path in ["a/b/file", "in/file", "./a//b/../b/file", "in/../b/file"] {
            let file = open_with(path, libc::O_RDONLY).unwrap_or_else(|errno| panic!("{path}: {errno:?}"));
            let mut text = [0; 9];
            assert_eq!(crate::agent::sys::read(file.as_fd(), &mut text), Ok(3), "{path}");
        }
        for (path, errno) in [
            ("out", libc::EXDEV),
            ("..", libc::EXDEV),
            ("a/../../outside", libc::EXDEV),
            ("up/outside", libc::EXDEV),
            ("abs/passwd", libc::EXDEV),
            ("/a", libc::EXDEV),
            ("loop", libc::ELOOP),
            ("loop/x", libc::ELOOP),
            ("nothing", libc::ENOENT),
            ("a/b/file/x", libc::ENOTDIR),
            ("a/b/file/", libc::ENOTDIR),
        ] {
            assert_eq!(open_with(path, libc::O_RDONLY).err(), Some(Errno(errno)), "{path}");
        }
        let link = open_with("out", libc::O_PATH | libc::O_NOFOLLOW).unwrap();
        assert_eq!(files::fstat(link.as_fd()).unwrap().st_mode & libc::S_IFMT, libc::S_IFLNK);
        assert_eq!(open_with("out", libc::O_RDONLY | libc::O_NOFOLLOW).err(), Some(Errno(libc::ELOOP)));
        assert!(open_with("a/..", libc::O_RDONLY | libc::O_DIRECTORY).is_ok());
        std::fs::remove_dir_all(top).unwrap();
    }
}
