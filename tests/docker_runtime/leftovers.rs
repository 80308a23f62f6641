//! What a daemon that was killed leaves is removed by the next one, and nothing else is.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use codebeaker::container::ContainerSpec;
use codebeaker::container::labels::{self, Owner};
use codebeaker::runtime::docker::Oci;

use crate::boxes::{IMAGE, docker, machine, on_docker, spec, stand_in};
use crate::engine::Engine;

/// Tells this test that it is the daemon which is killed.
const ROLE: &str = "CODEBEAKER_TEST_KILLED";

/// Makes a container that is not started, as a daemon does that is killed a moment later.
async fn unstarted(name: &str, session: Option<&str>) {
    let engine = machine(&docker(Oci::Default)).engine().await.expect("the engine answers");
    let owner = Owner::current().expect("this process is known").to_string();
    let labels = [(labels::MANAGED, "1".to_owned()), (labels::OWNER, owner)].into_iter();
    let labels = labels.chain(session.map(|session| (labels::SESSION, session.to_owned())));
    let container = ContainerSpec {
        name: name.to_owned(),
        image: IMAGE.to_owned(),
        agent_volume: "codebeaker-test-none".to_owned(),
        labels: labels.map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>(),
        ..ContainerSpec::default()
    };
    engine.create(&container).await.expect("the container is made");
}

#[test]
fn what_a_killed_daemon_left_is_removed_and_nothing_else() {
    on_docker(|| async {
        let docker = docker(Oci::Default);
        if std::env::var_os(ROLE).is_some() {
            let standing = stand_in(&docker, spec()).await.expect("it is made");
            unstarted(&format!("codebeaker-test-killed-{}", std::process::id()), None).await;
            eprintln!("ready");
            std::thread::sleep(std::time::Duration::from_secs(60));
            drop(standing);
            return;
        }
        let engine = Engine::given().unwrap();
        let mut killed = Command::new(std::env::current_exe().expect("this program has a path"))
            .args(["--exact", "leftovers::what_a_killed_daemon_left_is_removed_and_nothing_else", "--nocapture"])
            .env(ROLE, "1")
            .stderr(Stdio::piped())
            .spawn()
            .expect("this program starts");
        let mut lines = BufReader::new(killed.stderr.take().expect("it prints")).lines();
        assert!(lines.any(|line| line.is_ok_and(|line| line.ends_with("ready"))), "it makes its containers");
        assert_eq!(engine.containers_of(killed.id()).len(), 2);
        let own = format!("codebeaker-test-own-{}", std::process::id());
        unstarted(&own, None).await;
        // While it lives, nothing of it is touched.
        let recovered = machine(&docker).recover().await;
        assert!(!recovered.removed.iter().any(|name| name.ends_with(&format!("-{}", killed.id()))), "{recovered:?}");
        killed.kill().expect("it can be killed");
        killed.wait().expect("it ends");
        let recovered = machine(&docker).recover().await;
        assert!(recovered.removed.contains(&format!("codebeaker-test-killed-{}", killed.id())), "{recovered:?}");
        // The one that was started goes by itself, or was removed as well.
        let until = std::time::Instant::now() + crate::boxes::DEADLINE;
        while !engine.containers_of(killed.id()).is_empty() {
            assert!(std::time::Instant::now() < until, "{:?}", engine.containers_of(killed.id()));
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(engine.containers_of(std::process::id()), std::slice::from_ref(&own));
        engine.order(&["rm", "--force", &own]);
    });
}
