//! Documents that are open in an editor.

use std::fs;

use serde_json::json;

use crate::harness::Place;

pub(crate) fn an_open_document_runs_as_it_stands(place: Place) {
    let mut client = place.client();
    let folder = client.scratch().join("project");
    fs::create_dir(&folder).unwrap();
    for name in ["main.py", "helper.py"] {
        fs::write(folder.join(name), "word = 'saved'\nprint(word, end='')\n").unwrap();
    }
    let uri = |name: &str| format!("file://{}/{name}", folder.display());
    for (name, text) in
        [("main.py", "import helper\nprint('and', helper.word, end='')"), ("helper.py", "word = 'saved'")]
    {
        let document = json!({"uri": uri(name), "languageId": "python", "version": 1, "text": text});
        client.notify("textDocument/didOpen", json!({"textDocument": document}));
    }
    let word = json!({"start": {"line": 0, "character": 8}, "end": {"line": 0, "character": 13}});
    let changes = json!([{"range": word, "text": "typed"}]);
    let helper = json!({"uri": uri("helper.py"), "version": 2});
    client.notify("textDocument/didChange", json!({"textDocument": helper, "contentChanges": changes}));

    // Into a copy, which every place has; what runs has a session of its own where none is named.
    let workspace = json!({"mode": "copy", "uri": uri("")});
    let session = place.session(&mut client, json!({"workspace": workspace}));
    for argument in [json!({"uri": uri("main.py"), "sessionId": session}), json!({"uri": uri("main.py")})] {
        let command = json!({"command": "codebeaker.run", "arguments": [argument]});
        let started = client.request("workspace/executeCommand", command);
        assert_eq!(argument.get("sessionId").is_some(), started["sessionId"] == session.as_str(), "{started}");
        let exited = client.notification("execution/exited");
        assert_eq!(exited["outcome"], "ok", "{exited}");
        let pieces = client.claim_all(|received| received.message["method"] == "execution/output");
        let data = pieces.iter().filter_map(|piece| piece.message["params"]["data"].as_str());
        assert_eq!(data.collect::<String>(), "and typed");
        client.notification("execution/started");
    }
    for to in ["closing", "closed"] {
        assert_eq!(client.notification("session/stateChanged")["to"], to);
    }
    for name in ["main.py", "helper.py"] {
        assert!(fs::read_to_string(folder.join(name)).unwrap().contains("print(word"), "{name} was written to");
    }
}
