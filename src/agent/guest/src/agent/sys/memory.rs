//! Memory that a fork does not copy: buffers that the child does not get, and a flag that both share.
//!
//! A page that both could write would have to be copied for one of them. The agent's large buffers are of
//! no use to a shim, so it does not get them at all.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Errno, Result, check};

/// Zeroed memory that is absent from forked children; touching it there ends them.
pub(crate) struct Buffer {
    start: *mut u8,
    length: usize,
}

impl Buffer {
    /// Memory is taken page by page, as it is first written.
    pub(crate) fn new(length: usize) -> Result<Self> {
        let start = map(length, libc::MAP_PRIVATE)?;
        let buffer = Buffer { start, length };
        // SAFETY: exactly the mapping made above.
        check(unsafe { libc::madvise(start.cast(), length, libc::MADV_DONTFORK) })?;
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

/// A flag that a process and those it forks see alike.
pub(crate) struct Flag(*mut AtomicBool);

impl Flag {
    /// A flag that is down.
    pub(crate) fn new() -> Result<Self> {
        // All zeroes is false, and a mapping is aligned for anything.
        map(size_of::<AtomicBool>(), libc::MAP_SHARED).map(|start| Flag(start.cast()))
    }

    /// Raises or lowers it.
    pub(crate) fn set(&self, raised: bool) {
        self.shared().store(raised, Ordering::SeqCst);
    }

    /// Whether it is raised.
    pub(crate) fn is_raised(&self) -> bool {
        self.shared().load(Ordering::SeqCst)
    }

    fn shared(&self) -> &AtomicBool {
        // SAFETY: the mapping lives as long as `self`, and is only ever touched as an atomic.
        unsafe { &*self.0 }
    }
}

impl Drop for Flag {
    fn drop(&mut self) {
        // SAFETY: exactly our mapping, which nothing borrows any more; other processes have their own.
        unsafe { libc::munmap(self.0.cast(), size_of::<AtomicBool>()) };
    }
}

/// Maps zeroed memory.
fn map(length: usize, sharing: libc::c_int) -> Result<*mut u8> {
    let (flags, access) = (sharing | libc::MAP_ANONYMOUS, libc::PROT_READ | libc::PROT_WRITE);
    // SAFETY: a new anonymous mapping touches no memory that exists.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), length, access, flags, -1, 0) };
    if start == libc::MAP_FAILED { Err(Errno::last()) } else { Ok(start.cast()) }
}
