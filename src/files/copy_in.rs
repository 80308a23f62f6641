//! Fills an empty directory of a sandbox with a copy of a host directory, through the agent.
//!
//! Files, directories and links are copied; sockets, pipes and devices are left out. No link is ever followed:
//! each directory is opened by name from the one above it, and what takes a file's place meanwhile is not
//! read. A file that can't be read fails the copy: a workspace with a hole in it would mislead. Memory is
//! bounded by the queues in between, whatever the size of the files.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};

use tokio::sync::{mpsc, watch};

use super::tree::{Item, Tree};
use super::{FilesError, explain, shown};
use crate::agent::wire::{Area, Existing, FileOp, WriteTarget};
use crate::agent::{Asked, Link, LinkError};

/// How many pieces of at most a chunk each are read ahead.
const PIECES_AHEAD: usize = 8;

/// How many operations may be on their way.
const MOST_ASKED: usize = 512;

/// Why a directory could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Something can't be read on this host.
    #[error("{path} can't be read")]
    Source {
        /// What.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Directories are nested deeper than can be copied.
    #[error("{path} is nested too deep")]
    TooDeep {
        /// The directory.
        path: PathBuf,
    },
    /// It is a pipe, a socket or a device.
    #[error("{path} is neither a file nor a directory")]
    NotAFile {
        /// What.
        path: PathBuf,
    },
    /// It can't be written in the sandbox.
    #[error(transparent)]
    Target(#[from] FilesError),
}

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    /// Regular files.
    pub files: u64,
    /// Directories, without the one at the top.
    pub directories: u64,
    /// Symbolic links.
    pub links: u64,
    /// Contents of files.
    pub bytes: u64,
}

/// Copies what is in `source` into the empty workspace of a sandbox in which nothing runs yet, except what has
/// a name that matches one of `exclude`, in which `*` stands for any run of characters.
///
/// # Errors
/// At the first thing that can't be copied; what was copied until then stays.
pub async fn copy_in(link: &Link, source: &Path, exclude: &[String]) -> Result<Copied, CopyError> {
    let tree = Tree::new(source.to_owned(), exclude.to_vec());
    let (told, _) = watch::channel(Copied::default());
    fill(link, tree, Target { at: b"", shown: b"", parents: false }, std::future::pending(), &told).await
}

/// Where a copy goes.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    /// From the workspace; nobody but this copy works there.
    pub(super) at: &'a [u8],
    /// What it is called in messages.
    pub(super) shown: &'a [u8],
    /// Where it is one file: make the directories above it that are missing.
    pub(super) parents: bool,
}

/// Copies what `tree` reads, and tells how far it is.
///
/// # Errors
/// At the first thing that can't be copied, or when it is `unwanted`; what was copied until then stays.
pub(super) async fn fill(
    link: &Link,
    tree: Tree,
    target: Target<'_>,
    unwanted: impl Future<Output = ()>,
    told: &watch::Sender<Copied>,
) -> Result<Copied, CopyError> {
    let (sender, mut items) = mpsc::channel(PIECES_AHEAD);
    let top = tree.top().to_owned();
    // Ends by itself when nobody takes the items any more.
    let reading = tokio::task::spawn_blocking(move || tree.read(&sender));
    let mut writing = Writing { link, target, asked: VecDeque::new(), current: None, copied: Copied::default() };
    tokio::pin!(unwanted);
    loop {
        let item = tokio::select! {
            biased;
            () = &mut unwanted => {
                writing.break_off().await;
                return Err(FilesError::GivenUp(shown(target.shown)).into());
            }
            item = items.recv() => item,
        };
        let Some(item) = item else { break };
        if let Err(error) = writing.write(item).await {
            writing.break_off().await;
            return Err(error);
        }
        told.send_replace(writing.copied);
    }
    match reading.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            writing.break_off().await;
            return Err(error);
        }
        Err(panic) => return Err(CopyError::Source { path: top, source: io::Error::other(panic) }),
    }
    writing.settle(0).await?;
    Ok(writing.copied)
}

struct Writing<'a> {
    link: &'a Link,
    target: Target<'a>,
    /// What is on its way, in order, each with the path that it is about.
    asked: VecDeque<(Vec<u8>, Asked)>,
    /// The file of which more is to come, and when it was last changed.
    current: Option<(Vec<u8>, Asked, i64)>,
    copied: Copied,
}

impl Writing<'_> {
    async fn write(&mut self, item: Item) -> Result<(), CopyError> {
        match item {
            Item::Directory { path, mode } => {
                self.copied.directories += 1;
                // Its owner, who is to work in it, must get in.
                let op = FileOp::MakeDirectory { path: self.place(&path), mode: mode | 0o700, parents: false };
                self.ask(path, op).await
            }
            Item::Link { path, target } => {
                self.copied.links += 1;
                let op = FileOp::MakeLink { path: self.place(&path), target };
                self.ask(path, op).await
            }
            Item::File { path, mode, modified_nanos, data, last } => {
                self.copied.files += 1;
                self.copied.bytes += data.len() as u64;
                let target = WriteTarget {
                    path: self.place(&path),
                    area: Area::Workspace,
                    // Nobody reads it yet, so that it need not appear at one stroke.
                    existing: Existing::Append,
                    mode: Some(mode),
                    parents: self.target.parents,
                    if_match: None,
                };
                let asked = self.link.ask_to_write(target, data, last).await;
                let asked = asked.map_err(|error| self.explain(&path, error))?;
                self.current = Some((path, asked, modified_nanos));
                self.end_file(last).await
            }
            Item::More { data, last } => {
                self.copied.bytes += data.len() as u64;
                let target = self.target;
                if let Some((path, asked, _)) = &mut self.current {
                    let gone_on = asked.go_on(data, last).await;
                    gone_on.map_err(|error| explain(&below(target.shown, path), error))?;
                }
                self.end_file(last).await
            }
        }
    }

    async fn end_file(&mut self, last: bool) -> Result<(), CopyError> {
        if last && let Some((path, asked, modified_nanos)) = self.current.take() {
            self.asked.push_back((path.clone(), asked));
            // Build tools compare times.
            let op = FileOp::SetModified { path: self.place(&path), modified_nanos };
            return self.ask(path, op).await;
        }
        Ok(())
    }

    async fn ask(&mut self, path: Vec<u8>, op: FileOp) -> Result<(), CopyError> {
        let asked = self.link.ask_file(op).await.map_err(|error| self.explain(&path, error))?;
        self.asked.push_back((path, asked));
        self.settle(MOST_ASKED).await
    }

    /// Waits until no more than `most` are on their way.
    async fn settle(&mut self, most: usize) -> Result<(), CopyError> {
        while self.asked.len() > most {
            let Some((path, asked)) = self.asked.pop_front() else { break };
            asked.answer().await.map_err(|error| self.explain(&path, error))?;
        }
        Ok(())
    }

    /// Ends the file of which more would have come: the agent holds what is not ended.
    async fn break_off(&mut self) {
        if let Some((_, mut asked, _)) = self.current.take() {
            // A sandbox that is lost holds nothing.
            asked.go_on(Vec::new(), true).await.unwrap_or_default();
        }
    }

    fn place(&self, path: &[u8]) -> Vec<u8> {
        below(self.target.at, path)
    }

    fn explain(&self, path: &[u8], error: LinkError) -> FilesError {
        explain(&below(self.target.shown, path), error)
    }
}

fn below(top: &[u8], path: &[u8]) -> Vec<u8> {
    match (top, path) {
        (b"", path) => path.to_vec(),
        (top, b"") => top.to_vec(),
        (top, path) => [top, b"/", path].concat(),
    }
}
