//! Writes what comes out of a workspace below one directory of this host, and nowhere else.
//!
//! Every directory is held open and entered by name from the one above it; no link is followed, none that came with
//! the tree and none that was there before, whoever puts it there and when. What is new is made under a name that
//! nobody can guess, and takes its place by a rename. Links are made only where they lead to something in the tree.
//! There are no special permission bits, no devices and no owners. The umask of the daemon's user holds.

use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;
use tokio::sync::mpsc;

use super::super::tree::{DEEPEST, Item};
use super::ExportError;
use crate::ids;

/// A directory to work in; a link to one is none.
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A file that was not there before.
const NEW_FILE: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What to do next.
pub(super) enum Order {
    /// Make this. Paths are relative to the top; empty for a file that is all there is.
    Plant(Item),
    /// That was all.
    Finish,
}

/// What is to be made.
pub(super) struct Planting {
    target: PathBuf,
    is_directory: bool,
    overwrite: bool,
    parents: bool,
}

/// What was made.
pub(super) struct Planted {
    pub(super) links_left_out: u64,
    pub(super) merged: bool,
}

impl Planting {
    pub(super) fn new(target: PathBuf, is_directory: bool, overwrite: bool, parents: bool) -> Self {
        Planting { target, is_directory, overwrite, parents }
    }

    /// Does what is ordered. Where the orders end before [`Order::Finish`], what was begun is cleared away.
    pub(super) fn take(self, mut orders: mpsc::Receiver<Order>) -> Result<Planted, ExportError> {
        let failed = |source: Errno| ExportError::Target { path: self.target.clone(), source: source.into() };
        let mut ground = Ground::open(&self).map_err(failed)?;
        loop {
            match orders.blocking_recv() {
                Some(Order::Plant(item)) => ground.plant(item)?,
                Some(Order::Finish) => return ground.finish(self.overwrite).map_err(failed),
                // Whoever ordered knows why there is no more.
                None => return Ok(Planted { links_left_out: 0, merged: false }),
            }
        }
    }
}

/// Where things are made.
struct Ground {
    target: PathBuf,
    /// The directory that the target is in, and its name there.
    parent: OwnedFd,
    name: CString,
    /// The name that the target has until it is whole; none where it is merged into what is there.
    staged: Option<CString>,
    /// The directories that lead to the one in which something was made last, with their paths.
    levels: Vec<(Vec<u8>, OwnedFd)>,
    /// The file of which more is to come.
    current: Option<Current>,
    links_left_out: u64,
    is_finished: bool,
}

struct Current {
    file: File,
    path: Vec<u8>,
    modified_nanos: i64,
    /// Its name until it is whole, and then.
    names: Option<(CString, CString)>,
}

impl Ground {
    fn open(order: &Planting) -> Result<Self, Errno> {
        let Planting { target, is_directory, overwrite, parents } = order;
        let name = CString::new(target.file_name().ok_or(Errno::INVAL)?.as_bytes()).map_err(|_| Errno::INVAL)?;
        let above = target.parent().ok_or(Errno::INVAL)?;
        if *parents {
            fs::create_dir_all(above).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        }
        // How one gets there is for the client to say; from here on nothing but names counts.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let parent = rustix::fs::open(above, flags, Mode::empty())?;
        let there = match rustix::fs::statat(&parent, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Some(FileType::from_raw_mode(stat.st_mode)),
            Err(Errno::NOENT) => None,
            Err(errno) => return Err(errno),
        };
        match there {
            Some(_) if !overwrite => return Err(Errno::EXIST),
            Some(FileType::Directory) if !is_directory => return Err(Errno::ISDIR),
            Some(FileType::Directory) | None => {}
            Some(_) if *is_directory => return Err(Errno::NOTDIR),
            Some(_) => {}
        }
        let merges = *is_directory && there.is_some();
        let staged = (!merges).then(unguessable);
        let mut levels = Vec::new();
        if *is_directory {
            if let Some(staged) = &staged {
                rustix::fs::mkdirat(&parent, staged, Mode::from(0o755))?;
            }
            let top = rustix::fs::openat(&parent, staged.as_ref().unwrap_or(&name), DIRECTORY, Mode::empty())?;
            levels.push((Vec::new(), top));
        }
        let (target, current) = (target.clone(), None);
        Ok(Ground { target, parent, name, staged, levels, current, links_left_out: 0, is_finished: false })
    }

    fn plant(&mut self, item: Item) -> Result<(), ExportError> {
        match item {
            Item::Directory { path, mode } => self.directory(&path, mode).map_err(|errno| self.failed(&path, errno)),
            Item::Link { path, target } => self.link(&path, &target).map_err(|errno| self.failed(&path, errno)),
            Item::File { path, mode, modified_nanos, data, last } => {
                let begun = self.file(&path, mode, modified_nanos);
                begun.map_err(|errno| self.failed(&path, errno))?;
                self.go_on(&data, last)
            }
            Item::More { data, last } => self.go_on(&data, last),
        }
    }

    /// Enters a directory, which is made unless there is one to be merged into.
    fn directory(&mut self, path: &[u8], mode: u32) -> Result<(), Errno> {
        let (name, merges) = (self.enter_parent(path)?, self.merges());
        let here = self.here()?;
        match rustix::fs::mkdirat(here, &name, Mode::from(mode & 0o777 | 0o700)) {
            Err(Errno::EXIST) if merges => {}
            made => made?,
        }
        let inside = rustix::fs::openat(here, &name, DIRECTORY, Mode::empty()).map_err(|errno| match errno {
            Errno::LOOP => Errno::NOTDIR,
            other => other,
        })?;
        if self.levels.len() > DEEPEST {
            return Err(Errno::NAMETOOLONG);
        }
        self.levels.push((path.to_vec(), inside));
        Ok(())
    }

    fn link(&mut self, path: &[u8], target: &[u8]) -> Result<(), Errno> {
        let name = self.enter_parent(path)?;
        if !stays_inside(target, self.levels.len() - 1) {
            self.links_left_out += 1;
            return Ok(());
        }
        let merges = self.merges();
        let here = self.here()?;
        if !merges {
            return rustix::fs::symlinkat(target, here, &name);
        }
        let staged = unguessable();
        rustix::fs::symlinkat(target, here, &staged)?;
        rustix::fs::renameat(here, &staged, here, &name).inspect_err(|_| {
            // Why it can't have its name is what is told.
            rustix::fs::unlinkat(here, &staged, AtFlags::empty()).unwrap_or_default();
        })
    }

    fn file(&mut self, path: &[u8], mode: u32, modified_nanos: i64) -> Result<(), Errno> {
        let mode = Mode::from(mode & 0o777);
        let (file, names) = if self.levels.is_empty() {
            let staged = self.staged.as_ref().ok_or(Errno::INVAL)?;
            (rustix::fs::openat(&self.parent, staged, NEW_FILE, mode)?, None)
        } else {
            let (name, merges) = (self.enter_parent(path)?, self.merges());
            let staged = if merges { unguessable() } else { name.clone() };
            (rustix::fs::openat(self.here()?, &staged, NEW_FILE, mode)?, merges.then_some((staged, name)))
        };
        self.current = Some(Current { file: file.into(), path: path.to_vec(), modified_nanos, names });
        Ok(())
    }

    fn go_on(&mut self, data: &[u8], last: bool) -> Result<(), ExportError> {
        let Some(current) = &mut self.current else { return Ok(()) };
        if let Err(source) = current.file.write_all(data) {
            let path = shown(&self.target, &current.path);
            return Err(ExportError::Target { path, source });
        }
        if last {
            let ended = self.end_file();
            return ended.map_err(|(path, errno)| self.failed(&path, errno));
        }
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), (Vec<u8>, Errno)> {
        let Some(current) = &self.current else { return Ok(()) };
        let failed = |errno| (current.path.clone(), errno);
        let [nanos, second] = [current.modified_nanos, 1_000_000_000];
        let last_modification = Timespec { tv_sec: nanos.div_euclid(second), tv_nsec: nanos.rem_euclid(second) as _ };
        let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT as _ };
        // Any time may be in an answer, and not every file system has it.
        rustix::fs::futimens(&current.file, &Timestamps { last_access, last_modification }).unwrap_or_default();
        if let Some((staged, name)) = &current.names {
            let here = self.here().map_err(failed)?;
            rustix::fs::renameat(here, staged, here, name).map_err(failed)?;
        }
        self.current = None;
        Ok(())
    }

    /// Gives the whole its name.
    fn finish(mut self, overwrite: bool) -> Result<Planted, Errno> {
        let mut merged = self.merges();
        if let Some(staged) = &self.staged {
            let free = rename_to_free(&self.parent, staged, &self.name);
            match free {
                Err(Errno::EXIST) if overwrite && self.levels.is_empty() => {
                    rustix::fs::renameat(&self.parent, staged, &self.parent, &self.name)?;
                    merged = true;
                }
                renamed => renamed?,
            }
        }
        self.is_finished = true;
        Ok(Planted { links_left_out: self.links_left_out, merged })
    }

    /// Makes the directory that `path` is in the current one, and gives the last name.
    fn enter_parent(&mut self, path: &[u8]) -> Result<CString, Errno> {
        let (above, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (&b""[..], path),
        };
        while self.levels.len() > 1 && self.levels.last().is_some_and(|(path, _)| path != above) {
            self.levels.pop();
        }
        let is_there = self.levels.last().is_some_and(|(path, _)| path == above);
        if !is_there || path.starts_with(b"/") || matches!(name, b"" | b"." | b"..") {
            return Err(Errno::INVAL);
        }
        CString::new(name).map_err(|_| Errno::INVAL)
    }

    fn here(&self) -> Result<&OwnedFd, Errno> {
        self.levels.last().map(|(_, dir)| dir).ok_or(Errno::INVAL)
    }

    fn merges(&self) -> bool {
        self.staged.is_none()
    }

    fn failed(&self, path: &[u8], errno: Errno) -> ExportError {
        ExportError::Target { path: shown(&self.target, path), source: errno.into() }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        // What can't be cleared away is under a name that says whose it is.
        if let (Some(Current { names: Some((staged, _)), .. }), Ok(here)) = (&self.current, self.here()) {
            rustix::fs::unlinkat(here, staged, AtFlags::empty()).unwrap_or_default();
        }
        if let Some(staged) = &self.staged {
            let here = PathBuf::from(format!("/proc/self/fd/{}", self.parent.as_fd().as_raw_fd()));
            let staged = here.join(OsStr::from_bytes(staged.to_bytes()));
            let removed = if self.levels.is_empty() { fs::remove_file(staged) } else { fs::remove_dir_all(staged) };
            removed.unwrap_or_default();
        }
    }
}

fn shown(target: &Path, path: &[u8]) -> PathBuf {
    if path.is_empty() { target.to_owned() } else { target.join(OsStr::from_bytes(path)) }
}

fn unguessable() -> CString {
    CString::new(ids::random_name(".codebeaker-")).unwrap_or_default()
}

/// Gives what is new its name, unless that is taken.
fn rename_to_free(dir: &OwnedFd, from: &CString, to: &CString) -> Result<(), Errno> {
    match rustix::fs::renameat_with(dir, from, dir, to, RenameFlags::NOREPLACE) {
        // Not every file system can. Nothing but an empty directory is replaced by a directory.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            match rustix::fs::linkat(dir, from, dir, to, AtFlags::empty()) {
                Ok(()) => rustix::fs::unlinkat(dir, from, AtFlags::empty()),
                Err(Errno::PERM) => rustix::fs::renameat(dir, from, dir, to),
                Err(errno) => Err(errno),
            }
        }
        renamed => renamed,
    }
}

/// Whether a link leads to something in the tree, from a directory so many levels below its top. It may go up first and
/// then down, never up again: a name on the way may be a link itself, and what is above what it leads to is elsewhere.
fn stays_inside(target: &[u8], depth: usize) -> bool {
    if target.is_empty() || target.starts_with(b"/") || target.contains(&0) {
        return false;
    }
    let names: Vec<&[u8]> = target.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b".")).collect();
    let up = names.iter().take_while(|name| **name == b"..").count();
    up <= depth && !names[up..].contains(&&b".."[..])
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_link_goes_up_no_further_than_the_top_and_never_up_again() {
        for (target, depth) in [(&b"a"[..], 0), (b"a/b", 0), (b"./a", 0), (b"..", 1), (b"../../x/y", 2), (b"../.", 1)] {
            assert!(stays_inside(target, depth), "{}", target.escape_ascii());
        }
        for (target, depth) in
            [(&b""[..], 0), (b"/a", 5), (b"..", 0), (b"../../x", 1), (b"a/../../x", 5), (b"a/..", 5), (b"a\0", 0)]
        {
            assert!(!stays_inside(target, depth), "{}", target.escape_ascii());
        }
    }

    fn plant(target: &Path, overwrite: bool, items: Vec<Item>) -> Result<Planted, ExportError> {
        let (sender, orders) = mpsc::channel(64);
        for item in items {
            sender.try_send(Order::Plant(item)).ok().unwrap();
        }
        sender.try_send(Order::Finish).ok().unwrap();
        Planting::new(target.to_owned(), true, overwrite, false).take(orders)
    }

    fn file(path: &str, data: &str) -> Item {
        let (path, data) = (path.into(), data.into());
        Item::File { path, mode: 0o6755, modified_nanos: i64::MIN, data, last: true }
    }

    fn directory(path: &str) -> Item {
        Item::Directory { path: path.into(), mode: 0o7000 }
    }

    fn kind(result: Result<Planted, ExportError>) -> io::ErrorKind {
        match result {
            Err(ExportError::Target { source, .. }) => source.kind(),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("HOLE: it was made"),
        }
    }

    #[test]
    fn nothing_is_made_beside_the_target_whatever_the_names_and_the_order() {
        let ground = tempfile::tempdir().unwrap();
        let target = ground.path().join("target");
        for items in [
            vec![file("../out", "")],
            vec![file("a/../../out", "")],
            vec![file("/out", "")],
            vec![file("none/out", "")],
            vec![file("..", "")],
            vec![file("", "")],
            vec![directory(".."), file("../out", "")],
            vec![directory("a"), directory("b"), file("a/late", "")],
            vec![file("a", ""), file("a", "")],
            vec![Item::Link { path: b"a".to_vec(), target: b".".to_vec() }, directory("a")],
            vec![Item::Link { path: b"a".to_vec(), target: b".".to_vec() }, file("a", "")],
        ] {
            plant(&target, false, items).err().unwrap();
            assert_eq!(fs::read_dir(ground.path()).unwrap().count(), 0, "HOLE");
        }
    }

    #[test]
    fn a_link_that_was_in_the_target_is_replaced_or_refused_and_never_followed() {
        let ground = tempfile::tempdir().unwrap();
        let (target, outside) = (ground.path().join("target"), ground.path().join("outside"));
        fs::create_dir_all(target.join("kept")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), "outside").unwrap();
        symlink(&outside, target.join("directory")).unwrap();
        symlink(outside.join("file"), target.join("file")).unwrap();
        symlink(&outside, ground.path().join("link")).unwrap();
        assert_eq!(kind(plant(&target, false, vec![])), io::ErrorKind::AlreadyExists);
        assert_eq!(kind(plant(&ground.path().join("link"), true, vec![])), io::ErrorKind::NotADirectory);
        let through = vec![directory("directory"), file("directory/planted", "")];
        assert_eq!(kind(plant(&target, true, through)), io::ErrorKind::NotADirectory);
        assert_eq!(kind(plant(&target, true, vec![file("kept", "")])), io::ErrorKind::IsADirectory);
        let planted = plant(&target, true, vec![file("file", "new"), directory("kept"), file("kept/file", "1")]);
        assert!(planted.unwrap().merged);
        assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "outside", "HOLE");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1, "HOLE");
        assert_eq!(fs::read_to_string(target.join("file")).unwrap(), "new");
        assert!(!target.join("file").is_symlink());
        let mut names: Vec<_> = fs::read_dir(&target).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["directory", "file", "kept"]);
    }

    #[test]
    fn permissions_are_no_more_than_permissions() {
        let ground = tempfile::tempdir().unwrap();
        let target = ground.path().join("target");
        plant(&target, false, vec![file("file", ""), directory("d"), file("d/e", "x")]).unwrap();
        for (path, most) in [("file", 0o755), ("d", 0o700), ("d/e", 0o755)] {
            let metadata = fs::metadata(target.join(path)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o7777 & !most, 0, "{path}");
            assert_eq!(metadata.uid(), rustix::process::geteuid().as_raw());
        }
    }

    #[test]
    fn of_what_is_broken_off_nothing_is_left() {
        let ground = tempfile::tempdir().unwrap();
        for (target, left) in [("new", 0), ("there", 1)] {
            let (sender, orders) = mpsc::channel(8);
            if left == 1 {
                fs::create_dir(ground.path().join(target)).unwrap();
            }
            let more = Item::File { path: b"a".into(), mode: 0o600, modified_nanos: 0, data: vec![1], last: false };
            sender.try_send(Order::Plant(more)).ok().unwrap();
            drop(sender);
            Planting::new(ground.path().join(target), true, true, false).take(orders).unwrap();
            assert_eq!(fs::read_dir(ground.path()).unwrap().count(), left, "{target}");
        }
        assert_eq!(fs::read_dir(ground.path().join("there")).unwrap().count(), 0);
    }
}
