//! Daemons beside each other, and containers that are none of a daemon's business.

use rustix::process::Signal;
use serde_json::json;

use crate::harness::client::initialize_params;
use crate::harness::{Client, Place};
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
