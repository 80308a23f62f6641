//! What runs is what the editor shows.

use serde_json::json;

use crate::desk::{Desk, INFO};

#[test]
fn the_capabilities_are_those_that_work() {
    let desk = Desk::plain(json!({}));
    let told = &desk.told["capabilities"];
    assert_eq!(told["positionEncoding"], "utf-16");
    assert_eq!(told["textDocumentSync"], json!({"openClose": true, "change": 2}));
    assert_eq!(told["codeLensProvider"], json!({"resolveProvider": false}));
    let commands = ["run", "runCell", "restartContext", "debug", "stop", "newSession", "closeSession", "call"]
        .map(|name| format!("codebeaker.{name}"));
    assert_eq!(told["executeCommandProvider"]["commands"], json!(commands));
    assert_eq!((&told["inlayHintProvider"], &told["hoverProvider"]), (&json!(true), &json!(true)));
    assert!(told["experimental"]["codebeaker"]["methods"].is_array());
    for absent in ["completionProvider", "diagnosticProvider", "definitionProvider"] {
        assert!(told.get(absent).is_none(), "{absent} is told and does nothing");
    }
}

#[test]
fn an_unsaved_document_runs_with_unsaved_imports_and_the_disk_stays_as_it_is() {
    let mut desk = Desk::plain(json!({}));
    desk.save("package/main.py", "print('as it was saved')\n");
    desk.save("package/helper.py", "word = 'saved'\n");
    desk.save("data.txt", "on disk");
    let main = desk
        .open("package/main.py", "import helper, pathlib\nprint(helper.word, pathlib.Path('data.txt').read_text())\n");
    desk.open("package/helper.py", "word = 'typed'\n");
    let (logged, shown) = desk.run(json!({"uri": main}));
    assert_eq!(logged, "typed on disk");
    assert_eq!(shown["type"], INFO);
    let message = shown["message"].as_str().unwrap();
    assert!(message.starts_with("main.py: ended well after ") && message.ends_with("\ntyped on disk"), "{message}");
    assert_eq!(desk.saved("package/main.py"), "print('as it was saved')\n");
    assert_eq!(desk.saved("package/helper.py"), "word = 'saved'\n");

    // What was closed is as it was saved.
    let helper = desk.uri("package/helper.py");
    desk.notify("textDocument/didClose", json!({"textDocument": {"uri": helper}}));
    assert_eq!(desk.run(json!({"uri": main})).0, "saved on disk");
    desk.notify("textDocument/didClose", json!({"textDocument": {"uri": main}}));
    assert_eq!(desk.run(json!({"uri": main})).0, "as it was saved");
}

#[test]
fn edits_count_as_the_client_counts() {
    let capabilities = |encodings| json!({"general": {"positionEncodings": encodings}});
    for (encodings, told, character) in [
        (json!(["utf-16"]), "utf-16", 10),
        (json!(["utf-32", "utf-8", "utf-16"]), "utf-8", 12),
        (json!(null), "utf-16", 10),
    ] {
        let mut desk = Desk::plain(capabilities(encodings));
        assert_eq!(desk.told["capabilities"]["positionEncoding"], told);
        let uri = desk.open("main.py", "print('😀?')\nprint(2)\n");
        let at = |line: u32, from: u32, to: u32| json!({"start": {"line": line, "character": from}, "end": {"line": line, "character": to}});
        let changes = json!([
            {"range": at(0, character - 1, character), "text": "!')\nprint('new"},
            {"range": at(2, 6, 7), "text": "3"},
        ]);
        desk.edit(&uri, changes);
        let (logged, shown) = desk.run(json!({"uri": uri}));
        assert_eq!(logged, "😀!\nnew\n3", "{told}: {shown}");
        desk.edit(&uri, json!([{"text": "print('all anew')"}]));
        assert_eq!(desk.run(json!({"uri": uri})).0, "all anew");
    }
}

#[test]
fn a_document_that_no_file_is_of_runs_too() {
    let mut desk = Desk::plain(json!({}));
    desk.open_as("untitled:Untitled-1", "python", "print('no file')");
    assert_eq!(desk.run(json!({"uri": "untitled:Untitled-1"})).0, "no file");
    // In a directory that is not there yet, and beside the folders that are open.
    let elsewhere = format!("file://{}", desk.scratch().join("elsewhere/new.py").display());
    desk.open_as(&elsewhere, "python", "import os; print(sorted(os.listdir()))");
    assert_eq!(desk.run(json!({"uri": elsewhere})).0, "[]");
    let error = desk.try_command("codebeaker.run", json!({"uri": "untitled:Untitled-2"})).unwrap_err();
    assert_eq!((&error["code"], &error["data"]["path"]), (&json!(-32602), &json!("uri")), "{error}");
}

#[test]
fn a_text_that_is_not_known_does_not_run_as_something_else() {
    let mut desk = Desk::plain(json!({}));
    desk.save("main.py", "print('as it was saved')");
    let uri = desk.open("main.py", "print('typed')");
    let backwards = json!({"start": {"line": 0, "character": 3}, "end": {"line": 0, "character": 1}});
    desk.edit(&uri, json!([{"range": backwards, "text": ""}]));
    let error = desk.try_command("codebeaker.run", json!({"uri": uri})).unwrap_err();
    assert_eq!(error["code"], 1400, "{error}");
    assert_eq!(error["data"]["hint"], "close it and open it again");
    desk.edit(&uri, json!([{"text": "print('known again')"}]));
    assert_eq!(desk.run(json!({"uri": uri})).0, "known again");
    // A message that makes no sense at all changes nothing.
    desk.notify("textDocument/didChange", json!({"textDocument": 3}));
    desk.notify("textDocument/didOpen", json!({}));
    assert_eq!(desk.run(json!({"uri": uri})).0, "known again");
}

#[test]
fn what_a_session_may_write_to_is_not_written_to_for_a_document() {
    let mut desk = Desk::plain(json!({}));
    desk.save("main.py", "print('as it was saved')");
    let uri = desk.open("main.py", "import pathlib\nprint('typed')\npathlib.Path('made').touch()");
    let workspace = json!({"mode": "bindRw", "uri": desk.uri("")});
    desk.command("codebeaker.newSession", json!({"language": "python", "workspace": workspace}));
    assert_eq!(desk.run(json!({"uri": uri})).0, "typed");
    assert_eq!(desk.saved("main.py"), "print('as it was saved')");
    assert_eq!(desk.saved("made"), "", "the program itself may write there");
}

#[test]
fn a_link_that_leads_out_is_not_written_through() {
    let mut desk = Desk::plain(json!({}));
    let outside = desk.scratch().join("outside.py");
    std::fs::write(&outside, "print('outside')").unwrap();
    std::os::unix::fs::symlink(&outside, desk.folder().join("link.py")).unwrap();
    let uri = desk.open("link.py", "print('typed')");
    assert_eq!(desk.run(json!({"uri": uri})).0, "typed");
    assert_eq!(std::fs::read_to_string(outside).unwrap(), "print('outside')");
}

#[test]
fn each_editors_name_of_a_language_finds_its_engine() {
    let mut desk = Desk::plain(json!({}));
    let engines = desk.request("engine/list", json!({}))["engines"].take();
    // As VS Code, Neovim and Emacs call them; `session/create` takes the same words.
    for (names, engine) in [
        (&["python"][..], "python"),
        (&["javascript"], "node"),
        (&["typescript", "typescriptreact", "javascriptreact"], "deno"),
        (&["shellscript", "sh", "bash"], "bash"),
        (&["go"], "go"),
        (&["ruby"], "ruby"),
        (&["c"], "c"),
        (&["cpp", "c++"], "cpp"),
        (&["rust"], "rust"),
        (&["csharp", "cs"], "csharp"),
    ] {
        let row = engines.as_array().unwrap().iter().find(|row| row["id"] == engine).unwrap();
        for name in names {
            assert!(row["languages"].as_array().unwrap().contains(&json!(name)), "{name}: {row}");
        }
    }
    desk.open_as("untitled:script", "shellscript", "echo by $0");
    assert_eq!(desk.run(json!({"uri": "untitled:script"})).0.rsplit('/').next(), Some("main.sh"));
}
