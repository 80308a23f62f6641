//! An output stream that goes on, cut into parts by marks.
//!
//! Each part ends with a mark that nobody knew before it began. It promises that not a byte is lost or doubled, also
//! where a program prints what looks like the beginning of a mark. What comes behind a mark belongs to the next part.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::sync::CancellationToken;

use crate::agent::{ByteStream, LinkError};

/// How long a mark may take that was written already.
const PATIENCE: Duration = Duration::from_secs(10);

/// A stream and where it is.
#[derive(Debug)]
pub struct Marked {
    stream: ByteStream,
    cutter: Cutter,
    /// Bytes of marks, which nobody else gives back.
    owed: usize,
    /// The mark should be there by now.
    due: CancellationToken,
    /// No part is being read.
    is_over: bool,
    /// It came to no mark.
    is_lost: bool,
}

impl Marked {
    /// A stream at its beginning.
    #[must_use]
    pub fn new(stream: ByteStream) -> Self {
        let (cutter, due) = (Cutter::default(), CancellationToken::new());
        Self { stream, cutter, owed: 0, due, is_over: true, is_lost: false }
    }

    /// Begins a part, which ends with `mark`; `due` says when that has been written.
    pub async fn begin(&mut self, mark: Vec<u8>, due: CancellationToken) {
        let owed = std::mem::take(&mut self.owed);
        // A stream that is gone needs no credit; the next read says so.
        drop(self.stream.grant(owed).await);
        self.cutter.mark = mark;
        self.due = due;
        self.is_over = false;
    }

    /// Whether its program wrote no mark where it had to.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// As [`ByteStream::next`], until the mark.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, LinkError> {
        while !self.is_over {
            match self.cutter.cut() {
                Cut::Bytes(bytes) => return Ok(Some(bytes)),
                Cut::Mark => {
                    self.owed += self.cutter.mark.len();
                    self.is_over = true;
                    return Ok(None);
                }
                Cut::Nothing => {}
            }
            let due = self.due.clone();
            let overdue = async {
                due.cancelled().await;
                tokio::time::sleep(PATIENCE).await;
            };
            let read = tokio::select! {
                biased;
                read = self.stream.next() => read?,
                () = overdue => {
                    self.is_lost = true;
                    None
                }
            };
            let Some(bytes) = read else {
                self.is_over = true;
                let rest = self.cutter.rest();
                return Ok((!rest.is_empty()).then_some(rest));
            };
            self.cutter.waiting.extend_from_slice(&bytes);
        }
        Ok(None)
    }

    /// As [`ByteStream::grant`].
    pub(super) async fn grant(&mut self, bytes: usize) -> Result<(), LinkError> {
        self.stream.grant(bytes).await
    }
}

/// Finds the mark.
#[derive(Debug, Default)]
struct Cutter {
    /// What was read and not passed on.
    waiting: BytesMut,
    mark: Vec<u8>,
}

enum Cut {
    /// They come before the mark.
    Bytes(Bytes),
    /// It is here, and taken.
    Mark,
    /// More has to be read.
    Nothing,
}

impl Cutter {
    fn cut(&mut self) -> Cut {
        match self.before_mark() {
            0 if self.waiting.starts_with(&self.mark) => {
                self.waiting.advance(self.mark.len());
                Cut::Mark
            }
            0 => Cut::Nothing,
            length => Cut::Bytes(self.waiting.split_to(length).freeze()),
        }
    }

    /// How many bytes are before the mark, or before what may become it.
    fn before_mark(&self) -> usize {
        let Some(&first) = self.mark.first() else { return self.waiting.len() };
        let mut from = 0;
        while let Some(found) = self.waiting[from..].iter().position(|&byte| byte == first) {
            let at = from + found;
            let length = self.mark.len().min(self.waiting.len() - at);
            if self.waiting[at..at + length] == self.mark[..length] {
                return at;
            }
            from = at + 1;
        }
        self.waiting.len()
    }

    fn rest(&mut self) -> Bytes {
        self.waiting.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes out of a stream that arrives in these pieces, and what is left behind the mark.
    fn cut(mark: &[u8], pieces: &[&[u8]]) -> (Vec<u8>, Option<Vec<u8>>) {
        let mut cutter = Cutter { waiting: BytesMut::new(), mark: mark.to_vec() };
        let mut out = Vec::new();
        let mut pieces = pieces.iter();
        loop {
            match cutter.cut() {
                Cut::Bytes(bytes) => out.extend_from_slice(&bytes),
                Cut::Mark => {
                    let rest = pieces.fold(cutter.rest().to_vec(), |rest, piece| [&rest, *piece].concat());
                    return (out, Some(rest));
                }
                Cut::Nothing => match pieces.next() {
                    Some(piece) => cutter.waiting.extend_from_slice(piece),
                    None => {
                        out.extend_from_slice(&cutter.rest());
                        return (out, None);
                    }
                },
            }
        }
    }

    #[test]
    fn parts_of_a_mark_are_output() {
        let mark = b"\0ab\0";
        assert_eq!(cut(mark, &[b"x\0a", b"b\0y"]), (b"x".to_vec(), Some(b"y".to_vec())));
        assert_eq!(cut(mark, &[b"\0a\0ab\0"]), (b"\0a".to_vec(), Some(Vec::new())));
        assert_eq!(cut(mark, &[b"\0\0\0ab", b"c\0ab"]), (b"\0\0\0abc\0ab".to_vec(), None));
        assert_eq!(cut(mark, &[]), (Vec::new(), None));
    }

    proptest! {
        #[test]
        fn not_a_byte_is_lost_or_doubled(before in "[\0ab]{0,40}", after in "[\0ab]{0,9}", step in 1_usize..9) {
            let mark = b"\0abc\0";
            let whole = [before.as_bytes(), mark, after.as_bytes()].concat();
            let pieces: Vec<&[u8]> = whole.chunks(step).collect();
            prop_assert_eq!(cut(mark, &pieces), (before.into_bytes(), Some(after.into_bytes())));
        }
    }
}
