//! One sandbox's stream: who may write to it, and who waits for what it brings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use codebeaker_agent::frame::{self, Channel, Kind, Stream};
use codebeaker_agent::plan::WORKSPACE;
use codebeaker_agent::wire::{
    self, Area, ExecutionLimits, FileFault, FileOp, FileReply, Ready, Spawn, TerminalSize, ToAgent, WriteTarget,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::conduit::{Conduit, Ends};
use super::inbound::{self, Answer, PendingFile};
use super::joined::Adoptable;
use super::process::{Entry, Process};
use super::stream;

/// Frames that may wait for the writer, per lane; a lane that is full makes its senders wait.
const LANE_FRAMES: usize = 64;

/// Why nothing more can be had from a sandbox.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LinkError {
    /// A step of the sandbox's set-up failed, in the launcher's words.
    #[error("the sandbox could not be set up: {step}{}", reason(*.errno))]
    SetUp {
        /// What was attempted.
        step: String,
        /// The kernel's error number, 0 when it was not the kernel that refused.
        errno: i32,
    },
    /// Another daemon has joined the sandbox: it is that one's.
    #[error("another daemon has this sandbox")]
    Occupied,
    /// The stream ended, by itself or because the agent broke the protocol.
    #[error("the sandbox is gone: {0}")]
    Lost(String),
    /// What was asked is longer than a frame, so that it was not sent.
    #[error("{bytes} bytes are more than a sandbox takes at once, which is {}", frame::MAX_PAYLOAD_BYTES)]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// The program could not be started.
    #[error("could not {step}{}", reason(*.errno))]
    NotStarted {
        /// What was attempted: `find program`, `enter directory`.
        step: String,
        /// The kernel's error number.
        errno: i32,
    },
    /// Nothing could be connected to.
    #[error("could not {step}{}", reason(*.errno))]
    NotConnected {
        /// What was attempted: `open socket`, `connect`, `make pipe`.
        step: String,
        /// The kernel's error number.
        errno: i32,
    },
    /// A file operation failed.
    #[error("file operation failed{}", reason(*.errno))]
    File {
        /// The kernel's error number; `EXDEV` when the path would leave the workspace.
        errno: i32,
    },
}

fn reason(errno: i32) -> String {
    if errno == 0 { String::new() } else { format!(": {}", std::io::Error::from_raw_os_error(errno)) }
}

/// What to start; the rest of [`Spawn`] is the link's business.
#[derive(Clone, PartialEq)]
pub struct Program {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// Absolute directory inside the sandbox.
    pub cwd: String,
    /// Whether it gets a standard input that can be written to.
    pub stdin: bool,
    /// Run it in a terminal.
    pub terminal: Option<TerminalSize>,
    /// Whether it finds a two-way stream on descriptor 3, which is [`Process::side`].
    pub side: bool,
    /// Tighter limits than the sandbox's.
    pub limits: ExecutionLimits,
    /// What a later daemon, that joins the sandbox, is told of it; at most [`wire::MAX_NAME_BYTES`].
    pub name: String,
}

impl Program {
    /// A program in the workspace, with no input, no terminal and no limits of its own.
    #[must_use]
    pub fn new(argv: Vec<String>, env: Vec<(String, String)>) -> Self {
        let cwd = WORKSPACE.to_owned();
        let limits = ExecutionLimits::default();
        Self { argv, env, cwd, stdin: false, terminal: None, side: false, limits, name: String::new() }
    }
}

/// A handle on one sandbox; clones share it. The stream is closed, and with it the sandbox ended, by
/// [`Link::close`] or when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Link {
    pub(super) shared: Arc<Shared>,
    _closer: Arc<tokio_util::sync::DropGuard>,
}

/// What the link's tasks and handles have in common.
#[derive(Debug)]
pub(super) struct Shared {
    /// Requests, signals and credit: overtakes [`Shared::bulk`].
    control: mpsc::Sender<Bytes>,
    /// Standard input, what goes into two-way streams, and file contents.
    pub(super) bulk: mpsc::Sender<Bytes>,
    table: Mutex<Table>,
    pub(super) closed: CancellationToken,
    why: OnceLock<String>,
}

/// What was asked and is not yet answered.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) executions: HashMap<u32, Arc<Entry>>,
    /// The side streams of executions among them.
    pub(super) conduits: HashMap<u32, Arc<Ends>>,
    pub(super) files: HashMap<u32, PendingFile>,
    /// Of executions and conduits.
    pub(super) last_number: u32,
    /// Those of another daemon, which nobody has taken over yet.
    pub(super) adoptable: HashMap<u32, Adoptable>,
    last_request: u32,
    last_handle: u32,
    /// The stream has ended: whoever waited was told, and nobody may begin to wait.
    ended: bool,
}

impl Link {
    /// Takes over the stream right after the plan was written to it, and waits until the agent is ready.
    ///
    /// # Errors
    /// [`LinkError::SetUp`] when the launcher reports a failed step, [`LinkError::Lost`] when the stream
    /// ends or brings anything else.
    pub async fn open<R, W>(reader: R, writer: W) -> Result<(Self, Ready), LinkError>
    where
        R: AsyncRead + Send + 'static,
        W: AsyncWrite + Send + 'static,
    {
        let (control, control_queue) = mpsc::channel(LANE_FRAMES);
        let (bulk, bulk_queue) = mpsc::channel(LANE_FRAMES);
        let closed = CancellationToken::new();
        let shared =
            Arc::new(Shared { control, bulk, table: Mutex::default(), closed: closed.clone(), why: OnceLock::new() });
        let link = Self { shared: Arc::clone(&shared), _closer: Arc::new(closed.clone().drop_guard()) };
        let (ready_sender, ready) = oneshot::channel();
        tokio::spawn(stream::write(writer, control_queue, bulk_queue, closed.clone()));
        tokio::spawn(stream::read(reader, shared, ready_sender));
        let ready = ready.await.map_err(|_| link.shared.lost())??;
        Ok((link, ready))
    }

    /// Starts a program and waits until it runs.
    ///
    /// # Errors
    /// [`LinkError::NotStarted`], [`LinkError::TooLong`] or [`LinkError::Lost`].
    pub async fn spawn(&self, program: Program) -> Result<Process, LinkError> {
        self.start(program, None).await
    }

    /// As [`Link::spawn`]; a program may have to wait for its code then.
    pub(super) async fn start(&self, program: Program, awaits: Option<wire::Awaited>) -> Result<Process, LinkError> {
        let Program { argv, env, cwd, stdin, terminal, side, limits, name } = program;
        let stdin = stdin || terminal.is_some();
        let ends = side.then(Ends::open);
        let (entry, events) = Entry::new(stdin, terminal.is_some(), ends.clone());
        let execution = self.shared.expect_execution(&entry, ends.as_ref())?;
        let conduit = ends.map(|ends| Conduit::new(execution, Arc::clone(&self.shared), ends));
        let mut process = Process::new(execution, Arc::clone(&self.shared), entry, events.exited, conduit);
        let spawn = Spawn { execution, argv, env, cwd, stdin, terminal, side, limits, name, awaits };
        self.shared.ask(&ToAgent::Spawn(spawn)).await?;
        process.was_asked_for();
        match events.started.await {
            Ok(Ok(pid)) => {
                process.pid = pid;
                Ok(process)
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(self.shared.lost()),
        }
    }

    /// Does one file operation that is answered by itself: anything but a write.
    ///
    /// # Errors
    /// [`LinkError::File`], [`LinkError::TooLong`] or [`LinkError::Lost`].
    pub async fn file(&self, op: FileOp) -> Result<FileReply, LinkError> {
        let (request, answer) = self.shared.expect_file(inbound::entry_limit(&op))?;
        self.shared.ask(&ToAgent::File { request, op }).await.inspect_err(|_| self.shared.forget_file(request))?;
        self.answered(answer).await
    }

    /// Writes a file in as many messages as it takes, with one wait at the end. Once begun, the write is
    /// completed even when the caller gives up.
    ///
    /// # Errors
    /// [`LinkError::File`] with the first fault of the write, [`LinkError::TooLong`] or [`LinkError::Lost`].
    pub async fn write_file(&self, target: WriteTarget, mut data: Bytes) -> Result<FileReply, LinkError> {
        let (request, answer) = self.shared.expect_file(0)?;
        let handle = self.shared.next_handle();
        let first = data.split_to(data.len().min(wire::FILE_CHUNK_BYTES)).to_vec();
        let op = FileOp::Create { handle, target, data: first, last: data.is_empty() };
        let begin = ToAgent::File { request, op };
        if data.is_empty() {
            self.shared.ask_in_bulk(&begin).await.inspect_err(|_| self.shared.forget_file(request))?;
        } else {
            let begin = control_frame(&begin).inspect_err(|_| self.shared.forget_file(request))?;
            tokio::spawn(send_in_parts(Arc::clone(&self.shared), request, handle, begin, data));
        }
        self.answered(answer).await
    }

    /// Puts files where programs can read but not change them, and starts a program that needs them there.
    ///
    /// # Errors
    /// [`LinkError::File`] when a file can't be put there, else as [`Link::spawn`].
    pub async fn spawn_with_files(&self, files: &[(String, Bytes)], program: Program) -> Result<Process, LinkError> {
        let (small, large): (Vec<_>, Vec<_>) =
            files.iter().partition(|(_, content)| content.len() <= frame::MAX_DATA_BYTES);
        for (path, content) in large {
            self.write_file(code_file(path), content.clone()).await?;
        }
        // In one lane, and so in this order: there is no need to wait for the one before asking for the other.
        let mut all_written = Vec::with_capacity(small.len());
        for (path, content) in small {
            let (request, written) = self.shared.expect_file(0)?;
            let (handle, data) = (self.shared.next_handle(), content.to_vec());
            let op = FileOp::Create { handle, target: code_file(path), data, last: true };
            self.shared.ask(&ToAgent::File { request, op }).await.inspect_err(|_| self.shared.forget_file(request))?;
            all_written.push(written);
        }
        let spawned = self.spawn(program).await;
        for written in all_written {
            self.answered(written).await?;
        }
        spawned
    }

    /// Has the files of [`Link::spawn_with_files`] taken away, with their directory. Nobody depends on when
    /// that is done, so this doesn't wait for it.
    ///
    /// # Errors
    /// [`LinkError::Lost`].
    pub async fn remove_code(&self, directory: &str) -> Result<(), LinkError> {
        self.remove_from(Area::Code, directory).await
    }

    async fn remove_from(&self, area: Area, directory: &str) -> Result<(), LinkError> {
        let (request, _) = self.shared.expect_file(0)?;
        let op = FileOp::Remove { path: directory.as_bytes().to_vec(), area, recursive: true };
        self.shared.ask(&ToAgent::File { request, op }).await.inspect_err(|_| self.shared.forget_file(request))
    }

    /// Makes an empty file at this path below [`TEMPORARY`](super::plan::TEMPORARY) for a program to write to, and
    /// the directories that lead there.
    ///
    /// # Errors
    /// [`LinkError::File`] when it can't be made, or [`LinkError::Lost`].
    pub async fn make_temporary(&self, path: &str) -> Result<(), LinkError> {
        let target = WriteTarget { area: Area::Temporary, mode: Some(0o755), ..code_file(path) };
        self.write_file(target, Bytes::new()).await.map(drop)
    }

    /// Has a directory below [`TEMPORARY`](super::plan::TEMPORARY) taken away. Doesn't wait for it.
    ///
    /// # Errors
    /// [`LinkError::Lost`].
    pub async fn remove_temporary(&self, directory: &str) -> Result<(), LinkError> {
        self.remove_from(Area::Temporary, directory).await
    }

    pub(super) async fn answered(&self, answer: Answer) -> Result<FileReply, LinkError> {
        match answer.await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(FileFault { errno })) => Err(LinkError::File { errno }),
            Err(_) => Err(self.shared.lost()),
        }
    }

    /// Resolves when the stream has ended, with the reason.
    pub async fn lost(&self) -> LinkError {
        self.shared.closed.cancelled().await;
        self.shared.lost()
    }

    /// Closes the stream, upon which the agent and with it the sandbox ends.
    pub fn close(&self, why: &str) {
        self.shared.close(why);
    }
}

impl Shared {
    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lost(&self) -> LinkError {
        LinkError::Lost(self.why.get().cloned().unwrap_or_else(|| "its stream was closed".to_owned()))
    }

    pub(super) async fn ask(&self, message: &ToAgent) -> Result<(), LinkError> {
        self.send(&self.control, control_frame(message)?).await
    }

    pub(super) async fn ask_in_bulk(&self, message: &ToAgent) -> Result<(), LinkError> {
        self.send(&self.bulk, control_frame(message)?).await
    }

    pub(super) async fn send_input(&self, channel: Channel, bytes: &[u8]) -> Result<(), LinkError> {
        self.send(&self.bulk, raw_frame(Kind::Data, channel, bytes)).await
    }

    pub(super) async fn end_input(&self, channel: Channel) -> Result<(), LinkError> {
        self.send(&self.bulk, raw_frame(Kind::End, channel, &[])).await
    }

    pub(super) async fn grant(&self, channel: Channel, bytes: u32) -> Result<(), LinkError> {
        self.send(&self.control, raw_frame(Kind::Credit, channel, &bytes.to_le_bytes())).await
    }

    /// As [`Shared::grant`], at once or not at all.
    pub(super) fn try_grant(&self, channel: Channel, bytes: u32) -> bool {
        self.control.try_send(raw_frame(Kind::Credit, channel, &bytes.to_le_bytes())).is_ok()
    }

    async fn send(&self, lane: &mpsc::Sender<Bytes>, frame: Bytes) -> Result<(), LinkError> {
        tokio::select! {
            biased;
            () = self.closed.cancelled() => Err(self.lost()),
            sent = lane.send(frame) => sent.map_err(|_| self.lost()),
        }
    }

    /// Numbers an execution, unless there is nobody left who would tell of its end.
    fn expect_execution(&self, entry: &Arc<Entry>, side: Option<&Arc<Ends>>) -> Result<u32, LinkError> {
        let mut table = self.table();
        let execution = self.next_number(&mut table)?;
        table.executions.insert(execution, Arc::clone(entry));
        table.conduits.extend(side.map(|ends| (execution, Arc::clone(ends))));
        Ok(execution)
    }

    /// As [`Shared::expect_execution`], for a conduit.
    pub(super) fn expect_conduit(&self, ends: &Arc<Ends>) -> Result<u32, LinkError> {
        let mut table = self.table();
        if table.conduits.len() >= wire::MAX_CONDUITS {
            let errno = rustix::io::Errno::MFILE.raw_os_error();
            return Err(LinkError::NotConnected { step: "make one more conduit".to_owned(), errno });
        }
        let conduit = self.next_number(&mut table)?;
        table.conduits.insert(conduit, Arc::clone(ends));
        Ok(conduit)
    }

    fn next_number(&self, table: &mut Table) -> Result<u32, LinkError> {
        if table.ended {
            return Err(self.lost());
        }
        if table.last_number == Channel::MAX_NUMBER {
            return Err(LinkError::Lost("it has had as many programs and conduits as can be numbered".to_owned()));
        }
        table.last_number += 1;
        Ok(table.last_number)
    }

    pub(super) fn expect_file(&self, limit: u32) -> Result<(u32, Answer), LinkError> {
        self.expect(PendingFile::new(limit))
    }

    /// As [`Shared::expect_file`], for what is found.
    pub(super) fn expect_found(&self) -> Result<(u32, Answer), LinkError> {
        self.expect(PendingFile::of_found())
    }

    fn expect(&self, (pending, answer): (PendingFile, Answer)) -> Result<(u32, Answer), LinkError> {
        let mut table = self.table();
        if table.ended {
            return Err(self.lost());
        }
        table.last_request = table.last_request.wrapping_add(1);
        let request = table.last_request;
        table.files.insert(request, pending);
        Ok((request, answer))
    }

    /// What was not asked is not answered.
    pub(super) fn forget_file(&self, request: u32) {
        self.table().files.remove(&request);
    }

    pub(super) fn next_handle(&self) -> u32 {
        let mut table = self.table();
        table.last_handle = table.last_handle.wrapping_add(1);
        table.last_handle
    }

    /// Ends the link once; later reasons don't count. Every waiter is woken.
    pub(super) fn close(&self, why: &str) {
        if self.why.set(why.to_owned()).is_ok() {
            tracing::debug!(why, "sandbox stream closed");
        }
        self.closed.cancel();
        let mut table = self.table();
        table.ended = true;
        table.files.clear();
        for (_, entry) in table.executions.drain() {
            entry.lose();
        }
        for (_, ends) in table.conduits.drain() {
            ends.lose();
        }
    }
}

impl Table {
    /// The agent will say nothing more of it.
    pub(super) fn forget_execution(&mut self, execution: u32) {
        self.executions.remove(&execution);
        self.conduits.remove(&execution);
    }
}

/// A file that programs can read alone.
fn code_file(path: &str) -> WriteTarget {
    WriteTarget {
        path: path.as_bytes().to_vec(),
        area: Area::Code,
        existing: wire::Existing::Refuse,
        mode: Some(0o444),
        parents: true,
        if_match: None,
    }
}

fn control_frame(message: &ToAgent) -> Result<Bytes, LinkError> {
    let header = frame::header(Kind::Control, Channel::CONTROL, 0);
    let mut bytes = postcard::to_extend(message, header.to_vec()).expect("a control message can be encoded");
    let payload = bytes.len() - frame::HEADER_BYTES;
    if payload > frame::MAX_PAYLOAD_BYTES {
        return Err(LinkError::TooLong { bytes: payload });
    }
    bytes[..frame::HEADER_BYTES].copy_from_slice(&frame::header(Kind::Control, Channel::CONTROL, payload));
    Ok(bytes.into())
}

pub(super) fn raw_frame(kind: Kind, channel: Channel, payload: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(frame::HEADER_BYTES + payload.len());
    frame::append(&mut bytes, kind, channel, payload);
    bytes.into()
}

/// Sends the message that begins a write, and then the rest of the data.
async fn send_in_parts(shared: Arc<Shared>, request: u32, handle: u32, begin: Bytes, mut data: Bytes) {
    // A stream that is lost tells whoever waits for the answer.
    let mut sent = shared.send(&shared.bulk, begin).await;
    while sent.is_ok() && !data.is_empty() {
        let next = data.split_to(data.len().min(wire::FILE_CHUNK_BYTES)).to_vec();
        let op = FileOp::Continue { handle, data: next, last: data.is_empty() };
        sent = shared.ask_in_bulk(&ToAgent::File { request, op }).await;
    }
}

/// The channel of a stream, for the modules beside this one.
pub(super) fn channel(execution: u32, stream: Stream) -> Channel {
    Channel::of(execution, stream)
}

#[cfg(test)]
mod hostile;
