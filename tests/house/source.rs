//! Rust source as the house rules see it: the files below a directory, and their code without comments
//! and literals. It never parses more than the rules need.

use std::fs;
use std::path::{Path, PathBuf};

/// The checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every `.rs` file below a directory of the checkout, sorted; none when there is no such directory.
pub(crate) fn rust_files(directory: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(directory)];
    while let Some(directory) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for path in entries.map(|entry| entry.expect("read a directory entry").path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A path as messages show it: relative to the checkout.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The text of a file of the checkout.
pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", shown(path)))
}

/// The code with comments and the contents of literals blanked out; every line keeps its number.
pub(crate) fn code_only(text: &str) -> String {
    let source: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < source.len() {
        let end = literal_end(&source, at);
        if end > at {
            code.extend(source[at..end].iter().map(|&char| if char == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            code.push(source[at]);
            at += 1;
        }
    }
    code
}

/// Where the comment or literal that starts here ends; `at` itself when none does.
fn literal_end(source: &[char], at: usize) -> usize {
    let next = |offset: usize| source.get(at + offset).copied();
    let in_word = at > 0 && (source[at - 1].is_alphanumeric() || source[at - 1] == '_');
    match source[at] {
        '/' if next(1) == Some('/') => find(source, at, |rest| rest[0] == '\n'),
        '/' if next(1) == Some('*') => comment_end(source, at),
        '"' => quoted_end(source, at, '"'),
        // A lifetime has no closing quote two characters on; an escaped character always has one.
        '\'' if next(1) == Some('\\') || next(2) == Some('\'') => quoted_end(source, at, '\''),
        'r' if !in_word || matches!(source[at - 1], 'b' | 'c') => raw_end(source, at).unwrap_or(at),
        _ => at,
    }
}

fn find(source: &[char], from: usize, matches: impl Fn(&[char]) -> bool) -> usize {
    (from..source.len()).find(|&at| matches(&source[at..])).unwrap_or(source.len())
}

fn comment_end(source: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < source.len() {
        match source[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted_end(source: &[char], start: usize, quote: char) -> usize {
    let mut at = start + 1;
    while at < source.len() && source[at] != quote {
        at += if source[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(source.len())
}

fn raw_end(source: &[char], start: usize) -> Option<usize> {
    let hashes = source[start + 1..].iter().take_while(|&&char| char == '#').count();
    let open = start + 1 + hashes;
    (source.get(open) == Some(&'"')).then(|| {
        let close =
            |rest: &[char]| rest[0] == '"' && rest[1..].iter().take_while(|&&char| char == '#').count() >= hashes;
        (find(source, open + 1, close) + 1 + hashes).min(source.len())
    })
}
