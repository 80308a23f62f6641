//! File operations that are asked for one after the other, without waiting for each answer.
//!
//! They go one way and are done in the order in which they were asked for, so that a thousand small files
//! cost one wait and not a thousand. How many are on their way at a time is for the caller to bound.

use std::future::Future;
use std::sync::Arc;

use codebeaker_agent::wire::{FileFault, FileOp, FileReply, ToAgent, WriteTarget};
use tokio::sync::oneshot;

use super::link::{Link, LinkError, Shared};

/// One that was asked for.
#[derive(Debug)]
pub struct Asked {
    shared: Arc<Shared>,
    answer: oneshot::Receiver<Result<FileReply, FileFault>>,
    request: u32,
    /// Names the write, where it is one.
    handle: u32,
}

impl Link {
    /// Asks for a file operation after those that were asked for so before.
    ///
    /// # Errors
    /// [`LinkError::TooLong`] or [`LinkError::Lost`].
    pub async fn ask_file(&self, op: FileOp) -> Result<Asked, LinkError> {
        self.ask_as(0, op).await
    }

    /// As [`Link::ask_file`], begins to write a file: with its first bytes, at most
    /// [`FILE_CHUNK_BYTES`](codebeaker_agent::wire::FILE_CHUNK_BYTES), which are all when `last` is set.
    ///
    /// # Errors
    /// [`LinkError::TooLong`] or [`LinkError::Lost`].
    pub async fn ask_to_write(&self, target: WriteTarget, data: Vec<u8>, last: bool) -> Result<Asked, LinkError> {
        let handle = self.shared.next_handle();
        self.ask_as(handle, FileOp::Create { handle, target, data, last }).await
    }

    async fn ask_as(&self, handle: u32, op: FileOp) -> Result<Asked, LinkError> {
        let (request, answer) = self.shared.expect_file(super::inbound::entry_limit(&op))?;
        let asked = self.shared.ask_in_bulk(&ToAgent::File { request, op }).await;
        asked.inspect_err(|_| self.shared.forget_file(request))?;
        Ok(Asked { shared: Arc::clone(&self.shared), answer, request, handle })
    }
}

impl Asked {
    /// Goes on with a write; `last` with the bytes that are its last.
    ///
    /// # Errors
    /// [`LinkError::TooLong`] or [`LinkError::Lost`].
    pub async fn go_on(&mut self, data: Vec<u8>, last: bool) -> Result<(), LinkError> {
        let op = FileOp::Continue { handle: self.handle, data, last };
        self.shared.ask_in_bulk(&ToAgent::File { request: self.request, op }).await
    }

    /// As [`Asked::answer`], of a copy or a move, which is given up when it is wanted no more. Even then there is
    /// an answer: it may have come to its end before.
    ///
    /// # Errors
    /// [`LinkError::File`] or [`LinkError::Lost`].
    pub async fn answer_unless(mut self, unwanted: impl Future<Output = ()>) -> Result<FileReply, LinkError> {
        let answered = tokio::select! {
            biased;
            answered = &mut self.answer => Some(answered),
            () = unwanted => None,
        };
        match answered {
            None => self.shared.ask(&ToAgent::GiveUp { request: self.request }).await?,
            Some(Ok(answer)) => return answer.map_err(|FileFault { errno }| LinkError::File { errno }),
            Some(Err(_)) => return Err(self.shared.lost()),
        }
        self.answer().await
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// [`LinkError::File`] or [`LinkError::Lost`].
    pub async fn answer(self) -> Result<FileReply, LinkError> {
        match self.answer.await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(FileFault { errno })) => Err(LinkError::File { errno }),
            Err(_) => Err(self.shared.lost()),
        }
    }
}
