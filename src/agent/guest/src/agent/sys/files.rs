//! System calls on files and directories. Names are bytes; one with a NUL is `EINVAL`.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use libc::{c_int, mode_t};

use super::{Errno, Result, check, check_size, owned};

fn c_string(name: &[u8]) -> Result<CString> {
    CString::new(name).map_err(|_| Errno(libc::EINVAL))
}

/// `openat2`; the descriptor is closed on `exec`.
pub(crate) fn openat2(dir: BorrowedFd<'_>, path: &[u8], flags: c_int, mode: mode_t, resolve: u64) -> Result<OwnedFd> {
    let path = c_string(path)?;
    // SAFETY: all zeroes is a valid `open_how`, whose future fields must be zero.
    let mut how: libc::open_how = unsafe { MaybeUninit::zeroed().assume_init() };
    how.flags = (flags | libc::O_CLOEXEC) as u64;
    how.mode = mode.into();
    how.resolve = resolve;
    // SAFETY: path and `how` outlive the call, and the size is that of `how`.
    let result = unsafe {
        libc::syscall(libc::SYS_openat2, dir.as_raw_fd(), path.as_ptr(), &raw const how, size_of::<libc::open_how>())
    };
    owned(result as c_int)
}

/// `openat`; the descriptor is closed on `exec`.
///
/// With `O_NOFOLLOW` no link at the end is followed, by no kernel: gVisor's does so where `O_DIRECTORY` is asked for
/// as well, so that what was opened is looked at instead.
pub(crate) fn openat(dir: BorrowedFd<'_>, path: &[u8], flags: c_int, mode: mode_t) -> Result<OwnedFd> {
    const NO_LINK: c_int = libc::O_DIRECTORY | libc::O_NOFOLLOW;
    if flags & (NO_LINK | libc::O_PATH) != NO_LINK {
        return open(dir, path, flags, mode);
    }
    match open(dir, path, flags & !libc::O_DIRECTORY | libc::O_NONBLOCK | libc::O_NOCTTY, mode) {
        Ok(found) if fstat(found.as_fd())?.st_mode & libc::S_IFMT == libc::S_IFDIR => Ok(found),
        Ok(_) | Err(Errno(libc::ELOOP)) => Err(Errno(libc::ENOTDIR)),
        Err(errno) => Err(errno),
    }
}

fn open(dir: BorrowedFd<'_>, path: &[u8], flags: c_int, mode: mode_t) -> Result<OwnedFd> {
    let path = c_string(path)?;
    // SAFETY: the path outlives the call.
    owned(unsafe { libc::openat(dir.as_raw_fd(), path.as_ptr(), flags | libc::O_CLOEXEC, mode) })
}

/// What an open file is.
pub(crate) fn fstat(fd: BorrowedFd<'_>) -> Result<libc::stat> {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the pointer is to a writable stat; all zeroes is a valid one.
    unsafe {
        check(libc::fstat(fd.as_raw_fd(), stat.as_mut_ptr()))?;
        Ok(stat.assume_init())
    }
}

/// What a name in a directory is; a link is not followed.
pub(crate) fn lstat(dir: BorrowedFd<'_>, name: &[u8]) -> Result<libc::stat> {
    let name = c_string(name)?;
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: name and stat outlive the call; all zeroes is a valid stat.
    unsafe {
        check(libc::fstatat(dir.as_raw_fd(), name.as_ptr(), stat.as_mut_ptr(), libc::AT_SYMLINK_NOFOLLOW))?;
        Ok(stat.assume_init())
    }
}

/// The target of a symbolic link.
pub(crate) fn readlink(dir: BorrowedFd<'_>, name: &[u8]) -> Result<Vec<u8>> {
    let name = c_string(name)?;
    let mut target = vec![0; libc::PATH_MAX as usize];
    // SAFETY: the buffer is writable for its length.
    let length = check_size(unsafe {
        libc::readlinkat(dir.as_raw_fd(), name.as_ptr(), target.as_mut_ptr().cast(), target.len())
    })?;
    target.truncate(length);
    Ok(target)
}

/// Makes a directory.
pub(crate) fn mkdir(dir: BorrowedFd<'_>, name: &[u8], mode: mode_t) -> Result<()> {
    let name = c_string(name)?;
    // SAFETY: the name outlives the call.
    check(unsafe { libc::mkdirat(dir.as_raw_fd(), name.as_ptr(), mode) }).map(drop)
}

/// Makes a symbolic link.
pub(crate) fn symlink(target: &[u8], dir: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
    let (target, name) = (c_string(target)?, c_string(name)?);
    // SAFETY: both outlive the call.
    check(unsafe { libc::symlinkat(target.as_ptr(), dir.as_raw_fd(), name.as_ptr()) }).map(drop)
}

/// Sets when something was last changed; a link is not followed.
pub(crate) fn set_modified(dir: BorrowedFd<'_>, name: &[u8], nanos: i64) -> Result<()> {
    let (name, times) = (c_string(name)?, modified_at(nanos));
    // SAFETY: name and times outlive the call, which takes two of the latter.
    check(unsafe { libc::utimensat(dir.as_raw_fd(), name.as_ptr(), times.as_ptr(), libc::AT_SYMLINK_NOFOLLOW) })
        .map(drop)
}

/// Sets when an open file or directory was last changed.
pub(crate) fn set_modified_of(fd: BorrowedFd<'_>, nanos: i64) -> Result<()> {
    let times = modified_at(nanos);
    // SAFETY: the times outlive the call, which takes two of them.
    check(unsafe { libc::futimens(fd.as_raw_fd(), times.as_ptr()) }).map(drop)
}

/// The time of the last access, which stays, and that of the last change.
fn modified_at(nanos: i64) -> [libc::timespec; 2] {
    const SECOND: i64 = 1_000_000_000;
    let modified = libc::timespec { tv_sec: nanos.div_euclid(SECOND), tv_nsec: nanos.rem_euclid(SECOND) };
    [libc::timespec { tv_sec: 0, tv_nsec: libc::UTIME_OMIT }, modified]
}

/// Makes a FIFO.
pub(crate) fn make_fifo(dir: BorrowedFd<'_>, name: &[u8], mode: mode_t) -> Result<()> {
    let name = c_string(name)?;
    // SAFETY: the name outlives the call.
    check(unsafe { libc::mkfifoat(dir.as_raw_fd(), name.as_ptr(), mode) }).map(drop)
}

/// Removes a name; `AT_REMOVEDIR` in `flags` for a directory.
pub(crate) fn unlink(dir: BorrowedFd<'_>, name: &[u8], flags: c_int) -> Result<()> {
    let name = c_string(name)?;
    // SAFETY: the name outlives the call.
    check(unsafe { libc::unlinkat(dir.as_raw_fd(), name.as_ptr(), flags) }).map(drop)
}

/// A name, and the directory that it is in.
pub(crate) type Named<'a> = (BorrowedFd<'a>, &'a [u8]);

/// Renames, over what is there.
pub(crate) fn rename(from: Named<'_>, to: Named<'_>) -> Result<()> {
    let (old, new) = (c_string(from.1)?, c_string(to.1)?);
    // SAFETY: both names outlive the call.
    check(unsafe { libc::renameat(from.0.as_raw_fd(), old.as_ptr(), to.0.as_raw_fd(), new.as_ptr()) }).map(drop)
}

/// Renames; `EEXIST` when the name is taken. Not every kernel and file system can (`EINVAL`, `ENOSYS`).
pub(crate) fn rename_to_free(from: Named<'_>, to: Named<'_>) -> Result<()> {
    let (old, new) = (c_string(from.1)?, c_string(to.1)?);
    let (old_dir, new_dir, flags) = (from.0.as_raw_fd(), to.0.as_raw_fd(), libc::RENAME_NOREPLACE);
    // SAFETY: both names outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_renameat2, old_dir, old.as_ptr(), new_dir, new.as_ptr(), flags) };
    check(result as c_int).map(drop)
}

/// Gives a file, or a link itself, a second name; `EEXIST` when it is taken.
pub(crate) fn link(from: Named<'_>, to: Named<'_>) -> Result<()> {
    let (old, new) = (c_string(from.1)?, c_string(to.1)?);
    // SAFETY: both names outlive the call.
    check(unsafe { libc::linkat(from.0.as_raw_fd(), old.as_ptr(), to.0.as_raw_fd(), new.as_ptr(), 0) }).map(drop)
}

/// Sets an open file's permission bits.
pub(crate) fn chmod(fd: BorrowedFd<'_>, mode: mode_t) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::fchmod(fd.as_raw_fd(), mode) }).map(drop)
}

/// Reads at an offset.
pub(crate) fn pread(fd: BorrowedFd<'_>, buffer: &mut [u8], offset: i64) -> Result<usize> {
    // SAFETY: the buffer is writable for its length.
    check_size(unsafe { libc::pread(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), offset) })
}

/// Writes at an offset.
pub(crate) fn pwrite(fd: BorrowedFd<'_>, bytes: &[u8], offset: i64) -> Result<usize> {
    // SAFETY: the bytes are readable for their length.
    check_size(unsafe { libc::pwrite(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), offset) })
}

/// Sets an open file's length.
pub(crate) fn truncate(fd: BorrowedFd<'_>, length: i64) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::ftruncate(fd.as_raw_fd(), length) }).map(drop)
}

/// Where, from `offset` on, an open file has data (`SEEK_DATA`) or a hole (`SEEK_HOLE`); `ENXIO` where there
/// is no more of it.
pub(crate) fn find_next(fd: BorrowedFd<'_>, offset: i64, what: c_int) -> Result<i64> {
    // SAFETY: no pointers.
    let found = unsafe { libc::lseek(fd.as_raw_fd(), offset, what) };
    if found < 0 { Err(Errno::last()) } else { Ok(found) }
}

/// Sets where a directory is read on.
pub(crate) fn seek(fd: BorrowedFd<'_>, position: i64) -> Result<()> {
    // SAFETY: no pointers.
    if unsafe { libc::lseek(fd.as_raw_fd(), position, libc::SEEK_SET) } < 0 {
        return Err(Errno::last());
    }
    Ok(())
}

/// One record of a directory.
pub(crate) struct Name<'a> {
    /// Never empty, `.` and `..` excluded.
    pub(crate) bytes: &'a [u8],
    /// Where reading goes on behind it, for [`seek`].
    pub(crate) next: i64,
}

/// Reads some records of a directory into `buffer`; 0 bytes at its end.
pub(crate) fn read_directory(dir: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the buffer is writable for its length.
    let result = unsafe { libc::syscall(libc::SYS_getdents64, dir.as_raw_fd(), buffer.as_mut_ptr(), buffer.len()) };
    check_size(result as isize)
}

/// The names in what [`read_directory`] read.
pub(crate) fn names(records: &[u8]) -> impl Iterator<Item = Name<'_>> {
    // struct linux_dirent64 { u64 inode; i64 next; u16 length; u8 kind; char name[]; }
    const NAME: usize = 19;
    let mut rest = records;
    std::iter::from_fn(move || {
        loop {
            let head = rest.get(..NAME)?;
            let next = i64::from_ne_bytes(head[8..16].try_into().ok()?);
            let length = usize::from(u16::from_ne_bytes([head[16], head[17]]));
            let record = rest.get(..length)?;
            rest = &rest[length..];
            let bytes = record.get(NAME..)?.split(|byte| *byte == 0).next()?;
            if !matches!(bytes, b"" | b"." | b"..") {
                return Some(Name { bytes, next });
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_opened_and_no_link_to_one() {
        let top = std::env::temp_dir().join(format!("codebeaker-openat-{}", std::process::id()));
        std::fs::create_dir_all(top.join("directory")).unwrap();
        std::fs::write(top.join("file"), "").unwrap();
        std::os::unix::fs::symlink("directory", top.join("link")).unwrap();
        let dir = OwnedFd::from(std::fs::File::open(&top).unwrap());
        make_fifo(dir.as_fd(), b"fifo", 0o600).unwrap();
        let open = |name: &[u8]| openat(dir.as_fd(), name, libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW, 0);
        assert!(open(b"directory").is_ok());
        for name in [&b"file"[..], b"link", b"fifo"] {
            assert_eq!(open(name).err(), Some(Errno(libc::ENOTDIR)));
        }
        assert_eq!(open(b"none").err(), Some(Errno(libc::ENOENT)));
        std::fs::remove_dir_all(top).unwrap();
    }
}
