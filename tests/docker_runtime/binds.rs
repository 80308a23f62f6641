//! Directories of this host in containers, and images of any kind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use codebeaker::config::{DockerSettings, MachineSettings};
use codebeaker::runtime::docker::Oci;
use codebeaker::runtime::{Lack, Runtime, RuntimeError, SandboxSpec, Workspace};

use crate::boxes::{docker, docker_of, nothing_is_left, on_docker, on_each, spec, stand_in};
use crate::engine::Engine;
use crate::skip::skip;

#[test]
fn a_bound_workspace_is_the_directory_itself() {
    on_each(|oci| async move {
        let directory = tempfile::tempdir().expect("a directory");
        fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o777)).expect("it is open to all");
        fs::write(directory.path().join("there"), "from here").expect("a file");
        let docker = docker(oci);
        for writable in [false, true] {
            let workspace = Workspace::Bind { path: directory.path().to_owned(), writable };
            let standing = stand_in(&docker, SandboxSpec { workspace, ..spec() }).await.expect("it is made");
            assert_eq!(standing.says("cat /workspace/there").await, "from here");
            let written = standing.sh("echo new > /workspace/new").await.exited.code == Some(0);
            assert_eq!((written, directory.path().join("new").exists()), (writable, writable));
            standing.end().await;
        }
    });
}

#[test]
fn a_directory_is_bound_as_its_owners_and_refused_where_that_is_root() {
    on_docker(|| async {
        if !rustix::process::geteuid().is_root() {
            return skip("only root has directories of others");
        }
        let directory = tempfile::tempdir().expect("a directory");
        let of = |owner: u32, mode: u32| {
            let path = directory.path();
            std::os::unix::fs::chown(path, Some(owner), Some(owner)).expect("root may");
            fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("root may");
        };
        let docker = docker(Oci::Default);
        let bind = |writable| SandboxSpec {
            workspace: Workspace::Bind { path: directory.path().to_owned(), writable },
            ..spec()
        };
        of(1234, 0o700);
        let standing = stand_in(&docker, bind(true)).await.expect("it is made");
        assert_eq!(standing.says("id -u; id -g; touch /workspace/new; cat /workspace/new").await, "1234\n1234");
        standing.end().await;
        let new = fs::metadata(directory.path().join("new")).expect("it was made");
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&new), 1234);
        // Root's: to be read where anybody may, and no more.
        of(0, 0o755);
        let standing = stand_in(&docker, bind(false)).await.expect("it is made");
        assert_eq!(standing.says("id -u; ls /workspace").await, "1000\nnew");
        standing.end().await;
        for (owner, mode, writable, said) in [
            (0, 0o755, true, "never root"),
            (0, 0o700, false, "never root"),
            (1234, 0o300, false, "can't read"),
            (1234, 0o500, true, "can't write to"),
        ] {
            of(owner, mode);
            let error = docker.create(bind(writable)).await.unwrap_err();
            let RuntimeError::Refused(refusal) = error else { panic!("{owner} {mode:o}: {error:?}") };
            assert_eq!(refusal.lack, Lack::Workspace);
            assert!(refusal.reason.contains(said), "{owner} {mode:o}: {refusal:?}");
            assert!(refusal.fix.is_some_and(|fix| fix.contains("copy")));
        }
        of(0, 0o700);
    });
}

#[test]
fn a_directory_that_is_none_is_refused() {
    on_docker(|| async {
        let workspace = Workspace::Bind { path: "/there/is/no/such".into(), writable: false };
        let error = docker(Oci::Default).create(SandboxSpec { workspace, ..spec() }).await.unwrap_err();
        assert!(matches!(error, RuntimeError::Workspace { .. }), "{error:?}");
    });
}

#[test]
fn a_copy_is_left_to_whoever_made_the_sandbox() {
    on_docker(|| async {
        let workspace = Workspace::Copy { path: "/etc".into(), exclude: vec!["x".to_owned()] };
        let made = docker(Oci::Default).create(SandboxSpec { workspace: workspace.clone(), ..spec() }).await;
        let mut sandbox = made.expect("it is made");
        assert_eq!(sandbox.unfilled, workspace);
        assert_eq!(sandbox.machine.as_deref(), Some("local"));
        assert!(sandbox.keeper.destroy().await);
    });
}

#[test]
fn an_engine_elsewhere_is_not_asked_to_bind() {
    on_docker(|| async {
        let machine = |address: &str| {
            let (name, address) = ("far".to_owned(), address.to_owned());
            DockerSettings {
                machines: vec![MachineSettings { name, address, weight: 1, tls: None }],
                ..DockerSettings::default()
            }
        };
        let docker = docker_of(Oci::Default, &machine(&forwarded()));
        assert!(docker.probe().await.available);
        let workspace = Workspace::Bind { path: "/tmp".into(), writable: false };
        let error = docker.create(SandboxSpec { workspace, ..spec() }).await.unwrap_err();
        let RuntimeError::Refused(refusal) = error else { panic!("{error:?}") };
        assert_eq!(refusal.lack, Lack::Workspace);
        assert!(refusal.fix.unwrap().contains("copy"));
        // All else is there as it is here.
        let standing = stand_in(&docker, spec()).await.expect("it is made");
        assert_eq!(standing.python("print('far')").await, "far");
        standing.end().await;
    });
}

/// The engine of the tests behind a port of this machine: what passes it is carried to its socket.
fn forwarded() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("tcp://{}", listener.local_addr().expect("it has a number"));
    listener.set_nonblocking(true).expect("it can be waited for");
    let socket = Engine::given().unwrap().address().strip_prefix("unix://").expect("a socket").to_owned();
    tokio::spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("it can be waited for");
        while let Ok((mut far, _)) = listener.accept().await {
            let socket = socket.clone();
            tokio::spawn(async move {
                let mut near = tokio::net::UnixStream::connect(socket).await?;
                tokio::io::copy_bidirectional(&mut far, &mut near).await
            });
        }
    });
    address
}

#[test]
fn an_image_with_nothing_in_it_is_enough() {
    on_each(|oci| async move {
        let engine = Engine::given().unwrap();
        let image = format!("codebeaker-test/scratch:{}", std::process::id());
        let mut import = Command::new("docker")
            .args(["import", "-", &image])
            .env("DOCKER_HOST", engine.address())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("docker runs");
        // A tar of one directory, and the two blocks of its end.
        let tar =
            Command::new("tar").args(["-C", "/", "--no-recursion", "-cf", "-", "proc"]).output().expect("tar runs");
        std::io::Write::write_all(&mut import.stdin.take().expect("it reads"), &tar.stdout).expect("it reads");
        assert!(import.wait().expect("it ends").success());
        let spec = SandboxSpec { image: Some(image.clone()), engine: None, ..spec() };
        let standing = stand_in(&docker(oci), spec).await.expect("it is made");
        // The only program that there is.
        let output = standing.run(&["/.codebeaker/agent", "check"]).await;
        assert_eq!(output.exited.code, Some(0), "{}", output.text);
        standing.end().await;
        nothing_is_left().await;
        engine.order(&["rmi", &image]);
    });
}
