//! A program that is stopped, looked at, stepped and ended.

use codebeaker::debug::backend::*;
use serde_json::json;

use super::fake::{frame, handle};
use super::lab::{Lab, events};

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_launched_stopped_looked_at_and_ended() {
    let Some(lab) = Lab::new().await else { return };
    *lab.script.frames.lock().unwrap() =
        vec![frame("inner", "/workspace/main.py", 1), frame("outer", "/etc/shadow", 2)];
    let mut client = lab.client(None);
    let said = client.initialize(json!({})).await;
    assert_eq!(said["supportsGotoTargetsRequest"], true, "the hinted back end's own: {said}");
    assert_eq!(said["supportsConfigurationDoneRequest"], true);

    let launch = client.send("launch", json!({"program": lab.path("main.py"), "console": "integratedTerminal"})).await;
    client.event("initialized").await;
    let source = json!({"path": lab.path("main.py")});
    let set = client
        .ok("setBreakpoints", json!({"source": source, "breakpoints": [{"line": 1}, {"line": 1, "hitCondition": "x"}]}))
        .await;
    assert_eq!((&set["breakpoints"][0]["verified"], &set["breakpoints"][0]["id"]), (&json!(true), &json!(1)));
    assert_eq!(set["breakpoints"][0]["source"]["path"], lab.path("main.py"));
    assert_eq!(set["breakpoints"][1]["verified"], false);
    assert!(lab.script.wait_for("setBreakpoints").await.contains("/workspace/main.py"));
    client.ok("setExceptionBreakpoints", json!({"filters": ["uncaught"]})).await;
    client.ok("configurationDone", json!({})).await;
    assert_eq!(client.answer(launch).await["success"], true);
    assert_eq!(client.event("process").await["startMethod"], "launch");

    lab.script.stop("main", StopReason::Breakpoint, vec![1, 77]).await;
    let stopped = client.event("stopped").await;
    assert_eq!((&stopped["reason"], &stopped["hitBreakpointIds"]), (&json!("breakpoint"), &json!([1])));
    let thread = &stopped["threadId"];
    assert_eq!(client.ok("threads", json!({})).await["threads"], json!([{"id": thread, "name": "MainThread"}]));
    let stack = client.ok("stackTrace", json!({"threadId": thread, "startFrame": 0, "levels": 20})).await;
    assert_eq!(stack["totalFrames"], 2);
    assert_eq!(stack["stackFrames"][0]["source"]["path"], lab.path("main.py"));
    assert!(stack["stackFrames"][1]["source"]["path"].is_null(), "a path that is not declared: {stack}");
    let reference = &stack["stackFrames"][1]["source"]["sourceReference"];
    let text = client.ok("source", json!({"sourceReference": reference})).await;
    assert!(text["content"].as_str().unwrap().contains("the text of"));

    let frame_id = &stack["stackFrames"][0]["id"];
    let scopes = client.ok("scopes", json!({"frameId": frame_id})).await;
    let locals = scopes["scopes"][0]["variablesReference"].clone();
    let shown = Shown { text: "[…]".to_owned(), handle: Some(handle("list")), indexed: Some(3), ..Shown::default() };
    *lab.script.variables.lock().unwrap() =
        vec![Variable { name: "xs".to_owned(), evaluate_name: Some("xs".to_owned()), value: shown }];
    let variables = client.ok("variables", json!({"variablesReference": locals, "start": 0, "count": 5})).await;
    assert_eq!(variables["variables"][0]["indexedVariables"], 3);
    let evaluated = client.ok("evaluate", json!({"expression": "1+1", "frameId": frame_id, "context": "watch"})).await;
    assert_eq!((&evaluated["result"], &evaluated["variablesReference"]), (&json!("1+1"), &json!(0)));

    let next = client.send("next", json!({"threadId": thread})).await;
    let answer = client.next().await.unwrap();
    assert_eq!(answer["request_seq"], next, "the answer comes before the stop that follows");
    assert_eq!(client.event("stopped").await["reason"], "step");
    for (command, arguments) in [
        ("scopes", json!({"frameId": frame_id})),
        ("variables", json!({"variablesReference": locals})),
        ("evaluate", json!({"expression": "x", "frameId": frame_id})),
    ] {
        let refusal = client.refused(command, arguments).await;
        assert!(refusal.contains("the program has run on since"), "{command}: {refusal}");
    }
    assert_eq!(client.ok("continue", json!(null)).await["allThreadsContinued"], true);
    lab.script.wait_for("resume main false").await;

    client.ok("terminate", json!({})).await;
    assert_eq!(client.event("exited").await["exitCode"], 128 + 15);
    client.event("terminated").await;
    assert_eq!(client.ok("threads", json!({})).await["threads"], json!([]));
    client.ok("disconnect", json!({})).await;
    assert_eq!(events(&client.rest().await), Vec::<&str>::new(), "each end is told once");
    assert!(lab.debugs.list().is_empty());
    assert!(lab.sessions.list().is_empty(), "a session of the adapter's own ends with it");
}
