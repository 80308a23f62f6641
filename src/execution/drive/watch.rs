//! Watches over a running program: its time, and who wants it to end.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{SIGINT, SIGKILL, SIGTERM, Terms};
use crate::agent::wire::Reach;
use crate::agent::{Ended, Link, LinkError, Process};
use crate::execution::Execution;
use crate::execution::outcome::StopReason;

/// Watches over a running program.
pub(super) struct Watch<'a> {
    pub(super) execution: &'a Execution,
    pub(super) terms: &'a Terms,
    pub(super) link: &'a Link,
    /// When its program was started.
    pub(super) began: Instant,
    /// How old it was then.
    pub(super) age: Duration,
}

impl Watch<'_> {
    /// What can't be killed is not left to run: the sandbox ends, and its session with it.
    fn give_up(&self) {
        tracing::warn!(execution = %self.execution.id, "a program could not be ended; its sandbox is");
        self.link.close("a program in it could not be ended");
    }

    /// Waits for the end, and brings it about where that is due. Says how long the program ran.
    pub(super) async fn until_ended(
        &self,
        process: &mut Process,
        feed: impl Future<Output = ()>,
        mut over: oneshot::Receiver<()>,
    ) -> (Result<Ended, LinkError>, Option<StopReason>, Duration) {
        let signals = process.signals();
        let ended = process.ended();
        tokio::pin!(ended, feed);
        let timeout = tokio::time::sleep_until(self.began + self.terms.timeout.saturating_sub(self.age));
        tokio::pin!(timeout);
        let stop = &self.execution.stop;
        let (mut reason, mut killed, mut feeding) = (None, false, true);
        let mut watch_output = self.terms.stop_at_output_limit;
        // The next step of a cancellation, and when it is due.
        let mut insist: Option<(Instant, i32)> = None;
        // When a program that was killed is given up.
        let mut hopeless = None;
        loop {
            let (signal, reach) = tokio::select! {
                biased;
                ended = &mut ended => return (ended, reason, self.began.elapsed()),
                () = stop.kill.cancelled(), if !killed => {
                    reason.get_or_insert(StopReason::Killed);
                    (SIGKILL, Reach::Tree)
                }
                () = stop.cancel.cancelled(), if reason.is_none() => {
                    reason = Some(StopReason::Cancelled);
                    insist = Some((Instant::now() + self.terms.cancel_grace, SIGTERM));
                    (SIGINT, Reach::Foreground)
                }
                () = &mut timeout, if reason != Some(StopReason::Timeout) && !killed => {
                    reason.get_or_insert(StopReason::Timeout);
                    (SIGKILL, Reach::Tree)
                }
                told = &mut over, if watch_output => {
                    watch_output = false;
                    if told.is_err() || killed {
                        continue;
                    }
                    reason.get_or_insert(StopReason::OutputLimit);
                    (SIGKILL, Reach::Tree)
                }
                () = due(insist.map(|(when, _)| when)), if !killed => {
                    let signal = insist.take().map_or(SIGKILL, |(_, signal)| signal);
                    if signal == SIGTERM {
                        insist = Some((Instant::now() + self.terms.cancel_grace, SIGKILL));
                    }
                    (signal, Reach::Tree)
                }
                () = &mut feed, if feeding => {
                    feeding = false;
                    continue;
                }
                () = due(hopeless) => {
                    hopeless = None;
                    self.give_up();
                    continue;
                }
            };
            if signal == SIGKILL {
                killed = true;
                hopeless = Some(Instant::now() + self.terms.kill_patience);
            }
            match tokio::time::timeout(self.terms.kill_patience, signals.send(signal, reach)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "a signal had nobody to go to"),
                Err(_) => self.give_up(),
            }
        }
    }
}

pub(in crate::execution) async fn due(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}
