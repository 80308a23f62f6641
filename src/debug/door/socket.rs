//! A unix socket that only this user can connect to, and connecting to one.
//!
//! The socket has mode 0600 and lies in a directory of mode 0700 that belongs to this user; who connects all the
//! same is asked for by the kernel ([`Socket::accept`]). Its name is gone when it is dropped, or closed before.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};

use crate::private::{PrivateDirectory, SOCKET, is_private};

/// How long to wait when the kernel has no descriptors left to accept with.
pub(super) const BREATH: Duration = Duration::from_millis(200);

/// Why there is no socket, or no way through it.
#[derive(Debug, thiserror::Error)]
pub enum SocketFault {
    /// Others could get at it.
    #[error("{0} must be a directory that belongs to you and has mode 0700")]
    Open(PathBuf),
    /// It would be overwritten.
    #[error("{0} is there already and is no socket")]
    NoSocket(PathBuf),
    /// Somebody answers there.
    #[error("another process listens on {0}")]
    Taken(PathBuf),
    /// The process at the other end belongs to somebody else.
    #[error("the process behind {0} belongs to another user")]
    Stranger(PathBuf),
    /// The kernel refused.
    #[error("{path}: {step}")]
    Kernel {
        /// Which file.
        path: PathBuf,
        /// What was attempted.
        step: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

fn kernel(path: &Path, step: &'static str) -> impl FnOnce(io::Error) -> SocketFault {
    move |source| SocketFault::Kernel { path: path.to_owned(), step, source }
}

/// A socket that is listened on.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    name: Mutex<Option<Name>>,
}

/// The name of a socket in the file system. It goes when this is dropped.
#[derive(Debug)]
struct Name {
    path: PathBuf,
    /// What is removed must be what was made.
    identity: Identity,
    /// Gone with the socket.
    _directory: Option<PrivateDirectory>,
}

impl Socket {
    /// Listens at this path. Its directory is made where it is missing; a socket that nobody listens on is replaced.
    ///
    /// # Errors
    /// [`SocketFault`], with nothing changed but for the directory.
    pub fn bind(path: &Path) -> Result<Self, SocketFault> {
        let name = path.file_name().ok_or_else(|| SocketFault::NoSocket(path.to_owned()))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match std::os::unix::fs::DirBuilderExt::mode(&mut fs::DirBuilder::new(), 0o700).create(parent) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(kernel(parent, "make directory")(error));
            }
            _ => {}
        }
        // What is checked is what is used, whatever becomes of links on the way.
        let parent = parent.canonicalize().map_err(kernel(parent, "open directory"))?;
        let directory = File::open(&parent).map_err(kernel(&parent, "open directory"))?;
        if !directory.metadata().is_ok_and(|metadata| is_private(&metadata)) {
            return Err(SocketFault::Open(parent));
        }
        let path = parent.join(name);
        // Of two that find the same socket without a listener, one replaces it.
        directory.try_lock().map_err(|error| kernel(&parent, "lock directory")(error.into()))?;
        clear(&path)?;
        Self::listen(path, None)
    }

    /// Listens in a directory of its own.
    ///
    /// # Errors
    /// [`SocketFault::Kernel`].
    pub fn private() -> Result<Self, SocketFault> {
        let directory = PrivateDirectory::create().map_err(kernel(Path::new("private directory"), "make directory"))?;
        Self::listen(directory.path().join(SOCKET), Some(directory))
    }

    fn listen(path: PathBuf, directory: Option<PrivateDirectory>) -> Result<Self, SocketFault> {
        let listener = UnixListener::bind(&path).map_err(kernel(&path, "listen"))?;
        let made = fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).and_then(|()| path.symlink_metadata());
        let made = made.map_err(kernel(&path, "set mode"))?;
        let name = Name { path: path.clone(), identity: identity(&made), _directory: directory };
        Ok(Self { listener, path, name: Mutex::new(Some(name)) })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes its name, so that nobody comes any more.
    pub fn close(&self) {
        drop(self.name.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// The next client of this user. Others are turned away.
    pub async fn accept(&self) -> UnixStream {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) if is_own(&stream) => return stream,
                Ok(_) => tracing::warn!(socket = %self.path.display(), "a process of another user was turned away"),
                Err(error) => {
                    tracing::warn!(socket = %self.path.display(), %error, "a client could not be accepted");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let is_ours = |there: fs::Metadata| identity(&there) == self.identity;
        if self.path.symlink_metadata().is_ok_and(is_ours) {
            // It may go between the look and this.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Device, inode, and when that was last changed: the number of an inode is used again soon.
type Identity = (u64, u64, i64, i64);

fn identity(file: &fs::Metadata) -> Identity {
    (file.dev(), file.ino(), file.ctime(), file.ctime_nsec())
}

/// Makes room for a socket: only one that nobody listens on may be in the way.
fn clear(path: &Path) -> Result<(), SocketFault> {
    let there = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        there => there.map_err(kernel(path, "look"))?,
    };
    if !there.file_type().is_socket() {
        return Err(SocketFault::NoSocket(path.to_owned()));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(kernel(path, "remove"))
        }
        _ => Err(SocketFault::Taken(path.to_owned())),
    }
}

/// Connects to a socket of this user's.
///
/// # Errors
/// [`SocketFault`].
pub async fn dial(path: &Path) -> Result<UnixStream, SocketFault> {
    let stream = UnixStream::connect(path).await.map_err(kernel(path, "connect"))?;
    if is_own(&stream) { Ok(stream) } else { Err(SocketFault::Stranger(path.to_owned())) }
}

fn is_own(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == rustix::process::geteuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[tokio::test]
    async fn a_socket_is_private_and_goes_when_it_is_dropped() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("new/door");
        let socket = Socket::bind(&path).unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let (accepted, dialled) = tokio::join!(socket.accept(), dial(&path));
        assert!(is_own(&accepted) && is_own(&dialled.unwrap()));
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn only_a_socket_without_a_listener_is_replaced() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("own/door");
        let first = Socket::bind(&path).unwrap();
        assert!(matches!(Socket::bind(&path), Err(SocketFault::Taken(_))));
        drop(first);
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let second = Socket::bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "a file").unwrap();
        assert!(matches!(Socket::bind(&path), Err(SocketFault::NoSocket(_))));
        drop(second);
        assert!(path.exists(), "what somebody else put there stays");
    }

    #[tokio::test]
    async fn a_directory_that_others_can_enter_is_refused() {
        let base = tempfile::tempdir().unwrap();
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o750)).unwrap();
        assert!(matches!(Socket::bind(&base.path().join("door")), Err(SocketFault::Open(_))));
        assert!(!base.path().join("door").exists());
    }
}
