//! Runs an execution: waits for its turn, starts the program, watches over its time, and ends it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use jiff::Timestamp;
use rustix::io::Errno;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

use super::outcome::StopReason;
use super::pump::{Allowance, Pump, Source};
use super::{Execution, ExecutionError, Observer, Outcome, Phase, Running, SIGINT, Summary, Written};
use crate::agent::frame::Stream;
use crate::agent::wire::Reach;
use crate::agent::{Ended, Link, LinkError, Process, Program, StdinWriter};

const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

/// What to run, all decided.
pub struct Order {
    /// The program.
    pub program: Program,
    /// Files of its own.
    pub code: Option<Code>,
    /// What is written to its input before all else.
    pub input: Option<Bytes>,
    /// Whether the input ends with that.
    pub input_ends: bool,
    /// What bounds it.
    pub terms: Terms,
}

/// What bounds an execution.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Wall time until it is ended.
    pub timeout: Duration,
    /// Bytes of output that are passed on.
    pub output_bytes: u64,
    /// Whether more output than that ends the program.
    pub stop_at_output_limit: bool,
    /// The longest chunk of output.
    pub max_chunk_bytes: usize,
    /// Between the steps of a cancellation.
    pub cancel_grace: Duration,
    /// From a kill to the end of the whole sandbox, where the program is not gone by then.
    pub kill_patience: Duration,
}

/// Files that programs can't change: code that came without a file, or what an engine is started with. They
/// are put into a directory of their own, and taken away at the end.
pub struct Code {
    /// The directory, below [`crate::agent::plan::CODE`]; no other execution uses it.
    pub directory: String,
    /// Their names in it, and what they contain.
    pub files: Vec<(String, Bytes)>,
}

/// Counts how often the kernel killed for memory in a sandbox.
pub type OomKills = Box<dyn Fn() -> Option<u64> + Send + Sync>;

/// A place in the queue of a session, which becomes the permit to run.
pub type Turn = futures::future::BoxFuture<'static, Result<OwnedSemaphorePermit, AcquireError>>;

/// Joins the queue at once, so that executions get their turns in the order in which they were asked for.
#[must_use]
pub fn join_queue(turns: &Arc<Semaphore>) -> Turn {
    let mut turn = Arc::clone(turns).acquire_owned().boxed();
    match (&mut turn).now_or_never() {
        Some(taken) => std::future::ready(taken).boxed(),
        None => turn,
    }
}

/// Where an execution runs.
pub struct Place {
    /// The sandbox.
    pub link: Link,
    /// When it may.
    pub turn: Turn,
    /// How often the kernel killed for memory in this sandbox so far, where it counts that.
    pub oom_kills: OomKills,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("link", &self.link).finish_non_exhaustive()
    }
}

/// Runs it to its end, and leaves the result in the execution, for those who wait there.
pub async fn drive(execution: &Execution, order: Order, place: Place, observer: &dyn Observer) {
    let _over = Over(execution);
    let ended = run(execution, order, place, observer).await;
    conclude(execution, ended, observer).await;
}

/// Leaves the result in the execution, and tells it, unless the program runs on for another daemon.
pub(super) async fn conclude(execution: &Execution, ended: Result<Summary, ExecutionError>, observer: &dyn Observer) {
    match ended {
        Ok(summary) if summary.outcome == Outcome::Lost && execution.stop.leave.is_cancelled() => {
            execution.end(Phase::Refused(ExecutionError::Left(execution.id.clone())));
        }
        Ok(summary) => {
            execution.end(Phase::Ended(summary.clone()));
            observer.exited(execution, &summary).await;
        }
        Err(error) => execution.end(Phase::Refused(error)),
    }
}

/// Wakes those who wait for the execution, also when driving it fails.
pub(super) struct Over<'a>(pub(super) &'a Execution);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        if matches!(self.0.phase(), Phase::Queued | Phase::Running) {
            self.0.end(Phase::Refused(ExecutionError::Abandoned(self.0.id.clone())));
        }
        self.0.over.cancel();
    }
}

async fn run(
    execution: &Execution,
    order: Order,
    place: Place,
    observer: &dyn Observer,
) -> Result<Summary, ExecutionError> {
    let Place { link, turn, oom_kills } = place;
    let asked = Instant::now();
    let turn = tokio::select! {
        biased;
        () = execution.stop.kill.cancelled() => Err(StopReason::Killed),
        () = execution.stop.cancel.cancelled() => Err(StopReason::Cancelled),
        turn = turn => turn.map_err(|_| StopReason::Killed),
    };
    let queued = asked.elapsed();
    let _turn = match turn {
        Ok(turn) => turn,
        Err(reason) => return Ok(never_started(reason, queued)),
    };
    let begun = tokio::select! {
        biased;
        () = execution.stop.kill.cancelled() => Err(StopReason::Killed),
        () = execution.stop.cancel.cancelled() => Err(StopReason::Cancelled),
        begun = begin(&order, &link) => Ok(begun),
        () = tokio::time::sleep(order.terms.timeout) => Err(StopReason::Timeout),
    };
    let result = match begun {
        // The process that may have been started meanwhile was dropped, and so killed.
        Err(reason) => Ok(never_started(reason, queued)),
        Ok(Err(error)) => Err(error),
        Ok(Ok(process)) => {
            let begun = Begun { process, queued, age: Duration::ZERO, passed: [0; 2] };
            let feed = Feed { input: order.input.clone(), ends: order.input_ends };
            Ok(see_through(execution, &order.terms, begun, feed, &link, &oom_kills, observer).await)
        }
    };
    if let Some(Code { directory, .. }) = &order.code
        && let Err(error) = link.remove_code(directory).await
    {
        tracing::debug!(%error, "code could not be taken away");
    }
    result
}

async fn begin(order: &Order, link: &Link) -> Result<Process, ExecutionError> {
    let program = order.program.clone();
    let begun = match &order.code {
        Some(Code { directory, files }) => {
            let place = |(name, content): &(String, Bytes)| (format!("{directory}/{name}"), content.clone());
            let files: Vec<_> = files.iter().map(place).collect();
            link.spawn_with_files(&files, program).await
        }
        None => link.spawn(program).await,
    };
    begun.map_err(refusal)
}

/// A program that runs.
pub(super) struct Begun {
    pub(super) process: Process,
    /// How long it waited for its turn.
    pub(super) queued: Duration,
    /// How long it has been running.
    pub(super) age: Duration,
    /// What of its streams another daemon had.
    pub(super) passed: [u64; 2],
}

/// What a program's input begins with.
#[derive(Default)]
pub(super) struct Feed {
    pub(super) input: Option<Bytes>,
    pub(super) ends: bool,
}

pub(super) async fn see_through(
    execution: &Execution,
    terms: &Terms,
    begun: Begun,
    feed: Feed,
    link: &Link,
    oom_kills: &OomKills,
    observer: &dyn Observer,
) -> Summary {
    let Begun { mut process, queued, age, passed } = begun;
    let oom_before = oom_kills();
    let running = Running {
        pid: process.pid,
        started_at: Timestamp::now().saturating_sub(age).unwrap_or(Timestamp::UNIX_EPOCH),
        stdin: process.stdin(),
        signals: process.signals(),
        side: Mutex::new(process.side()),
    };
    let started_at = running.started_at;
    let began = Instant::now();
    // Taken before anybody else can ask for it, so that what was given beforehand comes first.
    let first_turn = execution.stdin_turn.lock().await;
    let stdin = running.stdin.clone();
    execution.running.set(running).expect("an execution is driven once");
    execution.phase.send_replace(Phase::Running);

    let (over_sender, over) = oneshot::channel();
    let left = terms.output_bytes.saturating_sub(passed.iter().sum());
    let allowance = Allowance { bytes: left, max_chunk_bytes: terms.max_chunk_bytes };
    let streams = [Stream::Stdout, Stream::Stderr].map(|stream| Source::Whole(process.output(stream)));
    let pump = Pump::new(execution, observer, streams, passed, allowance, over_sender);
    // Whoever doesn't listen holds up what is told, and never what is done about the program.
    let pump = async {
        observer.started(execution).await;
        pump.run().await
    };
    let watch = Watch { execution, terms, link, began, age };
    let feed = async {
        feed.into(stdin).await;
        drop(first_turn);
    };
    let watch = async {
        let (ended, stop, duration) = watch.until_ended(&mut process, feed, over).await;
        // Looked at now: until the last of the output is taken, others may be killed.
        let oom_kill = match (oom_before, oom_kills()) {
            (Some(before), Some(after)) => after > before,
            _ => ended.as_ref().is_ok_and(|ended| ended.oom_kills.is_some_and(|kills| kills > 0)),
        };
        (ended, stop, duration, oom_kill)
    };
    let (pumped, (ended, stop, duration, oom_kill)) = tokio::join!(pump, watch);
    // What nobody wanted to hear until now.
    drop(execution.take_side());
    Summary {
        outcome: Summary::decide(ended.as_ref().ok(), stop, oom_kill),
        exit_code: ended.as_ref().ok().and_then(|ended| ended.code),
        signal: ended.as_ref().ok().and_then(|ended| ended.signal),
        started_at: Some(started_at),
        duration,
        queued,
        cpu: ended.as_ref().ok().map(|ended| Duration::from_micros(ended.cpu_micros)),
        peak_memory_bytes: ended.as_ref().ok().map(|ended| ended.peak_memory_bytes),
        stdout: pumped.stdout,
        stderr: pumped.stderr,
        raised: None,
        context_lost: false,
    }
}

/// Watches over a running program.
struct Watch<'a> {
    execution: &'a Execution,
    terms: &'a Terms,
    link: &'a Link,
    began: Instant,
    /// How old it was then.
    age: Duration,
}

impl Watch<'_> {
    /// What can't be killed is not left to run: the sandbox ends, and its session with it.
    fn give_up(&self) {
        tracing::warn!(execution = %self.execution.id, "a program could not be ended; its sandbox is");
        self.link.close("a program in it could not be ended");
    }

    /// Waits for the end, and brings it about where that is due.
    async fn until_ended(
        &self,
        process: &mut Process,
        feed: impl Future<Output = ()>,
        mut over: oneshot::Receiver<()>,
    ) -> (Result<Ended, LinkError>, Option<StopReason>, Duration) {
        let signals = process.signals();
        let ended = process.ended();
        tokio::pin!(ended, feed);
        let timeout = tokio::time::sleep_until(self.began + self.terms.timeout.saturating_sub(self.age));
        tokio::pin!(timeout);
        let stop = &self.execution.stop;
        let (mut reason, mut killed, mut feeding) = (None, false, true);
        let mut watch_output = self.terms.stop_at_output_limit;
        // The next step of a cancellation, and when it is due.
        let mut insist: Option<(Instant, i32)> = None;
        // When a program that was killed is given up.
        let mut hopeless = None;
        loop {
            let (signal, reach) = tokio::select! {
                biased;
                ended = &mut ended => return (ended, reason, self.age + self.began.elapsed()),
                () = stop.kill.cancelled(), if !killed => {
                    reason.get_or_insert(StopReason::Killed);
                    (SIGKILL, Reach::Tree)
                }
                () = stop.cancel.cancelled(), if reason.is_none() => {
                    reason = Some(StopReason::Cancelled);
                    insist = Some((Instant::now() + self.terms.cancel_grace, SIGTERM));
                    (SIGINT, Reach::Foreground)
                }
                () = &mut timeout, if reason != Some(StopReason::Timeout) && !killed => {
                    reason.get_or_insert(StopReason::Timeout);
                    (SIGKILL, Reach::Tree)
                }
                told = &mut over, if watch_output => {
                    watch_output = false;
                    if told.is_err() || killed {
                        continue;
                    }
                    reason.get_or_insert(StopReason::OutputLimit);
                    (SIGKILL, Reach::Tree)
                }
                () = due(insist.map(|(when, _)| when)), if !killed => {
                    let signal = insist.take().map_or(SIGKILL, |(_, signal)| signal);
                    if signal == SIGTERM {
                        insist = Some((Instant::now() + self.terms.cancel_grace, SIGKILL));
                    }
                    (signal, Reach::Tree)
                }
                () = &mut feed, if feeding => {
                    feeding = false;
                    continue;
                }
                () = due(hopeless) => {
                    hopeless = None;
                    self.give_up();
                    continue;
                }
            };
            if signal == SIGKILL {
                killed = true;
                hopeless = Some(Instant::now() + self.terms.kill_patience);
            }
            match tokio::time::timeout(self.terms.kill_patience, signals.send(signal, reach)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "a signal had nobody to go to"),
                Err(_) => self.give_up(),
            }
        }
    }
}

pub(super) async fn due(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}

impl Feed {
    /// Writes the input that was given beforehand. A program that doesn't read it to the end has no use for it.
    async fn into(self, stdin: StdinWriter) {
        if stdin.write(&self.input.unwrap_or_default()).await.is_ok() && self.ends {
            drop(stdin.close().await);
        }
    }
}

fn refusal(error: LinkError) -> ExecutionError {
    match error {
        LinkError::NotStarted { step, errno } => ExecutionError::NotStarted { step, errno },
        // What the kernel says of a program with arguments or an environment of that size.
        LinkError::TooLong { .. } => {
            ExecutionError::NotStarted { step: "execute".to_owned(), errno: Errno::TOOBIG.raw_os_error() }
        }
        LinkError::File { .. } => ExecutionError::Code(error),
        other => ExecutionError::Lost(other),
    }
}

pub(super) fn never_started(reason: StopReason, queued: Duration) -> Summary {
    let ended = Ended {
        execution: 0,
        code: None,
        signal: None,
        cause: None,
        cpu_micros: 0,
        peak_memory_bytes: 0,
        oom_kills: None,
    };
    Summary {
        outcome: Summary::decide(Some(&ended), Some(reason), false),
        exit_code: None,
        signal: None,
        started_at: None,
        duration: Duration::ZERO,
        queued,
        cpu: Some(Duration::ZERO),
        peak_memory_bytes: Some(0),
        stdout: Written::default(),
        stderr: Written::default(),
        raised: None,
        context_lost: false,
    }
}

#[cfg(test)]
mod tests;
