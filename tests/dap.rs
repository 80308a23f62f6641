//! Golden dialogues with the debug adapter, and the same with debuggers that no one here wrote.
//!
//! Each dialogue in `tests/dap/dialogues` is played three times over: by `codebeaker dap`; for Python by
//! debugpy, for Node by a small client of its inspector. The others prove the dialogue, not the adapter.
//! Some are played again with the debuggee in containers. Whatever codebeaker says is checked against the
//! protocol's own schema besides.

#[path = "dap/connection.rs"]
mod connection;
#[path = "harness/mod.rs"]
mod harness;
#[path = "transcripts/pattern.rs"]
mod pattern;
#[path = "dap/play.rs"]
mod play;
#[path = "dap/schema.rs"]
mod schema;
#[path = "dap/script.rs"]
mod script;
#[path = "dap/stand.rs"]
mod stand;

use std::path::{Path, PathBuf};

use connection::Connection;
use harness::place::Place;
use harness::skip::skip;
use harness::stream;
use schema::Schema;
use script::Dialogue;
use serde_json::json;
use stand::{Language, Stand};

fn directory(language: Language) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dap/dialogues").join(language.name())
}

fn dialogue(language: Language, name: &str) -> Dialogue {
    let path = directory(language).join(name).with_extension("txt");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    script::parse(&text).unwrap_or_else(|why| panic!("{name}.txt:{why}"))
}

/// The part that the adapter of a stand plays.
fn part(stand: &Stand) -> play::Part<'_> {
    play::Part { ours: stand.is_ours(), command: Box::new(|| stand.command()), launch: stand.launch() }
}

/// Plays a dialogue with codebeaker.
fn ours(language: Language, name: &str) {
    let dialogue = dialogue(language, name);
    match Stand::ours(language, &dialogue.program) {
        Ok(stand) => well_played(name, &dialogue, &stand),
        Err(why) => skip(&why),
    }
}

/// Plays a dialogue with codebeaker, and the debuggee in a container.
fn contained(language: Language, name: &str, place: Place) {
    place.test(|place| {
        let dialogue = dialogue(language, name);
        let stand = Stand::contained(language, &dialogue.program, place.runtime(), place.engine().address());
        well_played(name, &dialogue, &stand);
    });
}

/// Plays a dialogue, and checks all that codebeaker said.
fn well_played(name: &str, dialogue: &Dialogue, stand: &Stand) {
    let (result, records) = play::play(dialogue, &part(stand), stand.program());
    result.unwrap_or_else(|why| panic!("{name}.txt:{why}"));
    stand.nothing_left();
    match Schema::find() {
        Ok(mut schema) => {
            let faults: Vec<_> = records.iter().flatten().flat_map(|message| schema.faults(message)).collect();
            assert!(faults.is_empty(), "{name}.txt:\n{}", faults.join("\n"));
        }
        Err(why) => skip(&why),
    }
}

/// Plays a dialogue with the other debugger.
fn oracle(language: Language, name: &str) {
    let dialogue = dialogue(language, name);
    if dialogue.steps.iter().all(|step| step.by == script::By::Ours) {
        // Nothing in it is anybody else's.
        return;
    }
    let stand = match Stand::oracle(language, &dialogue.program) {
        Ok(stand) => stand,
        Err(why) => return skip(&why),
    };
    let (result, _) = play::play(&dialogue, &part(&stand), stand.program());
    result.unwrap_or_else(|why| panic!("{name}.txt:{why}"));
}

/// A test of each of these dialogues in each place of containers: `docker::NAME` and `gvisor::NAME`.
macro_rules! contained {
    ($module:ident, $language:expr, [$($name:ident),* $(,)?]) => {
        mod $module {
            use super::{Language, Place};

            mod docker {
                use super::{Language, Place};

                $(#[test]
                fn $name() {
                    crate::contained($language, stringify!($name), Place::Docker);
                })*
            }

            mod gvisor {
                use super::{Language, Place};

                $(#[test]
                fn $name() {
                    crate::contained($language, stringify!($name), Place::Gvisor);
                })*
            }
        }
    };
}

/// Two tests for each dialogue, and one that finds those that have none.
macro_rules! dialogues {
    ($module:ident, $language:expr, [$($name:ident),* $(,)?]) => {
        mod $module {
            use super::Language;

            mod codebeaker {
                use super::Language;

                $(#[test]
                fn $name() {
                    crate::ours($language, stringify!($name));
                })*
            }

            mod oracle {
                use super::Language;

                $(#[test]
                fn $name() {
                    crate::oracle($language, stringify!($name));
                })*
            }

            #[test]
            fn every_dialogue_is_played() {
                crate::all_are_played($language, &[$(stringify!($name)),*]);
            }
        }
    };
}

fn all_are_played(language: Language, played: &[&str]) {
    let mut written: Vec<String> = std::fs::read_dir(directory(language))
        .expect("the dialogues are there")
        .map(|entry| entry.expect("the directory can be read").path())
        .map(|path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    written.sort();
    assert_eq!(written, played, "the lists of dialogues are in the order of the alphabet");
}

dialogues!(
    python,
    Language::Python,
    [
        all_code,
        arguments,
        asynchronous,
        attach,
        breakpoint_locations,
        breakpoint_moves,
        breakpoints,
        breakpoints_while_running,
        cancel,
        children,
        code,
        completions,
        condition_is_wrong,
        conditions,
        console_speaks_pdb,
        disconnect,
        evaluate,
        exception_conditions,
        exceptions_raised,
        exceptions_uncaught,
        exceptions_user_uncaught,
        function_breakpoints,
        goto,
        hexadecimal,
        hit_conditions,
        just_my_code,
        launch_without_program,
        log_points,
        looking_changes_nothing,
        module,
        modules,
        output,
        pause,
        restart,
        scopes,
        set_values,
        source,
        stack_pages,
        step_targets,
        stepping,
        stop_on_entry,
        terminate,
        threads,
        unsupported,
        variables_pages
    ]
);
dialogues!(
    node,
    Language::Node,
    [
        arguments,
        asynchronous,
        breakpoint_locations,
        breakpoint_moves,
        breakpoints,
        breakpoints_while_running,
        cancel,
        children,
        columns,
        completions,
        conditions,
        disconnect,
        evaluate,
        exception_conditions,
        exceptions_all,
        exceptions_uncaught,
        hit_conditions,
        just_my_code,
        loaded_sources,
        log_points,
        looking_changes_nothing,
        output,
        pause,
        restart,
        restart_frame,
        scopes,
        set_values,
        source_maps,
        stack_pages,
        stepping,
        stop_on_entry,
        terminate,
        variables_pages
    ]
);

// The protocol is the same wherever the debuggee is, so not every dialogue is played in containers: those are whose
// outcome hangs on the way to the debuggee, or on what a container or another kernel does to the interpreter.
contained!(
    python_in_containers,
    Language::Python,
    [
        // What comes with the launch, and paths of the editor's that are others in a copy.
        arguments,
        code,
        source,
        // What is said while the program runs, or all the time: two streams at once.
        breakpoints,
        conditions,
        log_points,
        output,
        pause,
        // Deep in the interpreter, by its own tracing.
        asynchronous,
        evaluate,
        exceptions_uncaught,
        set_values,
        stepping,
        threads,
        variables_pages,
        // Connections of processes that come and go, and the ends of all of them.
        children,
        disconnect,
        restart,
        terminate
    ]
);
contained!(
    node_in_containers,
    Language::Node,
    [
        // The inspector is a server on the sandbox's own loopback.
        breakpoints,
        conditions,
        log_points,
        pause,
        // Files that it reads itself, in a copy.
        source_maps,
        // What its threads and V8 do with the kernel they find.
        asynchronous,
        evaluate,
        exceptions_uncaught,
        set_values,
        stepping,
        variables_pages,
        // Connections of workers that come and go, and the ends of all of them.
        children,
        disconnect,
        restart,
        terminate
    ]
);

#[test]
fn a_debugger_that_the_image_lacks_is_named_with_what_to_do() {
    Place::Docker.test(|place| {
        let (whole, image) = ("codebeaker/go:latest", "codebeaker-test/undebugged:latest");
        if !place.engine().has_image(whole) {
            return skip(&format!("the engine has no image {whole}: scripts/images.sh go"));
        }
        let recipe = tempfile::tempdir().expect("a directory");
        let lines = format!("FROM {whole}\nUSER 0:0\nRUN rm /usr/bin/dlv\n");
        std::fs::write(recipe.path().join("Dockerfile"), lines).expect("it is written");
        let directory = recipe.path().to_str().expect("it is text");
        place.engine().order(&["build", "--quiet", "--network=none", "--tag", image, directory]);
        let stand = Stand::contained(Language::Python, "steps.py", place.runtime(), place.engine().address());
        let mut connection = Connection::spawn(&mut stand.command());
        connection.request("initialize", json!({"adapterID": "codebeaker"}));
        let session = json!({"runtime": place.runtime(), "image": image});
        let launch = json!({"language": "go", "program": stand.program(), "session": session});
        let refused = connection.call("launch", launch);
        let why = refused["message"].as_str().expect("it says why");
        assert!(why.contains("the image") && why.contains("`dlv`"), "{why}");
        connection.request("disconnect", json!({}));
        connection.end_well();
        stand.nothing_left();
        place.engine().order(&["rmi", image]);
    });
}

#[test]
fn the_schema_sees_what_it_is_for() {
    let mut schema = match Schema::find() {
        Ok(schema) => schema,
        Err(why) => return skip(&why),
    };
    let mut faults = |message: serde_json::Value| schema.faults(&message).len();
    let event = |body| json!({"seq": 1, "type": "event", "event": "stopped", "body": body});
    assert_eq!(faults(event(json!({"reason": "entry", "threadId": 1}))), 0);
    assert_eq!(faults(event(json!({"reason": "entry", "threadId": "1"}))), 1);
    assert_eq!(faults(event(json!({"threadId": 1}))), 1);
    assert_eq!(faults(json!({"seq": 1, "type": "event", "event": "stopping"})), 1);
}
