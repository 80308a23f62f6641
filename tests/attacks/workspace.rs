//! Attacks through a directory of the host that a session works in.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use codebeaker::agent::plan::Protection::Seccomp;
use codebeaker::runtime::Workspace;

use crate::actor::each_actor;
use crate::harness::Place;
use crate::lab::{Lab, Setting, program};

/// A directory of the host in which an earlier session has planted what it could.
fn planted(lab: &Lab) -> PathBuf {
    let shared = lab.host.ground.join("shared");
    fs::create_dir_all(shared.join("inside")).expect("make directories");
    let canary = lab.host.facts()["canary"].as_str().expect("a path");
    fs::write(shared.join("file"), "content").expect("write a file");
    symlink(canary, shared.join("canary")).expect("make a link");
    symlink(&lab.host.ground, shared.join("ground")).expect("make a link");
    symlink("../..", shared.join("inside/up")).expect("make a link");
    symlink("/proc/self/environ", shared.join("environ")).expect("make a link");
    symlink("/dev/zero", shared.join("zero")).expect("make a link");
    symlink(".", shared.join("inside/loop")).expect("make a link");
    let made = Command::new("mkfifo").arg(shared.join("fifo")).status().expect("run mkfifo");
    assert!(made.success());
    drop(UnixListener::bind(shared.join("socket")).expect("make a socket"));
    fs::write(shared.join("secret"), "content").expect("write a file");
    fs::set_permissions(shared.join("secret"), fs::Permissions::from_mode(0o600)).expect("close it");
    fs::write(shared.join("identity"), "#!/bin/sh\n").expect("write a file");
    lab.share(&shared);
    fs::set_permissions(shared.join("identity"), fs::Permissions::from_mode(0o6755)).expect("make it set-user-id");
    shared
}

/// All there is below a directory, with what tells a change.
fn state(of: &Path) -> BTreeMap<PathBuf, (u32, u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![of.to_path_buf()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).expect("list a directory").flatten() {
            let metadata = entry.path().symlink_metadata().expect("look at an entry");
            let kind = metadata.file_type();
            let content = match kind {
                kind if kind.is_file() => fs::read(entry.path()).expect("read a file"),
                kind if kind.is_symlink() => {
                    fs::read_link(entry.path()).expect("read a link").into_os_string().into_encoded_bytes()
                }
                kind => vec![u8::from(kind.is_fifo()), u8::from(kind.is_socket())],
            };
            if kind.is_dir() {
                waiting.push(entry.path());
            }
            found.insert(entry.path(), (metadata.mode(), metadata.uid(), content));
        }
    }
    found
}

/// Changes all it can, and looks where links lead.
const CHANGE: &str = r#"
attempt("canary through a link", lambda: read("/workspace/canary"))
attempt("ground through a link", lambda: os.listdir("/workspace/ground"))
attempt("change the canary", lambda: write("/workspace/canary"))
attempt("plant beside it", lambda: write("/workspace/ground/planted"))
attempt("plant above", lambda: write("/workspace/../planted"))
"#;

const SPOIL: &str = r#"
import shutil
def spoil():
    write("/workspace/file", b"spoiled")
    write("/workspace/new", b"spoiled")
    os.chmod("/workspace/identity", 0o777)
    os.rename("/workspace/file", "/workspace/moved")
    os.unlink("/workspace/canary")
    return os.listdir("/workspace")
attempt("spoil", spoil)
"#;

pub(crate) fn a_directory_of_the_host_is_as_closed_as_its_mode_says(place: Place) {
    each_actor(place, async |mut lab| {
        let shared = planted(&lab);
        let before = state(&shared);
        for (workspace, changes) in [
            (Workspace::Copy { path: shared.clone(), exclude: vec![] }, true),
            (Workspace::Overlay { path: shared.clone() }, true),
            (Workspace::Bind { path: shared.clone(), writable: false }, false),
        ] {
            // Containers have no overlays, and a copy is made by the session.
            if lab.place.has_containers() && changes {
                continue;
            }
            let stand = lab.sandbox(Setting::safe().workspace(workspace.clone())).await;
            let looked = stand.attack(CHANGE).await;
            println!("{workspace:?}:\n{}", looked.stdout);
            looked.assert_refused();
            let ran = stand.attack(SPOIL).await;
            assert_eq!(ran.attempts()["spoil"].0, changes, "{workspace:?} {ran:#?}");
            assert_eq!(state(&shared), before, "HOLE: {workspace:?} changed the host's directory");
            lab.host.assert_untouched(&format!("{}{}", looked.seen(), ran.seen()));
            stand.assert_works().await;
            stand.close().await;
            assert_eq!(state(&shared), before, "HOLE: the end of {workspace:?} changed the host's directory");
        }
        // What is given writable can be written, and nothing beside it.
        let stand =
            lab.sandbox(Setting::safe().workspace(Workspace::Bind { path: shared.clone(), writable: true })).await;
        let looked = stand.attack(CHANGE).await;
        looked.assert_refused();
        stand.attack(SPOIL).await.assert_worked(&["spoil"]);
        assert_eq!(fs::read_to_string(shared.join("new")).expect("read it"), "spoiled");
        let owner = fs::metadata(&shared).expect("look at it").uid();
        assert_eq!(fs::metadata(shared.join("new")).expect("look at it").uid(), owner, "it is its directory's owner's");
        lab.host.assert_untouched(&looked.seen());
        stand.close().await;
    });
}

pub(crate) fn no_file_left_on_the_host_gives_its_owners_identity(place: Place) {
    each_actor(place, async |mut lab| {
        let shared = lab.host.ground.join("shared");
        fs::create_dir(&shared).expect("make a directory");
        lab.share(&shared);
        let writable = Workspace::Bind { path: shared.clone(), writable: true };
        let stand = lab.sandbox(Setting::without(&[Seccomp]).workspace(writable.clone())).await;
        let ran = stand.attack(program!("give_identity.py")).await;
        println!("without a filter:\n{}", ran.stdout);
        ran.assert_worked(&["chmod", "fchmod", "high_bits"]);
        stand.close().await;
        fs::remove_dir_all(&shared).expect("begin anew");
        fs::create_dir(&shared).expect("make a directory");
        lab.share(&shared);

        let stand = lab.sandbox(Setting::safe().workspace(writable)).await;
        let ran = stand.attack(program!("give_identity.py")).await;
        println!("with everything:\n{}", ran.stdout);
        ran.assert_refused();
        let giving: Vec<_> = state(&shared)
            .into_iter()
            .filter(|(path, (mode, _, content))| path.is_file() && mode & 0o6000 != 0 && !content.is_empty())
            .collect();
        assert!(giving.is_empty(), "HOLE: {giving:?}");
        lab.host.assert_untouched(&ran.seen());
        stand.close().await;
    });
}

pub(crate) fn a_socket_in_a_copied_or_overlaid_directory_leads_nowhere(place: Place) {
    each_actor(place, async |lab| {
        const CONNECT: &str = r#"
def connect():
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect("/workspace/socket")
        return "connected"

attempt("socket", connect)
attempt("pipe", lambda: os.write(os.open("/workspace/fifo", os.O_WRONLY | os.O_NONBLOCK), b"planted"))
"#;
        let shared = lab.host.ground.join("shared");
        fs::create_dir(&shared).expect("make a directory");
        lab.share(&shared);
        let listener = UnixListener::bind(shared.join("socket")).expect("make a socket");
        let made = Command::new("mkfifo").arg(shared.join("fifo")).status().expect("run mkfifo");
        assert!(made.success());
        lab.share(&shared);
        let reader = fs::OpenOptions::new().read(true).write(true).open(shared.join("fifo")).expect("open the pipe");
        // A directory that is bound is the host's own, and so are the sockets in it.
        let bound = Workspace::Bind { path: shared.clone(), writable: true };
        let stand = lab.sandbox(Setting::safe().workspace(bound)).await;
        let ran = stand.attack(CONNECT).await;
        stand.close().await;
        listener.set_nonblocking(true).expect("don't block");
        if lab.place == Place::Gvisor {
            // What opens files for it opens no others, wherever they lie.
            ran.assert_refused();
            assert!(listener.accept().is_err(), "HOLE: it leads to the host's socket");
            return drop(reader);
        }
        ran.assert_worked(&["socket", "pipe"]);
        drop(listener.accept().expect("it came here"));
        for workspace in
            [Workspace::Overlay { path: shared.clone() }, Workspace::Copy { path: shared.clone(), exclude: vec![] }]
        {
            // Containers have no overlays, and a copy is made by the session.
            if lab.place.has_containers() {
                continue;
            }
            let stand = lab.sandbox(Setting::safe().workspace(workspace.clone())).await;
            let ran = stand.attack(CONNECT).await;
            println!("{workspace:?}: {}", ran.stdout);
            ran.assert_refused();
            assert!(listener.accept().is_err(), "HOLE: {workspace:?} leads to the host's socket");
            stand.close().await;
        }
        drop(reader);
    });
}
