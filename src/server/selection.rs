//! What was selected, and what a client may say to that: from the protocol's types and back.

use super::convert::{isolation, isolation_floor};
use crate::engine::Engine;
use crate::protocol::selection::{Candidate, Fallback, Preference, SelectParams, Selection};
use crate::protocol::session::CreateParams;
use crate::session::{self, Session, Wish};

/// Where a session is, and why.
pub(super) fn of_session(session: &Session) -> Selection {
    Selection {
        machine: session.machine.clone(),
        container: session.container.clone(),
        ..selection(&session.selection)
    }
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
        container: None,
        in_place_of: selection.in_place_of.clone(),
        considered: considered.collect(),
    }
}

/// Where a client wants its session, by one of these engines.
pub(super) fn wish(params: SelectParams, engines: Vec<&'static Engine>) -> Wish {
    Wish {
        language: None,
        engines,
        runtime: params.runtime,
        image: params.image,
        min_isolation: Some(isolation_floor(params.min_isolation)),
        preference: match params.preference {
            Preference::Security => session::Preference::Security,
            Preference::Speed => session::Preference::Speed,
            Preference::Memory => session::Preference::Memory,
            Preference::Balanced => session::Preference::Balanced,
        },
        fallback: match params.fallback {
            Fallback::Refuse => session::Fallback::Refuse,
            Fallback::Allow => session::Fallback::Allow,
        },
    }
}

/// What of a session's parameters bears on where it is.
pub(super) fn select_params(params: &CreateParams) -> SelectParams {
    SelectParams {
        language: params.language.clone(),
        engine: params.engine.clone(),
        runtime: params.runtime.clone(),
        image: params.image.clone(),
        preference: params.preference,
        min_isolation: params.min_isolation,
        fallback: params.fallback,
        workspace: params.workspace.clone(),
        persist: params.persist,
    }
}
