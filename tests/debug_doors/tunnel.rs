//! The tunnel in the connection that runs code.

use serde_json::{Value, json};

use crate::harness::client::initialize_params;
use crate::harness::{Client, Setup};

fn start(client: &mut Client, params: Value) -> String {
    client.request("debug/start", params)["debugId"].as_str().unwrap().to_owned()
}

fn say(client: &mut Client, debug: &str, seq: i64, command: &str, arguments: Value) {
    let message = json!({"seq": seq, "type": "request", "command": command, "arguments": arguments});
    client.notify("debug/message", json!({"debugId": debug, "message": message}));
}

fn hear(client: &mut Client, debug: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let carried = |message: &Value| {
        message["method"] == "debug/message"
            && message["params"]["debugId"] == debug
            && fits(&message["params"]["message"])
    };
    client.claim(what, carried).message["params"]["message"].take()
}

fn answer(client: &mut Client, debug: &str, seq: i64) -> Value {
    hear(client, debug, "an answer", |message| message["request_seq"] == seq)
}

fn ask(client: &mut Client, debug: &str, seq: i64, command: &str, arguments: Value) -> Value {
    say(client, debug, seq, command, arguments);
    answer(client, debug, seq)
}

#[test]
fn a_program_is_debugged_in_the_session_that_it_runs_in() {
    let mut client = Client::initialized();
    client.allow_unclaimed();
    let session = client.create_session(json!({}));
    client.request("fs/write", json!({"sessionId": session, "path": "a.py", "data": "x = 6 * 7\nprint(x)\n"}));
    let mapping = json!([{"localRoot": "/workspace", "remoteRoot": "/workspace"}]);
    let configuration = json!({"program": "/workspace/a.py", "pathMappings": mapping});
    let debug = start(&mut client, json!({"sessionId": session, "configuration": configuration}));
    ask(&mut client, &debug, 1, "initialize", json!({"adapterID": "codebeaker"}));
    say(&mut client, &debug, 2, "launch", json!({}));
    hear(&mut client, &debug, "initialized", |message| message["event"] == "initialized");
    let breakpoints = json!({"source": {"path": "/workspace/a.py"}, "breakpoints": [{"line": 2}]});
    ask(&mut client, &debug, 3, "setBreakpoints", breakpoints);
    ask(&mut client, &debug, 4, "configurationDone", json!({}));
    assert_eq!(answer(&mut client, &debug, 2)["success"], true);
    let stopped = hear(&mut client, &debug, "stopped", |message| message["event"] == "stopped");
    let thread = &stopped["body"]["threadId"];

    let sent = |client: &mut Client, command: &str, arguments: Value| {
        client.request("debug/send", json!({"debugId": debug, "command": command, "arguments": arguments}))
    };
    let stack = sent(&mut client, "stackTrace", json!({"threadId": thread}));
    let frame = &stack["body"]["stackFrames"][0];
    assert_eq!(frame["line"], 2, "{stack}");
    let value = sent(&mut client, "evaluate", json!({"expression": "x", "frameId": frame["id"], "context": "watch"}));
    assert_eq!(value["body"]["result"], "42", "{value}");
    let listed = client.request("debug/list", json!({}));
    assert_eq!(listed["debugs"][0]["stage"], "stopped", "{listed}");
    assert_eq!(listed["debugs"][0]["sessionId"], session.as_str());

    assert_eq!(sent(&mut client, "continue", json!({"threadId": thread}))["success"], true);
    hear(&mut client, &debug, "terminated", |message| message["event"] == "terminated");
    client.request("debug/terminate", json!({"debugId": debug}));
    assert_eq!(client.notification("debug/terminated"), json!({"debugId": debug, "reason": "terminated"}));
    let kept = client.request("debug/breakpoints", json!({"sessionId": session}));
    assert_eq!(kept["sources"][0]["breakpoints"][0]["line"], 2, "{kept}");
    client.request("session/get", json!({"sessionId": session}));
}

#[test]
fn a_message_to_nobody_is_answered_and_one_that_is_none_is_not_fatal() {
    let mut client = Client::initialized();
    say(&mut client, "dbg_none", 1, "threads", json!({}));
    assert_eq!(client.notification("debug/terminated"), json!({"debugId": "dbg_none", "reason": "unknown"}));
    for params in
        [json!({}), json!([]), json!({"debugId": 1, "message": {}}), json!({"debugId": "dbg_none", "message": 1})]
    {
        client.notify("debug/message", params);
    }
    let error = client.call("debug/message", json!({"debugId": "dbg_none", "message": {}})).unwrap_err();
    assert_eq!(error["code"], -32600, "{error}");
    let debug = start(&mut client, json!({}));
    client.request("debug/terminate", json!({"debugId": debug}));
    client.notification("debug/terminated");
    let error = client.call("debug/terminate", json!({"debugId": debug})).unwrap_err();
    assert_eq!(error["data"]["kind"], "DebugNotFound");
}

#[test]
fn every_request_of_a_flood_is_answered_and_the_connection_goes_on() {
    const FLOOD: i64 = 5_000;
    let mut client = Client::initialized();
    let debug = start(&mut client, json!({}));
    for seq in 1..=FLOOD {
        say(&mut client, &debug, seq, "noSuchCommand", json!({"text": "x".repeat(2000)}));
    }
    client.request("server/info", json!({}));
    for seq in 1..=FLOOD {
        assert_eq!(answer(&mut client, &debug, seq)["success"], false);
    }
    client.request("debug/terminate", json!({"debugId": debug}));
    client.notification("debug/terminated");
}

#[test]
fn what_was_not_negotiated_is_refused() {
    let mut client = Setup::default().spawn();
    let mut params = initialize_params();
    let features = &mut params["capabilities"]["experimental"]["codebeaker"]["features"];
    features["debug"] = json!({"transports": ["tunnel"]});
    let result = client.request("initialize", params);
    let ours = &result["capabilities"]["experimental"]["codebeaker"];
    assert_eq!(ours["features"]["debug"], json!({"transports": ["tunnel"]}));
    assert!(ours["methods"].as_array().unwrap().contains(&json!("debug/start")));
    client.notify("initialized", json!({}));
    let error = client.call("debug/start", json!({"transport": "socket"})).unwrap_err();
    assert_eq!((&error["code"], &error["data"]["feature"]), (&json!(1001), &json!("debug")));

    let mut client = Setup::default().spawn();
    let mut params = initialize_params();
    params["capabilities"]["experimental"]["codebeaker"]["features"]["debug"] = json!(false);
    let result = client.request("initialize", params);
    let methods = &result["capabilities"]["experimental"]["codebeaker"]["methods"];
    assert!(methods.as_array().unwrap().iter().all(|name| !name.as_str().unwrap().starts_with("debug/")));
    client.notify("initialized", json!({}));
    assert_eq!(client.call("debug/start", json!({})).unwrap_err()["code"], 1001);
    say(&mut client, "dbg_none", 1, "threads", json!({}));
}

#[test]
fn breakpoints_that_are_none_are_refused_with_their_place() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let source = json!({"source": {"path": "/a.py"}, "breakpoints": [{"line": "two"}]});
    let params = json!({"sessionId": session, "set": {"sources": [source]}});
    let error = client.call("debug/breakpoints", params).unwrap_err();
    assert_eq!((&error["code"], &error["data"]["path"]), (&json!(1400), &json!("set.sources[0]")), "{error}");
}
