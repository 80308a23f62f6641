//! Worker threads: each is a child of its process, whose messages travel inside those of the process.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;

use super::channel::{Carrier, End, QUEUE};
use super::launch;
use super::paths::cut;
use super::target::{Options, Target};
use crate::debug::backend::DebugEvent;

/// Workers of one process that are debugged at one time.
const MAX_WORKERS: usize = 256;

/// A new worker, as V8 tells of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attached {
    session_id: String,
    worker_info: Info,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Info {
    worker_id: String,
    url: String,
}

/// What a worker says, as V8 hands it on.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Received {
    session_id: String,
    message: String,
}

/// A worker that is gone, as V8 tells of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Detached {
    session_id: String,
}

/// There is a new worker.
pub(super) fn attached(process: &Arc<Target>, attached: Attached) {
    let session = cut(&attached.session_id, 64).to_owned();
    let (incoming, from) = mpsc::channel(QUEUE);
    let (to, mut outgoing) = mpsc::channel::<String>(QUEUE);
    let end = End::default();
    let carrier = Carrier { to, from, budget: process.channel.budget().clone(), end: end.clone() };
    let is_one_too_many = {
        let mut state = process.state();
        let full = state.workers.len() >= MAX_WORKERS;
        if !full {
            state.workers.insert(session.clone(), incoming);
        }
        full
    };
    let channel = process.channel.clone();
    let of_session = session.clone();
    tokio::spawn(async move {
        let send = |text: String| {
            channel.tell("NodeWorker.sendMessageToWorker", json!({"sessionId": of_session, "message": text}))
        };
        loop {
            if is_one_too_many {
                break;
            }
            tokio::select! {
                biased;
                () = end.comes() => break,
                text = outgoing.recv() => match text {
                    // An answer to this would only say that it was sent.
                    Some(text) => if send(text).await.is_err() { break },
                    None => break,
                },
            }
        }
        if end.is_silent() {
            return;
        }
        let _ = send(super::socket::RUN.to_owned()).await;
        let _ = channel.tell("NodeWorker.detach", json!({"sessionId": of_session})).await;
    });
    if is_one_too_many {
        return;
    }
    let file = attached.worker_info.url.rsplit('/').next().unwrap_or_default();
    let name = format!("worker {} {}", cut(&attached.worker_info.worker_id, 20), cut(file, 100));
    let options = Options { name: name.clone(), entry: None, children: false, ..process.options.clone() };
    let process = Arc::downgrade(process);
    tokio::spawn(async move {
        let Some(ground) = process.upgrade().map(|process| Arc::clone(&process.ground)) else { return };
        if let Ok(attachment) = launch::begin(carrier, ground, options).await
            && let Some(process) = process.upgrade()
        {
            process.emit(DebugEvent::Child { name, pid: None, attachment }).await;
        }
    });
}

/// A worker says something.
pub(super) async fn received(process: &Target, received: Received) {
    let worker = process.state().workers.get(&received.session_id).cloned();
    let Some(worker) = worker else { return };
    match process.channel.budget().hold(received.message).await {
        Some(message) => {
            let _ = worker.send(message).await;
        }
        // Nobody debugs it any more: it said more than is read.
        None => drop(process.state().workers.remove(&received.session_id)),
    }
}

/// A worker is gone.
pub(super) fn detached(process: &Target, detached: &Detached) {
    process.state().workers.remove(&detached.session_id);
}
