//! What is done to files for the daemon, and what came of it.

use serde::{Deserialize, Serialize};

use super::find::{Find, FindEnd};
use super::run;

/// Something done to a file under the workspace. Paths are relative to it; none can leave it, whatever
/// links it meets (`openat2` with `RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileOp {
    /// Up to `max` bytes from `offset` of a regular file; answered by [`FileReply::Data`].
    Read {
        /// Which file.
        path: Vec<u8>,
        /// Where to start.
        offset: u64,
        /// At most [`super::FILE_CHUNK_BYTES`].
        max: u32,
    },
    /// Begins to write a file under the handle the daemon chose. Not answered by itself: the message
    /// with `last` is, with [`FileReply::Written`] or with the first fault of the whole write.
    Create {
        /// Chosen by the daemon, free again after the answer.
        handle: u32,
        /// What to write, and how.
        target: WriteTarget,
        /// The first bytes, at most [`super::FILE_CHUNK_BYTES`].
        #[serde(with = "run")]
        data: Vec<u8>,
        /// These are all the bytes.
        last: bool,
    },
    /// More bytes of a write that [`FileOp::Create`] began.
    Continue {
        /// The handle.
        handle: u32,
        /// The next bytes, at most [`super::FILE_CHUNK_BYTES`].
        #[serde(with = "run")]
        data: Vec<u8>,
        /// These are the last bytes.
        last: bool,
    },
    /// What is in a directory; answered by one or more [`FileReply::Entries`].
    List {
        /// Which directory; empty for the workspace itself.
        path: Vec<u8>,
        /// How many levels to descend; 1 lists the directory alone.
        depth: u32,
        /// Also names that start with a dot.
        hidden: bool,
        /// Stop after so many entries.
        limit: u32,
    },
    /// What a path names, a link itself being looked at; answered by [`FileReply::Stat`].
    Stat {
        /// Which path.
        path: Vec<u8>,
    },
    /// Removes a file or directory; answered by [`FileReply::Removed`].
    Remove {
        /// Which path.
        path: Vec<u8>,
        /// Which of the sandbox's trees it is in.
        area: Area,
        /// Also a directory that is not empty, with all in it.
        recursive: bool,
    },
    /// Makes a directory of the workspace; answered by [`FileReply::Made`].
    MakeDirectory {
        /// Which path.
        path: Vec<u8>,
        /// Its permission bits.
        mode: u32,
        /// Make those above it that are missing, and be content with one that is there.
        parents: bool,
    },
    /// Makes a symbolic link in the workspace; answered by [`FileReply::Made`].
    MakeLink {
        /// Which path.
        path: Vec<u8>,
        /// What it says, which nobody follows now.
        target: Vec<u8>,
    },
    /// Sets when a file, a directory or a link itself was last changed; answered by [`FileReply::Made`].
    SetModified {
        /// Which path.
        path: Vec<u8>,
        /// Nanoseconds since 1970.
        modified_nanos: i64,
    },
    /// Removes a regular file of the workspace, unless it is another by now; answered by [`FileReply::Removed`].
    RemoveFile {
        /// Which path.
        path: Vec<u8>,
        /// Refuse (`ESTALE`) unless the file has this tag now.
        if_match: FileTag,
    },
    /// Copies a file, a link itself, or a directory with all that is in it; answered by [`FileReply::Copied`] or
    /// [`FileReply::NotTransferred`].
    Copy(Transfer),
    /// Gives it another name, or copies and then removes it where the kernel can't; answered by
    /// [`FileReply::Moved`] or [`FileReply::NotTransferred`].
    Move(Transfer),
    /// Looks for files; answered by one or more [`FileReply::Found`].
    Find(Find),
    /// Puts the code where a program awaits it, which goes on then; answered by [`FileReply::Made`]. One that can't
    /// have it is killed (`ESRCH` where it is gone already). Processor time counts from here.
    Release {
        /// Which execution.
        execution: u32,
        /// The code, at most [`super::MAX_AWAITED_BYTES`].
        #[serde(with = "run")]
        code: Vec<u8>,
    },
    /// What memory a program has that awaits its code; answered by [`FileReply::Weighed`].
    Weigh {
        /// Which execution.
        execution: u32,
    },
}

/// From where to where something of the workspace goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// What; a link at the end of the path is not followed.
    pub from: Vec<u8>,
    /// To which path, the name included; a link there is not followed.
    pub to: Vec<u8>,
    /// Take the place of what is there: of a directory with a directory, of anything else with anything else.
    pub overwrite: bool,
    /// Make the directories above `to` that are missing.
    pub parents: bool,
}

/// Where and how [`FileOp::Create`] writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteTarget {
    /// The path, relative to `area`.
    pub path: Vec<u8>,
    /// Which of the sandbox's trees.
    pub area: Area,
    /// What becomes of a file that exists.
    pub existing: Existing,
    /// Permission bits of a new file; 0o644 when absent.
    pub mode: Option<u32>,
    /// Make the directories above it that are missing.
    pub parents: bool,
    /// Refuse (`ESTALE`) unless the file has this tag now.
    pub if_match: Option<FileTag>,
}

/// The trees that the agent changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Area {
    /// What the user works in.
    Workspace,
    /// Where code that came without a file is put, so that it can be run; programs see it read-only.
    Code,
    /// What need not last: any program may write there as well.
    Temporary,
}

/// What a write does to a file that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Existing {
    /// Replaces it at one stroke: a reader sees the old or the new, never a part.
    Replace,
    /// Adds to its end.
    Append,
    /// Writes over the bytes from this offset, and leaves the rest.
    PatchAt(u64),
    /// Refuses with `EEXIST`.
    Refuse,
}

/// Tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileTag {
    /// Inode number.
    pub inode: u64,
    /// Size in bytes.
    pub size: u64,
    /// Last change, nanoseconds since 1970.
    pub modified_nanos: i64,
}

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStat {
    /// File, directory …
    pub kind: FileKind,
    /// Inode, size and time.
    pub tag: FileTag,
    /// Permission bits.
    pub mode: u32,
}

/// Kinds of directory entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A socket, pipe or device.
    Other,
}

/// One entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Relative to the directory that was listed; any bytes but NUL.
    pub path: Vec<u8>,
    /// What it is.
    pub stat: FileStat,
}

/// A file operation that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileReply {
    /// Bytes of a file, and the state it was in.
    Data {
        /// At most what was asked for; empty at and beyond the end.
        #[serde(with = "run")]
        data: Vec<u8>,
        /// The file when it was read.
        stat: FileStat,
    },
    /// The file after the write.
    Written {
        /// Its state now.
        stat: FileStat,
        /// Whether it did not exist before.
        created: bool,
    },
    /// Some entries, sorted by path within each directory.
    Entries {
        /// These, and no more than fit into a frame.
        entries: Vec<FileEntry>,
        /// Whether this is the last part.
        last: bool,
        /// With the last part: whether `limit` cut the listing.
        truncated: bool,
    },
    /// What the path names.
    Stat {
        /// Its kind, state and permissions.
        stat: FileStat,
        /// Of a link: what it says.
        target: Option<Vec<u8>>,
    },
    /// It is gone.
    Removed {
        /// How many files and directories.
        count: u64,
    },
    /// What was asked for is there now.
    Made {
        /// Its kind, state and permissions.
        stat: FileStat,
        /// Whether it was not there before.
        created: bool,
    },
    /// The copy is in its place.
    Copied {
        /// What it took.
        copied: Copied,
        /// Whether it took the place of something.
        replaced: bool,
    },
    /// It has its new name.
    Moved {
        /// What it took where it had to be copied.
        copied: Option<Copied>,
        /// Whether it took the place of something.
        replaced: bool,
    },
    /// It was neither copied nor moved, and nothing is left of the attempt but directories made above `to`; or it
    /// was, and something else went wrong after that.
    NotTransferred(TransferFault),
    /// What memory the program has.
    Weighed {
        /// Resident, and its own.
        bytes: u64,
    },
    /// A part of what was found, cut anywhere.
    Found {
        /// No more than [`FILE_CHUNK_BYTES`](super::FILE_CHUNK_BYTES).
        #[serde(with = "run")]
        data: Vec<u8>,
        /// Nothing more comes, and this is why.
        end: Option<FindEnd>,
    },
}

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Files, links and directories, the one at the top included.
    pub entries: u64,
    /// Size of the files.
    pub bytes: u64,
    /// Pipes, sockets and devices that were left out.
    pub skipped: u64,
}

/// Why something could not be copied or moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferFault {
    /// The kernel's error number. As in [`FileFault`], and `EINVAL` means that something would come into itself, onto
    /// itself, or into the place of a directory that it is in, `ECANCELED` that it was given up.
    pub errno: i32,
    /// At which end.
    pub end: End,
    /// Below which name there, empty for the end itself; cut off where it is long.
    pub below: Vec<u8>,
    /// What was asked for is done, but what was there before could not all be removed.
    pub done: bool,
}

/// The ends of a copy or a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// `from`.
    Source,
    /// `to`.
    Target,
}

/// A file operation that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFault {
    /// The kernel's error number. `EXDEV` means that the path would leave the workspace, `EOPNOTSUPP` that
    /// it names neither a file nor a directory, `ESTALE` that the file is not the one that was expected,
    /// `EBADF` that a write's handle is not, or no longer, in use.
    pub errno: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_bytes_is_encoded_as_the_sequence_it_is() {
        let op = FileOp::Continue { handle: 300, data: vec![1, 0, 255], last: true };
        let bytes = postcard::to_allocvec(&op).unwrap();
        assert_eq!(bytes, postcard::to_allocvec(&(2_u8, 300_u32, vec![1_u8, 0, 255], true)).unwrap());
        assert_eq!(postcard::from_bytes::<FileOp>(&bytes).unwrap(), op);
        // A length that the rest of the message can't have.
        assert!(postcard::from_bytes::<FileOp>(&[2, 1, 255, 255, 3, 0]).is_err());
    }
}
