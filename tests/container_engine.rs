//! The conversation with a container engine, on the real one that `DOCKER_HOST` names.
//!
//! In place of the agent there is a script that runs what it is given: what is tested here is what the engine
//! is told and what it tells, not what the agent does.

mod harness;

#[path = "container_engine/place.rs"]
mod place;

#[path = "container_engine/delivery.rs"]
mod delivery;

#[path = "container_engine/images.rs"]
mod images;

#[path = "container_engine/network.rs"]
mod network;

#[path = "container_engine/protections.rs"]
mod protections;

#[path = "container_engine/strangers.rs"]
mod strangers;

use codebeaker::container::ContainerError;
use codebeaker::container::engine::{ContainerEvent, EventKind};
use codebeaker::container::labels;
use futures::StreamExt;
use place::{Place, place, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_programs_streams_are_ours_from_its_first_byte_to_its_last() {
    let Some(place) = place("streams").await else { return };
    let program = place.attached(&["sh", "-c", "echo complaint >&2; exec cat"]).await;
    let (mut reader, mut writer) = (program.streams.reader, program.streams.writer);
    place.engine.start(&program.id).await.unwrap();
    assert!(place.engine.state(&program.id).await.unwrap().unwrap().running);
    writer.write_all(b"\x01\0\0\xff echo").await.unwrap();
    writer.flush().await.unwrap();
    let mut echo = [0; 9];
    within(reader.read_exact(&mut echo)).await.unwrap();
    assert_eq!(&echo, b"\x01\0\0\xff echo");
    writer.shutdown().await.unwrap();
    let mut rest = Vec::new();
    within(reader.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty(), "{rest:?}");
    assert_eq!(program.streams.complaint.text().as_deref(), Some("complaint"));
    place.gone(&program.id).await;
}

#[tokio::test]
async fn a_container_ends_with_the_connection_that_it_was_made_for() {
    let Some(place) = place("connection").await else { return };
    let program = place.attached(&["cat"]).await;
    place.engine.start(&program.id).await.unwrap();
    drop(program.streams);
    place.gone(&program.id).await;
}

#[tokio::test]
async fn a_reader_that_stops_holds_the_program_up() {
    const BYTES: usize = 100 << 20;
    let Some(place) = place("flood").await else { return };
    let mut program = place.attached(&["head", "-c", &BYTES.to_string(), "/dev/zero"]).await;
    place.engine.start(&program.id).await.unwrap();
    // Time enough for all of it, if anybody took it.
    tokio::time::sleep(std::time::Duration::from_millis(800)).await;
    assert!(place.engine.state(&program.id).await.unwrap().is_some_and(|state| state.running));
    let mut buffer = vec![0; 256 << 10];
    let mut read = 0;
    loop {
        match within(program.streams.reader.read(&mut buffer)).await.unwrap() {
            0 => break,
            length => read += length,
        }
    }
    assert_eq!(read, BYTES);
}

#[tokio::test]
async fn what_is_missing_or_taken_is_told() {
    let Some(place) = place("missing").await else { return };
    let mut spec = place.spec(&["cat"]);
    spec.image = "codebeaker/no-such-image:none".to_owned();
    let missing = place.engine.create(&spec).await.unwrap_err();
    assert!(matches!(&missing, ContainerError::NoImage { image } if *image == spec.image), "{missing:?}");
    assert!(missing.fix().unwrap().contains("docker pull codebeaker/no-such-image:none"));

    let first = place.attached(&["cat"]).await;
    let mut second = place.spec(&["cat"]);
    place.engine.rename(&first.id, &second.name).await.unwrap();
    let taken = place.engine.create(&second).await.unwrap_err();
    assert!(matches!(taken, ContainerError::Conflict { .. }), "{taken:?}");

    second.name.push_str("-unstartable");
    second.agent_volume = format!("{}-empty", second.name);
    place.also_remove_volume(&second.agent_volume);
    let unstartable = place.engine.create(&second).await.unwrap();
    let error = place.engine.start(&unstartable).await.unwrap_err();
    assert!(
        matches!(&error, ContainerError::Refused { message, .. } if message.contains("/.codebeaker/agent")),
        "{error:?}"
    );
    place.gone(&unstartable).await;

    place.engine.remove(&unstartable).await.unwrap();
    place.engine.kill(&unstartable).await.unwrap();
    let none = place.engine.start(&unstartable).await.unwrap_err();
    assert!(matches!(none, ContainerError::NoContainer { .. }), "{none:?}");
}

#[tokio::test]
async fn a_container_that_is_killed_from_outside_is_told() {
    let Some(place) = place("killed").await else { return };
    let mut events = place.engine.events().await.unwrap();
    let mut program = place.attached(&["sleep", "600"]).await;
    place.engine.start(&program.id).await.unwrap();
    place.docker(&["kill", program.id.as_str()]);
    let mut told = Vec::new();
    while told.len() < 2 {
        let ContainerEvent { id, labels, kind } = within(events.next()).await.unwrap().unwrap();
        if id == program.id {
            assert_eq!(labels[labels::POOL], place.name);
            told.push(kind);
        }
    }
    assert_eq!(told, [EventKind::Died { exit_code: Some(137) }, EventKind::Removed]);
    assert_eq!(within(program.streams.reader.read_to_end(&mut Vec::new())).await.unwrap(), 0);
    assert_eq!(place.engine.state(&program.id).await.unwrap(), None);
}

#[tokio::test]
async fn containers_are_found_by_their_labels() {
    let Some(place) = place("labels").await else { return };
    let [idle, running] = [place.attached(&["cat"]).await, place.attached(&["cat"]).await];
    place.engine.start(&running.id).await.unwrap();
    let listed = |name: &'static str, value| {
        let Place { engine, .. } = &place;
        async move { engine.list(&[(labels::MANAGED, None), (name, Some(value))]).await.unwrap() }
    };
    let mut found = listed(labels::POOL, &place.name).await;
    found.sort_by_key(|found| found.running);
    assert_eq!(found.iter().map(|found| &found.id).collect::<Vec<_>>(), [&idle.id, &running.id]);
    assert_eq!(found.iter().map(|found| found.running).collect::<Vec<_>>(), [false, true]);
    assert!(found.iter().all(|found| found.name.starts_with(&place.name) && found.created > 0), "{found:?}");
    assert!(listed(labels::SESSION, &place.name).await.is_empty());
    assert_eq!(place.engine.state(&idle.id).await.unwrap().unwrap().exit_code, None);
}

#[tokio::test]
async fn a_second_program_joins_as_another_user() {
    let Some(place) = place("join").await else { return };
    let program = place.attached(&["cat"]).await;
    place.engine.start(&program.id).await.unwrap();
    let argv = ["sh", "-c", "id -u; grep CapEff /proc/self/status; cat; echo gone >&2"].map(str::to_owned);
    let mut joined = place.engine.join(&program.id, &argv, (65_533, 65_533)).await.unwrap();
    joined.writer.write_all(b"relayed").await.unwrap();
    joined.writer.shutdown().await.unwrap();
    let mut said = String::new();
    within(joined.reader.read_to_string(&mut said)).await.unwrap();
    assert_eq!(said, "65533\nCapEff:\t0000000000000000\nrelayed");
    assert_eq!(joined.complaint.text().as_deref(), Some("gone"));
    let usage = place.engine.usage(&program.id).await.unwrap();
    assert!(usage.pids.is_some_and(|pids| pids >= 1) && usage.memory_bytes.is_some(), "{usage:?}");
}

#[tokio::test]
async fn an_engine_says_what_it_is() {
    let Some(place) = place("facts").await else { return };
    place.engine.ping().await.unwrap();
    let facts = place.engine.facts().await.unwrap();
    assert!(!facts.id.is_empty() && facts.os == "linux" && facts.processors > Some(0), "{facts:?}");
    assert!(facts.oci_runtimes.iter().any(|runtime| runtime == "runc"), "{facts:?}");
    assert_eq!(facts, place.engine.clone().facts().await.unwrap());
}

/// An engine that was asked for a container and went away before it answered may have made it.
#[tokio::test]
async fn a_container_is_found_by_what_it_was_made_from() {
    let Some(place) = place("found").await else { return };
    let spec = place.spec(&["cat"]);
    assert_eq!(place.engine.made_as(&spec).await.unwrap(), None);
    let made = place.engine.create(&spec).await.unwrap();
    assert_eq!(place.engine.made_as(&spec).await.unwrap(), Some(made.clone()));
    // Another that carries the same labels, as one does that was made of its image, is not meant.
    place.docker(&["rename", made.as_str(), &format!("{}-else", spec.name)]);
    assert_eq!(place.engine.made_as(&spec).await.unwrap(), None);
    place.engine.remove(&made).await.unwrap();
}
