//! What goes between this machine and a workspace.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::files::ask;
use super::streams::base64;
use super::{bash, python};
use crate::harness::{Client, Place};

fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// A directory of this machine with files in it.
fn project(client: &Client) -> PathBuf {
    let path = client.scratch().join("project");
    fs::create_dir_all(path.join("sub/empty")).unwrap();
    fs::create_dir(path.join("node_modules")).unwrap();
    fs::write(path.join("node_modules/large"), "large").unwrap();
    fs::write(path.join("sub/data.bin"), (0..1_000_000u32).map(|n| (n * 7 / 3 % 251) as u8).collect::<Vec<_>>())
        .unwrap();
    fs::write(path.join("run.sh"), "#!/bin/sh\necho ran\n").unwrap();
    fs::set_permissions(path.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("run.sh", path.join("link")).unwrap();
    symlink("/etc/hostname", path.join("outside")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, path.join("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    path
}

fn import(client: &mut Client, session: &str, more: Value) -> Result<Value, Value> {
    ask(client, session, "fs/import", more)
}

fn names(client: &mut Client, session: &str) -> Vec<Value> {
    let listed = client.request("fs/list", json!({"sessionId": session, "hidden": true}));
    listed["entries"].as_array().unwrap().iter().map(|entry| entry["name"].clone()).collect()
}

pub(crate) fn a_directory_of_this_machine_is_imported(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let path = project(&client);
    let wish = json!({"uri": uri(&path), "path": "in/here", "exclude": ["node_*"]});
    let mut watched = wish.clone();
    watched["workDoneToken"] = "i".into();
    let imported = import(&mut client, &session, watched).unwrap();
    assert_eq!(
        imported,
        json!({"path": "in/here", "files": 2, "directories": 2, "links": 2, "bytes": 1_000_019, "replaced": false})
    );
    let progress = client.claim_all(|received| received.message["params"]["token"] == "i");
    let kind = |at: usize| progress[at].message["params"]["value"]["kind"].as_str().unwrap().to_owned();
    assert_eq!((kind(0), kind(progress.len() - 1)), ("begin".to_owned(), "end".to_owned()));
    let look = "import hashlib, os\nos.chdir('in/here')\nprint(sorted(os.listdir()), os.listdir('sub/empty'), os.readlink('outside'), \
                hashlib.md5(open('sub/data.bin', 'rb').read()).hexdigest(), flush=True)\nos.execl('./run.sh', 'run.sh')";
    let expected: Vec<u8> = fs::read(path.join("sub/data.bin")).unwrap();
    let digest = "import hashlib, sys\nprint(hashlib.md5(sys.stdin.buffer.read()).hexdigest())";
    let params = json!({"sessionId": session, "path": "sent", "data": base64(&expected), "encoding": "base64"});
    client.request("fs/write", params);
    let sent = client.execute(&session, python(&digest.replace("sys.stdin.buffer", "open('sent', 'rb')")));
    let looked = client.execute(&session, python(look));
    let expected = format!("['link', 'outside', 'run.sh', 'sub'] [] /etc/hostname {}\nran\n", sent.stdout().trim_end());
    assert_eq!(looked.stdout(), expected, "{}", looked.stderr());
    // What is there is replaced as a whole, and only when that is asked for.
    assert_eq!(import(&mut client, &session, wish.clone()).unwrap_err()["code"], 1501);
    fs::remove_file(path.join("link")).unwrap();
    let mut again = wish;
    again["overwrite"] = true.into();
    assert_eq!(import(&mut client, &session, again).unwrap()["replaced"], true);
    assert_eq!(client.execute(&session, bash("cd in/here && echo *")).stdout(), "outside run.sh sub\n");
    // A file goes alone, and through the link that was named.
    symlink("run.sh", path.join("link")).unwrap();
    let file = json!({"uri": uri(&path.join("link")), "pathBase64": base64(b"\xff")});
    assert_eq!(import(&mut client, &session, file).unwrap()["files"], 1);
    let ran = client.execute(&session, python("import os\nos.execl(b'./\\xff', 'it')"));
    assert_eq!(ran.stdout(), "ran\n", "{}", ran.stderr());
}

pub(crate) fn what_can_not_be_imported_leaves_nothing(place: Place) {
    let (mut client, session) = place.open(json!({"limits": {"diskBytes": 8 << 20}}));
    let path = project(&client);
    client.request("fs/write", json!({"sessionId": session, "path": "file", "data": ""}));
    let large = client.scratch().join("large");
    fs::create_dir_all(large.join("first")).unwrap();
    fs::write(large.join("second"), vec![b'x'; 9 << 20]).unwrap();
    for (from, to, code, at) in [
        (uri(&path.join("none")), "new", 1500, Some("uri")),
        (uri(&path.join("pipe")), "new", 1510, Some("uri")),
        ("https://example.org/x".to_owned(), "new", -32602, Some("uri")),
        (uri(&path), "file", 1502, None),
        (uri(&path.join("run.sh")), "../new", 1401, None),
        (uri(&path), "/etc/new", 1401, None),
        (uri(&path), "file/new", 1502, None),
        (uri(&path), ".", 1400, Some("path")),
        (uri(&large), "new", 1508, None),
        (uri(&large.join("second")), "new", 1508, None),
    ] {
        let error = import(&mut client, &session, json!({"uri": from, "path": to, "overwrite": true})).unwrap_err();
        assert_eq!(error["code"], code, "{from} to {to}: {error}");
        assert_eq!(error["data"]["path"].as_str(), at, "{from} to {to}: {error}");
        assert!(!error["message"].as_str().unwrap().contains(".codebeaker"), "{error}");
        assert_eq!(names(&mut client, &session), ["file"], "{from} to {to}");
    }
    let error = import(&mut client, &session, json!({"uri": uri(&path), "path": "a/b", "createParents": false}));
    assert_eq!(error.unwrap_err()["code"], 1500);
    assert_eq!(names(&mut client, &session), ["file"]);
}

pub(crate) fn an_import_that_is_given_up_leaves_nothing(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let path = client.scratch().join("many");
    fs::create_dir(&path).unwrap();
    for number in 0..3000 {
        fs::write(path.join(number.to_string()), "x").unwrap();
    }
    // It may be done before the word comes that it is wanted no more.
    let given_up = (0..20).any(|_| {
        let params = json!({"sessionId": session, "uri": uri(&path), "path": "new", "overwrite": true});
        let import = client.send_request("fs/import", params);
        client.cancel(import);
        match client.response(import) {
            Ok(_) => {
                client.request("fs/remove", json!({"sessionId": session, "path": "new", "recursive": true}));
                false
            }
            Err(error) => {
                assert_eq!(error["code"], -32800, "{error}");
                true
            }
        }
    });
    assert!(given_up, "no import was ever given up");
    assert!(names(&mut client, &session).is_empty());
}
