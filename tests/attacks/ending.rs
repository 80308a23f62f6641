//! Attacks on the end: of an execution, of a session, of the daemon.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::actor::each_actor;
use crate::daemon::Daemon;
use crate::harness::Place;
use crate::lab::Lab;

/// Ignores all it can, and has children everywhere.
const STUBBORN: &str = r#"
import os, signal, time
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
print("begin", flush=True)
end = time.monotonic() + 300
while time.monotonic() < end:
    time.sleep(0.01)
"#;

/// Prints as fast as it can.
const LOUD: &str = "print('begin', flush=True)\nwhile True: print('x' * 10000)";

fn code(session: &str, code: &str) -> Value {
    json!({"sessionId": session, "source": {"code": code, "language": "python"}})
}

/// What a daemon is busy with when its end comes.
#[derive(Debug, Clone, Copy)]
enum State {
    Idle,
    SessionOpen,
    Running,
    Loud,
    Queued,
    InTerminal,
    Creating,
}

const STATES: [State; 7] =
    [State::Idle, State::SessionOpen, State::Running, State::Loud, State::Queued, State::InTerminal, State::Creating];

fn bring(lab: &Lab, state: State) -> Daemon {
    let mut daemon = Daemon::start(lab, &[]);
    if matches!(state, State::Idle) {
        return daemon;
    }
    let session = daemon.session(json!({"language": "python", "limits": {"pids": 64}}));
    let printed = |message: &Value| {
        message["method"] == "execution/output"
            && message["params"]["data"].as_str().is_some_and(|data| data.contains("begin"))
    };
    match state {
        State::Idle | State::SessionOpen => {}
        State::Running => {
            daemon.ask("session/execute", code(&session, STUBBORN));
            daemon.wait("output", printed);
        }
        State::Loud => {
            daemon.ask("session/execute", code(&session, LOUD));
            daemon.wait("output", printed);
        }
        State::Queued => {
            for _ in 0..30 {
                daemon.ask("session/execute", code(&session, "import time; print('begin'); time.sleep(300)"));
            }
            daemon.wait("output", printed);
        }
        State::InTerminal => {
            let mut params = code(&session, STUBBORN);
            params["stdin"] = "pty".into();
            params["pty"] = json!({"cols": 80, "rows": 24});
            daemon.ask("session/execute", params);
            daemon.wait("output", printed);
        }
        State::Creating => {
            for _ in 0..4 {
                daemon.ask("session/create", lab.place.wish(json!({})));
            }
        }
    }
    daemon
}

pub(crate) fn nothing_is_left_however_the_daemon_ends(place: Place) {
    each_actor(place, async |mut lab| {
        for state in STATES {
            for end in ["end of input", "SIGTERM", "SIGKILL"] {
                println!("{state:?}, {end}");
                let mut daemon = bring(&lab, state);
                let made = daemon.made();
                match end {
                    "end of input" => daemon.hang_up(),
                    "SIGTERM" => daemon.signal(Signal::TERM),
                    _ => daemon.signal(Signal::KILL),
                }
                daemon.wait_for_end();
                made.assert_gone();
                daemon.assert_left_nothing();
            }
        }
        lab.host.assert_untouched("");
    });
}

pub(crate) fn what_a_killed_launcher_leaves_is_cleared_by_the_next_daemon(place: Place) {
    each_actor(place, async |lab| {
        for first in ["launchers", "daemon"] {
            let mut daemon = bring(&lab, State::Running);
            let made = daemon.made();
            let launchers: Vec<u32> = made.children(daemon.id());
            assert!(!launchers.is_empty(), "the attack meets nobody");
            if first == "daemon" {
                daemon.signal(Signal::KILL);
            }
            for launcher in launchers {
                let pid = rustix::process::Pid::from_raw(launcher.cast_signed()).expect("a process id");
                // One whose daemon is gone may have ended by itself already.
                println!("{first} first, kill {launcher}: {:?}", rustix::process::kill_process(pid, Signal::KILL));
            }
            if first == "launchers" {
                daemon.signal(Signal::KILL);
            }
            daemon.wait_for_end();
            made.assert_processes_gone();
            let next = Daemon::start(&lab, &[]);
            made.assert_gone();
            next.stop();
        }
    });
}

pub(crate) fn cancel_time_out_and_close_together_give_one_end_and_one_answer(place: Place) {
    each_actor(place, async |lab| {
        let mut daemon = Daemon::start(&lab, &[]);
        let mut asked = Vec::new();
        // Each round takes a sandbox of its own, and a program takes its time to start in gVisor.
        let (rounds, pace) = match place {
            Place::Native => (24, 1),
            Place::Docker => (8, 3),
            Place::Gvisor => (8, 20),
        };
        for round in 0..rounds {
            let session = daemon.session(json!({"language": "python", "limits": {"pids": 64}}));
            for number in 0..3 {
                let mut params = code(&session, "import time\nprint('begin', flush=True)\ntime.sleep(300)");
                params["timeoutMs"] = (1 + pace * ((round * 7 + number * 13) % 60)).into();
                let execution = daemon.ask("session/execute", params);
                asked.push(execution);
                if (round + number) % 2 == 0 {
                    daemon.notify("$/cancelRequest", json!({"id": execution}));
                }
            }
            std::thread::sleep(std::time::Duration::from_millis(round * 3 * pace));
            asked.push(daemon.ask("session/close", json!({"sessionId": session})));
            if round % 3 == 0 {
                asked.push(daemon.ask("session/close", json!({"sessionId": session})));
            }
            asked.push(daemon.ask("session/execute", code(&session, "print(1)")));
        }
        for id in &asked {
            daemon.answer(*id);
        }
        // What comes after the last answer would be one too many.
        daemon.request("server/info", json!({}));
        let messages = daemon.messages();
        for id in &asked {
            let answers = messages.iter().filter(|message| message["id"] == *id && message.get("method").is_none());
            assert_eq!(answers.count(), 1, "HOLE: request {id} was answered more than once");
        }
        let told = |method: &str| -> Vec<String> {
            let of_method = messages.iter().filter(|message| message["method"] == method);
            of_method.map(|message| message["params"]["executionId"].to_string()).collect()
        };
        let (started, mut exited) = (told("execution/started"), told("execution/exited"));
        let count = exited.len();
        exited.sort();
        exited.dedup();
        assert_eq!(exited.len(), count, "HOLE: an execution ended twice");
        for execution in &started {
            assert!(exited.contains(execution), "HOLE: {execution} started and never ended");
        }
        println!("{} asked, {} started, {count} ended", asked.len(), started.len());
        assert!(!started.is_empty(), "the races never met a running program");
        daemon.stop();
    });
}

/// Shows what runs beside the agent, whose processes have the name of PID 1, and this program.
const OTHERS: &str = "
import os
def name(pid):
    try: return open(f'/proc/{pid}/comm').read().strip()
    except OSError: return None
pids = [pid for pid in os.listdir('/proc') if pid.isdigit() and pid != str(os.getpid())]
print('\\nothers', [found for found in map(name, pids) if found not in (None, name(1))])
";

pub(crate) fn a_stubborn_program_ends_at_its_time_out_and_the_session_goes_on(place: Place) {
    each_actor(place, async |lab| {
        let mut daemon = Daemon::start(&lab, &[]);
        let session = daemon.session(json!({"language": "python", "limits": {"pids": 64}}));
        let spin = "import signal\nfor n in range(1, 65):\n  try: signal.signal(n, signal.SIG_IGN)\n  \
                    except Exception: pass\nwhile True: pass";
        let stop = "import os, signal\nwhile True: os.kill(0, signal.SIGSTOP)";
        let bomb = "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass";
        for program in [STUBBORN, LOUD, spin, stop, bomb] {
            let mut params = code(&session, program);
            params["timeoutMs"] = 300.into();
            let result = daemon.request("session/execute", params);
            assert_eq!(result["outcome"], "timeout", "{result}");
            let after = daemon.python(&session, OTHERS);
            assert_eq!(after["outcome"], "ok", "{after}");
        }
        let printed = daemon.printed(&session);
        let others: Vec<&str> = printed.lines().filter(|line| line.starts_with("others")).collect();
        assert!(others.len() == 5 && others.iter().all(|left| *left == "others []"), "HOLE: {others:?}");
        daemon.stop();
    });
}
