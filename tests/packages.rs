//! Packages of a session, from registries on this machine that the settings name: nothing leaves it.

mod harness;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use harness::skip::skip;
use harness::web::daemon;
use harness::{Client, Place};
use serde_json::{Value, json};

/// Registries of pip and npm.
struct Registry {
    child: Child,
    port: u16,
}

impl Registry {
    fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/packages/registry.py");
        let mut child = Command::new("python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, port: port.trim().parse().expect("it prints its port") }
    }

    fn settings(&self) -> String {
        let port = self.port;
        format!(
            "[packages]\npip-index = \"http://127.0.0.1:{port}/simple\"\nnpm-registry = \"http://127.0.0.1:{port}/\"\nhosts = []\n"
        )
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().expect("it ends");
    }
}

/// Whether this machine has a tool that the test is about.
fn has(tool: &[&str]) -> bool {
    let ran = Command::new(tool[0]).args(&tool[1..]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let has = ran.is_ok_and(|status| status.success());
    if !has {
        skip(&format!("{} is not installed", tool.join(" ")));
    }
    has
}

fn open(registry: &Registry, more: Value) -> (tempfile::TempDir, Client, String) {
    let (directory, mut client) = daemon(Place::Native, &registry.settings());
    let session = Place::Native.session(&mut client, more);
    (directory, client, session)
}

fn install(client: &mut Client, session: &str, more: Value) -> Result<Value, Value> {
    let mut params = json!({"sessionId": session});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = client.call("package/install", params);
    // What the installer printed.
    client.claim_all(|received| {
        received.message["method"].as_str().is_some_and(|method| method.starts_with("execution/"))
    });
    answer
}

fn run(client: &mut Client, session: &str, language: &str, code: &str) -> String {
    let execution = client.execute(session, json!({"code": code, "language": language}));
    format!("{}{}", execution.stdout(), execution.stderr())
}

const PIP: &[&str] = &["python3", "-m", "pip", "--version"];

#[test]
fn packages_of_python_are_installed_used_listed_and_pinned() {
    if !has(PIP) {
        return;
    }
    let registry = Registry::start();
    let (_directory, mut client, session) = open(&registry, json!({}));
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
    let other = Place::Native.session(&mut client, json!({}));
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

#[test]
fn packages_of_node_are_installed_used_listed_pinned_and_looked_up() {
    if !has(&["npm", "--version"]) {
        return;
    }
    let registry = Registry::start();
    let (_directory, mut client, session) =
        open(&registry, json!({"language": "javascript", "limits": {"memoryBytes": 1_u64 << 30}}));
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

#[test]
fn nothing_but_names_of_packages_is_taken() {
    let registry = Registry::start();
    let (_directory, mut client, session) = open(&registry, json!({}));
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
        (json!({"manager": "pip", "requirements": "none.txt"}), 1500),
        (json!({"manager": "pip", "requirements": "../pins.txt"}), 1401),
    ] {
        let refused = install(&mut client, &session, params).unwrap_err();
        assert_eq!(refused["code"], code, "{refused}");
    }
    assert_eq!(client.request("net/log", json!({"sessionId": session}))["last"], 0, "something was asked for");
}

#[test]
fn the_way_out_is_the_installers_and_leads_to_the_registry_alone() {
    if !has(PIP) {
        return;
    }
    let registry = Registry::start();
    let (_directory, mut client, session) = open(&registry, json!({}));
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

#[test]
fn an_installation_fails_and_is_given_up_in_good_order() {
    if !has(PIP) {
        return;
    }
    let registry = Registry::start();
    let (_directory, mut client, session) = open(&registry, json!({}));
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

#[test]
fn a_sandbox_without_the_tool_says_what_brings_it() {
    let place = Place::Docker;
    place.test(|place| {
        let (mut client, session) = place.open(json!({}));
        for manager in ["pip", "npm"] {
            let params = json!({"sessionId": session, "manager": manager, "packages": ["tiny"]});
            let missing = client.call("package/install", params).unwrap_err();
            assert_eq!((&missing["code"], missing["data"]["hint"].is_string()), (&json!(1600), true), "{missing}");
        }
        client.allow_unclaimed();
    });
}
