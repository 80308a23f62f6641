//! Brings the agent to an engine, so that containers of any image can have it.
//!
//! The agent lies in a named volume of the engine, which containers mount read-only: nothing of an image is
//! needed for it, and nothing of the host is shown. The volume's name tells which agent it holds; whether it
//! holds all of it is found out by reading it back, so that what a crash has left half done is mended.
//!
//! One daemon at a time looks into a volume: whoever has the container of that name. A container that runs
//! already is never disturbed: a whole agent is left as it is.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ContainerError;
use super::engine::{ContainerEngine, ContainerId};
use super::labels;

pub(crate) mod tar;

/// Where containers have the volume.
pub const DIRECTORY: &str = "/.codebeaker";

/// The agent in a container.
pub const AGENT: &str = "/.codebeaker/agent";

/// How the names of all volumes with agents begin.
const VOLUME_PREFIX: &str = "codebeaker-agent-";

/// The agent's name in its volume.
const FILE: &str = "agent";

/// How long another daemon may look into the volume before it is taken for dead.
const TURN_PATIENCE: Duration = Duration::from_secs(20);

/// How often it is looked whether the other is done.
const TURN_PAUSE: Duration = Duration::from_millis(100);

/// How often the agent is put into the volume before that is given up.
const ATTEMPTS: usize = 3;

/// A volume with the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Its name.
    pub volume: String,
    /// The agent was there already.
    pub was_there: bool,
}

/// Makes sure that the engine has a volume with exactly this executable, and tells its name. The image is any
/// that the engine has; nothing of it is run.
///
/// # Errors
/// When the image is missing, or the engine is away or keeps files badly.
pub async fn agent_volume(
    engine: &ContainerEngine,
    executable: &[u8],
    image: &str,
) -> Result<Delivered, ContainerError> {
    let volume = volume_name(executable);
    let labels = ours();
    engine.create_volume(&volume, &labels).await?;
    let mut was_there = true;
    for _ in 0..ATTEMPTS {
        let handle = take_turn(engine, &volume, image, &labels).await?;
        let delivered = deliver(engine, &handle, executable).await;
        let removed = engine.remove(&handle).await;
        match delivered {
            // The handle was taken away by one who thought us dead.
            Err(ContainerError::NoContainer { .. }) => {}
            Err(error) => return Err(error),
            Ok(Found::There) => return removed.map(|()| Delivered { volume, was_there }),
            Ok(Found::Put) => return removed.map(|()| Delivered { volume, was_there: false }),
            Ok(Found::Spoilt) => was_there = false,
        }
    }
    Err(ContainerError::Delivery { volume, reason: "what was put there is not what is read back" })
}

/// What came of a look into the volume.
enum Found {
    /// The executable was there.
    There,
    /// It is there now.
    Put,
    /// It is not, though it was put there.
    Spoilt,
}

/// Looks whether the volume holds the executable, and puts it there if it didn't.
async fn deliver(engine: &ContainerEngine, handle: &ContainerId, executable: &[u8]) -> Result<Found, ContainerError> {
    if holds(engine, handle, executable).await? {
        return Ok(Found::There);
    }
    engine.put_archive(handle, DIRECTORY, tar::of_file(FILE, executable)).await?;
    Ok(if holds(engine, handle, executable).await? { Found::Put } else { Found::Spoilt })
}

/// Removes the volumes of other executables that no container uses and that were made longer ago than this. Which
/// were removed.
///
/// A daemon of another version may run that has none of its containers at this moment. It finds out when it makes the
/// next, and puts its agent there anew; so that it seldom has to, young volumes stay.
///
/// # Errors
/// When the engine is away.
pub async fn remove_old(
    engine: &ContainerEngine,
    executable: &[u8],
    age: Duration,
) -> Result<Vec<String>, ContainerError> {
    let own = volume_name(executable);
    let mut removed = Vec::new();
    for volume in engine.volumes(&[(labels::MANAGED, None)]).await? {
        let is_others = volume.name.starts_with(VOLUME_PREFIX) && volume.name != own;
        // One that is in use the engine doesn't remove.
        if is_others && volume.is_older_than(age) && engine.remove_volume(&volume.name).await.is_ok() {
            removed.push(volume.name);
        }
    }
    Ok(removed)
}

async fn holds(engine: &ContainerEngine, handle: &ContainerId, executable: &[u8]) -> Result<bool, ContainerError> {
    let at_most = executable.len() + tar::MAX_OVERHEAD;
    let tar = engine.get_archive(handle, AGENT, at_most).await?;
    Ok(tar.is_some_and(|tar| tar::is_executable(&tar, executable)))
}

/// The container that only one daemon can have at a time.
async fn take_turn(
    engine: &ContainerEngine,
    volume: &str,
    image: &str,
    labels: &BTreeMap<String, String>,
) -> Result<ContainerId, ContainerError> {
    let mut patience = TURN_PATIENCE;
    let mut before: Option<ContainerId> = None;
    loop {
        match engine.create_handle(volume, image, volume, DIRECTORY, labels).await {
            Err(ContainerError::Conflict { .. }) => {}
            Err(ContainerError::NoImage { .. }) => return Err(ContainerError::NoImage { image: image.to_owned() }),
            outcome => return outcome,
        }
        let holder = engine.list(&[(labels::MANAGED, None)]).await?.into_iter().find(|found| found.name == volume);
        let holder = holder.map(|found| found.id);
        if holder != before {
            patience = TURN_PATIENCE;
        } else if patience.is_zero() {
            match &holder {
                Some(dead) => engine.remove(dead).await?,
                None => {
                    let volume = volume.to_owned();
                    return Err(ContainerError::Delivery { volume, reason: "a foreign container has its name" });
                }
            }
        }
        before = holder;
        tokio::time::sleep(TURN_PAUSE).await;
        patience = patience.saturating_sub(TURN_PAUSE);
    }
}

fn ours() -> BTreeMap<String, String> {
    let owner = labels::Owner::current().map(|owner| owner.to_string());
    let labels = [
        (labels::MANAGED, Some("1".to_owned())),
        (labels::VERSION, Some(env!("CARGO_PKG_VERSION").to_owned())),
        (labels::OWNER, owner.ok()),
    ];
    labels.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// FNV-1a: it tells one version from another and needs to withstand nobody, for the content is compared.
fn volume_name(executable: &[u8]) -> String {
    let hash = executable
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{VOLUME_PREFIX}{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_agent_has_another_volume() {
        assert_eq!(volume_name(b"a"), "codebeaker-agent-af63dc4c8601ec8c");
        assert_ne!(volume_name(b"ab"), volume_name(b"ba"));
    }
}
