//! Which versions of the engines are installed: asked of each engine itself, in a sandbox.

use std::collections::BTreeMap;
use std::time::Duration;

use super::registry::Standing;
use super::{SessionError, Sessions};
use crate::agent::frame::Stream;
use crate::agent::{Link, LinkError, Program};
use crate::config::Limits;
use crate::engine::Engine;
use crate::engine::discover::Installation;
use crate::runtime::Workspace;

/// How long an engine may take to tell its version.
const PATIENCE: Duration = Duration::from_secs(20);

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
        if self.host().installation(engine).is_err() {
            return Usable::Missing;
        }
        match self.versions.get().and_then(|versions| versions.get(engine.id)) {
            Some(Ok(version)) => Usable::Yes { version: Some(version.clone()) },
            Some(Err(reason)) => Usable::Broken(reason.clone()),
            None => Usable::Yes { version: None },
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
            let told = tokio::time::timeout(PATIENCE, ask(&link, installation)).await;
            let told = match told {
                Ok(Ok(version)) if !version.is_empty() => Ok(version),
                Ok(Ok(_)) => Err("it told no version".to_owned()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err(format!("it told no version within {} s", PATIENCE.as_secs())),
            };
            (installation.engine.id, told)
        });
        let versions = futures::future::join_all(asked).await.into_iter().collect();
        link.close("its question was answered");
        keeper.destroy().await;
        versions
    }

    async fn spare_sandbox(&self) -> Result<Standing, SessionError> {
        let (runtime, _) = super::select::select(self.host().probed().await, &super::Wish::default())
            .map_err(|considered| SessionError::NoRuntime { considered })?;
        self.bring_up(&**runtime, self.spec(Limits::default(), Workspace::None)).await
    }
}

/// The first line that an engine prints of its version.
async fn ask(link: &Link, installation: &Installation) -> Result<String, LinkError> {
    let mut argv = vec![installation.program.display().to_string()];
    argv.extend(installation.engine.version_args.iter().map(|arg| (*arg).to_owned()));
    let mut process = link.spawn(Program::new(argv, Vec::new())).await?;
    let mut output = process.output(Stream::Stdout);
    let mut text = Vec::new();
    while let Some(bytes) = output.next().await? {
        output.grant(bytes.len()).await?;
        text.extend_from_slice(&bytes[..bytes.len().min(4096 - text.len().min(4096))]);
    }
    process.ended().await?;
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}
