//! A container as it shall be, in the engine's terms: complete, so that neither the engine's nor the image's
//! defaults decide anything that protects.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount,
    MountBindOptions, MountBindOptionsPropagationEnum, MountType, MountVolumeOptions, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum,
};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use codebeaker_agent::plan::Protection;

use super::{ContainerEngine, ContainerId, WORK_PATIENCE};
use crate::container::labels::seal;
use crate::container::{BindMount, ContainerError, ContainerSpec, Tmpfs, delivery};

/// The kernel looks for victims here first when its memory runs out, before the engine and the user's programs.
const OOM_SCORE: i64 = 500;

/// What takes the place of an image's volume.
const EMPTY: &str = "ro,noexec,nosuid,nodev,size=4096";

/// How many images are remembered.
const MAX_KNOWN_IMAGES: usize = 64;

/// How many pending signals a user of the container may have; Docker's own default is the engine's.
const PENDING_SIGNALS: i64 = 4096;

impl ContainerEngine {
    /// Makes a container, which does not run yet.
    ///
    /// # Errors
    /// When its image is missing, its name taken, the engine refuses a part of it, or is away.
    pub async fn create(&self, spec: &ContainerSpec) -> Result<ContainerId, ContainerError> {
        let volumes = self.volumes_of(&spec.image).await?;
        let options = CreateContainerOptionsBuilder::new().name(&spec.name).build();
        let creating = self.docker.create_container(Some(options), body(spec, &volumes, self.known.cgroup_version));
        let made = self.ask("make a container", WORK_PATIENCE, creating).await.map_err(|error| match error {
            // The engine names only a part of the image.
            ContainerError::NoImage { .. } => ContainerError::NoImage { image: spec.image.clone() },
            other => other,
        })?;
        Ok(ContainerId::new(made.id))
    }

    /// Directories for which the image wants volumes. What an id stands for never changes, so it is asked once.
    async fn volumes_of(&self, image: &str) -> Result<Vec<String>, ContainerError> {
        if let Some(volumes) = self.known.image_volumes.get(image) {
            return Ok(volumes);
        }
        let found = self.image(image).await?.ok_or_else(|| ContainerError::NoImage { image: image.to_owned() })?;
        self.known.image_volumes.keep(&found.id, &found.volumes);
        Ok(found.volumes)
    }
}

/// Which volumes images want, by image id.
#[derive(Default)]
pub(super) struct ImageVolumes(Mutex<HashMap<String, Vec<String>>>);

impl ImageVolumes {
    fn get(&self, id: &str) -> Option<Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    fn keep(&self, id: &str, volumes: &[String]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN_IMAGES {
            known.clear();
        }
        known.insert(id.to_owned(), volumes.to_vec());
    }
}

fn body(spec: &ContainerSpec, volumes: &[String], cgroup_version: u8) -> ContainerCreateBody {
    let shares_names = spec.without.contains(&Protection::Uts);
    ContainerCreateBody {
        hostname: (!shares_names).then(|| spec.hostname.clone()),
        user: Some(format!("{}:{}", spec.user.0, spec.user.1)),
        image: Some(spec.image.clone()),
        entrypoint: Some(vec![delivery::AGENT.to_owned()]),
        cmd: Some(spec.arguments.clone()),
        working_dir: Some("/".to_owned()),
        env: Some(Vec::new()),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        open_stdin: Some(true),
        // The end of the one connection is the end of the agent's input, whoever else has attached.
        stdin_once: Some(true),
        tty: Some(false),
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }),
        stop_signal: Some("SIGKILL".to_owned()),
        labels: Some(seal::sealed(&spec.name, &spec.labels).into_iter().collect()),
        host_config: Some(host_config(spec, volumes, cgroup_version)),
        ..ContainerCreateBody::default()
    }
}

fn host_config(spec: &ContainerSpec, volumes: &[String], cgroup_version: u8) -> HostConfig {
    let keeps = |protection| !spec.without.contains(&protection);
    let unless_kept = |protection, value: &str| (!keeps(protection)).then(|| value.to_owned());
    let memory = spec.bounds.memory_bytes.filter(|_| keeps(Protection::Cgroups)).map(signed);
    let pids = spec.bounds.pids.filter(|_| keeps(Protection::Cgroups)).map(signed);
    let cpu = spec.bounds.cpu.filter(|_| keeps(Protection::Cgroups)).map(nano_cpus);
    HostConfig {
        memory,
        // Memory and swap together: as much as memory alone is no swap.
        memory_swap: memory,
        pids_limit: pids,
        nano_cpus: cpu,
        ulimits: Some(if keeps(Protection::Rlimits) { ulimits(spec) } else { Vec::new() }),
        shm_size: spec.bounds.shm_bytes.filter(|_| keeps(Protection::TmpfsSizes)).map(signed),
        oom_score_adj: Some(OOM_SCORE),
        oom_kill_disable: Some(false),
        network_mode: Some(if keeps(Protection::Network) { "none" } else { "host" }.to_owned()),
        ipc_mode: Some(if keeps(Protection::Ipc) { "private" } else { "host" }.to_owned()),
        uts_mode: unless_kept(Protection::Uts, "host"),
        pid_mode: Some(String::new()),
        userns_mode: Some(String::new()),
        // In version 1 the engine shows a container its own groups alone in either mode.
        cgroupns_mode: (cgroup_version == 2).then_some(HostConfigCgroupnsModeEnum::PRIVATE),
        readonly_rootfs: Some(keeps(Protection::ReadOnlyRoot)),
        cap_drop: keeps(Protection::Capabilities).then(|| vec!["ALL".to_owned()]),
        cap_add: Some(Vec::new()),
        security_opt: Some(security(spec)),
        masked_paths: Some(if keeps(Protection::ProcMasks) { masked() } else { Vec::new() }),
        // Without a value, the engine shows as read-only what it always does.
        readonly_paths: (!keeps(Protection::ProcMasks)).then(Vec::new),
        privileged: Some(false),
        devices: Some(Vec::new()),
        device_cgroup_rules: Some(Vec::new()),
        publish_all_ports: Some(false),
        tmpfs: Some(tmpfs(spec, volumes)),
        mounts: Some(mounts(spec)),
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: Some(HashMap::new()) }),
        restart_policy: Some(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }),
        auto_remove: Some(true),
        init: Some(false),
        runtime: spec.oci_runtime.clone(),
        ..HostConfig::default()
    }
}

/// What engines hide by themselves, and what else tells of the host's kernel and of its hardware. Of `/sys` the control
/// groups are left, in which the agent reads why a program was killed.
fn masked() -> Vec<String> {
    let proc = [
        "acpi",
        "asound",
        "config.gz",
        "interrupts",
        "kallsyms",
        "kcore",
        "key-users",
        "keys",
        "kmsg",
        "kpagecgroup",
        "kpagecount",
        "kpageflags",
        "latency_stats",
        "modules",
        "sched_debug",
        "scsi",
        "timer_list",
        "timer_stats",
    ];
    let sys = ["block", "bus", "class", "dev", "devices", "firmware", "hypervisor", "kernel", "module", "power"];
    let below = |root: &'static str| move |name: &&str| format!("/{root}/{name}");
    proc.iter().map(below("proc")).chain(sys.iter().map(below("sys"))).collect()
}

fn security(spec: &ContainerSpec) -> Vec<String> {
    let filter = spec.seccomp.as_deref().filter(|_| !spec.without.contains(&Protection::Seccomp));
    let mut options = vec![format!("seccomp={}", filter.unwrap_or("unconfined"))];
    if !spec.without.contains(&Protection::NoNewPrivileges) {
        options.push("no-new-privileges:true".to_owned());
    }
    options
}

fn ulimits(spec: &ContainerSpec) -> Vec<ResourcesUlimits> {
    let limit =
        |name: &str, value: i64| ResourcesUlimits { name: Some(name.to_owned()), soft: Some(value), hard: Some(value) };
    let mut limits =
        vec![limit("core", 1), limit("memlock", 64 << 10), limit("msgqueue", 0), limit("sigpending", PENDING_SIGNALS)];
    limits.extend(spec.bounds.open_files.map(|files| limit("nofile", signed(files))));
    limits
}

/// The file systems in memory, which belong to the container's user.
///
/// An image's own wish for a volume would give programs a place on the engine's disk, of any size. It gets a
/// directory with nothing in it, as read-only as all of the image.
fn tmpfs(spec: &ContainerSpec, volumes: &[String]) -> HashMap<String, String> {
    let sized = !spec.without.contains(&Protection::TmpfsSizes);
    let options = |tmpfs: &Tmpfs| {
        let (user, group) = spec.user;
        let mut options = format!("rw,exec,nosuid,nodev,mode=0755,uid={user},gid={group}");
        if let Some(bytes) = tmpfs.bytes.filter(|_| sized) {
            options.push_str(&format!(",size={bytes}"));
        }
        if let Some(inodes) = tmpfs.inodes.filter(|_| sized) {
            options.push_str(&format!(",nr_inodes={inodes}"));
        }
        options
    };
    let ours = spec.tmpfs.iter().map(|tmpfs| (tmpfs.path.to_string_lossy().into_owned(), options(tmpfs)));
    let unwritable = !spec.without.contains(&Protection::ReadOnlyRoot);
    let wanted = volumes.iter().filter(|path| unwritable && !is_covered(spec, path));
    ours.chain(wanted.map(|path| (path.clone(), EMPTY.to_owned()))).collect()
}

fn mounts(spec: &ContainerSpec) -> Vec<Mount> {
    let agent = Mount {
        typ: Some(MountType::VOLUME),
        source: Some(spec.agent_volume.clone()),
        target: Some(delivery::DIRECTORY.to_owned()),
        read_only: Some(true),
        volume_options: Some(MountVolumeOptions { no_copy: Some(true), ..MountVolumeOptions::default() }),
        ..Mount::default()
    };
    std::iter::once(agent).chain(spec.binds.iter().map(bind)).collect()
}

/// Whether the container has something of ours in this place.
fn is_covered(spec: &ContainerSpec, path: &str) -> bool {
    let path = Path::new(path);
    path == Path::new(delivery::DIRECTORY)
        || spec.tmpfs.iter().any(|tmpfs| tmpfs.path == path)
        || spec.binds.iter().any(|bind| bind.target == path)
}

/// What is mounted below the directory is shown only where it is as writable as the directory: an engine
/// before Docker 25 can't make it read-only.
fn bind(bind: &BindMount) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(bind.source.to_string_lossy().into_owned()),
        target: Some(bind.target.to_string_lossy().into_owned()),
        read_only: Some(!bind.writable),
        bind_options: Some(MountBindOptions {
            propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
            non_recursive: Some(!bind.writable),
            ..MountBindOptions::default()
        }),
        ..Mount::default()
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The engine takes no less than a hundredth of a processor.
#[expect(clippy::cast_possible_truncation, reason = "a share of processors is far below where that begins")]
fn nano_cpus(cpu: f64) -> i64 {
    (cpu.max(0.01) * 1e9) as i64
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::container::Bounds;

    fn spec() -> ContainerSpec {
        ContainerSpec {
            user: (1000, 1000),
            seccomp: Some("{}".to_owned()),
            tmpfs: vec![Tmpfs { path: "/workspace".into(), bytes: Some(4096), inodes: Some(7) }],
            binds: [false, true]
                .map(|writable| BindMount { source: "/a".into(), target: "/b".into(), writable })
                .into(),
            bounds: Bounds {
                memory_bytes: Some(64 << 20),
                pids: Some(32),
                cpu: Some(0.5),
                shm_bytes: Some(1 << 20),
                open_files: Some(256),
            },
            ..ContainerSpec::default()
        }
    }

    #[test]
    fn nothing_is_left_to_defaults() {
        let host = host_config(&spec(), &["/data".to_owned(), "/workspace".to_owned()], 2);
        assert_eq!(host.security_opt.unwrap(), ["seccomp={}", "no-new-privileges:true"]);
        assert_eq!(host.cap_drop.unwrap(), ["ALL"]);
        assert_eq!((host.network_mode.as_deref(), host.ipc_mode.as_deref()), (Some("none"), Some("private")));
        assert_eq!((host.readonly_rootfs, host.privileged), (Some(true), Some(false)));
        assert_eq!((host.memory, host.memory_swap, host.pids_limit), (Some(64 << 20), Some(64 << 20), Some(32)));
        assert_eq!((host.nano_cpus, host.shm_size), (Some(500_000_000), Some(1 << 20)));
        let tmpfs = host.tmpfs.unwrap();
        assert_eq!((tmpfs.len(), tmpfs["/data"].as_str()), (2, EMPTY), "in place of the image's own volume");
        assert_eq!(tmpfs["/workspace"], "rw,exec,nosuid,nodev,mode=0755,uid=1000,gid=1000,size=4096,nr_inodes=7");
        assert!(host.ulimits.unwrap().iter().any(|limit| limit.name.as_deref() == Some("nofile")));
        let masked = host.masked_paths.unwrap();
        assert!(masked.contains(&"/proc/kallsyms".to_owned()) && masked.contains(&"/sys/firmware".to_owned()));
        // The agent reads there what the kernel killed.
        assert!(!masked.iter().any(|path| path.starts_with("/sys/fs")), "{masked:?}");
        assert_eq!(host.readonly_paths, None, "the engine's own");
        assert_eq!(host.cgroupns_mode, Some(HostConfigCgroupnsModeEnum::PRIVATE));
        let mounts = host.mounts.unwrap();
        assert_eq!(mounts[0].target.as_deref().map(PathBuf::from), Some(delivery::DIRECTORY.into()));
        assert_eq!(
            mounts.iter().map(|mount| mount.read_only).collect::<Vec<_>>(),
            [Some(true), Some(true), Some(false)]
        );
    }

    #[test]
    fn a_protection_left_out_is_the_only_one() {
        let changed = |protection| host_config(&ContainerSpec { without: vec![protection], ..spec() }, &[], 1);
        let all = host_config(&spec(), &[], 1);

        let mut seccomp = changed(Protection::Seccomp);
        assert_eq!(seccomp.security_opt.take().unwrap(), ["seccomp=unconfined", "no-new-privileges:true"]);
        assert_eq!(seccomp, HostConfig { security_opt: None, ..all.clone() });

        let mut cgroups = changed(Protection::Cgroups);
        assert_eq!(
            (cgroups.memory, cgroups.memory_swap, cgroups.pids_limit, cgroups.nano_cpus),
            (None, None, None, None)
        );
        cgroups.memory = all.memory;
        cgroups.memory_swap = all.memory_swap;
        cgroups.pids_limit = all.pids_limit;
        cgroups.nano_cpus = all.nano_cpus;
        assert_eq!(cgroups, all);

        assert_eq!(changed(Protection::Capabilities), HostConfig { cap_drop: None, ..all.clone() });
        assert_eq!(changed(Protection::ReadOnlyRoot), HostConfig { readonly_rootfs: Some(false), ..all.clone() });
        assert_eq!(changed(Protection::Network), HostConfig { network_mode: Some("host".to_owned()), ..all });
    }
}
