use proptest::prelude::*;

use super::*;

fn one(text: &str) -> FilePatch<'_> {
    let mut files = parse(text.as_bytes()).unwrap();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

fn fault(text: &str) -> SyntaxFault {
    parse(text.as_bytes()).unwrap_err()
}

fn names(file: &FilePatch<'_>) -> (Option<String>, Option<String>) {
    let shown = |name: &Option<Vec<u8>>| name.as_ref().map(|name| String::from_utf8_lossy(name).into_owned());
    (shown(&file.old), shown(&file.new))
}

fn some(old: &str, new: &str) -> (Option<String>, Option<String>) {
    let name = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    (name(old), name(new))
}

const HUNK: &str = "@@ -1 +1 @@\n-a\n+b\n";

#[test]
fn a_mail_has_its_differences_read() {
    let mail = format!(
        "From 1234 Mon Sep 17 00:00:00 2001\nSubject: [PATCH] x\n\nText\n---\n f | 2 +-\n\ndiff --git a/f b/f\n\
         index 1..2 100644\n--- a/f\n+++ b/f\n{HUNK}-- \n2.47.3\n"
    );
    let file = one(&mail);
    assert_eq!((file.kind, names(&file)), (Kind::Modify, some("a/f", "b/f")));
    assert_eq!(file.hunks[0].lines.len(), 2);
    assert_eq!(file.hunks[0].line, 12);
}

#[test]
fn what_git_says_of_files_is_read() {
    let created = one("diff --git a/x y b/x y\nnew file mode 100755\nindex 0..1\n");
    assert_eq!((created.kind, names(&created)), (Kind::Create, some("", "b/x y")));
    assert_eq!(created.new_mode, Some(Mode::Executable));
    let deleted = one("diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
    assert_eq!((deleted.kind, names(&deleted)), (Kind::Delete, some("a/x", "")));
    let renamed = one("diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to \"y\\n\"\n");
    assert_eq!((renamed.kind, names(&renamed)), (Kind::Rename, some("x", "y\n")));
    assert!(renamed.is_bare);
    let moded = one("diff --git \"a/x\\t\" \"b/x\\t\"\nold mode 100644\nnew mode 100755\n");
    assert_eq!((moded.kind, names(&moded)), (Kind::Modify, some("a/x\t", "b/x\t")));
    let link = one("diff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+/etc\n");
    assert_eq!(link.new_mode, Some(Mode::NoFile));
    let binary = one("diff --git a/x b/x\nindex 1..2 100644\nBinary files a/x and b/x differ\n");
    assert!(binary.is_binary);
    let literal = "diff --git a/x b/x\nindex 1..2\nGIT binary patch\nliteral 3\nKcmZQzU|?VX0ssI200961\n\n";
    assert!(one(literal).is_binary);
}

#[test]
fn what_gnu_diff_says_of_missing_files_is_read() {
    let created = "--- old/x\t1970-01-01 00:00:00.000000000 +0000\n+++ new/x\t2020-01-01 00:00:00.5 +0100\n";
    let file = format!("{created}@@ -0,0 +1 @@\n+a\n");
    let file = one(&file);
    assert_eq!((file.kind, names(&file)), (Kind::Create, some("", "new/x")));
    let deleted = "--- old/x\t2020-01-01 00:00:00.5 +0100\n+++ new/x\t1969-12-31 19:00:00.000000000 -0500\n";
    let file = format!("{deleted}@@ -1 +0,0 @@\n-a\n");
    let file = one(&file);
    assert_eq!((file.kind, names(&file)), (Kind::Delete, some("old/x", "")));
    // A file that is really as old as time is still there when the hunk says so.
    let file = format!("{created}{HUNK}");
    assert_eq!(one(&file).kind, Kind::Modify);
}

#[test]
fn the_end_of_a_file_is_read() {
    let file = one("--- a\n+++ b\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n\\ Kein Zeilenumbruch\n");
    let texts: Vec<_> = file.hunks[0].lines.iter().map(|line| &*line.text).collect();
    assert_eq!(texts, [b"a", b"a"]);
}

#[test]
fn a_hunk_is_read_whole_or_not_at_all() {
    assert_eq!(fault("--- a\n+++ b\n@@ -1,2 +1,2 @@\n-a\n+b\n").line, 6);
    assert_eq!(fault("--- a\n+++ b\n@@ -1 +1 @@\n-a\n-b\n+c\n").line, 5);
    assert_eq!(fault("--- a\n+++ b\n@@ -1 +1 @@\n\\ No newline\n-a\n+b\n").line, 4);
    // One line too many, and the next hunk is nobody's.
    let lost = fault(&format!("--- a\n+++ b\n{HUNK}+c\n{HUNK}"));
    assert_eq!(lost.line, 7);
    assert!(lost.why.contains("belongs to no file"), "{}", lost.why);
    assert!(fault("just text\n").why.contains("no unified diff"));
    assert!(fault("*** a\n--- b\n***************\n*** 1 ****\n! a\n--- 1 ----\n! b\n").why.contains("no unified diff"));
}

#[test]
fn an_empty_line_may_have_lost_its_space() {
    assert_eq!(one("--- a\n+++ b\n@@ -1,3 +1,3 @@\n a\n\n-b\n+c\n").hunks[0].lines[1].text, &b"\n"[..]);
}

#[test]
fn hunks_alone_are_of_a_file_that_is_named_elsewhere() {
    assert_eq!(names(&one(HUNK)), (None, None));
}

#[test]
fn a_patch_that_was_sent_as_text_is_one() {
    assert_eq!(&*normalized(b"a\r\nb"), b"a\r\nb\n");
    assert_eq!(&*normalized(b"a\r\nb\r\n"), b"a\nb\n");
    assert_eq!(&*normalized(b"a\n b\r\n"), b"a\n b\r\n");
    assert_eq!(&*normalized(b""), b"");
}

#[test]
fn there_are_only_so_many_files_and_hunks() {
    let many = format!("--- a\n+++ b\n{HUNK}").repeat(MAX_FILES + 1);
    assert!(fault(&many).why.contains("files"));
    assert!(fault(&format!("--- a\n+++ b\n{}", HUNK.repeat(MAX_HUNKS + 1))).why.contains("hunks"));
}

proptest! {
    #[test]
    fn whatever_comes_is_read_or_refused(lines in proptest::collection::vec(
        prop_oneof![
            Just("--- a\n"), Just("+++ b\n"), Just("diff --git a/x b/x\n"), Just("@@ -1,2 +1 @@\n"), Just("@@ -0,0 +1 @@\n"),
            Just(" a\n"), Just("-a\n"), Just("+a\n"), Just("\\\n"), Just("\n"), Just("--- \"\\4"), Just("rename from \"\n"),
            Just("new file mode 1\n"), Just("copy to x\n"), Just("@@ -99999999999,1 +1 @@\n"), Just("diff --git \n"),
        ], 0..30)) {
        let text = lines.concat();
        let text = normalized(text.as_bytes());
        if let Ok(files) = parse(&text) {
            for file in files {
                for hunk in &file.hunks {
                    let on = |mark: Mark| hunk.lines.iter().filter(|line| line.mark != mark).count();
                    prop_assert_eq!((on(Mark::Add), on(Mark::Remove)), (hunk.old.length, hunk.new.length));
                }
            }
        }
    }

    #[test]
    fn so_is_any_text(text in "\\PC{0,40}") {
        drop(parse(&normalized(text.as_bytes())));
        drop(parse(&normalized(format!("diff --git {text}\nnew mode {text}\n--- {text}\n+++ {text}\n@@ {text}").as_bytes())));
    }
}
