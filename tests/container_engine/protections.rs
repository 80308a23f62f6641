//! What a container is made with, by attack: each works with its one protection off and fails with all on.

use codebeaker::container::engine::BuildOrder;
use codebeaker::container::{ContainerSpec, Tmpfs};
use codebeaker_agent::plan::Protection;
use tokio::io::AsyncReadExt;

use super::images::tar;
use super::place::{Place, place, within};

/// Refuses one call that the shell's programs can do without.
const FILTER: &str = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["symlink", "symlinkat"], "action": "SCMP_ACT_ERRNO"}]}"#;

/// Whether a shell says that its attack worked.
async fn works(place: &Place, attack: &str, change: impl FnOnce(&mut ContainerSpec)) -> bool {
    let mut spec = place.spec(&["sh", "-c", &format!("if {attack}; then echo yes; else echo no; fi 2>/dev/null")]);
    spec.seccomp = Some(FILTER.to_owned());
    change(&mut spec);
    let mut program = place.make(&spec).await;
    within(place.engine.start(&program.id)).await.unwrap();
    let mut said = String::new();
    within(program.streams.reader.read_to_string(&mut said)).await.unwrap();
    match said.trim() {
        "yes" => true,
        // Memory that is files frees nobody who is killed for it: the whole container goes.
        "no" | "" => false,
        other => panic!("{attack}: {other:?}, {:?}", program.streams.complaint.text()),
    }
}

#[tokio::test]
async fn each_protection_holds_and_is_needed() {
    let Some(place) = place("attacks").await else { return };
    for (protection, attack) in [
        (Protection::Seccomp, "ln -s a /tmp/link"),
        (Protection::Network, "[ $(ls /sys/class/net | wc -l) -gt 1 ] || grep -q '^ *eth' /proc/net/dev"),
        (Protection::ReadOnlyRoot, "touch /root-is-writable"),
        (Protection::Capabilities, "chown 7 /tmp"),
        (Protection::NoNewPrivileges, "grep -q '^NoNewPrivs:[[:space:]]*0' /proc/self/status"),
        (Protection::TmpfsSizes, "head -c 4194304 /dev/zero > /workspace/big"),
        (Protection::TmpfsSizes, "(cd /workspace && touch $(seq 100))"),
        (Protection::Rlimits, "[ $(ulimit -n) -gt 128 ]"),
        (Protection::ProcMasks, "[ ! -c /proc/keys ]"),
        (Protection::Uts, "[ $(cat /proc/sys/kernel/hostname) != place ]"),
    ] {
        // Root in the container, for protections that matter to nobody else.
        let rooted = matches!(protection, Protection::ReadOnlyRoot | Protection::Capabilities);
        let prepare = |spec: &mut ContainerSpec| {
            if rooted {
                spec.user = (0, 0);
            }
        };
        assert!(!works(&place, attack, prepare).await, "{protection:?} on: {attack}");
        let off = works(&place, attack, |spec| {
            prepare(spec);
            spec.without = vec![protection];
        });
        // The only network of an engine may be the one that it shares with its machine, with nothing in it.
        assert!(off.await || protection == Protection::Network, "{protection:?} off: {attack}");
    }
}

#[tokio::test]
async fn memory_and_processes_are_bounded() {
    let Some(place) = place("bounds").await else { return };
    // Memory is taken as files, which count as such.
    let room = |spec: &mut ContainerSpec| {
        spec.tmpfs.push(Tmpfs { path: "/big".into(), bytes: None, inodes: None });
    };
    let bomb = "(head -c 100000000 /dev/zero > /big/file)";
    let crowd = "(for i in $(seq 60); do sleep 30 & done) >/dev/null 2>/tmp/errors; ! grep -q fork /tmp/errors";
    for attack in [bomb, crowd] {
        assert!(!works(&place, attack, room).await, "bounded: {attack}");
        let unbounded = |spec: &mut ContainerSpec| {
            room(spec);
            spec.without = vec![Protection::Cgroups];
        };
        assert!(works(&place, attack, unbounded).await, "unbounded: {attack}");
    }
}

#[tokio::test]
async fn a_directory_is_shown_as_writable_as_it_should_be() {
    let Some(place) = place("binds").await else { return };
    if !place.engine.address().is_local() {
        return super::harness::skip::skip("the container engine is not on this machine");
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    std::os::unix::fs::chown(path, Some(1000), Some(1000)).expect("root's right to give directories away");
    for writable in [false, true] {
        let written = works(&place, "touch /shown/file", |spec| {
            spec.binds =
                vec![codebeaker::container::BindMount { source: path.to_owned(), target: "/shown".into(), writable }];
        });
        assert_eq!(written.await, writable);
        assert_eq!(path.join("file").exists(), writable);
    }
}

#[tokio::test]
async fn an_image_gets_no_place_on_the_engines_disk() {
    let Some(mut place) = place("volumes").await else { return };
    let tag = format!("{}:1", place.name);
    let dockerfile =
        format!("FROM {}\nUSER 0\nRUN [\"/bin/mkdir\", \"/data\"]\nVOLUME /data /workspace\n", place.image);
    let order = BuildOrder {
        context: tar(&[("Dockerfile", &dockerfile)]).into(),
        dockerfile: "Dockerfile".to_owned(),
        tag: tag.clone(),
        network: Some("none".to_owned()),
        ..BuildOrder::default()
    };
    within(place.engine.build(order, &mut |_| {})).await.unwrap();
    place.image = tag.clone();
    let as_root = |spec: &mut ContainerSpec| spec.user = (0, 0);
    assert!(!works(&place, "touch /data/file", as_root).await);
    let writable = |spec: &mut ContainerSpec| {
        as_root(spec);
        spec.without = vec![Protection::ReadOnlyRoot];
    };
    assert!(works(&place, "touch /data/file", writable).await);
    // Where there is something of ours already, the image's wish changes nothing.
    assert!(works(&place, "touch /workspace/file && grep -q ' /workspace tmpfs ' /proc/mounts", |_| {}).await);
    assert!(!works(&place, "head -c 4194304 /dev/zero > /workspace/big", |_| {}).await);
    within(place.engine.remove_image(&tag, true)).await.unwrap();
}
