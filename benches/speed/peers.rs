//! What else runs code in isolation, as far as this machine has it, and why it hasn't the rest.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Result;
use crate::programs::Program;

/// Where a container engine is expected to answer, when `DOCKER_HOST` doesn't say it.
const DOCKER_HOST: &str = "unix:///var/run/docker.sock";

/// The image of the daemon's own sessions of Python.
const IMAGE: &str = "codebeaker/python:latest";

/// What stands in the way of a peer.
pub(crate) type Missing = String;

/// The peers.
pub(crate) struct Peers {
    pub(crate) bubblewrap: std::result::Result<Bubblewrap, Missing>,
    pub(crate) ipykernel: std::result::Result<PathBuf, Missing>,
    pub(crate) docker: std::result::Result<Container, Missing>,
    pub(crate) docker_py: std::result::Result<PathBuf, Missing>,
    pub(crate) llm_sandbox: std::result::Result<PathBuf, Missing>,
    pub(crate) debugpy: std::result::Result<PathBuf, Missing>,
    /// Engines of npm, by their names.
    pub(crate) engines: [(&'static str, std::result::Result<PathBuf, Missing>); 2],
    /// The directory that has the package.
    pub(crate) sandbox_runtime: std::result::Result<PathBuf, Missing>,
    pub(crate) vscode_jsonrpc: std::result::Result<PathBuf, Missing>,
}

impl Peers {
    pub(crate) fn find() -> Self {
        let tools = std::env::var_os("CODEBEAKER_TOOLS").map_or_else(|| PathBuf::from("target/tools"), PathBuf::from);
        let reader = tools.join("node_modules/vscode-languageserver-protocol");
        let has_reader = reader.exists().then_some(tools.clone());
        Self {
            bubblewrap: Bubblewrap::find(),
            engines: [("deno", "@deno", "deno"), ("bun", "@oven", "bin/bun")]
                .map(|(name, scope, program)| (name, engine(&tools, scope, program))),
            ipykernel: importing(&tools, "ipykernel, jupyter_client", "CONTRIBUTING.md says how to install it"),
            debugpy: importing(&tools, "debugpy", "scripts/test.sh installs it"),
            docker: Container::start(),
            sandbox_runtime: sandbox_runtime(&tools),
            docker_py: importing(&tools, "docker", "CONTRIBUTING.md says how to install it"),
            llm_sandbox: importing(&tools, "docker, llm_sandbox", "CONTRIBUTING.md says how to install it"),
            vscode_jsonrpc: has_reader
                .ok_or_else(|| format!("{} is missing; scripts/test.sh installs it", reader.display())),
        }
    }
}

impl Peers {
    /// What is missing, each with the reason.
    pub(crate) fn missing(&self) -> Vec<String> {
        let missing = [
            ("bubblewrap", self.bubblewrap.as_ref().err()),
            ("ipykernel", self.ipykernel.as_ref().err()),
            ("sandbox-runtime", self.sandbox_runtime.as_ref().err()),
            ("debugpy", self.debugpy.as_ref().err()),
            ("docker exec", self.docker.as_ref().err()),
            ("docker-py", self.docker_py.as_ref().err()),
            ("llm-sandbox", self.llm_sandbox.as_ref().err()),
            ("vscode-jsonrpc", self.vscode_jsonrpc.as_ref().err()),
        ];
        let engines = self.engines.iter().map(|(name, found)| (*name, found.as_ref().err()));
        missing
            .into_iter()
            .chain(engines)
            .filter_map(|(name, why)| Some(format!("{name} is missing: {}", why?)))
            .collect()
    }
}

/// A sandbox for each run, with the namespaces and the files that ours has; no seccomp filter, no limits.
pub(crate) struct Bubblewrap(Vec<String>);

impl Bubblewrap {
    fn find() -> std::result::Result<Self, Missing> {
        let arguments = "bwrap --unshare-all --die-with-parent --new-session --cap-drop ALL --ro-bind /usr /usr \
                         --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc \
                         --dev /dev --tmpfs /tmp --dir /workspace --chdir /workspace";
        let bubblewrap = Self(arguments.split_whitespace().map(str::to_owned).collect());
        match bubblewrap.wrap(&Program::new(["/bin/true"]), None).run() {
            Ok(_) => Ok(bubblewrap),
            Err(error) => Err(format!("{error} (apt-get install bubblewrap)")),
        }
    }

    /// The program in a sandbox, which also sees this directory.
    pub(crate) fn wrap(&self, program: &Program, directory: Option<&Path>) -> Program {
        let mut wrapper = self.0.clone();
        if let Some(directory) = directory.map(|directory| directory.display().to_string()) {
            wrapper.extend(["--ro-bind".to_owned(), directory.clone(), directory]);
        }
        program.behind(&wrapper)
    }
}

/// The tools' interpreter, if it has these packages.
fn importing(tools: &Path, packages: &str, advice: &str) -> std::result::Result<PathBuf, Missing> {
    let python = tools.join("venv/bin/python");
    let found = Command::new(&python).args(["-c", &format!("import {packages}")]).stderr(Stdio::null()).status();
    match found {
        Ok(status) if status.success() => Ok(python),
        _ => Err(format!("{} can't import {packages}; {advice}", python.display())),
    }
}

/// Where `@anthropic-ai/sandbox-runtime` is installed, which needs some programs beside it.
fn sandbox_runtime(tools: &Path) -> std::result::Result<PathBuf, Missing> {
    let tools = tools.join("sandbox-runtime");
    let package = tools.join("node_modules/@anthropic-ai/sandbox-runtime");
    if !package.exists() {
        return Err(format!("{} is missing; CONTRIBUTING.md says how to install it", package.display()));
    }
    let tools = tools.canonicalize().map_err(|error| format!("{}: {error}", tools.display()))?;
    let measured = Assistant::start(&mut node(&tools)).and_then(|mut node| node.ask(r#"["true"]"#));
    measured.map(|_| tools).map_err(|error| format!("{error} (apt-get install bubblewrap socat ripgrep)"))
}

/// The program of an engine that npm has a package of for each kind of machine.
fn engine(tools: &Path, scope: &str, program: &str) -> std::result::Result<PathBuf, Missing> {
    let scope = tools.join("node_modules").join(scope);
    let packages = std::fs::read_dir(&scope).into_iter().flatten().flatten();
    let found = packages.map(|package| package.path().join(program)).find(|program| program.is_file());
    found.ok_or_else(|| format!("{} has no package of it; scripts/test.sh installs it", scope.display()))
}

/// What measures sandbox-runtime.
pub(crate) fn node(tools: &Path) -> Command {
    let mut node = Command::new("node");
    node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/speed/sandbox_runtime.mjs")).arg(tools);
    node
}

/// A container that is there already, as a session of ours is.
pub(crate) struct Container {
    /// The CLI, and which engine it talks to: what is started from here has no environment that says it.
    cli: Vec<String>,
    image: String,
    id: String,
}

impl Container {
    fn start() -> std::result::Result<Self, Missing> {
        let host = std::env::var("DOCKER_HOST").unwrap_or_else(|_| DOCKER_HOST.to_owned());
        let image = std::env::var("CODEBEAKER_BENCH_IMAGE").unwrap_or_else(|_| IMAGE.to_owned());
        let cli = vec!["docker".to_owned(), "--host".to_owned(), host];
        let arguments = ["run", "--detach", "--rm", "--network", "none", "--pull", "never", &image, "sleep", "3600"];
        let started = Command::new(&cli[0]).args(&cli[1..]).args(arguments).output();
        let started = started.map_err(|error| format!("docker: {error}"))?;
        if !started.status.success() {
            return Err(String::from_utf8_lossy(&started.stderr).trim().to_owned());
        }
        let id = String::from_utf8_lossy(&started.stdout).trim().to_owned();
        Ok(Self { cli, image, id })
    }

    /// The image that containers are made of.
    pub(crate) fn image(&self) -> &str {
        &self.image
    }

    /// The same, where it is not what a session has anyway.
    pub(crate) fn other_image(&self) -> Option<&str> {
        Some(self.image.as_str()).filter(|image| *image != IMAGE)
    }

    /// The program in the container.
    pub(crate) fn wrap(&self, program: &Program) -> Program {
        program.behind(&[self.cli.clone(), vec!["exec".to_owned(), self.id.clone()]].concat())
    }

    /// The program in a container of its own.
    pub(crate) fn alone(&self, program: &Program) -> Program {
        let arguments = ["run", "--rm", "--network", "none", "--pull", "never", &self.image].map(str::to_owned);
        program.behind(&[self.cli.clone(), arguments.to_vec()].concat())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // It removes itself; nothing depends on when.
        let kill = ["kill".to_owned(), self.id.clone()];
        let mut command = Command::new(&self.cli[0]);
        let _ = command.args(&self.cli[1..]).args(kill).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// A program beside this one that measures in a language of its own: a line asks, a line answers.
pub(crate) struct Assistant {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Assistant {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        Ok(Self { child, input, output })
    }

    /// Has one sample taken.
    pub(crate) fn ask(&mut self, what: &str) -> Result<f64> {
        writeln!(self.input.as_mut().ok_or("no standard input")?, "{what}")?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        answer.trim().parse().map_err(|_| format!("{what}: {:?}", answer.trim()).into())
    }
}

impl Drop for Assistant {
    fn drop(&mut self) {
        // It ends with its input, in its own time, and takes along what it started.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
