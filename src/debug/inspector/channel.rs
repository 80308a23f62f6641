//! Calls and events of the DevTools protocol over anything that carries texts.
//!
//! An answer counts only when it was asked for; what fits nowhere is dropped. The number of calls under way and
//! of events that wait is bounded, and so is what they take in all; what waits does so as text. A caller that gives
//! up leaves nothing behind.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::budget::{Budget, Message, Share};
use crate::debug::backend::{Fault, PATIENCE};

/// Calls that may be under way at one time.
const MAX_CALLS: usize = 1024;

/// Texts and events that may wait.
pub(super) const QUEUE: usize = 256;

/// Something that happened, as the protocol tells it.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) method: String,
    message: Message,
}

impl Event {
    /// What it says, if it makes sense.
    pub(super) fn params<T: DeserializeOwned>(&self) -> Option<T> {
        #[derive(Deserialize)]
        struct With<T> {
            params: T,
        }
        serde_json::from_str(&self.message.text).ok().map(|With { params }| params)
    }

    /// Room for what is kept of it while the program is stopped; `None` where there is none.
    pub(super) fn keep(&self, budget: &Budget) -> Option<OwnedSemaphorePermit> {
        budget.keep(&self.message)
    }

    /// The room that it takes, for what is made of it.
    pub(super) fn into_share(self) -> Share {
        self.message.share
    }
}

/// What carries the protocol: texts to and from an inspector.
pub(super) struct Carrier {
    pub(super) to: mpsc::Sender<String>,
    pub(super) from: mpsc::Receiver<Message>,
    /// What `from` takes its messages' room of.
    pub(super) budget: Budget,
    /// Ends it.
    pub(super) end: End,
}

/// How a session ends by the debugger's own will.
#[derive(Debug, Clone, Default)]
pub(super) struct End {
    comes: CancellationToken,
    silent: CancellationToken,
}

impl End {
    /// Leaves the program, with what a carrier still says to one that goes on.
    pub(super) fn leave(&self) {
        self.comes.cancel();
    }

    /// Leaves a program that ends itself. Nothing is said to it any more: an inspector that is taken down while
    /// a message comes may take the whole process with it, as Node's does with a worker's.
    pub(super) fn leave_silently(&self) {
        self.silent.cancel();
        self.comes.cancel();
    }

    /// Whether nothing is to be said any more.
    pub(super) fn is_silent(&self) -> bool {
        self.silent.is_cancelled()
    }

    /// Is there when the end comes.
    pub(super) async fn comes(&self) {
        self.comes.cancelled().await;
    }
}

type Answer = Result<Message, Fault>;
type Calls = Arc<Mutex<HashMap<u64, oneshot::Sender<Answer>>>>;

/// One inspector session.
#[derive(Clone)]
pub(super) struct Channel {
    to: mpsc::Sender<String>,
    calls: Calls,
    next: Arc<AtomicU64>,
    budget: Budget,
    end: End,
}

/// What a message is. The rest is read where it is dealt with.
#[derive(Deserialize)]
struct Incoming {
    id: Option<u64>,
    method: Option<String>,
    error: Option<ErrorAnswer>,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    #[serde(default)]
    message: String,
}

/// A call that is under way; taken back when its caller goes.
struct Asked<'a> {
    calls: &'a Calls,
    id: u64,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        lock(self.calls).remove(&self.id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Channel {
    /// A session over a carrier, and its events. Their end means that the inspector is gone.
    pub(super) fn over(carrier: Carrier) -> (Self, mpsc::Receiver<Event>) {
        let calls = Calls::default();
        let (events, taken) = mpsc::channel(QUEUE);
        tokio::spawn(read(carrier.from, Arc::clone(&calls), events, carrier.end.clone()));
        let Carrier { to, budget, end, .. } = carrier;
        (Self { to, calls, next: Arc::default(), budget, end }, taken)
    }

    /// What may be held of what the inspector says.
    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Asks for something, and waits as long as [`PATIENCE`] for the answer.
    pub(super) async fn call<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, Fault> {
        let call = self.call_unbounded(method, params);
        tokio::time::timeout(PATIENCE, call).await.unwrap_or(Err(Fault::Timeout(PATIENCE)))
    }

    /// How the session ends by the debugger's own will.
    pub(super) fn end(&self) -> End {
        self.end.clone()
    }

    /// Ends the session.
    pub(super) fn close(&self) {
        self.end.leave();
    }

    /// The same for what answers with nothing.
    pub(super) async fn tell(&self, method: &str, params: Value) -> Result<(), Fault> {
        self.call::<Map<String, Value>>(method, params).await.map(drop)
    }

    /// Asks for something that the program's own code decides the time of: the caller bounds it.
    pub(super) async fn call_unbounded<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, Fault> {
        #[derive(Deserialize)]
        struct Answered<T> {
            result: T,
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let (answer, answered) = oneshot::channel();
        {
            let mut calls = lock(&self.calls);
            if calls.len() >= MAX_CALLS {
                return Err(Fault::Refused("too many requests are under way".to_owned()));
            }
            calls.insert(id, answer);
        }
        let _asked = Asked { calls: &self.calls, id };
        let text = json!({"id": id, "method": method, "params": params}).to_string();
        self.to.send(text).await.map_err(|_| gone())?;
        let answer = answered.await.map_err(|_| gone())??;
        match serde_json::from_str(&answer.text) {
            Ok(Answered { result }) => Ok(result),
            Err(_) => Err(Fault::Gone(format!("its inspector's answer to {method} makes no sense"))),
        }
    }
}

fn gone() -> Fault {
    Fault::Gone("its inspector closed the connection".to_owned())
}

async fn read(mut from: mpsc::Receiver<Message>, calls: Calls, events: mpsc::Sender<Event>, end: End) {
    while let Some(message) = from.recv().await {
        let Ok(incoming) = serde_json::from_str::<Incoming>(&message.text) else { continue };
        if let Some(id) = incoming.id {
            let asked = lock(&calls).remove(&id);
            if let Some(asked) = asked {
                let answer = match incoming.error {
                    Some(error) => Err(fault(error.message)),
                    None => Ok(message),
                };
                let _ = asked.send(answer);
            }
        } else if let Some(method) = incoming.method {
            tokio::select! {
                sent = events.send(Event { method, message }) => if sent.is_err() { break },
                // Whoever deals with events may wait for an answer, which is not to come any more.
                () = end.comes() => break,
            }
        }
    }
    // Whoever still waits learns that nothing comes.
    lock(&calls).clear();
}

/// V8 has one error code for nearly all; its words are stable.
fn fault(message: String) -> Fault {
    let stale =
        ["Could not find object with given id", "Invalid call frame id", "Cannot find context with specified id"];
    if message.starts_with("Can only perform operation while paused") {
        Fault::NotStopped
    } else if stale.iter().any(|start| message.starts_with(start)) || message.starts_with("Invalid remote object id") {
        Fault::Stale
    } else {
        Fault::Refused(message)
    }
}
