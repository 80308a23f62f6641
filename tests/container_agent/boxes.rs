//! Containers for tests, made by the engine's own command line, with the agent in them.

use std::future::Future;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use codebeaker::agent::frame::Stream;
use codebeaker::agent::plan::{Confinement, JOINER_ID, Resource, Rlimit};
use codebeaker::agent::wire::{Exited, Ready};
use codebeaker::agent::{Conduit, Link, LinkError, Process, Program};
use codebeaker::sandbox::seccomp::{self, Profile};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::skip::skip;

/// Until something happens that must happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// An image with a shell and Python.
const IMAGE: &str = "codebeaker/python:latest";

/// The runtimes of an engine that the agent has to work under, by their names there.
const RUNTIMES: [&str; 2] = ["runc", "runsc"];

/// What the agent is told when a test wants nothing else.
pub(crate) fn confinement() -> Confinement {
    let profile = Profile { counted_memory: true, writes_host_files: false };
    let files = Rlimit { resource: Resource::OpenFiles, soft: 512, hard: 1024 };
    let core = Rlimit { resource: Resource::Core, soft: 0, hard: 0 };
    Confinement {
        rlimits: vec![files, core],
        watched_memory_bytes: None,
        watched_processes: None,
        processors: None,
        seccomp: seccomp::filters(profile).expect("this processor is known"),
        alone_ms: None,
        without: Vec::new(),
    }
}

/// Runs a test under each runtime that the engine has.
pub(crate) fn on_each<F: Future<Output = ()>>(test: impl Fn(&'static str) -> F) {
    let Some(here) = runtimes() else { return };
    for runtime in RUNTIMES {
        if here.iter().any(|known| known == runtime) {
            run(test(runtime));
        } else {
            skip(&format!("the engine has no runtime {runtime}"));
        }
    }
}

/// Runs a test.
pub(crate) fn run<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a tokio runtime").block_on(async {
        tokio::time::timeout(3 * DEADLINE, test).await.expect("the test is not stuck");
    });
}

/// The runtimes that the engine has; `None`, with the reason said, where there is no engine or no image.
fn runtimes() -> Option<Vec<String>> {
    if std::env::var_os("DOCKER_HOST").is_none() {
        skip("DOCKER_HOST names no engine");
        return None;
    }
    let format = "{{range $name, $runtime := .Runtimes}}{{$name}} {{end}}";
    let info = std::process::Command::new("docker").args(["info", "--format", format]).output();
    let Some(info) = info.ok().filter(|info| info.status.success()) else {
        skip("the engine does not answer");
        return None;
    };
    let image = std::process::Command::new("docker").args(["image", "inspect", IMAGE]).output();
    if !image.is_ok_and(|image| image.status.success()) {
        skip(&format!("the engine has no image {IMAGE}"));
        return None;
    }
    Some(String::from_utf8_lossy(&info.stdout).split_whitespace().map(str::to_owned).collect())
}

/// A container in which the agent stands.
pub(crate) struct Standing {
    pub(crate) link: Link,
    pub(crate) ready: Ready,
    pub(crate) name: String,
    attached: Child,
}

/// What a program did.
pub(crate) struct Output {
    pub(crate) text: String,
    pub(crate) exited: Exited,
}

/// What a container is made of.
pub(crate) struct Container {
    runtime: &'static str,
    image: String,
    options: Vec<String>,
    confinement: Confinement,
}

impl Container {
    pub(crate) fn new(runtime: &'static str) -> Self {
        let confinement = confinement();
        Container { runtime, image: IMAGE.to_owned(), options: Vec::new(), confinement }
    }

    pub(crate) fn image(mut self, image: &str) -> Self {
        self.image = image.to_owned();
        self
    }

    pub(crate) fn options(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(|option| (*option).to_owned()));
        self
    }

    pub(crate) fn confined(mut self, change: impl FnOnce(&mut Confinement)) -> Self {
        change(&mut self.confinement);
        self
    }

    /// Starts it, and waits until the agent is ready.
    pub(crate) async fn stand(self) -> Result<Standing, LinkError> {
        let name = format!("codebeaker-test-{}-{:08x}", std::process::id(), random());
        let own = "exec,nosuid,nodev,uid=1000,gid=1000";
        let agent = PathBuf::from(env!("CODEBEAKER_AGENT"));
        let mut command = Command::new("docker");
        command.args(["run", "-i", "--rm", "--name", &name, "--runtime", self.runtime, "--log-driver", "none"]);
        command.args(["--network", "none", "--read-only", "--cap-drop", "ALL", "--user", "1000:1000"]);
        command.args(["--security-opt", "no-new-privileges", "--security-opt", "seccomp=unconfined"]);
        command.args(["--tmpfs", &format!("/workspace:{own},mode=755,size=64m")]);
        command.args(["--tmpfs", &format!("/run/codebeaker:{own},mode=755,size=16m")]);
        command.args(["--tmpfs", "/tmp:exec,nosuid,nodev,mode=1777,size=64m"]);
        command.args(["-v", &format!("{}:/.codebeaker/agent:ro", agent.display())]);
        command.args(["--entrypoint", "/.codebeaker/agent"]).args(&self.options).args([&self.image, "serve"]);
        let mut attached = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .expect("the engine's command line");
        let mut writer = attached.stdin.take().expect("it is piped");
        let reader = attached.stdout.take().expect("it is piped");
        send_confinement(&mut writer, &self.confinement).await;
        match tokio::time::timeout(DEADLINE, Link::open(reader, writer)).await.expect("the agent says something") {
            Ok((link, ready)) => Ok(Standing { link, ready, name, attached }),
            Err(error) => {
                drop(docker(&["rm", "--force", &name]).await);
                Err(error)
            }
        }
    }
}

async fn send_confinement(writer: &mut (impl AsyncWriteExt + Unpin), confinement: &Confinement) {
    let plan = postcard::to_allocvec(confinement).expect("a plan can be encoded");
    writer.write_all(&(plan.len() as u32).to_le_bytes()).await.expect("the agent reads");
    writer.write_all(&plan).await.expect("the agent reads");
}

/// Joins a sandbox as this user.
pub(crate) async fn join(name: &str, user: u32) -> Result<(Ready, Link, Child), LinkError> {
    let mut relay = relay(name, user);
    let writer = relay.stdin.take().expect("it is piped");
    let reader = relay.stdout.take().expect("it is piped");
    let opened = tokio::time::timeout(DEADLINE, Link::join(reader, writer)).await.expect("the agent says something");
    opened.map(|(link, ready)| (ready, link, relay))
}

/// As [`join`] as a daemon does, but says nothing.
pub(crate) async fn join_silently(name: &str) -> Result<(Link, Child), LinkError> {
    let mut relay = relay(name, JOINER_ID);
    let writer = relay.stdin.take().expect("it is piped");
    let reader = relay.stdout.take().expect("it is piped");
    let opened = tokio::time::timeout(DEADLINE, Link::open(reader, writer)).await.expect("the agent says something");
    opened.map(|(link, _)| (link, relay))
}

fn relay(name: &str, user: u32) -> Child {
    let user = format!("{user}:{user}");
    Command::new("docker")
        .args(["exec", "-i", "--user", &user, name, "/.codebeaker/agent", "join"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the engine's command line")
}

/// What the engine's command line says.
pub(crate) async fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).stdin(Stdio::null()).output();
    let output = tokio::time::timeout(DEADLINE, output).await.expect("the engine answers").expect("it runs");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned()
}

fn random() -> u32 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("random bytes");
    u32::from_le_bytes(bytes)
}

/// A program with an environment that finds what is installed.
pub(crate) fn program(argv: &[&str]) -> Program {
    let env = [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/workspace")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Program::new(argv.iter().map(|argument| (*argument).to_owned()).collect(), env)
}

/// A line of shell.
pub(crate) fn shell(line: &str) -> Program {
    program(&["/bin/sh", "-c", &format!("exec 2>&1\n{line}")])
}

impl Standing {
    pub(crate) async fn start(&self, program: Program) -> Process {
        tokio::time::timeout(DEADLINE, self.link.spawn(program)).await.expect("it is told").expect("it starts")
    }

    /// Runs a program to its end.
    pub(crate) async fn run(&self, program: Program) -> Output {
        let mut process = self.start(program).await;
        finish(&mut process).await
    }

    /// What a line of shell prints, which must succeed.
    pub(crate) async fn says(&self, line: &str) -> String {
        let Output { text, exited } = self.run(shell(line)).await;
        assert_eq!(exited.code, Some(0), "{line}: {text}");
        text.trim_end().to_owned()
    }

    /// Loses the stream, as by the death of a daemon.
    pub(crate) async fn lose_stream(&mut self) {
        self.link.close("the daemon is gone");
        self.attached.start_kill().expect("it runs");
        self.attached.wait().await.expect("it is a child");
    }

    /// Joins the sandbox as a later daemon.
    pub(crate) async fn join(&mut self) -> Ready {
        let (ready, link, relay) = join(&self.name, JOINER_ID).await.expect("the agent waits to be joined");
        (self.link, self.attached) = (link, relay);
        ready
    }

    /// Closes the stream, and waits until the container is gone.
    pub(crate) async fn end(mut self) {
        self.link.close("the test is over");
        let status = tokio::time::timeout(DEADLINE, self.attached.wait()).await;
        assert!(status.is_ok(), "the container outlives its stream");
        self.await_gone().await;
    }

    /// Waits until the container is gone.
    pub(crate) async fn await_gone(&self) {
        for _ in 0..600 {
            if docker(&["ps", "--all", "--quiet", "--filter", &format!("name={}", self.name)]).await.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the container {} is still there", self.name);
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        // One that ended already is gone, which is as good.
        let forced = std::process::Command::new("docker").args(["rm", "--force", &self.name]).output();
        drop(forced);
    }
}

/// Takes all that a program prints, and waits for its end.
pub(crate) async fn finish(process: &mut Process) -> Output {
    let all = async {
        let mut stdout = process.output(Stream::Stdout);
        let mut bytes = Vec::new();
        while let Some(more) = stdout.next().await.expect("the sandbox lives") {
            bytes.extend_from_slice(&more);
            stdout.grant(more.len()).await.expect("the sandbox lives");
        }
        let exited = process.ended().await.expect("the sandbox lives");
        Output { text: String::from_utf8_lossy(&bytes).into_owned(), exited }
    };
    tokio::time::timeout(DEADLINE, all).await.expect("the program ends")
}

/// The name of an image without a single file.
pub(crate) async fn empty_image() -> String {
    let name = "codebeaker-test/empty:latest".to_owned();
    let mut import = Command::new("docker")
        .args(["import", "-", &name])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it runs");
    let mut tar = import.stdin.take().expect("it is piped");
    // Two empty blocks are an archive without entries.
    tar.write_all(&[0; 1024]).await.expect("the engine reads");
    drop(tar);
    assert!(import.wait().await.expect("it ends").success(), "the image was not made");
    name
}

/// What comes back over a conduit, to be in capitals.
pub(crate) async fn echo(conduit: &mut Conduit) {
    conduit.write_all(b"hello").await.expect("it is open");
    let mut answer = [0; 5];
    conduit.read_exact(&mut answer).await.expect("it is open");
    assert_eq!(&answer, b"HELLO");
}
