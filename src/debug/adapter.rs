//! The adapter of one client: reads its requests in order, and answers each exactly once.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::client::{Inbound, Messages, Requests};
use super::{Debugs, Opening, Overview};

/// Messages that may wait to be read by the client; whoever has more to say waits.
const OUTBOX: usize = 64;

/// Starts the adapter.
pub(super) fn spawn(
    debugs: Arc<Debugs>,
    opening: Opening,
    overview: Arc<Mutex<Overview>>,
    mut requests: Requests,
) -> Messages {
    let (outbox, messages) = mpsc::channel(OUTBOX);
    tokio::spawn(async move {
        let _over = requests.over.clone().drop_guard();
        let _kept = (opening.session, opening.configuration, opening.watcher, outbox);
        loop {
            let inbound = tokio::select! {
                inbound = requests.inbox.recv() => inbound,
                () = requests.ending.cancelled() => None,
            };
            match inbound {
                None => break,
                Some(Inbound::Message(_)) => {}
                Some(Inbound::Aside { command, arguments, answer }) => {
                    drop(arguments);
                    drop(answer.send(Err(format!("unsupported command {command:?}"))));
                }
            }
        }
        let id = overview.lock().unwrap_or_else(PoisonError::into_inner).id.clone();
        debugs.forget(&id);
    });
    messages
}
