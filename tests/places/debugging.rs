//! Debugging in the connection that runs code: dialogues that don't know where their program is. `tests/dap.rs` has
//! those of `codebeaker dap`.

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

    /// Begins what `command` asks for with a breakpoint in a line, and waits until it is met. Returns its frame.
    fn begin(&mut self, client: &mut Client, command: &str, arguments: &Value, path: &str, line: u32) -> Frame {
        self.request(client, "initialize", &json!({"adapterID": "codebeaker"}));
        let begun = self.say(client, command, arguments);
        self.event(client, "initialized");
        let breakpoints = json!({"source": {"path": path}, "breakpoints": [{"line": line}]});
        self.request(client, "setBreakpoints", &breakpoints);
        self.request(client, "configurationDone", &json!({}));
        self.answer(client, command, begun);
        let thread = self.event(client, "stopped")["threadId"].take();
        let mut stack = self.request(client, "stackTrace", &json!({"threadId": thread}));
        let frame = stack["stackFrames"][0].take();
        assert_eq!((&frame["line"], &frame["source"]["path"]), (&json!(line), &json!(path)), "{frame}");
        Frame { thread, id: frame["id"].clone() }
    }

    fn evaluate(&mut self, client: &mut Client, frame: &Frame, expression: &str) -> Value {
        let arguments = json!({"expression": expression, "frameId": frame.id, "context": "repl"});
        self.request(client, "evaluate", &arguments)["result"].take()
    }

    /// Lets the program run to its end, which is a good one.
    fn finish(&mut self, client: &mut Client, frame: &Frame) {
        self.request(client, "continue", &json!({"threadId": frame.thread}));
        assert_eq!(self.event(client, "exited")["exitCode"], 0);
        self.event(client, "terminated");
        self.request(client, "disconnect", &json!({}));
    }
}

/// The innermost frame of a thread that is stopped.
struct Frame {
    thread: Value,
    id: Value,
}

/// A session with these files.
fn with_files(place: Place, language: &str, files: &[(&str, &str)]) -> (Client, String) {
    let (mut client, session) = place.open(json!({"language": language}));
    client.allow_unclaimed();
    for (path, text) in files {
        client.request("fs/write", json!({"sessionId": session, "path": path, "data": text}));
    }
    (client, session)
}

/// Runs `file` with a breakpoint in its line 2, looks at `answer` there, changes it, and goes on to the end.
fn dialogue(place: Place, language: &str, file: &str, text: &str) {
    let (mut client, session) = with_files(place, language, &[(file, text)]);
    let client = &mut client;
    let mut debug = Debug::start(client, &session);
    let path = format!("/workspace/{file}");
    let frame = debug.begin(client, "launch", &json!({"program": path}), &path, 2);
    assert_eq!(debug.evaluate(client, &frame, "answer"), "42");
    debug.evaluate(client, &frame, "answer = 43");
    debug.request(client, "continue", &json!({"threadId": frame.thread}));
    debug.hear(client, "the program's output", |message| {
        message["event"] == "output" && message["body"]["output"].as_str().is_some_and(|text| text.contains("43"))
    });
    assert_eq!(debug.event(client, "exited")["exitCode"], 0);
    debug.event(client, "terminated");
    debug.request(client, "disconnect", &json!({}));
}

pub(crate) fn a_breakpoint_in_python_is_met(place: Place) {
    dialogue(place, "python", "main.py", "answer = 42\nprint('the answer is', answer)\n");
}

pub(crate) fn a_breakpoint_in_node_is_met(place: Place) {
    dialogue(place, "javascript", "main.js", "let answer = 42;\nconsole.log('the answer is', answer);\n");
}

/// Attaches to `file` while it runs, in a line that it comes by until `going` is false.
fn attach(place: Place, language: &str, file: &str, text: &str, line: u32, end: &str) {
    let (mut client, session) = with_files(place, language, &[(file, text)]);
    let source = json!({"file": file});
    let (_, execution) = client.begin(json!({"sessionId": session, "source": source, "debuggable": true}));
    client.wait_for_output(&execution, "begun");
    let client = &mut client;
    let attach = json!({"sessionId": session, "executionId": execution});
    let path = format!("/workspace/{file}");
    // Whoever comes next finds it running on.
    for last in [false, true] {
        let mut debug = Debug::start(client, &session);
        let frame = debug.begin(client, "attach", &attach, &path, line);
        if last {
            debug.evaluate(client, &frame, end);
        }
        debug.request(client, "disconnect", &json!({}));
    }
    let ended = client.request("execution/wait", json!({"executionId": execution}));
    assert_eq!((&ended["outcome"], &ended["exitCode"]), (&json!("ok"), &json!(0)), "{ended}");
}

pub(crate) fn a_running_program_in_python_is_attached_to(place: Place) {
    let text = "import time\ngoing = True\nprint('begun', flush=True)\nwhile going:\n    time.sleep(0.01)\n";
    attach(place, "python", "loop.py", text, 5, "going = False");
}

pub(crate) fn a_running_program_in_node_is_attached_to(place: Place) {
    let text = "console.log('begun');\nglobalThis.loop = setInterval(() => {\n  globalThis.turns = 1;\n}, 10);\n";
    attach(place, "javascript", "loop.js", text, 3, "clearInterval(loop)");
}

pub(crate) fn unsaved_code_is_debugged_by_its_name(place: Place) {
    let (mut client, session) = with_files(place, "python", &[("helper.py", "def half(n):\n    return n // 2\n")]);
    let client = &mut client;
    let mut debug = Debug::start(client, &session);
    let launch = json!({"code": "import helper\nanswer = helper.half(84)\nprint(answer)\n", "uri": "/home/me/new.py"});
    let frame = debug.begin(client, "launch", &launch, "/home/me/new.py", 3);
    assert_eq!(debug.evaluate(client, &frame, "answer"), "42");
    debug.finish(client, &frame);
}

pub(crate) fn a_path_that_is_mapped_names_its_file(place: Place) {
    let files = [("main.js", "require('./lib/half').half(84);\n"), ("lib/half.js", "exports.half = n =>\n  n / 2;\n")];
    let (mut client, session) = with_files(place, "javascript", &files);
    let client = &mut client;
    let mut debug = Debug::start(client, &session);
    let mappings = json!([{"localRoot": "/home/me/lib", "remoteRoot": "/workspace/lib"}]);
    let launch = json!({"program": "/workspace/main.js", "pathMappings": mappings});
    let frame = debug.begin(client, "launch", &launch, "/home/me/lib/half.js", 2);
    assert_eq!(debug.evaluate(client, &frame, "n"), "84");
    debug.finish(client, &frame);
}
