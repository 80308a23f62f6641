//! From the making of a session to its end, and what is left then: nothing.

use rustix::process::Signal;
use serde_json::json;

use super::{bash, python};
use crate::harness::{Client, Place};

fn changes(client: &mut Client, session: &str, expected: &[(&str, &str, &str)]) {
    for (from, to, reason) in expected {
        let change = client.claim(to, |message| {
            message["method"] == "session/stateChanged" && message["params"]["sessionId"] == session
        });
        let told = &change.message["params"];
        assert_eq!((&told["from"], &told["to"], &told["reason"]), (&json!(from), &json!(to), &json!(reason)));
    }
}

fn refused(client: &mut Client, session: &str) {
    for (method, params) in [
        ("session/execute", json!({"source": {"program": "true"}})),
        ("fs/list", json!({})),
        ("session/keepAlive", json!({})),
    ] {
        let mut params = params;
        params["sessionId"] = session.into();
        let error = client.call(method, params).unwrap_err();
        assert_eq!(error["code"], 1101, "{method}: {error}");
    }
}

pub(crate) fn a_session_says_where_it_is(place: Place) {
    let mut client = place.client();
    let created = client.request("session/create", place.wish(json!({"labels": {"a": "1"}})));
    let selection = &created["selection"];
    let isolation = match place {
        Place::Native => "namespaces",
        Place::Docker => "container",
        Place::Gvisor => "kernel",
    };
    let chosen = (&selection["runtime"], &selection["engine"], &selection["isolation"]);
    assert_eq!(chosen, (&json!(place.runtime()), &json!("python"), &json!(isolation)), "{selection}");
    assert_eq!(selection["considered"][0]["runtime"], place.runtime(), "{selection}");
    let known = client.request("runtime/list", json!({}))["runtimes"].clone();
    let own = known.as_array().unwrap().iter().find(|runtime| runtime["id"] == place.runtime()).unwrap();
    assert_eq!((&own["available"], &own["isolation"]), (&json!(true), &json!(isolation)), "{own}");
    let session = created["sessionId"].as_str().unwrap();
    let got = client.request("session/get", json!({"sessionId": session}));
    assert_eq!((&got["labels"], &got["state"]), (&json!({"a": "1"}), &json!("active")));
    // Stronger than there is anywhere.
    let error = client.call("session/create", place.wish(json!({"minIsolation": "vm"}))).unwrap_err();
    assert!([1202, 1200].contains(&error["code"].as_i64().unwrap()), "{error}");
    assert!(error["data"]["hint"].is_string(), "{error}");
}

pub(crate) fn an_unused_session_turns_idle_and_then_ends(place: Place) {
    let (mut client, session) = place.open(json!({"idleTimeoutMs": 800}));
    changes(
        &mut client,
        &session,
        &[("active", "idle", "unused"), ("idle", "closing", "idleTimeout"), ("closing", "closed", "idleTimeout")],
    );
    refused(&mut client, &session);
    // One that runs something is used.
    let session = place.session(&mut client, json!({"idleTimeoutMs": 1500}));
    let source = json!({"program": "cat"});
    let (id, execution) = client.begin(json!({"sessionId": session, "source": source, "stdin": "stream"}));
    std::thread::sleep(std::time::Duration::from_millis(2500));
    client.request("execution/stdin", json!({"executionId": execution, "data": "still here", "eof": true}));
    assert_eq!(client.finished(id).stdout(), "still here");
    client.request("session/close", json!({"sessionId": session}));
    client.claim_all(|received| received.message["method"] == "session/stateChanged");
}

pub(crate) fn a_session_ends_at_its_greatest_age(place: Place) {
    let (mut client, session) = place.open(json!({"maxLifetimeMs": 3000}));
    let execution = client.execute(&session, bash("echo before; sleep 600"));
    assert_eq!((execution.outcome(), execution.stdout().as_str()), ("killed", "before\n"));
    changes(&mut client, &session, &[("active", "closing", "maxLifetime"), ("closing", "closed", "maxLifetime")]);
    refused(&mut client, &session);
}

/// D21: nothing else was heard while a program ran.
pub(crate) fn closing_ends_what_runs(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let code = "trap '' HUP INT TERM; echo before; setsid sleep 600 & while :; do sleep 0.1; done";
    let (id, execution) = client.begin(json!({"sessionId": session, "source": bash(code)}));
    client.wait_for_output(&execution, "before");
    let close = client.send_request("session/close", json!({"sessionId": session}));
    let ended = client.finished(id);
    assert_eq!((ended.outcome(), ended.stdout().as_str()), ("killed", "before\n"));
    assert_eq!(client.response(close).unwrap(), json!({"sessionId": session, "endedExecutions": 1}));
    changes(&mut client, &session, &[("active", "closing", "requested"), ("closing", "closed", "requested")]);
    refused(&mut client, &session);
    assert_eq!(client.request("session/list", json!({}))["sessions"], json!([]));
}

pub(crate) fn sessions_do_not_see_each_other(place: Place) {
    let mut client = place.client();
    let [one, other] = [0, 1].map(|_| place.session(&mut client, json!({})));
    let hide = "
import os, socket, sys, time
for place in ('/workspace', '/tmp', '/dev/shm'): open(place + '/of-one', 'w').write('secret of one')
listener = socket.socket(socket.AF_UNIX); listener.bind('\\0of-one'); listener.listen()
tcp = socket.socket(); tcp.bind(('127.0.0.1', 45454)); tcp.listen()
print('ready', flush=True)
time.sleep(600)
";
    let (id, execution) = client.begin(json!({"sessionId": one, "source": python(hide)}));
    client.wait_for_output(&execution, "ready");
    let seek = "
import os, socket
print([place for place in ('/workspace', '/tmp', '/dev/shm') if os.path.exists(place + '/of-one')])
print([pid for pid in os.listdir('/proc') if pid.isdigit() and b'of-one' in open(f'/proc/{pid}/cmdline', 'rb').read()])
for family, address in ((socket.AF_UNIX, '\\0of-one'), (socket.AF_INET, ('127.0.0.1', 45454))):
    try:
        socket.socket(family).connect(address)
        print('connected to', address)
    except OSError as error:
        print('refused')
";
    let found = client.execute(&other, python(seek));
    assert_eq!(found.stdout(), "[]\n[]\nrefused\nrefused\n", "{}", found.stderr());
    client.request("execution/kill", json!({"executionId": execution}));
    client.finished(id);
}

pub(crate) fn the_end_of_the_input_ends_everything(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let code = "trap '' HUP INT TERM; echo ready; setsid sleep 600 & while :; do sleep 0.1; done";
    let (_, execution) = client.begin(json!({"sessionId": session, "source": bash(code)}));
    client.wait_for_output(&execution, "ready");
    client.allow_unclaimed();
    // The harness looks for what is left.
    client.expect_code(1);
    client.close_input();
}

pub(crate) fn nothing_is_left_of_a_killed_daemon(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let code = "trap '' HUP INT TERM; echo ready; setsid sleep 600 & while :; do sleep 0.1; done";
    let (_, execution) = client.begin(json!({"sessionId": session, "source": bash(code)}));
    client.wait_for_output(&execution, "ready");
    client.allow_unclaimed();
    client.expect_signal(Signal::KILL);
    client.signal(Signal::KILL);
}
