//! Copying and moving: what is asked for appears in its place at one stroke, whole, or not at all.
//!
//! A copy is made beside its place, under a name that nobody can guess, and then renamed; so is what has to be moved
//! from one file system to another. A directory whose place is taken is put aside first and removed last. What fails
//! or is given up before that is removed again. Sources and targets are names in directories that were opened beneath
//! the root, so whatever a program swaps meanwhile, nothing else is read or written.

use codebeaker_agent::wire::{Copied, End, FileReply, Transfer, TransferFault};

use super::Slice;
use super::copy::{Copying, Fault, is_within, of_source, of_target};
use super::path::{Place, Root, unguessable_name};
use super::remove::Removal;
use super::rename::{self, Placed};
use crate::agent::sys::Errno;

/// How often a directory is emptied that somebody fills again.
const MOST_CLEARINGS: u32 = 16;

/// No more of a path is told.
const MOST_PATH_BYTES: usize = 4096;

/// A copy or a move that is being made.
pub(super) struct Transferring {
    source: Place,
    target: Place,
    is_directory: bool,
    overwrite: bool,
    /// The source is to be gone in the end.
    moves: bool,
    /// What was copied, once it was.
    copied: Option<Copied>,
    replaced: bool,
    /// The copy that is not in its place yet.
    staged: Option<Place>,
    /// What is in the way of nobody any more, the last first.
    remains: Vec<(Place, End)>,
    clearings: u32,
    stage: Stage,
}

enum Stage {
    Copying(Copying),
    Placing,
    /// Emptying the directory whose place is to be taken.
    Clearing(Removal),
    /// Removing what was replaced, or moved.
    Disposing(Removal, End),
    Undoing(Removal, TransferFault),
    Over(Option<TransferFault>),
}

impl Transferring {
    /// Begins; what is simply renamed is so already.
    pub(super) fn start(root: &Root, order: &Transfer, moves: bool) -> Result<Self, TransferFault> {
        Self::begin(root, order, moves).map_err(plain)
    }

    fn begin(root: &Root, order: &Transfer, moves: bool) -> Result<Self, Fault> {
        let source = root.place(&order.from, false).map_err(of_source)?;
        let found = source.stat().map_err(of_source)?;
        let target = root.place(&order.to, order.parents).map_err(of_target)?;
        let there = match target.stat() {
            Ok(there) => Some(there),
            Err(Errno(libc::ENOENT)) => None,
            Err(errno) => return Err(of_target(errno)),
        };
        let is_directory = is_directory(&found);
        let mut this = Transferring {
            source,
            target,
            is_directory,
            overwrite: order.overwrite,
            moves,
            copied: None,
            replaced: there.is_some(),
            staged: None,
            remains: Vec::new(),
            clearings: 0,
            stage: Stage::Placing,
        };
        if is_directory && is_within(this.target.dir_fd(), identity(&found)).map_err(of_target)? {
            return Err(of_target(Errno(libc::EINVAL)));
        }
        if let Some(there) = there {
            this.check_replaced(&found, &there)?;
        }
        match this.stage {
            Stage::Placing if moves => this.place()?,
            Stage::Placing => this.begin_copy()?,
            _ => {}
        }
        Ok(this)
    }

    /// Whether what is there may be replaced.
    fn check_replaced(&mut self, found: &libc::stat, there: &libc::stat) -> Result<(), Fault> {
        if !self.overwrite {
            return Err(of_target(Errno(libc::EEXIST)));
        }
        match (self.is_directory, is_directory(there)) {
            (true, false) => return Err(of_target(Errno(libc::ENOTDIR))),
            (false, true) => return Err(of_target(Errno(libc::EISDIR))),
            _ => {}
        }
        if identity(found) == identity(there) {
            let same_directory = identity_of(&self.source)? == identity_of(&self.target)?;
            if same_directory && self.source.name == self.target.name {
                if !self.moves {
                    return Err(of_target(Errno(libc::EINVAL)));
                }
                // It is where it should be.
                self.replaced = false;
                self.stage = Stage::Over(None);
            } else if self.moves {
                // Two names of one file: the kernel would leave both.
                let source = self.source.beside(self.source.name.clone()).map_err(of_source)?;
                self.remains.push((source, End::Source));
                self.stage = self.dispose();
            }
        } else if is_directory(there) && is_within(self.source.dir_fd(), identity(there)).map_err(of_source)? {
            return Err(of_target(Errno(libc::EINVAL)));
        }
        Ok(())
    }

    /// Goes on for a slice. `Some` is the answer.
    pub(super) fn go_on(&mut self, slice: &Slice) -> Option<FileReply> {
        while !slice.is_over() {
            match &mut self.stage {
                Stage::Copying(copying) => match copying.step() {
                    Ok(None) => {}
                    Ok(copied @ Some(_)) => {
                        self.copied = copied;
                        self.stage = Stage::Placing;
                    }
                    Err(fault) => {
                        let below = copying.path();
                        let below = below[..below.len().min(MOST_PATH_BYTES)].to_vec();
                        self.undo(TransferFault { below, ..plain(fault) });
                    }
                },
                Stage::Placing => {
                    if let Err(fault) = self.place() {
                        self.undo(plain(fault));
                    }
                }
                Stage::Clearing(removal) => match removal.go_on(slice)? {
                    // Who renames over it sees whether it is empty now.
                    Ok(_) | Err(Errno(libc::ENOENT)) => self.stage = Stage::Placing,
                    Err(errno) => self.undo(plain(of_target(errno))),
                },
                Stage::Disposing(removal, end) => {
                    let end = *end;
                    match removal.go_on(slice)? {
                        Ok(_) | Err(Errno(libc::ENOENT)) => self.stage = self.dispose(),
                        Err(errno) => self.stage = Stage::Over(Some(remaining(errno, end))),
                    }
                }
                Stage::Undoing(removal, fault) => {
                    // What a program put there and took the way to is its own.
                    let _ = removal.go_on(slice)?;
                    self.stage = Stage::Over(Some(fault.clone()));
                }
                Stage::Over(fault) => {
                    return Some(match fault.take() {
                        Some(fault) => FileReply::NotTransferred(fault),
                        None => self.told(),
                    });
                }
            }
        }
        None
    }

    /// The answer to what was given up before it began.
    pub(super) fn given_up() -> TransferFault {
        plain(of_source(Errno(libc::ECANCELED)))
    }

    /// Is wanted no more: what was made is removed, unless it is in its place already.
    pub(super) fn give_up(&mut self) {
        if matches!(self.stage, Stage::Copying(_) | Stage::Placing) {
            self.undo(Self::given_up());
        }
    }

    fn told(&self) -> FileReply {
        match (self.moves, self.copied) {
            (false, copied) => FileReply::Copied { copied: copied.unwrap_or_default(), replaced: self.replaced },
            (true, copied) => FileReply::Moved { copied, replaced: self.replaced },
        }
    }

    fn begin_copy(&mut self) -> Result<(), Fault> {
        let staged = unguessable_name().and_then(|name| self.target.beside(name)).map_err(of_target)?;
        let copying = Copying::begin(&self.source, &staged, self.moves);
        self.staged = Some(staged);
        match copying {
            Ok(copying) => self.stage = Stage::Copying(copying),
            Err(fault) => self.undo(plain(fault)),
        }
        Ok(())
    }

    /// Gives the copy, or what is moved, its name.
    fn place(&mut self) -> Result<(), Fault> {
        let placed = {
            let from = self.staged.as_ref().unwrap_or(&self.source).named();
            if self.overwrite {
                rename::over(from, &self.target, self.is_directory)
            } else {
                rename::to_free(from, self.target.named(), self.is_directory).map(|()| Placed::Whole)
            }
        };
        match placed {
            // The kernel moves nothing from one file system to another, nor a directory from below an overlay.
            Err(Errno(libc::EXDEV)) if self.staged.is_none() => return self.begin_copy(),
            Err(errno @ Errno(libc::ENOENT)) if self.staged.is_none() => return Err(of_source(errno)),
            Err(errno) => return Err(of_target(errno)),
            Ok(Placed::Occupied) if self.clearings == MOST_CLEARINGS => return Err(of_target(Errno(libc::ENOTEMPTY))),
            Ok(Placed::Occupied) => {
                self.clearings += 1;
                let there = self.target.beside(self.target.name.clone()).map_err(of_target)?;
                self.stage = Stage::Clearing(Removal::of_all(there).map_err(of_target)?);
                return Ok(());
            }
            Ok(Placed::Aside(name)) => self.remains.extend(self.target.beside(name).ok().map(|old| (old, End::Target))),
            Ok(Placed::Whole) => {}
        }
        if self.staged.take().is_some() && self.moves {
            let source = self.source.beside(self.source.name.clone()).map_err(of_source)?;
            self.remains.push((source, End::Source));
        }
        self.stage = self.dispose();
        Ok(())
    }

    /// Begins to remove what remains.
    fn dispose(&mut self) -> Stage {
        while let Some((place, end)) = self.remains.pop() {
            // What is replaced was to go whatever it is; what is moved goes only where it could be removed as well.
            let removal = match end {
                End::Target => Removal::of_all(place),
                End::Source => Removal::of_tree(place),
            };
            match removal {
                Ok(removal) => return Stage::Disposing(removal, end),
                Err(Errno(libc::ENOENT)) => {}
                Err(errno) => return Stage::Over(Some(remaining(errno, end))),
            }
        }
        Stage::Over(None)
    }

    fn undo(&mut self, fault: TransferFault) {
        self.stage = match self.staged.take().map(Removal::of_all) {
            Some(Ok(removal)) => Stage::Undoing(removal, fault),
            Some(Err(_)) | None => Stage::Over(Some(fault)),
        };
    }
}

fn is_directory(stat: &libc::stat) -> bool {
    stat.st_mode & libc::S_IFMT == libc::S_IFDIR
}

fn identity(stat: &libc::stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

fn identity_of(place: &Place) -> Result<(u64, u64), Fault> {
    super::tree::identity(place.dir_fd()).map_err(of_target)
}

fn plain(Fault { errno: Errno(errno), end }: Fault) -> TransferFault {
    TransferFault { errno, end, below: Vec::new(), done: false }
}

/// All is done, but not all that was to go is gone.
fn remaining(Errno(errno): Errno, end: End) -> TransferFault {
    TransferFault { errno, end, below: Vec::new(), done: true }
}
