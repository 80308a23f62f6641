//! `execution/read`: output by its place in the stream.

use crate::harness::client::initialize_params;
use crate::harness::{Client, Setup};
use crate::script::{Script, within_characters};
use crate::{STREAMS, holds};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Bytes of each stream that are kept.
const KEPT_BYTES: usize = 256 << 10;

fn bytes(piece: &Value) -> Vec<u8> {
    let data = piece["data"].as_str().unwrap();
    if piece["encoding"] == "utf8" { data.into() } else { STANDARD.decode(data).unwrap() }
}

fn number(piece: &Value, field: &str) -> usize {
    usize::try_from(piece[field].as_u64().unwrap()).unwrap()
}

/// A client that takes no output as it comes.
fn without_streaming(setup: Setup) -> Client {
    let mut client = setup.spawn();
    let mut params = initialize_params();
    params["capabilities"]["experimental"]["codebeaker"]["features"] = json!({"stdin": true, "pty": true});
    client.request("initialize", params);
    client.notify("initialized", json!({}));
    client
}

#[test]
fn pages_of_any_size_come_to_the_whole() {
    let case = (Script::any(300 << 10), prop_oneof![1usize..200, 1000usize..100_000], any::<prop::sample::Index>());
    holds(Client::initialized(), 12, case, |client, session, (script, max, start)| {
        let execution = client.execute(session, script.source());
        for stream in STREAMS {
            let written = script.expected(stream);
            let within = within_characters(&written);
            let kept_from = written.len().saturating_sub(KEPT_BYTES);
            let mut offset = if written.is_empty() { 0 } else { start.index(written.len()) };
            // A few pages of the smallest size tell as much as thousands.
            for _ in 0..20 {
                let piece = client.request(
                    "execution/read",
                    json!({"executionId": execution.id(), "stream": stream, "offset": offset, "maxBytes": max}),
                );
                let data = bytes(&piece);
                let from = number(&piece, "offset");
                assert_eq!(from, offset.max(kept_from));
                assert_eq!(number(&piece, "lostBytes"), from - offset);
                assert_eq!(number(&piece, "nextOffset"), from + data.len());
                assert!(data.len() <= max.max(4), "{} bytes for {max}", data.len());
                assert!(written[from..].starts_with(&data), "another {stream} than was written");
                assert_eq!(piece["eof"], from + data.len() == written.len());
                assert!(!within.contains(&(from + data.len())), "cut within a character");
                if piece["eof"] == true {
                    break;
                }
                assert!(!data.is_empty(), "no way on from {from} of {}", written.len());
                offset = from + data.len();
            }
        }
    });
}

#[test]
fn a_client_without_streaming_reads_what_it_is_not_sent() {
    let mut client = without_streaming(Setup::default());
    let session = client.create_session(json!({}));
    let id = client.send_request(
        "session/execute",
        json!({"sessionId": session, "source": {"program": "sh", "args": ["-c", "echo out; echo err >&2"]}}),
    );
    let result = client.response(id).unwrap();
    let execution = result["executionId"].clone();
    let methods: Vec<_> = client
        .claim_all(|received| received.message["params"]["executionId"] == execution)
        .into_iter()
        .map(|received| received.message["method"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(methods, ["execution/started", "execution/exited"]);
    for (stream, text) in [("stdout", "out\n"), ("stderr", "err\n")] {
        assert_eq!(result[stream], json!({"bytes": 4, "truncated": false}));
        let piece = client.request("execution/read", json!({"executionId": execution, "stream": stream}));
        assert_eq!((piece["data"].as_str(), piece["eof"].as_bool()), (Some(text), Some(true)), "{piece}");
    }
}

#[test]
fn a_read_waits_for_output_and_for_the_end() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let (id, execution) = client.begin(json!({"sessionId": session, "source": {"program": "cat"}, "stdin": "stream"}));
    let read = |offset: u64, wait: u64| json!({"executionId": execution, "stream": "stdout", "offset": offset, "waitMs": wait});
    let nothing = client.request("execution/read", read(0, 0));
    assert_eq!(
        nothing,
        json!({"data": "", "encoding": "utf8", "offset": 0, "nextOffset": 0, "eof": false, "lostBytes": 0})
    );
    let first = client.send_request("execution/read", read(0, 600_000));
    client.request("execution/stdin", json!({"executionId": execution, "data": "one"}));
    let first = client.response(first).unwrap();
    assert_eq!((first["data"].as_str(), first["eof"].as_bool()), (Some("one"), Some(false)));
    // It gives up without anything, and may be given up.
    let nothing = client.request("execution/read", read(3, 1));
    assert_eq!((nothing["data"].as_str(), nothing["nextOffset"].as_u64()), (Some(""), Some(3)));
    let given_up = client.send_request("execution/read", read(3, 600_000));
    client.cancel(given_up);
    assert_eq!(client.response(given_up).unwrap_err()["code"], -32800);
    let last = client.send_request("execution/read", read(3, 600_000));
    client.request("execution/stdin", json!({"executionId": execution, "eof": true}));
    let last = client.response(last).unwrap();
    assert_eq!((last["data"].as_str(), last["eof"].as_bool()), (Some(""), Some(true)));
    assert_eq!(client.finished(id).stdout(), "one");
}

#[test]
fn what_cannot_be_read_is_refused() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let plain = client.execute(&session, json!({"program": "true"}));
    let terminal = client.execute_with(json!({"sessionId": session, "source": {"program": "true"}, "stdin": "pty"}));
    for (execution, stream, code) in
        [(plain.id(), "pty", 1400), (terminal.id(), "stdout", 1400), ("exe_0", "stdout", 1300)]
    {
        let error = client.call("execution/read", json!({"executionId": execution, "stream": stream})).unwrap_err();
        assert_eq!(error["code"], code, "{error}");
    }
}
