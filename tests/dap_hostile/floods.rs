//! Debuggees that send more than anybody could want: lines without end, JSON without bottom, events without
//! number. The session may end of it; the daemon holds little, and goes on.

use super::lab::Session;

/// A program that pours what the expression `piece` says so many times, says so, and ends with 7.
fn flooder(piece: &str, times: usize) -> String {
    format!(
        "import sys\nfrom forge import *\nsay('forging on %d' % len(channels()))\npiece = {piece}\ntaken = 0\n\
         for _ in range({times}):\n    now = pour(piece)\n    taken += now\n    if not now:\n        break\n\
         say('forged %d' % taken)\nsys.exit(7)\n"
    )
}

/// Plays it until the debuggee is gone.
fn survives(program: &str) {
    let mut session = Session::running(program);
    session.wait_for_forgery();
    session.ends();
    session.over();
}

/// Trap 2: a line without end.
#[test]
fn an_endless_line_fills_no_memory() {
    survives(&flooder("b'x' * (1 << 20)", 96));
}

/// Trap 2: JSON without bottom.
#[test]
fn deep_json_exhausts_no_stack() {
    survives(&flooder(r#"b'[' * 200000 + b'\n' + b'{"a":' * 200000 + b'\n'"#, 4));
}

/// Trap 2: bytes that are no text, and text that is no JSON.
#[test]
fn garbage_is_no_message() {
    survives(&flooder(r#"bytes(range(256)) * 64 + b'\n\n\n{"id":\n\xff\xfe\n'"#, 64));
}

/// Trap 2: threads without number.
#[test]
fn a_flood_of_threads_is_bounded() {
    let piece = r#"b''.join(b'{"event": "threadStarted", "id": %d, "name": "thread"}\n' % n for n in range(1, 20001))"#;
    survives(&flooder(piece, 1));
}

/// Traps 2 and 7: output without number, beside that of the program.
#[test]
fn a_flood_of_output_is_bounded() {
    let piece = r#"b'{"event": "output", "category": "console", "text": "%s"}\n' % (b'x' * 1000) * 1000"#;
    survives(&flooder(piece, 10));
}

/// Traps 1 and 2: children without number. The client is asked for few, and in the adapter's words.
#[test]
fn a_flood_of_children_is_bounded() {
    let piece = r#"b''.join(b'{"event": "child", "name": "PWNED", "pid": %d}\n' % n for n in range(1, 5001))"#;
    let mut session = Session::running(&flooder(piece, 4));
    session.wait_for_forgery();
    session.client.event("exited");
    session.drain();
    let record = session.over();
    let asked = record.iter().filter(|message| message["type"] == "request").count();
    assert!(asked <= 64, "the client was asked to start {asked} sessions");
}

/// Trap 2: stops without number, which would make a client ask without number.
#[test]
fn a_flood_of_stops_is_bounded() {
    let piece =
        r#"b'{"event": "stopped", "thread": 1, "reason": "step", "breakpoints": [], "allThreads": true}\n' * 10000"#;
    let mut session = Session::running(&flooder(piece, 1));
    session.wait_for_forgery();
    session.drain();
    session.over();
}
