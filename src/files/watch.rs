//! Being told what changes in a directory of a workspace.
//!
//! What changes comes out of a sandbox, no faster than it is taken here; nothing is held but one part of it. Ended
//! by dropping it.

use std::io;

use tokio::io::AsyncReadExt;

use super::{FilesError, confused, explain, inside, is_below};
use crate::agent::wire::Endpoint;
use crate::agent::wire::watch::{self as wire, Change, ChangeKind, WATCHED_BYTES, WatchEnd, Watched};
use crate::agent::{Conduit, Link, LinkError};

/// How a directory is watched.
#[derive(Debug, Clone)]
pub struct WatchOrder {
    /// Which directory; empty for the workspace itself.
    pub path: Vec<u8>,
    /// Also what is below the directories in it.
    pub recursive: bool,
    /// Names that are not looked at, at every level; `*` stands for any run of characters.
    pub exclude: Vec<String>,
    /// What happens within so many milliseconds is told together.
    pub window_ms: u32,
    /// The most directories that may be watched.
    pub directories: u32,
}

/// Why a directory is not watched, or no longer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WatchError {
    /// It can't be opened.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The directory itself was removed or moved.
    #[error("the directory was removed or moved")]
    Gone,
    /// There are too many directories or names in it.
    #[error("there are too many directories or names to be watched")]
    TooLarge,
    /// The kernel gives no more watches to the user of the sandbox.
    #[error("the kernel gives no more watches to the user of the sandbox")]
    NoWatches,
    /// A program, or the kernel, killed the process that watched.
    #[error("the process that watched was killed inside the sandbox")]
    Killed,
}

/// What changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// What is known, relative to the directory.
    pub changes: Vec<Change>,
    /// More happened than is known.
    pub overflow: bool,
}

/// A directory that is watched.
#[derive(Debug)]
pub struct Watching {
    conduit: Conduit,
}

/// Watches a directory. What happens once this has returned is told.
///
/// # Errors
/// [`WatchError`].
pub async fn watch(link: &Link, order: WatchOrder) -> Result<Watching, WatchError> {
    let WatchOrder { path, recursive, exclude, window_ms, directories } = order;
    let watch = wire::Watch { path: inside(&path)?, recursive, exclude, window_ms, directories };
    let failed = |error| match error {
        LinkError::NotConnected { errno, .. } => explain(&path, LinkError::File { errno }),
        other => FilesError::Lost(other),
    };
    let conduit = link.connect(Endpoint::Watch(watch)).await.map_err(failed)?;
    let mut watching = Watching { conduit };
    match watching.word().await? {
        Watched::Ready => Ok(watching),
        Watched::Ended(end) => Err(end.into()),
        Watched::Changes { .. } => Err(confused().into()),
    }
}

impl Watching {
    /// Waits for what changes next.
    ///
    /// # Errors
    /// [`WatchError`]: nothing more will be told.
    pub async fn next(&mut self) -> Result<Changes, WatchError> {
        match self.word().await? {
            Watched::Changes { changes, overflow } if changes.iter().all(is_sound) => Ok(Changes { changes, overflow }),
            Watched::Ended(end) => Err(end.into()),
            Watched::Changes { .. } | Watched::Ready => Err(confused().into()),
        }
    }

    async fn word(&mut self) -> Result<Watched, WatchError> {
        // Nothing of it is said in halves but by one that was killed.
        let broken = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => WatchError::Killed,
            _ => FilesError::Lost(LinkError::Lost(error.to_string())).into(),
        };
        let length = self.conduit.read_u32_le().await.map_err(broken)? as usize;
        if length > WATCHED_BYTES {
            return Err(confused().into());
        }
        let mut bytes = vec![0; length];
        self.conduit.read_exact(&mut bytes).await.map_err(broken)?;
        postcard::from_bytes(&bytes).map_err(|_| confused().into())
    }
}

impl From<WatchEnd> for WatchError {
    fn from(end: WatchEnd) -> Self {
        match end {
            WatchEnd::Gone => Self::Gone,
            WatchEnd::TooLarge => Self::TooLarge,
            WatchEnd::NoWatches => Self::NoWatches,
        }
    }
}

/// Whether the paths lead nowhere but further down.
fn is_sound(change: &Change) -> bool {
    let from_is_sound = match &change.kind {
        ChangeKind::Renamed(from) => is_below(from),
        _ => true,
    };
    from_is_sound && is_below(&change.path)
}
