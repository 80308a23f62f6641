//! Ports of sandboxes that are open to this machine, in every place that sessions can be in.

mod harness;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use harness::place::in_each_place;
use harness::{Client, DEADLINE, Place, eventually};
use serde_json::{Value, json};

in_each_place! {
    all::{
        what_listens_inside_is_reached,
        nobody_gets_in_without_the_token,
        a_browser_gets_in_by_the_link,
        a_port_ends_with_its_session_and_leaves_nothing,
    }
}

/// What a test connects by.
trait Line: Read + Write {}
impl Line for UnixStream {}
impl Line for TcpStream {}

/// Says in capitals what it is told, to one client after the other.
const SHOUT: &str = "
import socket, threading
s = socket.create_server(('127.0.0.1', 8000))
print('ready', flush=True)
def serve(peer):
    while data := peer.recv(65536):
        peer.sendall(data.upper())
    peer.close()
while True:
    threading.Thread(target=serve, args=(s.accept()[0],)).start()
";

fn listening(place: Place) -> (Client, String) {
    let (mut client, session) = place.open(json!({}));
    let source = json!({"code": SHOUT, "language": "python"});
    let (_, execution) = client.begin(json!({"sessionId": session, "source": source}));
    client.wait_for_output(&execution, "ready");
    // It runs until its session ends.
    client.allow_unclaimed();
    (client, session)
}

fn open(client: &mut Client, params: Value) -> Value {
    let opened = client.request("port/expose", params);
    assert_eq!(client.notification("port/opened"), opened);
    opened
}

fn socket(opened: &Value) -> UnixStream {
    let socket = UnixStream::connect(opened["path"].as_str().unwrap()).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

fn loopback(opened: &Value) -> TcpStream {
    let port = u16::try_from(opened["hostPort"].as_u64().unwrap()).unwrap();
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Says something, and hears until the other side has no more to say.
fn said(mut line: impl Line, text: &str) -> String {
    drop(line.write_all(text.as_bytes()));
    let mut heard = Vec::new();
    // One that is cut off has said what it said.
    drop(line.read_to_end(&mut heard));
    String::from_utf8(heard).unwrap()
}

fn shout(mut line: impl Line, text: &str) -> String {
    line.write_all(text.as_bytes()).unwrap();
    let mut heard = vec![0; text.len()];
    line.read_exact(&mut heard).unwrap();
    String::from_utf8(heard).unwrap()
}

mod all {
    use super::*;

    pub(crate) fn what_listens_inside_is_reached(place: Place) {
        let (mut client, session) = listening(place);
        let opened = open(&mut client, json!({"sessionId": session, "port": 8000}));
        let path = Path::new(opened["path"].as_str().unwrap());
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(shout(socket(&opened), "hello"), "HELLO");
        // Several at a time, and much.
        let mut lines: Vec<_> = (0..4).map(|_| socket(&opened)).collect();
        let text = "a long line ".repeat(20_000);
        for line in &mut lines {
            let mut writer = line.try_clone().unwrap();
            let text = text.clone();
            std::thread::spawn(move || drop(writer.write_all(text.as_bytes())));
        }
        for mut line in lines {
            let mut heard = vec![0; text.len()];
            line.read_exact(&mut heard).unwrap();
            assert_eq!(heard, text.to_uppercase().as_bytes());
        }
        let listed = client.request("port/list", json!({}));
        assert_eq!(listed, json!({"ports": [opened]}));
        // A port at which nobody listens is open too; who comes is sent away.
        let nobody = open(&mut client, json!({"sessionId": session, "port": 8001}));
        assert_eq!(said(socket(&nobody), "hello"), "");
        // Shut, it is gone with what goes through it.
        let mut line = socket(&opened);
        line.write_all(b"a").unwrap();
        line.read_exact(&mut [0]).unwrap();
        client.request("port/close", json!({"portId": opened["portId"]}));
        let closed = json!({"portId": opened["portId"], "sessionId": session, "reason": "requested"});
        assert_eq!(client.notification("port/closed"), closed);
        assert!(!path.parent().unwrap().exists());
        assert_eq!(line.read(&mut [0]).unwrap_or_default(), 0);
        let again = client.call("port/close", json!({"portId": opened["portId"]})).unwrap_err();
        assert_eq!(again["code"], 1420);
    }

    pub(crate) fn nobody_gets_in_without_the_token(place: Place) {
        let (mut client, session) = listening(place);
        let opened = open(&mut client, json!({"sessionId": session, "port": 8000, "to": "loopback"}));
        let token = opened["token"].as_str().unwrap().to_owned();
        assert_eq!(token.len(), 32);
        let mut line = loopback(&opened);
        line.write_all(format!("codebeaker-token {token}\n").as_bytes()).unwrap();
        assert_eq!(shout(line, "hello"), "HELLO");
        let shorter = &token[1..];
        for said_first in [
            "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".to_owned(),
            "hello\n\n".to_owned(),
            format!("codebeaker-token {shorter}\nhello"),
            format!("codebeaker-token {token}x\nhello"),
            format!("GET / HTTP/1.1\r\nCookie: codebeaker-token-1={token}\r\n\r\n"),
            format!("GET //evil.example/?codebeaker-token={token} HTTP/1.1\r\n\r\n"),
        ] {
            let heard = said(loopback(&opened), &said_first);
            assert!(heard.starts_with("HTTP/1.1 403 ") && !heard.contains("HELLO"), "HOLE: {said_first:?}: {heard}");
        }
        let taken = client.call(
            "port/expose",
            json!({"sessionId": session, "port": 8000, "to": "loopback", "hostPort": opened["hostPort"]}),
        );
        let taken = taken.unwrap_err();
        assert_eq!((&taken["code"], taken["data"]["hint"].is_string()), (&json!(1422), true));
        let odd = client.call("port/expose", json!({"sessionId": session, "port": 8000, "hostPort": 1})).unwrap_err();
        assert_eq!(odd["code"], -32602);
    }

    pub(crate) fn a_browser_gets_in_by_the_link(place: Place) {
        let (mut client, session) = listening(place);
        let opened = open(&mut client, json!({"sessionId": session, "port": 8000, "to": "loopback"}));
        let url = opened["url"].as_str().unwrap();
        let (_, path) = url.split_once("//").unwrap().1.split_once('/').unwrap();
        let answer = said(loopback(&opened), &format!("GET /{path}&a=b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 303 ") && answer.contains("\r\nLocation: /?a=b\r\n"), "{answer}");
        let cookie = answer.lines().find_map(|line| line.strip_prefix("Set-Cookie: ")).unwrap();
        assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/"), "{cookie}");
        let pair = cookie.split(';').next().unwrap();
        let request = format!("get / HTTP/1.1\r\nCookie: other=1; {pair}\r\n\r\n");
        assert_eq!(shout(loopback(&opened), &request), request.to_uppercase());
    }

    pub(crate) fn a_port_ends_with_its_session_and_leaves_nothing(place: Place) {
        let (mut client, session) = listening(place);
        let opened = open(&mut client, json!({"sessionId": session, "port": 8000}));
        let beside = open(&mut client, json!({"sessionId": session, "port": 8000, "to": "loopback"}));
        let mut line = socket(&opened);
        line.write_all(b"a").unwrap();
        line.read_exact(&mut [0]).unwrap();
        client.request("session/close", json!({"sessionId": session}));
        for _ in 0..2 {
            assert_eq!(client.notification("port/closed")["reason"], "sessionEnded");
        }
        assert_eq!(line.read(&mut [0]).unwrap_or_default(), 0);
        assert!(!Path::new(opened["path"].as_str().unwrap()).exists());
        let port = u16::try_from(beside["hostPort"].as_u64().unwrap()).unwrap();
        eventually("nobody listens", || {
            TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_secs(5)).is_err()
        });
        let all = place.session(&mut client, json!({}));
        for number in 0..16 {
            open(&mut client, json!({"sessionId": all, "port": 9000 + number}));
        }
        assert_eq!(client.call("port/expose", json!({"sessionId": all, "port": 1})).unwrap_err()["code"], 1421);
    }
}
