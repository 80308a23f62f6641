//! A container engine of one test's own, which may be stopped, killed and started again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::DEADLINE;
use super::engine::{Engine, RUNSC};

/// `dockerd` with everything of its own. Dropping it ends it, and takes down what it has left.
pub(crate) struct Dockerd {
    child: Child,
    engine: Engine,
    /// Directly below `/tmp`: the path of a socket has 108 bytes.
    directory: TempDir,
}

impl Dockerd {
    /// Starts one that has this image of another engine, or says why there can be none. What it keeps is in memory, of
    /// which it has this much for everything.
    pub(crate) fn start(image: &str, of: &Engine, mib: u64) -> Result<Self, String> {
        if !rustix::process::getuid().is_root() {
            return Err("an engine of its own needs root".to_owned());
        }
        let directory = tempfile::Builder::new().prefix("codebeaker-engine.").tempdir_in("/tmp");
        let directory = directory.map_err(|error| format!("no directory for an engine: {error}"))?;
        let path = directory.path().to_owned();
        let arguments = ["--platform=ptrace", "--ignore-cgroups", "--network=none"];
        let runtimes = serde_json::json!({"runtimes": {RUNSC: {"path": "/usr/bin/runsc", "runtimeArgs": arguments}}});
        fs::write(path.join("daemon.json"), runtimes.to_string()).expect("the directory is ours");
        let data = path.join("data");
        fs::create_dir(&data).expect("the directory is ours");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"]).arg(&data).status();
        if !mounted.is_ok_and(|status| status.success()) {
            return Err("nothing can be mounted for an engine of its own".to_owned());
        }
        let engine = Engine::at(&format!("unix://{}", path.join("socket").display()));
        let child = spawn(&path)?;
        let dockerd = Self { child, engine, directory };
        dockerd.wait_for_answer()?;
        let tar = path.join("image.tar");
        of.order(&["save", "--output", &tar.display().to_string(), image]);
        dockerd.engine.order(&["load", "--input", &tar.display().to_string()]);
        fs::remove_file(tar).expect("it is ours");
        Ok(dockerd)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Where it keeps what it has.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Sends it a signal that does not end it.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is a child of ours");
    }

    /// Ends it with this signal, and waits until it has ended.
    pub(crate) fn stop(&mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is a child of ours");
        let deadline = Instant::now() + DEADLINE;
        while self.child.try_wait().expect("it is a child of ours").is_none() {
            assert!(Instant::now() < deadline, "the engine doesn't end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts it once more, with the images and containers that it had.
    pub(crate) fn start_again(&mut self) {
        // One that was killed has left its number, and would take whoever has that now for itself.
        drop(fs::remove_file(self.directory.path().join("pid")));
        self.child = spawn(self.directory.path()).unwrap_or_else(|why| panic!("{why}"));
        self.wait_for_answer().unwrap_or_else(|why| panic!("{why}"));
    }

    fn wait_for_answer(&self) -> Result<(), String> {
        let deadline = Instant::now() + DEADLINE;
        while self.engine.ask(&["version"]).is_err() {
            if Instant::now() > deadline {
                let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(5).collect();
                return Err(format!("an engine of its own doesn't come up: {last:#?}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

fn spawn(directory: &Path) -> Result<Child, String> {
    let path = |name: &str| directory.join(name);
    let option = |name: &str, path: PathBuf| format!("--{name}={}", path.display());
    let log = File::options().create(true).append(true).open(path("log")).expect("the directory is ours");
    Command::new("dockerd")
        .arg(option("config-file", path("daemon.json")))
        .arg(option("data-root", path("data")))
        .arg(option("exec-root", path("exec")))
        .arg(option("pidfile", path("pid")))
        .arg(format!("--host=unix://{}", path("socket").display()))
        .args(["--bridge=none", "--iptables=false"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|error| format!("dockerd can't be started: {error} (package docker.io)"))
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        // One that a test has left stopped would answer nothing.
        let _told = kill_process(Pid::from_child(&self.child), Signal::CONT);
        let running = self.engine.ask(&["ps", "--all", "--quiet"]).unwrap_or_default();
        for container in running.lines() {
            drop(self.engine.ask(&["rm", "--force", container]));
        }
        // One that has ended already can't be ended; nothing else can go wrong.
        let _told = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.child.try_wait().is_ok_and(|status| status.is_none()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(self.child.kill());
        drop(self.child.wait());
        end_all(self.directory.path());
        unmount(self.directory.path());
    }
}

/// Ends what an engine that was killed has left running: containerd and its shims name their directory.
fn end_all(directory: &Path) {
    let mark = format!("{}/exec", directory.display());
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let pid = process.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| String::from_utf8_lossy(&command).contains(&mark)) {
            let _told = kill_process(pid, Signal::KILL);
        }
    }
}

fn unmount(directory: &Path) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut places: Vec<&str> = mounts.lines().filter_map(|line| line.split(' ').nth(4)).collect();
    places.retain(|place| Path::new(place).starts_with(directory));
    places.sort_unstable();
    for place in places.iter().rev() {
        drop(Command::new("umount").args(["--lazy", place]).status());
    }
}
