//! One execution, as the agent sees it: a shim, what it reported, and the program's streams.
//!
//! It is told of exactly once as not started, or once as started and once as exited, and its output
//! channels are ended each once, whatever happens to program and shim.

mod ahead;
mod kin;

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::time::Instant;

use codebeaker_agent::frame::{Channel, Stream};
use codebeaker_agent::wire::{Cause, Exited, FromAgent, MAX_NAME_BYTES, Reach, Running, Spawn, TerminalSize};

use crate::agent::channels::{Buffers, Carrier, Input, Output};
use crate::agent::files::Held;
use crate::agent::oom::OomKillsSince;
use crate::agent::order::{Ends, Order};
use crate::agent::outbound::Outbound;
pub(crate) use crate::agent::part::Part;
use crate::agent::processes::Table;
use crate::agent::program::{Failure, Step};
use crate::agent::shim::Report;
use crate::agent::shims::{Shims, Worker};
use crate::agent::sys::{self, Epoll, Usage};
use crate::agent::terminal::Terminal;
use crate::agent::two_way::TwoWay;
use crate::agent::watch::Limits;

/// How far an execution has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The shim has not told yet whether the program runs.
    Starting,
    Running {
        program: i32,
    },
    /// The program is gone, and the shim clears away what it left.
    Ended {
        program: i32,
        status: i32,
    },
    /// The daemon knows how it ended. Output may still be on its way.
    Over,
}

/// A program that was asked for, and all that it started.
pub(crate) struct Execution {
    number: u32,
    /// Kept until the shim has answered to it.
    order: Option<Order>,
    /// Given back when it is over.
    shim: Option<Worker>,
    phase: Phase,
    /// The shim is gone and can't have finished its work.
    abandoned: bool,
    /// All of it is being killed.
    killing: bool,
    cause: Option<Cause>,
    usage: Usage,
    limits: Limits,
    /// What it orphans becomes the agent's, by these sessions it is known.
    sessions: Option<BTreeSet<i32>>,
    name: String,
    /// The code that it waits for.
    held: Option<Held>,
    /// Processor time that it had used when its code came.
    spent_micros: u64,
    asked_for: Instant,
    /// Told again to a daemon that joins before all was taken.
    exited: Option<Exited>,
    /// A daemon that joined knows of it, before it was started.
    announced: bool,
    /// The program and all that its shim knew of are gone; orphans may be left.
    clearing: bool,
    oom_kills: OomKillsSince,
    /// The most its processes were seen to have together.
    memory_peak: u64,
    /// Signals that came before there was a program.
    early: Vec<(i32, Reach)>,
    input: Input,
    outputs: [Option<Output>; 2],
    side: Option<TwoWay>,
    terminal: Option<Terminal>,
}

impl Execution {
    /// Has a shim start the program.
    pub(crate) fn start(
        mut spawn: Spawn,
        held: Option<Held>,
        null: &OwnedFd,
        shims: &mut Shims,
        epoll: &Epoll,
        oom_kills: OomKillsSince,
    ) -> Result<Self, Failure> {
        let number = spawn.execution;
        let limits = Limits { memory_bytes: spawn.limits.memory_bytes, processes: spawn.limits.processes };
        if spawn.name.len() > MAX_NAME_BYTES {
            return Err(Step::ReadArguments.failed(sys::Errno(libc::ENAMETOOLONG)));
        }
        let name = std::mem::take(&mut spawn.name);
        let (order, mut ends) = Order::make(spawn)?;
        let side = ends.side.take().map(|socket| TwoWay::new(socket, number, Carrier::Socket, epoll)).transpose();
        let side = side.map_err(|errno| Step::MakeSocket.failed(errno))?;
        let shim = shims.start(&order.spawn, order.streams(null, ends.terminal.as_ref()), epoll)?;
        // While the shim is at work already; epoll reports what happened before as well. Once a program
        // may run, it can't be said that it was not started: an agent that can't hear it is of no use.
        if ends.register(epoll, number).is_err() {
            sys::exit(3);
        }
        let Ends { stdin, stdout, stderr, terminal, side: _ } = ends;
        let carrier = if terminal.is_some() { Carrier::Terminal } else { Carrier::Pipe };
        let output = |fd: Option<OwnedFd>, stream| fd.map(|fd| Output::new(fd, Channel::of(number, stream), carrier));
        Ok(Execution {
            number,
            order: Some(order),
            shim: Some(shim),
            phase: Phase::Starting,
            abandoned: false,
            killing: false,
            cause: None,
            usage: Usage::default(),
            limits,
            name,
            held,
            spent_micros: 0,
            asked_for: Instant::now(),
            exited: None,
            announced: false,
            sessions: shims.leave_orphans().then(BTreeSet::new),
            clearing: false,
            oom_kills,
            memory_peak: 0,
            early: Vec::new(),
            input: Input::new(stdin, Channel::of(number, Stream::Stdin), carrier)
                .with_keys(terminal.as_ref().and_then(Terminal::keys)),
            outputs: [output(Some(stdout), Stream::Stdout), output(stderr, Stream::Stderr)],
            side,
            terminal,
        })
    }

    /// Has another shim start the program, when the one that was to was killed before it began.
    pub(crate) fn start_again(&mut self, null: &OwnedFd, shims: &mut Shims, epoll: &Epoll, outbound: &mut Outbound) {
        if self.phase != Phase::Starting || self.shim.is_some() {
            return;
        }
        if let Some(order) = &self.order {
            match shims.start(&order.spawn, order.streams(null, self.terminal.as_ref()), epoll) {
                Ok(shim) => self.shim = Some(shim),
                Err(failure) => self.not_started(failure, epoll, outbound),
            }
        }
    }

    /// The process that everything of this execution descends from, as long as it is needed.
    pub(crate) fn live_shim(&self) -> Option<i32> {
        self.shim.as_ref().filter(|_| !self.abandoned).map(Worker::pid)
    }

    /// Reads what the shim reported. Returns the shim when its work is done.
    pub(crate) fn hear(&mut self, epoll: &Epoll, outbound: &mut Outbound) -> Option<Worker> {
        for report in self.shim.as_ref().map(Worker::reports).unwrap_or_default() {
            match report {
                Report::Started { pid } => self.started(pid, outbound),
                Report::NotStarted(failure) => self.not_started(failure, epoll, outbound),
                Report::Ended { status, usage } => self.program_ended(status, usage),
                Report::Swept { usage } => {
                    self.usage = usage;
                    self.clearing = self.sessions.is_some();
                    if !self.clearing {
                        self.over(epoll, outbound);
                    }
                }
            }
        }
        self.shim.take_if(|_| self.phase == Phase::Over)
    }

    fn started(&mut self, program: i32, outbound: &mut Outbound) {
        self.phase = Phase::Running { program };
        // While the agent held the program's ends, no reader would see the end of its streams.
        self.order = None;
        if let Some(sessions) = &mut self.sessions {
            sessions.insert(program);
        }
        if !self.announced {
            outbound.send(&FromAgent::Started { execution: self.number, pid: program as u32 });
        }
        for (signal, reach) in std::mem::take(&mut self.early) {
            self.signal(signal, reach);
        }
    }

    fn program_ended(&mut self, status: i32, usage: Usage) {
        if let Phase::Running { program } = self.phase {
            self.phase = Phase::Ended { program, status };
            self.usage = usage;
        }
    }

    fn not_started(&mut self, failure: Failure, epoll: &Epoll, outbound: &mut Outbound) {
        if self.announced {
            outbound.send(&FromAgent::Exited(Exited { execution: self.number, ..Exited::default() }));
            self.outputs.iter_mut().flatten().for_each(|output| output.end(epoll, outbound));
        } else {
            let step = failure.step.name().to_owned();
            outbound.send(&FromAgent::NotStarted { execution: self.number, step, errno: failure.errno.0 });
        }
        self.phase = Phase::Over;
        self.close(epoll);
        self.outputs = [None, None];
        self.side = None;
    }

    fn over(&mut self, epoll: &Epoll, outbound: &mut Outbound) {
        let status = match self.phase {
            Phase::Ended { status, .. } => status,
            // It was running when its shim was killed, and was killed itself for that.
            Phase::Running { .. } | Phase::Starting => libc::SIGKILL,
            Phase::Over => return,
        };
        let exited = Exited {
            execution: self.number,
            code: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
            signal: libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status)),
            cause: self.cause,
            cpu_micros: self.usage.cpu_micros.saturating_sub(self.spent_micros),
            peak_memory_bytes: self.usage.peak_bytes.max(self.memory_peak),
            oom_kills: self.oom_kills.so_far(),
        };
        outbound.send(&FromAgent::Exited(exited.clone()));
        self.exited = Some(exited);
        self.phase = Phase::Over;
        self.close(epoll);
    }

    /// The daemon is gone: nothing is passed on until another grants it.
    pub(crate) fn detach(&mut self, epoll: &Epoll, outbound: &mut Outbound) {
        self.outputs.iter_mut().flatten().for_each(Output::detach);
        if let Some(mut side) = self.side.take() {
            side.disconnect(epoll, outbound);
        }
    }

    /// What a daemon that joins has to know of it.
    pub(crate) fn describe(&mut self) -> Running {
        self.announced = true;
        let sent = |output: &Option<Output>| output.as_ref().map_or(0, Output::sent);
        let pid = match self.phase {
            Phase::Running { program } | Phase::Ended { program, .. } => program as u32,
            Phase::Starting | Phase::Over => 0,
        };
        Running {
            execution: self.number,
            pid,
            age_ms: self.asked_for.elapsed().as_millis().try_into().unwrap_or(u64::MAX),
            name: self.name.clone(),
            stdin: self.input.is_open(),
            terminal: self.outputs[1].is_none(),
            stdout_sent: sent(&self.outputs[0]),
            stderr_sent: sent(&self.outputs[1]),
        }
    }

    /// Another daemon knows of it, and is told what it can't know.
    pub(crate) fn attach(&mut self, outbound: &mut Outbound) {
        self.input.attach(outbound);
        self.outputs.iter_mut().flatten().for_each(|output| output.attach(outbound));
        if let Some(exited) = &self.exited {
            outbound.send(&FromAgent::Exited(exited.clone()));
        }
    }

    /// Lets go of everything but output that is still to be read.
    fn close(&mut self, epoll: &Epoll) {
        self.killing = false;
        self.clearing = false;
        self.abandoned = false;
        self.order = None;
        self.held = None;
        self.terminal = None;
        self.input.close(epoll);
        for output in self.outputs.iter_mut().flatten() {
            output.complete();
        }
        if let Some(side) = &mut self.side {
            side.complete(epoll);
        }
    }

    /// A child of the agent ended that may have been this execution's shim or program. Returns whether
    /// it was.
    pub(crate) fn lost(&mut self, waited: &sys::Waited, epoll: &Epoll, outbound: &mut Outbound) -> bool {
        if self.live_shim() == Some(waited.pid) {
            // The last words of one that is gone may be that all was done.
            if self.hear(epoll, outbound).is_none() {
                self.usage = Usage { cpu_micros: waited.usage.cpu_micros, ..self.usage };
                // Unless nothing can have come of it: then another shim is told.
                self.abandoned = self.shim.take_if(|shim| !shim.has_begun()).is_none();
            }
            return true;
        }
        if self.phase == (Phase::Running { program: waited.pid }) {
            self.program_ended(waited.status, waited.usage);
            return true;
        }
        false
    }

    /// Nothing is left of an abandoned execution.
    pub(crate) fn settle(&mut self, epoll: &Epoll, outbound: &mut Outbound) {
        if !self.abandoned {
            return;
        }
        self.shim = None;
        if self.phase == Phase::Starting {
            self.not_started(Step::Supervise.failed(sys::Errno(libc::ECHILD)), epoll, outbound);
        } else {
            self.over(epoll, outbound);
        }
    }

    /// Delivers a signal; before the program runs, as soon as it does.
    pub(crate) fn signal(&mut self, signal: i32, reach: Reach) {
        if signal == libc::SIGKILL && reach == Reach::Tree {
            // Works in every phase, and goes on until nothing is left.
            return self.kill(None);
        }
        let Phase::Running { program } = self.phase else {
            if self.phase == Phase::Starting && self.early.len() < 64 {
                self.early.push((signal, reach));
            }
            return;
        };
        match reach {
            Reach::Foreground => {
                if !self.terminal.as_ref().is_some_and(|terminal| terminal.signal(signal)) {
                    sys::kill(-program, signal);
                }
            }
            Reach::Tree => {
                if let Ok(table) = Table::take() {
                    self.tree(&table).into_iter().for_each(|pid| sys::kill(pid, signal));
                }
            }
        }
    }

    /// Begins to kill everything; [`Execution::press`] goes on with it.
    pub(crate) fn kill(&mut self, cause: Option<Cause>) {
        if !self.killing && matches!(self.phase, Phase::Starting | Phase::Running { .. }) {
            self.cause = cause;
            self.killing = true;
        }
        if let Phase::Running { program } = self.phase {
            sys::kill(-program, libc::SIGKILL);
        }
    }

    /// Whether [`Execution::press`] has something to do.
    pub(crate) fn is_killing(&self) -> bool {
        self.killing && !self.abandoned
    }

    /// Whether its processes have to be found among the agent's own children.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned
    }

    /// What its processes may have together.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// No orphan is left. Returns the shim, whose work is done.
    pub(crate) fn cleared(&mut self, epoll: &Epoll, outbound: &mut Outbound) -> Option<Worker> {
        self.clearing = false;
        self.over(epoll, outbound);
        self.shim.take()
    }

    /// Its processes were seen to have this much memory together.
    pub(crate) fn note_memory(&mut self, bytes: u64) {
        self.memory_peak = self.memory_peak.max(bytes);
    }

    /// Changes the size of the terminal, where there is one.
    pub(crate) fn resize(&self, size: TerminalSize) {
        if let Some(terminal) = &self.terminal {
            // It fails for no size that can be written here.
            let _ = terminal.resize(size);
        }
    }

    /// epoll has news of a part.
    pub(crate) fn notice(&mut self, part: Part, events: u32, epoll: &Epoll, outbound: &mut Outbound) {
        let output = match part {
            Part::Stdin => return self.input.set_ready(epoll, outbound),
            Part::Side => return self.side.iter_mut().for_each(|side| side.notice(events, epoll, outbound)),
            Part::Stdout => &mut self.outputs[0],
            Part::Stderr => &mut self.outputs[1],
        };
        if let Some(output) = output {
            output.set_ready(events);
        }
    }

    /// The way in.
    pub(crate) fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    /// One of the ways out.
    pub(crate) fn output(&mut self, stream: Stream) -> Option<&mut Output> {
        match stream {
            Stream::Stdin | Stream::Side => None,
            Stream::Stdout => self.outputs[0].as_mut(),
            Stream::Stderr => self.outputs[1].as_mut(),
        }
    }

    /// The way beside, where it has one.
    pub(crate) fn side(&mut self) -> Option<&mut TwoWay> {
        self.side.as_mut()
    }

    /// Passes on what the program said. What it said on its side stream comes before what it printed later:
    /// that stream says what the rest is about. It gives way only at the end of its own credit.
    pub(crate) fn pass_on(&mut self, epoll: &Epoll, buffers: &mut Buffers, outbound: &mut Outbound) {
        if !self.has_work() {
            return;
        }
        let mut side = self.side.as_mut().map(TwoWay::output);
        if let Some(side) = &mut side {
            side.pass_on(epoll, &mut buffers.beside, outbound);
        }
        for output in self.outputs.iter_mut().flatten().filter(|output| output.has_work()) {
            output.pass_on_after(epoll, &mut buffers.output, outbound, |outbound| {
                if let Some(side) = &mut side {
                    side.get_ahead(&mut buffers.beside, outbound);
                }
            });
        }
    }

    /// Whether [`Execution::pass_on`] would get anywhere. Not before the program is known to run: its output
    /// must not come first.
    pub(crate) fn has_work(&self) -> bool {
        let any =
            self.outputs.iter().flatten().any(Output::has_work) || self.side.as_ref().is_some_and(TwoWay::has_work);
        any && self.phase != Phase::Starting
    }

    /// Whether nothing is left to be told of it.
    pub(crate) fn is_done(&self) -> bool {
        self.phase == Phase::Over
            && self.outputs.iter().flatten().all(Output::is_ended)
            && self.side.as_ref().is_none_or(TwoWay::is_ended)
    }
}
