//! Conduits: what the daemon has the agent connect to, inside the sandbox, and who may connect to the daemon.
//!
//! Each is told of exactly once as connected or not, and its channel ends exactly once. Nothing here waits:
//! a connection that takes its time is reported by epoll. What is at the other end is a program, which may
//! do anything with its end; it holds up its own conduit, and nothing else.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};

use codebeaker_agent::frame::{Channel, Stream};
use codebeaker_agent::wire::watch::Watch;
use codebeaker_agent::wire::{Endpoint, FromAgent, MAX_CONDUITS};

use crate::agent::channels::Carrier;
use crate::agent::execution::Part;
use crate::agent::files::{Files, Pipe};
use crate::agent::outbound::Outbound;
use crate::agent::sys::stream::{self, Address};
use crate::agent::sys::{Epoll, Errno};
use crate::agent::two_way::TwoWay;

/// A step that failed, and why.
type Failure = (&'static str, Errno);

/// Every conduit that the daemon has not let go of.
#[derive(Default)]
pub(crate) struct Conduits {
    all: BTreeMap<u32, Conduit>,
}

enum Conduit {
    /// epoll tells how it went.
    Connecting { socket: OwnedFd, address: Address },
    Connected {
        stream: TwoWay,
        /// Its name, which goes with it.
        _pipe: Option<Pipe>,
    },
    /// Programs may connect to it.
    Listening { socket: OwnedFd },
    /// For who connects next to this listener.
    Waiting { listener: u32 },
}

impl Conduits {
    /// Makes a conduit, or begins to. Gives the process that was made for it, which ends when its conduit is gone.
    pub(crate) fn connect(
        &mut self,
        number: u32,
        endpoint: Endpoint,
        files: &Files,
        epoll: &Epoll,
        outbound: &mut Outbound,
    ) -> Option<i32> {
        let mut process = None;
        let made = if self.all.len() >= MAX_CONDUITS {
            Err(("make one more conduit", Errno(libc::EMFILE)))
        } else {
            match endpoint {
                Endpoint::Port(port) => begin(number, Address::Loopback4(port), epoll),
                Endpoint::Unix(name) => Address::unix(&name)
                    .map_err(|errno| ("read the socket's name", errno))
                    .and_then(|address| begin(number, address, epoll)),
                Endpoint::Fifo(path) => from_fifo(number, &path, files, epoll),
                Endpoint::Listener(port) => listen(number, port, epoll),
                Endpoint::Caller(listener) => match self.all.get(&listener) {
                    Some(Conduit::Listening { .. }) => Ok(Conduit::Waiting { listener }),
                    _ => Err(("find the listener", Errno(libc::EBADF))),
                },
                Endpoint::Watch(watch) => from_watcher(number, &watch, files, epoll, &mut process),
            }
        };
        let listener = match &made {
            Ok(Conduit::Waiting { listener }) => Some(*listener),
            _ => None,
        };
        self.made(number, made, outbound);
        if let Some(listener) = listener {
            self.let_in(listener, epoll, outbound);
        }
        process
    }

    /// Lets in who stands at this listener, as many as are waited for.
    fn let_in(&mut self, listener: u32, epoll: &Epoll, outbound: &mut Outbound) {
        while let Some(Conduit::Listening { socket }) = self.all.get(&listener) {
            let waits = |(number, conduit): (&u32, &Conduit)| match conduit {
                Conduit::Waiting { listener: wanted } if *wanted == listener => Some(*number),
                _ => None,
            };
            let Some(number) = self.all.iter().find_map(waits) else { return };
            match stream::accept_program(socket.as_fd()) {
                Ok(caller) => {
                    self.all.remove(&number);
                    let made = over(caller, number, Carrier::Tcp, epoll);
                    self.made(number, made, outbound);
                }
                // One that went away again is no reason to keep the next waiting.
                Err(Errno(libc::ECONNABORTED | libc::EINTR)) => {}
                // Without descriptors the caller stays where it is, until the next one is waited for.
                Err(_) => return,
            }
        }
    }

    fn made(&mut self, number: u32, made: Result<Conduit, Failure>, outbound: &mut Outbound) {
        match made {
            Ok(conduit) => {
                if matches!(conduit, Conduit::Connected { .. } | Conduit::Listening { .. }) {
                    outbound.send(&FromAgent::Connected { conduit: number });
                }
                self.all.insert(number, conduit);
            }
            Err((step, Errno(errno))) => {
                outbound.send(&FromAgent::NotConnected { conduit: number, step: step.to_owned(), errno });
            }
        }
    }

    /// Lets go of one, if there is one of this number.
    pub(crate) fn disconnect(&mut self, number: u32, epoll: &Epoll, outbound: &mut Outbound) {
        match self.all.remove(&number) {
            None => {}
            Some(Conduit::Connecting { socket, .. }) => {
                epoll.remove(socket.as_fd());
                self.made(number, Err(("connect", Errno(libc::ECANCELED))), outbound);
            }
            Some(Conduit::Connected { mut stream, .. }) => stream.disconnect(epoll, outbound),
            Some(Conduit::Waiting { .. }) => {
                self.made(number, Err(("wait for a caller", Errno(libc::ECANCELED))), outbound);
            }
            Some(Conduit::Listening { socket }) => {
                epoll.remove(socket.as_fd());
                outbound.end(Channel::of(number, Stream::Side));
                let waits = |conduit: &Conduit| matches!(conduit, Conduit::Waiting { listener } if *listener == number);
                let waiting = self.all.iter().filter(|(_, conduit)| waits(conduit)).map(|(waiting, _)| *waiting);
                for waiting in waiting.collect::<Vec<_>>() {
                    self.disconnect(waiting, epoll, outbound);
                }
            }
        }
    }

    /// Lets go of all.
    pub(crate) fn detach(&mut self, epoll: &Epoll, outbound: &mut Outbound) {
        while let Some(number) = self.all.keys().next().copied() {
            self.disconnect(number, epoll, outbound);
        }
    }

    /// One that stands.
    pub(crate) fn get(&mut self, number: u32) -> Option<&mut TwoWay> {
        match self.all.get_mut(&number) {
            Some(Conduit::Connected { stream, .. }) => Some(stream),
            _ => None,
        }
    }

    /// epoll has news.
    pub(crate) fn notice(&mut self, number: u32, events: u32, epoll: &Epoll, outbound: &mut Outbound) {
        if let Some(stream) = self.get(number) {
            return stream.notice(events, epoll, outbound);
        }
        match self.all.get(&number) {
            Some(Conduit::Listening { .. }) => return self.let_in(number, epoll, outbound),
            Some(Conduit::Connecting { .. }) => {}
            _ => return,
        }
        if let Some(Conduit::Connecting { socket, address }) = self.all.remove(&number) {
            epoll.remove(socket.as_fd());
            let made = match stream::connected(socket.as_fd()) {
                Ok(()) => connected(socket, number, &address, epoll),
                Err(errno) => or_next(number, &address, errno, epoll),
            };
            self.made(number, made, outbound);
        }
    }

    /// Passes on what came, some of each conduit that has any. Returns whether there is more to do at once.
    pub(crate) fn pass_on(&mut self, epoll: &Epoll, buffer: &mut [u8], outbound: &mut Outbound) -> bool {
        for stream in self.with_work() {
            stream.output().pass_on(epoll, buffer, outbound);
        }
        outbound.takes_data() && self.with_work().next().is_some()
    }

    fn with_work(&mut self) -> impl Iterator<Item = &mut TwoWay> {
        self.all.values_mut().filter_map(|conduit| match conduit {
            Conduit::Connected { stream, .. } => stream.has_work().then_some(stream),
            _ => None,
        })
    }
}

fn begin(number: u32, address: Address, epoll: &Epoll) -> Result<Conduit, Failure> {
    let socket = stream::open(address.family()).map_err(|errno| ("open socket", errno))?;
    if !matches!(address, Address::Unix(..)) {
        stream::send_at_once(socket.as_fd());
        stream::acknowledge_at_once(socket.as_fd());
    }
    match address.connect(socket.as_fd()) {
        Ok(true) => connected(socket, number, &address, epoll),
        Ok(false) => {
            let events = libc::EPOLLIN | libc::EPOLLOUT;
            epoll
                .add(socket.as_fd(), events, Part::Side.token(number))
                .map_err(|errno| ("watch the connection", errno))?;
            Ok(Conduit::Connecting { socket, address })
        }
        Err(errno) => or_next(number, &address, errno, epoll),
    }
}

/// Programs listen on either loopback address, and few on both: where one has nobody, the next may.
fn or_next(number: u32, address: &Address, errno: Errno, epoll: &Epoll) -> Result<Conduit, Failure> {
    match address {
        // What the kernel says of the second is news only where it knows such addresses.
        Address::Loopback4(port) => match begin(number, Address::Loopback6(*port), epoll) {
            Err((_, Errno(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL))) => Err(("connect", errno)),
            other => other,
        },
        Address::Loopback6(_) | Address::Unix(..) => Err(("connect", errno)),
    }
}

fn connected(socket: OwnedFd, number: u32, address: &Address, epoll: &Epoll) -> Result<Conduit, Failure> {
    let carrier = if matches!(address, Address::Unix(..)) { Carrier::Socket } else { Carrier::Tcp };
    over(socket, number, carrier, epoll)
}

fn over(socket: OwnedFd, number: u32, carrier: Carrier, epoll: &Epoll) -> Result<Conduit, Failure> {
    let stream = TwoWay::new(socket, number, carrier, epoll).map_err(|errno| ("watch the connection", errno))?;
    Ok(Conduit::Connected { stream, _pipe: None })
}

fn listen(number: u32, port: u16, epoll: &Epoll) -> Result<Conduit, Failure> {
    let socket = stream::listen_at(port).map_err(|errno| ("listen", errno))?;
    epoll
        .add(socket.as_fd(), libc::EPOLLIN, Part::Side.token(number))
        .map_err(|errno| ("watch the listener", errno))?;
    Ok(Conduit::Listening { socket })
}

fn from_watcher(
    number: u32,
    watch: &Watch,
    files: &Files,
    epoll: &Epoll,
    process: &mut Option<i32>,
) -> Result<Conduit, Failure> {
    let (pipe, pid) = files.watch(watch).map_err(|errno| ("open directory", errno))?;
    *process = Some(pid);
    let stream = TwoWay::reading(pipe, number, epoll).map_err(|errno| ("watch the pipe", errno))?;
    Ok(Conduit::Connected { stream, _pipe: None })
}

fn from_fifo(number: u32, path: &[u8], files: &Files, epoll: &Epoll) -> Result<Conduit, Failure> {
    let (fifo, pipe) = files.make_pipe(path).map_err(|errno| ("make pipe", errno))?;
    let stream = TwoWay::reading(fifo, number, epoll).map_err(|errno| ("watch the pipe", errno))?;
    Ok(Conduit::Connected { stream, _pipe: Some(pipe) })
}
