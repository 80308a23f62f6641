//! Patches and differences beside those of git and of GNU patch, which made what everybody else reads.

mod harness;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::{fs, io::Write};

use harness::Client;
use harness::skip::skip;
use serde_json::{Value, json};

/// What is in a directory: permission to execute and text of each file.
type Tree = BTreeMap<String, (bool, String)>;

fn run(directory: &Path, program: &str, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(program);
    // Nobody's settings but these.
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null").env("LC_ALL", "C");
    command.args(arguments).current_dir(directory).stdin(std::process::Stdio::piped());
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let identity =
        ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.autocrlf=false", "-c", "commit.gpgsign=false"];
    let output = run(directory, "git", &[&identity[..], arguments].concat(), "");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whether these programs are here; says so when one is not.
fn has(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| Command::new(program).arg("--version").output().is_err());
    missing.inspect(|missing| skip(&format!("there is no {missing}"))).is_none()
}

fn write(directory: &Path, tree: &Tree) {
    for entry in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() && !entry.ends_with(".git") {
            fs::remove_dir_all(entry).unwrap();
        } else if entry.is_file() {
            fs::remove_file(entry).unwrap();
        }
    }
    for (name, (is_executable, text)) in tree {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(if *is_executable { 0o755 } else { 0o644 })).unwrap();
    }
}

fn upload(client: &mut Client, session: &str, tree: &Tree) {
    for (path, (is_executable, data)) in tree {
        let permissions = if *is_executable { "755" } else { "644" };
        let params = json!({"sessionId": session, "path": path, "data": data, "permissions": permissions});
        client.request("fs/write", params);
    }
}

fn download(client: &mut Client, session: &str) -> Tree {
    let listed = client.request("fs/list", json!({"sessionId": session, "recursive": true, "hidden": true}));
    let files = listed["entries"].as_array().unwrap().iter().filter(|entry| entry["type"] == "file");
    let files: Vec<_> = files.map(|entry| entry["path"].as_str().unwrap().to_owned()).collect();
    let read = |path: String| {
        let read = client.request("fs/read", json!({"sessionId": session, "path": path}));
        (path, (read["permissions"] == "755", read["data"].as_str().unwrap().to_owned()))
    };
    files.into_iter().map(read).collect()
}

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % sides as u64) as usize
    }

    /// A text of few different lines, so that there are many places like each other.
    fn text(&mut self, lines: usize) -> String {
        let kinds = ["a\n", "b\n", "\n", "  x = 1\n", "-- \n", "+++ y\n", "@@ -1 +1 @@\n", "ü\r\n"];
        let text: String = (0..lines).map(|_| kinds[self.roll(kinds.len())]).collect();
        if self.roll(3) == 0 { text + "no end" } else { text }
    }

    /// The text with some lines changed, removed and added.
    fn change(&mut self, text: &str) -> String {
        let mut changed = String::new();
        for line in text.split_inclusive('\n') {
            match self.roll(12) {
                0 => {}
                1 => changed += &format!("new {}\n", self.roll(9)),
                2 => changed += &format!("{line}{}", if line.ends_with('\n') { "more\n" } else { "" }),
                _ => changed += line,
            }
        }
        changed
    }
}

fn trees(dice: &mut Dice) -> (Tree, Tree) {
    let mut old = Tree::new();
    for name in ["plain", "dir/one", "dir/two words", "q\"uo\\te\n", "ü", "gone", "moved", "tool", "empty", "-dash"] {
        let lines = 20 + dice.roll(30);
        old.insert(name.to_owned(), (false, if name == "empty" { String::new() } else { dice.text(lines) }));
    }
    let mut new = old.clone();
    for name in ["plain", "dir/one", "dir/two words", "q\"uo\\te\n", "ü", "-dash"] {
        let text = dice.change(&old[name].1);
        new.insert(name.to_owned(), (false, text));
    }
    let (_, text) = new.remove("moved").unwrap();
    new.insert("elsewhere/moved to".to_owned(), (false, text + "end\n"));
    new.remove("gone");
    new.get_mut("tool").unwrap().0 = true;
    new.insert("b/new".to_owned(), (true, dice.text(5)));
    new.insert("made empty".to_owned(), (false, String::new()));
    if dice.roll(2) == 0 {
        new.remove("empty");
    }
    (old, new)
}

#[test]
fn a_patch_of_gits_does_what_it_does_for_git() {
    if !has(&["git"]) {
        return;
    }
    let mut client = Client::initialized();
    let mut dice = Dice(1);
    for round in 0..8 {
        let (old, new) = trees(&mut dice);
        let directory = tempfile::tempdir().unwrap();
        git(directory.path(), &["init", "-q"]);
        write(directory.path(), &old);
        git(directory.path(), &["add", "-A"]);
        git(directory.path(), &["commit", "-qm", "old"]);
        write(directory.path(), &new);
        git(directory.path(), &["add", "-A"]);
        let style: &[&str] = [&[][..], &["--no-prefix"], &["-U0"], &["-U1", "--no-renames"]][round % 4];
        let patch = git(directory.path(), &[&["diff", "--cached", "-M"], style].concat());
        let session = client.create_session(json!({}));
        upload(&mut client, &session, &old);
        for (reverse, expected) in [(false, &new), (true, &old)] {
            let params = json!({"sessionId": session, "patch": patch, "reverse": reverse, "fuzz": 0});
            let done = client.call("fs/patch", params).unwrap_or_else(|error| panic!("{style:?} {error}\n{patch}"));
            let hunks = done["files"].as_array().unwrap().iter().flat_map(|file| file["hunks"].as_array().unwrap());
            assert!(hunks.into_iter().all(|hunk| hunk["offset"] == 0), "{done}");
            let found = download(&mut client, &session);
            assert!(found == *expected, "{style:?} reverse: {reverse}\n{patch}\n{found:#?}\n{expected:#?}");
        }
    }
}

#[test]
fn our_differences_are_read_by_git_and_by_gnu_patch() {
    if !has(&["git", "patch"]) {
        return;
    }
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let mut dice = Dice(2);
    let directory = tempfile::tempdir().unwrap();
    let name = "a name";
    let file = directory.path().join(name);
    for round in 0..40 {
        let lines = dice.roll(40);
        let old = dice.text(lines);
        let new = dice.change(&old);
        let format = if round % 4 == 3 { "context" } else { "unified" };
        let params = json!({"sessionId": session, "format": format, "contextLines": 1 + dice.roll(4),
            "original": {"data": old, "path": name}, "modified": {"data": new, "path": name}});
        let found = client.request("fs/diff", params);
        let diff = found["diff"].as_str().unwrap();
        assert_eq!(diff.is_empty(), old == new);
        if diff.is_empty() {
            continue;
        }
        let readers: &[(&str, &[&str])] = if format == "unified" {
            &[("git", &["apply", "--whitespace=nowarn"]), ("patch", &["-p1", "--binary", "--fuzz=0"])]
        } else {
            &[("patch", &["-p1", "--binary", "--fuzz=0"])]
        };
        for (program, arguments) in readers {
            fs::write(&file, &old).unwrap();
            let read = run(directory.path(), program, arguments, diff);
            let said = String::from_utf8_lossy(&read.stdout).into_owned() + &String::from_utf8_lossy(&read.stderr);
            assert!(read.status.success(), "{program}: {said}\n{diff}");
            assert_eq!(fs::read_to_string(&file).unwrap_or_default(), new, "{program}: {said}\n{diff}");
        }
    }
}

#[test]
fn a_hunk_goes_where_gnu_patch_puts_it() {
    if !has(&["patch"]) {
        return;
    }
    let mut client = Client::initialized();
    let session = client.create_session(json!({}));
    let mut dice = Dice(3);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("f");
    let mut counts = [0; 3];
    for _ in 0..120 {
        let line = |dice: &mut Dice| format!("{}\n", dice.roll(6));
        let old: String = (0..12 + dice.roll(20)).map(|_| line(&mut dice)).collect();
        let new = dice.change(&old);
        let sides = json!({"sessionId": session, "original": {"data": old, "path": "f"}, "modified": {"data": new}});
        let diff = client.request("fs/diff", sides)["diff"].as_str().unwrap().to_owned();
        if diff.is_empty() {
            continue;
        }
        // The file has moved on since the patch was made.
        let other = dice.roll(old.lines().count() * 2);
        let lines = old.split_inclusive('\n').enumerate();
        let kept = lines.map(|(at, text)| if at == other { "other\n" } else { text });
        let drifted = "top\n".repeat(dice.roll(3)) + &kept.collect::<String>();
        fs::write(&file, &drifted).unwrap();
        let theirs = run(
            directory.path(),
            "patch",
            &["-p1", "--force", "--fuzz=1", "--no-backup-if-mismatch", "-r", "-"],
            &diff,
        );
        client.request("fs/write", json!({"sessionId": session, "path": "f", "data": drifted}));
        let ours = client.call("fs/patch", json!({"sessionId": session, "patch": diff, "fuzz": 1}));
        let said = String::from_utf8_lossy(&theirs.stdout).into_owned();
        match ours {
            Ok(done) => {
                assert!(theirs.status.success(), "{said}\n{done}\n{diff}\n{drifted}");
                let read = client.request("fs/read", json!({"sessionId": session, "path": "f"}));
                assert_eq!(read["data"], fs::read_to_string(&file).unwrap(), "{said}\n{done}\n{diff}\n{drifted}");
                let is_moved = |hunk: &&Value| hunk["offset"] != 0 || hunk["fuzz"] != 0;
                counts
                    [usize::from(done["files"][0]["hunks"].as_array().unwrap().iter().any(|hunk| is_moved(&hunk)))] +=
                    1;
            }
            // Where nothing but the number of a line would tell the place, we refuse what GNU patch does.
            Err(error) => {
                let lone = error["data"]["patch"]["files"][0]["hunks"].as_array().unwrap().iter();
                let misfits = lone.filter(|hunk| hunk["fits"] == false).count();
                assert!(misfits > 0, "{error}");
                assert!(!theirs.status.success() || said.contains("fuzz"), "{said}\n{error}\n{diff}\n{drifted}");
                counts[2] += 1;
            }
        }
    }
    assert!(counts.iter().all(|count| *count > 3), "exact, moved and refused: {counts:?}");
}
