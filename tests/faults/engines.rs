//! Engines that hang, have no room, or end in the middle, and come back.
//!
//! All of it befalls one engine after the other: it is the engine's start that takes long.

use std::fs::{self, File};
use std::io::Write;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::bash;
use crate::harness::dockerd::Dockerd;
use crate::harness::engine::RUNSC;
use crate::harness::skip::{note, skip};
use crate::harness::{Client, DEADLINE, Place, Setup, eventually};

/// Room for the image while it is loaded, which it is twice then, and little more.
const MIB: u64 = 1100;

/// What befalls an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It answers nobody, and closes no connection.
    Hang,
    /// It is stopped as its owner does it, and ends its containers.
    Stop,
    /// It is killed, with its containers left as they are.
    Kill,
}

/// A session in this place, and the request that runs something in it.
struct Busy {
    place: Place,
    session: String,
    request: i64,
}

fn busy(place: Place, client: &mut Client) -> Busy {
    let session = place.session(client, json!({}));
    let (request, execution) =
        client.begin(json!({"sessionId": session, "source": bash("echo before; exec sleep 600")}));
    client.wait_for_output(&execution, "before");
    Busy { place, session, request }
}

/// All that a client is told of a session whose engine is gone.
fn told(client: &mut Client, Busy { place, session, request }: &Busy) {
    let ended = client.finished(*request);
    assert_eq!((ended.outcome(), ended.stdout().as_str()), ("lost", "before\n"), "{place:?}: {}", ended.result);
    for to in ["closing", "closed"] {
        let told = client.claim(to, |message| {
            message["method"] == "session/stateChanged"
                && message["params"]["sessionId"] == session.as_str()
                && message["params"]["to"] == to
        });
        assert_eq!(told.message["params"]["reason"], "runtimeLost", "{place:?}: {}", told.message);
    }
    let error = client.call("fs/list", json!({"sessionId": session})).unwrap_err();
    assert!([1101, 1205].contains(&error["code"].as_i64().unwrap()), "{error}");
}

/// An engine that answers nobody, until this is dropped.
struct Hung<'a>(&'a Dockerd);

impl<'a> Hung<'a> {
    fn new(dockerd: &'a Dockerd) -> Self {
        dockerd.signal(Signal::STOP);
        Self(dockerd)
    }
}

impl Drop for Hung<'_> {
    fn drop(&mut self) {
        self.0.signal(Signal::CONT);
    }
}

/// What was asked while the engine was there, and is waited for, can be asked again elsewhere.
fn hangs(dockerd: &Dockerd, client: &mut Client, sessions: &[Busy]) {
    let (hung, since) = (Hung::new(dockerd), Instant::now());
    let asked = sessions.iter().map(|busy| client.send_request("fs/list", json!({"sessionId": busy.session})));
    for id in asked.collect::<Vec<_>>() {
        let error = client.response(id).unwrap_err();
        assert_eq!((&error["code"], &error["data"]["retryable"]), (&json!(1205), &json!(true)), "{error}");
    }
    println!("lost within {:?}", since.elapsed());
    is_away(client, sessions);
    drop(hung);
}

fn is_away(client: &mut Client, sessions: &[Busy]) {
    for session in sessions {
        told(client, session);
    }
    // While there is none, that is said at once, with what to do about it.
    let error = client.call("session/create", sessions[0].place.wish(json!({}))).unwrap_err();
    assert!([1200, 1205].contains(&error["code"].as_i64().unwrap()), "{error}");
    assert!(error["data"]["hint"].is_string() || error["data"]["retryable"] == true, "{error}");
}

/// Makes a session as soon as that is possible again, and works in it.
fn works_again(client: &mut Client, place: Place, wish: &Value) {
    let deadline = Instant::now() + DEADLINE;
    let next = loop {
        match client.call("session/create", place.wish(wish.clone())) {
            Ok(session) => break session["sessionId"].as_str().unwrap().to_owned(),
            Err(error) => assert!(Instant::now() < deadline, "{place:?} is not found again: {error}"),
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    };
    assert_eq!(client.execute(&next, bash("echo and after")).stdout(), "and after\n");
    client.request("session/close", json!({"sessionId": next}));
}

pub(crate) fn an_engine_that_hangs_or_ends_in_the_middle_is_told_and_found_again(place: Place) {
    let mut dockerd = match Dockerd::start("codebeaker/python:latest", place.engine(), MIB) {
        Ok(dockerd) => dockerd,
        Err(reason) => return skip(&reason),
    };
    let mut places = vec![place];
    if place.engine().has_runtime(RUNSC) {
        places.push(Place::Gvisor);
    } else {
        skip("the part in gVisor, because the engine has no OCI runtime runsc");
    }
    // Whichever container there is is a session's.
    let settings = tempfile::NamedTempFile::new().expect("a file can be made");
    fs::write(&settings, "[docker.pool]\nsize = 0\n").expect("it is ours");
    let setup = Setup::default().engine(dockerd.engine()).arg("--config").arg(settings.path());
    let mut client = setup.initialized();
    client.allow_unclaimed();
    let unhurt = place.session(&mut client, json!({}));
    has_no_room(&dockerd, &mut client, place, &unhurt);
    client.request("session/close", json!({"sessionId": unhurt}));
    for fault in [Fault::Hang, Fault::Stop, Fault::Kill] {
        println!("== {fault:?}");
        let sessions: Vec<Busy> = places.iter().map(|place| busy(*place, &mut client)).collect();
        let since = Instant::now();
        match fault {
            Fault::Hang => hangs(&dockerd, &mut client, &sessions),
            Fault::Stop | Fault::Kill => {
                dockerd.stop(if fault == Fault::Stop { Signal::TERM } else { Signal::KILL });
                is_away(&mut client, &sessions);
            }
        }
        println!("told within {:?}", since.elapsed());
        if fault != Fault::Hang {
            dockerd.start_again();
        }
        for place in &places {
            works_again(&mut client, *place, &json!({}));
        }
    }
    half_removed_is_gone(&dockerd);
    drop(client);
    eventually("nothing is left", || containers(&dockerd).trim().is_empty());
}

fn containers(dockerd: &Dockerd) -> String {
    dockerd.engine().order(&["ps", "--all", "--format", "{{.Names}}"])
}

/// What has lost its name, as a container does when the end of its engine breaks off its removal.
fn nameless(dockerd: &Dockerd) -> Vec<String> {
    let all = dockerd.engine().order(&["ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}}"]);
    let lines = all.lines().map(str::trim_end);
    lines.filter(|line| !line.contains(' ')).map(str::to_owned).collect()
}

/// What has lost its name is removed once more.
fn half_removed_is_gone(dockerd: &Dockerd) {
    let deadline = Instant::now() + DEADLINE;
    while Instant::now() < deadline && !nameless(dockerd).is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    for container in nameless(dockerd) {
        let state =
            dockerd.engine().ask(&["inspect", "--format", "{{json .State}} {{json .Config.Labels}}", &container]);
        match dockerd.engine().ask(&["rm", "--force", &container]) {
            Ok(_) => panic!("it was given up, and could be removed: {state:?}"),
            Err(why) => note(&format!("the engine can't remove what it had half removed: {why}; {state:?}")),
        }
    }
}

/// The disk of an engine is full.
fn has_no_room(dockerd: &Dockerd, client: &mut Client, place: Place, session: &str) {
    let filler = dockerd.data().join("filler");
    let mut file = File::create(&filler).expect("the directory is ours");
    while file.write_all(&[1; 1 << 16]).is_ok() {}
    while file.write_all(&[1; 64]).is_ok() {}
    let before = dockerd.engine().order(&["ps", "--all", "--quiet"]);
    // Of a kind that nothing waits for.
    let wish = json!({"limits": {"pids": 77}});
    let error = client.call("session/create", place.wish(wish.clone())).unwrap_err();
    println!("{error}");
    assert!(error["message"].as_str().unwrap().contains("no space left"), "{error}");
    assert!(error["data"]["hint"].as_str().is_some_and(|hint| hint.contains("docker system prune")), "{error}");
    // What stands already is none the worse.
    assert_eq!(client.execute(session, bash("echo still here")).stdout(), "still here\n");
    let after = dockerd.engine().order(&["ps", "--all", "--quiet"]);
    let new: Vec<&str> = after.lines().filter(|container| !before.contains(container)).collect();
    assert_eq!(new, [""; 0], "left behind");
    drop(file);
    fs::remove_file(filler).expect("it is ours");
    works_again(client, place, &wish);
}
