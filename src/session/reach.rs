//! What a session's programs may reach, and what of them is reached.

use std::sync::Arc;

use super::{Session, SessionError};
use crate::network::Policy;
use crate::network::ports::{OpenPort, PortError, PortWatcher, To};

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
}
