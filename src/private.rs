//! A directory that nobody but this user can enter, for as long as somebody holds it.
//!
//! It lies in `$XDG_RUNTIME_DIR` where that is as private as it should be, else among the temporary files. Its
//! holder keeps a lock on it, which the kernel takes from a process that is killed; the next one to make such a
//! directory removes what has no holder any more.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of the socket in such a directory.
pub const SOCKET: &str = "door";

/// The longest directory that leaves room for the names below it in the address of a socket.
const MAX_BASE_BYTES: usize = 60;

/// Entries that are looked at for what was left behind.
const MAX_SWEPT: usize = 4096;

/// What is younger may be about to be locked.
const MIN_AGE: Duration = Duration::from_secs(60);

/// A directory of mode 0700. Dropped, it is gone with what is in it.
#[derive(Debug)]
pub struct PrivateDirectory {
    path: PathBuf,
    /// Locked as long as this is held.
    _lock: File,
}

impl PrivateDirectory {
    /// Makes one.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn create() -> io::Result<Self> {
        let base = base();
        let prefix = format!("codebeaker-{}-", rustix::process::geteuid().as_raw());
        sweep(&base, &prefix);
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let path = base.join(format!("{prefix}{:016x}", u64::from_ne_bytes(random)));
        DirBuilder::new().mode(0o700).create(&path)?;
        let lock = File::open(&path)?;
        lock.lock_shared()?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "a directory of the daemon's is left");
        }
    }
}

/// Whether only this user can get into a directory.
#[must_use]
pub fn is_private(directory: &Metadata) -> bool {
    directory.is_dir() && directory.uid() == rustix::process::geteuid().as_raw() && directory.mode() & 0o077 == 0
}

fn base() -> PathBuf {
    let fits = |path: &PathBuf| path.is_absolute() && path.as_os_str().as_bytes().len() <= MAX_BASE_BYTES;
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(fits);
    let runtime = runtime.filter(|path| fs::metadata(path).is_ok_and(|metadata| is_private(&metadata)));
    runtime.unwrap_or_else(|| Some(std::env::temp_dir()).filter(fits).unwrap_or_else(|| PathBuf::from("/tmp")))
}

/// Removes directories of holders that were killed.
fn sweep(base: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten().take(MAX_SWEPT) {
        let is_named_so = entry.file_name().as_bytes().starts_with(prefix.as_bytes());
        if is_named_so && is_abandoned(&entry.path()) {
            // Somebody else may have been quicker.
            drop(fs::remove_file(entry.path().join(SOCKET)));
            drop(fs::remove_dir(entry.path()));
        }
    }
}

fn is_abandoned(path: &Path) -> bool {
    // Not followed: a link of somebody else's may have this name.
    let Ok(metadata) = fs::symlink_metadata(path) else { return false };
    let is_old = metadata.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age > MIN_AGE));
    is_private(&metadata) && is_old && File::open(path).is_ok_and(|directory| directory.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_directory_goes_with_its_holder_and_is_nobody_elses() {
        let directory = PrivateDirectory::create().unwrap();
        let path = directory.path().to_owned();
        assert!(is_private(&fs::metadata(&path).unwrap()));
        drop(directory);
        assert!(!path.exists());
    }

    #[test]
    fn what_has_no_holder_is_swept_and_what_has_one_is_not() {
        let base = tempfile::tempdir().unwrap();
        let made = |name: &str| {
            let path = base.path().join(name);
            DirBuilder::new().mode(0o700).create(&path).unwrap();
            fs::write(path.join(SOCKET), "").unwrap();
            let old = SystemTime::now() - 2 * MIN_AGE;
            File::open(&path).unwrap().set_modified(old).unwrap();
            path
        };
        let (left, held, open) = (made("ours-1"), made("ours-2"), made("ours-3"));
        let other = made("theirs-1");
        let holder = File::open(&held).unwrap();
        holder.lock_shared().unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        sweep(base.path(), "ours-");
        let there: Vec<_> = [&left, &held, &open, &other].map(|path| path.exists()).into();
        assert_eq!(there, [false, true, true, true]);
    }
}
