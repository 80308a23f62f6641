//! The container engine that the tests are given, asked by its own command line.
//!
//! `DOCKER_HOST` names it; `scripts/test.sh` starts one. Nothing here starts or ends an engine.

use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::OnceLock;

/// What a daemon's engine is named in its environment.
pub(crate) const ADDRESS: &str = "DOCKER_HOST";

/// An address at which nothing ever answers, for daemons that shall do without an engine.
pub(crate) const NOWHERE: &str = "unix:///dev/null";

/// The OCI runtime of gVisor, by its engine's name.
pub(crate) const RUNSC: &str = "runsc";

/// The label that says which daemon a container belongs to.
const OWNER: &str = "codebeaker.owner";

/// An engine, by its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Engine {
    address: String,
}

impl Engine {
    /// An engine at this address, which may not answer.
    pub(crate) fn at(address: &str) -> Self {
        Self { address: address.to_owned() }
    }

    /// The one that the tests are given, or why there is none.
    pub(crate) fn given() -> Result<&'static Self, &'static str> {
        static GIVEN: OnceLock<Result<Engine, String>> = OnceLock::new();
        let given = GIVEN.get_or_init(|| {
            let address = std::env::var(ADDRESS).map_err(|_| {
                format!("{ADDRESS} names no container engine: scripts/test.sh starts one, where it runs as root")
            })?;
            let engine = Self::at(&address);
            engine.ask(&["version", "--format", "{{.Server.Version}}"])?;
            Ok(engine)
        });
        given.as_ref().map_err(String::as_str)
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The group whose members may use it, or why there is none.
    pub(crate) fn socket_group(&self) -> Result<u32, String> {
        let path = self.address.strip_prefix("unix://").ok_or_else(|| format!("{} is no socket", self.address))?;
        let socket = std::fs::metadata(path).map_err(|error| format!("{path}: {error}"))?;
        if socket.mode() & 0o060 == 0o060 { Ok(socket.gid()) } else { Err(format!("{path} is closed to groups")) }
    }

    /// Runs `docker` with these arguments, and returns what it printed or what it complained of.
    pub(crate) fn ask(&self, args: &[&str]) -> Result<String, String> {
        let mut docker = Command::new("docker");
        docker.args(args).env(ADDRESS, &self.address).env_remove("DOCKER_CONTEXT");
        let output = docker.output().map_err(|error| format!("docker can't be run: {error} (package docker.io)"))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
        } else {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("docker {} says {}", args.join(" "), said.trim_end()))
        }
    }

    /// As [`Engine::ask`]; a complaint fails the test.
    pub(crate) fn order(&self, args: &[&str]) -> String {
        self.ask(args).unwrap_or_else(|complaint| panic!("{complaint}"))
    }

    /// Whether it has this OCI runtime.
    pub(crate) fn has_runtime(&self, name: &str) -> bool {
        let names = self.order(&["info", "--format", "{{range $name, $_ := .Runtimes}}{{$name}} {{end}}"]);
        names.split_whitespace().any(|known| known == name)
    }

    /// Whether it has this image.
    pub(crate) fn has_image(&self, name: &str) -> bool {
        self.ask(&["image", "inspect", "--format", "{{.Id}}", name]).is_ok()
    }

    /// The containers that the daemon with this process id has made and not removed, by name.
    pub(crate) fn containers_of(&self, daemon: u32) -> Vec<String> {
        let format = format!("{{{{.Names}}}}\t{{{{.Label {OWNER:?}}}}}");
        let rows = self.order(&["ps", "--all", "--filter", &format!("label={OWNER}"), "--format", &format]);
        let rows = rows.lines().filter_map(|row| row.split_once('\t'));
        // Machine, boot, namespace of process ids, process id, start, user.
        let own = rows.filter(|(_, owner)| owner.split('/').nth(3) == Some(&daemon.to_string()));
        own.map(|(name, _)| name.to_owned()).collect()
    }
}
