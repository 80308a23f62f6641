//! Listing and removing directories: any depth, any number, any hostility.

use codebeaker_agent::wire::{FileKind, FileOp, FileReply, ToAgent};

use super::files::{list, read, remove, replace};
use super::sandbox::{Sandbox, Setup, python};

#[test]
fn a_listing_is_sorted_bounded_and_true_to_the_bytes_of_names() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.run(python(
        1,
        "import os\n\
         for d in ('b', 'a/x', 'a/.h', '.hidden'): os.makedirs(d)\n\
         for f in (b'b/2', b'b/10', b'a/x/deep', b'c\\xff\\n', b'.hidden/f', b'a/.h/f'): open(f, 'w')\n\
         os.symlink('a', 'link')",
    ));
    let (names, truncated) = sandbox.names(list("", 1));
    assert_eq!((names.len(), truncated), (5, false));
    let Ok(FileReply::Entries { entries, .. }) = sandbox.file(list("", 9)) else { panic!("not listed") };
    let paths: Vec<&[u8]> = entries.iter().map(|entry| entry.path.as_slice()).collect();
    let expected: [&[u8]; 12] = [
        b".hidden",
        b"a",
        b"b",
        b"c\xff\n",
        b"link",
        b".hidden/f",
        b"a/.h",
        b"a/x",
        b"a/.h/f",
        b"a/x/deep",
        b"b/10",
        b"b/2",
    ];
    assert_eq!(paths, expected);
    assert_eq!(entries[4].stat.kind, FileKind::Symlink);
    let some = |depth, hidden, limit| FileOp::List { path: b"a".to_vec(), depth, hidden, limit };
    assert_eq!(sandbox.names(some(9, false, 9)), (vec!["x".to_owned(), "x/deep".to_owned()], false));
    assert!(!sandbox.names(some(9, true, 4)).1);
    assert_eq!(sandbox.names(some(9, true, 3)), (vec![".h".to_owned(), "x".to_owned(), ".h/f".to_owned()], true));
    assert_eq!(sandbox.names(some(1, true, 1)), (vec![".h".to_owned()], true));
    assert_eq!(sandbox.refused(list("b/2", 1)), libc::ENOTDIR);
    sandbox.shell(2, "mkdir closed; touch closed/f; chmod 0 closed");
    assert!(sandbox.names(list("", 9)).0.contains(&"closed".to_owned()));
    assert_eq!(sandbox.refused(list("closed", 9)), libc::EACCES);
}

#[test]
fn a_directory_goes_only_when_it_is_empty_or_all_of_it_is_meant() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.shell(1, "mkdir -p d/e/f g; touch d/1 d/e/2 d/e/f/3 file; ln -s d link; mkfifo d/p");
    assert_eq!(sandbox.refused(remove("d", false)), libc::ENOTEMPTY);
    for (path, recursive, count) in [("g", false, 1), ("file", false, 1), ("link", true, 1), ("d", true, 7)] {
        assert_eq!(sandbox.file(remove(path, recursive)), Ok(FileReply::Removed { count }));
    }
    assert_eq!(sandbox.refused(remove("d", true)), libc::ENOENT);
    for path in ["", ".", "x/.."] {
        assert_eq!(sandbox.refused(remove(path, true)), libc::EINVAL);
    }
    // What can't be removed stays, the rest goes.
    sandbox.shell(2, "mkdir -p d/keep d/go/deep; touch d/keep/f d/go/deep/f; chmod 500 d/keep");
    assert_eq!(sandbox.refused(remove("d", true)), libc::EACCES);
    assert_eq!(sandbox.names(list("", 9)).0, ["d", "d/keep", "d/keep/f"]);
}

#[test]
fn a_tree_of_any_depth_is_listed_and_removed() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    const DEPTH: usize = 15_000;
    // Beside each directory a second one, so that there is something to come back for.
    let code = format!(
        "import os\n\
         for i in range({DEPTH}):\n\
         \x20os.mkdir('d'); os.mkdir('e'); open('f', 'w').close(); os.chdir('d')\n\
         print(i + 1)"
    );
    assert_eq!(sandbox.run(python(1, &code)).text(), format!("{DEPTH}\n"));
    let deepest = ["d"; DEPTH].join("/");
    // The paths of all of them are more than a listing may have.
    let middle = ["d"; DEPTH - 1_000].join("/");
    let (names, truncated) = sandbox.names(list(&middle, u32::MAX));
    assert_eq!((names.len(), truncated), (1_000 * 3, false));
    assert!(middle.len() + 1 + names.iter().map(String::len).max().unwrap() == deepest.len());
    let (names, truncated) =
        sandbox.names(FileOp::List { path: Vec::new(), depth: u32::MAX, hidden: true, limit: 900 });
    assert_eq!((names.len(), truncated), (900, true));
    assert_eq!(sandbox.stat(&deepest).kind, FileKind::Directory);
    sandbox.written(replace(&format!("{deepest}/file"), b"down here"));
    assert_eq!(sandbox.data(read(&format!("{deepest}/file"))), b"down here");
    assert_eq!(sandbox.file(remove("d", true)), Ok(FileReply::Removed { count: DEPTH as u64 * 3 - 1 }));
    assert_eq!(sandbox.names(list("", 1)).0, ["e", "f"]);
}

#[test]
fn a_long_request_holds_up_no_other() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let code = "import os\nos.mkdir('many')\nfor i in range(60000): os.mknod(f'many/{i:06}')";
    assert_eq!(sandbox.run(python(1, code)).exited.code, Some(0));
    let (names, truncated) = sandbox.names(list("many", 1));
    assert_eq!((names.len(), truncated), (60_000, false));
    assert!(names.is_sorted());
    sandbox.send(&ToAgent::File { request: 5, op: remove("many", true) });
    // This answer comes first, although it was asked for later.
    assert_eq!(sandbox.stat("").kind, FileKind::Directory);
    let answer = sandbox.message();
    let removed = Ok(FileReply::Removed { count: 60_001 });
    assert_eq!(answer, codebeaker_agent::wire::FromAgent::File { request: 5, result: removed });
}

#[test]
fn a_workspace_that_changes_while_it_is_walked_is_never_left() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.shell(1, "mkdir /tmp/outside; for i in $(seq 200); do touch /tmp/outside/$i; done");
    let code = "import os,shutil\n\
                os.makedirs('t/' + 'x/' * 40); print('ready', flush=True)\n\
                while True:\n\
                \x20for step in (\n\
                \x20 lambda: os.makedirs('t/' + 'x/' * 40),\n\
                \x20 lambda: os.rename('t/x/x/x/x', 't/y'), lambda: os.symlink('/tmp/outside', 't/x/x/x/x'),\n\
                \x20 lambda: os.rename('t/y', 'z'), lambda: os.unlink('t/x/x/x/x'), lambda: os.rename('z', 't/x/x/x/x'),\n\
                \x20 lambda: os.symlink('../../outside', 'link'), lambda: os.rename('link', 'w'), lambda: os.mkdir('w'),\n\
                \x20 lambda: os.unlink('w'), lambda: os.rmdir('w')):\n\
                \x20 try: step()\n\
                \x20 except OSError: pass";
    sandbox.spawn(python(2, code));
    sandbox.started(2);
    sandbox.await_output(2, "ready");
    for _ in 0..300 {
        if let Ok(FileReply::Entries { entries, .. }) = sandbox.file(list("", 99)) {
            let digits = |path: &[u8]| path.last().is_some_and(u8::is_ascii_digit);
            assert!(!entries.iter().any(|entry| digits(&entry.path)), "listed what is outside");
        }
        drop(sandbox.file(remove("t", true)));
        drop(sandbox.file(replace("w/201", b"x")));
    }
    sandbox.signal(2, libc::SIGKILL, codebeaker_agent::wire::Reach::Tree);
    sandbox.finish(2);
    assert_eq!(sandbox.shell(3, "ls /tmp/outside | wc -l").trim(), "200");
}
