//! Runs an execution: waits for its turn, starts the program, watches over its time, and ends it.
//!
//! Where the program is made first ([`Order::compiler`]), that is a stage of the execution as the run is.

mod course;
mod watch;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use rustix::io::Errno;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

pub(super) use self::course::{Begun, Done, Feed, see_through};
use self::course::{Course, Part, UNSTARTED};
pub(super) use self::watch::due;
use super::outcome::StopReason;
use super::{Execution, ExecutionError, Observer, Outcome, Phase, SIGINT, StageSummary, Summary};
use crate::agent::{Link, LinkError, Process, Program};

const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

/// What to run, all decided.
pub struct Order {
    /// The program.
    pub program: Program,
    /// What makes it first, if it has to be made.
    pub compiler: Option<Compiler>,
    /// What the agent is to call the program, where that says what came of its compiler.
    pub named: Option<Named>,
    /// Files of its own.
    pub code: Option<Code>,
    /// The program, started already, which waits for its one file.
    pub early: Option<Early>,
    /// What has to be over before anything is started.
    pub gone_first: Vec<tokio::task::JoinHandle<()>>,
    /// What is written to its input before all else.
    pub input: Option<Bytes>,
    /// Whether the input ends with that.
    pub input_ends: bool,
    /// What bounds it.
    pub terms: Terms,
}

/// A program that was started ahead of its code; `None` where that didn't come about, or it is gone.
pub type Early = tokio::task::JoinHandle<Option<Process>>;

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

/// What makes a program.
pub struct Compiler {
    /// The program that does. It reads no input.
    pub program: Program,
    /// The directory in which it makes the other, below [`crate::agent::plan::TEMPORARY`]; no other
    /// execution uses it.
    pub directory: String,
    /// An empty file that is there beforehand, and with it the directory.
    pub target: String,
}

/// The agent's name for a program, from how its compiler ended and how many bytes that printed on each stream.
pub type Named = Box<dyn Fn(&StageSummary, [u64; 2]) -> String + Send + Sync>;

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
    mut order: Order,
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
    let beforehand = Mutex::new((order.early.take(), std::mem::take(&mut order.gone_first)));
    let course = Course { execution, order: &order, beforehand, link: &link, queued, oom_kills: &oom_kills, observer };
    let result = course.run().await;
    clear_away(&link, order.code.map(|code| code.directory), order.compiler.map(|compiler| compiler.directory)).await;
    result
}

/// Has the code of an execution taken away, and what was made of it.
pub(super) async fn clear_away(link: &Link, code: Option<String>, made: Option<String>) {
    if let Some(directory) = code
        && let Err(error) = link.remove_code(&directory).await
    {
        tracing::debug!(%error, "code could not be taken away");
    }
    if let Some(directory) = made
        && let Err(error) = link.remove_temporary(&directory).await
    {
        tracing::debug!(%error, "a program that was made could not be taken away");
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
    Done::default().summary(Summary::decide(Some(&UNSTARTED), Some(reason), false), Part::default(), queued)
}

#[cfg(test)]
mod tests;
