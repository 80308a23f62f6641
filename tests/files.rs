//! Files, through the daemon.

mod harness;

use harness::Client;
use serde_json::json;

#[test]
fn an_answer_with_a_file_stays_below_the_longest_message() {
    const BYTES: u64 = 8 << 20;
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    // As text in JSON, each of these bytes is six.
    client.execute(&session, json!({"program": "truncate", "args": ["-s", BYTES.to_string(), "zeros"]}));
    let read = client.request("fs/read", json!({"sessionId": session, "path": "zeros"}));
    assert_eq!((&read["encoding"], &read["bytes"], &read["eof"]), (&json!("base64"), &json!(BYTES), &json!(true)));
    let params = json!({"sessionId": session, "path": "zeros", "encoding": "utf8"});
    let refused = client.call("fs/read", params).unwrap_err();
    assert_eq!((&refused["code"], refused["data"]["hint"].is_string()), (&json!(1506), true), "{refused}");
    let params = json!({"sessionId": session, "path": "zeros", "encoding": "utf8", "length": 5});
    assert_eq!(client.request("fs/read", params)["data"], "\0\0\0\0\0");
}
