//! The ends of a program's streams: bytes one way, credit the other.
//!
//! An [`Output`] is read only as far as the daemon granted, so a program whose output nobody takes waits
//! in its own `write`. An [`Input`] holds what the program has not read yet, never more than the window.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};

use codebeaker_agent::frame::{Channel, HEADER_BYTES, MAX_DATA_BYTES, STREAM_WINDOW};

use crate::agent::inbound::VIOLATION;
use crate::agent::outbound::Outbound;
use crate::agent::sys::memory::Buffer;
use crate::agent::sys::{self, Epoll, Errno, stream};
use crate::agent::terminal::END_OF_INPUT;
use crate::agent::witness::Keys;

/// How much one stream passes on before the next has its turn.
const TURN_FRAMES: usize = 8;

/// How many bytes a program has read before the daemon is granted as many again: small enough that it
/// is never out of credit for want of a grant, large enough that typing doesn't cost a frame a key.
const GRANT_BYTES: u32 = STREAM_WINDOW / 4;

/// A frame's header, then its payload.
const OUTPUT_BUFFER_BYTES: usize = HEADER_BYTES + MAX_DATA_BYTES;

/// Where what programs say is read into.
pub(crate) struct Buffers {
    pub(crate) output: Buffer,
    /// For what gets ahead of what the other holds.
    pub(crate) beside: Buffer,
}

impl Buffers {
    pub(crate) fn new() -> sys::Result<Self> {
        Ok(Buffers { output: Buffer::new(OUTPUT_BUFFER_BYTES)?, beside: Buffer::new(OUTPUT_BUFFER_BYTES)? })
    }
}

/// What carries a stream's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Pipe,
    Terminal,
    /// A unix socket, both ways.
    Socket,
    /// A TCP connection, both ways.
    Tcp,
}

/// Standard output or error of a program, what its terminal shows, or what comes out of a two-way stream.
pub(crate) struct Output {
    /// Gone once the end of the channel has been told.
    source: Option<OwnedFd>,
    channel: Channel,
    credit: u32,
    /// All that was passed on until now.
    sent: u64,
    /// There may be something to read.
    ready: bool,
    /// The last writer is gone; what is left has to be read to the end.
    hung_up: bool,
    /// Every process of the execution is gone: this much it left in the pipe. Reading to the end of the
    /// file instead could take for ever, because its other end can be passed to another execution.
    left: Option<usize>,
    carrier: Carrier,
}

impl Output {
    pub(crate) fn new(source: OwnedFd, channel: Channel, carrier: Carrier) -> Self {
        let source = Some(source);
        Output { source, channel, credit: STREAM_WINDOW, sent: 0, ready: false, hung_up: false, left: None, carrier }
    }

    /// epoll has news.
    pub(crate) fn set_ready(&mut self, events: u32) {
        self.ready = true;
        self.hung_up |= events & (libc::EPOLLHUP | libc::EPOLLERR) as u32 != 0;
    }

    /// The daemon has room for more.
    pub(crate) fn grant(&mut self, bytes: u32) {
        self.credit = self.credit.saturating_add(bytes);
    }

    /// The daemon is gone; the next one grants anew.
    pub(crate) fn detach(&mut self) {
        self.credit = 0;
    }

    /// Another daemon is there, who can't know an end that was told.
    pub(crate) fn attach(&mut self, outbound: &mut Outbound) {
        if self.is_ended() {
            outbound.end(self.channel);
        }
    }

    /// How many bytes were passed on.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Nobody of the execution is left to write.
    pub(crate) fn complete(&mut self) {
        if let Some(source) = &self.source {
            // A terminal doesn't tell how much it holds; it is read until it has nothing to say.
            let is_terminal = self.carrier == Carrier::Terminal;
            let level = if is_terminal { None } else { sys::level(source.as_fd()).ok() };
            self.left = Some(level.unwrap_or(usize::MAX));
            self.ready = true;
        }
    }

    /// Whether [`Output::pass_on`] would get anywhere.
    pub(crate) fn has_work(&self) -> bool {
        self.source.is_some() && self.ready && (self.credit > 0 || self.left == Some(0))
    }

    /// Whether the end of the channel has been told.
    pub(crate) fn is_ended(&self) -> bool {
        self.source.is_none()
    }

    /// Passes on some of what there is to read.
    pub(crate) fn pass_on(&mut self, epoll: &Epoll, buffer: &mut [u8], outbound: &mut Outbound) {
        self.pass_on_after(epoll, buffer, outbound, |_| {});
    }

    /// As [`Output::pass_on`]. What `first` passes on gets ahead of whatever was read before it was called.
    pub(crate) fn pass_on_after(
        &mut self,
        epoll: &Epoll,
        buffer: &mut [u8],
        outbound: &mut Outbound,
        mut first: impl FnMut(&mut Outbound),
    ) {
        for _ in 0..TURN_FRAMES {
            if !self.has_work() {
                return;
            }
            if self.left == Some(0) {
                return self.end(epoll, outbound);
            }
            if !outbound.takes_data() {
                return;
            }
            match self.take(MAX_DATA_BYTES, buffer) {
                Ok(length @ 1..) => {
                    first(outbound);
                    outbound.data(self.channel, buffer, length);
                }
                Err(Errno(libc::EAGAIN)) if self.left.is_none() => self.ready = false,
                // A terminal that no one has open any more says EIO.
                Ok(0) | Err(_) => return self.end(epoll, outbound),
            }
        }
    }

    /// Passes on all that there is to read now, as far as there is credit, whether or not the daemon takes it at
    /// the moment: what follows waits behind it. It is no more than a socket holds.
    pub(crate) fn get_ahead(&mut self, buffer: &mut [u8], outbound: &mut Outbound) {
        let level = self.source.as_ref().map_or(0, |source| sys::level(source.as_fd()).unwrap_or(0));
        let mut rest = level.min(self.credit as usize);
        while rest > 0 {
            // What else it says is heeded in its own turn.
            let Ok(length @ 1..) = self.take(rest, buffer) else { return };
            outbound.data(self.channel, buffer, length);
            rest -= length;
        }
    }

    /// Reads one frame's worth of at most `most` bytes.
    fn take(&mut self, most: usize, buffer: &mut [u8]) -> sys::Result<usize> {
        let Some(source) = &self.source else { return Ok(0) };
        let room = MAX_DATA_BYTES.min(most).min(self.credit as usize).min(self.left.unwrap_or(usize::MAX));
        let length = sys::read(source.as_fd(), &mut buffer[HEADER_BYTES..HEADER_BYTES + room])?;
        self.credit -= length as u32;
        self.sent += length as u64;
        self.left = self.left.map(|left| left.saturating_sub(length));
        // A pipe that gave less than was asked is empty, and will report when it isn't. A terminal hands out a line
        // at a time, and a socket no more than what was sent alike.
        let may_have_more = length == room || self.carrier != Carrier::Pipe;
        self.ready = may_have_more || self.hung_up || self.left.is_some();
        if self.carrier == Carrier::Tcp {
            stream::acknowledge_at_once(source.as_fd());
        }
        Ok(length)
    }

    /// Lets go of what is not read yet, and tells the end, unless that was told.
    pub(crate) fn end(&mut self, epoll: &Epoll, outbound: &mut Outbound) {
        if let Some(source) = self.source.take() {
            epoll.remove(source.as_fd());
            outbound.end(self.channel);
        }
    }
}

/// Standard input of a program, what is typed into its terminal, or what goes into a two-way stream.
pub(crate) struct Input {
    /// Gone once the program can't or shan't read any more; bytes that still come are dropped.
    sink: Option<OwnedFd>,
    channel: Channel,
    waiting: VecDeque<u8>,
    /// How many bytes the daemon may still send.
    allowance: u32,
    /// How many it may be granted again.
    owed: u32,
    /// The sink may take something.
    ready: bool,
    /// No more will come.
    ending: bool,
    carrier: Carrier,
    /// What was typed last is a whole line.
    at_line_start: bool,
    /// Given where no kernel makes signals of what is typed.
    keys: Option<Keys>,
}

impl Input {
    pub(crate) fn new(sink: Option<OwnedFd>, channel: Channel, carrier: Carrier) -> Self {
        Input {
            sink,
            channel,
            waiting: VecDeque::new(),
            allowance: STREAM_WINDOW,
            owed: 0,
            ready: true,
            ending: false,
            carrier,
            at_line_start: true,
            keys: None,
        }
    }

    /// Makes signals of keys, as the kernel doesn't.
    pub(crate) fn with_keys(self, keys: Option<Keys>) -> Self {
        Input { keys, ..self }
    }

    /// Takes bytes for the program. More than were granted end the agent.
    pub(crate) fn receive(&mut self, bytes: &[u8], epoll: &Epoll, outbound: &mut Outbound) {
        let Some(allowance) = u32::try_from(bytes.len()).ok().and_then(|length| self.allowance.checked_sub(length))
        else {
            sys::exit(VIOLATION)
        };
        self.allowance = allowance;
        self.waiting.extend(bytes);
        self.pass_on(epoll, outbound);
    }

    /// No more will come.
    pub(crate) fn end(&mut self, epoll: &Epoll, outbound: &mut Outbound) {
        if self.ending {
            return;
        }
        self.ending = true;
        if self.carrier == Carrier::Terminal {
            // On a line already begun the first only hands that over, and a second says the end.
            let last = self.waiting.back().map_or(self.at_line_start, |byte| is_line_end(*byte));
            self.waiting.extend(std::iter::repeat_n(END_OF_INPUT, if last { 1 } else { 2 }));
        }
        self.pass_on(epoll, outbound);
    }

    /// Another daemon is there, who may send what there is room for.
    pub(crate) fn attach(&mut self, outbound: &mut Outbound) {
        self.owed = 0;
        self.allowance = STREAM_WINDOW.saturating_sub(self.waiting.len() as u32);
        if self.is_open() {
            outbound.credit(self.channel, self.allowance);
        }
    }

    /// Whether more may come.
    pub(crate) fn is_open(&self) -> bool {
        self.sink.is_some() && !self.ending
    }

    /// epoll has news.
    pub(crate) fn set_ready(&mut self, epoll: &Epoll, outbound: &mut Outbound) {
        self.ready = true;
        self.pass_on(epoll, outbound);
    }

    /// The program is gone.
    pub(crate) fn close(&mut self, epoll: &Epoll) {
        self.keys = None;
        if let Some(sink) = self.sink.take() {
            epoll.remove(sink.as_fd());
            // What a pipe says by being closed: another descriptor of this socket is still read from.
            if matches!(self.carrier, Carrier::Socket | Carrier::Tcp) {
                stream::end_writing(sink.as_fd());
            }
        }
    }

    fn pass_on(&mut self, epoll: &Epoll, outbound: &mut Outbound) {
        while self.ready
            && let Some(sink) = &self.sink
            && !self.waiting.is_empty()
        {
            let (bytes, _) = self.waiting.as_slices();
            let keys = self.keys.as_ref();
            let (length, signal) = keys.map_or((bytes.len(), None), |keys| keys.seek(sink.as_fd(), bytes));
            if length == 0 {
                keys.zip(signal).into_iter().for_each(|(keys, signal)| keys.press(signal));
                self.waiting.pop_front();
                self.owe(1);
                continue;
            }
            match sys::write(sink.as_fd(), &bytes[..length]) {
                Ok(length) => {
                    if let Some(last) = self.waiting.drain(..length).next_back() {
                        self.at_line_start = is_line_end(last);
                    }
                    self.owe(length);
                }
                Err(Errno(libc::EAGAIN)) => self.ready = false,
                // The program closed its end: nobody will ever read.
                Err(_) => self.close(epoll),
            }
        }
        if self.sink.is_none() {
            let dropped = self.waiting.len();
            self.waiting.clear();
            self.owe(dropped);
        }
        if self.waiting.is_empty() {
            self.waiting.shrink_to(4096);
            if self.ending {
                self.close(epoll);
            }
        }
        if self.owed >= GRANT_BYTES {
            outbound.credit(self.channel, self.owed);
            self.allowance += self.owed;
            self.owed = 0;
        }
    }

    /// Counts bytes that were passed on, but not what [`Input::end`] typed itself.
    fn owe(&mut self, length: usize) {
        self.owed = (self.owed + length as u32).min(STREAM_WINDOW - self.allowance);
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}
