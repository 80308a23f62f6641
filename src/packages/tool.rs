//! Runs a tool inside the sandbox: what it prints is kept, up to a bound, and passed on where somebody watches.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::{PackageError, Packages};
use crate::execution::{Execution, ExecutionError, Gap, Observer, Output, OutputStream, Summary};
use crate::ids::ExecutionId;
use crate::session::{Run, RunLimits, Source, Stdin};

/// The most that is kept of each stream of a tool.
const MAX_KEPT_BYTES: usize = 4 << 20;

/// The most of what a tool printed that goes into an error.
const MAX_TOLD_CHARS: usize = 2000;

/// What a tool is started with.
pub(super) struct Tool<'a> {
    /// What it is called.
    pub(super) name: &'static str,
    /// Its program, as the sandbox names it.
    pub(super) program: &'a str,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    /// Files that it finds in its own directory.
    pub(super) files: Vec<(String, Bytes)>,
    pub(super) id: ExecutionId,
    pub(super) timeout: Duration,
}

/// What came of it.
pub(super) struct Ran {
    pub(super) execution: ExecutionId,
    pub(super) summary: Summary,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    name: &'static str,
}

impl Ran {
    /// Refuses what did not end well, in the last words of the tool.
    pub(super) fn well(self) -> Result<Self, PackageError> {
        if self.summary.exit_code == Some(0) {
            return Ok(self);
        }
        let (stderr, stdout) = (String::from_utf8_lossy(&self.stderr), String::from_utf8_lossy(&self.stdout));
        let words = if stderr.trim().is_empty() { stdout } else { stderr };
        let mut printed: Vec<char> = words.trim_end().chars().rev().take(MAX_TOLD_CHARS).collect();
        printed.reverse();
        let shown = |character: char| if character.is_control() && character != '\n' { ' ' } else { character };
        let printed = printed.into_iter().map(shown).collect();
        let (execution, summary) = (self.execution, Box::new(self.summary));
        Err(PackageError::Failed { tool: self.name, execution, summary, printed, without_credentials: false })
    }
}

/// Keeps what is printed, and tells it on.
#[derive(Default)]
struct Keeping {
    kept: Mutex<(Vec<u8>, Vec<u8>)>,
    onward: Option<Arc<dyn Observer>>,
}

#[async_trait]
impl Observer for Keeping {
    async fn started(&self, execution: &Execution) {
        if let Some(onward) = &self.onward {
            onward.started(execution).await;
        }
    }

    async fn output(&self, execution: &Execution, output: Output) {
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let stream = if output.stream == OutputStream::Stderr { &mut kept.1 } else { &mut kept.0 };
            let room = MAX_KEPT_BYTES.saturating_sub(stream.len()).min(output.chunk.bytes.len());
            stream.extend_from_slice(&output.chunk.bytes[..room]);
        }
        if let Some(onward) = &self.onward {
            onward.output(execution, output).await;
        }
    }

    async fn gap(&self, execution: &Execution, gap: Gap) {
        if let Some(onward) = &self.onward {
            onward.gap(execution, gap).await;
        }
    }

    async fn exited(&self, execution: &Execution, summary: &Summary) {
        if let Some(onward) = &self.onward {
            onward.exited(execution, summary).await;
        }
    }
}

/// An execution that is asked to end when nobody waits for it any more.
struct Wanted(Arc<Execution>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Packages<'_> {
    /// Runs a tool to its end. `fix` is what brings it where it is missing.
    pub(super) async fn run(
        &self,
        tool: Tool<'_>,
        fix: &'static str,
        onward: Option<Arc<dyn Observer>>,
    ) -> Result<Ran, PackageError> {
        let Tool { name, program, args, env, files, id, timeout } = tool;
        let keeping = Arc::new(Keeping { onward, ..Keeping::default() });
        let run = Run {
            id: Some(id),
            source: Source::Tool { program: program.to_owned(), engine: None, files },
            args,
            engine_args: Vec::new(),
            cwd: None,
            env: env.into_iter().collect(),
            stdin: Stdin::None,
            side: false,
            limits: RunLimits { timeout: Some(timeout), ..RunLimits::default() },
            max_chunk_bytes: self.max_chunk_bytes,
        };
        let execution = Wanted(self.session.execute(run, Arc::clone(&keeping) as Arc<dyn Observer>)?);
        let summary = match execution.0.ended().await {
            Ok(summary) => summary,
            Err(ExecutionError::NotStarted { step, .. }) if step == "find program" => {
                return Err(PackageError::ToolMissing { tool: name, fix });
            }
            Err(error) => return Err(error.into()),
        };
        let (stdout, stderr) = std::mem::take(&mut *keeping.kept.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Ran { execution: execution.0.id.clone(), summary, stdout, stderr, name })
    }
}

/// A text of a tool's, as it can be shown.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(300).collect()
}
