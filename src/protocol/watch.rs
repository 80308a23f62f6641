//! Being told what changes in a session's workspace.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::ProtocolError;
use super::files::{path_or_workspace, yes};

/// The most watches of one session.
pub const MAX_WATCHES: usize = 16;

/// The most directories that one of them may have.
pub const MAX_DIRECTORIES: u32 = 8192;

/// The most names that it may leave out.
pub const MAX_EXCLUDES: usize = 1000;

/// The least and the most time within which changes are told together.
pub const DEBOUNCE_MS: std::ops::RangeInclusive<u32> = 10..=60_000;

const DEFAULT_DEBOUNCE_MS: u32 = 50;

fn default_debounce_ms() -> u32 {
    DEFAULT_DEBOUNCE_MS
}

/// Parameters of `fs/watch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsWatchParams {
    /// In which session.
    pub session_id: String,
    /// Which directory. Without it, the workspace itself.
    pub path: Option<String>,
    /// The same for a name that is not UTF-8.
    pub path_base64: Option<String>,
    /// Also what is below the directories in it.
    #[serde(default = "yes")]
    pub recursive: bool,
    /// Files and directories of these names are not looked at, at whatever level; `*` matches any run of characters.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// What happens within so many milliseconds is told together: from 10 to 60000.
    #[serde(default = "default_debounce_ms")]
    pub debounce_ms: u32,
}

impl FsWatchParams {
    /// The bytes of the path, in whichever form it came; empty for the workspace itself.
    ///
    /// # Errors
    /// [`super::ErrorKind::InvalidParams`] when both forms are given, or when the base64 is none.
    pub fn path_bytes(&self) -> Result<Vec<u8>, ProtocolError> {
        path_or_workspace(self.path.as_deref(), self.path_base64.as_deref())
    }
}

/// Result of `fs/watch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsWatchResult {
    /// Names the watch in `fs/changed` and `fs/unwatch`.
    pub watch_id: String,
}

/// Parameters of `fs/unwatch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsUnwatchParams {
    /// In which session.
    pub session_id: String,
    /// Which watch.
    pub watch_id: String,
}

/// Result of `fs/unwatch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsUnwatchResult {
    /// Whether there was such a watch.
    pub ended: bool,
}

/// Parameters of `fs/changed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangedNotice {
    /// In which session.
    pub session_id: String,
    /// Which watch.
    pub watch_id: String,
    /// What changed.
    pub changes: Vec<FsChange>,
    /// More changed than is told here: look at the files that matter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overflow: bool,
    /// Nothing more will be told by this watch, and this is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<WatchEnded>,
}

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsChange {
    /// Its path in the workspace.
    pub path: String,
    /// The same where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_base64: Option<String>,
    /// What happened to it.
    pub kind: FsChangeKind,
    /// Of what was renamed: its path before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The same where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_base64: Option<String>,
}

/// What happened to a file or a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FsChangeKind {
    /// It is new.
    Created,
    /// Its contents, its time or its permissions changed, or another took its place.
    Changed,
    /// It is gone, and with a directory what was in it.
    Removed,
    /// It was moved within what is watched, and with a directory what is in it.
    Renamed,
}

/// Why a watch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WatchEnded {
    /// The directory itself was removed or moved.
    Gone,
    /// There are more directories or names in it than can be watched.
    TooLarge,
    /// The kernel gives no more watches to the user of the sandbox.
    NoWatches,
    /// A program killed the process that watched, or it had no memory.
    Killed,
}
