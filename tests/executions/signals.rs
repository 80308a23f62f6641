//! Signals, interrupts, kills and cancellations: who gets them, and what becomes of the program.

use super::{bash, python};
use crate::harness::{Client, Setup};
use serde_json::{Value, json};

fn start(client: &mut Client, session: &str, source: Value) -> (i64, String) {
    let begun = client.begin(json!({"sessionId": session, "source": source}));
    client.wait_for_output(&begun.1, "ready");
    begun
}

#[test]
fn signals_arrive_by_their_names() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let code = "
import signal, time
def told(number, _): print(signal.Signals(number).name, flush=True)
names = 'SIGHUP SIGINT SIGQUIT SIGUSR1 SIGUSR2 SIGTERM SIGWINCH SIGALRM SIGCONT SIGTSTP'.split()
for name in names: signal.signal(getattr(signal, name), told)
print('ready', flush=True)
while True: time.sleep(1)
";
    let (id, execution) = start(&mut client, &session, python(code));
    let names = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGTERM", "SIGWINCH", "SIGALRM", "SIGTSTP"];
    for name in names {
        client.request("execution/signal", json!({"executionId": execution, "signal": name}));
        client.wait_for_output(&execution, name);
    }
    for bad in ["SIGNOTHING", "KILL", "9"] {
        let error = client.call("execution/signal", json!({"executionId": execution, "signal": bad})).unwrap_err();
        assert_eq!((error["code"].as_i64(), error["data"]["path"].as_str()), (Some(-32602), Some("signal")), "{error}");
    }
    client.request("execution/signal", json!({"executionId": execution, "signal": "SIGKILL"}));
    let ended = client.finished(id);
    assert_eq!((ended.outcome(), ended.result["signal"].as_str()), ("killed", Some("SIGKILL")));
}

#[test]
fn cancelling_asks_then_insists_and_then_ends_the_whole_tree() {
    for setup in Setup::users() {
        let mut client = setup.initialized();
        let session = client.create_session(json!({}));
        for (code, exit_code, signal, output) in [
            ("echo ready; while :; do sleep 0.05; done", None, Some("SIGINT"), "ready\n"),
            ("trap 'echo bye; exit 0' INT; echo ready; while :; do sleep 0.05; done", Some(0), None, "ready\nbye\n"),
            (
                "trap 'echo no' INT; trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done",
                Some(7),
                None,
                "ready\nno\nbye\n",
            ),
            (
                "trap 'echo no' INT TERM; setsid sh -c 'trap \"\" INT TERM; while :; do sleep 0.05; done' & \
                 echo ready; while :; do sleep 0.05; done",
                None,
                Some("SIGKILL"),
                "ready\nno\nno\n",
            ),
        ] {
            let (id, _) = start(&mut client, &session, bash(code));
            client.cancel(id);
            let ended = client.finished(id);
            assert_eq!(ended.outcome(), "cancelled", "{code}: {}", ended.result);
            assert_eq!((ended.exit_code(), ended.result["signal"].as_str()), (exit_code, signal), "{code}");
            assert_eq!(ended.stdout(), output, "{code}");
        }
        let left = client.execute(&session, bash("cat /proc/[0-9]*/comm"));
        assert!(!left.stdout().contains("sleep"), "{}", left.stdout());
    }
}

#[test]
fn an_end_has_one_reason_however_many_ways_there_are_to_it() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    for round in 0..6 {
        let params = json!({"sessionId": session, "source": {"program": "sleep", "args": ["600"]}, "timeoutMs": 400});
        let (id, execution) = client.begin(params);
        std::thread::sleep(std::time::Duration::from_millis(80 * round));
        client.cancel(id);
        let kill = client.send_request("execution/kill", json!({"executionId": execution}));
        let ended = client.finished(id);
        assert!(["timeout", "cancelled", "killed"].contains(&ended.outcome()), "{}", ended.result);
        if let Err(error) = client.response(kill) {
            assert_eq!(error["code"], 1301, "{error}");
        }
    }
}

#[test]
fn a_cancelled_request_that_was_answered_already_changes_nothing() {
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let id = client.send_request("session/execute", json!({"sessionId": session, "source": {"program": "true"}}));
    assert_eq!(client.finished(id).outcome(), "ok");
    client.cancel(id);
    assert_eq!(client.execute(&session, json!({"program": "true"})).outcome(), "ok");
}
