//! Sandboxes for tests, and tests as two kinds of users.

use std::fs;
use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use codebeaker::agent::frame::Stream;
use codebeaker::agent::plan::Protection;
use codebeaker::agent::wire::{Exited, Ready};
use codebeaker::agent::{Link, LinkError, Process, Program};
use codebeaker::config::Limits;
use codebeaker::runtime::native::Native;
use codebeaker::runtime::{Enforcement, Enforcer, Keeper, Limit, Runtime, Sandbox, SandboxSpec};

/// Until something happens that must happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A user and group that own nothing.
pub(crate) const ORDINARY: u32 = 47_474;

/// Tells a test that it is the ordinary user's run of itself, or a part of another.
const ROLE: &str = "CODEBEAKER_TEST_ROLE";

pub(crate) fn spec() -> SandboxSpec {
    SandboxSpec {
        limits: Limits { disk_bytes: 64 << 20, ..Limits::default() },
        hostname: "boxed".to_owned(),
        ..SandboxSpec::default()
    }
}

pub(crate) fn without(protections: &[Protection]) -> SandboxSpec {
    SandboxSpec { without: protections.to_vec(), ..spec() }
}

/// A sandbox that stands.
pub(crate) struct Standing {
    pub(crate) link: Link,
    pub(crate) ready: Ready,
    pub(crate) keeper: Box<dyn Keeper>,
    pub(crate) enforcement: Vec<Enforcement>,
}

/// What a program did.
pub(crate) struct Output {
    /// Standard output and error, as they came.
    pub(crate) text: String,
    pub(crate) exited: Exited,
}

/// Makes a sandbox and waits until it stands.
pub(crate) async fn stand(spec: SandboxSpec) -> Result<Standing, LinkError> {
    stand_in(&Native::start(), spec).await
}

pub(crate) async fn stand_in(native: &Native, spec: SandboxSpec) -> Result<Standing, LinkError> {
    let Sandbox { reader, writer, enforcement, keeper, .. } = native.create(spec).await.expect("the launcher starts");
    let (link, ready) = Link::open(reader, writer).await?;
    Ok(Standing { link, ready, keeper, enforcement })
}

impl Standing {
    /// Starts a line of shell and leaves it running.
    pub(crate) async fn start(&self, line: &str) -> Process {
        let env = [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/workspace")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let argv = ["/bin/sh", "-c", &format!("exec 2>&1\n{line}")].map(str::to_owned).into();
        self.link.spawn(Program::new(argv, env)).await.expect("the shell starts")
    }

    /// Runs a line of shell.
    pub(crate) async fn sh(&self, line: &str) -> Output {
        let mut process = self.start(line).await;
        let mut stdout = process.output(Stream::Stdout);
        let mut bytes = Vec::new();
        while let Some(more) = stdout.next().await.expect("the sandbox lives") {
            bytes.extend_from_slice(&more);
            stdout.grant(more.len()).await.expect("the sandbox lives");
        }
        let exited = process.ended().await.expect("the sandbox lives");
        Output { text: String::from_utf8_lossy(&bytes).into_owned(), exited }
    }

    /// What a line of shell prints, which must succeed.
    pub(crate) async fn says(&self, line: &str) -> String {
        let Output { text, exited } = self.sh(line).await;
        assert_eq!(exited.code, Some(0), "{line}: {text}");
        text.trim_end().to_owned()
    }

    /// Who enforces a limit.
    pub(crate) fn enforcer(&self, limit: Limit) -> Enforcer {
        self.enforcement.iter().find(|entry| entry.limit == limit).expect("every limit is reported").enforcer
    }

    pub(crate) async fn end(mut self) {
        assert!(self.keeper.destroy().await, "the sandbox did not end");
    }
}

/// Whether this process may do what only root may.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs a test, and where this is root, once more as an ordinary user. `name` is the test's own.
pub(crate) fn on_both<F: Future<Output = ()>>(name: &str, test: impl FnOnce() -> F) {
    if role().is_none() && is_root() {
        let mut as_user = ordinary_user(copy_of_this_program());
        let output = as_user.args(["--exact", name, "--nocapture"]).env(ROLE, "ordinary").output();
        let output = output.expect("setpriv is part of util-linux, and every Linux has it");
        let printed = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "as an ordinary user:\n{}", String::from_utf8_lossy(&printed));
    }
    run(test());
}

/// Runs a test.
pub(crate) fn run<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a tokio runtime");
    runtime.block_on(async {
        tokio::time::timeout(3 * DEADLINE, test).await.expect("the test is not stuck");
    });
}

/// What this process was started as by another test, if it was.
pub(crate) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// The command that runs test `name` of this program in a part of its own.
pub(crate) fn part(name: &str, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args(["--exact", name, "--nocapture"]).env(ROLE, role);
    command
}

fn ordinary_user(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    let id = ORDINARY.to_string();
    command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]).arg(program).current_dir("/");
    // What it skips, it prints; the list of skipped tests may not be its to write to.
    command.env_remove("CODEBEAKER_SKIPS");
    command
}

/// This program where everybody may run it: it may have been built in a directory that is root's alone.
fn copy_of_this_program() -> &'static Path {
    static COPY: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = COPY.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        let path = directory.path().join("native_runtime");
        fs::copy(std::env::current_exe().expect("this program has a path"), &path).expect("there is room");
        (directory, path)
    });
    path
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !so() {
        assert!(Instant::now() < deadline, "still not so: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The processes on this machine that were given `word` as an argument.
pub(crate) fn processes_with(word: &str) -> Vec<u32> {
    let listed = fs::read_dir("/proc").expect("/proc is mounted");
    let pids = listed.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        arguments.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
    })
    .collect()
}

/// A word that nobody else uses. A number, so that `sleep` takes it.
pub(crate) fn unique_number() -> String {
    let mut random = [0; 4];
    getrandom::fill(&mut random).expect("the kernel gives random bytes");
    format!("1{:010}", u32::from_le_bytes(random))
}
