//! What is in a stopped program.

use codebeaker::debug::backend::{
    CompletionKind, Fault, Handle, Page, Purpose, Quality, ScopeKind, Shown, Variable, Which,
};

use crate::ground::{Debuggee, has_node, launch, within};

const PROGRAM: &str = "class Point {\n  #secret = 7;\n  constructor(x) { this.x = x; this['a b'] = 1; }\n\
  get far() { Point.asked = true; return 'far'; }\n}\n\
const outer = 'o';\nfunction stop(argument) {\n  const list = Array.from({ length: 100000 }, (_, i) => i);\n\
  const typed = new Uint8Array(5000).fill(3);\n  const map = new Map([['a', { b: 1 }], [2, 'c']]);\n\
  const set = new Set([1, 2, 3]);\n  const many = {};\n  for (let i = 0; i < 1000; i++) many['k' + i] = i;\n\
  const point = new Point(1);\n  const error = new TypeError('bad');\n  let text = 'it\\'s';\n  let number = 255;\n\
  const lazy = { get now() { lazy.asked = true; return 42; } };\n  const spying = new Proxy({}, { ownKeys() { text = 'seen'; return []; }, get() { text = 'seen'; } });\n\
  const symbol = { [Symbol('s')]: 1 };\n  debugger;\n  return [outer, argument, text, number];\n}\nstop(9n);\n";

async fn stopped() -> (Debuggee, Handle) {
    let mut program = launch(&[("main.js", PROGRAM)], |_| {}).await;
    let stop = program.start().await;
    let (_, frame) = program.top(&stop).await;
    (program, frame)
}

async fn evaluate(program: &Debuggee, frame: &Handle, expression: &str, purpose: Purpose) -> Result<Shown, Fault> {
    within(program.debugger.evaluate(Some(frame), expression, purpose, false)).await
}

async fn open(program: &Debuggee, frame: &Handle, expression: &str, page: Page) -> Vec<Variable> {
    let value = evaluate(program, frame, expression, Purpose::Watch).await.expect("a value");
    program.children(&value.handle.expect("something to open"), page).await
}

fn named<'a>(variables: &'a [Variable], name: &str) -> &'a Variable {
    let found = variables.iter().find(|variable| variable.name == name);
    found.unwrap_or_else(|| panic!("{name} in {:?}", variables.iter().map(|one| &one.name).collect::<Vec<_>>()))
}

#[tokio::test]
async fn scopes_hold_what_one_line_says_of_it() {
    if !has_node() {
        return;
    }
    let (program, frame) = stopped().await;
    let scopes = within(program.debugger.scopes(&frame)).await.unwrap();
    let global = scopes.iter().find(|scope| scope.kind == ScopeKind::Globals).expect("a global scope");
    assert!(scopes[0].kind == ScopeKind::Locals && !scopes[0].expensive, "{scopes:?}");
    assert!(scopes.last().is_some_and(|scope| scope.expensive), "{scopes:?}");
    assert!(global.name == "Global" || global.name == "Script");
    let local = program.scope(&frame, "Local").await;
    let variables = program.children(&local.handle, Page::default()).await;
    let shown = |name: &str| named(&variables, name).value.text.clone();
    assert_eq!(shown("argument"), "9n");
    assert_eq!(shown("text"), r"'it\'s'");
    assert_eq!(shown("map"), "Map(2) {'a' => {b: 1}, 2 => 'c'}");
    assert_eq!(shown("set"), "Set(3) {1, 2, 3}");
    assert_eq!(shown("point"), "Point {#secret: 7, x: 1, a b: 1}");
    assert_eq!(shown("error"), "TypeError: bad");
    assert!(shown("list").starts_with("(100000) [0, 1, 2, "), "{}", shown("list"));
    assert!(shown("lazy").contains("now: (...)"), "{}", shown("lazy"));
    assert_eq!(named(&variables, "list").value.indexed, Some(100_000));
    assert_eq!(named(&variables, "point").evaluate_name.as_deref(), Some("point"));
}

#[tokio::test]
async fn a_page_of_anything_is_that_page_alone() {
    if !has_node() {
        return;
    }
    let (program, frame) = stopped().await;
    let page = |which, start, count| Page { which, start, count: Some(count), hex: false };
    let part = open(&program, &frame, "list", page(Which::Indexed, 99_990, 100)).await;
    let names: Vec<_> = part.iter().map(|one| one.name.as_str()).collect();
    assert_eq!((names.first(), names.last(), names.len()), (Some(&"99990"), Some(&"99999"), 10));
    assert_eq!((part[0].value.text.as_str(), part[0].evaluate_name.as_deref()), ("99990", Some("list[99990]")));
    let part = open(&program, &frame, "typed", page(Which::Indexed, 4998, 5)).await;
    assert_eq!(part.iter().map(|one| one.value.text.as_str()).collect::<Vec<_>>(), ["3", "3"]);
    let part = open(&program, &frame, "map", page(Which::Indexed, 0, 1)).await;
    assert_eq!((part.len(), part[0].name.as_str()), (1, "0"));
    assert!(part[0].value.text.contains("'a' => "), "{part:?}");
    let entry = program.children(part[0].value.handle.as_ref().expect("an entry opens"), Page::default()).await;
    assert_eq!(named(&entry, "key").value.text, "'a'");
    let part = open(&program, &frame, "set", page(Which::Indexed, 1, 9)).await;
    assert_eq!(part.iter().map(|one| one.value.text.as_str()).collect::<Vec<_>>(), ["2", "3"]);
    let all = open(&program, &frame, "many", Page::default()).await;
    assert!(all.len() >= 1000 && named(&all, "k999").value.text == "999", "{}", all.len());
    let part = open(&program, &frame, "many", page(Which::Named, 10, 5)).await;
    assert_eq!(part.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["k10", "k11", "k12", "k13", "k14"]);
    let named_of_list = open(&program, &frame, "list", page(Which::Named, 0, 100)).await;
    assert!(named_of_list.iter().any(|one| one.name == "length"), "{named_of_list:?}");
    assert!(named_of_list.iter().all(|one| one.name.parse::<u32>().is_err()));
}

#[tokio::test]
async fn what_is_computed_is_computed_when_it_is_opened() {
    if !has_node() {
        return;
    }
    let (program, frame) = stopped().await;
    let lazy = open(&program, &frame, "lazy", Page::default()).await;
    let now = named(&lazy, "now");
    assert!(now.value.qualities.contains(&Quality::Lazy));
    assert!(!lazy.iter().any(|one| one.name == "asked"));
    let value = program.children(now.value.handle.as_ref().expect("it opens"), Page::default()).await;
    assert_eq!((value.len(), value[0].value.text.as_str()), (1, "42"));
    let point = open(&program, &frame, "point", Page::default()).await;
    assert!(named(&point, "#secret").value.qualities.contains(&Quality::Private));
    assert!(named(&point, "[[Prototype]]").value.qualities.contains(&Quality::Internal));
    assert_eq!(named(&point, "a b").evaluate_name.as_deref(), Some("point[\"a b\"]"));
    let symbol = open(&program, &frame, "symbol", Page::default()).await;
    assert_eq!(named(&symbol, "Symbol(s)").value.text, "1");
    open(&program, &frame, "spying", Page::default()).await;
    assert_eq!(evaluate(&program, &frame, "text", Purpose::Watch).await.unwrap().text, r"'it\'s'");
}

#[tokio::test]
async fn values_are_set() {
    if !has_node() {
        return;
    }
    let (program, frame) = stopped().await;
    let local = program.scope(&frame, "Local").await;
    let set = within(program.debugger.set_variable(&local.handle, "number", "number + 1", true)).await.unwrap();
    assert_eq!(set.text, "0x100");
    let point = evaluate(&program, &frame, "point", Purpose::Watch).await.unwrap().handle.unwrap();
    let set = within(program.debugger.set_variable(&point, "x", "{ y: 2 }", false)).await.unwrap();
    assert_eq!(set.text, "{y: 2}");
    let set = within(program.debugger.set_expression(Some(&frame), "point.x.y", "'new'", false)).await.unwrap();
    assert_eq!(set.text, "'new'");
    let seen = evaluate(&program, &frame, "[number, point.x.y].join()", Purpose::Console).await.unwrap();
    assert_eq!(seen.text, "'256,new'");
    let refused = within(program.debugger.set_variable(&local.handle, "list", "syntax error", false)).await;
    assert!(matches!(refused, Err(Fault::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn the_mouse_changes_nothing_and_the_console_anything() {
    if !has_node() {
        return;
    }
    let (program, frame) = stopped().await;
    let hover = evaluate(&program, &frame, "number = 1", Purpose::Hover).await;
    assert!(matches!(&hover, Err(Fault::Refused(why)) if why.contains("side-effect")), "{hover:?}");
    assert_eq!(evaluate(&program, &frame, "number + 1", Purpose::Hover).await.unwrap().text, "256");
    let endless = evaluate(&program, &frame, "(() => { for (;;) ; })()", Purpose::Hover).await;
    assert!(matches!(endless, Err(Fault::Refused(_))), "{endless:?}");
    let thrown = evaluate(&program, &frame, "nothing.at.all", Purpose::Watch).await;
    assert_eq!(thrown, Err(Fault::Refused("ReferenceError: nothing is not defined".to_owned())));
    assert_eq!(evaluate(&program, &frame, "number = 5", Purpose::Console).await.unwrap().text, "5");
    assert_eq!(evaluate(&program, &frame, "$_ + 1", Purpose::Console).await.unwrap().text, "6");
    let whole =
        evaluate(&program, &frame, "({ map, point, c: [1, undefined] })", Purpose::Clipboard).await.unwrap().text;
    let whole: serde_json::Value = serde_json::from_str(&whole).expect("it reads as JSON");
    assert_eq!(whole["map"]["a"]["b"], 1);
    let endless = evaluate(&program, &frame, "(() => { for (;;) ; })()", Purpose::Watch).await;
    assert!(matches!(endless, Err(Fault::Refused(_))), "{endless:?}");
    assert_eq!(evaluate(&program, &frame, "number", Purpose::Watch).await.unwrap().text, "5");
}

#[tokio::test]
async fn what_runs_is_evaluated_globally_and_may_wait() {
    if !has_node() {
        return;
    }
    let program = launch(&[("main.js", "setInterval(() => {}, 5);\n")], |_| {}).await;
    within(program.debugger.start()).await.unwrap();
    let kept =
        within(program.debugger.evaluate(None, "await Promise.resolve(1)", Purpose::Console, false)).await.unwrap();
    assert_eq!(kept.text, "1");
}

#[tokio::test]
async fn names_are_completed_without_running_anything() {
    if !has_node() {
        return;
    }
    let (program, frame) = stopped().await;
    let complete = async |text: &str| {
        let column = u32::try_from(text.encode_utf16().count()).unwrap();
        within(program.debugger.completions(Some(&frame), text, 0, column)).await.unwrap()
    };
    let names = complete("1 + poi").await;
    assert_eq!((names[0].label.as_str(), names[0].replaces), ("point", 3));
    let names = complete("point.").await;
    assert!(names.iter().any(|one| one.label == "x" && one.kind == CompletionKind::Property), "{names:?}");
    assert!(names.iter().any(|one| one.label == "far"), "{names:?}");
    assert!(complete("list.fi").await.iter().any(|one| one.label == "find" && one.kind == CompletionKind::Function));
    assert!(complete("(number = 77).").await.is_empty());
    assert!(complete("lazy.now.").await.is_empty());
    let asked = evaluate(&program, &frame, "[Point.asked, lazy.asked, number].join()", Purpose::Watch).await.unwrap();
    assert_eq!(asked.text, "',,255'");
    assert!(complete("cons").await.iter().any(|one| one.label == "console"));
}

#[tokio::test]
async fn sources_are_listed_and_read() {
    if !has_node() {
        return;
    }
    let (program, _) = stopped().await;
    let places = within(program.debugger.loaded_sources()).await.unwrap();
    let [place] = places.as_slice() else { panic!("{places:?}") };
    assert_eq!(within(program.debugger.source(place)).await.unwrap(), PROGRAM);
}
