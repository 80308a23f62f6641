//! Sandboxes that were left running by a daemon that is gone, for the next daemon of the same user.
//!
//! What is left is found, and then taken up or let be. Of several daemons that take up one sandbox, one gets it; the
//! others are told so and hold nothing of it, so that nothing which they do ends it.

use std::fmt;

use super::{Enforcement, Keeper, Programs};
use crate::agent::Link;
use crate::agent::wire::Ready;
use crate::ids::SessionId;

/// A sandbox that runs and has no daemon, as far as can be seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The session that it is.
    pub session: SessionId,
    /// What was noted when it was made: [`Outlives::notes`](super::Outlives::notes).
    pub notes: String,
    /// The machine that it is on, where that is one of several.
    pub machine: Option<String>,
    /// Its runtime's own name for it.
    pub name: String,
    /// Where its programs come from.
    pub programs: Programs,
}

/// A sandbox that is this daemon's from now on.
pub struct TakenUp {
    /// Its stream.
    pub link: Link,
    /// What its agent said of it.
    pub ready: Ready,
    /// Who enforces each limit.
    pub enforcement: Vec<Enforcement>,
    /// What holds it. It can be left again.
    pub keeper: Box<dyn Keeper>,
}

impl fmt::Debug for TakenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TakenUp").field("link", &self.link).finish_non_exhaustive()
    }
}

/// Why a sandbox that was left could not be taken up. It is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TakeUpError {
    /// Another daemon has taken it up.
    #[error("another daemon has it")]
    Occupied,
    /// It has ended meanwhile.
    #[error("it has ended")]
    Gone,
    /// Its machine can't be used.
    #[error("its machine can't be used: {reason}")]
    Machine {
        /// Why.
        reason: String,
    },
    /// Its agent can't be spoken to.
    #[error("its agent can't be joined: {reason}")]
    NotJoined {
        /// Why.
        reason: String,
    },
}
