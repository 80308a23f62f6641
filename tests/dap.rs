//! Golden dialogues with the debug adapter, and the same with debuggers that no one here wrote.
//!
//! Each dialogue in `tests/dap/dialogues` is played three times over: by `codebeaker dap`; for Python by
//! debugpy, for Node by a small client of its inspector. The others prove the dialogue, not the adapter.
//! Whatever codebeaker says is checked against the protocol's own schema besides.

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

use harness::skip::skip;
use harness::stream;
use schema::Schema;
use script::Dialogue;
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

/// Plays a dialogue with codebeaker, and checks all that it said.
fn ours(language: Language, name: &str) {
    let dialogue = dialogue(language, name);
    let stand = match Stand::ours(language, &dialogue.program) {
        Ok(stand) => stand,
        Err(why) => return skip(&why),
    };
    let (result, records) = play::play(&dialogue, &part(&stand), stand.program());
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

#[test]
fn the_schema_sees_what_it_is_for() {
    let mut schema = match Schema::find() {
        Ok(schema) => schema,
        Err(why) => return skip(&why),
    };
    let mut faults = |message: serde_json::Value| schema.faults(&message).len();
    let event = |body| serde_json::json!({"seq": 1, "type": "event", "event": "stopped", "body": body});
    assert_eq!(faults(event(serde_json::json!({"reason": "entry", "threadId": 1}))), 0);
    assert_eq!(faults(event(serde_json::json!({"reason": "entry", "threadId": "1"}))), 1);
    assert_eq!(faults(event(serde_json::json!({"threadId": 1}))), 1);
    assert_eq!(faults(serde_json::json!({"seq": 1, "type": "event", "event": "stopping"})), 1);
}
