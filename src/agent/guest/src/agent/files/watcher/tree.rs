//! The directories that are watched, and the names in them: what a notice is about.
//!
//! A directory is known by the number of its watch, and its path is put together from the names above it, so that a
//! move of one is a move of all below it.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use codebeaker_agent::plan::is_excluded;
use codebeaker_agent::wire::watch::{Watch, WatchEnd};

use super::pending::Pending;
use crate::agent::sys::inotify::{self, Notice};
use crate::agent::sys::{Errno, files};

/// The most names in all the directories.
const MOST_NAMES: usize = 200_000;

/// The deepest directory.
const DEEPEST: usize = 128;

/// What is not in its place yet: of the agent's own making, and told once it is there.
const STAGED: &[u8] = b".codebeaker-";

/// Whether a notice says all that happened.
pub(super) enum Heard {
    Noted,
    /// More did.
    Missed,
}

/// All that is watched.
pub(super) struct Tree<'a> {
    notices: OwnedFd,
    top: OwnedFd,
    top_number: i32,
    above_number: Option<i32>,
    watch: &'a Watch,
    directories: BTreeMap<i32, Directory>,
    names: usize,
    moving: Vec<Moving>,
}

struct Directory {
    /// The one that it is in, and its name there; none of the top.
    place: Option<(i32, Vec<u8>)>,
    names: BTreeSet<Box<[u8]>>,
    /// Those of them that are watched themselves.
    below: BTreeMap<Vec<u8>, i32>,
}

/// The first half of a move.
struct Moving {
    cookie: u32,
    path: Vec<u8>,
    /// Of a directory that was watched.
    number: Option<i32>,
    at: Instant,
}

impl<'a> Tree<'a> {
    pub(super) fn new(notices: OwnedFd, top: OwnedFd, watch: &'a Watch) -> Self {
        let (directories, moving) = (BTreeMap::new(), Vec::new());
        Tree { notices, top, top_number: -1, above_number: None, watch, directories, names: 0, moving }
    }

    /// Watches the directory, and what is below it.
    /// `above` is the directory that it is in, where it can be removed from that.
    pub(super) fn begin(&mut self, above: Option<OwnedFd>) -> Result<(), WatchEnd> {
        if let Some(above) = above {
            self.above_number = inotify::watch(self.notices.as_fd(), above.as_fd(), inotify::REMOVALS).ok();
        }
        match self.enter(None, &mut |_, _| {})? {
            Some(number) => {
                self.top_number = number;
                Ok(())
            }
            None => Err(WatchEnd::Gone),
        }
    }

    /// Takes a notice.
    pub(super) fn hear(&mut self, notice: &Notice<'_>, pending: &mut Pending) -> Result<Heard, WatchEnd> {
        let Notice { number, mask, cookie, name } = *notice;
        if mask & libc::IN_Q_OVERFLOW != 0 {
            self.begin_anew()?;
            return Ok(Heard::Missed);
        }
        if number == self.top_number && mask & (libc::IN_DELETE_SELF | libc::IN_MOVE_SELF | libc::IN_IGNORED) != 0 {
            return Err(WatchEnd::Gone);
        }
        if Some(number) == self.above_number {
            let is_gone = files::fstat(self.top.as_fd()).is_ok_and(|stat| stat.st_nlink == 0);
            return if is_gone { Err(WatchEnd::Gone) } else { Ok(Heard::Noted) };
        }
        if mask & libc::IN_IGNORED != 0 {
            self.forget(number);
            return Ok(Heard::Noted);
        }
        if name.is_empty() || self.is_left_out(name) {
            return Ok(Heard::Noted);
        }
        let Some(path) = self.path(number, name) else { return Ok(Heard::Noted) };
        let is_directory = mask & libc::IN_ISDIR != 0;
        if mask & (libc::IN_MODIFY | libc::IN_ATTRIB) != 0 {
            // The last words about what is gone or moved away by now come late.
            if self.knows(number, name) {
                pending.changed(path);
            }
        } else if mask & libc::IN_CREATE != 0 {
            let is_new = self.add(number, name)?;
            pending.created(path, !is_new);
            if is_directory {
                self.enter_new(number, name, pending)?;
            }
        } else if mask & libc::IN_DELETE != 0 {
            if self.take(number, name) {
                pending.removed(path);
            }
            if let Some(inside) = self.below(number, name) {
                self.forget(inside);
            }
        } else if mask & libc::IN_MOVED_FROM != 0 {
            self.take(number, name);
            pending.touch();
            self.moving.push(Moving { cookie, path, number: self.below(number, name), at: Instant::now() });
        } else if mask & libc::IN_MOVED_TO != 0 {
            self.arrive(notice, path, is_directory, pending)?;
        }
        Ok(Heard::Noted)
    }

    /// What was moved out of the directory is gone.
    pub(super) fn forget_lost_moves(&mut self, pending: &mut Pending, patience: Duration) {
        let (lost, waiting) =
            std::mem::take(&mut self.moving).into_iter().partition(|half| half.at.elapsed() > patience);
        self.moving = waiting;
        for Moving { path, number, .. } in lost {
            pending.removed(path);
            if let Some(number) = number {
                self.forget(number);
            }
        }
    }

    /// Has it asked again after halves of moves that wait for the others.
    pub(super) fn remind(&self, pending: &mut Pending) {
        if !self.moving.is_empty() {
            pending.touch();
        }
    }

    fn arrive(
        &mut self,
        notice: &Notice<'_>,
        path: Vec<u8>,
        is_directory: bool,
        pending: &mut Pending,
    ) -> Result<(), WatchEnd> {
        let Notice { number, cookie, name, .. } = *notice;
        let was_there = !self.add(number, name)?;
        if let Some(replaced) = self.below(number, name) {
            self.forget(replaced);
        }
        let Some(at) = self.moving.iter().position(|half| half.cookie == cookie) else {
            pending.created(path, was_there);
            return if is_directory { self.enter_new(number, name, pending) } else { Ok(()) };
        };
        let from = self.moving.swap_remove(at);
        pending.renamed(&from.path, path, was_there);
        match from.number {
            Some(moved) => {
                self.detach(moved);
                if let Some(directory) = self.directories.get_mut(&moved) {
                    directory.place = Some((number, name.to_vec()));
                }
                if let Some(here) = self.directories.get_mut(&number) {
                    here.below.insert(name.to_vec(), moved);
                }
                Ok(())
            }
            None if is_directory => self.enter_new(number, name, pending),
            None => Ok(()),
        }
    }

    /// Notices were lost: what is there now is what counts.
    fn begin_anew(&mut self) -> Result<(), WatchEnd> {
        let all: Vec<i32> = self.directories.keys().copied().collect();
        for number in all.into_iter().filter(|number| *number != self.top_number) {
            inotify::forget(self.notices.as_fd(), number);
        }
        self.directories.clear();
        self.moving.clear();
        self.names = 0;
        self.begin(None)
    }

    /// Watches a directory that has come, and tells of all that is in it.
    fn enter_new(&mut self, number: i32, name: &[u8], pending: &mut Pending) -> Result<(), WatchEnd> {
        let mut tell = |path: Vec<u8>, is_new: bool| {
            if is_new {
                pending.created(path, false);
            }
        };
        self.enter(Some((number, name.to_vec())), &mut tell).map(drop)
    }

    /// Watches a directory and what is below it. `None` when it is gone, closed, or not to be watched.
    fn enter(
        &mut self,
        place: Option<(i32, Vec<u8>)>,
        tell: &mut dyn FnMut(Vec<u8>, bool),
    ) -> Result<Option<i32>, WatchEnd> {
        let mut first = None;
        let mut to_enter = vec![place];
        while let Some(place) = to_enter.pop() {
            let is_top = place.is_none();
            if !is_top && !self.watch.recursive {
                continue;
            }
            let path = match &place {
                None => Vec::new(),
                Some((above, name)) => match self.path(*above, name) {
                    Some(path) => path,
                    None => continue,
                },
            };
            if self.directories.len() >= self.watch.directories as usize
                || path.split(|byte| *byte == b'/').count() > DEEPEST
            {
                return Err(WatchEnd::TooLarge);
            }
            // Gone, closed to us, or no directory any more.
            let Ok(dir) = self.open(&path) else { continue };
            let number = match inotify::watch(self.notices.as_fd(), dir.as_fd(), inotify::ALL) {
                Ok(number) => number,
                Err(Errno(libc::ENOSPC | libc::ENOMEM)) => return Err(WatchEnd::NoWatches),
                Err(_) => continue,
            };
            self.detach(number);
            if let Some((above, name)) = &place
                && let Some(directory) = self.directories.get_mut(above)
            {
                directory.below.insert(name.clone(), number);
            }
            let (names, below) = (BTreeSet::new(), BTreeMap::new());
            if let Some(before) = self.directories.insert(number, Directory { place, names, below }) {
                self.names -= before.names.len();
            }
            first.get_or_insert(number);
            let mut records = [0; 16 * 1024];
            // What can't be read is watched all the same.
            while let Ok(length @ 1..) = files::read_directory(dir.as_fd(), &mut records) {
                for name in files::names(&records[..length]) {
                    if self.is_left_out(name.bytes) {
                        continue;
                    }
                    let is_new = self.add(number, name.bytes)?;
                    let mut inside = path.clone();
                    if !inside.is_empty() {
                        inside.push(b'/');
                    }
                    inside.extend_from_slice(name.bytes);
                    tell(inside, is_new);
                    let is_directory = files::lstat(dir.as_fd(), name.bytes)
                        .is_ok_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFDIR);
                    if is_directory {
                        to_enter.push(Some((number, name.bytes.to_vec())));
                    }
                }
            }
        }
        Ok(first)
    }

    /// Opens a directory of the tree, name by name and through no link.
    fn open(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let mut dir = files::openat(self.top.as_fd(), b".", flags, 0)?;
        for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            dir = files::openat(dir.as_fd(), name, flags, 0)?;
        }
        Ok(dir)
    }

    fn is_left_out(&self, name: &[u8]) -> bool {
        name.starts_with(STAGED) || is_excluded(&self.watch.exclude, name)
    }

    /// From the top.
    fn path(&self, number: i32, name: &[u8]) -> Option<Vec<u8>> {
        let mut names = vec![name];
        let mut here = self.directories.get(&number)?;
        while let Some((above, name)) = &here.place {
            names.push(name);
            here = self.directories.get(above)?;
            if names.len() > 2 * DEEPEST {
                return None;
            }
        }
        names.reverse();
        Some(names.join(&b'/'))
    }

    fn knows(&self, number: i32, name: &[u8]) -> bool {
        self.directories.get(&number).is_some_and(|directory| directory.names.contains(name))
    }

    /// Notes a name, and says whether it is new.
    fn add(&mut self, number: i32, name: &[u8]) -> Result<bool, WatchEnd> {
        let Some(directory) = self.directories.get_mut(&number) else { return Ok(true) };
        let is_new = directory.names.insert(name.into());
        self.names += usize::from(is_new);
        if self.names > MOST_NAMES { Err(WatchEnd::TooLarge) } else { Ok(is_new) }
    }

    /// Strikes a name out, and says whether it was known.
    fn take(&mut self, number: i32, name: &[u8]) -> bool {
        let taken = self.directories.get_mut(&number).is_some_and(|directory| directory.names.remove(name));
        self.names -= usize::from(taken);
        taken
    }

    fn below(&self, number: i32, name: &[u8]) -> Option<i32> {
        self.directories.get(&number)?.below.get(name).copied()
    }

    /// Takes a directory from where it was.
    fn detach(&mut self, number: i32) {
        if let Some((above, name)) = self.directories.get(&number).and_then(|directory| directory.place.clone())
            && let Some(above) = self.directories.get_mut(&above)
            && above.below.get(&name) == Some(&number)
        {
            above.below.remove(&name);
        }
    }

    /// Watches a directory no more, nor what is below it.
    fn forget(&mut self, number: i32) {
        self.detach(number);
        let mut gone = vec![number];
        while let Some(number) = gone.pop() {
            if let Some(directory) = self.directories.remove(&number) {
                self.names -= directory.names.len();
                gone.extend(directory.below.into_values());
                inotify::forget(self.notices.as_fd(), number);
            }
        }
    }
}
