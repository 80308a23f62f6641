//! What happens to the containers of one machine, as its engine tells.
//!
//! The engine forgets a container that has ended, so who wants to know how it ended has to have listened. That is
//! done as long as there are containers to listen for. When the engine was away meanwhile, each of them is
//! looked at again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::Notify;

use crate::container::engine::{ContainerEngine, ContainerEvents, ContainerId, EventKind};

/// From the end of the engine's news to the next attempt to hear them.
const PAUSE: Duration = Duration::from_secs(1);

/// For so long after the last container was let go of, the engine is listened to.
const LINGER: Duration = Duration::from_secs(30);

/// The containers of one machine.
#[derive(Debug, Default)]
pub(super) struct Watch {
    table: Mutex<Table>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Table {
    followed: HashMap<ContainerId, Fate>,
    listening: bool,
}

/// What is known of how a container came to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fate {
    /// It has ended.
    pub(super) ended: bool,
    /// How its first program ended, where that was heard.
    pub(super) exit_code: Option<i64>,
    /// The kernel has killed something in it for want of memory.
    pub(super) out_of_memory: bool,
    /// The engine was away while it ran.
    pub(super) engine_was_away: bool,
}

/// A container that is listened for, until this is dropped.
#[derive(Debug)]
pub(super) struct Followed {
    watch: Arc<Watch>,
    id: ContainerId,
}

impl Watch {
    /// Listens for a container from now on.
    pub(super) fn follow(self: &Arc<Self>, engine: &ContainerEngine, id: &ContainerId) -> Followed {
        let mut table = self.table();
        table.followed.insert(id.clone(), Fate::default());
        let begin = !std::mem::replace(&mut table.listening, true);
        drop(table);
        self.changed.notify_waiters();
        if begin {
            tokio::spawn(listen(Arc::clone(self), engine.clone()));
        }
        Followed { watch: Arc::clone(self), id: id.clone() }
    }

    fn take_in(&self, id: &ContainerId, change: impl FnOnce(&mut Fate)) {
        if let Some(fate) = self.table().followed.get_mut(id) {
            change(fate);
        }
        self.changed.notify_waiters();
    }

    /// Whether nobody needs the engine's news, who then have to be asked for again.
    fn stop_if_unused(&self) -> bool {
        let mut table = self.table();
        table.listening = !table.followed.is_empty();
        !table.listening
    }

    fn is_unused(&self) -> bool {
        self.table().followed.is_empty()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Followed {
    /// What is known of its end.
    pub(super) fn fate(&self) -> Fate {
        self.watch.table().followed.get(&self.id).cloned().unwrap_or_default()
    }

    /// As [`Followed::fate`], once it has ended; for no longer than `patience`.
    pub(super) async fn ended(&self, patience: Duration) -> Fate {
        let heard = async {
            loop {
                let changed = self.watch.changed.notified();
                if self.fate().ended {
                    return;
                }
                changed.await;
            }
        };
        let _late = tokio::time::timeout(patience, heard).await;
        self.fate()
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.watch.table().followed.remove(&self.id);
        self.watch.changed.notify_waiters();
    }
}

/// Listens to an engine as long as anybody needs that.
async fn listen(watch: Arc<Watch>, engine: ContainerEngine) {
    let mut was_away = false;
    loop {
        if let Ok(events) = engine.events().await {
            if was_away {
                look_again(&watch, &engine).await;
            }
            if !hear(&watch, events).await {
                return;
            }
        }
        was_away = true;
        for fate in watch.table().followed.values_mut() {
            fate.engine_was_away = true;
        }
        if watch.stop_if_unused() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Takes in what the engine tells, until it tells nothing more. `false` when nobody needs it any longer.
async fn hear(watch: &Watch, mut events: ContainerEvents) -> bool {
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = unused_for_long(watch) => {
                if watch.stop_if_unused() {
                    return false;
                }
                continue;
            }
        };
        let Some(Ok(event)) = event else { return true };
        watch.take_in(&event.id, |fate| match event.kind {
            EventKind::Died { exit_code } => {
                fate.ended = true;
                fate.exit_code = exit_code;
            }
            EventKind::OutOfMemory => fate.out_of_memory = true,
            EventKind::Removed => fate.ended = true,
        });
    }
}

async fn unused_for_long(watch: &Watch) {
    loop {
        let changed = watch.changed.notified();
        if !watch.is_unused() {
            changed.await;
        } else if tokio::time::timeout(LINGER, changed).await.is_err() {
            return;
        }
    }
}

/// Looks at what has become of each container while nothing was heard.
async fn look_again(watch: &Watch, engine: &ContainerEngine) {
    let unsure: Vec<ContainerId> = {
        let table = watch.table();
        table.followed.iter().filter(|(_, fate)| !fate.ended).map(|(id, _)| id.clone()).collect()
    };
    for id in unsure {
        let Ok(state) = engine.state(&id).await else { continue };
        // One that was made and not started yet has no exit code, and has not ended.
        let ended = state.as_ref().is_none_or(|state| !state.running && state.exit_code.is_some());
        let exit_code = state.as_ref().and_then(|state| state.exit_code);
        let out_of_memory = state.is_some_and(|state| state.oom_killed);
        watch.take_in(&id, |fate| {
            fate.ended |= ended;
            fate.exit_code = fate.exit_code.or(exit_code);
            fate.out_of_memory |= out_of_memory;
        });
    }
}
