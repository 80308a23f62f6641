//! A program that makes links in a directory which it shares with its editor.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::peer::{Dap, Peer};

const PROGRAM: &str = r"import os
if os.path.exists('/workspace/link'):
    os.symlink(open('/workspace/link').read(), '/workspace/made.py')
exec(compile('raise RuntimeError(1)', '/workspace/made.py', 'exec'), {})
";

/// The source of the frame in which the program stops, which says that it is of `made.py`.
fn source_of_made(dap: &Dap, peer: &mut Peer) -> Value {
    let program = dap.program("main.py", PROGRAM);
    std::fs::set_permissions(dap.scratch(), Permissions::from_mode(0o777)).expect("share the directory");
    peer.initialize();
    let session = json!({"workspace": {"mode": "bindRw", "path": dap.scratch()}});
    let launch =
        peer.send("launch", json!({"program": program, "cwd": dap.scratch(), "session": session, "justMyCode": false}));
    peer.event("initialized");
    peer.request("setExceptionBreakpoints", json!({"filters": ["uncaught"]}));
    peer.request("configurationDone", json!({}));
    assert_eq!(peer.response(launch)["success"], true);
    let stopped = peer.event("stopped");
    let stack = peer.request("stackTrace", json!({"threadId": stopped["threadId"]}));
    peer.request("disconnect", json!({}));
    stack["stackFrames"][0]["source"].clone()
}

#[test]
fn a_link_in_a_shared_directory_leads_no_editor_out_of_it() {
    let (dap, mut peer) = Dap::stdio();
    let plain = source_of_made(&dap, &mut peer);
    assert_eq!(plain["path"], json!(dap.scratch().join("made.py")), "a file of the directory is named: {plain}");
    dap.ended();

    let (dap, mut peer) = Dap::stdio();
    std::fs::write(dap.scratch().join("link"), "/etc/passwd").expect("say where the link is to lead");
    let led = source_of_made(&dap, &mut peer);
    let made = std::fs::read_link(dap.scratch().join("made.py")).expect("the link was made");
    assert_eq!(made.to_str(), Some("/etc/passwd"));
    assert!(led["path"].is_null() && led["sourceReference"].as_u64() > Some(0), "{led}");
    dap.ended();
}
