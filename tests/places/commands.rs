//! Typed commands, and the defects of the original system that they put right: each has the number that it has there.

use serde_json::{Value, json};

use super::files::ask;
use crate::harness::{Client, Place};

/// What came of a command.
fn run(client: &mut Client, session: &str, command: Value) -> Value {
    let mut result = ask(client, session, "session/execute", json!({"command": command})).unwrap();
    client.claim_all(|received| received.message["method"].as_str().is_some_and(|it| it.starts_with("execution/")));
    let fields: Vec<&str> = result.as_object().unwrap().keys().map(String::as_str).collect();
    let known = ["durationMs", "error", "id", "result", "success", "type"];
    assert!(fields.iter().all(|field| known.contains(field)), "{result}");
    assert_eq!(result.get("error").is_none(), result.get("result").is_some(), "{result}");
    result["durationMs"].take();
    result
}

/// The result of one that does what it is to.
fn done(client: &mut Client, session: &str, command: Value) -> Value {
    let mut result = run(client, session, command);
    assert_eq!(result["success"], true, "{result}");
    result["result"].take()
}

/// The code of the error of one that does not.
fn failed(client: &mut Client, session: &str, command: Value) -> i64 {
    let result = run(client, session, command);
    assert_eq!(result["success"], false, "{result}");
    result["error"]["code"].as_i64().unwrap_or_else(|| panic!("{result}"))
}

pub(crate) fn d1_d3_every_command_works_in_both_spellings(place: Place) {
    let (mut client, session) = place.open(json!({"language": "python"}));
    let mut done = |command: Value| done(&mut client, &session, command);
    for (spelling, path) in [("create_dir", "a/b"), ("create_directory", "a/c")] {
        assert_eq!(done(json!({"type": spelling, "path": path})), json!({"path": path, "created": true}));
    }
    let wrote = done(json!({"type": "write_file", "id": "1", "path": "a/b/f", "content": "one\n"}));
    assert_eq!(wrote, json!({"path": "a/b/f", "bytes": 4}));
    let read = json!({"path": "a/b/f", "content": "one\n", "encoding": "utf8", "bytes": 4});
    assert_eq!(
        done(json!({"type": "read_file", "path": "/workspace/a/b/f"})),
        json!({"path": "/workspace/a/b/f", "content": "one\n", "encoding": "utf8", "bytes": 4})
    );
    assert_eq!(done(json!({"type": "read_file", "path": "a/b/f"})), read);
    done(json!({"type": "copy_file", "source": "a/b/f", "destination": "a/c/g"}));
    done(json!({"type": "copy_file", "sourcePath": "a/b/f", "destinationPath": "a/c/g"}));
    for spelling in ["list_files", "list_directory"] {
        let listed = done(json!({"type": spelling, "path": "a", "pattern": "*"}));
        assert_eq!(listed["tree"]["children"][0]["children"][0]["path"], "a/b/f", "{listed}");
        let flat = done(json!({"type": spelling, "path": "a", "recursive": false}));
        assert_eq!(flat["tree"]["children"][1]["name"], "c", "{flat}");
        assert_eq!(flat["tree"]["children"][1]["children"], json!([]), "{flat}");
        let deep = done(json!({"type": spelling, "max_depth": 2, "includeHidden": true}));
        assert_eq!(deep["tree"]["children"][0]["children"][0]["children"], json!([]), "{deep}");
    }
    for (spelling, program) in [("shell", "command"), ("execute_shell", "commandName")] {
        let mut command = json!({"type": spelling, "args": ["-c", "echo $V; pwd"], "workingDirectory": "a", "environment": {"V": "v"}});
        command[program] = "sh".into();
        let ran = done(command);
        assert_eq!((&ran["stdout"], &ran["exitCode"]), (&json!("v\n/workspace/a\n"), &json!(0)), "{ran}");
    }
    let ran = done(json!({"type": "execute", "language": "python", "code": "print(6 * 7)"}));
    assert_eq!((&ran["stdout"], &ran["stderr"]), (&json!("42\n"), &json!("")), "{ran}");
    assert_eq!(done(json!({"type": "execute", "code": "print(1)"}))["stdout"], "1\n");
    let compared =
        done(json!({"type": "diff", "original_path": "a/b/f", "modifiedContent": "two\n", "context_lines": 1}));
    assert_eq!((&compared["addedLines"], &compared["identical"]), (&json!(1), &json!(false)), "{compared}");
    let mut patch = json!({"type": "apply_patch", "patch": "--- a/b/f\n+++ a/b/f\n@@ -1 +1 @@\n-one\n+two\n", "dry_run": true, "strip": 0});
    assert_eq!(done(patch.clone())["hunksApplied"], 1);
    assert_eq!(done(json!({"type": "read_file", "path": "a/b/f"})), read, "a dry run writes nothing");
    patch["dryRun"] = patch["dry_run"].take();
    patch.as_object_mut().unwrap().remove("dry_run");
    patch["dryRun"] = false.into();
    assert_eq!(done(patch)["filesPatched"], 1);
    assert_eq!(done(json!({"type": "read_file", "path": "a/b/f"}))["content"], "two\n");
    assert_eq!(done(json!({"type": "delete_file", "path": "a/b/f"}))["removed"], 1);
    assert_eq!(done(json!({"type": "delete_file", "path": "a", "recursive": true}))["removed"], 4);
}

/// D14: what was asked for with code was read and passed over. Its packages are in `tests/packages`.
pub(crate) fn d14_limits_and_network_of_a_command_are_heeded(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let code = "import os; print(len(os.sched_getaffinity(0)))";
    for limited in [
        json!({"type": "execute", "code": code, "cpuLimit": 0.5}),
        json!({"type": "execute", "params": {"language": "python", "code": code, "cpu_limit": 1.0}}),
        json!({"type": "shell", "command": "python3", "args": ["-c", code], "cpu_limit": 1.0}),
    ] {
        assert_eq!(done(&mut client, &session, limited.clone())["stdout"], "1\n", "{limited}");
    }
    let code = "x = bytearray(400 << 20)";
    let large = json!({"type": "execute", "params": {"code": code, "memoryLimit": 100}});
    assert_eq!(run(&mut client, &session, large)["success"], false);
    assert_eq!(failed(&mut client, &session, json!({"type": "execute", "code": "1", "params": {"code": "2"}})), -32602);
    assert_eq!(
        failed(&mut client, &session, json!({"type": "read_file", "path": "a", "params": {"code": "2"}})),
        -32602
    );
    // A program has the network of its session, or is told that it has not.
    let asks = |client: &mut Client, wanted: bool| {
        let code = "import os; print('HTTP_PROXY' in os.environ)";
        run(client, &session, json!({"type": "execute", "code": code, "networkEnabled": wanted}))
    };
    assert_eq!(asks(&mut client, true)["error"]["code"], 1407);
    assert_eq!(asks(&mut client, false)["result"]["stdout"], "False\n");
    let network = json!({"sessionId": session, "mode": "allowlist", "allow": ["example.org"]});
    client.request("net/policy/set", network);
    assert_eq!(asks(&mut client, true)["result"]["stdout"], "True\n");
    assert_eq!(asks(&mut client, false)["error"]["code"], 1400);
}

pub(crate) fn d2_d4_what_fails_is_told_in_the_same_shape(place: Place) {
    let (mut client, session) = place.open(json!({"language": "bash"}));
    let ran =
        run(&mut client, &session, json!({"type": "execute", "code": "echo out; echo err >&2; exit 128", "id": "x"}));
    assert_eq!((&ran["success"], &ran["id"], &ran["type"]), (&json!(false), &json!("x"), &json!("execute")), "{ran}");
    let printed = (&ran["result"]["stdout"], &ran["result"]["stderr"], &ran["result"]["exitCode"]);
    assert_eq!(printed, (&json!("out\n"), &json!("err\n"), &json!(128)), "{ran}");
    let mut failed = |command: Value| failed(&mut client, &session, command);
    assert_eq!(failed(json!({"type": "shell", "command": "no-such-program", "args": []})), 1305);
    assert_eq!(failed(json!({"type": "read_file", "path": "none"})), 1500);
    assert_eq!(failed(json!({"type": "copy_file", "source": "none", "destination": "b"})), 1500);
    assert_eq!(failed(json!({"type": "delete_file", "path": "none"})), 1500);
    assert_eq!(failed(json!({"type": "create_dir", "path": "p/q", "recursive": false})), 1500);
    assert_eq!(failed(json!({"type": "write_file", "path": "f"})), -32602);
    assert_eq!(failed(json!({"type": "write_file", "path": "f", "content": "", "args": []})), -32602);
    let write =
        |mode: &str, content: &str| json!({"type": "write_file", "path": "f", "content": content, "mode": mode});
    for (mode, content, after) in [
        ("Create", "a", "a"),
        ("Append", "b", "ab"),
        ("Create", "c", "c"),
        ("Overwrite", "d", "d"),
        ("append", "e", "de"),
    ] {
        done(&mut client, &session, write(mode, content));
        assert_eq!(done(&mut client, &session, json!({"type": "read_file", "path": "f"}))["content"], after);
    }
    for nonsense in [json!({"type": "fly"}), json!({"path": "a"}), json!({"type": "read_file", "paht": "a"})] {
        let error = ask(&mut client, &session, "session/execute", json!({"command": nonsense})).unwrap_err();
        assert_eq!(error["code"], -32602, "{error}");
    }
    for both in [
        json!({}),
        json!({"command": {"type": "list_files"}, "source": {"code": ""}}),
        json!({"command": {"type": "list_files"}, "wait": false}),
    ] {
        assert_eq!(ask(&mut client, &session, "session/execute", both).unwrap_err()["code"], -32602);
    }
}

pub(crate) fn d5_d18_no_shell_reads_names_and_arguments(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let names = ["a|b", "new\nline", "-rf", "qu'o\"te", "$(touch hole)", "with space", "; touch hole"];
    for name in names {
        done(&mut client, &session, json!({"type": "write_file", "path": name, "content": name}));
    }
    let mut all: Vec<&str> = names.to_vec();
    all.sort_unstable();
    for pattern in [None, Some("*")] {
        let listed =
            done(&mut client, &session, json!({"type": "list_files", "pattern": pattern, "includeHidden": true}));
        let listed: Vec<&str> =
            listed["tree"]["children"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(listed, all);
    }
    for pattern in ["'; touch hole; '", "$(touch hole)x", "`touch hole`"] {
        done(&mut client, &session, json!({"type": "list_files", "pattern": pattern}));
    }
    let args = ["a b", "$HOME", "; touch hole", "`touch hole`", "", "\"q\" 'r'"];
    let code = "import json, sys; print(json.dumps(sys.argv[1:]))";
    let mut argv = vec!["-c", code];
    argv.extend(args);
    let ran = done(&mut client, &session, json!({"type": "shell", "command": "python3", "args": argv}));
    assert_eq!(serde_json::from_str::<Vec<String>>(ran["stdout"].as_str().unwrap()).unwrap(), args);
    // A line for a shell is no program.
    let line = run(&mut client, &session, json!({"type": "execute_shell", "command": "ls -la; touch hole"}));
    assert_eq!((&line["error"]["code"], line["error"]["data"]["hint"].is_string()), (&json!(-32602), true), "{line}");
    assert_eq!(failed(&mut client, &session, json!({"type": "read_file", "path": "hole"})), 1500, "HOLE");
}

pub(crate) fn d6_d7_d17_output_is_whole_and_failures_leave_a_session_usable(place: Place) {
    let (mut client, session) = place.open(json!({}));
    // Characters of two, three and four bytes over all borders of what is read at a time.
    let code = "import sys; sys.stdout.write('xü€😀' * 20000)";
    let ran = done(&mut client, &session, json!({"type": "execute", "language": "python", "code": code}));
    assert!(ran["stdout"] == "xü€😀".repeat(20_000), "a character broke");
    assert!(ran.get("stdoutTruncated").is_none());
    let code = "import time; print('before', flush=True); time.sleep(600)";
    let ran = run(&mut client, &session, json!({"type": "execute", "language": "python", "code": code, "timeout": 2}));
    assert_eq!(
        (&ran["success"], &ran["result"]["outcome"], &ran["result"]["stdout"]),
        (&json!(false), &json!("timeout"), &json!("before\n")),
        "{ran}"
    );
    for command in [json!({"type": "read_file", "path": "none"}), json!({"type": "shell", "command": "false"})] {
        assert_eq!(run(&mut client, &session, command)["success"], false);
    }
    let ran =
        done(&mut client, &session, json!({"type": "execute", "language": "python", "code": "print('still here')"}));
    assert_eq!(ran["stdout"], "still here\n");
    let bytes = done(&mut client, &session, json!({"type": "shell", "command": "printf", "args": ["\\377"]}));
    assert_eq!((&bytes["stdout"], &bytes["stdoutEncoding"]), (&json!("/w=="), &json!("base64")));
}

pub(crate) fn d9_d10_what_the_original_was_attacked_with_is_harmless(place: Place) {
    let (mut client, session) = place.open(json!({"limits": {"pids": 40}}));
    let link = json!({"type": "shell", "command": "ln", "args": ["-s", "/etc", "out"]});
    done(&mut client, &session, link);
    for path in [
        "../../../etc/passwd",
        "/etc/passwd",
        "/etc/shadow",
        "/proc/self/environ",
        "/workspace-evil/file",
        "/workspace/../etc/passwd",
        "out/passwd",
    ] {
        for command in [
            json!({"type": "read_file", "path": path}),
            json!({"type": "write_file", "path": path, "content": "x"}),
            json!({"type": "delete_file", "path": path}),
            json!({"type": "copy_file", "source": path, "destination": "stolen"}),
            json!({"type": "list_files", "path": path}),
        ] {
            assert_eq!(failed(&mut client, &session, command), 1401, "HOLE: {path}");
        }
    }
    // Of another system, these are names like others.
    for path in ["..\\..\\..\\windows\\system32", "C:\\Windows\\x"] {
        assert_eq!(failed(&mut client, &session, json!({"type": "read_file", "path": path})), 1500);
    }
    // No words are forbidden, and what they do is the kernel's to refuse.
    let said =
        "tiramisu = 1\nimport os\nprint(tiramisu, bool(os.fork) , 'rm -rf /', 'dd if=/dev/zero', 'sudo su root')";
    let ran = done(&mut client, &session, json!({"type": "execute", "language": "python", "code": said}));
    assert_eq!(ran["stdout"], "1 True rm -rf / dd if=/dev/zero sudo su root\n");
    done(&mut client, &session, json!({"type": "write_file", "path": "kept", "content": "kept"}));
    for (program, args) in [
        ("dd", json!(["if=/dev/zero", "of=/dev/sda", "count=1"])),
        ("mkfs.ext4", json!(["/dev/sda"])),
        ("sudo", json!(["rm", "-rf", "/"])),
        ("su", json!(["root", "-c", "true"])),
        ("rm", json!(["-rf", "/usr/bin/env"])),
        ("cat", json!(["/etc/shadow"])),
        ("mount", json!(["-t", "tmpfs", "none", "/mnt"])),
    ] {
        let ran = run(&mut client, &session, json!({"type": "shell", "command": program, "args": args, "timeout": 20}));
        assert_eq!(ran["success"], false, "HOLE: {program}: {ran}");
    }
    for bomb in [":(){ :|:& };:", "fork(){ fork|fork& }; fork", ".(){ .|.& };."] {
        run(&mut client, &session, json!({"type": "execute", "language": "bash", "code": bomb, "timeout": 2}));
    }
    assert_eq!(done(&mut client, &session, json!({"type": "read_file", "path": "kept"}))["content"], "kept");
    let ran = done(&mut client, &session, json!({"type": "shell", "command": "/usr/bin/env", "args": ["true"]}));
    assert_eq!(ran["exitCode"], 0, "the sandbox works on");
}

pub(crate) fn d21_a_session_is_closed_while_a_command_runs(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let params = json!({"sessionId": session, "command": {"type": "shell", "command": "sleep", "args": ["600"]}});
    let command = client.send_request("session/execute", params);
    client.notification("execution/started");
    client.request("session/close", json!({"sessionId": session}));
    let answer = client.response(command).unwrap();
    assert_eq!(
        (&answer["success"], answer["result"].is_object() || answer["error"].is_object()),
        (&json!(false), true),
        "{answer}"
    );
    client.allow_unclaimed();
}

pub(crate) fn a_batch_does_its_commands_in_order(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let write = |path: &str| json!({"type": "write_file", "path": path, "content": path});
    let fails = json!({"type": "read_file", "path": "none", "id": 1.to_string()});
    let mut batch = |more: Value| ask(&mut client, &session, "session/batch", more).unwrap();
    let stopped = batch(json!({"commands": [write("a"), fails, write("b")]}));
    assert_eq!((&stopped["success"], stopped["results"].as_array().unwrap().len()), (&json!(false), 2), "{stopped}");
    assert_eq!(stopped["results"][1]["id"], "1");
    let went_on =
        batch(json!({"commands": [fails, write("b"), {"type": "shell", "command": "ls"}], "stopOnError": false}));
    let results = went_on["results"].as_array().unwrap();
    assert_eq!((results.len(), &results[1]["success"]), (3, &json!(true)), "{went_on}");
    assert_eq!(results[2]["result"]["stdout"], "a\nb\n");
    assert_eq!(batch(json!({"commands": []})), json!({"success": true, "results": []}));
    client.allow_unclaimed();
}

pub(crate) fn an_atomic_batch_is_done_as_a_whole_or_put_back(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let made = json!({"type": "shell", "command": "bash", "args": ["-c",
        "echo old > kept && chmod 640 kept && mkdir -p d && echo gone > d/gone && head -c 9000000 /dev/zero > large && ln -s kept link"]});
    done(&mut client, &session, made);
    let seen = json!({"type": "shell", "command": "bash", "args": ["-c", "find . -printf '%p %m %l\\n' | sort; cat kept d/gone; cksum large"]});
    let before = done(&mut client, &session, seen.clone())["stdout"].clone();
    let changes = [
        json!({"type": "write_file", "path": "kept", "content": "new"}),
        json!({"type": "write_file", "path": "kept", "content": "newer", "mode": "Append"}),
        json!({"type": "write_file", "path": "p/q/r", "content": "deep"}),
        json!({"type": "create_dir", "path": "e/f"}),
        json!({"type": "create_dir", "path": "d"}),
        json!({"type": "copy_file", "source": "kept", "destination": "large"}),
        json!({"type": "copy_file", "source": "d", "destination": "copy"}),
        json!({"type": "delete_file", "path": "d/gone"}),
        json!({"type": "apply_patch", "patch": "--- a/copy/gone\n+++ b/copy/gone\n@@ -1 +1 @@\n-gone\n+patched\n--- /dev/null\n+++ b/made\n@@ -0,0 +1 @@\n+made\n"}),
    ];
    let fails = json!({"type": "read_file", "path": "none"});
    for end in 1..=changes.len() {
        let mut commands = changes[..end].to_vec();
        commands.push(fails.clone());
        let batch = ask(&mut client, &session, "session/batch", json!({"commands": commands, "atomic": true})).unwrap();
        assert_eq!((&batch["success"], &batch["rolledBack"]), (&json!(false), &json!(true)), "{batch}");
        assert_eq!(batch["results"].as_array().unwrap().len(), end + 1, "{batch}");
        let after = done(&mut client, &session, seen.clone());
        assert_eq!(after["stdout"], before, "after {end}: {batch}");
    }
    // What can't be put back is refused before it is done.
    for (command, code) in [
        (json!({"type": "write_file", "path": "link", "content": "x"}), 1400),
        (json!({"type": "delete_file", "path": "d", "recursive": true}), 1400),
    ] {
        let batch =
            ask(&mut client, &session, "session/batch", json!({"commands": [command], "atomic": true})).unwrap();
        assert_eq!(
            (&batch["results"][0]["error"]["code"], &batch["rolledBack"]),
            (&json!(code), &json!(true)),
            "{batch}"
        );
    }
    let program = json!({"commands": [changes[0], {"type": "shell", "command": "true"}], "atomic": true});
    let error = ask(&mut client, &session, "session/batch", program).unwrap_err();
    assert_eq!((&error["code"], &error["data"]["path"]), (&json!(1400), &json!("commands[1]")), "{error}");
    assert_eq!(done(&mut client, &session, seen)["stdout"], before);
    let whole = ask(&mut client, &session, "session/batch", json!({"commands": changes, "atomic": true})).unwrap();
    assert_eq!((&whole["success"], whole.get("rolledBack")), (&json!(true), None), "{whole}");
    assert_eq!(done(&mut client, &session, json!({"type": "read_file", "path": "made"}))["content"], "made\n");
}
