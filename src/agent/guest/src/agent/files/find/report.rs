//! What a finder says, within the bounds of an answer.

use std::os::fd::{AsFd, OwnedFd};

use codebeaker_agent::wire::find::{FOUND_BYTES, Found, REFUSAL_BYTES};

use crate::agent::sys;

/// So much is written at a time.
const PIECE_BYTES: usize = 32 * 1024;

/// Kept for what has to be said in any case.
const LAST_BYTES: usize = REFUSAL_BYTES + 512;

/// The answer has no room for it.
pub(super) struct Full;

/// The pipe to the agent.
pub(super) struct Report {
    out: OwnedFd,
    buffer: Vec<u8>,
    room: usize,
}

impl Report {
    pub(super) fn new(out: OwnedFd) -> Self {
        Report { out, buffer: Vec::new(), room: FOUND_BYTES - LAST_BYTES }
    }

    /// Says all of these, or none of them.
    pub(super) fn say(&mut self, all: &[Found]) -> Result<(), Full> {
        let cost = all.iter().map(Found::cost).sum();
        self.room = self.room.checked_sub(cost).ok_or(Full)?;
        all.iter().for_each(|found| self.append(found));
        if self.buffer.len() >= PIECE_BYTES {
            self.flush();
        }
        Ok(())
    }

    /// Says what comes at the end, for which there is always room.
    pub(super) fn say_last(&mut self, found: &Found) {
        self.append(found);
    }

    fn append(&mut self, found: &Found) {
        match postcard::to_extend(found, std::mem::take(&mut self.buffer)) {
            Ok(buffer) => self.buffer = buffer,
            // Nothing of it can fail to encode, and half of it can't be taken back.
            Err(_) => sys::exit(3),
        }
    }

    /// Writes what was said. Waits for the agent, which takes it as fast as the daemon does.
    pub(super) fn flush(&mut self) {
        let mut rest = &self.buffer[..];
        while !rest.is_empty() {
            match sys::write(self.out.as_fd(), rest) {
                Ok(written @ 1..) => rest = &rest[written..],
                // Nobody wants to know.
                _ => sys::exit(1),
            }
        }
        self.buffer.clear();
    }
}
