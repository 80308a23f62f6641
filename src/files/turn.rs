//! Work that takes a processor for a while: away from what answers requests, and little of it at one time.

use tokio::sync::Semaphore;

/// So much of it is done at one time, whoever asks.
static TURNS: Semaphore = Semaphore::const_new(2);

/// Does it when its turn comes. Nobody's turn depends on what a sandbox answers.
pub(super) async fn computed<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    // Nobody closes it, so that there always is a turn.
    let turn = TURNS.acquire().await;
    let done = tokio::task::spawn_blocking(work).await;
    drop(turn);
    match done.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The daemon ends, and with it whoever waits here.
        Err(Err(_)) => std::future::pending().await,
    }
}
