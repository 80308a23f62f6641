//! The rules of the stream, each as a property of programs that are made up, on the real binary over a
//! real pipe. Order, numbers and positions are checked by the harness for every execution; see
//! `harness/session.rs`.

mod harness;

#[path = "stream/script.rs"]
mod script;

#[path = "stream/flood.rs"]
mod flood;

#[path = "stream/read.rs"]
mod read;

use std::cell::RefCell;

use harness::client::initialize_params;
use harness::{Client, Execution, Setup};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use script::{Script, within_characters};
use serde_json::{Value, json};

const STREAMS: [&str; 2] = ["stdout", "stderr"];

/// A client that takes no longer chunks than these.
fn with_chunks(setup: Setup, max_chunk_bytes: u64) -> Client {
    let mut client = setup.spawn();
    let mut params = initialize_params();
    params["capabilities"]["experimental"]["codebeaker"]["features"]["streaming"] =
        json!({"encodings": ["utf8", "base64"], "maxChunkBytes": max_chunk_bytes});
    let result = client.request("initialize", params);
    let agreed = &result["capabilities"]["experimental"]["codebeaker"]["features"]["streaming"]["maxChunkBytes"];
    assert_eq!(*agreed, max_chunk_bytes);
    client.notify("initialized", json!({}));
    client
}

/// Runs a property over a client with one session.
fn holds<S: Strategy>(client: Client, cases: u32, strategy: S, property: impl Fn(&mut Client, &str, S::Value))
where
    S::Value: Clone,
{
    let client = RefCell::new(client);
    let session = client.borrow_mut().create_session(json!({"language": "python"}));
    let config = Config { cases, max_shrink_iters: 30, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&strategy, |value| {
        property(&mut client.borrow_mut(), &session, value);
        Ok(())
    });
    if let Err(error) = outcome {
        client.borrow_mut().allow_unclaimed();
        panic!("{error}");
    }
}

/// Nothing was lost, and every piece is as it should be.
fn assert_whole(execution: &Execution, script: &Script, max_chunk_bytes: usize) {
    assert_eq!(execution.outcome(), "ok", "{} {}", execution.result, execution.stderr());
    for stream in STREAMS {
        let expected = script.expected(stream);
        assert!(execution.bytes(stream) == expected, "{stream} is not what was written");
        assert_eq!(execution.result[stream], json!({"bytes": expected.len(), "truncated": false}));
        assert_pieces(execution, stream, &expected, max_chunk_bytes);
    }
    assert!(!execution.methods.iter().any(|method| method == "execution/outputGap"));
}

fn assert_pieces(execution: &Execution, stream: &str, written: &[u8], max_chunk_bytes: usize) {
    let within = within_characters(written);
    for piece in execution.pieces.iter().filter(|piece| piece["stream"] == stream && piece["data"].is_string()) {
        let offset = usize::try_from(piece["offset"].as_u64().unwrap()).unwrap();
        let length = match piece["encoding"].as_str() {
            Some("utf8") => piece["data"].as_str().unwrap().len(),
            _ => piece["data"].as_str().unwrap().trim_end_matches('=').len() * 3 / 4,
        };
        assert!((1..=max_chunk_bytes).contains(&length), "{length} bytes in a piece");
        assert!(!within.contains(&offset), "{stream} is cut within a character at {offset}");
        let is_text = std::str::from_utf8(&written[offset..offset + length]).is_ok();
        assert_eq!(piece["encoding"] == "utf8", is_text, "at {offset} of {stream}");
    }
}

#[test]
fn what_a_program_writes_arrives_whole_in_order_and_before_the_answer() {
    for setup in Setup::users() {
        let client = setup.initialized();
        holds(client, 16, Script::any(300 << 10), |client, session, script| {
            let execution = client.execute(session, script.source());
            assert_whole(&execution, &script, 65_536);
        });
    }
}

#[test]
fn no_piece_is_longer_than_was_agreed() {
    for max_chunk_bytes in [1024, 4096 + 1] {
        let client = with_chunks(Setup::default(), max_chunk_bytes);
        holds(client, 8, Script::any(100 << 10), move |client, session, script| {
            let execution = client.execute(session, script.source());
            assert_whole(&execution, &script, usize::try_from(max_chunk_bytes).unwrap());
        });
    }
}

#[test]
fn executions_at_the_same_time_do_not_mix() {
    let scripts = prop::collection::vec(Script::any(60 << 10), 2..6);
    holds(Client::initialized(), 12, scripts, |client, session, scripts| {
        let ids: Vec<_> = scripts
            .iter()
            .map(|script| {
                client.send_request("session/execute", json!({"sessionId": session, "source": script.source()}))
            })
            .collect();
        for (id, script) in ids.into_iter().zip(&scripts) {
            assert_whole(&client.finished(id), script, 65_536);
        }
    });
}

#[test]
fn a_limit_on_output_cuts_it_off_and_counts_the_rest() {
    let case = (Script::any(80 << 10), 0u64..100_000);
    holds(Client::initialized(), 20, case, |client, session, (script, limit)| {
        let execution = client.execute_with(json!({
            "sessionId": session, "source": script.source(), "limits": {"outputBytes": limit},
        }));
        // The program is not told, and runs to its end.
        assert_eq!((execution.outcome(), execution.exit_code()), ("ok", Some(0)), "{}", execution.result);
        let mut passed = 0;
        let mut total = 0;
        for stream in STREAMS {
            let expected = script.expected(stream);
            let bytes = execution.bytes(stream);
            assert!(expected.starts_with(bytes), "{stream} is not the beginning of what was written");
            let cut = bytes.len() < expected.len();
            assert_eq!(execution.result[stream], json!({"bytes": expected.len(), "truncated": cut}));
            let gaps: Vec<&Value> = execution.pieces.iter().filter(|piece| is_gap(piece, stream)).collect();
            assert_eq!(gaps.len(), usize::from(cut), "{gaps:?}");
            for gap in gaps {
                assert_eq!(gap["offset"], bytes.len());
                assert_eq!(gap["lostBytes"], expected.len() - bytes.len());
                assert_eq!(gap["reason"], "outputLimit");
            }
            assert_pieces(&execution, stream, &expected, 65_536);
            passed += bytes.len() as u64;
            total += expected.len() as u64;
        }
        assert!(passed <= limit, "{passed} bytes passed on");
        // What is cut within a character is not passed on, and that in each of the two streams.
        assert!(passed == total || passed + 2 * 3 >= limit, "{passed} of {total} bytes passed on");
    });
}

fn is_gap(piece: &Value, stream: &str) -> bool {
    piece["stream"] == stream && piece.get("lostBytes").is_some()
}

#[test]
fn a_program_is_killed_for_its_output_if_that_was_asked_for() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let execution = client.execute_with(json!({
        "sessionId": session, "source": {"program": "yes"},
        "limits": {"outputBytes": 100_001, "onOutputLimit": "kill"},
    }));
    assert_eq!(execution.outcome(), "outputLimit", "{}", execution.result);
    assert_eq!(execution.result["signal"], "SIGKILL");
    assert_eq!(execution.result["stdout"]["truncated"], true);
    assert_eq!(execution.bytes("stdout").len(), 100_001);
    assert!(execution.lost["stdout"] > 0);
    let execution = client.execute_with(json!({
        "sessionId": session, "source": {"program": "printf", "args": ["12345"]},
        "limits": {"outputBytes": 5, "onOutputLimit": "kill"},
    }));
    assert_eq!((execution.outcome(), execution.stdout().as_str()), ("ok", "12345"));
}

#[test]
fn a_client_that_takes_base64_alone_gets_nothing_else() {
    let mut client = Client::spawn();
    let mut params = initialize_params();
    params["capabilities"]["experimental"]["codebeaker"]["features"]["streaming"] = json!({"encodings": ["base64"]});
    client.request("initialize", params);
    let session = client.create_session(json!({}));
    let execution = client.execute(&session, json!({"program": "printf", "args": ["h\u{e9}llo"]}));
    assert_eq!(execution.stdout(), "h\u{e9}llo");
    assert!(execution.pieces.iter().all(|piece| piece["encoding"] == "base64"), "{:?}", execution.pieces);
}

#[test]
fn what_outlives_the_program_does_not_hold_its_end_up_and_loses_nothing_that_it_printed() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({"language": "bash"}));
    let code = "setsid sh -c 'trap \"\" HUP INT TERM; echo child; touch printed; exec sleep 600' &\n\
                until [ -e printed ]; do sleep 0.01; done; echo parent";
    let execution = client.execute(&session, json!({"code": code}));
    assert_eq!(execution.outcome(), "ok");
    assert_eq!(execution.stdout(), "child\nparent\n");
    let execution = client.execute(&session, json!({"code": "for p in /proc/[0-9]*; do cat $p/comm; done"}));
    assert!(!execution.stdout().contains("sleep"), "{}", execution.stdout());
}

#[test]
fn a_terminal_is_one_stream() {
    let script = Script::any(20 << 10);
    holds(Client::initialized(), 6, script, |client, session, script| {
        let execution = client.execute_with(json!({
            "sessionId": session, "stdin": "pty",
            "source": {"program": "sh", "args": ["-c", "stty raw; exec python3 -c \"$0\"", script.source()["code"]]},
        }));
        assert_eq!(execution.outcome(), "ok", "{}", execution.pty());
        assert!(execution.pieces.iter().all(|piece| piece["stream"] == "pty"));
        let [stdout, stderr] = STREAMS.map(|stream| script.expected(stream));
        assert_eq!(execution.bytes("pty").len(), stdout.len() + stderr.len());
        if stderr.is_empty() {
            assert!(execution.bytes("pty") == stdout);
            assert_pieces(&execution, "pty", &stdout, 65_536);
        }
    });
}
