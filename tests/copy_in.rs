//! A workspace is filled through the agent: what arrives is what was there, and nothing from elsewhere.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use codebeaker::agent::{Link, LinkError, Program};
use codebeaker::config::Limits;
use codebeaker::files::{Copied, CopyError, FilesError, copy_in};
use codebeaker::runtime::native::Native;
use codebeaker::runtime::{Keeper, Runtime, SandboxSpec};

#[path = "harness/skip.rs"]
#[allow(dead_code, reason = "a part that this test does not need")]
mod skip;

const DEADLINE: Duration = Duration::from_secs(60);

/// An empty sandbox with so much room; `None`, with the reason said, where there is none to be had.
async fn sandbox(disk_bytes: u64) -> Option<(Link, Box<dyn Keeper>)> {
    let limits = Limits { disk_bytes, ..Limits::default() };
    let native = Native::start();
    let made = native.create(SandboxSpec { limits, hostname: "copied".to_owned(), ..SandboxSpec::default() }).await;
    let sandbox = match made {
        Ok(sandbox) => sandbox,
        Err(error) => {
            skip::skip(&format!("there is no sandbox: {error}"));
            return None;
        }
    };
    match Link::open(sandbox.reader, sandbox.writer).await {
        Ok((link, _)) => Some((link, sandbox.keeper)),
        Err(LinkError::SetUp { step, .. }) => {
            skip::skip(&format!("no sandbox can be set up here: {step}"));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Runs a test in a sandbox with so much room.
fn in_sandbox<F: Future<Output = ()>>(disk_bytes: u64, test: impl FnOnce(Link) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a tokio runtime").block_on(async {
        let Some((link, mut keeper)) = sandbox(disk_bytes).await else { return };
        tokio::time::timeout(DEADLINE, test(link)).await.expect("the test is not stuck");
        assert!(keeper.destroy().await, "the sandbox did not end");
    });
}

/// What `find` says of a tree: kinds, permissions, sizes, times to the second, targets of links.
const DESCRIBE: &str = "find . -mindepth 1 \\( -type d -printf '%p %y %m\\n' -o -type l -printf '%p %y %l\\n' -o -printf '%p %y %m %s %Ts\\n' \\) \
     | LC_ALL=C sort; find . -type f | LC_ALL=C sort | xargs -d '\\n' cat | cksum";

async fn describe_inside(link: &Link) -> String {
    let env = vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
    let argv = ["/bin/sh", "-c", DESCRIBE].map(str::to_owned).into();
    let mut process = link.spawn(Program::new(argv, env)).await.expect("the shell starts");
    let mut stdout = process.output(codebeaker::agent::frame::Stream::Stdout);
    let mut text = Vec::new();
    while let Some(more) = stdout.next().await.expect("the sandbox lives") {
        text.extend_from_slice(&more);
        stdout.grant(more.len()).await.expect("the sandbox lives");
    }
    assert_eq!(process.ended().await.expect("the sandbox lives").code, Some(0));
    String::from_utf8(text).expect("names of this test")
}

fn describe_here(directory: &Path) -> String {
    let found = std::process::Command::new("/bin/sh").args(["-c", DESCRIBE]).current_dir(directory).output();
    String::from_utf8(found.expect("a shell").stdout).expect("names of this test")
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_tree_arrives_as_it_was() {
    in_sandbox(64 << 20, |link| async move {
        let source = tempfile::tempdir().unwrap();
        let top = source.path();
        for n in 0..1000 {
            let directory = top.join(format!("many/d{}", n % 10));
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join(format!("file {n}")), format!("content {n}")).unwrap();
        }
        fs::create_dir_all(top.join("bin")).unwrap();
        fs::write(top.join("bin/tool"), "#!/bin/sh\n").unwrap();
        set_mode(&top.join("bin/tool"), 0o755);
        fs::write(top.join("secret"), "x").unwrap();
        set_mode(&top.join("secret"), 0o600);
        set_mode(&top.join("bin"), 0o775);
        fs::write(top.join("empty"), "").unwrap();
        fs::write(top.join("exact"), vec![1; 256 * 1024]).unwrap();
        let large: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
        fs::write(top.join("large"), &large).unwrap();
        let old = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        fs::File::options().write(true).open(top.join("large")).unwrap().set_modified(old).unwrap();
        symlink("bin/tool", top.join("to-tool")).unwrap();
        symlink("nowhere", top.join("dangling")).unwrap();
        let copied = copy_in(&link, top, &[]).await.unwrap();
        let bytes =
            (0..1000).map(|n| format!("content {n}").len() as u64).sum::<u64>() + 10 + 1 + 256 * 1024 + 5_000_000;
        assert_eq!(copied, Copied { files: 1005, directories: 12, links: 2, bytes });
        let inside = describe_inside(&link).await;
        assert_eq!(inside, describe_here(top));
        assert!(inside.contains("./large f 644 5000000 1000000000"), "{inside}");
    });
}

#[test]
fn what_is_excluded_or_no_file_stays_out_and_links_are_not_followed() {
    in_sandbox(64 << 20, |link| async move {
        let (source, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let top = source.path();
        fs::write(elsewhere.path().join("private"), "private").unwrap();
        symlink(elsewhere.path(), top.join("out")).unwrap();
        symlink(elsewhere.path().join("private"), top.join("out-file")).unwrap();
        for path in ["a/target/b", "target/c", "kept/.git/d"] {
            fs::create_dir_all(top.join(path)).unwrap();
        }
        fs::write(top.join("kept/x.pyc"), "").unwrap();
        fs::write(top.join("kept/x.py"), "").unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, top.join("pipe"), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        drop(std::os::unix::net::UnixListener::bind(top.join("socket")).unwrap());
        let exclude = ["target", "*.pyc", ".g*"].map(str::to_owned);
        let copied = copy_in(&link, top, &exclude).await.unwrap();
        assert_eq!(copied, Copied { files: 1, directories: 2, links: 2, bytes: 0 });
        let inside = describe_inside(&link).await;
        let names: Vec<_> = inside.lines().filter_map(|line| line.strip_prefix("./")?.split(' ').next()).collect();
        assert_eq!(names, ["a", "kept", "kept/x.py", "out", "out-file"]);
        assert!(!inside.contains("private f"), "{inside}");
    });
}

#[test]
fn a_tree_that_does_not_fit_says_so() {
    in_sandbox(4 << 20, |link| async move {
        let source = tempfile::tempdir().unwrap();
        for n in 0..20 {
            fs::write(source.path().join(format!("file{n}")), vec![n; 1_000_000]).unwrap();
        }
        let failed = copy_in(&link, source.path(), &[]).await.unwrap_err();
        assert!(matches!(failed, CopyError::Target(FilesError::DiskFull(_))), "{failed:?}");
    });
}

#[test]
fn a_source_that_is_not_there_is_named() {
    in_sandbox(4 << 20, |link| async move {
        let failed = copy_in(&link, Path::new("/nowhere/at/all"), &[]).await.unwrap_err();
        assert_eq!(failed.to_string(), "/nowhere/at/all can't be read");
    });
}
