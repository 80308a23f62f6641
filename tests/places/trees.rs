//! Looking at what is there, making directories, copying and moving.

use serde_json::{Value, json};

use super::files::{ask, code};
use super::streams::base64;
use super::{bash, python};
use crate::harness::{Client, Place};

fn shell(client: &mut Client, session: &str, script: &str) -> String {
    let execution = client.execute(session, bash(script));
    assert_eq!(execution.outcome(), "ok", "{}", execution.stderr());
    execution.stdout()
}

pub(crate) fn a_path_is_looked_at(place: Place) {
    let (mut client, session) = place.open(json!({}));
    shell(&mut client, &session, "mkdir d; printf 12345 > d/file; chmod 640 d/file; ln -s ../none d/link; mkfifo pipe");
    let written = ask(&mut client, &session, "fs/read", json!({"path": "d/file"})).unwrap();
    let listed = ask(&mut client, &session, "fs/list", json!({"path": "d"})).unwrap()["entries"].clone();
    let mut stat = |path: &str| ask(&mut client, &session, "fs/stat", json!({"path": path}));
    let file = stat("/workspace/d/file").unwrap();
    assert_eq!((&file["etag"], &file["size"], &file["permissions"]), (&written["etag"], &json!(5), &json!("640")));
    let link = stat("d/link").unwrap();
    assert_eq!((&link["type"], &link["target"]), (&json!("symlink"), &json!("../none")));
    // What a listing says of an entry, it says too.
    for (entry, found) in listed.as_array().unwrap().iter().zip([&file, &link]) {
        for (field, value) in entry.as_object().unwrap() {
            assert_eq!(&found[field], value, "{field}");
        }
    }
    let top = stat("").unwrap();
    assert_eq!((&top["type"], &top["path"], &top["name"]), (&json!("directory"), &json!(""), &json!("")));
    assert_eq!(stat("pipe").unwrap()["type"], "other");
    for (path, expected) in [("none", 1500), ("d/link/x", 1500), ("d/file/x", 1502), ("../x", 1401), ("/etc", 1401)] {
        assert_eq!(code(stat(path)), expected, "{path}");
    }
}

pub(crate) fn directories_are_made(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let mut made = |more: Value| ask(&mut client, &session, "fs/mkdir", more).map(|made| made["created"].clone());
    assert_eq!(made(json!({"path": "a/b/c", "permissions": "1700"})).unwrap(), true);
    assert_eq!(made(json!({"path": "a/b/c/"})).unwrap(), false);
    assert_eq!(made(json!({"path": "/workspace"})).unwrap(), false);
    assert_eq!(made(json!({"path": "shut", "parents": false, "permissions": "500"})).unwrap(), true);
    assert_eq!(made(json!({"pathBase64": base64(b"\xff")})).unwrap(), true);
    for (path, parents, expected) in [
        ("x/y", false, 1500),
        ("a/b", false, 1501),
        (".", false, 1501),
        ("a/..", true, 1400),
        ("../x", true, 1401),
        ("shut/x", true, 1505),
    ] {
        assert_eq!(code(made(json!({"path": path, "parents": parents}))), expected, "{path}");
    }
    ask(&mut client, &session, "fs/write", json!({"path": "file", "data": ""})).unwrap();
    assert_eq!(code(ask(&mut client, &session, "fs/mkdir", json!({"path": "file"}))), 1501);
    assert_eq!(code(ask(&mut client, &session, "fs/mkdir", json!({"path": "file/x"}))), 1502);
    let look =
        "import os, stat\nprint([oct(os.stat(p).st_mode & 0o7777) for p in ('a', 'a/b', 'a/b/c', 'shut', b'\\xff')])";
    let looked = client.execute(&session, python(look));
    assert_eq!(looked.stdout(), "['0o755', '0o755', '0o700', '0o500', '0o755']\n", "{}", looked.stderr());
}

pub(crate) fn trees_are_copied_and_moved(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let plant = "
import os
os.makedirs('src/lib/empty'); open('src/run', 'w').write('x' * 1000); open('src/lib/a', 'w').write('a'); os.mkfifo('src/pipe')
open(b'src/lib/\\xff', 'w').write('bytes'); os.symlink('../run', 'src/lib/link'); os.chmod('src/run', 0o755)
os.utime('src/run', (1, 1_000_000_000)); os.utime('src/lib', (1, 1_100_000_000))
";
    let planted = client.execute(&session, python(plant));
    assert_eq!(planted.outcome(), "ok", "{}", planted.stderr());
    let mut ask = |method: &str, params: Value| ask(&mut client, &session, method, params);
    let copied = ask("fs/copy", json!({"from": "src", "to": "new/deep/copy"})).unwrap();
    let expected = json!({"path": "new/deep/copy", "entries": 7, "bytes": 1006, "skipped": 1, "replaced": false});
    assert_eq!(copied, expected);
    let moved = ask("fs/move", json!({"from": "new/deep/copy", "to": "moved"})).unwrap();
    assert_eq!(moved, json!({"path": "moved", "replaced": false}));
    let name = [b"src/lib/".as_slice(), b"\xff"].concat();
    let named = json!({"fromBase64": base64(&name), "toBase64": base64(b"\xfe")});
    assert_eq!(ask("fs/copy", named).unwrap()["entries"], 1);
    let taken = json!({"fromBase64": base64(b"\xfe"), "to": "text"});
    ask("fs/move", taken).unwrap();
    assert_eq!(ask("fs/read", json!({"path": "text"})).unwrap()["data"], "bytes");
    assert_eq!(ask("fs/stat", json!({"path": "moved/lib"})).unwrap()["modifiedAt"], "2004-11-09T11:33:20.000Z");
    let same = "diff -r --no-dereference --exclude=pipe src moved && stat -c '%a %Y' moved/run && ls new/deep";
    let look = "import filecmp, os\nprint(filecmp.cmp('src/run', 'moved/run', False), os.readlink('moved/lib/link'), \
                os.stat('moved/run').st_mode & 0o777 == 0o755, int(os.stat('moved/run').st_mtime), os.listdir('new/deep'), \
                sorted(os.listdir(b'moved/lib')), sorted(os.listdir('moved')))";
    let looked = client.execute(&session, python(look));
    assert_eq!(
        looked.stdout(),
        "True ../run True 1000000000 [] [b'a', b'empty', b'link', b'\\xff'] ['lib', 'run']\n",
        "{}",
        looked.stderr()
    );
    if place == Place::Native {
        assert_eq!(shell(&mut client, &session, same), "755 1000000000\n");
    }
}

pub(crate) fn what_is_there_is_replaced_only_when_asked(place: Place) {
    let (mut client, session) = place.open(json!({}));
    shell(
        &mut client,
        &session,
        "echo a > a; echo b > b; mkdir -p d/x full/y; echo d > d/x/f; ln -s b link; echo c > c",
    );
    let mut ask = |method: &str, params: Value| ask(&mut client, &session, method, params);
    for method in ["fs/copy", "fs/move"] {
        for (from, to, overwrite, expected) in [
            ("a", "b", false, 1501),
            ("d", "full", false, 1501),
            ("a", "d", true, 1503),
            ("d", "a", true, 1502),
            ("d", "d/x/new", false, 1400),
            ("d/x", "d", true, 1400),
            (".", "new", false, 1400),
            ("none", "new", false, 1500),
            ("a", "../new", false, 1401),
            ("/etc/passwd", "new", false, 1401),
        ] {
            let error = ask(method, json!({"from": from, "to": to, "overwrite": overwrite})).unwrap_err();
            assert_eq!(error["code"], expected, "{method} {from} {to}: {error}");
            if expected == 1400 {
                assert_eq!(error["data"]["path"], if from == "." { "from" } else { "to" }, "{error}");
            }
        }
        assert_eq!(code(ask(method, json!({"from": "a", "to": "no/new", "createParents": false}))), 1500);
    }
    for (method, from, to) in
        [("fs/copy", "a", "b"), ("fs/copy", "d", "full"), ("fs/move", "c", "link"), ("fs/move", "d", "full")]
    {
        let done = ask(method, json!({"from": from, "to": to, "overwrite": true})).unwrap();
        assert_eq!(done["replaced"], true, "{method} {from} {to}");
    }
    let left = shell(&mut client, &session, "cat a b link full/x/f; find . | sort | tr '\\n' ' '");
    assert_eq!(left, "a\na\nc\nd\n. ./a ./b ./full ./full/x ./full/x/f ./link ");
}

pub(crate) fn a_copy_that_is_given_up_leaves_nothing(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let code = "import os\nos.mkdir('many')\nfor i in range(20000): os.mknod(f'many/{i}')";
    assert_eq!(client.execute(&session, python(code)).outcome(), "ok");
    let left = |client: &mut Client| {
        let listed = ask(client, &session, "fs/list", json!({"hidden": true})).unwrap();
        listed["entries"].as_array().unwrap().iter().map(|entry| entry["name"].clone()).collect::<Vec<_>>()
    };
    // It may be done before the word comes that it is wanted no more.
    let given_up = (0..20).any(|_| {
        let copy = client.send_request("fs/copy", json!({"sessionId": session, "from": "many", "to": "copy"}));
        client.cancel(copy);
        match client.response(copy) {
            Ok(_) => {
                assert_eq!(left(&mut client), ["copy", "many"]);
                client.request("fs/remove", json!({"sessionId": session, "path": "copy", "recursive": true}));
                false
            }
            Err(error) => {
                assert_eq!(error["code"], -32800, "{error}");
                assert_eq!(left(&mut client), ["many"]);
                true
            }
        }
    });
    assert!(given_up, "no copy was ever given up");
    // A file that does not fit leaves nothing either.
    let (mut client, session) = place.open(json!({"limits": {"diskBytes": 8 << 20}}));
    let fill = "
with open('most', 'wb', 0) as file:
    size = 0
    try:
        while True: size += file.write(b'x' * 65536)
    except OSError: pass
    file.truncate(size * 2 // 3)
";
    assert_eq!(client.execute(&session, python(fill)).outcome(), "ok");
    let full = ask(&mut client, &session, "fs/copy", json!({"from": "most", "to": "copy"}));
    assert_eq!(full.expect_err("it does not fit")["code"], 1508);
    let left = ask(&mut client, &session, "fs/list", json!({"hidden": true})).unwrap();
    assert_eq!(left["entries"].as_array().unwrap().len(), 1, "{left}");
}
