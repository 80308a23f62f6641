//! `runtime/select`: what a session would get, and what it costs here.

use super::harness::Client;
use serde_json::json;

#[test]
fn selecting_answers_what_creating_would_choose_and_makes_nothing() {
    let mut client = Client::initialized();
    for params in [
        json!({"runtime": "native"}),
        json!({"language": "python", "runtime": "native", "preference": "speed"}),
        json!({"engine": "bash", "runtime": "native", "preference": "memory", "fallback": "allow"}),
    ] {
        let selected = client.request("runtime/select", params.clone());
        assert_eq!(client.request("session/list", json!({}))["sessions"], json!([]), "it makes nothing");
        let session = client.request("session/create", params.clone());
        assert_eq!(session["selection"], selected, "{params}");
        let considered = selected["considered"].as_array().unwrap();
        assert_eq!(considered[0]["runtime"], "native");
        assert!(considered[0]["score"].as_f64().is_some_and(|score| score > 0.0 && score <= 1.0), "{selected}");
        for other in &considered[1..] {
            assert!(other["rejectedBecause"].is_string() && other["score"] == 0.0, "{selected}");
        }
        client.request("session/close", json!({"sessionId": session["sessionId"]}));
        client.claim_all(|received| received.message["method"] == "session/stateChanged");
    }
    for params in [
        json!({"minIsolation": "vm"}),
        json!({"runtime": "cloud"}),
        json!({"runtime": "native", "persist": "untilClosed"}),
        json!({"runtime": "native", "image": "scratch"}),
        json!({"language": "cobol"}),
    ] {
        let refused = client.call("runtime/select", params.clone()).unwrap_err();
        assert_eq!(client.call("session/create", params.clone()).unwrap_err(), refused, "{params}");
        assert!(refused["data"]["hint"].is_string(), "{refused}");
    }
    let no_image = client.call("runtime/select", json!({"runtime": "native", "image": "scratch"})).unwrap_err();
    assert_eq!((no_image["code"].as_i64(), no_image["data"]["path"].as_str()), (Some(1203), Some("image")));
}

#[test]
fn what_a_sandbox_costs_is_measured_here() {
    let mut client = Client::initialized();
    let runtimes = client.request("runtime/list", json!({}))["runtimes"].clone();
    let native = runtimes.as_array().unwrap().iter().find(|runtime| runtime["id"] == "native").unwrap().clone();
    assert!(native["startMs"].is_u64(), "{native}");
    assert!(native["memoryBytes"].as_u64().is_some_and(|bytes| bytes > 0), "{native}");
    let engines = client.request("engine/list", json!({}))["engines"].clone();
    let bash = engines.as_array().unwrap().iter().find(|engine| engine["id"] == "bash").unwrap().clone();
    assert_eq!(bash["versions"]["native"], bash["version"], "{bash}");
}
