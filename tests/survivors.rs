//! Nothing survives the daemon, however it ends and whatever it was doing. That nothing is left of it,
//! no process, cgroup, mount or file, is asserted by the harness when a client is dropped.

mod harness;

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use harness::client::initialize_params;
use harness::{Client, Setup, eventually};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// What the daemon is in the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// It has sessions in which nothing runs.
    Idle,
    /// Programs run that ignore every signal they can, with a terminal, with processes of their own.
    Running,
    /// A program prints, and nobody reads.
    Flooding,
    /// Sandboxes are being made.
    Creating,
}

const ALL: [Doing; 4] = [Doing::Idle, Doing::Running, Doing::Flooding, Doing::Creating];

const STUBBORN: &str = "trap '' HUP INT TERM PIPE; setsid sh -c 'trap \"\" HUP INT TERM; sleep 600 & sleep 600' & \
                        echo ready; while :; do sleep 0.1; done";

fn brought_to(client: &mut Client, doing: Doing) {
    client.allow_unclaimed();
    let overlay = json!({"workspace": {"mode": "overlay", "uri": format!("file://{}", client.scratch().display())}});
    match doing {
        Doing::Idle => {
            client.create_session(json!({}));
            let session = client.create_session(overlay);
            client.execute(&session, json!({"program": "touch", "args": ["made"]}));
        }
        Doing::Running => {
            let session = client.create_session(json!({}));
            for stdin in ["none", "stream", "pty"] {
                let source = json!({"code": STUBBORN, "language": "bash"});
                let (_, execution) = client.begin(json!({"sessionId": session, "source": source, "stdin": stdin}));
                client.wait_for_output(&execution, "ready");
            }
        }
        Doing::Flooding => {
            let session = client.create_session(json!({}));
            let params =
                json!({"sessionId": session, "source": {"program": "yes"}, "limits": {"outputBytes": 1u64 << 40}});
            let (_, execution) = client.begin(params);
            client.wait_for_output(&execution, "y");
            client.stop_reading();
            // What was begun to be written when the daemon ends needn't be whole.
            client.ignore_rest();
        }
        Doing::Creating => {
            for _ in 0..4 {
                client.send_request("session/create", overlay.clone());
            }
            // Some are begun; whether any is done is left to chance.
            client.request("server/info", json!({}));
        }
    }
    eventually("there is something that could survive", || !client.descendants().is_empty());
}

fn in_every_state(end: impl Fn(&mut Client)) {
    for setup in Setup::users() {
        for doing in ALL {
            eprintln!("{doing:?} as {:?}", setup.other_user());
            let mut client = setup.clone().initialized();
            brought_to(&mut client, doing);
            end(&mut client);
        }
    }
}

#[test]
fn nothing_survives_shutdown_and_exit() {
    for setup in Setup::users() {
        for doing in [Doing::Idle, Doing::Running, Doing::Creating] {
            let mut client = setup.clone().initialized();
            // Dropping it sends `shutdown` and `exit`.
            brought_to(&mut client, doing);
        }
    }
}

#[test]
fn nothing_survives_exit_without_shutdown() {
    in_every_state(|client| {
        client.notify("exit", Value::Null);
        client.expect_code(1);
    });
}

#[test]
fn nothing_survives_the_end_of_the_input() {
    in_every_state(|client| {
        client.close_input();
        client.expect_code(1);
    });
}

#[test]
fn nothing_survives_a_signal() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        in_every_state(|client| {
            client.signal(signal);
            client.expect_code(1);
        });
    }
}

#[test]
fn nothing_survives_a_daemon_that_is_killed() {
    in_every_state(|client| {
        client.signal(Signal::KILL);
        client.expect_signal(Signal::KILL);
    });
}

/// Sandboxes are made in some tens of milliseconds, of which each may be the last of the daemon.
#[test]
fn nothing_survives_a_daemon_that_is_killed_while_it_makes_sandboxes() {
    for setup in Setup::users() {
        for tenths in (0..300).step_by(5) {
            let mut client = setup.clone().initialized();
            client.allow_unclaimed();
            for _ in 0..4 {
                client.send_request("session/create", json!({}));
            }
            std::thread::sleep(Duration::from_micros(100 * tenths));
            client.signal(Signal::KILL);
            client.expect_signal(Signal::KILL);
        }
    }
}

#[test]
fn nothing_survives_the_process_that_the_daemon_serves() {
    for setup in Setup::users() {
        for doing in ALL {
            let mut editor = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            let mut client = setup.clone().spawn();
            let mut params = initialize_params();
            params["processId"] = editor.id().into();
            client.request("initialize", params);
            brought_to(&mut client, doing);
            editor.kill().unwrap();
            editor.wait().unwrap();
            client.expect_code(1);
        }
    }
}

/// Kills the daemon and every process below it outside of its sandboxes, so that nobody is left to clear up.
fn kill_with_all_keepers(client: &mut Client) {
    let daemon = Pid::from_raw(client.pid().cast_signed()).unwrap();
    // Stopped first, so that nobody begins to clear up while the others are killed.
    kill_process(daemon, Signal::STOP).unwrap();
    let pids: Vec<Pid> = client.descendants().into_iter().filter_map(|pid| Pid::from_raw(pid.cast_signed())).collect();
    for signal in [Signal::STOP, Signal::KILL] {
        for pid in &pids {
            // One that is gone already is what this is for.
            kill_process(*pid, signal).unwrap_or_default();
        }
    }
    kill_process(daemon, Signal::KILL).unwrap();
}

#[test]
fn what_a_daemon_could_not_clear_up_the_next_one_does() {
    for setup in Setup::users() {
        for doing in [Doing::Idle, Doing::Running] {
            let mut client = setup.clone().initialized();
            brought_to(&mut client, doing);
            kill_with_all_keepers(&mut client);
            client.expect_signal(Signal::KILL);
            client.wait();
            let mut next = setup.clone().initialized();
            let session = next.create_session(json!({}));
            assert_eq!(next.execute(&session, json!({"program": "true"})).outcome(), "ok");
            // That nothing is left is asserted here, while the next one runs.
            drop(client);
            drop(next);
        }
    }
}

#[test]
fn the_end_of_one_daemon_is_nothing_to_another() {
    for setup in Setup::users() {
        let mut staying = setup.clone().initialized();
        let session = staying.create_session(json!({}));
        let (id, execution) =
            staying.begin(json!({"sessionId": session, "source": {"program": "cat"}, "stdin": "stream"}));
        let mut killed = setup.clone().initialized();
        brought_to(&mut killed, Doing::Running);
        kill_with_all_keepers(&mut killed);
        killed.expect_signal(Signal::KILL);
        killed.wait();
        // A third starts, and clears up what is not its own.
        drop(setup.initialized());
        drop(killed);
        staying.request("execution/stdin", json!({"executionId": execution, "data": "alive", "eof": true}));
        assert_eq!(staying.finished(id).stdout(), "alive");
    }
}

/// Whether a process is of the daemon's making, and no program.
fn is_ours(pid: u32) -> bool {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    command.is_empty() || command.starts_with(b"codebeaker-agent")
}

#[test]
fn a_session_that_closes_leaves_nothing_while_the_daemon_lives() {
    for setup in Setup::users() {
        let mut client = setup.initialized();
        client.create_session(json!({}));
        for _ in 0..5 {
            let session = client.create_session(json!({}));
            let source = json!({"code": STUBBORN, "language": "bash"});
            let (id, execution) = client.begin(json!({"sessionId": session, "source": source}));
            client.wait_for_output(&execution, "ready");
            client.request("session/close", json!({"sessionId": session}));
            assert_eq!(client.finished(id).outcome(), "killed");
        }
        eventually("one sandbox is left, and nothing in it", || {
            let programs = client.descendants().into_iter().filter(|pid| !is_ours(*pid)).count();
            programs == 0 && client.agents().len() == 1
        });
        client.allow_unclaimed();
    }
}
