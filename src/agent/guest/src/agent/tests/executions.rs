//! Programs: how they start, how they end, what they find, and what remains of them.

use codebeaker_agent::frame::{Channel, Stream};
use codebeaker_agent::wire::{Cause, ExecutionLimits, FromAgent, Reach};

use super::sandbox::{Sandbox, Setup, WORKSPACE, program, python, shell};

#[test]
fn a_program_tells_what_it_has_to_and_how_it_ended() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let outcome = sandbox.run(shell(1, "echo out; echo err >&2; exit 3"));
    assert_eq!((outcome.text().as_str(), outcome.stderr.as_slice()), ("out\n", &b"err\n"[..]));
    assert_eq!((outcome.exited.code, outcome.exited.signal, outcome.exited.cause), (Some(3), None, None));
    assert!(outcome.exited.peak_memory_bytes > 0);
    let outcome = sandbox.run(shell(2, "kill -SEGV $$"));
    assert_eq!((outcome.exited.code, outcome.exited.signal), (None, Some(libc::SIGSEGV)));
    assert_eq!(sandbox.hang_up(), 0);
}

#[test]
fn a_program_finds_the_environment_it_was_given_and_nothing_else() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let mut spawn = python(
        1,
        "import os,signal,time\n\
         def adj(): return open('/proc/self/oom_score_adj').read().strip()\n\
         while adj() == '0': time.sleep(0.01)\n\
         print(sorted(os.environ), os.getcwd(), os.getpid() == os.getsid(0) == os.getpgrp())\n\
         print(sorted(os.listdir('/proc/self/fd')))\n\
         print(signal.pthread_sigmask(signal.SIG_BLOCK, []), adj())\n\
         print(open('/proc/self/status').read().split('SigIgn:')[1].split()[0], oct(os.umask(0)))",
    );
    spawn.env.push(("KEY".to_owned(), "a=b".to_owned()));
    let outcome = sandbox.run(spawn);
    // Python ignores SIGPIPE and SIGXFSZ by itself; the fourth descriptor is the one that lists.
    let expected =
        format!("['KEY', 'PATH'] {WORKSPACE} True\n['0', '1', '2', '3']\nset() 500\n0000000001001000 0o22\n");
    assert_eq!(outcome.text().replace("'LC_CTYPE', ", "").replace(", 'LC_CTYPE'", ""), expected);
}

#[test]
fn what_cannot_be_started_says_where_it_failed() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let mut cases = vec![
        (program(0, &["no-such-program"]), ("find program", libc::ENOENT)),
        (program(0, &["./no-such-program"]), ("find program", libc::ENOENT)),
        (program(0, &["/tmp"]), ("execute", libc::EACCES)),
        (program(0, &[]), ("read arguments", libc::EINVAL)),
        (program(0, &["/bin/true", "a\0b"]), ("read arguments", libc::EINVAL)),
    ];
    let mut elsewhere = program(0, &["/bin/true"]);
    elsewhere.cwd = "/nowhere".to_owned();
    cases.push((elsewhere.clone(), ("enter directory", libc::ENOENT)));
    elsewhere.cwd = "/proc/self/fd/0".to_owned();
    cases.push((elsewhere, ("enter directory", libc::ENOTDIR)));
    let mut pathless = program(0, &["true"]);
    pathless.env.clear();
    cases.push((pathless, ("find program", libc::ENOENT)));
    for (number, (mut spawn, expected)) in cases.into_iter().enumerate() {
        spawn.execution = number as u32 + 1;
        let execution = spawn.execution;
        sandbox.spawn(spawn);
        let (step, errno) = sandbox.not_started(execution);
        assert_eq!((step.as_str(), errno), expected);
    }
    let script = "printf '#!/no/interpreter\\n' > lost; printf 'echo\\n' > raw; chmod +x lost raw";
    assert_eq!(sandbox.run(shell(20, script)).exited.code, Some(0));
    sandbox.spawn(program(21, &["./lost"]));
    assert_eq!(sandbox.not_started(21), ("execute".to_owned(), libc::ENOENT));
    // No shell is put in front of what has no interpreter.
    sandbox.spawn(program(22, &["./raw"]));
    assert_eq!(sandbox.not_started(22), ("execute".to_owned(), libc::ENOEXEC));
    assert_eq!(sandbox.run(program(23, &["true"])).exited.code, Some(0));
}

#[test]
fn a_signal_reaches_the_group_or_the_whole_tree() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.spawn(shell(1, "trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.01; done"));
    sandbox.started(1);
    sandbox.await_output(1, "ready");
    sandbox.signal(1, libc::SIGINT, Reach::Foreground);
    let outcome = sandbox.finish(1);
    assert_eq!((outcome.text().as_str(), outcome.exited.code), ("ready\ncaught\n", Some(7)));

    // One that left group and session is reached by the tree alone.
    let aside = "import os,signal,time\n\
                 signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b'usr1 '))\n\
                 if os.fork() == 0: os.setsid()\n\
                 os.write(1, b'ready ')\n\
                 while True: time.sleep(1)";
    sandbox.spawn(python(2, aside));
    sandbox.started(2);
    sandbox.await_output(2, "ready ready ");
    sandbox.signal(2, libc::SIGUSR1, Reach::Tree);
    sandbox.await_output(2, "usr1 usr1 ");
    sandbox.signal(2, libc::SIGKILL, Reach::Tree);
    let outcome = sandbox.finish(2);
    assert_eq!((outcome.exited.signal, outcome.exited.cause), (Some(libc::SIGKILL), None));
    // It has ended, so nothing happens.
    sandbox.signal(2, libc::SIGKILL, Reach::Tree);
    assert_eq!(sandbox.run(program(3, &["/bin/true"])).exited.code, Some(0));
}

#[test]
fn a_signal_that_comes_before_the_program_runs_is_kept() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    for execution in 1..20 {
        sandbox.spawn(shell(execution, "sleep 60"));
        sandbox.signal(execution, libc::SIGKILL, Reach::Tree);
        sandbox.started(execution);
        assert_eq!(sandbox.finish(execution).exited.signal, Some(libc::SIGKILL));
    }
    sandbox.spawn(program(20, &["/bin/sleep", "60"]));
    sandbox.signal(20, libc::SIGTERM, Reach::Foreground);
    sandbox.started(20);
    assert_eq!(sandbox.finish(20).exited.signal, Some(libc::SIGTERM));
}

#[test]
fn what_a_program_leaves_behind_is_gone_when_it_is_said_to_have_exited() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    // A daemon of the old school, one that ignores what it can, and one that is stopped.
    let leaver = "import os,signal,time\n\
                  def aside(then):\n\
                  \x20if os.fork() == 0:\n\
                  \x20 os.setsid()\n\
                  \x20 if os.fork() == 0:\n\
                  \x20  for s in range(1, 65):\n\
                  \x20   try: signal.signal(s, signal.SIG_IGN)\n\
                  \x20   except (OSError, ValueError): pass\n\
                  \x20  then()\n\
                  \x20  while True: time.sleep(1)\n\
                  \x20 os._exit(0)\n\
                  aside(lambda: None); aside(lambda: os.kill(os.getpid(), signal.SIGSTOP)); aside(os.setsid if 0 else os.fork)\n\
                  time.sleep(0.2); os._exit(5)";
    let outcome = sandbox.run(python(1, leaver));
    assert_eq!(outcome.exited.code, Some(5));
    assert_eq!(processes(&mut sandbox, 2), "1 ps");
}

/// The names of all processes but the shim that counts them.
fn processes(sandbox: &mut Sandbox, execution: u32) -> String {
    let code = "import os\n\
                mine = {os.getpid(), os.getppid()}\n\
                print(sum(p.isdigit() and int(p) not in mine for p in os.listdir('/proc')), 'ps')";
    sandbox.run(python(execution, code)).text().trim().to_owned()
}

#[test]
fn orphans_and_zombies_are_reaped() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let code = "import os,time\n\
                for _ in range(300):\n\
                \x20p = os.fork()\n\
                \x20if p == 0:\n\
                \x20 if os.fork() == 0: os._exit(0)\n\
                \x20 os._exit(0)\n\
                \x20os.waitpid(p, 0)\n\
                deadline = time.time() + 30\n\
                def state(p):\n\
                \x20try: return open(f'/proc/{p}/stat').read().split()[2]\n\
                \x20except OSError: return ''\n\
                def zombies(): return sum(state(p) == 'Z' for p in os.listdir('/proc') if p.isdigit())\n\
                while zombies() and time.time() < deadline: time.sleep(0.01)\n\
                print(zombies())";
    assert_eq!(sandbox.run(python(1, code)).text(), "0\n");
}

#[test]
fn limits_of_an_execution_hold_for_it_alone() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let code = "import os,resource as r\n\
                print(len(os.sched_getaffinity(0)), r.getrlimit(r.RLIMIT_NOFILE), r.getrlimit(r.RLIMIT_FSIZE))\n\
                n = 0\n\
                try:\n\
                \x20while n < 50:\n\
                \x20 if os.fork() == 0:\n\
                \x20  import time; time.sleep(60)\n\
                \x20 n += 1\n\
                except BlockingIOError: pass\n\
                print(n)";
    let mut spawn = python(1, code);
    spawn.limits = ExecutionLimits {
        memory_bytes: None,
        processes: Some(6),
        open_files: Some(32),
        file_bytes: Some(4096),
        processors: Some(1),
    };
    let outcome = sandbox.run(spawn);
    // The program is one of the six.
    assert_eq!(outcome.text(), "1 (32, 32) (4096, 4096)\n5\n");
    let unlimited = sandbox.run(python(2, "import resource as r; print(r.getrlimit(r.RLIMIT_FSIZE)[0])"));
    assert_eq!(unlimited.text(), "-1\n");
}

#[test]
fn who_takes_too_much_memory_is_killed_and_told_apart() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let mut spawn = python(1, "x = bytearray(300 << 20)\nimport time; time.sleep(60)");
    spawn.limits.memory_bytes = Some(64 << 20);
    let outcome = sandbox.run(spawn);
    assert_eq!((outcome.exited.signal, outcome.exited.cause), (Some(libc::SIGKILL), Some(Cause::Memory)));
    assert!(outcome.exited.peak_memory_bytes > 64 << 20);

    // Shared memory, and many processes with a little each.
    let shared =
        "import mmap,time\nm = mmap.mmap(-1, 300 << 20)\nfor i in range(0, 300 << 20, 4096): m[i] = 1\ntime.sleep(60)";
    let many = "import os,time\nfor _ in range(8):\n\x20if os.fork() == 0:\n\x20 x = bytearray(30 << 20)\n\x20 time.sleep(60)\ntime.sleep(60)";
    for (execution, code) in [(2, shared), (3, many)] {
        let mut spawn = python(execution, code);
        spawn.limits.memory_bytes = Some(128 << 20);
        assert_eq!(sandbox.run(spawn).exited.cause, Some(Cause::Memory));
    }
    // What forks share counts once.
    let forks = "import os,time\nx = bytearray(60 << 20)\n\
                 ps = [os.fork() for _ in range(1)]\n\
                 if ps[0] == 0: os.fork(); os.fork()\n\
                 time.sleep(0.5)";
    let mut spawn = python(4, forks);
    spawn.limits.memory_bytes = Some(128 << 20);
    let outcome = sandbox.run(spawn);
    assert_eq!((outcome.exited.code, outcome.exited.cause), (Some(0), None));
}

#[test]
fn over_the_limit_of_the_session_the_largest_goes() {
    let Some(mut sandbox) = Sandbox::start(Setup { watched_memory_bytes: Some(160 << 20), ..Setup::default() }) else {
        return;
    };
    let hold = |execution, mib: u32| {
        python(
            execution,
            &format!("x = bytearray({mib} << 20)\nprint('held', flush=True)\nimport time; time.sleep(60)"),
        )
    };
    sandbox.spawn(hold(1, 40));
    sandbox.started(1);
    sandbox.await_output(1, "held");
    sandbox.spawn(hold(2, 300));
    sandbox.started(2);
    assert_eq!(sandbox.exited(2).cause, Some(Cause::Memory));
    sandbox.signal(1, libc::SIGKILL, Reach::Tree);
    assert_eq!(sandbox.exited(1).cause, None);
}

#[test]
fn many_executions_at_once_do_not_get_into_each_others_way() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    for execution in 1..=40 {
        sandbox.spawn(shell(execution, &format!("read line; echo {execution} $line; exit {execution}")));
    }
    let mut codes = std::collections::BTreeMap::new();
    while codes.len() < 40 {
        if let FromAgent::Exited(exited) = sandbox.message() {
            codes.insert(exited.execution, exited.code);
        }
    }
    for execution in 1..=40 {
        assert_eq!(codes[&execution], Some(execution as i32));
        let channel = Channel::of(execution, Stream::Stdout).0;
        while !sandbox.ended.contains(&channel) {
            assert!(sandbox.step());
        }
        assert_eq!(sandbox.data[&channel], format!("{execution}\n").into_bytes());
    }
}

#[test]
fn an_environment_may_be_longer_than_an_order_to_a_waiting_shim() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    for execution in 1..=4 {
        let mut spawn = python(execution, "import os; print(len(os.environ['A'] + os.environ['B']))");
        let long = "x".repeat(100_000 * (execution as usize % 2));
        spawn.env = vec![("A".to_owned(), long.clone()), ("B".to_owned(), long.clone())];
        assert_eq!(sandbox.run(spawn).text(), format!("{}\n", 2 * long.len()));
    }
    let mut spawn = program(5, &["/bin/true"]);
    spawn.env = vec![("A".to_owned(), "x".repeat(200_000))];
    sandbox.spawn(spawn);
    assert_eq!(sandbox.not_started(5), ("execute".to_owned(), libc::E2BIG));
}
