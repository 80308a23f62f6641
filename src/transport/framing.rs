//! Cuts a stream of bytes into message bodies.
//!
//! The decoder does no I/O, and its events don't depend on how the stream was cut into pieces. It
//! holds at most one body and one piece. It never gives up: whatever came before, the next
//! well-formed message is found.
//!
//! That rests on one fact: the line `Content-Length: 12` with its line end can't occur inside valid
//! JSON, because a string can't hold a raw line end, and outside of strings there are no such words.
//! So such a line always begins a message, also where the length of the body around it said
//! otherwise.

use bytes::{Buf, Bytes, BytesMut};

/// The most that the headers of one message may take, in bytes.
pub const MAX_HEADER_BYTES: usize = 4096;

const NAME: &[u8] = b"content-length:";

/// The end of a line in which a length header is looked for where no line was expected.
const WINDOW: usize = 64;

/// What the stream contained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The body of a message.
    Body(Bytes),
    /// Bytes that were no message. Reported once for each stretch of them.
    Fault(Fault),
}

/// Why bytes were no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A line where headers should be is no header.
    #[error("a message begins with its headers; other bytes were skipped")]
    Garbage,
    /// The headers go on for too long.
    #[error("the headers are longer than {MAX_HEADER_BYTES} bytes")]
    HeaderTooLong,
    /// The headers ended without `Content-Length`.
    #[error("the header Content-Length is missing")]
    MissingLength,
    /// `Content-Length` is not a whole number.
    #[error("the value of Content-Length is not a whole number")]
    BadLength,
    /// The body is longer than this end takes. It is skipped.
    #[error("the message has {length} bytes, and the limit is {limit}")]
    TooLarge {
        /// The length that the header gave.
        length: u64,
        /// The limit.
        limit: usize,
    },
    /// Another message begins where a body should still go on.
    #[error("the body is shorter than its Content-Length")]
    WrongLength,
}

#[derive(Debug)]
enum State {
    Header,
    /// Inside a body: how much of it is there or still to come, and how far it was looked through.
    Body {
        length: usize,
        searched: usize,
    },
    /// Inside a body that is too large; the buffer keeps its last bytes alone.
    Skip {
        remaining: u64,
        searched: usize,
    },
}

/// An incremental decoder of the framing.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    buffer: BytesMut,
    state: State,
    /// The length that the current header block gave so far.
    length: Option<u64>,
    /// Bytes of the current header block that left the buffer; not zero once it has begun.
    header_bytes: usize,
    /// The current stretch of bad bytes was reported.
    lost: bool,
}

impl Decoder {
    /// A decoder that takes bodies of up to `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, buffer: BytesMut::new(), state: State::Header, length: None, header_bytes: 0, lost: false }
    }

    /// Takes the next piece of the stream. Call [`Decoder::next_event`] until there is none before the next piece.
    pub fn feed(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next event that the bytes so far contain.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            let step = match self.state {
                State::Header => self.header(),
                State::Body { length, searched } => self.body(length, searched),
                State::Skip { remaining, searched } => self.skip(remaining, searched),
            };
            match step {
                Step::Event(event) => return Some(event),
                Step::Again => {}
                Step::Wait => return None,
            }
        }
    }

    /// Takes one line of a header block.
    fn header(&mut self) -> Step {
        // A line that begins like no header is reported before its end has come, which may be never.
        let begins_badly = |byte: &u8| !byte.is_ascii_alphanumeric() && !matches!(byte, b'\r' | b'\n');
        if !self.lost && self.buffer.first().is_some_and(begins_badly) {
            return self.fault(Fault::Garbage);
        }
        let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') else {
            return self.unfinished_line();
        };
        let line = self.buffer.split_to(end + 1).freeze();
        let line = line[..end].strip_suffix(b"\r").unwrap_or(&line[..end]);
        self.header_bytes += end + 1;
        if self.header_bytes <= MAX_HEADER_BYTES {
            return self.line(line);
        }
        let step = self.fault(Fault::HeaderTooLong);
        self.begin_block();
        // Nothing more is reported, but the line may end in the header of the next message.
        self.line(&line[line.len().saturating_sub(WINDOW)..]);
        step
    }

    fn line(&mut self, line: &[u8]) -> Step {
        if line.is_empty() {
            return self.end_of_headers();
        }
        if let Some(start) = last_name(line) {
            let Some(length) = number(&line[start + NAME.len()..]) else {
                self.begin_block();
                return self.fault(Fault::BadLength);
            };
            let begins_anew = start > 0 || self.length.is_some_and(|earlier| earlier != length);
            self.length = Some(length);
            self.header_bytes = line.len() - start;
            return if begins_anew { self.fault(Fault::Garbage) } else { Step::Again };
        }
        let name = line.iter().position(|&byte| byte == b':').map_or(&[][..], |colon| &line[..colon]);
        let is_header = name.first().is_some_and(u8::is_ascii_alphanumeric) && name.iter().all(u8::is_ascii_graphic);
        if is_header && (self.length.is_some() || !self.lost) {
            return Step::Again;
        }
        self.begin_block();
        self.fault(Fault::Garbage)
    }

    fn unfinished_line(&mut self) -> Step {
        if self.header_bytes + self.buffer.len() <= MAX_HEADER_BYTES {
            return Step::Wait;
        }
        let excess = self.buffer.len().saturating_sub(WINDOW);
        self.buffer.advance(excess);
        // What is still to come of this line stays over the limit.
        self.header_bytes = MAX_HEADER_BYTES + 1;
        self.length = None;
        let step = self.fault(Fault::HeaderTooLong);
        if matches!(step, Step::Again) { Step::Wait } else { step }
    }

    fn end_of_headers(&mut self) -> Step {
        let begun = self.header_bytes > 2;
        let length = self.length.take();
        self.begin_block();
        let Some(length) = length else {
            // Empty lines between messages do no harm.
            return if begun { self.fault(Fault::MissingLength) } else { Step::Again };
        };
        self.lost = false;
        match usize::try_from(length) {
            Ok(length) if length <= self.limit => {
                self.state = State::Body { length, searched: 0 };
                Step::Again
            }
            _ => {
                self.state = State::Skip { remaining: length, searched: 0 };
                Step::Event(Event::Fault(Fault::TooLarge { length, limit: self.limit }))
            }
        }
    }

    fn body(&mut self, length: usize, searched: usize) -> Step {
        let here = self.buffer.len().min(length);
        if let Some(start) = header_line(&self.buffer[..here], searched) {
            return self.cut_short(start);
        }
        if here < length {
            self.state = State::Body { length, searched: here };
            return Step::Wait;
        }
        if let Some(start) = begun_header(&self.buffer[..length]) {
            return self.cut_short(start);
        }
        self.state = State::Header;
        Step::Event(Event::Body(self.buffer.split_to(length).freeze()))
    }

    fn skip(&mut self, remaining: u64, searched: usize) -> Step {
        let here = usize::try_from(remaining).map_or(self.buffer.len(), |rest| self.buffer.len().min(rest));
        if let Some(start) = header_line(&self.buffer[..here], searched) {
            self.lost = true;
            return self.cut_short(start);
        }
        if here as u64 == remaining {
            let start = begun_header(&self.buffer[..here]);
            self.lost = start.is_some();
            self.buffer.advance(start.unwrap_or(here));
            self.state = State::Header;
            return Step::Again;
        }
        let excess = here.saturating_sub(WINDOW);
        self.buffer.advance(excess);
        self.state = State::Skip { remaining: remaining - excess as u64, searched: here - excess };
        Step::Wait
    }

    /// Leaves a body at the header line that begins at `start`.
    fn cut_short(&mut self, start: usize) -> Step {
        self.buffer.advance(start);
        self.state = State::Header;
        self.fault(Fault::WrongLength)
    }

    fn begin_block(&mut self) {
        self.header_bytes = 0;
        self.length = None;
    }

    fn fault(&mut self, fault: Fault) -> Step {
        if self.lost {
            return Step::Again;
        }
        self.lost = true;
        Step::Event(Event::Fault(fault))
    }
}

enum Step {
    Event(Event),
    Again,
    Wait,
}

/// Where the last `Content-Length:` of a line begins.
fn last_name(line: &[u8]) -> Option<usize> {
    line.windows(NAME.len()).rposition(|window| window.eq_ignore_ascii_case(NAME))
}

/// The number that a header's value is; one that is too large for any use becomes the largest.
fn number(value: &[u8]) -> Option<u64> {
    let value = value.trim_ascii();
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(value.iter().fold(0u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))))
}

/// Where a whole length line begins among bytes that should be a body; line ends before `searched` were looked at.
fn header_line(bytes: &[u8], searched: usize) -> Option<usize> {
    let mut from = searched;
    while let Some(end) = bytes[from..].iter().position(|&byte| byte == b'\n').map(|at| from + at) {
        let window = end.saturating_sub(WINDOW);
        let line = &bytes[window..end];
        if let Some(start) = last_name(line)
            && number(&line[start + NAME.len()..]).is_some()
        {
            return Some(window + start);
        }
        from = end + 1;
    }
    None
}

/// Where a length line begins that the end of a body cuts off. No valid JSON ends like that.
fn begun_header(body: &[u8]) -> Option<usize> {
    let window = body.len().saturating_sub(WINDOW);
    let tail = &body[window..];
    if let Some(start) = last_name(tail)
        && tail[start + NAME.len()..].trim_ascii().iter().all(u8::is_ascii_digit)
    {
        return Some(window + start);
    }
    (1..NAME.len())
        .rev()
        .find(|&part| tail.len() >= part && tail[tail.len() - part..].eq_ignore_ascii_case(&NAME[..part]))
        .map(|part| body.len() - part)
}

#[cfg(test)]
mod tests;
