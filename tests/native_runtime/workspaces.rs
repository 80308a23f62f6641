//! Every kind of workspace: what programs find there, and what becomes of the host's directory.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use codebeaker::agent::LinkError;
use codebeaker::config::Limits;
use codebeaker::runtime::native::Native;
use codebeaker::runtime::{Enforcer, Limit, Runtime, RuntimeError, SandboxSpec, Workspace};

use super::boxes::{ORDINARY, Standing, is_root, on_both, spec, stand};

/// A directory with a bit of everything. Its name would mean several to who splits it carelessly.
fn project() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let project = directory.path().join("a:b,c d\\e");
    fs::create_dir_all(project.join("deep/er")).unwrap();
    fs::create_dir_all(project.join("node_modules/x")).unwrap();
    fs::write(project.join("deep/er/file"), "deep").unwrap();
    fs::write(project.join("private"), "mine").unwrap();
    fs::set_permissions(project.join("private"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(project.join("stale.pyc"), "").unwrap();
    symlink("deep/er/file", project.join("link")).unwrap();
    symlink("/etc/shadow", project.join("out")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        project.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    (directory, project)
}

async fn with(workspace: Workspace) -> Standing {
    stand(SandboxSpec { workspace, ..spec() }).await.unwrap()
}

/// Everything below a directory, with kinds, modes, owners and contents.
fn inventory(directory: &Path) -> Vec<String> {
    let mut entries = Vec::new();
    let mut directories = vec![directory.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                directories.push(entry.path());
            }
            let contents = if metadata.is_file() { fs::read(entry.path()).unwrap() } else { Vec::new() };
            let (mode, uid) = (metadata.mode(), metadata.uid());
            entries.push(format!("{} {mode:o} {uid} {}", entry.path().display(), String::from_utf8_lossy(&contents)));
        }
    }
    entries.sort();
    entries
}

/// Changes of every kind.
const CHANGES: &str =
    "echo more >> private; echo new > made; rm -r deep; mkdir deep; ln -s made also; mv link moved; chmod 755 .";

#[test]
fn a_copy_has_what_is_wanted_and_keeps_the_host_as_it_is() {
    on_both("workspaces::a_copy_has_what_is_wanted_and_keeps_the_host_as_it_is", async || {
        let (_directory, path) = project();
        let before = inventory(&path);
        let exclude = vec!["node_modules".to_owned(), "*.pyc".to_owned()];
        let sandbox = with(Workspace::Copy { path: path.clone(), exclude }).await;
        assert_eq!(
            sandbox.says("ls; cat link private; readlink out").await,
            "deep\nlink\nout\nprivate\ndeepmine/etc/shadow"
        );
        let times = [path.join("private"), path.join("deep/er/file")].map(|path| fs::metadata(path).unwrap().mtime());
        let shown = sandbox.says("stat -c '%Y %a %U' private deep/er/file").await;
        assert_eq!(shown, format!("{} 600 sandbox\n{} 644 sandbox", times[0], times[1]));
        sandbox.says(CHANGES).await;
        sandbox.end().await;
        assert_eq!(inventory(&path), before);
    });
}

#[test]
fn a_copy_that_does_not_fit_is_said_not_to() {
    on_both("workspaces::a_copy_that_does_not_fit_is_said_not_to", async || {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("large"), vec![1; 3 << 20]).unwrap();
        let limits = Limits { disk_bytes: 4 << 20, ..Limits::default() };
        let workspace = Workspace::Copy { path: directory.path().to_path_buf(), exclude: Vec::new() };
        let failed = stand(SandboxSpec { limits, workspace, ..spec() }).await.err();
        let Some(LinkError::SetUp { step, errno }) = failed else { panic!("{failed:?}") };
        assert_eq!((step.as_str(), errno), ("copy workspace: large", libc::ENOSPC));
    });
}

#[test]
fn what_is_written_to_a_directory_belongs_to_its_owner() {
    on_both("workspaces::what_is_written_to_a_directory_belongs_to_its_owner", async || {
        writes_belong_to_the_owner(None).await;
        if is_root() {
            // The daemon's user is not the directory's.
            writes_belong_to_the_owner(Some(ORDINARY)).await;
        }
    });
}

async fn writes_belong_to_the_owner(given_to: Option<u32>) {
    let (_directory, path) = project();
    if let Some(uid) = given_to {
        let status = Command::new("chown").args(["-hR", &format!("{uid}:{uid}")]).arg(&path).status();
        assert!(status.unwrap().success());
    }
    let owner = fs::metadata(&path).unwrap().uid();
    let sandbox = with(Workspace::Bind { path: path.clone(), writable: true }).await;
    assert_eq!(sandbox.enforcer(Limit::Disk), Enforcer::Rlimit);
    assert_eq!(
        sandbox.says("cat link private; stat -c %U:%G . private").await,
        "deepminesandbox:sandbox\nsandbox:sandbox"
    );
    sandbox.says(CHANGES).await;
    sandbox.says("cp /bin/sh tool && ./tool -c true").await;
    // Whoever ran such a file on the host would be its owner.
    for giving_away in ["chmod u+s tool", "chmod 2755 tool", "install -m 4755 tool tool2"] {
        assert_ne!(sandbox.sh(giving_away).await.exited.code, Some(0), "{giving_away}");
    }
    sandbox.end().await;
    for entry in fs::read_dir(&path).unwrap().map(Result::unwrap) {
        let metadata = entry.metadata().unwrap();
        assert_eq!((metadata.uid(), metadata.mode() & 0o6000), (owner, 0), "{:?}", entry.path());
    }
    assert_eq!(fs::read_to_string(path.join("private")).unwrap(), "minemore\n");
    assert_eq!(fs::read_to_string(path.join("also")).unwrap(), "new\n");
}

#[test]
fn a_directory_that_is_only_shown_can_not_be_changed() {
    on_both("workspaces::a_directory_that_is_only_shown_can_not_be_changed", async || {
        let (_directory, path) = project();
        let before = inventory(&path);
        let sandbox = with(Workspace::Bind { path: path.clone(), writable: false }).await;
        assert_eq!(sandbox.says("cat link private").await, "deepmine");
        for change in CHANGES.split("; ") {
            assert_ne!(sandbox.sh(change).await.exited.code, Some(0), "{change}");
        }
        sandbox.end().await;
        assert_eq!(inventory(&path), before);
    });
}

#[test]
fn an_overlay_takes_every_change_and_the_host_none() {
    on_both("workspaces::an_overlay_takes_every_change_and_the_host_none", async || {
        let (_directory, path) = project();
        let before = inventory(&path);
        let sandbox = with(Workspace::Overlay { path: path.clone() }).await;
        assert_eq!(sandbox.says("cat link private; stat -c %U . private").await, "deepminesandbox\nsandbox");
        sandbox.says(CHANGES).await;
        assert_eq!(sandbox.says("ls deep; cat private also").await, "minemore\nnew");
        assert_ne!(sandbox.sh("head -c 60M /dev/zero > fill").await.exited.code, Some(0), "no limit held");
        assert_eq!(sandbox.says("grep -c /.layers /proc/self/mounts; ls -d /.layers 2> /dev/null; true").await, "0");
        sandbox.end().await;
        assert_eq!(inventory(&path), before);
    });
}

#[test]
fn what_is_no_directory_is_no_workspace() {
    on_both("workspaces::what_is_no_directory_is_no_workspace", async || {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [file, directory.path().join("missing")] {
            let workspace = Workspace::Bind { path, writable: true };
            let refused = Native::start().create(SandboxSpec { workspace, ..spec() }).await;
            assert!(matches!(refused, Err(RuntimeError::Workspace { .. })), "{refused:?}");
        }
    });
}
