//! Brings a file or a directory of this host into a workspace in which programs run.
//!
//! It is put together beside its place, under a name that nobody can guess, and then takes it as a move does: whole, or
//! not at all. What fails or is wanted no more is removed again.

use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tokio::sync::watch;

use super::copy_in::{Copied, CopyError, Target, fill};
use super::transfer::{named, transfer};
use super::tree::Tree;
use super::{FilesError, explain, shown, stat};
use crate::agent::Link;
use crate::agent::wire::{self, Area, FileOp, FileReply};
use crate::ids;

/// Where an import goes, and how.
#[derive(Debug, Clone, Copy)]
pub struct Import<'a> {
    /// The path in the workspace, the name included.
    pub to: &'a [u8],
    /// Names that are left out, at every level; `*` stands for any run of characters.
    pub exclude: &'a [String],
    /// Take the place of what is there: of a directory with a directory, of anything else with anything else.
    pub overwrite: bool,
    /// Make the directories above it that are missing.
    pub parents: bool,
}

/// What was brought in.
#[derive(Debug, Clone, Copy)]
pub struct Imported {
    /// What it took; the directory at the top is not counted.
    pub copied: Copied,
    /// Whether it took the place of something.
    pub replaced: bool,
}

/// Copies `source` into a workspace, and tells how far it is.
///
/// # Errors
/// [`CopyError`]. Nothing is left of what fails, or of what is `unwanted` before it is done, but directories made above.
pub async fn import(
    link: &Link,
    source: &Path,
    how: Import<'_>,
    unwanted: impl Future<Output = ()>,
    told: &watch::Sender<Copied>,
) -> Result<Imported, CopyError> {
    let Import { to, exclude, overwrite, parents } = how;
    let target = named(to)?;
    let failed = |error| CopyError::Source { path: source.to_owned(), source: error };
    let looked_at = source.to_owned();
    // A file system on a network may keep one waiting.
    let metadata = match tokio::task::spawn_blocking(move || std::fs::metadata(looked_at)).await {
        Ok(metadata) => metadata.map_err(failed)?,
        Err(panic) => return Err(failed(std::io::Error::other(panic))),
    };
    if !overwrite {
        // Nobody shall wait for a copy that has no place to go to.
        match stat(link, to).await {
            Ok(_) => return Err(FilesError::AlreadyExists(shown(to)).into()),
            Err(FilesError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let parent = target.iter().rposition(|byte| *byte == b'/').map_or(&b""[..], |slash| &target[..slash]);
    let name = ids::random_name(".codebeaker-");
    let staged = if parent.is_empty() { name.into_bytes() } else { [parent, b"/", name.as_bytes()].concat() };
    let tree = if metadata.is_dir() {
        let mode = metadata.permissions().mode() & 0o777 | 0o700;
        let made = link.file(FileOp::MakeDirectory { path: staged.clone(), mode, parents }).await;
        made.map_err(|error| explain(to, error))?;
        Tree::new(source.to_owned(), exclude.to_vec())
    } else {
        Tree::of_file(source.to_owned())
    };
    let filled = fill(link, tree, Target { at: &staged, shown: to, parents }, unwanted, told).await;
    let placed = match filled {
        Ok(copied) => place(link, &staged, &target, overwrite).await.map(|replaced| Imported { copied, replaced }),
        Err(error) => Err(error),
    };
    if placed.is_err() {
        let op = FileOp::Remove { path: staged, area: Area::Workspace, recursive: true };
        // It may not have come to be, and a program may have taken it away.
        drop(link.file(op).await);
    }
    placed
}

/// Gives what was put together its name, and says whether it took the place of something.
async fn place(link: &Link, staged: &[u8], target: &[u8], overwrite: bool) -> Result<bool, CopyError> {
    let order = wire::Transfer { from: staged.to_vec(), to: target.to_vec(), overwrite, parents: false };
    match transfer(link, (target, target), FileOp::Move(order), std::future::pending()).await {
        Ok(FileReply::Moved { replaced, .. }) => Ok(replaced),
        Ok(_) => Err(super::confused().into()),
        Err(error) => Err(error.why.into()),
    }
}
