//! What the daemon asks about files, done inside the sandbox.
//!
//! Every path is resolved by the kernel beneath the workspace (or another [`Area`]), so no link, no
//! `..` and no race of a hostile program leads out of it. Only regular files are read and written; a
//! pipe, socket or device is refused before it could hold anything up. What may take long is done in
//! slices between the rounds of the loop, and what can't be sliced by a process of its own ([`find`]).

mod aside;
mod beneath;
mod copy;
mod find;
pub(crate) mod finders;
mod held;
mod list;
mod make;
mod path;
mod pipe;
mod read;
mod remove;
mod rename;
mod transfer;
mod tree;
mod watcher;
mod write;

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use codebeaker_agent::wire::watch::Watch;
use codebeaker_agent::wire::{
    Area, Awaited, FileFault, FileKind, FileOp, FileReply, FileStat, FileTag, FromAgent, Transfer,
};

pub(crate) use self::held::Held;
use self::list::Listing;
use self::path::Root;
pub(crate) use self::pipe::Pipe;
use self::remove::Removal;
use self::transfer::Transferring;
use self::write::Writes;
use crate::agent::outbound::Outbound;
use crate::agent::sys::{Errno, Result};

/// What is neither a regular file nor a directory is refused with this.
const NOT_A_FILE: Errno = Errno(libc::EOPNOTSUPP);

/// How long one request may keep the loop at a time.
const SLICE: Duration = Duration::from_millis(2);

/// How many bytes of answers may wait for the daemon before no more are made.
const BACKLOG_BYTES: usize = 512 * 1024;

/// How many copies and moves are under way at a time; each holds memory, and descriptors by the dozen.
const MOST_TRANSFERS: usize = 8;

/// The sandbox's files.
pub(crate) struct Files {
    workspace: Root,
    code: Root,
    temporary: Root,
    writes: Writes,
    /// Requests that take more than one slice; without a number when nobody waits for the answer any more.
    jobs: VecDeque<(Option<u32>, Job)>,
    /// Copies and moves whose turn is yet to come.
    waiting: VecDeque<(u32, Transfer, bool)>,
}

enum Job {
    List(Listing),
    Remove(Removal),
    Transfer(Box<Transferring>),
}

impl Files {
    /// `beneath` is false only where an attack test leaves that protection out.
    pub(crate) fn new(workspace: OwnedFd, code: OwnedFd, temporary: OwnedFd, beneath: bool) -> Self {
        Files {
            workspace: Root::new(workspace, beneath),
            code: Root::new(code, beneath),
            temporary: Root::new(temporary, beneath),
            writes: Writes::default(),
            jobs: VecDeque::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Does what is asked, or begins to.
    pub(crate) fn handle(&mut self, request: u32, op: FileOp, outbound: &mut Outbound) {
        let result = match op {
            FileOp::Read { path, offset, max } => read::read(&self.workspace, &path, offset, max),
            FileOp::Stat { path } => read::stat(&self.workspace, &path),
            FileOp::MakeDirectory { path, mode, parents } => make::directory(&self.workspace, &path, mode, parents),
            FileOp::MakeLink { path, target } => make::link(&self.workspace, &path, &target),
            FileOp::SetModified { path, modified_nanos } => make::modified(&self.workspace, &path, modified_nanos),
            FileOp::RemoveFile { path, if_match } => remove::file(&self.workspace, &path, if_match),
            FileOp::Create { handle, target, data, last } => {
                let root = root(target.area, &self.workspace, &self.code, &self.temporary);
                match self.writes.create(root, handle, &target, &data, last) {
                    None => return,
                    Some(result) => result,
                }
            }
            FileOp::Continue { handle, data, last } => match self.writes.go_on(handle, &data, last) {
                None => return,
                Some(result) => result,
            },
            FileOp::List { path, depth, hidden, limit } => {
                match Listing::start(&self.workspace, &path, depth, hidden, limit) {
                    Ok(listing) => return self.jobs.push_back((Some(request), Job::List(listing))),
                    Err(errno) => Err(errno),
                }
            }
            FileOp::Copy(order) => return self.transfer(request, order, false, outbound),
            FileOp::Move(order) => return self.transfer(request, order, true, outbound),
            // It is the finders' business, and that of the executions.
            FileOp::Find(_) | FileOp::Release { .. } | FileOp::Weigh { .. } => Err(Errno(libc::EINVAL)),
            FileOp::Remove { path, area, recursive } => {
                match Removal::start(root(area, &self.workspace, &self.code, &self.temporary), &path, recursive) {
                    Ok(removal) => return self.jobs.push_back((Some(request), Job::Remove(removal))),
                    Err(errno) => Err(errno),
                }
            }
        };
        answer(request, result, outbound);
    }

    /// What a search is beneath.
    pub(crate) fn workspace(&self) -> &Root {
        &self.workspace
    }

    /// Makes a named pipe below the code directory, and opens it to be read.
    pub(crate) fn make_pipe(&self, path: &[u8]) -> Result<(OwnedFd, Pipe)> {
        // No program shall read what others say to the daemon.
        pipe::make(&self.code, path, 0o200)
    }

    /// Has code awaited.
    pub(crate) fn hold(&self, awaited: Awaited) -> Result<Held> {
        held::hold(&self.workspace, &self.code, awaited)
    }

    /// Puts code where it is awaited.
    pub(crate) fn release(&self, held: &mut Held, code: &[u8]) -> Result<FileReply> {
        held.release(&self.workspace, code)
    }

    /// Has a directory of the workspace watched: the pipe by which is told what changes, and the process that does it.
    pub(crate) fn watch(&self, watch: &Watch) -> Result<(OwnedFd, i32)> {
        watcher::begin(&self.workspace, watch)
    }

    fn transfer(&mut self, request: u32, order: Transfer, moves: bool, outbound: &mut Outbound) {
        if self.jobs.iter().filter(|(_, job)| matches!(job, Job::Transfer(_))).count() >= MOST_TRANSFERS {
            return self.waiting.push_back((request, order, moves));
        }
        match Transferring::start(&self.workspace, &order, moves) {
            Ok(begun) => self.jobs.push_back((Some(request), Job::Transfer(Box::new(begun)))),
            Err(fault) => answer(request, Ok(FileReply::NotTransferred(fault)), outbound),
        }
    }

    /// A copy or a move is wanted no more.
    pub(crate) fn give_up(&mut self, request: u32, outbound: &mut Outbound) {
        for (of, job) in &mut self.jobs {
            if let (Some(of), Job::Transfer(transfer)) = (of, job)
                && *of == request
            {
                transfer.give_up();
            }
        }
        if let Some(at) = self.waiting.iter().position(|(of, ..)| *of == request) {
            self.waiting.remove(at);
            answer(request, Ok(FileReply::NotTransferred(Transferring::given_up())), outbound);
        }
    }

    /// The one who asked is gone: what is begun is dropped, and what that leaves behind is cleared away.
    pub(crate) fn detach(&mut self) {
        self.waiting.clear();
        self.jobs.retain_mut(|(request, job)| match job {
            Job::List(_) | Job::Remove(_) => false,
            Job::Transfer(transfer) => {
                *request = None;
                transfer.give_up();
                true
            }
        });
        self.writes = Writes::default();
    }

    /// Does a slice of what takes long.
    pub(crate) fn work(&mut self, outbound: &mut Outbound) {
        self.writes.forget_abandoned();
        if !self.has_work(outbound) {
            return;
        }
        let Some((request, mut job)) = self.jobs.pop_front() else { return };
        let slice = Slice::begin();
        let mut tell = |result| {
            if let Some(request) = request {
                answer(request, result, outbound);
            }
        };
        let result = match &mut job {
            Job::List(listing) => listing.go_on(&slice, |part| tell(Ok(part))),
            Job::Remove(removal) => removal.go_on(&slice),
            Job::Transfer(transfer) => transfer.go_on(&slice).map(Ok),
        };
        match result {
            None => self.jobs.push_back((request, job)),
            Some(result) => {
                tell(result);
                drop(job);
                if let Some((request, order, moves)) = self.waiting.pop_front() {
                    self.transfer(request, order, moves, outbound);
                }
            }
        }
    }

    /// Whether [`Files::work`] would get on with something.
    pub(crate) fn has_work(&self, outbound: &Outbound) -> bool {
        !self.jobs.is_empty() && outbound.backlog() <= BACKLOG_BYTES
    }

    /// When something is to be cleared away.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.writes.deadline()
    }
}

fn root<'a>(area: Area, workspace: &'a Root, code: &'a Root, temporary: &'a Root) -> &'a Root {
    match area {
        Area::Workspace => workspace,
        Area::Code => code,
        Area::Temporary => temporary,
    }
}

/// Tells what came of a request.
pub(crate) fn answer(request: u32, result: Result<FileReply>, outbound: &mut Outbound) {
    let result = result.map_err(|Errno(errno)| FileFault { errno });
    outbound.send(&FromAgent::File { request, result });
}

/// The time that one request may take before others have their turn.
struct Slice(Instant);

impl Slice {
    fn begin() -> Self {
        Slice(Instant::now() + SLICE)
    }

    /// Whether the time is over; asked before each small step.
    fn is_over(&self) -> bool {
        Instant::now() >= self.0
    }
}

fn tag(stat: &libc::stat) -> FileTag {
    FileTag {
        inode: stat.st_ino,
        size: stat.st_size as u64,
        modified_nanos: stat.st_mtime.saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec),
    }
}

fn describe(stat: &libc::stat) -> FileStat {
    let kind = match stat.st_mode & libc::S_IFMT {
        libc::S_IFREG => FileKind::File,
        libc::S_IFDIR => FileKind::Directory,
        libc::S_IFLNK => FileKind::Symlink,
        _ => FileKind::Other,
    };
    FileStat { kind, tag: tag(stat), mode: stat.st_mode & 0o7777 }
}

/// Refuses everything but a regular file.
fn must_be_file(stat: &libc::stat) -> Result<()> {
    match describe(stat).kind {
        FileKind::File => Ok(()),
        FileKind::Directory => Err(Errno(libc::EISDIR)),
        FileKind::Symlink | FileKind::Other => Err(NOT_A_FILE),
    }
}
