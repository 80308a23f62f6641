//! Lines of JSON from a driver, of bounded length, depth and size.

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

use super::wire::Event;
use crate::json;

/// The longest line, either way.
pub(super) const MAX_LINE_BYTES: usize = 4 << 20;

/// How deep a line nests at most.
const MAX_DEPTH: usize = 64;

/// How many values a line has at most: each takes many times its length once it is read.
const MAX_VALUES: usize = 100_000;

/// Why a driver is not believed any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// It is gone.
    #[error("it has ended")]
    Ended,
    /// A line has no end.
    #[error("its driver sent a line of more than {MAX_LINE_BYTES} bytes")]
    TooLong,
    /// A line is too large in another way.
    #[error("its driver sent a line that nests too deep or says too much")]
    TooMuch,
    /// A line is none of the protocol's.
    #[error("its driver sent what is no message")]
    Malformed,
    /// It answers what nobody asked.
    #[error("its driver answered what nobody asked")]
    Unasked,
}

/// Reads the lines.
#[derive(Debug)]
pub(super) struct Lines<R> {
    stream: BufReader<R>,
    line: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(stream: R) -> Self {
        Self { stream: BufReader::with_capacity(16 << 10, stream), line: Vec::new() }
    }

    /// The next event. Safe to be dropped and called again.
    ///
    /// # Errors
    /// [`Broken`] when there is none, or none that may be read.
    pub(super) async fn next(&mut self) -> Result<Event, Broken> {
        while self.line.last() != Some(&b'\n') {
            let room = (MAX_LINE_BYTES + 1).saturating_sub(self.line.len());
            if room == 0 {
                return Err(Broken::TooLong);
            }
            let mut bounded = (&mut self.stream).take(room as u64);
            let read = bounded.read_until(b'\n', &mut self.line).await;
            if read.map_err(|_| Broken::Ended)? == 0 {
                return Err(Broken::Ended);
            }
        }
        let line = std::mem::take(&mut self.line);
        if !json::is_within(&line, MAX_DEPTH, MAX_VALUES) {
            return Err(Broken::TooMuch);
        }
        serde_json::from_slice(&line).map_err(|_| Broken::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    async fn first(bytes: &[u8]) -> Result<Event, Broken> {
        Lines::new(bytes).next().await
    }

    #[tokio::test]
    async fn what_is_too_large_or_no_message_is_not_read() {
        assert!(matches!(first(b"").await, Err(Broken::Ended)));
        assert!(matches!(first(b"{\"event\":\"done\"").await, Err(Broken::Ended)));
        for odd in ["\n", "[]\n", "{}\n", "{\"event\":\"dance\"}\n", "\u{0}\n", "{\"event\":\"done\",\"id\":-1}\n"] {
            assert!(matches!(first(odd.as_bytes()).await, Err(Broken::Malformed)), "{odd:?}");
        }
        let mut long = vec![b' '; MAX_LINE_BYTES + 1];
        assert!(matches!(first(&long).await, Err(Broken::TooLong)));
        long.push(b'\n');
        assert!(matches!(first(&long).await, Err(Broken::TooLong)));
        let deep = format!("{}\n", "[".repeat(MAX_DEPTH + 1));
        assert!(matches!(first(deep.as_bytes()).await, Err(Broken::TooMuch)));
        let many = format!("[{}]\n", "1,".repeat(MAX_VALUES + 1));
        assert!(matches!(first(many.as_bytes()).await, Err(Broken::TooMuch)));
        let text = format!("{{\"event\":\"ready\",\"version\":\"{}\"}}\n", "[,".repeat(MAX_VALUES));
        assert!(matches!(first(text.as_bytes()).await, Ok(Event::Ready { .. })));
    }

    #[tokio::test]
    async fn a_line_that_comes_in_pieces_is_read_once_it_is_whole() {
        use tokio::io::AsyncWriteExt;
        let (mut theirs, ours) = tokio::io::duplex(1 << 10);
        let mut lines = Lines::new(ours);
        for byte in b"{\"event\":\"ready\",\"version\":\"3\"}" {
            theirs.write_all(&[*byte]).await.unwrap();
            let early = tokio::time::timeout(std::time::Duration::ZERO, lines.next()).await;
            assert!(early.is_err(), "{early:?}");
        }
        theirs.write_all(b"\n").await.unwrap();
        assert!(matches!(lines.next().await, Ok(Event::Ready { version, .. }) if version.0 == "3"));
    }

    proptest! {
        #[test]
        fn nothing_that_a_driver_says_is_a_panic(line in "(\\{|\\}|\"|:|,|event|done|display|id|data|1|é|\\\\|\\[|\\]){0,60}") {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            drop(runtime.block_on(first(format!("{line}\n").as_bytes())));
        }
    }
}
