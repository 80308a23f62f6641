//! A sandbox that outlives its daemon, and the next daemon that joins it.

use codebeaker::agent::frame::Stream;
use codebeaker::agent::plan::{Confinement, SANDBOX_ID};

use crate::boxes::{Container, DEADLINE, finish, join, on_each, program, shell};

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
fn a_later_daemon_takes_the_place_of_one_that_is_still_there() {
    on_each(|runtime| async move {
        let mut standing = Container::new(runtime).confined(patient).stand().await.unwrap();
        let first = standing.link.clone();
        standing.join().await;
        tokio::time::timeout(DEADLINE, first.lost()).await.expect("the first daemon is told nothing more");
        assert_eq!(standing.says("echo here").await, "here");
    });
}

#[test]
fn no_program_passes_for_a_daemon() {
    on_each(|runtime| async move {
        let mut standing = Container::new(runtime).confined(patient).stand().await.unwrap();
        let attack = "import socket\ns = socket.socket(socket.AF_UNIX)\ns.settimeout(30)\ns.connect('\\0codebeaker-agent')\ntry:\n    s.send(b'j')\n    print(s.recv(100))\nexcept (ConnectionResetError, BrokenPipeError):\n    print(b'')";
        assert_eq!(standing.run(program(&["python3", "-c", attack])).await.text, "b''\n");
        let failed = join(&standing.name, SANDBOX_ID).await;
        assert!(failed.is_err(), "a program's user was let in");
        assert_eq!(standing.says("echo undisturbed").await, "undisturbed");
        // The same way in is open to a daemon.
        standing.join().await;
        assert_eq!(standing.says("echo joined").await, "joined");
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
