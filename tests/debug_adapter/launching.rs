//! What is launched and attached to, where it runs, and how it ends.

use std::sync::Arc;

use codebeaker::debug::backend::*;
use codebeaker::debug::{KeptBreakpoints, Stage};
use codebeaker::execution::Phase;
use codebeaker::session::{Run, RunLimits, Source, Stdin};
use serde_json::json;

use super::fake::{attachment, frame};
use super::lab::{DEADLINE, Lab, Nobody, events};

const PRINTS: &str = "import sys, time; print('out é'); sys.stdout.flush(); print('err', file=sys.stderr); sys.exit(3)";

#[tokio::test(flavor = "multi_thread")]
async fn all_output_comes_before_the_end_and_each_end_once() {
    let Some(lab) = Lab::new().await else { return };
    lab.script.programs.lock().unwrap().push_back(PRINTS.to_owned());
    let mut client = lab.client(None);
    client.initialize(json!({})).await;
    client.send("launch", json!({"program": lab.path("main.py"), "stdin": "none"})).await;
    client.event("initialized").await;
    lab.script.hang_up();
    client.event("terminated").await;
    client.ok("disconnect", json!({})).await;
    let rest = client.rest().await;
    let told: Vec<_> = events(&rest);
    assert_eq!(told.iter().filter(|event| **event == "exited").count(), 1, "{told:?}");
    assert!(!told.contains(&"terminated"), "{told:?}");
    let printed = |category: &str| -> String {
        let all = rest.iter().filter(|message| message["event"] == "output" && message["body"]["category"] == category);
        all.filter_map(|message| message["body"]["output"].as_str()).collect()
    };
    assert_eq!((printed("stdout").as_str(), printed("stderr").as_str()), ("out é\n", "err\n"));
    let exited = rest.iter().position(|message| message["event"] == "exited").unwrap();
    let last_output = rest.iter().rposition(|message| message["event"] == "output").unwrap();
    assert!(last_output < exited);
    assert_eq!(rest[exited]["body"]["exitCode"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_launched_is_refused_with_what_to_do_and_can_be_launched_then() {
    let Some(lab) = Lab::new().await else { return };
    let mut client = lab.client(None);
    assert!(client.refused("launch", json!({"program": "x.py"})).await.contains("`initialize` first"));
    client.initialize(json!({})).await;
    assert!(client.refused("threads", json!({})).await.contains("`launch`"));
    for (arguments, said) in [
        (json!({}), "nothing to run"),
        (json!({"program": "/elsewhere/x.py", "cwd": lab.path("")}), "outside of the workspace"),
        (json!({"program": lab.path("main.xyz"), "cwd": lab.path("")}), "give `language`"),
        (json!({"program": lab.path("main.py"), "language": "cobol"}), "\"cobol\" is not known"),
        (json!({"program": lab.path("main.sh")}), "`noDebug` runs them"),
        (json!({"program": lab.path("main.py"), "session": "ses_none"}), "no session"),
        (json!({"program": lab.path("main.py"), "session": {"runtime": "moon"}}), "moon"),
        (json!({"program": lab.path("main.py"), "session": {"limits": {"pids": 0}}}), "limits.pids"),
        (json!({"program": lab.path("main.py"), "session": {"workspace": {"mode": "x"}}}), "workspace.mode"),
    ] {
        let refusal = client.refused("launch", arguments.clone()).await;
        assert!(refusal.contains(said), "{arguments}: {refusal}");
    }
    lab.script.programs.lock().unwrap().push_back("exit(7) # never connects".to_owned());
    let refusal = client.refused("launch", json!({"program": lab.path("main.py")})).await;
    assert!(refusal.contains("code 7"), "{refusal}");
    assert!(lab.sessions.list().is_empty(), "nothing is left of what failed");
    lab.script.programs.lock().unwrap().clear();
    client.ok("launch", json!({"program": "main.py", "cwd": lab.path("")})).await;
    assert!(client.refused("launch", json!({"program": "main.py"})).await.contains("already"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsaved_buffer_is_where_its_file_is() {
    let Some(lab) = Lab::new().await else { return };
    let mut client = lab.client(None);
    client.initialize(json!({"pathFormat": "uri", "linesStartAt1": false, "columnsStartAt1": false})).await;
    let uri = format!("file://{}", lab.path("main.py"));
    client.ok("launch", json!({"code": "x = 1\n", "uri": uri})).await;
    let prepared = lab.script.wait_for("prepare").await;
    assert!(prepared.contains(r#"Code { name: "main.py""#), "{prepared}");
    let set = client.ok("setBreakpoints", json!({"source": {"path": uri}, "breakpoints": [{"line": 0}]})).await;
    assert_eq!((&set["breakpoints"][0]["line"], &set["breakpoints"][0]["source"]["path"]), (&json!(0), &json!(uri)));
    let call = lab.script.wait_for("setBreakpoints").await;
    assert!(call.contains("/run/codebeaker/exe_") && call.contains("line: 1"), "{call}");
    let file = call.split('"').nth(1).unwrap().to_owned();
    *lab.script.frames.lock().unwrap() = vec![frame("f", &file, 1), frame("g", "/workspace/main.py", 1)];
    client.ok("configurationDone", json!({})).await;
    lab.script.stop("main", StopReason::Entry, vec![]).await;
    let thread = client.event("stopped").await["threadId"].clone();
    let stack = client.ok("stackTrace", json!({"threadId": thread})).await;
    assert_eq!(stack["stackFrames"][0]["source"]["path"], uri);
    assert_eq!(stack["stackFrames"][0]["line"], 0);
    assert!(stack["stackFrames"][1]["source"]["path"].is_null(), "the file on the disk is another: {stack}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_runs_the_same_anew_and_ends_nothing() {
    let Some(lab) = Lab::new().await else { return };
    let mut client = lab.running(json!({})).await;
    let source = json!({"path": lab.path("main.py")});
    client.ok("setBreakpoints", json!({"source": source, "breakpoints": [{"line": 7}]})).await;
    client.ok("setExceptionBreakpoints", json!({"filters": ["uncaught"]})).await;
    lab.script.stop("main", StopReason::Breakpoint, vec![1]).await;
    let thread = client.event("stopped").await["threadId"].as_u64().unwrap();
    let before = lab.sessions.list()[0].id.clone();
    lab.script.calls.lock().unwrap().clear();
    client.ok("restart", json!({})).await;
    client.event("process").await;
    let calls = lab.script.calls.lock().unwrap().clone();
    let at = |beginning: &str| calls.iter().position(|call| call.starts_with(beginning));
    assert!(at("setBreakpoints").is_some_and(|set| at("start").is_some_and(|start| set < start)), "{calls:?}");
    assert!(at("setExceptionBreakpoints").is_some());
    assert_ne!(lab.sessions.list()[0].id, before, "a fresh sandbox");
    assert!(client.refused("stackTrace", json!({"threadId": thread})).await.contains("the thread has ended"));
    lab.script.stop("main", StopReason::Breakpoint, vec![1]).await;
    let stopped = client.event("stopped").await;
    assert!(stopped["threadId"].as_u64().unwrap() > thread, "numbers are not used again");
    assert_eq!(stopped["hitBreakpointIds"], json!([1]));
    client.ok("disconnect", json!({})).await;
    let rest = client.rest().await;
    assert!(events(&rest).iter().filter(|event| **event == "terminated").count() <= 1, "{rest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn breakpoints_of_a_session_hold_for_its_next_program() {
    let Some(lab) = Lab::new().await else { return };
    let session = lab.session().await;
    let kept: KeptBreakpoints = serde_json::from_value(json!({
        "sources": [{"source": {"path": lab.path("main.py")}, "breakpoints": [{"line": 3}]}],
    }))
    .unwrap();
    lab.debugs.keep_breakpoints(&session.id, kept).unwrap();
    let mut client = lab.client(Some(Arc::clone(&session)));
    client.initialize(json!({"linesStartAt1": false})).await;
    client.ok("launch", json!({"program": lab.path("main.py")})).await;
    assert!(lab.script.wait_for("setBreakpoints").await.contains("line: 3"));
    let source = json!({"path": lab.path("main.py")});
    client.ok("setBreakpoints", json!({"source": source, "breakpoints": [{"line": 8}]})).await;
    let kept = lab.debugs.breakpoints(&session.id);
    assert_eq!(kept.sources[0].breakpoints.as_ref().unwrap()[0].line, 9, "in lines that count from 1");
    assert_eq!(lab.debugs.list()[0].stage, Stage::Starting);
    client.ok("disconnect", json!({})).await;
    client.rest().await;
    assert_eq!(lab.sessions.list().len(), 1, "a session that was given outlives its adapter");
    let executions = session.executions();
    assert!(executions.iter().all(|execution| matches!(execution.phase(), Phase::Ended(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanishes_takes_its_program_along() {
    let Some(lab) = Lab::new().await else { return };
    let client = lab.running(json!({})).await;
    let over = client.client.clone();
    let session = lab.sessions.list()[0].clone();
    let execution = session.executions()[0].clone();
    let waiting = tokio::spawn(async move { execution.ended().await });
    drop((client, over));
    let summary = tokio::time::timeout(DEADLINE, waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(summary.signal, Some(9));
    session.close(codebeaker::session::Why::ClosedByClient).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_twice_to_terminate_ends_what_does_not_listen() {
    let Some(lab) = Lab::new().await else { return };
    let deaf = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(600)";
    lab.script.programs.lock().unwrap().push_back(deaf.to_owned());
    let mut client = lab.running(json!({})).await;
    client.event("output").await;
    client.ok("terminate", json!({})).await;
    assert_eq!(client.ok("threads", json!({})).await["threads"][0]["name"], "MainThread", "it lives");
    lab.script.hang_up();
    client.ok("terminate", json!({})).await;
    assert_eq!(client.event("exited").await["exitCode"], 128 + 9);
    client.event("terminated").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_that_takes_too_long_for_its_client_is_given_up() {
    let Some(lab) = Lab::new().await else { return };
    lab.script.programs.lock().unwrap().push_back("import time; time.sleep(600) # never connects".to_owned());
    let mut client = lab.client(None);
    client.initialize(json!({})).await;
    let launch = client.send("launch", json!({"program": lab.path("main.py")})).await;
    lab.script.wait_for("prepare").await;
    client.ok("cancel", json!({"requestId": launch})).await;
    assert_eq!(client.answer(launch).await["message"], "cancelled");
    assert!(lab.sessions.list().is_empty());
    let launch = client.send("launch", json!({"program": lab.path("main.py")})).await;
    client.ok("disconnect", json!({})).await;
    assert_eq!(client.answer(launch).await["success"], false);
    client.rest().await;
    assert!(lab.sessions.list().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_is_debugged_by_the_connection_that_brings_its_token() {
    let Some(lab) = Lab::new().await else { return };
    let mut parent = lab.client(None);
    parent.initialize(json!({"supportsStartDebuggingRequest": true})).await;
    parent.ok("launch", json!({"program": lab.path("main.py")})).await;
    assert!(lab.script.wait_for("prepare").await.contains("children: true"));
    parent.ok("configurationDone", json!({})).await;
    let child =
        |name: &str| DebugEvent::Child { name: name.to_owned(), pid: Some(7), attachment: attachment(&lab.script) };
    let parents = lab.script.events.lock().unwrap()[0].clone();
    parents.send(child("worker\x1b[2J")).await.ok().unwrap();
    let offer = parent.find("an offer", |message| message["command"] == "startDebugging").await;
    assert_eq!(offer["arguments"]["request"], "attach");
    let configuration = &offer["arguments"]["configuration"];
    assert_eq!(configuration["name"], "worker\\x1b[2J");
    let token = configuration["__codebeakerChild"].as_str().unwrap();
    assert!(token.len() >= 32);

    let mut other = lab.client(None);
    other.initialize(json!({})).await;
    assert!(other.refused("attach", json!({"__codebeakerChild": "00"})).await.contains("no child waits"));
    other.ok("attach", configuration.clone()).await;
    other.event("initialized").await;
    other.ok("configurationDone", json!({})).await;
    assert_eq!(other.event("process").await["startMethod"], "attachForSuspendedLaunch");
    let source = json!({"path": lab.path("main.py")});
    other.ok("setBreakpoints", json!({"source": source, "breakpoints": [{"line": 1}]})).await;
    let mut third = lab.client(None);
    third.initialize(json!({})).await;
    assert!(third.refused("attach", configuration.clone()).await.contains("no child waits"), "once");
    lab.script.hang_up();
    other.event("terminated").await;

    lab.script.calls.lock().unwrap().clear();
    parents.send(child("unwanted")).await.ok().unwrap();
    let offer = parent.find("an offer", |message| message["command"] == "startDebugging").await;
    let refusal = json!({"seq": 99, "type": "response", "request_seq": offer["seq"], "success": false,
        "command": "startDebugging", "message": "no"});
    parent.client.send(refusal).await.unwrap();
    lab.script.wait_for("dropped").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_nobody_can_come_for_runs_undebugged() {
    let Some(lab) = Lab::new().await else { return };
    let _client = lab.running(json!({})).await;
    assert!(lab.script.wait_for("prepare").await.contains("children: false"));
    let attachment = attachment(&lab.script);
    let events = lab.script.events.lock().unwrap()[0].clone();
    events.send(DebugEvent::Child { name: "a".to_owned(), pid: None, attachment }).await.ok().unwrap();
    lab.script.wait_for("dropped").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_already_is_attached_to_and_let_go() {
    let Some(lab) = Lab::new().await else { return };
    let session = lab.session().await;
    let run = Run {
        source: Source::Program("cat".to_owned()),
        args: Vec::new(),
        engine_args: Vec::new(),
        cwd: None,
        env: Default::default(),
        stdin: Stdin::Stream(Default::default()),
        limits: RunLimits::default(),
        max_chunk_bytes: 1000,
        id: None,
        side: false,
    };
    let execution = session.execute(run, Arc::new(Nobody)).unwrap();
    execution.running().await;
    let mut client = lab.client(None);
    client.initialize(json!({})).await;
    let wanted = json!({"sessionId": session.id.as_str(), "executionId": execution.id.as_str(), "language": "python"});
    client.ok("attach", wanted).await;
    client.ok("configurationDone", json!({})).await;
    assert_eq!(client.event("process").await["startMethod"], "attach");
    client.ok("codebeaker/stdin", json!({"data": "typed\n"})).await;
    assert_eq!(client.event("output").await["output"], "typed\n");
    let written = client.ok("evaluate", json!({"expression": "again", "context": "repl"})).await;
    assert!(written["result"].as_str().unwrap().contains("standard input"));
    assert_eq!(client.event("output").await["output"], "again\n");
    client.ok("disconnect", json!({})).await;
    lab.script.wait_for("detach").await;
    assert!(matches!(execution.phase(), Phase::Running), "it runs on");
    execution.kill();
    execution.ended().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_only_run_is_run() {
    let Some(lab) = Lab::new().await else { return };
    let mut client = lab.client(None);
    client.initialize(json!({})).await;
    std::fs::write(lab.path("say.sh"), "echo $0 $1; exit 4").unwrap();
    client.ok("launch", json!({"program": "say.sh", "cwd": lab.path(""), "args": ["x"], "noDebug": true})).await;
    let source = json!({"path": lab.path("say.sh")});
    let set = client.ok("setBreakpoints", json!({"source": source, "breakpoints": [{"line": 1}]})).await;
    assert_eq!(set["breakpoints"][0]["verified"], false);
    assert_eq!(client.event("output").await["output"], "/workspace/say.sh x\n");
    assert_eq!(client.event("exited").await["exitCode"], 4);
    client.event("terminated").await;
}
