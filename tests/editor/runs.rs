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
fn a_run_has_a_terminal_into_which_is_typed() {
    let mut desk = Desk::plain(json!({}));
    let code = "import os\nprint(os.isatty(0), *os.get_terminal_size())\nprint('hello,', input('name? '))";
    let uri = desk.open("main.py", code);
    let pty = json!({"uri": uri, "stdin": "pty", "pty": {"cols": 40, "rows": 7}, "stdinText": "Ada\n"});
    let (_, shown) = desk.run(pty);
    let shown = shown["message"].as_str().unwrap();
    assert!(shown.contains("True 40 7") && shown.ends_with("hello, Ada"), "{shown}");

    // What comes later comes by the execution.
    desk.edit(&uri, json!([{"text": "print('asks', flush=True)\nprint('hello,', input('name? '))"}]));
    let started = desk.command("codebeaker.run", json!({"uri": uri, "stdin": "stream"}));
    let typed = json!({"executionId": started["executionId"], "data": "Grace\n", "eof": true});
    desk.claim("its first line", |message| message["method"] == "window/logMessage");
    desk.command("codebeaker.call", json!({"method": "execution/stdin", "params": typed}));
    let (logged, _) = desk.concluded();
    assert!(logged.ends_with("name? hello, Grace"), "{logged}");
    assert_eq!(desk.run(json!({"uri": uri, "stdin": "none"})).1["type"], ERROR);

    for (wrong, path) in [
        (json!({"uri": uri, "pty": {"cols": 40, "rows": 7}}), "pty"),
        (json!({"uri": uri, "stdin": "none", "stdinText": "x"}), "stdinText"),
        (json!({"uri": uri, "stdin": "tty"}), "arguments[0].stdin"),
    ] {
        let error = desk.try_command("codebeaker.run", wrong).unwrap_err();
        assert_eq!(error["data"]["path"], path, "{error}");
    }
}

#[test]
fn a_run_says_what_its_own_session_is_to_be() {
    let mut desk = Desk::plain(json!({}));
    desk.save("data.txt", "");
    let uri = desk.open("main.py", "import os\nprint(sorted(os.listdir()))");
    let open = desk.command("codebeaker.newSession", json!({}))["sessionId"].take();
    let wish =
        json!({"runtime": "native", "preference": "speed", "limits": {"pids": 9}, "workspace": {"mode": "none"}});
    let started = desk.command("codebeaker.run", json!({"uri": uri, "session": wish}));
    assert_ne!(started["sessionId"], open);
    assert_eq!(desk.concluded().0, "[]");
    // What is not said is as without it.
    assert_eq!(desk.run(json!({"uri": uri, "session": {}})).0, "['data.txt', 'main.py']");
    assert_eq!(desk.run(json!({"uri": uri, "engine": "python"})).0, "['data.txt', 'main.py']");
    let code = "import time\nprint('runs', flush=True)\ntime.sleep(600)";
    desk.edit(&uri, json!([{"text": code}]));
    let limits = json!({"limits": {"executionTimeoutMs": 500}});
    assert!(desk.run(json!({"uri": uri, "session": limits})).1["message"].as_str().unwrap().contains("took too long"));
    for (wrong, code, path) in [
        (json!({"uri": uri, "session": {}, "sessionId": open}), -32602, "session"),
        (json!({"uri": uri, "session": {"limit": {}}}), -32602, "arguments[0].session.limit"),
        (json!({"uri": uri, "session": {"workspace": {"mode": "copy"}}}), -32602, "session.workspace.uri"),
        (json!({"uri": uri, "session": {"runtime": "nowhere"}}), 1200, "session.runtime"),
        (json!({"uri": uri, "engine": "nobody"}), 1201, "engine"),
        (json!({"uri": uri, "engine": "node", "language": "python"}), 1201, "language"),
    ] {
        let error = desk.try_command("codebeaker.run", wrong).unwrap_err();
        assert_eq!((&error["code"], &error["data"]["path"]), (&json!(code), &json!(path)), "{error}");
    }
    let error = desk.try_command("codebeaker.run", json!({"uri": uri, "session": {"minIsolation": "vm"}})).unwrap_err();
    assert_eq!(error["code"], 1202, "{error}");
    desk.command("codebeaker.closeSession", json!({}));
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
