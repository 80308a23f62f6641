//! What V8 has parsed: by number, by address, and with its source map once that is loaded.
//!
//! The number of scripts, the length of their names and what their maps take are bounded; what goes beyond is not
//! debugged, or debugged without its map.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use super::budget::Budget;
use super::maps::SourceMap;
use super::paths;
use crate::debug::backend::{Handle, Place, Position};

/// Scripts that are known at one time.
const MAX_SCRIPTS: usize = 20_000;

/// What V8 says of a script.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScriptParsed {
    pub(super) script_id: String,
    #[serde(default)]
    pub(super) url: String,
    #[serde(rename = "sourceMapURL", default)]
    pub(super) source_map: String,
    #[serde(default)]
    pub(super) resolved_breakpoints: Vec<Resolved>,
}

/// A breakpoint that V8 found a place for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Resolved {
    pub(super) breakpoint_id: String,
    pub(super) location: Location,
}

/// A place as V8 names it; lines and columns count from 0.
#[derive(Debug, Clone, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Location {
    pub(super) script_id: String,
    #[serde(default)]
    pub(super) line_number: u32,
    #[serde(default)]
    pub(super) column_number: u32,
}

/// A script.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) id: String,
    pub(super) url: String,
    /// Where its map is, if it has one.
    pub(super) map_address: Option<String>,
    /// The room that this takes.
    _kept: Option<OwnedSemaphorePermit>,
    /// Its map, once somebody asked for it. One that can't be had is none.
    pub(super) map: tokio::sync::OnceCell<Option<SourceMap>>,
}

impl Script {
    /// Its own place, its map aside.
    pub(super) fn place(&self) -> Place {
        match paths::path_of(&self.url) {
            Some(path) => Place::File(path),
            None => self.text(&self.id),
        }
    }

    fn text(&self, handle: &str) -> Place {
        let name = if self.url.is_empty() { format!("VM{}", self.id) } else { self.url.clone() };
        text_place(handle, name)
    }

    /// Its map, when it is loaded.
    pub(super) fn loaded_map(&self) -> Option<&SourceMap> {
        self.map.get().and_then(Option::as_ref)
    }

    /// The place of one of the sources of its map.
    pub(super) fn source_place(&self, number: usize) -> Option<Place> {
        let source = self.loaded_map()?.sources.get(number)?;
        Some(match (&source.path, &source.text) {
            (Some(path), text) if source.is_file || text.is_none() => Place::File(path.clone()),
            _ => text_place(&format!("{}:{number}", self.id), source.name.clone()),
        })
    }

    /// What people should see for a place in it.
    pub(super) fn shown(&self, line: u32, column: u32) -> (Place, Position) {
        if let Some((source, at)) = self.loaded_map().and_then(|map| map.original(line, column))
            && let Some(place) = self.source_place(source)
        {
            return (place, at);
        }
        let at = Position { line: line.saturating_add(1), column: Some(column.saturating_add(1)) };
        (self.place(), at)
    }

    /// It is a part of the interpreter or of the debugger.
    pub(super) fn is_internal(&self) -> bool {
        ["node:", "internal/", "codebeaker:", "ext:", "evalmachine."].iter().any(|start| self.url.starts_with(start))
    }
}

fn text_place(handle: &str, name: String) -> Place {
    let handle = Handle::new(handle).or_else(|| Handle::new(""));
    handle.map_or_else(|| Place::File(name.clone()), |handle| Place::Text { handle, name: name.clone() })
}

/// All scripts of a target.
#[derive(Debug, Default)]
pub(super) struct Scripts {
    by_id: HashMap<String, Arc<Script>>,
    by_url: HashMap<String, Arc<Script>>,
}

impl Scripts {
    /// Takes note of one; `None` when it is one too many, or makes no sense.
    pub(super) fn add(&mut self, parsed: &ScriptParsed, budget: &Budget) -> Option<Arc<Script>> {
        if self.by_id.len() >= MAX_SCRIPTS || parsed.script_id.len() > 32 {
            return None;
        }
        let address = Some(&parsed.source_map).filter(|address| !address.is_empty());
        let kept = address.and_then(|address| budget.keep_map(address.len()));
        let script = Arc::new(Script {
            id: parsed.script_id.clone(),
            url: paths::short(&parsed.url).to_owned(),
            map_address: address.filter(|_| kept.is_some()).cloned(),
            _kept: kept,
            map: tokio::sync::OnceCell::new(),
        });
        self.by_id.insert(script.id.clone(), Arc::clone(&script));
        if !script.url.is_empty() {
            self.by_url.insert(script.url.clone(), Arc::clone(&script));
        }
        Some(script)
    }

    /// The script that was parsed last of those with this address.
    pub(super) fn with_url(&self, url: &str) -> Option<Arc<Script>> {
        self.by_url.get(url).cloned()
    }

    /// The script with this number.
    pub(super) fn get(&self, id: &str) -> Option<Arc<Script>> {
        self.by_id.get(id).cloned()
    }

    /// All of them, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Script>> {
        self.by_id.values()
    }

    /// The scripts that are made of a place, each with the number of the source in its map; without one where
    /// it is the script itself.
    pub(super) fn made_of(&self, place: &Place) -> Vec<(Arc<Script>, Option<usize>)> {
        let mut found = Vec::new();
        for script in self.by_id.values() {
            let source = script.loaded_map().and_then(|map| match place {
                Place::File(path) => map.source(path),
                Place::Text { handle, .. } => {
                    let (id, source) = handle.as_str().split_once(':')?;
                    (id == script.id).then(|| source.parse().ok())?
                }
            });
            if source.is_some() {
                found.push((Arc::clone(script), source));
            } else if script.place() == *place && script.loaded_map().is_none() {
                found.push((Arc::clone(script), None));
            }
        }
        found
    }
}
