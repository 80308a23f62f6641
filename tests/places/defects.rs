//! What the CodeBeaker before this one had wrong, and is put right: its defects D1 to D21. Those whose right
//! behaviour has a list of its own are named there.

use serde_json::{Value, json};

use super::{bash, network, python};
use crate::harness::Place;
use crate::harness::web::{daemon, private};

/// D7: one failure made a session unusable for ever.
pub(crate) fn d7_a_failure_leaves_the_session_usable(place: Place) {
    let (mut client, session) = place.open(json!({}));
    for (source, outcome) in [
        (python("raise RuntimeError('no')"), "error"),
        (python("this is no python"), "error"),
        (bash("kill -KILL $$"), "killed"),
        (bash("kill -SEGV $$"), "killed"),
    ] {
        assert_eq!(client.execute(&session, source.clone()).outcome(), outcome, "{source}");
    }
    for (method, params, code) in [
        ("session/execute", json!({"source": {"program": "no-such-program"}}), 1305),
        ("fs/read", json!({"path": "nothing"}), 1500),
        ("fs/read", json!({"path": "../etc/passwd"}), 1401),
    ] {
        let mut params = params;
        params["sessionId"] = json!(session);
        let error = client.call(method, params).unwrap_err();
        assert_eq!(error["code"], code, "{method}: {error}");
    }
    assert_eq!(client.request("session/get", json!({"sessionId": session}))["state"], "active");
    assert_eq!(client.execute(&session, python("print(1)")).stdout(), "1\n");
}

/// D8: what one session had run or read was the answer to another's question.
pub(crate) fn d8_nothing_is_answered_from_what_was_answered_before(place: Place) {
    let mut client = place.client();
    let sessions = [0, 1].map(|_| place.session(&mut client, json!({})));
    let write = |session: &str, data: &str| json!({"sessionId": session, "path": "same.txt", "data": data});
    let read = |session: &str| json!({"sessionId": session, "path": "same.txt"});
    for (session, text) in sessions.iter().zip(["one", "other"]) {
        client.request("fs/write", write(session, text));
    }
    let code = python("print(open('same.txt').read())");
    for (session, text) in sessions.iter().zip(["one", "other"]) {
        assert_eq!(client.execute(session, code.clone()).stdout(), format!("{text}\n"));
        assert_eq!(client.request("fs/read", read(session))["data"], text);
    }
    client.execute(&sessions[0], bash("printf changed > same.txt"));
    assert_eq!(client.execute(&sessions[0], code.clone()).stdout(), "changed\n");
    assert_eq!(client.request("fs/read", read(&sessions[0]))["data"], "changed");
    assert_eq!(client.request("fs/read", read(&sessions[1]))["data"], "other");
}

/// D10: code was refused for words in it, while the same harm in other words went through.
pub(crate) fn d10_code_is_judged_by_what_it_may_do(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let harmless = "
import os
tiramisu = 1
pid = os.fork()
if pid == 0: os._exit(tiramisu)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 'sudo rm -rf / ; DROP TABLE; eval(')
";
    let execution = client.execute(&session, python(harmless));
    assert_eq!(execution.stdout(), "1 sudo rm -rf / ; DROP TABLE; eval(\n", "{}", execution.stderr());
    let harmful = bash("rm -fr --no-preserve-root / 2>&1 | grep -c .; echo done");
    let execution = client.execute(&session, harmful);
    assert!(execution.stdout().ends_with("done\n"), "{}", execution.stderr());
    // All that a program may remove is its own.
    assert_eq!(client.execute(&session, python("import json; print(2)")).stdout(), "2\n");
}

/// D12: output was cut up and sent once all of it was there.
pub(crate) fn d12_output_comes_while_the_program_runs(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let source = bash("echo first; read line; echo \"second $line\"");
    let (id, execution) = client.begin(json!({"sessionId": session, "source": source, "stdin": "stream"}));
    client.wait_for_output(&execution, "first");
    // It can't end before it is told this.
    client.request("execution/stdin", json!({"executionId": execution, "data": "line\n", "eof": true}));
    let ended = client.finished(id);
    assert_eq!((ended.outcome(), ended.stdout().as_str()), ("ok", "first\nsecond line\n"));
    assert!(ended.pieces.len() >= 2, "{:?}", ended.pieces);
}

/// D14: that a program was to have a network was read and not heeded.
pub(crate) fn d14_what_a_program_is_to_reach_is_heeded_or_refused(place: Place) {
    // Nobody listens there, and nobody asks for it.
    let host = ["127.0.0.1:9".to_owned()];
    let (_directory, mut client) = daemon(place, &private(&host));
    let closed = place.session(&mut client, json!({}));
    let open = network::session(place, &mut client, &host);
    for (session, spelling, enabled, code) in [
        (&closed, "networkEnabled", true, Some(1407)),
        (&closed, "network_enabled", false, None),
        (&open, "network_enabled", true, None),
        (&open, "networkEnabled", false, Some(1400)),
    ] {
        let mut command = json!({"type": "execute", "language": "python", "code": "print(1)", "cpuLimit": 1});
        command[spelling] = enabled.into();
        let result = client.request("session/execute", json!({"sessionId": session, "command": command}));
        match code {
            None => assert_eq!(result["result"]["stdout"], "1\n", "{result}"),
            Some(code) => {
                let error = &result["error"];
                assert_eq!(
                    (&error["code"], &error["data"]["path"]),
                    (&json!(code), &json!("networkEnabled")),
                    "{result}"
                );
                assert!(error["data"]["hint"].is_string(), "{result}");
            }
        }
    }
    client.allow_unclaimed();
}

/// D16: what was wrong with the parameters was said as a fault of the server.
pub(crate) fn d16_wrong_parameters_are_the_callers(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let cases: [(&str, Value, &str); 4] = [
        ("session/execute", json!({"sessionId": session, "source": {"code": 1}}), "source.code"),
        ("session/execute", json!({"sessionId": session, "source": bash(""), "timeoutMS": 1}), "timeoutMS"),
        ("fs/read", json!({"sessionId": session}), "path"),
        ("session/get", json!({}), "sessionId"),
    ];
    for (method, params, path) in cases {
        let error = client.call(method, params).unwrap_err();
        assert_eq!((&error["code"], &error["data"]["path"]), (&json!(-32602), &json!(path)), "{method}: {error}");
    }
}

/// D20: the runtime of a session was a list, and processes were said to have containers.
pub(crate) fn d20_a_session_names_one_runtime_and_a_container_where_there_is_one(place: Place) {
    let mut client = place.client();
    let created = client.request("session/create", place.wish(json!({})));
    let got = client.request("session/get", json!({"sessionId": created["sessionId"]}));
    for told in [&created, &got] {
        assert_eq!(told["selection"]["runtime"], place.runtime(), "{told}");
        assert!(told.get("containerId").is_none() && told.get("runtimeType").is_none(), "{told}");
    }
    let container = &got["selection"]["container"];
    assert_eq!(container, &created["selection"]["container"]);
    if !place.has_containers() {
        assert!(got["selection"].get("container").is_none(), "{got}");
        return;
    }
    let asked = ["inspect", "--format", "{{.Name}}", container.as_str().expect("it is in a container")];
    let name = place.engine().order(&asked);
    let own = place.engine().containers_of(client.pid());
    assert!(own.iter().any(|one| name == format!("/{one}")), "{name} is none of {own:?}");
}
