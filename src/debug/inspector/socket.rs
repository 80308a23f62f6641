//! The WebSocket that an inspector listens on, as a carrier of texts.
//!
//! Messages are bounded, each and together; anything but a text is passed over. The socket is let go of when the carrier is
//! dropped, after a last word to a program that was not let run yet.

use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::budget::{Budget, MAX_MESSAGE_BYTES, Message as Said};
use super::channel::{Carrier, End, QUEUE};
use crate::debug::backend::{Fault, PATIENCE};
use crate::debug::ground::Conduit;

/// The longest answer to a plain question over HTTP.
const MAX_ANSWER_BYTES: u64 = 256 << 10;

/// What lets a program go on that waits for its debugger.
pub(super) const RUN: &str = r#"{"id":0,"method":"Runtime.runIfWaitingForDebugger"}"#;

/// How a message says the same, whatever its number.
const RUN_METHOD: &str = r#""method":"Runtime.runIfWaitingForDebugger""#;

/// Connects to the inspector whose address this is.
pub(super) async fn connect(conduit: Conduit, url: &str, budget: Budget) -> Result<Carrier, Fault> {
    let config =
        WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE_BYTES)).max_frame_size(Some(MAX_MESSAGE_BYTES));
    let handshake = tokio_tungstenite::client_async_with_config(url, conduit, Some(config));
    let (socket, _) = tokio::time::timeout(PATIENCE, handshake)
        .await
        .map_err(|_| Fault::Timeout(PATIENCE))?
        .map_err(|error| Fault::Gone(format!("its inspector refuses: {error}")))?;
    let (to, outgoing) = mpsc::channel(QUEUE);
    let (incoming, from) = mpsc::channel(QUEUE);
    let end = End::default();
    tokio::spawn(carry(socket, outgoing, incoming, budget.clone(), end.clone()));
    Ok(Carrier { to, from, budget, end })
}

async fn carry(
    socket: WebSocketStream<Conduit>,
    mut outgoing: mpsc::Receiver<String>,
    incoming: mpsc::Sender<Said>,
    budget: Budget,
    end: End,
) {
    let (mut sink, mut stream) = socket.split();
    // Reading must not wait for writing: the program may answer only when it was read from.
    let mut reading = tokio::spawn(async move {
        while let Some(Ok(message)) = stream.next().await {
            let Message::Text(text) = message else { continue };
            let Some(said) = budget.hold(text.as_str().to_owned()).await else { break };
            if incoming.send(said).await.is_err() {
                break;
            }
        }
    });
    let mut was_let_run = false;
    loop {
        tokio::select! {
            text = outgoing.recv() => {
                let Some(text) = text else { break };
                was_let_run |= text.contains(RUN_METHOD);
                if sink.send(Message::text(text)).await.is_err() {
                    break;
                }
            }
            _ = &mut reading => break,
            () = end.comes() => break,
        }
    }
    let farewell = async {
        // To a program that is about to end, nothing is said that needs no saying: Node may crash over it.
        if !was_let_run && !end.is_silent() {
            let _ = sink.send(Message::text(RUN)).await;
        }
        let _ = sink.close().await;
    };
    let _ = tokio::time::timeout(PATIENCE, farewell).await;
    reading.abort();
}

/// The address of the first target of the inspector at this end, which anybody may ask for.
pub(super) async fn first_target(mut conduit: Conduit, port: u16) -> Result<String, Fault> {
    let question = format!("GET /json/list HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    let ask = async {
        conduit.write_all(question.as_bytes()).await?;
        let mut answer = Vec::new();
        let mut limited = conduit.take(MAX_ANSWER_BYTES);
        let mut part = [0; 4096];
        loop {
            let read = limited.read(&mut part).await?;
            answer.extend_from_slice(&part[..read]);
            if read == 0 || target_in(&answer).is_some() {
                return Ok::<_, std::io::Error>(answer);
            }
        }
    };
    let answer = tokio::time::timeout(PATIENCE, ask).await.map_err(|_| Fault::Timeout(PATIENCE))?;
    let answer = answer.map_err(|error| Fault::Gone(format!("its inspector does not answer: {error}")))?;
    target_in(&answer).ok_or_else(|| Fault::Gone("its inspector names no target".to_owned()))
}

fn target_in(answer: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(answer).ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    let targets: serde_json::Value = serde_json::from_str(body.trim()).ok()?;
    let url = targets.get(0)?.get("webSocketDebuggerUrl")?.as_str()?;
    url.starts_with("ws://").then(|| url.to_owned())
}
