//! The agent as PID 1 of containers: what it does in namespaces it does here too, under each runtime that the
//! engine has. The engine's own command line makes the containers, so that nothing but the agent is tried.

mod boxes;
mod joining;
#[path = "../harness/skip.rs"]
#[allow(dead_code, reason = "a part that this test does not need")]
mod skip;

use boxes::{Container, echo, finish, on_each, program, shell};
use bytes::Bytes;
use codebeaker::agent::frame::Stream;
use codebeaker::agent::plan::Confinement;
use codebeaker::agent::wire::{
    Area, Cause, Endpoint, Existing, FileKind, FileOp, FileReply, Reach, TerminalSize, WriteTarget,
};
use codebeaker::agent::{LinkError, wire};
use tokio::io::AsyncReadExt;

fn file(path: &str) -> WriteTarget {
    WriteTarget {
        path: path.as_bytes().to_vec(),
        area: Area::Workspace,
        existing: Existing::Replace,
        mode: None,
        parents: true,
        if_match: None,
    }
}

#[test]
fn programs_run_as_an_ordinary_user_without_privileges() {
    on_each(|runtime| async move {
        let standing = Container::new(runtime).stand().await.unwrap();
        assert_eq!(standing.ready.version, wire::VERSION);
        assert_eq!(standing.says("id -u; pwd; echo $$ > here; cat here | wc -l").await, "1000\n/workspace\n1");
        let status = standing.says("cat /proc/self/status").await;
        assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
        let python = standing.run(program(&["python3", "-c", "import os; print(6 * 7, os.listdir('/proc/self/fd'))"]));
        assert_eq!(python.await.text.trim(), "42 ['0', '1', '2', '3']");
        standing.end().await;
    });
}

#[test]
fn what_is_printed_comes_whole_and_in_order() {
    on_each(|runtime| async move {
        let standing = Container::new(runtime).stand().await.unwrap();
        let counted = standing.run(shell("seq 1 200000")).await;
        assert_eq!(counted.exited.code, Some(0));
        assert!(counted.text.lines().map(|line| line.parse::<u32>().unwrap()).eq(1..=200_000));
        standing.end().await;
    });
}

#[test]
fn a_program_reads_its_input_to_the_end() {
    on_each(|runtime| async move {
        let standing = Container::new(runtime).stand().await.unwrap();
        let mut counter = program(&["wc", "-c"]);
        counter.stdin = true;
        let mut process = standing.start(counter).await;
        let stdin = process.stdin();
        stdin.write(&vec![b'x'; 1_000_000]).await.unwrap();
        stdin.close().await.unwrap();
        assert_eq!(finish(&mut process).await.text.trim(), "1000000");
        standing.end().await;
    });
}

#[test]
fn a_signal_reaches_a_program_and_a_kill_reaches_all_it_started() {
    on_each(|runtime| async move {
        let standing = Container::new(runtime).stand().await.unwrap();
        let mut process =
            standing.start(shell("trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.1; done")).await;
        let mut stdout = process.output(Stream::Stdout);
        assert_eq!(&stdout.next().await.unwrap().unwrap()[..], b"ready\n");
        process.signals().send(2, Reach::Foreground).await.unwrap();
        let output = finish(&mut process).await;
        assert_eq!((output.exited.code, output.text.trim()), (Some(3), "caught"));

        let tree = "sleep 1000 & (setsid sleep 1001 & setsid sh -c 'sleep 1002 & sleep 1003' &) ; echo ready; wait";
        let mut process = standing.start(shell(tree)).await;
        let mut stdout = process.output(Stream::Stdout);
        assert_eq!(&stdout.next().await.unwrap().unwrap()[..], b"ready\n");
        process.signals().send(9, Reach::Tree).await.unwrap();
        assert_eq!(finish(&mut process).await.exited.signal, Some(9));
        assert_eq!(
            standing.says("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c '^slee[p] 100' || true").await,
            "0"
        );
        standing.end().await;
    });
}

#[test]
fn what_a_program_leaves_behind_ends_with_it() {
    on_each(|runtime| async move {
        let standing = Container::new(runtime).stand().await.unwrap();
        let left = standing.run(shell("(setsid sh -c 'while :; do sleep 1000; done' &) ; sleep 0.3; echo left")).await;
        assert_eq!((left.exited.code, left.text.trim()), (Some(0), "left"));
        let listed = "for entry in /proc/[0-9]*; do tr '\\0' ' ' < $entry/cmdline 2>/dev/null; echo; done | grep -c 'sleep 100[0]' || true";
        assert_eq!(standing.says(listed).await, "0");
        standing.end().await;
    });
}

#[test]
fn a_program_in_a_terminal_sees_its_size_and_gets_its_keys() {
    on_each(|runtime| async move {
        let standing = Container::new(runtime).stand().await.unwrap();
        // A shell that waits itself: one that is about to run another program may miss the signal.
        let mut shown = shell("stty size; read line; echo \"got $line\"; read line");
        shown.terminal = Some(TerminalSize { cols: 91, rows: 17 });
        let mut process = standing.start(shown).await;
        let mut stdout = process.output(Stream::Stdout);
        let stdin = process.stdin();
        let mut text = String::new();
        stdin.write(b"hello\n").await.unwrap();
        while !text.contains("got hello") {
            text.push_str(&String::from_utf8_lossy(&stdout.next().await.unwrap().expect("more")));
        }
        assert!(text.contains("17 91"), "{text}");
        // Ctrl+C, which the terminal turns into a signal, or the agent in its place.
        stdin.write(b"\x03").await.unwrap();
        assert_eq!(finish(&mut process).await.exited.signal, Some(2));
        standing.end().await;
    });
}

#[test]
fn files_are_written_read_listed_and_removed_and_no_link_leads_out() {
    on_each(|runtime| async move {
        let standing = Container::new(runtime).stand().await.unwrap();
        let link = &standing.link;
        let content = Bytes::from(vec![7; 1_000_000]);
        link.write_file(file("deep/er/file.bin"), content.clone()).await.unwrap();
        let read = FileOp::Read { path: b"deep/er/file.bin".to_vec(), offset: 999_990, max: 100 };
        let FileReply::Data { data, stat } = link.file(read).await.unwrap() else { panic!("not data") };
        assert_eq!((&data[..], stat.tag.size), (&content[999_990..], 1_000_000));
        standing
            .says("ln -s /etc/passwd out; ln -s ../../tmp up; ln -s deep/er in; ln -s loop loop; mkfifo pipe")
            .await;
        for (path, errno) in [
            ("out", 18),
            ("up/x", 18),
            ("in/../../../etc/passwd", 18),
            ("/etc/passwd", 18),
            ("loop", 40),
            ("nothing", 2),
            ("deep/er/file.bin/x", 20),
            ("pipe", 95),
        ] {
            let read = FileOp::Read { path: path.into(), offset: 0, max: 10 };
            let failed = link.file(read).await.unwrap_err();
            assert!(matches!(failed, LinkError::File { errno: e } if e == errno), "{path}: {failed:?}");
        }
        let read = FileOp::Read { path: b"in/../er/./file.bin".to_vec(), offset: 0, max: 10 };
        assert!(matches!(link.file(read).await.unwrap(), FileReply::Data { data, .. } if data.len() == 10));
        let FileReply::Stat { stat, .. } = link.file(FileOp::Stat { path: b"out".to_vec() }).await.unwrap() else {
            panic!()
        };
        assert_eq!(stat.kind, FileKind::Symlink);
        let list = FileOp::List { path: Vec::new(), depth: 9, hidden: true, limit: 100 };
        let FileReply::Entries { entries, .. } = link.file(list).await.unwrap() else { panic!("no entries") };
        let paths: Vec<_> = entries.iter().map(|entry| String::from_utf8_lossy(&entry.path).into_owned()).collect();
        assert_eq!(paths, ["deep", "in", "loop", "out", "pipe", "up", "deep/er", "deep/er/file.bin"]);
        let remove = FileOp::Remove { path: b"deep".to_vec(), area: Area::Workspace, recursive: true };
        assert_eq!(link.file(remove).await.unwrap(), FileReply::Removed { count: 3 });
        standing.end().await;
    });
}

#[test]
fn what_listens_in_the_container_is_connected_to() {
    on_each(|runtime| async move {
        let standing = Container::new(runtime).stand().await.unwrap();
        let server = "import socket\ns = socket.create_server(('127.0.0.1', 0))\nprint(s.getsockname()[1], flush=True)\nc, _ = s.accept()\nc.sendall(c.recv(100).upper())\nc.close()";
        let process = standing.start(program(&["python3", "-c", server])).await;
        let port = process.output(Stream::Stdout).next().await.unwrap().unwrap();
        let port = String::from_utf8_lossy(&port).trim().parse().unwrap();
        let mut conduit = standing.link.connect(Endpoint::Port(port)).await.unwrap();
        echo(&mut conduit).await;
        let server = "import socket\ns = socket.socket(socket.AF_UNIX)\ns.bind('/tmp/socket')\ns.listen()\nprint('up', flush=True)\nc, _ = s.accept()\nc.sendall(c.recv(100).upper())\nc.close()";
        let process = standing.start(program(&["python3", "-c", server])).await;
        process.output(Stream::Stdout).next().await.unwrap().unwrap();
        let mut conduit = standing.link.connect(Endpoint::Unix(b"/tmp/socket".to_vec())).await.unwrap();
        echo(&mut conduit).await;
        let mut fifo = standing.link.connect(Endpoint::Fifo(b"told/pipe".to_vec())).await.unwrap();
        let told = standing.run(shell("printf news > /run/codebeaker/told/pipe")).await;
        assert_eq!(told.exited.code, Some(0), "{}", told.text);
        let mut news = [0; 4];
        fifo.read_exact(&mut news).await.unwrap();
        assert_eq!(&news, b"news");
        standing.end().await;
    });
}

#[test]
fn an_image_from_scratch_needs_nothing_but_the_agent() {
    on_each(|runtime| async move {
        let image = boxes::empty_image().await;
        let standing = Container::new(runtime).image(&image).stand().await.unwrap();
        let failed = standing.link.spawn(shell("true")).await.unwrap_err();
        assert!(matches!(failed, LinkError::NotStarted { errno: 2, .. }), "{failed:?}");
        let check = standing.run(program(&["/.codebeaker/agent", "check"])).await;
        assert_eq!(check.exited.code, Some(0));
        standing.end().await;
    });
}

#[test]
fn a_fork_bomb_ends_and_leaves_the_sandbox_alive() {
    on_each(|runtime| async move {
        let watched = |confinement: &mut Confinement| confinement.watched_processes = Some(60);
        let standing =
            Container::new(runtime).confined(watched).options(&["--pids-limit", "400"]).stand().await.unwrap();
        let quiet = standing.start(shell("sleep 1000")).await;
        // It may meet the engine's own limit before anybody has looked.
        let bomb = "import os, time\ntry:\n    for n in range(300):\n        if os.fork() == 0:\n            os.setsid()\n            if os.fork(): os._exit(0)\n            time.sleep(1000)\nexcept OSError: pass\ntime.sleep(1000)";
        let ended = standing.run(program(&["python3", "-c", bomb])).await;
        assert_eq!((ended.exited.signal, ended.exited.cause), (Some(9), Some(Cause::Processes)), "{}", ended.text);
        drop(quiet);
        // What was killed is gone once its parents have heard of it.
        let few = "echo alive; for _ in $(seq 100); do set -- /proc/[0-9]*; [ $# -lt 10 ] && echo few && break; sleep 0.1; done";
        assert_eq!(standing.says(few).await, "alive\nfew");
        standing.end().await;
    });
}

#[test]
fn an_execution_may_have_no_more_processes_than_its_own_limit() {
    on_each(|runtime| async move {
        let standing = Container::new(runtime).stand().await.unwrap();
        let mut limited = shell("for n in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done; wait");
        limited.limits.processes = Some(5);
        let ended = standing.run(limited).await;
        assert_eq!((ended.exited.signal, ended.exited.cause), (Some(9), Some(Cause::Processes)));
        standing.end().await;
    });
}

#[test]
fn memory_is_watched_over_where_nothing_else_does() {
    on_each(|runtime| async move {
        let watched = |confinement: &mut Confinement| confinement.watched_memory_bytes = Some(96 << 20);
        let standing = Container::new(runtime).confined(watched).stand().await.unwrap();
        let small = standing.run(program(&["python3", "-c", "x = bytearray(40 << 20); print(len(x))"])).await;
        assert_eq!(small.text.trim(), "41943040");
        let hog = "import time\nall = []\nwhile True:\n    all.append(bytearray(4 << 20))\n    time.sleep(0.01)";
        let ended = standing.run(program(&["python3", "-c", hog])).await;
        assert_eq!((ended.exited.signal, ended.exited.cause), (Some(9), Some(Cause::Memory)), "{}", ended.text);
        assert!(ended.exited.peak_memory_bytes > 48 << 20);
        standing.end().await;
    });
}

#[test]
fn the_kernels_kills_for_want_of_memory_are_counted() {
    on_each(|runtime| async move {
        let limit = ["--memory", "96m", "--memory-swap", "96m"];
        let standing = Container::new(runtime).options(&limit).stand().await.unwrap();
        let well = standing.run(shell("true")).await.exited;
        if well.oom_kills.is_none() {
            skip::note("nothing inside counts what the kernel kills for want of memory");
            return standing.end().await;
        }
        assert_eq!(well.oom_kills, Some(0));
        let hog = standing.run(program(&["python3", "-c", "x = bytearray(400 << 20)"])).await.exited;
        assert_eq!((hog.signal, hog.oom_kills), (Some(9), Some(1)));
        assert_eq!(standing.run(shell("true")).await.exited.oom_kills, Some(0));
        standing.end().await;
    });
}

#[test]
fn an_orphan_lives_as_long_as_its_execution_and_no_longer() {
    on_each(|runtime| async move {
        let standing = Container::new(runtime).stand().await.unwrap();
        let orphan = "(setsid sh -c 'while :; do sleep 0.1; done' &); echo ready; read line";
        let mut holder = shell(orphan);
        holder.stdin = true;
        let mut held = standing.start(holder).await;
        held.output(Stream::Stdout).next().await.unwrap().unwrap();
        let count = "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -c 'while [:]' || true";
        // Others come and go meanwhile.
        assert_eq!(standing.says("sleep 0.3; true").await, "");
        assert_ne!(standing.says(count).await, "0", "the orphan was taken for another's");
        held.stdin().close().await.unwrap();
        assert_eq!(finish(&mut held).await.exited.code, Some(1));
        assert_eq!(standing.says(count).await, "0");
        standing.end().await;
    });
}
