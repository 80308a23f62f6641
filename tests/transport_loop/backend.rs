//! A service whose handlers misbehave on request, and a connection to it in this process.

use std::io::{self, Write};
use std::net::Shutdown;
use std::ops::{Deref, DerefMut};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use codebeaker::transport::{Exit, Message, Options, Outbox, Refusal, Ticket, current, serve};
use lsp_types::{InitializeParams, InitializeResult};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, oneshot};
use tower_lsp::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp::{LanguageServer, LspService};

use crate::harness::{DEADLINE, Wire};

/// What tests and handlers share.
#[derive(Default)]
pub(crate) struct Gates {
    open: AtomicBool,
    opened: Notify,
    unblocked: Mutex<bool>,
    unblock: Condvar,
    noted: Mutex<Vec<i64>>,
    running: AtomicUsize,
    echoed: AtomicBool,
    sent_bytes: AtomicU64,
    sent_messages: AtomicU64,
    /// The flood waits for room in the outbox.
    stuck: AtomicBool,
}

impl Gates {
    /// Lets every handler go on that waits, and every later one.
    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
        self.opened.notify_waiters();
    }

    pub(crate) fn unblock(&self) {
        *self.unblocked.lock().unwrap() = true;
        self.unblock.notify_all();
    }

    async fn pass(&self) {
        loop {
            let opened = self.opened.notified();
            if self.open.load(Ordering::SeqCst) {
                return;
            }
            opened.await;
        }
    }

    /// Waits until no handler runs any more that counts itself.
    pub(crate) fn wait_until_idle(&self) {
        wait_until("the handlers are gone", || self.running.load(Ordering::SeqCst) == 0);
    }

    /// Waits until a handler runs that counts itself.
    pub(crate) fn wait_until_busy(&self) {
        wait_until("a handler runs", || self.running.load(Ordering::SeqCst) > 0);
    }

    /// Waits until the flood waits for room, and stays so over a good number of looks.
    pub(crate) fn wait_until_stuck(&self) {
        let mut last = (u64::MAX, 0);
        wait_until("the flood stops", || {
            let sent = self.sent_bytes();
            last = if sent == last.0 && self.stuck.load(Ordering::SeqCst) { (sent, last.1 + 1) } else { (sent, 0) };
            last.1 > 20
        });
    }

    pub(crate) fn wait_until_noted(&self, number: i64) {
        wait_until("the number is noted", || self.noted.lock().unwrap().contains(&number));
    }

    pub(crate) fn wait_until_echoed(&self) {
        wait_until("the echo is handled", || self.echoed.load(Ordering::SeqCst));
    }

    pub(crate) fn sent_bytes(&self) -> u64 {
        self.sent_bytes.load(Ordering::SeqCst)
    }

    pub(crate) fn sent_messages(&self) -> u64 {
        self.sent_messages.load(Ordering::SeqCst)
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Counts a handler for as long as its future exists.
struct Running(Arc<Gates>);

impl Running {
    fn new(gates: &Arc<Gates>) -> Self {
        gates.running.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(gates))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Backend {
    gates: Arc<Gates>,
    outbox: Outbox,
}

#[tower_lsp::async_trait]
impl LanguageServer for Backend {
    async fn initialize(&self, _: InitializeParams) -> Result<InitializeResult> {
        tokio::task::yield_now().await;
        Ok(InitializeResult::default())
    }

    async fn shutdown(&self) -> Result<()> {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Numbered {
    number: i64,
}

#[derive(Deserialize)]
struct Output {
    #[serde(default)]
    count: u64,
    bytes: usize,
}

#[derive(Deserialize)]
struct Empty {}

/// Parameters whose reading panics.
struct Bomb;

impl<'de> Deserialize<'de> for Bomb {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> std::result::Result<Self, D::Error> {
        panic!("on purpose, in parameters");
    }
}

impl Backend {
    async fn echo(&self, params: Value) -> Result<Value> {
        self.gates.echoed.store(true, Ordering::SeqCst);
        Ok(params)
    }

    async fn panic(&self, _: Value) -> Result<Value> {
        panic!("on purpose");
    }

    async fn panic_later(&self, _: Value) -> Result<Value> {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        panic!("on purpose, later");
    }

    async fn panic_in_params(&self, _: Bomb) -> Result<Value> {
        Ok(Value::Null)
    }

    async fn panic_notified(&self, _: Value) {
        panic!("on purpose, in a notification");
    }

    async fn block(&self, _: Value) -> Result<Value> {
        let unblocked = self.gates.unblocked.lock().unwrap();
        drop(self.gates.unblock.wait_while(unblocked, |unblocked| !*unblocked).unwrap());
        Ok(Value::Null)
    }

    async fn wait(&self, _: Value) -> Result<Value> {
        let _running = Running::new(&self.gates);
        self.gates.pass().await;
        Ok(json!("waited"))
    }

    async fn wait_notified(&self, _: Value) {
        self.gates.pass().await;
    }

    async fn note(&self, params: Numbered) {
        // Where handlers run beside each other, this lets them overtake.
        for _ in 0..params.number % 7 {
            tokio::task::yield_now().await;
        }
        self.gates.noted.lock().unwrap().push(params.number);
    }

    async fn start(&self, params: Numbered) -> Result<Value> {
        self.gates.noted.lock().unwrap().push(params.number);
        for _ in 0..params.number % 7 {
            tokio::task::yield_now().await;
        }
        Ok(Value::Null)
    }

    async fn noted(&self, _: Value) -> Result<Value> {
        Ok(json!(*self.gates.noted.lock().unwrap()))
    }

    async fn id(&self) -> Result<Value> {
        let first = current().map(|request| json!(request.id()));
        tokio::task::yield_now().await;
        Ok(json!([first, current().map(|request| json!(request.id()))]))
    }

    async fn object(&self, _: Empty) -> Result<Value> {
        Ok(json!({}))
    }

    async fn send(&self, number: u64, bytes: usize) -> Option<Ticket> {
        let params = json!({"number": number, "data": "x".repeat(bytes)});
        let message = Message::notification("test/output", &params).unwrap();
        let length = message.as_bytes().len() as u64;
        self.gates.stuck.store(true, Ordering::SeqCst);
        let ticket = self.outbox.data(message).await.ok()?;
        self.gates.stuck.store(false, Ordering::SeqCst);
        self.gates.sent_bytes.fetch_add(length, Ordering::SeqCst);
        self.gates.sent_messages.fetch_add(1, Ordering::SeqCst);
        Some(ticket)
    }

    async fn output(&self, params: Output) -> Result<Value> {
        let mut last = None;
        for number in 0..params.count {
            last = self.send(number, params.bytes).await;
        }
        if let Some(ticket) = last {
            self.outbox.flushed(ticket).await.unwrap();
        }
        Ok(Value::Null)
    }

    async fn flood(&self, params: Output) -> Result<Value> {
        let _running = Running::new(&self.gates);
        let mut number = 0;
        while self.send(number, params.bytes).await.is_some() {
            number += 1;
        }
        Ok(Value::Null)
    }

    async fn graceful(&self, _: Value) -> Result<Value> {
        let _running = Running::new(&self.gates);
        let request = current().unwrap();
        self.outbox.control(Message::notification("test/started", &json!({})).unwrap());
        request.cancellation().cancelled().await;
        let mut last = None;
        for number in 0..3 {
            last = self.send(number, 10).await;
        }
        self.outbox.flushed(last.unwrap()).await.unwrap();
        let mut error = Error::new(ErrorCode::RequestCancelled);
        error.data = Some(json!({"outputs": 3}));
        Err(error)
    }
}

/// A client of a connection that is served in this process.
pub(crate) struct Connection {
    wire: Wire,
    pub(crate) gates: Arc<Gates>,
    socket: UnixStream,
    stop: Option<oneshot::Sender<&'static str>>,
    exit: Option<oneshot::Receiver<Exit>>,
    /// Of the connection, and of the handlers.
    runtimes: Option<[Runtime; 2]>,
    /// Notifications that nobody needs to claim.
    ignored: Option<&'static str>,
}

impl Deref for Connection {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.wire
    }
}

/// A socket whose writing half is shut when it is dropped.
struct Half(UnixStream);

impl Write for Half {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        drop(self.0.shutdown(Shutdown::Write));
    }
}

impl Connection {
    pub(crate) fn start() -> Self {
        let threads = |count| Builder::new_multi_thread().worker_threads(count).enable_all().build().unwrap();
        let (runtime, handlers) = (threads(1), threads(2));
        let (socket, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let gates = Arc::<Gates>::default();
        let outbox = Outbox::new();
        let backend = Backend { gates: Arc::clone(&gates), outbox: outbox.clone() };
        let (service, _) = LspService::build(|_| backend)
            .custom_method("test/echo", Backend::echo)
            .custom_method("test/panic", Backend::panic)
            .custom_method("test/panicLater", Backend::panic_later)
            .custom_method("test/panicInParams", Backend::panic_in_params)
            .custom_method("test/panicNotified", Backend::panic_notified)
            .custom_method("test/block", Backend::block)
            .custom_method("test/wait", Backend::wait)
            .custom_method("test/waitNotified", Backend::wait_notified)
            .custom_method("test/note", Backend::note)
            .custom_method("test/start", Backend::start)
            .custom_method("test/noted", Backend::noted)
            .custom_method("test/id", Backend::id)
            .custom_method("test/object", Backend::object)
            .custom_method("test/output", Backend::output)
            .custom_method("test/flood", Backend::flood)
            .custom_method("test/graceful", Backend::graceful)
            .finish();
        let mut overloaded = Refusal::new(1900, "too much at once");
        overloaded.data = Some(Box::new(json!({"retryable": true})));
        let mut options = Options::new(overloaded);
        options.handlers = Some(handlers.handle().clone());
        options.graceful = |method| method == "test/graceful";
        options.wants_object = |method| method == "test/object";
        let (stop, stopped) = oneshot::channel::<&'static str>();
        let (exited, exit) = oneshot::channel();
        runtime.spawn(async move {
            let (reader, writer) = tokio::net::UnixStream::from_std(theirs).unwrap().into_split();
            let stopped = async { stopped.await.map_or_else(|_| "the test is over".into(), Into::into) };
            // A test that doesn't wait for the end has dropped the other half.
            drop(exited.send(serve(reader, writer, service, outbox, options, stopped).await));
        });
        let wire = Wire::new(socket.try_clone().unwrap(), Half(socket.try_clone().unwrap()));
        Self {
            wire,
            gates,
            socket,
            stop: Some(stop),
            exit: Some(exit),
            runtimes: Some([runtime, handlers]),
            ignored: None,
        }
    }

    pub(crate) fn initialized() -> Self {
        let mut connection = Self::start();
        connection.request("initialize", json!({"capabilities": {}}));
        connection.notify("initialized", json!({}));
        connection
    }

    /// Notifications of this method need not be claimed.
    pub(crate) fn ignore(&mut self, method: &'static str) {
        self.ignored = Some(method);
    }

    pub(crate) fn stop(&mut self, reason: &'static str) {
        self.stop.take().expect("it is stopped once").send(reason).expect("it is still served");
    }

    /// Goes away without a word. Output may have come until then.
    pub(crate) fn hang_up(&mut self) {
        self.ignored = Some("test/output");
        self.socket.shutdown(Shutdown::Read).unwrap();
    }

    /// Sends these bytes again and again until they are not taken any more, then the request `last`
    /// as soon as there is room. Panics where more is taken than any bound allows for.
    pub(crate) fn send_until_full(&mut self, bytes: &[u8]) {
        self.socket.set_write_timeout(Some(std::time::Duration::from_secs(2))).unwrap();
        let mut taken = 0;
        let rest = loop {
            match self.socket.write(&bytes[taken % bytes.len()..]) {
                Ok(count) => taken += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break bytes[taken % bytes.len()..].to_vec(),
                Err(error) => panic!("{error}"),
            }
            assert!(taken < 16 << 20, "everything is taken in");
        };
        self.socket.set_write_timeout(None).unwrap();
        let last = crate::harness::wire::framed(r#"{"jsonrpc":"2.0","id":"last","method":"test/echo","params":{}}"#);
        let mut socket = self.socket.try_clone().unwrap();
        std::thread::spawn(move || socket.write_all(&[rest, last].concat()));
    }

    /// Waits for the end of the connection.
    pub(crate) fn ended(&mut self) -> Exit {
        let exit = self.exit.take().expect("it ends once");
        let [runtime, _] = self.runtimes.as_ref().expect("they are there until the drop");
        runtime.block_on(async { tokio::time::timeout(DEADLINE, exit).await }).expect("it ends").expect("it tells how")
    }

    fn end(&mut self) {
        drop(self.socket.shutdown(Shutdown::Write));
        if self.exit.is_some() {
            self.ended();
        }
        let mut rest = self.wire.rest();
        rest.retain(|message| self.ignored.is_none_or(|ignored| message["method"] != ignored));
        assert!(rest.is_empty(), "nobody claimed {rest:.2000?}");
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.gates.open();
        self.gates.unblock();
        if !std::thread::panicking() {
            self.end();
        }
        self.runtimes.take().into_iter().flatten().for_each(Runtime::shutdown_background);
    }
}
