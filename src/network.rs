//! What programs of a session reach outside their sandbox, which itself has no way out.
//!
//! The agent listens on a port inside, and each connection to it comes up to the daemon as a stream. There a proxy of HTTP
//! ([`Network`]) reads which host is wanted, decides by the session's [`Policy`], resolves the name itself, and connects to
//! the very address that it has looked at. Each decision is remembered.
//!
//! It promises that without a policy there is nothing to connect to, that no address of this machine or of a private
//! network is reached unless the daemon's settings name it, that who is slow or sends much holds up nobody else, and that
//! memory is bounded. What an installer asks for at [`GATEWAY`] a [`Gateway`] of the daemon's own answers, which reaches by
//! [`Outside`] what that installer may, and nothing else. [`ports`] leads the other way: from this machine to what listens in a sandbox. The proxy never looks into a tunnel: what goes through one to a host that is allowed is between the two.

mod address;
mod door;
mod gate;
mod gateway;
mod log;
mod outside;
pub mod ports;
mod proxy;
mod relay;
mod request;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use self::door::Door;
use self::gate::Gate;
use self::log::Log;
use crate::agent::{Link, LinkError};
use crate::config::{Host, NetworkSettings, Pattern};
use crate::ids::{SessionId, random_name};

pub use gateway::{GATEWAY, Gateway, Get};
pub use log::{Decision, Who};
pub use outside::{Connection, Outside, OutsideError};

/// How long a person may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most patterns of one policy.
pub const MAX_PATTERNS: usize = 256;

/// How much of the network there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// None: not even a proxy.
    #[default]
    None,
    /// The hosts that are listed, and those that a person allows when asked.
    AllowList,
    /// Every public host.
    Full,
}

/// What a session may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// How much.
    pub mode: Mode,
    /// The hosts of an allow-list.
    pub allow: Vec<Pattern>,
}

/// How a host is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// `CONNECT`: bytes both ways.
    Tunnel,
    /// One request of plain HTTP.
    Request,
}

/// What a person is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Whose programs want it.
    pub session: SessionId,
    /// Which host.
    pub host: Host,
    /// At which port.
    pub port: u16,
    /// How.
    pub way: Way,
}

/// What a person answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// This connection.
    Once,
    /// This host at this port, as long as the session lives.
    Always,
    /// No.
    Deny,
}

/// Asks a person.
#[async_trait]
pub trait Asker: Send + Sync {
    /// `None` where nobody answers.
    async fn ask(&self, question: Question) -> Option<Answer>;
}

/// Why a policy can't be had.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The daemon's settings don't allow it.
    #[error("the daemon's settings allow no session the whole network")]
    FullIsOff,
    /// Hosts go with an allow-list alone.
    #[error("hosts were listed, but the mode is not an allow-list")]
    HostsWithoutList,
    /// More than the daemon looks through.
    #[error("more than {MAX_PATTERNS} hosts")]
    TooManyHosts,
    /// No port of the sandbox could be listened at, or the sandbox is gone.
    #[error("the proxy can't be reached from the sandbox")]
    Door(#[from] LinkError),
}

/// The user's name by which an installer shows its token.
const INSTALLER: &str = "installer";

/// A way out for an installer, until it is dropped.
pub struct Admission {
    url: String,
    _door: Door,
}

impl Admission {
    /// The variables by which the installer finds it, and nobody else is to.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        let mut variables = proxy_variables(&self.url);
        // A registry of this machine goes the same way.
        for (name, value) in &mut variables {
            if name.eq_ignore_ascii_case("no_proxy") {
                value.clear();
            }
        }
        variables
    }
}

/// What one session may reach, and the way there.
pub struct Network {
    gate: Arc<Gate>,
    log: Arc<Log>,
    /// Held while it is opened or shut.
    door: tokio::sync::Mutex<Option<Door>>,
    /// The port of the door, for who can't wait.
    port: Mutex<Option<u16>>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("port", &self.port()).finish_non_exhaustive()
    }
}

impl Network {
    /// None yet. `asker` is asked about hosts that no rule allows, where there is one.
    #[must_use]
    pub fn new(session: SessionId, settings: NetworkSettings, asker: Option<Arc<dyn Asker>>) -> Self {
        let log = Arc::new(Log::default());
        let gate = Arc::new(Gate::new(session, settings, asker, Arc::clone(&log)));
        Self { gate, log, door: tokio::sync::Mutex::default(), port: Mutex::default() }
    }

    /// Whether these settings allow this policy.
    ///
    /// # Errors
    /// [`NetworkError`].
    pub fn check(policy: &Policy, settings: &NetworkSettings) -> Result<(), NetworkError> {
        if policy.mode == Mode::Full && !settings.full {
            return Err(NetworkError::FullIsOff);
        }
        if policy.mode != Mode::AllowList && !policy.allow.is_empty() {
            return Err(NetworkError::HostsWithoutList);
        }
        if policy.allow.len() > MAX_PATTERNS {
            return Err(NetworkError::TooManyHosts);
        }
        Ok(())
    }

    /// What may be reached from now on. Connections that stand are ended, and what a person has allowed is forgotten.
    ///
    /// # Errors
    /// [`NetworkError`]; what could be reached before can be reached still then.
    pub async fn set(&self, policy: Policy, link: &Link) -> Result<(), NetworkError> {
        Self::check(&policy, &self.gate.settings)?;
        let mut door = self.door.lock().await;
        match policy.mode {
            Mode::None => *door = None,
            Mode::AllowList | Mode::Full if door.is_none() => *door = Some(Door::open(link).await?),
            Mode::AllowList | Mode::Full => {}
        }
        door.iter_mut().for_each(Door::stop);
        self.gate.set(policy);
        door.iter_mut().for_each(|door| door.serve(link, Arc::clone(&self.gate)));
        *self.lock_port() = door.as_ref().map(Door::port);
        Ok(())
    }

    /// What the daemon itself may reach for an installer that may reach these.
    #[must_use]
    pub fn outside(&self, hosts: Vec<Pattern>) -> Outside {
        Outside::by(self.gate.for_installer(String::new(), hosts, None))
    }

    /// Opens a way to these hosts for an installer, as long as what is returned is held: at a port of its own, for who has
    /// the token that is in the URL. `gateway` answers it at [`GATEWAY`].
    ///
    /// # Errors
    /// When no port of the sandbox can be listened at, or the sandbox is gone.
    pub async fn admit_installer(
        &self,
        hosts: Vec<Pattern>,
        gateway: Option<Arc<dyn Gateway>>,
        link: &Link,
    ) -> Result<Admission, LinkError> {
        let token = [random_name(""), random_name("")].concat();
        let mut door = Door::open(link).await?;
        let url = format!("http://{INSTALLER}:{token}@127.0.0.1:{}", door.port());
        door.serve(link, Arc::new(self.gate.for_installer(format!("{INSTALLER}:{token}"), hosts, gateway)));
        Ok(Admission { url, _door: door })
    }

    /// What may be reached.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.gate.policy()
    }

    /// The first decisions after this number, at most so many, the oldest first; and the number of the last of all.
    #[must_use]
    pub fn log(&self, after: u64, limit: usize) -> (Vec<Arc<Decision>>, u64) {
        self.log.after(after, limit)
    }

    /// The variables by which programs find the proxy; none without one.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        let Some(port) = self.port() else { return Vec::new() };
        proxy_variables(&at(port))
    }

    /// Where programs find the proxy, where there is one.
    #[must_use]
    pub fn proxy(&self) -> Option<String> {
        self.port().map(at)
    }

    /// Whether a person is asked about hosts that no rule allows.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.gate.asks()
    }

    fn port(&self) -> Option<u16> {
        *self.lock_port()
    }

    fn lock_port(&self) -> MutexGuard<'_, Option<u16>> {
        self.port.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn at(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// The variables that lead programs to a proxy, as some know them in capitals and some not.
fn proxy_variables(proxy: &str) -> Vec<(String, String)> {
    let named = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].map(|name| (name, proxy));
    let all = named.into_iter().chain([("NO_PROXY", "localhost,127.0.0.1,::1")]);
    all.flat_map(|(name, value)| [name.to_owned(), name.to_ascii_lowercase()].map(|name| (name, value.to_owned())))
        .collect()
}
