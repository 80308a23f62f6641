//! What stands for the registries while something is installed.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::harness::Place;
use crate::harness::skip::skip;
use crate::harness::web::daemon;
use crate::lab::{NPM, PIP, Registry, has, install, open};

pub(crate) fn links_to_other_hosts_are_led_and_registries_are_believed_by_their_certificate(place: Place) {
    if !has(place, PIP, "python") {
        return;
    }
    let registry = Registry::with(&["--at", "localhost"]);
    let settings = registry.settings().replace("hosts = []", &format!("hosts = [\"localhost:{}\"]", registry.port));
    let (_directory, mut client) = daemon(place, &settings);
    for _ in 0..2 {
        let session = place.session(&mut client, json!({}));
        install(&mut client, &session, json!({"manager": "pip", "packages": ["tiny"]})).unwrap();
    }
    assert_eq!(registry.asked(), ["files/tiny-2.0-py3-none-any.whl"]);
    let made = tempfile::tempdir().unwrap();
    let file = |name: &str| made.path().join(name).to_str().unwrap().to_owned();
    let openssl = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=test", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", &file("key"), "-out", &file("cert")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !openssl.is_ok_and(|status| status.success()) {
        skip("openssl is not installed");
        return;
    }
    let both = [std::fs::read(file("key")).unwrap(), std::fs::read(file("cert")).unwrap()].concat();
    std::fs::write(file("both"), both).unwrap();
    let registry = Registry::with(&["--tls", &file("both")]);
    let settings = registry.settings().replace("http://127.0.0.1", "https://localhost");
    for (believed, is_believed) in [("cert", true), ("none", false)] {
        let other = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(file("none"), other).unwrap();
        let (_directory, mut client) = daemon(place, &format!("{settings}ca-file = {:?}\n", file(believed)));
        let session = place.session(&mut client, json!({}));
        let installed = install(&mut client, &session, json!({"manager": "pip", "packages": ["tiny"]}));
        assert_eq!(installed.is_ok(), is_believed, "{installed:?}");
        if is_believed && has(place, NPM, "node") {
            let node = json!({"language": "javascript", "limits": {"memoryBytes": 1_u64 << 30}});
            let session = place.session(&mut client, node);
            install(&mut client, &session, json!({"manager": "npm", "packages": ["small"]})).unwrap();
        }
    }
}

/// Reads the token of the installer, which every program of the session can, and asks for what it should not get.
const ATTACK: &str = r#"
import base64, glob, os, re, socket
print('waits', flush=True)
found = None
while not found:
    for path in glob.glob('/proc/[0-9]*/environ'):
        try:
            found = found or re.search(rb'http_proxy=http://(installer:\w+)@127.0.0.1:(\d+)', open(path, 'rb').read())
        except OSError:
            pass
token, port = base64.b64encode(found[1]).decode(), int(found[2])
def ask(line, more='', shown=True):
    s = socket.create_connection(('127.0.0.1', port), timeout=20)
    auth = f'Proxy-Authorization: Basic {token}\r\n' if shown else ''
    s.sendall(f'{line} HTTP/1.1\r\nHost: x\r\n{auth}{more}\r\n'.encode())
    heard = b''
    while part := s.recv(65536):
        heard += part
    return int(heard.split()[1])
G = 'http://packages.codebeaker.invalid:8001'
print(ask(f'GET {G}/simple/tiny/'), ask(f'HEAD {G}/simple/tiny/'), ask('GET http://127.0.0.1:PORT/simple/tiny/'))
print(ask(f'GET {G}/simple/tiny/', shown=False))
print(*[ask(f'{method} {G}/simple/tiny/', 'Content-Length: 0\r\n') for method in ['POST', 'PUT', 'DELETE', 'PATCH']])
elsewhere = [f'{G}/simple/../x', f'{G}/%2e%2e/x', f'{G[:-1]}2/simple/tiny/', f'{G[:-5]}/', f'{G[:-5]}:OTHER/asked']
elsewhere += [f'{G}//127.0.0.1:OTHER/asked', f'{G}/http://127.0.0.1:OTHER/asked', f'{G}/{"ab" * 32}']
print(*[ask(f'GET {it}') for it in elsewhere])
print(ask(f'GET {G}@127.0.0.1:OTHER/asked'), ask(f'GET {G}/simple/tiny/', 'A: ' + 'b' * 20000 + '\r\n'))
print(ask('GET http://127.0.0.1:OTHER/asked'), ask('CONNECT packages.codebeaker.invalid:8001'))
print(ask('GET http://127.0.0.1:PORT/go'))
"#;

pub(crate) fn a_program_gets_nothing_else_by_the_gateway(place: Place) {
    if !has(place, PIP, "python") {
        return;
    }
    let (registry, other) = (Registry::start(), Registry::start());
    let (_directory, mut client, session) = open(place, &registry, json!({}));
    let code = ATTACK.replace("PORT", &registry.port.to_string()).replace("OTHER", &other.port.to_string());
    let (id, execution) = client.begin(json!({"sessionId": session, "source": {"code": code, "language": "python"}}));
    client.wait_for_output(&execution, "waits");
    // The registry lets that wait until the program has tried everything.
    let params = json!({"sessionId": session, "manager": "pip", "packages": ["wait"]});
    let installing = client.send_request("package/install", params);
    let ran = client.finished(id);
    assert_eq!(client.response(installing).unwrap_err()["code"], 1602);
    client.claim_all(|received| {
        received.message["method"].as_str().is_some_and(|method| method.starts_with("execution/"))
    });
    let heard = "waits\n200 200 200\n407\n405 405 405 405\n404 404 404 404 404 404 404 404\n400 431\n403 403\n200\n";
    assert_eq!(ran.stdout(), heard, "{}", ran.stderr());
    assert!(other.asked().is_empty());
}
