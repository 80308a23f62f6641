//! Packages of a session.

use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ProgressToken;
use super::execution::Ending;

/// Who installs packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PackageManager {
    /// Packages of Python, for an interpreter of the session's own, which its executions use from then on.
    Pip,
    /// Packages of Node, in `node_modules` of the workspace.
    Npm,
    /// Packages of Ruby, in a directory of the session's own, where its executions look for them from then on.
    Gem,
}

/// Parameters of `package/install`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PackageInstallParams {
    /// Which session.
    pub session_id: String,
    /// Who installs.
    pub manager: PackageManager,
    /// Packages by their names in the registry, with extras and versions as the manager writes them. With `npm`, none means those of `package.json`, with `gem` those of the `Gemfile`.
    #[serde(default)]
    pub packages: Vec<String>,
    /// With `pip`: a file of requirements in the workspace. Names, versions, markers and hashes are read, options refused.
    pub requirements: Option<String>,
    /// Exactly what is pinned: with `pip`, requirements that all have hashes; with `npm`, `package-lock.json`, with `gem`, `Gemfile.lock`.
    #[serde(default)]
    pub locked: bool,
    /// Packages may run programs of their own for it: scripts of npm's, builds from source of pip's, extensions and plug-ins of gem's.
    #[serde(default)]
    pub scripts: bool,
    /// How long it may take. 600000 when absent.
    pub timeout_ms: Option<NonZeroU64>,
    /// Reports progress under this token.
    pub work_done_token: Option<ProgressToken>,
}

/// Result of `package/install`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PackageInstallResult {
    /// The execution that installed.
    pub execution_id: String,
    /// How it ended.
    #[serde(flatten)]
    pub ending: Ending,
    /// What is there now.
    pub packages: Vec<Package>,
}

/// A package that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Names the packages of a session; parameters of `package/list`, `package/lock` and `package/audit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PackagesRef {
    /// Which session.
    pub session_id: String,
    /// Whose packages.
    pub manager: PackageManager,
}

/// Result of `package/list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PackageListResult {
    /// The packages: of `npm`, those that the workspace asks for itself.
    pub packages: Vec<Package>,
}

/// Result of `package/lock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PackageLockResult {
    /// What such a file is called.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// Result of `package/audit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PackageAuditResult {
    /// Whether the registry was asked for advisories, and answered.
    pub available: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is known against the packages.
    pub advisories: Vec<Advisory>,
    /// What doesn't go together, in the manager's words.
    pub conflicts: Vec<String>,
    /// What was looked at.
    pub packages: Vec<Package>,
}

/// Something known against a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Advisory {
    /// Of which package.
    pub package: String,
    /// How bad, in the registry's words.
    pub severity: String,
    /// What it is.
    pub title: String,
    /// Where it is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}
