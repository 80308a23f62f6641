//! What typed commands are refused for before anything is done, where the settings want that.

use crate::config::ValidationSettings;
use crate::protocol::command::{Command, CommandType};
use crate::protocol::{ErrorKind, ProtocolError};

/// Says no, and why.
type Verdict = Result<(), ProtocolError>;

pub(super) fn check(settings: &ValidationSettings, command: &Command) -> Verdict {
    if !settings.enforce {
        return Ok(());
    }
    match command.kind {
        CommandType::Execute => check_code(settings, command.code.as_deref().unwrap_or_default()),
        CommandType::Shell => check_line(settings, command),
        // Code runs after packages of it alone; names of packages are read where they are installed.
        CommandType::InstallPackages => Ok(()),
        CommandType::WriteFile | CommandType::ReadFile | CommandType::CopyFile | CommandType::Diff => paths(command)
            .try_for_each(|(field, path)| {
                check_path(settings, field, path)?;
                check_extension(settings, field, path)
            }),
        CommandType::CreateDir | CommandType::DeleteFile | CommandType::ListFiles | CommandType::ApplyPatch => {
            paths(command).try_for_each(|(field, path)| check_path(settings, field, path))
        }
    }
}

/// All paths that a command names.
fn paths(command: &Command) -> impl Iterator<Item = (&'static str, &str)> {
    let named = [
        ("path", &command.path),
        ("source", &command.source),
        ("destination", &command.destination),
        ("originalPath", &command.original_path),
        ("modifiedPath", &command.modified_path),
        ("targetPath", &command.target_path),
    ];
    named.into_iter().filter_map(|(field, path)| Some((field, path.as_deref()?)))
}

fn refuse(field: &str, what: &str) -> Verdict {
    let error = ProtocolError::new(ErrorKind::ValidationFailed, format!("{field}: {what}")).at(field);
    Err(error.hint("the daemon's settings refuse this ([validation] in the settings file)"))
}

fn check_code(settings: &ValidationSettings, code: &str) -> Verdict {
    if code.trim().is_empty() {
        return refuse("code", "code cannot be empty");
    }
    if code.chars().nth(settings.code_chars).is_some() {
        return refuse("code", &format!("code exceeds maximum length of {} characters", settings.code_chars));
    }
    match settings.commands.matching(code) {
        Some(pattern) => refuse("code", &format!("code contains blocked pattern: {pattern}")),
        None => Ok(()),
    }
}

fn check_line(settings: &ValidationSettings, command: &Command) -> Verdict {
    if !settings.shell {
        return refuse("command", "shell commands are disabled");
    }
    let program = command.command.as_deref().unwrap_or_default();
    if program.trim().is_empty() {
        return refuse("command", "shell command cannot be empty");
    }
    let args = command.args.iter().flatten().map(String::as_str);
    let line = std::iter::once(program).chain(args).collect::<Vec<_>>().join(" ");
    match settings.commands.matching(&line) {
        Some(pattern) => refuse("command", &format!("shell command contains blocked pattern: {pattern}")),
        None => Ok(()),
    }
}

fn check_path(settings: &ValidationSettings, field: &str, path: &str) -> Verdict {
    if path.is_empty() {
        return refuse(field, "file path cannot be empty");
    }
    match settings.paths.matching(path) {
        Some(pattern) => refuse(field, &format!("file path matches blocked pattern: {pattern}")),
        None => Ok(()),
    }
}

/// A name without an extension is any file's.
fn check_extension(settings: &ValidationSettings, field: &str, path: &str) -> Verdict {
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some(at) = name.rfind('.').filter(|at| *at > 0) else { return Ok(()) };
    let extension = name[at..].to_lowercase();
    if settings.extensions.is_empty() || settings.extensions.contains(&extension) {
        return Ok(());
    }
    refuse(field, &format!("file extension '{extension}' is not allowed"))
}
