//! Programs in a pseudo-terminal.

use codebeaker_agent::wire::{Reach, Spawn, TerminalSize, ToAgent};

use super::sandbox::{Sandbox, Setup, program, python, shell};

fn in_terminal(mut spawn: Spawn) -> Spawn {
    spawn.terminal = Some(TerminalSize { cols: 100, rows: 30 });
    spawn
}

#[test]
fn a_program_sees_a_terminal_of_the_size_asked_for_and_of_the_size_it_becomes() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let code = "import os,signal\n\
                print(os.isatty(0), os.isatty(1), os.isatty(2), os.get_terminal_size(), os.tcgetpgrp(0) == os.getpid(), flush=True)\n\
                signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH]); print('ready', flush=True)\n\
                signal.sigwait([signal.SIGWINCH]); print(os.get_terminal_size())";
    sandbox.spawn(in_terminal(python(1, code)));
    sandbox.started(1);
    sandbox.await_output(1, "ready\r\n");
    sandbox.send(&ToAgent::Resize { execution: 1, size: TerminalSize { cols: 33, rows: 44 } });
    let size = |cols, rows| format!("os.terminal_size(columns={cols}, lines={rows})");
    let expected = format!("True True True {} True\r\nready\r\n{}\r\n", size(100, 30), size(33, 44));
    assert_eq!(sandbox.finish(1).text(), expected);
    // One that has no terminal, and one that is over.
    sandbox.spawn(shell(2, "read line; exit 0"));
    for execution in 1..=2 {
        sandbox.send(&ToAgent::Resize { execution, size: TerminalSize { cols: 1, rows: 1 } });
    }
    sandbox.started(2);
    sandbox.finish(2);
}

#[test]
fn typing_reaches_a_program_line_by_line_and_ends() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    for (execution, typed) in [(1, "one\ntwo\n"), (2, "one\ntwo")] {
        sandbox.spawn(in_terminal(shell(execution, "stty -echo; echo ready; cat; echo end")));
        sandbox.started(execution);
        sandbox.await_output(execution, "ready");
        sandbox.type_in(execution, typed.as_bytes());
        sandbox.end_input(execution);
        let expected = format!("ready\r\n{}end\r\n", typed.replace('\n', "\r\n"));
        assert_eq!(sandbox.finish(execution).text(), expected);
    }
}

#[test]
fn a_typed_interrupt_and_one_from_the_daemon_reach_who_is_in_the_foreground() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.spawn(in_terminal(program(1, &["/bin/cat"])));
    sandbox.started(1);
    sandbox.type_in(1, b"x\n");
    sandbox.await_output(1, "x\r\nx\r\n");
    sandbox.type_in(1, b"\x03");
    assert_eq!(sandbox.finish(1).exited.signal, Some(libc::SIGINT));

    let shell_with_job = "import os,signal,time\n\
                          signal.signal(signal.SIGTTOU, signal.SIG_IGN)\n\
                          job = os.fork()\n\
                          if job == 0:\n\
                          \x20os.setpgid(0, 0); os.tcsetpgrp(0, os.getpid()); print('ready', flush=True); time.sleep(60)\n\
                          print(os.waitstatus_to_exitcode(os.waitpid(job, 0)[1]))";
    sandbox.spawn(in_terminal(python(2, shell_with_job)));
    sandbox.started(2);
    sandbox.await_output(2, "ready");
    sandbox.signal(2, libc::SIGQUIT, Reach::Foreground);
    let outcome = sandbox.finish(2);
    assert_eq!((outcome.text().as_str(), outcome.exited.code), ("ready\r\n-3\r\n", Some(0)));
}

#[test]
fn all_that_a_terminal_shows_arrives_and_all_that_is_pasted() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.spawn(in_terminal(shell(1, "stty raw; seq 1 100000")));
    sandbox.started(1);
    let expected: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
    assert!(sandbox.finish(1).text() == expected, "what came differs");

    let count = "import os,tty\n\
                 tty.setraw(0); os.write(1, b'ready')\n\
                 got = b''\n\
                 while len(got) < 200000: got += os.read(0, 1 << 16)\n\
                 os.write(1, b' same' if got == bytes(i % 250 for i in range(200000)) else b' differs')";
    sandbox.spawn(in_terminal(python(2, count)));
    sandbox.started(2);
    sandbox.await_output(2, "ready");
    let typed: Vec<u8> = (0..200_000_u32).map(|number| (number % 250) as u8).collect();
    sandbox.type_in(2, &typed);
    assert_eq!(sandbox.finish(2).text(), "ready same");
}

#[test]
fn a_moment_in_which_nobody_has_the_terminal_open_is_not_its_end() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let code = "import os,time\n\
                name = os.ttyname(0)\n\
                for fd in (0, 1, 2): os.close(fd)\n\
                time.sleep(0.1)\n\
                tty = os.open('/dev/tty', os.O_RDWR); os.write(tty, b'again')";
    assert_eq!(sandbox.run(in_terminal(python(1, code))).text(), "again");
}
