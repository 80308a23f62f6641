//! Takes an execution over that a daemon had begun which is gone, and sees it through as if it were our own.
//!
//! Its time and its output count from its own beginning. What it printed for that daemon is not here: it is announced
//! as one gap at the beginning of each stream.

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::drive::{Begun, Done, Feed, OomKills, Over, Terms, clear_away, conclude, see_through};
use super::pump::{Before, Past};
use super::{Execution, Observer, Outcome, Stage, StageSummary};
use crate::agent::{Link, Process};

/// An execution that runs.
pub struct TakenOver {
    /// Its program, or its compiler.
    pub process: Process,
    /// Which of them. What the daemon was to run after its compiler, it alone knew.
    pub stage: Stage,
    /// How its compiler ended, where that came before.
    pub compiled: Option<StageSummary>,
    /// How long ago it was started.
    pub age: Duration,
    /// How many bytes of each stream of the execution another daemon was sent.
    pub passed: [u64; 2],
    /// Its place among those of its session that may run.
    pub permit: Option<OwnedSemaphorePermit>,
    /// The sandbox.
    pub link: Link,
    /// How often the kernel killed for memory in this sandbox so far, where it counts that.
    pub oom_kills: OomKills,
}

impl std::fmt::Debug for TakenOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TakenOver").field("process", &self.process).field("age", &self.age).finish_non_exhaustive()
    }
}

/// Sees it through to its end, and leaves the result in the execution, for those who wait there.
pub async fn take_over(execution: &Execution, terms: Terms, taken: TakenOver, observer: &dyn Observer) {
    let _over = Over(execution);
    let TakenOver { process, stage, compiled, age, passed, permit, link, oom_kills } = taken;
    let past = Past { streams: passed.map(Before::missed), seq: 0, spent: passed.iter().sum() };
    let age = age.saturating_add(compiled.as_ref().map_or(Duration::ZERO, |stage| stage.duration));
    let is_staged = stage == Stage::Compile || compiled.is_some();
    let done = Done { is_staged, stages: compiled.into_iter().collect(), past };
    let begun = Begun { process, stage, queued: Duration::ZERO, age, done };
    let feed = Feed { _turn: Some(execution.stdin_turn.lock().await), ..Feed::default() };
    let (mut summary, _) = see_through(execution, &terms, begun, feed, &link, &oom_kills, observer).await;
    drop(permit);
    // Where there is nothing to take away, nothing is.
    let id = execution.id.as_str();
    clear_away(&link, Some(id.to_owned()), Some(id.to_owned())).await;
    if stage == Stage::Compile && summary.outcome == Outcome::Ok {
        summary.outcome = Outcome::Lost;
    }
    conclude(execution, Ok(summary), observer).await;
}
