//! What has happened and is not told yet: for each path what was there before, and what is there now.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use codebeaker_agent::wire::watch::{Change, ChangeKind};

use super::cost;

/// The most paths that are kept.
const MOST_PATHS: usize = 16 * 1024;

/// The most bytes that they have together.
const MOST_BYTES: usize = 2 << 20;

/// All that is not told.
pub(super) struct Pending {
    window: Duration,
    /// When the first of it happened.
    since: Option<Instant>,
    paths: BTreeMap<Vec<u8>, State>,
    bytes: usize,
    /// Told in parts: the rest of the last time.
    ready: VecDeque<Change>,
    overflow: bool,
}

#[derive(Debug, Clone, Default)]
struct State {
    was_there: bool,
    is_there: bool,
    is_changed: bool,
    /// The path that it had before.
    from: Option<Vec<u8>>,
}

impl Pending {
    pub(super) fn new(window: Duration) -> Self {
        let (paths, ready) = (BTreeMap::new(), VecDeque::new());
        Pending { window, since: None, paths, bytes: 0, ready, overflow: false }
    }

    /// Something new is there.
    pub(super) fn created(&mut self, path: Vec<u8>, was_there: bool) {
        let state = self.state(path, was_there);
        // In the place of another, or after it.
        state.is_changed = state.was_there;
        state.is_there = true;
    }

    pub(super) fn changed(&mut self, path: Vec<u8>) {
        let state = self.state(path, true);
        state.is_changed = true;
        state.is_there = true;
    }

    pub(super) fn removed(&mut self, path: Vec<u8>) {
        let state = self.state(path, true);
        state.is_there = false;
        if let Some(from) = state.from.take() {
            self.removed(from);
        }
    }

    /// It has another path. `was_there` is whether something else had that.
    pub(super) fn renamed(&mut self, from: &[u8], to: Vec<u8>, was_there: bool) {
        self.rename_below(from, &to);
        let before = self.remove(from);
        let (origin, is_changed) = match before {
            None => (Some(from.to_vec()), false),
            Some(State { from: Some(origin), is_changed, was_there, .. }) => {
                if was_there {
                    self.removed(from.to_vec());
                }
                (Some(origin), is_changed)
            }
            Some(State { was_there: true, is_changed, is_there, .. }) => {
                // What was there is gone, and another moves away.
                (is_there.then(|| from.to_vec()), is_changed)
            }
            Some(State { was_there: false, .. }) => (None, false),
        };
        match origin {
            // As it was before.
            Some(origin) if origin == to => {
                self.remove(&to);
                if is_changed {
                    self.changed(to);
                }
            }
            Some(origin) => {
                let state = self.state(to, was_there);
                (state.is_there, state.is_changed) = (true, is_changed);
                let bytes = origin.len();
                let replaced = state.from.replace(origin);
                self.bytes += bytes;
                if let Some(replaced) = replaced {
                    self.removed(replaced);
                }
            }
            None => self.created(to, was_there),
        }
    }

    /// There may be something to tell once the window is over.
    pub(super) fn touch(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    /// Something happened that is not known.
    pub(super) fn overflow(&mut self) {
        self.touch();
        self.overflow = true;
    }

    /// When the next part is to be told.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.ready.is_empty() { self.since.map(|since| since + self.window) } else { Some(Instant::now()) }
    }

    pub(super) fn is_due(&self) -> bool {
        self.due().is_some_and(|due| due <= Instant::now())
    }

    /// A part of it, and whether there is something that is not known.
    pub(super) fn take(&mut self, most_bytes: usize) -> (Vec<Change>, bool) {
        if self.ready.is_empty() {
            self.since = None;
            self.bytes = 0;
            self.ready = std::mem::take(&mut self.paths).into_iter().flat_map(told).collect();
        }
        let (mut part, mut bytes) = (Vec::new(), 0);
        while let Some(change) = self.ready.front() {
            bytes += cost(change);
            if bytes > most_bytes && !part.is_empty() {
                break;
            }
            part.extend(self.ready.pop_front());
        }
        (part, std::mem::take(&mut self.overflow))
    }

    fn state(&mut self, path: Vec<u8>, was_there: bool) -> &mut State {
        self.touch();
        if self.paths.len() >= MOST_PATHS || self.bytes + path.len() > MOST_BYTES {
            // What is known of a part misleads about the whole.
            self.overflow = true;
            self.paths.clear();
            self.bytes = 0;
        }
        self.bytes += path.len();
        self.paths.entry(path).or_insert_with(|| State { was_there, is_there: was_there, ..State::default() })
    }

    fn remove(&mut self, path: &[u8]) -> Option<State> {
        self.paths.remove(path)
    }

    /// What happened below a directory that is moved has happened where that is now.
    fn rename_below(&mut self, from: &[u8], to: &[u8]) {
        let below = [from, b"/"].concat();
        let moved: Vec<Vec<u8>> = self
            .paths
            .range(below.clone()..)
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(&below))
            .cloned()
            .collect();
        for path in moved {
            if let Some(state) = self.paths.remove(&path) {
                let path = [to, b"/", &path[below.len()..]].concat();
                self.paths.insert(path, state);
            }
        }
    }
}

/// What is told of a path.
fn told((path, state): (Vec<u8>, State)) -> impl Iterator<Item = Change> {
    let State { was_there, is_there, is_changed, from } = state;
    let renamed = from.map(|from| Change { path: path.clone(), kind: ChangeKind::Renamed(from) });
    let kind = match (was_there, is_there) {
        (_, true) if renamed.is_some() => is_changed.then_some(ChangeKind::Changed),
        (true, true) => is_changed.then_some(ChangeKind::Changed),
        (false, true) => Some(ChangeKind::Created),
        (true, false) => Some(ChangeKind::Removed),
        (false, false) => None,
    };
    renamed.into_iter().chain(kind.map(|kind| Change { path, kind }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(what: impl FnOnce(&mut Pending)) -> Vec<String> {
        let mut pending = Pending::new(Duration::ZERO);
        what(&mut pending);
        let (changes, overflow) = pending.take(usize::MAX);
        assert!(!overflow);
        let shown = |change: Change| {
            let path = String::from_utf8(change.path).unwrap();
            match change.kind {
                ChangeKind::Created => format!("+{path}"),
                ChangeKind::Changed => format!("~{path}"),
                ChangeKind::Removed => format!("-{path}"),
                ChangeKind::Renamed(from) => format!("{}>{path}", String::from_utf8(from).unwrap()),
            }
        };
        changes.into_iter().map(shown).collect()
    }

    fn p(path: &str) -> Vec<u8> {
        path.as_bytes().to_vec()
    }

    #[test]
    fn what_happens_together_is_told_as_one() {
        assert_eq!(tell(|of| (0..9).for_each(|_| of.changed(p("a")))), ["~a"]);
        assert_eq!(tell(|of| (of.created(p("a"), false), of.changed(p("a"))).0), ["+a"]);
        assert!(tell(|of| (of.created(p("a"), false), of.removed(p("a"))).0).is_empty());
        assert_eq!(tell(|of| (of.changed(p("a")), of.removed(p("a"))).0), ["-a"]);
        assert_eq!(tell(|of| (of.removed(p("a")), of.created(p("a"), false)).0), ["~a"]);
        assert_eq!(tell(|of| of.created(p("a"), true)), ["~a"]);
    }

    #[test]
    fn renames_are_followed() {
        assert_eq!(tell(|of| of.renamed(b"a", p("b"), false)), ["a>b"]);
        assert_eq!(tell(|of| (of.renamed(b"a", p("b"), false), of.renamed(b"b", p("c"), false)).0), ["a>c"]);
        assert!(tell(|of| (of.renamed(b"a", p("b"), false), of.renamed(b"b", p("a"), false)).0).is_empty());
        assert_eq!(tell(|of| (of.changed(p("a")), of.renamed(b"a", p("b"), false)).0), ["a>b", "~b"]);
        assert_eq!(tell(|of| (of.renamed(b"a", p("b"), false), of.changed(p("b"))).0), ["a>b", "~b"]);
        assert_eq!(tell(|of| (of.renamed(b"a", p("b"), false), of.removed(p("b"))).0), ["-a"]);
        // An editor writes beside, and then in the place of the old.
        assert_eq!(tell(|of| (of.created(p("tmp"), false), of.renamed(b"tmp", p("a"), true)).0), ["~a"]);
        assert_eq!(tell(|of| (of.created(p("tmp"), false), of.renamed(b"tmp", p("a"), false)).0), ["+a"]);
        assert_eq!(tell(|of| (of.changed(p("d/x")), of.renamed(b"d", p("e"), false)).0), ["d>e", "~e/x"]);
        assert_eq!(
            tell(|of| {
                of.removed(p("a"));
                of.created(p("a"), false);
                of.renamed(b"a", p("b"), false);
            }),
            ["a>b", "~b"]
        );
    }

    #[test]
    fn what_can_not_be_kept_is_told_to_be_missing() {
        let mut pending = Pending::new(Duration::ZERO);
        (0..=MOST_PATHS).for_each(|number| pending.changed(number.to_string().into_bytes()));
        assert!(pending.paths.len() <= MOST_PATHS);
        let (mut parts, mut overflows) = (0, 0);
        while pending.is_due() {
            let (part, overflow) = pending.take(100);
            assert!(part.len() <= 100 / 16);
            (parts, overflows) = (parts + 1, overflows + usize::from(overflow));
        }
        assert!(parts > 0 && overflows == 1);
    }
}
