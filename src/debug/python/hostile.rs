//! A helper that is the debuggee's: whatever it sends, callers get an answer or a fault, and nothing grows.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::sync::Mutex;

use super::wire::{MAX_DEPTH, MAX_LINE_BYTES, MAX_THREADS, MAX_VARIABLES, Of};
use super::*;
use crate::agent::Endpoint;
use crate::debug::backend::{Handle, Page, Place, Purpose};

/// Longer than anything here may take; nothing is asserted of how long it does take.
const DEADLINE: Duration = Duration::from_secs(60);

struct Fake {
    side: Mutex<Option<Conduit>>,
    children: Mutex<Vec<(Endpoint, Conduit)>>,
}

#[async_trait]
impl Ground for Fake {
    fn directory(&self) -> &str {
        "/run/codebeaker/exe_1"
    }

    async fn side(&self) -> Result<Conduit, Fault> {
        self.side.lock().await.take().ok_or_else(|| Fault::Gone("taken".to_owned()))
    }

    async fn dial(&self, endpoint: Endpoint) -> Result<Conduit, Fault> {
        let mut children = self.children.lock().await;
        let index = children.iter().position(|(known, _)| *known == endpoint);
        index.map(|index| children.remove(index).1).ok_or_else(|| Fault::Refused("nobody listens".to_owned()))
    }

    async fn read_file(&self, _: &str, _: usize) -> Result<Vec<u8>, Fault> {
        Err(Fault::Refused("there are no files".to_owned()))
    }

    async fn signal(&self, _: i32) -> Result<(), Fault> {
        Ok(())
    }

    async fn gone(&self) -> String {
        std::future::pending().await
    }
}

fn target(children: bool) -> Target {
    Target {
        what: What::File("/workspace/a.py".to_owned()),
        args: Vec::new(),
        engine_args: Vec::new(),
        cwd: "/workspace".to_owned(),
        stop_on_entry: false,
        just_my_code: Vec::new(),
        children,
        source_maps: false,
    }
}

const READY: &str = "{\"event\":\"ready\",\"version\":\"3.12.1\",\"engine\":\"monitoring\",\"pid\":7}\n";

async fn connected() -> (Attachment, DuplexStream) {
    let (ours, mut theirs) = tokio::io::duplex(64 << 10);
    theirs.write_all(READY.as_bytes()).await.unwrap();
    let ground = Fake { side: Mutex::new(Some(Box::new(ours))), children: Mutex::default() };
    let attachment = Python.connect(&target(false), Arc::new(ground)).await.unwrap();
    (attachment, theirs)
}

/// Runs a test with a deadline.
fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(DEADLINE, test).await.expect("nothing may hang") })
}

/// Answers the first question with what `answer` makes of it, and goes on reading.
async fn answer_once(theirs: DuplexStream, answer: impl FnOnce(u64) -> Vec<u8>) {
    let (reading, mut writing) = tokio::io::split(theirs);
    let mut lines = BufReader::new(reading).lines();
    let question: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    drop(writing.write_all(&answer(question["id"].as_u64().unwrap())).await);
    while let Ok(Some(_)) = lines.next_line().await {}
}

/// What `threads` says when the helper answers it so.
async fn threads_answered(answer: impl FnOnce(u64) -> Vec<u8>) -> Result<usize, Fault> {
    let (attachment, theirs) = connected().await;
    let (said, ()) = tokio::join!(
        async {
            let said = attachment.debugger.threads().await.map(|threads| threads.len());
            drop(attachment);
            said
        },
        answer_once(theirs, answer),
    );
    said
}

fn line(value: &Value) -> Vec<u8> {
    let mut line = value.to_string().into_bytes();
    line.push(b'\n');
    line
}

#[test]
fn the_first_line_must_be_that_it_is_ready() {
    for wrong in ["{\"event\":\"stopped\",\"thread\":1}\n", "nonsense\n", "", &format!("{}\n", " ".repeat(9000))] {
        run(async {
            let (ours, mut theirs) = tokio::io::duplex(64 << 10);
            theirs.write_all(wrong.as_bytes()).await.unwrap();
            drop(theirs);
            let ground = Fake { side: Mutex::new(Some(Box::new(ours))), children: Mutex::default() };
            assert!(matches!(Python.connect(&target(false), Arc::new(ground)).await, Err(Fault::Gone(_))));
        });
    }
}

#[test]
fn a_line_that_breaks_the_protocol_ends_the_debugger_with_a_reason() {
    let deep = |id: u64| format!("{{\"id\":{id},\"ok\":{}{}}}\n", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    let faults: Vec<Box<dyn FnOnce(u64) -> Vec<u8>>> = vec![
        Box::new(|_| b"nonsense\n".to_vec()),
        Box::new(|_| b"{}\n".to_vec()),
        Box::new(|_| b"\xff\xfe\n".to_vec()),
        Box::new(|id| line(&json!({"id": id + 1, "ok": {"threads": []}}))),
        Box::new(|id| line(&json!({"id": id, "event": "stopped"}))),
        Box::new(|id| line(&json!({"id": id, "ok": {"threads": 7}}))),
        Box::new(|id| line(&json!({"id": id, "ok": {"threads": [{"id": 0, "name": "t"}]}}))),
        Box::new(|id| line(&json!({"id": id}))),
        Box::new(|_| line(&json!({"event": "runInTerminal", "args": ["xterm"]}))),
        Box::new(|_| line(&json!({"event": "stopped", "thread": -1, "reason": "step"}))),
        Box::new(|_| line(&json!({"event": "output", "category": "console", "text": "x".repeat(300 << 10)}))),
        Box::new(move |id| deep(id).into_bytes()),
        Box::new(|_| vec![b' '; MAX_LINE_BYTES + 1]),
    ];
    for (index, fault) in faults.into_iter().enumerate() {
        let said = run(threads_answered(fault));
        assert!(matches!(said, Err(Fault::Gone(_))), "{index}: {said:?}");
    }
}

#[test]
fn no_more_is_kept_than_was_asked_for() {
    let many = |count: usize| (1..=count).map(|id| json!({"id": id, "name": "t"})).collect::<Vec<_>>();
    let said = run(threads_answered(move |id| line(&json!({"id": id, "ok": {"threads": many(MAX_THREADS + 5)}}))));
    assert_eq!(said, Ok(MAX_THREADS));
    for (asked, kept) in [(Some(3), 3), (None, MAX_VARIABLES), (Some(u32::MAX), MAX_VARIABLES)] {
        run(async {
            let (attachment, theirs) = connected().await;
            let of = Handle::new("v1").unwrap();
            let variable = json!({"name": "a", "value": {"text": "1"}});
            let variables = vec![variable; MAX_VARIABLES + 7];
            let (found, ()) = tokio::join!(
                async {
                    let page = Page { count: asked, ..Page::default() };
                    let found = attachment.debugger.variables(&of, page).await;
                    drop(attachment);
                    found
                },
                answer_once(theirs, move |id| line(&json!({"id": id, "ok": {"variables": variables}}))),
            );
            assert_eq!(found.unwrap().len(), kept);
        });
    }
}

#[test]
fn a_path_that_is_none_is_no_place() {
    for file in ["relative", "", "/\0", &"/x".repeat(4000)] {
        run(async {
            let (attachment, theirs) = connected().await;
            let answer = json!({"sources": [{"file": file}, {"text": 0}, {"file": "/a"}, {"file": "/a", "text": 1}]});
            let (found, ()) = tokio::join!(
                async {
                    let found = attachment.debugger.loaded_sources().await;
                    drop(attachment);
                    found
                },
                answer_once(theirs, move |id| line(&json!({"id": id, "ok": answer}))),
            );
            // A number that is none breaks the protocol; a path that is none is left out.
            assert!(matches!(found, Err(Fault::Gone(_))), "{file:?}");
        });
    }
    run(async {
        let (attachment, theirs) = connected().await;
        let answer = json!({"sources": [{"file": "relative"}, {"file": "/a"}, {"file": "/b", "text": 1}, {}]});
        let (found, ()) = tokio::join!(
            async {
                let found = attachment.debugger.loaded_sources().await;
                drop(attachment);
                found
            },
            answer_once(theirs, move |id| line(&json!({"id": id, "ok": answer}))),
        );
        assert_eq!(found, Ok(vec![Place::File("/a".to_owned())]));
    });
}

#[test]
fn a_handle_of_one_kind_is_none_of_another() {
    let thread = Of::Thread.handle(7.try_into().unwrap());
    assert_eq!(Of::Thread.number(&thread), Ok(7));
    assert_eq!(Of::Value.number(&thread), Err(Fault::Stale));
    assert_eq!(Of::Thread.number(&Handle::new("t").unwrap()), Err(Fault::Stale));
    run(async {
        let (attachment, _theirs) = connected().await;
        assert_eq!(attachment.debugger.scopes(&thread).await, Err(Fault::Stale));
        let foreign = Place::Text { handle: Handle::new("script-9").unwrap(), name: "x".to_owned() };
        assert_eq!(attachment.debugger.source(&foreign).await, Err(Fault::Stale));
    });
}

#[test]
fn an_evaluation_that_was_given_up_may_be_answered_late() {
    run(async {
        let (attachment, theirs) = connected().await;
        let debugger = Arc::clone(&attachment.debugger);
        let (reading, mut writing) = tokio::io::split(theirs);
        let mut lines = BufReader::new(reading).lines();
        {
            let evaluation = debugger.evaluate(None, "slow()", Purpose::Watch, false);
            tokio::select! {
                _ = evaluation => unreachable!("nobody answered"),
                asked = lines.next_line() => assert!(asked.unwrap().unwrap().contains("slow()")),
            }
        }
        writing.write_all(&line(&json!({"id": 1, "ok": {"text": "late"}}))).await.unwrap();
        let answered = async {
            let asked: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
            writing.write_all(&line(&json!({"id": asked["id"], "ok": {"threads": []}}))).await.unwrap();
        };
        let (threads, ()) = tokio::join!(debugger.threads(), answered);
        assert_eq!(threads, Ok(Vec::new()));
    });
}

#[test]
fn questions_that_are_never_answered_are_bounded() {
    run(async {
        let (attachment, theirs) = connected().await;
        let reading = tokio::spawn(async move {
            let mut lines = BufReader::new(theirs).lines();
            while let Ok(Some(_)) = lines.next_line().await {}
        });
        let mut refused = 0;
        for _ in 0..300 {
            let evaluation = attachment.debugger.evaluate(None, "1", Purpose::Watch, false);
            match tokio::time::timeout(Duration::from_millis(2), evaluation).await {
                Ok(Err(Fault::Refused(_))) => refused += 1,
                Ok(other) => panic!("{other:?}"),
                Err(_) => {}
            }
        }
        assert!(refused > 0);
        drop(attachment);
        reading.await.unwrap();
    });
}

#[test]
fn a_helper_that_talks_without_end_waits() {
    run(async {
        let (mut attachment, mut theirs) = connected().await;
        let talk = line(&json!({"event": "output", "category": "console", "text": "x"}));
        let flood = async {
            loop {
                if theirs.write_all(&talk).await.is_err() {
                    return;
                }
            }
        };
        // The queue fills and the stream after it, and then the helper can write no more.
        tokio::time::timeout(Duration::from_millis(300), flood).await.expect_err("somebody swallows it all");
        for _ in 0..crate::debug::backend::EVENT_QUEUE {
            assert!(matches!(attachment.events.recv().await, Some(DebugEvent::Output { .. })));
        }
    });
}

#[test]
fn threads_without_end_end_the_debugger() {
    run(async {
        let (mut attachment, theirs) = connected().await;
        let (reading, mut writing) = tokio::io::split(theirs);
        let forging = tokio::spawn(async move {
            for id in 1..=MAX_THREADS + 1 {
                if writing.write_all(&line(&json!({"event": "threadStarted", "id": id, "name": "t"}))).await.is_err() {
                    break;
                }
            }
        });
        let mut started = 0;
        while attachment.events.recv().await.is_some() {
            started += 1;
        }
        assert_eq!(started, MAX_THREADS);
        assert!(matches!(attachment.debugger.threads().await, Err(Fault::Gone(_))));
        forging.await.unwrap();
        drop(reading);
    });
}

#[test]
fn a_child_that_announces_itself_is_debugged_too() {
    run(async {
        let (ours, mut side) = tokio::io::duplex(64 << 10);
        let (announced, mut fifo) = tokio::io::duplex(64 << 10);
        let (dialled, mut child) = tokio::io::duplex(64 << 10);
        side.write_all(READY.as_bytes()).await.unwrap();
        child.write_all(READY.as_bytes()).await.unwrap();
        let children: Vec<(Endpoint, Conduit)> = vec![
            (Endpoint::Fifo(b"exe_1/children".to_vec()), Box::new(announced)),
            (Endpoint::Unix(b"\0child".to_vec()), Box::new(dialled)),
        ];
        let ground = Fake { side: Mutex::new(Some(Box::new(ours))), children: Mutex::new(children) };
        let mut attachment = Python.connect(&target(true), Arc::new(ground)).await.unwrap();
        fifo.write_all(b"nonsense\n").await.unwrap();
        fifo.write_all(&line(&json!({"pid": 9, "socket": "/tmp/nobody", "name": "liar"}))).await.unwrap();
        fifo.write_all(&line(&json!({"pid": 8, "socket": "\0child", "name": "worker"}))).await.unwrap();
        match attachment.events.recv().await {
            Some(DebugEvent::Child { name, pid, .. }) => assert_eq!((name.as_str(), pid), ("worker", Some(8))),
            _ => panic!("no child"),
        }
    });
}

/// Lines as a helper out of its mind writes them: some of the protocol's words, in no order.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "id",
        "ok",
        "error",
        "event",
        "kind",
        "stopped",
        "thread",
        "threads",
        "frames",
        "name",
        "text",
        "ref",
        "place",
        "file",
        "line",
        "output",
        "printing",
        "module",
        "ready",
        "ending",
        "threadStarted",
        "refused",
        "stale",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0_i64..4).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(4, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..6).prop_map(|members| Value::Object(
                members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
        ]
    });
    prop_oneof![4 => value.prop_map(|value| line(&value)), 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_it_sends_every_caller_is_answered(noise in prop::collection::vec(noise(), 1..20)) {
        run(async {
            let (mut attachment, theirs) = connected().await;
            let (mut reading, mut writing) = tokio::io::split(theirs);
            let swallowing = tokio::spawn(async move { tokio::io::copy(&mut reading, &mut tokio::io::sink()).await });
            let talking = async {
                for each in noise {
                    if writing.write_all(&each).await.is_err() {
                        return;
                    }
                }
                drop(writing.shutdown().await);
            };
            let listening = async { while attachment.events.recv().await.is_some() {} };
            let debugger = Arc::clone(&attachment.debugger);
            let of = Handle::new("v1").unwrap();
            let asking = async {
                let (threads, variables, shown) = tokio::join!(
                    debugger.threads(),
                    debugger.variables(&of, Page::default()),
                    debugger.evaluate(None, "1", Purpose::Console, false),
                );
                drop((threads, variables, shown));
            };
            tokio::join!(talking, asking, listening);
            swallowing.abort();
        });
    }
}
