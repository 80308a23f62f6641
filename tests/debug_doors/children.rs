//! A client that starts another process for a child, and gets to the first one's.

use serde_json::{Value, json};

use crate::harness::eventually;
use crate::peer::{Dap, Peer};

const PARENT: &str = "import subprocess, sys\nsubprocess.run([sys.executable, 'child.py'], check=True)\nprint('parent done', flush=True)\n";
const CHILD: &str = "x = 'in the child'\nprint(x, flush=True)\n";

fn announced(peer: &mut Peer) -> Value {
    let question = peer.claim("startDebugging", |message| message["command"] == "startDebugging");
    peer.answer(&question);
    question["arguments"].clone()
}

#[test]
fn a_child_is_debugged_by_the_process_that_is_started_for_it() {
    let (dap, mut peer) = Dap::stdio();
    let program = dap.program("parent.py", PARENT);
    let child = dap.program("child.py", CHILD);
    peer.launch(json!({"program": program, "cwd": dap.scratch(), "subProcess": true}), &[]);
    let start = announced(&mut peer);
    assert_eq!(start["request"], "attach");
    let configuration = &start["configuration"];
    let door = configuration["__codebeakerDoor"].as_str().expect("the door's path travels along").to_owned();
    assert!(door.starts_with(dap.own().to_str().unwrap()), "{door}");

    let (mut second, mut sub) = dap.again(&[] as &[&str]);
    sub.initialize();
    let attach = sub.send("attach", configuration.clone());
    sub.event("initialized");
    sub.request("setBreakpoints", json!({"source": {"path": child}, "breakpoints": [{"line": 2}]}));
    sub.request("configurationDone", json!({}));
    assert_eq!(sub.response(attach)["success"], true);
    let stopped = sub.event("stopped");
    let stack = sub.request("stackTrace", json!({"threadId": stopped["threadId"]}));
    assert_eq!(stack["stackFrames"][0]["source"]["path"], json!(child), "{stack}");
    sub.request("continue", json!({"threadId": stopped["threadId"]}));
    peer.output("parent done\n");
    peer.event("terminated");
    peer.request("disconnect", json!({}));
    sub.rest();
    assert!(second.wait().unwrap().success());
    dap.ended();
}

#[test]
fn a_child_whose_parent_is_gone_is_answered() {
    let (dap, mut peer) = Dap::stdio();
    peer.initialize();
    let answer = peer.ask("attach", json!({"__codebeakerChild": "none", "__codebeakerDoor": "/no/such/door"}));
    assert_eq!(answer["success"], false, "{answer}");
    peer.rest();
    drop(dap);
    let (dap, mut peer) = Dap::stdio();
    peer.initialize();
    let answer = peer.ask("attach", json!({"__codebeakerChild": "none"}));
    assert_eq!(answer["success"], false, "{answer}");
    peer.close_input();
    eventually("its files are gone", || dap.own().read_dir().unwrap().next().is_none());
    dap.ended();
}
