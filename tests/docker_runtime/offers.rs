//! What the runtimes say that they have.

use std::collections::BTreeMap;

use codebeaker::config::{DockerSettings, MachineSettings};
use codebeaker::container::address::Environment;
use codebeaker::runtime::docker::{Docker, Oci};
use codebeaker::runtime::{Lack, Runtime, RuntimeError, SandboxSpec, Want, Workspace};

use crate::boxes::{docker, docker_of, on_docker, on_each, spec, stand_in};

fn want(workspace: &Workspace) -> Want<'_> {
    Want { engine: codebeaker::engine::by_id("python"), image: None, workspace, outlives: false }
}

#[test]
fn what_is_there_is_offered_and_what_is_not_is_said_with_its_mending() {
    on_each(|oci| async move {
        let docker = docker(oci);
        let none = Workspace::None;
        assert_eq!(docker.offer(&want(&none)).map_err(|refusal| refusal.lack), Err(Lack::Machine), "nobody has asked");
        let probe = docker.probe().await;
        assert!(probe.available, "{probe:?}");
        assert_eq!(docker.offer(&want(&none)).expect("it has an image").start, None, "nothing was measured");
        let overlay = Workspace::Overlay { path: "/".into() };
        let refusal = docker.offer(&want(&overlay)).unwrap_err();
        assert_eq!(refusal.lack, Lack::Workspace);
        assert!(refusal.fix.unwrap().contains("copy"));
        let refusal = docker.offer(&Want { image: Some("codebeaker/none"), ..want(&none) }).unwrap_err();
        assert_eq!(
            (refusal.lack, refusal.fix.as_deref()),
            (Lack::Image, Some("codebeaker image pull codebeaker/none"))
        );
        stand_in(&docker, spec()).await.expect("it is made").end().await;
        assert!(docker.offer(&want(&none)).unwrap().start.is_some(), "the first that stood was measured");
    });
}

#[test]
fn a_missing_image_says_how_to_build_it() {
    on_docker(|| async {
        let settings = DockerSettings {
            images: BTreeMap::from([("python".into(), "codebeaker/none".into())]),
            ..DockerSettings::default()
        };
        let error = docker_of(Oci::Default, &settings).create(spec()).await.unwrap_err();
        let RuntimeError::Refused(refusal) = error else { panic!("{error:?}") };
        assert_eq!(refusal.fix.as_deref(), Some("codebeaker image pull codebeaker/none"));
        let spec = SandboxSpec { engine: codebeaker::engine::by_id("csharp"), ..spec() };
        let id = spec.engine.expect("there is such an engine").id;
        match docker(Oci::Default).create(spec).await {
            Err(RuntimeError::Refused(refusal)) => {
                assert_eq!(refusal.lack, Lack::Image);
                assert_eq!(refusal.fix, Some(format!("codebeaker image build {id}")));
            }
            Err(other) => panic!("{other:?}"),
            Ok(sandbox) => drop(sandbox),
        }
    });
}

#[test]
fn an_engine_that_is_not_there_costs_nothing_and_is_named() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a tokio runtime");
    runtime.block_on(async {
        let machines = vec![MachineSettings {
            name: "nowhere".to_owned(),
            address: "unix:///nowhere/docker.sock".to_owned(),
            weight: 1,
            tls: None,
        }];
        let settings = DockerSettings { machines, ..DockerSettings::default() };
        for docker in Docker::start(&settings, &Environment::default()) {
            let probe = docker.probe().await;
            assert!(!probe.available);
            assert!(probe.reason.unwrap().contains("unix:///nowhere/docker.sock") && probe.fix.is_some());
            let error = docker.create(spec()).await.unwrap_err();
            assert!(matches!(error, RuntimeError::Refused(refusal) if refusal.lack == Lack::Machine));
        }
        let off = DockerSettings { enabled: false, ..DockerSettings::default() };
        let [docker, _] = Docker::start(&off, &Environment::default());
        assert!(docker.probe().await.reason.unwrap().contains("turned off"));
    });
}
