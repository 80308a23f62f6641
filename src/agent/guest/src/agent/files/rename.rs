//! Giving what is there another name: one that is free, or one that something has.

use std::os::fd::AsFd;

use super::path::{Place, unguessable_name};
use crate::agent::sys::files::{self, Named};
use crate::agent::sys::{Errno, Result};

/// How something took the place of something else.
pub(super) enum Placed {
    /// At one stroke.
    Whole,
    /// The directory that was there has this name now.
    Aside(Vec<u8>),
    /// Not yet: the directory that is there can't be put aside, and has to be emptied first.
    Occupied,
}

/// Renames to a name that is free. `EEXIST` when it is taken, also by something that comes meanwhile.
pub(super) fn to_free(from: Named<'_>, to: Named<'_>, is_directory: bool) -> Result<()> {
    match files::rename_to_free(from, to) {
        Err(Errno(libc::EINVAL | libc::ENOSYS)) => without_flags(from, to, is_directory),
        result => result,
    }
}

/// As [`to_free`], where the kernel or the file system knows no such renaming.
fn without_flags(from: Named<'_>, to: Named<'_>, is_directory: bool) -> Result<()> {
    if !is_directory {
        // A second name never takes the place of something either.
        files::link(from, to)?;
        return files::unlink(from.0, from.1, 0);
    }
    // A directory takes the place of an empty one alone, and this one is ours.
    files::mkdir(to.0, to.1, 0o700)?;
    files::rename(from, to).inspect_err(|_| {
        let _ = files::unlink(to.0, to.1, libc::AT_REMOVEDIR);
    })
}

/// Renames over what is there: a file over a file, a directory over a directory.
pub(super) fn over(from: Named<'_>, to: &Place, is_directory: bool) -> Result<Placed> {
    match files::rename(from, to.named()) {
        Ok(()) => return Ok(Placed::Whole),
        Err(Errno(libc::ENOTEMPTY | libc::EEXIST)) if is_directory => {}
        Err(errno) => return Err(errno),
    }
    let aside = unguessable_name()?;
    match files::rename(to.named(), (to.dir.as_fd(), &aside)) {
        Ok(()) => {}
        // An overlay does not move what lies below it.
        Err(Errno(libc::EXDEV)) => return Ok(Placed::Occupied),
        Err(errno) => return Err(errno),
    }
    match files::rename(from, to.named()) {
        Ok(()) => Ok(Placed::Aside(aside)),
        Err(errno) => {
            // Where something else is there by now, that stays, and this keeps its new name.
            let _ = to_free((to.dir.as_fd(), &aside), to.named(), true);
            Err(errno)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn nothing_is_replaced_where_renaming_knows_no_flags() {
        let top = std::env::temp_dir().join(format!("codebeaker-rename-{}", std::process::id()));
        fs::create_dir_all(top.join("full/x")).unwrap();
        fs::create_dir_all(top.join("d/y")).unwrap();
        fs::write(top.join("a"), "a").unwrap();
        fs::write(top.join("b"), "b").unwrap();
        std::os::unix::fs::symlink("nothing", top.join("link")).unwrap();
        let dir = OwnedFd::from(fs::File::open(&top).unwrap());
        let rename = |from: &str, to: &str, is_directory| {
            without_flags((dir.as_fd(), from.as_bytes()), (dir.as_fd(), to.as_bytes()), is_directory)
        };
        for (from, to, is_directory) in [("a", "b", false), ("a", "full", false), ("d", "full", true), ("d", "a", true)]
        {
            assert_eq!(rename(from, to, is_directory), Err(Errno(libc::EEXIST)), "{from} to {to}");
        }
        for (from, to, is_directory) in [("a", "c", false), ("link", "moved", false), ("d", "e", true)] {
            assert_eq!(rename(from, to, is_directory), Ok(()), "{from} to {to}");
        }
        // What can't be moved leaves no empty directory behind.
        assert_eq!(rename("full", "full/x/y", true), Err(Errno(libc::EINVAL)));
        assert_eq!(fs::read_dir(top.join("full/x")).unwrap().count(), 0);
        let mut names: Vec<_> = fs::read_dir(&top).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["b", "c", "e", "full", "moved"]);
        assert_eq!(fs::read_link(top.join("moved")).unwrap().to_str(), Some("nothing"));
        fs::remove_dir_all(top).unwrap();
    }
}
