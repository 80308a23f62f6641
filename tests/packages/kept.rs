//! Downloads that are kept for the next session.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::{Client, Place};
use crate::lab::{GEM, NPM, PIP, Registry, has, install};

/// A daemon that keeps its downloads below this directory.
fn daemon(place: Place, settings: &str, cache: &Path) -> Client {
    let file = cache.join("config.toml");
    fs::write(&file, settings).unwrap();
    let directory = cache.to_str().unwrap();
    place.setup().env("XDG_CACHE_HOME", directory).arg("--config").arg(&file).initialized()
}

/// What of the managers this place has, with an engine that has it and what is installed of it.
fn managers(place: Place) -> Vec<(Value, Value)> {
    let node = json!({"language": "javascript", "limits": {"memoryBytes": 1_u64 << 30}});
    [
        (PIP, "python", json!({"language": "python"}), json!({"manager": "pip", "packages": ["needy"]})),
        (NPM, "node", node, json!({"manager": "npm", "packages": ["small"]})),
        (GEM, "ruby", json!({"language": "ruby"}), json!({"manager": "gem", "packages": ["needy"]})),
    ]
    .into_iter()
    .filter(|(tool, engine, ..)| has(place, tool, engine))
    .map(|(_, _, session, wanted)| (session, wanted))
    .collect()
}

fn kept(cache: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(cache.join("codebeaker/packages")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Installs in a session of its own.
fn install_anew(place: Place, client: &mut Client, session: &Value, wanted: &Value) -> (String, Result<Value, Value>) {
    let session = place.session(client, session.clone());
    let installed = install(client, &session, wanted.clone());
    (session, installed)
}

pub(crate) fn a_file_is_fetched_once_for_all_sessions(place: Place) {
    let (registry, cache) = (Registry::start(), tempfile::tempdir().unwrap());
    let mut client = daemon(place, &registry.settings(), cache.path());
    for (session, wanted) in managers(place) {
        let before = registry.asked().len();
        let (_, first) = install_anew(place, &mut client, &session, &wanted);
        let once = registry.asked().split_off(before);
        assert!(!once.is_empty(), "nothing was fetched: {first:?}");
        let (_, second) = install_anew(place, &mut client, &session, &wanted);
        assert_eq!(first.unwrap()["packages"], second.unwrap()["packages"]);
        assert_eq!(registry.asked().split_off(before), once, "{wanted}: it was fetched again");
        // Another daemon of the same user has the same.
        let mut other = daemon(place, &registry.settings(), cache.path());
        install_anew(place, &mut other, &session, &wanted).1.unwrap();
        assert_eq!(registry.asked().split_off(before), once, "{wanted}: another daemon fetched it again");
    }
    let only = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert!(kept(cache.path()).iter().all(|file| only(file) == 0o400));
    assert!(kept(cache.path()).is_empty() || only(&cache.path().join("codebeaker/packages")) == 0o700);
}

pub(crate) fn a_lock_file_names_the_real_registry(place: Place) {
    if !has(place, NPM, "node") || !has(place, GEM, "ruby") {
        return;
    }
    let (registry, cache) = (Registry::start(), tempfile::tempdir().unwrap());
    let mut client = daemon(place, &registry.settings(), cache.path());
    let at = format!("http://127.0.0.1:{}/", registry.port);
    let node = json!({"language": "javascript", "limits": {"memoryBytes": 1_u64 << 30}});
    let wanted = json!({"manager": "npm", "packages": ["small"]});
    let (first, _) = install_anew(place, &mut client, &node, &wanted);
    let lock = client.request("package/lock", json!({"sessionId": first, "manager": "npm"}));
    assert!(lock["text"].as_str().unwrap().contains(&format!("{at}small/-/small-1.2.3.tgz")), "{lock}");
    // What is locked is asked for without its document, and comes from what is kept all the same.
    let second = place.session(&mut client, node);
    let package = client.request("fs/read", json!({"sessionId": first, "path": "package.json"}));
    for (path, data) in [("package-lock.json", &lock["text"]), ("package.json", &package["data"])] {
        client.request("fs/write", json!({"sessionId": second, "path": path, "data": data}));
    }
    install(&mut client, &second, json!({"manager": "npm", "locked": true})).unwrap();
    let gemfile = format!("source '{at}'\ngem 'tiny', '1.0'\n");
    for _ in 0..2 {
        let session = place.session(&mut client, json!({"language": "ruby"}));
        client.request("fs/write", json!({"sessionId": session, "path": "Gemfile", "data": gemfile}));
        install(&mut client, &session, json!({"manager": "gem"})).unwrap();
        let lock = client.request("package/lock", json!({"sessionId": session, "manager": "gem"}));
        assert!(lock["text"].as_str().unwrap().contains(&format!("remote: {at}")), "{lock}");
    }
    assert_eq!(registry.asked(), ["small/-/small-1.2.3.tgz", "gems/tiny-1.0.gem"]);
}

pub(crate) fn what_was_changed_in_the_directory_is_fetched_anew(place: Place) {
    let (registry, cache) = (Registry::start(), tempfile::tempdir().unwrap());
    let mut client = daemon(place, &registry.settings(), cache.path());
    for (session, wanted) in managers(place) {
        let (_, first) = install_anew(place, &mut client, &session, &wanted);
        let fetched = registry.asked().len();
        for file in kept(cache.path()) {
            let bytes: Vec<u8> = fs::read(&file).unwrap().iter().map(|byte| byte ^ 1).collect();
            fs::remove_file(&file).unwrap();
            fs::write(&file, bytes).unwrap();
        }
        let (_, second) = install_anew(place, &mut client, &session, &wanted);
        assert_eq!(first.unwrap()["packages"], second.unwrap()["packages"]);
        assert!(registry.asked().len() > fetched, "{wanted}: it was handed out");
    }
}

pub(crate) fn what_is_not_of_its_hash_is_not_kept(place: Place) {
    let (registry, cache) = (Registry::with(&["--false"]), tempfile::tempdir().unwrap());
    let mut client = daemon(place, &registry.settings(), cache.path());
    for (session, wanted) in managers(place) {
        let (_, refused) = install_anew(place, &mut client, &session, &wanted);
        assert_eq!(refused.unwrap_err()["code"], 1602, "{wanted}");
        assert!(!registry.asked().is_empty(), "nothing was fetched");
        assert_eq!(kept(cache.path()), Vec::<PathBuf>::new(), "{wanted}");
    }
}

pub(crate) fn each_registry_has_files_of_its_own(place: Place) {
    // They have the same packages, and the second daemon may not ask the first registry.
    let (first, second, cache) = (Registry::start(), Registry::start(), tempfile::tempdir().unwrap());
    for (session, wanted) in managers(place) {
        for registry in [&first, &second] {
            let before = registry.asked().len();
            let mut client = daemon(place, &registry.settings(), cache.path());
            install_anew(place, &mut client, &session, &wanted).1.unwrap();
            assert!(registry.asked().len() > before, "{wanted}: it came from another registry");
        }
    }
}

pub(crate) fn nothing_is_kept_where_that_is_off(place: Place) {
    let (registry, cache) = (Registry::start(), tempfile::tempdir().unwrap());
    let mut client = daemon(place, &format!("{}cache = 0\n", registry.settings()), cache.path());
    for (session, wanted) in managers(place) {
        let mut fetched = registry.asked().len();
        for _ in 0..2 {
            install_anew(place, &mut client, &session, &wanted).1.unwrap();
            assert!(registry.asked().len() > fetched, "{wanted}: it came from elsewhere");
            fetched = registry.asked().len();
        }
    }
    assert!(!cache.path().join("codebeaker/packages").exists());
}
