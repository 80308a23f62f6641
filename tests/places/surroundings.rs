//! What programs find around them: no network but their own, and nobody's rights.

use std::net::TcpListener;

use serde_json::json;

use super::python;
use crate::harness::Place;

pub(crate) fn the_hosts_loopback_is_not_reached(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let code = format!(
        "
import socket
for host in ('127.0.0.1', '169.254.169.254', '192.0.2.1', '172.17.0.1', '10.0.2.2'):
    try:
        socket.create_connection((host, {port}), timeout=2)
        print('connected to', host)
    except OSError as error:
        pass
try:
    print(socket.getaddrinfo('example.org', 80))
except OSError as error:
    print('no name')
print([name for _, name in socket.if_nameindex()])
"
    );
    let execution = client.execute(&session, python(&code));
    assert_eq!(execution.stdout(), "no name\n['lo']\n", "{}", execution.stderr());
    assert!(listener.accept().is_err(), "somebody connected");
}

pub(crate) fn a_loopback_of_its_own_works(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let code = "
import socket, threading
for family, address in ((socket.AF_INET, ('127.0.0.1', 0)), (socket.AF_UNIX, '/tmp/socket')):
    listener = socket.socket(family)
    listener.bind(address)
    listener.listen()
    def serve():
        peer, _ = listener.accept()
        peer.sendall(peer.recv(100).upper())
        peer.close()
    threading.Thread(target=serve).start()
    client = socket.socket(family)
    client.connect(listener.getsockname())
    client.sendall(b'hello')
    print(client.recv(100).decode())
";
    let execution = client.execute(&session, python(code));
    assert_eq!(execution.stdout(), "HELLO\nHELLO\n", "{}", execution.stderr());
}

pub(crate) fn programs_are_nobody_in_particular(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let code = "
import os, pwd
status = dict(line.split()[:2] for line in open('/proc/self/status') if len(line.split()) > 1)
print(os.getresuid(), os.getresgid(), set(os.getgroups()) - {1000})
print({int(status[name], 16) for name in ('CapInh:', 'CapPrm:', 'CapEff:', 'CapBnd:', 'CapAmb:') if name in status})
print(status.get('NoNewPrivs:', '1'), os.uname().nodename, os.path.expanduser('~'))
for act in (lambda: os.setuid(0), lambda: os.chroot('/tmp')):
    try:
        act()
        print('worked')
    except OSError:
        pass
";
    let execution = client.execute(&session, python(code));
    let printed = execution.stdout();
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 3, "{printed}{}", execution.stderr());
    assert_eq!(lines[0], "(1000, 1000, 1000) (1000, 1000, 1000) set()", "{printed}");
    assert_eq!(lines[1], "{0}", "{printed}");
    assert!(lines[2].starts_with("1 ") && lines[2].ends_with(" /workspace"), "{printed}");
}
