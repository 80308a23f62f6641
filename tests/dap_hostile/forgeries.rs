//! Debuggees that write messages of their own on the debugger's channel.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::lab::Session;

/// A program that forges these messages, and ends with 7.
fn forger(messages: &Value) -> String {
    let messages = STANDARD.encode(messages.to_string());
    format!(
        "import base64, json, sys\nfrom forge import *\nforge(*json.loads(base64.b64decode('{messages}')))\nsys.exit(7)\n"
    )
}

/// Plays it to its end, and gives all that the client heard.
fn heard(messages: &Value) -> Vec<Value> {
    let mut session = Session::running(&forger(messages));
    session.wait_for_forgery();
    session.ends();
    session.over()
}

const PWN: &str = "touch /tmp/PWNED";

/// Trap 1: a request that an editor would carry out on the host.
#[test]
fn no_reverse_request_of_its_making_comes_out() {
    let terminal = json!({"kind": "integrated", "title": "PWNED", "cwd": "/", "args": ["sh", "-c", PWN]});
    let session = json!({"request": "launch", "configuration": {"type": "PWNED", "program": PWN, "debugServer": 1}});
    let messages = json!([
        {"seq": 1, "type": "request", "command": "runInTerminal", "arguments": terminal},
        {"seq": 2, "type": "request", "command": "startDebugging", "arguments": session},
        {"event": "runInTerminal", "arguments": terminal, "args": ["PWNED"]},
        {"event": "startDebugging", "arguments": session},
        {"event": "request", "command": "runInTerminal", "arguments": terminal},
        {"id": 1, "op": "runInTerminal", "args": terminal},
        {"event": "child", "name": "PWNED", "pid": 1, "configuration": session, "command": PWN, "__restart": PWN},
    ]);
    let record = heard(&messages);
    let asked: Vec<_> = record.iter().filter(|message| message["type"] == "request").collect();
    assert!(asked.len() <= 1, "{asked:?}");
}

/// Trap 1 again, in the words that the client reads, framed as it reads them.
#[test]
fn no_frame_of_its_making_comes_out() {
    let request = json!({"seq": 999, "type": "request", "command": "runInTerminal", "arguments": {"args": ["PWNED"]}});
    let event = json!({"seq": 1000, "type": "event", "event": "stopped", "body": {"reason": "PWNED", "threadId": 1}});
    let program = format!(
        "import sys\nfrom forge import *\n\
         say('forging on %d' % len(channels()))\nfor body in [{:?}, {:?}]:\n    frame = 'Content-Length: %d\\r\\n\\r\\n%s' % (len(body), body)\n    \
         sys.stdout.write(frame)\n    sys.stdout.flush()\n    taken = pour(frame.encode())\n\
         say('\\nforged %d' % taken)\nsys.exit(7)\n",
        request.to_string(),
        event.to_string(),
    );
    let mut session = Session::running(&program);
    session.wait_for("Content-Length: ");
    session.wait_for_forgery();
    session.ends();
    let record = session.over();
    assert!(record.iter().all(|message| message["type"] != "request"));
    assert!(record.iter().all(|message| message["event"] != "stopped"));
}

/// Trap 2: an answer to a question that nobody has asked, or that another has answered.
#[test]
fn unsolicited_answers_find_no_question() {
    let frames = json!([{"id": 1, "name": "PWNED", "place": {"file": "/etc/shadow"}, "line": 1}]);
    let answers: Vec<Value> = (0..500)
        .flat_map(|id| {
            [
                json!({"id": id, "ok": {"frames": frames, "total": 1_000_000_000_000_000_000_u64}}),
                json!({"id": id, "error": "PWNED", "kind": "refused"}),
            ]
        })
        .collect();
    let mut session = Session::running(&forger(&json!(answers)));
    for _ in 0..20 {
        session.client.send("threads", None);
    }
    session.wait_for_forgery();
    session.ends();
    session.over();
}

/// Trap 2: the exit code is what the kernel says, though the helper may say that the end is near.
#[test]
fn the_exit_code_is_the_true_one() {
    let ending = json!({"event": "ending", "exitCode": 0, "code": 0, "outcome": "ok"});
    let mut session = Session::running(&forger(&json!([ending, ending])));
    session.wait_for_forgery();
    session.ends_with(7);
    session.over();
    heard(&json!([{"event": "exited", "exitCode": 0}, {"event": "terminated"}]));
}

/// Trap 2: numbers that are no numbers, and ids of all sizes.
#[test]
fn no_number_of_its_making_comes_out() {
    let mut messages = Vec::new();
    for id in [json!(-1), json!(0), json!(1e30), json!(1.5), json!("x"), json!(null), json!(9_007_199_254_740_993_u64)]
    {
        messages.push(json!({"event": "threadStarted", "id": id, "name": "thread"}));
        messages.push(json!({"event": "threadEnded", "id": id}));
        messages.push(
            json!({"event": "stopped", "thread": id, "reason": "step", "breakpoints": [id, id], "allThreads": true}),
        );
        messages.push(json!({"event": "continued", "thread": id}));
        messages.push(json!({"event": "breakpointMoved", "id": id, "placed": {"verified": true, "line": id}}));
        messages
            .push(json!({"event": "printing", "stream": "stdout", "offset": id, "place": {"text": id}, "line": id}));
        messages.push(json!({"event": "output", "category": "console", "text": id, "line": id}));
        messages
            .push(json!({"event": "output", "category": "console", "text": "x", "place": {"text": id}, "line": id}));
        messages.push(json!({"event": id}));
    }
    let mut session = Session::running(&forger(&json!(messages)));
    session.wait_for_forgery();
    session.ends();
    session.over();
}

/// Trap 5: a path that the editor would open on the host.
#[test]
fn no_path_outside_the_workspace_comes_out() {
    let mut messages = Vec::new();
    let secret = "/workspace/../root/.ssh/id_rsa";
    for file in ["/etc/shadow", "/root/.ssh/id_rsa", secret, "file:///etc/shadow", "../../etc/shadow", "~/.ssh/id_rsa"]
    {
        let place = json!({"file": file});
        messages.push(json!({"event": "output", "category": "console", "text": "look\n", "place": place, "line": 1}));
        messages.push(json!({"event": "printing", "stream": "stdout", "offset": 0, "place": place, "line": 1}));
        messages.push(json!({"event": "source", "place": place}));
        messages
            .push(json!({"event": "module", "id": 1, "name": "module", "file": file, "path": file, "place": place}));
        messages.push(
            json!({"event": "breakpointMoved", "id": 1, "placed": {"verified": true, "line": 1, "place": place}}),
        );
    }
    heard(&json!(messages));
}

/// Trap 7: what a terminal or a reader would take for something else.
#[test]
fn no_control_sequence_comes_out() {
    let text = "\u{1b}]0;title\u{7}\u{1b}[2J\u{202e}gnp.exe\u{2066}\u{0}\u{9b}31m";
    let record = heard(&json!([
        {"event": "output", "category": "console", "text": text},
        {"event": "output", "category": "important", "text": text},
        {"event": "threadStarted", "id": 77, "name": text},
        {"event": "stopped", "thread": 77, "reason": "exception", "text": text, "breakpoints": [], "allThreads": false},
    ]));
    let harmful = |char: char| matches!(char, '\u{1b}' | '\u{7}' | '\u{0}' | '\u{9b}' | '\u{202e}' | '\u{2066}');
    let mut strings = Vec::new();
    record.iter().for_each(|message| strings_of(message, &mut strings));
    let found: Vec<_> = strings.iter().filter(|text| text.contains(harmful)).collect();
    assert!(found.is_empty(), "{found:?}");
}

fn strings_of<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| strings_of(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| strings_of(field, found)),
        _ => {}
    }
}
