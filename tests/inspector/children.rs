//! Workers and processes that a program starts, and programs that run already.

use codebeaker::debug::backend::{Attachment, DebugEvent, LineBreakpoint, Place, Position, StopReason, Terms};

use crate::ground::{Debuggee, attach, has_node, launch, within};

impl Debuggee {
    /// The next child; what happens before is kept.
    async fn child(&mut self) -> (String, Option<u32>, Attachment) {
        loop {
            match self.event().await.expect("a child comes before the end") {
                DebugEvent::Child { name, pid, attachment } => return (name, pid, attachment),
                other => self.passed.push_back(other),
            }
        }
    }
}

/// Stops a child at a line, and lets it go on to its end.
async fn debug(mut child: Attachment, path: &str, line: u32) {
    let wanted = vec![LineBreakpoint { id: 1, at: Position { line, column: None }, terms: Terms::default() }];
    within(child.debugger.set_breakpoints(&Place::File(path.to_owned()), wanted)).await.expect("a breakpoint");
    within(child.debugger.start()).await.expect("it starts");
    let thread = loop {
        match within(child.events.recv()).await.expect("it stops before it ends") {
            DebugEvent::Stopped { thread, reason, .. } => {
                assert_eq!(reason, StopReason::Breakpoint);
                break thread;
            }
            _ => continue,
        }
    };
    let stack = within(child.debugger.stack(&thread, 0, Some(1))).await.expect("a stack");
    assert_eq!(stack.frames[0].at.line, line);
    within(child.debugger.resume(&thread, false)).await.expect("it goes on");
    while within(child.events.recv()).await.is_some() {}
}

#[tokio::test]
async fn processes_are_debugged_from_their_first_line() {
    if !has_node() {
        return;
    }
    let main = "const { fork, spawnSync } = require('node:child_process');\n\
        fork(__dirname + '/child.js', ['a']).on('exit', (code) => console.log('child', code));\n";
    let files = [("main.js", main), ("child.js", "const name = process.argv[2];\nconsole.log('here', name);\n")];
    let mut program = launch(&files, |target| target.children = true).await;
    within(program.debugger.start()).await.unwrap();
    let (name, pid, child) = program.child().await;
    assert!(name.starts_with("child.js") && pid.is_some(), "{name}");
    debug(child, &program.program.replace("main.js", "child.js"), 2).await;
    let (code, stdout, stderr, _) = program.finish().await;
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), "here a\nchild 0\n", ""));
}

#[tokio::test]
async fn a_process_that_nobody_wants_to_debug_runs_all_the_same() {
    if !has_node() {
        return;
    }
    let main = "const { fork } = require('node:child_process');\n\
        fork(__dirname + '/child.js').on('exit', (code) => console.log('child', code));\n";
    let files = [("main.js", main), ("child.js", "console.log('here', process.execArgv.length);\n")];
    for children in [true, false] {
        let mut program = launch(&files, |target| target.children = children).await;
        within(program.debugger.start()).await.unwrap();
        if children {
            drop(program.child().await);
        }
        let (code, stdout, _, _) = program.finish().await;
        assert_eq!(code, Some(0));
        assert!(stdout.starts_with("here ") && stdout.ends_with("child 0\n"), "{stdout}");
    }
}

#[tokio::test]
async fn workers_are_debugged_from_their_first_line() {
    if !has_node() {
        return;
    }
    let main = "const { Worker } = require('node:worker_threads');\n\
        new Worker(__dirname + '/worker.js').on('exit', (code) => console.log('worker', code));\n";
    let files = [("main.js", main), ("worker.js", "const x = 1;\nconsole.log('in', x);\n")];
    let mut program = launch(&files, |target| target.children = true).await;
    within(program.debugger.start()).await.unwrap();
    let (name, pid, child) = program.child().await;
    assert!(name.contains("worker.js") && pid.is_none(), "{name}");
    debug(child, &program.program.replace("main.js", "worker.js"), 2).await;
    let (code, stdout, stderr, _) = program.finish().await;
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), "in 1\nworker 0\n", ""));
}

#[tokio::test]
async fn a_program_that_runs_is_debugged_and_let_go_again() {
    if !has_node() {
        return;
    }
    let text = "let count = 0;\nconst timer = setInterval(() => {\n  count += 1;\n  if (count > 1e9) clearInterval(timer);\n}, 5);\nconsole.log('runs');\n";
    let mut program = attach(text).await;
    let placed = program.break_at(&[3]).await;
    assert!(placed[0].verified, "{placed:?}");
    let stop = program.stop().await;
    assert_eq!((stop.reason, program.top(&stop).await.0), (StopReason::Breakpoint, 3));
    within(program.debugger.detach()).await;
    assert!(program.still_runs(), "it goes on by itself");
}

#[tokio::test]
async fn a_process_without_its_parents_variables_runs_undebugged() {
    if !has_node() {
        return;
    }
    let main = "const { spawn } = require('node:child_process');\n\
        const child = spawn(process.execPath, [__dirname + '/child.js'], { env: {}, stdio: 'inherit' });\n\
        child.on('exit', (code) => console.log('child', code));\n";
    let files = [("main.js", main), ("child.js", "console.log('free');\n")];
    let program = launch(&files, |target| target.children = true).await;
    within(program.debugger.start()).await.unwrap();
    let (code, stdout, stderr, events) = program.finish().await;
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), "free\nchild 0\n", ""));
    assert!(!events.iter().any(|event| matches!(event, DebugEvent::Child { .. })));
}

#[tokio::test]
async fn workers_of_a_cluster_and_modules_are_debugged_from_their_first_line() {
    if !has_node() {
        return;
    }
    let cluster = "const cluster = require('node:cluster');\nif (cluster.isPrimary) {\n  \
        cluster.fork().on('exit', (code) => console.log('child', code));\n} else {\n  \
        console.log('in');\n  process.exit(0);\n}\n";
    let main = "import { fork } from 'node:child_process';\n\
        fork(new URL('child.mjs', import.meta.url)).on('exit', (code) => console.log('child', code));\n";
    let modules = [("main.mjs", main), ("child.mjs", "const x = 1;\nconsole.log('in');\n")];
    for (files, child_file, line) in [(&[("main.js", cluster)][..], "main.js", 5), (&modules[..], "child.mjs", 2)] {
        let mut program = launch(files, |target| target.children = true).await;
        within(program.debugger.start()).await.unwrap();
        let (name, pid, child) = program.child().await;
        assert!(name.contains(child_file) && pid.is_some(), "{name}");
        debug(child, &program.program.replace(files[0].0, child_file), line).await;
        let (code, stdout, stderr, _) = program.finish().await;
        assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), "in\nchild 0\n", ""), "{child_file}");
    }
}
