//! The arguments of `codebeaker run`, and what follows from them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, ValueEnum};

use crate::config::{Limits, Pattern, Settings};
use crate::engine::{self, Engine};
use crate::network::{self, Policy};
use crate::runtime::{Isolation, Workspace};
use crate::session::{Source, Wish};

/// Run a program in a sandbox.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code: that of the program; 128 + N when signal N ended it; 124 when its time was up; 127 when \
                        it was not found, 126 when it could not be started, 125 when codebeaker itself failed."
)]
pub(in crate::cli) struct RunArgs {
    /// The file to run, or - for code from standard input
    file: String,
    /// Arguments of the program
    #[arg(last = true)]
    pub(super) args: Vec<String>,
    /// What the code is written in; told by the file's extension otherwise
    #[arg(long, short, value_parser = language)]
    language: Option<&'static Engine>,
    /// End the program after this time, such as 90s, 5m or 1h30m
    #[arg(long, value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// Memory of the program and all it starts, such as 512MiB
    #[arg(long, value_name = "SIZE")]
    memory: Option<ByteSize>,
    /// Processors, may be a fraction
    #[arg(long, value_name = "N")]
    cpu: Option<f64>,
    /// Processes and threads
    #[arg(long, value_name = "N")]
    pids: Option<u64>,
    /// What its files may take
    #[arg(long, value_name = "SIZE")]
    disk: Option<ByteSize>,
    /// How much of its output is passed on
    #[arg(long, value_name = "SIZE")]
    output: Option<ByteSize>,
    /// What it reaches: `none` unless this says otherwise, or `--allow` does
    #[arg(long, value_enum)]
    network: Option<Network>,
    /// A host that it may reach, such as example.org:443 or *.example.org; may be repeated
    #[arg(long, value_name = "HOST[:PORT]", value_parser = Pattern::parse)]
    allow: Vec<Pattern>,
    /// A variable of its environment; may be repeated. NAME alone takes the value from this environment
    #[arg(long, short, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// A directory for it to work in, shown as --workspace-mode says; without one it works in an empty one
    #[arg(long, short, value_name = "DIR")]
    workspace: Option<PathBuf>,
    /// How it sees the directory: `overlay` and `copy` keep its changes to the sandbox; `overlay` where the runtime has
    /// that, `copy` where it has not
    #[arg(long, value_enum, requires = "workspace")]
    workspace_mode: Option<Mode>,
    /// Where in the sandbox it starts; the workspace otherwise
    #[arg(long, value_name = "PATH")]
    pub(super) cwd: Option<String>,
    /// Which runtime isolates it; the strongest there is otherwise
    #[arg(long, value_name = "ID")]
    runtime: Option<String>,
    /// No weaker isolation than this
    #[arg(long, value_enum, value_name = "LEVEL")]
    min_isolation: Option<Level>,
    /// The image that it runs in, in place of its language's; for runtimes that have images
    #[arg(long, value_name = "NAME")]
    image: Option<String>,
    /// Print one JSON object at the end: how it ended, and what it printed
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Network {
    /// Nothing outside the sandbox
    None,
    /// The hosts of `--allow`
    Allowlist,
    /// Every public host, where the settings file says `full = true`
    Full,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// It sees the directory; what it changes goes with the sandbox
    Overlay,
    /// It works on a copy, which goes with the sandbox
    Copy,
    /// It sees the directory and can't change it
    BindRo,
    /// It changes the directory itself
    BindRw,
}

/// How strongly a runtime isolates, from weak to strong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Level {
    /// A process of this machine with less than its user's rights
    Process,
    /// Namespaces of this machine's kernel
    Namespaces,
    /// A container
    Container,
    /// A kernel of its own
    Kernel,
    /// A virtual machine
    Vm,
}

impl From<Level> for Isolation {
    fn from(level: Level) -> Self {
        match level {
            Level::Process => Self::Process,
            Level::Namespaces => Self::Namespaces,
            Level::Container => Self::Container,
            Level::Kernel => Self::Kernel,
            Level::Vm => Self::Vm,
        }
    }
}

/// What the arguments come to.
pub(super) struct Plan {
    pub(super) source: Source,
    pub(super) wish: Wish,
    pub(super) workspace: Workspace,
    pub(super) env: BTreeMap<String, String>,
    pub(super) network: Policy,
    pub(super) limits: Limits,
    /// Whether the workspace may be a copy, where it can't be an overlay.
    pub(super) may_be_copied: bool,
    /// Whether the code itself came from standard input, of which the program then has none.
    pub(super) stdin_is_code: bool,
}

/// What runs it.
fn engine_of(source: &Source) -> Option<&'static Engine> {
    match source {
        Source::Code { engine, .. } | Source::File { engine, .. } | Source::Tool { engine, .. } => *engine,
        Source::Engine { engine, .. } => Some(engine),
        Source::Program(_) => None,
    }
}

fn language(name: &str) -> Result<&'static Engine, String> {
    engine::by_language(name).or_else(|| engine::by_id(name)).ok_or_else(|| {
        let names: Vec<&str> = engine::ENGINES.iter().map(|engine| engine.languages[0]).collect();
        format!("no engine runs it; there are {}", names.join(", "))
    })
}

impl RunArgs {
    /// Reads what is to be run.
    pub(super) fn plan(&self, settings: &Settings) -> Result<Plan, String> {
        let stdin_is_code = self.file == "-";
        let workspace = self.workspace()?;
        let source = if stdin_is_code { self.code_from_stdin()? } else { self.source(&workspace)? };
        let default = settings.limits;
        let limits = Limits {
            memory_bytes: self.memory.map_or(default.memory_bytes, |size| size.as_u64()),
            cpu: self.cpu.or(default.cpu),
            pids: self.pids.unwrap_or(default.pids),
            disk_bytes: self.disk.map_or(default.disk_bytes, |size| size.as_u64()),
            output_bytes: self.output.map_or(default.output_bytes, |size| size.as_u64()),
            open_files: default.open_files,
            execution_timeout: self.timeout.unwrap_or(default.execution_timeout),
        };
        let wish = Wish {
            engines: engine_of(&source).into_iter().collect(),
            runtime: self.runtime.clone(),
            image: self.image.clone(),
            min_isolation: self.min_isolation.map(Isolation::from),
            ..Wish::default()
        };
        let may_be_copied = self.workspace_mode.is_none();
        let network = self.network();
        Ok(Plan { source, wish, workspace, env: self.env()?, network, limits, may_be_copied, stdin_is_code })
    }

    fn network(&self) -> Policy {
        let mode = match self.network {
            None if self.allow.is_empty() => network::Mode::None,
            None | Some(Network::Allowlist) => network::Mode::AllowList,
            // With hosts it is refused when the session is made.
            Some(Network::None) => network::Mode::None,
            Some(Network::Full) => network::Mode::Full,
        };
        Policy { mode, allow: self.allow.clone() }
    }

    fn workspace(&self) -> Result<Workspace, String> {
        let Some(path) = &self.workspace else { return Ok(Workspace::None) };
        let path = path.canonicalize().map_err(|error| format!("--workspace {}: {error}", path.display()))?;
        Ok(match self.workspace_mode.unwrap_or(Mode::Overlay) {
            Mode::Overlay => Workspace::Overlay { path },
            Mode::Copy => Workspace::Copy { path, exclude: Vec::new() },
            Mode::BindRo => Workspace::Bind { path, writable: false },
            Mode::BindRw => Workspace::Bind { path, writable: true },
        })
    }

    fn code_from_stdin(&self) -> Result<Source, String> {
        let engine = self.language.ok_or("code from standard input needs --language")?;
        let mut text = Vec::new();
        std::io::stdin().lock().read_to_end(&mut text).map_err(|error| format!("standard input: {error}"))?;
        Ok(Source::Code { text: text.into(), engine: Some(engine), name: None })
    }

    /// A file of the workspace is run where it is; any other goes into the sandbox by itself.
    fn source(&self, workspace: &Workspace) -> Result<Source, String> {
        let path = Path::new(&self.file);
        let engine = self.language.or_else(|| engine::by_file(&self.file));
        let engine = engine.ok_or_else(|| format!("{}: what language is it? Say so with --language", self.file))?;
        let shown = match workspace {
            Workspace::None => None,
            Workspace::Copy { path, .. } | Workspace::Bind { path, .. } | Workspace::Overlay { path } => Some(path),
        };
        let whole = path.canonicalize().map_err(|error| format!("{}: {error}", self.file))?;
        if let Some(inside) = shown.and_then(|shown| whole.strip_prefix(shown).ok()) {
            let path = inside.to_str().ok_or_else(|| format!("{}: its name is not UTF-8", self.file))?;
            return Ok(Source::File { path: path.to_owned(), engine: Some(engine) });
        }
        let text = std::fs::read(path).map_err(|error| format!("{}: {error}", self.file))?;
        let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        Ok(Source::Code { text: text.into(), engine: Some(engine), name })
    }

    fn env(&self) -> Result<BTreeMap<String, String>, String> {
        let pairs = self.env.iter().map(|text| match text.split_once('=') {
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
            None => {
                let value = std::env::var(text).map_err(|_| format!("--env {text}: there is no such variable here"))?;
                Ok((text.clone(), value))
            }
        });
        pairs.collect()
    }
}
