//! The process's standard input and output as asynchronous streams.
//!
//! Each has a thread of its own that blocks in `read` or `write`; only what certainly fits is written
//! without going there. That works for pipes, for the unix
//! sockets that Node gives its children, for files and for terminals; it leaves the flags of a
//! descriptor alone that other processes share, and it works where one of them made it non-blocking.
//! The threads are never joined: the process ends with `std::process::exit`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread;

use bytes::{Buf, Bytes, BytesMut};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;

/// What is read or written at once, in bytes.
const PIECE_BYTES: usize = 64 << 10;

/// What a pipe or a socket takes whole, without making its writer wait, when it says that it takes anything.
const PROMPT_BYTES: usize = 4096;

/// Standard input. Made by [`stdin`].
#[derive(Debug)]
pub struct Stdin {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    rest: Bytes,
}

/// Standard output. Made by [`stdout`].
#[derive(Debug)]
pub struct Stdout {
    sink: Arc<OwnedFd>,
    pieces: mpsc::Sender<Vec<u8>>,
    written: mpsc::Receiver<io::Result<Vec<u8>>>,
    /// The buffer, while the thread doesn't have it.
    spare: Option<Vec<u8>>,
}

/// Starts to read standard input. To be called once: two readers would tear messages apart.
///
/// # Errors
///
/// Where no thread can be started.
pub fn stdin() -> io::Result<Stdin> {
    reading_from(io::stdin())
}

/// Starts to write standard output. To be called once, and nothing else may write there.
///
/// # Errors
///
/// Where no thread can be started.
pub fn stdout() -> io::Result<Stdout> {
    writing_to(io::stdout())
}

fn reading_from(source: impl AsFd + Send + 'static) -> io::Result<Stdin> {
    let (sender, pieces) = mpsc::channel(1);
    thread::Builder::new().name("stdin".into()).spawn(move || {
        let mut buffer = BytesMut::with_capacity(PIECE_BYTES);
        loop {
            let piece = read_piece(source.as_fd(), &mut buffer);
            let is_last = piece.as_ref().map_or(true, Bytes::is_empty);
            if sender.blocking_send(piece).is_err() || is_last {
                return;
            }
        }
    })?;
    Ok(Stdin { pieces, rest: Bytes::new() })
}

fn writing_to(sink: impl AsFd) -> io::Result<Stdout> {
    let (pieces, mut work) = mpsc::channel::<Vec<u8>>(1);
    let (done, written) = mpsc::channel(1);
    let sink = Arc::new(sink.as_fd().try_clone_to_owned()?);
    let slow = Arc::clone(&sink);
    thread::Builder::new().name("stdout".into()).spawn(move || {
        while let Some(piece) = work.blocking_recv() {
            let result = write_all(slow.as_fd(), &piece);
            // A part may have been written, so that nothing that follows would be understood.
            let is_last = result.is_err();
            if done.blocking_send(result.map(|()| piece)).is_err() || is_last {
                return;
            }
        }
    })?;
    Ok(Stdout { sink, pieces, written, spare: Some(Vec::with_capacity(PIECE_BYTES)) })
}

/// Reads what is there; nothing at the end.
fn read_piece(source: BorrowedFd<'_>, buffer: &mut BytesMut) -> io::Result<Bytes> {
    buffer.resize(PIECE_BYTES, 0);
    loop {
        match rustix::io::read(source, &mut buffer[..]) {
            Ok(count) => {
                let piece = buffer.split_to(count).freeze();
                return Ok(piece);
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait(source, PollFlags::IN)?,
            Err(error) => return Err(error.into()),
        }
    }
}

fn write_all(sink: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(sink, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait(sink, PollFlags::OUT)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Writes at once what can't make this thread wait, which is cheaper than to wake another one for it.
/// `None` where it could.
fn write_promptly(sink: BorrowedFd<'_>, bytes: &[u8]) -> Option<io::Result<usize>> {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut polled = [PollFd::from_borrowed_fd(sink, PollFlags::OUT)];
    let is_free = bytes.len() <= PROMPT_BYTES && rustix::event::poll(&mut polled, Some(&now)) == Ok(1);
    if !is_free || polled[0].revents() != PollFlags::OUT {
        return None;
    }
    match rustix::io::write(sink, bytes) {
        Err(Errno::AGAIN | Errno::INTR) => None,
        written => Some(written.map_err(io::Error::from)),
    }
}

fn wait(fd: BorrowedFd<'_>, events: PollFlags) -> io::Result<()> {
    match rustix::event::poll(&mut [PollFd::from_borrowed_fd(fd, events)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl AsyncRead for Stdin {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            match ready!(self.pieces.poll_recv(cx)) {
                Some(piece) => self.rest = piece?,
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.rest.len().min(buf.remaining());
        buf.put_slice(&self.rest[..count]);
        self.rest.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl Stdout {
    /// Waits until the thread has written what it was given.
    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.spare.is_none() {
            let written = ready!(self.written.poll_recv(cx)).unwrap_or_else(|| Err(io::ErrorKind::BrokenPipe.into()));
            self.spare = Some(written?);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stdout {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_written(cx))?;
        if let Some(written) = write_promptly(self.sink.as_fd(), bytes) {
            return Poll::Ready(written);
        }
        let count = bytes.len().min(PIECE_BYTES);
        let mut piece = self.spare.take().unwrap_or_default();
        piece.clear();
        piece.extend_from_slice(&bytes[..count]);
        match self.pieces.try_send(piece) {
            Ok(()) => Poll::Ready(Ok(count)),
            Err(_) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_written(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

#[cfg(test)]
mod tests;
