//! Chooses the runtime of a new session, and says of each one why it was not chosen.
//!
//! A runtime is never below the isolation that the client asked for, and nothing falls back to one that
//! was not asked for by name.

use std::sync::Arc;

use crate::runtime::{Isolation, Probe, Runtime};

/// What a client wishes of the place where its code runs.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// This runtime and no other.
    pub runtime: Option<String>,
    /// No weaker isolation than this.
    pub min_isolation: Option<Isolation>,
}

/// A runtime that was considered.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its name.
    pub runtime: &'static str,
    /// How it isolates.
    pub isolation: Isolation,
    /// Why it can't be used for this wish; `None` for those that can.
    pub rejected_because: Option<String>,
    /// Whether it is what was wished for, and only can't be used here.
    pub unavailable: bool,
    /// What would mend that, where something would.
    pub fix: Option<String>,
}

/// What came of a selection.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The runtime that was chosen.
    pub runtime: &'static str,
    /// How it isolates.
    pub isolation: Isolation,
    /// Every runtime, the chosen one first.
    pub considered: Vec<Candidate>,
}

/// The strongest runtime that fulfils the wish.
pub(super) fn select<'a>(
    probed: &'a [(Arc<dyn Runtime>, Probe)],
    wish: &Wish,
) -> Result<(&'a Arc<dyn Runtime>, Selection), Vec<Candidate>> {
    let mut considered: Vec<Candidate> =
        probed.iter().map(|(runtime, probe)| consider(&**runtime, probe, wish)).collect();
    let usable = probed.iter().zip(&considered).filter(|(_, candidate)| candidate.rejected_because.is_none());
    match usable.max_by_key(|(_, candidate)| candidate.isolation) {
        Some(((runtime, _), _)) => {
            // The others keep their order.
            considered.sort_by_key(|candidate| candidate.runtime != runtime.id());
            Ok((runtime, Selection { runtime: runtime.id(), isolation: runtime.isolation(), considered }))
        }
        None => Err(considered),
    }
}

fn consider(runtime: &dyn Runtime, probe: &Probe, wish: &Wish) -> Candidate {
    let isolation = runtime.isolation();
    let as_wished = if wish.runtime.as_ref().is_some_and(|id| id != runtime.id()) {
        Err("another runtime was asked for")
    } else if wish.min_isolation.is_some_and(|floor| isolation < floor) {
        Err("its isolation is weaker than was asked for")
    } else {
        Ok(())
    };
    let unavailable = as_wished.is_ok() && !probe.available;
    let reason = || probe.reason.clone().unwrap_or_else(|| "it can't be used here".to_owned());
    let rejected_because = as_wished.err().map(str::to_owned).or_else(|| unavailable.then(reason));
    // No fix turns a runtime into one that was asked for.
    let fix = probe.fix.clone().filter(|_| unavailable);
    Candidate { runtime: runtime.id(), isolation, rejected_because, unavailable, fix }
}
