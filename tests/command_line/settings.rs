//! The settings file, as someone uses it who writes one.

use crate::console::Console;
use crate::text;

#[test]
fn a_settings_file_changes_what_a_program_gets() {
    let console = Console::new();
    let slow = console.file("slow.sh", "echo before; sleep 600");
    let named = console.file("named.toml", "[limits]\nexecution-timeout = \"300ms\"\n");
    let output = console.run(&["--config", &named, "run", &slow], b"");
    assert_eq!((output.status.code(), text(&output.stdout).as_ref()), (Some(124), "before\n"), "{output:?}");

    // The default place is read unasked, and a flag beats what it says.
    console.file("config/codebeaker/config.toml", "[limits]\nexecution-timeout = \"300ms\"\nmemory = \"1GB\"\n");
    let output = console.run(&["run", &slow], b"");
    assert_eq!(output.status.code(), Some(124), "{output:?}");
    let quick = console.file("quick.sh", "sleep 0.6; echo done");
    let output = console.run(&["run", "--timeout", "1m", &quick], b"");
    assert_eq!((output.status.code(), text(&output.stdout).as_ref()), (Some(0), "done\n"), "{output:?}");
    console.leaves_nothing();
}

#[test]
fn a_wrong_settings_file_is_told_and_nothing_is_run() {
    let console = Console::new();
    let program = console.file("program.sh", "echo ran");
    let wrong = console.file("wrong.toml", "[limits]\nmemroy = \"1GiB\"\n");
    let missing = console.path("missing.toml");
    for (file, about) in [
        (wrong.as_str(), "wrong.toml:2: limits.memroy: there is no such key; did you mean `memory`?"),
        (missing.as_str(), "missing.toml can't be read"),
    ] {
        for args in [vec!["--config", file, "run", &program], vec!["--config", file], vec!["dap", "--config", file]] {
            let output = console.run(&args, b"");
            assert_eq!(output.status.code(), Some(125), "{args:?}: {output:?}");
            assert!(text(&output.stderr).contains(about), "{args:?}: {output:?}");
            assert!(output.stdout.is_empty(), "{args:?}: {output:?}");
        }
    }
    console.file("config/codebeaker/config.toml", "limits = {");
    let output = console.run(&["run", &program], b"");
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    assert!(text(&output.stderr).contains("config.toml:1: "), "{output:?}");
    console.leaves_nothing();
}

#[test]
fn the_doctor_says_which_settings_hold() {
    let console = Console::new();
    let output = console.run(&["doctor"], b"");
    assert!(text(&output.stdout).contains("default settings: there is no settings file"), "{output:?}");
    let file = console.file("config/codebeaker/config.toml", "[sessions]\nmax = 2\n");
    let output = console.run(&["doctor"], b"");
    assert!(text(&output.stdout).contains(&format!("settings of {file}")), "{output:?}");
}
