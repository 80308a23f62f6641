//! Who attacks: the user who runs the tests and, where that is root, an ordinary user as well.
//!
//! For the second the test's executable starts itself once more, without root's rights, and with this
//! one test to run. Both executables are handed over as open files, because an ordinary user need not
//! be able to enter the directory that they are in.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use crate::harness::Place;
use crate::harness::skip::skip;
use crate::lab::Lab;

/// An id that no account of any system has.
const ORDINARY: u32 = 54_321;

/// Set in the second run: the directory that it may use.
const GROUND: &str = "CODEBEAKER_ATTACK_GROUND";

/// Set in the second run: where the daemon's executable can be started from.
const DAEMON: &str = "CODEBEAKER_ATTACK_DAEMON";

/// One attack at a time in one process, so that every sandbox below it belongs to the same test.
static TURN: Mutex<()> = Mutex::new(());

/// Whose rights the daemon has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    Root,
    Ordinary,
}

/// The executable of the daemon.
pub(crate) fn daemon() -> PathBuf {
    std::env::var_os(DAEMON).map_or_else(|| env!("CARGO_BIN_EXE_codebeaker").into(), PathBuf::from)
}

/// Makes an attack as everyone that it can be made as here.
pub(crate) fn each_actor<F: AsyncFn(Lab)>(place: Place, attack: F) {
    if std::env::consts::ARCH != "x86_64" {
        return skip("the hostile programs name system calls by the numbers of x86-64");
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(ground) = std::env::var_os(GROUND) {
        return run(Actor::Ordinary, place, Path::new(&ground), attack);
    }
    if !rustix::process::geteuid().is_root() {
        let ground = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("make a directory");
        skip("the part as root, because the tests don't run as root");
        return run(Actor::Ordinary, place, ground.path(), attack);
    }
    let ground = ground_of_root();
    run(Actor::Root, place, ground.path(), attack);
    drop(ground);
    // The engine makes the same container for either; that it does is shown where a sandbox takes less time.
    if place == Place::Gvisor {
        return;
    }
    run_as_ordinary(place);
}

fn run<F: AsyncFn(Lab)>(actor: Actor, place: Place, ground: &Path, attack: F) {
    println!("== as {actor:?}");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("make a runtime");
    runtime.block_on(async { attack(Lab::open(actor, place, ground)).await });
    runtime.shutdown_background();
}

/// A directory that everybody can enter. Not under `/tmp`, of which every sandbox has its own, with or
/// without protections.
fn ground_of_root() -> TempDir {
    let parents = ["/srv", "/opt", "/var/lib"].map(Path::new);
    let parent = parents.iter().find(|parent| parent.is_dir()).expect("a directory for canaries");
    let ground = tempfile::Builder::new().prefix("codebeaker-attacks-").tempdir_in(parent).expect("make a directory");
    fs::set_permissions(ground.path(), fs::Permissions::from_mode(0o755)).expect("open the directory");
    ground
}

fn run_as_ordinary(place: Place) {
    let current = std::thread::current();
    let name = current.name().filter(|name| name.contains("::")).expect("a test's thread has its name");
    // Whoever may use the engine's socket, and nothing else that is root's.
    let groups = match place.has_containers().then(|| place.engine().socket_group()) {
        None => "--clear-groups".to_owned(),
        Some(Ok(group)) => format!("--groups={group}"),
        Some(Err(reason)) => return skip(&format!("the part as an ordinary user, because {reason}")),
    };
    let ground = ground_of_root();
    chown(ground.path(), Some(ORDINARY), Some(ORDINARY)).expect("hand the directory over");
    let (test, daemon) = (std::env::current_exe().expect("find this executable"), daemon());
    let handed = [&test, &daemon].map(|path| {
        let mode = fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
        assert!(mode & 0o005 == 0o005, "{} has mode {mode:o}: an ordinary user can't run it", path.display());
        let file = File::open(path).expect("open an executable");
        // Without the flag that closes it when another program is executed.
        rustix::io::dup(file).expect("keep an executable open")
    });
    let [test, daemon] = handed.each_ref().map(|file| format!("/proc/self/fd/{}", file.as_raw_fd()));
    let id = ORDINARY.to_string();
    let output = Command::new("setpriv")
        .args(["--reuid", &id, "--regid", &id, &groups, "--", &test, "--exact", name, "--nocapture"])
        .env(GROUND, ground.path())
        .env(DAEMON, daemon)
        .env("HOME", ground.path())
        .env("TMPDIR", ground.path())
        // What it skips, it prints; the list of skipped tests may not be its to write to.
        .env_remove("CODEBEAKER_SKIPS")
        .current_dir("/")
        .output();
    let output = output.expect("start setpriv (package util-linux)");
    print!("{}", String::from_utf8_lossy(&output.stdout));
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "as an ordinary user: {}", output.status);
    let ran = String::from_utf8_lossy(&output.stdout).contains("1 passed");
    assert!(ran, "the test {name} was not found");
}
