//! The command line, as a person or a script uses it.

mod harness;

#[path = "command_line/console.rs"]
mod console;
#[path = "command_line/network.rs"]
mod network;
#[path = "command_line/settings.rs"]
mod settings;
#[path = "command_line/terminal.rs"]
mod terminal;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use console::Console;
use rustix::process::Signal;
use serde_json::Value;

#[test]
fn the_exit_code_is_that_of_the_program() {
    for console in Console::users() {
        for (name, code, expected) in [
            ("ok.py", "print('hello')", 0),
            ("three.py", "raise SystemExit(3)", 3),
            ("full.sh", "exit 255", 255),
            ("killed.sh", "kill -KILL $$", 128 + 9),
            ("terminated.sh", "kill -TERM $$", 128 + 15),
            ("fault.sh", "kill -SEGV $$", 128 + 11),
        ] {
            let output = console.run(&["run", &console.file(name, code)], b"");
            assert_eq!(output.status.code(), Some(expected), "{name}: {output:?}");
        }
        console.leaves_nothing();
    }
}

#[test]
fn what_was_not_run_to_its_end_has_codes_of_its_own() {
    let console = Console::new();
    let sleep = console.file("sleep.sh", "echo before; sleep 600");
    let output = console.run(&["run", "--timeout", "400ms", &sleep], b"");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(124), &b"before\n"[..]));
    assert!(text(&output.stderr).contains("--timeout"), "{output:?}");

    // An engine whose loader is missing is not found; one that is no program can't be started.
    let mut engine = fs::read("/usr/bin/bash").unwrap();
    let place = engine.windows(4).position(|window| window == b"/ld-").expect("it has a loader");
    engine[place + 1] = b'x';
    for (name, content, code) in [("lost", engine.as_slice(), 127), ("broken", b"\x7fELF is not enough", 126)] {
        let path = console.file(name, content);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let output = console.run(&["--engine", &format!("bash={path}"), "run", &sleep], b"");
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(text(&output.stderr).starts_with("codebeaker: "), "{output:?}");
    }
    let output = console.run(&["run", "--cwd", "/no/such", &sleep], b"");
    assert_eq!(output.status.code(), Some(126), "{output:?}");

    let unknown = console.file("unknown.xyz", "text");
    for (args, about) in [
        (vec!["run", "/no/such/file.py"], "/no/such/file.py"),
        (vec!["run", unknown.as_str()], "--language"),
        (vec!["run", "-"], "--language"),
        (vec!["run", "--workspace", "/no/such", sleep.as_str()], "--workspace"),
        (vec!["run", "--env", "NOT_SET_HERE", sleep.as_str()], "NOT_SET_HERE"),
        (vec!["run", "--runtime", "cloud", sleep.as_str()], "cloud"),
        (vec!["run", "--memory", "1B", sleep.as_str()], "memoryBytes"),
        (vec!["--log", "/no/such/log", "run", sleep.as_str()], "--log"),
        (vec!["--engine", "bash=/etc/passwd", "run", sleep.as_str()], "--engine"),
    ] {
        let output = console.run(&args, b"");
        assert_eq!(output.status.code(), Some(125), "{args:?}: {output:?}");
        assert!(text(&output.stderr).contains(about), "{args:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{args:?}: {output:?}");
    }
    console.leaves_nothing();
}

#[test]
fn a_mistake_on_the_command_line_is_explained() {
    let console = Console::new();
    for (args, about) in [
        (vec!["run", "--langauge", "python", "a.py"], "--language"),
        (vec!["rum"], "run"),
        (vec!["run", "-l", "cobol", "a"], "python"),
        (vec!["--engine", "cobol=/bin/true"], "python"),
        (vec!["run", "--timeout", "soon", "a.py"], "--timeout"),
        (vec!["run"], "FILE"),
    ] {
        let output = console.run(&args, b"");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        assert!(text(&output.stderr).contains(about), "{args:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{args:?}: {output:?}");
    }
}

#[test]
fn input_arguments_and_output_pass_through() {
    for console in Console::users() {
        let cat = console.file("cat.py", "import sys, shutil; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)");
        let bytes: Vec<u8> = (0..3_000_000u32).map(|number| (number * 7 % 251) as u8).collect();
        let output = console.run(&["run", &cat], &bytes);
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stdout == bytes, "{} of {} bytes came back", output.stdout.len(), bytes.len());

        let code = "import os, sys; print(sys.argv[1:], os.environ.get('A'), os.environ.get('B'), os.getcwd()); sys.stderr.write('error')";
        let args = console.file("args.py", code);
        let output = console.run(
            &["run", "--env", "A=a=1", "--env", "FROM_HERE", "--cwd", "/tmp", &args, "--", "--json", "a b", "$HOME"],
            b"",
        );
        assert_eq!(text(&output.stdout), "['--json', 'a b', '$HOME'] a=1 None /tmp\n", "{output:?}");
        assert_eq!(text(&output.stderr), "error");

        let output = console.run(
            &["run", "--language", "python", "-", "--", "x"],
            b"import sys; print(sys.argv[1], sys.stdin.read() == '')",
        );
        assert_eq!(text(&output.stdout), "x True\n", "{output:?}");
        console.leaves_nothing();
    }
}

#[test]
fn a_report_in_json_holds_everything() {
    let console = Console::new();
    let file = console.file("a.py", "import sys, os; print('out'); os.write(2, b'\\xff'); sys.exit(4)");
    let output = console.run(&["run", "--json", &file], b"");
    assert_eq!(output.status.code(), Some(4));
    let report: Value = serde_json::from_slice(&output.stdout).expect("it is one JSON object");
    assert_eq!((report["outcome"].as_str(), report["exitCode"].as_i64()), (Some("error"), Some(4)));
    assert_eq!((report["stdout"]["bytes"].as_i64(), report["stderr"]["bytes"].as_i64()), (Some(4), Some(1)));
    let [stdout, stderr] = [&report["output"]["stdout"], &report["output"]["stderr"]];
    assert_eq!((stdout["data"].as_str(), stdout["encoding"].as_str()), (Some("out\n"), Some("utf8")));
    assert_eq!((stderr["data"].as_str(), stderr["encoding"].as_str()), (Some("/w=="), Some("base64")));
}

#[test]
fn a_workspace_is_shown_as_it_was_asked_for() {
    for console in Console::users() {
        let change = "import sys; print(open('data.txt').read()); open('data.txt', 'w').write('new')";
        for (mode, is_read_only, after) in [
            (None, false, "old"),
            (Some("overlay"), false, "old"),
            (Some("copy"), false, "old"),
            (Some("bind-ro"), true, "old"),
            (Some("bind-rw"), false, "new"),
        ] {
            let script = console.file("project/change.py", change);
            console.file("project/data.txt", "old");
            let project = console.path("project");
            let mut args = vec!["run", "--workspace", &project];
            args.extend(mode.iter().flat_map(|mode| ["--workspace-mode", *mode]));
            args.push(&script);
            let output = console.run(&args, b"");
            assert_eq!(text(&output.stdout), "old\n", "{mode:?}: {output:?}");
            assert_eq!(output.status.code(), Some(i32::from(is_read_only)), "{mode:?}: {output:?}");
            assert_eq!(text(&output.stderr).contains("Read-only file system"), is_read_only, "{mode:?}: {output:?}");
            assert_eq!(fs::read_to_string(console.path("project/data.txt")).unwrap(), after, "{mode:?}");
        }
        console.leaves_nothing();
    }
}

#[test]
fn an_interrupt_is_the_programs_and_a_second_one_ends_it() {
    let console = Console::new();
    let polite = "trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.05; done";
    let stubborn = "trap 'echo interrupted' INT; echo ready; while :; do sleep 0.05; done";
    for (code, signals, expected) in [
        (polite, vec![Signal::INT], 5),
        (stubborn, vec![Signal::INT, Signal::INT], 128 + 9),
        (polite, vec![Signal::TERM], 5),
        (polite, vec![Signal::HUP], 5),
    ] {
        let mut child = console.command(&["run", &console.file("trap.sh", code)]).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(lines.next().as_deref(), Some("ready"));
        for (number, signal) in signals.iter().enumerate() {
            rustix::process::kill_process(rustix::process::Pid::from_child(&child), *signal).unwrap();
            if number + 1 < signals.len() || code == polite {
                assert_eq!(lines.next().as_deref(), Some("interrupted"));
            }
        }
        assert_eq!(child.wait().unwrap().code(), Some(expected), "{signals:?}");
    }
    console.leaves_nothing();
}

#[test]
fn a_reader_that_has_enough_ends_it() {
    let console = Console::new();
    let file = console.file("flood.py", "while True: print('line')");
    let mut child = console.command(&["run", &file]).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "line\n");
    drop(stdout);
    assert_ne!(child.wait().unwrap().code(), Some(0));
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert!(!stderr.contains("panicked"), "{stderr}");
    console.leaves_nothing();
}

#[test]
fn a_program_that_does_not_read_does_not_wait_for_its_input_to_end() {
    let console = Console::new();
    let mut child = console.command(&["run", &console.file("deaf.py", "print('done')")]).spawn().unwrap();
    // Held open, and full.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"some input").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(stdin);
}

#[test]
fn limits_are_said_when_they_are_reached() {
    let console = Console::new();
    let hungry = console.file("hungry.py", "x = []\nwhile True: x.append('x' * 1000000)");
    let output = console.run(&["run", "--memory", "64MiB", &hungry], b"");
    let copes = text(&output.stderr).contains("MemoryError");
    assert!(copes || text(&output.stderr).contains("--memory"), "{output:?}");
    assert_ne!(output.status.code(), Some(0));
    let chatty = console.file("chatty.py", "print('x' * 100000)");
    let output = console.run(&["run", "--output", "1KiB", &chatty], b"");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 1024));
    assert!(text(&output.stderr).contains("--output"), "{output:?}");
}

#[test]
fn nothing_of_an_untrusted_name_reaches_the_terminal_raw() {
    let console = Console::new();
    let output = console.run(&["run", "/no/such/\u{1b}[31mfile.py"], b"");
    assert_eq!(output.status.code(), Some(125));
    assert!(!output.stderr.contains(&0x1b), "{output:?}");
}

#[test]
fn the_doctor_says_what_can_be_used() {
    for console in Console::users() {
        let output = console.run(&["doctor"], b"");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(
            text(&output.stdout).contains("runtime.native") && text(&output.stdout).contains("engine.python"),
            "{output:?}"
        );
        let output = console.run(&["doctor", "--json"], b"");
        let report: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        assert_eq!(report["healthy"], true, "{report}");
        let checks = report["checks"].as_array().unwrap();
        assert!(checks.iter().any(|check| check["id"] == "runtime.native" && check["status"] == "ok"), "{report}");
        console.leaves_nothing();
    }
}

#[test]
fn it_tells_its_version_its_usage_and_its_completions() {
    let console = Console::new();
    let output = console.run(&["--version"], b"");
    assert_eq!(text(&output.stdout), format!("codebeaker {}\n", env!("CARGO_PKG_VERSION")));
    for args in [vec!["--help"], vec!["run", "--help"]] {
        let output = console.run(&args, b"");
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("Usage:"), "{output:?}");
    }
    for (shell, about) in [("bash", "complete "), ("zsh", "#compdef codebeaker"), ("fish", "complete -c codebeaker")] {
        let output = console.run(&["completions", shell], b"");
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains(about), "{shell}");
        assert!(text(&output.stdout).contains("workspace-mode"), "{shell}");
    }
    let output = console.run(&["completions", "bash"], b"");
    let checked = std::process::Command::new("bash").args(["-n", "-c", &text(&output.stdout)]).status().unwrap();
    assert!(checked.success());
}

#[test]
fn a_log_is_private_and_holds_no_secret() {
    const CANARY: &str = "c4n4ry-of-a-secret";
    let console = Console::new();
    let log = console.path("log");
    let file = console.file("a.py", "import os; print(len(os.environ['SECRET']))");
    let mut command = console.command(&["--log", &log, "run", "--env", "SECRET", &file]);
    let output = command.env("SECRET", CANARY).env("CODEBEAKER_LOG", "trace").output().unwrap();
    assert_eq!(text(&output.stdout), format!("{}\n", CANARY.len()), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    let written = fs::read_to_string(&log).unwrap();
    assert!(written.contains("session"), "{written}");
    assert!(!written.contains(CANARY), "{written}");
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    let mut command = console.command(&["run", &console.file("b.py", "print(1)")]);
    let output = command.env("CODEBEAKER_LOG", "trace").output().unwrap();
    assert_eq!(text(&output.stdout), "1\n", "a log never goes to standard output");
    assert!(!output.stderr.is_empty());
    let mut command = console.command(&["doctor"]);
    let output = command.env("CODEBEAKER_LOG", "a=b=c").stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    assert!(text(&output.stderr).contains("CODEBEAKER_LOG"), "{output:?}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_reader_that_pauses_keeps_nobody_from_ending_it() {
    let console = Console::new();
    let flood = console.file("flood.sh", "exec yes");
    for (signals, expected) in [(vec![Signal::TERM], 130), (vec![Signal::INT, Signal::INT], 130)] {
        let mut child = console.command(&["run", &flood]).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 2]).unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        for signal in signals {
            rustix::process::kill_process(pid, signal).unwrap();
            // Two of a kind that come at once are one.
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        assert_eq!(child.wait().unwrap().code(), Some(expected));
        drop(stdout);
    }
    console.leaves_nothing();
}

#[test]
fn a_run_is_given_up_while_its_engine_keeps_it_waiting() {
    let console = Console::new();
    let socket = console.path("engine");
    // Whoever connects is never answered.
    let _engine = UnixListener::bind(&socket).unwrap();
    let file = console.file("a.py", "print('it was run')");
    let mut command = console.command(&["run", "--runtime", "docker", &file]);
    let mut child = command.env("DOCKER_HOST", format!("unix://{socket}")).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    harness::eventually("interrupts are heeded", || {
        let status = fs::read_to_string(&status).unwrap();
        let heeded = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        u64::from_str_radix(heeded.trim(), 16).unwrap() & (1 << (Signal::INT.as_raw() - 1)) != 0
    });
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
