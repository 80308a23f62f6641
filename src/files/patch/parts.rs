//! What a patch consists of: files, hunks and lines, as they were written and before anything is made of them.

use std::borrow::Cow;

/// What is done to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FilePatch<'a> {
    /// The line of the patch that it begins at.
    pub(super) line: usize,
    pub(super) kind: Kind,
    /// The names as they were written; none for a side on which there is no file, or that was not named.
    pub(super) old: Option<Vec<u8>>,
    pub(super) new: Option<Vec<u8>>,
    /// Whether the names lack the part that says which side they are of.
    pub(super) is_bare: bool,
    /// How many leading parts of the names do that, where the header tells.
    pub(super) leading_parts: Option<usize>,
    pub(super) old_mode: Option<Mode>,
    pub(super) new_mode: Option<Mode>,
    pub(super) is_binary: bool,
    pub(super) hunks: Vec<Hunk<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Modify,
    Create,
    Delete,
    Rename,
    Copy,
}

/// What git keeps of a file's permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Plain,
    Executable,
    /// A symbolic link or a submodule.
    NoFile,
}

/// A place in a file, and what is to become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hunk<'a> {
    /// The line of the patch that it begins at.
    pub(super) line: usize,
    pub(super) old: Span,
    pub(super) new: Span,
    pub(super) lines: Vec<Line<'a>>,
}

/// Lines of a file, counted from one; a span of none by the line before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) length: usize,
}

/// A line with its end, unless the file ends before that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) mark: Mark,
    pub(super) text: Cow<'a, [u8]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Context,
    Remove,
    Add,
}

impl Hunk<'_> {
    /// `@@ -1,3 +1,4 @@`
    pub(super) fn header(&self) -> String {
        format!("@@ -{},{} +{},{} @@", self.old.start, self.old.length, self.new.start, self.new.length)
    }
}

impl FilePatch<'_> {
    /// What undoes it.
    pub(super) fn reversed(mut self) -> Self {
        std::mem::swap(&mut self.old, &mut self.new);
        std::mem::swap(&mut self.old_mode, &mut self.new_mode);
        self.kind = match self.kind {
            Kind::Create => Kind::Delete,
            Kind::Delete => Kind::Create,
            same => same,
        };
        for hunk in &mut self.hunks {
            std::mem::swap(&mut hunk.old, &mut hunk.new);
            for line in &mut hunk.lines {
                line.mark = match line.mark {
                    Mark::Context => Mark::Context,
                    Mark::Remove => Mark::Add,
                    Mark::Add => Mark::Remove,
                };
            }
        }
        self
    }
}
