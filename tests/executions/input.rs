//! Standard input in each of its modes, and terminals.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{bash, python};
use crate::harness::{Client, Setup};
use serde_json::{Value, json};

#[test]
fn without_input_a_program_is_at_the_end_at_once() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let execution = client.execute(&session, json!({"program": "wc", "args": ["-c"]}));
    assert_eq!(execution.stdout().trim(), "0");
    let params = json!({"sessionId": session, "source": {"program": "true"}, "stdinText": "x"});
    assert_eq!(client.call("session/execute", params).unwrap_err()["data"]["path"], "stdinText");
}

#[test]
fn text_arrives_whole_and_ends() {
    for setup in Setup::users() {
        let mut client = setup.initialized();
        let session = client.create_session(json!({}));
        let text = "größer €\n".repeat(200_000);
        let execution = client.execute_with(json!({
            "sessionId": session, "stdin": "text", "stdinText": text,
            "source": python("import sys, hashlib; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"),
        }));
        let expected = client.execute(
            &session,
            python("import hashlib; print(hashlib.sha256(('größer €\\n' * 200000).encode()).hexdigest())"),
        );
        assert_eq!(execution.stdout(), expected.stdout());
        // One that doesn't read it needn't.
        let execution = client.execute_with(json!({
            "sessionId": session, "stdin": "text", "stdinText": text, "source": {"program": "true"},
        }));
        assert_eq!(execution.outcome(), "ok");
    }
}

#[test]
fn a_stream_of_input_goes_on_until_its_end() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let first = "first ".repeat(100_000);
    let params = json!({"sessionId": session, "source": {"program": "cat"}, "stdin": "stream", "stdinText": first});
    let (id, execution) = client.begin(params);
    let every_byte: Vec<u8> = (0..=255).collect();
    let stdin = json!({"executionId": execution, "data": STANDARD.encode(&every_byte), "encoding": "base64"});
    assert_eq!(client.request("execution/stdin", stdin), json!({"acceptedBytes": 256}));
    let bad = json!({"executionId": execution, "data": "*", "encoding": "base64"});
    assert_eq!(client.call("execution/stdin", bad).unwrap_err()["data"]["path"], "data");
    client.request("execution/stdin", json!({"executionId": execution, "data": "last", "eof": true}));
    let ended = client.finished(id);
    assert_eq!(ended.outcome(), "ok");
    assert!(ended.bytes("stdout") == [first.as_bytes(), every_byte.as_slice(), b"last"].concat());
}

#[test]
fn input_that_is_closed_or_was_never_open_says_so() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let wait = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    for (stdin, first_eof) in [("none", false), ("stream", true)] {
        let (id, execution) = client.begin(json!({"sessionId": session, "source": bash(wait), "stdin": stdin}));
        client.wait_for_output(&execution, "ready");
        if first_eof {
            client.request("execution/stdin", json!({"executionId": execution, "eof": true}));
        }
        for params in [json!({"data": "x"}), json!({"eof": true}), json!({})] {
            let mut params = params;
            params["executionId"] = execution.clone().into();
            let error = client.call("execution/stdin", params).unwrap_err();
            assert_eq!(error["code"], 1302, "{error}");
            assert!(error["data"]["hint"].is_string(), "{error}");
        }
        client.request("execution/signal", json!({"executionId": execution, "signal": "SIGTERM"}));
        assert_eq!(client.finished(id).outcome(), "ok");
    }
}

#[test]
fn a_program_that_closed_its_input_does_not_block_who_writes() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let code = "exec <&-; trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    let source = json!({"program": "bash", "args": ["-c", code]});
    let (id, execution) = client.begin(json!({"sessionId": session, "source": source, "stdin": "stream"}));
    client.wait_for_output(&execution, "ready");
    let data = "x".repeat(4 << 20);
    if let Err(error) = client.call("execution/stdin", json!({"executionId": execution, "data": data})) {
        assert_eq!(error["code"], 1302, "{error}");
    }
    client.request("execution/signal", json!({"executionId": execution, "signal": "SIGTERM"}));
    assert_eq!(client.finished(id).outcome(), "ok");
}

#[test]
fn input_that_is_not_read_waits_and_when_given_up_says_how_much_was_taken() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let code = "trap 'go=1' USR1; echo ready; until [ $go ]; do sleep 0.02; done; exec wc -c";
    let source = json!({"program": "bash", "args": ["-c", code]});
    let (id, execution) = client.begin(json!({"sessionId": session, "source": source, "stdin": "stream"}));
    client.wait_for_output(&execution, "ready");
    let data = "x".repeat(4 << 20);
    let writing = client.send_request("execution/stdin", json!({"executionId": execution, "data": data}));
    // A program that does not read blocks nobody but who writes to it.
    let other = client.execute(&session, json!({"program": "echo", "args": ["other"]}));
    assert_eq!(other.stdout(), "other\n");
    client.cancel(writing);
    let accepted = client.response(writing).unwrap()["acceptedBytes"].as_u64().unwrap();
    assert!(accepted < data.len() as u64, "all of it was taken");
    client.request("execution/signal", json!({"executionId": execution, "signal": "SIGUSR1"}));
    client.request("execution/stdin", json!({"executionId": execution, "data": "rest", "eof": true}));
    let read: u64 = client.finished(id).stdout().lines().last().unwrap().trim().parse().unwrap();
    assert_eq!(read, accepted + 4, "what was taken is not what arrived");
}

#[test]
fn writers_do_not_mix_their_input() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let (id, execution) = client.begin(json!({"sessionId": session, "source": {"program": "cat"}, "stdin": "stream"}));
    let stdin = |data: String| json!({"executionId": execution, "data": data});
    // Each is several of the pieces that input is handed over in, and none waits for the answer to the one before.
    let writes: Vec<_> = (0..20)
        .map(|number| client.send_request("execution/stdin", stdin(format!("{number:>9}\n").repeat(9000))))
        .collect();
    let end = client.send_request("execution/stdin", json!({"executionId": execution, "eof": true}));
    for write in writes {
        assert_eq!(client.response(write).unwrap()["acceptedBytes"], 90_000);
    }
    client.response(end).unwrap();
    let lines = client.finished(id).stdout();
    let mut numbers: Vec<u32> = lines.lines().map(|line| line.trim().parse().unwrap()).collect();
    numbers.dedup();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>(), "in the order in which they were sent");
}

fn terminal(session: &str, source: Value) -> Value {
    json!({"sessionId": session, "source": source, "stdin": "pty", "pty": {"cols": 100, "rows": 30}})
}

#[test]
fn a_terminal_is_one_and_tells_its_size() {
    for setup in Setup::users() {
        let mut client = setup.initialized();
        let session = client.create_session(json!({}));
        let code = "
import os, signal, sys, termios
print([os.isatty(fd) for fd in (0, 1, 2)], os.environ['TERM'], *os.get_terminal_size(), os.tcgetpgrp(0) == os.getpgrp())
signal.signal(signal.SIGWINCH, lambda *_: print('now', *os.get_terminal_size(), flush=True))
print('ready', flush=True)
name = input('name? ')
print('hello', name)
sys.exit(sys.stdin.read() != '')
";
        let (id, execution) = client.begin(terminal(&session, python(code)));
        client.wait_for_output(&execution, "ready");
        client.request("execution/resizePty", json!({"executionId": execution, "cols": 132, "rows": 43}));
        client.wait_for_output(&execution, "now 132 43");
        client.request("execution/stdin", json!({"executionId": execution, "data": "Zoë\n"}));
        client.wait_for_output(&execution, "hello Zoë");
        client.request("execution/stdin", json!({"executionId": execution, "eof": true}));
        let ended = client.finished(id);
        assert_eq!((ended.outcome(), ended.exit_code()), ("ok", Some(0)), "{}", ended.pty());
        assert!(ended.pty().starts_with("[True, True, True] xterm-256color 100 30 True\r\n"), "{}", ended.pty());
        assert_eq!(ended.result["stdout"]["bytes"], 0);
        assert_eq!(ended.result["pty"]["bytes"], ended.bytes("pty").len());
    }
}

#[test]
fn control_c_and_interrupt_reach_the_foreground_of_a_terminal() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    for by_key in [true, false] {
        let (id, execution) = client.begin(terminal(&session, json!({"program": "bash", "args": ["--norc", "-i"]})));
        let typed = |data: &str| json!({"executionId": execution, "data": data});
        client.request(
            "execution/stdin",
            typed("python3 -c 'print(\"in\" + \"side\", flush=True); import time; time.sleep(600)'\n"),
        );
        client.wait_for_output(&execution, "inside");
        if by_key {
            client.request("execution/stdin", typed("\u{3}"));
        } else {
            client.request("execution/interrupt", json!({"executionId": execution}));
        }
        client.wait_for_output(&execution, "KeyboardInterrupt");
        // The shell itself lives on.
        client.request("execution/stdin", typed("exit 5\n"));
        let ended = client.finished(id);
        assert_eq!((ended.outcome(), ended.exit_code()), ("error", Some(5)), "{}", ended.pty());
    }
}

#[test]
fn only_a_terminal_has_a_size() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let (id, execution) = client.begin(json!({"sessionId": session, "source": {"program": "cat"}, "stdin": "stream"}));
    let error =
        client.call("execution/resizePty", json!({"executionId": execution, "cols": 1, "rows": 1})).unwrap_err();
    assert_eq!(error["code"], 1400, "{error}");
    let zero = client.call("execution/resizePty", json!({"executionId": execution, "cols": 0, "rows": 1})).unwrap_err();
    assert_eq!((zero["code"].as_i64(), zero["data"]["path"].as_str()), (Some(-32602), Some("cols")));
    let params = json!({"sessionId": session, "source": {"program": "true"}, "pty": {"cols": 1, "rows": 1}});
    assert_eq!(client.call("session/execute", params).unwrap_err()["data"]["path"], "pty");
    client.request("execution/stdin", json!({"executionId": execution, "eof": true}));
    client.finished(id);
}
