//! Worker threads: each is a child of its process, whose messages travel inside those of the process.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::channel::{Carrier, QUEUE};
use super::launch;
use super::paths::cut;
use super::target::{Options, Target};
use crate::debug::backend::DebugEvent;

/// Workers of one process that are debugged at one time.
const MAX_WORKERS: usize = 256;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attached {
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Received {
    session_id: String,
    message: String,
}

/// There is a new worker.
pub(super) fn attached(process: &Arc<Target>, params: &Value) {
    let Ok(attached) = Attached::deserialize(params) else { return };
    let session = cut(&attached.session_id, 64).to_owned();
    let (incoming, from) = mpsc::channel(QUEUE);
    let (to, mut outgoing) = mpsc::channel::<String>(QUEUE);
    let end = CancellationToken::new();
    let carrier = Carrier { to, from, end: end.clone() };
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
                text = outgoing.recv() => match text {
                    // An answer to this would only say that it was sent.
                    Some(text) => if send(text).await.is_err() { break },
                    None => break,
                },
                () = end.cancelled() => break,
            }
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
pub(super) async fn received(process: &Target, params: Value) {
    let Ok(received) = Received::deserialize(params) else { return };
    let worker = process.state().workers.get(&received.session_id).cloned();
    if let Some(worker) = worker {
        let _ = worker.send(received.message).await;
    }
}

/// A worker is gone.
pub(super) fn detached(process: &Target, params: &Value) {
    if let Some(session) = params["sessionId"].as_str() {
        process.state().workers.remove(session);
    }
}
