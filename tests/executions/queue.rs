//! Executions that wait for their turn.

use crate::harness::Client;
use serde_json::{Value, json};

fn limit(client: &mut Client, name: &str) -> usize {
    let info = client.request("server/info", json!({}));
    usize::try_from(info["limits"][name].as_u64().unwrap()).unwrap()
}

fn waiting(session: &str) -> Value {
    json!({"sessionId": session, "source": {"program": "cat"}, "stdin": "stream"})
}

fn echo(session: &str, number: usize) -> Value {
    json!({"sessionId": session, "source": {"program": "echo", "args": [number.to_string()]}})
}

#[test]
fn turns_come_in_the_order_in_which_they_were_asked_for() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let (most, queue) = (limit(&mut client, "maxRunning"), limit(&mut client, "maxQueued"));
    let running: Vec<_> = (0..most).map(|_| client.begin(waiting(&session))).collect();
    let queued: Vec<_> =
        (0..queue).map(|number| client.send_request("session/execute", echo(&session, number))).collect();

    // One more is one too many.
    let error = client.call("session/execute", echo(&session, 0)).unwrap_err();
    assert_eq!(error["code"], 1304, "{error}");
    assert_eq!((&error["data"]["retryable"], error["data"]["retryAfterMs"].is_u64()), (&json!(true), true), "{error}");
    let counts = client.request("session/get", json!({"sessionId": session}))["executions"].clone();
    assert_eq!(counts, json!({"queued": queue, "running": most, "ended": 0}));

    // What waits can be given up, and never starts.
    let listed = client.request("execution/list", json!({"sessionId": session}))["executions"].clone();
    let ids: Vec<_> = listed.as_array().unwrap().iter().skip(most).map(|one| one["executionId"].clone()).collect();
    assert_eq!(listed[most]["state"], "queued");
    for method in ["execution/stdin", "execution/signal", "execution/interrupt"] {
        let mut params = json!({"executionId": ids[0]});
        if method == "execution/signal" {
            params["signal"] = "SIGTERM".into();
        }
        assert_eq!(client.call(method, params).unwrap_err()["code"], 1301, "{method}");
    }
    client.cancel(queued[3]);
    let cancelled = client.finished(queued[3]);
    client.request("execution/kill", json!({"executionId": ids[5]}));
    let killed = client.finished(queued[5]);
    for (never, outcome) in [(cancelled, "cancelled"), (killed, "killed")] {
        assert_eq!(never.outcome(), outcome);
        assert_eq!(never.methods, ["execution/exited"]);
        assert!(never.result.get("startedAt").is_none(), "{}", never.result);
        assert_eq!(never.result["durationMs"], 0);
    }

    // With one place to run in, they run one after the other.
    std::thread::sleep(std::time::Duration::from_millis(20));
    let end = |client: &mut Client, (id, execution): &(i64, String)| {
        client.request("execution/stdin", json!({"executionId": execution, "eof": true}));
        assert_eq!(client.finished(*id).result["queueMs"], 0);
    };
    end(&mut client, &running[0]);
    let mut places = Vec::new();
    for (number, id) in queued.iter().enumerate().filter(|(number, _)| ![3, 5].contains(number)) {
        let last = client.wait_for("its end", |message| message["id"] == *id && message.get("method").is_none());
        assert!(last["result"]["queueMs"].as_u64().unwrap() >= 20, "{last}");
        let started = client.unclaimed(|received| {
            received.message["method"] == "execution/started"
                && received.message["params"]["executionId"] == ids[number]
        });
        places.extend(started.map(|received| received.index));
        assert_eq!(client.finished(*id).stdout(), format!("{number}\n"));
    }
    assert!(places.is_sorted() && places.len() == queue - 2, "{places:?}");
    for one in &running[1..] {
        end(&mut client, one);
    }
}

#[test]
fn a_session_that_closes_ends_what_waits_in_it() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let most = limit(&mut client, "maxRunning");
    let running: Vec<_> = (0..most).map(|_| client.begin(waiting(&session)).0).collect();
    let queued: Vec<_> = (0..3).map(|number| client.send_request("session/execute", echo(&session, number))).collect();
    let closed = client.request("session/close", json!({"sessionId": session}));
    assert_eq!(closed["endedExecutions"], most + 3);
    for id in running.into_iter().chain(queued) {
        assert_eq!(client.finished(id).outcome(), "killed");
    }
    assert_eq!(client.notification("session/stateChanged")["to"], "closing");
    assert_eq!(client.notification("session/stateChanged")["to"], "closed");
}

#[test]
fn the_oldest_ends_are_forgotten() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let most = limit(&mut client, "maxRemembered");
    let ids: Vec<_> =
        (0..most + 5).map(|_| client.execute(&session, json!({"program": "true"})).id().to_owned()).collect();
    let known = client.request("execution/list", json!({}))["executions"].clone();
    let known: Vec<_> = known.as_array().unwrap().iter().map(|one| one["executionId"].as_str().unwrap()).collect();
    assert!(known.len() <= most + 1, "{} are remembered", known.len());
    assert!(ids.ends_with(&known.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()));
    let error = client.call("execution/get", json!({"executionId": ids[0]})).unwrap_err();
    assert_eq!(error["code"], 1300);
}
