//! Copying and moving: whole or not at all, whatever a program does meanwhile.

use codebeaker_agent::plan::Protection;
use codebeaker_agent::wire::{Copied, End, FileKind, FileOp, FileReply, FromAgent, Reach, ToAgent, Transfer};

use super::files::list;
use super::sandbox::{Sandbox, Setup, python};

fn order(from: &str, to: &str, overwrite: bool) -> Transfer {
    Transfer { from: from.into(), to: to.into(), overwrite, parents: false }
}

fn copy(from: &str, to: &str) -> FileOp {
    FileOp::Copy(order(from, to, false))
}

fn rename(from: &str, to: &str) -> FileOp {
    FileOp::Move(order(from, to, false))
}

impl Sandbox {
    fn copied(&mut self, op: FileOp) -> (Copied, bool) {
        match self.file(op) {
            Ok(FileReply::Copied { copied, replaced }) => (copied, replaced),
            other => panic!("not copied: {other:?}"),
        }
    }

    /// The fault of a copy or a move that leaves nothing behind.
    fn not_transferred(&mut self, op: FileOp) -> (i32, End, String) {
        let before = self.names(list("", 99)).0;
        let fault = match self.file(op.clone()) {
            Ok(FileReply::NotTransferred(fault)) => fault,
            other => panic!("{op:?} succeeded: {other:?}"),
        };
        assert!(!fault.done, "{fault:?}");
        assert_eq!(self.names(list("", 99)).0, before, "{op:?}");
        (fault.errno, fault.end, String::from_utf8(fault.below).unwrap())
    }
}

/// Every name below the current directory, with what it is.
const LOOK: &str = "find . -mindepth 1 -printf '%P %y %m %s %l %TY\\n' | sort";

#[test]
fn a_tree_is_copied_with_its_links_permissions_and_times() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let code = "
import os
os.makedirs('from/d/closed'); os.makedirs('from/empty'); os.mkfifo('from/pipe')
for name, size in (('a', 5), ('d/large', 300_000), ('d/closed/x', 1), ('d/b', 0)):
    open('from/' + name, 'wb').write(bytes(i * 7 // 3 % 251 for i in range(size)))
os.link('from/a', 'from/a2')
os.symlink('/etc/passwd', 'from/out'); os.symlink('a', 'from/d/in'); os.symlink('..', 'from/d/up')
os.chmod('from/a', 0o4711); os.chmod('from/d/closed', 0o500); os.chmod('from/d', 0o755)
for path, where, names in [('from', '', '')] + list(os.walk('from')):
    for name in ['.', *names] if names else ['.']:
        os.utime(os.path.join(path, name), ns=(1, 1_000_000_000_123_456_789), follow_symlinks=False)
os.utime('from/out', (5, 400_000_000), follow_symlinks=False)
";
    assert_eq!(sandbox.run(python(1, code)).exited.code, Some(0));
    let (copied, replaced) = sandbox.copied(copy("from", "to"));
    assert_eq!((copied, replaced), (Copied { entries: 12, bytes: 300_011, skipped: 1 }, false));
    assert_eq!(sandbox.shell(2, "diff -r --no-dereference --exclude=pipe from to && echo same"), "same\n");
    let look = |place: &str| {
        format!("cd {place} && {LOOK} | grep -v pipe | sed 's/ 4711/ 711/; s/ d \\([0-9]*\\) [0-9]*/ d \\1/'")
    };
    let (from, to) = (sandbox.shell(3, &look("from")), sandbox.shell(4, &look("to")));
    assert_eq!(from, to);
    assert!(from.contains("out l 777 11 /etc/passwd 1982\n") && from.contains("a f 711 5  2001\n"), "{from}");
    assert_eq!(sandbox.shell(5, "stat -c %h to/a; stat -c %.9Y to to/d/large | sort -u"), "1\n1000000000.123456789\n");
    for (from, to, entries) in [("from/a", "one", 1), ("from/out", "link", 1), ("from/empty/", "none/", 1)] {
        assert_eq!(sandbox.copied(copy(from, to)).0.entries, entries);
    }
    assert_eq!(sandbox.shell(6, "readlink link; stat -c '%a %Y' one"), "/etc/passwd\n711 1000000000\n");
}

#[test]
fn holes_stay_holes() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.shell(1, "truncate -s 1T sparse; printf end | dd of=sparse bs=1 seek=5000000 conv=notrunc 2>&1");
    let Ok(FileReply::Copied { copied, .. }) = sandbox.file(copy("sparse", "copy")) else { panic!("not copied") };
    assert_eq!(copied, Copied { entries: 1, bytes: 1 << 40, skipped: 0 });
    let looked = "stat -c %s copy; du -k copy | cut -f 1; dd if=copy bs=1 skip=5000000 count=3 2> /dev/null";
    let looked = sandbox.shell(2, looked);
    let lines: Vec<&str> = looked.lines().collect();
    assert_eq!((lines[0], lines[2]), ("1099511627776", "end"));
    assert!(lines[1].parse::<u32>().unwrap() < 1024, "{looked}");
}

#[test]
fn what_is_there_is_replaced_only_when_that_is_asked_for() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.shell(
        1,
        "echo one > a; echo two > b; ln -s b link; mkdir -p d/x full/y empty; echo d > d/x/f; echo old > full/y/g; chmod 500 full/y",
    );
    for op in [copy, rename] {
        for (from, to) in [("a", "b"), ("a", "d"), ("d", "full"), ("d", "a"), ("a", "link"), ("a", "a")] {
            assert_eq!(
                sandbox.not_transferred(op(from, to)),
                (libc::EEXIST, End::Target, String::new()),
                "{from} {to}"
            );
        }
    }
    for op in [FileOp::Copy, FileOp::Move] {
        for (from, to, errno) in [("a", "d", libc::EISDIR), ("d", "a", libc::ENOTDIR), ("d/x", "d", libc::EINVAL)] {
            let expected = (errno, End::Target, String::new());
            assert_eq!(sandbox.not_transferred(op(order(from, to, true))), expected, "{from} {to}");
        }
    }
    assert_eq!(
        sandbox.copied(FileOp::Copy(order("a", "b", true))),
        (Copied { entries: 1, bytes: 4, skipped: 0 }, true)
    );
    assert!(sandbox.copied(FileOp::Copy(order("a", "link", true))).1);
    assert!(sandbox.copied(FileOp::Copy(order("d", "full", true))).1);
    assert!(sandbox.copied(FileOp::Copy(order("d", "empty", true))).1);
    assert_eq!(
        sandbox.shell(2, "cat a b link full/x/f empty/x/f; test -L link || ls -A . full"),
        "one\none\none\nd\nd\n.:\na\nb\nd\nempty\nfull\nlink\n\nfull:\nx\n"
    );
    let moved = |replaced| Ok(FileReply::Moved { copied: None, replaced });
    for (from, to, overwrite, replaced) in
        [("a", "b", true, true), ("full", "d", true, true), ("d", "new", false, false), ("link", "link", true, false)]
    {
        assert_eq!(sandbox.file(FileOp::Move(order(from, to, overwrite))), moved(replaced), "{from} {to}");
    }
    sandbox.shell(3, "ln b hard");
    assert_eq!(sandbox.file(FileOp::Move(order("b", "hard", true))), moved(true));
    assert_eq!(
        sandbox.shell(4, "find . -mindepth 1 | sort | tr '\\n' ' '"),
        "./empty ./empty/x ./empty/x/f ./hard ./link ./new ./new/x ./new/x/f "
    );
}

#[test]
fn nothing_comes_into_itself() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.shell(1, "mkdir -p d/e/f; ln -s d/e inside; echo x > file");
    for op in [FileOp::Copy, FileOp::Move] {
        for to in ["d/new", "d/e/f/new", "inside/new", "d/e/../new"] {
            let expected = (libc::EINVAL, End::Target, String::new());
            assert_eq!(sandbox.not_transferred(op(order("d", to, false))), expected, "{to}");
        }
        for (from, to, end) in [("", "new", End::Source), ("d/..", "new", End::Source), ("d", ".", End::Target)] {
            assert_eq!(sandbox.not_transferred(op(order(from, to, false))), (libc::EINVAL, end, String::new()));
        }
        for (from, to, errno, end) in [
            ("none", "new", libc::ENOENT, End::Source),
            ("file", "none/new", libc::ENOENT, End::Target),
            ("file/x", "new", libc::ENOTDIR, End::Source),
            ("file", "file/x", libc::ENOTDIR, End::Target),
        ] {
            assert_eq!(sandbox.not_transferred(op(order(from, to, false))), (errno, end, String::new()));
        }
    }
    assert_eq!(sandbox.not_transferred(FileOp::Copy(order("file", "file", true))).0, libc::EINVAL);
    let parents = Transfer { parents: true, ..order("d/e", "new/deep/e", false) };
    assert_eq!(sandbox.copied(FileOp::Copy(parents.clone())).0.entries, 2);
    let order = Transfer { from: b"new/deep".to_vec(), to: b"d/e/f/g/h".to_vec(), ..parents };
    assert_eq!(sandbox.file(FileOp::Move(order)), Ok(FileReply::Moved { copied: None, replaced: false }));
    assert_eq!(sandbox.names(list("d", 99)).0.last().unwrap(), "e/f/g/h/e/f");
}

#[test]
fn what_fails_halfway_leaves_nothing() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.shell(1, "mkdir -p d/a/open d/z; echo 1 > d/a/open/f; chmod 500 d/a/open; echo 2 > d/z/secret; chmod 0 d/z/secret; mkfifo pipe");
    let expected = (libc::EACCES, End::Source, "z/secret".to_owned());
    assert_eq!(sandbox.not_transferred(copy("d", "to")), expected);
    assert_eq!(sandbox.not_transferred(copy("pipe", "to")), (libc::EOPNOTSUPP, End::Source, String::new()));
    sandbox.shell(2, "mkdir shut; chmod 500 shut");
    assert_eq!(sandbox.not_transferred(copy("d", "shut/to")), (libc::EACCES, End::Target, String::new()));
}

#[test]
fn a_copy_that_is_given_up_is_gone_and_holds_up_nobody() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    let code = "import os\nos.makedirs('many/d')\nfor i in range(60000): os.mknod(f'many/d/{i}')";
    assert_eq!(sandbox.run(python(1, code)).exited.code, Some(0));
    // More than are done at a time.
    for request in 0..12 {
        sandbox.send(&ToAgent::File { request, op: copy("many", &format!("copy{request}")) });
    }
    assert_eq!(sandbox.stat("many").kind, FileKind::Directory);
    for request in (0..12).rev() {
        sandbox.send(&ToAgent::GiveUp { request });
    }
    sandbox.send(&ToAgent::GiveUp { request: 77 });
    for _ in 0..12 {
        match sandbox.message() {
            FromAgent::File { request: 0..12, result: Ok(FileReply::NotTransferred(fault)) } => {
                assert_eq!((fault.errno, fault.done), (libc::ECANCELED, false));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(sandbox.names(list("", 1)).0, ["many"]);
}

#[test]
fn neither_end_leads_out_of_the_workspace() {
    for without in [vec![Protection::BeneathWorkspace], vec![]] {
        let Some(mut sandbox) = Sandbox::start(Setup { without: without.clone(), ..Setup::default() }) else { return };
        sandbox.shell(
            1,
            "mkdir -p /tmp/outside d; echo secret > /tmp/outside/secret; ln -s ../outside out; ln -s / root; ln -s /tmp/outside/secret link; echo mine > mine",
        );
        if !without.is_empty() {
            for (execution, op, shown) in [
                (2, copy("out/secret", "stolen"), "stolen"),
                (3, copy("mine", "out/planted"), "/tmp/outside/planted"),
                (4, rename("out/secret", "taken"), "taken"),
            ] {
                assert!(!matches!(sandbox.file(op), Ok(FileReply::NotTransferred(_))), "the attack does not work");
                sandbox.shell(execution, &format!("cat {shown}"));
            }
            continue;
        }
        for op in [FileOp::Copy, FileOp::Move] {
            for path in ["out/secret", "root/etc/passwd", "../outside/secret", "/tmp/outside/secret", "d/../../outside"]
            {
                let fault = sandbox.not_transferred(op(order(path, "stolen", true)));
                assert_eq!(fault, (libc::EXDEV, End::Source, String::new()), "{path}");
                let to = Transfer { parents: true, ..order("mine", &format!("{path}/planted"), true) };
                let fault = sandbox.not_transferred(op(to));
                assert_eq!(fault, (libc::EXDEV, End::Target, String::new()), "{path}");
            }
        }
        // Links are copied, moved and replaced themselves.
        sandbox.copied(copy("link", "d/link"));
        sandbox.copied(FileOp::Copy(order("mine", "link", true)));
        assert_eq!(sandbox.file(rename("out", "elsewhere")), Ok(FileReply::Moved { copied: None, replaced: false }));
        assert_eq!(
            sandbox.shell(3, "readlink d/link elsewhere; cat link; cd /tmp/outside; ls; cat secret"),
            "/tmp/outside/secret\n../outside\nmine\nsecret\nsecret\n"
        );
    }
}

#[test]
fn trees_that_change_while_they_are_copied_are_never_left() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.shell(1, "mkdir /tmp/outside; for i in $(seq 50); do echo secret > /tmp/outside/$i; done; mkdir w");
    let code = "import os\n\
                os.makedirs('t/' + 'x/' * 40); print('ready', flush=True)\n\
                while True:\n\
                \x20for step in (\n\
                \x20 lambda: os.makedirs('t/' + 'x/' * 40),\n\
                \x20 lambda: os.rename('t/x/x/x/x', 't/y'), lambda: os.symlink('/tmp/outside', 't/x/x/x/x'),\n\
                \x20 lambda: os.unlink('t/x/x/x/x'), lambda: os.rename('t/y', 't/x/x/x/x'),\n\
                \x20 lambda: os.rename('w', 'v'), lambda: os.symlink('/tmp/outside', 'w'), lambda: os.unlink('w'),\n\
                \x20 lambda: os.rename('v', 'w')):\n\
                \x20 try: step()\n\
                \x20 except OSError: pass";
    sandbox.spawn(python(2, code));
    sandbox.started(2);
    sandbox.await_output(2, "ready");
    let mut done = [0, 0];
    for round in 0..600 {
        let op = if round % 3 == 2 { FileOp::Move } else { FileOp::Copy };
        for order in [order("t", "w/t", true), order("w/1", "stolen", true), order("t/x/x/x/x/1", "stolen", true)] {
            let answer = sandbox.file(op(order));
            done[usize::from(matches!(answer, Ok(FileReply::NotTransferred(_))))] += 1;
        }
    }
    sandbox.signal(2, libc::SIGKILL, Reach::Tree);
    sandbox.finish(2);
    assert!(done[0] > 0 && done[1] > 0, "{done:?}");
    assert_eq!(
        sandbox.shell(3, "ls /tmp/outside | wc -l; cat /tmp/outside/* | sort -u; find . -type f").trim(),
        "50\nsecret"
    );
}
