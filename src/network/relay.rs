//! Passes bytes both ways between a program and a host, no faster than each side takes them.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::log::Traffic;

/// What is held of each way.
const BUFFER_BYTES: usize = 32 * 1024;

/// A connection on which nothing passes for so long is ended.
const SILENCE: Duration = Duration::from_secs(600);

/// How much of what a program says goes on.
pub(super) type Most = Option<u64>;

/// Passes on all, until both sides have said their last, one is gone, or nothing was said for long.
pub(super) async fn relay<P, H>(program: P, host: H, traffic: &Traffic, most: Most) -> io::Result<()>
where
    P: AsyncRead + AsyncWrite + Unpin,
    H: AsyncRead + AsyncWrite + Unpin,
{
    let ((mut from_program, mut to_program), (mut from_host, mut to_host)) =
        (tokio::io::split(program), tokio::io::split(host));
    let up = async {
        match most {
            None => pass(&mut from_program, &mut to_host, &traffic.sent).await?,
            Some(most) => pass(&mut (&mut from_program).take(most), &mut to_host, &traffic.sent).await?,
        }
        // A request that ends is no reason to close: some hosts take that for a change of mind.
        if most.is_none() { to_host.shutdown().await } else { Ok(()) }
    };
    let down = async {
        pass(&mut from_host, &mut to_program, &traffic.received).await?;
        to_program.shutdown().await
    };
    tokio::pin!(up, down);
    let both = async {
        match most {
            // The host says when a request is answered, also while it is still being made.
            Some(_) => {
                tokio::select! {
                    answered = &mut down => answered,
                    said = &mut up => { said?; down.await }
                }
            }
            None => tokio::try_join!(up, down).map(drop),
        }
    };
    tokio::select! {
        passed = both => passed,
        () = silence(traffic) => Err(io::ErrorKind::TimedOut.into()),
    }
}

async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    counted: &AtomicU64,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return to.flush().await;
        }
        to.write_all(&buffer[..length]).await?;
        counted.fetch_add(length as u64, Ordering::Relaxed);
    }
}

/// Until nothing has passed for long.
async fn silence(traffic: &Traffic) {
    let passed = || traffic.sent.load(Ordering::Relaxed).wrapping_add(traffic.received.load(Ordering::Relaxed));
    loop {
        let before = passed();
        tokio::time::sleep(SILENCE).await;
        if passed() == before {
            return;
        }
    }
}
