//! Typed commands: each is done by the methods that there are for it, and answered in one shape.

mod installing;
mod listing;
mod undo;
mod validation;

use std::time::Instant;

use serde_json::{Map, Value, json};

use self::undo::Undo;
use super::session::find;
use crate::network::Mode;
use crate::protocol::command::{
    BatchParams, BatchResult, Command, CommandDiffFormat, CommandResult, CommandType, CommandWriteMode, MAX_COMMANDS,
};
use crate::protocol::{ErrorKind, ProtocolError};
use crate::server::connection::Connection;
use crate::server::router::dispatch;

/// The most bytes of each stream that come with a result.
const MAX_OUTPUT_BYTES: u64 = 1 << 20;

/// What comes with any command.
const COMMON: &[&str] = &["type", "id"];

pub(in crate::server) async fn batch(
    connection: &Connection,
    params: BatchParams,
) -> Result<BatchResult, ProtocolError> {
    find(connection, &params.session_id).await?;
    let BatchParams { session_id, commands, atomic, stop_on_error } = params;
    if commands.len() > MAX_COMMANDS {
        let message = format!("commands: no more than {MAX_COMMANDS} at a time");
        return Err(ProtocolError::new(ErrorKind::ValidationFailed, message).at("commands"));
    }
    for (number, command) in commands.iter().enumerate().filter(|_| atomic) {
        if matches!(command.kind, CommandType::Execute | CommandType::Shell | CommandType::InstallPackages) {
            let message = format!("commands[{number}]: what a program does can't be put back");
            let error = ProtocolError::new(ErrorKind::ValidationFailed, message).at(format!("commands[{number}]"));
            return Err(error.hint("run it in a batch that is not `atomic`"));
        }
    }
    let asking = Asking { connection, session: &session_id };
    let mut undo = Undo::default();
    let mut batch = BatchResult { success: true, results: Vec::new(), rolled_back: None, left: Vec::new() };
    for command in &commands {
        let result = asking.run(command, atomic.then_some(&mut undo)).await;
        let failed = !result.success;
        batch.results.push(result);
        if failed {
            batch.success = false;
            if atomic || stop_on_error {
                break;
            }
        }
    }
    if atomic && !batch.success {
        batch.left = undo.roll_back(&asking).await;
        batch.rolled_back = Some(batch.left.is_empty());
    }
    Ok(batch)
}

/// Does one command.
pub(super) async fn run(connection: &Connection, session: &str, command: &Command) -> CommandResult {
    Asking { connection, session }.run(command, None).await
}

/// Whom it is asked of.
struct Asking<'a> {
    connection: &'a Connection,
    session: &'a str,
}

impl Asking<'_> {
    async fn run(&self, command: &Command, undo: Option<&mut Undo>) -> CommandResult {
        let began = Instant::now();
        let done = async {
            let command = &command.flat()?;
            check_fields(command)?;
            validation::check(&self.connection.daemon().sessions.settings().validation, command)?;
            if let Some(undo) = undo {
                undo.note(self, command).await?;
            }
            self.perform(command).await
        };
        let (success, result, error) = match done.await {
            Ok((success, result)) => (success, Some(result), None),
            Err(error) => (false, None, Some(error)),
        };
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        CommandResult { id: command.id.clone(), kind: command.kind, success, result, error, duration_ms }
    }

    async fn ask(&self, method: &str, mut params: Value) -> Result<Value, ProtocolError> {
        params["sessionId"] = self.session.into();
        dispatch(self.connection, method, params).await
    }

    /// What came of it, and whether it did what it was to.
    async fn perform(&self, command: &Command) -> Result<(bool, Value), ProtocolError> {
        let path = || needed(command.path.as_deref(), "path");
        let result = match command.kind {
            CommandType::Execute => {
                let source = json!({"code": needed(command.code.as_deref(), "code")?, "language": command.language});
                self.check_network(command).await?;
                if command.packages.as_ref().is_some_and(|packages| !packages.is_empty()) {
                    self.install(command).await?;
                }
                return self.program(command, source).await;
            }
            CommandType::Shell => {
                let program = program(command)?;
                self.check_network(command).await?;
                let (args, environment) = (command.args.clone().unwrap_or_default(), &command.environment);
                let environment = environment.clone().unwrap_or_default();
                let source =
                    json!({"program": program, "args": args, "env": environment, "cwd": command.working_directory});
                return self.program(command, source).await;
            }
            CommandType::WriteFile => {
                let mode = match command.mode {
                    Some(CommandWriteMode::Append) => "append",
                    Some(CommandWriteMode::Create | CommandWriteMode::Overwrite) | None => "replace",
                };
                let content = needed(command.content.as_deref(), "content")?;
                let written = self.ask("fs/write", json!({"path": path()?, "data": content, "mode": mode})).await?;
                json!({"path": written["path"], "bytes": written["bytes"]})
            }
            CommandType::ReadFile => {
                let read = self.ask("fs/read", json!({"path": path()?, "encoding": "auto"})).await?;
                json!({"path": read["path"], "content": read["data"], "encoding": read["encoding"], "bytes": read["bytes"]})
            }
            CommandType::CreateDir => {
                let parents = command.recursive.unwrap_or(true);
                let made = self.ask("fs/mkdir", json!({"path": path()?, "parents": parents})).await?;
                json!({"path": made["path"], "created": made["created"]})
            }
            CommandType::CopyFile => {
                let source = needed(command.source.as_deref(), "source")?;
                let destination = needed(command.destination.as_deref(), "destination")?;
                let overwrite = command.overwrite.unwrap_or(true);
                let order = json!({"from": source, "to": destination, "overwrite": overwrite, "createParents": true});
                self.ask("fs/copy", order).await?;
                json!({"source": source, "destination": destination})
            }
            CommandType::DeleteFile => {
                let recursive = command.recursive.unwrap_or(false);
                let removed = self.ask("fs/remove", json!({"path": path()?, "recursive": recursive})).await?;
                json!({"path": path()?, "removed": removed["removed"]})
            }
            CommandType::InstallPackages => {
                let mut installed = self.install(command).await?;
                let mut result = self.printed(&installed).await?;
                result.insert("packages".to_owned(), installed["packages"].take());
                result.into()
            }
            CommandType::ListFiles => self.list(command).await?,
            CommandType::Diff => self.ask("fs/diff", difference(command)).await?,
            CommandType::ApplyPatch => {
                let patched = self.ask("fs/patch", patch(command, command.dry_run.unwrap_or(false))?).await?;
                let files = patched["files"].as_array().map(Vec::as_slice).unwrap_or_default();
                let hunks: usize = files.iter().filter_map(|file| file["hunks"].as_array()).map(Vec::len).sum();
                json!({"filesPatched": files.len(), "hunksApplied": hunks, "dryRun": patched["dryRun"], "files": files})
            }
        };
        Ok((true, result))
    }

    /// Runs a program to its end. What it printed comes with the result, however it ended.
    async fn program(&self, command: &Command, source: Value) -> Result<(bool, Value), ProtocolError> {
        let mut order = json!({"source": source, "limits": {"cpu": command.cpu_limit}});
        if let Some(seconds) = command.timeout {
            order["timeoutMs"] = (u64::from(seconds) * 1000).into();
        }
        if let Some(mebibytes) = command.memory_limit {
            order["limits"]["memoryBytes"] = (u64::from(mebibytes) << 20).into();
        }
        let ended = self.ask("session/execute", order).await?;
        Ok((ended["outcome"] == "ok", self.printed(&ended).await?.into()))
    }

    /// How an execution ended, and what it printed.
    async fn printed(&self, ended: &Value) -> Result<Map<String, Value>, ProtocolError> {
        let mut result = Map::new();
        for stream in ["stdout", "stderr"] {
            let read = json!({"executionId": ended["executionId"], "stream": stream, "maxBytes": MAX_OUTPUT_BYTES});
            // By the execution alone.
            let mut read = dispatch(self.connection, "execution/read", read).await?;
            result.insert(stream.to_owned(), read["data"].take());
            if read["encoding"] != "utf8" {
                result.insert(format!("{stream}Encoding"), read["encoding"].take());
            }
            if read["lostBytes"] != 0 || read["eof"] != true || ended[stream]["truncated"] == true {
                result.insert(format!("{stream}Truncated"), true.into());
            }
        }
        for field in ["executionId", "outcome", "exitCode", "signal"] {
            if let Some(value) = ended.get(field) {
                result.insert(field.to_owned(), value.clone());
            }
        }
        Ok(result)
    }

    /// Refuses a program that is to have a network where the session has none, or none where it has one: that is one
    /// and the same for all its programs, and nothing that was asked for is passed over.
    async fn check_network(&self, command: &Command) -> Result<(), ProtocolError> {
        let Some(enabled) = command.network_enabled else { return Ok(()) };
        let session = find(self.connection, self.session).await?;
        let refuse =
            |kind, what: &str| ProtocolError::new(kind, format!("networkEnabled: {what}")).at("networkEnabled");
        match (enabled, session.network.policy().mode != Mode::None) {
            (true, false) => Err(refuse(ErrorKind::NetworkDenied, "programs of this session reach nothing outside")
                .hint("say what they may reach, with `net/policy/set` or in `network` of `session/create`")),
            (false, true) => Err(refuse(ErrorKind::ValidationFailed, "programs of this session have a network")
                .hint("run it in another session, or take it from this one with `net/policy/set`")),
            _ => Ok(()),
        }
    }

    async fn list(&self, command: &Command) -> Result<Value, ProtocolError> {
        let top = command.path.as_deref().unwrap_or(".");
        let depth = match (command.recursive.unwrap_or(true), command.max_depth.unwrap_or(0)) {
            (false, _) => Some(1),
            (true, 0) => None,
            (true, depth) => Some(depth),
        };
        let hidden = command.include_hidden.unwrap_or(false);
        let listed = match &command.pattern {
            None => {
                let order = json!({"path": top, "recursive": depth.is_none(), "depth": depth, "hidden": hidden, "limit": listing::LIMIT});
                self.ask("fs/list", order).await?
            }
            Some(pattern) => {
                let anywhere = format!("**/{pattern}");
                let patterns = if pattern.contains('/') { [pattern.clone()] } else { [anywhere] };
                let order = json!({"path": top, "patterns": patterns, "hidden": hidden, "limit": listing::LIMIT});
                self.ask("fs/glob", order).await?
            }
        };
        Ok(listing::tree(top, &listed, depth))
    }
}

/// The fields that go with each type.
fn fields(kind: CommandType) -> &'static [&'static str] {
    match kind {
        CommandType::Execute => {
            &["language", "code", "packages", "timeout", "memoryLimit", "cpuLimit", "networkEnabled"]
        }
        CommandType::InstallPackages => {
            &["packages", "requirementsFile", "language", "manager", "global", "flags", "timeout"]
        }
        CommandType::WriteFile => &["path", "content", "mode"],
        CommandType::ReadFile => &["path"],
        CommandType::CreateDir | CommandType::DeleteFile => &["path", "recursive"],
        CommandType::CopyFile => &["source", "destination", "overwrite"],
        CommandType::ListFiles => &["path", "recursive", "pattern", "includeHidden", "maxDepth"],
        CommandType::Shell => &[
            "command",
            "args",
            "workingDirectory",
            "environment",
            "timeout",
            "memoryLimit",
            "cpuLimit",
            "networkEnabled",
        ],
        CommandType::Diff => {
            &["originalPath", "originalContent", "modifiedPath", "modifiedContent", "format", "contextLines"]
        }
        CommandType::ApplyPatch => &["patch", "targetPath", "dryRun", "strip"],
    }
}

/// Refuses what does not go with the type.
fn check_fields(command: &Command) -> Result<(), ProtocolError> {
    let given = serde_json::to_value(command).unwrap_or_default();
    let known = fields(command.kind);
    for field in given.as_object().into_iter().flat_map(Map::keys) {
        if !COMMON.contains(&field.as_str()) && !known.contains(&field.as_str()) {
            let message = format!("{field}: does not go with this type of command");
            let hint = format!("the fields here are {}", known.join(", "));
            return Err(ProtocolError::invalid_params(field, message).hint(hint));
        }
    }
    Ok(())
}

fn needed<'a>(value: Option<&'a str>, field: &str) -> Result<&'a str, ProtocolError> {
    value.ok_or_else(|| ProtocolError::invalid_params(field, format!("{field}: missing")))
}

/// The program of a command, which is never a line for a shell.
fn program(command: &Command) -> Result<&str, ProtocolError> {
    let program = needed(command.command.as_deref(), "command")?;
    let is_a_line = command.args.is_none() && program.contains(|c: char| c.is_whitespace() || "|&;<>()$`".contains(c));
    if !is_a_line {
        return Ok(program);
    }
    let error = ProtocolError::invalid_params("command", "command: is the name of a program, and no shell reads it");
    Err(error.hint(
        "put its arguments into `args`; to have a shell, run one: `{\"command\": \"sh\", \"args\": [\"-c\", …]}`",
    ))
}

fn difference(command: &Command) -> Value {
    let side = |path: &Option<String>, data: &Option<String>| match (path, data) {
        (None, None) => Value::Null,
        (path, data) => json!({"path": path, "data": data}),
    };
    let format = match command.format {
        Some(CommandDiffFormat::Context) => "context",
        Some(CommandDiffFormat::Unified) | None => "unified",
    };
    json!({
        "original": side(&command.original_path, &command.original_content),
        "modified": side(&command.modified_path, &command.modified_content),
        "format": format, "contextLines": command.context_lines.unwrap_or(3), "prefixes": false,
    })
}

fn patch(command: &Command, dry_run: bool) -> Result<Value, ProtocolError> {
    let patch = needed(command.patch.as_deref(), "patch")?;
    Ok(json!({"patch": patch, "path": command.target_path, "strip": command.strip, "dryRun": dry_run}))
}
