//! What a program reaches that `codebeaker run` runs.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::console::Console;
use crate::text;

#[test]
fn a_program_reaches_the_hosts_that_are_named_and_no_others() {
    let console = Console::new();
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = host.local_addr().unwrap().to_string();
    let serving = std::thread::spawn(move || {
        let (mut peer, _) = host.accept().unwrap();
        let mut head = [0; 4096];
        assert!(peer.read(&mut head).unwrap() > 0);
        peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello").unwrap();
    });
    let code = "
import os, sys, urllib.request
os.environ['no_proxy'] = ''
for url in sys.argv[1:]:
    try:
        print(urllib.request.urlopen(url, timeout=30).read().decode())
    except OSError as error:
        print(getattr(error, 'code', 'no way'))
";
    let program = console.file("program.py", code);
    let settings = console.file("named.toml", format!("[network]\nprivate = [\"{place}\"]\n"));
    let named = format!("http://{place}/");
    let run = |more: &[&str]| {
        let args =
            [&["--config", &settings, "run"], more, &[program.as_str(), "--", &named, "http://192.0.2.1/"]].concat();
        console.run(&args, b"")
    };
    let output = run(&["--allow", &place]);
    assert_eq!(text(&output.stdout), "hello\n403\n", "{output:?}");
    serving.join().unwrap();
    for without in [&[][..], &["--network", "none"]] {
        let output = run(without);
        assert_eq!(text(&output.stdout), "no way\nno way\n", "{without:?}: {output:?}");
    }
    assert_eq!(text(&run(&["--network", "allowlist"]).stdout), "403\n403\n");
    for (wrong, code, told) in [
        (&["--network", "full"][..], 125, "allow no session the whole network"),
        (&["--network", "none", "--allow", "example.org"], 125, "not an allow-list"),
        (&["--allow", "http://example.org/"], 2, "expected a port"),
    ] {
        let output = run(wrong);
        assert_eq!(output.status.code(), Some(code), "{wrong:?}: {output:?}");
        assert!(text(&output.stderr).contains(told), "{wrong:?}: {output:?}");
    }
    console.leaves_nothing();
}
