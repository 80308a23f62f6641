//! What is left out, by the words of the client and by the `.gitignore`s of the workspace.
//!
//! A `.gitignore` is read beneath the directory it is in, only where it is a regular file and no link, and no
//! further than its first 256 KiB. What makes no sense in one is passed over, as git does.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use codebeaker_agent::wire::find::Part;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::Refusal;
use crate::agent::files::must_be_file;
use crate::agent::files::path::Root;
use crate::agent::sys::{Result, files};

const GITIGNORE: &[u8] = b".gitignore";

/// No more of a `.gitignore` is read.
const MOST_BYTES: usize = 256 * 1024;

/// The lines of a client, read as those of a `.gitignore` in the directory that is asked about.
pub(super) struct Lines(Gitignore);

impl Lines {
    pub(super) fn read(lines: &[String], part: impl Fn(u32) -> Part) -> std::result::Result<Self, Refusal> {
        let mut builder = GitignoreBuilder::new(".");
        builder.allow_unclosed_class(false);
        for (number, line) in (0..).zip(lines) {
            let added = builder.add_line(None, line).map(drop);
            added.map_err(|error| Refusal { part: part(number), why: error.to_string() })?;
        }
        builder.build().map(Lines).map_err(|error| Refusal { part: part(0), why: error.to_string() })
    }

    /// Whether they name this.
    pub(super) fn name(&self, path: &[u8], is_directory: bool) -> bool {
        self.0.matched(as_path(path), is_directory).is_ignore()
    }

    /// Whether they name this file or a directory that it is in.
    pub(super) fn name_within(&self, path: &[u8]) -> bool {
        self.0.matched_path_or_any_parents(as_path(path), false).is_ignore()
    }
}

/// The `.gitignore`s that hold where a walk is.
pub(super) struct Ignores {
    wanted: bool,
    /// The outermost first.
    all: Vec<Ignore>,
}

struct Ignore {
    /// How many levels below the top of the walk it is; those above are at 0 as well.
    depth: usize,
    /// How long the path of its directory is, with the slash behind it.
    base: usize,
    rules: Gitignore,
}

impl Ignores {
    /// Those above the directory at `path` of the workspace, whose names are looked at one by one.
    pub(super) fn above(root: &Root, path: &[u8], wanted: bool) -> Self {
        let mut ignores = Ignores { wanted, all: Vec::new() };
        if !wanted || path.is_empty() {
            return ignores;
        }
        let slashes = (0..path.len()).filter(|at| path[*at] == b'/');
        for end in std::iter::once(0).chain(slashes) {
            let Ok(dir) = root.open(&path[..end], libc::O_PATH | libc::O_DIRECTORY) else { continue };
            ignores.enter(dir.as_fd(), 0, if end == 0 { 0 } else { end + 1 });
        }
        ignores
    }

    /// Takes up the one of a directory.
    pub(super) fn enter(&mut self, dir: BorrowedFd<'_>, depth: usize, base: usize) {
        if !self.wanted {
            return;
        }
        // Most directories have none, and what can't be read is none.
        let Ok(text) = read(dir) else { return };
        let mut builder = GitignoreBuilder::new(".");
        for line in text.strip_prefix("\u{feff}").unwrap_or(&text).lines() {
            let _ = builder.add_line(None, line);
        }
        if let Ok(rules) = builder.build()
            && !rules.is_empty()
        {
            self.all.push(Ignore { depth, base, rules });
        }
    }

    /// Forgets those of directories deeper than this.
    pub(super) fn leave(&mut self, depth: usize) {
        while self.all.last().is_some_and(|ignore| ignore.depth > depth) {
            self.all.pop();
        }
    }

    /// Whether they name this, of which `path` is the path in the workspace. The innermost decides.
    pub(super) fn name(&self, path: &[u8], is_directory: bool) -> bool {
        for ignore in self.all.iter().rev() {
            match ignore.rules.matched(as_path(&path[ignore.base..]), is_directory) {
                Match::None => {}
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
            }
        }
        false
    }
}

fn read(dir: BorrowedFd<'_>) -> Result<String> {
    let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = files::openat(dir, GITIGNORE, flags, 0)?;
    must_be_file(&files::fstat(file.as_fd())?)?;
    let mut bytes = vec![0; MOST_BYTES];
    let mut length = 0;
    while length < bytes.len() {
        match files::pread(file.as_fd(), &mut bytes[length..], length as i64)? {
            0 => break,
            more => length += more,
        }
    }
    if length == MOST_BYTES {
        // A line that is cut off would say something else.
        length = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    }
    Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

pub(super) fn as_path(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(path))
}
