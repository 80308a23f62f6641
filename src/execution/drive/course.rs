//! The course of an execution whose turn it is: stage after stage, as long as the one before went well.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{MutexGuard, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::watch::Watch;
use super::{Code, Compiler, Early, OomKills, Order, Terms, refusal};
use crate::agent::frame::Stream;
use crate::agent::{Ended, Link, LinkError, Process, Program, StdinWriter};
use crate::execution::outcome::StopReason;
use crate::execution::pump::{Allowance, Past, Pump, Source};
use crate::execution::{Execution, ExecutionError, Observer, Outcome, Running, Stage, StageSummary, Summary};

/// The end of a process that never was.
pub(super) const UNSTARTED: Ended =
    Ended { execution: 0, code: None, signal: None, cause: None, cpu_micros: 0, peak_memory_bytes: 0, oom_kills: None };

/// What an execution goes through.
pub(super) struct Course<'a> {
    pub(super) execution: &'a Execution,
    pub(super) order: &'a Order,
    /// What was started already, and what has to be over.
    pub(super) beforehand: Mutex<(Option<Early>, Vec<JoinHandle<()>>)>,
    pub(super) link: &'a Link,
    /// How long it waited for its turn.
    pub(super) queued: Duration,
    pub(super) oom_kills: &'a OomKills,
    pub(super) observer: &'a dyn Observer,
}

impl Course<'_> {
    pub(super) async fn run(&self) -> Result<Summary, ExecutionError> {
        let Order { program, compiler, named, code, input, input_ends, .. } = self.order;
        // Taken before anybody else can ask for it, so that what was given beforehand comes first.
        let turn = self.execution.stdin_turn.lock().await;
        let mut done = Done::default();
        let mut program = program.clone();
        if let Some(compiler) = compiler {
            done.is_staged = true;
            let begin = self.begin_compiler(compiler, code.as_ref());
            let compiled;
            (compiled, done) = self.stage(Stage::Compile, begin, Feed::default(), done).await?;
            if compiled.outcome != Outcome::Ok {
                return Ok(compiled);
            }
            let size = *self.execution.size.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            program.terminal = program.terminal.and(size.or(program.terminal));
            if let Some((named, compiled)) = named.as_ref().zip(done.stages.last()) {
                program.name = named(compiled, done.past.streams.map(|stream| stream.written.bytes));
            }
        }
        let is_staged = done.is_staged;
        let feed = Feed { input: input.clone(), ends: *input_ends, _turn: Some(turn) };
        let code = code.as_ref().filter(|_| !is_staged);
        let before = done.clone();
        match self.stage(Stage::Run, self.begin(program, code), feed, done).await {
            // Its compiler was told of, so its end has to be told as well.
            Err(error) if is_staged => {
                let outcome = if matches!(error, ExecutionError::Lost(_)) { Outcome::Lost } else { Outcome::Error };
                tracing::debug!(execution = %self.execution.id, %error, "what was compiled was not started");
                Ok(before.summary(outcome, Part::of(Stage::Run), self.queued))
            }
            ended => ended.map(|(summary, _)| summary),
        }
    }

    /// A stage, unless its time is over or it is not wanted before it begins.
    async fn stage(
        &self,
        stage: Stage,
        begin: impl Future<Output = Result<Process, ExecutionError>>,
        feed: Feed<'_>,
        done: Done,
    ) -> Result<(Summary, Done), ExecutionError> {
        let stop = &self.execution.stop;
        let age = done.duration();
        let begun = tokio::select! {
            biased;
            () = stop.kill.cancelled() => Err(StopReason::Killed),
            () = stop.cancel.cancelled() => Err(StopReason::Cancelled),
            begun = begin => Ok(begun),
            () = tokio::time::sleep(self.order.terms.timeout.saturating_sub(age)) => Err(StopReason::Timeout),
        };
        match begun {
            // The process that may have been started meanwhile was dropped, and so killed.
            Err(reason) => {
                let outcome = Summary::decide(Some(&UNSTARTED), Some(reason), false);
                Ok((done.clone().summary(outcome, Part::of(stage), self.queued), done))
            }
            Ok(Err(error)) => Err(error),
            Ok(Ok(process)) => {
                let begun = Begun { process, stage, queued: self.queued, age, done };
                let terms = &self.order.terms;
                Ok(see_through(self.execution, terms, begun, feed, self.link, self.oom_kills, self.observer).await)
            }
        }
    }

    async fn begin_compiler(&self, compiler: &Compiler, code: Option<&Code>) -> Result<Process, ExecutionError> {
        let Compiler { program, directory, target } = compiler;
        self.link.make_temporary(&format!("{directory}/{target}")).await.map_err(refusal)?;
        self.begin(program.clone(), code).await
    }

    async fn begin(&self, program: Program, code: Option<&Code>) -> Result<Process, ExecutionError> {
        let (early, gone_first) =
            std::mem::take(&mut *self.beforehand.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        futures::future::join_all(gone_first).await;
        if let Some(early) = early
            && let Some(process) = self.go_on_early(early, code).await
        {
            return Ok(process);
        }
        let begun = match code {
            Some(Code { directory, files }) => {
                let place = |(name, content): &(String, Bytes)| (format!("{directory}/{name}"), content.clone());
                let files: Vec<_> = files.iter().map(place).collect();
                self.link.spawn_with_files(&files, program).await
            }
            None => self.link.spawn(program).await,
        };
        begun.map_err(refusal)
    }
}

impl Course<'_> {
    /// What was started ahead, with its code; `None` when it can't be had, and nothing is left of it then.
    async fn go_on_early(&self, early: Early, code: Option<&Code>) -> Option<Process> {
        let process = early.await.ok().flatten()?;
        let (_, text) = code?.files.first()?;
        match process.release(text).await {
            Ok(()) => Some(process),
            Err(error) => {
                tracing::debug!(execution = %self.execution.id, %error, "what was started ahead is of no use");
                None
            }
        }
    }
}

/// What stages have left that are over.
#[derive(Debug, Clone, Default)]
pub(in crate::execution) struct Done {
    /// Whether there are several.
    pub(in crate::execution) is_staged: bool,
    pub(in crate::execution) stages: Vec<StageSummary>,
    pub(in crate::execution) past: Past,
}

/// How a stage ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    stage: Stage,
    exit_code: Option<i32>,
    signal: Option<i32>,
    started_at: Option<Timestamp>,
    duration: Duration,
    cpu: Option<Duration>,
    peak_memory_bytes: Option<u64>,
}

impl Part {
    /// One that was never started.
    fn of(stage: Stage) -> Self {
        Self { stage, cpu: Some(Duration::ZERO), peak_memory_bytes: Some(0), ..Self::default() }
    }
}

impl Done {
    fn duration(&self) -> Duration {
        self.stages.iter().map(|stage| stage.duration).sum()
    }

    /// With this as the last stage.
    pub(super) fn summary(mut self, outcome: Outcome, last: Part, queued: Duration) -> Summary {
        self.push(last);
        self.result(outcome, queued)
    }

    fn push(&mut self, part: Part) {
        let Part { stage, exit_code, signal, started_at, duration, cpu, peak_memory_bytes } = part;
        self.stages.push(StageSummary { stage, exit_code, signal, started_at, duration, cpu, peak_memory_bytes });
    }

    fn result(&self, outcome: Outcome, queued: Duration) -> Summary {
        let [stdout, stderr] = self.past.streams.map(|stream| stream.written);
        let last = self.stages.last();
        Summary {
            outcome,
            exit_code: last.and_then(|last| last.exit_code),
            signal: last.and_then(|last| last.signal),
            started_at: self.stages.iter().find_map(|stage| stage.started_at),
            duration: self.duration(),
            queued,
            cpu: self.stages.iter().map(|stage| stage.cpu).sum(),
            peak_memory_bytes: self.stages.iter().try_fold(0, |most, one| Some(one.peak_memory_bytes?.max(most))),
            stdout,
            stderr,
            raised: None,
            context_lost: false,
            stages: if self.is_staged { self.stages.clone() } else { Vec::new() },
        }
    }
}

/// A stage whose process runs.
pub(in crate::execution) struct Begun {
    pub(in crate::execution) process: Process,
    pub(in crate::execution) stage: Stage,
    /// How long the execution waited for its turn.
    pub(in crate::execution) queued: Duration,
    /// How long the execution has been running.
    pub(in crate::execution) age: Duration,
    pub(in crate::execution) done: Done,
}

/// What a program's input begins with.
#[derive(Default)]
pub(in crate::execution) struct Feed<'a> {
    pub(in crate::execution) input: Option<Bytes>,
    pub(in crate::execution) ends: bool,
    /// Held until that is written.
    pub(in crate::execution) _turn: Option<MutexGuard<'a, ()>>,
}

impl Feed<'_> {
    /// Writes the input that was given beforehand. A program that doesn't read it to the end has no use for it.
    async fn into(self, stdin: StdinWriter) {
        let Some(input) = self.input else { return };
        if stdin.write(&input).await.is_ok() && self.ends {
            drop(stdin.close().await);
        }
    }
}

pub(in crate::execution) async fn see_through(
    execution: &Execution,
    terms: &Terms,
    begun: Begun,
    feed: Feed<'_>,
    link: &Link,
    oom_kills: &OomKills,
    observer: &dyn Observer,
) -> (Summary, Done) {
    let Begun { mut process, stage, queued, age, mut done } = begun;
    let oom_before = oom_kills();
    // Another daemon may have begun this stage.
    let before = age.saturating_sub(done.duration());
    let started_at = Timestamp::now().saturating_sub(before).unwrap_or(Timestamp::UNIX_EPOCH);
    let began = Instant::now();
    let stdin = process.stdin();
    let running = Running {
        stage,
        started_at,
        pid: process.pid,
        stdin: stdin.clone(),
        signals: process.signals(),
        side: Mutex::new(process.side()),
    };
    execution.enter(running);

    let (over_sender, over) = oneshot::channel();
    let allowance = Allowance { bytes: terms.output_bytes, max_chunk_bytes: terms.max_chunk_bytes };
    let streams = [Stream::Stdout, Stream::Stderr].map(|stream| Source::Whole(process.output(stream)));
    let pump = Pump::new(execution, observer, stage, streams, done.past, allowance, over_sender);
    // Whoever doesn't listen holds up what is told, and never what is done about the program.
    let pump = async {
        observer.started(execution).await;
        pump.run().await
    };
    let watch = Watch { execution, terms, link, began, age };
    let watch = async {
        let (ended, stop, duration) = watch.until_ended(&mut process, feed.into(stdin), over).await;
        // Looked at now: until the last of the output is taken, others may be killed.
        let oom_kill = match (oom_before, oom_kills()) {
            (Some(before), Some(after)) => after > before,
            _ => ended.as_ref().is_ok_and(|ended| ended.oom_kills.is_some_and(|kills| kills > 0)),
        };
        (ended, stop, duration, oom_kill)
    };
    let (past, (ended, stop, duration, oom_kill)): (_, (Result<Ended, LinkError>, _, _, _)) = tokio::join!(pump, watch);
    // What nobody wanted to hear until now.
    drop(execution.take_side());
    let ended = ended.as_ref().ok();
    done.past = past;
    done.push(Part {
        stage,
        exit_code: ended.and_then(|ended| ended.code),
        signal: ended.and_then(|ended| ended.signal),
        started_at: Some(started_at),
        duration: before + duration,
        cpu: ended.map(|ended| Duration::from_micros(ended.cpu_micros)),
        peak_memory_bytes: ended.map(|ended| ended.peak_memory_bytes),
    });
    (done.result(Summary::decide(ended, stop, oom_kill), queued), done)
}
