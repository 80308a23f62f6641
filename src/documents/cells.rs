//! Cells: the parts of a document between lines such as `# %%` and `// %%`.
//!
//! A marker is a comment that begins with `%%`, at the start of a line; what follows names the cell, and `[markdown]`
//! there says that it is no code. What comes before the first marker is a cell too, where it is more than comments. A
//! document without markers is one cell. Nothing here understands a language: a marker inside a string is one.

use ropey::Rope;

/// Cells of one document; what comes after them is part of the last.
pub const MAX_CELLS: usize = 1000;

/// What says that a cell is text.
const TEXTS: &[&str] = &["[markdown]", "[md]", "[raw]"];

/// A part of a document, in lines counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Its first line: that of its marker, where it has one.
    pub first: u32,
    /// The line that is not of it any more.
    pub end: u32,
    /// Its last line that has text.
    pub last: u32,
    /// Whether it begins at a marker.
    pub is_marked: bool,
    /// Whether it is code.
    pub is_code: bool,
}

/// A text, by its lines.
#[derive(Debug)]
pub struct Lines(Rope);

impl Lines {
    /// Takes a text apart.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Rope::from_str(text))
    }

    /// Its cells, in order; never none.
    #[must_use]
    pub fn cells(&self, comment: &str) -> Vec<Cell> {
        let mut cells: Vec<Cell> = Vec::new();
        let mut head = Cell { first: 0, end: 0, last: 0, is_marked: false, is_code: false };
        for (number, line) in (0_u32..).zip(self.0.lines()) {
            // A line is looked at no further than a marker is long.
            let line: String = line.chars().take(100).collect();
            let is_blank = line.trim().is_empty();
            let name = marker(&line, comment).filter(|_| cells.len() < MAX_CELLS);
            let cell = match name {
                Some(name) => {
                    let is_code = !TEXTS.iter().any(|text| name.starts_with(text));
                    let cell = Cell { first: number, end: number, last: number, is_marked: true, is_code };
                    cells.push(cell);
                    cells.last_mut().unwrap_or(&mut head)
                }
                None => cells.last_mut().unwrap_or(&mut head),
            };
            cell.end = number + 1;
            if !is_blank {
                cell.last = number;
                cell.is_code |= !cell.is_marked && !line.trim_start().starts_with(comment);
            }
        }
        if head.is_code || cells.is_empty() {
            cells.insert(0, Cell { is_code: true, ..head });
        }
        cells
    }

    /// The last line that has text; the first, where none has.
    #[must_use]
    pub fn last(&self) -> u32 {
        let found = (0_u32..).zip(self.0.lines()).filter(|(_, line)| line.chars().any(|c| !c.is_whitespace()));
        found.last().map_or(0, |(number, _)| number)
    }

    /// These lines.
    #[must_use]
    pub fn between(&self, first: u32, end: u32) -> String {
        let end = (end as usize).min(self.0.len_lines());
        let first = (first as usize).min(end);
        self.0.slice(self.0.line_to_char(first)..self.0.line_to_char(end)).to_string()
    }

    /// These lines where they are, with nothing but blank lines before and after them.
    #[must_use]
    pub fn alone(&self, first: u32, end: u32) -> String {
        format!("{}{}", "\n".repeat(first as usize), self.between(first, end))
    }
}

/// What a marker says after `%%`; `None` for any other line.
fn marker<'a>(line: &'a str, comment: &str) -> Option<&'a str> {
    line.strip_prefix(comment)?.trim_start_matches([' ', '\t']).strip_prefix("%%").map(str::trim)
}

/// Lines of code that begin within a block, as code of their own.
#[must_use]
pub fn dedented(code: &str) -> String {
    let first = code.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let indent = &first[..first.len() - first.trim_start().len()];
    if indent.is_empty() {
        return code.to_owned();
    }
    code.split_inclusive('\n').map(|line| line.strip_prefix(indent).unwrap_or(line)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans(text: &str, comment: &str) -> Vec<(u32, u32, u32, bool)> {
        Lines::of(text).cells(comment).iter().map(|cell| (cell.first, cell.end, cell.last, cell.is_code)).collect()
    }

    #[test]
    fn cells_are_from_marker_to_marker() {
        let text = "import os\n\n# %% one\nx = 1\n\n\n#%%\ny\n# %% [markdown] About\n# words\n#  %%\n";
        assert_eq!(
            spans(text, "#"),
            [(0, 2, 0, true), (2, 6, 3, true), (6, 8, 7, true), (8, 10, 9, false), (10, 12, 10, true)]
        );
        assert_eq!(spans("// %%\r\na\r\n// %% b\r\nb", "//"), [(0, 2, 1, true), (2, 4, 3, true)]);
        // Comments are no cell; a document without markers is one.
        assert_eq!(spans("#!/usr/bin/python\n# by me\n# %%\n1", "#"), [(2, 4, 3, true)]);
        assert_eq!(spans("a\nb\n\n", "#"), [(0, 4, 1, true)]);
        assert_eq!(spans("", "#"), [(0, 1, 0, true)]);
        // Not at the start of a line, and no comment.
        assert_eq!(spans("x = 1 # %%\n  # %%\n%%\n", "#"), [(0, 4, 2, true)]);
    }

    #[test]
    fn lines_stay_where_they_are() {
        let lines = Lines::of("a\r\nb\nc");
        assert_eq!((lines.last(), Lines::of("a\n\n \n").last(), Lines::of("").last()), (2, 0, 0));
        assert_eq!(lines.between(1, 2), "b\n");
        assert_eq!(lines.between(1, 99), "b\nc");
        assert_eq!(lines.between(7, 9), "");
        assert_eq!(lines.alone(2, 3), "\n\nc");
        assert_eq!(dedented("  if x:\n    y\n\n  z"), "if x:\n  y\n\nz");
        assert_eq!(dedented("a\n  b"), "a\n  b");
    }

    proptest! {
        #[test]
        fn cells_lie_one_after_the_other(text in "(# %%|#|a| |\n|\r\n|\r|é){0,40}") {
            let lines = Lines::of(&text);
            let cells = lines.cells("#");
            prop_assert!(!cells.is_empty());
            for pair in cells.windows(2) {
                prop_assert_eq!(pair[0].end, pair[1].first);
            }
            for cell in cells {
                prop_assert!(cell.first <= cell.last && cell.last < cell.end);
                prop_assert!(text.contains(&lines.between(cell.first, cell.end)));
            }
        }
    }
}
