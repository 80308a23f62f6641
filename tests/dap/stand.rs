//! Where a debuggee stands: a directory with the program in it, and the adapter that debugs it there.
#![allow(dead_code, reason = "each test takes the part that it needs")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::schema::{packages, tools};

/// A language with a back end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// CPython.
    Python,
    /// Node.
    Node,
}

impl Language {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Node => "node",
        }
    }
}

/// The programs of the tests.
fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dap/programs")
}

/// A directory that an editor has open, and an adapter that knows nothing of any other.
pub(crate) struct Stand {
    ours: bool,
    language: Language,
    /// The editor's own copy, so that what a debuggee does to it harms no other test.
    workspace: TempDir,
    /// Where the adapter has its own things; must be empty at the end.
    own: TempDir,
    program: PathBuf,
    /// The runtime of containers that the debuggee is in, and the address of their engine.
    container: Option<(&'static str, String)>,
}

impl Stand {
    /// With codebeaker's adapter. The error is the reason for skipping a test.
    pub(crate) fn ours(language: Language, program: &str) -> Result<Self, String> {
        let stand = Self::new(true, language, program);
        let interpreter = if language == Language::Python { "python3" } else { "node" };
        let found = Command::new(interpreter).arg("--version").stdout(Stdio::null()).status();
        found.map(|_| stand).map_err(|error| format!("{interpreter}: {error}"))
    }

    /// With codebeaker's adapter, and the debuggee in a container of this runtime, on the engine at this address.
    pub(crate) fn contained(language: Language, program: &str, runtime: &'static str, engine: &str) -> Self {
        Self { container: Some((runtime, engine.to_owned())), ..Self::new(true, language, program) }
    }

    /// With another debugger. The error is the reason for skipping a test.
    pub(crate) fn oracle(language: Language, program: &str) -> Result<Self, String> {
        let stand = Self::new(false, language, program);
        match language {
            Language::Python if !packages().is_some_and(|packages| packages.join("debugpy").exists()) => {
                Err("debugpy is missing; scripts/test.sh installs it".to_owned())
            }
            Language::Node if Command::new("node").arg("--version").stdout(Stdio::null()).status().is_err() => {
                Err("node is missing; scripts/test.sh installs it".to_owned())
            }
            _ => Ok(stand),
        }
    }

    /// With codebeaker's adapter, and these files alone, of which the first is the program.
    pub(crate) fn with_files(language: Language, files: &[(&str, &str)]) -> Self {
        let stand = Self::empty(true, language, files[0].0);
        for (name, text) in files {
            std::fs::write(stand.directory().join(name), text).expect("the directory is ours");
        }
        stand
    }

    fn new(ours: bool, language: Language, program: &str) -> Self {
        let stand = Self::empty(ours, language, program);
        for entry in std::fs::read_dir(programs()).expect("the programs are there") {
            let path = entry.expect("the directory can be read").path();
            let name = path.file_name().expect("an entry has a name");
            std::fs::copy(&path, stand.directory().join(name)).expect("it can be copied");
        }
        assert!(stand.program.exists(), "there is no program {}", stand.program.display());
        stand
    }

    fn empty(ours: bool, language: Language, program: &str) -> Self {
        let workspace = tempfile::Builder::new().prefix("debuggee-").tempdir().expect("a directory can be made");
        let own = tempfile::Builder::new().prefix("adapter-").tempdir().expect("a directory can be made");
        // What the debugger says of a path is what the kernel calls it.
        let program = workspace.path().canonicalize().expect("it is there").join(program);
        Self { ours, language, workspace, own, program, container: None }
    }

    /// Whether the adapter is codebeaker's.
    pub(crate) fn is_ours(&self) -> bool {
        self.ours
    }

    /// Where the adapter has its own things.
    pub(crate) fn own(&self) -> &Path {
        self.own.path()
    }

    /// The debuggee's file.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Where it lies.
    pub(crate) fn directory(&self) -> &Path {
        self.program.parent().expect("a file has a directory")
    }

    /// A command that starts the adapter.
    pub(crate) fn command(&self) -> Command {
        let mut command = match (self.ours, self.language) {
            (true, _) => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_codebeaker"));
                command.arg("dap");
                for name in ["TMPDIR", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_STATE_HOME", "HOME"] {
                    command.env(name, self.own.path());
                }
                if let Some((_, engine)) = &self.container {
                    command.env("DOCKER_HOST", engine).env_remove("DOCKER_CONTEXT").env_remove("XDG_CONFIG_HOME");
                }
                command
            }
            (false, Language::Python) => {
                let mut command = Command::new(tools().join("venv/bin/python"));
                command.args(["-B", "-m", "debugpy.adapter"]);
                command
            }
            (false, Language::Node) => {
                let mut command = Command::new("node");
                command.arg(programs().with_file_name("inspector.mjs"));
                command
            }
        };
        command.current_dir(self.directory());
        command
    }

    /// What a launch needs here.
    pub(crate) fn launch(&self) -> Value {
        let mut launch = json!({
            "type": self.language.name(), "request": "launch", "name": "dialogue", "program": "<program>",
            "cwd": "<directory>", "console": "internalConsole",
        });
        if (self.ours, self.language) == (false, Language::Python) {
            launch["python"] = json!(["/usr/bin/python3", "-B"]);
            launch["subProcess"] = json!(false);
        }
        if let Some((runtime, _)) = &self.container {
            launch["session"] = json!({"runtime": runtime});
        }
        launch
    }

    /// Insists that the adapter has tidied up.
    pub(crate) fn nothing_left(&self) {
        let left = std::fs::read_dir(self.own.path()).expect("it is ours");
        let left: Vec<_> = left.map(|entry| entry.expect("the directory can be read").path()).collect();
        assert!(left.is_empty(), "the adapter left {left:?}");
    }
}
