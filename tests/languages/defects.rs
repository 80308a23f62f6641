//! Defects of the system that came before this one (`D…` is the number each has in the list of them), in what concerns
//! languages and engines; the others are among the behaviours of places. Each is put right, and stays so.

use serde_json::json;

use crate::bench::on_this_machine;
use crate::table::LANGUAGES;

/// D2: the shape of a result depended on where code ran, and failures were told as success.
#[test]
fn d2_every_engine_has_one_shape_of_result() {
    for language in LANGUAGES {
        on_this_machine(language.name, |bench| {
            let run = bench.run(&["exit"]);
            let mut fields: Vec<&str> = run.result.as_object().unwrap().keys().map(String::as_str).collect();
            fields.retain(|field| !["stage", "stages"].contains(field));
            let expected = [
                "cpuMs",
                "durationMs",
                "executionId",
                "exitCode",
                "outcome",
                "peakMemoryBytes",
                "queueMs",
                "startedAt",
                "stderr",
                "stdout",
            ];
            fields.sort_unstable();
            assert_eq!((fields, run.outcome()), (expected.to_vec(), "error"), "{}", language.name);
        });
    }
}

/// D6: what was decoded piece by piece broke characters in two.
#[test]
fn d6_no_character_is_broken_however_it_is_written() {
    on_this_machine("c", |bench| {
        // Byte by byte, past every buffer.
        let code = "#include <stdio.h>\n#include <unistd.h>\nint main(void) {\n\
                    const char *text = \"ä€😀\"; for (int i = 0; i < 2000; i++) for (const char *c = text; *c; c++) write(1, c, 1); }\n";
        let run = bench.client.execute(&bench.session, json!({"code": code}));
        assert!(run.stdout() == "ä€😀".repeat(2000), "{} bytes", run.bytes("stdout").len());
        assert!(run.pieces.iter().all(|piece| piece["encoding"] == "utf8"));
    });
}

/// D7: after one failure, an environment could be used no more.
#[test]
fn d7_a_failure_leaves_the_session_as_it_was() {
    for name in ["python", "c", "ruby", "deno"] {
        on_this_machine(name, |bench| {
            for failing in ["crash", "exit"] {
                assert_ne!(bench.run(&[failing]).outcome(), "ok");
            }
            let wrong = json!({"code": bench.language.wrong.0});
            assert_eq!(bench.client.execute(&bench.session, wrong).outcome(), "error");
            assert_eq!(bench.run(&["hello"]).stdout(), "hello ä€😀\n", "{name}");
        });
    }
}

/// D12: output was told when all was over.
#[test]
fn d12_output_comes_while_a_program_runs() {
    for name in ["python", "node", "deno", "bun", "bash", "ruby", "go", "rust"] {
        on_this_machine(name, |bench| {
            let params = bench.params(&["loop"], json!({}));
            let (request, execution) = bench.client.begin(params);
            // It never ends by itself.
            bench.client.wait_for_output(&execution, "looping");
            bench.client.request("execution/kill", json!({"executionId": execution}));
            bench.client.finished(request);
        });
    }
}

/// D17: what a program had printed was lost when its time was up.
#[test]
fn d17_what_was_printed_before_the_time_was_up_is_kept() {
    for name in ["python", "bash", "go"] {
        on_this_machine(name, |bench| {
            bench.run(&["hello"]);
            let run = bench.run_with(&["loop"], json!({"timeoutMs": 5000}));
            assert_eq!((run.outcome(), run.stdout().as_str()), ("timeout", "looping\n"), "{name}");
            let wish = json!({"executionId": run.id(), "stream": "stdout"});
            assert_eq!(bench.client.request("execution/read", wish)["data"], "looping\n");
        });
    }
}

/// D18: arguments were joined with blanks, and so split and read anew.
#[test]
fn d18_arguments_stay_as_they_are_given() {
    on_this_machine("c", |bench| {
        let args = ["args", "a  b", "\"", "; echo no", "$(echo no)", "*"];
        assert_eq!(bench.run(&args).stdout(), "[a  b]\n[\"]\n[; echo no]\n[$(echo no)]\n[*]\n");
        let code = "#include <stdio.h>\nint main(void) { puts(A); }\n";
        let source = json!({"code": code, "engineArgs": ["-D", "A=\"a  b; echo no\""]});
        let run = bench.client.execute(&bench.session, source);
        assert_eq!(run.stdout(), "a  b; echo no\n", "{}", run.stderr());
    });
}

/// D21: requests waited for each other, so that a session could not be closed while something ran in it.
#[test]
fn d21_a_session_is_closed_while_it_compiles_or_runs() {
    for name in ["c", "bash"] {
        on_this_machine(name, |bench| {
            let code = if name == "c" { bench.endless_to_compile() } else { "while :; do :; done" };
            let params = json!({"sessionId": bench.session, "source": {"code": code}});
            let (request, _) = bench.client.begin(params);
            let closed = bench.client.request("session/close", json!({"sessionId": bench.session}));
            assert_eq!(closed["endedExecutions"], 1);
            let run = bench.client.finished(request);
            assert!(["killed", "lost"].contains(&run.outcome()), "{}", run.result);
            bench.client.allow_unclaimed();
        });
    }
}
