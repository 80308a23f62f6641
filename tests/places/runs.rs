//! What is run, what it is given, and what is told of its end.

use serde_json::{Value, json};

use super::{bash, python};
use crate::harness::Place;

pub(crate) fn each_engine_says_hello(place: Place) {
    let mut client = place.client();
    for (language, code) in [
        ("python", "import sys; print('hello from', sys.implementation.name)"),
        ("javascript", "console.log('hello from', process.release.name)"),
        ("bash", "echo hello from ${BASH##*/}"),
    ] {
        let session = place.session(&mut client, json!({"language": language}));
        let execution = client.execute(&session, json!({"code": code}));
        assert_eq!((execution.outcome(), execution.exit_code()), ("ok", Some(0)), "{}", execution.stderr());
        assert!(execution.stdout().starts_with("hello from "), "{language}: {}", execution.stdout());
        assert_eq!(execution.stderr(), "", "{language}");
    }
}

pub(crate) fn both_streams_arrive_whole_and_in_order(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let code = "
import os
for number in range(20000):
    os.write(1 + number % 2, b'%d\\n' % number)
";
    let execution = client.execute(&session, python(code));
    assert_eq!(execution.outcome(), "ok", "{}", execution.stderr());
    for (stream, first) in [("stdout", 0), ("stderr", 1)] {
        let expected: String = (first..20_000).step_by(2).map(|number| format!("{number}\n")).collect();
        assert!(execution.bytes(stream) == expected.as_bytes(), "{stream} is not what was written");
        assert_eq!(execution.result[stream], json!({"bytes": expected.len(), "truncated": false}));
    }
}

pub(crate) fn exit_codes_and_deaths_are_told_apart(place: Place) {
    let (mut client, session) = place.open(json!({}));
    for (source, outcome, code, signal) in [
        (json!({"program": "true"}), "ok", Some(0), None),
        (bash("exit 3"), "error", Some(3), None),
        (bash("exit 255"), "error", Some(255), None),
        (bash("kill -SEGV $$"), "killed", None, Some("SIGSEGV")),
        (bash("kill -KILL $$"), "killed", None, Some("SIGKILL")),
        (python("1 / 0"), "error", Some(1), None),
        (python("import os; os.abort()"), "killed", None, Some("SIGABRT")),
    ] {
        let execution = client.execute(&session, source.clone());
        let ended = (execution.outcome(), execution.exit_code(), execution.result["signal"].as_str());
        assert_eq!(ended, (outcome, code, signal), "{source}");
    }
    let execution = client.execute(&session, python("x = bytearray(40 << 20)\nprint(len(x))"));
    assert!(execution.result["peakMemoryBytes"].as_u64().is_some_and(|peak| peak >= 40 << 20), "{}", execution.result);
}

/// D18: arguments with spaces came as several, or as something else.
pub(crate) fn a_program_gets_its_arguments_variables_and_directory(place: Place) {
    let (mut client, session) = place.open(json!({"env": {"OF_SESSION": "ä b", "BOTH": "session"}}));
    client.request("fs/write", json!({"sessionId": session, "path": "Ordner ü/x", "data": ""}));
    let args = ["a b", "", "$HOME", "é€😀", "-x", "'\"\\", "new\nline"];
    let code = "import json, os, sys\n\
                print(json.dumps([sys.argv[1:], os.getcwd(), os.environ['OF_SESSION'], os.environ['BOTH'], \
                os.environ['EMPTY'], os.path.basename(__file__)]))";
    let source = json!({"code": code, "args": args, "cwd": "Ordner ü", "uri": "file:///home/me/caf%C3%A9.py",
        "env": {"BOTH": "execution", "EMPTY": ""}});
    let execution = client.execute(&session, source);
    let printed: Value = serde_json::from_str(&execution.stdout()).unwrap_or_else(|_| panic!("{}", execution.stderr()));
    assert_eq!(printed, json!([args, "/workspace/Ordner ü", "ä b", "execution", "", "café.py"]));
    let execution = client.execute(&session, json!({"program": "printf", "args": ["%s|", "a b", "ü"]}));
    assert_eq!(execution.stdout(), "a b|ü|");
    client.request("fs/write", json!({"sessionId": session, "path": "lib/thing.py", "data": "name = 'thing'"}));
    let text = "import thing, os; print(thing.name, os.getcwd())";
    client.request("fs/write", json!({"sessionId": session, "path": "lib/run.py", "data": text}));
    let execution = client.execute(&session, json!({"file": "lib/run.py", "cwd": "/tmp"}));
    assert_eq!(execution.stdout(), "thing /tmp\n", "{}", execution.stderr());
}

pub(crate) fn executions_run_side_by_side(place: Place) {
    let (mut client, session) = place.open(json!({}));
    // Each waits for what only the one before it can do, and the first for the last.
    let codes = (0..4).map(|number| {
        format!(
            "touch {number}; until [ -e {} ]; do sleep 0.02; done; echo {number}",
            if number == 0 { 3 } else { number - 1 }
        )
    });
    let ids: Vec<_> = codes
        .map(|code| client.send_request("session/execute", json!({"sessionId": session, "source": bash(&code)})))
        .collect();
    let outputs: Vec<_> = ids.into_iter().map(|id| client.finished(id).stdout()).collect();
    assert_eq!(outputs, ["0\n", "1\n", "2\n", "3\n"]);
}

pub(crate) fn what_an_execution_leaves_is_gone_when_it_ends(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let code = "setsid sh -c 'trap \"\" HUP INT TERM; touch there; exec sleep 600' >/dev/null 2>&1 &\n\
                (setsid setsid sleep 601 &)\n\
                until [ -e there ]; do sleep 0.01; done; echo parent";
    let execution = client.execute(&session, bash(code));
    assert_eq!((execution.outcome(), execution.stdout().as_str()), ("ok", "parent\n"));
    let left = client.execute(&session, bash("cat /proc/[0-9]*/cmdline | tr '\\0' ' '"));
    assert!(!left.stdout().contains("sleep 60"), "{}", left.stdout());
}

pub(crate) fn what_can_not_be_started_says_why(place: Place) {
    let (mut client, session) = place.open(json!({}));
    client.request("fs/write", json!({"sessionId": session, "path": "plain.txt", "data": "text"}));
    for (source, code) in [
        (json!({"program": "no-such-program"}), 1305),
        (json!({"program": "./plain.txt"}), 1305),
        (json!({"program": "/workspace"}), 1305),
        (json!({"program": "true", "cwd": "no/such/directory"}), 1305),
        (json!({"program": "true", "cwd": "/proc/self/fd/3"}), 1400),
        (json!({"program": "true", "cwd": "../.."}), 1400),
        (json!({"program": "a\u{0}b"}), 1400),
    ] {
        let error = client.call("session/execute", json!({"sessionId": session, "source": source})).unwrap_err();
        assert_eq!(error["code"], code, "{source}: {error}");
    }
    assert_eq!(client.execute(&session, json!({"program": "true"})).outcome(), "ok", "the session lives on");
}

pub(crate) fn a_program_finds_no_more_than_it_was_given(place: Place) {
    let mut client = place.setup().env("DAEMON_SECRET", "of the daemon").initialized();
    let session = place.session(&mut client, json!({}));
    let code = "
import os
print(sorted(int(name) for name in os.listdir('/proc/self/fd'))[:-1])
print(os.environ.get('DAEMON_SECRET'), sorted(os.environ))
print(os.listdir('/workspace'), os.listdir('/tmp'))
";
    let execution = client.execute(&session, python(code));
    let printed = execution.stdout();
    let lines: Vec<&str> = printed.lines().collect();
    // The last descriptor is that of the listing.
    assert_eq!((lines[0], lines[2]), ("[0, 1, 2]", "[] []"), "{printed}{}", execution.stderr());
    assert!(lines[1].starts_with("None "), "{printed}");
    for foreign in ["HOSTNAME", "DOCKER", "CODEBEAKER", "XDG"] {
        assert!(!lines[1].contains(foreign), "{printed}");
    }
}
