//! Source maps: where generated code comes from, and where original code went.
//!
//! A map comes as a `data:` address or as a file of the sandbox, and from nowhere else: never over a network,
//! never from the host. It is the program's own making, so its size is bounded, as that of all is, and what it names is only a
//! name, until the sandbox's own view of its files says otherwise.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use tokio::sync::OwnedSemaphorePermit;

use super::budget::Budget;
use super::paths;
use crate::debug::backend::Position;
use crate::debug::ground::Ground;

/// The longest map, in bytes.
const MAX_MAP_BYTES: usize = 16 << 20;

/// Sources of one map that are told apart.
const MAX_SOURCES: usize = 4096;

/// Places to which one original line went that are used.
const MAX_COPIES: usize = 8;

/// Places between two others that are looked at.
const MAX_BETWEEN: usize = 256;

/// The map of one script.
#[derive(Debug)]
pub(super) struct SourceMap {
    /// What it names, resolved where it is a path.
    pub(super) sources: Vec<Source>,
    /// By generated line and column.
    tokens: Vec<Token>,
    /// Indices of `tokens` by source, original line and column.
    originals: Vec<u32>,
    /// The room that it takes.
    kept: Option<OwnedSemaphorePermit>,
}

/// A source that a map names.
#[derive(Debug)]
pub(super) struct Source {
    /// Its path inside the sandbox, where it resolves to one.
    pub(super) path: Option<String>,
    /// What it goes by.
    pub(super) name: String,
    /// Its text, when the map carries it.
    pub(super) text: Option<String>,
    /// The sandbox has the file.
    pub(super) is_file: bool,
}

/// Positions count from 0 in here, as in maps and in V8.
#[derive(Debug, Clone, Copy)]
struct Token {
    generated: (u32, u32),
    source: u32,
    original: (u32, u32),
}

impl SourceMap {
    /// Loads the map at an address that a script names.
    pub(super) async fn load(address: &str, script: &str, ground: &dyn Ground, budget: &Budget) -> Option<Self> {
        let (bytes, base) = if let Some(data) = address.strip_prefix("data:") {
            (decode_data(data)?, script.to_owned())
        } else {
            let url = paths::resolve(script, address)?;
            let path = paths::path_of(&url)?;
            (ground.read_file(&path, MAX_MAP_BYTES).await.ok()?, url)
        };
        if bytes.len() > MAX_MAP_BYTES {
            return None;
        }
        // It may take a while, and it may be anything: neither is to be felt by others.
        let read = tokio::task::spawn_blocking(move || Self::read(&bytes, &base));
        let mut map = read.await.ok()??;
        map.kept = Some(budget.keep_map(map.bytes())?);
        for source in map.sources.iter_mut().take(64) {
            if let Some(path) = &source.path {
                source.is_file = ground.read_file(path, MAX_MAP_BYTES).await.is_ok();
            }
        }
        Some(map)
    }

    fn read(bytes: &[u8], base: &str) -> Option<Self> {
        let map = match sourcemap::decode_slice(bytes).ok()? {
            sourcemap::DecodedMap::Regular(map) => map,
            sourcemap::DecodedMap::Index(index) => index.flatten().ok()?,
            sourcemap::DecodedMap::Hermes(_) => return None,
        };
        let sources = (0..map.get_source_count().min(MAX_SOURCES as u32)).map(|id| {
            let name = map.get_source(id).unwrap_or_default();
            let path = paths::resolve(base, name).and_then(|url| paths::path_of(&url));
            Source {
                path,
                name: paths::short(name).to_owned(),
                text: map.get_source_contents(id).map(str::to_owned),
                is_file: false,
            }
        });
        let sources: Vec<_> = sources.collect();
        let tokens = map.tokens().filter(|token| token.has_source() && (token.get_src_id() as usize) < sources.len());
        let mut tokens: Vec<_> = tokens
            .map(|token| Token { generated: token.get_dst(), source: token.get_src_id(), original: token.get_src() })
            .collect();
        tokens.sort_by_key(|token| token.generated);
        let mut originals: Vec<_> = (0..u32::try_from(tokens.len()).ok()?).collect();
        let key = |index: &u32| {
            let token = &tokens[*index as usize];
            (token.source, token.original, token.generated)
        };
        originals.sort_by_key(key);
        Some(Self { sources, tokens, originals, kept: None })
    }

    /// What it takes.
    fn bytes(&self) -> usize {
        let texts = self.sources.iter().map(|source| source.text.as_ref().map_or(0, String::len));
        texts.sum::<usize>() + self.tokens.len() * (size_of::<Token>() + size_of::<u32>())
    }

    /// Where generated code comes from: the source's number and a position that counts from 1.
    pub(super) fn original(&self, line: u32, column: u32) -> Option<(usize, Position)> {
        let after = self.tokens.partition_point(|token| token.generated <= (line, column));
        // What stands before the first token of its line belongs to it: statements are indented.
        let token = match after.checked_sub(1).map(|at| self.tokens[at]) {
            Some(token) if token.generated.0 == line => token,
            _ => self.tokens.get(after).copied().filter(|token| token.generated.0 == line)?,
        };
        let (line, column) = token.original;
        let position = Position { line: line.saturating_add(1), column: Some(column.saturating_add(1)) };
        Some((token.source as usize, position))
    }

    /// Where an original position went, or the next line that went anywhere; lines and columns from 0.
    pub(super) fn generated(&self, source: usize, at: Position) -> Vec<(u32, u32)> {
        let Ok(source) = u32::try_from(source) else { return Vec::new() };
        let line = at.line.saturating_sub(1);
        let token = |index: &u32| self.tokens[*index as usize];
        let from = |wanted: (u32, u32)| {
            self.originals.partition_point(|index| (token(index).source, token(index).original) < (source, wanted))
        };
        let first = from((line, 0));
        let Some(found) = self.originals.get(first).map(token).filter(|token| token.source == source) else {
            return Vec::new();
        };
        let line = found.original.0;
        let column = at.column.map_or(0, |column| column.saturating_sub(1));
        // The last that does not begin behind the column, else the first of the line.
        let behind = from((line, column.saturating_add(1)));
        let chosen = if behind > first { token(&self.originals[behind - 1]) } else { found };
        let chosen = if at.column.is_some() { chosen } else { found };
        let same = from(chosen.original);
        let copies = self.originals[same..].iter().map(token);
        let copies = copies.take_while(|token| token.source == source && token.original == chosen.original);
        let mut positions: Vec<_> = copies.map(|token| token.generated).collect();
        positions.dedup_by_key(|position| position.0);
        positions.truncate(MAX_COPIES);
        positions
    }

    /// Where went what lies between two original places, the second of which is not included.
    pub(super) fn between(&self, source: usize, from: (u32, u32), to: (u32, u32)) -> Vec<(u32, u32)> {
        let tokens = self.originals.iter().map(|index| self.tokens[*index as usize]);
        let tokens = tokens.filter(|token| token.source as usize == source && (from..to).contains(&token.original));
        tokens.take(MAX_BETWEEN).map(|token| token.generated).collect()
    }

    /// The number of the source with this path.
    pub(super) fn source(&self, path: &str) -> Option<usize> {
        self.sources.iter().position(|source| source.path.as_deref() == Some(path))
    }
}

/// The bytes of a `data:` address, without its scheme.
fn decode_data(data: &str) -> Option<Vec<u8>> {
    let (kind, data) = data.split_once(',')?;
    if data.len() > 2 * MAX_MAP_BYTES {
        return None;
    }
    if kind.ends_with(";base64") {
        return STANDARD.decode(data).or_else(|_| STANDARD_NO_PAD.decode(data)).ok();
    }
    Some(paths::decode(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three original lines, which went to generated lines 1, 3 and 5.
    const MAP: &str = r#"{"version":3,"sources":["a.ts"],"names":[],"mappings":"AAAA;;EACE;;AACF"}"#;

    #[test]
    fn positions_go_there_and_back() {
        let map = SourceMap::read(MAP.as_bytes(), "file:///work/dist/a.js").unwrap();
        assert_eq!(map.sources[0].path.as_deref(), Some("/work/dist/a.ts"));
        assert_eq!(map.source("/work/dist/a.ts"), Some(0));
        let line = |line| Position { line, column: None };
        assert_eq!(map.generated(0, line(2)), [(2, 2)]);
        assert_eq!(map.original(2, 0).map(|(_, at)| at.line), Some(2));
        assert_eq!(map.original(1, 0), None);
        assert!(map.generated(0, line(9)).is_empty());
        assert!(map.generated(7, line(1)).is_empty());
    }

    #[test]
    fn what_is_no_map_is_none() {
        for text in ["", "{}", "[]", r#"{"version":3,"sources":[],"mappings":"AAAAAAAAAAAA;;;zzzz"}"#, "\u{0}"] {
            let map = SourceMap::read(text.as_bytes(), "file:///a.js");
            assert!(map.is_none_or(|map| map.original(0, 0).is_none()), "{text}");
        }
        assert_eq!(decode_data("application/json,%7B%7D").as_deref(), Some(&b"{}"[..]));
        assert_eq!(decode_data("application/json;base64,!"), None);
    }
}
