//! Daemons that end while containers come and go: tried out, made ready, made for sessions, used, removed.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::bash;
use crate::harness::{Client, Place, eventually};

/// What a daemon is busy with when its end comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Trying,
    Filling,
    Ready,
    Creating,
    Running,
    Closing,
}

const STATES: [State; 6] =
    [State::Trying, State::Filling, State::Ready, State::Creating, State::Running, State::Closing];

/// How it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Shutdown,
    InputCloses,
    Terminate,
    Kill,
}

/// A daemon that makes some ready, waits for its end as long as that takes, and is in this state.
fn bring(place: Place, state: State) -> Client {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = directory.path().join("config.toml");
    let patience = "[timeouts]\nstop-grace = \"60s\"\n[docker.pool]\nsize = 2\ntotal = 2\n";
    fs::write(&settings, patience).expect("the directory is ours");
    let mut client = place.setup().arg("--config").arg(&settings).initialized();
    client.allow_unclaimed();
    let (engine, pid) = (place.engine(), client.pid());
    let made = |what: &str, count: usize| eventually(what, || engine.containers_of(pid).len() >= count);
    match state {
        // By itself, soon after it has started.
        State::Trying => made("a container is tried out", 1),
        State::Creating => {
            for _ in 0..4 {
                client.send_request("session/create", place.wish(json!({})));
            }
            made("a container is made", 1);
        }
        State::Filling => {
            place.session(&mut client, json!({}));
            made("another is made", 2);
        }
        State::Ready => {
            place.session(&mut client, json!({}));
            eventually("two are ready", || ready(place, &mut client) == 2);
        }
        State::Running => {
            let session = place.session(&mut client, json!({}));
            let stubborn = "trap '' HUP INT TERM; echo ready; setsid sleep 600 & while :; do sleep 0.1; done";
            let (_, execution) = client.begin(json!({"sessionId": session, "source": bash(stubborn)}));
            client.wait_for_output(&execution, "ready");
        }
        State::Closing => {
            let sessions: Vec<String> = (0..3).map(|_| place.session(&mut client, json!({}))).collect();
            for session in sessions {
                client.send_request("session/close", json!({"sessionId": session}));
            }
        }
    }
    client
}

fn ready(place: Place, client: &mut Client) -> u64 {
    let runtimes = client.request("runtime/list", json!({}))["runtimes"].clone();
    let runtime = runtimes.as_array().unwrap().iter().find(|runtime| runtime["id"] == place.runtime()).unwrap();
    runtime["machines"][0]["ready"].as_u64().unwrap()
}

fn nothing_is_left(place: Place, end: End) {
    for state in STATES {
        let mut client = bring(place, state);
        let pid = client.pid();
        match end {
            End::Shutdown => {
                assert_eq!(client.call("shutdown", Value::Null), Ok(Value::Null));
                client.notify("exit", Value::Null);
                client.expect_code(0);
            }
            End::InputCloses => {
                client.close_input();
                client.expect_code(1);
            }
            End::Terminate => {
                client.signal(Signal::TERM);
                client.expect_code(1);
            }
            End::Kill => {
                client.signal(Signal::KILL);
                client.expect_signal(Signal::KILL);
            }
        }
        client.wait();
        let left = || place.engine().containers_of(pid);
        if end == End::Kill {
            // The engine may go on making what it was asked for.
            let next = place.client();
            eventually(&format!("nothing is left of one that was killed in {state:?}"), || left().is_empty());
            drop(next);
        } else {
            assert_eq!(left(), [""; 0], "left by one that ended by {end:?} in {state:?}");
        }
    }
}

pub(crate) fn nothing_is_left_at_the_end_that_a_client_asks_for(place: Place) {
    nothing_is_left(place, End::Shutdown);
}

pub(crate) fn nothing_is_left_when_the_client_goes(place: Place) {
    nothing_is_left(place, End::InputCloses);
}

pub(crate) fn nothing_is_left_after_a_signal(place: Place) {
    nothing_is_left(place, End::Terminate);
}

pub(crate) fn nothing_is_left_once_the_next_daemon_has_looked(place: Place) {
    nothing_is_left(place, End::Kill);
}
