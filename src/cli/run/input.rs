//! Passes this command's standard input to the program.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::execution::Execution;

/// Reads of standard input that may wait for the program.
const WAITING_READS: usize = 4;

/// Starts passing. It ends with the input, or with the program.
pub(super) fn pass(execution: Arc<Execution>) {
    let (sender, mut reads) = mpsc::channel::<Bytes>(WAITING_READS);
    // A read of standard input can't be called off, so it gets a thread that nothing waits for.
    std::thread::spawn(move || {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            match std::io::stdin().lock().read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(count) => {
                    if sender.blocking_send(Bytes::copy_from_slice(&buffer[..count])).is_err() {
                        return;
                    }
                }
            }
        }
    });
    tokio::spawn(async move {
        execution.running().await;
        let Ok(stdin) = execution.stdin().await else { return };
        while let Some(bytes) = reads.recv().await {
            // A program that closed its input, or ended, wants no more of it.
            if stdin.write(&bytes).await.is_err() {
                return;
            }
        }
        // One that ended meanwhile has no input to end.
        drop(stdin.close().await);
    });
}
