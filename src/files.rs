//! Files of a session's workspace, all handled inside the sandbox by the agent.
//!
//! No path leaves the workspace, whatever links a program planted there: the kernel resolves each one
//! beneath it. Paths are given relative to the workspace or absolute below [`WORKSPACE`].

mod copy_in;
pub mod diff;
pub mod find;
mod import;
pub mod patch;
mod transfer;
mod tree;
mod turn;

use bytes::Bytes;
pub use copy_in::{Copied, CopyError, copy_in};
pub use import::{Import, Imported, import};
pub use transfer::{Copy, Move, Transfer, TransferError, copy, rename};

use crate::agent::plan::WORKSPACE;
use crate::agent::wire::{
    Area, Existing, FILE_CHUNK_BYTES, FileEntry, FileOp, FileReply, FileStat, FileTag, WriteTarget,
};
use crate::agent::{Link, LinkError};

/// No link of Linux says more.
const LONGEST_TARGET: usize = 4096;

/// Why a file operation failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FilesError {
    /// Nothing is there.
    #[error("{0}: there is no such file or directory")]
    NotFound(String),
    /// Something is there already.
    #[error("{0}: exists already")]
    AlreadyExists(String),
    /// A part of the path, or what should be listed, is no directory.
    #[error("{0}: not a directory")]
    NotADirectory(String),
    /// A directory is where a file was expected.
    #[error("{0}: is a directory")]
    IsADirectory(String),
    /// The directory is not empty.
    #[error("{0}: the directory is not empty")]
    NotEmpty(String),
    /// The file's permissions, or a workspace that is read-only, forbid it.
    #[error("{path}: {why}")]
    PermissionDenied {
        /// Which path.
        path: String,
        /// Who forbids it.
        why: &'static str,
    },
    /// A device, pipe or socket.
    #[error("{0}: not a regular file")]
    NotARegularFile(String),
    /// The path would leave the workspace.
    #[error("{0}: leads out of the workspace")]
    OutsideWorkspace(String),
    /// Larger than can be handled.
    #[error("{0}: too large")]
    TooLarge(String),
    /// No room is left.
    #[error("{0}: no space is left in the workspace")]
    DiskFull(String),
    /// The file is not what the caller thinks.
    #[error("{0}: the file has changed meanwhile")]
    Changed(String),
    /// The path can't name anything.
    #[error("{path}: {why}")]
    BadPath {
        /// Which path.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The kernel refused for another reason.
    #[error("{path}: {}", std::io::Error::from_raw_os_error(*.errno))]
    Refused {
        /// Which path.
        path: String,
        /// The kernel's error number.
        errno: i32,
    },
    /// It was done, but something that should be gone is still there.
    #[error("{path}: done, but what was there before can't all be removed: {}", std::io::Error::from_raw_os_error(*.errno))]
    Remains {
        /// Which path.
        path: String,
        /// The kernel's error number.
        errno: i32,
    },
    /// It was not done, because it was wanted no more.
    #[error("{0}: given up, and nothing is left of it")]
    GivenUp(String),
    /// The sandbox went.
    #[error(transparent)]
    Lost(LinkError),
}

/// Part of a file, and the state the file was in.
#[derive(Debug, Clone)]
pub struct Contents {
    /// The bytes.
    pub data: Vec<u8>,
    /// The file when it was read.
    pub stat: FileStat,
}

/// A file that was written.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// Its state now.
    pub stat: FileStat,
    /// Whether it did not exist before.
    pub created: bool,
}

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub struct WriteOptions {
    /// What becomes of a file that exists.
    pub existing: Existing,
    /// Permission bits of a new file.
    pub mode: Option<u32>,
    /// Make the directories above it that are missing.
    pub parents: bool,
    /// Refuse unless the file is in this state.
    pub if_match: Option<FileTag>,
}

/// What is in a directory.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Sorted within each directory.
    pub entries: Vec<FileEntry>,
    /// Whether there was more than the limit.
    pub truncated: bool,
}

/// Reads up to `length` bytes from `offset`. All of them are of one state of the file.
///
/// # Errors
/// See [`FilesError`]; [`FilesError::Changed`] when a program wrote to the file meanwhile.
pub async fn read(link: &Link, path: &[u8], offset: u64, length: usize) -> Result<Contents, FilesError> {
    let inside = inside(path)?;
    let mut data = Vec::new();
    let mut first: Option<FileStat> = None;
    loop {
        let max = (length - data.len()).min(FILE_CHUNK_BYTES) as u32;
        let op = FileOp::Read { path: inside.clone(), offset: offset.saturating_add(data.len() as u64), max };
        let reply = link.file(op).await.map_err(|error| explain(path, error))?;
        let FileReply::Data { data: piece, stat } = reply else { return Err(confused()) };
        if piece.len() > max as usize {
            return Err(confused());
        }
        let before = *first.get_or_insert(stat);
        if before.tag != stat.tag {
            return Err(FilesError::Changed(shown(path)));
        }
        data.extend_from_slice(&piece);
        if data.len() >= length
            || piece.len() < max as usize
            || offset.saturating_add(data.len() as u64) >= stat.tag.size
        {
            return Ok(Contents { data, stat });
        }
    }
}

/// Writes a file.
///
/// # Errors
/// See [`FilesError`]. Unless it appends or patches, a failed write leaves the file as it was.
pub async fn write(link: &Link, path: &[u8], data: Bytes, options: WriteOptions) -> Result<Written, FilesError> {
    let WriteOptions { existing, mode, parents, if_match } = options;
    let target = WriteTarget { path: inside(path)?, area: Area::Workspace, existing, mode, parents, if_match };
    match link.write_file(target, data).await.map_err(|error| explain(path, error))? {
        FileReply::Written { stat, created } => Ok(Written { stat, created }),
        _ => Err(confused()),
    }
}

/// Lists a directory, `depth` levels deep.
///
/// # Errors
/// See [`FilesError`].
pub async fn list(link: &Link, path: &[u8], depth: u32, hidden: bool, limit: u32) -> Result<Listing, FilesError> {
    let op = FileOp::List { path: inside(path)?, depth, hidden, limit };
    match link.file(op).await.map_err(|error| explain(path, error))? {
        // What a client makes of an entry must stay below the directory that it asked about.
        FileReply::Entries { entries, .. } if !entries.iter().all(|entry| is_below(&entry.path)) => Err(confused()),
        FileReply::Entries { entries, truncated, .. } => Ok(Listing { entries, truncated }),
        _ => Err(confused()),
    }
}

/// What a path names, a link itself being looked at.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its kind, state and permissions.
    pub stat: FileStat,
    /// Of a link: what it says.
    pub target: Option<Vec<u8>>,
}

/// Looks at what a path names.
///
/// # Errors
/// See [`FilesError`].
pub async fn stat(link: &Link, path: &[u8]) -> Result<Found, FilesError> {
    match link.file(FileOp::Stat { path: inside(path)? }).await.map_err(|error| explain(path, error))? {
        FileReply::Stat { target: Some(target), .. } if target.len() > LONGEST_TARGET => Err(confused()),
        FileReply::Stat { stat, target } => Ok(Found { stat, target }),
        _ => Err(confused()),
    }
}

/// Makes a directory, and says whether it was not there before. With `parents`, those above it that are missing are
/// made too, and one that is there already is as good.
///
/// # Errors
/// See [`FilesError`].
pub async fn make_directory(link: &Link, path: &[u8], mode: u32, parents: bool) -> Result<bool, FilesError> {
    let inside = inside(path)?;
    if inside.is_empty() {
        return if parents { Ok(false) } else { Err(FilesError::AlreadyExists(shown(path))) };
    }
    must_end_in_a_name(path, &inside)?;
    let op = FileOp::MakeDirectory { path: inside, mode, parents };
    match link.file(op).await.map_err(|error| explain(path, error))? {
        FileReply::Made { created, .. } => Ok(created),
        _ => Err(confused()),
    }
}

/// Removes a file or a directory, and says how many of them went.
///
/// # Errors
/// See [`FilesError`].
pub async fn remove(link: &Link, path: &[u8], recursive: bool) -> Result<u64, FilesError> {
    let inside = inside(path)?;
    if inside.is_empty() {
        return Err(FilesError::BadPath { path: shown(path), why: "the workspace itself can't be removed" });
    }
    match link
        .file(FileOp::Remove { path: inside, area: Area::Workspace, recursive })
        .await
        .map_err(|error| explain(path, error))?
    {
        FileReply::Removed { count } => Ok(count),
        _ => Err(confused()),
    }
}

/// A client's path as the agent takes it: relative to the workspace; empty for the workspace itself.
///
/// # Errors
/// [`FilesError::BadPath`] and [`FilesError::OutsideWorkspace`].
pub fn inside(path: &[u8]) -> Result<Vec<u8>, FilesError> {
    if path.contains(&0) {
        return Err(FilesError::BadPath { path: shown(path).replace('\0', "\\0"), why: "a path can't contain NUL" });
    }
    let mut relative = match path.strip_prefix(WORKSPACE.as_bytes()) {
        Some(rest) if rest.is_empty() || rest.starts_with(b"/") => rest,
        _ if path.starts_with(b"/") => return Err(FilesError::OutsideWorkspace(shown(path))),
        _ => path,
    };
    while let Some(rest) = relative.strip_prefix(b"/") {
        relative = rest;
    }
    while let Some(rest) = relative.strip_suffix(b"/") {
        relative = rest;
    }
    Ok(if relative == b"." { Vec::new() } else { relative.to_vec() })
}

/// Refuses what is to be made, moved or replaced and has no name of its own.
fn must_end_in_a_name(path: &[u8], inside: &[u8]) -> Result<(), FilesError> {
    match inside.rsplit(|byte| *byte == b'/').next() {
        None | Some(b"") => Err(FilesError::BadPath { path: shown(path), why: "that is the workspace itself" }),
        Some(b"." | b"..") => Err(FilesError::BadPath { path: shown(path), why: "it must end in a name" }),
        Some(_) => Ok(()),
    }
}

/// A path in a message: names may be any bytes.
fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// Whether a path leads further down, name by name.
fn is_below(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').all(|name| !matches!(name, b"" | b"." | b"..") && !name.contains(&0))
}

fn confused() -> FilesError {
    FilesError::Lost(LinkError::Lost("its agent answered another question".to_owned()))
}

fn explain(path: &[u8], error: LinkError) -> FilesError {
    use rustix::io::Errno;
    let path = shown(path);
    let errno = match error {
        LinkError::File { errno } => errno,
        LinkError::TooLong { .. } => {
            let end = path.char_indices().nth(100).map_or(path.len(), |(end, _)| end);
            return FilesError::BadPath { path: format!("{}…", &path[..end]), why: "the path is too long" };
        }
        other => return FilesError::Lost(other),
    };
    match Errno::from_raw_os_error(errno) {
        Errno::NOENT => FilesError::NotFound(path),
        Errno::EXIST => FilesError::AlreadyExists(path),
        Errno::NOTDIR => FilesError::NotADirectory(path),
        Errno::ISDIR => FilesError::IsADirectory(path),
        Errno::NOTEMPTY => FilesError::NotEmpty(path),
        Errno::ACCESS | Errno::PERM => FilesError::PermissionDenied { path, why: "permission denied" },
        Errno::ROFS => FilesError::PermissionDenied { path, why: "the workspace is read-only" },
        Errno::INVAL | Errno::NXIO | Errno::OPNOTSUPP => FilesError::NotARegularFile(path),
        Errno::XDEV => FilesError::OutsideWorkspace(path),
        Errno::LOOP => {
            FilesError::BadPath { path, why: "it has too many symbolic links, or one that may not be followed" }
        }
        Errno::NAMETOOLONG => FilesError::BadPath { path, why: "the name is too long" },
        Errno::FBIG => FilesError::TooLarge(path),
        Errno::NOSPC | Errno::DQUOT => FilesError::DiskFull(path),
        Errno::STALE => FilesError::Changed(path),
        _ => FilesError::Refused { path, errno },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_can_not_lead_elsewhere() {
        assert!([&b"a"[..], b"a/b", b"..a", b"\xff"].into_iter().all(is_below));
        assert!(![&b""[..], b"/a", b"a//b", b"../a", b"a/..", b".", b"a\0"].into_iter().any(is_below));
    }

    #[test]
    fn a_path_is_taken_relative_to_the_workspace() {
        assert_eq!(inside(b"a/b").unwrap(), b"a/b");
        assert_eq!(inside(b"/workspace/a/").unwrap(), b"a");
        assert_eq!(inside(b"/workspace").unwrap(), b"");
        assert_eq!(inside(b".").unwrap(), b"");
        assert!(matches!(inside(b"/workspace-evil/a"), Err(FilesError::OutsideWorkspace(_))));
        assert!(matches!(inside(b"/etc/passwd"), Err(FilesError::OutsideWorkspace(_))));
        assert!(matches!(inside(b"a\0b"), Err(FilesError::BadPath { .. })));
    }
}
