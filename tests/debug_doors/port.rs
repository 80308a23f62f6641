//! A port of the loopback, which wants a token.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::json;

use crate::peer::{Dap, Peer};

const TOKEN: &str = "correct-horse-battery";

fn listening() -> (Dap, String) {
    let (dap, address) = Dap::listen(|scratch| {
        let file = scratch.join("token");
        fs::write(&file, format!("{TOKEN}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        ["--listen", "tcp:127.0.0.1:0", "--token", file.to_str().unwrap()].map(str::to_owned).into()
    });
    let address = address.strip_prefix("tcp:").unwrap_or_else(|| panic!("{address}")).to_owned();
    (dap, address)
}

fn connect(address: &str) -> Peer {
    let stream = TcpStream::connect(address).unwrap();
    Peer::new(stream.try_clone().unwrap(), stream)
}

#[test]
fn who_knows_the_token_is_let_in() {
    let (mut dap, address) = listening();
    let program = dap.program("a.py", "print('hello')\n");
    let mut peer = connect(&address);
    peer.launch(json!({"program": program, "__codebeakerToken": TOKEN}), &[]);
    peer.output("hello\n");
    peer.event("terminated");
    dap.signal(Signal::TERM);
    dap.ended();
}

#[test]
fn who_does_not_is_answered_and_shown_out() {
    let (mut dap, address) = listening();
    for arguments in [json!({}), json!({"__codebeakerToken": "wrong-horse-battery!!"})] {
        let mut peer = connect(&address);
        peer.initialize();
        assert_eq!(peer.ask("evaluate", json!({"expression": "1"}))["success"], false);
        let answer = peer.ask("launch", arguments);
        assert_eq!(answer["success"], false);
        assert!(answer["message"].as_str().unwrap().contains("__codebeakerToken"), "{answer}");
        assert!(peer.rest().iter().all(|message| message["type"] == "event"), "it is shown out");
    }
    let mut knows = connect(&address);
    let answer = knows.ask("initialize", json!({"adapterID": "codebeaker", "__codebeakerToken": TOKEN}));
    assert_eq!(answer["success"], true);
    dap.signal(Signal::TERM);
    dap.ended();
}

#[test]
fn no_port_without_a_token_and_none_that_others_know_and_none_for_other_machines() {
    let scratch = tempfile::tempdir().unwrap();
    let open = scratch.path().join("open");
    fs::write(&open, TOKEN).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let short = scratch.path().join("short");
    fs::write(&short, "short").unwrap();
    fs::set_permissions(&short, fs::Permissions::from_mode(0o600)).unwrap();
    for (args, about) in [
        (vec!["--listen", "tcp:127.0.0.1:0"], "--token"),
        (vec!["--listen", "tcp:127.0.0.1:0", "--token", open.to_str().unwrap()], "chmod 600"),
        (vec!["--listen", "tcp:127.0.0.1:0", "--token", short.to_str().unwrap()], "at least 16"),
        (vec!["--listen", "tcp:0.0.0.0:0", "--token", short.to_str().unwrap()], "loopback"),
        (vec!["--listen", "tcp:localhost"], "tcp:127.0.0.1:0"),
        (vec!["--token", short.to_str().unwrap()], "--listen"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codebeaker"));
        let output = command.arg("dap").args(&args).stdin(Stdio::null()).output().unwrap();
        assert!(!output.status.success(), "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(about), "{args:?}: {output:?}");
    }
}
