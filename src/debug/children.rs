//! Children that wait to be debugged: each is claimed once, by a token that nobody can guess, or lost.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::backend::Attachment;
use super::paths::Mounts;
use crate::dap::types::Capabilities;
use crate::ids::{DebugId, ExecutionId, SessionId};

/// Children that may wait at one time in a daemon.
const MAX_WAITING: usize = 256;

/// A child that waits.
pub(super) struct Child {
    /// What people call it.
    pub(super) name: String,
    /// Its debugger. Dropped, it runs undebugged.
    pub(super) attachment: Attachment,
    /// What its debugger can do; `None` where there is none.
    pub(super) can: Option<Capabilities>,
    /// The paths of its parent, which are its own.
    pub(super) mounts: Mounts,
    /// Who debugs its parent.
    pub(super) parent: DebugId,
    /// Where it runs.
    pub(super) session: Option<SessionId>,
    /// The execution that it is a part of.
    pub(super) execution: Option<ExecutionId>,
    /// Its parent is debugged no more.
    pub(super) orphaned: CancellationToken,
}

/// All that wait.
#[derive(Default)]
pub(super) struct Nursery {
    waiting: Mutex<HashMap<String, Child>>,
}

impl Nursery {
    /// Lets a child wait; the token that claims it. `None` when too many do, and it is let go.
    pub(super) fn leave(&self, child: Child) -> Option<String> {
        let mut secret = [0u8; 24];
        getrandom::fill(&mut secret).ok()?;
        let token: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut waiting = self.lock();
        if waiting.len() >= MAX_WAITING {
            return None;
        }
        waiting.insert(token.clone(), child);
        Some(token)
    }

    /// Takes the child of a token, if it waits still.
    pub(super) fn claim(&self, token: &str) -> Option<Child> {
        self.lock().remove(token)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Child>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
