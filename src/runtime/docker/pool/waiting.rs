//! One sandbox that waits: ready, watched for its death, and handed over to one taker with every byte that it
//! said still to be read.

use std::io::Cursor;
use std::time::Duration;

use codebeaker_agent::frame::{self, Kind};
use codebeaker_agent::wire::FromAgent;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::sync::oneshot;

use crate::runtime::{Reader, Sandbox};

/// More than this a sandbox has no reason to say before it is asked anything.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How long a sandbox may take from its start to its first word.
const READY_DEADLINE: Duration = Duration::from_secs(30);

/// How long the memory of a sandbox may take to be counted, and how often that is looked for.
const COUNT_PATIENCE: Duration = Duration::from_secs(1);
const COUNT_PAUSE: Duration = Duration::from_millis(20);

/// A sandbox that has said it is ready.
pub struct Standing {
    sandbox: Sandbox,
    head: Vec<u8>,
}

/// The pool's end of a sandbox that waits; dropping it ends the sandbox.
#[derive(Debug)]
pub struct Waiting {
    take: oneshot::Sender<oneshot::Sender<Sandbox>>,
}

/// The end of who keeps that sandbox.
pub type Taken = oneshot::Receiver<oneshot::Sender<Sandbox>>;

/// Two ends for one sandbox.
#[must_use]
pub fn promise() -> (Waiting, Taken) {
    let (take, taken) = oneshot::channel();
    (Waiting { take }, taken)
}

impl Waiting {
    /// The sandbox; `None` when it is dead. Given up midway, it is ended and nobody else gets it.
    pub async fn hand_over(self) -> Option<Sandbox> {
        let (taker, sandbox) = oneshot::channel();
        self.take.send(taker).ok()?;
        sandbox.await.ok()
    }
}

/// Waits for a sandbox's first message.
///
/// # Errors
/// What it said instead of being ready; it has been ended then.
pub async fn stand(mut sandbox: Sandbox) -> Result<Standing, String> {
    let mut head = Vec::new();
    let first = tokio::time::timeout(READY_DEADLINE, first_message(&mut sandbox.reader, &mut head)).await;
    let why = match first.unwrap_or_else(|_| Err("it did not get ready in time".to_owned())) {
        Ok(()) => return Ok(Standing { sandbox, head }),
        Err(why) => why,
    };
    let fate = sandbox.keeper.fate().await;
    sandbox.keeper.destroy().await;
    Err(fate.map_or_else(|| why.clone(), |fate| format!("{why}: {fate}")))
}

async fn first_message(reader: &mut Reader, head: &mut Vec<u8>) -> Result<(), String> {
    loop {
        if let Some((first, _)) = frame::decode(head).map_err(|violation| violation.to_string())? {
            let message = (first.kind == Kind::Control).then(|| postcard::from_bytes(first.payload).ok()).flatten();
            return match message {
                Some(FromAgent::Ready(_)) => Ok(()),
                Some(FromAgent::SetupFailed { step, errno }) => {
                    Err(format!("it could not {step:?} (error number {errno})"))
                }
                _ => Err("its first message is none that comes first".to_owned()),
            };
        }
        if !hear(reader, head).await {
            return Err("its stream ended before it was ready".to_owned());
        }
    }
}

/// Adds what comes next to `head`; whether more may come.
async fn hear(reader: &mut Reader, head: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 4096];
    let read = reader.read(&mut buffer).await.unwrap_or(0);
    head.extend_from_slice(&buffer[..read]);
    read > 0 && head.len() <= MAX_HEAD_BYTES
}

impl Standing {
    /// The memory that it takes, as far as that is counted.
    pub async fn bytes(&mut self) -> u64 {
        let counted = async {
            loop {
                if let Some(bytes) = self.sandbox.keeper.usage().memory_bytes {
                    return bytes;
                }
                tokio::time::sleep(COUNT_PAUSE).await;
            }
        };
        tokio::time::timeout(COUNT_PATIENCE, counted).await.unwrap_or(0)
    }

    /// Ends it.
    pub async fn end(mut self) {
        let writer: Box<dyn AsyncWrite + Send + Unpin> = Box::new(tokio::io::sink());
        drop(std::mem::replace(&mut self.sandbox.writer, writer));
        self.sandbox.keeper.destroy().await;
    }

    /// Holds it until it is taken or given up; `false` when it died before.
    pub async fn keep(mut self, mut taken: Taken) -> bool {
        loop {
            tokio::select! {
                biased;
                alive = hear(&mut self.sandbox.reader, &mut self.head) => if !alive {
                    self.end().await;
                    return false;
                },
                taker = &mut taken => {
                    match taker {
                        Ok(taker) => self.hand_to(taker).await,
                        Err(_) => self.end().await,
                    }
                    return true;
                }
            }
        }
    }

    async fn hand_to(mut self, taker: oneshot::Sender<Sandbox>) {
        let said = Cursor::new(std::mem::take(&mut self.head));
        let rest = std::mem::replace(&mut self.sandbox.reader, Box::new(tokio::io::empty()));
        self.sandbox.reader = Box::new(said.chain(rest));
        if let Err(sandbox) = taker.send(self.sandbox) {
            Self { sandbox, head: Vec::new() }.end().await;
        }
    }
}
