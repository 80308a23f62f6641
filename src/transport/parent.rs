//! Watches the process that a client names as its own.

use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Ends when the process with this id ends. Without an id it never ends, nor where there is no such
/// process at the start: a client in another PID namespace names one that can't be seen from here.
pub async fn death_of(process_id: Option<u32>) {
    let Some(process_id) = process_id else { return pending().await };
    match watch(process_id) {
        Ok(process) => match process.readable().await {
            Ok(_) => tracing::info!(process_id, "the client's process ended"),
            Err(error) => {
                tracing::warn!(process_id, %error, "the client's process can't be watched any more");
                pending().await
            }
        },
        Err(error) => {
            tracing::warn!(process_id, %error, "the client's process can't be watched");
            pending().await
        }
    }
}

fn watch(process_id: u32) -> io::Result<AsyncFd<OwnedFd>> {
    let pid = i32::try_from(process_id).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    // The successor is `unsafe` for the sake of descriptors that are closed while they are watched; this one is owned.
    #[allow(deprecated)]
    AsyncFd::with_interest(pidfd_open(pid, PidfdFlags::NONBLOCK)?, Interest::READABLE)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[tokio::test]
    async fn ends_with_the_process_and_not_before() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut death = Box::pin(death_of(Some(child.id())));
        assert!(futures::poll!(&mut death).is_pending());
        drop(child.stdin.take());
        child.wait().unwrap();
        death.await;
    }

    #[tokio::test]
    async fn what_is_no_process_never_ends() {
        for process_id in [None, Some(0), Some(u32::MAX)] {
            assert!(futures::poll!(Box::pin(death_of(process_id))).is_pending());
        }
    }
}
