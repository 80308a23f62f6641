//! Diagnostics: where a run that failed went wrong.

use serde_json::{Value, json};

use crate::desk::Desk;
use crate::harness::Setup;
use crate::harness::skip::skip;

fn desk(related: bool) -> Desk {
    Desk::plain(json!({"textDocument": {"publishDiagnostics": {"relatedInformation": related}}}))
}

/// Runs a document, which fails, and gives what is marked then.
fn marked(desk: &mut Desk, uri: &str) -> Value {
    let (_, shown) = desk.run(json!({"uri": uri}));
    assert!(shown["message"].as_str().unwrap().contains("failed with exit code"), "{shown}");
    desk.notification("textDocument/publishDiagnostics")
}

fn line(line: u32, from: u32, to: u32) -> Value {
    json!({"start": {"line": line, "character": from}, "end": {"line": line, "character": to}})
}

#[test]
fn an_exception_marks_where_it_was_raised_and_who_called() {
    let mut desk = desk(true);
    let main = desk.open("main.py", "import helper\n\nhelper.f()\n");
    let helper = desk.open("helper.py", "# é\ndef f():\n  '😀' / 0\n");
    let expected = json!({"uri": helper, "diagnostics": [{
        "range": line(2, 2, 10), "severity": 1, "code": "TypeError", "source": "codebeaker",
        "message": "TypeError: unsupported operand type(s) for /: 'str' and 'int'",
        "relatedInformation": [{"location": {"uri": main, "range": line(2, 0, 10)}, "message": "called from <module>"}],
    }]});
    assert_eq!(marked(&mut desk, &main), expected);

    // An edit takes it away, and so does the next run.
    desk.edit(&helper, json!([{"range": line(0, 0, 0), "text": "\n"}]));
    assert_eq!(desk.notification("textDocument/publishDiagnostics"), json!({"uri": helper, "diagnostics": []}));
    assert_eq!(marked(&mut desk, &main)["diagnostics"][0]["range"], line(3, 2, 10));
    desk.edit(&main, json!([{"text": "print('well')"}]));
    assert_eq!(desk.run(json!({"uri": main})).0, "well");
    assert_eq!(desk.notification("textDocument/publishDiagnostics"), json!({"uri": helper, "diagnostics": []}));
}

#[test]
fn every_language_marks_its_own() {
    let mut desk = desk(false);
    let engines = desk.request("engine/list", json!({}))["engines"].take();
    let engines = engines.as_array().expect("it is a list");
    for (uri, language, text, expected, message) in [
        ("main.py", "python", "x = 1\nx = = 2", 1, "SyntaxError: invalid syntax"),
        ("main.js", "javascript", "function f() {\n  throw new TypeError('no');\n}\nf();", 1, "TypeError: no"),
        ("unread.js", "javascript", "\n\nconst x = ;", 2, "SyntaxError: Unexpected token ';'"),
        ("main.go", "go", "package main\n\nfunc main() {\n\tx\n}\n", 3, "undefined: x"),
        ("panic.go", "go", "package main\n\nfunc main() {\n\tpanic(\"no\")\n}\n", 3, "no"),
    ] {
        if engines.iter().any(|engine| engine["id"] == language && engine["available"] == false) {
            skip(&format!("{language} is not installed"));
            continue;
        }
        let uri = desk.uri(uri);
        desk.open_as(&uri, language, text);
        let marked = marked(&mut desk, &uri);
        let only = &marked["diagnostics"][0];
        assert_eq!(marked["uri"], uri);
        assert_eq!(
            (&only["range"]["start"]["line"], &only["message"]),
            (&json!(expected), &json!(message)),
            "{marked}"
        );
        assert!(only.get("relatedInformation").is_none(), "{only}");
        desk.notify("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
    }
    desk.open_as("untitled:Untitled-1", "python", "\n1 / 0");
    let marked = marked(&mut desk, "untitled:Untitled-1");
    assert_eq!((&marked["uri"], &marked["diagnostics"][0]["range"]), (&json!("untitled:Untitled-1"), &line(1, 0, 5)));
}

#[test]
fn what_fails_in_a_terminal_is_marked_too() {
    let mut desk = desk(false);
    let engines = desk.request("engine/list", json!({}))["engines"].take();
    let engines = engines.as_array().expect("it is a list");
    for (name, language, text, expected, message) in [
        ("main.py", "python", "import os\nassert os.isatty(2)\n1 / 0", 2, "ZeroDivisionError: division by zero"),
        ("main.js", "node", "if (process.stderr.isTTY)\n  throw new TypeError('no');", 1, "TypeError: no"),
        ("main.c", "c", "int main(void)\n{ return x; }", 1, "‘x’ undeclared (first use in this function)"),
        ("main.rs", "rust", "fn main() {\n    x;\n}", 1, "E0425: cannot find value `x` in this scope"),
    ] {
        if engines.iter().any(|engine| engine["id"] == language && engine["available"] == false) {
            skip(&format!("{language} is not installed"));
            continue;
        }
        let uri = desk.uri(name);
        desk.open_as(&uri, language, text);
        let asked =
            json!({"uri": uri, "stdin": "pty", "pty": {"cols": 40, "rows": 10}, "env": {"TERM": "xterm-256color"}});
        desk.run(asked);
        let marked = desk.notification("textDocument/publishDiagnostics");
        let only = &marked["diagnostics"][0];
        let told = only["message"].as_str().unwrap().replace(['\'', '`'], "‘");
        assert_eq!(
            (&only["range"]["start"]["line"], told),
            (&json!(expected), message.replace(['\'', '`'], "‘")),
            "{marked}"
        );
        desk.notify("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
    }
}

#[test]
fn what_is_made_up_marks_nothing_but_the_editors_own() {
    let mut desk = desk(true);
    let code = r#"
import sys
def fake(path, line='7', name='f', message='made up'):
    print(f'Traceback (most recent call last):\n  File "{path}", line {line}, in {name}\nError: {message}', file=sys.stderr)
for path in ['/etc/passwd', '/workspace', '/workspace/', '/workspace/../etc/passwd', '../etc/passwd', '/proc/self/exe',
             '/run/codebeaker/exe_aaaaaaaaaaaaaaaa/main.py', 'file:///etc/passwd', 'file://host/workspace/main.py',
             'https://example.org/workspace/main.py', '/workspace/a\0b', '/workspace/' + 'x' * 5000]:
    fake(path)
fake('/workspace/main.py', '99999999999')
fake('/workspace/main.py', '4294967295', 'f', '\x1b[31mred\x1b]0;title\x07 \u202e' + 'x' * 3500)
for number in range(40):
    fake(f'/workspace/{number}.py', '0')
sys.exit(1)
"#;
    let uri = desk.open("main.py", code);
    desk.command("codebeaker.run", json!({"uri": uri}));
    desk.concluded();
    let marked = desk.claim_all(|received| received.message["method"] == "textDocument/publishDiagnostics");
    assert_eq!(marked.len(), 20, "a bounded number is marked");
    let folder = desk.uri("");
    for received in &marked {
        let params = &received.message["params"];
        assert!(params["uri"].as_str().unwrap().starts_with(&folder), "{params}");
        for diagnostic in params["diagnostics"].as_array().unwrap() {
            let message = diagnostic["message"].as_str().unwrap();
            assert!(message.len() < 2200 && !message.contains(['\x1b', '\x07', '\u{202e}']), "{message}");
        }
    }
    // Whoever shows none is sent none.
    let mut desk = Desk::knowing(Setup::default());
    let uri = desk.open("main.py", "1 / 0");
    desk.command("codebeaker.run", json!({"uri": uri}));
    while desk.notification("session/stateChanged")["to"] != "closed" {}
    desk.claim_all(|received| received.message["method"].as_str().is_some_and(|name| name.starts_with("execution/")));
}
