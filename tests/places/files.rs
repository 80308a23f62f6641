//! Files of the workspace, by requests and by programs.

use serde_json::{Value, json};

use super::streams::base64;
use super::{bash, python};
use crate::harness::{Client, Place};

pub(crate) fn ask(client: &mut Client, session: &str, method: &str, more: Value) -> Result<Value, Value> {
    let mut params = more;
    params["sessionId"] = session.into();
    client.call(method, params)
}

pub(crate) fn code(answer: Result<Value, Value>) -> i64 {
    answer.expect_err("it is refused")["code"].as_i64().expect("an error has a code")
}

pub(crate) fn a_file_is_written_read_listed_and_removed(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let mut ask = |method: &str, params: Value| ask(&mut client, &session, method, params);
    let every_byte: Vec<u8> = (0..=255).collect();
    let params =
        json!({"path": "a/b/ü n.bin", "encoding": "base64", "data": base64(&every_byte), "permissions": "755"});
    let written = ask("fs/write", params).unwrap();
    assert_eq!((&written["bytes"], &written["created"]), (&json!(256), &json!(true)));
    let read = ask("fs/read", json!({"path": "/workspace/a/b/ü n.bin"})).unwrap();
    assert_eq!((&read["data"], &read["permissions"]), (&json!(base64(&every_byte)), &json!("755")));
    assert_eq!(read["etag"], written["etag"]);
    ask("fs/write", json!({"path": ".hidden", "data": ""})).unwrap();
    let paths = |listed: &Value| -> Vec<String> {
        let entries = listed["entries"].as_array().unwrap().iter();
        entries.map(|entry| entry["path"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(paths(&ask("fs/list", json!({})).unwrap()), ["a"]);
    let all = ask("fs/list", json!({"recursive": true, "hidden": true})).unwrap();
    assert_eq!(paths(&all), [".hidden", "a", "a/b", "a/b/ü n.bin"]);
    let file = &all["entries"][3];
    assert_eq!((&file["type"], &file["size"], &file["permissions"]), (&json!("file"), &json!(256), &json!("755")));
    assert_eq!(code(ask("fs/remove", json!({"path": "a"}))), 1504);
    assert_eq!(ask("fs/remove", json!({"path": "a", "recursive": true})).unwrap()["removed"], 3);
    assert_eq!(code(ask("fs/read", json!({"path": "a/b/ü n.bin"}))), 1500);
    assert_eq!(code(ask("fs/remove", json!({"path": "."}))), 1400);
}

pub(crate) fn appending_patching_and_ranges_do_what_they_say(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let mut ask = |method: &str, params: Value| ask(&mut client, &session, method, params);
    ask("fs/write", json!({"path": "f", "data": "0123456789"})).unwrap();
    ask("fs/write", json!({"path": "f", "data": "abc", "mode": "append"})).unwrap();
    ask("fs/write", json!({"path": "f", "data": "XY", "mode": "patch", "offset": 4})).unwrap();
    assert_eq!(ask("fs/read", json!({"path": "f"})).unwrap()["data"], "0123XY6789abc");
    let part = ask("fs/read", json!({"path": "f", "offset": 4, "length": 5})).unwrap();
    assert_eq!((&part["data"], &part["eof"], &part["size"]), (&json!("XY678"), &json!(false), &json!(13)));
    let end = ask("fs/read", json!({"path": "f", "offset": 100})).unwrap();
    assert_eq!((&end["data"], &end["eof"]), (&json!(""), &json!(true)));
    assert_eq!(code(ask("fs/write", json!({"path": "f", "data": "", "mode": "create"}))), 1501);
}

pub(crate) fn nobody_undoes_anothers_work_unawares(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let first = ask(&mut client, &session, "fs/write", json!({"path": "f", "data": "one"})).unwrap()["etag"].clone();
    // A program is a writer as well.
    assert_eq!(client.execute(&session, bash("echo two > f")).outcome(), "ok");
    let late = json!({"path": "f", "data": "three", "ifMatch": first});
    assert_eq!(code(ask(&mut client, &session, "fs/write", late)), 1507);
    let now = ask(&mut client, &session, "fs/read", json!({"path": "f"})).unwrap();
    assert_eq!(now["data"], "two\n");
    let params = json!({"path": "f", "data": "three", "ifMatch": now["etag"]});
    assert_eq!(ask(&mut client, &session, "fs/write", params).unwrap()["created"], false);
}

pub(crate) fn links_are_listed_and_lead_nowhere_outside(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let plant = "echo text > file; ln -s file inside; ln -s /etc/passwd passwd; ln -s /proc/1/environ environ; \
                 ln -s / root; ln -s ../etc up; mkfifo pipe; mkdir d; ln -s d link-to-d; echo x > d/x";
    assert_eq!(client.execute(&session, bash(plant)).outcome(), "ok");
    let mut ask = |method: &str, params: Value| ask(&mut client, &session, method, params);
    let listed = ask("fs/list", json!({})).unwrap();
    let kinds: Vec<_> = listed["entries"].as_array().unwrap().iter().map(|entry| entry["type"].clone()).collect();
    let expected = ["directory", "symlink", "file", "symlink", "symlink", "symlink", "other", "symlink", "symlink"];
    assert_eq!(kinds, expected, "{listed}");
    assert_eq!(ask("fs/read", json!({"path": "inside"})).unwrap()["data"], "text\n");
    assert_eq!(ask("fs/read", json!({"path": "link-to-d/x"})).unwrap()["data"], "x\n");
    for path in ["passwd", "environ", "root/etc/passwd", "up/passwd", "../etc/passwd", "/etc/passwd"] {
        assert_eq!(code(ask("fs/read", json!({"path": path}))), 1401, "{path}");
        assert_eq!(code(ask("fs/write", json!({"path": path, "data": "", "mode": "append"}))), 1401, "{path}");
    }
    assert_eq!(code(ask("fs/list", json!({"path": "root"}))), 1401);
    assert_eq!(code(ask("fs/read", json!({"path": "pipe"}))), 1510);
    // A link itself can be removed, and what it leads to stays.
    for path in ["root", "passwd", "link-to-d"] {
        assert_eq!(ask("fs/remove", json!({"path": path, "recursive": true})).unwrap()["removed"], 1, "{path}");
    }
    assert_eq!(ask("fs/read", json!({"path": "d/x"})).unwrap()["data"], "x\n");
}

pub(crate) fn sixty_four_mebibytes_go_in_and_come_out(place: Place) {
    const PIECE: usize = 4 << 20;
    let (mut client, session) = place.open(json!({}));
    let mut piece: Vec<u8> = (0..PIECE).map(|place| (place * 7 / 3 % 251) as u8).collect();
    for number in 0..16u8 {
        piece[0] = number;
        let params = json!({"path": "large", "mode": "append", "encoding": "base64", "data": base64(&piece)});
        let written = ask(&mut client, &session, "fs/write", params).unwrap();
        assert_eq!(written["size"], PIECE * (usize::from(number) + 1));
    }
    for number in 0..16u8 {
        piece[0] = number;
        let params =
            json!({"path": "large", "offset": usize::from(number) * PIECE, "length": PIECE, "encoding": "base64"});
        let read = ask(&mut client, &session, "fs/read", params).unwrap();
        assert!(read["data"] == base64(&piece), "piece {number} is another");
        assert_eq!(read["eof"], number == 15);
    }
    let whole = ask(&mut client, &session, "fs/read", json!({"path": "large"}));
    assert_eq!(code(whole), 1506);
    let source = python("import os; print(os.stat('large').st_size); os.unlink('large')");
    assert_eq!(client.execute(&session, source).stdout(), format!("{}\n", 64 << 20));
}

pub(crate) fn programs_and_requests_see_the_same_files(place: Place) {
    let (mut client, session) = place.open(json!({}));
    ask(
        &mut client,
        &session,
        "fs/write",
        json!({"path": "run", "data": "#!/bin/sh\npwd; echo $0 $1", "permissions": "755"}),
    )
    .unwrap();
    let ran = client.execute(&session, json!({"program": "./run", "args": ["x"]}));
    assert_eq!(ran.stdout(), "/workspace\n./run x\n", "{}", ran.stderr());
    let write = "import os\nos.makedirs('d/e')\nopen('d/e/f', 'w').write('ü' * 1000)\nos.chmod('d/e/f', 0o600)";
    assert_eq!(client.execute(&session, python(write)).outcome(), "ok");
    let read = ask(&mut client, &session, "fs/read", json!({"path": "d/e/f"})).unwrap();
    assert_eq!((&read["data"], &read["permissions"]), (&json!("ü".repeat(1000)), &json!("600")));
    let owners = client.execute(&session, bash("find . -printf '%U:%G\\n' | sort -u; id -u"));
    assert_eq!(owners.stdout(), "1000:1000\n1000\n");
}

pub(crate) fn the_tools_of_the_system_look_at_files(place: Place) {
    let (mut client, session) = place.open(json!({}));
    ask(&mut client, &session, "fs/write", json!({"path": "file", "data": "text", "permissions": "640"})).unwrap();
    let looked = client
        .execute(&session, bash("ls -A; stat -c '%a %u %s' file; du -b file | cut -f 1; mv file there; ls there"));
    if place == Place::Gvisor && !knows_no_automount(&mut client, &session) {
        // Releases of gVisor that refuse this flag refuse it to `ls` and `stat`, which have no other way to ask.
        assert_eq!(looked.stdout(), "file\n4\n");
        let refused = looked.stderr();
        assert_eq!(refused.matches("Invalid argument").count(), 2, "{refused}");
        return;
    }
    assert_eq!((looked.stdout().as_str(), looked.stderr().as_str()), ("file\n640 1000 4\n4\nthere\n", ""));
}

/// Whether the kernel takes `AT_NO_AUTOMOUNT`, asked as `ls` does.
fn knows_no_automount(client: &mut Client, session: &str) -> bool {
    let code = "
import ctypes
found = ctypes.create_string_buffer(256)
print(ctypes.CDLL(None).statx(-100, b'.', 0x800, 0x7ff, found))
";
    client.execute(session, python(code)).stdout() == "0\n"
}
