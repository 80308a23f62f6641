//! Being told what changes in a directory.
//!
//! The process that watches writes [`Watched`]s into its conduit, each behind its length (`u32`, little endian), no
//! faster than the daemon takes them; the agent passes them on unread.

use serde::{Deserialize, Serialize};

/// The most bytes that one encoded [`Watched`] has.
pub const WATCHED_BYTES: usize = 256 * 1024;

/// What to watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
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

/// What a watch says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Watched {
    /// From now on nothing is missed. The first word, unless that is [`Watched::Ended`].
    Ready,
    /// Something happened.
    Changes {
        /// What, each path at most twice: renamed, and changed after that.
        changes: Vec<Change>,
        /// More happened than could be kept: whoever wants to know has to look.
        overflow: bool,
    },
    /// The last word.
    Ended(WatchEnd),
}

/// Something that happened below the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Relative to the directory.
    pub path: Vec<u8>,
    /// What.
    pub kind: ChangeKind,
}

/// What happened to something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeKind {
    /// It is new.
    Created,
    /// Its contents, its time or its permissions.
    Changed,
    /// It is gone.
    Removed,
    /// It had this path, relative to the directory, before.
    Renamed(Vec<u8>),
}

/// Why a watch is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WatchEnd {
    /// The directory itself was removed or moved.
    Gone,
    /// There are too many directories or names in it.
    TooLarge,
    /// The kernel gives no more watches to this user.
    NoWatches,
}
