//! What goes between a workspace and the machine that the daemon runs on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{path_bytes, yes};
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
