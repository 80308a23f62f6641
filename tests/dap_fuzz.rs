//! Requests by chance, in every state of a real debuggee, against the real adapter: it lives, answers each
//! request exactly once, and leaves nothing behind.
//!
//! `CODEBEAKER_FUZZ_CASES` says how many cases are played; `CODEBEAKER_FUZZ_SEED` plays one again. A failure
//! names its seed.

#[path = "dap/connection.rs"]
mod connection;
#[path = "harness/mod.rs"]
mod harness;
#[path = "dap_fuzz/requests.rs"]
mod requests;
#[path = "dap/schema.rs"]
mod schema;
#[path = "dap/stand.rs"]
mod stand;

use std::time::{Duration, Instant};

use connection::{Absent, Connection, PATIENCE};
use harness::leftovers::Watch;
use harness::skip::skip;
use harness::stream;
use requests::{Chance, Known, malformed};
use schema::Schema;
use serde_json::{Value, json};
use stand::{Language, Stand};

/// Requests in a case.
const LENGTH: usize = 60;

/// What the adapter may hold in memory.
const MOST_MEMORY: u64 = 256 << 20;

/// What is done before the rest is left to chance.
const STATES: [&str; 4] = ["nothing", "initialized", "launched", "running"];

/// A helper that has lost its mind: it answers and tells by chance.
const RAVING: &str = include_str!("dap_fuzz/raving.py");

/// The seeds to play.
fn seeds(usual: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("CODEBEAKER_FUZZ_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("CODEBEAKER_FUZZ_CASES").unwrap_or(usual)).collect(),
    }
}

struct Case {
    seed: u64,
    chance: Chance,
    stand: Stand,
    client: Connection,
    known: Known,
    watch: Watch,
    learned: usize,
}

impl Case {
    fn new(seed: u64, stand: Stand) -> Self {
        let client = Connection::spawn(&mut stand.command());
        let watch = Watch::new(client.pid().expect("it is a process"), stand.own());
        let mut known = Known::default();
        known.program = stand.program().display().to_string();
        Self { seed, chance: Chance::new(seed), stand, client, known, watch, learned: 0 }
    }

    /// Brings it to a state, as far as the adapter goes along.
    fn prepare(&mut self, state: &str) {
        let upto = STATES.iter().position(|one| *one == state).unwrap_or_default();
        let mut launch = self.stand.launch();
        launch["program"] = json!(self.stand.program());
        launch["cwd"] = json!(self.stand.directory());
        if upto > 0 {
            self.client.request("initialize", json!({"adapterID": "fuzz", "supportsStartDebuggingRequest": true}));
        }
        if upto > 1 {
            self.client.send("launch", Some(&launch));
            self.client.event("initialized");
        }
        if upto > 2 {
            let source = json!({"path": self.stand.program()});
            self.client.request("setBreakpoints", json!({"source": source, "breakpoints": [{"line": 34}]}));
            self.client.send("configurationDone", None);
        }
    }

    /// Sends what chance says.
    fn send(&mut self) {
        if self.chance.once_in(12) {
            let body = malformed(&mut self.chance);
            self.client.send_body(&body);
        } else {
            let (command, arguments) = self.known.request(&mut self.chance);
            // Now and then nobody waits for an answer.
            let message = json!({"type": "request", "command": command, "arguments": arguments});
            self.client.send_message(message);
        }
        let pause = if self.chance.once_in(3) { 30 } else { 0 };
        while self.client.receive(Instant::now() + Duration::from_millis(pause)).is_ok() {}
        for message in &self.client.record[self.learned..] {
            self.known.learn(&message["body"]);
        }
        self.learned = self.client.record.len();
        self.client.unclaimed.clear();
        self.watch.look_sometimes();
    }

    /// Waits for all answers, lets go, and looks at what was said.
    fn finish(mut self, schema: Option<&mut Schema>) {
        let seed = self.seed;
        let deadline = Instant::now() + PATIENCE;
        while !self.client.unanswered().is_empty() {
            match self.client.receive(deadline) {
                Ok(()) => {}
                Err(Absent::Late) => panic!("seed {seed}: no answer to {:?}; {}", self.client.unanswered(), self.log()),
                Err(Absent::Closed) => panic!("seed {seed}: it died; {}", self.log()),
            }
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.client.pid().expect("it is a process")));
        let status = status.expect("it lives");
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the kernel tells");
        let kib: u64 = kib.trim().trim_end_matches(" kB").parse().expect("it is a number");
        assert!(kib << 10 < MOST_MEMORY, "seed {seed}: it holds {kib} KiB");
        self.watch.look();
        let answer = self.client.call("disconnect", json!({"terminateDebuggee": true}));
        assert_eq!(answer["success"], true, "seed {seed}: {answer}");
        let ended = self.client.end();
        let status = ended.unwrap_or_else(|why| panic!("seed {seed}: {why}; {}", self.log()));
        assert!(status.is_some_and(|status| status.success()), "seed {seed}: {status:?}; {}", self.log());
        assert!(self.client.faults.is_empty(), "seed {seed}: {:#?}", self.client.faults);
        if let Some(schema) = schema {
            // An answer to a command that the protocol doesn't have has no shape to check.
            let named = |message: &&Value| message["type"] != "response" || message["success"] == false;
            let faults: Vec<_> = self.client.record.iter().filter(named).flat_map(|one| schema.faults(one)).collect();
            assert!(faults.is_empty(), "seed {seed}: {faults:#?}");
        }
        self.watch.assert_nothing_left();
    }

    fn log(&self) -> String {
        let log = self.client.log();
        log[log.len() - log.len().min(4000)..].to_owned()
    }
}

fn python_is_here() -> bool {
    let found = std::process::Command::new("python3").arg("--version").output().is_ok();
    if !found {
        skip("python3 is missing");
    }
    found
}

/// Whatever is asked, whenever it is asked.
#[test]
fn requests_by_chance_are_each_answered_once() {
    if !python_is_here() {
        return;
    }
    let mut schema = Schema::find().map_err(|why| skip(&why)).ok();
    for seed in seeds(16) {
        let programs = ["values.py", "threads.py", "failures.py", "spin.py"];
        let stand = Stand::ours(Language::Python, programs[seed as usize % programs.len()]).expect("python3 is here");
        let mut case = Case::new(seed, stand);
        let state = *case.chance.of(&STATES);
        eprintln!("seed {seed}: {state}");
        case.prepare(state);
        for _ in 0..LENGTH {
            case.send();
        }
        case.finish(schema.as_mut());
    }
}

/// The same, with a debuggee that says anything on the helper's channel.
#[test]
fn a_helper_that_raves_harms_nobody() {
    if !python_is_here() {
        return;
    }
    let mut schema = Schema::find().map_err(|why| skip(&why)).ok();
    for seed in seeds(6) {
        let forge = include_str!("dap_hostile/programs/forge.py");
        let program = RAVING.replace("SEED", &seed.to_string());
        let stand = Stand::with_files(Language::Python, &[("raving.py", &program), ("forge.py", forge)]);
        let mut case = Case::new(seed, stand);
        eprintln!("seed {seed}: raving");
        case.prepare("running");
        for _ in 0..LENGTH {
            case.send();
        }
        case.finish(schema.as_mut());
    }
}

/// Frames that are none: the adapter ends, or goes on; it does not fall.
#[test]
fn broken_frames_end_it_well() {
    let frames: [&[u8]; 8] = [
        b"Content-Length: 1000000000000\r\n\r\n{}",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: x\r\n\r\n{}",
        b"\r\n\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"Content-Length: 10\r\n\r\n{",
        &[0xff; 4096],
        b"content-length:2\r\nContent-Type: x\r\n\r\n{}",
    ];
    for frame in frames {
        let stand = Stand::ours(Language::Python, "steps.py").unwrap_or_else(|why| panic!("{why}"));
        let mut client = Connection::spawn(&mut stand.command());
        client.request("initialize", json!({"adapterID": "fuzz"}));
        client.send_raw(frame);
        let status = client.end().unwrap_or_else(|why| panic!("{frame:.40?}: {why}")).expect("it is a process");
        // A signal would be a crash, and 101 a panic.
        assert!(status.code().is_some_and(|code| code != 101), "{frame:.40?}: {status}; {}", client.log());
    }
}
