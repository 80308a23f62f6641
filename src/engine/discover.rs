//! Finds where engines are installed on this host.
//!
//! Nothing is run to find out: an executable on the user's `PATH` may belong to whoever wrote the
//! workspace. The system's directories come first, then the directories of `PATH`; a script, such as the
//! shim of a version manager, is passed over, because only running it would tell where it leads.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{ENGINES, Engine};

/// Directories that every sandbox shows, so that an engine in them needs nothing more.
const SYSTEM: &[&str] = &["/usr/local/bin", "/usr/bin", "/bin"];

/// An engine on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Which engine.
    pub engine: &'static Engine,
    /// Its executable, the same inside a sandbox as on the host.
    pub program: PathBuf,
    /// What a sandbox must show beside the system's directories: the installation's prefix, or the
    /// executable alone where the prefix holds more than the installation.
    pub roots: Vec<PathBuf>,
}

/// Every engine that is installed. `path` is the value of `PATH`, `home` the user's home directory.
#[must_use]
pub fn installations(path: &str, home: Option<&Path>) -> Vec<Installation> {
    let directories: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).chain(user_directories(path)).collect();
    ENGINES.iter().filter_map(|engine| find(engine, &directories, home)).collect()
}

/// The engine whose executable the user named.
///
/// # Errors
/// What is wrong with the path.
pub fn installation_at(
    engine: &'static Engine,
    program: &Path,
    home: Option<&Path>,
) -> Result<Installation, &'static str> {
    let real = program.canonicalize().map_err(|_| "there is no such file")?;
    if !is_native_executable(&real) {
        return Err("it is not an executable program (a version manager's shim can't be used: name what it runs)");
    }
    Ok(Installation { engine, roots: roots(&real, home), program: real })
}

fn user_directories(path: &str) -> impl Iterator<Item = PathBuf> {
    std::env::split_paths(path).filter(|directory| directory.is_absolute()).collect::<Vec<_>>().into_iter()
}

fn find(engine: &'static Engine, directories: &[PathBuf], home: Option<&Path>) -> Option<Installation> {
    let candidates = directories.iter().flat_map(|directory| engine.programs.iter().map(|name| directory.join(name)));
    candidates.filter_map(|candidate| installation_at(engine, &candidate, home).ok()).next()
}

fn is_native_executable(path: &Path) -> bool {
    let executable = path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    let mut magic = [0; 4];
    executable && File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
}

/// What a sandbox must show for the executable to run.
fn roots(program: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let shown = ["/usr", "/bin", "/sbin", "/lib"].iter().any(|system| program.starts_with(system));
    if shown {
        return Vec::new();
    }
    let prefix = program.parent().filter(|bin| bin.ends_with("bin")).and_then(Path::parent);
    let own = |prefix: &&Path| {
        let holds_home = home.is_some_and(|home| home.starts_with(prefix));
        prefix.components().count() > 2 && !holds_home && !is_shared(prefix) && prefix.join("lib").is_dir()
    };
    vec![prefix.filter(own).unwrap_or(program).to_path_buf()]
}

/// Whether much else than an installation is to be expected there: a person's home, or what is kept in
/// `~/.local`, keys and tokens among it.
fn is_shared(prefix: &Path) -> bool {
    prefix.ends_with(".local") || prefix.parent() == Some(Path::new("/home"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn install(directory: &Path, name: &str, content: &[u8]) -> PathBuf {
        fs::create_dir_all(directory).unwrap();
        let path = directory.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn a_shim_is_passed_over_and_a_real_one_shows_its_prefix() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let node = crate::engine::by_id("node").unwrap();
        install(&root.join("shims"), "node", b"#!/bin/sh\n");
        let real = install(&root.join("v20/bin"), "node", b"\x7fELF....");
        fs::create_dir(root.join("v20/lib")).unwrap();
        let found = find(node, &[root.join("shims"), root.join("v20/bin")], None).unwrap();
        assert_eq!(found, Installation { engine: node, program: real, roots: vec![root.join("v20")] });
    }

    #[test]
    fn a_prefix_that_holds_the_home_directory_is_never_shown() {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().canonicalize().unwrap();
        fs::create_dir(home.join("lib")).unwrap();
        let program = install(&home.join("bin"), "node", b"\x7fELF....");
        assert_eq!(roots(&program, Some(&home)), [program]);
    }

    #[test]
    fn what_is_installed_beside_private_files_is_shown_alone() {
        let root = tempfile::tempdir().unwrap();
        let local = root.path().canonicalize().unwrap().join("someone/.local");
        fs::create_dir_all(local.join("lib")).unwrap();
        let program = install(&local.join("bin"), "node", b"\x7fELF....");
        assert_eq!(roots(&program, None), [program]);
        assert!(is_shared(Path::new("/home/someone")) && !is_shared(Path::new("/home/someone/node-22")));
    }
}
