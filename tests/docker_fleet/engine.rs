//! A container engine of a test's own, below a temporary directory, and an image that is as small as can be.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use codebeaker::config::{DockerSettings, MachineSettings, PoolSettings, TlsFiles};
use tempfile::TempDir;

use crate::skip::skip;

/// How long anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The image that every engine here has.
pub(crate) const IMAGE: &str = "codebeaker-test/tiny:latest";

/// What is in it, with the libraries that they need.
const PROGRAMS: [&str; 5] = ["/bin/sh", "/bin/cat", "/bin/sleep", "/usr/bin/stat", "/usr/bin/env"];

/// How an engine is reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Socket,
    Tcp,
    Tls,
}

/// An engine; dropping it ends it with all that it runs.
pub(crate) struct Engine {
    process: Mutex<Option<Child>>,
    directory: TempDir,
    door: Door,
    port: u16,
}

/// An engine behind this door, with the image; `None`, with the reason said, where none can be started.
pub(crate) fn engine(door: Door) -> Option<Engine> {
    let is_here = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !rustix::process::geteuid().is_root() || !is_here("dockerd") || !is_here("docker") {
        skip("only root can start a container engine, where one is installed");
        return None;
    }
    let directory = tempfile::Builder::new().prefix("cb-fleet").tempdir().expect("a temporary directory");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    if door == Door::Tls {
        certificates(directory.path());
    }
    let engine = Engine { process: Mutex::new(None), directory, door, port };
    engine.start();
    engine.import(IMAGE, "first");
    Some(engine)
}

impl Engine {
    /// Starts it, or starts it again.
    pub(crate) fn start(&self) {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).expect("a log");
        let mut command = Command::new("dockerd");
        command.args(["--bridge=none", "--iptables=false", "--ip6tables=false", "--shutdown-timeout=1"]);
        command.arg("--config-file").arg(self.path("none.json"));
        command.arg("--data-root").arg(self.path("data")).arg("--exec-root").arg(self.path("exec"));
        command.arg("--pidfile").arg(self.path("pid")).arg("-H").arg(self.socket());
        fs::write(self.path("none.json"), "{}").expect("a file");
        let tcp = format!("tcp://127.0.0.1:{}", self.port);
        match self.door {
            Door::Socket => {}
            Door::Tcp => drop(command.args(["--tls=false", "-H", &tcp])),
            Door::Tls => {
                command.args(["--tlsverify", "-H", &tcp]);
                for (option, file) in
                    [("--tlscacert", "ca.pem"), ("--tlscert", "server.pem"), ("--tlskey", "server-key.pem")]
                {
                    command.arg(option).arg(self.path(file));
                }
            }
        }
        // A killed one leaves its file behind, and its number may be another's by now.
        drop(fs::remove_file(self.path("pid")));
        drop(fs::remove_file(self.path("exec/containerd/containerd.pid")));
        let started = command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log).spawn();
        *self.process.lock().expect("no test panics in here") = Some(started.expect("dockerd starts"));
        let deadline = Instant::now() + DEADLINE;
        while !self.docker_may_fail(&["version"]).status.success() {
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "the engine doesn't come up:\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn crash(&self) {
        let mut process = self.process.lock().expect("no test panics in here").take().expect("it runs");
        process.kill().expect("it is ours");
        process.wait().expect("it is ours");
    }

    /// Stops it in mid-air, with all its connections open, or has it go on.
    pub(crate) fn freeze(&self, frozen: bool) {
        let process = self.process.lock().expect("no test panics in here");
        let pid = process.as_ref().and_then(|process| rustix::process::Pid::from_raw(process.id() as i32));
        let signal = if frozen { rustix::process::Signal::STOP } else { rustix::process::Signal::CONT };
        rustix::process::kill_process(pid.expect("it runs"), signal).expect("it is ours");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn socket(&self) -> String {
        format!("unix://{}", self.path("docker.sock").display())
    }

    fn docker_may_fail(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new("docker");
        for name in ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"] {
            command.env_remove(name);
        }
        command.args(["-H", &self.socket()]).args(arguments).stdin(Stdio::null()).output().expect("docker runs")
    }

    /// What its command line says.
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        let output = self.docker_may_fail(arguments);
        assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Ids of its containers.
    pub(crate) fn containers(&self) -> BTreeSet<String> {
        self.docker(&["ps", "--all", "--quiet", "--no-trunc"]).lines().map(str::to_owned).collect()
    }

    /// Gives an image of a few programs this name. What differs makes another image.
    pub(crate) fn import(&self, name: &str, what_differs: &str) -> String {
        let root = tempfile::tempdir_in(self.directory.path()).expect("a directory");
        let put = |file: &Path| {
            let into = root.path().join(file.strip_prefix("/").expect("it is absolute"));
            fs::create_dir_all(into.parent().expect("it has one")).expect("a directory");
            fs::copy(file, into).expect("a copy");
        };
        for program in PROGRAMS {
            put(Path::new(program));
            let libraries = Command::new("ldd").arg(program).output().expect("ldd runs");
            let libraries = String::from_utf8_lossy(&libraries.stdout).into_owned();
            libraries
                .split_whitespace()
                .filter(|word| word.starts_with('/'))
                .for_each(|library| put(Path::new(library)));
        }
        for directory in ["proc", "dev", "sys", "tmp", "run", "etc", "workspace"] {
            fs::create_dir_all(root.path().join(directory)).expect("a directory");
        }
        fs::write(root.path().join("etc/what"), what_differs).expect("a file");
        let tar = self.path("image.tar");
        let packed = Command::new("tar").arg("-C").arg(root.path()).arg("-cf").arg(&tar).arg(".").status();
        assert!(packed.expect("tar runs").success());
        self.docker(&["import", tar.to_str().expect("UTF-8"), name])
    }

    /// Its row in the settings.
    pub(crate) fn machine(&self, name: &str, weight: u32) -> MachineSettings {
        let address = match self.door {
            Door::Socket => self.socket(),
            Door::Tcp | Door::Tls => format!("tcp://127.0.0.1:{}", self.port),
        };
        let [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map(|file| self.path(file));
        let tls = (self.door == Door::Tls).then_some(TlsFiles { ca, cert, key });
        MachineSettings { name: name.to_owned(), address, weight, tls }
    }
}

/// Settings with these machines, in which every engine has the small image, and with so many sandboxes that wait.
pub(crate) fn settings(machines: Vec<MachineSettings>, size: usize) -> DockerSettings {
    let images = [("bash".to_owned(), IMAGE.to_owned())].into();
    let pool = PoolSettings { size, total: 2 * size, ..PoolSettings::default() };
    DockerSettings { machines, images, pool, ..DockerSettings::default() }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let running = self.process.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(mut process) = running {
            if let Some(pid) = rustix::process::Pid::from_raw(process.id() as i32) {
                let _gone = rustix::process::kill_process(pid, rustix::process::Signal::CONT);
                let _gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
            let deadline = Instant::now() + DEADLINE / 3;
            while process.try_wait().is_ok_and(|status| status.is_none()) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(20));
            }
            drop(process.kill());
            drop(process.wait());
        }
        let directory = self.directory.path().display().to_string();
        end_processes(&directory);
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let below =
            mounts.lines().filter_map(|line| line.split(' ').nth(4)).filter(|point| point.starts_with(&directory));
        for point in below.collect::<Vec<_>>().into_iter().rev() {
            drop(Command::new("umount").args(["-l", point]).output());
        }
    }
}

/// What a crashed engine leaves: those who hold its containers have its directory on their command lines, and what
/// they hold goes with them.
fn end_processes(directory: &str) {
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if !String::from_utf8_lossy(&command).contains(directory) {
            continue;
        }
        let children = fs::read_to_string(entry.path().join(format!("task/{pid}/children"))).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|child| child.parse().ok());
        for pid in children.chain([pid]).filter_map(rustix::process::Pid::from_raw) {
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// An authority, a server that it vouches for under the loopback's address, and a client.
fn certificates(directory: &Path) {
    let openssl = |arguments: &str| {
        let made = Command::new("openssl").args(arguments.split(' ')).current_dir(directory).output();
        let made = made.expect("openssl runs");
        assert!(made.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&made.stderr));
    };
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca-key.pem -out ca.pem -days 2 -subj /CN=test-authority");
    for (name, key, usage) in [("server", "server-key", "serverAuth"), ("cert", "key", "clientAuth")] {
        let extensions = format!("subjectAltName=IP:127.0.0.1\nextendedKeyUsage={usage}\n");
        fs::write(directory.join("extensions"), extensions).expect("a file");
        openssl(&format!("req -newkey rsa:2048 -nodes -keyout {key}.pem -out {name}.csr -subj /CN={name}"));
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out {name}.pem -days 2 -extfile extensions"
        ));
    }
}
