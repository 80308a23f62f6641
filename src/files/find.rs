//! Looking for files, by their names or by what is in them. The work is done in the sandbox, by a process of the
//! agent's; what comes out of it is read here, and believed in nothing.

use crate::agent::wire::FileEntry;
use crate::agent::wire::find::{
    Done, FOUND_BYTES, Find, FindEnd, Found, Incomplete, LINE_BYTES, LINE_MATCHES, Line, Part, REFUSAL_BYTES, Truncated,
};
use crate::agent::{Link, LinkError};

use super::{FilesError, confused, explain, inside, is_below};

/// The kernel's number for "kill by itself": how a process ends that gets no more memory.
const OUT_OF_MEMORY: i32 = 6;

/// Why files could not be looked for.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FindError {
    /// The directory, or the sandbox.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// What was to be looked for makes no sense.
    #[error("{why}")]
    Refused {
        /// Which part of it.
        part: Part,
        /// In the words of whoever read it.
        why: String,
    },
    /// Too many wait for their turn.
    #[error("too many searches wait in this session")]
    Busy,
    /// A program, or the kernel, killed the process that was looking.
    #[error("the search was killed inside the sandbox")]
    Killed,
}

/// What was found by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Sorted, a directory before what is in it. Relative to the directory that was asked about.
    pub entries: Vec<FileEntry>,
    /// How it went.
    pub summary: Summary,
}

/// What was found by content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Sorted by path.
    pub files: Vec<File>,
    /// How it went.
    pub summary: Summary,
}

/// A file that has what was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Relative to the directory that was asked about; empty where that is the file itself.
    pub path: Vec<u8>,
    /// Its lines that match, and those near them.
    pub lines: Vec<Line>,
    /// Why these are not all.
    pub incomplete: Option<Incomplete>,
}

/// How it went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many files were looked into.
    pub searched: u64,
    /// How many were left out as binary.
    pub binary: u64,
    /// How many were left out as too long.
    pub large: u64,
    /// How many files and directories could not be read.
    pub unreadable: u64,
    /// Why there may be more to find.
    pub cut: Option<Cut>,
}

/// Why not everything was found or told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// There is more than was asked for.
    Limit,
    /// There is more than fits into an answer.
    Bytes,
    /// There are too many names in a directory, or paths that are too long.
    Names,
    /// The time was over.
    Time,
    /// It took too much memory.
    Memory,
}

/// Finds files by their names: [`By::Name`](crate::agent::wire::find::By::Name).
///
/// # Errors
/// See [`FindError`].
pub async fn by_name(link: &Link, find: Find) -> Result<Names, FindError> {
    let mut names = Names::default();
    names.summary = read(ask(link, find).await?, |found| {
        match found {
            Found::Entry(entry) if is_below(&entry.path) => names.entries.push(entry),
            _ => return None,
        }
        Some(())
    })?;
    Ok(names)
}

/// Finds files by what is in them: [`By::Content`](crate::agent::wire::find::By::Content).
///
/// # Errors
/// See [`FindError`].
pub async fn by_content(link: &Link, find: Find) -> Result<Contents, FindError> {
    contents(ask(link, find).await?)
}

fn contents(answer: (Vec<u8>, FindEnd)) -> Result<Contents, FindError> {
    let mut files: Vec<File> = Vec::new();
    let summary = read(answer, |found| {
        match found {
            Found::File { path } if path.is_empty() || is_below(&path) => {
                files.push(File { path, lines: Vec::new(), incomplete: None });
            }
            Found::Line(line) if is_sound(&line) => files.last_mut()?.lines.push(line),
            Found::Incomplete(why) => files.last_mut()?.incomplete = Some(why),
            _ => return None,
        }
        Some(())
    })?;
    Ok(Contents { files, summary })
}

async fn ask(link: &Link, find: Find) -> Result<(Vec<u8>, FindEnd), FindError> {
    let (path, asked) = (find.path.clone(), inside(&find.path)?);
    match link.find(Find { path: asked, ..find }).await {
        Ok(answer) => Ok(answer),
        Err(error) if is_busy(&error) => Err(FindError::Busy),
        Err(error) => Err(explain(&path, error).into()),
    }
}

fn is_busy(error: &LinkError) -> bool {
    let busy = rustix::io::Errno::BUSY.raw_os_error();
    matches!(error, LinkError::File { errno } if *errno == busy)
}

/// Reads what was found; `take` gives `None` to what can't be.
fn read((data, end): (Vec<u8>, FindEnd), mut take: impl FnMut(Found) -> Option<()>) -> Result<Summary, FindError> {
    let mut rest = &data[..];
    let mut room = FOUND_BYTES;
    let mut done = None;
    while !rest.is_empty() {
        // Where it was killed, its last word may be cut off.
        let Ok((found, more)) = postcard::take_from_bytes::<Found>(rest) else { break };
        room = room.checked_sub(found.cost()).ok_or_else(confused)?;
        rest = more;
        match found {
            Found::Refused { part, why } => return Err(FindError::Refused { part, why: plain(&why) }),
            Found::Done(last) if rest.is_empty() => done = Some(last),
            other => take(other).ok_or_else(confused)?,
        }
    }
    let cut = match (end, done) {
        (_, Some(Done { truncated, .. })) => truncated.map(|why| match why {
            Truncated::Limit => Cut::Limit,
            Truncated::Bytes => Cut::Bytes,
            Truncated::Names => Cut::Names,
        }),
        (FindEnd::Finished, None) => return Err(confused().into()),
        (FindEnd::Deadline, None) => Some(Cut::Time),
        (FindEnd::Died(Some(OUT_OF_MEMORY)), None) => Some(Cut::Memory),
        (FindEnd::Died(_) | FindEnd::Stopped, None) => return Err(FindError::Killed),
    };
    let Done { searched, binary, large, unreadable, .. } = done.unwrap_or_default();
    Ok(Summary { searched, binary, large, unreadable, cut })
}

/// Whether a line is no more than a line may be.
fn is_sound(line: &Line) -> bool {
    line.text.len() <= LINE_BYTES && line.matches.len() <= LINE_MATCHES
}

/// A message out of a sandbox: no longer than it may be, and with no control characters but the ends of lines.
fn plain(why: &str) -> String {
    let shown = |character: char| match character {
        '\n' => '\n',
        other if other.is_control() => char::REPLACEMENT_CHARACTER,
        other => other,
    };
    why.chars().take(REFUSAL_BYTES).map(shown).collect()
}

/// The path of something found, from the workspace.
#[must_use]
pub fn below(directory: &[u8], path: &[u8]) -> Vec<u8> {
    let names: Vec<&[u8]> = [directory, path].into_iter().filter(|part| !part.is_empty()).collect();
    names.join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::wire::find::Span;

    fn line(text: usize, matches: usize) -> Found {
        let span = Span { start: 0, end: u64::MAX, start_utf16: 0, end_utf16: u64::MAX };
        let (text, matches) = (vec![b'x'; text], vec![span; matches]);
        Found::Line(Line { number: u64::MAX, offset: u64::MAX, text, start: u64::MAX, cut: true, matches })
    }

    fn said(all: &[Found]) -> Vec<u8> {
        all.iter().flat_map(|found| postcard::to_stdvec(found).unwrap()).collect()
    }

    fn file() -> Found {
        Found::File { path: b"a".to_vec() }
    }

    fn taken(data: Vec<u8>, end: FindEnd) -> Result<(usize, Summary), FindError> {
        let Contents { files, summary } = contents((data, end))?;
        Ok((files.iter().map(|file| file.lines.len()).sum(), summary))
    }

    #[test]
    fn an_answer_costs_no_less_than_it_is_long() {
        for found in [line(LINE_BYTES, LINE_MATCHES), line(0, 0), Found::Done(Done::default())] {
            assert!(postcard::to_stdvec(&found).unwrap().len() <= found.cost(), "{found:?}");
        }
    }

    #[test]
    fn what_was_found_until_the_time_was_over_counts() {
        let mut data = said(&[file(), line(10, 1), line(10, 1)]);
        data.truncate(data.len() - 3);
        let (count, summary) = taken(data.clone(), FindEnd::Deadline).unwrap();
        assert_eq!((count, summary.cut), (1, Some(Cut::Time)));
        assert_eq!(taken(data.clone(), FindEnd::Died(Some(6))).unwrap().1.cut, Some(Cut::Memory));
        assert!(matches!(taken(data.clone(), FindEnd::Died(Some(9))), Err(FindError::Killed)));
        assert!(matches!(taken(data, FindEnd::Finished), Err(FindError::Files(FilesError::Lost(_)))));
        let done = Done { searched: 3, truncated: Some(Truncated::Bytes), ..Done::default() };
        let (count, summary) = taken(said(&[file(), line(0, 0), Found::Done(done)]), FindEnd::Finished).unwrap();
        assert_eq!((count, summary.searched, summary.cut), (1, 3, Some(Cut::Bytes)));
    }

    #[test]
    fn what_no_finder_says_is_not_believed() {
        let done = Found::Done(Done::default());
        for hostile in [
            said(&[file(), line(LINE_BYTES + 1, 0), done.clone()]),
            said(&[file(), line(0, LINE_MATCHES + 1), done.clone()]),
            said(&[file(), done.clone(), line(0, 0)]),
            said(&[line(0, 0), done.clone()]),
            said(&[Found::File { path: b"../up".to_vec() }, done.clone()]),
            said(&[&[file()][..], &vec![line(0, LINE_MATCHES); 1000]].concat()),
        ] {
            assert!(matches!(taken(hostile, FindEnd::Finished), Err(FindError::Files(FilesError::Lost(_)))));
        }
        let refused = Found::Refused { part: Part::Pattern, why: "a\u{1b}[2J\nb".to_owned() };
        match taken(said(&[refused]), FindEnd::Finished) {
            Err(FindError::Refused { why, .. }) => assert_eq!(why, "a\u{fffd}[2J\nb"),
            other => panic!("{other:?}"),
        }
    }
}
