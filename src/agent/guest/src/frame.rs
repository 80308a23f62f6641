//! Frames: how control messages and byte channels share one stream.
//!
//! A frame is `length: u32 LE | kind: u8 | channel: u32 LE | payload`, where `length` counts the
//! payload alone. Control messages ([`crate::wire`]) travel on channel 0. Every other channel is a
//! program's stream or a conduit, moves raw bytes, and has its own credit: a sender may have
//! [`STREAM_WINDOW`] bytes unacknowledged, and a reader grants more when it has passed bytes on. One
//! unread channel therefore holds up nothing but itself. Most channels go one way; [`Stream::Side`] goes
//! both, and each way has a window and an end of its own.

/// Bytes before the payload.
pub const HEADER_BYTES: usize = 9;

/// The largest payload either end accepts; a longer one is a protocol violation and ends the stream.
pub const MAX_PAYLOAD_BYTES: usize = 320 * 1024;

/// The most bytes one [`Kind::Data`] frame carries, so that a control frame waits behind little.
pub const MAX_DATA_BYTES: usize = 64 * 1024;

/// How many bytes a sender may have under way on one channel before it needs credit.
pub const STREAM_WINDOW: u32 = 256 * 1024;

/// What a frame's payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A [`crate::wire`] message, on channel 0.
    Control = 0,
    /// Bytes of a channel.
    Data = 1,
    /// No more bytes will follow on this channel; the payload is empty.
    End = 2,
    /// The receiver of a channel grants `u32 LE` more bytes to its sender.
    Credit = 3,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Control,
            1 => Self::Data,
            2 => Self::End,
            3 => Self::Credit,
            _ => return None,
        })
    }
}

/// A program's stream. With the number of an execution or a conduit it names a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Stream {
    /// Towards the program: its standard input, or what is typed into its terminal.
    Stdin = 0,
    /// From the program: standard output, or everything its terminal shows.
    Stdout = 1,
    /// From the program: standard error. Unused when the program has a terminal.
    Stderr = 2,
    /// Both ways: the stream that a program has on descriptor 3, or a conduit.
    Side = 3,
}

/// Names one channel of the stream; 0 is the control channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Channel(pub u32);

impl Channel {
    /// The channel of control messages.
    pub const CONTROL: Channel = Channel(0);

    /// The channel of one stream of one execution or conduit. These are numbered together from 1, and no
    /// higher than [`Channel::MAX_NUMBER`].
    #[must_use]
    pub fn of(number: u32, stream: Stream) -> Self {
        Channel(number << 2 | stream as u32)
    }

    /// The execution or conduit and the stream that a channel names; `None` for the control channel and
    /// for a number that nothing has.
    #[must_use]
    pub fn names(self) -> Option<(u32, Stream)> {
        let stream = match self.0 & 3 {
            0 => Stream::Stdin,
            1 => Stream::Stdout,
            2 => Stream::Stderr,
            _ => Stream::Side,
        };
        (self.0 >> 2 != 0).then_some((self.0 >> 2, stream))
    }

    /// The highest number an execution or a conduit may have.
    pub const MAX_NUMBER: u32 = u32::MAX >> 2;
}

/// One frame, borrowed from the decoder's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the payload is.
    pub kind: Kind,
    /// Which channel it belongs to.
    pub channel: Channel,
    /// At most [`MAX_PAYLOAD_BYTES`].
    pub payload: &'a [u8],
}

/// Why a stream of frames can't be read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// The payload is announced longer than [`MAX_PAYLOAD_BYTES`].
    TooLong(usize),
    /// The kind byte names no [`Kind`].
    UnknownKind(u8),
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong(bytes) => write!(f, "a frame of {bytes} bytes is over the limit of {MAX_PAYLOAD_BYTES}"),
            Self::UnknownKind(byte) => write!(f, "frame kind {byte} is unknown"),
        }
    }
}

impl std::error::Error for Violation {}

/// The header of a frame with a payload of `payload_bytes`.
///
/// # Panics
/// When the payload is longer than [`MAX_PAYLOAD_BYTES`]: the sender must have cut it.
#[must_use]
pub fn header(kind: Kind, channel: Channel, payload_bytes: usize) -> [u8; HEADER_BYTES] {
    assert!(payload_bytes <= MAX_PAYLOAD_BYTES, "frame payload of {payload_bytes} bytes");
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(&(payload_bytes as u32).to_le_bytes());
    header[4] = kind as u8;
    header[5..].copy_from_slice(&channel.0.to_le_bytes());
    header
}

/// Appends a whole frame to `out`. Panics as [`header`] does.
pub fn append(out: &mut Vec<u8>, kind: Kind, channel: Channel, payload: &[u8]) {
    out.extend_from_slice(&header(kind, channel, payload.len()));
    out.extend_from_slice(payload);
}

/// Reads the frame at the start of `bytes`. `Ok(None)` means that it is not complete yet; otherwise
/// the frame and the number of bytes it took.
///
/// # Errors
/// A [`Violation`], after which the stream must be given up: nothing tells where a next frame starts.
pub fn decode(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, Violation> {
    let Some(head) = bytes.get(..HEADER_BYTES) else {
        return Ok(None);
    };
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    if length > MAX_PAYLOAD_BYTES {
        return Err(Violation::TooLong(length));
    }
    let kind = Kind::from_byte(head[4]).ok_or(Violation::UnknownKind(head[4]))?;
    let channel = Channel(u32::from_le_bytes([head[5], head[6], head[7], head[8]]));
    let Some(payload) = bytes.get(HEADER_BYTES..HEADER_BYTES + length) else {
        return Ok(None);
    };
    Ok(Some((Frame { kind, channel, payload }, HEADER_BYTES + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_only_when_it_is_whole() {
        let mut bytes = Vec::new();
        append(&mut bytes, Kind::Data, Channel::of(7, Stream::Stderr), b"hello");
        for cut in 0..bytes.len() {
            assert_eq!(decode(&bytes[..cut]), Ok(None));
        }
        let (frame, used) = decode(&bytes).unwrap().unwrap();
        assert_eq!((frame.kind, frame.payload, used), (Kind::Data, &b"hello"[..], bytes.len()));
        assert_eq!(frame.channel.names(), Some((7, Stream::Stderr)));
        assert_eq!(Channel::of(Channel::MAX_NUMBER, Stream::Side).names(), Some((Channel::MAX_NUMBER, Stream::Side)));
        assert_eq!(Channel(3).names(), None);
    }

    #[test]
    fn a_hostile_header_is_refused_before_its_payload_is_waited_for() {
        let mut bytes = header(Kind::Data, Channel(4), 0);
        bytes[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(decode(&bytes), Err(Violation::TooLong(u32::MAX as usize)));
        let mut bytes = header(Kind::Data, Channel(4), 0);
        bytes[4] = 9;
        assert_eq!(decode(&bytes), Err(Violation::UnknownKind(9)));
    }
}
