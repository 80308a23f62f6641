//! Trap 9, and what a hostile debuggee does to others that the same daemon debugs: nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::connection::{Connection, PATIENCE};
use super::lab::{handshake, innocent};
use super::stand::{Language, Stand};

/// A daemon that serves debuggers at a socket.
struct Daemon {
    child: Child,
    directory: tempfile::TempDir,
}

impl Daemon {
    fn start(stand: &Stand) -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o700)).expect("it is ours");
        let mut command = stand.command();
        command.arg("--listen").arg(format!("unix:{}", directory.path().join("dap").display()));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("the daemon can be started");
        let daemon = Self { child, directory };
        let deadline = Instant::now() + PATIENCE;
        // It has its mode from a moment after it is there, in a directory that nobody else may enter.
        while !daemon.socket().metadata().is_ok_and(|socket| socket.permissions().mode() & 0o777 == 0o600) {
            assert!(Instant::now() < deadline, "the daemon doesn't listen at a socket of its user alone");
            std::thread::sleep(Duration::from_millis(5));
        }
        daemon
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("dap")
    }

    fn client(&self, stand: &Stand) -> Connection {
        let mut client = Connection::connect(&self.socket()).expect("the daemon listens");
        client.request("initialize", handshake());
        let mut launch = stand.launch();
        launch["program"] = json!(stand.program());
        launch["cwd"] = json!(stand.directory());
        client.send("launch", Some(&launch));
        client.event("initialized");
        client
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has no other end.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Another session of the same daemon goes on as if nothing were.
#[test]
fn others_are_untouched() {
    let evil = "from forge import *\nimport sys\n\
                forge({'event': 'stopped', 'thread': 1, 'reason': 'step', 'breakpoints': [1], 'allThreads': True})\n\
                pour(b'[' * 1000000 + b'\\n')\npour(b'x' * (64 << 20))\nsys.exit(7)\n";
    let forge = include_str!("programs/forge.py");
    let hostile = Stand::with_files(Language::Python, &[("evil.py", evil), ("forge.py", forge)]);
    let good = "number = 1\nfor turn in range(3):\n    number = number + turn\nprint('good', number)\n";
    let harmless = Stand::with_files(Language::Python, &[("good.py", good)]);
    let daemon = Daemon::start(&harmless);
    let mut one = daemon.client(&harmless);
    let source = json!({"path": harmless.program()});
    one.request("setBreakpoints", json!({"source": source, "breakpoints": [{"line": 3}]}));
    one.send("configurationDone", None);
    let thread = one.event("stopped")["threadId"].clone();

    let mut other = daemon.client(&hostile);
    other.send("configurationDone", None);
    assert_ne!(other.event("exited")["exitCode"], 0);
    other.event("terminated");

    for _ in 0..2 {
        one.request("continue", json!({"threadId": thread}));
        assert_eq!(one.event("stopped")["reason"], "breakpoint");
    }
    let frame = one.request("stackTrace", json!({"threadId": thread}))["stackFrames"][0]["id"].clone();
    let value = one.request("evaluate", json!({"expression": "number", "frameId": frame, "context": "watch"}));
    assert_eq!(value["result"], "2");
    one.request("continue", json!({"threadId": thread}));
    assert_eq!(one.event("exited")["exitCode"], 0);
    for (client, stand) in [(&one, &harmless), (&other, &hostile)] {
        assert!(client.faults.is_empty(), "{:?}", client.faults);
        let workspace = stand.directory().to_str().expect("test directories are UTF-8");
        client.record.iter().for_each(|message| innocent(message, workspace));
    }
}

/// Trap 9: the socket is its owner's.
#[test]
fn the_socket_lets_in_nobody_else() {
    let stand = Stand::with_files(Language::Python, &[("good.py", "print('good')\n")]);
    let daemon = Daemon::start(&stand);
    let directory = daemon.directory.path().metadata().expect("it is there");
    assert_eq!(directory.permissions().mode() & 0o777, 0o700);
    if !rustix::process::getuid().is_root() {
        return super::skip::skip("only root can be somebody else");
    }
    // As root could open every door, the door itself must tell who comes.
    std::fs::set_permissions(daemon.directory.path(), PermissionsExt::from_mode(0o755)).expect("it is ours");
    std::fs::set_permissions(daemon.socket(), PermissionsExt::from_mode(0o666)).expect("it is ours");
    let script = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.settimeout(20)\n\n\
                  try: s.connect(sys.argv[1])\nexcept OSError: sys.exit('can not connect')\n\
                  try: s.sendall(b'Content-Length: 46\\r\\n\\r\\n{\"seq\":1,\"type\":\"request\",\"command\":\"threads\"}'); print(len(s.recv(1000)))\nexcept OSError: print(0)\n";
    let mut stranger = Command::new("setpriv");
    stranger.args(["--reuid=123456", "--regid=123456", "--clear-groups", "/usr/bin/python3", "-c", script]);
    let output = stranger.arg(daemon.socket()).output().expect("setpriv is there");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "0", "{output:?}");
}

/// Trap 9: a port is everybody's, so it wants a token.
#[test]
fn a_port_is_not_opened_without_a_token() {
    let stand = Stand::with_files(Language::Python, &[("good.py", "print('good')\n")]);
    let mut command = stand.command();
    command.args(["--listen", "tcp:127.0.0.1:0"]).stdin(Stdio::null());
    let output = command.output().expect("the daemon can be started");
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("--token"), "{output:?}");
}
