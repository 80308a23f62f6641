//! One debuggee of an adapter: what controls it, where it runs, and how its paths are told.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio_util::sync::CancellationToken;

use crate::dap::types::{self, Capabilities};
use crate::debug::backend::{Debugger, Place};
use crate::debug::paths::{self, Mounts};
use crate::debug::text::{Keep, NAME, clean};
use crate::execution::Execution;

use super::desk::Desk;
use super::habits::Habits;

/// How a debuggee came to be debugged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The adapter launched it.
    Launched,
    /// It ran already.
    Attached,
    /// Another debuggee started it.
    Child,
}

/// What is debugged.
pub(super) struct Debuggee {
    pub(super) debugger: Arc<dyn Debugger>,
    /// What its debugger can do; `None` where there is none.
    pub(super) can: Option<Capabilities>,
    pub(super) origin: Origin,
    pub(super) name: String,
    pub(super) mounts: Mounts,
    /// `None` for a child.
    pub(super) execution: Option<Arc<Execution>>,
    /// Lines of the debug console can go to its input.
    pub(super) takes_input: bool,
    /// Its end concerns nobody any more.
    pub(super) superseded: CancellationToken,
    /// All was told of its end.
    pub(super) concluded: CancellationToken,
    /// Its children are to be let go.
    pub(super) orphaned: CancellationToken,
    /// It was asked to end once.
    pub(super) asked_to_end: AtomicBool,
}

impl Debuggee {
    /// The source that a place is in, as the client sees it. A file that is not declared to be on the host is
    /// a text that the client asks for.
    pub(super) fn source(&self, place: &Place, desk: &mut Desk, habits: &Habits) -> Option<types::Source> {
        source(&self.mounts, place, desk, habits)
    }
}

/// As [`Debuggee::source`].
pub(super) fn source(mounts: &Mounts, place: &Place, desk: &mut Desk, habits: &Habits) -> Option<types::Source> {
    let shown = |name: &str| Some(clean(name, Keep::OneLine, NAME));
    match place {
        Place::File(path) => {
            if let Some(host) = mounts.to_host(path) {
                let name = shown(paths::name(&host));
                return Some(types::Source { name, path: Some(habits.path_out(host)), ..types::Source::default() });
            }
            let (reference, _) = desk.sources.number(place)?;
            let origin = Some("a file of the sandbox".to_owned());
            let name = shown(paths::name(path));
            Some(types::Source { name, origin, source_reference: Some(reference), ..types::Source::default() })
        }
        Place::Text { name, .. } => {
            let (reference, _) = desk.sources.number(place)?;
            let origin = Some("a text of the program".to_owned());
            let name = shown(name);
            Some(types::Source { name, origin, source_reference: Some(reference), ..types::Source::default() })
        }
    }
}
