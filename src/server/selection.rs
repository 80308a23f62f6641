//! What was selected, and what a client may say to that: from the protocol's types and back.

use super::convert::{isolation, isolation_floor};
use crate::engine::Engine;
use crate::protocol::selection::{Candidate, Fallback, Preference, Selection};
use crate::protocol::session::Isolation;
use crate::session::{self, Session, Wish};

/// Where a session is, and why.
pub(super) fn of_session(session: &Session) -> Selection {
    Selection { machine: session.machine.clone(), ..selection(&session.selection) }
}

pub(super) fn selection(selection: &session::Selection) -> Selection {
    let id = |engine: &'static Engine| engine.id.to_owned();
    let considered = selection.considered.iter().map(|candidate| {
        let rejection = candidate.rejection.as_ref();
        Candidate {
            runtime: candidate.runtime.to_owned(),
            engine: candidate.engine.map(id),
            isolation: isolation(candidate.isolation),
            score: candidate.score,
            rejected_because: rejection.map(|rejection| rejection.because.clone()),
            hint: rejection.and_then(|rejection| rejection.fix.clone()),
        }
    });
    Selection {
        runtime: selection.runtime.to_owned(),
        engine: selection.engine.map(id),
        isolation: isolation(selection.isolation),
        machine: None,
        in_place_of: selection.in_place_of.clone(),
        considered: considered.collect(),
    }
}

/// What a client said to where its session shall be.
pub(super) struct Said<'a> {
    pub(super) engines: Vec<&'static Engine>,
    pub(super) runtime: Option<&'a String>,
    pub(super) image: Option<&'a String>,
    pub(super) preference: Preference,
    pub(super) min_isolation: Isolation,
    pub(super) fallback: Fallback,
}

pub(super) fn wish(said: Said<'_>) -> Wish {
    Wish {
        engines: said.engines,
        runtime: said.runtime.cloned(),
        image: said.image.cloned(),
        min_isolation: Some(isolation_floor(said.min_isolation)),
        preference: match said.preference {
            Preference::Security => session::Preference::Security,
            Preference::Speed => session::Preference::Speed,
            Preference::Memory => session::Preference::Memory,
            Preference::Balanced => session::Preference::Balanced,
        },
        fallback: match said.fallback {
            Fallback::Refuse => session::Fallback::Refuse,
            Fallback::Allow => session::Fallback::Allow,
        },
    }
}
