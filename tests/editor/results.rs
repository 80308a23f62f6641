//! What came of the code, beside the code.

use serde_json::{Value, json};

use crate::desk::Desk;
use crate::harness::Setup;

fn desk(refreshes: bool) -> Desk {
    Desk::plain(json!({"workspace": {"inlayHint": {"refreshSupport": refreshes}}}))
}

fn hints(desk: &mut Desk, uri: &str) -> Value {
    let range = json!({"start": {"line": 0, "character": 0}, "end": {"line": 1000, "character": 0}});
    desk.request("textDocument/inlayHint", json!({"textDocument": {"uri": uri}, "range": range}))
}

/// Where hints are, and what they say but for the time.
fn told(hints: &Value) -> Vec<(u64, u64, String)> {
    let one = |hint: &Value| {
        let at = |field: &str| hint["position"][field].as_u64().unwrap();
        let label = hint["label"].as_str().unwrap().rsplit_once(" · ");
        let (label, took) = label.unwrap_or_else(|| panic!("{hint}"));
        assert!(took.ends_with(" ms") || took.ends_with(" s"), "{hint}");
        (at("line"), at("character"), label.to_owned())
    };
    hints.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn cells_show_their_last_value_at_their_end_until_they_change() {
    let mut desk = desk(true);
    let uri = desk.open("main.py", "# %%\nx = 1  # é😀\n\n# %%\nprint('a')\nx + 1\n\n# %%\n1 / 0\n");
    assert_eq!(hints(&mut desk, &uri), json!([]));
    desk.command("codebeaker.runCell", json!({"uri": uri, "scope": "all"}));
    desk.concluded();
    for _ in 0..3 {
        desk.answer("workspace/inlayHint/refresh");
    }
    let found = hints(&mut desk, &uri);
    assert!(
        found[0]["label"].as_str().unwrap().starts_with("✓ ") && found[0]["position"]["character"] == 12,
        "{found}"
    );
    let expected = [(5, 5, "✓ 2".to_owned()), (8, 5, "✗ ZeroDivisionError: division by zero".to_owned())];
    let last = json!([found[1], found[2]]);
    assert_eq!(told(&last), expected);
    assert!(found[1]["tooltip"].as_str().unwrap().ends_with("\na\n2"), "{found}");
    let hover = |desk: &mut Desk, line: u64| {
        desk.request(
            "textDocument/hover",
            json!({"textDocument": {"uri": uri}, "position": {"line": line, "character": 0}}),
        )
    };
    let over = hover(&mut desk, 5);
    assert_eq!(over["contents"], json!({"kind": "plaintext", "value": found[1]["tooltip"]}));
    assert_eq!(hover(&mut desk, 4), Value::Null);

    // An edit above moves them, one of a cell takes its own away.
    let place = |line: u64, character: u64| json!({"start": {"line": line, "character": character}, "end": {"line": line, "character": character}});
    desk.edit(&uri, json!([{"range": place(1, 0), "text": "\n\n"}, {"range": place(10, 0), "text": "y"}]));
    assert_eq!(told(&hints(&mut desk, &uri)), [(7, 5, "✓ 2".to_owned())]);
    // So does the cell itself, when it runs again.
    desk.command("codebeaker.runCell", json!({"uri": uri, "line": 7}));
    desk.concluded();
    desk.answer("workspace/inlayHint/refresh");
    desk.answer("workspace/inlayHint/refresh");
    assert_eq!(told(&hints(&mut desk, &uri)), [(7, 5, "✓ 2".to_owned())]);
    desk.notify("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
    assert_eq!(hints(&mut desk, &uri), json!([]));
}

#[test]
fn a_run_shows_its_last_line_at_the_end_of_the_document() {
    let mut desk = desk(false);
    let uri = desk.open(
        "main.py",
        "import sys\nprint('first')\nprint('last \\x1b[2J' + 'x' * 5000)\nprint('told', file=sys.stderr)\n\n",
    );
    desk.run(json!({"uri": uri}));
    let found = hints(&mut desk, &uri);
    let label = found[0]["label"].as_str().unwrap();
    assert!(label.starts_with("✓ last xxx") && label.len() < 300, "{label}");
    assert_eq!(found[0]["position"], json!({"line": 3, "character": 30}));
    desk.edit(&uri, json!([{"text": "import sys\nsys.exit('no more')"}]));
    assert_eq!(hints(&mut desk, &uri), json!([]));
    desk.run(json!({"uri": uri}));
    assert_eq!(told(&hints(&mut desk, &uri)), [(1, 19, "✗ no more".to_owned())]);
    desk.edit(&uri, json!([{"text": "import time\ntime.sleep(600)"}]));
    desk.run(json!({"uri": uri, "timeoutMs": 300}));
    let found = hints(&mut desk, &uri);
    assert!(found[0]["label"].as_str().unwrap().starts_with("✗ took too long"), "{found}");
    // Whoever knows codebeaker shows results as it likes.
    let desk = Desk::knowing(Setup::default());
    assert!(desk.told["capabilities"].get("inlayHintProvider").is_none(), "{}", desk.told);
}
