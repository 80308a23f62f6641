//! The last bytes of a stream, kept so that a client can read them again by offset.

use std::collections::VecDeque;

/// The end of one stream.
#[derive(Debug)]
pub(super) struct Kept {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// The offset after the last byte kept.
    end: u64,
    finished: bool,
}

/// What a read found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The bytes, from `offset` on.
    pub bytes: Vec<u8>,
    /// Where they start: later than was asked for, when those bytes are gone.
    pub offset: u64,
    /// Bytes that were asked for and are gone.
    pub lost: u64,
    /// Whether the stream ends after these bytes.
    pub is_end: bool,
}

impl Kept {
    /// Keeps at most `capacity` bytes, of a stream of which `passed` are gone already.
    #[must_use]
    pub(super) fn new(capacity: usize, passed: u64) -> Self {
        Self { bytes: VecDeque::new(), capacity, end: passed, finished: false }
    }

    /// Adds the next bytes of the stream.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.end += bytes.len() as u64;
        let tail = &bytes[bytes.len().saturating_sub(self.capacity)..];
        let over = (self.bytes.len() + tail.len()).saturating_sub(self.capacity);
        self.bytes.drain(..over);
        self.bytes.extend(tail);
    }

    /// No more bytes will come.
    pub(super) fn finish(&mut self) {
        self.finished = true;
        self.bytes.shrink_to_fit();
    }

    /// Up to `max` bytes from `offset` on; from beyond the end, none.
    #[must_use]
    pub(super) fn read(&self, offset: u64, max: usize) -> Piece {
        let first = self.end - self.bytes.len() as u64;
        let start = offset.clamp(first, self.end);
        let from = (start - first) as usize;
        let bytes: Vec<u8> = self.bytes.range(from..).take(max).copied().collect();
        let is_end = self.finished && start + bytes.len() as u64 == self.end;
        Piece { bytes, offset: start, lost: first.saturating_sub(offset), is_end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_bytes_go_and_are_counted() {
        let mut kept = Kept::new(4, 0);
        kept.push(b"abc");
        kept.push(b"def");
        assert_eq!(kept.read(0, 10), Piece { bytes: b"cdef".to_vec(), offset: 2, lost: 2, is_end: false });
        assert_eq!(kept.read(3, 2), Piece { bytes: b"de".to_vec(), offset: 3, lost: 0, is_end: false });
        kept.push(b"0123456789");
        kept.finish();
        assert_eq!(kept.read(14, 9), Piece { bytes: b"89".to_vec(), offset: 14, lost: 0, is_end: true });
        assert_eq!(kept.read(99, 9), Piece { bytes: Vec::new(), offset: 16, lost: 0, is_end: true });
    }

    #[test]
    fn what_passed_before_is_gone_and_counted() {
        let mut kept = Kept::new(4, 100);
        assert_eq!(kept.read(0, 9), Piece { bytes: Vec::new(), offset: 100, lost: 100, is_end: false });
        kept.push(b"ab");
        assert_eq!(kept.read(90, 9), Piece { bytes: b"ab".to_vec(), offset: 100, lost: 10, is_end: false });
    }
}
