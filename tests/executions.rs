//! Executions from the request to the result, on the real binary over a real pipe: how they end, what
//! they are fed, how they wait for their turn, and what limits do to them.

mod harness;

#[path = "executions/environment.rs"]
mod environment;
#[path = "executions/input.rs"]
mod input;
#[path = "executions/limits.rs"]
mod limits;
#[path = "executions/queue.rs"]
mod queue;
#[path = "executions/rate.rs"]
mod rate;
#[path = "executions/signals.rs"]
mod signals;
#[path = "executions/validation.rs"]
mod validation;

use std::fs;

use harness::{Client, Setup};
use serde_json::{Value, json};

fn python(code: &str) -> Value {
    json!({"code": code, "language": "python"})
}

fn bash(code: &str) -> Value {
    json!({"code": code, "language": "bash"})
}

#[test]
fn outcomes_are_told_apart() {
    for setup in Setup::users() {
        let mut client = setup.initialized();
        let session = client.create_session(json!({"limits": {"memoryBytes": 128 << 20}}));
        let hungry = "x = []\nwhile True: x.append(b'x' * 1000000)";
        for (source, timeout, outcome, code, signal) in [
            (json!({"program": "true"}), 60_000, "ok", Some(0), None),
            (bash("exit 3"), 60_000, "error", Some(3), None),
            (json!({"program": "sh", "args": ["-c", "kill -SEGV $$"]}), 60_000, "killed", None, Some("SIGSEGV")),
            (bash("echo before; exec sleep 600"), 1500, "timeout", None, Some("SIGKILL")),
            (bash("trap '' INT TERM; while :; do sleep 0.1; done"), 1500, "timeout", None, Some("SIGKILL")),
            (bash("kill -STOP $$"), 1500, "timeout", None, Some("SIGKILL")),
        ] {
            let params = json!({"sessionId": session, "source": source, "timeoutMs": timeout});
            let execution = client.execute_with(params);
            let ended = (execution.outcome(), execution.exit_code(), execution.result["signal"].as_str());
            assert_eq!(ended, (outcome, code, signal), "{source}");
        }
        let execution = client.execute(&session, python(hungry));
        let copes = execution.outcome() == "error" && execution.stderr().contains("MemoryError");
        assert!(copes || execution.outcome() == "outOfMemory", "{} {}", execution.result, execution.stderr());
        assert_eq!(client.execute(&session, json!({"program": "true"})).outcome(), "ok", "the session lives on");
    }
}

#[test]
fn the_time_out_keeps_what_was_printed() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({"limits": {"executionTimeoutMs": 2000}}));
    let execution = client.execute(&session, bash("echo before; echo error >&2; exec sleep 600"));
    assert_eq!(execution.outcome(), "timeout");
    assert_eq!((execution.stdout().as_str(), execution.stderr().as_str()), ("before\n", "error\n"));
    assert!(execution.result["durationMs"].as_u64().unwrap() >= 400, "{}", execution.result);
}

#[test]
fn a_result_says_what_was_used() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let code = "import time\nx = bytearray(40 << 20)\nwhile time.process_time() < 0.1: pass";
    let execution = client.execute(&session, python(code));
    let used = |field: &str| execution.result[field].as_u64().unwrap();
    assert!(used("cpuMs") >= 100, "{}", execution.result);
    assert!(used("peakMemoryBytes") >= 40 << 20, "{}", execution.result);
    assert!(used("durationMs") >= 100, "{}", execution.result);
    assert!(execution.result["startedAt"].as_str().unwrap().ends_with('Z'), "{}", execution.result);
}

#[test]
fn a_program_that_cannot_be_started_is_an_error_that_says_why() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    client
        .request("fs/write", json!({"sessionId": session, "path": "plain.txt", "data": "text", "permissions": "0644"}));
    client.request(
        "fs/write",
        json!({"sessionId": session, "path": "broken", "data": "#!/no/such/interpreter\n", "permissions": "0755"}),
    );
    for (source, code) in [
        (json!({"program": "no-such-program"}), 1305),
        (json!({"program": "/workspace/no-such-program"}), 1305),
        (json!({"program": "./plain.txt"}), 1305),
        (json!({"program": "./broken"}), 1305),
        (json!({"program": "/workspace"}), 1305),
        (json!({"program": "true", "cwd": "no/such/directory"}), 1305),
        (json!({"program": "true", "cwd": "plain.txt"}), 1305),
        (json!({"program": "true", "cwd": "../etc"}), 1400),
        (json!({"program": "true", "cwd": "/proc/1/root"}), 1400),
        (json!({"program": "true", "args": ["x".repeat(4 << 20)]}), 1305),
        (json!({"program": "true", "env": {"A": "x".repeat(4 << 20)}}), 1400),
        (json!({"program": ""}), 1400),
        (json!({"program": "a\u{0}b"}), 1400),
        (json!({"program": "true", "args": ["a\u{0}b"]}), 1400),
        (json!({"program": "true", "env": {"A=B": "c"}}), 1400),
        (json!({"code": "1"}), 1400),
        (json!({"file": "plain.unknown"}), 1400),
        (json!({"code": "1", "language": "cobol"}), 1201),
    ] {
        let error = client.call("session/execute", json!({"sessionId": session, "source": source})).unwrap_err();
        assert_eq!(error["code"], code, "{source}: {error}");
        let path = error["data"]["path"].as_str().unwrap_or("source");
        assert!(path.starts_with("source"), "{source}: {error}");
        if code == 1305 {
            assert!(error["data"]["hint"].is_string(), "{error}");
            assert!(error["data"]["executionId"].is_string(), "{error}");
        }
    }
    assert_eq!(client.execute(&session, json!({"program": "true"})).outcome(), "ok");
}

#[test]
fn who_waits_is_told_why_a_program_was_not_started() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let params = json!({"sessionId": session, "source": {"program": "no-such-program"}, "wait": false});
    let execution = client.request("session/execute", params)["executionId"].clone();
    for params in [json!({"executionId": execution}), json!({"executionId": execution, "timeoutMs": 60_000})] {
        let error = client.call("execution/wait", params).unwrap_err();
        assert_eq!((error["code"].as_i64(), &error["data"]["executionId"]), (Some(1305), &execution), "{error}");
    }
    let known = client.request("execution/get", json!({"executionId": execution}));
    assert_eq!(known["state"], "ended");
    assert!(known.get("outcome").is_none(), "{known}");
}

#[test]
fn an_execution_that_nobody_waits_for_can_be_followed() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let params =
        json!({"sessionId": session, "source": {"program": "cat", "args": ["-"]}, "stdin": "stream", "wait": false});
    let answer = client.request("session/execute", params);
    let execution = answer["executionId"].clone();
    assert_eq!(answer, json!({"executionId": execution}));
    let started = client.notification("execution/started");
    assert_eq!(started["executionId"], execution);
    let now = client.request("execution/get", json!({"executionId": execution}));
    assert_eq!(
        (now["state"].as_str(), &now["pid"], &now["argv"]),
        (Some("running"), &started["pid"], &json!(["cat", "-"]))
    );
    let waiting = client.send_request("execution/wait", json!({"executionId": execution}));
    let soon = client.request("execution/wait", json!({"executionId": execution, "timeoutMs": 1}));
    assert_eq!(soon, json!({"executionId": execution, "running": true}));
    let given_up = client.send_request("execution/wait", json!({"executionId": execution}));
    client.cancel(given_up);
    assert_eq!(client.response(given_up).unwrap_err()["code"], -32800);
    client.request("execution/stdin", json!({"executionId": execution, "data": "x", "eof": true}));
    let exited = client.notification("execution/exited");
    // Whoever heard of the end finds it ended.
    let now = client.request("execution/get", json!({"executionId": execution}));
    assert_eq!((now["state"].as_str(), now["outcome"].as_str()), (Some("ended"), Some("ok")));
    let ended = client.response(waiting).unwrap();
    assert_eq!((ended["running"].as_bool(), ended["outcome"].as_str()), (Some(false), Some("ok")));
    assert_eq!((&ended["durationMs"], &ended["stdout"]), (&exited["durationMs"], &exited["stdout"]));
    let listed = client.request("execution/list", json!({"sessionId": session}));
    assert_eq!(listed["executions"].as_array().unwrap().len(), 1);
    assert_eq!(listed["executions"][0]["executionId"], execution);
    assert_eq!(client.notification("execution/output")["data"], "x");
}

#[test]
fn progress_is_told_from_before_the_start_to_before_the_answer() {
    let mut client = Client::initialized();
    let create = client.send_request("session/create", json!({"workDoneToken": 7}));
    let (index, session) = client.received_response(create);
    let session = session.unwrap()["sessionId"].clone();
    let kinds: Vec<_> = progress(&mut client, &json!(7), index).into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, ["begin", "end"]);
    for source in [json!({"program": "echo"}), json!({"program": "no-such-program"})] {
        let id = client
            .send_request("session/execute", json!({"sessionId": session, "source": source, "workDoneToken": "run"}));
        let (index, _) = client.received_response(id);
        let told = progress(&mut client, &json!("run"), index);
        let executed: Vec<_> = client
            .claim_all(|received| received.message["params"]["executionId"].is_string())
            .into_iter()
            .map(|received| received.index)
            .collect();
        let [(begin, first), (end, last)] = &told[..] else { panic!("{told:?}") };
        assert_eq!((first.as_str(), last.as_str()), ("begin", "end"));
        assert!(executed.iter().all(|place| begin < place && place < end), "{begin} {executed:?} {end}");
    }
}

fn progress(client: &mut Client, token: &Value, before: usize) -> Vec<(usize, String)> {
    let told = client.claim_all(|received| {
        received.message["method"] == "$/progress" && received.message["params"]["token"] == *token
    });
    assert!(told.iter().all(|received| received.index < before), "{told:?}");
    told.into_iter()
        .map(|received| (received.index, received.message["params"]["value"]["kind"].as_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn executions_run_side_by_side() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    // Each waits for what only the other can do.
    let one = "until [ -e two ]; do sleep 0.01; done; touch one; echo one";
    let two = "touch two; until [ -e one ]; do sleep 0.01; done; echo two";
    let ids = [one, two]
        .map(|code| client.send_request("session/execute", json!({"sessionId": session, "source": bash(code)})));
    let outputs = ids.map(|id| client.finished(id).stdout());
    assert_eq!(outputs, ["one\n", "two\n"]);
}

#[test]
fn what_is_not_known_is_refused_by_its_kind() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let done = client.execute(&session, json!({"program": "true"})).id().to_owned();
    let pty = client.execute_with(json!({"sessionId": session, "source": {"program": "true"}, "stdin": "pty"}));
    let pty = pty.id().to_owned();
    let methods = [
        ("execution/get", json!({})),
        ("execution/wait", json!({})),
        ("execution/read", json!({"stream": "stdout"})),
        ("execution/stdin", json!({"data": "x"})),
        ("execution/signal", json!({"signal": "SIGTERM"})),
        ("execution/interrupt", json!({})),
        ("execution/kill", json!({})),
        ("execution/resizePty", json!({"cols": 1, "rows": 1})),
    ];
    for (method, params) in methods {
        for (execution, expected) in [("exe_nobody", Some(1300)), (done.as_str(), None), (pty.as_str(), None)] {
            let mut params = params.clone();
            params["executionId"] = execution.into();
            let answer = client.call(method, params);
            match (expected, method) {
                (Some(code), _) => assert_eq!(answer.unwrap_err()["code"], code, "{method}"),
                (None, "execution/get" | "execution/wait" | "execution/read") => continue,
                (None, "execution/resizePty") if execution == done => {
                    assert_eq!(answer.unwrap_err()["code"], 1400, "{method}");
                }
                (None, _) => assert_eq!(answer.unwrap_err()["code"], 1301, "{method}"),
            }
        }
    }
    for (method, params) in [
        ("session/execute", json!({"sessionId": "ses_nobody", "source": {"program": "true"}})),
        ("execution/list", json!({"sessionId": "ses_nobody"})),
    ] {
        assert_eq!(client.call(method, params).unwrap_err()["code"], 1100, "{method}");
    }
}

#[test]
fn code_finds_its_name_its_arguments_and_the_workspace_and_leaves_nothing() {
    for setup in Setup::users() {
        let mut client = setup.initialized();
        let session = client.create_session(json!({"language": "python"}));
        let code = "import os, sys\nprint(os.path.basename(__file__), sys.argv[1:], os.getcwd(), os.listdir())";
        let source = json!({"code": code, "uri": "file:///home/me/caf%C3%A9.py", "args": ["a b", "$HOME", "é"]});
        let execution = client.execute(&session, source);
        assert_eq!(execution.stdout(), "café.py ['a b', '$HOME', 'é'] /workspace []\n", "{}", execution.stderr());
        client.request(
            "fs/write",
            json!({"sessionId": session, "path": "lib/thing.py", "data": "name = 'thing'", "createParents": true}),
        );
        client.request("fs/write", json!({"sessionId": session, "path": "lib/run.py", "data": "import thing, os; print(thing.name, os.getcwd())", "createParents": true}));
        let execution = client.execute(&session, json!({"file": "lib/run.py"}));
        assert_eq!(execution.stdout(), "thing /workspace\n", "{}", execution.stderr());
        let execution = client.execute(&session, json!({"file": "/workspace/lib/run.py", "cwd": "lib"}));
        assert_eq!(execution.stdout(), "thing /workspace/lib\n", "{}", execution.stderr());
    }
}

/// The command lines of the daemon and all below it.
fn command_lines(client: &mut Client) -> Vec<(u32, String)> {
    let mut pids = client.descendants();
    pids.push(client.pid());
    let read = |pid: u32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    pids.into_iter().map(|pid| (pid, String::from_utf8_lossy(&read(pid)).replace('\0', " "))).collect()
}
