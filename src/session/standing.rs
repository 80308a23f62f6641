//! From the choice of a runtime to a sandbox that can be used: it stands, its programs are known, its workspace
//! is filled. Whatever fails on the way, nothing of it is left.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::toolbox::Toolbox;
use super::{SessionError, Sessions};
use crate::agent::{Link, LinkError};
use crate::config::Limits;
use crate::engine::Engine;
use crate::files::copy_in;
use crate::runtime::{
    Enforcement, Keeper, Lack, Programs, Refusal, Runtime, RuntimeError, Sandbox, SandboxSpec, Workspace,
};

/// How long a keeper is asked for the fate of its sandbox.
const FATE_PATIENCE: Duration = Duration::from_secs(5);

/// A sandbox that stands.
pub(super) struct Standing {
    pub(super) link: Link,
    pub(super) programs: Programs,
    pub(super) toolbox: Arc<Toolbox>,
    pub(super) machine: Option<String>,
    pub(super) enforcement: Vec<Enforcement>,
    pub(super) keeper: Box<dyn Keeper>,
}

impl Sessions {
    /// Makes a sandbox and waits until it can be used.
    pub(super) async fn bring_up(&self, runtime: &dyn Runtime, spec: SandboxSpec) -> Result<Standing, SessionError> {
        let engine = spec.engine;
        let Sandbox { reader, writer, programs, machine, unfilled, enforcement, mut keeper } =
            runtime.create(spec).await?;
        let used = async {
            let (link, _) = Link::open(reader, writer).await.map_err(of_opening)?;
            let toolbox = self.furnish(&link, &programs, engine, unfilled).await?;
            Ok((link, toolbox))
        };
        match used.await {
            Ok((link, toolbox)) => Ok(Standing { link, programs, toolbox, machine, enforcement, keeper }),
            Err(mut error) => {
                if let SessionError::Died { fate, .. } = &mut error {
                    *fate = self::fate(&mut *keeper).await;
                }
                keeper.destroy().await;
                Err(error)
            }
        }
    }

    async fn furnish(
        &self,
        link: &Link,
        programs: &Programs,
        engine: Option<&'static Engine>,
        unfilled: Workspace,
    ) -> Result<Arc<Toolbox>, SessionError> {
        let toolbox = match programs {
            Programs::Host => Arc::clone(self.host_tools()),
            Programs::Image { id, path } => self.toolboxes.of_image(id, path, link).await,
        };
        if let Some(engine) = engine {
            toolbox.program(engine)?;
        }
        fill(link, unfilled).await?;
        Ok(toolbox)
    }

    /// What a sandbox of this machine shows and may use.
    pub(super) fn spec(&self, limits: Limits, workspace: Workspace) -> SandboxSpec {
        SandboxSpec {
            limits,
            workspace,
            engine_roots: self.engine_roots(),
            hostname: "sandbox".to_owned(),
            ..SandboxSpec::default()
        }
    }

    fn engine_roots(&self) -> Vec<PathBuf> {
        let engines = self.host().installations.iter().map(|installation| &installation.roots);
        let debuggers = self.host().adapters.iter().map(|installation| &installation.roots);
        let mut roots: Vec<PathBuf> = engines.chain(debuggers).flatten().cloned().collect();
        roots.sort();
        roots.dedup();
        roots
    }
}

/// Fills a workspace that its runtime left empty.
async fn fill(link: &Link, unfilled: Workspace) -> Result<(), SessionError> {
    match unfilled {
        Workspace::None => Ok(()),
        Workspace::Copy { path, exclude } => {
            copy_in(link, &path, &exclude).await?;
            Ok(())
        }
        // What is not a copy is there from the beginning, or not at all.
        Workspace::Bind { .. } | Workspace::Overlay { .. } => {
            let (reason, fix) = ("its workspaces can only be copies".to_owned(), "use `workspace.mode` copy");
            let refusal = Refusal { lack: Lack::Workspace, reason, fix: Some(fix.to_owned()) };
            Err(RuntimeError::Refused(refusal).into())
        }
    }
}

/// Refuses a session for a language that this version of its engine doesn't run.
pub(super) async fn check_age(
    mut standing: Standing,
    engine: Option<&'static Engine>,
    language: Option<&str>,
) -> Result<Standing, SessionError> {
    let Some((engine, language)) = engine.zip(language) else { return Ok(standing) };
    let checked = standing.toolbox.check_age(engine, &engine.file_name(Some(language)), &standing.link).await;
    match checked {
        Ok(()) => Ok(standing),
        Err(error) => {
            standing.link.close("its engine is too old");
            standing.keeper.destroy().await;
            Err(error)
        }
    }
}

fn of_opening(error: LinkError) -> SessionError {
    match error {
        LinkError::SetUp { step, errno } => SessionError::SetUp { step, errno },
        source => SessionError::Died { fate: None, source },
    }
}

/// How a sandbox came to its end whose stream has ended.
pub(super) async fn fate(keeper: &mut dyn Keeper) -> Option<String> {
    tokio::time::timeout(FATE_PATIENCE, keeper.fate()).await.ok().flatten()
}
