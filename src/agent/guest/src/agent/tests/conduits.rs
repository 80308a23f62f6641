//! What the daemon has the agent connect to, and programs that are at the other end.

use codebeaker_agent::frame::{Channel, Kind, STREAM_WINDOW, Stream};
use codebeaker_agent::wire::{Endpoint, FileOp, FileReply, MAX_CONDUITS, Reach, ToAgent};

use super::sandbox::{Sandbox, Setup, python, shell};
use crate::agent::inbound::VIOLATION;

/// Echoes what one client after the other says, and then says that it is over. Takes the family and what to
/// bind to; prints the port.
fn echo(family: &str, address: &str) -> String {
    format!(
        "import socket\n\
         s = socket.socket(socket.{family}); s.bind({address}); s.listen()\n\
         name = s.getsockname(); print('port', name[1] if s.family != socket.AF_UNIX else 0, '.', flush=True)\n\
         while True:\n\
         \tc, _ = s.accept()\n\
         \twhile data := c.recv(1 << 16): c.sendall(data)\n\
         \tc.sendall(b'over'); c.close()"
    )
}

/// Starts a server, and says which port it has.
fn serve(sandbox: &mut Sandbox, execution: u32, code: &str) -> u16 {
    sandbox.spawn(python(execution, code));
    sandbox.started(execution);
    sandbox.await_output(execution, ".\n");
    let printed = &sandbox.data[&Channel::of(execution, Stream::Stdout).0];
    String::from_utf8_lossy(printed).split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_conduit_leads_to_whatever_listens() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let mut endpoints = Vec::new();
    for (execution, address) in [(1, "('127.0.0.1', 0)"), (2, "('::1', 0)")] {
        let family = if execution == 1 { "AF_INET" } else { "AF_INET6" };
        if execution == 2 && std::net::TcpListener::bind("[::1]:0").is_err() {
            continue;
        }
        endpoints.push(Endpoint::Port(serve(&mut sandbox, execution, &echo(family, address))));
    }
    serve(&mut sandbox, 3, &echo("AF_UNIX", "'/tmp/echo'"));
    serve(&mut sandbox, 4, &echo("AF_UNIX", &format!("'\\0echo {}'", std::process::id())));
    endpoints.push(Endpoint::Unix(b"/tmp/echo".to_vec()));
    endpoints.push(Endpoint::Unix(format!("\0echo {}", std::process::id()).into_bytes()));
    for (number, endpoint) in (10..).zip(endpoints) {
        assert_eq!(sandbox.connect(number, endpoint.clone()), None, "{endpoint:?}");
        sandbox.say(number, b"hello");
        assert_eq!(sandbox.hear(number, 5), b"hello");
        sandbox.shut(number);
        assert_eq!(sandbox.hear_out(number), b"over");
        sandbox.send(&ToAgent::Disconnect { conduit: number });
    }
}

#[test]
fn what_can_not_be_connected_to_is_told_once() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (number, endpoint, errno) in [
        (1, Endpoint::Port(closed), libc::ECONNREFUSED),
        (2, Endpoint::Unix(b"/tmp/nobody".to_vec()), libc::ENOENT),
        (3, Endpoint::Unix(b"relative".to_vec()), libc::EINVAL),
        (4, Endpoint::Unix(vec![b'/'; 400]), libc::ENAMETOOLONG),
        (5, Endpoint::Unix(b"/etc/passwd".to_vec()), libc::ECONNREFUSED),
        (6, Endpoint::Fifo(b"../escaped".to_vec()), libc::EXDEV),
        (7, Endpoint::Fifo(b"/tmp/escaped".to_vec()), libc::EXDEV),
        (8, Endpoint::Fifo(b"".to_vec()), libc::EINVAL),
    ] {
        let (step, found) = sandbox.connect(number, endpoint.clone()).expect("nobody is there");
        // A socket of another user's, or none at all: which of both is the kernel's to say.
        let found = if number == 5 && found == libc::EACCES { libc::ECONNREFUSED } else { found };
        assert_eq!(found, errno, "{endpoint:?}: {step}");
        sandbox.send(&ToAgent::Disconnect { conduit: number });
        sandbox.say(number, b"late");
    }
    assert!(matches!(sandbox.file(FileOp::Stat { path: Vec::new() }), Ok(FileReply::Stat { .. })));
}

#[test]
fn nobody_waits_for_one_who_listens_and_never_accepts() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let code = "import socket, time\n\
                s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(0)\n\
                print('port', s.getsockname()[1], '.', flush=True); time.sleep(60)";
    let port = serve(&mut sandbox, 1, code);
    for number in 10..18 {
        sandbox.send(&ToAgent::Connect { conduit: number, endpoint: Endpoint::Port(port) });
    }
    // Meanwhile everything else goes on.
    assert_eq!(sandbox.run(shell(2, "echo fine")).text(), "fine\n");
    for number in 10..18 {
        sandbox.send(&ToAgent::Disconnect { conduit: number });
    }
    let outcomes: Vec<_> = (10..18).map(|number| sandbox.connected(number)).collect();
    let cancelled = Some(("connect".to_owned(), libc::ECANCELED));
    assert!(outcomes.iter().all(|outcome| outcome.is_none() || *outcome == cancelled), "{outcomes:?}");
    assert!(outcomes.contains(&cancelled), "all found room: {outcomes:?}");
    for (number, outcome) in (10..18).zip(&outcomes) {
        if outcome.is_none() {
            assert_eq!(sandbox.hear_out(number), b"");
        }
    }
}

#[test]
fn not_a_byte_is_lost_either_way_and_nothing_else_waits() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.generous = false;
    let port = serve(&mut sandbox, 1, &echo("AF_INET", "('127.0.0.1', 0)"));
    serve(&mut sandbox, 2, &echo("AF_UNIX", "'/tmp/echo'"));
    let text: Vec<u8> = (0..20 << 20).map(|number: u32| (number % 251) as u8).collect();
    for (number, endpoint) in [(10, Endpoint::Port(port)), (11, Endpoint::Unix(b"/tmp/echo".to_vec()))] {
        assert_eq!(sandbox.connect(number, endpoint), None);
        let channel = Channel::of(number, Stream::Side);
        let (mut said, mut heard, mut unread) = (0, Vec::new(), 0);
        while heard.len() < text.len() {
            let now = (said + sandbox.room(number, said)).min(text.len());
            sandbox.say(number, &text[said..now]);
            said = now;
            let came = sandbox.data.remove(&channel.0).unwrap_or_default();
            unread += came.len();
            heard.extend(came);
            assert!(unread <= STREAM_WINDOW as usize, "{unread} bytes came without credit");
            // A slow reader: all of the window is used up before any is given back.
            if unread == STREAM_WINDOW as usize || heard.len() + unread >= text.len() {
                if heard.len() < text.len() / 2 {
                    assert!(matches!(sandbox.file(FileOp::Stat { path: Vec::new() }), Ok(FileReply::Stat { .. })));
                }
                sandbox.send_frame(Kind::Credit, channel, &(unread as u32).to_le_bytes());
                unread = 0;
            } else if heard.len() < text.len() {
                assert!(sandbox.step());
            }
        }
        assert!(heard == text, "what came back differs");
        sandbox.shut(number);
        sandbox.send_frame(Kind::Credit, channel, &1000_u32.to_le_bytes());
        assert_eq!(sandbox.hear_out(number), b"over");
    }
}

#[test]
fn a_pipe_collects_what_programs_write_and_is_never_at_its_end() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    assert_eq!(sandbox.connect(9, Endpoint::Fifo(b"own/events".to_vec())), None);
    let pipe = "/tmp/code/own/events";
    for execution in 1..=3 {
        assert_eq!(sandbox.run(shell(execution, &format!("echo {execution} >{pipe}"))).exited.code, Some(0));
    }
    assert_eq!(sandbox.hear(9, 6), b"1\n2\n3\n");
    // Programs can't take from it what others said, and what is said to it goes nowhere.
    let read = sandbox.run(shell(4, &format!("cat {pipe}")));
    assert!(String::from_utf8_lossy(&read.stderr).contains("Permission denied"), "{read:?}");
    for _ in 0..8 {
        sandbox.say(9, &[0; STREAM_WINDOW as usize / 4]);
    }
    assert_eq!(
        sandbox.connect(10, Endpoint::Fifo(b"own/events".to_vec())),
        Some(("make pipe".to_owned(), libc::EEXIST))
    );
    assert!(!sandbox.ended.contains(&Channel::of(9, Stream::Side).0));
    sandbox.send(&ToAgent::Disconnect { conduit: 9 });
    assert_eq!(sandbox.hear_out(9), b"");
    assert_eq!(sandbox.run(shell(5, &format!("ls {pipe}"))).exited.code, Some(2));
}

#[test]
fn a_conduit_that_is_let_go_of_is_closed_for_the_other_side() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let code = "import socket\n\
                s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n\
                print('port', s.getsockname()[1], '.', flush=True)\n\
                c, _ = s.accept(); print(len(c.recv(9)), flush=True)\n\
                try: print(len(c.recv(9)))\n\
                except ConnectionResetError: print(0)";
    let port = serve(&mut sandbox, 1, code);
    assert_eq!(sandbox.connect(9, Endpoint::Port(port)), None);
    sandbox.say(9, b"one");
    sandbox.await_output(1, ".\n3\n");
    sandbox.send(&ToAgent::Disconnect { conduit: 9 });
    sandbox.say(9, b"late");
    sandbox.send(&ToAgent::Disconnect { conduit: 9 });
    assert_eq!(sandbox.hear_out(9), b"");
    assert!(sandbox.finish(1).text().ends_with(".\n3\n0\n"));
}

#[test]
fn there_is_an_end_to_how_many_there_are() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let most = MAX_CONDUITS as u32;
    for number in 1..=most {
        assert_eq!(sandbox.connect(number, Endpoint::Fifo(format!("{number}").into_bytes())), None);
    }
    let refused = sandbox.connect(most + 1, Endpoint::Fifo(b"more".to_vec()));
    assert_eq!(refused.expect("it is one too many").1, libc::EMFILE);
    sandbox.send(&ToAgent::Disconnect { conduit: 1 });
    assert_eq!(sandbox.connect(most + 2, Endpoint::Fifo(b"more".to_vec())), None);
}

#[test]
fn more_than_was_granted_ends_the_sandbox() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let code = "import socket, time\n\
                s = socket.socket(socket.AF_UNIX); s.bind('/tmp/deaf'); s.listen(); print('port 0 .', flush=True); time.sleep(60)";
    serve(&mut sandbox, 1, code);
    assert_eq!(sandbox.connect(9, Endpoint::Unix(b"/tmp/deaf".to_vec())), None);
    sandbox.say(9, &vec![0; 8 * STREAM_WINDOW as usize]);
    assert_eq!(sandbox.gone(), VIOLATION);
}

#[test]
fn a_listener_that_dies_ends_its_conduits() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let port = serve(&mut sandbox, 1, &echo("AF_INET", "('127.0.0.1', 0)"));
    assert_eq!(sandbox.connect(9, Endpoint::Port(port)), None);
    sandbox.say(9, b"hello");
    assert_eq!(sandbox.hear(9, 5), b"hello");
    sandbox.signal(1, libc::SIGKILL, Reach::Tree);
    assert_eq!(sandbox.hear_out(9), b"");
    // What is still said is dropped, and granted again.
    let mut said = 5;
    for _ in 0..12 {
        while sandbox.room(9, said) < 65_536 {
            assert!(sandbox.step());
        }
        sandbox.say(9, &[0; 65_536]);
        said += 65_536;
    }
    sandbox.finish(1);
}
