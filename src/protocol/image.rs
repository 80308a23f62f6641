//! `image/*`: what sessions on container engines run in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ProgressToken;

/// Parameters of `image/list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageListParams {
    /// The machine, by its name in the settings; all without it.
    pub machine: Option<String>,
}

/// Result of `image/list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageListResult {
    /// All images that have a name, machine by machine.
    pub images: Vec<Image>,
    /// Machines that could not be asked, while others could.
    pub silent: Vec<SilentMachine>,
}

/// A machine that could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SilentMachine {
    /// Its name in the settings.
    pub machine: String,
    /// Why.
    pub reason: String,
    /// What would mend that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// What tells its contents from all others.
    pub id: String,
    /// Its names with tags; each of them, and its id, can be `image` of `session/create`.
    pub tags: Vec<String>,
    /// Its size on the machine's disk.
    pub bytes: u64,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// The engines whose sessions run in it when they name no other image.
    pub engines: Vec<String>,
    /// The machine that it is on.
    pub machine: String,
}

/// Parameters of `image/pull`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImagePullParams {
    /// Its name, with its registry where that is not Docker's own; `latest` without a tag.
    pub image: String,
    /// The machine, by its name in the settings; all without it, one after the other.
    pub machine: Option<String>,
    /// Reports progress under this token, with a percentage.
    pub work_done_token: Option<ProgressToken>,
}

/// Parameters of `image/build`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageBuildParams {
    /// The engine that it is for. Its Dockerfile comes along with the daemon.
    pub engine: String,
    /// An image that has the engine already, to be built upon; else the engine's official one.
    pub base: Option<String>,
    /// Its name; else the one that sessions of this engine look for.
    pub tag: Option<String>,
    /// The machine, by its name in the settings; all without it, one after the other.
    pub machine: Option<String>,
    /// Reports progress under this token, with a percentage.
    pub work_done_token: Option<ProgressToken>,
}

/// Result of `image/pull` and `image/build`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImagesResult {
    /// The image as it is now, once for each machine.
    pub images: Vec<Image>,
}

/// Parameters of `image/remove`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageRemoveParams {
    /// One of its names, which it loses, and with the last one itself; or its id.
    pub image: String,
    /// Also when something uses it, or when it has other names. A session that runs in it goes on.
    #[serde(default)]
    pub force: bool,
    /// The machine, by its name in the settings; all that have it without it.
    pub machine: Option<String>,
}

/// Result of `image/remove`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageRemoveResult {
    /// The machines that had it.
    pub machines: Vec<String>,
}
