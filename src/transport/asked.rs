//! Requests of ours that the client has not answered yet.
//!
//! Their number is bounded, an answer to none of them changes nothing, and one that nobody waits for any more is
//! forgotten. A client that never answers holds up nobody but who waits for it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::oneshot;

/// Requests without an answer at one time.
const MAX_ASKED: usize = 64;

/// What our ids begin with, so that none is taken for one of the client's in a log.
const PREFIX: &str = "codebeaker-";

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The connection is gone.
    #[error("the connection is closed")]
    Closed,
    /// The client answers nothing.
    #[error("the client has left {MAX_ASKED} requests without an answer")]
    TooMany,
    /// The client refused.
    #[error("the client refused: {message} ({code})")]
    Refused {
        /// The code of its error, 0 where it gave none.
        code: i64,
        /// Its words.
        message: String,
    },
}

/// What the client answered.
pub(super) type Answer = Result<Value, AskError>;

/// The requests.
#[derive(Debug, Default)]
pub(super) struct Asked {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
    last: u64,
    closed: bool,
}

/// A request that an answer is waited for; it is forgotten when this is dropped.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    asked: &'a Asked,
    number: u64,
    answer: oneshot::Receiver<Answer>,
}

impl Asked {
    /// Makes room for a request.
    pub(super) fn begin(&self) -> Result<Waiting<'_>, AskError> {
        let mut table = self.table();
        if table.closed {
            return Err(AskError::Closed);
        }
        if table.waiting.len() >= MAX_ASKED {
            return Err(AskError::TooMany);
        }
        table.last += 1;
        let (number, (sender, answer)) = (table.last, oneshot::channel());
        table.waiting.insert(number, sender);
        Ok(Waiting { asked: self, number, answer })
    }

    /// Takes an answer; false where nobody waits for it.
    pub(super) fn answered(&self, id: &Value, answer: Answer) -> bool {
        let number = id.as_str().and_then(|id| id.strip_prefix(PREFIX)).and_then(|number| number.parse().ok());
        let waiting = number.and_then(|number: u64| self.table().waiting.remove(&number));
        waiting.is_some_and(|waiting| waiting.send(answer).is_ok())
    }

    /// No answer will come any more.
    pub(super) fn close(&self) {
        let mut table = self.table();
        table.closed = true;
        table.waiting.clear();
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting<'_> {
    /// The id that the request travels with.
    pub(super) fn id(&self) -> String {
        format!("{PREFIX}{}", self.number)
    }

    /// Waits for the answer.
    pub(super) async fn answer(&mut self) -> Answer {
        (&mut self.answer).await.unwrap_or(Err(AskError::Closed))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.asked.table().waiting.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn an_answer_reaches_who_asked_and_nobody_else() {
        let asked = Asked::default();
        let (mut one, mut other) = (asked.begin().unwrap(), asked.begin().unwrap());
        for id in [json!(1), json!("1"), json!(format!("{PREFIX}99")), json!(format!("{PREFIX}-1")), json!(null)] {
            assert!(!asked.answered(&id, Ok(json!(0))), "{id}");
        }
        assert!(asked.answered(&json!(other.id()), Ok(json!("other"))));
        assert!(!asked.answered(&json!(other.id()), Ok(json!("again"))));
        assert!(asked.answered(&json!(one.id()), Ok(json!("one"))));
        assert_eq!((one.answer().await, other.answer().await), (Ok(json!("one")), Ok(json!("other"))));
    }

    #[tokio::test]
    async fn who_never_answers_is_asked_no_more_and_what_is_given_up_makes_room() {
        let asked = Asked::default();
        let mut waiting: Vec<_> = (0..MAX_ASKED).map(|_| asked.begin().unwrap()).collect();
        assert_eq!(asked.begin().unwrap_err(), AskError::TooMany);
        waiting.pop();
        let mut last = asked.begin().unwrap();
        asked.close();
        assert_eq!(last.answer().await, Err(AskError::Closed));
        assert_eq!(asked.begin().unwrap_err(), AskError::Closed);
    }
}
