//! Unix sockets: who can connect, and when they are gone.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;
use serde_json::json;

use crate::harness::skip::skip;
use crate::harness::{Client, eventually};
use crate::peer::{Dap, Peer};

fn listening() -> (Dap, PathBuf) {
    let (dap, address) = Dap::listen(|scratch| vec!["--listen".into(), format!("unix:{}/own/door", scratch.display())]);
    let path = PathBuf::from(address.strip_prefix("unix:").unwrap_or_else(|| panic!("{address}")));
    (dap, path)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn dap(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_codebeaker")).arg("dap").args(args).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn clients_have_an_adapter_each_and_the_socket_goes_with_the_process() {
    let (mut dap, path) = listening();
    assert!(fs::metadata(&path).unwrap().file_type().is_socket());
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let (mut one, mut other) = (Peer::connect(&path), Peer::connect(&path));
    one.initialize();
    other.initialize();
    one.request("disconnect", json!({}));
    assert!(one.rest().iter().all(|message| message["type"] == "event"));
    assert_eq!(other.ask("threads", json!({}))["success"], false);

    let program = dap.program("endless.py", "import time\nwhile True:\n    time.sleep(0.05)\n");
    let mut third = Peer::connect(&path);
    third.launch(json!({"program": program}), &[]);
    eventually("it runs", || dap.look() > 0);
    dap.signal(Signal::TERM);
    dap.ended();
    assert!(!path.exists());
}

#[test]
fn a_pipe_to_a_socket_is_as_good_as_the_socket() {
    let (mut dap, path) = listening();
    let (mut child, mut peer) = dap.again(&["--connect", path.to_str().unwrap()]);
    peer.initialize();
    peer.send("disconnect", json!({}));
    peer.response(2);
    peer.rest();
    assert!(child.wait().unwrap().success());

    let (mut child, mut peer) = dap.again(&["--connect", path.to_str().unwrap()]);
    peer.initialize();
    peer.close_input();
    peer.rest();
    assert!(child.wait().unwrap().success());
    let output = dap_without(&path.with_file_name("nothing"));
    assert!(!output.status.success(), "{output:?}");
    dap.signal(Signal::TERM);
    dap.ended();
}

fn dap_without(path: &Path) -> Output {
    dap(&["--connect", path.to_str().unwrap()])
}

#[test]
fn a_place_that_others_can_reach_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let path = scratch.path().join("door");
    let output = dap(&["--listen", &format!("unix:{}", path.display())]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("0700"), "{output:?}");
    assert!(!path.exists());
}

#[test]
fn a_socket_that_is_in_use_is_left_and_one_that_was_left_is_replaced() {
    let (mut dap, path) = listening();
    let listen = format!("unix:{}", path.display());
    let output = self::dap(&["--listen", &listen]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("another process listens"), "{output:?}");
    Peer::connect(&path).initialize();

    dap.signal(Signal::KILL);
    eventually("nobody listens", || std::os::unix::net::UnixStream::connect(&path).is_err());
    assert!(path.exists(), "who is killed leaves its socket");
    let (mut next, address) = Dap::listen(|_| vec!["--listen".into(), listen.clone()]);
    assert_eq!(address, listen);
    Peer::connect(&path).initialize();
    next.signal(Signal::TERM);
    next.ended();
    assert!(!path.exists());
    dap.ended();
}

#[test]
fn another_user_is_turned_away() {
    if !rustix::process::getuid().is_root() {
        return skip("only root can be another user");
    }
    let (mut dap, path) = listening();
    // As if the modes had not been there: what is left is who the kernel says connects.
    for (part, mode) in [(path.as_path(), 0o666), (path.parent().unwrap(), 0o755), (dap.scratch(), 0o755)] {
        fs::set_permissions(part, fs::Permissions::from_mode(mode)).unwrap();
    }
    let code = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
                b = b'{\"seq\":1,\"type\":\"request\",\"command\":\"initialize\"}'\n\
                try:\n    s.sendall(b'Content-Length: %d\\r\\n\\r\\n' % len(b) + b)\n    print('said', len(s.recv(100)))\n\
                except OSError:\n    print('said', 0)\n";
    let mut stranger = Command::new("/usr/bin/python3");
    stranger.args(["-c", code]).arg(&path).uid(65534).gid(65534).current_dir("/");
    let output = stranger.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "said 0\n", "{output:?}");
    Peer::connect(&path).initialize();
    dap.signal(Signal::TERM);
    dap.ended();
}

#[test]
fn a_connections_socket_serves_its_debugger_alone_and_goes_with_it() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let started = client.request("debug/start", json!({"sessionId": session, "transport": "socket"}));
    let path = PathBuf::from(started["socket"].as_str().unwrap());
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let mut peer = Peer::connect(&path);
    peer.initialize();
    let mut second = Peer::connect(&path);
    second.initialize();
    let answer = second.ask("launch", json!({"program": "/workspace/a.py"}));
    assert_eq!(answer["success"], false, "only children are let in: {answer}");
    second.rest();

    let listed = client.request("debug/list", json!({}));
    let own = listed["debugs"].as_array().unwrap().iter().find(|debug| debug["debugId"] == started["debugId"]);
    assert_eq!(own.unwrap()["transport"], "socket");
    let beside = client.request("debug/send", json!({"debugId": started["debugId"], "command": "threads"}));
    assert_eq!(beside["success"], false);
    peer.request("disconnect", json!({}));
    let told = client.notification("debug/terminated");
    assert_eq!(told, json!({"debugId": started["debugId"], "reason": "disconnected"}));
    assert!(!path.parent().unwrap().exists());
}

#[test]
fn a_connections_socket_goes_with_the_connection() {
    let mut client = Client::initialized();
    let started = client.request("debug/start", json!({"transport": "socket"}));
    let path = PathBuf::from(started["socket"].as_str().unwrap());
    let mut peer = Peer::connect(&path);
    peer.initialize();
    client.expect_code(1);
    client.allow_unclaimed();
    client.close_input();
    drop(client);
    assert!(!path.exists());
    peer.rest();
}
