//! A sandbox that outlives its daemon, and the next daemon that joins it.

use codebeaker::agent::LinkError;
use codebeaker::agent::frame::Stream;
use codebeaker::agent::plan::{Confinement, JOINER_ID, Protection, SANDBOX_ID};

use crate::boxes::{Container, DEADLINE, finish, join, join_silently, on_each, program, shell};

fn patient(confinement: &mut Confinement) {
    confinement.alone_ms = Some(600_000);
}

#[test]
fn a_later_daemon_finds_what_ran_and_what_ended_meanwhile() {
    on_each(|runtime| async move {
        let mut standing = Container::new(runtime).confined(patient).stand().await.unwrap();
        assert_eq!((standing.ready.highest, standing.ready.running.len()), (0, 0));
        let mut lasting = shell("echo first; read line; echo \"got $line\"; exit 7");
        (lasting.stdin, lasting.name) = (true, "lasting".to_owned());
        let lasting = standing.start(lasting).await;
        assert_eq!(&lasting.output(Stream::Stdout).next().await.unwrap().unwrap()[..], b"first\n");
        let mut brief = shell("until [ -e over ]; do sleep 0.1; done; echo ended; exit 3");
        brief.name = "brief".to_owned();
        let brief = standing.start(brief).await;
        let pids = (lasting.pid, brief.pid);
        standing.lose_stream().await;
        // Their daemon is dead: it tells the agent nothing by letting go of them.
        drop((lasting, brief));
        let mut ready = standing.join().await;
        standing.lose_stream().await;
        // What happens while nobody is there is told to who comes.
        let touched = ["exec", &standing.name, "touch", "/workspace/over"];
        assert_eq!(crate::boxes::docker(&touched).await, "");
        for _ in 0..2 {
            ready = standing.join().await;
            let found: Vec<_> = ready.running.iter().map(|one| (one.name.as_str(), one.pid, one.stdout_sent)).collect();
            assert_eq!(found[0], ("lasting", pids.0, 6));
            assert_eq!((found[1].0, found[1].2), ("brief", 0));
            assert_eq!(ready.highest, ready.running[1].execution);
            standing.lose_stream().await;
        }
        standing.join().await;
        let (lasting, brief) = (ready.running[0].execution, ready.running[1].execution);
        let mut brief = standing.link.adopt(brief).await.unwrap().expect("it is there to be taken over");
        let ended = finish(&mut brief).await;
        assert_eq!((ended.text.as_str(), ended.exited.code), ("ended\n", Some(3)));
        let mut lasting_process = standing.link.adopt(lasting).await.unwrap().expect("it is there to be taken over");
        assert!(standing.link.adopt(lasting).await.unwrap().is_none(), "taken over twice");
        lasting_process.stdin().write(b"word\n").await.unwrap();
        let ended = finish(&mut lasting_process).await;
        assert_eq!((ended.text.as_str(), ended.exited.code), ("got word\n", Some(7)));
        assert_eq!(standing.says("echo new").await, "new", "numbers that are taken don't come again");
        drop(crate::boxes::docker(&["rm", "--force", &standing.name]).await);
    });
}

#[test]
fn who_joins_takes_the_place_of_the_daemon_that_made_the_sandbox() {
    on_each(|runtime| async move {
        let mut standing = Container::new(runtime).confined(patient).stand().await.unwrap();
        let first = standing.link.clone();
        standing.join().await;
        tokio::time::timeout(DEADLINE, first.lost()).await.expect("the first daemon is told nothing more");
        assert_eq!(standing.says("echo here").await, "here");
    });
}

#[test]
fn of_several_that_join_one_is_let_in_and_the_others_disturb_nothing() {
    on_each(|runtime| async move {
        let mut standing = Container::new(runtime).confined(patient).stand().await.unwrap();
        let lasting = standing.start(shell("sleep 1000")).await;
        standing.lose_stream().await;
        drop(lasting);
        let rivals = (0..4).map(|_| join(&standing.name, JOINER_ID));
        let (mut let_in, refused): (Vec<_>, Vec<_>) =
            futures::future::join_all(rivals).await.into_iter().partition(Result::is_ok);
        assert_eq!((let_in.len(), refused.len()), (1, 3));
        for refused in refused {
            assert!(matches!(refused, Err(LinkError::Occupied)), "{:?}", refused.err());
        }
        let (ready, link, _relay) = let_in.remove(0).unwrap();
        assert_eq!(ready.running.len(), 1);
        standing.link = link;
        assert_eq!(standing.says("echo undisturbed").await, "undisturbed");
        // One that ends makes room for another.
        standing.link.close("the daemon ends");
        while matches!(join(&standing.name, JOINER_ID).await, Err(LinkError::Occupied)) {}
    });
}

#[test]
fn one_that_joined_and_never_says_anything_is_let_go() {
    on_each(|runtime| async move {
        let mut standing = Container::new(runtime).confined(patient).stand().await.unwrap();
        standing.lose_stream().await;
        let (silent, _relay) = join_silently(&standing.name).await.unwrap();
        assert!(matches!(join(&standing.name, JOINER_ID).await, Err(LinkError::Occupied)), "it has its place");
        tokio::time::timeout(DEADLINE, silent.lost()).await.expect("it loses its place");
        standing.join().await;
        assert_eq!(standing.says("echo joined").await, "joined");
    });
}

#[test]
fn what_a_daemon_has_kept_is_told_to_the_next() {
    on_each(|runtime| async move {
        let mut standing = Container::new(runtime).confined(patient).stand().await.unwrap();
        assert_eq!(standing.ready.kept, b"");
        standing.link.keep(b"first".to_vec(), 600_000).await.unwrap();
        standing.link.keep(b"words".to_vec(), 300).await.unwrap();
        // Answered after both.
        assert_eq!(standing.says("echo heard").await, "heard");
        standing.lose_stream().await;
        let kept = match join(&standing.name, JOINER_ID).await {
            Ok((ready, ..)) => ready.kept,
            // With no time to be alone it may be gone by now.
            Err(_) => b"words".to_vec(),
        };
        assert_eq!(kept, b"words");
        // And it waits no longer than it was told last.
        standing.await_gone().await;
    });
}

/// Connects to where the agent waits to be joined, and says what a daemon says first.
const ATTACK: &str = "import socket\ns = socket.socket(socket.AF_UNIX)\ns.setsockopt(socket.SOL_SOCKET, 16, 1)\ns.settimeout(30)\ntry:\n    s.connect('\\0codebeaker-agent')\n    s.send(b'j')\n    print(len(s.recv(100)) > 0)\nexcept OSError as error:\n    print(type(error).__name__ in ('ConnectionResetError', 'BrokenPipeError', 'ConnectionRefusedError') and 'refused' or error)";

#[test]
fn no_program_passes_for_a_daemon() {
    on_each(|runtime| async move {
        let mut standing = Container::new(runtime).confined(patient).stand().await.unwrap();
        let told = standing.run(program(&["python3", "-c", ATTACK])).await.text;
        assert!(["False\n", "refused\n"].contains(&told.as_str()), "{told}");
        let failed = join(&standing.name, SANDBOX_ID).await;
        assert!(failed.is_err(), "a program's user was let in");
        assert_eq!(standing.says("echo undisturbed").await, "undisturbed");
        // The same way in is open to a daemon.
        standing.join().await;
        assert_eq!(standing.says("echo joined").await, "joined");
    });
}

#[test]
fn without_that_protection_a_program_does() {
    on_each(|runtime| async move {
        let trusting = |confinement: &mut Confinement| {
            patient(confinement);
            confinement.without.push(Protection::JoinerIdentity);
        };
        let mut standing = Container::new(runtime).confined(trusting).stand().await.unwrap();
        let attack = "python3 -c \"$0\" > told; mv told /workspace/over";
        let attacker = standing.start(program(&["/bin/sh", "-c", attack, ATTACK])).await;
        // Taken for a daemon, it has taken the place of ours until it ends.
        let over = "until [ -e /workspace/over ]; do sleep 0.1; done; cat /workspace/over";
        let told = crate::boxes::docker(&["exec", &standing.name, "/bin/sh", "-c", over]).await;
        assert_eq!(told, "True");
        standing.lose_stream().await;
        drop(attacker);
    });
}

#[test]
fn the_way_in_is_not_to_be_found_from_another_container() {
    on_each(|runtime| async move {
        let standing = Container::new(runtime).confined(patient).stand().await.unwrap();
        let other = Container::new(runtime).stand().await.unwrap();
        assert_eq!(other.run(program(&["python3", "-c", ATTACK])).await.text, "refused\n");
        let look = "cat /proc/net/unix 2>/dev/null | grep -c codebeaker-agent || true";
        assert_eq!(other.says(look).await, "0");
        assert_eq!(standing.says("echo undisturbed").await, "undisturbed");
        other.end().await;
    });
}

#[test]
fn a_sandbox_that_nobody_joins_ends() {
    on_each(|runtime| async move {
        let brief = |confinement: &mut Confinement| confinement.alone_ms = Some(300);
        let mut standing = Container::new(runtime).confined(brief).stand().await.unwrap();
        let left = standing.start(shell("sleep 1000")).await;
        standing.lose_stream().await;
        drop(left);
        standing.await_gone().await;
    });
}
