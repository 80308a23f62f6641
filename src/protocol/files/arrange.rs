//! What changes where things are: directories made, files and trees copied, moved and removed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Permissions, either, yes};
use crate::protocol::ProtocolError;

/// Parameters of `fs/mkdir`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsMkdirParams {
    /// In which session.
    pub session_id: String,
    /// Which directory. Needed, unless `pathBase64` is there.
    pub path: Option<String>,
    /// The same for a name that is not UTF-8.
    pub path_base64: Option<String>,
    /// Make the directories above it that are missing, and be content with one that is there. Without it, they are
    /// an error (1500), and so is that (1501).
    #[serde(default = "yes")]
    pub parents: bool,
    /// Its permission bits when it is made, in octal. Those above it have 755.
    #[schemars(extend("default" = "755"))]
    pub permissions: Option<Permissions>,
}

/// Result of `fs/mkdir`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsMkdirResult {
    /// Which directory.
    pub path: String,
    /// Whether it was not there before.
    pub created: bool,
}

/// Parameters of `fs/copy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsCopyParams {
    /// In which session.
    pub session_id: String,
    /// Which file, link or directory; a link is copied itself. Needed, unless `fromBase64` is there.
    pub from: Option<String>,
    /// The same for a name that is not UTF-8.
    pub from_base64: Option<String>,
    /// Its new path, the name included. Needed, unless `toBase64` is there.
    pub to: Option<String>,
    /// The same for a name that is not UTF-8.
    pub to_base64: Option<String>,
    /// Take the place of what is there: a directory that of a directory, anything else that of anything else. A
    /// link is replaced itself, a directory with all that is in it.
    #[serde(default)]
    pub overwrite: bool,
    /// Make the directories above it that are missing.
    #[serde(default = "yes")]
    pub create_parents: bool,
}

/// Result of `fs/copy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsCopyResult {
    /// Where it is now.
    pub path: String,
    /// What was copied.
    #[serde(flatten)]
    pub copied: FsCopied,
    /// Whether it took the place of something.
    pub replaced: bool,
}

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsCopied {
    /// How many files, links and directories, the one at the top included.
    pub entries: u64,
    /// The size of the files.
    pub bytes: u64,
    /// How many pipes, sockets and devices were left out.
    pub skipped: u64,
}

/// Parameters of `fs/move`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsMoveParams {
    /// In which session.
    pub session_id: String,
    /// Which file, link or directory; a link is moved itself. Needed, unless `fromBase64` is there.
    pub from: Option<String>,
    /// The same for a name that is not UTF-8.
    pub from_base64: Option<String>,
    /// Its new path, the name included. Needed, unless `toBase64` is there.
    pub to: Option<String>,
    /// The same for a name that is not UTF-8.
    pub to_base64: Option<String>,
    /// Take the place of what is there, as with `fs/copy`.
    #[serde(default)]
    pub overwrite: bool,
    /// Make the directories above it that are missing.
    #[serde(default = "yes")]
    pub create_parents: bool,
}

/// Result of `fs/move`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsMoveResult {
    /// Where it is now.
    pub path: String,
    /// Whether it took the place of something.
    pub replaced: bool,
    /// What was copied, and then removed, because the kernel could not rename it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copied: Option<FsCopied>,
}

macro_rules! goes_from_here_to_there {
    ($($params:ty),+) => {
        $(impl $params {
            /// The bytes of both paths, in whichever form they came.
            ///
            /// # Errors
            /// [`crate::protocol::ErrorKind::InvalidParams`] when none or both forms of one are given, or when the
            /// base64 is none.
            pub fn paths(&self) -> Result<(Vec<u8>, Vec<u8>), ProtocolError> {
                let from = (("from", self.from.as_deref()), ("fromBase64", self.from_base64.as_deref()));
                let to = (("to", self.to.as_deref()), ("toBase64", self.to_base64.as_deref()));
                Ok((either(from.0, from.1)?, either(to.0, to.1)?))
            }
        })+
    };
}

goes_from_here_to_there!(FsCopyParams, FsMoveParams);

/// Parameters of `fs/remove`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsRemoveParams {
    /// In which session.
    pub session_id: String,
    /// Which file, link or directory. Needed, unless `pathBase64` is there.
    pub path: Option<String>,
    /// The same for a name that is not UTF-8.
    pub path_base64: Option<String>,
    /// Also a directory that is not empty, with all that is in it.
    #[serde(default)]
    pub recursive: bool,
}

/// Result of `fs/remove`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsRemoveResult {
    /// How many files, links and directories were removed.
    pub removed: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::parse;

    #[test]
    fn each_end_is_named_once() {
        let paths = |params: Value| parse::<FsCopyParams>(Some(params)).unwrap().paths();
        let given = json!({"sessionId": "s", "from": "a", "toBase64": "Yv8="});
        assert_eq!(paths(given).unwrap(), (b"a".to_vec(), b"b\xff".to_vec()));
        for (wrong, at) in [
            (json!({"sessionId": "s", "to": "a"}), "from"),
            (json!({"sessionId": "s", "from": "a"}), "to"),
            (json!({"sessionId": "s", "from": "a", "fromBase64": "YQ==", "to": "b"}), "fromBase64"),
            (json!({"sessionId": "s", "from": "a", "toBase64": "?"}), "toBase64"),
        ] {
            assert_eq!(paths(wrong).unwrap_err().data.path.as_deref(), Some(at));
        }
    }
}
