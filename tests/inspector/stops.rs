//! Where it stops, and how it goes on.

use codebeaker::debug::backend::{
    DebugEvent, ExceptionBreakpoint, ExceptionFilter, HitCondition, LineBreakpoint, LogPart, Place, Position, Purpose,
    Step, StopReason, Terms,
};
use codebeaker::debug::ground::What;

use crate::ground::{Debuggee, Stop, has_node, launch, within};

const PROGRAM: &str = "// first\nfunction add(a, b) {\n  const sum = a + b;\n  return sum;\n}\n\
let total = 0;\nfor (let i = 0; i < 10; i++) {\n  total = add(total, i);\n}\nconsole.log('total', total);\n";

impl Debuggee {
    async fn go_on(&mut self, stop: &Stop) -> Stop {
        within(self.debugger.resume(&stop.thread, false)).await.expect("it goes on");
        self.stop().await
    }

    async fn step(&mut self, stop: &Stop, step: Step) -> Stop {
        within(self.debugger.step(&stop.thread, step, false)).await.expect("it steps");
        self.stop().await
    }

    async fn value(&self, stop: &Stop, expression: &str) -> String {
        let (_, frame) = self.top(stop).await;
        let value = within(self.debugger.evaluate(Some(&frame), expression, Purpose::Watch, false)).await;
        value.expect("a value").text
    }
}

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

#[tokio::test]
async fn the_first_statement_is_not_that_of_a_function() {
    if !has_node() {
        return;
    }
    let text = "function f(n) {\n  const g = () => n;\n  return g();\n}\nclass A { m() { return f(1); } }\nf(2);\n";
    for name in ["main.js", "main.mjs"] {
        let mut program = launch(&[(name, text)], |target| target.stop_on_entry = true).await;
        let stop = program.start().await;
        assert_eq!(stop.reason, StopReason::Entry, "{name}");
        assert!([5, 6].contains(&program.top(&stop).await.0), "{name}");
        assert_eq!(program.stack(&stop).await.frames.iter().filter(|frame| frame.name == "f").count(), 0, "{name}");
    }
}

#[tokio::test]
async fn breakpoints_move_to_where_code_is_and_say_so() {
    if !has_node() {
        return;
    }
    let mut program = launch(&[("main.js", PROGRAM)], |_| {}).await;
    program.break_at(&[5, 7]).await;
    let stop = program.start().await;
    let moved = program.passed.iter().find_map(|event| match event {
        DebugEvent::BreakpointMoved { id: 1, placed } => Some(placed.clone()),
        _ => None,
    });
    let moved = moved.expect("the first breakpoint was placed");
    assert!(moved.verified);
    let placed = program.break_at(&[1]).await;
    assert!(placed[0].verified && placed[0].at.line > 1, "{placed:?}");
    let next = program.go_on(&stop).await;
    assert_eq!(program.top(&next).await.0, placed[0].at.line);
    let place = Place::File(program.program.clone());
    let [from, to] = [7, 8].map(|line| Position { line, column: None });
    let locations = program.debugger.breakpoint_locations(&place, from, to);
    let locations = within(locations).await.unwrap();
    assert!(locations.iter().filter(|at| at.line == 7).count() >= 3, "{locations:?}");
    assert!(locations.iter().any(|at| at.line == 8), "{locations:?}");
}

#[tokio::test]
async fn conditions_hits_and_log_messages_are_heeded() {
    if !has_node() {
        return;
    }
    let mut program = launch(&[("main.js", PROGRAM)], |_| {}).await;
    let conditional = Terms { condition: Some("i === 4".to_owned()), ..Terms::default() };
    let counted = Terms { hit: Some(HitCondition::Equal(7)), ..Terms::default() };
    let text = |text: &str| LogPart::Text(text.to_owned());
    let log = vec![
        text("sum is "),
        LogPart::Expression("sum".to_owned()),
        text(" of "),
        LogPart::Expression("{a, b}".to_owned()),
    ];
    let logged = Terms { condition: Some("b > 8".to_owned()), log: Some(log), ..Terms::default() };
    let wrong = Terms { condition: Some("1 +".to_owned()), ..Terms::default() };
    let path = program.program.clone();
    let placed = program.break_in(&path, vec![(8, conditional), (3, counted), (4, logged), (6, wrong)]).await;
    assert!(placed[3].message.as_deref().is_some_and(|why| why.contains("SyntaxError")), "{placed:?}");
    let stop = program.start().await;
    assert_eq!((stop.breakpoints.clone(), program.value(&stop, "i").await.as_str()), (vec![1], "4"));
    let stop = program.go_on(&stop).await;
    assert_eq!((stop.breakpoints.clone(), program.value(&stop, "b").await.as_str()), (vec![2], "6"));
    within(program.debugger.resume(&stop.thread, false)).await.unwrap();
    let (_, stdout, _, events) = program.finish().await;
    assert_eq!(stdout, "total 45\n", "what is logged is not printed");
    let said: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            DebugEvent::Output { text, place, .. } => Some((text.as_str(), place.as_ref().map(|(_, at)| at.line))),
            _ => None,
        })
        .collect();
    assert_eq!(said, [("sum is 45 of {a: 36, b: 9}\n", Some(4))]);
}

#[tokio::test]
async fn steps_go_over_into_and_out() {
    if !has_node() {
        return;
    }
    let mut program = launch(&[("main.js", PROGRAM)], |_| {}).await;
    program.break_at(&[8]).await;
    let mut stop = program.start().await;
    program.break_at(&[]).await;
    let mut lines = Vec::new();
    for step in [Step::Into(None), Step::Over, Step::Out, Step::Over] {
        stop = program.step(&stop, step).await;
        assert_eq!(stop.reason, StopReason::Step);
        lines.push(program.top(&stop).await.0);
    }
    assert_eq!(lines[..2], [3, 4], "{lines:?}");
    assert!(lines[2..].iter().all(|line| [7, 8].contains(line)), "{lines:?}");
    // A step into what the interpreter brings along comes out behind it.
    program.break_at(&[10]).await;
    stop = program.go_on(&stop).await;
    stop = program.step(&stop, Step::Into(None)).await;
    let stack = program.stack(&stop).await;
    assert_eq!(stack.frames[0].place, Some(Place::File(program.program.clone())), "{stack:?}");
    assert!(stack.frames.iter().all(|frame| !frame.name.contains("bootloader")), "{stack:?}");
}

#[tokio::test]
async fn one_chooses_what_to_step_into() {
    if !has_node() {
        return;
    }
    let text = "function one() {\n  return 1;\n}\nfunction two(x) {\n  return x + 1;\n}\nconst sum = two(one());\n";
    let mut program = launch(&[("main.js", text)], |_| {}).await;
    program.break_at(&[7]).await;
    let stop = program.start().await;
    let (_, frame) = program.top(&stop).await;
    let targets = within(program.debugger.step_in_targets(&frame)).await.unwrap();
    let labels: Vec<_> = targets.iter().map(|target| target.label.as_str()).collect();
    assert_eq!(labels.len(), 2, "{labels:?}");
    let two = targets.iter().find(|target| target.label.starts_with("two")).expect("the outer call");
    let stop = program.step(&stop, Step::Into(Some(two.handle.clone()))).await;
    assert_eq!(program.top(&stop).await.0, 5);
    assert!(program.debugger.scopes(&frame).await.is_err(), "the frame is gone");
}

#[tokio::test]
async fn it_stops_when_it_is_asked_to() {
    if !has_node() {
        return;
    }
    let text =
        "let go = true;\nlet count = 0;\nwhile (go) {\n  count += 1;\n}\nsetInterval(() => {\n  count;\n}, 5);\n";
    let mut program = launch(&[("main.js", text)], |_| {}).await;
    within(program.debugger.start()).await.unwrap();
    let thread = within(program.debugger.threads()).await.unwrap().remove(0).handle;
    within(program.debugger.pause(&thread)).await.unwrap();
    let stop = program.stop().await;
    assert_eq!(stop.reason, StopReason::Pause);
    let stop =
        if program.value(&stop, "typeof count").await == "'undefined'" { program.go_on(&stop).await } else { stop };
    assert_eq!(program.value(&stop, "go = false").await, "false");
    within(program.debugger.resume(&stop.thread, false)).await.unwrap();
    within(program.debugger.pause(&thread)).await.unwrap();
    let stop = program.stop().await;
    let line = program.top(&stop).await.0;
    assert!(line >= 3, "in the program's own code, not in the interpreter's timers: {line}");
    within(program.debugger.detach()).await;
}

#[tokio::test]
async fn exceptions_stop_it_as_the_filters_say() {
    if !has_node() {
        return;
    }
    let text = "function fail(what) {\n  throw new TypeError(what);\n}\ntry {\n  fail('caught');\n} catch {}\n\
try {\n  fail('again');\n} catch {}\nfail('at last');\n";
    let mut program = launch(&[("main.js", text)], |_| {}).await;
    let filters = vec![
        ExceptionBreakpoint {
            filter: ExceptionFilter::Raised,
            condition: Some("error.message === 'again'".to_owned()),
        },
        ExceptionBreakpoint { filter: ExceptionFilter::Uncaught, condition: None },
    ];
    let placed = within(program.debugger.set_exception_breakpoints(filters)).await.unwrap();
    assert!(placed.iter().all(|placed| placed.verified), "{placed:?}");
    let stop = program.start().await;
    assert_eq!(stop.reason, StopReason::Exception);
    let info = within(program.debugger.exception_info(&stop.thread)).await.unwrap();
    assert_eq!((info.id.as_str(), info.description.as_str()), ("TypeError", "again"));
    assert_eq!(info.filter, ExceptionFilter::Raised);
    assert!(info.stack.is_some_and(|stack| stack.contains("main.js:2")));
    let stop = program.go_on(&stop).await;
    assert!(stop.text.as_deref().is_some_and(|text| text.contains("at last")));
    let info = within(program.debugger.exception_info(&stop.thread)).await.unwrap();
    assert_eq!((info.description.as_str(), info.filter), ("at last", ExceptionFilter::Uncaught));
    within(program.debugger.resume(&stop.thread, false)).await.unwrap();
    let (code, _, stderr, _) = program.finish().await;
    assert_eq!(code, Some(1));
    assert!(stderr.contains("TypeError: at last"), "{stderr}");
}

#[tokio::test]
async fn a_frame_begins_anew_and_a_debugger_statement_stops() {
    if !has_node() {
        return;
    }
    let text = "function f(a) {\n  let b = a + 1;\n  debugger;\n  return b;\n}\nf(1);\n";
    let mut program = launch(&[("main.js", text)], |_| {}).await;
    let stop = program.start().await;
    assert_eq!((stop.reason, program.top(&stop).await.0), (StopReason::Breakpoint, 3));
    let stack = program.stack(&stop).await;
    assert!(stack.frames[0].restartable);
    within(program.debugger.restart_frame(&stack.frames[0].handle)).await.unwrap();
    let stop = program.stop().await;
    assert_eq!((stop.reason, program.top(&stop).await.0), (StopReason::Restart, 2));
}

#[tokio::test]
async fn what_led_to_a_call_stands_below_it() {
    if !has_node() {
        return;
    }
    let text = "async function inner() {\n  await null;\n  debugger;\n}\nasync function outer() {\n  await inner();\n}\nouter();\n";
    let mut program = launch(&[("main.mjs", text)], |_| {}).await;
    let stop = program.start().await;
    let stack = program.stack(&stop).await;
    let names: Vec<_> = stack.frames.iter().map(|frame| (frame.name.as_str(), frame.hint)).collect();
    assert_eq!(names[0].0, "inner");
    let label = stack.frames.iter().position(|frame| frame.hint == codebeaker::debug::backend::FrameHint::Label);
    let label = label.unwrap_or_else(|| panic!("{names:?}"));
    assert_eq!(stack.frames[label + 1].name, "outer", "{names:?}");
    let part = within(program.debugger.stack(&stop.thread, 1, Some(1))).await.unwrap();
    assert_eq!((part.frames.len(), part.total), (1, stack.total));
}

#[tokio::test]
async fn what_is_printed_has_its_place_and_is_whole() {
    if !has_node() {
        return;
    }
    let text = "console.log('äb');\n\nprocess.stdout.write('c\\n');\nconsole.error('e');\nfor (const n of [1, 2]) console.log(n);\n";
    let program = launch(&[("main.js", text)], |_| {}).await;
    within(program.debugger.start()).await.unwrap();
    let (_, stdout, stderr, events) = program.finish().await;
    assert_eq!((stdout.as_str(), stderr.as_str()), ("äb\nc\n1\n2\n", "e\n"));
    let printed: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            DebugEvent::Printing { stream, offset, at, .. } => Some((format!("{stream:?}"), *offset, at.line)),
            _ => None,
        })
        .collect();
    let expected = [("Stdout", 0, 1), ("Stdout", 4, 3), ("Stderr", 0, 4), ("Stdout", 6, 5)];
    assert_eq!(printed, expected.map(|(stream, offset, line)| (stream.to_owned(), offset, line)));
}

#[tokio::test]
async fn an_end_is_what_it_would_be_without_a_debugger() {
    if !has_node() {
        return;
    }
    let unsettled = "await new Promise(() => {});\n";
    let thrown = "process.on('exit', () => console.error('last'));\nthrow new Error('no');\n";
    let left = "process.on('exit', () => console.error('last'));\nprocess.exit(7);\n";
    for (name, text, status, says) in
        [("main.mjs", unsettled, 13, ""), ("main.js", thrown, 1, "Error: no"), ("main.js", left, 7, "last\n")]
    {
        let program = launch(&[(name, text)], |_| {}).await;
        within(program.debugger.start()).await.unwrap();
        let (code, stdout, stderr, events) = program.finish().await;
        assert_eq!((code, stdout.as_str()), (Some(status), ""), "{stderr}");
        assert!(stderr.contains(says) && !stderr.contains("ebugger"), "{stderr}");
        assert!(events.iter().any(|event| matches!(event, DebugEvent::Ending)), "it is told of");
    }
}

#[tokio::test]
async fn code_without_a_file_stops_at_a_column() {
    if !has_node() {
        return;
    }
    let text = "const a = 1; const b = a + 1; console.log(b);\n";
    let what = What::Code { name: "/work/new.js".to_owned(), text: text.into() };
    let mut program = launch(&[("unused.js", "")], |target| target.what = what).await;
    let file = program.program.replace("work/unused.js", "own/code/new.js");
    let at = Position { line: 1, column: Some(31) };
    let wanted = vec![LineBreakpoint { id: 1, at, terms: Terms::default() }];
    within(program.debugger.set_breakpoints(&Place::File(file.clone()), wanted)).await.unwrap();
    let stop = program.start().await;
    let top = program.stack(&stop).await.frames.remove(0);
    assert_eq!((top.place, top.at.line), (Some(Place::File(file)), 1));
    assert!(top.at.column >= Some(31), "{:?}", top.at);
    assert_eq!(program.value(&stop, "b").await, "2");
}
