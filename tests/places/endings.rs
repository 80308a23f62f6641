//! The ways in which programs are brought to an end.

use serde_json::{Value, json};

use super::{bash, python};
use crate::harness::{Client, Place};

fn start(client: &mut Client, session: &str, source: &Value) -> (i64, String) {
    let begun = client.begin(json!({"sessionId": session, "source": source}));
    client.wait_for_output(&begun.1, "ready");
    begun
}

/// A program with a child in a process group and session of its own.
const PAIR: &str = "
import os, signal, time
def handle(number, _):
    os.write(1, b'%s got %s\\n' % (name, signal.Signals(number).name.encode()))
for number in (signal.SIGINT, signal.SIGUSR1): signal.signal(number, handle)
name = b'parent'
inside, outside = os.pipe()
if os.fork() == 0:
    os.setsid()
    name = b'child'
    os.write(outside, b'x')
else:
    os.read(inside, 1)
    os.write(1, b'ready\\n')
while True: time.sleep(1)
";

pub(crate) fn signals_reach_every_process_and_an_interrupt_the_foreground(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let (id, execution) = start(&mut client, &session, &python(PAIR));
    client.request("execution/interrupt", json!({"executionId": execution}));
    client.wait_for_output(&execution, "parent got SIGINT");
    client.request("execution/signal", json!({"executionId": execution, "signal": "SIGUSR1"}));
    client.wait_for_output(&execution, "parent got SIGUSR1");
    client.wait_for_output(&execution, "child got SIGUSR1");
    client.request("execution/kill", json!({"executionId": execution}));
    let ended = client.finished(id);
    assert_eq!((ended.outcome(), ended.result["signal"].as_str()), ("killed", Some("SIGKILL")));
    assert!(!ended.stdout().contains("child got SIGINT"), "{}", ended.stdout());
    assert_alone(&mut client, &session, "python");
}

/// Fails if a process of this name is left in the session.
fn assert_alone(client: &mut Client, session: &str, name: &str) {
    let left = client.execute(session, bash("cat /proc/[0-9]*/comm"));
    assert_eq!(left.outcome(), "ok", "{}", left.stderr());
    assert!(!left.stdout().contains(name), "{}", left.stdout());
}

pub(crate) fn cancelling_asks_and_then_insists(place: Place) {
    let (mut client, session) = place.open(json!({}));
    for (code, exit_code, signal, output) in [
        ("echo ready; while :; do sleep 0.05; done", None, Some("SIGINT"), "ready\n"),
        ("trap 'echo bye; exit 0' INT; echo ready; while :; do sleep 0.05; done", Some(0), None, "ready\nbye\n"),
        (
            "trap 'echo no' INT TERM; setsid sh -c 'trap \"\" INT TERM; while :; do sleep 0.05; done' & \
             echo ready; while :; do sleep 0.05; done",
            None,
            Some("SIGKILL"),
            "ready\nno\nno\n",
        ),
    ] {
        let (id, _) = start(&mut client, &session, &bash(code));
        client.cancel(id);
        let ended = client.finished(id);
        assert_eq!(ended.outcome(), "cancelled", "{code}: {}", ended.result);
        assert_eq!((ended.exit_code(), ended.result["signal"].as_str()), (exit_code, signal), "{code}");
        assert_eq!(ended.stdout(), output, "{code}");
    }
    assert_alone(&mut client, &session, "sleep");
}

/// D17: what was printed before a time out was lost.
pub(crate) fn the_time_out_ends_all_and_keeps_what_was_printed(place: Place) {
    let (mut client, session) = place.open(json!({}));
    for code in [
        "echo before; echo error >&2; exec sleep 600",
        "echo before; echo error >&2; trap '' INT TERM HUP; while :; do sleep 0.1; done",
        "echo before; echo error >&2; kill -STOP $$",
    ] {
        // Long enough for what is printed, on a machine that is busy.
        let ended = client.execute_with(json!({"sessionId": session, "source": bash(code), "timeoutMs": 3000}));
        assert_eq!((ended.outcome(), ended.result["signal"].as_str()), ("timeout", Some("SIGKILL")), "{code}");
        assert_eq!((ended.stdout().as_str(), ended.stderr().as_str()), ("before\n", "error\n"), "{code}");
    }
    assert_alone(&mut client, &session, "sleep");
}

pub(crate) fn too_much_output_is_cut_off_or_ends_the_program(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let source = json!({"program": "head", "args": ["-c", "1000000", "/dev/zero"]});
    let cut = client.execute_with(json!({"sessionId": session, "source": source, "limits": {"outputBytes": 100_001}}));
    assert_eq!(cut.outcome(), "ok");
    assert_eq!(cut.result["stdout"], json!({"bytes": 1_000_000, "truncated": true}));
    assert_eq!((cut.bytes("stdout").len(), cut.lost["stdout"]), (100_001, 899_999));
    let limits = json!({"outputBytes": 100_001, "onOutputLimit": "kill"});
    let ended = client.execute_with(json!({"sessionId": session, "source": {"program": "yes"}, "limits": limits}));
    assert_eq!((ended.outcome(), ended.result["signal"].as_str()), ("outputLimit", Some("SIGKILL")));
    assert_eq!(ended.bytes("stdout").len(), 100_001);
}

pub(crate) fn a_terminated_tree_is_gone_whatever_it_did(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let code = "
import os, signal, time
for depth in range(6):
    if os.fork() == 0:
        if depth % 2: os.setsid()
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)
        if depth % 3 and os.fork(): os._exit(0)
print('ready', flush=True)
while True: time.sleep(1)
";
    let (id, execution) = start(&mut client, &session, &python(code));
    client.request("execution/kill", json!({"executionId": execution}));
    assert_eq!(client.finished(id).outcome(), "killed");
    assert_alone(&mut client, &session, "python");
}
