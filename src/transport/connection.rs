//! One connection: reads messages, hands them on in order, and says why it ended.
//!
//! The reader waits for nothing but room in front of the lane, and for a client that leaves more
//! than a megabyte of answers unread. It acts on `$/cancelRequest` and `exit` itself, so that both
//! work while handlers are busy and while output waits.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tower_lsp::jsonrpc::Id;
use tower_lsp::{LanguageServer, LspService};

use super::framing::{Decoder, Event, Fault};
use super::in_flight::{Admitted, Cancelled, InFlight, NotAdmitted};
use super::lane::{Context, Item, Lane};
use super::message::{Incoming, Message, Refusal, cancelled_id, classify, code};
use super::outbox::Outbox;

/// What is read at once, in bytes.
const READ_BYTES: usize = 64 << 10;

/// Notifications that may wait in front of the lane, beside the requests.
const WAITING_NOTIFICATIONS: usize = 256;

/// Bodies that may wait in front of the lane, in bytes. One may exceed it if it is alone.
const WAITING_BYTES: usize = 16 << 20;

/// How long handlers may take to be dropped at the end.
const HALT: Duration = Duration::from_secs(1);

/// Settings of a connection.
#[derive(Debug, Clone)]
pub struct Options {
    /// The longest body that is taken, in bytes.
    pub max_message_bytes: usize,
    /// Requests without an answer at one time; more are refused.
    pub max_in_flight: usize,
    /// Bytes of the bodies of those requests together; more are refused.
    pub max_in_flight_bytes: usize,
    /// The refusal for both. Its message gets the limit added.
    pub overloaded: Refusal,
    /// Methods whose handlers see the cancellation and answer themselves; the others are dropped and
    /// answered -32800.
    pub graceful: fn(&str) -> bool,
    /// Methods that get `{}` where the client sends no parameters.
    pub wants_object: fn(&str) -> bool,
    /// What to tell a client that calls a method which there is not.
    pub hint_for_unknown: fn(&str) -> Option<String>,
    /// The runtime that handlers run on; the caller's own where it is `None`. With one of their own,
    /// the connection goes on whatever handlers do: a thread of a runtime that a handler blocks may be
    /// the one that waits for input and for timers.
    pub handlers: Option<Handle>,
    /// How long messages that came before the end may take to start, and `shutdown` to end.
    pub drain: Duration,
    /// How long the client may take to read what is left at the end.
    pub flush: Duration,
}

impl Options {
    /// The defaults, with the refusal that this protocol has for a client that asks for too much at once.
    #[must_use]
    pub fn new(overloaded: Refusal) -> Self {
        Self {
            max_message_bytes: 16 << 20,
            max_in_flight: 256,
            max_in_flight_bytes: 128 << 20,
            overloaded,
            graceful: |_| false,
            wants_object: |_| false,
            hint_for_unknown: |_| None,
            handlers: None,
            drain: Duration::from_secs(10),
            flush: Duration::from_secs(1),
        }
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The client sent `exit`.
    Exit,
    /// The client sends nothing more.
    Eof,
    /// What the client sends can't be read.
    ReadFailed,
    /// The client reads nothing more.
    WriteFailed,
    /// The caller of [`serve`] ended it, for this reason.
    Stopped(Cow<'static, str>),
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Why.
    pub cause: Cause,
    /// The client had asked for `shutdown` before, and it was allowed to.
    pub after_shutdown: bool,
}

impl Exit {
    /// What the Language Server Protocol has the process exit with: 0 after `shutdown`, else 1.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        if self.after_shutdown { 0 } else { 1 }
    }
}

/// Serves one connection until it ends; `stop` ends it from outside, with the reason.
///
/// When this returns, the outbox is closed and no handler runs any more, apart from what handlers
/// spawned and from one that blocks its thread.
pub async fn serve<R, W, S>(
    reader: R,
    writer: W,
    service: LspService<S>,
    outbox: Outbox,
    options: Options,
    stop: impl Future<Output = Cow<'static, str>>,
) -> Exit
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
    S: LanguageServer,
{
    let context = Arc::new(Context {
        service: Mutex::new(service),
        in_flight: InFlight::new(options.max_in_flight, options.max_in_flight_bytes),
        outbox: outbox.clone(),
        wants_object: options.wants_object,
        hint_for_unknown: options.hint_for_unknown,
        initialized: AtomicBool::new(false),
        shut_down: AtomicBool::new(false),
    });
    let mut writing = tokio::spawn({
        let outbox = outbox.clone();
        async move { outbox.write_to(writer).await }
    });
    let (items, waiting) = mpsc::channel(options.max_in_flight + WAITING_NOTIFICATIONS);
    let handlers = options.handlers.clone().unwrap_or_else(Handle::current);
    let halt = CancellationToken::new();
    let mut lane = tokio::spawn(Lane::new(Arc::clone(&context), handlers).run(waiting, halt.clone()));
    let (drain, flush) = (options.drain, options.flush);
    let reading =
        Reader { context: Arc::clone(&context), options, items, room: Arc::new(Semaphore::new(WAITING_BYTES)) };

    let cause = tokio::select! { biased;
        reason = stop => Cause::Stopped(reason),
        () = outbox.closed() => Cause::WriteFailed,
        cause = reading.run(reader) => cause,
    };
    tracing::debug!(?cause, "the connection ends");

    // What came before the end is still started, unless nobody is left to hear of it.
    if matches!(cause, Cause::Exit | Cause::Eof) {
        tokio::select! { _ = tokio::time::timeout(drain, &mut lane) => {}, () = outbox.closed() => {} }
    }
    halt.cancel();
    if !lane.is_finished() && tokio::time::timeout(HALT, &mut lane).await.is_err() {
        tracing::warn!("a handler that blocks its thread was left behind");
    }

    outbox.finish();
    match tokio::time::timeout(flush, &mut writing).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::debug!(%error, "the client can't be written to"),
        Ok(Err(error)) => tracing::error!(%error, "the writer failed"),
        Err(_) => tracing::debug!("the client doesn't read the rest"),
    }
    writing.abort();
    outbox.close();
    Exit { cause, after_shutdown: context.shut_down.load(Ordering::Relaxed) }
}

struct Reader<S> {
    context: Arc<Context<S>>,
    options: Options,
    items: mpsc::Sender<Item>,
    /// Bytes that may still wait in front of the lane.
    room: Arc<Semaphore>,
}

/// Whether the reader goes on.
enum Next {
    Read,
    Exit,
}

impl<S: LanguageServer> Reader<S> {
    async fn run<R: AsyncRead + Unpin>(self, mut reader: R) -> Cause {
        let mut decoder = Decoder::new(self.options.max_message_bytes);
        let mut piece = vec![0; READ_BYTES];
        let mut after_broken_body = false;
        loop {
            self.context.outbox.control_room().await;
            match reader.read(&mut piece).await {
                Ok(0) => return Cause::Eof,
                Ok(count) => decoder.feed(&piece[..count]),
                Err(error) => {
                    tracing::warn!(%error, "the client's messages can't be read");
                    return Cause::ReadFailed;
                }
            }
            while let Some(event) = decoder.next_event() {
                match event {
                    Event::Body(body) => match classify(&body) {
                        Ok(message) => {
                            after_broken_body = false;
                            if let Next::Exit = self.take(message, body.len()).await {
                                return Cause::Exit;
                            }
                        }
                        Err(rejected) => {
                            after_broken_body = rejected.refusal.code == code::PARSE_ERROR;
                            self.refuse(&rejected.id, &rejected.refusal);
                        }
                    },
                    // The rest of a body that was cut off too early was reported with its beginning.
                    Event::Fault(Fault::Garbage) if after_broken_body => after_broken_body = false,
                    Event::Fault(fault) => self.refuse(&Id::Null, &Refusal::from(&fault)),
                }
            }
        }
    }

    async fn take(&self, message: Incoming, bytes: usize) -> Next {
        match message {
            Incoming::Request { id, method, params } => self.request(id, method, params, bytes).await,
            Incoming::Notification { method, params } => return self.notification(method, params, bytes).await,
            Incoming::Response { id, answer } => {
                if !self.context.outbox.answered(&id, answer) {
                    tracing::debug!(%id, "an answer to no request of ours was ignored");
                }
            }
        }
        Next::Read
    }

    async fn request(&self, id: Id, method: String, params: Option<Value>, bytes: usize) {
        if method.starts_with("$/") {
            return self.refuse(&id, &self.context.unknown_method(&method));
        }
        if method == "exit" {
            return self.refuse(&id, &Refusal::new(code::INVALID_REQUEST, "`exit` is a notification and has no id"));
        }
        match self.context.in_flight.admit(id.clone(), (self.options.graceful)(&method), bytes) {
            Ok(request) => self.hand_on(Some(request), method, params, bytes).await,
            Err(error @ NotAdmitted::DuplicateId) => {
                let refusal = Refusal::new(code::INVALID_REQUEST, format!("{error}: {id}"));
                self.refuse(&id, &refusal.with("id", json!(id)));
            }
            Err(error) => {
                let mut refusal = self.options.overloaded.clone();
                refusal.message = format!("{}: {error}", refusal.message).into();
                self.refuse(&id, &refusal);
            }
        }
    }

    async fn notification(&self, method: String, params: Option<Value>, bytes: usize) -> Next {
        match method.as_str() {
            "exit" => return Next::Exit,
            "$/cancelRequest" => match cancelled_id(params) {
                Some(id) => self.cancel(&id),
                None => tracing::warn!("a cancellation that names no request was ignored"),
            },
            name if name.starts_with("$/") => tracing::debug!(name, "a notification was ignored"),
            _ => self.hand_on(None, method, params, bytes).await,
        }
        Next::Read
    }

    fn cancel(&self, id: &Id) {
        match self.context.in_flight.cancel(id) {
            Cancelled::NotStarted => self.refuse(id, &Refusal::cancelled()),
            Cancelled::Signalled => {}
            Cancelled::Unknown => tracing::debug!(%id, "a cancelled request had been answered, or never was there"),
        }
    }

    async fn hand_on(&self, request: Option<Admitted>, method: String, params: Option<Value>, bytes: usize) {
        let share = u32::try_from(bytes.min(WAITING_BYTES)).unwrap_or(u32::MAX);
        // Neither is ever closed while this reader lives, except when the lane panics; then nothing is left to do.
        let Ok(room) = Arc::clone(&self.room).acquire_many_owned(share).await else { return };
        if self.items.send(Item { request, method, params, room }).await.is_err() {
            tracing::error!("a message was lost: the lane has ended");
        }
    }

    fn refuse(&self, id: &Id, refusal: &Refusal) {
        tracing::debug!(%id, code = refusal.code, reason = %refusal.message, "refused");
        self.context.outbox.control(Message::refusal(id, refusal));
    }
}
