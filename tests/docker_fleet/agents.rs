//! The volumes with agents that versions of the daemon leave on an engine.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::engine::{Door, Engine, IMAGE, engine, settings};
use crate::sandbox::{docker, spec, stand, within};

fn volumes(engine: &Engine) -> BTreeSet<String> {
    engine.docker(&["volume", "ls", "--quiet"]).lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_of_other_versions_are_removed_when_they_are_old_and_unused() {
    let Some(engine) = engine(Door::Socket) else { return };
    let docker = docker(&settings(vec![engine.machine("one", 1)], 0));
    stand(&docker, spec()).await.expect("it stands").end().await;
    docker.shared().close().await;
    let own = volumes(&engine);
    assert_eq!(own.len(), 1, "{own:?}");
    let [old, used, foreign] =
        ["codebeaker-agent-0000000000000000", "codebeaker-agent-0000000000000001", "codebeaker-agent-of-somebody"];
    for name in [old, used] {
        engine.docker(&["volume", "create", "--label", "codebeaker.managed=1", name]);
    }
    engine.docker(&["volume", "create", foreign]);
    let container = engine.docker(&["create", "--volume", &format!("{used}:/v"), IMAGE, "sh"]);
    let machine = &docker.shared().all()[0];
    assert_eq!(within(machine.remove_old_agents(Duration::from_secs(3600))).await, [""; 0], "all are young");
    assert_eq!(within(machine.remove_old_agents(Duration::ZERO)).await, [old]);
    let left: BTreeSet<String> = own.iter().cloned().chain([used, foreign].map(str::to_owned)).collect();
    assert_eq!(volumes(&engine), left);
    engine.docker(&["rm", container.trim()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_was_removed_is_brought_again() {
    let Some(engine) = engine(Door::Socket) else { return };
    let docker = docker(&settings(vec![engine.machine("one", 1)], 0));
    stand(&docker, spec()).await.expect("it stands").end().await;
    let container_gone = || engine.containers().is_empty();
    crate::sandbox::eventually("its container is gone", container_gone).await;
    let own = volumes(&engine);
    for volume in &own {
        engine.docker(&["volume", "rm", volume]);
    }
    let session = stand(&docker, spec()).await.expect("the daemon mends it by itself");
    assert_eq!(session.says("echo alive").await, "alive");
    assert_eq!(volumes(&engine), own);
    session.end().await;
}
