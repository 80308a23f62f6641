//! Random requests in random states: each is answered once, and nothing is left.

use std::collections::BTreeMap;

use codebeaker::debug::backend::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};

use super::fake::{frame, handle};
use super::lab::{Lab, TestClient};

/// What a script does.
#[derive(Debug, Clone)]
enum Act {
    /// The client asks.
    Ask(&'static str, Value),
    /// The client gives up its n-th request.
    Cancel(i64),
    /// The debugger speaks.
    Stop(u8, bool),
    Continue(Option<u8>),
    Thread(u8, bool),
    Print(String),
    Move(u32),
    /// The debugger is gone.
    HangUp,
    /// The client waits for all its answers.
    Wait,
}

const COMMANDS: &[&str] = &[
    "initialize",
    "launch",
    "attach",
    "restart",
    "terminate",
    "configurationDone",
    "setBreakpoints",
    "setFunctionBreakpoints",
    "setExceptionBreakpoints",
    "breakpointLocations",
    "continue",
    "next",
    "stepIn",
    "stepOut",
    "pause",
    "stepInTargets",
    "gotoTargets",
    "goto",
    "restartFrame",
    "threads",
    "stackTrace",
    "scopes",
    "variables",
    "setVariable",
    "setExpression",
    "evaluate",
    "completions",
    "exceptionInfo",
    "modules",
    "loadedSources",
    "source",
    "locations",
    "codebeaker/stdin",
    "stepBack",
    "readMemory",
    "",
    "nonsense",
];

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => (0u32..6).prop_map(|n| json!(n)),
        1 => any::<i64>().prop_map(|n| json!(n)),
        1 => Just(json!("x")),
        1 => Just(json!(null)),
        1 => Just(json!(1.5)),
    ]
}

fn text() -> impl Strategy<Value = Value> {
    prop_oneof![3 => ".{0,8}".prop_map(Value::from), 1 => number(), 3 => Just(json!("x"))]
}

fn arguments(path: String) -> impl Strategy<Value = Value> {
    let source = prop_oneof![
        4 => Just(json!({"path": path.clone()})),
        1 => number().prop_map(|n| json!({"sourceReference": n})),
        1 => text().prop_map(|text| json!({"path": text})),
    ];
    let breakpoint = (number(), text(), text(), text()).prop_map(|(line, condition, hit, log)| {
        json!({"line": line, "condition": condition, "hitCondition": hit, "logMessage": log})
    });
    let fields = (
        (number(), number(), number(), number(), source),
        (text(), text(), prop::collection::vec(breakpoint, 0..3), any::<bool>()),
        prop::sample::select(vec!["repl", "watch", "hover", "clipboard", "x"]),
        prop_oneof![3 => Just(Value::from(path)), 1 => text()],
    );
    fields.prop_map(|((one, two, three, four, source), (name, value, breakpoints, flag), context, program)| {
        json!({
            "adapterID": "python", "threadId": one, "frameId": two, "variablesReference": three, "targetId": four,
            "sourceReference": two, "line": one, "column": two, "start": three, "count": four, "levels": three,
            "source": source, "name": name, "value": value, "expression": name, "text": name, "context": context,
            "breakpoints": breakpoints, "filters": ["uncaught", "x"], "singleThread": flag, "program": program,
            "data": "typed\n", "noDebug": false, "supportsStartDebuggingRequest": flag,
        })
    })
}

fn act(path: String) -> impl Strategy<Value = Act> {
    let usual = json!({"adapterID": "python", "program": path.clone()});
    let usual = prop::sample::select(vec!["initialize", "launch", "configurationDone", "continue", "threads"])
        .prop_map(move |command| Act::Ask(command, usual.clone()));
    prop_oneof![
        12 => (prop::sample::select(COMMANDS), arguments(path)).prop_map(|(command, fields)| Act::Ask(command, fields)),
        4 => usual,
        1 => (0i64..20).prop_map(Act::Cancel),
        3 => (0u8..3, any::<bool>()).prop_map(|(thread, all)| Act::Stop(thread, all)),
        1 => prop::option::of(0u8..3).prop_map(Act::Continue),
        1 => (0u8..3, any::<bool>()).prop_map(|(thread, begins)| Act::Thread(thread, begins)),
        1 => ".{0,20}".prop_map(Act::Print),
        1 => (0u32..5).prop_map(Act::Move),
        1 => Just(Act::HangUp),
        3 => Just(Act::Wait),
    ]
}

#[test]
fn every_request_in_every_state_is_answered_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let Some(lab) = runtime.block_on(Lab::new()) else { return };
    let session = runtime.block_on(lab.session());
    *lab.script.frames.lock().unwrap() = vec![frame("f", "/workspace/main.py", 1), frame("g", "/etc/shadow", 2)];
    *lab.script.variables.lock().unwrap() = vec![Variable {
        name: "x".to_owned(),
        evaluate_name: None,
        value: Shown { handle: Some(handle("x")), ..Shown::default() },
    }];
    let scripts = prop::collection::vec(act(lab.path("main.py")), 1..40);
    let config = Config { cases: 48, failure_persistence: None, max_shrink_iters: 60, ..Config::default() };
    let outcome = TestRunner::new(config).run(&(scripts, any::<bool>()), |(script, prelude)| {
        runtime.block_on(async {
            let mut client = lab.client(Some(session.clone()));
            if prelude {
                for (command, fields) in [
                    ("initialize", json!({"adapterID": "python"})),
                    ("launch", json!({"program": lab.path("main.py")})),
                    ("configurationDone", json!({})),
                ] {
                    client.ok(command, fields).await;
                }
            }
            play(&lab, &mut client, script).await
        })
    });
    runtime.block_on(session.close(codebeaker::session::Why::ClosedByClient));
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(lab.debugs.list().is_empty());
    drop(lab);
    runtime.shutdown_timeout(super::lab::DEADLINE);
}

async fn play(lab: &Lab, client: &mut TestClient, script: Vec<Act>) -> Result<(), TestCaseError> {
    let before = client.seq;
    let thread = |n: u8| handle(&n.to_string());
    for act in script {
        let say = match act {
            Act::Ask(command, fields) => {
                client.send(command, fields).await;
                continue;
            }
            Act::Cancel(n) => {
                client.send("cancel", json!({"requestId": n})).await;
                continue;
            }
            Act::Wait => {
                // What runs goes on meanwhile; the console's evaluations end by themselves here.
                let last = client.send("threads", json!({})).await;
                let answer = client.answer(last).await;
                client.seen.push_back(answer);
                continue;
            }
            Act::HangUp => {
                lab.script.hang_up();
                continue;
            }
            Act::Stop(n, all_threads) => DebugEvent::Stopped {
                thread: thread(n),
                reason: StopReason::Breakpoint,
                breakpoints: vec![1, 2, 3],
                text: None,
                all_threads,
            },
            Act::Continue(n) => DebugEvent::Continued { thread: n.map(thread) },
            Act::Thread(n, true) => DebugEvent::ThreadStarted(ThreadInfo { handle: thread(n), name: "t".to_owned() }),
            Act::Thread(n, false) => DebugEvent::ThreadEnded(thread(n)),
            Act::Print(text) => DebugEvent::Output { category: Category::Console, text, place: None },
            Act::Move(id) => DebugEvent::BreakpointMoved { id, placed: Placed::default() },
        };
        lab.script.try_say(say);
    }
    // As the debugger of a program that is gone is.
    lab.script.hang_up();
    client.send("disconnect", json!({})).await;
    let rest = client.rest().await;
    let mut answers: BTreeMap<i64, u32> = BTreeMap::new();
    for message in rest.iter().filter(|message| message["type"] == "response") {
        *answers.entry(message["request_seq"].as_i64().unwrap_or(-1)).or_default() += 1;
    }
    let wanted: BTreeMap<i64, u32> = (before + 1..=client.seq).map(|seq| (seq, 1)).collect();
    prop_assert_eq!(answers, wanted, "every request is answered once");
    for once in ["exited", "terminated"] {
        let told = rest.iter().filter(|message| message["event"] == once).count();
        prop_assert!(told <= 1, "{} was told {} times", once, told);
    }
    Ok(())
}
