//! What an attack must not reach, and whether it did: canaries of every kind, on the host.

use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use serde_json::{Value, json};

/// The host around the sandboxes of one test.
pub(crate) struct Host {
    /// A directory of the test's own.
    pub(crate) ground: PathBuf,
    /// What is in the canary file and nowhere else.
    pub(crate) secret: String,
    tcp: TcpListener,
    tcp6: Option<TcpListener>,
    udp: UdpSocket,
    path: UnixListener,
    name: UnixListener,
    victim: Child,
    facts: Value,
    mounts: String,
}

/// Sixteen random bytes in hexadecimal.
pub(crate) fn random() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("open a canary to everybody");
}

impl Host {
    pub(crate) fn new(ground: &Path) -> Self {
        let (secret, name) = (random(), format!("codebeaker-canary-{}", random()));
        let canary = ground.join(format!("canary-{}", random()));
        fs::write(&canary, &secret).expect("write the canary");
        open_to_all(&canary);
        let tool = ground.join("tool");
        fs::write(&tool, "#!/bin/sh\necho untouched\n").expect("write the tool");
        open_to_all(&tool);
        let socket = ground.join("canary.sock");
        let path = UnixListener::bind(&socket).expect("listen on a path");
        open_to_all(&socket);
        let address = SocketAddr::from_abstract_name(&name).expect("an abstract address");
        let name_listener = UnixListener::bind_addr(&address).expect("listen on an abstract name");
        let tcp = TcpListener::bind("0.0.0.0:0").expect("listen on TCP");
        let port = tcp.local_addr().expect("the port").port();
        let tcp6 = TcpListener::bind(("::1", port)).ok();
        let udp = UdpSocket::bind("127.0.0.1:0").expect("listen on UDP");
        tcp.set_nonblocking(true).expect("don't block");
        tcp6.iter().for_each(|tcp| tcp.set_nonblocking(true).expect("don't block"));
        udp.set_nonblocking(true).expect("don't block");
        path.set_nonblocking(true).expect("don't block");
        name_listener.set_nonblocking(true).expect("don't block");
        let victim = Command::new("sleep").arg("600").spawn().expect("start the victim");
        let facts = json!({
            "ground": ground, "canary": canary, "tool": tool, "socket": socket, "abstract": name,
            "tcp": port, "udp": udp.local_addr().expect("the port").port(), "victim": victim.id(),
            "address": lan_address(), "test": std::process::id(),
        });
        let (ground, mounts) = (ground.to_path_buf(), mounts());
        Self { ground, secret, tcp, tcp6, udp, path, name: name_listener, victim, facts, mounts }
    }

    /// What hostile programs are told of the host. Never the secret.
    pub(crate) fn facts(&self) -> &Value {
        &self.facts
    }

    /// Tells them one more thing.
    pub(crate) fn tell(&mut self, name: &str, value: Value) {
        self.facts[name] = value;
    }

    /// How many connections and datagrams have come since the last call.
    pub(crate) fn connections(&self) -> usize {
        let mut count = 0;
        while self.tcp.accept().is_ok() {
            count += 1;
        }
        while self.tcp6.as_ref().is_some_and(|tcp| tcp.accept().is_ok()) {
            count += 1;
        }
        while self.path.accept().is_ok() {
            count += 1;
        }
        while self.name.accept().is_ok() {
            count += 1;
        }
        loop {
            match self.udp.recv(&mut [0; 16]) {
                Ok(_) => count += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return count,
                Err(error) => panic!("the UDP canary: {error}"),
            }
        }
    }

    /// Fails if anything reached out of a sandbox. `seen` is all that came out of it.
    pub(crate) fn assert_untouched(&mut self, seen: &str) {
        assert!(!seen.contains(&self.secret), "the canary's content came out:\n{seen}");
        assert_eq!(self.connections(), 0, "somebody connected to a canary:\n{seen}");
        let victim = self.victim.try_wait().expect("look at the victim");
        assert!(victim.is_none(), "the victim ended with {victim:?}:\n{seen}");
        let read = |fact: &str| fs::read_to_string(self.facts[fact].as_str().expect("a path")).expect("read a canary");
        assert_eq!(read("canary"), self.secret, "the canary was changed:\n{seen}");
        assert_eq!(read("tool"), "#!/bin/sh\necho untouched\n", "the tool was changed:\n{seen}");
        assert_eq!(mounts(), self.mounts, "the host's mounts are others:\n{seen}");
        let names = fs::read_dir(&self.ground).expect("list the ground").flatten().map(|entry| entry.file_name());
        let planted: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("planted")).collect();
        assert!(planted.is_empty(), "{planted:?} was planted:\n{seen}");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have been killed, which is what the test then fails for.
        let _gone = self.victim.kill();
        let _status = self.victim.wait();
    }
}

/// The host's mounts, without those that container engines make, other tests' included, for themselves and for their
/// containers: a part of the disk below the temporary directory, the root of a container, its `/dev/shm`, and the file
/// that stands for its network.
fn mounts() -> String {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("read the mounts");
    let is_an_engines = |line: &&str| {
        let mut fields = line.split(' ');
        let (source, point, kind) = (fields.next(), fields.next().unwrap_or_default(), fields.next());
        let is_its_own = point.starts_with("/tmp/") && source.is_some_and(|source| source.starts_with("/dev/"));
        is_its_own || kind == Some("nsfs") || line.contains("/overlay2/") || point.ends_with("/mounts/shm")
    };
    mounts.lines().filter(|line| !is_an_engines(line)).collect::<Vec<_>>().join("\n")
}

/// An address of this host other than its loopback, if it has one. Asking for the route sends nothing.
fn lan_address() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip().to_string())
}
