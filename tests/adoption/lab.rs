//! Daemons that leave a session, and what is asked of the next.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Client, Place, eventually};

/// How a daemon ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With `shutdown` and `exit`.
    Clean,
    /// By a signal that it can't answer.
    Killed,
}

pub(crate) const ENDS: [End; 2] = [End::Killed, End::Clean];

/// A daemon that may leave containers.
pub(crate) fn daemon(place: Place) -> Client {
    let mut client = place.client();
    client.leave_containers();
    client
}

pub(crate) fn persistent(place: Place, client: &mut Client, more: Value) -> Value {
    let mut wish = place.wish(json!({"persist": "untilClosed", "minIsolation": "container"}));
    wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.request("session/create", wish)
}

pub(crate) fn id_of(session: &Value) -> String {
    session["sessionId"].as_str().unwrap().to_owned()
}

/// Ends a daemon, and returns its process id.
pub(crate) fn end(mut client: Client, how: End) -> u32 {
    let pid = client.pid();
    client.allow_unclaimed();
    if how == End::Killed {
        client.expect_signal(Signal::KILL);
        client.signal(Signal::KILL);
    }
    drop(client);
    pid
}

/// The containers of sessions that a daemon has made.
pub(crate) fn left_by(place: Place, daemon: u32) -> Vec<String> {
    let of_sessions = place.engine().order(&["ps", "--filter", "label=codebeaker.session", "--format", "{{.Names}}"]);
    let mut own = place.engine().containers_of(daemon);
    own.retain(|name| of_sessions.lines().any(|of_session| of_session == name));
    own
}

/// Waits until a daemon has taken up these sessions and no others: on a loaded machine that may take it longer than it
/// has its client wait.
pub(crate) fn takes_up(client: &mut Client, expected: &[&str]) {
    let deadline = std::time::Instant::now() + crate::harness::DEADLINE;
    while sessions(client) != expected {
        assert!(std::time::Instant::now() < deadline, "it has {:?}, not {expected:?}", sessions(client));
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// The sessions that a daemon has, by their ids.
pub(crate) fn sessions(client: &mut Client) -> Vec<String> {
    let list = client.request("session/list", json!({}));
    list["sessions"].as_array().unwrap().iter().map(id_of).collect()
}

/// Begins a program and doesn't wait for its end. Returns its id.
pub(crate) fn start(client: &mut Client, mut params: Value) -> String {
    params["wait"] = false.into();
    let (request, execution) = client.begin(params);
    client.response(request).expect("it runs");
    execution
}

/// Waits until a daemon's containers are gone.
pub(crate) fn nothing_is_left(place: Place, daemon: u32) {
    eventually("no container is left", || place.engine().containers_of(daemon).is_empty());
}

/// What is told of an execution by a stream, from where the gap ends: the size of the gap, and the text.
pub(crate) fn heard(client: &mut Client, execution: &str, until: &str) -> (u64, String) {
    let of =
        |message: &Value, method: &str| message["method"] == method && message["params"]["executionId"] == execution;
    let gap = client.claim("what was lost", |message| of(message, "execution/outputGap")).message;
    assert_eq!(gap["params"]["reason"], "daemonEnded", "{gap}");
    assert_eq!((&gap["params"]["seq"], &gap["params"]["offset"]), (&json!(0), &json!(0)), "{gap}");
    let lost = gap["params"]["lostBytes"].as_u64().unwrap();
    client.wait_for_output(execution, until);
    let mut text = String::new();
    for (index, piece) in client.claim_all(|received| of(&received.message, "execution/output")).into_iter().enumerate()
    {
        let piece = &piece.message["params"];
        assert_eq!(piece["seq"], index + 1, "{piece}");
        assert_eq!(piece["offset"], lost + text.len() as u64, "{piece}");
        text.push_str(piece["data"].as_str().unwrap());
    }
    (lost, text)
}
