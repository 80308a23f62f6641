//! Attacks by patches: the names in them are the attacker's, and so is the tree that they are applied to.

use std::time::Duration;

use codebeaker::agent::plan::Protection::BeneathWorkspace;
use codebeaker::files::FilesError;
use codebeaker::files::patch::{self, Order, PatchError};

use crate::actor::each_actor;
use crate::harness::Place;
use crate::lab::{Setting, Stand, program};
use crate::swaps::{Met, meanwhile};

const PATIENCE: Duration = Duration::from_secs(30);

/// Applies a patch, or undoes it; an answer must come.
async fn apply(stand: &Stand, text: &str, reverse: bool) -> Result<(), PatchError> {
    let order = Order { text: text.into(), only: None, strip: None, fuzz: 0, reverse, dry_run: false };
    let done = tokio::time::timeout(PATIENCE, patch::patch(&stand.link, order)).await;
    match done.unwrap_or_else(|_| panic!("HOLE: a patch is not answered: {text}")) {
        Err(PatchError::Files(FilesError::Lost(error))) => panic!("HOLE: a patch ended the session: {error}: {text}"),
        done => done.map(drop),
    }
}

/// A patch that makes a file of this name.
fn making(name: &str) -> String {
    format!("--- /dev/null\n+++ {name}\n@@ -0,0 +1 @@\n+planted\n")
}

/// What is where links lead.
async fn outside(stand: &Stand) -> String {
    stand.run(&["sh", "-c", "cd /tmp/outside && printf '%s\\n' * && cat *"]).await.stdout
}

pub(crate) fn no_patch_leads_out_of_the_workspace(place: Place) {
    each_actor(place, async |lab| {
        let stand = lab.sandbox(Setting::without(&[BeneathWorkspace])).await;
        stand.attack(program!("links.py")).await;
        apply(&stand, &making("b/directory/planted"), false).await.expect("writable without the protection");
        let seen = outside(&stand).await;
        assert!(seen.contains("planted"), "the attack does not work: {seen}");
        stand.close().await;

        let stand = lab.sandbox(Setting::safe()).await;
        stand.attack(program!("links.py")).await;
        let before = outside(&stand).await;
        let outward = [
            "b/directory/planted",
            "b/top/tmp/outside/planted",
            "b/up/tmp/outside/planted",
            "../tmp/outside/planted",
            "b/../../tmp/outside/planted",
            "/tmp/outside/planted",
            "b//tmp/../../tmp/outside/planted",
            "b/cwd/../tmp/outside/planted",
            "b/environ/planted",
            "b/victim",
            "b/dangling",
            "\"b/directory\\057planted\"",
        ];
        for name in outward {
            let done = apply(&stand, &making(name), false).await;
            println!("{name}: {done:?}");
            assert!(done.is_err(), "HOLE: {name} was made");
        }
        let others = [
            "--- a/victim\n+++ b/victim\n@@ -1 +1 @@\n-untouched\n\\ No\n+planted\n",
            "--- a/directory/victim\n+++ b/directory/victim\n@@ -1 +1 @@\n-untouched\n\\ No\n+planted\n",
            "--- a/directory/secret\n+++ /dev/null\n@@ -1 +0,0 @@\n-outside\n\\ No\n",
            "diff --git a/x b/x\nrename from directory/secret\nrename to stolen\n",
            "diff --git a/x b/x\ncopy from ../tmp/outside/secret\ncopy to stolen\n",
            "diff --git a/victim b/victim\nold mode 100644\nnew mode 100755\n",
            "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n\\ No\n",
        ];
        for text in others {
            let done = apply(&stand, text, false).await;
            println!("{text}: {done:?}");
            assert!(done.is_err(), "HOLE: it was applied: {text}");
        }
        assert_eq!(outside(&stand).await, before, "HOLE: a patch got out");
        let stolen = stand.run(&["sh", "-c", "cat /workspace/stolen; ls -A /workspace/l"]).await;
        assert_eq!(stolen.stdout, "", "HOLE: a file was brought in");
        stand.assert_works().await;
        stand.close().await;
    });
}

pub(crate) fn nor_does_one_while_a_link_is_swapped(place: Place) {
    let begun = async |stand: &Stand| outside(stand).await.contains("secret");
    let attempt = async |stand: &Stand, is_protected: bool| {
        let mut answers = [0; 2];
        let text = making("b/target/planted");
        for round in 0..if is_protected { 1000 } else { 5000 } {
            answers[usize::from(apply(stand, &text, round % 2 == 1).await.is_ok())] += 1;
            if !is_protected && round % 100 == 99 && outside(stand).await.contains("planted") {
                break;
            }
        }
        println!("{} refused, {} applied", answers[0], answers[1]);
        answers
    };
    meanwhile(place, begun, attempt, async |stand, answers: [usize; 2]| {
        let seen = outside(stand).await;
        Met {
            works: seen.contains("planted"),
            claims: vec![
                (answers.iter().all(|count| *count > 0), format!("the swaps met every patch, or none: {answers:?}")),
                (seen == "secret\noutside", format!("HOLE: a patch got out: {seen:?}")),
            ],
        }
    });
}
