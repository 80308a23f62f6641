//! One interpreter from its start to its end: its process, its output, and the stream to its driver.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::lines::{Broken, Lines};
use super::wire::{Event, Op};
use super::{Context, ContextError};
use crate::agent::frame::Stream;
use crate::agent::plan::CODE;
use crate::agent::wire::Reach;
use crate::agent::{ByteStream, Conduit, Ended, Link, Process};
use crate::execution::marked::Marked;
use crate::execution::part::Host;

const SIGKILL: i32 = 9;

/// The most of what an interpreter says that does not come up.
const MAX_LAST_WORDS: usize = 2000;

/// How long is waited for that.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How long a driver's word for its interpreter's version may be.
const MAX_VERSION: usize = 100;

/// An interpreter. Dropped, it is killed.
pub(super) struct Interpreter {
    /// Its process.
    pub(super) host: Host,
    /// Standard output and standard error.
    pub(super) streams: [Marked; 2],
    pub(super) channel: Channel,
    /// Cancelled when it is not wanted any more.
    pub(super) reign: CancellationToken,
    /// Which of those that its context has had.
    serial: u32,
    gone: watch::Receiver<Option<Option<Ended>>>,
    last_id: u64,
}

impl Drop for Interpreter {
    fn drop(&mut self) {
        self.host.kill.cancel();
    }
}

/// The stream to a driver.
pub(super) struct Channel {
    lines: Lines<ReadHalf<Conduit>>,
    writer: WriteHalf<Conduit>,
    /// What was said and is not written yet. It outlives who said it: a line is never cut short.
    outgoing: BytesMut,
}

impl Channel {
    fn new(side: Conduit) -> Self {
        let (reader, writer) = tokio::io::split(side);
        Self { lines: Lines::new(reader), writer, outgoing: BytesMut::new() }
    }

    /// Says something; it is written while the driver is listened to.
    pub(super) fn say(&mut self, op: &Op<'_>) {
        self.outgoing.extend_from_slice(&op.line());
    }

    /// The next event. Safe to be dropped and called again.
    pub(super) async fn hear(&mut self) -> Result<Event, Broken> {
        loop {
            let Self { lines, writer, outgoing } = self;
            tokio::select! {
                event = lines.next() => return event,
                written = writer.write_buf(outgoing), if !outgoing.is_empty() => {
                    if !matches!(written, Ok(1..)) {
                        // What it said before is still to be heard.
                        outgoing.clear();
                    }
                }
            }
        }
    }
}

impl Interpreter {
    /// Starts one, and waits until its driver is ready. Answers it and its version.
    pub(super) async fn start(
        context: &Arc<Context>,
        serial: u32,
        reign: CancellationToken,
    ) -> Result<(Self, String), ContextError> {
        let recipe = &context.recipe;
        let below = format!("{}-{serial}", context.id);
        let mut program = recipe.program.clone();
        program.argv.push(recipe.driver.main(&format!("{CODE}/{below}")));
        if recipe.typescript {
            program.argv.push("typescript".to_owned());
        }
        program.side = true;
        let files = recipe.driver.files(&below);
        let begun = tokio::time::timeout(recipe.start_patience, recipe.link.spawn_with_files(&files, program)).await;
        let mut process = match begun {
            Ok(Ok(process)) => process,
            Ok(Err(error)) => {
                take_away(&recipe.link, &below).await;
                return Err(ContextError::NotStarted(error));
            }
            Err(_) => {
                take_away(&recipe.link, &below).await;
                return Err(too_slow(recipe.start_patience));
            }
        };
        let side =
            process.side().ok_or_else(|| ContextError::NotReady("it has no stream of its driver's".to_owned()))?;
        let kill = CancellationToken::new();
        let host = Host {
            pid: process.pid,
            stdin: process.stdin(),
            signals: process.signals(),
            kill,
            interrupts: Arc::default(),
        };
        let [stdout, mut stderr] = [Stream::Stdout, Stream::Stderr].map(|stream| process.output(stream));
        let (sender, gone) = watch::channel(None);
        let kept = Supervised {
            kill: host.kill.clone(),
            link: recipe.link.clone(),
            patience: recipe.kill_patience,
            below,
            context: Arc::downgrade(context),
            serial,
        };
        tokio::spawn(kept.supervise(process, sender));

        let mut channel = Channel::new(side);
        let first = tokio::time::timeout(recipe.start_patience, channel.hear()).await;
        let why = match first {
            Ok(Ok(Event::Ready { version, typescript })) => {
                let version: String =
                    version.0.chars().filter(|letter| !letter.is_control()).take(MAX_VERSION).collect();
                if recipe.typescript && !typescript {
                    host.kill.cancel();
                    return Err(ContextError::NoTypeScript { engine: context.engine.id, version });
                }
                let streams = [Marked::new(stdout), Marked::new(stderr)];
                return Ok((Self { host, streams, channel, reign, serial, gone, last_id: 0 }, version));
            }
            Ok(Ok(_)) => Broken::Unasked.to_string(),
            Ok(Err(broken)) => broken.to_string(),
            Err(_) => too_slow(recipe.start_patience).to_string(),
        };
        let said = last_words(&mut stderr).await;
        host.kill.cancel();
        Err(ContextError::NotReady(if said.is_empty() { why } else { format!("{why}; it said: {said}") }))
    }

    /// A number for something that is asked of it.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Whether it is gone already.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.borrow().is_some()
    }

    /// Waits until it is gone, and says how that came; `None` where its sandbox went first.
    pub(super) async fn gone(&mut self) -> Option<Ended> {
        gone(&mut self.gone).await
    }

    /// Its parts, to be used side by side.
    pub(super) fn parts(&mut self) -> (&Host, &mut [Marked; 2], &mut Channel, watch::Receiver<Option<Option<Ended>>>) {
        (&self.host, &mut self.streams, &mut self.channel, self.gone.clone())
    }
}

/// As [`Interpreter::gone`].
pub(super) async fn gone(told: &mut watch::Receiver<Option<Option<Ended>>>) -> Option<Ended> {
    // The sender goes when it has told.
    told.wait_for(Option::is_some).await.ok().and_then(|ended| ended.clone().flatten())
}

/// What it takes to see an interpreter to its end.
struct Supervised {
    kill: CancellationToken,
    link: Link,
    patience: Duration,
    below: String,
    context: Weak<Context>,
    serial: u32,
}

impl Supervised {
    async fn supervise(self, mut process: Process, gone: watch::Sender<Option<Option<Ended>>>) {
        let signals = process.signals();
        let ended = tokio::select! {
            ended = process.ended() => ended,
            () = self.kill.cancelled() => {
                // Where this fails the sandbox is gone.
                drop(tokio::time::timeout(self.patience, signals.send(SIGKILL, Reach::Tree)).await);
                match tokio::time::timeout(self.patience, process.ended()).await {
                    Ok(ended) => ended,
                    Err(_) => {
                        tracing::warn!("an interpreter could not be ended; its sandbox is");
                        self.link.close("an interpreter in it could not be ended");
                        process.ended().await
                    }
                }
            }
        };
        let ended = ended.ok();
        gone.send_replace(Some(ended.clone()));
        take_away(&self.link, &self.below).await;
        let Some(context) = self.context.upgrade() else { return };
        // A cell that runs takes what was printed until the end, which goes with the process.
        let mut slot = Arc::clone(&context.slot).lock_owned().await;
        if slot.as_ref().is_some_and(|interpreter| interpreter.serial == self.serial) {
            context.lose(&mut slot, ending(ended.as_ref())).await;
        }
    }
}

/// How an interpreter ended, in a few words.
pub(super) fn ending(ended: Option<&Ended>) -> String {
    match ended.map(|ended| (ended.code, ended.signal)) {
        Some((Some(code), _)) => format!("it exited with code {code}"),
        Some((None, Some(signal))) => format!("signal {signal} ended it"),
        Some((None, None)) | None => "its sandbox went".to_owned(),
    }
}

fn too_slow(patience: Duration) -> ContextError {
    ContextError::NotReady(format!("it was not ready within {} s", patience.as_secs()))
}

async fn take_away(link: &Link, below: &str) {
    if let Err(error) = link.remove_code(below).await {
        tracing::debug!(%error, "a driver could not be taken away");
    }
}

/// What an interpreter that does not come up says of that, without what could move a cursor.
async fn last_words(stderr: &mut ByteStream) -> String {
    let mut words = Vec::new();
    let hear = async {
        while let Ok(Some(bytes)) = stderr.next().await {
            words.extend_from_slice(&bytes[..bytes.len().min(MAX_LAST_WORDS)]);
            if words.len() >= MAX_LAST_WORDS {
                break;
            }
        }
    };
    // What it said until now is enough.
    drop(tokio::time::timeout(LAST_WORDS, hear).await);
    words.truncate(MAX_LAST_WORDS);
    let text = String::from_utf8_lossy(&words);
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect::<String>().trim().to_owned()
}
