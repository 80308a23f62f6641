//! Packages of Node.

use serde_json::json;

use crate::harness::Place;
use crate::lab::{NPM, Registry, has, install, open, run};

pub(crate) fn packages_of_node_are_installed_used_listed_pinned_and_looked_up(place: Place) {
    if !has(place, NPM, "node") {
        return;
    }
    let registry = Registry::start();
    let (_directory, mut client, session) =
        open(place, &registry, json!({"language": "javascript", "limits": {"memoryBytes": 1_u64 << 30}}));
    let of_npm = json!({"sessionId": session, "manager": "npm"});
    assert_eq!(client.call("package/lock", of_npm.clone()).unwrap_err()["code"], 1603);
    let installed = install(&mut client, &session, json!({"manager": "npm", "packages": ["small@^1.0.0"]})).unwrap();
    let packages = json!([{"name": "small", "version": "1.2.3"}]);
    assert_eq!((&installed["outcome"], &installed["packages"]), (&json!("ok"), &packages), "{installed}");
    assert_eq!(run(&mut client, &session, "javascript", "console.log(require('small'))"), "small 1.2.3\n");
    assert_eq!(client.request("package/list", of_npm.clone())["packages"], packages);
    // Its script did not run.
    assert_eq!(client.call("fs/stat", json!({"sessionId": session, "path": "ran"})).unwrap_err()["code"], 1500);
    let lock = client.request("package/lock", of_npm.clone());
    assert!(lock["name"] == "package-lock.json" && lock["text"].as_str().unwrap().contains("sha512-"), "{lock}");
    let audit = client.request("package/audit", of_npm);
    let advisory = json!({"package": "small", "severity": "high", "title": "It is too small", "url": "https://advisories.example/1"});
    assert_eq!((&audit["available"], &audit["advisories"]), (&json!(true), &json!([advisory])), "{audit}");
    let locked = install(&mut client, &session, json!({"manager": "npm", "locked": true, "scripts": true})).unwrap();
    assert_eq!(locked["packages"], packages);
    assert!(client.call("fs/stat", json!({"sessionId": session, "path": "ran"})).is_ok(), "its script was to run");
}

pub(crate) fn a_version_that_came_since_is_seen(place: Place) {
    if !has(place, NPM, "node") {
        return;
    }
    // npm keeps what it was answered, and this is so old that it would not ask again for years.
    let registry = Registry::start();
    let (_directory, mut client, session) =
        open(place, &registry, json!({"language": "javascript", "limits": {"memoryBytes": 1_u64 << 30}}));
    let wanted = json!({"manager": "npm", "packages": ["small@^1.0.0"]});
    let first = install(&mut client, &session, wanted).unwrap();
    assert_eq!(first["packages"], json!([{"name": "small", "version": "1.2.3"}]));
    registry.release();
    let second = install(&mut client, &session, json!({"manager": "npm", "packages": ["small@latest"]})).unwrap();
    assert_eq!(second["packages"], json!([{"name": "small", "version": "1.3.0"}]));
}
