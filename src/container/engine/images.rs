//! Images: looked up, fetched, built, brought in, removed.
//!
//! Fetching and building may take as long as they need; dropping the future ends them.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::pin::pin;

use bollard::models::{BuildInfo, CreateImageInfo, ProgressDetail};
use bollard::query_parameters::{
    BuildImageOptionsBuilder, CreateImageOptions, ListImagesOptionsBuilder, RemoveImageOptionsBuilder,
};
use bollard::{body_full, body_try_stream};
use bytes::Bytes;
use futures::{Stream, StreamExt};

use super::{ANSWER_PATIENCE, ContainerEngine, WORK_PATIENCE, in_order};
use crate::container::ContainerError;

/// An image that an engine has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageInfo {
    /// What tells its contents from all others.
    pub id: String,
    /// Names with tags, such as `codebeaker/python:latest`.
    pub tags: Vec<String>,
    /// Its size on the engine's disk.
    pub bytes: u64,
    /// When it was made, in the engine's words: a date as of RFC 3339, or seconds.
    pub created: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Directories for which every container of it gets a volume of its own, without any bound on its size,
    /// unless something else is mounted there. Only known where the image was asked for by name.
    pub volumes: Vec<String>,
    /// Where its programs are found by their names: its own `PATH`. Only known as above.
    pub path: Option<String>,
    /// Its machine's architecture, as Docker calls it, such as `amd64`. Only known as above.
    pub architecture: Option<String>,
}

/// How far a pull, build or import is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Which part of the image, where it is told.
    pub part: Option<String>,
    /// What is done just now, in the engine's words; those of a build hold what its commands print.
    pub step: String,
    /// Bytes of this part that are done.
    pub done: Option<u64>,
    /// Bytes of this part in all.
    pub total: Option<u64>,
}

/// An image to be built.
#[derive(Debug, Clone, Default)]
pub struct BuildOrder {
    /// The directory that is built from, as a tar.
    pub context: Bytes,
    /// The Dockerfile's path in it.
    pub dockerfile: String,
    /// The name and tag that it shall have.
    pub tag: String,
    /// Values for the Dockerfile's `ARG`s.
    pub args: BTreeMap<String, String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The network of its commands; the engine's default when `None`.
    pub network: Option<String>,
}

impl ContainerEngine {
    /// The images that the engine has.
    ///
    /// # Errors
    /// When the engine is away.
    pub async fn images(&self) -> Result<Vec<ImageInfo>, ContainerError> {
        let listing = self.docker.list_images(Some(ListImagesOptionsBuilder::new().all(false).build()));
        let found = self.ask("list images", ANSWER_PATIENCE, listing).await?;
        let images = found.into_iter().map(|image| ImageInfo {
            id: image.id,
            tags: named(image.repo_tags),
            bytes: u64::try_from(image.size).unwrap_or(0),
            created: image.created.to_string(),
            labels: image.labels.into_iter().collect(),
            ..ImageInfo::default()
        });
        Ok(images.collect())
    }

    /// The image with this name or id; `None` when the engine has none.
    ///
    /// # Errors
    /// When the engine is away, or the name is none.
    pub async fn image(&self, name: &str) -> Result<Option<ImageInfo>, ContainerError> {
        let inspecting = self.docker.inspect_image(name);
        let found = match self.ask("tell of an image", ANSWER_PATIENCE, inspecting).await {
            Err(ContainerError::NoImage { .. }) => return Ok(None),
            found => found?,
        };
        let config = found.config.unwrap_or_default();
        Ok(Some(ImageInfo {
            id: found.id.ok_or(ContainerError::Incomplete { what: "the image's id" })?,
            tags: named(found.repo_tags.unwrap_or_default()),
            bytes: found.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
            created: found.created.unwrap_or_default(),
            labels: in_order(config.labels),
            volumes: config.volumes.unwrap_or_default(),
            path: config.env.iter().flatten().find_map(|variable| variable.strip_prefix("PATH=")).map(str::to_owned),
            architecture: found.architecture,
        }))
    }

    /// Fetches an image from its registry. A name without a tag means `latest`.
    ///
    /// # Errors
    /// When the registry doesn't have it or can't be reached, in the engine's words, or the engine is away.
    pub async fn pull(&self, name: &str, progress: &mut (dyn FnMut(Progress) + Send)) -> Result<(), ContainerError> {
        let options = CreateImageOptions { from_image: Some(with_tag(name)), ..CreateImageOptions::default() };
        let steps = self.docker.create_image(Some(options), None, None);
        self.follow_creation("fetch an image", steps, progress).await
    }

    /// Makes an image of a root file system, given as a tar, plain or compressed.
    ///
    /// # Errors
    /// When the stream fails or is no tar, in the engine's words, or the engine is away.
    pub async fn import(
        &self,
        root: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        tag: &str,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), ContainerError> {
        let options = CreateImageOptions {
            from_src: Some("-".to_owned()),
            repo: Some(with_tag(tag)),
            ..CreateImageOptions::default()
        };
        let steps = self.docker.create_image(Some(options), Some(body_try_stream(root)), None);
        self.follow_creation("import an image", steps, progress).await
    }

    /// Builds an image.
    ///
    /// # Errors
    /// When one of its steps fails, in the engine's words, or the engine is away.
    pub async fn build(
        &self,
        order: BuildOrder,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), ContainerError> {
        let args: HashMap<String, String> = order.args.into_iter().collect();
        let labels: HashMap<String, String> = order.labels.into_iter().collect();
        let mut options = BuildImageOptionsBuilder::new()
            .dockerfile(&order.dockerfile)
            .t(&order.tag)
            .buildargs(&args)
            .labels(&labels)
            .rm(true)
            .forcerm(true);
        if let Some(network) = &order.network {
            options = options.networkmode(network);
        }
        let mut steps = pin!(self.docker.build_image(options.build(), None, Some(body_full(order.context))));
        while let Some(step) = steps.next().await {
            let step = step.map_err(|error| self.fault("build an image", error))?;
            if let Some(progressed) = build_progress(step)? {
                progress(progressed);
            }
        }
        Ok(())
    }

    /// Removes an image, or this one of its names when it has several.
    ///
    /// # Errors
    /// When there is none, it is in use, or the engine is away.
    pub async fn remove_image(&self, name: &str, force: bool) -> Result<(), ContainerError> {
        let options = RemoveImageOptionsBuilder::new().force(force).build();
        let removing = self.docker.remove_image(name, Some(options), None);
        self.ask("remove an image", WORK_PATIENCE, removing).await.map(drop)
    }

    async fn follow_creation(
        &self,
        asked: &'static str,
        steps: impl Stream<Item = Result<CreateImageInfo, bollard::errors::Error>>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), ContainerError> {
        let mut steps = pin!(steps);
        while let Some(step) = steps.next().await {
            let step = step.map_err(|error| self.fault(asked, error))?;
            progress(progressed(step.id, step.status.unwrap_or_default(), step.progress_detail));
        }
        Ok(())
    }
}

fn build_progress(step: BuildInfo) -> Result<Option<Progress>, ContainerError> {
    if let Some(message) = step.error_detail.and_then(|detail| detail.message) {
        return Err(ContainerError::Failed { message: message.trim().to_owned() });
    }
    let words = step.stream.or(step.status).filter(|words| !words.trim().is_empty());
    Ok(words.map(|words| progressed(step.id, words, step.progress_detail)))
}

fn progressed(part: Option<String>, step: String, detail: Option<ProgressDetail>) -> Progress {
    let detail = detail.unwrap_or_default();
    let count = |bytes: Option<i64>| bytes.and_then(|bytes| u64::try_from(bytes).ok());
    Progress { part, step, done: count(detail.current), total: count(detail.total) }
}

/// An engine has images whose names others have taken over; it calls them nothing.
fn named(tags: Vec<String>) -> Vec<String> {
    tags.into_iter().filter(|tag| tag != "<none>:<none>").collect()
}

/// Without a tag the engine would fetch every image of that name. A colon before the last slash is a port's.
fn with_tag(name: &str) -> String {
    let last = name.rsplit_once('/').map_or(name, |(_, last)| last);
    if last.contains([':', '@']) { name.to_owned() } else { format!("{name}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_tag_means_the_latest() {
        assert_eq!(with_tag("codebeaker/python"), "codebeaker/python:latest");
        assert_eq!(with_tag("localhost:5000/python"), "localhost:5000/python:latest");
        for tagged in ["python:3.13", "localhost:5000/python:3", "python@sha256:00"] {
            assert_eq!(with_tag(tagged), tagged);
        }
    }
}
