//! Daemons that are killed, and daemons beside each other.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::bash;
use crate::harness::{Client, Place, eventually};

/// What a daemon is busy with when its end comes.
#[derive(Debug, Clone, Copy)]
enum State {
    Creating,
    Idle,
    Running,
    Loud,
    Debugging,
}

const STATES: [State; 5] = [State::Creating, State::Idle, State::Running, State::Loud, State::Debugging];

fn bring(place: Place, state: State) -> Client {
    let mut client = place.client();
    client.allow_unclaimed();
    if matches!(state, State::Creating) {
        for _ in 0..3 {
            client.send_request("session/create", place.wish(json!({})));
        }
        // As soon as the engine knows of one.
        eventually("a container is made", || !place.engine().containers_of(client.pid()).is_empty());
        return client;
    }
    let session = place.session(&mut client, json!({}));
    let stubborn = "trap '' HUP INT TERM; echo ready; setsid sleep 600 & while :; do sleep 0.1; done";
    let execute = |source: Value| json!({"sessionId": session, "source": source});
    match state {
        State::Creating | State::Idle => {}
        State::Running => {
            let (_, execution) = client.begin(execute(bash(stubborn)));
            client.wait_for_output(&execution, "ready");
        }
        State::Loud => {
            let (_, execution) = client.begin(execute(bash("echo ready; exec yes")));
            client.wait_for_output(&execution, "ready");
            client.stop_reading();
        }
        State::Debugging => {
            client.request("fs/write", json!({"sessionId": session, "path": "main.py", "data": "while True: pass\n"}));
            let debug = client.request("debug/start", json!({"sessionId": session}))["debugId"].clone();
            let mut send = |seq: u64, command: &str, arguments: Value| {
                let message = json!({"seq": seq, "type": "request", "command": command, "arguments": arguments});
                client.notify("debug/message", json!({"debugId": debug, "message": message}));
            };
            send(1, "initialize", json!({"adapterID": "codebeaker"}));
            send(2, "launch", json!({"program": "/workspace/main.py", "stopOnEntry": true}));
            client.wait_for("initialized", |message| message["params"]["message"]["event"] == "initialized");
            let message = json!({"seq": 3, "type": "request", "command": "configurationDone", "arguments": {}});
            client.notify("debug/message", json!({"debugId": debug, "message": message}));
            client.wait_for("stopped", |message| message["params"]["message"]["event"] == "stopped");
        }
    }
    client
}

pub(crate) fn nothing_is_left_of_a_daemon_that_is_killed_in_any_state(place: Place) {
    for state in STATES {
        let mut client = bring(place, state);
        let pid = client.pid();
        client.expect_signal(Signal::KILL);
        client.signal(Signal::KILL);
        client.wait();
        // Of one that was being made the engine may know and nobody else: the next daemon does.
        let next = place.client();
        let what = format!("no container of a daemon that was killed in {state:?} is left");
        eventually(&what, || place.engine().containers_of(pid).is_empty());
        drop(next);
        drop(client);
    }
}

pub(crate) fn what_a_daemon_could_not_remove_the_next_one_does(place: Place) {
    let mut client = place.client();
    let pid = client.pid();
    let before = place.engine().containers_of(pid);
    place.session(&mut client, json!({}));
    let container = place.engine().containers_of(pid).into_iter().find(|name| !before.contains(name)).unwrap();
    // Its agent is stopped, and so doesn't notice that its stream has ended.
    place.engine().order(&["pause", &container]);
    client.allow_unclaimed();
    client.expect_signal(Signal::KILL);
    client.signal(Signal::KILL);
    client.wait();
    assert!(place.engine().containers_of(pid).contains(&container), "it went by itself, and so shows nothing");
    let next = place.client();
    eventually("the next daemon removes it", || place.engine().containers_of(pid).is_empty());
    drop(next);
}

pub(crate) fn two_daemons_on_one_engine_leave_each_other_alone(place: Place) {
    let mut one = place.client();
    let session = place.session(&mut one, json!({}));
    one.request("fs/write", json!({"sessionId": session, "path": "mark", "data": "of one"}));
    // One that starts, works, and ends; and one that is killed.
    for killed in [false, true] {
        let mut other = place.client();
        let others = place.session(&mut other, json!({}));
        assert_eq!(other.request("session/list", json!({}))["sessions"].as_array().unwrap().len(), 1);
        assert_eq!(other.call("session/get", json!({"sessionId": session})).unwrap_err()["code"], 1100);
        assert_eq!(other.execute(&others, bash("echo *")).stdout(), "*\n");
        if killed {
            other.expect_signal(Signal::KILL);
            other.signal(Signal::KILL);
        }
    }
    assert_eq!(one.request("fs/read", json!({"sessionId": session, "path": "mark"}))["data"], "of one");
    assert_eq!(one.execute(&session, json!({"program": "true"})).outcome(), "ok");
}
