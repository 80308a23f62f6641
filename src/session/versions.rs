//! Which versions of the engines are installed: asked of each engine itself, in a sandbox.

use std::collections::BTreeMap;

use super::standing::Standing;
use super::toolbox::{PATIENCE, ask};
use super::{SessionError, Sessions};
use crate::config::Limits;
use crate::engine::{Debugger, Engine};
use crate::runtime::{Runtime, RuntimeError, Workspace};

/// The version of each installed engine, by the engine's name, or why it did not tell.
pub type Versions = BTreeMap<&'static str, Result<String, String>>;

/// Whether an engine can be used here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Usable {
    /// It is installed.
    Yes {
        /// Its version, when that was asked for already.
        version: Option<String>,
    },
    /// It is installed and does not run in a sandbox, for this reason.
    Broken(String),
    /// It is not installed.
    Missing,
}

impl Sessions {
    /// Asks every installed engine for its version, once.
    pub async fn versions(&self) -> &Versions {
        self.versions.get_or_init(|| self.ask_versions()).await
    }

    /// Whether an engine can be used, as far as that is known without asking it.
    #[must_use]
    pub fn usable(&self, engine: &'static Engine) -> Usable {
        if self.host().installation(engine).is_none() {
            return Usable::Missing;
        }
        match self.versions.get().and_then(|versions| versions.get(engine.id)) {
            Some(Ok(version)) => Usable::Yes { version: Some(version.clone()) },
            Some(Err(reason)) => Usable::Broken(reason.clone()),
            None => Usable::Yes { version: None },
        }
    }

    /// The version of an engine in a runtime, as far as that is known without asking.
    #[must_use]
    pub fn version_in(&self, engine: &'static Engine, runtime: &dyn Runtime) -> Option<String> {
        if !runtime.has_host_programs() {
            return self.toolboxes.version(engine, runtime.id());
        }
        self.versions.get()?.get(engine.id)?.clone().ok()
    }

    /// Whether what debugs programs of an engine is in a runtime, as far as that is known without asking.
    #[must_use]
    pub fn has_debugger(&self, engine: &'static Engine, runtime: &dyn Runtime) -> bool {
        match engine.debugger {
            None => false,
            Some(Debugger::Python | Debugger::Inspector | Debugger::Deno) => true,
            Some(Debugger::Adapter(adapter)) if runtime.has_host_programs() => {
                self.host_tools().adapter(adapter).is_some()
            }
            Some(Debugger::Adapter(adapter)) => self.toolboxes.has_adapter(engine, runtime.id(), adapter),
        }
    }

    async fn ask_versions(&self) -> Versions {
        let installations = &self.host().installations;
        let all = |reason: String| {
            installations.iter().map(|installation| (installation.engine.id, Err(reason.clone()))).collect()
        };
        let Standing { link, mut keeper, .. } = match self.spare_sandbox().await {
            Ok(made) => made,
            Err(error) => return all(error.to_string()),
        };
        let asked = installations.iter().map(|installation| async {
            let (program, engine) = (installation.program.display().to_string(), installation.engine);
            let told = tokio::time::timeout(PATIENCE, ask(&link, &program, engine.version_args, &[])).await;
            let told = match told {
                Ok(Ok(told)) => told.version.ok_or_else(|| "it told no version".to_owned()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err(format!("it told no version within {} s", PATIENCE.as_secs())),
            };
            (engine.id, told)
        });
        let versions = futures::future::join_all(asked).await.into_iter().collect();
        link.close("its question was answered");
        keeper.destroy().await;
        versions
    }

    async fn spare_sandbox(&self) -> Result<Standing, SessionError> {
        let probed = self.host().probed().await;
        let usable = probed.iter().find(|(runtime, probe)| runtime.has_host_programs() && probe.available);
        let reason = || probed.iter().find_map(|(_, probe)| probe.reason.clone());
        let (runtime, _) = usable.ok_or_else(|| RuntimeError::Unavailable {
            reason: reason().unwrap_or_else(|| "no runtime here shows this machine's programs".to_owned()),
        })?;
        self.bring_up(&**runtime, self.spec(Limits::default(), Workspace::None)).await
    }
}
