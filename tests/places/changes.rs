//! Differences between files, and patches to them.

use serde_json::{Value, json};

use super::{bash, python};
use crate::harness::{Client, Place};

/// A session, and the requests on it.
struct Desk {
    client: Client,
    session: String,
}

impl Desk {
    fn open(place: Place) -> Self {
        let (client, session) = place.open(json!({}));
        Desk { client, session }
    }

    fn ask(&mut self, method: &str, mut params: Value) -> Result<Value, Value> {
        params["sessionId"] = self.session.as_str().into();
        self.client.call(method, params)
    }

    fn write(&mut self, path: &str, data: &str) {
        self.ask("fs/write", json!({"path": path, "data": data})).unwrap();
    }

    fn read(&mut self, path: &str) -> String {
        self.ask("fs/read", json!({"path": path})).unwrap()["data"].as_str().unwrap().to_owned()
    }

    fn patch(&mut self, patch: &str) -> Result<Value, Value> {
        self.ask("fs/patch", json!({"patch": patch}))
    }

    fn run(&mut self, code: &str) -> String {
        let ran = self.client.execute(&self.session, bash(code));
        assert_eq!(ran.outcome(), "ok", "{}", ran.stderr());
        ran.stdout()
    }

    /// Every file with its permissions and what is in it, and every directory.
    fn tree(&mut self) -> String {
        let code = "
import os, stat
for top, directories, files in sorted(os.walk('.')):
    directories.sort()
    print(top)
    for name in sorted(files):
        path = os.path.join(top, name)
        mode = os.lstat(path).st_mode
        print(path, oct(mode), open(path, 'rb').read() if stat.S_ISREG(mode) else None)
";
        let ran = self.client.execute(&self.session, python(code));
        assert_eq!(ran.outcome(), "ok", "{}", ran.stderr());
        ran.stdout()
    }
}

/// D3: both are there in every place, and mean the same.
pub(crate) fn a_difference_is_a_patch_that_makes_one_file_the_other(place: Place) {
    let mut desk = Desk::open(place);
    let old = (1..=30).map(|line| format!("line {line}\n")).collect::<String>();
    let new = old.replace("line 4\n", "").replace("line 25\n", "line 25\nü\n") + "no end";
    desk.write("a", &old);
    desk.write("b", &new);
    let files = json!({"original": {"path": "a"}, "modified": {"path": "b"}});
    let found = desk.ask("fs/diff", files).unwrap();
    let diff = found["diff"].as_str().unwrap();
    assert!(diff.starts_with("--- a/a\n+++ b/b\n@@ -1,7 +1,6 @@\n line 1\n line 2\n line 3\n-line 4\n"), "{diff}");
    assert!(diff.ends_with(" line 30\n+no end\n\\ No newline at end of file\n"), "{diff}");
    let told =
        ["identical", "binary", "coarse", "hunks", "addedLines", "removedLines"].map(|field| found[field].clone());
    assert_eq!(told, [json!(false), json!(false), json!(false), json!(2), json!(2), json!(1)]);

    // An editor's unsaved text is compared with the file, and the file made that.
    let text = json!({"original": {"path": "a", "ifMatch": found["originalEtag"]}, "modified": {"data": new}});
    let found = desk.ask("fs/diff", text).unwrap();
    let patched = desk.patch(found["diff"].as_str().unwrap()).unwrap();
    let file = &patched["files"][0];
    assert_eq!((&file["path"], &file["action"]), (&json!("a"), &json!("modified")), "{patched}");
    assert_eq!(desk.read("a"), new);
    let same = desk.ask("fs/diff", json!({"original": {"path": "a"}, "modified": {"path": "b"}})).unwrap();
    assert_eq!((&same["identical"], &same["diff"], &same["hunks"]), (&json!(true), &json!(""), &json!(0)));
    assert_eq!(same["originalEtag"], file["etag"]);

    let params = json!({"patch": found["diff"], "reverse": true});
    desk.ask("fs/patch", params).unwrap();
    assert_eq!(desk.read("a"), old);
    let stale = json!({"original": {"path": "a", "ifMatch": file["etag"]}, "modified": {"data": new}});
    assert_eq!(desk.ask("fs/diff", stale).unwrap_err()["code"], 1507);
    desk.run("printf 'a\\0b' > binary");
    let binary = desk.ask("fs/diff", json!({"modified": {"path": "binary"}})).unwrap();
    assert_eq!(
        (&binary["binary"], &binary["diff"]),
        (&json!(true), &json!("Binary files /dev/null and b/binary differ\n"))
    );
    // D4: what is not there is no success.
    assert_eq!(desk.ask("fs/diff", json!({"original": {"path": "no"}})).unwrap_err()["code"], 1500);
}

const MANY: &str = "diff --git a/changed b/changed
--- a/changed
+++ b/changed
@@ -1,3 +1,3 @@
 one
-two
+2
 three
diff --git a/gone b/gone
deleted file mode 100644
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-gone
diff --git a/new/deep/er b/new/deep/er
new file mode 100755
--- /dev/null
+++ b/new/deep/er
@@ -0,0 +1 @@
+#!/bin/sh
diff --git a/old name b/sub/new name
similarity index 60%
rename from old name
rename to sub/new name
--- a/old name
+++ b/sub/new name
@@ -1,2 +1,2 @@
 kept
-changed
+CHANGED
diff --git a/tool b/tool
old mode 100644
new mode 100755
";

fn prepare(desk: &mut Desk) {
    desk.run("printf 'one\\ntwo\\nthree\\n' > changed; echo gone > gone; printf 'kept\\nchanged\\n' > 'old name'; echo > tool; mkdir sub");
}

pub(crate) fn a_patch_makes_changes_moves_and_removes_files(place: Place) {
    let mut desk = Desk::open(place);
    prepare(&mut desk);
    let before = desk.tree();
    let planned = desk.ask("fs/patch", json!({"patch": MANY, "dryRun": true})).unwrap();
    assert_eq!(desk.tree(), before, "a dry run writes nothing");
    let done = desk.patch(MANY).unwrap();
    let told = |answer: &Value| -> Vec<(Value, Value, Value)> {
        let files = answer["files"].as_array().unwrap().iter();
        files.map(|file| (file["action"].clone(), file["path"].clone(), file["oldPath"].clone())).collect()
    };
    let expected = [
        ("modified", "changed", Value::Null),
        ("deleted", "gone", Value::Null),
        ("created", "new/deep/er", Value::Null),
        ("renamed", "sub/new name", json!("old name")),
        ("modified", "tool", Value::Null),
    ];
    let expected = expected.map(|(action, path, old)| (json!(action), json!(path), old));
    assert_eq!((told(&planned), told(&done)), (expected.to_vec(), expected.to_vec()));
    assert_eq!((&planned["dryRun"], &done["dryRun"]), (&json!(true), &json!(false)));
    assert_eq!(done["files"][2]["permissions"], "755");
    let look =
        "cat changed 'sub/new name'; echo *; for f in new/deep/er tool sub/*; do test -x \"$f\" && echo $f; done; pwd";
    let expected = "one 2 three kept CHANGED changed new sub tool new/deep/er tool /workspace ";
    assert_eq!(desk.run(look).replace('\n', " "), expected);
    desk.ask("fs/patch", json!({"patch": MANY, "reverse": true})).unwrap();
    // Directories that became empty stay.
    assert_eq!(desk.run("rmdir new/deep new; cat gone 'old name'").replace('\n', " "), "gone kept changed ");
    assert_eq!(desk.tree(), before);
}

pub(crate) fn a_patch_that_does_not_fit_changes_nothing(place: Place) {
    let mut desk = Desk::open(place);
    prepare(&mut desk);
    desk.write("gone", "gone\nand more\n");
    desk.run("printf 'kept\\nother\\n' > 'old name'");
    let before = desk.tree();
    for dry_run in [false, true] {
        let error = desk.ask("fs/patch", json!({"patch": MANY, "dryRun": dry_run})).unwrap_err();
        assert_eq!((&error["code"], &error["data"]["kind"]), (&json!(1509), &json!("PatchFailed")), "{error}");
        let files = error["data"]["patch"]["files"].as_array().unwrap();
        let faulty: Vec<_> = files.iter().map(|file| file["error"].is_string()).collect();
        assert_eq!(faulty, [false, true, false, true, false], "{error}");
        let hunk = &files[3]["hunks"][0];
        assert_eq!(
            (&hunk["fits"], &hunk["line"], &hunk["header"]),
            (&json!(false), &json!(1), &json!("@@ -1,2 +1,2 @@"))
        );
        let mismatch = json!({"line": 2, "expected": "changed\n", "found": "other\n", "alreadyApplied": false});
        assert_eq!(hunk["mismatch"], mismatch);
        assert_eq!(error["data"]["patch"]["left"], json!([]));
        assert_eq!(desk.tree(), before);
    }
    // What moved is found, and how far it was is told.
    desk.run("rm gone 'old name'; printf '0\\n0\\n0\\none\\ntwo\\nTHREE\\n' > changed");
    let one = MANY.split("diff --git a/gone").next().unwrap();
    assert_eq!(desk.ask("fs/patch", json!({"patch": one, "fuzz": 0})).unwrap_err()["code"], 1509);
    let done = desk.patch(one).unwrap();
    let hunk = &done["files"][0]["hunks"][0];
    assert_eq!((&hunk["line"], &hunk["offset"], &hunk["fuzz"]), (&json!(4), &json!(3), &json!(1)));
    assert_eq!(desk.read("changed"), "0\n0\n0\none\n2\nTHREE\n");
    let again = desk.patch(one).unwrap_err();
    assert_eq!(again["data"]["patch"]["files"][0]["hunks"][0]["mismatch"]["alreadyApplied"], false);
    assert_eq!(desk.patch("just text").unwrap_err()["code"], 1400);
}

/// A patch that makes a file.
fn making(name: &str) -> String {
    format!("--- /dev/null\n+++ {name}\n@@ -0,0 +1 @@\n+planted\n")
}

/// D9: what leads out is refused by where it leads, not by how it is written.
pub(crate) fn a_patch_leads_nowhere_outside(place: Place) {
    let mut desk = Desk::open(place);
    desk.run("mkdir inside; ln -s / root; ln -s .. up; ln -s /tmp out; ln -s inside into; ln -s /tmp/file file; echo a > inside/a; ln inside/a hard; ln -s a inside/link; mkfifo pipe");
    let before = desk.tree();
    let outside = [
        "/etc/passwd",
        "../x",
        "b/../../x",
        "b/inside/../../../tmp/x",
        "\"b/\\056\\056/x\"",
        "b//../x",
        "root/tmp/x",
        "up/x",
        "b/out/x",
        "b/up/workspace/x",
    ];
    for name in outside {
        let error = desk.patch(&making(name)).unwrap_err();
        assert_eq!(error["code"], 1401, "{name}: {error}");
    }
    // A link itself is not patched, not even one that stays inside; nor is what is no file.
    for name in ["b/file", "b/inside/link", "b/pipe", "b/inside"] {
        let error = desk.patch(&making(name)).unwrap_err();
        assert_eq!(error["code"], 1509, "{name}: {error}");
    }
    let link = "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n\\ No newline at end of file\n";
    assert_eq!(desk.patch(link).unwrap_err()["code"], 1509);
    assert_eq!(
        desk.patch("diff --git a/x b/x\nrename from ../../etc/passwd\nrename to x\n").unwrap_err()["code"],
        1401
    );
    assert_eq!(desk.tree(), before);
    assert_eq!(desk.run("ls -A /tmp; ls / | grep -c planted || true").trim(), "0");
    // Another name of the same file keeps what it was: the patched one is a new file in its place.
    desk.patch("--- a/hard\n+++ b/hard\n@@ -1 +1 @@\n-a\n+b\n").unwrap();
    assert_eq!((desk.read("hard"), desk.read("inside/a")), ("b\n".to_owned(), "a\n".to_owned()));
    // D5: no name is more than a name.
    let name = "-x | $(touch planted); \"'\\n";
    let quoted = "\"b/-x | $(touch planted); \\\"'\\\\n\"";
    desk.patch(&making(quoted)).unwrap();
    assert_eq!(desk.read(name), "planted\n");
    // Within the workspace a directory may be a link.
    desk.patch(&making("b/into/new")).unwrap();
    assert_eq!(desk.read("inside/new"), "planted\n");
}

/// A patch that changes `a`, makes many files, and then one where none can be made.
fn doomed(files: usize) -> String {
    let mut patch = "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-one\n+two\n".to_owned();
    (0..files).for_each(|at| patch += &making(&format!("b/made/{at:03}")));
    patch + &making("b/shut/x")
}

pub(crate) fn what_was_written_before_a_write_fails_is_put_back(place: Place) {
    let mut desk = Desk::open(place);
    desk.run("echo one > a; chmod 640 a; mkdir shut; chmod 555 shut");
    let before = desk.tree();
    let error = desk.patch(&doomed(3)).unwrap_err();
    assert_eq!((&error["code"], &error["data"]["patch"]["left"]), (&json!(1509), &json!([])), "{error}");
    assert!(error["message"].as_str().unwrap().contains("shut/x: permission denied"), "{error}");
    assert_eq!(desk.tree(), before);

    // A program that writes to what the patch has written keeps that, and the client learns it.
    let code = "
import os
while not os.path.exists('made/000'):
    pass
open('a', 'a').write('mine\\n')
";
    let params = json!({"sessionId": desk.session, "source": {"code": code, "language": "python"}});
    let (request, _) = desk.client.begin(params);
    let error = desk.patch(&doomed(900)).unwrap_err();
    assert_eq!(desk.client.finished(request).outcome(), "ok");
    let left = error["data"]["patch"]["left"].as_array().unwrap();
    assert_eq!((left.len(), &left[0]["path"]), (1, &json!("a")), "{error}");
    assert_eq!(desk.read("a"), "two\nmine\n");
    assert_eq!(desk.run("ls"), "a\nshut\n");
}
