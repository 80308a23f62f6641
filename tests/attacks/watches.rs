//! Attacks on who tells what changes: a process of the agent's own, among those of the attacker.

use std::time::Duration;

use codebeaker::files::{WatchError, WatchOrder, watch};

use crate::actor::each_actor;
use crate::harness::Place;
use crate::lab::{Setting, program};

/// How long one word is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

fn order() -> WatchOrder {
    WatchOrder { path: Vec::new(), recursive: true, exclude: Vec::new(), window_ms: 50, directories: 100 }
}

pub(crate) fn a_watch_that_is_killed_or_flooded_hurts_nothing_else(place: Place) {
    each_actor(place, async |lab| {
        let stand = lab.sandbox(Setting::safe()).await;
        let mut watching = watch(&stand.link, order()).await.expect("it is watched");
        // Far more than is ever told, while nobody listens.
        let flood = stand.attack(program!("changes.py")).await;
        assert!(flood.stdout.contains("flooded"), "{flood:#?}");
        stand.assert_works().await;
        let mut told = 0;
        loop {
            let changes = tokio::time::timeout(PATIENCE, watching.next()).await.expect("it goes on").expect("it lives");
            told += changes.changes.len();
            if changes.overflow || changes.changes.iter().any(|change| change.path == b"last") {
                break;
            }
        }
        assert!(told < 100_000, "{told}");
        // Who does this is killed with all others, perhaps before it is known to run.
        if let Ok(process) = stand.link.spawn(stand.program(&["sh", "-c", "kill -9 -1"])).await {
            stand.finish(process).await;
        }
        loop {
            match tokio::time::timeout(PATIENCE, watching.next()).await.expect("its end is told") {
                Ok(_) => {}
                Err(WatchError::Killed) => break,
                Err(other) => panic!("{other}"),
            }
        }
        // What was to start the next program was killed as well, and another has to be made.
        let mut tries = 0;
        while stand.link.spawn(stand.program(&["true"])).await.is_err() {
            assert!(tries < 100, "no program starts any more");
            tries += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        stand.assert_works().await;
        // More directories than may be watched end it, and do nothing else.
        let mut watching = watch(&stand.link, order()).await.expect("it is watched again");
        stand.run(&["sh", "-c", "mkdir $(seq 200)"]).await;
        loop {
            match tokio::time::timeout(PATIENCE, watching.next()).await.expect("its end is told") {
                Ok(_) => {}
                Err(WatchError::TooLarge) => break,
                Err(other) => panic!("{other}"),
            }
        }
        assert!(matches!(watch(&stand.link, order()).await, Err(WatchError::TooLarge)));
        stand.assert_works().await;
        stand.close().await;
    });
}
