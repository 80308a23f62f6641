//! What a session makes of a directory of the host.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use crate::harness::project::{CHANGE, CHANGED, project, snapshot, uri};
use crate::harness::skip::skip;
use crate::harness::{Client, Setup};
use serde_json::{Value, json};

fn open(client: &mut Client, workspace: Value) -> String {
    client.create_session(json!({"workspace": workspace}))
}

fn shell(client: &mut Client, session: &str, code: &str) -> String {
    let execution = client.execute(session, json!({"code": code, "language": "bash"}));
    format!("{}{}", execution.stdout(), execution.stderr())
}

#[test]
fn an_empty_workspace_is_empty_and_can_be_written_to() {
    for setup in Setup::users() {
        let mut client = setup.initialized();
        let session = open(&mut client, json!({"mode": "none"}));
        assert_eq!(shell(&mut client, &session, "ls -A; echo text > file; cat file"), "text\n");
        let got = client.request("session/get", json!({"sessionId": session}))["workspace"].clone();
        assert_eq!(got, json!({"mode": "none", "path": "/workspace"}));
    }
}

#[test]
fn a_copy_and_an_overlay_leave_the_directory_alone() {
    for mode in ["copy", "overlay"] {
        for setup in Setup::users() {
            let owner = setup.other_user();
            let mut client = setup.initialized();
            let path = project(&client, "project", owner);
            let before = snapshot(&path);
            let workspace = json!({"mode": mode, "uri": uri(&path)});
            let session = match client.call("session/create", json!({"workspace": workspace})) {
                Ok(session) => session["sessionId"].as_str().unwrap().to_owned(),
                Err(error) => panic!("{mode} as {owner:?}: {error}"),
            };
            assert_eq!(shell(&mut client, &session, CHANGE), CHANGED, "{mode} as {owner:?}");
            assert!(snapshot(&path) == before, "{mode} as {owner:?} changed the directory");
            let again = open(&mut client, workspace.clone());
            assert_eq!(
                shell(&mut client, &again, "cat file.txt; ls -A | wc -l"),
                "old5\n",
                "what one changes another does not see"
            );
            let got = client.request("session/get", json!({"sessionId": session}))["workspace"].clone();
            assert_eq!(got, json!({"mode": mode, "uri": uri(&path), "path": "/workspace"}));
        }
    }
}

#[test]
fn a_copy_leaves_out_what_it_is_told_to() {
    let mut client = Client::initialized();
    let path = project(&client, "project", None);
    let workspace = json!({"mode": "copy", "uri": uri(&path), "exclude": ["node_modules", "*.txt"]});
    let session = open(&mut client, workspace);
    assert_eq!(shell(&mut client, &session, "find . ! -name . | sort"), "./link\n./run.sh\n./sub\n./sub/deep\n");
}

#[test]
fn a_directory_that_is_bound_to_be_read_is_not_changed() {
    for setup in Setup::users() {
        let owner = setup.other_user();
        let mut client = setup.initialized();
        let path = project(&client, "project", owner);
        let before = snapshot(&path);
        let session = open(&mut client, json!({"mode": "bindRo", "uri": uri(&path)}));
        assert_eq!(shell(&mut client, &session, "cat file.txt link; ./run.sh"), "oldoldran\n");
        for code in ["echo x > file.txt", "echo x > new.txt", "rm file.txt", "mv file.txt other", "chmod 777 run.sh"] {
            let text = shell(&mut client, &session, code);
            assert!(text.contains("Read-only file system"), "{code}: {text}");
        }
        let error = client.call("fs/write", json!({"sessionId": session, "path": "new.txt", "data": "x"})).unwrap_err();
        assert_eq!(error["code"], 1505, "{error}");
        assert!(snapshot(&path) == before);
        // What the host changes shows.
        fs::write(path.join("file.txt"), "newer").unwrap();
        assert_eq!(shell(&mut client, &session, "cat file.txt"), "newer");
    }
}

#[test]
fn a_directory_that_is_bound_to_be_written_is_changed_by_its_owner() {
    for setup in Setup::users() {
        let mut owners = vec![setup.other_user()];
        if setup.other_user().is_none() && rustix::process::getuid().is_root() {
            // A daemon of root's works in what belongs to others without leaving files of root's there.
            owners.push(Some(54_321));
        }
        let mut client = setup.initialized();
        for (number, owner) in owners.into_iter().enumerate() {
            let path = project(&client, &format!("project{number}"), owner);
            let session = open(&mut client, json!({"mode": "bindRw", "uri": uri(&path)}));
            assert_eq!(shell(&mut client, &session, CHANGE), CHANGED, "as {owner:?}");
            client.request(
                "fs/write",
                json!({"sessionId": session, "path": "by/client.txt", "data": "x", "createParents": true}),
            );
            assert_eq!(fs::read_to_string(path.join("file.txt")).unwrap(), "new\n");
            assert!(!path.join("sub").exists());
            let directory = fs::metadata(&path).unwrap();
            for name in ["added.txt", "file.txt", "by", "by/client.txt"] {
                let made = fs::metadata(path.join(name)).unwrap();
                assert_eq!((made.uid(), made.gid()), (directory.uid(), directory.gid()), "{name} as {owner:?}");
            }
            assert_eq!(fs::metadata(path.join("run.sh")).unwrap().mode() & 0o777, 0o600);
            // Inside, it belongs to the sandbox's user.
            assert_eq!(
                shell(&mut client, &session, "stat -c %U:%G . added.txt; id -un"),
                shell(&mut client, &session, "for n in 1 2; do echo $(id -un):$(id -gn); done; id -un")
            );
        }
    }
}

#[test]
fn names_and_links_of_all_kinds_are_taken_as_they_are() {
    let mut client = Client::initialized();
    let path = client.scratch().join("ein Ordner – ü%20#?");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("file"), "text").unwrap();
    symlink(&path, client.scratch().join("link")).unwrap();
    let encoded =
        path.to_str().unwrap().replace('%', "%25").replace(' ', "%20").replace('#', "%23").replace('?', "%3F");
    for uri in [format!("file://{encoded}"), uri(&client.scratch().join("link"))] {
        let session = open(&mut client, json!({"mode": "bindRo", "uri": uri}));
        assert_eq!(shell(&mut client, &session, "cat file"), "text");
    }
}

#[test]
fn a_workspace_that_makes_no_sense_is_refused_with_the_reason() {
    let mut client = Client::initialized();
    let file = client.scratch().join("file.txt");
    fs::write(&file, "text").unwrap();
    let directory = uri(client.scratch());
    for (workspace, code, path) in [
        (json!({"mode": "bindRw", "uri": "file:///no/such/directory"}), 1500, "workspace.uri"),
        (json!({"mode": "copy", "uri": uri(&file)}), 1502, "workspace.uri"),
        (json!({"mode": "overlay", "uri": format!("{}/below", uri(&file))}), 1502, "workspace.uri"),
        (json!({"mode": "bindRo", "uri": "https://example.org/"}), -32602, "workspace.uri"),
        (json!({"mode": "bindRo", "uri": "file://elsewhere/home"}), -32602, "workspace.uri"),
        (json!({"mode": "bindRo", "uri": "no uri"}), -32602, "workspace.uri"),
        (json!({"mode": "bindRo"}), -32602, "workspace.uri"),
        (json!({"uri": directory}), -32602, "workspace.mode"),
        (json!({"mode": "bindRo", "uri": directory, "exclude": ["a"]}), -32602, "workspace.exclude"),
        (json!({"mode": "steal", "uri": directory}), -32602, "workspace.mode"),
    ] {
        let error = client.call("session/create", json!({"workspace": workspace})).unwrap_err();
        let (is_code, is_path) = (error["code"].as_i64(), error["data"]["path"].as_str());
        assert_eq!((is_code, is_path), (Some(code), Some(path)), "{workspace}: {error}");
    }
    assert_eq!(client.request("session/list", json!({}))["sessions"], json!([]));
}

#[test]
fn a_directory_that_the_user_may_not_enter_stays_closed() {
    let setup = Setup::ordinary();
    if setup.other_user().is_none() {
        skip("it needs root, to have a directory of another user's");
        return;
    }
    let mut client = setup.initialized();
    let path = project(&client, "private", None);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    for mode in ["copy", "bindRo", "bindRw", "overlay"] {
        let params = json!({"workspace": {"mode": mode, "uri": uri(&path)}});
        match client.call("session/create", params) {
            Ok(session) => {
                let session = session["sessionId"].as_str().unwrap();
                let code = "ls /workspace; cat /workspace/file.txt";
                let execution = client.execute(session, json!({"code": code, "language": "bash", "cwd": "/tmp"}));
                let text = execution.stdout() + &execution.stderr();
                assert!(text.contains("Permission denied") && !text.contains("old"), "{mode}: {text}");
            }
            Err(error) => {
                assert_eq!(error["code"], 1505, "{mode}: {error}");
                assert!(error["data"]["hint"].is_string(), "{mode}: {error}");
            }
        }
    }
}

#[test]
fn a_copy_that_does_not_fit_is_refused() {
    let mut client = Client::initialized();
    let path = client.scratch().join("large");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("file"), vec![b'x'; 3 << 20]).unwrap();
    let params = json!({"workspace": {"mode": "copy", "uri": uri(&path)}, "limits": {"diskBytes": 1 << 20}});
    let error = client.call("session/create", params).unwrap_err();
    assert_eq!(error["code"], 1508, "{error}");
    assert!(error["data"]["hint"].is_string(), "{error}");
}
