//! What PID 1 gives up, and what every program then lacks: processors, resources, capabilities.
//!
//! The same wherever the sandbox was made: by the launcher, or by an engine of containers.

pub(crate) mod landlock;
pub(crate) mod seccomp;

use codebeaker_agent::plan::{self, Resource};
use rustix::process::{DumpableBehavior, Rlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, CpuSet};

use crate::failure::{Failure, Step, checked};

/// Restricts the sandbox to `count` of the processors it may use. Which ones goes by where the process
/// happens to run, so that many sandboxes spread.
pub(crate) fn keep_to_processors(count: u32) -> Result<(), Failure> {
    let allowed = rustix::thread::sched_getaffinity(None).step("read processor affinity")?;
    let first = rustix::thread::sched_getcpu();
    let mut kept = CpuSet::new();
    let order = (first..CpuSet::MAX_CPU).chain(0..first);
    for processor in order.filter(|processor| allowed.is_set(*processor)).take(count.max(1) as usize) {
        kept.set(processor);
    }
    rustix::thread::sched_setaffinity(None, &kept).step("set processor affinity")
}

/// Sets the limits that hold for each process. Where the launcher was given a tighter one, that stays:
/// nobody in a sandbox may have more than the one who started it.
pub(crate) fn limit_resources(limits: &[plan::Rlimit]) -> Result<(), Failure> {
    for limit in limits {
        let (resource, name) = match limit.resource {
            Resource::Data => (rustix::process::Resource::Data, "data"),
            Resource::Processes => (rustix::process::Resource::Nproc, "processes"),
            Resource::OpenFiles => (rustix::process::Resource::Nofile, "open files"),
            Resource::FileSize => (rustix::process::Resource::Fsize, "file size"),
            Resource::Core => (rustix::process::Resource::Core, "core"),
        };
        let most = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let (soft, hard) = (limit.soft.min(most), limit.hard.min(most));
        let limit = Rlimit { current: finite(soft), maximum: finite(hard) };
        rustix::process::setrlimit(resource, limit).step(format_args!("limit {name}"))?;
    }
    Ok(())
}

fn finite(limit: u64) -> Option<u64> {
    (limit != u64::MAX).then_some(limit)
}

/// Empties every capability set, for good.
///
/// With `drop` unset, an attack test wants programs to have them: they are made ambient, which is how
/// they outlive an `exec`.
pub(crate) fn drop_capabilities(drop: bool) -> Result<(), Failure> {
    if !drop {
        return keep_capabilities_across_exec();
    }
    rustix::thread::clear_ambient_capability_set().step("clear ambient capabilities")?;
    for capability in 0.. {
        // SAFETY: a system call on numbers.
        let held = unsafe { libc::prctl(libc::PR_CAPBSET_READ, capability, 0, 0, 0) };
        match checked(libc::c_long::from(held)) {
            // The first number that the kernel doesn't know as a capability.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => break,
            held => held.step("read bounding set")?,
        };
        // SAFETY: as above.
        let dropped = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        checked(libc::c_long::from(dropped)).step(format_args!("drop capability {capability} from bounding set"))?;
    }
    empty_sets()
}

/// Empties every capability set of a process that may have none to begin with. What then stays in its bounding
/// set can't be had any more under `no_new_privs`, which the caller has set.
pub(crate) fn drop_remaining_capabilities() -> Result<(), Failure> {
    let effective = rustix::thread::capabilities(None).step("read capabilities")?.effective;
    if effective.contains(CapabilitySet::SETPCAP) {
        return drop_capabilities(true);
    }
    empty_sets()
}

/// The ambient set holds nothing that isn't in these.
fn empty_sets() -> Result<(), Failure> {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    rustix::thread::set_capabilities(None, sets).step("drop capabilities")
}

/// Keeps the capabilities when the ids change.
pub(crate) fn keep_capabilities_across_ids() -> Result<(), Failure> {
    rustix::thread::set_keep_capabilities(true).step("keep capabilities")
}

fn keep_capabilities_across_exec() -> Result<(), Failure> {
    let permitted = rustix::thread::capabilities(None).step("read capabilities")?.permitted;
    let sets = CapabilitySets { effective: permitted, permitted, inheritable: permitted };
    rustix::thread::set_capabilities(None, sets).step("keep capabilities")?;
    for capability in permitted.iter() {
        rustix::thread::configure_capability_in_ambient_set(capability, true).step("raise ambient capability")?;
    }
    Ok(())
}

/// Closes PID 1 to `ptrace` and its `/proc` entry to readers. Programs have the same user id, so
/// nothing else would.
pub(crate) fn hide_from_programs(hide: bool) -> Result<(), Failure> {
    // Stated in both cases: what the kernel assumed after the ids changed is not what a test asked for.
    let behavior = if hide { DumpableBehavior::NotDumpable } else { DumpableBehavior::Dumpable };
    rustix::process::set_dumpable_behavior(behavior).step("set dumpable")
}
