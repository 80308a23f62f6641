//! Writes answers to the installer. Bodies say where they end, and one that doesn't was cut off: a length that was announced
//! and not reached is no fault to every installer.

use std::fs::File;
use std::io::{self, Read};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED, RETRY_AFTER};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::upstream::{UpstreamError, next};

/// Headers of a registry's that an installer gets, and no others.
const PASSED: &[HeaderName] = &[CONTENT_TYPE, CONTENT_ENCODING, ETAG, LAST_MODIFIED, RETRY_AFTER];

/// What is read of a file at once.
const PART_BYTES: usize = 256 << 10;

/// The longest reason that stands beside a status.
const MAX_REASON: usize = 300;

pub(super) type Program<'a> = &'a mut (dyn AsyncWrite + Send + Unpin);

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// There is none, which whoever asked knows.
    NoBody,
    /// It begins with its end.
    Empty,
    /// Where it says.
    Chunked,
}

/// Writes a head. `headers` are the registry's; of them those that are passed on are.
pub(super) async fn head(
    program: Program<'_>,
    status: &str,
    headers: &HeaderMap,
    location: Option<&str>,
    length: Length,
) -> io::Result<()> {
    // A date alone would have npm believe a document for days.
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nCache-Control: no-cache\r\n").into_bytes();
    for name in PASSED {
        for value in headers.get_all(name) {
            head.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
    }
    if let Some(location) = location {
        head.extend_from_slice(format!("Location: {location}\r\n").as_bytes());
    }
    match length {
        Length::NoBody => {}
        Length::Empty => head.extend_from_slice(b"Content-Length: 0\r\n"),
        Length::Chunked => head.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    head.extend_from_slice(b"\r\n");
    program.write_all(&head).await
}

/// The line of a status that a registry told.
pub(super) fn status(status: StatusCode) -> String {
    format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or("Unknown"))
}

/// How the body of an answer will end.
pub(super) fn length(status: StatusCode) -> Length {
    let is_empty = matches!(status.as_u16(), 100..200 | 204 | 304);
    if is_empty { Length::NoBody } else { Length::Chunked }
}

/// Writes a part of a body that says where it ends.
pub(super) async fn part(program: Program<'_>, bytes: &Bytes) -> io::Result<()> {
    // Without any it would be the end.
    if bytes.is_empty() {
        return Ok(());
    }
    program.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).await?;
    program.write_all(bytes).await?;
    program.write_all(b"\r\n").await
}

/// Writes the end of a body.
pub(super) async fn end(program: Program<'_>, length: Length) -> io::Result<()> {
    if length == Length::Chunked {
        program.write_all(b"0\r\n\r\n").await?;
    }
    program.flush().await
}

/// Passes on a body as it comes.
pub(super) async fn stream(program: Program<'_>, body: &mut Incoming, length: Length) -> Result<(), io::Error> {
    while let Some(data) = next(body).await? {
        part(program, &data).await?;
    }
    end(program, length).await
}

/// Writes the whole of a document.
pub(super) async fn document(program: Program<'_>, status: &str, headers: &HeaderMap, bytes: &Bytes) -> io::Result<()> {
    head(program, status, headers, None, Length::Chunked).await?;
    part(program, bytes).await?;
    end(program, Length::Chunked).await
}

/// Writes a file of this length.
pub(super) async fn file(program: Program<'_>, mut file: File, bytes: u64) -> io::Result<()> {
    head(program, "200 OK", &HeaderMap::new(), None, Length::Chunked).await?;
    let mut left = bytes;
    while left > 0 {
        let read = tokio::task::spawn_blocking(move || {
            let mut part = vec![0; PART_BYTES];
            file.read(&mut part).map(|read| {
                part.truncate(read);
                (part, file)
            })
        });
        let (bytes, back) = read.await.map_err(io::Error::other)??;
        file = back;
        if bytes.is_empty() || bytes.len() as u64 > left {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left -= bytes.len() as u64;
        part(program, &bytes.into()).await?;
    }
    end(program, Length::Chunked).await
}

/// Says why there is nothing. Installers print the line of the status alone.
pub(super) async fn refuse(program: Program<'_>, status: u16, why: &str) -> io::Result<()> {
    let printable = why.chars().map(|one| if one.is_ascii_graphic() { one } else { ' ' });
    let reason: String = printable.take(MAX_REASON).collect();
    head(program, &format!("{status} codebeaker: {reason}"), &HeaderMap::new(), None, Length::Empty).await?;
    program.flush().await
}

/// The same of a registry that gave no answer.
pub(super) async fn no_answer(program: Program<'_>, error: &UpstreamError) -> io::Result<()> {
    refuse(program, 502, &crate::causes::in_full(error)).await
}
