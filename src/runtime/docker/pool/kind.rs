//! What makes two sandboxes the same before anything has run in them.

use crate::config::Limits;
use crate::runtime::docker::Oci;
use crate::runtime::docker::images::Choice;
use crate::runtime::{SandboxSpec, Workspace};

/// Sandboxes of one kind can stand in for each other as long as they are unused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kind {
    machine: String,
    oci: Oci,
    /// The image as it was asked for, and what that was when it was looked up.
    image_name: String,
    image_id: String,
    hostname: String,
    memory_bytes: u64,
    /// A fraction of processors, by its bits.
    cpu: Option<u64>,
    pids: u64,
    disk_bytes: u64,
    open_files: u64,
}

impl Kind {
    /// The kind of a sandbox; `None` for one that can't have been made before it was asked for: what is bound is
    /// somebody's own, and what outlives its daemon carries its session's name.
    pub(in crate::runtime::docker) fn of(machine: &str, oci: Oci, image: &Choice, spec: &SandboxSpec) -> Option<Self> {
        // A copy is made after the sandbox was taken: until then it is as empty as any.
        if matches!(spec.workspace, Workspace::Bind { .. } | Workspace::Overlay { .. }) {
            return None;
        }
        if spec.outlives.is_some() || !spec.without.is_empty() {
            return None;
        }
        // Output and time are the daemon's own to bound.
        let Limits { memory_bytes, cpu, pids, disk_bytes, open_files, output_bytes: _, execution_timeout: _ } =
            spec.limits;
        Some(Self {
            machine: machine.to_owned(),
            oci,
            image_name: image.name.clone(),
            image_id: image.id.clone(),
            hostname: spec.hostname.clone(),
            memory_bytes,
            cpu: cpu.map(f64::to_bits),
            pids,
            disk_bytes,
            open_files,
        })
    }

    /// The machine that it is on.
    #[must_use]
    pub fn machine(&self) -> &str {
        &self.machine
    }

    /// What runs it.
    #[must_use]
    pub fn oci(&self) -> Oci {
        self.oci
    }

    /// The id of its image.
    #[must_use]
    pub fn image_id(&self) -> &str {
        &self.image_id
    }

    /// Whether it is of an image that goes by another's name now.
    pub(in crate::runtime::docker) fn is_superseded_by(&self, machine: &str, image: &Choice) -> bool {
        self.machine == machine && self.image_name == image.name && self.image_id != image.id
    }

    /// What one is made by.
    pub(in crate::runtime::docker) fn spec(&self) -> SandboxSpec {
        let limits = Limits {
            memory_bytes: self.memory_bytes,
            cpu: self.cpu.map(f64::from_bits),
            pids: self.pids,
            disk_bytes: self.disk_bytes,
            open_files: self.open_files,
            ..Limits::default()
        };
        SandboxSpec {
            limits,
            image: Some(self.image_id.clone()),
            hostname: self.hostname.clone(),
            ..SandboxSpec::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SessionId;
    use crate::runtime::Outlives;

    fn kind(spec: &SandboxSpec) -> Option<Kind> {
        let image = Choice { name: "python".to_owned(), id: "sha256:1".to_owned() };
        Kind::of("local", Oci::Default, &image, spec)
    }

    #[test]
    fn what_is_made_by_a_kind_is_of_that_kind() {
        let copy = Workspace::Copy { path: "/home/me/project".into(), exclude: vec!["target".to_owned()] };
        for workspace in [Workspace::None, copy] {
            let limits = Limits { cpu: Some(1.5), pids: 7, ..Limits::default() };
            let spec = SandboxSpec { workspace, limits, hostname: "box".to_owned(), ..SandboxSpec::default() };
            let first = kind(&spec).expect("it may wait");
            assert_eq!(kind(&first.spec()), Some(first.clone()));
            assert_eq!(first.spec().image.as_deref(), Some(first.image_id()));
        }
    }

    #[test]
    fn all_that_a_sandbox_is_made_by_tells_kinds_apart() {
        let base = SandboxSpec::default();
        let other = |change: fn(&mut Limits)| {
            let mut limits = base.limits;
            change(&mut limits);
            kind(&SandboxSpec { limits, ..base.clone() })
        };
        for other in [
            other(|limits| limits.memory_bytes += 1),
            other(|limits| limits.cpu = Some(1.0)),
            other(|limits| limits.pids += 1),
            other(|limits| limits.disk_bytes += 1),
            other(|limits| limits.open_files += 1),
            kind(&SandboxSpec { hostname: "other".to_owned(), ..base.clone() }),
        ] {
            assert_ne!(other, kind(&base));
        }
        assert_eq!(other(|limits| limits.output_bytes += 1), kind(&base));
        let copy = Workspace::Copy { path: "/a".into(), exclude: Vec::new() };
        assert_eq!(kind(&SandboxSpec { workspace: copy, ..base.clone() }), kind(&base));
    }

    #[test]
    fn what_is_somebodys_own_does_not_wait_for_anybody() {
        let bind = Workspace::Bind { path: "/home/me".into(), writable: false };
        let outlives =
            Outlives { session: SessionId::random(), notes: String::new(), alone: std::time::Duration::from_secs(1) };
        for spec in [
            SandboxSpec { workspace: bind, ..SandboxSpec::default() },
            SandboxSpec { outlives: Some(outlives), ..SandboxSpec::default() },
            SandboxSpec { without: vec![codebeaker_agent::plan::Protection::Seccomp], ..SandboxSpec::default() },
        ] {
            assert_eq!(kind(&spec), None);
        }
    }
}
