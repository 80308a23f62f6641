//! Looking for files, by their names and by what is in them.

use serde_json::{Value, json};

use super::files::ask;
use super::{bash, python};
use crate::harness::Place;

fn paths(found: &Value, list: &str) -> Vec<String> {
    let all = found[list].as_array().expect("there is a list").iter();
    all.map(|one| one["path"].as_str().expect("it has a path").to_owned()).collect()
}

pub(crate) fn files_are_found_by_their_names(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let make = "mkdir -p src/deep build .git; touch src/a.py src/deep/ü.py c.py build/d.py .git/e.py; \
                printf '/build/\\n' > .gitignore; ln -s src link; mkfifo pipe";
    assert_eq!(client.execute(&session, bash(make)).outcome(), "ok");
    let mut glob = |params: Value| ask(&mut client, &session, "fs/glob", params);
    let found = glob(json!({"patterns": ["**/*.py"]})).unwrap();
    assert_eq!(paths(&found, "entries"), ["build/d.py", "c.py", "src/a.py", "src/deep/ü.py"]);
    assert_eq!((&found["entries"][3]["name"], &found["truncated"]), (&json!("ü.py"), &Value::Null));
    let found = glob(json!({"patterns": ["**/*.py"], "gitignore": true, "hidden": true})).unwrap();
    assert_eq!(paths(&found, "entries"), [".git/e.py", "c.py", "src/a.py", "src/deep/ü.py"]);
    let found = glob(json!({"patterns": ["*.py", "deep/*"], "path": "/workspace/src", "exclude": ["a.*"]})).unwrap();
    assert_eq!(paths(&found, "entries"), ["src/deep/ü.py"]);
    let found = glob(json!({"patterns": ["*"]})).unwrap();
    let kinds: Vec<_> = found["entries"].as_array().unwrap().iter().map(|entry| entry["type"].clone()).collect();
    assert_eq!(kinds, ["directory", "file", "symlink", "other", "directory"]);
    let found = glob(json!({"patterns": ["**"], "limit": 2})).unwrap();
    assert_eq!((paths(&found, "entries").len(), &found["truncated"]), (2, &json!("limit")));
    let refused = glob(json!({"patterns": ["fine", "{a"]})).unwrap_err();
    assert_eq!((&refused["code"], &refused["data"]["path"]), (&json!(-32602), &json!("patterns[1]")));
    for (params, code) in [
        (json!({"patterns": []}), 1400),
        (json!({"patterns": ["*"], "limit": 10_001}), 1400),
        (json!({"patterns": ["*"], "path": "none"}), 1500),
        (json!({"patterns": ["*"], "path": "c.py"}), 1502),
        (json!({"patterns": ["*"], "path": "../etc"}), 1401),
    ] {
        assert_eq!(glob(params.clone()).unwrap_err()["code"], code, "{params}");
    }
}

pub(crate) fn lines_are_found_by_what_they_say(place: Place) {
    let (mut client, session) = place.open(json!({}));
    let write = "
import os
os.makedirs('src'), os.makedirs('build')
open('src/a.py', 'w').write('first\\nü = Needle(\"needle\")\\nthird\\n')
open('src/b.txt', 'wb').write(b'\\xff needle\\n')
open('build/c.py', 'w').write('needle\\n')
open('binary', 'wb').write(b'needle\\0\\n')
open('.gitignore', 'w').write('/build/\\n')
";
    assert_eq!(client.execute(&session, python(write)).outcome(), "ok");
    let mut search = |params: Value| ask(&mut client, &session, "fs/search", params);
    let found = search(json!({"pattern": "needle"})).unwrap();
    assert_eq!(paths(&found, "files"), ["src/a.py", "src/b.txt"]);
    assert_eq!(found["searched"], 3);
    assert_eq!(found["skipped"], json!({"binary": 1, "large": 0, "unreadable": 0}));
    let line = json!({
        "line": 2, "offset": 6, "text": "ü = Needle(\"needle\")", "encoding": "utf8",
        "matches": [{"start": 13, "end": 19, "character": 12, "endCharacter": 18}],
    });
    assert_eq!(found["files"][0]["lines"], json!([line]));
    let bytes = &found["files"][1]["lines"][0];
    assert_eq!((&bytes["text"], &bytes["encoding"]), (&json!("/yBuZWVkbGU="), &json!("base64")));
    let all = json!({"pattern": "NEEDLE", "case": "insensitive", "gitignore": false, "include": ["*.py"], "before": 1});
    let found = search(all).unwrap();
    assert_eq!(paths(&found, "files"), ["build/c.py", "src/a.py"]);
    let near = &found["files"][1]["lines"];
    assert_eq!((&near[0]["text"], near[0].get("matches")), (&json!("first"), None));
    assert_eq!(near[1]["matches"].as_array().unwrap().len(), 2);
    let found = search(json!({"pattern": "e", "path": "src/a.py", "literal": true, "word": true})).unwrap();
    assert_eq!(found["files"], json!([]));
    let refused = search(json!({"pattern": "a(b"})).unwrap_err();
    assert_eq!((&refused["code"], &refused["data"]["path"]), (&json!(-32602), &json!("pattern")));
    assert!(refused["message"].as_str().unwrap().contains("unclosed group"), "{refused}");
    assert_eq!(search(json!({"pattern": "x", "before": 101})).unwrap_err()["code"], 1400);
}

pub(crate) fn a_search_ends_when_nobody_waits_for_it(place: Place) {
    let (mut client, session) = place.open(json!({}));
    // What no engine for regular expressions has a quick way through.
    let write = "f = open('big', 'w')\nfor _ in range(32): f.write(('ü' * 500 + '\\n') * 1000)";
    assert_eq!(client.execute(&session, python(write)).outcome(), "ok");
    let slow = json!({"sessionId": session, "pattern": r"\pL{1,100}\b\pN", "timeoutMs": 600_000});
    let searches: Vec<i64> = (0..4).map(|_| client.send_request("fs/search", slow.clone())).collect();
    // Meanwhile all else goes on, and what one execution leaves is cleared without a search.
    let ran = client.execute(&session, bash("setsid sleep 1000 & echo here"));
    assert_eq!((ran.outcome(), ran.stdout().as_str()), ("ok", "here\n"));
    for search in searches {
        client.cancel(search);
        assert_eq!(client.response(search).unwrap_err()["code"], -32800);
    }
    let mut brief = slow;
    brief["timeoutMs"] = 200.into();
    let found = client.request("fs/search", brief);
    assert_eq!((&found["truncated"], &found["files"]), (&json!("time"), &json!([])));
    assert_eq!(client.execute(&session, bash("ls")).stdout(), "big\n");
}
