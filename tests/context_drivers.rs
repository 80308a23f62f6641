//! The driver of live interpreters of Node, tested from the other end of its stream by programs in Python. That of
//! Python is tested with the debugger's helper (`tests/python_helper.rs`), on every Python that is there.

#[path = "harness/skip.rs"]
mod skip;

use std::path::Path;
use std::process::Command;

use skip::skip;

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/context_drivers/javascript");

fn runs(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Runs one of the programs, with the Node that is found in `PATH`.
fn program_passes(file: &str) {
    for program in ["python3", "node"] {
        if !runs(program) {
            return skip(&format!("{program} is not installed"));
        }
    }
    let output = Command::new("python3")
        .args(["-B", "-m", "unittest", "discover", "-s", DIRECTORY, "-p", file])
        .env_remove("CODEBEAKER_NODE")
        .output()
        .expect("run Python");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{file}:\n{said}");
    assert!(!said.contains("Ran 0 tests"), "{file} has nothing to run:\n{said}");
}

macro_rules! programs {
    ($($name:ident => $file:literal,)+) => {
        const FILES: &[&str] = &[$($file),+];
        $(
            #[test]
            fn $name() {
                program_passes($file);
            }
        )+
    };
}

programs! {
    cells => "test_cells.py",
    errors => "test_errors.py",
    interrupts => "test_interrupts.py",
    lookup => "test_lookup.py",
    process => "test_process.py",
}

#[test]
fn no_program_is_left_out() {
    let entries = std::fs::read_dir(Path::new(DIRECTORY)).expect("list the programs").flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter(|name| name.starts_with("test_") && name.ends_with(".py")).collect();
    names.sort();
    assert_eq!(names, FILES);
}
