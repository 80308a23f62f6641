//! `/proc` of the sandbox: its own processes, and as little of the host's kernel as programs can bear.
//!
//! Not `subset=pid`: Node, the JVM and .NET read `meminfo` and `cpuinfo`, so these show the host.

use std::os::fd::AsFd;
use std::path::Path;

use codebeaker_agent::plan::{Plan, Protection};
use rustix::mount::MountAttrFlags;

use super::devices;
use super::filesystem::{self, GUARDED, READ_ONLY, Reach, Tmpfs};
use super::tree::Tree;
use crate::failure::Failure;

/// Parts that configure the kernel: readable, for the many programs that look into `/proc/sys`.
const READ_ONLY_PARTS: [&str; 4] = ["/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs"];

/// Files that show memory, keys, timers or addresses of the host's kernel, or command it.
const MASKED_FILES: [&str; 12] = [
    "/proc/kcore",
    "/proc/keys",
    "/proc/key-users",
    "/proc/kmsg",
    "/proc/kallsyms",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/kpagecgroup",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
];

/// Directories that show or command hardware.
const MASKED_DIRECTORIES: [&str; 3] = ["/proc/acpi", "/proc/asound", "/proc/scsi"];

/// Mounts a new `/proc` and masks it.
pub(crate) fn mount(plan: &Plan, tree: &Tree) -> Result<(), Failure> {
    let attributes = GUARDED | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let proc = filesystem::create("proc", &[], attributes)?;
    tree.mount_directory(proc.as_fd(), Path::new("/proc"))?;
    if plan.without.contains(&Protection::ProcMasks) {
        return Ok(());
    }
    let attributes = READ_ONLY | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    for path in READ_ONLY_PARTS.map(Path::new) {
        if let Some(part) = tree.open(path)? {
            let part = filesystem::clone_tree(part.as_fd(), Path::new(""))?;
            filesystem::set_attributes(part.as_fd(), Reach::Tree, attributes, &path.to_string_lossy())?;
            tree.mount_directory(part.as_fd(), path)?;
        }
    }
    for path in MASKED_FILES.map(Path::new) {
        if tree.open(path)?.is_some() {
            tree.mount_file(devices::node("null")?.as_fd(), path)?;
        }
    }
    for path in MASKED_DIRECTORIES.map(Path::new) {
        if tree.open(path)?.is_some() {
            let empty = Tmpfs { mode: "0555", limits: Some((4096, 1)), owner: None, attributes };
            tree.mount_directory(empty.create()?.as_fd(), path)?;
        }
    }
    Ok(())
}
