//! Debugging: one dialogue for each debugger, which doesn't know where its program is.

use serde_json::{Value, json};

use crate::harness::{Client, Place};

/// One debug adapter, by the tunnel.
struct Debug {
    id: String,
    seq: i64,
}

impl Debug {
    fn start(client: &mut Client, session: &str) -> Self {
        let started = client.request("debug/start", json!({"sessionId": session}));
        Self { id: started["debugId"].as_str().expect("it has an id").to_owned(), seq: 0 }
    }

    fn say(&mut self, client: &mut Client, command: &str, arguments: &Value) -> i64 {
        self.seq += 1;
        let message = json!({"seq": self.seq, "type": "request", "command": command, "arguments": arguments});
        client.notify("debug/message", json!({"debugId": self.id, "message": message}));
        self.seq
    }

    fn hear(&self, client: &mut Client, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let carried = |message: &Value| {
            message["method"] == "debug/message"
                && message["params"]["debugId"] == self.id.as_str()
                && fits(&message["params"]["message"])
        };
        client.claim(what, carried).message["params"]["message"].take()
    }

    fn answer(&self, client: &mut Client, command: &str, seq: i64) -> Value {
        let mut answer = self.hear(client, command, |message| message["request_seq"] == seq);
        assert_eq!(answer["success"], true, "{answer}");
        answer["body"].take()
    }

    fn request(&mut self, client: &mut Client, command: &str, arguments: &Value) -> Value {
        let seq = self.say(client, command, arguments);
        self.answer(client, command, seq)
    }

    fn event(&self, client: &mut Client, event: &str) -> Value {
        self.hear(client, event, |message| message["event"] == event)["body"].take()
    }
}

/// Runs `file` with a breakpoint in its line 2, looks at `answer` there, changes it, and goes on to the end.
fn dialogue(place: Place, language: &str, file: &str, text: &str, assign: &str) {
    let (mut client, session) = place.open(json!({"language": language}));
    client.allow_unclaimed();
    client.request("fs/write", json!({"sessionId": session, "path": file, "data": text}));
    let mut debug = Debug::start(&mut client, &session);
    let client = &mut client;
    debug.request(client, "initialize", &json!({"adapterID": "codebeaker"}));
    let path = format!("/workspace/{file}");
    let launch = debug.say(client, "launch", &json!({"program": path}));
    debug.event(client, "initialized");
    let breakpoints = json!({"source": {"path": path}, "breakpoints": [{"line": 2}]});
    debug.request(client, "setBreakpoints", &breakpoints);
    debug.request(client, "configurationDone", &json!({}));
    debug.answer(client, "launch", launch);
    let stopped = debug.event(client, "stopped");
    assert_eq!(stopped["reason"], "breakpoint", "{stopped}");
    let stack = debug.request(client, "stackTrace", &json!({"threadId": stopped["threadId"]}));
    let frame = &stack["stackFrames"][0];
    assert_eq!(frame["line"], 2, "{stack}");
    let look = json!({"expression": "answer", "frameId": frame["id"], "context": "watch"});
    assert_eq!(debug.request(client, "evaluate", &look)["result"], "42");
    let change = json!({"expression": assign, "frameId": frame["id"], "context": "repl"});
    debug.request(client, "evaluate", &change);
    debug.request(client, "continue", &json!({"threadId": stopped["threadId"]}));
    debug.hear(client, "the program's output", |message| {
        message["event"] == "output" && message["body"]["output"].as_str().is_some_and(|text| text.contains("43"))
    });
    assert_eq!(debug.event(client, "exited")["exitCode"], 0);
    debug.event(client, "terminated");
    debug.request(client, "disconnect", &json!({}));
}

pub(crate) fn a_breakpoint_in_python_is_met(place: Place) {
    dialogue(place, "python", "main.py", "answer = 42\nprint('the answer is', answer)\n", "answer = 43");
}

pub(crate) fn a_breakpoint_in_node_is_met(place: Place) {
    dialogue(
        place,
        "javascript",
        "main.js",
        "let answer = 42;\nconsole.log('the answer is', answer);\n",
        "answer = 43",
    );
}
