//! Cells: parts of a document that run in an interpreter that the document keeps.

use serde_json::{Value, json};

use crate::desk::{Desk, ERROR, INFO};
use crate::harness::Setup;

const CELLS: &str =
    "import os\n\n# %% one\nx = 41\nx + 1\n\n# %% [markdown]\n# words\n# %% two\nx += 1\nprint('x is', x)\n";

fn desk() -> Desk {
    Desk::plain(json!({"textDocument": {"publishDiagnostics": {}}}))
}

/// Runs cells to the end of the last: what was logged, and the last message.
fn run(desk: &mut Desk, argument: Value) -> (String, Value) {
    let started = desk.command("codebeaker.runCell", argument);
    assert!(started["contextId"].as_str().unwrap().starts_with("ctx_"), "{started}");
    desk.concluded()
}

#[test]
fn cells_have_lenses_of_their_own() {
    let mut desk = Desk::plain(json!({}));
    let uri = desk.open("main.py", CELLS);
    let lenses = desk.request("textDocument/codeLens", json!({"textDocument": {"uri": uri}}));
    let told: Vec<(u64, &str)> = lenses
        .as_array()
        .unwrap()
        .iter()
        .map(|lens| (lens["range"]["start"]["line"].as_u64().unwrap(), lens["command"]["title"].as_str().unwrap()))
        .collect();
    let expected = [
        (0, "▶ Run"),
        (0, "Debug"),
        (0, "▶ Run cell"),
        (0, "Debug cell"),
        (0, "Run below"),
        (2, "▶ Run cell"),
        (2, "Debug cell"),
        (2, "Run above"),
        (2, "Run below"),
        (8, "▶ Run cell"),
        (8, "Debug cell"),
        (8, "Run above"),
    ];
    assert_eq!(told, expected);
    // Each says all that its command needs to know.
    let lens = |index: usize| lenses[index]["command"].clone();
    for (command, logged) in [(lens(5), "42"), (lens(9), "x is 42"), (lens(11), "42"), (lens(8), "42\nx is 42")] {
        desk.request(
            "workspace/executeCommand",
            json!({"command": command["command"], "arguments": command["arguments"]}),
        );
        assert_eq!(desk.concluded().0, logged, "{command}");
    }
    // Bash has no live interpreters.
    desk.open_as("untitled:script", "bash", "# %%\necho");
    let lenses = desk.request("textDocument/codeLens", json!({"textDocument": {"uri": "untitled:script"}}));
    assert_eq!(lenses.as_array().unwrap().len(), 1, "{lenses}");
    let error = desk.try_command("codebeaker.runCell", json!({"uri": "untitled:script", "line": 0})).unwrap_err();
    assert_eq!(error["code"], 1201, "{error}");
}

#[test]
fn a_document_keeps_its_interpreter_until_it_is_closed() {
    let mut desk = desk();
    desk.save("package/helper.py", "word = 'saved'\n");
    let uri = desk.open("package/main.py", CELLS);
    desk.open("package/helper.py", "word = 'typed'\n");
    let (_, shown) = run(&mut desk, json!({"uri": uri, "line": 9}));
    let message = shown["message"].as_str().unwrap();
    assert_eq!(shown["type"], ERROR);
    assert!(message.starts_with("main.py, line 9: failed with NameError: name 'x' is not defined after"), "{message}");
    let marked = desk.notification("textDocument/publishDiagnostics");
    assert_eq!((&marked["uri"], &marked["diagnostics"][0]["range"]["start"]["line"]), (&json!(uri), &json!(9)));
    assert_eq!(marked["diagnostics"][0]["message"], "NameError: name 'x' is not defined");
    let (logged, shown) = run(&mut desk, json!({"uri": uri, "line": 3, "scope": "below"}));
    assert_eq!((logged.as_str(), &shown["type"]), ("42\nx is 42", &json!(INFO)));
    assert_eq!(desk.notification("textDocument/publishDiagnostics"), json!({"uri": uri, "diagnostics": []}));

    // As it stands in the editor, with what it imports; by a selection, too.
    desk.edit(&uri, json!([{"text": "# %%\nif True:\n    import helper\n    x, helper.word\n"}]));
    let range = json!({"start": {"line": 2, "character": 4}, "end": {"line": 4, "character": 0}});
    assert_eq!(run(&mut desk, json!({"uri": uri, "range": range})).0, "(42, 'typed')");
    // Another document has another.
    let other = desk.open("other.py", "x");
    assert_eq!(run(&mut desk, json!({"uri": other, "scope": "all"})).1["type"], ERROR);
    desk.notification("textDocument/publishDiagnostics");

    let sessions = json!({"method": "session/list"});
    let contexts =
        |desk: &mut Desk| desk.command("codebeaker.call", json!({"method": "context/list"}))["contexts"].take();
    assert_eq!(contexts(&mut desk).as_array().unwrap().len(), 2);
    desk.command("codebeaker.restartContext", json!({"uri": uri}));
    assert_eq!(run(&mut desk, json!({"uri": uri, "range": range})).1["type"], ERROR);
    desk.notification("textDocument/publishDiagnostics");
    for uri in [&uri, &other] {
        desk.notify("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
    }
    while desk.command("codebeaker.call", sessions.clone())["sessions"] != json!([]) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    desk.claim_all(|received| received.message["method"] == "textDocument/publishDiagnostics");
}

#[test]
fn an_error_is_marked_in_the_line_that_it_has_in_the_document() {
    let mut desk = desk();
    let uri =
        desk.open("main.py", "# %%\ndef f():\n    return 1 / 0\n\n# %%\n# é\nf()\n# %%\nx = = 2\n# %%\nexit(3)\n");
    run(&mut desk, json!({"uri": uri, "line": 0}));
    run(&mut desk, json!({"uri": uri, "line": 5}));
    let marked = desk.notification("textDocument/publishDiagnostics");
    let mark = |line: u64, from: u64, to: u64| json!({"start": {"line": line, "character": from}, "end": {"line": line, "character": to}});
    assert_eq!(marked["diagnostics"][0]["range"], mark(2, 4, 16), "{marked}");
    run(&mut desk, json!({"uri": uri, "line": 8}));
    assert_eq!(desk.notification("textDocument/publishDiagnostics")["diagnostics"], json!([]));
    let marked = desk.notification("textDocument/publishDiagnostics");
    assert_eq!(marked["diagnostics"][0]["range"], mark(8, 0, 7), "{marked}");
    // What comes after a failure does not run.
    let (_, shown) = run(&mut desk, json!({"uri": uri, "scope": "all"}));
    assert!(
        shown["message"].as_str().unwrap().starts_with("main.py, line 5: failed with ZeroDivisionError"),
        "{shown}"
    );
    desk.claim_all(|received| received.message["method"] == "textDocument/publishDiagnostics");
    // An interpreter that went is there again for the next cell.
    desk.edit(&uri, json!([{"text": "# %%\nimport os; x = 1\n# %%\nos._exit(3)\n# %%\n'x' in globals()"}]));
    run(&mut desk, json!({"uri": uri, "line": 0}));
    let (_, shown) = run(&mut desk, json!({"uri": uri, "line": 2}));
    assert!(shown["message"].as_str().unwrap().contains("ContextLost"), "{shown}");
    assert_eq!(run(&mut desk, json!({"uri": uri, "line": 4})).0, "False");
    desk.claim_all(|received| received.message["method"] == "textDocument/publishDiagnostics");
}

#[test]
fn cells_of_javascript_run_too() {
    let mut desk = desk();
    let uri = desk.uri("main.js");
    desk.open_as(&uri, "javascript", "// %%\nconst a = [1, 2]\na.length\n// %%\n\nnull.f()\n");
    assert_eq!(run(&mut desk, json!({"uri": uri, "line": 0})).0, "2");
    let (_, shown) = run(&mut desk, json!({"uri": uri, "line": 3}));
    assert!(shown["message"].as_str().unwrap().contains("failed with TypeError"), "{shown}");
    assert_eq!(desk.notification("textDocument/publishDiagnostics")["diagnostics"][0]["range"]["start"]["line"], 5);
}

#[test]
fn cells_are_stopped_and_keep_their_state() {
    let mut desk = Desk::plain(json!({"window": {"workDoneProgress": true}}));
    let code = "# %%\nx = 1\n# %%\nprint('so far', flush=True)\nimport time; time.sleep(600)\n# %%\nx = 2\n# %%\nx";
    let uri = desk.open("main.py", code);
    desk.command("codebeaker.runCell", json!({"uri": uri, "scope": "all"}));
    let token = desk.answer("window/workDoneProgress/create")["token"].take();
    assert_eq!(desk.progress(&token, "begin")["title"], "Running main.py");
    while desk.progress(&token, "report")["message"] != "cell 2 of 4 so far" {}
    let stopped = desk.command("codebeaker.stop", json!({"uri": uri}));
    assert_eq!(stopped["executionIds"].as_array().unwrap().len(), 1);
    assert!(desk.progress(&token, "end")["message"].as_str().unwrap().starts_with("was stopped"));
    assert!(desk.concluded().1["message"].as_str().unwrap().starts_with("main.py, line 3: was stopped"));
    desk.command("codebeaker.runCell", json!({"uri": uri, "line": 7}));
    desk.answer("window/workDoneProgress/create");
    assert_eq!(desk.concluded().0, "1");
    desk.claim_all(|received| received.message["method"] == "$/progress");
}

#[test]
fn interpreters_are_in_the_session_that_is_open() {
    let mut desk = desk();
    let uri = desk.open("main.py", "x = globals().get('x', 0) + 1\nx");
    let open = desk.command("codebeaker.newSession", json!({}))["sessionId"].take();
    let all = json!({"uri": uri, "scope": "all"});
    let started = desk.command("codebeaker.runCell", all.clone());
    assert_eq!((&started["sessionId"], desk.concluded().0.as_str()), (&open, "1"));
    assert_eq!(run(&mut desk, all.clone()).0, "2");
    desk.command("codebeaker.closeSession", json!({}));
    assert_eq!(run(&mut desk, all.clone()).0, "1");
    let own = desk.command("codebeaker.runCell", all.clone());
    assert_eq!(desk.concluded().0, "2");
    desk.command("codebeaker.newSession", json!({}));
    assert_eq!(run(&mut desk, all).0, "1");
    let error = desk
        .try_command("codebeaker.call", json!({"method": "session/get", "params": {"sessionId": own["sessionId"]}}));
    assert_eq!(error.unwrap_err()["code"], 1101);
    for (wrong, path) in [
        (json!({"uri": uri}), "line"),
        (json!({"uri": uri, "line": 0, "scope": "above"}), "scope"),
        (
            json!({"uri": uri, "line": 0, "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}}),
            "range",
        ),
        (json!({"uri": uri, "line": 0, "session": {}, "sessionId": open}), "session"),
        (json!({"uri": uri, "line": -1}), "arguments[0].line"),
        (json!({"uri": desk.uri("closed.py"), "line": 0}), "uri"),
    ] {
        let error = desk.try_command("codebeaker.runCell", wrong).unwrap_err();
        assert_eq!(error["data"]["path"], path, "{error}");
    }
}

#[test]
fn a_cell_is_debugged_by_itself_where_it_is() {
    let mut desk = Desk::plain(json!({}));
    let uri = desk.open("main.py", CELLS);
    let ready = desk.command("codebeaker.debug", json!({"uri": uri, "cellLine": 9, "transport": "tunnel"}));
    let send = |desk: &mut Desk, command: &str, arguments: Value| {
        let params = json!({"debugId": ready["debugId"], "command": command, "arguments": arguments});
        desk.command("codebeaker.call", json!({"method": "debug/send", "params": params}))
    };
    send(&mut desk, "initialize", json!({"adapterID": "codebeaker"}));
    let launched = send(&mut desk, "launch", json!({"stopOnEntry": true}));
    assert_eq!(launched["success"], true, "{launched}");
    send(&mut desk, "configurationDone", json!({}));
    let stopped = |message: &Value| message["params"]["message"]["event"] == "stopped";
    let thread = desk.claim("a stop", stopped).message["params"]["message"]["body"]["threadId"].take();
    let frames = send(&mut desk, "stackTrace", json!({"threadId": thread}));
    assert_eq!(frames["body"]["stackFrames"][0]["line"], 10, "{frames}");
    desk.command("codebeaker.call", json!({"method": "debug/terminate", "params": {"debugId": ready["debugId"]}}));
    while desk.notification("session/stateChanged")["to"] != "closed" {}
    desk.notification("debug/terminated");
    desk.claim_all(|received| received.message["method"] == "debug/message");
}

#[test]
fn who_knows_codebeaker_is_told_of_cells_as_of_any() {
    let mut desk = Desk::knowing(Setup::default());
    let uri = desk.open("main.py", "print('hello')\n6 * 7");
    let started = desk.command("codebeaker.runCell", json!({"uri": uri, "scope": "all"}));
    assert_eq!(desk.notification("execution/started")["executionId"], started["executionId"]);
    let mut printed = String::new();
    while printed != "hello\n" {
        printed += desk.notification("execution/output")["data"].as_str().unwrap();
        assert!("hello\n".starts_with(&printed), "{printed:?}");
    }
    assert_eq!(desk.notification("execution/display")["data"]["text/plain"], "42");
    assert_eq!(desk.notification("execution/exited")["outcome"], "ok");
    desk.notify("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
    while desk.notification("session/stateChanged")["to"] != "closed" {}
}
