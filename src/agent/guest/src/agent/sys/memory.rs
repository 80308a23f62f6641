//! Buffers that a fork does not copy.
//!
//! Every execution forks a shim, and a page that both could write would have to be copied for one of
//! them. The agent's large buffers are of no use to a shim, so it does not get them at all.

use std::ops::{Deref, DerefMut};

use super::{Errno, Result, check};

/// Zeroed memory that is absent from forked children; touching it there ends them.
pub(crate) struct Buffer {
    start: *mut u8,
    length: usize,
}

impl Buffer {
    /// Memory is taken page by page, as it is first written.
    pub(crate) fn new(length: usize) -> Result<Self> {
        // SAFETY: a new anonymous mapping touches no memory that exists.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        let buffer = Buffer { start: start.cast(), length };
        // SAFETY: exactly the mapping made above.
        check(unsafe { libc::madvise(start, length, libc::MADV_DONTFORK) })?;
        Ok(buffer)
    }

    /// Gives the memory back to the kernel; it reads as zeroes afterwards.
    pub(crate) fn release(&mut self) {
        // SAFETY: exactly our mapping; private anonymous pages become zeroes. A refusal costs memory only.
        unsafe { libc::madvise(self.start.cast(), self.length, libc::MADV_DONTNEED) };
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping is readable for its length, initialised by the kernel, and ours alone.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `&mut self` makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.length) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: exactly our mapping, which nothing borrows any more.
        unsafe { libc::munmap(self.start.cast(), self.length) };
    }
}
