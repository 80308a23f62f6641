//! How fast the daemon is: the release binary over real pipes, beside the floor and the peers.
//!
//!     cargo bench                       the table
//!     cargo bench -- --quick            the same with a tenth of the samples
//!     cargo bench -- --only NAME        rows of one group; see `GROUPS`
//!
//! The floor is the same program started by `posix_spawn` on the host. The peers are what this machine
//! has of bubblewrap (a sandbox for each run), ipykernel by jupyter_client (a live interpreter), the clients of
//! the container engine (`docker run`, `docker exec`, docker-py, llm-sandbox), and of debugpy and V8's inspector for
//! what is debugged; what is missing is named with the reason. The engine is that of `DOCKER_HOST`, and its image
//! that of `CODEBEAKER_BENCH_IMAGE`, or `codebeaker/python:latest`. What the Python peers need: `target/tools/venv/bin/pip install -r benches/requirements.txt`.
//!
//! The samples of a row are taken by turns, in an order that changes, so that a machine that is busy
//! with something else is so for all of them. Compare ratios, not milliseconds.

mod client;
mod contest;
mod debuggers;
mod groups;
mod memory;
mod peers;
mod programs;
mod table;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use contest::Row;
use groups::{GROUPS, Setting};
use peers::Peers;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    match programs::emit_if_asked().and_then(|emitted| if emitted { Ok(()) } else { run() }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    quick: bool,
    only: Option<String>,
}

fn options() -> Result<Options> {
    let mut options = Options { quick: false, only: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // Given by cargo itself.
            "--bench" => {}
            "--quick" => options.quick = true,
            "--only" => options.only = Some(arguments.next().ok_or("--only needs the name of a group")?),
            other => return Err(format!("{other:?}: there are --quick and --only NAME").into()),
        }
    }
    let names: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
    match &options.only {
        Some(name) if !names.contains(&name.as_str()) => {
            Err(format!("there is no group {name:?}; there are {}", names.join(", ")).into())
        }
        _ => Ok(options),
    }
}

fn run() -> Result<()> {
    let options = options()?;
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_codebeaker"));
    let peers = Peers::find();
    let setting = Setting::new(&binary, &peers, options.quick)?;
    let mut rows: Vec<Row> = Vec::new();
    for (name, group) in GROUPS {
        if options.only.as_deref().is_none_or(|only| only == *name) {
            rows.extend(group(&setting)?);
        }
    }
    let mut text = format!("{}\n\n{}", machine(&binary)?, table::render(&rows));
    for remark in peers.missing().into_iter().chain(rows.iter().flat_map(|row| row.remarks.clone())) {
        text.push_str(&format!("\n- {remark}"));
    }
    text.push('\n');
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// What the figures depend on.
fn machine(binary: &Path) -> Result<String> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown processor");
    let load = read("/proc/loadavg");
    Ok(format!(
        "{} × {}, Linux {}, load {} at the end, binary of {:.1} MB",
        std::thread::available_parallelism()?,
        model.trim_start_matches([' ', '\t', ':']),
        read("/proc/sys/kernel/osrelease").trim(),
        load.split(' ').next().unwrap_or_default(),
        std::fs::metadata(binary)?.len() as f64 / 1e6,
    ))
}
