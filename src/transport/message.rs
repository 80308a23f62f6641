//! What a message body is, and how outgoing messages are written.
//!
//! Every body becomes a request, a notification, a response, or a refusal to send back: nothing that
//! a client can send is an error of the connection.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tower_lsp::jsonrpc::{Id, Response};

use super::asked::{Answer, AskError};
use super::framing::Fault;

/// The most characters of a client's reason to refuse a request of ours.
const MAX_REASON_CHARS: usize = 300;

/// The error codes of JSON-RPC and of the Language Server Protocol that the transport itself gives.
pub mod code {
    /// The body is not JSON.
    pub const PARSE_ERROR: i64 = -32700;
    /// The JSON is not a request, or not one that is allowed now.
    pub const INVALID_REQUEST: i64 = -32600;
    /// There is no such method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// The parameters are not what the method takes.
    pub const INVALID_PARAMS: i64 = -32602;
    /// The handler of the request failed.
    pub const INTERNAL_ERROR: i64 = -32603;
    /// A request came before `initialize` was answered.
    pub const NOT_INITIALIZED: i64 = -32002;
    /// The client cancelled the request.
    pub const CANCELLED: i64 = -32800;
}

/// What a program is told of an error whose code is one of [`code`]; `None` for other codes.
pub(super) fn standard_data(code: i64) -> Option<Value> {
    let kind = match code {
        code::PARSE_ERROR => "ParseError",
        code::INVALID_REQUEST => "InvalidRequest",
        code::METHOD_NOT_FOUND => "MethodNotFound",
        code::INVALID_PARAMS => "InvalidParams",
        code::INTERNAL_ERROR => "InternalError",
        code::NOT_INITIALIZED => "ServerNotInitialized",
        code::CANCELLED => "RequestCancelled",
        _ => return None,
    };
    Some(json!({"kind": kind, "retryable": false}))
}

/// The error object of a response.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refusal {
    /// One of [`code`], or one of the protocol's own.
    pub code: i64,
    /// What is wrong, for a person.
    pub message: Cow<'static, str>,
    /// What is wrong, for a program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<Value>>,
}

impl Refusal {
    /// A refusal with the data that its code has of itself.
    pub fn new(code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), data: standard_data(code).map(Box::new) }
    }

    /// The same refusal with one more field in its data.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.data.get_or_insert_with(|| Box::new(json!({})))[field] = value.into();
        self
    }

    pub(super) fn cancelled() -> Self {
        Self::new(code::CANCELLED, "the request was cancelled")
    }

    pub(super) fn unknown_method(method: &str) -> Self {
        Self::new(code::METHOD_NOT_FOUND, format!("there is no method `{method}`")).with("method", method)
    }

    pub(super) fn panicked(method: &str) -> Self {
        Self::new(code::INTERNAL_ERROR, format!("`{method}` failed inside the daemon; its log says more"))
    }
}

impl From<&Fault> for Refusal {
    fn from(fault: &Fault) -> Self {
        match fault {
            Fault::TooLarge { limit, .. } => {
                Self::new(code::INVALID_REQUEST, fault.to_string()).with("maxMessageBytes", *limit)
            }
            _ => Self::new(code::PARSE_ERROR, fault.to_string()),
        }
    }
}

/// A body that is a message.
#[derive(Debug, PartialEq)]
pub(super) enum Incoming {
    /// Wants an answer.
    Request { id: Id, method: String, params: Option<Value> },
    /// Wants none.
    Notification { method: String, params: Option<Value> },
    /// Answers a request of ours.
    Response { id: Value, answer: Answer },
}

/// A body that is no message: the refusal to send, and whom to send it to.
#[derive(Debug, PartialEq)]
pub(super) struct Rejected {
    pub(super) id: Id,
    pub(super) refusal: Refusal,
}

impl Rejected {
    fn anonymous(code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self { id: Id::Null, refusal: Refusal::new(code, message) }
    }
}

/// Says what a body is.
pub(super) fn classify(body: &[u8]) -> Result<Incoming, Rejected> {
    match parse(body)? {
        Value::Object(object) => classify_object(object),
        Value::Array(_) => Err(Rejected::anonymous(code::INVALID_REQUEST, "batches are not supported")),
        _ => Err(Rejected::anonymous(code::INVALID_REQUEST, "a message must be an object")),
    }
}

fn parse(body: &[u8]) -> Result<Value, Rejected> {
    let refuse = |message: Cow<'static, str>| Rejected::anonymous(code::PARSE_ERROR, message);
    if body.is_empty() {
        return Err(refuse("the body is empty".into()));
    }
    let text = str::from_utf8(body)
        .map_err(|error| refuse(format!("the body is not UTF-8 from byte {}", error.valid_up_to()).into()))?;
    serde_json::from_str(text).map_err(|error| {
        let detail = error.to_string();
        // The parser's own limit protects the stack; its error type doesn't tell this case apart.
        if detail.starts_with("recursion limit exceeded") {
            refuse("the JSON is nested too deep".into())
        } else {
            refuse(format!("the body is not JSON: {detail}").into())
        }
    })
}

fn classify_object(mut object: Map<String, Value>) -> Result<Incoming, Rejected> {
    let id = match object.remove("id") {
        None => None,
        Some(id)
            if !object.contains_key("method") && (object.contains_key("result") || object.contains_key("error")) =>
        {
            return Ok(Incoming::Response { id, answer: take_answer(&mut object) });
        }
        Some(id) => Some(take_id(id)?),
    };
    let refuse = |code, message: &'static str| {
        let id = id.clone().unwrap_or(Id::Null);
        Rejected { id, refusal: Refusal::new(code, message) }
    };
    if object.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(refuse(code::INVALID_REQUEST, "`jsonrpc` must be \"2.0\""));
    }
    let Some(Value::String(method)) = object.remove("method") else {
        return Err(refuse(code::INVALID_REQUEST, "`method` must be a string"));
    };
    let params = match object.remove("params") {
        None | Some(Value::Null) => None,
        Some(params @ (Value::Object(_) | Value::Array(_))) => Some(params),
        Some(_) => {
            let code = if id.is_some() { code::INVALID_PARAMS } else { code::INVALID_REQUEST };
            let mut rejected = refuse(code, "`params` must be an object or an array");
            rejected.refusal = rejected.refusal.with("path", "params");
            return Err(rejected);
        }
    };
    Ok(match id {
        Some(id) => Incoming::Request { id, method, params },
        None => Incoming::Notification { method, params },
    })
}

/// A result counts where both are there; of an error, what is not as it should be is left out.
fn take_answer(object: &mut Map<String, Value>) -> Answer {
    if let Some(result) = object.remove("result") {
        return Ok(result);
    }
    let error = object.remove("error").unwrap_or_default();
    let message = error["message"].as_str().unwrap_or("it gave no reason").chars().take(MAX_REASON_CHARS).collect();
    Err(AskError::Refused { code: error["code"].as_i64().unwrap_or_default(), message })
}

fn take_id(id: Value) -> Result<Id, Rejected> {
    match id {
        Value::String(id) => Ok(Id::String(id)),
        Value::Number(id) if id.is_i64() => Ok(Id::Number(id.as_i64().unwrap_or_default())),
        _ => Err(Rejected::anonymous(code::INVALID_REQUEST, "`id` must be a string or a whole number of 64 bits")),
    }
}

/// The id that the parameters of `$/cancelRequest` name.
pub(super) fn cancelled_id(params: Option<Value>) -> Option<Id> {
    match params {
        Some(Value::Object(mut params)) => params.remove("id").and_then(|id| take_id(id).ok()),
        _ => None,
    }
}

/// An outgoing message with its headers, ready to be written. Cloning it copies nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message(Bytes);

#[derive(Serialize)]
struct Notification<'a, P> {
    jsonrpc: &'static str,
    method: &'a str,
    params: &'a P,
}

#[derive(Serialize)]
struct Asking<'a, P> {
    jsonrpc: &'static str,
    id: &'a str,
    method: &'a str,
    params: &'a P,
}

#[derive(Serialize)]
struct Failure<'a> {
    jsonrpc: &'static str,
    id: &'a Id,
    error: &'a Refusal,
}

/// Room before the body for the longest header: the name, twenty digits and two line ends.
const HEADER_ROOM: usize = 16 + 20 + 4;

impl Message {
    /// A notification, serialised straight into the buffer that will be written.
    ///
    /// # Errors
    ///
    /// Where `params` can't be JSON, such as a map whose keys are not strings.
    pub fn notification<P: Serialize>(method: &str, params: &P) -> Result<Self, serde_json::Error> {
        Self::encode(&Notification { jsonrpc: "2.0", method, params })
    }

    /// A request of ours.
    ///
    /// # Errors
    ///
    /// As of [`Message::notification`].
    pub(super) fn request<P: Serialize>(id: &str, method: &str, params: &P) -> Result<Self, serde_json::Error> {
        Self::encode(&Asking { jsonrpc: "2.0", id, method, params })
    }

    /// The answer that a request failed.
    #[must_use]
    pub fn refusal(id: &Id, refusal: &Refusal) -> Self {
        Self::encode(&Failure { jsonrpc: "2.0", id, error: refusal })
            .expect("ids, strings and JSON values are always serialisable")
    }

    pub(super) fn response(response: &Response) -> Self {
        Self::encode(response).expect("JSON values are always serialisable")
    }

    fn encode(message: &impl Serialize) -> Result<Self, serde_json::Error> {
        let mut buffer = Vec::with_capacity(512);
        buffer.resize(HEADER_ROOM, 0);
        serde_json::to_writer(&mut buffer, message)?;
        let header = format!("Content-Length: {}\r\n\r\n", buffer.len() - HEADER_ROOM);
        let start = HEADER_ROOM - header.len();
        buffer[start..HEADER_ROOM].copy_from_slice(header.as_bytes());
        Ok(Self(Bytes::from(buffer).slice(start..)))
    }

    /// The bytes to write.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests;
