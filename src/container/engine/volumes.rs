//! Named volumes, and files in containers that were never started.

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::time::Duration;

use bollard::body_full;
use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType, MountVolumeOptions, VolumeCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, DownloadFromContainerOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveVolumeOptionsBuilder, UploadToContainerOptionsBuilder,
};
use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;

use super::{ANSWER_PATIENCE, ContainerEngine, ContainerId, WORK_PATIENCE, by_labels};
use crate::container::ContainerError;
use crate::container::labels::seal;

/// A named volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeInfo {
    /// Its name.
    pub name: String,
    /// When it was made, where the engine tells that.
    pub created: Option<Timestamp>,
}

impl VolumeInfo {
    /// Whether it was made longer ago than this, by this machine's clock. Of one that doesn't tell, nothing is known.
    #[must_use]
    pub fn is_older_than(&self, age: Duration) -> bool {
        let since = self.created.map(|created| Timestamp::now().duration_since(created));
        since.is_some_and(|since| Duration::try_from(since).is_ok_and(|since| since >= age))
    }
}

impl ContainerEngine {
    /// Makes a named volume. One that is there already stays as it is.
    pub(in crate::container) async fn create_volume(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), ContainerError> {
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.clone().into_iter().collect()),
            ..VolumeCreateRequest::default()
        };
        self.ask("make a volume", WORK_PATIENCE, self.docker.create_volume(request)).await.map(drop)
    }

    /// Named volumes that have all these labels; one without a value stands for any.
    ///
    /// # Errors
    /// When the engine is away.
    pub async fn volumes(&self, labels: &[(&str, Option<&str>)]) -> Result<Vec<VolumeInfo>, ContainerError> {
        let options = ListVolumesOptionsBuilder::new().filters(&by_labels(labels)).build();
        let found = self.ask("list volumes", ANSWER_PATIENCE, self.docker.list_volumes(Some(options))).await?;
        let volumes = found.volumes.unwrap_or_default().into_iter().map(|volume| VolumeInfo {
            created: volume.created_at.and_then(|created| created.parse().ok()),
            name: volume.name,
        });
        Ok(volumes.collect())
    }

    /// Removes a named volume that no container uses.
    ///
    /// # Errors
    /// When there is none, it is in use, or the engine is away.
    pub async fn remove_volume(&self, name: &str) -> Result<(), ContainerError> {
        let options = RemoveVolumeOptionsBuilder::new().force(false).build();
        self.ask("remove a volume", WORK_PATIENCE, self.docker.remove_volume(name, Some(options))).await
    }

    /// Makes a container that is never started: a handle on a volume, which it has at this path.
    pub(in crate::container) async fn create_handle(
        &self,
        name: &str,
        image: &str,
        volume: &str,
        path: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<ContainerId, ContainerError> {
        let mount = Mount {
            typ: Some(MountType::VOLUME),
            source: Some(volume.to_owned()),
            target: Some(path.to_owned()),
            volume_options: Some(MountVolumeOptions { no_copy: Some(true), ..MountVolumeOptions::default() }),
            ..Mount::default()
        };
        let config = ContainerCreateBody {
            image: Some(image.to_owned()),
            // An engine insists on a command, even for what never runs one.
            entrypoint: Some(vec![format!("{path}/never-started")]),
            cmd: Some(Vec::new()),
            labels: Some(seal::sealed(name, labels).into_iter().collect::<HashMap<_, _>>()),
            host_config: Some(HostConfig {
                mounts: Some(vec![mount]),
                network_mode: Some("none".to_owned()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        let creating = self.docker.create_container(Some(options), config);
        let made = self.ask("make a container", WORK_PATIENCE, creating).await?;
        Ok(ContainerId::new(made.id))
    }

    /// Unpacks a tar into a container's directory.
    pub(in crate::container) async fn put_archive(
        &self,
        container: &ContainerId,
        directory: &str,
        tar: Vec<u8>,
    ) -> Result<(), ContainerError> {
        let options = UploadToContainerOptionsBuilder::new().path(directory).build();
        let putting = self.docker.upload_to_container(container.as_str(), Some(options), body_full(Bytes::from(tar)));
        self.ask("take a file", WORK_PATIENCE, putting).await
    }

    /// A container's file or directory as a tar; `None` when it has none, or when it is longer than that many
    /// bytes.
    pub(in crate::container) async fn get_archive(
        &self,
        container: &ContainerId,
        path: &str,
        at_most: usize,
    ) -> Result<Option<Vec<u8>>, ContainerError> {
        let options = DownloadFromContainerOptionsBuilder::new().path(path).build();
        let mut parts = pin!(self.docker.download_from_container(container.as_str(), Some(options)));
        let collecting = async {
            let mut tar = Vec::new();
            while let Some(part) = parts.next().await {
                tar.extend_from_slice(&part?);
                if tar.len() > at_most {
                    return Ok(None);
                }
            }
            Ok(Some(tar))
        };
        match self.ask("give a file", WORK_PATIENCE, collecting).await {
            Err(ContainerError::Refused { status: 404, .. }) => Ok(None),
            outcome => outcome,
        }
    }
}
