//! How much of what inspectors say is held at one time.
//!
//! A message has its share from when it is read until it was dealt with. Where nothing is left, nothing more is
//! read: the program waits, as it would for a terminal that is slow. What one process has is bounded too, so that
//! the others are heard while nobody listens to it.
//!
//! Messages are weighed by what they take once they are parsed, which is a multiple of their length where there
//! is much in them.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The longest message that is read, in bytes.
pub(super) const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// What may be held of one process and its workers. A heavier message is refused.
pub(super) const OF_PROCESS: usize = 256 << 20;

/// What may be held of all processes of a debuggee.
const OF_ALL: usize = 2 * OF_PROCESS;

/// What stops of all processes and workers may be kept at one time.
const OF_STOPS: usize = 2 * OF_PROCESS;

/// What source maps of all processes and workers, and what they say of where they are, may take.
const OF_MAPS: usize = 2 * OF_PROCESS;

/// What an object costs beside its text, and any other value.
const OBJECT: usize = 256;
const VALUE: usize = 64;

/// What one process may have held.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
    stops: Arc<Semaphore>,
    maps: Arc<Semaphore>,
}

/// The part of a budget that is taken, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

/// Something that an inspector says.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) text: String,
    pub(super) share: Share,
}

impl Budget {
    /// That of the first process of a debuggee.
    pub(super) fn new() -> Self {
        let of = |bytes| Arc::new(Semaphore::new(bytes));
        Self { own: of(OF_PROCESS), all: of(OF_ALL), stops: of(OF_STOPS), maps: of(OF_MAPS) }
    }

    /// That of another process of the same debuggee.
    pub(super) fn beside(&self) -> Self {
        Self { own: Arc::new(Semaphore::new(OF_PROCESS)), ..self.clone() }
    }

    /// Waits until there is room for a text; `None` for one that there will never be.
    pub(super) async fn hold(&self, text: String) -> Option<Message> {
        let weight = u32::try_from(weight(&text)).ok().filter(|weight| *weight as usize <= OF_PROCESS)?;
        // In this order: whoever waits for what is everybody's has what is its own, and nobody waits for that.
        let own = Arc::clone(&self.own).acquire_many_owned(weight).await.ok()?;
        let all = Arc::clone(&self.all).acquire_many_owned(weight).await.ok()?;
        Some(Message { text, share: Share { own, _all: all } })
    }

    /// Room for a stop, which stays until the program goes on; `None` where too much is kept already.
    pub(super) fn keep(&self, message: &Message) -> Option<OwnedSemaphorePermit> {
        let weight = u32::try_from(message.share.own.num_permits()).ok()?;
        Arc::clone(&self.stops).try_acquire_many_owned(weight).ok()
    }

    /// Room for a source map, or for the text that is one, as long as its script is known.
    pub(super) fn keep_map(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.maps).try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
    }

    /// What is held of this process.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        OF_PROCESS - self.own.available_permits()
    }
}

/// What a message takes, about. Nothing in a text of it counts but its length.
fn weight(message: &str) -> usize {
    let mut weight = message.len() + VALUE;
    let (mut in_text, mut is_escaped) = (false, false);
    for byte in message.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b'{' if !in_text => weight += OBJECT,
            b'[' | b',' if !in_text => weight += VALUE,
            _ => {}
        }
    }
    weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_of_many_parts_weighs_more_than_its_length() {
        let text = format!("\"{}\"", r#"[{,\"\\"#.repeat(1000));
        assert_eq!(weight(&text), text.len() + VALUE);
        assert_eq!(weight("[{},{}]"), 7 + 3 * VALUE + 2 * OBJECT);
    }

    #[tokio::test]
    async fn one_process_leaves_room_for_another() {
        let first = Budget::new();
        let half = "x".repeat(MAX_MESSAGE_BYTES);
        let mut held = Vec::new();
        while OF_PROCESS - first.held() > half.len() + VALUE {
            held.push(first.hold(half.clone()).await.expect("it fits"));
        }
        let waiting = first.hold(half.clone());
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        assert!(first.beside().hold(half).await.is_some());
        held.pop();
        assert!(waiting.await.is_some());
    }

    #[tokio::test]
    async fn what_never_fits_is_refused() {
        let objects = "{},".repeat(OF_PROCESS / OBJECT);
        assert!(Budget::new().hold(objects).await.is_none());
    }

    #[tokio::test]
    async fn stops_that_are_kept_are_bounded_together() {
        let budget = Budget::new();
        let objects = "{},".repeat(OF_PROCESS / (OBJECT + VALUE + 3) - 1);
        let mut kept = Vec::new();
        for beside in [budget.clone(), budget.beside(), budget.beside()] {
            let message = beside.hold(objects.clone()).await.expect("it fits");
            kept.push(beside.keep(&message));
        }
        assert_eq!(kept.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false]);
    }
}
