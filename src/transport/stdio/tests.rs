//! The streams over every kind of descriptor that a client may give.

use std::os::unix::net::UnixStream;

use rustix::pipe::pipe;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// More than any buffer between the two ends holds, with no period that a piece could hide.
fn bytes() -> Vec<u8> {
    (0..3_000_000u32).flat_map(|number| number.to_le_bytes()).collect()
}

async fn carries_all(sink: impl AsFd + Send + 'static, source: impl AsFd + Send + 'static) {
    let (mut writer, mut reader) = (writing_to(sink).unwrap(), reading_from(source).unwrap());
    let writing = tokio::spawn(async move {
        writer.write_all(&bytes()).await.unwrap();
        writer.flush().await.unwrap();
    });
    let mut got = Vec::new();
    reader.read_to_end(&mut got).await.unwrap();
    writing.await.unwrap();
    assert!(got == bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn pipes_sockets_and_non_blocking_descriptors_carry_all() {
    let (source, sink) = pipe().unwrap();
    carries_all(sink, source).await;
    let (sink, source) = UnixStream::pair().unwrap();
    carries_all(sink, source).await;
    let (sink, source) = UnixStream::pair().unwrap();
    sink.set_nonblocking(true).unwrap();
    source.set_nonblocking(true).unwrap();
    carries_all(sink, source).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_can_be_read_and_written() {
    let mut file = tempfile::tempfile().unwrap();
    let mut writer = writing_to(file.try_clone().unwrap()).unwrap();
    writer.write_all(b"text").await.unwrap();
    writer.flush().await.unwrap();
    io::Seek::rewind(&mut file).unwrap();
    let mut got = String::new();
    reading_from(file).unwrap().read_to_string(&mut got).await.unwrap();
    assert_eq!(got, "text");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_gone_is_an_error() {
    let (source, sink) = pipe().unwrap();
    drop(source);
    let mut writer = writing_to(sink).unwrap();
    // The thread tells of a failure with the next call.
    let failed = async {
        writer.write_all(b"text").await?;
        writer.flush().await
    };
    assert_eq!(failed.await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    writer.write_all(b"text").await.unwrap_err();
}
