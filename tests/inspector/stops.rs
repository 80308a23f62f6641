//! Where it stops, and how it goes on.

use codebeaker::debug::backend::StopReason;

use crate::ground::{has_node, launch, within};

const PROGRAM: &str = "// first\nfunction add(a, b) {\n  const sum = a + b;\n  return sum;\n}\n\
let total = 0;\nfor (let i = 0; i < 10; i++) {\n  total = add(total, i);\n}\nconsole.log('total', total);\n";

#[tokio::test]
async fn it_stops_at_a_breakpoint_that_was_set_before_it_began() {
    if !has_node() {
        return;
    }
    let mut program = launch(&[("main.js", PROGRAM)], |_| {}).await;
    let placed = program.break_at(&[3]).await;
    assert!(!placed[0].verified, "nothing is loaded yet: {placed:?}");
    let stop = program.start().await;
    assert_eq!((stop.reason, &stop.breakpoints), (StopReason::Breakpoint, &vec![1]));
    let stack = program.stack(&stop).await;
    assert_eq!((stack.frames[0].name.as_str(), stack.frames[0].at.line), ("add", 3));
    assert_eq!(stack.frames[1].at.line, 8);
    program.break_at(&[]).await;
    within(program.debugger.resume(&stop.thread, false)).await.unwrap();
    let (code, stdout, stderr, _) = program.finish().await;
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), "total 45\n", ""));
}

#[tokio::test]
async fn it_stops_at_its_first_statement() {
    if !has_node() {
        return;
    }
    for name in ["main.js", "main.mjs"] {
        let mut program = launch(&[(name, PROGRAM)], |target| target.stop_on_entry = true).await;
        let stop = program.start().await;
        assert_eq!(stop.reason, StopReason::Entry, "{name}");
        assert_eq!(program.top(&stop).await.0, 6, "{name}");
        within(program.debugger.resume(&stop.thread, false)).await.unwrap();
        let (code, stdout, stderr, _) = program.finish().await;
        assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), "total 45\n", ""), "{name}");
    }
}
