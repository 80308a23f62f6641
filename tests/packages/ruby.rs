//! Packages of Ruby.

use serde_json::{Value, json};

use crate::harness::{Client, Place};
use crate::lab::{GEM, Registry, has, install, open, run};

fn is_there(client: &mut Client, session: &str, path: &str) -> bool {
    client.call("fs/stat", json!({"sessionId": session, "path": path})).is_ok()
}

fn put(client: &mut Client, session: &str, path: &str, data: &Value) {
    client.request("fs/write", json!({"sessionId": session, "path": path, "data": data}));
}

pub(crate) fn packages_of_ruby_are_installed_used_listed_and_pinned(place: Place) {
    if !has(place, GEM, "ruby") {
        return;
    }
    let registry = Registry::start();
    let (_directory, mut client, session) = open(place, &registry, json!({"language": "ruby"}));
    let of_gem = json!({"sessionId": session, "manager": "gem"});
    assert_eq!(client.request("package/list", of_gem.clone()), json!({"packages": []}));
    assert_eq!(client.call("package/lock", of_gem.clone()).unwrap_err()["code"], 1603);
    assert!(run(&mut client, &session, "ruby", "require 'tiny'").contains("LoadError"));
    let installed = install(&mut client, &session, json!({"manager": "gem", "packages": ["needy"]})).unwrap();
    let packages = json!([{"name": "needy", "version": "1.0"}, {"name": "tiny", "version": "1.0"}]);
    assert_eq!((&installed["outcome"], &installed["packages"]), (&json!("ok"), &packages), "{installed}");
    let code = "require 'tiny'; require 'needy'; puts Tiny::NAME, Needy::NAME";
    assert_eq!(run(&mut client, &session, "ruby", code), "tiny 1.0\nneedy 1.0\n");
    assert_eq!(run(&mut client, &session, "bash", "ruby -rtiny -e 'puts Tiny::NAME'"), "tiny 1.0\n");
    assert_eq!(client.request("package/list", of_gem.clone())["packages"], packages);
    let audit = client.request("package/audit", of_gem.clone());
    assert_eq!((&audit["available"], &audit["conflicts"], &audit["packages"]), (&json!(false), &json!([]), &packages));
    assert!(audit["reason"].as_str().unwrap().contains("no advisories"), "{audit}");
    // The workspace is as it was, and a second session has none of it.
    assert_eq!(client.request("fs/list", json!({"sessionId": session, "path": ""}))["entries"], json!([]));
    let other = place.session(&mut client, json!({"language": "ruby"}));
    assert!(run(&mut client, &other, "ruby", "require 'tiny'").contains("LoadError"));
    let lock = client.request("package/lock", of_gem.clone());
    let pinned = "gem \"needy\", \"1.0\"\ngem \"tiny\", \"1.0\"\n";
    assert!(lock["name"] == "Gemfile" && lock["text"].as_str().unwrap().ends_with(pinned), "{lock}");
    // What is pinned is installed in another just so, and what bundler has locked is what is told from then on.
    put(&mut client, &other, "Gemfile", &lock["text"]);
    let again = install(&mut client, &other, json!({"manager": "gem"})).unwrap();
    assert_eq!(again["packages"], packages);
    assert_eq!(run(&mut client, &other, "ruby", "require 'needy'; puts Needy::NAME"), "needy 1.0\n");
    let lock = client.request("package/lock", json!({"sessionId": other, "manager": "gem"}));
    assert!(lock["name"] == "Gemfile.lock" && lock["text"].as_str().unwrap().contains("needy (= 1.0)"), "{lock}");
    install(&mut client, &other, json!({"manager": "gem", "locked": true})).unwrap();
    // What is not as it is locked is not installed as if it were.
    put(
        &mut client,
        &other,
        "Gemfile",
        &json!(format!("source 'http://127.0.0.1:{}/'\ngem 'tiny', '2.0'\n", registry.port)),
    );
    assert_eq!(install(&mut client, &other, json!({"manager": "gem", "locked": true})).unwrap_err()["code"], 1602);
}

pub(crate) fn gems_run_nothing_of_their_own_unless_they_may(place: Place) {
    if !has(place, GEM, "ruby") {
        return;
    }
    let registry = Registry::start();
    let (_directory, mut client, session) = open(place, &registry, json!({"language": "ruby"}));
    let refused = install(&mut client, &session, json!({"manager": "gem", "packages": ["built"]})).unwrap_err();
    assert!(refused["message"].as_str().unwrap().contains("scripts: true"), "{refused}");
    // A second call would run what the first has installed.
    for version in ["tiny:1.0", "tiny:2.0"] {
        install(&mut client, &session, json!({"manager": "gem", "packages": [version]})).unwrap();
    }
    assert_eq!(client.request("fs/list", json!({"sessionId": session, "path": ""}))["entries"], json!([]));
    let gemfile = format!("source 'http://127.0.0.1:{}/'\ngem 'built'\n", registry.port);
    put(&mut client, &session, "Gemfile", &json!(gemfile));
    let refused = install(&mut client, &session, json!({"manager": "gem"})).unwrap_err();
    assert!(refused["message"].as_str().unwrap().contains("scripts: true"), "{refused}");
    assert!(!is_there(&mut client, &session, "ran") && !is_there(&mut client, &session, "plugged"), "something ran");
    let built = json!({"manager": "gem", "packages": ["built"], "scripts": true});
    if install(&mut client, &session, built).is_ok() {
        assert!(is_there(&mut client, &session, "plugged"), "its plug-in was to run");
    }
    assert!(is_there(&mut client, &session, "ran"), "its extension was to be built");
}

pub(crate) fn gems_that_do_not_go_together_are_told(place: Place) {
    if !has(place, GEM, "ruby") {
        return;
    }
    let registry = Registry::start();
    let (_directory, mut client, session) = open(place, &registry, json!({"language": "ruby"}));
    install(&mut client, &session, json!({"manager": "gem", "packages": ["needy"]})).unwrap();
    run(&mut client, &session, "bash", "gem uninstall -a -I -x tiny");
    let audit = client.request("package/audit", json!({"sessionId": session, "manager": "gem"}));
    assert_eq!(audit["conflicts"], json!(["needy 1.0 needs tiny < 2, which is not there"]), "{audit}");
    // A file of the workspace is not taken for what is in the registry.
    put(&mut client, &session, "unheard-1.0.gem", &json!("x"));
    let unknown = install(&mut client, &session, json!({"manager": "gem", "packages": ["unheard"]})).unwrap_err();
    assert_eq!(unknown["code"], 1602, "{unknown}");
    assert_eq!(install(&mut client, &session, json!({"manager": "gem"})).unwrap_err()["code"], 1400);
}

pub(crate) fn a_gem_that_was_cut_off_is_fetched_again(place: Place) {
    if !has(place, GEM, "ruby") {
        return;
    }
    // gem keeps what it fetched in the session; what it took for whole it would not fetch again.
    let registry = Registry::with(&["--false"]);
    let (_directory, mut client, session) = open(place, &registry, json!({"language": "ruby"}));
    let wanted = json!({"manager": "gem", "packages": ["large"]});
    assert_eq!(install(&mut client, &session, wanted.clone()).unwrap_err()["code"], 1602);
    registry.be_true();
    let installed = install(&mut client, &session, wanted).unwrap();
    assert_eq!(installed["packages"], json!([{"name": "large", "version": "1.0"}]));
}
