//! What a hostile debuggee, or a careless client, does not achieve.

use std::sync::atomic::Ordering;

use codebeaker::debug::backend::*;
use serde_json::{Value, json};

use super::fake::{frame, handle};
use super::lab::Lab;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_debuggee_says_controls_a_terminal_or_a_direction() {
    let Some(lab) = Lab::new().await else { return };
    let evil = "\x1b]0;x\x07\u{202e}\r\nz";
    let value = Shown {
        text: evil.to_owned(),
        type_name: Some(evil.to_owned()),
        handle: Some(handle("v")),
        ..Shown::default()
    };
    *lab.script.frames.lock().unwrap() = vec![frame(evil, &format!("/etc/{evil}"), 1)];
    *lab.script.variables.lock().unwrap() =
        vec![Variable { name: evil.to_owned(), evaluate_name: Some(evil.to_owned()), value }];
    *lab.script.threads.lock().unwrap() = vec![ThreadInfo { handle: handle("main"), name: evil.to_owned() }];
    let (mut client, thread) = lab.stopped(json!({})).await;
    lab.script
        .say(DebugEvent::Output {
            category: Category::Console,
            text: evil.to_owned(),
            place: Some((Place::File(evil.to_owned()), Position::default())),
        })
        .await;
    let mut said = vec![client.event("output").await, client.ok("threads", json!({})).await];
    let stack = client.ok("stackTrace", json!({"threadId": thread})).await;
    let scopes = client.ok("scopes", json!({"frameId": stack["stackFrames"][0]["id"]})).await;
    let of = scopes["scopes"][0]["variablesReference"].clone();
    let variables = client.ok("variables", json!({"variablesReference": of})).await;
    let shown = variables["variables"][0]["name"].clone();
    assert!(variables["variables"][0]["evaluateName"].is_null());
    *lab.script.refuses.lock().unwrap() = Some(Fault::Refused(evil.to_owned()));
    said.push(client.request("evaluate", json!({"expression": "x", "context": "watch"})).await);
    said.extend([stack, scopes, variables]);
    for message in &said {
        check(message);
    }
    // A name that had to be changed to be shown still names its variable.
    client.ok("setVariable", json!({"variablesReference": of, "name": shown, "value": "1"})).await;
    lab.script.wait_for(&format!("setVariable locals of {evil} {evil} 1")).await;
}

/// Nothing in it is a control character but line ends and tabs, nor a mark of direction.
fn check(value: &Value) {
    match value {
        Value::String(text) => {
            let bad = |c: char| (c.is_control() && !"\r\n\t".contains(c)) || ('\u{202a}'..='\u{202e}').contains(&c);
            assert!(!text.contains(bad), "{text:?}");
        }
        Value::Array(items) => items.iter().for_each(check),
        Value::Object(fields) => fields.values().for_each(check),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_endless_is_bounded() {
    let Some(lab) = Lab::new().await else { return };
    *lab.script.frames.lock().unwrap() = (0..3000).map(|n| frame(&n.to_string(), "/workspace/main.py", n)).collect();
    let long = Shown { text: "x".repeat(200 << 10), ..Shown::default() };
    let many =
        (0..20_000).map(|n| Variable { name: n.to_string(), evaluate_name: None, value: long_or_short(n, &long) });
    *lab.script.variables.lock().unwrap() = many.collect();
    *lab.script.threads.lock().unwrap() =
        (0..6000).map(|n| ThreadInfo { handle: handle(&n.to_string()), name: "t".repeat(10_000) }).collect();
    let (mut client, thread) = lab.stopped(json!({})).await;
    let stack = client.ok("stackTrace", json!({"threadId": thread})).await;
    assert_eq!(stack["stackFrames"].as_array().unwrap().len(), 1000);
    assert_eq!(stack["totalFrames"], 3000);
    let frame = stack["stackFrames"][0]["id"].clone();
    let scopes = client.ok("scopes", json!({"frameId": frame})).await;
    let of = scopes["scopes"][0]["variablesReference"].clone();
    let all = client.ok("variables", json!({"variablesReference": of})).await;
    let all = all["variables"].as_array().unwrap();
    assert!(all.len() <= 10_000 && all[0]["value"].as_str().unwrap().len() <= (64 << 10) + 3);
    let few = client.ok("variables", json!({"variablesReference": of, "count": 3})).await;
    assert_eq!(few["variables"].as_array().unwrap().len(), 3, "never more than asked for");
    let threads = client.ok("threads", json!({})).await;
    let threads = threads["threads"].as_array().unwrap();
    assert!(threads.len() <= 4096 && threads[0]["name"].as_str().unwrap().len() < 2000);
}

fn long_or_short(n: u32, long: &Shown) -> Shown {
    if n % 1000 == 0 { long.clone() } else { Shown { text: n.to_string(), ..Shown::default() } }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_that_never_ends_is_interrupted() {
    let Some(lab) = Lab::new().await else { return };
    let (mut client, _) = lab.stopped(json!({})).await;
    lab.script.hangs.store(true, Ordering::Relaxed);
    let console = client.send("evaluate", json!({"expression": "loop()", "context": "repl"})).await;
    lab.script.wait_for("evaluate loop()").await;
    assert_eq!(client.ok("threads", json!({})).await["threads"][0]["name"], "MainThread", "others are answered");
    let waiting = client.send("evaluate", json!({"expression": "hover()", "context": "hover"})).await;
    client.ok("cancel", json!({"requestId": console})).await;
    assert_eq!(client.answer(console).await["message"], "cancelled");
    lab.script.wait_for("interrupt").await;
    let given_up = client.answer(waiting).await["message"].to_string();
    assert!(given_up.contains("cancelled: it took longer than 5"), "{given_up}");
    client.ok("cancel", json!({"requestId": 12345})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bug_of_ours_costs_one_answer() {
    let Some(lab) = Lab::new().await else { return };
    let (mut client, _) = lab.stopped(json!({})).await;
    let refusal = client.refused("evaluate", json!({"expression": "panic", "context": "watch"})).await;
    assert!(refusal.contains("a bug"), "{refusal}");
    client.ok("evaluate", json!({"expression": "1", "context": "watch"})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_client_sends_is_answered_once() {
    let Some(lab) = Lab::new().await else { return };
    let (mut client, thread) = lab.stopped(json!({})).await;
    for nonsense in
        [json!(1), json!({}), json!({"seq": "x", "type": "request"}), json!({"type": "event", "event": "x"})]
    {
        client.client.send(nonsense).await.unwrap();
    }
    client.client.send(json!({"seq": 900, "type": "request", "command": "next", "arguments": 5})).await.unwrap();
    assert!(client.answer(900).await["message"].as_str().unwrap().contains("object"));
    for (command, arguments, said) in [
        ("frobnicate", json!({}), "unsupported command"),
        ("stepBack", json!({"threadId": thread}), "unsupported command"),
        ("next", json!({"threadId": "x"}), "arguments are wrong"),
        ("next", json!({"threadId": 999}), "no thread 999"),
        ("stackTrace", json!({}), "threadId"),
        ("scopes", json!({"frameId": 4_000_000_000u64}), "no frame"),
        ("variables", json!({"variablesReference": 1u64 << 40}), "arguments are wrong"),
        ("source", json!({"sourceReference": 77}), "no source 77"),
        ("setBreakpoints", json!({"source": {}, "breakpoints": []}), "`source.path`"),
        ("setBreakpoints", json!({"source": {"path": "x.py"}, "breakpoints": []}), "absolute"),
        ("locations", json!({"locationReference": 3}), "no location reference 3"),
        ("restartFrame", json!({"frameId": 1}), "no frame 1"),
        ("goto", json!({"threadId": thread, "targetId": 5}), "no target 5"),
        ("initialize", json!({"adapterID": "x"}), "already"),
        ("configurationDone", json!({}), "already"),
        ("disconnect", json!({"terminateDebuggee": 5}), "arguments are wrong"),
        ("restart", json!({"arguments": {"program": 5}}), "`program`"),
    ] {
        let refusal = client.refused(command, arguments).await;
        assert!(refusal.contains(said), "{command}: {refusal}");
    }
    client.ok("disconnect", json!(null)).await;
    let rest = client.rest().await;
    assert!(rest.iter().all(|message| message["type"] != "response"), "{rest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_holds_back_the_program_and_nothing_else() {
    let Some(lab) = Lab::new().await else { return };
    let flood = "import sys\nwhile True: sys.stdout.write('x' * 65536)";
    lab.script.programs.lock().unwrap().push_back(flood.to_owned());
    let mut client = lab.running(json!({})).await;
    let session = lab.sessions.list()[0].clone();
    // An aside is answered past the stream that nobody reads.
    let threads = client.client.request("threads", json!({})).await.unwrap();
    assert_eq!(threads["threads"][0]["name"], "MainThread");
    assert!(client.client.request("frobnicate", json!({})).await.unwrap_err().contains("unsupported"));
    client.client.terminate().await;
    assert!(lab.debugs.list().is_empty());
    session.close(codebeaker::session::Why::ClosedByClient).await;
    drop(client.next().await);
}
