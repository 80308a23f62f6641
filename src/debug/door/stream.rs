//! One DAP client on a stream of bytes, from its first message to the end of its adapter.
//!
//! Bytes that are no message are skipped: the protocol has no answer to what is no request. One task reads and
//! writes, so that whatever ends it ends both.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::children::Children;
use super::detour::{Detour, Said, wanted};
use super::gate::{Gate, Guest, Verdict};
use super::numbers::{Numbers, refusal};
use crate::dap::MAX_MESSAGE_BYTES;
use crate::debug::{Client, Messages};
use crate::transport::{Decoder, Event};

/// What is read at once, in bytes.
const PIECE_BYTES: usize = 16 << 10;

/// What is written at once where several messages wait, in bytes.
const BATCH_BYTES: usize = 64 << 10;

/// Answers of the door that may wait to be written.
const MAX_ANSWERS: usize = 16;

/// How long who is not inside yet may take to say what it wants.
const GREETING: Duration = Duration::from_secs(60);

/// How long an adapter whose client says nothing more may take to end, and the client to read what is left.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Why a conversation ended.
pub enum Ending<R, W> {
    /// The adapter has ended, and all that it said was written.
    Over,
    /// The client says nothing more, or reads nothing more.
    ClientGone,
    /// The client was not let in.
    ShownOut,
    /// The client wants to go on with the adapter of another process.
    Elsewhere(Box<Detour<R, W>>),
}

impl<R, W> fmt::Display for Ending<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Over => "its adapter has ended",
            Self::ClientGone => "it went",
            Self::ShownOut => "it was not let in",
            Self::Elsewhere(_) => "it goes on elsewhere",
        })
    }
}

/// A client and its adapter.
#[derive(Debug)]
pub struct Conversation {
    /// The client's side of the adapter.
    pub client: Client,
    /// What the adapter says.
    pub messages: Messages,
    /// What the client must say to be let in.
    pub gate: Gate,
    /// How children of what is debugged find their adapters.
    pub children: Children,
    /// The client may want a child whose adapter is in another process.
    pub may_detour: bool,
}

/// Why no more is read.
enum Read {
    End,
    ShownOut,
    Gone,
    Elsewhere(std::path::PathBuf, Said),
}

impl Conversation {
    /// Carries messages both ways until one side has ended. Dropped, it ends the adapter.
    pub async fn hold<R, W>(self, reader: R, writer: W) -> Ending<R, W>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let Self { client, mut messages, gate, children, may_detour } = self;
        let (mut incoming, mut outgoing) = (Incoming::new(reader), Outgoing::new(writer));
        let numbers = Arc::new(Numbers::default());
        let (own, mut answers) = mpsc::channel(MAX_ANSWERS);
        let halt = CancellationToken::new();
        let mut answered = Vec::new();
        let read = {
            let reading = read(&mut incoming, &client, Guest::new(gate), &numbers, own, may_detour);
            let writing = write(&mut outgoing, &mut messages, &mut answers, &numbers, &children, &halt, &mut answered);
            tokio::pin!(reading, writing);
            let read = tokio::select! {
                read = &mut reading => read,
                written = &mut writing => return written.map_or(Ending::ClientGone, |()| Ending::Over),
            };
            let ending = async {
                match &read {
                    // Nothing that is half written may be cut off.
                    Read::Elsewhere(..) => halt.cancel(),
                    // What the client asked for is answered, as far as that is known by now.
                    Read::End | Read::ShownOut => client.terminate().await,
                    Read::Gone => {}
                }
            };
            // Both at one time: an adapter that can't say its last words can't end.
            let written = timeout(LAST_WORDS, async { futures::join!(ending, writing).1 }).await;
            match (&read, written) {
                (Read::Elsewhere(..), Ok(Ok(()))) => {}
                (Read::ShownOut, _) => return Ending::ShownOut,
                (Read::Gone, Ok(Ok(()))) => return Ending::Over,
                _ => return Ending::ClientGone,
            }
            read
        };
        match read {
            Read::Elsewhere(path, said) => {
                Ending::Elsewhere(Box::new(Detour { path, said, answered, incoming, outgoing, numbers }))
            }
            _ => Ending::ClientGone,
        }
    }
}

async fn read<R: AsyncRead + Unpin>(
    incoming: &mut Incoming<R>,
    client: &Client,
    mut guest: Guest,
    numbers: &Numbers,
    own: mpsc::Sender<Value>,
    may_detour: bool,
) -> Read {
    let greeting = Instant::now() + GREETING;
    let mut said = may_detour.then(Said::default);
    loop {
        let message = if guest.is_inside() {
            incoming.next().await
        } else {
            // Who says nothing does not get to keep its place.
            tokio::time::timeout_at(greeting, incoming.next()).await.unwrap_or(None)
        };
        let Some(mut message) = message else { return Read::End };
        let verdict = guest.judge(&mut message);
        if let Verdict::Refuse(why) | Verdict::ShowOut(why) = verdict {
            if let Some(answer) = refusal(&message, why) {
                // The writer lives as long as this.
                drop(own.send(answer).await);
            }
            match verdict {
                Verdict::ShowOut(_) => return Read::ShownOut,
                _ => continue,
            }
        }
        if let Some(so_far) = &mut said {
            if let Some(path) = wanted(&message) {
                so_far.note(message);
                return Read::Elsewhere(path, std::mem::take(so_far));
            }
            if !so_far.note(message.clone()) {
                said = None;
            }
        }
        if numbers.incoming(&mut message) && client.send(message).await.is_err() {
            return Read::Gone;
        }
    }
}

async fn write<W: AsyncWrite + Unpin>(
    outgoing: &mut Outgoing<W>,
    messages: &mut Messages,
    answers: &mut mpsc::Receiver<Value>,
    numbers: &Numbers,
    children: &Children,
    halt: &CancellationToken,
    answered: &mut Vec<i64>,
) -> io::Result<()> {
    let mut put = |message: &mut Value, outgoing: &mut Outgoing<W>| {
        // No more than were said can be said again.
        if answered.len() < Said::MOST {
            answered.extend(message["request_seq"].as_i64());
        }
        children.mark(message);
        numbers.outgoing(message);
        outgoing.put(message)
    };
    loop {
        let mut message = tokio::select! {
            biased;
            () = halt.cancelled() => return outgoing.flush().await,
            Some(answer) = answers.recv() => answer,
            message = messages.recv() => match message {
                Some(message) => message,
                None => {
                    while let Ok(mut answer) = answers.try_recv() {
                        put(&mut answer, outgoing)?;
                    }
                    return outgoing.flush().await;
                }
            },
        };
        put(&mut message, outgoing)?;
        if outgoing.is_full() || (messages.is_empty() && answers.is_empty()) {
            outgoing.flush().await?;
        }
    }
}

/// Reads messages.
#[derive(Debug)]
pub(super) struct Incoming<R> {
    reader: R,
    decoder: Decoder,
    piece: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Incoming<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, decoder: Decoder::new(MAX_MESSAGE_BYTES), piece: vec![0; PIECE_BYTES] }
    }

    /// The next message; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some(event) = self.decoder.next_event() {
                match event {
                    Event::Body(body) => match serde_json::from_slice(&body) {
                        Ok(message) => return Some(message),
                        Err(error) => tracing::warn!(%error, "a message that is not JSON was skipped"),
                    },
                    Event::Fault(fault) => tracing::warn!(%fault, "bytes that are no message were skipped"),
                }
            }
            match self.reader.read(&mut self.piece).await {
                Ok(0) => return None,
                Ok(count) => self.decoder.feed(&self.piece[..count]),
                Err(error) => {
                    tracing::debug!(%error, "the client can't be read from");
                    return None;
                }
            }
        }
    }
}

/// Writes messages.
#[derive(Debug)]
pub(super) struct Outgoing<W> {
    writer: W,
    waiting: Vec<u8>,
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, waiting: Vec::new() }
    }

    /// Frames a message, which [`Outgoing::flush`] writes.
    pub(super) fn put(&mut self, message: &Value) -> io::Result<()> {
        let body = serde_json::to_vec(message)?;
        self.waiting.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        self.waiting.extend_from_slice(&body);
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= BATCH_BYTES
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        self.writer.write_all(&self.waiting).await?;
        self.waiting.clear();
        self.waiting.shrink_to(BATCH_BYTES);
        self.writer.flush().await
    }
}
