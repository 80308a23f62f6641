//! Attacks on the kernel: calls and devices with which sandboxes were broken before.

use codebeaker::agent::plan::Protection::Seccomp;

use crate::actor::each_actor;
use crate::lab::{Setting, program};

#[test]
fn no_namespaces_are_made_or_joined() {
    each_actor(async |mut lab| {
        let attempts = ["unshare user", "unshare mount", "clone network", "clone3 pid", "setns user"];
        lab.works(program!("namespaces.py"), &[Seccomp], &attempts).await;
        lab.fails(program!("namespaces.py")).await;
    });
}

#[test]
fn nothing_is_mounted_and_no_other_root_entered() {
    each_actor(async |mut lab| {
        let attempts = ["mount tmpfs in a namespace", "chroot in a namespace", "fsopen in a namespace", "listmount"];
        lab.works(program!("mounts.py"), &[Seccomp], &attempts).await;
        lab.fails(program!("mounts.py")).await;
    });
}

#[test]
fn calls_that_keep_breaking_kernels_are_not_there() {
    each_actor(async |mut lab| {
        let attempts =
            ["keyctl", "io_uring_setup", "userfaultfd", "process_vm_readv", "name_to_handle_at", "modify_ldt"];
        lab.works(program!("calls.py"), &[Seccomp], &attempts).await;
        lab.fails(program!("calls.py")).await;
    });
}

#[test]
fn other_calling_conventions_dont_get_around_the_filter() {
    each_actor(async |mut lab| {
        let attempts = ["int 0x80", "unshare by int 0x80", "clone flags with a high bit"];
        lab.works(program!("conventions.py"), &[Seccomp], &attempts).await;
        lab.fails(program!("conventions.py")).await;
    });
}

#[test]
fn no_characters_are_pushed_into_a_terminal() {
    each_actor(async |mut lab| {
        // Kernels since 6.2 may refuse TIOCSTI by themselves; what sets a line discipline they don't.
        let stand = lab.sandbox(Setting::without(&[Seccomp])).await;
        let ran = stand.attack_in_terminal(program!("terminal.py")).await;
        ran.assert_worked(&["TIOCSETD"]);
        let legacy = std::fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti").is_ok_and(|value| value.trim() == "0");
        if !legacy {
            ran.assert_worked(&["TIOCSTI"]);
        }
        stand.close().await;

        let stand = lab.sandbox(Setting::safe()).await;
        let ran = stand.attack_in_terminal(program!("terminal.py")).await;
        println!("with everything:\n{}", ran.stdout);
        assert!(ran.stdout.contains("/dev/pts/"), "it has no terminal: {ran:#?}");
        ran.assert_refused();
        lab.host.assert_untouched(&ran.seen());
        stand.assert_works().await;
        stand.close().await;
    });
}

#[test]
fn only_common_families_of_sockets() {
    each_actor(async |mut lab| {
        lab.works(program!("families.py"), &[Seccomp], &["netlink generic", "netlink audit", "udplite", "mptcp"]).await;
        lab.fails(program!("families.py")).await;
    });
}
