//! A session with one engine, to try its behaviours in.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::client::initialize_params;
use crate::harness::session::Execution;
use crate::harness::skip::{note, skip};
use crate::harness::{Client, Setup};
use crate::table::{Language, named};

pub(crate) struct Bench {
    pub(crate) client: Client,
    pub(crate) session: String,
    pub(crate) language: &'static Language,
}

/// Engines that scripts/test.sh installs where no `PATH` leads.
fn tools() -> Vec<(&'static str, PathBuf)> {
    let tools = std::env::var_os("CODEBEAKER_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools"), PathBuf::from);
    let below = |scope: &str, inside: &str| {
        let packages = std::fs::read_dir(tools.join("node_modules").join(scope)).into_iter().flatten().flatten();
        packages.map(|package| package.path().join(inside)).find(|program| program.is_file())
    };
    let found = [("deno", below("@deno", "deno")), ("bun", below("@oven", "bin/bun"))];
    found.into_iter().filter_map(|(id, program)| Some((id, program?))).collect()
}

/// A daemon that finds every engine there is.
pub(crate) fn setup(setup: Setup) -> Setup {
    tools().into_iter().fold(setup, |setup, (id, program)| setup.arg(format!("--engine={id}={}", program.display())))
}

/// Shakes hands, as an editor that shows diagnostics.
pub(crate) fn client(setup: Setup) -> Client {
    let mut client = setup.spawn();
    let mut params = initialize_params();
    params["capabilities"]["textDocument"] = json!({"publishDiagnostics": {}});
    client.request("initialize", params);
    client.notify("initialized", json!({}));
    client
}

/// Tries a behaviour on this machine's own engine, where it has that.
pub(crate) fn on_this_machine(name: &str, behaviour: impl FnOnce(&mut Bench)) {
    let language = named(name);
    let mut client = client(setup(Setup::default()));
    let engines = client.request("engine/list", json!({}))["engines"].take();
    let engine = engines.as_array().and_then(|all| all.iter().find(|one| one["id"] == language.engine));
    let engine = engine.expect("every engine is listed");
    if engine["available"] == false {
        assert!(engine["reason"].is_string() && engine["hint"].is_string(), "{engine}");
        let wish = json!({"engine": language.engine});
        let refused = client.call("session/create", wish).expect_err("it is not there");
        assert_eq!(refused["code"], 1201, "{refused}");
        let reason = format!("{} is not installed: {}", language.engine, engine["hint"]);
        // No package of it can be asked for.
        return if language.engine == "csharp" { note(&reason) } else { skip(&reason) };
    }
    let wish = json!({"runtime": "native", "engine": language.engine, "language": language.language});
    let session = client.create_session(wish);
    let mut bench = Bench { client, session, language };
    behaviour(&mut bench);
}

impl Bench {
    /// Runs its program, as code that came without a file.
    pub(crate) fn run(&mut self, args: &[&str]) -> Execution {
        self.run_with(args, json!({}))
    }

    /// The same, with other parameters beside the source.
    pub(crate) fn run_with(&mut self, args: &[&str], more: Value) -> Execution {
        let params = self.params(args, more);
        self.client.execute_with(params)
    }

    pub(crate) fn params(&self, args: &[&str], more: Value) -> Value {
        let (name, code) = self.language.program;
        let uri = format!("file:///elsewhere/{name}");
        let source = json!({"code": code, "uri": uri, "args": args});
        let mut params = json!({"sessionId": self.session, "source": source});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    }

    /// A source in C that its compiler waits for: it includes a pipe that nobody writes to.
    pub(crate) fn endless_to_compile(&mut self) -> &'static str {
        let pipe = json!({"program": "sh", "args": ["-c", "test -p pipe || mkfifo pipe"]});
        assert_eq!(self.client.execute(&self.session, pipe).outcome(), "ok");
        "#include \"/workspace/pipe\"\nint main(void) { return 0; }\n"
    }

    /// Asserts that nothing is left of what was run: no process, and no file outside of the workspace.
    pub(crate) fn assert_clean(&mut self) {
        let list = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; ls /tmp /run/codebeaker | grep exe_";
        let left = self.client.execute(&self.session, json!({"program": "sh", "args": ["-c", list]})).stdout();
        // The list itself is in its command line, and its directory is there.
        let left: Vec<&str> = left.lines().filter(|line| !line.contains("grep exe_")).collect();
        let is_left = |line: &&&str| line.contains("sleep 60") || line.contains("exe_");
        assert!(!left.iter().any(|line| is_left(&line)), "{left:?}");
    }
}
