//! What goes in and out of a program while it runs.

use serde_json::{Value, json};

use super::{bash, python};
use crate::harness::Place;

pub(crate) fn ten_mebibytes_arrive_unchanged(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let code = "
import hashlib, os, sys
data = os.urandom(1 << 20)
hash = hashlib.sha256()
for number in range(10):
    data = data[number:] + data[:number]
    sys.stdout.buffer.write(data)
    hash.update(data)
print(hash.hexdigest(), file=sys.stderr)
";
    let execution = client.execute(&session, python(code));
    assert_eq!(execution.outcome(), "ok", "{}", execution.stderr());
    assert_eq!(execution.result["stdout"], json!({"bytes": 10 << 20, "truncated": false}));
    // The same bytes, hashed where they came from.
    let written = execution.bytes("stdout").to_vec();
    let params =
        json!({"sessionId": session, "path": "copy", "encoding": "base64", "data": base64(&written[..5 << 20])});
    client.request("fs/write", params);
    let params = json!({"sessionId": session, "path": "copy", "encoding": "base64", "mode": "append",
        "data": base64(&written[5 << 20..])});
    client.request("fs/write", params);
    let hash = client
        .execute(&session, python("import hashlib; print(hashlib.sha256(open('copy', 'rb').read()).hexdigest())"));
    assert_eq!(hash.stdout(), execution.stderr());
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// D6: characters broke where a chunk ended.
pub(crate) fn no_character_is_cut(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let code = "
import os, time
text = 'ä€😀'.encode()
for _ in range(30):
    for place in range(len(text)):
        os.write(1, text[place:place + 1])
        time.sleep(0.0005)
os.write(1, '😀'.encode() * 50000)
";
    let execution = client.execute(&session, python(code));
    assert_eq!(execution.stdout(), "ä€😀".repeat(30) + &"😀".repeat(50_000), "{}", execution.stderr());
    // All of it is text, and so none of its pieces had to be sent as bytes.
    assert!(execution.pieces.iter().all(|piece| piece["encoding"] == "utf8"));
}

pub(crate) fn input_is_echoed_until_it_is_closed(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let source = json!({"program": "cat"});
    let (id, execution) = client.begin(json!({"sessionId": session, "source": source, "stdin": "stream"}));
    for text in ["one\n", "zwei €\n"] {
        client.request("execution/stdin", json!({"executionId": execution, "data": text}));
        client.wait_for_output(&execution, text);
    }
    let large = "x".repeat(3 << 20);
    client.request("execution/stdin", json!({"executionId": execution, "data": large, "eof": true}));
    let error = client.call("execution/stdin", json!({"executionId": execution, "data": "x"})).unwrap_err();
    assert!([1302, 1301].contains(&error["code"].as_i64().unwrap()), "{error}");
    let ended = client.finished(id);
    assert_eq!(ended.outcome(), "ok");
    assert!(ended.stdout() == format!("one\nzwei €\n{large}"), "{} bytes came back", ended.bytes("stdout").len());
    let text = "größer\n".repeat(50_000);
    let source = python("import sys; print(len(sys.stdin.buffer.read()))");
    let given =
        client.execute_with(json!({"sessionId": session, "stdin": "text", "stdinText": text, "source": source}));
    assert_eq!(given.stdout(), format!("{}\n", text.len()));
}

fn terminal(session: &str, source: &Value) -> Value {
    json!({"sessionId": session, "source": source, "stdin": "pty", "pty": {"cols": 100, "rows": 30}})
}

pub(crate) fn a_terminal_tells_its_size_and_follows_it(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let code = "
import os, signal, sys
print([os.isatty(fd) for fd in (0, 1, 2)], os.environ['TERM'], *os.get_terminal_size(), os.tcgetpgrp(0) == os.getpgrp())
signal.signal(signal.SIGWINCH, lambda *_: print('now', *os.get_terminal_size(), flush=True))
print('ready', flush=True)
print('hello', input('name? '), *os.get_terminal_size())
sys.exit(sys.stdin.read() != '')
";
    let (id, execution) = client.begin(terminal(&session, &python(code)));
    client.wait_for_output(&execution, "ready");
    client.request("execution/resizePty", json!({"executionId": execution, "cols": 132, "rows": 43}));
    client.wait_for_output(&execution, "now 132 43");
    client.request("execution/stdin", json!({"executionId": execution, "data": "Zoë\n"}));
    client.wait_for_output(&execution, "hello Zoë 132 43");
    // To who reads lines, gVisor's terminals say no end.
    let says_end = place != Place::Gvisor;
    let last = if says_end { json!({"eof": true}) } else { json!({"data": "\u{3}"}) };
    let mut params = json!({"executionId": execution});
    params.as_object_mut().unwrap().extend(last.as_object().unwrap().clone());
    client.request("execution/stdin", params);
    let ended = client.finished(id);
    let end = (ended.outcome(), ended.exit_code(), ended.result["signal"].as_str());
    let expected = if says_end { ("ok", Some(0), None) } else { ("killed", None, Some("SIGINT")) };
    assert_eq!(end, expected, "{}", ended.pty());
    assert!(ended.pty().starts_with("[True, True, True] xterm-256color 100 30 True\r\n"), "{}", ended.pty());
}

pub(crate) fn control_c_reaches_the_foreground_of_a_terminal(place: Place) {
    let (mut client, session) = place.open(json!({}));
    for by_key in [true, false] {
        let shell = json!({"program": "bash", "args": ["--norc", "-i"]});
        let (id, execution) = client.begin(terminal(&session, &shell));
        let typed = |data: &str| json!({"executionId": execution, "data": data});
        let program = "python3 -c 'print(\"in\" + \"side\", flush=True); import time; time.sleep(600)'\n";
        client.request("execution/stdin", typed(program));
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

pub(crate) fn streams_do_not_hold_each_other_up(place: Place) {
    let (mut client, session) = place.open(json!({}));
    // More than anybody keeps waits to be read by this one.
    let code = "trap 'go=1' USR1; echo ready; until [ $go ]; do sleep 0.02; done; exec wc -c";
    let (id, slow) = client.begin(json!({"sessionId": session, "source": bash(code), "stdin": "stream"}));
    client.wait_for_output(&slow, "ready");
    let writing = client.send_request("execution/stdin", json!({"executionId": slow, "data": "x".repeat(2 << 20)}));
    let quick = client.execute(&session, json!({"program": "seq", "args": ["100000"]}));
    assert_eq!(quick.stdout().lines().count(), 100_000);
    client.request("execution/signal", json!({"executionId": slow, "signal": "SIGUSR1"}));
    client.response(writing).unwrap();
    client.request("execution/stdin", json!({"executionId": slow, "eof": true}));
    assert_eq!(client.finished(id).stdout().lines().last().unwrap().trim(), (2 << 20).to_string());
}
