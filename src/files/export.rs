//! Brings a file or a directory of a workspace to this host, while programs run there.
//!
//! The agent is asked for it piece by piece, no faster than this host takes it, so that memory is bounded and a caller
//! who gives up is heard at once. What it answers is what the programs in the sandbox want it to be: every name, size and
//! number is checked here, the whole is bounded, and [`host`] lets none of it lead out of the target.

mod host;

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};

use tokio::sync::{mpsc, watch};

use self::host::{Order, Planting};
use super::copy_in::Copied;
use super::tree::{DEEPEST, Item};
use super::{FilesError, Found, confused, explain, find, inside, is_below, list, shown, stat};
use crate::agent::plan::is_excluded;
use crate::agent::wire::{FILE_CHUNK_BYTES, FileEntry, FileKind, FileOp, FileReply, FileTag};
use crate::agent::{Asked, Link};

/// How many pieces wait for the disk of this host.
const PIECES_AHEAD: usize = 8;

/// How many operations may be on their way, each answered with no more than a piece.
const MOST_ASKED: usize = 16;

/// No file system of Linux has longer names.
const LONGEST_NAME: usize = 255;

/// Where an export goes, and how.
#[derive(Debug, Clone, Copy)]
pub struct Export<'a> {
    /// The path in the workspace; empty for all of it.
    pub from: &'a [u8],
    /// Names that are left out, at every level; `*` stands for any run of characters.
    pub exclude: &'a [String],
    /// Merge a directory into the one that is there, and replace files that are there.
    pub overwrite: bool,
    /// Make the directories above the target that are missing.
    pub parents: bool,
    /// No more than this is taken.
    pub most: Most,
}

/// The bounds of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    /// The size of all files, holes included.
    pub bytes: u64,
    /// Files, directories and links, those included that are left out.
    pub entries: u32,
}

/// What was brought out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// What it took; the directory at the top is not counted.
    pub copied: Copied,
    /// Links that would lead out of the target.
    pub links_left_out: u64,
    /// Pipes, sockets and devices.
    pub others_left_out: u64,
    /// Files that were written to while they were read, and may be of no one state.
    pub changed: u64,
    /// Whether it was merged into a directory, or replaced a file.
    pub merged: bool,
}

/// Why something was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It can't be read in the sandbox.
    #[error(transparent)]
    Source(#[from] FilesError),
    /// It can't be written on this host.
    #[error("{path} can't be written")]
    Target {
        /// What.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// There is more than the bounds allow.
    #[error("there are more than {0} bytes in the files")]
    TooManyBytes(u64),
    /// There is more than the bounds allow.
    #[error("there are more than {0} files, directories and links, or one directory has too many names")]
    TooManyEntries(u32),
    /// Directories are nested deeper than can be copied.
    #[error("{0} is nested too deep")]
    TooDeep(String),
}

/// Copies what `how` names to `target`, the name included, and tells how far it is.
///
/// # Errors
/// [`ExportError`]. Of what fails or is `unwanted` nothing is left but directories made above; where it was to be
/// merged, what was merged until then stays, each file whole.
pub async fn export(
    link: &Link,
    target: &Path,
    how: Export<'_>,
    unwanted: impl Future<Output = ()>,
    told: &watch::Sender<Copied>,
) -> Result<Exported, ExportError> {
    let from = inside(how.from)?;
    let found = stat(link, how.from).await?;
    let is_directory = match found.stat.kind {
        FileKind::Directory => true,
        FileKind::File => false,
        FileKind::Symlink | FileKind::Other => return Err(FilesError::NotARegularFile(shown(how.from)).into()),
    };
    let (orders, taken) = mpsc::channel(PIECES_AHEAD);
    let planting = Planting::new(target.to_owned(), is_directory, how.overwrite, how.parents);
    // Ends by itself, and clears away what it has made, when no order comes any more.
    let writing = tokio::task::spawn_blocking(move || planting.take(taken));
    let mut reading = Reading {
        link,
        how,
        from,
        room: how.most,
        asked: VecDeque::new(),
        orders,
        current: Current::default(),
        changed: 0,
        others: 0,
        copied: Copied::default(),
        told,
    };
    let read = async { if is_directory { reading.tree().await } else { reading.alone(&found).await } };
    let read = tokio::select! {
        biased;
        () = unwanted => Err(Stop::Failed(FilesError::GivenUp(shown(how.from)).into())),
        read = read => read,
    };
    let read = match read {
        Ok(()) => reading.orders.send(Order::Finish).await.map_err(|_| Stop::NotTaken),
        Err(stop) => Err(stop),
    };
    let Reading { changed, others, copied, orders, .. } = reading;
    drop(orders);
    let failed = |panic| ExportError::Target { path: target.to_owned(), source: io::Error::other(panic) };
    let written = writing.await.map_err(failed)?;
    if let Err(Stop::Failed(error)) = read {
        return Err(error);
    }
    let host::Planted { links_left_out, merged } = written?;
    let copied = Copied { links: copied.links.saturating_sub(links_left_out), ..copied };
    Ok(Exported { copied, links_left_out, others_left_out: others, changed, merged })
}

/// Why reading ended early.
enum Stop {
    Failed(ExportError),
    /// The host takes no more; it says why.
    NotTaken,
}

impl<E: Into<ExportError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Stop::Failed(error.into())
    }
}

struct Reading<'a> {
    link: &'a Link,
    how: Export<'a>,
    from: Vec<u8>,
    room: Most,
    /// What is on its way, in order.
    asked: VecDeque<Asking>,
    orders: mpsc::Sender<Order>,
    current: Current,
    changed: u64,
    others: u64,
    copied: Copied,
    told: &'a watch::Sender<Copied>,
}

enum Asking {
    /// Nothing had to be asked.
    Known(Item),
    /// What a link says.
    Link { path: Vec<u8>, asked: Asked },
    /// A piece of a file.
    Piece(Piece),
}

struct Piece {
    path: Vec<u8>,
    /// The file when it was looked at.
    tag: FileTag,
    /// Of the first piece: the permissions.
    mode: Option<u32>,
    /// How many bytes it should have.
    length: usize,
    last: bool,
    asked: Asked,
}

/// A directory of which not everything is asked for yet.
struct Level {
    /// From the top.
    path: Vec<u8>,
    entries: std::vec::IntoIter<FileEntry>,
}

/// What became of the file that is passed on.
#[derive(Default)]
struct Current {
    /// Its last piece was passed on, or it is gone: what else is answered of it is not wanted.
    is_over: bool,
    is_changed: bool,
}

impl Reading<'_> {
    /// Asks for one file.
    async fn alone(&mut self, found: &Found) -> Result<(), Stop> {
        self.take_room(1)?;
        self.file(Vec::new(), found.stat.mode, found.stat.tag).await?;
        self.settle(0).await
    }

    /// Asks for a directory, name by name.
    async fn tree(&mut self) -> Result<(), Stop> {
        let mut levels = vec![self.level(Vec::new()).await?];
        while let Some(level) = levels.last_mut() {
            let Some(FileEntry { path: name, stat }) = level.entries.next() else {
                levels.pop();
                continue;
            };
            let path = find::below(&level.path, &name);
            match stat.kind {
                FileKind::Directory => {
                    if levels.len() == DEEPEST {
                        return Err(ExportError::TooDeep(self.shown(&path)).into());
                    }
                    // One that is gone meanwhile is not there to be copied.
                    let inside = match self.level(path.clone()).await {
                        Err(Stop::Failed(ExportError::Source(FilesError::NotFound(_)))) => continue,
                        inside => inside?,
                    };
                    levels.push(inside);
                    self.asked.push_back(Asking::Known(Item::Directory { path, mode: stat.mode & 0o777 }));
                }
                FileKind::Symlink => {
                    let asked = self.ask(&path, |path| FileOp::Stat { path }).await?;
                    self.asked.push_back(Asking::Link { path, asked });
                }
                FileKind::File => self.file(path, stat.mode, stat.tag).await?,
                FileKind::Other => self.others += 1,
            }
            self.settle(MOST_ASKED).await?;
        }
        self.settle(0).await
    }

    /// What is in a directory, within the bounds.
    async fn level(&mut self, path: Vec<u8>) -> Result<Level, Stop> {
        let directory = find::below(&self.from, &path);
        let listing = list(self.link, &directory, 1, true, self.room.entries.saturating_add(1)).await?;
        if listing.truncated {
            return Err(ExportError::TooManyEntries(self.how.most.entries).into());
        }
        let is_name = |entry: &FileEntry| {
            entry.path.len() <= LONGEST_NAME && is_below(&entry.path) && !entry.path.contains(&b'/')
        };
        if !listing.entries.iter().all(is_name) {
            return Err(confused().into());
        }
        self.take_room(listing.entries.len())?;
        let exclude = self.how.exclude;
        let entries: Vec<_> = listing.entries.into_iter().filter(|entry| !is_excluded(exclude, &entry.path)).collect();
        Ok(Level { path, entries: entries.into_iter() })
    }

    fn take_room(&mut self, entries: usize) -> Result<(), Stop> {
        let left = u32::try_from(entries).ok().and_then(|entries| self.room.entries.checked_sub(entries));
        self.room.entries = left.ok_or(ExportError::TooManyEntries(self.how.most.entries))?;
        Ok(())
    }

    /// Asks for a file as long as it was when it was looked at.
    async fn file(&mut self, path: Vec<u8>, mode: u32, tag: FileTag) -> Result<(), Stop> {
        let left = self.room.bytes.checked_sub(tag.size);
        self.room.bytes = left.ok_or(ExportError::TooManyBytes(self.how.most.bytes))?;
        let mut offset = 0;
        loop {
            let length = (tag.size - offset).min(FILE_CHUNK_BYTES as u64) as usize;
            let asked = self.ask(&path, |path| FileOp::Read { path, offset, max: length as u32 }).await?;
            let mode = (offset == 0).then_some(mode & 0o777);
            offset += length as u64;
            let (path, last) = (path.clone(), offset == tag.size);
            self.asked.push_back(Asking::Piece(Piece { path, tag, mode, length, last, asked }));
            if last {
                return Ok(());
            }
            self.settle(MOST_ASKED).await?;
        }
    }

    async fn ask(&self, path: &[u8], op: impl FnOnce(Vec<u8>) -> FileOp) -> Result<Asked, Stop> {
        let asked = self.link.ask_file(op(find::below(&self.from, path))).await;
        Ok(asked.map_err(|error| explain(self.shown(path).as_bytes(), error))?)
    }

    /// Waits until no more than `most` are on their way.
    async fn settle(&mut self, most: usize) -> Result<(), Stop> {
        while self.asked.len() > most {
            let Some(asking) = self.asked.pop_front() else { break };
            let item = match asking {
                Asking::Known(item) => Some(item),
                Asking::Link { path, asked } => match self.answer(&path, asked).await? {
                    Some(FileReply::Stat { target: Some(target), .. }) => Some(Item::Link { path, target }),
                    // Gone, or something else by now.
                    Some(FileReply::Stat { .. }) | None => None,
                    Some(_) => return Err(confused().into()),
                },
                Asking::Piece(piece) => self.piece(piece).await?,
            };
            if let Some(item) = item {
                self.pass_on(item).await?;
            }
        }
        Ok(())
    }

    /// The answer, unless what was asked about is gone.
    async fn answer(&self, path: &[u8], asked: Asked) -> Result<Option<FileReply>, Stop> {
        match asked.answer().await.map_err(|error| explain(self.shown(path).as_bytes(), error)) {
            Ok(reply) => Ok(Some(reply)),
            Err(FilesError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What is to be passed on of a file.
    async fn piece(&mut self, piece: Piece) -> Result<Option<Item>, Stop> {
        let Piece { path, tag, mode, length, last, asked } = piece;
        let answer = self.answer(&path, asked).await?;
        if mode.is_some() {
            self.current = Current { is_over: answer.is_none(), is_changed: false };
        }
        if self.current.is_over {
            return Ok(None);
        }
        let (data, stat) = match answer {
            Some(FileReply::Data { data, stat }) if data.len() <= length => (data, Some(stat)),
            Some(_) => return Err(confused().into()),
            None => (Vec::new(), None),
        };
        let is_changed = stat.is_none_or(|stat| stat.tag != tag);
        if is_changed && !std::mem::replace(&mut self.current.is_changed, true) {
            self.changed += 1;
        }
        let last = last || data.len() < length;
        self.current.is_over = last;
        Ok(Some(match mode {
            Some(mode) => Item::File { path, mode, modified_nanos: tag.modified_nanos, data, last },
            None => Item::More { data, last },
        }))
    }

    async fn pass_on(&mut self, item: Item) -> Result<(), Stop> {
        match &item {
            Item::Directory { .. } => self.copied.directories += 1,
            Item::Link { .. } => self.copied.links += 1,
            Item::File { data, .. } => {
                self.copied.files += 1;
                self.copied.bytes += data.len() as u64;
            }
            Item::More { data, .. } => self.copied.bytes += data.len() as u64,
        }
        self.orders.send(Order::Plant(item)).await.map_err(|_| Stop::NotTaken)?;
        self.told.send_replace(self.copied);
        Ok(())
    }

    fn shown(&self, path: &[u8]) -> String {
        shown(&find::below(self.how.from, path))
    }
}
