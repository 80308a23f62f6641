//! The agent: the process that is PID 1 in a sandbox, and does there what the daemon asks.
//!
//! One thread, one loop, nothing in it that blocks: whatever a program does, the daemon is heard. It
//! believes nothing that programs can influence. When the daemon is gone, or says something that is no
//! protocol, it ends at once, and the kernel ends every process of the sandbox with it.

mod channels;
mod conduits;
mod exec;
mod execution;
mod executions;
mod files;
mod helpers;
mod inbound;
mod oom;
mod order;
mod outbound;
mod part;
mod presence;
mod processes;
mod program;
mod shim;
mod shims;
mod sys;
mod terminal;
#[cfg(test)]
mod tests;
mod two_way;
mod watch;
mod witness;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use codebeaker_agent::frame::{Channel, Frame, Kind, Stream};
use codebeaker_agent::plan::Protection;
use codebeaker_agent::wire::{self, FileOp, FromAgent, Ready, ToAgent};

use self::channels::Buffers;
use self::conduits::Conduits;
use self::execution::{Execution, Part};
use self::executions::Executions;
use self::files::Files;
use self::files::finders::{Finders, finder_of};
use self::inbound::{Filled, Inbound, VIOLATION};
use self::outbound::Outbound;
use self::presence::{Alone, Due};
use self::program::ProgramLimits;
use self::shims::Shims;
use self::sys::Epoll;
pub(crate) use self::sys::is_gvisor;
use self::two_way::TwoWay;
use self::watch::{Limits, Watch};

/// epoll's tokens of the loop's own; those of executions and conduits are higher.
const STREAM: u64 = 0;
const CHILDREN: u64 = 1;
const DEPARTURES: u64 = 2;
const DOOR: u64 = 3;

/// With this many bytes of control frames unread by the daemon, nothing more is asked of the agent.
const BACKLOG_BYTES: usize = 1024 * 1024;

/// How long nothing has to happen until memory is given back.
const REST: Duration = Duration::from_secs(1);

/// How many frames are heeded before output has its turn again.
const FRAMES_PER_ROUND: usize = 64;

/// The way to the daemon and back.
pub(crate) struct Daemon {
    input: OwnedFd,
    /// `None` where it is the input: a socket goes both ways.
    output: Option<OwnedFd>,
}

impl Daemon {
    /// Over one stream that goes both ways.
    pub(crate) fn over(stream: OwnedFd) -> Self {
        Daemon { input: stream, output: None }
    }

    /// Over a stream for each way.
    pub(crate) fn between(input: OwnedFd, output: OwnedFd) -> Self {
        Daemon { input, output: Some(output) }
    }

    pub(crate) fn input(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }

    pub(crate) fn output(&self) -> BorrowedFd<'_> {
        self.output.as_ref().unwrap_or(&self.input).as_fd()
    }

    /// Has epoll forget both ways.
    fn end(self, epoll: &Epoll) {
        for fd in [Some(&self.input), self.output.as_ref()].into_iter().flatten() {
            epoll.remove(fd.as_fd());
        }
    }

    /// Makes both ways return at once, keeps them from programs, and has epoll report them.
    fn begin(&self, epoll: &Epoll) -> sys::Result<()> {
        for fd in [Some(&self.input), self.output.as_ref()].into_iter().flatten() {
            sys::set_close_on_exec(fd.as_fd())?;
            sys::set_nonblocking(fd.as_fd())?;
        }
        let arrivals = libc::EPOLLIN | libc::EPOLLRDHUP;
        match &self.output {
            None => epoll.add(self.input(), arrivals | libc::EPOLLOUT, STREAM),
            Some(output) => {
                epoll.add(self.input(), arrivals, STREAM)?;
                epoll.add(output.as_fd(), libc::EPOLLOUT, DEPARTURES)
            }
        }
    }
}

/// What the agent finds when it begins: it runs in the finished sandbox, without privileges.
pub(crate) struct Surroundings {
    /// The only way to the daemon.
    pub(crate) daemon: Daemon,
    /// The directory that the user works in.
    pub(crate) workspace: OwnedFd,
    /// The directory for code without a file, writable here only.
    pub(crate) code: OwnedFd,
    /// Where programs have what need not last.
    pub(crate) temporary: OwnedFd,
    /// The most resident memory that all programs may have together; `None` where a cgroup sees to it.
    pub(crate) watched_memory_bytes: Option<u64>,
    /// The most processes and threads that all programs may have together, where nothing else counts them.
    pub(crate) watched_processes: Option<u64>,
    /// Nobody outside the sandbox is the same user, so that the kernel counts the sandbox's processes alone.
    pub(crate) own_user: bool,
    /// How long the sandbox may be without a daemon; `None` where it ends with its stream.
    pub(crate) alone: Option<Duration>,
    /// The Landlock ABI in force; 0 when the kernel has none.
    pub(crate) landlock_abi: u32,
    /// Protections that an attack test leaves out.
    pub(crate) without: Vec<Protection>,
}

/// Serves the daemon until it is gone. Never returns, and leaves no process behind.
pub(crate) fn run(surroundings: Surroundings) -> ! {
    // A panic must not unwind into whatever called us: in a shim that would be a second agent.
    std::panic::set_hook(Box::new(|_| sys::exit(70)));
    match Agent::new(surroundings) {
        Ok(mut agent) => agent.serve(),
        // There is no one to tell but by ending: `Ready` was not sent.
        Err(_) => sys::exit(71),
    }
}

struct Agent {
    epoll: Epoll,
    children: OwnedFd,
    inbound: Inbound,
    outbound: Outbound,
    executions: Executions,
    conduits: Conduits,
    files: Files,
    finders: Finders,
    buffers: Buffers,
    /// The stream may have something to read.
    readable: bool,
    alone: Option<Alone>,
    landlock_abi: u32,
    /// The highest number of an execution or a conduit until now.
    highest: u32,
    /// The daemon's own words, for the next one.
    kept: Vec<u8>,
}

impl Agent {
    fn new(surroundings: Surroundings) -> sys::Result<Self> {
        let Surroundings { daemon, workspace, code, temporary, landlock_abi, without, own_user, .. } = surroundings;
        let limits =
            Limits { memory_bytes: surroundings.watched_memory_bytes, processes: surroundings.watched_processes };
        sys::occupy_standard_descriptors()?;
        for fd in [&workspace, &code] {
            sys::set_close_on_exec(fd.as_fd())?;
        }
        let children = sys::take_signals()?;
        sys::set_file_mask(0o022);
        let epoll = Epoll::new()?;
        daemon.begin(&epoll)?;
        let trusts_all = without.contains(&Protection::JoinerIdentity);
        let alone = surroundings.alone.map(|most| Alone::new(most, trusts_all, &epoll, DOOR)).transpose()?;
        epoll.add(children.as_fd(), libc::EPOLLIN, CHILDREN)?;
        let left_out = |protection| without.contains(&protection);
        let shims = Shims::new(ProgramLimits::split(own_user)?, !left_out(Protection::Sweep));
        let watch = Watch::new(limits, !own_user, !left_out(Protection::MemoryWatch), shims.leave_orphans());
        let mut agent = Agent {
            epoll,
            children,
            inbound: Inbound::new()?,
            outbound: Outbound::new(daemon),
            executions: Executions::new(shims, watch)?,
            conduits: Conduits::default(),
            files: Files::new(workspace, code, temporary, !left_out(Protection::BeneathWorkspace)),
            finders: Finders::default(),
            buffers: Buffers::new()?,
            readable: true,
            alone,
            landlock_abi,
            highest: 0,
            kept: Vec::new(),
        };
        agent.greet();
        Ok(agent)
    }

    fn greet(&mut self) {
        let (landlock_abi, highest, running) = (self.landlock_abi, self.highest, self.executions.describe());
        let (version, kept) = (wire::VERSION, self.kept.clone());
        self.outbound.send(&FromAgent::Ready(Ready { version, landlock_abi, highest, running, kept }));
        self.executions.attach(&mut self.outbound);
    }

    /// The daemon is gone. Most sandboxes end with it.
    fn detach(&mut self) {
        let Some(alone) = &mut self.alone else { sys::exit(0) };
        alone.begin();
        if let Some(last) = self.outbound.change(None) {
            last.end(&self.epoll);
        }
        self.inbound.reset();
        self.readable = false;
        self.executions.detach(&self.epoll, &mut self.outbound);
        self.conduits.detach(&self.epoll, &mut self.outbound);
        self.files.detach();
        self.finders.detach(&self.epoll, &mut self.executions);
    }

    /// Somebody is at the door.
    fn open_door(&mut self) {
        let daemons = self.alone.as_mut().map(|alone| alone.at_the_door(&self.epoll)).unwrap_or_default();
        for joined in daemons {
            match &self.alone {
                Some(alone) if alone.has_room() => self.admit(joined),
                _ => presence::refuse(&joined),
            }
        }
    }

    fn admit(&mut self, joined: OwnedFd) {
        if self.outbound.daemon().is_some() {
            self.detach();
        }
        let daemon = Daemon::over(joined);
        if daemon.begin(&self.epoll).is_err() {
            // Unheard, it is of no use; it sees its connection closed, and may try again.
            return self.alone.iter_mut().for_each(Alone::begin);
        }
        self.alone.iter_mut().for_each(Alone::end);
        self.outbound.change(Some(daemon));
        self.readable = true;
        self.greet();
    }

    fn keep(&mut self, notes: Vec<u8>, alone_ms: u64) {
        if notes.len() > wire::MAX_KEPT_BYTES {
            sys::exit(VIOLATION);
        }
        if let Some(alone) = &mut self.alone {
            alone.set_most(Duration::from_millis(alone_ms));
            self.kept = notes;
        }
    }

    fn serve(&mut self) -> ! {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 64];
        loop {
            let more_to_hear = self.hear();
            if self.outbound.is_lost() {
                self.detach();
            }
            match self.alone.as_ref().and_then(|alone| alone.due(Instant::now())) {
                Some(Due::End) => sys::exit(0),
                Some(Due::LetGo) => self.detach(),
                None => {}
            }
            self.executions.tick(&self.epoll, &mut self.outbound);
            self.files.work(&mut self.outbound);
            self.finders.work(self.files.workspace(), &self.epoll, &mut self.executions, &mut self.outbound);
            // Before what programs print, of which there may be much.
            let more_to_tell = self.outbound.daemon().is_some() && self.pass_on();
            self.outbound.flush();
            // Where a full stream is what holds something up, epoll tells when it has room again.
            let more_to_hear = more_to_hear && self.outbound.backlog() <= BACKLOG_BYTES;
            let searching = self.finders.has_work(&self.outbound);
            let busy = more_to_hear || more_to_tell || searching || self.files.has_work(&self.outbound);
            let deadline = if busy {
                Some(Instant::now())
            } else {
                self.executions.get_ready(&self.epoll);
                self.next_deadline()
            };
            let count = self.epoll.wait(&mut events, deadline);
            if count == 0 && self.is_resting() {
                self.outbound.shrink();
                self.inbound.shrink();
            }
            for event in &events[..count] {
                self.notice(event.u64, event.events);
            }
        }
    }

    /// Passes on what came from programs. Returns whether there is more.
    fn pass_on(&mut self) -> bool {
        let relayed = self.conduits.pass_on(&self.epoll, &mut self.buffers.output, &mut self.outbound);
        let printed = self.executions.pass_on(&self.epoll, &mut self.buffers, &mut self.outbound);
        relayed || printed
    }

    /// Until when there is nothing to do but to wait for the daemon and for programs.
    fn next_deadline(&self) -> Option<Instant> {
        let give_back = self.is_resting().then(|| Instant::now() + REST);
        let alone = self.alone.as_ref().and_then(Alone::deadline);
        let files = [self.files.deadline(), self.finders.deadline()];
        [self.executions.deadline(), give_back, alone].into_iter().chain(files).flatten().min()
    }

    /// Nothing runs, but large messages left memory behind that others could use.
    fn is_resting(&self) -> bool {
        self.executions.is_idle() && (self.outbound.is_large() || self.inbound.is_large())
    }

    fn notice(&mut self, token: u64, events: u32) {
        match token {
            STREAM => {
                if events & !(libc::EPOLLOUT as u32) != 0 {
                    self.readable = true;
                }
                if events & libc::EPOLLOUT as u32 != 0 {
                    self.outbound.set_writable();
                }
            }
            DEPARTURES => self.outbound.set_writable(),
            DOOR => self.open_door(),
            CHILDREN => {
                let mut signals = [0; 1024];
                // What it says is in `wait4` too, and completely.
                while sys::read(self.children.as_fd(), &mut signals).is_ok() {}
                self.executions.reap(&self.epoll, &mut self.outbound);
            }
            token => {
                if let Some(request) = finder_of(token) {
                    self.finders.notice(request);
                } else if !self.executions.notice(token, events, &self.epoll, &mut self.outbound) {
                    let (number, _) = Part::of(token);
                    self.conduits.notice(number, events, &self.epoll, &mut self.outbound);
                }
            }
        }
    }

    /// Heeds what the daemon says. Returns whether there may be more.
    fn hear(&mut self) -> bool {
        for _ in 0..FRAMES_PER_ROUND {
            if self.outbound.backlog() > BACKLOG_BYTES {
                return true;
            }
            let Some(frame) = self.inbound.next() else {
                let Some(daemon) = self.outbound.daemon().filter(|_| self.readable) else { return false };
                match self.inbound.fill(daemon.input()) {
                    Filled::More => continue,
                    Filled::NotNow => self.readable = false,
                    Filled::Ended => self.detach(),
                }
                return false;
            };
            let Frame { kind, channel, payload } = frame;
            self.alone.iter_mut().for_each(Alone::hears);
            match kind {
                Kind::Control if channel == Channel::CONTROL => match postcard::from_bytes(payload) {
                    Ok(ToAgent::Joined) => {}
                    Ok(ToAgent::Keep { notes, alone_ms }) => self.keep(notes, alone_ms),
                    Ok(ToAgent::File { request, op: FileOp::Find(find) }) => {
                        self.finders.ask(request, find, &mut self.outbound);
                    }
                    Ok(ToAgent::StopFind { request }) => {
                        self.finders.stop(request, &self.executions, &mut self.outbound);
                    }
                    Ok(message) => {
                        self.highest = self.highest.max(number_of(&message));
                        let (executions, conduits) = (&mut self.executions, &mut self.conduits);
                        heed(message, &self.epoll, executions, conduits, &mut self.files, &mut self.outbound)
                    }
                    Err(_) => sys::exit(VIOLATION),
                },
                Kind::Control => sys::exit(VIOLATION),
                Kind::Data | Kind::End | Kind::Credit => {
                    let Some((number, stream)) = channel.names() else { sys::exit(VIOLATION) };
                    if stream == Stream::Side {
                        // As below, of conduits too.
                        let Some(side) = side(&mut self.executions, &mut self.conduits, number) else { continue };
                        match kind {
                            Kind::Data => side.input().receive(payload, &self.epoll, &mut self.outbound),
                            Kind::End => side.input().end(&self.epoll, &mut self.outbound),
                            _ => side.output().grant(credit(payload)),
                        }
                        continue;
                    }
                    // The daemon can't know yet that an execution is over.
                    let Some(execution) = self.executions.get(number) else { continue };
                    match (kind, stream) {
                        (Kind::Data, Stream::Stdin) => {
                            execution.input().receive(payload, &self.epoll, &mut self.outbound);
                        }
                        (Kind::End, Stream::Stdin) => execution.input().end(&self.epoll, &mut self.outbound),
                        (Kind::Credit, Stream::Stdout | Stream::Stderr) => {
                            let bytes = credit(payload);
                            if let Some(output) = execution.output(stream) {
                                output.grant(bytes);
                            }
                        }
                        _ => sys::exit(VIOLATION),
                    }
                }
            }
        }
        true
    }
}

/// The number that a message uses up.
fn number_of(message: &ToAgent) -> u32 {
    match message {
        ToAgent::Spawn(spawn) => spawn.execution,
        ToAgent::Connect { conduit, .. } => *conduit,
        _ => 0,
    }
}

/// How much is granted.
fn credit(payload: &[u8]) -> u32 {
    match <[u8; 4]>::try_from(payload) {
        Ok(bytes) => u32::from_le_bytes(bytes),
        Err(_) => sys::exit(VIOLATION),
    }
}

/// The two-way stream of this number, unless it is gone.
fn side<'a>(executions: &'a mut Executions, conduits: &'a mut Conduits, number: u32) -> Option<&'a mut TwoWay> {
    match executions.get(number) {
        Some(execution) => execution.side(),
        None => conduits.get(number),
    }
}

fn heed(
    message: ToAgent,
    epoll: &Epoll,
    executions: &mut Executions,
    conduits: &mut Conduits,
    files: &mut Files,
    outbound: &mut Outbound,
) {
    match message {
        ToAgent::Spawn(spawn) => executions.start(spawn, files, epoll, outbound),
        ToAgent::File { request, op: op @ (FileOp::Release { .. } | FileOp::Weigh { .. }) } => {
            executions.ahead(request, op, files, outbound);
        }
        ToAgent::Signal { execution, signal, reach } => executions.signal(execution, signal, reach),
        ToAgent::Resize { execution, size } => executions.resize(execution, size),
        ToAgent::Connect { conduit, endpoint } => {
            if let Some(pid) = conduits.connect(conduit, endpoint, files, epoll, outbound) {
                executions.leave_helper(pid);
            }
        }
        ToAgent::Disconnect { conduit } => match executions.get(conduit).and_then(Execution::side) {
            Some(side) => side.disconnect(epoll, outbound),
            None => conduits.disconnect(conduit, epoll, outbound),
        },
        ToAgent::File { request, op } => files.handle(request, op, outbound),
        ToAgent::GiveUp { request } => files.give_up(request, outbound),
        // Of no account to any of these.
        ToAgent::Joined | ToAgent::Keep { .. } | ToAgent::StopFind { .. } => {}
    }
}
