//! What sessions make of a directory of the host, and what a place says that can't do it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::project::{CHANGE, CHANGED, project, snapshot, uri};
use crate::harness::{Client, Place};

/// A project that belongs to the user that containers run programs as; native sandboxes run them as its owner,
/// whoever that is.
fn directory(client: &Client) -> PathBuf {
    let owner = rustix::process::getuid().is_root().then_some(1000);
    let path = project(client, "project", owner);
    symlink("/etc/hostname", path.join("outside")).unwrap();
    fs::set_permissions(client.scratch(), fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn shell(client: &mut Client, session: &str, code: &str) -> String {
    let execution = client.execute(session, super::bash(code));
    format!("{}{}", execution.stdout(), execution.stderr())
}

/// A session in this workspace, or what a place says that doesn't offer it: which says what to do.
fn open(place: Place, client: &mut Client, workspace: &Value) -> Result<String, Value> {
    let answer = client.call("session/create", place.wish(json!({"workspace": workspace})));
    if let Err(refusal) = &answer {
        assert_eq!(refusal["code"], 1206, "{workspace}: {refusal}");
        let hint = refusal["data"]["hint"].as_str().unwrap_or_else(|| panic!("no way out: {refusal}"));
        assert!(hint.contains("copy"), "{refusal}");
    }
    answer.map(|session| session["sessionId"].as_str().expect("it has an id").to_owned())
}

pub(crate) fn an_empty_workspace_is_empty_and_can_be_written_to(place: Place) {
    let (mut client, session) = place.open(json!({"workspace": {"mode": "none"}}));
    assert_eq!(
        shell(&mut client, &session, "find . -mindepth 1; echo text > file; cat file; find /tmp -mindepth 1"),
        "text\n"
    );
    let got = client.request("session/get", json!({"sessionId": session}))["workspace"].clone();
    assert_eq!(got, json!({"mode": "none", "path": "/workspace"}));
    // Nowhere else.
    let readable =
        "for d in / /etc /usr /home /var /opt /.codebeaker; do ! (echo x > $d/planted) 2>/dev/null || echo $d; done";
    assert_eq!(shell(&mut client, &session, readable), "");
}

pub(crate) fn a_copy_is_whole_but_for_what_is_left_out(place: Place) {
    let mut client = place.client();
    let path = directory(&client);
    let before = snapshot(&path);
    let workspace = json!({"mode": "copy", "uri": uri(&path), "exclude": ["node_*", "*.md"]});
    let session = open(place, &mut client, &workspace).expect("every place copies");
    let list = "find . ! -name . | sort; readlink link outside; find run.sh file.txt -printf '%m %U %s\\n'";
    let expected = "./file.txt\n./link\n./outside\n./run.sh\n./sub\n./sub/deep\n./sub/deep/file.txt\n\
                    file.txt\n/etc/hostname\n755 1000 19\n644 1000 3\n";
    assert_eq!(shell(&mut client, &session, list), expected);
    assert_eq!(shell(&mut client, &session, CHANGE), CHANGED);
    assert!(snapshot(&path) == before, "the directory was changed");
    let again = open(place, &mut client, &workspace).expect("every place copies");
    assert_eq!(shell(&mut client, &again, "cat file.txt"), "old", "what one changes another does not see");
    let got = client.request("session/get", json!({"sessionId": session}))["workspace"].clone();
    assert_eq!((&got["mode"], &got["path"]), (&json!("copy"), &json!("/workspace")));
}

pub(crate) fn a_bound_directory_is_the_hosts_own(place: Place) {
    let mut client = place.client();
    let path = directory(&client);
    let before = snapshot(&path);
    if let Ok(session) = open(place, &mut client, &json!({"mode": "bindRo", "uri": uri(&path)})) {
        assert_eq!(shell(&mut client, &session, "cat file.txt link; ./run.sh"), "oldoldran\n");
        for code in ["echo x > file.txt", "echo x > new.txt", "rm file.txt", "mv file.txt other", "chmod 777 run.sh"] {
            let text = shell(&mut client, &session, code);
            assert!(text.contains("Read-only file system"), "{code}: {text}");
        }
        let error = client.call("fs/write", json!({"sessionId": session, "path": "new.txt", "data": "x"})).unwrap_err();
        assert_eq!(error["code"], 1505, "{error}");
        assert!(snapshot(&path) == before);
        fs::write(path.join("file.txt"), "newer").unwrap();
        assert_eq!(shell(&mut client, &session, "cat file.txt"), "newer", "what the host changes shows");
        fs::write(path.join("file.txt"), "old").unwrap();
    }
    if let Ok(session) = open(place, &mut client, &json!({"mode": "bindRw", "uri": uri(&path)})) {
        assert_eq!(shell(&mut client, &session, CHANGE), CHANGED);
        client.request("fs/write", json!({"sessionId": session, "path": "by/client.txt", "data": "x"}));
        assert_eq!(fs::read_to_string(path.join("file.txt")).unwrap(), "new\n");
        assert!(!path.join("sub").exists());
        let owner = fs::metadata(&path).unwrap();
        for name in ["added.txt", "file.txt", "by", "by/client.txt"] {
            let made = fs::metadata(path.join(name)).unwrap();
            assert_eq!((made.uid(), made.gid()), (owner.uid(), owner.gid()), "{name}");
        }
    }
}

pub(crate) fn an_overlay_is_made_or_refused_with_a_way_out(place: Place) {
    let mut client = place.client();
    let path = directory(&client);
    let before = snapshot(&path);
    match open(place, &mut client, &json!({"mode": "overlay", "uri": uri(&path)})) {
        Ok(session) => assert_eq!(shell(&mut client, &session, CHANGE), CHANGED),
        Err(_) => assert!(place.has_containers(), "a native sandbox has overlays"),
    }
    assert!(snapshot(&path) == before);
    assert_eq!(
        client.request("session/list", json!({}))["sessions"].as_array().unwrap().len(),
        usize::from(!place.has_containers())
    );
}

pub(crate) fn what_lies_below_an_overlay_is_moved_and_replaced(place: Place) {
    let mut client = place.client();
    let path = directory(&client);
    let before = snapshot(&path);
    // Where there are none, that is said elsewhere.
    let Ok(session) = open(place, &mut client, &json!({"mode": "overlay", "uri": uri(&path)})) else { return };
    let mut ask = |method: &str, from: &str, to: &str| {
        client.request(method, json!({"sessionId": session, "from": from, "to": to, "overwrite": true}))
    };
    // The kernel renames no directory that lies below, so that it is copied.
    let moved = ask("fs/move", "sub/deep", "deep");
    assert_eq!(moved["copied"], json!({"entries": 2, "bytes": 4, "skipped": 0}), "{moved}");
    assert_eq!(ask("fs/move", "deep", "node_modules")["replaced"], true);
    assert_eq!(ask("fs/copy", "node_modules", "sub")["replaced"], true);
    ask("fs/move", "run.sh", "file.txt");
    assert_eq!(
        shell(&mut client, &session, "find . -type f | sort; ./file.txt; ls -A . sub"),
        "./file.txt\n./node_modules/file.txt\n./sub/file.txt\nran\n.:\nfile.txt\nlink\nnode_modules\noutside\nsub\n\nsub:\nfile.txt\n"
    );
    assert!(snapshot(&path) == before);
}

pub(crate) fn a_workspace_that_does_not_fit_is_refused(place: Place) {
    let mut client = place.client();
    let path = client.scratch().join("large");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("file"), vec![b'x'; 3 << 20]).unwrap();
    let large = json!({"workspace": {"mode": "copy", "uri": uri(&path)}, "limits": {"diskBytes": 1 << 20}});
    let missing = json!({"workspace": {"mode": "copy", "uri": "file:///no/such/directory"}});
    let file = json!({"workspace": {"mode": "copy", "uri": uri(&path.join("file"))}});
    for (wish, code) in [(large, 1508), (missing, 1500), (file, 1502)] {
        let error = client.call("session/create", place.wish(wish.clone())).unwrap_err();
        assert_eq!(error["code"], code, "{wish}: {error}");
    }
    assert_eq!(client.request("session/list", json!({}))["sessions"], json!([]));
}
