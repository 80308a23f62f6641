//! Engines that end in the middle, and come back.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use super::bash;
use crate::harness::dockerd::Dockerd;
use crate::harness::skip::skip;
use crate::harness::{Place, Setup};

fn an_engine_that_goes(place: Place, signal: Signal) {
    let mut dockerd = match Dockerd::start("codebeaker/python:latest", place.engine()) {
        Ok(dockerd) => dockerd,
        Err(reason) => return skip(&reason),
    };
    let mut client = Setup::default().engine(dockerd.engine()).initialized();
    let session = place.session(&mut client, json!({}));
    let (id, execution) = client.begin(json!({"sessionId": session, "source": bash("echo before; exec sleep 600")}));
    client.wait_for_output(&execution, "before");
    dockerd.stop(signal);
    let ended = client.finished(id);
    assert_eq!((ended.outcome(), ended.stdout().as_str()), ("lost", "before\n"), "{}", ended.result);
    client.claim("closed", |message| {
        message["params"]["sessionId"] == session.as_str() && message["params"]["to"] == "closing"
    });
    client.claim("closed", |message| {
        message["params"]["sessionId"] == session.as_str() && message["params"]["to"] == "closed"
    });
    // While there is none, that is said at once, with what to do about it.
    let error = client.call("session/create", place.wish(json!({}))).unwrap_err();
    assert!([1200, 1205].contains(&error["code"].as_i64().unwrap()), "{error}");
    assert!(error["data"]["hint"].is_string() || error["data"]["retryable"] == true, "{error}");
    dockerd.start_again();
    let deadline = Instant::now() + Duration::from_secs(60);
    let next = loop {
        match client.call("session/create", place.wish(json!({}))) {
            Ok(session) => break session["sessionId"].as_str().unwrap().to_owned(),
            Err(error) => assert!(Instant::now() < deadline, "it is not found again: {error}"),
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    assert_eq!(client.execute(&next, bash("echo and after")).stdout(), "and after\n");
    drop(client);
    let left = dockerd.engine().order(&["ps", "--all", "--format", "{{.Names}} {{.Status}}"]);
    assert_eq!(left, "", "left behind");
}

pub(crate) fn an_engine_that_restarts_in_the_middle_is_told_and_found_again(place: Place) {
    an_engine_that_goes(place, Signal::TERM);
}

pub(crate) fn an_engine_that_is_killed_in_the_middle_is_told_and_found_again(place: Place) {
    an_engine_that_goes(place, Signal::KILL);
}
