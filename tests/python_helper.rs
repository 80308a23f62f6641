//! The helper inside a debugged Python and the driver of live interpreters, tested from the other end of its stream by programs in Python, on every
//! interpreter that is there; and the whole back end of the debugger on a real one.

#[path = "python_helper/back_end.rs"]
mod back_end;
#[path = "harness/skip.rs"]
mod skip;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use skip::{note, skip};

const DIRECTORIES: [&str; 2] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python_helper"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/context_drivers/python"),
];
/// The oldest version that is debugged.
const OLDEST: u32 = 8;

/// The interpreters of this machine, by their minor version: pyenv's and those in the path.
fn interpreters() -> BTreeMap<u32, PathBuf> {
    let mut places: Vec<PathBuf> = Vec::new();
    if let Some(root) = std::env::var_os("PYENV_ROOT") {
        let versions = std::fs::read_dir(Path::new(&root).join("versions")).into_iter().flatten().flatten();
        places.extend(versions.map(|version| version.path().join("bin")));
    }
    places.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let mut found = BTreeMap::new();
    for place in places {
        for minor in OLDEST..=20 {
            let path = place.join(format!("python3.{minor}"));
            // A shim of pyenv's is there for versions that are not.
            if !found.contains_key(&minor) && version(&path) == Some(minor) {
                found.insert(minor, path);
            }
        }
    }
    found
}

fn version(python: &Path) -> Option<u32> {
    if !python.exists() {
        return None;
    }
    let code = "import sys; print(sys.version_info[1])";
    let output = Command::new(python).args(["-c", code]).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// An interpreter, the newest.
fn newest() -> Option<PathBuf> {
    let found = interpreters().pop_last().map(|(_, path)| path);
    if found.is_none() {
        skip("there is no Python that is new enough");
    }
    found
}

/// Runs the programs in these directories with an interpreter, which debugs and drives its own kind.
fn programs_pass_on(minor: u32) {
    let found = interpreters();
    let Some(python) = found.get(&minor) else {
        if found.is_empty() {
            skip("there is no Python that is new enough");
        } else {
            note(&format!("there is no Python 3.{minor} here"));
        }
        return;
    };
    // Most of the time of each they wait for a debuggee, so they wait side by side.
    std::thread::scope(|scope| {
        for directory in DIRECTORIES {
            for file in files(directory) {
                scope.spawn(move || program_passes(python, directory, &file));
            }
        }
    });
}

/// The programs that test something.
fn files(directory: &str) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("list the programs").flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let names: Vec<_> = names.filter(|name| name.starts_with("test_") && name.ends_with(".py")).collect();
    assert!(!names.is_empty(), "there is nothing to run");
    names
}

fn program_passes(python: &Path, directory: &str, file: &str) {
    // A program that is called `python` looks for its library where the path has one of that name.
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let own = python.parent().map(Path::to_path_buf);
    let path = std::env::join_paths(own.into_iter().chain(std::env::split_paths(&inherited))).expect("a path");
    let output = Command::new(python)
        .env("PATH", path)
        .args(["-B", "-m", "unittest", "discover", "-s", directory, "-p", file])
        .env_remove("DEBUGGED_PYTHON")
        .env_remove("CONTEXT_PYTHON")
        .output()
        .expect("run Python");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{file} on {}:\n{said}", python.display());
    assert!(!said.contains("Ran 0 tests"), "{file} has nothing to run:\n{said}");
}

#[test]
fn programs_pass_on_3_8() {
    programs_pass_on(8);
}

#[test]
fn programs_pass_on_3_9() {
    programs_pass_on(9);
}

#[test]
fn programs_pass_on_3_10() {
    programs_pass_on(10);
}

#[test]
fn programs_pass_on_3_11() {
    programs_pass_on(11);
}

#[test]
fn programs_pass_on_3_12() {
    programs_pass_on(12);
}

#[test]
fn programs_pass_on_3_13() {
    programs_pass_on(13);
}

#[test]
fn programs_pass_on_3_14() {
    programs_pass_on(14);
}
