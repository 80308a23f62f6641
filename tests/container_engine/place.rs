//! An engine to test with, and what a test makes there, which is gone when the test is.

use std::future::Future;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use codebeaker::container::address::{Environment, candidates};
use codebeaker::container::delivery::agent_volume;
use codebeaker::container::engine::{Attached, ContainerEngine, ContainerId};
use codebeaker::container::{Bounds, ContainerSpec, Tmpfs, labels};

use super::harness::DEADLINE;
use super::harness::skip::skip;

/// An image with a shell and the small programs that go with it.
const IMAGE: &str = "codebeaker/bash:latest";

/// Waits, but not for ever.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.expect("an end before the deadline")
}

/// A corner of an engine for one test.
pub(crate) struct Place {
    pub(crate) engine: ContainerEngine,
    /// What the names of all its containers begin with.
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) volume: String,
    made: AtomicUsize,
    volumes: Mutex<Vec<String>>,
}

/// A container that was made and not started.
pub(crate) struct Program {
    pub(crate) id: ContainerId,
    pub(crate) streams: Attached,
}

/// The engine that the environment names; says why there is none.
pub(crate) async fn engine() -> Option<ContainerEngine> {
    if std::env::var_os("DOCKER_HOST").is_none() {
        skip("DOCKER_HOST names no container engine");
        return None;
    }
    let found = candidates(None, &Environment::current()).expect("an address").remove(0);
    Some(ContainerEngine::connect(&found.address).await.expect("an engine that answers"))
}

/// What stands in for the agent: it runs what it is given. No other test has one with the same content.
pub(crate) fn stand_in(name: &str) -> Vec<u8> {
    format!("#!/bin/sh\n# {name}\nexec \"$@\"\n").into_bytes()
}

/// A corner for the test with this name; says why there is none.
pub(crate) async fn place(name: &str) -> Option<Place> {
    let engine = engine().await?;
    place_on(engine, name).await
}

/// A corner of this engine.
pub(crate) async fn place_on(engine: ContainerEngine, name: &str) -> Option<Place> {
    if engine.image(IMAGE).await.expect("an answer").is_none() {
        skip(&format!("the container engine has no image {IMAGE}"));
        return None;
    }
    let name = format!("codebeaker-test-{name}-{}", std::process::id());
    let volume = within(agent_volume(&engine, &stand_in(&name), IMAGE)).await.expect("a volume").volume;
    let volumes = Mutex::new(vec![volume.clone()]);
    Some(Place { engine, name, image: IMAGE.to_owned(), volume, made: AtomicUsize::new(0), volumes })
}

impl Place {
    /// A container that runs this command, with every protection but a filter.
    pub(crate) fn spec(&self, command: &[&str]) -> ContainerSpec {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let tmpfs = |path: &str| Tmpfs { path: path.into(), bytes: Some(1 << 20), inodes: Some(64) };
        ContainerSpec {
            name: format!("{}-{number}", self.name),
            image: self.image.clone(),
            agent_volume: self.volume.clone(),
            arguments: command.iter().map(|&argument| argument.to_owned()).collect(),
            user: (1000, 1000),
            hostname: "place".to_owned(),
            labels: [(labels::MANAGED, "1"), (labels::POOL, &self.name)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            tmpfs: ["/workspace", "/tmp", "/run/codebeaker"].map(tmpfs).into(),
            bounds: Bounds {
                memory_bytes: Some(64 << 20),
                pids: Some(32),
                cpu: Some(1.0),
                shm_bytes: Some(1 << 20),
                open_files: Some(128),
            },
            ..ContainerSpec::default()
        }
    }

    /// A container of this kind, with its streams.
    pub(crate) async fn make(&self, spec: &ContainerSpec) -> Program {
        let id = within(self.engine.create(spec)).await.expect("a container");
        let streams = within(self.engine.attach(&id)).await.expect("its streams");
        Program { id, streams }
    }

    pub(crate) async fn attached(&self, command: &[&str]) -> Program {
        self.make(&self.spec(command)).await
    }

    /// Waits until the engine has forgotten the container.
    pub(crate) async fn gone(&self, container: &ContainerId) {
        let looking = async {
            while self.engine.state(container).await.expect("an answer").is_some() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        within(looking).await;
    }

    pub(crate) fn also_remove_volume(&self, volume: &str) {
        self.volumes.lock().expect("the volumes").push(volume.to_owned());
    }

    /// Docker's own client on the same engine.
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        docker(arguments).expect("docker's own client succeeds")
    }
}

/// Docker's own client on the engine that the environment names; `None` when it fails.
fn docker(arguments: &[&str]) -> Option<String> {
    let output = Command::new("docker").args(arguments).output().expect("docker's client");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

impl Drop for Place {
    fn drop(&mut self) {
        let by_name = format!("name={}", self.name);
        let left = docker(&["ps", "--all", "--quiet", "--filter", &by_name]).unwrap_or_default();
        for container in left.lines() {
            docker(&["rm", "--force", "--volumes", container]);
        }
        for volume in self.volumes.lock().expect("the volumes").iter() {
            docker(&["volume", "rm", "--force", volume]);
        }
    }
}
