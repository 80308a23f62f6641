//! Having files looked for, which ends when nobody waits for the answer any more.

use std::sync::Arc;

use codebeaker_agent::wire::find::{Find, FindEnd};
use codebeaker_agent::wire::{FileOp, FileReply, ToAgent};

use super::link::{Link, LinkError, Shared};

/// Has a search stopped that its caller has given up. The agent still answers it, upon which it is forgotten.
struct Stopper<'a> {
    shared: &'a Arc<Shared>,
    request: u32,
    is_answered: bool,
}

impl Drop for Stopper<'_> {
    fn drop(&mut self) {
        if self.is_answered || self.shared.closed.is_cancelled() {
            return;
        }
        let (shared, request) = (Arc::clone(self.shared), self.request);
        // Without a runtime to send from there is no daemon either, and the sandbox ends with its stream.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { shared.ask(&ToAgent::StopFind { request }).await });
        }
    }
}

impl Link {
    /// Has files looked for. What comes back is what was found, one postcard-encoded
    /// [`Found`](codebeaker_agent::wire::find::Found) after the other, unread, and how it ended; never more than
    /// [`FOUND_BYTES`](codebeaker_agent::wire::find::FOUND_BYTES). When the caller gives up, the search is stopped.
    ///
    /// # Errors
    /// [`LinkError::File`], [`LinkError::TooLong`] or [`LinkError::Lost`].
    pub async fn find(&self, find: Find) -> Result<(Vec<u8>, FindEnd), LinkError> {
        let (request, answer) = self.shared.expect_found()?;
        let ask = ToAgent::File { request, op: FileOp::Find(find) };
        self.shared.ask(&ask).await.inspect_err(|_| self.shared.forget_file(request))?;
        let mut stopper = Stopper { shared: &self.shared, request, is_answered: false };
        let answered = self.answered(answer).await;
        stopper.is_answered = true;
        match answered? {
            FileReply::Found { data, end: Some(end) } => Ok((data, end)),
            _ => Err(LinkError::Lost("its agent answered another question".to_owned())),
        }
    }
}
