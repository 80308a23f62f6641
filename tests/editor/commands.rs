//! Lenses and the commands beside `codebeaker.run`.

use serde_json::{Value, json};

use crate::desk::Desk;
use crate::harness::Setup;

#[test]
fn what_can_be_run_and_debugged_has_lenses_that_say_all() {
    let mut desk = Desk::plain(json!({}));
    let uri = desk.open("main.py", "print('by a lens')");
    let lenses =
        |desk: &mut Desk, uri: &str| desk.request("textDocument/codeLens", json!({"textDocument": {"uri": uri}}));
    let top = json!({"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}});
    let lens = |title: &str, command: &str| json!({"range": top, "command": {"title": title, "command": command, "arguments": [{"uri": uri}]}});
    let found = lenses(&mut desk, &uri);
    assert_eq!(found, json!([lens("▶ Run", "codebeaker.run"), lens("Debug", "codebeaker.debug")]));
    desk.request(
        "workspace/executeCommand",
        json!({"command": "codebeaker.run", "arguments": found[0]["command"]["arguments"]}),
    );
    assert_eq!(desk.concluded().0, "by a lens");
    let sheet = desk.uri("style.css");
    desk.open_as(&sheet, "css", "");
    desk.open_as("untitled:script", "sh", "echo");
    assert_eq!(lenses(&mut desk, &sheet), json!([]));
    assert_eq!(lenses(&mut desk, "untitled:nobody"), json!([]));
    let titles: Vec<Value> = lenses(&mut desk, "untitled:script")
        .as_array()
        .unwrap()
        .iter()
        .map(|lens| lens["command"]["title"].clone())
        .collect();
    assert_eq!(titles, ["▶ Run"], "nothing debugs bash");
}

#[test]
fn a_session_keeps_what_runs_leave_until_it_is_closed() {
    let mut desk = Desk::plain(json!({}));
    desk.save("data.txt", "on disk");
    let code = "import os, pathlib\nprint(sorted(os.listdir()))\npathlib.Path('left').touch()";
    let uri = desk.open("main.py", code);
    for _ in 0..2 {
        assert_eq!(desk.run(json!({"uri": uri})).0, "['data.txt', 'main.py']");
    }
    let error = desk.try_command("codebeaker.closeSession", json!({})).unwrap_err();
    assert_eq!(error["code"], 1100, "{error}");
    let first = desk.command("codebeaker.newSession", json!({"language": "python"}));
    assert_eq!(first["workspace"]["uri"], desk.uri("").trim_end_matches('/'));
    assert_eq!(desk.run(json!({"uri": uri})).0, "['data.txt', 'main.py']");
    assert_eq!(desk.run(json!({"uri": uri})).0, "['data.txt', 'left', 'main.py']");
    // A new one takes its place.
    let second = desk.command("codebeaker.newSession", json!({}));
    assert_eq!(desk.run(json!({"uri": uri})).0, "['data.txt', 'main.py']");
    let sessions = desk.command("codebeaker.call", json!({"method": "session/list"}));
    let ids: Vec<_> = sessions["sessions"].as_array().unwrap().iter().map(|session| &session["sessionId"]).collect();
    assert_eq!(ids, [&second["sessionId"]]);
    let closed = desk.command("codebeaker.closeSession", json!({}));
    assert_eq!(closed, json!({"sessionId": second["sessionId"], "endedExecutions": 0}));
    assert_eq!(desk.run(json!({"uri": uri})).0, "['data.txt', 'main.py']");
    assert!(std::fs::read_dir(desk.folder()).unwrap().count() == 1, "nothing came to the disk");
}

#[test]
fn a_call_is_the_method_itself() {
    let mut desk = Desk::plain(json!({}));
    let call = |method: &str, params: Value| json!({"method": method, "params": params});
    let session = desk.command("codebeaker.call", call("session/create", json!({"language": "python"})));
    let session = &session["sessionId"];
    let execute = call("session/execute", json!({"sessionId": session, "source": {"code": "print(6 * 7, end='')"}}));
    let done = desk.command("codebeaker.call", execute);
    assert_eq!(done["outcome"], "ok", "{done}");
    assert_eq!(desk.notification("execution/output")["data"], "42");
    let error = desk.try_command("codebeaker.call", call("session/get", json!({"sessionid": "x"}))).unwrap_err();
    assert_eq!((&error["code"], &error["data"]["path"]), (&json!(-32602), &json!("sessionid")), "{error}");
    let error = desk.try_command("codebeaker.call", call("session/exist", json!({}))).unwrap_err();
    assert_eq!(error["code"], -32601, "{error}");
    for method in ["initialize", "shutdown", "workspace/executeCommand", "textDocument/codeLens"] {
        let error = desk.try_command("codebeaker.call", call(method, json!({}))).unwrap_err();
        assert_eq!(error["code"], -32601, "{method}: {error}");
    }
    desk.claim_all(|received| received.message["method"].as_str().is_some_and(|name| name.starts_with("execution/")));

    // A method that ends what it began does so here too; one that only waits is given up.
    let code = "import time\nprint('runs', flush=True)\ntime.sleep(600)";
    let execute = call("session/execute", json!({"sessionId": session, "source": {"code": code}}));
    let command = |argument: Value| json!({"command": "codebeaker.call", "arguments": [argument]});
    let id = desk.send_request("workspace/executeCommand", command(execute));
    let execution = desk.notification("execution/output")["executionId"].take();
    let wait = call("execution/wait", json!({"executionId": execution}));
    let waiting = desk.send_request("workspace/executeCommand", command(wait));
    desk.cancel(waiting);
    assert_eq!(desk.response(waiting).unwrap_err()["code"], -32800);
    desk.cancel(id);
    assert_eq!(desk.response(id).unwrap()["outcome"], "cancelled");
    desk.claim_all(|received| received.message["method"].as_str().is_some_and(|name| name.starts_with("execution/")));
    desk.allow_unclaimed();
}

#[test]
fn what_is_no_command_is_refused_with_its_place() {
    let mut desk = Desk::plain(json!({}));
    let uri = desk.open("main.py", "");
    for (command, arguments, path) in [
        ("codebeaker.fly", json!([]), "command"),
        ("codebeaker.run", json!([{"uri": uri}, {}]), "arguments"),
        ("codebeaker.run", json!(["x"]), "arguments"),
        ("codebeaker.run", json!([]), "arguments[0].uri"),
        ("codebeaker.run", json!([{"uri": uri, "argv": []}]), "arguments[0].argv"),
        ("codebeaker.run", json!([{"uri": "main.py"}]), "uri"),
        ("codebeaker.call", json!([{"method": 1}]), "arguments[0].method"),
    ] {
        let error =
            desk.call("workspace/executeCommand", json!({"command": command, "arguments": arguments})).unwrap_err();
        assert_eq!((&error["code"], &error["data"]["path"]), (&json!(-32602), &json!(path)), "{error}");
    }
    desk.open_as("untitled:sheet", "css", "");
    let error = desk.try_command("codebeaker.run", json!({"uri": "untitled:sheet"})).unwrap_err();
    assert_eq!(error["code"], 1201, "{error}");
}

#[test]
fn a_debugger_finds_the_document_as_it_stands() {
    let mut desk = Desk::knowing(Setup::default());
    desk.allow_unclaimed();
    desk.save("main.py", "print('as it was saved')\n");
    let uri = desk.open("main.py", "word = 'typed'\nprint(word)\n");
    let ready = desk.command("codebeaker.debug", json!({"uri": uri, "transport": "tunnel"}));
    assert_eq!(ready["configuration"]["program"], desk.folder().join("main.py").to_str().unwrap(), "{ready}");
    let id = ready["debugId"].as_str().unwrap().to_owned();
    let ask = |desk: &mut Desk, command: &str, arguments: Value| {
        desk.send_request("debug/send", json!({"debugId": id, "command": command, "arguments": arguments}))
    };
    let event = |desk: &mut Desk, name: &str| {
        let fits =
            |message: &Value| message["method"] == "debug/message" && message["params"]["message"]["event"] == name;
        desk.claim(name, fits).message["params"]["message"]["body"].take()
    };
    let initialized = ask(&mut desk, "initialize", json!({"adapterID": "codebeaker"}));
    desk.response(initialized).unwrap();
    let launched = ask(&mut desk, "launch", json!({}));
    event(&mut desk, "initialized");
    let breakpoints = json!({"source": {"path": ready["configuration"]["program"]}, "breakpoints": [{"line": 2}]});
    let placed = ask(&mut desk, "setBreakpoints", breakpoints);
    assert_eq!(desk.response(placed).unwrap()["body"]["breakpoints"][0]["verified"], true);
    let configured = ask(&mut desk, "configurationDone", json!({}));
    desk.response(configured).unwrap();
    assert_eq!(desk.response(launched).unwrap()["success"], true);
    let stopped = event(&mut desk, "stopped");
    let stack = ask(&mut desk, "stackTrace", json!({"threadId": stopped["threadId"]}));
    let stack = desk.response(stack).unwrap();
    let frame = &stack["body"]["stackFrames"][0];
    assert_eq!((&frame["line"], &frame["source"]["path"]), (&json!(2), &ready["configuration"]["program"]), "{stack}");
    let value = ask(&mut desk, "evaluate", json!({"expression": "word", "frameId": frame["id"], "context": "watch"}));
    assert_eq!(desk.response(value).unwrap()["body"]["result"], "'typed'");
    desk.request("debug/terminate", json!({"debugId": id}));
}

#[test]
fn a_plain_client_is_told_where_a_debugger_connects() {
    let mut desk = Desk::plain(json!({}));
    let uri = desk.open("main.py", "");
    let ready = desk.command("codebeaker.debug", json!({"uri": uri}));
    let socket = ready["socket"].as_str().unwrap();
    std::os::unix::net::UnixStream::connect(socket).unwrap();
    let shown = desk.notification("window/showMessage");
    assert!(shown["message"].as_str().unwrap().contains(socket), "{shown}");
    desk.allow_unclaimed();
}
