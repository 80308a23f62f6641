//! Reads unified diffs as git and GNU diff write them: many files, new, deleted, renamed and copied ones.
//!
//! Text around the differences is passed over, as in a mail. A difference itself is read strictly: a hunk that has
//! more or fewer lines than it says, or that stands where no file was named, is an error with its line, and never
//! left out in silence. Nothing is applied here.

use std::borrow::Cow;

use jiff::Timestamp;

use super::names::{leading_parts, unquoted};
use super::parts::{FilePatch, Hunk, Kind, Line, Mark, Mode, Span};

/// The most files of a patch.
const MAX_FILES: usize = 2000;

/// The most hunks of a patch.
const MAX_HUNKS: usize = 20_000;

/// Why a text is no patch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the patch: {why}")]
pub struct SyntaxFault {
    /// Where, from one on.
    pub line: usize,
    /// What is wrong there.
    pub why: String,
}

/// The text as it is read: each line with an end, and those ends `\n` when all of them were `\r\n`, which is what
/// becomes of a patch that was sent through something that knows no other lines.
pub(super) fn normalized(text: &[u8]) -> Cow<'_, [u8]> {
    let mut text = Cow::Borrowed(text);
    if text.last().is_some_and(|last| *last != b'\n') {
        text.to_mut().push(b'\n');
    }
    let lines = || text.split_inclusive(|byte| *byte == b'\n');
    if text.is_empty() || !lines().all(|line| line.ends_with(b"\r\n")) {
        return text;
    }
    let mut shorter = Vec::with_capacity(text.len());
    for line in lines() {
        shorter.extend_from_slice(&line[..line.len() - 2]);
        shorter.push(b'\n');
    }
    Cow::Owned(shorter)
}

/// Reads a patch that went through [`normalized`].
pub(super) fn parse(text: &[u8]) -> Result<Vec<FilePatch<'_>>, SyntaxFault> {
    let mut reader = Reader { rest: text, number: 1, hunks: 0 };
    let mut files = Vec::new();
    while let Some(line) = reader.peek() {
        if files.len() == MAX_FILES {
            return Err(reader.fault(format!("more than {MAX_FILES} files")));
        }
        if line.starts_with(b"diff --git ") {
            files.push(reader.git_file()?);
        } else if line.starts_with(b"--- ") && reader.second().starts_with(b"+++ ") {
            files.push(reader.plain_file()?);
        } else if is_hunk_header(line) {
            if !files.is_empty() {
                return Err(reader.fault("a hunk that belongs to no file; does the one before have too many lines?"));
            }
            files.push(reader.unnamed_file()?);
        } else {
            reader.next();
        }
    }
    if files.is_empty() { Err(SyntaxFault { line: 1, why: "no unified diff in it".to_owned() }) } else { Ok(files) }
}

struct Reader<'a> {
    rest: &'a [u8],
    /// Of the line that comes next.
    number: usize,
    hunks: usize,
}

impl<'a> Reader<'a> {
    fn split(&self) -> (&'a [u8], &'a [u8]) {
        let end = self.rest.iter().position(|byte| *byte == b'\n').map_or(self.rest.len(), |at| at + 1);
        self.rest.split_at(end)
    }

    fn peek(&self) -> Option<&'a [u8]> {
        (!self.rest.is_empty()).then(|| self.split().0)
    }

    /// The line after the next.
    fn second(&self) -> &'a [u8] {
        self.split().1
    }

    fn next(&mut self) -> &'a [u8] {
        let (line, rest) = self.split();
        (self.rest, self.number) = (rest, self.number + 1);
        line
    }

    fn fault(&self, why: impl Into<String>) -> SyntaxFault {
        SyntaxFault { line: self.number, why: why.into() }
    }

    fn file(&self) -> FilePatch<'a> {
        FilePatch {
            line: self.number,
            kind: Kind::Modify,
            old: None,
            new: None,
            is_bare: false,
            leading_parts: None,
            old_mode: None,
            new_mode: None,
            is_binary: false,
            hunks: Vec::new(),
        }
    }

    /// Hunks alone, for a file that is named elsewhere.
    fn unnamed_file(&mut self) -> Result<FilePatch<'a>, SyntaxFault> {
        let mut file = self.file();
        file.hunks = self.hunks()?;
        Ok(file)
    }

    fn plain_file(&mut self) -> Result<FilePatch<'a>, SyntaxFault> {
        let mut file = self.file();
        let (old, new) = self.sides()?;
        file.hunks = self.hunks()?;
        // GNU diff names a file that is not there and says that it was changed when time began.
        let is_new = old.name.is_none() || old.is_stamped_none && file.hunks.iter().all(|hunk| hunk.old.length == 0);
        let is_gone = new.name.is_none() || new.is_stamped_none && file.hunks.iter().all(|hunk| hunk.new.length == 0);
        file.kind = match (is_new, is_gone) {
            (true, true) => {
                return Err(SyntaxFault { line: file.line, why: "there is no file on either side".to_owned() });
            }
            (true, false) => Kind::Create,
            (false, true) => Kind::Delete,
            (false, false) => Kind::Modify,
        };
        file.old = old.name.filter(|_| !is_new);
        file.new = new.name.filter(|_| !is_gone);
        Ok(file)
    }

    fn git_file(&mut self) -> Result<FilePatch<'a>, SyntaxFault> {
        let mut file = self.file();
        let header = self.next();
        let mut moved = (None, None);
        let mut sides = None;
        while let Some(line) = self.peek() {
            let line = line.trim_ascii_end();
            let value = |key: &str| line.strip_prefix(key.as_bytes());
            if let Some(mode) = value("old mode ") {
                file.old_mode = Some(self.mode(mode)?);
            } else if let Some(mode) = value("new mode ") {
                file.new_mode = Some(self.mode(mode)?);
            } else if let Some(mode) = value("new file mode ") {
                (file.kind, file.new_mode) = (Kind::Create, Some(self.mode(mode)?));
            } else if let Some(mode) = value("deleted file mode ") {
                (file.kind, file.old_mode) = (Kind::Delete, Some(self.mode(mode)?));
            } else if let Some(name) = value("rename from ") {
                (file.kind, moved.0) = (Kind::Rename, Some(self.whole_name(name)?));
            } else if let Some(name) = value("copy from ") {
                (file.kind, moved.0) = (Kind::Copy, Some(self.whole_name(name)?));
            } else if let Some(name) = value("rename to ").or_else(|| value("copy to ")) {
                moved.1 = Some(self.whole_name(name)?);
            } else if line.starts_with(b"Binary files ") || line == b"GIT binary patch" {
                file.is_binary = true;
            } else if line.starts_with(b"--- ") && self.second().starts_with(b"+++ ") {
                sides = Some(self.sides()?);
                break;
            } else if !["similarity index ", "dissimilarity index ", "index "]
                .iter()
                .any(|known| line.starts_with(known.as_bytes()))
            {
                break;
            }
            self.next();
        }
        file.hunks = self.hunks()?;
        // Both names in one line: they tell better than one of them beside `/dev/null`.
        let names = git_names(&header[b"diff --git ".len()..]);
        file.leading_parts = names.as_ref().map(|(old, new)| leading_parts(Some(old), Some(new)));
        let wrong = |why: &str| SyntaxFault { line: file.line, why: why.to_owned() };
        (file.old, file.new) = match (file.kind, moved, sides) {
            (Kind::Rename | Kind::Copy, (Some(old), Some(new)), _) => {
                file.is_bare = true;
                (Some(old), Some(new))
            }
            (Kind::Rename | Kind::Copy, ..) => return Err(wrong("a rename or copy names only one side")),
            (_, _, Some((old, new))) => (old.name, new.name),
            (_, _, None) => {
                let (old, new) = names.ok_or_else(|| wrong("the two names can't be told apart"))?;
                (Some(old), Some(new))
            }
        };
        match file.kind {
            Kind::Create => file.old = None,
            Kind::Delete => file.new = None,
            Kind::Modify if file.old.is_none() => file.kind = Kind::Create,
            Kind::Modify if file.new.is_none() => file.kind = Kind::Delete,
            Kind::Modify | Kind::Rename | Kind::Copy => {}
        }
        if file.old.is_none() && file.new.is_none() {
            return Err(wrong("there is no file on either side"));
        }
        Ok(file)
    }

    fn mode(&self, text: &[u8]) -> Result<Mode, SyntaxFault> {
        let digits = std::str::from_utf8(text).ok().filter(|text| text.len() == 6);
        match digits.and_then(|digits| u32::from_str_radix(digits, 8).ok()) {
            Some(mode) if mode >> 12 == 0o10 => Ok(if mode & 0o111 == 0 { Mode::Plain } else { Mode::Executable }),
            Some(_) => Ok(Mode::NoFile),
            None => Err(self.fault("not the mode of a file")),
        }
    }

    /// A name that fills the rest of its line.
    fn whole_name(&self, text: &[u8]) -> Result<Vec<u8>, SyntaxFault> {
        if text.first() != Some(&b'"') {
            return Ok(text.to_vec());
        }
        unquoted(text).map(|(name, _)| name).ok_or_else(|| self.fault("a name in quotes that has no end, or no sense"))
    }

    /// The lines `---` and `+++`.
    fn sides(&mut self) -> Result<(Side, Side), SyntaxFault> {
        let old = self.side()?;
        self.next();
        let new = self.side()?;
        self.next();
        Ok((old, new))
    }

    fn side(&self) -> Result<Side, SyntaxFault> {
        let line = self.peek().unwrap_or_default();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let text = &line[4..];
        let (name, stamp) = if text.first() == Some(&b'"') {
            unquoted(text).ok_or_else(|| self.fault("a name in quotes that has no end, or no sense"))?
        } else {
            let end = text.iter().position(|byte| *byte == b'\t').unwrap_or(text.len());
            (text[..end].to_vec(), &text[end..])
        };
        let stamp = std::str::from_utf8(stamp).unwrap_or_default().trim();
        let stamped = Timestamp::strptime("%Y-%m-%d %H:%M:%S%.f %z", stamp);
        let is_stamped_none = stamped.is_ok_and(|time| time == Timestamp::UNIX_EPOCH);
        Ok(Side { name: (name != b"/dev/null").then_some(name), is_stamped_none })
    }

    fn hunks(&mut self) -> Result<Vec<Hunk<'a>>, SyntaxFault> {
        let mut hunks = Vec::new();
        while self.peek().is_some_and(is_hunk_header) {
            self.hunks += 1;
            if self.hunks > MAX_HUNKS {
                return Err(self.fault(format!("more than {MAX_HUNKS} hunks")));
            }
            hunks.push(self.hunk()?);
        }
        Ok(hunks)
    }

    fn hunk(&mut self) -> Result<Hunk<'a>, SyntaxFault> {
        let line = self.number;
        let (old, new) = self.peek().and_then(ranges).ok_or_else(|| self.fault("not the header of a hunk"))?;
        self.next();
        let mut hunk = Hunk { line, old, new, lines: Vec::new() };
        let (mut old_left, mut new_left) = (old.length, new.length);
        let short = |reader: &Self, old_left, new_left| {
            let (has_old, has_new) = (old.length - old_left, new.length - new_left);
            reader.fault(format!(
                "the hunk of line {line} says {} old and {} new lines, and has {has_old} and {has_new}",
                old.length, new.length
            ))
        };
        while old_left > 0 || new_left > 0 {
            let text = self.peek().unwrap_or_default();
            let (mark, text) = match text.first() {
                Some(b' ') => (Mark::Context, &text[1..]),
                Some(b'-') => (Mark::Remove, &text[1..]),
                Some(b'+') => (Mark::Add, &text[1..]),
                // An empty line whose space went lost on the way.
                Some(b'\n') => (Mark::Context, text),
                Some(b'\\') => {
                    self.ends_without_newline(&mut hunk)?;
                    continue;
                }
                _ => return Err(short(self, old_left, new_left)),
            };
            let takes =
                |left: &mut usize, is_on: bool| !is_on || left.checked_sub(1).map(|less| *left = less).is_some();
            if !(takes(&mut old_left, mark != Mark::Add) && takes(&mut new_left, mark != Mark::Remove)) {
                return Err(short(self, old_left, new_left));
            }
            hunk.lines.push(Line { mark, text: Cow::Borrowed(text) });
            self.next();
        }
        if self.peek().is_some_and(|line| line.starts_with(b"\\")) {
            self.ends_without_newline(&mut hunk)?;
        }
        Ok(hunk)
    }

    /// `\ No newline at end of file`, in whichever language.
    fn ends_without_newline(&mut self, hunk: &mut Hunk<'a>) -> Result<(), SyntaxFault> {
        let Some(line) = hunk.lines.last_mut() else {
            return Err(self.fault("nothing is there that could have no line end"));
        };
        if let Cow::Borrowed(text) = line.text {
            line.text = Cow::Borrowed(text.strip_suffix(b"\n").unwrap_or(text));
        }
        self.next();
        Ok(())
    }
}

struct Side {
    name: Option<Vec<u8>>,
    is_stamped_none: bool,
}

fn is_hunk_header(line: &[u8]) -> bool {
    ranges(line).is_some()
}

/// The two ranges of `@@ -1,3 +1,4 @@`.
fn ranges(line: &[u8]) -> Option<(Span, Span)> {
    let text = line.strip_prefix(b"@@ -")?;
    let (old, text) = span(text)?;
    let (new, text) = span(text.strip_prefix(b" +")?)?;
    text.starts_with(b" @@").then_some((old, new))
}

fn span(text: &[u8]) -> Option<(Span, &[u8])> {
    let (start, text) = number(text)?;
    let (length, text) = text.strip_prefix(b",").map_or(Some((1, text)), number)?;
    Some((Span { start, length }, text))
}

fn number(text: &[u8]) -> Option<(usize, &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    // Longer ones count no lines that anything could have.
    if end == 0 || end > 9 {
        return None;
    }
    Some((std::str::from_utf8(&text[..end]).ok()?.parse().ok()?, &text[end..]))
}

/// The names of `diff --git a/x b/x`, which are needed only where they are the same but for their first part.
fn git_names(text: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let text = text.trim_ascii_end();
    let same = |old: &[u8], new: &[u8]| {
        let tail = |name: &[u8]| name.iter().position(|byte| *byte == b'/').map(|at| name[at..].to_vec());
        !old.is_empty() && (old == new || tail(old).is_some_and(|old| Some(old) == tail(new)))
    };
    if let Some((old, rest)) = unquoted(text) {
        let rest = rest.strip_prefix(b" ")?;
        let new = unquoted(rest).map_or_else(|| rest.to_vec(), |(new, _)| new);
        return same(&old, &new).then_some((old, new));
    }
    let mut spaces = (0..text.len()).filter(|at| text[*at] == b' ');
    // Both sides of the same length first: that is how git writes them unless it is told otherwise.
    let middle = Some(text.len() / 2).filter(|at| text.get(*at) == Some(&b' '));
    let names = |at: usize| {
        let (old, new) = (&text[..at], &text[at + 1..]);
        let new = unquoted(new).map_or_else(|| new.to_vec(), |(new, _)| new);
        same(old, &new).then(|| (old.to_vec(), new))
    };
    middle.and_then(names).or_else(|| spaces.by_ref().take(64).find_map(names))
}

#[cfg(test)]
#[path = "syntax/tests.rs"]
mod tests;
