//! `codebeaker dap` on standard input and output.

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{eventually, wire::framed};
use crate::peer::Dap;

/// A program that stops nowhere by itself.
const ENDLESS: &str = "import time\nprint('running', flush=True)\nwhile True:\n    time.sleep(0.05)\n";

#[test]
fn what_can_not_be_done_is_answered_and_what_is_no_message_is_skipped() {
    let (dap, mut peer) = Dap::stdio();
    peer.send_raw(b"garbage\r\n\r\n");
    peer.send_raw(&framed("{not json"));
    peer.send_raw(&framed("[1, 2]"));
    peer.send_raw(b"Content-Length: 99999999999\r\n\r\n");
    peer.initialize();
    for command in ["threads", "noSuchCommand", "stackTrace"] {
        let answer = peer.ask(command, json!({}));
        assert_eq!(answer["success"], false, "{answer}");
        assert_eq!(answer["command"], command);
    }
    let last = peer.send("noSuchCommand", json!({}));
    peer.response(last);
    peer.close_input();
    dap.ended();
}

#[test]
fn what_was_asked_before_the_end_of_the_input_is_answered() {
    let (dap, mut peer) = Dap::stdio();
    peer.initialize();
    peer.send("disconnect", json!({}));
    peer.response(2);
    dap.ended();
}

#[test]
fn a_program_stops_where_it_is_told_to() {
    let (dap, mut peer) = Dap::stdio();
    let program = dap.program("a.py", "x = 6 * 7\nprint(x)\n");
    peer.launch(json!({"program": program}), &[2]);
    let stopped = peer.event("stopped");
    assert_eq!(stopped["reason"], "breakpoint");
    let stack = peer.request("stackTrace", json!({"threadId": stopped["threadId"]}));
    let frame = &stack["stackFrames"][0];
    assert_eq!((&frame["line"], &frame["source"]["path"]), (&json!(2), &json!(program)));
    let value = peer.request("evaluate", json!({"expression": "x", "frameId": frame["id"], "context": "watch"}));
    assert_eq!(value["result"], "42");
    peer.request("continue", json!({"threadId": stopped["threadId"]}));
    peer.output("42\n");
    assert_eq!(peer.event("exited")["exitCode"], 0);
    peer.event("terminated");
    peer.request("disconnect", json!({}));
    dap.ended();
}

#[test]
fn what_is_debugged_ends_with_the_client_however_that_goes() {
    for end in ["eof", "kill", "terminate"] {
        let (mut dap, mut peer) = Dap::stdio();
        let program = dap.program("endless.py", ENDLESS);
        peer.launch(json!({"program": program}), &[]);
        peer.output("running\n");
        assert!(dap.look() > 0, "{end}: a program runs");
        match end {
            "eof" => peer.close_input(),
            "kill" => dap.signal(Signal::KILL),
            _ => dap.signal(Signal::TERM),
        }
        eventually("nothing of it runs", || dap.look() == 0);
        dap.ended();
    }
}
