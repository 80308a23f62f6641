//! All executions of the sandbox, and what they have in common: the reaper, the killer, the watch.
//!
//! The agent is the parent of the shims, and of whatever a killed shim leaves behind. Everything that is
//! the agent's child and no living shim is such a leftover, and is killed until there is none.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use codebeaker_agent::wire::{FileOp, FromAgent, Reach, Running, Spawn, TerminalSize};

use crate::agent::channels::Buffers;
use crate::agent::execution::{Execution, Part};
use crate::agent::files::{Files, answer};
use crate::agent::helpers::Helpers;
use crate::agent::oom::OomKills;
use crate::agent::outbound::Outbound;
use crate::agent::processes::Table;
use crate::agent::program::Step;
use crate::agent::shims::{Shims, shim_of};
use crate::agent::sys::{self, Epoll, Errno};
use crate::agent::watch::Watch;

/// How many passes of killing follow each other at once: against a fork bomb, every pause is growth.
const HASTY_PASSES: u32 = 200;

/// The pause between passes after that, when what is left simply takes its time to die.
const PASS_PAUSE: Duration = Duration::from_millis(10);

/// Every execution whose end, or whose output, the daemon does not have yet.
pub(crate) struct Executions {
    all: BTreeMap<u32, Execution>,
    shims: Shims,
    /// What a program without standard input reads.
    null: OwnedFd,
    helpers: Helpers,
    watch: Watch,
    oom: OomKills,
    /// How many passes of killing there were since there was nothing to kill.
    passes: u32,
    next_pass: Option<Instant>,
}

impl Executions {
    pub(crate) fn new(shims: Shims, watch: Watch) -> sys::Result<Self> {
        let (null, oom) = (sys::open_null()?, OomKills::find());
        let (all, helpers) = (BTreeMap::new(), Helpers::default());
        Ok(Executions { all, shims, null, helpers, watch, oom, passes: 0, next_pass: None })
    }

    /// Starts a program, or says why not.
    pub(crate) fn start(&mut self, mut spawn: Spawn, files: &Files, epoll: &Epoll, outbound: &mut Outbound) {
        let number = spawn.execution;
        let held = spawn.awaits.take().map(|awaited| files.hold(awaited)).transpose();
        let held = held.map_err(|errno| Step::AwaitCode.failed(errno));
        let oom_kills = self.oom.count_on();
        match held.and_then(|held| Execution::start(spawn, held, &self.null, &mut self.shims, epoll, oom_kills)) {
            Ok(execution) => {
                if !execution.is_held() {
                    self.watch.note_start(&execution);
                }
                self.all.insert(number, execution);
            }
            Err(failure) => outbound.send(&FromAgent::NotStarted {
                execution: number,
                step: failure.step.name().to_owned(),
                errno: failure.errno.0,
            }),
        }
    }

    /// Does what is asked of an execution that awaits its code.
    pub(crate) fn ahead(&mut self, request: u32, op: FileOp, files: &Files, outbound: &mut Outbound) {
        let gone = Err(Errno(libc::ESRCH));
        let result = match op {
            FileOp::Release { execution, code } => self.all.get_mut(&execution).map_or(gone, |execution| {
                let released = execution.release(&code, files);
                self.watch.note_start(execution);
                if execution.is_killing() {
                    self.next_pass = Some(Instant::now());
                }
                released
            }),
            FileOp::Weigh { execution } => self.all.get(&execution).map_or(gone, Execution::weigh),
            _ => Err(Errno(libc::EINVAL)),
        };
        answer(request, result, outbound);
    }

    /// Delivers a signal.
    pub(crate) fn signal(&mut self, execution: u32, signal: i32, reach: Reach) {
        if let Some(execution) = self.all.get_mut(&execution) {
            execution.signal(signal, reach);
            if execution.is_killing() {
                self.next_pass = Some(Instant::now());
            }
        }
    }

    /// Changes the size of a terminal.
    pub(crate) fn resize(&mut self, execution: u32, size: TerminalSize) {
        if let Some(execution) = self.all.get(&execution) {
            execution.resize(size);
        }
    }

    /// An execution the daemon knows, unless it is over already.
    pub(crate) fn get(&mut self, execution: u32) -> Option<&mut Execution> {
        self.all.get_mut(&execution)
    }

    /// epoll has news of some part. Returns whether it was a part of an execution.
    pub(crate) fn notice(&mut self, token: u64, events: u32, epoll: &Epoll, outbound: &mut Outbound) -> bool {
        if let Some(shim) = shim_of(token) {
            self.hear(shim, epoll, outbound);
            return true;
        }
        let (number, part) = Part::of(token);
        let Some(execution) = self.all.get_mut(&number) else { return false };
        execution.notice(part, events, epoll, outbound);
        true
    }

    fn hear(&mut self, shim: i32, epoll: &Epoll, outbound: &mut Outbound) {
        let mut at_work = self.all.values_mut();
        let done = at_work
            .find(|execution| execution.live_shim() == Some(shim))
            .and_then(|execution| execution.hear(epoll, outbound));
        if let Some(done) = done {
            self.shims.release(done);
        }
        if self.all.values().any(Execution::is_clearing) {
            self.next_pass = Some(Instant::now());
        }
    }

    /// Reaps every child that ended, and sets going again those shims that were stopped.
    pub(crate) fn reap(&mut self, epoll: &Epoll, outbound: &mut Outbound) {
        while let Ok(Some(waited)) = sys::wait(-1, libc::WNOHANG | libc::WUNTRACED) {
            if libc::WIFSTOPPED(waited.status) {
                if self.is_ours(waited.pid) {
                    sys::kill(waited.pid, libc::SIGCONT);
                }
                continue;
            }
            if self.helpers.lost(&waited) || self.shims.lost(waited.pid) {
                continue;
            }
            for execution in self.all.values_mut() {
                if execution.lost(&waited, epoll, outbound) {
                    execution.start_again(&self.null, &mut self.shims, epoll, outbound);
                    break;
                }
            }
        }
        if self.all.values().any(Execution::is_abandoned) {
            self.next_pass = Some(Instant::now());
        }
    }

    /// Passes on output, some of each stream that has any. Returns whether there is more to do at once.
    pub(crate) fn pass_on(&mut self, epoll: &Epoll, buffers: &mut Buffers, outbound: &mut Outbound) -> bool {
        for execution in self.all.values_mut() {
            execution.pass_on(epoll, buffers, outbound);
        }
        self.all.retain(|_, execution| !execution.is_done());
        outbound.takes_data() && self.all.values().any(Execution::has_work)
    }

    /// Does what is due: kills, and looks at memory.
    pub(crate) fn tick(&mut self, epoll: &Epoll, outbound: &mut Outbound) {
        let now = Instant::now();
        let pass_due = self.next_pass.is_some_and(|at| at <= now);
        let look_due = self.watch.deadline().is_some_and(|at| at <= now);
        if !pass_due && !look_due {
            return;
        }
        // Short of descriptors or memory for a moment: what is due stays due.
        let Ok(table) = Table::take() else { return sys::sleep(Duration::from_millis(1)) };
        if look_due && self.watch.look(&mut self.all, &table) {
            self.next_pass = Some(now);
        }
        if pass_due {
            self.press(&table, epoll, outbound);
        }
    }

    /// When [`Executions::tick`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        [self.next_pass, self.watch.deadline()].into_iter().flatten().min()
    }

    /// The daemon is gone.
    pub(crate) fn detach(&mut self, epoll: &Epoll, outbound: &mut Outbound) {
        self.all.values_mut().for_each(|execution| execution.detach(epoll, outbound));
    }

    /// What a daemon that joins has to know.
    pub(crate) fn describe(&mut self) -> Vec<Running> {
        self.all.values_mut().map(Execution::describe).collect()
    }

    /// Another daemon knows of them.
    pub(crate) fn attach(&mut self, outbound: &mut Outbound) {
        self.all.values_mut().for_each(|execution| execution.attach(outbound));
    }

    /// Whether there is nothing to pass on and nothing to watch.
    pub(crate) fn is_idle(&self) -> bool {
        self.all.values().all(Execution::is_held)
    }

    /// Gets ready for the next program, while there is nothing else to do.
    pub(crate) fn get_ready(&mut self, epoll: &Epoll) {
        if self.is_idle() {
            self.shims.provide(epoll);
        }
    }

    /// One was forked that ends by itself, and nobody will ask how.
    pub(crate) fn leave_helper(&mut self, pid: i32) {
        self.helpers.leave(pid);
    }

    /// A process of the agent's own was forked, which is no program's.
    pub(crate) fn note_helper(&mut self, pid: i32) {
        self.helpers.note(pid);
    }

    /// Kills such a one.
    pub(crate) fn kill_helper(&self, pid: i32) {
        self.helpers.kill(pid);
    }

    /// Kills such a one, of which nothing more is wanted.
    pub(crate) fn abandon_helper(&mut self, pid: i32) {
        self.helpers.abandon(pid);
    }

    /// The wait status of such a one, which has closed all that it had open.
    pub(crate) fn end_of_helper(&mut self, pid: i32) -> Option<i32> {
        self.helpers.end_of(pid)
    }

    /// Whether it is a shim or a helper, and nothing that a program left behind.
    fn is_ours(&self, pid: i32) -> bool {
        self.helpers.has(pid)
            || self.shims.is_waiting(pid)
            || self.all.values().any(|execution| execution.live_shim() == Some(pid))
    }

    fn press(&mut self, table: &Table, epoll: &Epoll, outbound: &mut Outbound) {
        for execution in self.all.values().filter(|execution| execution.is_killing()) {
            execution.press(table);
        }
        if self.all.values().any(Execution::is_abandoned) {
            let strays = table.descendants_past(std::process::id() as i32, |pid| self.is_ours(pid));
            table.kill(&strays, |group| self.is_ours(group));
            if strays.is_empty() {
                self.all.values_mut().for_each(|execution| execution.settle(epoll, outbound));
            }
        }
        self.clear(table, epoll, outbound);
        let busy =
            |execution: &Execution| execution.is_killing() || execution.is_abandoned() || execution.is_clearing();
        let busy = self.all.values().any(busy);
        self.passes = if busy { self.passes.saturating_add(1) } else { 0 };
        let pause = if self.passes < HASTY_PASSES { Duration::ZERO } else { PASS_PAUSE };
        self.next_pass = busy.then(|| Instant::now() + pause);
    }

    /// Kills what executions that are over have orphaned, where that became the agent's. What can't be told whose
    /// it is goes with the last of them, or with a fork bomb, whose it is most likely.
    fn clear(&mut self, table: &Table, epoll: &Epoll, outbound: &mut Outbound) {
        if !self.all.values().any(Execution::is_clearing) {
            return;
        }
        let under_way = || self.all.values().filter(|execution| execution.is_under_way());
        let claimed: BTreeSet<i32> = under_way().flat_map(|execution| execution.orphans(table)).collect();
        let mut strays = table.descendants_past(std::process::id() as i32, |pid| self.is_ours(pid));
        strays.retain(|pid| !claimed.contains(pid));
        let last = under_way().next().is_none();
        let mut done = Vec::new();
        for (number, execution) in self.all.iter().filter(|(_, execution)| execution.is_clearing()) {
            let orphans = if last || execution.is_bomb() { strays.clone() } else { execution.orphans(table) };
            table.kill(&orphans, |group| self.is_ours(group));
            if orphans.is_empty() {
                done.push(*number);
            }
        }
        for number in done {
            let execution = self.all.get_mut(&number);
            let shim = execution.and_then(|execution| execution.cleared(epoll, outbound));
            shim.into_iter().for_each(|shim| self.shims.release(shim));
        }
    }
}
