//! Sessions: made, found, changed, used up and ended, on the real binary over a real pipe.

mod harness;

#[path = "sessions/selecting.rs"]
mod selecting;
#[path = "sessions/workspaces.rs"]
mod workspaces;

use std::process::{Command, Stdio};

use harness::client::initialize_params;
use harness::skip::skip;
use harness::{Client, Setup, Wire, eventually};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// The next change of a session's state.
fn change(client: &mut Client, session: &str) -> (String, String, String) {
    let notice = client
        .claim("session/stateChanged", |message| {
            message["method"] == "session/stateChanged" && message["params"]["sessionId"] == session
        })
        .message["params"]
        .clone();
    let text = |field: &str| notice[field].as_str().unwrap().to_owned();
    (text("from"), text("to"), text("reason"))
}

fn changes(client: &mut Client, session: &str, expected: &[(&str, &str, &str)]) {
    for (from, to, reason) in expected {
        let (from, to, reason) = ((*from).to_owned(), (*to).to_owned(), (*reason).to_owned());
        assert_eq!(change(client, session), (from, to, reason));
    }
}

/// Asks everything that can be asked of a session; each is refused like this.
fn refused(client: &mut Client, session: &str, code: i64, about: &str) {
    for (method, params) in [
        ("session/get", json!({})),
        ("session/update", json!({"labels": {}})),
        ("session/keepAlive", json!({})),
        ("session/close", json!({})),
        ("session/execute", json!({"source": {"program": "true"}})),
        ("session/execute", json!({"command": {"type": "list_files"}})),
        ("session/batch", json!({"commands": []})),
        ("execution/list", json!({})),
        ("fs/read", json!({"path": "a"})),
        ("fs/write", json!({"path": "a", "data": ""})),
        ("fs/list", json!({})),
        ("fs/stat", json!({"path": "a"})),
        ("fs/mkdir", json!({"path": "a"})),
        ("fs/copy", json!({"from": "a", "to": "b"})),
        ("fs/move", json!({"from": "a", "to": "b"})),
        ("fs/remove", json!({"path": "a"})),
        ("fs/diff", json!({"original": {"path": "a"}})),
        ("fs/patch", json!({"patch": ""})),
        ("fs/import", json!({"uri": "file:///none", "path": "a"})),
        ("fs/export", json!({"uri": "file:///none"})),
        ("fs/watch", json!({})),
        ("fs/unwatch", json!({"watchId": "wat_none"})),
    ] {
        let mut params = params;
        params["sessionId"] = session.into();
        let error = client.call(method, params).unwrap_err();
        assert_eq!(error["code"], code, "{method}: {error}");
        assert_eq!(error["data"]["sessionId"], session, "{method}: {error}");
        assert!(error["data"]["hint"].is_string(), "{method}: {error}");
        assert!(error["message"].as_str().unwrap().contains(about), "{method}: {error}");
    }
}

#[test]
fn a_session_is_found_as_it_was_made() {
    for setup in Setup::users() {
        let mut client = setup.initialized();
        let created = client.request(
            "session/create",
            json!({"language": "python", "labels": {"a": "1"}, "limits": {"pids": 99}, "idleTimeoutMs": 60_000}),
        );
        let session = created["sessionId"].clone();
        assert_eq!((created["state"].as_str(), created["language"].as_str()), (Some("active"), Some("python")));
        assert_eq!(created["selection"]["runtime"], "native");
        assert_eq!(created["effectiveLimits"]["pids"]["value"], 99);
        let other = client.request("session/create", json!({"labels": {"a": "1", "b": "2"}}));
        let got = client.request("session/get", json!({"sessionId": session}));
        for field in ["sessionId", "createdAt", "selection", "effectiveLimits", "workspace", "labels", "idleTimeoutMs"]
        {
            assert_eq!(got[field], created[field], "{field}");
        }
        for (labels, expected) in [
            (json!({}), vec![&session, &other["sessionId"]]),
            (json!({"a": "1"}), vec![&session, &other["sessionId"]]),
            (json!({"b": "2"}), vec![&other["sessionId"]]),
            (json!({"a": "2"}), vec![]),
        ] {
            let list = client.request("session/list", json!({"labels": labels}))["sessions"].clone();
            let ids: Vec<_> = list.as_array().unwrap().iter().map(|session| &session["sessionId"]).collect();
            assert_eq!(ids, expected, "{labels}");
            for listed in list.as_array().unwrap() {
                let made = if listed["sessionId"] == session { &created } else { &other };
                assert_eq!(listed["selection"], made["selection"]);
            }
        }
    }
}

#[test]
fn what_a_session_may_change_is_changed() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({"labels": {"a": "1"}, "env": {"A": "1"}}));
    let before = client.request("session/get", json!({"sessionId": session}));
    let updated = client.request(
        "session/update",
        json!({"sessionId": session, "labels": {"b": "2"}, "idleTimeoutMs": 7_000_000, "maxLifetimeMs": 8_000_000}),
    );
    assert_eq!(updated["labels"], json!({"b": "2"}));
    assert_eq!((&updated["idleTimeoutMs"], &updated["maxLifetimeMs"]), (&json!(7_000_000), &json!(8_000_000)));
    assert!(updated["expiresAt"].as_str() > before["expiresAt"].as_str(), "{updated}");
    let unchanged = client.request("session/update", json!({"sessionId": session}));
    assert_eq!((&unchanged["labels"], &unchanged["idleTimeoutMs"]), (&updated["labels"], &updated["idleTimeoutMs"]));
    let kept = client.request("session/keepAlive", json!({"sessionId": session}));
    assert!(kept["expiresAt"].as_str() >= unchanged["expiresAt"].as_str(), "{kept}");
    // What is refused changes nothing.
    for (params, code) in [
        (json!({"labels": {"c": "3"}, "limits": {"memoryBytes": 1 << 30}}), 1206),
        (json!({"labels": {"c": "3"}, "env": {"": "x"}}), 1400),
        (json!({"labels": {"c": "3"}, "idleTimeoutMs": u64::MAX}), 1400),
        (json!({"labels": {"c": "3"}, "limits": {"executionTimeoutMs": u64::MAX}}), 1400),
        (json!({"labels": {"c": "3"}, "idleTimeoutMs": 0}), -32602),
    ] {
        let mut params = params;
        params["sessionId"] = session.clone().into();
        assert_eq!(client.call("session/update", params).unwrap_err()["code"], code);
    }
    assert_eq!(client.request("session/get", json!({"sessionId": session}))["labels"], json!({"b": "2"}));
}

#[test]
fn a_program_that_runs_is_use_of_its_session() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let params = json!({"sessionId": session, "source": {"program": "cat"}, "stdin": "stream"});
    let (request, execution) = client.begin(params);
    let before = client.request("session/get", json!({"sessionId": session}));
    eventually("its last use moves on", || {
        let now = client.request("session/get", json!({"sessionId": session}));
        ["lastUsedAt", "expiresAt"].iter().all(|field| now[field].as_str() > before[field].as_str())
    });
    client.request("execution/stdin", json!({"executionId": execution, "eof": true}));
    assert_eq!(client.finished(request).outcome(), "ok");
}

#[test]
fn a_token_makes_creation_repeatable() {
    let mut client = Client::initialized();
    let ids: Vec<_> = (0..8).map(|_| client.send_request("session/create", json!({"clientToken": "same"}))).collect();
    let mut sessions = Vec::new();
    for id in ids {
        match client.response(id) {
            Ok(session) => sessions.push(session["sessionId"].as_str().unwrap().to_owned()),
            Err(error) => assert_eq!((error["code"].as_i64(), &error["data"]["retryable"]), (Some(1102), &json!(true))),
        }
    }
    sessions.push(client.create_session(json!({"clientToken": "same"})));
    sessions.dedup();
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    let other = client.create_session(json!({"clientToken": "other"}));
    assert_ne!(other, sessions[0]);
    client.request("session/close", json!({"sessionId": sessions[0]}));
    changes(&mut client, &sessions[0], &[("active", "closing", "requested"), ("closing", "closed", "requested")]);
    assert_ne!(client.create_session(json!({"clientToken": "same"})), sessions[0]);
}

#[test]
fn no_more_sessions_than_are_allowed_and_a_closed_one_makes_room() {
    let mut client = Setup::default().arg("--max-sessions").arg("3").initialized();
    let mut sessions: Vec<_> = (0..3).map(|_| client.create_session(json!({}))).collect();
    for _ in 0..10 {
        let error = client.call("session/create", json!({})).unwrap_err();
        assert_eq!((error["code"].as_i64(), &error["data"]["retryable"]), (Some(1103), &json!(true)), "{error}");
        let session = sessions.remove(0);
        client.request("session/close", json!({"sessionId": session}));
        changes(&mut client, &session, &[("active", "closing", "requested"), ("closing", "closed", "requested")]);
        // The answer is a promise: its place is free, and its name is gone.
        sessions.push(client.create_session(json!({})));
        assert_eq!(client.call("session/get", json!({"sessionId": session})).unwrap_err()["code"], 1101);
    }
    // One that is refused for another reason takes no place.
    client.request("session/close", json!({"sessionId": sessions[0]}));
    changes(&mut client, &sessions[0], &[("active", "closing", "requested"), ("closing", "closed", "requested")]);
    for _ in 0..3 {
        let params = json!({"workspace": {"mode": "bindRo", "uri": "file:///no/such/directory"}});
        assert_eq!(client.call("session/create", params).unwrap_err()["code"], 1500);
    }
    client.create_session(json!({}));
}

#[test]
fn what_cannot_be_had_is_refused_by_its_place_with_a_way_out() {
    let mut client = Client::initialized();
    for (params, code, path) in [
        (json!({"network": {"mode": "full"}}), 1407, Some("network.mode")),
        (json!({"network": {"mode": "allowlist", "allow": ["a.org", "example.org."]}}), 1400, Some("network.allow[1]")),
        (json!({"persist": "untilClosed"}), 1206, Some("persist")),
        (json!({"language": "cobol"}), 1201, Some("language")),
        (json!({"engine": "cobol"}), 1201, Some("engine")),
        (json!({"runtime": "cloud"}), 1200, Some("runtime")),
        (json!({"minIsolation": "vm"}), 1202, None),
    ] {
        let error = client.call("session/create", params.clone()).unwrap_err();
        assert_eq!((error["code"].as_i64(), error["data"]["path"].as_str()), (Some(code), path), "{params}: {error}");
        assert!(error["data"]["hint"].is_string(), "{params}: {error}");
    }
    for (params, code, path) in [
        (json!({"engine": "python", "language": "bash"}), 1201, "language"),
        (json!({"limits": {"memoryBytes": 1}}), 1400, "limits.memoryBytes"),
        (json!({"limits": {"memoryBytes": 1u64 << 62}}), 1400, "limits.memoryBytes"),
        (json!({"limits": {"pids": 1 << 30}}), 1400, "limits.pids"),
        (json!({"limits": {"diskBytes": 1}}), 1400, "limits.diskBytes"),
        (json!({"limits": {"openFiles": 1}}), 1400, "limits.openFiles"),
        (json!({"limits": {"cpu": -1.0}}), 1400, "limits.cpu"),
        (json!({"limits": {"executionTimeoutMs": u64::MAX}}), 1400, "limits.executionTimeoutMs"),
        (json!({"limits": {"memoryBytes": 0}}), -32602, "limits.memoryBytes"),
        (json!({"limits": {"memory": 1}}), -32602, "limits.memory"),
        (json!({"idleTimeoutMs": u64::MAX}), 1400, "idleTimeoutMs"),
        (json!({"maxLifetimeMs": u64::MAX}), 1400, "maxLifetimeMs"),
        (json!({"env": {"A=B": "c"}}), 1400, "env"),
    ] {
        let error = client.call("session/create", params.clone()).unwrap_err();
        assert_eq!(
            (error["code"].as_i64(), error["data"]["path"].as_str()),
            (Some(code), Some(path)),
            "{params}: {error}"
        );
    }
    assert_eq!(client.request("session/list", json!({}))["sessions"], json!([]));
}

#[test]
fn an_engine_that_is_not_installed_says_what_installs_it() {
    // A file system in which none of the engine's executables is one.
    let hide = "for file in /usr/bin/node /usr/local/bin/node /usr/bin/nodejs; do \
                [ ! -e $file ] || mount --bind /dev/null $file; done; exec $0";
    let mut daemon = Command::new("unshare");
    daemon.args(["--user", "--map-root-user", "--mount", "sh", "-c", hide, env!("CARGO_BIN_EXE_codebeaker")]);
    daemon.env("PATH", "/usr/bin:/bin").env_remove("HOME").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut daemon = daemon.spawn().unwrap();
    let mut wire = Wire::new(daemon.stdout.take().unwrap(), daemon.stdin.take().unwrap());
    wire.request("initialize", initialize_params());
    let engines = wire.request("engine/list", json!({}))["engines"].clone();
    let node = engines.as_array().unwrap().iter().find(|engine| engine["id"] == "node").unwrap();
    if node["available"] == true {
        skip("its engine can't be hidden here");
    } else {
        assert!(node["hint"].as_str().is_some_and(|hint| hint.contains("install")), "{node}");
        for params in [json!({"engine": "node"}), json!({"language": "javascript"})] {
            let error = wire.call("session/create", params).unwrap_err();
            assert_eq!(error["code"], 1201, "{error}");
            assert!(error["data"]["hint"].as_str().is_some_and(|hint| hint.contains("install")), "{error}");
        }
    }
    wire.request("shutdown", Value::Null);
    wire.notify("exit", Value::Null);
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
}

#[test]
fn an_unused_session_turns_idle_and_then_ends() {
    for setup in Setup::users() {
        let mut client = setup.initialized();
        let session = client.create_session(json!({"idleTimeoutMs": 400}));
        changes(
            &mut client,
            &session,
            &[("active", "idle", "unused"), ("idle", "closing", "idleTimeout"), ("closing", "closed", "idleTimeout")],
        );
        refused(&mut client, &session, 1101, "idle time-out");
    }
}

#[test]
fn use_makes_an_idle_session_active_again() {
    let mut client = Client::initialized();
    // Idle after half of it, which leaves half of it to use it again.
    let session = client.create_session(json!({"idleTimeoutMs": 30_000, "language": "python"}));
    let update = |ms: u64| json!({"sessionId": session, "idleTimeoutMs": ms});
    for (method, params) in [
        ("session/keepAlive", json!({})),
        ("fs/list", json!({})),
        ("session/execute", json!({"source": {"program": "true"}})),
    ] {
        client.request("session/update", update(300));
        changes(&mut client, &session, &[("active", "idle", "unused")]);
        client.request("session/update", update(60_000));
        changes(&mut client, &session, &[("idle", "active", "used")]);
        let mut params = params;
        params["sessionId"] = session.clone().into();
        client.request(method, params);
        assert_eq!(client.request("session/get", json!({"sessionId": session}))["state"], "active", "{method}");
    }
    client.claim_all(|received| received.message["params"]["executionId"].is_string());
}

#[test]
fn an_execution_that_runs_is_use() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({"idleTimeoutMs": 200}));
    let (id, execution) = client.begin(json!({"sessionId": session, "source": {"program": "cat"}, "stdin": "stream"}));
    std::thread::sleep(std::time::Duration::from_millis(600));
    client.request("execution/stdin", json!({"executionId": execution, "data": "still here", "eof": true}));
    let execution = client.finished(id);
    assert_eq!((execution.outcome(), execution.stdout().as_str()), ("ok", "still here"));
    changes(
        &mut client,
        &session,
        &[("active", "idle", "unused"), ("idle", "closing", "idleTimeout"), ("closing", "closed", "idleTimeout")],
    );
}

#[test]
fn a_session_ends_at_its_greatest_age_whatever_it_does() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({"maxLifetimeMs": 3000}));
    let execution = client.execute(&session, json!({"program": "sh", "args": ["-c", "echo before; sleep 600"]}));
    assert_eq!((execution.outcome(), execution.stdout().as_str()), ("killed", "before\n"));
    changes(&mut client, &session, &[("active", "closing", "maxLifetime"), ("closing", "closed", "maxLifetime")]);
    refused(&mut client, &session, 1101, "greatest age");
}

#[test]
fn closing_ends_what_runs_and_keeps_what_it_printed() {
    for setup in Setup::users() {
        let mut client = setup.initialized();
        let session = client.create_session(json!({}));
        let code = "trap '' HUP INT TERM; echo before; setsid sleep 600 & while :; do sleep 0.1; done";
        let source = json!({"code": code, "language": "bash"});
        let (id, execution) = client.begin(json!({"sessionId": session, "source": source}));
        client.wait_for_output(&execution, "before");
        let close = client.send_request("session/close", json!({"sessionId": session}));
        let ended = client.finished(id);
        assert_eq!((ended.outcome(), ended.stdout().as_str()), ("killed", "before\n"));
        assert_eq!(client.response(close).unwrap(), json!({"sessionId": session, "endedExecutions": 1}));
        changes(&mut client, &session, &[("active", "closing", "requested"), ("closing", "closed", "requested")]);
        refused(&mut client, &session, 1101, "client closed");
        refused(&mut client, "ses_nobody", 1100, "no session");
        assert_eq!(client.call("execution/get", json!({"executionId": execution})).unwrap_err()["code"], 1300);
    }
}

#[test]
fn all_who_close_a_session_at_the_same_time_are_answered() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let closes: Vec<_> = (0..5).map(|_| client.send_request("session/close", json!({"sessionId": session}))).collect();
    for close in closes {
        match client.response(close) {
            Ok(closed) => assert_eq!(closed["endedExecutions"], 0),
            Err(error) => assert_eq!(error["code"], 1101, "{error}"),
        }
    }
    changes(&mut client, &session, &[("active", "closing", "requested"), ("closing", "closed", "requested")]);
}

#[test]
fn a_sandbox_that_goes_by_itself_takes_its_session_with_it() {
    for setup in Setup::users() {
        let mut client = setup.initialized();
        let other = client.create_session(json!({}));
        let known = client.agents();
        let session = client.create_session(json!({}));
        let source = json!({"program": "sh", "args": ["-c", "echo before; exec sleep 600"]});
        let (id, execution) = client.begin(json!({"sessionId": session, "source": source}));
        client.wait_for_output(&execution, "before");
        let mut agent = Vec::new();
        eventually("the agent is found", || {
            agent = client.agents();
            agent.retain(|pid| !known.contains(pid));
            agent.len() == 1
        });
        kill_process(Pid::from_raw(agent[0].cast_signed()).unwrap(), Signal::KILL).unwrap();
        let ended = client.finished(id);
        assert_eq!((ended.outcome(), ended.stdout().as_str()), ("lost", "before\n"), "{}", ended.result);
        changes(&mut client, &session, &[("active", "closing", "runtimeLost"), ("closing", "closed", "runtimeLost")]);
        refused(&mut client, &session, 1101, "");
        assert_eq!(client.execute(&other, json!({"program": "true"})).outcome(), "ok", "another session lives on");
    }
}

fn is_progress(message: &Value, token: u64, kind: &str) -> bool {
    message["params"]["token"] == token && message["params"]["value"]["kind"] == kind
}

#[test]
fn a_creation_that_is_given_up_leaves_nothing() {
    let mut client = Client::initialized();
    for round in 0..12 {
        let id = client.send_request("session/create", json!({"workDoneToken": round}));
        std::thread::sleep(std::time::Duration::from_micros(700 * round));
        client.cancel(id);
        match client.response(id) {
            Ok(session) => {
                client.request("session/close", json!({"sessionId": session["sessionId"]}));
                let session = session["sessionId"].as_str().unwrap();
                changes(
                    &mut client,
                    session,
                    &[("active", "closing", "requested"), ("closing", "closed", "requested")],
                );
            }
            Err(error) => assert_eq!(error["code"], -32800, "{error}"),
        }
        // One that was given up before it began has no progress; what began also ends.
        let begun = client.claim_all(|received| is_progress(&received.message, round, "begin"));
        if !begun.is_empty() {
            client.claim("the end of its progress", |message| is_progress(message, round, "end"));
        }
    }
    assert_eq!(client.request("session/list", json!({}))["sessions"], json!([]));
    eventually("every sandbox ends", || client.agents().is_empty());
}
