//! The log: to standard error or a file, never to standard output, and never with a variable's value.
//!
//! An event is one line. Control characters in it are shown, never written: names and texts of clients and
//! programs could otherwise forge lines, or speak to the terminal that shows the log.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

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
        None => subscriber.with_writer(|| Lines(io::stderr())).init(),
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
            let file = Arc::new(file.map_err(|error| format!("--log {}: {error}", path.display()))?);
            subscriber.with_writer(move || Lines(Arc::clone(&file))).init();
        }
    }
    Ok(())
}

/// Writes what it is given at once as one line.
struct Lines<W>(W);

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event.strip_suffix(b"\n").unwrap_or(event));
        let mut line = String::with_capacity(text.len() + 1);
        for character in text.chars() {
            if character.is_control() {
                line.extend(character.escape_default());
            } else {
                line.push(character);
            }
        }
        line.push('\n');
        self.0.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_can_not_forge_another() {
        let mut written = Vec::new();
        Lines(&mut written).write_all("INFO id=x\nERROR all is lost\x1b[2J\u{9b}\n".as_bytes()).unwrap();
        assert_eq!(written, b"INFO id=x\\nERROR all is lost\\u{1b}[2J\\u{9b}\n");
    }
}
