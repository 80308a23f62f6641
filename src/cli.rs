//! The command line: the daemon on stdin and stdout, and what a person can do without an editor.
//!
//! Standard output belongs to what the command is for, be it the protocol, a program's output or a
//! report; messages and logs go to standard error or to a file.

mod daemon;
mod dap;
mod doctor;
mod image;
mod logging;
mod run;
mod show;
mod terminal;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::causes;
use crate::config::file::{self, Configuration};
use crate::config::machine::Machine;
use crate::container::address::Environment;
use crate::engine::{self, discover};
use crate::runtime::Runtime;
use crate::runtime::docker::{Docker, Machines};
use crate::runtime::native::Native;
use crate::session::{Host, Sessions};

/// Exit codes beside those of the programs that are run; the first three as of `docker run`, the fourth
/// as of `timeout`.
pub mod exit_code {
    /// codebeaker itself failed, and nothing was run.
    pub const FAILED: u8 = 125;
    /// The program could not be started.
    pub const NOT_STARTED: u8 = 126;
    /// The program was not found.
    pub const NOT_FOUND: u8 = 127;
    /// The program's time was up.
    pub const TIMEOUT: u8 = 124;
    /// Added to the number of the signal that ended the program.
    pub const SIGNAL: u8 = 128;
}

#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
#[command(
    after_help = "Without a command it is the daemon: it speaks JSON-RPC with the framing of the Language Server \
                        Protocol on standard input and output, and an editor starts it. See protocol.md."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Common {
    /// Write the log to this file instead of standard error
    #[arg(long, global = true, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Use this executable as an engine, such as node=/opt/node/bin/node; may be repeated
    #[arg(long, global = true, value_name = "ENGINE=PATH", value_parser = engine_path)]
    engine: Vec<(&'static engine::Engine, PathBuf)>,
    /// The most sessions that may be open at one time; else what the settings file says, else 10
    #[arg(long, value_name = "N")]
    max_sessions: Option<usize>,
    /// Read the settings from this file instead of $XDG_CONFIG_HOME/codebeaker/config.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a program in a sandbox
    Run(Box<run::RunArgs>),
    /// Say what can be used here, what can't, why, and what would mend it
    Doctor {
        /// Print the report as JSON
        #[arg(long)]
        json: bool,
    },
    /// List, fetch, build or remove the images that sessions in containers run in
    Image(image::ImageArgs),
    /// Be a debug adapter, for any client of the Debug Adapter Protocol
    Dap(dap::DapArgs),
    /// Print the completions of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

fn engine_path(text: &str) -> Result<(&'static engine::Engine, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("it must be ENGINE=PATH")?;
    let engine = engine::by_id(name).ok_or_else(|| {
        let names: Vec<&str> = engine::ENGINES.iter().map(|engine| engine.id).collect();
        format!("there is no engine {name:?}; there are {}", names.join(", "))
    })?;
    Ok((engine, PathBuf::from(path)))
}

/// Does what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Command::Completions { shell }) = cli.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "codebeaker", &mut script);
        // A reader that is gone wants no more of it.
        drop(std::io::stdout().write_all(&script));
        return ExitCode::SUCCESS;
    }
    if let Err(error) = logging::start(cli.common.log.as_deref()) {
        return failed(&error);
    }
    let threads = std::thread::available_parallelism().map_or(2, |count| count.get().clamp(2, 4));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("the asynchronous runtime can't start: {error}")),
    };
    // On a task of its own, and so on the threads that everything else runs on: a message doesn't change threads
    // between the one that has read it and the one that handles it.
    let code = runtime.block_on(async {
        let command = tokio::spawn(perform(cli));
        command.await.unwrap_or_else(|error| failed(&format!("it ended before its time: {error}")))
    });
    // A thread that waits in a read of standard input can't be joined.
    runtime.shutdown_background();
    code
}

async fn perform(cli: Cli) -> ExitCode {
    let mut configuration = match configuration(&cli.common) {
        Ok(configuration) => configuration,
        Err(error) => return failed(&error),
    };
    // Whoever runs one program has no use for containers that wait for the next: they would be left half made.
    let is_for_many = match &cli.command {
        None => true,
        Some(Command::Dap(args)) => args.is_for_many(),
        Some(_) => false,
    };
    if !is_for_many {
        configuration.docker.pool.size = 0;
    }
    if let Some(Command::Dap(args)) = cli.command {
        return dap::dap(args, || sessions(&cli.common, &configuration).map(|(sessions, _)| sessions)).await;
    }
    if let Some(Command::Image(args)) = cli.command {
        return image::image(args, &configuration.docker).await;
    }
    let (sessions, machines) = match sessions(&cli.common, &configuration) {
        Ok(made) => made,
        Err(error) => return failed(&error),
    };
    let code = match cli.command {
        None => daemon::serve(Arc::clone(&sessions), machines, configuration.docker).await,
        Some(Command::Run(args)) => run::run(Arc::clone(&sessions), *args).await,
        Some(Command::Doctor { json }) => doctor::report(&sessions, &configuration, json).await,
        Some(Command::Dap(_) | Command::Image(_) | Command::Completions { .. }) => ExitCode::SUCCESS,
    };
    sessions.close_all().await;
    code
}

/// The settings: those of the file, and what flags say in place of it.
fn configuration(common: &Common) -> Result<Configuration, String> {
    let config_home = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let default = file::default_path(config_home, std::env::home_dir().as_deref());
    let engines: Vec<&str> = engine::ENGINES.iter().map(|engine| engine.id).collect();
    let mut configuration =
        file::load(common.config.as_deref(), default, &engines).map_err(|error| causes::in_full(&error))?;
    let settings = &mut configuration.settings;
    settings.max_sessions = common.max_sessions.unwrap_or(settings.max_sessions);
    let machine = Machine::current();
    machine.complete(&mut settings.packages);
    settings.packages.cache = machine.downloads();
    Ok(configuration)
}

/// The sessions of this process, with what this machine has to run code with, and the machines of container engines.
fn sessions(common: &Common, configuration: &Configuration) -> Result<(Arc<Sessions>, Arc<Machines>), String> {
    let home = std::env::home_dir();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut installations = discover::installations(&path, home.as_deref());
    for (engine, program) in &common.engine {
        let named = discover::installation_at(engine, program, home.as_deref())
            .map_err(|why| format!("--engine {}={}: {why}", engine.id, program.display()))?;
        installations.retain(|installation| installation.engine != *engine);
        installations.push(named);
    }
    let mut runtimes: Vec<Arc<dyn Runtime>> = vec![Arc::new(Native::start())];
    let containers = Docker::start(&configuration.docker, &Environment::current());
    let machines = Arc::clone(containers[0].shared());
    for docker in containers {
        runtimes.push(Arc::new(docker));
    }
    let host = Host::new(runtimes, installations).with_adapters(discover::adapters(&path, home.as_deref()));
    Ok((Arc::new(Sessions::new(configuration.settings.clone(), host)), machines))
}

fn failed(message: &str) -> ExitCode {
    show::message(message);
    ExitCode::from(exit_code::FAILED)
}
