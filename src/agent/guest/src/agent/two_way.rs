//! A stream that goes both ways: the side stream of a program, or a conduit.
//!
//! Each way is what a one-way stream is: an [`Output`] and an [`Input`], on two descriptors of one socket,
//! so that either can be let go of alone.

use std::os::fd::{AsFd, OwnedFd};

use codebeaker_agent::frame::{Channel, Stream};

use crate::agent::channels::{Carrier, Input, Output};
use crate::agent::execution::Part;
use crate::agent::outbound::Outbound;
use crate::agent::sys::{self, Epoll};

/// Both ways.
pub(crate) struct TwoWay {
    input: Input,
    output: Output,
}

impl TwoWay {
    /// Takes over a connected socket that does not block, and has epoll report it.
    pub(crate) fn new(socket: OwnedFd, number: u32, carrier: Carrier, epoll: &Epoll) -> sys::Result<Self> {
        let sink = sys::duplicate(socket.as_fd())?;
        let token = Part::Side.token(number);
        epoll.add(socket.as_fd(), libc::EPOLLIN, token)?;
        epoll.add(sink.as_fd(), libc::EPOLLOUT, token)?;
        Ok(Self::over(socket, Some(sink), number, carrier))
    }

    /// Takes over a FIFO, into which nothing goes, and has epoll report it.
    pub(crate) fn reading(fifo: OwnedFd, number: u32, epoll: &Epoll) -> sys::Result<Self> {
        epoll.add(fifo.as_fd(), libc::EPOLLIN, Part::Side.token(number))?;
        Ok(Self::over(fifo, None, number, Carrier::Pipe))
    }

    fn over(source: OwnedFd, sink: Option<OwnedFd>, number: u32, carrier: Carrier) -> Self {
        let channel = Channel::of(number, Stream::Side);
        TwoWay { input: Input::new(sink, channel, carrier), output: Output::new(source, channel, carrier) }
    }

    /// The way in.
    pub(crate) fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    /// The way out.
    pub(crate) fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// epoll has news.
    pub(crate) fn notice(&mut self, events: u32, epoll: &Epoll, outbound: &mut Outbound) {
        if events & !(libc::EPOLLOUT as u32) != 0 {
            self.output.set_ready(events);
        }
        if events & !(libc::EPOLLIN as u32) != 0 {
            self.input.set_ready(epoll, outbound);
        }
    }

    /// Whether [`Output::pass_on`] would get anywhere.
    pub(crate) fn has_work(&self) -> bool {
        self.output.has_work()
    }

    /// Whoever was at the other end is gone: what they said is still passed on.
    pub(crate) fn complete(&mut self, epoll: &Epoll) {
        self.input.close(epoll);
        self.output.complete();
    }

    /// Nobody wants it any more: the other end sees it closed.
    pub(crate) fn disconnect(&mut self, epoll: &Epoll, outbound: &mut Outbound) {
        self.input.close(epoll);
        self.output.end(epoll, outbound);
    }

    /// Whether the end of the way out has been told.
    pub(crate) fn is_ended(&self) -> bool {
        self.output.is_ended()
    }
}
