//! Starts the messages of one connection in the order in which they came.
//!
//! A notification is handled to its end before the next message starts; a request has been polled
//! once before the next message starts, and from there on runs on its own task. `initialize` and
//! `shutdown` are handled to their end like notifications, because they decide what is allowed next.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};
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

/// A handler that blocks its thread in its first poll keeps others from starting for no longer.
const FIRST_POLL: Duration = Duration::from_millis(100);

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
    pub(super) shut_down: AtomicBool,
}

type Handler = futures::future::BoxFuture<'static, Result<Option<Response>, ExitedError>>;

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

    fn call(&self, request: Request) -> Result<Handler, Box<dyn Any + Send>> {
        // Parameters are deserialised here, by code that is not ours alone.
        catch_unwind(AssertUnwindSafe(|| self.service().call(request)))
    }

    /// Makes `tower_lsp` forget a request whose future ended without an answer.
    fn forget(&self, serial: u64) {
        let params = json!({"id": serial.to_string()});
        if let Ok(forgotten) = self.call(Request::build("$/cancelRequest").params(params).finish()) {
            // It is ready at once, and there is nothing to be told.
            drop(forgotten.now_or_never());
        }
    }

    /// Runs a request to its end and answers it. Returns whether it succeeded.
    async fn run(self: Arc<Self>, request: Admitted, method: String, params: Option<Value>) -> bool {
        // `tower_lsp` gets an id that is never used twice and that its `$/cancelRequest` can always
        // name; the client's id, which may be neither, stays in the table.
        let mut call = Request::build(method.clone()).id(request.serial.to_string());
        if let Some(params) = params {
            call = call.params(params);
        }
        let current = Current { id: request.id.clone(), cancellation: request.cancellation.clone() };
        let handled = match self.call(call.finish()) {
            Ok(handler) => {
                let cancelled = async {
                    if request.graceful { std::future::pending().await } else { request.cancellation.cancelled().await }
                };
                let handled = current.scope(async {
                    tokio::select! { biased;
                        () = cancelled => None,
                        handled = handler => Some(handled),
                    }
                });
                AssertUnwindSafe(handled).catch_unwind().await
            }
            Err(panic) => Err(panic),
        };
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
        let succeeded = answer.as_ref().is_ok_and(Response::is_ok);
        let message = match answer {
            Ok(response) => Message::response(&response),
            Err(refusal) => Message::refusal(&request.id, &refusal),
        };
        self.answer(&request, message);
        succeeded
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

/// The lane.
pub(super) struct Lane<S> {
    context: Arc<Context<S>>,
    running: JoinSet<bool>,
    initialized: bool,
}

impl<S: LanguageServer> Lane<S> {
    pub(super) fn new(context: Arc<Context<S>>) -> Self {
        Self { context, running: JoinSet::new(), initialized: false }
    }

    /// Starts messages until there are no more or it is told to halt; then drops the requests that
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
        let is_initialize = method == "initialize";
        if let Some(refusal) = self.refuse_now(is_initialize) {
            self.context.answer(&request, Message::refusal(&request.id, &refusal));
            return;
        }
        let params = self.fit_params(&method, params);
        let is_shutdown = method == "shutdown";
        if is_shutdown {
            self.context.shut_down.store(true, Ordering::Relaxed);
        }
        let handling = Arc::clone(&self.context).run(request, method, params);
        if is_initialize {
            self.initialized = handling.await;
        } else if is_shutdown {
            handling.await;
        } else {
            self.start(handling).await;
        }
    }

    /// Polls a request once, on the task that it keeps.
    async fn start(&mut self, handling: impl Future<Output = bool> + Send + 'static) {
        let (started, has_started) = oneshot::channel::<()>();
        let mut started = Some(started);
        let mut handling = Box::pin(handling);
        self.running.spawn(poll_fn(move |context| {
            let polled = handling.as_mut().poll(context);
            drop(started.take());
            polled
        }));
        if tokio::time::timeout(FIRST_POLL, has_started).await.is_err() {
            tracing::warn!("a handler blocks its thread; the next message starts without waiting for it");
        }
    }

    async fn notification(&mut self, method: String, params: Option<Value>) {
        // `tower_lsp` would take these for requests, answer to nobody and change its state.
        if matches!(method.as_str(), "initialize" | "shutdown") {
            tracing::warn!(method, "a notification was ignored: this is the name of a request");
            return;
        }
        let mut call = Request::build(method.clone());
        if let Some(params) = self.fit_params(&method, params) {
            call = call.params(params);
        }
        let handled = match self.context.call(call.finish()) {
            Ok(handler) => AssertUnwindSafe(handler).catch_unwind().await,
            Err(panic) => Err(panic),
        };
        if let Err(panic) = handled {
            tracing::error!(method, reason = panic_text(&*panic), "a notification's handler panicked");
        }
    }

    /// Why no request of this kind is taken at this point of the connection's life.
    fn refuse_now(&self, is_initialize: bool) -> Option<Refusal> {
        if self.context.shut_down.load(Ordering::Relaxed) {
            return Some(Refusal::new(code::INVALID_REQUEST, "the server was shut down; only `exit` may follow"));
        }
        match (self.initialized, is_initialize) {
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
