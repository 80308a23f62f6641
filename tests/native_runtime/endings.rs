//! However a sandbox ends, nothing of it is left.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use codebeaker::runtime::native::Native;

use super::boxes::{is_root, on_both, part, processes_with, role, run, spec, stand, unique_number, until};
use super::skip::skip;

/// What there is to see of one sandbox from outside.
struct Traces {
    /// An argument of the programs in it.
    word: String,
    launcher: u32,
    cgroups: BTreeSet<PathBuf>,
}

impl Traces {
    /// Looks at the sandbox in which `sleep word` runs.
    async fn of(word: String) -> Self {
        until("its program runs", || !processes_with(&word).is_empty()).await;
        let program = processes_with(&word)[0];
        // The program's parents are a shim, PID 1 and the launcher; the launcher is none of the sandbox.
        let mut launcher = program;
        while namespace_of(launcher).is_none_or(|namespace| Some(namespace) != namespace_of(std::process::id())) {
            launcher = parent_of(launcher).expect("all processes have parents here");
        }
        let cgroups = fs::read_to_string(format!("/proc/{program}/cgroup")).unwrap();
        let names = cgroups.lines().filter_map(|line| line.rsplit(['/', ':']).next());
        let cgroups = names.filter(|name| name.starts_with("codebeaker-")).flat_map(cgroups_named).collect();
        Self { word, launcher, cgroups }
    }

    async fn are_gone(&self) {
        until("its processes are gone", || processes_with(&self.word).is_empty()).await;
        until("its launcher is gone", || has_ended(self.launcher)).await;
        until("its cgroups are gone", || self.cgroups.iter().all(|path| !path.exists())).await;
    }
}

fn cgroups_named(name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut unread = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(directory) = unread.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_name() == name {
                found.push(entry.path());
            } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                unread.push(entry.path());
            }
        }
    }
    found
}

fn status_of(pid: u32, key: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(key).map(|value| value.trim().to_owned()))
}

fn parent_of(pid: u32) -> Option<u32> {
    status_of(pid, "PPid:")?.parse().ok()
}

/// How deep in pid namespaces a process is.
fn namespace_of(pid: u32) -> Option<usize> {
    Some(status_of(pid, "NSpid:")?.split_whitespace().count())
}

/// Whether it has ended, though perhaps nobody has waited for it.
fn has_ended(pid: u32) -> bool {
    status_of(pid, "State:").is_none_or(|state| state.starts_with(['Z', 'X']))
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// Leaves programs behind in every way there is.
fn leaving(word: &str) -> String {
    format!("sleep {word} & setsid sleep {word} & (setsid sh -c 'trap \"\" TERM HUP; sleep {word}' &) ; sleep {word}")
}

/// What is mounted here, but for what a container engine mounts for other tests.
fn mounts() -> Vec<String> {
    let all = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let is_engines = |line: &&str| ["/overlay2/", "/containers/", "/netns/"].iter().any(|place| line.contains(place));
    all.lines().filter(|line| !is_engines(line)).map(str::to_owned).collect()
}

#[test]
fn destroying_leaves_nothing() {
    on_both("endings::destroying_leaves_nothing", async || {
        let mounts = mounts();
        let mut sandbox = stand(spec()).await.unwrap();
        let word = unique_number();
        let _program = sandbox.start(&leaving(&word)).await;
        let traces = Traces::of(word).await;
        assert!(sandbox.keeper.destroy().await);
        assert!(has_ended(traces.launcher), "it was not waited for");
        assert!(sandbox.keeper.destroy().await, "once gone it stays so");
        traces.are_gone().await;
        assert_eq!(self::mounts(), mounts);
    });
}

#[test]
fn letting_go_leaves_nothing() {
    on_both("endings::letting_go_leaves_nothing", async || {
        let sandbox = stand(spec()).await.unwrap();
        let word = unique_number();
        let program = sandbox.start(&leaving(&word)).await;
        let traces = Traces::of(word).await;
        drop((program, sandbox));
        traces.are_gone().await;
    });
}

#[test]
fn a_launcher_that_is_killed_takes_its_sandbox_with_it() {
    on_both("endings::a_launcher_that_is_killed_takes_its_sandbox_with_it", async || {
        let mut sandbox = stand(spec()).await.unwrap();
        let word = unique_number();
        let _program = sandbox.start(&leaving(&word)).await;
        let traces = Traces::of(word).await;
        kill(traces.launcher);
        until("its processes are gone", || processes_with(&traces.word).is_empty()).await;
        assert!(sandbox.keeper.destroy().await);
        traces.are_gone().await;
    });
}

#[test]
fn a_setup_that_fails_leaves_nothing() {
    on_both("endings::a_setup_that_fails_leaves_nothing", async || {
        let hostname = format!("{}-{}", "long".repeat(20), unique_number());
        let failed = stand(codebeaker::runtime::SandboxSpec { hostname, ..spec() }).await;
        let error = failed.err().expect("no host can be named so").to_string();
        assert!(error.contains("set host name"), "{error}");
    });
}

/// A process that keeps a sandbox until it is killed, in the test of this name.
struct Holder {
    process: Child,
    word: String,
}

impl Holder {
    fn start(test: &str) -> Self {
        Self::of(part(test, "holder"))
    }

    fn of(mut command: Command) -> Self {
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let mut lines = stderr.lines().map(Result::unwrap);
        let word = lines.find_map(|line| line.split("holding ").nth(1).map(str::to_owned)).expect("it holds a sandbox");
        Self { process, word }
    }

    /// What the process does.
    async fn hold() {
        let sandbox = stand(spec()).await.unwrap();
        let word = unique_number();
        let _program = sandbox.start(&leaving(&word)).await;
        eprintln!("holding {word}");
        std::future::pending::<()>().await;
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn killing_the_daemon_leaves_nothing() {
    const NAME: &str = "endings::killing_the_daemon_leaves_nothing";
    if role().as_deref() == Some("holder") {
        return run(Holder::hold());
    }
    on_both(NAME, async || {
        let mut holder = Holder::start(NAME);
        let traces = Traces::of(holder.word.clone()).await;
        holder.kill();
        traces.are_gone().await;
    });
}

#[test]
fn what_was_left_is_removed_and_what_is_in_use_is_not() {
    const NAME: &str = "endings::what_was_left_is_removed_and_what_is_in_use_is_not";
    if role().as_deref() == Some("holder") {
        return run(Holder::hold());
    }
    if !is_root() {
        return skip("only root has cgroups for certain");
    }
    run(async {
        let (mut gone, mut alive) = (Holder::start(NAME), Holder::start(NAME));
        let (left, used) = (Traces::of(gone.word.clone()).await, Traces::of(alive.word.clone()).await);
        if left.cgroups.is_empty() {
            return skip("root may make no cgroups here");
        }
        // Without its launcher nobody clears up after the daemon; and something is still in there.
        kill(left.launcher);
        until("its processes are gone", || processes_with(&left.word).is_empty()).await;
        let mut survivor = Command::new("sleep").arg(unique_number()).spawn().unwrap();
        for cgroup in &left.cgroups {
            fs::write(cgroup.join("cgroup.procs"), survivor.id().to_string()).unwrap();
        }
        gone.kill();

        let native = Native::start();
        let removed: BTreeSet<&Path> = native.recovered().removed.iter().map(PathBuf::as_path).collect();
        assert!(left.cgroups.iter().all(|path| removed.contains(path.as_path())), "{removed:?}");
        assert!(left.cgroups.iter().all(|path| !path.exists()));
        assert!(!survivor.wait().unwrap().success(), "what was in there lives on");
        assert!(used.cgroups.iter().all(|path| path.exists() && !removed.contains(path.as_path())));
        assert!(!processes_with(&used.word).is_empty());
        alive.kill();
        used.are_gone().await;
    });
}
