//! Programs that turn on the agent, its shims and each other.

use codebeaker_agent::plan::Protection;
use codebeaker_agent::wire::{FileOp, FileReply, Reach};

use super::sandbox::{Sandbox, Setup, python, shell};

/// How many processes there are beside the agent and those of the execution that counts.
fn others(sandbox: &mut Sandbox, execution: u32) -> String {
    let code = "import os\n\
                mine = {1, os.getpid(), os.getppid()}\n\
                print(sum(p.isdigit() and int(p) not in mine for p in os.listdir('/proc')))";
    sandbox.run(python(execution, code)).text().trim().to_owned()
}

/// Code that leaves a process which is hard to kill, then goes on.
const LEAVE: &str = "import os,signal,time\n\
                     if os.fork() == 0:\n\
                     \x20os.setsid()\n\
                     \x20if os.fork() == 0:\n\
                     \x20 for s in range(1, 65):\n\
                     \x20  try: signal.signal(s, signal.SIG_IGN)\n\
                     \x20  except (OSError, ValueError): pass\n\
                     \x20 while True: time.sleep(1)\n\
                     \x20os._exit(0)\n\
                     time.sleep(0.1)\n";

#[test]
fn killing_the_shim_saves_nobody() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let code = format!("{LEAVE}os.kill(os.getppid(), 9)\nwhile True: time.sleep(1)");
    sandbox.spawn(python(1, &code));
    // What it prints before is not lost either, and another execution is not touched.
    sandbox.spawn(shell(2, "echo here; exec sleep 60"));
    sandbox.started(1);
    sandbox.started(2);
    let outcome = sandbox.finish(1);
    assert_eq!((outcome.exited.code, outcome.exited.signal), (None, Some(libc::SIGKILL)));
    sandbox.await_output(2, "here");
    // The other sleeps on below its shim.
    assert_eq!(others(&mut sandbox, 3), "2");
    sandbox.signal(2, libc::SIGKILL, Reach::Tree);
    sandbox.finish(2);
    assert_eq!(others(&mut sandbox, 4), "0");
}

#[test]
fn a_stopped_shim_goes_on() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let outcome = sandbox.run(shell(1, "kill -STOP $PPID; sleep 0.1; exit 6"));
    assert_eq!(outcome.exited.code, Some(6));
    // Everybody at once, itself included; only the daemon can end that.
    sandbox.spawn(shell(2, "echo now; kill -STOP -1; kill -STOP $$"));
    sandbox.started(2);
    sandbox.await_output(2, "now");
    sandbox.signal(2, libc::SIGKILL, Reach::Tree);
    assert_eq!(sandbox.finish(2).exited.signal, Some(libc::SIGKILL));
    assert_eq!(others(&mut sandbox, 3), "0");
}

#[test]
fn a_shim_that_waits_may_be_killed_or_stopped() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let attack = |signal: &str| {
        format!(
            "import os,sys\n\
             print('ready', flush=True); sys.stdin.readline()\n\
             others = [int(p) for p in os.listdir('/proc') if p.isdigit() and int(p) not in (1, os.getpid(), os.getppid())]\n\
             for p in others: os.kill(p, {signal})\n\
             print(len(others), flush=True); sys.stdin.readline()"
        )
    };
    for (first, signal) in [(1, "9"), (11, "19")] {
        let mut attacker = python(first, &attack(signal));
        attacker.stdin = true;
        sandbox.spawn(attacker);
        sandbox.started(first);
        sandbox.await_output(first, "ready");
        // Its shim is left waiting.
        assert_eq!(sandbox.run(shell(first + 1, "exit 4")).exited.code, Some(4));
        sandbox.type_in(first, b"go\n");
        sandbox.await_output(first, "1\n");
        assert_eq!(sandbox.run(shell(first + 2, "exit 5")).exited.code, Some(5));
        sandbox.end_input(first);
        assert_eq!(sandbox.finish(first).exited.code, Some(0));
    }
}

#[test]
fn killing_everybody_leaves_the_agent_which_tells_of_all() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.spawn(shell(1, "echo one; exec sleep 60"));
    sandbox.started(1);
    sandbox.await_output(1, "one");
    // To 1 itself every signal is sent in vain.
    sandbox.spawn(python(
        2,
        "import os\nfor s in range(1, 65): os.kill(1, s)\nprint('sent', flush=True)\nos.kill(-1, 9)\nos.kill(os.getpid(), 9)",
    ));
    sandbox.started(2);
    let mut signals = Vec::new();
    for _ in 0..2 {
        match sandbox.message() {
            codebeaker_agent::wire::FromAgent::Exited(exited) => signals.push(exited.signal),
            other => panic!("not exited: {other:?}"),
        }
    }
    assert_eq!(signals, [Some(libc::SIGKILL); 2]);
    sandbox.await_output(2, "sent");
    assert_eq!(others(&mut sandbox, 3), "0");
}

#[test]
fn neither_agent_nor_shim_is_open_to_a_program() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let code = "import os,ctypes\n\
                for pid in (1, os.getppid()):\n\
                \x20for name in ('mem', 'environ', 'fd', 'cwd', 'root', 'exe', 'map_files'):\n\
                \x20 path = f'/proc/{pid}/{name}'\n\
                \x20 for look in (os.listdir, os.readlink, lambda p: open(p, 'rb').read(1)):\n\
                \x20  try: print(path, look(path))\n\
                \x20  except OSError: pass\n\
                \x20if ctypes.CDLL(None).ptrace(16, pid, 0, 0) == 0: print('traced', pid)\n\
                print('own', len(os.listdir('/proc/self/fd')))";
    assert_eq!(sandbox.run(python(1, code)).text(), "own 4\n");
}

#[test]
fn a_fork_bomb_is_bounded_and_is_killed_while_others_work() {
    let setup = Setup { processes: Some((60, 90)), ..Setup::default() };
    let Some(mut sandbox) = Sandbox::start(setup) else { return };
    for (execution, aside) in [(1, "pass"), (3, "os.setsid()")] {
        let bomb = format!(
            "import os\nprint('lit', flush=True)\n\
             while True:\n\x20try:\n\x20 if os.fork() == 0: {aside}\n\x20except OSError: pass"
        );
        sandbox.spawn(python(execution, &bomb));
        sandbox.started(execution);
        sandbox.await_output(execution, "lit");
        std::thread::sleep(std::time::Duration::from_millis(300));
        // The agent answers, and has room for a process of its own.
        assert!(matches!(sandbox.file(FileOp::Stat { path: Vec::new() }), Ok(FileReply::Stat { .. })));
        sandbox.signal(execution, libc::SIGKILL, Reach::Tree);
        assert_eq!(sandbox.finish(execution).exited.signal, Some(libc::SIGKILL));
        assert_eq!(others(&mut sandbox, execution + 1), "0");
    }
}

#[test]
fn a_fork_bomb_that_kills_its_shim_is_killed_too() {
    let setup = Setup { processes: Some((60, 90)), ..Setup::default() };
    let Some(mut sandbox) = Sandbox::start(setup) else { return };
    let bomb = "import os\n\
                shim = os.getppid()\n\
                for _ in range(5): os.fork()\n\
                try: os.kill(shim, 9)\n\
                except OSError: pass\n\
                while True:\n\
                \x20try:\n\
                \x20 if os.fork() == 0: os.setsid()\n\
                \x20except OSError: pass";
    sandbox.spawn(python(1, bomb));
    sandbox.started(1);
    assert_eq!(sandbox.finish(1).exited.signal, Some(libc::SIGKILL));
    assert_eq!(others(&mut sandbox, 2), "0");
}

#[test]
fn without_the_sweep_what_is_left_behind_lives_on() {
    let Some(mut sandbox) = Sandbox::start(Setup { without: vec![Protection::Sweep], ..Setup::default() }) else {
        return;
    };
    assert_eq!(sandbox.run(python(1, &format!("{LEAVE}os._exit(5)"))).exited.code, Some(5));
    assert_eq!(others(&mut sandbox, 2), "1");
}

#[test]
fn without_the_watch_memory_is_taken() {
    let setup =
        Setup { without: vec![Protection::MemoryWatch], watched_memory_bytes: Some(32 << 20), ..Setup::default() };
    let Some(mut sandbox) = Sandbox::start(setup) else { return };
    let outcome = sandbox.run(python(1, "x = bytearray(100 << 20)\nimport time; time.sleep(0.3)"));
    assert_eq!((outcome.exited.code, outcome.exited.cause), (Some(0), None));
}

#[test]
fn with_the_stream_everything_ends() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.spawn(python(1, &format!("{LEAVE}print(os.stat('/proc/self/ns/pid').st_ino, flush=True); time.sleep(60)")));
    sandbox.started(1);
    sandbox.await_output(1, "\n");
    let namespace = String::from_utf8(sandbox.data.pop_first().unwrap().1).unwrap();
    assert_eq!(sandbox.hang_up(), 0);
    let link = format!("pid:[{}]", namespace.trim());
    let inside = std::fs::read_dir("/proc").unwrap().flatten().filter(|process| {
        std::fs::read_link(process.path().join("ns/pid")).is_ok_and(|found| found.to_string_lossy() == link)
    });
    assert_eq!(inside.count(), 0);
}
