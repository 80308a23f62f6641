//! A client of the real daemon, for attacks that only show on the wire.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::actor;
use crate::harness::Place;
use crate::harness::engine::{ADDRESS, NOWHERE};
use crate::lab::Lab;
use crate::survivors::Made;

const PATIENCE: Duration = Duration::from_secs(40);

/// A daemon that was started with nothing but what a test gives it.
pub(crate) struct Daemon {
    place: Place,
    child: Child,
    stdin: Option<ChildStdin>,
    heard: Arc<Heard>,
    next: u64,
    log: PathBuf,
    /// Where it would leave files, if it left any.
    pub(crate) directory: PathBuf,
}

#[derive(Default)]
struct Heard {
    messages: Mutex<(Vec<Value>, Vec<u8>)>,
    more: Condvar,
}

impl Daemon {
    pub(crate) fn start(lab: &Lab, env: &[(&str, &str)]) -> Self {
        let directory = lab.host.ground.join(format!("daemon-{}", crate::host::random()));
        fs::create_dir(&directory).expect("a directory for the daemon");
        let log = directory.with_extension("log");
        let mut child = Command::new(actor::daemon())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &directory)
            .env("TMPDIR", &directory)
            .env(ADDRESS, if lab.place.has_containers() { lab.place.engine().address() } else { NOWHERE })
            .envs(env.iter().copied())
            .current_dir(&directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a file for the log"))
            .spawn()
            .expect("start the daemon");
        let heard = Arc::new(Heard::default());
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().expect("a pipe"));
        let hearing = Arc::clone(&heard);
        std::thread::spawn(move || hearing.listen(BufReader::new(stdout)));
        let mut daemon = Self { place: lab.place, child, stdin, heard, next: 0, log, directory };
        daemon.request("initialize", json!({"capabilities": {}}));
        daemon.notify("initialized", json!({}));
        daemon
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        let stdin = self.stdin.as_mut().expect("it is still spoken to");
        write!(stdin, "Content-Length: {}\r\n\r\n{body}", body.len()).and_then(|()| stdin.flush()).expect("it listens");
    }

    pub(crate) fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends a request, and gives back the number of its answer.
    pub(crate) fn ask(&mut self, method: &str, params: Value) -> u64 {
        self.next += 1;
        let id = self.next;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    /// Waits for an answer: the whole message.
    pub(crate) fn answer(&self, id: u64) -> Value {
        self.wait(&format!("answer {id}"), |message| message["id"] == id && message.get("method").is_none())
    }

    /// Waits for a message.
    pub(crate) fn wait(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut heard = self.heard.messages.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(message) = heard.0.iter().find(|message| is_it(message)) {
                return message.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "HOLE: no {what}; heard {:#?}; the log says:\n{}",
                heard.0.iter().rev().take(5).collect::<Vec<_>>(),
                self.log()
            );
            heard = self.heard.more.wait_timeout(heard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Asks and waits, and gives back the result or the error.
    pub(crate) fn try_request(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.ask(method, params);
        let mut message = self.answer(id);
        match message.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(message["result"].take()),
        }
    }

    /// The same, for what has to work.
    pub(crate) fn request(&mut self, method: &str, params: Value) -> Value {
        self.try_request(method, params).unwrap_or_else(|error| panic!("{method}: {error}\n{}", self.log()))
    }

    /// Opens a session in the place that is attacked, and gives back its id.
    pub(crate) fn session(&mut self, params: Value) -> String {
        self.request("session/create", self.place.wish(params))["sessionId"].as_str().expect("an id").to_owned()
    }

    /// Runs code in Python to its end.
    pub(crate) fn python(&mut self, session: &str, code: &str) -> Value {
        self.request("session/execute", json!({"sessionId": session, "source": {"code": code, "language": "python"}}))
    }

    /// What a session's executions have printed.
    pub(crate) fn printed(&self, session: &str) -> String {
        let of_session =
            |message: &&Value| message["method"] == "execution/output" && message["params"]["sessionId"] == session;
        let messages = self.messages();
        messages.iter().filter(of_session).filter_map(|message| message["params"]["data"].as_str()).collect()
    }

    /// All messages so far.
    pub(crate) fn messages(&self) -> Vec<Value> {
        self.heard.messages.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// All bytes that came over the wire so far.
    pub(crate) fn wire(&self) -> Vec<u8> {
        self.heard.messages.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// What it wrote to standard error.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The most memory it had so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    /// What it and its sandboxes are made of.
    pub(crate) fn made(&self) -> Made {
        Made::by(self.id())
    }

    /// No more is said to it, and nothing it says is heard.
    pub(crate) fn hang_up(&mut self) {
        self.stdin = None;
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.id().cast_signed()).expect("a process id");
        rustix::process::kill_process(pid, signal).expect("send a signal");
    }

    pub(crate) fn wait_for_end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("wait for the daemon") {
                return status;
            }
            assert!(Instant::now() < deadline, "HOLE: the daemon does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it as a client does, and fails if anything is left of it.
    pub(crate) fn stop(mut self) {
        let made = self.made();
        self.request("shutdown", Value::Null);
        self.notify("exit", Value::Null);
        let status = self.wait_for_end();
        assert!(status.success(), "the daemon ended with {status}:\n{}", self.log());
        made.assert_gone();
        self.assert_left_nothing();
    }

    /// Fails if there are files left of it.
    pub(crate) fn assert_left_nothing(&self) {
        let left: Vec<_> = fs::read_dir(&self.directory).expect("its directory").flatten().collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has usually ended; after a failure it must not stay.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

impl Heard {
    fn listen(&self, mut from: BufReader<impl Read>) {
        while let Some((message, bytes)) = next(&mut from) {
            let mut heard = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
            heard.0.push(message);
            heard.1.extend(bytes);
            self.more.notify_all();
        }
    }
}

/// The next message, and its bytes; `None` at the end.
fn next(from: &mut impl BufRead) -> Option<(Value, Vec<u8>)> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        length = line.strip_prefix("Content-Length: ").map(|length| length.trim().parse().ok()).or(Some(length))?;
    }
    let mut body = vec![0; length?];
    from.read_exact(&mut body).ok()?;
    Some((serde_json::from_slice(&body).ok()?, body))
}
