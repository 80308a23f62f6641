//! Machines that crash or fall silent: their sessions are told, nobody else notices, and they are used again.

use codebeaker::runtime::{Lack, Probe, Runtime, RuntimeError};

use crate::engine::{Door, engine, settings};
use crate::sandbox::{docker, eventually, spec, stand, within};

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_spread_by_weight_and_outlive_the_loss_of_another_machine() {
    let (Some(small), Some(large)) = (engine(Door::Socket), engine(Door::Tcp)) else { return };
    let docker = docker(&settings(vec![small.machine("small", 1), large.machine("large", 2)], 0));
    let mut sessions = Vec::new();
    for _ in 0..6 {
        sessions.push(stand(&docker, spec()).await.expect("it stands"));
    }
    let counts: Vec<usize> = docker.machines().iter().map(|state| state.sessions).collect();
    assert_eq!(counts, [2, 4]);
    assert_eq!((small.containers().len(), large.containers().len()), (2, 4));

    large.crash();
    let (lost, live): (Vec<_>, Vec<_>) = sessions.into_iter().partition(|session| session.machine == "large");
    for mut session in lost {
        within(session.link.lost()).await;
        assert!(within(session.keeper.fate()).await.is_some(), "its user is told why");
    }
    for session in &live {
        assert_eq!(session.says("echo alive").await, "alive");
    }
    let elsewhere = stand(&docker, spec()).await.expect("another machine takes it");
    assert_eq!(elsewhere.machine, "small");

    large.start();
    eventually("the machine is used again", || docker.machines()[1].reason.is_none()).await;
    let back = stand(&docker, spec()).await.expect("it stands");
    assert_eq!((back.machine.as_str(), back.says("echo back").await.as_str()), ("large", "back"));
    for session in live.into_iter().chain([elsewhere, back]) {
        session.end().await;
    }
    eventually("nothing is left", || small.containers().is_empty() && large.containers().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_a_machine_that_falls_silent_are_told() {
    let Some(engine) = engine(Door::Socket) else { return };
    let docker = docker(&settings(vec![engine.machine("quiet", 1)], 0));
    let mut session = stand(&docker, spec()).await.expect("it stands");
    assert_eq!(session.says("echo alive").await, "alive");
    engine.freeze(true);
    within(session.link.lost()).await;
    let fate = within(session.keeper.fate()).await.expect("its user is told why");
    assert!(fate.contains("\"quiet\"") && fate.contains("answer"), "{fate}");
    let Err(RuntimeError::Refused(refusal)) = within(docker.create(spec())).await else {
        panic!("nobody is there to make one")
    };
    assert_eq!(refusal.lack, Lack::Machine);
    let Probe { available, reason, .. } = within(docker.probe()).await;
    assert!(!available && reason.is_some());
    engine.freeze(false);
    let again = stand(&docker, spec()).await.expect("it answers again");
    assert_eq!(again.says("echo again").await, "again");
    again.end().await;
    drop(session);
    eventually("nothing is left", || engine.containers().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_restarted_is_used_at_once_with_nothing_of_before() {
    let Some(engine) = engine(Door::Socket) else { return };
    let docker = docker(&settings(vec![engine.machine("one", 1)], 0));
    let session = stand(&docker, spec()).await.expect("it stands");
    engine.crash();
    within(session.link.lost()).await;
    let Err(RuntimeError::Refused(refusal)) = within(docker.create(spec())).await else {
        panic!("nobody is there to make one")
    };
    assert!(refusal.reason.contains("reach") || refusal.reason.contains("connection"), "{}", refusal.reason);
    engine.start();
    // Neither the agent's volume nor the image is what it was.
    engine.docker(&["volume", "prune", "--force"]);
    let id = engine.import(crate::engine::IMAGE, "second");
    let again = stand(&docker, spec()).await.expect("it is there again");
    assert_eq!(again.programs, codebeaker::runtime::Programs::Image { id, path: Vec::new() });
    assert_eq!(again.says("cat /etc/what").await, "second");
    again.end().await;
}
