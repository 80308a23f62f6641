//! A hostile debuggee in its session, and the client that watches what comes of it.

use std::time::Instant;

use serde_json::{Value, json};

use super::connection::{Absent, Connection, PATIENCE};
use super::schema::Schema;
use super::stand::{Language, Stand};

const FORGE: &str = include_str!("programs/forge.py");

/// What no message of the daemon may be longer than.
const LONGEST_MESSAGE: usize = 8 << 20;

/// What the daemon may hold in memory, whatever its debuggee does.
const MOST_MEMORY: u64 = 256 << 20;

/// A debuggee and its client.
pub(crate) struct Session {
    pub(crate) stand: Stand,
    pub(crate) client: Connection,
    /// What the debuggee has printed so far.
    pub(crate) printed: String,
    /// How many of the client's messages that is from.
    heard: usize,
}

impl Session {
    /// A program in Python that can `from forge import *`, stopped before it begins.
    pub(crate) fn prepared(program: &str) -> Self {
        Self::of(Stand::with_files(Language::Python, &[("evil.py", program), ("forge.py", FORGE)]))
    }

    /// The program of a stand, stopped before it begins.
    pub(crate) fn of(stand: Stand) -> Self {
        let client = Connection::spawn(&mut stand.command());
        let mut session = Self { stand, client, printed: String::new(), heard: 0 };
        session.client.request("initialize", handshake());
        let mut launch = session.stand.launch();
        launch["program"] = json!(session.stand.program());
        launch["cwd"] = json!(session.stand.directory());
        session.client.send("launch", Some(&launch));
        session.client.event("initialized");
        session
    }

    /// A program in Python that runs.
    pub(crate) fn running(program: &str) -> Self {
        let mut session = Self::prepared(program);
        session.client.send("configurationDone", None);
        session
    }

    /// Waits until the debuggee has printed this.
    pub(crate) fn wait_for(&mut self, text: &str) {
        self.wait_until(text, |printed| printed.contains(text));
    }

    /// Waits until the debuggee has printed this and the rest of its line.
    pub(crate) fn wait_for_line(&mut self, text: &str) {
        self.wait_until(text, |printed| printed.split_once(text).is_some_and(|(_, rest)| rest.contains('\n')));
    }

    fn wait_until(&mut self, text: &str, is_there: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for message in &self.client.record[self.heard..] {
                if message["event"] == "output" && message["body"]["category"] == "stdout" {
                    self.printed.push_str(message["body"]["output"].as_str().unwrap_or_default());
                }
            }
            self.heard = self.client.record.len();
            if is_there(&self.printed) {
                return;
            }
            let came = self.client.receive(deadline);
            assert!(came.is_ok(), "{text:?} was not printed: {came:?}; {:?}; {}", self.printed, self.client.state());
        }
    }

    /// Waits until the forgery is sent: the program says so, unless the daemon has had enough of it before.
    pub(crate) fn wait_for_forgery(&mut self) {
        self.wait_for_line("forging on ");
        assert!(!self.printed.contains("forging on 0"), "there was no channel to forge on");
        let deadline = Instant::now() + PATIENCE;
        let is_told = |message: &Value| {
            message["event"] == "exited"
                || message["event"] == "output" && message["body"]["output"].as_str().unwrap_or("").contains("forged ")
        };
        // Each message is looked at once: a flood is long.
        let mut looked_at = 0;
        while !self.client.record[looked_at..].iter().any(is_told) {
            looked_at = self.client.record.len();
            let came = self.client.receive(deadline);
            assert!(came.is_ok(), "what became of the forgery? {came:?}; {}", self.client.state());
        }
        let said = json!(self.client.record).to_string();
        assert!(!said.contains("forged 0") && !said.contains("Traceback"), "nothing was sent: {said:.2000}");
    }

    /// The debuggee is over, by itself or for what it did. It can't say that it ended well.
    pub(crate) fn ends(&mut self) {
        let exited = self.client.event("exited");
        assert_ne!(exited["exitCode"], 0, "{}", self.client.state());
        self.client.event("terminated");
    }

    /// The debuggee ends by itself, and the client hears with which code: what the kernel says, not the
    /// debuggee.
    pub(crate) fn ends_with(&mut self, code: i64) {
        let exited = self.client.event("exited");
        assert_eq!(exited["exitCode"], code, "{}", self.client.state());
        self.client.event("terminated");
    }

    /// Lets go, and insists that nothing of the debuggee's making came out.
    pub(crate) fn over(mut self) -> Vec<Value> {
        self.memory_is_bounded();
        let answer = self.client.call("disconnect", json!({"terminateDebuggee": true}));
        assert_eq!(answer["success"], true, "{answer}");
        self.client.end_well();
        assert!(self.client.unanswered().is_empty(), "no answer to {:?}", self.client.unanswered());
        for message in &self.client.record {
            innocent(message, self.stand.directory().to_str().expect("test directories are UTF-8"));
        }
        if let Ok(mut schema) = Schema::find() {
            let faults: Vec<_> = self.client.record.iter().flat_map(|message| schema.faults(message)).collect();
            assert!(faults.is_empty(), "{faults:#?}");
        }
        self.stand.nothing_left();
        std::mem::take(&mut self.client.record)
    }

    /// The daemon's memory, now.
    pub(crate) fn memory_is_bounded(&self) {
        let pid = self.client.pid().expect("the adapter is a process of ours");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
        assert!(kib << 10 < MOST_MEMORY, "the daemon holds {kib} KiB");
    }

    /// Takes all that comes until nothing more does for a while, or the session is over.
    pub(crate) fn drain(&mut self) {
        let quiet = std::time::Duration::from_millis(500);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.client.receive(Instant::now() + quiet) {
                Ok(()) => {}
                Err(Absent::Late | Absent::Closed) => return,
            }
        }
    }
}

/// An editor that would do all that an adapter may ask of one.
pub(crate) fn handshake() -> Value {
    json!({
        "clientID": "victim", "adapterID": "codebeaker", "linesStartAt1": true, "columnsStartAt1": true,
        "pathFormat": "path", "supportsRunInTerminalRequest": true, "supportsStartDebuggingRequest": true,
        "supportsVariableType": true, "supportsVariablePaging": true, "supportsMemoryReferences": true,
        "supportsProgressReporting": true, "supportsInvalidatedEvent": true,
    })
}

/// Insists that a message is one that a debuggee could not have harmed the client with.
pub(crate) fn innocent(message: &Value, workspace: &str) {
    let text = message.to_string();
    assert!(text.len() < LONGEST_MESSAGE, "a message of {} bytes: {text:.500}", text.len());
    if message["type"] == "request" {
        // A child session may be asked for, in the adapter's words; and nothing else.
        assert_eq!(message["command"], "startDebugging", "{text:.500}");
        assert_eq!(message["arguments"]["request"], "attach", "{text:.500}");
        assert!(!text.contains("PWNED"), "{text:.500}");
    }
    look(message, workspace, &text);
}

fn look(value: &Value, workspace: &str, whole: &str) {
    match value {
        Value::Object(fields) => {
            if let Some(source) = fields.get("source").filter(|source| source.is_object()) {
                let path = source["path"].as_str().unwrap_or(workspace);
                let by_text = source["sourceReference"].as_i64().unwrap_or(0) > 0;
                // What has a reference is shown by its text, and its path is but a name.
                assert!(path.starts_with(workspace) || by_text, "the client would open {path}: {whole:.500}");
                assert!(!path.contains("/../"), "a path that leads elsewhere: {path}");
            }
            for name in ["threadId", "id", "variablesReference", "sourceReference", "line", "totalFrames"] {
                if let Some(number) = fields.get(name).filter(|number| number.is_number()) {
                    let number = number.as_i64().unwrap_or(i64::MAX);
                    assert!((0..=i64::from(i32::MAX)).contains(&number), "{name} is {number}: {whole:.500}");
                }
            }
            fields.values().for_each(|field| look(field, workspace, whole));
        }
        Value::Array(items) => items.iter().for_each(|item| look(item, workspace, whole)),
        _ => {}
    }
}
