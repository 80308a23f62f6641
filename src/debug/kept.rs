//! Breakpoints that outlive a program: kept for a session, and set anew in each program that is debugged in it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::DebugError;
use crate::dap::types::{
    SetBreakpointsArguments, SetExceptionBreakpointsArguments, SetFunctionBreakpointsArguments, Source,
};
use crate::ids::SessionId;

/// Sources with breakpoints in a session.
const MAX_SOURCES: usize = 256;

/// Breakpoints in one source, or of functions.
pub(super) const MAX_BREAKPOINTS: usize = 1024;

/// The breakpoints of a session, in the words in which a client set them. Sources are named by paths of the
/// host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeptBreakpoints {
    /// Those at lines, by source.
    #[serde(default)]
    pub sources: Vec<SetBreakpointsArguments>,
    /// Those at functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub functions: Option<SetFunctionBreakpointsArguments>,
    /// Those at exceptions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exceptions: Option<SetExceptionBreakpointsArguments>,
}

/// The breakpoints of all sessions.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    sessions: Mutex<BTreeMap<SessionId, KeptBreakpoints>>,
}

impl Shelf {
    pub(super) fn get(&self, session: &SessionId) -> KeptBreakpoints {
        self.lock().get(session).cloned().unwrap_or_default()
    }

    /// Forgets sessions that are not in `known` by the way.
    pub(super) fn replace(
        &self,
        session: &SessionId,
        breakpoints: KeptBreakpoints,
        known: &[SessionId],
    ) -> Result<(), DebugError> {
        check(&breakpoints)?;
        let mut sessions = self.lock();
        sessions.retain(|id, _| known.contains(id));
        sessions.insert(session.clone(), breakpoints);
        Ok(())
    }

    /// Notes what a client set; forgets, as [`Shelf::replace`] does, sessions that are not in `known`.
    pub(super) fn change(&self, session: &SessionId, known: &[SessionId], change: impl FnOnce(&mut KeptBreakpoints)) {
        let mut sessions = self.lock();
        sessions.retain(|id, _| known.contains(id));
        if !known.contains(session) {
            return;
        }
        let kept = sessions.entry(session.clone()).or_default();
        change(kept);
        kept.sources.retain(|source| source.breakpoints.as_ref().is_some_and(|all| !all.is_empty()));
        kept.sources.truncate(MAX_SOURCES);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SessionId, KeptBreakpoints>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeptBreakpoints {
    /// Puts the breakpoints of one source in the place of those that it had.
    pub(super) fn set(&mut self, arguments: SetBreakpointsArguments) {
        self.sources.retain(|known| name(&known.source) != name(&arguments.source));
        self.sources.push(arguments);
    }
}

fn name(source: &Source) -> Option<&str> {
    source.path.as_deref()
}

fn check(breakpoints: &KeptBreakpoints) -> Result<(), DebugError> {
    let invalid = |field, why: &str| Err(DebugError::Invalid { field, why: why.to_owned() });
    if breakpoints.sources.len() > MAX_SOURCES {
        return invalid("sources", &format!("they are more than {MAX_SOURCES}"));
    }
    if breakpoints.sources.iter().any(|known| name(&known.source).is_none_or(str::is_empty)) {
        return invalid("sources.source.path", "it names no file");
    }
    let lengths = breakpoints.sources.iter().map(|known| known.breakpoints.as_ref().map_or(0, Vec::len));
    if lengths.max().unwrap_or(0) > MAX_BREAKPOINTS {
        return invalid("sources.breakpoints", &format!("they are more than {MAX_BREAKPOINTS}"));
    }
    if breakpoints.functions.as_ref().is_some_and(|functions| functions.breakpoints.len() > MAX_BREAKPOINTS) {
        return invalid("functions.breakpoints", &format!("they are more than {MAX_BREAKPOINTS}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_for_a_session_goes_with_it() {
        let shelf = Shelf::default();
        let sessions: Vec<SessionId> = (0..100).map(|n| SessionId::from(format!("s{n}"))).collect();
        for open in &sessions {
            // One at a time is open, and those before it are closed.
            shelf.change(open, std::slice::from_ref(open), |_| {});
        }
        assert_eq!(shelf.lock().len(), 1);
        shelf.change(&sessions[0], &sessions[1..], |_| {});
        assert!(!shelf.lock().contains_key(&sessions[0]), "nothing is kept for a session that is closed");
    }
}
