//! The directories that one connection has watched. They end with it, and with their sessions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::task::AbortHandle;

use crate::agent::wire::watch::{Change, ChangeKind};
use crate::files::find::below;
use crate::files::{Changes, WatchError, Watching};
use crate::ids;
use crate::protocol::files::path_on_wire;
use crate::protocol::watch::{ChangedNotice, FsChange, FsChangeKind, MAX_WATCHES, WatchEnded};
use crate::transport::{Message, Outbox};

/// All of them, by their ids.
#[derive(Debug, Default)]
pub(super) struct Watches {
    table: Mutex<HashMap<String, Entry>>,
}

#[derive(Debug)]
struct Entry {
    session: String,
    /// Nothing while the directory is being entered.
    task: Option<AbortHandle>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// A place for one more watch, which is free again if nothing comes of it.
pub(super) struct Place {
    watches: Weak<Watches>,
    id: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(watches) = self.watches.upgrade() {
            let mut table = watches.lock();
            if table.get(&self.id).is_some_and(|entry| entry.task.is_none()) {
                table.remove(&self.id);
            }
        }
    }
}

impl Watches {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a place; `None` when the session has as many as it may.
    pub(super) fn reserve(self: &Arc<Self>, session: &str) -> Option<Place> {
        let mut table = self.lock();
        if table.values().filter(|entry| entry.session == session).count() >= MAX_WATCHES {
            return None;
        }
        let id = ids::random_name("wat_");
        table.insert(id.clone(), Entry { session: session.to_owned(), task: None });
        Some(Place { watches: Arc::downgrade(self), id })
    }

    /// Tells the client what changes, from now on, and gives the name of the watch.
    pub(super) fn begin(
        self: &Arc<Self>,
        place: &Place,
        session: &str,
        directory: Vec<u8>,
        watching: Watching,
        outbox: Outbox,
    ) -> String {
        let id = place.id.clone();
        let teller = Teller { session: session.to_owned(), id: id.clone(), directory, outbox };
        let watches = Arc::downgrade(self);
        let mut table = self.lock();
        let task = tokio::spawn(async move {
            teller.tell(watching).await;
            if let Some(watches) = watches.upgrade() {
                watches.lock().remove(&teller.id);
            }
        });
        table.insert(id.clone(), Entry { session: session.to_owned(), task: Some(task.abort_handle()) });
        id
    }

    /// Ends one, and says whether there was one of this session.
    pub(super) fn end(&self, session: &str, id: &str) -> bool {
        let mut table = self.lock();
        table.get(id).is_some_and(|entry| entry.session == session) && table.remove(id).is_some()
    }
}

struct Teller {
    session: String,
    id: String,
    /// From the workspace.
    directory: Vec<u8>,
    outbox: Outbox,
}

impl Teller {
    /// Tells until there is nothing more to tell. A client that is slow holds this up alone: what happens meanwhile
    /// waits in the sandbox, and what can't wait there is told to be missing.
    async fn tell(&self, mut watching: Watching) {
        loop {
            let (changes, ended) = match watching.next().await {
                Ok(changes) => (changes, None),
                Err(error) => match ended(&error) {
                    Some(why) => (Changes::default(), Some(why)),
                    // The session ended, which is told as such.
                    None => return,
                },
            };
            let is_over = ended.is_some();
            let notice = ChangedNotice {
                session_id: self.session.clone(),
                watch_id: self.id.clone(),
                changes: changes.changes.iter().map(|change| self.on_wire(change)).collect(),
                overflow: changes.overflow,
                ended,
            };
            let message = Message::notification("fs/changed", &notice).expect("a notice can be written as JSON");
            if self.outbox.data(message).await.is_err() || is_over {
                return;
            }
        }
    }

    fn on_wire(&self, change: &Change) -> FsChange {
        let (path, path_base64) = path_on_wire(&below(&self.directory, &change.path));
        let (kind, from) = match &change.kind {
            ChangeKind::Created => (FsChangeKind::Created, None),
            ChangeKind::Changed => (FsChangeKind::Changed, None),
            ChangeKind::Removed => (FsChangeKind::Removed, None),
            ChangeKind::Renamed(from) => (FsChangeKind::Renamed, Some(path_on_wire(&below(&self.directory, from)))),
        };
        let (from, from_base64) = from.map_or((None, None), |(from, base64)| (Some(from), base64));
        FsChange { path, path_base64, kind, from, from_base64 }
    }
}

fn ended(error: &WatchError) -> Option<WatchEnded> {
    match error {
        WatchError::Files(_) => None,
        WatchError::Gone => Some(WatchEnded::Gone),
        WatchError::TooLarge => Some(WatchEnded::TooLarge),
        WatchError::NoWatches => Some(WatchEnded::NoWatches),
        WatchError::Killed => Some(WatchEnded::Killed),
    }
}
