//! Daemons beside each other, and containers that are none of a daemon's business.

use std::process::Command;

use rustix::process::Signal;
use serde_json::json;

use crate::harness::client::initialize_params;
use crate::harness::{Client, Place, eventually};
use crate::lab::{End, daemon, end, id_of, nothing_is_left, persistent, sessions, start, takes_up};

pub(crate) fn of_two_daemons_one_gets_it_and_the_other_harms_nothing(place: Place) {
    let mut first = daemon(place);
    let session = id_of(&persistent(place, &mut first, json!({"clientToken": "token"})));
    let source = json!({"program": "sleep", "args": ["600"]});
    let running = start(&mut first, json!({"sessionId": session, "source": source}));
    let pid = end(first, End::Killed);

    let mut rivals: Vec<Client> = (0..3).map(|_| place.setup().spawn()).collect();
    for rival in &mut rivals {
        rival.leave_containers();
        rival.allow_unclaimed();
        rival.initialize();
    }
    // All have had what they could get once one of them has it and has told the others so.
    let deadline = std::time::Instant::now() + crate::harness::DEADLINE;
    let (mut winners, losers) = loop {
        let (has, has_not): (Vec<_>, Vec<_>) =
            rivals.into_iter().map(|mut rival| (sessions(&mut rival), rival)).partition(|(has, _)| !has.is_empty());
        if !has.is_empty() {
            break (has, has_not);
        }
        assert!(std::time::Instant::now() < deadline, "nobody takes it up");
        rivals = has_not.into_iter().map(|(_, rival)| rival).collect();
    };
    assert_eq!((winners.len(), losers.len()), (1, 2));
    let (_, mut winner) = winners.remove(0);
    for ((_, mut loser), how) in losers.into_iter().zip([End::Clean, End::Killed]) {
        assert_eq!(
            loser.call("session/get", json!({"sessionId": session})).unwrap_err()["data"]["kind"],
            "SessionNotFound"
        );
        end(loser, how);
    }
    let known = winner.request("execution/get", json!({"executionId": running}));
    assert_eq!(known["state"], "running", "{known}");
    assert_eq!(winner.execute(&session, json!({"program": "echo", "args": ["here"]})).stdout(), "here\n");
    // It is left again, and taken up at once by one that was not there before.
    end(winner, End::Killed);
    let mut last = daemon(place);
    last.allow_unclaimed();
    takes_up(&mut last, &[&session]);
    last.request("session/close", json!({"sessionId": session}));
    drop(last);
    nothing_is_left(place, pid);
}

pub(crate) fn what_another_has_or_may_want_is_let_be(place: Place) {
    let mut first = daemon(place);
    first.allow_unclaimed();
    let session = id_of(&persistent(place, &mut first, json!({"clientToken": "token"})));
    // Its daemon lives.
    let mut beside = daemon(place);
    assert_eq!(sessions(&mut beside), Vec::<String>::new());
    let own = id_of(&persistent(place, &mut beside, json!({"clientToken": "token"})));
    assert_ne!(own, session);
    beside.request("session/close", json!({"sessionId": own}));
    end(beside, End::Clean);
    assert_eq!(first.execute(&session, json!({"program": "echo", "args": ["here"]})).stdout(), "here\n");
    let pid = first.pid();
    first.expect_signal(Signal::KILL);
    first.signal(Signal::KILL);
    drop(first);
    // Another client's daemon is not the one that it was left to.
    let mut other = place.setup().spawn();
    let mut params = initialize_params();
    params["clientInfo"]["name"] = "another editor".into();
    other.request("initialize", params);
    other.notify("initialized", json!({}));
    assert_eq!(sessions(&mut other), Vec::<String>::new());
    drop(other);
    let mut next = daemon(place);
    next.allow_unclaimed();
    takes_up(&mut next, &[&session]);
    next.request("session/close", json!({"sessionId": session}));
    drop(next);
    nothing_is_left(place, pid);
}

/// A container as a daemon would have left it, but for what is said.
struct Forged {
    place: Place,
    name: String,
}

impl Forged {
    fn new(place: Place, what: &str, uid: u32, notes: &str) -> Self {
        let name = format!("codebeaker-test-{what}-{}", std::process::id());
        let this = codebeaker::container::labels::Owner::current().unwrap().to_string();
        let parts: Vec<&str> = this.split('/').collect();
        // Alive until the container runs: one that does not yet is anybody's to remove once its daemon is gone.
        let mut daemon = Command::new("sleep").arg("600").spawn().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", daemon.id())).unwrap();
        let start = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().to_owned();
        let owner = format!("{}/{}/{}/{}/{start}/{uid}", parts[0], parts[1], parts[2], daemon.id());
        let session = codebeaker::ids::SessionId::random();
        let labels = [
            "codebeaker.managed=1".to_owned(),
            format!("codebeaker.owner={owner}"),
            format!("codebeaker.session={session}"),
            format!("codebeaker.notes={notes}"),
            "codebeaker.runtime=docker".to_owned(),
        ];
        let mut args = vec!["run", "--detach", "--rm", "--network=none", "--name", name.as_str()];
        args.extend(labels.iter().flat_map(|label| ["--label", label.as_str()]));
        args.extend(["codebeaker/bash:latest", "sleep", "600"]);
        place.engine().order(&args);
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        Self { place, name }
    }

    fn runs(&self) -> bool {
        self.place.engine().order(&["inspect", "--format", "{{.State.Running}}", &self.name]) == "true"
    }
}

impl Drop for Forged {
    fn drop(&mut self) {
        drop(self.place.engine().ask(&["rm", "--force", &self.name]));
    }
}

pub(crate) fn what_nobody_understands_is_let_be_and_told(place: Place) {
    let own = rustix::process::getuid().as_raw();
    let odd = Forged::new(place, "odd", own, "{\"of\": \"another version\"}");
    let other = Forged::new(place, "other", own + 4242, "{}");
    let mut client = place.client();
    assert_eq!(sessions(&mut client), Vec::<String>::new());
    eventually("it is told", || client.log().contains("a version that this one doesn't know"));
    assert!(odd.runs() && other.runs());
}
