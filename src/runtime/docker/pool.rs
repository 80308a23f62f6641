//! Sandboxes that stand before they are asked for, so that a session opens without waiting for its engine.
//!
//! Each has said that it is ready, runs nothing, has never been told anything but its confinement, and is handed
//! out once: a session that comes after another finds nothing of it. Which are held is decided in [`stock`]; one
//! that dies, or says anything unasked, is dropped. None outlives the daemon: each ends with its stream.
//!
//! One is made at a time, after the session that caused it has been served.

use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::stock::{Number, Stock};
use self::waiting::{Taken, Waiting};
use crate::runtime::Sandbox;

pub mod kind;
pub mod stock;
pub mod waiting;

pub use self::stock::Bounds;

/// How long one may take from its order to its being ready.
const MAKE_DEADLINE: Duration = Duration::from_secs(60);

/// How long the pool waits for what it gave up when the daemon ends.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// Makes what the pool holds.
#[async_trait]
pub trait Maker<K>: Send + Sync + 'static {
    /// A sandbox of this kind, and what memory it takes where that is known; why not, as a sentence without a
    /// full stop.
    async fn make(&self, key: &K) -> Result<Sandbox, String>;
}

/// Sandboxes that wait, by kind.
pub struct Pool<K> {
    shared: Arc<Shared<K>>,
}

impl<K> std::fmt::Debug for Pool<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

struct Shared<K> {
    maker: Arc<dyn Maker<K>>,
    filling: Once,
    stock: Mutex<Stock<K, Waiting>>,
    /// There may be something to do.
    woken: Notify,
    tasks: TaskTracker,
    closing: CancellationToken,
}

impl<K> Shared<K> {
    fn stock(&self) -> MutexGuard<'_, Stock<K, Waiting>> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash + std::fmt::Debug + Send + Sync + 'static> Pool<K> {
    /// An empty pool.
    #[must_use]
    pub fn new(bounds: Bounds, maker: Arc<dyn Maker<K>>) -> Self {
        let shared = Shared {
            maker,
            filling: Once::new(),
            stock: Mutex::new(Stock::new(bounds)),
            woken: Notify::new(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// There may be something to do.
    fn wake(&self) {
        self.shared.filling.call_once(|| {
            self.shared.tasks.spawn(refill(Arc::downgrade(&self.shared)));
        });
        self.shared.woken.notify_one();
    }

    /// One of this kind, if one waits and lives; from now on some are held ready. Must be called
    /// within a Tokio runtime.
    pub async fn take(&self, key: &K) -> Option<Sandbox> {
        loop {
            let waiting = self.shared.stock().take(key, Instant::now());
            self.wake();
            if let Some(sandbox) = waiting?.hand_over().await {
                return Some(sandbox);
            }
        }
    }

    /// So many of this kind are to be held ready, as far as the bounds allow. Must be called within a Tokio runtime.
    pub fn prewarm(&self, key: &K, count: usize) {
        self.shared.stock().want(key, count, Instant::now());
        self.wake();
    }

    /// Gives up those of these kinds.
    pub fn give_up(&self, which: impl Fn(&K) -> bool) {
        let gone = self.shared.stock().give_up(which);
        drop(gone);
    }

    /// Whether anything is being made for it, though it may have been given up since.
    #[must_use]
    pub fn is_making(&self) -> bool {
        self.shared.stock().making() > 0
    }

    /// What it holds of these kinds; what is being made is not told by kind.
    #[must_use]
    pub fn waiting_of(&self, which: impl Fn(&K) -> bool) -> usize {
        self.shared.stock().waiting_of(which)
    }

    /// What memory those of these kinds take that it holds.
    #[must_use]
    pub fn bytes_of(&self, which: impl Fn(&K) -> bool) -> u64 {
        self.shared.stock().bytes_of(which)
    }

    /// Whether its bounds let it hold anything.
    #[must_use]
    pub fn holds_any(&self) -> bool {
        self.shared.stock().holds_any()
    }

    /// Ends all that wait and makes no more; waits until they are gone, for little more than their end takes.
    pub async fn close(&self) {
        let gone = self.shared.stock().close();
        drop(gone);
        self.shared.closing.cancel();
        self.shared.woken.notify_one();
        self.shared.tasks.close();
        // What is left then ends with its stream.
        drop(tokio::time::timeout(CLOSE_DEADLINE, self.shared.tasks.wait()).await);
    }
}

impl<K> Drop for Pool<K> {
    fn drop(&mut self) {
        drop(self.shared.stock().close());
        self.shared.closing.cancel();
        self.shared.woken.notify_one();
    }
}

/// Makes what is due, one after the other, until the pool is closed.
async fn refill<K: Clone + Eq + Hash + std::fmt::Debug + Send + Sync + 'static>(pool: Weak<Shared<K>>) {
    while let Some(shared) = pool.upgrade() {
        let now = Instant::now();
        let (order, next_due) = {
            let mut stock = shared.stock();
            if stock.is_closed() {
                return;
            }
            drop(stock.give_up_unused(now));
            (stock.order(now), stock.next_due(now))
        };
        if let Some((key, gone)) = order {
            drop(gone);
            // With the future goes what it makes.
            shared.closing.run_until_cancelled(make(&shared, key)).await;
        } else if let Some(due) = next_due {
            drop(tokio::time::timeout_at(due.into(), shared.woken.notified()).await);
        } else {
            shared.woken.notified().await;
        }
    }
}

async fn make<K: Clone + Eq + Hash + std::fmt::Debug + Send + Sync + 'static>(shared: &Arc<Shared<K>>, key: K) {
    let making = async {
        let sandbox = shared.maker.make(&key).await?;
        waiting::stand(sandbox).await
    };
    let made = tokio::time::timeout(MAKE_DEADLINE, making).await.unwrap_or_else(|_| Err("it took too long".to_owned()));
    let mut standing = match made {
        Ok(standing) => standing,
        Err(why) => {
            tracing::warn!(?key, why, "no sandbox could be made ahead of its use");
            shared.stock().failed(&key, Instant::now());
            return;
        }
    };
    let bytes = standing.bytes().await;
    let (waiting, taken) = waiting::promise();
    let number = match shared.stock().put(&key, waiting, bytes) {
        Ok(number) => number,
        // Nobody wants it any more: the promise is broken, and the sandbox ended like any other.
        Err(_) => {
            shared.tasks.spawn(standing.end());
            return;
        }
    };
    shared.tasks.spawn(keep(Arc::downgrade(shared), key, number, standing, taken));
}

/// Holds one sandbox until it is taken, given up or dead.
async fn keep<K: Clone + Eq + Hash>(
    pool: Weak<Shared<K>>,
    key: K,
    number: Number,
    standing: waiting::Standing,
    taken: Taken,
) {
    if standing.keep(taken).await {
        return;
    }
    if let Some(shared) = pool.upgrade() {
        drop(shared.stock().died(&key, number, Instant::now()));
        shared.woken.notify_one();
    }
}

#[cfg(test)]
mod tests;
