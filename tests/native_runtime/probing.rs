//! The probe says whether sandboxes can be made, and why not.

use std::process::Command;

use codebeaker::runtime::native::Native;
use codebeaker::runtime::{Isolation, Runtime, RuntimeError};

use super::boxes::{is_root, on_both, part, role, run, spec};
use super::skip::skip;

#[test]
fn where_a_sandbox_comes_up_the_runtime_is_available() {
    on_both("probing::where_a_sandbox_comes_up_the_runtime_is_available", async || {
        let native = Native::start();
        let probe = native.probe().await;
        assert!(probe.available, "{probe:?}");
        assert_eq!((probe.reason, probe.fix), (None, None));
        assert_eq!((native.id(), native.isolation()), ("native", Isolation::Namespaces));
    });
}

/// Runs the rest of test `name` after `preparation`, as root of a user namespace.
fn in_a_user_namespace(name: &str, preparation: &str) {
    let program = part(name, "inside");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-ec", &format!("{preparation}; exec \"$@\""), "sh"]);
    command.arg(program.get_program()).args(program.get_args());
    command.envs(program.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let output = command.output().expect("unshare is part of util-linux, and every Linux has it");
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("1 passed"), "{printed}");
}

#[test]
fn where_there_are_no_user_namespaces_it_says_how_to_get_them() {
    const NAME: &str = "probing::where_there_are_no_user_namespaces_it_says_how_to_get_them";
    if role().as_deref() != Some("inside") {
        if !is_root() {
            return skip("only root may limit user namespaces for certain");
        }
        return in_a_user_namespace(NAME, "echo 0 > /proc/sys/user/max_user_namespaces");
    }
    run(async {
        let native = Native::start();
        let probe = native.probe().await;
        assert!(!probe.available);
        let (reason, fix) = (probe.reason.unwrap(), probe.fix.unwrap());
        assert!(reason.contains("user namespace") && reason.contains("No space left"), "{reason}");
        assert!(fix.contains("sysctl user.max_user_namespaces="), "{fix}");
        assert!(native.probe().await.reason.is_some_and(|again| again == reason));
    });
}

#[test]
fn where_proc_is_covered_it_says_so_instead_of_doing_without() {
    const NAME: &str = "probing::where_proc_is_covered_it_says_so_instead_of_doing_without";
    if role().as_deref() != Some("inside") {
        if !is_root() {
            return skip("only root may cover /proc for certain");
        }
        // As container engines do; the kernel then gives out no new one that would show what is covered.
        return in_a_user_namespace(NAME, "mount -t tmpfs none /proc/acpi || mount --bind /dev/null /proc/kmsg");
    }
    run(async {
        let probe = Native::start().probe().await;
        assert!(!probe.available);
        assert!(probe.reason.as_deref().is_some_and(|reason| reason.contains("proc")), "{probe:?}");
    });
}

#[test]
fn an_engine_that_is_not_there_is_no_sandbox_without_it() {
    on_both("probing::an_engine_that_is_not_there_is_no_sandbox_without_it", async || {
        let mut spec = spec();
        spec.engine_roots = vec!["/nonexistent/engine".into()];
        let refused = Native::start().create(spec).await;
        assert!(matches!(refused, Err(RuntimeError::Launch(_))), "{refused:?}");
    });
}
