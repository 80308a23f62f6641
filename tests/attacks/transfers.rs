//! Attacks on copies and moves, both ends of which are in a tree that belongs to the attacker.

use std::path::Path;

use codebeaker::agent::plan::Protection::BeneathWorkspace;
use codebeaker::agent::wire::{FileOp, FileReply, Transfer};
use codebeaker::files::{Copied, CopyError, FilesError, Import, Imported, import};
use tokio::sync::watch;

use crate::actor::each_actor;
use crate::files::{ask, met, planted, read, remove_all};
use crate::harness::Place;
use crate::lab::{Setting, Stand, program};
use crate::swaps::meanwhile;

const BOTH: [fn(Transfer) -> FileOp; 2] = [FileOp::Copy, FileOp::Move];

/// Whether it was done.
async fn transfer(stand: &Stand, op: fn(Transfer) -> FileOp, from: &str, to: &str) -> bool {
    let order = Transfer { from: from.into(), to: to.into(), overwrite: true, parents: true };
    let answer = ask(stand, op(order)).await;
    let done = matches!(answer, Ok(FileReply::Copied { .. } | FileReply::Moved { .. }));
    if !done {
        assert!(matches!(answer, Ok(FileReply::NotTransferred(_))), "HOLE: {answer:?}");
    }
    done
}

pub(crate) fn no_link_leads_a_copy_or_a_move_out_of_the_workspace(place: Place) {
    each_actor(place, async |mut lab| {
        let stand = lab.sandbox(Setting::without(&[BeneathWorkspace])).await;
        stand.attack(program!("links.py")).await;
        assert!(transfer(&stand, FileOp::Copy, "directory/secret", "stolen").await, "the attack does not work");
        assert_eq!(read(&stand, "stolen").await.as_deref(), Ok(&b"outside\n"[..]), "the attack does not work");
        assert!(transfer(&stand, FileOp::Copy, "inside/file", "directory/planted").await, "the attack does not work");
        assert!(transfer(&stand, FileOp::Move, "directory/victim", "taken").await, "the attack does not work");
        assert_eq!(planted(&stand).await, "planted\nsecret\n", "the attack does not work");
        stand.close().await;

        let stand = lab.sandbox(Setting::safe()).await;
        stand.attack(program!("links.py")).await;
        let outside = [
            "directory/secret",
            "up/tmp/outside/secret",
            "top/tmp/outside/secret",
            "../tmp/outside/secret",
            "/tmp/outside/secret",
            "inside/../../tmp/outside/secret",
            "top/etc/passwd",
            "cwd/../etc/passwd",
            "directory/victim",
            "descriptors/0",
        ];
        for op in BOTH {
            for path in outside {
                assert!(!transfer(&stand, op, path, "stolen").await, "HOLE: {path} was taken");
                assert!(!transfer(&stand, op, "inside", path).await, "HOLE: {path} was replaced");
                assert!(!transfer(&stand, op, "inside/file", path).await, "HOLE: {path} was replaced");
            }
            // A tree of links is a tree of links, wherever it goes.
            assert!(transfer(&stand, op, "inside", "new/inside").await);
            for link in ["file", "victim", "passwd", "directory", "top", "up", "zero"] {
                assert!(transfer(&stand, FileOp::Copy, link, &format!("new/{link}")).await, "{link}");
            }
            assert!(transfer(&stand, FileOp::Copy, "new", "copy").await);
            let look = "for name in /workspace/copy/*; do [ -L $name ] || echo $name; done";
            let copies = stand.run(&["sh", "-c", look]).await.stdout;
            assert_eq!(copies, "/workspace/copy/inside\n", "HOLE: a link was followed");
            // Nor does a link whose place is taken pass that on.
            assert!(transfer(&stand, FileOp::Copy, "new/inside/file", "victim").await);
            assert!(transfer(&stand, FileOp::Move, "new/inside/file", "new/victim").await);
            assert!(transfer(&stand, FileOp::Move, "new/inside", "inside").await);
            assert!(!transfer(&stand, FileOp::Copy, "inside", "directory").await, "HOLE: a link is a directory");
            remove_all(&stand, b"new").await;
            remove_all(&stand, b"copy").await;
            stand.run(&["sh", "-c", "cd /workspace && rm -rf inside victim && mkdir inside && echo inside > inside/file && ln -s /tmp/outside/victim victim"]).await;
        }
        let seen = stand.run(&["sh", "-c", "cd /tmp/outside && ls && cat secret victim"]).await;
        assert_eq!(seen.stdout, "secret\nvictim\noutside\nuntouched", "HOLE: {seen:#?}");
        lab.host.assert_untouched(&seen.seen());
        stand.assert_works().await;
        stand.close().await;
    });
}

pub(crate) fn nor_does_a_directory_that_is_swapped_while_it_is_copied(place: Place) {
    let begun = async |stand: &Stand| read(stand, "target/secret").await.is_ok();
    let attempt = async |stand: &Stand, is_protected: bool| {
        let mut outside = 0;
        let mut answers = [0; 2];
        for round in 0..if is_protected { 1000 } else { 10_000 } {
            if !is_protected && round % 200 == 199 && outside > 0 && planted(stand).await.contains("planted") {
                break;
            }
            let copied = transfer(stand, FileOp::Copy, "target/secret", "stolen").await;
            answers[usize::from(copied)] += 1;
            outside += usize::from(copied && read(stand, "stolen").await.is_ok_and(|data| data == b"outside"));
            let planted = transfer(stand, BOTH[round % 2], "stolen", "target/planted").await;
            answers[usize::from(planted)] += 1;
            // A whole directory at a time: it is the one that was opened, or nothing.
            if round % 4 == 0 && transfer(stand, FileOp::Copy, "target", "whole").await {
                outside += usize::from(read(stand, "whole/secret").await.is_ok_and(|data| data == b"outside"));
                remove_all(stand, b"whole").await;
            }
        }
        (answers, outside)
    };
    meanwhile(place, begun, attempt, async |stand, (answers, outside)| {
        met(answers, outside, &planted(stand).await, "HOLE: a copy got out", "HOLE: something was put outside")
    });
}

async fn bring_in(stand: &Stand, source: &Path, to: &str) -> Result<Imported, CopyError> {
    let how = Import { to: to.as_bytes(), exclude: &[], overwrite: true, parents: true };
    let (told, _) = watch::channel(Copied::default());
    import(&stand.link, source, how, std::future::pending(), &told).await
}

pub(crate) fn no_link_leads_an_import_out_of_the_workspace(place: Place) {
    each_actor(place, async |mut lab| {
        let source = tempfile::tempdir().expect("make a directory");
        std::fs::write(source.path().join("planted"), "planted").expect("write a file");
        let stand = lab.sandbox(Setting::without(&[BeneathWorkspace])).await;
        stand.attack(program!("links.py")).await;
        bring_in(&stand, source.path(), "directory/planted").await.expect("the attack works");
        assert!(planted(&stand).await.contains("planted"), "the attack does not work");
        stand.close().await;

        let stand = lab.sandbox(Setting::safe()).await;
        stand.attack(program!("links.py")).await;
        for path in
            ["directory/planted", "top/tmp/outside/planted", "up/tmp/outside", "cwd/planted", "../planted", "/tmp/x"]
        {
            for source in [source.path(), &source.path().join("planted")] {
                let answer = bring_in(&stand, source, path).await;
                let refused = matches!(answer, Err(CopyError::Target(FilesError::OutsideWorkspace(_))));
                assert!(refused, "HOLE: {path}: {answer:?}");
            }
        }
        // A link whose place is taken passes nothing on.
        bring_in(&stand, &source.path().join("planted"), "victim").await.expect("the link is replaced");
        let seen = stand.run(&["sh", "-c", "cd /tmp/outside && ls && cat secret victim"]).await;
        assert_eq!(seen.stdout, "secret\nvictim\noutside\nuntouched", "HOLE: {seen:#?}");
        lab.host.assert_untouched(&seen.seen());
        stand.assert_works().await;
        stand.close().await;
    });
}
