//! Registries on this machine, and sessions whose daemon knows them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::harness::skip::skip;
use crate::harness::web::daemon;
use crate::harness::{Client, Place};

/// Registries of pip, npm and gem.
pub(crate) struct Registry {
    child: Child,
    pub(crate) port: u16,
}

impl Registry {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// One that answers nobody but this user, who is written with the password behind a colon.
    pub(crate) fn for_user(user: &str) -> Self {
        Self::with(&["--user", user])
    }

    pub(crate) fn with(args: &[&str]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/packages/registry.py");
        let mut child = Command::new("python3")
            .arg(script)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, port: port.trim().parse().expect("it prints its port") }
    }

    /// The files that it was asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        serde_json::from_str(&self.get("asked")).expect("it tells them")
    }

    /// Has files be what the index says from now on.
    pub(crate) fn be_true(&self) {
        self.get("true");
    }

    /// Makes another version of `small`.
    pub(crate) fn release(&self) {
        self.get("release");
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.write_all(format!("GET /{path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").expect("it answers");
        body.to_owned()
    }

    /// The part of a settings file that names it.
    pub(crate) fn settings(&self) -> String {
        let port = self.port;
        format!(
            "[packages]\npip-index = \"http://127.0.0.1:{port}/simple\"\nnpm-registry = \"http://127.0.0.1:{port}/\"\n\
             gem-sources = [\"http://127.0.0.1:{port}/\"]\nhosts = []\nmachine = false\n"
        )
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().expect("it ends");
    }
}

/// Whether a place has what a test is about: on this machine a tool, among images that of an engine.
pub(crate) fn has(place: Place, tool: &[&str], engine: &str) -> bool {
    let missing = match place {
        Place::Native => {
            let ran = Command::new(tool[0]).args(&tool[1..]).stdout(Stdio::null()).stderr(Stdio::null()).status();
            let has = ran.is_ok_and(|status| status.success());
            (!has).then(|| format!("{} is not installed", tool.join(" ")))
        }
        Place::Docker | Place::Gvisor => {
            let image = format!("codebeaker/{engine}:latest");
            let has = place.engine().has_image(&image);
            (!has).then(|| format!("the container engine has no image {image}: scripts/images.sh {engine} makes it"))
        }
    };
    if let Some(missing) = &missing {
        skip(missing);
    }
    missing.is_none()
}

pub(crate) const PIP: &[&str] = &["python3", "-m", "pip", "--version"];

pub(crate) const NPM: &[&str] = &["npm", "--version"];

pub(crate) const GEM: &[&str] = &["ruby", "-e", "Gem.bin_path('bundler', 'bundle')"];

pub(crate) fn open(place: Place, registry: &Registry, more: Value) -> (tempfile::TempDir, Client, String) {
    let (directory, mut client) = daemon(place, &registry.settings());
    let session = place.session(&mut client, more);
    (directory, client, session)
}

pub(crate) fn install(client: &mut Client, session: &str, more: Value) -> Result<Value, Value> {
    let mut params = json!({"sessionId": session});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = client.call("package/install", params);
    // What the installer printed.
    client.claim_all(|received| {
        received.message["method"].as_str().is_some_and(|method| method.starts_with("execution/"))
    });
    answer
}

pub(crate) fn run(client: &mut Client, session: &str, language: &str, code: &str) -> String {
    let execution = client.execute(session, json!({"code": code, "language": language}));
    format!("{}{}", execution.stdout(), execution.stderr())
}
