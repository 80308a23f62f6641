//! What an execution does before its program runs.

use serde_json::json;

use crate::bench::{Bench, on_this_machine, setup};
use crate::harness::Setup;

fn compiling(bench: &mut Bench, more: serde_json::Value) -> (i64, String) {
    let mut params = json!({"sessionId": bench.session, "source": {"code": bench.endless_to_compile()}});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    bench.client.begin(params)
}

#[test]
fn a_compiler_is_killed_cancelled_and_timed_out_like_a_program() {
    on_this_machine("c", |bench| {
        let (request, execution) = compiling(bench, json!({}));
        let described = bench.client.request("execution/get", json!({"executionId": execution}));
        assert_eq!(described["state"], "running", "{described}");
        bench.client.request("execution/kill", json!({"executionId": execution}));
        let run = bench.client.finished(request);
        assert_eq!((run.outcome(), &run.result["stage"]), ("killed", &json!("compile")), "{}", run.result);

        let (request, execution) = compiling(bench, json!({}));
        bench.client.request("execution/interrupt", json!({"executionId": execution}));
        let run = bench.client.finished(request);
        assert!(run.outcome() != "ok" && run.result["stage"] == "compile", "{}", run.result);

        let (request, _) = compiling(bench, json!({}));
        bench.client.notify("$/cancelRequest", json!({"id": request}));
        let run = bench.client.finished(request);
        assert_eq!((run.outcome(), &run.result["stage"]), ("cancelled", &json!("compile")), "{}", run.result);

        let (request, _) = compiling(bench, json!({"timeoutMs": 1500}));
        let run = bench.client.finished(request);
        assert_eq!((run.outcome(), &run.result["stage"]), ("timeout", &json!("compile")), "{}", run.result);
        bench.assert_clean();
    });
}

#[test]
fn what_is_typed_while_it_compiles_is_the_programs() {
    on_this_machine("c", |bench| {
        let code = "#include <stdio.h>\n\
                    int main(void) { char line[99]; while (fgets(line, sizeof line, stdin)) printf(\"<%s>\", line); }\n";
        let params = json!({"sessionId": bench.session, "source": {"code": code}, "stdin": "stream",
            "stdinText": "first\n"});
        let (request, execution) = bench.client.begin(params);
        bench.client.request("execution/stdin", json!({"executionId": execution, "data": "typed\n", "eof": true}));
        let run = bench.client.finished(request);
        assert_eq!((run.outcome(), run.stdout().as_str()), ("ok", "<first\n><typed\n>"), "{}", run.stderr());
    });
}

#[test]
fn both_stages_are_of_one_order() {
    on_this_machine("c", |bench| {
        let code = "#include <stdio.h>\n#warning told\nint main(void) { fputs(\"ran\\n\", stderr); return 5; }\n";
        let run = bench.client.execute(&bench.session, json!({"code": code}));
        assert_eq!((run.outcome(), run.exit_code(), &run.result["stage"]), ("error", Some(5), &json!("run")));
        let stages = run.result["stages"].as_array().unwrap();
        assert_eq!((&stages[0]["exitCode"], &stages[1]["exitCode"]), (&json!(0), &json!(5)));
        let sum: u64 = stages.iter().map(|stage| stage["durationMs"].as_u64().unwrap()).sum();
        assert!(run.result["durationMs"].as_u64().unwrap().abs_diff(sum) <= 2, "{}", run.result);
        assert_eq!(run.result["startedAt"], stages[0]["startedAt"]);
        let last = run.pieces.last().unwrap();
        assert_eq!(
            (run.pieces[0]["stage"].as_str(), last.get("stage"), &last["data"]),
            (Some("compile"), None, &json!("ran\n"))
        );
        assert!(run.stderr().contains("#warning told"), "{}", run.stderr());
        assert_eq!(run.methods.iter().filter(|method| *method == "execution/started").count(), 2);
    });
}

#[test]
fn the_limit_of_output_counts_both_stages() {
    on_this_machine("c", |bench| {
        let code =
            "#include <stdio.h>\n#warning told\nint main(void) { for (int i = 0; i < 9999; i++) puts(\"line\"); }\n";
        let params = json!({"sessionId": bench.session, "source": {"code": code}, "limits": {"outputBytes": 2000}});
        let run = bench.client.execute_with(params);
        assert_eq!(run.outcome(), "ok", "{}", run.result);
        assert_eq!(run.stdout().len() + run.stderr().len(), 2000);
        assert_eq!(run.result["stdout"], json!({"bytes": 5 * 9999, "truncated": true}));
    });
}

#[test]
fn a_terminal_is_of_the_size_that_it_was_given_while_it_compiled() {
    on_this_machine("bash", |_| {});
    on_this_machine("c", |bench| {
        let code = "#include <stdio.h>\n#include <sys/ioctl.h>\n\
                    int main(void) { struct winsize s; ioctl(0, TIOCGWINSZ, &s); printf(\"%dx%d\", s.ws_col, s.ws_row); }\n";
        let params = json!({"sessionId": bench.session, "source": {"code": code}, "stdin": "pty"});
        let (request, execution) = bench.client.begin(params);
        bench.client.request("execution/resizePty", json!({"executionId": execution, "cols": 91, "rows": 17}));
        let run = bench.client.finished(request);
        assert_eq!((run.outcome(), run.pty().as_str()), ("ok", "91x17"), "{}", run.result);
    });
}

#[test]
fn arguments_of_the_engine_are_its_compilers() {
    on_this_machine("c", |bench| {
        let code = "#include <stdio.h>\nint main(void) { puts(WORD); }\n";
        let source = json!({"code": code, "engineArgs": ["-DWORD=\"given\"", "-O2"]});
        let run = bench.client.execute(&bench.session, source);
        assert_eq!(run.stdout(), "given\n", "{}", run.stderr());
    });
    on_this_machine("python", |bench| {
        let source = json!({"code": "import sys; print(sys.flags.optimize, sys.argv[1:])", "engineArgs": ["-O"], "args": ["-O"]});
        let run = bench.client.execute(&bench.session, source);
        assert_eq!(run.stdout(), "1 ['-O']\n", "{}", run.stderr());
        let source = json!({"program": "true", "engineArgs": ["-O"]});
        let refused = bench.client.call("session/execute", json!({"sessionId": bench.session, "source": source}));
        assert_eq!(refused.unwrap_err()["code"], -32602);
    });
}

#[test]
fn what_makes_no_program_is_told_of() {
    on_this_machine("rust", |bench| {
        let source = json!({"code": "#![crate_type = \"lib\"]\npub fn f() {}\n"});
        let run = bench.client.execute(&bench.session, source);
        assert_eq!((run.outcome(), run.exit_code()), ("error", None), "{}", run.result);
        assert_eq!(run.result["stages"][0]["exitCode"], 0, "{}", run.result);
        bench.assert_clean();
    });
}

#[test]
fn headers_of_the_workspace_are_found() {
    on_this_machine("c", |bench| {
        let session = bench.session.clone();
        bench
            .client
            .request("fs/write", json!({"sessionId": session, "path": "word.h", "data": "#define WORD \"found\"\n"}));
        let code = "#include <stdio.h>\n#include \"word.h\"\nint main(void) { puts(WORD); }\n";
        assert_eq!(bench.client.execute(&session, json!({"code": code})).stdout(), "found\n");
    });
}

#[test]
fn every_engine_is_a_row_that_says_what_it_needs() {
    let mut client = setup(Setup::default()).initialized();
    let engines = client.request("engine/list", json!({}))["engines"].take();
    let engines = engines.as_array().unwrap();
    let ids: Vec<&str> = engines.iter().map(|engine| engine["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["python", "node", "deno", "bun", "bash", "ruby", "go", "c", "cpp", "rust", "csharp"]);
    for engine in engines {
        assert!(engine["minMemoryBytes"].as_u64() > Some(0) && engine["minPids"].as_u64() > Some(0), "{engine}");
        let compiles = ["go", "c", "cpp", "rust", "csharp"].contains(&engine["id"].as_str().unwrap());
        assert_eq!(engine["compiles"], compiles, "{engine}");
    }
}

#[test]
fn a_session_of_the_least_size_is_enough() {
    for language in crate::table::LANGUAGES {
        on_this_machine(language.name, |bench| {
            let engines = bench.client.request("engine/list", json!({}))["engines"].take();
            let engine = engines.as_array().unwrap().iter().find(|one| one["id"] == language.engine).unwrap().clone();
            let limits = json!({"memoryBytes": engine["minMemoryBytes"], "pids": engine["minPids"]});
            let wish = json!({"runtime": "native", "engine": language.engine, "language": language.language, "limits": limits});
            bench.session = bench.client.create_session(wish);
            let run = bench.run(&["hello"]);
            assert_eq!(
                (run.outcome(), run.stdout().as_str()),
                ("ok", "hello ä€😀\n"),
                "{}: {}{}",
                language.name,
                run.result,
                run.stderr()
            );
        });
    }
}
