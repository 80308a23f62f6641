//! Attacks on file requests, which the agent serves in a tree that belongs to the attacker.

use std::time::Duration;

use bytes::Bytes;
use codebeaker::agent::LinkError;
use codebeaker::agent::plan::Protection::{BeneathWorkspace, ReadOnlyRoot};
use codebeaker::agent::wire::{Area, Existing, FileEntry, FileOp, FileReply, WriteTarget};

use crate::actor::{Actor, each_actor};
use crate::harness::Place;
use crate::lab::{Setting, Stand, program};
use crate::swaps::{Met, meanwhile};

const PATIENCE: Duration = Duration::from_secs(30);

/// A file request, which must be answered.
pub(crate) async fn ask(stand: &Stand, op: FileOp) -> Result<FileReply, i32> {
    let shown = format!("{op:?}");
    let answer = tokio::time::timeout(PATIENCE, stand.link.file(op)).await;
    match answer.unwrap_or_else(|_| panic!("HOLE: {shown} is not answered")) {
        Ok(reply) => Ok(reply),
        Err(LinkError::File { errno }) => Err(errno),
        Err(error) => panic!("HOLE: {shown} ended the session: {error}"),
    }
}

pub(crate) async fn read(stand: &Stand, path: &str) -> Result<Vec<u8>, i32> {
    match ask(stand, FileOp::Read { path: path.into(), offset: 0, max: 4096 }).await? {
        FileReply::Data { data, .. } => Ok(data),
        other => panic!("{other:?}"),
    }
}

async fn write(stand: &Stand, path: &str, existing: Existing) -> Result<(), i32> {
    let target =
        WriteTarget { path: path.into(), area: Area::Workspace, existing, mode: None, parents: true, if_match: None };
    let written = tokio::time::timeout(PATIENCE, stand.link.write_file(target, Bytes::from_static(b"planted"))).await;
    match written.unwrap_or_else(|_| panic!("HOLE: a write to {path} is not answered")) {
        Ok(_) => Ok(()),
        Err(LinkError::File { errno }) => Err(errno),
        Err(error) => panic!("HOLE: a write to {path} ended the session: {error}"),
    }
}

/// What is in a directory, however deep.
pub(crate) async fn names(stand: &Stand, path: &[u8], depth: u32) -> Vec<FileEntry> {
    match ask(stand, FileOp::List { path: path.to_vec(), depth, hidden: true, limit: 10_000 }).await {
        Ok(FileReply::Entries { entries, .. }) => entries,
        other => panic!("{other:?}"),
    }
}

/// Removes a tree, which has to work.
pub(crate) async fn remove_all(stand: &Stand, path: &[u8]) {
    let removed = ask(stand, FileOp::Remove { path: path.to_vec(), area: Area::Workspace, recursive: true }).await;
    assert!(matches!(removed, Ok(FileReply::Removed { .. })), "{removed:?}");
}

/// Links that lead out of the workspace, to something that can be read.
const READABLE: [&str; 5] = ["file", "relative", "passwd", "directory/secret", "up/tmp/outside/secret"];

const EXISTING: [Existing; 4] = [Existing::Replace, Existing::Append, Existing::PatchAt(0), Existing::Refuse];

pub(crate) fn no_link_leads_a_file_request_out_of_the_workspace(place: Place) {
    each_actor(place, async |mut lab| {
        let stand = lab.sandbox(Setting::without(&[BeneathWorkspace])).await;
        assert!(stand.attack(program!("links.py")).await.number("planted") > 10);
        for path in READABLE {
            assert!(read(&stand, path).await.is_ok(), "{path} shall be readable without the protection");
        }
        write(&stand, "directory/planted", Existing::Replace).await.expect("writable without the protection");
        assert_eq!(stand.run(&["cat", "/tmp/outside/planted"]).await.stdout, "planted");
        stand.close().await;

        let stand = lab.sandbox(Setting::safe()).await;
        stand.attack(program!("links.py")).await;
        let more = [
            "environ",
            "own-root",
            "parent-root",
            "canary",
            "zero",
            "top/etc/passwd",
            "cwd/../etc/passwd",
            "descriptors/0",
            "loop",
            "../etc/passwd",
            "/etc/passwd",
            "inside/../../etc/passwd",
            "",
            ".",
            "dangling",
        ];
        for path in READABLE.iter().chain(&more) {
            let answer = read(&stand, path).await;
            println!("read {path}: {answer:?}");
            assert!(answer.is_err(), "HOLE: {path} was read: {answer:?}");
        }
        let outward = [
            "victim",
            "dangling",
            "directory/planted",
            "top/tmp/outside/planted",
            "up/tmp/outside/planted",
            "../tmp/outside/planted",
            "/tmp/outside/planted",
            "cwd/../tmp/outside/planted",
            "environ/planted",
        ];
        for path in outward {
            for existing in EXISTING {
                // To replace or refuse a link itself is no way out; what counts is what is there afterwards.
                println!("write {path} {existing:?}: {:?}", write(&stand, path, existing).await);
            }
        }
        for path in ["directory/secret", "top/tmp/outside/secret", "up/tmp/outside", "../tmp/outside", "", ".", ".."] {
            let op = FileOp::Remove { path: path.into(), area: Area::Workspace, recursive: true };
            println!("remove {path}: {:?}", ask(&stand, op).await);
        }
        for path in ["directory", "up", "top", "cwd", "descriptors", "..", "/"] {
            let op = FileOp::List { path: path.into(), depth: 3, hidden: true, limit: 1000 };
            let listed = ask(&stand, op).await;
            let outside = matches!(&listed, Ok(FileReply::Entries { entries, .. })
                if entries.iter().any(|entry| entry.path.ends_with(b"secret") || entry.path.ends_with(b"passwd")));
            assert!(!outside, "HOLE: {path} was listed: {listed:?}");
        }
        // A removal that takes a link takes the link, and not what it leads to.
        for path in ["directory", "top", "victim"] {
            let op = FileOp::Remove { path: path.into(), area: Area::Workspace, recursive: true };
            println!("remove {path}: {:?}", ask(&stand, op).await);
        }
        let outside = stand.run(&["sh", "-c", "cd /tmp/outside && ls && cat secret victim"]).await;
        assert_eq!(outside.stdout, "secret\nvictim\noutside\nuntouched", "HOLE: {outside:#?}");
        lab.host.assert_untouched(&outside.seen());
        stand.assert_works().await;
        stand.close().await;
    });
}

/// What there is where the link leads.
pub(crate) async fn planted(stand: &Stand) -> String {
    stand.run(&["sh", "-c", "cd /tmp/outside && printf '%s\\n' *"]).await.stdout
}

pub(crate) fn nor_does_a_link_that_is_swapped_while_the_request_runs(place: Place) {
    let begun = async |stand: &Stand| read(stand, "target/secret").await.is_ok();
    let attempt = async |stand: &Stand, is_protected: bool| {
        let mut outside = 0;
        let mut answers = [0; 2];
        // Without protection it takes as long as it takes.
        for round in 0..if is_protected { 1500 } else { 10_000 } {
            if !is_protected && round % 500 == 499 && outside > 0 && planted(stand).await.contains("planted") {
                break;
            }
            let answer = read(stand, "target/secret").await;
            answers[usize::from(answer.is_ok())] += 1;
            outside += usize::from(answer.is_ok_and(|data| data == b"outside"));
            let existing = EXISTING[round % 3];
            let written = write(stand, "target/planted", existing).await;
            answers[usize::from(written.is_ok())] += 1;
            if round % 10 == 0 {
                let path = b"target/secret2".to_vec();
                drop(ask(stand, FileOp::Remove { path, area: Area::Workspace, recursive: true }).await);
            }
        }
        (answers, outside)
    };
    meanwhile(place, begun, attempt, async |stand, (answers, outside)| {
        met(answers, outside, &planted(stand).await, "HOLE: a read got out", "HOLE: a write got out")
    });
}

/// What requests met of which so many were refused and answered, so many with what is outside.
pub(crate) fn met(answers: [usize; 2], outside: usize, planted: &str, read: &str, written: &str) -> Met {
    println!("{} refused, {} answered, {outside} from outside; there is {planted:?}", answers[0], answers[1]);
    Met {
        works: outside > 0 && planted.contains("planted"),
        claims: vec![
            (answers[0] > 0, "the swaps never met a request".to_owned()),
            (answers[1] > 0, "the swaps never left a request alone".to_owned()),
            (outside == 0, format!("{read}: {outside} times")),
            (planted == "secret\n", format!("{written}: {planted:?}")),
        ],
    }
}

pub(crate) fn what_is_no_file_is_refused_at_once(place: Place) {
    each_actor(place, async |lab| {
        let stand = lab.sandbox(Setting::safe()).await;
        assert_eq!(stand.attack(program!("specials.py")).await.number("planted"), 7);
        // A program that opens the pipe waits for ever.
        let mut waiting = stand.start(stand.program(&["cat", "/workspace/fifo"])).await;
        let patient = tokio::time::timeout(Duration::from_millis(300), waiting.ended()).await;
        assert!(patient.is_err(), "the attack does not work: {patient:?}");
        stand.kill(&waiting).await;
        waiting.ended().await.expect("the session goes on");
        for path in ["fifo", "socket", "zero", "tty", "directory", "forbidden"] {
            let answer = read(&stand, path).await;
            println!("read {path}: {answer:?}");
            assert!(answer.is_err(), "HOLE: {path} was read: {answer:?}");
            for existing in [Existing::Append, Existing::PatchAt(0), Existing::Refuse] {
                let written = write(&stand, path, existing).await;
                println!("write {path} {existing:?}: {written:?}");
                assert!(written.is_err(), "HOLE: {path} was written");
            }
        }
        // A read is no longer than was asked for, however long the file.
        let op = FileOp::Read { path: b"huge".to_vec(), offset: 0, max: u32::MAX };
        match ask(&stand, op).await {
            Ok(FileReply::Data { data, .. }) => assert!(data.len() <= 256 << 10, "{}", data.len()),
            other => println!("{other:?}"),
        }
        assert_eq!(names(&stand, b"", 5).await.len(), 7);
        stand.assert_works().await;
        stand.close().await;
    });
}

pub(crate) fn hard_links_renames_and_changes_outside_the_workspace_are_refused(place: Place) {
    each_actor(place, async |mut lab| {
        // The root belongs to whoever makes it: for an ordinary user that is the sandbox's own user.
        let attempts: &[&str] = if lab.actor == Actor::Ordinary && !lab.place.has_containers() {
            &["a file in the root", "a link in the root"]
        } else {
            &[]
        };
        lab.works(program!("hard_links.py"), &[ReadOnlyRoot], attempts).await;
        lab.fails(program!("hard_links.py")).await;
    });
}
