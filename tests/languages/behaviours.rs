//! What every engine does.

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::harness::session::Execution;

fn ended(execution: &Execution) -> (&str, Option<i64>) {
    (execution.outcome(), execution.exit_code())
}

fn assert_well(execution: &Execution) {
    assert_eq!(ended(execution), ("ok", Some(0)), "{}{}", execution.stdout(), execution.stderr());
}

pub(crate) fn says_hello_in_any_script(bench: &mut Bench) {
    let run = bench.run(&["hello"]);
    assert_well(&run);
    assert_eq!((run.stdout().as_str(), run.stderr().as_str()), ("hello ä€😀\n", ""));
    let stages: Vec<_> = run.result["stages"].as_array().into_iter().flatten().map(|one| &one["stage"]).collect();
    if bench.language.compiles {
        assert_eq!(
            (stages, &run.result["stage"]),
            (vec![&json!("compile"), &json!("run")], &json!("run")),
            "{}",
            run.result
        );
    } else {
        assert!(stages.is_empty() && run.result.get("stage").is_none(), "{}", run.result);
    }
    bench.assert_clean();
}

pub(crate) fn gets_its_arguments_whole(bench: &mut Bench) {
    let args = ["a b", "", "$HOME", "é€😀", "-x", "'\"\\", "--help", "new\nline"];
    let run = bench.run(&[&["args"], &args[..]].concat());
    assert_well(&run);
    assert_eq!(run.stdout(), args.map(|arg| format!("[{arg}]\n")).concat());
}

pub(crate) fn reads_its_input_to_the_end(bench: &mut Bench) {
    let text = "ä€😀 one\ntwo\n".repeat(3000);
    let run = bench.run_with(&["cat"], json!({"stdin": "text", "stdinText": text}));
    assert_well(&run);
    assert!(run.stdout() == text, "{} of {} bytes", run.stdout().len(), text.len());
    let run = bench.run(&["cat"]);
    assert_well(&run);
    assert_eq!(run.stdout(), "", "without input it is at its end");
}

pub(crate) fn finds_its_variables(bench: &mut Bench) {
    let word = "a b  $HOME 'ü€😀'\nnext=line";
    let (name, code) = bench.language.program;
    let source =
        json!({"code": code, "uri": format!("file:///elsewhere/{name}"), "args": ["env"], "env": {"WORD": word}});
    let run = bench.client.execute(&bench.session, source);
    assert_well(&run);
    assert_eq!(run.stdout(), format!("[{word}]\n"));
}

pub(crate) fn gets_no_more_memory_than_it_may(bench: &mut Bench) {
    let run = bench.run_with(&["memory"], json!({"limits": {"memoryBytes": 300 << 20}}));
    // What asks for memory in a large piece may be told that there is none.
    let copes = ["Memory", "memory", "alloc"].iter().any(|word| run.stderr().contains(word));
    let was_held = run.outcome() == "outOfMemory" || (run.outcome() != "ok" && copes);
    assert!(was_held && run.outcome() != "timeout", "{} {}", run.result, run.stderr());
    assert_eq!(run.stdout(), "filling\n");
    assert_eq!(bench.run(&["hello"]).stdout(), "hello ä€😀\n", "the session works on");
    bench.assert_clean();
}

pub(crate) fn tells_its_exit_code(bench: &mut Bench) {
    let run = bench.run(&["exit"]);
    assert_eq!(ended(&run), ("error", Some(3)), "{}", run.stderr());
    assert_eq!((run.stdout().as_str(), run.stderr().as_str()), ("", ""));
}

pub(crate) fn keeps_its_streams_apart(bench: &mut Bench) {
    let run = bench.run(&["stderr"]);
    assert_well(&run);
    assert_eq!((run.stdout().as_str(), run.stderr().as_str()), ("out\n", "err\n"));
}

/// The lines that an editor would mark.
fn marked(bench: &mut Bench, name: &str, text: &str, args: &[&str]) -> Vec<u64> {
    // A document of each kind: what was marked before is unmarked first where it is the same.
    let uri = format!("file:///{}/{name}", args.first().unwrap_or(&"wrong"));
    let document = json!({"uri": uri, "languageId": bench.language.language, "version": 1, "text": text});
    bench.client.notify("textDocument/didOpen", json!({"textDocument": document}));
    let lenses = bench.client.request("textDocument/codeLens", json!({"textDocument": {"uri": uri}}));
    assert_eq!(lenses[0]["command"]["command"], "codebeaker.run", "{lenses}");
    let argument = json!({"uri": uri, "sessionId": bench.session, "args": args});
    bench.client.request("workspace/executeCommand", json!({"command": "codebeaker.run", "arguments": [argument]}));
    let marked = bench.client.notification("textDocument/publishDiagnostics");
    bench.client.allow_unclaimed();
    assert_eq!(marked["uri"], uri);
    let marks = marked["diagnostics"].as_array().into_iter().flatten();
    marks.map(|mark| mark["range"]["start"]["line"].as_u64().expect("it is a number") + 1).collect()
}

pub(crate) fn tells_where_it_broke(bench: &mut Bench) {
    let run = bench.run(&["crash"]);
    assert_eq!(ended(&run), bench.language.crash, "{}{}", run.stdout(), run.stderr());
    assert_eq!(run.stdout(), "");
    let (name, text) = bench.language.program;
    let line = bench.language.broken_line();
    assert!(run.stderr().contains(name), "{}", run.stderr());
    assert_eq!(marked(bench, name, text, &["crash"]), [line], "{}", run.stderr());
}

pub(crate) fn tells_where_its_source_is_wrong(bench: &mut Bench) {
    let (name, (wrong, line)) = (bench.language.program.0, bench.language.wrong);
    let source = json!({"code": wrong, "uri": format!("file:///elsewhere/{name}")});
    let run = bench.client.execute(&bench.session, source);
    assert_eq!(run.outcome(), "error", "{}", run.stderr());
    assert!(run.exit_code().is_some_and(|code| code != 0));
    if bench.language.compiles {
        let stages = run.result["stages"].as_array().expect("it has a stage");
        assert_eq!(
            (stages.len(), &stages[0]["stage"], &run.result["stage"]),
            (1, &json!("compile"), &json!("compile"))
        );
        assert_eq!(stages[0]["exitCode"], run.result["exitCode"]);
        assert!(run.pieces.iter().all(|piece| piece["stage"] == "compile"), "{:?}", run.pieces);
        assert!(!run.pieces.is_empty());
    }
    assert_eq!(marked(bench, name, wrong, &[])[0], line, "{}", run.stderr());
    bench.assert_clean();
}

pub(crate) fn is_ended_when_its_time_is_up(bench: &mut Bench) {
    // A compiler that has been here once is quicker.
    assert_well(&bench.run(&["hello"]));
    let more = json!({"timeoutMs": if bench.language.compiles { 6000 } else { 3000 }});
    let run = bench.run_with(&["loop"], more);
    assert_eq!((run.outcome(), run.stdout().as_str()), ("timeout", "looping\n"), "{}", run.stderr());
    bench.assert_clean();
}

pub(crate) fn leaves_no_children(bench: &mut Bench) {
    let run = bench.run(&["child"]);
    if bench.language.has_children {
        assert_well(&run);
        assert_eq!(run.stdout(), "begun\n");
    } else {
        assert!(run.outcome() == "error" && run.stderr().contains("NotCapable"), "{}", run.stderr());
    }
    bench.assert_clean();
}

pub(crate) fn prints_a_mebibyte_whole(bench: &mut Bench) {
    let run = bench.run(&["mebibyte"]);
    assert_well(&run);
    let expected: String = (0..16384).map(|number| format!("{number:063}\n")).collect();
    assert!(run.stdout() == expected, "{} bytes came", run.stdout().len());
    assert_eq!(run.result["stdout"], json!({"bytes": 1 << 20, "truncated": false}));
}

pub(crate) fn reads_and_writes_the_workspace(bench: &mut Bench) {
    let session = bench.session.clone();
    bench.client.request("fs/write", json!({"sessionId": session, "path": "in.txt", "data": "text"}));
    assert_well(&bench.run(&["files"]));
    let read = bench.client.request("fs/read", json!({"sessionId": session, "path": "out.txt"}));
    assert_eq!(read["data"], "text!");
    // What was compiled, cached or started is not among the user's files.
    let listed = bench.client.request("fs/list", json!({"sessionId": session, "path": ".", "hidden": true}));
    let names: Vec<&Value> = listed["entries"].as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
    assert_eq!(names, ["in.txt", "out.txt"]);
}

pub(crate) fn reaches_no_network(bench: &mut Bench) {
    let run = bench.run(&["net"]);
    assert_well(&run);
    assert_eq!(run.stdout(), "no network\n", "{}", run.stderr());
}

pub(crate) fn runs_from_a_file_and_from_unsaved_code(bench: &mut Bench) {
    let (name, text) = bench.language.program;
    let session = bench.session.clone();
    let path = format!("Ordner ü/{name}");
    bench.client.request("fs/write", json!({"sessionId": session, "path": path, "data": text}));
    for source in [
        json!({"file": path}),
        json!({"file": path, "language": bench.language.language}),
        json!({"code": text, "uri": format!("file:///elsewhere/my%20{name}")}),
        json!({"code": text, "uri": "untitled:Untitled-1", "language": bench.language.language}),
    ] {
        // What came without a file is a module only where its name says so.
        if bench.language.engine == "node" && source.get("language").is_some() && source.get("code").is_some() {
            continue;
        }
        let mut source = source;
        source["args"] = json!(["args", "a b"]);
        let run = bench.client.execute(&session, source.clone());
        assert_eq!((run.outcome(), run.stdout().as_str()), ("ok", "[a b]\n"), "{source:.200}{}", run.stderr());
    }
    bench.assert_clean();
}

pub(crate) fn is_killed_and_interrupted(bench: &mut Bench) {
    for (method, outcome) in [("execution/kill", "killed"), ("execution/interrupt", "")] {
        let params = bench.params(&["loop"], json!({}));
        let (request, execution) = bench.client.begin(params);
        bench.client.wait_for_output(&execution, "looping");
        bench.client.request(method, json!({"executionId": execution}));
        let run = bench.client.finished(request);
        assert!(run.outcome() != "ok" && (outcome.is_empty() || run.outcome() == outcome), "{}", run.result);
    }
    bench.assert_clean();
}
