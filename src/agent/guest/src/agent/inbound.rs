//! The way in: cuts what the daemon sends into frames.
//!
//! Reads ahead at most one frame of the largest size. Bytes that are no frames end the agent and with it every
//! process of the sandbox.

use std::os::fd::BorrowedFd;

use codebeaker_agent::frame::{self, Frame, HEADER_BYTES, MAX_PAYLOAD_BYTES};

use crate::agent::sys::memory::Buffer;
use crate::agent::sys::{self, Errno, Result};

/// How the agent exits when what it receives is no protocol.
pub(crate) const VIOLATION: i32 = 2;

/// Memory worth giving back.
const LARGE_BYTES: usize = 64 * 1024;

/// What came of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filled {
    More,
    /// There is nothing to read now.
    NotNow,
    /// Nobody will ever say more.
    Ended,
}

/// Bytes that came, and where the next frame starts among them.
pub(crate) struct Inbound {
    buffer: Buffer,
    start: usize,
    end: usize,
    /// How much of the buffer was ever written.
    touched: usize,
}

impl Inbound {
    pub(crate) fn new() -> Result<Self> {
        Ok(Inbound { buffer: Buffer::new(HEADER_BYTES + MAX_PAYLOAD_BYTES)?, start: 0, end: 0, touched: 0 })
    }

    /// Forgets what came, half a frame included: another stream begins.
    pub(crate) fn reset(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Reads more.
    pub(crate) fn fill(&mut self, stream: BorrowedFd<'_>) -> Filled {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        match sys::read(stream, &mut self.buffer[self.end..]) {
            Ok(0) => Filled::Ended,
            Ok(bytes) => {
                self.end += bytes;
                self.touched = self.touched.max(self.end);
                Filled::More
            }
            Err(Errno(libc::EAGAIN)) => Filled::NotNow,
            Err(_) => Filled::Ended,
        }
    }

    /// The next whole frame.
    pub(crate) fn next(&mut self) -> Option<Frame<'_>> {
        match frame::decode(&self.buffer[self.start..self.end]) {
            Ok(None) => None,
            Ok(Some((frame, length))) => {
                self.start += length;
                Some(frame)
            }
            Err(_) => sys::exit(VIOLATION),
        }
    }

    /// Whether [`Inbound::shrink`] would give back much.
    pub(crate) fn is_large(&self) -> bool {
        self.touched > LARGE_BYTES && self.start == self.end
    }

    /// Gives back memory that large frames took, when none is half read.
    pub(crate) fn shrink(&mut self) {
        if self.start == self.end {
            self.buffer.release();
            self.touched = 0;
        }
    }
}
