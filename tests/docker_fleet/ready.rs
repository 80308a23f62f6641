//! Sandboxes that wait for sessions: each serves one, and nobody finds anything of another's.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use codebeaker::agent::Program;
use codebeaker::runtime::docker::Docker;
use codebeaker::runtime::{Programs, Runtime, SandboxSpec, Workspace};

use crate::engine::{Door, Engine, IMAGE, engine, settings};
use crate::sandbox::{docker, eventually, spec, stand, within};

/// Set in the process that is to be killed: the settings of its one machine.
const VICTIM: &str = "CODEBEAKER_FLEET_VICTIM";

/// How many wait on its only machine.
fn ready(docker: &Docker) -> usize {
    docker.machines()[0].ready
}

async fn warm(docker: &Docker, count: usize) {
    within(docker.prewarm(&spec(), count)).await.expect("there is a machine");
    eventually("they wait", || ready(docker) == count).await;
}

fn runtime(engine: &Engine) -> Docker {
    docker(&settings(vec![engine.machine("one", 1)], 2))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_serves_one_session_and_none_finds_anything_of_another() {
    let Some(engine) = engine(Door::Socket) else { return };
    let docker = runtime(&engine);
    warm(&docker, 2).await;
    let waiting = engine.containers();
    assert_eq!(waiting.len(), 2);

    let mut seen = BTreeSet::new();
    let mut last_change = String::new();
    for round in 0..4 {
        let asked = Instant::now();
        let session = stand(&docker, spec()).await.expect("it stands");
        eprintln!("session {round} stood after {:?}", asked.elapsed());
        let there = engine.containers();
        // All that a session could leave, and none may find.
        let files = "echo /tmp/* /tmp/.[!.]* /workspace/* /workspace/.[!.]* /run/codebeaker/* /dev/shm/*";
        let nothing = "/tmp/* /tmp/.[!.]* /workspace/* /workspace/.[!.]* /run/codebeaker/* /dev/shm/*";
        assert_eq!(session.says(files).await, nothing);
        let processes = session.says("for p in /proc/[0-9]*; do cat $p/comm; done").await;
        assert!(!processes.contains("sleep"), "{processes}");
        assert!(!session.says("env").await.contains("SECRET"));
        let changed = session.says("stat -c '%y %i' /tmp /workspace /dev/shm").await;
        assert_ne!(changed, last_change, "a file system was seen before");
        last_change = changed;
        let environment = vec![("SECRET".to_owned(), "1".to_owned())];
        let sleep = Program::new(vec!["/bin/sleep".to_owned(), "1000".to_owned()], environment);
        let _sleeps = within(session.link.spawn(sleep)).await.expect("it starts");
        session.says("echo secret > /tmp/secret; : > /workspace/.secret; : > /dev/shm/secret").await;
        let own = session.says("cat /proc/sys/kernel/random/boot_id /proc/sys/kernel/hostname").await;
        assert!(own.ends_with("sandbox"), "{own}");
        let before = there.clone();
        session.end().await;
        // Its processes are gone by now; the engine forgets it in its own time.
        eventually("its container goes", || !before.is_subset(&engine.containers())).await;
        let gone: Vec<String> = before.difference(&engine.containers()).cloned().collect();
        assert_eq!(gone.len(), 1, "exactly its own container went");
        assert!(seen.insert(gone[0].clone()), "the container {} served twice", gone[0]);
        if round < 2 {
            assert!(waiting.contains(&gone[0]), "the first two were waiting");
        }
        eventually("others wait", || ready(&docker) == 2).await;
    }
    docker.close().await;
    assert!(engine.containers().is_empty(), "closing waits until nothing is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_session_is_made_for_itself_and_only_its_kind_is_made_ahead() {
    let Some(engine) = engine(Door::Socket) else { return };
    let docker = runtime(&engine);
    let asked = Instant::now();
    let session = stand(&docker, spec()).await.expect("it stands");
    eprintln!("the first session stood after {:?}", asked.elapsed());
    eventually("two of its kind wait", || ready(&docker) == 2).await;
    let directory = tempfile::tempdir().expect("a directory");
    std::os::unix::fs::chown(directory.path(), Some(1000), Some(1000)).expect("root may give it away");
    let before = engine.containers();
    let bound = Workspace::Bind { path: directory.path().to_owned(), writable: true };
    let mine = stand(&docker, SandboxSpec { workspace: bound, ..spec() }).await.expect("it stands");
    assert!(before.is_subset(&engine.containers()), "what waits is for others");
    assert_eq!(ready(&docker), 2);
    mine.end().await;
    session.end().await;
    docker.close().await;
    eventually("nothing is left", || engine.containers().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_dies_is_replaced_and_an_image_of_old_is_given_up() {
    let Some(engine) = engine(Door::Socket) else { return };
    let docker = runtime(&engine);
    warm(&docker, 1).await;
    let first = engine.containers();
    engine.docker(&["kill", first.first().expect("one waits")]);
    eventually("another waits in its place", || ready(&docker) == 1 && engine.containers().is_disjoint(&first)).await;
    let second = engine.containers();
    let id = engine.import(IMAGE, "new");
    let session = stand(&docker, spec()).await.expect("it stands");
    assert_eq!(session.programs, Programs::Image { id, path: Vec::new() });
    assert_eq!(session.says("cat /etc/what").await, "new");
    eventually("what waited is gone", || engine.containers().is_disjoint(&second)).await;
    session.end().await;
    docker.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taker_that_fails_takes_its_sandbox_with_it() {
    let Some(engine) = engine(Door::Socket) else { return };
    let docker = runtime(&engine);
    warm(&docker, 1).await;
    let waiting = engine.containers();
    // Taken, and never even opened.
    drop(within(docker.create(spec())).await.expect("it waits"));
    eventually("it is gone", || engine.containers().is_disjoint(&waiting)).await;
    let next = stand(&docker, spec()).await.expect("it stands");
    assert!(engine.containers().is_disjoint(&waiting));
    next.end().await;
    docker.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_daemon_leaves_none() {
    let Some(engine) = engine(Door::Tcp) else { return };
    let machine = engine.machine("one", 1);
    let mut victim = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "ready::holds_sandboxes_until_it_is_killed", "--ignored", "--nocapture"])
        .env(VICTIM, &machine.address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let said = BufReader::new(victim.stderr.take().expect("it is piped"));
    assert!(said.lines().map_while(Result::ok).any(|line| line == "they wait"), "it holds none");
    assert_eq!(engine.containers().len(), 2);
    victim.kill().expect("it is ours");
    victim.wait().expect("it is ours");
    eventually("nothing is left", || engine.containers().is_empty()).await;
}

/// The process of the test above that is killed; without that test it has nothing to do.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is a part of another test"]
async fn holds_sandboxes_until_it_is_killed() {
    let Ok(address) = std::env::var(VICTIM) else { return };
    let machine = codebeaker::config::MachineSettings { name: "one".to_owned(), address, weight: 1, tls: None };
    let docker = docker(&settings(vec![machine], 2));
    warm(&docker, 2).await;
    eprintln!("they wait");
    std::future::pending::<()>().await;
}
