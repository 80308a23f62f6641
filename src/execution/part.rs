//! Executions that are a part of what a program does: cells, whose interpreter goes on when they are over.
//!
//! What ends such an execution before its time interrupts the program, again and again, and kills it only when that
//! is of no use. Whoever doesn't listen holds up what is told, and never what is done about the program.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::drive::{OomKills, Over, Terms, conclude, due, never_started};
use super::marked::Marked;
use super::outcome::StopReason;
use super::pump::{Allowance, Past, Pump, Source};
use super::{Display, Execution, ExecutionError, Observer, Outcome, Raised, Running, SIGINT, Stage, Summary};
use crate::agent::wire::Reach;
use crate::agent::{Ended, Signals, StdinWriter};

/// How often a program is interrupted that is to stop, one grace apart, before it is killed.
const INTERRUPTS: u32 = 4;

/// A program that has only begun with something may not yet take an interrupt for its own: so long, it is sent again.
const YOUNG: Duration = Duration::from_secs(1);

/// When it is sent again.
const AGAIN: Duration = Duration::from_millis(500);

/// The program that an execution is a part of.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its process id inside the sandbox.
    pub pid: u32,
    /// Its input, which is none.
    pub stdin: StdinWriter,
    /// What it can be sent.
    pub signals: Signals,
    /// Ends it at once, with all that it has started.
    pub kill: CancellationToken,
    /// How often it was interrupted because of what it did.
    pub interrupts: Arc<AtomicU64>,
}

/// What a program says of a part of what it does.
#[derive(Debug)]
pub enum Told {
    /// It has done it.
    Over(Verdict),
    /// It will say no more, for this reason.
    Gone(String),
}

/// How a part went.
#[derive(Debug, Default)]
pub struct Verdict {
    /// It did not go well.
    pub failed: bool,
    /// An interrupt ended it.
    pub interrupted: bool,
    /// The code with which a program of its own would have exited.
    pub code: Option<i32>,
    /// The error that ended it.
    pub raised: Option<Raised>,
    /// Processor time that the program had meanwhile, as it says.
    pub cpu: Option<Duration>,
    /// The most memory that the program has had, as it says.
    pub peak_memory_bytes: Option<u64>,
}

/// A part that is about to begin.
pub struct Part<'a, T, G> {
    /// The program.
    pub host: Host,
    /// Its output, where the part has begun already.
    pub streams: [&'a mut Marked; 2],
    /// Tells the program what to do, and hears it out.
    pub talk: T,
    /// When it is gone: how.
    pub gone: G,
    /// What bounds it.
    pub terms: Terms,
    /// How long it waited.
    pub queued: Duration,
    /// How often the kernel killed for memory in the sandbox so far, where it counts that.
    pub oom_kills: &'a OomKills,
}

impl Execution {
    /// Waits until somebody ends an execution that has not begun.
    pub(crate) async fn ended_early(&self) -> StopReason {
        tokio::select! {
            biased;
            () = self.stop.kill.cancelled() => StopReason::Killed,
            () = self.stop.leave.cancelled() => StopReason::Killed,
            () = self.stop.cancel.cancelled() => StopReason::Cancelled,
        }
    }

    /// It shows more than it may.
    pub(crate) fn leave_out(&self) {
        self.displayed.lock().unwrap_or_else(PoisonError::into_inner).left_out += 1;
    }

    /// Remembers and tells what it shows.
    pub(crate) async fn show(&self, display: Display, observer: &dyn Observer) {
        let display = Arc::new(display);
        self.displayed.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&display));
        observer.displayed(self, &display).await;
    }
}

/// What came of an execution whose turn never came.
#[must_use]
pub(crate) fn not_begun(reason: StopReason, queued: Duration) -> Summary {
    never_started(reason, queued)
}

/// Drives an execution by what `run` does, and leaves the result in it, for those who wait there.
pub(crate) async fn drive_part(
    execution: &Execution,
    observer: &dyn Observer,
    run: impl Future<Output = Result<Summary, ExecutionError>>,
) {
    let _over = Over(execution);
    let ended = run.await;
    conclude(execution, ended, observer).await;
}

/// Sees a part through to its end. The second of what it answers says why the program is lost with it, if it is.
pub(crate) async fn see_part<T, G>(
    execution: &Execution,
    observer: &dyn Observer,
    part: Part<'_, T, G>,
) -> (Summary, Option<String>)
where
    T: Future<Output = Told>,
    G: Future<Output = Option<Ended>>,
{
    let Part { host, streams: [stdout, stderr], talk, gone, terms, queued, oom_kills } = part;
    let oom_before = oom_kills();
    let started_at = Timestamp::now();
    let began = Instant::now();
    let Host { pid, stdin, signals, kill, .. } = host.clone();
    execution.enter(Running { stage: Stage::Run, started_at, pid, stdin, signals, side: Mutex::new(None) });

    let (over_sender, over) = oneshot::channel();
    let allowance = Allowance { bytes: terms.output_bytes, max_chunk_bytes: terms.max_chunk_bytes };
    let sources = [Source::Part(&mut *stdout), Source::Part(&mut *stderr)];
    let pump = Pump::new(execution, observer, Stage::Run, sources, Past::default(), allowance, over_sender);
    let finished = CancellationToken::new();
    let work = async {
        observer.started(execution).await;
        let talk = async {
            let told = talk.await;
            if matches!(told, Told::Gone(_)) {
                kill.cancel();
            }
            told
        };
        let done = tokio::join!(pump.run(), talk);
        finished.cancel();
        done
    };
    let watch = watch(execution, &host, &terms, began, over, &finished);
    let ((past, mut told), reason) = tokio::join!(work, watch);
    let [stdout_written, stderr_written] = past.streams.map(|stream| stream.written);
    if stdout.is_lost() || stderr.is_lost() {
        kill.cancel();
        told = Told::Gone("it did not say where the output of a cell ends".to_owned());
    }
    let (ended, verdict, lost) = match told {
        Told::Over(verdict) => (Some(as_program(&verdict)), verdict, None),
        Told::Gone(why) => {
            let ended = gone.await;
            let why = reason.map_or(why, |reason| because(reason).to_owned());
            (ended, Verdict::default(), Some(why))
        }
    };
    let oom_kill = match (oom_before, oom_kills()) {
        _ if lost.is_none() => false,
        (Some(before), Some(after)) => after > before,
        _ => ended.as_ref().is_some_and(|ended| ended.oom_kills.is_some_and(|kills| kills > 0)),
    };
    let summary = Summary {
        outcome: match Summary::decide(ended.as_ref(), reason, oom_kill) {
            Outcome::Error if verdict.interrupted => Outcome::Killed,
            outcome => outcome,
        },
        exit_code: if lost.is_some() { ended.as_ref().and_then(|ended| ended.code) } else { verdict.code },
        signal: if verdict.interrupted { Some(SIGINT) } else { ended.as_ref().and_then(|ended| ended.signal) },
        started_at: Some(started_at),
        duration: began.elapsed(),
        queued,
        cpu: verdict.cpu,
        peak_memory_bytes: verdict.peak_memory_bytes.or_else(|| ended.as_ref().map(|ended| ended.peak_memory_bytes)),
        stdout: stdout_written,
        stderr: stderr_written,
        raised: verdict.raised,
        context_lost: lost.is_some(),
        stages: Vec::new(),
    };
    (summary, lost)
}

/// A part that is over, as a program of its own would have ended.
fn as_program(verdict: &Verdict) -> Ended {
    let code = Some(if verdict.failed { 1 } else { verdict.code.unwrap_or_default() });
    Ended { execution: 0, code, signal: None, cause: None, cpu_micros: 0, peak_memory_bytes: 0, oom_kills: None }
}

fn because(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Timeout => "it was killed, as a cell that had no time left did not end when it was interrupted",
        StopReason::Cancelled => "it was killed, as a cell that was cancelled did not end when it was interrupted",
        StopReason::Killed => "it was killed with a cell",
        StopReason::OutputLimit => "it was killed, as a cell that printed too much did not end when it was interrupted",
    }
}

/// Brings the end about where that is due, and says why.
async fn watch(
    execution: &Execution,
    host: &Host,
    terms: &Terms,
    began: Instant,
    mut over: oneshot::Receiver<()>,
    finished: &CancellationToken,
) -> Option<StopReason> {
    let timeout = tokio::time::sleep_until(began + terms.timeout);
    tokio::pin!(timeout);
    let stop = &execution.stop;
    let mut watch_output = terms.stop_at_output_limit;
    let mut reason = None;
    let mut late = false;
    // When it is interrupted next because it must end, and how often yet.
    let mut insist: Option<(Instant, u32)> = None;
    // When an interrupt that a client sent is sent again.
    let mut again = None;
    let begin = |reason: &mut Option<StopReason>, why| {
        reason.get_or_insert(why);
        Some((Instant::now(), INTERRUPTS))
    };
    loop {
        let killed = host.kill.is_cancelled();
        tokio::select! {
            biased;
            () = finished.cancelled() => return reason,
            // An interpreter outlives no daemon.
            () = async { tokio::select! { () = stop.kill.cancelled() => {}, () = stop.leave.cancelled() => {} } }, if !killed => {
                reason.get_or_insert(StopReason::Killed);
                host.kill.cancel();
                continue;
            }
            () = stop.cancel.cancelled(), if reason.is_none() && !killed => {
                insist = begin(&mut reason, StopReason::Cancelled);
                continue;
            }
            () = &mut timeout, if !late => {
                late = true;
                insist = insist.or_else(|| begin(&mut reason, StopReason::Timeout));
                continue;
            }
            told = &mut over, if watch_output => {
                watch_output = false;
                if told.is_ok() {
                    insist = insist.or_else(|| begin(&mut reason, StopReason::OutputLimit));
                }
                continue;
            }
            () = stop.interrupt.notified(), if !killed => {
                again = (began.elapsed() < YOUNG).then(|| Instant::now() + AGAIN);
            }
            () = due(again), if !killed => again = None,
            () = due(insist.map(|(when, _)| when)), if !killed => match insist {
                Some((_, left @ 1..)) => insist = Some((Instant::now() + terms.cancel_grace, left - 1)),
                _ => {
                    host.kill.cancel();
                    continue;
                }
            },
        }
        host.interrupts.fetch_add(1, Ordering::Relaxed);
        let sent = host.signals.send(SIGINT, Reach::Foreground);
        if tokio::time::timeout(terms.kill_patience, sent).await.is_err() {
            host.kill.cancel();
        }
    }
}
