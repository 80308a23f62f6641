//! Writes what a patch makes, and puts everything back when a write fails.
//!
//! Files are written before others are removed, so that what a rename moves is never in no place at all. Each is
//! written on the condition that it is what was read, or that there is nothing; and put back on the condition that it
//! is what was written. What a program has changed in between is its own: it is left, and told.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::{Change, Source, Target};
use super::{FileKind, FileStat, FilesError};
use crate::agent::Link;
use crate::agent::wire::{Existing, FileOp, FileReply, FileTag};
use crate::files::{WriteOptions, confused, explain, remove, stat, write};

/// A file that was changed and can't be put back.
#[derive(Debug, Clone)]
pub struct Left {
    /// Which file.
    pub path: Vec<u8>,
    /// Why.
    pub why: FilesError,
}

/// What was done at a path.
struct Done {
    path: Vec<u8>,
    before: Option<Source>,
    /// The file that was written; none where one was removed.
    after: Option<FileStat>,
}

/// Makes all changes, or none. Answers what each file is now.
pub(super) async fn commit(
    link: &Link,
    changes: Vec<Change>,
) -> Result<BTreeMap<Vec<u8>, FileStat>, (FilesError, Vec<Left>)> {
    let made = missing_directories(link, &changes).await.map_err(|error| (error, Vec::new()))?;
    let (written, removed): (Vec<_>, Vec<_>) = changes.into_iter().partition(|change| change.after.is_some());
    let mut done = Vec::new();
    for Change { path, before, after } in written.into_iter().chain(removed) {
        let result = match (&after, &before) {
            (Some(target), before) => {
                put(link, &path, target, before.as_ref().map(|source| source.stat.tag)).await.map(Some)
            }
            (None, Some(source)) => remove_file(link, &path, source.stat.tag).await.map(|()| None),
            (None, None) => Ok(None),
        };
        match result {
            Ok(after) => done.push(Done { path, before, after }),
            Err(error) => return Err((error, put_back(link, done, made).await)),
        }
    }
    Ok(done.into_iter().filter_map(|done| Some((done.path, done.after?))).collect())
}

/// Undoes what was done, the last first. Answers what could not be undone.
async fn put_back(link: &Link, done: Vec<Done>, made: BTreeSet<Vec<u8>>) -> Vec<Left> {
    let mut left = Vec::new();
    for Done { path, before, after } in done.into_iter().rev() {
        let result = match (before, after) {
            (Some(source), after) => {
                let target = Target { data: source.data, mode: source.stat.mode & 0o777 };
                put(link, &path, &target, after.map(|stat| stat.tag)).await.map(|_| ())
            }
            (None, Some(stat)) => remove_file(link, &path, stat.tag).await,
            (None, None) => Ok(()),
        };
        if let Err(why) = result {
            left.push(Left { path, why });
        }
    }
    for directory in made.into_iter().rev() {
        // One that is not empty by now is a program's as well, and one that never came about is no matter.
        let _ = remove(link, &directory, false).await;
    }
    left
}

/// Writes a file: over one that is in this state, or where there is none.
async fn put(link: &Link, path: &[u8], target: &Target, over: Option<FileTag>) -> Result<FileStat, FilesError> {
    let options = WriteOptions {
        existing: if over.is_some() { Existing::Replace } else { Existing::Refuse },
        mode: Some(target.mode),
        parents: over.is_none(),
        if_match: over,
    };
    write(link, path, target.data.clone(), options).await.map(|written| written.stat)
}

/// Removes a file that is in this state.
async fn remove_file(link: &Link, path: &[u8], tag: FileTag) -> Result<(), FilesError> {
    let op = FileOp::RemoveFile { path: path.to_vec(), if_match: tag };
    match link.file(op).await.map_err(|error| explain(path, error))? {
        FileReply::Removed { .. } => Ok(()),
        _ => Err(confused()),
    }
}

/// The directories that files to be made need and that are not there.
async fn missing_directories(link: &Link, changes: &[Change]) -> Result<BTreeSet<Vec<u8>>, FilesError> {
    let mut known = BTreeMap::new();
    for change in changes.iter().filter(|change| change.before.is_none()) {
        let slashes = (0..change.path.len()).filter(|at| change.path[*at] == b'/');
        for directory in slashes.map(|at| &change.path[..at]) {
            if known.contains_key(directory) {
                continue;
            }
            let is_missing = match stat(link, directory).await {
                Ok(there) if matches!(there.stat.kind, FileKind::File | FileKind::Other) => {
                    return Err(FilesError::NotADirectory(super::shown(directory)));
                }
                Ok(_) => false,
                Err(FilesError::NotFound(_)) => true,
                Err(error) => return Err(error),
            };
            known.insert(directory.to_vec(), is_missing);
        }
    }
    Ok(known.into_iter().filter_map(|(path, is_missing)| is_missing.then_some(path)).collect())
}
