//! What a patch makes of the files that it names, computed before anything is written.
//!
//! Files of a patch follow each other: what one of them makes, a later one finds.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::hunks::{self, HunkOutcome, Work};
use super::parts::{FilePatch, Kind, Mode};
use crate::agent::wire::FileStat;

/// A file's patch, and the paths in the workspace that it is about.
pub(super) struct Named<'a> {
    pub(super) patch: FilePatch<'a>,
    pub(super) old: Option<Vec<u8>>,
    pub(super) new: Option<Vec<u8>>,
}

/// What is at a path.
#[derive(Debug, Clone)]
pub(super) enum Found {
    Nothing,
    File(Source),
    /// A directory, a link, or something that can't be patched at all.
    Other,
}

/// A file as it was read.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) data: Bytes,
    pub(super) stat: FileStat,
}

/// A file as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) data: Bytes,
    pub(super) mode: u32,
}

/// What is to be done at a path.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) path: Vec<u8>,
    pub(super) before: Option<Source>,
    pub(super) after: Option<Target>,
}

/// What a patch does to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Changes its text, its permissions, or both.
    Modified,
    /// Makes it.
    Created,
    /// Removes it.
    Deleted,
    /// Gives it another name, and perhaps another text.
    Renamed,
    /// Makes another one of it.
    Copied,
}

/// What became of a file, or would.
#[derive(Debug, Clone)]
pub struct FileOutcome {
    /// Which file; by its new name, if it gets one.
    pub path: Vec<u8>,
    /// The file that it was made of.
    pub old_path: Option<Vec<u8>>,
    /// What was to be done.
    pub action: Action,
    /// One for each hunk that was tried.
    pub hunks: Vec<HunkOutcome>,
    /// Whether the patch's line ends were made the file's.
    pub has_other_line_ends: bool,
    /// Why it can't be done, if so.
    pub fault: Option<String>,
    /// The file once it was written.
    pub stat: Option<FileStat>,
}

/// Computes what is to be written. `None` when it is more than `most` bytes.
pub(super) fn plan(
    files: Vec<Named<'_>>,
    found: BTreeMap<Vec<u8>, Found>,
    fuzz: usize,
    most: usize,
) -> Option<(Vec<FileOutcome>, Vec<Change>)> {
    let mut table = Table { found, now: BTreeMap::new(), fuzz, work: Work::new() };
    let mut outcomes = Vec::with_capacity(files.len());
    let mut bytes = 0_usize;
    for file in files {
        let (outcome, size) = table.take(file);
        outcomes.push(outcome);
        bytes = bytes.saturating_add(size);
        if bytes > most {
            return None;
        }
    }
    Some((outcomes, table.changes()))
}

/// The files, as far as the patch has come.
struct Table {
    found: BTreeMap<Vec<u8>, Found>,
    /// What the patch has made of them.
    now: BTreeMap<Vec<u8>, Option<Target>>,
    fuzz: usize,
    work: Work,
}

impl Table {
    /// The file at a path as it stands now; `Err` for what can't be patched.
    fn at(&self, path: &[u8]) -> Result<Option<Target>, String> {
        if let Some(now) = self.now.get(path) {
            return Ok(now.clone());
        }
        match self.found.get(path) {
            Some(Found::File(source)) => Ok(Some(Target { data: source.data.clone(), mode: source.stat.mode & 0o777 })),
            Some(Found::Other) => Err("not a regular file".to_owned()),
            Some(Found::Nothing) | None => Ok(None),
        }
    }

    /// Takes one file's patch. Answers how many bytes it made, too.
    fn take(&mut self, file: Named<'_>) -> (FileOutcome, usize) {
        let action = match file.patch.kind {
            Kind::Modify => Action::Modified,
            Kind::Create => Action::Created,
            Kind::Delete => Action::Deleted,
            Kind::Rename => Action::Renamed,
            Kind::Copy => Action::Copied,
        };
        let is_moved = matches!(action, Action::Renamed | Action::Copied);
        let mut outcome = FileOutcome {
            path: file.new.clone().or_else(|| file.old.clone()).unwrap_or_default(),
            old_path: file.old.clone().filter(|_| is_moved),
            action,
            hunks: Vec::new(),
            has_other_line_ends: false,
            fault: None,
            stat: None,
        };
        match self.make(&file, &mut outcome) {
            Ok(size) => (outcome, size),
            Err(fault) => {
                outcome.fault = Some(fault);
                (outcome, 0)
            }
        }
    }

    fn make(&mut self, file: &Named<'_>, outcome: &mut FileOutcome) -> Result<usize, String> {
        let patch = &file.patch;
        if patch.is_binary {
            return Err("a difference between binary files can't be applied".to_owned());
        }
        if patch.old_mode == Some(Mode::NoFile) || patch.new_mode == Some(Mode::NoFile) {
            return Err("symbolic links and submodules are not patched".to_owned());
        }
        let before = self.source(file, outcome)?;
        let is_new = matches!(outcome.action, Action::Created | Action::Renamed | Action::Copied);
        if is_new && outcome.old_path.as_ref() != Some(&outcome.path) && self.at(&outcome.path)?.is_some() {
            return Err("exists already".to_owned());
        }
        let before = before.unwrap_or(Target { data: Bytes::new(), mode: 0o644 });
        let data = self.patched(&before.data, patch, outcome)?;
        if outcome.action == Action::Deleted {
            if !data.is_empty() {
                return Err("has more in it than the patch removes".to_owned());
            }
            self.now.insert(outcome.path.clone(), None);
            return Ok(0);
        }
        let mode = match patch.new_mode {
            // Whoever may read it, may run it.
            Some(Mode::Executable) => before.mode | (before.mode & 0o444) >> 2,
            Some(_) => before.mode & !0o111,
            None => before.mode,
        };
        let size = data.len();
        if let (Action::Renamed, Some(old)) = (outcome.action, &outcome.old_path) {
            self.now.insert(old.clone(), None);
        }
        self.now.insert(outcome.path.clone(), Some(Target { data, mode }));
        Ok(size)
    }

    /// The file that is to be patched; none for one that is to be made.
    fn source(&self, file: &Named<'_>, outcome: &mut FileOutcome) -> Result<Option<Target>, String> {
        let missing = || "there is no such file".to_owned();
        match outcome.action {
            Action::Created => Ok(None),
            Action::Deleted | Action::Renamed | Action::Copied => {
                let old = file.old.as_deref().unwrap_or_default();
                self.at(old)?.map(Some).ok_or_else(missing)
            }
            Action::Modified => {
                // Which of two names is meant, only what is there can tell.
                for path in [&file.new, &file.old].into_iter().flatten() {
                    if let Some(target) = self.at(path)? {
                        outcome.path.clone_from(path);
                        return Ok(Some(target));
                    }
                }
                let makes = |hunk: &super::parts::Hunk<'_>| hunk.old.start == 0 && hunk.old.length == 0;
                if !file.patch.hunks.is_empty() && file.patch.hunks.iter().all(makes) {
                    outcome.action = Action::Created;
                    return Ok(None);
                }
                Err(missing())
            }
        }
    }

    fn patched(&mut self, text: &Bytes, patch: &FilePatch<'_>, outcome: &mut FileOutcome) -> Result<Bytes, String> {
        if patch.hunks.is_empty() {
            return Ok(text.clone());
        }
        let patched = hunks::apply(text, &patch.hunks, self.fuzz, &mut self.work);
        outcome.hunks = patched.hunks;
        outcome.has_other_line_ends = patched.has_other_line_ends;
        patched.text.map(Bytes::from).ok_or_else(|| {
            let count = outcome.hunks.len();
            let mut misfits =
                outcome.hunks.iter().enumerate().filter_map(|(at, hunk)| Some((at, hunk.misfit.as_ref()?)));
            let Some((at, misfit)) = misfits.next() else { return "the hunks do not fit".to_owned() };
            let why = if misfit.is_given_up {
                "took too long to find a place for".to_owned()
            } else if misfit.is_applied {
                "is applied already".to_owned()
            } else {
                format!("does not fit at line {}", misfit.line)
            };
            format!("hunk {} of {count} {why}", at + 1)
        })
    }

    /// What is other than it was found.
    fn changes(self) -> Vec<Change> {
        let Table { mut found, now, .. } = self;
        let changes = now.into_iter().map(|(path, after)| {
            let before = match found.remove(&path) {
                Some(Found::File(source)) => Some(source),
                _ => None,
            };
            Change { path, before, after }
        });
        let is_change = |change: &Change| match (&change.before, &change.after) {
            (Some(before), Some(after)) => before.data != after.data || before.stat.mode & 0o777 != after.mode,
            (None, None) => false,
            _ => true,
        };
        changes.filter(is_change).collect()
    }
}
