//! Packages of Python.

use serde_json::json;

use crate::harness::Place;
use crate::lab::{PIP, Registry, has, install, open, run};

pub(crate) fn packages_of_python_are_installed_used_listed_and_pinned(place: Place) {
    if !has(place, PIP, "python") {
        return;
    }
    let registry = Registry::start();
    let (_directory, mut client, session) = open(place, &registry, json!({}));
    let of_pip = json!({"sessionId": session, "manager": "pip"});
    assert_eq!(client.request("package/list", of_pip.clone()), json!({"packages": []}));
    assert!(run(&mut client, &session, "python", "import tiny").contains("ModuleNotFoundError"));
    let installed = install(&mut client, &session, json!({"manager": "pip", "packages": ["tiny<2", "needy"]})).unwrap();
    let packages = json!([{"name": "needy", "version": "1.0"}, {"name": "tiny", "version": "1.0"}]);
    assert_eq!((&installed["outcome"], &installed["packages"]), (&json!("ok"), &packages), "{installed}");
    assert_eq!(
        run(&mut client, &session, "python", "import tiny, needy; print(tiny.NAME, needy.NAME)"),
        "tiny 1.0 needy 1.0\n"
    );
    assert_eq!(run(&mut client, &session, "bash", "python -c 'import tiny; print(tiny.NAME)'"), "tiny 1.0\n");
    assert_eq!(client.request("package/list", of_pip.clone())["packages"], packages);
    let lock = client.request("package/lock", of_pip.clone());
    assert_eq!(lock, json!({"name": "requirements.txt", "text": "needy==1.0\ntiny==1.0\n"}));
    let audit = client.request("package/audit", of_pip);
    assert_eq!((&audit["available"], &audit["conflicts"], &audit["packages"]), (&json!(false), &json!([]), &packages));
    assert!(audit["reason"].as_str().unwrap().contains("no advisories"), "{audit}");
    // The workspace is as it was, and a second session has none of it.
    assert_eq!(client.request("fs/list", json!({"sessionId": session, "path": ""}))["entries"], json!([]));
    let other = place.session(&mut client, json!({}));
    assert!(run(&mut client, &other, "python", "import tiny").contains("ModuleNotFoundError"));
    // What is pinned is installed in another just so.
    client.request("fs/write", json!({"sessionId": other, "path": "pins.txt", "data": lock["text"]}));
    let again = install(&mut client, &other, json!({"manager": "pip", "requirements": "pins.txt"})).unwrap();
    assert_eq!(again["packages"], packages);
    // Pinned without hashes is not locked.
    client.request("fs/write", json!({"sessionId": other, "path": "pins.txt", "data": "tiny==2.0\n"}));
    let pins = |locked: bool| json!({"manager": "pip", "requirements": "pins.txt", "locked": locked});
    assert_eq!(install(&mut client, &other, pins(true)).unwrap_err()["code"], 1602);
    install(&mut client, &other, pins(false)).unwrap();
    let audit = client.request("package/audit", json!({"sessionId": other, "manager": "pip"}));
    assert!(audit["conflicts"][0].as_str().unwrap().starts_with("needy 1.0 has requirement tiny<2"), "{audit}");
}
