//! Walking the tree for a finder: sorted, name by name, without what is to be left out.

use std::ops::ControlFlow;
use std::os::fd::{BorrowedFd, OwnedFd};

use codebeaker_agent::wire::find::{Done, Find, Part, Truncated};

use super::Stop;
use super::rules::{Ignores, Lines};
use crate::agent::files::path::Root;
use crate::agent::files::tree::Walk;
use crate::agent::sys::{Result, files};

/// What lies at a longer path is left out.
const LONGEST_PATH: usize = 64 * 1024;

/// How many bytes the names of the current directory, and of those above it, may take together.
const MOST_NAME_BYTES: usize = 32 << 20;

/// What a name takes beside its bytes.
const NAME_BYTES: usize = size_of::<(u32, u32)>();

/// Something on the way.
pub(super) struct Entry<'a> {
    pub(super) dir: BorrowedFd<'a>,
    pub(super) name: &'a [u8],
    /// From the directory that is asked about.
    pub(super) path: &'a [u8],
    pub(super) stat: libc::stat,
}

/// The names of a directory that are still to be looked at.
#[derive(Default)]
struct Names {
    bytes: Vec<u8>,
    /// Where each is, the next last.
    places: Vec<(u32, u32)>,
    /// The length of the directory's own path, with the slash behind it.
    path_bytes: usize,
}

impl Names {
    fn cost(&self) -> usize {
        self.bytes.len() + self.places.capacity() * NAME_BYTES
    }

    /// Reads them. False when there is no room for all.
    fn read(&mut self, dir: BorrowedFd<'_>, hidden: bool, room: usize) -> Result<bool> {
        let mut records = [0; 32 * 1024];
        let mut fit = true;
        loop {
            let length = files::read_directory(dir, &mut records)?;
            if length == 0 {
                break;
            }
            for name in files::names(&records[..length]).filter(|name| hidden || name.bytes[0] != b'.') {
                if self.bytes.len() + name.bytes.len() + (self.places.len() + 1) * NAME_BYTES > room {
                    fit = false;
                    break;
                }
                self.places.push((self.bytes.len() as u32, name.bytes.len() as u32));
                self.bytes.extend_from_slice(name.bytes);
            }
            if !fit {
                break;
            }
        }
        let bytes = &self.bytes;
        let name = |place: &(u32, u32)| &bytes[place.0 as usize..][..place.1 as usize];
        self.places.sort_unstable_by(|a, b| name(b).cmp(name(a)));
        Ok(fit)
    }

    fn next(&mut self) -> Option<&[u8]> {
        let (start, length) = self.places.pop()?;
        Some(&self.bytes[start as usize..][..length as usize])
    }
}

/// Tells `visit` of everything below `top`, a directory before what is in it, until it has had enough.
pub(super) fn each(
    root: &Root,
    top: OwnedFd,
    find: &Find,
    done: &mut Done,
    mut visit: impl FnMut(Entry<'_>, &mut Done) -> std::result::Result<ControlFlow<()>, Stop>,
) -> std::result::Result<(), Stop> {
    let exclude = Lines::read(&find.exclude, Part::Exclude)?;
    let above = plain(&find.path);
    let mut ignores = Ignores::above(root, &above, find.gitignore);
    // From the workspace, where what is asked about is named plainly.
    let mut path = above;
    if !path.is_empty() {
        path.push(b'/');
    }
    let asked = path.len();
    let mut held = 0;
    let Ok(mut walk) = Walk::new(top, Names::default()) else {
        done.unreadable += 1;
        return Ok(());
    };
    let mut entered = true;
    loop {
        let depth = walk.depth();
        let Ok((dir, names)) = walk.here() else { return Ok(()) };
        if std::mem::take(&mut entered) {
            names.path_bytes = path.len();
            ignores.enter(dir, depth, path.len());
            match names.read(dir, find.hidden, MOST_NAME_BYTES.saturating_sub(held)) {
                Ok(true) => {}
                Ok(false) => done.truncated = Some(Truncated::Names),
                Err(_) => done.unreadable += 1,
            }
            held += names.cost();
        }
        path.truncate(names.path_bytes);
        let Some(name) = names.next() else {
            held -= names.cost();
            match walk.leave() {
                Ok(Some(_)) => ignores.leave(walk.depth()),
                Ok(None) => return Ok(()),
                Err(_) => {
                    done.truncated = Some(Truncated::Names);
                    return Ok(());
                }
            }
            continue;
        };
        // What is gone meanwhile is not there to be found.
        let Ok(stat) = files::lstat(dir, name) else { continue };
        path.extend_from_slice(name);
        if path.len() > LONGEST_PATH {
            done.truncated = Some(Truncated::Names);
            continue;
        }
        let is_directory = stat.st_mode & libc::S_IFMT == libc::S_IFDIR;
        if exclude.name(&path[asked..], is_directory) || ignores.name(&path, is_directory) {
            continue;
        }
        if visit(Entry { dir, name, path: &path[asked..], stat }, done)?.is_break() {
            return Ok(());
        }
        if is_directory {
            let name = name.to_vec();
            match walk.enter(name, Names::default()) {
                Ok(()) => {
                    path.push(b'/');
                    entered = true;
                }
                Err(_) => done.unreadable += 1,
            }
        }
    }
}

/// A path as the names in it, where it says nothing but names; else an empty one.
fn plain(path: &[u8]) -> Vec<u8> {
    let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b".")).collect();
    if names.contains(&&b".."[..]) { Vec::new() } else { names.join(&b'/') }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn names_come_sorted_and_no_more_than_there_is_room_for() {
        let top = std::env::temp_dir().join(format!("codebeaker-names-{}", std::process::id()));
        std::fs::create_dir_all(&top).unwrap();
        for name in ["b", "a", ".c", "a-b", "d"] {
            std::fs::write(top.join(name), "").unwrap();
        }
        let read = |hidden, room| {
            let dir = std::fs::File::open(&top).unwrap();
            let mut names = Names::default();
            let fit = names.read(dir.as_fd(), hidden, room).unwrap();
            let mut all = Vec::new();
            while let Some(name) = names.next() {
                all.push(String::from_utf8_lossy(name).into_owned());
            }
            (all, fit)
        };
        assert_eq!(read(true, 1000), ([".c", "a", "a-b", "b", "d"].map(str::to_owned).to_vec(), true));
        assert_eq!(read(false, 1000).0, ["a", "a-b", "b", "d"]);
        let (some, fit) = read(true, 30);
        assert!(!fit && !some.is_empty() && some.len() < 5, "{some:?}");
        std::fs::remove_dir_all(top).unwrap();
    }

    #[test]
    fn a_path_that_goes_up_has_nothing_above_it() {
        assert_eq!(plain(b"a//./b/"), b"a/b");
        assert_eq!(plain(b""), b"");
        assert_eq!(plain(b"a/../b"), b"");
    }
}
