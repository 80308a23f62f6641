//! Connections to an engine: a client for every kind of address.
//!
//! An engine behind ssh is reached as Docker's own client does it: the system's `ssh` runs
//! `docker system dial-stdio` there, and every connection is the standard input and output of one such
//! program. The user's keys, agent and `~/.ssh/config` count; nothing is ever asked on a terminal.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::sync::watch;

use super::{ApiVersion, fault};
use crate::container::ContainerError;
use crate::container::address::Address;

/// The deadline that the client itself has for every answer; the calls have shorter ones, except those that
/// may take as long as they want.
const NO_DEADLINE: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long idle connections through ssh are kept for the next call: making one costs as much as a login.
const IDLE_SSH: Duration = Duration::from_secs(60);

/// How long `ssh` may take to say why the line is dead.
const COMPLAINT_PATIENCE: Duration = Duration::from_secs(1);

/// The most of what `ssh` complains about that is kept.
const MAX_COMPLAINT_BYTES: u64 = 2048;

/// A client for the engine at this address. Nothing is connected yet.
pub(super) fn client(address: &Address) -> Result<Docker, ContainerError> {
    let seconds = NO_DEADLINE.as_secs();
    let client = match address {
        Address::Unix(path) => Docker::connect_with_unix(&path.to_string_lossy(), seconds, API_DEFAULT_VERSION),
        Address::Tcp { host_port } => Docker::connect_with_http(host_port, seconds, API_DEFAULT_VERSION),
        Address::Tls { host_port, ca, cert, key } => {
            Docker::connect_with_ssl(host_port, key, cert, ca, seconds, API_DEFAULT_VERSION)
        }
        Address::Ssh { destination } => through_ssh(destination, seconds),
    };
    client.map_err(|error| fault::connecting(address, error))
}

/// The same client, which from now on names this version in every call: an engine takes a call without one
/// for the newest that it knows, and that may mean something else one day.
pub(super) fn speaking(docker: Docker, version: ApiVersion) -> Docker {
    docker.with_request_modifier(move |mut request: BollardRequest| {
        let uri = request.uri();
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let scheme = uri.scheme_str().unwrap_or("http");
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if let Ok(versioned) = format!("{scheme}://{authority}/v{version}{path}").parse() {
            *request.uri_mut() = versioned;
        }
        request
    })
}

fn through_ssh(destination: &str, seconds: u64) -> Result<Docker, bollard::errors::Error> {
    let (complain, complaint) = watch::channel(None);
    let connector = Ssh { destination: format!("ssh://{destination}"), complain };
    let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE_SSH).build(connector);
    let send = move |request: BollardRequest| {
        let answer = client.request(request);
        let mut complaint = complaint.clone();
        complaint.mark_unchanged();
        async move {
            let error = match answer.await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // What `ssh` says of it is worth more than that the line is dead.
            match tokio::time::timeout(COMPLAINT_PATIENCE, complaint.changed()).await {
                Ok(Ok(())) => {
                    let words = complaint.borrow().clone().unwrap_or_default();
                    Err(bollard::errors::Error::from(io::Error::other(words)))
                }
                _ => Err(bollard::errors::Error::from(error)),
            }
        }
    };
    // The name in the address counts for nothing: there is one program at the other end.
    Docker::connect_with_custom_transport(send, Some("http://docker"), seconds, API_DEFAULT_VERSION)
}

/// Makes connections by starting `ssh`.
#[derive(Clone)]
struct Ssh {
    destination: String,
    /// What the last one said that ended with a complaint.
    complain: watch::Sender<Option<String>>,
}

/// A connection whose other end is `ssh`.
type Line = TokioIo<UnixStream>;

impl<Whereto> tower_service::Service<Whereto> for Ssh {
    type Response = Line;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Line>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Whereto) -> Self::Future {
        let started = self.start();
        Box::pin(async move { started })
    }
}

impl Ssh {
    fn start(&self) -> io::Result<Line> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let input: OwnedFd = theirs.try_clone()?.into();
        let output: OwnedFd = theirs.into();
        let mut ssh = Command::new("ssh")
            .args(["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", "ServerAliveInterval=15", "--"])
            .arg(&self.destination)
            .args(["docker", "system", "dial-stdio"])
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(output))
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("ssh can't be started: {error}")))?;
        let complain = self.complain.clone();
        // It ends by itself when our end of the line is closed.
        tokio::spawn(async move {
            let mut complaint = Vec::new();
            if let Some(mut stderr) = ssh.stderr.take() {
                let _ = (&mut stderr).take(MAX_COMPLAINT_BYTES).read_to_end(&mut complaint).await;
                let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
            }
            let ended = ssh.wait().await;
            let words = String::from_utf8_lossy(&complaint);
            let words: Vec<String> = words
                .lines()
                .map(|line| line.trim().escape_debug().to_string())
                .filter(|line| !line.is_empty())
                .collect();
            if !words.is_empty() && !ended.is_ok_and(|status| status.success()) {
                complain.send_replace(Some(format!("ssh says: {}", words.join("; "))));
            }
        });
        Ok(TokioIo::new(UnixStream::from_std(ours)?))
    }
}
