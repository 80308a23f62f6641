//! Containers that come to an end by somebody else.

use serde_json::json;

use super::bash;
use crate::harness::{Client, Place};

/// A session with a program in it that has printed something, its container, and the request.
fn running(place: Place, client: &mut Client) -> (String, String, i64) {
    let before = place.engine().containers_of(client.pid());
    let session = place.session(client, json!({}));
    let (id, execution) = client.begin(json!({"sessionId": session, "source": bash("echo before; exec sleep 600")}));
    client.wait_for_output(&execution, "before");
    let mut containers = place.engine().containers_of(client.pid());
    // One that the daemon tries things out with comes and goes.
    containers.retain(|name| !before.contains(name) && is_running(place, name, "sleep"));
    let [container] = &containers[..] else { panic!("{containers:?}") };
    (session, container.clone(), id)
}

/// Whether something of this name runs in a container.
fn is_running(place: Place, container: &str, name: &str) -> bool {
    let pid = place.engine().ask(&["inspect", "--format", "{{.State.Pid}}", container]).unwrap_or_default();
    let below = pid.parse().map(crate::harness::leftovers::descendants).unwrap_or_default();
    // What runs in gVisor shows as nothing that has a name.
    place == Place::Gvisor
        || below.iter().any(|process| {
            std::fs::read_to_string(format!("/proc/{}/comm", process.pid)).is_ok_and(|comm| comm.trim() == name)
        })
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
    let (session, container, id) = running(place, &mut client);
    place.engine().order(&[how, &[&container]].concat());
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
