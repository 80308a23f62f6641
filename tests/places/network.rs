//! What programs reach through the daemon's proxy, and what they don't. Every host is this machine, which the settings
//! name: nothing leaves it.

use std::fmt::Write as _;
use std::net::TcpListener;

use serde_json::{Value, json};

use super::python;
use crate::harness::web::{Server, daemon, private};
use crate::harness::{Client, Place};

/// A session that may reach these.
pub(crate) fn session(place: Place, client: &mut Client, allow: &[String]) -> String {
    place.session(client, json!({"network": {"mode": "allowlist", "allow": allow}}))
}

/// Asks for each of these through the proxy that the environment names, and prints the status and the beginning of what came.
fn fetch(urls: &[String]) -> Value {
    let mut code = "
import urllib.request, urllib.error
# What is on the loopback is usually asked for without a proxy.
urllib.request.proxy_bypass = lambda host: False
def fetch(url):
    try:
        answer = urllib.request.urlopen(url, timeout=20)
        print(answer.status, answer.read().decode().splitlines()[0])
    except urllib.error.HTTPError as error:
        print(error.code, error.read().decode().strip())
    except OSError as error:
        print('none', error)
"
    .to_owned();
    for url in urls {
        writeln!(code, "fetch({url:?})").unwrap();
    }
    python(&code)
}

fn lines(client: &mut Client, session: &str, source: Value) -> Vec<String> {
    let execution = client.execute(session, source);
    assert_eq!(execution.stderr(), "");
    execution.stdout().lines().map(str::to_owned).collect()
}

fn decisions(client: &mut Client, session: &str) -> Vec<Value> {
    let log = client.request("net/log", json!({"sessionId": session}));
    log["decisions"].as_array().unwrap().clone()
}

pub(crate) fn without_a_policy_there_is_no_proxy(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let code = "
import os, socket
print([name for name in os.environ if 'proxy' in name.lower()])
try:
    socket.create_connection(('127.0.0.1', 3128), timeout=5)
    print('somebody is there')
except OSError:
    print('nobody')
";
    assert_eq!(lines(&mut client, &session, python(code)), ["[]", "nobody"]);
    let policy = client.request("net/policy/get", json!({"sessionId": session}));
    assert_eq!(policy, json!({"sessionId": session, "mode": "none", "allow": [], "asks": false}));
    assert_eq!(client.request("net/log", json!({"sessionId": session})), json!({"decisions": [], "last": 0}));
}

pub(crate) fn what_is_listed_is_reached_and_nothing_else(place: Place) {
    let (listed, other) = (Server::start(), Server::start());
    let host = |server: &Server| format!("127.0.0.1:{}", server.port());
    let (_directory, mut client) = daemon(place, &private(&[host(&listed), host(&other)]));
    let session = session(place, &mut client, &[host(&listed)]);
    let url = |server: &Server| format!("http://{}/some?thing", host(server));
    let printed = lines(&mut client, &session, fetch(&[url(&listed), url(&other)]));
    assert_eq!(printed[0], "200 GET /some?thing HTTP/1.1");
    assert!(printed[1].starts_with("403 codebeaker: 127.0.0.1:"), "{printed:?}");
    assert_eq!((listed.met(), other.met()), (1, 0));
    let log = decisions(&mut client, &session);
    assert_eq!(log.len(), 2, "{log:?}");
    let expected = json!({"number": 1, "by": "program", "host": "127.0.0.1", "port": listed.port(), "way": "http", "allowed": true,
        "why": host(&listed)});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(log[0][name], *value, "{log:?}");
    }
    assert!(log[0]["sentBytes"].as_u64().unwrap() > 0 && log[0]["receivedBytes"].as_u64().unwrap() > 0, "{log:?}");
    assert_eq!((&log[1]["allowed"], &log[1]["port"]), (&json!(false), &json!(other.port())));
    let since = client.request("net/log", json!({"sessionId": session, "since": 1, "limit": 5}));
    assert_eq!((since["decisions"].as_array().unwrap().len(), &since["last"]), (1, &json!(2)));
}

pub(crate) fn much_goes_through_a_tunnel_both_ways(place: Place) {
    const BYTES: usize = 8 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut peer in listener.incoming().flatten() {
            let mut back = peer.try_clone().unwrap();
            std::thread::spawn(move || {
                // Who is gone wants no echo.
                drop(std::io::copy(&mut peer, &mut back));
                drop(back.shutdown(std::net::Shutdown::Write));
            });
        }
    });
    let host = format!("localhost:{port}");
    let (_directory, mut client) = daemon(place, &private(std::slice::from_ref(&host)));
    let session = session(place, &mut client, std::slice::from_ref(&host));
    let code = format!(
        "
import hashlib, os, socket, threading
proxy = os.environ['https_proxy'].split('//')[1].split(':')
s = socket.create_connection((proxy[0], int(proxy[1])))
s.sendall(b'CONNECT LocalHost:{port} HTTP/1.1\\r\\n\\r\\n')
head = b''
while not head.endswith(b'\\r\\n\\r\\n'):
    head += s.recv(1)
print(head.split()[1].decode())
data = os.urandom({BYTES})
def send():
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
came = hashlib.sha256()
count = 0
while part := s.recv(65536):
    came.update(part)
    count += len(part)
print(count, came.digest() == hashlib.sha256(data).digest())
"
    );
    assert_eq!(lines(&mut client, &session, python(&code)), ["200".to_owned(), format!("{BYTES} True")]);
    let log = decisions(&mut client, &session);
    assert_eq!(
        (&log[0]["way"], &log[0]["host"], &log[0]["sentBytes"]),
        (&json!("connect"), &json!("localhost"), &json!(BYTES))
    );
}

pub(crate) fn a_policy_is_changed_and_taken_back(place: Place) {
    let server = Server::start();
    let host = format!("127.0.0.1:{}", server.port());
    let (_directory, mut client) = daemon(place, &private(std::slice::from_ref(&host)));
    let session = place.session(&mut client, json!({}));
    let url = [format!("http://{host}/")];
    assert!(lines(&mut client, &session, fetch(&url))[0].starts_with("none"));
    assert_eq!(server.met(), 0);
    let set = json!({"sessionId": session, "mode": "allowlist", "allow": [host.to_uppercase()]});
    let policy = client.request("net/policy/set", set);
    assert_eq!(
        policy,
        json!({"sessionId": session, "mode": "allowlist", "allow": [host], "proxy": "http://127.0.0.1:3128", "asks": false})
    );
    assert!(lines(&mut client, &session, fetch(&url))[0].starts_with("200"));
    assert_eq!(
        client.request("session/get", json!({"sessionId": session}))["network"],
        json!({"mode": "allowlist", "allow": [host]})
    );
    client.request("net/policy/set", json!({"sessionId": session, "mode": "none"}));
    assert!(lines(&mut client, &session, fetch(&url))[0].starts_with("none"));
    // Who remembers where the proxy was finds nobody there.
    let code = "import socket\nprint(socket.socket().connect_ex(('127.0.0.1', 3128)) != 0)";
    assert_eq!(lines(&mut client, &session, python(code)), ["True"]);
    assert_eq!(server.met(), 1);
    for (params, code) in [
        (json!({"sessionId": session, "mode": "full"}), 1407),
        (json!({"sessionId": session, "mode": "none", "allow": ["a.org"]}), 1400),
        (json!({"sessionId": session, "mode": "allowlist", "allow": ["a.org", "http://a.org"]}), 1400),
        (json!({"sessionId": session, "mode": "allowlist", "allow": ["127.1"]}), 1400),
    ] {
        let refused = client.call("net/policy/set", params).unwrap_err();
        assert_eq!(refused["code"], code, "{refused}");
        assert!(refused["data"]["hint"].is_string(), "{refused}");
    }
    let refused = client.call("session/create", place.wish(json!({"network": {"mode": "full"}}))).unwrap_err();
    assert_eq!((&refused["code"], &refused["data"]["path"]), (&json!(1407), &json!("network.mode")));
}

pub(crate) fn the_editor_is_asked_where_it_can_answer(place: Place) {
    let server = Server::start();
    let host = format!("127.0.0.1:{}", server.port());
    let (_directory, mut client) = daemon_that_asks(place, &private(std::slice::from_ref(&host)));
    let session = session(place, &mut client, &[]);
    assert_eq!(client.request("net/policy/get", json!({"sessionId": session}))["asks"], true);
    for (answer, status, asked_again) in [("once", "200", true), ("deny", "403", true), ("deny", "403", false)] {
        let source = fetch(&[format!("http://{host}/")]);
        let id = client.send_request("session/execute", json!({"sessionId": session, "source": source}));
        if asked_again {
            answer_question(&mut client, &session, server.port(), answer);
        }
        let printed = client.finished(id).stdout();
        assert!(printed.starts_with(status), "{answer}: {printed}");
    }
    // A new policy, a new question.
    client.request("net/policy/set", json!({"sessionId": session, "mode": "allowlist", "allow": []}));
    let source = fetch(&[format!("http://{host}/"), format!("http://{host}/")]);
    let id = client.send_request("session/execute", json!({"sessionId": session, "source": source}));
    answer_question(&mut client, &session, server.port(), "always");
    assert_eq!(client.finished(id).stdout().lines().filter(|line| line.starts_with("200")).count(), 2);
    assert_eq!(server.met(), 3);
}

fn daemon_that_asks(place: Place, settings: &str) -> (tempfile::TempDir, Client) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    std::fs::write(&file, settings).unwrap();
    let mut client = place.setup().arg("--config").arg(&file).spawn();
    let features = json!({"streaming": true, "netAsk": true});
    let experimental = json!({"codebeaker": {"protocolVersions": ["1.0"], "features": features}});
    let result =
        client.request("initialize", json!({"processId": null, "capabilities": {"experimental": experimental}}));
    assert_eq!(result["capabilities"]["experimental"]["codebeaker"]["features"]["netAsk"], true);
    client.notify("initialized", json!({}));
    (directory, client)
}

fn answer_question(client: &mut Client, session: &str, port: u16, answer: &str) {
    let question = client.claim("net/ask", |message| message["method"] == "net/ask").message;
    assert_eq!(question["params"], json!({"sessionId": session, "host": "127.0.0.1", "port": port, "way": "http"}));
    client.send(&json!({"id": question["id"], "result": {"answer": answer}}));
}

pub(crate) fn full_reaches_what_is_not_listed_where_the_settings_allow_it(place: Place) {
    let (named, private_one) = (Server::start(), Server::start());
    let settings = format!("[network]\nfull = true\nprivate = [\"127.0.0.1:{}\"]\n", named.port());
    let (_directory, mut client) = daemon(place, &settings);
    let session = place.session(&mut client, json!({"network": {"mode": "full"}}));
    let urls = [named.port(), private_one.port()].map(|port| format!("http://127.0.0.1:{port}/"));
    let printed = lines(&mut client, &session, fetch(&urls));
    assert!(printed[0].starts_with("200"), "{printed:?}");
    assert!(printed[1].contains("127.0.0.1, which is not a public one"), "{printed:?}");
    assert_eq!((named.met(), private_one.met()), (1, 0));
}
