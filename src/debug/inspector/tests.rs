//! The debugger before an inspector that says what it likes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::{SinkExt, StreamExt};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::budget::{Budget, Message, OF_PROCESS};
use super::channel::{Carrier, End};
use super::launch;
use super::socket;
use super::target::Options;
use crate::agent::Endpoint;
use crate::debug::backend::{Attachment, DebugEvent, Fault, Handle, Page, Place, Position, Purpose, StopReason};
use crate::debug::ground::{Conduit, Ground};

/// A ground with nothing on it.
struct Barren;

#[async_trait]
impl Ground for Barren {
    fn directory(&self) -> &str {
        "/run/codebeaker/exe_1"
    }

    async fn side(&self) -> Result<Conduit, Fault> {
        Err(Fault::Unsupported("a stream"))
    }

    async fn dial(&self, _: Endpoint) -> Result<Conduit, Fault> {
        Err(Fault::Gone("nothing listens".to_owned()))
    }

    async fn read_file(&self, _: &str, _: usize) -> Result<Vec<u8>, Fault> {
        Err(Fault::Refused("no such file".to_owned()))
    }

    async fn signal(&self, _: i32) -> Result<(), Fault> {
        Ok(())
    }

    async fn gone(&self) -> String {
        std::future::pending().await
    }
}

/// The inspector's end.
struct Peer {
    out: mpsc::Sender<Message>,
    budget: Budget,
    /// It answers.
    answering: tokio::task::JoinHandle<()>,
    /// What was asked and not answered by itself.
    asked: mpsc::UnboundedReceiver<Value>,
}

impl Peer {
    async fn say(&self, message: Value) {
        let message = self.budget.hold(message.to_string()).await.expect("it is not too heavy");
        self.out.send(message).await.expect("the debugger listens");
    }

    /// Closes the connection.
    fn hang_up(self) {
        self.answering.abort();
    }

    async fn event(&self, method: &str, params: Value) {
        self.say(json!({"method": method, "params": params})).await;
    }
}

/// A debugger before an inspector that gives each question the same answer, but for those that `own` names.
async fn debugger(answer: Value, own: &'static [&'static str]) -> (Attachment, Peer) {
    let (to, mut questions) = mpsc::channel::<String>(16);
    let (out, from) = mpsc::channel(16);
    let (kept, asked) = mpsc::unbounded_channel();
    let answers = out.clone();
    let budget = Budget::new();
    let room = budget.clone();
    let answering = tokio::spawn(async move {
        while let Some(text) = questions.recv().await {
            let question: Value = serde_json::from_str(&text).expect("a question is JSON");
            let is_setting_up = question["method"].as_str().is_some_and(|method| {
                method.ends_with(".enable")
                    || ["Binding", "Patterns", "Instrumentation", "Depth"].iter().any(|part| method.contains(part))
            });
            if own.iter().any(|own| question["method"] == *own) {
                let _ = kept.send(question);
            } else {
                let result = if is_setting_up { json!({"breakpointId": "i"}) } else { answer.clone() };
                let answer = room.hold(json!({"id": question["id"], "result": result}).to_string()).await;
                let _ = answers.send(answer.expect("it is not too heavy")).await;
            }
        }
    });
    let carrier = Carrier { to, from, budget: budget.clone(), end: End::default() };
    let options = Options { name: "main".to_owned(), source_maps: true, ..Options::default() };
    let attachment = launch::begin(carrier, Arc::new(Barren), options).await.expect("it is set up");
    (attachment, Peer { out, budget, answering, asked })
}

fn paused() -> Value {
    let location = json!({"scriptId": "1", "lineNumber": 4, "columnNumber": 0});
    let scope = json!({"type": "local", "object": {"type": "object", "objectId": "o"}});
    let frame = json!({"callFrameId": "c", "functionName": "f", "location": location, "scopeChain": [scope]});
    json!({"callFrames": [frame], "reason": "other", "hitBreakpoints": []})
}

/// The next stop, whatever else happens.
async fn stop(events: &mut mpsc::Receiver<DebugEvent>) -> Handle {
    let wait = async {
        loop {
            match events.recv().await.expect("it is not over") {
                DebugEvent::Stopped { thread, reason, .. } => {
                    assert_eq!(reason, StopReason::Breakpoint);
                    return thread;
                }
                _ => continue,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("in time")
}

#[tokio::test]
async fn an_answer_counts_only_where_it_was_asked_for() {
    let (attachment, mut peer) = debugger(json!({}), &["Runtime.evaluate"]).await;
    let debugger = Arc::clone(&attachment.debugger);
    let value = tokio::spawn(async move { debugger.evaluate(None, "1", Purpose::Watch, false).await });
    let question = peer.asked.recv().await.expect("a question");
    let id = question["id"].as_u64().expect("a number");
    for other in [json!(id + 1), json!(0), json!(u64::MAX), json!("1"), json!(-1), json!(null), json!([id])] {
        peer.say(json!({"id": other, "result": {"result": {"type": "string", "value": "forged"}}})).await;
    }
    let result = json!({"type": "number", "value": 1, "description": "1"});
    peer.say(json!({"id": id, "result": {"result": result}})).await;
    peer.say(json!({"id": id, "result": {"result": {"type": "string", "value": "late"}}})).await;
    assert_eq!(value.await.expect("no panic").expect("a value").text, "1");
}

#[tokio::test]
async fn an_end_answers_all_who_wait() {
    let (Attachment { debugger, mut events }, mut peer) = debugger(json!({}), &["Runtime.evaluate"]).await;
    let waiting = [1, 2, 3].map(|_| {
        let debugger = Arc::clone(&debugger);
        tokio::spawn(async move { debugger.evaluate(None, "1", Purpose::Watch, false).await })
    });
    for _ in &waiting {
        peer.asked.recv().await.expect("a question");
    }
    let log = json!({"args": [{"value": "__codebeaker:log"}, {"value": 1}, {"type": "string", "value": "late"}]});
    peer.event("Runtime.consoleAPICalled", log).await;
    peer.event("NodeRuntime.waitingForDisconnect", json!({})).await;
    peer.hang_up();
    let all = async {
        for value in waiting {
            let fault = value.await.expect("no panic").expect_err("there is nobody to answer");
            assert!(matches!(fault, Fault::Gone(_)), "{fault:?}");
        }
        assert!(matches!(events.recv().await, Some(DebugEvent::Output { text, .. }) if text == "late\n"));
        assert!(matches!(events.recv().await, Some(DebugEvent::Ending)));
        assert!(events.recv().await.is_none(), "the end comes last");
        let late = debugger.evaluate(None, "1", Purpose::Watch, false).await;
        assert!(matches!(late, Err(Fault::Gone(_))), "{late:?}");
    };
    tokio::time::timeout(Duration::from_secs(30), all).await.expect("nobody waits for ever");
}

#[tokio::test]
async fn what_was_handed_out_ends_when_the_program_goes_on() {
    let (attachment, peer) = debugger(json!({}), &[]).await;
    let mut events = attachment.events;
    let debugger = attachment.debugger;
    peer.event("Debugger.scriptParsed", json!({"scriptId": "1", "url": "file:///a.js"})).await;
    peer.event("Debugger.paused", paused()).await;
    let thread = stop(&mut events).await;
    let frame = debugger.stack(&thread, 0, None).await.expect("a stack").frames.remove(0);
    assert_eq!(frame.place, Some(Place::File("/a.js".to_owned())));
    let scope = debugger.scopes(&frame.handle).await.expect("scopes").remove(0);
    debugger.resume(&thread, false).await.expect("it goes on");
    assert_eq!(debugger.stack(&thread, 0, None).await, Err(Fault::NotStopped));
    peer.event("Debugger.paused", paused()).await;
    stop(&mut events).await;
    assert_eq!(debugger.scopes(&frame.handle).await, Err(Fault::Stale));
    assert_eq!(debugger.variables(&scope.handle, Page::default()).await, Err(Fault::Stale));
    for forged in ["", "f", "f1", "f1.9999999999999999999999", "s1.0.99", "v1.7", "vx.y", "c1.2"] {
        let forged = Handle::new(forged).expect("short");
        assert!(debugger.scopes(&forged).await.is_err());
        assert!(debugger.variables(&forged, Page::default()).await.is_err());
    }
}

#[tokio::test]
async fn scripts_without_end_are_not_kept_without_end() {
    let (attachment, peer) = debugger(json!({}), &[]).await;
    let mut events = attachment.events;
    let taken = tokio::spawn(async move {
        let mut count = 0;
        while let Some(event) = events.recv().await {
            match event {
                DebugEvent::SourceLoaded(_) => count += 1,
                DebugEvent::Stopped { .. } => break,
                _ => {}
            }
        }
        count
    });
    for number in 0..21_000 {
        let url = format!("file:///{number}.js{}", "x".repeat(if number == 0 { 1 << 20 } else { 0 }));
        peer.event("Debugger.scriptParsed", json!({"scriptId": number.to_string(), "url": url})).await;
    }
    peer.event("Debugger.paused", paused()).await;
    let count = tokio::time::timeout(Duration::from_secs(60), taken).await.expect("in time").expect("no panic");
    assert_eq!(count, 20_000);
    let sources = attachment.debugger.loaded_sources().await.expect("sources");
    assert!(sources.iter().all(|place| matches!(place, Place::File(path) if path.len() <= 4096)));
}

/// A carrier, and the inspector at its other end.
async fn carried() -> (Carrier, WebSocketStream<DuplexStream>) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let accepted = tokio::spawn(tokio_tungstenite::accept_async(theirs));
    let carrier = socket::connect(Box::new(ours), "ws://127.0.0.1:1/a", Budget::new()).await.expect("it connects");
    (carrier, accepted.await.expect("no panic").expect("a handshake"))
}

#[tokio::test]
async fn a_program_that_nobody_debugs_any_more_is_told_to_go_on() {
    let (carrier, mut peer) = carried().await;
    peer.send(Frame::binary(vec![0; 8])).await.expect("it is passed over");
    peer.send(Frame::text("{}")).await.expect("it is taken");
    let Carrier { to, mut from, end, .. } = carrier;
    assert_eq!(from.recv().await.expect("a message").text, "{}");
    drop(to);
    let last = peer.next().await.expect("a last word").expect("whole").into_text().expect("a text");
    assert!(last.contains("Runtime.runIfWaitingForDebugger"));
    drop(end);
}

#[tokio::test]
async fn a_program_that_was_let_run_is_not_told_again() {
    let (carrier, mut peer) = carried().await;
    let run = json!({"id": 7, "method": "Runtime.runIfWaitingForDebugger", "params": {}}).to_string();
    carrier.to.send(run.clone()).await.expect("it is taken");
    assert_eq!(peer.next().await.expect("a message").expect("whole"), Frame::text(run));
    carrier.end.leave();
    assert!(peer.next().await.expect("an end").expect("whole").is_close());
}

#[tokio::test]
async fn a_program_that_ends_itself_is_told_nothing() {
    let (carrier, mut peer) = carried().await;
    carrier.end.leave_silently();
    assert!(peer.next().await.expect("an end").expect("whole").is_close());
}

/// A log message of 64 KiB, which is for the client to read.
fn long_log() -> String {
    let text = json!({"type": "string", "value": "x".repeat(64 << 10)});
    let args = json!([{"type": "string", "value": "__codebeaker:log"}, {"type": "number", "value": 1}, text]);
    json!({"method": "Runtime.consoleAPICalled", "params": {"args": args}}).to_string()
}

/// Two reads of the same are one: everything that can move has moved.
async fn settled<T: PartialEq + Copy>(read: impl Fn() -> T) -> T {
    let mut last = read();
    let mut same = 0;
    let settle = async {
        while same < 20 {
            tokio::time::sleep(Duration::from_millis(25)).await;
            let now = read();
            same = if now == last { same + 1 } else { 0 };
            last = now;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), settle).await.expect("it comes to rest");
    last
}

#[tokio::test]
async fn what_nobody_takes_is_not_read_without_end() {
    const LONG: usize = 4 << 20;
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let accepted = tokio::spawn(tokio_tungstenite::accept_async(theirs));
    let budget = Budget::new();
    let carrier = socket::connect(Box::new(ours), "ws://127.0.0.1:1/a", budget.clone()).await.expect("it connects");
    let mut peer = accepted.await.expect("no panic").expect("a handshake");
    let said = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&said);
    let flood = tokio::spawn(async move {
        // Twice what may be held, in fewer messages than may wait.
        for _ in 0..2 * OF_PROCESS / LONG {
            if peer.send(Frame::text("x".repeat(LONG))).await.is_err() {
                break;
            }
            count.fetch_add(1, Ordering::Relaxed);
        }
        peer
    });
    let said = settled(|| said.load(Ordering::Relaxed)).await;
    assert!(said * LONG >= OF_PROCESS - LONG && said * LONG <= OF_PROCESS + 3 * LONG, "{said}");
    assert!(budget.held() <= OF_PROCESS);
    // It ends all the same, and nothing stays held.
    carrier.end.leave();
    drop(carrier);
    tokio::time::timeout(Duration::from_secs(30), flood).await.expect("it is let go").expect("no panic");
    assert_eq!(settled(|| budget.held()).await, 0);
}

#[tokio::test]
async fn a_flood_that_no_client_takes_neither_grows_nor_keeps_the_debugger_from_its_end() {
    let (attachment, peer) = debugger(json!({}), &["Runtime.evaluate"]).await;
    let Attachment { debugger, events } = attachment;
    let (out, budget) = (peer.out.clone(), peer.budget.clone());
    let flood = tokio::spawn(async move {
        let text = long_log();
        for _ in 0..100_000 {
            let Some(message) = budget.hold(text.clone()).await else { break };
            if out.send(message).await.is_err() {
                break;
            }
        }
    });
    let held = settled(|| peer.budget.held()).await;
    assert!(held > 0 && held <= OF_PROCESS, "{held}");
    assert!(!flood.is_finished(), "it is held up");
    // Whoever waits for an answer behind all that is not kept from giving up.
    let waiting = Arc::clone(&debugger);
    let mut value = tokio::spawn(async move { waiting.evaluate(None, "1", Purpose::Watch, false).await });
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut value).await.is_err());
    value.abort();
    let _ = value.await;
    drop((debugger, events));
    tokio::time::timeout(Duration::from_secs(30), flood).await.expect("it is let go").expect("no panic");
    assert_eq!(settled(|| peer.budget.held()).await, 0);
}

#[tokio::test]
async fn what_maps_take_is_bounded_together() {
    const LONG: usize = 1 << 20;
    let (attachment, peer) = debugger(json!({}), &[]).await;
    let mut events = attachment.events;
    let mut taken = Vec::new();
    while let Some(kept) = peer.budget.keep_map(LONG) {
        taken.push(kept);
    }
    taken.truncate(taken.len() - 2);
    for number in 0..4 {
        let address = format!("data:,{}", "y".repeat(LONG * 3 / 4));
        let script = json!({"scriptId": number.to_string(), "url": "file:///a.js", "sourceMapURL": address});
        peer.event("Debugger.scriptParsed", script).await;
    }
    peer.event("Debugger.paused", paused()).await;
    stop(&mut events).await;
    assert!(peer.budget.keep_map(LONG).is_none(), "two were kept");
    assert!(peer.budget.keep_map(LONG / 4).is_some(), "and no more");
    drop((attachment.debugger, events));
    let freed = || peer.budget.keep_map(2 * LONG).is_some();
    assert!(settled(freed).await, "they go with the debugger");
}

/// JSON of any shape, of the words that the protocol has.
fn anything() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "scriptId",
        "url",
        "callFrames",
        "location",
        "lineNumber",
        "columnNumber",
        "reason",
        "data",
        "exception",
        "scopeChain",
        "object",
        "objectId",
        "type",
        "subtype",
        "value",
        "description",
        "preview",
        "properties",
        "name",
        "args",
        "__codebeaker:log",
        "__codebeaker",
        "payload",
        "sessionId",
        "workerInfo",
        "message",
        "result",
        "breakpointId",
        "locations",
        "sourceMapURL",
        "data:,{}",
        "hitBreakpoints",
        "1",
        "file:///a.js",
        "node:x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.clone().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((words.clone(), inner), 0..6).prop_map(|members| {
                Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

fn events() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let methods = prop::sample::select(vec![
        "Debugger.scriptParsed",
        "Debugger.paused",
        "Debugger.resumed",
        "Debugger.breakpointResolved",
        "Runtime.consoleAPICalled",
        "Runtime.bindingCalled",
        "NodeWorker.attachedToWorker",
        "NodeWorker.receivedMessageFromWorker",
        "NodeWorker.detachedFromWorker",
        "Nothing.known",
    ]);
    prop::collection::vec((methods, anything()), 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_that_an_inspector_says_is_the_end_of_the_debugger(said in events(), answer in anything()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (attachment, peer) = debugger(answer, &[]).await;
            let Attachment { debugger, events: mut happened } = attachment;
            let thread = Handle::new("main").expect("short");
            let frame = Handle::new("f0.0").expect("short");
            for (method, params) in said {
                peer.event(method, params).await;
                while let Ok(event) = happened.try_recv() {
                    drop(event);
                }
            }
            let place = Place::File("/a.js".to_owned());
            let ask = async {
                let _ = debugger.stack(&thread, 0, None).await;
                let _ = debugger.scopes(&frame).await;
                let _ = debugger.evaluate(None, "1", Purpose::Watch, true).await;
                let _ = debugger.completions(None, "a.b", 0, 3).await;
                let _ = debugger.exception_info(&thread).await;
                let _ = debugger.breakpoint_locations(&place, Position::default(), Position::default()).await;
                let _ = debugger.loaded_sources().await;
                let _ = debugger.source(&place).await;
                let _ = debugger.step_in_targets(&frame).await;
                let _ = debugger.resume(&thread, false).await;
            };
            tokio::time::timeout(Duration::from_secs(30), ask).await.expect("it answers");
            peer.event("Debugger.resumed", json!({})).await;
            peer.event("Debugger.paused", paused()).await;
            stop(&mut happened).await;
        });
    }
}
