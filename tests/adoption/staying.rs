//! What is left of a session in the next daemon: all of it.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::skip::skip;
use crate::harness::{Client, Place, eventually};
use crate::lab::{ENDS, End, daemon, end, heard, id_of, left_by, nothing_is_left, persistent, start, takes_up};

fn bash(code: &str) -> Value {
    json!({"code": code, "language": "bash"})
}

/// D19: what a server left behind was lost to the next one.
pub(crate) fn a_session_goes_on_in_the_next_daemon(place: Place) {
    for how in ENDS {
        let token = format!("token {how:?}");
        let mut first = daemon(place);
        let made = persistent(
            place,
            &mut first,
            json!({
                "clientToken": token, "labels": {"a": "1"}, "env": {"SECRET": "s3cret"}, "idleTimeoutMs": 600_000,
                "limits": {"memoryBytes": 268_435_456, "outputBytes": 1 << 20}
            }),
        );
        let session = id_of(&made);
        first.request("fs/write", json!({"sessionId": session, "path": "mark", "data": "of the first"}));
        let source = bash("echo first; read line; echo \"got $line\"; x=kept; read line; echo \"$x $line\"; exec cat");
        let running = start(&mut first, json!({"sessionId": session, "source": source, "stdin": "stream"}));
        first.wait_for_output(&running, "first");
        first.request("execution/stdin", json!({"executionId": running, "data": "one\n"}));
        first.wait_for_output(&running, "got one");
        first.request("session/update", json!({
            "sessionId": session, "labels": {"a": "2"}, "maxLifetimeMs": 3_600_000, "limits": {"executionTimeoutMs": 99_000}
        }));
        let daemon_of_old = end(first, how);
        assert_eq!(left_by(place, daemon_of_old).len(), 1, "its sandbox goes on");

        let mut next = daemon(place);
        takes_up(&mut next, &[&session]);
        let found = next.request("session/get", json!({"sessionId": session}));
        for same in ["createdAt", "language", "workspace", "persist", "idleTimeoutMs"] {
            assert_eq!(found[same], made[same], "{same}");
        }
        assert_eq!((&found["labels"], &found["maxLifetimeMs"]), (&json!({"a": "2"}), &json!(3_600_000)));
        for same in ["runtime", "engine", "isolation", "machine"] {
            assert_eq!(found["selection"][same], made["selection"][same], "{same}");
        }
        for same in ["memoryBytes", "cpu", "pids", "diskBytes", "openFiles", "outputBytes"] {
            assert_eq!(found["effectiveLimits"][same], made["effectiveLimits"][same], "{same}");
        }
        assert_eq!(found["effectiveLimits"]["executionTimeoutMs"]["value"], 99_000);
        let same = persistent(place, &mut next, json!({"clientToken": token}));
        assert_eq!(id_of(&same), session, "the same token gives the same session");
        assert_eq!(next.request("fs/read", json!({"sessionId": session, "path": "mark"}))["data"], "of the first");

        let known = next.request("execution/list", json!({"sessionId": session}))["executions"].clone();
        assert_eq!(known.as_array().map(Vec::len), Some(1), "{known}");
        assert_eq!((&known[0]["executionId"], &known[0]["state"]), (&json!(running), &json!("running")));
        assert!(known[0]["argv"][0].as_str().unwrap().ends_with("bash"), "{known}");
        next.request("execution/stdin", json!({"executionId": running, "data": "two\n"}));
        assert_eq!(heard(&mut next, &running, "kept two"), (14, "kept two\n".to_owned()));
        let read = next.request("execution/read", json!({"executionId": running, "stream": "stdout", "offset": 0}));
        assert_eq!(
            (&read["data"], &read["offset"], &read["lostBytes"]),
            (&json!("kept two\n"), &json!(14), &json!(14))
        );
        let wait = next.send_request("execution/wait", json!({"executionId": running}));
        next.request("execution/stdin", json!({"executionId": running, "eof": true}));
        let ended = next.response(wait).unwrap();
        assert_eq!((&ended["outcome"], &ended["stdout"]["bytes"]), (&json!("ok"), &json!(23)), "{ended}");
        for method in ["execution/started", "execution/exited"] {
            next.claim(method, |message| message["method"] == method && message["params"]["executionId"] == running);
        }

        // Variables are secrets, which nobody kept.
        let said = next.execute(&session, bash("echo \"${SECRET-none}\""));
        assert_eq!(said.stdout(), "none\n");
        next.request("session/update", json!({"sessionId": session, "env": {"SECRET": "again"}}));
        assert_eq!(next.execute(&session, bash("echo $SECRET")).stdout(), "again\n");
        assert_eq!(next.execute(&session, json!({"code": "print(open('mark').read())"})).stdout(), "of the first\n");

        // It can be left once more, and is gone when it is closed.
        next.leave_containers();
        end(next, how);
        let mut last = daemon(place);
        takes_up(&mut last, &[&session]);
        assert_eq!(last.request("fs/read", json!({"sessionId": session, "path": "mark"}))["data"], "of the first");
        close(&mut last, &session);
        nothing_is_left(place, daemon_of_old);
    }
}

fn close(client: &mut Client, session: &str) {
    client.request("session/close", json!({"sessionId": session}));
    for to in ["closing", "closed"] {
        client.claim(to, |message| message["params"]["sessionId"] == session && message["params"]["to"] == to);
    }
}

pub(crate) fn a_compiled_program_keeps_its_stages(place: Place) {
    if !place.engine().has_image("codebeaker/c:latest") {
        return skip("there is no image of C: scripts/images.sh makes it");
    }
    let mut first = daemon(place);
    let session = id_of(&persistent(place, &mut first, json!({"language": "c"})));
    let code = "#include <stdio.h>\n#warning told\n\
                int main(void) { puts(\"first\"); fflush(stdout); getchar(); fputs(\"last\\n\", stderr); return 3; }\n";
    let params = json!({"sessionId": session, "source": {"code": code}, "stdin": "stream"});
    let running = start(&mut first, params);
    first.wait_for_output(&running, "first");
    let read = json!({"executionId": running, "stream": "stderr"});
    let warned = first.request("execution/read", read.clone())["nextOffset"].as_u64().unwrap();
    assert!(warned > 0, "the compiler has said something");
    let daemon_of_old = end(first, End::Killed);

    let mut next = daemon(place);
    takes_up(&mut next, &[&session]);
    let wait = next.send_request("execution/wait", json!({"executionId": running}));
    next.request("execution/stdin", json!({"executionId": running, "data": "\n", "eof": true}));
    let ended = next.response(wait).unwrap();
    assert_eq!((&ended["outcome"], &ended["exitCode"], &ended["stage"]), (&json!("error"), &json!(3), &json!("run")));
    let stages = ended["stages"].as_array().unwrap_or_else(|| panic!("{ended}"));
    let told: Vec<_> = stages.iter().map(|stage| (stage["stage"].as_str(), stage["exitCode"].as_i64())).collect();
    assert_eq!(told, [(Some("compile"), Some(0)), (Some("run"), Some(3))], "{ended}");
    let sum: u64 = stages.iter().map(|stage| stage["durationMs"].as_u64().unwrap()).sum();
    assert!(ended["durationMs"].as_u64().unwrap().abs_diff(sum) <= 2, "{ended}");
    assert_eq!(ended["startedAt"], stages[0]["startedAt"], "{ended}");
    // What the compiler has said counts, though it is not here.
    assert_eq!(ended["stderr"]["bytes"], warned + 5, "{ended}");
    let last = next.request("execution/read", read);
    assert_eq!((&last["data"], &last["offset"]), (&json!("last\n"), &json!(warned)), "{last}");
    next.allow_unclaimed();
    close(&mut next, &session);
    nothing_is_left(place, daemon_of_old);
}

pub(crate) fn what_runs_is_answered_for_when_its_daemon_ends(place: Place) {
    let mut first = daemon(place);
    let session = id_of(&persistent(place, &mut first, json!({})));
    let (request, execution) = first.begin(json!({"sessionId": session, "source": bash("echo first; exec sleep 600")}));
    first.wait_for_output(&execution, "first");
    let shutdown = first.send_request("shutdown", Value::Null);
    let error = first.response(request).unwrap_err();
    assert_eq!((&error["data"]["kind"], &error["data"]["executionId"]), (&json!("ShuttingDown"), &json!(execution)));
    assert_eq!(first.response(shutdown), Ok(Value::Null));
    first.notify("exit", Value::Null);
    first.expect_code(0);
    let pid = end(first, End::Clean);

    let mut next = daemon(place);
    takes_up(&mut next, &[&session]);
    let found = next.request("execution/get", json!({"executionId": execution}));
    assert_eq!((&found["state"], &found["sessionId"]), (&json!("running"), &json!(session)));
    next.request("execution/kill", json!({"executionId": execution}));
    let ended = next.claim("its end", |message| {
        message["method"] == "execution/exited" && message["params"]["executionId"] == execution
    });
    assert_eq!(ended.message["params"]["outcome"], "killed", "{}", ended.message);
    next.allow_unclaimed();
    close(&mut next, &session);
    drop(next);
    nothing_is_left(place, pid);
}

/// What drives a live interpreter goes with its daemon, and the interpreter with it.
pub(crate) fn live_interpreters_go_with_their_daemon(place: Place) {
    for how in ENDS {
        let mut first = daemon(place);
        let session = id_of(&persistent(place, &mut first, json!({})));
        let contexts = [0, 1].map(|_| {
            let created = first.request("context/create", json!({"sessionId": session, "language": "python"}));
            created["contextId"].as_str().unwrap().to_owned()
        });
        let code = "print('in', flush=True)\nwhile True: pass";
        let running =
            start(&mut first, json!({"sessionId": session, "source": {"code": code, "contextId": contexts[0]}}));
        first.wait_for_output(&running, "in");
        let pid = end(first, how);

        let mut next = daemon(place);
        takes_up(&mut next, &[&session]);
        assert_eq!(next.request("context/list", json!({}))["contexts"], json!([]), "{how:?}");
        let deadline = std::time::Instant::now() + crate::harness::DEADLINE;
        while next.execute(&session, bash("cat /proc/[0-9]*/comm")).stdout().contains("python") {
            assert!(std::time::Instant::now() < deadline, "an interpreter is left ({how:?})");
        }
        next.allow_unclaimed();
        close(&mut next, &session);
        drop(next);
        nothing_is_left(place, pid);
    }
}

pub(crate) fn a_flood_goes_on_where_it_was(place: Place) {
    let mut first = daemon(place);
    let session = id_of(&persistent(place, &mut first, json!({})));
    let source = json!({"code": "n = 0\nwhile True:\n    print(f'{n:09}')\n    n += 1"});
    let running = start(&mut first, json!({"sessionId": session, "source": source}));
    first.wait_for_output(&running, "000001000\n");
    first.stop_reading();
    first.ignore_rest();
    let pid = end(first, End::Killed);

    let mut next = daemon(place);
    next.allow_unclaimed();
    takes_up(&mut next, &[&session]);
    next.claim("some of it", |message| {
        let params = &message["params"];
        if message["method"] != "execution/output" || params["executionId"] != running {
            return false;
        }
        // Each line has ten bytes, so that its place in the stream tells which it is.
        let (offset, data) = (params["offset"].as_u64().unwrap(), params["data"].as_str().unwrap());
        let skipped = (10 - offset % 10) % 10;
        let line = &data[skipped as usize..skipped as usize + 9];
        assert_eq!(line.parse::<u64>(), Ok((offset + skipped) / 10), "{offset}");
        true
    });
    next.request("execution/kill", json!({"executionId": running}));
    close(&mut next, &session);
    drop(next);
    nothing_is_left(place, pid);
}

pub(crate) fn a_terminal_and_an_old_program_go_on(place: Place) {
    let mut first = daemon(place);
    let session = id_of(&persistent(place, &mut first, json!({})));
    let source = bash("stty -echo; echo ready; read line; echo \"$line $(stty size)\"; sleep 600");
    let pty = start(&mut first, json!({"sessionId": session, "source": source, "stdin": "pty"}));
    first.wait_for_output(&pty, "ready");
    let short = json!({"sessionId": session, "source": bash("echo ready; sleep 600"), "timeoutMs": 4000});
    let short = start(&mut first, short);
    first.wait_for_output(&short, "ready");
    let pid = end(first, End::Killed);

    let mut next = daemon(place);
    takes_up(&mut next, &[&session]);
    next.request("execution/resizePty", json!({"executionId": pty, "cols": 99, "rows": 33}));
    next.request("execution/stdin", json!({"executionId": pty, "data": "typed\n"}));
    next.wait_for_output(&pty, "typed 33 99");
    // Its time counts from its own beginning.
    let ended = next.request("execution/wait", json!({"executionId": short}));
    assert_eq!(ended["outcome"], "timeout", "{ended}");
    assert!(ended["durationMs"].as_u64().unwrap() >= 4000, "{ended}");
    next.allow_unclaimed();
    close(&mut next, &session);
    drop(next);
    nothing_is_left(place, pid);
}

pub(crate) fn a_session_whose_time_is_over_is_removed(place: Place) {
    let mut first = daemon(place);
    // Long enough for both to be made on a slow machine.
    let brief = id_of(&persistent(place, &mut first, json!({"maxLifetimeMs": 15_000})));
    let longer = persistent(place, &mut first, json!({"maxLifetimeMs": 15_000}));
    first.request("session/update", json!({"sessionId": id_of(&longer), "maxLifetimeMs": 600_000}));
    first.request("session/get", json!({"sessionId": id_of(&longer)}));
    assert_eq!(left_by(place, first.pid()).len(), 2);
    first.expect_signal(Signal::KILL);
    first.signal(Signal::KILL);
    first.allow_unclaimed();
    let pid = first.pid();
    drop(first);
    std::thread::sleep(std::time::Duration::from_secs(15));
    let mut next = daemon(place);
    takes_up(&mut next, &[&id_of(&longer)]);
    assert_eq!(next.call("session/get", json!({"sessionId": brief})).unwrap_err()["data"]["kind"], "SessionNotFound");
    eventually("what is over is removed", || left_by(place, pid).len() == 1);
    close(&mut next, &id_of(&longer));
    drop(next);
    nothing_is_left(place, pid);
}
