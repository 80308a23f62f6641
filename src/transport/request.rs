//! What a handler can know of the request that it handles.
//!
//! `tower_lsp` hands neither the id nor the cancellation to a handler, so both travel in the task.

use tokio_util::sync::CancellationToken;
use tower_lsp::jsonrpc::Id;

tokio::task_local! {
    static CURRENT: Current;
}

/// The request that is being handled.
#[derive(Debug, Clone)]
pub struct Current {
    pub(super) id: Id,
    pub(super) cancellation: CancellationToken,
}

impl Current {
    /// The id that the client gave it.
    #[must_use]
    pub fn id(&self) -> &Id {
        &self.id
    }

    /// Fires when the client cancels the request. Handlers of other than graceful methods never get
    /// to see it: their future is dropped.
    #[must_use]
    pub fn cancellation(&self) -> &CancellationToken {
        &self.cancellation
    }

    /// Runs a future as the handler of this request.
    pub(super) async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }
}

/// The request that the current task handles, or `None` outside of handlers of requests. A task that
/// a handler spawns is outside.
#[must_use]
pub fn current() -> Option<Current> {
    CURRENT.try_with(Clone::clone).ok()
}
