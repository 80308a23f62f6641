//! What a program reaches where: attempts that can't be told from success by their outcome alone, because a place has
//! harmless things of the same name, or has no such thing at all.

use crate::harness::Place;

/// What is tried in containers, and reaches there nothing of the host's: their images have users of their own, the
/// engine shows them names in `/sys` and a `/dev/mqueue` of their own, and the agent, with no other user to be, keeps
/// code where its programs can write.
const OF_CONTAINERS: [&str; 6] = [
    "other users' names",
    "list /sys",
    "list /proc/acpi",
    "other devices",
    "a file in /run/codebeaker",
    "code changed",
];

/// What is tried in gVisor as well, and reaches there nothing but the sandbox itself: devices of its own kernel, and an
/// agent that its kernel shows to programs of the same user, whether or not that is dumpable. It decides itself who is
/// spared and nice, and takes the numbers of 32-bit calls for those of others, which are filtered.
const OF_GVISOR: [&str; 9] = [
    "open /dev/fuse",
    "open /dev/net/tun",
    "environ",
    "maps",
    "descriptors",
    "reopened descriptors",
    "be spared when memory is short",
    "be nicer to itself",
    "int 0x80",
];

/// What gVisor's kernel has in no sandbox, whatever is left out: there is nothing to protect from.
const NOT_IN_GVISOR: [&str; 29] = [
    "set-user-id program",
    "file capabilities",
    "clone3 pid",
    "setns user",
    "mount tmpfs in a namespace",
    "chroot in a namespace",
    "fsopen in a namespace",
    "listmount",
    "keyctl",
    "io_uring_setup",
    "userfaultfd",
    "process_vm_readv",
    "name_to_handle_at",
    "modify_ldt",
    "pidfd_getfd",
    "unshare by int 0x80",
    "TIOCSTI",
    "read /proc/kallsyms",
    "list /sys",
    "read /sys/class/net/lo/address",
    "mem",
    "exe",
    "ptrace",
    "host name",
    "host's loopback",
    "all of loopback",
    "abstract",
    "names of the host's sockets",
    "may gain privileges",
];

/// What may work in this place.
pub(crate) fn harmless(place: Place) -> Vec<&'static str> {
    match place {
        Place::Native => Vec::new(),
        Place::Docker => OF_CONTAINERS.into(),
        Place::Gvisor => [&OF_CONTAINERS[..], &OF_GVISOR].concat(),
    }
}

/// Which of these attempts there is anything to protect from in this place.
pub(crate) fn possible<'a>(place: Place, attempts: &[&'a str]) -> Vec<&'a str> {
    let mut attempts = attempts.to_vec();
    attempts.retain(|attempt| place != Place::Gvisor || !NOT_IN_GVISOR.contains(attempt));
    attempts
}
