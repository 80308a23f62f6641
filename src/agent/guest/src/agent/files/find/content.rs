//! Finding files by what is in them, with ripgrep's own searcher.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use codebeaker_agent::wire::find::{
    Case, Content, Done, Find, Found, Incomplete, LINE_BYTES, LINE_MATCHES, Line, Part, Span, Truncated,
};
use grep_matcher::Matcher;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, MmapChoice, Searcher, SearcherBuilder, Sink, SinkContext, SinkMatch};

use super::report::Report;
use super::rules::Lines;
use super::utf16::Counter;
use super::{Refusal, Stop, Top, walk};
use crate::agent::files::must_be_file;
use crate::agent::files::path::Root;
use crate::agent::sys::{Result, files};

/// The most bytes that a compiled expression may have.
const EXPRESSION_BYTES: usize = 8 << 20;

/// The most bytes for the states that an expression makes while it searches.
const STATES_BYTES: usize = 16 << 20;

/// The longest line that is held; in a file with a longer one nothing is found from there on.
const LONGEST_LINE: usize = 16 << 20;

/// Of a line that is cut, so much before the first match is told.
const LEAD_BYTES: usize = LINE_BYTES / 8;

/// Tells of every line below `top`, or in it, that has what is looked for.
pub(super) fn find(
    root: &Root,
    top: Top,
    find: &Find,
    content: &Content,
    report: &mut Report,
    done: &mut Done,
) -> std::result::Result<(), Stop> {
    let matcher = expression(content)?;
    let include = Lines::read(&content.include, Part::Include)?;
    let mut searcher = SearcherBuilder::new()
        .line_number(true)
        .before_context(content.before as usize)
        .after_context(content.after as usize)
        .heap_limit(Some(LONGEST_LINE))
        .memory_map(MmapChoice::never())
        .binary_detection(BinaryDetection::quit(0))
        .build();
    let mut search = Search { content, matcher, report, remaining: content.limit };
    match top {
        Top::File(file) => search.file(&mut searcher, file, b"", done).map(drop),
        Top::Directory(top) => walk::each(root, top, find, done, |entry, done| {
            let is_file = entry.stat.st_mode & libc::S_IFMT == libc::S_IFREG;
            if !is_file || !(content.include.is_empty() || include.name_within(entry.path)) {
                return Ok(ControlFlow::Continue(()));
            }
            match open(entry.dir, entry.name) {
                Ok(file) => search.file(&mut searcher, file, entry.path, done),
                Err(_) => {
                    done.unreadable += 1;
                    Ok(ControlFlow::Continue(()))
                }
            }
        }),
    }
}

fn expression(content: &Content) -> std::result::Result<RegexMatcher, Refusal> {
    RegexMatcherBuilder::new()
        .fixed_strings(content.literal)
        .case_insensitive(content.case == Case::Insensitive)
        .case_smart(content.case == Case::Smart)
        .word(content.word)
        .line_terminator(Some(b'\n'))
        .size_limit(EXPRESSION_BYTES)
        .dfa_size_limit(STATES_BYTES)
        .build(&content.pattern)
        .map_err(|error| Refusal { part: Part::Pattern, why: error.to_string() })
}

/// Opens a file, whatever took its place meanwhile: it neither follows nor waits.
fn open(dir: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd> {
    let file = files::openat(dir, name, libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY, 0)?;
    must_be_file(&files::fstat(file.as_fd())?)?;
    Ok(file)
}

/// What stays the same from file to file, and how much is still to be told.
struct Search<'a> {
    content: &'a Content,
    matcher: RegexMatcher,
    report: &'a mut Report,
    remaining: u32,
}

impl Search<'_> {
    fn file(
        &mut self,
        searcher: &mut Searcher,
        file: OwnedFd,
        path: &[u8],
        done: &mut Done,
    ) -> std::result::Result<ControlFlow<()>, Stop> {
        let size = files::fstat(file.as_fd()).map_or(0, |stat| stat.st_size as u64);
        if self.content.file_bytes.is_some_and(|most| size > most) {
            done.large += 1;
            return Ok(ControlFlow::Continue(()));
        }
        done.searched += 1;
        let matcher = self.matcher.clone();
        let mut lines = FileLines { search: self, path: Some(path), told: 0, incomplete: None, truncated: None };
        if let Err(error) = searcher.search_reader(&matcher, File::from(file), &mut lines) {
            // Its own errors have no number: there is only the one of a line that it can't hold.
            let is_read = error.raw_os_error().is_some();
            lines.incomplete = Some(if is_read { Incomplete::Unreadable } else { Incomplete::LongLine });
        }
        let FileLines { path, incomplete, truncated, .. } = lines;
        match (truncated, incomplete) {
            (Some(Truncated::Bytes), _) => return Err(Stop::Full),
            (Some(why), _) => {
                done.truncated = Some(why);
                return Ok(ControlFlow::Break(()));
            }
            (None, None) => {}
            // Something of it was told, so that it has to be said that this was not all.
            (None, Some(why)) if path.is_none() => self.report.say(&[Found::Incomplete(why)])?,
            (None, Some(Incomplete::Binary)) => done.binary += 1,
            (None, Some(_)) => done.unreadable += 1,
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Takes the lines of one file.
struct FileLines<'a, 'b> {
    search: &'a mut Search<'b>,
    /// Until something was told of the file.
    path: Option<&'a [u8]>,
    told: u32,
    incomplete: Option<Incomplete>,
    truncated: Option<Truncated>,
}

impl FileLines<'_, '_> {
    fn say(&mut self, line: Line) -> bool {
        let file = self.path.take().map(|path| Found::File { path: path.to_vec() });
        let all: Vec<Found> = file.into_iter().chain([Found::Line(line)]).collect();
        let is_said = self.search.report.say(&all).is_ok();
        if !is_said {
            self.truncated = Some(Truncated::Bytes);
        }
        is_said
    }
}

impl Sink for FileLines<'_, '_> {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        if self.search.content.limit_per_file == Some(self.told) {
            self.incomplete = Some(Incomplete::Limit);
            return Ok(false);
        }
        if self.search.remaining == 0 {
            self.truncated = Some(Truncated::Limit);
            return Ok(false);
        }
        self.search.remaining -= 1;
        self.told += 1;
        let matches = spans(&self.search.matcher, without_end(found.bytes()));
        let line = line(found.line_number(), found.absolute_byte_offset(), found.bytes(), matches);
        Ok(self.say(line))
    }

    fn context(&mut self, _: &Searcher, found: &SinkContext<'_>) -> io::Result<bool> {
        let line = line(found.line_number(), found.absolute_byte_offset(), found.bytes(), Vec::new());
        Ok(self.say(line))
    }

    fn binary_data(&mut self, _: &Searcher, _: u64) -> io::Result<bool> {
        self.incomplete = Some(Incomplete::Binary);
        Ok(false)
    }
}

fn spans(matcher: &RegexMatcher, line: &[u8]) -> Vec<Span> {
    let mut counter = Counter::new(line);
    let mut spans = Vec::new();
    // It can't fail: that is for matchers with a limit of steps.
    let _ = matcher.find_iter(line, |found| {
        let (start_utf16, end_utf16) = (counter.at(found.start()), counter.at(found.end()));
        spans.push(Span { start: found.start() as u64, end: found.end() as u64, start_utf16, end_utf16 });
        spans.len() < LINE_MATCHES
    });
    spans
}

fn line(number: Option<u64>, offset: u64, bytes: &[u8], matches: Vec<Span>) -> Line {
    let whole = without_end(bytes);
    let mut start = 0;
    if whole.len() > LINE_BYTES {
        let first = matches.first().map_or(0, |span| span.start as usize);
        start = boundary(whole, first.saturating_sub(LEAD_BYTES));
    }
    let rest = &whole[start..];
    let text = if rest.len() > LINE_BYTES { &rest[..boundary_before(rest, LINE_BYTES)] } else { rest };
    Line {
        number: number.unwrap_or(0),
        offset,
        text: text.to_vec(),
        start: start as u64,
        cut: text.len() < whole.len(),
        matches,
    }
}

/// The line without what ends it.
fn without_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

/// The place at or after this one where no character is cut.
fn boundary(bytes: &[u8], at: usize) -> usize {
    let ahead = bytes[at..].iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    at + ahead
}

/// As [`boundary`], at or before.
fn boundary_before(bytes: &[u8], at: usize) -> usize {
    let back = bytes[at - 3..=at].iter().rev().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    at - back
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_around_its_first_match_and_within_no_character() {
        let whole = format!("{}needle{}\r\n", "ü".repeat(5000), "ü".repeat(5000));
        let at = 10_000;
        let span = Span { start: at, end: at + 6, start_utf16: 5000, end_utf16: 5006 };
        let cut = line(Some(3), 7, whole.as_bytes(), vec![span]);
        assert!(cut.cut && cut.text.len() <= LINE_BYTES && cut.start < at && at + 6 < cut.start + LINE_BYTES as u64);
        let text = String::from_utf8(cut.text).unwrap();
        assert!(text.contains("needle"), "{text}");
        let short = line(Some(1), 0, b"plain\r\n", Vec::new());
        assert_eq!((&short.text[..], short.start, short.cut), (&b"plain"[..], 0, false));
        let exact = line(Some(1), 0, &[b'x'; LINE_BYTES], Vec::new());
        assert!(!exact.cut && exact.text.len() == LINE_BYTES);
    }
}
