//! Programs that print faster than anybody reads: they are held up, and nothing else is.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Client, Setup, eventually};
use serde_json::{Value, json};

const BLOCK_BYTES: u64 = 64 << 10;

/// Prints blocks, and notes in a file how many were taken.
const FLOOD: &str = "
import os, sys
block = b'x' * 65535 + b'\\n'
note = os.open('count', os.O_CREAT | os.O_WRONLY, 0o644)
for number in range(int(sys.argv[1])):
    left = block
    while left:
        left = left[os.write(1, left):]
    os.pwrite(note, b'%010d' % (number + 1), 0)
";

/// A directory of the host that a session can write to.
fn shared_directory(client: &Client, name: &str, owner: Option<u32>) -> PathBuf {
    let path = client.scratch().join(name);
    fs::create_dir(&path).unwrap();
    std::os::unix::fs::chown(&path, owner, owner).unwrap();
    path
}

fn session_in(client: &mut Client, directory: &Path) -> String {
    let uri = format!("file://{}", directory.display());
    client.create_session(json!({"language": "python", "workspace": {"mode": "bindRw", "uri": uri}}))
}

fn flood(session: &str, blocks: u64) -> Value {
    json!({
        "sessionId": session, "source": {"code": FLOOD, "args": [blocks.to_string()]},
        "limits": {"outputBytes": 1u64 << 40},
    })
}

fn count(directory: &Path) -> u64 {
    fs::read_to_string(directory.join("count")).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Waits until the program is held up, and says how many bytes it has got rid of.
fn held_up(directory: &Path) -> u64 {
    let mut last = (0, 0);
    eventually("the program is held up", || {
        let now = count(directory);
        last = if now == last.0 { (now, last.1 + 1) } else { (now, 0) };
        now > 0 && last.1 >= 100
    });
    last.0 * BLOCK_BYTES
}

fn runs(client: &mut Client, argument: &str) -> bool {
    client.descendants().iter().any(|pid| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command.split(|byte| *byte == 0).any(|word| word == argument.as_bytes())
    })
}

#[test]
fn a_reader_that_stops_holds_up_the_program_and_nothing_else() {
    for setup in Setup::users() {
        let owner = setup.other_user();
        let mut client = setup.initialized();
        let directory = shared_directory(&client, "shared", owner);
        let session = session_in(&mut client, &directory);
        let (killed, kill_id) =
            client.begin(json!({"sessionId": session, "source": {"program": "sleep", "args": ["4001"]}}));
        let (cancelled, _) =
            client.begin(json!({"sessionId": session, "source": {"program": "sleep", "args": ["4002"]}}));
        let source = json!({"program": "sh", "args": ["-c", "cat > typed"]});
        let (fed, feed_id) = client.begin(json!({"sessionId": session, "source": source, "stdin": "stream"}));
        client.request("server/info", json!({}));
        let before = client.resident_bytes();

        client.stop_reading();
        let blocks = 24 * 16;
        let flooding = client.send_request("session/execute", flood(&session, blocks));
        let written = held_up(&directory);
        assert!(written < 8 << 20, "{written} bytes were taken that nobody reads");

        // All of this happens while nobody reads.
        let kill = client.send_request("execution/kill", json!({"executionId": kill_id}));
        client.cancel(cancelled);
        let stdin = json!({"executionId": feed_id, "data": "in the flood\n", "eof": true});
        let typed = client.send_request("execution/stdin", stdin);
        let get = client.send_request("execution/get", json!({"executionId": feed_id}));
        eventually("the killed program ends", || !runs(&mut client, "4001"));
        eventually("the cancelled program ends", || !runs(&mut client, "4002"));
        eventually("the input arrives", || fs::read(directory.join("typed")).unwrap() == b"in the flood\n");
        assert_eq!(count(&directory) * BLOCK_BYTES, written, "the program ran on");
        let grown = client.resident_bytes().saturating_sub(before);
        assert!(grown < 32 << 20, "{grown} bytes for output that nobody reads");

        client.resume_reading();
        client.response(kill).unwrap();
        assert_eq!(client.response(typed).unwrap()["acceptedBytes"], 13);
        assert_eq!(client.response(get).unwrap()["executionId"], feed_id);
        assert_eq!(client.finished(killed).outcome(), "killed");
        assert_eq!(client.finished(cancelled).outcome(), "cancelled");
        assert_eq!(client.finished(fed).outcome(), "ok");
        let flood = client.finished(flooding);
        assert_eq!(flood.outcome(), "ok", "{}", flood.result);
        assert_eq!(flood.bytes("stdout").len() as u64, blocks * BLOCK_BYTES);
        assert!(flood.bytes("stdout").chunks(BLOCK_BYTES as usize).all(|block| block.ends_with(b"xx\n")));
    }
}

#[test]
fn an_answer_overtakes_output_that_waits() {
    let mut client = Client::initialized();
    let directory = shared_directory(&client, "shared", None);
    let session = session_in(&mut client, &directory);
    let source = json!({"program": "sh", "args": ["-c", "cat > typed"]});
    let (fed, feed_id) = client.begin(json!({"sessionId": session, "source": source, "stdin": "stream"}));
    client.stop_reading();
    let flooding = client.send_request("session/execute", flood(&session, 100));
    let written = held_up(&directory);
    let info = client.send_request("server/info", json!({}));
    // Once its effect is seen, the request before it was taken in, too.
    client.send_request("execution/stdin", json!({"executionId": feed_id, "data": "x", "eof": true}));
    eventually("the input arrives", || fs::read(directory.join("typed")).unwrap() == b"x");
    client.resume_reading();
    let (index, answer) = client.received_response(info);
    answer.unwrap();
    let before =
        client.unclaimed(|received| received.index < index && received.message["method"] == "execution/output");
    let read: u64 = before.map(|received| received.message["params"]["data"].as_str().unwrap().len() as u64).sum();
    // Without lanes all but what is still on its way from the program would have come first: less than half of this.
    assert!(read + (768 << 10) < written, "of {written} bytes that waited {read} came before the answer");
    client.finished(flooding);
    client.finished(fed);
    client.allow_unclaimed();
}

/// Floods until it is told to stop in one of three ways, each with an exit code of its own.
const TOLD: &str = "
import os, signal, sys, threading
def leave(code):
    return lambda *_: os._exit(code)
signal.signal(signal.SIGUSR1, leave(41))
signal.signal(signal.SIGINT, leave(42))
def listen():
    os._exit(43 if sys.stdin.readline() == 'stop\\n' else 1)
threading.Thread(target=listen).start()
while True:
    os.write(1, b'flood ' * 1000)
";

#[test]
fn a_program_is_reached_in_the_middle_of_its_flood() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({"language": "python"}));
    for (method, params, outcome, code) in [
        ("execution/signal", json!({"signal": "SIGUSR1"}), "error", Some(41)),
        ("execution/interrupt", json!({}), "error", Some(42)),
        ("execution/stdin", json!({"data": "stop\n"}), "error", Some(43)),
        ("execution/kill", json!({}), "killed", None),
        ("$/cancelRequest", json!({}), "cancelled", Some(42)),
    ] {
        let (id, execution) = client.begin(json!({
            "sessionId": session, "source": {"code": TOLD}, "stdin": "stream", "limits": {"outputBytes": 1u64 << 40},
        }));
        client.wait_for_output(&execution, "flood");
        if method.starts_with("$/") {
            client.cancel(id);
        } else {
            let mut params = params;
            params["executionId"] = execution.into();
            client.request(method, params);
        }
        let flood = client.finished(id);
        assert_eq!((flood.outcome(), flood.exit_code()), (outcome, code), "{method}: {}", flood.result);
        assert!(flood.bytes("stdout").len() >= 6000);
    }
}

#[test]
fn a_time_out_in_the_middle_of_a_flood_keeps_what_was_printed() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let flood = client.execute_with(json!({
        "sessionId": session, "source": {"program": "yes"}, "timeoutMs": 1500, "limits": {"outputBytes": 1u64 << 40},
    }));
    assert_eq!((flood.outcome(), flood.result["signal"].as_str()), ("timeout", Some("SIGKILL")));
    assert!(flood.bytes("stdout").starts_with(b"y\ny\n"));
}

#[test]
fn shutdown_is_answered_in_the_middle_of_a_flood() {
    for stop_reading in [false, true] {
        let mut client = Client::initialized();
        let session = client.create_session(json!({}));
        let (flooding, execution) = client.begin(json!({
            "sessionId": session, "source": {"program": "yes"}, "limits": {"outputBytes": 1u64 << 40},
        }));
        client.wait_for_output(&execution, "y");
        if stop_reading {
            client.stop_reading();
        }
        let shutdown = client.send_request("shutdown", Value::Null);
        if stop_reading {
            eventually("the program ends", || !runs(&mut client, "yes"));
            client.resume_reading();
        }
        assert_eq!(client.finished(flooding).outcome(), "killed");
        assert_eq!(client.response(shutdown), Ok(Value::Null));
        client.notify("exit", Value::Null);
        client.expect_code(0);
    }
}

#[test]
fn a_client_that_stopped_reading_and_goes_leaves_nothing() {
    let mut client = Client::initialized();
    let directory = shared_directory(&client, "shared", None);
    let session = session_in(&mut client, &directory);
    client.stop_reading();
    client.send_request("session/execute", flood(&session, 10_000));
    held_up(&directory);
    client.close_input();
    client.expect_code(1);
    client.allow_unclaimed();
    // Without anybody reading again.
    client.wait();
    client.ignore_rest();
}
