//! What goes between this machine and a workspace.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::files::ask;
use super::streams::base64;
use super::{bash, python};
use crate::harness::project::uri;
use crate::harness::{Client, Place};

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

fn export(client: &mut Client, session: &str, more: Value) -> Result<Value, Value> {
    ask(client, session, "fs/export", more)
}

/// Makes a tree with something of each kind in `out`.
const TREE: &str = "mkdir -p out/sub/empty out/.git out/skipped && cd out && printf '#!/bin/sh\\necho ran\\n' > run.sh && chmod 4755 run.sh && \
                    touch -d @1000000000 run.sh && echo hook > .git/hook && echo x > skipped/x && mkfifo pipe && ln -s run.sh link && \
                    ln -s ../run.sh sub/up && ln -s /etc/passwd absolute && ln -s ../../up sub/outside && ln -s sub/../.. again && \
                    head -c 1000000 /dev/urandom > sub/data.bin && cksum < sub/data.bin";

pub(crate) fn a_directory_of_the_workspace_is_exported(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let made = client.execute(&session, bash(TREE));
    assert_eq!(made.result["outcome"], "ok", "{}", made.stderr());
    let target = client.scratch().join("not/yet/there");
    let wish = json!({"path": "out", "uri": uri(&target), "exclude": [".git", "skip*"]});
    let mut watched = wish.clone();
    watched["workDoneToken"] = "e".into();
    let exported = export(&mut client, &session, watched).unwrap();
    assert_eq!(
        exported,
        json!({"uri": uri(&target), "files": 2, "directories": 2, "links": 2, "bytes": 1_000_019, "linksLeftOut": 3,
               "othersLeftOut": 1, "changed": 0, "merged": false})
    );
    let progress = client.claim_all(|received| received.message["params"]["token"] == "e");
    let kind = |at: usize| progress[at].message["params"]["value"]["kind"].as_str().unwrap().to_owned();
    assert_eq!((kind(0), kind(progress.len() - 1)), ("begin".to_owned(), "end".to_owned()));
    let mut names: Vec<_> = fs::read_dir(&target).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["link", "run.sh", "sub"]);
    assert_eq!(fs::read_link(target.join("sub/up")).unwrap(), Path::new("../run.sh"));
    assert!(target.join("sub/empty").is_dir());
    let metadata = fs::metadata(target.join("run.sh")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7700, 0o700, "no special bits, and its owner runs it");
    assert_eq!(metadata.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(), 1_000_000_000);
    let came = std::process::Command::new("cksum").stdin(fs::File::open(target.join("sub/data.bin")).unwrap()).output();
    assert_eq!(String::from_utf8(came.unwrap().stdout).unwrap(), made.stdout());
    // What is there is merged, and only when that is asked for.
    assert_eq!(export(&mut client, &session, wish.clone()).unwrap_err()["code"], 1501);
    fs::write(target.join("mine"), "mine").unwrap();
    fs::write(target.join("run.sh"), "old").unwrap();
    let mut again = wish;
    again["overwrite"] = true.into();
    assert_eq!(export(&mut client, &session, again).unwrap()["merged"], true);
    assert_eq!(fs::read_to_string(target.join("mine")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(target.join("run.sh")).unwrap(), "#!/bin/sh\necho ran\n");
    // A file goes alone.
    let file = json!({"path": "out/run.sh", "uri": uri(&target.join("file"))});
    assert_eq!(export(&mut client, &session, file.clone()).unwrap()["files"], 1);
    assert_eq!(export(&mut client, &session, file).unwrap_err()["code"], 1501);
    assert_eq!(fs::read_to_string(target.join("file")).unwrap(), "#!/bin/sh\necho ran\n");
    // Without a path it is all of it, but for what is left out unless one says otherwise.
    let all = client.scratch().join("all");
    let exported = export(&mut client, &session, json!({"uri": uri(&all)})).unwrap();
    assert_eq!((&exported["files"], &exported["directories"]), (&json!(3), &json!(4)), "{exported}");
    assert!(!all.join("out/.git").exists());
}

pub(crate) fn what_can_not_be_exported_leaves_nothing(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let made = client.execute(&session, bash("mkdir d many && truncate -s 40M d/sparse && mkfifo pipe && ln -s d link && touch many/{1..50} && \
                                              echo x > file && mkdir deep && cd deep && for n in {1..150}; do mkdir d && cd d; done"));
    assert_eq!(made.result["outcome"], "ok", "{}", made.stderr());
    let ground = client.scratch().join("ground");
    fs::create_dir_all(ground.join("there")).unwrap();
    fs::write(ground.join("file"), "mine").unwrap();
    symlink("there", ground.join("link")).unwrap();
    let count = || fs::read_dir(&ground).unwrap().count();
    for (from, to, code, at) in [
        ("none", "new", 1500, None),
        ("pipe", "new", 1510, None),
        ("link", "new", 1510, None),
        ("../etc", "new", 1401, None),
        ("d", "new", 1506, Some("maxBytes")),
        ("many", "new", 1506, Some("maxEntries")),
        ("deep", "new", 1506, None),
        ("many", "file", 1502, Some("uri")),
        ("many", "link", 1502, Some("uri")),
        ("file", "there", 1503, Some("uri")),
        ("file", "file/new", 1502, Some("uri")),
        ("file", "none/new", 1500, Some("uri")),
    ] {
        let entries = if code == 1506 && from == "many" { 40 } else { 1000 };
        let more = json!({"path": from, "uri": uri(&ground.join(to)), "overwrite": true, "createParents": false,
                          "maxEntries": entries, "maxBytes": 1 << 20});
        let error = export(&mut client, &session, more).unwrap_err();
        assert_eq!(error["code"], code, "{from} to {to}: {error}");
        assert_eq!(error["data"]["path"].as_str(), at, "{from} to {to}: {error}");
        assert!(!error["message"].as_str().unwrap().contains(".codebeaker"), "{error}");
        assert_eq!(count(), 3, "{from} to {to}");
    }
    assert_eq!(fs::read_to_string(ground.join("file")).unwrap(), "mine");
    let odd = json!({"path": "file", "uri": "https://example.org/x"});
    assert_eq!(export(&mut client, &session, odd).unwrap_err()["code"], -32602);
}

pub(crate) fn an_export_that_is_given_up_leaves_nothing(place: Place) {
    let (mut client, session) = place.open(json!({}));
    client.execute(&session, bash("mkdir many && touch many/{1..3000}"));
    let ground = client.scratch().join("ground");
    fs::create_dir(&ground).unwrap();
    // It may be done before the word comes that it is wanted no more.
    let given_up = (0..20).any(|_| {
        let params = json!({"sessionId": session, "path": "many", "uri": uri(&ground.join("new"))});
        let export = client.send_request("fs/export", params);
        client.cancel(export);
        match client.response(export) {
            Ok(_) => {
                fs::remove_dir_all(ground.join("new")).unwrap();
                false
            }
            Err(error) => {
                assert_eq!(error["code"], -32800, "{error}");
                true
            }
        }
    });
    assert!(given_up, "no export was ever given up");
    assert_eq!(fs::read_dir(&ground).unwrap().count(), 0);
}
