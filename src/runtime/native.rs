//! The runtime that needs nothing but a Linux kernel: sandboxes made by ourselves.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use codebeaker_agent::plan;
use tokio::net::UnixStream;
use tokio::sync::OnceCell;

use super::{
    Isolation, Keeper, Lack, Offer, Probe, Programs, Refusal, Runtime, RuntimeError, Sandbox, SandboxSpec, Usage, Want,
    Workspace,
};
use crate::sandbox::blueprint::{Blueprint, Site};
use crate::sandbox::cgroup::{Cgroups, Session};
use crate::sandbox::executable::Executable;
use crate::sandbox::launcher::{Launched, Launcher, Process};
use crate::sandbox::leftovers::{self, Recovered};
use crate::sandbox::privilege::Privilege;
use crate::sandbox::probe::{self, Cause};

/// Sandboxes made of this kernel's namespaces.
#[derive(Debug)]
pub struct Native {
    launcher: Result<Launcher, Cause>,
    remarks: Vec<String>,
    recovered: Recovered,
    probed: OnceCell<(Probe, Offer)>,
}

impl Native {
    /// Gets ready to make sandboxes, and removes what a killed daemon left. Blocks for as long as that
    /// takes. What stands in the way is said by [`Runtime::probe`].
    #[must_use]
    pub fn start() -> Self {
        let privilege = Privilege::current();
        let mut remarks = Vec::new();
        let cgroups = Cgroups::find().map_err(|reason| remarks.push(probe::without_cgroups(&reason))).ok();
        let recovered = cgroups.as_ref().map(leftovers::recover).unwrap_or_default();
        let site = Arc::new(Site { privilege, cgroups });
        let launcher = Executable::prepare()
            .map_err(|error| Cause::of_executable(&error))
            .and_then(|executable| Launcher::start(executable, site).map_err(|error| Cause::of_launch(&error)));
        Self { launcher, remarks, recovered, probed: OnceCell::new() }
    }

    /// What a killed daemon had left when this one started.
    #[must_use]
    pub fn recovered(&self) -> &Recovered {
        &self.recovered
    }
}

#[async_trait]
impl Runtime for Native {
    fn id(&self) -> &'static str {
        "native"
    }

    fn isolation(&self) -> Isolation {
        Isolation::Namespaces
    }

    fn has_host_programs(&self) -> bool {
        true
    }

    async fn probe(&self) -> Probe {
        let probed = self.probed.get_or_init(|| async {
            let tried = match &self.launcher {
                Ok(launcher) => probe::try_sandbox(launcher).await,
                Err(cause) => Err(cause.clone()),
            };
            let (cost, cause) = (tried.as_ref().ok(), tried.as_ref().err());
            let probe = Probe {
                available: cause.is_none(),
                reason: cause.map(|cause| cause.reason.clone()),
                fix: cause.and_then(|cause| cause.fix.clone()),
                remarks: self.remarks.clone(),
            };
            let start = cost.map(|cost| cost.start);
            (probe, Offer { start, memory_bytes: cost.and_then(|cost| cost.memory_bytes) })
        });
        probed.await.0.clone()
    }

    fn offer(&self, want: &Want<'_>) -> Result<Offer, Refusal> {
        let refused =
            |lack, reason: &str, fix: &str| Refusal { lack, reason: reason.to_owned(), fix: Some(fix.to_owned()) };
        if want.image.is_some() {
            let fix = "leave `image` out, or ask for a runtime that has images";
            return Err(refused(Lack::Image, "it has no images", fix));
        }
        if want.outlives {
            let fix = "leave `persist` out, or ask for a runtime of containers";
            return Err(refused(Lack::Persistence, "its sandboxes end with the daemon", fix));
        }
        Ok(self.probed.get().map(|(_, measured)| *measured).unwrap_or_default())
    }

    async fn create(&self, spec: SandboxSpec) -> Result<Sandbox, RuntimeError> {
        let launcher =
            self.launcher.as_ref().map_err(|cause| RuntimeError::Unavailable { reason: cause.reason.clone() })?;
        let blueprint = Blueprint {
            limits: spec.limits,
            workspace: workspace(spec.workspace)?,
            engine_roots: spec.engine_roots,
            hostname: spec.hostname,
            without: spec.without,
        };
        let Launched { stream, process, drawn } = launcher.launch(blueprint).await?;
        let keeper = NativeKeeper { process, cgroups: drawn.cgroups };
        let (reader, writer) = UnixStream::from_std(stream).map_err(RuntimeError::Stream)?.into_split();
        Ok(Sandbox {
            reader: Box::new(reader),
            writer: Box::new(writer),
            programs: Programs::Host,
            machine: None,
            unfilled: Workspace::None,
            enforcement: drawn.enforcement,
            keeper: Box::new(keeper),
        })
    }
}

/// The plan's form of a workspace, with the path that its links lead to.
fn workspace(workspace: Workspace) -> Result<plan::Workspace, RuntimeError> {
    Ok(match workspace {
        Workspace::None => plan::Workspace::Empty,
        Workspace::Copy { path, exclude } => plan::Workspace::Copy { source: directory(&path)?, exclude },
        Workspace::Bind { path, writable } => plan::Workspace::Bind { source: directory(&path)?, writable },
        Workspace::Overlay { path } => plan::Workspace::Overlay { source: directory(&path)? },
    })
}

fn directory(path: &Path) -> Result<PathBuf, RuntimeError> {
    let unusable = |source| RuntimeError::Workspace { path: path.to_path_buf(), source };
    let real = path.canonicalize().map_err(unusable)?;
    if real.is_dir() { Ok(real) } else { Err(unusable(std::io::ErrorKind::NotADirectory.into())) }
}

/// Dropping it tells the launcher to end the sandbox; the launcher removes the cgroups.
#[derive(Debug)]
struct NativeKeeper {
    process: Process,
    cgroups: Option<Session>,
}

#[async_trait]
impl Keeper for NativeKeeper {
    fn oom_kills(&self) -> Option<u64> {
        self.cgroups.as_ref()?.oom_kills()
    }

    fn container(&self) -> Option<String> {
        None
    }

    fn usage(&self) -> Usage {
        self.cgroups.as_ref().map(Session::usage).unwrap_or_default()
    }

    async fn destroy(&mut self) -> bool {
        let ended = self.process.end().await;
        let Some(cgroups) = &self.cgroups else {
            return ended;
        };
        // The launcher has removed them, unless it was killed itself.
        if cgroups.directories().iter().all(|directory| !directory.exists()) {
            self.cgroups = None;
            return ended;
        }
        let Some(cgroups) = self.cgroups.take() else {
            return ended;
        };
        let removed = tokio::task::spawn_blocking(move || (cgroups.remove(), cgroups)).await;
        match removed {
            Ok((true, _)) => ended,
            Ok((false, cgroups)) => {
                self.cgroups = Some(cgroups);
                false
            }
            Err(_) => false,
        }
    }
}
