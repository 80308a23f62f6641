//! Looking for files of a session's workspace, by their names and by what is in them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::encoding::Encoding;
use super::error::ProtocolError;
use super::files::{FsEntry, path_or_workspace, yes};

/// What `fs/glob` and `fs/search` answer when they are not told otherwise.
pub const DEFAULT_LIMIT: u32 = 1000;

/// The most that they answer.
pub const MAX_LIMIT: u32 = 10_000;

/// The most lines before and after each match.
pub const MAX_CONTEXT: u32 = 100;

/// How long they look when they are not told otherwise.
pub const DEFAULT_TIMEOUT_MS: u32 = 30_000;

/// How long they look at most.
pub const MAX_TIMEOUT_MS: u32 = 600_000;

/// The most patterns, or lines of `include` or `exclude`.
pub const MAX_PATTERNS: usize = 1000;

fn default_limit() -> u32 {
    DEFAULT_LIMIT
}

fn default_timeout_ms() -> u32 {
    DEFAULT_TIMEOUT_MS
}

macro_rules! looks_below_a_path {
    ($($params:ty),+) => {
        $(impl $params {
            /// The bytes of the path, in whichever form it came; empty for the workspace itself.
            ///
            /// # Errors
            /// [`super::ErrorKind::InvalidParams`] when both forms are given, or when the base64 is none.
            pub fn path_bytes(&self) -> Result<Vec<u8>, ProtocolError> {
                path_or_workspace(self.path.as_deref(), self.path_base64.as_deref())
            }
        })+
    };
}

looks_below_a_path!(FsGlobParams, FsSearchParams);

/// Parameters of `fs/glob`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsGlobParams {
    /// In which session.
    pub session_id: String,
    /// Below which directory. Without it, the workspace itself.
    pub path: Option<String>,
    /// The same for a name that is not UTF-8.
    pub path_base64: Option<String>,
    /// Globs, one of which the path from that directory has to match as a whole: `*` and `?` stand for anything but
    /// `/`, `**` for any directories, `{a,b}` for either, `[a-z]` for one of these; `\` takes the meaning from the next.
    pub patterns: Vec<String>,
    /// Leave out what these lines name, which are read as those of a `.gitignore` in that directory.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Also names that start with a dot, and what is in such directories.
    #[serde(default)]
    pub hidden: bool,
    /// Leave out what the `.gitignore`s of the workspace name, also those above that directory.
    #[serde(default)]
    pub gitignore: bool,
    /// The most entries to answer; 10000 and no more.
    #[serde(default = "default_limit")]
    pub limit: u32,
    /// How long to look; 600000 and no more.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u32,
}

/// Result of `fs/glob`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsGlobResult {
    /// Sorted name by name, a directory before what is in it. Links are entries and are not followed.
    pub entries: Vec<FsEntry>,
    /// How many directories could not be read.
    pub unreadable: u64,
    /// There may be more, and this is why; absent when that is all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<Truncation>,
}

/// Parameters of `fs/search`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsSearchParams {
    /// In which session.
    pub session_id: String,
    /// Below which directory, or in which file. Without it, the workspace itself.
    pub path: Option<String>,
    /// The same for a name that is not UTF-8.
    pub path_base64: Option<String>,
    /// What to look for in each line: a regular expression as ripgrep takes it.
    pub pattern: String,
    /// `pattern` is a text.
    #[serde(default)]
    pub literal: bool,
    /// Whether upper and lower case are told apart.
    #[serde(default)]
    pub case: SearchCase,
    /// Only what stands between the borders of words.
    #[serde(default)]
    pub word: bool,
    /// How many lines before each one to answer as well; 100 and no more.
    #[serde(default)]
    pub before: u32,
    /// As many after it.
    #[serde(default)]
    pub after: u32,
    /// Only in files that these lines name, or that are in a directory which they name. They are read as those of a
    /// `.gitignore` in `path`: `*.py` is a file in any directory, `/src/` that directory.
    #[serde(default)]
    pub include: Vec<String>,
    /// Leave out what these lines name.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Also in files whose name starts with a dot, and in such directories.
    #[serde(default)]
    pub hidden: bool,
    /// Leave out what the `.gitignore`s of the workspace name, also those above `path`.
    #[serde(default = "yes")]
    pub gitignore: bool,
    /// The most lines with a match to answer; 10000 and no more.
    #[serde(default = "default_limit")]
    pub limit: u32,
    /// The most of them of one file.
    pub limit_per_file: Option<u32>,
    /// Leave out longer files.
    pub max_file_bytes: Option<u64>,
    /// How long to look; 600000 and no more.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u32,
}

/// Whether upper and lower case are told apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SearchCase {
    /// They are.
    #[default]
    Sensitive,
    /// They are not.
    Insensitive,
    /// They are where the pattern has an upper case letter.
    Smart,
}

/// Result of `fs/search`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FsSearchResult {
    /// Those with a match, sorted by path, name by name.
    pub files: Vec<SearchedFile>,
    /// How many files were looked into.
    pub searched: u64,
    /// How many were not, or had nothing until something kept from reading on.
    pub skipped: SkippedFiles,
    /// There may be more, and this is why; absent when that is all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<Truncation>,
}

/// How many files `fs/search` could not answer for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SkippedFiles {
    /// There are zero bytes in them.
    pub binary: u64,
    /// They are longer than `maxFileBytes`.
    pub large: u64,
    /// They, or directories, could not be read, or have a line of more than 16 MiB.
    pub unreadable: u64,
}

/// A file with a match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchedFile {
    /// Its path from the workspace.
    pub path: String,
    /// Where `path` is not exact because a name is not UTF-8: the bytes of the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_base64: Option<String>,
    /// Lines with a match, and those near them that were asked for.
    pub lines: Vec<SearchedLine>,
    /// There may be more in this file, and this is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Incompleteness>,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchedLine {
    /// Its number in the file, from 1.
    pub line: u64,
    /// Where in the file it starts, in bytes from 0. In a file in UTF-16, as if it were in UTF-8.
    pub offset: u64,
    /// What it says, without its end. Of a line of more than 4096 bytes it is the part around the first match.
    pub text: String,
    /// What `text` is.
    pub encoding: Encoding,
    /// Of a line that is cut: where in it `text` starts, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_start: Option<u64>,
    /// What matches, at most the first 100. Absent in a line that is only near a match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<SearchMatch>,
}

/// A match in a line. Both ways to count start at the beginning of the line, also where `text` doesn't.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchMatch {
    /// Where it starts, in bytes from 0.
    pub start: u64,
    /// Where it ends, in bytes; the byte there is not part of it.
    pub end: u64,
    /// Where it starts, in UTF-16 code units from 0, as `character` of LSP.
    pub character: u64,
    /// Where it ends, in UTF-16 code units.
    pub end_character: u64,
}

/// Why not all of a file was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Incompleteness {
    /// It has more than `limitPerFile`.
    Limit,
    /// Further on there are zero bytes in it.
    Binary,
    /// Further on there is a line of more than 16 MiB.
    LongLine,
    /// It could not be read any further.
    Unreadable,
}

/// Why not everything was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Truncation {
    /// There is more than `limit`.
    Limit,
    /// There is more than fits into an answer, some 2 MiB.
    Bytes,
    /// `timeoutMs` was over.
    Time,
    /// A directory has more names than can be sorted, or a path is longer than 64 KiB.
    Names,
    /// It took more memory than a search may have.
    Memory,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::strict::parse;
    use super::*;

    #[test]
    fn what_is_not_said_is_as_ripgrep_has_it() {
        let params = json!({"sessionId": "s", "pattern": "x"});
        let search: FsSearchParams = parse(Some(params)).unwrap();
        assert!(search.gitignore && !search.hidden && !search.literal);
        assert_eq!((search.case, search.path_bytes().unwrap()), (SearchCase::Sensitive, Vec::new()));
        let glob: FsGlobParams = parse(Some(json!({"sessionId": "s", "patterns": ["*"], "path": "a"}))).unwrap();
        assert_eq!((glob.gitignore, glob.limit, glob.path_bytes().unwrap()), (false, DEFAULT_LIMIT, b"a".to_vec()));
        assert!(parse::<FsGlobParams>(Some(json!({"sessionId": "s"}))).is_err());
    }
}
