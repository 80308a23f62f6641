//! Debuggers that are adapters themselves, in real sandboxes: delve on a real program, an adapter of the tests'
//! own that a configuration names and that its program has taken over, and one that is not installed.

#[path = "dap/connection.rs"]
mod connection;
#[path = "proxied/ground.rs"]
mod ground;
#[path = "harness/skip.rs"]
mod skip;
#[path = "harness/stream.rs"]
mod stream;

use std::fs;
use std::path::Path;
use std::process::Command;

use codebeaker::debug::backend::{
    Attachment, DebugEvent, ExceptionBreakpoint, ExceptionFilter, Fault, Frame, Handle, HitCondition, LineBreakpoint,
    Page, Place, Position, Purpose, Step, StopReason, Terms,
};
use codebeaker::debug::ground::{Backend, What};
use codebeaker::debug::proxied::Adapters;
use codebeaker::engine::adapters::{DELVE, NETCOREDBG, by_language};
use codebeaker::engine::discover;
use codebeaker::session::Host;
use connection::Connection;
use ground::{DEADLINE, Stand, host, next, target};
use serde_json::json;
use skip::skip;

const GO: &str = r#"package main

import "fmt"

type point struct{ X, Y int }

func add(a, b int) int {
	sum := a + b
	return sum
}

func main() {
	numbers := []int{1, 2, 3, 4}
	at := point{3, 4}
	total := 0
	for index, number := range numbers {
		total = add(total, number*index)
	}
	fmt.Println("total", total, at.X)
}
"#;

fn run<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a tokio runtime");
    runtime.block_on(async { tokio::time::timeout(2 * DEADLINE, test).await.expect("the test is not stuck") });
}

fn at(line: u32) -> Position {
    Position { line, column: None }
}

fn breakpoint(id: u32, line: u32, terms: Terms) -> LineBreakpoint {
    LineBreakpoint { id, at: at(line), terms }
}

fn file(name: &str) -> Place {
    Place::File(format!("/workspace/{name}"))
}

async fn stop(attachment: &mut Attachment) -> (Handle, StopReason, Vec<u32>) {
    next(attachment, |event| match event {
        DebugEvent::Stopped { thread, reason, breakpoints, .. } => Some((thread.clone(), *reason, breakpoints.clone())),
        DebugEvent::Ending => panic!("the program ended"),
        _ => None,
    })
    .await
}

async fn frames(attachment: &Attachment, thread: &Handle) -> Vec<Frame> {
    attachment.debugger.stack(thread, 0, Some(20)).await.expect("a stack").frames
}

/// The debugger for Go, or why there is none.
fn delve(host: &Host) -> Result<Adapters, String> {
    let has_go = host.installations.iter().any(|installation| installation.engine.id == "go");
    match host.adapter(&DELVE) {
        Some(installed) if has_go => Ok(Adapters::known(&DELVE, Some(installed.program.clone()))),
        Some(_) => Err("go is not installed".to_owned()),
        None => Err("delve is not installed".to_owned()),
    }
}

#[test]
fn delve_debugs_a_program_inside_its_sandbox() {
    let host = host();
    let backend = match delve(&host) {
        Ok(backend) => backend,
        Err(why) => return skip(&why),
    };
    let workspace = tempfile::tempdir().unwrap();
    fs::write(workspace.path().join("main.go"), GO).unwrap();
    run(async {
        let stand = Stand::new(host, workspace.path().to_path_buf()).await;
        let (mut attachment, within) = stand.launch(&backend, &target("main.go"), Some("go")).await.expect("it starts");
        let debugger = attachment.debugger.clone();

        let when = |condition: &str| Terms { condition: Some(condition.to_owned()), ..Terms::default() };
        let twice = Terms { hit: Some(HitCondition::Equal(2)), ..Terms::default() };
        let wanted =
            vec![breakpoint(7, 8, when("b == 6")), breakpoint(8, 17, twice), breakpoint(9, 4000, Terms::default())];
        let placed = debugger.set_breakpoints(&file("main.go"), wanted).await.expect("breakpoints");
        assert_eq!(placed.iter().map(|placed| placed.verified).collect::<Vec<_>>(), [true, true, false], "{placed:?}");
        assert_eq!(placed[0].at.line, 8);
        debugger.start().await.expect("it runs");

        let (thread, reason, _) = stop(&mut attachment).await;
        assert_eq!(reason, StopReason::Breakpoint);
        let stack = frames(&attachment, &thread).await;
        assert_eq!(stack[0].at.line, 17);
        let index = debugger.evaluate(Some(&stack[0].handle), "index", Purpose::Watch, false).await.expect("a value");
        assert_eq!(index.text, "1", "the second time round the loop");
        debugger.resume(&thread, false).await.expect("it goes on");
        let (thread, reason, hit) = stop(&mut attachment).await;
        assert_eq!((reason, hit), (StopReason::Breakpoint, vec![7]));

        let stack = frames(&attachment, &thread).await;
        assert_eq!((stack[0].name.as_str(), stack[1].name.as_str()), ("main.add", "main.main"));
        assert_eq!((stack[0].place.as_ref(), stack[0].at.line), (Some(&file("main.go")), 8));
        let scopes = debugger.scopes(&stack[1].handle).await.expect("scopes");
        let locals = debugger.variables(&scopes[0].handle, Page::default()).await.expect("variables");
        let local = |name: &str| locals.iter().find(|local| local.name == name).expect(name).value.clone();
        assert_eq!((local("index").text.as_str(), local("total").text.as_str()), ("2", "2"));
        let point = debugger.variables(&local("at").handle.expect("it has fields"), Page::default()).await.unwrap();
        assert_eq!((point[1].name.as_str(), point[1].value.text.as_str()), ("Y", "4"));

        let frame = Some(&stack[0].handle);
        let value = debugger.evaluate(frame, "a*10 + b", Purpose::Watch, false).await.expect("a value");
        assert_eq!(value.text, "26");
        let refused = debugger.evaluate(frame, "nothing", Purpose::Watch, false).await;
        assert!(matches!(&refused, Err(Fault::Refused(why)) if why.contains("nothing")), "{refused:?}");
        let arguments = debugger.scopes(&stack[0].handle).await.expect("scopes").remove(0);
        let set = debugger.set_variable(&arguments.handle, "b", "40", false).await.expect("b is set");
        assert_eq!(set.text, "40");

        debugger.step(&thread, Step::Over, false).await.expect("a step");
        let (thread, reason, _) = stop(&mut attachment).await;
        assert_eq!(reason, StopReason::Step);
        assert_eq!(debugger.scopes(&stack[0].handle).await.err(), Some(Fault::Stale), "the frame is of the past");
        let stack = frames(&attachment, &thread).await;
        assert_eq!(stack[0].at.line, 9);
        let sum = debugger.evaluate(Some(&stack[0].handle), "sum", Purpose::Hover, false).await.expect("a value");
        assert_eq!(sum.text, "42");
        debugger.step(&thread, Step::Out, false).await.expect("a step");
        let (thread, ..) = stop(&mut attachment).await;
        assert_eq!(frames(&attachment, &thread).await[0].name, "main.main");
        assert!(!debugger.threads().await.expect("threads").is_empty());

        debugger.set_breakpoints(&file("main.go"), Vec::new()).await.expect("no breakpoints");
        debugger.resume(&thread, false).await.expect("it goes on");
        next(&mut attachment, |event| matches!(event, DebugEvent::Ending).then_some(())).await;
        let ended = tokio::time::timeout(DEADLINE, within.execution.ended()).await.expect("an end");
        ended.expect("it was run");
        assert_eq!(stand.printed(), "total 54 3\n", "what the program prints, and nothing of its debugger's");
        stand.close().await;
    });
}

#[test]
fn delve_stops_at_a_panic_and_builds_code_that_came_without_a_file() {
    let host = host();
    let backend = match delve(&host) {
        Ok(backend) => backend,
        Err(why) => return skip(&why),
    };
    let workspace = tempfile::tempdir().unwrap();
    run(async {
        let stand = Stand::new(host, workspace.path().to_path_buf()).await;
        let code = |text: &str| {
            let mut target = target("none");
            target.what = What::Code { name: "main.go".to_owned(), text: text.to_owned().into() };
            target
        };
        let panics = code("package main\n\nfunc main() {\n\tpanic(\"no more\")\n}\n");
        let (mut attachment, _within) = stand.launch(&backend, &panics, Some("go")).await.expect("it starts");
        attachment.debugger.start().await.expect("it runs");
        let (thread, reason, _) = stop(&mut attachment).await;
        assert_eq!(reason, StopReason::Exception);
        let info = attachment.debugger.exception_info(&thread).await.expect("it is about a panic");
        assert!(info.description.contains("no more"), "{info:?}");
        assert!(frames(&attachment, &thread).await.iter().any(|frame| frame.name == "main.main"));

        let broken = code("package main\n\nfunc main() { nothing() }\n");
        let refused = stand.launch(&backend, &broken, Some("go")).await.err();
        assert!(matches!(&refused, Some(Fault::Refused(why)) if why.contains("undefined: nothing")), "{refused:?}");
        stand.close().await;
    });
}

#[test]
fn an_editor_debugs_go_as_it_debugs_anything() {
    if let Err(why) = delve(&host()) {
        return skip(&why);
    }
    let workspace = tempfile::tempdir().unwrap();
    let program = workspace.path().canonicalize().unwrap().join("main.go");
    fs::write(&program, GO).unwrap();
    let mut client = Connection::spawn(Command::new(env!("CARGO_BIN_EXE_codebeaker")).arg("dap"));
    client.request("initialize", json!({"adapterID": "go", "pathFormat": "path"}));
    let launch = client.send("launch", Some(&json!({"program": program, "type": "go"})));
    client.event("initialized");
    assert_eq!(client.answer(launch).expect("an answer")["success"], true);
    let breakpoints = json!({"source": {"path": program}, "breakpoints": [{"line": 8, "condition": "b == 6"}]});
    assert_eq!(client.request("setBreakpoints", breakpoints)["breakpoints"][0]["verified"], true);
    client.request("configurationDone", json!({}));
    let stopped = client.event("stopped");
    assert_eq!(stopped["reason"], "breakpoint");
    let stack = client.request("stackTrace", json!({"threadId": stopped["threadId"]}))["stackFrames"].clone();
    assert_eq!((&stack[0]["name"], &stack[0]["source"]["path"]), (&json!("main.add"), &json!(program)));
    let outside = stack.as_array().unwrap().last().unwrap();
    assert_eq!(outside["source"].get("path"), None, "a file of Go's own is none of the editor's: {outside}");
    let value =
        client.request("evaluate", json!({"frameId": stack[0]["id"], "expression": "a * b", "context": "watch"}));
    assert_eq!(value["result"], "12");
    client.request("continue", json!({"threadId": stopped["threadId"]}));
    client.event("terminated");
    let printed = |message: &serde_json::Value| message["body"]["category"] == "stdout";
    assert_eq!(client.take(printed).expect("output")["body"]["output"], "total 20 3\n");
    client.request("disconnect", json!({}));
    client.end_well();
}

#[test]
fn an_editor_that_debugs_what_has_no_debugger_here_is_told_what_to_install() {
    if host().adapter(&NETCOREDBG).is_some() {
        return skip("netcoredbg is installed");
    }
    let workspace = tempfile::tempdir().unwrap();
    let mut client = Connection::spawn(Command::new(env!("CARGO_BIN_EXE_codebeaker")).arg("dap"));
    client.request("initialize", json!({"adapterID": "coreclr", "pathFormat": "path"}));
    let program = workspace.path().join("a.dll");
    let answer = client.call("launch", json!({"type": "coreclr", "program": program}));
    let message = answer["message"].as_str().unwrap_or_default();
    assert!(answer["success"] == false && message.contains(NETCOREDBG.install), "{answer}");
    client.request("disconnect", json!({}));
    client.end_well();
}

/// What a launch configuration would name.
fn own(workspace: &Path) -> Adapters {
    fs::write(workspace.join("adapter.py"), include_str!("proxied/adapter.py")).unwrap();
    let command = json!(["python3", "/workspace/adapter.py"]);
    let configuration = json!({"adapter": {"command": command}, "type": "own", "greeting": "hello", "session": {}});
    Adapters::of(&configuration).expect("it is well formed").expect("it names an adapter")
}

#[test]
fn an_adapter_that_a_configuration_names_is_spoken_to_and_not_believed() {
    let workspace = tempfile::tempdir().unwrap();
    let backend = own(workspace.path());
    run(async {
        let stand = Stand::new(host(), workspace.path().to_path_buf()).await;
        let (mut attachment, within) = stand.launch(&backend, &target("program"), None).await.expect("it starts");
        let debugger = attachment.debugger.clone();
        let filters = [(ExceptionFilter::Uncaught, None), (ExceptionFilter::Raised, None)];
        let filters = filters.map(|(filter, condition)| ExceptionBreakpoint { filter, condition });
        let placed = debugger.set_exception_breakpoints(filters.into()).await.expect("filters");
        assert_eq!(placed.iter().map(|placed| placed.verified).collect::<Vec<_>>(), [true, false]);
        debugger.start().await.expect("it runs");

        let (thread, ..) = stop(&mut attachment).await;
        let stack = frames(&attachment, &thread).await;
        assert_eq!(stack[0].place, Some(file("program")));
        assert!(matches!(&stack[1].place, Some(Place::Text { name, .. }) if name == "eval"), "{stack:?}");
        let text = debugger.source(stack[1].place.as_ref().unwrap()).await;
        assert_eq!(text.as_deref(), Ok("1 + 1"));
        // It answers with what it was launched with, and with how often it was asked.
        let told = debugger.evaluate(None, "launch", Purpose::Console, false).await.expect("a value").text;
        let told: serde_json::Value = serde_json::from_str(&told).expect("it is JSON");
        assert_eq!((&told["greeting"], &told["program"]), (&json!("hello"), &json!("/workspace/program")));
        assert_eq!((&told["adapter"], &told["session"]), (&json!(null), &json!(null)), "what is ours stays here");
        // It forges requests to run commands, answers nobody asked for, and sends bytes that are no message.
        let forged = debugger.evaluate(None, "forge", Purpose::Console, false).await.expect("a value").text;
        assert_eq!(forged, "forged");
        let heard = next(&mut attachment, |event| match event {
            DebugEvent::Output { text, .. } => Some(text.clone()),
            DebugEvent::Child { .. } | DebugEvent::Stopped { .. } => panic!("a forged message was believed"),
            _ => None,
        });
        assert_eq!(heard.await, "the end\n");
        assert!(matches!(debugger.completions(None, "a", 0, 1).await, Err(Fault::Unsupported(_))));
        // When it dies, what waits for it is told so.
        let died = tokio::time::timeout(DEADLINE, debugger.evaluate(None, "die", Purpose::Console, false)).await;
        assert!(matches!(died, Ok(Err(Fault::Gone(_)))), "{died:?}");
        drop(tokio::time::timeout(DEADLINE, within.execution.ended()).await.expect("an end"));
        assert_eq!(stand.printed(), "", "its standard output is its stream, and nobody's output");
        stand.close().await;
    });
}

#[test]
fn a_debugger_that_is_not_installed_says_how_to_install_it() {
    let adapter = by_language("C#").expect("there is a debugger for it");
    assert_eq!(adapter, &NETCOREDBG);
    let missing = Adapters::known(adapter, None);
    let refused = missing.prepare(&target("a.dll"), "/run/codebeaker/x");
    let Err(Fault::Refused(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("netcoredbg is not installed") && why.contains(NETCOREDBG.install), "{why}");

    // An image is not mended by what is done to this machine.
    let refused = Adapters::of_image(adapter, None).prepare(&target("a.dll"), "/run/codebeaker/x");
    let Err(Fault::Refused(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("image") && why.contains("`netcoredbg`") && !why.contains("this machine"), "{why}");

    // What is found by its name and is a program is taken for it.
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("netcoredbg");
    fs::create_dir(&directory).unwrap();
    fs::copy("/bin/true", directory.join("netcoredbg")).unwrap();
    let found = discover::adapters(&directory.display().to_string(), None);
    let found = found.into_iter().find(|found| found.adapter == adapter).expect("it is on the path");
    let installed = Adapters::known(adapter, Some(found.program.clone()));
    let preparation = installed.prepare(&target("a.dll"), "/run/codebeaker/x").expect("it can be run");
    assert!(preparation.side && preparation.args.contains(&found.program.display().to_string()), "{preparation:?}");
    assert!(preparation.args.contains(&"--interpreter=vscode".to_owned()));
}
