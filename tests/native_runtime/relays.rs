//! Streams into a sandbox beside those that every program has: to what listens there, from what programs
//! write into a pipe, and on a program's own descriptor 3.

use std::time::Instant;

use codebeaker::agent::plan::CODE;
use codebeaker::agent::{Conduit, Endpoint, LinkError, Process, Program};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::boxes::{DEADLINE, Standing, on_both, spec, stand};
use super::skip::skip;

/// Echoes what one client after the other says.
const ECHO: &str = "exec python3 -c '
import socket, sys
family, name = (socket.AF_UNIX, sys.argv[1]) if sys.argv[1][0] in \"/@\" else (socket.AF_INET, (\"127.0.0.1\", int(sys.argv[1])))
s = socket.socket(family); s.bind(name.replace(\"@\", \"\\0\") if family == socket.AF_UNIX else name); s.listen()
while True:
    c, _ = s.accept()
    while data := c.recv(1 << 16): c.sendall(data)
    c.close()' ";

/// Waits until somebody listens.
async fn connect(sandbox: &Standing, endpoint: Endpoint) -> Conduit {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match sandbox.link.connect(endpoint.clone()).await {
            Ok(conduit) => return conduit,
            Err(LinkError::NotConnected { .. }) if Instant::now() < deadline => {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            Err(error) => panic!("{endpoint:?}: {error}"),
        }
    }
}

async fn with_side(sandbox: &Standing, line: &str) -> (Process, Conduit) {
    let path = ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned());
    let mut program = Program::new(["/bin/sh", "-c", line].map(str::to_owned).into(), vec![path]);
    program.side = true;
    let mut process = sandbox.link.spawn(program).await.expect("the shell starts");
    let side = process.side().expect("it was asked for");
    (process, side)
}

async fn whole(conduit: &mut Conduit) -> String {
    let mut text = String::new();
    conduit.read_to_string(&mut text).await.expect("the sandbox lives");
    text
}

#[test]
fn what_listens_in_a_sandbox_is_reached_and_nothing_else() {
    on_both("relays::what_listens_in_a_sandbox_is_reached_and_nothing_else", async || {
        // What listens on the host's loopback is not the sandbox's.
        let host = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sandbox = stand(spec()).await.unwrap();
        let on_host = Endpoint::Port(host.local_addr().unwrap().port());
        assert!(matches!(sandbox.link.connect(on_host).await, Err(LinkError::NotConnected { errno: 111, .. })));
        for (name, endpoint) in [
            ("7007", Endpoint::Port(7007)),
            ("/tmp/echo", Endpoint::Unix(b"/tmp/echo".to_vec())),
            ("@echo", Endpoint::Unix(b"\0echo".to_vec())),
        ] {
            let server = sandbox.start(&format!("{ECHO} {name}")).await;
            let mut conduit = connect(&sandbox, endpoint).await;
            conduit.write_all(b"hello").await.unwrap();
            conduit.shutdown().await.unwrap();
            assert_eq!(whole(&mut conduit).await, "hello", "{name}");
            drop(server);
        }
        sandbox.end().await;
    });
}

#[test]
fn a_debugger_that_listens_is_reached() {
    on_both("relays::a_debugger_that_listens_is_reached", async || {
        let sandbox = stand(spec()).await.unwrap();
        if sandbox.sh("command -v node").await.exited.code != Some(0) {
            return skip("no node in /usr/bin");
        }
        let _node = sandbox.start("exec node --inspect-brk=127.0.0.1:9229 -e 1").await;
        let mut conduit = connect(&sandbox, Endpoint::Port(9229)).await;
        conduit.write_all(b"GET /json/version HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").await.unwrap();
        let (mut answer, mut bytes) = (String::new(), [0; 4096]);
        while !answer.contains("Protocol-Version") {
            let length = conduit.read(&mut bytes).await.expect("the sandbox lives");
            assert_ne!(length, 0, "{answer}");
            answer += &String::from_utf8_lossy(&bytes[..length]);
        }
        sandbox.end().await;
    });
}

#[test]
fn a_pipe_takes_what_programs_write_where_they_can_make_no_file() {
    on_both("relays::a_pipe_takes_what_programs_write_where_they_can_make_no_file", async || {
        let sandbox = stand(spec()).await.unwrap();
        let mut pipe = sandbox.link.connect(Endpoint::Fifo(b"own/events".to_vec())).await.unwrap();
        let path = format!("{CODE}/own/events");
        for line in ["one", "two"] {
            sandbox.says(&format!("echo {line} > {path}")).await;
        }
        let mut heard = [0; 8];
        pipe.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"one\ntwo\n");
        for wrong in [format!("cat {path}"), format!("chmod 666 {path}"), format!("rm {path}"), format!("> {path}2")] {
            assert_ne!(sandbox.sh(&wrong).await.exited.code, Some(0), "{wrong}");
        }
        drop(pipe);
        let deadline = Instant::now() + DEADLINE;
        while sandbox.sh(&format!("test -e {path}")).await.exited.code == Some(0) {
            assert!(Instant::now() < deadline, "the pipe is still there");
        }
        sandbox.end().await;
    });
}

#[test]
fn the_stream_beside_is_a_programs_own() {
    on_both("relays::the_stream_beside_is_a_programs_own", async || {
        let sandbox = stand(spec()).await.unwrap();
        let (mut process, mut side) = with_side(&sandbox, "echo hello >&3; exec cat <&3 >&3").await;
        side.write_all(b"and back").await.unwrap();
        side.shutdown().await.unwrap();
        assert_eq!(whole(&mut side).await, "hello\nand back");
        assert_eq!(process.ended().await.unwrap().code, Some(0));
        assert_ne!(sandbox.sh("echo hello >&3").await.exited.code, Some(0));
        sandbox.end().await;
    });
}

#[test]
fn much_goes_each_way_past_a_reader_that_rests() {
    on_both("relays::much_goes_each_way_past_a_reader_that_rests", async || {
        const BYTES: usize = 20 << 20;
        let sandbox = stand(spec()).await.unwrap();
        let _server = sandbox.start(&format!("{ECHO} 7007")).await;
        let relayed = connect(&sandbox, Endpoint::Port(7007)).await;
        let (_cat, beside) = with_side(&sandbox, "exec cat <&3 >&3").await;
        for conduit in [relayed, beside] {
            let (mut reader, mut writer) = tokio::io::split(conduit);
            let writing = tokio::spawn(async move {
                let text: Vec<u8> = (0..BYTES).map(|number| (number % 251) as u8).collect();
                writer.write_all(&text).await.unwrap();
                writer.shutdown().await.unwrap();
            });
            // While nobody reads, everything else goes on.
            assert_eq!(sandbox.says("head -c 3M /dev/zero | wc -c").await, (3 << 20).to_string());
            assert!(!writing.is_finished(), "somebody holds 20 MiB");
            let (mut count, mut bytes) = (0, vec![0; 100_000]);
            loop {
                let length = reader.read(&mut bytes).await.unwrap();
                if length == 0 {
                    break;
                }
                let differs = bytes[..length].iter().zip(count..).any(|(byte, at)| *byte != (at % 251) as u8);
                assert!(!differs, "what came back differs after {count} bytes");
                count += length;
            }
            assert_eq!(count, BYTES);
            writing.await.unwrap();
        }
        sandbox.end().await;
    });
}

#[test]
fn what_leads_into_a_sandbox_ends_with_it() {
    on_both("relays::what_leads_into_a_sandbox_ends_with_it", async || {
        let sandbox = stand(spec()).await.unwrap();
        let _server = sandbox.start(&format!("{ECHO} 7007")).await;
        let relayed = connect(&sandbox, Endpoint::Port(7007)).await;
        let pipe = sandbox.link.connect(Endpoint::Fifo(b"events".to_vec())).await.unwrap();
        let (_process, beside) = with_side(&sandbox, "sleep 60").await;
        sandbox.link.close("the test is over");
        for mut conduit in [relayed, pipe, beside] {
            assert!(conduit.read(&mut [0; 9]).await.is_err());
            assert!(conduit.write_all(b"x").await.is_err());
        }
        assert!(matches!(sandbox.link.connect(Endpoint::Port(7007)).await, Err(LinkError::Lost(_))));
        sandbox.end().await;
    });
}
