//! Prints what the program prints, or keeps it for the report.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
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

    /// Resolves when nobody reads the output any more, or waits for it to be read.
    pub(super) async fn reader_gone(&self) {
        self.gone.cancelled().await;
    }

    /// Prints no more, and waits no longer for what is being printed to be read.
    pub(super) fn give_up(&self) {
        self.gone.cancel();
    }

    /// What was kept, as JSON.
    pub(super) fn captured(&self) -> Value {
        let Some(kept) = &self.kept else { return Value::Null };
        let [stdout, stderr] = lock(kept).clone().map(|bytes| {
            WantedEncoding::Auto.encode(bytes).map(|(data, encoding)| json!({"data": data, "encoding": encoding}))
        });
        json!({"stdout": stdout, "stderr": stderr})
    }

    pub(super) async fn print_line(&self, line: &str) {
        self.print(OutputStream::Stdout, format!("{line}\n").into()).await;
    }

    /// Prints on a thread that may wait for the reader, so that nothing else does: the program's time runs
    /// out, and signals are heeded, while a reader pauses.
    async fn print(&self, stream: OutputStream, bytes: Bytes) {
        let written = tokio::select! {
            biased;
            () = self.gone.cancelled() => return,
            written = tokio::task::spawn_blocking(move || write(stream, &bytes)) => written,
        };
        if let Err(error) = written.unwrap_or_else(|failed| Err(io::Error::other(failed))) {
            tracing::debug!(%error, "nobody reads the output");
            self.gone.cancel();
        }
    }
}

fn lock(kept: &Mutex<[Vec<u8>; 2]>) -> MutexGuard<'_, [Vec<u8>; 2]> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write(stream: OutputStream, bytes: &[u8]) -> io::Result<()> {
    match stream {
        OutputStream::Stderr => io::stderr().lock().write_all(bytes),
        OutputStream::Stdout | OutputStream::Pty => {
            let mut stdout = io::stdout().lock();
            stdout.write_all(bytes).and_then(|()| stdout.flush())
        }
    }
}

#[async_trait]
impl Observer for Printer {
    async fn started(&self, _: &Execution) {}

    async fn output(&self, _: &Execution, output: Output) {
        let index = usize::from(output.stream == OutputStream::Stderr);
        match &self.kept {
            Some(kept) => lock(kept)[index].extend_from_slice(&output.chunk.bytes),
            None => self.print(output.stream, output.chunk.bytes).await,
        }
    }

    async fn gap(&self, _: &Execution, _: Gap) {}

    async fn exited(&self, _: &Execution, _: &Summary) {}
}
