//! What the back end asks of whoever starts the program.

use super::*;

fn target(what: What) -> Target {
    Target {
        what,
        args: vec!["--verbose".to_owned(), "--".to_owned()],
        engine_args: vec!["-W".to_owned(), "error".to_owned()],
        cwd: "/workspace".to_owned(),
        stop_on_entry: true,
        just_my_code: vec!["/workspace".to_owned()],
        children: true,
        source_maps: false,
    }
}

#[test]
fn every_file_of_the_helper_is_put_beside_the_program() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/debug/python/helper");
    let mut on_disk: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".py"))
        .collect();
    on_disk.sort();
    let mut embedded: Vec<_> = HELPER.iter().map(|(name, _)| (*name).to_owned()).collect();
    embedded.sort();
    assert_eq!(embedded, on_disk);
    let preparation = Python.prepare(&target(What::File("/workspace/a.py".to_owned())), "/run/codebeaker/e").unwrap();
    assert!(preparation.side);
    assert!(preparation.files.iter().any(|(name, _)| name == "codebeaker_debug/__main__.py"));
    assert_eq!(preparation.files.len(), on_disk.len());
}

#[test]
fn what_belongs_to_the_program_stands_behind_the_helpers_own_arguments() {
    let preparation = Python.prepare(&target(What::File("/workspace/a.py".to_owned())), "/run/codebeaker/e").unwrap();
    let expected = [
        "-X",
        "frozen_modules=off",
        "-W",
        "error",
        "/run/codebeaker/e/codebeaker_debug/__main__.py",
        "--user-code",
        "/workspace",
        "--children",
        "/run/codebeaker/e/children",
        "--file",
        "/workspace/a.py",
        "--stop-on-entry",
        "--",
        "--verbose",
        "--",
    ];
    assert_eq!(preparation.args, expected);
}

#[test]
fn code_that_came_along_goes_by_a_plain_name() {
    let code = |name: &str| What::Code { name: name.to_owned(), text: Bytes::from_static(b"pass") };
    let preparation = Python.prepare(&target(code("cell.py")), "/run/codebeaker/e").unwrap();
    assert_eq!(preparation.files.last().unwrap(), &("cell.py".to_owned(), Bytes::from_static(b"pass")));
    for wrong in ["", "../cell.py", "/etc/passwd", ".hidden", "children", "codebeaker_debug", "a\0b"] {
        assert!(matches!(Python.prepare(&target(code(wrong)), "/d"), Err(Fault::Refused(_))), "{wrong:?}");
    }
}

#[test]
fn uncaught_exceptions_stop_the_program_unless_the_user_says_otherwise() {
    let filters = Python.capabilities().exception_breakpoint_filters.unwrap();
    let named: Vec<_> = filters.iter().map(|filter| (filter.filter.as_str(), filter.default)).collect();
    assert_eq!(named, [("raised", Some(false)), ("uncaught", Some(true)), ("userUnhandled", Some(false))]);
}
