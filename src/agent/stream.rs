//! The two tasks that a sandbox's stream belongs to: one writes, one reads.

use std::sync::Arc;

use bytes::Bytes;
use codebeaker_agent::frame;
use codebeaker_agent::wire::{self, FromAgent, Ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::inbound;
use super::link::{LinkError, Shared};

/// How much the writer gathers before one write.
const BATCH_BYTES: usize = 128 * 1024;

/// Writes what is asked, control before bulk, until the link is closed.
pub(super) async fn write<W: AsyncWrite>(
    writer: W,
    mut control: mpsc::Receiver<Bytes>,
    mut bulk: mpsc::Receiver<Bytes>,
    closed: CancellationToken,
) {
    let mut writer = std::pin::pin!(writer);
    let mut batch = Vec::new();
    loop {
        let first = tokio::select! {
            biased;
            () = closed.cancelled() => break,
            Some(frame) = control.recv() => frame,
            Some(frame) = bulk.recv() => frame,
            else => break,
        };
        batch.clear();
        batch.extend_from_slice(&first);
        while batch.len() < BATCH_BYTES
            && let Ok(frame) = control.try_recv().or_else(|_| bulk.try_recv())
        {
            batch.extend_from_slice(&frame);
        }
        let written = tokio::select! {
            biased;
            () = closed.cancelled() => break,
            written = writer.write_all(&batch) => written,
        };
        if written.is_err() {
            // The reader sees the end of the stream too, and says why.
            break;
        }
    }
    drop(writer.shutdown().await);
}

/// Takes what comes, until the link is closed or the agent gives a reason to close it.
pub(super) async fn read<R: AsyncRead>(
    reader: R,
    shared: Arc<Shared>,
    ready: oneshot::Sender<Result<Ready, LinkError>>,
) {
    let mut reader = std::pin::pin!(reader);
    let mut buffer = bytes::BytesMut::new();
    let mut ready = Some(ready);
    let why = loop {
        buffer.reserve(frame::MAX_DATA_BYTES + frame::HEADER_BYTES);
        let read = tokio::select! {
            biased;
            () = shared.closed.cancelled() => break "it was closed".to_owned(),
            read = reader.read_buf(&mut buffer) => read,
        };
        match read {
            Ok(0) => break "its agent ended".to_owned(),
            Ok(_) => {}
            Err(error) => break format!("its stream failed: {error}"),
        }
        if let Err(violation) = inbound::take_frames(&mut buffer, &shared, &mut ready) {
            if shared.closed.is_cancelled() {
                // A link that is closed has forgotten what it asked, so an answer is out of place through no
                // fault of the agent's.
                break "it was closed".to_owned();
            }
            tracing::warn!(%violation, "the agent broke its protocol");
            break format!("its agent broke the protocol: {violation}");
        }
    };
    shared.close(&why);
}

/// Hands the first message to whoever waits for the sandbox to stand.
pub(super) fn first_message(message: FromAgent) -> Result<Ready, LinkError> {
    match message {
        FromAgent::Ready(ready) if ready.version == wire::VERSION => Ok(ready),
        FromAgent::Ready(ready) => Err(LinkError::Lost(format!(
            "its agent speaks version {} of the protocol, this daemon {}: rebuild codebeaker",
            ready.version,
            wire::VERSION
        ))),
        FromAgent::SetupFailed { step, errno } => {
            // 0 says that it was not the kernel that refused, and so does what no kernel would say.
            let errno = if (1..4096).contains(&errno) { errno } else { 0 };
            Err(LinkError::SetUp { step: inbound::plain(&step), errno })
        }
        FromAgent::Occupied => Err(LinkError::Occupied),
        _ => Err(LinkError::Lost("its agent spoke before it was ready".to_owned())),
    }
}
