//! The stream on a program's descriptor 3: both ways whole, in order, and nobody else's.

use codebeaker_agent::frame::{Channel, Kind, STREAM_WINDOW, Stream};
use codebeaker_agent::wire::{Reach, TerminalSize, ToAgent};

use super::sandbox::{Sandbox, Setup, program, python, shell, with_side};
use crate::agent::inbound::VIOLATION;

const ECHO: &str = "import socket\n\
                    s = socket.socket(fileno=3)\n\
                    assert s.family == socket.AF_UNIX and s.type == socket.SOCK_STREAM\n\
                    while data := s.recv(1 << 16): s.sendall(data)\n\
                    s.sendall(b'over'); print('done')";

#[test]
fn it_goes_both_ways_and_each_way_ends_by_itself() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.spawn(with_side(python(1, ECHO)));
    sandbox.started(1);
    let text: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let (mut said, mut heard) = (0, Vec::new());
    while said < text.len() {
        let now = (said + sandbox.room(1, said)).min(text.len());
        if now == said {
            assert!(sandbox.step());
        }
        sandbox.say(1, &text[said..now]);
        said = now;
        heard.extend(sandbox.data.remove(&Channel::of(1, Stream::Side).0).unwrap_or_default());
    }
    sandbox.shut(1);
    heard.extend(sandbox.hear_out(1));
    assert!(heard.strip_suffix(b"over").is_some_and(|echo| echo == text), "what came back differs");
    assert_eq!(sandbox.finish(1).text(), "done\n");
}

#[test]
fn it_is_there_however_the_program_was_started_and_for_that_one_alone() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let list = "print(*sorted(int(fd) for fd in __import__('os').listdir('/proc/self/fd'))[:-1])";
    // The first by a shim that waits, the rest by new ones, whose descriptors have other numbers.
    for execution in 1..=6 {
        let mut spawn = with_side(python(execution, ECHO));
        if execution % 2 == 0 {
            spawn.terminal = Some(TerminalSize { cols: 80, rows: 24 });
        }
        sandbox.spawn(spawn);
    }
    for execution in 1..=6 {
        sandbox.started(execution);
        sandbox.say(execution, &execution.to_le_bytes());
        assert_eq!(sandbox.hear(execution, 4), execution.to_le_bytes());
    }
    assert_eq!(sandbox.run(python(7, list)).text(), "0 1 2\n");
    sandbox.spawn(with_side(python(8, list)));
    sandbox.started(8);
    assert_eq!(sandbox.finish(8).text(), "0 1 2 3\n");
    for execution in 1..=6 {
        sandbox.shut(execution);
        assert_eq!(sandbox.hear_out(execution), b"over");
        assert_eq!(sandbox.exited(execution).code, Some(0));
    }
}

#[test]
fn a_program_can_keep_it_from_its_children() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let code = "import os, subprocess\n\
                def child(): subprocess.run(['/bin/sh', '-c', 'if [ -e /proc/self/fd/3 ]; then echo has; else echo lacks; fi'], close_fds=False)\n\
                child(); os.set_inheritable(3, False); child()";
    sandbox.spawn(with_side(python(1, code)));
    sandbox.started(1);
    assert_eq!(sandbox.finish(1).text(), "has\nlacks\n");
}

#[test]
fn what_is_said_there_comes_before_what_is_printed_afterwards() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    const LINES: usize = 200_000;
    let code = format!("import os\nfor _ in range({LINES}): os.write(3, b's'); os.write(1, b'o'); os.write(2, b'e')");
    sandbox.spawn(with_side(python(1, &code)));
    sandbox.started(1);
    let [side, stdout, stderr] = [Stream::Side, Stream::Stdout, Stream::Stderr].map(|stream| Channel::of(1, stream).0);
    let mut printed = 0;
    while printed < 2 * LINES {
        assert!(sandbox.step());
        let length = |channel| sandbox.data.get(&channel).map_or(0, Vec::len);
        assert!(length(side) >= length(stdout), "{} of {}", length(side), length(stdout));
        assert!(length(side) >= length(stderr), "{} of {}", length(side), length(stderr));
        printed = length(stdout) + length(stderr);
    }
    assert_eq!(sandbox.hear_out(1).len(), LINES);
    sandbox.finish(1);
}

#[test]
fn unread_it_holds_up_nothing_but_itself() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.generous = false;
    let code = "import os, threading, time\n\
                def flood():\n\
                \twhile True: os.write(3, b'x' * 65536)\n\
                threading.Thread(target=flood, daemon=True).start()\n\
                time.sleep(0.3); print('printed', flush=True); time.sleep(60)";
    sandbox.spawn(with_side(python(1, code)));
    sandbox.started(1);
    sandbox.await_output(1, "printed");
    let side = Channel::of(1, Stream::Side);
    assert_eq!(sandbox.data[&side.0].len(), STREAM_WINDOW as usize);
    sandbox.signal(1, libc::SIGKILL, Reach::Tree);
    assert_eq!(sandbox.exited(1).signal, Some(libc::SIGKILL));
    // What it said before it was killed is still there.
    sandbox.send_frame(Kind::Credit, side, &(u32::MAX / 2).to_le_bytes());
    assert!(sandbox.hear_out(1).len() > STREAM_WINDOW as usize);
}

#[test]
fn it_ends_with_its_execution_whoever_else_holds_it() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let keep = "import socket,time\n\
                s = socket.socket(socket.AF_UNIX); s.bind('/tmp/keep'); s.listen()\n\
                print('listening', flush=True)\n\
                c, _ = s.accept(); held = socket.recv_fds(c, 1, 1)\n\
                c.sendall(b'x'); print('held', flush=True); time.sleep(60)";
    let give = "import os, socket\n\
                os.write(3, b'last')\n\
                s = socket.socket(socket.AF_UNIX); s.connect('/tmp/keep')\n\
                socket.send_fds(s, [b'x'], [3]); s.recv(1)";
    sandbox.spawn(python(1, keep));
    sandbox.started(1);
    sandbox.await_output(1, "listening");
    sandbox.spawn(with_side(python(2, give)));
    sandbox.started(2);
    sandbox.await_output(1, "held");
    assert_eq!(sandbox.hear_out(2), b"last");
    assert_eq!(sandbox.finish(2).exited.code, Some(0));
    // What still comes for it is nobody's.
    sandbox.say(2, b"late");
    sandbox.shut(2);
    sandbox.send(&ToAgent::Disconnect { conduit: 2 });
    sandbox.signal(1, libc::SIGKILL, Reach::Tree);
    sandbox.finish(1);
}

#[test]
fn the_daemon_can_let_go_of_it_while_the_program_runs_on() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    // The other end stops to send a moment before it is gone.
    let code = "import os, select, socket\n\
                s = socket.socket(fileno=3); s.sendall(b'hello')\n\
                print('read', len(s.recv(1)))\n\
                gone = select.poll(); gone.register(s, 0); gone.poll(30000)\n\
                try: s.sendall(b'x')\n\
                except OSError as error: print(error.errno)";
    sandbox.spawn(with_side(python(1, code)));
    sandbox.started(1);
    assert_eq!(sandbox.hear(1, 5), b"hello");
    sandbox.send(&ToAgent::Disconnect { conduit: 1 });
    assert_eq!(sandbox.finish(1).text(), format!("read 0\n{}\n", libc::EPIPE));
    assert_eq!(sandbox.hear_out(1), b"");
}

#[test]
fn a_descriptor_that_is_sent_through_it_stays_with_nobody() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let code = "import os, socket\n\
                s = socket.socket(fileno=3); r, w = os.pipe()\n\
                for _ in range(100): socket.send_fds(s, [b'x'], [w])\n\
                s.recv(1); os.close(w); print('end', len(os.read(r, 1)))";
    sandbox.spawn(with_side(python(1, code)));
    sandbox.started(1);
    // Each message is read by itself, because of what it carries; none is left lying.
    assert_eq!(sandbox.hear(1, 100), [b'x'; 100]);
    sandbox.say(1, b"go");
    assert_eq!(sandbox.finish(1).text(), "end 0\n");
}

#[test]
fn a_program_that_is_not_started_has_none() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.spawn(with_side(program(1, &["/nowhere"])));
    assert_eq!(sandbox.not_started(1).1, libc::ENOENT);
    sandbox.spawn(with_side(shell(2, "echo fine >&3")));
    sandbox.started(2);
    assert_eq!(sandbox.hear_out(2), b"fine\n");
    assert!(!sandbox.ended.contains(&Channel::of(1, Stream::Side).0));
    sandbox.finish(2);
}

#[test]
fn more_than_was_granted_ends_the_sandbox() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.spawn(with_side(program(1, &["/bin/sleep", "60"])));
    sandbox.started(1);
    // A socket takes a few hundred KiB, for which there is credit again.
    sandbox.say(1, &vec![0; 8 * STREAM_WINDOW as usize]);
    assert_eq!(sandbox.gone(), VIOLATION);
}
