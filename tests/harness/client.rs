//! A daemon and the wire to it.

use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Read};
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::engine::{ADDRESS, Engine, NOWHERE};
use super::leftovers::Watch;
use super::stream::collect;
use super::{DEADLINE, Wire};

/// How a daemon is started.
#[derive(Debug, Default, Clone)]
pub(crate) struct Setup {
    args: Vec<OsString>,
    env: Vec<(OsString, Option<OsString>)>,
    uid: Option<u32>,
    engine: Option<Engine>,
}

impl Setup {
    /// Gives it a container engine. Without one it has none, whatever this machine has.
    pub(crate) fn engine(mut self, engine: &Engine) -> Self {
        self.engine = Some(engine.clone());
        self
    }

    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), Some(value.into())));
        self
    }

    pub(crate) fn without_env(mut self, name: impl Into<OsString>) -> Self {
        self.env.push((name.into(), None));
        self
    }

    /// Runs it as this user and group, without further groups. Needs root.
    pub(crate) fn uid(mut self, uid: u32) -> Self {
        self.uid = Some(uid);
        self
    }

    /// Runs it as a user without privileges that no other test uses, where this one is root.
    pub(crate) fn ordinary() -> Self {
        let is_root = rustix::process::getuid().is_root();
        if is_root { Self::default().uid(ordinary_id()) } else { Self::default() }
    }

    /// As this user, and where that is root, as an ordinary one too.
    pub(crate) fn users() -> Vec<Self> {
        let is_root = rustix::process::getuid().is_root();
        if is_root { vec![Self::default(), Self::ordinary()] } else { vec![Self::default()] }
    }

    /// The id that it runs under, where that is another than this test's.
    pub(crate) fn other_user(&self) -> Option<u32> {
        self.uid
    }

    /// Starts it, and sends nothing yet.
    pub(crate) fn spawn(self) -> Client {
        Client::start(self)
    }

    /// Starts it and shakes hands.
    pub(crate) fn initialized(self) -> Client {
        let mut client = self.spawn();
        client.initialize();
        client
    }
}

/// What a test expects of the daemon's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// It still runs, and ends with 0 after `shutdown` and `exit`.
    ToRun,
    /// It ends by itself with this code.
    Code(i32),
    /// This signal ends it.
    Signal(i32),
}

/// A daemon with a wire to it, which it can be used as. Dropping it asserts that the daemon ended as
/// expected, that every message was claimed, and that nothing is left on the machine.
pub(crate) struct Client {
    wire: Wire,
    child: Child,
    log: Arc<Mutex<Vec<u8>>>,
    watch: Watch,
    expected: Expected,
    allow_unclaimed: bool,
    /// Where the daemon has its own things; must be empty at the end.
    own: TempDir,
    /// Where the test has what the daemon is to see.
    scratch: TempDir,
}

impl Deref for Client {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Wire {
        self.watch.look_sometimes();
        &mut self.wire
    }
}

impl Client {
    /// A daemon that nothing was sent to.
    pub(crate) fn spawn() -> Self {
        Setup::default().spawn()
    }

    /// A daemon that hands were shaken with, with every feature.
    pub(crate) fn initialized() -> Self {
        Setup::default().initialized()
    }

    fn start(setup: Setup) -> Self {
        let own = tempfile::Builder::new().prefix("daemon-").tempdir().expect("a directory can be made");
        let scratch = tempfile::Builder::new().prefix("test-").tempdir().expect("a directory can be made");
        let mut command = Command::new(binary(&setup, scratch.path()));
        command.args(&setup.args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // What is kept of packages outlives a daemon.
        command.env("XDG_CACHE_HOME", scratch.path().join("cache"));
        for name in ["TMPDIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "HOME"] {
            command.env(name, own.path());
        }
        // Whoever tests something else does it without containers; see `place`.
        command.env(ADDRESS, setup.engine.as_ref().map_or(NOWHERE, Engine::address));
        command.env_remove("DOCKER_CONTEXT").env_remove("XDG_CONFIG_HOME");
        for (name, value) in &setup.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(uid) = setup.uid {
            command.uid(uid).gid(uid);
            std::os::unix::fs::chown(own.path(), Some(uid), Some(uid)).expect("root may give a directory away");
        }
        let mut child = spawn(&mut command);
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let wire = Wire::new(stdout.expect("it is a pipe"), stdin.expect("it is a pipe"));
        let log = collect(child.stderr.take().expect("it is a pipe"));
        let watch = Watch::new(child.id(), own.path()).with_engine(setup.engine);
        Self { wire, child, log, watch, expected: Expected::ToRun, allow_unclaimed: false, own, scratch }
    }

    /// Shakes hands, with every feature.
    pub(crate) fn initialize(&mut self) -> Value {
        let result = self.request("initialize", initialize_params());
        self.notify("initialized", json!({}));
        result
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A directory of the test's own, which is gone after it.
    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// What the daemon has logged so far.
    pub(crate) fn log(&self) -> String {
        let log = self.log.lock().expect("nobody panics with it locked");
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The processes below the daemon that live now.
    pub(crate) fn descendants(&mut self) -> Vec<u32> {
        self.watch.look();
        self.watch.alive().iter().map(|process| process.pid).collect()
    }

    /// The agents of its sandboxes: those that are PID 1 in a namespace of their own.
    pub(crate) fn agents(&mut self) -> Vec<u32> {
        let mut pids = self.descendants();
        pids.retain(|pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
            ids.split_whitespace().skip(1).last() == Some("1")
        });
        pids
    }

    /// Its resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the kernel tells");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
        kib << 10
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        self.watch.look();
        rustix::process::kill_process(Pid::from_child(&self.child), signal).expect("it is a child of ours");
    }

    /// The daemon is to end by itself, with this code.
    pub(crate) fn expect_code(&mut self, code: i32) {
        self.expected = Expected::Code(code);
    }

    /// The daemon is to be ended by this signal.
    pub(crate) fn expect_signal(&mut self, signal: Signal) {
        self.expected = Expected::Signal(signal.as_raw());
    }

    /// Containers of sessions that are to outlive it may be left.
    pub(crate) fn leave_containers(&mut self) {
        self.watch = Watch::new(self.child.id(), self.own.path());
    }

    /// Messages that no test claimed are no failure.
    pub(crate) fn allow_unclaimed(&mut self) {
        self.allow_unclaimed = true;
    }

    /// Waits for the daemon's end, with its input open as it is.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is a child of ours") {
                return status;
            }
            assert!(Instant::now() < deadline, "the daemon doesn't end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn end(&mut self) {
        self.wire.resume_reading();
        self.watch.look();
        if self.expected == Expected::ToRun {
            let answer = self.wire.call("shutdown", Value::Null);
            assert!(answer == Ok(Value::Null), "shutdown: {answer:?}");
            self.watch.look();
            self.wire.notify("exit", Value::Null);
        }
        let status = self.wait();
        let (code, signal) = (status.code(), status.signal());
        match self.expected {
            Expected::ToRun => assert_eq!((code, signal), (Some(0), None)),
            Expected::Code(expected) => assert_eq!((code, signal), (Some(expected), None)),
            Expected::Signal(expected) => assert_eq!((code, signal), (None, Some(expected))),
        }
        self.watch.assert_nothing_left();
        if self.expected == Expected::Signal(Signal::KILL.as_raw()) {
            // It was killed wherever it was, which may be in the middle of a message.
            self.wire.ignore_rest();
        }
        let mut unclaimed = self.wire.rest();
        // That open sessions are closed follows from the end, and needs no claim.
        unclaimed.retain(|message| message["params"]["reason"] != "shutdown");
        assert!(self.allow_unclaimed || unclaimed.is_empty(), "nobody claimed {unclaimed:.4000?}");
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        let ended = !failed && std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.end())).is_ok();
        if !ended {
            // A daemon that has ended can't be killed; nothing else can go wrong.
            drop(self.child.kill());
            drop(self.child.wait());
            eprintln!("the daemon's log:\n{}", self.log());
            assert!(failed, "the daemon didn't end as it should; see above");
        }
    }
}

pub(crate) fn initialize_params() -> Value {
    let features = json!({"streaming": {"encodings": ["utf8", "base64"]}, "stdin": true, "pty": true, "debug": true,
        "fsWatch": true, "contexts": true, "richOutput": true, "inputRequest": {"password": true}});
    let codebeaker = json!({"protocolVersions": ["1.0"], "features": features});
    // What one test's daemon leaves is for that test's next one, and nobody else's.
    let client = json!({"name": format!("test {}", std::process::id())});
    json!({"processId": std::process::id(), "clientInfo": client, "rootUri": null, "capabilities": {"experimental": {"codebeaker": codebeaker}}})
}

/// A user id that belongs to nobody. Other test processes have others, so that limits for each user don't add up.
pub(crate) fn ordinary_id() -> u32 {
    100_000 + std::process::id() % 50_000
}

/// The daemon's executable, where the user that is to run it can reach it.
fn binary(setup: &Setup, directory: &Path) -> PathBuf {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_codebeaker"));
    if setup.uid.is_none() {
        return binary;
    }
    let copy = directory.join("codebeaker");
    place_binary(&binary, &copy);
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).expect("the directory is ours");
    copy
}

/// Puts the executable where another user can reach it: at no cost, where that is on the same file system.
pub(crate) fn place_binary(binary: &Path, place: &Path) {
    if fs::hard_link(binary, place).is_err() {
        fs::copy(binary, place).expect("the binary can be copied");
    }
}

/// Starts it. A copy that was just made can still be open for writing in a process that another thread forked.
fn spawn(command: &mut Command) -> Child {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match command.spawn() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(10));
            }
            child => return child.expect("the daemon can be started"),
        }
    }
}
