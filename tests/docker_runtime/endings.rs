//! However a sandbox ends, nothing of it is left, and who asks hears how.

use std::time::Duration;

use codebeaker::runtime::docker::Oci;
use codebeaker::runtime::{Runtime, Sandbox};

use crate::boxes::{DEADLINE, docker, nothing_is_left, on_docker, on_each, spec, stand};
use crate::engine::Engine;

/// The one container of this process.
fn container() -> String {
    let containers = Engine::given().unwrap().containers_of(std::process::id());
    let [container] = &containers[..] else { panic!("{containers:?}") };
    container.clone()
}

#[test]
fn nothing_of_a_destroyed_sandbox_runs_by_then() {
    on_each(|oci| async move {
        let mut standing = stand(oci, spec()).await;
        let name = container();
        let _left_running = standing.start(&["sleep", "1000"]).await;
        assert!(standing.keeper.destroy().await);
        // The engine may have forgotten it by now.
        let runs = Engine::given().unwrap().ask(&["inspect", "--format", "{{.State.Running}}", &name]);
        assert_ne!(runs.as_deref(), Ok("true"));
        assert!(standing.keeper.destroy().await, "once true it stays so");
    });
}

#[test]
fn a_dropped_sandbox_goes_by_itself() {
    on_each(|oci| async move {
        let standing = stand(oci, spec()).await;
        container();
        drop(standing);
        nothing_is_left().await;
        // One whose agent was never listened to, either.
        let sandbox: Sandbox = docker(oci).create(spec()).await.expect("it is made");
        drop(sandbox);
    });
}

#[test]
fn the_end_of_its_stream_is_its_end() {
    on_each(|oci| async move {
        let standing = stand(oci, spec()).await;
        let _left_running = standing.start(&["sleep", "1000"]).await;
        standing.link.close("the test ends it");
        // Its keeper is still there, and does nothing.
        nothing_is_left().await;
        drop(standing);
    });
}

#[test]
fn a_container_that_is_killed_from_outside_is_told_of() {
    on_each(|oci| async move {
        for (order, said) in [("kill", "killed from outside"), ("rm", "killed from outside")] {
            let mut standing = stand(oci, spec()).await;
            let name = container();
            let force: &[&str] = if order == "rm" { &["rm", "--force", &name] } else { &["kill", &name] };
            Engine::given().unwrap().order(force);
            tokio::time::timeout(DEADLINE, standing.link.lost()).await.expect("its stream ends");
            let fate = standing.keeper.fate().await.expect("it is known");
            assert!(fate.contains(said), "{order}: {fate}");
            standing.end().await;
        }
    });
}

#[test]
fn a_sandbox_that_nobody_waits_for_is_not_left() {
    on_docker(|| async {
        let docker = docker(Oci::Default);
        // The agent is delivered and the engine asked by now.
        drop(docker.create(spec()).await.expect("it is made"));
        nothing_is_left().await;
        for millis in (0..300).step_by(20) {
            let making = docker.create(spec());
            drop(tokio::time::timeout(Duration::from_millis(millis), making).await);
        }
        // What was made late is there for a moment.
        tokio::time::sleep(Duration::from_secs(1)).await;
        nothing_is_left().await;
    });
}
