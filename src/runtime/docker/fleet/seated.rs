//! A sandbox's ties to its machine: it counts there as long as it is held, and its stream ends when the machine is
//! known to be down, though the connection to it may hang for ever.

use std::sync::Arc;

use async_trait::async_trait;

use super::Member;
use crate::runtime::docker::health::watch::{Seat, Severable, Watched};
use crate::runtime::{Keeper, Sandbox, Usage};
use tokio_util::sync::CancellationToken;

/// `sandbox`, which has this seat on this machine. `line` is the machine's from before it was made.
pub fn seat<M>(sandbox: Sandbox, member: &Member<M>, seat: Seat, line: CancellationToken) -> Sandbox {
    Sandbox {
        reader: Box::new(Severable::new(sandbox.reader, line.clone())),
        writer: Box::new(Severable::new(sandbox.writer, line.clone())),
        machine: Some(member.name.clone()),
        keeper: keep(sandbox.keeper, member, seat, line),
        ..sandbox
    }
}

/// The same for a keeper alone.
pub fn keep<M>(inner: Box<dyn Keeper>, member: &Member<M>, seat: Seat, line: CancellationToken) -> Box<dyn Keeper> {
    let (name, watched) = (member.name.clone(), Arc::clone(&member.watched));
    Box::new(SeatedKeeper { inner, name, watched, line, seat: Some(seat) })
}

struct SeatedKeeper {
    inner: Box<dyn Keeper>,
    name: String,
    watched: Arc<Watched>,
    line: CancellationToken,
    seat: Option<Seat>,
}

#[async_trait]
impl Keeper for SeatedKeeper {
    fn oom_kills(&self) -> Option<u64> {
        self.inner.oom_kills()
    }

    fn container(&self) -> Option<String> {
        self.inner.container()
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }

    async fn fate(&mut self) -> Option<String> {
        if !self.line.is_cancelled() {
            return self.inner.fate().await;
        }
        let name = &self.name;
        Some(match self.watched.why() {
            Some(why) => format!("the container engine of {name:?} doesn't answer any more: {why}"),
            None => format!("the container engine of {name:?} didn't answer for a while"),
        })
    }

    fn leave(&mut self) -> bool {
        self.inner.leave()
    }

    async fn destroy(&mut self) -> bool {
        let ended = self.inner.destroy().await;
        // A place that is still in use is nobody else's.
        if ended || self.line.is_cancelled() {
            self.seat = None;
        }
        ended
    }
}
