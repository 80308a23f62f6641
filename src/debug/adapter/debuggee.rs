//! One debuggee of an adapter: what controls it, where it runs, and how its paths are told.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio_util::sync::CancellationToken;

use crate::dap::types::{self, Capabilities};
use crate::debug::backend::{Debugger, Place};
use crate::debug::paths::{self, Mounts};
use crate::execution::Execution;
use crate::text::{Keep, NAME, clean};

use super::desk::Desk;
use super::habits::Habits;

/// The longest path that can be opened.
const MAX_PATH: usize = 4096;

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
            if let Some(host) = mounts.to_host(path).filter(|host| may_be_opened(host, mounts)) {
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

/// Whether a client may be given a path of the host to open: what it shows is what it opens, and no link on the
/// way, which a debuggee may have made in a directory that it shares with the host, leads out of what is declared.
fn may_be_opened(host: &str, mounts: &Mounts) -> bool {
    if host.len() > MAX_PATH || clean(host, Keep::OneLine, MAX_PATH) != host {
        return false;
    }
    match Path::new(host).canonicalize() {
        Ok(real) => {
            let is_root_or_below = |root: &str| Path::new(root).canonicalize().is_ok_and(|root| real.starts_with(root));
            mounts.hosts().any(is_root_or_below)
        }
        // It is on one side alone: there is nothing to be opened.
        Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(mounts: &Mounts, path: &str) -> Option<String> {
        let place = Place::File(path.to_owned());
        let source = source(mounts, &place, &mut Desk::default(), &Habits::default()).unwrap();
        assert_ne!(source.path.is_some(), source.source_reference.is_some());
        source.path
    }

    #[test]
    fn a_link_that_leads_out_of_what_is_declared_is_not_opened() {
        let (declared, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(declared.path().join("own.py"), "").unwrap();
        std::fs::write(other.path().join("secret"), "").unwrap();
        std::os::unix::fs::symlink(other.path().join("secret"), declared.path().join("link.py")).unwrap();
        std::os::unix::fs::symlink(other.path(), declared.path().join("links")).unwrap();
        std::os::unix::fs::symlink("own.py", declared.path().join("inside.py")).unwrap();
        std::os::unix::fs::symlink("round.py", declared.path().join("round.py")).unwrap();
        let mounts = Mounts::default().with(declared.path().to_str().unwrap(), "/workspace").unwrap();
        for path in ["/workspace/link.py", "/workspace/links/secret", "/workspace/round.py"] {
            assert_eq!(shown(&mounts, path), None, "{path}");
        }
        for path in ["/workspace/own.py", "/workspace/inside.py", "/workspace/missing.py"] {
            assert!(shown(&mounts, path).is_some(), "{path}");
        }
    }

    #[test]
    fn a_path_that_would_look_like_another_is_not_shown() {
        let mounts = Mounts::default().with("/nowhere/project", "/workspace").unwrap();
        for name in ["\u{202e}yp.exe", "a\nb.py", "\x1b[2J.py"] {
            assert_eq!(shown(&mounts, &format!("/workspace/{name}")), None, "{name:?}");
        }
        assert_eq!(shown(&mounts, &format!("/workspace/{}", "x/".repeat(MAX_PATH))), None);
    }
}
