//! Files of a session's workspace.
//!
//! Paths are relative to the workspace, with `/` between names; one that starts with `/workspace/` means the
//! same. A name on Linux may be any bytes: where one is not UTF-8, `path` shows it with `U+FFFD` in place
//! of what can't be shown, and `pathBase64` has the bytes. Requests take either.

mod arrange;
mod exchange;

pub use arrange::{
    FsCopied, FsCopyParams, FsCopyResult, FsMkdirParams, FsMkdirResult, FsMoveParams, FsMoveResult, FsRemoveParams,
    FsRemoveResult,
};
pub use exchange::{FsImportParams, FsImportResult};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::encoding::{Encoding, WantedEncoding, from_base64, to_base64};
use super::error::ProtocolError;

/// The entries that `fs/list` answers when it is not told otherwise.
pub const DEFAULT_LIST_LIMIT: u32 = 1000;

/// The most entries that `fs/list` answers.
pub const MAX_LIST_LIMIT: u32 = 10_000;

pub(super) fn yes() -> bool {
    true
}

fn default_list_limit() -> u32 {
    DEFAULT_LIST_LIMIT
}

/// The bytes of a path that was given in one of its two forms, `name` and `base64_name`.
///
/// # Errors
/// [`super::ErrorKind::InvalidParams`] when none or both are given, or when the base64 is none.
fn either(
    (name, path): (&'static str, Option<&str>),
    (base64_name, base64): (&'static str, Option<&str>),
) -> Result<Vec<u8>, ProtocolError> {
    let given = either_or_none((name, path), (base64_name, base64))?;
    given.ok_or_else(|| ProtocolError::invalid_params(name, format!("{name}: missing")))
}

/// As [`either`], of a path that may be left out.
pub(super) fn either_or_none(
    (name, path): (&str, Option<&str>),
    (base64_name, base64): (&str, Option<&str>),
) -> Result<Option<Vec<u8>>, ProtocolError> {
    match (path, base64) {
        (Some(path), None) => Ok(Some(path.as_bytes().to_vec())),
        (None, Some(base64)) => from_base64(base64, base64_name).map(Some),
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            let message = format!("{base64_name}: excludes `{name}`; only one may be given");
            Err(ProtocolError::invalid_params(base64_name, message))
        }
    }
}

fn path_bytes(path: Option<&str>, base64: Option<&str>) -> Result<Vec<u8>, ProtocolError> {
    either(("path", path), ("pathBase64", base64))
}

/// The bytes of a path that stands for the workspace itself where it is left out.
pub(super) fn path_or_workspace(path: Option<&str>, base64: Option<&str>) -> Result<Vec<u8>, ProtocolError> {
    either_or_none(("path", path), ("pathBase64", base64)).map(Option::unwrap_or_default)
}

/// A path as it travels: to be shown, and, where that is not exact, its bytes in base64.
#[must_use]
pub fn path_on_wire(path: &[u8]) -> (String, Option<String>) {
    match std::str::from_utf8(path) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (String::from_utf8_lossy(path).into_owned(), Some(to_base64(path))),
    }
}

macro_rules! names_a_path {
    ($($params:ty),+) => {
        $(impl $params {
            /// The bytes of the path, in whichever form it came.
            ///
            /// # Errors
            /// [`super::ErrorKind::InvalidParams`] when none or both forms are given, or when the base64 is none.
            pub fn path_bytes(&self) -> Result<Vec<u8>, ProtocolError> {
                path_bytes(self.path.as_deref(), self.path_base64.as_deref())
            }
        })+
    };
}

names_a_path!(FsReadParams, FsWriteParams, FsStatParams, FsMkdirParams, FsRemoveParams);

/// Permission bits; on the wire an octal string such as `644`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions(pub u32);

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:03o}", self.0 & 0o7777))
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let octal = (3..=4).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        match u32::from_str_radix(&text, 8) {
            Ok(bits) if octal => Ok(Self(bits)),
            _ => Err(de::Error::custom("expected three or four octal digits, such as `644`")),
        }
    }
}

impl JsonSchema for Permissions {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Permissions".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^[0-7]{3,4}$"})
    }

    fn inline_schema() -> bool {
        true
    }
}

/// Parameters of `fs/read`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsReadParams {
    /// In which session.
    pub session_id: String,
    /// Which file. Needed, unless `pathBase64` is there.
    pub path: Option<String>,
    /// The same for a name that is not UTF-8.
    pub path_base64: Option<String>,
    /// Where to start, in bytes.
    #[serde(default)]
    pub offset: u64,
    /// How many bytes at most. Without it, all the rest, which is refused (1506) where one answer can't carry it.
    pub length: Option<u64>,
    /// What `data` shall be. With `utf8` and `auto` a part that would end within a character ends before it.
    #[serde(default)]
    pub encoding: WantedEncoding,
}

/// Result of `fs/read`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsReadResult {
    /// Which file.
    pub path: String,
    /// What is in it.
    pub data: String,
    /// What `data` is.
    pub encoding: Encoding,
    /// Where `data` starts.
    pub offset: u64,
    /// How many bytes `data` stands for.
    pub bytes: u64,
    /// Size of the file.
    pub size: u64,
    /// Whether `data` reaches to the end of the file.
    pub eof: bool,
    /// Names the state of the file, for `ifMatch`.
    pub etag: String,
    /// Permission bits, in octal.
    pub permissions: Permissions,
}

/// Parameters of `fs/write`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsWriteParams {
    /// In which session.
    pub session_id: String,
    /// Which file. Needed, unless `pathBase64` is there.
    pub path: Option<String>,
    /// The same for a name that is not UTF-8.
    pub path_base64: Option<String>,
    /// What to write.
    pub data: String,
    /// What `data` is.
    #[serde(default)]
    pub encoding: Encoding,
    /// What becomes of a file that is already there.
    #[serde(default)]
    pub mode: WriteMode,
    /// With `mode: patch`: where to write, in bytes.
    pub offset: Option<u64>,
    /// Permission bits of a new file, in octal.
    #[schemars(extend("default" = "644"))]
    pub permissions: Option<Permissions>,
    /// Make the directories above it that are missing.
    #[serde(default = "yes")]
    pub create_parents: bool,
    /// Write only when the file is in the state that this `etag` names; otherwise 1507.
    pub if_match: Option<String>,
}

impl std::fmt::Debug for FsWriteParams {
    /// Without the data, which may be long and may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FsWriteParams")
            .field("session_id", &self.session_id)
            .field("path", &self.path)
            .field("bytes", &self.data.len())
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// What a write does to a file that is already there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WriteMode {
    /// Refuses (1501).
    Create,
    /// Replaces it at one stroke: a reader sees the old file or the new one, never a part.
    #[default]
    Replace,
    /// Adds to its end.
    Append,
    /// Writes over the bytes from `offset` on, and leaves the rest.
    Patch,
}

/// Result of `fs/write`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsWriteResult {
    /// Which file.
    pub path: String,
    /// How many bytes were written.
    pub bytes: u64,
    /// Size of the file now.
    pub size: u64,
    /// Names the state of the file now.
    pub etag: String,
    /// Whether it was not there before.
    pub created: bool,
}

/// Parameters of `fs/list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsListParams {
    /// In which session.
    pub session_id: String,
    /// Which directory. Without it, the workspace itself.
    pub path: Option<String>,
    /// The same for a name that is not UTF-8.
    pub path_base64: Option<String>,
    /// Also what is in the directories below, at every level.
    #[serde(default)]
    pub recursive: bool,
    /// How many levels to list, in place of `recursive`; 1 lists the directory alone.
    pub depth: Option<std::num::NonZeroU32>,
    /// Also names that start with a dot.
    #[serde(default)]
    pub hidden: bool,
    /// The most entries to answer; 10000 and no more.
    #[serde(default = "default_list_limit")]
    pub limit: u32,
}

impl FsListParams {
    /// The bytes of the path, in whichever form it came; empty for the workspace itself.
    ///
    /// # Errors
    /// [`super::ErrorKind::InvalidParams`] when both forms are given, or when the base64 is none.
    pub fn path_bytes(&self) -> Result<Vec<u8>, ProtocolError> {
        path_or_workspace(self.path.as_deref(), self.path_base64.as_deref())
    }
}

/// Result of `fs/list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsListResult {
    /// Sorted by path within each directory.
    pub entries: Vec<FsEntry>,
    /// Whether there are more than `limit`.
    pub truncated: bool,
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsEntry {
    /// Its path from the workspace.
    pub path: String,
    /// Where `path` is not exact because the name is not UTF-8: the bytes of the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_base64: Option<String>,
    /// The last part of `path`.
    pub name: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: FsEntryType,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last changed.
    pub modified_at: String,
    /// Permission bits, in octal.
    pub permissions: Permissions,
}

/// What an entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FsEntryType {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A pipe, socket or device.
    Other,
}

/// Parameters of `fs/stat`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsStatParams {
    /// In which session.
    pub session_id: String,
    /// Which file, link or directory. Needed, unless `pathBase64` is there.
    pub path: Option<String>,
    /// The same for a name that is not UTF-8.
    pub path_base64: Option<String>,
}

/// Result of `fs/stat`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsStatResult {
    /// What `fs/list` says of it.
    #[serde(flatten)]
    pub entry: FsEntry,
    /// Names its state, for `ifMatch`.
    pub etag: String,
    /// Of a link: what it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Where `target` is not exact because it is not UTF-8: its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_base64: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::strict::parse;
    use super::*;

    #[test]
    fn a_path_that_is_not_utf8_survives_the_way_there_and_back() {
        let (shown, base64) = path_on_wire(b"a\xff");
        assert_eq!(shown, "a\u{fffd}");
        let params = json!({"sessionId": "s", "pathBase64": base64});
        assert_eq!(parse::<FsRemoveParams>(Some(params)).unwrap().path_bytes().unwrap(), b"a\xff");
        assert_eq!(path_on_wire(b"plain"), ("plain".to_owned(), None));

        let both = json!({"sessionId": "s", "path": "a", "pathBase64": "YQ=="});
        assert!(parse::<FsReadParams>(Some(both)).unwrap().path_bytes().is_err());
        assert!(parse::<FsReadParams>(Some(json!({"sessionId": "s"}))).unwrap().path_bytes().is_err());
        let none = parse::<FsListParams>(Some(json!({"sessionId": "s"}))).unwrap();
        assert_eq!(none.path_bytes().unwrap(), b"");
    }

    #[test]
    fn permissions_are_octal_digits() {
        assert_eq!(serde_json::to_value(Permissions(0o644)).unwrap(), json!("644"));
        assert_eq!(serde_json::to_value(Permissions(0o4755)).unwrap(), json!("4755"));
        assert_eq!(serde_json::from_value::<Permissions>(json!("0600")).unwrap(), Permissions(0o600));
        for wrong in [json!("9"), json!("888"), json!("+64"), json!("77777")] {
            assert!(serde_json::from_value::<Permissions>(wrong).is_err());
        }
    }
}
