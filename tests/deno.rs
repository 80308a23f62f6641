//! TypeScript with a real Deno: run by the daemon, and debugged through `codebeaker dap`.
//!
//! `scripts/test.sh` puts Deno into `target/tools`; where it is missing, the tests are skipped aloud.

mod harness;
#[allow(dead_code, reason = "this test takes the part that it needs")]
#[path = "debug_doors/peer.rs"]
mod peer;

use std::path::{Path, PathBuf};

use harness::Setup;
use harness::skip::skip;
use peer::{Dap, Peer};
use serde_json::{Value, json};

/// What only a compiler of TypeScript understands, so that lines of code and of the original differ.
const PROGRAM: &str = "interface Pair {
  a: number;
}
enum Colour {
  Red,
  Green,
}
function double(pair: Pair): number {
  const twice: number = pair.a * 2;
  console.log('twice', twice);
  return twice;
}
double({ a: 21 });
try {
  throw new Error('caught');
} catch {
  console.log(Colour[Colour.Green]);
}
setTimeout(() => {
  throw new Error('not caught');
});
";

/// The executable itself: what lies beside it is a script, which discovery passes over.
fn deno() -> Option<PathBuf> {
    let tools = std::env::var_os("CODEBEAKER_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools"), PathBuf::from);
    let packages = std::fs::read_dir(tools.join("node_modules/@deno")).into_iter().flatten().flatten();
    let found = packages.map(|package| package.path().join("deno")).find(|path| path.is_file());
    if found.is_none() {
        skip("Deno is missing; scripts/test.sh installs it");
    }
    found
}

fn option(deno: &Path) -> String {
    format!("--engine=deno={}", deno.display())
}

#[test]
fn a_typescript_file_runs_and_fetches_nothing() {
    let Some(deno) = deno() else { return };
    let mut client = Setup::default().arg(option(&deno)).initialized();
    let session = client.create_session(json!({"language": "typescript"}));
    let run = client.execute(&session, json!({"code": PROGRAM}));
    assert_eq!(run.stdout(), "twice 42\nGreen\n", "{}", run.stderr());
    assert!(run.stderr().contains("not caught"), "{}", run.stderr());
    assert_eq!(run.exit_code(), Some(1));
    let remote = "import { a } from 'https://127.0.0.1:9/a.ts';\nconsole.log(a);\n";
    let run = client.execute(&session, json!({"code": remote}));
    assert_eq!((run.exit_code(), run.stdout().as_str()), (Some(1), ""));
    assert!(run.stderr().contains("Requires import access"), "{}", run.stderr());
    client.request("session/close", json!({"sessionId": session}));
    client.allow_unclaimed();
}

fn top(peer: &mut Peer, stopped: &Value) -> Value {
    let stack = peer.request("stackTrace", json!({"threadId": stopped["threadId"]}));
    stack["stackFrames"][0].clone()
}

#[test]
fn a_typescript_program_is_debugged_in_its_own_lines() {
    let Some(deno) = deno() else { return };
    let (dap, mut peer) = Dap::stdio_with(&[&option(&deno)]);
    let program = dap.program("main.ts", PROGRAM);
    peer.initialize();
    let launch = peer.send("launch", json!({"program": program}));
    peer.event("initialized");
    let breakpoints = json!({"source": {"path": program}, "breakpoints": [{"line": 9}]});
    peer.request("setBreakpoints", breakpoints);
    peer.request("setExceptionBreakpoints", json!({"filters": ["raised"]}));
    peer.request("configurationDone", json!({}));
    assert_eq!(peer.response(launch)["success"], true);

    let stopped = peer.event("stopped");
    assert_eq!(stopped["reason"], "breakpoint");
    let stack = peer.request("stackTrace", json!({"threadId": stopped["threadId"]}));
    let place =
        |at: usize| (stack["stackFrames"][at]["line"].clone(), stack["stackFrames"][at]["source"]["path"].clone());
    assert_eq!([place(0), place(1)], [(json!(9), json!(program)), (json!(13), json!(program))], "{stack}");
    let frame = stack["stackFrames"][0]["id"].clone();
    let scopes = peer.request("scopes", json!({"frameId": frame}));
    let local = peer.request("variables", json!({"variablesReference": scopes["scopes"][0]["variablesReference"]}));
    let names: Vec<_> =
        local["variables"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    // What has no value yet is not among them.
    assert_eq!(names, ["pair"]);
    peer.request("next", json!({"threadId": stopped["threadId"]}));
    let stopped = peer.event("stopped");
    assert_eq!(stopped["reason"], "step");
    let frame = top(&mut peer, &stopped);
    assert_eq!(frame["line"], 10);
    let asked = json!({"expression": "twice + pair.a", "frameId": frame["id"], "context": "watch"});
    assert_eq!(peer.request("evaluate", asked)["result"], "63");
    peer.request("continue", json!({"threadId": stopped["threadId"]}));

    let stopped = peer.event("stopped");
    assert_eq!(stopped["reason"], "exception");
    assert_eq!(top(&mut peer, &stopped)["line"], 15);
    peer.request("setExceptionBreakpoints", json!({"filters": []}));
    peer.request("continue", json!({"threadId": stopped["threadId"]}));
    assert_eq!(peer.event("exited")["exitCode"], 1);
    peer.event("terminated");
    peer.request("disconnect", json!({}));
    peer.close_input();
    let left = peer.rest();
    let said: String = left.iter().filter_map(|message| message["body"]["output"].as_str()).collect();
    assert!(said.contains("twice 42") && !said.contains("Debugger"), "{said}");
    dap.ended();
}

#[test]
fn a_typescript_program_stops_on_entry() {
    let Some(deno) = deno() else { return };
    let (dap, mut peer) = Dap::stdio_with(&[&option(&deno)]);
    let program = dap.program("main.ts", PROGRAM);
    peer.launch(json!({"program": program, "stopOnEntry": true}), &[]);
    let stopped = peer.event("stopped");
    assert_eq!(stopped["reason"], "entry");
    assert_eq!(top(&mut peer, &stopped)["source"]["path"], json!(program));
    peer.request("disconnect", json!({"terminateDebuggee": true}));
    dap.ended();
}
