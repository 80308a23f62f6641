//! File requests, among them those that a hostile workspace makes dangerous.

use codebeaker_agent::plan::Protection;
use codebeaker_agent::wire::{
    Area, Existing, FILE_CHUNK_BYTES, FileFault, FileKind, FileOp, FileReply, FileStat, FileTag, ToAgent, WriteTarget,
};

use super::sandbox::{Sandbox, Setup, python, shell};

pub(super) fn target(path: &str, existing: Existing) -> WriteTarget {
    WriteTarget {
        path: path.as_bytes().to_vec(),
        area: Area::Workspace,
        existing,
        mode: None,
        parents: false,
        if_match: None,
    }
}

pub(super) fn create(target: WriteTarget, data: &[u8]) -> FileOp {
    FileOp::Create { handle: 1, target, data: data.to_vec(), last: true }
}

pub(super) fn replace(path: &str, data: &[u8]) -> FileOp {
    create(target(path, Existing::Replace), data)
}

pub(super) fn read(path: &str) -> FileOp {
    FileOp::Read { path: path.as_bytes().to_vec(), offset: 0, max: FILE_CHUNK_BYTES as u32 }
}

pub(super) fn stat(path: &str) -> FileOp {
    FileOp::Stat { path: path.as_bytes().to_vec() }
}

pub(super) fn list(path: &str, depth: u32) -> FileOp {
    FileOp::List { path: path.as_bytes().to_vec(), depth, hidden: true, limit: 100_000 }
}

pub(super) fn remove(path: &str, recursive: bool) -> FileOp {
    FileOp::Remove { path: path.as_bytes().to_vec(), area: Area::Workspace, recursive }
}

impl Sandbox {
    pub(super) fn written(&mut self, op: FileOp) -> (FileStat, bool) {
        match self.file(op) {
            Ok(FileReply::Written { stat, created }) => (stat, created),
            other => panic!("not written: {other:?}"),
        }
    }

    pub(super) fn data(&mut self, op: FileOp) -> Vec<u8> {
        match self.file(op) {
            Ok(FileReply::Data { data, .. }) => data,
            other => panic!("not read: {other:?}"),
        }
    }

    pub(super) fn stat(&mut self, path: &str) -> FileStat {
        match self.file(stat(path)) {
            Ok(FileReply::Stat { stat, .. }) => stat,
            other => panic!("no stat of {path}: {other:?}"),
        }
    }

    pub(super) fn names(&mut self, op: FileOp) -> (Vec<String>, bool) {
        match self.file(op) {
            Ok(FileReply::Entries { entries, truncated, .. }) => {
                let names = entries.iter().map(|entry| String::from_utf8_lossy(&entry.path).into_owned());
                (names.collect(), truncated)
            }
            other => panic!("not listed: {other:?}"),
        }
    }

    pub(super) fn refused(&mut self, op: FileOp) -> i32 {
        match self.file(op.clone()) {
            Err(FileFault { errno }) => errno,
            other => panic!("{op:?} succeeded: {other:?}"),
        }
    }

    pub(super) fn shell(&mut self, execution: u32, script: &str) -> String {
        let outcome = self.run(shell(execution, script));
        assert_eq!(outcome.exited.code, Some(0), "{script}: {}", String::from_utf8_lossy(&outcome.stderr));
        outcome.text()
    }
}

#[test]
fn a_file_is_written_read_and_looked_at() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let (stat, created) = sandbox.written(replace("a.txt", b"hello"));
    assert!(created);
    assert_eq!((stat.kind, stat.mode, stat.tag.size), (FileKind::File, 0o644, 5));
    assert_eq!(sandbox.stat("a.txt"), stat);
    assert_eq!(sandbox.data(read("a.txt")), b"hello");
    let part = |offset, max| FileOp::Read { path: b"a.txt".to_vec(), offset, max };
    assert_eq!(sandbox.data(part(1, 3)), b"ell");
    assert_eq!(sandbox.data(part(5, 9)), b"");
    assert_eq!(sandbox.data(part(u64::MAX, 9)), b"");
    assert_eq!(sandbox.shell(1, "cat a.txt; ls -A"), "helloa.txt\n");
    assert_eq!(sandbox.refused(read("none")), libc::ENOENT);
    assert_eq!(sandbox.refused(stat_of_nul()), libc::EINVAL);
    assert_eq!(sandbox.stat("").kind, FileKind::Directory);
}

fn stat_of_nul() -> FileOp {
    FileOp::Stat { path: b"a\0b".to_vec() }
}

#[test]
fn a_large_file_goes_in_pieces_in_both_directions() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let bytes: Vec<u8> = (0..FILE_CHUNK_BYTES * 5 / 2).map(|at| (at % 251) as u8).collect();
    let mut pieces = bytes.chunks(FILE_CHUNK_BYTES);
    let first = pieces.next().unwrap().to_vec();
    let op = FileOp::Create { handle: 9, target: target("big", Existing::Replace), data: first, last: false };
    sandbox.send(&ToAgent::File { request: 1, op });
    let op = FileOp::Continue { handle: 9, data: pieces.next().unwrap().to_vec(), last: false };
    sandbox.send(&ToAgent::File { request: 2, op });
    // Nothing is there until all is.
    assert_eq!(sandbox.refused(stat("big")), libc::ENOENT);
    let last = pieces.next().unwrap().to_vec();
    let (stat, created) = sandbox.written(FileOp::Continue { handle: 9, data: last, last: true });
    assert_eq!((stat.tag.size, created), (bytes.len() as u64, true));
    let mut read = Vec::new();
    while read.len() < bytes.len() {
        let piece = FileOp::Read { path: b"big".to_vec(), offset: read.len() as u64, max: u32::MAX };
        read.extend(sandbox.data(piece));
    }
    assert!(read == bytes, "what was read differs");
    assert_eq!(sandbox.names(list("", 1)).0, ["big"]);
}

#[test]
fn what_becomes_of_a_file_that_exists_is_as_asked() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.shell(1, "printf 0123456789 > f; chmod 750 f; mkdir d");
    let (stat, created) = sandbox.written(replace("f", b"abcdef"));
    assert_eq!((created, stat.mode), (false, 0o750));
    assert_eq!(sandbox.written(create(target("f", Existing::Append), b"gh")).0.tag.size, 8);
    sandbox.written(create(target("f", Existing::PatchAt(2)), b"XY"));
    sandbox.written(create(target("f", Existing::PatchAt(10)), b"Z"));
    assert_eq!(sandbox.data(read("f")), b"abXYefgh\0\0Z");
    assert_eq!(sandbox.refused(create(target("f", Existing::Refuse), b"x")), libc::EEXIST);
    assert_eq!(sandbox.refused(create(target("f", Existing::PatchAt(u64::MAX)), b"x")), libc::EFBIG);
    assert!(sandbox.written(create(target("new", Existing::Refuse), b"x")).1);
    assert!(sandbox.written(create(target("appended", Existing::Append), b"x")).1);
    let mode = WriteTarget { mode: Some(0o4711), ..target("f", Existing::Replace) };
    assert_eq!(sandbox.written(create(mode, b"")).0.mode, 0o711);
    for existing in [Existing::Replace, Existing::Append, Existing::PatchAt(0)] {
        assert_eq!(sandbox.refused(create(target("d", existing), b"x")), libc::EISDIR);
        assert_eq!(sandbox.refused(create(target("d/", existing), b"x")), libc::EISDIR);
    }
    assert_eq!(sandbox.refused(read("d")), libc::EISDIR);
    assert_eq!(sandbox.names(list("", 1)).0, ["appended", "d", "f", "new"]);
}

#[test]
fn missing_directories_are_made_only_when_asked() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    assert_eq!(sandbox.refused(replace("a/b/c", b"x")), libc::ENOENT);
    let deep = WriteTarget { parents: true, ..target("a//b/./../b2/c", Existing::Replace) };
    sandbox.written(create(deep, b"x"));
    assert_eq!(sandbox.names(list("", 9)).0, ["a", "a/b", "a/b2", "a/b2/c"]);
    let outside = WriteTarget { parents: true, ..target("a/../../b/c", Existing::Replace) };
    assert_eq!(sandbox.refused(create(outside, b"x")), libc::EXDEV);
}

#[test]
fn a_write_can_depend_on_what_is_there() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let tag = sandbox.written(replace("f", b"one")).0.tag;
    let matching = |tag: FileTag, existing| WriteTarget { if_match: Some(tag), ..target("f", existing) };
    let tag = sandbox.written(create(matching(tag, Existing::Replace), b"two")).0.tag;
    sandbox.shell(1, "echo three > f");
    for existing in [Existing::Replace, Existing::Append, Existing::PatchAt(0)] {
        assert_eq!(sandbox.refused(create(matching(tag, existing), b"x")), libc::ESTALE);
    }
    // Changed between the first message and the last.
    let tag = sandbox.stat("f").tag;
    let op = FileOp::Create { handle: 1, target: matching(tag, Existing::Replace), data: Vec::new(), last: false };
    sandbox.send(&ToAgent::File { request: 1, op });
    sandbox.shell(2, "echo four > f");
    assert_eq!(sandbox.refused(FileOp::Continue { handle: 1, data: b"x".to_vec(), last: true }), libc::ESTALE);
    assert_eq!(sandbox.data(read("f")), b"four\n");
    assert_eq!(sandbox.names(list("", 1)).0, ["f"]);
    sandbox.shell(3, "rm f");
    assert_eq!(sandbox.refused(create(matching(tag, Existing::Replace), b"x")), libc::ESTALE);
}

#[test]
fn a_reader_sees_the_old_file_or_the_new_one() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.written(replace("f", &[b'0'; 100_000]));
    let code = "bad = 0; seen = set()\n\
                while len(seen) < 5:\n\
                \x20b = open('f', 'rb').read()\n\
                \x20bad += len(b) != 100000 or len(set(b)) != 1\n\
                \x20if b[:1] not in seen: seen.add(b[:1]); print('saw', b[0], flush=True)\n\
                print(bad, 'bad')";
    sandbox.spawn(python(1, code));
    sandbox.started(1);
    for round in b'0'..=b'4' {
        if round > b'0' {
            // In two messages, with time for a reader to come between them.
            let data = vec![round; 50_000];
            let target = target("f", Existing::Replace);
            let op = FileOp::Create { handle: 1, target, data: data.clone(), last: false };
            sandbox.send(&ToAgent::File { request: 1, op });
            std::thread::sleep(std::time::Duration::from_millis(50));
            sandbox.written(FileOp::Continue { handle: 1, data, last: true });
        }
        sandbox.await_output(1, &format!("saw {round}\n"));
    }
    assert!(sandbox.finish(1).text().ends_with("\n0 bad\n"));
}

#[test]
fn the_first_fault_of_a_write_is_its_answer() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let op = FileOp::Create { handle: 3, target: target("no/f", Existing::Replace), data: vec![1], last: false };
    sandbox.send(&ToAgent::File { request: 1, op });
    let go_on = |last| FileOp::Continue { handle: 3, data: vec![2], last };
    sandbox.send(&ToAgent::File { request: 2, op: go_on(false) });
    assert_eq!(sandbox.refused(go_on(true)), libc::ENOENT);
    // The handle is free again, and means nothing.
    assert_eq!(sandbox.refused(go_on(true)), libc::EBADF);
    // So many at once and no more; one that is begun again forgets what it was.
    for handle in 0..65 {
        let target = target(&format!("f{handle}"), Existing::Replace);
        sandbox
            .send(&ToAgent::File { request: 1, op: FileOp::Create { handle, target, data: Vec::new(), last: false } });
    }
    assert_eq!(sandbox.refused(FileOp::Continue { handle: 64, data: Vec::new(), last: true }), libc::EMFILE);
    for handle in 0..64 {
        let target = target("same", Existing::Replace);
        sandbox.written(FileOp::Create { handle, target, data: Vec::new(), last: true });
    }
    assert_eq!(sandbox.names(list("", 1)).0, ["same"]);
}

#[test]
fn nothing_leads_out_of_the_workspace() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.shell(
        1,
        "echo secret > /tmp/secret; mkdir /tmp/outside d; echo inside > d/f\n\
         ln -s /etc/passwd passwd; ln -s ../secret up; ln -s / root; ln -s /proc/1/environ environ\n\
         ln -s /proc/self/root magic; ln -s ../outside outside; ln -s d/f good; ln -s ../d/f d/up; ln -s loop loop\n\
         ln -s nothing dangling; ln /tmp/secret hard || true",
    );
    let escapes = [
        "passwd",
        "up",
        "root/etc/passwd",
        "environ",
        "magic/etc/passwd",
        "../secret",
        "/etc/passwd",
        "d/../../secret",
    ];
    for path in escapes {
        assert_eq!(sandbox.refused(read(path)), libc::EXDEV, "read {path}");
    }
    for path in escapes.into_iter().chain(["outside/f", "root/tmp/f"]) {
        for existing in [Existing::Replace, Existing::Append, Existing::PatchAt(0)] {
            assert_eq!(sandbox.refused(create(target(path, existing), b"x")), libc::EXDEV, "write {path}");
        }
    }
    for path in ["../secret", "root/tmp/secret", "/tmp/secret", "magic/tmp/secret", "../workspace/d/f"] {
        assert_eq!(sandbox.refused(stat(path)), libc::EXDEV);
        assert_eq!(sandbox.refused(remove(path, true)), libc::EXDEV);
    }
    for path in ["root", "outside", "..", "/", "magic"] {
        assert_eq!(sandbox.refused(list(path, 1)), libc::EXDEV);
    }
    assert_eq!(sandbox.refused(read("loop")), libc::ELOOP);
    assert_eq!(sandbox.refused(replace("loop", b"x")), libc::ELOOP);
    // Links that stay inside are links.
    assert_eq!(sandbox.data(read("good")), b"inside\n");
    assert_eq!(sandbox.data(read("d/up")), b"inside\n");
    assert_eq!(sandbox.stat("good").kind, FileKind::Symlink);
    assert!(!sandbox.written(replace("good", b"changed")).1);
    assert!(sandbox.written(replace("dangling", b"new")).1);
    assert_eq!(sandbox.shell(2, "cat d/f nothing; readlink good dangling"), "changednewd/f\nnothing\n");
    // Removing a link, or a tree with links in it, touches nothing behind them.
    for path in ["root", "outside", "d"] {
        assert!(matches!(sandbox.file(remove(path, true)), Ok(FileReply::Removed { .. })));
    }
    assert_eq!(
        sandbox.shell(3, "cat /tmp/secret; ls -d /tmp/outside /etc/passwd"),
        "secret\n/etc/passwd\n/tmp/outside\n"
    );
}

#[test]
fn without_its_protection_a_link_leads_out() {
    let Some(mut sandbox) = Sandbox::start(Setup { without: vec![Protection::BeneathWorkspace], ..Setup::default() })
    else {
        return;
    };
    sandbox.shell(1, "echo secret > /tmp/secret; ln -s /tmp/secret link");
    assert_eq!(sandbox.data(read("link")), b"secret\n");
    sandbox.written(replace("link", b"changed"));
    assert_eq!(sandbox.shell(2, "cat /tmp/secret"), "changed");
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let code = "import os,socket\n\
                os.mkfifo('fifo'); os.mkfifo('held')\n\
                s = socket.socket(socket.AF_UNIX); s.bind('socket')\n\
                os.symlink('/dev/zero', 'zero'); os.symlink('/dev/tty', 'tty')\n\
                print('ready', flush=True)\n\
                f = os.open('held', os.O_RDWR); import time; time.sleep(60)";
    sandbox.spawn(python(1, code));
    sandbox.started(1);
    sandbox.await_output(1, "ready");
    for path in ["fifo", "held", "socket"] {
        let errno = sandbox.refused(read(path));
        assert!([libc::EOPNOTSUPP, libc::ENXIO].contains(&errno), "{path}: {errno}");
        for existing in [Existing::Replace, Existing::Append, Existing::PatchAt(0)] {
            assert_eq!(sandbox.refused(create(target(path, existing), b"x")), libc::EOPNOTSUPP);
        }
        assert_eq!(sandbox.stat(path).kind, FileKind::Other);
    }
    for path in ["zero", "tty"] {
        assert_eq!(sandbox.refused(read(path)), libc::EXDEV);
    }
}

#[test]
fn code_lies_where_it_can_be_run_but_not_in_the_workspace() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let code = WriteTarget { area: Area::Code, ..target("1/main.sh", Existing::Refuse) };
    sandbox.written(create(WriteTarget { parents: true, ..code }, b"echo run"));
    assert_eq!(sandbox.shell(1, "sh /tmp/code/1/main.sh; ls -A"), "run\n");
    let all = FileOp::Remove { path: b"1".to_vec(), area: Area::Code, recursive: true };
    assert_eq!(sandbox.file(all), Ok(FileReply::Removed { count: 2 }));
}

#[test]
fn a_file_is_removed_only_as_it_was_seen() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.shell(1, "mkdir -p d; echo a > d/f; ln -s f d/link; ln -s /etc/passwd out; ln -s / root");
    let seen = sandbox.stat("d/f").tag;
    let removal = |path: &str, if_match| FileOp::RemoveFile { path: path.into(), if_match };
    sandbox.shell(2, "echo b >> d/f");
    assert_eq!(sandbox.refused(removal("d/f", seen)), libc::ESTALE);
    let now = sandbox.stat("d/f").tag;
    // Neither a directory nor a link is a file, even where the tag is right.
    for path in ["d", "d/link", "out"] {
        let tag = sandbox.stat(path).tag;
        assert!([libc::EISDIR, libc::EOPNOTSUPP].contains(&sandbox.refused(removal(path, tag))), "{path}");
    }
    assert_eq!(sandbox.refused(removal("root/etc/passwd", now)), libc::EXDEV);
    assert_eq!(sandbox.refused(removal("../f", now)), libc::EXDEV);
    assert_eq!(sandbox.file(removal("d/f", now)), Ok(FileReply::Removed { count: 1 }));
    assert_eq!(sandbox.refused(removal("d/f", now)), libc::ENOENT);
}
