//! The documents that are open in an editor, as they stand there: with what was typed and not saved.
//!
//! An edit says where by line and character, counted as editors count them ([`Encoding`]); a place beyond the end
//! of a line or of the text is that end. How many documents are kept and how large they are is bounded. One that is
//! not kept is remembered as such ([`Unkept`]), so that nobody takes an older text for what the editor shows.
//! Nothing here reads a file.

pub mod cells;

use std::collections::BTreeMap;

use ropey::{Rope, RopeSlice};

/// Documents that are kept at one time.
pub const MAX_DOCUMENTS: usize = 1000;

/// The largest document, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 8 << 20;

/// All documents together, in bytes.
pub const MAX_BYTES: usize = 64 << 20;

/// The longest name of a document, in bytes.
const MAX_URI: usize = 4096;

/// The longest name of a language, in characters.
const MAX_LANGUAGE: usize = 100;

/// Why the text of an open document is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unkept {
    /// It is too large.
    #[error("documents of more than {} MiB are not followed", MAX_DOCUMENT_BYTES >> 20)]
    TooLarge,
    /// All of them together are too large.
    #[error("the open documents are larger than {} MiB together, so not all are followed", MAX_BYTES >> 20)]
    Full,
    /// There are too many.
    #[error("more than {MAX_DOCUMENTS} documents are open, so not all are followed")]
    TooMany,
    /// An edit made no sense, so what came of it is not known.
    #[error("an edit of this document ended before it began")]
    Garbled,
}

/// What `character` counts in a [`Position`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Bytes of UTF-8.
    Utf8,
    /// Units of UTF-16.
    #[default]
    Utf16,
}

/// A place between two characters, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Which line.
    pub line: u32,
    /// Where in it, in units of the [`Encoding`].
    pub character: u32,
}

/// An edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// From where to where text is replaced; all of it when absent.
    pub range: Option<(Position, Position)>,
    /// What takes its place.
    pub text: String,
}

/// One open document.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its language, as the editor calls it.
    pub language: String,
    /// Differs whenever the text may differ.
    pub revision: u64,
    text: Result<Rope, Unkept>,
}

impl Document {
    /// All of its text.
    ///
    /// # Errors
    /// [`Unkept`].
    pub fn text(&self) -> Result<String, Unkept> {
        self.text.as_ref().map(Rope::to_string).map_err(|why| *why)
    }

    /// From where to where a line has text, from its first character that is no blank on; counted from 0.
    #[must_use]
    pub fn line(&self, line: u32, encoding: Encoding) -> Option<(u32, u32)> {
        let text = self.text.as_ref().ok().filter(|text| (line as usize) < text.len_lines())?;
        let content = without_end(text.line(line as usize));
        let blanks = content.chars().take_while(|c| c.is_whitespace()).count();
        let width = |part: RopeSlice<'_>| match encoding {
            Encoding::Utf8 => part.len_bytes(),
            Encoding::Utf16 => part.len_utf16_cu(),
        };
        // A document has at most some millions of bytes.
        Some((width(content.slice(..blanks)) as u32, width(content) as u32))
    }

    fn bytes(&self) -> usize {
        self.text.as_ref().map_or(0, Rope::len_bytes)
    }
}

/// The documents of one editor.
#[derive(Debug, Default)]
pub struct Documents {
    open: BTreeMap<String, Document>,
    /// Bytes of all texts together.
    bytes: usize,
    /// The last revision of any document.
    revision: u64,
    /// Documents were opened for which there was no room.
    overflowed: bool,
}

impl Documents {
    /// A document was opened, with this text.
    pub fn open(&mut self, uri: &str, language: &str, text: &str) {
        self.close(uri);
        if self.open.len() >= MAX_DOCUMENTS || uri.len() > MAX_URI {
            self.overflowed = true;
            return;
        }
        let language = language.chars().take(MAX_LANGUAGE).collect();
        let text = self.fits(text.len()).map(|()| Rope::from_str(text));
        self.revision += 1;
        let document = Document { language, revision: self.revision, text };
        self.bytes += document.bytes();
        self.open.insert(uri.to_owned(), document);
    }

    /// A document was edited. Edits are made one after the other, each to what the one before has left.
    pub fn change(&mut self, uri: &str, changes: Vec<Change>, encoding: Encoding) {
        let Some(document) = self.open.get_mut(uri) else { return };
        let mut text = std::mem::replace(&mut document.text, Err(Unkept::Garbled));
        self.bytes -= text.as_ref().map_or(0, Rope::len_bytes);
        for change in changes {
            text = match (change.range, text) {
                (None, _) => self.fits(change.text.len()).map(|()| Rope::from_str(&change.text)),
                (Some(range), Ok(rope)) => edited(rope, range, &change.text, encoding)
                    .and_then(|rope| self.fits(rope.len_bytes()).map(|()| rope)),
                (Some(_), lost) => lost,
            };
        }
        self.bytes += text.as_ref().map_or(0, Rope::len_bytes);
        self.revision += 1;
        if let Some(document) = self.open.get_mut(uri) {
            document.revision = self.revision;
            document.text = text;
        }
    }

    /// A document was closed.
    pub fn close(&mut self, uri: &str) {
        if let Some(closed) = self.open.remove(uri) {
            self.bytes -= closed.bytes();
        }
    }

    /// The document of this name; `None` where it is not open.
    ///
    /// # Errors
    /// [`Unkept::TooMany`] where it may be open nevertheless.
    pub fn get(&self, uri: &str) -> Result<Option<&Document>, Unkept> {
        match self.open.get(uri) {
            None if self.overflowed => Err(Unkept::TooMany),
            found => Ok(found),
        }
    }

    /// All documents, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Document)> {
        self.open.iter().map(|(uri, document)| (uri.as_str(), document))
    }

    fn fits(&self, bytes: usize) -> Result<(), Unkept> {
        match bytes {
            _ if bytes > MAX_DOCUMENT_BYTES => Err(Unkept::TooLarge),
            _ if self.bytes + bytes > MAX_BYTES => Err(Unkept::Full),
            _ => Ok(()),
        }
    }
}

fn edited(mut text: Rope, range: (Position, Position), new: &str, encoding: Encoding) -> Result<Rope, Unkept> {
    let (start, end) = (place(&text, range.0, encoding), place(&text, range.1, encoding));
    if start > end {
        return Err(Unkept::Garbled);
    }
    text.remove(start..end);
    text.insert(start, new);
    Ok(text)
}

/// The number of characters before a place.
fn place(text: &Rope, position: Position, encoding: Encoding) -> usize {
    let line = position.line as usize;
    if line >= text.len_lines() {
        return text.len_chars();
    }
    let content = without_end(text.line(line));
    let character = position.character as usize;
    // Within a character means before it.
    let inside = match encoding {
        Encoding::Utf8 => content.byte_to_char(character.min(content.len_bytes())),
        Encoding::Utf16 => content.utf16_cu_to_char(character.min(content.len_utf16_cu())),
    };
    text.line_to_char(line) + inside
}

fn without_end(line: RopeSlice<'_>) -> RopeSlice<'_> {
    let mut end = line.len_chars();
    while end > 0 && matches!(line.char(end - 1), '\n' | '\r') {
        end -= 1;
    }
    line.slice(..end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const URI: &str = "file:///a.py";

    fn at(line: u32, character: u32) -> Position {
        Position { line, character }
    }

    fn replace(from: (u32, u32), to: (u32, u32), text: &str) -> Change {
        Change { range: Some((at(from.0, from.1), at(to.0, to.1))), text: text.to_owned() }
    }

    fn after(text: &str, change: Change, encoding: Encoding) -> Result<String, Unkept> {
        let mut documents = Documents::default();
        documents.open(URI, "python", text);
        documents.change(URI, vec![change], encoding);
        let document = documents.get(URI).unwrap().unwrap();
        assert_eq!(documents.bytes, document.bytes());
        document.text()
    }

    #[test]
    fn characters_are_counted_as_the_editor_counts_them() {
        let text = "x = 'a😀b'\né = 1\r\nend";
        let cases = [
            (Encoding::Utf16, replace((0, 8), (0, 9), "B"), "x = 'a😀B'\né = 1\r\nend"),
            (Encoding::Utf8, replace((0, 10), (0, 11), "B"), "x = 'a😀B'\né = 1\r\nend"),
            (Encoding::Utf16, replace((1, 0), (1, 1), "e"), "x = 'a😀b'\ne = 1\r\nend"),
            (Encoding::Utf8, replace((1, 0), (1, 2), "e"), "x = 'a😀b'\ne = 1\r\nend"),
            // Beyond the end of a line, of the text, and within a character.
            (Encoding::Utf16, replace((1, 5), (1, 99), "!"), "x = 'a😀b'\né = 1!\r\nend"),
            (Encoding::Utf8, replace((9, 0), (99, 99), "!"), "x = 'a😀b'\né = 1\r\nend!"),
            (Encoding::Utf16, replace((0, 7), (0, 8), ""), "x = 'ab'\né = 1\r\nend"),
            // From one line to another.
            (Encoding::Utf16, replace((0, 3), (2, 0), ""), "x =end"),
        ];
        for (encoding, change, expected) in cases {
            assert_eq!(after(text, change.clone(), encoding).as_deref(), Ok(expected), "{encoding:?} {change:?}");
        }
    }

    #[test]
    fn a_line_is_from_its_first_word_to_its_end() {
        let mut documents = Documents::default();
        documents.open(URI, "python", "a\n  é😀 = 1\r\n\n");
        let document = documents.get(URI).unwrap().unwrap();
        let lines = |encoding| [0, 1, 2, 3, 4].map(|line| document.line(line, encoding));
        assert_eq!(lines(Encoding::Utf8), [Some((0, 1)), Some((2, 12)), Some((0, 0)), Some((0, 0)), None]);
        assert_eq!(lines(Encoding::Utf16), [Some((0, 1)), Some((2, 9)), Some((0, 0)), Some((0, 0)), None]);
    }

    #[test]
    fn lines_end_where_editors_end_them() {
        for (text, expected) in
            [("a\rb", "a\r!b"), ("a\u{2028}b\nc", "a\u{2028}b\n!c"), ("a\u{b}b\r\nc", "a\u{b}b\r\n!c")]
        {
            assert_eq!(after(text, replace((1, 0), (1, 0), "!"), Encoding::Utf16).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_is_not_followed_is_not_taken_for_what_it_was() {
        assert_eq!(after("abc", replace((0, 2), (0, 1), ""), Encoding::Utf8), Err(Unkept::Garbled));
        let mut documents = Documents::default();
        documents.open(URI, "python", "abc");
        let huge = "x".repeat(MAX_DOCUMENT_BYTES);
        documents.change(URI, vec![replace((0, 0), (0, 0), &huge), replace((0, 0), (0, 0), "y")], Encoding::Utf8);
        assert_eq!(documents.get(URI).unwrap().unwrap().text(), Err(Unkept::TooLarge));
        // All of it anew is known again.
        documents.change(URI, vec![Change { range: None, text: "new".to_owned() }], Encoding::Utf8);
        assert_eq!(documents.get(URI).unwrap().unwrap().text().as_deref(), Ok("new"));
        for number in 0..MAX_BYTES / MAX_DOCUMENT_BYTES {
            documents.open(&format!("file:///{number}"), "text", &huge);
        }
        let last = format!("file:///{}", MAX_BYTES / MAX_DOCUMENT_BYTES - 1);
        assert_eq!(documents.get(&last).unwrap().unwrap().text(), Err(Unkept::Full));
        for number in 0..MAX_DOCUMENTS {
            documents.open(&format!("file:///small{number}"), "text", "");
        }
        assert_eq!(documents.open.len(), MAX_DOCUMENTS);
        assert_eq!(documents.get("file:///another").unwrap_err(), Unkept::TooMany);
        assert_eq!(documents.get(URI).unwrap().unwrap().text().as_deref(), Ok("new"));
    }

    proptest! {
        #[test]
        fn no_edit_is_too_strange(
            text in "[a-c😀é\r\n]{0,40}",
            edits in prop::collection::vec((0u32..6, 0u32..12, 0u32..6, 0u32..12, "[x😀\r\n]{0,4}", any::<bool>()), 0..8),
        ) {
            let mut documents = Documents::default();
            documents.open(URI, "python", &text);
            for (from, a, to, b, new, wide) in edits {
                let encoding = if wide { Encoding::Utf16 } else { Encoding::Utf8 };
                documents.change(URI, vec![replace((from, a), (to, b), &new)], encoding);
                let document = documents.get(URI).unwrap().unwrap();
                prop_assert_eq!(documents.bytes, document.bytes());
            }
        }
    }
}
