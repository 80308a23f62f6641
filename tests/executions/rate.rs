//! D11: how often something was run was counted by the clock's minute, and by two steps that others came between.
//! That any minute counts is tested where it is counted, without waiting for one.

use serde_json::{Value, json};

use crate::harness::web::daemon;
use crate::harness::{Client, Place};

fn echo(session: &str) -> Value {
    json!({"sessionId": session, "source": {"program": "true"}})
}

fn refused(error: &Value, key: &str) {
    let data = &error["data"];
    assert_eq!(
        (&error["code"], &data["kind"], &data["retryable"]),
        (&json!(1405), &json!("RateLimited"), &json!(true))
    );
    assert!((1..=60_000).contains(&data["retryAfterMs"].as_u64().unwrap()), "{error}");
    assert!(data["hint"].as_str().unwrap().contains(key), "{error}");
}

/// How many of these were refused, of so many that were asked for at once.
fn refusals(client: &mut Client, sessions: &[String], count: usize, key: &str) -> usize {
    let asked: Vec<i64> = (0..count)
        .map(|number| client.send_request("session/execute", echo(&sessions[number % sessions.len()])))
        .collect();
    let answers: Vec<_> = asked.into_iter().map(|id| client.response(id)).collect();
    answers.iter().filter_map(|answer| answer.as_ref().err()).inspect(|error| refused(error, key)).count()
}

#[test]
fn d11_more_than_a_session_may_begin_in_a_minute_is_refused() {
    let (_directory, mut client) = daemon(Place::Native, "[rate]\nsession = 6\n");
    assert_eq!(client.request("server/info", json!({}))["limits"]["sessionExecutionsPerMinute"], 6);
    let session = client.create_session(json!({"language": "python"}));
    let context = client.request("context/create", json!({"sessionId": session}))["contextId"].clone();
    // Cells and commands are executions too.
    let cell = json!({"sessionId": session, "source": {"code": "1", "contextId": context}});
    client.request("session/execute", cell.clone());
    let command = json!({"sessionId": session, "command": {"type": "shell", "command": "true"}});
    assert_eq!(client.request("session/execute", command.clone())["success"], true);
    assert_eq!(refusals(&mut client, std::slice::from_ref(&session), 20, "rate.session"), 16);
    refused(&client.call("session/execute", cell).unwrap_err(), "rate.session");
    refused(&client.request("session/execute", command)["error"], "rate.session");
    // Nothing else is refused, and no other session.
    client.request("fs/write", json!({"sessionId": session, "path": "a", "data": "a"}));
    let other = client.create_session(json!({}));
    assert_eq!(client.request("session/execute", echo(&other))["outcome"], "ok");
    let counts = client.request("session/get", json!({"sessionId": session}))["executions"].clone();
    assert_eq!(counts, json!({"queued": 0, "running": 0, "ended": 6}));
    client.allow_unclaimed();
}

#[test]
fn d11_more_than_all_sessions_may_begin_in_a_minute_is_refused() {
    let (_directory, mut client) = daemon(Place::Native, "[rate]\nsession = 60\ndaemon = 7\n");
    let sessions = [0, 1, 2].map(|_| client.create_session(json!({})));
    assert_eq!(refusals(&mut client, &sessions, 30, "rate.daemon"), 23);
    client.allow_unclaimed();
}

#[test]
fn without_a_setting_nobody_is_refused() {
    let mut client = Client::initialized();
    assert!(client.request("server/info", json!({}))["limits"].get("executionsPerMinute").is_none());
    let session = client.create_session(json!({}));
    for _ in 0..5 {
        assert_eq!(refusals(&mut client, std::slice::from_ref(&session), 40, ""), 0);
    }
    client.allow_unclaimed();
}
