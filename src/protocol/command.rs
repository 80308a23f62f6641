//! Typed commands: one object with a `type`, for what other methods do with files and programs.
//!
//! They take the names that clients of the original system use, in both spellings, and all have one shape of result.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::ProtocolError;
use super::files::yes;
use super::packages::PackageManager;

/// The most commands of one batch.
pub const MAX_COMMANDS: usize = 256;

/// What is to be done. Which fields go with which type is said with [`session/batch`](#sessionbatch).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Command {
    /// What to do.
    #[serde(rename = "type")]
    pub kind: CommandType,
    /// Comes back with the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The file or directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The text that is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// How it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<CommandWriteMode>,
    /// With directories: also those above it that are missing, or all that is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recursive: Option<bool>,
    /// What is copied; also `sourcePath`.
    #[serde(alias = "sourcePath", skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Where it is copied to; also `destinationPath`.
    #[serde(alias = "destinationPath", skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// Whether a copy takes the place of what is there: `true` unless it is said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overwrite: Option<bool>,
    /// The program, and nothing but its name or path; also `commandName`. No shell reads it.
    #[serde(alias = "commandName", skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Its arguments, each one as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// Where it runs.
    #[serde(alias = "working_directory", skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
    /// Variables of its environment beside those of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<BTreeMap<String, String>>,
    /// The language of the code; that of the session when it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Code to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// How many seconds a program may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
    /// How many mebibytes of memory it may have.
    #[serde(alias = "memory_limit", skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<u32>,
    /// How many processors it may have.
    #[serde(alias = "cpu_limit", skip_serializing_if = "Option::is_none")]
    pub cpu_limit: Option<f64>,
    /// Whether it is to reach the network. The session's `network` decides that for all its programs: what does not agree with it is refused.
    #[serde(alias = "network_enabled", skip_serializing_if = "Option::is_none")]
    pub network_enabled: Option<bool>,
    /// Packages that are installed; before the code runs, where there is some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packages: Option<Vec<String>>,
    /// A file of the workspace that names packages.
    #[serde(alias = "requirements_file", skip_serializing_if = "Option::is_none")]
    pub requirements_file: Option<String>,
    /// Who installs them: that of the language where it is left out; also `packageManager`.
    #[serde(alias = "packageManager", alias = "package_manager", skip_serializing_if = "Option::is_none")]
    pub manager: Option<PackageManager>,
    /// Packages are a session's, so `true` is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global: Option<bool>,
    /// Options of the installer, none of which is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<String>>,
    /// The fields of `execute` once more, for clients that put them here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<CommandParams>,
    /// Names that are listed: a glob.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Also list names that start with a dot.
    #[serde(alias = "include_hidden", skip_serializing_if = "Option::is_none")]
    pub include_hidden: Option<bool>,
    /// How many levels are listed; 0 for all.
    #[serde(alias = "max_depth", skip_serializing_if = "Option::is_none")]
    pub max_depth: Option<u32>,
    /// The file that was before.
    #[serde(alias = "original_path", skip_serializing_if = "Option::is_none")]
    pub original_path: Option<String>,
    /// Its text, in place of a file's.
    #[serde(alias = "original_content", skip_serializing_if = "Option::is_none")]
    pub original_content: Option<String>,
    /// The file that is after.
    #[serde(alias = "modified_path", skip_serializing_if = "Option::is_none")]
    pub modified_path: Option<String>,
    /// Its text, in place of a file's.
    #[serde(alias = "modified_content", skip_serializing_if = "Option::is_none")]
    pub modified_content: Option<String>,
    /// How differences are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<CommandDiffFormat>,
    /// How many lines are shown around each.
    #[serde(alias = "context_lines", skip_serializing_if = "Option::is_none")]
    pub context_lines: Option<u32>,
    /// The patch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
    /// The one file that it is for.
    #[serde(alias = "target_path", skip_serializing_if = "Option::is_none")]
    pub target_path: Option<String>,
    /// Say what would be done, and do nothing.
    #[serde(alias = "dry_run", skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
    /// How many leading parts of names are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strip: Option<u32>,
}

/// What is said of code, one level deeper.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CommandParams {
    /// As beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// As beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// As beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packages: Option<Vec<String>>,
    /// As beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
    /// As beside it.
    #[serde(alias = "memory_limit", skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<u32>,
    /// As beside it.
    #[serde(alias = "cpu_limit", skip_serializing_if = "Option::is_none")]
    pub cpu_limit: Option<f64>,
    /// As beside it.
    #[serde(alias = "network_enabled", skip_serializing_if = "Option::is_none")]
    pub network_enabled: Option<bool>,
}

impl Command {
    /// The same with what is in `params` where it belongs.
    ///
    /// # Errors
    /// When something is said in both places.
    pub fn flat(&self) -> Result<Self, ProtocolError> {
        let mut flat = self.clone();
        let Some(params) = flat.params.take() else { return Ok(flat) };
        place(&mut flat.language, params.language, "language")?;
        place(&mut flat.code, params.code, "code")?;
        place(&mut flat.packages, params.packages, "packages")?;
        place(&mut flat.timeout, params.timeout, "timeout")?;
        place(&mut flat.memory_limit, params.memory_limit, "memoryLimit")?;
        place(&mut flat.cpu_limit, params.cpu_limit, "cpuLimit")?;
        place(&mut flat.network_enabled, params.network_enabled, "networkEnabled")?;
        Ok(flat)
    }
}

fn place<T>(outer: &mut Option<T>, inner: Option<T>, field: &str) -> Result<(), ProtocolError> {
    if outer.is_some() && inner.is_some() {
        let message = format!("params.{field}: is there beside `params` as well");
        return Err(ProtocolError::invalid_params(format!("params.{field}"), message));
    }
    *outer = outer.take().or(inner);
    Ok(())
}

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommandType {
    /// Runs code.
    Execute,
    /// Writes a file.
    WriteFile,
    /// Reads a file.
    ReadFile,
    /// Makes a directory; also `create_directory`.
    #[serde(alias = "create_directory")]
    CreateDir,
    /// Copies a file or a directory.
    CopyFile,
    /// Removes a file or a directory.
    DeleteFile,
    /// Lists a directory; also `list_directory`.
    #[serde(alias = "list_directory")]
    ListFiles,
    /// Runs a program; also `execute_shell`.
    #[serde(alias = "execute_shell")]
    Shell,
    /// Compares files or texts.
    Diff,
    /// Applies a patch.
    ApplyPatch,
    /// Installs packages.
    InstallPackages,
}

/// How a command writes a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CommandWriteMode {
    /// Makes it, or takes the place of what is there.
    #[serde(alias = "create")]
    Create,
    /// The same.
    #[serde(alias = "overwrite")]
    Overwrite,
    /// Adds to its end.
    #[serde(alias = "append")]
    Append,
}

/// How a command writes differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CommandDiffFormat {
    /// As `diff -u`.
    #[serde(alias = "unified")]
    Unified,
    /// As `diff -c`.
    #[serde(alias = "context")]
    Context,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommandResult {
    /// The `id` of the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its type, in the first of its spellings.
    #[serde(rename = "type")]
    pub kind: CommandType,
    /// Whether it did what it was to. A program that exits with anything but 0 did not.
    pub success: bool,
    /// What came of it; a program's output also when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ProtocolError>,
    /// How long it took.
    pub duration_ms: u64,
}

/// Parameters of `session/batch`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BatchParams {
    /// In which session.
    pub session_id: String,
    /// What to do, in this order; 256 commands and no more.
    pub commands: Vec<Command>,
    /// Put the files back as they were when a command fails. Goes with commands that run no program.
    #[serde(default)]
    pub atomic: bool,
    /// Leave out what follows a command that fails.
    #[serde(default = "yes")]
    pub stop_on_error: bool,
}

/// Result of `session/batch`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BatchResult {
    /// Whether all commands did what they were to.
    pub success: bool,
    /// What came of those that were tried, in their order.
    pub results: Vec<CommandResult>,
    /// With `atomic`, when a command failed: whether the files are as they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<bool>,
    /// What could not be put back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
}
