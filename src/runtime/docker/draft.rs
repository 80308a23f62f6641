//! From what a sandbox shall be to a container and what its agent is told: what is decided before anything is made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use codebeaker_agent::plan::{self, CODE, Confinement, SANDBOX_ID, WORKSPACE};

use super::Oci;
use super::bind::{self, Bound};
use super::create::refused;
use super::images::Choice;
use super::machine::{Machine, Seen, cause_of};
use crate::container::engine::{ContainerEngine, EngineFacts};
use crate::container::labels::{self, Owner};
use crate::container::{BindMount, Bounds, ContainerError, ContainerSpec, Tmpfs};
use crate::runtime::{Enforcement, RuntimeError, SandboxSpec, Workspace};
use crate::sandbox::blueprint::BlueprintError;
use crate::sandbox::limits::{self, CgroupVersion, Counted};
use crate::sandbox::probe::Cause;
use crate::sandbox::seccomp::{self, Profile, SeccompError};

/// The size of the file system in memory that takes the place of a volume which an image demands: such a volume
/// would be on the engine's disk, and without any bound.
const VOLUME_BYTES: u64 = 1 << 20;

/// The most of those that an image may demand.
const MAX_VOLUMES: usize = 32;

/// The most that a label holds.
const MAX_LABEL_BYTES: usize = 32 * 1024;

/// A container that is to be made, and what goes with it.
pub(super) struct Draft {
    pub(super) container: ContainerSpec,
    pub(super) confinement: Confinement,
    pub(super) enforcement: Vec<Enforcement>,
    /// The image, as it was asked for.
    pub(super) image_name: String,
    /// Where the image has programs besides.
    pub(super) path: Vec<String>,
    pub(super) unfilled: Workspace,
    pub(super) outlives: bool,
}

impl Machine {
    /// Decides everything about a sandbox.
    pub(super) async fn draft(
        self: &Arc<Self>,
        engine: &ContainerEngine,
        seen: &Seen,
        spec: &SandboxSpec,
        oci: Oci,
    ) -> Result<Draft, RuntimeError> {
        let image = self.choose_now(seen, spec).await?;
        let failed = |error: ContainerError| refused(cause_of(&error));
        let agent_volume = self.agent_volume(engine, &image.id).await.map_err(failed)?.volume;
        let asked = self.asked_by(engine, &image.id).await.map_err(failed)?;
        let volumes = &asked.volumes;
        if volumes.len() > MAX_VOLUMES {
            let reason =
                format!("the image {} demands {} volumes, and {MAX_VOLUMES} are the most", image.name, volumes.len());
            return Err(refused(Cause { reason, fix: Some("take another image".to_owned()) }));
        }
        let bound = self.bound(&spec.workspace, seen, &image).await?;
        let counted = counted(&seen.facts, oci);
        let workspace = in_plan(&spec.workspace);
        let sizes = limits::tmpfs_sizes(&spec.limits, &workspace);
        let profile = Profile {
            counted_memory: counted.memory,
            writes_host_files: matches!(spec.workspace, Workspace::Bind { writable: true, .. }),
        };
        let in_memory =
            |path: &str, bytes| Tmpfs { path: PathBuf::from(path), bytes: Some(bytes), inodes: Some(sizes.inodes) };
        let mut tmpfs = vec![in_memory("/tmp", sizes.tmp_bytes), in_memory(CODE, sizes.code_bytes)];
        if bound.is_none() {
            tmpfs.push(in_memory(WORKSPACE, sizes.workspace_bytes));
        }
        let taken: Vec<PathBuf> = tmpfs.iter().map(|tmpfs| tmpfs.path.clone()).chain([WORKSPACE.into()]).collect();
        let volumes = volumes.iter().filter(|path| !taken.iter().any(|taken| taken == Path::new(path)));
        tmpfs.extend(volumes.map(|path| in_memory(path, VOLUME_BYTES)));
        let for_volumes = (tmpfs.len() as u64).saturating_mul(VOLUME_BYTES);
        // Said to every engine that can do it; whether gVisor's heeds it is not known.
        let said = Counted {
            memory: seen.facts.can_bound.0,
            pids: seen.facts.can_bound.1,
            cpu: seen.facts.can_bound.2,
            ..counted
        };
        let container = ContainerSpec {
            name: new_name()?,
            image: image.id,
            oci_runtime: oci.named().map(str::to_owned),
            agent_volume,
            arguments: vec!["serve".to_owned()],
            user: bound.as_ref().map_or((SANDBOX_ID, SANDBOX_ID), |(bound, _)| bound.user),
            hostname: spec.hostname.clone(),
            labels: labels_of(spec, oci)?,
            tmpfs,
            binds: bound.into_iter().map(|(_, mount)| mount).collect(),
            bounds: Bounds {
                memory_bytes: said
                    .memory
                    .then(|| limits::cgroup_memory_bytes(&spec.limits, &sizes).saturating_add(for_volumes)),
                pids: said.pids.then(|| limits::cgroup_pids(&spec.limits)),
                cpu: spec.limits.cpu.filter(|_| said.cpu),
                shm_bytes: Some(sizes.shm_bytes),
                open_files: Some(limits::agent_open_files(&spec.limits)),
            },
            seccomp: Some(seccomp::oci::document(profile).map_err(no_filter)?.to_owned()),
            without: spec.without.clone(),
        };
        let confinement = Confinement {
            rlimits: limits::rlimits_in_container(&spec.limits, counted, oci == Oci::Default),
            watched_memory_bytes: Some(spec.limits.memory_bytes),
            watched_processes: (!counted.pids).then(|| limits::cgroup_pids(&spec.limits)),
            processors: limits::processors(&spec.limits, counted).filter(|_| oci == Oci::Default),
            seccomp: seccomp::filters(profile).map_err(no_filter)?,
            alone_ms: spec.outlives.as_ref().map(|outlives| outlives.alone.as_millis().try_into().unwrap_or(u64::MAX)),
            without: spec.without.clone(),
        };
        Ok(Draft {
            container,
            confinement,
            enforcement: limits::enforcement_in_container(&spec.limits, counted, oci == Oci::Default, &workspace),
            image_name: image.name,
            path: asked.path.clone(),
            unfilled: match &spec.workspace {
                copy @ Workspace::Copy { .. } => copy.clone(),
                _ => Workspace::None,
            },
            outlives: spec.outlives.is_some(),
        })
    }

    /// The image, among those that the engine has now where it didn't have it before.
    async fn choose_now(&self, seen: &Seen, spec: &SandboxSpec) -> Result<Choice, RuntimeError> {
        let (engine, image) = (spec.engine.map(|engine| engine.id), spec.image.as_deref());
        if let Ok(choice) = self.choose(seen, engine, image) {
            return Ok(choice);
        }
        self.look().await;
        let seen = self.seen().await.map_err(refused)?;
        self.choose(&seen, engine, image).map_err(RuntimeError::Refused)
    }

    async fn bound(
        self: &Arc<Self>,
        workspace: &Workspace,
        seen: &Seen,
        image: &Choice,
    ) -> Result<Option<(Bound, BindMount)>, RuntimeError> {
        let Workspace::Bind { path, writable } = workspace else { return Ok(None) };
        let bound = bind::bound(path, *writable, &seen.facts)?;
        self.must_share_files(image).await?;
        let mount = BindMount { source: bound.source.clone(), target: WORKSPACE.into(), writable: *writable };
        Ok(Some((bound, mount)))
    }
}

fn no_filter(error: SeccompError) -> RuntimeError {
    BlueprintError::from(error).into()
}

/// Which limits control groups keep. gVisor's runtime may have been told to leave them alone, and then bounds
/// nothing without saying so: there the agent watches.
pub(super) fn counted(facts: &EngineFacts, oci: Oci) -> Counted {
    let version = match facts.cgroup_version {
        1 => Some(CgroupVersion::V1),
        2 => Some(CgroupVersion::V2),
        _ => None,
    };
    let (memory, pids, cpu) = facts.can_bound;
    match (oci, version) {
        (Oci::Default, Some(_)) => Counted { version, memory, pids, cpu },
        _ => Counted::default(),
    }
}

/// What the sizes of file systems follow from: a copy is made in memory, as what is empty is.
pub(super) fn in_plan(workspace: &Workspace) -> plan::Workspace {
    match workspace {
        Workspace::Bind { path, writable } => plan::Workspace::Bind { source: path.clone(), writable: *writable },
        Workspace::None | Workspace::Copy { .. } | Workspace::Overlay { .. } => plan::Workspace::Empty,
    }
}

fn new_name() -> Result<String, RuntimeError> {
    let mut random = [0; 12];
    getrandom::fill(&mut random).map_err(|error| RuntimeError::Stream(std::io::Error::other(error)))?;
    Ok(random.iter().fold("codebeaker-".to_owned(), |name, byte| name + &format!("{byte:02x}")))
}

fn labels_of(spec: &SandboxSpec, oci: Oci) -> Result<BTreeMap<String, String>, RuntimeError> {
    let owner = Owner::current().map_err(RuntimeError::Stream)?;
    let mut labels = BTreeMap::from([
        (labels::MANAGED, "1".to_owned()),
        (labels::VERSION, env!("CARGO_PKG_VERSION").to_owned()),
        (labels::OWNER, owner.to_string()),
        (labels::RUNTIME, oci.runtime().to_owned()),
    ]);
    if let Some(outlives) = &spec.outlives {
        if outlives.notes.len() > MAX_LABEL_BYTES {
            let reason = format!("what is to be noted of the session is longer than {MAX_LABEL_BYTES} bytes");
            return Err(refused(Cause { reason, fix: None }));
        }
        labels.insert(labels::SESSION, outlives.session.to_string());
        labels.insert(labels::NOTES, outlives.notes.clone());
    }
    Ok(labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
