//! What is under way on a machine beside what somebody waits for: containers that are being made, and those that are
//! being removed. The daemon's end waits for all of it.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The works of one machine.
#[derive(Debug, Default)]
pub(super) struct Works {
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Works {
    /// Begins one. Whoever doesn't wait for its handle leaves it to the daemon's end. Must be called within a Tokio
    /// runtime.
    pub(super) fn begin<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.tasks.spawn(work)
    }

    /// The work's outcome; `None` when the daemon's end comes before that.
    pub(super) async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.stopping.run_until_cancelled(work).await
    }

    /// The daemon's end has come: what is made now is not wanted any more.
    pub(super) fn stop(&self) {
        self.stopping.cancel();
    }

    /// Whether it has.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Whether anything is under way.
    pub(super) fn is_busy(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// Waits until nothing is under way.
    pub(super) async fn done(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
