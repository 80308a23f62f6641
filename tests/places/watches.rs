//! Being told what changes in a workspace.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::bash;
use super::files::{ask, code};
use crate::harness::client::initialize_params;
use crate::harness::{Client, Place, Setup};

fn watch(client: &mut Client, session: &str, more: Value) -> String {
    let watched = ask(client, session, "fs/watch", more).unwrap();
    watched["watchId"].as_str().unwrap().to_owned()
}

fn shown(change: &Value) -> String {
    let path = change["path"].as_str().unwrap();
    match change["kind"].as_str().unwrap() {
        "created" => format!("+{path}"),
        "changed" => format!("~{path}"),
        "removed" => format!("-{path}"),
        "renamed" => format!("{}>{path}", change["from"].as_str().unwrap()),
        other => panic!("{other}"),
    }
}

/// What is told until all of this was; nothing that is not expected may come.
fn expect(client: &mut Client, watch: &str, changes: &[&str]) {
    let mut missing: BTreeSet<&str> = changes.iter().copied().collect();
    while !missing.is_empty() {
        let params = client.notification("fs/changed");
        assert_eq!(params["watchId"], watch, "{params}");
        assert!(params.get("overflow").is_none() && params.get("ended").is_none(), "{params}");
        for change in params["changes"].as_array().unwrap() {
            assert!(missing.remove(shown(change).as_str()), "{change} is not among {missing:?}");
        }
    }
}

pub(crate) fn changes_of_programs_and_of_requests_are_told(place: Place) {
    let (mut client, session) = place.open(json!({}));
    client.execute(&session, bash("mkdir -p d/e && echo x > d/old && echo y > d/other"));
    let watch = watch(&mut client, &session, json!({"debounceMs": 300}));
    // What happens within the window is told as one.
    client.execute(&session, bash("for n in 1 2 3 4 5; do echo $n >> new; done; echo more >> d/old; rm d/other; echo t > temporary; rm temporary"));
    expect(&mut client, &watch, &["+new", "~d/old", "-d/other"]);
    client.execute(&session, bash("mv d/old d/e/moved && echo 1 > beside && mv beside new"));
    expect(&mut client, &watch, &["d/old>d/e/moved", "~new"]);
    // So is what comes in by requests: replacing a file is a change of it, not a new one.
    client.request("fs/write", json!({"sessionId": session, "path": "new", "data": "again"}));
    client.request("fs/write", json!({"sessionId": session, "path": "p/q/r", "data": "deep"}));
    client.request("fs/move", json!({"sessionId": session, "from": "d/e/moved", "to": "d/back"}));
    expect(&mut client, &watch, &["~new", "+p", "+p/q", "+p/q/r", "d/e/moved>d/back"]);
    let source = client.scratch().join("in");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("file"), "x").unwrap();
    let import = json!({"sessionId": session, "uri": format!("file://{}", source.display()), "path": "in"});
    client.request("fs/import", import);
    client.execute(&session, bash("chmod 600 new"));
    expect(&mut client, &watch, &["+in", "+in/file", "~new"]);
    assert!(ask(&mut client, &session, "fs/unwatch", json!({"watchId": watch})).unwrap()["ended"].as_bool().unwrap());
}

pub(crate) fn a_tree_is_watched_as_it_grows_and_moves(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let watch = watch(&mut client, &session, json!({"debounceMs": 300}));
    client.execute(&session, bash("mkdir -p a/b/c && echo 1 > a/b/c/first"));
    expect(&mut client, &watch, &["+a", "+a/b", "+a/b/c", "+a/b/c/first"]);
    client.execute(&session, bash("mv a/b moved && echo 2 > moved/c/second"));
    expect(&mut client, &watch, &["a/b>moved", "+moved/c/second"]);
    client.execute(&session, bash("echo 3 > moved/c/first"));
    expect(&mut client, &watch, &["~moved/c/first"]);
    client.execute(&session, bash("rm -r moved && mkdir moved && echo 4 > moved/x"));
    expect(&mut client, &watch, &["-moved/c", "-moved/c/first", "-moved/c/second", "~moved", "+moved/x"]);
    client.execute(
        &session,
        bash("mv moved /tmp/away && echo 5 > /tmp/away/y && mkdir /tmp/come && echo 6 > /tmp/come/z"),
    );
    client.execute(&session, bash("mv /tmp/come here"));
    // In a place of another file system it is copied and removed, name by name.
    let mut told = BTreeSet::new();
    while !told.contains("+here/z") || !told.contains("-moved") {
        let notice = client.notification("fs/changed");
        told.extend(notice["changes"].as_array().unwrap().iter().map(shown));
    }
    assert!(!told.iter().any(|change| change.contains("/y")), "{told:?}");
}

pub(crate) fn what_is_left_out_or_elsewhere_is_not_told(place: Place) {
    let (mut client, session) = place.open(json!({}));
    client.execute(&session, bash("mkdir -p d/sub node_modules /tmp/elsewhere && ln -s /tmp/elsewhere d/link && ln -s ../node_modules d/inside"));
    let deep = watch(&mut client, &session, json!({"path": "d", "exclude": ["*.tmp", ".git"], "debounceMs": 100}));
    client.execute(&session, bash("echo 1 > /tmp/elsewhere/x; echo 2 > node_modules/y; echo 3 > z.tmp; echo 4 > d/w.tmp; mkdir d/.git; echo 5 > d/.git/v; echo 6 > d/last"));
    expect(&mut client, &deep, &["+d/last"]);
    ask(&mut client, &session, "fs/unwatch", json!({"watchId": deep})).unwrap();
    let flat = watch(&mut client, &session, json!({"path": "d", "recursive": false, "debounceMs": 100}));
    client.execute(&session, bash("echo 7 > d/sub/below; echo 8 > d/more"));
    expect(&mut client, &flat, &["+d/more"]);
    // Links are no directories to be watched, and nothing outside is.
    assert_eq!(code(ask(&mut client, &session, "fs/watch", json!({"path": "d/link"}))), 1401);
    assert_eq!(code(ask(&mut client, &session, "fs/watch", json!({"path": "../tmp"}))), 1401);
    assert_eq!(code(ask(&mut client, &session, "fs/watch", json!({"path": "d/last"}))), 1502);
    assert_eq!(code(ask(&mut client, &session, "fs/watch", json!({"path": "none"}))), 1500);
    assert_eq!(code(ask(&mut client, &session, "fs/watch", json!({"debounceMs": 1}))), 1400);
}

pub(crate) fn what_can_not_be_told_is_told_to_be_missing(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let watch = watch(&mut client, &session, json!({"debounceMs": 5000}));
    // More paths than are kept for one window.
    let made = client.execute(&session, bash("mkdir many && cd many && touch {1..20000}"));
    assert_eq!(made.result["outcome"], "ok", "{}", made.stderr());
    loop {
        let notice = client.notification("fs/changed");
        if notice["overflow"] == true {
            break;
        }
    }
    // And it goes on.
    client.execute(&session, bash("echo last > last"));
    let is_last = |change: &Value| change["path"] == "last";
    while !client.notification("fs/changed")["changes"].as_array().unwrap().iter().any(is_last) {}
    ask(&mut client, &session, "fs/unwatch", json!({"watchId": watch})).unwrap();
    client.allow_unclaimed();
}

pub(crate) fn a_watch_ends_when_it_is_to(place: Place) {
    let (mut client, session) = place.open(json!({}));
    client.execute(&session, bash("mkdir d"));
    let first = watch(&mut client, &session, json!({"path": "d", "debounceMs": 50}));
    let others: Vec<String> = (0..15).map(|_| watch(&mut client, &session, json!({"debounceMs": 50}))).collect();
    assert_eq!(code(ask(&mut client, &session, "fs/watch", json!({}))), 1514);
    for other in &others {
        let ended = ask(&mut client, &session, "fs/unwatch", json!({"watchId": other})).unwrap();
        assert_eq!(ended, json!({"ended": true}));
    }
    assert_eq!(
        ask(&mut client, &session, "fs/unwatch", json!({"watchId": others[0]})).unwrap(),
        json!({"ended": false})
    );
    // One that was not unwatched ends with its directory, and says so.
    client.execute(&session, bash("rmdir d"));
    let ended = loop {
        let notice = client.notification("fs/changed");
        if notice["watchId"] == first {
            break notice;
        }
    };
    assert_eq!(ended["ended"], "gone", "{ended}");
    // Nothing is left in the sandbox of those that ended, and what is not negotiated is not begun.
    watch(&mut client, &session, json!({}));
    client.request("session/close", json!({"sessionId": session}));
    client.claim_all(|received| received.message["method"] == "session/stateChanged");
    let mut params = initialize_params();
    params["capabilities"]["experimental"]["codebeaker"]["features"]["fsWatch"] = false.into();
    let mut client = Setup::default().spawn();
    let result = client.request("initialize", params);
    assert!(!result.to_string().contains("fs/watch"));
    client.notify("initialized", json!({}));
    let refused = client.call("fs/watch", json!({"sessionId": "ses_none"})).unwrap_err();
    assert_eq!((refused["code"].as_i64(), refused["data"]["feature"].as_str()), (Some(1001), Some("fsWatch")));
}
