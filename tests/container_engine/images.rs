//! Images that are brought in, built on, looked at and removed, without a registry.

use std::fs;
use std::process::Command;

use bytes::Bytes;
use codebeaker::container::ContainerError;
use codebeaker::container::engine::{BuildOrder, Progress};
use futures::stream;

use super::place::{place, within};

/// A directory with these files, as a tar.
pub(crate) fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(directory.path().join(name), content).unwrap();
    }
    let output = Command::new("tar").arg("-C").arg(directory.path()).args(["-c", "."]).output().unwrap();
    assert!(output.status.success());
    output.stdout
}

#[tokio::test]
async fn an_image_comes_in_is_built_on_and_goes() {
    let Some(place) = place("images").await else { return };
    let (base, built) = (format!("{}/base:1", place.name), format!("{}/built:2", place.name));
    let mut steps = Vec::new();
    let mut progress = |step: Progress| steps.push(step.step);
    let parts: Vec<_> = tar(&[("file", "content")]).chunks(1000).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
    within(place.engine.import(stream::iter(parts), &base, &mut progress)).await.unwrap();
    let info = place.engine.image(&base).await.unwrap().unwrap();
    assert!(info.tags.contains(&base) && info.bytes > 0 && info.id.starts_with("sha256:"), "{info:?}");

    let order = BuildOrder {
        context: tar(&[(
            "Dockerfile.x",
            &format!("FROM {base}\nARG WORD\nLABEL word=$WORD\nVOLUME /data\nCOPY Dockerfile.x /\n"),
        )])
        .into(),
        dockerfile: "Dockerfile.x".to_owned(),
        tag: built.clone(),
        args: [("WORD".to_owned(), "one two".to_owned())].into(),
        labels: [("codebeaker.managed".to_owned(), "1".to_owned())].into(),
        network: Some("none".to_owned()),
    };
    within(place.engine.build(order.clone(), &mut progress)).await.unwrap();
    assert!(steps.iter().any(|step| step.contains("COPY Dockerfile.x")), "{steps:?}");
    let info = place.engine.image(&built).await.unwrap().unwrap();
    assert_eq!((info.labels["word"].as_str(), info.labels["codebeaker.managed"].as_str()), ("one two", "1"));
    assert_eq!(info.volumes, ["/data"]);
    let listed = place.engine.images().await.unwrap();
    assert_eq!(listed.iter().find(|image| image.tags.contains(&built)).map(|image| &image.id), Some(&info.id));

    let wrong =
        BuildOrder { context: tar(&[("Dockerfile.x", &format!("FROM {base}\nCOPY none /\n"))]).into(), ..order };
    let failed = within(place.engine.build(wrong, &mut |_| {})).await.unwrap_err();
    assert!(failed.to_string().contains("none"), "{failed}");

    for name in [&built, &base] {
        place.engine.remove_image(name, false).await.unwrap();
        assert_eq!(place.engine.image(name).await.unwrap(), None);
    }
    let gone = place.engine.remove_image(&base, false).await.unwrap_err();
    assert!(matches!(&gone, ContainerError::NoImage { image } if *image == base), "{gone:?}");
}

#[tokio::test]
async fn a_pull_that_fails_says_why() {
    let Some(place) = place("pull").await else { return };
    // Nothing listens on the port of a registry of this machine's own.
    let failed = within(place.engine.pull("127.0.0.1:1/none", &mut |_| {})).await.unwrap_err();
    assert!(failed.to_string().contains("127.0.0.1:1"), "{failed}");
}
