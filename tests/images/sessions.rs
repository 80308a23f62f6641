//! Sessions in images that have just changed, and in images that keep their programs in places of their own.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::{BASE, IN_USE, NOT_FOUND, Name, docker, has_base};
use crate::harness::{Client, Place};

/// An image with Python, made by `scripts/images.sh`.
const PYTHON: &str = "codebeaker/python:latest";

fn in_image(name: &Name) -> Value {
    json!({"runtime": "docker", "language": "bash", "image": name.0})
}

fn remove(client: &mut Client, name: &Name) -> Result<Value, Value> {
    client.call("image/remove", json!({"image": name.0}))
}

#[test]
fn a_session_sees_at_once_what_became_of_an_image() {
    if !has_base() {
        return;
    }
    // What is built upon it is no other test's image: one that has several names loses one though it is in use.
    let (name, base) = (Name::new(), Name::new());
    let container = docker(&["create", BASE, "true"]).expect("the engine makes it");
    let label = format!("LABEL of={}", base.0);
    docker(&["commit", "--change", &label, &container, &base.0]).expect("the engine makes it");
    docker(&["rm", &container]).expect("it is ours");
    let mut client = Place::Docker.client();
    client.allow_unclaimed();
    // What is known of the engine by now is that there is no such image.
    assert_eq!(client.call("session/create", in_image(&name)).unwrap_err()["code"], NOT_FOUND);
    for _ in 0..2 {
        client.request("image/build", json!({"engine": "bash", "base": base.0, "tag": name.0}));
        let wish = client.request("runtime/select", in_image(&name));
        assert_eq!(wish["runtime"], "docker", "{wish}");
        let session = client.create_session(in_image(&name));
        let execution = client.execute(&session, json!({"code": "echo there"}));
        assert_eq!(execution.stdout(), "there\n");
        assert_eq!(remove(&mut client, &name).unwrap_err()["code"], IN_USE, "a session is in it");
        client.request("session/close", json!({"sessionId": session}));
        // Some of its kind may be ready, and its own container is about to go.
        assert_eq!(remove(&mut client, &name).unwrap()["machines"], json!(["local"]));
        let error = client.call("runtime/select", in_image(&name)).unwrap_err();
        assert_eq!(error["code"], NOT_FOUND, "{error}");
    }
}

#[test]
fn programs_are_found_where_their_image_has_them() {
    if !has_base() || docker(&["image", "inspect", PYTHON]).is_none() {
        return;
    }
    let name = Name::new();
    let directory = tempfile::tempdir().expect("a directory");
    let bin = directory.path().join("opt/venv/bin");
    fs::create_dir_all(&bin).expect("a directory");
    for (program, script) in [
        ("greet", "#!/bin/sh\necho greetings from $0\n"),
        ("python3", "#!/bin/sh\nOWN=yes exec /usr/bin/python3 \"$@\"\n"),
    ] {
        fs::write(bin.join(program), script).expect("a file");
        fs::set_permissions(bin.join(program), PermissionsExt::from_mode(0o755)).expect("it is ours");
    }
    let source = format!("{}/opt", directory.path().display());
    let container = docker(&["create", PYTHON, "true"]).expect("the engine makes it");
    docker(&["cp", &source, &format!("{container}:/")]).expect("the engine takes it");
    let path = "ENV PATH=/opt/venv/bin:relative:/tmp/bin:/usr/bin:/bin";
    docker(&["commit", "--change", path, &container, &name.0]).expect("the engine makes it");
    docker(&["rm", &container]).expect("it is ours");
    let mut client = Place::Docker.client();
    client.allow_unclaimed();
    let wish = json!({"runtime": "docker", "language": "python", "image": name.0});
    let session = client.create_session(wish);
    let execution = client.execute(&session, json!({"program": "greet"}));
    assert_eq!(execution.stdout(), "greetings from /opt/venv/bin/greet\n", "{}", execution.result);
    let code = "import os; print(os.environ.get('OWN'), os.environ['PATH'])";
    let execution = client.execute(&session, json!({"code": code}));
    let path = "/opt/venv/bin:/usr/bin:/bin:/usr/local/bin:/usr/local/go/bin:/go/bin";
    assert_eq!(execution.stdout(), format!("yes {path}\n"));
    client.request("session/close", json!({"sessionId": session}));
}
