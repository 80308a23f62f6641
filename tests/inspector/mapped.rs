//! Programs that were generated from something else, which is what people debug.

use codebeaker::debug::backend::{DebugEvent, Page, Place, Position, StopReason, Terms};

use crate::ground::{Debuggee, has_node, launch, within};

/// What was written: `add` of line 3 on is a function of a TypeScript file.
const ORIGINAL: &str = "interface Pair {\n  a: number;\n}\nexport function double(pair: Pair): number {\n  const twice = pair.a * 2;\n  return twice;\n}\nconsole.log(double({ a: 4 }));\n";

/// What was made of it, line by line: lines 4 to 6 and 8 of the original.
const GENERATED: &str = "'use strict';\nfunction double(pair) {\n  const twice = pair.a * 2;\n  return twice;\n}\nconsole.log(double({ a: 4 }));\n";

/// Its mappings: generated lines 2, 3, 4, 5, 6 come from 4, 5, 6, 7, 8.
const MAPPINGS: &str = ";AAGA;EACE;EACA;AACF;AACA";

fn map(source: &str, with_text: bool) -> String {
    let texts = if with_text { vec![ORIGINAL] } else { Vec::new() };
    let map = serde_json::json!({
        "version": 3, "sources": [source], "sourcesContent": texts, "names": [], "mappings": MAPPINGS,
    });
    map.to_string()
}

fn inline(map: &str) -> String {
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD.encode(map);
    format!("//# sourceMappingURL=data:application/json;base64,{data}\n")
}

/// It stops in the original where a breakpoint was set there before it began.
async fn stops_in_the_original(mut program: Debuggee, original: &Place) {
    let Place::File(path) = original else { panic!("{original:?}") };
    program.break_in(path, vec![(5, Terms::default())]).await;
    let stop = program.start().await;
    assert_eq!(stop.reason, StopReason::Breakpoint);
    let stack = program.stack(&stop).await;
    assert_eq!((stack.frames[0].place.as_ref(), stack.frames[0].at.line), (Some(original), 5), "{stack:?}");
    assert_eq!((stack.frames[1].place.as_ref(), stack.frames[1].at.line), (Some(original), 8), "{stack:?}");
    let moved = program.passed.iter().any(|event| match event {
        DebugEvent::BreakpointMoved { id: 1, placed } => placed.verified && placed.at.line == 5,
        _ => false,
    });
    assert!(moved, "the client learns that it stands");
    let [from, to] = [4, 8].map(|line| Position { line, column: None });
    let places = within(program.debugger.breakpoint_locations(original, from, to)).await.unwrap();
    assert!(places.iter().any(|at| at.line == 6), "{places:?}");
    program.break_in(path, vec![(6, Terms::default())]).await;
    within(program.debugger.resume(&stop.thread, false)).await.unwrap();
    let stop = program.stop().await;
    assert_eq!(program.top(&stop).await.0, 6);
    let (_, frame) = program.top(&stop).await;
    let local = program.scope(&frame, "Local").await;
    assert!(program.children(&local.handle, Page::default()).await.iter().any(|one| one.name == "twice"));
    within(program.debugger.resume(&stop.thread, false)).await.unwrap();
    let (code, stdout, stderr, _) = program.finish().await;
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), "8\n", ""));
}

#[tokio::test]
async fn a_map_in_the_code_leads_to_the_original() {
    if !has_node() {
        return;
    }
    for name in ["out.js", "out.mjs"] {
        let code = format!("{GENERATED}{}", inline(&map("main.ts", true)));
        let program = launch(&[(name, &code), ("main.ts", ORIGINAL)], |_| {}).await;
        let original = Place::File(program.program.replace(name, "main.ts"));
        stops_in_the_original(program, &original).await;
    }
}

#[tokio::test]
async fn a_map_in_a_file_leads_to_the_original() {
    if !has_node() {
        return;
    }
    for name in ["dist/out.js", "dist/out.mjs"] {
        let code = format!("{GENERATED}//# sourceMappingURL=out.map\n");
        let map = map("../src/main.ts", false);
        let files = [(name, code.as_str()), ("dist/out.map", &map), ("src/main.ts", ORIGINAL)];
        let program = launch(&files, |_| {}).await;
        let original = Place::File(program.program.replace(name, "src/main.ts"));
        stops_in_the_original(program, &original).await;
    }
}

#[tokio::test]
async fn an_original_that_is_no_file_is_a_text() {
    if !has_node() {
        return;
    }
    let code = format!("{GENERATED}debugger;\n{}", inline(&map("webpack://app/main.ts", true)));
    let mut program = launch(&[("out.js", &code)], |_| {}).await;
    program.start().await;
    let sources = within(program.debugger.loaded_sources()).await.unwrap();
    let place = sources.iter().find(|place| matches!(place, Place::Text { .. })).expect("a text");
    assert_eq!(within(program.debugger.source(place)).await.unwrap(), ORIGINAL);
}

#[tokio::test]
async fn maps_are_left_alone_where_nobody_wants_them() {
    if !has_node() {
        return;
    }
    let code = format!("{GENERATED}{}", inline(&map("main.ts", true)));
    let files = [("out.js", code.as_str()), ("main.ts", ORIGINAL)];
    let mut program = launch(&files, |target| target.source_maps = false).await;
    program.break_at(&[3]).await;
    let stop = program.start().await;
    let stack = program.stack(&stop).await;
    assert_eq!(stack.frames[0].place, Some(Place::File(program.program.clone())));
}

#[tokio::test]
async fn types_that_node_strips_itself_need_no_map() {
    if !has_node() {
        return;
    }
    let version = std::process::Command::new("node").args(["-p", "process.features.typescript"]).output();
    if !version.is_ok_and(|output| output.stdout.starts_with(b"strip")) {
        return crate::skip::note("this Node runs no TypeScript by itself");
    }
    for name in ["main.mts", "main.cts"] {
        let text = ORIGINAL.replace("export ", "");
        let mut program = launch(&[(name, &text)], |_| {}).await;
        program.break_at(&[5, 6]).await;
        let stop = program.start().await;
        let stack = program.stack(&stop).await;
        let file = Place::File(program.program.clone());
        assert_eq!((stack.frames[0].place.as_ref(), stack.frames[0].at.line), (Some(&file), 5), "{stack:?}");
        for wanted in [1, 2] {
            let stands = program.passed.iter().any(|event| match event {
                DebugEvent::BreakpointMoved { id, placed } => *id == wanted && placed.verified,
                _ => false,
            });
            assert!(stands, "{name}: the client learns that breakpoint {wanted} stands");
        }
    }
}
