//! Dialogues as a well-behaved debugger leads them.

use super::*;

#[tokio::test]
async fn numbers_and_paths_are_each_sides_own() {
    let mut stage = Stage::new();
    stage.debugger.event("stopped", json!({"reason": "breakpoint", "threadId": 900, "hitBreakpointIds": [7]})).await;
    let stopped = stage.event("stopped").await;
    let thread = stopped["threadId"].clone();
    assert_ne!(thread, json!(900));

    let frames = json!({"totalFrames": 1, "stackFrames": [{
        "id": 1000, "name": "main.main", "line": 3, "column": 0, "moduleId": "m", "extra": {"kept": true},
        "instructionPointerReference": "0x123", "source": {"name": "a.go", "path": "/workspace/a.go"},
    }]});
    let (asked, result) = stage.dialogue("stackTrace", json!({"threadId": thread, "levels": 20}), frames).await;
    assert_eq!(asked, json!({"threadId": 900, "levels": 20}));
    let frame = result.unwrap()["stackFrames"][0].clone();
    assert_eq!(frame["source"], json!({"name": "a.go", "path": "/home/me/project/a.go"}));
    assert_eq!((&frame["extra"], &frame["instructionPointerReference"]), (&json!({"kept": true}), &Value::Null));

    let scopes = json!({"scopes": [{"name": "Locals", "variablesReference": 5, "expensive": false}]});
    let (asked, result) = stage.dialogue("scopes", json!({"frameId": frame["id"]}), scopes).await;
    assert_eq!(asked, json!({"frameId": 1000}));
    let scope = result.unwrap()["scopes"][0]["variablesReference"].clone();
    let variables = json!({"variables": [
        {"name": "x", "value": "1", "variablesReference": 0}, {"name": "y", "value": "[…]", "variablesReference": 6},
    ]});
    let arguments = json!({"variablesReference": scope, "start": 0, "count": 1});
    let (asked, result) = stage.dialogue("variables", arguments, variables).await;
    assert_eq!(asked["variablesReference"], 5);
    let expected = json!({"variables": [{"name": "x", "value": "1", "variablesReference": 0}]});
    assert_eq!(result, Ok(expected), "no more than was asked for");

    // When the program has gone on, the old names mean nothing, and the debugger is not bothered with them.
    stage.dialogue("continue", json!({"threadId": thread}), json!({"allThreadsContinued": true})).await.1.unwrap();
    for (command, arguments) in
        [("scopes", json!({"frameId": frame["id"]})), ("variables", json!({"variablesReference": scope}))]
    {
        let seq = stage.send(command, arguments).await;
        assert!(stage.result(seq).await.unwrap_err().contains("run on"));
    }
    let (asked, _) = stage.dialogue("pause", json!({"threadId": thread}), json!({})).await;
    assert_eq!(asked, json!({"threadId": 900}), "threads outlive a stop");
}

#[tokio::test]
async fn breakpoints_are_set_in_files_of_the_workspace() {
    let mut stage = Stage::new();
    let arguments = json!({"source": {"path": "/home/me/project/a.go"}, "breakpoints": [{"line": 3}]});
    let body = json!({"breakpoints": [
        {"id": 1, "verified": true, "line": 4, "source": {"path": "/workspace/a.go", "name": "a.go"}},
    ]});
    let (asked, result) = stage.dialogue("setBreakpoints", arguments, body).await;
    assert_eq!(asked, json!({"source": {"path": "/workspace/a.go"}, "breakpoints": [{"line": 3}]}));
    let set = result.unwrap()["breakpoints"][0].clone();
    assert_eq!((&set["source"]["path"], &set["line"]), (&json!("/home/me/project/a.go"), &json!(4)));

    stage.debugger.event("stopped", json!({"reason": "breakpoint", "hitBreakpointIds": [1]})).await;
    assert_eq!(stage.event("stopped").await["hitBreakpointIds"], json!([set["id"]]));

    let outside = json!({"source": {"path": "/etc/passwd"}, "breakpoints": [{"line": 3}, {"line": 4}]});
    let seq = stage.send("setBreakpoints", outside).await;
    let set = stage.result(seq).await.unwrap();
    assert_eq!(set["breakpoints"].as_array().unwrap().len(), 2);
    assert_eq!(set["breakpoints"][1]["verified"], false);
}

#[tokio::test]
async fn a_file_that_the_client_does_not_have_is_a_number_to_ask_for() {
    let mut stage = Stage::new();
    let sources = json!({"sources": [
        {"path": "/usr/lib/go/fmt/print.go"}, {"name": "eval", "sourceReference": 3}, {"path": "/workspace/../x"},
    ]});
    let (_, result) = stage.dialogue("loadedSources", json!({}), sources).await;
    let listed = result.unwrap()["sources"].clone();
    assert_eq!((&listed[0]["name"], &listed[0]["path"]), (&json!("print.go"), &Value::Null));
    assert_eq!(listed[2]["path"], Value::Null);

    let number = listed[0]["sourceReference"].clone();
    let arguments = json!({"sourceReference": number, "source": listed[0]});
    let (asked, result) = stage.dialogue("source", arguments, json!({"content": "package fmt"})).await;
    let source = json!({"name": "print.go", "path": "/usr/lib/go/fmt/print.go", "sourceReference": 0});
    assert_eq!(asked, json!({"sourceReference": 0, "source": source}));
    assert_eq!(result, Ok(json!({"content": "package fmt"})));
    let arguments = json!({"sourceReference": listed[1]["sourceReference"]});
    let (asked, _) = stage.dialogue("source", arguments, json!({"content": ""})).await;
    assert_eq!(asked, json!({"sourceReference": 3}));

    let seq = stage.send("source", json!({"sourceReference": 999})).await;
    assert!(stage.result(seq).await.is_err());
    let seq = stage.send("source", json!({"sourceReference": 0, "source": {"path": "/etc/passwd"}})).await;
    assert!(stage.result(seq).await.unwrap_err().contains("outside"));
}

#[tokio::test]
async fn answers_and_events_keep_their_order() {
    let mut stage = Stage::new();
    let (first, second) = (stage.send("next", json!({})).await, stage.send("threads", json!({})).await);
    let [next, threads] = [stage.debugger.asked().await, stage.debugger.asked().await];
    let answer = |asked: &Value, body: Value| json!({"type": "response", "request_seq": asked["seq"], "success": true, "body": body});
    stage.debugger.say(answer(&threads, json!({"threads": [{"id": 1, "name": "main"}]}))).await;
    stage.debugger.event("output", json!({"output": "between\n"})).await;
    stage.debugger.say(answer(&next, Value::Null)).await;
    assert!(stage.result(second).await.is_ok());
    assert_eq!(stage.event("output").await["output"], "between\n");
    assert!(stage.result(first).await.is_ok());
}

#[tokio::test]
async fn a_request_is_cancelled_under_the_debuggers_number() {
    let mut stage = Stage::new();
    let seq = stage.send("evaluate", json!({"expression": "f()"})).await;
    let evaluate = stage.debugger.asked().await;
    let (asked, result) = stage.dialogue("cancel", json!({"requestId": seq}), Value::Null).await;
    assert_eq!((&asked["requestId"], result.is_ok()), (&evaluate["seq"], true));
    let late = stage.send("cancel", json!({"requestId": 3})).await;
    assert!(stage.result(late).await.is_ok(), "what is over need not be cancelled");
}

#[tokio::test]
async fn controls_are_the_adapters_alone_and_keep_their_words() {
    let mut stage = Stage::new();
    let (proxy, arguments) = (stage.proxy.clone(), json!({"program": "/etc/x", "threadId": 3}));
    let launch = tokio::spawn({
        let arguments = arguments.clone();
        async move { proxy.control("launch", arguments).await }
    });
    assert_eq!(stage.debugger.answers("launch", Value::Null).await, arguments);
    assert!(launch.await.unwrap().is_ok());
    for command in ["launch", "initialize", "disconnect", "readMemory", "runInTerminal"] {
        let seq = stage.send(command, json!({})).await;
        assert!(stage.result(seq).await.unwrap_err().contains("not supported"), "{command}");
    }
}
