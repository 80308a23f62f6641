//! Looking for files by their names or by what is in them, and what was found.
//!
//! What is found is a run of postcard-encoded [`Found`]s, cut anywhere into [`super::FileReply::Found`]s: the
//! process that looks writes them, the agent passes them on unread, and the daemon puts them together.

use serde::{Deserialize, Serialize};

use super::FileEntry;
use super::run;

/// The most bytes that all [`Found`]s of one answer have.
pub const FOUND_BYTES: usize = 2 * 1024 * 1024;

/// The most bytes of a line that are told; of a longer one it is the part around the first match.
pub const LINE_BYTES: usize = 4096;

/// The most matches of one line that are told.
pub const LINE_MATCHES: usize = 100;

/// The most bytes of a message of [`Found::Refused`].
pub const REFUSAL_BYTES: usize = 2048;

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Find {
    /// Where: a directory, or for a search a file as well; empty for the workspace itself.
    pub path: Vec<u8>,
    /// Also what has a name that starts with a dot.
    pub hidden: bool,
    /// Leave out what the `.gitignore`s of the workspace name.
    pub gitignore: bool,
    /// Leave out what these lines name, read as those of a `.gitignore` in that directory.
    pub exclude: Vec<String>,
    /// After so many milliseconds it is over.
    pub millis: u32,
    /// By what.
    pub by: By,
}

/// By what files are found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum By {
    /// By their paths.
    Name {
        /// Globs; one of them is enough.
        patterns: Vec<String>,
        /// Stop after so many.
        limit: u32,
    },
    /// By what is in them.
    Content(Content),
}

/// What is looked for in files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// A regular expression, or a text.
    pub pattern: String,
    /// It is a text.
    pub literal: bool,
    /// Whether upper and lower case are told apart.
    pub case: Case,
    /// Only between the borders of words.
    pub word: bool,
    /// How many lines before each one to tell as well.
    pub before: u32,
    /// As many after it.
    pub after: u32,
    /// Only in files that these lines name, read as those of a `.gitignore`; in all when there are none.
    pub include: Vec<String>,
    /// Stop after so many lines.
    pub limit: u32,
    /// Stop after so many of one file.
    pub limit_per_file: Option<u32>,
    /// Leave out longer files.
    pub file_bytes: Option<u64>,
}

/// Whether upper and lower case are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Case {
    /// They are.
    Sensitive,
    /// They are not.
    Insensitive,
    /// They are where the pattern has an upper case letter.
    Smart,
}

/// A part of what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Found {
    /// By its name.
    Entry(FileEntry),
    /// Something is in this file; its lines follow.
    File {
        /// Relative to the directory that was asked about; empty where that is the file itself.
        path: Vec<u8>,
    },
    /// A line of the last file.
    Line(Line),
    /// Of the last file not all was told.
    Incomplete(Incomplete),
    /// What was asked for makes no sense; nothing else is found.
    Refused {
        /// Which part of it.
        part: Part,
        /// In the words of whoever reads such things; at most [`REFUSAL_BYTES`].
        why: String,
    },
    /// The last word.
    Done(Done),
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// Where in the file it starts, in bytes.
    pub offset: u64,
    /// The line without its end, or a part of it; at most [`LINE_BYTES`].
    #[serde(with = "run")]
    pub text: Vec<u8>,
    /// Where in the line the text starts.
    pub start: u64,
    /// The text is not the whole line.
    pub cut: bool,
    /// What matches in it, at most [`LINE_MATCHES`]; nothing does in one that is only near a match.
    pub matches: Vec<Span>,
}

/// A match in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Where it starts, in bytes of the line.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// Where it starts, in UTF-16 code units of the line; what is no UTF-8 counts as `U+FFFD`.
    pub start_utf16: u64,
    /// Where it ends.
    pub end_utf16: u64,
}

/// Why not all of a file was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Incomplete {
    /// It has more lines than were asked for of one file.
    Limit,
    /// There are zero bytes in it, further on.
    Binary,
    /// There is a line in it that is too long to be held.
    LongLine,
    /// It could not be read any further.
    Unreadable,
}

/// Which part of a [`Find`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// [`Content::pattern`].
    Pattern,
    /// One of the patterns of [`By::Name`].
    Patterns(u32),
    /// One of [`Find::exclude`].
    Exclude(u32),
    /// One of [`Content::include`].
    Include(u32),
}

/// How it went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// How many files were looked into.
    pub searched: u64,
    /// How many were left out because there are zero bytes in them.
    pub binary: u64,
    /// How many were longer than [`Content::file_bytes`].
    pub large: u64,
    /// How many files and directories could not be read, or only by holding a line that is too long.
    pub unreadable: u64,
    /// Why it is not all.
    pub truncated: Option<Truncated>,
}

/// Why not everything was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Truncated {
    /// There is more than was asked for.
    Limit,
    /// There is more than fits into an answer.
    Bytes,
    /// A directory has too many names, or a path is too long, or the way back out of one was gone.
    Names,
}

/// How the looking ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FindEnd {
    /// By itself.
    Finished,
    /// It took too long. What was found until then is told, of names and of lines whole ones.
    Deadline,
    /// Nobody wants to know any more.
    Stopped,
    /// It was killed by this signal, or ended with none. `SIGABRT` is its own and means that it ran out of memory.
    Died(Option<i32>),
}

impl Found {
    /// The most bytes of an answer that it may take, as the daemon counts: no fewer than its encoding has, and enough
    /// for what a client is told instead of it.
    #[must_use]
    pub fn cost(&self) -> usize {
        const BASE: usize = 128;
        const MATCH: usize = 64;
        match self {
            Found::Entry(FileEntry { path, .. }) | Found::File { path } => BASE + 2 * path.len(),
            Found::Line(line) => BASE + line.text.len() + MATCH * line.matches.len(),
            Found::Refused { why, .. } => BASE + why.len(),
            Found::Incomplete(_) | Found::Done(_) => BASE,
        }
    }
}
