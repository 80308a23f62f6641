//! The differences between two texts, as a unified or a context diff.
//!
//! What comes out is what `patch` and `git apply` read: exact about line ends and the end of the file, names quoted
//! as git does. Two texts are compared for a bounded time; after that the differences are still true, only more
//! than there need be. Nothing is read here and nothing written.

use std::collections::HashMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices_deadline, group_diff_ops};

use super::patch::quoted;
use super::turn::computed;

/// The most bytes of either text.
pub const MAX_BYTES: usize = 8 << 20;

/// The most lines of either text: each takes memory of its own.
pub const MAX_LINES: usize = 500_000;

/// How long the shortest differences are looked for.
const PATIENCE: Duration = Duration::from_secs(5);

/// A text is taken for binary when there is a NUL in so many bytes at its start, as git does.
const SNIFFED: usize = 8000;

/// How differences are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `@@ -1,3 +1,4 @@`
    Unified,
    /// `*** 1,3 ****`
    Context,
}

/// What to compare. A side without a text is no file at all.
#[derive(Debug)]
pub struct Comparison {
    /// The text before.
    pub old: Option<Vec<u8>>,
    /// The text after.
    pub new: Option<Vec<u8>>,
    /// The name before, as it goes into the header.
    pub old_name: Vec<u8>,
    /// The name after.
    pub new_name: Vec<u8>,
    /// Lines that did not change around each that did.
    pub context: usize,
    /// How to write it.
    pub format: Format,
}

/// The differences.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Written down; empty when there are none.
    pub text: Vec<u8>,
    /// Whether either side is no text. Then only that they differ is told.
    pub is_binary: bool,
    /// How many places differ.
    pub hunks: usize,
    /// Lines of the new text that are not in the old.
    pub added: usize,
    /// Lines of the old text that are not in the new.
    pub removed: usize,
    /// Whether time ran out before the shortest differences were found.
    pub is_coarse: bool,
}

/// Whether a text is none.
pub(super) fn is_binary(text: &[u8]) -> bool {
    text[..text.len().min(SNIFFED)].contains(&0)
}

/// The lines of a text, each with its end.
pub(super) fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Whether a text is over [`MAX_BYTES`] or [`MAX_LINES`].
#[must_use]
pub fn is_too_large(text: &[u8]) -> bool {
    text.len() > MAX_BYTES || text.iter().filter(|byte| **byte == b'\n').nth(MAX_LINES).is_some()
}

/// Gives equal lines equal numbers.
#[derive(Default)]
pub(super) struct Numbers<'a>(HashMap<&'a [u8], u32>);

impl<'a> Numbers<'a> {
    pub(super) fn of(&mut self, lines: impl IntoIterator<Item = &'a [u8]>) -> Vec<u32> {
        let number = |line| {
            let next = self.0.len() as u32;
            *self.0.entry(line).or_insert(next)
        };
        lines.into_iter().map(number).collect()
    }
}

/// Compares two texts, neither of which [`is_too_large`].
pub async fn compare(sides: Comparison) -> Differences {
    computed(move || compare_until(&sides, Instant::now() + PATIENCE)).await
}

fn compare_until(sides: &Comparison, deadline: Instant) -> Differences {
    let (old, new) = (sides.old.as_deref().unwrap_or_default(), sides.new.as_deref().unwrap_or_default());
    if sides.old == sides.new {
        return Differences { is_binary: is_binary(old), ..Differences::default() };
    }
    let old_name = sides.old.as_ref().map_or(&b"/dev/null"[..], |_| &sides.old_name);
    let new_name = sides.new.as_ref().map_or(&b"/dev/null"[..], |_| &sides.new_name);
    if is_binary(old) || is_binary(new) {
        let text = [b"Binary files ", &quoted(old_name)[..], b" and ", &quoted(new_name), b" differ\n"].concat();
        return Differences { text, is_binary: true, ..Differences::default() };
    }
    let (old_lines, new_lines) = (lines(old), lines(new));
    let mut numbers = Numbers::default();
    let (old_numbers, new_numbers) = (numbers.of(old_lines.iter().copied()), numbers.of(new_lines.iter().copied()));
    let ops = capture_diff_slices_deadline(Algorithm::Myers, &old_numbers, &new_numbers, Some(deadline));
    let is_coarse = Instant::now() >= deadline;
    let count = |side: fn(&DiffOp) -> Range<usize>| {
        ops.iter().filter(|op| op.tag() != DiffTag::Equal).map(|op| side(op).len()).sum()
    };
    let (removed, added) = (count(DiffOp::old_range), count(DiffOp::new_range));
    let groups = group_diff_ops(ops, sides.context);
    let mut writer = Writer { old: &old_lines, new: &new_lines, text: Vec::new() };
    match sides.format {
        Format::Unified => writer.unified(old_name, new_name, &groups),
        Format::Context => writer.context(old_name, new_name, &groups),
    }
    Differences { text: writer.text, is_binary: false, hunks: groups.len(), added, removed, is_coarse }
}

struct Writer<'a> {
    old: &'a [&'a [u8]],
    new: &'a [&'a [u8]],
    text: Vec<u8>,
}

impl Writer<'_> {
    fn header(&mut self, mark: &str, name: &[u8]) {
        self.text.extend_from_slice(mark.as_bytes());
        let shown = quoted(name);
        self.text.extend_from_slice(&shown);
        // So that a name with a space in it ends where it ends.
        if shown.contains(&b' ') && shown.first() != Some(&b'"') {
            self.text.push(b'\t');
        }
        self.text.push(b'\n');
    }

    fn line(&mut self, mark: &str, line: &[u8]) {
        self.text.extend_from_slice(mark.as_bytes());
        self.text.extend_from_slice(line);
        if line.last() != Some(&b'\n') {
            self.text.extend_from_slice(b"\n\\ No newline at end of file\n");
        }
    }

    fn unified(&mut self, old_name: &[u8], new_name: &[u8], groups: &[Vec<DiffOp>]) {
        if groups.is_empty() {
            return;
        }
        self.header("--- ", old_name);
        self.header("+++ ", new_name);
        for group in groups {
            let (old, new) = spans(group);
            let header = format!("@@ -{} +{} @@\n", comma_length(&old), comma_length(&new));
            self.text.extend_from_slice(header.as_bytes());
            for op in group {
                if op.tag() == DiffTag::Equal {
                    op.old_range().for_each(|at| self.line(" ", self.old[at]));
                } else {
                    op.old_range().for_each(|at| self.line("-", self.old[at]));
                    op.new_range().for_each(|at| self.line("+", self.new[at]));
                }
            }
        }
    }

    fn context(&mut self, old_name: &[u8], new_name: &[u8], groups: &[Vec<DiffOp>]) {
        if groups.is_empty() {
            return;
        }
        self.header("*** ", old_name);
        self.header("--- ", new_name);
        for group in groups {
            let (old, new) = spans(group);
            self.text.extend_from_slice(format!("***************\n*** {} ****\n", comma_end(&old)).as_bytes());
            // A side on which nothing changed has no lines at all.
            if group.iter().any(|op| matches!(op.tag(), DiffTag::Delete | DiffTag::Replace)) {
                for op in group {
                    let mark = match op.tag() {
                        DiffTag::Equal | DiffTag::Insert => "  ",
                        DiffTag::Delete => "- ",
                        DiffTag::Replace => "! ",
                    };
                    op.old_range().for_each(|at| self.line(mark, self.old[at]));
                }
            }
            self.text.extend_from_slice(format!("--- {} ----\n", comma_end(&new)).as_bytes());
            if group.iter().any(|op| matches!(op.tag(), DiffTag::Insert | DiffTag::Replace)) {
                for op in group {
                    let mark = match op.tag() {
                        DiffTag::Equal | DiffTag::Delete => "  ",
                        DiffTag::Insert => "+ ",
                        DiffTag::Replace => "! ",
                    };
                    op.new_range().for_each(|at| self.line(mark, self.new[at]));
                }
            }
        }
    }
}

/// The lines of either text that a group of operations is about.
fn spans(group: &[DiffOp]) -> (Range<usize>, Range<usize>) {
    let span = |side: fn(&DiffOp) -> Range<usize>| {
        let first = group.first().map_or(0, |op| side(op).start);
        first..group.last().map_or(first, |op| side(op).end)
    };
    (span(DiffOp::old_range), span(DiffOp::new_range))
}

/// Lines as a unified diff counts them: from one on, and a range of none by the line before it.
fn comma_length(lines: &Range<usize>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => format!("{}", lines.start + 1),
        length => format!("{},{length}", lines.start + 1),
    }
}

/// Lines as a context diff counts them: the first and the last.
fn comma_end(lines: &Range<usize>) -> String {
    if lines.len() <= 1 { lines.end.to_string() } else { format!("{},{}", lines.start + 1, lines.end) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::files) fn sides(old: &str, new: &str) -> Comparison {
        Comparison {
            old: Some(old.into()),
            new: Some(new.into()),
            old_name: b"a/f".to_vec(),
            new_name: b"b/f".to_vec(),
            context: 3,
            format: Format::Unified,
        }
    }

    pub(in crate::files) fn compare(sides: &Comparison) -> Differences {
        compare_until(sides, Instant::now() + PATIENCE)
    }

    fn text(sides: &Comparison) -> String {
        String::from_utf8(compare(sides).text).unwrap()
    }

    #[test]
    fn a_change_stands_among_the_lines_around_it() {
        let compared = compare(&sides("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"));
        let expected = "--- a/f\n+++ b/f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n";
        assert_eq!(String::from_utf8(compared.text).unwrap(), expected);
        assert_eq!((compared.hunks, compared.added, compared.removed, compared.is_coarse), (1, 1, 1, false));
        assert_eq!(compare(&sides("same", "same")), Differences::default());
    }

    #[test]
    fn the_end_of_a_file_is_told() {
        let expected = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n";
        assert_eq!(text(&sides("a", "a\n")), expected);
        assert_eq!(text(&sides("", "a\n")), "--- a/f\n+++ b/f\n@@ -0,0 +1 @@\n+a\n");
    }

    #[test]
    fn no_file_is_another_thing_than_an_empty_one() {
        let mut created = sides("", "a\n");
        created.old = None;
        assert_eq!(text(&created), "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n");
        created.new = Some(Vec::new());
        assert_eq!(text(&created), "");
    }

    #[test]
    fn what_is_no_text_is_only_said_to_differ() {
        let compared = compare(&sides("a\0", "b"));
        assert!(compared.is_binary);
        assert_eq!(compared.text, b"Binary files a/f and b/f differ\n");
        assert!(compare(&sides("a\0", "a\0")).is_binary);
    }

    #[test]
    fn a_name_that_could_mislead_is_quoted() {
        let mut named = sides("a", "b");
        (named.old_name, named.new_name) = (b"a/x\n+++ y".to_vec(), b"b/x y".to_vec());
        assert!(text(&named).starts_with("--- \"a/x\\n+++ y\"\n+++ b/x y\t\n"), "{}", text(&named));
    }

    #[test]
    fn a_context_diff_is_one() {
        let mut sides = sides("1\n2\n3\n4\n", "1\n2\n3\n4\n5\n");
        sides.format = Format::Context;
        let expected = "*** a/f\n--- b/f\n***************\n*** 2,4 ****\n--- 2,5 ----\n  2\n  3\n  4\n+ 5\n";
        assert_eq!(text(&sides), expected);
    }

    #[test]
    fn what_takes_too_long_is_still_true() {
        let side = |step: usize| (0..2000).map(|at| format!("{}\n", at * step % 977)).collect::<String>();
        let (old, new) = (side(3), side(5));
        let compared = compare_until(&sides(&old, &new), Instant::now());
        assert!(compared.is_coarse);
        assert_eq!(lines(new.as_bytes()).len() + compared.removed, 2000 + compared.added);
    }
}
