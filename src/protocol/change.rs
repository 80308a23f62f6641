//! Differences between files of a workspace, and patches to them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::encoding::{Encoding, WantedEncoding};
use super::error::ProtocolError;
use super::files::{Permissions, either_or_none, yes};

/// The most unchanged lines that `fs/diff` shows around a change.
pub const MAX_CONTEXT_LINES: u32 = 1_000_000;

/// The most lines of context that `fs/patch` lets go of.
pub const MAX_FUZZ: u32 = 100;

/// The most leading parts of a name that `fs/patch` leaves out.
pub const MAX_STRIP: u32 = 1000;

fn default_context_lines() -> u32 {
    3
}

fn default_fuzz() -> u32 {
    2
}

/// The bytes of a path that may be left out.
fn path_bytes(path: Option<&str>, base64: Option<&str>, at: &str) -> Result<Option<Vec<u8>>, ProtocolError> {
    either_or_none(("path", path), (&format!("{at}pathBase64"), base64))
}

/// Parameters of `fs/diff`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsDiffParams {
    /// In which session.
    pub session_id: String,
    /// What was before. Without it, no file: the difference makes one.
    pub original: Option<DiffSide>,
    /// What is after. Without it, no file: the difference removes one.
    pub modified: Option<DiffSide>,
    /// How many lines that did not change are shown around each that did.
    #[serde(default = "default_context_lines")]
    pub context_lines: u32,
    /// How differences are written.
    #[serde(default)]
    pub format: DiffFormat,
    /// Put `a/` and `b/` before the names, as git does.
    #[serde(default = "yes")]
    pub prefixes: bool,
    /// What `diff` of the answer shall be.
    #[serde(default)]
    pub encoding: WantedEncoding,
}

/// One side of a comparison: a file of the workspace, or a text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiffSide {
    /// Which file; with `data`, only what to call it.
    pub path: Option<String>,
    /// The same for a name that is not UTF-8.
    pub path_base64: Option<String>,
    /// A text in place of a file's.
    pub data: Option<String>,
    /// What `data` is.
    #[serde(default)]
    pub encoding: Encoding,
    /// Compare only when the file is in the state that this `etag` names; otherwise 1507.
    pub if_match: Option<String>,
}

impl std::fmt::Debug for DiffSide {
    /// Without the data, which may be long and may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiffSide")
            .field("path", &self.path)
            .field("bytes", &self.data.as_ref().map(String::len))
            .finish_non_exhaustive()
    }
}

impl DiffSide {
    /// The bytes of the path, in whichever form it came. `at` is where the side was in the parameters.
    ///
    /// # Errors
    /// [`super::ErrorKind::InvalidParams`] when both forms are given, or when the base64 is none.
    pub fn path_bytes(&self, at: &str) -> Result<Option<Vec<u8>>, ProtocolError> {
        path_bytes(self.path.as_deref(), self.path_base64.as_deref(), &format!("{at}."))
    }
}

/// How differences are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DiffFormat {
    /// As `diff -u` and git do; this one `fs/patch` reads.
    #[default]
    Unified,
    /// As `diff -c` does.
    Context,
}

/// Result of `fs/diff`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsDiffResult {
    /// The differences; empty when there are none. Of binary files only that they differ.
    pub diff: String,
    /// What `diff` is.
    pub encoding: Encoding,
    /// Whether both sides are the same, byte for byte. A missing file is not the same as an empty one.
    pub identical: bool,
    /// Whether either side is binary: there is a NUL in its first 8000 bytes.
    pub binary: bool,
    /// Whether time ran out. Then the differences are true, and may be more than there need be.
    pub coarse: bool,
    /// How many places differ.
    pub hunks: u64,
    /// Lines that only the modified side has.
    pub added_lines: u64,
    /// Lines that only the original has.
    pub removed_lines: u64,
    /// Where the original is a file: names its state, for `ifMatch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_etag: Option<String>,
    /// Where the modified side is a file: names its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_etag: Option<String>,
}

/// Parameters of `fs/patch`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsPatchParams {
    /// In which session.
    pub session_id: String,
    /// The patch: a unified diff, as git or `diff -u` writes it, of one file or of many.
    pub patch: String,
    /// What `patch` is.
    #[serde(default)]
    pub encoding: Encoding,
    /// The one file that it is for, whatever names are in it; hunks without any name need it.
    pub path: Option<String>,
    /// The same for a name that is not UTF-8.
    pub path_base64: Option<String>,
    /// How many leading parts of each name are left out. Without it, one where the names start with `a/` and `b/` or
    /// another such pair of git's, else none.
    pub strip: Option<u32>,
    /// How many lines of context at either end of a hunk need not match; 100 and no more.
    #[serde(default = "default_fuzz")]
    pub fuzz: u32,
    /// Undo the patch.
    #[serde(default)]
    pub reverse: bool,
    /// Say what would become of it, and write nothing.
    #[serde(default)]
    pub dry_run: bool,
}

impl std::fmt::Debug for FsPatchParams {
    /// Without the patch, which may be long and may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FsPatchParams")
            .field("session_id", &self.session_id)
            .field("bytes", &self.patch.len())
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}

impl FsPatchParams {
    /// The bytes of the path, if one was given.
    ///
    /// # Errors
    /// [`super::ErrorKind::InvalidParams`] when both forms are given, or when the base64 is none.
    pub fn path_bytes(&self) -> Result<Option<Vec<u8>>, ProtocolError> {
        path_bytes(self.path.as_deref(), self.path_base64.as_deref(), "")
    }
}

/// Result of `fs/patch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsPatchResult {
    /// Whether nothing was written because nothing was to be.
    pub dry_run: bool,
    /// The files, as they follow in the patch.
    pub files: Vec<PatchedFile>,
}

/// A file of a patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatchedFile {
    /// Its path from the workspace.
    pub path: String,
    /// Where `path` is not exact because the name is not UTF-8: the bytes of the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_base64: Option<String>,
    /// Of a file that was renamed or copied: where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_path: Option<String>,
    /// The bytes of `oldPath`, where that is not exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_path_base64: Option<String>,
    /// What is done to it.
    pub action: PatchAction,
    /// Its hunks, as far as they were tried.
    pub hunks: Vec<PatchedHunk>,
    /// Whether the lines of the patch ended otherwise than the file's, and were made to end like those.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub line_ends_adapted: bool,
    /// Once it was written: names its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Once it was written: its size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Once it was written: its permission bits, in octal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// Why it can't be patched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a patch does to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PatchAction {
    /// Changes its text, its permissions, or both.
    Modified,
    /// Makes it.
    Created,
    /// Removes it. The directory that it was in stays.
    Deleted,
    /// Gives it another name, and perhaps another text.
    Renamed,
    /// Makes another file of it.
    Copied,
}

/// A hunk of a patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatchedHunk {
    /// Its header: `@@ -1,3 +1,4 @@`.
    pub header: String,
    /// The line of the patch that it begins at, from one on.
    pub patch_line: u64,
    /// Whether it fits.
    pub fits: bool,
    /// The line of the file that it belongs to, from one on; where it does not fit, where it was looked for first.
    pub line: u64,
    /// How many lines that is after where the hunk says; below zero, before it.
    pub offset: i64,
    /// How many lines of context at either end were let go of.
    pub fuzz: u64,
    /// Where it does not fit: the first line that is another than the hunk says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<PatchMismatch>,
}

/// Where a hunk does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatchMismatch {
    /// The line of the file, from one on.
    pub line: u64,
    /// What the hunk says is there; long lines are cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What is there; absent at the end of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// Whether the file has already what the hunk would make.
    pub already_applied: bool,
}

/// What `PatchFailed` says beside its message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatchFailure {
    /// The files, as they follow in the patch.
    pub files: Vec<PatchedFile>,
    /// Files that were changed before a write failed, and could not be put back. Otherwise all is as it was.
    pub left: Vec<PatchLeft>,
}

/// A file that a patch has changed though it failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatchLeft {
    /// Its path from the workspace.
    pub path: String,
    /// Why it could not be put back.
    pub error: String,
}
