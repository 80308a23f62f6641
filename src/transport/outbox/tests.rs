//! Order, bounds and ends of the two lanes.

use std::pin::pin;

use futures::poll;
use serde_json::json;
use tokio::io::AsyncReadExt;

use super::*;

fn message(text: &str) -> Message {
    Message::notification("m", &json!({"text": text})).unwrap()
}

/// Everything that a finished outbox writes.
async fn written(outbox: &Outbox) -> Vec<u8> {
    outbox.finish();
    let mut bytes = Vec::new();
    outbox.write_to(&mut bytes).await.unwrap();
    bytes
}

fn concat(messages: &[&Message]) -> Vec<u8> {
    messages.iter().flat_map(|message| message.as_bytes()).copied().collect()
}

#[tokio::test]
async fn control_goes_first_and_each_lane_keeps_its_order() {
    let outbox = Outbox::new();
    let [one, two, three, four] = ["1", "2", "3", "4"].map(message);
    outbox.data(one.clone()).await.unwrap();
    outbox.data(two.clone()).await.unwrap();
    outbox.control(three.clone());
    outbox.control(four.clone());
    assert_eq!(written(&outbox).await, concat(&[&three, &four, &one, &two]));
}

#[tokio::test]
async fn what_is_sent_after_a_flushed_ticket_is_written_after_it() {
    let outbox = Outbox::new();
    let (mut reader, writer) = tokio::io::duplex(1 << 20);
    let (data, answer) = (message(&"x".repeat(3 * BATCH_BYTES)), message("answer"));
    let ticket = outbox.data(data.clone()).await.unwrap();
    let mut flushed = Box::pin(outbox.flushed(ticket));
    assert!(poll!(&mut flushed).is_pending());

    let writing = tokio::spawn({
        let outbox = outbox.clone();
        async move { outbox.write_to(writer).await }
    });
    flushed.await.unwrap();
    outbox.control(answer.clone());
    outbox.finish();
    writing.await.unwrap().unwrap();
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).await.unwrap();
    assert!(bytes == concat(&[&data, &answer]), "the answer came before the data");
}

#[tokio::test]
async fn the_data_lane_is_bounded_and_serves_those_who_wait_in_turn() {
    let outbox = Outbox::new();
    let full = message(&"x".repeat(DATA_BYTES));
    outbox.data(full.clone()).await.unwrap();
    let (large, small) = (message(&"y".repeat(DATA_BYTES)), message("small"));
    let mut first = pin!(outbox.data(large.clone()));
    let mut second = pin!(outbox.data(small.clone()));
    assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());

    assert_eq!(outbox.take_batch(), [full]);
    assert!(poll!(&mut second).is_pending(), "who came later must not go first");
    assert!(poll!(&mut first).is_ready());
    assert_eq!(outbox.take_batch(), [large]);
    assert!(poll!(&mut second).is_ready());
    assert_eq!(outbox.take_batch(), [small]);
}

#[tokio::test]
async fn control_has_to_wait_for_one_batch_at_most() {
    let outbox = Outbox::new();
    for _ in 0..100 {
        outbox.data(message(&"x".repeat(2000))).await.unwrap();
    }
    let batch: usize = outbox.take_batch().iter().map(|message| message.as_bytes().len()).sum();
    assert!(batch <= BATCH_BYTES && batch > BATCH_BYTES / 2, "{batch}");
    let answer = message("answer");
    outbox.control(answer.clone());
    assert_eq!(outbox.take_batch().first(), Some(&answer));
}

#[tokio::test]
async fn unread_answers_stop_the_input_until_they_are_written() {
    let outbox = Outbox::new();
    assert!(poll!(pin!(outbox.control_room())).is_ready());
    outbox.control(message(&"x".repeat(CONTROL_BYTES)));
    let mut room = pin!(outbox.control_room());
    assert!(poll!(&mut room).is_pending());
    outbox.take_batch();
    assert!(poll!(&mut room).is_ready());
}

struct Broken;

impl AsyncWrite for Broken {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &[u8],
    ) -> std::task::Poll<io::Result<usize>> {
        std::task::Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_failed_write_closes_the_outbox_and_frees_all_who_wait() {
    let outbox = Outbox::new();
    outbox.data(message(&"x".repeat(DATA_BYTES))).await.unwrap();
    let waiting = outbox.data(message("waits"));
    let mut waiting = pin!(waiting);
    assert!(poll!(&mut waiting).is_pending());
    outbox.write_to(Broken).await.unwrap_err();
    outbox.closed().await;
    // It may have got the room that the failing write left; then its message is refused here.
    assert_eq!(waiting.await, Err(Closed));
    assert_eq!(outbox.data(message("late")).await, Err(Closed));
    assert_eq!(outbox.flushed(Ticket(u64::MAX)).await, Err(Closed));
    outbox.control(message("late"));
    assert!(outbox.take_batch().is_empty());
}
