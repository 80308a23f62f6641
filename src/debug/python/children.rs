//! Programs that the debuggee starts: they announce themselves, and are dialled one by one.
//!
//! Whoever is in the sandbox can write to the FIFO of announcements, so an announcement is no more than a
//! rumour: it is short, there are few of them in a while and few at a time, and what is dialled is a socket of
//! the same sandbox. What answers there is believed no more than the debuggee itself.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::channel::{Broken, LineReader, parse};
use super::wire::Name;
use crate::agent::Endpoint;
use crate::agent::plan::CODE;
use crate::debug::backend::{DebugEvent, Fault};
use crate::debug::ground::{Conduit, Ground};

/// Children that are debugged at one time; those beyond run undebugged.
pub(super) const MAX_CHILDREN: usize = 64;
/// The file name of the FIFO in the execution's directory.
pub(super) const FIFO: &str = "children";
/// What a pipe takes at one stroke, so that announcements of several processes never mix.
const MAX_ANNOUNCEMENT_BYTES: usize = 4096;
/// The longest name of a unix socket.
const MAX_SOCKET_BYTES: usize = 107;
/// The shortest time from one announcement to the next.
const PAUSE: Duration = Duration::from_millis(20);

/// A child that says that it is there.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Announcement {
    pid: u32,
    socket: String,
    name: Name,
}

impl Announcement {
    fn read(line: &[u8]) -> Result<Self, Broken> {
        let announcement: Self = parse(line)?;
        let bytes = announcement.socket.as_bytes();
        let (abstract_name, rest) = bytes.split_at(usize::from(bytes.first() == Some(&0)));
        let whole = !abstract_name.is_empty() || rest.first() == Some(&b'/');
        if whole && rest.len() > 1 && bytes.len() <= MAX_SOCKET_BYTES && !rest.contains(&0) {
            Ok(announcement)
        } else {
            Err(Broken::Malformed("a socket that can't be".to_owned()))
        }
    }
}

/// Where children of the program in this directory announce themselves.
fn fifo(directory: &str) -> Endpoint {
    let below = directory.strip_prefix(CODE).unwrap_or(directory).trim_start_matches('/');
    Endpoint::Fifo(format!("{below}/{FIFO}").into_bytes())
}

/// Begins to listen for children, before there can be any.
///
/// # Errors
/// [`Fault`] when there is no FIFO to be had.
pub(super) async fn listen(ground: &Arc<dyn Ground>) -> Result<Conduit, Fault> {
    ground.dial(fifo(ground.directory())).await
}

/// Dials children until nobody wants them any more: when `events` has no receiver, or no other sender.
pub(super) async fn attend(announced: Conduit, ground: Arc<dyn Ground>, events: mpsc::WeakSender<DebugEvent>) {
    let alive = Arc::new(Semaphore::new(MAX_CHILDREN));
    let mut lines = LineReader::new(announced);
    loop {
        let line = tokio::select! {
            line = lines.next(MAX_ANNOUNCEMENT_BYTES) => line,
            () = unwanted(&events) => return,
        };
        let line = match line {
            Ok(line) => line,
            Err(why) => {
                tracing::debug!(%why, "no more children announce themselves");
                return;
            }
        };
        match (Announcement::read(&line), Arc::clone(&alive).try_acquire_owned()) {
            (Ok(child), Ok(permit)) => drop(tokio::spawn(welcome(child, Arc::clone(&ground), events.clone(), permit))),
            (Ok(_), Err(_)) => tracing::debug!("a child runs undebugged: there are too many"),
            (Err(why), _) => tracing::debug!(%why, "what announced itself is no child"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Resolves when the events have nowhere to go.
async fn unwanted(events: &mpsc::WeakSender<DebugEvent>) {
    const LOOK: Duration = Duration::from_millis(500);
    while events.upgrade().is_some_and(|events| !events.is_closed()) {
        tokio::time::sleep(LOOK).await;
    }
}

async fn welcome(
    child: Announcement,
    ground: Arc<dyn Ground>,
    events: mpsc::WeakSender<DebugEvent>,
    permit: OwnedSemaphorePermit,
) {
    let Announcement { pid, socket, name } = child;
    // What dials keeps the place until the child's stream has ended, however that comes about.
    let gone = {
        let ground = Arc::clone(&ground);
        async move {
            let why = ground.gone().await;
            drop(permit);
            why
        }
    };
    let greeted = async { super::greet(ground.dial(Endpoint::Unix(socket.into_bytes())).await?, gone).await };
    let attachment = match tokio::time::timeout(crate::debug::backend::PATIENCE, greeted).await {
        Ok(Ok((attachment, _))) => attachment,
        Ok(Err(fault)) => {
            tracing::debug!(%fault, "a child could not be reached");
            return;
        }
        Err(_) => {
            tracing::debug!("a child did not answer");
            return;
        }
    };
    if let Some(events) = events.upgrade() {
        drop(events.send(DebugEvent::Child { name: name.0, pid: Some(pid), attachment }).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sockets_of_the_sandbox_are_dialled() {
        let read = |socket: &str| {
            Announcement::read(serde_json::json!({"pid": 7, "socket": socket, "name": "p"}).to_string().as_bytes())
        };
        assert!(read("/tmp/s").is_ok());
        assert!(read("\0child").is_ok());
        for wrong in ["", "\0", "relative", "/tmp/\0s", "/", &format!("/{}", "s".repeat(200))] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
        assert!(Announcement::read(b"{}").is_err());
    }

    #[test]
    fn the_fifo_lies_in_the_directory_of_the_execution() {
        assert_eq!(fifo("/run/codebeaker/exe_1"), Endpoint::Fifo(b"exe_1/children".to_vec()));
    }
}
