//! The exchange with a debugger: which requests are under way, and what becomes of all that it says.
//!
//! One task owns all of it, so that answers and events stay in order and no lock is needed. Whatever
//! happens to the debugger, each request that was taken is answered once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::names::Names;
use super::surface::{self, COMMANDS, CONTROLS, Command};
use super::wire::{Dropped, Said};
use super::{Paths, Refusal, capabilities, clean, translate};
use crate::dap::{Response, ToClient};

/// Requests under way at one time.
const MAX_PENDING: usize = 256;

/// The longest content of a source, in bytes.
const MAX_SOURCE: usize = 4 << 20;

/// When an exception stops a program, in DAP's words.
const BREAK_MODES: [&str; 4] = ["never", "always", "unhandled", "userUnhandled"];

/// A request to be made.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) command: String,
    pub(super) arguments: Value,
    /// It is the adapter's own business, and its arguments are not translated.
    pub(super) as_control: bool,
    pub(super) answer: Answer,
}

/// Who waits for the answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// The client, under this number.
    Client { seq: i64 },
    /// A caller in this daemon.
    Caller(oneshot::Sender<Result<Value, Refusal>>),
}

struct Pending {
    command: &'static Command,
    answer: Answer,
    patience: Duration,
    until: Instant,
    /// How many children the client wants to see at most.
    count: Option<usize>,
    /// Only one thread goes on.
    alone: bool,
}

/// Nobody takes what the debugger says any more.
struct Unheard;

/// The state of an exchange.
pub(super) struct Exchange {
    paths: Arc<dyn Paths>,
    to_debugger: mpsc::Sender<Value>,
    out: mpsc::Sender<ToClient>,
    dropped: Dropped,
    /// The longest that any request may take.
    patience: Duration,
    names: Names,
    pending: HashMap<i64, Pending>,
    next_seq: i64,
    /// Events that can't happen again.
    happened: HashSet<&'static str>,
}

impl Exchange {
    pub(super) fn new(
        paths: Arc<dyn Paths>,
        to_debugger: mpsc::Sender<Value>,
        out: mpsc::Sender<ToClient>,
        dropped: Dropped,
        patience: Duration,
    ) -> Self {
        Self {
            paths,
            to_debugger,
            out,
            dropped,
            patience,
            names: Names::default(),
            pending: HashMap::new(),
            next_seq: 0,
            happened: HashSet::new(),
        }
    }

    /// Goes on until the debugger is gone or nobody asks or listens any more.
    pub(super) async fn run(mut self, mut said: mpsc::Receiver<Said>, mut orders: mpsc::Receiver<Order>) {
        loop {
            let until = self.pending.values().map(|pending| pending.until).min();
            let too_late = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            let heard = tokio::select! {
                // What the debugger has said counts before what is asked next, and before the clock.
                biased;
                heard = said.recv() => match heard {
                    Some(heard) => self.hear(heard).await,
                    None => break,
                },
                order = orders.recv() => match order {
                    Some(order) => self.take(order).await,
                    None => break,
                },
                () = too_late => self.give_up().await,
            };
            if heard.is_err() {
                break;
            }
        }
        // Those that come from now on are refused by the channel.
        orders.close();
        for (_, pending) in std::mem::take(&mut self.pending) {
            drop(self.answer(pending.answer, pending.command.name, Err(Refusal::Gone)).await);
        }
        while let Some(order) = orders.recv().await {
            drop(self.answer(order.answer, &order.command, Err(Refusal::Gone)).await);
        }
    }

    async fn answer(&self, to: Answer, command: &str, result: Result<Value, Refusal>) -> Result<(), Unheard> {
        match to {
            Answer::Client { seq } => {
                let result = result.map_err(|refusal| refusal.to_string());
                let response = Response { request_seq: seq, command: command.to_owned(), result };
                self.out.send(ToClient::Response(response)).await.map_err(|_| Unheard)
            }
            Answer::Caller(caller) => {
                // Whoever asked may have stopped waiting.
                drop(caller.send(result));
                Ok(())
            }
        }
    }

    async fn give_up(&mut self) -> Result<(), Unheard> {
        let now = Instant::now();
        let late: Vec<i64> = self.pending.iter().filter(|(_, it)| it.until <= now).map(|(seq, _)| *seq).collect();
        for pending in late.iter().filter_map(|seq| self.pending.remove(seq)).collect::<Vec<_>>() {
            let refusal = Refusal::Timeout(pending.patience);
            self.answer(pending.answer, pending.command.name, Err(refusal)).await?;
        }
        Ok(())
    }

    async fn take(&mut self, order: Order) -> Result<(), Unheard> {
        let Order { command, mut arguments, as_control, answer } = order;
        match self.prepare(&command, &mut arguments, as_control) {
            Ok(Some(known)) => {
                let (seq, count) = (self.next_seq + 1, arguments["count"].as_u64().filter(|count| *count > 0));
                let patience = known.patience.min(self.patience);
                let pending = Pending {
                    command: known,
                    answer,
                    until: Instant::now() + patience,
                    patience,
                    count: count.and_then(|count| usize::try_from(count).ok()),
                    alone: arguments["singleThread"] == true,
                };
                let message = json!({"seq": seq, "type": "request", "command": command, "arguments": arguments});
                if self.to_debugger.try_send(message).is_err() {
                    let refusal = if self.to_debugger.is_closed() { Refusal::Gone } else { Refusal::Busy };
                    return self.answer(pending.answer, &command, Err(refusal)).await;
                }
                self.next_seq = seq;
                self.pending.insert(seq, pending);
                Ok(())
            }
            Ok(None) => self.answer(answer, &command, Ok(Value::Null)).await,
            Err(Refusal::Outside) if command == "setBreakpoints" => {
                self.answer(answer, &command, Ok(unplaced(&arguments))).await
            }
            Err(refusal) => self.answer(answer, &command, Err(refusal)).await,
        }
    }

    /// Makes the arguments the debugger's. `None` when there is nothing to ask.
    fn prepare(
        &self,
        command: &str,
        arguments: &mut Value,
        as_control: bool,
    ) -> Result<Option<&'static Command>, Refusal> {
        let table = if as_control { CONTROLS } else { COMMANDS };
        let known = surface::by_name(table, command).ok_or(Refusal::Unsupported)?;
        if command == "cancel" {
            let wanted = arguments["requestId"].as_i64();
            let is_wanted = |pending: &Pending| matches!(pending.answer, Answer::Client { seq } if Some(seq) == wanted);
            let found = self.pending.iter().find(|(_, pending)| is_wanted(pending));
            // What is over can't be cancelled, and need not.
            let Some((seq, _)) = found else { return Ok(None) };
            *arguments = json!({"requestId": seq});
        }
        if self.pending.len() >= MAX_PENDING {
            return Err(Refusal::Busy);
        }
        translate::inward(arguments, known.arguments, &self.names, &*self.paths)?;
        Ok(Some(known))
    }

    async fn hear(&mut self, said: Said) -> Result<(), Unheard> {
        match said {
            Said::Response { request_seq, result } => {
                let Some(pending) = self.pending.remove(&request_seq) else {
                    self.dropped.note("an answer to what was not asked");
                    return Ok(());
                };
                let result = result.map_err(Refusal::Said).and_then(|body| self.accept(&pending, body));
                self.answer(pending.answer, pending.command.name, result).await
            }
            Said::Event { event, body } => match self.accept_event(&event, body) {
                Ok(event) => self.out.send(event).await.map_err(|_| Unheard),
                Err(what) => {
                    self.dropped.note(what);
                    Ok(())
                }
            },
        }
    }

    /// Makes the body of an answer the client's.
    fn accept(&mut self, pending: &Pending, mut body: Value) -> Result<Value, Refusal> {
        let command = pending.command;
        if command.name == "initialize" {
            return Ok(capabilities::filter(body));
        }
        clean::clean(&mut body, if command.name == "source" { MAX_SOURCE } else { clean::MAX_TEXT });
        if let Some(count) = pending.count
            && let Some(variables) = body.get_mut("variables").and_then(Value::as_array_mut)
        {
            variables.truncate(count);
        }
        if command.goes_on && !pending.alone && body["allThreadsContinued"] != false {
            self.names.forget_stop();
        }
        if body.is_null() {
            // DAP has a body here, but nothing in it has to be there.
            body = json!({});
        }
        if command.name == "exceptionInfo" && !BREAK_MODES.iter().any(|mode| body["breakMode"] == *mode) {
            // Debuggers that have no such modes say something else.
            body["breakMode"] = json!("unhandled");
        }
        translate::outward(&mut body, command.body, &mut self.names, &*self.paths)?;
        if !(command.is_sound)(&body) {
            return Err(Refusal::Senseless);
        }
        if let ("threads", Some(threads)) = (command.name, body["threads"].as_array()) {
            self.names.keep_threads(&threads.iter().filter_map(|thread| thread["id"].as_u64()).collect());
        }
        Ok(body)
    }

    fn accept_event(&mut self, name: &str, mut body: Value) -> Result<ToClient, &'static str> {
        let event = surface::event_by_name(name).ok_or("an event that does not go through")?;
        if event.once && self.happened.contains(event.name) {
            return Err("an event that can't happen again");
        }
        if body["category"] == "telemetry" {
            return Err("telemetry");
        }
        if event.name == "capabilities" {
            body = json!({"capabilities": capabilities::filter(body["capabilities"].take())});
        }
        clean::clean(&mut body, clean::MAX_TEXT);
        if event.name == "continued" && body["allThreadsContinued"] != false {
            self.names.forget_stop();
        }
        let accepted = if body.is_null() {
            Ok(())
        } else {
            translate::outward(&mut body, event.body, &mut self.names, &*self.paths)
        };
        if accepted.is_err() || !(event.is_sound)(&body) {
            return Err("an event that makes no sense");
        }
        if event.once {
            self.happened.insert(event.name);
        }
        Ok(ToClient::event(event.name, body))
    }
}

/// The answer about breakpoints in a file that the sandbox does not have. It is no failure: a client sets
/// those of all its files.
fn unplaced(arguments: &Value) -> Value {
    let wanted = arguments["breakpoints"].as_array().map_or(0, Vec::len).min(clean::MAX_ELEMENTS);
    let one = json!({"verified": false, "message": Refusal::Outside.to_string()});
    json!({"breakpoints": vec![one; wanted]})
}
