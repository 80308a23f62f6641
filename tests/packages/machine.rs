//! Registries that this machine is configured with.

use std::fs;

use serde_json::json;

use crate::harness::{Client, Place};
use crate::lab::{GEM, NPM, PIP, Registry, has, install};

/// A daemon whose user has these files, and these variables.
fn daemon(place: Place, files: &[(&str, &str)], variables: &[(&str, &str)]) -> (tempfile::TempDir, Client) {
    let home = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(home.path().join(name), text).unwrap();
    }
    let mut setup = place.setup().env("HOME", home.path().to_str().unwrap());
    for (name, value) in variables {
        setup = setup.env(name, value);
    }
    // The daemon's own settings of the tests say nothing of packages.
    let client = setup.initialized();
    (home, client)
}

pub(crate) fn what_pip_and_npm_are_configured_with_is_asked(place: Place) {
    if !has(place, PIP, "python") || !has(place, NPM, "node") {
        return;
    }
    let (registry, other) = (Registry::start(), Registry::start());
    let index = format!("http://127.0.0.1:{}/simple/", registry.port);
    let npmrc =
        format!("registry=http://127.0.0.1:{}/\n@corp:registry=http://127.0.0.1:{}/\n", registry.port, other.port);
    let (_home, mut client) = daemon(place, &[(".npmrc", &npmrc)], &[("PIP_INDEX_URL", &index), ("PIP_CERT", "")]);
    let session = place.session(&mut client, json!({}));
    let installed = install(&mut client, &session, json!({"manager": "pip", "packages": ["tiny"]})).unwrap();
    assert_eq!(installed["packages"], json!([{"name": "tiny", "version": "2.0"}]), "{installed}");
    let node = place.session(&mut client, json!({"language": "javascript", "limits": {"memoryBytes": 1_u64 << 30}}));
    let packages = ["small", "@corp/small"];
    let installed = install(&mut client, &node, json!({"manager": "npm", "packages": packages})).unwrap();
    assert_eq!(installed["packages"].as_array().unwrap().len(), 2, "{installed}");
    // Each was asked for its own.
    let log = client.request("net/log", json!({"sessionId": node}));
    let decisions = log["decisions"].as_array().unwrap();
    assert!(decisions.iter().all(|one| one["allowed"] == true), "{log}");
    assert!([registry.port, other.port].iter().all(|port| decisions.iter().any(|one| one["port"] == *port)), "{log}");
}

pub(crate) fn what_gem_is_configured_with_is_asked(place: Place) {
    if !has(place, GEM, "ruby") {
        return;
    }
    let registry = Registry::start();
    let gemrc = format!(":sources:\n- http://127.0.0.1:{}/\n", registry.port);
    let (_home, mut client) = daemon(place, &[(".gemrc", &gemrc)], &[("SSL_CERT_FILE", "")]);
    let session = place.session(&mut client, json!({"language": "ruby"}));
    let installed = install(&mut client, &session, json!({"manager": "gem", "packages": ["tiny:1.0"]})).unwrap();
    assert_eq!(installed["packages"], json!([{"name": "tiny", "version": "1.0"}]), "{installed}");
}

pub(crate) fn no_password_of_this_machine_is_in_a_sandbox(place: Place) {
    if !has(place, PIP, "python") {
        return;
    }
    let registry = Registry::for_user("who:SECRET");
    let index = format!("http://who:SECRET@127.0.0.1:{}/simple/", registry.port);
    let (_home, mut client) = daemon(place, &[], &[("PIP_INDEX_URL", &index), ("PIP_CERT", "")]);
    let session = place.session(&mut client, json!({}));
    // What runs beside it sees every word and variable that the installer is given.
    let code = "
import os, time
print('looks', flush=True)
seen = b''
while not os.path.exists('/workspace/done'):
    for pid in os.listdir('/proc'):
        for name in ('cmdline', 'environ'):
            try:
                with open(f'/proc/{pid}/{name}', 'rb') as file:
                    seen += file.read()
            except OSError:
                pass
    seen = seen[-1000000:] if b'--index-url' not in seen else seen[seen.index(b'--index-url'):][:1000000]
    time.sleep(0.01)
print(b'--index-url' in seen, b'SECRET' in seen)
";
    let (id, execution) = client.begin(json!({"sessionId": session, "source": {"code": code, "language": "python"}}));
    client.wait_for_output(&execution, "looks");
    let params = json!({"sessionId": session, "manager": "pip", "packages": ["tiny"]});
    let refused = client.call("package/install", params).unwrap_err();
    client.request("fs/write", json!({"sessionId": session, "path": "done", "data": ""}));
    assert_eq!(client.finished(id).stdout(), "looks\nTrue False\n");
    assert!(refused["data"]["hint"].as_str().unwrap().contains("no sandbox gets"), "{refused}");
    assert!(!refused.to_string().contains("SECRET"), "{refused}");
    client.allow_unclaimed();
}

pub(crate) fn what_is_configured_in_vain_is_told_and_nothing_else_is_asked(place: Place) {
    let (_home, mut client) =
        daemon(place, &[(".npmrc", &"#".repeat(2 << 20))], &[("PIP_INDEX_URL", "file:///SECRET")]);
    let session = place.session(&mut client, json!({}));
    for (manager, told) in [("pip", "a registry that is named is none"), ("npm", "larger than 1 MiB")] {
        let refused = install(&mut client, &session, json!({"manager": manager, "packages": ["tiny"]})).unwrap_err();
        if refused["code"] != 1600 {
            assert_eq!(refused["code"], 1604, "{refused}");
            assert!(refused["message"].as_str().unwrap().contains(told), "{refused}");
            assert!(!refused.to_string().contains("SECRET"), "{refused}");
        }
    }
    assert_eq!(client.request("net/log", json!({"sessionId": session}))["last"], 0, "something was asked for");
}
