//! What this machine has to run code with, and how it stands with each place at this moment.
//!
//! A runtime's own answer is believed and asked for each time, since an engine of containers comes and goes. One
//! that takes long holds up nobody for longer than a bound: it is looked at on, and told as such until then.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;

use super::SessionError;
use super::select::{Fallback, Wish};
use crate::engine::Engine;
use crate::engine::adapters::AdapterProgram;
use crate::engine::discover::{AdapterInstallation, Installation};
use crate::runtime::{Probe, Runtime};

/// How long a session that is to be made waits for a runtime to say whether it can be used.
const PATIENCE: Duration = Duration::from_secs(10);

/// The same for those who only want to know.
const GLANCE: Duration = Duration::from_millis(50);

/// What this machine has to run code with.
pub struct Host {
    /// Where code can be isolated.
    pub runtimes: Vec<Arc<dyn Runtime>>,
    /// What can run it.
    pub installations: Vec<Installation>,
    /// What can debug it, where that is a program of its own.
    pub adapters: Vec<AdapterInstallation>,
}

impl Host {
    /// A host with these runtimes and engines; nothing is probed yet.
    #[must_use]
    pub fn new(runtimes: Vec<Arc<dyn Runtime>>, installations: Vec<Installation>) -> Self {
        Self { runtimes, installations, adapters: Vec::new() }
    }

    /// The same, with these debuggers.
    #[must_use]
    pub fn with_adapters(self, adapters: Vec<AdapterInstallation>) -> Self {
        Self { adapters, ..self }
    }

    /// Where a debugger is installed, if it is.
    #[must_use]
    pub fn adapter(&self, adapter: &AdapterProgram) -> Option<&AdapterInstallation> {
        self.adapters.iter().find(|installation| installation.adapter == adapter)
    }

    /// What each runtime can do here. One that doesn't say within seconds can't be used at this moment.
    pub async fn probed(&self) -> Vec<(Arc<dyn Runtime>, Probe)> {
        self.probed_within(|_| PATIENCE).await
    }

    /// The same for who can't wait: only a runtime of this host's own programs, with which nothing would be right
    /// if it took long, is waited for.
    pub async fn glanced(&self) -> Vec<(Arc<dyn Runtime>, Probe)> {
        self.probed_within(|runtime| if runtime.has_host_programs() { PATIENCE } else { GLANCE }).await
    }

    /// The same for who wishes this: what could not be taken anyway is not waited for.
    pub(super) async fn probed_for(&self, wish: &Wish) -> Vec<(Arc<dyn Runtime>, Probe)> {
        let is_named = |runtime: &dyn Runtime| wish.runtime.as_deref().is_none_or(|named| named == runtime.id());
        let is_strong = |runtime: &dyn Runtime| wish.min_isolation.is_none_or(|floor| runtime.isolation() >= floor);
        let may_be =
            |runtime: &dyn Runtime| is_strong(runtime) && (is_named(runtime) || wish.fallback == Fallback::Allow);
        self.probed_within(|runtime| if may_be(runtime) { PATIENCE } else { GLANCE }).await
    }

    async fn probed_within(&self, patience: impl Fn(&dyn Runtime) -> Duration) -> Vec<(Arc<dyn Runtime>, Probe)> {
        let probes = self.runtimes.iter().map(|runtime| {
            let patience = patience(&**runtime);
            async move { (Arc::clone(runtime), probe(runtime, patience).await) }
        });
        futures::future::join_all(probes).await
    }

    pub(super) fn installation(&self, engine: &'static Engine) -> Option<&Installation> {
        self.installations.iter().find(|installation| installation.engine == engine)
    }

    /// Refuses the name of a runtime that there is not.
    pub(super) fn check_named(&self, runtime: Option<&str>) -> Result<(), SessionError> {
        match runtime {
            Some(id) if !self.runtimes.iter().any(|runtime| runtime.id() == id) => {
                Err(SessionError::UnknownRuntime(id.to_owned()))
            }
            _ => Ok(()),
        }
    }
}

/// Asks a runtime. What takes longer goes on, and has its answer ready the next time.
async fn probe(runtime: &Arc<dyn Runtime>, patience: Duration) -> Probe {
    let asked = Arc::clone(runtime);
    let mut asking = async move { asked.probe().await }.boxed();
    if let Some(probe) = (&mut asking).now_or_never() {
        return probe;
    }
    let unsaid = |reason: String| Probe { available: false, reason: Some(reason), fix: None, remarks: Vec::new() };
    match tokio::time::timeout(patience, tokio::spawn(asking)).await {
        Ok(Ok(probe)) => probe,
        Ok(Err(_)) => unsaid("looking at it failed".to_owned()),
        Err(_) => unsaid("it is still being looked at".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::runtime::{Isolation, Offer, Refusal, RuntimeError, Sandbox, SandboxSpec, Want};

    /// Says whether it is there once it may.
    struct Slow(Semaphore);

    #[async_trait]
    impl Runtime for Slow {
        fn id(&self) -> &'static str {
            "slow"
        }

        fn isolation(&self) -> Isolation {
            Isolation::Container
        }

        async fn probe(&self) -> Probe {
            let available = self.0.acquire().await.is_ok();
            Probe { available, reason: None, fix: None, remarks: Vec::new() }
        }

        fn offer(&self, _: &Want<'_>) -> Result<Offer, Refusal> {
            Ok(Offer::default())
        }

        async fn create(&self, _: SandboxSpec) -> Result<Sandbox, RuntimeError> {
            Err(RuntimeError::Unavailable { reason: "it makes none".to_owned() })
        }
    }

    #[tokio::test]
    async fn who_only_looks_is_not_held_up_and_is_told_so() {
        let slow = Arc::new(Slow(Semaphore::new(0)));
        let host = Host::new(vec![slow.clone()], Vec::new());
        let (_, probe) = host.glanced().await.remove(0);
        assert_eq!((probe.available, probe.reason.as_deref()), (false, Some("it is still being looked at")));
        slow.0.add_permits(1);
        assert!(host.probed().await.remove(0).1.available, "what came true later is seen");
        assert!(host.glanced().await.remove(0).1.available);
    }
}
