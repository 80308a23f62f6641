//! What is taken for a package, and what an installer may reach.

use serde_json::{Value, json};

use crate::harness::Place;
use crate::harness::web::daemon;
use crate::lab::{GEM, NPM, PIP, Registry, has, install, open, run};

pub(crate) fn nothing_but_names_of_packages_is_taken(place: Place) {
    let registry = Registry::start();
    let (_directory, mut client, session) = open(place, &registry, json!({}));
    for (manager, name) in [
        ("pip", "--index-url=http://evil.example"),
        ("pip", "-r/etc/passwd"),
        ("pip", "./here"),
        ("pip", "git+https://evil.example/a"),
        ("pip", "a @ http://evil.example/a.whl"),
        ("pip", "a\n-r b"),
        ("npm", "--prefix=/tmp"),
        ("npm", "../a"),
        ("npm", "github:a/b"),
        ("npm", "a@file:/etc"),
        ("npm", "https://evil.example/a.tgz"),
        ("gem", "--source=http://evil.example"),
        ("gem", "./a.gem"),
        ("gem", "a:1 --local"),
    ] {
        let refused =
            install(&mut client, &session, json!({"manager": manager, "packages": ["fine", name]})).unwrap_err();
        assert_eq!(
            (&refused["code"], &refused["data"]["path"]),
            (&json!(1601), &json!("packages[1]")),
            "{name}: {refused}"
        );
    }
    let content = "tiny==1.0\n--index-url http://evil.example\n";
    client.request("fs/write", json!({"sessionId": session, "path": "pins.txt", "data": content}));
    let refused = install(&mut client, &session, json!({"manager": "pip", "requirements": "pins.txt"})).unwrap_err();
    assert_eq!((&refused["code"], &refused["data"]["path"]), (&json!(1601), &json!("requirements")), "{refused}");
    for (params, code) in [
        (json!({"manager": "pip"}), 1400),
        (json!({"manager": "pip", "packages": ["a"], "locked": true}), 1400),
        (json!({"manager": "npm", "requirements": "pins.txt"}), 1400),
        (json!({"manager": "gem", "requirements": "pins.txt"}), 1400),
        (json!({"manager": "gem", "packages": ["a"], "locked": true}), 1400),
        (json!({"manager": "pip", "requirements": "none.txt"}), 1500),
        (json!({"manager": "pip", "requirements": "../pins.txt"}), 1401),
    ] {
        let refused = install(&mut client, &session, params).unwrap_err();
        assert_eq!(refused["code"], code, "{refused}");
    }
    assert_eq!(client.request("net/log", json!({"sessionId": session}))["last"], 0, "something was asked for");
}

pub(crate) fn the_way_out_is_the_installers_and_leads_to_the_registry_alone(place: Place) {
    if !has(place, PIP, "python") {
        return;
    }
    let registry = Registry::start();
    let (_directory, mut client, session) = open(place, &registry, json!({}));
    // A program that lies in wait for the installer's port, and knows no token.
    let code = format!(
        "
import socket
print('waits', flush=True)
heard = None
while heard is None:
    try:
        s = socket.create_connection(('127.0.0.1', 3128), timeout=10)
        s.sendall(b'GET http://127.0.0.1:{}/simple/tiny/ HTTP/1.1\\r\\n\\r\\n')
        heard = s.recv(99).split()[1].decode()
    except (OSError, IndexError):
        pass
print(heard)
",
        registry.port
    );
    let (id, execution) = client.begin(json!({"sessionId": session, "source": {"code": code, "language": "python"}}));
    client.wait_for_output(&execution, "waits");
    let params = json!({"sessionId": session, "manager": "pip", "packages": ["tiny"]});
    let installing = client.send_request("package/install", params);
    assert_eq!(client.finished(id).stdout(), "waits\n407\n");
    client.response(installing).unwrap();
    client.claim_all(|received| {
        received.message["method"].as_str().is_some_and(|method| method.starts_with("execution/"))
    });
    // When the installer is gone, so is the way.
    let code = "import socket\nprint(socket.socket().connect_ex(('127.0.0.1', 3128)) != 0)";
    assert_eq!(run(&mut client, &session, "python", code), "True\n");
    let log = client.request("net/log", json!({"sessionId": session}));
    let decisions = log["decisions"].as_array().unwrap();
    assert!(decisions.iter().all(|one| one["by"] == "installer" && one["port"] == registry.port), "{log}");
    assert!(
        decisions.iter().any(|one| one["allowed"] == true) && decisions.iter().any(|one| one["allowed"] == false),
        "{log}"
    );
}

pub(crate) fn an_installation_fails_and_is_given_up_in_good_order(place: Place) {
    if !has(place, PIP, "python") {
        return;
    }
    let registry = Registry::start();
    let (_directory, mut client, session) = open(place, &registry, json!({}));
    let unknown = install(&mut client, &session, json!({"manager": "pip", "packages": ["unheard-of"]})).unwrap_err();
    assert_eq!(unknown["code"], 1602);
    assert!(unknown["message"].as_str().unwrap().contains("unheard-of"), "{unknown}");
    assert!(unknown["data"]["executionId"].is_string() && unknown["data"]["hint"].is_string(), "{unknown}");
    let params = json!({"sessionId": session, "manager": "pip", "packages": ["tiny"], "workDoneToken": "t"});
    let id = client.send_request("package/install", params);
    client.claim("progress", |message| {
        message["method"] == "$/progress" && message["params"]["value"]["kind"] == "begin"
    });
    client.cancel(id);
    assert_eq!(client.response(id).unwrap_err()["code"], -32800);
    client.allow_unclaimed();
    // The session is as usable as before.
    assert_eq!(run(&mut client, &session, "python", "print(1)"), "1\n");
}

/// A workspace that sends npm and bundler to another registry, which this daemon lets be reached or not.
fn sent_elsewhere(place: Place, is_let: bool) -> (Vec<bool>, bool) {
    let (registry, other) = (Registry::start(), Registry::start());
    // By another name: npm tells registries of one host apart by their paths alone.
    let elsewhere = format!("localhost:{}", other.port);
    let mut settings = registry.settings();
    if is_let {
        settings = settings.replace("hosts = []", &format!("hosts = [\"{elsewhere}\"]"));
    }
    let (_directory, mut client) = daemon(place, &settings);
    let limits = json!({"memoryBytes": 1_u64 << 30});
    let node = place.session(&mut client, json!({"language": "javascript", "limits": limits}));
    let ruby = place.session(&mut client, json!({"language": "ruby"}));
    let npmrc = format!("registry=http://{elsewhere}/\n@corp:registry=http://{elsewhere}/\n");
    let bundle = format!("---\nBUNDLE_MIRROR__ALL: \"http://{elsewhere}/\"\n");
    let gemfile = format!("source 'http://{elsewhere}/'\ngem 'tiny'\n");
    for (session, path, data) in
        [(&node, ".npmrc", npmrc), (&ruby, ".bundle/config", bundle), (&ruby, "Gemfile", gemfile)]
    {
        let file = json!({"sessionId": session, "path": path, "data": data, "createParents": true});
        client.request("fs/write", file);
    }
    // What the settings name stands over what the workspace says.
    install(&mut client, &node, json!({"manager": "npm", "packages": ["small"]})).unwrap();
    let log = client.request("net/log", json!({"sessionId": node}));
    let asked = |log: &Value| log["decisions"].as_array().unwrap().iter().any(|one| one["port"] == other.port);
    assert!(!asked(&log), "{log}");
    let scoped = install(&mut client, &node, json!({"manager": "npm", "packages": ["@corp/small"]}));
    let gems = install(&mut client, &ruby, json!({"manager": "gem"}));
    let mut reached = false;
    for session in [&node, &ruby] {
        let log = client.request("net/log", json!({"sessionId": session}));
        assert!(asked(&log), "{log}");
        let decisions = log["decisions"].as_array().unwrap();
        reached |= decisions.iter().any(|one| one["port"] == other.port && one["allowed"] == true);
    }
    (vec![scoped.is_ok(), gems.is_ok()], reached)
}

pub(crate) fn a_workspace_sends_an_installer_nowhere_else(place: Place) {
    if !has(place, NPM, "node") || !has(place, GEM, "ruby") {
        return;
    }
    assert_eq!(sent_elsewhere(place, true), (vec![true, true], true), "what is tried does not work at all");
    assert_eq!(sent_elsewhere(place, false), (vec![false, false], false), "it got out");
}
