//! What the agent sends, checked against what was asked and granted.
//!
//! Nothing here waits: a frame is taken or refused at once, so that the reader of the stream can't be
//! held up by whoever should have taken it.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use codebeaker_agent::frame::{self, Frame, Kind, Stream};
use codebeaker_agent::wire::find::FOUND_BYTES;
use codebeaker_agent::wire::{FileEntry, FileFault, FileOp, FileReply, FromAgent, LISTING_PATH_BYTES, Ready};
use tokio::sync::oneshot;

use super::conduit::Ends;
use super::joined::take_over;
use super::link::{LinkError, Shared};
use super::process::Entry;
use super::stream::first_message;

/// How the agent can break the protocol.
#[derive(Debug, thiserror::Error)]
pub(super) enum Violation {
    #[error(transparent)]
    Frame(#[from] frame::Violation),
    #[error("a control message can't be read")]
    Undecodable(#[source] postcard::Error),
    #[error("a message came before the sandbox was ready")]
    Early,
    #[error("a message that comes first came again")]
    Repeated,
    #[error("execution {0} is unknown or has ended")]
    UnknownExecution(u32),
    #[error("conduit {0} is unknown or was told of already")]
    UnknownConduit(u32),
    #[error("execution {0} ended before it was started")]
    EndBeforeStart(u32),
    #[error("no kernel has the error number {0}")]
    ErrorNumber(i32),
    #[error("file request {0} is unknown")]
    UnknownRequest(u32),
    #[error("channel {0} takes no such frame")]
    WrongChannel(u32),
    #[error("channel {0} went over its credit")]
    OverCredit(u32),
    #[error("a listing, or what was found, is longer than was asked for")]
    OverLimit,
}

/// A file request on its way.
#[derive(Debug)]
pub(super) struct PendingFile {
    answer: oneshot::Sender<Result<FileReply, FileFault>>,
    /// Parts of a listing so far.
    entries: Vec<FileEntry>,
    /// The most entries that were asked for.
    limit: u32,
    /// How long the paths of the entries still may be.
    path_bytes: usize,
    /// What was found so far, and how much it still may be.
    found: Vec<u8>,
    found_bytes: usize,
}

/// Where the answer to a file request comes.
pub(super) type Answer = oneshot::Receiver<Result<FileReply, FileFault>>;

impl PendingFile {
    pub(super) fn new(limit: u32) -> (Self, Answer) {
        let (answer, receiver) = oneshot::channel();
        let (path_bytes, entries) = (LISTING_PATH_BYTES, Vec::new());
        (Self { answer, entries, limit, path_bytes, found: Vec::new(), found_bytes: 0 }, receiver)
    }

    /// One that is answered with what is found.
    pub(super) fn of_found() -> (Self, Answer) {
        let (pending, receiver) = Self::new(0);
        (Self { found_bytes: FOUND_BYTES, ..pending }, receiver)
    }
}

/// How many entries a file operation may be answered with.
pub(super) fn entry_limit(op: &FileOp) -> u32 {
    match op {
        FileOp::List { limit, .. } => *limit,
        _ => 0,
    }
}

/// Takes every whole frame out of `buffer`.
pub(super) fn take_frames(
    buffer: &mut BytesMut,
    shared: &Arc<Shared>,
    ready: &mut Option<oneshot::Sender<Result<Ready, LinkError>>>,
) -> Result<(), Violation> {
    while let Some((frame, used)) = frame::decode(buffer)? {
        take(frame, shared, ready)?;
        buffer.advance(used);
    }
    Ok(())
}

fn take(
    frame: Frame<'_>,
    shared: &Arc<Shared>,
    ready: &mut Option<oneshot::Sender<Result<Ready, LinkError>>>,
) -> Result<(), Violation> {
    if let Some(waiting) = ready.take() {
        if frame.kind != Kind::Control {
            return Err(Violation::Early);
        }
        // Whoever asked for the sandbox may have given up; the closing link then ends it.
        let first = first_message(decode(frame.payload)?);
        if let Ok(ready) = &first {
            take_over(ready, &mut shared.table())?;
        }
        drop(waiting.send(first));
        return Ok(());
    }
    match frame.kind {
        Kind::Control => control(decode(frame.payload)?, shared),
        Kind::Data | Kind::End => output(frame, shared),
        Kind::Credit => credit(frame, shared),
    }
}

fn decode(payload: &[u8]) -> Result<FromAgent, Violation> {
    postcard::from_bytes(payload).map_err(Violation::Undecodable)
}

fn control(message: FromAgent, shared: &Shared) -> Result<(), Violation> {
    match message {
        FromAgent::Ready(_) | FromAgent::SetupFailed { .. } | FromAgent::Occupied => Err(Violation::Repeated),
        FromAgent::Started { execution, pid } => entry(shared, execution)?.start(Ok(pid)).ok_or(Violation::Repeated),
        FromAgent::NotStarted { execution, step, errno } => {
            let refusal = LinkError::NotStarted { step: plain(&step), errno: error_number(errno)? };
            // Taken off the table last: the end of the link wakes only those who wait there.
            entry(shared, execution)?.refuse(refusal).ok_or(Violation::Repeated)?;
            shared.table().forget_execution(execution);
            Ok(())
        }
        FromAgent::Connected { conduit } => {
            ends(shared, conduit).and_then(|ends| ends.connected()).ok_or(Violation::UnknownConduit(conduit))
        }
        FromAgent::NotConnected { conduit, step, errno } => {
            let refusal = LinkError::NotConnected { step: plain(&step), errno: error_number(errno)? };
            let refused = ends(shared, conduit).and_then(|ends| ends.refused(refusal));
            refused.ok_or(Violation::UnknownConduit(conduit))?;
            shared.table().conduits.remove(&conduit);
            Ok(())
        }
        FromAgent::Exited(exited) => {
            let execution = exited.execution;
            let entry = entry(shared, execution)?;
            if !entry.is_started() {
                return Err(Violation::EndBeforeStart(execution));
            }
            entry.exit(exited).ok_or(Violation::Repeated)?;
            forget_if_over(shared, execution, &entry);
            Ok(())
        }
        FromAgent::File { request, result } => file(shared, request, result),
    }
}

fn file(shared: &Shared, request: u32, result: Result<FileReply, FileFault>) -> Result<(), Violation> {
    let mut table = shared.table();
    let pending = table.files.get_mut(&request).ok_or(Violation::UnknownRequest(request))?;
    let result = match result {
        Ok(FileReply::Entries { entries, last, truncated }) => {
            let path_bytes = entries.iter().map(|entry| entry.path.len()).sum();
            pending.path_bytes = pending.path_bytes.checked_sub(path_bytes).ok_or(Violation::OverLimit)?;
            pending.entries.extend(entries);
            if pending.entries.len() > pending.limit as usize {
                return Err(Violation::OverLimit);
            }
            if !last {
                return Ok(());
            }
            Ok(FileReply::Entries { entries: std::mem::take(&mut pending.entries), last, truncated })
        }
        Ok(FileReply::Found { data, end }) => {
            pending.found_bytes = pending.found_bytes.checked_sub(data.len()).ok_or(Violation::OverLimit)?;
            pending.found.extend_from_slice(&data);
            if end.is_none() {
                return Ok(());
            }
            Ok(FileReply::Found { data: std::mem::take(&mut pending.found), end })
        }
        Err(FileFault { errno }) => Err(FileFault { errno: error_number(errno)? }),
        other => other,
    };
    if let Some(pending) = table.files.remove(&request) {
        // A caller that was cancelled meanwhile wants no answer.
        drop(pending.answer.send(result));
    }
    Ok(())
}

fn output(frame: Frame<'_>, shared: &Shared) -> Result<(), Violation> {
    let wrong = Violation::WrongChannel(frame.channel.0);
    let (execution, stream) = match frame.channel.names() {
        Some((number, Stream::Side)) => return side(frame, shared, number),
        Some((execution, stream @ (Stream::Stdout | Stream::Stderr))) => (execution, stream),
        Some((_, Stream::Stdin)) | None => return Err(wrong),
    };
    let entry = entry(shared, execution)?;
    if frame.kind == Kind::End {
        entry.end_output(stream).ok_or(wrong)?;
        forget_if_over(shared, execution, &entry);
        return Ok(());
    }
    entry.push_output(stream, frame.payload).ok_or(Violation::OverCredit(frame.channel.0))
}

/// What comes on a two-way stream.
fn side(frame: Frame<'_>, shared: &Shared, number: u32) -> Result<(), Violation> {
    let ends = ends(shared, number).ok_or(Violation::UnknownConduit(number))?;
    if frame.kind == Kind::Data {
        return ends.push(frame.payload).ok_or(Violation::OverCredit(frame.channel.0));
    }
    if ends.end().ok_or(Violation::WrongChannel(frame.channel.0))? {
        shared.table().conduits.remove(&number);
    }
    if let Ok(entry) = entry(shared, number) {
        forget_if_over(shared, number, &entry);
    }
    Ok(())
}

fn credit(frame: Frame<'_>, shared: &Shared) -> Result<(), Violation> {
    let wrong = Violation::WrongChannel(frame.channel.0);
    let (Some((number, stream @ (Stream::Stdin | Stream::Side))), Ok(bytes)) =
        (frame.channel.names(), frame.payload.try_into())
    else {
        return Err(wrong);
    };
    let bytes = u32::from_le_bytes(bytes);
    let granted = match stream {
        Stream::Side => ends(shared, number).map(|ends| ends.grant(bytes)),
        _ => entry(shared, number).ok().map(|entry| entry.grant_input(bytes)),
    };
    match granted {
        Some(granted) => granted.ok_or(Violation::OverCredit(frame.channel.0)),
        // Credit may still be on its way for what has ended.
        None if number <= shared.table().last_number => Ok(()),
        None => Err(Violation::UnknownExecution(number)),
    }
}

fn entry(shared: &Shared, execution: u32) -> Result<Arc<Entry>, Violation> {
    shared.table().executions.get(&execution).cloned().ok_or(Violation::UnknownExecution(execution))
}

fn ends(shared: &Shared, number: u32) -> Option<Arc<Ends>> {
    shared.table().conduits.get(&number).cloned()
}

/// An error number of Linux: others would come to harm where they are taken for one.
fn error_number(errno: i32) -> Result<i32, Violation> {
    if (1..4096).contains(&errno) { Ok(errno) } else { Err(Violation::ErrorNumber(errno)) }
}

/// The name of a step, as it can go into a message and a log: short, and no control characters.
pub(super) fn plain(step: &str) -> String {
    const MAX_CHARS: usize = 500;
    let shown = |character: char| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character };
    step.chars().take(MAX_CHARS).map(shown).collect()
}

fn forget_if_over(shared: &Shared, execution: u32, entry: &Entry) {
    if entry.is_over() {
        entry.finish_side();
        shared.table().forget_execution(execution);
    }
}

#[cfg(test)]
mod tests {
    use codebeaker_agent::frame::Channel;
    use codebeaker_agent::wire::{Exited, ToAgent, VERSION};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;
    use crate::agent::link::{Link, Program};

    async fn say(stream: &mut DuplexStream, message: &FromAgent) {
        let mut bytes = Vec::new();
        frame::append(&mut bytes, Kind::Control, Channel::CONTROL, &postcard::to_stdvec(message).unwrap());
        stream.write_all(&bytes).await.unwrap();
    }

    async fn hear(stream: &mut DuplexStream) -> ToAgent {
        let mut header = [0; frame::HEADER_BYTES];
        stream.read_exact(&mut header).await.unwrap();
        let mut payload = vec![0; u32::from_le_bytes(header[..4].try_into().unwrap()) as usize];
        stream.read_exact(&mut payload).await.unwrap();
        postcard::from_bytes(&payload).unwrap()
    }

    async fn linked() -> (Link, DuplexStream) {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        say(&mut theirs, &FromAgent::Ready(Ready { version: VERSION, ..Ready::default() })).await;
        let (reader, writer) = tokio::io::split(ours);
        (Link::open(reader, writer).await.unwrap().0, theirs)
    }

    fn program() -> Program {
        Program::new(vec!["true".to_owned()], Vec::new())
    }

    #[tokio::test]
    async fn output_beyond_the_credit_ends_the_link() {
        let (link, mut agent) = linked().await;
        let spawning = tokio::spawn({
            let link = link.clone();
            async move { link.spawn(program()).await }
        });
        let ToAgent::Spawn(spawn) = hear(&mut agent).await else { panic!("a spawn was asked for") };
        say(&mut agent, &FromAgent::Started { execution: spawn.execution, pid: 2 }).await;
        let process = spawning.await.unwrap().unwrap();
        let mut flood = Vec::new();
        for _ in 0..=(frame::STREAM_WINDOW as usize / frame::MAX_DATA_BYTES) {
            let channel = Channel::of(spawn.execution, Stream::Stdout);
            frame::append(&mut flood, Kind::Data, channel, &[b'x'; frame::MAX_DATA_BYTES]);
        }
        agent.write_all(&flood).await.unwrap();
        assert!(link.lost().await.to_string().contains("went over its credit"));
        drop(process);
    }

    #[tokio::test]
    async fn an_exit_of_an_execution_that_never_was_ends_the_link() {
        let (link, mut agent) = linked().await;
        let exited = Exited { execution: 9, code: Some(0), ..Exited::default() };
        say(&mut agent, &FromAgent::Exited(exited)).await;
        assert!(link.lost().await.to_string().contains("execution 9 is unknown"));
    }

    #[tokio::test]
    async fn every_waiter_is_told_when_the_agent_ends() {
        let (link, mut agent) = linked().await;
        let waiting = tokio::spawn({
            let link = link.clone();
            async move { link.file(FileOp::Stat { path: b"x".to_vec() }).await }
        });
        hear(&mut agent).await;
        drop(agent);
        assert!(matches!(waiting.await.unwrap(), Err(LinkError::Lost(_))));
        assert!(matches!(link.spawn(program()).await, Err(LinkError::Lost(_))));
    }

    #[tokio::test]
    async fn a_frame_before_ready_is_refused() {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let mut bytes = Vec::new();
        frame::append(&mut bytes, Kind::Data, Channel(5), b"x");
        theirs.write_all(&bytes).await.unwrap();
        let (reader, writer) = tokio::io::split(ours);
        assert!(matches!(Link::open(reader, writer).await, Err(LinkError::Lost(_))));
    }
}
