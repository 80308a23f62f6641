//! Copying and moving within a workspace, which the agent does: whole, or not at all.

use std::future::Future;

use super::{FilesError, confused, explain, inside, must_end_in_a_name, shown};
use crate::agent::wire::{self, Copied, End, FileOp, FileReply, TransferFault};
use crate::agent::{Link, LinkError};

/// What goes where.
#[derive(Debug, Clone, Copy)]
pub struct Transfer<'a> {
    /// A file, a link itself or a directory.
    pub from: &'a [u8],
    /// Its new path, the name included.
    pub to: &'a [u8],
    /// Take the place of what is there: of a directory with a directory, of anything else with anything else.
    pub overwrite: bool,
    /// Make the directories above `to` that are missing.
    pub parents: bool,
}

/// A copy that was made.
#[derive(Debug, Clone, Copy)]
pub struct Copy {
    /// What it took.
    pub copied: Copied,
    /// Whether it took the place of something.
    pub replaced: bool,
}

/// A move that was made.
#[derive(Debug, Clone, Copy)]
pub struct Move {
    /// What it took, where it could not simply be renamed.
    pub copied: Option<Copied>,
    /// Whether it took the place of something.
    pub replaced: bool,
}

/// Why something was neither copied nor moved.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{why}")]
pub struct TransferError {
    /// What is wrong.
    pub why: FilesError,
    /// With which of the two paths.
    pub end: End,
}

/// Copies a file, a link itself, or a directory with all that is in it.
///
/// # Errors
/// [`TransferError`]. Nothing is left of what fails, or of what is `unwanted` before it is done.
pub async fn copy(
    link: &Link,
    transfer: Transfer<'_>,
    unwanted: impl Future<Output = ()>,
) -> Result<Copy, TransferError> {
    match ask(link, transfer, FileOp::Copy, unwanted).await? {
        FileReply::Copied { copied, replaced } => Ok(Copy { copied, replaced }),
        _ => Err(at(End::Source, confused())),
    }
}

/// Gives a file, a link itself or a directory another path.
///
/// # Errors
/// As [`copy`].
pub async fn rename(
    link: &Link,
    transfer: Transfer<'_>,
    unwanted: impl Future<Output = ()>,
) -> Result<Move, TransferError> {
    match ask(link, transfer, FileOp::Move, unwanted).await? {
        FileReply::Moved { copied, replaced } => Ok(Move { copied, replaced }),
        _ => Err(at(End::Source, confused())),
    }
}

async fn ask(
    link: &Link,
    what: Transfer<'_>,
    op: fn(wire::Transfer) -> FileOp,
    unwanted: impl Future<Output = ()>,
) -> Result<FileReply, TransferError> {
    let Transfer { from, to, overwrite, parents } = what;
    let path = |end, path| named(path).map_err(|why| at(end, why));
    let order = wire::Transfer { from: path(End::Source, from)?, to: path(End::Target, to)?, overwrite, parents };
    transfer(link, (from, to), op(order), unwanted).await
}

/// Has something copied or moved; the paths are those that messages show.
pub(super) async fn transfer(
    link: &Link,
    paths: (&[u8], &[u8]),
    op: FileOp,
    unwanted: impl Future<Output = ()>,
) -> Result<FileReply, TransferError> {
    let failed = |error| at(End::Source, explain(paths.0, error));
    let asked = link.ask_file(op).await.map_err(failed)?;
    match asked.answer_unless(unwanted).await.map_err(failed)? {
        FileReply::NotTransferred(fault) => Err(told(paths, fault)),
        reply => Ok(reply),
    }
}

/// A path that something can be copied or moved from or to.
pub(super) fn named(path: &[u8]) -> Result<Vec<u8>, FilesError> {
    let inside = inside(path)?;
    must_end_in_a_name(path, &inside)?;
    Ok(inside)
}

/// What the agent said, which may be anything.
fn told((from, to): (&[u8], &[u8]), fault: TransferFault) -> TransferError {
    const HIGHEST: i32 = 4095;
    let TransferFault { errno, end, below, done } = fault;
    let mut path = match end {
        End::Source => from.to_vec(),
        End::Target => to.to_vec(),
    };
    if !below.is_empty() {
        path.push(b'/');
        path.extend_from_slice(&below);
    }
    let why = match rustix::io::Errno::from_raw_os_error(errno.clamp(1, HIGHEST)) {
        _ if !(1..=HIGHEST).contains(&errno) => confused(),
        _ if done => FilesError::Remains { path: shown(&path), errno },
        rustix::io::Errno::CANCELED => FilesError::GivenUp(shown(&path)),
        rustix::io::Errno::INVAL => FilesError::BadPath {
            path: shown(&path),
            why: "nothing can be copied or moved into itself, onto itself, or over a directory that it is in",
        },
        _ => explain(&path, LinkError::File { errno }),
    };
    at(end, why)
}

fn at(end: End, why: FilesError) -> TransferError {
    TransferError { why, end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_says_of_a_failure_is_not_believed_blindly() {
        let tell = |errno, done| {
            told((b"a", b"b"), TransferFault { errno, end: End::Target, below: b"x/\xff".to_vec(), done })
                .why
                .to_string()
        };
        for errno in [i32::MIN, -1, 0, 4096, i32::MAX] {
            assert_eq!(tell(errno, true), confused().to_string());
        }
        assert_eq!(tell(2, false), "b/x/\u{fffd}: there is no such file or directory");
        assert!(tell(13, true).starts_with("b/x/\u{fffd}: done, but"));
        assert!(tell(4095, false).starts_with("b/x/"));
    }
}
