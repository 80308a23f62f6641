//! Puts hunks into a text: finds where each belongs as GNU patch does, and says how far from there it was, or what
//! stands there instead.
//!
//! The place that a hunk names comes first, then those around it, the nearest first; only then is context let go of,
//! at most `fuzz` lines at either end. What has more context at one end than at the other belongs to the start or the
//! end of the file. The work is bounded, whatever texts and hunks repeat.

use std::borrow::Cow;

use super::super::diff::{Numbers, lines};
use super::parts::{Hunk, Line, Mark};

/// How many lines may be compared for one patch.
const MAX_WORK: usize = 1 << 28;

/// The most of a line that is shown.
const SHOWN_BYTES: usize = 200;

/// What is left of the work that one patch may take.
#[derive(Debug)]
pub(super) struct Work(usize);

impl Work {
    pub(super) fn new() -> Self {
        Work(MAX_WORK)
    }

    fn spend(&mut self, lines: usize) -> bool {
        self.0 = self.0.saturating_sub(lines);
        self.0 > 0
    }
}

/// A file's text after its hunks, if all of them fit.
#[derive(Debug)]
pub(super) struct Patched {
    /// The text; `None` when a hunk does not fit.
    pub(super) text: Option<Vec<u8>>,
    /// One for each hunk.
    pub(super) hunks: Vec<HunkOutcome>,
    /// Whether the ends of the patch's lines were made those of the file's.
    pub(super) has_other_line_ends: bool,
}

/// What became of a hunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HunkOutcome {
    /// Its header, with both lengths.
    pub header: String,
    /// The line of the patch that it begins at.
    pub patch_line: usize,
    /// Where in the file it belongs, in lines from one on; where it was looked for, if it fits nowhere.
    pub line: usize,
    /// How many lines that is from where the hunk says.
    pub offset: i64,
    /// Lines of context that were let go of.
    pub fuzz: usize,
    /// Why it does not fit, if so.
    pub misfit: Option<Misfit>,
}

/// Why a hunk does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The first line that is another than the hunk says, counted from one.
    pub line: usize,
    /// What the hunk says.
    pub expected: Option<String>,
    /// What is there; `None` at the end of the file.
    pub found: Option<String>,
    /// Whether the file has already what the hunk would make.
    pub is_applied: bool,
    /// Whether it was given up because it took too long.
    pub is_given_up: bool,
}

/// Where a hunk fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    /// Of its first line, let go of or not.
    at: usize,
    /// Lines let go of at its start and at its end.
    dropped: (usize, usize),
    fuzz: usize,
}

/// One side of a hunk, as the numbers of its lines.
struct Pattern {
    lines: Vec<u32>,
    /// Lines of context at its start and its end.
    context: (usize, usize),
}

/// Puts `hunks` into `text`, which is not there at all when it is `None`.
pub(super) fn apply(text: &[u8], hunks: &[Hunk<'_>], fuzz: usize, work: &mut Work) -> Patched {
    let old = lines(text);
    let (hunks, has_other_line_ends) = with_ends_of(&old, hunks);
    let mut numbers = Numbers::default();
    let file = numbers.of(old.iter().copied());
    let mut outcomes = Vec::with_capacity(hunks.len());
    let mut result = Vec::with_capacity(text.len());
    // Lines of the old text that are in the new one or out of it by now, and what the hunks so far were off by.
    let (mut done, mut drift) = (0, 0_i64);
    let mut fits = true;
    for hunk in hunks.iter() {
        let mut pattern = |dropped: Mark| Pattern {
            lines: numbers.of(hunk.lines.iter().filter(|line| line.mark != dropped).map(|line| &*line.text)),
            context: context(&hunk.lines),
        };
        let (before, after) = (pattern(Mark::Add), pattern(Mark::Remove));
        // A hunk without old lines names the line before it.
        let stated = if hunk.old.length == 0 { hunk.old.start } else { hunk.old.start.saturating_sub(1) };
        let guess = usize::try_from(stated as i64 + drift).unwrap_or(0);
        let search = Search { file: &file, pattern: &before, guess, done, start: hunk.old.start };
        let found = search.locate(fuzz, work);
        let mut outcome = HunkOutcome {
            header: hunk.header(),
            patch_line: hunk.line,
            line: guess + 1,
            offset: 0,
            fuzz: 0,
            misfit: None,
        };
        if let Some(found) = found {
            drift = found.at as i64 - stated as i64;
            (outcome.line, outcome.offset, outcome.fuzz) = (found.at + 1, drift, found.fuzz);
            let kept = &hunk.lines[found.dropped.0..hunk.lines.len() - found.dropped.1];
            let (from, length) = (found.at + found.dropped.0, before.lines.len() - found.dropped.0 - found.dropped.1);
            old[done..from].iter().for_each(|line| result.push(Cow::Borrowed(*line)));
            result.extend(kept.iter().filter(|line| line.mark != Mark::Remove).map(|line| line.text.clone()));
            done = from + length;
        } else {
            fits = false;
            let search = Search { file: &file, pattern: &after, guess, done: 0, start: hunk.new.start };
            let is_applied = !after.lines.is_empty() && search.locate(0, work).is_some();
            outcome.misfit = Some(misfit(&old, &file, hunk, &before, guess, is_applied, work.0 == 0));
        }
        outcomes.push(outcome);
    }
    old[done..].iter().for_each(|line| result.push(Cow::Borrowed(*line)));
    let torn = result.iter().rev().skip(1).position(|line| line.last() != Some(&b'\n'));
    if let (true, Some(from_end), Some(last)) = (fits, torn, outcomes.last_mut()) {
        fits = false;
        let line = result.len() - 1 - from_end;
        let expected = Some("the end of the file".to_owned());
        let found = result.get(line).map(|line| shown(line));
        last.misfit = Some(Misfit { line, expected, found, is_applied: false, is_given_up: false });
    }
    Patched { text: fits.then(|| result.concat()), hunks: outcomes, has_other_line_ends }
}

/// How many lines of context a hunk has at its start and at its end. One that changes nothing has nothing else, and
/// is to match as a whole.
fn context(lines: &[Line<'_>]) -> (usize, usize) {
    let is_context = |line: &&Line<'_>| line.mark == Mark::Context;
    if lines.iter().all(|line| is_context(&line)) {
        return (0, 0);
    }
    (lines.iter().take_while(is_context).count(), lines.iter().rev().take_while(is_context).count())
}

/// Where a pattern is looked for.
struct Search<'a> {
    file: &'a [u32],
    pattern: &'a Pattern,
    /// Where it should be.
    guess: usize,
    /// Lines at the start that earlier hunks have dealt with.
    done: usize,
    /// The line that its header names.
    start: usize,
}

impl Search<'_> {
    fn locate(&self, fuzz: usize, work: &mut Work) -> Option<Found> {
        if self.pattern.lines.is_empty() {
            // New lines alone, without context: nothing tells another place.
            let is_free = (self.done..=self.file.len()).contains(&self.guess);
            return is_free.then_some(Found { at: self.guess, dropped: (0, 0), fuzz: 0 });
        }
        let (first, last) = self.pattern.context;
        let most = first.max(last);
        (0..=fuzz.min(most)).find_map(|fuzz| {
            let dropped = ((fuzz + first).checked_sub(most), (fuzz + last).checked_sub(most));
            let (at, dropped) = self.locate_without(dropped, work)?;
            Some(Found { at, dropped, fuzz })
        })
    }

    /// `dropped` lines at the start and the end need not match; `None` is for less context than at the other end, which
    /// only the start or the end of the file explains.
    fn locate_without(
        &self,
        dropped: (Option<usize>, Option<usize>),
        work: &mut Work,
    ) -> Option<(usize, (usize, usize))> {
        let length = self.pattern.lines.len();
        let (first, last) = (dropped.0.unwrap_or(0), dropped.1.unwrap_or(0));
        let core = &self.pattern.lines[first..length - last];
        // With nothing left to go by, any place would do.
        core.first()?;
        let mut fits = |at: usize| {
            let Some(there) = self.file.get(at + first..at + length - last) else { return Some(false) };
            let is_alike = there.first() == core.first();
            work.spend(if is_alike { core.len() } else { 1 }).then(|| is_alike && there == core)
        };
        let end = (self.file.len() + last).checked_sub(length).filter(|end| *end >= self.done)?;
        if dropped.0.is_none() && self.start <= 1 {
            return (self.done == 0 && fits(0)?).then_some((0, (first, last)));
        }
        if dropped.1.is_none() {
            return fits(end)?.then_some((end, (first, last)));
        }
        let nearest = self.guess.saturating_sub(end).max(self.done.saturating_sub(self.guess));
        let farthest = self.guess.abs_diff(end).max(self.guess.abs_diff(self.done));
        for distance in nearest..=farthest {
            let places = [self.guess.checked_add(distance), self.guess.checked_sub(distance).filter(|_| distance > 0)];
            for at in places.into_iter().flatten().filter(|at| (self.done..=end).contains(at)) {
                if fits(at)? {
                    return Some((at, (first, last)));
                }
            }
        }
        None
    }
}

fn misfit(
    old: &[&[u8]],
    file: &[u32],
    hunk: &Hunk<'_>,
    before: &Pattern,
    guess: usize,
    is_applied: bool,
    is_given_up: bool,
) -> Misfit {
    let differs = |at: &usize| file.get(guess + at) != before.lines.get(*at);
    let at = (0..before.lines.len()).find(differs).unwrap_or(0);
    let expected = hunk.lines.iter().filter(|line| line.mark != Mark::Add).nth(at).map(|line| shown(&line.text));
    let found = old.get(guess + at).map(|line| shown(line));
    Misfit { line: guess + at + 1, expected, found, is_applied, is_given_up }
}

/// A line as a message has it.
fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(SHOWN_BYTES)]).into_owned();
    if line.len() > SHOWN_BYTES { text + "…" } else { text }
}

/// The hunks with the file's line ends, where the file has one kind and all of them have the other.
fn with_ends_of<'a>(file: &[&[u8]], hunks: &'a [Hunk<'a>]) -> (Cow<'a, [Hunk<'a>]>, bool) {
    let ends = |line: &[u8]| line.ends_with(b"\n").then(|| line.ends_with(b"\r\n"));
    let only = |mut kinds: Box<dyn Iterator<Item = bool> + '_>| {
        let first = kinds.next()?;
        kinds.all(|kind| kind == first).then_some(first)
    };
    let of_file = only(Box::new(file.iter().filter_map(|line| ends(line))));
    let all_lines = || hunks.iter().flat_map(|hunk| &hunk.lines);
    let of_hunks = only(Box::new(all_lines().filter_map(|line| ends(&line.text))));
    let (Some(wanted), Some(given)) = (of_file, of_hunks) else { return (Cow::Borrowed(hunks), false) };
    if wanted == given {
        return (Cow::Borrowed(hunks), false);
    }
    let converted = |line: &Line<'a>| {
        let text = match (ends(&line.text), wanted) {
            (None, _) => line.text.clone(),
            (Some(_), true) => Cow::Owned([&line.text[..line.text.len() - 1], b"\r\n"].concat()),
            (Some(_), false) => Cow::Owned([&line.text[..line.text.len() - 2], b"\n"].concat()),
        };
        Line { mark: line.mark, text }
    };
    let hunks = hunks.iter().map(|hunk| Hunk { lines: hunk.lines.iter().map(converted).collect(), ..hunk.clone() });
    (Cow::Owned(hunks.collect()), true)
}

#[cfg(test)]
#[path = "hunks/tests.rs"]
mod tests;
