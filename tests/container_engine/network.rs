//! Engines that are reached over a network: plainly, with certificates, and through ssh. Nothing leaves this
//! machine.

use std::fs;
use std::net::TcpListener as StdListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use codebeaker::container::ContainerError;
use codebeaker::container::address::{Address, Environment, candidates};
use codebeaker::container::engine::ContainerEngine;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};

use super::harness::skip::skip;
use super::place::{Place, engine, place_on, within};

/// A container's streams hold over whatever lies in between.
async fn echo(place: &Place) {
    let program = place.attached(&["cat"]).await;
    let (mut reader, mut writer) = (program.streams.reader, program.streams.writer);
    within(place.engine.start(&program.id)).await.unwrap();
    let sent = vec![7; 3 << 20];
    let writing = async {
        writer.write_all(&sent).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let mut echo = Vec::new();
    let (_, read) = within(async { tokio::join!(writing, reader.read_to_end(&mut echo)) }).await;
    read.unwrap();
    assert!(echo == sent, "{} of {} bytes came back", echo.len(), sent.len());
    place.gone(&program.id).await;
}

#[tokio::test]
async fn an_engine_is_used_over_tcp() {
    let Some(local) = engine().await else { return };
    let Address::Unix(socket) = local.address().clone() else {
        return skip("the container engine is not on this machine");
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: Address = format!("tcp://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let mut to = UnixStream::connect(&socket).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut from, &mut to).await });
        }
    });
    let remote = within(ContainerEngine::connect(&address)).await.unwrap();
    assert!(!remote.address().is_local());
    let Some(place) = place_on(remote, "tcp").await else { return };
    echo(&place).await;
}

/// A program of a test's own, which ends with the test.
struct Server {
    child: Child,
    directory: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
        // An engine leaves mounts of its own.
        let below = self.directory.path().display().to_string();
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        for mount in mounts.lines().filter_map(|line| line.split(' ').nth(1)).filter(|path| path.starts_with(&below)) {
            let _ = Command::new("umount").args(["--lazy", mount]).status();
        }
    }
}

fn free_port() -> u16 {
    StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn installed(program: &str) -> bool {
    ["/usr/sbin", "/usr/bin", "/usr/local/bin"].iter().any(|directory| Path::new(directory).join(program).exists())
}

fn run(program: &str, directory: &Path, arguments: &[&str]) {
    let output = Command::new(program).current_dir(directory).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority and, by it, certificates for an engine on this machine and for its client.
fn certificates(directory: &Path) {
    let authority = ["-subj", "/CN=authority", "-days", "2", "-nodes", "-newkey", "rsa:2048"];
    run("openssl", directory, &[&["req", "-x509", "-keyout", "ca-key.pem", "-out", "ca.pem"][..], &authority].concat());
    for (name, extension) in [
        ("server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"),
        ("client", "extendedKeyUsage=clientAuth\n"),
    ] {
        let [key, request, certificate, extensions] =
            ["-key.pem", ".csr", "-cert.pem", ".ext"].map(|end| format!("{name}{end}"));
        fs::write(directory.join(&extensions), extension).unwrap();
        let subject = format!("/CN={name}");
        run(
            "openssl",
            directory,
            &["req", "-subj", &subject, "-nodes", "-newkey", "rsa:2048", "-keyout", &key, "-out", &request],
        );
        run(
            "openssl",
            directory,
            &[
                "x509",
                "-req",
                "-days",
                "2",
                "-in",
                &request,
                "-CA",
                "ca.pem",
                "-CAkey",
                "ca-key.pem",
                "-CAcreateserial",
                "-out",
                &certificate,
                "-extfile",
                &extensions,
            ],
        );
    }
    fs::rename(directory.join("client-key.pem"), directory.join("key.pem")).unwrap();
    fs::rename(directory.join("client-cert.pem"), directory.join("cert.pem")).unwrap();
}

/// An engine of its own that lets nobody in without a certificate.
fn guarded_engine() -> (Server, String, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let certified = path.join("certificates");
    fs::create_dir(&certified).unwrap();
    certificates(&certified);
    let host = format!("tcp://127.0.0.1:{}", free_port());
    let option = |name: &str, file: &str| format!("--{name}={}", certified.join(file).display());
    fs::write(path.join("config"), "{}").unwrap();
    let log = fs::File::create(path.join("log")).unwrap();
    let child = Command::new("dockerd")
        .arg(format!("--data-root={}", path.join("data").display()))
        .arg(format!("--exec-root={}", path.join("exec").display()))
        .arg(format!("--config-file={}", path.join("config").display()))
        .arg(format!("--pidfile={}", path.join("pid").display()))
        .args(["--bridge=none", "--iptables=false", "--tlsverify", "--host", &host])
        .args([option("tlscacert", "ca.pem"), option("tlscert", "server-cert.pem"), option("tlskey", "server-key.pem")])
        .args(["--containerd-namespace=codebeaker-tls", "--containerd-plugins-namespace=codebeaker-tls-plugins"])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    (Server { child, directory }, host, certified)
}

#[tokio::test]
async fn an_engine_is_used_with_certificates_and_by_nobody_else() {
    if !rustix::process::geteuid().is_root() || !installed("dockerd") || !installed("openssl") {
        return skip("an engine of its own takes root, dockerd and openssl");
    }
    let (mut server, host, certified) = guarded_engine();
    let environment = Environment {
        docker_host: Some(host.clone()),
        tls_verify: true,
        cert_path: Some(certified.clone()),
        ..Environment::default()
    };
    let address = candidates(None, &environment).unwrap().remove(0).address;
    let connecting = async {
        loop {
            match ContainerEngine::connect(&address).await {
                Ok(engine) => return engine,
                Err(error) => {
                    let log = fs::read_to_string(server.directory.path().join("log")).unwrap_or_default();
                    let ended = server.child.try_wait().unwrap();
                    assert!(error.is_away() && ended.is_none(), "{error:?}\n{ended:?}\n{log}");
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let engine = within(connecting).await;
    assert!(engine.images().await.unwrap().is_empty());
    assert!(!engine.facts().await.unwrap().id.is_empty());

    let plain = ContainerEngine::connect(&host.parse().unwrap()).await.unwrap_err();
    assert!(!matches!(plain, ContainerError::TooOld { .. }), "{plain:?}");
    let others = tempfile::tempdir().unwrap();
    certificates(others.path());
    let foreign = host.parse::<Address>().unwrap().with_certificates(others.path()).unwrap();
    let foreign = ContainerEngine::connect(&foreign).await.unwrap_err();
    assert!(matches!(foreign, ContainerError::Unreachable { .. }), "{foreign:?}");
    // The right authority, but a certificate by another.
    fs::copy(certified.join("ca.pem"), others.path().join("ca.pem")).unwrap();
    let stranger = host.parse::<Address>().unwrap().with_certificates(others.path()).unwrap();
    let stranger = ContainerEngine::connect(&stranger).await.unwrap_err();
    assert!(matches!(stranger, ContainerError::Unreachable { .. }), "{stranger:?}");
}

/// A server for ssh on this machine that lets one key in, and a directory with an `ssh` that uses it.
fn ssh_server(engine: &ContainerEngine) -> (Server, u16, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    for key in ["host", "user"] {
        run("ssh-keygen", path, &["-q", "-t", "ed25519", "-N", "", "-f", key]);
    }
    fs::copy(path.join("user.pub"), path.join("authorized_keys")).unwrap();
    let port = free_port();
    let inside = |file: &str| path.join(file).display().to_string();
    fs::write(
        path.join("config"),
        format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nSetEnv DOCKER_HOST={}\n",
            inside("host"),
            inside("authorized_keys"),
            engine.address(),
        ),
    )
    .unwrap();
    let programs = path.join("bin");
    fs::create_dir(&programs).unwrap();
    let options = "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null";
    let script = format!("#!/bin/sh\nexec /usr/bin/ssh {options} -i {} \"$@\"\n", inside("user"));
    fs::write(programs.join("ssh"), script).unwrap();
    fs::set_permissions(programs.join("ssh"), fs::Permissions::from_mode(0o755)).unwrap();
    let child = Command::new("/usr/sbin/sshd")
        .args(["-D", "-e", "-f", &inside("config")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(path.join("log")).unwrap())
        .spawn()
        .unwrap();
    (Server { child, directory }, port, programs)
}

/// Tells the test's second process which server to talk to.
const SSH_ADDRESS: &str = "CODEBEAKER_TEST_SSH_ADDRESS";

/// Runs in two processes: the first has a server, and the second an environment in which `ssh` has the key.
#[tokio::test]
async fn an_engine_is_used_through_ssh() {
    if let Ok(address) = std::env::var(SSH_ADDRESS) {
        return over_ssh(&address).await;
    }
    let Some(local) = engine().await else { return };
    if !local.address().is_local() || !installed("sshd") || !installed("ssh") {
        return skip("a way through ssh takes sshd and ssh, and an engine on this machine");
    }
    fs::create_dir_all("/run/sshd").expect("sshd's directory, which takes root");
    let (server, port, programs) = ssh_server(&local);
    let log = || fs::read_to_string(server.directory.path().join("log")).unwrap_or_default();
    super::harness::eventually("sshd listens", || log().contains("Server listening"));
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "network::an_engine_is_used_through_ssh", "--nocapture"])
        .env("PATH", path)
        .env(SSH_ADDRESS, format!("ssh://root@127.0.0.1:{port}"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{}\n{}", String::from_utf8_lossy(&output.stdout), log());
}

async fn over_ssh(address: &str) {
    let remote = within(ContainerEngine::connect(&address.parse().unwrap())).await.unwrap();
    let place = place_on(remote, "ssh").await.expect("the image that the same engine has locally");
    echo(&place).await;
    let refused: Address = "ssh://root@127.0.0.1:1".parse().unwrap();
    let refused = ContainerEngine::connect(&refused).await.unwrap_err();
    let words = codebeaker::causes::in_full(&refused);
    assert!(words.contains("ssh says: ") && words.contains("Connection refused"), "{words}");
}
