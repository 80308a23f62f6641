//! Prints what the program prints, or keeps it for the report.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::execution::{Execution, Gap, Observer, Output, OutputStream, Summary};
use crate::protocol::WantedEncoding;

/// Where a program's output goes.
pub(super) struct Printer {
    /// Standard output and standard error, when they are kept.
    kept: Option<Mutex<[Vec<u8>; 2]>>,
    gone: CancellationToken,
}

impl Printer {
    pub(super) fn new(keep: bool) -> Self {
        Self { kept: keep.then(Mutex::default), gone: CancellationToken::new() }
    }

    /// Resolves when nobody reads the output any more.
    pub(super) async fn reader_gone(&self) {
        self.gone.cancelled().await;
    }

    /// What was kept, as JSON.
    pub(super) fn captured(&self) -> Value {
        let Some(kept) = self.kept() else { return Value::Null };
        let [stdout, stderr] = kept.clone().map(|bytes| {
            WantedEncoding::Auto.encode(bytes).map(|(data, encoding)| json!({"data": data, "encoding": encoding}))
        });
        json!({"stdout": stdout, "stderr": stderr})
    }

    pub(super) fn print_line(&self, line: &str) {
        self.print(OutputStream::Stdout, format!("{line}\n").as_bytes());
    }

    fn kept(&self) -> Option<MutexGuard<'_, [Vec<u8>; 2]>> {
        Some(self.kept.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn print(&self, stream: OutputStream, bytes: &[u8]) {
        let written = tokio::task::block_in_place(|| match stream {
            OutputStream::Stderr => io::stderr().lock().write_all(bytes),
            OutputStream::Stdout | OutputStream::Pty => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(bytes).and_then(|()| stdout.flush())
            }
        });
        if let Err(error) = written {
            tracing::debug!(%error, "nobody reads the output");
            self.gone.cancel();
        }
    }
}

#[async_trait]
impl Observer for Printer {
    async fn started(&self, _: &Execution) {}

    async fn output(&self, _: &Execution, output: Output) {
        if let Some(mut kept) = self.kept() {
            kept[usize::from(output.stream == OutputStream::Stderr)].extend_from_slice(&output.chunk.bytes);
            return;
        }
        self.print(output.stream, &output.chunk.bytes);
    }

    async fn gap(&self, _: &Execution, _: Gap) {}

    async fn exited(&self, _: &Execution, _: &Summary) {}
}
