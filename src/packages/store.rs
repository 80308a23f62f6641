//! Files of packages that were fetched, kept for the next installation of any session.
//!
//! A file lies below a name that is made of where it is from and of the hash that an index told of it, so who may not ask
//! there has nothing of it. It promises that nothing is handed out but bytes of that hash, looked at each time; that a file
//! is there whole or not at all; and that what is kept stays within its bound, what was not used for longest going first.
//! Several daemons of one user share the directory, and nobody else can get into it. It never reads what a sandbox writes.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use ring::digest::{Algorithm, Context, SHA256, digest};
use rustix::fs::OFlags;

use crate::ids::random_name;
use crate::private::is_private;

/// What begins the name of a file that is not whole yet.
const UNFINISHED: &str = ".new-";

/// Nobody writes a file any more that did not grow for so long.
const LEFT: Duration = Duration::from_secs(3600);

/// A file that says it was used further ahead than this was used by a clock that was wrong; it counts as the oldest.
const AHEAD: Duration = Duration::from_secs(60);

/// The least that a file takes.
const BLOCK_BYTES: u64 = 4096;

/// What is read at once.
const PART_BYTES: usize = 256 << 10;

/// What a file has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digest {
    algorithm: &'static Algorithm,
    value: Vec<u8>,
}

impl Digest {
    /// `None` where it is not as long as such a hash is.
    pub(super) fn new(algorithm: &'static Algorithm, value: Vec<u8>) -> Option<Self> {
        (value.len() == algorithm.output_len()).then_some(Self { algorithm, value })
    }

    /// One of SHA-256 in hexadecimal digits.
    pub(super) fn of_hex(text: &str) -> Option<Self> {
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        Self::new(&SHA256, text.as_bytes().chunks(2).map_while(pair).collect()).filter(|_| is_hex)
    }
}

/// The directory.
#[derive(Debug)]
pub(super) struct Store {
    directory: PathBuf,
    most: u64,
    count: Arc<Mutex<Count>>,
}

/// What this daemon writes into a directory.
#[derive(Debug, Default)]
struct Count {
    /// What came since all was counted; nothing while it never was.
    grown: Option<u64>,
    /// What files have that are not whole yet.
    unfinished: u64,
}

/// Each installation opens the directory for itself, and all of them fill it.
static COUNTS: Mutex<BTreeMap<PathBuf, Arc<Mutex<Count>>>> = Mutex::new(BTreeMap::new());

impl Store {
    /// Makes the directory, unless it is there.
    pub(super) fn open(directory: &Path, most: u64) -> io::Result<Self> {
        if let Some(parent) = directory.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        }
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        // Not followed: somebody else could have put a link there.
        if !is_private(&fs::symlink_metadata(directory)?) {
            return Err(io::Error::other("others can get into it"));
        }
        let mut counts = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
        let count = Arc::clone(counts.entry(directory.to_owned()).or_default());
        Ok(Self { directory: directory.to_owned(), most, count })
    }

    /// Whether a file of this size has a place here.
    pub(super) fn fits(&self, bytes: u64) -> bool {
        bytes <= self.most / 2
    }

    fn path(&self, from: &str, wanted: &Digest) -> PathBuf {
        let name = [from.as_bytes(), b"\n", &wanted.value].concat();
        self.directory.join(hex(digest(&SHA256, &name).as_ref()))
    }

    /// A file that is what it has to be, and its size.
    pub(super) fn get(&self, from: &str, wanted: &Digest) -> Option<(File, u64)> {
        let path = self.path(from, wanted);
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let mut file = OpenOptions::new().read(true).custom_flags(flags).open(&path).ok()?;
        let found = file.metadata().ok().filter(fs::Metadata::is_file).and_then(|_| sum(&mut file, wanted).ok());
        let Some(length) = found.flatten() else {
            tracing::warn!(path = %path.display(), "a download that was kept is not what it was, and is removed");
            drop(fs::remove_file(&path));
            return None;
        };
        file.rewind().ok()?;
        // What can't be marked as used goes a little early.
        drop(file.set_modified(SystemTime::now()));
        Some((file, length))
    }

    /// Begins a file that will have to be this.
    pub(super) fn begin(self: &Arc<Self>, from: &str, wanted: &Digest) -> io::Result<Unfinished> {
        let path = self.directory.join(random_name(UNFINISHED));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&path)?;
        let (store, target) = (Arc::clone(self), self.path(from, wanted));
        Ok(Unfinished { store, path, file, target, length: 0 })
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for so many bytes of a file that is not whole yet. All such files together may have half of the bound.
    fn make_room(&self, bytes: u64) -> io::Result<()> {
        let mut count = self.count();
        if !self.fits(count.unfinished + bytes) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let now = count.grown.map(|grown| grown + bytes.max(BLOCK_BYTES));
        // Counting takes a while, so most files are added uncounted; several daemons may do that at a time.
        if now.is_some_and(|now| now <= self.most / 64) {
            (count.grown, count.unfinished) = (now, count.unfinished + bytes);
            return Ok(());
        }
        let (mut kept, mut total, clock) = (Vec::new(), bytes.max(BLOCK_BYTES), SystemTime::now());
        for entry in fs::read_dir(&self.directory)?.flatten() {
            // Others evict as well.
            let Ok(metadata) = entry.metadata() else { continue };
            let used = metadata.modified().ok().filter(|used| *used <= clock + AHEAD);
            let used = used.unwrap_or(SystemTime::UNIX_EPOCH);
            if !entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
                kept.push((used, metadata.len().max(BLOCK_BYTES), entry.path()));
            } else if clock.duration_since(used).is_ok_and(|age| age > LEFT) {
                drop(fs::remove_file(entry.path()));
            } else {
                total += metadata.len();
            }
        }
        kept.sort();
        total += kept.iter().map(|(_, length, _)| length).sum::<u64>();
        let mut over = total.saturating_sub(self.most / 4 * 3);
        for (_, length, path) in kept {
            if over == 0 {
                break;
            }
            drop(fs::remove_file(path));
            over = over.saturating_sub(length);
        }
        (count.grown, count.unfinished) = (Some(0), count.unfinished + bytes);
        Ok(())
    }
}

/// How long a file is that has this hash; `None` where it has another.
fn sum(file: &mut File, wanted: &Digest) -> io::Result<Option<u64>> {
    let mut context = Context::new(wanted.algorithm);
    let (mut part, mut length) = (vec![0; PART_BYTES], 0);
    loop {
        match file.read(&mut part)? {
            0 => return Ok((context.finish().as_ref() == wanted.value).then_some(length)),
            read => {
                context.update(&part[..read]);
                length += read as u64;
            }
        }
    }
}

/// A file that is being fetched. Dropped, it is gone.
#[derive(Debug)]
pub(super) struct Unfinished {
    store: Arc<Store>,
    path: PathBuf,
    file: File,
    target: PathBuf,
    /// For what room was made.
    length: u64,
}

impl Unfinished {
    /// Adds bytes, as long as there is a place for them.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let more = bytes.len() as u64;
        self.store.make_room(more)?;
        self.length += more;
        self.file.write_all(bytes)
    }

    /// Keeps it: whoever calls this has looked at the hash of what was written.
    pub(super) fn keep(self) -> io::Result<()> {
        fs::rename(&self.path, &self.target)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // One that is kept has no such name any more.
        drop(fs::remove_file(&self.path));
        self.store.count().unfinished -= self.length;
    }
}

/// The hash of what passes.
pub(super) struct Summing(Context);

impl Summing {
    pub(super) fn new(wanted: &Digest) -> Self {
        Self(Context::new(wanted.algorithm))
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn is(self, wanted: &Digest) -> bool {
        self.0.finish().as_ref() == wanted.value
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
