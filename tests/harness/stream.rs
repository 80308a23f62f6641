//! What a test's end of a stream does with its bytes: the framing, which is LSP's and DAP's, and a log.
//!
//! Needs nothing of the harness, so that tests which have no daemon can include it alone.
#![allow(dead_code, reason = "each test takes the part that it needs")]

use std::io::{self, BufRead, Read};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// A body with the header that belongs before it.
pub(crate) fn framed(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    [format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

/// One message, of exactly the form that the daemon promises; `None` at the end.
pub(crate) fn read_message(reader: &mut impl BufRead) -> io::Result<Option<Value>> {
    let broken = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut header = String::new();
    if reader.read_line(&mut header)? == 0 {
        return Ok(None);
    }
    let length = header.strip_prefix("Content-Length: ").and_then(|rest| rest.strip_suffix("\r\n"));
    let length = length.and_then(|length| length.parse().ok()).ok_or_else(|| broken(format!("{header:?}")))?;
    let mut line_end = [0; 2];
    reader.read_exact(&mut line_end)?;
    if &line_end != b"\r\n" {
        return Err(broken(format!("after the header comes {line_end:?}")));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    serde_json::from_slice(&body).map(Some).map_err(|error| broken(format!("{error} in a body")))
}

/// Gathers what comes, on a thread of its own.
pub(crate) fn collect(mut stderr: impl Read + Send + 'static) -> Arc<Mutex<Vec<u8>>> {
    let log = Arc::<Mutex<Vec<u8>>>::default();
    let sink = Arc::clone(&log);
    std::thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = stderr.read(&mut piece) {
            sink.lock().expect("nobody panics with it locked").extend_from_slice(&piece[..count]);
        }
    });
    log
}
