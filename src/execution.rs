//! Executions: programs that run in a session's sandbox, from the request to the result.
//!
//! [`Execution`] is what everybody sees of one: its state, its output to read again, the ways to stop
//! it. [`drive`] runs it. The order is always the same: `started`, output, gaps, `exited`, and then the
//! caller's answer; a program that fails is a result ([`Outcome`]), an [`ExecutionError`] means that it was
//! not run.

pub mod chunk;
mod display;
pub mod drive;
mod kept;
pub mod marked;
mod outcome;
pub mod part;
mod pump;
mod stage;
pub mod takeover;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::agent::wire::{Reach, TerminalSize};
use crate::agent::{Conduit, LinkError, Signals, StdinError, StdinWriter};
use crate::ids::{ContextId, ExecutionId, SessionId};
use kept::Kept;

pub use chunk::Chunk;
pub use display::{Display, DisplayKind, Displayed};
pub use kept::Piece;
pub use outcome::{Frame, Origin, Outcome, Raised, Summary, Written};
pub use stage::{Stage, StageSummary};

/// What Ctrl+C sends.
const SIGINT: i32 = 2;

/// Why something can't be done with an execution.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExecutionError {
    /// Nothing of this name is known.
    #[error("there is no execution {0}")]
    NotFound(ExecutionId),
    /// It has ended, or has not begun.
    #[error("execution {0} is not running")]
    NotRunning(ExecutionId),
    /// It has no input, or the input was closed.
    #[error("the input of execution {0} is closed")]
    StdinClosed(ExecutionId),
    /// Too many wait already.
    #[error("{waiting} executions wait in this session already")]
    QueueFull {
        /// How many.
        waiting: usize,
    },
    /// The sandbox could not start the program.
    #[error("the program was not started: could not {step}: {}", std::io::Error::from_raw_os_error(*.errno))]
    NotStarted {
        /// What was attempted.
        step: String,
        /// The kernel's error number.
        errno: i32,
    },
    /// The code that came with the request could not be put into the sandbox.
    #[error("the code could not be put into the sandbox")]
    Code(#[source] LinkError),
    /// The sandbox went.
    #[error(transparent)]
    Lost(LinkError),
    /// The daemon ends, and the program runs on in a sandbox that outlives it.
    #[error("the daemon is about to end; execution {0} runs on, and the next daemon has it")]
    Left(ExecutionId),
    /// The live interpreter that was to run it is gone.
    #[error("context {id} has no interpreter any more: {why}")]
    NoInterpreter {
        /// Which context.
        id: ContextId,
        /// What became of it.
        why: String,
    },
    /// Running it failed in the daemon itself.
    #[error("the daemon failed to run execution {0} to its end, which is a bug in it")]
    Abandoned(ExecutionId),
}

/// A stream of output, as clients name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// All that the terminal shows.
    Pty,
}

/// A piece of output, on its way to the client.
#[derive(Debug, Clone)]
pub struct Output {
    /// Rises by one with each [`Output`] and [`Gap`] of an execution, from 0.
    pub seq: u64,
    /// Which stream.
    pub stream: OutputStream,
    /// Where in the stream it starts, in bytes.
    pub offset: u64,
    /// The bytes.
    pub chunk: Chunk,
    /// Whose they are.
    pub stage: Stage,
}

/// Why bytes are not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missing {
    /// There are more than the limit allows.
    OverLimit,
    /// Another daemon, which is gone, had them.
    AnotherDaemon,
}

/// Bytes that are not passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// As of [`Output`].
    pub seq: u64,
    /// Which stream.
    pub stream: OutputStream,
    /// Where the hole starts.
    pub offset: u64,
    /// How large it is.
    pub bytes: u64,
    /// Why there is one.
    pub why: Missing,
}

/// Who is told how an execution goes, in order. A call that waits holds the program back, not the daemon.
#[async_trait]
pub trait Observer: Send + Sync {
    /// The program runs; before that, its compiler.
    async fn started(&self, execution: &Execution);
    /// It printed something.
    async fn output(&self, execution: &Execution, output: Output);
    /// It printed what is not passed on.
    async fn gap(&self, execution: &Execution, gap: Gap);
    /// It showed something.
    async fn displayed(&self, _execution: &Execution, _display: &Display) {}
    /// It asks for a line of input, and waits. `None` means that there is none.
    async fn asked(&self, _execution: &Execution, _question: &Question) -> Option<String> {
        None
    }
    /// It and all it left behind are gone. Returns when all that was told before is beyond recall.
    async fn exited(&self, execution: &Execution, summary: &Summary);
}

/// What code in a live interpreter asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What is shown to whoever is to answer.
    pub prompt: String,
    /// Whether the answer must not be seen.
    pub password: bool,
}

/// Where an execution is in its life.
#[derive(Debug, Clone)]
pub enum Phase {
    /// It waits for others to end.
    Queued,
    /// The program runs.
    Running,
    /// It ended so. Whoever is told of its end may not have been told yet.
    Ended(Summary),
    /// It was never run, for this reason.
    Refused(ExecutionError),
}

/// One execution.
#[derive(Debug)]
pub struct Execution {
    /// Its name.
    pub id: ExecutionId,
    /// The session that it runs in.
    pub session: SessionId,
    /// Program and arguments, as the sandbox sees them.
    pub argv: Vec<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Whether it has a terminal.
    pub has_terminal: bool,
    /// The live interpreter that it is a cell of.
    pub context: Option<ContextId>,
    displayed: Mutex<Displayed>,
    phase: watch::Sender<Phase>,
    running: Mutex<Option<Arc<Running>>>,
    started_at: OnceLock<Timestamp>,
    /// What its terminal was last asked to be like.
    size: Mutex<Option<TerminalSize>>,
    /// Held by whoever writes to the input, in the order in which they came.
    stdin_turn: tokio::sync::Mutex<()>,
    primary: Mutex<Kept>,
    stderr: Mutex<Kept>,
    printed: Notify,
    /// Nothing more will come of it, and everybody was told.
    over: CancellationToken,
    stop: Stop,
}

/// What can be done with a program that runs.
#[derive(Debug)]
struct Running {
    stage: Stage,
    started_at: Timestamp,
    pid: u32,
    stdin: StdinWriter,
    signals: Signals,
    side: Mutex<Option<Conduit>>,
}

/// The ways to end an execution before its time.
#[derive(Debug, Default)]
struct Stop {
    /// Ask the program to end, and insist by and by.
    cancel: CancellationToken,
    /// End it at once.
    kill: CancellationToken,
    /// It is another daemon's to end.
    leave: CancellationToken,
    /// Somebody pressed Ctrl+C: of use to cells alone, whose interpreter goes on.
    interrupt: Notify,
}

/// The input of a program that runs, held by one who writes.
#[derive(Debug)]
pub struct Stdin<'a> {
    execution: &'a Execution,
    writer: StdinWriter,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

impl Stdin<'_> {
    /// Hands bytes over; waits as long as the program doesn't read.
    ///
    /// # Errors
    /// [`ExecutionError::StdinClosed`], [`ExecutionError::NotRunning`] once it has ended, or
    /// [`ExecutionError::Lost`].
    pub async fn write(&self, bytes: &[u8]) -> Result<(), ExecutionError> {
        self.writer.write(bytes).await.map_err(|error| self.explain(error))
    }

    /// Ends the input.
    ///
    /// # Errors
    /// As [`Stdin::write`].
    pub async fn close(&self) -> Result<(), ExecutionError> {
        self.writer.close().await.map_err(|error| self.explain(error))
    }

    fn explain(&self, error: StdinError) -> ExecutionError {
        match error {
            StdinError::Closed => match self.execution.program() {
                Ok(_) => ExecutionError::StdinClosed(self.execution.id.clone()),
                Err(ended) => ended,
            },
            StdinError::Link(error) => ExecutionError::Lost(error),
        }
    }
}

impl Execution {
    pub(crate) fn new(
        id: ExecutionId,
        session: SessionId,
        argv: Vec<String>,
        has_terminal: bool,
        kept_bytes: usize,
    ) -> Self {
        Self::after(id, session, argv, has_terminal, kept_bytes, [0; 2], Timestamp::now())
    }

    /// One that another daemon had begun, and of whose streams so many bytes have passed already.
    pub(crate) fn after(
        id: ExecutionId,
        session: SessionId,
        argv: Vec<String>,
        has_terminal: bool,
        kept_bytes: usize,
        passed: [u64; 2],
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            session,
            argv,
            created_at,
            has_terminal,
            context: None,
            displayed: Mutex::default(),
            phase: watch::Sender::new(Phase::Queued),
            running: Mutex::default(),
            started_at: OnceLock::new(),
            size: Mutex::default(),
            stdin_turn: tokio::sync::Mutex::default(),
            primary: Mutex::new(Kept::new(kept_bytes, passed[0])),
            stderr: Mutex::new(Kept::new(kept_bytes, passed[1])),
            printed: Notify::new(),
            over: CancellationToken::new(),
            stop: Stop::default(),
        }
    }

    /// The same, as a cell of a live interpreter.
    pub(crate) fn in_context(mut self, context: ContextId) -> Self {
        self.context = Some(context);
        self
    }

    /// What it has shown so far.
    #[must_use]
    pub fn displayed(&self) -> Displayed {
        self.displayed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where it is in its life.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase.borrow().clone()
    }

    /// Whether nothing more will come of it, and its observer was told so.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Process id inside the sandbox, once it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.now().map(|running| running.pid)
    }

    /// The stage that it is in, once it runs, and when that was started.
    #[must_use]
    pub fn stage(&self) -> Option<(Stage, Timestamp)> {
        self.now().map(|running| (running.stage, running.started_at))
    }

    /// When its first stage was started.
    #[must_use]
    pub fn started_at(&self) -> Option<Timestamp> {
        self.started_at.get().copied()
    }

    /// Waits until it runs, or is over.
    pub async fn running(&self) {
        let mut phase = self.phase.subscribe();
        // The sender lives in the execution itself, so the wait can only end with the phase.
        drop(phase.wait_for(|phase| !matches!(phase, Phase::Queued)).await);
    }

    /// Waits until it is over, and everything that it printed is on its way.
    ///
    /// # Errors
    /// Why it was not run.
    pub async fn ended(&self) -> Result<Summary, ExecutionError> {
        self.over.cancelled().await;
        match self.phase() {
            Phase::Ended(summary) => Ok(summary),
            Phase::Refused(error) => Err(error),
            Phase::Queued | Phase::Running => Err(ExecutionError::NotRunning(self.id.clone())),
        }
    }

    /// Asks the program to end: an interrupt, then termination, then the end of the whole tree, each after
    /// the grace of the settings. One that waits in the queue never starts.
    pub fn cancel(&self) {
        self.stop.cancel.cancel();
    }

    /// Ends the whole tree at once.
    pub fn kill(&self) {
        self.stop.kill.cancel();
    }

    /// Lets a program that runs be, once its sandbox is left to another daemon. One that waits in the queue never
    /// starts.
    pub(crate) fn leave(&self) {
        if matches!(*self.phase.borrow(), Phase::Queued) { self.kill() } else { self.stop.leave.cancel() }
    }

    /// Delivers a signal.
    ///
    /// # Errors
    /// [`ExecutionError::NotRunning`], or [`ExecutionError::Lost`].
    pub async fn signal(&self, signal: i32, reach: Reach) -> Result<(), ExecutionError> {
        self.program()?.signals.send(signal, reach).await.map_err(ExecutionError::Lost)
    }

    /// Does what Ctrl+C does.
    ///
    /// # Errors
    /// [`ExecutionError::NotRunning`], or [`ExecutionError::Lost`].
    pub async fn interrupt(&self) -> Result<(), ExecutionError> {
        if self.context.is_none() {
            return self.signal(SIGINT, Reach::Foreground).await;
        }
        self.program()?;
        self.stop.interrupt.notify_one();
        Ok(())
    }

    /// Changes the size of its terminal.
    ///
    /// # Errors
    /// [`ExecutionError::NotRunning`], or [`ExecutionError::Lost`].
    pub async fn resize(&self, size: TerminalSize) -> Result<(), ExecutionError> {
        let program = self.program()?;
        *self.size.lock().unwrap_or_else(PoisonError::into_inner) = Some(size);
        program.signals.resize(size).await.map_err(ExecutionError::Lost)
    }

    /// The other end of the program's descriptor 3, once it runs: where it was to have one, and only once.
    #[must_use]
    pub fn take_side(&self) -> Option<Conduit> {
        self.now()?.side.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Waits until everybody who asked before has written to its input, and the program runs that reads it; holds it
    /// until dropped.
    ///
    /// # Errors
    /// [`ExecutionError::NotRunning`].
    pub async fn stdin(&self) -> Result<Stdin<'_>, ExecutionError> {
        self.program()?;
        let _turn = self.stdin_turn.lock().await;
        let writer = self.program()?.stdin.clone();
        Ok(Stdin { execution: self, writer, _turn })
    }

    fn program(&self) -> Result<Arc<Running>, ExecutionError> {
        let running = self.now().filter(|_| matches!(*self.phase.borrow(), Phase::Running));
        running.ok_or_else(|| ExecutionError::NotRunning(self.id.clone()))
    }

    /// What runs now, or ran last.
    fn now(&self) -> Option<Arc<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A stage of it was started.
    fn enter(&self, running: Running) {
        self.started_at.get_or_init(|| running.started_at);
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(running));
        self.phase.send_replace(Phase::Running);
    }

    /// Output from an offset on. Waits up to `wait` for the first byte where there is none yet.
    pub async fn read(&self, stream: OutputStream, offset: u64, max: usize, wait: Duration) -> Piece {
        // A wait that no clock can measure is one without an end.
        let deadline = tokio::time::Instant::now().checked_add(wait);
        loop {
            let printed = self.printed.notified();
            tokio::pin!(printed);
            // Registered before the look, so that what is printed in between is not missed.
            printed.as_mut().enable();
            let piece = self.kept(stream).read(offset, max);
            if !piece.bytes.is_empty() || piece.is_end {
                return piece;
            }
            match deadline {
                None => printed.await,
                Some(deadline) if tokio::time::timeout_at(deadline, printed).await.is_err() => return piece,
                Some(_) => {}
            }
        }
    }

    fn kept(&self, stream: OutputStream) -> MutexGuard<'_, Kept> {
        let kept = if stream == OutputStream::Stderr { &self.stderr } else { &self.primary };
        kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, stream: OutputStream, bytes: &[u8]) {
        self.kept(stream).push(bytes);
        self.printed.notify_waiters();
    }

    /// Nothing more is printed. What is told of the end afterwards finds it ended.
    fn end(&self, phase: Phase) {
        for stream in [OutputStream::Stdout, OutputStream::Stderr] {
            self.kept(stream).finish();
        }
        self.phase.send_replace(phase);
        self.printed.notify_waiters();
    }
}
