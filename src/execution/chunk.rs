//! Cuts a stream of bytes into chunks that can travel as text.
//!
//! A chunk never splits a UTF-8 character: the bytes of one that is not complete yet are held back for
//! the next chunk. A chunk with bytes that are not UTF-8 is told apart, so that it can travel as base64.

use bytes::{Bytes, BytesMut};

/// The longest UTF-8 character, less one: what may have to be held back.
const MAX_HELD: usize = 3;

/// A piece of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Its bytes, at least one.
    pub bytes: Bytes,
    /// Whether they are whole UTF-8 characters.
    pub is_text: bool,
}

/// Cuts one stream.
#[derive(Debug, Default)]
pub struct Chunker {
    held: BytesMut,
}

impl Chunker {
    /// Takes the next bytes and gives the chunks that are complete, each at most `max` bytes.
    ///
    /// # Panics
    /// When `max` has no room for one character.
    pub fn push(&mut self, bytes: Bytes, max: usize) -> Vec<Chunk> {
        let bytes = if self.held.is_empty() {
            bytes
        } else {
            self.held.extend_from_slice(&bytes);
            self.held.split().freeze()
        };
        let whole = bytes.len() - incomplete_tail(&bytes);
        self.held.extend_from_slice(&bytes[whole..]);
        cut(bytes.slice(..whole), max)
    }

    /// The bytes held back, at the end of the stream: a character that never was completed.
    pub fn finish(&mut self, max: usize) -> Vec<Chunk> {
        cut(self.held.split().freeze(), max)
    }
}

fn cut(mut bytes: Bytes, max: usize) -> Vec<Chunk> {
    assert!(max > MAX_HELD, "a chunk has room for a character");
    let mut chunks = Vec::with_capacity(bytes.len() / max + 1);
    while !bytes.is_empty() {
        let window = &bytes[..bytes.len().min(max)];
        let length = if window.len() < bytes.len() { window.len() - incomplete_tail(window) } else { window.len() };
        let chunk = bytes.split_to(length);
        let is_text = std::str::from_utf8(&chunk).is_ok();
        chunks.push(Chunk { bytes: chunk, is_text });
    }
    chunks
}

/// How many bytes at the end begin a character that is not complete.
#[must_use]
pub fn incomplete_tail(bytes: &[u8]) -> usize {
    for back in 1..=MAX_HELD.min(bytes.len()) {
        let byte = bytes[bytes.len() - back];
        let length = match byte {
            0x80..=0xBF => continue,
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => return 0,
        };
        let started = &bytes[bytes.len() - back..];
        // Bytes that can't become a character are not waited for.
        let may_become = std::str::from_utf8(started).is_err_and(|error| error.error_len().is_none());
        return if back < length && may_become { back } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn joined(chunks: &[Chunk]) -> Vec<u8> {
        chunks.iter().flat_map(|chunk| chunk.bytes.to_vec()).collect()
    }

    proptest! {
        #[test]
        fn text_stays_text_however_it_is_cut(text in "\\PC{0,200}", cuts in prop::collection::vec(1usize..9, 0..60), max in 4usize..40) {
            let mut chunker = Chunker::default();
            let mut chunks = Vec::new();
            let mut rest = Bytes::from(text.clone().into_bytes());
            for cut in cuts {
                chunks.extend(chunker.push(rest.split_to(cut.min(rest.len())), max));
            }
            chunks.extend(chunker.push(rest, max));
            chunks.extend(chunker.finish(max));
            prop_assert!(chunks.iter().all(|chunk| chunk.is_text && !chunk.bytes.is_empty() && chunk.bytes.len() <= max));
            prop_assert_eq!(joined(&chunks), text.into_bytes());
        }

        #[test]
        fn no_byte_is_lost_of_anything(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 1usize..50, max in 4usize..40) {
            let mut chunker = Chunker::default();
            let mut chunks = Vec::new();
            for piece in bytes.chunks(cut) {
                chunks.extend(chunker.push(Bytes::copy_from_slice(piece), max));
            }
            chunks.extend(chunker.finish(max));
            for chunk in &chunks {
                prop_assert_eq!(chunk.is_text, std::str::from_utf8(&chunk.bytes).is_ok());
            }
            prop_assert_eq!(joined(&chunks), bytes);
        }
    }

    #[test]
    fn only_a_character_that_may_still_be_completed_is_held_back() {
        assert_eq!(incomplete_tail("é".as_bytes()), 0);
        assert_eq!(incomplete_tail(&"é".as_bytes()[..1]), 1);
        assert_eq!(incomplete_tail(&"😀".as_bytes()[..3]), 3);
        assert_eq!(incomplete_tail(b"\xff"), 0);
        assert_eq!(incomplete_tail(b"\xe0\x80"), 0, "an overlong form is no beginning");
    }
}
