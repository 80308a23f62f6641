//! Finds where engines are installed on this host.
//!
//! Nothing is run to find out: an executable on the user's `PATH` may belong to whoever wrote the
//! workspace. The system's directories come first, then the directories of `PATH`; a script, such as the
//! shim of a version manager, is passed over, because only running it would tell where it leads.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::adapters::{ADAPTERS, AdapterProgram};
use super::{ENGINES, Engine};

/// Directories that every sandbox shows, so that an engine in them needs nothing more.
const SYSTEM: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

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

/// A debugger on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterInstallation {
    /// Which debugger.
    pub adapter: &'static AdapterProgram,
    /// Its executable, the same inside a sandbox as on the host.
    pub program: PathBuf,
    /// As [`Installation::roots`].
    pub roots: Vec<PathBuf>,
}

/// Every engine that is installed. `path` is the value of `PATH`, `home` the user's home directory.
#[must_use]
pub fn installations(path: &str, home: Option<&Path>) -> Vec<Installation> {
    let directories = directories(path);
    ENGINES.iter().filter_map(|engine| find(engine, &directories, home)).collect()
}

/// Every debugger that is installed and is an adapter itself. Arguments as of [`installations`].
#[must_use]
pub fn adapters(path: &str, home: Option<&Path>) -> Vec<AdapterInstallation> {
    let directories = directories(path);
    ADAPTERS.iter().filter_map(|adapter| find_adapter(adapter, &directories, home)).collect()
}

fn directories(path: &str) -> Vec<PathBuf> {
    SYSTEM.iter().map(PathBuf::from).chain(user_directories(path)).collect()
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
    let real = behind(&real, program).unwrap_or(real);
    if !is_native_executable(&real) {
        return Err("it is not an executable program (a version manager's shim can't be used: name what it runs)");
    }
    Ok(Installation { engine, roots: roots(&real, home), program: real })
}

/// What a known kind of shim stands for, where that can be told without running it.
fn behind(shim: &Path, called: &Path) -> Option<PathBuf> {
    match shim.file_name()?.to_str()? {
        "rustup" => behind_rustup(shim, called),
        "bin.cjs" => behind_npm(shim),
        _ => None,
    }
}

/// One program stands for all of Rust's, and runs that of the toolchain which its settings name: `~/.cargo/bin/rustc`
/// is `~/.rustup/toolchains/NAME/bin/rustc`.
fn behind_rustup(shim: &Path, called: &Path) -> Option<PathBuf> {
    let home = shim.ancestors().nth(3)?;
    let cargo_home = shim.ancestors().nth(2)?;
    let rustup = [home.join(".rustup"), home.join("rustup"), cargo_home.with_file_name("rustup")];
    let rustup = rustup.into_iter().find(|rustup| rustup.join("toolchains").is_dir())?;
    let settings = std::fs::read_to_string(rustup.join("settings.toml")).ok()?;
    let named = settings.lines().find_map(|line| line.trim().strip_prefix("default_toolchain")?.split('"').nth(1))?;
    let is_plain = !named.is_empty() && !named.starts_with('.') && !named.contains('/');
    let program = rustup.join("toolchains").join(is_plain.then_some(named)?).join("bin").join(called.file_name()?);
    program.canonicalize().ok()
}

/// The package `deno` of npm is a script, beside a package for this kind of machine that has the program.
fn behind_npm(script: &Path) -> Option<PathBuf> {
    let package = script.parent().filter(|package| package.ends_with("deno"))?;
    let name = format!("linux-{}-{}", if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" }, "glibc");
    let places = [package.join("node_modules/@deno"), package.with_file_name("@deno")];
    places.iter().find_map(|place| place.join(&name).join("deno").canonicalize().ok())
}

fn user_directories(path: &str) -> impl Iterator<Item = PathBuf> {
    std::env::split_paths(path).filter(|directory| directory.is_absolute()).collect::<Vec<_>>().into_iter()
}

fn find(engine: &'static Engine, directories: &[PathBuf], home: Option<&Path>) -> Option<Installation> {
    let has_needs = engine.needs.is_empty()
        || candidates(engine.needs, &SYSTEM.map(PathBuf::from)).any(|program| program.is_file());
    candidates(engine.programs, directories)
        .filter(|_| has_needs)
        .find_map(|candidate| installation_at(engine, &candidate, home).ok())
}

fn find_adapter(
    adapter: &'static AdapterProgram,
    directories: &[PathBuf],
    home: Option<&Path>,
) -> Option<AdapterInstallation> {
    let real = candidates(adapter.programs, directories).filter_map(|candidate| candidate.canonicalize().ok());
    let program = real.filter(|program| is_native_executable(program)).find(|program| {
        // A debugger without its files is none.
        !adapter.has_directory || own_directory(program, home).is_some() || is_shown(program)
    })?;
    let roots = match own_directory(&program, home).filter(|_| adapter.has_directory && !is_shown(&program)) {
        Some(directory) => vec![directory],
        None => roots(&program, home),
    };
    Some(AdapterInstallation { adapter, program, roots })
}

fn candidates(names: &'static [&'static str], directories: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    directories.iter().flat_map(move |directory| names.iter().map(move |name| directory.join(name)))
}

/// The directory of a program, where nothing else is to be expected in it.
fn own_directory(program: &Path, home: Option<&Path>) -> Option<PathBuf> {
    let directory = program.parent()?;
    let holds_home = home.is_some_and(|home| home.starts_with(directory));
    let is_own = directory.components().count() > 2 && !directory.ends_with("bin") && !holds_home;
    (is_own && !is_shared(directory)).then(|| directory.to_path_buf())
}

fn is_shown(program: &Path) -> bool {
    ["/usr", "/bin", "/sbin", "/lib"].iter().any(|system| program.starts_with(system))
}

fn is_native_executable(path: &Path) -> bool {
    let executable = path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    let mut magic = [0; 4];
    executable && File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
}

/// What a sandbox must show for the executable to run.
fn roots(program: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    if is_shown(program) {
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
    fn shims_of_known_kinds_lead_to_what_they_stand_for() {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().canonicalize().unwrap();
        let rustup = install(&home.join(".cargo/bin"), "rustup", b"\x7fELF....");
        std::os::unix::fs::symlink(rustup, home.join(".cargo/bin/rustc")).unwrap();
        let real = install(&home.join(".rustup/toolchains/stable/bin"), "rustc", b"\x7fELF....");
        fs::create_dir_all(home.join(".rustup/toolchains/stable/lib")).unwrap();
        let rust = crate::engine::by_id("rust").unwrap();
        let found = || installation_at(rust, &home.join(".cargo/bin/rustc"), Some(&home));
        fs::write(home.join(".rustup/settings.toml"), "version = \"12\"\ndefault_toolchain = \"stable\"\n").unwrap();
        let roots = vec![home.join(".rustup/toolchains/stable")];
        assert_eq!(found(), Ok(Installation { engine: rust, program: real, roots }));
        // Settings that lead elsewhere lead nowhere.
        fs::write(home.join(".rustup/settings.toml"), "default_toolchain = \"../../x\"\n").unwrap();
        assert_eq!(found().map(|found| found.program), Ok(home.join(".cargo/bin/rustup")));

        let package = home.join("lib/node_modules/deno");
        let script = install(&package, "bin.cjs", b"#!/usr/bin/env node\n");
        let name = format!("linux-{}-glibc", if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" });
        let deno = crate::engine::by_id("deno").unwrap();
        assert!(installation_at(deno, &script, None).is_err());
        let real = install(&package.join("node_modules/@deno").join(name), "deno", b"\x7fELF....");
        assert_eq!(installation_at(deno, &script, None).map(|found| found.program), Ok(real));
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
    fn a_debugger_is_shown_with_the_files_beside_it_and_with_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let netcoredbg = &crate::engine::adapters::NETCOREDBG;
        let find = |directory: &Path| find_adapter(netcoredbg, &[directory.to_path_buf()], Some(&root.join("home")));
        let program = install(&root.join("netcoredbg"), "netcoredbg", b"\x7fELF....");
        let roots = vec![root.join("netcoredbg")];
        assert_eq!(
            find(&root.join("netcoredbg")),
            Some(AdapterInstallation { adapter: netcoredbg, program: program.clone(), roots })
        );
        fs::create_dir(root.join("links")).unwrap();
        std::os::unix::fs::symlink(&program, root.join("links/netcoredbg")).unwrap();
        assert_eq!(find(&root.join("links")), find(&root.join("netcoredbg")));
        install(&root.join("home"), "netcoredbg", b"\x7fELF....");
        assert_eq!(find(&root.join("home")), None, "a home directory is no debugger's own");
        install(&root.join("shim"), "netcoredbg", b"#!/bin/sh\n");
        assert_eq!(find(&root.join("shim")), None);
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
