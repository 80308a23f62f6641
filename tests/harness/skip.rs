//! Skipping aloud: a test that can't run here says why, and where nothing may be skipped it fails.
//!
//! Test runners keep what a passing test prints to themselves, so the reason also goes to the file that
//! `CODEBEAKER_SKIPS` names; `scripts/test.sh` prints it at the end.

use std::fs::OpenOptions;
use std::io::Write;

/// Says why the calling test does not run. The caller returns afterwards.
///
/// # Panics
/// With `CODEBEAKER_REQUIRE_ALL=1`, as in continuous integration.
pub(crate) fn skip(reason: &str) {
    let required = std::env::var_os("CODEBEAKER_REQUIRE_ALL").is_some_and(|value| value == "1");
    assert!(!required, "may not be skipped, but {reason}");
    note(reason);
}

/// Says what the calling test does without, where no machine can be expected to have it.
pub(crate) fn note(reason: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("skipped: {test}: {reason}\n");
    eprint!("{line}");
    if let Some(path) = std::env::var_os("CODEBEAKER_SKIPS") {
        let file = OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("note the skipped test");
    }
}
