//! Notices of what happens in directories, and waiting for them without epoll.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use super::{Errno, Result, check, owned};

/// What is noticed of a directory: everything that changes a name in it or what that names.
pub(crate) const ALL: u32 = libc::IN_CREATE
    | libc::IN_DELETE
    | libc::IN_MODIFY
    | libc::IN_ATTRIB
    | libc::IN_MOVED_FROM
    | libc::IN_MOVED_TO
    | libc::IN_DELETE_SELF
    | libc::IN_MOVE_SELF
    | libc::IN_ONLYDIR;

/// A queue of notices; reading it doesn't block.
pub(crate) fn new() -> Result<OwnedFd> {
    // SAFETY: no pointers.
    owned(unsafe { libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC) })
}

/// That something was removed from it, and nothing else.
pub(crate) const REMOVALS: u32 = libc::IN_DELETE | libc::IN_ONLYDIR;

/// Watches an open directory, and gives the number that its notices have. Its process has no working directory of
/// its own after that.
pub(crate) fn watch(notices: BorrowedFd<'_>, dir: BorrowedFd<'_>, what: u32) -> Result<i32> {
    // SAFETY: no pointers.
    check(unsafe { libc::fchdir(dir.as_raw_fd()) })?;
    // SAFETY: the path is a NUL-terminated literal.
    check(unsafe { libc::inotify_add_watch(notices.as_raw_fd(), c".".as_ptr(), what) })
}

/// Watches it no more.
pub(crate) fn forget(notices: BorrowedFd<'_>, number: i32) {
    // SAFETY: no pointers. What is gone is forgotten already.
    unsafe { libc::inotify_rm_watch(notices.as_raw_fd(), number) };
}

/// Something that happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Notice<'a> {
    /// Which directory.
    pub(crate) number: i32,
    /// What.
    pub(crate) mask: u32,
    /// The same for both halves of a move.
    pub(crate) cookie: u32,
    /// Of what in it; empty for the directory itself.
    pub(crate) name: &'a [u8],
}

/// The notices in what was read.
pub(crate) fn events(bytes: &[u8]) -> impl Iterator<Item = Notice<'_>> {
    // struct inotify_event { int wd; u32 mask; u32 cookie; u32 length; char name[]; }
    const NAME: usize = 16;
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let word = |at: usize| Some(u32::from_ne_bytes(rest.get(at..at + 4)?.try_into().ok()?));
        let (number, mask, cookie, length) = (word(0)? as i32, word(4)?, word(8)?, word(12)? as usize);
        let name = rest.get(NAME..NAME.checked_add(length)?)?.split(|byte| *byte == 0).next()?;
        rest = &rest[NAME + length..];
        Some(Notice { number, mask, cookie, name })
    })
}

/// Waits until one of these has what is asked for of it, and says what it has.
pub(crate) fn poll(all: &mut [(BorrowedFd<'_>, i16, i16)], until: Option<Instant>) -> Result<()> {
    let mut polled: Vec<libc::pollfd> =
        all.iter().map(|(fd, events, _)| libc::pollfd { fd: fd.as_raw_fd(), events: *events, revents: 0 }).collect();
    let millis = until.map_or(-1, |until| {
        let left = until.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
        i32::try_from(left).unwrap_or(i32::MAX)
    });
    // SAFETY: the array is readable and writable for its length.
    match check(unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, millis) }) {
        Ok(_) | Err(Errno(libc::EINTR)) => {}
        Err(errno) => return Err(errno),
    }
    for (of, polled) in all.iter_mut().zip(polled) {
        of.2 = polled.revents;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_read_one_after_the_other() {
        let mut bytes = Vec::new();
        for (number, length, name) in [(1i32, 4u32, &b"a\0\0\0"[..]), (2, 0, b""), (3, 900, b"cut")] {
            bytes.extend_from_slice(&number.to_ne_bytes());
            bytes.extend([7u32, 8].iter().flat_map(|word| word.to_ne_bytes()));
            bytes.extend_from_slice(&length.to_ne_bytes());
            bytes.extend_from_slice(name);
        }
        let read: Vec<_> = events(&bytes).map(|notice| (notice.number, notice.mask, notice.name.to_vec())).collect();
        assert_eq!(read, [(1, 7, b"a".to_vec()), (2, 7, Vec::new())]);
    }
}
