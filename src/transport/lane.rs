//! Starts the messages of one connection in the order in which they came.
//!
//! A notification is handled to its end before the next message starts; a request has been polled
//! once before the next message starts. `initialize` and `shutdown` are handled to their end like
//! notifications, because they decide what is allowed next. Each handler has a task of its own, so
//! that its panic, or its blocking, is no other's.

use std::any::Any;
use std::future::{pending, poll_fn};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower_lsp::jsonrpc::{ErrorCode, Id, Request, Response};
use tower_lsp::{ExitedError, LanguageServer, LspService};
use tower_service::Service;

use super::in_flight::{Admitted, InFlight};
use super::message::{Message, Refusal, code, standard_data};
use super::outbox::Outbox;
use super::request::Current;

/// A handler that blocks its thread in its first poll keeps others from starting for twice this at most.
const FIRST_POLL: Duration = Duration::from_millis(500);

/// A message on its way to its handler.
#[derive(Debug)]
pub(super) struct Item {
    /// The request, or `None` for a notification.
    pub(super) request: Option<Admitted>,
    pub(super) method: String,
    pub(super) params: Option<Value>,
    /// Its share of what may wait in front of the lane.
    pub(super) room: OwnedSemaphorePermit,
}

/// What the lane and the reader share with the handlers of one connection.
pub(super) struct Context<S> {
    pub(super) service: Mutex<LspService<S>>,
    pub(super) in_flight: InFlight,
    pub(super) outbox: Outbox,
    pub(super) wants_object: fn(&str) -> bool,
    pub(super) hint_for_unknown: fn(&str) -> Option<String>,
    /// `initialize` succeeded.
    pub(super) initialized: AtomicBool,
    /// `shutdown` was taken.
    pub(super) shut_down: AtomicBool,
}

impl<S: LanguageServer> Context<S> {
    fn service(&self) -> MutexGuard<'_, LspService<S>> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn unknown_method(&self, method: &str) -> Refusal {
        let refusal = Refusal::unknown_method(method);
        match (self.hint_for_unknown)(method) {
            Some(hint) => refusal.with("hint", hint),
            None => refusal,
        }
    }

    /// Puts the client's id into a response, and the method's name into the message that there is none.
    fn readdress(&self, id: &Id, method: &str, response: Response) -> Result<Response, Refusal> {
        let (_, mut body) = response.into_parts();
        if let Err(error) = &mut body {
            let is_unknown = error.code == ErrorCode::MethodNotFound;
            if is_unknown && error.data.as_ref().and_then(Value::as_str) == Some(method) {
                return Err(self.unknown_method(method));
            }
            if error.data.is_none() {
                error.data = standard_data(error.code.code());
            }
        }
        Ok(Response::from_parts(id.clone(), body))
    }

    /// Makes `tower_lsp` forget a request whose future ended without an answer.
    fn forget(&self, serial: u64) {
        let params = json!({"id": serial.to_string()});
        let forgetting = self.service().call(Request::build("$/cancelRequest").params(params).finish());
        // It is ready at once, and there is nothing to be told.
        drop(forgetting.now_or_never());
    }

    /// Runs a request to its end and answers it.
    async fn run(self: Arc<Self>, request: Admitted, method: String, params: Option<Value>) {
        // `tower_lsp` gets an id that is never used twice and that its `$/cancelRequest` can always
        // name; the client's id, which may be neither, stays in the table.
        let mut call = Request::build(method.clone()).id(request.serial.to_string());
        if let Some(params) = params {
            call = call.params(params);
        }
        let cancelled =
            async { if request.graceful { pending().await } else { request.cancellation.cancelled().await } };
        let current = Current { id: request.id.clone(), cancellation: request.cancellation.clone() };
        let handled = current.scope(async {
            // Parameters are deserialised in the call itself, by code that may panic like a handler.
            let handler = self.service().call(call.finish());
            tokio::select! { biased;
                () = cancelled => None,
                handled = handler => Some(handled),
            }
        });
        let handled = AssertUnwindSafe(handled).catch_unwind().await;
        let answer = match handled {
            Ok(Some(Ok(Some(response)))) => self.readdress(&request.id, &method, response),
            Ok(Some(Ok(None))) => Err(self.unknown_method(&method)),
            Ok(Some(Err(ExitedError { .. }))) => Err(Refusal::new(code::INVALID_REQUEST, "the server has exited")),
            Ok(None) => {
                self.forget(request.serial);
                Err(Refusal::cancelled())
            }
            Err(panic) => {
                tracing::error!(method, reason = panic_text(&*panic), "a handler panicked");
                self.forget(request.serial);
                Err(Refusal::panicked(&method))
            }
        };
        if method == "initialize" && answer.as_ref().is_ok_and(Response::is_ok) {
            self.initialized.store(true, Ordering::Relaxed);
        }
        let message = match answer {
            Ok(response) => Message::response(&response),
            Err(refusal) => Message::refusal(&request.id, &refusal),
        };
        self.answer(&request, message);
    }

    async fn run_notification(self: Arc<Self>, method: String, params: Option<Value>) {
        let mut call = Request::build(method.clone());
        if let Some(params) = params {
            call = call.params(params);
        }
        let handled = async {
            let handler = self.service().call(call.finish());
            handler.await
        };
        if let Err(panic) = AssertUnwindSafe(handled).catch_unwind().await {
            tracing::error!(method, reason = panic_text(&*panic), "a notification's handler panicked");
        }
    }

    fn answer(&self, request: &Admitted, message: Message) {
        if self.in_flight.finish(request) {
            self.outbox.control(message);
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}

/// How far a handler gets before the next message starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    FirstPoll,
    End,
}

/// The lane.
pub(super) struct Lane<S> {
    context: Arc<Context<S>>,
    /// Where handlers run.
    handlers: Handle,
    running: JoinSet<()>,
}

impl<S: LanguageServer> Lane<S> {
    pub(super) fn new(context: Arc<Context<S>>, handlers: Handle) -> Self {
        Self { context, handlers, running: JoinSet::new() }
    }

    /// Starts messages until there are no more or it is told to halt; then drops the handlers that
    /// still run.
    pub(super) async fn run(mut self, items: mpsc::Receiver<Item>, halt: CancellationToken) {
        tokio::select! { biased;
            () = halt.cancelled() => {}
            () = self.start_all(items) => {}
        }
        self.running.shutdown().await;
    }

    async fn start_all(&mut self, mut items: mpsc::Receiver<Item>) {
        while let Some(item) = items.recv().await {
            while self.running.try_join_next().is_some() {}
            match item.request {
                Some(request) => self.request(request, item.method, item.params).await,
                None => self.notification(item.method, item.params).await,
            }
            drop(item.room);
        }
    }

    async fn request(&mut self, request: Admitted, method: String, params: Option<Value>) {
        if !self.context.in_flight.start(&request) {
            return;
        }
        if let Some(refusal) = self.refuse_now(&method) {
            self.context.answer(&request, Message::refusal(&request.id, &refusal));
            return;
        }
        if method == "shutdown" {
            self.context.shut_down.store(true, Ordering::Relaxed);
        }
        let until = if matches!(method.as_str(), "initialize" | "shutdown") { Until::End } else { Until::FirstPoll };
        let params = self.fit_params(&method, params);
        self.start(Arc::clone(&self.context).run(request, method, params), until).await;
    }

    async fn notification(&mut self, method: String, params: Option<Value>) {
        // `tower_lsp` would take these for requests, answer to nobody and change its state.
        if matches!(method.as_str(), "initialize" | "shutdown") {
            tracing::warn!(method, "a notification was ignored: this is the name of a request");
            return;
        }
        let params = self.fit_params(&method, params);
        self.start(Arc::clone(&self.context).run_notification(method, params), Until::End).await;
    }

    async fn start(&mut self, handling: impl Future<Output = ()> + Send + 'static, until: Until) {
        let (reached, mut has_reached) = oneshot::channel::<()>();
        let begun = Arc::new(AtomicBool::new(false));
        let mut reached = Some(reached);
        let mut handling = Box::pin(handling);
        let task = poll_fn({
            let begun = Arc::clone(&begun);
            move |context| {
                begun.store(true, Ordering::Relaxed);
                let polled = handling.as_mut().poll(context);
                if until == Until::FirstPoll || polled.is_ready() {
                    drop(reached.take());
                }
                polled
            }
        });
        self.running.spawn_on(task, &self.handlers);
        let mut had_begun = false;
        // The other end is dropped, never used; so an error is what is waited for.
        while tokio::time::timeout(FIRST_POLL, &mut has_reached).await.is_err() {
            // A poll that waits for a thread keeps its place, however long that takes.
            if until == Until::FirstPoll && had_begun {
                tracing::warn!("a handler blocks its thread; the next message starts without waiting for it");
                return;
            }
            had_begun = begun.load(Ordering::Relaxed);
        }
    }

    /// Why no request of this kind is taken at this point of the connection's life.
    fn refuse_now(&self, method: &str) -> Option<Refusal> {
        if self.context.shut_down.load(Ordering::Relaxed) {
            return Some(Refusal::new(code::INVALID_REQUEST, "the server was shut down; only `exit` may follow"));
        }
        match (self.context.initialized.load(Ordering::Relaxed), method == "initialize") {
            (true, true) => Some(Refusal::new(code::INVALID_REQUEST, "`initialize` was sent before")),
            (false, false) => Some(Refusal::new(code::NOT_INITIALIZED, "`initialize` must be answered first")),
            _ => None,
        }
    }

    /// Clients differ in what they send where there is nothing to send; handlers do not.
    fn fit_params(&self, method: &str, params: Option<Value>) -> Option<Value> {
        match (method, params) {
            ("shutdown", _) => None,
            ("initialized", None) => Some(json!({})),
            (_, None) if (self.context.wants_object)(method) => Some(json!({})),
            (_, params) => params,
        }
    }
}
