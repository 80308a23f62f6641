//! A place to run the command in, with files of its own.

use std::cell::RefCell;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::harness::client::{ordinary_id, place_binary};
use crate::harness::leftovers::Watch;

/// Somebody who types commands.
pub(crate) struct Console {
    directory: TempDir,
    /// What the command uses for everything temporary.
    own: TempDir,
    uid: Option<u32>,
    watches: RefCell<Vec<Watch>>,
}

impl Console {
    /// As this user.
    pub(crate) fn new() -> Self {
        Self::of(None)
    }

    /// As this user, and where that is root, as an ordinary one too.
    pub(crate) fn users() -> Vec<Self> {
        let is_root = rustix::process::getuid().is_root();
        if is_root { vec![Self::of(None), Self::of(Some(ordinary_id()))] } else { vec![Self::of(None)] }
    }

    fn of(uid: Option<u32>) -> Self {
        let directory = || tempfile::Builder::new().prefix("console-").tempdir().unwrap();
        let console = Self { directory: directory(), own: directory(), uid, watches: RefCell::default() };
        for path in [console.directory.path(), console.own.path()] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
            chown(path, uid, uid).unwrap();
        }
        if uid.is_some() {
            place_binary(Path::new(env!("CARGO_BIN_EXE_codebeaker")), &console.directory.path().join("codebeaker"));
        }
        console
    }

    /// The path of something in its directory.
    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file, and returns its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = PathBuf::from(self.path(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        chown(path.parent().unwrap(), self.uid, self.uid).unwrap();
        chown(&path, self.uid, self.uid).unwrap();
        self.path(name)
    }

    /// The executable, where its user can reach it.
    pub(crate) fn program(&self) -> String {
        if self.uid.is_some() { self.path("codebeaker") } else { env!("CARGO_BIN_EXE_codebeaker").to_owned() }
    }

    /// The command, over pipes.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.program());
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.prepare(&mut command);
        command
    }

    /// Gives a command its user and its directories.
    pub(crate) fn prepare(&self, command: &mut Command) {
        command.current_dir(self.directory.path()).env("TMPDIR", self.own.path()).env_remove("CODEBEAKER_LOG");
        command.env("FROM_HERE", "here").env("XDG_CONFIG_HOME", self.path("config"));
        // An engine that is there for other tests changes nothing for these.
        command.env("DOCKER_HOST", "unix:///nowhere").env_remove("DOCKER_CONTEXT");
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str], input: &[u8]) -> Output {
        let mut child = self.command(args).spawn().unwrap();
        self.watches.borrow_mut().push(Watch::new(child.id(), self.own.path()));
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // One that doesn't read its input to the end needn't.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    /// Nothing is left of all that was run.
    pub(crate) fn leaves_nothing(&self) {
        for watch in self.watches.borrow().iter() {
            watch.assert_nothing_left();
        }
    }
}
