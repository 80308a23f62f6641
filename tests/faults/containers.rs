//! Containers that come to an end by somebody else.

use serde_json::json;

use super::bash;
use crate::harness::{Client, Place};

/// A session with a program in it that has printed something, the containers that were made meanwhile, and the request.
fn running(place: Place, client: &mut Client) -> (String, Vec<String>, i64) {
    let before = place.engine().containers_of(client.pid());
    // Of a kind of its own: one that was made ready before would be among those of before.
    let session = place.session(client, json!({"limits": {"pids": 77}}));
    let (id, execution) = client.begin(json!({"sessionId": session, "source": bash("echo before; exec sleep 600")}));
    client.wait_for_output(&execution, "before");
    // Besides the session's own those that the daemon tries things out with, or keeps ready.
    let mut containers = place.engine().containers_of(client.pid());
    containers.retain(|name| !before.contains(name));
    (session, containers, id)
}

fn lost(client: &mut Client, session: &str, id: i64) {
    let ended = client.finished(id);
    assert_eq!((ended.outcome(), ended.stdout().as_str()), ("lost", "before\n"), "{}", ended.result);
    for to in ["closing", "closed"] {
        let told = client.claim(to, |message| {
            message["method"] == "session/stateChanged"
                && message["params"]["sessionId"] == session
                && message["params"]["to"] == to
        });
        assert_eq!(told.message["params"]["reason"], "runtimeLost", "{}", told.message);
    }
    let error = client.call("fs/list", json!({"sessionId": session})).unwrap_err();
    assert!([1101, 1205].contains(&error["code"].as_i64().unwrap()), "{error}");
}

fn a_container_that_goes(place: Place, how: &[&str]) {
    let mut client = place.client();
    let other = place.session(&mut client, json!({}));
    let (session, containers, id) = running(place, &mut client);
    for container in &containers {
        // One that is not the session's may have gone by itself.
        println!("{how:?} {container}: {:?}", place.engine().ask(&[how, &[container]].concat()));
    }
    lost(&mut client, &session, id);
    let execution = client.execute(&other, json!({"program": "echo", "args": ["still here"]}));
    assert_eq!(execution.stdout(), "still here\n", "another session lives on");
    let next = place.session(&mut client, json!({}));
    assert_eq!(client.execute(&next, json!({"program": "true"})).outcome(), "ok");
}

pub(crate) fn a_container_that_is_killed_from_outside_is_told(place: Place) {
    a_container_that_goes(place, &["kill"]);
}

pub(crate) fn a_container_that_is_removed_from_outside_is_told(place: Place) {
    a_container_that_goes(place, &["rm", "--force"]);
}

pub(crate) fn a_full_disk_ends_no_session(place: Place) {
    let mut client = place.client();
    let session = place.session(&mut client, json!({"limits": {"diskBytes": 8 << 20}}));
    let fill = "for place in /workspace /tmp /dev/shm /run/codebeaker; do \
                head -c 64000000 /dev/zero > $place/full; echo $?; done 2>/dev/null";
    let execution = client.execute(&session, json!({"program": "bash", "args": ["-c", fill]}));
    let codes = execution.stdout();
    assert!(!codes.is_empty() && codes.lines().all(|code| code != "0"), "{codes}");
    let error = client.call("fs/write", json!({"sessionId": session, "path": "x", "data": "x".repeat(1 << 20)}));
    assert_eq!(error.unwrap_err()["code"], 1508);
    // What is run without a file of its own still runs, and what was written can be removed again.
    let execution = client.execute(&session, json!({"program": "echo", "args": ["still here"]}));
    assert_eq!(execution.stdout(), "still here\n", "{}", execution.result);
    client.execute(&session, json!({"program": "rm", "args": ["/tmp/full", "/dev/shm/full", "/run/codebeaker/full"]}));
    client.request("fs/remove", json!({"sessionId": session, "path": "full"}));
    let execution = client.execute(&session, json!({"code": "print('and code as well')"}));
    assert_eq!(execution.stdout(), "and code as well\n", "{}", execution.result);
}
