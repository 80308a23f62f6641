//! Programs that are started ahead of their code.

use bytes::Bytes;
use codebeaker_agent::wire::{Awaited, FileFault, FileOp, FileReply, ToAgent};

use super::link::{Link, LinkError, Program};
use super::process::{Handle, Process};

impl Link {
    /// Starts a program that finds a pipe where its code will be, and waits there for [`Process::release`].
    ///
    /// # Errors
    /// As [`Link::spawn`].
    pub async fn spawn_ahead(&self, program: Program, awaited: Awaited) -> Result<Process, LinkError> {
        self.start(program, Some(awaited)).await
    }
}

impl Process {
    /// Gives it the code that it waits for, at most [`MAX_AWAITED_BYTES`](super::wire::MAX_AWAITED_BYTES).
    ///
    /// # Errors
    /// [`LinkError::File`] when it is gone or can't have it; it ends then without having had any of it. Else
    /// [`LinkError::Lost`].
    pub async fn release(&self, code: &Bytes) -> Result<(), LinkError> {
        let agent = self.handle();
        let op = FileOp::Release { execution: agent.execution, code: code.to_vec() };
        agent.ask(op).await.map(drop)
    }

    /// What tells how heavy it is while it waits, whoever has it.
    #[must_use]
    pub fn scale(&self) -> Scale {
        Scale(self.handle())
    }
}

/// Weighs a program that waits for its code.
#[derive(Debug, Clone)]
pub struct Scale(Handle);

impl Scale {
    /// Its own resident memory, in bytes.
    ///
    /// # Errors
    /// [`LinkError::File`] when it doesn't wait any more, or [`LinkError::Lost`].
    pub async fn weigh(&self) -> Result<u64, LinkError> {
        match self.0.ask(FileOp::Weigh { execution: self.0.execution }).await? {
            FileReply::Weighed { bytes } => Ok(bytes),
            _ => Err(LinkError::Lost("its agent answered something else than was asked".to_owned())),
        }
    }
}

impl Handle {
    async fn ask(&self, op: FileOp) -> Result<FileReply, LinkError> {
        let shared = &self.shared;
        let (request, answer) = shared.expect_file(0)?;
        shared.ask(&ToAgent::File { request, op }).await.inspect_err(|_| shared.forget_file(request))?;
        match answer.await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(FileFault { errno })) => Err(LinkError::File { errno }),
            Err(_) => Err(shared.lost()),
        }
    }
}
