//! Listing a directory, and those below it.
//!
//! Each directory's entries come sorted and together, then those of its subdirectories in order. Memory
//! is bounded by the number of entries asked for: of a larger directory only the first names are kept.

use std::collections::{BTreeSet, btree_set};
use std::vec;

use codebeaker_agent::wire::{FILE_CHUNK_BYTES, FileEntry, FileKind, FileReply, LISTING_PATH_BYTES};

use super::path::Root;
use super::tree::Walk;
use super::{Slice, describe};
use crate::agent::sys::{Result, files};

/// No more names of one directory are looked at closely.
const MOST_NAMES: usize = 1_000_000;

/// What lies at a longer path is left out: its entry would hardly fit into a message.
const LONGEST_PATH: usize = 64 * 1024;

/// A part of this size is sent off.
const PART_BYTES: usize = FILE_CHUNK_BYTES - LONGEST_PATH - ENTRY_BYTES;

/// What an entry takes in a message beside its path, at most.
const ENTRY_BYTES: usize = 64;

/// A listing that is being made.
pub(super) struct Listing {
    walk: Walk<Level>,
    /// The current directory, relative to the one that is listed.
    path: Vec<u8>,
    state: State,
    depth: usize,
    hidden: bool,
    remaining: usize,
    remaining_bytes: usize,
    truncated: bool,
    part: Vec<FileEntry>,
    part_bytes: usize,
}

/// What is still to be entered from a directory.
#[derive(Default)]
struct Level {
    subdirectories: vec::IntoIter<Vec<u8>>,
    /// The length of its own path.
    path_bytes: usize,
}

enum State {
    /// Collecting the names of the current directory.
    Reading(BTreeSet<Vec<u8>>),
    /// Looking at each, collecting the directories among them.
    Telling(btree_set::IntoIter<Vec<u8>>, Vec<Vec<u8>>),
    /// Going into those.
    Descending,
}

impl Listing {
    /// Opens the directory; the listing itself is made by [`Listing::go_on`].
    pub(super) fn start(root: &Root, path: &[u8], depth: u32, hidden: bool, limit: u32) -> Result<Self> {
        let top = root.open(path, libc::O_RDONLY | libc::O_DIRECTORY)?;
        Ok(Listing {
            walk: Walk::new(top, Level::default())?,
            path: Vec::new(),
            state: State::Reading(BTreeSet::new()),
            depth: depth as usize,
            hidden,
            remaining: limit as usize,
            remaining_bytes: LISTING_PATH_BYTES,
            truncated: false,
            part: Vec::new(),
            part_bytes: 0,
        })
    }

    /// Goes on for a slice, or until a part is told. `Some` is the answer, or the last part of it.
    pub(super) fn go_on(&mut self, slice: &Slice, tell: impl FnOnce(FileReply)) -> Option<Result<FileReply>> {
        while !slice.is_over() {
            match self.step() {
                Ok(true) if self.part_bytes < PART_BYTES => {}
                Ok(true) => {
                    tell(self.take_part(false));
                    return None;
                }
                Ok(false) => return Some(Ok(self.take_part(true))),
                Err(errno) => return Some(Err(errno)),
            }
        }
        None
    }

    fn take_part(&mut self, last: bool) -> FileReply {
        self.part_bytes = 0;
        let truncated = last && self.truncated;
        FileReply::Entries { entries: std::mem::take(&mut self.part), last, truncated }
    }

    /// Does a little; false when all is told.
    fn step(&mut self) -> Result<bool> {
        let depth = self.walk.depth();
        let (dir, level) = self.walk.here()?;
        match &mut self.state {
            State::Reading(names) => {
                let mut records = [0; 16 * 1024];
                let length = match files::read_directory(dir, &mut records) {
                    Ok(length) => length,
                    Err(errno) if depth == 0 => return Err(errno),
                    // One that can't be read is listed, but what is in it isn't.
                    Err(_) => 0,
                };
                if length == 0 {
                    self.state = State::Telling(std::mem::take(names).into_iter(), Vec::new());
                    return Ok(true);
                }
                // One more than can be told, to know that there is one.
                let most = self.remaining.saturating_add(1).min(MOST_NAMES);
                for name in files::names(&records[..length]) {
                    if self.hidden || name.bytes[0] != b'.' {
                        names.insert(name.bytes.to_vec());
                    }
                    if names.len() > most {
                        names.pop_last();
                        self.truncated |= most == MOST_NAMES;
                    }
                }
            }
            State::Telling(names, subdirectories) => {
                let Some(name) = names.next() else {
                    level.subdirectories = std::mem::take(subdirectories).into_iter();
                    self.state = State::Descending;
                    return Ok(true);
                };
                // What is gone meanwhile is not there to be told.
                let Ok(stat) = files::lstat(dir, &name) else { return Ok(true) };
                if self.remaining == 0 {
                    self.truncated = true;
                    return Ok(false);
                }
                let mut path = self.path.clone();
                push_name(&mut path, &name);
                if path.len() > LONGEST_PATH {
                    self.truncated = true;
                    return Ok(true);
                }
                let Some(remaining_bytes) = self.remaining_bytes.checked_sub(path.len()) else {
                    self.truncated = true;
                    return Ok(false);
                };
                self.remaining_bytes = remaining_bytes;
                self.remaining -= 1;
                self.part_bytes += path.len() + ENTRY_BYTES;
                let stat = describe(&stat);
                if stat.kind == FileKind::Directory && depth + 1 < self.depth {
                    subdirectories.push(name);
                }
                self.part.push(FileEntry { path, stat });
            }
            State::Descending => {
                let Some(name) = level.subdirectories.next() else { return Ok(self.leave()) };
                let mut path = self.path.clone();
                push_name(&mut path, &name);
                let inside = Level { path_bytes: path.len(), ..Level::default() };
                // One that is closed to us, or gone, is skipped.
                if self.walk.enter(name, inside).is_ok() {
                    self.path = path;
                    self.state = State::Reading(BTreeSet::new());
                }
            }
        }
        Ok(true)
    }

    /// Goes back up; false at the top, or when the way back is gone.
    fn leave(&mut self) -> bool {
        match self.walk.leave() {
            Ok(None) => false,
            Ok(Some(_)) => match self.walk.here() {
                Ok((_, level)) => {
                    self.path.truncate(level.path_bytes);
                    true
                }
                Err(_) => false,
            },
            Err(_) => {
                self.truncated = true;
                false
            }
        }
    }
}

fn push_name(path: &mut Vec<u8>, name: &[u8]) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}
