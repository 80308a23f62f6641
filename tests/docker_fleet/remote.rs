//! Machines that are reached over the network, whose files are not this host's.

use codebeaker::runtime::{Lack, Runtime, RuntimeError, SandboxSpec, Workspace};

use crate::engine::{Door, engine, settings};
use crate::sandbox::{docker, spec, stand, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_over_tls_runs_sessions_for_those_whom_it_knows() {
    let Some(engine) = engine(Door::Tls) else { return };
    let known = engine.machine("far", 1);
    let runtime = docker(&settings(vec![known.clone()], 0));
    let session = stand(&runtime, spec()).await.expect("it stands");
    assert_eq!((session.machine.as_str(), session.says("echo there").await.as_str()), ("far", "there"));
    session.end().await;

    // With the server's certificate in place of a client's, and with none.
    let mut tls = known.tls.clone().expect("it has certificates");
    tls.cert.set_file_name("server.pem");
    tls.key.set_file_name("server-key.pem");
    for tls in [Some(tls), None] {
        let stranger = docker(&settings(vec![codebeaker::config::MachineSettings { tls, ..known.clone() }], 0));
        let Err(RuntimeError::Refused(refusal)) = within(stranger.create(spec())).await else {
            panic!("a stranger gets a sandbox")
        };
        assert_eq!(refusal.lack, Lack::Machine);
    }
    assert!(engine.containers().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_this_host_is_copied_to_another_and_never_bound() {
    let Some(engine) = engine(Door::Tcp) else { return };
    let docker = docker(&settings(vec![engine.machine("far", 1)], 0));
    let project = tempfile::tempdir().expect("a directory");
    let path = project.path().to_owned();
    for writable in [false, true] {
        let workspace = Workspace::Bind { path: path.clone(), writable };
        let Err(RuntimeError::Refused(refusal)) = within(docker.create(SandboxSpec { workspace, ..spec() })).await
        else {
            panic!("another machine shows this one's directories")
        };
        assert_eq!(refusal.lack, Lack::Workspace);
        assert!(refusal.fix.is_some_and(|fix| fix.contains("copy")));
    }
    let workspace = Workspace::Copy { path, exclude: vec!["target".to_owned()] };
    let sandbox =
        within(docker.create(SandboxSpec { workspace: workspace.clone(), ..spec() })).await.expect("it is made");
    assert_eq!(sandbox.unfilled, workspace, "who made it fills it");
}
