//! Bodies of every kind, and what outgoing messages look like.

use super::*;

fn rejected(body: impl AsRef<[u8]>) -> (i64, Id, String) {
    let rejected = classify(body.as_ref()).unwrap_err();
    (rejected.refusal.code, rejected.id, rejected.refusal.message.into_owned())
}

#[test]
fn messages_are_told_apart() {
    let request = classify(br#"{"jsonrpc":"2.0","id":"x","method":"m","params":[1]}"#).unwrap();
    assert_eq!(request, Incoming::Request { id: Id::String("x".into()), method: "m".into(), params: Some(json!([1])) });
    let notification = classify(br#"{"method":"m","params":null,"jsonrpc":"2.0"}"#).unwrap();
    assert_eq!(notification, Incoming::Notification { method: "m".into(), params: None });
    let refused = |code, message: &str| Err(AskError::Refused { code, message: message.to_owned() });
    for (body, answer) in [
        (r#"{"jsonrpc":"2.0","id":4,"result":null}"#, Ok(Value::Null)),
        (r#"{"id":4,"error":{"code":1,"message":"no"}}"#, refused(1, "no")),
        (r#"{"id":4,"error":[]}"#, refused(0, "it gave no reason")),
    ] {
        assert_eq!(classify(body.as_bytes()).unwrap(), Incoming::Response { id: json!(4), answer });
    }
}

#[test]
fn ids_are_strings_or_whole_numbers_of_64_bits() {
    for (text, id) in [
        ("9223372036854775807", Id::Number(i64::MAX)),
        ("-9223372036854775808", Id::Number(i64::MIN)),
        ("\"\"", Id::String(String::new())),
    ] {
        let message = classify(format!(r#"{{"jsonrpc":"2.0","id":{text},"method":"m"}}"#).as_bytes()).unwrap();
        assert_eq!(message, Incoming::Request { id, method: "m".into(), params: None });
    }
    for text in ["1.5", "1.0", "null", "true", "{}", "[1]", "9223372036854775808", "1e300"] {
        let (code, id, message) = rejected(format!(r#"{{"jsonrpc":"2.0","id":{text},"method":"m"}}"#));
        assert_eq!((code, id), (code::INVALID_REQUEST, Id::Null), "{text}: {message}");
    }
}

#[test]
fn each_broken_body_gets_its_code_and_says_what_is_wrong() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for (text, code, about) in [
        (&b""[..], code::PARSE_ERROR, "empty"),
        (b"{\"jsonrpc\":", code::PARSE_ERROR, "not JSON"),
        (b"{} {}", code::PARSE_ERROR, "not JSON"),
        (b"{\"a\":\"\xff\"}", code::PARSE_ERROR, "not UTF-8 from byte 6"),
        (deep.as_bytes(), code::PARSE_ERROR, "nested too deep"),
        (b"[]", code::INVALID_REQUEST, "batches are not supported"),
        (br#"[{"jsonrpc":"2.0","id":1,"method":"m"}]"#, code::INVALID_REQUEST, "batches are not supported"),
        (b"7", code::INVALID_REQUEST, "object"),
        (b"{}", code::INVALID_REQUEST, "`jsonrpc`"),
        (br#"{"jsonrpc":2.0,"method":"m"}"#, code::INVALID_REQUEST, "`jsonrpc`"),
        (br#"{"jsonrpc":"2.0"}"#, code::INVALID_REQUEST, "`method`"),
        (br#"{"jsonrpc":"2.0","method":1}"#, code::INVALID_REQUEST, "`method`"),
        (br#"{"jsonrpc":"2.0","method":"m","params":"text"}"#, code::INVALID_REQUEST, "`params`"),
    ] {
        let (got, id, message) = rejected(text);
        assert_eq!((got, id), (code, Id::Null), "{message}");
        assert!(message.contains(about), "{message}");
    }
}

#[test]
fn a_refusal_names_the_request_where_its_id_is_known() {
    for (text, code) in [
        (r#"{"id":3,"method":"m"}"#, code::INVALID_REQUEST),
        (r#"{"jsonrpc":"2.0","id":3}"#, code::INVALID_REQUEST),
        (r#"{"jsonrpc":"2.0","id":3,"method":"m","params":3}"#, code::INVALID_PARAMS),
    ] {
        let (got, id, _) = rejected(text);
        assert_eq!((got, id), (code, Id::Number(3)), "{text}");
    }
}

#[test]
fn outgoing_messages_carry_their_length() {
    let message = Message::notification("m", &json!({"text": "größer"})).unwrap();
    let text = str::from_utf8(message.as_bytes()).unwrap();
    let (header, body) = text.split_once("\r\n\r\n").unwrap();
    assert_eq!(header, format!("Content-Length: {}", body.len()));
    assert_eq!(body, r#"{"jsonrpc":"2.0","method":"m","params":{"text":"größer"}}"#);
    let refusal = Message::refusal(&Id::Null, &Refusal::new(1900, "no"));
    assert!(refusal.as_bytes().ends_with(br#"{"jsonrpc":"2.0","id":null,"error":{"code":1900,"message":"no"}}"#));
}
