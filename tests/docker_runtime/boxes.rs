//! Sandboxes for tests.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use codebeaker::agent::frame::Stream;
use codebeaker::agent::plan::Protection;
use codebeaker::agent::wire::{Exited, Ready};
use codebeaker::agent::{Link, Process, Program};
use codebeaker::config::{DockerSettings, Limits, PoolSettings};
use codebeaker::container::address::Environment;
use codebeaker::engine;
use codebeaker::runtime::docker::machine::Machine;
use codebeaker::runtime::docker::{Docker, Machines, Oci};
use codebeaker::runtime::{Enforcer, Keeper, Limit, Programs, Runtime, RuntimeError, Sandbox, SandboxSpec};

use crate::engine::Engine;
use crate::skip::skip;

/// Until something happens that must happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// What every test's sandbox is made of: it has Python.
pub(crate) const IMAGE: &str = "codebeaker/python:latest";

pub(crate) fn spec() -> SandboxSpec {
    SandboxSpec {
        limits: Limits { disk_bytes: 64 << 20, memory_bytes: 128 << 20, pids: 64, ..Limits::default() },
        hostname: "boxed".to_owned(),
        engine: engine::by_id("python"),
        ..SandboxSpec::default()
    }
}

pub(crate) fn without(protections: &[Protection]) -> SandboxSpec {
    SandboxSpec { without: protections.to_vec(), ..spec() }
}

/// The engine of the tests, where it can be used for them.
pub(crate) fn engine() -> Option<&'static Engine> {
    match Engine::given() {
        Ok(engine) if engine.has_image(IMAGE) => Some(engine),
        Ok(_) => {
            skip(&format!("the container engine has no image {IMAGE}"));
            None
        }
        Err(why) => {
            skip(why);
            None
        }
    }
}

/// The runtime of this kind with the engine of the tests. Nothing is made ahead, so that each container there is a
/// test's own.
pub(crate) fn docker(oci: Oci) -> Docker {
    let pool = PoolSettings { size: 0, total: 0, ..PoolSettings::default() };
    docker_of(oci, &DockerSettings { pool, ..DockerSettings::default() })
}

/// With nothing kept ready: the tests count containers.
pub(crate) fn docker_of(oci: Oci, settings: &DockerSettings) -> Docker {
    let settings =
        DockerSettings { pool: PoolSettings { size: 0, total: 0, ..PoolSettings::default() }, ..settings.clone() };
    Docker::new(oci, Arc::new(Machines::of(&settings, &Environment::current())))
}

/// Its one machine.
pub(crate) fn machine(docker: &Docker) -> Arc<Machine> {
    Arc::clone(&docker.shared().all()[0])
}

/// Runs a test with each kind of container that the engine has, and looks that it leaves none.
pub(crate) fn on_each<F: Future<Output = ()>>(test: impl Fn(Oci) -> F) {
    let Some(engine) = engine() else { return };
    for oci in [Oci::Default, Oci::Runsc] {
        if oci.named().is_none_or(|name| engine.has_runtime(name)) {
            run(test(oci));
        } else {
            skip("the container engine has no runsc");
        }
    }
}

/// Runs a test with ordinary containers, and looks that it leaves none.
pub(crate) fn on_docker<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    if engine().is_some() {
        run(test());
    }
}

fn run<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a tokio runtime").block_on(async {
        tokio::time::timeout(3 * DEADLINE, test).await.expect("the test is not stuck");
        nothing_is_left().await;
    });
}

/// Waits until the engine has no container of this process.
pub(crate) async fn nothing_is_left() {
    let engine = Engine::given().expect("there is an engine");
    let until = Instant::now() + DEADLINE;
    loop {
        let left = engine.containers_of(std::process::id());
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "left: {left:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A sandbox that stands.
pub(crate) struct Standing {
    pub(crate) link: Link,
    pub(crate) ready: Ready,
    pub(crate) keeper: Box<dyn Keeper>,
    pub(crate) enforcement: Vec<codebeaker::runtime::Enforcement>,
    pub(crate) programs: Programs,
}

/// What a program did.
#[derive(Debug)]
pub(crate) struct Output {
    /// Standard output and error, as they came.
    pub(crate) text: String,
    pub(crate) exited: Exited,
}

/// Makes a sandbox and waits until it stands.
pub(crate) async fn stand(oci: Oci, spec: SandboxSpec) -> Standing {
    stand_in(&docker(oci), spec).await.expect("the container is made")
}

pub(crate) async fn stand_in(docker: &Docker, spec: SandboxSpec) -> Result<Standing, RuntimeError> {
    let Sandbox { reader, writer, enforcement, keeper, programs, .. } = docker.create(spec).await?;
    let (link, ready) = Link::open(reader, writer).await.expect("the sandbox stands");
    Ok(Standing { link, ready, keeper, enforcement, programs })
}

impl Standing {
    /// Starts a program and leaves it running.
    pub(crate) async fn start(&self, argv: &[&str]) -> Process {
        let env = [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/workspace")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let argv = argv.iter().map(|&arg| arg.to_owned()).collect();
        self.link.spawn(Program::new(argv, env)).await.expect("the program starts")
    }

    /// Runs a program to its end.
    pub(crate) async fn run(&self, argv: &[&str]) -> Output {
        let mut process = self.start(argv).await;
        let mut stdout = process.output(Stream::Stdout);
        let mut bytes = Vec::new();
        while let Some(more) = stdout.next().await.expect("the sandbox lives") {
            bytes.extend_from_slice(&more);
            stdout.grant(more.len()).await.expect("the sandbox lives");
        }
        let exited = process.ended().await.expect("the sandbox lives");
        Output { text: String::from_utf8_lossy(&bytes).into_owned(), exited }
    }

    /// Runs a line of shell.
    pub(crate) async fn sh(&self, line: &str) -> Output {
        self.run(&["/bin/sh", "-c", &format!("exec 2>&1\n{line}")]).await
    }

    /// What a line of shell prints, which must succeed.
    pub(crate) async fn says(&self, line: &str) -> String {
        let Output { text, exited } = self.sh(line).await;
        assert_eq!(exited.code, Some(0), "{line}: {text}");
        text.trim_end().to_owned()
    }

    /// What a program in Python prints, which must succeed.
    pub(crate) async fn python(&self, code: &str) -> String {
        let wrapped = format!("import os\nos.dup2(1, 2)\n{code}");
        let Output { text, exited } = self.run(&["python3", "-c", &wrapped]).await;
        assert_eq!(exited.code, Some(0), "{code}: {text}");
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
