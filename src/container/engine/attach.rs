//! A program's standard streams, over the engine's connection.
//!
//! The engine sends standard output and error in frames on one stream. Output is read as it is; what comes on
//! standard error is kept, its first few KiB, for error messages. Nothing is read ahead of who reads: a
//! reader that stops holds the container's program up, as a pipe does.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bollard::container::LogOutput;
use bollard::exec::StartExecResults;
use bollard::models::ExecConfig;
use bollard::query_parameters::AttachContainerOptionsBuilder;
use bytes::{Buf, Bytes};
use futures::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{ANSWER_PATIENCE, ContainerEngine, ContainerId, WORK_PATIENCE};
use crate::container::ContainerError;

/// The most of a program's standard error that is kept.
const MAX_COMPLAINT_BYTES: usize = 4096;

/// A program's standard streams.
pub struct Attached {
    /// Its standard output. Ends when the program, or the connection, has.
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
    /// Its standard input. Shutting it down is the end of the program's input.
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// What it has said on standard error, as far as `reader` was read.
    pub complaint: Complaint,
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached").finish_non_exhaustive()
    }
}

/// The beginning of what a program says on its standard error. Whoever made the program chose the words: they
/// are for people, escaped before they are shown.
#[derive(Debug, Clone, Default)]
pub struct Complaint(Arc<Mutex<Vec<u8>>>);

impl Complaint {
    /// What was said so far; `None` when nothing was.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&said).trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    fn add(&self, words: &[u8]) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MAX_COMPLAINT_BYTES.saturating_sub(said.len());
        said.extend_from_slice(&words[..words.len().min(room)]);
    }
}

type Frames = Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>;

/// Standard output out of the engine's frames.
struct Output {
    frames: Frames,
    /// What is left of the last frame.
    rest: Bytes,
    complaint: Complaint,
}

impl AsyncRead for Output {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if into.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        while self.rest.is_empty() {
            match ready!(self.frames.as_mut().poll_next(cx)) {
                Some(Ok(LogOutput::StdOut { message })) => self.rest = message,
                Some(Ok(LogOutput::StdErr { message })) => self.complaint.add(&message),
                Some(Ok(LogOutput::StdIn { .. })) => {}
                Some(Ok(LogOutput::Console { message })) => return Poll::Ready(Err(engine_words(&message))),
                Some(Err(bollard::errors::Error::IOError { err })) => return Poll::Ready(Err(err)),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let length = self.rest.len().min(into.remaining());
        into.put_slice(&self.rest[..length]);
        self.rest.advance(length);
        Poll::Ready(Ok(()))
    }
}

/// What comes outside the frames is the engine's own, for the stream has no more frames.
fn engine_words(words: &[u8]) -> io::Error {
    let words = String::from_utf8_lossy(&words[..words.len().min(MAX_COMPLAINT_BYTES)]);
    io::Error::new(io::ErrorKind::InvalidData, format!("no frame of a container's output: {}", words.escape_debug()))
}

fn attached(output: Frames, input: Pin<Box<dyn AsyncWrite + Send>>) -> Attached {
    let complaint = Complaint::default();
    let reader = Output { frames: output, rest: Bytes::new(), complaint: complaint.clone() };
    Attached { reader: Box::new(reader), writer: Box::new(input), complaint }
}

impl ContainerEngine {
    /// The standard streams of a container's first program. What is attached before the container is started
    /// misses nothing.
    ///
    /// # Errors
    /// When there is no such container, or the engine is away.
    pub async fn attach(&self, container: &ContainerId) -> Result<Attached, ContainerError> {
        let options = AttachContainerOptionsBuilder::new().stream(true).stdin(true).stdout(true).stderr(true).build();
        let attaching = self.docker.attach_container(container.as_str(), Some(options));
        let streams = self.ask("attach to a container", ANSWER_PATIENCE, attaching).await?;
        Ok(attached(streams.output, streams.input))
    }

    /// Starts one more program in a running container, as this user and group, and gives its standard streams.
    /// It has none of the privileges that the container was refused.
    ///
    /// # Errors
    /// When the container doesn't run, the program can't be started, or the engine is away.
    pub async fn join(
        &self,
        container: &ContainerId,
        argv: &[String],
        user: (u32, u32),
    ) -> Result<Attached, ContainerError> {
        let config = ExecConfig {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(argv.to_vec()),
            user: Some(format!("{}:{}", user.0, user.1)),
            working_dir: Some("/".to_owned()),
            privileged: Some(false),
            tty: Some(false),
            ..ExecConfig::default()
        };
        let making = self.docker.create_exec(container.as_str(), config);
        let made = self.ask("run a program in a container", ANSWER_PATIENCE, making).await?;
        let starting = self.docker.start_exec(&made.id, None);
        match self.ask("start a program in a container", WORK_PATIENCE, starting).await? {
            StartExecResults::Attached { output, input } => Ok(attached(output, input)),
            StartExecResults::Detached => Err(ContainerError::Incomplete { what: "the program's streams" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use tokio::io::AsyncReadExt;

    use super::*;

    fn output(frames: Vec<LogOutput>) -> (Output, Complaint) {
        let complaint = Complaint::default();
        let frames = Box::pin(stream::iter(frames.into_iter().map(Ok)));
        (Output { frames, rest: Bytes::new(), complaint: complaint.clone() }, complaint)
    }

    #[tokio::test]
    async fn output_is_read_whole_and_complaints_are_kept_apart() {
        let (mut output, complaint) = output(vec![
            LogOutput::StdOut { message: "one ".into() },
            LogOutput::StdErr { message: "went wrong\n".into() },
            LogOutput::StdOut { message: Bytes::new() },
            LogOutput::StdOut { message: "two".into() },
        ]);
        let mut read = String::new();
        output.read_to_string(&mut read).await.unwrap();
        assert_eq!((read.as_str(), complaint.text().as_deref()), ("one two", Some("went wrong")));
    }

    #[tokio::test]
    async fn a_complaint_without_end_is_cut() {
        let (mut output, complaint) = output(vec![LogOutput::StdErr { message: vec![b'x'; 3000].into() }; 3]);
        assert_eq!(output.read_to_end(&mut Vec::new()).await.unwrap(), 0);
        assert_eq!(complaint.text().unwrap().len(), MAX_COMPLAINT_BYTES);
    }

    #[tokio::test]
    async fn what_is_no_frame_is_an_error() {
        let (mut output, _) = output(vec![LogOutput::Console { message: "\u{1b}daemon is going away".into() }]);
        let error = output.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert!(error.to_string().ends_with("\\u{1b}daemon is going away"), "{error}");
    }
}
