//! The connection's loop with handlers that the real daemon must not have: they panic, block, wait
//! until told, and flood. The transport is the real one, over a real socket.

#[path = "transport_loop/backend.rs"]
mod backend;
mod harness;

use backend::Connection;
use harness::wire::framed;
use serde_json::{Value, json};

use codebeaker::transport::{Cause, Exit};

const INTERNAL_ERROR: i64 = -32603;
const INVALID_REQUEST: i64 = -32600;
const CANCELLED: i64 = -32800;
const OVERLOADED: i64 = 1900;

#[test]
fn a_panic_fails_its_own_request_alone_and_frees_its_id() {
    let mut client = Connection::initialized();
    for method in ["test/panic", "test/panicLater", "test/panicInParams"] {
        // The same id twice: neither table may still know the first.
        for _ in 0..2 {
            client.send(&json!({"jsonrpc": "2.0", "id": 99, "method": method, "params": {}}));
            assert_eq!(client.response(99).unwrap_err()["code"], INTERNAL_ERROR);
        }
    }
    client.notify("test/panicNotified", json!({}));
    assert_eq!(client.request("test/echo", json!({"a": 1})), json!({"a": 1}));
}

#[test]
fn a_handler_that_blocks_its_thread_stops_no_other() {
    let mut client = Connection::initialized();
    let blocked = client.send_request("test/block", json!({}));
    let waiting = client.send_request("test/wait", json!({}));
    assert_eq!(client.request("test/echo", json!([1])), json!([1]));
    client.cancel(waiting);
    assert_eq!(client.response(waiting).unwrap_err()["code"], CANCELLED);
    client.gates.unblock();
    client.response(blocked).unwrap();
}

#[test]
fn more_slow_handlers_than_threads_stop_nothing() {
    let mut client = Connection::initialized();
    let waiting: Vec<_> = (0..200).map(|_| client.send_request("test/wait", json!({}))).collect();
    assert_eq!(client.request("test/echo", json!([1])), json!([1]));
    client.cancel(waiting[100]);
    assert_eq!(client.response(waiting[100]).unwrap_err()["code"], CANCELLED);
    client.gates.open();
    for id in waiting.iter().filter(|id| **id != waiting[100]) {
        client.response(*id).unwrap();
    }
}

#[test]
fn a_thousand_notifications_are_handled_in_order_and_before_a_later_request() {
    let mut client = Connection::initialized();
    for number in 0..1000 {
        client.notify("test/note", json!({"number": number}));
    }
    let noted = client.request("test/noted", json!({}));
    assert_eq!(noted, json!((0..1000).collect::<Vec<_>>()));
}

#[test]
fn requests_start_in_the_order_in_which_they_came() {
    let mut client = Connection::initialized();
    let ids: Vec<_> = (0..200).map(|number| client.send_request("test/start", json!({"number": number}))).collect();
    for id in ids {
        client.response(id).unwrap();
    }
    assert_eq!(client.request("test/noted", json!({})), json!((0..200).collect::<Vec<_>>()));
}

#[test]
fn output_that_a_handler_sends_comes_before_its_answer() {
    let mut client = Connection::initialized();
    for _ in 0..300 {
        let id = client.send_request("test/output", json!({"count": 16, "bytes": 1000}));
        let (answered, answer) = client.received_response(id);
        answer.unwrap();
        let output = client.claim_all(|received| received.message["method"] == "test/output");
        let numbers: Vec<_> = output.iter().map(|received| received.message["params"]["number"].clone()).collect();
        assert_eq!(json!(numbers), json!((0..16).collect::<Vec<_>>()));
        assert!(output.iter().all(|received| received.index < answered));
    }
}

#[test]
fn a_graceful_handler_sees_the_cancellation_and_answers_itself() {
    let mut client = Connection::initialized();
    let id = client.send_request("test/graceful", json!({}));
    client.notification("test/started");
    client.cancel(id);
    let (answered, answer) = client.received_response(id);
    let error = answer.unwrap_err();
    assert_eq!(error["code"], CANCELLED);
    assert_eq!(error["data"], json!({"outputs": 3}));
    let output = client.claim_all(|received| received.message["method"] == "test/output");
    assert_eq!(output.len(), 3);
    assert!(output.iter().all(|received| received.index < answered));
}

#[test]
fn a_cancelled_handler_is_dropped_and_its_id_is_free() {
    let mut client = Connection::initialized();
    for id in [json!("text"), json!(5), json!(i64::MAX)] {
        for _ in 0..2 {
            client.send(&json!({"jsonrpc": "2.0", "id": id, "method": "test/wait", "params": {}}));
            client.notify("$/cancelRequest", json!({"id": id}));
            assert_eq!(client.response(id.clone()).unwrap_err()["code"], CANCELLED);
        }
    }
    client.gates.wait_until_idle();
}

#[test]
fn a_request_that_waits_behind_a_notification_can_be_cancelled() {
    let mut client = Connection::initialized();
    client.notify("test/waitNotified", json!({}));
    let id = client.send_request("test/echo", json!({}));
    client.cancel(id);
    assert_eq!(client.response(id).unwrap_err()["code"], CANCELLED);
    client.gates.open();
    assert_eq!(client.request("test/echo", json!([1])), json!([1]));
}

#[test]
fn an_id_in_use_is_refused_and_its_first_request_goes_on() {
    let mut client = Connection::initialized();
    let id = client.send_request("test/wait", json!({}));
    client.send(&json!({"jsonrpc": "2.0", "id": id, "method": "test/echo", "params": {}}));
    let error = client.response(id).unwrap_err();
    assert_eq!(error["code"], INVALID_REQUEST);
    assert!(error["message"].as_str().unwrap().contains(&id.to_string()), "{error}");
    client.gates.open();
    assert_eq!(client.response(id), Ok(json!("waited")));
}

#[test]
fn too_many_requests_at_once_are_refused_until_some_are_answered() {
    let mut client = Connection::initialized();
    let waiting: Vec<_> = (0..256).map(|_| client.send_request("test/wait", json!({}))).collect();
    let error = client.call("test/echo", json!({})).unwrap_err();
    assert_eq!(error["code"], OVERLOADED, "{error}");
    assert_eq!(error["data"]["retryable"], true, "{error}");
    client.cancel(waiting[0]);
    client.response(waiting[0]).unwrap_err();
    assert_eq!(client.request("test/echo", json!([1])), json!([1]));
    client.gates.open();
    for id in &waiting[1..] {
        client.response(*id).unwrap();
    }
}

#[test]
fn a_handler_knows_the_id_of_its_request_also_later() {
    let mut client = Connection::initialized();
    client.send(&json!({"jsonrpc": "2.0", "id": "mine", "method": "test/id", "params": null}));
    assert_eq!(client.response("mine"), Ok(json!(["mine", "mine"])));
}

#[test]
fn a_method_that_wants_an_object_gets_one_and_others_do_not() {
    let mut client = Connection::initialized();
    for params in ["", ",\"params\":null", ",\"params\":{}"] {
        client.send_body(format!(r#"{{"jsonrpc":"2.0","id":"a","method":"test/object"{params}}}"#));
        assert_eq!(client.response("a"), Ok(json!({})));
    }
    for params in ["", ",\"params\":null"] {
        client.send_body(format!(r#"{{"jsonrpc":"2.0","id":"b","method":"test/id"{params}}}"#));
        client.response("b").unwrap();
    }
}

#[test]
fn notifications_sent_with_initialize_in_one_write_are_handled_after_it() {
    let mut client = Connection::start();
    client.send_raw(
        [
            framed(
                json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}).to_string(),
            ),
            framed(r#"{"jsonrpc":"2.0","method":"test/note","params":{"number":1}}"#),
            framed(r#"{"jsonrpc":"2.0","id":"noted","method":"test/noted","params":{}}"#),
        ]
        .concat(),
    );
    client.response(1).unwrap();
    assert_eq!(client.response("noted"), Ok(json!([1])));
}

#[test]
fn a_reader_that_stops_reading_stops_the_output_and_nothing_else() {
    let mut client = Connection::initialized();
    client.stop_reading();
    let flood = client.send_request("test/flood", json!({"bytes": 8192}));
    client.gates.wait_until_stuck();
    let sent = client.gates.sent_bytes();
    assert!(sent < 4 << 20, "{sent} bytes were taken in for a reader that reads none");
    // Requests are still read and acted on, though no answer can be read.
    let note = client.send_request("test/start", json!({"number": 7}));
    client.gates.wait_until_noted(7);
    client.cancel(flood);
    client.gates.wait_until_idle();
    client.resume_reading();
    client.response(note).unwrap();
    assert_eq!(client.response(flood).unwrap_err()["code"], CANCELLED);
    client.ignore("test/output");
}

#[test]
fn answers_overtake_output_that_waits() {
    let mut client = Connection::initialized();
    client.stop_reading();
    let flood = client.send_request("test/flood", json!({"bytes": 8192}));
    client.gates.wait_until_stuck();
    let echo = client.send_request("test/echo", json!([1]));
    client.gates.wait_until_echoed();
    let sent = client.gates.sent_messages();
    client.resume_reading();
    let (answered, _) = client.received_response(echo);
    let before = client.claim_all(|received| received.index < answered).len() as u64;
    assert!(before < sent, "all {sent} messages of output that were there came first");
    client.cancel(flood);
    client.response(flood).unwrap_err();
    client.ignore("test/output");
}

#[test]
fn a_client_that_reads_nothing_and_sends_without_end_is_stopped_too() {
    let mut client = Connection::initialized();
    client.stop_reading();
    // Each of these gets an error, and the errors must not pile up in memory.
    let broken = framed("{").repeat(1000);
    client.send_until_full(&broken);
    client.resume_reading();
    while client.claim("the errors", |_| true).message["id"] != "last" {}
}

#[test]
fn exit_ends_what_still_runs() {
    let mut client = Connection::initialized();
    client.send_request("test/wait", json!({}));
    client.send_request("test/graceful", json!({}));
    client.notification("test/started");
    client.notify("exit", Value::Null);
    assert_eq!(client.ended(), Exit { cause: Cause::Exit, after_shutdown: false });
    client.gates.wait_until_idle();
}

#[test]
fn exit_waits_for_a_shutdown_that_is_under_way() {
    let mut client = Connection::initialized();
    let shutdown = client.send_request("shutdown", Value::Null);
    client.notify("exit", Value::Null);
    client.response(shutdown).unwrap();
    assert_eq!(client.ended(), Exit { cause: Cause::Exit, after_shutdown: true });
}

#[test]
fn the_end_of_the_input_ends_what_still_runs() {
    let mut client = Connection::initialized();
    client.send_request("test/wait", json!({}));
    client.close_input();
    assert_eq!(client.ended(), Exit { cause: Cause::Eof, after_shutdown: false });
    client.gates.wait_until_idle();
}

#[test]
fn a_reader_that_is_gone_ends_what_still_runs() {
    let mut client = Connection::initialized();
    client.send_request("test/flood", json!({"bytes": 8192}));
    client.hang_up();
    assert_eq!(client.ended().cause, Cause::WriteFailed);
    client.gates.wait_until_idle();
}

#[test]
fn the_caller_can_end_it_with_a_reason() {
    let mut client = Connection::initialized();
    client.send_request("test/wait", json!({}));
    client.gates.wait_until_busy();
    client.stop("it is late");
    assert_eq!(client.ended().cause, Cause::Stopped("it is late".into()));
    client.gates.wait_until_idle();
}

#[test]
fn shutdown_decides_the_exit_code() {
    for (after_shutdown, code) in [(true, 0), (false, 1)] {
        assert_eq!(Exit { cause: Cause::Exit, after_shutdown }.exit_code(), code);
    }
}
