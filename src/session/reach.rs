//! What a session's programs may reach, and what of them is reached.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Session, SessionError};
use crate::config::{Pattern, Settings};
use crate::engine::Engine;
use crate::network::ports::{OpenPort, PortError, PortWatcher, To};
use crate::network::{Admission, Gateway, NetworkError, Outside, Policy};

/// Why a port of a sandbox can't be opened to this machine.
#[derive(Debug, thiserror::Error)]
pub enum ExposeError {
    /// The session has ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// This machine has no place for it.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Session {
    /// Changes what its programs may reach; those that run already find no proxy that was not there when they
    /// started. Counts as use.
    ///
    /// # Errors
    /// [`SessionError`]; nothing is changed then.
    pub async fn set_network(&self, policy: Policy) -> Result<(), SessionError> {
        self.use_now()?;
        Ok(self.network.set(policy, &self.link).await?)
    }

    /// Opens a port to this machine. Each connection through it counts as use.
    ///
    /// # Errors
    /// [`ExposeError`].
    pub async fn expose(
        self: &Arc<Self>,
        port: u16,
        to: To,
        watcher: Arc<dyn PortWatcher>,
    ) -> Result<OpenPort, ExposeError> {
        self.use_now()?;
        let session = Arc::downgrade(self);
        // One that has ended is of no use to anybody, which its end tells.
        let used = move || session.upgrade().into_iter().for_each(|session| session.use_now().unwrap_or_default());
        Ok(self.ports.open((port, to), &self.link, Arc::new(used), watcher).await?)
    }

    /// What the daemon itself may reach for an installer of these hosts.
    #[must_use]
    pub fn outside(&self, hosts: Vec<Pattern>) -> Outside {
        self.network.outside(hosts)
    }

    /// Opens a way for an installer to these hosts, as long as what is returned is held; `gateway` answers it in place of
    /// registries.
    ///
    /// # Errors
    /// [`SessionError`].
    pub async fn admit_installer(
        &self,
        hosts: Vec<Pattern>,
        gateway: Option<Arc<dyn Gateway>>,
    ) -> Result<Admission, SessionError> {
        self.use_now()?;
        Ok(self.network.admit_installer(hosts, gateway, &self.link).await.map_err(NetworkError::Door)?)
    }

    /// The daemon's settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether packages of Python were installed.
    #[must_use]
    pub fn has_own_python(&self) -> bool {
        self.own_python.get().is_some()
    }

    /// From now on Python is this interpreter, for which packages were installed.
    pub fn use_python(&self, interpreter: &str) {
        // The place is the same each time.
        drop(self.own_python.set(interpreter.to_owned()));
    }

    /// Whether packages of Ruby were installed.
    #[must_use]
    pub fn has_own_gems(&self) -> bool {
        self.own_gems.get().is_some()
    }

    /// From now on Ruby looks for packages in this directory first.
    pub fn use_gems(&self, directory: &str) {
        // The place is the same each time.
        drop(self.own_gems.set(directory.to_owned()));
    }

    /// What an engine's programs find in their environment for its sake.
    pub(super) fn engine_env(&self, engine: &'static Engine) -> impl Iterator<Item = (String, String)> + use<> {
        let offline = if self.network.proxy().is_some() { &[] } else { engine.online.env_without };
        engine.env.iter().chain(offline).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
    }

    /// What programs find in their environment of what they reach: the session's packages, and the way out.
    pub(super) fn reach_env(&self) -> BTreeMap<String, String> {
        let mut env: BTreeMap<_, _> = self.network.variables().into_iter().collect();
        let python = self.own_python.get().and_then(|python| python.strip_suffix("/python")).map(str::to_owned);
        let gems = self.own_gems.get().map(|gems| format!("{gems}/bin"));
        let mut own: Vec<String> = python.into_iter().chain(gems).collect();
        if !own.is_empty() {
            own.push(self.toolbox.path().to_owned());
            env.insert("PATH".to_owned(), own.join(":"));
        }
        env.extend(self.own_gems.get().map(|gems| ("GEM_HOME".to_owned(), gems.clone())));
        env
    }

    /// The executable of an engine: of Python, the one that has the session's packages.
    pub(super) fn program_of(&self, engine: &'static Engine) -> Result<String, SessionError> {
        let own = self.own_python.get().filter(|_| engine.id == "python");
        Ok(match own {
            Some(own) => own.clone(),
            None => self.toolbox.program(engine)?.to_owned(),
        })
    }
}
