//! Limits of one execution, and of all in a session: each is shown to bite, and not to when it is wider.

use crate::harness::taking::{
    ALLOCATES, EAGAIN, EFBIG, EMFILE, ENOSPC, FORKS, OPENS, counted, had_enough, ran_out_of_memory, run,
};
use crate::harness::{Client, Setup};
use serde_json::json;

const WRITES: &str = "
written = 0
try:
    with open('large', 'wb', buffering=0) as file:
        for _ in range(60): written += file.write(b'x' * 100000)
    print('all')
except OSError as error:
    print(written, error.errno)
import os; os.unlink('large')
";

const PROCESSORS: &str = "import os; print(len(os.sched_getaffinity(0)))";

#[test]
fn an_execution_is_held_to_tighter_limits_than_its_session() {
    for setup in Setup::users() {
        let mut client = setup.initialized();
        let session = client.create_session(json!({}));
        let none = json!({});

        had_enough(&run(&mut client, &session, ALLOCATES, &none));
        ran_out_of_memory(&run(&mut client, &session, ALLOCATES, &json!({"memoryBytes": 64 << 20})));

        had_enough(&run(&mut client, &session, FORKS, &none));
        let forks = run(&mut client, &session, FORKS, &json!({"pids": 10}));
        assert!(counted(&forks, &[EAGAIN]) <= 10, "{}", forks.stdout());

        had_enough(&run(&mut client, &session, OPENS, &none));
        let opens = run(&mut client, &session, OPENS, &json!({"openFiles": 50}));
        assert!(counted(&opens, &[EMFILE]) < 50, "{}", opens.stdout());

        had_enough(&run(&mut client, &session, WRITES, &none));
        let writes = run(&mut client, &session, WRITES, &json!({"diskBytes": 1_000_000}));
        assert_eq!(counted(&writes, &[EFBIG]), 1_000_000);

        let processors = run(&mut client, &session, PROCESSORS, &json!({"cpu": 0.5}));
        assert_eq!(processors.stdout(), "1\n");
        // None of this stays behind.
        had_enough(&run(&mut client, &session, FORKS, &none));
    }
}

#[test]
fn a_session_is_held_to_its_limits_and_says_who_sees_to_them() {
    for setup in Setup::users() {
        let mut client = setup.initialized();
        let limits = json!({"memoryBytes": 140 << 20, "pids": 20, "openFiles": 50, "diskBytes": 2_000_000, "cpu": 1.0});
        let created = client.request("session/create", json!({"limits": limits}));
        let session = created["sessionId"].as_str().unwrap().to_owned();
        for (field, value) in limits.as_object().unwrap() {
            let effective = &created["effectiveLimits"][field];
            assert_eq!(effective["value"], *value, "{field}");
            assert_ne!(effective["enforcedBy"], "nobody", "{field}");
        }
        let none = json!({});
        ran_out_of_memory(&run(&mut client, &session, ALLOCATES, &none));
        let forks = run(&mut client, &session, FORKS, &none);
        // Beside the agent's own, for which room is left.
        assert!(counted(&forks, &[EAGAIN]) <= 20 + 18, "{}", forks.stdout());
        let opens = run(&mut client, &session, OPENS, &none);
        assert!(counted(&opens, &[EMFILE]) < 50, "{}", opens.stdout());
        let writes = run(&mut client, &session, WRITES, &none);
        assert!(counted(&writes, &[EFBIG, ENOSPC]) <= 2_000_000, "{}", writes.stdout());
    }
}

#[test]
fn limits_that_are_no_tighter_are_refused_by_their_place() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({"limits": {"memoryBytes": 100 << 20, "pids": 50}}));
    for (limits, path) in [
        (json!({"memoryBytes": 101 << 20}), "limits.memoryBytes"),
        (json!({"pids": 51}), "limits.pids"),
        (json!({"openFiles": 3}), "limits.openFiles"),
        (json!({"cpu": 0.0}), "limits.cpu"),
        (json!({"cpu": -1.0}), "limits.cpu"),
    ] {
        let params = json!({"sessionId": session, "source": {"program": "true"}, "limits": limits});
        let error = client.call("session/execute", params).unwrap_err();
        assert_eq!((error["code"].as_i64(), error["data"]["path"].as_str()), (Some(1400), Some(path)), "{error}");
    }
}

#[test]
fn a_session_may_be_told_other_limits_on_output_and_time() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let limits = json!({"outputBytes": 3, "executionTimeoutMs": 2000});
    let updated = client.request("session/update", json!({"sessionId": session, "limits": limits}));
    assert_eq!(updated["effectiveLimits"]["outputBytes"]["value"], 3);
    let execution = client.execute(&session, json!({"program": "sh", "args": ["-c", "echo hello; sleep 600"]}));
    assert_eq!(execution.outcome(), "timeout");
    assert_eq!(execution.stdout(), "hel");
    for field in ["memoryBytes", "pids", "diskBytes", "openFiles"] {
        let limits = json!({field: 1 << 20});
        let error = client.call("session/update", json!({"sessionId": session, "limits": limits})).unwrap_err();
        assert_eq!(error["code"], 1206, "{error}");
        assert_eq!(error["data"]["path"], format!("limits.{field}"));
        assert!(error["data"]["hint"].is_string(), "{error}");
    }
}
