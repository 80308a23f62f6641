//! Takes an execution over that a daemon had begun which is gone, and sees it through as if it were our own.
//!
//! Its time and its output count from its own beginning. What it printed for that daemon is not here: it is announced
//! as one gap at the beginning of each stream.

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::drive::{Begun, Feed, OomKills, Over, Terms, conclude, see_through};
use super::{Execution, Observer};
use crate::agent::{Link, Process};

/// An execution that runs.
pub struct TakenOver {
    /// Its program.
    pub process: Process,
    /// How long ago it was started.
    pub age: Duration,
    /// How many bytes of each of its streams another daemon was sent.
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
    let TakenOver { process, age, passed, permit, link, oom_kills } = taken;
    let begun = Begun { process, queued: Duration::ZERO, age, passed };
    let summary = see_through(execution, &terms, begun, Feed::default(), &link, &oom_kills, observer).await;
    drop(permit);
    // Where it had none, there is nothing to take away.
    if let Err(error) = link.remove_code(execution.id.as_str()).await {
        tracing::debug!(%error, "code could not be taken away");
    }
    conclude(execution, Ok(summary), observer).await;
}
