//! The connection as a whole: framing, life cycle and ends, on the real binary over real pipes.
//!
//! Each break of the framing is followed by a good request, for the promise is not the error alone
//! but that the connection lives on.

mod harness;

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use harness::client::initialize_params;
use harness::wire::framed;
use harness::{Client, Wire};
use rustix::process::Signal;
use serde_json::{Value, json};

const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const NOT_INITIALIZED: i64 = -32002;

/// The connection still works, and nothing is left unread before it.
fn lives_on(client: &mut Client) {
    let info = client.request("server/info", json!({}));
    assert!(info.is_object(), "{info}");
}

/// Sends bytes that are no message; returns the error that they got.
fn error_for(client: &mut Client, bytes: impl AsRef<[u8]>) -> Value {
    client.send_raw(bytes);
    // What follows may be needed to see that something was broken.
    let id = client.send_request("server/info", json!({}));
    let error = client.anonymous_error();
    client.response(id).expect("the request after the broken one is answered");
    error
}

#[test]
fn broken_bodies_are_refused_and_the_connection_lives_on() {
    let mut client = Client::initialized();
    let deep = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{}{}}}"#, "[".repeat(9999), "]".repeat(9999));
    for (body, code, about) in [
        (&b"{\"jsonrpc\":"[..], PARSE_ERROR, "not JSON"),
        (b"", PARSE_ERROR, "empty"),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", PARSE_ERROR, "UTF-8"),
        (deep.as_bytes(), PARSE_ERROR, "nested too deep"),
        (br#"[{"jsonrpc":"2.0","id":1,"method":"server/info"}]"#, INVALID_REQUEST, "batches are not supported"),
        (b"[]", INVALID_REQUEST, "batches are not supported"),
        (b"\"text\"", INVALID_REQUEST, "object"),
        (br#"{"jsonrpc":"2.0","id":1.5,"method":"server/info"}"#, INVALID_REQUEST, "`id`"),
        (br#"{"jsonrpc":"2.0","id":null,"method":"server/info"}"#, INVALID_REQUEST, "`id`"),
        (br#"{"jsonrpc":"2.0","id":true,"method":"server/info"}"#, INVALID_REQUEST, "`id`"),
        (br#"{"jsonrpc":"2.0","id":{},"method":"server/info"}"#, INVALID_REQUEST, "`id`"),
        (br#"{"jsonrpc":"1.0","method":"server/info"}"#, INVALID_REQUEST, "`jsonrpc`"),
        (br#"{"jsonrpc":"2.0"}"#, INVALID_REQUEST, "`method`"),
        (br#"{"jsonrpc":"2.0","method":7}"#, INVALID_REQUEST, "`method`"),
    ] {
        client.send_body(body);
        let error = client.anonymous_error();
        assert_eq!(error["code"], code, "{error}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains(about)), "{about}: {error}");
        lives_on(&mut client);
    }
}

#[test]
fn a_broken_request_whose_id_is_known_is_answered_by_it() {
    let mut client = Client::initialized();
    client.send_body(r#"{"jsonrpc":"2.0","id":"one","method":"server/info","params":7}"#);
    assert_eq!(client.response("one").unwrap_err()["code"], INVALID_PARAMS);
    client.send_body(r#"{"id":"two","method":"server/info"}"#);
    assert_eq!(client.response("two").unwrap_err()["code"], INVALID_REQUEST);
    lives_on(&mut client);
}

#[test]
fn broken_headers_are_reported_once_and_the_connection_lives_on() {
    let mut client = Client::initialized();
    let long_line = "x".repeat(100_000);
    let long_block = "X-Name: value\r\n".repeat(10_000);
    for bytes in [
        "garbage\r\n\r\n",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/info\"}\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "Content-Length: many\r\n\r\n",
        "Content-Length: -1\r\n\r\n",
        "Content-Type: application/json\r\n\r\n{}\r\n",
        &long_line,
        &long_block,
    ] {
        let error = error_for(&mut client, bytes);
        assert_eq!(error["code"], PARSE_ERROR, "{bytes:.60}: {error}");
        lives_on(&mut client);
    }
}

#[test]
fn headers_are_taken_in_any_form_that_clients_send() {
    let mut client = Client::initialized();
    for (number, header) in [
        "content-length: {}\r\n\r\n",
        "CONTENT-LENGTH:{}\r\n\r\n",
        "Content-Type: application/vscode-jsonrpc\r\nContent-Length: {}\r\n\r\n",
        "Content-Length: {}\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\nX-Third: 3\r\n\r\n",
        "Content-Length: {}\n\n",
    ]
    .iter()
    .enumerate()
    {
        let id = format!("header {number}");
        let body = json!({"jsonrpc": "2.0", "id": id, "method": "server/info"}).to_string();
        client.send_raw(header.replace("{}", &body.len().to_string()) + &body);
        client.response(id).expect("every form of header is understood");
    }
}

#[test]
fn bytes_may_come_one_by_one_or_all_at_once() {
    let mut client = Client::initialized();
    let message = |id: &str| framed(json!({"jsonrpc": "2.0", "id": id, "method": "server/info"}).to_string());
    for byte in message("slow") {
        client.send_raw([byte]);
    }
    client.response("slow").unwrap();
    client.send_raw([message("a"), message("b"), message("c")].concat());
    for id in ["a", "b", "c"] {
        client.response(id).unwrap();
    }
}

#[test]
fn a_wrong_length_costs_one_message_at_most() {
    let mut client = Client::initialized();
    let body = json!({"jsonrpc": "2.0", "id": "broken", "method": "server/info"}).to_string();
    for length in [1, body.len() - 1, body.len() + 1, body.len() + 20, body.len() + 100, 1 << 20] {
        let error = error_for(&mut client, format!("Content-Length: {length}\r\n\r\n{body}"));
        assert_eq!(error["code"], PARSE_ERROR, "{length}: {error}");
    }
    lives_on(&mut client);
}

#[test]
fn a_body_over_the_limit_is_skipped_without_being_held() {
    let mut client = Client::initialized();
    lives_on(&mut client);
    let before = client.resident_bytes();
    let large = 400 << 20;
    client.send_raw(format!("Content-Length: {large}\r\n\r\n\""));
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..large / piece.len() - 1 {
        client.send_raw(&piece);
    }
    client.send_raw(&piece[..piece.len() - 1]);
    let error = client.anonymous_error();
    assert_eq!(error["code"], INVALID_REQUEST, "{error}");
    assert_eq!(error["data"]["maxMessageBytes"], 16 << 20, "{error}");
    lives_on(&mut client);
    let grown = client.resident_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes for a message that was refused");
}

#[test]
fn an_absurd_length_does_not_swallow_the_next_message() {
    let mut client = Client::initialized();
    for length in ["99999999999", "99999999999999999999999999"] {
        let error = error_for(&mut client, format!("Content-Length: {length}\r\n\r\n"));
        assert_eq!(error["code"], INVALID_REQUEST, "{error}");
    }
    lives_on(&mut client);
}

#[test]
fn a_message_just_below_the_limit_is_taken() {
    let mut client = Client::initialized();
    let text = "x".repeat((16 << 20) - 200);
    client.send(&json!({"jsonrpc": "2.0", "id": "large", "method": "no/such", "params": {"text": text}}));
    assert_eq!(client.response("large").unwrap_err()["code"], METHOD_NOT_FOUND);
    lives_on(&mut client);
}

#[test]
fn ids_come_back_as_they_were() {
    let mut client = Client::initialized();
    for id in [json!(0), json!(-1), json!(i64::MAX), json!(i64::MIN), json!(""), json!("größer"), json!("1")] {
        client.send(&json!({"jsonrpc": "2.0", "id": id, "method": "server/info"}));
        client.response(id).unwrap();
    }
}

#[test]
fn unknown_methods_are_named_and_unknown_notifications_ignored() {
    let mut client = Client::initialized();
    for method in ["no/such", "$/noSuch", "$/cancelRequest"] {
        let error = client.call(method, json!({})).unwrap_err();
        assert_eq!(error["code"], METHOD_NOT_FOUND, "{error}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains(method)), "{error}");
    }
    for method in ["no/such", "$/noSuch", "initialize", "shutdown"] {
        client.notify(method, json!({}));
    }
    for params in [json!({"id": 4711}), json!({"id": []}), json!({}), Value::Null, json!([1])] {
        client.notify("$/cancelRequest", params);
    }
    lives_on(&mut client);
}

#[test]
fn answers_to_nothing_are_ignored() {
    let mut client = Client::initialized();
    client.send_body(r#"{"jsonrpc":"2.0","id":7,"result":null}"#);
    client.send_body(r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"no"}}"#);
    lives_on(&mut client);
}

#[test]
fn parameters_may_be_absent_null_or_empty_where_a_method_takes_none() {
    let mut client = Client::initialized();
    for (id, message) in [
        ("absent", json!({"jsonrpc": "2.0", "id": "absent", "method": "server/info"})),
        ("null", json!({"jsonrpc": "2.0", "id": "null", "method": "server/info", "params": null})),
        ("empty", json!({"jsonrpc": "2.0", "id": "empty", "method": "server/info", "params": {}})),
    ] {
        client.send(&message);
        client.response(id).unwrap();
    }
}

#[test]
fn shutdown_takes_whatever_clients_send_with_it() {
    for message in [
        json!({"jsonrpc": "2.0", "id": "end", "method": "shutdown"}),
        json!({"jsonrpc": "2.0", "id": "end", "method": "shutdown", "params": null}),
        json!({"jsonrpc": "2.0", "id": "end", "method": "shutdown", "params": {}}),
    ] {
        let mut client = Client::initialized();
        client.send(&message);
        assert_eq!(client.response("end"), Ok(Value::Null));
        client.notify("exit", Value::Null);
        client.expect_code(0);
    }
}

#[test]
fn requests_before_initialize_are_refused() {
    let mut client = Client::spawn();
    for method in ["server/info", "session/list", "no/such", "shutdown"] {
        let error = client.call(method, json!({})).unwrap_err();
        assert_eq!(error["code"], NOT_INITIALIZED, "{method}: {error}");
    }
    client.initialize();
    lives_on(&mut client);
}

#[test]
fn requests_after_shutdown_are_refused() {
    let mut client = Client::initialized();
    assert_eq!(client.request("shutdown", Value::Null), Value::Null);
    for method in ["server/info", "initialize", "shutdown", "no/such"] {
        let error = client.call(method, json!({})).unwrap_err();
        assert_eq!(error["code"], INVALID_REQUEST, "{method}: {error}");
    }
    client.notify("exit", Value::Null);
    client.expect_code(0);
}

#[test]
fn the_second_of_two_pipelined_initialize_is_refused() {
    let mut client = Client::spawn();
    let message = |id| {
        framed(json!({"jsonrpc": "2.0", "id": id, "method": "initialize", "params": initialize_params()}).to_string())
    };
    client.send_raw([message("first"), message("second")].concat());
    client.response("first").unwrap();
    assert_eq!(client.response("second").unwrap_err()["code"], INVALID_REQUEST);
    lives_on(&mut client);
}

#[test]
fn everything_pipelined_in_one_write_is_answered_in_full() {
    let mut client = Client::spawn();
    let messages = [
        json!({"jsonrpc": "2.0", "id": "initialize", "method": "initialize", "params": initialize_params()}),
        json!({"jsonrpc": "2.0", "method": "initialized", "params": {}}),
        json!({"jsonrpc": "2.0", "id": "info", "method": "server/info"}),
        json!({"jsonrpc": "2.0", "id": "end", "method": "shutdown"}),
        json!({"jsonrpc": "2.0", "method": "exit"}),
    ];
    client.send_raw(messages.map(|message| framed(message.to_string())).concat());
    for id in ["initialize", "info", "end"] {
        client.response(id).unwrap();
    }
    client.expect_code(0);
}

#[test]
fn exit_ends_the_daemon_while_its_input_stays_open() {
    let mut client = Client::initialized();
    client.request("shutdown", Value::Null);
    client.notify("exit", Value::Null);
    assert_eq!(client.wait().code(), Some(0));
    client.expect_code(0);
}

#[test]
fn exit_without_shutdown_is_a_failure() {
    for initialize in [true, false] {
        let mut client = if initialize { Client::initialized() } else { Client::spawn() };
        client.notify("exit", Value::Null);
        client.expect_code(1);
    }
}

#[test]
fn the_end_of_the_input_ends_the_daemon() {
    for (shutdown, code) in [(true, 0), (false, 1)] {
        let mut client = Client::initialized();
        if shutdown {
            client.request("shutdown", Value::Null);
        }
        client.close_input();
        client.expect_code(code);
    }
}

#[test]
fn a_signal_ends_the_daemon() {
    let mut client = Client::initialized();
    lives_on(&mut client);
    client.signal(Signal::TERM);
    client.allow_unclaimed();
    client.expect_code(1);
}

#[test]
fn the_death_of_the_process_that_initialize_names_ends_the_daemon() {
    let mut editor = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut client = Client::spawn();
    let mut params = initialize_params();
    params["processId"] = editor.id().into();
    client.request("initialize", params);
    lives_on(&mut client);
    drop(editor.stdin.take());
    editor.wait().unwrap();
    client.allow_unclaimed();
    client.expect_code(1);
}

#[test]
fn a_process_id_that_means_nothing_here_does_no_harm() {
    for process_id in [json!(null), json!(4_194_304), json!(0)] {
        let mut client = Client::spawn();
        let mut params = initialize_params();
        params["processId"] = process_id;
        client.request("initialize", params);
        lives_on(&mut client);
    }
}

/// A daemon over these descriptors instead of pipes.
fn over(stdin: impl Into<Stdio>, stdout: impl Into<Stdio>) -> std::process::Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codebeaker"));
    command.stdin(stdin).stdout(stdout).stderr(Stdio::null());
    command.spawn().expect("the daemon can be started")
}

#[test]
fn the_end_of_its_output_ends_the_daemon() {
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    drop(reader);
    let mut daemon = over(Stdio::piped(), writer);
    let mut wire = Wire::new(std::io::empty(), daemon.stdin.take().unwrap());
    // The input stays open: the failing answer alone must end it.
    wire.send_request("initialize", initialize_params());
    assert_eq!(daemon.wait().unwrap().code(), Some(1));
}

#[test]
fn sockets_serve_like_pipes_also_when_they_do_not_block() {
    for non_blocking in [false, true] {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(non_blocking).unwrap();
        let mut daemon = over(OwnedFd::from(theirs.try_clone().unwrap()), OwnedFd::from(theirs));
        let mut wire = Wire::new(ours.try_clone().unwrap(), ours);
        wire.request("initialize", initialize_params());
        wire.request("server/info", json!({}));
        wire.request("shutdown", Value::Null);
        wire.notify("exit", Value::Null);
        assert_eq!(daemon.wait().unwrap().code(), Some(0));
        assert!(wire.rest().is_empty());
    }
}

#[test]
fn a_file_serves_as_input() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("input");
    let messages = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": initialize_params()}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "shutdown"}),
        json!({"jsonrpc": "2.0", "method": "exit"}),
    ];
    std::fs::write(&path, messages.map(|message| framed(message.to_string())).concat()).unwrap();
    let mut daemon = over(File::open(path).unwrap(), Stdio::piped());
    let mut wire = Wire::new(daemon.stdout.take().unwrap(), std::io::sink());
    wire.response(1).unwrap();
    wire.response(2).unwrap();
    assert!(wire.rest().is_empty());
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
}
