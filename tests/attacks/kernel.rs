//! Attacks on the kernel: calls and devices with which sandboxes were broken before.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

use codebeaker::agent::plan::Protection::{
    Capabilities, Landlock, MinimalRoot, NoNewPrivileges, ProcMasks, ReadOnlyRoot, Seccomp,
};
use codebeaker::runtime::Workspace;

use crate::actor::{Actor, each_actor};
use crate::harness::Place;
use crate::harness::skip::skip;
use crate::lab::{Setting, program};
use crate::reach::possible;

pub(crate) fn no_namespaces_are_made_or_joined(place: Place) {
    each_actor(place, async |mut lab| {
        let attempts = ["unshare user", "unshare mount", "clone network", "clone3 pid", "setns user"];
        lab.works(program!("namespaces.py"), &[Seccomp], &attempts).await;
        lab.fails(program!("namespaces.py")).await;
    });
}

pub(crate) fn nothing_is_mounted_and_no_other_root_entered(place: Place) {
    each_actor(place, async |mut lab| {
        let attempts = ["mount tmpfs in a namespace", "chroot in a namespace", "fsopen in a namespace", "listmount"];
        lab.works(program!("mounts.py"), &[Seccomp], &attempts).await;
        lab.fails(program!("mounts.py")).await;
    });
}

pub(crate) fn calls_that_keep_breaking_kernels_are_not_there(place: Place) {
    each_actor(place, async |mut lab| {
        let attempts =
            ["keyctl", "io_uring_setup", "userfaultfd", "process_vm_readv", "name_to_handle_at", "modify_ldt"];
        lab.works(program!("calls.py"), &[Seccomp], &attempts).await;
        lab.fails(program!("calls.py")).await;
    });
}

pub(crate) fn other_calling_conventions_dont_get_around_the_filter(place: Place) {
    each_actor(place, async |mut lab| {
        let attempts = ["int 0x80", "unshare by int 0x80", "clone flags with a high bit"];
        lab.works(program!("conventions.py"), &[Seccomp], &attempts).await;
        lab.fails(program!("conventions.py")).await;
    });
}

pub(crate) fn no_characters_are_pushed_into_a_terminal(place: Place) {
    each_actor(place, async |mut lab| {
        // Kernels since 6.2 may refuse TIOCSTI by themselves; what sets a line discipline they don't.
        let stand = lab.sandbox(Setting::without(&[Seccomp])).await;
        let ran = stand.attack_in_terminal(program!("terminal.py")).await;
        ran.assert_worked(&["TIOCSETD"]);
        let legacy = std::fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti").is_ok_and(|value| value.trim() == "0");
        if !legacy {
            ran.assert_worked(&possible(place, &["TIOCSTI"]));
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

pub(crate) fn only_common_families_of_sockets(place: Place) {
    each_actor(place, async |mut lab| {
        lab.works(program!("families.py"), &[Seccomp], &["netlink generic", "netlink audit", "udplite", "mptcp"]).await;
        lab.fails(program!("families.py")).await;
    });
}

pub(crate) fn files_that_command_the_kernel_are_out_of_reach(place: Place) {
    each_actor(place, async |mut lab| {
        let attempts = ["read /proc/kallsyms", "list /sys", "read /sys/class/net/lo/address"];
        lab.works(program!("kernel_files.py"), &[ProcMasks, MinimalRoot, ReadOnlyRoot], &attempts).await;
        lab.fails(program!("kernel_files.py")).await;
    });
}

pub(crate) fn no_device_is_made_or_opened(place: Place) {
    each_actor(place, async |mut lab| {
        lab.fails(program!("devices.py")).await;
        // A device that lies in a directory of the host works there, and in no sandbox.
        if lab.actor != Actor::Root {
            return;
        }
        let shared = lab.host.ground.join("shared");
        fs::create_dir(&shared).expect("make a directory");
        lab.share(&shared);
        let in_containers = lab.place.has_containers();
        // Of its own a container has what is like `/dev/null`, so there it is the kernel's log.
        let minor = if in_containers { "11" } else { "3" };
        let device = shared.join("device");
        let made = Command::new("mknod").args(["-m", "666"]).arg(&device).args(["c", "1", minor]).status();
        if !made.is_ok_and(|status| status.success()) || fs::File::open(&device).is_err() {
            return skip("no device can be made on this file system");
        }
        for workspace in [
            Workspace::Bind { path: shared.clone(), writable: true },
            Workspace::Bind { path: shared.clone(), writable: false },
            Workspace::Overlay { path: shared.clone() },
            Workspace::Copy { path: shared.clone(), exclude: vec![] },
        ] {
            // Containers have no overlays, and a copy is made by the session.
            if in_containers && !matches!(workspace, Workspace::Bind { .. }) {
                continue;
            }
            let stand = lab.sandbox(Setting::safe().workspace(workspace.clone())).await;
            let ran = stand.attack("attempt('open', lambda: os.open('/workspace/device', os.O_RDONLY))").await;
            println!("{workspace:?}: {}", ran.stdout);
            ran.assert_refused();
            stand.close().await;
        }
    });
}

pub(crate) fn no_program_gives_another_identity(place: Place) {
    each_actor(place, async |mut lab| {
        // Whoever runs this on the host becomes its owner.
        let shared = lab.host.ground.join("shared");
        fs::create_dir(&shared).expect("make a directory");
        lab.share(&shared);
        let planted = shared.join("planted-id");
        fs::copy("/usr/bin/id", &planted).expect("copy a program");
        if lab.actor == Actor::Root {
            chown(&planted, Some(0), Some(0)).expect("give it to root");
        }
        fs::set_permissions(&planted, fs::Permissions::from_mode(0o6755)).expect("make it set-user-id");
        if lab.actor == Actor::Root {
            let run = ["--reuid", "54321", "--regid", "54321", "--clear-groups", "--"];
            let output = Command::new("setpriv").args(run).arg(&planted).arg("-u").output().expect("start setpriv");
            if String::from_utf8_lossy(&output.stdout).trim() != "0" {
                skip("set-user-id has no effect on this file system");
            }
        }
        for writable in [false, true] {
            let workspace = Workspace::Bind { path: shared.clone(), writable };
            let stand = lab.sandbox(Setting::safe().workspace(workspace)).await;
            let ran = stand.attack(program!("identity.py")).await;
            println!("{}", ran.stdout);
            ran.assert_refused();
            lab.host.assert_untouched(&ran.seen());
            stand.close().await;
        }
        // Three layers stand between; of two can be shown that they are there.
        // Without either, and without being root, an agent in a container can't take on the other two.
        let mut without = vec![NoNewPrivileges, Capabilities];
        if lab.place.has_containers() {
            without.extend([Landlock, Seccomp]);
        }
        let stand = lab.sandbox(Setting::without(&without)).await;
        let ran = stand.attack(program!("identity.py")).await;
        ran.assert_worked(&possible(place, &["may gain privileges", "capabilities"]));
        stand.close().await;
    });
}
