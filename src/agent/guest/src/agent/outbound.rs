//! The way out: everything the agent says to the daemon.
//!
//! Control frames overtake data at the borders of frames. Data is never queued: a frame is made from a
//! program's bytes only when the stream takes bytes, and what it doesn't take of that one frame is all
//! that waits, with what gets ahead of it ([`Output::get_ahead`](super::channels::Output::get_ahead)).
//! Programs are thereby held up, and memory is bounded, by the reader alone.

use std::os::fd::BorrowedFd;

use codebeaker_agent::frame::{self, Channel, HEADER_BYTES, Kind};
use codebeaker_agent::wire::FromAgent;

use crate::agent::Daemon;
use crate::agent::sys::{self, Errno};

/// A queue that never runs empty forgets what was written once it is this much.
const COMPACT_BYTES: usize = 1024 * 1024;

/// Memory worth giving back.
const LARGE_BYTES: usize = 64 * 1024;

/// Frames on their way to the daemon.
pub(crate) struct Outbound {
    /// `None` while there is none: what is said then is dropped.
    daemon: Option<Daemon>,
    /// The stream takes nothing any more.
    lost: bool,
    /// The stream took everything so far.
    writable: bool,
    /// The rest of a data frame that the stream has begun to take, and what has to follow it.
    begun: Queue,
    /// Whole control frames.
    control: Queue,
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    written: usize,
}

impl Queue {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    fn advance(&mut self, bytes: usize) {
        self.written += bytes;
        if self.written == self.bytes.len() {
            self.bytes.clear();
            self.written = 0;
        } else if self.written > COMPACT_BYTES {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }
}

impl Outbound {
    pub(crate) fn new(daemon: Daemon) -> Self {
        Outbound {
            daemon: Some(daemon),
            lost: false,
            writable: true,
            begun: Queue::default(),
            control: Queue::default(),
        }
    }

    /// The one that all of it is for.
    pub(crate) fn daemon(&self) -> Option<&Daemon> {
        self.daemon.as_ref()
    }

    /// Whether the daemon will never hear anything again.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Speaks to this daemon from now on, or to none. What waited for the last one is dropped.
    pub(crate) fn change(&mut self, daemon: Option<Daemon>) -> Option<Daemon> {
        let last = self.daemon.take();
        *self = Outbound { daemon, lost: false, writable: true, begun: Queue::default(), control: Queue::default() };
        last
    }

    /// Queues a message.
    pub(crate) fn send(&mut self, message: &FromAgent) {
        if self.daemon.is_none() {
            return;
        }
        let start = self.control.bytes.len();
        self.control.bytes.extend_from_slice(&[0; HEADER_BYTES]);
        let bytes = std::mem::take(&mut self.control.bytes);
        // Nothing that the agent sends can fail to encode, and half a frame can't be taken back.
        let Ok(mut bytes) = postcard::to_extend(message, bytes) else { sys::exit(3) };
        let header = frame::header(Kind::Control, Channel::CONTROL, bytes.len() - start - HEADER_BYTES);
        bytes[start..start + HEADER_BYTES].copy_from_slice(&header);
        self.control.bytes = bytes;
    }

    /// Queues the end of a channel, all of whose data has been handed to [`Outbound::data`].
    pub(crate) fn end(&mut self, channel: Channel) {
        if self.daemon.is_some() {
            frame::append(&mut self.control.bytes, Kind::End, channel, &[]);
        }
    }

    /// Queues leave to send more on a channel.
    pub(crate) fn credit(&mut self, channel: Channel, bytes: u32) {
        if self.daemon.is_some() {
            frame::append(&mut self.control.bytes, Kind::Credit, channel, &bytes.to_le_bytes());
        }
    }

    /// Whether a data frame may be made now.
    pub(crate) fn takes_data(&mut self) -> bool {
        self.flush();
        self.writable && self.daemon.is_some()
    }

    /// Sends the frame that `buffer` holds: room for the header, then `length` bytes of `channel`. Only
    /// when [`Outbound::takes_data`] has just said so, except for what gets ahead of a frame, and that frame.
    pub(crate) fn data(&mut self, channel: Channel, buffer: &mut [u8], length: usize) {
        buffer[..HEADER_BYTES].copy_from_slice(&frame::header(Kind::Data, channel, length));
        let whole = &buffer[..HEADER_BYTES + length];
        if !self.writable {
            return self.begun.bytes.extend_from_slice(whole);
        }
        let Some(daemon) = &self.daemon else { return };
        let mut written = 0;
        while written < whole.len() {
            match write(daemon.output(), &whole[written..]) {
                Ok(bytes) => written += bytes,
                Err(stop) => {
                    self.writable = false;
                    self.lost |= stop == Stop::Lost;
                    self.begun.bytes.extend_from_slice(&whole[written..]);
                    return;
                }
            }
        }
    }

    /// Writes what is queued and what fits.
    pub(crate) fn flush(&mut self) {
        let Some(daemon) = &self.daemon else { return };
        for queue in [&mut self.begun, &mut self.control] {
            while self.writable && !queue.rest().is_empty() {
                match write(daemon.output(), queue.rest()) {
                    Ok(bytes) => queue.advance(bytes),
                    Err(stop) => {
                        self.writable = false;
                        self.lost |= stop == Stop::Lost;
                    }
                }
            }
        }
    }

    /// The stream has room again.
    pub(crate) fn set_writable(&mut self) {
        self.writable = true;
    }

    /// How many bytes of control frames wait.
    pub(crate) fn backlog(&self) -> usize {
        self.control.rest().len()
    }

    /// Whether [`Outbound::shrink`] would give back much.
    pub(crate) fn is_large(&self) -> bool {
        [&self.begun, &self.control].iter().any(|queue| queue.bytes.is_empty() && queue.bytes.capacity() > LARGE_BYTES)
    }

    /// Gives back memory that large messages took.
    pub(crate) fn shrink(&mut self) {
        for queue in [&mut self.begun, &mut self.control] {
            if queue.bytes.is_empty() {
                queue.bytes = Vec::new();
            }
        }
    }
}

/// Why a stream takes nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// It is full.
    Full,
    /// Nobody reads it any more.
    Lost,
}

/// Writes what fits.
fn write(stream: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Stop> {
    sys::write(stream, bytes).map_err(|errno| if errno == Errno(libc::EAGAIN) { Stop::Full } else { Stop::Lost })
}
