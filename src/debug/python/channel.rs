//! The stream to the helper: questions, their answers, and what it says unasked.
//!
//! One task writes and one reads. It promises that a caller never waits longer than it said, whatever the
//! helper does; that memory is bounded by the longest line, the length of the queues and the number of calls;
//! and that the first line that breaks the protocol ends all of it, with a reason. It never believes a number
//! that it did not give out itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::wire::{Answer, Header, Kind, MAX_DEPTH, MAX_LINE_BYTES, Request};
use crate::debug::backend::Fault;
use crate::debug::ground::Conduit;
use crate::json;

/// Calls whose answers may be outstanding, those that nobody waits for any more included.
const MAX_CALLS: usize = 256;
/// Lines that wait to be written.
const LINES: usize = 16;

/// Why the stream is at its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// The other side closed it.
    #[error("it has ended")]
    Ended,
    /// Reading or writing failed.
    #[error("its stream failed: {0}")]
    Failed(std::io::ErrorKind),
    /// A line has no end.
    #[error("it sent a line of more than {MAX_LINE_BYTES} bytes")]
    TooLong,
    /// A line nests too deeply.
    #[error("it sent a line that nests deeper than {MAX_DEPTH}")]
    TooDeep,
    /// A line is none of the protocol's.
    #[error("it sent what is no message: {0}")]
    Malformed(String),
    /// An answer to nothing.
    #[error("it answered what nobody asked")]
    Unasked,
    /// An event that there is not.
    #[error("it sent an event that there is not")]
    UnknownEvent,
    /// More threads than can be.
    #[error("it has more threads than a program can have")]
    TooManyThreads,
    /// The program is gone, as its sandbox says.
    #[error("{0}")]
    Program(String),
}

/// Reads whole lines of bounded length and depth.
pub(super) struct LineReader<R> {
    stream: BufReader<R>,
    line: Vec<u8>,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    pub(super) fn new(stream: R) -> Self {
        Self { stream: BufReader::with_capacity(16 << 10, stream), line: Vec::new() }
    }

    /// The next line, without its end. Safe to be dropped and called again.
    ///
    /// # Errors
    /// [`Broken`] when there is none, or none that may be read.
    pub(super) async fn next(&mut self, max_bytes: usize) -> Result<Vec<u8>, Broken> {
        loop {
            let room = max_bytes.saturating_sub(self.line.len());
            let mut bounded = (&mut self.stream).take(room as u64);
            let read = bounded.read_until(b'\n', &mut self.line).await;
            let count = read.map_err(|error| Broken::Failed(error.kind()))?;
            if self.line.last() == Some(&b'\n') {
                self.line.pop();
                return Ok(std::mem::take(&mut self.line));
            }
            if self.line.len() >= max_bytes {
                return Err(Broken::TooLong);
            }
            if count == 0 {
                return Err(Broken::Ended);
            }
        }
    }
}

/// Parses a line.
///
/// # Errors
/// [`Broken`] when it nests too deeply or is of another shape.
pub(super) fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, Broken> {
    if !json::is_within(line, MAX_DEPTH, usize::MAX) {
        return Err(Broken::TooDeep);
    }
    // The parser's words may quote the line; where and of what kind is enough to find a fault.
    serde_json::from_slice(line).map_err(|error| {
        Broken::Malformed(format!("{:?} error at byte {} of {}", error.classify(), error.column(), line.len()))
    })
}

/// What happens to lines that are no answers. Dropping the future of [`Heard::event`] ends the stream.
#[async_trait::async_trait]
pub(super) trait Heard: Send + 'static {
    /// The helper said something unasked.
    ///
    /// # Errors
    /// [`Broken`] when it may not say that.
    async fn event(&mut self, name: &str, line: &[u8]) -> Result<(), Broken>;
}

/// The calling end.
pub(super) struct Channel {
    lines: mpsc::Sender<Vec<u8>>,
    calls: Arc<Calls>,
    /// Ends both tasks when the last caller is gone.
    tasks: DropGuard,
}

#[derive(Default)]
struct Calls(Mutex<Table>);

#[derive(Default)]
struct Table {
    /// The number of the last call.
    last: u64,
    waiting: HashMap<u64, oneshot::Sender<Vec<u8>>>,
    over: Option<Broken>,
}

impl Calls {
    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing between lock and unlock can leave the table in a state that makes no sense.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> Result<(u64, oneshot::Receiver<Vec<u8>>), Fault> {
        let mut table = self.table();
        if let Some(over) = &table.over {
            return Err(gone(over));
        }
        if table.waiting.len() >= MAX_CALLS {
            return Err(Fault::Refused("the program has not answered too many questions already".to_owned()));
        }
        let (answer, answered) = oneshot::channel();
        table.last += 1;
        let id = table.last;
        table.waiting.insert(id, answer);
        Ok((id, answered))
    }

    fn question(&self, request: Request<'_>) -> Result<Vec<u8>, Fault> {
        let mut line = serde_json::to_vec(&request).unwrap_or_default();
        line.push(b'\n');
        if (2..=MAX_LINE_BYTES).contains(&line.len()) {
            return Ok(line);
        }
        self.table().waiting.remove(&request.id);
        Err(Fault::Refused("this is too long".to_owned()))
    }

    fn answer(&self, id: u64, line: Vec<u8>) -> Result<(), Broken> {
        let waiting = self.table().waiting.remove(&id).ok_or(Broken::Unasked)?;
        // Nobody may wait any more: an evaluation that was given up is answered all the same.
        drop(waiting.send(line));
        Ok(())
    }

    fn end(&self, why: Broken) -> Broken {
        let mut table = self.table();
        table.waiting.clear();
        table.over.get_or_insert(why).clone()
    }

    fn reason(&self) -> Fault {
        gone(self.table().over.as_ref().unwrap_or(&Broken::Ended))
    }
}

fn gone(why: &Broken) -> Fault {
    Fault::Gone(why.to_string())
}

impl Channel {
    /// Begins to read and write. `program` resolves when the program is gone by other evidence.
    pub(super) fn open(
        reader: LineReader<ReadHalf<Conduit>>,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        program: impl Future<Output = String> + Send + 'static,
        heard: impl Heard,
    ) -> Self {
        let calls = Arc::new(Calls::default());
        let (lines, queue) = mpsc::channel(LINES);
        let stop = CancellationToken::new();
        let (ended, reading) = (stop.clone(), Arc::clone(&calls));
        tokio::spawn(async move {
            let why = tokio::select! {
                () = ended.cancelled() => Broken::Ended,
                why = read(reader, &reading, heard) => why,
                why = outlived(program) => why,
            };
            let why = reading.end(why);
            tracing::debug!(%why, "a Python debugger ends");
            ended.cancel();
        });
        let (ended, writing) = (stop.clone(), Arc::clone(&calls));
        tokio::spawn(async move {
            let failed = tokio::select! {
                () = ended.cancelled() => None,
                failed = write(writer, queue) => failed.err(),
            };
            // Reading goes on: what the helper said last is worth more than why it no longer listens.
            if let Some(error) = failed {
                tracing::debug!(%error, "a Python debugger no longer listens");
                writing.table().waiting.clear();
            }
        });
        Self { lines, calls, tasks: stop.drop_guard() }
    }

    /// Asks the helper for something, and waits for its answer; `patience` long, or for ever.
    ///
    /// # Errors
    /// [`Fault`], in the helper's words or ours.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        op: &'static str,
        args: Value,
        patience: Option<Duration>,
    ) -> Result<T, Fault> {
        let asking = async {
            // A place in the queue first: what has a number is sent, whether or not the caller still waits then.
            let place = self.lines.reserve().await.map_err(|_| self.calls.reason())?;
            let (id, answered) = self.calls.begin()?;
            place.send(self.calls.question(Request { id, op, args: &args })?);
            let line = answered.await.map_err(|_| self.calls.reason())?;
            self.read_answer(&line)
        };
        match patience {
            None => asking.await,
            Some(patience) => tokio::time::timeout(patience, asking).await.unwrap_or(Err(Fault::Timeout(patience))),
        }
    }

    /// The numbers of the calls that are not answered, and that nobody waits for any more.
    pub(super) fn given_up(&self) -> Vec<u64> {
        let table = self.calls.table();
        table.waiting.iter().filter(|(_, answer)| answer.is_closed()).map(|(id, _)| *id).collect()
    }

    fn read_answer<T: DeserializeOwned>(&self, line: &[u8]) -> Result<T, Fault> {
        let answer = parse::<Answer<T>>(line).map_err(|why| self.give_up(why))?;
        match (answer.ok, answer.error) {
            (Some(ok), None) => Ok(ok),
            (None, Some(text)) => Err(answer.kind.unwrap_or(Kind::Refused).fault(text.0)),
            _ => Err(self.give_up(Broken::Malformed("an answer that is none".to_owned()))),
        }
    }

    /// Ends the stream, since what came over it makes no sense.
    pub(super) fn give_up(&self, why: Broken) -> Fault {
        let fault = gone(&self.calls.end(why));
        self.tasks.token().cancel();
        fault
    }
}

async fn read(mut reader: LineReader<ReadHalf<Conduit>>, calls: &Calls, mut heard: impl Heard) -> Broken {
    loop {
        let line = match reader.next(MAX_LINE_BYTES).await {
            Ok(line) => line,
            Err(why) => return why,
        };
        let heard = match parse::<Header>(&line) {
            // Events have ids too: of what they are about.
            Ok(Header { event: Some(name), .. }) => heard.event(&name.0, &line).await,
            Ok(Header { id: Some(id), .. }) => calls.answer(id, line),
            Ok(_) => Err(Broken::Malformed("neither an answer nor an event".to_owned())),
            Err(why) => Err(why),
        };
        if let Err(why) = heard {
            return why;
        }
    }
}

/// The program is gone. What it said last may still be on its way; but a process that it left behind may hold
/// the stream open for as long as it likes.
async fn outlived(program: impl Future<Output = String>) -> Broken {
    const LAST_WORDS: Duration = Duration::from_secs(1);
    let why = program.await;
    tokio::time::sleep(LAST_WORDS).await;
    Broken::Program(why)
}

async fn write(mut writer: impl AsyncWrite + Unpin, mut queue: mpsc::Receiver<Vec<u8>>) -> std::io::Result<()> {
    while let Some(line) = queue.recv().await {
        writer.write_all(&line).await?;
        writer.flush().await?;
    }
    Ok(())
}
