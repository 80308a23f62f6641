//! The Debug Adapter Protocol's envelope: what is a message, before anybody looks at what it says.
//!
//! The bodies are the types of `dapts`, re-exported as [`types`]; they follow the protocol's own schema.
//! Reading never fails in a way that leaves a request unanswered: what can be told of a message that is
//! wrong is kept, so that the answer finds its question.

use serde_json::{Map, Value, json};

pub use dapts as types;

/// The longest message that is read, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 8 << 20;

/// What a client sends.
#[derive(Debug, Clone, PartialEq)]
pub enum FromClient {
    /// It wants something.
    Request(Request),
    /// It answers a request of ours (`startDebugging`).
    Response(Response),
}

/// A request, of either side.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its number, of the sender's counting.
    pub seq: i64,
    /// What is asked for.
    pub command: String,
    /// An object; an empty one when the message had none.
    pub arguments: Value,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The number of the request.
    pub request_seq: i64,
    /// The command of the request.
    pub command: String,
    /// What came of it; or what went wrong, in a line for a person.
    pub result: Result<Value, String>,
}

/// What the adapter sends, before it is numbered.
#[derive(Debug, Clone, PartialEq)]
pub enum ToClient {
    /// The answer to a request of the client's.
    Response(Response),
    /// Something happened.
    Event {
        /// Its name.
        event: String,
        /// Its particulars; null for none.
        body: Value,
    },
    /// A request of ours.
    Request {
        /// What is asked for.
        command: String,
        /// With what.
        arguments: Value,
    },
}

/// Why a message can't be taken, and what is known of it all the same.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{why}")]
pub struct Malformed {
    /// Its number, where it has one: the request can be answered then.
    pub seq: Option<i64>,
    /// Its command, where it has one.
    pub command: Option<String>,
    /// What is wrong with it.
    pub why: String,
}

/// Reads a message of a client.
///
/// # Errors
/// [`Malformed`] when it is neither a request nor a response.
pub fn read(message: Value) -> Result<FromClient, Malformed> {
    let Value::Object(mut fields) = message else {
        return Err(Malformed { seq: None, command: None, why: "a message must be an object".to_owned() });
    };
    let seq = fields.get("seq").and_then(Value::as_i64);
    let command = fields.get("command").and_then(Value::as_str).map(str::to_owned);
    let refuse = |why: &str| Malformed { seq, command: command.clone(), why: why.to_owned() };
    match fields.get("type").and_then(Value::as_str) {
        Some("request") => {
            let seq = seq.ok_or_else(|| refuse("`seq` must be a whole number"))?;
            let command = command.clone().ok_or_else(|| refuse("`command` must be a string"))?;
            let arguments = match fields.remove("arguments") {
                None | Some(Value::Null) => Value::Object(Map::new()),
                Some(arguments @ Value::Object(_)) => arguments,
                Some(_) => return Err(refuse("`arguments` must be an object")),
            };
            Ok(FromClient::Request(Request { seq, command, arguments }))
        }
        Some("response") => {
            let request_seq = fields.get("request_seq").and_then(Value::as_i64);
            let request_seq = request_seq.ok_or_else(|| refuse("`request_seq` must be a whole number"))?;
            let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let result = match fields.get("success").and_then(Value::as_bool) {
                Some(true) => Ok(fields.get("body").cloned().unwrap_or_default()),
                _ => Err(text("message")),
            };
            Ok(FromClient::Response(Response { request_seq, command: command.unwrap_or_default(), result }))
        }
        _ => Err(refuse("`type` must be \"request\" or \"response\"")),
    }
}

impl ToClient {
    /// An event with a body.
    #[must_use]
    pub fn event(event: &str, body: Value) -> Self {
        Self::Event { event: event.to_owned(), body }
    }

    /// The message as it travels, under its number.
    #[must_use]
    pub fn into_message(self, seq: i64) -> Value {
        let with = |mut message: Value, name: &str, value: Value| {
            if !value.is_null() {
                message[name] = value;
            }
            message
        };
        match self {
            Self::Response(Response { request_seq, command, result: Ok(body) }) => {
                let message = json!({
                    "seq": seq, "type": "response", "request_seq": request_seq, "success": true, "command": command,
                });
                with(message, "body", body)
            }
            Self::Response(Response { request_seq, command, result: Err(why) }) => json!({
                "seq": seq, "type": "response", "request_seq": request_seq, "success": false, "command": command,
                "message": why, "body": {"error": {"id": 1, "format": why, "showUser": true}},
            }),
            Self::Event { event, body } => with(json!({"seq": seq, "type": "event", "event": event}), "body", body),
            Self::Request { command, arguments } => {
                with(json!({"seq": seq, "type": "request", "command": command}), "arguments", arguments)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_arguments_has_none_to_trip_over() {
        let request = read(json!({"seq": 3, "type": "request", "command": "continue"})).unwrap();
        assert_eq!(
            request,
            FromClient::Request(Request { seq: 3, command: "continue".to_owned(), arguments: json!({}) })
        );
    }

    #[test]
    fn what_is_wrong_with_a_message_can_be_answered() {
        let malformed = read(json!({"seq": 3, "type": "request", "command": "next", "arguments": 1})).unwrap_err();
        assert_eq!((malformed.seq, malformed.command.as_deref()), (Some(3), Some("next")));
        assert_eq!(read(json!([])).unwrap_err().seq, None);
        assert!(read(json!({"seq": 1, "type": "event", "event": "stopped"})).is_err());
    }

    #[test]
    fn a_message_has_no_null_members() {
        let event = ToClient::event("initialized", Value::Null).into_message(1);
        assert_eq!(event, json!({"seq": 1, "type": "event", "event": "initialized"}));
    }
}
