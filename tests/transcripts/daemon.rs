//! The real binary, spoken to over its pipes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// How long to wait for a message before the daemon counts as stuck.
const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon of our own.
pub(crate) struct Daemon {
    child: Child,
    stdin: Option<ChildStdin>,
    messages: Receiver<Value>,
    /// Messages that came while another was waited for.
    unclaimed: Vec<Value>,
    calls: u32,
}

impl Daemon {
    /// Starts the binary as an editor does, without arguments, where there is no container engine.
    pub(crate) fn start() -> Self {
        Self::of(Command::new(env!("CARGO_BIN_EXE_codebeaker")).env("DOCKER_HOST", "unix:///dev/null"))
    }

    /// As [`Daemon::start`], with the engine that the tests are given.
    pub(crate) fn with_engine() -> Self {
        Self::of(Command::new(env!("CARGO_BIN_EXE_codebeaker")).env_remove("XDG_CONFIG_HOME"))
    }

    fn of(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the daemon can be started");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut stdout = stdout;
            while let Some(message) = read_message(&mut stdout) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        Self { child, stdin, messages, unclaimed: Vec::new(), calls: 0 }
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, message: &Value) {
        let mut message = message.clone();
        message["jsonrpc"] = json!("2.0");
        let body = message.to_string();
        let stdin = self.stdin.as_mut().expect("nothing is sent after the end");
        write!(stdin, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("the daemon reads");
        stdin.flush().expect("the daemon reads");
    }

    /// The messages that came and were not taken.
    pub(crate) fn unclaimed(&mut self) -> &mut Vec<Value> {
        &mut self.unclaimed
    }

    /// Waits for one more message; `None` when the daemon says nothing more.
    pub(crate) fn wait(&mut self) -> Option<()> {
        let message = self.messages.recv_timeout(PATIENCE).ok()?;
        self.unclaimed.push(message);
        Some(())
    }

    /// Sends a request and takes its answer.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let id = json!(format!("harness {}", self.calls));
        self.send(&json!({"id": id, "method": method, "params": params}));
        loop {
            if let Some(index) = self.unclaimed.iter().position(|message| message.get("id") == Some(&id)) {
                return self.unclaimed.remove(index);
            }
            self.wait().unwrap_or_else(|| panic!("no answer to {method}; unclaimed: {:?}", self.unclaimed));
        }
    }

    /// Shakes hands, with every feature.
    pub(crate) fn initialize(&mut self) {
        let codebeaker = json!({
            "protocolVersions": ["1.0"],
            "features": {"streaming": true, "stdin": true, "pty": true, "debug": true, "fsWatch": true,
                "contexts": true, "richOutput": true, "inputRequest": true},
        });
        let capabilities = json!({"experimental": {"codebeaker": codebeaker}});
        let answer = self.call("initialize", json!({"processId": null, "rootUri": null, "capabilities": capabilities}));
        assert!(answer.get("result").is_some(), "{answer}");
        self.send(&json!({"method": "initialized", "params": {}}));
    }

    /// Sends it `SIGTERM`, as a service manager does.
    pub(crate) fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("the daemon is a child of ours");
    }

    /// Ends the daemon as an editor does.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.call("shutdown", json!(null));
        self.send(&json!({"method": "exit"}));
        self.exited()
    }

    /// Waits for the end of the process.
    pub(crate) fn exited(mut self) -> ExitStatus {
        self.stdin = None;
        self.child.wait().expect("the daemon is a child of ours")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A test that failed leaves no daemon behind. One that has ended already can't be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn read_message(stdout: &mut impl BufRead) -> Option<Value> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if stdout.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            header => {
                let (name, value) = header.split_once(':')?;
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().ok();
                }
            }
        }
    }
    let mut body = vec![0; length?];
    stdout.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).expect("the daemon sends JSON"))
}
