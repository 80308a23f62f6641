//! Interpreters that are started ahead of the code that they run: nobody can tell, and nothing that was there before
//! or comes in between has a part in it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{bash, python};
use crate::harness::{Client, Place, web};

const PATIENCE: Duration = Duration::from_secs(60);

/// What stands by in a session, once it was weighed: by then it waits for its code.
fn standing(client: &mut Client, session: &str) -> Value {
    let by = Instant::now() + PATIENCE;
    loop {
        let ahead = client.request("session/get", json!({"sessionId": session}))["ahead"].clone();
        if ahead["memoryBytes"].as_u64().is_some_and(|bytes| bytes > 0) {
            return ahead;
        }
        assert!(Instant::now() < by, "nothing stands by: {ahead}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn close(client: &mut Client, session: &str) {
    client.request("session/close", json!({"sessionId": session}));
    client.claim_all(|received| received.message["method"] == "session/stateChanged");
}

fn stands(client: &mut Client, session: &str) -> bool {
    !client.request("session/get", json!({"sessionId": session}))["ahead"].is_null()
}

/// All that a program of Python can ask about itself, but for its name, its number and its age.
const OF_PYTHON: &str = r#"
import json, os, resource, signal, sys, threading
name = os.path.basename(os.path.dirname(__file__))
def plain(value):
    return json.loads(json.dumps(value, default=repr).replace(name, 'NAME'))
stat = os.stat(__file__)
status = dict(line.split(':\t', 1) for line in open('/proc/self/status').read().splitlines() if ':\t' in line)
print(json.dumps(plain({
    'argv': sys.argv, 'orig': getattr(sys, 'orig_argv', None), 'file': __file__, 'name': __name__,
    'path': sys.path, 'flags': list(sys.flags), 'modules': sorted(sys.modules), 'main': sorted(vars(sys.modules['__main__'])),
    'caches': sorted(map(str, sys.path_importer_cache)), 'spec': __spec__, 'loader': type(__loader__).__name__,
    'env': sorted(os.environ.items()), 'cwd': os.getcwd(), 'umask': os.umask(0o22),
    'ids': [os.getuid(), os.getgid(), os.geteuid(), os.getgroups()],
    'own': [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
    'descriptors': sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:-1],
    'links': [os.readlink(f'/proc/self/fd/{fd}').split(':')[0] for fd in range(3)],
    'input': sys.stdin.read(), 'terminal': [os.isatty(fd) for fd in range(3)],
    'limits': [resource.getrlimit(number) for number in range(16)],
    'signals': [str(signal.getsignal(number)) for number in sorted(signal.valid_signals()) if number not in (32, 33)],
    'blocked': [status.get(key) for key in ('SigBlk', 'SigIgn', 'SigCgt', 'NoNewPrivs', 'Seccomp', 'CapEff')],
    'processors': len(os.sched_getaffinity(0)), 'priority': os.nice(0), 'threads': threading.active_count(),
    'text': open(__file__).read(), 'kind': [oct(stat.st_mode), stat.st_size, stat.st_nlink],
    'beside': os.listdir(os.path.dirname(__file__)), 'around': len(os.listdir('/run/codebeaker')),
    'streams': [(s.encoding, s.errors, s.line_buffering, s.write_through) for s in (sys.stdin, sys.stdout, sys.stderr)],
})))
"#;

/// The same of a program of Node.
const OF_NODE: &str = r#"
const fs = require('fs');
const path = require('path');
const name = path.basename(__dirname);
const stat = fs.statSync(__filename);
const told = {
    argv: process.argv, exec: process.execArgv, file: __filename, main: require.main === module, paths: module.paths,
    id: module.id, children: module.children.length, cache: Object.keys(require.cache), env: process.env, cwd: process.cwd(),
    ids: [process.getuid(), process.getgid(), process.geteuid(), process.getgroups()], umask: process.umask(),
    globals: Object.getOwnPropertyNames(globalThis).sort(), terminal: [0, 1, 2].map((fd) => require('tty').isatty(fd)),
    descriptors: fs.readdirSync('/proc/self/fd').length, input: fs.readFileSync(0, 'utf8'),
    text: fs.readFileSync(__filename, 'utf8'), kind: [stat.mode, stat.size, stat.nlink], beside: fs.readdirSync(__dirname),
    around: fs.readdirSync('/run/codebeaker').length, versions: process.versions, title: process.title,
};
console.log(JSON.stringify(told).replaceAll(name, 'NAME'));
"#;

pub(crate) fn one_that_stood_by_is_like_any_other(place: Place) {
    let mut client = place.client();
    for (language, code) in [("python", OF_PYTHON), ("javascript", OF_NODE)] {
        let session = place.session(&mut client, json!({"language": language, "env": {"OF_SESSION": "ä"}}));
        // Something lies in the workspace all along.
        client.request("fs/write", json!({"sessionId": session, "path": "helper.py", "data": "name = 1\n"}));
        for more in [json!({}), json!({"stdin": "text", "stdinText": "a line\n"})] {
            let mut source = json!({"sessionId": session, "source": {"code": code}});
            source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let run = |client: &mut Client| {
                let id = client.send_request("session/execute", source.clone());
                client.finished(id)
            };
            let cold = run(&mut client);
            assert_eq!(cold.outcome(), "ok", "{}", cold.stderr());
            for _ in 0..2 {
                let ahead = standing(&mut client, &session);
                let warm = run(&mut client);
                assert_eq!(warm.outcome(), "ok", "{}", warm.stderr());
                assert_eq!(warm.result["executionId"], ahead["executionId"], "it was not used");
                let told = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|_| panic!("{text}"));
                let (before, after) = (told(&cold.stdout()), told(&warm.stdout()));
                for (what, before) in before.as_object().unwrap() {
                    assert_eq!(after[what], *before, "{language}: {what}");
                }
            }
        }
        // How it ends, and what it says of that.
        let ends = match language {
            "python" => [
                "def f():\n    1 / 0\nf()",
                "print('x'\n",
                "import sys; sys.exit(7)",
                "import os; os.kill(os.getpid(), 11)",
                "",
            ],
            _ => [
                "function f() { throw new Error('x') }\nf()",
                "console.log('x'",
                "process.exit(7)",
                "process.kill(process.pid, 'SIGSEGV'); for (;;) {}",
                "",
            ],
        };
        for code in ends {
            let run = |client: &mut Client| {
                let execution = client.execute(&session, json!({"code": code}));
                let name = execution.result["executionId"].as_str().expect("it has a name").to_owned();
                let error = execution.result["error"].to_string().replace(&name, "NAME");
                let told = execution.stderr().replace(&name, "NAME");
                (name, execution.outcome().to_owned(), execution.exit_code(), error, told)
            };
            let cold = place.session(&mut client, json!({"language": language}));
            let in_cold = client.execute(&cold, json!({"code": code}));
            close(&mut client, &cold);
            // The input of the last run was another.
            client.execute(&session, json!({"code": ""}));
            let ahead = standing(&mut client, &session);
            let (name, outcome, exit_code, error, told) = run(&mut client);
            assert_eq!(ahead["executionId"], name, "it was not used: {code}");
            let cold_name = in_cold.result["executionId"].as_str().expect("it has a name");
            assert_eq!((outcome.as_str(), exit_code), (in_cold.outcome(), in_cold.exit_code()), "{code}");
            assert_eq!(error, in_cold.result["error"].to_string().replace(cold_name, "NAME"), "{code}");
            assert_eq!(told, in_cold.stderr().replace(cold_name, "NAME"), "{code}");
        }
    }
}

pub(crate) fn what_differs_is_started_as_ever(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let plain = json!({"code": "import os, sys; print('plain', sys.argv[1:], os.getcwd(), os.environ.get('X'))"});
    client.execute(&session, plain.clone());
    let with = |more: Value| {
        let mut source = plain.clone();
        source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        source
    };
    let long = format!("print('long')\n{}", "# filler\n".repeat(10_000));
    for (source, printed) in [
        (with(json!({"args": ["a"]})), "plain ['a'] /workspace None\n"),
        (with(json!({"cwd": "/tmp"})), "plain [] /tmp None\n"),
        (with(json!({"env": {"X": "y"}})), "plain [] /workspace y\n"),
        (with(json!({"engineArgs": ["-X", "dev"]})), "plain [] /workspace None\n"),
        (python("# coding: latin-1\nprint(len('é'))"), "2\n"),
        (python(&long), "long\n"),
        (json!({"program": "echo", "args": ["program"]}), "program\n"),
        (bash("ls /proc | grep -cx '[0-9]*' > /dev/null; echo bash"), "bash\n"),
    ] {
        client.execute(&session, plain.clone());
        let ahead = standing(&mut client, &session);
        let execution = client.execute(&session, source.clone());
        assert_eq!(execution.stdout(), printed, "{source}: {}", execution.stderr());
        assert_ne!(execution.result["executionId"], ahead["executionId"], "{source}");
    }
    // What is read at the start counts as it is when the code comes.
    client.execute(&session, plain.clone());
    standing(&mut client, &session);
    client.request("session/update", json!({"sessionId": session, "env": {"X": "of the session"}}));
    assert_eq!(client.execute(&session, plain.clone()).stdout(), "plain [] /workspace of the session\n");
    standing(&mut client, &session);
    let custom = json!({"sessionId": session, "path": "sitecustomize.py", "data": "print('customized')"});
    client.request("fs/write", custom);
    let printed = client.execute(&session, python("print('code')")).stdout();
    assert_eq!(printed, "customized\ncode\n");
    assert_eq!(client.execute(&session, python("print('code')")).stdout(), "customized\ncode\n");
    client.request("fs/remove", json!({"sessionId": session, "path": "sitecustomize.py"}));
    assert_eq!(client.execute(&session, python("print('code')")).stdout(), "code\n");
    // A module that is written while one stands by is found.
    standing(&mut client, &session);
    client.request("fs/write", json!({"sessionId": session, "path": "fresh.py", "data": "name = 'fresh'"}));
    let found = client.execute(&session, python("import fresh; print(fresh.name)"));
    assert_eq!(found.stdout(), "fresh\n", "{}", found.stderr());
}

pub(crate) fn limits_hold_for_one_that_stood_by(place: Place) {
    let (mut client, session) = place.open(json!({"limits": {"memoryBytes": 192 << 20}}));
    let run = |client: &mut Client, code: &str, more: Value| {
        client.execute(&session, python(""));
        let ahead = standing(client, &session);
        let mut params = json!({"sessionId": session, "source": python(code)});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let id = client.send_request("session/execute", params);
        let execution = client.finished(id);
        assert_eq!(execution.result["executionId"], ahead["executionId"], "it was not used");
        execution
    };
    let spinning = run(&mut client, "while True: pass", json!({"timeoutMs": 700}));
    assert_eq!(spinning.outcome(), "timeout");
    assert!(spinning.result["durationMs"].as_u64().is_some_and(|ms| ms >= 600), "{}", spinning.result);
    assert!(spinning.result["cpuMs"].as_u64().is_some_and(|ms| ms > 0), "{}", spinning.result);
    let hungry = "x = []\nwhile True: x.append(bytearray(b'x') * (8 << 20))";
    let hungry = run(&mut client, hungry, json!({}));
    assert!(matches!(hungry.outcome(), "outOfMemory" | "error"), "{}", hungry.result);
    let leaves = "import os\nif os.fork() == 0:\n    os.setsid()\n    import time; time.sleep(600)";
    assert_eq!(run(&mut client, leaves, json!({})).outcome(), "ok");
    let left = client.execute(&session, bash("cat /proc/[0-9]*/cmdline | tr '\\0' ' '"));
    assert!(!left.stdout().contains("/run/codebeaker/exe") || !left.stdout().contains("main.py"), "{}", left.stdout());
    assert_eq!(run(&mut client, "print('on')", json!({})).stdout(), "on\n");
}

pub(crate) fn none_stands_by_where_something_runs(place: Place) {
    let (mut client, session) = place.open(json!({}));
    client.execute(&session, python(""));
    standing(&mut client, &session);
    // Whatever runs finds nothing but itself.
    let look = "for entry in /proc/[0-9]*; do tr '\\0' ' ' < $entry/cmdline; echo; done";
    let seen = client.execute(&session, bash(look)).stdout();
    assert!(!seen.lines().any(|line| line.contains("python") && line.contains("main.py")), "{seen}");
    let id = client.send_request(
        "session/execute",
        json!({"sessionId": session, "source": bash("until [ -e go ]; do sleep 0.02; done")}),
    );
    client.execute(&session, python(""));
    assert!(!stands(&mut client, &session), "one stands by beside a program");
    client.request("fs/write", json!({"sessionId": session, "path": "go", "data": ""}));
    assert_eq!(client.finished(id).outcome(), "ok");
    standing(&mut client, &session);
    let context = client.request("context/create", json!({"sessionId": session, "language": "python"}));
    assert!(!stands(&mut client, &session), "one stands by beside a live interpreter");
    client.execute(&session, python(""));
    assert!(!stands(&mut client, &session), "one stands by beside a live interpreter");
    client.request("context/delete", json!({"contextId": context["contextId"]}));
}

pub(crate) fn one_is_asked_for_and_all_are_counted(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let warmed = client.request("runtime/prewarm", json!({"sessionId": session}));
    assert_eq!(warmed, json!({"runtime": place.runtime(), "engine": "python", "begun": true}));
    let ahead = standing(&mut client, &session);
    let told = client.request("runtime/list", json!({}))["ahead"].clone();
    assert_eq!((told["interpreters"].as_u64(), &told["memoryBytes"]), (Some(1), &ahead["memoryBytes"]), "{told}");
    let execution = client.execute(&session, python("print('first')"));
    assert_eq!((execution.stdout().as_str(), &execution.result["executionId"]), ("first\n", &ahead["executionId"]));
    let other = client.request("runtime/prewarm", json!({"sessionId": session, "language": "javascript"}));
    assert_eq!(other["begun"], true, "{other}");
    assert_eq!(standing(&mut client, &session)["engine"], "node");
    let none = client.request("runtime/prewarm", json!({"sessionId": session, "language": "bash"}));
    assert_eq!(none["begun"], false, "{none}");
    let refused = client.call("runtime/prewarm", json!({"sessionId": session, "count": 2})).unwrap_err();
    assert_eq!(refused["code"], 1400, "{refused}");
    close(&mut client, &session);
    let told = client.request("runtime/list", json!({}))["ahead"].clone();
    assert_eq!((&told["interpreters"], &told["memoryBytes"]), (&json!(0), &json!(0)), "{told}");
}

pub(crate) fn the_settings_bound_what_stands_by(place: Place) {
    for (text, count) in
        [("interpreters = 0", 0), ("interpreters = 1", 1), ("memory = \"1KiB\"", 0), ("unused = \"1s\"", 0)]
    {
        let (_settings, mut client) = web::daemon(place, &format!("[ahead]\n{text}\n"));
        let sessions = [json!({}), json!({})].map(|wish| place.session(&mut client, wish));
        for session in &sessions {
            client.execute(session, python(""));
        }
        let by = Instant::now() + PATIENCE;
        loop {
            let told = client.request("runtime/list", json!({}))["ahead"].clone();
            assert!(told["interpreters"].as_u64() <= told["maxInterpreters"].as_u64(), "{text}: {told}");
            if told["interpreters"] == count && (count == 0 || told["memoryBytes"].as_u64() > Some(0)) {
                break;
            }
            assert!(Instant::now() < by, "{text}: {told}");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(client.execute(&sessions[0], python("print(1)")).stdout(), "1\n");
    }
}
