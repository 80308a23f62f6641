//! A gibibyte goes in and comes out, and nothing else of the daemon waits for it.

use std::fs;
use std::os::unix::fs::FileExt;

use serde_json::{Value, json};

use super::files::ask;
use super::streams::base64;
use crate::harness::{Client, Place};

const GIBIBYTE: u64 = 1 << 30;

/// Under gVisor each write is two stops of the agent, so that it would take minutes on a machine with more to do.
const LESS: u64 = 256 << 20;

/// Far less than what goes through it.
const MOST_MEMORY: u64 = 192 << 20;

/// Has this done, and asks cheap things all the while: they are answered before it is, and memory stays small.
fn meanwhile(client: &mut Client, session: &str, method: &str, params: &Value) -> Value {
    let mut params = params.clone();
    params["sessionId"] = session.into();
    params["workDoneToken"] = method.into();
    let work = client.send_request(method, params);
    // It has begun, and is under way.
    client.wait_until("progress", |all| all.iter().filter(|it| it.message["params"]["token"] == method).count() >= 2);
    let mut answers = Vec::new();
    for number in 0..20 {
        let (asked, more) =
            if number % 2 == 0 { ("session/get", json!({})) } else { ("fs/stat", json!({"path": "."})) };
        let mut params = more;
        params["sessionId"] = session.into();
        let cheap = client.send_request(asked, params);
        let (at, answer) = client.received_response(cheap);
        answer.unwrap_or_else(|error| panic!("{asked}: {error}"));
        answers.push(at);
        let resident = client.resident_bytes();
        assert!(resident < MOST_MEMORY, "the daemon has {resident} bytes");
    }
    let (end, answer) = client.received_response(work);
    let during = answers.iter().filter(|at| **at < end).count();
    assert!(during >= 5, "only {during} answers came while {method} was under way");
    client.claim_all(|received| received.message["params"]["token"] == method);
    answer.unwrap_or_else(|error| panic!("{method}: {error}"))
}

pub(crate) fn a_gibibyte_goes_in_and_comes_out(place: Place) {
    let size = if place == Place::Gvisor { LESS } else { GIBIBYTE };
    let limits = json!({"memoryBytes": GIBIBYTE, "diskBytes": 2 * GIBIBYTE});
    let (mut client, session) = place.open(json!({"limits": limits}));
    let ground = client.scratch().join("ground");
    fs::create_dir(&ground).unwrap();
    // Holes cost the host nothing; what is not one tells whether all is where it should be.
    let source = fs::File::options().read(true).write(true).create_new(true).open(ground.join("large")).unwrap();
    source.set_len(size).unwrap();
    let marks = [0, 1, 262_143, 262_144, size / 3, size - 9];
    for mark in marks {
        source.write_all_at(&mark.to_le_bytes()[..8], mark).unwrap();
    }
    let uri = |name: &str| format!("file://{}", ground.join(name).display());
    let imported = meanwhile(&mut client, &session, "fs/import", &json!({"uri": uri("large"), "path": "large"}));
    assert_eq!(imported["bytes"], size);
    // By ranges, too.
    for mark in marks {
        let length = 8.min(size - mark);
        let read = json!({"path": "large", "offset": mark, "length": length, "encoding": "base64"});
        let mut expected = vec![0; length as usize];
        source.read_exact_at(&mut expected, mark).unwrap();
        assert_eq!(ask(&mut client, &session, "fs/read", read).unwrap()["data"], base64(&expected), "at {mark}");
        let write =
            json!({"path": "large", "mode": "patch", "offset": mark, "data": base64(&expected), "encoding": "base64"});
        assert_eq!(ask(&mut client, &session, "fs/write", write).unwrap()["size"], size);
    }
    let exported = meanwhile(&mut client, &session, "fs/export", &json!({"uri": uri("back"), "path": "large"}));
    assert_eq!((&exported["bytes"], &exported["changed"]), (&json!(size), &json!(0)));
    let same = std::process::Command::new("cmp").arg(ground.join("large")).arg(ground.join("back")).status().unwrap();
    assert!(same.success(), "what came back is another");
    fs::remove_dir_all(&ground).unwrap();
    client.allow_unclaimed();
}
