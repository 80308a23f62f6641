//! What goes between a workspace and the machine that the daemon runs on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{path_bytes, path_or_workspace, yes};
use crate::protocol::{ProgressToken, ProtocolError};

/// Parameters of `fs/import`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsImportParams {
    /// Into which session.
    pub session_id: String,
    /// A file or directory of this machine, as a `file:` URI.
    pub uri: String,
    /// Its path in the workspace, the name included. Needed, unless `pathBase64` is there.
    pub path: Option<String>,
    /// The same for a name that is not UTF-8.
    pub path_base64: Option<String>,
    /// Files and directories of these names are left out at every level; `*` matches any run of characters.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Take the place of what is there, as with `fs/copy`.
    #[serde(default)]
    pub overwrite: bool,
    /// Make the directories above it that are missing.
    #[serde(default = "yes")]
    pub create_parents: bool,
    /// Reports progress under this token.
    pub work_done_token: Option<ProgressToken>,
}

impl FsImportParams {
    /// The bytes of the path, in whichever form it came.
    ///
    /// # Errors
    /// [`crate::protocol::ErrorKind::InvalidParams`] when none or both forms are given, or when the base64 is none.
    pub fn path_bytes(&self) -> Result<Vec<u8>, ProtocolError> {
        path_bytes(self.path.as_deref(), self.path_base64.as_deref())
    }
}

/// Result of `fs/import`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsImportResult {
    /// Where it is.
    pub path: String,
    /// How many files.
    pub files: u64,
    /// How many directories, the one at the top not counted.
    pub directories: u64,
    /// How many links.
    pub links: u64,
    /// The size of the files.
    pub bytes: u64,
    /// Whether it took the place of something.
    pub replaced: bool,
}

/// The most bytes that `fs/export` takes when it is not told otherwise.
const DEFAULT_EXPORT_BYTES: u64 = 4 << 30;

/// The most entries that `fs/export` takes when it is not told otherwise.
const DEFAULT_EXPORT_ENTRIES: u32 = 100_000;

/// The most entries that `fs/export` takes.
pub const MAX_EXPORT_ENTRIES: u32 = 500_000;

fn default_export_bytes() -> u64 {
    DEFAULT_EXPORT_BYTES
}

fn default_export_entries() -> u32 {
    DEFAULT_EXPORT_ENTRIES
}

fn history() -> Vec<String> {
    vec![".git".to_owned()]
}

/// Parameters of `fs/export`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsExportParams {
    /// Out of which session.
    pub session_id: String,
    /// A file or directory of the workspace; all of it when this and `pathBase64` are left out.
    pub path: Option<String>,
    /// The same for a name that is not UTF-8.
    pub path_base64: Option<String>,
    /// Where it goes on this machine, the name included, as a `file:` URI.
    pub uri: String,
    /// Files and directories of these names are left out at every level; `*` matches any run of characters.
    #[serde(default = "history")]
    pub exclude: Vec<String>,
    /// Merge a directory into the one that is there, and replace files that are there.
    #[serde(default)]
    pub overwrite: bool,
    /// Make the directories above it that are missing.
    #[serde(default = "yes")]
    pub create_parents: bool,
    /// Refuse when the files have more bytes than this, holes included.
    #[serde(default = "default_export_bytes")]
    pub max_bytes: u64,
    /// Refuse when there are more files, directories and links than this. At most 500000.
    #[serde(default = "default_export_entries")]
    pub max_entries: u32,
    /// Reports progress under this token.
    pub work_done_token: Option<ProgressToken>,
}

impl FsExportParams {
    /// The bytes of the path, in whichever form it came; none for the workspace itself.
    ///
    /// # Errors
    /// [`crate::protocol::ErrorKind::InvalidParams`] when both forms are given, or when the base64 is none.
    pub fn path_bytes(&self) -> Result<Vec<u8>, ProtocolError> {
        path_or_workspace(self.path.as_deref(), self.path_base64.as_deref())
    }
}

/// Result of `fs/export`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsExportResult {
    /// Where it is.
    pub uri: String,
    /// How many files.
    pub files: u64,
    /// How many directories, the one at the top not counted.
    pub directories: u64,
    /// How many links.
    pub links: u64,
    /// The size of the files.
    pub bytes: u64,
    /// How many links were left out, because they would lead out of the directory.
    pub links_left_out: u64,
    /// How many pipes, sockets and devices were left out.
    pub others_left_out: u64,
    /// How many files programs wrote to while they were read: what came of these may be of no one moment.
    pub changed: u64,
    /// Whether it was merged into a directory that was there, or replaced a file.
    pub merged: bool,
}
