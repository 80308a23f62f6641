//! Bytes to and from programs: nothing lost, nothing in the way of control, nothing without credit.

use codebeaker_agent::frame::{Channel, Kind, STREAM_WINDOW, Stream};
use codebeaker_agent::wire::{FileOp, FileReply, Reach, Spawn};

use super::sandbox::{Sandbox, Setup, program, python, shell};
use crate::agent::inbound::VIOLATION;

fn with_stdin(mut spawn: Spawn) -> Spawn {
    spawn.stdin = true;
    spawn
}

#[test]
fn what_is_written_to_a_program_reaches_it_whole_and_ends() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.spawn(with_stdin(program(1, &["/bin/cat"])));
    sandbox.started(1);
    sandbox.type_in(1, b"one ");
    sandbox.await_output(1, "one ");
    let text: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let (mut sent, channel) = (0, Channel::of(1, Stream::Stdin).0);
    while sent < text.len() {
        let granted = sandbox.credit.get(&channel).copied().unwrap_or(0) as usize + STREAM_WINDOW as usize - 4;
        let now = granted.min(text.len());
        if now == sent {
            assert!(sandbox.step());
            continue;
        }
        sandbox.type_in(1, &text[sent..now]);
        sent = now;
    }
    sandbox.end_input(1);
    let outcome = sandbox.finish(1);
    assert_eq!(outcome.exited.code, Some(0));
    assert!(outcome.stdout[4..] == text, "what came back differs");
    // Without a channel there is nothing to read.
    assert_eq!(sandbox.run(program(2, &["/bin/cat"])).stdout, b"");
}

#[test]
fn what_a_program_does_not_read_is_dropped_and_granted_again() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.spawn(with_stdin(shell(1, "exec <&-; echo closed; exec sleep 60")));
    sandbox.started(1);
    sandbox.await_output(1, "closed");
    let channel = Channel::of(1, Stream::Stdin).0;
    for round in 1..=8 {
        sandbox.type_in(1, &vec![0; STREAM_WINDOW as usize / 2]);
        while sandbox.credit.get(&channel).copied().unwrap_or(0) < round * u64::from(STREAM_WINDOW / 2) {
            assert!(sandbox.step());
        }
    }
    sandbox.signal(1, libc::SIGKILL, Reach::Tree);
    sandbox.finish(1);
    // It is over, which a daemon can't know at once.
    sandbox.type_in(1, b"late");
    sandbox.end_input(1);
    assert_eq!(sandbox.run(program(2, &["/bin/true"])).exited.code, Some(0));
}

#[test]
fn not_a_byte_of_a_hundred_mebibytes_is_lost_to_a_slow_reader() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.generous = false;
    const NUMBERS: u64 = (100 << 20) / 8;
    let code = format!(
        "import array,sys\n\
         for at in range(0, {NUMBERS}, 1 << 17): sys.stdout.buffer.write(array.array('Q', range(at, at + (1 << 17))).tobytes())"
    );
    sandbox.spawn(python(1, &code));
    sandbox.started(1);
    let channel = Channel::of(1, Stream::Stdout);
    let (mut next, mut rest, mut unread, mut total) = (0_u64, Vec::new(), 0_u32, 0_u64);
    while !sandbox.ended.contains(&channel.0) {
        assert!(sandbox.step());
        let Some(bytes) = sandbox.data.remove(&channel.0) else { continue };
        unread += bytes.len() as u32;
        total += bytes.len() as u64;
        assert!(unread <= STREAM_WINDOW, "{unread} bytes came without credit");
        rest.extend_from_slice(&bytes);
        let whole = rest.len() / 8 * 8;
        for number in rest[..whole].chunks_exact(8) {
            assert_eq!(u64::from_le_bytes(number.try_into().unwrap()), next);
            next += 1;
        }
        rest.drain(..whole);
        // Seldom, and by amounts that fit nothing.
        if unread > STREAM_WINDOW - 10_000 {
            sandbox.send_frame(Kind::Credit, channel, &(unread - 77).to_le_bytes());
            unread = 77;
        }
        if unread == 77 && total >= NUMBERS * 8 {
            break;
        }
        if total + u64::from(STREAM_WINDOW) >= NUMBERS * 8 {
            sandbox.send_frame(Kind::Credit, channel, &unread.to_le_bytes());
            unread = 0;
        }
    }
    assert_eq!((next, total), (NUMBERS, NUMBERS * 8));
    assert_eq!(sandbox.finish(1).exited.code, Some(0));
}

#[test]
fn output_outlives_its_program_until_it_is_read() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.generous = false;
    const BYTES: usize = STREAM_WINDOW as usize + 100_000;
    sandbox.spawn(shell(1, &format!("head -c {BYTES} /dev/zero; echo err >&2")));
    sandbox.started(1);
    assert_eq!(sandbox.exited(1).code, Some(0));
    let [stdout, stderr] = [Stream::Stdout, Stream::Stderr].map(|stream| Channel::of(1, stream));
    while sandbox.data.get(&stdout.0).is_none_or(|data| data.len() < STREAM_WINDOW as usize)
        || !sandbox.ended.contains(&stderr.0)
    {
        assert!(sandbox.step());
    }
    // Something else meanwhile; nothing more may come.
    assert!(matches!(sandbox.file(FileOp::Stat { path: Vec::new() }), Ok(FileReply::Stat { .. })));
    assert_eq!(sandbox.data[&stdout.0].len(), STREAM_WINDOW as usize);
    assert!(!sandbox.ended.contains(&stdout.0));
    sandbox.send_frame(Kind::Credit, stdout, &STREAM_WINDOW.to_le_bytes());
    while !sandbox.ended.contains(&stdout.0) {
        assert!(sandbox.step());
    }
    assert_eq!(sandbox.data[&stdout.0].len(), BYTES);
    assert_eq!(sandbox.data[&stderr.0], b"err\n");
}

#[test]
fn control_overtakes_a_flood_that_nobody_reads() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.generous = false;
    for execution in 1..=2 {
        sandbox.spawn(program(execution, &["/usr/bin/yes"]));
        sandbox.started(execution);
        let channel = Channel::of(execution, Stream::Stdout);
        sandbox.send_frame(Kind::Credit, channel, &(u32::MAX / 2).to_le_bytes());
    }
    // Long enough for the stream to be full to the brim.
    std::thread::sleep(std::time::Duration::from_millis(300));
    sandbox.data.clear();
    assert!(matches!(sandbox.file(FileOp::Stat { path: Vec::new() }), Ok(FileReply::Stat { .. })));
    let before: usize = sandbox.data.values().map(Vec::len).sum();
    // What the kernel's buffers hold, and the one frame that was begun.
    assert!(before < 2 << 20, "{before} bytes of data came first");
    for execution in 1..=2 {
        sandbox.signal(execution, libc::SIGKILL, Reach::Tree);
        assert_eq!(sandbox.exited(execution).signal, Some(libc::SIGKILL));
    }
}

#[test]
fn one_unread_stream_holds_up_nothing_but_itself() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.generous = false;
    sandbox.spawn(program(1, &["/usr/bin/yes"]));
    sandbox.started(1);
    while sandbox.data.values().map(Vec::len).sum::<usize>() < STREAM_WINDOW as usize {
        assert!(sandbox.step());
    }
    assert_eq!(sandbox.run(shell(2, "echo fine")).text(), "fine\n");
    assert!(!sandbox.ended.contains(&Channel::of(1, Stream::Stdout).0));
    sandbox.signal(1, libc::SIGKILL, Reach::Tree);
    assert_eq!(sandbox.exited(1).signal, Some(libc::SIGKILL));
}

#[test]
fn a_pipe_that_another_execution_holds_open_still_ends() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let keep = "import socket,time\n\
                s = socket.socket(socket.AF_UNIX); s.bind('/tmp/keep'); s.listen()\n\
                print('listening', flush=True)\n\
                c, _ = s.accept(); held = socket.recv_fds(c, 1, 2)\n\
                c.sendall(b'x'); print('held', flush=True); time.sleep(60)";
    let give = "import socket\n\
                s = socket.socket(socket.AF_UNIX); s.connect('/tmp/keep')\n\
                socket.send_fds(s, [b'x'], [1, 2]); s.recv(1); print('given')";
    sandbox.spawn(python(1, keep));
    sandbox.started(1);
    sandbox.await_output(1, "listening");
    sandbox.spawn(python(2, give));
    sandbox.started(2);
    sandbox.await_output(1, "held");
    assert_eq!(sandbox.finish(2).text(), "given\n");
    sandbox.signal(1, libc::SIGKILL, Reach::Tree);
    sandbox.finish(1);
}

#[test]
fn a_program_may_close_its_output_and_live_on() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.spawn(with_stdin(shell(1, "echo last; exec >&- 2>&-; read line; exit 4")));
    sandbox.started(1);
    while sandbox.ended.len() < 2 {
        assert!(sandbox.step());
    }
    sandbox.type_in(1, b"go\n");
    let outcome = sandbox.finish(1);
    assert_eq!((outcome.text().as_str(), outcome.exited.code), ("last\n", Some(4)));
}

#[test]
fn what_is_no_protocol_ends_the_sandbox() {
    // The pipe takes a quarter of the window, and for that much there is credit again.
    let too_much = 6 * (STREAM_WINDOW as usize / 4 + 1);
    let breaches: [fn(&mut Sandbox, usize); 5] = [
        |sandbox, _| sandbox.send_frame(Kind::Control, Channel::CONTROL, b"\xff\xff\xff"),
        |sandbox, _| sandbox.send_frame(Kind::Control, Channel(9), b""),
        |sandbox, _| sandbox.send_frame(Kind::Data, Channel::CONTROL, b""),
        |sandbox, _| sandbox.send_frame(Kind::Credit, Channel::of(1, Stream::Stdout), b"abc"),
        |sandbox, too_much| sandbox.type_in(1, &vec![0; too_much]),
    ];
    for breach in breaches {
        let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
        sandbox.spawn(with_stdin(program(1, &["/bin/sleep", "60"])));
        sandbox.started(1);
        breach(&mut sandbox, too_much);
        assert_eq!(sandbox.gone(), VIOLATION);
    }
}
