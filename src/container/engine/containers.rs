//! A container's life after it was made: started, looked at, ended.
//!
//! What shall be gone may be gone already: ending and removing such a container is no error.

use std::collections::BTreeMap;

use bollard::models::{ContainerStateStatusEnum, ContainerSummaryStateEnum};
use bollard::query_parameters::{
    InspectContainerOptions, KillContainerOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
    RenameContainerOptionsBuilder, StartContainerOptions, StatsOptionsBuilder,
};
use futures::StreamExt;

use super::{ANSWER_PATIENCE, ContainerEngine, ContainerId, WORK_PATIENCE, by_labels, in_order};
use crate::container::labels::seal;
use crate::container::{ContainerError, ContainerSpec};

/// What an engine says of a container that it still knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerState {
    /// Its first program runs.
    pub running: bool,
    /// How that program ended; `None` while it runs and before it was started.
    pub exit_code: Option<i64>,
    /// The kernel has killed something in it for want of memory, so far as the engine has seen.
    pub oom_killed: bool,
    /// Why it could not be started, in the engine's words.
    pub error: Option<String>,
}

/// A container among others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// Its image, as it was asked for.
    pub image: String,
    /// Its labels, those of its image included; in our words only what we wrote.
    pub labels: BTreeMap<String, String>,
    /// Its first program runs.
    pub running: bool,
    /// When it was made, in seconds of the engine's clock.
    pub created: i64,
}

/// What a container uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ContainerUsage {
    /// Memory that can't be taken back, in bytes: without the pages of files that the kernel could drop.
    pub memory_bytes: Option<u64>,
    /// The bound that this is counted against, in bytes. Where it is not the container's own, nor is what was counted:
    /// an OCI runtime that leaves control groups alone lets the engine see those of others.
    pub memory_bound: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
    /// Processor time since it was started, in nanoseconds.
    pub cpu_nanos: Option<u64>,
}

impl ContainerEngine {
    /// Starts a container.
    ///
    /// # Errors
    /// When its first program can't be started, in the engine's words; the container is gone then.
    pub async fn start(&self, container: &ContainerId) -> Result<(), ContainerError> {
        let starting = self.docker.start_container(container.as_str(), None::<StartContainerOptions>);
        self.ask("start a container", WORK_PATIENCE, starting).await
    }

    /// Ends every process of a container at once.
    ///
    /// # Errors
    /// When the engine is away or can't.
    pub async fn kill(&self, container: &ContainerId) -> Result<(), ContainerError> {
        let options = KillContainerOptionsBuilder::new().signal("KILL").build();
        let killing = self.docker.kill_container(container.as_str(), Some(options));
        gone_is_fine(self.ask("end a container", ANSWER_PATIENCE, killing).await)
    }

    /// Ends a container, if it runs, and forgets it together with the volumes that are its alone.
    ///
    /// # Errors
    /// When the engine is away or can't.
    pub async fn remove(&self, container: &ContainerId) -> Result<(), ContainerError> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        let removing = self.docker.remove_container(container.as_str(), Some(options));
        gone_is_fine(self.ask("remove a container", WORK_PATIENCE, removing).await)
    }

    /// What the engine says of a container; `None` when it has no such container.
    ///
    /// # Errors
    /// When the engine is away.
    pub async fn state(&self, container: &ContainerId) -> Result<Option<ContainerState>, ContainerError> {
        let inspecting = self.docker.inspect_container(container.as_str(), None::<InspectContainerOptions>);
        let found = match self.ask("tell of a container", ANSWER_PATIENCE, inspecting).await {
            Err(ContainerError::NoContainer { .. }) => return Ok(None),
            found => found?,
        };
        let state = found.state.ok_or(ContainerError::Incomplete { what: "the container's state" })?;
        let ended = matches!(state.status, Some(ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::DEAD));
        Ok(Some(ContainerState {
            running: state.running.unwrap_or(false),
            exit_code: state.exit_code.filter(|_| ended),
            oom_killed: state.oom_killed.unwrap_or(false),
            error: state.error.filter(|error| !error.is_empty()),
        }))
    }

    /// Gives a container another name.
    ///
    /// # Errors
    /// When the name is taken, there is no such container, or the engine is away.
    pub async fn rename(&self, container: &ContainerId, name: &str) -> Result<(), ContainerError> {
        let options = RenameContainerOptionsBuilder::new().name(name).build();
        let renaming = self.docker.rename_container(container.as_str(), options);
        self.ask("rename a container", ANSWER_PATIENCE, renaming).await
    }

    /// Containers, running or not, that have all these labels, be it from their image; one without a value stands
    /// for any.
    ///
    /// # Errors
    /// When the engine is away.
    pub async fn list(&self, labels: &[(&str, Option<&str>)]) -> Result<Vec<Listed>, ContainerError> {
        let options = ListContainersOptionsBuilder::new().all(true).filters(&by_labels(labels)).build();
        let listing = self.docker.list_containers(Some(options));
        let found = self.ask("list containers", ANSWER_PATIENCE, listing).await?;
        let listed = found.into_iter().filter_map(|container| {
            let name = container.names.unwrap_or_default().into_iter().next().unwrap_or_default();
            let name = name.trim_start_matches('/').to_owned();
            Some(Listed {
                id: ContainerId::new(container.id?),
                labels: seal::believed(&name, in_order(container.labels)),
                name,
                image: container.image.unwrap_or_default(),
                running: container.state == Some(ContainerSummaryStateEnum::RUNNING),
                created: container.created.unwrap_or_default(),
            })
        });
        Ok(listed.collect())
    }

    /// The container that was made as this says: also one of which the engine couldn't tell any more, and which may
    /// have lost its name since.
    ///
    /// # Errors
    /// When the engine is away.
    pub async fn made_as(&self, spec: &ContainerSpec) -> Result<Option<ContainerId>, ContainerError> {
        let seal = seal::seal(&spec.name, &spec.labels);
        let found = self.list(&[(seal::SEAL, Some(&seal))]).await?;
        // What was made of that container has its labels too, and a name of its own.
        let its = found.into_iter().find(|listed| listed.name.is_empty() || listed.name == spec.name);
        Ok(its.map(|listed| listed.id))
    }

    /// What a container uses, so far as the engine counts it.
    ///
    /// # Errors
    /// When there is no such container, or the engine is away.
    pub async fn usage(&self, container: &ContainerId) -> Result<ContainerUsage, ContainerError> {
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let mut counting = self.docker.stats(container.as_str(), Some(options));
        let counted = async { counting.next().await.transpose() };
        let counted = self.ask("tell what a container uses", ANSWER_PATIENCE, counted).await?.unwrap_or_default();
        let memory = counted.memory_stats.unwrap_or_default();
        // The name in version 2 of control groups, then that in version 1.
        let droppable = ["inactive_file", "total_inactive_file"];
        let droppable = droppable.iter().find_map(|name| memory.stats.as_ref()?.get(*name).copied());
        Ok(ContainerUsage {
            memory_bytes: memory.usage.map(|usage| usage.saturating_sub(droppable.unwrap_or(0))),
            memory_bound: memory.limit,
            pids: counted.pids_stats.and_then(|pids| pids.current),
            cpu_nanos: counted.cpu_stats.and_then(|cpu| cpu.cpu_usage?.total_usage),
        })
    }
}

/// A container that is gone, doesn't run or is being removed is what was wanted of it.
fn gone_is_fine(outcome: Result<(), ContainerError>) -> Result<(), ContainerError> {
    match outcome {
        Err(ContainerError::NoContainer { .. } | ContainerError::Conflict { .. }) => Ok(()),
        outcome => outcome,
    }
}
