//! Debuggers that come to a program which runs already, in the connection that runs it, and go again.

mod harness;

use harness::Client;
use serde_json::{Value, json};

/// A loop that goes on until a debugger changes its variable, or somebody makes the file.
const LOOP: &str = "import os, time\ngoing = True\nn = 0\nprint('begun', flush=True)\nwhile going and not \
                    os.path.exists('/tmp/stop'):\n    n += 1\n    time.sleep(0.01)\nprint('end', flush=True)\n";

/// One debug adapter, by the tunnel.
struct Debug {
    id: String,
    seq: i64,
}

impl Debug {
    fn start(client: &mut Client) -> Self {
        let id = client.request("debug/start", json!({}))["debugId"].as_str().unwrap().to_owned();
        let mut debug = Self { id, seq: 0 };
        debug.ask(client, "initialize", json!({"adapterID": "codebeaker"}));
        debug
    }

    fn say(&mut self, client: &mut Client, command: &str, arguments: Value) -> i64 {
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

    fn ask(&mut self, client: &mut Client, command: &str, arguments: Value) -> Value {
        let seq = self.say(client, command, arguments);
        self.hear(client, command, |message| message["request_seq"] == seq)
    }

    fn request(&mut self, client: &mut Client, command: &str, arguments: Value) -> Value {
        let mut answer = self.ask(client, command, arguments);
        assert_eq!(answer["success"], true, "{answer}");
        answer["body"].take()
    }

    fn event(&self, client: &mut Client, event: &str) -> Value {
        self.hear(client, event, |message| message["event"] == event)["body"].take()
    }

    /// Attaches, with a breakpoint in this line, and waits until it is met. Returns the frame.
    fn attach(&mut self, client: &mut Client, session: &str, execution: &str, path: &str, line: u32) -> Value {
        self.request(client, "attach", json!({"sessionId": session, "executionId": execution}));
        self.event(client, "initialized");
        let breakpoints = json!({"source": {"path": path}, "breakpoints": [{"line": line}]});
        self.request(client, "setBreakpoints", breakpoints);
        self.request(client, "configurationDone", json!({}));
        let stopped = self.event(client, "stopped");
        let mut stack = self.request(client, "stackTrace", json!({"threadId": stopped["threadId"]}));
        let frame = stack["stackFrames"][0].take();
        assert_eq!((&frame["line"], &frame["source"]["path"]), (&json!(line), &json!(path)), "{frame}");
        frame
    }

    fn evaluate(&mut self, client: &mut Client, frame: &Value, expression: &str) -> String {
        let arguments = json!({"expression": expression, "frameId": frame["id"], "context": "repl"});
        self.request(client, "evaluate", arguments)["result"].as_str().unwrap().to_owned()
    }
}

fn begin(client: &mut Client, session: &str, source: Value) -> String {
    client.begin(json!({"sessionId": session, "source": source, "debuggable": true})).1
}

fn wait(client: &mut Client, execution: &str) -> Value {
    client.request("execution/wait", json!({"executionId": execution}))
}

fn with_session(params: Value) -> (Client, String) {
    let mut client = Client::initialized();
    client.allow_unclaimed();
    let session = client.create_session(params);
    (client, session)
}

#[test]
fn a_program_runs_as_if_it_could_not_be_attached_to() {
    let (mut client, session) = with_session(json!({"language": "python"}));
    let text = "import sys, os\nprint(sys.argv, sys.path, __file__, sys.stdin.read(), os.getcwd())\n\
                print(sorted(os.environ))\nimport a\n1 / 0\n";
    client.request("fs/write", json!({"sessionId": session, "path": "b.py", "data": text}));
    client.request("fs/write", json!({"sessionId": session, "path": "a.py", "data": "print('a')\n"}));
    let code = json!({"code": text, "uri": "file:///home/me/c.py", "args": ["x", "--", "-y"]});
    for source in [json!({"file": "b.py", "args": ["x"]}), code] {
        let ran: Vec<_> = [false, true]
            .into_iter()
            .map(|debuggable| {
                client.execute_with(json!({"sessionId": session, "source": source, "debuggable": debuggable,
                    "stdin": "text", "stdinText": "in"}))
            })
            .collect();
        let named = |text: String, at: usize| text.replace(ran[at].id(), "ID");
        assert_eq!(named(ran[0].stdout(), 0), named(ran[1].stdout(), 1));
        assert_eq!(named(ran[0].stderr(), 0), named(ran[1].stderr(), 1));
        assert_eq!((ran[0].outcome(), ran[0].exit_code()), (ran[1].outcome(), ran[1].exit_code()));
        assert_eq!(ran[1].exit_code(), Some(1));
    }
    let left = client.execute(&session, json!({"code": "import os; print(os.listdir('/tmp'))"}));
    assert_eq!(left.stdout(), "[]\n");
    let late = json!({"sessionId": session, "source": {"code": "while True: pass"}, "debuggable": true,
        "timeoutMs": 1500});
    assert_eq!(client.execute_with(late).outcome(), "timeout");
    let terminal = json!({"sessionId": session, "source": {"code": "import sys; print(sys.stdout.isatty())"},
        "debuggable": true, "stdin": "pty"});
    assert_eq!(client.execute_with(terminal).pty(), "True\r\n");
}

#[test]
fn a_running_file_is_attached_to_left_and_attached_to_again() {
    let (mut client, session) = with_session(json!({}));
    client.request("fs/write", json!({"sessionId": session, "path": "loop.py", "data": LOOP}));
    let execution = begin(&mut client, &session, json!({"file": "loop.py"}));
    client.wait_for_output(&execution, "begun");
    let mut before = 0;
    for _ in 0..2 {
        let mut debug = Debug::start(&mut client);
        let frame = debug.attach(&mut client, &session, &execution, "/workspace/loop.py", 6);
        let n: u64 = debug.evaluate(&mut client, &frame, "n").parse().unwrap();
        assert!(n > before, "it went on: {n}");
        before = n;
        debug.request(&mut client, "disconnect", json!({}));
    }
    let mut debug = Debug::start(&mut client);
    let frame = debug.attach(&mut client, &session, &execution, "/workspace/loop.py", 6);
    debug.evaluate(&mut client, &frame, "going = False");
    debug.request(&mut client, "disconnect", json!({}));
    client.wait_for_output(&execution, "end\n");
    assert_eq!(wait(&mut client, &execution)["outcome"], "ok");

    let mut late = Debug::start(&mut client);
    let refused = late.ask(&mut client, "attach", json!({"sessionId": session, "executionId": execution}));
    assert!(refused["message"].as_str().unwrap().contains("has ended"), "{refused}");
}

#[test]
fn code_is_attached_to_by_the_name_of_its_document() {
    let (mut client, session) = with_session(json!({"language": "python"}));
    let source = json!({"code": LOOP, "uri": "file:///home/me/a%20b.py"});
    let execution = begin(&mut client, &session, source);
    let mut debug = Debug::start(&mut client);
    let frame = debug.attach(&mut client, &session, &execution, "/home/me/a b.py", 6);
    debug.evaluate(&mut client, &frame, "going = False");
    debug.request(&mut client, "setBreakpoints", json!({"source": {"path": "/home/me/a b.py"}, "breakpoints": []}));
    debug.request(&mut client, "continue", json!({"threadId": 1}));
    debug.event(&mut client, "terminated");
    assert_eq!(wait(&mut client, &execution)["exitCode"], 0);
}

#[test]
fn who_can_not_attach_is_told_why() {
    let (mut client, session) = with_session(json!({}));
    client.request("fs/write", json!({"sessionId": session, "path": "loop.py", "data": LOOP}));
    let plain = json!({"sessionId": session, "source": {"file": "loop.py"}});
    let (_, plain) = client.begin(plain);
    let mut debug = Debug::start(&mut client);
    let refused = debug.ask(&mut client, "attach", json!({"sessionId": session, "executionId": plain}));
    assert!(refused["message"].as_str().unwrap().contains("debuggable: true"), "{refused}");

    let execution = begin(&mut client, &session, json!({"file": "loop.py"}));
    let mut first = Debug::start(&mut client);
    first.attach(&mut client, &session, &execution, "/workspace/loop.py", 6);
    let refused = debug.ask(&mut client, "attach", json!({"sessionId": session, "executionId": execution}));
    assert!(refused["message"].as_str().unwrap().contains("another client"), "{refused}");
    // A client that goes without a word leaves the program to its session.
    client.request("debug/terminate", json!({"debugId": first.id}));
    debug.attach(&mut client, &session, &execution, "/workspace/loop.py", 6);
    client.request("session/close", json!({"sessionId": session}));
    debug.event(&mut client, "terminated");

    let program = json!({"sessionId": session, "source": {"program": "true"}, "debuggable": true});
    assert!(client.call("session/execute", program).is_err());
}

#[test]
fn node_needs_no_preparation() {
    let (mut client, session) = with_session(json!({}));
    let text = "let n = 0;\nlet going = true;\nfunction tick() {\n    n += 1;\n    if (going) setTimeout(tick, \
                10);\n    else console.log('end');\n}\ntick();\nconsole.log('begun');\n";
    client.request("fs/write", json!({"sessionId": session, "path": "a.js", "data": text}));
    for debuggable in [false, true] {
        let params = json!({"sessionId": session, "source": {"file": "a.js"}, "debuggable": debuggable});
        let (_, execution) = client.begin(params);
        client.wait_for_output(&execution, "begun");
        let mut debug = Debug::start(&mut client);
        let frame = debug.attach(&mut client, &session, &execution, "/workspace/a.js", 5);
        debug.evaluate(&mut client, &frame, "going = false");
        debug.request(&mut client, "disconnect", json!({}));
        client.wait_for_output(&execution, "end\n");
        assert_eq!(wait(&mut client, &execution)["outcome"], "ok");
    }
}
