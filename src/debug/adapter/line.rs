//! The line in which requests stand: they begin in the order in which they came, those that change something run
//! one at a time, the others beside each other, and what is urgent passes all of them.
//!
//! Each is answered exactly once, whatever becomes of it.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::refusal::Refusal;
use super::{Adapter, lock, requests};
use crate::dap::{self, FromClient, Response, ToClient};
use crate::debug::client::{Inbound, Requests};
use crate::text::{Keep, VALUE, clean};

/// Requests that may wait or run at one time; more are refused.
const MOST: usize = 512;

/// How long requests that are given up may take to be answered when the adapter ends.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// How a request goes along with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// It acts at once.
    Urgent,
    /// It runs alone among its kind, in order.
    InOrder,
    /// It runs beside others, after what came before it and changed something.
    Beside,
}

/// Who asked.
enum Asker {
    /// The client, under this number.
    Client(i64),
    /// Somebody who gets the answer alone.
    Aside(oneshot::Sender<Result<Value, String>>),
}

struct Waiting {
    asker: Asker,
    command: String,
    arguments: Value,
    cancel: CancellationToken,
}

/// A request that was answered.
struct Done {
    seq: Option<i64>,
    manner: Manner,
}

struct Line {
    adapter: Arc<Adapter>,
    waiting: VecDeque<Waiting>,
    running: FuturesUnordered<BoxFuture<'static, Done>>,
    /// One that changes something runs.
    changing: bool,
    cancels: HashMap<i64, CancellationToken>,
}

/// Serves a client until it disconnects, or is gone, or the adapter is ended from elsewhere.
pub(super) async fn serve(adapter: &Arc<Adapter>, mut requests: Requests) {
    let mut line = Line {
        adapter: Arc::clone(adapter),
        waiting: VecDeque::new(),
        running: FuturesUnordered::new(),
        changing: false,
        cancels: HashMap::new(),
    };
    loop {
        tokio::select! {
            biased;
            () = adapter.finished.cancelled() => break,
            () = requests.ending.cancelled() => break,
            Some(done) = line.running.next(), if !line.running.is_empty() => line.done(&done),
            inbound = requests.inbox.recv() => match inbound {
                Some(inbound) => line.take(inbound),
                None => break,
            },
        }
    }
    requests.inbox.close();
    adapter.closing.cancel();
    while let Ok(inbound) = requests.inbox.try_recv() {
        line.take(inbound);
    }
    let ending = async {
        // What is given up is answered; what was urgent comes to its own end.
        let answers = async {
            while let Some(done) = line.running.next().await {
                line.done(&done);
            }
        };
        drop(tokio::time::timeout(LAST_ANSWERS, answers).await);
    };
    tokio::join!(ending, adapter.end());
}

impl Line {
    fn take(&mut self, inbound: Inbound) {
        let (asker, command, arguments) = match inbound {
            Inbound::Aside { command, arguments, answer } => {
                let arguments = if arguments.is_null() { Value::Object(serde_json::Map::new()) } else { arguments };
                (Asker::Aside(answer), command, arguments)
            }
            Inbound::Message(message) => match dap::read(message) {
                Ok(FromClient::Request(request)) => (Asker::Client(request.seq), request.command, request.arguments),
                Ok(FromClient::Response(response)) => return self.adapter.answered(&response),
                Err(malformed) => {
                    let Some(seq) = malformed.seq else {
                        tracing::debug!(%malformed, "a message of a debug client was dropped");
                        return;
                    };
                    let refusal = Refusal::Arguments(malformed.why);
                    return self.refuse(Asker::Client(seq), malformed.command.unwrap_or_default(), refusal);
                }
            },
        };
        let manner = requests::manner(&command);
        if self.adapter.closing.is_cancelled() {
            return self.refuse(asker, command, Refusal::Cancelled);
        }
        // Room is left for what is urgent.
        let most = if manner == Manner::Urgent { 2 * MOST } else { MOST };
        if self.waiting.len() + self.running.len() >= most {
            return self.refuse(asker, command, Refusal::Crowded);
        }
        let cancel = CancellationToken::new();
        if let Asker::Client(seq) = &asker {
            self.cancels.insert(*seq, cancel.clone());
        }
        if command == "cancel" {
            self.cancel(&arguments);
        }
        let waiting = Waiting { asker, command, arguments, cancel };
        if manner == Manner::Urgent {
            self.begin(waiting, manner);
        } else {
            self.waiting.push_back(waiting);
            self.advance();
        }
    }

    /// Begins what may begin.
    fn advance(&mut self) {
        while !self.changing {
            let Some(next) = self.waiting.pop_front() else { return };
            let manner = requests::manner(&next.command);
            self.changing = manner == Manner::InOrder;
            self.begin(next, manner);
        }
    }

    fn begin(&mut self, request: Waiting, manner: Manner) {
        let adapter = Arc::clone(&self.adapter);
        self.running.push(run(adapter, request, manner).boxed());
    }

    fn done(&mut self, done: &Done) {
        if let Some(seq) = done.seq {
            self.cancels.remove(&seq);
        }
        if done.manner == Manner::InOrder {
            self.changing = false;
            self.advance();
        }
    }

    fn cancel(&mut self, arguments: &Value) {
        let seq = arguments.get("requestId").and_then(Value::as_i64);
        if let Some(cancel) = seq.and_then(|seq| self.cancels.get(&seq)) {
            cancel.cancel();
        }
        let given_up = |waiting: &Waiting| waiting.cancel.is_cancelled();
        if let Some(at) = self.waiting.iter().position(given_up)
            && let Some(Waiting { asker, command, .. }) = self.waiting.remove(at)
        {
            self.refuse(asker, command, Refusal::Cancelled);
        }
    }

    /// Answers without doing it.
    fn refuse(&mut self, asker: Asker, command: String, refusal: Refusal) {
        let adapter = Arc::clone(&self.adapter);
        self.running.push(
            async move {
                let seq = answer(&adapter, asker, command, Err(refusal)).await;
                Done { seq, manner: Manner::Beside }
            }
            .boxed(),
        );
    }
}

async fn run(adapter: Arc<Adapter>, request: Waiting, manner: Manner) -> Done {
    let Waiting { asker, command, arguments, cancel } = request;
    // What follows from a request is told after its answer.
    let _gate = if requests::is_gated(&command) { Some(adapter.gate.read().await) } else { None };
    let doing = AssertUnwindSafe(requests::handle(&adapter, &command, arguments, &cancel)).catch_unwind();
    let given_up = async {
        match requests::patience(&command) {
            _ if manner == Manner::Urgent => std::future::pending().await,
            Some(patience) => tokio::time::sleep(patience).await,
            None => std::future::pending().await,
        }
    };
    let may_be_cancelled = requests::may_be_cancelled(&command);
    let result = tokio::select! {
        biased;
        // First, so that nothing is begun that nobody would end.
        () = adapter.closing.cancelled(), if manner != Manner::Urgent => Err(Refusal::Cancelled),
        result = doing => result.unwrap_or(Err(Refusal::Bug)),
        () = cancel.cancelled(), if may_be_cancelled => Err(Refusal::Cancelled),
        () = given_up => Err(Refusal::TooSlow(requests::patience(&command).unwrap_or_default())),
    };
    if matches!(result, Err(Refusal::Cancelled | Refusal::TooSlow(_))) && requests::evaluates(&command) {
        adapter.interrupt().await;
    }
    let disconnects = command == "disconnect" && result.is_ok();
    let seq = answer(&adapter, asker, command, result).await;
    if disconnects {
        adapter.finished.cancel();
    }
    Done { seq, manner }
}

async fn answer(adapter: &Adapter, asker: Asker, command: String, result: Result<Value, Refusal>) -> Option<i64> {
    // What a debugger said of a failure is the debuggee's text.
    let result = result.map_err(|refusal| clean(&refusal.to_string(), Keep::Lines, VALUE));
    match asker {
        Asker::Client(request_seq) => {
            let command = clean(&command, Keep::OneLine, 256);
            adapter.outbox.send(ToClient::Response(Response { request_seq, command, result })).await;
            Some(request_seq)
        }
        Asker::Aside(answer) => {
            drop(answer.send(result));
            None
        }
    }
}

impl Adapter {
    /// The client answered a request of ours.
    fn answered(&self, response: &Response) {
        let mut offers = lock(&self.offers);
        let token = offers.remove(&response.request_seq);
        if response.result.is_ok() {
            return;
        }
        match token {
            // It will not come for the child, which runs undebugged then.
            Some(token) => drop(self.debugs.nursery.claim(&token)),
            // The offer is not noted yet: whoever notes it finds the refusal.
            None if offers.len() < MOST => drop(offers.insert(response.request_seq, String::new())),
            None => {}
        }
    }
}
