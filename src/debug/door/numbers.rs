//! Numbers what goes out to a client.
//!
//! What a client gets may come from more than one place: from its adapter, from the door itself, from the
//! adapter of another process. The client sees one count, and what it answers finds the number that the
//! question had where it came from.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

/// Questions to a client that may be without an answer; older ones are forgotten.
const MAX_ASKED: usize = 256;

/// The count of one client.
#[derive(Debug, Default)]
pub struct Numbers {
    count: Mutex<Count>,
}

#[derive(Debug, Default)]
struct Count {
    last: i64,
    /// Questions: the number that the client knows, and the one of whoever asked.
    asked: VecDeque<(i64, i64)>,
}

impl Numbers {
    /// Gives a message to the client its number.
    pub fn outgoing(&self, message: &mut Value) {
        let mut count = self.count();
        count.last += 1;
        let number = count.last;
        if message["type"] == "request" {
            if count.asked.len() == MAX_ASKED {
                count.asked.pop_front();
            }
            count.asked.push_back((number, message["seq"].as_i64().unwrap_or_default()));
        }
        message["seq"] = json!(number);
    }

    /// Gives an answer of the client's the number that its question had. False for an answer to no question,
    /// which nobody waits for.
    #[must_use]
    pub fn incoming(&self, message: &mut Value) -> bool {
        if !message.is_object() || message["type"] != "response" {
            return true;
        }
        let answered = message["request_seq"].as_i64();
        let mut count = self.count();
        let Some(place) = count.asked.iter().position(|(number, _)| Some(*number) == answered) else { return false };
        let theirs = count.asked.remove(place).map(|(_, theirs)| theirs);
        message["request_seq"] = json!(theirs);
        true
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// About what a message takes in memory, in bytes: what bounds a queue of them.
#[must_use]
pub fn weight(message: &Value) -> usize {
    let inside = match message {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + 32 + weight(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    inside + 32
}

/// The answer of a door to a request that it does not let through; `None` for what wants no answer.
pub(super) fn refusal(message: &Value, why: &str) -> Option<Value> {
    let is_request = message.get("type").and_then(Value::as_str) == Some("request");
    let number = message.get("seq").and_then(Value::as_i64).filter(|_| is_request)?;
    let command = message.get("command").and_then(Value::as_str).unwrap_or_default();
    let response =
        crate::dap::Response { request_seq: number, command: command.to_owned(), result: Err(why.to_owned()) };
    Some(crate::dap::ToClient::Response(response).into_message(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_finds_the_number_of_its_question() {
        let numbers = Numbers::default();
        let mut event = json!({"seq": 9, "type": "event", "event": "output"});
        let mut question = json!({"seq": 9, "type": "request", "command": "startDebugging"});
        numbers.outgoing(&mut event);
        numbers.outgoing(&mut question);
        assert_eq!((&event["seq"], &question["seq"]), (&json!(1), &json!(2)));

        let mut answer = json!({"seq": 4, "type": "response", "request_seq": 2, "success": true});
        assert!(numbers.incoming(&mut answer));
        assert_eq!(answer["request_seq"], 9);
        let mut again = json!({"seq": 5, "type": "response", "request_seq": 2, "success": true});
        assert!(!numbers.incoming(&mut again));
    }

    #[test]
    fn a_clients_own_requests_pass_as_they_are() {
        for message in [json!({"seq": 1, "type": "request", "command": "next"}), json!([1]), json!(null)] {
            let mut passed = message.clone();
            assert!(Numbers::default().incoming(&mut passed));
            assert_eq!(passed, message);
        }
    }

    #[test]
    fn only_a_request_is_refused() {
        let refused = refusal(&json!({"seq": 3, "type": "request", "command": "next"}), "no").unwrap();
        assert_eq!(
            (&refused["request_seq"], &refused["success"], &refused["message"]),
            (&json!(3), &json!(false), &json!("no"))
        );
        assert_eq!(refusal(&json!({"seq": 3, "type": "response"}), "no"), None);
        assert_eq!(refusal(&json!("text"), "no"), None);
    }

    #[test]
    fn a_large_message_weighs_what_it_holds() {
        let text = "x".repeat(1000);
        assert!((1000..1200).contains(&weight(&json!({ "text": text }))));
    }
}
