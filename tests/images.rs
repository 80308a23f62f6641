//! Images, with a real container engine and a registry of our own.

mod harness;

#[path = "images/registry.rs"]
mod registry;
#[path = "images/sessions.rs"]
mod sessions;

use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use harness::engine::Engine;
use harness::skip::skip;
use harness::{Client, Setup};
use registry::Registry;
use serde_json::{Value, json};

/// An image with a shell, made by `scripts/images.sh`.
const BASE: &str = "codebeaker/bash:latest";

const NOT_FOUND: i64 = 1203;
const PULL_FAILED: i64 = 1204;
const BUILD_FAILED: i64 = 1207;
const IN_USE: i64 = 1208;
const NOT_ALLOWED: i64 = 1209;

fn docker(args: &[&str]) -> Option<String> {
    let output = Command::new("docker").args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether there is an engine on this machine; says why not.
fn is_there() -> bool {
    Engine::given().map_err(skip).is_ok()
}

/// A daemon's set-up with that engine.
fn setup() -> Setup {
    Setup::default().engine(Engine::given().expect("it was looked for"))
}

/// Whether there is one with an image to build upon.
fn has_base() -> bool {
    let has = is_there() && docker(&["image", "inspect", BASE]).is_some();
    if !has {
        skip("there is no image to build upon; scripts/images.sh makes it");
    }
    has
}

/// A name that is no other test's, which is removed in the end.
struct Name(String);

impl Name {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(format!("codebeaker-images-test/{}-{number}:latest", std::process::id()))
    }

    fn of(registry: &Registry) -> Self {
        Self(registry.image())
    }

    fn is_there(&self) -> bool {
        docker(&["image", "inspect", &self.0]).is_some()
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        docker(&["image", "rm", "--force", &self.0]);
    }
}

/// A container that runs until the end of the test.
struct Container(String);

impl Drop for Container {
    fn drop(&mut self) {
        docker(&["rm", "--force", &self.0]);
    }
}

fn is_report(message: &Value) -> bool {
    message["method"] == "$/progress" && message["params"]["value"]["kind"] == "report"
}

/// Takes all that was reported of a request that is answered, in order, and checks its form.
fn progress(client: &mut Client, token: &str) -> Vec<Value> {
    let told = client.claim_all(|received| {
        received.message["method"] == "$/progress" && received.message["params"]["token"] == token
    });
    let told: Vec<Value> = told.into_iter().map(|received| received.message["params"]["value"].clone()).collect();
    assert!(told.iter().all(|value| value["kind"] != "begin" || value["percentage"] == 0), "{told:?}");
    let percentages: Vec<u64> = told.iter().filter_map(|value| value["percentage"].as_u64()).collect();
    assert!(percentages.is_sorted() && percentages.iter().all(|percentage| *percentage <= 100), "{told:?}");
    told
}

fn kinds(told: &[Value]) -> (Option<&str>, Option<&str>) {
    (told.first().and_then(|value| value["kind"].as_str()), told.last().and_then(|value| value["kind"].as_str()))
}

#[test]
fn an_image_is_built_listed_and_removed() {
    if !has_base() {
        return;
    }
    let name = Name::new();
    let mut client = setup().initialized();
    let params = json!({"engine": "bash", "base": BASE, "tag": name.0, "workDoneToken": "b"});
    let built = client.request("image/build", params);
    assert_eq!(built["images"][0]["tags"], json!([name.0]), "{built}");
    assert_eq!(built["images"][0]["machine"], "local", "{built}");
    assert!(built["images"][0]["bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{built}");
    assert!(built["images"][0]["createdAt"].as_str().is_some_and(|at| at.ends_with('Z')), "{built}");
    let told = progress(&mut client, "b");
    assert_eq!(kinds(&told), (Some("begin"), Some("end")), "{told:?}");
    assert!(told.len() > 2, "{told:?}");

    // What sandboxes look for is in it.
    let shell = ["run", "--rm", "--network=none", &name.0, "-c", "id -u; id -un; pwd; stat -c %u:%g:%F /workspace"];
    let found = docker(&[&shell[..4], &["bash"], &shell[4..]].concat()).expect("it runs");
    assert_eq!(found, "1000\nuser\n/workspace\n1000:1000:directory");

    let list = client.request("image/list", json!({}));
    let listed = list["images"].as_array().unwrap().iter().find(|image| image["tags"] == json!([name.0]));
    assert_eq!(listed.expect("it is listed")["id"], built["images"][0]["id"], "{list}");
    let base = list["images"]
        .as_array()
        .unwrap()
        .iter()
        .find(|image| image["tags"].as_array().is_some_and(|tags| tags.contains(&json!(BASE))));
    let engines = &base.expect("the base is listed")["engines"];
    assert!(engines.as_array().is_some_and(|engines| engines.contains(&json!("bash"))), "{list}");

    let removed = client.request("image/remove", json!({"image": name.0}));
    assert_eq!(removed, json!({"machines": ["local"]}));
    assert!(!name.is_there());
    let error = client.call("image/remove", json!({"image": name.0})).unwrap_err();
    assert_eq!(error["code"], NOT_FOUND, "{error}");
    assert!(error["data"]["hint"].is_string(), "{error}");
}

#[test]
fn an_image_in_use_stays_unless_forced() {
    if !has_base() {
        return;
    }
    let name = Name::new();
    let mut client = setup().initialized();
    client.request("image/build", json!({"engine": "bash", "base": BASE, "tag": name.0}));
    let id = docker(&["run", "--detach", "--network=none", &name.0, "sleep", "600"]).expect("it runs");
    let container = Container(id);
    let error = client.call("image/remove", json!({"image": name.0})).unwrap_err();
    assert_eq!(error["code"], IN_USE, "{error}");
    assert!(error["data"]["hint"].as_str().is_some_and(|hint| hint.contains("force")), "{error}");
    assert!(name.is_there());
    client.request("image/remove", json!({"image": name.0, "force": true}));
    assert!(!name.is_there());
    let running = docker(&["inspect", "--format", "{{.State.Running}}", &container.0]);
    assert_eq!(running.as_deref(), Some("true"), "what runs in it goes on");
}

#[test]
fn an_image_is_fetched_and_its_progress_told() {
    if !is_there() {
        return;
    }
    let registry = Registry::start();
    let name = Name::of(&registry);
    let mut client = setup().initialized();
    let id = client.send_request("image/pull", json!({"image": name.0, "workDoneToken": "p"}));
    // Told while it is under way: the registry holds the rest back.
    client.wait_for("a report from the middle", |message| {
        is_report(message) && message["params"]["value"]["percentage"].as_u64().is_some_and(|done| done > 0)
    });
    registry.release();
    let pulled = client.response(id).expect("it is fetched");
    assert_eq!(pulled["images"][0]["tags"], json!([name.0]), "{pulled}");
    assert!(name.is_there());
    let told = progress(&mut client, "p");
    assert_eq!(kinds(&told), (Some("begin"), Some("end")), "{told:?}");

    let error = client.call("image/pull", json!({"image": registry.unknown()})).unwrap_err();
    assert_eq!(error["code"], NOT_FOUND, "{error}");
    assert!(error["data"]["hint"].is_string(), "{error}");
}

#[test]
fn a_transfer_ends_when_its_request_is_cancelled() {
    if !is_there() {
        return;
    }
    for build in [false, true] {
        let registry = Registry::start();
        let (name, tag) = (Name::of(&registry), Name::new());
        let mut client = setup().initialized();
        let id = if build {
            let params = json!({"engine": "bash", "base": name.0, "tag": tag.0, "workDoneToken": "c"});
            client.send_request("image/build", params)
        } else {
            client.send_request("image/pull", json!({"image": name.0, "workDoneToken": "c"}))
        };
        client.wait_for("a report of the transfer", |message| {
            let value = &message["params"]["value"];
            is_report(message) && value["message"].as_str().is_some_and(|text| text.starts_with("Downloading"))
        });
        client.cancel(id);
        let error = client.response(id).unwrap_err();
        assert_eq!(error["code"], -32800, "{error}");
        registry.expect_gone();
        client.wait_for("the end of the progress", |message| {
            message["method"] == "$/progress" && message["params"]["value"]["kind"] == "end"
        });
        assert!(!name.is_there() && !tag.is_there());
        assert_eq!(kinds(&progress(&mut client, "c")), (Some("begin"), Some("end")));
    }
}

#[test]
fn what_can_not_be_had_is_refused_with_what_to_do() {
    if !is_there() {
        return;
    }
    // A port that was free a moment ago, and that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap().port();
    let unreachable = format!("127.0.0.1:{port}/tools/python:latest");
    let mut client = setup().initialized();
    for (method, params, code) in [
        ("image/pull", json!({"image": unreachable}), PULL_FAILED),
        ("image/build", json!({"engine": "bash", "base": unreachable}), BUILD_FAILED),
        ("image/remove", json!({"image": "codebeaker-images-test/none"}), NOT_FOUND),
        ("image/remove", json!({"image": "../containers/x"}), 1400),
        ("image/pull", json!({"image": "a b"}), 1400),
        ("image/pull", json!({"image": ""}), 1400),
        ("image/build", json!({"engine": "cobol"}), 1400),
        ("image/list", json!({"machine": "none"}), 1400),
    ] {
        let error = client.call(method, params.clone()).unwrap_err();
        assert_eq!(error["code"], code, "{method} {params}: {error}");
        let says_what_to_do =
            error["data"]["hint"].is_string() || error["message"].as_str().unwrap().contains("there are");
        assert!(says_what_to_do, "{method} {params}: {error}");
    }
}

#[test]
fn settings_say_what_may_be_fetched_and_whether_engines_are_asked() {
    if !is_there() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    let with = |text: &str| {
        std::fs::write(&file, text).unwrap();
        setup().arg("--config").arg(&file).initialized()
    };
    let registry = Registry::start();
    registry.release();
    let name = Name::of(&registry);
    let mut client = with("[docker]\nallow = [\"codebeaker/*\"]\n");
    for (method, params) in
        [("image/pull", json!({"image": name.0})), ("image/build", json!({"engine": "bash", "base": name.0}))]
    {
        let error = client.call(method, params).unwrap_err();
        assert_eq!(error["code"], NOT_ALLOWED, "{error}");
        assert!(error["data"]["hint"].as_str().is_some_and(|hint| hint.contains("docker.allow")), "{error}");
    }
    assert!(!name.is_there());
    // The same is fetched where the settings allow it.
    let host = name.0.split('/').next().unwrap();
    let mut client = with(&format!("[docker]\nallow = [\"{host}/*\"]\n"));
    client.request("image/pull", json!({"image": name.0}));
    assert!(name.is_there());

    let mut client = with("[docker]\nenabled = false\n");
    let error = client.call("image/list", json!({})).unwrap_err();
    assert_eq!(error["data"]["kind"], "RuntimeUnavailable", "{error}");
    assert!(error["data"]["hint"].as_str().is_some_and(|hint| hint.contains("enabled")), "{error}");
}

#[test]
fn a_machine_that_is_away_is_told_and_the_others_are_listed() {
    if !is_there() {
        return;
    }
    let address = Engine::given().expect("it was looked for").address();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    let away = directory.path().join("no-such.sock");
    let text = format!(
        "[[docker.machines]]\nname = \"away\"\naddress = \"unix://{}\"\n\
         [[docker.machines]]\nname = \"here\"\naddress = \"{address}\"\n",
        away.display()
    );
    std::fs::write(&file, text).unwrap();
    let mut client = setup().arg("--config").arg(&file).initialized();
    let list = client.request("image/list", json!({}));
    assert_eq!(list["silent"][0]["machine"], "away", "{list}");
    assert!(list["silent"][0]["reason"].is_string() && list["silent"][0]["hint"].is_string(), "{list}");
    assert!(list["images"].as_array().unwrap().iter().all(|image| image["machine"] == "here"), "{list}");
    let error = client.call("image/list", json!({"machine": "away"})).unwrap_err();
    assert_eq!(error["data"]["kind"], "RuntimeUnavailable", "{error}");
}

fn codebeaker(args: &[&str]) -> Output {
    let own = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_codebeaker"));
    command.args(args).env("XDG_CONFIG_HOME", own.path()).output().expect("run codebeaker")
}

#[test]
fn the_command_line_does_the_same() {
    if !has_base() {
        return;
    }
    let name = Name::new();
    let output = codebeaker(&["image", "build", "bash", "--base", BASE, "--tag", &name.0]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stdout).starts_with(&format!("built {} on local", name.0)), "{output:?}");
    assert!(!output.stderr.contains(&0x1b), "no progress where there is no terminal: {output:?}");

    let output = codebeaker(&["image", "list"]);
    assert!(text(&output.stdout).lines().any(|line| line.starts_with(&name.0)), "{output:?}");
    let output = codebeaker(&["image", "list", "--json"]);
    let list: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert!(list["images"].as_array().unwrap().iter().any(|image| image["tags"] == json!([name.0])), "{list}");

    let output = codebeaker(&["image", "remove", &name.0]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let output = codebeaker(&["image", "remove", &name.0]);
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    assert!(text(&output.stderr).contains("there is no image") && output.stdout.is_empty(), "{output:?}");
    let output = codebeaker(&["image", "build", "cobol"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
