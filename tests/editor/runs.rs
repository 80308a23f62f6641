//! Runs: what is told while they go on, and how they end.

use serde_json::{Value, json};

use crate::desk::{Desk, ERROR, INFO};
use crate::harness::Setup;

fn with_progress() -> Desk {
    Desk::plain(json!({"window": {"workDoneProgress": true}}))
}

#[test]
fn a_run_that_fails_says_so_with_its_last_words() {
    let mut desk = Desk::plain(json!({}));
    // All by one stream: the order of two is that in which they are read.
    let uri = desk.open("main.py", "import sys\nprint('before', file=sys.stderr)\n1 / 0\n");
    let (logged, shown) = desk.run(json!({"uri": uri}));
    assert!(logged.starts_with("before\n") && logged.ends_with("ZeroDivisionError: division by zero"), "{logged}");
    assert_eq!(shown["type"], ERROR);
    let message = shown["message"].as_str().unwrap();
    assert!(message.starts_with("main.py: failed with exit code 1 after "), "{message}");
    assert!(message.ends_with("ZeroDivisionError: division by zero"), "{message}");

    let uri = desk.open(
        "main.py",
        "import sys\nprint(sys.argv[1:], input(), __import__('os').environ['WORD'])\nraise SystemExit(3)",
    );
    let run = json!({"uri": uri, "args": ["a b", "$c"], "stdinText": "typed\n", "env": {"WORD": "word"}});
    let (logged, shown) = desk.run(run);
    assert_eq!(logged, "['a b', '$c'] typed word");
    assert!(shown["message"].as_str().unwrap().contains("exit code 3"), "{shown}");

    let (_, shown) = {
        desk.edit(&uri, json!([{"text": "while True: pass"}]));
        desk.run(json!({"uri": uri, "timeoutMs": 500}))
    };
    assert!(shown["message"].as_str().unwrap().starts_with("main.py: took too long"), "{shown}");
}

#[test]
fn progress_is_shown_while_it_runs_and_stops_it() {
    let mut desk = with_progress();
    let code = "import time\nprint('so far', flush=True)\ntime.sleep(600)";
    let uri = desk.open("main.py", code);
    desk.command("codebeaker.run", json!({"uri": uri}));
    let token = desk.answer("window/workDoneProgress/create")["token"].take();
    let begun = desk.progress(&token, "begin");
    assert_eq!(begun, json!({"kind": "begin", "title": "Running main.py", "cancellable": true}));
    assert_eq!(desk.progress(&token, "report")["message"], "so far");
    desk.notify("window/workDoneProgress/cancel", json!({"token": 17}));
    desk.notify("window/workDoneProgress/cancel", json!({"token": token}));
    let ended = desk.progress(&token, "end");
    assert!(ended["message"].as_str().unwrap().starts_with("was stopped after "), "{ended}");
    let (logged, shown) = desk.concluded();
    assert_eq!((logged.lines().next(), &shown["type"]), (Some("so far"), &json!(INFO)), "{shown}");
}

#[test]
fn a_client_that_refuses_progress_or_never_answers_is_shown_none() {
    let mut desk = with_progress();
    let uri = desk.open("main.py", "import time\ntime.sleep(0.3)\nprint('done')");
    desk.command("codebeaker.run", json!({"uri": uri}));
    let asked = desk.claim("a request", |message| message["method"] == "window/workDoneProgress/create").message;
    desk.send(&json!({"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32601, "message": "no such method"}}));
    // An answer twice, and one to nothing that was asked, change nothing.
    desk.send(&json!({"jsonrpc": "2.0", "id": asked["id"], "result": null}));
    desk.send(&json!({"jsonrpc": "2.0", "id": "codebeaker-99", "result": null}));
    assert_eq!(desk.concluded().0, "done");
    desk.command("codebeaker.run", json!({"uri": uri}));
    assert_eq!(desk.concluded().0, "done");
    desk.claim("a request", |message| message["method"] == "window/workDoneProgress/create");
}

#[test]
fn what_is_stopped_is_what_was_meant() {
    let mut desk = Desk::plain(json!({}));
    let code = "import time\nprint('runs', flush=True)\ntime.sleep(600)";
    let (one, other) = (desk.open("one.py", code), desk.open("other.py", code));
    let ids = [&one, &other].map(|uri| desk.command("codebeaker.run", json!({"uri": uri}))["executionId"].take());
    for _ in &ids {
        desk.claim("output", |message| message["method"] == "window/logMessage");
    }
    assert_eq!(desk.command("codebeaker.stop", json!({"executionId": "exe_none"})), json!({"executionIds": []}));
    assert_eq!(desk.command("codebeaker.stop", json!({"uri": other})), json!({"executionIds": [ids[1]]}));
    assert!(desk.concluded().1["message"].as_str().unwrap().starts_with("other.py: was stopped"));
    assert_eq!(desk.command("codebeaker.stop", json!({})), json!({"executionIds": [ids[0]]}));
    assert!(desk.concluded().1["message"].as_str().unwrap().starts_with("one.py: was stopped"));
    assert_eq!(desk.command("codebeaker.stop", Value::Null), json!({"executionIds": []}));
    // Nothing is left of the sessions that they had for themselves.
    let sessions = || json!({"method": "session/list"});
    while desk.command("codebeaker.call", sessions()) != json!({"sessions": []}) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn nothing_that_is_printed_controls_what_it_is_shown_in() {
    let mut desk = with_progress();
    let code = "
import sys
sys.stdout.buffer.write(b'\\x1b[31mred\\x1b[0m \\x1b]0;title\\x07 \\x1b[2J \\xff \\xe2\\x80\\xaetxt.exe\\r\\n')
sys.stdout.flush()
sys.stdout.write('x' * 3000000)
";
    let uri = desk.open("main.py", code);
    desk.command("codebeaker.run", json!({"uri": uri}));
    let token = desk.answer("window/workDoneProgress/create")["token"].take();
    desk.progress(&token, "end");
    let (logged, shown) = desk.concluded();
    desk.claim_all(|received| received.message["method"] == "$/progress");
    let shown = shown["message"].as_str().unwrap();
    assert!(logged.starts_with("red \\x1b]0;title\\x07 \\x1b[2J \u{fffd} \\u{202e}txt.exe\n"), "{:.200}", logged);
    assert_eq!(logged.matches('x').count(), 3_000_000 + 4 + 1, "all of it is logged");
    assert!(shown.len() < 8192 && shown.contains("…\nx"), "{shown:.100}");
}

#[test]
fn a_client_that_knows_executions_is_told_of_them() {
    let mut desk = Desk::knowing(Setup::default());
    let uri = desk.open("main.py", "print('hello', end='')");
    let started = desk.command("codebeaker.run", json!({"uri": uri}));
    for (method, field, value) in [
        ("execution/started", "executionId", &started["executionId"]),
        ("execution/output", "data", &json!("hello")),
        ("execution/exited", "outcome", &json!("ok")),
        ("session/stateChanged", "reason", &json!("requested")),
        ("session/stateChanged", "to", &json!("closed")),
    ] {
        assert_eq!(desk.notification(method)[field], *value, "{method}");
    }
}
