//! The agent's executable, as it is kept while the daemon runs.
//!
//! It lives in memory, sealed, and has no path that anybody could replace or a sandbox could reach.
//! Where the kernel is told to run nothing from such memory, it is a file that has lost its name.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;

/// The agent, linked statically, as `build.rs` made it.
static AGENT: &[u8] = include_bytes!(env!("CODEBEAKER_AGENT"));

/// The agent, for places to which it has to be brought.
#[must_use]
pub fn bytes() -> &'static [u8] {
    AGENT
}

/// Why there is no executable to start sandboxes with.
#[derive(Debug, thiserror::Error)]
pub enum ExecutableError {
    /// Neither memory nor any of the directories holds a file that the kernel agrees to run.
    #[error("no place from which the agent can be run; tried {tried}")]
    NoPlace {
        /// The places, each with what happened there.
        tried: String,
    },
}

/// An executable that can be started by its path for as long as this lives.
#[derive(Debug)]
pub struct Executable {
    // Only held: the path leads to it.
    _file: OwnedFd,
    path: PathBuf,
}

impl Executable {
    /// Puts the agent where it can be run, and runs it once to be sure.
    ///
    /// # Errors
    /// When nothing that holds it may be executed.
    pub fn prepare() -> Result<Self, ExecutableError> {
        let mut tried = Vec::new();
        match in_memory().map_err(io::Error::from).and_then(Self::checked) {
            Ok(executable) => return Ok(executable),
            Err(error) => tried.push(format!("memory ({error})")),
        }
        for directory in directories() {
            match nameless_file(&directory).and_then(Self::checked) {
                Ok(executable) => return Ok(executable),
                Err(error) => tried.push(format!("{} ({error})", directory.display())),
            }
        }
        Err(ExecutableError::NoPlace { tried: tried.join(", ") })
    }

    /// An absolute path that is valid in this process and in its children until they `exec`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn checked(file: OwnedFd) -> io::Result<Self> {
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let status = Command::new(&path)
            .arg("check")
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if status.success() {
            Ok(Self { _file: file, path })
        } else {
            Err(io::Error::other(format!("it ended with {status}")))
        }
    }
}

fn in_memory() -> rustix::io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = match rustix::fs::memfd_create("codebeaker-agent", flags | MemfdFlags::EXEC) {
        // Kernels before 6.3 don't know the flag, and need none.
        Err(Errno::INVAL) => rustix::fs::memfd_create("codebeaker-agent", flags)?,
        memory => memory?,
    };
    let mut rest = AGENT;
    while !rest.is_empty() {
        let written = rustix::io::write(&memory, rest)?;
        rest = &rest[written..];
    }
    rustix::fs::fcntl_add_seals(&memory, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
    Ok(memory)
}

/// Directories that belong to the user or are meant for everybody's files, the most private first.
fn directories() -> Vec<PathBuf> {
    let own = ["XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "HOME"].into_iter().filter_map(std::env::var_os);
    own.map(PathBuf::from)
        .chain([std::env::temp_dir(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")])
        .filter(|directory| directory.is_absolute())
        .collect()
}

/// A file with the agent in it, opened for reading, whose name is gone again.
fn nameless_file(directory: &Path) -> io::Result<OwnedFd> {
    let mut random = [0; 12];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let name: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = directory.join(format!(".codebeaker-agent-{name}"));
    let mut written = OpenOptions::new().write(true).create_new(true).mode(0o700).open(&path)?;
    let file = written.write_all(AGENT).and_then(|()| {
        // A file that is open for writing can't be executed.
        drop(written);
        File::open(&path)
    });
    std::fs::remove_file(&path)?;
    Ok(OwnedFd::from(file?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_runs_from_memory_and_can_not_be_changed_there() {
        let executable = Executable::prepare().unwrap();
        let error = OpenOptions::new().append(true).open(executable.path()).and_then(|mut file| file.write_all(b"x"));
        assert!(error.is_err(), "the sealed executable was written to");
    }

    #[test]
    fn the_agent_runs_from_a_file_that_leaves_no_name() {
        let directory = tempfile::tempdir().unwrap();
        let executable = Executable::checked(nameless_file(directory.path()).unwrap()).unwrap();
        assert!(executable.path().starts_with("/proc/self/fd"));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
