//! Attacks on who reads: the daemon, the editor, and the person before its terminal.

use serde_json::json;

use crate::actor::each_actor;
use crate::daemon::Daemon;
use crate::harness::Place;

/// A title, the clipboard, a request of the terminal's, 8-bit controls, and text that runs backwards.
const SEQUENCES: &str =
    r"\x1b]0;planted\x07\x1b]52;c;cGxhbnRlZA==\x07\x1bP+q544e\x1b\\\x9b31m\x1b[2J\x1b[6n\u202eplanted";

/// Whether a terminal would take any of this for a command. New lines are none.
fn commands(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|byte| byte.is_ascii_control() && !b"\r\n\t".contains(byte)).collect()
}

pub(crate) fn escape_sequences_reach_no_terminal_raw(place: Place) {
    each_actor(place, async |lab| {
        let mut daemon = Daemon::start(&lab, &[("CODEBEAKER_LOG", "trace"), ("TERM", "xterm-256color")]);
        let session = daemon.session(json!({"language": "python"}));
        let program = format!(
            "import os, sys\ns = '{SEQUENCES}'\nprint(s)\nprint(s, file=sys.stderr)\n\
             open(s.replace('/', '_'), 'w').write(s)\nos.mkdir('d' + s)\nos.symlink(s, 'l')\n\
             open(b'\\xff\\x1b[31m\\n', 'w').close()\nraise Exception(s)"
        );
        daemon.python(&session, &program);
        let seen = daemon.printed(&session);
        assert!(seen.contains("\x1b]52;c;"), "the client gets what the program printed, in JSON: {seen:?}");
        let listed = daemon.request("fs/list", json!({"sessionId": session, "recursive": true, "hidden": true}));
        assert!(listed.to_string().contains("\\u001b"), "{listed}");

        // Everything that a client can name comes back in an error, or goes into the log.
        let bad = "\x1b]52;c;x\x07\x1b[2J\u{9b}31m\u{202e}";
        let path = format!("../{bad}");
        let cases = [
            (bad, json!({})),
            ("session/create", json!({"language": bad})),
            ("session/create", json!({"labels": {bad: bad}, bad: bad})),
            ("session/create", json!({"workspace": {"mode": "copy", "uri": format!("file:///{bad}")}})),
            ("session/execute", json!({"sessionId": bad, "source": {"program": "true"}})),
            ("session/execute", json!({"sessionId": session, "source": {"program": bad}})),
            ("session/execute", json!({"sessionId": session, "source": {"program": "true", "cwd": bad}})),
            ("session/execute", json!({"sessionId": session, "source": {"code": "1", "language": bad}})),
            ("fs/read", json!({"sessionId": session, "path": path})),
            ("fs/read", json!({"sessionId": session, "path": bad})),
            ("fs/write", json!({"sessionId": session, "path": path, "data": bad})),
            ("execution/signal", json!({"executionId": bad, "signal": bad})),
        ];
        for (method, params) in cases {
            let answer = daemon.try_request(method, params);
            assert!(answer.is_err(), "{method:?}: {answer:?}");
        }
        daemon.request("session/close", json!({"sessionId": session}));
        assert_eq!(commands(&daemon.wire()), b"", "HOLE: control bytes on the wire");
        let log = daemon.log();
        assert!(!log.is_empty(), "a log of everything has something in it");
        let raw: Vec<&str> = log.lines().filter(|line| line.contains(['\x1b', '\u{9b}', '\x07', '\u{202e}'])).collect();
        assert!(raw.is_empty() && commands(log.as_bytes()).is_empty(), "HOLE: the log commands a terminal: {raw:#?}");
        daemon.stop();
    });
}

pub(crate) fn endless_output_costs_the_daemon_no_memory(place: Place) {
    each_actor(place, async |lab| {
        let mut daemon = Daemon::start(&lab, &[]);
        let session = daemon.session(json!({"language": "python", "limits": {"outputBytes": 65536}}));
        daemon.python(&session, "print(1)");
        let before = daemon.peak_memory();
        let flood = "import sys\nfor _ in range(192): sys.stdout.buffer.write(b'x' * (1 << 20))";
        let result = daemon.python(&session, flood);
        assert_eq!(result["stdout"]["bytes"], 192 << 20, "all is counted: {result}");
        assert_eq!(result["stdout"]["truncated"], true, "{result}");
        let passed = daemon.printed(&session).len();
        assert!(passed <= 65536 + 2, "{passed} bytes were passed on");
        let grown = daemon.peak_memory() - before;
        assert!(grown < 64 << 20, "HOLE: it grew by {grown} bytes");
        // Without a limit as small, more comes through: it is the limit that held it back.
        let session = daemon.session(json!({"language": "python"}));
        daemon.python(&session, "print('x' * (1 << 20))");
        assert!(daemon.printed(&session).len() > 1 << 20);
        daemon.stop();
    });
}

pub(crate) fn names_that_are_no_text_are_listed_read_and_removed(place: Place) {
    each_actor(place, async |lab| {
        let mut daemon = Daemon::start(&lab, &[]);
        let session = daemon.session(json!({"language": "python"}));
        let plant = "import os\nfor n in [b'\\xff\\xfe', b'a\\nb', b'\\x1b[31m', b'-rf', b' ', b'x' * 255, b'..x', b'\\\\']:\n  \
                     open(n, 'wb').write(b'content')\nos.makedirs(b'd\\xff/e\\n/f')";
        assert_eq!(daemon.python(&session, plant)["outcome"], "ok");
        let listed = daemon.request("fs/list", json!({"sessionId": session, "recursive": true, "hidden": true}));
        let entries = listed["entries"].as_array().expect("entries").clone();
        assert_eq!(entries.len(), 11, "{listed}");
        for entry in &entries {
            // The exact name, in whichever form it came.
            let mut params = json!({"sessionId": session});
            let name = if entry.get("pathBase64").is_some() { "pathBase64" } else { "path" };
            params[name] = entry[name].clone();
            if entry["type"] == "file" {
                assert_eq!(daemon.request("fs/read", params.clone())["data"], "content", "{entry}");
            }
            params["recursive"] = true.into();
            let removed = daemon.try_request("fs/remove", params);
            println!("{entry}: {removed:?}");
        }
        let left = daemon.request("fs/list", json!({"sessionId": session, "recursive": true, "hidden": true}));
        assert_eq!(left["entries"], json!([]));
        daemon.stop();
    });
}
