use proptest::prelude::*;

use super::super::syntax::parse;
use super::*;

fn patched(text: &str, patch: &str, fuzz: usize) -> Patched {
    let patch = format!("--- a\n+++ b\n{patch}");
    let files = parse(patch.as_bytes()).unwrap();
    apply(text.as_bytes(), &files[0].hunks, fuzz, &mut Work::new())
}

fn text(patched: &Patched) -> &str {
    std::str::from_utf8(patched.text.as_deref().unwrap_or_else(|| panic!("{patched:?}"))).unwrap()
}

const MIDDLE: &str = "@@ -2,3 +2,3 @@\n b\n-c\n+C\n d\n";

#[test]
fn a_hunk_goes_where_it_says() {
    let done = patched("a\nb\nc\nd\ne\n", MIDDLE, 0);
    assert_eq!(text(&done), "a\nb\nC\nd\ne\n");
    assert_eq!((done.hunks[0].line, done.hunks[0].offset, done.hunks[0].fuzz), (2, 0, 0));
}

#[test]
fn or_to_the_nearest_place_that_is_like_it() {
    let done = patched("b\nc\nd\n1\n2\n3\n4\nb\nc\nd\n", "@@ -6,3 +6,3 @@\n b\n-c\n+C\n d\n", 0);
    assert_eq!(text(&done), "b\nc\nd\n1\n2\n3\n4\nb\nC\nd\n");
    assert_eq!((done.hunks[0].line, done.hunks[0].offset), (8, 2));
    let far = patched("0\n0\nb\nc\nd\n", "@@ -900000,3 +1,3 @@\n b\n-c\n+C\n d\n", 0);
    assert_eq!((text(&far), far.hunks[0].offset), ("0\n0\nb\nC\nd\n", 3 - 900_000));
}

#[test]
fn a_later_hunk_is_looked_for_where_an_earlier_one_was() {
    let hunks = "@@ -1,2 +1,2 @@\n-a\n+A\n b\n@@ -4,2 +4,2 @@\n-b\n+B\n c\n";
    let done = patched("0\n0\na\nb\nb\nc\nb\nc\nb\nc\n", &format!("{}@@ -2,2 +2,2 @@\n a\n-b\n+B\n", ""), 0);
    assert_eq!(done.hunks[0].misfit.as_ref().map(|misfit| misfit.is_applied), Some(false));
    let done = patched("a\nb\n0\n0\nb\nc\nb\nc\n", hunks, 0);
    assert_eq!(text(&done), "A\nb\n0\n0\nB\nc\nb\nc\n");
    assert_eq!(done.hunks[1].offset, 1);
}

#[test]
fn context_is_let_go_of_only_when_that_is_allowed() {
    let other = "a\nB!\nc\nd\ne\n";
    assert!(patched(other, MIDDLE, 0).text.is_none());
    let done = patched(other, MIDDLE, 1);
    assert_eq!(text(&done), "a\nB!\nC\nd\ne\n");
    assert_eq!(done.hunks[0].fuzz, 1);
    // What is taken away has to be there, whatever is let go of.
    assert!(patched("a\nb\nx\nd\ne\n", MIDDLE, 9).text.is_none());
}

#[test]
fn less_context_at_one_end_means_the_start_or_the_end_of_the_file() {
    let start = "@@ -1,2 +1,3 @@\n+0\n b\n c\n";
    assert!(patched("a\nb\nc\n", start, 0).text.is_none());
    assert_eq!(text(&patched("b\nc\n", start, 0)), "0\nb\nc\n");
    let end = "@@ -1,2 +1,3 @@\n a\n b\n+c\n";
    assert_eq!(text(&patched("0\na\nb\n", end, 0)), "0\na\nb\nc\n");
    assert!(patched("a\nb\n0\n", end, 0).text.is_none());
}

#[test]
fn a_hunk_that_fits_nowhere_says_what_is_there() {
    let done = patched("a\nb\nx\nd\n", MIDDLE, 2);
    let misfit = done.hunks[0].misfit.clone().unwrap();
    assert_eq!((misfit.line, misfit.is_applied), (3, false));
    assert_eq!((misfit.expected.as_deref(), misfit.found.as_deref()), (Some("c\n"), Some("x\n")));
    let short = patched("a\nb\n", MIDDLE, 2).hunks[0].misfit.clone().unwrap();
    assert_eq!((short.line, short.found), (3, None));
    let again = patched("a\nb\nC\nd\n", MIDDLE, 2).hunks[0].misfit.clone().unwrap();
    assert!(again.is_applied);
    let removed = patched("a\nd\n", "@@ -2 +1,0 @@\n-b\n", 2).hunks[0].misfit.clone().unwrap();
    assert!(!removed.is_applied, "nothing tells that from a line that never was there");
}

#[test]
fn lines_end_as_the_file_has_it() {
    let done = patched("a\r\nb\r\nc\r\nd\r\n", MIDDLE, 0);
    assert_eq!(text(&done), "a\r\nb\r\nC\r\nd\r\n");
    assert!(done.has_other_line_ends);
    let done = patched("a\nb\nc\nd\n", "@@ -2,3 +2,3 @@\n b\r\n-c\r\n+C\r\n d\r\n", 0);
    assert_eq!((text(&done), done.has_other_line_ends), ("a\nb\nC\nd\n", true));
    // A patch that is about line ends is taken as it is.
    let done = patched("a\r\nb\r\n", "@@ -1,2 +1,2 @@\n-a\r\n+a\n b\r\n", 0);
    assert_eq!((text(&done), done.has_other_line_ends), ("a\nb\r\n", false));
}

#[test]
fn no_line_is_glued_to_another() {
    assert_eq!(text(&patched("a", "@@ -1 +1,2 @@\n-a\n\\ No\n+a\n+b\n", 0)), "a\nb\n");
    let glued = patched("a\nb\n", "@@ -1 +1 @@\n-a\n+x\n\\ No\n", 0);
    assert_eq!(glued.hunks[0].misfit.as_ref().map(|misfit| misfit.line), Some(1));
    assert!(patched("a", "@@ -1,0 +2 @@\n+b\n", 0).text.is_none());
}

#[test]
fn new_lines_alone_go_where_they_say() {
    assert_eq!(text(&patched("", "@@ -0,0 +1 @@\n+a\n", 0)), "a\n");
    assert_eq!(text(&patched("b\n", "@@ -0,0 +1 @@\n+a\n", 0)), "a\nb\n");
    assert_eq!(text(&patched("b\n", "@@ -1,0 +2 @@\n+a\n", 0)), "b\na\n");
    assert!(patched("b\n", "@@ -2,0 +3 @@\n+a\n", 2).text.is_none());
    // With all context let go of, nothing would say where they go.
    assert!(patched("x\n", "@@ -1,2 +1,3 @@\n b\n+a\n c\n", 9).text.is_none());
}

#[test]
fn work_without_end_is_given_up() {
    let same = "a\n".repeat(60_000);
    let lines = format!("{} x\n+b\n{}", " a\n".repeat(20_000), " a\n".repeat(20_000));
    let done = patched(&same, &format!("@@ -1,40001 +1,40002 @@\n{lines}"), 100);
    assert!(done.hunks[0].misfit.as_ref().is_some_and(|misfit| misfit.is_given_up));
}

fn side() -> impl Strategy<Value = String> {
    let line = prop_oneof![Just("a\n"), Just("b\n"), Just("\n"), Just("c\r\n"), Just("-- x\n"), Just("@@ -1 +1 @@\n")];
    (proptest::collection::vec(line, 0..40), prop_oneof![Just(""), Just("end"), Just("a\r")])
        .prop_map(|(lines, end)| lines.concat() + end)
}

proptest! {
    #[test]
    fn a_difference_makes_one_text_the_other_and_back(old in side(), new in side(), context in 0_usize..5) {
        let mut sides = crate::files::diff::tests::sides(&old, &new);
        sides.context = context;
        let diff = crate::files::diff::tests::compare(&sides).text;
        if old == new {
            prop_assert!(diff.is_empty());
            return Ok(());
        }
        for reverse in [false, true] {
            let mut file = parse(&diff).unwrap().remove(0);
            let (mut before, mut after) = (&old, &new);
            if reverse {
                file = file.reversed();
                (before, after) = (after, before);
            }
            let done = apply(before.as_bytes(), &file.hunks, 0, &mut Work::new());
            prop_assert!(done.hunks.iter().all(|hunk| hunk.offset == 0), "{:?}", done);
            prop_assert_eq!(done.text.as_deref(), Some(after.as_bytes()), "{}", String::from_utf8_lossy(&diff));
        }
    }

    #[test]
    fn any_bytes_are_a_text(old in proptest::collection::vec(any::<u8>(), 0..60), new in proptest::collection::vec(any::<u8>(), 0..60)) {
        let mut sides = crate::files::diff::tests::sides("", "");
        (sides.old, sides.new) = (Some(old.clone()), Some(new.clone()));
        let found = crate::files::diff::tests::compare(&sides);
        if !found.is_binary && old != new {
            let file = parse(&found.text).unwrap().remove(0);
            let done = apply(&old, &file.hunks, 0, &mut Work::new());
            prop_assert_eq!(done.text, Some(new));
        }
    }

    #[test]
    fn whatever_a_hunk_says_nothing_breaks(
        text in side(), start in 0_usize..50, kinds in proptest::collection::vec(0_u8..3, 0..12), fuzz in 0_usize..4
    ) {
        let lines: String = kinds.iter().map(|kind| ["-a\n", "+b\n", " a\n"][usize::from(*kind)]).collect();
        let on = |kind: u8| kinds.iter().filter(|one| **one != kind).count();
        let patch = format!("--- a\n+++ b\n@@ -{start},{} +{start},{} @@\n{lines}", on(1), on(0));
        let files = parse(patch.as_bytes()).unwrap();
        drop(apply(text.as_bytes(), &files[0].hunks, fuzz, &mut Work::new()));
    }
}
