//! Live interpreters: what they keep, how they are interrupted, what is told when they go.

use serde_json::{Value, json};

use super::bash;
use crate::harness::session::Execution;
use crate::harness::{Client, Place};

/// Starts an interpreter in a session, and returns its id.
pub(crate) fn context(client: &mut Client, session: &str) -> String {
    let created = client.request("context/create", json!({"sessionId": session}));
    created["contextId"].as_str().expect("every context has an id").to_owned()
}

/// A daemon with one interpreter in this place.
pub(crate) fn open(place: Place) -> (Client, String, String) {
    let (mut client, session) = place.open(json!({}));
    let context = context(&mut client, &session);
    (client, session, context)
}

/// The state that the client was told of next.
pub(crate) fn told(client: &mut Client, context: &str) -> String {
    let notice = client.claim("context/stateChanged", |message| {
        message["method"] == "context/stateChanged" && message["params"]["contextId"] == context
    });
    notice.message["params"]["state"].as_str().expect("a context has a state").to_owned()
}

pub(crate) fn cell(session: &str, context: &str, code: &str) -> Value {
    json!({"sessionId": session, "source": {"code": code, "contextId": context}})
}

/// Runs a cell to its end.
pub(crate) fn run(client: &mut Client, session: &str, context: &str, code: &str) -> Execution {
    client.execute_with(cell(session, context, code))
}

fn state(client: &mut Client, context: &str) -> Value {
    let all = client.request("context/list", json!({}))["contexts"].clone();
    let own = all.as_array().unwrap().iter().find(|one| one["contextId"] == context);
    own.expect("it is listed")["state"].clone()
}

/// D13: what was called stateful began anew each time; nothing but files was kept.
pub(crate) fn an_interpreter_keeps_its_state(place: Place) {
    let (mut client, session, context) = open(place);
    let first =
        run(&mut client, &session, &context, "import sys\nx = [1]\nprint('out')\nprint('err', file=sys.stderr)");
    assert_eq!(first.outcome(), "ok", "{:?}", first.result);
    assert_eq!((first.stdout().as_str(), first.stderr().as_str()), ("out\n", "err\n"));
    assert_eq!(first.methods.first().map(String::as_str), Some("execution/started"));
    let second = run(&mut client, &session, &context, "x.append(2)\nx");
    assert_eq!(second.result["displays"][0]["data"]["text/plain"], "[1, 2]");
    assert_eq!(second.stdout(), "");
    // One that runs nothing ends none of the others, and knows nothing of them.
    let other = super::contexts::context(&mut client, &session);
    let third = run(&mut client, &session, &other, "x");
    assert_eq!((third.outcome(), &third.result["error"]["name"]), ("error", &json!("NameError")));
    let fourth = run(&mut client, &session, &context, "exit(3)");
    assert_eq!((fourth.outcome(), fourth.exit_code()), ("error", Some(3)));
    let fifth = run(&mut client, &session, &context, "print(x)");
    assert_eq!(fifth.stdout(), "[1, 2]\n");
    let listed = client.request("context/list", json!({"sessionId": session}))["contexts"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!((&listed[0]["engine"], &listed[0]["state"]), (&json!("python"), &json!("idle")), "{listed}");
    assert!(listed[0]["version"].as_str().unwrap().starts_with("3."), "{listed}");
    let known = client.request("execution/get", json!({"executionId": second.id()}));
    assert_eq!((&known["contextId"], &known["displays"]), (&json!(context), &second.result["displays"]));
    // Once it is deleted it is unknown, and its process is gone.
    client.request("context/delete", json!({"contextId": context}));
    let error = client.call("session/execute", cell(&session, &context, "1")).unwrap_err();
    assert_eq!(error["code"], 1303, "{error}");
    client.request("context/delete", json!({"contextId": other}));
    let left = client.execute(&session, bash("cat /proc/[0-9]*/comm"));
    assert!(!left.stdout().contains("python"), "{}", left.stdout());
}

pub(crate) fn a_cell_tells_what_it_has_used(place: Place) {
    let python = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\nlarge = b'x' * (48 << 20)";
    let javascript = "const start = process.cpuUsage().user; let large = Buffer.alloc(48 << 20, 1);\n\
                      while (process.cpuUsage().user - start < 300000);";
    for (language, code) in [("python", python), ("javascript", javascript)] {
        let (mut client, session) = place.open(json!({"language": language}));
        let context = context(&mut client, &session);
        let cell = run(&mut client, &session, &context, code);
        assert_eq!(cell.outcome(), "ok", "{}", cell.stderr());
        let used = |cell: &Execution| {
            (cell.result["cpuMs"].as_u64().unwrap(), cell.result["peakMemoryBytes"].as_u64().unwrap())
        };
        let (cpu, memory) = used(&cell);
        assert!(cpu >= 250 && memory >= 48 << 20, "{language}: {}", cell.result);
        // What was used before is not the next one's, but what it holds still is.
        let (less, memory) = used(&run(&mut client, &session, &context, "large = 1"));
        assert!(less < cpu && memory >= 48 << 20, "{language}: {less} of {cpu} ms, {memory} bytes");
    }
}

pub(crate) fn output_is_kept_exactly(place: Place) {
    let (mut client, session, context) = open(place);
    let code = r"
import os, sys, gc
print('plain')
os.write(1, b'\0' + b'0' * 31 + b'\0\0' + bytes(range(256)) + b'\0ab')
os.write(2, b'\0')
";
    let whole = run(&mut client, &session, &context, code);
    let mut expected = b"plain\n\0".to_vec();
    expected.extend([b'0'; 31]);
    expected.extend(b"\0\0");
    expected.extend(0..=255_u8);
    expected.extend(b"\0ab");
    assert_eq!(whole.bytes("stdout"), expected);
    assert_eq!(whole.bytes("stderr"), b"\0");
    // Whatever a cell does to the descriptors, its output ends where it does, and the next one's is its own.
    let code = "import os\nkeep = os.dup(1)\nos.write(1, b'a' * 3_000_000)\nos.close(1)\nos.close(2)";
    let large = run(&mut client, &session, &context, code);
    assert_eq!((large.outcome(), large.bytes("stdout").len()), ("ok", 3_000_000));
    let after = run(&mut client, &session, &context, "os.dup2(keep, 1); os.write(1, b'mine');");
    assert_eq!((after.outcome(), after.stdout().as_str()), ("ok", "mine"));
    let read = json!({"executionId": after.id(), "stream": "stdout"});
    assert_eq!(client.request("execution/read", read)["data"], "mine");
}

pub(crate) fn cells_wait_for_each_other_and_contexts_do_not(place: Place) {
    let (mut client, session, one) = open(place);
    let other = context(&mut client, &session);
    let code =
        "import os, time\nprint('in', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.02)\norder = ['first']";
    let (first, execution) = client.begin(cell(&session, &one, code));
    client.wait_for_output(&execution, "in");
    let waiting: Vec<_> = (0..3)
        .map(|number| {
            client
                .send_request("session/execute", cell(&session, &one, &format!("order.append({number})\nprint(order)")))
        })
        .collect();
    // One of those that wait is given up, and never runs.
    let given_up = client.send_request("session/execute", cell(&session, &one, "order.append('never')"));
    client.cancel(given_up);
    let ended = client.finished(given_up);
    assert_eq!((ended.outcome(), ended.methods.as_slice()), ("cancelled", &["execution/exited".to_owned()][..]));
    // The other context runs meanwhile, and lets the first go on.
    let busy = client.call("context/variables", json!({"contextId": one})).unwrap_err();
    assert_eq!(busy["code"], 1306, "{busy}");
    let free = run(&mut client, &session, &other, "open('go', 'w').close()");
    assert_eq!(free.outcome(), "ok");
    assert_eq!(client.finished(first).outcome(), "ok");
    let outputs: Vec<_> = waiting.into_iter().map(|id| client.finished(id).stdout()).collect();
    assert_eq!(outputs, ["['first', 0]\n", "['first', 0, 1]\n", "['first', 0, 1, 2]\n"]);
}

pub(crate) fn an_interrupt_keeps_the_state(place: Place) {
    let (mut client, session, context) = open(place);
    let (id, execution) = client.begin(cell(&session, &context, "kept = 7\nprint('in', flush=True)\nwhile True: pass"));
    client.wait_for_output(&execution, "in");
    client.request("execution/interrupt", json!({"executionId": execution}));
    let ended = client.finished(id);
    assert_eq!((ended.outcome(), &ended.result["signal"]), ("killed", &json!("SIGINT")), "{:?}", ended.result);
    assert_eq!(ended.result["error"]["name"], "KeyboardInterrupt");
    assert!(ended.stderr().contains("KeyboardInterrupt"), "{}", ended.stderr());
    // One that is cancelled, and one that takes too long, are interrupted first.
    let (id, execution) = client.begin(cell(&session, &context, "print('in', flush=True)\nwhile True: pass"));
    client.wait_for_output(&execution, "in");
    client.cancel(id);
    assert_eq!(client.finished(id).outcome(), "cancelled");
    let mut slow = cell(&session, &context, "import time\ntime.sleep(600)");
    slow["timeoutMs"] = 300.into();
    let ended = client.execute_with(slow);
    assert_eq!((ended.outcome(), ended.result.get("contextLost")), ("timeout", None), "{:?}", ended.result);
    assert_eq!(run(&mut client, &session, &context, "print(kept)").stdout(), "7\n");
    let error = client.call("execution/interrupt", json!({"executionId": execution})).unwrap_err();
    assert_eq!(error["code"], 1301, "{error}");
}

pub(crate) fn what_does_not_heed_an_interrupt_costs_the_interpreter(place: Place) {
    let (mut client, session, context) = open(place);
    let code = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(1)";
    let mut deaf = cell(&session, &context, code);
    deaf["timeoutMs"] = 200.into();
    let ended = client.execute_with(deaf);
    assert_eq!((ended.outcome(), &ended.result["contextLost"]), ("timeout", &json!(true)), "{:?}", ended.result);
    assert_eq!(ended.result["error"]["name"], "ContextLost");
    assert_eq!((told(&mut client, &context).as_str(), state(&mut client, &context)), ("crashed", json!("crashed")));
    let error = client.call("session/execute", cell(&session, &context, "1")).unwrap_err();
    assert_eq!(error["code"], 1303, "{error}");
    assert!(error["data"]["hint"].as_str().unwrap().contains("context/restart"), "{error}");
    client.request("context/restart", json!({"contextId": context}));
    assert_eq!(told(&mut client, &context), "idle");
    assert_eq!(run(&mut client, &session, &context, "print('again')").stdout(), "again\n");
}

pub(crate) fn a_crash_is_told_and_a_restart_helps(place: Place) {
    let (mut client, session, context) = open(place);
    let (id, execution) = client.begin(cell(
        &session,
        &context,
        "import os, time\nprint('in', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.02)\nos._exit(7)",
    ));
    client.wait_for_output(&execution, "in");
    let behind = client.send_request("session/execute", cell(&session, &context, "1"));
    client.execute(&session, bash("touch go"));
    let ended = client.finished(id);
    assert_eq!((ended.outcome(), ended.exit_code()), ("error", Some(7)), "{:?}", ended.result);
    assert_eq!((&ended.result["contextLost"], ended.stdout().as_str()), (&json!(true), "in\n"));
    let error = client.response(behind).unwrap_err();
    assert_eq!(error["code"], 1303, "{error}");
    assert!(error["message"].as_str().unwrap().contains("code 7"), "{error}");
    assert_eq!(told(&mut client, &context), "crashed");
    let restarted = client.request("context/restart", json!({"contextId": context}));
    assert_eq!((&restarted["contextId"], &restarted["state"]), (&json!(context), &json!("idle")));
    assert_eq!(told(&mut client, &context), "idle");
    // One that goes while nothing runs in it is told too.
    let code = "import threading, os\nthreading.Timer(0.3, os.abort).start()";
    assert_eq!(run(&mut client, &session, &context, code).outcome(), "ok");
    assert_eq!(told(&mut client, &context), "crashed");
    let error = client.call("session/execute", cell(&session, &context, "1")).unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("signal 6"), "{error}");
    // A restart ends what runs and what waits.
    client.request("context/restart", json!({"contextId": context}));
    assert_eq!(told(&mut client, &context), "idle");
    let (id, execution) = client.begin(cell(&session, &context, "print('in', flush=True)\nwhile True: pass"));
    client.wait_for_output(&execution, "in");
    let behind = client.send_request("session/execute", cell(&session, &context, "1"));
    client.request("context/restart", json!({"contextId": context}));
    assert_eq!(client.finished(id).result["contextLost"], true);
    assert_eq!(client.response(behind).unwrap_err()["code"], 1303);
    assert_eq!(told(&mut client, &context), "idle");
    assert_eq!(run(&mut client, &session, &context, "print('anew')").stdout(), "anew\n");
}

pub(crate) fn errors_name_the_lines_of_the_document(place: Place) {
    let mut client = place.client();
    let folder = client.scratch().join("folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("lib.py"), "def fail():\n    raise ValueError('no')\n").unwrap();
    let uri = |name: &str| format!("file://{}/{name}", folder.display());
    let workspace = json!({"mode": "copy", "uri": format!("file://{}", folder.display())});
    let session = place.session(&mut client, json!({"workspace": workspace}));
    let context = context(&mut client, &session);
    let mut failing = cell(&session, &context, "import lib\n\nlib.fail()");
    failing["source"]["uri"] = uri("notes.py").into();
    failing["source"]["range"] = json!({"start": {"line": 11, "character": 0}, "end": {"line": 14, "character": 0}});
    let ended = client.execute_with(failing.clone());
    let error = &ended.result["error"];
    assert_eq!((ended.outcome(), &error["name"], &error["message"]), ("error", &json!("ValueError"), &json!("no")));
    let frames = error["frames"].as_array().unwrap();
    let places: Vec<_> = frames.iter().map(|frame| (frame["uri"].as_str(), frame["line"].as_u64())).collect();
    let (notes, lib) = (uri("notes.py"), uri("lib.py"));
    assert_eq!(places, [(Some(notes.as_str()), Some(14)), (Some(lib.as_str()), Some(2))], "{error}");
    assert!(ended.stderr().contains("line 14"), "{}", ended.stderr());
    // One that is nowhere goes by its own name.
    failing["source"]["uri"] = "untitled:Untitled-1".into();
    let ended = client.execute_with(failing);
    let frame = &ended.result["error"]["frames"][0];
    assert_eq!(
        (&frame["uri"], &frame["sandboxPath"]),
        (&json!("untitled:Untitled-1"), &json!("Untitled-1")),
        "{frame}"
    );
}

pub(crate) fn a_session_ends_with_its_interpreters(place: Place) {
    let (mut client, session, context) = open(place);
    let (id, execution) = client.begin(cell(&session, &context, "print('in', flush=True)\nwhile True: pass"));
    client.wait_for_output(&execution, "in");
    let close = client.send_request("session/close", json!({"sessionId": session}));
    assert_eq!(client.finished(id).outcome(), "killed");
    client.response(close).unwrap();
    client.claim_all(|received| {
        received.message["method"] == "session/stateChanged" || received.message["method"] == "context/stateChanged"
    });
    let error = client.call("context/list", json!({"sessionId": session})).unwrap_err();
    assert_eq!(error["code"], 1101, "{error}");
}

pub(crate) fn there_is_a_limit_to_everything(place: Place) {
    let (mut client, session, first) = open(place);
    for (field, value) in [("stdin", json!("text")), ("debuggable", json!(true)), ("limits", json!({"pids": 3}))] {
        let mut odd = cell(&session, &first, "1");
        odd[field] = value;
        let error = client.call("session/execute", odd).unwrap_err();
        assert_eq!((&error["code"], &error["data"]["path"]), (&json!(1400), &json!(field)), "{error}");
    }
    let error = client.call("session/execute", cell(&session, &first, &"#".repeat(3 << 20))).unwrap_err();
    assert_eq!(error["code"], 1400, "{error}");
    let error = client.call("context/create", json!({"sessionId": session, "language": "bash"})).unwrap_err();
    assert_eq!(error["code"], 1201, "{error}");
    let error = client.call("context/create", json!({"sessionId": session, "cwd": "nowhere"})).unwrap_err();
    assert_eq!(error["code"], 1305, "{error}");
    // Output over the limit is cut off, or ends the cell, and the interpreter stays.
    let mut chatty = cell(&session, &first, "print('x' * 100)");
    chatty["limits"] = json!({"outputBytes": 10});
    let ended = client.execute_with(chatty.clone());
    assert_eq!((ended.outcome(), ended.stdout().len()), ("ok", 10));
    chatty["source"]["code"] = "while True: print('x' * 100)".into();
    chatty["limits"] = json!({"outputBytes": 1000, "onOutputLimit": "kill"});
    let ended = client.execute_with(chatty);
    assert_eq!((ended.outcome(), ended.result.get("contextLost")), ("outputLimit", None), "{:?}", ended.result);
    assert_eq!(run(&mut client, &session, &first, "print('still')").stdout(), "still\n");
}
