//! A sandbox that another daemon had before: what it has running is expected to be told of, and taken over.

use std::sync::Arc;

use codebeaker_agent::frame::{self, Channel, Stream};
use codebeaker_agent::wire::{self, MAX_KEPT_BYTES, MAX_NAME_BYTES, Ready, ToAgent};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

use super::inbound::Violation;
use super::link::{Link, LinkError, Table};
use super::process::{Entry, Process};

/// An execution that another daemon had started.
#[derive(Debug)]
pub(super) struct Adoptable {
    entry: Arc<Entry>,
    exited: oneshot::Receiver<wire::Exited>,
    pid: u32,
}

impl Link {
    /// Joins a sandbox that outlived the daemon which made it, over a stream to its agent.
    ///
    /// # Errors
    /// [`LinkError::Occupied`] when another daemon has joined it; else as [`Link::open`].
    pub async fn join<R, W>(reader: R, writer: W) -> Result<(Self, Ready), LinkError>
    where
        R: AsyncRead + Send + 'static,
        W: AsyncWrite + Send + 'static,
    {
        let (link, ready) = Self::open(reader, writer).await?;
        // So that the agent knows that it is heard.
        link.shared.ask(&ToAgent::Joined).await?;
        Ok((link, ready))
    }

    /// Has the agent keep this for the next daemon, of at most [`MAX_KEPT_BYTES`], and end by itself with no daemon
    /// for so long. Without effect in a sandbox that ends with its stream.
    ///
    /// # Errors
    /// [`LinkError::TooLong`] or [`LinkError::Lost`].
    pub async fn keep(&self, notes: Vec<u8>, alone_ms: u64) -> Result<(), LinkError> {
        if notes.len() > MAX_KEPT_BYTES {
            return Err(LinkError::TooLong { bytes: notes.len() });
        }
        self.shared.ask(&ToAgent::Keep { notes, alone_ms }).await
    }

    /// Takes over an execution that another daemon had started, as [`Ready::running`] tells of it, and lets it go on
    /// printing. `None` when it was taken over already, or is none of those.
    ///
    /// # Errors
    /// [`LinkError::Lost`].
    pub async fn adopt(&self, execution: u32) -> Result<Option<Process>, LinkError> {
        let Some(Adoptable { entry, exited, pid }) = self.shared.table().adoptable.remove(&execution) else {
            return Ok(None);
        };
        let mut process = Process::new(execution, Arc::clone(&self.shared), entry, exited, None);
        process.was_asked_for();
        process.pid = pid;
        for stream in [Stream::Stdout, Stream::Stderr] {
            process.output(stream).grant(frame::STREAM_WINDOW as usize).await?;
        }
        Ok(Some(process))
    }
}

/// Expects to hear of what another daemon had started.
pub(super) fn take_over(ready: &Ready, table: &mut Table) -> Result<(), Violation> {
    if ready.highest > Channel::MAX_NUMBER || ready.kept.len() > MAX_KEPT_BYTES {
        return Err(Violation::OverLimit);
    }
    table.last_number = ready.highest;
    for running in &ready.running {
        let number = running.execution;
        let is_known = table.executions.contains_key(&number);
        if is_known || !(1..=ready.highest).contains(&number) || running.name.len() > MAX_NAME_BYTES {
            return Err(Violation::UnknownExecution(number));
        }
        let (entry, exited) = Entry::adopted(running.stdin, running.terminal);
        table.executions.insert(number, Arc::clone(&entry));
        table.adoptable.insert(number, Adoptable { entry, exited, pid: running.pid });
    }
    Ok(())
}
