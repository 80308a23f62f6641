//! The agent gets to where containers have it, whatever was there before.

use codebeaker::container::ContainerError;
use codebeaker::container::delivery::agent_volume;

use super::place::{Place, place, stand_in, within};

/// A container's whole output.
async fn said(place: &Place, volume: &str, command: &[&str]) -> String {
    use tokio::io::AsyncReadExt;
    let mut spec = place.spec(command);
    spec.agent_volume = volume.to_owned();
    let mut program = place.make(&spec).await;
    within(place.engine.start(&program.id)).await.unwrap();
    let mut said = String::new();
    within(program.streams.reader.read_to_string(&mut said)).await.unwrap();
    said
}

fn handles(place: &Place, volume: &str) -> String {
    place.docker(&["ps", "--all", "--quiet", "--filter", &format!("volume={volume}")])
}

#[tokio::test]
async fn an_agent_is_put_there_once_for_everybody() {
    let Some(place) = place("delivery").await else { return };
    let executable = stand_in(&place.name);
    let delivering = || agent_volume(&place.engine, &executable, &place.image);
    let (one, two, three) = within(async { tokio::join!(delivering(), delivering(), delivering()) }).await;
    assert!([one, two, three].into_iter().all(|delivered| delivered.unwrap().volume == place.volume));
    assert_eq!(handles(&place, &place.volume), "", "nothing stays but the volume");
    let listing = said(&place, &place.volume, &["stat", "-c", "%a %u:%g %s", "/.codebeaker/agent"]).await;
    assert_eq!(listing.trim(), format!("755 0:0 {}", executable.len()));
    let touched = said(&place, &place.volume, &["sh", "-c", "touch /.codebeaker/x 2>&1; true"]).await;
    assert!(touched.contains("Read-only file system"), "{touched}");
}

#[tokio::test]
async fn a_half_delivered_agent_is_made_whole() {
    let Some(place) = place("mended").await else { return };
    let whole = said(&place, &place.volume, &["cat", "/.codebeaker/agent"]).await;
    for damage in
        ["truncate -s 5 /v/agent", "rm /v/agent", "chmod 0644 /v/agent", "rm /v/agent; ln -s /bin/sh /v/agent"]
    {
        let mount = format!("{}:/v", place.volume);
        place.docker(&[
            "run",
            "--rm",
            "--network=none",
            "--user=0",
            "--volume",
            &mount,
            "--entrypoint=/bin/sh",
            &place.image,
            "-c",
            damage,
        ]);
        let mended = within(agent_volume(&place.engine, &stand_in(&place.name), &place.image)).await.unwrap().volume;
        assert_eq!(mended, place.volume);
        assert_eq!(said(&place, &mended, &["cat", "/.codebeaker/agent"]).await, whole, "after {damage}");
    }
}

#[tokio::test]
async fn a_dead_daemons_turn_passes() {
    let Some(place) = place("turn").await else { return };
    let mount = format!("{}:/.codebeaker", place.volume);
    place.docker(&[
        "create",
        "--name",
        &place.volume,
        "--label",
        "codebeaker.managed=1",
        "--volume",
        &mount,
        &place.image,
        "true",
    ]);
    let volume = within(agent_volume(&place.engine, &stand_in(&place.name), &place.image)).await.unwrap().volume;
    assert_eq!(handles(&place, &volume), "");
}

#[tokio::test]
async fn delivery_without_an_image_says_so() {
    let Some(place) = place("imageless").await else { return };
    let error = within(agent_volume(&place.engine, &stand_in(&place.name), "codebeaker/none:none")).await.unwrap_err();
    assert!(matches!(&error, ContainerError::NoImage { image } if image == "codebeaker/none:none"), "{error:?}");
}
