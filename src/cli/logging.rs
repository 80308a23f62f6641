//! The log: to standard error or a file, never to standard output, and never with a variable's value.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

/// The variable that says what is logged, such as `debug` or `codebeaker::transport=trace`.
const FILTER: &str = "CODEBEAKER_LOG";

/// Starts logging: warnings to standard error, or more to a file.
pub(super) fn start(file: Option<&Path>) -> Result<(), String> {
    let default = if file.is_some() { "info" } else { "warn" };
    let filter = match std::env::var(FILTER) {
        Ok(directives) => EnvFilter::try_new(directives).map_err(|error| format!("{FILTER}: {error}"))?,
        Err(_) => EnvFilter::new(default),
    };
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_target(true);
    match file {
        None => subscriber.with_writer(std::io::stderr).init(),
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
            let file = file.map_err(|error| format!("--log {}: {error}", path.display()))?;
            subscriber.with_writer(Mutex::new(file)).init();
        }
    }
    Ok(())
}
