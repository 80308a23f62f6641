//! Attacks on the proxy by which programs reach what their session may reach.

use std::net::{TcpListener, UdpSocket};

use serde_json::{Value, json};

use crate::harness::web::{Server, daemon, private};
use crate::harness::{Client, Place};

/// Says each of these to the proxy, and prints the status that it answers with, or `-`.
fn say(heads: &[String]) -> Value {
    let code = format!(
        "
import os, socket
host, port = os.environ['http_proxy'].split('//')[1].split(':')
for head in {}:
    s = socket.create_connection((host, int(port)), timeout=20)
    s.sendall(head.encode('latin-1'))
    s.shutdown(socket.SHUT_WR)
    answer = b''
    while part := s.recv(65536):
        answer += part
    print(answer.split()[1].decode() if answer else '-')
",
        json!(heads)
    );
    json!({"code": code, "language": "python"})
}

fn statuses(client: &mut Client, session: &str, heads: &[String]) -> Vec<String> {
    let execution = client.execute(session, say(heads));
    assert_eq!(execution.stderr(), "");
    execution.stdout().lines().map(str::to_owned).collect()
}

fn session(place: Place, client: &mut Client, allow: &[String]) -> String {
    place.session(client, json!({"network": {"mode": "allowlist", "allow": allow}}))
}

/// Ways to name 127.0.0.1 at this port, and to have something else judged than is connected to.
fn odd_names(port: u16) -> Vec<String> {
    let plain =
        ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:ffff:7f00:1]", "0.0.0.0"];
    let odd = [
        "localhost.",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "[::1%lo]",
        "[::ffff:127.0.0.1%lo]",
        "\u{ff}localhost",
        "127.0.0.1%00.listed.example",
        "listed.example%2f@127.0.0.1",
        "listed.example@127.0.0.1",
        "listed.example:80@127.0.0.1",
        "listed.example#@127.0.0.1",
        "listed.example\\@127.0.0.1",
        "127.0.0.1#.listed.example",
        "127.0.0.1/.listed.example",
        "127.0.0.1?.listed.example",
        "\t127.0.0.1",
        "",
    ];
    let mut heads = Vec::new();
    for name in plain.into_iter().chain(odd) {
        heads.push(format!("CONNECT {name}:{port} HTTP/1.1\r\nHost: listed.example\r\n\r\n"));
        heads.push(format!("GET http://{name}:{port}/ HTTP/1.1\r\nHost: listed.example\r\n\r\n"));
    }
    heads.extend([
        format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"),
        format!("GET //127.0.0.1:{port}/ HTTP/1.1\r\n\r\n"),
        format!("GET https://127.0.0.1:{port}/ HTTP/1.1\r\n\r\n"),
        format!("GET file://127.0.0.1:{port}/etc/passwd HTTP/1.1\r\n\r\n"),
        format!("CONNECT 127.0.0.1:{} HTTP/1.1\r\n\r\n", u64::from(port) + 65_536),
        format!("CONNECT listed.example:{port} HTTP/1.1\r\n\tCONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n"),
        format!("GET http://127.0.0.1:{port}/ HTTP/0.9\r\n\r\n"),
        format!("GET http://127.0.0.1:{port}/\r\n"),
    ]);
    heads
}

pub(crate) fn no_odd_name_reaches_what_is_not_listed(place: Place) {
    let (host, neighbour) = (Server::start(), Server::start());
    let [named, beside] = [&host, &neighbour].map(|server| format!("127.0.0.1:{}", server.port()));
    let everything = ["127.0.0.1", "localhost", "[::1]", "0.0.0.0"].map(str::to_owned);
    let (_directory, mut client) = daemon(place, &private(&everything));

    // Listed, it is reached by its plain names.
    let open = session(place, &mut client, &everything[..2]);
    let names = odd_names(host.port());
    let answers = statuses(&mut client, &open, &names);
    assert!(answers.iter().filter(|status| *status == "200").count() >= 6, "{answers:?}");
    let met = host.met();
    assert!(met >= 3, "the server met {met}");

    // Not listed, by none of them.
    let shut = session(place, &mut client, &["listed.example".to_owned(), beside.clone()]);
    let answers = statuses(&mut client, &shut, &names);
    assert_eq!(answers.len(), names.len());
    assert!(answers.iter().all(|status| ["400", "403", "-"].contains(&status.as_str())), "HOLE: {answers:?}");
    // Nor behind a request that is allowed, on the same connection.
    let second = format!("GET http://{named}/ HTTP/1.1\r\nHost: {named}\r\n\r\n");
    let heads = [
        format!("GET http://{beside}/ HTTP/1.1\r\nHost: {named}\r\n\r\n{second}"),
        format!("GET http://{beside}/ HTTP/1.1\r\nHost: {beside}\r\nHost: {named}\r\n\r\n"),
        format!("POST http://{beside}/ HTTP/1.1\r\nContent-Length: 3\r\nConnection: content-length\r\n\r\nabc{second}"),
        format!(
            "POST http://{beside}/ HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{second}"
        ),
    ];
    let answers = statuses(&mut client, &shut, &heads);
    assert_eq!(answers, ["200", "200", "200", "411"]);
    assert_eq!((host.met(), neighbour.met()), (met, 3), "HOLE: somebody got through");
}

pub(crate) fn no_name_leads_to_a_private_address(place: Place) {
    let host = Server::start();
    let port = host.port();
    let names = ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.9.9.9"];
    let allow: Vec<String> = names.iter().map(|name| format!("{name}:{port}")).collect();
    let heads: Vec<String> = allow.iter().map(|name| format!("GET http://{name}/ HTTP/1.1\r\n\r\n")).collect();
    let (_directory, mut named) = daemon(place, &private(&allow));
    let open = session(place, &mut named, &allow);
    assert!(statuses(&mut named, &open, &heads).iter().filter(|status| *status == "200").count() >= 3);
    let met = host.met();
    assert!(met > 0);

    // Allowed by the client alone, not by who runs the daemon.
    let (_directory, mut unnamed) = daemon(place, "");
    let also = ["169.254.169.254", "100.100.100.200", "10.0.0.1", "[fd00:ec2::254]", "224.0.0.1", "255.255.255.255"];
    let all: Vec<String> = allow.iter().cloned().chain(also.map(|name| format!("{name}:{port}"))).collect();
    let heads: Vec<String> = all.iter().map(|name| format!("CONNECT {name} HTTP/1.1\r\n\r\n")).collect();
    let shut = session(place, &mut unnamed, &all);
    let answers = statuses(&mut unnamed, &shut, &heads);
    assert!(answers.len() == heads.len() && answers.iter().all(|status| status == "403"), "HOLE: {answers:?}");
    let log = unnamed.request("net/log", json!({"sessionId": shut}));
    let decisions = log["decisions"].as_array().unwrap();
    assert!(decisions.iter().all(|one| one["why"].as_str().unwrap().contains("not a public one")), "{log}");
    assert_eq!(host.met(), met, "HOLE: somebody got through");
}

pub(crate) fn beside_the_proxy_there_is_no_way_out(place: Place) {
    let (tcp, udp) = (TcpListener::bind("0.0.0.0:0").unwrap(), UdpSocket::bind("0.0.0.0:0").unwrap());
    for socket in [tcp.set_nonblocking(true), udp.set_nonblocking(true)] {
        socket.unwrap();
    }
    let (port, datagrams) = (tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port());
    let host = Server::start();
    let listed = format!("127.0.0.1:{}", host.port());
    let (_directory, mut client) = daemon(place, &private(std::slice::from_ref(&listed)));
    let session = session(place, &mut client, std::slice::from_ref(&listed));
    // Through the proxy it is reached, and by nothing else.
    let get = format!("GET http://{listed}/ HTTP/1.1\r\n\r\n");
    assert_eq!(statuses(&mut client, &session, &[get]), ["200"]);
    let code = format!(
        "
import socket
worked = []
for host in ('127.0.0.1', '::1', '192.0.2.1', '10.0.2.2', '172.17.0.1', '169.254.169.254'):
    for port in ({port}, {}):
        try:
            socket.create_connection((host, port), timeout=2)
            worked.append((host, port))
        except OSError:
            pass
    try:
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        socket.socket(family, socket.SOCK_DGRAM).sendto(b'out', (host, {datagrams}))
    except OSError:
        pass
try:
    worked.append(socket.getaddrinfo('example.org', 80))
except OSError:
    pass
print(worked)
",
        host.port()
    );
    let execution = client.execute(&session, json!({"code": code, "language": "python"}));
    assert_eq!(execution.stdout(), "[]\n", "HOLE: {}", execution.stderr());
    assert!(tcp.accept().is_err() && udp.recv(&mut [0; 9]).is_err(), "HOLE: the host was reached");
    assert_eq!(host.met(), 1);
}

pub(crate) fn nobody_comes_through_anothers_proxy(place: Place) {
    let host = Server::start();
    let listed = format!("127.0.0.1:{}", host.port());
    let (_directory, mut client) = daemon(place, &private(std::slice::from_ref(&listed)));
    let has = session(place, &mut client, std::slice::from_ref(&listed));
    let (lacks, other) =
        (place.session(&mut client, json!({})), session(place, &mut client, &["listed.example".to_owned()]));
    let code = format!(
        "
import socket
try:
    s = socket.create_connection(('127.0.0.1', 3128), timeout=5)
    s.sendall(b'GET http://{listed}/ HTTP/1.1\\r\\n\\r\\n')
    print(s.recv(99).split()[1].decode())
except OSError:
    print('nobody')
"
    );
    for (session, printed) in [(&has, "200\n"), (&lacks, "nobody\n"), (&other, "403\n")] {
        let execution = client.execute(session, json!({"code": code, "language": "python"}));
        assert_eq!(execution.stdout(), printed, "{}", execution.stderr());
    }
    assert_eq!(host.met(), 1);
    // With the session goes what it may reach.
    client.request("session/close", json!({"sessionId": has}));
    let execution = client.execute(&lacks, json!({"code": code, "language": "python"}));
    assert_eq!(execution.stdout(), "nobody\n");
    client.allow_unclaimed();
}

pub(crate) fn a_flood_at_the_proxy_holds_up_nothing_else(place: Place) {
    let host = Server::start();
    let listed = format!("127.0.0.1:{}", host.port());
    let (_directory, mut client) = daemon(place, &private(std::slice::from_ref(&listed)));
    let (session, beside) = (
        session(place, &mut client, std::slice::from_ref(&listed)),
        session(place, &mut client, std::slice::from_ref(&listed)),
    );
    let before = client.resident_bytes();
    // Half a head and silence, more connections than are served, and heads without an end.
    let code = "
import os, socket, time
host, port = os.environ['http_proxy'].split('//')[1].split(':')
held = []
for number in range(300):
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex((host, int(port)))
    held.append(s)
for s in held:
    try:
        s.send(b'GET http://' + b'a' * 60000)
    except OSError:
        pass
print('held', flush=True)
time.sleep(600)
";
    let (id, execution) = client.begin(json!({"sessionId": session, "source": {"code": code, "language": "python"}}));
    client.wait_for_output(&execution, "held");
    let get = format!("GET http://{listed}/ HTTP/1.1\r\n\r\n");
    assert_eq!(statuses(&mut client, &beside, &[get]), ["200"]);
    assert_eq!(client.execute(&session, json!({"program": "true"})).exit_code(), Some(0));
    let grown = client.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "HOLE: the daemon took {grown} bytes for it");
    client.request("execution/kill", json!({"executionId": execution}));
    client.finished(id);
}
